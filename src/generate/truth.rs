//! What was told, and what of it must be found: `truth.json`.

use serde::Serialize;

use super::identities::{Principal, Tenant};

/// Version of the file's shape.
const SCHEMA_VERSION: u32 = 1;

/// A planted incident.
#[derive(Debug, Clone, Serialize)]
pub struct Incident {
    /// The rule that must find it.
    pub rule_id: &'static str,
    /// The rule's number in the catalogue.
    pub catalogue: &'static str,
    /// Whom the finding is about; absent where a key has no name.
    pub principal_id: Option<String>,
    /// The name.
    pub principal_name: Option<String>,
    /// The stream that the principal truly belongs to.
    pub stream: &'static str,
    /// ARM id of what was touched, in lower case; absent where there is not one.
    pub target_id: Option<String>,
    /// Time of the first event.
    pub first_seen: String,
    /// Time at which the last began.
    pub last_seen: String,
    /// The log that shows it.
    pub source: &'static str,
    /// Whether only an inventory makes it findable.
    pub needs_inventory: bool,
    /// Everybody who takes part; about anybody else nothing is to be found.
    pub involved: Vec<String>,
}

/// A principal, as it truly is.
#[derive(Debug, Clone, Serialize)]
pub struct TruePrincipal {
    /// Object id.
    pub principal_id: String,
    /// Client id.
    pub app_id: String,
    /// Name.
    pub name: String,
    /// `dbmi`, `adac` or `other`.
    pub stream: &'static str,
    /// Its kind within the stream.
    pub kind: &'static str,
    /// Resource that it is, or is part of; empty for none.
    pub arm_id: String,
    /// Whether any record names it.
    pub in_logs: bool,
    /// Whether the logs say what it is, without any inventory.
    pub told_by_logs: bool,
}

impl From<&Principal> for TruePrincipal {
    fn from(principal: &Principal) -> Self {
        Self {
            principal_id: principal.id.clone(),
            app_id: principal.app_id.clone(),
            name: principal.name.clone(),
            stream: principal.stream.word(),
            kind: principal.kind,
            arm_id: principal.arm_id.clone(),
            in_logs: principal.seen.get(),
            told_by_logs: principal.told.get(),
        }
    }
}

/// The whole truth about a tenant.
#[derive(Debug, Clone, Serialize)]
pub struct Truth {
    /// Version of the file's shape.
    pub schema_version: u32,
    /// What chance began with.
    pub seed: u64,
    /// Entra tenant.
    pub tenant_id: String,
    /// Records in the logs.
    pub records: u64,
    /// Their bytes, before compression.
    pub bytes: u64,
    /// Planted incidents, by time.
    pub incidents: Vec<Incident>,
    /// Everybody.
    pub principals: Vec<TruePrincipal>,
}

impl Truth {
    /// Collects it once the story is told.
    pub(super) fn of(seed: u64, tenant: &Tenant, mut incidents: Vec<Incident>) -> Self {
        let principals: Vec<TruePrincipal> = tenant.principals().map(TruePrincipal::from).collect();
        for incident in &mut incidents {
            let is_untold = |who: &TruePrincipal| incident.involved.contains(&who.principal_id) && !who.told_by_logs;
            incident.needs_inventory |= principals.iter().any(is_untold);
        }
        incidents.sort_by(|one, other| (&one.first_seen, one.rule_id).cmp(&(&other.first_seen, other.rule_id)));
        Self {
            schema_version: SCHEMA_VERSION,
            seed,
            tenant_id: tenant.id.clone(),
            records: 0,
            bytes: 0,
            incidents,
            principals,
        }
    }
}
