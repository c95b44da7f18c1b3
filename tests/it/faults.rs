//! What a disk, another process or a signal can do to a run: it ends clearly, with no half file under a
//! final name, nothing of its own left in temporary folders, and nothing printed twice.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

use crate::cli::{airside, code, path, stderr, stdout};
use crate::limits::{RESTLESS, restless};
use crate::support::{folder, is_full, root, skip};

/// Runs that are interrupted, of each command: all of them, and the share of them in CI.
const INTERRUPTED_RUNS: u64 = 40;
const INTERRUPTED_RUNS_IN_CI: u64 = 6;

fn record(number: usize) -> String {
    format!(
        r#"{{"time":"2026-05-04T10:15:30.1234567Z","resourceId":"/SUBSCRIPTIONS/11111111-2222-4333-8444-555555555555/RESOURCEGROUPS/RG","operationName":"MICROSOFT.RESOURCES/TAGS/WRITE","category":"Administrative","resultType":"Success","correlationId":"99999999-8888-4777-8666-{number:012}","level":"Information","properties":{{}}}}"#
    )
}

fn lines(numbers: std::ops::Range<usize>) -> String {
    numbers.map(|number| record(number) + "\n").collect()
}

/// Records that never repeat, so many that they do not fit the memory of the smallest limit.
fn many() -> TempDir {
    folder(&[("many.json", restless(RESTLESS))])
}

/// A sort of all columns asked for more at once than there was for it.
#[test]
fn events_that_repeat_no_value_are_written_whole_within_a_small_memory() {
    let input = many();

    let output = airside(&["events", path(input.path()), "--memory-limit", "256MB", "--format", "csv"]);

    assert_eq!(code(&output), 0, "{}", stderr(&output));
    assert_eq!(stdout(&output).lines().count(), 1 + RESTLESS);
}

