//! Cuts CSV into rows, each a flat object whose keys are the header's cells.

use std::ops::Range;

use memchr::{memchr, memchr2};

use super::encoding::Window;
use super::{FrameReject, Step};
use crate::json::Tape;

/// Most columns that are accepted.
///
/// The widest export known (a union of Log Analytics tables) stays below 300.
const MAX_COLUMNS: usize = 2_000;

/// Longest header that is looked for, in bytes: [`MAX_COLUMNS`] names of usual length fit.
const MAX_HEADER_BYTES: usize = 256 << 10;

/// What Windows PowerShell's `Export-Csv` writes above the header.
const TYPE_LINE: &[u8] = b"#TYPE ";

/// Whether an object's first bytes are the header of a CSV file.
#[derive(Debug)]
pub(super) enum Header {
    /// More bytes are needed to tell.
    Wait,
    /// So many bytes stand before the header.
    Skip(usize),
    /// They are, and the header is so many bytes long, its line end included.
    Read(usize, CsvFramer),
    /// The object begins inside a JSON record: its first line ends one, the second begins one.
    TornJson,
    /// They are not.
    NotCsv,
}

/// One column of the header.
#[derive(Debug)]
struct Column {
    name: String,
    /// The nearest column before this one that has the same name.
    twin: Option<usize>,
}

/// One cell of a row: where its content lies, quotes not included.
#[derive(Debug, Clone)]
struct Cell {
    range: Range<usize>,
    quotes: Quotes,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Quotes {
    /// What lies there is the cell.
    Plain,
    /// Quotes in the cell are doubled.
    Doubled,
}

/// What a scan over a row finds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scan {
    /// A row whose content ends at `content`; the next begins at `next`.
    Row { content: usize, next: usize, cells: usize },
    /// The bytes end inside the row.
    Cut,
    /// Something follows a closing quote that cannot.
    Junk,
    /// The row is over the size limit.
    Long,
}

/// A rejected region whose end is being looked for.
#[derive(Debug)]
struct Lost {
    reason: FrameReject,
    /// How far the row reaches, if that is known: the region ends there at the latest.
    remaining: Option<usize>,
    /// Whether the window begins at a line start that may begin a good row.
    is_at_line: bool,
}

/// Cuts rows. A quoted cell may hold line ends; blank lines are skipped.
///
/// After a row that does not fit its header, and after an unterminated quote, the rejected region
/// ends at the next line from which a row fits: a stray quote costs the rows that it swallows only
/// if none of them can be told.
#[derive(Debug)]
pub(super) struct CsvFramer {
    max_record_bytes: usize,
    columns: Vec<Column>,
    cells: Vec<Cell>,
    unquoted: String,
    lost: Option<Lost>,
    /// Length of the window below which looking again is pointless.
    wanted: usize,
}

/// Reads the header from an object's first bytes, which are no white space.
pub(super) fn read_header(window: Window<'_>, max_record_bytes: usize) -> Header {
    let view = window.bytes.get(..MAX_HEADER_BYTES).unwrap_or(window.bytes);
    let is_whole = window.is_finished || window.bytes.len() > MAX_HEADER_BYTES;
    let is_finished = window.is_finished && view.len() == window.bytes.len();
    if first_line_has_control(view) {
        return Header::NotCsv;
    }
    if !is_whole && memchr(b'\n', view).is_none_or(|end| end + 1 == view.len()) {
        return Header::Wait;
    }
    if ends_inside_json(view) {
        return Header::TornJson;
    }
    if view.starts_with(TYPE_LINE)
        && let Some(end) = memchr(b'\n', view)
    {
        return Header::Skip(end + 1);
    }
    let mut cells = Vec::new();
    match scan_row(Window { bytes: view, is_finished }, &mut cells, MAX_COLUMNS) {
        Scan::Row { content, next, cells: 2..=MAX_COLUMNS } => match columns(view.get(..content), &cells) {
            Some(columns) => Header::Read(next, CsvFramer::new(columns, max_record_bytes)),
            None => Header::NotCsv,
        },
        Scan::Cut if !is_whole => Header::Wait,
        Scan::Row { .. } | Scan::Cut | Scan::Junk | Scan::Long => Header::NotCsv,
    }
}

/// Whether a byte that no text has stands before the first line end.
fn first_line_has_control(view: &[u8]) -> bool {
    let line = view.get(..memchr(b'\n', view).unwrap_or(view.len())).unwrap_or_default();
    line.iter().any(|&byte| byte < b' ' && !matches!(byte, b'\t' | b'\r'))
}

/// Readers of growing blobs resume anywhere: a torn first line must not hide the records after it.
fn ends_inside_json(view: &[u8]) -> bool {
    let Some(end) = memchr(b'\n', view) else { return false };
    let line = view.get(..end).unwrap_or_default().trim_ascii_end();
    let line = line.strip_suffix(b",").unwrap_or(line);
    line.ends_with(b"}") && view.get(end + 1) == Some(&b'{')
}

