--! id = "databricks-storage-credential-uses-sp"
--! aliases = ["R53"]
--! title = "Databricks is given a service principal's secret to reach data with"
--! severity = "medium"
--! direction = "governance"
--! status = "stable"
--! profile = "core"
--! sources = ["databricks"]
--! attack = ["T1098.001"]
--! group_by = ["who", "target_name", "put_into"]
--! details = ["operation", "credential", "principal_name", "src_ip"]
--! created = 2026-11-24
--! updated = 2026-11-24
--! references = ["https://learn.microsoft.com/azure/databricks/connect/unity-catalog/cloud-storage/azure-managed-identities"]

-- ## What it finds
-- Somebody creates a credential in Unity Catalog, or changes one, so that it stands for a service
-- principal with a client secret. Also, as low, a cluster whose settings carry a client secret. A
-- failed attempt is one severity lower.
--
-- ## Why it matters
-- The secret then lies in Databricks and wherever it was copied from, and must be changed by hand. An
-- access connector does the same without one. A secret in a cluster's settings goes past Unity Catalog
-- altogether.
--
-- ## What it cannot see
-- Credentials made before the logs begin. Secrets that a notebook sets while it runs, or that a mount
-- carries. Whether the secret in a cluster's settings is for storage or for something else. A change of
-- owner or comment that does not repeat the service principal.
--
-- ## False positives
-- Reading storage in another tenant, or a storage account that managed identities cannot reach. A
-- cluster that fetches its secret from a secret scope by reference is found too.
--
-- ## What to do
-- Make a storage credential of an access connector, move the external locations over to it, delete the
-- old credential and then the application's secret.

WITH settings AS (
  SELECT *,
    coalesce(principal_id, principal_name, app_id, event_uid) AS who,
    CASE
      WHEN op_class = 'uc_credential_manage' AND operation LIKE '%credential' THEN 'credential'
      WHEN operation LIKE '%clusters/create' OR operation LIKE '%clusters/edit' THEN 'cluster'
    END AS put_into,
    nullif(
      regexp_replace(
        coalesce(request_body, ''),
        '^.*"(?:name|name_arg|credential_name|cluster_name)"\s*:\s*"([^"]*)".*$|^.*$',
        '\1',
        'is'
      ),
      ''
    ) AS credential,
    -- The member with something in it: clients write members that do not apply as null.
    regexp_like(coalesce(request_body, ''), '"azure_service_principal"\s*:\s*(\{\s*"|"[^"]*[^"{}\s])', 'i')
      AND NOT regexp_like(coalesce(request_body, ''), '"azure_service_principal"\s*:\s*"null"', 'i')
      AS names_service_principal,
    -- Values of secrets are redacted, their names are not: also in JSON inside a string, and in one that was cut off.
    regexp_like(
      coalesce(request_body, ''),
      'client[._]secret[^"\\]*\\*"\s*:\s*\\*"[^"\\]|\(redacted, [^)]*client[._]secret',
      'i'
    ) AS carries_secret
  FROM events
  WHERE source = 'databricks'
    AND phase = 'terminal'
    AND outcome <> 'unknown'
    AND activity IN ('create', 'update')
)
SELECT *,
  CASE
    WHEN put_into = 'credential' THEN CASE WHEN outcome = 'success' THEN 'medium' ELSE 'low' END
    ELSE CASE WHEN outcome = 'success' THEN 'low' ELSE 'informational' END
  END AS severity
FROM settings
WHERE (put_into = 'credential' AND (names_service_principal OR carries_secret))
  OR (put_into = 'cluster' AND carries_secret)
