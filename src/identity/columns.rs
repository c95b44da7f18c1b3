//! The classified columns of a batch. What depends on one value of a dictionary is worked out once
//! per value that occurs, what depends on the principal once per principal.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, Float32Array, Int32Array};
use arrow::error::ArrowError;
use arrow::record_batch::RecordBatch;
use hashbrown::HashMap;

use super::decision::{Decision, SAS_DISCOUNT};
use super::evidence::{Key, Observation};
use super::known::Known;
use super::words::{ABSENT, Dictionary, Input, PerValue, filled, push, texts_of, vocabulary};
use super::{Classifier, place};
use crate::arm::{self, ArmId};
use crate::event::role;
use crate::event::schema::{self, COLUMNS};
use crate::event::vocabulary::{
    AuthType, IdentityKind, LogSource, OpClass, Plane, PrincipalVia, RoleClass, SrcIpClass, Stream, TokenKind,
};

/// OCSF class of a sign-in, Authentication. Numbers from OCSF 1.9.0-dev, read 2026-11.
const AUTHENTICATION: i32 = 3002;
/// OCSF class of a change to a directory object, Entity Management.
const ENTITY_MANAGEMENT: i32 = 3004;
/// OCSF class of role assignments, User Access Management.
const USER_ACCESS_MANAGEMENT: i32 = 3005;
/// OCSF class of management calls, API Activity.
const API_ACTIVITY: i32 = 6003;
/// OCSF class of access to data, Datastore Activity.
const DATASTORE_ACTIVITY: i32 = 6005;

/// Finished columns by name.
type Columns = BTreeMap<&'static str, ArrayRef>;

/// See [`Classifier::classify`].
pub(super) fn classify(classifier: &Classifier, decoded: &RecordBatch) -> Result<RecordBatch, ArrowError> {
    let input = Input(decoded);
    let keys = KeyColumns::of(&input)?;
    let actors = Actors::of(classifier, &keys);
    let targets = Targets::of(&classifier.known, &input)?;
    let mut columns = Columns::new();
    actors.write(&input, &mut columns)?;
    columns.insert("secret_bearing", actors.secrets(&input, &keys.auth)?);
    targets.write(&input, &mut columns)?;
    columns.insert("is_dbfs_root", targets.dbfs_roots(&classifier.known, &input, &keys.source)?);
    columns.insert("own_scope", own_scope(&actors, &targets));
    columns.insert("workspace_rid", workspaces(&keys.source, &actors, &targets)?);
    columns.insert("class_uid", classes(&input, &keys.source)?);
    let addresses = input.words("src_ip")?.per_value(address_class);
    columns.insert("src_ip_class", vocabulary(input.rows().map(|row| Some(class_at(&addresses, row))))?);
    write_grants(classifier, &input, &mut columns)?;
    let ordered: Result<Vec<ArrayRef>, ArrowError> = COLUMNS
        .iter()
        .map(|column| columns.remove(column.name).map_or_else(|| input.column(column.name).cloned(), Ok))
        .collect();
    RecordBatch::try_new(schema::events(), ordered?)
}

/// Who acted, in some rows.
struct Actor<'c> {
    decision: &'c Decision,
    /// The principal is the one whose key signed a SAS: row 12.
    by_sas: bool,
    /// Object id that the record does not have.
    object: Option<&'c str>,
}

impl Actor<'_> {
    /// Confidence, less what the detour over a SAS costs.
    fn confidence(&self) -> f32 {
        let confidence = self.decision.verdict.confidence;
        if self.by_sas { (confidence - SAS_DISCOUNT).max(0.0) } else { confidence }
    }

    fn classified_by(&self) -> String {
        let because = &self.decision.verdict.classified_by;
        if self.by_sas { format!("P12: user-delegation SAS, its key from {because}") } else { because.clone() }
    }

    fn is(&self, stream: Stream) -> bool {
        self.decision.verdict.stream == stream
    }
}

/// The distinct actors of a batch.
struct Actors<'c> {
    of_row: Vec<u32>,
    actors: Vec<Actor<'c>>,
}

impl<'c> Actors<'c> {
    fn of(classifier: &'c Classifier, columns: &KeyColumns<'_>) -> Self {
        let mut known: HashMap<[i32; 7], u32> = HashMap::new();
        let mut list = Self { of_row: Vec::with_capacity(columns.rows), actors: Vec::new() };
        for row in 0..columns.rows {
            let actor = known.entry(columns.codes(row)).or_insert_with(|| {
                let by_sas = columns.is_by_sas(row);
                let key = columns.observation(row).map_or(Key::Nobody, |observation| observation.key());
                let (decision, object) = classifier.find(key);
                let decision = classifier.decision(decision);
                push(&mut list.actors, Actor { decision, by_sas, object })
            });
            list.of_row.push(*actor);
        }
        list
    }

