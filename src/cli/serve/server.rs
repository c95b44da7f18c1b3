//! What all clients share: the session, its bounds, and who is connected.

use std::collections::HashMap;
use std::convert::Infallible;
use std::future;
use std::io::{self, ErrorKind};
use std::net;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use datafusion::logical_expr::LogicalPlan;
use datafusion::prelude::SessionContext;
use datafusion::sql::parser;
use datafusion::sql::sqlparser::ast::Statement;
use datafusion_postgres::datafusion_pg_catalog::sql::PostgresCompatibilityParser;
use datafusion_postgres::pgwire::api::query::ExtendedQueryHandler as _;
use datafusion_postgres::pgwire::error::{PgWireError, PgWireResult};
use datafusion_postgres::pgwire::messages::startup::SecretKey;
use datafusion_postgres::{DfSessionService, Parser};
use tokio::net::TcpListener;
use tokio::runtime::Handle;
use tokio::sync::{Semaphore, watch};
use tokio::time::{Instant, sleep, sleep_until};

use super::connection;
use super::listen::{Door, Tls};
use super::login::Login;
use super::problem::{READ_ONLY, out_of_time, problem, too_complex, unplanned};
use crate::cli::bench::Bench;
use crate::error::RunError;
use crate::sql::{limits, session};

/// Connections besides those that may log in: for requests to cancel, and to say that there are
/// too many.
const SPARE_CONNECTIONS: usize = 64;

/// Most statements in one message.
const MAX_STATEMENTS: usize = 100;

/// How often to see whether a client that waits is still there.
const PEER_POLL: Duration = Duration::from_secs(1);

/// How long to wait where the system has no more connections to give.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// What a request to cancel has to know: the number of the process that a client takes itself to
/// speak with, and a secret.
type CancelKey = (i32, Vec<u8>);

/// What all clients share.
pub(super) struct Server {
    pub(super) ctx: SessionContext,
    /// Where queries are planned and run.
    pub(super) threads: Handle,
    /// Says which types the parameters and columns of a statement have.
    pub(super) types: Arc<Parser>,
    pub(super) login: Arc<Login>,
    pub(super) tls: Option<Arc<Tls>>,
    /// Clients that may log in besides those that have.
    pub(super) slots: Arc<Semaphore>,
    connections: Arc<Semaphore>,
    reader: PostgresCompatibilityParser,
    timeout: Option<Duration>,
    sessions: Mutex<HashMap<CancelKey, Weak<Session>>>,
}

/// What there is to a client that has logged in.
pub(super) struct Session {
    /// Told when the statement under way is to be given up.
    cancels: watch::Sender<()>,
    /// The client's end, to see whether it is still there.
    peer: Arc<net::TcpStream>,
}

/// One statement under way.
pub(super) struct Work {
    session: Arc<Session>,
    cancelled: watch::Receiver<()>,
    until: Option<Instant>,
}

impl Server {
    pub(super) fn new(
        bench: &Bench,
        login: Arc<Login>,
        door: &Door,
        (max_connections, timeout): (usize, Option<Duration>),
    ) -> Self {
        let ctx = bench.opened.ctx.clone();
        let types = DfSessionService::new_with_hooks(Arc::new(ctx.clone()), Vec::new()).query_parser();
        let max_connections = max_connections.min(Semaphore::MAX_PERMITS - SPARE_CONNECTIONS);
        Self {
            ctx,
            threads: bench.desk.runtime().clone(),
            types,
            login,
            tls: door.tls.clone(),
            slots: Arc::new(Semaphore::new(max_connections)),
            connections: Arc::new(Semaphore::new(max_connections + SPARE_CONNECTIONS)),
            reader: PostgresCompatibilityParser::new(),
            timeout,
            sessions: Mutex::default(),
        }
    }

    /// Takes clients for as long as it is waited for.
    pub(super) async fn serve(self: &Arc<Self>, listener: &TcpListener) -> Result<Infallible, RunError> {
        loop {
            let Ok((socket, _)) = listener.accept().await else {
                sleep(ACCEPT_PAUSE).await;
                continue;
            };
            // Beyond this, connections are closed without a word.
            let Ok(place) = Arc::clone(&self.connections).try_acquire_owned() else { continue };
            let server = Arc::clone(self);
            tokio::spawn(async move {
                // A client that is gone needs no answer.
                connection::serve(socket, &server).await.unwrap_or_default();
                drop(place);
            });
        }
    }

