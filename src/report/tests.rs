use std::collections::BTreeMap;
use std::io::Seek as _;

use ::parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use arrow::array::{Array as _, AsArray, RecordBatch};
use arrow::datatypes::Int64Type;

use super::*;
use crate::coverage::{
    Capped, FailedObject, Gap, GapKind, Listed, NotEvaluable, Objects, Records, SilentCategory, Skew, SourceCoverage,
};
use crate::report::samples::{self, HOSTILE};

fn bytes_of(format: OutputFormat, findings: &[Finding], coverage: &Coverage) -> Vec<u8> {
    let mut out = Vec::new();
    let report = Report { findings, coverage, rules: &[], hidden_by_severity: 0 };
    write(format, &report, &mut out, Style::default()).unwrap();
    out
}

fn text_of(format: OutputFormat, findings: &[Finding]) -> String {
    String::from_utf8(bytes_of(format, findings, &Coverage::default())).unwrap()
}

fn read_parquet(bytes: &[u8]) -> (Vec<String>, Vec<RecordBatch>, String) {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(bytes).unwrap();
    file.rewind().unwrap();
    let reader = ParquetRecordBatchReaderBuilder::try_new(file).unwrap();
    let created_by = reader.metadata().file_metadata().created_by().unwrap().to_owned();
    let columns = reader
        .schema()
        .fields()
        .iter()
        .map(|field| format!("{}: {}{}", field.name(), field.data_type(), if field.is_nullable() { "?" } else { "" }))
        .collect();
    let batches = reader.build().unwrap().map(Result::unwrap).collect();
    (columns, batches, created_by)
}

#[test]
fn an_empty_run_is_well_formed_in_every_format() {
    assert_eq!(text_of(OutputFormat::Ndjson, &[]), "");
    assert_eq!(text_of(OutputFormat::Csv, &[]), format!("{}\n", FINDING_COLUMNS.join(",")));
    let json: serde_json::Value = serde_json::from_str(&text_of(OutputFormat::Json, &[])).unwrap();
    assert_eq!(json["schema_version"], 1);
    assert_eq!(json["findings"], serde_json::json!([]));
    assert_eq!(json["coverage"]["records"]["read"], 0);
    let (columns, batches, _) = read_parquet(&bytes_of(OutputFormat::Parquet, &[], &Coverage::default()));
    assert_eq!(columns.len(), FINDING_COLUMNS.len());
    assert!(batches.iter().all(|batch| batch.num_rows() == 0));
    assert_eq!(
        text_of(OutputFormat::Table, &[]),
        "\
no findings

coverage
  objects     0 read, 0 bytes
  records     0 read = 0 events + 0 duplicates + 0 skipped + 0 rejected
  sources     none: no record of a log that is known here
  rules       0 run, 0 not evaluable
"
    );
}

#[test]
fn ndjson_is_a_finding_a_line_with_the_fields_in_order() {
    let mut finding = samples::finding();
    finding.evidence.truncate(1);

    let text = text_of(OutputFormat::Ndjson, &[finding]);

    let expected = concat!(
        r#"{"rule_id":"dbmi-keyvault-secret-read","title":"Workspace identity reads a Key Vault secret","#,
        r#""severity":"high","direction":"infra-doing-data","stream":"dbmi","identity_kind":"uami","confidence":0.9,"#,
        r#""principal_id":"11111111-1111-1111-1111-111111111111","principal_name":"dbmanagedidentity","#,
        r#""actor_id":"11111111-1111-1111-1111-111111111111","workspace_rid":null,"#,
        r#""target_id":"/subscriptions/s/resourcegroups/rg/providers/microsoft.keyvault/vaults/kv-prod","#,
        r#""target_name":"kv-prod","first_seen":"T1","last_seen":"T3","events":3,"#,
        r#""evidence":[{"event_uid":"aa","time":"T1","operation":"secretget","object":"logs/a.json","offset":100,"#,
        r#""length":99}],"details":{"object_path":["password","token"]},"attack":["T1555.006"],"fingerprint":"f00d"}"#,
        "\n"
    );
    let expected =
        expected.replace("\"T1\"", &format!("\"{}\"", UtcMicros(1))).replace("T3", &UtcMicros(3).to_string());
    assert_eq!(text, expected);
}

