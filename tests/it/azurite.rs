//! Azurite, the emulator of Azure Storage: started once for all tests, stopped with this process.

use std::fmt::Write as _;
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, OnceLock};

use openssl::base64::{decode_block, encode_block};
use openssl::hash::MessageDigest;
use openssl::pkey::PKey;
use openssl::sign::Signer;

use crate::support::files_below;

/// The account and key that every Azurite has:
/// <https://learn.microsoft.com/azure/storage/common/storage-use-azurite#well-known-storage-account-and-key>.
pub(crate) const ACCOUNT: &str = "devstoreaccount1";
const KEY: &str = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";

/// A version of the service that Azurite and the SDK know.
const VERSION: &str = "2021-12-02";

/// A running Azurite.
pub(crate) struct Azurite {
    pub(crate) port: u16,
    /// Its end of this pipe closes with this process, and Azurite is stopped then.
    _process: Child,
}

/// The one that tests share. Each takes a container of its own.
pub(crate) fn azurite() -> &'static Azurite {
    static SHARED: OnceLock<Azurite> = OnceLock::new();
    SHARED.get_or_init(|| Azurite::start(&[]))
}

/// The program, where `.ci/run` or somebody else has put it.
fn program() -> PathBuf {
    if let Some(named) = std::env::var_os("AIRSIDE_AZURITE") {
        return PathBuf::from(named);
    }
    let on_path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders: Vec<PathBuf> = std::env::split_paths(&on_path).collect();
    if let Some(home) = std::env::var_os("HOME") {
        folders.push(Path::new(&home).join(".cache/airside/azurite/node_modules/.bin"));
    }
    let found = folders.into_iter().map(|folder| folder.join("azurite-blob")).find(|path| path.is_file());
    found.unwrap_or_else(|| {
        panic!(
            "azurite-blob is not installed: npm install --prefix ~/.cache/airside/azurite azurite, or name it in \
             AIRSIDE_AZURITE"
        )
    })
}

impl Azurite {
    /// Starts one on a free port and waits until it listens.
    #[expect(clippy::zombie_processes, reason = "it ends when this process has ended")]
    pub(crate) fn start(options: &[&str]) -> Self {
        // The shell stops it once standard input is closed, be it that this process was killed.
        let script = r#""$@" </dev/null & server=$!; cat >/dev/null; kill -9 "$server""#;
        let mut child = Command::new("sh")
            .args(["-c", script, "sh"])
            .arg(program())
            .args([
                "--inMemoryPersistence",
                "--skipApiVersionCheck",
                "--disableTelemetry",
                "--silent",
                "--blobPort",
                "0",
            ])
            .args(options)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut said = String::new();
        for line in BufReader::new(child.stdout.take().unwrap()).lines() {
            let line = line.unwrap();
            if line.contains("successfully listens") {
                let port = line.rsplit(':').next().unwrap().parse().unwrap();
                return Self { port, _process: child };
            }
            said.push_str(&line);
        }
        panic!("azurite-blob did not start: {said}");
    }

    /// A container of one's own.
    pub(crate) fn container(&'static self) -> Container {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let name = format!("logs-{}", NEXT.fetch_add(1, Ordering::Relaxed));
        let container = Container { port: self.port, name };
        container.write("", "restype=container", &[], b"");
        container
    }
}

/// The answer to a request.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// A container of an Azurite.
pub(crate) struct Container {
    pub(crate) port: u16,
    pub(crate) name: String,
}

impl Container {
    /// The URL of a path in it, with a SAS that holds.
    pub(crate) fn url(&self, path: &str) -> String {
        self.url_at(self.port, path)
    }

    /// The same through a proxy.
    pub(crate) fn url_at(&self, port: u16, path: &str) -> String {
        self.url_with(port, path, &sas("2099-01-01T00:00:00Z"))
    }

    pub(crate) fn url_with(&self, port: u16, path: &str, sas: &str) -> String {
        format!("http://127.0.0.1:{port}/{ACCOUNT}/{}/{}?{sas}", self.name, escape(path))
    }

    /// What a path in it is called in output.
    pub(crate) fn object(&self, path: &str) -> String {
        format!("az://{ACCOUNT}/{}/{path}", self.name)
    }

    /// Writes a block blob.
    pub(crate) fn put(&self, path: &str, content: impl AsRef<[u8]>) {
        self.write(path, "", &[("x-ms-blob-type", "BlockBlob")], content.as_ref());
    }

    /// Creates an empty append blob.
    pub(crate) fn create_append(&self, path: &str) {
        self.write(path, "", &[("x-ms-blob-type", "AppendBlob")], b"");
    }

    /// Appends a block.
    pub(crate) fn append(&self, path: &str, content: impl AsRef<[u8]>) {
        self.write(path, "comp=appendblock", &[], content.as_ref());
    }

