--! id = "adac-bulk-delete-or-rewrite"
--! aliases = ["R51"]
--! title = "Access connector destroys data in bulk"
--! severity = "high"
--! direction = "identity-misuse"
--! status = "stable"
--! profile = "core"
--! sources = ["storage"]
--! attack = ["T1485", "T1486"]
--! group_by = ["principal_id", "target_name"]
--! details = ["operation", "container", "object_path", "src_ip", "user_agent", "announced"]
--! created = 2026-11-24
--! updated = 2026-11-24
--! references = ["https://learn.microsoft.com/azure/databricks/delta/vacuum", "https://learn.microsoft.com/rest/api/storageservices/delete-container"]
--!
--! [params.objects]
--! default = 200
--! why = "a small table has some hundred files; clean-up of that size is rated milder anyway"
--!
--! [params.announced_minutes]
--! default = 60
--! why = "who drops a table or volume and its files does both in one sitting"

-- ## What it finds
-- The identity of an access connector deletes, or replaces just after reading, at least `objects`
-- objects of one account within ten minutes. Or it deletes a container, or changes who may read one
-- without signing in, even once; a failed attempt at that is medium.
--
-- A burst is medium where it was announced (`announced`: Unity Catalog dropped a table, volume, schema
-- or catalog within the hour before), and as far as it is deletions of files that VACUUM removes:
-- Parquet, deletion vectors, names that begin with an underscore. Single deletions that fail destroy
-- nothing and are not counted.
--
-- ## Why it matters
-- The connector can write wherever Unity Catalog can, so whoever holds its identity can wipe or encrypt
-- the lake. Tables are made of files that are never changed in place: reading one and writing it again
-- is what encryption looks like. Containers are none of Unity Catalog's business.
--
-- ## What it cannot see
-- The deletion of a directory with all that is in it is one event. What is spread over more time.
-- Replacing without reading first looks like writing. Delta logs are left out, which clean up after
-- themselves.
--
-- ## False positives
-- VACUUM of tables whose files are not Parquet, clean-up of streaming checkpoints, jobs that empty a
-- landing folder. List the account as expected for the identity, with an end, or raise `objects`.
--
-- ## What to do
-- Find the job or person by the workspace's audit log of that time. If there is none, disable the
-- identity's role assignments first. Soft delete and versions, where they are on, bring objects back.

WITH acts AS (
  SELECT event_uid, time, op_class, outcome,
    coalesce(principal_id, '') AS principal,
    coalesce(target_name, '') AS account,
    coalesce(container, '') AS folder,
    coalesce(object_path, '') AS path,
    operation IN (
      'deletecontainer', 'deletefilesystem', 'deleteshare', 'setcontaineracl', 'setshareacl'
    ) AS is_on_container
  FROM adac
  WHERE source = 'storage'
    AND outcome <> 'unknown'
    AND (
      op_class = 'blob_delete'
      OR operation IN (
        'setcontaineracl', 'setshareacl',
        'getblob', 'readfile',
        'putblob', 'putblobfromurl', 'putblocklist', 'copyblob', 'copyblobdestination', 'createpathfile'
      )
    )
),
on_objects AS (
  SELECT *, CAST(floor(date_part('epoch', time) / 600) AS BIGINT) AS slot
  FROM acts
  WHERE NOT is_on_container
    AND outcome = 'success'
    AND NOT regexp_like(path, '(^|/)_delta_log/')
),
-- A burst of ten minutes lies in two slots of ten minutes, and half of it in one of them. Few slots
-- see so much: the windows below look at these, their neighbours, and the reads before, alone.
busy AS (
  SELECT principal, account, slot
  FROM on_objects
  WHERE op_class IN ('blob_delete', 'blob_write')
  GROUP BY principal, account, slot
  HAVING COUNT(*) * 2 >= $objects
),
near AS (
  SELECT DISTINCT principal, account, unnest([slot - 2, slot - 1, slot, slot + 1, slot + 2]) AS slot
  FROM busy
),
candidates AS (
  SELECT o.*
  FROM near AS n
  JOIN on_objects AS o ON o.principal = n.principal AND o.account = n.account AND o.slot = n.slot
),
after_reads AS (
  SELECT *,
    MAX(CASE WHEN op_class = 'blob_read' THEN time END) OVER (
      PARTITION BY principal, account, folder, path
      ORDER BY time RANGE BETWEEN INTERVAL '10' MINUTE PRECEDING AND CURRENT ROW
    ) AS read_before
  FROM candidates
),
destroyed AS (
  SELECT event_uid, time, op_class, principal, account, path
  FROM after_reads
  WHERE op_class = 'blob_delete'
    OR (op_class = 'blob_write' AND read_before IS NOT NULL AND NOT regexp_like(path, '(^|/)_[^/]*$'))
),
begins AS (
  SELECT *,
    COUNT(*) OVER (
      PARTITION BY principal, account
      ORDER BY time RANGE BETWEEN CURRENT ROW AND INTERVAL '10' MINUTE FOLLOWING
    ) >= $objects AS begins_burst
  FROM destroyed
),
bursts AS (
  SELECT *,
    MAX(CASE WHEN begins_burst THEN time END) OVER (
      PARTITION BY principal, account
      ORDER BY time RANGE BETWEEN INTERVAL '10' MINUTE PRECEDING AND CURRENT ROW
    ) AS burst_begin,
    date_part('epoch', time) AS epoch,
    CAST(floor(date_part('epoch', time) / ($announced_minutes * 60)) AS BIGINT) AS period
  FROM begins
),
drops AS (
  SELECT period, MIN(epoch) AS first_drop, MAX(epoch) AS last_drop
  FROM (
    SELECT date_part('epoch', time) AS epoch,
      CAST(floor(date_part('epoch', time) / ($announced_minutes * 60)) AS BIGINT) AS period
    FROM events
    WHERE source = 'databricks'
      AND outcome = 'success'
      AND operation IN (
        'unitycatalog/deletetable', 'unitycatalog/deletevolume', 'unitycatalog/deleteschema',
        'unitycatalog/deletecatalog'
      )
  ) AS dropped
  GROUP BY period
),
announced_bursts AS (
  SELECT b.event_uid, b.op_class, b.path,
    coalesce(earlier.last_drop >= b.epoch - $announced_minutes * 60, FALSE)
    OR coalesce(around.first_drop <= b.epoch, FALSE) AS announced
  FROM bursts AS b
  LEFT JOIN drops AS earlier ON b.period - 1 = earlier.period
  LEFT JOIN drops AS around ON b.period = around.period
  WHERE b.burst_begin IS NOT NULL
),
evidence AS (
  SELECT event_uid AS evidence_uid, announced,
    CASE
      WHEN announced THEN 'medium'
      WHEN op_class = 'blob_delete' AND regexp_like(path, '(^|/)_[^/]*$|\.(parquet|bin)$') THEN 'medium'
      ELSE 'high'
    END AS severity
  FROM announced_bursts
  UNION ALL
  SELECT event_uid AS evidence_uid, FALSE AS announced,
    CASE WHEN outcome = 'success' THEN 'high' ELSE 'medium' END AS severity
  FROM acts
  WHERE is_on_container
)
SELECT a.*, e.announced, e.severity
FROM evidence AS e
JOIN adac AS a ON a.event_uid = e.evidence_uid
