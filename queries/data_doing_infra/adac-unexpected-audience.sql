--! id = "adac-unexpected-audience"
--! aliases = ["R24"]
--! title = "Access connector obtains a token for a service that is not its job"
--! severity = "high"
--! direction = "data-doing-infra"
--! status = "stable"
--! profile = "core"
--! sources = ["signin"]
--! attack = ["T1550.001"]
--! group_by = ["principal_id", "audience_kind"]
--! details = ["audience_kind", "audience_app_id", "target_name", "token_uti"]
--! created = 2026-11-24
--! updated = 2026-11-24
--! references = ["https://learn.microsoft.com/azure/databricks/connect/unity-catalog/cloud-storage/azure-managed-identities"]
--!
--! [params.baseline_days]
--! default = 7
--! why = "a week has seen the weekly jobs: before that, everything is new"

-- ## What it finds
-- The identity of an access connector obtains a token for Microsoft Graph, for Azure Monitor or
-- Azure Policy, or for a service that is none of those that hold data: high, medium where it was
-- refused. Where a baseline is kept, a data service that this identity never asked for is low.
--
-- ## Why it matters
-- A connector reaches data. With a token for the directory, whoever holds it can look for the next
-- identity to take.
--
-- ## What it cannot see
-- What the token was used for. Tokens for Azure Resource Manager are left to
-- `adac-arm-token`, which knows of file events.
--
-- ## False positives
-- Service credentials of Unity Catalog for services that this list does not know. The first use of
-- a new external location, for the low ones.
--
-- ## What to do
-- Look for the code that asks (`token_uti` is in the service's own log). Use a service credential of
-- its own for what is not data.

WITH known AS (
  SELECT principal_id, MIN(first_seen) AS since
  FROM baseline
  GROUP BY principal_id
),
had AS (
  SELECT DISTINCT principal_id, value
  FROM baseline
  WHERE dim = 'audience'
)
SELECT a.*,
  CASE
    WHEN a.audience_kind NOT IN ('graph', 'monitor', 'policy', 'other') THEN 'low'
    WHEN a.outcome = 'success' THEN 'high'
    ELSE 'medium'
  END AS severity
FROM adac AS a
LEFT JOIN known ON a.principal_id = known.principal_id
LEFT JOIN had ON a.principal_id = had.principal_id AND a.audience_kind = had.value
WHERE a.source = 'signin'
  AND a.outcome <> 'unknown'
  AND a.audience_kind NOT IN ('none', 'arm')
  AND (
    a.audience_kind IN ('graph', 'monitor', 'policy', 'other')
    OR (
      had.value IS NULL
      AND date_part('epoch', a.time) - date_part('epoch', known.since) >= $baseline_days * 86400
    )
  )
