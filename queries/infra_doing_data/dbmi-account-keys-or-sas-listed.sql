--! id = "dbmi-account-keys-or-sas-listed"
--! aliases = ["R09", "R11", "dbmi-service-keys-listed"]
--! title = "Workspace identity obtains keys or a SAS of a data service"
--! severity = "high"
--! direction = "infra-doing-data"
--! status = "stable"
--! profile = "core"
--! sources = ["activity"]
--! attack = ["T1552", "T1555.006"]
--! group_by = ["principal_id", "target_id"]
--! details = ["operation", "target_type", "src_ip"]
--! created = 2026-11-24
--! updated = 2026-11-24
--! references = ["https://learn.microsoft.com/azure/storage/common/storage-account-keys-manage"]

-- ## What it finds
-- A workspace identity lists or regenerates the keys of a storage account, database, event namespace,
-- registry or other service, has Azure Resource Manager create a SAS, or gets a download link for a
-- disk. A refused attempt is found one severity lower.
--
-- ## Why it matters
-- A key opens everything in the account, for anybody who holds it, without a name in any later log.
-- It is data access by way of the management plane.
--
-- ## What it cannot see
-- What was done with the key: such access is unattributed.
--
-- ## False positives
-- Databricks' own application reads the keys of the DBFS root that it made, and reads disks of the
-- managed resource group: both are left out. In a subscription of which no workspace is known, an
-- account is taken for a DBFS root by the name that Databricks gives these, `dbstorage…`. For every
-- other identity there is no reason.
--
-- ## What to do
-- Rotate the keys. Take the role that allowed it away (Contributor and Storage Account Contributor
-- both list keys). Turn shared key access of the account off where nothing needs it.

WITH listings AS (
  SELECT *,
    CASE WHEN outcome = 'success' THEN 'high' ELSE 'medium' END AS severity
  FROM dbmi
  WHERE source = 'activity'
    AND phase = 'terminal'
    AND outcome <> 'unknown'
    AND op_class IN ('key_listing', 'sas_listing')
    AND NOT (
      identity_kind = 'first_party'
      AND (is_dbfs_root OR (in_managed_rg AND operation LIKE 'microsoft.compute/%/begingetaccess/action'))
    )
),
known AS (
  SELECT DISTINCT split_part(rid, '/', 3) AS subscription
  FROM workspaces
)
SELECT l.*
FROM listings AS l
LEFT JOIN known AS k ON l.subscription_id = k.subscription
WHERE NOT (
  l.identity_kind = 'first_party'
  AND k.subscription IS NULL
  AND coalesce(l.target_type, '') = 'microsoft.storage/storageaccounts'
  AND coalesce(l.target_name, '') LIKE 'dbstorage%'
)
