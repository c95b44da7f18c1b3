use std::fs;
use std::io::Write;
use std::os::unix::fs::symlink;
use std::path::Path;

use super::{ListOptions, Listing, Location, Object, OpenOptions, Reader, SourceError, list, read_range};
use crate::cancel::Cancel;

/// A folder with these files, the content of each being its own path.
fn folder(files: &[&str]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for file in files {
        let path = folder.path().join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, file).unwrap();
    }
    folder
}

/// What the arguments, relative to the folder, name; the names without the folder.
fn names(folder: &Path, arguments: &[&str]) -> Vec<String> {
    let listing = listing(folder, arguments);
    assert_eq!(listing.failed, []);
    listing.objects.iter().map(|object| relative(folder, &object.name)).collect()
}

fn listing(folder: &Path, arguments: &[&str]) -> Listing {
    list(&absolute(folder, arguments), &ListOptions::default()).unwrap()
}

fn absolute(folder: &Path, arguments: &[&str]) -> Vec<String> {
    arguments.iter().map(|argument| format!("{}/{argument}", folder.display())).collect()
}

fn relative(folder: &Path, name: &str) -> String {
    name.strip_prefix(folder.to_str().unwrap()).unwrap().trim_start_matches('/').to_owned()
}

/// The whole of an object, read in small chunks.
fn content(object: &Object) -> Result<Vec<u8>, SourceError> {
    let (mut reader, mut all, mut chunk) =
        (Reader::open(object, OpenOptions::default(), &Cancel::default())?, Vec::new(), [0; 7]);
    loop {
        match reader.read(&mut chunk)? {
            0 => return Ok(all),
            length => all.extend_from_slice(&chunk[..length]),
        }
    }
}

#[test]
fn a_folder_is_listed_with_everything_below_it_sorted_by_name() {
    let folder = folder(&["b.json", "a/2.json", "a/1.json", "a/deep/er/0.gz", ".hidden"]);

    assert_eq!(names(folder.path(), &[""]), [".hidden", "a/1.json", "a/2.json", "a/deep/er/0.gz", "b.json"]);
}

#[test]
fn an_archive_of_many_folders_is_listed_alike_with_and_without_a_link_in_it() {
    let mut files: Vec<String> = (0..200)
        .map(|hour| format!("resourceId=/S/y=2026/d={:02}/h={:02}/m=00/PT1H.json", hour / 24, hour % 24))
        .collect();
    files.push("resourceId=/S/note.txt".to_owned());
    files.sort();
    let folder = folder(&files.iter().map(String::as_str).collect::<Vec<_>>());

    let without = names(folder.path(), &[""]);
    symlink(folder.path().join("resourceId=/S"), folder.path().join("zz")).unwrap();
    let with = names(folder.path(), &[""]);

    assert_eq!(without, files);
    assert_eq!(with, files);
}

#[test]
fn a_glob_stops_at_folders_but_for_two_stars_and_takes_matched_folders_whole() {
    let folder = folder(&["x.json", "y.csv", "m=01/x.json", "m=01/d=02/x.json", "m=02/x.json", "n/x.json"]);
    let names = |pattern| names(folder.path(), &[pattern]);

    assert_eq!(names("*.json"), ["x.json"]);
    assert_eq!(names("*.{json,csv}"), ["x.json", "y.csv"]);
    assert_eq!(names("*/x.json"), ["m=01/x.json", "m=02/x.json", "n/x.json"]);
    assert_eq!(names("m=0?"), ["m=01/d=02/x.json", "m=01/x.json", "m=02/x.json"]);
    assert_eq!(names("**/x.json"), ["m=01/d=02/x.json", "m=01/x.json", "m=02/x.json", "n/x.json", "x.json"]);
    assert_eq!(names("m=0[2-9]/**"), ["m=02/x.json"]);
}

#[test]
fn a_relative_glob_is_walked_from_the_working_folder() {
    let names: Vec<String> = list(&["Cargo.t[o]ml".to_owned()], &ListOptions::default())
        .unwrap()
        .objects
        .into_iter()
        .map(|object| object.name)
        .collect();

    assert_eq!(names, ["Cargo.toml"]);
}

#[test]
fn a_file_whose_name_looks_like_a_glob_is_taken_as_it_is_written() {
    let folder = folder(&["[1].json", "1.json"]);

    assert_eq!(names(folder.path(), &["[1].json"]), ["[1].json"]);
}

#[test]
fn one_file_is_one_object_whatever_leads_to_it() {
    let folder = folder(&["a/x.json", "a/y.json"]);
    symlink(folder.path().join("a"), folder.path().join("linked")).unwrap();

    assert_eq!(names(folder.path(), &["a/x.json", "", "a", "a/*.json", "linked/x.json"]), ["a/x.json", "a/y.json"]);
}

#[test]
fn a_link_that_makes_a_circle_is_not_followed_and_loses_nothing() {
    let folder = folder(&["a/x.json"]);
    symlink(folder.path(), folder.path().join("a/round")).unwrap();

    assert_eq!(names(folder.path(), &[""]), ["a/x.json"]);
}

