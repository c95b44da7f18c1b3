//! Queries whose rows are fetched some at a time by name.

use std::mem;
use std::sync::Arc;

use datafusion::logical_expr::LogicalPlan;
use datafusion::sql::sqlparser::ast::{Declare, DeclareType, Statement};
use datafusion_postgres::hooks::HookClient;
use datafusion_postgres::pgwire::api::portal::{Portal, PortalExecutionState};
use datafusion_postgres::pgwire::api::results::QueryResponse;
use datafusion_postgres::pgwire::api::stmt::StoredStatement;
use datafusion_postgres::pgwire::api::store::{Entry, PortalStore as _};
use datafusion_postgres::pgwire::error::PgWireResult;
use futures::{StreamExt as _, stream};

use super::problem::{NO_CURSOR, NOT_SUPPORTED, SYNTAX, problem};
use super::server::Work;

/// The name and the query of a cursor.
pub(super) fn of(declare: &Declare) -> PgWireResult<(String, Statement)> {
    if declare.declare_type != Some(DeclareType::Cursor) {
        return Err(problem(NOT_SUPPORTED, "only cursors can be declared"));
    }
    let name = declare.names.first().map(|name| name.value.clone());
    match (name, &declare.for_query) {
        (Some(name), Some(query)) => Ok((name, Statement::Query(query.clone()))),
        _ => Err(problem(SYNTAX, "a cursor has a name and a query")),
    }
}

/// Keeps a query to be fetched from. It begins with the first fetch.
pub(super) async fn declare(
    client: &dyn HookClient,
    name: String,
    (query, plan): (Statement, LogicalPlan),
    rows: QueryResponse,
) {
    let statement = (query.to_string(), Some((query, plan)));
    let statement = Arc::new(StoredStatement::new(name.clone(), statement, Vec::new()));
    let portal = Portal::new_cursor(name, statement);
    portal.start(rows).await;
    client.portal_store().put_portal(Arc::new(portal));
}

/// The next rows of a cursor, all with `None`; they come for as long as the statement is not
/// cancelled or out of time.
pub(super) async fn fetch(
    client: &dyn HookClient,
    name: &str,
    rows: Option<usize>,
    work: Work,
) -> PgWireResult<QueryResponse> {
    let Some(Entry::Value(portal)) = client.portal_store().get_portal(name) else {
        return Err(problem(NO_CURSOR, format!("cursor \"{name}\" does not exist")));
    };
    let state = portal.state();
    let PortalExecutionState::Suspended(rest) = mem::replace(&mut *state.lock().await, PortalExecutionState::Finished)
    else {
        return Err(problem(NO_CURSOR, format!("cursor \"{name}\" has ended")));
    };
    let fields = rest.row_schema();
    let left = rows.unwrap_or(usize::MAX);
    let taken = stream::unfold((Some(rest), left, work), move |(rest, left, mut work)| {
        let state = Arc::clone(&state);
        async move {
            let mut rest = rest?;
            let row = if left == 0 { Ok(None) } else { work.bound(async { Ok(rest.data_rows().next().await) }).await };
            match row {
                Ok(Some(row)) => Some((row, (Some(rest), left - 1, work))),
                Ok(None) => {
                    *state.lock().await = PortalExecutionState::Suspended(rest);
                    None
                }
                Err(error) => Some((Err(error), (None, 0, work))),
            }
        }
    });
    let mut response = QueryResponse::new(fields, taken);
    response.set_command_tag("FETCH");
    Ok(response)
}

/// Forgets a cursor, or all.
pub(super) fn close(client: &dyn HookClient, name: Option<&str>) {
    match name {
        Some(name) => client.portal_store().rm_portal(name),
        None => client.portal_store().clear_portals(),
    }
}
