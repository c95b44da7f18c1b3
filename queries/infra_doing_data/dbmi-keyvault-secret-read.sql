--! id = "dbmi-keyvault-secret-read"
--! aliases = ["R03"]
--! title = "Workspace identity reads or writes a Key Vault secret"
--! severity = "high"
--! direction = "infra-doing-data"
--! status = "stable"
--! profile = "core"
--! any_sources = ["keyvault", "activity"]
--! attack = ["T1555.006", "T1552.005"]
--! group_by = ["principal_id", "target_id"]
--! details = ["operation", "container", "object_path", "az_rid", "src_ip"]
--! created = 2026-11-24
--! updated = 2026-11-24
--! references = ["https://learn.microsoft.com/azure/databricks/security/secrets/"]

-- ## What it finds
-- The user-assigned identity of a managed resource group, or one of a workspace's encryption
-- identities, reads, lists or writes secrets or certificates of a vault, or reads a secret by way of
-- Azure Resource Manager. An attempt that was refused is found one severity lower.
--
-- ## Why it matters
-- Secret scopes that are backed by a vault are read by Databricks' own application, never by
-- these identities. When one of them reads a secret, code on a cluster borrowed it.
--
-- ## What it cannot see
-- Vaults without an audit diagnostic setting, but for what went by way of Azure Resource Manager.
-- Reads by Databricks' own application, which is one principal for all workspaces of a tenant.
--
-- ## False positives
-- Init scripts that fetch a monitoring agent's key with the machine's identity. List the vault as
-- expected, with an end, and move the secret into a secret scope.
--
-- ## What to do
-- Change the secrets named in the evidence. Take the identity's role or access policy on the vault
-- away. `az_rid` names the machine that asked for the token, where the record has it.

SELECT *,
  CASE WHEN outcome = 'success' THEN 'high' ELSE 'medium' END AS severity
FROM dbmi
-- Of Azure Resource Manager's operations reads alone: a write is dbmi-management-outside-own-scope's.
WHERE (source = 'keyvault' OR (source = 'activity' AND op_class = 'secret_read'))
  AND phase = 'terminal'
  AND outcome <> 'unknown'
  AND op_class IN ('secret_read', 'secret_write', 'cert_read', 'cert_write')
  AND identity_kind <> 'first_party'
