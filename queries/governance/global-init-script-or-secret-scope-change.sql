--! id = "global-init-script-or-secret-scope-change"
--! aliases = ["R62"]
--! title = "Global init script or secret scope is changed"
--! severity = "medium"
--! direction = "governance"
--! status = "stable"
--! profile = "hunting"
--! sources = ["databricks"]
--! attack = ["T1059", "T1555.006"]
--! group_by = ["principal_name", "workspace", "operation"]
--! details = ["change", "scope_name", "given_to", "permission", "vault", "script_name", "principal_name", "src_ip"]
--! created = 2026-11-24
--! updated = 2026-11-24
--! references = ["https://learn.microsoft.com/azure/databricks/init-scripts/global", "https://learn.microsoft.com/azure/databricks/security/secrets/"]

-- ## What it finds
-- A global init script is created, changed or deleted; a secret scope that stands on a Key Vault is
-- created; access to a scope is given to everybody, or with the right to manage it. Other new scopes
-- and rights on them are low. A failed attempt is one severity lower.
--
-- ## Why it matters
-- A global init script runs as root on every machine of the workspace, where it can take tokens of
-- the workspace's identity. A scope on a Key Vault opens that vault to people in the workspace by way
-- of Databricks' own application, which the vault's log shows as the reader.
--
-- ## What it cannot see
-- What the script does. Scopes and rights that were there before the logs begin. Rights given in a
-- way that these actions do not show.
--
-- ## False positives
-- Deployments of workspaces. Name their principals as expected.
--
-- ## What to do
-- Read the script. See who may read the scope, and what Databricks' own application and the
-- workspace's identity did in the hours that followed.

WITH changes AS (
  SELECT *,
    coalesce(workspace_rid, target_id, target_name) AS workspace,
    CASE
      WHEN operation LIKE '%globalinitscripts/%' THEN 'global init script'
      WHEN operation LIKE '%secrets/createscope' THEN 'secret scope'
      ELSE 'right on a secret scope'
    END AS change,
    regexp_match(request_body, '"scope":"([^"]*)"', 'i')[1] AS scope_name,
    regexp_match(request_body, '"principal":"([^"]*)"', 'i')[1] AS given_to,
    lower(regexp_match(request_body, '"permission":"([^"]*)"', 'i')[1]) AS permission,
    lower(
      regexp_match(request_body, '(/subscriptions/[^"\\]*/providers/microsoft\.keyvault/vaults/[^"\\/]+)', 'i')[1]
    ) AS vault,
    coalesce(regexp_like(request_body, 'azure_?key_?vault', 'i'), FALSE) AS on_vault,
    regexp_match(request_body, '"name":"([^"]*)"', 'i')[1] AS script_name
  FROM events
  WHERE source = 'databricks'
    AND outcome <> 'unknown'
    AND regexp_like(operation, '(^|/)(globalinitscripts/(create|update|delete)|secrets/(createscope|putacl))$')
),
judged AS (
  SELECT *,
    change = 'global init script'
    OR (change = 'secret scope' AND (on_vault OR vault IS NOT NULL))
    OR (
      change = 'right on a secret scope'
      AND (coalesce(given_to = 'users', FALSE) OR coalesce(permission = 'manage', FALSE))
    ) AS is_wide
  FROM changes
)
SELECT *,
  CASE
    WHEN is_wide THEN CASE WHEN outcome = 'success' THEN 'medium' ELSE 'low' END
    ELSE CASE WHEN outcome = 'success' THEN 'low' ELSE 'informational' END
  END AS severity
FROM judged
