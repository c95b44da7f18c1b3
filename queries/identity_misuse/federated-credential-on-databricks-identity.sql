--! id = "federated-credential-on-databricks-identity"
--! aliases = ["R35"]
--! title = "Federated credential on a Databricks identity"
--! severity = "critical"
--! direction = "identity-misuse"
--! status = "stable"
--! profile = "core"
--! any_sources = ["activity", "signin"]
--! attack = ["T1098.001", "T1550.001"]
--! group_by = ["principal_id", "identity_rid"]
--! details = ["identity_rid", "operation", "target_id", "credential_issuer", "credential_subject", "principal_name", "src_ip"]
--! created = 2026-11-24
--! updated = 2026-11-24
--! references = ["https://learn.microsoft.com/entra/workload-id/workload-identity-federation", "https://learn.microsoft.com/entra/workload-id/workload-identity-federation-create-trust-user-assigned-managed-identity"]

-- ## What it finds
-- A federated credential is written on the user-assigned identity of a workspace or of an access
-- connector, or on any identity in a managed resource group. Also a sign-in of a Databricks identity
-- that was made with a federated credential. A failed attempt at either is high.
--
-- ## Why it matters
-- The credential lets an identity provider outside of Azure, such as a build service or anybody's
-- own, obtain tokens for the identity. From then on no Azure machine is needed to act as it, and
-- there is no secret that could be found or expire.
--
-- ## What it cannot see
-- Credentials that were there before the logs begin and are not used while they last. Issuer and
-- subject (`credential_issuer`, `credential_subject`) where the log has no body.
--
-- ## False positives
-- None are known. Neither Databricks nor Unity Catalog needs such a credential. Databricks' own
-- applications, which Microsoft signs in as it likes, are left out of the sign-ins.
--
-- ## What to do
-- Delete the credential, and find out whose issuer and subject it trusted. Tokens that were obtained
-- with it live on for about an hour, up to a day: look for what the identity did since.

WITH databricks_identities AS (
  SELECT DISTINCT arm_id
  FROM identities
  WHERE stream IN ('dbmi', 'adac')
    AND arm_id LIKE '%/providers/microsoft.managedidentity/userassignedidentities/%'
),
written AS (
  SELECT *, regexp_replace(target_id, '/federatedidentitycredentials(/.*)?$', '') AS identity_rid
  FROM events
  WHERE operation = 'microsoft.managedidentity/userassignedidentities/federatedidentitycredentials/write'
    AND phase = 'terminal'
    AND outcome <> 'unknown'
),
found AS (
  SELECT w.*
  FROM written AS w
  LEFT JOIN databricks_identities AS i ON w.identity_rid = i.arm_id
  -- An identity in a managed resource group is a workspace's, whether or not a list has it.
  WHERE i.arm_id IS NOT NULL OR w.in_managed_rg
  UNION ALL
  SELECT e.*, coalesce(i.arm_id, e.principal_id, e.app_id) AS identity_rid
  FROM events AS e
  LEFT JOIN identities AS i ON e.principal_id = i.principal_id
  WHERE e.source = 'signin'
    AND e.stream IN ('dbmi', 'adac')
    AND e.identity_kind <> 'first_party'
    AND e.auth_type = 'federated'
    AND e.outcome <> 'unknown'
)
SELECT *,
  regexp_match(coalesce(request_body, response_body), '"issuer":"([^"]*)"', 'i')[1] AS credential_issuer,
  regexp_match(coalesce(request_body, response_body), '"subject":"([^"]*)"', 'i')[1] AS credential_subject,
  CASE WHEN outcome = 'success' THEN 'critical' ELSE 'high' END AS severity
FROM found
