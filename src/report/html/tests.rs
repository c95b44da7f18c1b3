use std::collections::BTreeMap;

use super::*;
use crate::coverage::Coverage;
use crate::finding::Finding;
use crate::report::samples;

fn page_with(title: &str) -> String {
    page_of(title, &[samples::hostile_finding()])
}

fn page_of(title: &str, findings: &[Finding]) -> String {
    let coverage = Coverage::default();
    let page = Page {
        title,
        inputs: &["</script><script>alert(1)</script>".to_owned()],
        report: Report { findings, coverage: &coverage, rules: &[], hidden_by_severity: 0 },
        identities: &[],
        activity: &Activity::default(),
        matrix: &(),
    };
    let mut out = Vec::new();
    write(&page, &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

/// What stands in the element of the data.
fn data_of(page: &str) -> &str {
    let (_, after) = page.split_once("<script type=\"application/json\" id=\"data\">").unwrap();
    after.split_once("</script>").unwrap().0
}

#[test]
fn data_cannot_end_its_element_and_keeps_its_values() {
    let page = page_with("x");

    let data = data_of(&page);

    assert!(!data.contains('<'), "{data}");
    let value: serde_json::Value = serde_json::from_str(data).unwrap();
    assert_eq!(value["inputs"][0], "</script><script>alert(1)</script>");
    let name = value["findings"][0]["name"].as_u64().unwrap();
    assert_eq!(value["strings"][usize::try_from(name).unwrap()], samples::HOSTILE);
}

#[test]
fn the_data_say_how_many_values_are_left_out_where_some_are() {
    let details_left_out = BTreeMap::from([("object_path".to_owned(), 15)]);
    let findings = [samples::finding(), Finding { details_left_out, ..samples::finding() }];

    let page = page_of("x", &findings);

    let value: serde_json::Value = serde_json::from_str(data_of(&page)).unwrap();
    let said = |place: &serde_json::Value| &value["strings"][usize::try_from(place.as_u64().unwrap()).unwrap()];
    let [whole, cut] = value["findings"].as_array().unwrap().as_slice() else { panic!("{value}") };
    assert_eq!(whole.get("left_out"), None);
    assert_eq!([&cut["left_out"][0][0], &cut["left_out"][0][1]].map(said), ["object_path", ", and 15 more"]);
    assert_eq!(cut["left_out"][0][0], cut["details"][0][0]);
}

#[test]
fn a_title_is_text_and_no_placeholder_is_looked_for_in_what_is_put_in() {
    let page = page_with("{{data}}<img src=x onerror=alert(1)>\u{202e}");

    assert!(page.contains("<title>{{data}}&lt;img src=x onerror=alert(1)&gt;\\u{202e}</title>"));
    assert!(!page.contains("<img src=x"));
}

#[test]
fn the_page_names_no_place_to_fetch_from_and_forbids_fetching() {
    let page = page_with("x");

    assert!(page.contains("default-src 'none'"));
    for attribute in ["src=\"", "@import", "url(http", "href=\"http"] {
        assert!(!page.contains(attribute), "{attribute}");
    }
}

#[test]
fn neither_program_can_end_its_element() {
    for program in [D3.to_owned(), program()] {
        assert!(!program.contains("</script") && !program.contains("<!--"));
    }
}
