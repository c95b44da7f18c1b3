//! Looks for what is not there and should be, in tables that are open: gaps in time, tokens without
//! use, categories that are silent.
//!
//! Memory is bounded whatever the log holds: one source in one subscription is judged at a time, what
//! is kept of each has a fixed size, and so have the lists.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use arrow::error::ArrowError;
use arrow::record_batch::RecordBatch;
use datafusion::prelude::SessionContext;
use futures::StreamExt as _;

use super::gaps::{Hours, Tail};
use crate::coverage::{Coverage, Gap, GapKind, Listed, SilentCategory};
use crate::error::RunError;
use crate::json::{Tape, Value};
use crate::source::hours::MICROS_PER_HOUR;
use crate::sql::row::Row;
use crate::sql::session::plan_read_only;
use crate::time::UtcMicros;

/// What cannot be done where a query fails.
const PURPOSE: &str = "cannot tell what is missing";

/// Gaps of a kind that are listed, the longest.
const MAX_GAPS: usize = 100;

/// Silent categories that are listed.
const MAX_CATEGORIES: usize = 100;

/// Hours with events of a source in a subscription that are looked at (30 years): with more, its times
/// are made up.
const MAX_HOURS: usize = 262_144;

/// Sources in subscriptions that are looked at.
const MAX_PAIRS: usize = 1_000;

/// Diagnostic settings that are looked at, the last to be written.
const MAX_SETTINGS: u64 = 4_096;

/// Bytes of the body of a diagnostic setting: real ones have a few hundred.
const MAX_BODY_BYTES: u64 = 16 << 10;

/// Hours that a setting may take to work, and a log to be written, before its absence says anything:
/// what Azure promises at most for a new setting.
const SETTING_HOURS: i64 = 24;

/// Hours of a day.
const DAY_HOURS: i64 = 24;

/// The hours with events of each source and subscription. What an inventory states is no event of a
/// time.
const HOURS: &str = "SELECT source, subscription_id, hour FROM (\
     SELECT source, subscription_id, CAST(time AS BIGINT) / 3600000000 AS hour FROM events WHERE source <> 'inventory') \
     GROUP BY source, subscription_id, hour ORDER BY source, subscription_id NULLS FIRST, hour";

/// Days on which a Databricks identity was given tokens for a data source, and neither on that day
/// nor on the next did that source's log show it: tokens of managed identities live for a day.
const TOKENS: &str = "\
WITH both_streams AS (
  SELECT principal_id, source, audience_kind, outcome, CAST(time AS BIGINT) / 86400000000 AS day FROM dbmi
  UNION ALL
  SELECT principal_id, source, audience_kind, outcome, CAST(time AS BIGINT) / 86400000000 AS day FROM adac
),
given AS (
  SELECT principal_id, CAST(audience_kind AS VARCHAR) AS wanted, day, COUNT(*) AS events
  FROM both_streams
  WHERE source = 'signin' AND outcome = 'success' AND principal_id IS NOT NULL
    AND audience_kind IN ('storage', 'keyvault', 'sql')
  GROUP BY principal_id, CAST(audience_kind AS VARCHAR), day
),
used AS (
  SELECT DISTINCT principal_id, CAST(source AS VARCHAR) AS source, day
  FROM both_streams
  WHERE source IN ('storage', 'keyvault', 'sql')
),
covered AS (
  SELECT principal_id, source, day FROM used
  UNION
  SELECT principal_id, source, day - 1 AS day FROM used
)
SELECT CAST(g.principal_id AS VARCHAR) AS principal_id, g.wanted, g.day, g.events
FROM given AS g
LEFT ANTI JOIN covered AS c ON g.principal_id = c.principal_id AND g.wanted = c.source AND g.day = c.day
ORDER BY principal_id, wanted, day";

