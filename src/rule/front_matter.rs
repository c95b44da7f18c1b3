//! Reads a rule file: the `--!` head, the prose sections, the query.

use std::path::Path;

use toml::value::Datetime;

use crate::event::vocabulary::{LogSource, Word as _};
use crate::rule::{Head, Problem, Rule, Settings, did_you_mean, params, technique};
use crate::sql::tables;

/// What a line of the head begins with.
const HEAD: &str = "--!";

/// The prose sections, all required, in this order.
pub const SECTIONS: [&str; 5] =
    ["What it finds", "Why it matters", "What it cannot see", "False positives", "What to do"];

/// Reads a rule file. `file` names it in messages; its stem must be the rule's id.
///
/// # Errors
///
/// Everything that is wrong in the file and can be seen without planning the query. When the head
/// itself cannot be read, only that.
pub fn parse(file: &str, text: &str, cases: Option<String>) -> Result<Rule, Vec<Problem>> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let head_lines: Vec<&str> = text.lines().map_while(|line| line.strip_prefix(HEAD)).collect();
    let mut problems = Problems { file, rule: None, head: &head_lines, found: Vec::new() };
    if head_lines.is_empty() {
        problems.at(1, "a rule file begins with its head, lines that begin with '--!'");
        return Err(problems.found);
    }
    let head = match toml::from_str::<Head>(&head_lines.join("\n")) {
        Ok(head) => head,
        Err(error) => {
            problems.toml(&error);
            return Err(problems.found);
        }
    };
    problems.rule = Some(head.id.clone());
    check_names(&head, &mut problems);
    check_lists(&head, &mut problems);
    check_dates(&head, &mut problems);
    check_params(&head, &mut problems);
    let prose = read_prose(text, head_lines.len(), &mut problems);
    if problems.found.is_empty() {
        Ok(Rule { head, prose, sql: text.to_owned(), file: file.to_owned(), cases, settings: Settings::default() })
    } else {
        problems.found.sort();
        Err(problems.found)
    }
}

/// What was found wrong in one file.
struct Problems<'f> {
    file: &'f str,
    rule: Option<String>,
    /// The head's lines without their mark.
    head: &'f [&'f str],
    found: Vec<Problem>,
}

impl Problems<'_> {
    fn push(&mut self, line: Option<usize>, column: Option<usize>, message: String) {
        let (file, rule) = (self.file.to_owned(), self.rule.clone());
        self.found.push(Problem { file, line, column, rule, message });
    }

    fn at(&mut self, line: usize, message: impl Into<String>) {
        self.push(Some(line), None, message.into());
    }

    /// A problem with a key of the head.
    fn key(&mut self, key: &str, message: impl Into<String>) {
        let line = self.head.iter().position(|line| {
            let line = line.trim_start().trim_start_matches('[');
            line.strip_prefix(key).is_some_and(|rest| rest.starts_with([' ', '=', '.', ']', '\t']))
        });
        self.push(line.map(|line| line + 1), None, message.into());
    }

    /// A problem that the TOML reader found in the head.
    fn toml(&mut self, error: &toml::de::Error) {
        let mut message = error.message().replace('\n', "; ");
        // The names in its messages stand between backticks, the wrong one first.
        let mut names = error.message().split('`').skip(1).step_by(2);
        if let Some(wrong) = names.next().filter(|_| message.starts_with("unknown")) {
            message.push_str(&did_you_mean(wrong, names));
        }
        let head = self.head.join("\n");
        // A missing key is missing from the whole head: no place says more than another.
        let span = error.span().filter(|_| !message.starts_with("missing field"));
        let before = span.and_then(|span| head.get(..span.start));
        let place = before.map(|before| {
            let line = before.rsplit('\n').next().unwrap_or_default();
            (before.matches('\n').count() + 1, HEAD.len() + line.chars().count() + 1)
        });
        self.push(Some(place.map_or(1, |(line, _)| line)), place.map(|(_, column)| column), message);
    }
}

fn check_names(head: &Head, problems: &mut Problems<'_>) {
    let stem = Path::new(problems.file).file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
    if !is_kebab_case(&head.id) {
        problems.key("id", format!("the id '{}' is not in kebab case: lower-case words joined by '-'", head.id));
    } else if stem != head.id {
        problems.key("id", format!("the id '{}' is not the file's name without '.sql', '{stem}'", head.id));
    }
    for alias in &head.aliases {
        if alias.is_empty() || !alias.chars().all(|c| c.is_ascii_alphanumeric() || c == '-') {
            problems.key("aliases", format!("the alias '{alias}' is not made of letters, digits and '-'"));
        }
    }
    if head.title.trim().is_empty() || head.title.contains('\n') {
        problems.key("title", "the title is one line that is not empty");
    }
}

/// Whether this is lower-case words joined by `-`.
pub(crate) fn is_kebab_case(id: &str) -> bool {
    let is_word =
        |word: &str| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
    id.starts_with(|c: char| c.is_ascii_lowercase()) && id.split('-').all(is_word)
}

