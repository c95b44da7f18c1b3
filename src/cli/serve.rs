//! `airside serve`: the tables of `airside sql` for programs that speak to Postgres, to read only.

use std::io::{self, Write as _};
use std::sync::Arc;

use datafusion_postgres::datafusion_pg_catalog::pg_catalog::context::EmptyContextProvider;
use datafusion_postgres::datafusion_pg_catalog::setup_pg_catalog;

use crate::cli::args::serve::ServeArgs;
use crate::cli::bench::Desk;
use crate::cli::engine::{list, runtime, watch_signals};
use crate::cli::output::Outputs;
use crate::error::{ExitCode, RunError};
use crate::event::schema::ReadColumns;
use crate::report::escape::Escaped;
use crate::report::layout::counted;
use crate::sql::session::CATALOG;
use crate::time::UtcMicros;

mod answer;
mod connection;
mod cursor;
mod listen;
mod login;
mod prepare;
mod problem;
mod server;
mod statement;

use listen::Door;
use login::Login;
use server::Server;

/// Threads that speak with clients. Queries have threads of their own, so that one which is busy
/// for long keeps nobody from being heard.
const CLIENT_THREADS: usize = 2;

/// Reads, then answers clients until a signal ends it.
///
/// # Errors
///
/// Whatever ended the run, at the latest [`RunError::Interrupted`]. An address that cannot be
/// listened at, a password or a certificate that cannot be used are found before anything is read.
pub fn run(args: &ServeArgs, now: UtcMicros) -> Result<ExitCode, RunError> {
    if args.read.custody.is_some() {
        return Err(RunError::Usage {
            message: "--custody records one answer, and an endpoint gives many".to_owned(),
            hint: Some("airside sql PATH -c SQL --custody FILE asks one question and records it".to_owned()),
        });
    }
    let read = args.read.options(now)?;
    let (login, made_up) = Login::of(&args.user, args.password_file.as_deref())?;
    let door = Door::open(args)?;
    let mut desk = Desk::new(&read)?;
    let listing = list(&read)?;
    let outputs = Outputs::open(&args.read)?;
    let clients = runtime(CLIENT_THREADS)?;
    // Threads of queries may be busy for long: a signal must be heard all the same.
    desk.ignore_signals();
    watch_signals(&clients, &desk.cancel)?;
    let bench = desk.open((&read, ReadColumns::ALL), listing, args.read.progress, outputs)?;
    setup_pg_catalog(&bench.opened.ctx, CATALOG, EmptyContextProvider)
        .map_err(|error| RunError::internal("cannot set up the catalogue of tables", error))?;
    let (events, objects) = (bench.coverage.records.events, bench.coverage.objects.read);
    say(&format!("{} of {}", counted(events, "event"), counted(objects, "object")));
    if let Some(password) = made_up {
        say(&format!("password of {}: {password}", Escaped(&args.user)));
    }
    let server = Arc::new(Server::new(&bench, login, &door, (args.max_connections.get(), args.timeout)));
    let ended = clients.block_on(bench.desk.cancel().interruptible(async {
        let listener = door.listener()?;
        say(&format!("listening on {}, user {}", door.address, Escaped(&args.user)));
        server.serve(&listener).await
    }));
    clients.shutdown_background();
    ended.map(|never| match never {})
}

/// Says something that is no answer. Where standard error is closed there is nobody to tell.
fn say(line: &str) {
    writeln!(io::stderr(), "{line}").unwrap_or_default();
}
