--! id = "dbmi-data-audience-token"
--! aliases = ["R07"]
--! title = "Workspace identity obtains a token for a data service"
--! severity = "medium"
--! direction = "infra-doing-data"
--! status = "stable"
--! profile = "core"
--! sources = ["signin"]
--! attack = ["T1528", "T1550.001"]
--! group_by = ["principal_id", "audience_kind"]
--! details = ["audience_kind", "audience_app_id", "target_name", "token_uti", "next_data_use"]
--! created = 2026-11-24
--! updated = 2026-11-24
--! references = ["https://learn.microsoft.com/entra/identity/managed-identities-azure-resources/how-to-view-managed-identity-activity"]
--!
--! [params.use_within_hours]
--! default = 24
--! why = "tokens of managed identities are cached for up to 24 hours: use may follow that late"

-- ## What it finds
-- A workspace identity asks Entra ID for a token for storage, a database, an event service, a vault,
-- another workspace, or a service that is not known. Tokens for Azure Monitor, Azure Policy and
-- Azure Resource Manager are its job, as are the vault tokens of encryption identities.
--
-- ## Why it matters
-- It shows the intent even where the service itself writes no log. One token serves many calls.
--
-- ## What it cannot see
-- What the token was used for, and from where: sign-ins of managed identities carry no address. A
-- token from a cache makes no new sign-in.
--
-- ## False positives
-- Libraries that try every credential they find. Where the log of the service was read past the
-- sign-in, begins while the token can still be used, and shows no use by the same identity in the
-- hours that follow, the finding is low; a failed sign-in too.
--
-- ## What to do
-- Look for what the identity did next (`next_data_use`, `token_uti`). Take its data roles away, and
-- let code name the credential that it wants.

WITH tokens_and_use AS (
  SELECT *,
    -- From the last event back: what comes next was seen before, and no event has to wait for it.
    MIN(CASE WHEN plane = 'data' AND op_class <> 'storage_probe' THEN time END) OVER (
      PARTITION BY principal_id, audience_kind
      ORDER BY time DESC
      RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
    ) AS next_data_use
  FROM dbmi
  WHERE source = 'signin' OR plane = 'data'
)
SELECT t.*,
  CASE
    WHEN t.outcome <> 'success' THEN 'low'
    WHEN date_part('epoch', t.next_data_use) - date_part('epoch', t.time) <= $use_within_hours * 3600 THEN 'medium'
    WHEN logged.source IS NOT NULL THEN 'low'
    ELSE 'medium'
  END AS severity
FROM tokens_and_use AS t
-- Silence means something only where the service's own log was read, past the sign-in, and begins while
-- the token can still be used.
LEFT JOIN coverage AS logged
  ON logged.last_seen >= t.time
  AND date_part('epoch', logged.first_seen) <= date_part('epoch', t.time) + $use_within_hours * 3600
  AND logged.source = CASE t.audience_kind
    WHEN 'storage' THEN 'storage'
    WHEN 'keyvault' THEN 'keyvault'
    WHEN 'sql' THEN 'sql'
  END
WHERE t.source = 'signin'
  AND t.outcome <> 'unknown'
  AND t.identity_kind <> 'first_party'
  AND (
    t.audience_kind IN (
      'storage', 'sql', 'synapse', 'eventhub', 'servicebus', 'cosmos', 'kusto', 'databricks', 'powerbi', 'purview',
      'other'
    )
    OR (t.audience_kind = 'keyvault' AND t.identity_kind NOT IN ('storage_cmk', 'disk_cmk'))
  )
