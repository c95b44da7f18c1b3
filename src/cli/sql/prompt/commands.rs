//! The commands of the prompt, which begin with a backslash.

use super::session::{Next, Session};
use crate::error::RunError;
use crate::event::schema;
use crate::report::escape::{Escaped, escaped};
use crate::report::layout::{padded, width_of};
use crate::report::rows::RowFormat;
use crate::report::severity_word;
use crate::rule::run::{Evaluability, evaluability};
use crate::rule::{did_you_mean, params, run};
use crate::sql::tables;

/// One command.
pub(super) struct Command {
    pub(super) name: &'static str,
    argument: &'static str,
    help: &'static str,
}

/// All of them, sorted as they are shown.
pub(super) const COMMANDS: &[Command] = &[
    Command { name: "\\d", argument: "[TABLE]", help: "the tables, or the columns of one" },
    Command { name: "\\rules", argument: "[WORD]", help: "the rules, and why some say nothing here" },
    Command { name: "\\run", argument: "RULE", help: "the evidence that a rule finds" },
    Command { name: "\\format", argument: "[FORMAT]", help: "how answers are shown: table, json, ndjson, csv" },
    Command { name: "\\timing", argument: "[on|off]", help: "say how long a query took" },
    Command { name: "\\?", argument: "", help: "this list" },
    Command { name: "\\q", argument: "", help: "leave; Ctrl-D does so too" },
];

/// Tables, and what a row of each is.
const TABLES: &[(&str, &str)] = &[
    ("events", "every event"),
    ("dbmi", "events of Databricks' managed identities"),
    ("adac", "events of access connectors' identities"),
    ("other", "events of other and undecided principals"),
    ("unattributed", "events that name no principal"),
    ("grants", "successful role assignments"),
    ("identities", "principals, and why they are what they are"),
    ("workspaces", "workspaces"),
    ("connectors", "access connectors"),
    ("governed", "storage that Unity Catalog governs"),
    ("expected", "exceptions of --config"),
    ("allowed_ip", "allowed networks of --config"),
    ("baseline", "what earlier runs saw"),
    ("coverage", "sources: how many events, first and last"),
    ("op_map", "operations, and their classes"),
    ("role_map", "roles, and their classes"),
];

/// Does what a command says.
pub(super) fn run(session: &mut Session, line: &str) -> Result<Next, RunError> {
    let line = line.trim().trim_end_matches(';').trim_end();
    let (name, argument) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
    let argument = argument.trim();
    match name {
        "\\q" => return Ok(Next::Leave),
        "\\?" => session.print(&help())?,
        "\\d" if argument.is_empty() => list_tables(session)?,
        "\\d" => describe(session, argument)?,
        "\\rules" => list_rules(session, argument)?,
        "\\run" => run_rule(session, argument)?,
        "\\format" => format(session, argument)?,
        "\\timing" => timing(session, argument)?,
        other => {
            let hint = did_you_mean(other, COMMANDS.iter().map(|command| command.name));
            return Err(RunError::usage(format!("there is no command {other}{hint}; \\? lists them")));
        }
    }
    Ok(Next::Stay)
}

fn help() -> String {
    let mut text = String::from("A query ends with a semicolon and may have several lines. Tab completes.\n");
    for command in COMMANDS {
        let usage = format!("{} {}", command.name, command.argument);
        line(&mut text, &format!("  {usage:20}{}", command.help));
    }
    text
}

/// Every table with the number of its rows.
fn list_tables(session: &Session) -> Result<(), RunError> {
    let mut text = String::new();
    for (name, help) in TABLES {
        let rows = session.count(name)?;
        line(&mut text, &format!("  {name:14}{rows:>12}  {help}"));
    }
    session.print(&text)
}

fn line(text: &mut String, line: &str) {
    text.push_str(line.trim_end());
    text.push('\n');
}

