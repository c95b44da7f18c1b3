//! What every sample export decodes to, column by column, as it was reviewed by hand against the
//! raw records.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;

use airside::event::schema::{self, ColumnType};
use airside::lake::text_column;
use airside::pipeline::Loaded;
use airside::time::UtcMicros;
use arrow::array::{Array, AsArray};
use arrow::datatypes::{Float32Type, Float64Type, Int32Type, Int64Type, TimestampMicrosecondType};
use arrow::record_batch::RecordBatch;

use crate::support::{batches, read, root};

/// The columns as a snapshot shows them, a line each; nulls and `false` are left out. Bodies stand
/// last, because they are long.
const LINES: &[&[&str]] = &[
    &["time", "event_uid"],
    &["source", "form", "category"],
    &["op_class", "activity", "plane", "class_uid"],
    &["operation"],
    &["operation_raw"],
    &["outcome", "phase", "result_code", "deny_assignment"],
    &["stream", "identity_kind", "confidence", "classified_by", "name_spoof"],
    &["principal_via", "auth_type", "token_kind", "secret_bearing", "via_pim"],
    &["principal_id"],
    &["requester_id"],
    &["app_id"],
    &["principal_name"],
    &["mirid"],
    &["az_rid"],
    &["principal_ref"],
    &["tenant_id"],
    &["workspace_rid"],
    &["src_ip", "src_ip_class"],
    &["user_agent"],
    &["target_id"],
    &["target_name", "target_type"],
    &["subscription_id", "resource_group", "in_managed_rg", "own_scope", "is_dbfs_root"],
    &["container", "object_path"],
    &["audience_kind", "audience_app_id"],
    &["role_id", "role_class", "role_assignment_id"],
    &["assignee_id", "assignee_stream", "assignee_kind"],
    &["scope", "scope_level"],
    &["correlation_id", "operation_id"],
    &["token_uti", "token_hash"],
    &["bytes_out", "bytes_in", "duration_ms"],
    &["locations"],
    &["body_from"],
    &["request_body"],
    &["response_body"],
];

/// Where a record was read: shown above its columns. A sample's name is shown above its records.
const PLACE: [&str; 5] = ["object", "offset", "length", "block_record", "body_offset"];

/// The value of one column; `None` where it is null or `false`.
fn value(batch: &RecordBatch, row: usize, name: &str) -> Option<String> {
    let column = batch.column_by_name(name).unwrap();
    if column.is_null(row) {
        return None;
    }
    let column_type = schema::COLUMNS.iter().find(|column| column.name == name).unwrap().column_type;
    match column_type {
        ColumnType::Time => Some(UtcMicros(column.as_primitive::<TimestampMicrosecondType>().value(row)).to_string()),
        ColumnType::Dictionary | ColumnType::Text => text_column(batch, name).unwrap().get(row).map(str::to_owned),
        ColumnType::Int => Some(column.as_primitive::<Int64Type>().value(row).to_string()),
        ColumnType::Int32 => Some(column.as_primitive::<Int32Type>().value(row).to_string()),
        ColumnType::Float => Some(column.as_primitive::<Float64Type>().value(row).to_string()),
        ColumnType::Float32 => Some(column.as_primitive::<Float32Type>().value(row).to_string()),
        ColumnType::Bool => column.as_boolean().value(row).then(|| "true".to_owned()),
    }
}

/// One event; its place, by which events are ordered, and its text.
fn event(batch: &RecordBatch, row: usize) -> ([Option<u64>; 4], String) {
    let number = |name| value(batch, row, name).map(|number| number.parse().unwrap());
    let place = ["offset", "block_record", "body_offset", "length"].map(number);
    let mut text = format!("\n-- {}+{}", place[0].unwrap(), place[3].unwrap());
    if let [_, Some(record), Some(offset), _] = place {
        write!(text, " message {record} at {offset}").unwrap();
    }
    text.push('\n');
    for line in LINES {
        let cells: Vec<_> =
            line.iter().filter_map(|name| value(batch, row, name).map(|value| format!("{name}={value}"))).collect();
        if !cells.is_empty() {
            text.push_str(&cells.join("  "));
            text.push('\n');
        }
    }
    (place, text)
}

