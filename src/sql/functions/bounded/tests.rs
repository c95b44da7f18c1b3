use std::fmt::Write as _;

use arrow::record_batch::RecordBatch;
use arrow::util::pretty::pretty_format_batches;
use datafusion::common::ScalarValue;
use datafusion::prelude::SessionContext;

use crate::sql::session::{SessionOptions, build, plan_read_only};

fn session(memory_bytes: usize) -> SessionContext {
    build(&SessionOptions { memory_bytes, ..SessionOptions::default() }).unwrap()
}

async fn rows(ctx: &SessionContext, sql: &str) -> Result<Vec<RecordBatch>, String> {
    let frame = plan_read_only(ctx, sql).await.map_err(|error| error.to_string())?;
    frame.collect().await.map_err(|error| error.to_string())
}

/// Runs a query in a session of so much memory, and gives the first value as text.
async fn ask(sql: &str, memory_bytes: usize) -> Result<String, String> {
    let batches = rows(&session(memory_bytes), sql).await?;
    let column = batches[0].column(0);
    Ok(arrow::util::display::array_value_to_string(column, 0).unwrap())
}

#[tokio::test]
async fn what_makes_more_than_the_session_may_have_is_refused_by_name() {
    let text = "(SELECT repeat(v, 400000) AS a FROM (VALUES ('a')) t (v))";
    let list = "(SELECT range(v) AS a FROM (VALUES (100000)) t (v))";
    let letters =
        "(SELECT string_to_array(repeat(v, 10000), NULL) AS a, repeat(v, 100) AS b FROM (VALUES ('a')) t (v))";
    for (sql, name) in [
        ("SELECT length(repeat('ab', 600000))", "repeat"),
        ("SELECT length(lpad('a', 600000))", "lpad"),
        ("SELECT length(rpad('a', 600000, 'xy'))", "rpad"),
        ("SELECT length(concat(a, a, a)) FROM TEXT", "concat"),
        (
            "SELECT length(concat(v, repeat('a', 200000))) FROM (VALUES ('a'), ('b'), ('c'), ('d'), ('e')) t (v)",
            "concat",
        ),
        ("SELECT length(concat_ws(',', a, a, a)) FROM TEXT", "concat_ws"),
        ("SELECT length(concat_ws(repeat('a', 200000), 'a', 'b', 'c'))", "concat_ws"),
        ("SELECT length(replace(repeat('a', 200000), 'a', 'aaa'))", "replace"),
        ("SELECT cardinality(array_repeat('a', 600000))", "array_repeat"),
        (
            "SELECT cardinality(array_repeat(a, n)) FROM (SELECT repeat(v, m) AS a, n FROM (VALUES ('a', 9, 1), ('b', 100000, 100)) t (v, m, n))",
            "array_repeat",
        ),
        ("SELECT cardinality(array_resize([1], 600000, 0))", "array_resize"),
        ("SELECT cardinality(array_resize(['a'], 100, repeat('x', 100000)))", "array_resize"),
        ("SELECT cardinality(generate_series(1, 1000000000000000))", "generate_series"),
        ("SELECT cardinality(range(600000))", "range"),
        ("SELECT unnest(range(1000)) FROM (VALUES (1), (2)) t", "range"),
        ("SELECT cardinality(range(-1, -600000, -1))", "range"),
        ("SELECT cardinality(range(DATE '1970-01-01', DATE '2999-01-01', INTERVAL '1' MINUTE))", "range"),
        ("SELECT length(repeat('a', 200000) || repeat('b', 200000))", "||"),
        ("SELECT length(a || a || a) FROM TEXT", "||"),
        ("SELECT length(upper(a) || arrow_cast(a, 'Utf8View') || a) FROM TEXT", "||"),
        ("SELECT 1 FROM TEXT WHERE a || a || a = ''", "||"),
        ("SELECT cardinality(a || a) FROM LIST", "array_concat"),
        ("SELECT cardinality(array_cat(a, a)) FROM LIST", "array_concat"),
        ("SELECT cardinality([a, a]) FROM LIST", "make_array"),
        ("SELECT cardinality([a] || a) FROM LIST", "array_append"),
        ("SELECT cardinality(a || [a]) FROM LIST", "array_prepend"),
        ("SELECT cardinality(array_union(a, a)) FROM LIST", "array_union"),
        ("SELECT cardinality(arrays_zip(a, [1], [2])) FROM LIST", "arrays_zip"),
        ("SELECT length(array_to_string(a, ', ')) FROM LIST", "array_to_string"),
        ("SELECT length(array_to_string(a, b)) FROM LETTERS", "array_to_string"),
        ("SELECT cardinality(array_replace_all(a, 'a', b)) FROM LETTERS", "array_replace_all"),
        ("SELECT cardinality(string_to_array(a, NULL)) FROM TEXT", "string_to_array"),
        ("SELECT struct(a, a, a) FROM TEXT", "struct"),
        ("SELECT length(overlay(a PLACING a FROM 1 FOR 0)) FROM TEXT", "overlay"),
        ("SELECT length(regexp_replace(repeat('a', 1000), '', repeat('y', 1000), 'g'))", "regexp_replace"),
        ("SELECT length(regexp_replace(a, 'a', '12345', 'g')) FROM TEXT", "regexp_replace"),
        (r"SELECT length(regexp_replace(a, '(a*)', '\1\1')) FROM TEXT", "regexp_replace"),
        ("SELECT cardinality(regexp_match(a, '(((a*)))')) FROM TEXT", "regexp_match"),
        ("SELECT length(to_char(now(), repeat('%c', 100000)))", "to_char"),
    ] {
        let sql = sql.replace("TEXT", text).replace("LIST", list).replace("LETTERS", letters);

        let refused = ask(&sql, 1_000_000).await.unwrap_err();

        assert!(refused.contains(&format!("more than the memory for {name} with")), "{sql}: {refused}");
    }
}

