use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanArray, DictionaryArray, Float64Array, Int64Array, ListArray, StringArray,
    TimestampMicrosecondArray,
};
use arrow::datatypes::{Int32Type, Int64Type};

use super::*;
use crate::report::{Colour, DEFAULT_WIDTH};

const WHOLE: Layout = Layout { style: Style { width: DEFAULT_WIDTH, colour: Colour::Off }, fit: Fit::Whole };

fn terminal(width: usize, max_rows: usize) -> Layout {
    Layout { style: Style { width, colour: Colour::Off }, fit: Fit::Terminal { max_rows } }
}

fn column(array: impl arrow::array::Array + 'static) -> ArrayRef {
    Arc::new(array)
}

/// A value of each kind, and a row of nulls.
fn sample() -> RecordBatch {
    let words: DictionaryArray<Int32Type> = vec![Some("dbmi"), None].into_iter().collect();
    let lists = ListArray::from_iter_primitive::<Int64Type, _, _>([Some(vec![Some(1), None]), None]);
    RecordBatch::try_from_iter_with_nullable([
        ("text", column(StringArray::from(vec![Some(""), None])), true),
        ("number", column(Int64Array::from(vec![Some(-5), None])), true),
        ("float", column(Float64Array::from(vec![Some(f64::INFINITY), None])), true),
        ("flag", column(BooleanArray::from(vec![Some(true), None])), true),
        ("time", column(TimestampMicrosecondArray::from(vec![Some(1_500_000), None]).with_timezone("UTC")), true),
        ("word", column(words), true),
        ("list", column(lists), true),
    ])
    .unwrap()
}

fn texts(values: &[&str]) -> RecordBatch {
    RecordBatch::try_from_iter([("text", column(StringArray::from(values.to_vec())))]).unwrap()
}

fn written(format: RowFormat, batches: &[RecordBatch], layout: Layout) -> Vec<u8> {
    let mut writer = RowsWriter::new(format, &batches[0].schema(), Vec::new(), layout).unwrap();
    for batch in batches {
        writer.write(batch).unwrap();
    }
    writer.finish(None).unwrap()
}

fn text(format: RowFormat, batches: &[RecordBatch], layout: Layout) -> String {
    String::from_utf8(written(format, batches, layout)).unwrap()
}

#[test]
fn json_tells_a_null_from_an_empty_text_and_keeps_types() {
    assert_eq!(
        text(RowFormat::Ndjson, &[sample()], WHOLE),
        "{\"text\":\"\",\"number\":-5,\"float\":\"inf\",\"flag\":true,\"time\":\"1970-01-01T00:00:01.500Z\",\"word\":\"dbmi\",\"list\":[1,null]}\n\
         {\"text\":null,\"number\":null,\"float\":null,\"flag\":null,\"time\":null,\"word\":null,\"list\":null}\n"
    );
}

#[test]
fn a_document_of_several_batches_is_one_json_value() {
    let document = text(RowFormat::Json, &[texts(&["a"]), texts(&["b"])], WHOLE);
    let empty = text(RowFormat::Json, &[texts(&[])], WHOLE);

    assert_eq!(document, "{\"schema_version\":1,\"rows\":[\n{\"text\":\"a\"},\n{\"text\":\"b\"}\n]}\n");
    assert_eq!(empty, "{\"schema_version\":1,\"rows\":[]}\n");
}

#[test]
fn cells_of_csv_are_guarded_and_numbers_are_not() {
    let guarded = text(RowFormat::Csv, &[texts(&["=1+1", "+a", "-a", "@a", "\tb", "\rc", "a,\"b\""])], WHOLE);

    assert_eq!(guarded, "text\n'=1+1\n'+a\n'-a\n'@a\n'\\u{9}b\n'\\u{d}c\n\"a,\"\"b\"\"\"\n");
    assert_eq!(
        text(RowFormat::Csv, &[sample()], WHOLE),
        "text,number,float,flag,time,word,list\n,-5,inf,true,1970-01-01T00:00:01.500Z,dbmi,\"[1,null]\"\n,,,,,,\n"
    );
}

#[test]
fn controls_reach_no_terminal_in_any_text_format() {
    let hostile = [texts(&["\u{1b}[31mred\u{9b}2J\u{202e}"])];

    for format in [RowFormat::Table, RowFormat::Json, RowFormat::Ndjson, RowFormat::Csv] {
        for layout in [WHOLE, terminal(80, 10)] {
            let shown = text(format, &hostile, layout);
            assert!(!shown.contains(['\u{1b}', '\u{9b}', '\u{202e}']), "{shown:?}");
            assert!(shown.contains("red"), "{shown:?}");
        }
    }
}

#[test]
fn a_table_shows_nulls_and_puts_numbers_to_the_right() {
    let batch = RecordBatch::try_from_iter([
        ("who", column(StringArray::from(vec![Some("ana"), None]))),
        ("events", column(Int64Array::from(vec![7, 1200]))),
    ])
    .unwrap();

    assert_eq!(
        text(RowFormat::Table, &[batch], WHOLE),
        "who   events\n----  ------\nana        7\nNULL    1200\n(2 rows)\n"
    );
}

#[test]
fn a_table_is_cut_to_its_terminal_and_says_what_is_missing() {
    let long = "abcdefghijklmnopqrstuvwxyz0123456789";
    let names = ["one", "two", "three", "four"];
    let batch = RecordBatch::try_from_iter(names.map(|name| (name, column(StringArray::from(vec![long, long, long])))))
        .unwrap();

    let shown = text(RowFormat::Table, std::slice::from_ref(&batch), terminal(44, 2));

    assert_eq!(
        shown,
        "one            two            three\n\
         -------------  -------------  -------------\n\
         abcdefghijkl…  abcdefghijkl…  abcdefghijkl…\n\
         abcdefghijkl…  abcdefghijkl…  abcdefghijkl…\n\
         (2 of 3 rows; --max-rows 0 or another --format shows the rest)\n\
         (1 column more than fit: four)\n"
    );
    assert_eq!(text(RowFormat::Table, &[batch], WHOLE).matches(long).count(), 12);
}

#[test]
fn parquet_reads_back_as_it_was_with_every_name_once() {
    let batch = sample();
    let mut fields: Vec<_> = batch.schema().fields().iter().map(|field| field.as_ref().clone()).collect();
    fields[3] = fields[3].clone().with_name("text");
    let twice =
        RecordBatch::try_new(Arc::new(arrow::datatypes::Schema::new(fields)), batch.columns().to_vec()).unwrap();

    let mut file = tempfile::tempfile().unwrap();
    file.write_all(&written(RowFormat::Parquet, &[twice.clone(), twice], WHOLE)).unwrap();
    let reader = ::parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder::try_new(file).unwrap().build();
    let read: Vec<RecordBatch> = reader.unwrap().map(Result::unwrap).collect();

    assert_eq!(read.iter().map(RecordBatch::num_rows).sum::<usize>(), 4);
    assert_eq!(read[0].schema().field(3).name(), "text_2");
    assert_eq!(&read[0].column(1).slice(2, 2), batch.column(1));
}
