//! The forms of exports: which file a record goes to, and what stands in it.

mod activity;
mod databricks;
mod key_vault;
mod sign_in;
mod sql;
mod storage;

use super::event::Event;
use super::random::Random;
use super::text::{DAY, HOUR, MINUTE, put, time};

/// A form of export.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Form {
    /// Folders of a diagnostic setting's storage account.
    Archive,
    /// Messages of an event hub.
    EventHub,
    /// Answers of the REST API and of Microsoft Graph; logs without such an API are archived.
    Rest,
    /// Rows of Log Analytics tables, as data export writes them.
    LogAnalytics,
}

impl Form {
    /// All forms.
    pub const ALL: [Self; 4] = [Self::Archive, Self::EventHub, Self::Rest, Self::LogAnalytics];

    /// Its word on the command line.
    pub fn word(self) -> &'static str {
        match self {
            Self::Archive => "archive",
            Self::EventHub => "event-hub",
            Self::Rest => "rest",
            Self::LogAnalytics => "log-analytics",
        }
    }

    /// The form of this word.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|form| form.word() == word)
    }
}

/// One record on its way to a file.
#[derive(Debug)]
pub(super) struct Record {
    /// Path below the folder of the tenant.
    pub(super) path: String,
    /// The record, without a line end.
    pub(super) text: String,
}

/// What every record of a tenant needs.
#[derive(Debug)]
pub(super) struct Writer<'a> {
    /// Entra tenant.
    pub(super) tenant: &'a str,
    /// Log Analytics workspace.
    pub(super) log_workspace: &'a str,
    /// Ids and small numbers.
    pub(super) random: &'a mut Random,
    /// Where the records go.
    pub(super) out: &'a mut Vec<Record>,
}

impl Writer<'_> {
    /// Writes what happened in one form.
    pub(super) fn write(&mut self, event: &Event<'_>, form: Form) {
        match event {
            Event::Call(call) => self.call(call, form),
            Event::SignIn(sign_in) => self.sign_in(sign_in, form),
            Event::Request(request) => self.request(request, form),
            Event::Vault(request) => self.vault(request, form),
            Event::Statement(statement) => self.statement(statement, form),
            Event::Action(action) => self.action(action, form),
        }
    }

    /// Adds a record as an archive has it, or in an event hub's envelope.
    fn add_archived(&mut self, form: Form, category: &str, at: (&str, i64), text: String) {
        let (resource, at) = at;
        if form == Form::EventHub {
            let text = format!("{{\"records\":[{text}]}}");
            self.out.push(Record { path: format!("event-hub/{category}/{}.json", hour(at)), text });
            return;
        }
        let mut path = String::with_capacity(320);
        let separator = if resource.starts_with('/') { "resourceId=" } else { "" };
        put(&mut path, &[category, "/", separator, resource, "/", &hour_folders(at), "/PT1H.json"]);
        self.out.push(Record { path, text });
    }

    /// Adds an element of an answer, which is a page of its own.
    fn add_page(&mut self, service: &str, at: i64, text: &str) {
        let path = format!("rest/{service}/{}.json", hour(at));
        self.out.push(Record { path, text: format!("{{\"value\":[{text}]}}") });
    }

    /// Adds a row of a table.
    fn add_row(&mut self, table: &str, at: i64, text: String) {
        self.out.push(Record { path: format!("log-analytics/{table}/{}.json", hour(at)), text });
    }

    /// A token's identifier.
    fn token(&mut self) -> String {
        self.random.suffix(22)
    }
}

/// `y=2026/m=05/d=04/h=08/m=00`.
fn hour_folders(at: i64) -> String {
    let text = time(at, 0);
    let part = |from: usize, to: usize| text.get(from..to).unwrap_or_default();
    format!("y={}/m={}/d={}/h={}/m=00", part(0, 4), part(5, 7), part(8, 10), part(11, 13))
}

/// `2026-05-04T08`.
fn hour(at: i64) -> String {
    let text = time(at, 0);
    text.get(..13).unwrap_or(&text).to_owned()
}

/// How long tokens of managed identities hold, in microseconds.
const TOKEN_LIFE: i64 = DAY + 5 * MINUTE;
/// How long a SAS of Unity Catalog holds, in microseconds.
const SAS_LIFE: i64 = HOUR;
