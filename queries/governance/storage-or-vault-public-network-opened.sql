--! id = "storage-or-vault-public-network-opened"
--! aliases = ["R57"]
--! title = "Storage, vault, database or workspace is opened to public networks"
--! severity = "high"
--! direction = "governance"
--! status = "stable"
--! profile = "core"
--! sources = ["activity"]
--! attack = ["T1562.007", "T1686", "T1578.005"]
--! group_by = ["who", "opened_id"]
--! details = ["opened", "operation", "principal_name", "src_ip", "body_from"]
--! created = 2026-11-24
--! updated = 2026-11-24
--! references = ["https://learn.microsoft.com/azure/storage/common/storage-network-security", "https://learn.microsoft.com/azure/key-vault/general/network-security", "https://learn.microsoft.com/azure/databricks/security/network/storage/firewall-support"]

-- ## What it finds
-- A write that opens what Databricks works with: public network access is enabled or every network let
-- in, a firewall rule begins at 0.0.0.0, anonymous access to blobs is allowed, a container is made
-- public, or a workspace's firewall around its DBFS root is switched off. It counts for workspaces, for
-- storage accounts with external locations and DBFS roots, and for accounts, vaults and SQL servers that
-- a Databricks identity used in the same logs. A failed attempt is one severity lower.
--
-- ## Why it matters
-- Stolen tokens, keys and signatures work from anywhere then. It is the step before data leaves.
--
-- ## What it cannot see
-- It looks for settings in the text of the request, in any spelling of case and space. It does not know
-- what was set before, nor what a request leaves as it was or leaves to a default; nothing is found
-- where the log has no request, such as the portal's download. Of SQL servers most requests are not
-- kept: there a firewall rule tells by its name, AllowAll…, and a wide range under another name does not.
-- Rules for single addresses and changes inside the storage service's own interface.
--
-- ## False positives
-- Templates that say again what has been so all along; list the pipeline as expected if it is meant.
-- Enabled together with a firewall that denies by default is no finding, but where a request says
-- Enabled alone the firewall may still deny. A workspace is open unless it is told otherwise, so its
-- public access counts as medium. What Databricks itself makes in managed resource groups is left out.
--
-- ## What to do
-- Close it again: private endpoints, or a firewall that names the networks. Ask who needed it open, and
-- look at who came from public addresses meanwhile.

WITH used AS (
  SELECT source, target_name FROM dbmi WHERE plane = 'data' AND outcome = 'success'
  UNION
  SELECT source, target_name FROM adac WHERE plane = 'data' AND outcome = 'success'
),
watched AS (
  SELECT 'storage' AS kind, account AS name FROM governed
  UNION
  SELECT 'storage' AS kind, dbfs_account AS name FROM workspaces
  UNION
  SELECT source AS kind, target_name AS name FROM used WHERE source IN ('storage', 'keyvault', 'sql')
),
writes AS (
  SELECT *,
    coalesce(principal_id, principal_name, event_uid) AS who,
    regexp_replace(
      target_id,
      '^(.*/providers/microsoft\.(?:storage/storageaccounts|keyvault/vaults|sql/servers|synapse/workspaces|databricks/workspaces)/[^/]+).*$',
      '\1'
    ) AS opened_id,
    CASE
      WHEN target_id LIKE '%/providers/microsoft.storage/storageaccounts/%' THEN 'storage'
      WHEN target_id LIKE '%/providers/microsoft.keyvault/vaults/%' THEN 'keyvault'
      WHEN target_id LIKE '%/providers/microsoft.sql/servers/%' THEN 'sql'
      WHEN target_id LIKE '%/providers/microsoft.synapse/workspaces/%' THEN 'sql'
      WHEN target_id LIKE '%/providers/microsoft.databricks/workspaces/%' THEN 'workspace'
    END AS kind,
    -- Where a body was no JSON, it is a text in which the quotes are escaped.
    coalesce(request_body, '') AS body
  FROM events
  WHERE source = 'activity'
    AND activity IN ('write', 'create', 'update')
    AND phase = 'terminal'
    AND outcome <> 'unknown'
    AND NOT (identity_kind = 'first_party' AND in_managed_rg)
),
settings AS (
  SELECT *,
    regexp_replace(opened_id, '^.*/', '') AS opened_name,
    regexp_like(body, 'publicnetworkaccess\\*"\s*:\s*\\*"enabled', 'i') AS says_enabled,
    regexp_like(body, 'publicnetworkaccess\\*"\s*:\s*\\*"(disabled|securedbyperimeter)', 'i') AS says_closed,
    regexp_like(body, 'defaultaction\\*"\s*:\s*\\*"allow', 'i') AS says_allow,
    regexp_like(body, 'defaultaction\\*"\s*:\s*\\*"deny', 'i') AS says_deny,
    regexp_like(body, '"(value|startipaddress)\\*"\s*:\s*\\*"0\.0\.0\.0', 'i')
      OR regexp_like(target_id, '/firewallrules/allowall[^/]*$') AS says_everywhere,
    regexp_like(body, 'allowblobpublicaccess\\*"\s*:\s*\\*"?true', 'i') AS says_anonymous,
    regexp_like(body, '"publicaccess\\*"\s*:\s*\\*"(blob|container)', 'i') AS says_public_container,
    regexp_like(body, 'defaultstoragefirewall\\*"\s*:\s*\\*"disabled', 'i') AS says_no_storage_firewall
  FROM writes
  WHERE kind IS NOT NULL
),
openings AS (
  SELECT *,
    nullif(
      concat_ws(
        ', ',
        CASE WHEN says_enabled AND NOT says_deny AND NOT says_closed THEN 'public network access' END,
        CASE WHEN says_allow AND NOT says_closed THEN 'all networks' END,
        CASE WHEN says_everywhere AND NOT says_closed THEN 'all addresses' END,
        CASE WHEN says_anonymous THEN 'anonymous access to blobs' END,
        CASE WHEN says_public_container THEN 'public container' END,
        CASE WHEN says_no_storage_firewall THEN 'no firewall around the DBFS root' END
      ),
      ''
    ) AS opened
  FROM settings
)
SELECT o.*,
  CASE
    WHEN o.kind = 'workspace' AND o.opened = 'public network access'
      THEN CASE WHEN o.outcome = 'success' THEN 'medium' ELSE 'low' END
    ELSE CASE WHEN o.outcome = 'success' THEN 'high' ELSE 'medium' END
  END AS severity
FROM openings AS o
LEFT JOIN watched AS w ON o.kind = w.kind AND o.opened_name = w.name
WHERE o.opened IS NOT NULL
  AND (o.kind = 'workspace' OR w.name IS NOT NULL)
