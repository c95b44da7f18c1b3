--! id = "identity-denied-burst"
--! aliases = ["R49"]
--! title = "Databricks identity is refused many times in a short while"
--! severity = "medium"
--! direction = "identity-misuse"
--! status = "stable"
--! profile = "core"
--! any_sources = ["activity", "storage", "keyvault", "sql"]
--! attack = ["T1580", "T1526", "T1619"]
--! group_by = ["principal_id"]
--! details = ["outcome", "op_class", "target_name", "container", "result_code", "src_ip", "user_agent"]
--! created = 2026-11-24
--! updated = 2026-11-24
--! references = ["https://learn.microsoft.com/azure/storage/blobs/monitor-blob-storage-reference"]
--!
--! [params.refusals]
--! default = 10
--! why = "a missing grant shows as a few refusals of one job; ten within ten minutes are somebody trying"
--!
--! [params.targets]
--! default = 2
--! why = "a job whose grant is missing is refused by its own account again and again, and by no other"

-- ## What it finds
-- One Databricks identity, of either kind, is refused at least `refusals` times within ten minutes by
-- at least `targets` different resources. The evidence is every refusal of the burst. Where a place
-- that refused it lets it in within the ten minutes that follow, and does not refuse again, the
-- finding is high and has those events too.
--
-- ## Why it matters
-- An identity that works for one purpose knows where it may go. Whoever borrowed it does not, and
-- tries accounts, vaults and databases in turn. Success where there was none before means that a
-- grant or a firewall was opened.
--
-- ## What it cannot see
-- Slow tries. Names that were guessed and do not exist: those answers are failures of the ordinary
-- kind, which Spark causes by the thousand. Services that write no log. Tokens that were refused.
--
-- ## False positives
-- New workspaces and external locations whose grants come minutes after they do: such a burst ends in
-- success as well. Databricks' own applications are left out: each is one principal for the work of
-- all workspaces.
--
-- ## What to do
-- See what was tried and from where. Where it was no deployment, find out what runs on the machines
-- that the identity is attached to.

WITH tried AS (
  SELECT *, coalesce(target_id, target_name, '') AS target
  FROM (SELECT * FROM dbmi UNION ALL SELECT * FROM adac) AS both_streams
  WHERE principal_id IS NOT NULL
    AND source IN ('activity', 'storage', 'keyvault', 'sql')
    AND phase = 'terminal'
    AND outcome IN ('denied', 'success')
    AND identity_kind <> 'first_party'
),
begins AS (
  SELECT *, refusals_ahead >= $refusals AND targets_ahead >= $targets AS begins_burst
  FROM (
    SELECT *,
      COUNT(*) OVER ten_minutes AS refusals_ahead,
      COUNT(DISTINCT target) OVER ten_minutes AS targets_ahead
    FROM tried
    WHERE outcome = 'denied'
    WINDOW ten_minutes AS (
      PARTITION BY principal_id ORDER BY time RANGE BETWEEN CURRENT ROW AND INTERVAL '10' MINUTE FOLLOWING
    )
  ) AS counted
),
burst AS (
  SELECT *
  FROM (
    SELECT *,
      MAX(CASE WHEN begins_burst THEN time END) OVER (
        PARTITION BY principal_id ORDER BY time RANGE BETWEEN INTERVAL '10' MINUTE PRECEDING AND CURRENT ROW
      ) AS burst_begin
    FROM begins
  ) AS marked
  WHERE burst_begin IS NOT NULL
),
-- A place is as narrow as grants are: a container, or a whole vault or server. What one may read one
-- need not be able to write.
places AS (
  SELECT principal_id AS place_principal, target AS place_target, coalesce(container, '') AS place_container,
    op_class AS place_op_class
  FROM burst
  GROUP BY principal_id, target, coalesce(container, ''), op_class
),
at_places AS (
  SELECT t.*,
    MAX(CASE WHEN t.outcome = 'denied' THEN t.time END) OVER (
      PARTITION BY t.principal_id, t.target, coalesce(t.container, ''), t.op_class
      ORDER BY t.time RANGE BETWEEN INTERVAL '10' MINUTE PRECEDING AND CURRENT ROW
    ) AS refused_before,
    MAX(CASE WHEN t.outcome = 'denied' THEN t.time END) OVER (
      PARTITION BY t.principal_id, t.target, coalesce(t.container, ''), t.op_class
      ORDER BY t.time RANGE BETWEEN CURRENT ROW AND INTERVAL '10' MINUTE FOLLOWING
    ) AS refused_after
  FROM tried AS t
  JOIN places AS p
    ON t.principal_id = p.place_principal
    AND t.target = p.place_target
    AND coalesce(t.container, '') = p.place_container
    AND t.op_class = p.place_op_class
),
let_in AS (
  SELECT a.event_uid
  FROM at_places AS a
  -- The refusal has to be one of a burst.
  JOIN burst AS b ON a.principal_id = b.principal_id AND a.target = b.target AND a.refused_before = b.time
  WHERE a.outcome = 'success'
    AND a.refused_after IS NULL
  GROUP BY a.event_uid
),
evidence AS (
  SELECT event_uid, 'medium' AS severity FROM burst
  UNION ALL
  SELECT event_uid, 'high' AS severity FROM let_in
)
SELECT e.*, v.severity
FROM tried AS e
JOIN evidence AS v ON e.event_uid = v.event_uid
