use clap::CommandFactory;
use clap::error::ErrorKind;

use super::*;
use crate::rule::Profile;
use crate::time::UtcMicros;

fn scan(arguments: &[&str]) -> Result<ScanArgs, clap::Error> {
    let cli = Cli::try_parse_from(["airside", "scan"].iter().chain(arguments))?;
    match cli.command {
        Command::Scan(args) => Ok(*args),
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_command_line_is_consistent() {
    Cli::command().debug_assert();
}

#[test]
fn ids_come_with_commas_or_repeated() {
    let args = scan(&["a.json", "--enable", "x,y", "--enable", "z", "--disable", "v"]).unwrap();

    let selection = args.choice.selection().unwrap();

    assert_eq!(selection.enable, ["x", "y", "z"]);
    assert_eq!(selection.disable, ["v"]);
    assert_eq!(selection.profiles, [Profile::Core]);
}

#[test]
fn a_path_is_required() {
    assert_eq!(scan(&[]).unwrap_err().kind(), ErrorKind::MissingRequiredArgument);
}

#[test]
fn unknown_values_are_answered_with_the_valid_ones() {
    for (arguments, valid) in [
        (["a", "--fail-on", "terrible"], "critical, high, medium, low, informational"),
        (["a", "--profile", "all"], "core, hunting, posture"),
        (["a", "--format", "xml"], "table, json, ndjson, csv, parquet, markdown, sarif, ocsf, timesketch, stix, junit"),
        (["a", "--color", "sometimes"], "auto, always, never"),
        (["a", "--progress", "bar"], "auto, never, json"),
    ] {
        let error = scan(&arguments).unwrap_err();

        assert!(error.to_string().contains(&format!("[possible values: {valid}]")), "{error}");
    }
}

#[test]
fn every_subcommand_shows_examples_or_has_few_flags() {
    for name in ["scan", "identities", "matrix"] {
        let mut command = Cli::command();
        let help = command.find_subcommand_mut(name).unwrap().render_long_help().to_string();

        assert!(help.contains("Examples:\n"), "{help}");
    }
}

#[test]
fn a_time_that_is_none_is_a_usage_error() {
    let args = scan(&["a", "--since", "yester\u{1b}day"]).unwrap();

    let error = args.read.options(UtcMicros(0)).unwrap_err();

    assert!(matches!(error, RunError::Usage { .. }));
    assert!(error.to_string().starts_with("--since yester\\u{1b}day: "), "{error}");
}

#[test]
fn named_files_that_are_not_there_end_the_run_before_any_work() {
    for flag in ["--inventory", "--config"] {
        let args = scan(&["a", flag, "/nonexistent/x"]).unwrap();

        let error = args.read.options(UtcMicros(0)).unwrap_err();

        assert_eq!(error.to_string(), "/nonexistent/x does not exist");
        assert_eq!(error.exit_code(), crate::error::ExitCode::Usage);
    }
    let args = scan(&["a", "--rules", "/nonexistent/x"]).unwrap();
    assert_eq!(args.choice.selection().unwrap_err().to_string(), "/nonexistent/x does not exist");
}

#[test]
fn limits_stand_under_a_heading_of_their_own_and_nothing_else_does() {
    fn commands(command: &clap::Command) -> Vec<&clap::Command> {
        std::iter::once(command).chain(command.get_subcommands().flat_map(commands)).collect()
    }
    let cli = Cli::command();
    let mut limits = 0;
    for command in commands(&cli) {
        for argument in command.get_arguments() {
            let is_limit = argument.get_help_heading() == Some("Limits");
            limits += usize::from(is_limit);
            let name = argument.get_id().as_str();
            assert!(!is_limit || name.starts_with("max_"), "{}: {name}", command.get_name());
        }
    }
    assert!(limits > 50, "{limits}");
}
