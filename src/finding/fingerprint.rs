//! The name of a finding that stays the same from run to run.

/// First byte of what is hashed; changes when the rest of it changes its form.
const VERSION: u8 = 1;

/// Bytes of the hash that are kept.
const BYTES: usize = 16;

/// Appends the values of the `group_by` columns so that different values give different bytes:
/// `null` is not the empty text, and no value runs into the next.
pub fn encode<'v>(values: impl IntoIterator<Item = Option<&'v str>>, out: &mut Vec<u8>) {
    for value in values {
        match value {
            None => out.push(0),
            Some(value) => {
                out.push(1);
                // No column value is 2^64 bytes long, and this is no count that anyone reads.
                out.extend_from_slice(&u64::try_from(value.len()).unwrap_or(u64::MAX).to_le_bytes());
                out.extend_from_slice(value.as_bytes());
            }
        }
    }
}

/// The fingerprint over a rule's id and its encoded `group_by` values: 32 hex digits.
pub fn of(rule_id: &str, encoded: &[u8]) -> String {
    let mut head = vec![VERSION];
    encode([Some(rule_id)], &mut head);
    let mut hasher = blake3::Hasher::new();
    hasher.update(&head).update(encoded);
    hasher.finalize().to_hex().chars().take(BYTES * 2).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fingerprint(rule: &str, values: &[Option<&str>]) -> String {
        let mut encoded = Vec::new();
        encode(values.iter().copied(), &mut encoded);
        of(rule, &encoded)
    }

    #[test]
    fn equal_groups_have_equal_fingerprints_of_32_hex_digits() {
        let fingerprint = fingerprint("a-rule", &[Some("x"), None]);

        assert_eq!(fingerprint, self::fingerprint("a-rule", &[Some("x"), None]));
        assert!(fingerprint.len() == 32 && fingerprint.bytes().all(|byte| byte.is_ascii_hexdigit()), "{fingerprint}");
    }

    #[test]
    fn the_bytes_are_marked_and_counted() {
        let mut encoded = Vec::new();

        encode([Some("ab"), None, Some("")], &mut encoded);

        assert_eq!(encoded, [1, 2, 0, 0, 0, 0, 0, 0, 0, b'a', b'b', 0, 1, 0, 0, 0, 0, 0, 0, 0, 0]);
    }

    #[test]
    fn different_groups_and_rules_differ() {
        let all = [
            fingerprint("a-rule", &[Some("x"), Some("y")]),
            fingerprint("b-rule", &[Some("x"), Some("y")]),
            fingerprint("a-rule", &[Some("xy"), Some("")]),
            fingerprint("a-rule", &[Some("xy"), None]),
            fingerprint("a-rule", &[Some("xy")]),
        ];

        let distinct: std::collections::BTreeSet<_> = all.iter().collect();

        assert_eq!(distinct.len(), all.len());
    }
}
