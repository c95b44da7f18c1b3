//! Answers statements, in both ways that a client can send them.

use std::fmt::Debug;
use std::mem;
use std::sync::Arc;
use std::time::Duration;

use arrow::record_batch::RecordBatch;
use async_trait::async_trait;
use datafusion::dataframe::DataFrame;
use datafusion::logical_expr::LogicalPlan;
use datafusion::sql::sqlparser::ast::Statement;
use datafusion_postgres::QueryHook as _;
use datafusion_postgres::arrow_pg::datatypes::df::deserialize_parameters_with_server_types;
use datafusion_postgres::arrow_pg::datatypes::{arrow_schema_to_pg_fields, encode_recordbatch};
use datafusion_postgres::hooks::HookClient;
use datafusion_postgres::hooks::set_show::SetShowHook;
use datafusion_postgres::hooks::transactions::TransactionStatementHook;
use datafusion_postgres::pgwire::api::portal::{Format, Portal, PortalExecutionState};
use datafusion_postgres::pgwire::api::query::{ExtendedQueryHandler, SimpleQueryHandler, send_partial_query_response};
use datafusion_postgres::pgwire::api::results::{FieldInfo, QueryResponse, Response, Tag};
use datafusion_postgres::pgwire::api::stmt::QueryParser as _;
use datafusion_postgres::pgwire::api::store::{Entry, PortalStore};
use datafusion_postgres::pgwire::api::{ClientInfo, ClientPortalStore, DEFAULT_NAME, PgWireConnectionState, Type};
use datafusion_postgres::pgwire::error::{PgWireError, PgWireResult};
use datafusion_postgres::pgwire::messages::PgWireBackendMessage;
use datafusion_postgres::pgwire::messages::extendedquery::Execute;
use datafusion_postgres::pgwire::messages::response::{EmptyQueryResponse, TransactionStatus};
use datafusion_postgres::pgwire::types::format::FormatOptions;
use futures::stream::{self, BoxStream};
use futures::{Sink, SinkExt as _, StreamExt as _};

use super::cursor;
use super::prepare::Reader;
use super::problem::{NOT_SUPPORTED, failed_transaction, not_logged_in, problem, unfinished, unplanned, wrong_formats};
use super::server::{Server, Session, Work};
use super::statement::{Kind, kind};
use crate::sql;

/// Where the library keeps how long statements of a client may run, in milliseconds; `SHOW` reads
/// it there.
const TIMEOUT: &str = "statement_timeout_ms";

/// A statement as the library keeps it: its text, and what it was read as and planned to.
pub(super) type Prepared = (String, Option<(Statement, LogicalPlan)>);

/// Answers the statements of one client.
pub(super) struct Answers(pub(super) Arc<Server>);

impl Answers {
    /// Answers one statement; `planned` where that is done.
    async fn answer(
        &self,
        client: &mut dyn HookClient,
        statement: &Statement,
        planned: Option<LogicalPlan>,
        format: &Format,
    ) -> PgWireResult<Response> {
        let kind = kind(statement)?;
        if client.transaction_status() == TransactionStatus::Error && kind != Kind::Transaction {
            return Err(failed_transaction());
        }
        let mut work = self.begin(client)?;
        let unknown = || problem(NOT_SUPPORTED, "this setting cannot be asked for");
        match kind {
            Kind::Query => {
                let plan = match planned {
                    Some(plan) => plan,
                    None => self.0.plan(statement, &mut work).await?,
                };
                let frame = self.frame(plan).await?;
                let rows = self.rows(frame, format, client)?;
                Ok(Response::Query(rows.bounded(work).response()))
            }
            Kind::Setting => {
                let shown = SetShowHook.handle_simple_query(statement, &self.0.ctx, client).await;
                shown.unwrap_or_else(|| Err(unknown()))
            }
            Kind::Transaction => {
                let done = TransactionStatementHook.handle_simple_query(statement, &self.0.ctx, client).await;
                done.unwrap_or_else(|| Err(unknown()))
            }
            Kind::Timeout { longest, tag } => {
                set_timeout(client, longest);
                Ok(Response::Execution(Tag::new(tag)))
            }
            Kind::Done(tag) => Ok(Response::Execution(Tag::new(tag))),
            Kind::Declare(declare) => {
                let (name, query) = cursor::of(declare)?;
                let plan = self.0.plan(&query, &mut work).await?;
                let rows = self.rows(self.frame(plan.clone()).await?, &Format::UnifiedText, client)?;
                cursor::declare(client, name, (query, plan), rows.response()).await;
                Ok(Response::Execution(Tag::new("DECLARE CURSOR")))
            }
            Kind::Fetch { cursor, rows } => cursor::fetch(client, cursor, rows, work).await.map(Response::Query),
            Kind::Close(cursor) => {
                cursor::close(client, cursor);
                Ok(Response::Execution(Tag::new("CLOSE CURSOR")))
            }
            Kind::Deallocate(name) => {
                client.portal_store().rm_statement(name);
                Ok(Response::Execution(Tag::new("DEALLOCATE")))
            }
        }
    }

