//! The event's columns: name, type, nullability and meaning, in one table.
//!
//! [`COLUMNS`] is the order in every batch and every output. Columns of [`Stage::Decoded`] come
//! from the record; those of [`Stage::Classified`] need the whole input.

use std::collections::BTreeSet;
use std::sync::{Arc, LazyLock};

use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};

use super::vocabulary::{
    Activity, AudienceKind, AuthType, BodyFrom, Form, IdentityKind, LogSource, OpClass, Outcome, Phase, Plane,
    PrincipalVia, RoleClass, ScopeLevel, SrcIpClass, Stream, TokenKind, Word as _,
};

/// How a text value is made comparable when it is first seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fold {
    /// Left as it is.
    Verbatim,
    /// ASCII lower case.
    Lower,
    /// A GUID with or without dashes or braces to lower case with dashes; other text to lower
    /// case; empty to null.
    Guid,
    /// An ARM id to lower case without a trailing slash; empty to null.
    ArmId,
    /// An IP address without port or brackets; empty to null.
    Ip,
    /// Empty to null, else as it is.
    NonEmpty,
}

/// When a column gets its values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// From the record alone.
    Decoded,
    /// From the whole input, after identities are known.
    Classified,
}

/// The Arrow type of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ColumnType {
    /// `Timestamp(Microsecond, "UTC")`
    Time,
    /// `Dictionary(Int32, Utf8)`
    Dictionary,
    /// `Utf8`
    Text,
    /// `Int64`
    Int,
    /// `Int32`
    Int32,
    /// `Float64`
    Float,
    /// `Float32`
    Float32,
    /// `Boolean`
    Bool,
}

impl ColumnType {
    /// The Arrow type.
    pub fn data_type(self) -> DataType {
        match self {
            Self::Time => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
            Self::Dictionary => DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8)),
            Self::Text => DataType::Utf8,
            Self::Int => DataType::Int64,
            Self::Int32 => DataType::Int32,
            Self::Float => DataType::Float64,
            Self::Float32 => DataType::Float32,
            Self::Bool => DataType::Boolean,
        }
    }
}

/// One column of the event.
#[derive(Debug, Clone, Copy)]
pub struct Column {
    /// Its name in SQL and every output.
    pub name: &'static str,
    /// Its type.
    pub column_type: ColumnType,
    /// Whether it can be null.
    pub nullable: bool,
    /// When it is filled.
    pub stage: Stage,
    /// What it means.
    pub doc: &'static str,
}

macro_rules! text_columns {
    ($($variant:ident = $name:literal, $fold:ident;)+) => {
        /// The columns of free text that formats fill.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum TextColumn { $(#[doc = concat!("`", $name, "`")] $variant,)+ }

        impl TextColumn {
            /// All of them, in the order of their codes.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];
            /// How many there are.
            pub const COUNT: usize = Self::ALL.len();
            /// The column's name.
            pub const fn name(self) -> &'static str { match self { $(Self::$variant => $name,)+ } }
            /// How its values are folded.
            pub const fn fold(self) -> Fold { match self { $(Self::$variant => Fold::$fold,)+ } }
        }
    };
}

text_columns! {
    Category = "category", NonEmpty;
    Operation = "operation", Lower;
    OperationRaw = "operation_raw", Verbatim;
    ResultCode = "result_code", NonEmpty;
    PrincipalId = "principal_id", Guid;
    RequesterId = "requester_id", Guid;
    AppId = "app_id", Guid;
    PrincipalName = "principal_name", NonEmpty;
    Mirid = "mirid", ArmId;
    AzRid = "az_rid", ArmId;
    TenantId = "tenant_id", Guid;
    SrcIp = "src_ip", Ip;
    UserAgent = "user_agent", NonEmpty;
    TargetId = "target_id", ArmId;
    TargetName = "target_name", Lower;
    Container = "container", NonEmpty;
    ObjectPath = "object_path", NonEmpty;
    AudienceAppId = "audience_app_id", Guid;
    RoleId = "role_id", Guid;
    RoleAssignmentId = "role_assignment_id", Guid;
    AssigneeId = "assignee_id", Guid;
    Scope = "scope", ArmId;
    RequestBody = "request_body", NonEmpty;
    ResponseBody = "response_body", NonEmpty;
    CorrelationId = "correlation_id", Guid;
    OperationId = "operation_id", Guid;
    TokenUti = "token_uti", NonEmpty;
    TokenHash = "token_hash", NonEmpty;
    PrincipalRef = "principal_ref", ArmId;
}

