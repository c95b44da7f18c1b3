//! Counts of what the two streams did, for charts.

use arrow::error::ArrowError;
use datafusion::prelude::SessionContext;

use crate::coverage::Coverage;
use crate::error::RunError;
use crate::event::vocabulary::{IdentityKind, Stream};
use crate::report::activity::{Activity, Span, Touch};
use crate::sql::row::{Row, rows};
use crate::time::UtcMicros;

/// What cannot be done where a query fails.
const PURPOSE: &str = "cannot count what the identities did";

/// Lengths of a span of time, in seconds: a minute to a week.
const SPANS: [i64; 9] = [60, 300, 900, 3_600, 10_800, 21_600, 43_200, 86_400, 604_800];

/// Most spans of a timeline: what a wide screen can tell apart.
const MAX_SPANS: i64 = 240;

/// Most pairs of identity and resource that are listed.
const MAX_TOUCHES: usize = 2_000;

const MICROS_PER_SECOND: i64 = 1_000_000;

/// Both streams, with the columns that the counts need.
const BOTH: &str = "\
(SELECT stream, time, principal_id, identity_kind, coalesce(target_id, target_name) AS target FROM dbmi \
 UNION ALL \
 SELECT stream, time, principal_id, identity_kind, coalesce(target_id, target_name) AS target FROM adac)";

/// Counts the events of both streams.
///
/// # Errors
///
/// [`RunError::Internal`] where a query fails.
pub(super) async fn count(ctx: &SessionContext, coverage: &Coverage) -> Result<Activity, RunError> {
    let span_seconds = span_seconds(coverage);
    let width = span_seconds * MICROS_PER_SECOND;
    let spans = format!(
        "SELECT stream, CAST(time AS BIGINT) / {width} AS span, count(*) AS events FROM {BOTH} \
         GROUP BY stream, CAST(time AS BIGINT) / {width} ORDER BY stream, span"
    );
    let touches = format!(
        "SELECT stream, principal_id, identity_kind, target, count(*) AS events FROM {BOTH} \
         WHERE target IS NOT NULL GROUP BY stream, principal_id, identity_kind, target \
         ORDER BY events DESC, principal_id, target, identity_kind, stream"
    );
    let spans = rows(ctx, &spans, PURPOSE, |row| {
        let start = row.number("span")?.saturating_mul(width);
        Ok(Span { stream: stream(row)?, time: UtcMicros(start), events: row.count()? })
    })
    .await?;
    let mut touches = rows(ctx, &touches, PURPOSE, |row| {
        Ok(Touch {
            principal_id: row.text("principal_id")?,
            stream: stream(row)?,
            identity_kind: row
                .text("identity_kind")?
                .and_then(|word| IdentityKind::from_word(&word))
                .unwrap_or(IdentityKind::Unknown),
            target: row.text("target")?.unwrap_or_default(),
            events: row.count()?,
        })
    })
    .await?;
    let touches_left_out = u64::try_from(touches.len().saturating_sub(MAX_TOUCHES)).unwrap_or(0);
    touches.truncate(MAX_TOUCHES);
    Ok(Activity { span_seconds, spans, touches, touches_left_out })
}

/// The shortest span with which everything read fits a timeline.
fn span_seconds(coverage: &Coverage) -> i64 {
    let first = coverage.sources.values().filter_map(|source| source.first).min();
    let last = coverage.sources.values().filter_map(|source| source.last).max();
    let seconds = first.zip(last).map_or(0, |(first, last)| last.0.saturating_sub(first.0) / MICROS_PER_SECOND);
    let fits = |span: &&i64| seconds / **span < MAX_SPANS;
    let longest = SPANS.last().copied().unwrap_or(1);
    // Beyond the longest, weeks are joined.
    SPANS.iter().find(fits).copied().unwrap_or_else(|| longest * (seconds / longest / MAX_SPANS + 1))
}

fn stream(row: &Row<'_>) -> Result<Stream, ArrowError> {
    Ok(row.text("stream")?.and_then(|word| Stream::from_word(&word)).unwrap_or(Stream::Other))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::coverage::SourceCoverage;

    fn spanning(seconds: i64) -> Coverage {
        let mut coverage = Coverage::default();
        let last = Some(UtcMicros(seconds * MICROS_PER_SECOND));
        coverage.sources.insert("storage".to_owned(), SourceCoverage { events: 2, first: Some(UtcMicros(0)), last });
        coverage
    }

    #[test]
    fn a_span_is_as_short_as_the_width_of_a_timeline_allows() {
        for (seconds, span) in [
            (0, 60),
            (3_600, 60),
            (2 * 86_400, 900),
            (30 * 86_400, 21_600),
            (365 * 86_400, 604_800),
            (100 * 365 * 86_400, 22 * 604_800),
        ] {
            assert_eq!(span_seconds(&spanning(seconds)), span, "{seconds}");
        }
        assert_eq!(span_seconds(&Coverage::default()), 60);
    }
}
