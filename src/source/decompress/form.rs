//! Tells archives and compressions by their first bytes, those that are read and those that are not.

/// First bytes of all forms that have their magic there, sorted by them.
const MAGICS: [(&[u8], Form); 6] = [
    // RFC 1952.
    (b"\x1f\x8b", Form::Gzip),
    // RFC 8878.
    (b"\x28\xb5\x2f\xfd", Form::Zstd),
    // 7zFormat.txt of the LZMA SDK.
    (b"7z\xbc\xaf\x27\x1c", Form::SevenZip),
    // APPNOTE.TXT of PKWARE, 4.3.7; and 4.3.16, of an archive without a file.
    (b"PK\x03\x04", Form::Zip),
    (b"PK\x05\x06", Form::Zip),
    // The .xz file format, 2.1.1.1.
    (b"\xfd7zXZ\x00", Form::Xz),
];

/// Bytes 1 to 3 of a zstd skippable frame, whose byte 0 is 0x50 to 0x5f (RFC 8878).
const ZSTD_SKIPPABLE_MAGIC: [u8; 3] = [0x2a, 0x4d, 0x18];

/// First bytes of a bzip2 stream. A digit from 1 to 9 follows, then one of [`BZIP2_BLOCK_MAGICS`].
const BZIP2_MAGIC: [u8; 3] = *b"BZh";

/// First bytes of a block of bzip2, and of its end where there is no block.
const BZIP2_BLOCK_MAGICS: [[u8; 6]; 2] = [[0x31, 0x41, 0x59, 0x26, 0x53, 0x59], [0x17, 0x72, 0x45, 0x38, 0x50, 0x90]];

/// What stands in the header of a tar archive (POSIX, ustar interchange format).
const TAR_MAGIC: [u8; 5] = *b"ustar";

/// Where it stands there.
const TAR_MAGIC_AT: usize = 257;

/// First bytes of what is read and may hold both a NUL byte and the magic of tar: Avro, and UTF-16.
const NO_TAR: [&[u8]; 3] = [b"Obj\x01", b"\xff\xfe", b"\xfe\xff"];

/// First bytes that tell every form.
pub(super) const HEAD_BYTES: usize = TAR_MAGIC_AT + TAR_MAGIC.len();

/// What bytes are that are neither text nor Avro.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Bzip2,
    Gzip,
    SevenZip,
    Tar,
    Xz,
    Zip,
    Zstd,
}

impl Form {
    /// The form of what begins with these bytes, [`HEAD_BYTES`] of them or all that there are; `None`
    /// where they may be text, Avro, or anything else.
    pub(super) fn of(head: &[u8]) -> Option<Self> {
        if let Some((_, form)) = MAGICS.iter().find(|(magic, _)| head.starts_with(magic)) {
            return Some(*form);
        }
        if is_zstd_skippable(head) {
            return Some(Self::Zstd);
        }
        if is_bzip2(head) {
            return Some(Self::Bzip2);
        }
        is_tar(head).then_some(Self::Tar)
    }

    /// Why an object of this form cannot be read, and what to do about it. `outer` is what it was
    /// compressed with and what is undone already.
    pub(super) fn problem(self, outer: Option<Self>) -> String {
        let name = self.name();
        let within = outer.map(|outer| format!(" within {}", outer.name())).unwrap_or_default();
        match self {
            Self::Gzip | Self::Zstd => format!("is {name}{within}: decompress it once first"),
            Self::Bzip2 | Self::Xz => format!("is compressed with {name}{within}: decompress it first"),
            Self::SevenZip | Self::Tar | Self::Zip => format!("is a {name} archive{within}: unpack it first"),
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Bzip2 => "bzip2",
            Self::Gzip => "gzip",
            Self::SevenZip => "7z",
            Self::Tar => "tar",
            Self::Xz => "xz",
            Self::Zip => "zip",
            Self::Zstd => "zstd",
        }
    }
}

fn is_zstd_skippable(head: &[u8]) -> bool {
    matches!(head.split_first(), Some((0x50..=0x5f, rest)) if rest.starts_with(&ZSTD_SKIPPABLE_MAGIC))
}

/// The first three bytes alone may be those of a CSV file.
fn is_bzip2(head: &[u8]) -> bool {
    let rest = head.strip_prefix(&BZIP2_MAGIC).and_then(<[u8]>::split_first);
    matches!(rest, Some((b'1'..=b'9', rest)) if BZIP2_BLOCK_MAGICS.iter().any(|magic| rest.starts_with(magic)))
}

/// A text may have the magic in its place. Numbers and names of a tar header end with NUL bytes, which
/// no text has.
fn is_tar(head: &[u8]) -> bool {
    let Some((before, rest)) = head.split_at_checked(TAR_MAGIC_AT) else { return false };
    rest.starts_with(&TAR_MAGIC) && before.contains(&0) && !NO_TAR.iter().any(|start| before.starts_with(start))
}
