//! The coverage matrix: what the separation of the identities says, and which rules watch over it.

use serde::Deserialize;

use crate::error::RunError;
use crate::rule::Rule;

/// The matrix as it stands beside the rules.
const TEXT: &str = include_str!("../../queries/coverage.toml");

/// The last number of the catalogue.
const LAST_NUMBER: u8 = 62;

/// One statement and its rules.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Row {
    /// What it is about; rows of one topic stand together.
    pub topic: String,
    /// The statement, one line.
    pub statement: String,
    /// Numbers of the catalogue, shipped or not.
    pub rules: Vec<String>,
    /// What a number alone does not say.
    pub note: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Matrix {
    #[serde(rename = "row")]
    rows: Vec<Row>,
}

/// All rows in their order.
///
/// # Errors
///
/// [`RunError::Internal`]: a defect of ours.
pub fn rows() -> Result<Vec<Row>, RunError> {
    let matrix: Matrix =
        toml::from_str(TEXT).map_err(|error| RunError::internal("cannot read the coverage matrix", error))?;
    Ok(matrix.rows)
}

/// Whether this is a number of the catalogue: `R01` to `R62`.
pub fn is_number(text: &str) -> bool {
    let Some(digits) = text.strip_prefix('R') else { return false };
    let is_written_out = digits.len() == 2 && digits.bytes().all(|byte| byte.is_ascii_digit());
    is_written_out && digits.parse::<u8>().is_ok_and(|number| (1..=LAST_NUMBER).contains(&number))
}

/// The catalogue numbers that a rule goes by.
pub fn numbers(rule: &Rule) -> impl Iterator<Item = &str> {
    rule.head.aliases.iter().map(String::as_str).filter(|alias| is_number(alias))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_two_digits_and_end_at_62() {
        for number in ["R01", "R40", "R62"] {
            assert!(is_number(number), "{number}");
        }
        for other in ["R00", "R63", "R1", "R001", "r01", "R+1", "01", ""] {
            assert!(!is_number(other), "{other}");
        }
    }

    #[test]
    fn rows_of_one_topic_stand_together() {
        let rows = rows().unwrap();
        let mut topics: Vec<&str> = rows.iter().map(|row| row.topic.as_str()).collect();
        topics.dedup();
        let runs = topics.len();
        topics.sort_unstable();
        topics.dedup();

        assert_eq!(topics.len(), runs);
    }
}
