//! `airside serve` as psql sees it, and those who may not come in.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::{Output, Stdio};
use std::time::{Duration, Instant};

use openssl::x509::extension::BasicConstraints;
use serde_json::Value;

use crate::certificate::write_certificate;
use crate::cli::{airside, code, path, stderr, stdout};
use crate::endpoint::{ENDLESS, Endpoint, PASSWORD};

/// The lines of an answer, which must be one.
fn rows(output: &Output) -> Vec<String> {
    assert_eq!(code(output), 0, "{}", stderr(output));
    stdout(output).lines().map(str::to_owned).collect()
}

#[test]
fn only_the_right_user_with_the_right_password_gets_in() {
    let endpoint = Endpoint::start(&[]);
    for (environment, refused) in [
        (vec![("PGPASSWORD", "wrong")], "28P01"),
        (vec![("PGPASSWORD", PASSWORD), ("PGUSER", "postgres")], "28P01"),
        (vec![("PGPASSWORD", "")], "no password supplied"),
        (vec![], "no password supplied"),
    ] {
        let Some(output) = endpoint.psql_with(&environment, &["-w", "-c", "SELECT 1"]) else { return };

        assert_eq!(code(&output), 2, "{environment:?}: {}", stdout(&output));
        let said = stderr(&output);
        assert!(said.contains(refused) || said.contains("assword authentication failed"), "{environment:?}: {said}");
    }
    assert_eq!(rows(&endpoint.psql("SELECT 1").unwrap()), ["1"]);
}

/// The library that speaks the protocol goes on with a client whose log-in failed as with one that
/// has logged in, unless the error is of the kind that ends a connection.
#[test]
fn nothing_is_answered_before_the_log_in() {
    let endpoint = Endpoint::start(&[]);
    let message = |kind: &[u8], body: &[u8]| {
        let length = u32::try_from(body.len() + 4).unwrap().to_be_bytes();
        [kind, &length, body].concat()
    };
    let startup = message(b"", b"\0\x03\0\0user\0airside\0\0");
    let question = message(b"Q", b"SELECT 77000 + 885\0");
    let bad_method = message(b"p", b"NONE\0\0\0\0\0");
    let bad_proof = message(b"p", b"SCRAM-SHA-256\0\0\0\0\x03n,,");
    for sent in [
        vec![question.clone()],
        vec![startup.clone(), question.clone()],
        vec![startup.clone(), bad_method, question.clone()],
        vec![startup.clone(), bad_proof, question.clone()],
        vec![startup.clone(), message(b"p", b""), question.clone(), question],
    ] {
        let mut socket = TcpStream::connect(("127.0.0.1", endpoint.port)).unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(2))).unwrap();
        let _is_heard = socket.write_all(&sent.concat()).is_ok();
        let mut answer = Vec::new();
        let _is_whole = socket.read_to_end(&mut answer).is_ok();

        let text = String::from_utf8_lossy(&answer);
        assert!(!text.contains("77885"), "{sent:?}: {text}");
    }
}

#[test]
fn a_password_comes_from_a_file_or_is_made_up_and_told_once() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("password");
    fs::write(&file, "from a file\n").unwrap();
    let endpoint = Endpoint::start_with(&["--password-file", path(&file), "--user", "ann"], &[]);
    assert!(!endpoint.said.contains("from a file"), "{}", endpoint.said);
    let Some(output) =
        endpoint.psql_with(&[("PGPASSWORD", "from a file"), ("PGUSER", "ann")], &["-A", "-t", "-c", "SELECT 1"])
    else {
        return;
    };
    assert_eq!(rows(&output), ["1"]);

    let endpoint = Endpoint::start_with(&[], &[]);
    let told = endpoint.said.lines().find_map(|line| line.strip_prefix("password of airside: ")).unwrap();
    assert!(told.len() >= 32, "{told}");
    assert_eq!(rows(&endpoint.psql_with(&[("PGPASSWORD", told)], &["-A", "-t", "-c", "SELECT 1"]).unwrap()), ["1"]);

    fs::write(&file, "\n").unwrap();
    let output = airside(&["serve", "sample-logs/tenant", "--password-file", path(&file)]);
    assert_eq!(code(&output), 3);
    assert!(stderr(&output).contains("is empty"), "{}", stderr(&output));
}

