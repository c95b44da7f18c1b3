//! The page of questions: every query plans and gives the answer that stands below it.

use std::fs;

use airside::finding::exceptions::Exceptions;
use airside::pipeline;
use airside::report::Style;
use airside::report::rows::{Fit, Layout, RowFormat, RowsWriter};
use airside::sql::session::plan_read_only;

use crate::support::{library, read, root, runtime};

/// A question of the page.
struct Question {
    title: String,
    sql: String,
    answer: String,
}

/// The text of the first fenced block of this kind.
fn block(text: &str, kind: &str) -> String {
    let (_, rest) = text.split_once(&format!("```{kind}\n")).unwrap_or_else(|| panic!("no {kind} in {text}"));
    rest.split_once("```").unwrap().0.to_owned()
}

fn questions() -> Vec<Question> {
    let page = fs::read_to_string(root().join("queries/questions.md")).unwrap();
    let sections = page.split("\n## ").skip(1).map(|section| Question {
        title: section.lines().next().unwrap().to_owned(),
        sql: block(section, "sql"),
        answer: block(section, "csv"),
    });
    sections.collect()
}

#[test]
fn every_question_has_the_answer_that_stands_below_it() {
    let questions = questions();
    let runtime = runtime();
    let loaded = read(&root().join("sample-logs/tenant"));
    let exceptions = Exceptions::new(Vec::new(), library()).unwrap();
    let opened = runtime.block_on(pipeline::open(&loaded, &exceptions, Vec::new(), 1 << 30, 2)).unwrap();
    let layout = Layout { style: Style::default(), fit: Fit::Whole };
    let mut wrong = Vec::new();
    for Question { title, sql, answer } in &questions {
        let query =
            runtime.block_on(plan_read_only(&opened.ctx, sql)).unwrap_or_else(|error| panic!("{title}: {error}"));
        let schema = query.schema().inner().clone();
        let mut writer = RowsWriter::new(RowFormat::Csv, &schema, Vec::new(), layout).unwrap();
        for batch in runtime.block_on(query.collect()).unwrap() {
            writer.write(&batch).unwrap();
        }
        let given = String::from_utf8(writer.finish(None).unwrap()).unwrap();
        if given != *answer {
            wrong.push(format!("{title}\n-- the page says\n{answer}-- the answer is\n{given}"));
        }
    }

    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(questions.len(), 20);
    assert!(questions.iter().all(|question| question.sql.contains("ORDER BY")), "answers without an order");
}
