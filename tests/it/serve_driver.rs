//! `airside serve` as a driver of another language sees it.

use std::fs;

use crate::endpoint::{ENDLESS, Endpoint, run_script};

#[test]
fn a_driver_prepares_binds_and_fetches() {
    run_script(
        &Endpoint::start(&[]),
        r#"
with connect() as db:
    ask = lambda sql, values=(), **more: db.execute(sql, values, **more).fetchall()
    # 84 of the tenant's events are of key vaults, as the README counts them.
    for prepare in (None, True, True):
        rows = ask("SELECT count(*) FROM events WHERE source = %s", ["keyvault"], prepare=prepare)
        assert rows == [(84,)], rows
    assert ask("SELECT count(*) FROM events WHERE source = %s AND length > %s", ["keyvault", 0]) == [(84,)]
    assert ask("SELECT %s::int + 1, %s::text", [41, "a'b"]) == [(42, "a'b")]
    first, = ask("SELECT min(time) FROM events WHERE source = 'keyvault'")[0]
    assert first.isoformat() == "2026-05-04T00:07:20.100000+00:00", first
    assert ask("SELECT count(*) FROM events WHERE time < %s AND source = 'keyvault'", [first]) == [(0,)]
    binary = db.cursor(binary=True)
    rows = binary.execute("SELECT 1::bigint, 'a', 1.5::double precision, true, NULL::text").fetchall()
    assert rows == [(1, "a", 1.5, True, None)], rows
    # Rows fetched some at a time, by a cursor that the server keeps.
    with db.cursor("some") as some:
        some.execute("SELECT event_uid FROM events ORDER BY event_uid")
        some.itersize = 100
        uids = [uid for uid, in some]
    assert len(uids) == 391 and uids == sorted(set(uids)), len(uids)
    assert [uid for uid, in ask("SELECT event_uid FROM events ORDER BY event_uid")] == uids
"#,
    );
}

#[test]
fn what_is_wrong_has_the_code_of_postgres_and_ends_nothing() {
    run_script(
        &Endpoint::start(&[]),
        r#"
with connect(autocommit=True) as db:
    for sql, code in [
        ("CREATE TABLE t (a INT)", "25006"),
        ("CREATE TABLE t AS SELECT 1", "25006"),
        ("CREATE VIEW v AS SELECT 1", "25006"),
        ("CREATE EXTERNAL TABLE t STORED AS CSV LOCATION '/etc/passwd'", "42601"),
        ("SELECT 1 INTO t", "25006"),
        ("INSERT INTO dbmi SELECT * FROM adac", "25006"),
        ("UPDATE events SET length = 0", "25006"),
        ("DELETE FROM events", "25006"),
        ("DROP TABLE events", "25006"),
        ("COPY events TO '/tmp/airside-must-not-be.csv'", "25006"),
        ("COPY events FROM STDIN", "25006"),
        ("EXPLAIN ANALYZE INSERT INTO dbmi SELECT * FROM adac", "25006"),
        ("SET datafusion.execution.batch_size = 1", "42501"),
        ("SELECT * FROM '/etc/passwd'", "42P01"),
        ("SELECT * FROM read_csv('/etc/passwd')", "42000"),
        ("SELECT principalid FROM dbmi", "42703"),
        ("SELEC 1", "42601"),
        ("SELECT CAST(operation AS BIGINT) FROM events", "22000"),
        ("SELECT 1; SELECT 2", None),
    ]:
        for values in (None, ()):
            try:
                db.execute(sql, values, prepare=values is not None)
                assert code is None, sql
            except psycopg.Error as error:
                expected = code or "42601"
                assert error.sqlstate == expected, (sql, error.sqlstate, str(error))
        assert db.execute("SELECT 77000 + 885").fetchone() == (77885,)
    # In a transaction, an error is remembered until it ends.
    db.execute("BEGIN")
    for code in ("42703", "25P02"):
        try:
            db.execute("SELECT nothing_of_the_kind FROM events" if code == "42703" else "SELECT 1")
            assert False
        except psycopg.Error as error:
            assert error.sqlstate == code, error.sqlstate
    db.execute("ROLLBACK")
    assert db.execute("SELECT 1").fetchone() == (1,)
"#,
    );
    assert!(!fs::exists("/tmp/airside-must-not-be.csv").unwrap());
}

