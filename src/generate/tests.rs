use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use serde_json::Value;

use super::*;

fn options(seed: u64) -> Options {
    Options {
        seed,
        workspaces: 3,
        days: 1,
        events_per_day: 2_000,
        incidents: Incidents::all(),
        forms: vec![Form::Archive],
        compress: Compress::Not,
        inventory: Inventory::Export,
    }
}

/// All files of a tenant by name.
fn files(options: &Options) -> (BTreeMap<String, Vec<u8>>, Truth) {
    let folder = tempfile::tempdir().unwrap();
    let truth = generate(folder.path(), options, &mut |_, _| {}).unwrap();
    let files = walkdir::WalkDir::new(folder.path())
        .into_iter()
        .map(Result::unwrap)
        .filter(|entry| entry.file_type().is_file())
        .map(|entry| {
            let name = entry.path().strip_prefix(folder.path()).unwrap().to_str().unwrap().to_owned();
            (name, fs::read(entry.path()).unwrap())
        })
        .collect();
    (files, truth)
}

fn log_lines(files: &BTreeMap<String, Vec<u8>>) -> Vec<Value> {
    let logs = files.iter().filter(|(name, _)| !name.starts_with("inventory/") && *name != "truth.json");
    logs.flat_map(|(_, content)| {
        let text = String::from_utf8(content.clone()).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect::<Vec<Value>>()
    })
    .collect()
}

#[test]
fn the_same_seed_gives_the_same_bytes_and_another_gives_others() {
    let (one, _) = files(&options(1));
    let (again, _) = files(&options(1));
    let (other, _) = files(&options(2));

    assert!(one == again);
    assert!(one != other);
}

#[test]
fn every_line_is_json_and_the_truth_counts_them() {
    for form in Form::ALL {
        let (files, truth) = files(&Options { forms: vec![form], ..options(3) });

        assert_eq!(log_lines(&files).len() as u64, truth.records, "{form:?}");
        assert!(files.contains_key("truth.json") && files.contains_key("inventory/workspaces.json"));
    }
}

#[test]
fn a_day_has_about_as_many_records_as_asked_for() {
    let (_, truth) = files(&Options { incidents: Incidents::none(), days: 3, ..options(4) });

    assert!((6_000..6_200).contains(&truth.records), "{}", truth.records);
    assert!(truth.incidents.is_empty());
}

#[test]
fn every_plan_is_played_once() {
    for workspaces in [1, 3, 40] {
        let (_, truth) = files(&Options { workspaces, ..options(5) });

        let played: BTreeSet<&str> = truth.incidents.iter().map(|incident| incident.rule_id).collect();
        assert_eq!(played, plans().filter(|plan| plan.least_days() == 1).map(|plan| plan.rule).collect());
        assert_eq!(truth.incidents.len(), played.len());
    }
}

#[test]
fn what_takes_weeks_happens_in_a_story_of_weeks() {
    let (_, truth) = files(&Options { days: 35, events_per_day: 20, ..options(8) });

    assert_eq!(truth.incidents.len(), Incidents::names().count());
}

#[test]
fn every_principal_acts() {
    let (_, truth) = files(&options(6));

    let idle: Vec<&str> = truth.principals.iter().filter(|who| !who.in_logs).map(|who| who.name.as_str()).collect();
    // Who is there for incidents only may have nothing to do.
    let needless = ["dbmanagedidentity", "robin.hale@contoso.example", "MS-PIM", "ac-shadow"];
    assert!(idle.iter().all(|name| needless.contains(name)), "{idle:?}");
}

#[test]
fn a_folder_with_something_in_it_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let mine: PathBuf = folder.path().join("mine.txt");
    fs::write(&mine, "mine").unwrap();

    let error = generate(folder.path(), &options(1), &mut |_, _| {}).unwrap_err();

    assert!(matches!(error, GenerateError::NotEmpty { .. }));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn rules_are_known_by_id_and_by_number_once() {
    let ids: BTreeSet<&str> = Incidents::names().collect();
    assert_eq!(ids.len(), Incidents::names().count());

    let mut incidents = Incidents::none();
    incidents.add("R01").unwrap();
    incidents.add("dbmi-storage-data-access").unwrap();

    assert_eq!(incidents.0.len(), 1);
    assert!(incidents.add("R99").is_none());
}
