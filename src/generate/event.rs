//! What happens in the story, before any export gives it a form.

use super::identities::{Principal, Resource, Workspace};

/// How something ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    /// It was done.
    Done,
    /// It was done, and something is there that was not.
    Created,
    /// It was not allowed.
    Forbidden,
    /// A deny assignment forbade it.
    DenyAssignment,
}

/// A call of Azure Resource Manager: one operation, several records.
#[derive(Debug, Clone)]
pub(super) struct Call<'t> {
    /// When it began, in microseconds.
    pub(super) at: i64,
    /// Who called.
    pub(super) who: &'t Principal,
    /// `Microsoft.Network/networkInterfaces/write`.
    pub(super) operation: String,
    /// What was acted on.
    pub(super) target: String,
    /// Request body, JSON; empty for none. It stands in the first record only.
    pub(super) body: String,
    /// Machine that asked for the token; empty for none.
    pub(super) machine: String,
    /// Address of the caller.
    pub(super) address: String,
    /// How it ended.
    pub(super) outcome: Outcome,
}

/// A service that tokens are for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Audience {
    /// Azure Resource Manager.
    Arm,
    /// Azure Storage.
    Storage,
    /// Azure Key Vault.
    KeyVault,
    /// Azure SQL Database.
    Sql,
    /// Microsoft Graph.
    Graph,
    /// Azure Monitor Control Service.
    Monitor,
    /// `AzureDatabricks` as a service.
    Databricks,
}

impl Audience {
    /// Application id and name of the service.
    pub(super) fn service(self) -> (&'static str, &'static str) {
        match self {
            Self::Arm => ("797f4846-ba00-4fd7-ba43-dac1f8f63013", "Azure Resource Manager"),
            Self::Storage => ("e406a681-f3d4-42a8-90b6-c2b029497af1", "Azure Storage"),
            Self::KeyVault => ("cfa8b339-82a2-471a-a3c9-0fc0be7a4093", "Azure Key Vault"),
            Self::Sql => ("022907d3-0f1b-48f7-badc-1ba6abab6d66", "Azure SQL Database"),
            Self::Graph => ("00000003-0000-0000-c000-000000000000", "Microsoft Graph"),
            Self::Monitor => ("e933bd07-d2ee-4f1d-933c-3752b819567b", "Azure Monitor Control Service"),
            Self::Databricks => ("2ff814a6-3304-4ab8-85cb-cd0e6f879c1d", "AzureDatabricks"),
        }
    }
}

/// A token obtained.
#[derive(Debug, Clone)]
pub(super) struct SignIn<'t> {
    /// When, in microseconds.
    pub(super) at: i64,
    /// Who signed in.
    pub(super) who: &'t Principal,
    /// For which service.
    pub(super) audience: Audience,
    /// Address; none for managed identities.
    pub(super) address: String,
    /// Id of the federated credential used; empty for none.
    pub(super) federated_credential: String,
}

/// How a storage request was allowed.
#[derive(Debug, Clone)]
pub(super) enum Access<'t> {
    /// With a token.
    Token(&'t Principal),
    /// With a SAS signed by a delegation key that this principal obtained; the hash of the SAS.
    DelegationSas(&'t Principal, String),
    /// With a key of the account.
    AccountKey,
    /// With nothing.
    Anonymous,
}

/// A request to storage.
#[derive(Debug, Clone)]
pub(super) struct Request<'t> {
    /// When, in microseconds.
    pub(super) at: i64,
    /// The account.
    pub(super) account: &'t Resource,
    /// `GetBlob` and the like.
    pub(super) operation: &'static str,
    /// Path below the account: `container/path`; empty for the account itself.
    pub(super) path: String,
    /// How it was allowed.
    pub(super) access: Access<'t>,
    /// Address of the caller, without port.
    pub(super) address: String,
    /// User agent.
    pub(super) agent: &'static str,
    /// Bytes of the answer.
    pub(super) bytes: i64,
    /// How it ended.
    pub(super) outcome: Outcome,
}

/// A request to a vault.
#[derive(Debug, Clone)]
pub(super) struct VaultRequest<'t> {
    /// When, in microseconds.
    pub(super) at: i64,
    /// Who asked.
    pub(super) who: &'t Principal,
    /// The vault.
    pub(super) vault: &'t Resource,
    /// `SecretGet` and the like.
    pub(super) operation: &'static str,
    /// `secrets/name`, `keys/name/version`; empty for the vault.
    pub(super) object: String,
    /// Machine that asked for the token; empty for none.
    pub(super) machine: String,
    /// Address of the caller.
    pub(super) address: String,
    /// How it ended.
    pub(super) outcome: Outcome,
}

/// A statement in a database.
#[derive(Debug, Clone)]
pub(super) struct Statement<'t> {
    /// When, in microseconds.
    pub(super) at: i64,
    /// Who ran it.
    pub(super) who: &'t Principal,
    /// The database.
    pub(super) database: &'t Resource,
    /// The statement; empty for a login.
    pub(super) text: &'static str,
    /// Address of the caller.
    pub(super) address: String,
}

/// An action that Databricks logs.
#[derive(Debug, Clone)]
pub(super) struct Action<'t> {
    /// When, in microseconds; the log has whole seconds.
    pub(super) at: i64,
    /// Where.
    pub(super) workspace: &'t Workspace,
    /// Mail address or application id.
    pub(super) who: &'t str,
    /// `unityCatalog` and the like; also the category.
    pub(super) service: &'static str,
    /// `getSecret` and the like.
    pub(super) name: &'static str,
    /// Parameters, JSON.
    pub(super) parameters: String,
}

/// Anything that happens.
#[derive(Debug, Clone)]
pub(super) enum Event<'t> {
    /// Activity Log.
    Call(Call<'t>),
    /// Sign-in logs.
    SignIn(SignIn<'t>),
    /// Storage logs.
    Request(Request<'t>),
    /// Key Vault audit.
    Vault(VaultRequest<'t>),
    /// SQL audit.
    Statement(Statement<'t>),
    /// Databricks diagnostic logs.
    Action(Action<'t>),
}

impl Event<'_> {
    /// Its log, in the words of the truth.
    pub(super) fn source(&self) -> &'static str {
        match self {
            Self::Call(_) => "activity",
            Self::SignIn(_) => "signin",
            Self::Request(_) => "storage",
            Self::Vault(_) => "keyvault",
            Self::Statement(_) => "sql",
            Self::Action(_) => "databricks",
        }
    }

    /// When it began, in microseconds.
    pub(super) fn at(&self) -> i64 {
        match self {
            Self::Call(call) => call.at,
            Self::SignIn(sign_in) => sign_in.at,
            Self::Request(request) => request.at,
            Self::Vault(request) => request.at,
            Self::Statement(statement) => statement.at,
            Self::Action(action) => action.at,
        }
    }
}
