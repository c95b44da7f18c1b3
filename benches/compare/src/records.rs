//! Makes records of one log differ as those of real exports do, without a change of what they say.
//!
//! Which members differ is taken from captured records and from Microsoft's documentation. None of
//! them decides who acted, on what, or how it ended.

use serde_json::{Map, Value};

use crate::files::Kind;
use crate::random::Random;
use crate::text::Spelling;

/// Ways in which the records of one log differ; each is another set of the changes below.
pub const VARIANTS: usize = 48;

/// Share of the changes that a variant makes, in thousandths.
const CHANGES_PER_MILLE: u64 = 350;

/// Where a member is put.
#[derive(Debug, Clone, Copy)]
enum Place {
    First,
    Last,
    /// Before this member, or last where that is not there.
    Before(&'static str),
}

/// One difference between records.
#[derive(Debug, Clone, Copy)]
enum Change {
    /// A member that some have, written as JSON. `{guid}` and `{n}` in it stand for chance.
    Add(&'static [&'static str], Place, &'static str, &'static str),
    /// A member that some lack.
    Drop(&'static [&'static str], &'static str),
    /// A member that stands elsewhere.
    Move(&'static [&'static str], &'static str, Place),
    /// A number that is a string, or the other way round.
    Retype(&'static [&'static str], &'static str),
}

use Change::{Add, Drop, Move, Retype};
use Place::{Before, First, Last};

const CLAIMS: &[&str] = &["identity", "claims"];
const CLAIM: &[&str] = &["identity", "claim"];
const PROPERTIES: &[&str] = &["properties"];

const ACTIVITY: &[Change] = &[
    Add(&[], First, "ReleaseVersion", "\"6.2026.18.4+af3b7c1e.release_2026w18\""),
    Add(&[], First, "Stamp", "\"PROD-{n}\""),
    Add(&[], First, "RoleLocation", "\"West Europe\""),
    Add(&[], Last, "location", "\"westeurope\""),
    Move(&[], "tenantId", First),
    Move(&[], "properties", Before("identity")),
    Move(&[], "category", Before("operationName")),
    Move(&[], "level", Before("resultType")),
    Drop(&[], "level"),
    Retype(&[], "durationMs"),
    Add(CLAIMS, Before("appid"), "acr", "\"1\""),
    Add(CLAIMS, Before("appid"), "aio", "\"E2ZgYOio2iv2j7e7w5t5j8Wkz9a2AQ{n}\""),
    Add(CLAIMS, Before("idtyp"), "http://schemas.microsoft.com/claims/authnmethodsreferences", "\"pwd,mfa\""),
    Add(CLAIMS, Before("idtyp"), "http://schemas.microsoft.com/claims/authnclassreference", "\"1\""),
    Add(CLAIMS, Last, "groups", "\"{guid},{guid},{guid}\""),
    Add(CLAIMS, Last, "wids", "\"b79fbf4d-3ef9-4689-8143-76b194e85509\""),
    Add(CLAIMS, Last, "rh", "\"1.AU4AvFwogAAdrkqPkzdYXua2kkZIf3kAutdPukPawfj2MBOJAA{n}.\""),
    Add(CLAIMS, Before("ver"), "puid", "\"10032001{n}\""),
    Add(CLAIMS, Before("ver"), "xms_ftd", "\"jQ5fYcH0Jk{n}\""),
    Drop(CLAIMS, "xms_tcdt"),
    Drop(CLAIMS, "ver"),
    Move(&["identity"], "claims", First),
    Add(PROPERTIES, First, "isComplianceCheck", "\"False\""),
    Add(PROPERTIES, First, "resourceLocation", "\"westeurope\""),
    Add(PROPERTIES, Last, "ancestors", "\"mg-landingzones,mg-platform,{guid}\""),
    Add(PROPERTIES, Last, "legacyResourceGroup", "\"RG-{n}\""),
    Add(
        PROPERTIES,
        Last,
        "policies",
        "\"[{\\\"policyDefinitionId\\\":\\\"/providers/Microsoft.Authorization/policyDefinitions/{guid}\\\",\\\"policyDefinitionEffect\\\":\\\"AuditIfNotExists\\\"}]\"",
    ),
    Drop(PROPERTIES, "serviceRequestId"),
    Drop(PROPERTIES, "message"),
    Move(PROPERTIES, "eventCategory", First),
];

