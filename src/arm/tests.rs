use super::*;

fn guid(text: &str) -> Option<String> {
    let mut out = String::new();
    fold_guid(text, &mut out).then_some(out)
}

fn arm_id(text: &str) -> String {
    let mut out = String::new();
    fold_arm_id(text, &mut out);
    out
}

fn type_of(folded: &str) -> String {
    let mut out = String::new();
    resource_type(folded, &mut out);
    out
}

#[test]
fn guids_of_every_spelling_fold_to_one() {
    let folded = Some("b24988ac-6180-42a0-ab88-20f7382dd24c".to_owned());

    assert_eq!(guid("b24988ac-6180-42a0-ab88-20f7382dd24c"), folded);
    assert_eq!(guid("B24988AC-6180-42A0-AB88-20F7382DD24C"), folded);
    assert_eq!(guid("b24988ac618042a0ab8820f7382dd24c"), folded);
    assert_eq!(guid("{B24988ac-6180-42a0-ab88-20f7382dd24c}"), folded);
    assert_eq!(guid(" b24988ac-6180-42a0-ab88-20f7382dd24c\n"), folded);
}

#[test]
fn what_is_no_guid_is_left_alone() {
    let table = [
        "",
        "b24988ac-6180-42a0-ab88-20f7382dd24",
        "b24988ac-6180-42a0-ab88-20f7382dd24cc",
        "b24988ac-6180-42a0-ab8820f7382dd24c",
        "b24988ac6-180-42a0-ab88-20f7382dd24c",
        "b24988ac--618042a0-ab88-20f7382dd24c",
        "g24988ac-6180-42a0-ab88-20f7382dd24c",
        "{b24988ac-6180-42a0-ab88-20f7382dd24c",
        "--------------------------------",
        "someone@example.org",
        "ü24988ac618042a0ab8820f7382dd24c",
    ];

    for text in table {
        let mut out = String::from("before");

        assert!(!fold_guid(text, &mut out), "{text}");
        assert_eq!(out, "before", "{text}");
        assert!(!is_guid(text), "{text}");
    }
}

#[test]
fn white_space_is_trimmed_as_the_standard_library_does() {
    for text in ["", " ", "a", "é", "\u{a0}a", " a", "a\n", "ab", "a b", "\u{2003}ab\u{2003}", "é b", "\0a\0"] {
        assert_eq!(trim(text), text.trim(), "{text:?}");
    }
}

#[test]
fn a_guid_in_braces_is_folded_but_is_not_a_bare_guid() {
    assert!(is_guid("B24988AC618042A0AB8820F7382DD24C"));
    assert!(is_guid("b24988ac-6180-42a0-ab88-20f7382dd24c"));
    assert!(!is_guid("{b24988ac-6180-42a0-ab88-20f7382dd24c}"));
}

#[test]
fn arm_ids_fold_to_one_spelling() {
    let folded = "/subscriptions/s/resourcegroups/rg/providers/microsoft.storage/storageaccounts/lake";
    let table = [
        "/SUBSCRIPTIONS/S/RESOURCEGROUPS/RG/PROVIDERS/MICROSOFT.STORAGE/STORAGEACCOUNTS/LAKE",
        "/subscriptions/s/resourceGroups/rg/providers/Microsoft.Storage/storageAccounts/lake/",
        " subscriptions/s//resourceGroups/rg/providers/Microsoft.Storage/storageAccounts/lake// ",
        "/subscriptions/s/resourceGroups/rg/providers/Microsoft.Storage/storageAccounts/lake / /",
        "https://management.azure.com/subscriptions/s/resourceGroups/rg/providers/Microsoft.Storage/storageAccounts/lake?api-version=2023-01-01",
    ];

    for text in table {
        assert_eq!(arm_id(text), folded, "{text}");
    }
    assert_eq!(arm_id(folded), folded);
}

#[test]
fn the_root_scope_and_names_survive_folding() {
    let table = [
        ("/", "/"),
        ("//", "/"),
        ("", ""),
        ("  ", ""),
        ("https://management.azure.com", ""),
        ("https://management.azure.com/", "/"),
        ("/TeNaNtS/T/providers/Microsoft.aadiam", "/tenants/t/providers/microsoft.aadiam"),
        ("Lake01", "lake01"),
        ("dbfs:/mnt/Raw/", "dbfs:/mnt/raw"),
        ("subscriptions", "subscriptions"),
        ("/subscriptions/s/ÄÖ", "/subscriptions/s/ÄÖ"),
    ];

    for (text, folded) in table {
        assert_eq!(arm_id(text), folded, "{text}");
    }
}

