//! Decompresses a gzip stream whole, in about half the time that it takes step by step.

use memchr::memmem;

/// First bytes of a gzip member whose method is the only one that there is (RFC 1952).
const MEMBER: [u8; 3] = [0x1f, 0x8b, 8];

/// Where a member's flags stand.
const FLAGS_AT: usize = 3;

/// The flag of a checksum over the member's header, which is not looked at here.
const HAS_HEADER_CHECKSUM: u8 = 1 << 1;

/// What a gzip stream holds, where it is one sound member of no more than so many decompressed bytes.
/// `None` for every other, whose decoder has to say what is wrong with it.
pub(super) fn gunzip(stored: &[u8], most_bytes: u64) -> Option<Vec<u8>> {
    // A second member begins like the first. A few streams have these bytes by chance.
    let is_single = stored.starts_with(&MEMBER) && memmem::find(stored.get(1..)?, &MEMBER).is_none();
    let is_simple = stored.get(FLAGS_AT)? & HAS_HEADER_CHECKSUM == 0;
    // A member ends with its length: what ends otherwise is followed by something.
    let length = u32::from_le_bytes(*stored.last_chunk()?);
    if !is_single || !is_simple || u64::from(length) > most_bytes {
        return None;
    }
    let length = usize::try_from(length).ok()?;
    let mut bytes = vec![0; length];
    let held = libdeflater::Decompressor::new().gzip_decompress(stored, &mut bytes).ok()?;
    (held == length).then_some(bytes)
}