/// The columns that a header names: its cells trimmed, inner runs of spaces collapsed.
///
/// `None` where the header is no text, or has tabs: then the commas in it separate no cells.
fn columns(header: Option<&[u8]>, cells: &[Cell]) -> Option<Vec<Column>> {
    let header = std::str::from_utf8(header?).ok().filter(|header| !header.contains('\t'))?;
    let mut columns: Vec<Column> = Vec::with_capacity(cells.len());
    for cell in cells {
        let text = header.get(cell.range.clone())?;
        let text = if cell.quotes == Quotes::Doubled { text.replace("\"\"", "\"") } else { text.to_owned() };
        let name = text.split_whitespace().collect::<Vec<_>>().join(" ");
        let twin = columns.iter().rposition(|column| column.name == name);
        columns.push(Column { name, twin });
    }
    Some(columns)
}

impl CsvFramer {
    fn new(columns: Vec<Column>, max_record_bytes: usize) -> Self {
        let cells = Vec::with_capacity(columns.len());
        Self { max_record_bytes, columns, cells, unquoted: String::new(), lost: None, wanted: 0 }
    }

    /// Looks at the start of the window; a record's values are then on `tape`.
    pub(super) fn step(&mut self, window: Window<'_>, tape: &mut Tape) -> Step {
        if !window.is_finished && window.bytes.len() < self.wanted {
            return Step::Wait;
        }
        let step = match self.lost.take() {
            Some(lost) => self.recover(window, lost),
            None => self.row(window, tape),
        };
        self.wanted = match step {
            Step::Wait => window.bytes.len().saturating_mul(2).clamp(1, self.longest_line().saturating_add(1)),
            _ => 0,
        };
        step
    }

    fn row(&mut self, window: Window<'_>, tape: &mut Tape) -> Step {
        let line_end = window.bytes.iter().take_while(|byte| matches!(byte, b'\n' | b'\r')).count();
        if line_end > 0 {
            return Step::Skip(line_end);
        }
        if window.bytes.is_empty() {
            return Step::Wait;
        }
        let columns = self.columns.len();
        match self.scan(window) {
            Some(Scan::Row { content, cells, .. }) if cells == columns => self.fill(window, content, tape),
            Some(Scan::Row { content, .. }) => self.misfit(window, content),
            Some(Scan::Junk) => self.lose(window, FrameReject::CsvShape, None),
            Some(Scan::Cut) => self.lose(window, FrameReject::Truncated, None),
            Some(Scan::Long) => self.lose(window, FrameReject::Oversized, None),
            None => Step::Wait,
        }
    }

    /// Scans one row, up to the size limit. `None` when more bytes may change what is found.
    fn scan(&mut self, window: Window<'_>) -> Option<Scan> {
        let view = window.bytes.get(..self.longest_line()).unwrap_or(window.bytes);
        let is_cut_short = view.len() < window.bytes.len();
        let is_finished = window.is_finished && !is_cut_short;
        match scan_row(Window { bytes: view, is_finished }, &mut self.cells, self.columns.len()) {
            Scan::Row { content, .. } if content > self.max_record_bytes => Some(Scan::Long),
            Scan::Cut if is_cut_short => Some(Scan::Long),
            Scan::Cut if !is_finished => None,
            scan => Some(scan),
        }
    }

    /// The longest row with its line end.
    fn longest_line(&self) -> usize {
        self.max_record_bytes.saturating_add(2)
    }

    /// Puts a row's cells on the tape.
    fn fill(&mut self, window: Window<'_>, content: usize, tape: &mut Tape) -> Step {
        let Some(text) = window.bytes.get(..content).and_then(|row| std::str::from_utf8(row).ok()) else {
            return Step::Reject(content, FrameReject::NotUtf8);
        };
        self.unquoted.clear();
        for cell in &mut self.cells {
            if cell.quotes == Quotes::Doubled {
                let start = self.unquoted.len();
                let mut pieces = text.get(cell.range.clone()).unwrap_or_default().split("\"\"");
                self.unquoted.push_str(pieces.next().unwrap_or_default());
                for piece in pieces {
                    self.unquoted.push('"');
                    self.unquoted.push_str(piece);
                }
                cell.range = start..self.unquoted.len();
            }
        }
        let (columns, cells, unquoted) = (&self.columns, &self.cells, &self.unquoted);
        let value = |at: usize| {
            let cell = cells.get(at)?;
            let text = if cell.quotes == Quotes::Doubled { unquoted } else { text };
            text.get(cell.range.clone()).filter(|value| !value.is_empty())
        };
        tape.set_flat_object(columns.iter().enumerate().map(|(at, column)| {
            let mut twin = column.twin;
            while let Some(before) = twin {
                if value(before).is_some() {
                    return ("", None);
                }
                twin = columns.get(before).and_then(|column| column.twin);
            }
            (column.name.as_str(), if column.name.is_empty() { None } else { value(at) })
        }));
        Step::Record(content)
    }

    /// A row with another number of cells than the header.
    fn misfit(&mut self, window: Window<'_>, content: usize) -> Step {
        let row = window.bytes.get(..content).unwrap_or_default();
        if row.trim_ascii().is_empty() {
            Step::Skip(content)
        } else if memchr(b'\n', row).is_none() {
            Step::Reject(content, FrameReject::CsvShape)
        } else {
            self.lose(window, FrameReject::CsvShape, Some(content))
        }
    }

