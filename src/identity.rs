//! Who is who: inventory, evidence from the logs, the decision table, and the columns it gives.

use arrow::error::ArrowError;
use arrow::record_batch::RecordBatch;

use crate::event::vocabulary::{AuthType, IdentityKind, LogSource, PrincipalVia, Stream, TokenKind};
use crate::format::InventoryKind;
use crate::json::Value;

/// What one record says about the principal that acted; borrowed, folded values.
#[derive(Debug, Clone, Copy)]
pub struct Observation<'a> {
    /// The log.
    pub source: LogSource,
    /// Whom the token was issued to.
    pub token_kind: TokenKind,
    /// How the caller proved itself.
    pub auth_type: AuthType,
    /// Where the object id came from.
    pub principal_via: PrincipalVia,
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

/// What inventory exports and `…/write` bodies say. Adding is commutative: the order of files and
/// records does not matter.
#[derive(Debug, Default)]
pub struct Inventory {}

impl Inventory {
    /// Adds one inventory record. `origin` names where it was read.
    pub fn add(&mut self, _kind: InventoryKind, _root: Value<'_>, _origin: &str) {}

    /// Adds the resource that a successful `accessConnectors/write` or `workspaces/write` tells of:
    /// its folded id and its request or response body.
    pub fn add_from_log(&mut self, _target_id: &str, _body: Value<'_>) {}

    /// Adds what another part of the run collected.
    pub fn merge(&mut self, _other: Self) {}
}

/// What the logs say about principals, by identity key. Merging is commutative.
#[derive(Debug, Default)]
pub struct Evidence {}

impl Evidence {
    /// Adds what one record says.
    pub fn observe(&mut self, _observation: &Observation<'_>) {}

    /// Adds what another part of the run collected.
    pub fn merge(&mut self, _other: Self) {}
}

/// The decision on one principal.
#[derive(Debug, Clone, PartialEq)]
pub struct Verdict {
    /// Its stream.
    pub stream: Stream,
    /// Its kind.
    pub kind: IdentityKind,
    /// 0 to 1.
    pub confidence: f32,
    /// The row of the decision table and its evidence in words, `P7: xms_mirid names an access connector`.
    pub classified_by: String,
    /// Workspace that it belongs to, folded ARM id.
    pub workspace_rid: Option<String>,
    /// ARM id of the identity or connector, folded.
    pub arm_id: Option<String>,
    /// Carries a Databricks identity's name without being one.
    pub name_spoof: bool,
}

/// Inventory and evidence, decided.
#[derive(Debug)]
pub struct Classifier {}

impl Classifier {
    /// Decides every principal once over all that is known.
    pub fn build(_inventory: Inventory, _evidence: &Evidence) -> Self {
        Self {}
    }

    /// The verdict on an object id (folded), as assignee or SAS key owner.
    pub fn by_object_id(&self, _object_id: &str) -> Option<&Verdict> {
        None
    }

    /// Adds the columns of [`Stage::Classified`](crate::event::schema::Stage) to a batch of the
    /// decoded schema and returns it in the order of the events schema. `locations` must be a
    /// column of the input already (added by `lake`), as a `Utf8` column named so.
    ///
    /// # Errors
    ///
    /// An [`ArrowError`] when the batch is not of that schema: a defect of ours.
    pub fn classify(&self, _decoded: &RecordBatch) -> Result<RecordBatch, ArrowError> {
        Err(ArrowError::NotYetImplemented(String::new()))
    }

    /// x
    pub fn identities(&self) -> Vec<KnownIdentity> {
        Vec::new()
    }

    /// The side tables `identities`, `workspaces`, `connectors`, `governed`, each as one batch.
    ///
    /// # Errors
    ///
    /// An [`ArrowError`]: a defect of ours.
    pub fn side_tables(&self) -> Result<Vec<(&'static str, RecordBatch)>, ArrowError> {
        Ok(Vec::new())
    }
}

/// x
#[derive(Debug)]
pub struct KnownIdentity {
    /// x
    pub principal_id: Option<String>,
    /// x
    pub app_id: Option<String>,
    /// x
    pub name: Option<String>,
    /// x
    pub verdict: Verdict,
}
