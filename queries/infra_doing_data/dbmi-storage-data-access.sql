--! id = "dbmi-storage-data-access"
--! aliases = ["R01"]
--! title = "Workspace identity reads or writes data in storage"
--! severity = "high"
--! direction = "infra-doing-data"
--! status = "stable"
--! profile = "core"
--! sources = ["storage"]
--! attack = ["T1530", "T1078.004"]
--! group_by = ["principal_id", "target_id"]
--! details = ["op_class", "container", "object_path", "src_ip", "user_agent"]
--! created = 2026-11-24
--! updated = 2026-11-24
--! references = ["https://learn.microsoft.com/azure/databricks/connect/unity-catalog/cloud-storage/azure-managed-identities"]

-- ## What it finds
-- An identity that Databricks made for a workspace's own machinery reads, lists, writes or deletes
-- blobs, files, queue messages or table rows in a storage account other than that workspace's own
-- DBFS root. An attempt that failed is found one severity lower.
--
-- ## Why it matters
-- Code on a cluster can ask the machine's metadata endpoint for a token of `dbmanagedidentity`.
-- Access that runs through it passes by Unity Catalog: no grant, no lineage, no name of a user.
-- Data belongs to the access connector.
--
-- ## What it cannot see
-- Reads with account keys or with a service or account SAS name no principal. Accounts without
-- diagnostic settings for their blob, file, queue or table service write no records.
--
-- ## False positives
-- Teams that gave `dbmanagedidentity` a data role on purpose, following community advice; an agent
-- on cluster machines that ships logs into a shared account. List them as expected, with an end.
--
-- ## What to do
-- Find the role assignment that let it in (`role_assignment_id` of the evidence) and remove it. Move
-- the work to an external location behind an access connector. Ask who ran code on the cluster then.

SELECT *,
  CASE WHEN outcome = 'success' THEN 'high' ELSE 'medium' END AS severity
FROM dbmi
WHERE source = 'storage'
  AND outcome <> 'unknown'
  AND op_class IN (
    'blob_read', 'blob_list', 'blob_write', 'blob_delete', 'container_admin', 'acl_change',
    'queue_read', 'queue_write', 'table_read', 'table_write'
  )
  -- Its own DBFS root is its own; where its workspace or the account's resource is not known, no
  -- DBFS root can be held against it.
  AND NOT (is_dbfs_root AND (own_scope OR workspace_rid IS NULL OR target_id IS NULL))
  -- Where no workspace is known, the account's name and its group tell.
  AND NOT (own_scope AND coalesce(target_name, '') LIKE 'dbstorage%')
