//! What a statement is, and which are let through: those that read, and those that programs send
//! before they read.

use std::time::Duration;

use datafusion::sql::sqlparser::ast::{CloseCursor, Declare, Expr, FetchDirection, Reset, Set, Statement, Value};
use datafusion_postgres::pgwire::error::{PgWireError, PgWireResult};

use super::problem::{INVALID_VALUE, NOT_ALLOWED, NOT_SUPPORTED, READ_ONLY, SYNTAX, problem};

/// Settings that say how values are written. Each client has its own.
const SHOWN: [&str; 6] =
    ["application_name", "bytea_output", "datestyle", "extra_float_digits", "intervalstyle", "search_path"];

/// Settings of a Postgres that mean nothing here, and that programs set without being asked.
const WITHOUT_MEANING: [&str; 11] = [
    "client_encoding",
    "client_min_messages",
    "default_transaction_isolation",
    "default_transaction_read_only",
    "geqo",
    "idle_in_transaction_session_timeout",
    "jit",
    "lock_timeout",
    "row_security",
    "standard_conforming_strings",
    "synchronize_seqscans",
];

const TIMEOUT: &str = "statement_timeout";

/// Units of `statement_timeout`, and their milliseconds.
const TIMEOUT_UNITS: [(&str, u64); 6] =
    [("", 1), ("ms", 1), ("s", 1000), ("min", 60_000), ("h", 3_600_000), ("d", 86_400_000)];

/// What to do for a statement.
#[derive(Debug, PartialEq)]
pub(super) enum Kind<'s> {
    /// Plan it, check that it only reads, and run it.
    Query,
    /// Show a setting, or set one that says how values are written.
    Setting,
    /// Begin or end what is no transaction, as nothing changes.
    Transaction,
    /// Bound how long the client's statements may run.
    Timeout {
        /// How long; no bound of the client's own with `None`.
        longest: Option<Duration>,
        /// What was done.
        tag: &'static str,
    },
    /// Nothing has to be done to have it done.
    Done(&'static str),
    /// Begin a query whose rows are fetched later.
    Declare(&'s Declare),
    /// Fetch rows of such a query.
    Fetch {
        /// Its name.
        cursor: &'s str,
        /// How many at most; all with `None`.
        rows: Option<usize>,
    },
    /// Forget such a query, or all.
    Close(Option<&'s str>),
    /// Forget a prepared statement.
    Deallocate(&'s str),
}

/// What a statement is.
///
/// # Errors
///
/// The error that Postgres would give for one that is not let through.
pub(super) fn kind(statement: &Statement) -> PgWireResult<Kind<'_>> {
    Ok(match statement {
        Statement::Query(_)
        | Statement::ExplainTable { .. }
        | Statement::ShowTables { .. }
        | Statement::ShowColumns { .. }
        | Statement::ShowFunctions { .. } => Kind::Query,
        Statement::Explain { statement: explained, .. } => match explained.as_ref() {
            Statement::Query(_) => Kind::Query,
            other => return Err(refused(other)),
        },
        Statement::ShowVariable { variable } if variable.is_empty() => {
            return Err(problem(SYNTAX, "SHOW needs the name of a setting"));
        }
        Statement::ShowVariable { .. } | Statement::ShowCatalogs { .. } => Kind::Setting,
        Statement::Set(set) => return setting(set),
        Statement::Reset(reset) => match &reset.reset {
            Reset::ALL => Kind::Timeout { longest: None, tag: "RESET" },
            Reset::ConfigurationParameter(name) => return reset_of(&name.to_string().to_ascii_lowercase()),
        },
        Statement::Discard { .. } => Kind::Timeout { longest: None, tag: "DISCARD ALL" },
        Statement::StartTransaction { .. } | Statement::Commit { .. } | Statement::Rollback { .. } => Kind::Transaction,
        Statement::Savepoint { .. } => Kind::Done("SAVEPOINT"),
        Statement::ReleaseSavepoint { .. } => Kind::Done("RELEASE"),
        Statement::Declare { stmts } => match stmts.as_slice() {
            [declare] => Kind::Declare(declare),
            _ => return Err(problem(SYNTAX, "declare one cursor at a time")),
        },
        Statement::Fetch { name, direction, into: None, .. } => {
            Kind::Fetch { cursor: &name.value, rows: rows(direction)? }
        }
        Statement::Close { cursor: CloseCursor::All } => Kind::Close(None),
        Statement::Close { cursor: CloseCursor::Specific { name } } => Kind::Close(Some(&name.value)),
        Statement::Deallocate { name, .. } => Kind::Deallocate(&name.value),
        Statement::Prepare { .. } | Statement::Execute { .. } => {
            return Err(problem(NOT_SUPPORTED, "PREPARE and EXECUTE are not supported; drivers prepare without them"));
        }
        other => return Err(refused(other)),
    })
}

/// Names the command as Postgres does, by its first word.
fn refused(statement: &Statement) -> PgWireError {
    let text = statement.to_string();
    let command = text.split_whitespace().next().unwrap_or_default().to_ascii_uppercase();
    problem(
        READ_ONLY,
        format!("cannot execute {command} in a read-only transaction: this endpoint only answers queries"),
    )
}

fn not_allowed(name: &str) -> PgWireError {
    problem(NOT_ALLOWED, format!("permission denied to set parameter \"{name}\""))
}

fn setting(set: &Set) -> PgWireResult<Kind<'_>> {
    match set {
        Set::SetTransaction { .. } | Set::SetNames { .. } | Set::SetTimeZone { local: true, .. } => {
            Ok(Kind::Done("SET"))
        }
        Set::SetTimeZone { .. } => Ok(Kind::Setting),
        Set::SingleAssignment { variable, values, hivevar: false, .. } => {
            let name = variable.to_string().to_ascii_lowercase();
            let [value] = values.as_slice() else { return ignored(&name) };
            if name == TIMEOUT {
                return Ok(Kind::Timeout { longest: timeout(&value.to_string())?, tag: "SET" });
            }
            match value {
                Expr::Value(_) if SHOWN.contains(&name.as_str()) => Ok(Kind::Setting),
                _ => ignored(&name),
            }
        }
        other => {
            let text = other.to_string();
            Err(not_allowed(text.strip_prefix("SET ").unwrap_or(&text)))
        }
    }
}

fn ignored(name: &str) -> PgWireResult<Kind<'static>> {
    let is_known = SHOWN.contains(&name) || WITHOUT_MEANING.contains(&name);
    if is_known { Ok(Kind::Done("SET")) } else { Err(not_allowed(name)) }
}