/// Looks for gaps and silent categories, and adds them to the coverage, which must know its sources.
///
/// # Errors
///
/// [`RunError::Internal`] where a query fails.
pub async fn judge(ctx: &SessionContext, coverage: &mut Coverage) -> Result<(), RunError> {
    let (mut gaps, not_judged) = silences(ctx).await?;
    let tokens = tokens_without_use(ctx).await?;
    let left_out = gaps.left_out + tokens.left_out;
    gaps.kept.extend(tokens.kept);
    let mut found: Vec<Gap> = gaps.kept.into_iter().map(|(_, gap)| gap).collect();
    found.sort();
    coverage.gaps = Some(Listed { found, left_out, not_judged });
    coverage.silent_categories = Some(silent_categories(ctx, coverage).await?);
    Ok(())
}

/// The longest gaps of those that were seen, and how many more there were.
#[derive(Debug, Default)]
struct Longest {
    /// By length, the shortest first.
    kept: BTreeSet<(u64, Gap)>,
    left_out: u64,
}

impl Longest {
    fn extend(&mut self, gaps: impl IntoIterator<Item = Gap>) {
        for gap in gaps {
            self.push(gap);
        }
    }

    fn push(&mut self, gap: Gap) {
        self.kept.insert((gap.hours, gap));
        if self.kept.len() > MAX_GAPS {
            self.kept.pop_first();
            self.left_out += 1;
        }
    }
}

/// Gives the rows of a query to `take`, batch by batch.
async fn each_row(
    ctx: &SessionContext,
    sql: &str,
    mut take: impl FnMut(&Row<'_>) -> Result<(), ArrowError>,
) -> Result<(), RunError> {
    let failed = |error| RunError::internal(PURPOSE, error);
    let plan = plan_read_only(ctx, sql).await.map_err(failed)?;
    let mut batches = plan.execute_stream().await.map_err(failed)?;
    while let Some(batch) = batches.next().await {
        let batch: RecordBatch = batch.map_err(failed)?;
        let rows = (0..batch.num_rows()).try_for_each(|at| take(&Row::new(&batch, at)));
        rows.map_err(|error| RunError::internal(PURPOSE, error))?;
    }
    Ok(())
}

/// Stretches without events that stand out; also, how many sources in subscriptions were too many, or
/// had too many hours, to be judged.
async fn silences(ctx: &SessionContext) -> Result<(Longest, u64), RunError> {
    let mut silences = Silences::default();
    each_row(ctx, HOURS, |row| {
        silences.hour(row.text("source")?.unwrap_or_default(), row.text("subscription_id")?, row.number("hour")?);
        Ok(())
    })
    .await?;
    Ok(silences.finish())
}

/// What is known while hours come, pair by pair.
#[derive(Debug, Default)]
struct Silences {
    pair: Hours,
    tails: Vec<Tail>,
    longest: Longest,
    not_judged: u64,
}

impl Silences {
    fn hour(&mut self, source: String, subscription: Option<String>, hour: i64) {
        if (&source, &subscription) != (&self.pair.source, &self.pair.subscription) {
            let next = Hours { source, subscription, active: Vec::new() };
            let pair = std::mem::replace(&mut self.pair, next);
            self.end(pair);
        }
        // One more than the most tells that there were too many.
        if self.pair.active.len() <= MAX_HOURS {
            self.pair.active.push(hour);
        }
    }

    fn end(&mut self, pair: Hours) {
        if pair.active.len() > MAX_HOURS || self.tails.len() >= MAX_PAIRS {
            self.not_judged += 1;
        } else if let Some((gaps, tail)) = pair.judge() {
            self.longest.extend(gaps);
            self.tails.push(tail);
        }
    }

    fn finish(mut self) -> (Longest, u64) {
        let pair = std::mem::take(&mut self.pair);
        self.end(pair);
        let last_of_all = self.tails.iter().map(Tail::last).max().unwrap_or(i64::MIN);
        self.longest.extend(self.tails.iter().filter_map(|tail| tail.judge(last_of_all)));
        (self.longest, self.not_judged)
    }
}

/// Days of tokens that nothing shows the use of, those that follow each other as one.
async fn tokens_without_use(ctx: &SessionContext) -> Result<Longest, RunError> {
    let mut longest = Longest::default();
    let mut under_way: Option<Gap> = None;
    each_row(ctx, TOKENS, |row| {
        let next = unused(row)?;
        match &mut under_way {
            Some(gap)
                if (&gap.principal_id, &gap.source, gap.until) == (&next.principal_id, &next.source, next.from) =>
            {
                gap.until = next.until;
                gap.hours += next.hours;
                gap.tokens = gap.tokens.zip(next.tokens).map(|(before, more)| before + more);
            }
            _ => {
                if let Some(gap) = under_way.replace(next) {
                    longest.push(gap);
                }
            }
        }
        Ok(())
    })
    .await?;
    longest.extend(under_way);
    Ok(longest)
}

fn unused(row: &Row<'_>) -> Result<Gap, ArrowError> {
    let day = row.number("day")?;
    let midnight = |day: i64| UtcMicros(day.saturating_mul(DAY_HOURS * MICROS_PER_HOUR));
    Ok(Gap {
        kind: GapKind::TokensWithoutUse,
        source: row.text("wanted")?.unwrap_or_default(),
        subscription: None,
        principal_id: row.text("principal_id")?,
        from: midnight(day),
        until: midnight(day + 1),
        hours: u64::try_from(DAY_HOURS).unwrap_or(0),
        busy_hours: None,
        tokens: Some(row.count()?),
    })
}

/// The diagnostic settings as they were last written, of what Airside reads the logs of.
fn settings_query() -> String {
    format!(
        "SELECT target_id, time, op_class, \
           CASE WHEN octet_length(request_body) <= {MAX_BODY_BYTES} THEN request_body \
             WHEN octet_length(response_body) <= {MAX_BODY_BYTES} THEN response_body END AS body \
         FROM events \
         WHERE op_class IN ('diag_write', 'diag_delete') AND phase = 'terminal' AND outcome = 'success' \
           AND target_id LIKE '%/providers/microsoft.insights/diagnosticsettings/%' \
         ORDER BY time DESC, event_uid LIMIT {MAX_SETTINGS}"
    )
}

/// The categories that the log of each watched resource has. The few resources stand first in the join:
/// what stands there is kept in memory.
const SEEN: &str = "\
WITH watched AS (
  SELECT DISTINCT regexp_replace(
    target_id, '(/[a-z]+services/default)?/providers/microsoft\\.insights/diagnosticsettings/.*$', '') AS resource
  FROM events
  WHERE op_class IN ('diag_write', 'diag_delete')
)
SELECT DISTINCT w.resource, lower(e.category) AS category
FROM watched AS w JOIN events AS e ON e.target_id = w.resource
WHERE e.source IN ('storage', 'keyvault', 'databricks') AND e.category IS NOT NULL";

