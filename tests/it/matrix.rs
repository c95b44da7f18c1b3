//! The matrix of the labelled tenant. The expected counts were worked out from the raw records by
//! a script that shares no code with this crate: by object id of the claims, requester or SAS key
//! owner, without Start and Accept records, each delivery once.

use std::collections::BTreeMap;
use std::process::Command;

use airside::matrix::duty::{DUTIES, Duty};
use airside::matrix::proposal::{Action, Because};
use airside::matrix::{Cell, DisagreementKind, Holder, Matrix, Side, State, WorkspaceMatrix};
use airside::pipeline::ReadOptions;

use crate::support::{folder, root, scan};

/// Duties, each with what was done of it, what failed, and tokens.
type Counts = Vec<(&'static str, [u64; 3])>;

fn tenant() -> Matrix {
    scan(&root().join("sample-logs/tenant"), &ReadOptions::default()).matrix.unwrap()
}

fn workspace<'m>(matrix: &'m Matrix, name: &str) -> &'m WorkspaceMatrix {
    let is_named = |workspace: &&WorkspaceMatrix| {
        workspace.workspace_rid.as_deref().and_then(|rid| rid.rsplit('/').next()).unwrap_or("") == name
    };
    matrix.workspaces.iter().find(is_named).unwrap()
}

/// Done, failed and tokens of every duty in which something was counted.
fn counts(cells: &[Cell]) -> BTreeMap<&'static str, [u64; 3]> {
    let counted =
        cells.iter().map(|cell| (cell.duty.as_str(), [cell.done.events, cell.failed.events, cell.tokens.events]));
    counted.filter(|(_, counts)| *counts != [0; 3]).collect()
}

fn cell(side: &Side, duty: Duty) -> &Cell {
    side.duties.iter().find(|cell| cell.duty == duty).unwrap()
}

fn holder<'s>(side: &'s Side, id: &str) -> &'s Holder {
    let is_it = |holder: &&Holder| holder.principal_id.as_deref().is_some_and(|principal| principal.starts_with(id));
    side.identities.iter().find(is_it).unwrap()
}

#[test]
fn every_duty_of_the_tenant_counts_what_the_raw_records_say() {
    let matrix = tenant();
    let table: [(&str, Counts, Counts); 3] = [
        (
            "ws-analytics",
            vec![
                ("compute", [15, 0, 0]),
                ("networking", [6, 0, 0]),
                ("monitoring", [0, 0, 3]),
                // One write by the resource provider; a token for Azure Resource Manager.
                ("workspace", [1, 0, 1]),
                // The account's keys, listed by AzureDatabricks.
                ("workspace_storage", [1, 0, 0]),
                // 48 unwraps and a read by the storage identity, 24 by the disk identity.
                ("encryption", [73, 0, 2]),
                ("storage", [7, 2, 1]),
                ("key_vault", [3, 1, 1]),
                ("keys", [2, 0, 0]),
            ],
            vec![
                ("networking", [1, 0, 0]),
                ("monitoring", [1, 0, 0]),
                ("workspace", [2, 0, 0]),
                ("storage", [44, 0, 2]),
                ("key_vault", [2, 0, 2]),
                ("sql", [3, 0, 1]),
                // Two delegation keys; an event subscription and a queue for file events.
                ("unity_catalog", [4, 0, 0]),
                ("keys", [1, 0, 0]),
                ("access_rights", [1, 0, 0]),
            ],
        ),
        (
            "ws-ml",
            vec![
                ("compute", [12, 0, 0]),
                ("networking", [4, 0, 0]),
                ("monitoring", [1, 0, 2]),
                ("workspace", [1, 0, 1]),
                ("workspace_storage", [2, 0, 0]),
                ("storage", [3, 0, 1]),
            ],
            vec![("storage", [6, 0, 0])],
        ),
        (
            "",
            vec![("workspace_secrets", [3, 0, 0])],
            vec![("storage", [6, 0, 2]), ("unity_catalog", [2, 0, 0]), ("keys", [0, 1, 0])],
        ),
    ];

    for (name, dbmi, adac) in table {
        let workspace = workspace(&matrix, name);

        assert_eq!(counts(&workspace.dbmi.duties), dbmi.into_iter().collect(), "{name}");
        assert_eq!(counts(&workspace.adac.duties), adac.into_iter().collect(), "{name}");
    }
    assert_eq!(matrix.workspaces.len(), 3);
}

