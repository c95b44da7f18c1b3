//! Where clients come in: the address, and whether what is said there is encrypted.

use std::fs;
use std::io::ErrorKind;
use std::net::{SocketAddr, TcpListener, ToSocketAddrs as _};
use std::path::Path;
use std::sync::Arc;

use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::cli::args::serve::ServeArgs;
use crate::error::RunError;

/// What clients that begin to encrypt without asking say they will speak.
const PROTOCOL: &[u8] = b"postgresql";

/// An address that is listened at.
pub(super) struct Door {
    listener: TcpListener,
    pub(super) address: SocketAddr,
    pub(super) tls: Option<Arc<Tls>>,
}

/// How what is said is encrypted.
pub(super) struct Tls {
    pub(super) acceptor: TlsAcceptor,
    /// The certificate chain, as PEM: clients tie their log-in to it.
    pub(super) certificates: Vec<u8>,
}

impl Door {
    /// Listens at the address that is asked for. Whoever connects waits until somebody answers.
    ///
    /// # Errors
    ///
    /// [`RunError::Usage`] for an address that other machines reach without encryption, one that
    /// cannot be listened at, and a certificate or key that cannot be used.
    pub(super) fn open(args: &ServeArgs) -> Result<Self, RunError> {
        let tls = match (&args.tls_cert, &args.tls_key) {
            (Some(certificates), Some(key)) => Some(Arc::new(Tls::read(certificates, key)?)),
            _ => None,
        };
        let addresses = addresses(&args.listen)?;
        if tls.is_none() && !addresses.iter().all(|address| address.ip().is_loopback()) {
            return Err(RunError::Usage {
                message: format!("other machines reach {}, and what is said there would not be encrypted", args.listen),
                hint: Some("--tls-cert FILE --tls-key FILE encrypt it; 127.0.0.1 is for this machine alone".to_owned()),
            });
        }
        let listener = TcpListener::bind(addresses.as_slice()).map_err(|error| unheard(&args.listen, &error))?;
        let failed = |error: std::io::Error| unheard(&args.listen, &error);
        listener.set_nonblocking(true).map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        Ok(Self { listener, address, tls })
    }

    /// The listener, for the runtime that this is called in.
    pub(super) fn listener(&self) -> Result<tokio::net::TcpListener, RunError> {
        let listener = self.listener.try_clone().and_then(tokio::net::TcpListener::from_std);
        listener.map_err(|error| RunError::internal("cannot listen for clients", error))
    }
}

/// The addresses that a name and a port stand for.
fn addresses(text: &str) -> Result<Vec<SocketAddr>, RunError> {
    let addresses = text.to_socket_addrs().map(Iterator::collect::<Vec<_>>);
    match addresses {
        Ok(addresses) if !addresses.is_empty() => Ok(addresses),
        Ok(_) => Err(RunError::usage(format!("--listen {text}: this name has no address"))),
        Err(error) => Err(RunError::Usage {
            message: format!("--listen {text}: {error}"),
            hint: Some("an address and a port are needed, such as 127.0.0.1:5432 or [::1]:5432".to_owned()),
        }),
    }
}

fn unheard(listen: &str, error: &std::io::Error) -> RunError {
    let (reason, hint) = match error.kind() {
        ErrorKind::AddrInUse => ("another program listens there", "--listen 127.0.0.1:0 takes a free port"),
        ErrorKind::PermissionDenied => ("ports below 1024 are for the system", "take a port above 1023"),
        ErrorKind::AddrNotAvailable => ("this machine has no such address", "127.0.0.1 is every machine's own"),
        _ => return RunError::usage(format!("cannot listen on {listen}: {error}")),
    };
    RunError::Usage { message: format!("cannot listen on {listen}: {reason}"), hint: Some(hint.to_owned()) }
}

impl Tls {
    fn read(certificates: &Path, key: &Path) -> Result<Self, RunError> {
        let unusable =
            |path: &Path, reason: &dyn std::fmt::Display| RunError::usage(format!("{}: {reason}", path.display()));
        let chain_pem = fs::read(certificates).map_err(|error| unusable(certificates, &error))?;
        let chain = CertificateDer::pem_slice_iter(&chain_pem).collect::<Result<Vec<_>, _>>();
        let chain = chain.map_err(|error| unusable(certificates, &error))?;
        if chain.is_empty() {
            return Err(unusable(certificates, &"there is no certificate in it; PEM is wanted"));
        }
        let key_pem = fs::read(key).map_err(|error| unusable(key, &error))?;
        // What is wrong with a key is not told in its words: they could hold a part of it.
        let private = PrivateKeyDer::from_pem_slice(&key_pem)
            .map_err(|_error| unusable(key, &"there is no private key in it that can be read; PEM is wanted"))?;
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| RunError::internal("cannot set up encryption", error))?
            .with_no_client_auth()
            .with_single_cert(chain, private);
        let mut config = config.map_err(|error| unusable(certificates, &error))?;
        config.alpn_protocols = vec![PROTOCOL.to_vec()];
        Ok(Self { acceptor: TlsAcceptor::from(Arc::new(config)), certificates: chain_pem })
    }
}
