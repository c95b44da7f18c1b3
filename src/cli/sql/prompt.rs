//! The prompt of `airside sql`: asks for queries and commands until there are no more.

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use reedline::{
    Color, ColumnarMenu, DefaultHinter, Emacs, KeyCode, KeyModifiers, MenuBuilder as _, Prompt, PromptEditMode,
    PromptHistorySearch, PromptHistorySearchStatus, Reedline, ReedlineEvent, ReedlineMenu, Signal, ValidationResult,
    Validator, default_emacs_keybindings,
};
use tokio::signal::unix::{SignalKind, signal};

use self::complete::Words;
use self::highlight::Highlight;
use self::session::{Next, Session};
use crate::cli::args::SqlArgs;
use crate::cli::bench::{Bench, Desk};
use crate::cli::engine::list;
use crate::cli::output::{Outputs, Terminal};
use crate::error::{ExitCode, RunError};
use crate::event::schema::ReadColumns;
use crate::report::{Colour, Style};
use crate::time::UtcMicros;

mod commands;
mod complete;
mod highlight;
mod history;
mod lex;
mod pager;
mod session;

/// Name of the menu that Tab opens.
const MENU: &str = "completion";

/// Reads what is named, then answers until the user leaves.
///
/// # Errors
///
/// Whatever ended the run; what goes wrong with one query is told and ends nothing.
pub(super) fn run(args: &SqlArgs, terminal: Terminal, style: Style, now: UtcMicros) -> Result<ExitCode, RunError> {
    if !args.output.is_empty() {
        return Err(RunError::Usage {
            message: "--output needs one query to write the rows of".to_owned(),
            hint: Some("-c SQL or -f FILE says which".to_owned()),
        });
    }
    if args.read.custody.is_some() {
        return Err(RunError::Usage {
            message: "--custody needs one query, whose answer it records".to_owned(),
            hint: Some("-c SQL or -f FILE says which".to_owned()),
        });
    }
    let read = args.read.options(now)?;
    let format = super::format(args.format, terminal)?;
    let desk = Desk::new(&read)?;
    let listing = list(&read)?;
    let outputs = Outputs::open(&args.read)?;
    let mut bench = desk.open((&read, ReadColumns::ALL), listing, args.read.progress, outputs)?;
    bench.timeout = args.timeout;
    let ended = Arc::new(AtomicBool::new(false));
    listen(&mut bench, &ended)?;
    let words = Words::of(&bench);
    let mut editor = editor(words, style, &ended);
    let mut session = Session::new(bench, (terminal, style), format, args.max_rows);
    session.greet();
    loop {
        let line =
            editor.read_line(&Arrow).map_err(|error| RunError::internal("cannot read from the terminal", error))?;
        let next = match line {
            Signal::Success(text) => {
                editor
                    .sync_history()
                    .unwrap_or_else(|error| session.complain(&format!("cannot keep the history: {error}")));
                session.take(&text)
            }
            Signal::CtrlD => Next::Leave,
            Signal::ExternalBreak(_) => return Err(RunError::Interrupted { code: ExitCode::Terminated }),
            _ => Next::Stay,
        };
        if next == Next::Leave {
            return Ok(session.exit_code());
        }
    }
}

/// From here on Ctrl-C gives up the query under way and nothing else; SIGTERM still ends the run.
fn listen(bench: &mut Bench, ended: &Arc<AtomicBool>) -> Result<(), RunError> {
    bench.desk.ignore_signals();
    let _context = bench.desk.runtime().enter();
    for (kind, code) in
        [(SignalKind::interrupt(), ExitCode::Interrupted), (SignalKind::terminate(), ExitCode::Terminated)]
    {
        let mut signals = signal(kind).map_err(|error| RunError::internal("cannot listen for signals", error))?;
        let (cancel, ended) = (Arc::clone(&bench.desk.cancel), Arc::clone(ended));
        bench.desk.runtime().spawn(async move {
            while signals.recv().await.is_some() {
                cancel.cancel(code);
                if code == ExitCode::Terminated {
                    ended.store(true, Ordering::Relaxed);
                }
            }
        });
    }
    Ok(())
}

fn editor(words: Words, style: Style, ended: &Arc<AtomicBool>) -> Reedline {
    let mut keys = default_emacs_keybindings();
    let tab = vec![ReedlineEvent::Menu(MENU.to_owned()), ReedlineEvent::MenuNext];
    keys.add_binding(KeyModifiers::NONE, KeyCode::Tab, ReedlineEvent::UntilFound(tab));
    keys.add_binding(KeyModifiers::SHIFT, KeyCode::BackTab, ReedlineEvent::MenuPrevious);
    let menu = ReedlineMenu::EngineCompleter(Box::new(ColumnarMenu::default().with_name(MENU)));
    let is_coloured = style.colour == Colour::On;
    let editor = Reedline::create()
        .with_ansi_colors(is_coloured)
        .with_edit_mode(Box::new(Emacs::new(keys)))
        .with_completer(Box::new(words.clone()))
        .with_quick_completions(true)
        .with_partial_completions(true)
        .with_menu(menu)
        .with_highlighter(Box::new(Highlight::new(words, style.colour)))
        .with_validator(Box::new(Semicolon))
        .with_break_signal(Arc::clone(ended))
        .use_bracketed_paste(true);
    let editor = if is_coloured {
        editor.with_hinter(Box::new(DefaultHinter::default().with_style(Color::DarkGray.normal())))
    } else {
        editor.disable_hints()
    };
    match history::open() {
        Some(history) => editor.with_history(history),
        None => editor,
    }
}

/// A query goes on until its semicolon; a command is one line.
struct Semicolon;

impl Validator for Semicolon {
    fn validate(&self, line: &str) -> ValidationResult {
        if lex::is_complete(line) { ValidationResult::Complete } else { ValidationResult::Incomplete }
    }
}

/// What stands before the cursor.
struct Arrow;

impl Prompt for Arrow {
    fn render_prompt_left(&self) -> Cow<'_, str> {
        "airside".into()
    }

    fn render_prompt_right(&self) -> Cow<'_, str> {
        "".into()
    }

    fn render_prompt_indicator(&self, _: PromptEditMode) -> Cow<'_, str> {
        "> ".into()
    }

    fn render_prompt_multiline_indicator(&self) -> Cow<'_, str> {
        "     -> ".into()
    }

    fn render_prompt_history_search_indicator(&self, search: PromptHistorySearch) -> Cow<'_, str> {
        let status = match search.status {
            PromptHistorySearchStatus::Passing => "history",
            PromptHistorySearchStatus::Failing => "not in the history",
        };
        format!("({status}: {}) ", search.term).into()
    }
}
