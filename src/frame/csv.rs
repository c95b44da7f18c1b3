//! Cuts CSV into rows, each a flat object whose keys are the header's cells.

use std::ops::Range;

use memchr::{memchr, memchr2, memchr3};

use super::encoding::Window;
use super::{FrameReject, Step};
use crate::json::Tape;
use crate::limits::Limits;

/// Bytes of a name in a header, with its comma, at most on the average: the header is looked for in
/// as many as its columns may take.
const NAME_BYTES: usize = 128;

/// Bytes in which a header is looked for, however few columns it may have (256 KiB).
const LEAST_HEADER_BYTES: usize = 256 << 10;

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
    /// The first line is neither a header nor JSON, the second begins a JSON record.
    BadLineOfJson,
    /// They are a header of more columns than are accepted.
    TooWide,
    /// They are not.
    NotCsv,
}

/// One column of the header.
#[derive(Debug)]
struct Column {
    name: String,
    /// The first column of this name.
    first: usize,
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
    Row { content: usize, next: usize, cells: usize, stray: StrayQuote },
    /// The bytes end inside a cell.
    Cut(Inside),
    /// Here something follows a closing quote that cannot, or begins a quoted cell of several
    /// lines after a stray quote.
    Junk(usize),
    /// The row is over the size limit; so much of it is known to be no other row's.
    Long(Option<usize>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Inside {
    Plain,
    Quotes,
}

/// Whether a cell without quotes around it has one inside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum StrayQuote {
    Seen,
    None,
}

/// A rejected region whose end is being looked for.
#[derive(Debug)]
struct Lost {
    reason: FrameReject,
    /// How far the row reaches from the window's start on, if that is known: the region ends at
    /// the first line end from there on at the latest.
    reach: Option<usize>,
    /// Whether the window begins at a line start that may begin a good row.
    is_at_line: bool,
}

/// Cuts rows. A quoted cell may hold line ends; blank lines are skipped.
///
/// Of a row of several lines that does not fit its header, and after an unterminated quote, the
/// rejected region ends at the next line from which a row fits: a stray quote costs the rows that
/// it swallows only if none of them can be told. Such a row may not have a stray quote itself,
/// which the second line of a quoted cell would have.
///
/// A quoted cell of several lines is none after a stray quote in its row. So of two scans, one of
/// which begins in a quoted cell of the other, one ends with the line: what is inside quotes for
/// one is outside for the other. This keeps the work linear, however the quotes lie.
#[derive(Debug)]
pub(super) struct CsvFramer {
    max_record_bytes: usize,
    columns: Vec<Column>,
    cells: Vec<Cell>,
    unquoted: String,
    /// Which names have their value already, by their first columns.
    taken: Vec<bool>,
    lost: Option<Lost>,
    /// Length of the window below which looking again is pointless.
    wanted: usize,
}

/// Reads the header from an object's first bytes, which are no white space.
pub(super) fn read_header(window: Window<'_>, limits: &Limits) -> Header {
    let max_columns = limits.csv_columns;
    let max_bytes = max_columns.saturating_mul(NAME_BYTES).max(LEAST_HEADER_BYTES);
    let view = window.bytes.get(..max_bytes).unwrap_or(window.bytes);
    let is_whole = window.is_finished || window.bytes.len() > max_bytes;
    let is_finished = window.is_finished && view.len() == window.bytes.len();
    match json_follows(view) {
        Some(true) => return Header::BadLineOfJson,
        None if !is_whole => return Header::Wait,
        Some(false) | None => {}
    }
    if first_line_has_control(view) {
        return Header::NotCsv;
    }
    if view.starts_with(TYPE_LINE)
        && let Some(end) = memchr(b'\n', view)
    {
        return Header::Skip(end + 1);
    }
    let mut cells = Vec::new();
    match scan_row(Window { bytes: view, is_finished }, &mut cells, max_columns) {
        Scan::Row { content, next, cells: count @ 2.., .. } => match columns(view.get(..content), &cells) {
            Some(_) if count > max_columns => Header::TooWide,
            Some(columns) => Header::Read(next, CsvFramer::new(columns, limits.record_bytes)),
            None => Header::NotCsv,
        },
        Scan::Cut(_) if !is_whole => Header::Wait,
        Scan::Row { .. } | Scan::Cut(_) | Scan::Junk(_) | Scan::Long(_) => Header::NotCsv,
    }
}

/// Whether a byte that no text has stands before the first line end.
fn first_line_has_control(view: &[u8]) -> bool {
    let line = view.get(..memchr(b'\n', view).unwrap_or(view.len())).unwrap_or_default();
    line.iter().any(|&byte| byte < b' ' && !matches!(byte, b'\t' | b'\r'))
}

/// Whether the line after the first begins a JSON record; `None` if more bytes are needed to tell.
///
/// Readers of growing blobs resume anywhere, and programs that die or rotate leave lines of their
/// own: a bad first line must not hide the records after it. No CSV row begins with a brace and a
/// quote, for a cell with a quote in it stands in quotes.
fn json_follows(view: &[u8]) -> Option<bool> {
    let end = memchr(b'\n', view)?;
    let first = view.get(..end).unwrap_or_default().trim_ascii_end();
    let rest = view.get(end..).unwrap_or_default();
    let line_ends = rest.iter().take_while(|byte| matches!(byte, b'\n' | b'\r')).count();
    let [b'{', rest @ ..] = rest.get(line_ends..)? else {
        return if rest.len() == line_ends { None } else { Some(false) };
    };
    if first.strip_suffix(b",").unwrap_or(first).ends_with(b"}") {
        return Some(true);
    }
    let spaces = rest.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
    rest.get(spaces).map(|&byte| byte == b'"')
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
        let first = columns.iter().position(|column| column.name == name).unwrap_or(columns.len());
        columns.push(Column { name, first });
    }
    Some(columns)
}

