--! id = "anonymous-access-to-governed-storage"
--! aliases = ["R55"]
--! title = "Governed storage is read without any credential"
--! severity = "high"
--! direction = "governance"
--! status = "stable"
--! profile = "core"
--! sources = ["storage"]
--! needs = ["governed"]
--! attack = ["T1530"]
--! group_by = ["target_name", "container"]
--! details = ["op_class", "object_path", "src_ip", "user_agent"]
--! created = 2026-11-24
--! updated = 2026-11-24
--! references = ["https://learn.microsoft.com/azure/storage/blobs/anonymous-read-access-prevent"]

-- ## What it finds
-- A request without a credential succeeds on a storage account with external locations: high in a
-- container that an external location names, medium in any other container of the account.
--
-- ## Why it matters
-- The container is open to the internet, or to everybody in the networks that the account lets in. No
-- identity, no role and no grant stand in between.
--
-- ## What it cannot see
-- Storage logs few of the anonymous requests that fail, and an open container that nobody has read yet.
-- Failed requests are no finding: anybody can make them on any account, and scanners do all day.
--
-- ## False positives
-- The static website of an account (`$web`) is meant to be read so and is left out, unless an external
-- location names it. Preflight requests of browsers carry no credential by design and open no data.
--
-- ## What to do
-- Forbid anonymous access for the whole account and set the container private. Then find out who opened
-- it, and what was read meanwhile (`object_path`, `src_ip`).

WITH governed_containers AS (
  SELECT DISTINCT account, container
  FROM governed
),
governed_accounts AS (
  SELECT DISTINCT account
  FROM governed
)
SELECT u.*,
  CASE WHEN c.container IS NOT NULL THEN 'high' ELSE 'medium' END AS severity
FROM unattributed AS u
JOIN governed_accounts AS a ON u.target_name = a.account
LEFT JOIN governed_containers AS c ON u.target_name = c.account AND lower(u.container) = c.container
WHERE u.source = 'storage'
  AND u.auth_type = 'anonymous'
  AND u.outcome = 'success'
  AND u.op_class <> 'storage_probe'
  AND (c.container IS NOT NULL OR coalesce(u.container, '') <> '$web')
