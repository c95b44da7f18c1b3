//! Reads members of records and segments of their ids, for formats whose forms differ in names only.

use memchr::{memchr, memchr2_iter};

use crate::json::Value;

/// Takes the members with these names out of an object in one pass.
///
/// Each slot holds the last member of its name, as [`Value::get`] gives it; `None` where it is
/// absent or `null`, and everywhere for a value that is no object.
pub(super) fn pick<'r, const N: usize>(object: Option<Value<'r>>, names: &[&str; N]) -> [Option<Value<'r>>; N] {
    let mut found = [None; N];
    let Some(object) = object else { return found };
    for (key, value) in object.members() {
        for (slot, name) in found.iter_mut().zip(names) {
            if *name == key {
                *slot = if value.is_null() { None } else { Some(value) };
            }
        }
    }
    found
}

/// The text of a string, number or boolean; `None` for an empty one.
pub(super) fn text(value: Option<Value<'_>>) -> Option<&str> {
    value?.scalar().filter(|text| !text.is_empty())
}

/// The text of the member named `key`; `None` for an empty one.
pub(super) fn member<'r>(object: Value<'r>, key: &str) -> Option<&'r str> {
    text(object.get(key))
}

/// Whether the member named `key` is `expected` in any case.
pub(super) fn member_is(object: Value<'_>, key: &str, expected: &str) -> bool {
    member(object, key).is_some_and(|text| text.eq_ignore_ascii_case(expected))
}

/// The text of a whole number without the `.0` that Log Analytics gives columns of type `real`.
pub(super) fn whole(text: &str) -> &str {
    text.strip_suffix(".0").unwrap_or(text)
}

/// A whole number, written as one, as a string, or with `.0`.
pub(super) fn number(value: Option<Value<'_>>) -> Option<i64> {
    whole_number(text(value)?)
}

/// The value of a whole number without or with `.0`.
pub(super) fn whole_number(text: &str) -> Option<i64> {
    whole(text).parse().ok()
}

/// A number, written as one or as a string.
pub(super) fn decimal(value: Option<Value<'_>>) -> Option<f64> {
    value?.as_f64()
}

/// Byte position of the first `needle` in `text`, in any case.
pub(super) fn position(text: &str, needle: &str) -> Option<usize> {
    let (text, needle) = (text.as_bytes(), needle.as_bytes());
    let Some((&first, rest)) = needle.split_first() else { return Some(0) };
    let is_rest = |at: &usize| text.get(at + 1..=at + rest.len()).is_some_and(|part| part.eq_ignore_ascii_case(rest));
    memchr2_iter(first.to_ascii_lowercase(), first.to_ascii_uppercase(), text).find(is_rest)
}

/// Whether `text` contains `needle`, in any case.
pub(super) fn contains(text: &str, needle: &str) -> bool {
    position(text, needle).is_some()
}

/// What follows `prefix`, in any case; `None` where `text` does not start with it.
pub(super) fn after_prefix<'t>(text: &'t str, prefix: &str) -> Option<&'t str> {
    let (start, rest) = text.split_at_checked(prefix.len())?;
    start.eq_ignore_ascii_case(prefix).then_some(rest)
}

/// The segment of an id that follows `marker` (`/servers/`), in any case.
pub(super) fn segment_after<'t>(id: &'t str, marker: &str) -> Option<&'t str> {
    segment_from(id, position(id, marker)? + marker.len())
}

/// The segment of an id that begins at `start`.
fn segment_from(id: &str, start: usize) -> Option<&str> {
    let rest = id.get(start..)?;
    let end = memchr(b'/', rest.as_bytes()).unwrap_or(rest.len());
    rest.get(..end).filter(|segment| !segment.is_empty())
}

/// The part of an id up to and including the segment that follows `marker`, in any case.
pub(super) fn through_segment<'t>(id: &'t str, marker: &str) -> Option<&'t str> {
    let start = position(id, marker)? + marker.len();
    id.get(..start + segment_from(id, start)?.len())
}

/// The last segment of an id that is not empty.
pub(super) fn last_segment(id: &str) -> Option<&str> {
    id.rsplit('/').find(|segment| !segment.is_empty())
}

