--! id = "unknown-databricks-identity"
--! aliases = ["R40"]
--! title = "Databricks identity that the inventory does not have"
--! severity = "informational"
--! direction = "identity-misuse"
--! status = "stable"
--! profile = "hunting"
--! any_sources = ["activity", "signin", "storage", "keyvault", "sql"]
--! needs = ["workspaces"]
--! attack = ["T1078.004"]
--! group_by = ["known_as"]
--! details = ["because", "arm_id", "op_class", "target_name", "src_ip"]
--! created = 2026-11-24
--! updated = 2026-11-24
--! references = ["https://learn.microsoft.com/azure/databricks/connect/unity-catalog/cloud-storage/azure-managed-identities", "https://learn.microsoft.com/cli/azure/databricks/access-connector"]

-- ## What it finds
-- Everything done by a principal that only its token, its machine or its name shows to be a
-- workspace identity or an access connector (`because`), while the inventory has workspaces. It is
-- medium where the inventory should have it: a connector in a subscription of which other connectors
-- are listed, or the identity of an unknown workspace in a subscription of which others are listed;
-- low if what it tried failed.
--
-- ## Why it matters
-- Either the inventory is old or incomplete, and then other rules are less sure of this principal
-- than they could be; or somebody runs a workspace or connector that nobody has on a list.
--
-- ## What it cannot see
-- Connector identities in logs of storage and databases, which show no resource: there an unknown
-- connector is any other managed identity. Which list is missing.
--
-- ## False positives
-- New workspaces and connectors. Inventories without the list of identities or connectors.
--
-- ## What to do
-- Export the inventory again, identities and connectors included. What is still unknown then has an
-- owner in Azure: `arm_id` says where it lies.

WITH acts AS (
  SELECT *,
    -- A signature made with its key shows the same identity.
    regexp_replace(classified_by, '^P12: user-delegation SAS, its key from ', '') AS because,
    coalesce(principal_id, app_id, principal_name) AS known_as
  FROM events
  WHERE stream IN ('dbmi', 'adac')
    AND phase = 'terminal'
    AND outcome <> 'unknown'
),
listed_connectors AS (
  SELECT DISTINCT split_part(arm_id, '/', 3) AS subscription
  FROM identities
  WHERE classified_by LIKE 'P1:%'
),
listed_workspaces AS (
  SELECT DISTINCT split_part(rid, '/', 3) AS subscription
  FROM workspaces
),
named AS (
  SELECT a.*, i.arm_id, split_part(i.arm_id, '/', 3) AS subscription
  FROM acts AS a
  LEFT JOIN identities AS i ON a.principal_id = i.principal_id
  -- Rows that go by what a principal says or does. That of a workspace resource is stated by lists.
  WHERE regexp_like(a.because, '^P(7|8|9|10|11|13|14):')
    AND a.because <> 'P10: identity of a workspace resource'
),
judged AS (
  SELECT n.*,
    (n.because LIKE 'P7:%' AND c.subscription IS NOT NULL)
    OR (n.because LIKE 'P10:%' AND w.subscription IS NOT NULL AND own.rid IS NULL) AS should_be_listed
  FROM named AS n
  LEFT JOIN listed_connectors AS c ON n.subscription = c.subscription
  LEFT JOIN listed_workspaces AS w ON n.subscription = w.subscription
  LEFT JOIN workspaces AS own ON n.arm_id = own.rid
)
SELECT *,
  CASE
    WHEN should_be_listed THEN CASE WHEN outcome = 'success' THEN 'medium' ELSE 'low' END
    ELSE 'informational'
  END AS severity
FROM judged
