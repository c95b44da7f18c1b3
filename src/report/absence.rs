//! What the coverage says of limits, gaps, clocks and silent categories, in sentences for people. What
//! they quote of a log is not escaped yet.

use crate::coverage::{Capped, ClockSkew, Coverage, Gap, GapKind, SilentCategory, Skew};
use crate::report::layout::{counted, number};

/// Lines of the coverage, each with its label.
pub(crate) type Lines = Vec<(&'static str, String)>;

/// Gaps and categories that are shown; the JSON has all.
const SHOWN: usize = 5;

/// Everything that is missing or cannot be right, in the order of reports.
pub(crate) fn lines(coverage: &Coverage) -> Lines {
    let mut lines: Lines = coverage.rules.capped.iter().map(|capped| ("left out", left_out(capped))).collect();
    if let Some(gaps) = &coverage.gaps {
        lines.extend(gaps.found.iter().take(SHOWN).map(|gap| ("gap", sentence(gap))));
        let more = u64::try_from(gaps.found.len().saturating_sub(SHOWN)).unwrap_or(0) + gaps.left_out;
        lines.extend(rest("gap", more));
        if gaps.not_judged > 0 {
            let times = counted(gaps.not_judged, "log");
            lines.push(("gap", format!("not looked for in {times} of single subscriptions: there are too many")));
        }
    }
    lines.extend(clocks(&coverage.clock_skew).into_iter().map(|text| ("clock", text)));
    if let Some(silent) = &coverage.silent_categories {
        lines.extend(silent.found.iter().take(SHOWN).map(|category| ("silent", silence(category))));
        let more = u64::try_from(silent.found.len().saturating_sub(SHOWN)).unwrap_or(0) + silent.left_out;
        lines.extend(rest("silent", more));
    }
    lines
}

/// What of a rule's findings is left out.
pub(crate) fn left_out(capped: &Capped) -> String {
    let least = if capped.is_at_least { "at least " } else { "" };
    format!(
        "{}: {least}{}, {} at worst; --max-findings N shows more",
        capped.rule,
        counted(capped.findings_left_out, "finding"),
        capped.severity
    )
}

fn sentence(gap: &Gap) -> String {
    let (from, until) = (gap.from, gap.until);
    match gap.kind {
        GapKind::Silence | GapKind::Stopped => {
            let place = gap.subscription.as_ref().map_or_else(String::new, |id| format!(" of subscription {id}"));
            let verb = if gap.kind == GapKind::Stopped { "ends: nothing" } else { "has nothing" };
            let busy = number(gap.busy_hours.unwrap_or(0));
            format!(
                "{}{place} {verb} from {from} to {until}, {}, {busy} of them busy otherwise",
                gap.source,
                counted(gap.hours, "hour")
            )
        }
        GapKind::TokensWithoutUse => {
            let tokens = counted(gap.tokens.unwrap_or(0), "token");
            let principal = gap.principal_id.as_deref().unwrap_or("an identity without an id");
            format!(
                "{principal} was given {tokens} for {}, and no record of it says what for, {from} to {until}",
                gap.source
            )
        }
    }
}

fn clocks(skew: &ClockSkew) -> Vec<String> {
    let kinds = [
        (skew.after_run, Skew::AfterRun, "later than this run"),
        (skew.after_hour, Skew::AfterHour, "later than the hour of the archive that it lies in"),
        (skew.before_hour, Skew::BeforeHour, "more than two days before the hour of the archive that it lies in"),
    ];
    let line = |(count, kind, says): (u64, Skew, &str)| {
        let first = skew.examples.iter().find(|example| example.skew == kind);
        let such_as =
            first.map_or_else(String::new, |first| format!("; {} at {}:{}", first.time, first.object, first.offset));
        format!("{} dated {says}{such_as}", counted(count, "record"))
    };
    kinds.into_iter().filter(|(count, _, _)| *count > 0).map(line).collect()
}

fn silence(category: &SilentCategory) -> String {
    let SilentCategory { resource, category, since, setting: _ } = category;
    format!("{category} of {resource}, logged by its diagnostic setting since {since}, is in no log")
}

fn rest(label: &'static str, more: u64) -> Option<(&'static str, String)> {
    (more > 0).then(|| (label, format!("and {} more; --coverage FILE has them, 100 of a kind at most", number(more))))
}
