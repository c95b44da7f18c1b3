--! id = "adac-management-operation"
--! aliases = ["R15", "R16", "R20", "R21", "adac-compute-or-network-change", "adac-diagnostic-settings-change", "adac-workspace-or-connector-change"]
--! title = "Access connector manages Azure resources"
--! severity = "high"
--! direction = "data-doing-infra"
--! status = "stable"
--! profile = "core"
--! sources = ["activity"]
--! attack = ["T1578", "T1078.004", "T1562.008", "T1685.002"]
--! group_by = ["principal_id", "target_id"]
--! details = ["operation", "op_class", "target_type", "src_ip"]
--! created = 2026-11-24
--! updated = 2026-11-24
--! references = ["https://learn.microsoft.com/azure/databricks/connect/unity-catalog/cloud-storage/manage-external-locations"]

-- ## What it finds
-- The identity of an access connector creates, changes or deletes a resource, or runs an action on
-- one, by Azure Resource Manager. Compute, network and diagnostic settings are critical, everything
-- else is high; a failed attempt is one severity lower. Listing keys and changing access rights have
-- rules of their own. User delegation keys are a connector's job.
--
-- ## Why it matters
-- A connector exists to reach data. Managing resources with it means that it holds a management role,
-- and that somebody found out.
--
-- ## What it cannot see
-- Reads of resources: the Activity Log has none.
--
-- ## False positives
-- Unity Catalog's file events make the connector create Event Grid subscriptions, system topics and
-- storage queues. These count only where the external locations of the connector are known and none
-- of them has file events. A user-assigned identity that is shared with a deployment pipeline acts
-- for both: do not share it.
--
-- ## What to do
-- Take the management role away. Look at what the same identity changed before and after, and at the
-- sign-ins around it.

WITH file_events AS (
  -- An identity can serve several connectors: one that may have file events is enough.
  SELECT principal_id, bool_or(coalesce(file_events, TRUE)) AS possible
  FROM connectors
  GROUP BY principal_id
)
SELECT a.*,
  CASE
    WHEN a.op_class IN ('compute_manage', 'network_manage', 'command_run', 'diag_write', 'diag_delete')
      THEN CASE WHEN a.outcome = 'success' THEN 'critical' ELSE 'high' END
    ELSE CASE WHEN a.outcome = 'success' THEN 'high' ELSE 'medium' END
  END AS severity
FROM adac AS a
LEFT JOIN file_events AS f ON a.principal_id = f.principal_id
WHERE a.source = 'activity'
  AND a.plane = 'management'
  AND a.phase = 'terminal'
  AND a.outcome <> 'unknown'
  AND a.activity NOT IN ('read', 'list')
  AND a.op_class NOT IN ('key_listing', 'sas_listing', 'delegation', 'role_assign', 'role_revoke')
  AND a.operation NOT LIKE 'microsoft.authorization/%'
  AND NOT (
    coalesce(f.possible, TRUE)
    AND (
      a.operation LIKE 'microsoft.eventgrid/%'
      OR a.operation LIKE 'microsoft.storage/storageaccounts/queueservices/%'
      -- Where the operation is a name for people, the resource tells.
      OR coalesce(a.target_type, '') LIKE 'microsoft.eventgrid/%'
      OR coalesce(a.target_type, '') LIKE 'microsoft.storage/storageaccounts/queueservices%'
    )
  )
