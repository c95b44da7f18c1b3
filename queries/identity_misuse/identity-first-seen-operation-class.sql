--! id = "identity-first-seen-operation-class"
--! aliases = ["R47"]
--! title = "Databricks identity does something that it never did before"
--! severity = "low"
--! direction = "identity-misuse"
--! status = "stable"
--! profile = "hunting"
--! any_sources = ["activity", "storage", "keyvault", "sql"]
--! needs = ["baseline"]
--! attack = ["T1078.004"]
--! group_by = ["principal_id", "op_class"]
--! details = ["op_class", "target_name", "src_ip"]
--! created = 2026-11-24
--! updated = 2026-11-24
--! references = ["https://learn.microsoft.com/azure/databricks/admin/account-settings/audit-logs"]
--!
--! [params.baseline_days]
--! default = 7
--! why = "a week has seen the weekly jobs: before that, everything is new"

-- ## What it finds
-- A Databricks identity does a kind of thing that the baseline has never seen it do. Medium where it
-- deletes, changes access rights, lists keys, writes secrets or switches logs; low otherwise.
--
-- ## Why it matters
-- An identity that changes its habits has changed hands, or has been given more than it needs.
--
-- ## What it cannot see
-- Kinds of operations that are not told apart, and what happened while no baseline was kept.
--
-- ## False positives
-- New features: the first deletion by retention, the first key of a new encryption.
--
-- ## What to do
-- Compare with the changes of the platform of that day. The operations are in the evidence.

WITH known AS (
  SELECT principal_id, MIN(first_seen) AS since
  FROM baseline
  GROUP BY principal_id
),
had AS (
  SELECT DISTINCT principal_id, value
  FROM baseline
  WHERE dim = 'op_class'
),
acts AS (
  SELECT * FROM dbmi WHERE identity_kind <> 'first_party'
  UNION ALL
  SELECT * FROM adac
)
SELECT e.*,
  CASE
    WHEN e.op_class IN (
      'blob_delete', 'acl_change', 'role_assign', 'role_revoke', 'key_listing', 'sas_listing', 'secret_write',
      'diag_write', 'diag_delete', 'command_run', 'identity_manage'
    ) THEN 'medium'
    ELSE 'low'
  END AS severity
FROM acts AS e
JOIN known ON e.principal_id = known.principal_id
LEFT JOIN had ON e.principal_id = had.principal_id AND e.op_class = had.value
WHERE e.plane IN ('data', 'management')
  AND e.source NOT IN ('signin', 'inventory')
  AND e.op_class NOT IN ('other', 'storage_probe')
  AND e.phase = 'terminal'
  AND e.outcome = 'success'
  AND had.value IS NULL
  AND date_part('epoch', e.time) - date_part('epoch', known.since) >= $baseline_days * 86400
