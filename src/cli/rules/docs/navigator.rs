//! A layer for the ATT&CK Navigator: how many rules there are for each technique, and which.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::rule::{Rule, technique};

/// Version of the layer's form: <https://github.com/mitre-attack/attack-navigator/tree/master/layers/spec>.
const LAYER_VERSION: &str = "4.5";

/// Version of the Navigator that reads this form.
const NAVIGATOR_VERSION: &str = "5.1.0";

/// A layer. Field names are the form's.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Layer<'a> {
    name: &'static str,
    /// Without ATT&CK's own version, which is the Navigator's newest then: a rule may name a
    /// technique under its old and its new id.
    versions: Versions,
    domain: &'static str,
    description: String,
    techniques: Vec<Technique<'a>>,
    gradient: Gradient,
    hide_disabled: bool,
}

#[derive(Debug, Serialize)]
struct Versions {
    layer: &'static str,
    navigator: &'static str,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Technique<'a> {
    #[serde(rename = "techniqueID")]
    id: &'a str,
    /// How many rules there are for it.
    score: usize,
    /// Which.
    comment: String,
    enabled: bool,
    show_subtechniques: bool,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Gradient {
    colors: [&'static str; 2],
    min_value: usize,
    max_value: usize,
}

/// The layer of these rules. Techniques come in the order of their ids.
pub(super) fn layer(library: &[Rule]) -> Layer<'_> {
    let mut rules: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for rule in library {
        for id in rule.head.attack.iter().flat_map(|entry| technique::alternatives(entry)) {
            rules.entry(id).or_default().push(&rule.head.id);
        }
    }
    let most = rules.values().map(Vec::len).max().unwrap_or(0);
    let techniques = rules.iter().map(|(id, rules)| Technique {
        id,
        score: rules.len(),
        comment: rules.join(", "),
        enabled: true,
        // A technique that is scored through what lies below it is shown open.
        show_subtechniques: true,
    });
    Layer {
        name: "Airside",
        versions: Versions { layer: LAYER_VERSION, navigator: NAVIGATOR_VERSION },
        domain: "enterprise-attack",
        description: format!("{} rules of Airside; the score is the number of rules for a technique", library.len()),
        techniques: techniques.collect(),
        gradient: Gradient { colors: ["#cfe3f7", "#08519c"], min_value: 0, max_value: most },
        hide_disabled: false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rule::front_matter::tests::rule;

    #[test]
    fn both_ids_of_a_technique_are_scored_with_their_rules() {
        let mut first = rule();
        first.head.attack = vec!["T1530".to_owned(), "T1562.008|T1685.002".to_owned()];
        let mut second = rule();
        second.head.id = "second".to_owned();
        second.head.attack = vec!["T1530".to_owned()];

        let layer = serde_json::to_value(layer(&[first, second])).unwrap();

        assert_eq!(layer["domain"], "enterprise-attack");
        assert_eq!(layer["gradient"]["maxValue"], 2);
        let techniques = layer["techniques"].as_array().unwrap();
        let ids: Vec<_> = techniques.iter().map(|technique| technique["techniqueID"].as_str().unwrap()).collect();
        assert_eq!(ids, ["T1530", "T1562.008", "T1685.002"]);
        assert_eq!(techniques[0]["score"], 2);
        assert_eq!(techniques[0]["comment"], "sample-rule, second");
    }
}