const SIGNIN: &[Change] = &[
    Add(&[], Before("properties"), "location", "\"NL\""),
    Move(&[], "tenantId", Before("operationName")),
    Move(&[], "Level", Before("durationMs")),
    Drop(&[], "operationVersion"),
    Add(
        PROPERTIES,
        Before("correlationId"),
        "location",
        "{\"city\":\"Amsterdam\",\"state\":\"Noord-Holland\",\"countryOrRegion\":\"NL\",\"geoCoordinates\":{\"latitude\":52.35,\"longitude\":4.91}}",
    ),
    Add(PROPERTIES, Before("conditionalAccessStatus"), "appliedConditionalAccessPolicies", "[]"),
    Add(
        PROPERTIES,
        Before("clientCredentialType"),
        "authenticationProcessingDetails",
        "[{\"key\":\"Oauth Scope Info\",\"value\":\"[\\\"user_impersonation\\\"]\"}]",
    ),
    Add(PROPERTIES, Before("clientCredentialType"), "processingTimeInMilliseconds", "{n}"),
    Add(PROPERTIES, Before("riskState"), "riskDetail", "\"none\""),
    Add(PROPERTIES, Before("riskState"), "riskLevelAggregated", "\"low\""),
    Add(PROPERTIES, Before("riskState"), "riskLevelDuringSignIn", "\"low\""),
    Add(PROPERTIES, Last, "flaggedForReview", "false"),
    Add(PROPERTIES, Last, "isTenantRestricted", "false"),
    Add(PROPERTIES, Last, "crossTenantAccessType", "\"none\""),
    Add(PROPERTIES, Last, "authenticationProtocol", "\"none\""),
    Add(PROPERTIES, Last, "appServicePrincipalId", "null"),
    Add(PROPERTIES, Last, "resourceServicePrincipalId", "\"{guid}\""),
    Add(PROPERTIES, Last, "signInTokenProtectionStatus", "\"none\""),
    Add(PROPERTIES, Last, "originalTransferMethod", "\"none\""),
    Add(PROPERTIES, Last, "isThroughGlobalSecureAccess", "false"),
    Add(
        PROPERTIES,
        Last,
        "conditionalAccessAudiences",
        "[{\"applicationId\":\"797f4846-ba00-4fd7-ba43-dac1f8f63013\",\"audienceReasons\":\"none\"}]",
    ),
    Add(PROPERTIES, Last, "sessionId", "\"{guid}\""),
    Add(PROPERTIES, Last, "agent", "{\"agentType\":\"notAgentic\",\"parentAppId\":null}"),
    Add(
        PROPERTIES,
        Before("status"),
        "deviceDetail",
        "{\"deviceId\":\"\",\"operatingSystem\":\"Windows10\",\"browser\":\"Edge 124.0\"}",
    ),
    Add(PROPERTIES, Before("status"), "clientAppUsed", "\"Browser\""),
    Drop(PROPERTIES, "tokenIssuerType"),
    Drop(PROPERTIES, "incomingTokenType"),
    Move(PROPERTIES, "isInteractive", Before("appId")),
];