    /// Begins a statement. Nobody gets here without having logged in; this is the second lock.
    pub(super) fn begin<C: ClientInfo + ?Sized>(&self, client: &C) -> PgWireResult<Work> {
        let session = client.session_extensions().get::<Session>().ok_or_else(not_logged_in)?;
        let longest = client.metadata().get(TIMEOUT).and_then(|text| text.parse().ok()).map(Duration::from_millis);
        Ok(self.0.begin(session, longest))
    }

    async fn frame(&self, plan: LogicalPlan) -> PgWireResult<DataFrame> {
        self.0.ctx.execute_logical_plan(plan).await.map_err(|error| unplanned(&error))
    }

    /// The rows of a query, which begins when the first is asked for.
    fn rows<C: ClientInfo + ?Sized>(&self, frame: DataFrame, format: &Format, client: &C) -> PgWireResult<Rows> {
        let schema = frame.schema().as_arrow();
        check_formats(format, schema.fields().len())?;
        let options = Arc::new(FormatOptions::from_client_metadata(client.metadata()));
        let fields = Arc::new(arrow_schema_to_pg_fields(schema, format, Some(options))?);
        let threads = self.0.threads.clone();
        let batches = stream::once(async move { sql::run::batches(frame, &threads) }).flatten();
        let batches = batches.map(|batch| batch.map_err(|error| unfinished(&error))).boxed();
        Ok(Rows { fields, batches })
    }
}

/// The rows of a query, batch by batch.
struct Rows {
    fields: Arc<Vec<FieldInfo>>,
    batches: BoxStream<'static, PgWireResult<RecordBatch>>,
}

impl Rows {
    /// The same rows, for as long as the statement is not cancelled or out of time.
    fn bounded(self, work: Work) -> Self {
        let batches = stream::unfold((self.batches, work), async |(mut batches, mut work)| {
            let batch = work.bound(async { batches.next().await.transpose() }).await.transpose()?;
            Some((batch, (batches, work)))
        });
        Self { batches: batches.boxed(), ..self }
    }

    fn response(self) -> QueryResponse {
        let fields = Arc::clone(&self.fields);
        let rows = self.batches.flat_map(move |batch| match batch {
            Ok(batch) => stream::iter(encode_recordbatch(Arc::clone(&fields), batch)).boxed(),
            Err(error) => stream::iter([Err(error)]).boxed(),
        });
        // Who fetches may ask again after the last row.
        QueryResponse::new(self.fields, rows.fuse())
    }
}

fn set_timeout(client: &mut dyn HookClient, longest: Option<Duration>) {
    match longest {
        Some(longest) => client.metadata_mut().insert(TIMEOUT.to_owned(), longest.as_millis().to_string()),
        None => client.metadata_mut().remove(TIMEOUT),
    };
}

/// The library takes for granted that there is one code for each value.
pub(super) fn check_formats(format: &Format, values: usize) -> PgWireResult<()> {
    match format {
        Format::Individual(codes) if codes.len() != values => Err(wrong_formats()),
        _ => Ok(()),
    }
}

#[async_trait]
impl SimpleQueryHandler for Answers {
    async fn do_query<C>(&self, client: &mut C, query: &str) -> PgWireResult<Vec<Response>>
    where
        C: ClientInfo + ClientPortalStore + Sink<PgWireBackendMessage> + Unpin + Send + Sync,
        C::PortalStore: PortalStore,
        C::Error: Debug,
        PgWireError: From<<C as Sink<PgWireBackendMessage>>::Error>,
    {
        let statements = self.0.read(query)?;
        let mut responses = Vec::with_capacity(statements.len());
        for statement in &statements {
            responses.push(self.answer(client, statement, None, &Format::UnifiedText).await?);
        }
        if responses.is_empty() {
            responses.push(Response::EmptyQuery);
        }
        Ok(responses)
    }
}

