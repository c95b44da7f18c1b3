--! id = "adac-storage-account-config-change"
--! aliases = ["R17"]
--! title = "Access connector changes a storage account"
--! severity = "high"
--! direction = "data-doing-infra"
--! status = "stable"
--! profile = "core"
--! sources = ["activity"]
--! attack = ["T1578.005", "T1562.007", "T1686"]
--! group_by = ["principal_id", "target_name"]
--! details = ["operation", "opens", "src_ip", "body_from"]
--! created = 2026-11-24
--! updated = 2026-11-24
--! references = ["https://learn.microsoft.com/azure/databricks/connect/unity-catalog/cloud-storage/manage-external-locations", "https://learn.microsoft.com/azure/storage/common/storage-network-security"]

-- ## What it finds
-- The identity of an access connector writes or deletes a storage account, or a part of it that
-- Azure Resource Manager manages: network rules, containers, soft delete, life cycle, encryption
-- scopes, local users. It is critical where the request opens the account: to public networks, to
-- anonymous readers or to shared keys. A failed attempt is found one severity lower.
--
-- ## Why it matters
-- Who can change the account can take its data out by another door, or delete it. The recipe for
-- file events grants Storage Account Contributor for the sake of queues; that is how it becomes
-- possible, and nothing else in that role is needed.
--
-- ## What it cannot see
-- Whether a setting in the request was so before: a template writes all of them. What a request
-- sets where its body is not in the export: such a change is high.
--
-- ## False positives
-- Queues of file events are left out here; `adac-management-operation` judges them. A user-assigned
-- identity that a deployment pipeline uses too: do not share it.
--
-- ## What to do
-- Put the account's settings back and look who reached it meanwhile. Where file events are not in
-- use, take Storage Account Contributor away.

WITH changes AS (
  -- A body that was cut off is a text with escaped quotes; both are read.
  SELECT *, lower(coalesce(request_body, '')) AS body
  FROM adac
  WHERE source = 'activity'
    AND op_class = 'storage_manage'
    AND phase = 'terminal'
    AND outcome <> 'unknown'
    -- What the provider does without an account (is a name free?) is no change. Some forms have a
    -- name for people in place of the operation.
    AND (operation LIKE 'microsoft.storage/storageaccounts/%' OR operation LIKE '% %')
    AND operation NOT LIKE 'microsoft.storage/storageaccounts/queueservices/queues/%'
),
judged AS (
  SELECT *,
    CASE
      WHEN regexp_like(body, '"publicnetworkaccess\\*":\s*\\*"enabled') THEN 'public network'
      WHEN regexp_like(body, '"defaultaction\\*":\s*\\*"allow') THEN 'every network'
      WHEN regexp_like(body, '"allowblobpublicaccess\\*":\s*\\*"?true') THEN 'anonymous readers'
      WHEN regexp_like(body, '"publicaccess\\*":\s*\\*"(blob|container)') THEN 'anonymous readers of a container'
      WHEN regexp_like(body, '"allowsharedkeyaccess\\*":\s*\\*"?true') THEN 'shared keys'
    END AS opens
  FROM changes
)
SELECT *,
  CASE
    WHEN opens IS NOT NULL THEN CASE WHEN outcome = 'success' THEN 'critical' ELSE 'high' END
    ELSE CASE WHEN outcome = 'success' THEN 'high' ELSE 'medium' END
  END AS severity
FROM judged
