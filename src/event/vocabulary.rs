//! The closed vocabularies of the event's columns: every word that may stand in them, once.

/// Makes an enum whose variants each have one lower-case word, the one that stands in the column.
macro_rules! vocabulary {
    ($(#[$meta:meta])* $name:ident { $($(#[$variant_meta:meta])* $variant:ident = $word:literal,)+ }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name { $($(#[$variant_meta])* $variant,)+ }

        impl $name {
            /// All values, in the order of their codes.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The word that stands in the column.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)+ }
            }

            /// The value with this word, if there is one.
            pub fn from_word(word: &str) -> Option<Self> {
                match word { $($word => Some(Self::$variant),)+ _ => None }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl Word for $name {
            const WORDS: &'static [&'static str] = &[$($word,)+];
            fn code(self) -> i32 { self as i32 }
        }
    };
}

/// A value of a closed vocabulary, as the builders see it.
pub trait Word: Copy {
    /// All words, at the index of their code.
    const WORDS: &'static [&'static str];
    /// Index of this value's word in [`Word::WORDS`].
    fn code(self) -> i32;
}

vocabulary! {
    /// Which log a record belongs to (`source`).
    LogSource {
        /// Azure Activity Log.
        Activity = "activity",
        /// Entra sign-in logs of all kinds.
        Signin = "signin",
        /// Storage resource logs.
        Storage = "storage",
        /// Key Vault audit events.
        KeyVault = "keyvault",
        /// Azure SQL audit.
        Sql = "sql",
        /// Databricks diagnostic logs.
        Databricks = "databricks",
        /// Entra audit logs.
        EntraAudit = "entra_audit",
        /// What an inventory export states, as an event dated by the export.
        Inventory = "inventory",
    }
}

vocabulary! {
    /// Which export form a record was read from (`form`). The order is the rank by which
    /// duplicates are merged: the first form that has a value gives it.
    Form {
        /// Diagnostic setting: storage archive, Event Hub, Event Hubs Capture.
        Archive = "archive",
        /// Azure REST API, `az monitor activity-log list`, portal JSON.
        Rest = "rest",
        /// Python SDK, snake case.
        Sdk = "sdk",
        /// Microsoft Graph.
        Graph = "graph",
        /// A Log Analytics table: query result, CSV or data export.
        LogAnalytics = "log_analytics",
        /// Databricks audit log delivery.
        AuditDelivery = "audit_delivery",
        /// A CSV download of the portal.
        PortalCsv = "portal_csv",
        /// An inventory export.
        Inventory = "inventory",
    }
}

vocabulary! {
    /// The part of the system that an event belongs to (`plane`).
    Plane {
        /// Azure Resource Manager.
        Management = "management",
        /// A data service was used.
        Data = "data",
        /// A token was issued.
        Auth = "auth",
        /// Inside a Databricks workspace.
        Workspace = "workspace",
        /// Entra ID objects.
        Directory = "directory",
    }
}

vocabulary! {
    /// What kind of act the event is (`activity`).
    Activity {
        /// Content or properties were read.
        Read = "read",
        /// Names were listed.
        List = "list",
        /// Something was written; for Azure Resource Manager, created or updated.
        Write = "write",
        /// Something was deleted.
        Delete = "delete",
        /// Something was created.
        Create = "create",
        /// Something was changed.
        Update = "update",
        /// A role or identity was assigned.
        Assign = "assign",
        /// A role was taken away.
        Revoke = "revoke",
        /// A sign-in.
        Logon = "logon",
        /// A key or credential to act for the principal was issued.
        Delegate = "delegate",
        /// A key was used, or an action without a better word ran.
        Use = "use",
        /// A connection was opened.
        Connect = "connect",
        /// A query ran.
        Query = "query",
    }
}

