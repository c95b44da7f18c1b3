--! id = "@id@"
--! title = "Access connector does something that is not its job"
--! severity = "medium"
--! direction = "data-doing-infra"
--! status = "experimental"
--! profile = "core"
--! sources = ["keyvault"]
--! attack = ["T1078.004"]
--! group_by = ["principal_id", "target_id"]
--! details = ["op_class", "src_ip"]
--! created = @today@
--! updated = @today@
--!
--! [params.min_confidence]
--! default = 0.7
--! why = "an identity that is known with less is a guess"

-- ## What it finds
-- Say in a sentence or two which events are found. To begin with: an access connector's identity
-- writes a secret.
--
-- ## Why it matters
-- Say what goes wrong when this happens and nobody looks.
--
-- ## What it cannot see
-- Say which logs must be there, and what leaves no trace in them.
--
-- ## False positives
-- Say who does this honestly, and how to tell.
--
-- ## What to do
-- Say what to look at first, and what to change.

SELECT *
FROM adac
WHERE source = 'keyvault'
  AND op_class = 'secret_write'
  AND outcome = 'success'
  AND confidence >= $min_confidence
