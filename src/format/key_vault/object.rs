//! Which vault, and which secret, key or certificate a request was about.

use super::Fields;
use crate::event::{Row, Scratch, TextColumn};
use crate::format::pick::segment_after;
use crate::format::sas::{Uri, decode_percent};

/// Collections of a vault's URLs with the word of the `container` column.
const COLLECTIONS: [(&str, &str); 6] = [
    ("certificates", "certificates"),
    ("deletedcertificates", "certificates"),
    ("deletedkeys", "keys"),
    ("deletedsecrets", "secrets"),
    ("keys", "keys"),
    ("secrets", "secrets"),
];

/// Second segments that are no names but requests to the collection itself.
/// <https://learn.microsoft.com/rest/api/keyvault>, read 2026-11.
const COLLECTION_REQUESTS: [&str; 3] = ["contacts", "issuers", "restore"];

/// Sets the columns of the target. `id` names what the answer returned, `requestUri` what was
/// asked for: the latter is there for refusals too.
pub(super) fn set<'r>(row: &mut Row<'r>, fields: &Fields<'r>, scratch: &'r Scratch) {
    let id = fields.id.map(Uri::parse).unwrap_or_default();
    let request = fields.request_uri.map(Uri::parse).unwrap_or_default();
    row.set(TextColumn::TargetId, fields.resource_id);
    let from_host = [id, request].into_iter().find_map(vault_of_host);
    let from_id = |marker| fields.resource_id.and_then(|id| segment_after(id, marker));
    row.set(TextColumn::TargetName, from_host.or_else(|| from_id("/vaults/")).or_else(|| from_id("/managedHSMs/")));

    let (container, name) = [id, request].into_iter().find_map(collection).unzip();
    row.set(TextColumn::Container, container);
    let asked = || collection(request).and_then(|(_, name)| name);
    row.set(TextColumn::ObjectPath, name.flatten().or_else(asked).map(|name| decode_percent(name, scratch)));
}

/// The vault in `NAME.vault.azure.net` and its like in other clouds. Calls by Azure Resource
/// Manager have another host.
fn vault_of_host(uri: Uri<'_>) -> Option<&str> {
    let service = uri.host_label(1)?;
    let is_vault = ["vault", "managedhsm"].iter().any(|word| word.eq_ignore_ascii_case(service));
    if is_vault { uri.host_label(0) } else { None }
}

/// The collection and name in a vault's URL: `/secrets/NAME/VERSION`.
fn collection(uri: Uri<'_>) -> Option<(&'static str, Option<&str>)> {
    vault_of_host(uri)?;
    let mut segments = uri.path.split('/').filter(|segment| !segment.is_empty());
    let first = segments.next()?;
    let (_, container) = COLLECTIONS.iter().find(|(word, _)| word.eq_ignore_ascii_case(first))?;
    let is_request = |name: &&str| COLLECTION_REQUESTS.iter().any(|word| word.eq_ignore_ascii_case(name));
    Some((container, segments.next().filter(|name| !is_request(name))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_of_a_vault_name_collection_and_object() {
        let table = [
            ("https://v1.vault.azure.net/secrets/db-pass/6e62?api-version=7.4", Some(("secrets", Some("db-pass")))),
            ("https://v1.vault.azure.net/secrets?api-version=7.4&maxresults=25", Some(("secrets", None))),
            ("https://v1.vault.azure.net/deletedsecrets/db-pass", Some(("secrets", Some("db-pass")))),
            ("https://v1.vault.azure.net:443/keys/cmk/1f/unwrapkey", Some(("keys", Some("cmk")))),
            ("https://v1.vault.azure.net/Certificates/tls/pending", Some(("certificates", Some("tls")))),
            ("https://v1.vault.azure.net/certificates/issuers/ca", Some(("certificates", None))),
            ("https://v1.vault.azure.net/keys/restore", Some(("keys", None))),
            ("https://h1.managedhsm.azure.net/keys/cmk", Some(("keys", Some("cmk")))),
            ("https://v1.vault.azure.net/", None),
            ("https://management.azure.com/subscriptions/s/vaults/v1?api-version=1", None),
            ("https://management.azure.com/secrets/x", None),
            ("", None),
        ];
        for (url, expected) in table {
            assert_eq!(collection(Uri::parse(url)), expected, "{url}");
        }
    }
}
