--! id = "managed-group-deny-assignment-hit"
--! aliases = ["R50"]
--! title = "Deny assignment of a managed resource group stops somebody"
--! severity = "medium"
--! direction = "governance"
--! status = "stable"
--! profile = "core"
--! any_sources = ["activity", "storage"]
--! needs = ["workspaces"]
--! attack = ["T1078.004", "T1552"]
--! group_by = ["principal_id", "target_id"]
--! details = ["operation", "principal_name", "identity_kind", "container", "object_path", "src_ip"]
--! created = 2026-11-24
--! updated = 2026-11-24
--! references = ["https://learn.microsoft.com/azure/role-based-access-control/deny-assignments"]

-- ## What it finds
-- Somebody tries to change a workspace's managed resource group, or to get at the data in it, and
-- the deny assignment of Azure Databricks stops the attempt: high where it was about keys, signatures,
-- disk exports, commands on machines or data; else medium. What other managed identities try to
-- change is low: that is how policies and scanners look.
--
-- ## Why it matters
-- The deny assignment answers only those whose role would have let them in. Nobody but Databricks has
-- work to do there, so whoever holds such a role and tries is worth a question. There is no milder
-- branch for failed attempts: every event here is one.
--
-- ## What it cannot see
-- Reads of resources: the deny assignment lets them through. Refusals for want of a role; other rules
-- count those. Storage logs before March 2026 do not name the deny assignment.
--
-- ## False positives
-- Administrators who look at the effective routes or security rules of a cluster's network card: left
-- out. Policies that deploy settings into every resource group: list their identity as expected, or
-- exempt the group. Databricks' own applications are left out.
--
-- ## What to do
-- Ask the principal what it wanted. Narrow the role that reached into the managed resource group; it
-- is most often one on the subscription.

SELECT *,
  CASE
    WHEN plane = 'data'
      OR op_class IN ('key_listing', 'sas_listing', 'delegation', 'command_run', 'secret_read', 'secret_write')
      THEN 'high'
    WHEN identity_kind = 'other_mi' THEN 'low'
    ELSE 'medium'
  END AS severity
FROM events
WHERE source IN ('activity', 'storage')
  AND phase = 'terminal'
  AND deny_assignment
  AND outcome IN ('denied', 'failure')
  -- Exports without resource ids still name the account.
  AND (in_managed_rg OR is_dbfs_root)
  AND identity_kind <> 'first_party'
  AND operation NOT LIKE '%/effectiveroutetable/action'
  AND operation NOT LIKE '%/effectivenetworksecuritygroups/action'
