--! id = "adac-keyvault-management"
--! aliases = ["R22"]
--! title = "Access connector manages a Key Vault or changes what is in it"
--! severity = "high"
--! direction = "data-doing-infra"
--! status = "stable"
--! profile = "core"
--! sources = []
--! any_sources = ["activity", "keyvault"]
--! attack = ["T1555.006", "T1098"]
--! group_by = ["principal_id", "target_name"]
--! details = ["operation", "op_class", "container", "object_path", "src_ip"]
--! created = 2026-11-24
--! updated = 2026-11-24
--! references = ["https://learn.microsoft.com/azure/key-vault/general/logging", "https://learn.microsoft.com/azure/key-vault/general/rbac-guide"]

-- ## What it finds
-- The identity of an access connector creates, changes, deletes or purges a vault or its access
-- policies, or writes a secret by Azure Resource Manager: high. That it writes or deletes secrets,
-- keys or certificates in the vault itself is medium. A failed attempt is found one severity lower.
-- The Activity Log and the vault's own log both tell of a change to a vault; it is one finding.
--
-- ## Why it matters
-- A connector reads secrets. Who can change the vault can let himself in, and who can write secrets
-- can have others use his own.
--
-- ## What it cannot see
-- Writes in a vault without an audit diagnostic setting. What was written.
--
-- ## False positives
-- Databricks features that keep secrets in a vault with the connector's identity: list the vault as
-- expected for the writing operations. A user-assigned identity that a deployment pipeline uses too:
-- do not share it.
--
-- ## What to do
-- Take Key Vault Contributor, Administrator or Officer away; Key Vault Secrets User is enough to read.
-- Look at the vault's access policies and at the versions of the secrets named in the evidence.

SELECT *,
  CASE
    WHEN plane = 'management' THEN CASE WHEN outcome = 'success' THEN 'high' ELSE 'medium' END
    ELSE CASE WHEN outcome = 'success' THEN 'medium' ELSE 'low' END
  END AS severity
FROM adac
WHERE source IN ('activity', 'keyvault')
  AND phase = 'terminal'
  AND outcome <> 'unknown'
  AND activity NOT IN ('read', 'list')
  AND op_class IN ('vault_admin', 'vault_manage', 'secret_write', 'key_write', 'cert_write')