#[test]
fn a_query_that_is_cancelled_or_out_of_time_ends_soon_and_the_connection_goes_on() {
    let script = format!(
        r#"
import threading
endless = "{ENDLESS}"
with connect(autocommit=True) as db:
    for values in (None, ()):
        threading.Timer(0.5, db.cancel).start()
        begun = time.time()
        try:
            db.execute(endless, values)
            assert False
        except psycopg.errors.QueryCanceled as error:
            assert "user request" in str(error), error
        assert 0.3 < time.time() - begun < 10, time.time() - begun
        assert db.execute("SELECT 1").fetchone() == (1,)
    db.execute("SET statement_timeout = '300ms'")
    assert db.execute("SHOW statement_timeout").fetchone() == ("300ms",)
    for values in (None, ()):
        begun = time.time()
        try:
            db.execute(endless, values)
            assert False
        except psycopg.errors.QueryCanceled as error:
            assert "statement timeout" in str(error), error
        assert time.time() - begun < 10, time.time() - begun
    db.execute("RESET statement_timeout")
    assert db.execute("SELECT 1").fetchone() == (1,)
"#
    );
    run_script(&Endpoint::start(&[]), &script);
}

#[test]
fn the_time_limit_of_the_endpoint_is_the_upper_bound() {
    let script = format!(
        r#"
with connect(autocommit=True) as db:
    db.execute("SET statement_timeout = '1h'")
    begun = time.time()
    try:
        db.execute("{ENDLESS}")
        assert False
    except psycopg.errors.QueryCanceled as error:
        assert "statement timeout" in str(error), error
    assert time.time() - begun < 10, time.time() - begun
    assert db.execute("SHOW statement_timeout").fetchone() == ("3600000ms",)
"#
    );
    run_script(&Endpoint::start(&["--timeout", "500ms"]), &script);
}

#[test]
fn one_client_neither_starves_nor_ends_the_others() {
    let script = format!(
        r#"
import threading
busy = [connect(autocommit=True) for _ in range(2)]
def run(db):
    try:
        db.execute("{ENDLESS}")
    except psycopg.Error:
        pass
threads = [threading.Thread(target=run, args=[db]) for db in busy]
for thread in threads: thread.start()
time.sleep(0.5)
with connect(autocommit=True) as db:
    try:
        db.execute("SELECT array_agg(repeat(a.event_uid, 100)) FROM events a, events b")
        assert False
    except psycopg.Error as error:
        assert error.sqlstate == "53200", (error.sqlstate, str(error))
    assert db.execute("SELECT count(*) FROM events").fetchone() == (391,)
for db in busy: db.cancel()
for thread in threads: thread.join(20)
assert not any(thread.is_alive() for thread in threads)
for db in busy: assert db.execute("SELECT 1").fetchone() == (1,)
"#
    );
    run_script(&Endpoint::start(&["--memory-limit", "256MB", "--threads", "2"]), &script);
}

#[test]
fn there_are_no_more_clients_than_may_be() {
    run_script(
        &Endpoint::start(&["--max-connections", "2"]),
        r#"
first, second = connect(), connect()
try:
    connect()
    assert False
except psycopg.OperationalError as error:
    assert "too many clients" in str(error), error
second.close()
for _ in range(100):
    try:
        third = connect()
        break
    except psycopg.OperationalError:
        time.sleep(0.05)
assert third.execute("SELECT 1").fetchone() == (1,)
"#,
    );
}
