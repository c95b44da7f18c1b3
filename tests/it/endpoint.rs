//! A running `airside serve`, and the clients that ask it.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use crate::cli::{path, stderr, stdout};
use crate::outputs::python;
use crate::support::{root, skip};

/// The password of every endpoint here, unless a test has its own.
pub(crate) const PASSWORD: &str = "correct horse 'battery' staple";

/// A join that would go on for years.
pub(crate) const ENDLESS: &str =
    "SELECT count(*) FROM events a, events b, events c, events d WHERE a.length < b.length + c.length + d.length";

/// An endpoint over the sample tenant, ended when it is dropped.
pub(crate) struct Endpoint {
    child: Child,
    pub(crate) port: u16,
    /// What it said before it listened.
    pub(crate) said: String,
}

impl Endpoint {
    pub(crate) fn start(more: &[&str]) -> Self {
        Self::start_with(more, &[("AIRSIDE_PASSWORD", PASSWORD)])
    }

    /// One that works in this folder.
    pub(crate) fn start_in(folder: &Path, more: &[&str]) -> Self {
        Self::start_as(folder, more, &[("AIRSIDE_PASSWORD", PASSWORD)])
    }

    pub(crate) fn start_with(more: &[&str], environment: &[(&str, &str)]) -> Self {
        Self::start_as(root(), more, environment)
    }

    /// One over a lake.
    pub(crate) fn start_over(lake: &Path) -> Self {
        Self::spawn(lake, root(), &[], &[("AIRSIDE_PASSWORD", PASSWORD)])
    }

    fn start_as(folder: &Path, more: &[&str], environment: &[(&str, &str)]) -> Self {
        Self::spawn(&root().join("sample-logs/tenant"), folder, more, environment)
    }

    #[expect(clippy::zombie_processes, reason = "it is waited for when it is dropped")]
    fn spawn(logs: &Path, folder: &Path, more: &[&str], environment: &[(&str, &str)]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_airside"))
            .args(["serve", path(logs), "--listen", "127.0.0.1:0"])
            .args(more)
            .current_dir(folder)
            .env_remove("AIRSIDE_PASSWORD")
            .envs(environment.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap());
        let mut said = String::new();
        loop {
            let mut line = String::new();
            assert!(lines.read_line(&mut line).unwrap() > 0, "it ended by itself: {said}");
            said.push_str(&line);
            if let Some((_, rest)) = line.split_once("listening on ") {
                let port = rest.split([':', ',']).nth(1).unwrap().parse().unwrap();
                // What it says later is not kept, and must not stop it.
                std::thread::spawn(move || std::io::copy(&mut lines, &mut std::io::sink()));
                return Self { child, port, said };
            }
        }
    }

    pub(crate) fn process(&self) -> u32 {
        self.child.id()
    }

    /// Asks with psql; `None`, said aloud, where there is none.
    pub(crate) fn psql(&self, sql: &str) -> Option<Output> {
        self.psql_with(&[("PGPASSWORD", PASSWORD)], &["-A", "-t", "-c", sql])
    }

    /// Asks with psql what is in a file; rows are thrown away.
    pub(crate) fn psql_file(&self, file: &Path) -> Option<Output> {
        self.psql_with(&[("PGPASSWORD", PASSWORD)], &["-A", "-t", "-o", "/dev/null", "-f", path(file)])
    }

    pub(crate) fn psql_with(&self, environment: &[(&str, &str)], arguments: &[&str]) -> Option<Output> {
        let output = self.psql_command(environment).args(arguments).output();
        if output.is_err() {
            skip("there is no psql: .ci/test installs it");
        }
        output.ok()
    }

    pub(crate) fn psql_command(&self, environment: &[(&str, &str)]) -> Command {
        let mut psql = Command::new("psql");
        psql.args(["-X", "-v", "VERBOSITY=verbose", "-v", "ON_ERROR_STOP=1"])
            .env("PGHOST", "127.0.0.1")
            .env("PGPORT", self.port.to_string())
            .env("PGUSER", "airside")
            .env("PGDATABASE", "airside")
            .env("PGCONNECT_TIMEOUT", "20")
            .env_remove("PGPASSWORD")
            .envs(environment.iter().copied())
            .stdin(Stdio::null());
        psql
    }

    /// Ends it by a signal, and says with which code it ended.
    pub(crate) fn end(mut self, signal: &str) -> Option<i32> {
        let sent = Command::new("kill").args([signal, &self.child.id().to_string()]).status().unwrap();
        assert!(sent.success());
        self.child.wait().unwrap().code()
    }
}

impl Drop for Endpoint {
    fn drop(&mut self) {
        self.child.kill().unwrap_or_default();
        self.child.wait().map(|_| ()).unwrap_or_default();
    }
}

/// A driver's script, after what every script begins with; it says `ok` at its end.
pub(crate) fn run_script(endpoint: &Endpoint, script: &str) {
    let Some(python) = python() else { return };
    let begin = format!(
        "import psycopg, time\n\
         def connect(**more):\n    return psycopg.connect(host='127.0.0.1', port={}, user='airside', dbname='airside', \
         password={PASSWORD:?}, connect_timeout=20, **more)\n",
        endpoint.port
    );
    let output = Command::new(python).args(["-c", &format!("{begin}{script}\nprint('ok')")]).output().unwrap();
    if stderr(&output).contains("No module named 'psycopg'") {
        return skip("the Python of the tests has no psycopg: .ci/test installs it");
    }
    assert_eq!(stdout(&output).trim(), "ok", "{}", stderr(&output));
}
