//! What each Databricks identity was seen to do in earlier runs, kept in a file of the user's:
//! JSON Lines, one line a principal, dimension and value.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, Int64Array, StringArray, TimestampMicrosecondArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Int64Type, TimestampMicrosecondType};
use arrow::error::ArrowError;
use arrow::record_batch::RecordBatch;
use datafusion::prelude::SessionContext;
use serde::{Deserialize, Serialize};

use crate::error::RunError;
use crate::sql::session::plan_read_only;
use crate::sql::tables::side_table;
use crate::time::UtcMicros;

/// What the events of a run say, in the columns of the side table. Tokens (`auth`) and deeds
/// (`use`) are apart: a platform's probe asks for tokens that nobody uses. What was refused or failed
/// is nothing that an identity does: else whoever tries first would have it look usual.
const SEEN: &str = "\
WITH own AS (\
  SELECT principal_id, source, op_class, audience_kind, target_id, time, outcome, phase \
  FROM dbmi WHERE principal_id IS NOT NULL \
  UNION ALL \
  SELECT principal_id, source, op_class, audience_kind, target_id, time, outcome, phase \
  FROM adac WHERE principal_id IS NOT NULL\
), done AS (\
  SELECT * FROM own WHERE outcome = 'success' AND phase = 'terminal'\
), seen AS (\
  SELECT principal_id, 'audience' AS dim, audience_kind AS value, time FROM done WHERE source = 'signin' \
  UNION ALL SELECT principal_id, 'op_class', op_class, time FROM done \
  UNION ALL SELECT principal_id, 'target', target_id, time FROM done WHERE source <> 'signin' AND target_id IS NOT NULL \
  UNION ALL SELECT principal_id, CASE WHEN source = 'signin' THEN 'auth' ELSE 'use' END, 'any', time FROM own\
) \
SELECT principal_id, dim, value, min(time) AS first_seen, max(time) AS last_seen, count(*) AS n \
FROM seen GROUP BY principal_id, dim, value";

/// Principal, dimension (`audience`, `op_class`, `target`, `auth`, `use`), value.
type Key = (String, String, String);

/// When a value was first and last seen, and how often.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Span {
    first_seen: UtcMicros,
    last_seen: UtcMicros,
    events: u64,
}

/// What was seen so far.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Baseline {
    rows: BTreeMap<Key, Span>,
}

/// One line of the file.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    principal_id: String,
    dim: String,
    value: String,
    first_seen: String,
    last_seen: String,
    events: u64,
}

impl Baseline {
    /// Reads the text of a file. `file` names it in messages.
    ///
    /// # Errors
    ///
    /// [`RunError::Usage`] with the first line that is wrong: half a memory would make old deeds
    /// look new.
    pub fn parse(file: &str, text: &str) -> Result<Self, RunError> {
        let mut rows = BTreeMap::new();
        for (number, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
            let wrong = |what: String| RunError::Usage {
                message: format!("{file}:{}: {what}", number + 1),
                hint: Some("a baseline is what `--baseline` wrote; a file that does not exist starts anew".to_owned()),
            };
            let line: Line = serde_json::from_str(line).map_err(|error| wrong(error.to_string()))?;
            let time = |text: &str| UtcMicros::parse(text).ok_or_else(|| wrong(format!("'{text}' is no time")));
            let span =
                Span { first_seen: time(&line.first_seen)?, last_seen: time(&line.last_seen)?, events: line.events };
            rows.insert((line.principal_id, line.dim, line.value), span);
        }
        Ok(Self { rows })
    }

    /// The text of a file: lines sorted by principal, dimension and value.
    ///
    /// # Errors
    ///
    /// [`RunError::Internal`]: a defect of ours.
    pub fn to_text(&self) -> Result<String, RunError> {
        let mut text = String::new();
        for ((principal_id, dim, value), span) in &self.rows {
            let line = Line {
                principal_id: principal_id.clone(),
                dim: dim.clone(),
                value: value.clone(),
                first_seen: span.first_seen.to_string(),
                last_seen: span.last_seen.to_string(),
                events: span.events,
            };
            let line = serde_json::to_string(&line);
            text.push_str(&line.map_err(|error| RunError::internal("cannot write the baseline", error))?);
            text.push('\n');
        }
        Ok(text)
    }

    /// The side table `baseline`.
    ///
    /// # Errors
    ///
    /// [`RunError::Internal`]: a defect of ours.
    pub fn table(&self) -> Result<RecordBatch, RunError> {
        let text = |part: fn(&Key) -> &String| -> ArrayRef {
            Arc::new(self.rows.keys().map(|key| Some(part(key))).collect::<StringArray>())
        };
        let time = |part: fn(&Span) -> UtcMicros| -> ArrayRef {
            let times = self.rows.values().map(|span| Some(part(span).0));
            Arc::new(times.collect::<TimestampMicrosecondArray>().with_timezone("UTC"))
        };
        let counts = self.rows.values().map(|span| i64::try_from(span.events).ok());
        let columns = vec![
            text(|key| &key.0),
            text(|key| &key.1),
            text(|key| &key.2),
            time(|span| span.first_seen),
            time(|span| span.last_seen),
            Arc::new(counts.collect::<Int64Array>()),
        ];
        side_table("baseline", columns)
    }

