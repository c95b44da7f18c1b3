--! id = "adac-used-outside-databricks"
--! aliases = ["R42"]
--! title = "Access connector's identity is used outside Databricks"
--! severity = "critical"
--! direction = "identity-misuse"
--! status = "experimental"
--! profile = "core"
--! any_sources = ["storage", "keyvault", "activity"]
--! attack = ["T1550.001", "T1528"]
--! group_by = ["principal_id", "proof"]
--! details = ["proof", "user_agent", "az_rid", "src_ip", "target_name", "operation", "token_hash"]
--! created = 2026-11-24
--! updated = 2026-11-24
--! references = ["https://learn.microsoft.com/azure/databricks/connect/unity-catalog/cloud-storage/azure-managed-identities", "https://learn.microsoft.com/azure/databricks/external-access/credential-vending"]
--!
--! [params.window_minutes]
--! default = 60
--! why = "a signature that Unity Catalog hands out lives about an hour; who copies it uses it within that time"

-- ## What it finds
-- The identity of an access connector at work where Unity Catalog does not put it, by one of three
-- signs. The client names itself as a tool that people and scripts use (AzCopy, Azure CLI, PowerShell,
-- Storage Explorer, curl, rclone, Data Factory and the like). The token names the resource that asked
-- for it, and that is no access connector and lies in no managed resource group. Or one token or
-- signature comes from a private and from a public address within `window_minutes`; the evidence is
-- its use from both.
--
-- With a token of the identity it is critical. With a delegation signature it is medium, for
-- signatures are made to be handed on. What did not succeed is one severity lower.
--
-- ## Why it matters
-- Only Unity Catalog should hold tokens of a connector. Whoever else does reads with all of its
-- rights, past every grant, and no workspace writes it down.
--
-- ## What it cannot see
-- Tools that name themselves as something else, which takes one option. Storage logs name no
-- resource that asked for a token. Tokens used from one place only, by a client that could be Spark.
--
-- ## False positives
-- Engines outside Databricks that Unity Catalog vends credentials to (`EXTERNAL USE SCHEMA`), and
-- scripts in notebooks that hand a vended signature or a service credential's token to a tool. Networks
-- that reach one service of an account by a private endpoint and another by a public address. Without
-- the workspaces' inventory a managed resource group is known by its default name only. It is
-- experimental until records show which resource the tokens of Unity Catalog itself name.
--
-- ## What to do
-- Find where the client runs (`src_ip`, `az_rid`). Detach the identity from everything but its
-- connector; revoke the account's delegation keys to end signatures that are about.

WITH uses AS (
  SELECT *,
    CASE auth_type WHEN 'delegation_sas' THEN 'signature' ELSE 'token' END AS proof,
    regexp_like(
      lower(coalesce(user_agent, '')),
      '^(curl|wget|python-requests|go-http-client|postmanruntime|rclone)/|azcopy|azurecli|powershell|storage ?explorer|azuredatafactory'
    ) AS by_tool,
    regexp_replace(coalesce(az_rid, ''), '^(/subscriptions/[^/]+/resourcegroups/[^/]+)/.*$', '\1') AS asked_from,
    CASE src_ip_class WHEN 'public' THEN 'public' WHEN 'none' THEN 'none' ELSE 'inside' END AS place
  FROM adac
  WHERE source IN ('storage', 'keyvault', 'activity')
    AND phase = 'terminal'
    AND outcome <> 'unknown'
),
managed_groups AS (
  SELECT DISTINCT managed_rg FROM workspaces WHERE managed_rg IS NOT NULL
),
inventory AS (
  SELECT COUNT(*) AS groups_known FROM managed_groups
),
-- Few tokens are seen from both: the rest need not be put in order. The end of a hash is enough to
-- leave out most.
wandering_tokens AS (
  SELECT principal_id AS of_principal, right(token_hash, 12) AS of_token
  FROM uses
  WHERE token_hash IS NOT NULL AND place <> 'none'
  GROUP BY principal_id, right(token_hash, 12)
  HAVING bool_or(place = 'public') AND bool_or(place = 'inside')
),
moves AS (
  SELECT u.event_uid, u.time, u.place,
    MAX(CASE WHEN u.place = 'public' THEN u.time END) OVER before AS public_before,
    MIN(CASE WHEN u.place = 'public' THEN u.time END) OVER after AS public_after,
    MAX(CASE WHEN u.place = 'inside' THEN u.time END) OVER before AS inside_before,
    MIN(CASE WHEN u.place = 'inside' THEN u.time END) OVER after AS inside_after
  FROM wandering_tokens AS w
  JOIN uses AS u ON u.principal_id = w.of_principal AND right(u.token_hash, 12) = w.of_token
  WHERE u.place <> 'none'
  WINDOW
    before AS (
      PARTITION BY u.principal_id, u.token_hash ORDER BY u.time
      RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
    ),
    after AS (
      PARTITION BY u.principal_id, u.token_hash ORDER BY u.time
      RANGE BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING
    )
),
wandered AS (
  SELECT DISTINCT event_uid AS wandered_uid
  FROM moves
  WHERE date_part('epoch', time)
      - date_part('epoch', CASE WHEN place = 'public' THEN inside_before ELSE public_before END) <= $window_minutes * 60
    OR date_part('epoch', CASE WHEN place = 'public' THEN inside_after ELSE public_after END)
      - date_part('epoch', time) <= $window_minutes * 60
),
-- Groups are few, uses are many: the former stand first in every join.
groups_elsewhere AS (
  SELECT a.asked_from AS elsewhere
  FROM inventory AS i
  CROSS JOIN (SELECT DISTINCT asked_from FROM uses WHERE asked_from <> '') AS a
  LEFT JOIN managed_groups AS m ON a.asked_from = m.managed_rg
  WHERE m.managed_rg IS NULL
    -- The default name is anyone's to use: it counts where nothing better is known.
    AND NOT (i.groups_known = 0 AND a.asked_from LIKE '%/resourcegroups/databricks-rg-%')
),
from_elsewhere AS (
  SELECT u.*
  FROM groups_elsewhere AS g
  JOIN uses AS u ON g.elsewhere = u.asked_from
  WHERE coalesce(u.az_rid, '') NOT LIKE '%/providers/microsoft.databricks/%'
),
outside AS (
  SELECT * FROM uses WHERE by_tool
  UNION ALL
  SELECT * FROM from_elsewhere
  UNION ALL
  SELECT u.* FROM wandered AS w JOIN uses AS u ON w.wandered_uid = u.event_uid
)
SELECT *,
  CASE
    WHEN proof = 'signature' THEN CASE WHEN outcome = 'success' THEN 'medium' ELSE 'low' END
    ELSE CASE WHEN outcome = 'success' THEN 'critical' ELSE 'high' END
  END AS severity
FROM outside
