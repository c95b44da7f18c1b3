--! id = "shared-key-or-account-sas-on-governed-storage"
--! aliases = ["R54"]
--! title = "Governed storage is reached with an account key or a SAS made from one"
--! severity = "high"
--! direction = "governance"
--! status = "stable"
--! profile = "core"
--! sources = ["storage"]
--! needs = ["governed"]
--! attack = ["T1552", "T1530"]
--! group_by = ["target_name", "auth_type"]
--! details = ["op_class", "container", "object_path", "src_ip", "user_agent", "token_hash"]
--! created = 2026-11-24
--! updated = 2026-11-24
--! references = ["https://learn.microsoft.com/azure/storage/common/shared-key-authorization-prevent", "https://learn.microsoft.com/azure/storage/common/storage-sas-overview"]

-- ## What it finds
-- Requests to a storage account with external locations that are signed with an account key, or with a
-- shared access signature made from one. High in a container that an external location names, medium
-- elsewhere in the account; one severity lower for a failed attempt, and where the record does not say
-- what signed the signature.
--
-- ## Why it matters
-- A key opens the whole account and belongs to nobody: no role, no grant and no name stand behind the
-- access, and rules about identities cannot see it. Unity Catalog hands out signatures of a
-- connector's own delegation key, which name the connector; those are not found here.
--
-- ## What it cannot see
-- Who held the key; the listing of keys by Azure Resource Manager may say. Which kind of signature it
-- was (account, service, stored policy). Accounts that no external location names.
--
-- ## False positives
-- Left out are a workspace's own DBFS root, which works with keys, and what Azure Monitor and Functions
-- keep in containers of their own (`$logs`, `insights-logs-…`, `insights-metrics-…`, `azure-webjobs-…`),
-- unless an external location names one of these. Ingestion that writes with a signature: give it an identity.
--
-- ## What to do
-- Find the client by address and user agent. Move it to an identity, then forbid shared key access on the
-- account; rotating the keys (`key1`, `key2` of `token_hash`) ends what is in use at once.

WITH governed_containers AS (
  SELECT DISTINCT account, container
  FROM governed
),
governed_accounts AS (
  SELECT DISTINCT account
  FROM governed
),
uses AS (
  SELECT u.*,
    c.container IS NOT NULL AS is_governed_container,
    u.outcome = 'success' AS is_done,
    -- A signature made from an account key has the key's name first; a delegation key has another word.
    u.auth_type = 'accountkey' OR coalesce(lower(u.token_hash), '') LIKE 'key%' AS is_by_key
  FROM unattributed AS u
  JOIN governed_accounts AS a ON u.target_name = a.account
  LEFT JOIN governed_containers AS c ON u.target_name = c.account AND lower(u.container) = c.container
  WHERE u.source = 'storage'
    AND u.auth_type IN ('accountkey', 'sas')
    AND u.outcome <> 'unknown'
    AND u.op_class <> 'storage_probe'
    AND NOT u.is_dbfs_root
    AND coalesce(lower(u.token_hash), '') NOT LIKE '%delegation%'
)
SELECT *,
  CASE
    WHEN is_governed_container THEN
      CASE WHEN is_done AND is_by_key THEN 'high' WHEN is_done OR is_by_key THEN 'medium' ELSE 'low' END
    ELSE CASE WHEN is_done AND is_by_key THEN 'medium' WHEN is_done OR is_by_key THEN 'low' ELSE 'informational' END
  END AS severity
FROM uses
WHERE is_governed_container
  OR NOT regexp_like(coalesce(container, ''), '^(\$logs$|\$metrics|insights-logs-|insights-metrics-|azure-webjobs-)', 'i')