#[test]
fn an_address_that_cannot_be_listened_at_is_explained() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap().to_string();
    for (listen, said) in [
        ("0.0.0.0:0", "--tls-cert FILE --tls-key FILE"),
        ("[::]:0", "--tls-cert FILE --tls-key FILE"),
        (taken.as_str(), "another program listens there"),
        ("127.0.0.1", "an address and a port are needed"),
        ("127.0.0.1:99999", "an address and a port are needed"),
    ] {
        let output = airside(&["serve", "sample-logs/tenant", "--listen", listen]);

        assert_eq!(code(&output), 3, "{listen}: {}", stderr(&output));
        assert!(stderr(&output).contains(said), "{listen}: {}", stderr(&output));
    }
}

#[test]
fn rows_are_those_of_airside_sql() {
    let endpoint = Endpoint::start(&[]);
    let sql = "SELECT stream, source, count(*) AS n, min(time)::VARCHAR AS first FROM events \
               GROUP BY stream, source ORDER BY stream, source";
    let Some(answer) = endpoint.psql_with(&[("PGPASSWORD", PASSWORD)], &["--csv", "-c", sql]) else { return };

    let expected = airside(&["sql", "sample-logs/tenant", "-c", sql, "--format", "csv"]);
    assert_eq!(stdout(&answer), stdout(&expected), "{}", stderr(&answer));
    assert!(rows(&answer).len() > 5);
    let all = rows(&endpoint.psql("SELECT * FROM events").unwrap());
    assert_eq!(all.len(), 391);
}

#[test]
fn psql_describes_what_there_is() {
    let endpoint = Endpoint::start(&[]);
    for (command, shown) in [
        ("\\l", vec!["airside"]),
        ("\\dn", vec!["public"]),
        ("\\dt", vec!["dbmi", "adac", "identities"]),
        ("\\d", vec!["dbmi", "events", "grants"]),
        ("\\d events", vec!["event_uid", "principal_id", "timestamp"]),
        ("\\dv", vec![]),
        ("\\d identities", vec!["principal_id", "text"]),
    ] {
        let Some(output) = endpoint.psql_with(&[("PGPASSWORD", PASSWORD)], &["-c", command]) else { return };

        assert_eq!(code(&output), 0, "{command}: {}", stderr(&output));
        for word in shown {
            assert!(stdout(&output).contains(word), "{command}: {word}: {}", stdout(&output));
        }
    }
}

/// What `DBeaver`, the JDBC driver and Grafana ask before anybody types.
#[test]
fn programs_find_their_way() {
    let endpoint = Endpoint::start(&[]);
    for (sql, shown) in [
        ("SET extra_float_digits = 3", "SET"),
        ("SET application_name = 'DBeaver'", "SET"),
        ("SHOW search_path", "public"),
        ("SELECT current_schema(), session_user", "public|"),
        ("SELECT version()", "DataFusion"),
        ("SELECT datname FROM pg_catalog.pg_database", "airside"),
        ("SELECT nspname FROM pg_catalog.pg_namespace ORDER BY nspname", "pg_catalog"),
        (
            "SELECT c.relname FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
             WHERE n.nspname = 'public' AND c.relkind NOT IN ('i', 'I', 'c') ORDER BY 1",
            "workspaces",
        ),
        (
            "SELECT a.attname, format_type(a.atttypid, a.atttypmod) FROM pg_catalog.pg_attribute a \
             WHERE a.attrelid = 'public.events'::regclass AND a.attnum > 0 ORDER BY a.attnum",
            "event_uid|",
        ),
        (
            "SELECT quote_ident(table_name) FROM information_schema.tables \
             WHERE quote_ident(table_schema) NOT IN ('information_schema', 'pg_catalog') ORDER BY 1",
            "unattributed",
        ),
        (
            "SELECT quote_ident(column_name), data_type FROM information_schema.columns \
             WHERE quote_ident(table_name) = 'adac' ORDER BY 1",
            "principal_id|",
        ),
        ("SELECT typname, oid FROM pg_catalog.pg_type WHERE typname = 'text'", "text|25"),
    ] {
        let Some(output) = endpoint.psql(sql) else { return };

        assert_eq!(code(&output), 0, "{sql}: {}", stderr(&output));
        assert!(stdout(&output).contains(shown), "{sql}: {}", stdout(&output));
    }
}

