//! Flags of `serve`.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use super::{ReadArgs, values};

/// Clients at once unless told otherwise. All share the memory of one session; this is room for a
/// few people and the pools of connections that dashboards open.
const MAX_CONNECTIONS: NonZeroUsize = NonZeroUsize::MIN.saturating_add(31);

/// Flags of `serve`.
#[derive(Debug, Clone, Args)]
pub struct ServeArgs {
    /// Flags of all that read.
    #[command(flatten)]
    pub read: ReadArgs,

    /// Address and port to listen at; port 0 takes a free one
    ///
    /// An address that other machines reach needs --tls-cert and --tls-key.
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:5432")]
    pub listen: String,

    /// Name of the one user who may log in
    #[arg(long, value_name = "NAME", default_value = "airside")]
    pub user: String,

    /// File with the user's password; without it `AIRSIDE_PASSWORD` has it, or one is made up and printed once
    #[arg(long, value_name = "FILE")]
    pub password_file: Option<PathBuf>,

    /// Certificate chain as PEM: every client must encrypt
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    pub tls_cert: Option<PathBuf>,

    /// Private key of the certificate, as PEM
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    pub tls_key: Option<PathBuf>,

    /// Most clients at once; others are told that there are too many
    #[arg(long, value_name = "N", default_value_t = MAX_CONNECTIONS)]
    pub max_connections: NonZeroUsize,

    /// Stop a query that runs longer, such as 30s or 5m; clients can ask for less with SET `statement_timeout`
    #[arg(long, value_name = "DURATION", value_parser = values::duration)]
    pub timeout: Option<Duration>,
}
