--! id = "dbmi-overprivileged"
--! aliases = ["R26"]
--! title = "Workspace identity is granted more than it needs for provisioning"
--! severity = "high"
--! direction = "governance"
--! status = "stable"
--! profile = "core"
--! sources = []
--! any_sources = ["activity", "inventory"]
--! attack = ["T1098.003"]
--! group_by = ["assignee_id", "role_id", "scope"]
--! details = ["role_id", "role_class", "scope", "scope_level", "assignee_kind", "body_from"]
--! subject = "assignee_id"
--! created = 2026-11-24
--! updated = 2026-11-24
--! references = ["https://learn.microsoft.com/azure/role-based-access-control/best-practices", "https://learn.microsoft.com/azure/databricks/security/network/classic/vnet-inject"]

-- ## What it finds
-- A workspace identity holds, or is assigned, a role that manages resources outside of its own
-- workspace. Roles that assign roles (Owner and its like) are critical everywhere but in the managed
-- resource group. Contributor and its like are high on a subscription, management group, resource
-- group or storage account, and medium on any other single resource and in the group of the
-- workspace's network. A failed attempt is found one severity lower.
--
-- ## Why it matters
-- The identity is attached to every cluster machine, so that whoever may run code there may use it.
-- With such a role a notebook can build, delete and open resources that have nothing to do with
-- the workspace.
--
-- ## What it cannot see
-- Roles assigned before the logs begin, where no export of role assignments was read. What a custom
-- role allows. Roles that yield keys or data are found by `dbmi-granted-data-role`.
--
-- ## False positives
-- Left out: the identity's own managed resource group and workspace, the network that the workspace
-- was put into, Network Contributor in that network's resource group, and what Databricks' own
-- application assigns below a subscription, as it does when it creates a workspace. Databricks' own
-- application serves all workspaces, so that for it the groups of all count. A new workspace that the
-- inventory does not have yet looks like a foreign one, except for the group that the identity itself
-- lies in.
--
-- ## What to do
-- Remove the assignment. Where clusters need something outside of the workspace, give it to an
-- identity of that purpose.

WITH own_places AS (
  SELECT rid, managed_rg AS place, TRUE AS with_owner, TRUE AS whole FROM workspaces
  UNION ALL
  SELECT rid, rid AS place, FALSE AS with_owner, TRUE AS whole FROM workspaces
  UNION ALL
  SELECT rid, vnet_id AS place, FALSE AS with_owner, TRUE AS whole FROM workspaces
  UNION ALL
  -- What the network needs beside itself lies in its group: route tables, security groups, zones.
  SELECT rid, regexp_replace(vnet_id, '/providers/.*$', '') AS place, FALSE AS with_owner, FALSE AS whole
  FROM workspaces
),
-- Every workspace's places, and under the empty name those of all, for identities of no single one.
places AS (
  SELECT workspace, place, bool_or(with_owner) AS with_owner, bool_or(whole) AS whole
  FROM (
    SELECT rid AS workspace, place, with_owner, whole FROM own_places
    UNION ALL
    SELECT '' AS workspace, place, with_owner, whole FROM own_places
  )
  WHERE place IS NOT NULL
  GROUP BY workspace, place
),
known AS (
  SELECT principal_id, MIN(workspace_rid) AS workspace_rid, MIN(arm_id) AS arm_id
  FROM identities
  WHERE stream = 'dbmi'
  GROUP BY principal_id
),
grants_to_workspaces AS (
  SELECT e.*,
    coalesce(i.workspace_rid, '') AS of_workspace,
    regexp_replace(e.scope, '^(/subscriptions/[^/]+/resourcegroups/[^/]+).*$', '\1') AS scope_group,
    regexp_replace(e.scope, '^(/subscriptions/[^/]+/resourcegroups/[^/]+/providers/[^/]+/[^/]+/[^/]+).*$', '\1')
      AS scope_resource,
    regexp_replace(i.arm_id, '/providers/microsoft\.managedidentity/.*$', '') AS own_group
  FROM events AS e
  LEFT JOIN known AS i ON e.assignee_id = i.principal_id
  WHERE e.op_class = 'role_assign'
    AND e.phase = 'terminal'
    AND e.outcome <> 'unknown'
    AND e.assignee_stream = 'dbmi'
    AND e.role_class IN ('owner_like', 'management')
    AND NOT (
      e.identity_kind = 'first_party'
      AND coalesce(e.scope_level, 'root') NOT IN ('root', 'mg', 'subscription')
    )
),
judged AS (
  SELECT e.*,
    coalesce(g.with_owner, FALSE) OR coalesce(r.with_owner, FALSE)
      OR coalesce(e.assignee_kind = 'uami' AND e.scope_group = e.own_group, FALSE) AS owner_allowed,
    coalesce(g.whole, FALSE) OR coalesce(r.whole, FALSE)
      OR coalesce(g.place IS NOT NULL AND e.role_id = '4d97b98b-1d4f-4787-a291-c67834d212e7', FALSE) AS allowed,
    g.place IS NOT NULL AS in_network_group
  FROM grants_to_workspaces AS e
  LEFT JOIN places AS g ON g.workspace = e.of_workspace AND g.place = e.scope_group
  LEFT JOIN places AS r ON r.workspace = e.of_workspace AND r.place = e.scope_resource
)
SELECT *,
  CASE
    WHEN role_class = 'owner_like' THEN CASE WHEN outcome = 'success' THEN 'critical' ELSE 'high' END
    WHEN in_network_group OR scope_level IN ('resource', 'container')
      THEN CASE WHEN outcome = 'success' THEN 'medium' ELSE 'low' END
    -- A scope that is not known may be any.
    ELSE CASE WHEN outcome = 'success' THEN 'high' ELSE 'medium' END
  END AS severity
FROM judged
WHERE NOT owner_allowed
  AND NOT (role_class = 'management' AND allowed)