impl CsvFramer {
    fn new(columns: Vec<Column>, max_record_bytes: usize) -> Self {
        let (cells, taken) = (Vec::with_capacity(columns.len()), Vec::with_capacity(columns.len()));
        Self { max_record_bytes, columns, cells, unquoted: String::new(), taken, lost: None, wanted: 0 }
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
            Some(Scan::Junk(at)) => self.lose(window, FrameReject::CsvShape, Some(at)),
            Some(Scan::Cut(_)) => self.lose(window, FrameReject::Truncated, None),
            Some(Scan::Long(reach)) => self.lose(window, FrameReject::Oversized, reach),
            None => Step::Wait,
        }
    }

    /// Scans one row, up to the size limit. `None` when more bytes may change what is found.
    fn scan(&mut self, window: Window<'_>) -> Option<Scan> {
        let view = window.bytes.get(..self.longest_line()).unwrap_or(window.bytes);
        let is_cut_short = view.len() < window.bytes.len();
        let is_finished = window.is_finished && !is_cut_short;
        match scan_row(Window { bytes: view, is_finished }, &mut self.cells, self.columns.len()) {
            Scan::Row { content, .. } if content > self.max_record_bytes => Some(Scan::Long(Some(content))),
            Scan::Cut(Inside::Plain) if is_cut_short => Some(Scan::Long(Some(view.len()))),
            Scan::Cut(Inside::Quotes) if is_cut_short => Some(Scan::Long(None)),
            Scan::Cut(_) if !is_finished => None,
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
        let (cells, unquoted, taken) = (&self.cells, &self.unquoted, &mut self.taken);
        taken.clear();
        taken.resize(self.columns.len(), false);
        let value = |at: usize| {
            let cell = cells.get(at)?;
            let text = if cell.quotes == Quotes::Doubled { unquoted } else { text };
            text.get(cell.range.clone()).filter(|value| !value.is_empty())
        };
        tape.set_flat_object(self.columns.iter().enumerate().map(|(at, column)| {
            let value = value(at).filter(|_| !column.name.is_empty());
            let value = match taken.get_mut(column.first) {
                Some(taken) if value.is_some() && !*taken => {
                    *taken = true;
                    value
                }
                _ => None,
            };
            (column.name.as_str(), value)
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

    fn lose(&mut self, window: Window<'_>, reason: FrameReject, reach: Option<usize>) -> Step {
        self.recover(window, Lost { reason, reach, is_at_line: false })
    }

    /// Looks for the end of a rejected region: where the row ends, or the next line from which a
    /// row fits.
    fn recover(&mut self, window: Window<'_>, mut lost: Lost) -> Step {
        if lost.is_at_line {
            let scan = if window.bytes.is_empty() && !window.is_finished { None } else { self.scan(window) };
            match scan {
                Some(Scan::Row { cells, stray: StrayQuote::None, .. }) if cells == self.columns.len() => {
                    return Step::Reject(0, lost.reason);
                }
                Some(_) => lost.is_at_line = false,
                None => {
                    self.lost = Some(lost);
                    return Step::Wait;
                }
            }
        }
        let line_end = memchr(b'\n', window.bytes);
        let count = match line_end {
            Some(end) if lost.reach.is_some_and(|reach| reach <= end) => return Step::Reject(end, lost.reason),
            Some(end) => end + 1,
            None if window.is_finished => return Step::Reject(window.bytes.len(), lost.reason),
            None => window.bytes.len(),
        };
        lost.is_at_line = line_end.is_some();
        lost.reach = lost.reach.map(|reach| reach.saturating_sub(count));
        self.lost = Some(lost);
        if count > 0 { Step::Lose(count) } else { Step::Wait }
    }
}

/// Scans the row at the start of the window. At most `keep` cells are kept in `cells`; all are
/// counted. White space is part of a cell; a quote inside an unquoted cell is a character.
fn scan_row(window: Window<'_>, cells: &mut Vec<Cell>, keep: usize) -> Scan {
    cells.clear();
    let mut count = 0;
    let mut at = 0;
    let mut stray = StrayQuote::None;
    loop {
        let scanned = match window.bytes.get(at) {
            Some(b'"') => scan_quoted(window, at + 1, stray),
            _ => scan_plain(window, at, &mut stray),
        };
        let (cell, end) = match scanned {
            Ok(found) => found,
            Err(scan) => return scan,
        };
        count += 1;
        if cells.len() < keep {
            cells.push(cell);
        }
        match end {
            CellEnd::Comma(next) => at = next,
            CellEnd::Row { content, next } => return Scan::Row { content, next, cells: count, stray },
        }
    }
}

/// What follows a cell.
#[derive(Debug, Clone, Copy)]
enum CellEnd {
    Comma(usize),
    Row { content: usize, next: usize },
}

/// Scans a cell without quotes around it, which begins at `start`.
fn scan_plain(window: Window<'_>, start: usize, stray: &mut StrayQuote) -> Result<(Cell, CellEnd), Scan> {
    let bytes = window.bytes;
    let rest = bytes.get(start..).unwrap_or_default();
    let mut end = memchr3(b',', b'\n', b'"', rest);
    if let Some(quote) = end.filter(|&at| rest.get(at) == Some(&b'"')) {
        *stray = StrayQuote::Seen;
        let after = rest.get(quote..).unwrap_or_default();
        end = memchr2(b',', b'\n', after).map(|length| quote + length);
    }
    let plain = |end: usize| Cell { range: start..end, quotes: Quotes::Plain };
    let row = |end: usize, next: usize| {
        let content = without_return(bytes, start, end);
        (plain(content), CellEnd::Row { content, next })
    };
    match end.map(|length| start + length) {
        Some(end) if bytes.get(end) == Some(&b',') => Ok((plain(end), CellEnd::Comma(end + 1))),
        Some(end) => Ok(row(end, end + 1)),
        None if window.is_finished => Ok(row(bytes.len(), bytes.len())),
        None => Err(Scan::Cut(Inside::Plain)),
    }
}

/// `end`, or one less where a carriage return stands before it.
fn without_return(bytes: &[u8], start: usize, end: usize) -> usize {
    if end > start && bytes.get(end - 1) == Some(&b'\r') { end - 1 } else { end }
}

/// Scans a quoted cell whose content begins at `start`.
fn scan_quoted(window: Window<'_>, start: usize, stray: StrayQuote) -> Result<(Cell, CellEnd), Scan> {
    let bytes = window.bytes;
    let mut quotes = Quotes::Plain;
    let mut at = start;
    let close = loop {
        let rest = bytes.get(at..).unwrap_or_default();
        let found = match stray {
            StrayQuote::None => memchr(b'"', rest),
            StrayQuote::Seen => memchr2(b'"', b'\n', rest),
        };
        let Some(length) = found else { return Err(Scan::Cut(Inside::Quotes)) };
        let quote = at + length;
        if bytes.get(quote) == Some(&b'\n') {
            return Err(Scan::Junk(start));
        }
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
        (None, _) | (Some(b'\r'), None) => Err(Scan::Cut(Inside::Quotes)),
        _ => Err(Scan::Junk(end)),
    }
}

#[cfg(test)]
mod tests;
