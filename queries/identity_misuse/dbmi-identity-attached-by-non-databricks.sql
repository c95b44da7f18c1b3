--! id = "dbmi-identity-attached-by-non-databricks"
--! aliases = ["R34"]
--! title = "Workspace identity is attached by somebody else, or outside its workspace"
--! severity = "critical"
--! direction = "identity-misuse"
--! status = "stable"
--! profile = "core"
--! sources = ["activity"]
--! attack = ["T1098", "T1078.004"]
--! group_by = ["principal_id", "identity_rid"]
--! details = ["identity_rid", "operation", "target_id", "principal_name", "src_ip", "deny_assignment"]
--! created = 2026-11-24
--! updated = 2026-11-24
--! references = ["https://learn.microsoft.com/entra/identity/managed-identities-azure-resources/overview", "https://learn.microsoft.com/azure/role-based-access-control/deny-assignments"]

-- ## What it finds
-- The user-assigned identity of a workspace is assigned, or written into the `identity` block of a
-- resource, by a principal that is none of Databricks'; or, by whomever, on a resource outside the
-- managed resource group in which the identity lies. A failed attempt is high.
--
-- ## Why it matters
-- Databricks alone attaches this identity, and to its cluster machines only. On another machine it
-- gives whoever runs code there the workspace's rights over its resources, past the workspace's own
-- controls and logs. A deny assignment keeps everybody else from doing so: a success means that
-- somebody found a way around it.
--
-- ## What it cannot see
-- Attaching by a template whose resource is written without a body in the log. Inside the managed
-- resource group, a caller that the record does not name or of whom nothing is known: it may be
-- Databricks. A workspace identity that neither the inventory nor any token in the logs names.
--
-- ## False positives
-- Azure Policy and other tools that write a cluster machine with the identities that it has already,
-- plus one of their own: the deny assignment refuses these as a rule. Leave the managed resource
-- groups out of such policies.
--
-- ## What to do
-- Detach the identity and find out how the caller got past the deny assignment (`deny_assignment`
-- is true where it was refused by it). Look for what the identity did from then on, in all logs.

WITH workspace_identities AS (
  SELECT DISTINCT
    arm_id AS identity_rid,
    -- Up to the slash after the resource group's name.
    regexp_replace(arm_id, '/providers/.*$', '/') AS own_group
  FROM identities
  WHERE stream = 'dbmi'
    AND arm_id LIKE '%/providers/microsoft.managedidentity/userassignedidentities/%'
),
attached AS (
  SELECT e.*, i.identity_rid,
    e.target_id IS NOT NULL AND NOT starts_with(e.target_id, i.own_group) AS is_outside
  FROM events AS e
  -- A key with an object attaches, one with null takes away.
  JOIN workspace_identities AS i
    ON contains(lower(coalesce(e.request_body, e.response_body)), '"' || i.identity_rid || '":{')
  WHERE e.source = 'activity'
    AND e.phase = 'terminal'
    AND e.outcome <> 'unknown'
    AND e.operation LIKE '%/write'
    -- Few bodies name any identity: only those are compared with each of them.
    AND regexp_like(coalesce(e.request_body, e.response_body), '/userassignedidentities/', 'i')
  UNION ALL
  SELECT e.*, i.identity_rid, FALSE AS is_outside
  FROM events AS e
  JOIN workspace_identities AS i ON e.target_id = i.identity_rid
  WHERE e.operation = 'microsoft.managedidentity/userassignedidentities/assign/action'
    AND e.phase = 'terminal'
    AND e.outcome <> 'unknown'
)
SELECT * EXCEPT (is_outside),
  CASE WHEN outcome = 'success' THEN 'critical' ELSE 'high' END AS severity
FROM attached
WHERE is_outside
  OR (stream IN ('other', 'adac') AND identity_kind <> 'unknown')
