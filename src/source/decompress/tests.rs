use std::io::{self, Read, Write};

use flate2::Compression;
use flate2::write::GzEncoder;

use super::{Bounds, Decompress, How, at_once};
use crate::digest::{Digest, Hashing};
use crate::limits::Limits;

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    zstd::encode_all(bytes, 1).unwrap()
}

/// Text that compresses to about a third.
fn text() -> Vec<u8> {
    (0..20_000_u32).flat_map(|number| format!("{:x} ", number.wrapping_mul(2_654_435_761)).into_bytes()).collect()
}

fn usual() -> Bounds {
    Bounds::of(&Limits::default())
}

/// Everything that a stream gives, and the error that it ends with.
fn read(stored: &[u8], bounds: Bounds) -> (Vec<u8>, Option<String>) {
    read_in_chunks(stored, bounds, 1000)
}

/// The same, whether or not there is room to decompress it whole.
fn read_in_chunks(stored: &[u8], bounds: Bounds, chunk_bytes: usize) -> (Vec<u8>, Option<String>) {
    let step_by_step = read_with_room(stored, bounds, chunk_bytes, 0);
    for room_bytes in [100, 10_000, 8 << 20] {
        assert!(read_with_room(stored, bounds, chunk_bytes, room_bytes) == step_by_step, "room for {room_bytes} bytes");
    }
    step_by_step
}

fn read_with_room(stored: &[u8], bounds: Bounds, chunk_bytes: usize, room_bytes: usize) -> (Vec<u8>, Option<String>) {
    let mut stream = match Decompress::new(stored, How { bounds, hashing: Hashing::Off, room_bytes }) {
        Ok(stream) => stream,
        Err(error) => return (Vec::new(), Some(error.to_string())),
    };
    // Progress is what is taken between two looks, of which the first comes before the first read.
    assert_eq!(stream.stored_bytes_read(), 0);
    let (mut all, mut chunk) = (Vec::new(), vec![0; chunk_bytes]);
    loop {
        match stream.read(&mut chunk) {
            Ok(0) => {
                assert_eq!(stream.stored_bytes_read(), stored.len() as u64);
                return (all, None);
            }
            Ok(length) => all.extend_from_slice(&chunk[..length]),
            Err(error) => return (all, Some(error.to_string())),
        }
    }
}

#[test]
fn every_member_and_every_frame_is_read() {
    let text = text();
    for encode in [gzip, zstd] {
        let mut stored = encode(&text);
        stored.extend(encode(b"and more"));
        assert_eq!(read(&stored, usual()), ([text.as_slice(), b"and more"].concat(), None));
    }
}

#[test]
fn a_skippable_frame_before_the_first_frame_is_skipped() {
    let mut stored = vec![0x53, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, b'x', b'y', b'z'];
    stored.extend(zstd(b"text"));

    assert_eq!(read(&stored, usual()), (b"text".to_vec(), None));
}

#[test]
fn bytes_that_no_codec_knows_are_given_as_they_are() {
    for stored in [b"".as_slice(), b"{", b"{}\n", &[0x1f], &[0x28, 0xb5, 0x2f], &text()] {
        assert_eq!(read(stored, usual()), (stored.to_vec(), None));
    }
}

#[test]
fn a_stream_that_ends_early_gives_what_it_held_and_says_where_it_ended() {
    let text = text();
    for (encode, name) in [(gzip as fn(&[u8]) -> Vec<u8>, "gzip"), (zstd, "zstd")] {
        let mut stored = encode(&text);
        stored.truncate(stored.len() * 9 / 10);

        let (given, error) = read(&stored, usual());

        assert!(name == "zstd" || given.len() > text.len() / 2, "{name}: {}", given.len());
        assert!(text.starts_with(&given));
        assert_eq!(error.unwrap(), format!("{name} stream ends early after {} bytes", stored.len()));
    }
}

#[test]
fn every_cut_of_a_gzip_stream_is_an_error_and_never_the_end() {
    let stored = gzip(b"a record and another record");
    for length in 2..stored.len() {
        let (_, error) = read(&stored[..length], usual());
        assert!(error.is_some_and(|error| error.contains("ends early")), "{length}");
    }
}

#[test]
fn a_wrong_checksum_and_garbage_behind_a_member_are_errors_after_the_data() {
    let mut damaged = gzip(b"text");
    let crc = damaged.len() - 8;
    damaged[crc] ^= 1;
    let mut followed = gzip(b"text");
    followed.extend(b"garbage that is long enough to be a header");

    for stored in [damaged, followed] {
        let (given, error) = read(&stored, usual());
        assert_eq!(given, b"text");
        assert!(error.as_ref().is_some_and(|error| error.starts_with("gzip stream is damaged")), "{error:?}");
    }
}

