--! id = "adac-role-assignment-write"
--! aliases = ["R19"]
--! title = "Access connector changes access rights"
--! severity = "critical"
--! direction = "data-doing-infra"
--! status = "stable"
--! profile = "core"
--! sources = ["activity"]
--! attack = ["T1098.003"]
--! group_by = ["principal_id", "target_id"]
--! details = ["operation", "role_id", "role_class", "assignee_id", "scope", "src_ip"]
--! created = 2026-11-24
--! updated = 2026-11-24
--! references = ["https://learn.microsoft.com/azure/role-based-access-control/role-assignments"]

-- ## What it finds
-- The identity of an access connector writes or removes a role assignment, a role definition, a
-- policy assignment, a deny assignment or a lock, or elevates access. A failed attempt is found one
-- severity lower.
--
-- ## Why it matters
-- An identity that can hand out rights can have all of them. Nothing in the work of a connector
-- needs it.
--
-- ## What it cannot see
-- Rights given inside services: database users, Databricks grants.
--
-- ## False positives
-- None known.
--
-- ## What to do
-- Undo what the evidence shows. Take the connector's Owner, User Access Administrator or Role Based
-- Access Control Administrator role away, and find out who gave it.

SELECT *,
  CASE WHEN outcome = 'success' THEN 'critical' ELSE 'high' END AS severity
FROM adac
WHERE source = 'activity'
  AND phase = 'terminal'
  AND outcome <> 'unknown'
  AND activity NOT IN ('read', 'list')
  AND (operation LIKE 'microsoft.authorization/%' OR op_class IN ('role_assign', 'role_revoke'))
  -- Azure Policy records its evaluations under the name of whoever made the request.
  AND operation NOT LIKE 'microsoft.authorization/policies/%'
