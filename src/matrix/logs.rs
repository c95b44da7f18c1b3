//! Which logs were read, and so what the absence of an event can mean.

use serde::Serialize;

use super::query::LogRead;
use super::tally::Tally;
use crate::arm::{self, ArmId};
use crate::event::vocabulary::{LogSource, OpClass};
use crate::time::UtcMicros;

/// What was read of a log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SourceRead {
    /// The log.
    pub source: LogSource,
    /// Whether any event of it was read.
    pub is_read: bool,
    /// Events of all principals.
    pub events: u64,
    /// Time of the first.
    pub first_seen: Option<UtcMicros>,
    /// Time of the last.
    pub last_seen: Option<UtcMicros>,
    /// Of how many resources; `null` for logs that are not a resource's.
    pub resources: Option<u64>,
}

/// Logs that show what an identity does; an inventory is none.
const SOURCES: [LogSource; 7] = [
    LogSource::Activity,
    LogSource::Signin,
    LogSource::Storage,
    LogSource::KeyVault,
    LogSource::Sql,
    LogSource::Databricks,
    LogSource::EntraAudit,
];

/// Everything that was read.
#[derive(Debug, Default)]
pub(super) struct Logs(pub(super) Vec<LogRead>);

impl LogRead {
    /// Whether it tells of work: with `needed`, of those reads of storage.
    fn shows(&self, needed: Option<OpClass>) -> bool {
        self.shows_work && (needed.is_none() || self.reads == needed)
    }
}

impl Logs {
    /// Every log, read or not.
    pub(super) fn sources(&self) -> Vec<SourceRead> {
        SOURCES.iter().map(|source| self.source(*source, |_| true)).collect()
    }

    /// What was read of a log, of the resources that `counts` lets through.
    fn source(&self, source: LogSource, counts: impl Fn(&LogRead) -> bool) -> SourceRead {
        let mut tally = Tally::default();
        let mut resources: Vec<&str> = Vec::new();
        for read in self.0.iter().filter(|read| read.source == source && counts(read)) {
            tally.add(&read.tally);
            resources.extend(read.target_id.as_deref());
        }
        resources.sort_unstable();
        resources.dedup();
        let has_resources =
            matches!(source, LogSource::Storage | LogSource::KeyVault | LogSource::Sql | LogSource::Databricks);
        SourceRead {
            source,
            is_read: !tally.is_empty(),
            events: tally.events,
            first_seen: tally.first.map(|seen| seen.time),
            last_seen: tally.last.map(|seen| seen.time),
            resources: has_resources.then(|| u64::try_from(resources.len()).unwrap_or(u64::MAX)),
        }
    }

    /// What was read of a log for resources at or under a scope, or above it. The Activity Log is
    /// a subscription's; of a management group and of a scope that is not known, all counts. With
    /// `needed`, only those reads of storage do.
    pub(super) fn at_scope(&self, source: LogSource, scope: Option<&str>, needed: Option<OpClass>) -> SourceRead {
        let Some(scope) = scope else { return self.source(source, |read| read.shows(needed)) };
        let wanted = ArmId::parse(scope).subscription;
        self.source(source, |read| {
            read.shows(needed)
                && match (wanted, source) {
                    (None, _) => true,
                    (Some(wanted), LogSource::Activity) => read.subscription.as_deref() == Some(wanted),
                    // The log is the account's or the vault's; a scope can be one of its containers.
                    (Some(_), _) => read
                        .target_id
                        .as_deref()
                        .is_some_and(|target| arm::is_at_or_under(target, scope) || arm::is_at_or_under(scope, target)),
                }
        })
    }

    /// Whether a log was read at all, with the reads of storage that are needed; the Activity Log of
    /// this subscription where one is given.
    pub(super) fn is_read(&self, source: LogSource, subscription: Option<&str>, needed: Option<OpClass>) -> bool {
        self.0.iter().any(|read| {
            read.source == source
                && read.shows(needed)
                && (source != LogSource::Activity
                    || subscription.is_none_or(|wanted| read.subscription.as_deref() == Some(wanted)))
        })
    }

    /// Whether the log of a storage account of this name was read, with the reads that are needed.
    pub(super) fn is_read_of_account(&self, account: &str, needed: Option<OpClass>) -> bool {
        let is_of = |target: &str| {
            let named = target.split_once("/providers/microsoft.storage/storageaccounts/");
            named.is_some_and(|(_, rest)| rest.split('/').next() == Some(account))
        };
        self.0.iter().any(|read| {
            read.source == LogSource::Storage && read.shows(needed) && read.target_id.as_deref().is_some_and(is_of)
        })
    }

    /// Whether an audit of Synapse, or of another SQL service, was read.
    pub(super) fn sql_is_read(&self, service: SqlService) -> bool {
        let is_synapse = |read: &LogRead| {
            read.target_id.as_deref().is_some_and(|target| target.contains("/providers/microsoft.synapse/"))
        };
        self.0.iter().any(|read| read.source == LogSource::Sql && is_synapse(read) == (service == SqlService::Synapse))
    }
}

/// Services whose audit is the SQL log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SqlService {
    /// Synapse.
    Synapse,
    /// Azure SQL.
    Sql,
}
