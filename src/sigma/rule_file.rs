//! Writes a rule file: head and prose from what a Sigma rule says of itself, and its query.

use std::path::Path;

use rsigma_parser::{CorrelationRule, Level, SigmaRule, Status};
use toml::value::{Datetime, Value};

use crate::arm::is_guid;
use crate::rule::{Severity, technique};
use crate::sigma::literal::{is_unsafe, quoted};
use crate::sigma::prose::{cleaned, section};
use crate::sigma::{Query, RuleFile};

/// What every id of an imported rule begins with.
const ID_PREFIX: &str = "sigma";

/// Longest id, in characters. Names of files end at 255, and people read them.
const MAX_ID_CHARS: usize = 80;

/// Longest title, in characters.
const MAX_TITLE_CHARS: usize = 200;

/// The cases of a rule that has none.
const CASES: &str = include_str!("cases.toml");

/// Where a Sigma rule is from, and when it is imported.
#[derive(Debug, Clone, Copy)]
pub(super) struct Origin<'r> {
    /// The file.
    pub(super) file: &'r str,
    /// The day, `2026-05-04`.
    pub(super) today: &'r str,
}

/// What a Sigma rule says of itself.
#[derive(Debug)]
pub(super) struct About<'r> {
    pub(super) origin: Origin<'r>,
    title: &'r str,
    id: Option<&'r str>,
    status: Option<Status>,
    description: Option<&'r str>,
    licence: Option<&'r str>,
    author: Option<&'r str>,
    references: &'r [String],
    date: Option<&'r str>,
    modified: Option<&'r str>,
    false_positives: &'r [String],
    level: Option<Level>,
    tags: &'r [String],
    fields: &'r [String],
}

/// The same fields of a rule and of a correlation.
macro_rules! about {
    ($rule:ident, $origin:ident) => {
        Self {
            origin: $origin,
            title: &$rule.title,
            id: $rule.id.as_deref(),
            status: $rule.status,
            description: $rule.description.as_deref(),
            licence: $rule.license.as_deref(),
            author: $rule.author.as_deref(),
            references: &$rule.references,
            date: $rule.date.as_deref(),
            modified: $rule.modified.as_deref(),
            false_positives: &$rule.falsepositives,
            level: $rule.level,
            tags: &$rule.tags,
            fields: &$rule.fields,
        }
    };
}

impl<'r> About<'r> {
    pub(super) fn of_rule(rule: &'r SigmaRule, origin: Origin<'r>) -> Self {
        about!(rule, origin)
    }

    pub(super) fn of_correlation(rule: &'r CorrelationRule, origin: Origin<'r>) -> Self {
        about!(rule, origin)
    }

    /// The rule file with this query.
    ///
    /// # Errors
    ///
    /// The reason, where the rule says nothing that an id can be made of.
    pub(super) fn rule_file(&self, query: &Query) -> Result<RuleFile, String> {
        let id = id(self.title).ok_or("its title has no letter or digit of ASCII to make an id of")?;
        let guid = self.id.filter(|id| is_guid(id) && quoted(id).is_ok()).map(str::to_ascii_lowercase);
        let aliases: Vec<String> = guid.into_iter().collect();
        let sql = format!("{}\n\n{}\n\n{}\n", self.head(&id, &aliases, query), self.prose(query), query.sql);
        let cases = CASES.replace("@id@", &id);
        Ok(RuleFile { id, aliases, sql, cases })
    }

    fn head(&self, id: &str, aliases: &[String], query: &Query) -> String {
        let title: String = cleaned(self.title).chars().take(MAX_TITLE_CHARS).collect();
        let (created, updated) = self.dates();
        let direction = query.direction.and_then(|direction| Value::try_from(direction).ok());
        let mut lines = vec![("id", text(id))];
        if !aliases.is_empty() {
            lines.push(("aliases", list(aliases)));
        }
        lines.extend([
            ("title", text(&title)),
            ("severity", text(self.severity().as_str())),
            ("direction", direction.unwrap_or_else(|| text("governance"))),
            ("status", text("experimental")),
            ("profile", text("core")),
        ]);
        for (key, words) in [
            ("sources", &query.sources),
            ("any_sources", &query.any_sources),
            ("attack", &self.techniques()),
            ("group_by", &query.group_by),
            ("details", &query.details),
        ] {
            if !words.is_empty() {
                lines.push((key, list(words)));
            }
        }
        lines.extend([("created", Value::Datetime(created)), ("updated", Value::Datetime(updated))]);
        let references = self.urls();
        if !references.is_empty() {
            lines.push(("references", list(&references)));
        }
        let lines: Vec<String> = lines.iter().map(|(key, value)| format!("--! {key} = {value}")).collect();
        lines.join("\n")
    }

    fn severity(&self) -> Severity {
        self.level.and_then(|level| Severity::from_word(level.as_str())).unwrap_or(Severity::Medium)
    }

    /// `attack.t1078.004` as `T1078.004`.
    fn techniques(&self) -> Vec<String> {
        let mut techniques: Vec<String> = Vec::new();
        for tag in self.tags {
            let id = tag.to_ascii_lowercase().strip_prefix("attack.").map(str::to_ascii_uppercase);
            techniques.extend(id.filter(|id| technique::is_id(id) && !techniques.contains(id)));
        }
        techniques
    }