    /// A session for a client that has logged in, so that a request with this key can cancel what
    /// it does.
    pub(super) fn enter(&self, (process, key): (i32, SecretKey), session: &Arc<Session>) {
        let mut sessions = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
        sessions.retain(|_, session| session.strong_count() > 0);
        sessions.insert((process, key.to_bytes().to_vec()), Arc::downgrade(session));
    }

    /// Gives up what a client does, if there is one with this key.
    pub(super) fn cancel(&self, process: i32, key: &SecretKey) {
        let sessions = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
        let session = sessions.get(&(process, key.to_bytes().to_vec())).and_then(Weak::upgrade);
        if let Some(session) = session {
            session.cancels.send_replace(());
        }
    }

    /// Begins a statement of a client that wants it bounded as well.
    pub(super) fn begin(&self, session: Arc<Session>, longest: Option<Duration>) -> Work {
        let longest = self.timeout.into_iter().chain(longest).min();
        let until = longest.and_then(|longest| Instant::now().checked_add(longest));
        Work { cancelled: session.cancels.subscribe(), session, until }
    }

    /// The statements of a text.
    ///
    /// # Errors
    ///
    /// An error of the client's for one that is too long, or no SQL.
    pub(super) fn read(&self, sql: &str) -> PgWireResult<Vec<Statement>> {
        limits::check_text(sql).map_err(too_complex)?;
        let statements = self.reader.parse(sql).map_err(|error| unplanned(&error.into()))?;
        if statements.len() > MAX_STATEMENTS {
            return Err(too_complex(format!("there are more than {MAX_STATEMENTS} statements")));
        }
        Ok(statements)
    }

    /// Plans a statement, and holds that it only reads.
    pub(super) async fn plan(&self, statement: &Statement, work: &mut Work) -> PgWireResult<LogicalPlan> {
        let statement = parser::Statement::Statement(Box::new(statement.clone()));
        limits::check_tables(&statement).map_err(too_complex)?;
        let state = self.ctx.state();
        let planned = self.threads.spawn(async move { state.statement_to_plan(statement).await });
        let planned = async { planned.await.map_err(|error| PgWireError::ApiError(Box::new(error))) };
        let plan = work.bound(planned).await?.map_err(|error| unplanned(&error))?;
        session::read_only()
            .verify_plan(&plan)
            .map_err(|_error| problem(READ_ONLY, "cannot change anything: this endpoint only answers queries"))?;
        Ok(plan)
    }
}

impl Session {
    /// `peer`: the client's socket, which does not block.
    pub(super) fn new(peer: Arc<net::TcpStream>) -> Self {
        Self { cancels: watch::Sender::new(()), peer }
    }

    /// Waits until the client is gone.
    async fn left(&self) {
        let mut byte = [0];
        // It may have sent more already; that is not looked at before this statement is answered.
        let is_there = |peeked: io::Result<usize>| match peeked {
            Ok(bytes) => bytes > 0,
            Err(error) => error.kind() == ErrorKind::WouldBlock,
        };
        while is_there(self.peer.peek(&mut byte)) {
            sleep(PEER_POLL).await;
        }
    }
}

impl Work {
    /// Waits for a part of it, unless it is cancelled or out of time first, or the client leaves.
    pub(super) async fn bound<T>(&mut self, part: impl Future<Output = PgWireResult<T>>) -> PgWireResult<T> {
        let until = self.until;
        let out_of_time_at = async move {
            match until {
                Some(until) => sleep_until(until).await,
                None => future::pending().await,
            }
        };
        tokio::select! {
            biased;
            _ = self.cancelled.changed() => Err(PgWireError::QueryCanceled),
            () = out_of_time_at => Err(out_of_time()),
            done = part => done,
            () = self.session.left() => Err(PgWireError::IoError(ErrorKind::ConnectionReset.into())),
        }
    }
}