#[async_trait]
impl ExtendedQueryHandler for Answers {
    type Statement = Prepared;
    type QueryParser = Reader;

    fn query_parser(&self) -> Arc<Reader> {
        Arc::new(Reader(Answers(Arc::clone(&self.0))))
    }

    async fn do_query<C>(&self, client: &mut C, portal: &Portal<Prepared>, _max_rows: usize) -> PgWireResult<Response>
    where
        C: ClientInfo + ClientPortalStore + Sink<PgWireBackendMessage> + Unpin + Send + Sync,
        C::PortalStore: PortalStore<Statement = Prepared>,
        C::Error: Debug,
        PgWireError: From<<C as Sink<PgWireBackendMessage>>::Error>,
    {
        let prepared = &portal.statement.statement;
        let Some((statement, plan)) = &prepared.1 else { return Ok(Response::EmptyQuery) };
        check_formats(&portal.parameter_format, portal.parameter_len())?;
        let types = self.0.types.get_parameter_types(prepared)?;
        let types: Vec<Option<&Type>> = types.iter().map(Some).collect();
        let values = deserialize_parameters_with_server_types(portal, &[], &types)?;
        let plan = plan.clone().replace_params_with_values(&values).map_err(|error| unplanned(&error))?;
        self.answer(client, statement, Some(plan), &portal.result_column_format).await
    }

    /// As the library does, but row by row: it would keep all rows before it sends the first.
    async fn on_execute<C>(&self, client: &mut C, message: Execute) -> PgWireResult<()>
    where
        C: ClientInfo + ClientPortalStore + Sink<PgWireBackendMessage> + Unpin + Send + Sync,
        C::PortalStore: PortalStore<Statement = Prepared>,
        C::Error: Debug,
        PgWireError: From<<C as Sink<PgWireBackendMessage>>::Error>,
    {
        if !matches!(client.state(), PgWireConnectionState::ReadyForQuery) {
            return Err(PgWireError::NotReadyForQuery);
        }
        let name = message.name.as_deref().unwrap_or(DEFAULT_NAME);
        let portal = match client.portal_store().get_portal(name) {
            Some(Entry::Value(portal)) => Some(portal),
            Some(Entry::Empty) => None,
            None => return Err(PgWireError::PortalNotFound(name.to_owned())),
        };
        client.set_state(PgWireConnectionState::QueryInProgress);
        let max_rows = usize::try_from(message.max_rows).unwrap_or(0);
        let status = client.transaction_status();
        let response = match &portal {
            None => Response::EmptyQuery,
            Some(portal) => match mem::replace(&mut *portal.state().lock().await, PortalExecutionState::Finished) {
                PortalExecutionState::Initial => ExtendedQueryHandler::do_query(self, client, portal, max_rows).await?,
                PortalExecutionState::Suspended(rest) => Response::Query(rest),
                PortalExecutionState::Finished => Response::Query(QueryResponse::new(Arc::default(), stream::empty())),
            },
        };
        let status = match response {
            Response::Query(mut rows) => {
                let has_more = send_partial_query_response(client, &mut rows, max_rows).await?;
                if let Some(portal) = portal.filter(|_| has_more) {
                    *portal.state().lock().await = PortalExecutionState::Suspended(rows);
                }
                status
            }
            Response::EmptyQuery => {
                client.feed(PgWireBackendMessage::EmptyQueryResponse(EmptyQueryResponse::new())).await?;
                status
            }
            Response::Execution(tag) => {
                client.feed(PgWireBackendMessage::CommandComplete(tag.into())).await?;
                status
            }
            Response::TransactionStart(tag) => {
                client.feed(PgWireBackendMessage::CommandComplete(tag.into())).await?;
                status.to_in_transaction_state()
            }
            Response::TransactionEnd(tag) => {
                client.feed(PgWireBackendMessage::CommandComplete(tag.into())).await?;
                status.to_idle_state()
            }
            _ => return Err(problem(NOT_SUPPORTED, "there is no such answer")),
        };
        client.set_state(PgWireConnectionState::ReadyForQuery);
        client.set_transaction_status(status);
        Ok(())
    }
}
