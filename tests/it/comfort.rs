//! Completions, manual pages, the configuration in effect, dry runs, progress for jobs.

use std::fs;
use std::io::Write as _;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::cli::{airside, code, path, stderr, stdout};
use crate::support::{folder, skip};

/// Whether a shell takes a script for one; `None` where there is no such shell.
fn accepts(shell: &str, arguments: &[&str], script: &str) -> Option<bool> {
    let mut child = Command::new(shell).args(arguments).stdin(Stdio::piped()).spawn().ok()?;
    child.stdin.take().unwrap().write_all(script.as_bytes()).unwrap();
    Some(child.wait().unwrap().success())
}

#[test]
fn shells_take_the_completion_scripts() {
    for shell in ["bash", "zsh", "fish"] {
        let output = airside(&["completions", shell]);
        let script = stdout(&output);

        assert_eq!(code(&output), 0, "{}", stderr(&output));
        assert!(script.contains("airside") && script.contains("min-severity"), "{shell}");
        match accepts(shell, &["-n"], &script) {
            Some(is_fine) => assert!(is_fine, "{shell}"),
            None => skip(&format!("there is no {shell}")),
        }
    }
}

#[test]
fn bash_completes_commands_and_flags() {
    let script = stdout(&airside(&["completions", "bash"]));
    let ask = "\nCOMP_WORDS=(airside sc); COMP_CWORD=1; _airside airside sc airside; echo \"${COMPREPLY[@]}\"\n\
        COMP_WORDS=(airside sql --max-ro); COMP_CWORD=2; _airside airside --max-ro sql; echo \"${COMPREPLY[@]}\"\n";
    let folder = folder(&[("script", format!("{script}{ask}"))]);
    let Ok(output) = Command::new("bash").arg(folder.path().join("script")).output() else {
        skip("there is no bash");
        return;
    };

    assert_eq!(
        String::from_utf8_lossy(&output.stdout),
        "scan\n--max-rows\n",
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

#[test]
fn every_command_has_a_manual_page() {
    for (command, name) in
        [(&[][..], "airside"), (&["scan"], "airside-scan"), (&["rules", "test"], "airside-rules-test")]
    {
        let output = airside(&[&["man"][..], command].concat());
        let page = stdout(&output);

        assert_eq!(code(&output), 0, "{}", stderr(&output));
        assert!(page.contains(&format!(".TH {name} 1 ")), "{page}");
        assert!(page.contains(".SH SYNOPSIS"), "{page}");
    }
    let wrong = airside(&["man", "scna"]);
    assert_eq!(code(&wrong), 3);
    assert!(stderr(&wrong).contains("did you mean 'scan'?"), "{}", stderr(&wrong));
}

#[test]
fn what_config_show_prints_is_a_configuration_with_the_place_of_every_value() {
    let text = "profile = \"posture\"\n[network]\nallowed_ip = [\"203.0.113.0/24\"]\n\
        [rules.dbmi-bulk-read]\nseverity = \"high\"\n\
        [[expected]]\nrule = \"dbmi-bulk-read\"\nreason = \"backup\"\n";
    let given = folder(&[("airside.toml", text)]);
    let config = given.path().join("airside.toml");

    let output = airside(&["config", "show", "--config", path(&config)]);
    let shown = stdout(&output);
    let again = folder(&[("airside.toml", &shown)]);
    let repeated = airside(&["config", "show", "--config", path(&again.path().join("airside.toml"))]);

    assert_eq!(code(&output), 0, "{}", stderr(&output));
    let line = |start: &str| shown.lines().find(|line| line.starts_with(start)).unwrap_or_else(|| panic!("{shown}"));
    assert!(line("profile = \"posture\"").ends_with("airside.toml"));
    assert!(line("severity = \"high\" ").contains("airside.toml:4:8") || shown.contains("airside.toml:4:8"));
    assert!(line("reason = \"backup\"").contains("airside.toml:7:8"));
    let values = |text: &str| {
        let lines = text.lines().map(|line| line.split(" # ").next().unwrap().trim_end().to_owned());
        lines.collect::<Vec<_>>()
    };
    assert_eq!(values(&stdout(&repeated)), values(&shown));
}

#[test]
fn a_dry_run_names_what_would_be_read_and_which_rules_could_say_something() {
    let output = airside(&["scan", "sample-logs/tenant", "--dry-run=json"]);
    let plan: Value = serde_json::from_str(&stdout(&output)).unwrap();

    assert_eq!(code(&output), 0, "{}", stderr(&output));
    // As many objects as the README of the samples counts.
    assert_eq!(plan["objects"], 177);
    let kinds = plan["kinds"].as_array().unwrap();
    assert_eq!(kinds.iter().map(|kind| kind["objects"].as_u64().unwrap()).sum::<u64>(), 177);
    let begins = |word: &str| kinds.iter().any(|kind| kind["begins_with"] == word);
    assert!(begins("storage log") && begins("keyvault log") && begins("inventory"), "{kinds:#?}");
    let names = |list: &str, name: &str| plan["rules"][list].to_string().contains(name);
    assert!(names("run", "dbmi-keyvault-secret-read"));
    assert!(names("not_evaluable", "identity-unexpected-ip"), "no network is configured");
}

#[test]
fn a_dry_run_reads_no_more_than_the_first_record_and_writes_nothing() {
    let record = fs::read_to_string("sample-logs/storage_archive/usual.json").unwrap();
    let first = record.lines().next().unwrap();
    let logs = folder(&[("logs.json", format!("{first}\n{}", "not read\n".repeat(100_000)))]);
    let target = logs.path().join("findings.json");

    let output = airside(&["scan", path(logs.path()), "--dry-run", "--output", &format!("json={}", path(&target))]);

    assert_eq!(code(&output), 0, "{}", stderr(&output));
    assert!(stdout(&output).contains("logs.json: 1 x, 9"), "{}", stdout(&output));
    assert!(stdout(&output).contains("storage log"), "{}", stdout(&output));
    assert!(stderr(&output).is_empty(), "{}", stderr(&output));
    assert!(!target.exists());
}

#[test]
fn a_dry_run_leaves_a_pipe_alone_and_what_it_may_bring_undecided() {
    let output = airside(&["scan", "-", "--dry-run=json"]);
    let plan: Value = serde_json::from_str(&stdout(&output)).unwrap();

    assert_eq!(code(&output), 0, "{}", stderr(&output));
    assert_eq!(plan["kinds"][0]["begins_with"], "a pipe, which only the run itself can read");
    assert_eq!(plan["rules"]["not_evaluable"], Value::Array(Vec::new()));
    assert!(plan["rules"]["undecided"].to_string().contains("dbmi-keyvault-secret-read"), "{plan:#}");
}

#[test]
fn a_dry_run_says_that_a_path_is_missing() {
    assert_eq!(code(&airside(&["scan", "no/such/folder", "--dry-run"])), 3);
}

#[test]
fn progress_for_jobs_is_one_json_object_a_line() {
    let output = airside(&["scan", "sample-logs/tenant", "--progress", "json", "--only", "dbmi-bulk-read"]);

    let lines: Vec<Value> = stderr(&output)
        .lines()
        .filter(|line| line.starts_with('{'))
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let last = lines.last().unwrap();
    assert_eq!(last["progress"], "done");
    assert_eq!(last["stage"], "coverage");
    assert_eq!(last["records"], 432);
    assert_eq!(last["bytes"], last["total_bytes"]);
    assert!(last["bytes_per_second"].is_u64() && last["eta_seconds"].is_u64(), "{last}");
}
