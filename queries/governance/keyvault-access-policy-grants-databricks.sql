--! id = "keyvault-access-policy-grants-databricks"
--! aliases = ["R32"]
--! title = "Key Vault access policy lets a Databricks identity in"
--! severity = "medium"
--! direction = "governance"
--! status = "stable"
--! profile = "core"
--! sources = ["activity"]
--! needs = ["identities"]
--! attack = ["T1098"]
--! group_by = ["assignee_id", "target_name"]
--! details = ["assignee_kind", "secrets", "keys", "certificates", "storage", "operation", "body_from"]
--! subject = "assignee_id"
--! created = 2026-11-24
--! updated = 2026-11-24
--! references = ["https://learn.microsoft.com/azure/databricks/security/secrets/", "https://learn.microsoft.com/azure/key-vault/general/assign-access-policy"]

-- ## What it finds
-- A vault or its access policies are written with an entry for a Databricks identity. For the identity
-- that is attached to clusters, and for encryption identities with more than their key, it is high.
-- For Databricks' own application and for access connectors it is low where they may only read
-- secrets, and medium where they may do more. A failed attempt is found one severity lower.
--
-- ## Why it matters
-- Access policies are no roles: no list of role assignments shows them. A secret scope that is backed
-- by a vault adds one without asking, for an application that serves every workspace of the tenant.
--
-- ## What it cannot see
-- Whether an entry is new: whoever writes a vault writes all entries. Exports that leave request
-- bodies out. What the vault's own log says about the change. Identities that are known by their
-- client id alone.
--
-- ## False positives
-- Left out: what customer-managed keys need (get, wrap, unwrap and recover of keys) for encryption
-- identities and Databricks' own application; vaults that the request turns to role-based access,
-- which ignore their policies. List the vaults that back secret scopes as expected.
--
-- ## What to do
-- Remove the entry, or list the vault as expected. Give connectors the role Key Vault Secrets User,
-- on the secret where that is possible.

WITH writes AS (
  SELECT *,
    -- A body that was cut off is a text with escaped quotes.
    replace(lower(request_body), '\"', '"') AS body
  FROM events
  WHERE source = 'activity'
    AND op_class = 'vault_manage'
    AND activity = 'write'
    AND phase = 'terminal'
    AND outcome <> 'unknown'
    AND request_body IS NOT NULL
    AND coalesce(target_id, '') NOT LIKE '%/accesspolicies/remove'
),
entries AS (
  -- Between two policies, and nowhere within one, stands a brace, a comma and a brace.
  SELECT *, unnest(string_to_array(body, '},{')) AS entry
  FROM writes
  WHERE strpos(body, '"objectid"') > 0
    AND NOT regexp_like(body, '"enablerbacauthorization":"?true')
),
policies AS (
  SELECT *,
    array_element(regexp_match(entry, '"objectid":"([^"]*)"'), 1) AS policy_for,
    coalesce(replace(array_element(regexp_match(entry, '"secrets":\[([^\]]*)'), 1), '"', ''), '') AS secrets,
    coalesce(replace(array_element(regexp_match(entry, '"keys":\[([^\]]*)'), 1), '"', ''), '') AS keys,
    coalesce(replace(array_element(regexp_match(entry, '"certificates":\[([^\]]*)'), 1), '"', ''), '') AS certificates,
    coalesce(replace(array_element(regexp_match(entry, '"storage":\[([^\]]*)'), 1), '"', ''), '') AS storage
  FROM entries
),
grants_by_policy AS (
  SELECT p.* EXCLUDE (assignee_id, assignee_stream, assignee_kind),
    i.principal_id AS assignee_id,
    i.stream AS assignee_stream,
    i.identity_kind AS assignee_kind,
    regexp_like(p.secrets, '^((get|list)(,|$))*$') AND p.certificates = '' AND p.storage = ''
      AS reads_secrets_only,
    regexp_like(p.keys, '^((get|wrapkey|unwrapkey|recover)(,|$))*$') AS wraps_keys_only
  FROM policies AS p
  INNER JOIN identities AS i ON p.policy_for = i.principal_id
  WHERE i.stream IN ('dbmi', 'adac')
    AND concat(p.secrets, p.keys, p.certificates, p.storage) <> ''
),
judged AS (
  SELECT *,
    CASE
      WHEN assignee_kind IN ('uami', 'storage_cmk', 'disk_cmk') THEN 'high'
      WHEN assignee_kind = 'first_party' AND reads_secrets_only AND wraps_keys_only THEN 'low'
      WHEN assignee_stream = 'adac' AND reads_secrets_only AND keys = '' THEN 'low'
      ELSE 'medium'
    END AS granted
  FROM grants_by_policy
  WHERE NOT (
    assignee_kind IN ('storage_cmk', 'disk_cmk', 'first_party')
    AND wraps_keys_only
    AND concat(secrets, certificates, storage) = ''
  )
)
SELECT * EXCLUDE (secrets, keys, certificates, storage),
  nullif(secrets, '') AS secrets,
  nullif(keys, '') AS keys,
  nullif(certificates, '') AS certificates,
  nullif(storage, '') AS storage,
  CASE
    WHEN outcome = 'success' THEN granted
    WHEN granted = 'high' THEN 'medium'
    WHEN granted = 'medium' THEN 'low'
    ELSE 'informational'
  END AS severity
FROM judged