#[tokio::test]
async fn a_long_delimiter_is_refused() {
    for delimiter in [&format!("'{}'", "x".repeat(1000)), "repeat('x', 1000)"] {
        for over in ["", " OVER ()"] {
            let sql = format!("SELECT string_agg(v, {delimiter}){over} FROM (VALUES ('a'), ('b')) t (v)");

            let refused = ask(&sql, 1_000_000).await.unwrap_err();

            assert!(refused.contains("8192000 bytes at once are more than the memory for string_agg"), "{refused}");
        }
    }
}

/// Thirty parts would be a hundred terabytes, whatever the first is made of.
#[tokio::test]
async fn parts_that_double_a_text_are_refused() {
    for (first, double) in [
        ("repeat('x', 100000)", "t || t"),
        ("repeat(v, 100000)", "t || t"),
        ("v", "regexp_replace(t, '', t, 'g')"),
        ("[v, v]", "t || t"),
        ("v", "overlay(t PLACING t FROM 1 FOR 0)"),
    ] {
        let mut sql = format!("WITH p0 AS (SELECT {first} AS t FROM (VALUES ('xyz')) v (v))");
        for part in 1..=30 {
            write!(sql, ", p{part} AS (SELECT {double} AS t FROM p{})", part - 1).unwrap();
        }

        let refused = ask(&format!("{sql} SELECT t FROM p30"), 1_000_000).await.unwrap_err();

        assert!(refused.contains("bytes at once are more than the memory for "), "{double}: {refused}");
    }
}

#[tokio::test]
async fn a_type_that_is_large_whatever_is_in_it_is_refused() {
    for sql in [
        "SELECT CAST(NULL AS INT[2000000])",
        "SELECT TRY_CAST(v AS INT[2000000][]) FROM (VALUES ([[1]])) t (v)",
        "SELECT arrow_cast(NULL, 'Struct(\"a\": FixedSizeList(2000000000 x FixedSizeList(2000000000 x FixedSizeList(2000000000 x Int64))), \"b\": FixedSizeList(2000000000 x FixedSizeList(2000000000 x FixedSizeList(2000000000 x Int64))))')",
        "SELECT arrow_cast(v, 'FixedSizeBinary(2000000)') FROM (VALUES (X'00')) t (v)",
    ] {
        let refused = ask(sql, 1_000_000).await.unwrap_err();

        assert!(refused.contains("has more than 64 bytes, even a null"), "{sql}: {refused}");
    }
}