    /// The tactics and other tags that name no technique, for the prose.
    fn other_tags(&self) -> Vec<String> {
        let is_technique = |tag: &str| {
            let tag = tag.to_ascii_uppercase();
            tag.strip_prefix("ATTACK.").is_some_and(technique::is_id)
        };
        self.tags.iter().filter(|tag| !is_technique(tag)).map(|tag| cleaned(tag)).collect()
    }

    fn urls(&self) -> Vec<String> {
        let mut urls: Vec<String> = Vec::new();
        let is_url = |text: &str| text.starts_with("https://") || text.starts_with("http://");
        for reference in self.references.iter().map(|reference| cleaned(reference)) {
            if is_url(&reference) && !urls.contains(&reference) {
                urls.push(reference);
            }
        }
        urls
    }

    /// The days of writing and of the last change; a rule without a date is dated by its import.
    fn dates(&self) -> (Datetime, Datetime) {
        let day = |text: &str| {
            let day: Datetime = text.trim().replace('/', "-").parse().ok()?;
            (day.time.is_none() && day.offset.is_none()).then_some(day).filter(|day| day.date.is_some())
        };
        let unix = Datetime { date: None, time: None, offset: None };
        let today = day(self.origin.today).unwrap_or(unix);
        let modified = self.modified.and_then(day);
        let created = self.date.and_then(day).or(modified).unwrap_or(today);
        (created, modified.filter(|modified| *modified >= created).unwrap_or(created))
    }

    fn prose(&self, query: &Query) -> String {
        let mut limits = query.limits.clone();
        limits.extend(query.notes.iter().cloned());
        limits.push("Text is compared as Sigma does: in whatever case.".to_owned());
        let sections = [
            ("What it finds", self.finds()),
            ("Why it matters", self.matters()),
            ("What it cannot see", limits),
            ("False positives", self.false_positives()),
            ("What to do", self.to_do()),
        ];
        let sections: Vec<String> = sections.iter().map(|(heading, text)| section(heading, text)).collect();
        sections.join("\n--\n")
    }

    fn finds(&self) -> Vec<String> {
        let description = self.description.map(cleaned).filter(|text| !text.is_empty());
        let id = self.id.map_or_else(String::new, |id| format!(" ({})", cleaned(id)));
        let author = self.author.map(cleaned).filter(|author| !author.is_empty());
        let author = author.map_or_else(|| "which names no author".to_owned(), |author| format!("by {author}"));
        // Where the file lies is nobody's business but that of who imports it.
        let file =
            Path::new(self.origin.file).file_name().map_or_else(String::new, |name| cleaned(&name.to_string_lossy()));
        let origin = format!("Imported from the Sigma rule '{}'{id} in {file}, {author}.", cleaned(self.title));
        let licence = self.licence.map(cleaned).filter(|licence| !licence.is_empty());
        let licence = licence.map_or_else(
            || {
                "It names no licence; rules of the SigmaHQ collection are under the Detection Rule License 1.1, \
                 which asks that their authors be named."
                    .to_owned()
            },
            |licence| format!("Licence: {licence}."),
        );
        vec![description.unwrap_or_else(|| cleaned(self.title)), origin, licence]
    }

    fn matters(&self) -> Vec<String> {
        let level = match self.level {
            Some(level) => format!("Its author rates it {}.", level.as_str()),
            None => "Its author did not rate it; medium is a guess.".to_owned(),
        };
        let mut said = vec![format!("Sigma rules do not say why. {level}")];
        if let Some(status) = self.status {
            said.push(format!("Among Sigma rules its status is {}.", format!("{status:?}").to_lowercase()));
        }
        let tags = self.other_tags();
        if !tags.is_empty() {
            said.push(format!("Tags: {}.", tags.join(", ")));
        }
        said
    }

    fn false_positives(&self) -> Vec<String> {
        let named: Vec<String> =
            self.false_positives.iter().map(|text| cleaned(text)).filter(|text| !text.is_empty()).collect();
        if named.is_empty() { vec!["Its author names none.".to_owned()] } else { named }
    }

    fn to_do(&self) -> Vec<String> {
        let mut said = vec![
            "Sigma rules do not say. Begin with who acted and from where, and ask whether that was meant.".to_owned(),
        ];
        if !self.fields.is_empty() {
            let fields: Vec<String> = self.fields.iter().map(|field| cleaned(field)).collect();
            said.push(format!("Its author looks at: {}.", fields.join(", ")));
        }
        let urls = self.urls();
        let others: Vec<String> = self
            .references
            .iter()
            .map(|text| cleaned(text))
            .filter(|text| !text.is_empty() && !urls.contains(text))
            .collect();
        if !others.is_empty() {
            said.push(format!("Its author refers to: {}.", others.join("; ")));
        }
        said
    }
}

/// An id in kebab case from a title.
fn id(title: &str) -> Option<String> {
    let folded: String =
        title.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { ' ' }).collect();
    let mut id = ID_PREFIX.to_owned();
    for word in folded.split_whitespace() {
        if id.len() + 1 + word.len() > MAX_ID_CHARS {
            break;
        }
        id.push('-');
        id.push_str(word);
    }
    (id != ID_PREFIX).then_some(id)
}

/// A text that has no line breaks as TOML on one line.
fn text(text: &str) -> Value {
    Value::String(text.replace(is_unsafe, ""))
}

fn list(texts: &[String]) -> Value {
    Value::Array(texts.iter().map(|entry| text(entry)).collect())
}
