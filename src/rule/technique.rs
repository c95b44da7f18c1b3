//! Ids of ATT&CK techniques.
//!
//! MITRE renumbers now and then, so a rule may name one technique under its old and new id, with
//! `|` between them.

/// The ids that an entry names.
pub fn alternatives(entry: &str) -> impl Iterator<Item = &str> {
    entry.split('|')
}

/// Whether an entry is made of ids only: `T1530`, `T1555.006`, `T1562.008|T1685.002`.
pub fn is_entry(text: &str) -> bool {
    alternatives(text).all(is_id)
}

/// Whether this is one id: a technique or a sub-technique.
pub fn is_id(text: &str) -> bool {
    let is_number = |digits: &str, count: usize| digits.len() == count && digits.bytes().all(|b| b.is_ascii_digit());
    let Some(text) = text.strip_prefix('T') else { return false };
    let (technique, sub) = text.split_once('.').unwrap_or((text, "000"));
    is_number(technique, 4) && is_number(sub, 3)
}

/// The technique above a sub-technique; itself where it is none.
pub fn parent(id: &str) -> &str {
    id.split_once('.').map_or(id, |(parent, _)| parent)
}

/// Whether an entry of a rule is `wanted` or lies below it.
pub fn covers(wanted: &str, entry: &str) -> bool {
    alternatives(entry).any(|id| id == wanted || parent(id) == wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_ids_or_alternatives_of_ids() {
        for entry in ["T1530", "T1555.006", "T1562.008|T1685.002"] {
            assert!(is_entry(entry), "{entry}");
        }
        for entry in ["", "T153", "T15300", "t1530", "T1530.", "T1530.06", "T1530|", "|T1530", "T1530, T1531"] {
            assert!(!is_entry(entry), "{entry}");
        }
    }

    #[test]
    fn a_technique_covers_what_lies_below_it_and_not_the_other_way_round() {
        assert!(covers("T1552", "T1552"));
        assert!(covers("T1552", "T1552.005"));
        assert!(covers("T1685", "T1562.008|T1685.002"));
        assert!(!covers("T1552.005", "T1552"));
        assert!(!covers("T155", "T1552"));
    }
}
