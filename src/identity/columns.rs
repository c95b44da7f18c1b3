//! The classified columns of a batch. What depends on one value of a dictionary is worked out once
//! per value that occurs, what depends on the principal once per principal.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Float32Array, Int32Array};
use arrow::error::ArrowError;
use arrow::record_batch::RecordBatch;
use hashbrown::HashMap;

use super::decision::{Decision, SAS_DISCOUNT};
use super::evidence::{Key, Observation};
use super::known::Known;
use super::words::{ABSENT, Dictionary, Input, PerValue, filled, flags, push};
use super::{Classifier, place};
use crate::arm::{self, ArmId};
use crate::event::builder::word_array;
use crate::event::role;
use crate::event::schema::{self, COLUMNS};
use crate::event::vocabulary::{
    AuthType, IdentityKind, LogSource, OpClass, Plane, PrincipalVia, RoleClass, SrcIpClass, Stream, TokenKind, Word,
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
    let address = |row: usize| addresses.get(row).copied().unwrap_or(SrcIpClass::None).code();
    columns.insert("src_ip_class", word_array::<SrcIpClass>(input.rows().map(address).collect())?);
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
        let mut list = Self { of_row: Vec::with_capacity(columns.rows), actors: Vec::new() };
        // Of each object id, the actor itself and the one whose key signed a SAS: nothing else counts then.
        let mut by_id = vec![[None; 2]; columns.principal.results.len()];
        let mut by_rest: HashMap<[i32; 6], u32> = HashMap::new();
        for row in 0..columns.rows {
            let by_sas = columns.is_by_sas(row);
            let add = || {
                let key = columns.observation(row).map_or(Key::Nobody, |observation| observation.key());
                let (decision, object) = classifier.find(key);
                let decision = classifier.decision(decision);
                push(&mut list.actors, Actor { decision, by_sas, object })
            };
            let id = usize::try_from(columns.principal.place(row)).ok().and_then(|id| by_id.get_mut(id));
            let actor = match id {
                Some([_, actor]) if by_sas => *actor.get_or_insert_with(add),
                Some([actor, _]) => *actor.get_or_insert_with(add),
                None => *by_rest.entry(columns.rest(row)).or_insert_with(add),
            };
            list.of_row.push(actor);
        }
        list
    }

    fn at(&self, row: usize) -> Option<&Actor<'c>> {
        self.actors.get(*self.of_row.get(row)? as usize)
    }

    /// Something of every row, from what it is for every actor.
    fn each<T: Copy>(&self, of_actor: impl FnMut(&Actor<'c>) -> T) -> impl Iterator<Item = T> {
        let of_actor: Vec<T> = self.actors.iter().map(of_actor).collect();
        self.of_row.iter().filter_map(move |&actor| of_actor.get(actor as usize).copied())
    }

    fn words<W: Word>(&self, word: impl Fn(&Actor<'c>) -> W) -> Result<ArrayRef, ArrowError> {
        word_array::<W>(self.each(|actor| word(actor).code()).collect())
    }

    fn write(&self, input: &Input<'_>, columns: &mut Columns) -> Result<(), ArrowError> {
        columns.insert("stream", self.words(|actor| actor.decision.verdict.stream)?);
        columns.insert("identity_kind", self.words(|actor| actor.decision.verdict.kind)?);
        columns.insert("confidence", Arc::new(Float32Array::from_iter_values(self.each(Actor::confidence))));
        let mut because = Dictionary::default();
        let codes = self.each(|actor| because.code(&actor.classified_by())).collect();
        columns.insert("classified_by", because.finish(codes)?);
        let spoofs = |row: usize| self.at(row).is_some_and(|actor| actor.decision.verdict.name_spoof);
        columns.insert("name_spoof", flags(self.of_row.len(), spoofs));
        let object = |row: usize| self.at(row).and_then(|actor| actor.object);
        let principals = filled(input.column("principal_id")?, input.words("principal_id")?, object)?;
        columns.insert("principal_id", principals);
        Ok(())
    }

    /// `secret_bearing`: as the record says, else as is known of the principal. Storage, Key Vault
    /// and SQL records do not say with what a token was got.
    fn secrets(&self, input: &Input<'_>, auth: &PerValue<'_, AuthType>) -> Result<ArrayRef, ArrowError> {
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
        let says = |row: usize| !decoded.is_null(row) && decoded.value(row);
        Ok(flags(decoded.len(), |row| says(row) || silent(row) && holds(row)))
    }
}

/// The columns that tell one principal from another.
struct KeyColumns<'a> {
    rows: usize,
    principal: PerValue<'a, &'a str>,
    app: PerValue<'a, &'a str>,
    name: PerValue<'a, &'a str>,
    category: PerValue<'a, &'a str>,
    source: PerValue<'a, LogSource>,
    token: PerValue<'a, TokenKind>,
    auth: PerValue<'a, AuthType>,
    via: PerValue<'a, PrincipalVia>,
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

    /// What makes the principal of a row without an object id the same as another row's.
    fn rest(&self, row: usize) -> [i32; 6] {
        let (app, name, category) = (self.app.place(row), self.name.place(row), self.category.place(row));
        [app, name, category, self.source.place(row), self.token.place(row), self.auth.place(row)]
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
struct Targets<'a>(PerValue<'a, Target<'a>>);

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
        columns.insert("target_type", targets.texts(|target| Some(&*target.kind).filter(|kind| !kind.is_empty()))?);
        columns.insert("subscription_id", targets.texts(|target| ArmId::parse(target.id).subscription)?);
        columns.insert("resource_group", targets.texts(|target| ArmId::parse(target.id).resource_group)?);
        let name = |row: usize| targets.get(row).and_then(|target| target.name);
        columns.insert("target_name", filled(input.column("target_name")?, input.words("target_name")?, name)?);
        let managed = |row: usize| targets.get(row).is_some_and(|target| target.in_managed_group);
        columns.insert("in_managed_rg", flags(input.rows().len(), managed));
        Ok(())
    }

    fn dbfs_roots(
        &self,
        known: &Known,
        input: &Input<'_>,
        source: &PerValue<'_, LogSource>,
    ) -> Result<ArrayRef, ArrowError> {
        let by_id = |target: &Target<'_>| target.account.map(|account| known.is_dbfs_root(account, Some(target.id)));
        let by_id: Vec<Option<bool>> = self.0.results.iter().map(|target| target.as_ref().and_then(by_id)).collect();
        let by_name = input.words("target_name")?.per_value(|name| known.is_dbfs_root(name, None));
        let is_root = |row: usize| {
            let stated = usize::try_from(self.0.place(row)).ok().and_then(|at| by_id.get(at).copied().flatten());
            // Account names are unique in all of Azure; other services' names are not accounts.
            let named = || source.get(row) == Some(&LogSource::Storage) && by_name.get(row) == Some(&true);
            stated.unwrap_or_else(named)
        };
        Ok(flags(input.rows().len(), is_root))
    }
}

