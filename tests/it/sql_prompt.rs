//! The prompt of `airside sql`, driven through a pseudo-terminal as a person would.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::support::{root, skip};

/// What is typed for the keys that are no letters.
const TAB: &str = "\t";
const ENTER: &str = "\r";
const UP: &str = "\u{1b}[A";
const CTRL_C: &str = "\u{3}";
const CTRL_D: &str = "\u{4}";

fn send(text: &str) -> Value {
    json!({ "send": text })
}

fn expect(pattern: &str) -> Value {
    json!({ "expect": pattern })
}

/// The prompt, before anything is typed there.
fn ready() -> Value {
    expect("airside> ")
}

/// Leaves, and holds that the program is glad about it.
fn leave() -> [Value; 2] {
    [send(CTRL_D), json!({ "end": 0 })]
}

/// Opens a prompt over the sample tenant and does the steps; `states` is the user's folder of states.
fn prompt(states: &Path, steps: &[Value]) {
    prompt_with(states, &[], steps);
}

fn prompt_with(states: &Path, environment: &[(&str, &str)], steps: &[Value]) {
    let python = Command::new("python3")
        .arg(root().join("tests/it/on_terminal.py"))
        .args([env!("CARGO_BIN_EXE_airside"), "sql", "sample-logs/tenant", "--progress", "never"])
        .current_dir(root())
        .env("XDG_STATE_HOME", states)
        .env("TERM", "xterm-256color")
        .env("PAGER", "cat")
        .env_remove("NO_COLOR")
        .envs(environment.iter().copied())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let Ok(mut python) = python else {
        skip("there is no python3 to make a pseudo-terminal");
        return;
    };
    let script: Vec<String> = steps.iter().map(Value::to_string).collect();
    let script = script.join("\n");
    python.stdin.take().unwrap().write_all(script.as_bytes()).unwrap();
    let output = python.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn tab_completes_columns_tables_and_rules_in_any_case() {
    let states = tempfile::tempdir().unwrap();
    let mut steps = vec![ready()];
    for typed in ["select SOUR", TAB, " as completed from COVERAG", TAB, " order by 1 limit 1;", ENTER] {
        steps.push(send(typed));
    }
    steps.extend([expect("completed"), expect("activity"), expect("1 row"), ready()]);
    for typed in ["\\run DBMI-KEYV", TAB, ENTER] {
        steps.push(send(typed));
    }
    steps.extend([expect("event_uid"), expect("microsoft.keyvault|secretget"), expect("row"), ready()]);
    steps.extend(leave());

    prompt(states.path(), &steps);
}

#[test]
fn a_query_of_several_lines_ends_with_its_semicolon() {
    let states = tempfile::tempdir().unwrap();
    let mut steps = vec![ready(), send("SELECT 40"), send(ENTER), expect("-> "), send("+ 2 AS n"), send(ENTER)];
    steps.extend([expect("-> "), send(";"), send(ENTER), expect("\n42\r?\n"), ready()]);
    steps.extend(leave());

    prompt(states.path(), &steps);
}

#[test]
fn the_history_outlives_the_session_and_is_nobody_elses_to_read() {
    let states = tempfile::tempdir().unwrap();
    let answer = expect(r"\n\s*77885\r?\n");
    let mut first = vec![ready(), send("SELECT 77000 + 885 AS n;"), send(ENTER), answer.clone(), ready()];
    first.extend(leave());
    let mut second = vec![ready(), send(UP), expect("77000"), send(ENTER), answer, ready()];
    second.extend(leave());

    prompt(states.path(), &first);
    prompt(states.path(), &second);

    let history = states.path().join("airside/history");
    assert_eq!(fs::metadata(&history).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(fs::read_to_string(&history).unwrap().contains("77000"));
}

#[test]
fn no_signature_that_was_typed_gets_into_the_history() {
    let states = tempfile::tempdir().unwrap();
    let query = "SELECT 77000 + 885 AS n, 'https://a.blob.core.windows.net/c?sv=1&sig=TOPSECRET' AS url;";
    let mut steps = vec![ready(), send(query), send(ENTER), expect("77885"), ready()];
    steps.extend(leave());

    prompt(states.path(), &steps);

    let history = fs::read_to_string(states.path().join("airside/history")).unwrap();
    assert!(history.contains("77000") && history.contains("sv=1&sig=***"), "{history}");
    assert!(!history.contains("TOPSECRET"), "{history}");
}

#[test]
fn ctrl_c_stops_the_query_and_not_the_prompt() {
    let states = tempfile::tempdir().unwrap();
    let endless = "SELECT count(*) FROM events a, events b, events c, events d WHERE a.length < b.length + c.length;";
    let mut steps = vec![ready(), send(endless), send(ENTER)];
    steps.push(json!({ "until": "interrupted", "send": CTRL_C }));
    steps.extend([ready(), send("SELECT 77000 + 885 AS n;"), send(ENTER), expect(r"\n\s*77885\r?\n"), ready()]);
    steps.extend(leave());

    prompt(states.path(), &steps);
}

#[test]
fn a_signal_to_end_ends_the_prompt() {
    let states = tempfile::tempdir().unwrap();

    prompt(states.path(), &[ready(), json!({ "kill": 15 }), json!({ "end": 143 })]);
}

#[test]
fn a_wrong_query_is_explained_and_the_next_one_answered() {
    let states = tempfile::tempdir().unwrap();
    let mut steps = vec![ready(), send("SELECT principalid FROM dbmi;"), send(ENTER)];
    steps.extend([expect("Did you mean 'dbmi.principal_id'"), ready()]);
    steps.extend([send("\\nonsense"), send(ENTER), expect("there is no command"), ready()]);
    steps.extend([send("SELECT 77000 + 885 AS n;"), send(ENTER), expect(r"\n\s*77885\r?\n"), ready()]);
    steps.extend(leave());

    prompt(states.path(), &steps);
}

#[test]
fn commands_list_tables_columns_and_rules_and_set_format_and_timing() {
    let states = tempfile::tempdir().unwrap();
    let mut steps = vec![ready()];
    for (typed, shown) in [
        ("\\d", "unattributed +\\d+  events that name no principal"),
        ("\\d identities", "principal_id +text"),
        ("\\rules keyvault", "dbmi-keyvault-secret-read +high"),
        ("\\format ndjson", ""),
        ("SELECT 77000 + 885 AS n;", "\\{\"n\":77885\\}"),
        ("\\timing", "timing is on"),
        ("SELECT 1;", "[0-9.]+ ms"),
        ("\\?", "Ctrl-D"),
    ] {
        steps.extend([send(typed), send(ENTER), expect(shown), ready()]);
    }
    steps.extend([send("\\q"), send(ENTER), json!({ "end": 0 })]);

    prompt(states.path(), &steps);
}

#[test]
fn long_answers_go_through_the_pager_and_short_ones_do_not() {
    let states = tempfile::tempdir().unwrap();
    let pager = [("PAGER", "echo it is paged; cat > /dev/null")];
    let mut steps = vec![ready(), send("SELECT 77000 + 885 AS n;"), send(ENTER), expect(r"\n\s*77885\r?\n"), ready()];
    steps.extend([send("SELECT event_uid FROM events;"), send(ENTER), expect("it is paged"), ready()]);
    steps.extend(leave());

    prompt_with(states.path(), &pager, &steps);
}

#[test]
fn without_colours_nothing_is_coloured() {
    let states = tempfile::tempdir().unwrap();
    let mut steps = vec![ready(), send("SELECT 77000 + 885 AS n;"), send(ENTER), expect(r"\n\s*77885\r?\n"), ready()];
    steps.extend(leave());

    prompt_with(states.path(), &[("NO_COLOR", "1")], &steps);
}
