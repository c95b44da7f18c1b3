--! id = "shared-key-access-reenabled"
--! aliases = ["R58"]
--! title = "Account keys are allowed again on governed storage"
--! severity = "medium"
--! direction = "governance"
--! status = "stable"
--! profile = "hunting"
--! sources = ["activity"]
--! needs = ["governed"]
--! attack = ["T1578.005"]
--! group_by = ["who", "target_id"]
--! details = ["principal_name", "src_ip", "forbidden_before", "allowed_before", "body_from"]
--! created = 2026-11-24
--! updated = 2026-11-24
--! references = ["https://learn.microsoft.com/azure/storage/common/shared-key-authorization-prevent"]

-- ## What it finds
-- A write to a storage account with external locations whose request allows access with account keys.
-- Low where the last word on it in the same logs already allowed it, else medium; a failed attempt is
-- one severity lower.
--
-- ## Why it matters
-- Where keys work, everybody who may list them, or holds a signature made from one, reaches all data of
-- the account without a role or a name.
--
-- ## What it cannot see
-- The setting is looked for in the text of the request, in any spelling of case and space. A request
-- that leaves it out allows keys on a new account and changes nothing on an old one: neither is found.
-- What held before the logs begin. The portal's download has no requests.
--
-- ## False positives
-- Templates that say the default aloud. A workspace's own DBFS root, which cannot work without keys, is
-- left out.
--
-- ## What to do
-- Forbid shared key access again, and find out which client asked for it. Look for listed keys and for
-- access with keys from then on.

WITH governed_accounts AS (
  SELECT DISTINCT account
  FROM governed
),
settings AS (
  SELECT e.*,
    coalesce(e.principal_id, e.principal_name, e.event_uid) AS who,
    -- Where a body was no JSON, it is a text in which the quotes are escaped.
    regexp_like(e.request_body, 'allowsharedkeyaccess\\*"\s*:\s*\\*"?true', 'i') AS allows
  FROM events AS e
  JOIN governed_accounts AS g
    ON regexp_replace(e.target_id, '^.*/providers/microsoft\.storage/storageaccounts/([^/]+)$', '\1') = g.account
  WHERE e.source = 'activity'
    AND e.activity = 'write'
    AND e.phase = 'terminal'
    AND e.outcome <> 'unknown'
    AND NOT e.is_dbfs_root
    AND regexp_like(e.request_body, 'allowsharedkeyaccess\\*"\s*:\s*\\*"?(true|false)', 'i')
),
with_history AS (
  SELECT *,
    MAX(CASE WHEN NOT allows AND outcome = 'success' THEN time END) OVER earlier AS forbidden_before,
    MAX(CASE WHEN allows AND outcome = 'success' THEN time END) OVER earlier AS allowed_before
  FROM settings
  WINDOW earlier AS (
    PARTITION BY target_id ORDER BY time, event_uid ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
  )
)
SELECT *,
  CASE
    WHEN allowed_before IS NOT NULL AND (forbidden_before IS NULL OR forbidden_before < allowed_before)
      THEN CASE WHEN outcome = 'success' THEN 'low' ELSE 'informational' END
    ELSE CASE WHEN outcome = 'success' THEN 'medium' ELSE 'low' END
  END AS severity
FROM with_history
WHERE allows