vocabulary! {
    /// The class of an operation (`op_class`); the tables behind it are in
    /// [`operation`](super::operation).
    OpClass {
        /// Blob or file content or properties read.
        BlobRead = "blob_read",
        /// Blobs, files or containers listed.
        BlobList = "blob_list",
        /// Blob or file written.
        BlobWrite = "blob_write",
        /// Blob, file or container deleted.
        BlobDelete = "blob_delete",
        /// Container created or configured.
        ContainerAdmin = "container_admin",
        /// Access control of data changed.
        AclChange = "acl_change",
        /// User delegation key obtained.
        Delegation = "delegation",
        /// Queue messages or queues read.
        QueueRead = "queue_read",
        /// Queue messages or queues written.
        QueueWrite = "queue_write",
        /// Table entities read.
        TableRead = "table_read",
        /// Table entities written.
        TableWrite = "table_write",
        /// Service properties read, preflight requests: no data.
        StorageProbe = "storage_probe",
        /// Key Vault secret read or listed.
        SecretRead = "secret_read",
        /// Key Vault secret written.
        SecretWrite = "secret_write",
        /// Key Vault key used.
        KeyUse = "key_use",
        /// Key Vault key read or listed.
        KeyRead = "key_read",
        /// Key Vault key written.
        KeyWrite = "key_write",
        /// Key Vault certificate read or listed.
        CertRead = "cert_read",
        /// Key Vault certificate written.
        CertWrite = "cert_write",
        /// Vault read or configured.
        VaultAdmin = "vault_admin",
        /// Account or service keys listed or regenerated.
        KeyListing = "key_listing",
        /// Account or service SAS created by Azure Resource Manager, or a disk SAS.
        SasListing = "sas_listing",
        /// Role assigned.
        RoleAssign = "role_assign",
        /// Role assignment removed.
        RoleRevoke = "role_revoke",
        /// Diagnostic setting written.
        DiagWrite = "diag_write",
        /// Diagnostic setting deleted.
        DiagDelete = "diag_delete",
        /// Compute resources.
        ComputeManage = "compute_manage",
        /// Network resources.
        NetworkManage = "network_manage",
        /// Storage accounts and their settings.
        StorageManage = "storage_manage",
        /// Managed identities, federated credentials, Entra service principals.
        IdentityManage = "identity_manage",
        /// Databricks workspaces.
        WorkspaceManage = "workspace_manage",
        /// Access connectors.
        ConnectorManage = "connector_manage",
        /// Policies, role definitions, deny assignments, locks.
        PolicyManage = "policy_manage",
        /// Command or extension run on a machine.
        CommandRun = "command_run",
        /// Event Grid subscriptions and topics.
        EventgridManage = "eventgrid_manage",
        /// Templates deployed, tags.
        DeploymentManage = "deployment_manage",
        /// Key Vaults by Azure Resource Manager.
        VaultManage = "vault_manage",
        /// SQL login.
        SqlLogin = "sql_login",
        /// SQL statement.
        SqlQuery = "sql_query",
        /// Unity Catalog issued a temporary credential.
        UcVend = "uc_vend",
        /// Unity Catalog storage credentials, external locations, grants.
        UcCredentialManage = "uc_credential_manage",
        /// Databricks secret read.
        DbxSecretRead = "dbx_secret_read",
        /// A token was issued.
        TokenIssue = "token_issue",
        /// Anything else.
        Other = "other",
    }
}

vocabulary! {
    /// How it ended (`outcome`).
    Outcome {
        /// It worked.
        Success = "success",
        /// It failed for another reason than permission.
        Failure = "failure",
        /// It was refused for want of permission.
        Denied = "denied",
        /// Not said, or not over yet.
        Unknown = "unknown",
    }
}

vocabulary! {
    /// Which record of an operation this is (`phase`).
    Phase {
        /// The request has begun.
        Start = "start",
        /// The request was accepted and goes on.
        Accept = "accept",
        /// The end; every record of a log without phases.
        Terminal = "terminal",
    }
}

vocabulary! {
    /// The status of an Activity record, folded over the forms; part of its uid, not a column.
    Status {
        /// `Start`, `Started`.
        Start = "start",
        /// `Accept`, `Accepted`.
        Accept = "accept",
        /// `Success`, `Succeeded`.
        Success = "success",
        /// `Failure`, `Failed`.
        Failure = "failure",
        /// Everything else: `Active`, `Updated`, `Resolved`, none.
        Other = "other",
    }
}

vocabulary! {
    /// The stream that an event belongs to (`stream`).
    Stream {
        /// Databricks Managed Identity family.
        Dbmi = "dbmi",
        /// Access connector identities.
        Adac = "adac",
        /// Another principal, or one that could not be decided.
        Other = "other",
        /// No principal in the record.
        Unattributed = "unattributed",
    }
}

vocabulary! {
    /// What kind of identity acted (`identity_kind`).
    IdentityKind {
        /// User-assigned identity of a managed resource group, `dbmanagedidentity`.
        Uami = "uami",
        /// Workspace storage account identity (customer-managed keys).
        StorageCmk = "storage_cmk",
        /// Workspace managed disk or disk encryption set identity.
        DiskCmk = "disk_cmk",
        /// Databricks' own applications.
        FirstParty = "first_party",
        /// System-assigned identity of an access connector.
        AdacSystem = "adac_system",
        /// User-assigned identity of an access connector.
        AdacUami = "adac_uami",
        /// The access connector that a workspace creates by itself.
        AdacAuto = "adac_auto",
        /// User-assigned identity of an access connector that a resource of another service has, too.
        AdacShared = "adac_shared",
        /// A managed identity of something else.
        OtherMi = "other_mi",
        /// An application with a secret, certificate or federated credential.
        ServicePrincipal = "service_principal",
        /// A person.
        User = "user",
        /// An account key.
        Key = "key",
        /// A shared access signature without a principal.
        Sas = "sas",
        /// Nobody: anonymous access.
        Anonymous = "anonymous",
        /// Not decided.
        Unknown = "unknown",
    }
}