fn check_lists(head: &Head, problems: &mut Problems<'_>) {
    let lists = [
        ("aliases", &head.aliases),
        ("sources", &head.sources),
        ("any_sources", &head.any_sources),
        ("needs", &head.needs),
        ("attack", &head.attack),
        ("group_by", &head.group_by),
        ("details", &head.details),
        ("references", &head.references),
    ];
    for (key, list) in lists {
        for (n, entry) in list.iter().enumerate() {
            if list.iter().take(n).any(|earlier| earlier == entry) {
                problems.key(key, format!("'{entry}' stands twice in {key}"));
            }
        }
    }
    for (key, list) in [("sources", &head.sources), ("any_sources", &head.any_sources)] {
        for source in list.iter().filter(|source| LogSource::from_word(source).is_none()) {
            let hint = did_you_mean(source, LogSource::WORDS.iter().copied());
            problems.key(key, format!("'{source}' is no source, which are {}{hint}", LogSource::WORDS.join(", ")));
        }
    }
    for source in head.any_sources.iter().filter(|source| head.sources.contains(source)) {
        problems.key("any_sources", format!("'{source}' stands in sources already, which are all needed"));
    }
    for table in head.needs.iter().filter(|table| tables::side_table_schema(table).is_none()) {
        let names: Vec<_> = tables::side_table_names().collect();
        let hint = did_you_mean(table, names.iter().copied());
        problems.key("needs", format!("'{table}' is no side table, which are {}{hint}", names.join(", ")));
    }
    if head.sources.is_empty() && head.any_sources.is_empty() && head.needs.is_empty() {
        problems.at(1, "the head says in none of sources, any_sources and needs what the rule cannot do without");
    }
    for technique in head.attack.iter().filter(|technique| !technique::is_entry(technique)) {
        problems.key(
            "attack",
            format!("'{technique}' is no ATT&CK technique, like T1530 or T1555.006, nor two of them with '|' between"),
        );
    }
    if head.group_by.is_empty() {
        problems.key("group_by", "group_by names at least one column");
    }
    for reference in &head.references {
        if !reference.starts_with("https://") && !reference.starts_with("http://") {
            problems.key("references", format!("the reference '{reference}' is no URL"));
        }
    }
}

fn check_dates(head: &Head, problems: &mut Problems<'_>) {
    let is_day = |at: &Datetime| at.date.is_some() && at.time.is_none() && at.offset.is_none();
    for (key, at) in [("created", &head.created), ("updated", &head.updated)] {
        if !is_day(at) {
            problems.key(key, format!("{key} is a day without quotes, like 2026-11-24, not '{at}'"));
        }
    }
    if is_day(&head.created) && is_day(&head.updated) && head.updated < head.created {
        problems.key("updated", format!("updated ({}) is before created ({})", head.updated, head.created));
    }
}

fn check_params(head: &Head, problems: &mut Problems<'_>) {
    for (name, param) in &head.params {
        let key = format!("params.{name}");
        let is_name = name.starts_with(|c: char| c.is_ascii_lowercase())
            && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
        if !is_name {
            problems.key(&key, format!("the parameter name '{name}' is not in snake case"));
        }
        if params::scalar(&param.default).is_none() {
            let kind = param.default.type_str();
            problems.key(
                &key,
                format!("the default of '{name}' is a whole number, float, string or boolean, not a {kind}"),
            );
        }
        if param.why.trim().is_empty() {
            problems.key(&key, format!("the parameter '{name}' does not say why it has its default"));
        }
    }
}

/// A prose section as it stands in the file.
struct Section {
    line: usize,
    heading: String,
    text: String,
}

/// Reads the sections between the head and the query.
fn read_prose(text: &str, head_lines: usize, problems: &mut Problems<'_>) -> Vec<(String, String)> {
    let mut sections: Vec<Section> = Vec::new();
    let mut query_from = None;
    for (n, line) in text.lines().enumerate().skip(head_lines) {
        let number = n + 1;
        if line.starts_with(HEAD) {
            problems.at(number, "a line of the head after the head's end");
            continue;
        }
        let Some(comment) = line.strip_prefix("--") else {
            if query_from.is_none() && !line.trim().is_empty() {
                query_from = Some(number);
            }
            continue;
        };
        let comment = comment.strip_prefix(' ').unwrap_or(comment).trim_end();
        if let Some(heading) = comment.strip_prefix("## ") {
            if query_from.is_some() {
                problems.at(number, format!("the section '{heading}' stands after the query began"));
            }
            sections.push(Section { line: number, heading: heading.trim().to_owned(), text: String::new() });
        } else if query_from.is_none() {
            match sections.last_mut() {
                Some(section) => {
                    section.text.push_str(comment);
                    section.text.push('\n');
                }
                None if comment.is_empty() => {}
                None => problems.at(number, "text before the first section, which is '-- ## What it finds'"),
            }
        }
    }
    if query_from.is_none() {
        problems.at(text.lines().count(), "there is no query after head and prose");
    }
    check_sections(&sections, problems);
    sections.into_iter().map(|section| (section.heading, section.text.trim().to_owned())).collect()
}

fn check_sections(sections: &[Section], problems: &mut Problems<'_>) {
    let place = |heading: &str| SECTIONS.iter().position(|known| *known == heading);
    let mut last = None;
    for (n, section) in sections.iter().enumerate() {
        let Section { line, heading, text } = section;
        let Some(at) = place(heading) else {
            let hint = did_you_mean(heading, SECTIONS);
            problems.at(*line, format!("there is no section '{heading}'{hint}"));
            continue;
        };
        if sections.iter().take(n).any(|earlier| earlier.heading == *heading) {
            problems.at(*line, format!("the section '{heading}' stands twice"));
        } else if last.is_some_and(|last| at < last) {
            let order = SECTIONS.join(", ");
            problems.at(*line, format!("the section '{heading}' is out of order, which is {order}"));
        }
        last = last.max(Some(at));
        if text.trim().is_empty() {
            problems.at(*line, format!("the section '{heading}' is empty"));
        }
    }
    for missing in SECTIONS.iter().filter(|known| !sections.iter().any(|section| section.heading == **known)) {
        problems.at(problems.head.len(), format!("the section '-- ## {missing}' is missing"));
    }
}

#[cfg(test)]
pub(crate) mod tests;
