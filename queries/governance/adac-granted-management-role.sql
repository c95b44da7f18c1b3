--! id = "adac-granted-management-role"
--! aliases = ["R27"]
--! title = "Access connector is granted a management role"
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
--! references = ["https://learn.microsoft.com/azure/databricks/connect/unity-catalog/cloud-storage/manage-external-locations"]

-- ## What it finds
-- Somebody assigns the identity of an access connector a role that manages resources: critical where
-- it can assign roles itself (Owner and its like), high for Contributor and its like, medium for
-- roles that can list account keys. A failed attempt is found one severity lower.
--
-- ## Why it matters
-- A data identity that can manage resources can list keys, open networks and switch logs off.
--
-- ## What it cannot see
-- Roles that were assigned before the logs begin, unless an export of role assignments is among the
-- inventory. Custom roles: what they allow is not in the logs.
--
-- ## False positives
-- File events of Unity Catalog need Storage Account Contributor on the storage account and an Event
-- Grid role on its resource group. They are left out where the connector is known to have file
-- events (for Storage Account Contributor: on an account of one of its external locations), and are
-- low where it is not known.
--
-- ## What to do
-- Remove the assignment. Grant Storage Blob Data Contributor on the container instead.

WITH file_events AS (
  -- An identity can serve several connectors: one that may have file events is enough.
  SELECT principal_id, coalesce(bool_or(file_events), FALSE) AS known, bool_or(coalesce(file_events, TRUE)) AS possible
  FROM connectors
  GROUP BY principal_id
),
governed_accounts AS (
  SELECT DISTINCT principal_id, account
  FROM governed
),
grants_to_connectors AS (
  SELECT e.*,
    coalesce(f.known, FALSE) AS has_file_events,
    coalesce(f.possible, TRUE) AS may_have_file_events,
    g.account IS NOT NULL AS on_governed_account,
    -- What the recipe for file events asks for.
    (e.role_id = '17d1049b-9a84-46fb-8f53-869881c3d3ab' AND e.scope_level = 'account')
    OR (
      e.role_id IN (
        '1e241071-0855-49ea-94dc-649edcd759de',
        '428e0ff0-5e57-4d9c-a221-2c70d0e0a443',
        '1d8c3fe3-8864-474b-8749-01e3783e8157'
      )
      AND e.scope_level IN ('resource_group', 'account', 'resource')
    ) AS for_file_events
  FROM events AS e
  LEFT JOIN file_events AS f ON e.assignee_id = f.principal_id
  LEFT JOIN governed_accounts AS g
    ON e.assignee_id = g.principal_id
    AND g.account = regexp_replace(e.scope, '^.*/storageaccounts/([^/]+).*$', '\1')
  WHERE e.op_class = 'role_assign'
    AND e.phase = 'terminal'
    AND e.outcome <> 'unknown'
    AND e.assignee_stream = 'adac'
    AND e.role_class IN ('owner_like', 'management', 'key_yielding')
)
SELECT *,
  CASE
    WHEN for_file_events AND may_have_file_events AND NOT has_file_events THEN 'low'
    WHEN role_class = 'owner_like' THEN CASE WHEN outcome = 'success' THEN 'critical' ELSE 'high' END
    WHEN role_class = 'management' THEN CASE WHEN outcome = 'success' THEN 'high' ELSE 'medium' END
    ELSE CASE WHEN outcome = 'success' THEN 'medium' ELSE 'low' END
  END AS severity
FROM grants_to_connectors
WHERE NOT (
  for_file_events
  AND has_file_events
  AND (on_governed_account OR role_class <> 'key_yielding')
)
