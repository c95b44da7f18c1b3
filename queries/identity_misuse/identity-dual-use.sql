--! id = "identity-dual-use"
--! aliases = ["R45"]
--! title = "One identity manages resources and works with data"
--! severity = "high"
--! direction = "identity-misuse"
--! status = "stable"
--! profile = "core"
--! sources = ["activity"]
--! any_sources = ["storage", "keyvault", "sql"]
--! attack = ["T1078.004"]
--! group_by = ["principal_id"]
--! details = ["plane", "op_class", "target_name", "src_ip"]
--! created = 2026-11-24
--! updated = 2026-11-30
--! references = ["https://learn.microsoft.com/azure/databricks/connect/unity-catalog/cloud-storage/azure-managed-identities"]
--!
--! [params.window_minutes]
--! default = 60
--! why = "a session of work with one borrowed identity; honest provisioning and honest data access do not share one at all"

-- ## What it finds
-- One Databricks identity, of either kind, both changes resources and works with data within an hour.
-- The evidence is every such event that has one of the other kind near it.
--
-- ## Why it matters
-- It is the separation itself: infrastructure and data each have an identity of their own, and no
-- identity does both.
--
-- ## What it cannot see
-- Reads of resources, and data access that names no principal.
--
-- ## False positives
-- Left out: Databricks' own application, which is one principal for the work of all workspaces; a
-- workspace identity in its own workspace's DBFS root; encryption identities using their key;
-- delegation keys; Event Grid subscriptions, topics and queues of connectors that may have file events.
--
-- ## What to do
-- The other findings on the same principal say what it did. Find out which roles let it do both, and
-- keep those of its own job.

WITH file_events AS (
  SELECT principal_id, bool_or(coalesce(file_events, TRUE)) AS possible
  FROM connectors
  GROUP BY principal_id
),
both_streams AS (
  SELECT * FROM dbmi
  UNION ALL
  SELECT * FROM adac
),
acts AS (
  SELECT e.*
  FROM both_streams AS e
  LEFT JOIN file_events AS f ON e.principal_id = f.principal_id
  WHERE e.principal_id IS NOT NULL
    AND e.phase = 'terminal'
    AND e.outcome = 'success'
    AND e.identity_kind <> 'first_party'
    -- A workspace identity's own DBFS root is its own. For a connector it is data like any other.
    AND NOT (e.is_dbfs_root AND e.stream = 'dbmi' AND (e.own_scope OR e.workspace_rid IS NULL OR e.target_id IS NULL))
    AND (
      (
        e.plane = 'management' AND e.source = 'activity' AND e.activity NOT IN ('read', 'list')
        -- A delegation key changes nothing: it is for the data.
        AND e.op_class <> 'delegation'
        -- What Azure Policy does about a request stands under the name of whoever made that.
        AND e.operation NOT LIKE 'microsoft.authorization/policies/%'
      )
      OR (e.plane = 'data' AND e.op_class NOT IN ('storage_probe', 'other'))
    )
    AND NOT (e.identity_kind IN ('storage_cmk', 'disk_cmk') AND e.op_class IN ('key_use', 'key_read', 'key_write'))
    AND NOT (
      e.stream = 'adac'
      AND coalesce(f.possible, TRUE)
      AND (
        e.operation LIKE 'microsoft.eventgrid/%'
        OR e.operation LIKE 'microsoft.storage/storageaccounts/queueservices/%'
        -- Where the operation is a name for people, the resource tells.
        OR coalesce(e.target_type, '') LIKE 'microsoft.eventgrid/%'
        OR coalesce(e.target_type, '') LIKE 'microsoft.storage/storageaccounts/queueservices%'
      )
    )
),
timed AS (
  SELECT event_uid, time, plane, principal_id,
    CAST(floor(date_part('epoch', time) / ($window_minutes * 60)) AS BIGINT) AS slot
  FROM acts
),
-- Whoever works with data manages little, if anything: the windows below look at what lies in the
-- slots of that and beside them alone.
near_management AS (
  SELECT DISTINCT principal_id, unnest([slot - 1, slot, slot + 1]) AS slot
  FROM (SELECT DISTINCT principal_id, slot FROM timed WHERE plane = 'management') AS managed
),
candidates AS (
  SELECT t.*
  FROM near_management AS n
  JOIN timed AS t ON n.principal_id = t.principal_id AND n.slot = t.slot
),
neighbours AS (
  SELECT *,
    MAX(CASE WHEN plane = 'management' THEN time END) OVER before AS managed_before,
    MIN(CASE WHEN plane = 'management' THEN time END) OVER after AS managed_after,
    MAX(CASE WHEN plane = 'data' THEN time END) OVER before AS used_before,
    MIN(CASE WHEN plane = 'data' THEN time END) OVER after AS used_after
  FROM candidates
  WINDOW
    before AS (PARTITION BY principal_id ORDER BY time ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW),
    after AS (PARTITION BY principal_id ORDER BY time ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING)
),
evidence AS (
  SELECT event_uid AS evidence_uid
  FROM neighbours
  WHERE date_part('epoch', time) - date_part('epoch', CASE WHEN plane = 'data' THEN managed_before ELSE used_before END)
      <= $window_minutes * 60
    OR date_part('epoch', CASE WHEN plane = 'data' THEN managed_after ELSE used_after END) - date_part('epoch', time)
      <= $window_minutes * 60
)
SELECT a.*
FROM evidence AS e
JOIN acts AS a ON e.evidence_uid = a.event_uid
