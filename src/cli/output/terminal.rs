//! What standard output is, if it is a terminal.

use std::io::{self, IsTerminal};

use crate::cli::args::ColorChoice;
use crate::error::RunError;
use crate::report::{Colour, DEFAULT_WIDTH, Style};

/// Fewest columns that a table is laid out for.
const MIN_WIDTH: usize = 40;

/// What is known about the terminal, once, at the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terminal {
    /// Whether standard output is one.
    pub is_stdout: bool,
    /// Columns of it.
    pub width: usize,
    /// Whether the environment asks for no colours: `NO_COLOR` set, or `TERM=dumb`.
    pub is_colourless: bool,
}

impl Terminal {
    /// Holds that standard output can take a format.
    ///
    /// # Errors
    ///
    /// [`RunError::Usage`] for a binary format on a terminal.
    pub fn takes(self, format: &str, is_binary: bool) -> Result<(), RunError> {
        if is_binary && self.is_stdout {
            return Err(RunError::Usage {
                message: format!("{format} is binary and standard output is a terminal"),
                hint: Some(format!("--output {format}=FILE writes it to a file")),
            });
        }
        Ok(())
    }

    /// Looks at standard output and the environment.
    pub fn detect() -> Self {
        let is_stdout = io::stdout().is_terminal();
        let size = if is_stdout { terminal_size::terminal_size_of(io::stdout()) } else { None };
        let width = size.map_or(DEFAULT_WIDTH, |(terminal_size::Width(columns), _)| usize::from(columns));
        let no_color = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let is_dumb = std::env::var_os("TERM").is_some_and(|value| value == "dumb");
        Self { is_stdout, width: width.max(MIN_WIDTH), is_colourless: no_color || is_dumb }
    }

    /// How a table on standard output is laid out.
    pub fn style(self, choice: ColorChoice) -> Style {
        let is_coloured = match choice {
            ColorChoice::Always => true,
            ColorChoice::Never => false,
            ColorChoice::Auto => self.is_stdout && !self.is_colourless,
        };
        Style { width: self.width, colour: if is_coloured { Colour::On } else { Colour::Off } }
    }
}
