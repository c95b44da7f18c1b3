--! id = "dbmi-cmk-identity-misuse"
--! aliases = ["R05"]
--! title = "Encryption identity does something other than using its key"
--! severity = "high"
--! direction = "infra-doing-data"
--! status = "stable"
--! profile = "core"
--! any_sources = ["keyvault", "storage", "signin", "activity", "sql"]
--! attack = ["T1078.004"]
--! group_by = ["principal_id", "target_id"]
--! details = ["source", "operation", "object_path", "audience_kind", "src_ip"]
--! created = 2026-11-24
--! updated = 2026-11-24
--! references = ["https://learn.microsoft.com/azure/databricks/security/keys/customer-managed-keys"]

-- ## What it finds
-- The identity of a workspace's storage account or disk encryption set, which exists to wrap and
-- unwrap one key, does anything else: reads a secret, touches storage, manages a resource, or asks
-- for a token for another service than Key Vault. A failed attempt is found one severity lower.
--
-- ## Why it matters
-- Nobody works with these identities. Whoever acts as one has got hold of a resource that they
-- belong to, and relies on nobody watching them.
--
-- ## What it cannot see
-- Which workspace an encryption identity serves is known from the workspace export only. Without
-- it, they look like any other managed identity.
--
-- ## False positives
-- None known.
--
-- ## What to do
-- Treat it as a compromise of the storage account or encryption set. Take away every role of the
-- identity but the one on its key.

SELECT *,
  CASE WHEN outcome = 'success' THEN 'high' ELSE 'medium' END AS severity
FROM dbmi
WHERE identity_kind IN ('storage_cmk', 'disk_cmk')
  AND phase = 'terminal'
  AND outcome <> 'unknown'
  AND NOT (
    source = 'keyvault'
    AND operation IN ('keyget', 'keywrap', 'keyunwrap', 'keyrecover', 'authentication')
  )
  -- A sign-in that does not name its service may have been for Key Vault.
  AND NOT (source = 'signin' AND audience_kind IN ('keyvault', 'none'))
