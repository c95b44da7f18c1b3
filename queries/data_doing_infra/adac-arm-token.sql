--! id = "adac-arm-token"
--! aliases = ["R23"]
--! title = "Access connector obtains a token for Azure Resource Manager"
--! severity = "medium"
--! direction = "data-doing-infra"
--! status = "experimental"
--! profile = "hunting"
--! sources = ["signin"]
--! attack = ["T1528"]
--! group_by = ["principal_id"]
--! details = ["audience_app_id", "target_name", "token_uti", "next_management"]
--! created = 2026-11-24
--! updated = 2026-11-24
--! references = ["https://learn.microsoft.com/azure/databricks/connect/unity-catalog/cloud-storage/manage-external-locations", "https://learn.microsoft.com/entra/identity/managed-identities-azure-resources/how-to-view-managed-identity-activity"]
--!
--! [params.use_within_hours]
--! default = 24
--! why = "tokens of managed identities are cached for up to 24 hours: use may follow that late"

-- ## What it finds
-- The identity of an access connector asks Entra ID for a token with which resources are managed. It
-- is medium where the connector is known to have no file events, or where a management operation
-- of the same identity follows within a day; low where it is not known whether it has file events.
-- A failed sign-in is one severity lower.
--
-- ## Why it matters
-- Data needs no such token: storage, vaults and databases have audiences of their own. It comes before
-- everything that the identity can do to resources, and reads of resources leave no other trace.
--
-- ## What it cannot see
-- What the token was used for, and from where: sign-ins of managed identities carry no address. A
-- token from a cache makes no new sign-in. Without the Activity Log no use of it is seen.
--
-- ## False positives
-- File events create queues and subscriptions: connectors that are known to have them are left out.
-- Databricks may ask for such a token when it validates a credential; that was not verified, and is why
-- the rule is for hunting.
--
-- ## What to do
-- Look at what the identity did next (`next_management`, `token_uti`) and at which roles it holds.

WITH file_events AS (
  -- An identity can serve several connectors: one that has file events is enough to have a reason, and
  -- all must be known to have none for there to be none.
  SELECT principal_id,
    coalesce(bool_or(file_events), FALSE) AS known,
    bool_or(coalesce(file_events, TRUE)) AS possible
  FROM connectors
  GROUP BY principal_id
),
tokens_and_use AS (
  SELECT *,
    -- From the last event back: what comes next was seen before, and no event has to wait for it.
    MIN(CASE WHEN source = 'activity' THEN time END) OVER (
      PARTITION BY principal_id
      ORDER BY time DESC
      RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
    ) AS next_use
  FROM adac
  WHERE (source = 'signin' AND audience_kind = 'arm')
    OR (source = 'activity' AND plane = 'management' AND phase = 'terminal' AND outcome <> 'unknown')
),
tokens AS (
  SELECT t.*,
    CASE
      -- Events without an object id are not known to be of one identity.
      WHEN t.principal_id IS NOT NULL
        AND date_part('epoch', t.next_use) - date_part('epoch', t.time) <= $use_within_hours * 3600
        THEN t.next_use
    END AS next_management,
    coalesce(f.possible, TRUE) AS may_have_file_events
  FROM tokens_and_use AS t
  LEFT JOIN file_events AS f ON t.principal_id = f.principal_id
  WHERE t.source = 'signin'
    AND t.outcome <> 'unknown'
    AND NOT coalesce(f.known, FALSE)
)
SELECT *,
  CASE
    WHEN outcome = 'success' AND (next_management IS NOT NULL OR NOT may_have_file_events) THEN 'medium'
    WHEN outcome = 'success' OR NOT may_have_file_events THEN 'low'
    ELSE 'informational'
  END AS severity
FROM tokens
