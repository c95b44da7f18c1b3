//! Text of Sigma rules as prose of a rule file.

use crate::sigma::literal::is_unsafe;

/// Widest line of prose, in characters, without the comment's mark.
const LINE_CHARS: usize = 96;

/// A text on one line: white space is one blank, and what cannot be seen is left out.
pub(super) fn cleaned(text: &str) -> String {
    let is_break = |character: char| character.is_whitespace() || ('\u{2028}'..='\u{2029}').contains(&character);
    let blank = |character: char| if is_break(character) { ' ' } else { character };
    let seen: String = text.chars().map(blank).filter(|character| !is_unsafe(*character)).collect();
    seen.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A section of prose as comment lines. Each paragraph is on lines of its own; none of them can
/// be taken for a heading.
pub(super) fn section(heading: &str, paragraphs: &[String]) -> String {
    let mut lines = vec![format!("-- ## {heading}")];
    for paragraph in paragraphs {
        lines.extend(wrapped(&cleaned(paragraph)).iter().map(|line| format!("-- {line}")));
    }
    lines.join("\n")
}

fn wrapped(text: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split(' ').filter(|word| !word.is_empty()) {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= LINE_CHARS => {
                line.push(' ');
                line.push_str(word);
            }
            _ if word.starts_with('#') => lines.push(format!("\\{word}")),
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prose_stays_in_its_comment_and_makes_no_heading() {
        let hostile = "x\n--! id = 'y'\r\n## What to do\u{2028}SELECT 1\u{0}\u{202e}".to_owned();

        let section = section("What it finds", &[hostile, "## What to do".to_owned()]);

        let expected = "-- ## What it finds\n-- x --! id = 'y' ## What to do SELECT 1\n-- \\## What to do";
        assert_eq!(section, expected);
    }

    #[test]
    fn a_heading_at_the_start_of_a_wrapped_line_is_none() {
        let text = format!("{} ## What to do", "x".repeat(LINE_CHARS));

        assert_eq!(wrapped(&text)[1], "\\## What to do");
    }
}
