//! Colours what is typed.

use reedline::{Color, Highlighter, StyledText};

use super::complete::{Words, is_keyword};
use super::lex::{self, Kind};
use crate::report::Colour;

/// Colours keywords, names that are known, numbers, texts and comments.
pub(super) struct Highlight {
    words: Words,
    colour: Colour,
}

impl Highlight {
    pub(super) fn new(words: Words, colour: Colour) -> Self {
        Self { words, colour }
    }
}

impl Highlighter for Highlight {
    fn highlight(&self, line: &str, _cursor: usize) -> StyledText {
        let mut styled = StyledText::new();
        if self.colour == Colour::Off || lex::is_command(line) {
            styled.push((Color::Default.normal(), line.to_owned()));
            return styled;
        }
        for (kind, range) in lex::pieces(line) {
            let text = line.get(range).unwrap_or_default();
            let style = match kind {
                Kind::Word if is_keyword(text) => Color::Blue.bold(),
                Kind::Word if self.words.is_function(text) => Color::Cyan.normal(),
                Kind::Word if self.words.is_table(text) => Color::Purple.normal(),
                Kind::Number => Color::Yellow.normal(),
                Kind::Text => Color::Green.normal(),
                Kind::Comment => Color::DarkGray.normal(),
                Kind::Open => Color::Red.normal(),
                Kind::Word | Kind::Name | Kind::Space | Kind::Semicolon | Kind::Symbol => Color::Default.normal(),
            };
            styled.push((style, text.to_owned()));
        }
        styled
    }
}
