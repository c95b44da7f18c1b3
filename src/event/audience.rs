//! The services that tokens are for: by application id, by the URL that a token names, and for the
//! one without a known application id by its display name.

use crate::arm;
use crate::event::vocabulary::AudienceKind;

/// One service that a token can be for.
#[derive(Debug, Clone, Copy)]
pub struct Audience {
    /// Application id, lower case with dashes.
    pub app_id: &'static str,
    /// Its name in logs.
    pub name: &'static str,
    /// Its kind.
    pub kind: AudienceKind,
    /// Where this is known from.
    pub source: &'static str,
}

/// The service with this application id, or the one that this audience URL names. Case, dashes, the
/// URL's scheme, port, path and trailing slash make no difference; the host of an account or a vault
/// stands for its service.
pub fn lookup(app_id_or_url: &str) -> Option<&'static Audience> {
    of_token(app_id_or_url)?.0
}

/// The service, where its application is known, and its kind, as [`lookup`] finds them; `None` for one
/// that the tables do not have.
pub fn of_token(app_id_or_url: &str) -> Option<(Option<&'static Audience>, AudienceKind)> {
    let text = arm::trim(app_id_or_url);
    if let Some(audience) = by_app_id(text) {
        return Some((Some(audience), audience.kind));
    }
    let host = by_host(text)?;
    Some((host.app_id.and_then(by_app_id), host.kind))
}

/// The kind of the service that a token is for, by application id or URL, else by display name
/// (Synapse has no verified application id); `None` where both are absent.
///
/// A service that the tables do not have is [`AudienceKind::Other`]. An empty text is an absent one.
pub fn kind_of(app_id_or_url: Option<&str>, display_name: Option<&str>) -> AudienceKind {
    let id = app_id_or_url.map(str::trim).filter(|id| !id.is_empty());
    let name = display_name.map(str::trim).filter(|name| !name.is_empty());
    match id.and_then(of_token) {
        Some((_, kind)) => kind,
        None if name.is_some_and(names_synapse) => AudienceKind::Synapse,
        None if id.is_some() || name.is_some() => AudienceKind::Other,
        None => AudienceKind::None,
    }
}

/// Whether a display name is that of a Synapse service. Display names change and are never compared
/// where an application id is known.
fn names_synapse(name: &str) -> bool {
    let word = b"synapse";
    name.as_bytes().windows(word.len()).any(|part| part.eq_ignore_ascii_case(word))
}

/// The service with this application id. Allocates nothing: it is asked for every record.
fn by_app_id(text: &str) -> Option<&'static Audience> {
    if !arm::is_guid(text) {
        return None;
    }
    // All have their dashes in the same places, so that they are in the same order without them.
    let digits = |text: &'static str| text.bytes().filter(|byte| *byte != b'-');
    let wanted = || text.bytes().filter(|byte| *byte != b'-').map(|byte| byte.to_ascii_lowercase());
    let found = AUDIENCES.binary_search_by(|audience| digits(audience.app_id).cmp(wanted())).ok()?;
    AUDIENCES.get(found)
}

/// The row of [`HOSTS`] for the host of this URL, or for a bare host.
fn by_host(text: &str) -> Option<&'static Host> {
    // A URL may stand in the query of what has no scheme.
    let scheme = text.split_once(':').filter(|(scheme, _)| scheme.bytes().all(|byte| byte.is_ascii_alphanumeric()));
    let rest = scheme.and_then(|(_, rest)| rest.strip_prefix("//")).unwrap_or(text);
    let end = rest.bytes().position(|byte| matches!(byte, b'/' | b':' | b'?' | b'#'));
    let host = end.and_then(|end| rest.get(..end)).unwrap_or(rest);
    let host = host.strip_suffix('.').unwrap_or(host);
    HOSTS.iter().find(|row| match row.name.strip_prefix('*') {
        Some(suffix) => {
            let tail =
                host.len().checked_sub(suffix.len()).filter(|start| *start > 0).and_then(|start| host.get(start..));
            tail.is_some_and(|tail| tail.eq_ignore_ascii_case(suffix))
        }
        None => host.eq_ignore_ascii_case(row.name),
    })
}

