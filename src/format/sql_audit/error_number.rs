//! The error number in a SQL audit event's additional information.

/// Errors that refuse a login or a permission, ascending.
/// <https://learn.microsoft.com/sql/relational-databases/errors-events/database-engine-events-and-errors>,
/// read 2026-11.
const REFUSALS: [&str; 12] =
    ["229", "230", "262", "297", "300", "916", "4060", "18452", "18456", "18470", "18486", "40615"];

/// What stands before the number: in failed logins an element, in failed batches a message
/// (`Err 229, Level 14, …`). Practitioners' knowledge, not seen in a record.
const MARKERS: [&str; 2] = ["<error_code>", "Err "];

/// The first error number in the XML of `additional_information`.
pub(super) fn find(additional: &str) -> Option<&str> {
    MARKERS.iter().find_map(|marker| {
        let (_, rest) = additional.split_once(marker)?;
        let digits = rest.split(|letter: char| !letter.is_ascii_digit()).next()?;
        Some(digits).filter(|digits| !digits.is_empty())
    })
}

/// Whether an error means that the principal was not allowed.
pub(super) fn is_refusal(number: &str) -> bool {
    REFUSALS.contains(&number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_is_found_in_failed_logins_and_batches() {
        let login =
            "<login_information><error_code>18456</error_code><error_state>38</error_state></login_information>";
        let batch =
            "<batch_information><failure_reason>Err 208, Level 16, Server s</failure_reason></batch_information>";

        assert_eq!(find(login), Some("18456"));
        assert_eq!(find(batch), Some("208"));
        assert_eq!(find("<error_code></error_code>"), None);
        assert_eq!(find(""), None);
    }

    #[test]
    fn only_refusals_are_refusals() {
        assert!(is_refusal("18456"));
        assert!(is_refusal("229"));
        assert!(!is_refusal("208"));
    }
}
