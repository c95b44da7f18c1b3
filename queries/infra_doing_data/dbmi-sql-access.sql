--! id = "dbmi-sql-access"
--! aliases = ["R06"]
--! title = "Workspace identity logs in to a SQL database"
--! severity = "high"
--! direction = "infra-doing-data"
--! status = "stable"
--! profile = "core"
--! sources = ["sql"]
--! attack = ["T1078.004", "T1213"]
--! group_by = ["principal_id", "target_id"]
--! details = ["operation", "app_id", "target_name", "container", "object_path", "src_ip"]
--! created = 2026-11-24
--! updated = 2026-11-24
--! references = ["https://learn.microsoft.com/azure/azure-sql/database/authentication-aad-overview", "https://learn.microsoft.com/azure/azure-sql/database/audit-log-format"]

-- ## What it finds
-- A workspace identity logs in to Azure SQL or Synapse, or runs a statement there. Every audited
-- action counts, also one that is in no table of known actions: there is nothing in a database that
-- the machinery of a workspace has to do. A refused login or failed statement is found one severity
-- lower.
--
-- ## Why it matters
-- Somebody made a database user for the identity that all code on a workspace's clusters can
-- borrow. Rows read in this way pass by Unity Catalog, and the audit names no person.
--
-- ## What it cannot see
-- Servers without auditing. The audit names applications by their client id: an identity is
-- recognised only where an inventory or another log tells its client id. SQL logins with a password
-- name nobody.
--
-- ## False positives
-- Jobs for which somebody created an external user for `dbmanagedidentity` on purpose. List the
-- database as expected, with an end, and give the job an identity of its own.
--
-- ## What to do
-- Find the user in the database (`sys.database_principals`, by its SID) and what it was granted,
-- and drop it. Read the statements in the audit, which are not kept here.

SELECT *,
  CASE WHEN outcome = 'success' THEN 'high' ELSE 'medium' END AS severity
FROM dbmi
WHERE source = 'sql'
  AND outcome <> 'unknown'