fn reset_of(name: &str) -> PgWireResult<Kind<'static>> {
    if name == TIMEOUT {
        return Ok(Kind::Timeout { longest: None, tag: "RESET" });
    }
    ignored(name).map(|_| Kind::Done("RESET"))
}

/// Reads a value of `statement_timeout`; `None` for no bound.
fn timeout(value: &str) -> PgWireResult<Option<Duration>> {
    let value = value.trim_matches(['\'', '"']).trim().to_ascii_lowercase();
    if value == "default" {
        return Ok(None);
    }
    let digits = value.find(|character: char| !character.is_ascii_digit()).unwrap_or(value.len());
    let (count, unit) = value.split_at(digits);
    let factor = TIMEOUT_UNITS.iter().find(|(name, _)| *name == unit.trim_start()).map(|(_, factor)| *factor);
    let count = count.parse::<u64>().ok();
    match count.zip(factor).and_then(|(count, factor)| count.checked_mul(factor)) {
        Some(0) => Ok(None),
        Some(milliseconds) => Ok(Some(Duration::from_millis(milliseconds))),
        None => Err(problem(INVALID_VALUE, format!("invalid value for parameter \"{TIMEOUT}\": \"{value}\""))),
    }
}

/// How many rows a direction asks for; all with `None`.
fn rows(direction: &FetchDirection) -> PgWireResult<Option<usize>> {
    let limit = match direction {
        FetchDirection::Next | FetchDirection::Forward { limit: None } => return Ok(Some(1)),
        FetchDirection::All | FetchDirection::ForwardAll => return Ok(None),
        FetchDirection::Count { limit } | FetchDirection::Forward { limit: Some(limit) } => limit,
        _ => return Err(problem(NOT_SUPPORTED, "cursor can only scan forward")),
    };
    match &limit.value {
        Value::Number(text, _) => text.parse().map(Some).map_err(|_error| problem(SYNTAX, "no count of rows")),
        _ => Err(problem(SYNTAX, "no count of rows")),
    }
}

