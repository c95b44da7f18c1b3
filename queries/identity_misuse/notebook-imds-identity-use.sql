--! id = "notebook-imds-identity-use"
--! aliases = ["R61"]
--! title = "Workspace identity asks for a data token while somebody runs code"
--! severity = "medium"
--! direction = "identity-misuse"
--! status = "experimental"
--! profile = "hunting"
--! sources = ["signin", "databricks"]
--! attack = ["T1552.005"]
--! group_by = ["principal_id", "audience_kind", "databricks_user"]
--! details = ["databricks_user", "databricks_operation", "target_name", "token_uti"]
--! created = 2026-11-24
--! updated = 2026-11-24
--! references = ["https://learn.microsoft.com/azure/databricks/admin/account-settings/audit-logs", "https://learn.microsoft.com/entra/identity/managed-identities-azure-resources/how-to-use-vm-token"]
--!
--! [params.lead_minutes]
--! default = 30
--! why = "a cluster is up within ten minutes of its start, and code that borrows the identity does so when it first needs it"

-- ## What it finds
-- The identity of a workspace's machines gets a token for a data service within half an hour after
-- somebody made, changed or started a cluster of the same workspace, wrote a global init script, or
-- started a job or, where commands are logged, a command of a notebook. The finding names that
-- person. A failed request for a token is found one severity lower.
--
-- ## Why it matters
-- Sign-ins of a managed identity name no user. Who set code going just before is the first one to
-- ask.
--
-- ## What it cannot see
-- Code on a cluster that has been up for longer: without the verbose audit log, notebooks leave no
-- trace. Tokens that the machine had in its cache.
--
-- ## False positives
-- Everybody who is busy in the workspace is named, not only the one whose code it was. This is a
-- lead for hunting, beside dbmi-data-audience-token, and no proof.
--
-- ## What to do
-- Look at the named person's notebooks, jobs and init scripts for `ManagedIdentityCredential`,
-- `DefaultAzureCredential` or calls to 169.254.169.254. Turn on the verbose audit log.

WITH tokens AS (
  SELECT *, CAST(floor(date_part('epoch', time) / ($lead_minutes * 60)) AS BIGINT) AS slot
  FROM dbmi
  WHERE source = 'signin'
    AND identity_kind = 'uami'
    AND outcome <> 'unknown'
    AND audience_kind IN (
      'storage', 'keyvault', 'sql', 'synapse', 'eventhub', 'servicebus', 'cosmos', 'kusto', 'databricks', 'powerbi',
      'purview', 'other'
    )
),
acts AS (
  SELECT time, workspace_rid, principal_name, operation,
    CAST(floor(date_part('epoch', time) / ($lead_minutes * 60)) AS BIGINT) AS slot
  FROM events
  WHERE source = 'databricks'
    AND outcome NOT IN ('failure', 'denied')
    AND regexp_replace(operation, '^microsoft[.]databricks/', '') IN (
      'clusters/create', 'clusters/edit', 'clusters/start', 'clusters/restart', 'globalinitscripts/create',
      'globalinitscripts/update', 'jobs/runnow', 'jobs/submitrun', 'notebook/runcommand'
    )
    -- A word for Databricks itself is no person.
    AND (principal_name LIKE '%@%' OR app_id IS NOT NULL)
),
-- What was done in the slot before counts too; so the join is one on equality.
acts_near AS (
  SELECT time, workspace_rid, principal_name, operation, slot FROM acts
  UNION ALL
  SELECT time, workspace_rid, principal_name, operation, slot + 1 AS slot FROM acts
)
SELECT t.*,
  a.principal_name AS databricks_user,
  a.operation AS databricks_operation,
  CASE WHEN t.outcome = 'success' THEN 'medium' ELSE 'low' END AS severity
FROM tokens AS t
JOIN acts_near AS a ON t.workspace_rid = a.workspace_rid AND t.slot = a.slot
WHERE date_part('epoch', t.time) - date_part('epoch', a.time) BETWEEN 0 AND $lead_minutes * 60
