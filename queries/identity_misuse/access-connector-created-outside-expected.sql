--! id = "access-connector-created-outside-expected"
--! aliases = ["R37"]
--! title = "Access connector is made by hand"
--! severity = "medium"
--! direction = "identity-misuse"
--! status = "stable"
--! profile = "hunting"
--! sources = ["activity"]
--! attack = ["T1098"]
--! group_by = ["principal_id", "target_id"]
--! details = ["operation", "connectors_beside_it", "principal_name", "src_ip"]
--! created = 2026-11-24
--! updated = 2026-11-24
--! references = ["https://learn.microsoft.com/azure/databricks/connect/unity-catalog/cloud-storage/azure-managed-identities"]

-- ## What it finds
-- An access connector is created: medium in a resource group that has no other (by the inventory and
-- the logs, `connectors_beside_it`), or in a managed resource group, where only Databricks makes
-- them; low beside others. A failed write of a connector that is not known is one severity lower.
--
-- ## Why it matters
-- A new connector is a new identity for data. Made where nobody looks for one, it waits for roles.
--
-- ## What it cannot see
-- Creations that the log does not mark as such (sub-status `Created`, on whichever record of the
-- operation). Whether the identity ever gets a role: other rules find that.
--
-- ## False positives
-- Teams that deploy connectors of their own; name them as expected, with the resource group as
-- target. What Databricks' own application makes with a workspace is left out.
--
-- ## What to do
-- Ask who made it what it is for. Look at the roles that its identity was given since.

WITH writes AS (
  SELECT *,
    -- A long-running creation says so in its Accept record only.
    bool_or(coalesce(lower(result_code) = 'created', FALSE)) OVER (
      PARTITION BY target_id, coalesce(correlation_id, event_uid)
    ) AS is_creation,
    regexp_replace(target_id, '/providers/.*$', '') AS place
  FROM events
  WHERE source = 'activity'
    AND operation = 'microsoft.databricks/accessconnectors/write'
),
known AS (
  SELECT DISTINCT rid, regexp_replace(rid, '/providers/.*$', '') AS place
  FROM connectors
),
places AS (
  SELECT place, count(*) AS connectors
  FROM known
  GROUP BY place
),
made AS (
  SELECT w.*,
    -- The connector itself does not count.
    coalesce(p.connectors, 0) - CASE WHEN k.rid IS NULL THEN 0 ELSE 1 END AS connectors_beside_it
  FROM writes AS w
  LEFT JOIN places AS p ON w.place = p.place
  LEFT JOIN known AS k ON w.target_id = k.rid
  WHERE w.phase = 'terminal'
    AND w.outcome <> 'unknown'
    AND (w.is_creation OR (w.outcome <> 'success' AND k.rid IS NULL))
    AND NOT (
      w.identity_kind = 'first_party'
      -- Of a workspace newer than the inventory the resource group is not known, but the name is.
      AND (w.in_managed_rg OR coalesce(w.target_id, '') LIKE '%/accessconnectors/unity-catalog-access-connector')
    )
)
SELECT *,
  CASE
    WHEN connectors_beside_it = 0 OR in_managed_rg THEN CASE WHEN outcome = 'success' THEN 'medium' ELSE 'low' END
    ELSE CASE WHEN outcome = 'success' THEN 'low' ELSE 'informational' END
  END AS severity
FROM made