fn describe(session: &Session, table: &str) -> Result<(), RunError> {
    let table = table.to_ascii_lowercase();
    let mut text = String::new();
    match tables::side_table_schema(&table) {
        Some(schema) => {
            for field in schema.fields() {
                line(&mut text, &format!("  {:20}{}", field.name(), type_word(field.data_type())));
            }
        }
        None if tables::names().contains(&table.as_str()) => {
            for column in schema::COLUMNS {
                let data_type = column.column_type.data_type();
                let null = if column.nullable { "" } else { ", never null" };
                let kind = format!("{}{null}", type_word(&data_type));
                line(&mut text, &format!("  {:20}{kind:24}{}", column.name, column.doc));
            }
        }
        None => {
            let hint = did_you_mean(&table, tables::names());
            return Err(RunError::usage(format!("there is no table '{table}'{hint}; \\d lists them")));
        }
    }
    session.print(&text)
}

/// The word for a type in SQL.
fn type_word(data_type: &arrow::datatypes::DataType) -> &'static str {
    use arrow::datatypes::DataType;
    match data_type {
        DataType::Timestamp(..) => "timestamp",
        DataType::Boolean => "boolean",
        DataType::Int32 | DataType::Int64 => "integer",
        DataType::Float32 | DataType::Float64 => "float",
        _ => "text",
    }
}

/// The rules whose id or title has this word in it; all of them for none.
fn list_rules(session: &Session, word: &str) -> Result<(), RunError> {
    let word = word.to_ascii_lowercase();
    let bench = session.bench();
    let rules =
        bench.desk.library.rules().iter().filter(|rule| {
            [&rule.head.id, &rule.head.title].iter().any(|text| text.to_ascii_lowercase().contains(&word))
        });
    let rules: Vec<_> = rules.collect();
    let width = rules.iter().map(|rule| width_of(&rule.head.id)).max().unwrap_or_default();
    let mut text = String::new();
    for rule in rules {
        let state = match evaluability(rule, &bench.coverage.sources, &bench.opened.filled) {
            Evaluability::Not(why) => format!(" (says nothing here: {})", Escaped(&why.reason)),
            Evaluability::Partial(why) => format!(" (in part: {})", Escaped(&why.reason)),
            Evaluability::Full => String::new(),
        };
        let id = padded(&escaped(&rule.head.id), width);
        let severity = severity_word(rule.head.severity);
        line(&mut text, &format!("  {id}  {severity:13}  {}{state}", Escaped(&rule.head.title)));
    }
    session.print(&text)
}

fn run_rule(session: &mut Session, name: &str) -> Result<(), RunError> {
    if name.is_empty() {
        return Err(RunError::usage("\\run needs the id of a rule; \\rules lists them"));
    }
    let bench = session.bench();
    let rule = bench.desk.library.find(name)?;
    if let Evaluability::Not(why) = evaluability(rule, &bench.coverage.sources, &bench.opened.filled) {
        session.complain(&format!("'{}' says nothing here: {}", why.rule, why.reason));
    }
    let evidence = bench.desk.block_on(run::evidence(&bench.opened.ctx, rule, &params::values(rule)));
    let wrong = |error: datafusion::error::DataFusionError| RunError::usage(error.strip_backtrace());
    let order = ["time", "event_uid"].map(|column| datafusion::logical_expr::ident(column).sort(true, false));
    let evidence = evidence.map_err(wrong)?.sort(order.to_vec()).map_err(wrong)?;
    session.show(evidence)
}

fn format(session: &mut Session, word: &str) -> Result<(), RunError> {
    if word.is_empty() {
        return session.print(&format!("format is {}\n", session.format.as_str()));
    }
    match RowFormat::from_word(&word.to_ascii_lowercase()) {
        Some(format) if !format.is_binary() => {
            session.format = format;
            Ok(())
        }
        Some(format) => {
            let name = format.as_str();
            Err(RunError::usage(format!("{name} is binary; airside sql … -c SQL --output {name}=FILE writes it")))
        }
        None => Err(RunError::usage(format!("there is no format '{word}'; there are table, json, ndjson, csv"))),
    }
}

fn timing(session: &mut Session, word: &str) -> Result<(), RunError> {
    session.is_timed = match word {
        "on" => true,
        "off" => false,
        "" => !session.is_timed,
        _ => return Err(RunError::usage("\\timing is on or off")),
    };
    session.print(if session.is_timed { "timing is on\n" } else { "timing is off\n" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_table_is_listed() {
        let mut listed: Vec<&str> = TABLES.iter().map(|(name, _)| *name).collect();
        listed.sort_unstable();

        assert_eq!(listed, tables::names());
    }
}
