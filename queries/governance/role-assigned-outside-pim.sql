--! id = "role-assigned-outside-pim"
--! aliases = ["R30"]
--! title = "Role of a Databricks identity is assigned outside of Privileged Identity Management"
--! severity = "medium"
--! direction = "governance"
--! status = "stable"
--! profile = "core"
--! sources = ["activity"]
--! attack = ["T1098.003", "T1548.005"]
--! group_by = ["principal_id", "assignee_id"]
--! details = ["role_id", "role_class", "scope", "assignee_id", "assignee_kind", "app_id", "src_ip"]
--! created = 2026-11-24
--! updated = 2026-11-24
--! references = ["https://learn.microsoft.com/entra/id-governance/privileged-identity-management/pim-resource-roles-assign-roles", "https://learn.microsoft.com/azure/role-based-access-control/delegate-role-assignments-overview"]
--!
--! [params.regulated]
--! default = false
--! why = "only environments that must account for every right make it a rule that all assignments go by PIM"

-- ## What it finds
-- Somebody assigns a role to a workspace identity or an access connector directly, and not by
-- Privileged Identity Management. With the parameter `regulated` it is medium, and high for roles that
-- manage resources, assign roles or yield keys; without it, informational: a list of who assigned
-- what.
--
-- ## Why it matters
-- Managed identities cannot activate a role, but PIM can assign theirs with an end, a reason and an
-- approval. What is assigned beside it has none of the three and stays for good.
--
-- ## What it cannot see
-- Whether the caller was allowed to assign only certain roles (delegation with conditions), which
-- regulated environments accept too. Exports that leave request bodies out: then the assignee is not
-- known. A refused attempt assigned nothing, so it is left to the rules about the roles themselves.
--
-- ## False positives
-- Deployment pipelines: list their principals as expected. An administrator who activated a role by
-- PIM and then assigned one by hand. Left out: Databricks' own application in managed resource
-- groups, as it does when it creates a workspace.
--
-- ## What to do
-- Ask the caller why. Assign the role again by PIM, with an end, or by a pipeline that is reviewed.

SELECT *,
  CASE
    WHEN NOT $regulated THEN 'informational'
    -- What a custom role allows is not known.
    WHEN role_class IN ('owner_like', 'management', 'key_yielding') THEN 'high'
    ELSE 'medium'
  END AS severity
FROM events
WHERE source = 'activity'
  AND op_class = 'role_assign'
  AND phase = 'terminal'
  AND outcome = 'success'
  AND assignee_stream IN ('dbmi', 'adac')
  AND NOT via_pim
  AND NOT (identity_kind = 'first_party' AND in_managed_rg)
