--! id = "identity-dormant-reactivated"
--! aliases = ["R48"]
--! title = "Databricks identity is used again after a long silence"
--! severity = "medium"
--! direction = "identity-misuse"
--! status = "stable"
--! profile = "hunting"
--! any_sources = ["activity", "storage", "keyvault", "sql"]
--! needs = ["baseline"]
--! attack = ["T1078.004"]
--! group_by = ["principal_id"]
--! details = ["used_before", "op_class", "target_name", "src_ip"]
--! created = 2026-11-24
--! updated = 2026-11-30
--! references = ["https://learn.microsoft.com/entra/identity/managed-identities-azure-resources/managed-identity-best-practice-recommendations"]
--!
--! [params.dormant_days]
--! default = 30
--! why = "longer than the gap between two monthly runs' retries; set 45 where jobs run once a month"

-- ## What it finds
-- The first data access or management operation of a Databricks identity after 30 days without any,
-- between two runs or within the logs of one. Sign-ins do not count: platforms probe.
--
-- ## Why it matters
-- Identities that nobody uses are nobody's: a good place to hide.
--
-- ## What it cannot see
-- Use that was not logged: a log that was off for a month looks like silence.
--
-- ## False positives
-- Work that comes once a quarter; a workspace that was paused.
--
-- ## What to do
-- Ask the owner of the workspace or connector. Identities that are not needed any more are deleted.

WITH acts AS (
  SELECT * FROM dbmi WHERE identity_kind <> 'first_party'
  UNION ALL
  SELECT * FROM adac
),
last_use AS (
  SELECT principal_id, MAX(last_seen) AS last_seen
  FROM baseline
  WHERE dim = 'use'
  GROUP BY principal_id
),
uses AS (
  SELECT *
  FROM acts
  WHERE source NOT IN ('signin', 'inventory')
    AND principal_id IS NOT NULL
    AND phase = 'terminal'
    AND outcome <> 'unknown'
),
-- Days are few, uses are many: whoever slept for days wakes with the first use of a day.
days AS (
  SELECT principal_id, CAST(floor(date_part('epoch', time) / 86400) AS BIGINT) AS day,
    MIN(time) AS first_use, MAX(time) AS last_use
  FROM uses
  GROUP BY principal_id, CAST(floor(date_part('epoch', time) / 86400) AS BIGINT)
),
sequence AS (
  SELECT *, LAG(last_use) OVER (PARTITION BY principal_id ORDER BY day) AS previous
  FROM days
),
gaps AS (
  -- Logs that were read before lie within the baseline's own time.
  SELECT s.principal_id AS sleeper, s.first_use,
    coalesce(s.previous, CASE WHEN l.last_seen < s.first_use THEN l.last_seen END) AS used_before
  FROM sequence AS s
  LEFT JOIN last_use AS l ON s.principal_id = l.principal_id
),
woken AS (
  SELECT u.*, g.used_before,
    ROW_NUMBER() OVER (PARTITION BY u.principal_id, u.time ORDER BY u.event_uid) AS nth
  FROM gaps AS g
  JOIN uses AS u ON g.sleeper = u.principal_id AND g.first_use = u.time
  WHERE date_part('epoch', g.first_use) - date_part('epoch', g.used_before) >= $dormant_days * 86400
)
SELECT * EXCEPT (nth)
FROM woken
WHERE nth = 1
