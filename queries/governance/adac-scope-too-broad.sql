--! id = "adac-scope-too-broad"
--! aliases = ["R28"]
--! title = "Access connector is granted a data role on more than containers"
--! severity = "medium"
--! direction = "governance"
--! status = "stable"
--! profile = "core"
--! sources = []
--! any_sources = ["activity", "inventory"]
--! attack = ["T1098.003", "T1530"]
--! group_by = ["assignee_id", "role_id", "scope"]
--! details = ["role_id", "role_class", "scope", "scope_level", "governs", "assignee_kind", "body_from"]
--! subject = "assignee_id"
--! created = 2026-11-24
--! updated = 2026-11-24
--! references = ["https://learn.microsoft.com/azure/databricks/connect/unity-catalog/cloud-storage/azure-managed-identities", "https://learn.microsoft.com/azure/role-based-access-control/scope-overview"]

-- ## What it finds
-- The identity of an access connector holds, or is assigned, a role that reads or writes data on a
-- scope wider than it works on: a subscription, management group or the tenant is high, a resource
-- group medium, a whole storage account low. An account is medium where the connector's external
-- locations are known and none of them lies on it. A failed attempt is found one severity lower.
--
-- ## Why it matters
-- Unity Catalog asks who may read which table; storage only asks what the connector may. Whoever
-- gets hold of the connector gets all that lies in the scope, what is put there later included.
--
-- ## What it cannot see
-- Roles assigned before the logs begin, where no export of role assignments was read. Containers
-- that are granted one by one and that nobody needs. Custom roles, and conditions that narrow an
-- assignment.
--
-- ## False positives
-- Microsoft's own instructions grant on the account, which is why that is low; a metastore's root
-- storage need not be among the external locations. Left out: roles that only obtain delegation keys,
-- which exist for whole accounts; and where the connector has or may have file events, its queue role
-- on an account and its Event Grid role on a resource group. Vaults, namespaces and databases have no
-- narrower scope that is usual.
--
-- ## What to do
-- Assign the role on the containers of the external locations, then remove this assignment.

WITH file_events AS (
  -- An identity can serve several connectors: one that may have file events is enough.
  SELECT principal_id, bool_or(coalesce(file_events, TRUE)) AS possible
  FROM connectors
  GROUP BY principal_id
),
governed_accounts AS (
  SELECT DISTINCT principal_id, account
  FROM governed
  WHERE principal_id IS NOT NULL
),
governing AS (
  SELECT DISTINCT principal_id
  FROM governed_accounts
),
broad AS (
  SELECT e.*,
    CASE
      WHEN e.scope_level <> 'account' OR n.principal_id IS NULL THEN NULL
      WHEN a.account IS NULL THEN 'nothing on the account'
      ELSE 'containers of the account'
    END AS governs
  FROM events AS e
  LEFT JOIN file_events AS f ON e.assignee_id = f.principal_id
  LEFT JOIN governing AS n ON e.assignee_id = n.principal_id
  LEFT JOIN governed_accounts AS a
    ON e.assignee_id = a.principal_id
    AND a.account = regexp_replace(e.scope, '^.*/storageaccounts/([^/]+).*$', '\1')
  WHERE e.op_class = 'role_assign'
    AND e.phase = 'terminal'
    AND e.outcome <> 'unknown'
    AND e.assignee_stream = 'adac'
    AND e.role_class IN ('data_read', 'data_write')
    AND e.scope_level IN ('root', 'mg', 'subscription', 'resource_group', 'account')
    AND NOT (
      coalesce(f.possible, TRUE)
      AND (
        (e.role_id = '974c5e8b-45b9-4653-ba55-5f855dd0fb88' AND e.scope_level = 'account')
        OR (e.role_id = '1d8c3fe3-8864-474b-8749-01e3783e8157' AND e.scope_level = 'resource_group')
      )
    )
)
SELECT *,
  CASE
    WHEN scope_level IN ('root', 'mg', 'subscription') THEN CASE WHEN outcome = 'success' THEN 'high' ELSE 'medium' END
    WHEN scope_level = 'resource_group' OR governs = 'nothing on the account'
      THEN CASE WHEN outcome = 'success' THEN 'medium' ELSE 'low' END
    ELSE CASE WHEN outcome = 'success' THEN 'low' ELSE 'informational' END
  END AS severity
FROM broad
