--! id = "adac-identity-attached-elsewhere"
--! aliases = ["R33"]
--! title = "Identity of an access connector is attached to something else"
--! severity = "high"
--! direction = "identity-misuse"
--! status = "stable"
--! profile = "core"
--! sources = ["activity"]
--! needs = ["connectors"]
--! attack = ["T1098", "T1078.004"]
--! group_by = ["principal_id", "identity_rid"]
--! details = ["identity_rid", "operation", "target_id", "attached_to", "principal_name", "src_ip"]
--! created = 2026-11-24
--! updated = 2026-11-24
--! references = ["https://learn.microsoft.com/entra/identity/managed-identities-azure-resources/overview", "https://learn.microsoft.com/azure/databricks/connect/unity-catalog/cloud-storage/azure-managed-identities"]
--!
--! [params.connector_within_minutes]
--! default = 15
--! why = "who gives an identity to a connector assigns it and writes the connector in one deployment; long-running ones take minutes"

-- ## What it finds
-- A user-assigned identity that serves an access connector is assigned, or a resource that is no
-- Databricks resource is written with it in its `identity` block: a machine, a function, a cluster.
-- A failed attempt is medium. Also an identity that is at work while the inventory already has it
-- attached to such a resource; that finding shows its first event in the logs and is medium, for
-- which of the two acted is not known.
--
-- ## Why it matters
-- Whoever runs code on that resource gets the connector's tokens, and with them all data that Unity
-- Catalog was meant to stand in front of. In storage logs the two cannot be told apart.
--
-- ## What it cannot see
-- Attaching by a template whose resource is written without a body in the log. An assignment within
-- minutes of the same caller's write of a connector with this identity is taken to be for it. What
-- was attached before the logs begin and is in no inventory export. An identity with no events.
--
-- ## False positives
-- An identity that was shared on purpose: give the connector one of its own. Taking the identity off
-- a resource is left out.
--
-- ## What to do
-- Detach the identity from the resource. Tokens that it has got live for up to a day: look for data
-- access by this identity from outside of Databricks, and if there is any, give the connector a new
-- identity and take the roles of the old one away.

WITH connector_identities AS (
  SELECT
    arm_id AS identity_rid,
    max(attached_to) AS attached_to
  FROM identities
  WHERE stream = 'adac'
    AND arm_id LIKE '%/providers/microsoft.managedidentity/userassignedidentities/%'
  GROUP BY arm_id
),
-- Writes that state an identity block. A key with an object attaches, one with null takes away. Few
-- bodies name any identity: only those are compared with each of them.
writes AS (
  SELECT *, lower(coalesce(request_body, response_body)) AS body
  FROM events
  WHERE source = 'activity'
    AND phase = 'terminal'
    AND outcome <> 'unknown'
    AND operation LIKE '%/write'
    AND CASE WHEN coalesce(request_body, response_body) IS NULL THEN op_class = 'connector_manage'
      ELSE regexp_like(coalesce(request_body, response_body), '/userassignedidentities/', 'i') END
),
given AS (
  SELECT
    w.* EXCEPT (body),
    i.identity_rid,
    i.attached_to,
    w.operation LIKE 'microsoft.databricks/%' AS to_databricks
  FROM writes AS w
  JOIN connector_identities AS i
    ON contains(w.body, '"' || i.identity_rid || '":{')
    -- Of a connector's write that is logged without a body, the result tells.
    OR (
      w.body IS NULL
      AND contains(', ' || i.attached_to || ', ', ', ' || w.target_id || ', ')
    )
),
assigned AS (
  SELECT e.*, i.identity_rid, i.attached_to, FALSE AS to_databricks
  FROM events AS e
  JOIN connector_identities AS i ON e.target_id = i.identity_rid
  WHERE e.operation = 'microsoft.managedidentity/userassignedidentities/assign/action'
    AND e.phase = 'terminal'
    AND e.outcome <> 'unknown'
),
acts AS (
  SELECT *, FALSE AS is_assignment FROM given
  UNION ALL
  SELECT *, TRUE AS is_assignment FROM assigned
),
neighbours AS (
  SELECT *,
    MAX(CASE WHEN to_databricks THEN time END) OVER before AS connector_before,
    MIN(CASE WHEN to_databricks THEN time END) OVER after AS connector_after
  FROM acts
  -- Of nobody it is not known that they are the same.
  WINDOW
    before AS (
      PARTITION BY identity_rid, coalesce(principal_id, principal_name, event_uid) ORDER BY time
      ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
    ),
    after AS (
      PARTITION BY identity_rid, coalesce(principal_id, principal_name, event_uid) ORDER BY time
      ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING
    )
),
attached AS (
  SELECT
    * EXCEPT (to_databricks, is_assignment, connector_before, connector_after),
    CASE WHEN outcome = 'success' THEN 'high' ELSE 'medium' END AS severity
  FROM neighbours
  WHERE NOT to_databricks
    AND NOT (
      is_assignment
      AND (
        coalesce(
          date_part('epoch', time) - date_part('epoch', connector_before) <= $connector_within_minutes * 60,
          FALSE
        )
        OR coalesce(
          date_part('epoch', connector_after) - date_part('epoch', time) <= $connector_within_minutes * 60,
          FALSE
        )
      )
    )
),
deeds_of_shared AS (
  SELECT a.*, i.identity_rid, i.attached_to,
    ROW_NUMBER() OVER (PARTITION BY a.principal_id ORDER BY a.time, a.event_uid) AS nth
  FROM adac AS a
  JOIN identities AS k ON a.principal_id = k.principal_id
  JOIN connector_identities AS i ON k.arm_id = i.identity_rid
  WHERE a.identity_kind = 'adac_shared'
    AND a.outcome <> 'unknown'
    -- Several connectors may share an identity; what is left must name another resource.
    AND regexp_replace(i.attached_to, '[^ ,]*/providers/microsoft\.databricks/[^ ,]*', '', 'g') LIKE '%/providers/%'
)
SELECT * FROM attached
UNION ALL
-- The engine makes it medium: the identity's confidence is low because it is shared.
SELECT * EXCEPT (nth), 'high' AS severity
FROM deeds_of_shared
WHERE nth = 1