    /// Writes block blobs over several connections.
    pub(crate) fn put_all(&self, blobs: Vec<(String, Vec<u8>)>) {
        let queue = Mutex::new(blobs.into_iter());
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    let mut connection = Connection::open(self.port);
                    loop {
                        let next = queue.lock().unwrap().next();
                        let Some((path, content)) = next else { return };
                        let target = self.target(&path, "");
                        let answer = connection.send("PUT", &target, &[("x-ms-blob-type", "BlockBlob")], &content);
                        assert_eq!(answer.status, 201, "{}", answer.text());
                    }
                });
            }
        });
    }

    /// Writes every file below a folder, under its relative name.
    pub(crate) fn put_folder(&self, folder: &Path) {
        let name = |path: &Path| path.strip_prefix(folder).unwrap().to_str().unwrap().to_owned();
        let blobs = files_below(folder).into_iter().map(|path| (name(&path), fs::read(path).unwrap())).collect();
        self.put_all(blobs);
    }

    fn write(&self, path: &str, query: &str, headers: &[(&str, &str)], content: &[u8]) {
        let answer = Connection::open(self.port).send("PUT", &self.target(path, query), headers, content);
        assert_eq!(answer.status, 201, "{}", answer.text());
    }

    fn target(&self, path: &str, query: &str) -> String {
        let slash = if path.is_empty() { "" } else { "/" };
        let and = if query.is_empty() { "" } else { "&" };
        format!("/{ACCOUNT}/{}{slash}{}?{query}{and}{}", self.name, escape(path), sas("2099-01-01T00:00:00Z"))
    }
}

/// A connection that is kept for many requests.
struct Connection(BufReader<TcpStream>);

impl Connection {
    fn open(port: u16) -> Self {
        let stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        stream.set_nodelay(true).unwrap();
        Self(BufReader::new(stream))
    }

    fn send(&mut self, method: &str, target: &str, headers: &[(&str, &str)], content: &[u8]) -> Answer {
        let length = content.len();
        let mut request = format!(
            "{method} {target} HTTP/1.1\r\nHost: 127.0.0.1\r\nx-ms-version: {VERSION}\r\nContent-Length: {length}\r\n"
        );
        for (name, value) in headers {
            write!(request, "{name}: {value}\r\n").unwrap();
        }
        request.push_str("\r\n");
        let mut request = request.into_bytes();
        request.extend_from_slice(content);
        self.0.get_mut().write_all(&request).unwrap();
        self.answer()
    }

    fn answer(&mut self) -> Answer {
        let mut line = String::new();
        self.0.read_line(&mut line).unwrap();
        let status = line.split(' ').nth(1).unwrap().parse().unwrap();
        let (mut length, mut is_chunked) = (0, false);
        loop {
            line.clear();
            self.0.read_line(&mut line).unwrap();
            let (name, value) = line.trim().split_once(':').unwrap_or_default();
            match name.to_ascii_lowercase().as_str() {
                "" => break,
                "content-length" => length = value.trim().parse().unwrap(),
                "transfer-encoding" => is_chunked = true,
                _ => {}
            }
        }
        let mut body = Vec::new();
        while is_chunked {
            line.clear();
            self.0.read_line(&mut line).unwrap();
            let size = usize::from_str_radix(line.trim(), 16).unwrap();
            let mut chunk = vec![0; size + 2];
            self.0.read_exact(&mut chunk).unwrap();
            body.extend_from_slice(&chunk[..size]);
            is_chunked = size > 0;
        }
        let before = body.len();
        body.resize(before + length, 0);
        self.0.read_exact(&mut body[before..]).unwrap();
        Answer { status, body }
    }
}

/// A SAS for the whole account that holds until then. How it is signed:
/// <https://learn.microsoft.com/rest/api/storageservices/create-account-sas>, read 2026-11.
pub(crate) fn sas(expiry: &str) -> String {
    let signed = format!("{ACCOUNT}\nrwdlac\nb\nsco\n2020-01-01T00:00:00Z\n{expiry}\n\nhttps,http\n{VERSION}\n\n");
    let key = PKey::hmac(&decode_block(KEY).unwrap()).unwrap();
    let mut hmac = Signer::new(MessageDigest::sha256(), &key).unwrap();
    let signature = encode_block(&hmac.sign_oneshot_to_vec(signed.as_bytes()).unwrap());
    format!(
        "sv={VERSION}&ss=b&srt=sco&sp=rwdlac&st=2020-01-01T00%3A00%3A00Z&se={}&spr=https,http&sig={}",
        escape(expiry),
        escape(&signature).replace('/', "%2F")
    )
}

/// Percent-encodes all but letters, digits and what paths have between.
pub(crate) fn escape(text: &str) -> String {
    let mut escaped = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            escaped.push(char::from(byte));
        } else {
            write!(escaped, "%{byte:02X}").unwrap();
        }
    }
    escaped
}
