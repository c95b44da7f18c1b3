--! id = "dbmi-name-impersonation"
--! aliases = ["R39"]
--! title = "Somebody else's identity carries a Databricks identity's name"
--! severity = "high"
--! direction = "identity-misuse"
--! status = "stable"
--! profile = "core"
--! any_sources = ["activity", "signin", "entra_audit"]
--! needs = ["workspaces"]
--! attack = ["T1036.010"]
--! group_by = ["principal_id", "impostor"]
--! details = ["impostor", "operation", "target_name", "principal_name", "src_ip", "classified_by"]
--! created = 2026-11-24
--! updated = 2026-11-30
--! references = ["https://learn.microsoft.com/azure/databricks/connect/unity-catalog/cloud-storage/azure-managed-identities", "https://learn.microsoft.com/entra/identity/managed-identities-azure-resources/how-manage-user-assigned-managed-identities"]

-- ## What it finds
-- An identity named `dbmanagedidentity` or a connector named `unity-catalog-access-connector` is
-- written outside of every managed resource group, in a subscription whose workspaces are known. An
-- application of one of these names is registered, or an object in Entra ID is given one by a person.
-- Anything that is done under such a name by a principal that is none of Databricks' (`impostor` is
-- the one with the name). A failed attempt is medium.
--
-- ## Why it matters
-- Sign-in logs show workspace identities and automatic connectors by these names alone, the same in
-- every workspace. Whoever carries one is passed over by people and by rules that go by names.
--
-- ## What it cannot see
-- Names in subscriptions of which no workspace is known, and names that differ by a letter. Whether
-- the name was given to deceive.
--
-- ## False positives
-- A workspace that is newer than the inventory: what Databricks' own application makes is left out,
-- but its identity stands out once it acts. The identity of a workspace in another subscription than
-- the inventory is of: sign-ins are a tenant's, lists of workspaces and identities a subscription's, so
-- export those of all. Connectors that somebody made by hand from an example.
--
-- ## What to do
-- Find out whose identity it is, what it is attached to and which roles it has. If the inventory is
-- old, export it again; if the name is an accident, give the identity another one.

WITH covered AS (
  SELECT DISTINCT split_part(rid, '/', 3) AS subscription
  FROM workspaces
),
found AS (
  SELECT e.*, e.target_id AS impostor
  FROM events AS e
  JOIN covered AS c ON e.subscription_id = c.subscription
  WHERE e.source = 'activity'
    AND NOT e.in_managed_rg
    AND e.identity_kind <> 'first_party'
    AND (
      (
        e.operation = 'microsoft.managedidentity/userassignedidentities/write'
        AND e.target_id LIKE '%/userassignedidentities/dbmanagedidentity'
      )
      OR (
        e.operation = 'microsoft.databricks/accessconnectors/write'
        AND e.target_id LIKE '%/accessconnectors/unity-catalog-access-connector'
      )
    )
  UNION ALL
  SELECT *, coalesce(assignee_id, target_name) AS impostor
  FROM events
  WHERE source = 'entra_audit'
    AND target_name IN ('dbmanagedidentity', 'unity-catalog-access-connector')
    AND coalesce(assignee_stream, 'other') NOT IN ('dbmi', 'adac')
    AND (
      operation IN ('add application', 'update application')
      -- Of a managed identity the service principal is made by Azure, for Databricks' own as well.
      OR (operation IN ('add service principal', 'update service principal') AND identity_kind = 'user')
    )
  UNION ALL
  SELECT *, coalesce(principal_id, app_id) AS impostor
  FROM events
  WHERE name_spoof
)
SELECT *,
  CASE WHEN outcome = 'success' THEN 'high' ELSE 'medium' END AS severity
FROM found
WHERE phase = 'terminal'
  AND outcome <> 'unknown'