/// A kind of resource whose logs are read, and how its settings name what it logs.
struct Kind {
    /// In the resource's id.
    resource_type: &'static str,
    source: &'static str,
    /// Its categories, in lower case; empty where whatever is named is one.
    categories: &'static [&'static str],
}

/// <https://learn.microsoft.com/azure/azure-monitor/reference/logs-index>, read 2026-11.
const KINDS: [Kind; 3] = [
    Kind { resource_type: "/microsoft.databricks/workspaces/", source: "databricks", categories: &[] },
    Kind { resource_type: "/microsoft.keyvault/vaults/", source: "keyvault", categories: &["auditevent"] },
    Kind {
        resource_type: "/microsoft.storage/storageaccounts/",
        source: "storage",
        categories: &["storageread", "storagewrite", "storagedelete"],
    },
];

/// The categories that settings name and that are in no log. Nothing is said of a source that was not
/// read at all, nor of a setting that is newer than a day before the source's last event.
async fn silent_categories(ctx: &SessionContext, coverage: &Coverage) -> Result<Listed<SilentCategory>, RunError> {
    let mut settings: BTreeMap<String, Option<Setting>> = BTreeMap::new();
    let mut tape = Tape::new();
    each_row(ctx, &settings_query(), |row| {
        let Some(id) = row.text("target_id")? else { return Ok(()) };
        // The last to be written comes first.
        if let Entry::Vacant(slot) = settings.entry(id) {
            let setting = match (row.text("op_class")?.as_deref(), row.text("body")?) {
                (Some("diag_write"), Some(body)) => Setting::read(slot.key(), (&body, &mut tape), row.time("time")?),
                _ => None,
            };
            slot.insert(setting);
        }
        Ok(())
    })
    .await?;
    let mut seen: BTreeSet<(String, String)> = BTreeSet::new();
    if settings.values().any(Option::is_some) {
        each_row(ctx, SEEN, |row| {
            seen.extend(row.text("resource")?.zip(row.text("category")?));
            Ok(())
        })
        .await?;
    }
    let mut silent = BTreeSet::new();
    for (id, setting) in settings.iter().filter_map(|(id, setting)| Some((id, setting.as_ref()?))) {
        silent.extend(setting.silent(id, &seen, coverage));
    }
    let left_out = u64::try_from(silent.len().saturating_sub(MAX_CATEGORIES)).unwrap_or(0);
    Ok(Listed { found: silent.into_iter().take(MAX_CATEGORIES).collect(), left_out, not_judged: 0 })
}

