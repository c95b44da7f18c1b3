//! What the logs say about principals, collected by identity key.

use std::collections::{BTreeMap, BTreeSet};

use hashbrown::HashMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::place;
use crate::arm;
use crate::event::vocabulary::{AuthType, IdentityKind, LogSource, TokenKind};

/// Name of the user-assigned identity that Databricks makes in each managed resource group, the
/// same in every workspace. Seen in a real sign-in record, 2025.
pub(super) const WORKSPACE_IDENTITY_NAME: &str = "dbmanagedidentity";

/// Name of the access connector that a workspace with Unity Catalog makes in its managed resource
/// group. Seen in public resource inventories.
pub(super) const AUTOMATIC_CONNECTOR_NAME: &str = "unity-catalog-access-connector";

/// How many names are kept for one principal; the smallest ones, so that the order of records does
/// not matter. A log can give one object id any number of names.
const MAX_NAMES: usize = 8;

/// What one record says about the principal that acted; borrowed, folded values.
#[derive(Debug, Clone, Copy)]
pub struct Observation<'a> {
    /// The log.
    pub source: LogSource,
    /// Whom the token was issued to.
    pub token_kind: TokenKind,
    /// How the caller proved itself.
    pub auth_type: AuthType,
    /// `category` (sign-in kinds).
    pub category: Option<&'a str>,
    /// Object id.
    pub principal_id: Option<&'a str>,
    /// Application id.
    pub app_id: Option<&'a str>,
    /// Name that the record gives.
    pub principal_name: Option<&'a str>,
    /// `xms_mirid` or `associatedResourceId`, folded.
    pub mirid: Option<&'a str>,
    /// `xms_az_rid`, folded.
    pub az_rid: Option<&'a str>,
    /// Entra tenant.
    pub tenant_id: Option<&'a str>,
    /// The principal holds a secret or certificate.
    pub secret_bearing: bool,
}

/// Under what a record's principal is classified.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Key<'a> {
    /// An object id.
    Object(&'a str),
    /// The application id of an app-only token without an object id.
    Application(&'a str),
    /// The name of a person, or of a login that Entra does not know.
    Name(&'a str),
    /// A person of whom nothing is said.
    SomeUser,
    /// Somebody, of whom nothing usable is said.
    Somebody,
    /// No principal, but the kind of access: a key, a SAS, anonymous.
    Access(IdentityKind),
    /// No principal.
    Nobody,
}

/// The kinds of sign-in that a category names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum SigninKind {
    Managed,
    Service,
    Other,
}

impl<'a> Observation<'a> {
    /// The key that this record's principal goes by: object id, else a user's name, else the
    /// application id, else the kind of record.
    pub(super) fn key(&self) -> Key<'a> {
        if let Some(id) = self.principal_id {
            return Key::Object(id);
        }
        let access = match self.auth_type {
            AuthType::AccountKey => Some(IdentityKind::Key),
            AuthType::Sas | AuthType::DelegationSas => Some(IdentityKind::Sas),
            AuthType::Anonymous => Some(IdentityKind::Anonymous),
            _ => None,
        };
        if let Some(kind) = access {
            return Key::Access(kind);
        }
        if self.is_user() {
            return self.principal_name.map_or(Key::SomeUser, Key::Name);
        }
        match (self.app_id, self.principal_name) {
            (Some(app), _) if self.is_app_only() => Key::Application(app),
            (_, Some(name)) => Key::Name(name),
            (Some(_), None) => Key::Somebody,
            (None, None) => Key::Nobody,
        }
    }

    /// Whether a person acted, through whatever application.
    pub(super) fn is_user(&self) -> bool {
        match self.token_kind {
            TokenKind::User => true,
            TokenKind::App => false,
            TokenKind::Unknown => {
                self.signin_kind() == SigninKind::Other && self.principal_name.is_some_and(is_user_name)
            }
        }
    }

    /// Whether the application acted for itself: only then does the application id say who.
    fn is_app_only(&self) -> bool {
        match self.token_kind {
            TokenKind::App => true,
            TokenKind::User => false,
            // SQL and Databricks name a principal by its client id only where that principal is an
            // application: `clientId@tenantId`, or a GUID in place of the e-mail address.
            TokenKind::Unknown => {
                self.signin_kind() != SigninKind::Other
                    || self.principal_id.is_none()
                        && matches!(self.source, LogSource::Sql | LogSource::Databricks)
                        && !self.principal_name.is_some_and(is_user_name)
            }
        }
    }

    /// `MicrosoftServicePrincipalSignInLogs` is a service principal's, too.
    fn signin_kind(&self) -> SigninKind {
        match self.category {
            Some(category) if contains_ignore_case(category, "managedidentity") => SigninKind::Managed,
            Some(category) if contains_ignore_case(category, "serviceprincipal") => SigninKind::Service,
            _ => SigninKind::Other,
        }
    }
}