/// merill/microsoft-info, `MicrosoftApps.csv`, 2026: Microsoft's own applications.
const MICROSOFT_INFO: &str = "merill/microsoft-info MicrosoftApps.csv, 2026";
/// The same, and a captured sign-in record.
const SIGNIN_RECORD: &str = "merill/microsoft-info MicrosoftApps.csv, 2026; seen in real sign-in records, 2025";
/// Found alike in exports of several tenants' service principals and in public code.
const TENANT_DUMPS: &str = "service principal lists of several tenants";
/// A row of [`AUDIENCES`].
const fn audience(app_id: &'static str, name: &'static str, kind: AudienceKind, source: &'static str) -> Audience {
    Audience { app_id, name, kind, source }
}

/// Sorted by application id. Applications that are only ever callers are here too, as `other`: a
/// token for them is for none of the services that rules name.
#[rustfmt::skip]
const AUDIENCES: &[Audience] = &[
    audience("00000002-0000-0000-c000-000000000000", "Windows Azure Active Directory", AudienceKind::Graph, MICROSOFT_INFO),
    audience("00000003-0000-0000-c000-000000000000", "Microsoft Graph", AudienceKind::Graph, MICROSOFT_INFO),
    audience("00000009-0000-0000-c000-000000000000", "Power BI Service", AudienceKind::Powerbi, MICROSOFT_INFO),
    audience("01fc33a7-78ba-4d2f-a4b7-768e336e890e", "MS-PIM", AudienceKind::Other, TENANT_DUMPS),
    audience("022907d3-0f1b-48f7-badc-1ba6abab6d66", "Azure SQL Database", AudienceKind::Sql, MICROSOFT_INFO),
    audience("035f9e1d-4f00-4419-bf50-bf2d87eb4878", "Azure Monitor Restricted", AudienceKind::Monitor, SIGNIN_RECORD),
    // That this is the application behind https://dev.azuresynapse.net is not verified.
    audience("1ac05c7e-12d2-4605-bf9d-549d7041c6b3", "Microsoft Azure Synapse Gateway", AudienceKind::Synapse, TENANT_DUMPS),
    audience("2746ea77-4702-4b45-80ca-3c97e680e8b7", "Azure Data Explorer", AudienceKind::Kusto, "Azure Data Explorer documentation, 2026"),
    audience("2ff814a6-3304-4ab8-85cb-cd0e6f879c1d", "AzureDatabricks", AudienceKind::Databricks, MICROSOFT_INFO),
    // Azure Government's Cosmos DB.
    audience("57506a73-e302-42a9-b869-6f12d9ec29e9", "Azure Cosmos DB (Government)", AudienceKind::Cosmos, MICROSOFT_INFO),
    audience("589d5083-6f11-4d30-a62a-a4b316a14abf", "Azure Key Vault Managed HSM", AudienceKind::KeyVault, MICROSOFT_INFO),
    audience("73c2949e-da2d-457a-9607-fcc665198967", "Azure Purview", AudienceKind::Purview, MICROSOFT_INFO),
    audience("797f4846-ba00-4fd7-ba43-dac1f8f63013", "Azure Resource Manager", AudienceKind::Arm, SIGNIN_RECORD),
    audience("80369ed6-5f11-4dd9-bef3-692475845e77", "Microsoft.EventHubs", AudienceKind::Eventhub, MICROSOFT_INFO),
    audience("80a10ef9-8168-493d-abf9-3297c4ef6e3c", "Microsoft.ServiceBus", AudienceKind::Servicebus, TENANT_DUMPS),
    audience("8cae6e77-e04e-42ce-b5cb-50d82bce26b1", "Microsoft Policy Insights Provider Data Plane", AudienceKind::Policy, "seen in real sign-in records, 2025"),
    audience("a232010e-820c-4083-83bb-3ace5fc29d0b", "Azure Cosmos DB", AudienceKind::Cosmos, MICROSOFT_INFO),
    audience("a6aa9161-5291-40bb-8c5c-923b567bee3b", "Storage Resource Provider", AudienceKind::Other, TENANT_DUMPS),
    audience("ca7f3f0b-7d91-482c-8e09-c5d840d0eac5", "Log Analytics API", AudienceKind::Monitor, MICROSOFT_INFO),
    audience("cfa8b339-82a2-471a-a3c9-0fc0be7a4093", "Azure Key Vault", AudienceKind::KeyVault, SIGNIN_RECORD),
    audience("d9327919-6775-4843-9037-3fb0fb0473cb", "Databricks Resource Provider", AudienceKind::Other, TENANT_DUMPS),
    audience("e406a681-f3d4-42a8-90b6-c2b029497af1", "Azure Storage", AudienceKind::Storage, MICROSOFT_INFO),
    audience("e933bd07-d2ee-4f1d-933c-3752b819567b", "Azure Monitor Control Service", AudienceKind::Monitor, SIGNIN_RECORD),
    audience("e9f49c6b-5ce5-44c8-925d-015017e9f7ad", "Azure Data Lake", AudienceKind::Storage, MICROSOFT_INFO),
];