#[test]
fn a_count_has_the_times_of_its_first_and_last_event() {
    let matrix = tenant();
    let compute = cell(&workspace(&matrix, "ws-analytics").dbmi, Duty::Compute);
    let vault = cell(&workspace(&matrix, "ws-analytics").dbmi, Duty::KeyVault);

    let times = |tally: &airside::matrix::tally::Tally| {
        let (first, last) = tally.span().unwrap();
        (first.to_string(), last.to_string())
    };
    assert_eq!(times(&compute.done), ("2026-05-04T08:05:38.800Z".to_owned(), "2026-05-05T17:40:18.700Z".to_owned()));
    assert_eq!(times(&vault.failed), ("2026-05-05T13:24:00.200Z".to_owned(), "2026-05-05T13:24:00.200Z".to_owned()));
    // The storage identity read a secret before the other one did.
    assert_eq!(times(&vault.done).0, "2026-05-05T04:30:00.200Z");
}

#[test]
fn what_was_not_read_is_not_known_and_what_was_is_nothing() {
    let matrix = tenant();
    let ml = workspace(&matrix, "ws-ml");

    // SQL was audited, Synapse was not; credentials of Unity Catalog name no connector.
    assert_eq!(cell(&ml.adac, Duty::Sql).state, State::Nothing);
    assert_eq!(cell(&ml.adac, Duty::Synapse).state, State::NotKnown);
    assert_eq!(cell(&ml.adac, Duty::UnityCatalog).state, State::NotKnown);
    assert_eq!(cell(&ml.adac, Duty::Compute).state, State::Nothing);
    assert_eq!(cell(&ml.dbmi, Duty::WorkspaceSecrets).state, State::NotKnown);
    assert_eq!(cell(&ml.dbmi, Duty::KeyVault).state, State::Nothing);
}

#[test]
fn without_its_log_a_duty_is_not_known() {
    let tenant = root().join("sample-logs/tenant");
    let inventory: Vec<(String, Vec<u8>)> = ["access-connectors.json", "workspaces.json", "identities.json"]
        .iter()
        .map(|name| ((*name).to_owned(), std::fs::read(tenant.join("inventory").join(name)).unwrap()))
        .collect();
    let folder = folder(&inventory);

    let matrix = scan(folder.path(), &ReadOptions::default()).matrix.unwrap();

    assert!(matrix.sources.iter().all(|source| !source.is_read));
    for workspace in &matrix.workspaces {
        for cell in workspace.dbmi.duties.iter().chain(&workspace.adac.duties) {
            assert_eq!(cell.state, State::NotKnown, "{:?}", cell.duty);
        }
        assert!(workspace.dbmi.disagreements.is_empty() && workspace.adac.disagreements.is_empty());
    }
    assert_eq!(matrix.workspaces.len(), 3);
}

#[test]
fn the_two_disagree_where_the_story_says() {
    let matrix = tenant();
    let told = |side: &Side| -> Vec<(String, &'static str, DisagreementKind)> {
        let told = side.disagreements.iter();
        told.map(|wrong| {
            let who = wrong.principal_id.as_deref().unwrap()[..2].to_owned();
            (who, wrong.duty.map_or("", Duty::as_str), wrong.kind)
        })
        .collect()
    };
    let wrong = |who: &str, duty: &'static str, kind| (who.to_owned(), duty, kind);
    let (others, nobodys) = (DisagreementKind::OthersJob, DisagreementKind::NobodysJob);

    let analytics = workspace(&matrix, "ws-analytics");
    assert_eq!(
        told(&analytics.dbmi),
        [
            wrong("d1", "storage", others),
            wrong("d1", "key_vault", others),
            wrong("d1", "keys", nobodys),
            wrong("d3", "key_vault", others),
        ]
    );
    assert_eq!(
        told(&analytics.adac),
        [
            wrong("a1", "networking", others),
            wrong("a1", "monitoring", others),
            wrong("a1", "workspace", others),
            wrong("a1", "keys", nobodys),
            wrong("a1", "access_rights", nobodys),
        ]
    );
    assert_eq!(told(&workspace(&matrix, "ws-ml").dbmi), [wrong("d2", "storage", others)]);
    assert_eq!(told(&workspace(&matrix, "ws-ml").adac), []);
    assert_eq!(told(&workspace(&matrix, "").adac), [wrong("a3", "keys", nobodys)]);
}

