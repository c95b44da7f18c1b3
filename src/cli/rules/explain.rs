//! `airside rules explain`: what a rule makes of one event, condition by condition.

use std::collections::BTreeSet;
use std::io::{self, Write};
use std::sync::Arc;

use serde::Serialize;

use crate::cli::args::{ExplainArgs, ExplainFormat, ProgressChoice, ReadOptions, must_exist};
use crate::cli::engine::{Kept, Machine, config, library, list, load, runtime, show_rejected, watch_signals};
use crate::cli::output::{Outputs, Terminal, to_stdout};
use crate::cli::progress::Progress;
use crate::cli::readability;
use crate::coverage::Coverage;
use crate::digest::Hashing;
use crate::error::{ExitCode, RunError};
use crate::event::schema::ReadColumns;
use crate::finding::exceptions::Exceptions;
use crate::finding::fold::Folder;
use crate::limits::Limits;
use crate::pipeline::{self, Cancel, Opened};
use crate::redact::Redaction;
use crate::report::escape::{Escaped, escaped};
use crate::report::layout::{Paint, counted, field, painted};
use crate::report::{ReportError, SCHEMA_VERSION, Style, json};
use crate::rule::Rule;
use crate::rule::explain::{
    ColumnValues, ExplainedBranch, ExplainedCondition, ExplainedStep, Explanation, Kind, Verdict, evidence_of, explain,
};
use crate::rule::run::{Evaluability, evaluability};

/// An explanation as a document. Field order is the JSON's.
#[derive(Debug, Serialize)]
struct Document<'a> {
    schema_version: u32,
    #[serde(flatten)]
    explanation: &'a Explanation,
    #[serde(flatten)]
    in_scan: &'a InScan,
}

/// What a scan of the same logs would make of what the rule finds.
#[derive(Debug, Serialize)]
struct InScan {
    /// Why it would not run the rule, or not in full.
    not_evaluable: Option<String>,
    /// The exceptions that would hide all that the rule finds of the event, by place and reason.
    hidden_by: Vec<String>,
}

/// Reads, asks, prints.
///
/// # Errors
///
/// Whatever ended the run.
pub(super) fn run(args: &ExplainArgs, terminal: Terminal, style: Style) -> Result<ExitCode, RunError> {
    let (explanation, in_scan, coverage) = explanation(args)?;
    let preset = if terminal.is_stdout { ExplainFormat::Table } else { ExplainFormat::Json };
    to_stdout(|out| match args.format.unwrap_or(preset) {
        ExplainFormat::Table => table(&explanation, &in_scan, out, style).map_err(ReportError::write),
        ExplainFormat::Json => {
            let document = Document { schema_version: SCHEMA_VERSION, explanation: &explanation, in_scan: &in_scan };
            json::write_pretty(out, &document)
        }
    })?;
    Ok(readability(&coverage))
}

/// Everything that was named, read as a scan reads it, and the rule asked about the event.
fn explanation(args: &ExplainArgs) -> Result<(Explanation, InScan, Coverage), RunError> {
    let named = args.inventory.iter().chain(&args.config).chain(&args.rules);
    named.into_iter().try_for_each(|path| must_exist(path))?;
    let read = ReadOptions {
        paths: args.paths.clone(),
        inventory: args.inventory.clone(),
        config: args.config.clone(),
        since: None,
        until: None,
        memory_limit: args.memory_limit,
        threads: None,
        limits: Limits::default(),
        now: None,
        hashing: Hashing::Off,
        redaction: Redaction::On,
    };
    let machine = Machine::of(&read);
    let runtime = runtime(machine.threads)?;
    let cancel = Arc::new(Cancel::default());
    watch_signals(&runtime, &cancel)?;
    let config = config(args.config.as_deref())?;
    let library = library(&runtime, &args.rules, &config, &cancel)?;
    let rule = library.find(&args.rule)?;
    let lists = vec![("allowed_ip", config.allowed_ip_table()?)];
    let mut exceptions = Exceptions::new(config.expected, &library)?;
    let listing = list(&read)?;
    let progress = Progress::new(ProgressChoice::Auto, listing.stored_bytes());
    let loaded = load((&read, ReadColumns::ALL), listing, &mut Outputs::default(), (&machine, &progress, &cancel));
    progress.finish(&loaded);
    let loaded = loaded?;
    show_rejected(&loaded.rejected, &loaded.coverage, Kept::Nowhere);
    let (explanation, in_scan) = runtime.block_on(async {
        let Machine { memory_bytes, threads, .. } = machine;
        let opened = pipeline::open(&loaded, &exceptions, lists, memory_bytes, threads).await?;
        let explanation = explain(&opened.ctx, rule, &args.event).await?;
        let not_evaluable = reason(rule, &loaded.coverage, &opened.filled);
        let hidden_by = hiding(&opened, rule, &explanation, &mut exceptions).await?;
        Ok::<_, RunError>((explanation, InScan { not_evaluable, hidden_by }))
    })?;
    Ok((explanation, in_scan, loaded.coverage))
}