#[test]
fn a_stream_out_of_proportion_is_not_read_on() {
    let zeros = vec![0; 4 << 20];
    let bounds = Bounds { bytes: 64 << 20, ratio: 100, ratio_free_bytes: 1 << 20 };
    for encode in [gzip, zstd] {
        let (given, error) = read(&encode(&zeros), bounds);
        assert!(given.len() <= (1 << 20) + 1000, "{}", given.len());
        assert!(error.unwrap().contains("more than 100 times its stored size"));
    }
    // Honest text is far from it, and plain bytes have no limit.
    let bounds = Bounds { bytes: 64 << 20, ratio: 100, ratio_free_bytes: 0 };
    assert_eq!(read(&gzip(&text()), bounds).1, None);
    assert_eq!(read(&zeros, bounds), (zeros, None));
}

#[test]
fn a_stream_over_the_size_limit_is_not_read_on() {
    let bounds = Bounds { bytes: 10_000, ..usual() };
    let (given, error) = read(&gzip(&text()), bounds);
    assert!((10_000..=11_000).contains(&given.len()));
    assert!(error.unwrap().contains("more than 10000 bytes"));
}

#[test]
fn what_lies_before_the_damage_is_given_whatever_is_asked_for_at_once() {
    // Numbers do not compress to nothing: the damage lies in the middle of the text.
    let numbers = (0_u32..60_000).map(|number| number.wrapping_mul(2_654_435_761).to_string());
    let text = numbers.collect::<Vec<_>>().join("\n");
    let mut stored = gzip(text.as_bytes());
    let middle = stored.len() / 2;
    stored[middle..middle + 64].fill(0xff);

    let small = read_in_chunks(&stored, usual(), 37);
    let large = read_in_chunks(&stored, usual(), 1 << 20);

    assert_eq!(small, large);
    assert!(small.1.is_some_and(|error| error.contains("damaged")));
    // Half of the text, less what may be lost.
    let same = small.0.iter().zip(text.as_bytes()).take_while(|(got, expected)| got == expected).count();
    assert!(same > text.len() * 45 / 100, "{same} of {}", text.len());
}

#[test]
fn one_sound_member_that_fits_is_decompressed_whole_and_nothing_else_is() {
    let bytes = b"a record and another record";
    let named = |header: flate2::GzBuilder| {
        let mut encoder = header.write(Vec::new(), Compression::default());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    };
    let header = flate2::GzBuilder::new().filename("PT1H.json").comment("an hour").extra(b"ab\x02\0cd".as_slice());
    for stored in [gzip(bytes), named(header)] {
        assert_eq!(at_once::gunzip(&stored, 27).as_deref(), Some(bytes.as_slice()));
        assert_eq!(at_once::gunzip(&stored, 26), None, "there is room for one byte less");
        assert_eq!(at_once::gunzip(&stored[..stored.len() - 1], 27), None, "its last byte is missing");
        for behind in [stored.as_slice(), b"\0\0\0\0", b"garbage"] {
            assert_eq!(at_once::gunzip(&[&stored, behind].concat(), 27), None, "followed by {behind:?}");
        }
    }
    assert_eq!(at_once::gunzip(&gzip(b""), 0), Some(Vec::new()));
    for stored in [b"".as_slice(), b"\x1f\x8b", b"\x1f\x8b\x08", &zstd(bytes)] {
        assert_eq!(at_once::gunzip(stored, 27), None, "{stored:?}");
    }
}

#[test]
fn a_wrong_checksum_of_a_header_is_seen_with_and_without_room() {
    // Fixed header, flag for its checksum, no time, no hints, unknown system; then a checksum that is none.
    let mut stored = vec![0x1f, 0x8b, 8, 2, 0, 0, 0, 0, 0, 0xff, 0xaa, 0xaa];
    stored.extend_from_slice(&gzip(b"text")[10..]);

    let (given, error) = read(&stored, usual());

    assert!(given.is_empty());
    assert!(error.is_some_and(|error| error.starts_with("gzip stream is damaged")));
}