macro_rules! columns {
    ($($name:literal $type:ident $null:ident $stage:ident $doc:literal;)+) => {
        /// Every column, in order.
        pub const COLUMNS: &[Column] = &[$(Column {
            name: $name,
            column_type: ColumnType::$type,
            nullable: columns!(@$null),
            stage: Stage::$stage,
            doc: $doc,
        },)+];
    };
    (@null) => { true };
    (@set) => { false };
}

columns! {
    "time" Time set Decoded "When it happened. Sign-ins: when the token was asked for, not when the record was written.";
    "event_uid" Text set Decoded "128 bits of BLAKE3 as hex; the same for the same event in every export form (see uid).";
    "source" Dictionary set Decoded "The log it belongs to.";
    "form" Dictionary set Decoded "The export form of the primary record.";
    "category" Dictionary null Decoded "The log category as Azure names it.";
    "class_uid" Int32 set Classified "OCSF class: 6003 API activity, 3002 authentication, 6005 datastore activity, 3005 user access management, 3004 entity management.";
    "activity" Dictionary set Decoded "The kind of act.";
    "plane" Dictionary set Decoded "The part of the system.";
    "operation" Dictionary set Decoded "Operation name in lower case.";
    "operation_raw" Dictionary null Decoded "Operation name as the record has it.";
    "op_class" Dictionary set Decoded "Class of the operation.";
    "outcome" Dictionary set Decoded "How it ended; a Start or Accept record is 'unknown'.";
    "result_code" Dictionary null Decoded "Azure's own code: sub-status, error code or HTTP status.";
    "phase" Dictionary set Decoded "Start, accept or terminal record of an operation.";
    "deny_assignment" Bool set Decoded "Refused by a deny assignment.";
    "stream" Dictionary set Classified "dbmi, adac, other or unattributed.";
    "identity_kind" Dictionary set Classified "What kind of identity acted.";
    "confidence" Float32 set Classified "How sure the classification is, 0 to 1.";
    "classified_by" Dictionary set Classified "The row of the decision table that decided.";
    "name_spoof" Bool set Classified "Carries a Databricks identity's name without being one.";
    "principal_id" Dictionary null Decoded "Object id of the effective principal. For SQL and Databricks filled from the client id, once known.";
    "requester_id" Dictionary null Decoded "Object id of the requester where a user-delegation SAS names another principal.";
    "app_id" Dictionary null Decoded "Application (client) id of the token.";
    "principal_name" Dictionary null Decoded "The name that the record gives the principal. Anyone can choose it.";
    "principal_via" Dictionary set Decoded "Where principal_id came from.";
    "token_kind" Dictionary set Decoded "Whether the token was an application's or a person's.";
    "auth_type" Dictionary set Decoded "How the caller proved itself.";
    "mirid" Dictionary null Decoded "xms_mirid: ARM id of the managed identity, or of the resource whose identity it is.";
    "az_rid" Dictionary null Decoded "xms_az_rid: ARM id of the compute that asked for the token.";
    "secret_bearing" Bool set Decoded "The principal proved itself with a secret or certificate of its own.";
    "tenant_id" Dictionary null Decoded "Entra tenant.";
    "workspace_rid" Dictionary null Classified "ARM id of the workspace that the identity belongs to; for Databricks records the workspace that logged.";
    "src_ip" Dictionary null Decoded "Source address without port. Managed identity sign-ins have none.";
    "src_ip_class" Dictionary set Classified "What the source address is.";
    "user_agent" Dictionary null Decoded "User agent or client.";
    "target_id" Dictionary null Decoded "ARM id acted on, in lower case, without /blobservices/default and its like.";
    "target_type" Dictionary null Classified "Resource type of target_id.";
    "target_name" Dictionary null Decoded "Account, vault, server, workspace or resource name, in lower case; for sign-ins the service's name.";
    "subscription_id" Dictionary null Classified "Subscription of target_id.";
    "resource_group" Dictionary null Classified "Resource group name of target_id.";
    "in_managed_rg" Bool set Classified "The target lies in a known managed resource group.";
    "own_scope" Bool set Classified "The target is the acting DBMI's own managed resource group, workspace or network.";
    "is_dbfs_root" Bool set Classified "The target is a workspace's own DBFS root account.";
    "container" Dictionary null Decoded "Container, file share, queue, table; database for SQL; 'secrets', 'keys' or 'certificates' for Key Vault.";
    "object_path" Text null Decoded "Blob path in the container; name of the secret, key or certificate; SQL object.";
    "audience_app_id" Dictionary null Decoded "Application id of the service that the token is for.";
    "audience_kind" Dictionary set Decoded "The service used or asked for.";
    "role_id" Dictionary null Decoded "Role definition id: of the role assigned, or the one that let the caller in.";
    "role_class" Dictionary null Classified "What role_id lets its holder do.";
    "role_assignment_id" Dictionary null Decoded "Role assignment id.";
    "assignee_id" Dictionary null Decoded "Object id that a role was assigned to or a credential added to.";
    "assignee_stream" Dictionary null Classified "Stream of assignee_id.";
    "assignee_kind" Dictionary null Classified "identity_kind of assignee_id.";
    "scope" Dictionary null Decoded "Scope of the role assignment.";
    "scope_level" Dictionary null Classified "How wide scope is.";
    "via_pim" Bool set Decoded "Done by the Privileged Identity Management application.";
    "request_body" Text null Decoded "Request body as compact JSON, where a rule may need it.";
    "response_body" Text null Decoded "Response body as compact JSON, where a rule may need it.";
    "body_from" Dictionary null Decoded "Which record the role, assignee, scope and bodies came from.";
    "correlation_id" Text null Decoded "Correlation id.";
    "operation_id" Text null Decoded "Operation id (REST and Log Analytics only).";
    "token_uti" Text null Decoded "Unique token identifier: the same in the sign-in and in what was done with the token.";
    "token_hash" Dictionary null Decoded "Storage: hash of the token or SAS.";
    "bytes_out" Int null Decoded "Bytes sent to the caller.";
    "bytes_in" Int null Decoded "Bytes received from the caller.";
    "duration_ms" Float null Decoded "Duration in milliseconds.";
    "principal_ref" Dictionary null Decoded "Databricks: ARM id of the access connector that a credential stands for.";
    "object" Dictionary set Decoded "Where the primary record was read: file or blob.";
    "offset" Int set Decoded "Byte offset of the record in the decompressed object; in Avro, file offset of the container block.";
    "length" Int set Decoded "Length of the record in bytes.";
    "block_record" Int null Decoded "Avro: ordinal of the message in its block, from 0.";
    "body_offset" Int null Decoded "Avro: byte offset of the record in the message body.";
    "locations" Text null Classified "The other places where this event was read, as JSON; null where there is one only.";
}

