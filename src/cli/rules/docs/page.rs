//! The catalogue page, in Markdown.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::report::{DIRECTIONS, direction_word, profile_word, severity_word};
use crate::rule::matrix::{self, Row};
use crate::rule::{Direction, Rule, Status, technique};

/// What a page of this program begins with.
pub(super) const FIRST_LINE: &str = "<!-- Written by `airside rules docs`; do not edit. -->";

/// Folder of the shipped rules, which the page stands in.
const FOLDER: &str = "queries/";

/// The whole page.
pub(super) fn page(library: &[Rule], rows: &[Row]) -> String {
    let mut page = Page { text: String::new() };
    page.line(FIRST_LINE);
    page.line("");
    page.line("# Rules");
    page.line("");
    page.line(&format!(
        "{} rules are shipped. `airside rules show ID` prints one with its prose and its SQL; \
         those of the profile `core` run unless told otherwise, the others with `--profile` or `--enable`.",
        library.len()
    ));
    page.line("");
    page.line("[Questions](questions.md) to ask with `airside sql` are a page of their own.");
    for direction in DIRECTIONS {
        let rules: Vec<&Rule> = library.iter().filter(|rule| rule.head.direction == direction).collect();
        if !rules.is_empty() {
            page.direction(direction, &rules);
        }
    }
    page.matrix(library, rows);
    page.text
}

struct Page {
    text: String,
}

impl Page {
    fn line(&mut self, line: &str) {
        self.text.push_str(line);
        self.text.push('\n');
    }

    fn direction(&mut self, direction: Direction, rules: &[&Rule]) {
        let about = match direction {
            Direction::InfraDoingData => "The infrastructure identity touches data",
            Direction::DataDoingInfra => "The data identity touches infrastructure",
            Direction::Governance => "Grants, scopes, and ways around the model",
            Direction::IdentityMisuse => "The identity itself: its origin and its behaviour",
        };
        self.line("");
        self.line(&format!("## {about}"));
        self.line("");
        self.line(&format!("Direction `{}`.", direction_word(direction)));
        self.line("");
        self.line("| rule | severity | profile | finds |");
        self.line("|---|---|---|---|");
        for rule in rules {
            let head = &rule.head;
            self.line(&format!(
                "| {} | {} | {} | {} |",
                link(&head.id),
                severity_word(head.severity),
                profile_word(head.profile),
                cell(&head.title)
            ));
        }
        for rule in rules {
            self.rule(rule);
        }
    }

    fn rule(&mut self, rule: &Rule) {
        let head = &rule.head;
        let file = rule.file.strip_prefix(FOLDER).unwrap_or(&rule.file);
        let cases = file.strip_suffix(".sql").unwrap_or(file);
        self.line("");
        self.line(&format!("### {}", head.id));
        self.line("");
        self.line(&format!("**{}.** {}", head.title, first_paragraph(rule)));
        self.line("");
        let experimental = match head.status {
            Status::Experimental => ", experimental",
            Status::Stable => "",
            Status::Deprecated => ", deprecated",
        };
        self.line(&format!(
            "- {} severity, {} direction, {} profile{experimental}",
            severity_word(head.severity),
            direction_word(head.direction),
            profile_word(head.profile)
        ));
        self.line(&format!("- needs {}", needs(rule)));
        if !head.attack.is_empty() {
            let techniques: Vec<String> = head.attack.iter().map(|entry| techniques(entry)).collect();
            self.line(&format!("- ATT&CK {}", techniques.join(", ")));
        }
        if !head.aliases.is_empty() {
            self.line(&format!("- also called {}", head.aliases.join(", ")));
        }
        self.line(&format!("- [rule]({file}), [cases]({cases}.cases.toml)"));
    }

