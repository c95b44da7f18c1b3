//! Addresses and ranges of them in a form that compares as text.

use std::net::IpAddr;

/// The key of an address: its 16 bytes as 32 lower-case hex digits, IPv4 mapped into IPv6, so that
/// the order of keys is the order of addresses. `None` for what is no address.
pub fn key(address: &str) -> Option<String> {
    address.trim().parse::<IpAddr>().ok().map(|address| hex(number(address)))
}

/// A range of addresses, both ends included.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
pub struct Range {
    /// [`key`] of the first address.
    pub first: String,
    /// [`key`] of the last address.
    pub last: String,
}

impl Range {
    /// Reads `203.0.113.0/24`, `2001:db8::/32`, or a single address. Bits after the prefix do not
    /// matter. `None` for anything else.
    pub fn parse(text: &str) -> Option<Self> {
        const MAPPED_PREFIX_BITS: u32 = 96;
        let (address, prefix) = match text.trim().split_once('/') {
            Some((address, bits)) => (address.parse::<IpAddr>().ok()?, Some(bits.parse::<u32>().ok()?)),
            None => (text.trim().parse::<IpAddr>().ok()?, None),
        };
        let (all, offset) = if address.is_ipv4() { (32, MAPPED_PREFIX_BITS) } else { (u128::BITS, 0) };
        let bits = prefix.unwrap_or(all);
        if bits > all {
            return None;
        }
        let host = u128::MAX.checked_shr(bits + offset).unwrap_or(0);
        let number = number(address);
        Some(Self { first: hex(number & !host), last: hex(number | host) })
    }
}

fn number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => address.to_ipv6_mapped().to_bits(),
        IpAddr::V6(address) => address.to_bits(),
    }
}

fn hex(number: u128) -> String {
    format!("{number:032x}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn covers(range: &str, address: &str) -> bool {
        let (range, key) = (Range::parse(range).unwrap(), key(address).unwrap());
        range.first <= key && key <= range.last
    }

    #[test]
    fn a_range_covers_its_addresses_and_no_others() {
        assert!(covers("10.139.0.0/16", "10.139.0.0") && covers("10.139.0.0/16", "10.139.255.255"));
        assert!(!covers("10.139.0.0/16", "10.138.255.255") && !covers("10.139.0.0/16", "10.140.0.0"));
        assert!(covers("203.0.113.77/24", "203.0.113.1"), "bits after the prefix do not matter");
        assert!(covers("2001:db8::/32", "2001:db8:ffff::1") && !covers("2001:db8::/32", "2001:db9::"));
        assert!(covers("203.0.113.9", "203.0.113.9") && !covers("203.0.113.9", "203.0.113.10"));
        assert!(covers("0.0.0.0/0", "255.255.255.255") && !covers("0.0.0.0/0", "2001:db8::1"));
        assert!(covers("::/0", "10.0.0.1"), "everything");
    }

    #[test]
    fn the_two_spellings_of_a_mapped_address_have_one_key() {
        assert_eq!(key("::ffff:10.0.0.1"), key("10.0.0.1"));
        assert_eq!(key("10.0.0.1").unwrap(), "00000000000000000000ffff0a000001");
    }

    #[test]
    fn what_is_no_address_or_range_is_none() {
        for text in ["", "10.0.0", "10.0.0.1:80", "example.com", "10.0.0.0/33", "::/129", "10.0.0.0/-1", "10.0.0.0/"] {
            assert_eq!(Range::parse(text), None, "{text}");
        }
        assert_eq!(key("10.0.0.1:80"), None);
    }
}
