//! Shows short answers at once and long ones in the user's pager.

use std::ffi::OsString;
use std::io::{self, Write};
use std::process::{Child, ChildStdin, Command, Stdio};

use terminal_size::{Height, Width, terminal_size_of};

use crate::report::layout::width_of;

/// Lines of the screen that are not the answer's: the prompt, and the time it took.
const OTHER_LINES: usize = 2;

/// What is shown at most before the pager must start, where lines have no end (64 KiB).
const MAX_HELD: usize = 64 << 10;

/// How `less` is told to cut lines and to show colours, unless the user told it something.
const LESS: (&str, &str) = ("LESS", "SR");

/// The pager that the user wants: what `$PAGER` says, else `less`; none where it is empty or `cat`,
/// where there is no such program, and where the answer goes to no terminal.
#[derive(Debug, Clone)]
pub(super) struct Pager {
    command: OsString,
    width: usize,
    height: usize,
}

impl Pager {
    pub(super) fn find() -> Option<Self> {
        let (Width(width), Height(height)) = terminal_size_of(io::stdout())?;
        let command = match std::env::var_os("PAGER") {
            Some(command) if command.is_empty() || command == "cat" => return None,
            Some(command) => command,
            None if is_program("less") => OsString::from("less"),
            None => return None,
        };
        Some(Self { command, width: usize::from(width), height: usize::from(height) })
    }

    fn start(&self) -> io::Result<(Child, ChildStdin)> {
        let mut command = Command::new("sh");
        command.arg("-c").arg(&self.command).stdin(Stdio::piped());
        if std::env::var_os(LESS.0).is_none() {
            command.env(LESS.0, LESS.1);
        }
        let mut child = command.spawn()?;
        let input = child.stdin.take().ok_or_else(|| io::Error::other("the pager takes no input"))?;
        Ok((child, input))
    }
}

fn is_program(name: &str) -> bool {
    let folders = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&folders).any(|folder| folder.join(name).is_file())
}

/// An output that goes to the terminal as long as it fits there, and to the pager where it does not.
#[derive(Debug)]
pub(super) struct Paged {
    pager: Pager,
    held: Vec<u8>,
    lines: usize,
    running: Option<(Child, ChildStdin)>,
}

impl Paged {
    pub(super) fn new(pager: Pager) -> Self {
        Self { pager, held: Vec::new(), lines: 0, running: None }
    }

    /// Shows what is held, or waits until the user has closed the pager.
    pub(super) fn finish(mut self) -> io::Result<()> {
        if self.running.is_none() {
            return io::stdout().write_all(&self.held);
        }
        self.close()
    }

    fn close(&mut self) -> io::Result<()> {
        let Some((mut child, input)) = self.running.take() else { return Ok(()) };
        drop(input);
        child.wait().map(|_status| ())
    }

    fn fits(&self, bytes: &[u8]) -> bool {
        let is_wide = |line: &[u8]| width_of(&without_colours(&String::from_utf8_lossy(line))) > self.pager.width;
        self.lines + OTHER_LINES <= self.pager.height
            && self.held.len() <= MAX_HELD
            && !bytes.split(|byte| *byte == b'\n').any(is_wide)
    }
}

impl Drop for Paged {
    /// Also after a query that was given up, the terminal is the pager's until the user closes it.
    fn drop(&mut self) {
        self.close().unwrap_or_default();
    }
}

/// Text without what switches colours.
fn without_colours(text: &str) -> String {
    let mut pieces = text.split('\u{1b}');
    let mut plain = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        plain.push_str(piece.split_once('m').map_or("", |(_, after)| after));
    }
    plain
}

impl Write for Paged {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if let Some((_, input)) = &mut self.running {
            return input.write(bytes);
        }
        self.held.extend_from_slice(bytes);
        self.lines += memchr::memchr_iter(b'\n', bytes).count();
        if !self.fits(bytes) {
            let (child, mut input) = self.pager.start()?;
            let written = input.write_all(&self.held);
            self.held.clear();
            self.running = Some((child, input));
            written?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.running.as_mut().map_or(Ok(()), |(_, input)| input.flush())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paged() -> Paged {
        Paged::new(Pager { command: OsString::from("cat >/dev/null"), width: 10, height: 5 })
    }

    #[test]
    fn what_fits_the_screen_needs_no_pager() {
        let mut short = paged();
        short.write_all(b"one\ntwo\n\x1b[1mthree five\x1b[0m\n").unwrap();

        assert!(short.running.is_none());
    }

    #[test]
    fn too_many_lines_or_too_long_ones_start_the_pager_and_its_end_is_waited_for() {
        for text in ["1\n2\n3\n4\n", "eleven chars\n"] {
            let mut long = paged();
            long.write_all(text.as_bytes()).unwrap();

            assert!(long.running.is_some(), "{text:?}");
            long.finish().unwrap();
        }
    }
}
