use super::*;

fn redacted(given: &str) -> String {
    json(given).into_owned()
}

#[test]
fn the_value_of_a_known_name_is_replaced_by_its_kind_and_length() {
    for (given, expected) in [
        (r#"{"adminPassword":"p4ss-w0rd!"}"#, r#"{"adminPassword":"(redacted, 10 characters)"}"#),
        (r#"{"a":[{"PrimaryKey":"x"}]}"#, r#"{"a":[{"PrimaryKey":"(redacted, 1 character)"}]}"#),
        (r#"{"pwd":12345}"#, r#"{"pwd":"(redacted, number of 5 digits)"}"#),
        (
            r#"{"keys":[{"keyName":"key1","value":"v"},{"keyName":"key2","value":"w"}]}"#,
            r#"{"keys":"(redacted, list of 2 items)"}"#,
        ),
        (
            r#"{"protectedSettings":{"commandToExecute":"x"}}"#,
            r#"{"protectedSettings":"(redacted, object of 1 member)"}"#,
        ),
        (r#"{"n":"é","token":"éé"}"#, r#"{"n":"é","token":"(redacted, 2 characters)"}"#),
    ] {
        assert_eq!(redacted(given), expected);
    }
}

#[test]
fn json_inside_strings_is_walked_too_and_stays_json() {
    let inner = r#"{\"client_secret\":\"S\",\"application_id\":\"a\"}"#;
    let given = format!(r#"{{"azure_service_principal":"{inner}","n":1}}"#);

    let expected = r#"{"azure_service_principal":"{\"client_secret\":\"(redacted, 1 character)\",\"application_id\":\"a\"}","n":1}"#;
    assert_eq!(redacted(&given), expected);
    // An escape may spell a name.
    let escaped = r#"{"x":"{\"p\\u0061ssword\":\"S\"}"}"#;
    assert_eq!(redacted(escaped), r#"{"x":"{\"password\":\"(redacted, 1 character)\"}"}"#);
}

#[test]
fn json_that_was_cut_off_is_taken_out_whole_and_names_what_it_had() {
    let cut = r#"{"requestParams":"{\"client_secret\":\"TOPSECRET\", ... trunc"}"#;
    assert_eq!(redacted(cut), r#"{"requestParams":"(redacted, 39 characters: client_secret)"}"#);

    let as_string = r#""{\"client_secret\":\"TOPSECRET\", ...""#;
    assert_eq!(redacted(as_string), r#""(redacted, 33 characters: client_secret)""#);

    for harmless in [
        r#"{\"permissions\":{\"keys\":[\"get\"],\"secrets\":[\"get\",\"li"#,
        r#"{\"tags\":{\"key\":true},\"secret\":"#,
        r#"{\"tags\":{\"key\":true},\"secret"#,
    ] {
        let given = format!(r#"{{"body":"{harmless}"}}"#);
        assert_eq!(redacted(&given), given);
    }
    let cut_in_value = r#"{"body":"{\"a\":[{\"secret\":\"TOPSE"}"#;
    assert_eq!(redacted(cut_in_value), r#"{"body":"(redacted, 22 characters: secret)"}"#);

    let harmless = r#"{"requestParams":"{\"cluster\":\"c\", ... trunc","key":"k"}"#;
    assert_eq!(
        redacted(harmless),
        r#"{"requestParams":"{\"cluster\":\"c\", ... trunc","key":"(redacted, 1 character)"}"#
    );
}

#[test]
fn pairs_and_parameters_hide_their_value_by_what_stands_beside_it() {
    for (given, expected) in [
        (r#"{"name":"DB_PASSWORD","value":"S"}"#, r#"{"name":"DB_PASSWORD","value":"(redacted, 1 character)"}"#),
        (
            r#"{"dbPin":{"type":"secureString","value":"S"}}"#,
            r#"{"dbPin":{"type":"secureString","value":"(redacted, 1 character)"}}"#,
        ),
        (
            r#"{"parameters":{"adminPassword":{"value":"S"}}}"#,
            r#"{"parameters":{"adminPassword":"(redacted, object of 1 member)"}}"#,
        ),
        (
            r#"{"scope":"s","key":"k","string_value":"S"}"#,
            r#"{"scope":"s","key":"k","string_value":"(redacted, 1 character)"}"#,
        ),
    ] {
        assert_eq!(redacted(given), expected);
    }
}

/// Rules look for these.
#[test]
fn what_holds_no_secret_stays_as_it_is() {
    for given in [
        r#"{"accessPolicies":[{"permissions":{"keys":["get"],"secrets":["get","list"]}}]}"#,
        r#"{"properties":{"allowSharedKeyAccess":true,"publicNetworkAccess":"Enabled"}}"#,
        r#"{"properties":{"allowSharedKeyAccess":"false"}}"#,
        r#"{"tags":[{"key":"env","value":"prod"}]}"#,
        r#"{"keyName":"key1","keySource":"Microsoft.Keyvault","keyvaulturi":"https://kv.vault.azure.net"}"#,
        r#"{"password":null,"secret":"","keys":[],"token":{}}"#,
        r#"{"scope":"kv","key":"db-password"}"#,
        r#"{"text":"a \"quoted\" word, and keys"}"#,
        r#""""#,
    ] {
        assert!(matches!(json(given), Cow::Borrowed(same) if same == given), "{given} became {}", redacted(given));
    }
}

#[test]
fn urls_and_connection_strings_in_values_are_masked() {
    assert_eq!(
        redacted(r#"{"path":"https://l.blob.core.windows.net/c?sv=1&sig=TOP%2B&sp=r"}"#),
        r#"{"path":"https://l.blob.core.windows.net/c?sv=1&sig=***&sp=r"}"#
    );
    assert_eq!(redacted(r#"["AccountName=a;AccountKey=TOP=="]"#), r#"["AccountName=a;AccountKey=***"]"#);
}

#[test]
fn a_body_full_of_short_secrets_does_not_grow() {
    let members: Vec<String> = (0..1000).map(|number| format!(r#"{{"sig":"{}"}}"#, number % 10)).collect();
    let given = format!("[{}]", members.join(","));

    assert_eq!(redacted(&given), format!("\"(redacted, {} characters)\"", given.len()));
}

/// The names of the list are found by the first look, in every spelling that counts.
#[test]
fn no_name_of_the_list_passes_the_first_look() {
    for name in names::WHOLE.iter().chain(names::PARTS).chain(names::IN_TEXT) {
        assert!(may_hold(&format!(r#"{{"{name}":"x"}}"#)), "{name}");
    }
}
