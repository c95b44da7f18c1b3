//! `airside scan --dry-run`: what would be read, and which rules could say something about it.
//!
//! Objects are listed, and of each kind of them the first record of one is read. That is enough to
//! tell sources and inventories; whether the logs themselves tell who is who, only reading does.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};

use serde::Serialize;

use crate::cli::args::{DryRunFormat, ScanArgs};
use crate::cli::engine;
use crate::cli::output::to_stdout;
use crate::coverage::{NotEvaluable, SourceCoverage};
use crate::error::{ExitCode, RunError};
use crate::event::vocabulary::LogSource;
use crate::format::inventory::InventoryKind;
use crate::limits::Limits;
use crate::pipeline::Cancel;
use crate::pipeline::peek::{Peek, first_record};
use crate::report::escape::escaped;
use crate::report::layout::{Paint, bytes, counted, field, number, painted};
use crate::report::{ReportError, SCHEMA_VERSION, Style, json};
use crate::rule::Rule;
use crate::rule::run::{Evaluability, evaluability};
use crate::source::{Listing, Object};
use crate::time::UtcMicros;

/// Lists that logs can fill as well as inventories.
const FROM_LOGS: [&str; 4] = ["connectors", "governed", "identities", "workspaces"];

/// Where the id of a resource begins in the paths of an archive, and where it ends.
const RESOURCE: (&str, &str) = ("resourceId=", "/y=");

/// What a run would do.
#[derive(Debug, Default, Serialize)]
struct Plan {
    schema_version: u32,
    objects: u64,
    stored_bytes: u64,
    kinds: Vec<Kind>,
    failed: Vec<String>,
    rules: Rules,
}

/// Objects whose paths differ in numbers and resources only.
#[derive(Debug, Serialize)]
struct Kind {
    pattern: String,
    objects: u64,
    stored_bytes: u64,
    /// What the first of them begins with.
    begins_with: String,
    /// `None` where nobody looked.
    #[serde(skip)]
    peek: Option<Peek>,
}

/// Which rules could say something.
#[derive(Debug, Default, Serialize)]
struct Rules {
    run: Vec<String>,
    /// Run if the logs themselves tell what the inventories do not, or a pipe what no file does.
    undecided: Vec<NotEvaluable>,
    /// Run without a part of what they can use.
    partial: Vec<NotEvaluable>,
    not_evaluable: Vec<NotEvaluable>,
}

/// Plans a run, and says with which code to exit.
///
/// # Errors
///
/// Those that a run finds before it reads anything.
pub fn run(args: &ScanArgs, format: DryRunFormat, style: Style, now: UtcMicros) -> Result<ExitCode, RunError> {
    let read = args.read.options(now)?;
    let runtime = engine::runtime(1)?;
    let config = engine::config(read.config.as_deref())?;
    let wanted = args.choice.selection()?;
    let library = engine::library(&runtime, &wanted.folders, &config, &Cancel::default())?;
    let rules = library.select(&engine::selection(&wanted, config.profile))?;
    #[cfg(feature = "lake")]
    if let Some(lake) = engine::lake_of(&read)? {
        let lake = crate::source::without_query(lake);
        return Err(RunError::Usage {
            message: format!("{lake} is a lake, of which nothing is to be planned"),
            hint: Some(format!("airside lake history {lake} says what is in it")),
        });
    }
    let listing = engine::list(&read)?;
    let mut plan = objects(&listing, &read.limits);
    let mut filled = filled(&plan.kinds);
    if !config.allowed_ip.is_empty() {
        filled.insert("allowed_ip".to_owned());
    }
    if let Some(path) = &args.choice.baseline
        && engine::baseline(path)?.table()?.num_rows() > 0
    {
        filled.insert("baseline".to_owned());
    }
    // Whatever is missing may come through a pipe.
    let more_may_come = plan.kinds.iter().any(|kind| kind.peek.is_none());
    plan.rules = evaluable(&rules, &sources(&plan.kinds), &filled, more_may_come);
    to_stdout(|out| match format {
        DryRunFormat::Table => table(&plan, out, style).map_err(ReportError::write),
        DryRunFormat::Json => json::write_pretty(out, &plan),
    })?;
    Ok(if plan.failed.is_empty() { ExitCode::Ran } else { ExitCode::Unreadable })
}

/// Groups what was listed, and looks at one object of each kind.
fn objects(listing: &Listing, limits: &Limits) -> Plan {
    let mut kinds: BTreeMap<String, (Kind, &Object)> = BTreeMap::new();
    for object in &listing.objects {
        let pattern = pattern(&object.name);
        let new =
            || Kind { pattern: pattern.clone(), objects: 0, stored_bytes: 0, begins_with: String::new(), peek: None };
        let (kind, first) = kinds.entry(pattern.clone()).or_insert_with(|| (new(), object));
        kind.objects += 1;
        kind.stored_bytes += object.size;
        // An empty object says nothing of the others.
        if first.size == 0 {
            *first = object;
        }
    }
    let looked = kinds.into_values().map(|(kind, object)| {
        // What is read from a pipe now, nobody can read later.
        let peek = object.is_file().then(|| first_record(object, limits, &Cancel::default()));
        let begins_with = peek.as_ref().map_or_else(|| "a pipe, which only the run itself can read".to_owned(), words);
        Kind { begins_with, peek, ..kind }
    });
    Plan {
        schema_version: SCHEMA_VERSION,
        objects: listing.objects.len() as u64,
        stored_bytes: listing.stored_bytes(),
        kinds: looked.collect(),
        failed: listing.failed.iter().map(|(_, reason)| reason.clone()).collect(),
        rules: Rules::default(),
    }
}

