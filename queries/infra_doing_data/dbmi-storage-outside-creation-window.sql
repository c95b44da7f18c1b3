--! id = "dbmi-storage-outside-creation-window"
--! aliases = ["R02"]
--! title = "Workspace's own storage changed long after the workspace was made"
--! severity = "medium"
--! direction = "infra-doing-data"
--! status = "stable"
--! profile = "core"
--! any_sources = ["storage", "activity"]
--! needs = ["workspaces"]
--! attack = ["T1530"]
--! group_by = ["principal_id", "target_id", "op_class"]
--! details = ["operation", "container", "object_path", "src_ip", "user_agent"]
--! created = 2026-11-24
--! updated = 2026-11-30
--! references = ["https://learn.microsoft.com/azure/databricks/dbfs/", "https://learn.microsoft.com/azure/databricks/security/network/storage/firewall-support"]
--!
--! [params.creation_hours]
--! default = 24
--! why = "making a workspace takes minutes; a day covers retries and the first cluster"
--!
--! [params.update_hours]
--! default = 2
--! why = "an update or removal of a workspace touches its storage while it runs, and is over within an hour"

-- ## What it finds
-- A workspace identity changes the storage of its own workspace more than a day after the workspace
-- was made, and not in the two hours after an update of it: it creates or changes the account or a
-- container, or writes or deletes blobs of the DBFS root under its own name. Failed attempts, and
-- what Databricks' own application does, are low.
--
-- ## Why it matters
-- Storage is set up when a workspace is made. Later, clusters reach the DBFS root with keys and
-- signatures that name nobody. A write under the identity's name is code that went around them,
-- and the DBFS root holds what clusters run: libraries, init scripts, notebooks' results.
--
-- ## What it cannot see
-- Reads, and everything that is done with the account's keys. Workspaces of which no inventory tells
-- the day they were made.
--
-- ## False positives
-- Delivery of cluster logs: writes to the container `logs` are left out, deletions there are not.
-- Maintenance by Databricks.
--
-- ## What to do
-- Compare with the clusters' and jobs' runs of that time. Check init scripts and libraries in the
-- DBFS root for changes.

WITH requests AS (
  SELECT target_id AS rid, time, outcome, correlation_id AS request
  FROM events
  WHERE source = 'activity'
    AND operation IN ('microsoft.databricks/workspaces/write', 'microsoft.databricks/workspaces/delete')
),
failed AS (
  SELECT DISTINCT request AS failed_request
  FROM requests
  WHERE outcome IN ('failure', 'denied')
),
updates AS (
  -- From the first record of an update on: the storage is touched before the last one is written.
  SELECT r.rid, r.time
  FROM requests AS r
  LEFT JOIN failed AS f ON r.request = f.failed_request
  WHERE r.outcome = 'success' OR (r.outcome = 'unknown' AND f.failed_request IS NULL)
),
made AS (
  SELECT rid, MIN(managed_rg) AS group_id, MIN(dbfs_account) AS account, MIN(created) AS created
  FROM workspaces
  GROUP BY rid
),
changes AS (
  SELECT d.event_uid, coalesce(g.rid, a.rid) AS rid, coalesce(g.created, a.created) AS created, d.time
  FROM dbmi AS d
  LEFT JOIN made AS g ON g.group_id = concat('/subscriptions/', d.subscription_id, '/resourcegroups/', d.resource_group)
  LEFT JOIN made AS a ON d.is_dbfs_root AND a.account = d.target_name
  WHERE d.phase = 'terminal'
    AND d.outcome <> 'unknown'
    AND d.identity_kind IN ('uami', 'first_party')
    AND d.op_class IN ('storage_manage', 'container_admin', 'acl_change', 'blob_write', 'blob_delete')
    AND d.activity NOT IN ('read', 'list')
    AND NOT (d.op_class = 'blob_write' AND coalesce(d.container, '') = 'logs')
    -- Another workspace's storage is the business of other rules.
    AND (d.identity_kind = 'first_party' OR d.workspace_rid = coalesce(g.rid, a.rid))
),
with_updates AS (
  SELECT event_uid, rid, created, time, CASE WHEN FALSE THEN time END AS updated FROM changes
  UNION ALL
  SELECT NULL AS event_uid, rid, NULL AS created, time, time AS updated FROM updates
),
judged AS (
  SELECT event_uid, created, time,
    MAX(updated) OVER (
      PARTITION BY rid ORDER BY time RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
    ) AS last_update
  FROM with_updates
),
late AS (
  SELECT DISTINCT event_uid
  FROM judged
  WHERE date_part('epoch', time) - date_part('epoch', created) > $creation_hours * 3600
    AND (
      last_update IS NULL
      OR date_part('epoch', time) - date_part('epoch', last_update) > $update_hours * 3600
    )
)
SELECT d.*,
  CASE WHEN d.identity_kind = 'uami' AND d.outcome = 'success' THEN 'medium' ELSE 'low' END AS severity
FROM dbmi AS d
JOIN late AS l ON d.event_uid = l.event_uid
