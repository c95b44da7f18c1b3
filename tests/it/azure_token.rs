//! Reading with an identity's token instead of a SAS, over TLS, against Azurite's OAuth mode.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use openssl::base64::encode_block;
use openssl::x509::extension::BasicConstraints;

use crate::azure::{events, lines};
use crate::azurite::{ACCOUNT, Azurite, sas};
use crate::certificate::write_certificate;
use crate::cli::{code, path, stderr};
use crate::support::root;

/// A token as Azurite takes it: it looks at issuer, audience and times, and not at the signature.
fn token(audience: &str) -> String {
    let part = |json: &str| encode_block(json.as_bytes()).replace('+', "-").replace('/', "_").replace('=', "");
    let header = part(r#"{"alg":"HS256","typ":"JWT"}"#);
    let claims = part(&format!(
        r#"{{"aud":"{audience}","iss":"https://sts.windows.net/ab1f708d-50f6-404c-a006-d71b2ac7a606/","iat":1600000000,"nbf":1600000000,"exp":4000000000,"oid":"23657296-5cd5-45b0-a809-d972a7f4dfe1","tid":"dd0d0df1-06c3-436c-8034-4b9a153097ce","ver":"1.0"}}"#
    ));
    format!("{header}.{claims}.{}", part("signature"))
}

/// The endpoint of a managed identity, as App Service has it; counts how often it is asked.
fn managed_identity(audience: &'static str) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}/token", listener.local_addr().unwrap());
    let asked = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&asked);
    std::thread::spawn(move || {
        for connection in listener.incoming().flatten() {
            counter.fetch_add(1, Ordering::Relaxed);
            let mut connection = BufReader::new(connection);
            let mut line = String::new();
            while connection.read_line(&mut line).unwrap_or(0) > 2 {
                line.clear();
            }
            let token = token(audience);
            let body = format!(
                r#"{{"access_token":"{token}","expires_on":"4000000000","resource":"https://storage.azure.com/","token_type":"Bearer"}}"#
            );
            let length = body.len();
            let head = format!("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n");
            connection.get_mut().write_all(format!("{head}Connection: close\r\n\r\n{body}").as_bytes()).unwrap();
        }
    });
    (endpoint, asked)
}

fn airside(url: &str, folder: &Path, variables: &[(&str, &str)]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_airside"));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("AZURE_")) {
        command.env_remove(name);
    }
    command
        .args(["scan", "--format", "json", url])
        .current_dir(root())
        .env("SSL_CERT_FILE", folder.join("cert.pem"))
        .envs(variables.iter().copied())
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

#[test]
fn a_managed_identity_reads_a_container_with_one_token() {
    let folder = tempfile::tempdir().unwrap();
    let [certificate, key] = write_certificate(folder.path(), &BasicConstraints::new());
    let azurite: &'static Azurite =
        Box::leak(Box::new(Azurite::start(&["--oauth", "basic", "--cert", path(&certificate), "--key", path(&key)])));
    let base = format!("https://localhost:{}/{ACCOUNT}/logs", azurite.port);
    upload(&base, &certificate);
    let (endpoint, asked) = managed_identity("https://storage.azure.com/");
    let identity = [("IDENTITY_ENDPOINT", endpoint.as_str()), ("IDENTITY_HEADER", "x")];

    let output = airside(&base, folder.path(), &identity);

    assert_eq!(code(&output), 0, "{}", stderr(&output));
    assert_eq!(events(&output), 40);
    assert_eq!(asked.load(Ordering::Relaxed), 1);

    let (endpoint, _) = managed_identity("https://vault.azure.net");
    let refused = airside(&base, folder.path(), &[("IDENTITY_ENDPOINT", &endpoint), ("IDENTITY_HEADER", "x")]);

    assert_eq!(code(&refused), 4, "{}", stderr(&refused));
    assert!(stderr(&refused).contains("Storage Blob Data Reader on the container logs"), "{}", stderr(&refused));
    let distrusted = airside(&base, Path::new("/nonexistent"), &identity);
    assert_eq!(code(&distrusted), 4, "{}", stderr(&distrusted));
}

/// Makes the container and its blobs, with a SAS.
fn upload(base: &str, certificate: &Path) {
    let client = openssl::ssl::SslConnector::builder(openssl::ssl::SslMethod::tls()).map(|mut builder| {
        builder.set_ca_file(certificate).unwrap();
        builder.build()
    });
    let client = client.unwrap();
    let authority = base.strip_prefix("https://").unwrap();
    let (host, container) = authority.split_once('/').unwrap();
    let put = |target: &str, headers: &str, content: &str| {
        let stream = std::net::TcpStream::connect(host).unwrap();
        let mut stream = BufReader::new(client.connect("localhost", stream).unwrap());
        let length = content.len();
        let request = format!(
            "PUT /{target}{} HTTP/1.1\r\nHost: {host}\r\nx-ms-version: 2021-12-02\r\n{headers}Content-Length: {length}\r\n\r\n{content}",
            sas("2099-01-01T00:00:00Z")
        );
        stream.get_mut().write_all(request.as_bytes()).unwrap();
        let mut line = String::new();
        stream.read_line(&mut line).unwrap();
        assert!(line.contains("201"), "{line}");
    };
    put(&format!("{container}?restype=container&"), "", "");
    for number in 0..20 {
        let content = lines(2 * number..2 * number + 2);
        put(&format!("{container}/{number}.json?"), "x-ms-blob-type: BlockBlob\r\n", &content);
    }
}

#[test]
fn where_there_is_no_identity_the_remedy_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let variables = [("IDENTITY_ENDPOINT", "http://127.0.0.1:9/token"), ("IDENTITY_HEADER", "x")];

    let output = airside("https://localhost:9/acme/logs", folder.path(), &variables);

    assert_eq!(code(&output), 4, "{}", stderr(&output));
    assert!(
        stderr(&output).contains("managed identity: ") && stderr(&output).contains("az login"),
        "{}",
        stderr(&output)
    );
}