#[tokio::test]
async fn what_fits_is_what_it_was() {
    for (sql, expected) in [
        ("SELECT repeat('ab', 3)", "ababab"),
        ("SELECT lpad('a', 3, 'x')", "xxa"),
        ("SELECT concat('a', NULL, 1)", "a1"),
        ("SELECT concat_ws(', ', 'a', NULL, 'b')", "a, b"),
        ("SELECT replace('banana', 'an', 'x')", "bxxa"),
        ("SELECT replace('banana', '', 'x')", "banana"),
        ("SELECT rpad('a', 3)", "a  "),
        ("SELECT array_repeat('a', 2)", "[a, a]"),
        ("SELECT array_resize([1], 2, 0)", "[1, 0]"),
        ("SELECT array_resize([1], 2)", "[1, ]"),
        ("SELECT generate_series(1, 9, 4)", "[1, 5, 9]"),
        ("SELECT range(3)", "[0, 1, 2]"),
        ("SELECT repeat(CAST(NULL AS VARCHAR), 1000000000)", ""),
        ("SELECT cardinality(range(DATE '2026-01-01', DATE '2026-01-11', INTERVAL '1' DAY))", "10"),
        ("SELECT [1] || [2] || 3", "[1, 2, 3]"),
        ("SELECT 1 || [2, NULL]", "[1, 2, ]"),
        ("SELECT ['a', 'b']", "[a, b]"),
        ("SELECT array_to_string([1, NULL, 3], ', ', '-')", "1, -, 3"),
        ("SELECT string_to_array('a,b', ',')", "[a, b]"),
        ("SELECT array_replace_all(['a', 'b', 'a'], 'a', 'c')", "[c, b, c]"),
        ("SELECT overlay('abcd' PLACING 'X' FROM 2 FOR 2)", "aXd"),
        ("SELECT struct('a', 1)", "{c0: a, c1: 1}"),
        ("SELECT get_field(struct('a', 1), 'c0')", "a"),
        ("SELECT arrays_zip([1, 2], ['a'])", "[{1: 1, 2: a}, {1: 2, 2: }]"),
        ("SELECT regexp_replace('foobar', '(o)(b)', '\\2-\\1')", "fob-oar"),
        ("SELECT regexp_replace('aBAb', 'b', 'x', 'ig')", "axAx"),
        ("SELECT regexp_replace('a', 'a', CAST(NULL AS VARCHAR))", ""),
        ("SELECT regexp_match('foobar', '(o+)(b)')", "[oo, b]"),
        ("SELECT to_char(DATE '2026-01-02', '%d.%m.%Y')", "02.01.2026"),
        ("SELECT string_agg(v, '; ' ORDER BY v) FROM (VALUES ('b'), ('a'), (NULL)) t (v)", "a; b"),
        ("SELECT string_agg(v, chr(10)) FROM (VALUES ('b'), ('a')) t (v)", "b\na"),
        ("SELECT string_agg(v, ',') OVER () FROM (VALUES ('b'), ('a')) t (v)", "b,a"),
    ] {
        assert_eq!(ask(sql, 16_000_000).await.as_deref(), Ok(expected), "{sql}");
    }
}