    fn at(&self, row: usize) -> Option<&Actor<'c>> {
        self.actors.get(*self.of_row.get(row)? as usize)
    }

    /// The actor of every row.
    fn each(&self) -> impl Iterator<Item = &Actor<'c>> {
        self.of_row.iter().filter_map(|&actor| self.actors.get(actor as usize))
    }

    fn write(&self, input: &Input<'_>, columns: &mut Columns) -> Result<(), ArrowError> {
        let verdicts = || self.each().map(|actor| &actor.decision.verdict);
        columns.insert("stream", vocabulary(verdicts().map(|verdict| Some(verdict.stream)))?);
        columns.insert("identity_kind", vocabulary(verdicts().map(|verdict| Some(verdict.kind)))?);
        let confidence: Float32Array = self.each().map(|actor| Some(actor.confidence())).collect();
        columns.insert("confidence", Arc::new(confidence));
        let mut because = Dictionary::default();
        let codes: Vec<i32> = self.actors.iter().map(|actor| because.code(&actor.classified_by())).collect();
        because.keys = self.of_row.iter().map(|&actor| codes.get(actor as usize).copied()).collect();
        columns.insert("classified_by", because.finish()?);
        let spoofs: BooleanArray = verdicts().map(|verdict| Some(verdict.name_spoof)).collect();
        columns.insert("name_spoof", Arc::new(spoofs));
        let object = |row: usize| self.at(row).and_then(|actor| actor.object);
        let principals = filled(input.column("principal_id")?, input.words("principal_id")?, object)?;
        columns.insert("principal_id", principals);
        Ok(())
    }

    /// `secret_bearing`: as the record says, else as is known of the principal. Storage, Key Vault
    /// and SQL records do not say with what a token was got.
    fn secrets(&self, input: &Input<'_>, auth: &PerValue<AuthType>) -> Result<ArrayRef, ArrowError> {
        let column = input.column("secret_bearing")?;
        let decoded = column.as_boolean_opt();
        let decoded = decoded.ok_or_else(|| ArrowError::SchemaError("'secret_bearing' is no boolean".to_owned()))?;
        let silent = |row: usize| {
            matches!(auth.get(row), Some(AuthType::Oauth | AuthType::Unknown | AuthType::DelegationSas) | None)
        };
        let holds = |row: usize| {
            self.at(row).is_some_and(|actor| {
                actor.decision.holds_secret && actor.decision.verdict.kind == IdentityKind::ServicePrincipal
            })
        };
        let secrets: BooleanArray = input
            .rows()
            .map(|row| Some(!decoded.is_null(row) && decoded.value(row) || silent(row) && holds(row)))
            .collect();
        Ok(Arc::new(secrets))
    }
}

/// The columns that tell one principal from another.
struct KeyColumns<'a> {
    rows: usize,
    principal: PerValue<&'a str>,
    app: PerValue<&'a str>,
    name: PerValue<&'a str>,
    category: PerValue<&'a str>,
    source: PerValue<LogSource>,
    token: PerValue<TokenKind>,
    auth: PerValue<AuthType>,
    via: PerValue<PrincipalVia>,
}

impl<'a> KeyColumns<'a> {
    fn of(input: &Input<'a>) -> Result<Self, ArrowError> {
        let texts = |name: &str| Ok::<_, ArrowError>(input.words(name)?.per_value(|text| text));
        Ok(Self {
            rows: input.rows().len(),
            principal: texts("principal_id")?,
            app: texts("app_id")?,
            name: texts("principal_name")?,
            category: texts("category")?,
            source: input.vocabulary("source", LogSource::from_word)?,
            token: input.vocabulary("token_kind", TokenKind::from_word)?,
            auth: input.vocabulary("auth_type", AuthType::from_word)?,
            via: input.vocabulary("principal_via", PrincipalVia::from_word)?,
        })
    }

    fn is_by_sas(&self, row: usize) -> bool {
        self.via.get(row) == Some(&PrincipalVia::SasSkoid) && self.principal.get(row).is_some()
    }

    /// What makes the principal of a row the same as another row's. Beside an object id nothing
    /// else counts but how it came about.
    fn codes(&self, row: usize) -> [i32; 7] {
        let principal = self.principal.place(row);
        if principal != ABSENT {
            return [principal, i32::from(self.is_by_sas(row)), ABSENT, ABSENT, ABSENT, ABSENT, ABSENT];
        }
        let (app, name, category) = (self.app.place(row), self.name.place(row), self.category.place(row));
        [ABSENT, app, name, category, self.source.place(row), self.token.place(row), self.auth.place(row)]
    }

