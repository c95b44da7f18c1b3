--! id = "dbmi-used-outside-cluster"
--! aliases = ["R43"]
--! title = "Workspace identity's token asked for by something that is no cluster machine"
--! severity = "critical"
--! direction = "identity-misuse"
--! status = "stable"
--! profile = "core"
--! any_sources = ["keyvault", "activity"]
--! attack = ["T1552.005", "T1550.001"]
--! group_by = ["principal_id", "az_rid"]
--! details = ["az_rid", "source", "operation", "target_name", "src_ip", "token_uti"]
--! created = 2026-11-24
--! updated = 2026-11-24
--! references = ["https://learn.microsoft.com/entra/identity/managed-identities-azure-resources/how-to-use-vm-token", "https://learn.microsoft.com/entra/identity-platform/access-token-claims-reference"]

-- ## What it finds
-- The identity of a workspace's machines is used with a token that names what asked for it
-- (`az_rid`), and that is no virtual machine or scale set of the identity's own managed resource
-- group. A use that failed is found one severity lower.
--
-- ## Why it matters
-- Somebody attached the identity to a resource of their own. From there it works without a cluster,
-- without a Databricks user, and without a trace in the Databricks logs.
--
-- ## What it cannot see
-- Storage and SQL logs do not have the claim, and sign-ins of managed identities have no address.
-- Nor does every token have it: a record without it says nothing. A token that was copied off a
-- cluster machine still names that machine; addresses are judged by identity-unexpected-ip, for
-- clusters call vaults and Azure Resource Manager from public addresses as a matter of course.
--
-- ## False positives
-- None known. The group is the one that the identity itself lies in, so it holds without an
-- inventory of workspaces.
--
-- ## What to do
-- Detach the identity from the resource in `az_rid`, and find who attached it: the Activity Log has
-- `userAssignedIdentities/assign/action`. Treat the resource as compromised.

WITH homes AS (
  -- A user-assigned identity lies in the managed resource group that it serves.
  SELECT principal_id, MIN(regexp_replace(arm_id, '/providers/.*$', '')) AS group_id
  FROM identities
  WHERE arm_id LIKE '%/providers/microsoft.managedidentity/%' AND principal_id IS NOT NULL
  GROUP BY principal_id
),
managed_groups AS (
  SELECT rid, MIN(managed_rg) AS group_id
  FROM workspaces
  GROUP BY rid
),
uses AS (
  SELECT d.*,
    regexp_replace(d.az_rid, '/providers/.*$', '') AS asked_from,
    coalesce(h.group_id, w.group_id) AS home
  FROM dbmi AS d
  LEFT JOIN homes AS h ON d.principal_id = h.principal_id
  LEFT JOIN managed_groups AS w ON d.workspace_rid = w.rid
  WHERE d.identity_kind = 'uami'
    AND d.az_rid LIKE '/subscriptions/%'
    AND d.phase = 'terminal'
    AND d.outcome <> 'unknown'
)
SELECT *,
  CASE WHEN outcome = 'success' THEN 'critical' ELSE 'high' END AS severity
FROM uses
WHERE home IS NOT NULL
  AND NOT (
    asked_from = home
    AND (
      az_rid LIKE '%/providers/microsoft.compute/virtualmachines/%'
      OR az_rid LIKE '%/providers/microsoft.compute/virtualmachinescalesets/%'
    )
  )