/// The grants of the tenant's Activity Log: four by the pipeline account to the two identities,
/// of which one narrows to a reader, for only reads followed.
#[test]
fn every_role_given_has_a_proposal() {
    let matrix = tenant();
    let of = |holder: &Holder, role: &str| {
        let row = holder.roles.iter().find(|row| row.held.at.role == Some(role)).unwrap();
        let instead: Vec<_> = row.proposal.instead.iter().map(|at| at.role.unwrap_or("")).collect();
        (row.proposal.action, row.proposal.because, row.proposal.used.events, instead)
    };
    let analytics = workspace(&matrix, "ws-analytics");

    let reader = of(holder(&analytics.dbmi, "d1"), "Storage Blob Data Reader");
    assert_eq!(reader, (Action::Remove, Because::OthersJob, 7, vec![]));
    // Forty of the 48 unwraps came after the grant of 07:30.
    let encryption = of(holder(&analytics.dbmi, "d3"), "Key Vault Crypto Service Encryption User");
    assert_eq!(encryption, (Action::Keep, Because::Used, 40, vec![]));
    // The template and the account's keys lie in rg-lake and came after the grant of 09:50.
    let contributor = of(holder(&analytics.adac, "a1"), "Contributor");
    assert_eq!(contributor, (Action::Remove, Because::OthersJob, 2, vec![]));
    let reports = of(holder(&workspace(&matrix, "").adac, "a3"), "Storage Blob Data Contributor");
    assert_eq!(reports, (Action::Narrow, Because::LessWouldDo, 6, vec!["Storage Blob Data Reader"]));
}

#[test]
fn every_piece_of_evidence_is_an_event_that_was_read() {
    let path = root().join("sample-logs/tenant");
    let uids = crate::support::uids(&crate::support::read(&path));
    let text = serde_json::to_string(&tenant()).unwrap();

    let mut named = 0;
    for after in text.split("\"event_uid\":\"").skip(1) {
        let uid = after.split('"').next().unwrap();
        assert!(uids.binary_search_by(|known| known.as_str().cmp(uid)).is_ok(), "{uid}");
        named += 1;
    }
    assert!(named > DUTIES.len());
}

#[test]
fn the_command_writes_every_format_and_the_same_each_time() {
    let folder = tempfile::tempdir().unwrap();
    let run = |threads: &str, name: &str| {
        let file = |format: &str| folder.path().join(format!("{name}.{format}"));
        let output = Command::new(env!("CARGO_BIN_EXE_airside"))
            .args(["matrix", "sample-logs/tenant", "--format", "json", "--threads", threads, "--progress", "never"])
            .args(["--output", &format!("markdown={}", file("md").display())])
            .args(["--output", &format!("table={}", file("txt").display())])
            .current_dir(root())
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
        [output.stdout, std::fs::read(file("md")).unwrap(), std::fs::read(file("txt")).unwrap()]
    };

    let (one, other) = (run("1", "one"), run("2", "two"));

    assert_eq!(one, other);
    let document: serde_json::Value = serde_json::from_slice(&one[0]).unwrap();
    assert_eq!(document["schema_version"], 1);
    assert_eq!(document["workspaces"].as_array().unwrap().len(), 3);
    assert_eq!(document["coverage"]["records"]["read"], 432);
    assert!(String::from_utf8_lossy(&one[1]).starts_with("# What the two identities should do"));
    assert!(String::from_utf8_lossy(&one[2]).starts_with("workspace ws-analytics\n"));
}
