//! A report as one HTML file that asks nobody for anything.
//!
//! The page is [`page.html`](html/page.html) with its style, its program and the data written into
//! it. Its content security policy lets only these two programs run and nothing be fetched. Data is
//! JSON in which no `<` is left, so that it cannot end its element; the program shows it as text.
//! Charts are drawn with D3, see `html/vendor`.

use std::io::Write;

use serde::Serialize;

use crate::report::activity::Activity;
use crate::report::escape::{escaped, json_safe};
use crate::report::{IdentityRow, Report, ReportError};

mod data;

const PAGE: &str = include_str!("html/page.html");
const STYLE: &str = include_str!("html/style.css");
const D3: &str = include_str!("html/vendor/d3.min.js");

/// The program, in the order in which it runs.
const PROGRAM: [&str; 6] = [
    include_str!("html/text.js"),
    include_str!("html/model.js"),
    include_str!("html/timeline.js"),
    include_str!("html/graph.js"),
    include_str!("html/sections.js"),
    include_str!("html/findings.js"),
];

/// SHA-256 of [`D3`] and of [`PROGRAM`] as the content security policy names them. A browser runs
/// neither where it is wrong, and its console then says what would be right.
const HASHES: [&str; 2] = [include_str!("html/vendor/d3.sha256"), include_str!("html/program.sha256")];

/// What a page is made of.
#[derive(Debug, Clone, Copy)]
pub struct Page<'a, M> {
    /// Its heading.
    pub title: &'a str,
    /// What was read, as it was named.
    pub inputs: &'a [String],
    /// Findings, coverage and rules.
    pub report: Report<'a>,
    /// Every principal.
    pub identities: &'a [IdentityRow],
    /// What the streams did over time.
    pub activity: &'a Activity,
    /// What the two identities should do and did, with its words.
    pub matrix: &'a M,
}

/// Writes the page.
///
/// # Errors
///
/// [`ReportError::Write`] when `out` fails; [`ReportError::Json`] is a defect of ours.
pub fn write<M: Serialize>(page: &Page<'_, M>, out: &mut dyn Write) -> Result<(), ReportError> {
    let json = serde_json::to_string(&data::of(page)).map_err(|source| ReportError::Json { source })?;
    let data = json_safe(&json).replace('<', "\\u003c");
    let program = program();
    let title = in_markup(page.title);
    let hashes = HASHES.map(|hash| format!("'sha256-{}'", hash.trim())).join(" ");
    let parts = [
        ("title", title.as_str()),
        ("hashes", &hashes),
        ("style", STYLE),
        ("data", &data),
        ("d3", D3),
        ("program", &program),
    ];
    // One pass over the page: what is put in is not looked at again.
    let mut rest = PAGE;
    while let Some((before, after)) = rest.split_once("{{") {
        let (name, after) = after.split_once("}}").unwrap_or((after, ""));
        let value = parts.iter().find(|(part, _)| *part == name).map_or("", |(_, value)| value);
        write!(out, "{before}{value}").map_err(ReportError::write)?;
        rest = after;
    }
    out.write_all(rest.as_bytes()).map_err(ReportError::write)
}

/// The program as one text: what its hash is over.
fn program() -> String {
    let parts = PROGRAM.join("\n");
    format!("(() => {{\n\"use strict\";\n{parts}\n}})();\n")
}

/// Text between tags.
fn in_markup(text: &str) -> String {
    escaped(text).replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests;