const STORAGE: &[Change] = &[
    Move(&[], "category", Before("time")),
    Move(&[], "uri", Before("identity")),
    Move(&[], "resourceId", Last),
    Move(&[], "callerIpAddress", Before("statusCode")),
    Drop(&[], "location"),
    Drop(&[], "protocol"),
    Drop(&[], "resourceType"),
    Drop(&[], "schemaVersion"),
    Add(PROPERTIES, Before("serviceType"), "etag", "\"\\\"0x8DC{n}C1D4A2F\\\"\""),
    Add(PROPERTIES, Before("serviceType"), "lastModifiedTime", "\"2026/04/16 13:11:22.6543210\""),
    Add(PROPERTIES, Last, "serverMd5", "\"CY9rzUYh03PK3k6DJie09g==\""),
    Add(PROPERTIES, Last, "requestMd5", "\"1B2M2Y8AsgTpgAmY7PhCfg==\""),
    Add(PROPERTIES, Before("metricResponseType"), "conditionsUsed", "\"If-None-Match=Monday, 12-May-25 06:18:23 GMT\""),
    Add(PROPERTIES, Before("metricResponseType"), "contentLengthHeader", "{n}"),
    Add(PROPERTIES, Last, "sourceAccessTier", "\"Invalid\""),
    Add(PROPERTIES, Last, "accessTier", "\"Hot\""),
    Add(PROPERTIES, Last, "rehydratePriority", "null"),
    Add(PROPERTIES, Last, "referrerHeader", "\"https://portal.contoso.example/\""),
    Drop(PROPERTIES, "clientRequestId"),
    Drop(PROPERTIES, "tlsVersion"),
    Drop(PROPERTIES, "requestHeaderSize"),
    Drop(PROPERTIES, "serverLatencyMs"),
    Move(PROPERTIES, "objectKey", Before("accountName")),
    Move(PROPERTIES, "userAgentHeader", Last),
    Move(&["identity"], "type", Last),
    Drop(&["identity", "requester"], "tokenIssuer"),
    Move(&["identity", "requester"], "objectId", First),
];

const KEY_VAULT: &[Change] = &[
    Move(&[], "resourceId", Before("time")),
    Move(&[], "operationVersion", Before("operationName")),
    Move(&[], "properties", Before("identity")),
    Retype(&[], "durationMs"),
    Drop(&[], "operationVersion"),
    Add(&[], Before("correlationId"), "resultDescription", "\"\""),
    Add(CLAIM, First, "ver", "\"1.0\""),
    Add(CLAIM, Last, "aio", "\"k2RgYFA{n}\""),
    Add(CLAIM, Last, "rh", "\"1.AU4AvFwogAAdrkqPkzdYXua2kkZIf3k{n}.\""),
    Add(CLAIM, Before("uti"), "amr", "[\"pwd\",\"mfa\"]"),
    Add(CLAIM, Before("uti"), "xms_tcdt", "\"1577836800\""),
    Drop(CLAIM, "xms_az_nwperimid"),
    Move(CLAIM, "oid", First),
    Move(CLAIM, "appidacr", Before("aud")),
    Add(PROPERTIES, Last, "isAddressAuthorized", "true"),
    Add(
        PROPERTIES,
        Last,
        "subnetId",
        "\"/subscriptions/{guid}/resourceGroups/rg-hub/providers/Microsoft.Network/virtualNetworks/vnet-hub/subnets/private\"",
    ),
    Add(PROPERTIES, Last, "trustedService", "\"\""),
    Add(PROPERTIES, Before("httpStatusCode"), "certificateIssuerProperties", "{\"name\":\"Self\",\"id\":\"{guid}\"}"),
    Drop(PROPERTIES, "tlsVersion"),
    Drop(PROPERTIES, "isRbacAuthorized"),
    Move(PROPERTIES, "requestUri", First),
    Move(PROPERTIES, "clientInfo", Last),
];

const DATABRICKS: &[Change] = &[
    Add(&[], Last, "FluentdIngestTimestamp", "\"2026-05-05T00:00:00.{n}Z\""),
    Drop(&[], "Host"),
    Move(&[], "time", First),
    Move(&[], "category", Before("operationName")),
    Move(&[], "properties", Before("identity")),
    Move(PROPERTIES, "requestParams", First),
    Move(PROPERTIES, "actionName", Before("logId")),
    Move(PROPERTIES, "response", Last),
    Drop(PROPERTIES, "sessionId"),
];