    fn matrix(&mut self, library: &[Rule], rows: &[Row]) {
        let by_number: BTreeMap<&str, &str> = library
            .iter()
            .flat_map(|rule| matrix::numbers(rule).map(|number| (number, rule.head.id.as_str())))
            .collect();
        self.line("");
        self.line("## Coverage");
        self.line("");
        self.line(
            "What the separation of the two identities says, and the rules that watch over each statement. \
             Numbers are the catalogue's; one that has no rule yet stands in the last column.",
        );
        let mut topic = "";
        for row in rows {
            if row.topic != topic {
                topic = &row.topic;
                self.line("");
                self.line(&format!("### {topic}"));
                self.line("");
                self.line("| statement | rules | not shipped |");
                self.line("|---|---|---|");
            }
            self.row(row, &by_number);
        }
    }

    fn row(&mut self, row: &Row, by_number: &BTreeMap<&str, &str>) {
        let mut shipped: Vec<String> = Vec::new();
        let mut missing: Vec<&str> = Vec::new();
        for number in &row.rules {
            match by_number.get(number.as_str()) {
                // Several numbers may be one rule.
                Some(id) if shipped.contains(&link(id)) => {}
                Some(id) => shipped.push(link(id)),
                None => missing.push(number),
            }
        }
        let note = row.note.as_ref().map_or_else(String::new, |note| format!(" ({note})"));
        let statement = cell(&format!("{}{note}", row.statement));
        let or_dash = |text: String| if text.is_empty() { "-".to_owned() } else { text };
        self.line(&format!("| {statement} | {} | {} |", or_dash(shipped.join(", ")), or_dash(missing.join(", "))));
    }
}

/// A link to the rule's own section.
fn link(id: &str) -> String {
    format!("[`{id}`](#{id})")
}

/// Text that is no cell's end.
fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}

/// What the rule finds, up to the first empty line.
fn first_paragraph(rule: &Rule) -> String {
    let text = rule.prose.first().map(|(_, text)| text.as_str()).unwrap_or_default();
    text.lines().take_while(|line| !line.trim().is_empty()).map(str::trim).collect::<Vec<_>>().join(" ")
}

/// The logs and lists without which the rule says nothing.
fn needs(rule: &Rule) -> String {
    let head = &rule.head;
    let mut parts = Vec::new();
    if !head.sources.is_empty() {
        parts.push(format!("the logs {}", head.sources.join(", ")));
    }
    if !head.any_sources.is_empty() {
        parts.push(format!("one at least of {}", head.any_sources.join(", ")));
    }
    if !head.needs.is_empty() {
        parts.push(format!("the lists {}", head.needs.join(", ")));
    }
    parts.join("; ")
}

/// Links to the techniques of one entry.
fn techniques(entry: &str) -> String {
    let mut text = String::new();
    for (n, id) in technique::alternatives(entry).enumerate() {
        let separator = if n == 0 { "" } else { " or " };
        // Writing to a string does not fail.
        write!(text, "{separator}[{id}](https://attack.mitre.org/techniques/{}/)", id.replace('.', "/"))
            .unwrap_or_default();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rule::front_matter::tests::rule;

    fn row(rules: &[&str]) -> Row {
        Row {
            topic: "Topic".to_owned(),
            statement: "One | two".to_owned(),
            rules: rules.iter().map(|number| (*number).to_owned()).collect(),
            note: Some("a note".to_owned()),
        }
    }

    #[test]
    fn a_row_links_the_rules_that_are_there_once_and_names_the_numbers_of_the_others() {
        let mut rule = rule();
        rule.head.aliases = vec!["R01".to_owned(), "R02".to_owned()];

        let text = page(&[rule], &[row(&["R01", "R02", "R03"]), row(&["R04"]), row(&["R01"])]);

        let rows: Vec<&str> = text.lines().filter(|line| line.starts_with("| One")).collect();
        assert_eq!(
            rows,
            [
                "| One \\| two (a note) | [`sample-rule`](#sample-rule) | R03 |",
                "| One \\| two (a note) | - | R04 |",
                "| One \\| two (a note) | [`sample-rule`](#sample-rule) | - |",
            ]
        );
    }

    #[test]
    fn a_technique_with_two_ids_has_two_links() {
        assert_eq!(
            techniques("T1562.008|T1685.002"),
            "[T1562.008](https://attack.mitre.org/techniques/T1562/008/) or \
             [T1685.002](https://attack.mitre.org/techniques/T1685/002/)"
        );
    }
}