/// Whether a name has the form of a user principal name. `clientId@tenantId`, as SQL writes it, has
/// not: <https://github.com/MicrosoftDocs/sql-docs/issues/9584>, read 2026-11.
fn is_user_name(name: &str) -> bool {
    name.split_once('@').is_some_and(|(user, domain)| !user.is_empty() && !domain.is_empty() && !arm::is_guid(user))
}

/// Whether ASCII `text` contains `part`, which is in lower case.
fn contains_ignore_case(text: &str, part: &str) -> bool {
    text.as_bytes().windows(part.len()).any(|window| window.eq_ignore_ascii_case(part.as_bytes()))
}

/// What the logs say about principals, by identity key. Merging is commutative and idempotent.
#[derive(Debug, Default, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Evidence {
    /// By object id.
    #[serde(serialize_with = "in_order", deserialize_with = "from_any_order")]
    pub(super) objects: HashMap<String, Facts>,
    /// By application id, of app-only tokens without an object id.
    #[serde(serialize_with = "in_order", deserialize_with = "from_any_order")]
    pub(super) applications: HashMap<String, Facts>,
    /// By name.
    #[serde(serialize_with = "in_order", deserialize_with = "from_any_order")]
    pub(super) names: HashMap<String, Facts>,
}

/// A yes-or-no statement about a principal, as one bit of [`Facts`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Flag {
    /// A person's token carried it.
    User = 1,
    /// An app-only token carried it.
    App = 1 << 1,
    /// It holds a secret or certificate.
    Secret = 1 << 2,
    /// A managed identity's token carried it.
    Managed = 1 << 3,
    /// It did what a managed identity cannot: it used a client secret, or signed in as a service
    /// principal.
    NotManaged = 1 << 4,
    /// It signed in under [`WORKSPACE_IDENTITY_NAME`].
    NamedWorkspaceIdentity = 1 << 5,
    /// It signed in under [`AUTOMATIC_CONNECTOR_NAME`].
    NamedConnector = 1 << 6,
}

/// What is known of one key.
#[derive(Debug, Default, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Facts {
    pub(super) mirids: BTreeSet<String>,
    /// Resource groups of the virtual machines that asked for its tokens. The machines themselves
    /// come and go by the thousand.
    pub(super) machine_groups: BTreeSet<String>,
    /// The smallest [`MAX_NAMES`] names.
    pub(super) names: BTreeSet<String>,
    /// Application ids of its app-only tokens.
    pub(super) app_ids: BTreeSet<String>,
    pub(super) tenants: BTreeSet<String>,
    flags: u8,
}

impl Facts {
    pub(super) fn has(&self, flag: Flag) -> bool {
        self.flags & flag as u8 != 0
    }

    fn set(&mut self, flag: Flag, holds: bool) {
        if holds {
            self.flags |= flag as u8;
        }
    }

