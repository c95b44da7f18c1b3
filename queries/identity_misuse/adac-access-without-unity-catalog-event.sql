--! id = "adac-access-without-unity-catalog-event"
--! aliases = ["R44"]
--! title = "Access connector reaches storage though Unity Catalog opened nothing"
--! severity = "medium"
--! direction = "identity-misuse"
--! status = "experimental"
--! profile = "core"
--! sources = ["storage", "databricks"]
--! attack = ["T1530", "T1550.001"]
--! group_by = ["principal_id", "target_id"]
--! details = ["op_class", "auth_type", "container", "object_path", "src_ip", "user_agent"]
--! created = 2026-11-24
--! updated = 2026-11-30
--! references = ["https://learn.microsoft.com/azure/databricks/admin/account-settings/audit-logs", "https://learn.microsoft.com/azure/databricks/external-access/credential-vending"]
--!
--! [params.lead_hours]
--! default = 2
--! why = "what Unity Catalog hands out lives about an hour; twice that leaves room for work that began late"
--!
--! [params.lag_minutes]
--! default = 5
--! why = "the audit record is written when the request has been answered, so use can come shortly before it"

-- ## What it finds
-- The identity of an access connector works with data in storage, and no workspace has Unity Catalog
-- open anything within the `lead_hours` before or the `lag_minutes` after. A delegation key alone
-- counts too, but it is got ahead of need and kept: there, `lead_hours` after are looked at as well.
-- Low where it failed, or where a workspace is known that sends no Unity Catalog log.
--
-- ## Why it matters
-- Unity Catalog decides who may read what, and writes down every credential it hands out. Access by
-- its identity without such a record went past it.
--
-- ## What it cannot see
-- Misuse at times when anybody works: the storage log does not say which of Unity Catalog's
-- credentials was used, so one record within the time excuses everything. Times before the first and
-- after the last Databricks record, and identities whose own workspace sends no Unity Catalog log, are
-- not judged at all; without any Unity Catalog record nothing is.
--
-- ## False positives
-- Work that Databricks does by itself: predictive optimisation, clean-up of dropped tables, checks of
-- the metastore's root. Lists by a connector that has file events are left out. Tokens that a service
-- credential gave live up to a day. That is why it is no more than medium, and experimental.
--
-- ## What to do
-- See where it came from (`src_ip`, `user_agent`): an address that is none of Databricks' settles it.
-- Else compare the time with the schedules of jobs and maintenance.

WITH catalog_log AS (
  SELECT time, workspace_rid,
    operation LIKE 'unitycatalog/%' AS of_catalog,
    outcome IN ('success', 'unknown') AND (
      op_class = 'uc_vend'
      OR operation = 'unitycatalog/gettable'
      -- Files of volumes that go through the workspace itself.
      OR operation LIKE 'unitycatalog/readvolume%'
      OR operation LIKE 'filesystem/files%'
      OR operation LIKE 'unitycatalog/deltasharing%'
      -- Locations and credentials are tried out when they are made.
      OR regexp_like(operation, '^unitycatalog/(create|update|validate)[a-z]*(externallocation|credential)$')
    ) AS opens
  FROM events
  WHERE source = 'databricks'
    AND (operation LIKE 'unitycatalog/%' OR operation LIKE 'filesystem/files%')
),
logging_workspaces AS (
  SELECT DISTINCT workspace_rid AS logging FROM catalog_log WHERE of_catalog AND workspace_rid IS NOT NULL
),
-- One row: whether there is anything to compare with.
log_state AS (
  SELECT d.first_seen, d.last_seen, s.silent_workspaces
  FROM coverage AS d
  CROSS JOIN (SELECT COUNT(*) AS records FROM catalog_log WHERE of_catalog) AS c
  CROSS JOIN (
    SELECT COUNT(*) AS silent_workspaces
    FROM workspaces AS w
    LEFT JOIN logging_workspaces AS l ON w.rid = l.logging
    WHERE l.logging IS NULL
  ) AS s
  WHERE d.source = 'databricks'
    AND c.records > 0
),
-- Periods as long as the lead: what lies within it lies in the period of the access, the one before
-- or the one after, so their first and last times are all that is needed.
openings AS (
  SELECT period, MIN(epoch) AS first_opening, MAX(epoch) AS last_opening
  FROM (
    SELECT date_part('epoch', time) AS epoch,
      CAST(floor(date_part('epoch', time) / ($lead_hours * 3600)) AS BIGINT) AS period
    FROM catalog_log
    WHERE opens
  ) AS opened
  GROUP BY period
),
file_events AS (
  SELECT principal_id AS of_principal, bool_or(file_events) AS known
  FROM connectors
  GROUP BY principal_id
),
accesses AS (
  SELECT *,
    date_part('epoch', time) AS epoch,
    CAST(floor(date_part('epoch', time) / ($lead_hours * 3600)) AS BIGINT) AS period,
    CASE WHEN op_class = 'delegation' THEN $lead_hours * 3600 ELSE $lag_minutes * 60 END AS wait_seconds
  FROM adac
  WHERE source = 'storage'
    AND outcome <> 'unknown'
    AND op_class IN (
      'blob_read', 'blob_list', 'blob_write', 'blob_delete', 'container_admin', 'acl_change',
      'table_read', 'table_write', 'delegation'
    )
),
-- Periods, workspaces and principals are few, accesses are many: what is known of the former is put
-- together first, and stands before the latter in every join.
periods AS (
  SELECT p.period, earlier.last_opening AS before, around.first_opening AS during, later.first_opening AS after
  FROM (SELECT DISTINCT period FROM accesses) AS p
  LEFT JOIN openings AS earlier ON p.period - 1 = earlier.period
  LEFT JOIN openings AS around ON p.period = around.period
  LEFT JOIN openings AS later ON p.period + 1 = later.period
),
actors AS (
  SELECT a.workspace, a.principal, a.op_class
  FROM (
    SELECT DISTINCT coalesce(workspace_rid, '') AS workspace, coalesce(principal_id, '') AS principal, op_class
    FROM accesses
  ) AS a
  LEFT JOIN logging_workspaces AS l ON a.workspace = l.logging
  LEFT JOIN file_events AS f ON a.principal = f.of_principal
  WHERE (a.workspace = '' OR l.logging IS NOT NULL)
    AND NOT (a.op_class = 'blob_list' AND coalesce(f.known, FALSE))
),
unopened AS (
  SELECT a.event_uid, a.epoch, a.wait_seconds, a.workspace_rid, a.principal_id, a.op_class
  FROM periods AS p
  JOIN accesses AS a ON p.period = a.period
  WHERE NOT coalesce(p.before >= a.epoch - $lead_hours * 3600, FALSE)
    AND NOT coalesce(p.during <= a.epoch + a.wait_seconds, FALSE)
    AND NOT coalesce(p.after <= a.epoch + a.wait_seconds, FALSE)
),
unexplained AS (
  SELECT u.event_uid, s.silent_workspaces
  FROM log_state AS s
  JOIN unopened AS u
    ON date_part('epoch', s.first_seen) <= u.epoch - $lead_hours * 3600
    AND date_part('epoch', s.last_seen) >= u.epoch + u.wait_seconds
  JOIN actors AS a
    ON coalesce(u.workspace_rid, '') = a.workspace
    AND coalesce(u.principal_id, '') = a.principal
    AND u.op_class = a.op_class
)
SELECT a.*,
  CASE WHEN a.outcome = 'success' AND u.silent_workspaces = 0 THEN 'medium' ELSE 'low' END AS severity
FROM unexplained AS u
JOIN accesses AS a ON u.event_uid = a.event_uid