/// The bytes of a GUID without dashes, in lower case.
fn digits(guid: &str) -> impl Iterator<Item = u8> {
    guid.bytes().filter(|byte| *byte != b'-').map(|byte| byte.to_ascii_lowercase())
}

/// Whether two GUIDs are the same, whatever their case and dashes.
pub(super) fn same_guid(left: &str, right: &str) -> bool {
    digits(left).eq(digits(right))
}

#[cfg(test)]
pub(super) mod testing {
    //! Decodes one record the way the pipeline does.

    use crate::event::{Row, Scratch};
    use crate::format::RejectReason;
    use crate::json::{Tape, Value};

    /// Parses `text`, expands the strings at `paths`, and hands the record to `check`.
    pub(in crate::format) fn with_record<T>(
        text: &str,
        paths: &[&[&str]],
        check: impl FnOnce(Value<'_>, &Scratch) -> T,
    ) -> T {
        let mut tape = Tape::new();
        tape.parse(text.as_bytes()).unwrap();
        for path in paths {
            tape.expand(text, path);
        }
        check(tape.root(text).unwrap(), &Scratch::default())
    }

    /// As [`with_record`], for a CSV row.
    pub(in crate::format) fn with_cells<T>(
        cells: &[(&str, &str)],
        paths: &[&[&str]],
        check: impl FnOnce(Value<'_>, &Scratch) -> T,
    ) -> T {
        let mut tape = Tape::new();
        tape.set_flat_object(cells.iter().map(|(key, value)| (*key, Some(*value))));
        for path in paths {
            tape.expand("", path);
        }
        check(tape.root("").unwrap(), &Scratch::default())
    }

    /// What a format's `decode` gives.
    pub(in crate::format) type Decoded<'r> = Result<Row<'r>, RejectReason>;
}

#[cfg(test)]
mod tests {
    use super::testing::with_record;
    use super::*;

    #[test]
    fn members_are_picked_by_name_and_null_is_absent() {
        with_record(r#"{"a":1,"b":null,"c":"","a":"2"}"#, &[], |root, _| {
            let [a, b, c, d] = pick(Some(root), &["a", "b", "c", "d"]);

            assert_eq!(text(a), Some("2"));
            assert!(b.is_none());
            assert_eq!((c.is_some(), text(c)), (true, None));
            assert!(d.is_none());
        });
    }

    #[test]
    fn numbers_of_log_analytics_lose_their_fraction() {
        with_record(r#"{"a":200.0,"b":"403","c":"no","d":7}"#, &[], |root, _| {
            let found = ["a", "b", "c", "d"].map(|key| number(root.get(key)));

            assert_eq!(found, [Some(200), Some(403), None, Some(7)]);
        });
    }

    #[test]
    fn segments_of_ids_are_found_in_any_case() {
        let id =
            "/SUBSCRIPTIONS/s/RESOURCEGROUPS/g/PROVIDERS/MICROSOFT.STORAGE/STORAGEACCOUNTS/Acct/blobServices/default";

        assert_eq!(segment_after(id, "/storageAccounts/"), Some("Acct"));
        assert_eq!(segment_after(id, "/vaults/"), None);
        assert_eq!(
            through_segment(id, "/storageAccounts/"),
            Some("/SUBSCRIPTIONS/s/RESOURCEGROUPS/g/PROVIDERS/MICROSOFT.STORAGE/STORAGEACCOUNTS/Acct")
        );
        assert_eq!(last_segment("/a/b/"), Some("b"));
        assert_eq!(last_segment("//"), None);
        assert_eq!(after_prefix("Microsoft.Databricks/jobs/x", "MICROSOFT.DATABRICKS/"), Some("jobs/x"));
        assert_eq!(after_prefix("é", "ab/"), None);
    }

    #[test]
    fn guids_agree_whatever_their_dashes_and_case() {
        assert!(same_guid("ABCDEF12-3456-7890-ABCD-EF1234567890", "abcdef1234567890abcdef1234567890"));
        assert!(!same_guid("abcdef12-3456-7890-abcd-ef1234567890", "abcdef12-3456-7890-abcd-ef1234567891"));
        assert!(!same_guid("abc", "abcd"));
    }
}