const SQL: &[Change] = &[
    Add(&[], Last, "location", "\"westeurope\""),
    Move(&[], "time", First),
    Move(&[], "LogicalServerName", Last),
    Add(PROPERTIES, Before("client_ip"), "affected_rows", "{n}"),
    Add(PROPERTIES, Before("client_ip"), "class_type", "\"DB\""),
    Add(PROPERTIES, Before("client_ip"), "class_type_description", "\"DATABASE\""),
    Add(PROPERTIES, Before("database_name"), "data_sensitivity_information", "\"\""),
    Add(PROPERTIES, Last, "response_rows", "{n}"),
    Add(PROPERTIES, Last, "is_column_permission", "\"false\""),
    Add(PROPERTIES, Last, "server_instance_name", "\"contoso-{n}\""),
    Move(PROPERTIES, "statement", Before("session_id")),
    Move(PROPERTIES, "succeeded", First),
    Drop(PROPERTIES, "transaction_id"),
];

const AUDIT: &[Change] = &[
    Drop(&[], "operationVersion"),
    Drop(&[], "durationMs"),
    Move(&[], "category", Before("operationName")),
    Add(PROPERTIES, Last, "additionalDetails", "[{\"key\":\"User-Agent\",\"value\":\"EvoSTS\"}]"),
    Add(PROPERTIES, Last, "authenticationProtocol", "\"none\""),
    Drop(PROPERTIES, "resultReason"),
    Drop(PROPERTIES, "userAgent"),
    Move(PROPERTIES, "initiatedBy", First),
];

fn changes_of(kind: Kind) -> &'static [Change] {
    match kind {
        Kind::Activity => ACTIVITY,
        Kind::Audit => AUDIT,
        Kind::Databricks => DATABRICKS,
        Kind::KeyVault => KEY_VAULT,
        Kind::Signin => SIGNIN,
        Kind::Sql => SQL,
        Kind::Storage => STORAGE,
    }
}

/// Applies one of the [`VARIANTS`] to a record; the first one changes nothing.
pub fn vary(kind: Kind, record: &mut Map<String, Value>, variant: usize, random: &mut Random) {
    if variant == 0 {
        return;
    }
    // The same changes for every record of a variant.
    let mut choice = Random::named(variant as u64, "variant");
    for change in changes_of(kind) {
        if choice.per_mille(CHANGES_PER_MILLE) {
            apply(*change, record, random);
        }
    }
}

fn apply(change: Change, record: &mut Map<String, Value>, random: &mut Random) {
    let (Add(path, ..) | Drop(path, _) | Move(path, ..) | Retype(path, _)) = change;
    let Some(members) = object_at(record, path) else { return };
    match change {
        Add(_, place, key, json) => {
            if !members.contains_key(key) {
                put(members, place, key, filled(json, random));
            }
        }
        Drop(_, key) => drop(members.shift_remove(key)),
        Move(_, key, place) => {
            if let Some(value) = members.shift_remove(key) {
                put(members, place, key, value);
            }
        }
        Retype(_, key) => match members.get_mut(key) {
            Some(Value::String(text)) => {
                if let Ok(number) = text.parse::<u64>() {
                    members[key] = number.into();
                }
            }
            Some(Value::Number(number)) => members[key] = number.to_string().into(),
            _ => {}
        },
    }
}

fn object_at<'r>(record: &'r mut Map<String, Value>, path: &[&str]) -> Option<&'r mut Map<String, Value>> {
    path.iter().try_fold(record, |members, key| members.get_mut(*key)?.as_object_mut())
}

fn put(members: &mut Map<String, Value>, place: Place, key: &str, value: Value) {
    let at = match place {
        First => 0,
        Last => members.len(),
        Before(next) => members.keys().position(|known| known == next).unwrap_or(members.len()),
    };
    members.shift_insert(at, key.to_owned(), value);
}