    fn lose(&mut self, window: Window<'_>, reason: FrameReject, remaining: Option<usize>) -> Step {
        self.recover(window, Lost { reason, remaining, is_at_line: false })
    }

    /// Looks for the end of a rejected region: the next line from which a row fits.
    fn recover(&mut self, window: Window<'_>, mut lost: Lost) -> Step {
        let limit = lost.remaining.unwrap_or(usize::MAX);
        if lost.is_at_line {
            if window.bytes.is_empty() && !window.is_finished {
                self.lost = Some(lost);
                return Step::Wait;
            }
            match self.scan(window) {
                Some(Scan::Row { cells, .. }) if cells == self.columns.len() => return Step::Reject(0, lost.reason),
                Some(_) => lost.is_at_line = false,
                None => {
                    self.lost = Some(lost);
                    return Step::Wait;
                }
            }
        }
        let view = window.bytes.get(..limit).unwrap_or(window.bytes);
        if let Some(end) = memchr(b'\n', view) {
            lost.remaining = lost.remaining.map(|remaining| remaining.saturating_sub(end + 1));
            lost.is_at_line = true;
            self.lost = Some(lost);
            return Step::Lose(end + 1);
        }
        if view.len() == limit || window.is_finished {
            return Step::Reject(view.len(), lost.reason);
        }
        lost.remaining = lost.remaining.map(|remaining| remaining.saturating_sub(view.len()));
        self.lost = Some(lost);
        if view.is_empty() { Step::Wait } else { Step::Lose(view.len()) }
    }
}

/// Scans the row at the start of the window. At most `keep` cells are kept in `cells`; all are
/// counted. White space is part of a cell; a quote inside an unquoted cell is a character.
fn scan_row(window: Window<'_>, cells: &mut Vec<Cell>, keep: usize) -> Scan {
    cells.clear();
    let mut count = 0;
    let mut at = 0;
    loop {
        let (cell, end) = match scan_cell(window, at) {
            Ok(found) => found,
            Err(scan) => return scan,
        };
        count += 1;
        if cells.len() < keep {
            cells.push(cell);
        }
        match end {
            CellEnd::Comma(next) => at = next,
            CellEnd::Row { content, next } => return Scan::Row { content, next, cells: count },
        }
    }
}

/// What follows a cell.
#[derive(Debug, Clone, Copy)]
enum CellEnd {
    Comma(usize),
    Row { content: usize, next: usize },
}

fn scan_cell(window: Window<'_>, start: usize) -> Result<(Cell, CellEnd), Scan> {
    let bytes = window.bytes;
    let rest = bytes.get(start..).unwrap_or_default();
    if rest.first() == Some(&b'"') {
        return scan_quoted(window, start + 1);
    }
    let plain = |end: usize| Cell { range: start..end, quotes: Quotes::Plain };
    match memchr2(b',', b'\n', rest).map(|length| start + length) {
        Some(end) if bytes.get(end) == Some(&b',') => Ok((plain(end), CellEnd::Comma(end + 1))),
        Some(end) => {
            let content = without_return(bytes, start, end);
            Ok((plain(content), CellEnd::Row { content, next: end + 1 }))
        }
        None if window.is_finished => {
            let content = without_return(bytes, start, bytes.len());
            Ok((plain(content), CellEnd::Row { content, next: bytes.len() }))
        }
        None => Err(Scan::Cut),
    }
}

/// `end`, or one less where a carriage return stands before it.
fn without_return(bytes: &[u8], start: usize, end: usize) -> usize {
    if end > start && bytes.get(end - 1) == Some(&b'\r') { end - 1 } else { end }
}

/// Scans a quoted cell whose content begins at `start`.
fn scan_quoted(window: Window<'_>, start: usize) -> Result<(Cell, CellEnd), Scan> {
    let bytes = window.bytes;
    let mut quotes = Quotes::Plain;
    let mut at = start;
    let close = loop {
        let Some(length) = memchr(b'"', bytes.get(at..).unwrap_or_default()) else { return Err(Scan::Cut) };
        let quote = at + length;
        if bytes.get(quote + 1) != Some(&b'"') {
            break quote;
        }
        quotes = Quotes::Doubled;
        at = quote + 2;
    };
    let cell = Cell { range: start..close, quotes };
    let end = close + 1;
    let row = |next| CellEnd::Row { content: end, next };
    match (bytes.get(end), bytes.get(end + 1)) {
        (Some(b','), _) => Ok((cell, CellEnd::Comma(end + 1))),
        (Some(b'\n'), _) => Ok((cell, row(end + 1))),
        (Some(b'\r'), Some(b'\n')) => Ok((cell, row(end + 2))),
        (None, _) | (Some(b'\r'), None) if window.is_finished => Ok((cell, row(bytes.len()))),
        (None, _) | (Some(b'\r'), None) => Err(Scan::Cut),
        _ => Err(Scan::Junk),
    }
}

#[cfg(test)]
mod tests;