/// A finding whose columns have so many values more than it shows.
fn with_left_out(count: u64) -> Finding {
    let mut finding = samples::finding();
    finding.details.insert("src_ip".to_owned(), vec!["203.0.113.10".to_owned()]);
    finding.details_left_out = ["object_path", "src_ip"].map(|column| (column.to_owned(), count)).into();
    finding
}

#[test]
fn values_that_are_left_out_are_said_behind_those_that_are_shown() {
    for (count, said) in [(15, "and 15 more"), (9_999, "and 9,999 more"), (10_000, "and at least 10,000 more")] {
        let finding = with_left_out(count);
        let has = |format, shown: &str| {
            let text = text_of(format, std::slice::from_ref(&finding));
            assert!(text.contains(shown), "{shown} in {text}");
        };

        has(OutputFormat::Table, &format!("  detail      object_path password, token, {said}\n"));
        has(OutputFormat::Table, &format!("secretget x2, secretlist x1, from 203.0.113.10, {said}\n"));
        has(OutputFormat::Markdown, &format!("- `object_path`: `password`, `token`, {said}\n"));
        has(OutputFormat::Markdown, &format!("- `src_ip`: `203.0.113.10`, {said}\n"));
        for format in [OutputFormat::Sarif, OutputFormat::Ocsf, OutputFormat::Stix, OutputFormat::Junit] {
            has(format, &format!(", from 203.0.113.10, {said} on rg/"));
        }
    }
}