#[test]
fn with_a_certificate_everything_is_encrypted() {
    let folder = tempfile::tempdir().unwrap();
    let [certificate, key] = write_certificate(folder.path(), BasicConstraints::new().ca());
    let endpoint = Endpoint::start(&["--tls-cert", path(&certificate), "--tls-key", path(&key)]);
    let ask = |mode: &str| {
        let environment = [("PGPASSWORD", PASSWORD), ("PGSSLMODE", mode), ("PGSSLROOTCERT", path(&certificate))];
        endpoint.psql_with(&environment, &["-A", "-t", "-c", "SELECT 77000 + 885"])
    };
    let Some(plain) = ask("disable") else { return };

    assert_eq!(code(&plain), 2, "{}", stdout(&plain));
    assert!(stderr(&plain).contains("encrypted connections only"), "{}", stderr(&plain));
    for mode in ["require", "verify-ca", "verify-full"] {
        assert_eq!(rows(&ask(mode).unwrap()), ["77885"], "{mode}");
    }
}

#[test]
fn a_certificate_that_cannot_be_used_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let [certificate, key] = write_certificate(folder.path(), BasicConstraints::new().ca());
    let none = folder.path().join("none.pem");
    fs::write(&none, "nothing of the kind").unwrap();
    let missing = folder.path().join("missing.pem");
    for (certificate, key, said) in [
        (&none, &key, "none.pem: there is no certificate in it"),
        (&certificate, &none, "none.pem: there is no private key in it"),
        (&missing, &key, "missing.pem: No such file"),
    ] {
        let output = airside(&["serve", "sample-logs/tenant", "--tls-cert", path(certificate), "--tls-key", path(key)]);

        assert_eq!(code(&output), 3, "{said}: {}", stderr(&output));
        assert!(stderr(&output).contains(said), "{said}: {}", stderr(&output));
    }
    let output = airside(&["serve", "sample-logs/tenant", "--tls-cert", path(&certificate)]);
    assert_eq!(code(&output), 3, "{}", stderr(&output));
}

#[test]
fn a_signal_ends_it_whatever_is_under_way() {
    for (signal, expected) in [("-INT", 130), ("-TERM", 143)] {
        let endpoint = Endpoint::start(&[]);
        let mut busy = endpoint.psql_command(&[("PGPASSWORD", PASSWORD)]);
        let busy = busy.args(["-c", ENDLESS]).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        let begun = Instant::now();

        assert_eq!(endpoint.end(signal), Some(expected), "{signal}");
        assert!(begun.elapsed() < Duration::from_secs(20), "{signal}: {:?}", begun.elapsed());
        if let Ok(mut busy) = busy {
            busy.wait().unwrap();
        }
    }
}

/// A query whose client was killed went on for as long as it pleased.
#[test]
fn a_query_whose_client_is_gone_is_given_up() {
    let endpoint = Endpoint::start(&[]);
    let mut psql = endpoint.psql_command(&[("PGPASSWORD", PASSWORD)]);
    let Ok(mut psql) = psql.args(["-c", ENDLESS]).stderr(Stdio::null()).spawn() else { return };
    let used = || -> u64 {
        let stat = fs::read_to_string(format!("/proc/{}/stat", endpoint.process())).unwrap();
        let fields: Vec<&str> = stat.rsplit_once(") ").unwrap().1.split(' ').collect();
        fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
    };
    let is_busy = || {
        let before = used();
        std::thread::sleep(Duration::from_millis(1500));
        used() - before > 15
    };
    while !is_busy() {
        assert!(psql.try_wait().unwrap().is_none(), "it ended by itself");
    }

    psql.kill().unwrap();
    psql.wait().unwrap();

    let begun = Instant::now();
    while is_busy() {
        assert!(begun.elapsed() < Duration::from_secs(30), "it goes on");
    }
}

#[test]
fn a_lake_is_served_as_exports_are() {
    let folder = tempfile::tempdir().unwrap();
    let lake = folder.path().join("lake");
    let ingested = airside(&["ingest", "sample-logs/tenant", "--lake", path(&lake)]);
    assert_eq!(code(&ingested), 0, "{}", stderr(&ingested));
    let sql = "SELECT stream, count(*) AS n FROM events GROUP BY stream ORDER BY stream";
    let expected = airside(&["sql", path(&lake), "-c", sql, "--format", "json"]);
    let expected: Value = serde_json::from_str(&stdout(&expected)).unwrap();
    let expected: Vec<String> = expected["rows"].as_array().unwrap().iter().map(row).collect();
    let endpoint = Endpoint::start_over(&lake);
    let Some(answer) = endpoint.psql(sql) else { return };

    assert_eq!(rows(&answer), expected);
}

fn row(row: &Value) -> String {
    format!("{}|{}", row["stream"].as_str().unwrap(), row["n"])
}
