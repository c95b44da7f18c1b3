//! One client: the log-in, then messages until it leaves.

use std::fmt::Debug;
use std::future::poll_fn;
use std::io;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use async_trait::async_trait;
use datafusion_postgres::pgwire::api::auth::sasl::SASLAuthStartupHandler;
use datafusion_postgres::pgwire::api::auth::{DefaultServerParameterProvider, StartupHandler};
use datafusion_postgres::pgwire::api::cancel::CancelHandler;
use datafusion_postgres::pgwire::api::{ClientInfo, NoopHandler, PgWireConnectionState};
use datafusion_postgres::pgwire::error::{ErrorInfo, PgWireError, PgWireResult};
use datafusion_postgres::pgwire::messages::cancel::CancelRequest;
use datafusion_postgres::pgwire::messages::{PgWireBackendMessage, PgWireFrontendMessage};
use datafusion_postgres::pgwire::tokio::server::{negotiate_tls, process_error, process_message};
use futures::{Sink, SinkExt as _, StreamExt as _};
use tokio::net::TcpStream;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, timeout_at};

use super::answer::{Answers, Prepared};
use super::problem::{not_encrypted, not_logged_in, too_many_clients};
use super::server::{Server, Session};

/// How long a client may take to log in.
const LOG_IN_TIME: Duration = Duration::from_secs(15);

/// Longest message before the log-in, in bytes (64 KiB).
const MAX_BYTES_LOGGING_IN: usize = 64 << 10;

/// Longest message, in bytes (16 MiB): a query of the longest length, or what is bound to it.
const MAX_BYTES: usize = 16 << 20;

/// Answers one client until it leaves, fails to log in, or says what is no message.
///
/// # Errors
///
/// The client is gone, or does not speak the protocol.
pub(super) async fn serve(socket: TcpStream, server: &Arc<Server>) -> io::Result<()> {
    let logged_in_by = Instant::now() + LOG_IN_TIME;
    let socket = socket.into_std()?;
    let peer = Arc::new(socket.try_clone()?);
    let socket = TcpStream::from_std(socket)?;
    let tls = server.tls.as_ref().map(|tls| tls.acceptor.clone());
    let Some(mut socket) = timeout_at(logged_in_by, negotiate_tls::<Prepared>(socket, tls)).await?? else {
        return Ok(());
    };
    let proof = server.login.gate(server.tls.as_deref());
    let gate = Arc::new(Gate { server: Arc::clone(server), peer, proof });
    let answers = Arc::new(Answers(Arc::clone(server)));
    let (copies, cancels) = (Arc::new(NoopHandler), Arc::new(Cancels(Arc::clone(server))));
    loop {
        let is_logging_in = matches!(
            socket.state(),
            PgWireConnectionState::AwaitingStartup | PgWireConnectionState::AuthenticationInProgress
        );
        let max_bytes = if is_logging_in { MAX_BYTES_LOGGING_IN } else { MAX_BYTES };
        let message = poll_fn(|context| match socket.poll_next_unpin(context) {
            Poll::Pending if socket.read_buffer().len() > max_bytes => Poll::Ready(None),
            ready_or_not => ready_or_not,
        });
        let message = if is_logging_in { timeout_at(logged_in_by, message).await? } else { message.await };
        let Some(Ok(message)) = message else { return Ok(()) };
        if matches!(message, PgWireFrontendMessage::Terminate(_)) {
            return Ok(());
        }
        let is_extended = message.is_extended_query();
        let answers = Arc::clone(&answers);
        let done = process_message(
            message,
            &mut socket,
            Arc::clone(&gate),
            Arc::clone(&answers),
            answers,
            Arc::clone(&copies),
            Arc::clone(&cancels),
        );
        let Err(error) = done.await else { continue };
        let error = ErrorInfo::from(error);
        // The library would go on as with a client that has logged in.
        if is_logging_in || error.is_fatal() {
            socket.send(PgWireBackendMessage::ErrorResponse(error.into())).await?;
            return socket.close().await;
        }
        process_error(&mut socket, PgWireError::UserError(Box::new(error)), is_extended).await?;
    }
}

/// A place among those who may log in, until the client leaves.
struct Slot(#[expect(dead_code, reason = "it is given back when it is dropped")] OwnedSemaphorePermit);

/// Lets in who proves to know the password.
struct Gate {
    server: Arc<Server>,
    peer: Arc<std::net::TcpStream>,
    proof: SASLAuthStartupHandler<DefaultServerParameterProvider>,
}

#[async_trait]
impl StartupHandler for Gate {
    async fn on_startup<C>(&self, client: &mut C, message: PgWireFrontendMessage) -> PgWireResult<()>
    where
        C: ClientInfo + Sink<PgWireBackendMessage> + Unpin + Send + Sync,
        C::Error: Debug,
        PgWireError: From<<C as Sink<PgWireBackendMessage>>::Error>,
    {
        if matches!(message, PgWireFrontendMessage::Startup(_)) {
            if self.server.tls.is_some() && !client.is_secure() {
                return Err(not_encrypted());
            }
            let Ok(slot) = Arc::clone(&self.server.slots).try_acquire_owned() else {
                return Err(too_many_clients());
            };
            client.session_extensions().insert(Slot(slot));
        }
        self.proof.on_startup(client, message).await?;
        if matches!(client.state(), PgWireConnectionState::ReadyForQuery) {
            client.session_extensions().insert(Session::new(Arc::clone(&self.peer)));
            let session = client.session_extensions().get::<Session>().ok_or_else(not_logged_in)?;
            self.server.enter(client.pid_and_secret_key(), &session);
        }
        Ok(())
    }
}

/// Takes requests to cancel, which come on connections of their own.
struct Cancels(Arc<Server>);

#[async_trait]
impl CancelHandler for Cancels {
    async fn on_cancel_request(&self, request: CancelRequest) {
        self.0.cancel(request.pid, &request.secret_key);
    }
}
