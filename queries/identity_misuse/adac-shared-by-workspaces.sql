--! id = "adac-shared-by-workspaces"
--! aliases = ["R38"]
--! title = "Several workspaces use one access connector"
--! severity = "medium"
--! direction = "identity-misuse"
--! status = "experimental"
--! profile = "posture"
--! any_sources = ["databricks", "storage", "signin"]
--! needs = ["connectors"]
--! attack = ["T1078.004"]
--! group_by = ["connector_rid"]
--! details = ["connector_rid", "used_by", "refered_by_count", "operation"]
--! subject = "assignee_id"
--! created = 2026-11-24
--! updated = 2026-11-24
--! references = ["https://learn.microsoft.com/azure/databricks/connect/unity-catalog/cloud-storage/azure-managed-identities", "https://learn.microsoft.com/azure/databricks/data-governance/unity-catalog/best-practices"]

-- ## What it finds
-- One connector whose credentials are handed out or managed in more than one workspace, by the
-- workspaces' own logs (`used_by`): its evidence is these events. Also a connector that more than one
-- resource refers to by the inventory; where no workspace's log names it, the finding shows the first
-- event of its identity.
--
-- ## Why it matters
-- In storage logs all these workspaces are one principal. An access cannot be traced back to one of
-- them, and whoever can use the connector in one can reach the data of the others.
--
-- ## What it cannot see
-- Credentials whose events do not name the connector; not every version of the logs does. Connectors
-- that are shared but not used while the logs last, and in no inventory as such.
--
-- ## False positives
-- One connector for the root of a metastore that many workspaces are attached to is an ordinary
-- design: name it as expected. That is why the rule runs only when asked for.
--
-- ## What to do
-- Give each workspace, or each group of data that belongs together, a connector of its own, and bind
-- storage credentials to the workspaces that need them.

WITH shared_connectors AS (
  SELECT rid, min(principal_id) AS identity_id, max(refered_by_count) AS refered_by_count
  FROM connectors
  GROUP BY rid
),
uses AS (
  SELECT *, coalesce(workspace_rid, target_id, target_name) AS used_by
  FROM events
  WHERE source = 'databricks'
    AND op_class IN ('uc_vend', 'uc_credential_manage')
    AND outcome = 'success'
    AND principal_ref IS NOT NULL
),
counted AS (
  SELECT principal_ref AS counted_ref, COUNT(DISTINCT used_by) AS workspaces
  FROM uses
  GROUP BY principal_ref
),
-- Without an event that names the connector, its identity's first stands for it.
deeds AS (
  SELECT a.*, c.rid, c.refered_by_count,
    ROW_NUMBER() OVER (PARTITION BY c.rid ORDER BY a.time, a.event_uid) AS nth
  FROM adac AS a
  JOIN connectors AS c ON a.principal_id = c.principal_id
  LEFT JOIN (SELECT DISTINCT principal_ref FROM uses) AS u ON c.rid = u.principal_ref
  WHERE c.refered_by_count > 1
    AND u.principal_ref IS NULL
    AND a.outcome <> 'unknown'
)
SELECT
  u.* EXCEPT (assignee_id),
  c.identity_id AS assignee_id,
  u.principal_ref AS connector_rid,
  c.refered_by_count
FROM counted AS n
LEFT JOIN shared_connectors AS c ON n.counted_ref = c.rid
JOIN uses AS u ON n.counted_ref = u.principal_ref
WHERE n.workspaces > 1 OR c.refered_by_count > 1
UNION ALL BY NAME
SELECT
  * EXCEPT (assignee_id, rid, nth),
  principal_id AS assignee_id,
  rid AS connector_rid,
  CAST(NULL AS VARCHAR) AS used_by
FROM deeds
WHERE nth = 1