/// The exceptions that hide all that the rule finds of the event.
async fn hiding(
    opened: &Opened,
    rule: &Rule,
    explanation: &Explanation,
    exceptions: &mut Exceptions,
) -> Result<Vec<String>, RunError> {
    // To find the evidence again the whole rule is run.
    if !explanation.is_found || !exceptions.speak_of(&rule.head.id) {
        return Ok(Vec::new());
    }
    let mut folder = Folder::new(rule, &opened.known, exceptions);
    for batch in evidence_of(&opened.ctx, rule, &explanation.event_uid).await? {
        folder.push(&batch)?;
    }
    let is_something_left = !folder.finish().is_empty();
    Ok(if is_something_left { Vec::new() } else { exceptions.hiding() })
}

/// Begins the reason of a rule that a scan runs nevertheless.
const IN_PART: &str = "in part: ";

fn reason(rule: &Rule, coverage: &Coverage, filled: &BTreeSet<String>) -> Option<String> {
    match evaluability(rule, &coverage.sources, filled) {
        Evaluability::Full => None,
        Evaluability::Partial(because) => Some(format!("{IN_PART}{}", because.reason)),
        Evaluability::Not(because) => Some(because.reason),
    }
}

fn table(explanation: &Explanation, in_scan: &InScan, out: &mut dyn Write, style: Style) -> io::Result<()> {
    writeln!(out, "{}", painted(style, Paint::Strong, Escaped(&explanation.rule_id)))?;
    field(out, style, "event", &escaped(&explanation.event_uid))?;
    for value in &explanation.event {
        field(out, style, "", &value_text(value))?;
    }
    let InScan { not_evaluable, hidden_by } = in_scan;
    let found = match (explanation.is_found, not_evaluable) {
        (true, Some(reason)) if !reason.starts_with(IN_PART) => "by its query, which a scan does not run",
        (true, _) if !hidden_by.is_empty() => "yes, and hidden by an exception",
        (true, _) => "yes",
        (false, _) => "no",
    };
    field(out, style, "found", found)?;
    if let Some(reason) = not_evaluable {
        field(out, style, "not run", &escaped(reason))?;
    }
    hidden_by.iter().try_for_each(|exception| field(out, style, "hidden by", &escaped(exception)))?;
    explanation.steps.iter().try_for_each(|step| write_step(step, out, style))
}

fn write_step(step: &ExplainedStep, out: &mut dyn Write, style: Style) -> io::Result<()> {
    let name = step.name.as_deref().unwrap_or("the last query");
    writeln!(out, "\n{}", painted(style, Paint::Strong, Escaped(name)))?;
    let there = match step.is_there {
        Some(true) => "the event is in its result",
        Some(false) => "the event is not in its result",
        None => "its rows are no single events",
    };
    field(out, style, "result", there)?;
    step.notes.iter().try_for_each(|note| field(out, style, "note", &escaped(note)))?;
    for (n, branch) in step.branches.iter().enumerate() {
        if step.branches.len() > 1 {
            field(out, style, "branch", &format!("{} of {}", n + 1, step.branches.len()))?;
        }
        write_branch(branch, out, style)?;
    }
    Ok(())
}

