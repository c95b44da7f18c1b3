//! What the fields of Sigma rules are among the columns of events: data, in `fields.toml`.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::event::TextColumn;
use crate::event::schema::{COLUMNS, Column, ColumnType, Fold};
use crate::event::vocabulary::{LogSource, Word as _};
use crate::rule::{Direction, did_you_mean};
use crate::sigma::literal;

/// The mapping that is compiled in.
const BUILT_IN: &str = include_str!("fields.toml");

/// What is known of every `service` of `product: azure`.
#[derive(Debug, Clone, Default)]
pub struct Mapping {
    services: BTreeMap<String, Service>,
}

/// One service of Sigma: a log.
#[derive(Debug, Clone)]
pub struct Service {
    /// The source of its events.
    pub source: String,
    /// The condition that takes its events out of all.
    condition: String,
    /// What its rules are about.
    pub direction: Direction,
    /// The columns by which evidence is folded.
    pub group_by: Vec<String>,
    /// Columns shown with every finding.
    pub details: Vec<String>,
    /// What its rules cannot see.
    pub limits: String,
    /// Fields by their names in lower case.
    fields: BTreeMap<String, Field>,
}

/// One field of Sigma.
#[derive(Debug, Clone)]
pub struct Field {
    /// The column, where it is one and nothing more.
    pub column: Option<String>,
    /// The SQL whose value the field has.
    pub expression: String,
    /// What its values are like.
    pub kind: Kind,
    /// What the words of the field, in lower case, are in the column.
    pub values: BTreeMap<String, Vec<String>>,
    /// Characters that the column's text cannot have.
    pub never: String,
    /// What a reader of the rule must know.
    pub note: Option<String>,
}

/// What the values of a field are like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Text that was folded to lower case when it was read, in this way.
    Folded(Fold),
    /// Text as the record has it.
    Text,
    /// A number.
    Number,
    /// True or false.
    Bool,
}

/// A service as a file has it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ServiceEntry {
    source: Option<String>,
    #[serde(rename = "where")]
    condition: Option<String>,
    direction: Option<Direction>,
    group_by: Option<Vec<String>>,
    details: Option<Vec<String>>,
    limits: Option<String>,
    #[serde(default)]
    fields: BTreeMap<String, FieldEntry>,
}

/// A field as a file has it.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum FieldEntry {
    Column(String),
    Table(Box<FieldTable>),
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct FieldTable {
    column: Option<String>,
    sql: Option<String>,
    when: Option<String>,
    #[serde(default)]
    values: BTreeMap<String, Vec<String>>,
    #[serde(default)]
    never: String,
    note: Option<String>,
}

impl Mapping {
    /// The mapping that is compiled in.
    ///
    /// # Errors
    ///
    /// None, as a test holds.
    pub fn built_in() -> Result<Self, String> {
        Self::default().with(BUILT_IN)
    }

    /// Adds the tables of a file; what it says overrides what was there.
    ///
    /// # Errors
    ///
    /// What is wrong in the file, and what would be right.
    pub fn with(mut self, text: &str) -> Result<Self, String> {
        let entries: BTreeMap<String, ServiceEntry> =
            toml::from_str(text).map_err(|error| error.to_string().trim_end().to_owned())?;
        for (name, entry) in entries {
            let old = self.services.remove(&name);
            let service = Service::merged(old, entry).map_err(|wrong| format!("{name}: {wrong}"))?;
            self.services.insert(name, service);
        }
        Ok(self)
    }

    /// The service of this name.
    pub fn service(&self, name: &str) -> Option<&Service> {
        self.services.get(name)
    }

    /// The names of all services.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.services.keys().map(String::as_str)
    }
}

impl Service {
    fn merged(old: Option<Self>, entry: ServiceEntry) -> Result<Self, String> {
        let mut service = match old {
            Some(old) => old,
            None => Self {
                source: String::new(),
                condition: String::new(),
                direction: Direction::Governance,
                group_by: Vec::new(),
                details: Vec::new(),
                limits: String::new(),
                fields: BTreeMap::new(),
            },
        };
        service.source = entry.source.unwrap_or(service.source);
        service.condition = entry.condition.unwrap_or(service.condition);
        service.direction = entry.direction.unwrap_or(service.direction);
        service.group_by = entry.group_by.unwrap_or(service.group_by);
        service.details = entry.details.unwrap_or(service.details);
        service.limits = entry.limits.unwrap_or(service.limits);
        for (name, field) in entry.fields {
            let field = Field::of(field).map_err(|wrong| format!("{name}: {wrong}"))?;
            service.fields.insert(name.to_lowercase(), field);
        }
        service.check()?;
        Ok(service)
    }

    fn check(&self) -> Result<(), String> {
        if LogSource::from_word(&self.source).is_none() {
            let hint = did_you_mean(&self.source, LogSource::WORDS.iter().copied());
            return Err(format!("'{}' is no source, which are {}{hint}", self.source, LogSource::WORDS.join(", ")));
        }
        let missing = [
            ("where", self.condition.trim().is_empty()),
            ("group_by", self.group_by.is_empty()),
            ("limits", self.limits.trim().is_empty()),
        ];
        if let Some((key, _)) = missing.into_iter().find(|(_, is_missing)| *is_missing) {
            return Err(format!("a service needs '{key}'"));
        }
        self.group_by.iter().chain(&self.details).try_for_each(|name| column(name).map(|_| ()))
    }

