//! What roles let their holders do, and how wide a scope is.

use crate::arm::{self, ArmId};
use crate::event::vocabulary::{RoleClass, ScopeLevel};

/// A role definition.
#[derive(Debug, Clone, Copy)]
pub struct Role {
    /// Role definition id, lower case with dashes.
    pub id: &'static str,
    /// Its name.
    pub name: &'static str,
    /// What it lets its holder do.
    pub class: RoleClass,
    /// Where this is known from.
    pub source: &'static str,
}

/// The role with this id (folded), if the table has it. An ARM id of a role definition is looked up
/// by its last segment.
pub fn lookup(id: &str) -> Option<&'static Role> {
    let id = id.rsplit('/').next().unwrap_or(id);
    ROLES.binary_search_by_key(&id, |role| role.id).ok().and_then(|place| ROLES.get(place))
}

/// Every role of the table, sorted by id.
pub fn rows() -> &'static [Role] {
    ROLES
}

/// How wide a folded scope is; `None` for an empty one.
///
/// Settings below a storage account (`…/blobservices/default`) cover all its containers, so they
/// are as wide as the account; what lies in a container (a path in a condition) is as the container.
pub fn scope_level(scope: &str) -> Option<ScopeLevel> {
    let id = ArmId::parse(scope);
    match (id.provider, id.resource_group, id.subscription) {
        _ if scope.is_empty() => None,
        (Some(provider), ..) => Some(resource_level(provider, scope)),
        (None, Some(_), _) => Some(ScopeLevel::ResourceGroup),
        (None, None, Some(_)) => Some(ScopeLevel::Subscription),
        (None, None, None) if scope == "/" || arm::is_at_or_under(scope, "/tenants") => Some(ScopeLevel::Root),
        (None, None, None) => Some(ScopeLevel::Resource),
    }
}

/// How wide a scope is that names a resource of this provider.
fn resource_level(provider: &str, scope: &str) -> ScopeLevel {
    let mut kind = String::new();
    arm::resource_type(scope, &mut kind);
    let mut types = kind.split('/').skip(1);
    match (provider, types.next(), types.next(), types.next()) {
        ("microsoft.management", Some("managementgroups"), None, _) => ScopeLevel::Mg,
        ("microsoft.storage", Some("storageaccounts"), Some(_), Some(holder)) if CONTAINER_TYPES.contains(&holder) => {
            ScopeLevel::Container
        }
        ("microsoft.storage", Some("storageaccounts"), None, _) => ScopeLevel::Account,
        ("microsoft.storage", Some("storageaccounts"), Some(service), None) if service.ends_with("services") => {
            ScopeLevel::Account
        }
        _ => ScopeLevel::Resource,
    }
}

/// The types below a storage service that hold data. Role assignments name file shares
/// `fileshares`, everything else `shares`.
const CONTAINER_TYPES: [&str; 5] = ["containers", "fileshares", "queues", "shares", "tables"];

/// MicrosoftDocs/azure-docs, articles/role-based-access-control/built-in-roles.md, of 2026-04-09.
const BUILT_IN: &str = "built-in-roles.md of 2026-04-09";
/// Azure Cosmos DB has roles of its own, assigned by `sqlRoleAssignments/write`.
const COSMOS: &str = "Azure Cosmos DB data plane roles, Microsoft's documentation, 2026";
/// Common knowledge that was not checked against a document.
const KNOWN: &str = "practitioners' knowledge, not checked";

/// A row of [`ROLES`].
const fn role(id: &'static str, name: &'static str, class: RoleClass, source: &'static str) -> Role {
    Role { id, name, class, source }
}

