--! id = "dbmi-firstparty-unlisted-vault"
--! aliases = ["R04"]
--! title = "Databricks' own application works with a vault that backs no secret scope"
--! severity = "medium"
--! direction = "infra-doing-data"
--! status = "experimental"
--! profile = "hunting"
--! sources = ["keyvault", "databricks"]
--! attack = ["T1555.006"]
--! group_by = ["principal_id", "target_id"]
--! details = ["operation", "container", "object_path", "src_ip", "scope_seconds_away"]
--! created = 2026-11-24
--! updated = 2026-11-24
--! references = ["https://learn.microsoft.com/azure/databricks/security/secrets/", "https://learn.microsoft.com/azure/key-vault/general/logging"]
--!
--! [params.near_minutes]
--! default = 5
--! why = "Databricks reads the vault while somebody waits for the secret; five minutes cover clocks and late delivery"
--!
--! [params.setup_minutes]
--! default = 60
--! why = "who makes a scope tries it out at once, before it is on anybody's list"

-- ## What it finds
-- Databricks' own application reads or lists secrets of a vault of which nothing says that it backs
-- a secret scope, or changes secrets of any vault, which scopes never do (one severity higher). A
-- refused attempt is found one severity lower.
--
-- Where the configuration lists expected vaults for this rule, the list decides, and a read within
-- the hour in which a scope on the vault is made is informational. Without a list, a vault is known
-- when a scope on it is made in the logs, or when at least one of its reads goes with a `getSecret`
-- in a workspace a few minutes before or after.
--
-- ## Why it matters
-- One application reads for all workspaces of the tenant. Whoever may make a scope can turn it on
-- any vault that trusts it.
--
-- ## What it cannot see
-- Which workspace a read was for. Without a list, a vault that was put behind a scope and read
-- through Databricks looks known. Without any `getSecret` in the logs, or outside the time that the
-- Databricks logs cover, reads are not judged.
--
-- ## False positives
-- Workspaces whose secrets log is not exported. Scopes that are used only where no `getSecret` is
-- logged.
--
-- ## What to do
-- Compare with `databricks secrets list-scopes` of every workspace. Take the application's access
-- away from vaults that back no scope.

WITH uses AS (
  SELECT *,
    coalesce(target_name, target_id) AS vault,
    CAST(floor(date_part('epoch', time) / ($near_minutes * 60)) AS BIGINT) AS slot
  FROM dbmi
  WHERE source = 'keyvault'
    AND identity_kind = 'first_party'
    AND outcome <> 'unknown'
    AND op_class IN ('secret_read', 'secret_write')
),
asked AS (
  SELECT time, CAST(floor(date_part('epoch', time) / ($near_minutes * 60)) AS BIGINT) AS slot
  FROM events
  WHERE source = 'databricks' AND op_class = 'dbx_secret_read'
),
-- Slots and their neighbours, so that the join is one on equality.
asked_near AS (
  SELECT time, slot FROM asked
  UNION ALL
  SELECT time, slot - 1 AS slot FROM asked
  UNION ALL
  SELECT time, slot + 1 AS slot FROM asked
),
matched AS (
  SELECT DISTINCT u.vault
  FROM uses AS u
  JOIN asked_near AS a ON u.slot = a.slot
  WHERE u.op_class = 'secret_read'
    AND abs(date_part('epoch', u.time) - date_part('epoch', a.time)) <= $near_minutes * 60
),
made AS (
  SELECT regexp_replace(lower(request_body), '^.*?([a-z0-9-]+)[.]vault[.]azure[.]net.*$', '\1') AS vault, time
  FROM events
  WHERE source = 'databricks'
    AND operation LIKE '%secrets/createscope'
    AND outcome NOT IN ('failure', 'denied')
),
scopes AS (
  SELECT u.event_uid, MIN(abs(date_part('epoch', u.time) - date_part('epoch', m.time))) AS seconds_away
  FROM uses AS u
  JOIN made AS m ON u.vault = m.vault
  GROUP BY u.event_uid
),
known AS (
  SELECT
    (SELECT COUNT(*) FROM expected WHERE rule_id = 'dbmi-firstparty-unlisted-vault') > 0 AS has_list,
    (SELECT COUNT(*) FROM asked) > 0 AS has_reads,
    (SELECT MIN(first_seen) FROM coverage WHERE source = 'databricks') AS covered_from,
    (SELECT MAX(last_seen) FROM coverage WHERE source = 'databricks') AS covered_to
)
SELECT u.*,
  s.seconds_away AS scope_seconds_away,
  CASE
    WHEN u.op_class = 'secret_write' THEN CASE WHEN u.outcome = 'success' THEN 'high' ELSE 'medium' END
    WHEN s.seconds_away <= $setup_minutes * 60 THEN 'informational'
    WHEN u.outcome = 'success' THEN 'medium'
    ELSE 'low'
  END AS severity
FROM uses AS u
CROSS JOIN known AS k
LEFT JOIN matched AS m ON u.vault = m.vault
LEFT JOIN scopes AS s ON u.event_uid = s.event_uid
WHERE u.op_class = 'secret_write'
  OR k.has_list
  OR (
    k.has_reads
    AND u.time BETWEEN k.covered_from AND k.covered_to
    AND m.vault IS NULL
    AND s.event_uid IS NULL
  )