#[test]
fn a_gzip_stream_with_any_byte_changed_reads_the_same_with_and_without_room() {
    let stored = gzip(br#"{"time":"2026-01-01T00:00:00Z","category":"StorageRead"}"#);
    for at in 0..stored.len() {
        for change in [1, 2, 4, 8, 0x10, 0xff] {
            let mut damaged = stored.clone();
            damaged[at] ^= change;
            // It asserts it.
            read(&damaged, usual());
        }
    }
}

/// The first bytes of a tar archive of one file.
fn tar() -> Vec<u8> {
    let mut archive = vec![0; 1024];
    archive[..9].copy_from_slice(b"PT1H.json");
    archive[257..263].copy_from_slice(b"ustar\0");
    archive
}

/// What is an archive, or compressed in a way that is not undone, with the reason that it fails for;
/// a star stands where that names what it is compressed with besides.
fn foreign() -> Vec<(Vec<u8>, &'static str)> {
    vec![
        (b"PK\x03\x04\x14\0, and so on".to_vec(), "is a zip archive*: unpack it first"),
        ([b"PK\x05\x06".as_slice(), &[0; 18]].concat(), "is a zip archive*: unpack it first"),
        (b"7z\xbc\xaf\x27\x1c\0\x04".to_vec(), "is a 7z archive*: unpack it first"),
        (tar(), "is a tar archive*: unpack it first"),
        (b"\xfd7zXZ\0\0\x04".to_vec(), "is compressed with xz*: decompress it first"),
        (b"BZh91AY&SY\x94".to_vec(), "is compressed with bzip2*: decompress it first"),
        (b"BZh1\x17\x72\x45\x38\x50\x90".to_vec(), "is compressed with bzip2*: decompress it first"),
    ]
}

#[test]
fn an_archive_and_another_compression_give_nothing_but_what_to_do_first() {
    for (stored, reason) in foreign() {
        assert_eq!(read(&stored, usual()), (Vec::new(), Some(reason.replace('*', ""))));
    }
}

#[test]
fn what_is_an_archive_or_compressed_once_more_is_seen_through_gzip_and_zstd() {
    let mut foreign = foreign();
    foreign.push((gzip(b"{}"), "is gzip*: decompress it once first"));
    foreign.push((zstd(b"{}"), "is zstd*: decompress it once first"));
    for (encode, name) in [(gzip as fn(&[u8]) -> Vec<u8>, "gzip"), (zstd, "zstd")] {
        for (held, reason) in &foreign {
            let expected = reason.replace('*', &format!(" within {name}"));
            assert_eq!(read(&encode(held), usual()), (Vec::new(), Some(expected)));
        }
    }
}

/// Gives one byte at a time.
struct Slow<'s>(&'s [u8]);

impl Read for Slow<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = buffer.len().min(1);
        self.0.read(&mut buffer[..most])
    }
}

#[test]
fn first_bytes_that_come_one_at_a_time_tell_the_same() {
    let read = |stored: &[u8], room_bytes| {
        let how = How { bounds: usual(), hashing: Hashing::Off, room_bytes };
        let mut all = Vec::new();
        let read = Decompress::new(Slow(stored), how).unwrap().read_to_end(&mut all);
        (all, read.err().map(|error| error.to_string()))
    };
    for room_bytes in [0, 8 << 20] {
        for (stored, reason) in foreign() {
            assert_eq!(read(&stored, room_bytes), (Vec::new(), Some(reason.replace('*', ""))));
            let within = reason.replace('*', " within gzip");
            assert_eq!(read(&gzip(&stored), room_bytes), (Vec::new(), Some(within)));
        }
        let text = text();
        for stored in [text.clone(), gzip(&text), zstd(&text)] {
            assert!(read(&stored, room_bytes) == (text.clone(), None), "room for {room_bytes} bytes");
        }
    }
}

#[test]
fn what_merely_holds_the_marks_of_archives_is_given_as_it_is() {
    let with_ustar = |start: &[u8], fill: u8| {
        let mut bytes = start.to_vec();
        bytes.resize(257, fill);
        bytes.extend_from_slice(b"ustar\"}\n");
        bytes
    };
    let json = with_ustar(br#"{"text":"PK\u0003\u0004 BZh91AY&SY 7zXZ "#, b' ');
    let (avro, little, big) = (with_ustar(b"Obj\x01", 0), with_ustar(b"\xff\xfe{\0", 0), with_ustar(b"\xfe\xff\0{", 0));
    let mut cut = tar();
    cut.truncate(261);
    let csv = b"PK,BZh9,7z,ustar\n1,2,3,4\n".to_vec();
    let begun = [b"PK\x03".as_slice(), b"BZh91AY&S", b"BZh01AY&SY", b"\xfd7zXZ", b"7z\xbc\xaf\x27", b"BZh"];
    for bytes in [json, avro, little, big, cut, csv].into_iter().chain(begun.map(<[u8]>::to_vec)) {
        for stored in [bytes.clone(), gzip(&bytes), zstd(&bytes)] {
            assert_eq!(read(&stored, usual()), (bytes.clone(), None));
        }
    }
}

#[test]
fn what_is_not_read_is_hashed_whole_all_the_same() {
    let zip = [b"PK\x03\x04".as_slice(), &text()].concat();
    for stored in [gzip(&zip), zstd(&zip), zip] {
        for room_bytes in [0, 8 << 20] {
            let how = How { bounds: usual(), hashing: Hashing::On, room_bytes };
            let mut stream = Decompress::new(stored.as_slice(), how).unwrap();

            assert!(stream.read_to_end(&mut Vec::new()).is_err());

            assert_eq!(stream.seal(), Some((Digest::of(&stored), true)));
        }
    }
}