/// Sorted by id.
///
/// The class is what the role is for. Contributor and the contributors of single services can list
/// keys too, as Log Analytics Contributor can, but are judged as management and monitoring roles;
/// `key_yielding` are those of which keys are the point or the known way around. Whatever
/// deletes or sends messages writes. Key Vault Reader sees no values.
#[rustfmt::skip]
const ROLES: &[Role] = &[
    role("00000000-0000-0000-0000-000000000001", "Cosmos DB Built-in Data Reader", RoleClass::DataRead, COSMOS),
    role("00000000-0000-0000-0000-000000000002", "Cosmos DB Built-in Data Contributor", RoleClass::DataWrite, COSMOS),
    role("00482a5a-887f-4fb3-b363-3b7fe8e74483", "Key Vault Administrator", RoleClass::DataWrite, BUILT_IN),
    role("08bbd89e-9f13-488c-ac41-acfcb10c90ab", "Key Vault Crypto Service Release User", RoleClass::Crypto, BUILT_IN),
    role("090c5cfd-751d-490a-894a-3ce6f1109419", "Azure Service Bus Data Owner", RoleClass::DataWrite, BUILT_IN),
    role("0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3", "Storage Table Data Contributor", RoleClass::DataWrite, BUILT_IN),
    role("0c867c2a-1d8c-454a-a3db-ab2ea1bdc8bb", "Storage File Data SMB Share Contributor", RoleClass::DataWrite, BUILT_IN),
    role("12338af0-0e69-4776-bea7-57ae8d297424", "Key Vault Crypto User", RoleClass::Crypto, BUILT_IN),
    role("14b46e9e-c2b7-41b4-b07b-48a6ebf60603", "Key Vault Crypto Officer", RoleClass::Crypto, BUILT_IN),
    role("17d1049b-9a84-46fb-8f53-869881c3d3ab", "Storage Account Contributor", RoleClass::KeyYielding, BUILT_IN),
    role("18d7d88d-d35e-4fb5-a5c3-7773c20a72d9", "User Access Administrator", RoleClass::OwnerLike, BUILT_IN),
    role("19e7f393-937e-4f77-808e-94535e297925", "Storage Queue Data Reader", RoleClass::DataRead, BUILT_IN),
    role("1d8c3fe3-8864-474b-8749-01e3783e8157", "EventGrid Data Contributor", RoleClass::DataWrite, KNOWN),
    role("1e241071-0855-49ea-94dc-649edcd759de", "EventGrid Contributor", RoleClass::Management, BUILT_IN),
    role("21090545-7ca7-4776-b22c-e363652d74d2", "Key Vault Reader", RoleClass::Reader, BUILT_IN),
    role("230815da-be43-4aae-9cb4-875f7bd000aa", "Cosmos DB Operator", RoleClass::Management, BUILT_IN),
    role("2a2b9908-6ea1-4ae2-8e65-a410df84e7d1", "Storage Blob Data Reader", RoleClass::DataRead, BUILT_IN),
    role("2b629674-e913-4c01-ae53-ef4638d8f975", "Azure Event Hubs Data Sender", RoleClass::DataWrite, BUILT_IN),
    role("428e0ff0-5e57-4d9c-a221-2c70d0e0a443", "EventGrid EventSubscription Contributor", RoleClass::Management, BUILT_IN),
    role("4633458b-17de-408a-b874-0445c86b69e6", "Key Vault Secrets User", RoleClass::DataRead, BUILT_IN),
    role("4d97b98b-1d4f-4787-a291-c67834d212e7", "Network Contributor", RoleClass::Management, BUILT_IN),
    role("4f6d3b9b-027b-4f4c-9142-0e5a2a2247e0", "Azure Service Bus Data Receiver", RoleClass::DataRead, BUILT_IN),
    role("5bd9cd88-fe45-4216-938b-f97437e15450", "DocumentDB Account Contributor", RoleClass::KeyYielding, KNOWN),
    role("5d9bac3f-34b2-432f-bde5-78aa8e73ce6b", "Storage File Data SMB Take Ownership", RoleClass::DataWrite, BUILT_IN),
    role("69566ab7-960f-475b-8e7c-b3118f30c6bd", "Storage File Data Privileged Contributor", RoleClass::DataWrite, BUILT_IN),
    role("69a216fc-b8fb-44d8-bc22-1f3c2cd27a39", "Azure Service Bus Data Sender", RoleClass::DataWrite, BUILT_IN),
    role("6d8ee4ec-f05a-4a1d-8b00-a9b17e38b437", "SQL Server Contributor", RoleClass::Management, KNOWN),
    role("73c42c96-874c-492b-b04d-ab87d138a893", "Log Analytics Reader", RoleClass::Monitoring, BUILT_IN),
    role("749f88d5-cbae-40b8-bcfc-e573ddc772fa", "Monitoring Contributor", RoleClass::Monitoring, KNOWN),
    role("76199698-9eea-4c19-bc75-cec21354c6b6", "Storage Table Data Reader", RoleClass::DataRead, BUILT_IN),
    role("765a04e0-5de8-4bb2-9bf6-b2a30bc03e91", "Storage File Delegator", RoleClass::Delegator, BUILT_IN),
    role("7ee386e9-84f0-448e-80a6-f185f6533131", "Storage Queue Delegator", RoleClass::Delegator, BUILT_IN),
    role("81a9662b-bebf-436f-a333-f67b29880f12", "Storage Account Key Operator Service Role", RoleClass::KeyYielding, BUILT_IN),
    role("8a0f0c08-91a1-4084-bc3d-661d67233fed", "Storage Queue Data Message Processor", RoleClass::DataWrite, BUILT_IN),
    role("8b54135c-b56d-4d72-a534-26097cfdc8d8", "Key Vault Data Access Administrator", RoleClass::OwnerLike, BUILT_IN),
    role("8e3af657-a8ff-443c-a75c-2fe8c4bcb635", "Owner", RoleClass::OwnerLike, BUILT_IN),
    role("92aaf0da-9dab-42b6-94a3-d43ce8d16293", "Log Analytics Contributor", RoleClass::Monitoring, BUILT_IN),
    role("959f8984-c045-4866-89c7-12bf9737be2e", "Data Operator for Managed Disks", RoleClass::DataWrite, BUILT_IN),
    role("965033a5-c8eb-4f35-b82f-fef460a3606d", "Storage Table Delegator", RoleClass::Delegator, BUILT_IN),
    role("974c5e8b-45b9-4653-ba55-5f855dd0fb88", "Storage Queue Data Contributor", RoleClass::DataWrite, BUILT_IN),
    role("9980e02c-c2be-4d73-94e8-173b1dc7cf3c", "Virtual Machine Contributor", RoleClass::Management, BUILT_IN),
    role("9b7fa17d-e63e-47b0-bb0a-15c516ac86ec", "SQL DB Contributor", RoleClass::Management, BUILT_IN),
    role("a235d3ee-5935-4cfb-8cc5-a3303ad5995e", "Storage File Data SMB MI Admin", RoleClass::DataWrite, BUILT_IN),
    role("a4417e6f-fecd-4de8-b567-7b0420556985", "Key Vault Certificates Officer", RoleClass::DataWrite, BUILT_IN),
    role("a638d3c7-ab3a-418d-83e6-5f17a39d4fde", "Azure Event Hubs Data Receiver", RoleClass::DataRead, BUILT_IN),
    role("a7264617-510b-434b-a828-9731dc254ea7", "Storage File Data SMB Share Elevated Contributor", RoleClass::DataWrite, BUILT_IN),
    role("aba4ae5f-2193-4029-9191-0cb91df5e314", "Storage File Data SMB Share Reader", RoleClass::DataRead, BUILT_IN),
    role("acdd72a7-3385-48ef-bd42-f606fba81ae7", "Reader", RoleClass::Reader, BUILT_IN),
    role("b24988ac-6180-42a0-ab88-20f7382dd24c", "Contributor", RoleClass::Management, BUILT_IN),
    role("b7e6dc6d-f1e8-4753-8033-0f276bb0955b", "Storage Blob Data Owner", RoleClass::DataWrite, BUILT_IN),
    role("b86a8fe4-44ce-4948-aee5-eccb2c155cd7", "Key Vault Secrets Officer", RoleClass::DataWrite, BUILT_IN),
    role("b8eda974-7b85-4f76-af95-65846b26df6d", "Storage File Data Privileged Reader", RoleClass::DataRead, BUILT_IN),
    role("ba92f5b4-2d11-453d-a403-e96b0029c9fe", "Storage Blob Data Contributor", RoleClass::DataWrite, BUILT_IN),
    role("bbf004e3-0e4b-4f86-ae4f-1f8fb47b357b", "Storage File Data SMB Admin", RoleClass::DataWrite, BUILT_IN),
    role("c12c1c16-33a1-487b-954d-41c89c60f349", "Reader and Data Access", RoleClass::KeyYielding, BUILT_IN),
    role("c6a89b2d-59bc-44d0-9896-0f6e12d7b80a", "Storage Queue Data Message Sender", RoleClass::DataWrite, BUILT_IN),
    role("d5a91429-5739-47e2-a06b-3470a27159e7", "EventGrid Data Sender", RoleClass::DataWrite, BUILT_IN),
    role("db58b8e5-c6ad-4a2a-8342-4190687cbf4a", "Storage Blob Delegator", RoleClass::Delegator, BUILT_IN),
    role("db79e9a7-68ee-4b58-9aeb-b90e7c24fcba", "Key Vault Certificate User", RoleClass::DataRead, BUILT_IN),
    role("e147488a-f6f5-4113-8e2d-b22465e65bf6", "Key Vault Crypto Service Encryption User", RoleClass::Crypto, BUILT_IN),
    role("e40ec5ca-96e0-45a2-b4ff-59039f2c2b59", "Managed Identity Contributor", RoleClass::Management, BUILT_IN),
    role("f1a07417-d97a-45cb-824c-7a7467783830", "Managed Identity Operator", RoleClass::Management, BUILT_IN),
    role("f25e0fa2-a7c8-4377-a976-54943a77a395", "Key Vault Contributor", RoleClass::Management, BUILT_IN),
    role("f526a384-b230-433a-b45c-95f59c4a2dec", "Azure Event Hubs Data Owner", RoleClass::DataWrite, BUILT_IN),
    role("f58310d9-a9f6-439a-9e8d-f62e7b41a168", "Role Based Access Control Administrator", RoleClass::OwnerLike, BUILT_IN),
    role("fbdf93bf-df7d-467e-a4d2-9458aa1360c8", "Cosmos DB Account Reader Role", RoleClass::KeyYielding, BUILT_IN),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted_unique_and_of_folded_guids() {
        assert!(rows().is_sorted_by(|one, next| one.id < next.id));
        for role in rows() {
            let mut folded = String::new();

            assert!(arm::fold_guid(role.id, &mut folded), "{}", role.name);
            assert_eq!(folded, role.id);
        }
    }

    #[test]
    fn names_stand_once() {
        let mut names: Vec<_> = rows().iter().map(|role| role.name).collect();
        names.sort_unstable();
        names.dedup();

        assert_eq!(names.len(), rows().len());
    }

    #[test]
    fn roles_are_found_by_id_and_by_the_arm_id_of_their_definition() {
        let table = [
            ("8e3af657-a8ff-443c-a75c-2fe8c4bcb635", "Owner", RoleClass::OwnerLike),
            ("b24988ac-6180-42a0-ab88-20f7382dd24c", "Contributor", RoleClass::Management),
            ("17d1049b-9a84-46fb-8f53-869881c3d3ab", "Storage Account Contributor", RoleClass::KeyYielding),
            ("ba92f5b4-2d11-453d-a403-e96b0029c9fe", "Storage Blob Data Contributor", RoleClass::DataWrite),
            ("4633458b-17de-408a-b874-0445c86b69e6", "Key Vault Secrets User", RoleClass::DataRead),
            ("db58b8e5-c6ad-4a2a-8342-4190687cbf4a", "Storage Blob Delegator", RoleClass::Delegator),
            ("e147488a-f6f5-4113-8e2d-b22465e65bf6", "Key Vault Crypto Service Encryption User", RoleClass::Crypto),
            ("acdd72a7-3385-48ef-bd42-f606fba81ae7", "Reader", RoleClass::Reader),
            ("749f88d5-cbae-40b8-bcfc-e573ddc772fa", "Monitoring Contributor", RoleClass::Monitoring),
        ];

        for (id, name, class) in table {
            let path = format!("/subscriptions/s/providers/microsoft.authorization/roledefinitions/{id}");

            for key in [id, &path] {
                let role = lookup(key).unwrap();
                assert_eq!((role.name, role.class), (name, class));
            }
        }
        assert!(lookup("").is_none());
        assert!(lookup("5b999177-9696-4545-85c7-50de3797e5a1").is_none());
    }

    #[test]
    fn scopes_are_as_wide_as_what_they_cover() {
        let group = "/subscriptions/s/resourcegroups/rg";
        let account = "/subscriptions/s/resourcegroups/rg/providers/microsoft.storage/storageaccounts/lake";
        let table = [
            ("/", "", ScopeLevel::Root),
            ("/tenants/t", "", ScopeLevel::Root),
            ("/providers/microsoft.management/managementgroups/mg", "", ScopeLevel::Mg),
            ("/subscriptions/s", "", ScopeLevel::Subscription),
            (group, "", ScopeLevel::ResourceGroup),
            (account, "", ScopeLevel::Account),
            (account, "/blobservices/default", ScopeLevel::Account),
            (account, "/blobservices/default/containers/raw", ScopeLevel::Container),
            (account, "/fileservices/default/fileshares/home", ScopeLevel::Container),
            (account, "/fileservices/default/shares/home", ScopeLevel::Container),
            (account, "/queueservices/default/queues/q", ScopeLevel::Container),
            (account, "/tableservices/default/tables/t", ScopeLevel::Container),
            (account, "/blobservices/default/containers/raw/blobs/a", ScopeLevel::Container),
            (account, "/privateendpointconnections/p", ScopeLevel::Resource),
            (group, "/providers/microsoft.keyvault/vaults/v", ScopeLevel::Resource),
            (group, "/providers/microsoft.keyvault/vaults/v/secrets/s", ScopeLevel::Resource),
            ("/subscriptions/s", "/providers/microsoft.security/pricings/p", ScopeLevel::Resource),
            ("lake01", "", ScopeLevel::Resource),
        ];

        for (head, tail, level) in table {
            let scope = format!("{head}{tail}");

            assert_eq!(scope_level(&scope), Some(level), "{scope}");
        }
        assert_eq!(scope_level(""), None);
    }
}
