//! A proxy that does to answers what networks and busy services do, and remembers what was asked.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// How long a silent proxy keeps a connection open: longer than anybody should wait.
const SILENCE: Duration = Duration::from_secs(40);

/// What happens to one answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The service refuses, and may say with a header when to come again.
    Status(u16, Option<(&'static str, &'static str)>),
    /// The connection breaks in the middle of the body, before its announced end.
    Broken,
    /// The body ends early, as announced.
    Short,
    /// Nothing comes after the middle of the body.
    Silent,
    /// No answer comes at all.
    Mute,
    /// A listing comes in pages of so many, as if there were more than it takes to fill one.
    Page(usize),
}

/// A request.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asked<'a> {
    pub(crate) line: &'a str,
    head: &'a str,
    answered: &'a Mutex<Vec<String>>,
}

impl Asked<'_> {
    /// Whether it is for the bytes of a blob.
    pub(crate) fn is_get_of(self, path: &str) -> bool {
        self.line.starts_with("GET ") && self.line.contains(path)
    }

    /// Whether it is for a page of a listing.
    pub(crate) fn is_listing(self) -> bool {
        self.line.contains("comp=list")
    }

    /// Whether it is for bytes from the start of a blob.
    pub(crate) fn is_for_start(self) -> bool {
        is_for_start(self.head)
    }

    /// Waits until a request like this one, for bytes from the start, was answered as a whole.
    pub(crate) fn wait_for_start(self) {
        let is_it = |head: &String| head.lines().next() == Some(self.line) && is_for_start(head);
        while !self.answered.lock().unwrap().iter().any(is_it) {
            std::thread::yield_now();
        }
    }
}

fn is_for_start(head: &str) -> bool {
    head.to_ascii_lowercase().contains("range: bytes=0-")
}

/// Decides what happens to the answer of a request.
type Plan = Box<dyn Fn(Asked<'_>) -> Option<Fault> + Send + Sync>;

struct Shared {
    upstream: u16,
    plan: Plan,
    seen: Mutex<Vec<(String, Option<Fault>)>>,
    /// First lines and headers.
    answered: Mutex<Vec<String>>,
}

/// A running proxy. Its threads end with the connections, at the latest with the process.
pub(crate) struct FaultProxy {
    pub(crate) port: u16,
    shared: Arc<Shared>,
}

impl FaultProxy {
    /// Starts one before a port of this machine.
    pub(crate) fn start(upstream: u16, plan: impl Fn(Asked<'_>) -> Option<Fault> + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let (seen, answered) = (Mutex::default(), Mutex::default());
        let shared = Arc::new(Shared { upstream, plan: Box::new(plan), seen, answered });
        let accepting = Arc::clone(&shared);
        std::thread::spawn(move || {
            for connection in listener.incoming().flatten() {
                let shared = Arc::clone(&accepting);
                // A client that hangs up is no failure of a test.
                std::thread::spawn(move || serve(connection, &shared).ok());
            }
        });
        Self { port, shared }
    }

    /// The first lines of the requests so far, and what happened to each.
    pub(crate) fn seen(&self) -> Vec<(String, Option<Fault>)> {
        self.shared.seen.lock().unwrap().clone()
    }

    /// How many answers were spoilt.
    pub(crate) fn faults(&self) -> usize {
        self.seen().iter().filter(|(_, fault)| fault.is_some()).count()
    }
}

/// Answers the requests of one connection until it is spoilt.
fn serve(connection: TcpStream, shared: &Shared) -> std::io::Result<()> {
    connection.set_nodelay(true)?;
    let mut client = BufReader::new(connection);
    loop {
        let head = read_head(&mut client)?;
        let Some(first) = head.lines().next() else { return Ok(()) };
        let fault = (shared.plan)(Asked { line: first, head: &head, answered: &shared.answered });
        shared.seen.lock().unwrap().push((first.to_owned(), fault));
        let client = client.get_mut();
        match fault {
            None => {
                client.write_all(&ask(shared.upstream, &head)?)?;
                shared.answered.lock().unwrap().push(head.clone());
            }
            Some(Fault::Status(status, header)) => {
                let header = header.map_or_else(String::new, |(name, value)| format!("{name}: {value}\r\n"));
                write!(client, "HTTP/1.1 {status} Trouble\r\n{header}Content-Length: 0\r\n\r\n")?;
            }
            Some(Fault::Page(size)) => {
                let head = head.replacen("comp=list", &format!("comp=list&maxresults={size}"), 1);
                client.write_all(&ask(shared.upstream, &head)?)?;
            }
            Some(Fault::Mute) => {
                std::thread::sleep(SILENCE);
                return Ok(());
            }
            Some(fault) => return spoil(client, &ask(shared.upstream, &head)?, fault),
        }
    }
}

/// Gives half of an answer's body.
fn spoil(client: &mut TcpStream, answer: &[u8], fault: Fault) -> std::io::Result<()> {
    let end = answer.windows(4).position(|window| window == b"\r\n\r\n").unwrap() + 4;
    let half = (answer.len() - end) / 2;
    if fault == Fault::Short {
        let head = String::from_utf8_lossy(&answer[..end]);
        let is_length = |line: &&str| line.to_ascii_lowercase().starts_with("content-length:");
        for line in head.trim_end().lines().filter(|line| !is_length(line)) {
            write!(client, "{line}\r\n")?;
        }
        write!(client, "Content-Length: {half}\r\n\r\n")?;
    } else {
        client.write_all(&answer[..end])?;
    }
    client.write_all(&answer[end..end + half])?;
    client.flush()?;
    if fault == Fault::Silent {
        std::thread::sleep(SILENCE);
    }
    client.shutdown(Shutdown::Both)
}

/// The first line and the headers of a request, which has no body; empty at the end of a connection.
fn read_head(client: &mut BufReader<TcpStream>) -> std::io::Result<String> {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if client.read_line(&mut head)? == 0 {
            return Ok(String::new());
        }
    }
    Ok(head)
}

/// The whole answer of whoever is behind the proxy.
fn ask(upstream: u16, head: &str) -> std::io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect(("127.0.0.1", upstream))?;
    stream.set_nodelay(true)?;
    let head = head.strip_suffix("\r\n").unwrap_or(head);
    stream.write_all(format!("{head}Connection: close\r\n\r\n").as_bytes())?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    // The client's connection stays open, whatever becomes of this one.
    let end = answer.windows(4).position(|window| window == b"\r\n\r\n").unwrap_or(0);
    let kept: Vec<String> = String::from_utf8_lossy(&answer[..end])
        .lines()
        .filter(|line| !line.to_ascii_lowercase().starts_with("connection:"))
        .map(str::to_owned)
        .collect();
    Ok([kept.join("\r\n").as_bytes(), &answer[end..]].concat())
}
