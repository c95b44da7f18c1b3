//! Folds one raw text as its column asks, so that equal things are equal bytes.

use crate::arm;
use crate::event::schema::Fold;

/// Appends the folded form of `raw` to `out`. `false`, and nothing appended, where the value
/// folds to null.
pub fn fold(kind: Fold, raw: &str, out: &mut String) -> bool {
    trimmed(kind, raw).is_some_and(|raw| fold_trimmed(kind, raw, out))
}

/// The part of `raw` that its folded form depends on; `None` where it folds to null for certain.
pub(super) fn trimmed(kind: Fold, raw: &str) -> Option<&str> {
    match kind {
        Fold::Verbatim => Some(raw),
        Fold::NonEmpty => Some(raw).filter(|raw| !raw.is_empty()),
        Fold::Lower => Some(arm::trim(raw)),
        Fold::Guid | Fold::ArmId => Some(arm::trim(raw)).filter(|raw| !raw.is_empty()),
        Fold::Ip => Some(without_port(arm::trim(raw))).filter(|raw| !raw.is_empty()),
    }
}

/// Whether what [`trimmed`] left is seen at a glance to be its own folded form.
pub(super) fn is_folded(kind: Fold, trimmed: &str) -> bool {
    match kind {
        Fold::Verbatim | Fold::NonEmpty => true,
        Fold::Lower | Fold::Ip => !arm::has_upper(trimmed),
        Fold::Guid => arm::is_folded_guid(trimmed),
        Fold::ArmId => false,
    }
}

/// [`fold`] for what [`trimmed`] leaves.
pub(super) fn fold_trimmed(kind: Fold, raw: &str, out: &mut String) -> bool {
    match kind {
        Fold::Verbatim | Fold::NonEmpty => out.push_str(raw),
        Fold::Lower | Fold::Ip => push_lower(raw, out),
        Fold::Guid => {
            if !arm::fold_guid(raw, out) {
                push_lower(raw, out);
            }
        }
        Fold::ArmId => {
            let before = out.len();
            arm::fold_arm_id(raw, out);
            return out.len() > before;
        }
    }
    true
}

fn push_lower(text: &str, out: &mut String) {
    let start = out.len();
    out.push_str(text);
    if let Some(added) = out.get_mut(start..) {
        added.make_ascii_lowercase();
    }
}

/// The address without its port: `10.0.0.4:443`, `[fe80::1]:443`, `[::1]`. A bare IPv6 address has
/// several colons and no brackets: it is left alone.
fn without_port(text: &str) -> &str {
    if let Some(rest) = text.strip_prefix('[') {
        return rest.split(']').next().unwrap_or(rest);
    }
    match text.split_once(':') {
        Some((address, rest)) if !rest.contains(':') => address,
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ALL: [Fold; 6] = [Fold::Verbatim, Fold::Lower, Fold::Guid, Fold::ArmId, Fold::Ip, Fold::NonEmpty];

    fn folded(kind: Fold, raw: &str) -> Option<String> {
        let mut out = String::new();
        fold(kind, raw, &mut out).then_some(out)
    }

    #[test]
    fn ports_and_brackets_leave_an_address() {
        for (raw, expected) in [
            ("10.50.0.204:38208", "10.50.0.204"),
            ("203.0.113.7", "203.0.113.7"),
            ("18.193.11.166:0", "18.193.11.166"),
            ("[2001:DB8::1]:443", "2001:db8::1"),
            ("[::1]", "::1"),
            ("2001:db8::7", "2001:db8::7"),
        ] {
            assert_eq!(folded(Fold::Ip, raw).as_deref(), Some(expected), "{raw}");
        }
        assert_eq!(folded(Fold::Ip, " "), None);
    }

    #[test]
    fn a_guid_loses_case_and_gains_dashes_and_other_ids_lose_case() {
        let dashed = "8e3af657-a8ff-443c-a75c-2fe8c4bcb635";
        assert_eq!(folded(Fold::Guid, "8E3AF657A8FF443CA75C2FE8C4BCB635").as_deref(), Some(dashed));
        assert_eq!(folded(Fold::Guid, dashed).as_deref(), Some(dashed));
        assert_eq!(folded(Fold::Guid, "Not-A-Guid").as_deref(), Some("not-a-guid"));
        assert_eq!(folded(Fold::Guid, ""), None);
    }

    #[test]
    fn missing_and_empty_differ_only_where_empty_can_mean_something() {
        assert_eq!(folded(Fold::Verbatim, "").as_deref(), Some(""));
        assert_eq!(folded(Fold::NonEmpty, ""), None);
    }

    proptest! {
        #[test]
        fn what_looks_folded_is(text in "[ -~é\n]{0,8}|[0-9a-fA-F]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}") {
            for kind in ALL {
                let Some(trimmed) = trimmed(kind, &text) else { continue };
                if is_folded(kind, trimmed) {
                    prop_assert_eq!(folded(kind, &text), Some(trimmed.to_owned()));
                }
            }
        }
    }
}
