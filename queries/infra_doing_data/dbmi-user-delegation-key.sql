--! id = "dbmi-user-delegation-key"
--! aliases = ["R10"]
--! title = "Workspace identity signs shared access signatures"
--! severity = "high"
--! direction = "infra-doing-data"
--! status = "stable"
--! profile = "core"
--! any_sources = ["storage", "activity"]
--! attack = ["T1550.001", "T1530"]
--! group_by = ["principal_id", "target_id"]
--! details = ["operation", "principal_via", "requester_id", "container", "object_path", "src_ip", "user_agent"]
--! created = 2026-11-24
--! updated = 2026-11-24
--! references = ["https://learn.microsoft.com/rest/api/storageservices/create-user-delegation-sas", "https://learn.microsoft.com/rest/api/storageservices/get-user-delegation-key"]

-- ## What it finds
-- A workspace identity gets a user delegation key of a storage account, or a shared access signature
-- is used that was signed with such a key: its `skoid` names the identity. A failed attempt is found
-- one severity lower.
--
-- ## Why it matters
-- Handing out signatures for data is what Unity Catalog does, with access connectors. A key that a
-- workspace identity got is good for a week, for anybody and from anywhere, also after the cluster
-- is gone.
--
-- ## What it cannot see
-- Whom a signature was given to before it is used. Signatures made with an account key: they name
-- no identity. The workspace's own DBFS root, which is left out.
--
-- ## False positives
-- Libraries that sign links for downloads with the machine's identity. List the account as
-- expected, with an end.
--
-- ## What to do
-- Revoke the account's user delegation keys, then remove the role that let the identity get them.
-- The addresses and user agents of the uses tell where the signatures went.

SELECT *,
  CASE WHEN outcome = 'success' THEN 'high' ELSE 'medium' END AS severity
FROM dbmi
WHERE phase = 'terminal'
  AND outcome <> 'unknown'
  AND (op_class = 'delegation' OR principal_via = 'sas_skoid')
  -- Its own DBFS root is its own; where its workspace or the account's resource is not known, no
  -- DBFS root can be held against it.
  AND NOT (is_dbfs_root AND (own_scope OR workspace_rid IS NULL OR target_id IS NULL))
  -- Where no workspace is known, the account's name and its group tell.
  AND NOT (own_scope AND coalesce(target_name, '') LIKE 'dbstorage%')
