--! id = "adac-keys-or-sas-listed"
--! aliases = ["R18"]
--! title = "Access connector obtains account keys or a SAS"
--! severity = "high"
--! direction = "data-doing-infra"
--! status = "stable"
--! profile = "core"
--! sources = ["activity"]
--! attack = ["T1552", "T1555.006"]
--! group_by = ["principal_id", "target_id"]
--! details = ["operation", "target_type", "src_ip"]
--! created = 2026-11-24
--! updated = 2026-11-24
--! references = ["https://learn.microsoft.com/azure/databricks/connect/unity-catalog/cloud-storage/manage-external-locations"]

-- ## What it finds
-- The identity of an access connector lists or regenerates account keys, or has Azure Resource
-- Manager create a SAS. A refused attempt is found one severity lower.
--
-- ## Why it matters
-- Unity Catalog never needs a key: it works with delegation keys, which stay within the connector's
-- own rights and end after a week at most. The recipe for file events grants Storage Account
-- Contributor, which can list keys; that is how it becomes possible.
--
-- ## What it cannot see
-- What was done with the key: such access is unattributed.
--
-- ## False positives
-- None known.
--
-- ## What to do
-- Rotate the keys. Where file events are not in use, take Storage Account Contributor away; where
-- they are, turn shared key access of the account off.

SELECT *,
  CASE WHEN outcome = 'success' THEN 'high' ELSE 'medium' END AS severity
FROM adac
WHERE source = 'activity'
  AND phase = 'terminal'
  AND outcome <> 'unknown'
  AND op_class IN ('key_listing', 'sas_listing')