vocabulary! {
    /// Where `principal_id` was taken from (`principal_via`).
    PrincipalVia {
        /// An OAuth token's claims or requester.
        Oauth = "oauth",
        /// The `skoid` of a user-delegation SAS.
        SasSkoid = "sas_skoid",
        /// The application id of an application whose record has no object id, looked up.
        ClientId = "client_id",
        /// A sign-in record.
        Signin = "signin",
        /// The Activity Log's `caller`.
        Caller = "caller",
        /// An inventory export.
        Inventory = "inventory",
        /// Nowhere: there is none.
        None = "none",
    }
}

vocabulary! {
    /// How the caller proved who it is (`auth_type`).
    AuthType {
        /// OAuth token, credential not said.
        Oauth = "oauth",
        /// OAuth token got with a client secret.
        Secret = "secret",
        /// OAuth token got with a certificate or assertion.
        Certificate = "certificate",
        /// OAuth token got with a federated credential.
        Federated = "federated",
        /// OAuth token of a managed identity.
        Msi = "msi",
        /// Storage account key.
        AccountKey = "accountkey",
        /// Shared access signature.
        Sas = "sas",
        /// User-delegation SAS: one whose key a principal obtained.
        DelegationSas = "delegation_sas",
        /// Nothing.
        Anonymous = "anonymous",
        /// Kerberos (Azure Files).
        Kerberos = "kerberos",
        /// Not said.
        Unknown = "unknown",
    }
}

vocabulary! {
    /// Whom the token was issued to (`token_kind`).
    TokenKind {
        /// An application or managed identity, acting for itself.
        App = "app",
        /// A person, through whatever application.
        User = "user",
        /// Not said.
        Unknown = "unknown",
    }
}

vocabulary! {
    /// What the source address is (`src_ip_class`).
    SrcIpClass {
        /// There is none.
        None = "none",
        /// Private, loopback, link-local, shared (100.64.0.0/10) or unique local.
        Private = "private",
        /// In the list of allowed networks.
        Allowed = "allowed",
        /// In a listed Azure service tag.
        Azure = "azure",
        /// Any other.
        Public = "public",
    }
}

vocabulary! {
    /// The service that a token was for or that was used (`audience_kind`).
    AudienceKind {
        /// Azure Resource Manager.
        Arm = "arm",
        /// Azure Storage, Data Lake.
        Storage = "storage",
        /// Key Vault, managed HSM.
        KeyVault = "keyvault",
        /// Azure SQL, Synapse dedicated SQL.
        Sql = "sql",
        /// Synapse.
        Synapse = "synapse",
        /// Event Hubs.
        Eventhub = "eventhub",
        /// Service Bus.
        Servicebus = "servicebus",
        /// Cosmos DB.
        Cosmos = "cosmos",
        /// Data Explorer.
        Kusto = "kusto",
        /// Microsoft Graph, Azure AD Graph.
        Graph = "graph",
        /// Databricks workspaces.
        Databricks = "databricks",
        /// Power BI, Fabric.
        Powerbi = "powerbi",
        /// Purview.
        Purview = "purview",
        /// Azure Monitor, Log Analytics.
        Monitor = "monitor",
        /// Azure Policy.
        Policy = "policy",
        /// Another one.
        Other = "other",
        /// There is none.
        None = "none",
    }
}

vocabulary! {
    /// What a role lets its holder do (`role_class`).
    RoleClass {
        /// Owner and everything else that can assign roles.
        OwnerLike = "owner_like",
        /// Manages resources.
        Management = "management",
        /// Manages resources and can list keys to data.
        KeyYielding = "key_yielding",
        /// Reads data.
        DataRead = "data_read",
        /// Writes data.
        DataWrite = "data_write",
        /// Obtains delegation keys.
        Delegator = "delegator",
        /// Uses keys of a vault.
        Crypto = "crypto",
        /// Reads resources, no data.
        Reader = "reader",
        /// Monitoring.
        Monitoring = "monitoring",
        /// A custom role, or one that the table does not have.
        Unknown = "unknown",
    }
}

vocabulary! {
    /// How wide a scope is (`scope_level`).
    ScopeLevel {
        /// The whole tenant.
        Root = "root",
        /// A management group.
        Mg = "mg",
        /// A subscription.
        Subscription = "subscription",
        /// A resource group.
        ResourceGroup = "resource_group",
        /// A storage account.
        Account = "account",
        /// A container, file share, queue or table.
        Container = "container",
        /// Any other resource.
        Resource = "resource",
    }
}

vocabulary! {
    /// Where an operation's body columns came from (`body_from`).
    BodyFrom {
        /// This record's own request body.
        Request = "request",
        /// This record's own response body.
        Response = "response",
        /// The request body of the operation's Start record.
        StartRequest = "start_request",
        /// The response body of another record of the operation.
        OtherResponse = "other_response",
        /// An inventory export's statement.
        Inventory = "inventory",
    }
}
