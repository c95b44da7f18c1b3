//! Errors as Postgres tells them: with a code that programs know.

use datafusion::common::SchemaError;
use datafusion::error::DataFusionError;
use datafusion_postgres::pgwire::error::{ErrorInfo, PgWireError};

use crate::cli::sql::query::{plain, wrong};

/// `read_only_sql_transaction`.
pub(super) const READ_ONLY: &str = "25006";
/// `insufficient_privilege`.
pub(super) const NOT_ALLOWED: &str = "42501";
/// `feature_not_supported`.
pub(super) const NOT_SUPPORTED: &str = "0A000";
/// `syntax_error`.
pub(super) const SYNTAX: &str = "42601";
/// `query_canceled`.
const CANCELED: &str = "57014";
/// `in_failed_sql_transaction`.
const FAILED_TRANSACTION: &str = "25P02";
/// `protocol_violation`.
const PROTOCOL: &str = "08P01";
/// `statement_too_complex`.
const TOO_COMPLEX: &str = "54001";
/// `invalid_parameter_value`.
pub(super) const INVALID_VALUE: &str = "22023";
/// `too_many_connections`.
const TOO_MANY: &str = "53300";
/// `invalid_authorization_specification`.
const NOT_LOGGED_IN: &str = "28000";
/// `invalid_cursor_name`.
pub(super) const NO_CURSOR: &str = "34000";

/// An error that the client goes on after.
pub(super) fn problem(code: &str, message: impl Into<String>) -> PgWireError {
    PgWireError::UserError(Box::new(ErrorInfo::new("ERROR".to_owned(), code.to_owned(), message.into())))
}

fn fatal(code: &str, message: &str) -> PgWireError {
    PgWireError::UserError(Box::new(ErrorInfo::new("FATAL".to_owned(), code.to_owned(), message.to_owned())))
}

pub(super) fn out_of_time() -> PgWireError {
    problem(CANCELED, "canceling statement due to statement timeout")
}

pub(super) fn failed_transaction() -> PgWireError {
    problem(FAILED_TRANSACTION, "current transaction is aborted, commands ignored until end of transaction block")
}

pub(super) fn too_complex(message: String) -> PgWireError {
    problem(TOO_COMPLEX, message)
}

pub(super) fn wrong_formats() -> PgWireError {
    problem(PROTOCOL, "there are not as many format codes as values")
}

pub(super) fn too_many_clients() -> PgWireError {
    fatal(TOO_MANY, "sorry, too many clients already; --max-connections says how many there may be")
}

pub(super) fn not_encrypted() -> PgWireError {
    fatal(NOT_LOGGED_IN, "this server takes encrypted connections only: sslmode=require, or stricter")
}

pub(super) fn not_logged_in() -> PgWireError {
    fatal(NOT_LOGGED_IN, "not logged in")
}

/// A statement that the planner does not take.
pub(super) fn unplanned(error: &DataFusionError) -> PgWireError {
    problem(code(error), wrong(error).to_string())
}

/// A query that did not run to its end.
pub(super) fn unfinished(error: &DataFusionError) -> PgWireError {
    let message = match error.find_root() {
        DataFusionError::ResourcesExhausted(_) => {
            format!("the query needs more memory than --memory-limit leaves it: {}", plain(error))
        }
        _ => plain(error),
    };
    problem(code(error), message)
}

/// The code that fits an error best.
fn code(error: &DataFusionError) -> &'static str {
    match error.find_root() {
        DataFusionError::SQL(..) => SYNTAX,
        DataFusionError::NotImplemented(_) => NOT_SUPPORTED,
        DataFusionError::ResourcesExhausted(_) => "53200",
        DataFusionError::SchemaError(schema, _) => match schema.as_ref() {
            SchemaError::FieldNotFound { .. } => "42703",
            SchemaError::AmbiguousReference { .. } => "42702",
            _ => "42601",
        },
        DataFusionError::Plan(message) if message.starts_with("table '") => "42P01",
        DataFusionError::Plan(message) if message.contains("nvalid function") => "42883",
        DataFusionError::Plan(_) => "42000",
        DataFusionError::Execution(_) | DataFusionError::ArrowError(..) => "22000",
        _ => "XX000",
    }
}
