--! id = "dbmi-bulk-read"
--! aliases = ["R12"]
--! title = "Workspace identity reads data in bulk"
--! severity = "critical"
--! direction = "infra-doing-data"
--! status = "stable"
--! profile = "core"
--! any_sources = ["storage", "keyvault"]
--! attack = ["T1530", "T1567"]
--! group_by = ["principal_id", "source"]
--! details = ["operation", "target_name", "container", "objects_in_window", "bytes_in_window", "src_ip", "user_agent"]
--! created = 2026-11-24
--! updated = 2026-11-24
--! references = ["https://learn.microsoft.com/azure/storage/blobs/monitor-blob-storage-reference", "https://learn.microsoft.com/azure/key-vault/general/logging"]
--!
--! [params.window_minutes]
--! default = 10
--! why = "a copy loop runs without a pause; a person or a job that reads a few files now and then does not fill ten minutes"
--!
--! [params.min_objects]
--! default = 100
--! why = "the files of one table; what is read by mistake or to look at it stays far below"
--!
--! [params.min_bytes]
--! default = 1073741824
--! why = "one GiB: few files can be the whole of a table"
--!
--! [params.min_secrets]
--! default = 10
--! why = "an application knows the two or three secrets that it needs; ten is a walk through the vault"

-- ## What it finds
-- Within any ten minutes one workspace identity reads a hundred different objects in storage, or a
-- gigabyte, or ten different secrets or certificates. The window slides, so a burst is found
-- wherever it begins, and accounts and vaults count together, so it does not hide by spreading over
-- several. Every read of such a window is evidence.
--
-- ## Why it matters
-- One read can be a mistake. This is a copy being made, by an identity that has no business with
-- data.
--
-- ## What it cannot see
-- Reads with account keys or with signatures that name no identity. Copies that are slower than the
-- thresholds. Reads that were refused do not count: nothing left the account.
--
-- ## False positives
-- Agents on cluster machines that read what they ship. Left out are a workspace's own DBFS root,
-- requests that only ask for properties of objects, and secrets read by Databricks' own application,
-- which reads them for every workspace of the tenant.
--
-- ## What to do
-- Treat it as theft of data: remove the identity's data roles at once, stop the clusters that ran
-- at the time, keep their logs. For secrets: change all of them.

WITH reads AS (
  SELECT *,
    coalesce(principal_id, app_id, principal_name) AS reader,
    date_part('epoch', time) / ($window_minutes * 60) AS windows_since_epoch,
    concat_ws('/', target_name, container, object_path) AS object_read
  FROM dbmi
  WHERE outcome = 'success'
    AND (
      (
        source = 'storage'
        AND op_class IN ('blob_read', 'table_read', 'queue_read')
        AND operation NOT IN (
          'getblobproperties', 'getblobmetadata', 'getblobtags', 'getblocklist', 'getpageranges', 'getpageregions',
          'getpathstatus', 'getpathproperties', 'getpathaccesscontrol', 'getfileproperties', 'getfilemetadata',
          'getfileaccesscontrol', 'getdirectoryproperties', 'getdirectorymetadata'
        )
        AND NOT (is_dbfs_root AND (own_scope OR workspace_rid IS NULL OR target_id IS NULL))
        -- Where no workspace is known, the account's name and its group tell.
        AND NOT (own_scope AND coalesce(target_name, '') LIKE 'dbstorage%')
      )
      OR (source = 'keyvault' AND op_class IN ('secret_read', 'cert_read') AND identity_kind <> 'first_party')
    )
),
counted AS (
  SELECT *,
    COUNT(DISTINCT CASE WHEN object_path IS NOT NULL THEN object_read END) OVER lately AS objects_so_far,
    SUM(coalesce(bytes_out, 0)) OVER lately AS bytes_so_far
  FROM reads
  WINDOW lately AS (
    PARTITION BY reader, source
    ORDER BY windows_since_epoch
    RANGE BETWEEN 1 PRECEDING AND CURRENT ROW
  )
),
-- A read belongs to a burst when a window that ends within the next ten minutes is full.
bursts AS (
  SELECT *,
    MAX(objects_so_far) OVER soon AS objects_in_window,
    MAX(bytes_so_far) OVER soon AS bytes_in_window
  FROM counted
  WINDOW soon AS (
    PARTITION BY reader, source
    ORDER BY windows_since_epoch
    RANGE BETWEEN CURRENT ROW AND 1 FOLLOWING
  )
)
SELECT *
FROM bursts
WHERE (source = 'storage' AND (objects_in_window >= $min_objects OR bytes_in_window >= $min_bytes))
  OR (source = 'keyvault' AND objects_in_window >= $min_secrets)