/// Columns of closed vocabularies, sorted, with their words. In every table a name means the same.
const VOCABULARIES: [(&str, &[&str]); 19] = [
    ("activity", Activity::WORDS),
    ("assignee_kind", IdentityKind::WORDS),
    ("assignee_stream", Stream::WORDS),
    ("audience_kind", AudienceKind::WORDS),
    ("auth_type", AuthType::WORDS),
    ("body_from", BodyFrom::WORDS),
    ("form", Form::WORDS),
    ("identity_kind", IdentityKind::WORDS),
    ("op_class", OpClass::WORDS),
    ("outcome", Outcome::WORDS),
    ("phase", Phase::WORDS),
    ("plane", Plane::WORDS),
    ("principal_via", PrincipalVia::WORDS),
    ("role_class", RoleClass::WORDS),
    ("scope_level", ScopeLevel::WORDS),
    ("source", LogSource::WORDS),
    ("src_ip_class", SrcIpClass::WORDS),
    ("stream", Stream::WORDS),
    ("token_kind", TokenKind::WORDS),
];

/// All words that a column of this name can hold, in any table; `None` where they are not of a closed
/// vocabulary.
pub fn words(column: &str) -> Option<&'static [&'static str]> {
    let place = VOCABULARIES.binary_search_by_key(&column, |(name, _)| *name).ok()?;
    VOCABULARIES.get(place).map(|(_, words)| *words)
}