/// Values, types and names are those of the engine without bounds.
#[expect(clippy::disallowed_methods, reason = "the engine as it is, to compare with")]
#[tokio::test]
async fn the_operator_is_what_it_was() {
    let (bounded, without) = (session(16_000_000), SessionContext::new());
    let table = "(SELECT a, b, n, arrow_cast(a, 'Dictionary(Int32, Utf8)') AS d, arrow_cast(b, 'Utf8View') AS v, \
                 arrow_cast(a, 'LargeUtf8') AS l, arrow_cast(a, 'Binary') AS x \
                 FROM (VALUES ('a', 'b', 1), (NULL, 'c', 2), ('d', NULL, NULL), ('', 'é', 4)) t (a, b, n))";
    for selected in [
        "a || b",
        "t.a || '-' || t.b",
        "a || ('-' || b)",
        "'x' || 'y'",
        "'x' || NULL",
        "a || NULL",
        "n || a",
        "a || 1.5",
        "a || true",
        "a || DATE '2026-01-02'",
        "d || d",
        "d || 'x'",
        "'x' || d",
        "v || a",
        "v || v",
        "l || a",
        "l || v || n",
        "n || a || v || d || n || b",
        "x || x || a || x",
        "a || (b || v) || (n || d || 'x')",
        "'x' || NULL || a || 'y' || 'z'",
        "x || x",
        "x || X'00'",
        "a || b AS c, count(*) OVER (PARTITION BY a || b) AS n",
        "[a] || b",
        "a || [b]",
        "[a] || [b, 'x']",
        "CASE WHEN a || b = 'ab' THEN b || a ELSE a || 'x' END",
        "string_agg(a || b, ',') OVER ()",
        "(SELECT max(b || 'x') || min(u.a) FROM (VALUES ('q')) u (a))",
    ] {
        for sql in [
            format!("SELECT {selected} FROM {table} t"),
            format!("SELECT * FROM (SELECT {selected}, a AS sorted FROM {table} t) ORDER BY sorted"),
        ] {
            let (got, expected) = (rows(&bounded, &sql).await, rows(&without, &sql).await);

            let (Ok(got), Ok(expected)) = (&got, &expected) else {
                assert_eq!(got.is_err(), expected.is_err(), "{sql}: {got:?} {expected:?}");
                continue;
            };
            assert_eq!(got[0].schema(), expected[0].schema(), "{sql}");
            let [got, expected] = [got, expected].map(|rows| pretty_format_batches(rows).unwrap().to_string());
            assert_eq!(got, expected, "{sql}");
        }
    }
    for sql in ["SELECT 1 || 2", "SELECT NULL || NULL"] {
        assert_eq!(rows(&bounded, sql).await.unwrap_err(), rows(&without, sql).await.unwrap_err(), "{sql}");
    }
    let sql = format!("SELECT a || b, string_agg(a || b, '; ') FROM {table} t GROUP BY a || b HAVING a || b > ''");
    assert_eq!(rows(&bounded, &sql).await.unwrap(), rows(&without, &sql).await.unwrap());
}

#[tokio::test]
async fn the_operator_takes_parameters() {
    let frame = plan_read_only(&session(16_000_000), "SELECT $1 || v FROM (VALUES ('b')) t (v)").await.unwrap();

    let rows = frame.with_param_values(vec![ScalarValue::from("a")]).unwrap().collect().await.unwrap();

    assert!(pretty_format_batches(&rows).unwrap().to_string().contains("| ab "));
}

/// As long as the text of a query may have it, on the stack of the program.
#[test]
fn a_long_chain_is_planned_and_run() {
    let run = || {
        let sql = format!("SELECT length({}) FROM (VALUES ('b')) t (v)", vec!["v"; 601].join(" || "));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(ask(&sql, 16_000_000))
    };

    let length = std::thread::Builder::new().stack_size(8 << 20).spawn(run).unwrap().join().unwrap();

    assert_eq!(length.as_deref(), Ok("601"));
}

/// With the memory that `--memory-limit 256MiB` leaves it. A mark for each byte would be too large.
#[tokio::test]
async fn numbers_in_a_batch_of_long_bodies_are_replaced() {
    let bodies = "(SELECT repeat('abcdefgh0123456' || (value % 10), 128) AS body FROM generate_series(1, 8192))";
    for (replaced, length) in [
        ("regexp_replace(body, '[0-9]+', '#', 'g')", 9 * 128),
        ("replace(body, 'abcdefgh', '#')", 9 * 128),
        ("replace(body, 'a', '<letter>')", 23 * 128),
    ] {
        let sql = format!("SELECT sum(length({replaced})) FROM {bodies}");

        assert_eq!(ask(&sql, 64 << 20).await, Ok((length * 8192).to_string()), "{replaced}");
    }
}

#[tokio::test]
async fn what_is_found_is_counted_where_a_guess_would_refuse_it() {
    let bodies = "(SELECT repeat('abcdefgh0123456' || (value % 10), 128) AS body FROM generate_series(1, 100))";
    for (made, length) in [
        ("length(regexp_replace(body, '[0-9]+', '<number>', 'g'))", 16 * 128),
        ("length(regexp_replace(body, 'H([0-9])', '<$1>', 'gi'))", 17 * 128),
        ("length(array_to_string(regexp_match(body, '(a)(b)(c)(d)(e)(f)'), ''))", 6),
        ("cardinality(string_to_array(body, 'b'))", 129),
    ] {
        let sql = format!("SELECT sum({made}) FROM {bodies}");

        assert_eq!(ask(&sql, 1_000_000).await, Ok((length * 100).to_string()), "{made}");
    }
}
