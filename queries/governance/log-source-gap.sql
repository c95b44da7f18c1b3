--! id = "log-source-gap"
--! aliases = ["R60"]
--! title = "Data log falls silent while the access connector is at work"
--! severity = "low"
--! direction = "governance"
--! status = "experimental"
--! profile = "hunting"
--! any_sources = ["storage", "keyvault"]
--! attack = ["T1562.008", "T1685.002"]
--! group_by = ["principal_id", "audience_kind", "target_name"]
--! details = ["source", "audience_kind", "target_name"]
--! created = 2026-11-24
--! updated = 2026-11-30
--! references = ["https://learn.microsoft.com/azure/azure-monitor/platform/diagnostic-settings"]
--!
--! [params.busy_per_day]
--! default = 24
--! why = "one record an hour: a target below that can be idle for days"
--!
--! [params.quiet_days]
--! default = 3
--! why = "a weekend is quiet without being a gap"

-- ## What it finds
-- Two gaps. An access connector obtains a token for storage or Key Vault, and in the day that follows
-- none of its governed accounts writes a record (for Key Vault, and where no governed account is known:
-- no target at all). Or an account or vault that connectors use had at least `busy_per_day` records on
-- its last day, or on the one before, and has none for more than `quiet_days` days after it; the
-- evidence is its last record.
--
-- ## Why it matters
-- Where the log of the data is off, every rule about data is blind, and says nothing about it.
--
-- ## What it cannot see
-- A log that was never there: what is missing as a whole is told as coverage. Gaps before the first
-- and after the last record of a source, and gaps shorter than a day.
--
-- ## False positives
-- Tokens that nobody used. Exports that are late or partial. Accounts that were retired. It says where
-- to look, and that is why it is low whatever the gap.
--
-- ## What to do
-- Look at the diagnostic settings of the account or vault, and for their removal in the activity log.

WITH daily AS (
  SELECT source AS log, target_name AS logged_target,
    CAST(floor(date_part('epoch', time) / 86400) AS BIGINT) AS day,
    COUNT(*) AS records, MIN(time) AS first_record, MAX(time) AS last_record
  FROM events
  WHERE source IN ('storage', 'keyvault')
    AND target_name IS NOT NULL
  GROUP BY source, target_name, CAST(floor(date_part('epoch', time) / 86400) AS BIGINT)
),
governed_accounts AS (
  SELECT DISTINCT principal_id AS governor, account FROM governed WHERE principal_id IS NOT NULL
),
governors AS (
  SELECT DISTINCT governor AS known_governor FROM governed_accounts
),
-- Days of records of what a connector governs, and of each log as a whole.
heard AS (
  SELECT d.log, g.governor, d.day,
    MIN(date_part('epoch', d.first_record)) AS first_epoch, MAX(date_part('epoch', d.last_record)) AS last_epoch
  FROM daily AS d
  JOIN governed_accounts AS g ON d.logged_target = g.account
  WHERE d.log = 'storage'
  GROUP BY d.log, g.governor, d.day
  UNION ALL
  SELECT log, '' AS governor, day,
    MIN(date_part('epoch', first_record)) AS first_epoch, MAX(date_part('epoch', last_record)) AS last_epoch
  FROM daily
  GROUP BY log, day
),
tokens AS (
  SELECT t.event_uid, t.audience_kind AS log,
    CASE WHEN t.audience_kind = 'storage' THEN coalesce(k.known_governor, '') ELSE '' END AS governor,
    date_part('epoch', t.time) AS epoch,
    CAST(floor(date_part('epoch', t.time) / 86400) AS BIGINT) AS day
  FROM adac AS t
  LEFT JOIN governors AS k ON t.principal_id = k.known_governor
  WHERE t.source = 'signin'
    AND t.outcome = 'success'
    AND t.audience_kind IN ('storage', 'keyvault')
),
unheard_tokens AS (
  SELECT t.event_uid
  FROM tokens AS t
  -- The log was there before and after: else it is a matter of what was exported.
  JOIN coverage AS c
    ON c.source = t.log
    AND date_part('epoch', c.first_seen) <= t.epoch
    AND date_part('epoch', c.last_seen) >= t.epoch + 86400
  LEFT JOIN heard AS same ON same.log = t.log AND same.governor = t.governor AND same.day = t.day
  LEFT JOIN heard AS next ON next.log = t.log AND next.governor = t.governor AND next.day = t.day + 1
  WHERE NOT coalesce(same.last_epoch >= t.epoch, FALSE)
    AND NOT coalesce(next.first_epoch <= t.epoch + 86400, FALSE)
),
used_by_connectors AS (
  SELECT DISTINCT source AS used_log, target_name AS used_target
  FROM adac
  WHERE source IN ('storage', 'keyvault')
    AND target_name IS NOT NULL
),
silences AS (
  SELECT d.log, d.logged_target, d.last_record
  FROM (
    SELECT *,
      LEAD(day) OVER (PARTITION BY log, logged_target ORDER BY day) AS next_day,
      -- The last day of a log that is cut off is seldom whole.
      greatest(records, coalesce(LAG(records) OVER (PARTITION BY log, logged_target ORDER BY day), 0)) AS busiest
    FROM daily
  ) AS d
  JOIN used_by_connectors AS u ON d.log = u.used_log AND d.logged_target = u.used_target
  JOIN coverage AS c ON c.source = d.log
  WHERE d.busiest >= $busy_per_day
    -- Without a later record the silence lasts as long as the log does.
    AND coalesce(d.next_day, CAST(floor(date_part('epoch', c.last_seen) / 86400) AS BIGINT)) - d.day - 1 > $quiet_days
),
evidence AS (
  SELECT event_uid AS evidence_uid FROM unheard_tokens
  UNION
  SELECT e.event_uid AS evidence_uid
  FROM events AS e
  JOIN silences AS s ON e.source = s.log AND e.target_name = s.logged_target AND e.time = s.last_record
)
SELECT e.*
FROM events AS e
JOIN evidence AS v ON e.event_uid = v.evidence_uid
