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
--! updated = 2026-11-24
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
  SELECT *,
    LAG(time) OVER (PARTITION BY principal_id ORDER BY time, event_uid) AS previous
  FROM acts
  WHERE source NOT IN ('signin', 'inventory')
    AND principal_id IS NOT NULL
    AND phase = 'terminal'
),
gaps AS (
  -- Logs that were read before lie within the baseline's own time.
  SELECT u.*, coalesce(u.previous, CASE WHEN l.last_seen < u.time THEN l.last_seen END) AS used_before
  FROM uses AS u
  JOIN last_use AS l ON u.principal_id = l.principal_id
)
SELECT *
FROM gaps
WHERE outcome <> 'unknown'
  AND date_part('epoch', time) - date_part('epoch', used_before) >= $dormant_days * 86400