/// `own_scope`: the target is part of what the acting DBMI serves.
fn own_scope(actors: &Actors<'_>, targets: &Targets<'_>) -> ArrayRef {
    let mut known: HashMap<(u32, i32), bool> = HashMap::new();
    flags(actors.of_row.len(), |row| {
        let (Some(&place), Some(target)) = (actors.of_row.get(row), targets.0.get(row)) else { return false };
        let actor = actors.actors.get(place as usize).filter(|actor| actor.is(Stream::Dbmi));
        let Some(actor) = actor else { return false };
        let within = || self_and_ancestors(target.id).any(|id| actor.decision.scope.contains(id));
        *known.entry((place, targets.0.place(row))).or_insert_with(within)
    })
}

/// An id, and everything that it lies in.
fn self_and_ancestors(id: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(id), |id| id.rsplit_once('/').map(|(parent, _)| parent))
}

/// `workspace_rid`: the workspace that logged, for Databricks; else the one that the actor serves.
fn workspaces(
    source: &PerValue<'_, LogSource>,
    actors: &Actors<'_>,
    targets: &Targets<'_>,
) -> Result<ArrayRef, ArrowError> {
    let mut dictionary = Dictionary::default();
    let mut code = |text: Option<&str>| text.map_or(ABSENT, |text| dictionary.code(text));
    let own = actors.actors.iter().map(|actor| code(actor.decision.verdict.workspace_rid.as_deref()));
    let own: Vec<i32> = own.collect();
    let logging =
        targets.0.results.iter().map(|target| code(target.as_ref().and_then(|target| target.workspace.as_deref())));
    let logging: Vec<i32> = logging.collect();
    let code = |row: usize| {
        let (codes, place) = if source.get(row) == Some(&LogSource::Databricks) {
            (&logging, usize::try_from(targets.0.place(row)).ok()?)
        } else {
            (&own, *actors.of_row.get(row)? as usize)
        };
        codes.get(place).copied()
    };
    dictionary.finish((0..actors.of_row.len()).map(|row| code(row).unwrap_or(ABSENT)).collect())
}

/// `class_uid`.
fn classes(input: &Input<'_>, source: &PerValue<'_, LogSource>) -> Result<ArrayRef, ArrowError> {
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
    columns.insert("role_class", roles.column(|class| Some(*class))?);
    let scopes = input.words("scope")?.per_value(role::scope_level);
    columns.insert("scope_level", scopes.column(|level| *level)?);
    let assignees = input.words("assignee_id")?.per_value(|id| {
        let verdict = classifier.by_object_id(id);
        verdict.map_or((Stream::Other, IdentityKind::Unknown), |verdict| (verdict.stream, verdict.kind))
    });
    columns.insert("assignee_stream", assignees.column(|(stream, _)| Some(*stream))?);
    columns.insert("assignee_kind", assignees.column(|(_, kind)| Some(*kind))?);
    Ok(())
}
