//! Texts within records.

use airside::arm::{self, ArmId};
use airside::time::UtcMicros;

use super::decode;

/// A time is written as it is read.
pub(super) fn timestamps(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Some(time) = UtcMicros::parse(text) {
        assert_eq!(UtcMicros::parse(&time.to_string()), Some(time), "{text:?}");
        assert_eq!(time.date().to_string(), time.to_string()[..10], "{text:?}");
    }
    if let Ok(bound) = airside::time::parse_bound(text, UtcMicros(1_790_000_000_000_000)) {
        assert_eq!(UtcMicros::parse(&bound.to_string()), Some(bound), "{text:?}");
    }
}

fn folded(text: &str) -> String {
    let mut folded = String::new();
    arm::fold_arm_id(text, &mut folded);
    folded
}

/// Folding twice is folding once; the case of letters, and slashes at the end, say nothing; the
/// parts of an id are parts of it.
pub(super) fn arm_ids(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let id = folded(text);
    assert_eq!(folded(&id), id, "{text:?}");
    assert_eq!(folded(&text.to_ascii_uppercase()), id, "{text:?}");
    let parts = ArmId::parse(&id);
    for part in [parts.subscription, parts.resource_group, parts.provider, parts.name].into_iter().flatten() {
        assert!(id.split('/').any(|segment| segment == part), "{part:?} of {id:?}");
    }
    let mut kind = String::new();
    arm::resource_type(&id, &mut kind);
    assert_eq!(parts.provider.is_some(), !kind.is_empty(), "{id:?} is a {kind:?}");
    if !id.is_empty() {
        assert!(arm::is_at_or_under(&id, &id), "{id:?}");
        assert!(arm::is_at_or_under(&format!("{}/x", id.trim_end_matches('/')), &id), "{id:?}");
        assert!(id == "/" || !arm::is_at_or_under(&format!("{id}x"), &id), "{id:?}");
    }
    let mut guid = String::new();
    assert_eq!(arm::fold_guid(text, &mut guid), !guid.is_empty());
    if !guid.is_empty() {
        let mut again = String::new();
        assert!(arm::fold_guid(&guid.replace('-', ""), &mut again));
        assert_eq!(guid, again);
        assert!(arm::is_guid(&guid) && guid.len() == 36);
    }
}

/// What a signature begins with that no input comes upon by chance.
const SIGNATURE: &str = "Zm9yZ2VkIHNpZ25hdHVyZQ";

/// No column holds the signature of a `uri`, wherever it stands in there.
pub(super) fn sas_uri(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if text.contains(SIGNATURE) {
        return;
    }
    let signed = format!("https://st.blob.core.windows.net/c/o?sv=2024-11-04&{text}&sig={SIGNATURE}%3D");
    for uri in [signed.clone(), format!("{text}?{}", signed.split_once('?').expect("a query").1)] {
        let record = serde_json::json!({
            "time": "2026-05-05T10:00:00.1234567Z",
            "category": "StorageRead",
            "operationName": "GetBlob",
            "statusText": "SASSuccess",
            "uri": uri,
            "correlationId": "a1000000-0000-4000-8000-000000000001",
            "resourceId": "/subscriptions/s/resourceGroups/g/providers/Microsoft.Storage/storageAccounts/st/blobServices/default",
            "identity": {"type": "SAS", "tokenHash": "key1(0)"},
            "properties": {"accountName": "st", "objectKey": "/st/c/o", "userAgentHeader": "x"},
            "schemaVersion": "1.0",
        });
        let texts = decode::texts(&record.to_string());
        assert!(!texts.is_empty(), "{uri:?} is no event");
        assert!(texts.iter().all(|text| !text.contains(SIGNATURE)), "{uri:?} in {texts:?}");
    }
}