fn write_branch(branch: &ExplainedBranch, out: &mut dyn Write, style: Style) -> io::Result<()> {
    branch.notes.iter().try_for_each(|note| field(out, style, "note", &escaped(note)))?;
    for condition in &branch.conditions {
        let text = escaped(&condition.condition);
        field(out, style, verdict_word(condition), &text)?;
        if condition.rows > 0 && condition.rows < branch.rows {
            let of = format!("for {} of {}", condition.rows, counted(branch.rows, "row"));
            field(out, style, "", &of)?;
        }
        for value in &condition.values {
            field(out, style, "", &format!("  {}", value_text(value)))?;
        }
    }
    Ok(())
}

/// At most twelve columns, which is what a label has.
fn verdict_word(condition: &ExplainedCondition) -> &'static str {
    match (condition.verdict, condition.kind) {
        (Verdict::NotAsked, _) => "not asked",
        (Verdict::Held, Kind::OuterJoin) => "matched",
        (_, Kind::OuterJoin) => "no match",
        (Verdict::Held, _) => "held",
        (Verdict::DidNotHold, _) => "not held",
        (Verdict::Null, _) => "null",
    }
}

/// `column = value`, with text as it is.
fn value_text(value: &ColumnValues) -> String {
    let values: Vec<String> =
        value.values.iter().map(|value| value.as_deref().map_or_else(|| "null".to_owned(), escaped)).collect();
    format!("{} = {}", escaped(&value.name), values.join(" | "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::samples;

    fn condition(text: &str, verdict: Verdict, kind: Kind) -> ExplainedCondition {
        let values = vec![ColumnValues { name: "a".to_owned(), values: vec![None, Some("x".to_owned())] }];
        ExplainedCondition { condition: text.to_owned(), kind, verdict, rows: 1, values }
    }

    fn explanation(conditions: Vec<ExplainedCondition>) -> Explanation {
        let branch = ExplainedBranch { rows: 2, conditions, notes: vec!["HAVING is not taken apart".to_owned()] };
        let step = ExplainedStep {
            name: Some("acts".to_owned()),
            is_there: Some(false),
            branches: vec![branch],
            notes: Vec::new(),
        };
        Explanation {
            rule_id: "r".to_owned(),
            event_uid: "0a".to_owned(),
            event: vec![ColumnValues { name: "source".to_owned(), values: vec![Some("storage".to_owned())] }],
            is_found: false,
            steps: vec![step],
        }
    }

    fn text_of(explanation: &Explanation) -> String {
        let in_scan = InScan { not_evaluable: Some("no events of the source 'sql'".to_owned()), hidden_by: Vec::new() };
        let mut out = Vec::new();
        table(explanation, &in_scan, &mut out, Style::default()).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn each_condition_stands_with_its_verdict_and_what_it_reads() {
        let explanation = explanation(vec![
            condition("a = 'y'", Verdict::DidNotHold, Kind::Where),
            condition("LEFT JOIN t ON a = b", Verdict::DidNotHold, Kind::OuterJoin),
        ]);

        let text = text_of(&explanation);

        assert_eq!(
            text,
            "\
r
  event       0a
              source = storage
  found       no
  not run     no events of the source 'sql'

acts
  result      the event is not in its result
  note        HAVING is not taken apart
  not held    a = 'y'
              for 1 of 2 rows
                a = null | x
  no match    LEFT JOIN t ON a = b
              for 1 of 2 rows
                a = null | x
"
        );
    }

    #[test]
    fn what_stands_in_a_log_cannot_write_to_the_terminal() {
        let mut hostile = condition(samples::HOSTILE, Verdict::Held, Kind::Where);
        hostile.values = vec![ColumnValues { name: "a".to_owned(), values: vec![Some(samples::HOSTILE.to_owned())] }];

        samples::assert_harmless(&text_of(&explanation(vec![hostile])));
    }
}