    /// What is known after the events of this session. Reading the same events again changes
    /// nothing: only what is later than anything seen before is counted anew.
    ///
    /// # Errors
    ///
    /// [`RunError::Internal`] where the query fails.
    pub async fn with_events(mut self, ctx: &SessionContext) -> Result<Self, RunError> {
        let failed = |error| RunError::internal("cannot bring the baseline up to date", error);
        let seen = plan_read_only(ctx, SEEN).await.map_err(failed)?.collect().await.map_err(failed)?;
        for batch in &seen {
            self.add(batch).map_err(|error| RunError::internal("cannot bring the baseline up to date", error))?;
        }
        Ok(self)
    }

    fn add(&mut self, batch: &RecordBatch) -> Result<(), ArrowError> {
        let column = |name: &str, to: &DataType| cast(batch.column(batch.schema().index_of(name)?), to);
        let texts = [
            column("principal_id", &DataType::Utf8)?,
            column("dim", &DataType::Utf8)?,
            column("value", &DataType::Utf8)?,
        ];
        let [principals, dims, values] = texts.each_ref().map(AsArray::as_string::<i32>);
        let micros = batch.schema().field_with_name("first_seen")?.data_type().clone();
        let times = [column("first_seen", &micros)?, column("last_seen", &micros)?];
        let [first, last] = times.each_ref().map(AsArray::as_primitive::<TimestampMicrosecondType>);
        let counts = column("n", &DataType::Int64)?;
        let counts = counts.as_primitive::<Int64Type>();
        for row in 0..batch.num_rows() {
            let key = (principals.value(row).to_owned(), dims.value(row).to_owned(), values.value(row).to_owned());
            let new = Span {
                first_seen: UtcMicros(first.value(row)),
                last_seen: UtcMicros(last.value(row)),
                events: u64::try_from(counts.value(row)).unwrap_or(0),
            };
            self.rows.entry(key).and_modify(|known| known.extend(new)).or_insert(new);
        }
        Ok(())
    }
}

impl Span {
    fn extend(&mut self, new: Self) {
        if new.last_seen > self.last_seen {
            self.events = self.events.saturating_add(new.events);
        }
        self.first_seen = self.first_seen.min(new.first_seen);
        self.last_seen = self.last_seen.max(new.last_seen);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::sql::fixture;

    const TEXT: &str = concat!(
        r#"{"principal_id":"p","dim":"audience","value":"storage","first_seen":"2026-01-01T00:00:00Z","last_seen":"2026-02-01T00:00:00Z","events":3}"#,
        "\n",
        r#"{"principal_id":"p","dim":"use","value":"any","first_seen":"2026-01-01T00:00:00Z","last_seen":"2026-01-02T00:00:00.5Z","events":1}"#,
        "\n",
    );

    #[test]
    fn what_is_written_is_read_again() {
        let baseline = Baseline::parse("b.ndjson", TEXT).unwrap();

        assert_eq!(baseline.rows.len(), 2);
        assert_eq!(Baseline::parse("b.ndjson", &baseline.to_text().unwrap()).unwrap(), baseline);
        assert_eq!(baseline.table().unwrap().num_rows(), 2);
    }

    /// Else whoever tries first would have what follows look usual.
    #[tokio::test]
    async fn what_was_refused_or_has_only_begun_is_not_learned() {
        let event = |outcome: &str, phase: &str, op_class: &str| {
            json!({
                "stream": "adac", "principal_id": "p", "source": "storage", "op_class": op_class,
                "target_id": format!("/{op_class}"), "outcome": outcome, "phase": phase,
            })
        };
        let events = [
            event("success", "terminal", "blob_read"),
            event("denied", "terminal", "blob_delete"),
            event("unknown", "start", "blob_write"),
        ];
        let ctx = fixture::session(&events, Vec::new()).await;

        let baseline = Baseline::default().with_events(&ctx).await.unwrap();

        let learned: Vec<(&str, &str)> = baseline.rows.keys().map(|(_, dim, value)| (&**dim, &**value)).collect();
        assert_eq!(learned, [("op_class", "blob_read"), ("target", "/blob_read"), ("use", "any")]);
    }

    #[test]
    fn a_wrong_line_is_named_and_refuses_the_file() {
        let error = Baseline::parse("b.ndjson", &format!("{TEXT}{{\"principal_id\":1}}\n")).unwrap_err();

        assert!(error.to_string().starts_with("b.ndjson:3:"), "{error}");
    }

    #[test]
    fn the_same_events_twice_are_counted_once() {
        let span = |first, last, events| Span { first_seen: UtcMicros(first), last_seen: UtcMicros(last), events };
        let mut known = span(10, 20, 5);

        known.extend(span(10, 20, 5));
        assert_eq!(known, span(10, 20, 5));
        known.extend(span(5, 30, 2));
        assert_eq!(known, span(5, 30, 7));
    }
}