    fn observation(&self, row: usize) -> Option<Observation<'a>> {
        Some(Observation {
            source: *self.source.get(row)?,
            token_kind: *self.token.get(row)?,
            auth_type: *self.auth.get(row)?,
            category: self.category.get(row).copied(),
            principal_id: self.principal.get(row).copied(),
            app_id: self.app.get(row).copied(),
            principal_name: self.name.get(row).copied(),
            mirid: None,
            az_rid: None,
            tenant_id: None,
            secret_bearing: false,
        })
    }
}

/// What follows from one `target_id`.
struct Target<'a> {
    id: &'a str,
    kind: String,
    name: Option<&'a str>,
    account: Option<&'a str>,
    workspace: Option<String>,
    in_managed_group: bool,
}

/// The targets of a batch.
struct Targets<'a>(PerValue<Target<'a>>);

impl<'a> Targets<'a> {
    fn of(known: &Known, input: &Input<'a>) -> Result<Self, ArrowError> {
        let targets = input.words("target_id")?.per_value(|id| {
            let mut kind = String::new();
            arm::resource_type(id, &mut kind);
            // An audit delivery names its workspace by the number alone.
            let by_number = || known.workspace_by_number(id.rsplit('/').next()?);
            Target {
                id,
                kind,
                name: place::root(id).map(|root| root.name),
                account: place::storage_account(id),
                workspace: place::workspace(id).or_else(by_number).map(str::to_owned),
                in_managed_group: known.managing_workspaces(id).is_some(),
            }
        });
        Ok(Self(targets))
    }

    fn write(&self, input: &Input<'_>, columns: &mut Columns) -> Result<(), ArrowError> {
        let targets = &self.0;
        let kind = |target: &Target<'_>| if target.kind.is_empty() { None } else { Some(target.kind.clone()) };
        columns.insert("target_type", texts_of(targets, kind)?);
        let subscription = |target: &Target<'_>| ArmId::parse(target.id).subscription.map(str::to_owned);
        columns.insert("subscription_id", texts_of(targets, subscription)?);
        let group = |target: &Target<'_>| ArmId::parse(target.id).resource_group.map(str::to_owned);
        columns.insert("resource_group", texts_of(targets, group)?);
        let name = |row: usize| targets.get(row).and_then(|target| target.name);
        columns.insert("target_name", filled(input.column("target_name")?, input.words("target_name")?, name)?);
        let managed = |row: usize| Some(targets.get(row).is_some_and(|target| target.in_managed_group));
        columns.insert("in_managed_rg", Arc::new(input.rows().map(managed).collect::<BooleanArray>()));
        Ok(())
    }

    fn dbfs_roots(
        &self,
        known: &Known,
        input: &Input<'_>,
        source: &PerValue<LogSource>,
    ) -> Result<ArrayRef, ArrowError> {
        let by_id = |target: &Target<'_>| target.account.map(|account| known.is_dbfs_root(account, Some(target.id)));
        let by_id: Vec<Option<bool>> = self.0.results.iter().map(by_id).collect();
        let by_name = input.words("target_name")?.per_value(|name| known.is_dbfs_root(name, None));
        let is_root = |row: usize| {
            let stated = usize::try_from(self.0.place(row)).ok().and_then(|at| by_id.get(at).copied().flatten());
            // Account names are unique in all of Azure; other services' names are not accounts.
            let named = || source.get(row) == Some(&LogSource::Storage) && by_name.get(row) == Some(&true);
            Some(stated.unwrap_or_else(named))
        };
        Ok(Arc::new(input.rows().map(is_root).collect::<BooleanArray>()))
    }
}

/// `own_scope`: the target is part of what the acting DBMI serves.
fn own_scope(actors: &Actors<'_>, targets: &Targets<'_>) -> ArrayRef {
    let mut known: HashMap<(u32, i32), bool> = HashMap::new();
    let rows = actors.of_row.iter().enumerate().map(|(row, &place)| {
        let actor = actors.actors.get(place as usize).filter(|actor| actor.is(Stream::Dbmi));
        let (Some(actor), Some(target)) = (actor, targets.0.get(row)) else { return Some(false) };
        let within = || self_and_ancestors(target.id).any(|id| actor.decision.scope.contains(id));
        Some(*known.entry((place, targets.0.place(row))).or_insert_with(within))
    });
    Arc::new(rows.collect::<BooleanArray>())
}

/// An id, and everything that it lies in.
fn self_and_ancestors(id: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(id), |id| id.rsplit_once('/').map(|(parent, _)| parent))
}

