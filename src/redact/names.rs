//! The names that secrets go under: the one list.
//!
//! Names are compared without regard to case, and to `_`, `-`, `.` and blanks in them:
//! `client_secret`, `clientSecret` and `Client-Secret` are one.

/// Whole names of members whose values are secrets.
pub const WHOLE: &[&str] = &[
    "accesstoken",
    "bytesvalue",
    "connectionstring",
    "credentials",
    "customdata",
    "key",
    "key1",
    "key2",
    "keys",
    "pat",
    "protectedsettings",
    "pwd",
    "sas",
    "secret",
    "secrets",
    "sig",
    "stringvalue",
    "token",
    "tokens",
    "tokenvalue",
    "userdata",
];

/// Parts of such names: `adminPassword`, `primaryMasterKey`, `fs.azure.account.key.lake`.
pub const PARTS: &[&str] = &[
    "accesskey",
    "accesstoken",
    "accountkey",
    "apikey",
    "bearertoken",
    "clientsecret",
    "connectionstring",
    "idtoken",
    "masterkey",
    "passphrase",
    "passwd",
    "password",
    "primarykey",
    "privatekey",
    "refreshtoken",
    "sastoken",
    "sasuri",
    "sasurl",
    "secondarykey",
    "secrettext",
    "secretvalue",
    "sharedkey",
    "tokenvalue",
];

/// Ends of names that say something about a secret, and do not hold it: `passwordPolicy`.
pub const ABOUT: &[&str] = &["enabled", "id", "length", "name", "policy", "required", "type", "version"];

/// Members below which names stand for rights, as in a vault's access policy:
/// `"permissions":{"keys":["get"],"secrets":["list"]}`.
pub const OF_RIGHTS: &[&str] = &["permissions"];

/// Members whose value is a secret where the object's `type` is one of [`SECURE_TYPES`]: parameters
/// of a deployment.
pub const OF_SECURE_TYPES: &[&str] = &["defaultvalue", "value"];

/// Types of such parameters.
pub const SECURE_TYPES: &[&str] = &["secureobject", "securestring"];

/// What stands before a secret in text, with `=` after it: parts of connection strings and queries.
pub const IN_TEXT: &[&str] = &[
    "access_token",
    "accesskey",
    "accountkey",
    "api_key",
    "apikey",
    "client_secret",
    "id_token",
    "password",
    "pwd",
    "refresh_token",
    "sas_token",
    "sharedaccesskey",
    "sharedsecret",
    "sig",
];

/// A name without case and separators.
pub(super) fn plain(name: &str) -> String {
    let letters = name.chars().filter(|character| !matches!(character, '_' | '-' | '.' | ' '));
    letters.map(|character| character.to_ascii_lowercase()).collect()
}

/// Whether a member of this name holds a secret.
pub fn is_secret(name: &str) -> bool {
    let name = plain(name);
    WHOLE.contains(&name.as_str())
        || PARTS.iter().any(|part| name.contains(part)) && !ABOUT.iter().any(|end| name.ends_with(end))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_told_in_every_spelling() {
        for name in [
            "password",
            "adminPassword",
            "client_secret",
            "Client-Secret",
            "primaryKey",
            "accountSasToken",
            "PROTECTEDSETTINGS",
            "fs.azure.account.key.lake.dfs.core.windows.net",
            "spark.hadoop.fs.azure.account.oauth2.client.secret",
            "keys",
            "secretText",
        ] {
            assert!(is_secret(name), "{name}");
        }
        for name in [
            "keyName",
            "keyvaulturi",
            "keySource",
            "passwordPolicy",
            "secretName",
            "secret_scope",
            "tokenType",
            "publicKey",
            "principalId",
            "monkey",
            "",
        ] {
            assert!(!is_secret(name), "{name}");
        }
    }
}
