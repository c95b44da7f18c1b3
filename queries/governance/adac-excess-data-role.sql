--! id = "adac-excess-data-role"
--! aliases = ["R29"]
--! title = "Access connector is granted a data role that does more than its work needs"
--! severity = "medium"
--! direction = "governance"
--! status = "stable"
--! profile = "core"
--! sources = []
--! any_sources = ["activity", "inventory"]
--! attack = ["T1098.003"]
--! group_by = ["assignee_id", "role_id", "scope"]
--! details = ["role_id", "instead", "scope", "scope_level", "assignee_kind", "body_from"]
--! subject = "assignee_id"
--! created = 2026-11-24
--! updated = 2026-11-24
--! references = ["https://learn.microsoft.com/azure/role-based-access-control/built-in-roles", "https://learn.microsoft.com/azure/databricks/connect/unity-catalog/cloud-storage/azure-managed-identities"]

-- ## What it finds
-- The identity of an access connector holds, or is assigned, one of the data roles that also own or
-- administer the data: Storage Blob Data Owner, the administrators and officers of Key Vault, the
-- data owners of Event Hubs and Service Bus, the file share roles that change or ignore permissions,
-- and the role that exports disks. A failed attempt is found one severity lower.
--
-- ## Why it matters
-- A connector reads and writes what it is asked for. An owner of data also sets its access lists, a
-- vault officer replaces and purges secrets: with those the traces of a theft, or what it needs next,
-- are in the thief's hands.
--
-- ## What it cannot see
-- Roles assigned before the logs begin, where no export of role assignments was read. Custom roles.
-- How wide the scope is: `adac-scope-too-broad` judges that. Key Vault Data Access Administrator can
-- assign roles, so it is a matter of `adac-granted-management-role`.
--
-- ## False positives
-- Jobs that keep the access lists of a data lake in order by design need Storage Blob Data Owner; so
-- do secrets that Databricks writes. List those as expected.
--
-- ## What to do
-- Assign the role named in `instead` and remove this one.

SELECT *,
  CASE
    WHEN role_id = 'b7e6dc6d-f1e8-4753-8033-0f276bb0955b' THEN 'Storage Blob Data Contributor'
    WHEN role_id IN ('00482a5a-887f-4fb3-b363-3b7fe8e74483', 'b86a8fe4-44ce-4948-aee5-eccb2c155cd7')
      THEN 'Key Vault Secrets User'
    WHEN role_id = '14b46e9e-c2b7-41b4-b07b-48a6ebf60603' THEN 'Key Vault Crypto User'
    WHEN role_id = 'a4417e6f-fecd-4de8-b567-7b0420556985' THEN 'Key Vault Certificate User'
    WHEN role_id = 'f526a384-b230-433a-b45c-95f59c4a2dec' THEN 'Azure Event Hubs Data Receiver or Sender'
    WHEN role_id = '090c5cfd-751d-490a-894a-3ce6f1109419' THEN 'Azure Service Bus Data Receiver or Sender'
    WHEN role_id <> '959f8984-c045-4866-89c7-12bf9737be2e' THEN 'Storage File Data SMB Share Contributor'
  END AS instead,
  CASE WHEN outcome = 'success' THEN 'medium' ELSE 'low' END AS severity
FROM events
WHERE op_class = 'role_assign'
  AND phase = 'terminal'
  AND outcome <> 'unknown'
  AND assignee_stream = 'adac'
  AND role_id IN (
    -- Storage Blob Data Owner.
    'b7e6dc6d-f1e8-4753-8033-0f276bb0955b',
    -- Key Vault: Administrator, Secrets Officer, Crypto Officer, Certificates Officer.
    '00482a5a-887f-4fb3-b363-3b7fe8e74483',
    'b86a8fe4-44ce-4948-aee5-eccb2c155cd7',
    '14b46e9e-c2b7-41b4-b07b-48a6ebf60603',
    'a4417e6f-fecd-4de8-b567-7b0420556985',
    -- Data owners of Event Hubs and Service Bus.
    'f526a384-b230-433a-b45c-95f59c4a2dec',
    '090c5cfd-751d-490a-894a-3ce6f1109419',
    -- Storage File Data: SMB Admin, SMB MI Admin, SMB Take Ownership, SMB Share Elevated Contributor,
    -- Privileged Contributor.
    'bbf004e3-0e4b-4f86-ae4f-1f8fb47b357b',
    'a235d3ee-5935-4cfb-8cc5-a3303ad5995e',
    '5d9bac3f-34b2-432f-bde5-78aa8e73ce6b',
    'a7264617-510b-434b-a828-9731dc254ea7',
    '69566ab7-960f-475b-8e7c-b3118f30c6bd',
    -- Data Operator for Managed Disks.
    '959f8984-c045-4866-89c7-12bf9737be2e'
  )
