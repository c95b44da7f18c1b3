//! The same events in another export form give the same events, streams and findings.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use airside::finding::Finding;
use airside::pipeline::ReadOptions;
use serde_json::Value;
use tempfile::TempDir;

use crate::render::{Form, render};
use crate::support::{files_below, folder, read_with, root, rows, scan};

/// What of a finding every form must agree on: all but where it was read, and what forms leave out
/// (addresses, the record that a body came from).
fn shared(finding: &Finding) -> Value {
    let mut value = serde_json::to_value(finding).unwrap();
    for evidence in value["evidence"].as_array_mut().unwrap() {
        let evidence = evidence.as_object_mut().unwrap();
        for place in ["object", "offset", "length"] {
            evidence.remove(place);
        }
        truncate(evidence.get_mut("time").unwrap());
    }
    for bound in ["first_seen", "last_seen"] {
        truncate(&mut value[bound]);
    }
    let details = value["details"].as_object_mut().unwrap();
    for form_dependent in ["src_ip", "body_from", "user_agent"] {
        details.remove(form_dependent);
    }
    value
}

/// Log Analytics keeps milliseconds.
fn truncate(time: &mut Value) {
    let text = time.as_str().unwrap();
    let (seconds, fraction) = text.trim_end_matches('Z').split_once('.').unwrap_or((text.trim_end_matches('Z'), ""));
    *time = Value::from(format!("{seconds}.{fraction:0<3.3}Z"));
}

/// Records of one source.
type Records = Vec<Value>;

/// The tenant's Activity and sign-in records, and all its other files as they are.
struct Tenant {
    activity: Records,
    signins: Records,
    others: Vec<(String, Vec<u8>)>,
}

impl Tenant {
    fn load() -> Self {
        let base = root().join("sample-logs/tenant");
        let mut tenant = Self { activity: Vec::new(), signins: Vec::new(), others: Vec::new() };
        for path in files_below(&base) {
            let name = path.strip_prefix(&base).unwrap().to_str().unwrap().to_owned();
            let bytes = fs::read(&path).unwrap();
            let container = name.split('/').next().unwrap();
            let records = if container == "insights-activity-logs" {
                &mut tenant.activity
            } else if container.ends_with("signinlogs") {
                &mut tenant.signins
            } else {
                tenant.others.push((name, bytes));
                continue;
            };
            // The malformed line of the tenant has no other form.
            records
                .extend(String::from_utf8(bytes).unwrap().lines().filter_map(|line| serde_json::from_str(line).ok()));
        }
        assert!(tenant.activity.len() > 20 && tenant.signins.len() > 5, "the tenant is not where it should be");
        tenant
    }

    /// The tenant with its records in these forms, in an order made of `seed`.
    fn rendered(&self, forms: &[Form], seed: u64) -> TempDir {
        let mut files = self.others.clone();
        for form in forms {
            for (source, records) in [("activity", &self.activity), ("signins", &self.signins)] {
                let mut records = records.clone();
                shuffle(&mut records, seed);
                for (part, records) in records.chunks(records.len().div_ceil(3).max(1)).enumerate() {
                    let (ending, bytes) = render(*form, records);
                    files.push((format!("{form:?}/{source}-{part}.{ending}"), bytes));
                }
            }
        }
        folder(&files)
    }
}

fn shuffle<T>(items: &mut [T], seed: u64) {
    let mut state = seed | 1;
    for at in (1..items.len()).rev() {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        items.swap(at, usize::try_from(state % (at as u64 + 1)).unwrap());
    }
}

/// Stream and identity of every event, by uid; and what findings agree on.
type Result = (BTreeMap<String, [Option<String>; 3]>, Vec<Value>);

fn result_of(folder: &Path, chunk_bytes: usize) -> Result {
    let options = ReadOptions { chunk_bytes, ..ReadOptions::default() };
    let loaded = read_with(folder, &options);
    let findings = scan(folder, &options).findings;
    let events = rows(&loaded, ["event_uid", "stream", "identity_kind", "principal_id"])
        .into_iter()
        .map(|[uid, stream, kind, principal]| (uid.unwrap(), [stream, kind, principal]))
        .collect();
    (events, findings.iter().map(shared).collect())
}

fn assert_same(expected: &Result, got: &Result, what: &str) {
    for (uid, identity) in &expected.0 {
        assert_eq!(got.0.get(uid), Some(identity), "{what}: event {uid}");
    }
    assert_eq!(expected.0.len(), got.0.len(), "{what}: events");
    for (expected, got) in expected.1.iter().zip(&got.1) {
        assert_eq!(expected, got, "{what}");
    }
    assert_eq!(expected.1.len(), got.1.len(), "{what}: findings");
}

#[test]
fn every_form_gives_the_same_events_streams_and_findings_however_it_is_cut() {
    let tenant = Tenant::load();
    let expected = result_of(tenant.rendered(&[Form::Archive], 0).path(), 1 << 20);
    assert!(expected.1.len() >= 12, "the tenant has too few findings to compare");

    for (seed, form) in (1..).zip(Form::ALL) {
        let folder = tenant.rendered(&[form], seed);
        for chunk_bytes in [1, 3, 7, 64] {
            let got = result_of(folder.path(), chunk_bytes);
            assert_same(&expected, &got, &format!("{form:?} in chunks of {chunk_bytes}"));
        }
    }
}

#[test]
fn reading_all_forms_at_once_gives_each_event_once() {
    let tenant = Tenant::load();
    let expected = result_of(tenant.rendered(&[Form::Archive], 0).path(), 1 << 20);

    let got = result_of(tenant.rendered(&Form::ALL, 11).path(), 1 << 20);

    assert_same(&expected, &got, "all forms");
}

#[test]
fn the_tenant_as_it_lies_on_disk_gives_the_same_too() {
    let tenant = Tenant::load();
    let expected = result_of(tenant.rendered(&[Form::Archive], 0).path(), 1 << 20);

    let got = result_of(&root().join("sample-logs/tenant"), 1 << 20);

    assert_same(&expected, &got, "on disk");
}