/// Runs a shell script as root of a mount namespace of its own, with a small file system at `$SMALL`;
/// `None`, said aloud, where that is not allowed.
fn with_small_disk(options: &str, script: &str) -> Option<Output> {
    let place = tempfile::tempdir().unwrap();
    let mount = format!(r#"mount -t tmpfs -o {options} tmpfs "$SMALL" || exit 99; {script}"#);
    let output = Command::new("unshare")
        .args(["-m", "sh", "-c", &mount])
        .env("SMALL", place.path())
        .env("AIRSIDE", env!("CARGO_BIN_EXE_airside"))
        .current_dir(root())
        .output();
    match output {
        Ok(output) if output.status.code() != Some(99) && !stderr(&output).starts_with("unshare:") => Some(output),
        _ => {
            skip("no right to mount a small disk");
            None
        }
    }
}

#[test]
fn a_full_disk_under_the_outputs_ends_with_5_and_leaves_no_half_file() {
    for command in [
        "scan sample-logs/tenant --output json=$SMALL/f.json --output ndjson=$SMALL/f.ndjson --coverage $SMALL/c.json",
        "report sample-logs/tenant -o $SMALL/r.html",
        "events sample-logs/tenant --output ocsf=$SMALL/e.ndjson",
        "sql sample-logs/tenant -c 'SELECT * FROM events' --output ndjson=$SMALL/q.ndjson",
        "scan sample-logs/tenant --quarantine $SMALL/q.ndjson --output json=$SMALL/f.json",
    ] {
        let script = format!(r#"$AIRSIDE {command} >/dev/null; echo "code $?"; ls -A "$SMALL""#);
        let Some(output) = with_small_disk("size=12k", &script) else { return };

        assert_eq!(stdout(&output), "code 5\n", "{command}: {}", stderr(&output));
        assert!(stderr(&output).contains("No space left on device"), "{command}: {}", stderr(&output));
    }
}

#[test]
fn a_full_disk_under_the_temporary_files_ends_with_5_and_leaves_none_of_them() {
    let many = many();
    let script = format!(
        r#"TMPDIR=$SMALL $AIRSIDE scan {} --only dbmi-storage-data-access --memory-limit 256MB --format ndjson; echo "code $?"; ls -A "$SMALL""#,
        path(many.path())
    );
    let Some(output) = with_small_disk("size=1m", &script) else { return };

    assert_eq!(stdout(&output), "code 5\n", "{}", stderr(&output));
    assert!(stderr(&output).contains("No space left on device"), "{}", stderr(&output));
}

#[cfg(feature = "lake")]
#[test]
fn a_full_disk_under_a_lake_ends_with_5_and_loses_nothing_that_was_committed() {
    let script = r#"
        $AIRSIDE ingest sample-logs/tenant/insights-logs-storageread --lake $SMALL/lake >/dev/null || exit 1
        $AIRSIDE sql $SMALL/lake -c 'SELECT COUNT(*) FROM events' --format csv
        dd if=/dev/zero of=$SMALL/filler bs=1k 2>/dev/null
        $AIRSIDE ingest sample-logs/tenant --lake $SMALL/lake >/dev/null; echo "code $?"
        rm $SMALL/filler
        $AIRSIDE sql $SMALL/lake -c 'SELECT COUNT(*) FROM events' --format csv
        $AIRSIDE lake verify $SMALL/lake >/dev/null; echo "verified $?"
        $AIRSIDE ingest sample-logs/tenant --lake $SMALL/lake >/dev/null; echo "code $?"
        $AIRSIDE sql $SMALL/lake -c 'SELECT COUNT(*) FROM events' --format csv"#;
    let Some(output) = with_small_disk("size=8m", script) else { return };

    let said = stdout(&output);
    let said: Vec<&str> =
        said.lines().filter(|line| line.chars().next().is_some_and(|c| c != 'c' || line.starts_with("code"))).collect();
    let [before, full, after, verified, again, whole] = said.as_slice() else { panic!("{said:?} {}", stderr(&output)) };
    assert_eq!((*full, *again, *verified), ("code 5", "code 0", "verified 0"), "{}", stderr(&output));
    assert_eq!(before, after);
    // The tenant's 391 events.
    assert_eq!(*whole, "391");
}

#[test]
fn a_full_device_as_standard_output_ends_with_5() {
    for command in [
        &["scan", "--format", "json"][..],
        &["identities", "--format", "ndjson"],
        &["events"],
        &["sql", "-c", "SELECT * FROM events", "--format", "csv"],
        &["matrix", "--format", "json"],
    ] {
        let output = Command::new(env!("CARGO_BIN_EXE_airside"))
            .args(command)
            .arg("sample-logs/tenant")
            .current_dir(root())
            .stdout(fs::File::options().write(true).open("/dev/full").unwrap())
            .output()
            .unwrap();

        assert_eq!(code(&output), 5, "{command:?}: {}", stderr(&output));
        assert!(stderr(&output).contains("No space left on device"), "{command:?}: {}", stderr(&output));
    }
}

#[test]
fn a_folder_that_cannot_be_written_ends_the_run_with_3_before_any_work() {
    let script = r#"
        mount -o remount,ro "$SMALL" || exit 99
        for command in "scan sample-logs/tenant --output json=$SMALL/f.json" "report sample-logs/tenant -o $SMALL/r.html" \
            "scan sample-logs/tenant --quarantine $SMALL/q.ndjson"; do
          $AIRSIDE $command >/dev/null; echo "code $?"
        done"#;
    let Some(output) = with_small_disk("size=1m", script) else { return };

    assert_eq!(stdout(&output), "code 3\ncode 3\ncode 3\n", "{}", stderr(&output));
    assert_eq!(stderr(&output).matches("Read-only file system").count(), 3, "{}", stderr(&output));
}

/// Changes a file of 200,000 records when a first part of it has been read.
fn read_while(change: impl FnOnce(&Path)) -> (i32, Value, String) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("b.json");
    fs::write(&file, lines(0..200_000)).unwrap();
    let mut child = Command::new(env!("CARGO_BIN_EXE_airside"))
        .args(["scan", path(&file), "--format", "json", "--threads", "1", "--only", "dbmi-storage-data-access"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    wait_until_open(&mut child, &file);
    change(&file);
    let output = child.wait_with_output().unwrap();
    let document: Value = serde_json::from_str(&stdout(&output)).unwrap_or_else(|_| panic!("{}", stderr(&output)));
    (code(&output), document["coverage"].clone(), stderr(&output))
}

/// Waits until a process has read a first part of a file.
fn wait_until_open(child: &mut Child, file: &Path) {
    let process = PathBuf::from(format!("/proc/{}", child.id()));
    let began = Instant::now();
    while began.elapsed() < Duration::from_mins(1) {
        let descriptors = fs::read_dir(process.join("fd")).into_iter().flatten().filter_map(Result::ok);
        for descriptor in descriptors.filter(|descriptor| fs::read_link(descriptor.path()).is_ok_and(|to| to == file)) {
            let info = fs::read_to_string(process.join("fdinfo").join(descriptor.file_name())).unwrap_or_default();
            let position = info.lines().find_map(|line| line.strip_prefix("pos:")?.trim().parse::<u64>().ok());
            if position.is_some_and(|position| position > 0) {
                return;
            }
        }
        assert!(child.try_wait().unwrap().is_none(), "it was read before it could be disturbed");
    }
    panic!("{} was not opened in a minute", file.display());
}

/// Every record is accounted for, and none is made up.
fn assert_adds_up(coverage: &Value) {
    let count = |name: &str| coverage["records"][name].as_u64().unwrap();
    assert_eq!(
        count("read"),
        count("events") + count("duplicates") + count("skipped") + count("rejected"),
        "{coverage}"
    );
}

#[test]
fn a_file_that_shrinks_while_it_is_read_gives_what_was_there_and_at_most_one_torn_record() {
    let (exit, coverage, said) = read_while(|file| {
        fs::File::options().write(true).open(file).unwrap().set_len(40_000_100).unwrap();
    });

    // The system gives the end of a file that was cut as that of a shorter one.
    assert!(exit == 0 || exit == 4, "{exit}: {said}");
    assert_adds_up(&coverage);
    let (events, rejected) = (&coverage["records"]["events"], coverage["records"]["rejected"].as_u64().unwrap());
    assert!(events.as_u64().unwrap() >= 40_000_000 / lines(0..1).len() as u64 && rejected <= 1, "{coverage}");
}

#[test]
fn a_file_that_grows_while_it_is_read_is_read_with_what_came() {
    let (exit, coverage, said) = read_while(|file| {
        use std::io::Write as _;
        fs::File::options().append(true).open(file).unwrap().write_all(lines(200_000..200_100).as_bytes()).unwrap();
    });

    assert_eq!(exit, 0, "{said}");
    assert_adds_up(&coverage);
    let events = coverage["records"]["events"].as_u64().unwrap();
    assert!((200_000..=200_100).contains(&events), "{coverage}");
    assert_eq!(coverage["records"]["rejected"], 0);
}

#[test]
fn a_file_that_vanishes_while_it_is_read_is_read_to_its_end() {
    let (exit, coverage, said) = read_while(|file| fs::remove_file(file).unwrap());

    assert_eq!(exit, 0, "{said}");
    assert_eq!(coverage["records"]["events"], 200_000);
}

/// Of two names that are listed, one is gone when its turn comes.
#[test]
fn a_file_that_is_gone_when_its_turn_comes_is_named_and_the_others_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let (held, gone, last) = (folder.path().join("a"), folder.path().join("b.json"), folder.path().join("c.json"));
    assert!(Command::new("mkfifo").arg(&held).status().unwrap().success());
    fs::write(&gone, lines(0..1)).unwrap();
    fs::write(&last, lines(1..2)).unwrap();
    let child = Command::new(env!("CARGO_BIN_EXE_airside"))
        .args(["scan", path(&held), path(&gone), path(&last), "--format", "json", "--threads", "1"])
        .args(["--only", "dbmi-storage-data-access"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // Opening the pipe to write waits until the run has opened it to read: all is listed by then.
    let pipe = fs::File::options().write(true).open(&held).unwrap();
    fs::remove_file(&gone).unwrap();
    drop(pipe);

    let output = child.wait_with_output().unwrap();

    assert_eq!(code(&output), 4, "{}", stderr(&output));
    assert!(stderr(&output).contains("b.json: no such file or directory"), "{}", stderr(&output));
    let document: Value = serde_json::from_str(&stdout(&output)).unwrap();
    assert_eq!(document["coverage"]["records"]["events"], 1);
}

/// A command that is interrupted, and how to see that it left nothing half done.
struct Interrupted {
    name: &'static str,
    /// `{in}` and `{out}` are the input and the folder for outputs.
    args: &'static [&'static str],
    /// Whether standard output is written as it is made; else it is there whole or not at all.
    is_streamed: bool,
}

const COMMANDS: [Interrupted; 5] = [
    Interrupted {
        name: "scan",
        args: &[
            "scan",
            "{in}",
            "--memory-limit",
            "256MB",
            "--only",
            "dbmi-storage-data-access",
            "--format",
            "ndjson",
            "--output",
            "json={out}/f.json",
            "--quarantine",
            "{out}/q.ndjson",
            "--coverage",
            "{out}/c.json",
        ],
        is_streamed: false,
    },
    Interrupted {
        name: "report",
        args: &["report", "{in}", "--only", "dbmi-storage-data-access", "-o", "{out}/r.html"],
        is_streamed: false,
    },
    Interrupted { name: "events", args: &["events", "{in}", "--memory-limit", "256MB"], is_streamed: true },
    Interrupted {
        name: "sql",
        args: &["sql", "{in}", "-c", "SELECT * FROM events", "--format", "ndjson", "--output", "csv={out}/q.csv"],
        is_streamed: true,
    },
    #[cfg(feature = "lake")]
    Interrupted {
        name: "ingest",
        args: &["ingest", "{in}", "--lake", "{out}/lake", "--coverage", "{out}/c.json", "--commit-bytes", "8MB"],
        is_streamed: false,
    },
];

/// A number for each run that looks random and is the same every time.
fn next(state: &mut u64) -> u64 {
    *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    *state >> 33
}

/// Starts a command with folders of its own for outputs and temporary files.
fn start(command: &Interrupted, input: &Path, (out, temporary): (&Path, &Path)) -> Child {
    let filled = |arg: &&str| arg.replace("{in}", path(input)).replace("{out}", path(out));
    Command::new(env!("CARGO_BIN_EXE_airside"))
        .args(command.args.iter().map(filled))
        .args(["--progress", "never"])
        .env("TMPDIR", temporary)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn runs_that_are_interrupted_at_any_instant_end_clearly_and_leave_nothing_half_done() {
    // In full, events go to disk as well.
    let input = if is_full() { many() } else { folder(&[("some.json", lines(0..20_000))]) };
    let runs = if is_full() { INTERRUPTED_RUNS } else { INTERRUPTED_RUNS_IN_CI };
    let (mut state, mut interrupted) = (11, 0);
    for command in &COMMANDS {
        let folders = || (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let (out, temporary) = folders();
        let began = Instant::now();
        let whole = start(command, input.path(), (out.path(), temporary.path())).wait_with_output().unwrap();
        let longest = u64::try_from(began.elapsed().as_millis()).unwrap();
        assert_eq!(code(&whole), 0, "{}: {}", command.name, stderr(&whole));
        assert_eq!(names(temporary.path()), [] as [&str; 0], "{}", command.name);
        let whole_lines: HashSet<&[u8]> = whole.stdout.split(|byte| *byte == b'\n').collect();
        for run in 0..runs {
            let (signal, expected) = if run % 2 == 0 { ("-INT", 130) } else { ("-TERM", 143) };
            let (cut_out, temporary) = folders();
            let child = start(command, input.path(), (cut_out.path(), temporary.path()));
            let id = child.id().to_string();
            let wait = next(&mut state) % (longest + 1);
            let killer = std::thread::spawn(move || {
                std::thread::sleep(Duration::from_millis(wait));
                // It may be over by then.
                Command::new("kill").args([signal, &id]).stderr(Stdio::null()).status().unwrap();
            });
            let output = child.wait_with_output().unwrap();
            killer.join().unwrap();

            let what = format!("{} {signal} after {wait} of {longest} ms: {}", command.name, stderr(&output));
            // Before it listens, a signal ends it as any process: there is nothing to clean up yet.
            let ended = output.status.code();
            assert!(ended.is_none() || ended == Some(0) || ended == Some(expected), "{ended:?} {what}");
            interrupted += usize::from(ended == Some(expected));
            assert_eq!(names(temporary.path()), [] as [&str; 0], "{what}");
            check_files(&cut_out, &out, ended == Some(0), &what);
            check_stdout(command, &output, (&whole, &whole_lines), &what);
        }
    }
    // Not all come before the start or after the end.
    assert!(interrupted as u64 >= runs, "{interrupted} of {} signals came in time", runs * COMMANDS.len() as u64);
}

/// What has its final name is what an undisturbed run writes, and nothing else is there.
fn check_files(cut: &TempDir, whole: &TempDir, is_complete: bool, what: &str) {
    let expected = names(whole.path());
    for name in names(cut.path()) {
        assert!(expected.contains(&name), "{name} {what}");
        let (cut, whole) = (cut.path().join(&name), whole.path().join(&name));
        if name == "lake" {
            let verified = airside(&["lake", "verify", path(&cut)]);
            // Interrupted before its first commit there is no lake.
            let said = stderr(&verified);
            assert!(code(&verified) == 0 || said.contains("is no lake"), "{said}{} {what}", stdout(&verified));
        } else {
            assert_eq!(fs::read(cut).unwrap().len(), fs::read(whole).unwrap().len(), "{name} {what}");
        }
    }
    assert!(!is_complete || names(cut.path()) == expected, "{what}");
}

/// Nothing is printed that an undisturbed run does not print, and no line twice.
fn check_stdout(command: &Interrupted, output: &Output, (whole, lines): (&Output, &HashSet<&[u8]>), what: &str) {
    if !command.is_streamed {
        assert!(output.stdout.is_empty() || output.status.code() == Some(0), "{what}");
        return;
    }
    assert!(output.stdout.len() <= whole.stdout.len(), "{what}");
    let mut seen = HashSet::new();
    let mut rest = output.stdout.as_slice();
    // The last line may be cut.
    while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
        let (line, after) = rest.split_at(end);
        assert!(lines.contains(line) && seen.insert(line), "{what}");
        rest = &after[1..];
    }
}
