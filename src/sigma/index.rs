//! The Sigma rules at hand, by the names that correlations call them by.

use std::collections::BTreeMap;

use rsigma_parser::{CorrelationRule, SigmaRule};

/// Detection rules by id and name.
#[derive(Debug, Default)]
pub(super) struct Index<'r> {
    rules: BTreeMap<&'r str, Vec<&'r SigmaRule>>,
    /// Names of correlations, to tell them from what is missing.
    correlations: Vec<&'r str>,
}

impl<'r> Index<'r> {
    /// Lists rules and correlations by their ids and names.
    pub(super) fn of(
        rules: impl IntoIterator<Item = &'r SigmaRule>,
        correlations: impl IntoIterator<Item = &'r CorrelationRule>,
    ) -> Self {
        let mut index = Self::default();
        for rule in rules {
            for name in [&rule.id, &rule.name].into_iter().flatten() {
                index.rules.entry(name).or_default().push(rule);
            }
        }
        for rule in correlations {
            index.correlations.extend([&rule.id, &rule.name].into_iter().flatten().map(String::as_str));
        }
        index
    }

    /// The one rule that goes by this name.
    ///
    /// # Errors
    ///
    /// The reason where there is none, or more than one.
    pub(super) fn rule(&self, name: &str) -> Result<&'r SigmaRule, String> {
        let shown = name;
        match self.rules.get(name).map(Vec::as_slice) {
            Some([only]) => Ok(only),
            Some([_, _, ..]) => Err(format!("more than one of the rules read is called '{shown}'")),
            _ if self.correlations.contains(&name) => Err(format!("it correlates the correlation '{shown}'")),
            _ => Err(format!("the rule '{shown}' that it correlates is not among the files read")),
        }
    }
}