    /// The condition that takes its events out of all, to stand before an `AND`.
    pub fn condition(&self) -> String {
        let has_or = self.condition.to_ascii_lowercase().split_whitespace().any(|word| word == "or");
        if has_or { format!("({})", self.condition) } else { self.condition.clone() }
    }

    /// The field of this name, in any case.
    pub fn field(&self, name: &str) -> Option<&Field> {
        self.fields.get(&name.to_lowercase())
    }
}

impl Field {
    fn of(entry: FieldEntry) -> Result<Self, String> {
        let table = match entry {
            FieldEntry::Column(column) => FieldTable { column: Some(column), ..FieldTable::default() },
            FieldEntry::Table(table) => *table,
        };
        let (expression, kind, plain) = match (table.column, table.sql) {
            (Some(name), None) => {
                let kind = Kind::of(column(&name)?)?;
                (name.clone(), kind, Some(name))
            }
            (None, Some(sql)) => (sql, Kind::Text, None),
            _ => return Err("a field has either 'column' or 'sql'".to_owned()),
        };
        if expression.contains(literal::is_unsafe) || table.when.as_deref().is_some_and(|when| when.contains('\n')) {
            return Err("'sql' and 'when' are one line each, of characters that can be seen".to_owned());
        }
        let (expression, column) = match table.when {
            Some(when) => (format!("CASE WHEN {when} THEN {expression} END"), None),
            None => (expression, plain),
        };
        let values = table.values.into_iter().map(|(word, values)| (word.to_lowercase(), values)).collect();
        Ok(Self { column, expression, kind, values, never: table.never, note: table.note })
    }
}

impl Kind {
    fn of(column: &Column) -> Result<Self, String> {
        let text = TextColumn::ALL.iter().find(|text| text.name() == column.name);
        match (text.map(|text| text.fold()), column.column_type) {
            (Some(Fold::Verbatim | Fold::NonEmpty), _) | (None, ColumnType::Dictionary | ColumnType::Text) => {
                Ok(Self::Text)
            }
            (Some(fold), _) => Ok(Self::Folded(fold)),
            (None, ColumnType::Int | ColumnType::Int32 | ColumnType::Float | ColumnType::Float32) => Ok(Self::Number),
            (None, ColumnType::Bool) => Ok(Self::Bool),
            (None, ColumnType::Time) => Err(format!("'{}' is a time, which rules do not compare", column.name)),
        }
    }
}

/// The column of this name.
fn column(name: &str) -> Result<&'static Column, String> {
    COLUMNS.iter().find(|column| column.name == name).ok_or_else(|| {
        let hint = did_you_mean(name, COLUMNS.iter().map(|column| column.name));
        format!("'{name}' is no column of events{hint}")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_mapping_names_sources_and_columns_that_exist() {
        let mapping = Mapping::built_in().unwrap();

        assert_eq!(mapping.names().collect::<Vec<_>>(), ["activitylogs", "auditlogs", "signinlogs"]);
        let operation = mapping.service("activitylogs").unwrap().field("OPERATIONNAMEVALUE").unwrap();
        assert_eq!((operation.expression.as_str(), operation.kind), ("operation", Kind::Folded(Fold::Lower)));
    }

    #[test]
    fn a_file_adds_fields_and_services_and_overrides_what_was_there() {
        let file = "[signinlogs.fields]\nappId = 'principal_id'\nClient = { column = 'user_agent', when = 'via_pim' }\n\
                    [keyvault]\nsource = 'keyvault'\nwhere = \"source = 'keyvault'\"\ngroup_by = ['principal_id']\n\
                    limits = 'Key Vault only.'\n";

        let mapping = Mapping::built_in().unwrap().with(file).unwrap();

        let signin = mapping.service("signinlogs").unwrap();
        assert_eq!(signin.field("AppId").unwrap().expression, "principal_id");
        assert_eq!(signin.field("client").unwrap().expression, "CASE WHEN via_pim THEN user_agent END");
        assert!(signin.field("userAgent").is_some());
        assert_eq!(mapping.service("keyvault").unwrap().source, "keyvault");
    }

    #[test]
    fn what_is_wrong_in_a_file_is_said_with_what_would_be_right() {
        for (file, wrong) in [
            ("[signinlogs.fields]\nx = 'usr_agent'", "signinlogs: x: 'usr_agent' is no column of events; did you mean"),
            ("[signinlogs.fields]\nx = { note = 'n' }", "either 'column' or 'sql'"),
            ("[signinlogs.fields]\nx = 'time'", "is a time"),
            ("[signinlogs.fields]\nx = { sql = \"a\\nb\" }", "one line each"),
            ("[syslog]\nsource = 'syslog'", "syslog: 'syslog' is no source, which are"),
            ("[vault]\nsource = 'keyvault'", "needs 'where'"),
            ("[signinlogs]\ncolour = 1", "unknown field `colour`"),
        ] {
            let error = Mapping::built_in().unwrap().with(file).unwrap_err();

            assert!(error.contains(wrong), "{file}: {error}");
        }
    }
}
