--! id = "dbmi-graph-token"
--! aliases = ["R08"]
--! title = "Workspace identity obtains a token for Microsoft Graph"
--! severity = "high"
--! direction = "infra-doing-data"
--! status = "stable"
--! profile = "core"
--! sources = ["signin"]
--! attack = ["T1087.004", "T1528"]
--! group_by = ["principal_id", "audience_kind"]
--! details = ["audience_app_id", "target_name", "result_code", "token_uti"]
--! created = 2026-11-24
--! updated = 2026-11-24
--! references = ["https://learn.microsoft.com/entra/identity/managed-identities-azure-resources/how-to-view-managed-identity-activity", "https://learn.microsoft.com/graph/permissions-reference"]

-- ## What it finds
-- The identity of a workspace's machines, or one of its encryption identities, asks Entra ID for a
-- token for Microsoft Graph or for its predecessor, the Azure AD Graph. A failed request is found
-- one severity lower.
--
-- ## Why it matters
-- The directory of users, groups and applications has no place in the upkeep of a workspace. Code
-- that asks for this token with a borrowed identity wants to look around, or to change who may do
-- what.
--
-- ## What it cannot see
-- What was asked of Graph with the token: its activity log is not read. A token from a cache makes
-- no new sign-in. Databricks' own application is left out: it looks up users and groups for the
-- workspaces of the tenant.
--
-- ## False positives
-- Scripts that look up a group with whatever credential they find. The token alone grants nothing:
-- look whether the identity holds application permissions.
--
-- ## What to do
-- List the application roles of the identity's service principal and take them away. Find the code:
-- the clusters that ran at the time, and what else the identity did then (`token_uti`).

SELECT *,
  CASE WHEN outcome = 'success' THEN 'high' ELSE 'medium' END AS severity
FROM dbmi
WHERE source = 'signin'
  AND audience_kind = 'graph'
  AND outcome <> 'unknown'
  AND identity_kind <> 'first_party'
