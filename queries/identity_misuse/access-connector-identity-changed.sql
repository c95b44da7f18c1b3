--! id = "access-connector-identity-changed"
--! aliases = ["R36"]
--! title = "Access connector gets another identity"
--! severity = "medium"
--! direction = "identity-misuse"
--! status = "stable"
--! profile = "core"
--! sources = ["activity"]
--! attack = ["T1098"]
--! group_by = ["principal_id", "target_id"]
--! details = ["operation", "change", "identity_type", "identity_type_before", "own_identity", "user_assigned", "principal_name", "src_ip"]
--! created = 2026-11-24
--! updated = 2026-11-24
--! references = ["https://learn.microsoft.com/azure/databricks/connect/unity-catalog/cloud-storage/azure-managed-identities", "https://learn.microsoft.com/azure/templates/microsoft.databricks/accessconnectors"]

-- ## What it finds
-- A connector is written with another kind of identity, other user-assigned identities or another
-- object id than it had at its write before, or had by the inventory; or it is deleted and made again
-- under its name. `change` says which. A deletion alone is low, and so is an update that is logged
-- without a body, for it may be such a change. A failed attempt is one severity lower.
--
-- ## Why it matters
-- Storage credentials name the connector, roles name its identity. Who exchanges the identity
-- decides with whose rights Unity Catalog reads, without touching a grant. Roles of the identity that
-- is gone stay behind and are counted for nothing in reviews.
--
-- ## What it cannot see
-- The identity before the first write in the logs, beyond what the inventory says. A change that the
-- write's body does not show. A creation whose records do not say that it is one looks like an update.
--
-- ## False positives
-- Deployments that move a connector to an identity of its own. Connectors that Databricks itself
-- makes and remakes in managed resource groups are left out.
--
-- ## What to do
-- Ask who deploys connectors whether this was planned. Take the roles of the old identity away, and
-- look at which roles the new one has: they are what Unity Catalog can now reach.

WITH own_identities AS (
  SELECT arm_id, count(DISTINCT principal_id) AS known
  FROM identities
  WHERE stream = 'adac'
    AND arm_id LIKE '%/providers/microsoft.databricks/accessconnectors/%'
  GROUP BY arm_id
),
operations AS (
  SELECT *,
    -- A long-running creation says so in its Accept record only.
    bool_or(coalesce(lower(result_code) = 'created', FALSE)) OVER (
      PARTITION BY target_id, coalesce(correlation_id, event_uid)
    ) AS is_creation,
    operation LIKE '%/delete' AS is_deletion,
    -- The answer is what is; the request what was wanted. Three braces deep lie the identities.
    coalesce(
      regexp_match(lower(response_body), '"identity":(\{(?:[^{}]|\{(?:[^{}]|\{[^{}]*\})*\})*\})')[1],
      regexp_match(lower(request_body), '"identity":(\{(?:[^{}]|\{(?:[^{}]|\{[^{}]*\})*\})*\})')[1]
    ) AS block
  FROM events
  WHERE source = 'activity'
    AND operation IN ('microsoft.databricks/accessconnectors/write', 'microsoft.databricks/accessconnectors/delete')
),
-- What is said of each identity goes, and with it identities that are taken off: theirs is null.
flat AS (
  SELECT *, regexp_replace(block, ':\{"[^{}]*\}', ':{}', 'g') AS text
  FROM operations
  WHERE phase = 'terminal'
    AND outcome <> 'unknown'
),
stated AS (
  SELECT * EXCEPT (block, text),
    replace(regexp_match(text, '"type":"([^"]*)"')[1], ' ', '') AS identity_type,
    regexp_match(text, '"principalid":"([^"]*)"')[1] AS own_identity,
    -- What is left are the user-assigned identities, in whatever order: sorted.
    array_to_string(
      array_sort(
        string_to_array(
          trim(
            BOTH ',' FROM regexp_replace(
              regexp_replace(text, '"(type|principalid|tenantid)":"[^"]*"|"userassignedidentities":(null)?', '', 'g'),
              '[{}:,"]+', ',', 'g'
            )
          ),
          ','
        )
      ),
      ', '
    ) AS user_assigned
  FROM flat
),
sequence AS (
  SELECT *,
    last_value(CASE WHEN outcome = 'success' THEN identity_type END) IGNORE NULLS OVER before AS identity_type_before,
    last_value(CASE WHEN outcome = 'success' THEN own_identity END) IGNORE NULLS OVER before AS own_identity_before,
    last_value(CASE WHEN outcome = 'success' THEN user_assigned END) IGNORE NULLS OVER before AS user_assigned_before,
    coalesce(last_value(CASE WHEN outcome = 'success' THEN is_deletion END) IGNORE NULLS OVER before, FALSE)
      AS was_deleted,
    MIN(CASE WHEN outcome = 'success' AND NOT is_deletion THEN time END) OVER after IS NOT NULL AS is_written_later,
    MIN(CASE WHEN outcome = 'success' THEN time END) OVER after IS NOT NULL AS is_followed
  FROM stated
  -- Without a target nothing tells connectors apart: each stands for itself.
  WINDOW
    before AS (
      PARTITION BY coalesce(target_id, event_uid) ORDER BY time, event_uid
      ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
    ),
    after AS (
      PARTITION BY coalesce(target_id, event_uid) ORDER BY time, event_uid
      ROWS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING
    )
),
judged AS (
  SELECT s.*,
    CASE
      WHEN is_deletion AND outcome = 'success' AND is_written_later THEN 'deleted and made again'
      WHEN is_deletion THEN 'deleted'
      WHEN was_deleted THEN 'deleted and made again'
      WHEN identity_type <> identity_type_before THEN 'kind of identity'
      WHEN own_identity <> own_identity_before THEN 'object id'
      WHEN user_assigned <> user_assigned_before THEN 'user-assigned identities'
      -- The first write in the logs: the inventory has what the connector was, or became.
      WHEN identity_type_before IS NULL AND NOT is_creation AND coalesce(k.known, 0) > 0
        AND identity_type NOT LIKE '%systemassigned%' THEN 'kind of identity'
      WHEN own_identity_before IS NULL AND own_identity IS NOT NULL AND coalesce(k.known, 0) > 1
        AND NOT is_followed THEN 'object id'
      WHEN request_body IS NULL AND response_body IS NULL AND NOT is_creation AND outcome = 'success' THEN 'not logged'
    END AS change
  FROM sequence AS s
  LEFT JOIN own_identities AS k ON s.target_id = k.arm_id
  WHERE NOT (identity_kind = 'first_party' AND in_managed_rg)
)
SELECT *,
  CASE
    WHEN change IN ('deleted', 'not logged') AND outcome = 'success' THEN 'low'
    WHEN change = 'deleted' THEN 'informational'
    WHEN outcome = 'success' THEN 'medium'
    ELSE 'low'
  END AS severity
FROM judged
WHERE change IS NOT NULL
