--! id = "diagnostic-settings-removed"
--! aliases = ["R59"]
--! title = "Diagnostic logging is removed or switched off"
--! severity = "high"
--! direction = "governance"
--! status = "stable"
--! profile = "core"
--! sources = ["activity"]
--! attack = ["T1562.008", "T1685.002"]
--! group_by = ["principal_id", "target_id"]
--! details = ["operation", "principal_name", "src_ip", "written_again"]
--! created = 2026-11-24
--! updated = 2026-11-30
--! references = ["https://learn.microsoft.com/azure/azure-monitor/platform/diagnostic-settings"]
--!
--! [params.rename_within_minutes]
--! default = 5
--! why = "a rename is a delete and a write by the same deployment, seconds to a few minutes apart"

-- ## What it finds
-- A diagnostic setting is deleted, or written with a category switched off that the separation of
-- the two identities is watched by: storage reads, writes and deletes, vault audit, Unity Catalog,
-- workspace secrets, administrative events. So is one written with a group of categories switched
-- off, `allLogs` or `audit`, unless the other group is on. On a resource that is none of a workspace,
-- storage account, vault, SQL server, subscription or tenant it is one severity lower, as is a failed
-- attempt.
--
-- ## Why it matters
-- Every other rule is blind from then on. Writing logs is the workspace identity's job; nobody's
-- job is to stop them unseen.
--
-- ## What it cannot see
-- A category that a write leaves out without switching it off: that needs the setting before.
--
-- ## False positives
-- Renaming: the same principal writes another setting on the same resource in the minutes before, or
-- any setting there in the minutes after. Then it is low.
-- Resources that are being taken down with their settings.
--
-- ## What to do
-- Put the setting back. Look at what the same principal did while it was gone, in the logs of others.

WITH settings AS (
  SELECT *,
    regexp_replace(target_id, '/providers/microsoft\.[a-z]+/diagnosticsettings/.*$', '') AS watched,
    -- Some forms name people, but not by object id; of nobody it is not known that they are the same.
    coalesce(principal_id, principal_name, event_uid) AS who,
    op_class = 'diag_delete'
    OR regexp_like(
      coalesce(request_body, ''),
      -- A category beside what is false of it, in one object; a retention policy may lie between.
      '"category":"(storageread|storagewrite|storagedelete|auditevent|unitycatalog|secrets|administrative)"([^{}]|\{[^{}]*\})*"enabled":"?false|"enabled":"?false([^{}]|\{[^{}]*\})*"category":"(storageread|storagewrite|storagedelete|auditevent|unitycatalog|secrets|administrative)"',
      'i'
    )
    OR (
      -- A group of categories holds those. One of the two groups is off wherever the other is chosen.
      regexp_like(
        coalesce(request_body, ''),
        '"categorygroup":"(alllogs|audit)"([^{}]|\{[^{}]*\})*"enabled":"?false|"enabled":"?false([^{}]|\{[^{}]*\})*"categorygroup":"(alllogs|audit)"',
        'i'
      )
      AND NOT regexp_like(
        coalesce(request_body, ''),
        '"categorygroup":"(alllogs|audit)"([^{}]|\{[^{}]*\})*"enabled":"?true|"enabled":"?true([^{}]|\{[^{}]*\})*"categorygroup":"(alllogs|audit)"',
        'i'
      )
    ) AS switches_off
  FROM events
  WHERE op_class IN ('diag_write', 'diag_delete')
    AND phase = 'terminal'
    AND outcome <> 'unknown'
),
writes AS (
  SELECT *, CASE WHEN NOT switches_off AND outcome = 'success' THEN time END AS written
  FROM settings
),
-- Of one moment, writes come before what switches off.
neighbours AS (
  SELECT *,
    MAX(written) OVER (
      PARTITION BY who, watched ORDER BY time, switches_off, event_uid
      ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
    ) AS any_before,
    MAX(written) OVER (
      PARTITION BY who, watched, target_id ORDER BY time, switches_off, event_uid
      ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
    ) AS same_before,
    MIN(written) OVER (
      PARTITION BY who, watched ORDER BY time, switches_off, event_uid
      ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING
    ) AS written_after
  FROM writes
),
-- A rename writes another setting: one that is written and then deleted itself is gone. Where the last
-- write was of the setting itself, the last one of another is known since then.
renames AS (
  SELECT *,
    MAX(CASE WHEN same_before IS NULL OR any_before > same_before THEN any_before END) OVER (
      PARTITION BY who, watched, target_id ORDER BY time, switches_off, event_uid
      ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
    ) AS written_before
  FROM neighbours
),
judged AS (
  SELECT *,
    coalesce(
      CASE WHEN date_part('epoch', written_after) - date_part('epoch', time) <= $rename_within_minutes * 60
        THEN written_after END,
      CASE WHEN date_part('epoch', time) - date_part('epoch', written_before) <= $rename_within_minutes * 60
        THEN written_before END
    ) AS written_again,
    regexp_like(watched, '/providers/microsoft\.(databricks/workspaces|storage/storageaccounts|keyvault/vaults|sql/servers)/')
    OR regexp_like(watched, '^/subscriptions/[^/]+$')
    OR target_id LIKE '%microsoft.aadiam%' AS is_watched_by_rules
  FROM renames
)
SELECT *,
  CASE
    WHEN written_again IS NOT NULL THEN 'low'
    WHEN is_watched_by_rules AND outcome = 'success' THEN 'high'
    WHEN is_watched_by_rules OR outcome = 'success' THEN 'medium'
    ELSE 'low'
  END AS severity
FROM judged
WHERE switches_off