/// A host that an audience URL can have.
struct Host {
    /// Host in lower case, or `*` and how it ends.
    name: &'static str,
    /// The service's kind.
    kind: AudienceKind,
    /// Its application, where that is known.
    app_id: Option<&'static str>,
}

/// A row of [`HOSTS`] whose application is known.
const fn host(name: &'static str, kind: AudienceKind, app_id: &'static str) -> Host {
    Host { name, kind, app_id: Some(app_id) }
}

/// A row of [`HOSTS`] whose application is not known.
const fn host_only(name: &'static str, kind: AudienceKind) -> Host {
    Host { name, kind, app_id: None }
}

/// Azure Storage's application id.
const STORAGE: &str = "e406a681-f3d4-42a8-90b6-c2b029497af1";
/// Azure Resource Manager's application id.
const ARM: &str = "797f4846-ba00-4fd7-ba43-dac1f8f63013";
/// Key Vault's application id.
const VAULT: &str = "cfa8b339-82a2-471a-a3c9-0fc0be7a4093";
/// Azure SQL's application id.
const SQL: &str = "022907d3-0f1b-48f7-badc-1ba6abab6d66";
/// Azure Cosmos DB's application id.
const COSMOS: &str = "a232010e-820c-4083-83bb-3ace5fc29d0b";