/// What a diagnostic setting asks to be logged.
struct Setting {
    kind: &'static Kind,
    resource: String,
    since: UtcMicros,
    /// Enabled categories and groups of them, in lower case.
    categories: BTreeSet<String>,
}

impl Setting {
    /// Reads the body of a setting; `None` where it watches nothing that is read here.
    fn read(id: &str, (body, tape): (&str, &mut Tape), since: UtcMicros) -> Option<Self> {
        let (resource, _) = id.split_once("/providers/microsoft.insights/diagnosticsettings/")?;
        let kind = KINDS.iter().find(|kind| resource.contains(kind.resource_type))?;
        let resource = resource
            .strip_suffix("services/default")
            .map_or(resource, |parent| parent.rsplit_once('/').map_or(parent, |(account, _)| account));
        tape.parse(body.as_bytes()).ok()?;
        let logs = tape.root(body)?.get_ignore_case("properties")?.get_ignore_case("logs")?;
        let categories = logs.items().filter_map(enabled).collect();
        Some(Self { kind, resource: resource.to_owned(), since, categories })
    }

    /// The categories of which nothing was seen.
    fn silent(&self, id: &str, seen: &BTreeSet<(String, String)>, coverage: &Coverage) -> Vec<SilentCategory> {
        let source = coverage.sources.get(self.kind.source);
        let is_due = |last: UtcMicros| last.0.saturating_sub(self.since.0) >= SETTING_HOURS * MICROS_PER_HOUR;
        if !source.and_then(|source| source.last).is_some_and(is_due) {
            return Vec::new();
        }
        let is_seen = |category: &str| seen.contains(&(self.resource.clone(), category.to_owned()));
        let is_any_seen = || {
            let first = (self.resource.clone(), String::new());
            seen.range(first..).next().is_some_and(|(resource, _)| *resource == self.resource)
        };
        let is_silent = |category: &&String| {
            let (is_known, is_group) = (self.kind.categories.contains(&category.as_str()), is_group(category));
            match (is_group, is_known || self.kind.categories.is_empty()) {
                (true, _) => !is_any_seen(),
                (false, true) => !is_seen(category),
                // A category that is not read here.
                (false, false) => false,
            }
        };
        let silent = self.categories.iter().filter(is_silent).map(|category| SilentCategory {
            resource: self.resource.clone(),
            category: category.clone(),
            since: self.since,
            setting: id.to_owned(),
        });
        silent.collect()
    }
}

/// Whether it names a group of categories: all of them, or those of an audit.
fn is_group(category: &str) -> bool {
    matches!(category, "alllogs" | "audit")
}

/// The category, or group of them, that an element of `logs` switches on.
fn enabled(log: Value<'_>) -> Option<String> {
    let is_enabled = log.get_ignore_case("enabled").and_then(Value::scalar) == Some("true");
    let name = ["category", "categoryGroup"]
        .into_iter()
        .find_map(|key| log.get_ignore_case(key).and_then(Value::as_str).filter(|name| !name.is_empty()));
    name.filter(|_| is_enabled).map(str::to_lowercase)
}
