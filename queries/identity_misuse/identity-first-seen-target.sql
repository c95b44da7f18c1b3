--! id = "identity-first-seen-target"
--! aliases = ["R46"]
--! title = "Databricks identity works with data that it never touched before"
--! severity = "low"
--! direction = "identity-misuse"
--! status = "stable"
--! profile = "hunting"
--! any_sources = ["storage", "keyvault", "sql"]
--! needs = ["baseline"]
--! attack = ["T1619", "T1580"]
--! group_by = ["principal_id", "target_id"]
--! details = ["op_class", "container", "src_ip", "user_agent"]
--! created = 2026-11-24
--! updated = 2026-11-24
--! references = ["https://learn.microsoft.com/azure/databricks/connect/unity-catalog/cloud-storage/manage-external-locations"]
--!
--! [params.baseline_days]
--! default = 7
--! why = "a week has seen the weekly jobs: before that, everything is new"

-- ## What it finds
-- A Databricks identity reads or writes an account, vault or database that the baseline has never
-- seen it with: low. Medium for an access connector whose external locations are known and are
-- elsewhere.
--
-- ## Why it matters
-- Stolen access is used to look around; honest jobs go where they went last week.
--
-- ## What it cannot see
-- What happened while no baseline was kept, and new containers of a known account.
--
-- ## False positives
-- New sources of data. Left out is a workspace identity in its own workspace's DBFS root.
--
-- ## What to do
-- Ask who brought the new source in. If nobody did, look at the whole session of the identity.

WITH known AS (
  SELECT principal_id, MIN(first_seen) AS since
  FROM baseline
  GROUP BY principal_id
),
had AS (
  SELECT DISTINCT principal_id, value
  FROM baseline
  WHERE dim = 'target'
),
locations AS (
  SELECT principal_id, account
  FROM governed
  WHERE principal_id IS NOT NULL
  GROUP BY principal_id, account
),
governed_identities AS (
  SELECT DISTINCT principal_id FROM locations
),
acts AS (
  SELECT * FROM dbmi WHERE identity_kind <> 'first_party'
  UNION ALL
  SELECT * FROM adac
)
SELECT e.*,
  CASE
    WHEN e.source = 'storage' AND g.principal_id IS NOT NULL AND l.account IS NULL THEN 'medium'
    ELSE 'low'
  END AS severity
FROM acts AS e
JOIN known ON e.principal_id = known.principal_id
LEFT JOIN had ON e.principal_id = had.principal_id AND e.target_id = had.value
LEFT JOIN governed_identities AS g ON e.principal_id = g.principal_id
LEFT JOIN locations AS l ON e.principal_id = l.principal_id AND e.target_name = l.account
WHERE e.plane = 'data'
  AND e.op_class <> 'storage_probe'
  AND e.outcome = 'success'
  AND e.target_id IS NOT NULL
  -- A workspace identity's own DBFS root is its own. For a connector it is data like any other.
  AND NOT (e.is_dbfs_root AND e.stream = 'dbmi' AND (e.own_scope OR e.workspace_rid IS NULL OR e.target_id IS NULL))
  AND had.value IS NULL
  AND date_part('epoch', e.time) - date_part('epoch', known.since) >= $baseline_days * 86400