/// Those of the first part are named by Microsoft's documentation, 2026, or stand in real records;
/// those of the second are practitioners' knowledge. Namespaces under `servicebus.windows.net`
/// are left out: Event Hubs and Service Bus share it.
#[rustfmt::skip]
const HOSTS: &[Host] = &[
    host("management.azure.com", AudienceKind::Arm, ARM),
    host("management.core.windows.net", AudienceKind::Arm, ARM),
    host("storage.azure.com", AudienceKind::Storage, STORAGE),
    host("*.blob.core.windows.net", AudienceKind::Storage, STORAGE),
    host("*.dfs.core.windows.net", AudienceKind::Storage, STORAGE),
    host("*.queue.core.windows.net", AudienceKind::Storage, STORAGE),
    host("*.table.core.windows.net", AudienceKind::Storage, STORAGE),
    host("*.file.core.windows.net", AudienceKind::Storage, STORAGE),
    host("vault.azure.net", AudienceKind::KeyVault, VAULT),
    host("*.vault.azure.net", AudienceKind::KeyVault, VAULT),
    host("database.windows.net", AudienceKind::Sql, SQL),
    host("eventhubs.azure.net", AudienceKind::Eventhub, "80369ed6-5f11-4dd9-bef3-692475845e77"),
    host("servicebus.azure.net", AudienceKind::Servicebus, "80a10ef9-8168-493d-abf9-3297c4ef6e3c"),
    host("cosmos.azure.com", AudienceKind::Cosmos, COSMOS),
    host("graph.microsoft.com", AudienceKind::Graph, "00000003-0000-0000-c000-000000000000"),
    host("graph.windows.net", AudienceKind::Graph, "00000002-0000-0000-c000-000000000000"),
    // Practitioners' knowledge, not seen in a record.
    host("datalake.azure.net", AudienceKind::Storage, "e9f49c6b-5ce5-44c8-925d-015017e9f7ad"),
    host("managedhsm.azure.net", AudienceKind::KeyVault, "589d5083-6f11-4d30-a62a-a4b316a14abf"),
    host("*.managedhsm.azure.net", AudienceKind::KeyVault, "589d5083-6f11-4d30-a62a-a4b316a14abf"),
    host("*.database.windows.net", AudienceKind::Sql, SQL),
    host("*.documents.azure.com", AudienceKind::Cosmos, COSMOS),
    host("*.kusto.windows.net", AudienceKind::Kusto, "2746ea77-4702-4b45-80ca-3c97e680e8b7"),
    host("api.loganalytics.io", AudienceKind::Monitor, "ca7f3f0b-7d91-482c-8e09-c5d840d0eac5"),
    host("api.loganalytics.azure.com", AudienceKind::Monitor, "ca7f3f0b-7d91-482c-8e09-c5d840d0eac5"),
    host("analysis.windows.net", AudienceKind::Powerbi, "00000009-0000-0000-c000-000000000000"),
    host("purview.azure.net", AudienceKind::Purview, "73c2949e-da2d-457a-9607-fcc665198967"),
    host_only("monitor.azure.com", AudienceKind::Monitor),
    host_only("dev.azuresynapse.net", AudienceKind::Synapse),
    host_only("*.dev.azuresynapse.net", AudienceKind::Synapse),
    host_only("api.fabric.microsoft.com", AudienceKind::Powerbi),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted_unique_and_of_folded_guids() {
        assert!(AUDIENCES.is_sorted_by(|one, next| one.app_id < next.app_id));
        for audience in AUDIENCES {
            let mut folded = String::new();

            assert!(arm::fold_guid(audience.app_id, &mut folded), "{}", audience.name);
            assert_eq!(folded, audience.app_id);
        }
    }

    #[test]
    fn every_host_agrees_with_the_application_behind_it() {
        for row in HOSTS {
            assert_eq!(row.name, row.name.to_ascii_lowercase());
            if let Some(app_id) = row.app_id {
                assert_eq!(lookup(app_id).unwrap().kind, row.kind, "{}", row.name);
            }
        }
    }

    #[test]
    fn one_service_is_found_by_each_of_its_spellings() {
        let table = [
            "e406a681-f3d4-42a8-90b6-c2b029497af1",
            "E406A681-F3D4-42A8-90B6-C2B029497AF1",
            "e406a681f3d442a890b6c2b029497af1",
            "https://storage.azure.com",
            "https://storage.azure.com/",
            "HTTPS://Storage.Azure.com:443/.default",
            "storage.azure.com",
            "https://lake.blob.core.windows.net",
            "https://Lake.dfs.core.windows.net/",
            "https://lake.queue.core.windows.net",
            "https://lake.table.core.windows.net",
            "https://lake.file.core.windows.net",
        ];

        for text in table {
            assert_eq!(lookup(text).map(|audience| audience.name), Some("Azure Storage"), "{text}");
            assert_eq!(kind_of(Some(text), None), AudienceKind::Storage, "{text}");
        }
    }

    #[test]
    fn urls_of_the_other_services_are_known() {
        let table = [
            ("https://vault.azure.net", AudienceKind::KeyVault),
            ("https://kv-hr.vault.azure.net/", AudienceKind::KeyVault),
            ("https://database.windows.net/", AudienceKind::Sql),
            ("https://management.azure.com/", AudienceKind::Arm),
            ("https://management.core.windows.net/", AudienceKind::Arm),
            ("https://eventhubs.azure.net", AudienceKind::Eventhub),
            ("https://servicebus.azure.net", AudienceKind::Servicebus),
            ("https://cosmos.azure.com", AudienceKind::Cosmos),
            ("https://graph.microsoft.com", AudienceKind::Graph),
            ("https://dev.azuresynapse.net", AudienceKind::Synapse),
            ("e933bd07-d2ee-4f1d-933c-3752b819567b", AudienceKind::Monitor),
            ("https://graph.windows.net/?next=https://vault.azure.net", AudienceKind::Graph),
            ("graph.windows.net/?next=https://vault.azure.net", AudienceKind::Graph),
            ("https://blob.core.windows.net.example.org", AudienceKind::Other),
            ("https://.blob.core.windows.net", AudienceKind::Other),
            ("https://notvault.azure.net", AudienceKind::Other),
            ("11111111-2222-3333-4444-555555555555", AudienceKind::Other),
            ("überraschung", AudienceKind::Other),
        ];

        for (text, kind) in table {
            assert_eq!(kind_of(Some(text), None), kind, "{text}");
        }
    }

    #[test]
    fn a_display_name_tells_only_synapse_and_only_where_the_id_is_not_known() {
        let unknown = Some("11111111-2222-3333-4444-555555555555");

        assert_eq!(kind_of(unknown, Some("Azure SYNAPSE Studio")), AudienceKind::Synapse);
        assert_eq!(kind_of(None, Some("synapse")), AudienceKind::Synapse);
        assert_eq!(kind_of(None, Some("Azure Storage")), AudienceKind::Other);
        assert_eq!(kind_of(unknown, Some("Azure Storage")), AudienceKind::Other);
        assert_eq!(kind_of(Some("https://vault.azure.net"), Some("Synapse")), AudienceKind::KeyVault);
    }

    #[test]
    fn without_id_and_name_there_is_no_audience() {
        assert_eq!(kind_of(None, None), AudienceKind::None);
        assert_eq!(kind_of(Some(""), Some(" ")), AudienceKind::None);
        assert!(lookup("").is_none());
        assert!(lookup("-").is_none());
    }
}