#[test]
fn folding_appends_and_leaves_what_stood_before() {
    let mut out = String::from("At ");

    fold_arm_id("/Subscriptions/S/", &mut out);

    assert_eq!(out, "At /subscriptions/s");
}

/// Columns: id, subscription, resource group, provider, name, type; `-` for none.
const IDS: [[&str; 6]; 18] = [
    ["", "-", "-", "-", "-", ""],
    ["/", "-", "-", "-", "-", ""],
    ["lake01", "-", "-", "-", "-", ""],
    ["/subscriptions", "-", "-", "-", "-", ""],
    ["/subscriptions/s", "s", "-", "-", "-", ""],
    ["/subscriptions/s/resourcegroups/rg", "s", "rg", "-", "-", ""],
    ["/subscriptions/s/resourcegroups/rg/", "s", "rg", "-", "-", ""],
    ["/subscriptions//s/resourcegroups/rg", "s", "rg", "-", "-", ""],
    ["/subscriptions/s/resourcegroups/rg/providers", "s", "rg", "-", "-", ""],
    ["/subscriptions/s/providers/microsoft.security", "s", "-", "microsoft.security", "-", "microsoft.security"],
    [
        "/subscriptions/s/providers/microsoft.authorization/locks/l",
        "s",
        "-",
        "microsoft.authorization",
        "l",
        "microsoft.authorization/locks",
    ],
    ["/tenants/t/providers/microsoft.aadiam", "-", "-", "microsoft.aadiam", "-", "microsoft.aadiam"],
    [
        "/providers/microsoft.management/managementgroups/mg",
        "-",
        "-",
        "microsoft.management",
        "mg",
        "microsoft.management/managementgroups",
    ],
    [
        "/subscriptions/s/resourcegroups/rg/providers/microsoft.storage/storageaccounts/lake/blobservices/default/containers/raw",
        "s",
        "rg",
        "microsoft.storage",
        "raw",
        "microsoft.storage/storageaccounts/blobservices/containers",
    ],
    [
        "/subscriptions/s/resourcegroups/rg/providers/microsoft.storage/storageaccounts/x/providers/microsoft.authorization/roleassignments/y",
        "s",
        "rg",
        "microsoft.authorization",
        "y",
        "microsoft.authorization/roleassignments",
    ],
    [
        "/providers/microsoft.management/managementgroups/mg/providers/microsoft.authorization/policyassignments/p",
        "-",
        "-",
        "microsoft.authorization",
        "p",
        "microsoft.authorization/policyassignments",
    ],
    [
        "/subscriptions/s/resourcegroups/rg/providers/microsoft.keyvault/vaults/v/secrets",
        "s",
        "rg",
        "microsoft.keyvault",
        "v",
        "microsoft.keyvault/vaults/secrets",
    ],
    [
        "/subscriptions/s/resourcegroups/providers/providers/microsoft.web/sites/subscriptions",
        "s",
        "providers",
        "microsoft.web",
        "subscriptions",
        "microsoft.web/sites",
    ],
];

#[test]
fn ids_of_every_level_are_taken_apart() {
    for [id, subscription, resource_group, provider, name, kind] in IDS {
        let parsed = ArmId::parse(id);
        let parts = [parsed.subscription, parsed.resource_group, parsed.provider, parsed.name];

        assert_eq!(parts.map(|part| part.unwrap_or("-")), [subscription, resource_group, provider, name], "{id}");
        assert_eq!(type_of(id), kind, "{id}");
    }
}

#[test]
fn an_id_lies_under_another_only_at_a_slash() {
    let group = "/subscriptions/s/resourcegroups/rg";
    let table = [
        (group, group, true),
        (group, "/subscriptions/s", true),
        (group, "/subscriptions/s/", true),
        ("/subscriptions/s/resourcegroups/rg-2", group, false),
        ("/subscriptions/s/resourcegroups/rg/providers/x", group, true),
        ("/subscriptions/s", group, false),
        (group, "/", true),
        ("lake01", "/", false),
        (group, "", false),
        ("", "", false),
        ("/subscriptions/s2", "/subscriptions/s", false),
    ];

    for (id, ancestor, under) in table {
        assert_eq!(is_at_or_under(id, ancestor), under, "{id} under {ancestor}");
    }
}