#[test]
fn what_is_no_file_is_named_and_the_others_are_listed() {
    let folder = folder(&["good.json"]);
    symlink("nowhere", folder.path().join("broken.json")).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(folder.path().join("socket")).unwrap();

    let listing = listing(folder.path(), &[""]);

    let found: Vec<String> = listing.objects.iter().map(|object| relative(folder.path(), &object.name)).collect();
    assert_eq!(found, ["good.json"]);
    let failed: Vec<String> = listing.failed.iter().map(|(_, reason)| relative(folder.path(), reason)).collect();
    assert_eq!(
        failed,
        [
            "broken.json: is a symbolic link that leads nowhere",
            "socket: is a pipe, a socket or a device, and was passed over"
        ]
    );
}

#[test]
fn what_does_not_exist_ends_the_listing_with_its_name() {
    let folder = folder(&["a.json"]);
    let message =
        |argument| list(&absolute(folder.path(), &[argument]), &ListOptions::default()).unwrap_err().to_string();

    assert!(message("b.json").ends_with("/b.json does not exist"));
    assert!(message("*.csv").ends_with("/*.csv: matches nothing"));
    assert!(message("no/*.csv").ends_with("/no/*.csv: matches nothing"));
    assert!(message("a[.json").contains("is no valid glob"), "{}", message("a[.json"));
}

#[test]
fn standard_input_is_listed_once_and_in_its_place() {
    let arguments = ["-", "Cargo.toml", "-", "/dev/null"].map(str::to_owned);

    let listing = list(&arguments, &ListOptions::default()).unwrap();

    let names: Vec<&str> = listing.objects.iter().map(|object| object.name.as_str()).collect();
    assert_eq!(names, ["-", "/dev/null", "Cargo.toml"]);
    assert_eq!(listing.objects[0].location, Location::Stdin);
}

#[test]
fn an_object_is_decompressed_by_its_bytes_whatever_its_name_says() {
    let folder = folder(&["plain.gz"]);
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(b"gzip").unwrap();
    fs::write(folder.path().join("packed.json"), encoder.finish().unwrap()).unwrap();
    fs::write(folder.path().join("zpacked.json"), zstd::encode_all(b"zstd".as_slice(), 1).unwrap()).unwrap();

    let contents: Vec<Vec<u8>> =
        listing(folder.path(), &[""]).objects.iter().map(|object| content(object).unwrap()).collect();

    assert_eq!(contents, [b"gzip".to_vec(), b"plain.gz".to_vec(), b"zstd".to_vec()]);
}

#[test]
fn stored_bytes_are_counted_up_to_the_size_of_the_object() {
    let folder = folder(&["a.json"]);
    let packed = zstd::encode_all(vec![b'x'; 100_000].as_slice(), 1).unwrap();
    fs::write(folder.path().join("a.json"), &packed).unwrap();
    let object = listing(folder.path(), &[""]).objects.remove(0);
    assert_eq!(object.size, packed.len() as u64);

    let (mut reader, mut chunk) =
        (Reader::open(&object, OpenOptions::default(), &Cancel::default()).unwrap(), vec![0; 1000]);
    while reader.read(&mut chunk).unwrap() > 0 {}

    assert_eq!(reader.stored_bytes_read(), object.size);
}

#[test]
fn an_object_that_vanished_is_named() {
    let folder = folder(&["a.json"]);
    let object = listing(folder.path(), &[""]).objects.remove(0);
    fs::remove_file(folder.path().join("a.json")).unwrap();

    let error = content(&object).unwrap_err().to_string();

    assert!(error.ends_with("/a.json: no such file or directory"), "{error}");
}

#[test]
fn a_range_of_a_file_ends_where_the_file_does() {
    let folder = folder(&["a.json"]);
    fs::write(folder.path().join("a.json"), "0123456789").unwrap();
    let listing = listing(folder.path(), &["a.json"]);
    let range = |offset, length| read_range(&listing.objects[0], offset, length, &Cancel::default()).unwrap();

    assert_eq!(range(2, 3), b"234");
    assert_eq!(range(8, 30), b"89");
    assert_eq!(range(10, 1), b"");
}

#[test]
fn what_is_opened_in_the_middle_is_not_looked_at_for_compression() {
    for bytes in [b"\x1f\x8b\x08\x00\x00", b"PK\x03\x04\x14"] {
        let folder = folder(&["a.json"]);
        fs::write(folder.path().join("a.json"), [b"0123", bytes.as_slice()].concat()).unwrap();
        let listing = listing(folder.path(), &["a.json"]);
        let in_the_middle = Object { start: 4, ..listing.objects[0].clone() };
        let (mut reader, mut chunk) =
            (Reader::open(&in_the_middle, OpenOptions::default(), &Cancel::default()).unwrap(), [0; 20]);

        assert_eq!(reader.read(&mut chunk).unwrap(), 5);
        assert_eq!(&chunk[..5], bytes);
        assert_eq!(reader.stored_bytes_read(), 5);
        assert_eq!(reader.read(&mut chunk).unwrap(), 0);
    }
}

#[cfg(not(feature = "azure"))]
#[test]
fn a_build_without_azure_says_how_to_get_it_and_shows_no_secret() {
    for argument in ["az://acme/logs", "HTTPS://acme.blob.core.windows.net/logs?sig=c2VjcmV0"] {
        let message = list(&[argument.to_owned()], &ListOptions::default()).unwrap_err().to_string();

        assert!(message.contains("--all-features") && !message.contains("c2Vj"), "{message}");
    }
}
