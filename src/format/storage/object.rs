//! Which account, container and object a storage request was about.

use super::Fields;
use crate::event::{Row, Scratch, TextColumn};
use crate::format::pick::{contains, segment_after, through_segment};
use crate::format::sas::{Uri, decode_percent};

/// The segment before the account's name in a resource id.
const ACCOUNT_MARKER: &str = "/storageAccounts/";

/// Ending of the account's name in the host of its second region.
const SECONDARY: &str = "-secondary";

/// The services, as far as the shape of their paths differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Service {
    /// Blobs by their own API, which has a root container.
    Blob,
    /// Tables, whose keys stand in brackets behind the name.
    Table,
    /// Files, queues, Data Lake.
    Other,
}

/// Sets the columns of the target. The object comes from `objectKey`, else from the path of `uri`.
pub(super) fn set<'r>(row: &mut Row<'r>, fields: &Fields<'r>, uri: Uri<'r>, scratch: &'r Scratch) {
    let account_id = fields.resource_id.map(|id| through_segment(id, ACCOUNT_MARKER).unwrap_or(id));
    row.set(TextColumn::TargetId, account_id);
    let from_id = || fields.resource_id.and_then(|id| segment_after(id, ACCOUNT_MARKER));
    let from_host = || uri.host_label(0).map(|label| label.strip_suffix(SECONDARY).unwrap_or(label));
    row.set(TextColumn::TargetName, fields.account.or_else(from_id).or_else(from_host));

    let keyed = fields.object_key.and_then(without_account).filter(|rest| !rest.is_empty());
    let path = keyed.unwrap_or_else(|| decode_percent(uri.path, scratch));
    let (container, object) = split(path, service(fields, uri));
    row.set(TextColumn::Container, container);
    row.set(TextColumn::ObjectPath, object);
}

/// `objectKey` is `/account/container/path`; Log Analytics may put it in quotes.
fn without_account(object_key: &str) -> Option<&str> {
    let key = object_key.trim_matches('"');
    let key = key.strip_prefix('/').unwrap_or(key);
    key.split_once('/').map(|(_, rest)| rest)
}

fn service(fields: &Fields<'_>, uri: Uri<'_>) -> Service {
    let of_host = uri.host_label(1);
    let is = |name: &str, segment: &str| {
        fields.service.or(of_host).is_some_and(|service| service.eq_ignore_ascii_case(name))
            || fields.resource_id.is_some_and(|id| contains(id, segment))
    };
    if of_host.is_some_and(|label| label.eq_ignore_ascii_case("dfs")) {
        Service::Other
    } else if is("blob", "/blobServices/") {
        Service::Blob
    } else if is("table", "/tableServices/") {
        Service::Table
    } else {
        Service::Other
    }
}

/// Splits `container/path`.
fn split(path: &str, service: Service) -> (Option<&str>, Option<&str>) {
    let (first, rest) = path.split_once('/').unwrap_or((path, ""));
    let filled = |text| Some(text).filter(|text: &&str| !text.is_empty());
    match service {
        // A blob without a container lies in the root container.
        Service::Blob if rest.is_empty() && !first.is_empty() && !can_be_container(first) => {
            (Some("$root"), Some(first))
        }
        Service::Table => (first.split('(').next().and_then(filled), filled(rest)),
        Service::Blob | Service::Other => (filled(first), filled(rest)),
    }
}

/// Names of containers: 3 to 63 lower-case letters, digits and dashes, or a system container.
/// <https://learn.microsoft.com/rest/api/storageservices/naming-and-referencing-containers--blobs--and-metadata>,
/// read 2026-11.
fn can_be_container(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    name.starts_with('$') || ((3..=63).contains(&name.len()) && name.bytes().all(plain))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_split_at_the_container() {
        let table = [
            ("bronze/a/b.csv", Service::Blob, (Some("bronze"), Some("a/b.csv"))),
            ("bronze", Service::Blob, (Some("bronze"), None)),
            ("bronze/", Service::Blob, (Some("bronze"), None)),
            ("", Service::Blob, (None, None)),
            ("logo.png", Service::Blob, (Some("$root"), Some("logo.png"))),
            ("$web", Service::Blob, (Some("$web"), None)),
            ("$logs/blob/x.log", Service::Blob, (Some("$logs"), Some("blob/x.log"))),
            ("logo.png", Service::Other, (Some("logo.png"), None)),
            ("Customers(PartitionKey='a')", Service::Table, (Some("Customers"), None)),
            ("jobs/messages", Service::Other, (Some("jobs"), Some("messages"))),
        ];
        for (path, service, expected) in table {
            assert_eq!(split(path, service), expected, "{path}");
        }
    }

    #[test]
    fn the_account_is_taken_off_an_object_key() {
        assert_eq!(without_account("/lake/bronze/a.csv"), Some("bronze/a.csv"));
        assert_eq!(without_account("\"/lake/bronze\""), Some("bronze"));
        assert_eq!(without_account("/lake"), None);
    }
}
