--! id = "role-assignment-inside-managed-rg"
--! aliases = ["R31"]
--! title = "Role is assigned inside a managed resource group"
--! severity = "high"
--! direction = "governance"
--! status = "stable"
--! profile = "core"
--! sources = ["activity"]
--! needs = ["workspaces"]
--! attack = ["T1098.003"]
--! group_by = ["principal_id", "scope"]
--! details = ["role_id", "role_class", "assignee_id", "assignee_kind", "scope", "managed_rg", "src_ip"]
--! created = 2026-11-24
--! updated = 2026-11-24
--! references = ["https://learn.microsoft.com/azure/role-based-access-control/deny-assignments"]
--!
--! [params.creation_hours]
--! default = 2
--! why = "a workspace is built within minutes; with a failed and repeated deployment within two hours"

-- ## What it finds
-- Anybody but Databricks' own application assigns a role on the resource group that Databricks
-- manages for a workspace, or on something in it. Roles that only read or monitor are low. A failed
-- attempt is found one severity lower.
--
-- ## Why it matters
-- A deny assignment keeps everybody but the workspace out of that group. It lets role assignments be
-- written and reads be made, and little else: a role there that does more has no effect, and can hardly
-- be removed again. So nobody assigns one who knows the platform, but somebody who tries the doors of
-- the workspace's own storage does.
--
-- ## What it cannot see
-- Groups of workspaces that the inventory does not have. Roles assigned above the group, which
-- reach into it.
--
-- ## False positives
-- Left out: the hours around a workspace's creation, where that time is known, and the identities with
-- which Azure Policy repairs what it finds. Monitoring products that want to read: low.
--
-- ## What to do
-- Ask the caller. Look for refused requests by the assignee in the same group, to storage and for keys.

WITH managed_groups AS (
  -- Several workspaces do not share a group, but a workspace made again may have the group of the old.
  SELECT managed_rg, MAX(created) AS created
  FROM workspaces
  WHERE managed_rg IS NOT NULL
  GROUP BY managed_rg
),
assignments AS (
  SELECT *,
    -- Some forms have no target but the scope.
    regexp_replace(
      coalesce(scope, target_id, ''), '^(/subscriptions/[^/]+/resourcegroups/[^/]+).*$', '\1'
    ) AS scope_group
  FROM events
  WHERE source = 'activity'
    AND op_class = 'role_assign'
    AND phase = 'terminal'
    AND outcome <> 'unknown'
    AND identity_kind <> 'first_party'
    AND coalesce(mirid, '') NOT LIKE '%/providers/microsoft.authorization/policyassignments/%'
)
SELECT a.*,
  g.managed_rg,
  CASE
    WHEN a.role_class IN ('reader', 'monitoring')
      THEN CASE WHEN a.outcome = 'success' THEN 'low' ELSE 'informational' END
    ELSE CASE WHEN a.outcome = 'success' THEN 'high' ELSE 'medium' END
  END AS severity
FROM assignments AS a
INNER JOIN managed_groups AS g ON a.scope_group = g.managed_rg
WHERE g.created IS NULL
  OR abs(date_part('epoch', a.time) - date_part('epoch', g.created)) > $creation_hours * 3600