/// A path without what tells objects of one kind apart: runs of digits, and in archives the resource.
fn pattern(name: &str) -> String {
    let mut name = name.to_owned();
    if let Some(start) = name.find(RESOURCE.0).map(|at| at + RESOURCE.0.len())
        && let Some(end) = name.get(start..).and_then(|rest| rest.find(RESOURCE.1))
    {
        name.replace_range(start..start + end, "…");
    }
    let mut pattern = String::with_capacity(name.len());
    for character in name.chars() {
        let shown = if character.is_ascii_digit() { '#' } else { character };
        if shown != '#' || !pattern.ends_with('#') {
            pattern.push(shown);
        }
    }
    pattern
}

fn words(peek: &Peek) -> String {
    match peek {
        Peek::Log(source) => format!("{} log", source.as_str()),
        Peek::Inventory(_) => "inventory".to_owned(),
        Peek::NotOurs(kind) => format!("not ours: {kind}"),
        Peek::Rejected(reason) => format!("no record: {reason}"),
        Peek::Empty => "nothing".to_owned(),
        Peek::Unreadable(reason) => format!("cannot be read: {reason}"),
    }
}

fn sources(kinds: &[Kind]) -> BTreeMap<String, SourceCoverage> {
    let sources = kinds.iter().filter_map(|kind| match kind.peek.as_ref()? {
        Peek::Log(source) => Some(source.as_str().to_owned()),
        // What it states of roles are events, too.
        Peek::Inventory(InventoryKind::RoleAssignment) => Some(LogSource::Inventory.as_str().to_owned()),
        _ => None,
    });
    sources.map(|source| (source, SourceCoverage { events: 1, ..SourceCoverage::default() })).collect()
}

/// The lists that inventories of these kinds fill.
fn filled(kinds: &[Kind]) -> BTreeSet<String> {
    let lists = kinds.iter().filter_map(|kind| kind.peek.as_ref()).flat_map(|peek| match peek {
        Peek::Inventory(InventoryKind::AccessConnector) => &["connectors", "identities"][..],
        Peek::Inventory(InventoryKind::Workspace) => &["workspaces"],
        Peek::Inventory(InventoryKind::UserAssignedIdentity | InventoryKind::ServicePrincipal) => &["identities"],
        Peek::Inventory(InventoryKind::ExternalLocation) => &["governed"],
        _ => &[],
    });
    lists.map(|list| (*list).to_owned()).collect()
}

fn evaluable(
    rules: &[&Rule],
    sources: &BTreeMap<String, SourceCoverage>,
    filled: &BTreeSet<String>,
    more_may_come: bool,
) -> Rules {
    let with_logs: BTreeSet<String> = filled.iter().cloned().chain(FROM_LOGS.map(str::to_owned)).collect();
    let with_logs_runs = |rule: &Rule| !matches!(evaluability(rule, sources, &with_logs), Evaluability::Not(_));
    let mut sorted = Rules::default();
    for rule in rules {
        match evaluability(rule, sources, filled) {
            Evaluability::Full => sorted.run.push(rule.head.id.clone()),
            Evaluability::Partial(why) => {
                sorted.run.push(rule.head.id.clone());
                sorted.partial.push(why);
            }
            Evaluability::Not(why) if more_may_come || with_logs_runs(rule) => sorted.undecided.push(why),
            Evaluability::Not(why) => sorted.not_evaluable.push(why),
        }
    }
    sorted
}

fn table(plan: &Plan, out: &mut dyn Write, style: Style) -> io::Result<()> {
    writeln!(out, "{}", painted(style, Paint::Strong, "would read"))?;
    let objects = counted(plan.objects, "object");
    field(out, style, "objects", &format!("{objects}, {} as stored", bytes(plan.stored_bytes)))?;
    for kind in &plan.kinds {
        let size = format!("{} x, {}", number(kind.objects), bytes(kind.stored_bytes));
        field(out, style, "", &escaped(&format!("{}: {size}, {}", kind.pattern, kind.begins_with)))?;
    }
    for failed in &plan.failed {
        field(out, style, "failed", &escaped(failed))?;
    }
    let rules = &plan.rules;
    writeln!(
        out,
        "\n{}",
        painted(style, Paint::Strong, format_args!("would run {}", counted(rules.run.len() as u64, "rule")))
    )?;
    field(out, style, "rules", &rules.run.join(", "))?;
    let reasons =
        [("in part", &rules.partial), ("undecided", &rules.undecided), ("says nothing", &rules.not_evaluable)];
    for (label, rules) in reasons {
        for NotEvaluable { rule, reason } in rules {
            field(out, style, label, &escaped(&format!("{rule}: {reason}")))?;
        }
    }
    if !rules.undecided.is_empty() {
        let note = "undecided rules run if the logs, read whole, tell what they need";
        writeln!(out, "{}", painted(style, Paint::Faint, note))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_of_one_kind_differ_in_numbers_and_resources() {
        for (name, expected) in [
            (
                "in/insights-logs-auditevent/resourceId=/SUBSCRIPTIONS/2A/RG/KV-1/y=2026/m=05/d=04/h=10/m=00/PT1H.json",
                "in/insights-logs-auditevent/resourceId=…/y=#/m=#/d=#/h=#/m=#/PT#H.json",
            ),
            ("day-01.json.gz", "day-#.json.gz"),
            ("resourceId=/A/logs.json", "resourceId=/A/logs.json"),
            ("größe/10.csv", "größe/#.csv"),
        ] {
            assert_eq!(pattern(name), expected);
        }
    }
}
