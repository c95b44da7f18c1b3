--! id = "sp-secret-data-access"
--! aliases = ["R52"]
--! title = "Service principal with a secret works with a connector's data"
--! severity = "medium"
--! direction = "governance"
--! status = "stable"
--! profile = "core"
--! any_sources = ["storage", "keyvault", "sql"]
--! needs = ["connectors"]
--! attack = ["T1078.004", "T1552.001"]
--! group_by = ["who", "target_name"]
--! details = ["op_class", "container", "object_path", "src_ip", "secret_used_from", "user_agent"]
--! created = 2026-11-24
--! updated = 2026-11-24
--! references = ["https://learn.microsoft.com/azure/databricks/connect/unity-catalog/cloud-storage/azure-managed-identities"]

-- ## What it finds
-- An application that proves itself with a secret or certificate of its own reads or writes data that
-- an access connector is there for: a container with an external location, or a container, vault or
-- database that a connector works with in the same logs. High where the data or the token for
-- it was asked for from a public address, else medium; a failed attempt is one severity lower.
--
-- ## Why it matters
-- Whoever copies the secret is that application, from anywhere, until it expires. A connector has no
-- secret to copy, and Unity Catalog writes down for whom it opened what.
--
-- ## What it cannot see
-- Data records do not say how a token was got. That an application holds a secret comes from its
-- sign-ins, its tokens in other logs, or an export of service principals; of one that appears in none
-- of them nothing is known, and it stays out, as do applications with a federated credential only.
-- Vaults and databases that no connector uses in the logs read. Whether a public address is Azure's,
-- where no list of networks is given.
--
-- ## False positives
-- Ingestion and catalogue services that still use an application (Data Factory, Fabric, Purview). List
-- them as expected, with an end. A federated credential looks like a certificate in some logs.
--
-- ## What to do
-- Move the work to an external location, or give the service a managed identity. Then take the
-- application's data roles away and delete its secrets.

WITH data_of_connectors AS (
  SELECT 'storage' AS source, account AS name, container
  FROM governed
  UNION
  -- Of a vault everything counts, of storage the container, of a server the database.
  SELECT source, target_name AS name, CASE WHEN source <> 'keyvault' THEN lower(container) END AS container
  FROM adac
  WHERE source IN ('storage', 'keyvault', 'sql')
    AND plane = 'data'
    AND outcome = 'success'
    AND (source = 'keyvault' OR container IS NOT NULL)
),
public_sign_ins AS (
  SELECT principal_id, min(src_ip) AS src_ip
  FROM other
  WHERE source = 'signin'
    AND outcome = 'success'
    AND secret_bearing
    AND src_ip_class = 'public'
    AND principal_id IS NOT NULL
  GROUP BY principal_id
),
uses AS (
  SELECT o.*,
    coalesce(o.principal_id, o.app_id, o.principal_name) AS who,
    CASE WHEN o.src_ip_class = 'public' THEN o.src_ip ELSE s.src_ip END AS secret_used_from
  FROM other AS o
  JOIN data_of_connectors AS d
    ON o.source = d.source
    AND o.target_name = d.name
    -- What names no container, such as a delegation key, is about all of them.
    AND coalesce(lower(o.container), d.container, '') = coalesce(d.container, lower(o.container), '')
  LEFT JOIN public_sign_ins AS s ON o.principal_id = s.principal_id
  WHERE o.identity_kind = 'service_principal'
    AND o.secret_bearing
    AND o.outcome <> 'unknown'
    AND o.op_class IN (
      'blob_read', 'blob_list', 'blob_write', 'blob_delete', 'container_admin', 'acl_change', 'delegation',
      'queue_read', 'queue_write', 'table_read', 'table_write',
      'secret_read', 'secret_write', 'cert_read', 'cert_write', 'sql_login', 'sql_query'
    )
)
SELECT *,
  CASE
    WHEN secret_used_from IS NULL THEN CASE WHEN outcome = 'success' THEN 'medium' ELSE 'low' END
    ELSE CASE WHEN outcome = 'success' THEN 'high' ELSE 'medium' END
  END AS severity
FROM uses
