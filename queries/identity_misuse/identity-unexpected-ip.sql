--! id = "identity-unexpected-ip"
--! aliases = ["R41"]
--! title = "Databricks identity is used from an address that is not allowed"
--! severity = "high"
--! direction = "identity-misuse"
--! status = "stable"
--! profile = "core"
--! any_sources = ["storage", "keyvault", "sql", "activity"]
--! needs = ["allowed_ip"]
--! attack = ["T1078.004", "T1550.001"]
--! group_by = ["principal_id", "src_ip"]
--! details = ["src_ip", "user_agent", "target_name", "op_class"]
--! created = 2026-11-24
--! updated = 2026-11-24
--! references = ["https://learn.microsoft.com/azure/virtual-network/service-tags-overview"]

-- ## What it finds
-- The identity of a cluster or of an access connector is used from a public address that is in no
-- allowed range: neither in the configuration's nor in a service tag of Azure Databricks. A refused
-- attempt is one severity lower.
--
-- ## Why it matters
-- Tokens of managed identities leave the machine that asked for them easily; the address from which
-- one is used is often the only sign of it.
--
-- ## What it cannot see
-- Private addresses: which of them are the workspace's own is not in the logs. Storage shows private
-- addresses also for callers in the account's own region.
--
-- ## False positives
-- A region whose service tag is missing from the list, or an old list. Databricks' own application
-- and encryption identities are left out: they work from Azure's addresses, not from the customer's.
--
-- ## What to do
-- Find out whose address it is. If it is yours, add it to `allowed_ip`; if not, see what else came
-- from it, and cut the identity's roles until you know.

WITH used AS (
  SELECT * FROM dbmi WHERE identity_kind NOT IN ('first_party', 'storage_cmk', 'disk_cmk')
  UNION ALL
  SELECT * FROM adac
),
from_outside AS (
  SELECT *, ip_key(src_ip) AS address
  FROM used
  WHERE source NOT IN ('signin', 'inventory')
    AND phase = 'terminal'
    AND outcome <> 'unknown'
    AND src_ip_class = 'public'
),
-- Addresses are few: each is compared with the ranges once, not once an event.
allowed AS (
  SELECT DISTINCT seen.address
  FROM (SELECT DISTINCT address FROM from_outside) AS seen
  JOIN allowed_ip AS r ON seen.address BETWEEN r.cidr_lo AND r.cidr_hi
)
SELECT f.*, CASE WHEN f.outcome = 'success' THEN 'high' ELSE 'medium' END AS severity
FROM from_outside AS f
LEFT JOIN allowed AS a ON f.address = a.address
WHERE a.address IS NULL
