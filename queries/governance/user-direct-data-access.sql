--! id = "user-direct-data-access"
--! aliases = ["R56"]
--! title = "Person works with a connector's data without Unity Catalog"
--! severity = "low"
--! direction = "governance"
--! status = "stable"
--! profile = "hunting"
--! any_sources = ["storage", "keyvault"]
--! needs = ["connectors"]
--! attack = ["T1530", "T1078.004"]
--! group_by = ["who", "target_name"]
--! details = ["op_class", "container", "object_path", "src_ip", "user_agent"]
--! created = 2026-11-24
--! updated = 2026-11-24
--! references = ["https://learn.microsoft.com/azure/databricks/connect/unity-catalog/cloud-storage/"]

-- ## What it finds
-- A person's own token reads data that an access connector is there for, or a delegation key is obtained
-- with it: in a container that has an external location or that a connector works with in the same logs;
-- or a secret's value is read from a vault that a connector works with. Low; medium where data or its
-- access rights are changed. A failed attempt is one severity lower.
--
-- ## Why it matters
-- People are meant to reach this data through Databricks, where grants decide and every access is
-- written down with the table's name. Beside it a role in Azure decides, and Unity Catalog sees nothing.
--
-- ## What it cannot see
-- People who use a key or a signature that names nobody. Listing of names is left out, as is writing
-- secrets, which somebody has to do. Data that no external location names and no connector used.
--
-- ## False positives
-- Administrators who look after the account, people who fill a landing zone, and accounts for
-- emergencies: list these as expected. Clusters that still pass a person's credential through reach
-- storage in that person's name; `user_agent` shows Databricks then.
--
-- ## What to do
-- Take the person's data role on the account away, and grant them the table or volume instead.

WITH data_of_connectors AS (
  SELECT 'storage' AS source, account AS name, container
  FROM governed
  UNION
  -- Of a vault everything counts.
  SELECT source, target_name AS name, CASE WHEN source <> 'keyvault' THEN lower(container) END AS container
  FROM adac
  WHERE source IN ('storage', 'keyvault')
    AND plane = 'data'
    AND outcome = 'success'
    AND (source = 'keyvault' OR container IS NOT NULL)
),
uses AS (
  SELECT o.*,
    coalesce(o.principal_id, o.principal_name) AS who,
    o.op_class IN ('blob_write', 'blob_delete', 'container_admin', 'acl_change') AS changes
  FROM other AS o
  JOIN data_of_connectors AS d
    ON o.source = d.source
    AND o.target_name = d.name
    -- A delegation key names no container: it is about all of them.
    AND coalesce(lower(o.container), d.container, '') = coalesce(d.container, lower(o.container), '')
  WHERE o.identity_kind = 'user'
    AND o.outcome <> 'unknown'
    AND (
      (
        o.source = 'storage'
        AND o.op_class IN ('blob_read', 'blob_write', 'blob_delete', 'container_admin', 'acl_change', 'delegation')
      )
      OR (o.source = 'keyvault' AND o.op_class IN ('secret_read', 'cert_read') AND o.activity = 'read')
    )
)
SELECT *,
  CASE
    WHEN changes THEN CASE WHEN outcome = 'success' THEN 'medium' ELSE 'low' END
    ELSE CASE WHEN outcome = 'success' THEN 'low' ELSE 'informational' END
  END AS severity
FROM uses