    fn observe(&mut self, seen: &Observation<'_>) {
        insert(&mut self.tenants, seen.tenant_id);
        // A user-delegation SAS names the principal that obtained its key. Everything else in the
        // record is about whoever presents it.
        if seen.auth_type == AuthType::DelegationSas {
            return;
        }
        let app_only = seen.is_app_only();
        let signin_kind = seen.signin_kind();
        insert(&mut self.mirids, seen.mirid);
        let machine = seen.az_rid.filter(|id| place::is_machine(id));
        insert(&mut self.machine_groups, machine.and_then(place::resource_group));
        insert(&mut self.app_ids, seen.app_id.filter(|_| app_only && seen.principal_id.is_some()));
        self.set(Flag::User, seen.is_user());
        self.set(Flag::App, app_only);
        let proof = matches!(seen.auth_type, AuthType::Secret | AuthType::Certificate);
        self.set(Flag::Secret, seen.secret_bearing || proof);
        let has_resource = seen.mirid.is_some() && seen.token_kind == TokenKind::App;
        let managed = signin_kind == SigninKind::Managed || seen.auth_type == AuthType::Msi;
        self.set(Flag::Managed, managed || has_resource);
        // A certificate disproves nothing: managed identities authenticate with one inside Azure,
        // and their tokens say `appidacr` 2.
        let unlike_managed = signin_kind == SigninKind::Service || seen.auth_type == AuthType::Secret;
        self.set(Flag::NotManaged, unlike_managed);
        self.observe_name(seen);
    }

    fn observe_name(&mut self, seen: &Observation<'_>) {
        let Some(name) = seen.principal_name else { return };
        if seen.source == LogSource::Signin && !seen.is_user() {
            self.set(Flag::NamedWorkspaceIdentity, name.eq_ignore_ascii_case(WORKSPACE_IDENTITY_NAME));
            self.set(Flag::NamedConnector, name.eq_ignore_ascii_case(AUTOMATIC_CONNECTOR_NAME));
        }
        // The Activity Log's caller repeats the object id.
        let is_beyond = self.names.len() >= MAX_NAMES && self.names.last().is_some_and(|last| last.as_str() < name);
        if !is_beyond && !arm::is_guid(name) {
            insert(&mut self.names, Some(name));
            self.drop_names();
        }
    }

    fn drop_names(&mut self) {
        while self.names.len() > MAX_NAMES {
            self.names.pop_last();
        }
    }

    fn merge(&mut self, other: Self) {
        self.mirids.extend(other.mirids);
        self.machine_groups.extend(other.machine_groups);
        self.names.extend(other.names);
        self.drop_names();
        self.app_ids.extend(other.app_ids);
        self.tenants.extend(other.tenants);
        self.flags |= other.flags;
    }
}

/// Inserts without allocating what is there already.
fn insert(set: &mut BTreeSet<String>, value: Option<&str>) {
    if let Some(value) = value.filter(|value| !set.contains(*value)) {
        set.insert(value.to_owned());
    }
}

impl Evidence {
    /// Adds what one record says. Cheap where it says nothing new.
    pub fn observe(&mut self, observation: &Observation<'_>) {
        let (map, key) = match observation.key() {
            Key::Object(id) => (&mut self.objects, id),
            Key::Application(id) => (&mut self.applications, id),
            Key::Name(name) => (&mut self.names, name),
            Key::SomeUser | Key::Somebody | Key::Access(_) | Key::Nobody => return,
        };
        map.entry_ref(key).or_default().observe(observation);
    }

    /// Adds what another part of the run collected.
    pub fn merge(&mut self, other: Self) {
        merge_map(&mut self.objects, other.objects);
        merge_map(&mut self.applications, other.applications);
        merge_map(&mut self.names, other.names);
    }
}

/// Each entry goes into its own: the order of the map leaves no trace.
fn merge_map(mine: &mut HashMap<String, Facts>, other: HashMap<String, Facts>) {
    for (key, facts) in other {
        mine.entry(key).or_default().merge(facts);
    }
}

/// The same evidence is written in the same bytes.
fn in_order<S: Serializer>(map: &HashMap<String, Facts>, serializer: S) -> Result<S::Ok, S::Error> {
    map.iter().collect::<BTreeMap<_, _>>().serialize(serializer)
}

fn from_any_order<'de, D: Deserializer<'de>>(deserializer: D) -> Result<HashMap<String, Facts>, D::Error> {
    Ok(BTreeMap::deserialize(deserializer)?.into_iter().collect())
}