fn counts(loaded: &Loaded) -> String {
    let coverage = &loaded.coverage;
    let records = coverage.records;
    let mut text = format!(
        "{} read: {} events, {} duplicates ({} conflicting), {} skipped, {} rejected\n",
        records.read,
        records.events,
        records.duplicates,
        coverage.conflicting_duplicates,
        records.skipped,
        records.rejected
    );
    for (kind, number) in &coverage.skipped {
        writeln!(text, "skipped {number}: {kind}").unwrap();
    }
    for rejected in &loaded.rejected {
        let detail = rejected.detail.as_deref().unwrap_or("no detail");
        let record = rejected.record.map_or_else(|| "duplicate".to_owned(), |record| format!("record {record}"));
        let (offset, length) = (rejected.offset, rejected.length);
        writeln!(text, "{record} at {offset}+{length}: {}: {detail}", rejected.reason).unwrap();
    }
    for failed in &coverage.failed {
        writeln!(text, "failed: {}", failed.reason).unwrap();
    }
    text
}

/// What one file decodes to, read alone.
fn file(path: &Path) -> String {
    let loaded = read(path);
    let mut events: Vec<_> = batches(&loaded)
        .into_iter()
        .flat_map(|batch| (0..batch.num_rows()).map(move |row| event(batch, row)))
        .collect();
    events.sort();
    let name = path.file_name().unwrap().to_str().unwrap();
    let mut text = format!("==== {name}\n{}", counts(&loaded));
    text.extend(events.into_iter().map(|(_, event)| event));
    // A path of this machine would stand in `locations` and in details of errors.
    let text = text.replace(path.to_str().unwrap(), name);
    assert!(!text.contains(root().to_str().unwrap()), "{name}: a path of this machine is in the snapshot");
    text
}

/// Holds what all files of a folder of `sample-logs/` decode to.
fn review(folder: &str) {
    let mut paths: Vec<_> = std::fs::read_dir(root().join("sample-logs").join(folder))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.sort();
    let text = paths.iter().map(|path| file(path)).collect::<Vec<_>>().join("\n");
    insta::with_settings!({ prepend_module_to_snapshot => false, omit_expression => true }, {
        insta::assert_snapshot!(folder, text);
    });
}

macro_rules! folders {
    ($($folder:ident)+) => {
        /// The folders under review.
        const FOLDERS: &[&str] = &[$(stringify!($folder)),+];

        mod reads_as_reviewed {
            $(#[test]
            fn $folder() {
                super::review(stringify!($folder));
            })+
        }
    };
}

folders! {
    activity_archive
    activity_cli
    activity_event_hub
    activity_event_hub_capture
    activity_portal_csv
    activity_portal_json
    activity_rest
    activity_sdk
    activity_table
    activity_table_csv
    compressed
    databricks_archive
    databricks_audit_delivery
    databricks_table
    entra_audit
    inventory
    key_vault_archive
    key_vault_table
    malformed
    not_ours
    signin_archive
    signin_graph
    signin_portal_csv
    signin_portal_json
    signin_table
    sql_audit_event_hub
    sql_audit_table
    storage_archive
    storage_table
    utf16
}

#[test]
fn every_folder_of_samples_is_reviewed() {
    let found: BTreeSet<_> = std::fs::read_dir(root().join("sample-logs"))
        .unwrap()
        .map(|entry| entry.unwrap())
        .filter(|entry| entry.file_type().unwrap().is_dir())
        .map(|entry| entry.file_name().into_string().unwrap())
        .collect();
    // The tenant is told of in its own tests.
    let reviewed = FOLDERS.iter().map(|folder| (*folder).to_owned()).chain(["tenant".to_owned()]).collect();

    assert_eq!(found, reviewed);
}

#[test]
fn a_snapshot_shows_every_column_once() {
    let shown: Vec<_> = LINES.concat().into_iter().chain(PLACE).collect();
    let columns: BTreeSet<_> = schema::COLUMNS.iter().map(|column| column.name).collect();

    assert_eq!(shown.len(), columns.len());
    assert_eq!(shown.into_iter().collect::<BTreeSet<_>>(), columns);
}