/// JSON with chance in the places left for it.
fn filled(json: &str, random: &mut Random) -> Value {
    let mut text = String::with_capacity(json.len() + 64);
    let mut rest = json;
    while let Some(at) = rest.find('{') {
        text.push_str(&rest[..at]);
        rest = &rest[at..];
        if let Some(after) = rest.strip_prefix("{guid}") {
            text.push_str(&random.guid());
            rest = after;
        } else if let Some(after) = rest.strip_prefix("{n}") {
            text.push_str(&(100_000 + random.below(900_000)).to_string());
            rest = after;
        } else {
            text.push('{');
            rest = &rest[1..];
        }
    }
    text.push_str(rest);
    serde_json::from_str(&text).unwrap_or(Value::Null)
}

/// Brings the keys of a record into any order, at every depth.
pub fn permute(members: &mut Map<String, Value>, random: &mut Random) {
    let mut entries: Vec<(String, Value)> = std::mem::take(members).into_iter().collect();
    random.shuffle(&mut entries);
    for (key, mut value) in entries {
        permute_value(&mut value, random);
        members.insert(key, value);
    }
}

fn permute_value(value: &mut Value, random: &mut Random) {
    match value {
        Value::Object(members) => permute(members, random),
        Value::Array(elements) => elements.iter_mut().for_each(|element| permute_value(element, random)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Text with letters beyond ASCII and a line end, as people write it into their resources.
const REMARKS: [&str; 4] = [
    "Opération terminée\nsans erreur",
    "Überprüft und für gut befunden\nGrüße",
    "完了しました\n問題なし",
    "Ключ обновлён 🔑\nготово",
];

/// Gives a record a remark beyond ASCII with a line end, and returns a spelling with escapes.
pub fn escape(kind: Kind, record: &mut Map<String, Value>, random: &mut Random) -> Spelling {
    let remark = REMARKS[random.index(REMARKS.len())];
    let key = match kind {
        Kind::Storage => "referrerHeader",
        Kind::Sql => "additional_information",
        Kind::Activity | Kind::Audit | Kind::Databricks | Kind::KeyVault | Kind::Signin => "description",
    };
    if let Some(properties) = object_at(record, PROPERTIES) {
        let at = random.index(properties.len() + 1);
        properties.shift_remove(key);
        properties.shift_insert(at.min(properties.len()), key.to_owned(), remark.into());
    }
    Spelling { escape_slashes: random.per_mille(500), escape_beyond_ascii: random.per_mille(500) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layouts::{Layouts, layout};

    fn record(text: &str) -> Map<String, Value> {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn every_addition_is_json() {
        let all = [ACTIVITY, SIGNIN, STORAGE, KEY_VAULT, DATABRICKS, SQL, AUDIT];
        for change in all.into_iter().flatten() {
            if let Add(.., key, json) = change {
                let value = filled(json, &mut Random::new(1));
                assert!(*json == "null" || !value.is_null(), "{key}");
            }
        }
    }

    #[test]
    fn variants_are_different_layouts() {
        let mut layouts = Layouts::default();
        for variant in 0..VARIANTS {
            let mut record =
                record("{\"time\":\"\",\"category\":\"\",\"uri\":\"\",\"properties\":{\"accountName\":\"\"}}");
            vary(Kind::Storage, &mut record, variant, &mut Random::new(1));
            layouts.count(layout(&record));
        }

        assert!(layouts.distinct() > VARIANTS * 9 / 10, "{}", layouts.distinct());
    }

    #[test]
    fn a_permuted_record_says_the_same() {
        let text = "{\"a\":1,\"b\":{\"c\":[{\"d\":1,\"e\":2,\"f\":3}],\"g\":2},\"h\":3,\"i\":4}";
        let mut permuted = record(text);

        permute(&mut permuted, &mut Random::new(5));

        assert_ne!(layout(&permuted), layout(&record(text)));
        assert_eq!(permuted, record(text));
    }

    #[test]
    fn a_duration_changes_its_type_and_keeps_its_place() {
        let mut record = record("{\"durationMs\":\"20\",\"x\":1}");

        apply(Retype(&[], "durationMs"), &mut record, &mut Random::new(1));

        assert_eq!(serde_json::to_string(&record).unwrap(), "{\"durationMs\":20,\"x\":1}");
    }
}