#[test]
fn values_that_are_left_out_are_counted_in_the_formats_of_programs() {
    let finding = with_left_out(15);
    let findings = [samples::finding(), finding];
    let counts = r#"{"object_path":15,"src_ip":15}"#;

    for format in [OutputFormat::Json, OutputFormat::Ndjson, OutputFormat::Sarif, OutputFormat::Ocsf] {
        let text = text_of(format, &findings);
        assert_eq!(text.matches("details_left_out").count(), 1, "{text}");
        assert!(text.contains(&format!(r#""details_left_out":{counts}"#)), "{text}");
    }
    let csv = text_of(OutputFormat::Csv, &findings);
    let mut reader = ::csv::Reader::from_reader(csv.as_bytes());
    let cells: Vec<String> = reader.records().map(|row| row.unwrap()[18].to_owned()).collect();
    assert_eq!(cells, ["", counts]);
    let (_, batches, _) = read_parquet(&bytes_of(OutputFormat::Parquet, &findings, &Coverage::default()));
    let maps = batches[0]["details_left_out"].as_map();
    assert_eq!((maps.value(0).len(), maps.value(1).len()), (0, 2));
    assert_eq!(maps.value(1).column(0).as_string::<i64>().value(1), "src_ip");
    assert_eq!(maps.value(1).column(1).as_primitive::<Int64Type>().values(), &[15_i64, 15]);
}

#[test]
fn json_has_the_lines_of_ndjson_and_the_coverage() {
    let findings = [samples::finding(), samples::hostile_finding()];

    let json = text_of(OutputFormat::Json, &findings);

    let lines: Vec<String> = text_of(OutputFormat::Ndjson, &findings).lines().map(str::to_owned).collect();
    assert!(json.starts_with(&format!(
        "{{\"schema_version\":1,\"findings\":[\n{},\n{}\n],\"coverage\":{{",
        lines[0], lines[1]
    )));
    let value: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(value["findings"][1]["principal_name"], HOSTILE);
}

#[test]
fn the_columns_of_csv_and_parquet_are_the_fields_of_a_finding() {
    let json: serde_json::Value = serde_json::from_str(&text_of(OutputFormat::Ndjson, &[with_left_out(1)])).unwrap();
    assert!(FINDING_COLUMNS.iter().all(|column| json.get(column).is_some()));
    assert_eq!(json.as_object().unwrap().len(), FINDING_COLUMNS.len());

    assert_eq!(
        text_of(OutputFormat::Csv, &[]),
        "rule_id,title,severity,direction,stream,identity_kind,confidence,principal_id,principal_name,actor_id,\
         workspace_rid,target_id,target_name,first_seen,last_seen,events,evidence,details,details_left_out,attack,\
         fingerprint\n"
    );
    let (columns, _, created_by) = read_parquet(&bytes_of(OutputFormat::Parquet, &[], &Coverage::default()));
    let names: Vec<&str> = columns.iter().map(|column| column.split_once(':').unwrap().0).collect();
    assert_eq!(names, FINDING_COLUMNS);
    assert_eq!(columns[6], "confidence: Float32");
    assert_eq!(columns[7], "principal_id: LargeUtf8?");
    assert_eq!(columns[13], "first_seen: Timestamp(µs, \"UTC\")");
    assert_eq!(columns[15], "events: Int64");
    assert_eq!(created_by, format!("airside {}", env!("CARGO_PKG_VERSION")));
}

#[test]
fn csv_guards_text_and_writes_lists_as_json() {
    let finding = Finding { target_name: Some("=1+1".to_owned()), ..samples::hostile_finding() };

    let text = text_of(OutputFormat::Csv, std::slice::from_ref(&finding));

    let mut reader = ::csv::Reader::from_reader(text.as_bytes());
    let rows: Vec<::csv::StringRecord> = reader.records().map(Result::unwrap).collect();
    assert_eq!(rows.len(), 1);
    assert_eq!(&rows[0][2], "high");
    assert_eq!(&rows[0][6], "0.9");
    assert_eq!(&rows[0][12], "'=1+1");
    assert_eq!(
        &rows[0][8],
        "'=cmd|'/C calc'!A0\\u{1b}[31mred\\u{1b}[2J\\u{1b}]0;title\\u{7}\\u{d}\\u{a}CRITICAL  \
         x\\u{202e}gpj.exe\\u{2066}\\u{200b}\\u{9b}31m\\u{7f}\"{}"
    );
    let details: BTreeMap<String, Vec<String>> = serde_json::from_str(&rows[0][17]).unwrap();
    assert_eq!(details, finding.details);
}

#[test]
fn parquet_keeps_every_value() {
    let findings = [samples::finding(), samples::hostile_finding()];

    let (_, batches, _) = read_parquet(&bytes_of(OutputFormat::Parquet, &findings, &Coverage::default()));

    let batch = &batches[0];
    assert_eq!(batch.num_rows(), 2);
    assert_eq!(batch["principal_name"].as_string::<i64>().value(1), HOSTILE);
    assert_eq!(batch["workspace_rid"].as_string::<i64>().iter().next().unwrap(), None);
    let evidence = batch["evidence"].as_list::<i32>().value(0);
    assert_eq!(evidence.len(), 3);
    assert_eq!(evidence.as_struct()["operation"].as_string::<i64>().value(1), "secretlist");
    let details = batch["details"].as_map().value(0);
    assert_eq!(details.column(0).as_string::<i64>().value(0), "object_path");
    assert_eq!(details.column(1).as_list::<i32>().value(0).as_string::<i64>().value(1), "token");
}

#[test]
fn hostile_text_does_nothing_in_any_format_of_text() {
    let mut coverage = Coverage::default();
    coverage.skip(HOSTILE);
    coverage.reject(HOSTILE);
    coverage.failed.push(FailedObject { object: HOSTILE.to_owned(), reason: HOSTILE.to_owned() });
    coverage.rules.not_evaluable.push(NotEvaluable { rule: HOSTILE.to_owned(), reason: HOSTILE.to_owned() });
    coverage.exceptions.unused.push(HOSTILE.to_owned());
    for format in OutputFormat::ALL.iter().copied().filter(|format| !format.is_binary()) {
        let bytes = bytes_of(format, &[samples::hostile_finding()], &coverage);

        samples::assert_harmless(&String::from_utf8(bytes).unwrap());
    }
}

#[test]
fn the_same_report_gives_the_same_bytes() {
    let findings = [samples::finding(), samples::hostile_finding()];
    for format in OutputFormat::ALL {
        let once = bytes_of(*format, &findings, &Coverage::default());

        assert_eq!(once, bytes_of(*format, &findings, &Coverage::default()), "{}", format.as_str());
    }
}

#[test]
fn the_table_shows_a_finding_as_a_block() {
    let text = text_of(OutputFormat::Table, &[samples::finding()]);

    let expected = format!(
        "\
1 finding: 1 high

                        critical  high  medium  low  informational
  infra-doing-data             -     1       -    -              -

HIGH  Workspace identity reads a Key Vault secret  dbmi-keyvault-secret-read
  who         dbmanagedidentity 11111111-1111-1111-1111-111111111111, uami, confidence 0.90
  did         secretget x2, secretlist x1
  on          rg/microsoft.keyvault/vaults/kv-prod
  when        {} to {}, 3 events
  detail      object_path password, token
  evidence    logs/a.json:100

coverage
",
        UtcMicros(1),
        UtcMicros(3)
    );
    assert!(text.starts_with(&expected), "{text}");
}

#[test]
fn the_table_shows_the_worst_first_and_what_is_left_out() {
    let critical = Finding { severity: Severity::Critical, title: "Worse".to_owned(), ..samples::finding() };
    let many = Finding { events: 4000, ..samples::finding() };
    let report =
        Report { findings: &[many, critical], coverage: &Coverage::default(), rules: &[], hidden_by_severity: 2 };
    let mut out = Vec::new();

    write(OutputFormat::Table, &report, &mut out, Style { width: 40, colour: Colour::On }).unwrap();

    let text = String::from_utf8(out).unwrap();
    assert!(text.find("Worse").unwrap() < text.find("Workspace identity").unwrap());
    assert!(text.contains("2 findings below --min-severity not shown"));
    assert!(text.contains("\u{1b}[1;97;41mCRITICAL\u{1b}[0m"));
    let plain = text.replace("\u{1b}[2m", "").replace("\u{1b}[0m", "");
    assert!(
        plain.contains("  did         secretget x2, secretlist\n              x1 (of the first 3 events)\n"),
        "{plain}"
    );
}

#[test]
fn the_coverage_of_the_table_adds_up_aloud() {
    let mut coverage = Coverage {
        objects: Objects { read: 12, failed: 1 },
        bytes: 268_435_456,
        records: Records { read: 1000, events: 900, duplicates: 50, skipped: 40, rejected: 10 },
        conflicting_duplicates: 2,
        ..Coverage::default()
    };
    coverage.failed.push(FailedObject { object: "a.gz".to_owned(), reason: "gzip stream ends early".to_owned() });
    for (kind, count) in [("a", 1), ("b", 30), ("c", 2), ("d", 3), ("e", 2), ("f", 2)] {
        coverage.skipped.insert(kind.to_owned(), count);
    }
    coverage.rejected.insert("no readable time".to_owned(), 10);
    coverage.sources.insert(
        "keyvault".to_owned(),
        SourceCoverage { events: 900, first: Some(UtcMicros(1)), last: Some(UtcMicros(3)) },
    );
    coverage.rules.run = vec!["x".to_owned()];
    for rule in ["y", "z"] {
        let reason = "no source signin".to_owned();
        coverage.rules.not_evaluable.push(NotEvaluable { rule: rule.to_owned(), reason });
    }
    coverage.exceptions.hidden_events = 5;
    coverage.exceptions.hidden_findings = 1;
    coverage.exceptions.unused.push("row 3 is past its date".to_owned());

    let text = String::from_utf8(bytes_of(OutputFormat::Table, &[], &coverage)).unwrap();

    let expected = format!(
        "\
no findings

coverage
  objects     12 read, 1 failed, 268.4 MB
  failed      a.gz: gzip stream ends early
  records     1,000 read = 900 events + 50 duplicates (2 conflicting) + 40 skipped + 10 rejected
  skipped     30 b
              3 d
              2 c
              2 e
              2 f
              and 1 more; --coverage FILE has all
  rejected    10 no readable time
  sources     keyvault: 900 events, {} to {}
  rules       1 run, 2 not evaluable
              not evaluable, no source signin: y, z
  exceptions  hid 5 events, 1 whole finding
  exceptions  unused: row 3 is past its date
",
        UtcMicros(1),
        UtcMicros(3)
    );
    assert_eq!(text, expected);
}

#[test]
fn what_is_missing_and_what_is_left_out_stands_at_the_end_of_the_coverage() {
    let hour = |hour: i64| UtcMicros(hour * 3_600_000_000);
    let gap = |kind, hours: i64| Gap {
        kind,
        source: "storage".to_owned(),
        subscription: Some("s-1".to_owned()),
        principal_id: Some("p-1".to_owned()),
        from: hour(0),
        until: hour(hours),
        hours: hours.unsigned_abs(),
        busy_hours: Some(6),
        tokens: Some(2),
    };
    let mut coverage = Coverage::default();
    let rule = "sample-rule".to_owned();
    let severity = "high".to_owned();
    coverage.rules.capped.push(Capped { rule, findings_left_out: 3, is_at_least: false, severity });
    let mut found = vec![gap(GapKind::Silence, 7), gap(GapKind::Stopped, 8), gap(GapKind::TokensWithoutUse, 24)];
    found.extend((0..5).map(|_| gap(GapKind::TokensWithoutUse, 24)));
    coverage.gaps = Some(Listed { found, left_out: 4, not_judged: 1 });
    coverage.clock_skew.note(Skew::AfterHour, ("a.json", 7), hour(1));
    coverage.clock_skew.note(Skew::AfterHour, ("a.json", 9), hour(2));
    let silent = |category: &str| SilentCategory {
        resource: "/vault".to_owned(),
        category: category.to_owned(),
        since: hour(0),
        setting: "/setting".to_owned(),
    };
    coverage.silent_categories = Some(Listed { found: vec![silent("auditevent")], left_out: 0, not_judged: 0 });

    let style = Style { width: 300, colour: Colour::Off };
    let report = Report { findings: &[], coverage: &coverage, rules: &[], hidden_by_severity: 0 };
    let mut out = Vec::new();
    write(OutputFormat::Table, &report, &mut out, style).unwrap();

    let text = String::from_utf8(out).unwrap();
    let expected = "\
  left out    sample-rule: 3 findings, high at worst; --max-findings N shows more
  gap         storage of subscription s-1 has nothing from 1970-01-01T00:00:00Z to 1970-01-01T07:00:00Z, 7 hours, 6 of them busy otherwise
  gap         storage of subscription s-1 ends: nothing from 1970-01-01T00:00:00Z to 1970-01-01T08:00:00Z, 8 hours, 6 of them busy otherwise
  gap         p-1 was given 2 tokens for storage, and no record of it says what for, 1970-01-01T00:00:00Z to 1970-01-02T00:00:00Z
  gap         p-1 was given 2 tokens for storage, and no record of it says what for, 1970-01-01T00:00:00Z to 1970-01-02T00:00:00Z
  gap         p-1 was given 2 tokens for storage, and no record of it says what for, 1970-01-01T00:00:00Z to 1970-01-02T00:00:00Z
  gap         and 7 more; --coverage FILE has them, 100 of a kind at most
  gap         not looked for in 1 log of single subscriptions: there are too many
  clock       2 records dated later than the hour of the archive that it lies in; 1970-01-01T01:00:00Z at a.json:7
  silent      auditevent of /vault, logged by its diagnostic setting since 1970-01-01T00:00:00Z, is in no log
";
    assert!(text.ends_with(expected), "{text}");
}
