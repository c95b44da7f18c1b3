--! id = "dbmi-granted-data-role"
--! aliases = ["R25"]
--! title = "Workspace identity is granted a data role"
--! severity = "high"
--! direction = "governance"
--! status = "stable"
--! profile = "core"
--! any_sources = ["activity", "inventory"]
--! attack = ["T1098.003"]
--! group_by = ["assignee_id", "role_id", "scope"]
--! details = ["role_id", "role_class", "scope", "scope_level", "assignee_kind", "body_from"]
--! subject = "assignee_id"
--! created = 2026-11-24
--! updated = 2026-11-24
--! references = ["https://learn.microsoft.com/azure/role-based-access-control/built-in-roles"]

-- ## What it finds
-- Somebody assigns a workspace identity a role that reads or writes data, yields account keys,
-- obtains delegation keys or uses keys of a vault. A failed attempt is found one severity lower.
--
-- ## Why it matters
-- The identity is attached to every cluster machine: what it may read, everybody who may run code
-- on the cluster may read.
--
-- ## What it cannot see
-- Roles that were assigned before the logs begin, unless an export of role assignments is among the
-- inventory (what was removed since the export is then found too); and rights that are no Azure roles: access
-- policies of vaults, database users. Some export forms leave request bodies out; then role and
-- assignee are not known.
--
-- ## False positives
-- Encryption identities need Key Vault Crypto Service Encryption User, and live with Crypto User:
-- both are left out. So is what Databricks' own application assigns in the managed resource group, and
-- what an export states there, which may be Databricks' too. That application needs Key Vault Secrets
-- User on a vault that backs a secret scope: low.
--
-- ## What to do
-- Remove the assignment. Grant the role to an access connector, on the container that is needed.

SELECT *,
  CASE
    -- Secret scopes that a vault backs are read by the application, not by clusters.
    WHEN assignee_kind = 'first_party' AND scope_level = 'resource' AND role_id = '4633458b-17de-408a-b874-0445c86b69e6'
      THEN 'low'
    WHEN outcome = 'success' THEN 'high'
    ELSE 'medium'
  END AS severity
FROM events
WHERE op_class = 'role_assign'
  AND phase = 'terminal'
  AND outcome <> 'unknown'
  AND assignee_stream = 'dbmi'
  AND role_class IN ('data_read', 'data_write', 'delegator', 'key_yielding', 'crypto')
  AND NOT (
    assignee_kind IN ('storage_cmk', 'disk_cmk')
    AND role_id IN ('e147488a-f6f5-4113-8e2d-b22465e65bf6', '12338af0-0e69-4776-bea7-57ae8d297424')
  )
  -- Databricks assigns roles there itself. Of what an export states it is not known who assigned it.
  AND NOT (in_managed_rg AND (identity_kind = 'first_party' OR source = 'inventory'))