#[cfg(test)]
mod tests {
    use datafusion::sql::sqlparser::dialect::PostgreSqlDialect;
    use datafusion::sql::sqlparser::parser::Parser;
    use datafusion_postgres::pgwire::error::ErrorInfo;

    use super::*;

    fn statement(sql: &str) -> Statement {
        Parser::parse_sql(&PostgreSqlDialect {}, sql).unwrap().remove(0)
    }

    #[test]
    fn what_changes_something_is_refused_with_the_code_of_postgres() {
        for (sql, code) in [
            ("CREATE TABLE t (a INT)", "25006"),
            ("INSERT INTO events VALUES (1)", "25006"),
            ("UPDATE events SET a = 1", "25006"),
            ("DELETE FROM events", "25006"),
            ("TRUNCATE events", "25006"),
            ("COPY events TO '/tmp/x'", "25006"),
            ("COPY events FROM STDIN", "25006"),
            ("EXPLAIN ANALYZE INSERT INTO events VALUES (1)", "25006"),
            ("GRANT SELECT ON events TO public", "25006"),
            ("SET datafusion.execution.batch_size = 1", "42501"),
            ("SET ROLE admin", "42501"),
            ("RESET datafusion.execution.batch_size", "42501"),
            ("PREPARE p AS SELECT 1", "0A000"),
            ("EXECUTE p", "0A000"),
            ("SET statement_timeout = 'soon'", "22023"),
            ("FETCH PRIOR FROM c", "0A000"),
        ] {
            let statement = statement(sql);
            let refused: ErrorInfo = kind(&statement).unwrap_err().into();

            assert_eq!((refused.code.as_str(), refused.severity.as_str()), (code, "ERROR"), "{sql}: {refused}");
        }
    }

    #[test]
    fn what_programs_send_before_they_ask_is_taken() {
        let longest = |seconds| Kind::Timeout { longest: Some(Duration::from_secs(seconds)), tag: "SET" };
        for (sql, expected) in [
            ("SELECT 1", Kind::Query),
            ("EXPLAIN ANALYZE SELECT 1", Kind::Query),
            ("SHOW server_version", Kind::Setting),
            ("SET application_name = 'Grafana'", Kind::Setting),
            ("SET extra_float_digits = 3", Kind::Setting),
            ("SET search_path TO public", Kind::Done("SET")),
            ("SET client_encoding TO 'UTF8'", Kind::Done("SET")),
            ("SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY", Kind::Done("SET")),
            ("SET TIME ZONE 'UTC'", Kind::Setting),
            ("SET statement_timeout = 2000", longest(2)),
            ("SET statement_timeout TO '3s'", longest(3)),
            ("SET statement_timeout TO '1 min'", longest(60)),
            ("SET statement_timeout = 0", Kind::Timeout { longest: None, tag: "SET" }),
            ("BEGIN", Kind::Transaction),
            ("ROLLBACK", Kind::Transaction),
            ("FETCH FORWARD 10 FROM c", Kind::Fetch { cursor: "c", rows: Some(10) }),
            ("FETCH ALL FROM c", Kind::Fetch { cursor: "c", rows: None }),
            ("CLOSE c", Kind::Close(Some("c"))),
            ("DISCARD ALL", Kind::Timeout { longest: None, tag: "DISCARD ALL" }),
        ] {
            let statement = statement(sql);

            assert_eq!(kind(&statement).map_err(|error| error.to_string()), Ok(expected), "{sql}");
        }
    }
}