/// `workspace_rid`: the workspace that logged, for Databricks; else the one that the actor serves.
fn workspaces(
    source: &PerValue<LogSource>,
    actors: &Actors<'_>,
    targets: &Targets<'_>,
) -> Result<ArrayRef, ArrowError> {
    let mut dictionary = Dictionary::default();
    let mut codes = |texts: Vec<Option<&str>>| -> Vec<Option<i32>> {
        texts.into_iter().map(|text| text.map(|text| dictionary.code(text))).collect()
    };
    let own = codes(actors.actors.iter().map(|actor| actor.decision.verdict.workspace_rid.as_deref()).collect());
    let logging = codes(targets.0.results.iter().map(|target| target.workspace.as_deref()).collect());
    let code = |row: usize| {
        let (codes, place) = if source.get(row) == Some(&LogSource::Databricks) {
            (&logging, usize::try_from(targets.0.place(row)).ok()?)
        } else {
            (&own, *actors.of_row.get(row)? as usize)
        };
        codes.get(place).copied().flatten()
    };
    dictionary.keys = (0..actors.of_row.len()).map(code).collect();
    dictionary.finish()
}

/// `class_uid`.
fn classes(input: &Input<'_>, source: &PerValue<LogSource>) -> Result<ArrayRef, ArrowError> {
    let op_class = input.vocabulary("op_class", OpClass::from_word)?;
    let plane = input.vocabulary("plane", Plane::from_word)?;
    let class = |row: usize| Some(class_of(*source.get(row)?, *op_class.get(row)?, *plane.get(row)?));
    Ok(Arc::new(input.rows().map(class).collect::<Int32Array>()))
}

fn class_of(source: LogSource, op_class: OpClass, plane: Plane) -> i32 {
    let grants = matches!(op_class, OpClass::RoleAssign | OpClass::RoleRevoke);
    match (source, plane) {
        _ if grants => USER_ACCESS_MANAGEMENT,
        (LogSource::Signin, _) => AUTHENTICATION,
        (LogSource::EntraAudit | LogSource::Inventory, _) => ENTITY_MANAGEMENT,
        (LogSource::Storage | LogSource::Sql, _) | (LogSource::KeyVault | LogSource::Databricks, Plane::Data) => {
            DATASTORE_ACTIVITY
        }
        (LogSource::Activity | LogSource::KeyVault | LogSource::Databricks, _) => API_ACTIVITY,
    }
}

fn class_at(addresses: &PerValue<SrcIpClass>, row: usize) -> SrcIpClass {
    addresses.get(row).copied().unwrap_or(SrcIpClass::None)
}

/// The class of a source address. What is no address is none: nothing may be said about it.
fn address_class(text: &str) -> SrcIpClass {
    match text.parse::<IpAddr>().map(|address| address.to_canonical()) {
        Ok(address) if address.is_unspecified() => SrcIpClass::None,
        Ok(IpAddr::V4(address)) if is_private_v4(address) => SrcIpClass::Private,
        Ok(IpAddr::V6(address)) if is_private_v6(address) => SrcIpClass::Private,
        Ok(_) => SrcIpClass::Public,
        Err(_) => SrcIpClass::None,
    }
}

/// RFC 1918, loopback, link-local, and 100.64.0.0/10 of RFC 6598.
fn is_private_v4(address: Ipv4Addr) -> bool {
    let [first, second, ..] = address.octets();
    address.is_private() || address.is_loopback() || address.is_link_local() || first == 100 && second & 0xc0 == 64
}

/// Loopback, unique local (`fc00::/7`) and link-local (`fe80::/10`).
fn is_private_v6(address: Ipv6Addr) -> bool {
    address.is_loopback() || address.is_unique_local() || address.is_unicast_link_local()
}

/// The columns about roles: what they allow, on how much, and who receives them.
fn write_grants(classifier: &Classifier, input: &Input<'_>, columns: &mut Columns) -> Result<(), ArrowError> {
    let roles = input.words("role_id")?.per_value(|id| role::lookup(id).map_or(RoleClass::Unknown, |role| role.class));
    columns.insert("role_class", vocabulary(input.rows().map(|row| roles.get(row).copied()))?);
    let scopes = input.words("scope")?.per_value(role::scope_level);
    columns.insert("scope_level", vocabulary(input.rows().map(|row| scopes.get(row).copied().flatten()))?);
    let assignees = input.words("assignee_id")?.per_value(|id| {
        let verdict = classifier.by_object_id(id);
        verdict.map_or((Stream::Other, IdentityKind::Unknown), |verdict| (verdict.stream, verdict.kind))
    });
    let assignee = |row: usize| assignees.get(row).copied();
    columns.insert("assignee_stream", vocabulary(input.rows().map(|row| Some(assignee(row)?.0)))?);
    columns.insert("assignee_kind", vocabulary(input.rows().map(|row| Some(assignee(row)?.1)))?);
    Ok(())
}