fn schema_of(wanted: impl Fn(&Column) -> bool) -> SchemaRef {
    let fields: Vec<Field> = COLUMNS
        .iter()
        .filter(|column| wanted(column))
        .map(|column| Field::new(column.name, column.column_type.data_type(), column.nullable))
        .collect();
    Arc::new(Schema::new(fields))
}

/// The columns whose texts are built only where somebody reads them: long ones, and such that no
/// comparison of duplicates, no pairing and no classification looks at. What matters of the others
/// is whether they have a value, and that stays.
const ON_DEMAND: [TextColumn; 7] = [
    TextColumn::OperationRaw,
    TextColumn::ResultCode,
    TextColumn::UserAgent,
    TextColumn::RequestBody,
    TextColumn::ResponseBody,
    TextColumn::TokenUti,
    TextColumn::TokenHash,
];

/// Which columns somebody reads. The values of all others may be anything; whether there is one,
/// and how many events there are, does not depend on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReadColumns {
    unread: [bool; TextColumn::COUNT],
}

impl ReadColumns {
    /// All of them.
    pub const ALL: Self = Self { unread: [false; TextColumn::COUNT] };

    /// Those of these names, and those that are never left out.
    pub fn of(names: &BTreeSet<String>) -> Self {
        let mut read = Self::ALL;
        for column in ON_DEMAND {
            if let Some(unread) = read.unread.get_mut(column as usize) {
                *unread = !names.contains(column.name());
            }
        }
        read
    }

    /// For each text column whether nobody reads it, in the order of their codes.
    pub(super) fn unread(self) -> [bool; TextColumn::COUNT] {
        self.unread
    }
}

/// The schema of batches as formats and builders make them.
pub fn decoded() -> SchemaRef {
    static DECODED: LazyLock<SchemaRef> = LazyLock::new(|| schema_of(|column| column.stage == Stage::Decoded));
    DECODED.clone()
}

/// The schema of the `events` table: all columns.
pub fn events() -> SchemaRef {
    static EVENTS: LazyLock<SchemaRef> = LazyLock::new(|| schema_of(|_| true));
    EVENTS.clone()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_text_column_is_a_nullable_or_required_decoded_column_of_the_table() {
        for text in TextColumn::ALL {
            let column = COLUMNS.iter().find(|column| column.name == text.name()).unwrap();

            assert_eq!(column.stage, Stage::Decoded, "{}", column.name);
            assert!(matches!(column.column_type, ColumnType::Text | ColumnType::Dictionary), "{}", column.name);
        }
    }

    #[test]
    fn columns_of_closed_vocabularies_are_found_by_name() {
        assert!(VOCABULARIES.is_sorted_by_key(|(name, _)| *name));
        for (name, _) in VOCABULARIES {
            let column = COLUMNS.iter().find(|column| column.name == name).unwrap();
            assert_eq!(column.column_type, ColumnType::Dictionary, "{name}");
        }
        assert_eq!(words("phase"), Some(&["start", "accept", "terminal"][..]));
        assert_eq!(words("operation"), None);
    }

    #[test]
    fn no_column_stands_twice() {
        let mut names: Vec<_> = COLUMNS.iter().map(|column| column.name).collect();
        names.sort_unstable();
        let before = names.len();
        names.dedup();

        assert_eq!(names.len(), before);
    }
}
