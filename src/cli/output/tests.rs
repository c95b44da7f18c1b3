use std::io::{self, BufWriter, Write};

use clap::Parser;

use super::*;
use crate::cli::args::{Cli, ColorChoice, Command};
use crate::error::ExitCode;
use crate::report::Colour;

fn names_in(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// `scan` of one input with these flags.
fn open(arguments: &[String]) -> Result<Outputs, RunError> {
    let start = ["airside", "scan"].into_iter().map(str::to_owned);
    let Command::Scan(args) = Cli::try_parse_from(start.chain(arguments.iter().cloned())).unwrap().command else {
        panic!("scan was asked for");
    };
    let (outputs, reports) = Outputs::open_with(&args.read, &args.output, args.choice.baseline.as_ref())?;
    Ok(Outputs { reports, ..outputs })
}

#[test]
fn a_file_appears_under_its_name_only_when_it_is_finished() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out.json");

    let mut file = OutputFile::create(&path, Overwrite::Refuse).unwrap();
    file.write_all(b"whole").unwrap();
    assert!(!path.exists());
    file.finish().unwrap();

    assert_eq!(fs::read(&path).unwrap(), b"whole");
    assert_eq!(names_in(folder.path()), ["out.json"]);
}

#[test]
fn a_file_that_is_dropped_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();

    let mut file = OutputFile::create(&folder.path().join("out.json"), Overwrite::Refuse).unwrap();
    file.write_all(b"half").unwrap();
    drop(file);

    assert_eq!(names_in(folder.path()), Vec::<String>::new());
}

#[test]
fn a_file_that_exists_is_written_over_only_when_allowed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out.json");
    fs::write(&path, "old").unwrap();

    let refused = OutputFile::create(&path, Overwrite::Refuse).unwrap_err();

    assert_eq!(refused.exit_code(), ExitCode::Usage);
    assert_eq!(refused.to_string(), format!("{} exists already", path.display()));
    assert_eq!(fs::read(&path).unwrap(), b"old");

    let mut file = OutputFile::create(&path, Overwrite::Allow).unwrap();
    file.write_all(b"new").unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"old");
    file.finish().unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"new");
}

#[test]
fn a_file_that_comes_up_meanwhile_is_left_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out.json");

    let file = OutputFile::create(&path, Overwrite::Refuse).unwrap();
    fs::write(&path, "someone else's").unwrap();
    let error = file.finish().unwrap_err();

    assert_eq!(error.exit_code(), ExitCode::Usage);
    assert_eq!(fs::read(&path).unwrap(), b"someone else's");
    assert_eq!(names_in(folder.path()), ["out.json"]);
}

#[test]
fn a_missing_folder_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("missing/out.json");

    let error = OutputFile::create(&path, Overwrite::Refuse).unwrap_err();

    let missing = folder.path().join("missing");
    assert_eq!(
        error.to_string(),
        format!("cannot write {}: folder {} does not exist", path.display(), missing.display())
    );
}

#[test]
fn a_folder_is_no_file() {
    let folder = tempfile::tempdir().unwrap();

    let error = OutputFile::create(folder.path(), Overwrite::Allow).unwrap_err();

    assert_eq!(error.to_string(), format!("cannot write {}: it is a folder", folder.path().display()));
}

#[cfg(unix)]
#[test]
fn a_link_stays_a_link_and_a_device_a_device() {
    let folder = tempfile::tempdir().unwrap();
    let real = folder.path().join("real.json");
    let link = folder.path().join("link.json");
    fs::write(&real, "old").unwrap();
    std::os::unix::fs::symlink(&real, &link).unwrap();

    let mut file = OutputFile::create(&link, Overwrite::Allow).unwrap();
    file.write_all(b"new").unwrap();
    file.finish().unwrap();
    let mut device = OutputFile::create(Path::new("/dev/null"), Overwrite::Refuse).unwrap();
    device.write_all(b"gone").unwrap();
    device.finish().unwrap();

    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    assert_eq!(fs::read(&real).unwrap(), b"new");
    assert!(!fs::metadata("/dev/null").unwrap().is_file());
}

#[test]
fn two_outputs_to_one_file_are_refused_however_they_are_spelled() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().display().to_string();

    for flag in ["--coverage", "--baseline"] {
        let first = ["-".to_owned(), "--output".to_owned(), format!("json={place}/a.json")];
        let error = open(&[&first[..], &[flag.to_owned(), format!("{place}/./a.json")]].concat()).unwrap_err();

        assert_eq!(error.to_string(), format!("two outputs to one file: {place}/./a.json"));
        assert_eq!(names_in(folder.path()), Vec::<String>::new());
    }
}

#[test]
fn an_input_is_never_an_output_even_by_force() {
    let folder = tempfile::tempdir().unwrap();
    let input = folder.path().join("log.json").display().to_string();
    fs::write(&input, "{}").unwrap();

    let error = open(&[input.clone(), "--quarantine".to_owned(), input.clone(), "--force".to_owned()]).unwrap_err();

    assert_eq!(error.to_string(), format!("{input} is an input and cannot be an output as well"));
}

#[test]
fn a_closed_pipe_is_a_quiet_end() {
    struct Closed;
    impl Write for Closed {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::BrokenPipe.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Err(io::ErrorKind::BrokenPipe.into())
        }
    }
    let mut out = BufWriter::with_capacity(4, QuietPipe::new(Closed));

    out.write_all(b"more than the buffer holds").unwrap();
    out.write_all(b"and more").unwrap();
    out.flush().unwrap();
}

#[test]
fn colours_follow_the_flag_then_the_environment_then_the_terminal() {
    let terminal = Terminal { is_stdout: true, width: 80, is_colourless: false };
    let colourless = Terminal { is_colourless: true, ..terminal };
    let pipe = Terminal { is_stdout: false, ..terminal };

    assert_eq!(terminal.style(ColorChoice::Auto).colour, Colour::On);
    assert_eq!(terminal.style(ColorChoice::Never).colour, Colour::Off);
    assert_eq!(colourless.style(ColorChoice::Auto).colour, Colour::Off);
    assert_eq!(colourless.style(ColorChoice::Always).colour, Colour::On);
    assert_eq!(pipe.style(ColorChoice::Auto).colour, Colour::Off);
}
