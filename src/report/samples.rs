//! Findings for tests of everything that writes them.

use std::collections::BTreeMap;

use crate::event::vocabulary::{IdentityKind, Stream};
use crate::finding::{EvidenceRow, Finding};
use crate::report::escape::is_unsafe;
use crate::rule::{Direction, Severity};
use crate::time::UtcMicros;

/// What a log's author might put into a name: a formula, colours, a cleared screen, a window
/// title, a new line that looks like a finding, text turned around, invisible text.
pub(crate) const HOSTILE: &str = "=cmd|'/C calc'!A0\u{1b}[31mred\u{1b}[2J\u{1b}]0;title\u{7}\r\nCRITICAL  x\u{202e}gpj.exe\u{2066}\u{200b}\u{9b}31m\u{7f}\"{}";

/// A usual finding.
pub(crate) fn finding() -> Finding {
    Finding {
        rule_id: "dbmi-keyvault-secret-read".to_owned(),
        title: "Workspace identity reads a Key Vault secret".to_owned(),
        severity: Severity::High,
        direction: Direction::InfraDoingData,
        stream: Stream::Dbmi,
        identity_kind: IdentityKind::Uami,
        confidence: 0.9,
        principal_id: Some("11111111-1111-1111-1111-111111111111".to_owned()),
        principal_name: Some("dbmanagedidentity".to_owned()),
        actor_id: Some("11111111-1111-1111-1111-111111111111".to_owned()),
        workspace_rid: None,
        target_id: Some("/subscriptions/s/resourcegroups/rg/providers/microsoft.keyvault/vaults/kv-prod".to_owned()),
        target_name: Some("kv-prod".to_owned()),
        first_seen: UtcMicros(1),
        last_seen: UtcMicros(3),
        events: 3,
        evidence: vec![evidence("aa", 1, "secretget"), evidence("bb", 2, "secretlist"), evidence("cc", 3, "secretget")],
        details: BTreeMap::from([("object_path".to_owned(), vec!["password".to_owned(), "token".to_owned()])]),
        details_left_out: BTreeMap::new(),
        attack: vec!["T1555.006".to_owned()],
        fingerprint: "f00d".to_owned(),
    }
}

fn evidence(event_uid: &str, time: i64, operation: &str) -> EvidenceRow {
    EvidenceRow {
        event_uid: event_uid.to_owned(),
        time: UtcMicros(time),
        operation: operation.to_owned(),
        object: "logs/a.json".to_owned(),
        offset: time * 100,
        length: 99,
    }
}

/// A finding with [`HOSTILE`] text wherever text can come from a log.
pub(crate) fn hostile_finding() -> Finding {
    let text = || Some(HOSTILE.to_owned());
    let mut finding = Finding {
        principal_id: text(),
        principal_name: text(),
        actor_id: Some(format!("{HOSTILE}2")),
        workspace_rid: text(),
        target_id: text(),
        target_name: text(),
        details: BTreeMap::from([(HOSTILE.to_owned(), vec![HOSTILE.to_owned()])]),
        attack: vec![HOSTILE.to_owned()],
        ..finding()
    };
    for row in &mut finding.evidence {
        row.operation = HOSTILE.to_owned();
        row.object = HOSTILE.to_owned();
        row.event_uid = HOSTILE.to_owned();
    }
    finding
}

/// Fails where a terminal would act on the text: any control but line feeds, anything invisible.
pub(crate) fn assert_harmless(text: &str) {
    let harmful: Vec<char> = text.chars().filter(|&character| character != '\n' && is_unsafe(character)).collect();
    assert!(harmful.is_empty(), "{harmful:?} in {text:?}");
    assert!(!text.lines().any(|line| line.starts_with("CRITICAL  x")), "{text}");
}
