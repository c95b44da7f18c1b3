//! Request parameters as compact JSON, without the secrets in them.

use crate::format::pick::contains;
use crate::format::sas;
use crate::json::{Kind, Value, write_json_string};

/// What a secret is replaced by.
const MASK: &str = "***";

/// Parts of the names of parameters whose values are secrets, in lower case. Databricks redacts
/// most of them itself; which ones is not documented, so none is relied on.
const SECRET_NAMES: [&str; 12] = [
    "access_token",
    "account.key",
    "account_key",
    "bytes_value",
    "client.secret",
    "client_secret",
    "password",
    "private_key",
    "refresh_token",
    "sas_token",
    "string_value",
    "token_value",
];

/// The member that names an access connector: <https://docs.databricks.com/api/azure/workspace/storagecredentials/create>,
/// read 2026-11.
const CONNECTOR: &str = "access_connector_id";

/// The ARM id of the access connector that is named in these parameters, at whatever depth.
pub(super) fn access_connector(parameters: Value<'_>) -> Option<&str> {
    let own = parameters.at(&[CONNECTOR]).and_then(Value::as_str).filter(|id| !id.is_empty());
    own.or_else(|| {
        let mut inner = parameters.members().map(|(_, value)| value).chain(parameters.items());
        inner.find_map(access_connector)
    })
}

/// Appends parameters as compact JSON in which secrets are masked; their names stay.
pub(super) fn write_masked(value: Value<'_>, out: &mut String) {
    match value.kind() {
        Kind::Object => {
            out.push('{');
            for (position, (key, member)) in value.members().enumerate() {
                if position > 0 {
                    out.push(',');
                }
                write_json_string(key, out);
                out.push(':');
                if is_secret(key) && !member.is_null() {
                    write_json_string(MASK, out);
                } else {
                    write_masked(member, out);
                }
            }
            out.push('}');
        }
        Kind::Array => {
            out.push('[');
            for (position, item) in value.items().enumerate() {
                if position > 0 {
                    out.push(',');
                }
                write_masked(item, out);
            }
            out.push(']');
        }
        Kind::String => write_masked_string(value.as_str().unwrap_or(""), out),
        Kind::Null | Kind::Bool | Kind::Number => value.write_compact(out),
    }
}

fn is_secret(name: &str) -> bool {
    SECRET_NAMES.iter().any(|secret| contains(name, secret))
}

/// A string may be JSON that was not parsed, or a URL with a signature. Of the former only the
/// names of its secrets are kept, which rules look for.
fn write_masked_string(text: &str, out: &mut String) {
    let looks_like_json = text.trim_start().starts_with(['{', '[']);
    if looks_like_json && is_secret(text) {
        let mut names = MASK.to_owned();
        for name in SECRET_NAMES.iter().filter(|name| contains(text, name)) {
            names.push_str(name);
            names.push_str(MASK);
        }
        write_json_string(&names, out);
    } else if sas::has_signature(text) {
        write_json_string(&sas::without_signatures(text, MASK), out);
    } else {
        write_json_string(text, out);
    }
}
