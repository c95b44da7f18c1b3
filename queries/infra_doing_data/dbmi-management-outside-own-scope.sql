--! id = "dbmi-management-outside-own-scope"
--! aliases = ["R13", "R14", "dbmi-command-or-extension-on-vm"]
--! title = "Workspace identity manages resources that are not its own"
--! severity = "high"
--! direction = "infra-doing-data"
--! status = "stable"
--! profile = "core"
--! sources = ["activity"]
--! needs = ["workspaces"]
--! attack = ["T1578", "T1651", "T1078.004"]
--! group_by = ["principal_id", "target_id"]
--! details = ["operation", "op_class", "target_type", "resource_group", "src_ip"]
--! created = 2026-11-24
--! updated = 2026-11-24
--! references = ["https://learn.microsoft.com/azure/databricks/security/network/classic/vnet-inject", "https://learn.microsoft.com/azure/virtual-machines/run-command-overview"]

-- ## What it finds
-- The identity of a workspace's machines, or Databricks' own application, creates, changes, deletes
-- or acts on a resource outside the workspace, its managed resource group and its network. Also:
-- the machines' identity runs a command or installs an extension on a virtual machine, wherever the
-- machine is. For Databricks' own application, and for a refused attempt, one severity lower each.
--
-- ## Why it matters
-- The identity is meant for one resource group that is locked for everybody else. What it changes
-- elsewhere it can change because somebody gave it a role there, and every notebook of the workspace
-- can use that role. A command on a machine is code as root.
--
-- ## What it cannot see
-- Reads, which the Activity Log does not have. Changes by an identity whose workspace is in no
-- inventory: what is its own is then not known. Records that do not say which resource was changed.
-- Keys, signatures and user delegation keys are found by rules of their own, and what encryption
-- identities do by dbmi-cmk-identity-misuse.
--
-- ## False positives
-- A workspace that is younger than its export: for Databricks' own application, workspaces and
-- resource groups with the default name of a managed one are left out. So are network resources in
-- the resource group of the workspace's own virtual network, which Databricks attaches to, and the
-- private DNS zones of Databricks and of storage.
--
-- ## What to do
-- Take the role away that reaches outside (`resource_group` says where), undo the change, and find
-- out who ran code in the workspace at that time.

WITH network_groups AS (
  SELECT DISTINCT rid AS serves, regexp_replace(vnet_id, '/providers/.*$', '') AS group_id
  FROM workspaces
  UNION
  -- Databricks' own application serves every workspace of the tenant.
  SELECT DISTINCT 'first_party' AS serves, regexp_replace(vnet_id, '/providers/.*$', '') AS group_id
  FROM workspaces
)
SELECT d.*,
  CASE
    WHEN d.identity_kind = 'uami' THEN CASE WHEN d.outcome = 'success' THEN 'high' ELSE 'medium' END
    ELSE CASE WHEN d.outcome = 'success' THEN 'medium' ELSE 'low' END
  END AS severity
FROM dbmi AS d
LEFT JOIN network_groups AS n
  ON n.serves = CASE WHEN d.identity_kind = 'first_party' THEN 'first_party' ELSE d.workspace_rid END
  AND n.group_id = concat('/subscriptions/', d.subscription_id, '/resourcegroups/', d.resource_group)
WHERE d.source = 'activity'
  AND d.phase = 'terminal'
  AND d.outcome <> 'unknown'
  AND d.identity_kind IN ('uami', 'first_party')
  AND d.activity NOT IN ('read', 'list')
  AND d.op_class NOT IN ('key_listing', 'sas_listing', 'delegation')
  -- A policy that looked at the request: the caller did not manage it.
  AND d.operation NOT LIKE 'microsoft.authorization/policies/%'
  AND (
    (d.op_class = 'command_run' AND d.identity_kind = 'uami')
    OR (
      NOT d.own_scope
      AND d.target_id IS NOT NULL
      AND (d.workspace_rid IS NOT NULL OR d.identity_kind = 'first_party')
      AND NOT (d.op_class = 'network_manage' AND n.group_id IS NOT NULL)
      AND NOT (
        coalesce(d.target_type, '') LIKE 'microsoft.network/privatednszones%'
        AND coalesce(d.target_name, '') IN (
          'privatelink.azuredatabricks.net', 'privatelink.blob.core.windows.net', 'privatelink.dfs.core.windows.net'
        )
      )
      AND NOT (
        d.identity_kind = 'first_party'
        AND (
          coalesce(d.target_type, '') LIKE 'microsoft.databricks/%'
          OR coalesce(d.resource_group, '') LIKE 'databricks-rg-%'
        )
      )
    )
  )
