//! Where a format keeps its values: ordered places, best first, as `const` tables.

use crate::event::{Row, TextColumn};
use crate::json::{Kind, Value};
use crate::time::UtcMicros;

/// Member names that lead from the top of a record to a value.
pub(super) type Path = &'static [&'static str];

/// The places where one value can stand, the best one first.
pub(super) type Places = &'static [Path];

/// The text columns that a format copies as they are, each with its places.
pub(super) type Columns = &'static [(TextColumn, Places)];

/// The first text, number or boolean at one of these places.
///
/// Empty strings are passed over: Azure writes `""` where a form has the key but not the value.
pub(super) fn text(root: Value<'_>, places: Places) -> Option<&str> {
    places.iter().find_map(|path| root.at(path)?.scalar().filter(|text| !text.is_empty()))
}

/// The first object at one of these places that has a member.
pub(super) fn object(root: Value<'_>, places: Places) -> Option<Value<'_>> {
    places.iter().find_map(|path| root.at(path).filter(|value| value.members().next().is_some()))
}

/// The first array at one of these places.
pub(super) fn array(root: Value<'_>, places: Places) -> Option<Value<'_>> {
    places.iter().find_map(|path| root.at(path).filter(|value| value.kind() == Kind::Array))
}

/// The first number at one of these places, be it written as a number or as a string.
pub(super) fn number(root: Value<'_>, places: Places) -> Option<f64> {
    places.iter().find_map(|path| root.at(path)?.as_f64())
}

/// The first readable time at one of these places.
pub(super) fn time(root: Value<'_>, places: Places) -> Option<UtcMicros> {
    places.iter().find_map(|path| UtcMicros::parse(root.at(path)?.scalar()?))
}

/// Copies every column of the table that the record has a value for.
pub(super) fn fill<'r>(row: &mut Row<'r>, root: Value<'r>, columns: Columns) {
    for (column, places) in columns {
        row.set(*column, text(root, places));
    }
}

/// Whether the record has this key, be it `null` or not.
pub(super) fn has(root: Value<'_>, key: &str) -> bool {
    root.get(key).is_some()
}

/// The string under this key of the record itself.
pub(super) fn top<'r>(root: Value<'r>, key: &str) -> Option<&'r str> {
    root.get(key)?.as_str()
}

/// The name of the Log Analytics table that a row says it is from.
///
/// `$table` is what a query over several tables adds: seen in a real export of 2021.
pub(super) fn table_name(root: Value<'_>) -> Option<&str> {
    text(root, &[&["Type"], &["$table"]])
}

/// Whether the row has the time column that every Log Analytics table has.
///
/// The portal writes its time zone into the name of the column. Only UTC is read: a local time
/// does not say which zone it is in.
pub(super) fn has_time_generated(root: Value<'_>) -> bool {
    has(root, "TimeGenerated") || has(root, "TimeGenerated [UTC]")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::vocabulary::{Form, LogSource};
    use crate::json::Tape;

    const COLUMNS: Columns = &[
        (TextColumn::SrcIp, &[&["http", "ip"], &["ip"]]),
        (TextColumn::CorrelationId, &[&["id"]]),
        (TextColumn::Category, &[&["nothing"]]),
    ];

    #[test]
    fn the_first_place_that_has_a_text_gives_it_and_empty_or_null_ones_are_passed_over() {
        let record = r#"{"http":{"ip":""},"ip":"10.0.0.1","id":7,"nothing":null}"#;
        let mut tape = Tape::new();
        tape.parse(record.as_bytes()).unwrap();
        let mut row = Row::new(LogSource::Activity, Form::Rest);

        fill(&mut row, tape.root(record).unwrap(), COLUMNS);

        assert_eq!(row.get(TextColumn::SrcIp), Some("10.0.0.1"));
        assert_eq!(row.get(TextColumn::CorrelationId), Some("7"));
        assert_eq!(row.get(TextColumn::Category), None);
    }

    #[test]
    fn an_empty_object_or_a_string_is_no_object() {
        let record = r#"{"a":{},"b":"{}","c":{"d":1}}"#;
        let mut tape = Tape::new();
        tape.parse(record.as_bytes()).unwrap();
        let root = tape.root(record).unwrap();

        assert!(object(root, &[&["a"], &["b"]]).is_none());
        assert!(object(root, &[&["a"], &["b"], &["c"]]).unwrap().get("d").is_some());
    }

    #[test]
    fn a_number_may_be_written_as_a_string() {
        let record = r#"{"old":2826,"new":"20","word":"x"}"#;
        let mut tape = Tape::new();
        tape.parse(record.as_bytes()).unwrap();
        let root = tape.root(record).unwrap();

        assert_eq!(number(root, &[&["word"], &["old"]]), Some(2826.0));
        assert_eq!(number(root, &[&["new"]]), Some(20.0));
    }
}
