//! Finds recorded objects among those that are there: under their names, or in a folder that they
//! were moved to.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::source::Object;

/// Objects of a folder that vote for where it was: enough that a stray one does not decide.
const VOTERS: usize = 64;

/// Which listed object is which recorded one.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Placed {
    /// By the places of the recorded and the listed.
    pub pairs: Vec<(usize, usize)>,
    /// Recorded, and not there.
    pub missing: Vec<usize>,
    /// There, and not recorded.
    pub new: Vec<usize>,
}

/// Finds each recorded name among the listed objects. `paths` are what the user named to list them.
///
/// What has its name still is taken first. For the rest every path is held to be one folder of the
/// recorded ones, the one under which most of what lies in it was recorded.
pub fn place(recorded: &[&str], listed: &[Object], paths: &[String]) -> Placed {
    let by_name: HashMap<&str, usize> = recorded.iter().enumerate().map(|(at, name)| (*name, at)).collect();
    let mut place_of: BTreeMap<usize, usize> = BTreeMap::new();
    let mut left: BTreeSet<usize> = BTreeSet::new();
    for (at, object) in listed.iter().enumerate() {
        match by_name.get(object.name.as_str()) {
            Some(recorded) => {
                place_of.insert(*recorded, at);
            }
            None => {
                left.insert(at);
            }
        }
    }
    for path in paths {
        let mut inside = Vec::new();
        for at in &left {
            if let Some(rest) = listed.get(*at).and_then(|object| below(path, &object.name)) {
                inside.push((*at, rest));
            }
        }
        let free = |at: &usize| !place_of.contains_key(at);
        let names: Vec<&str> = recorded.iter().enumerate().filter(|(at, _)| free(at)).map(|(_, name)| *name).collect();
        let Some(folder) = former(path, &inside, &names) else { continue };
        for (at, rest) in inside {
            let name = format!("{folder}{rest}");
            if let Some(recorded) = by_name.get(name.as_str()).copied()
                && !place_of.contains_key(&recorded)
            {
                place_of.insert(recorded, at);
                left.remove(&at);
            }
        }
    }
    Placed {
        missing: (0..recorded.len()).filter(|at| !place_of.contains_key(at)).collect(),
        pairs: place_of.into_iter().collect(),
        new: left.into_iter().collect(),
    }
}

/// The part of a name below a path; of a path that is the object itself, its file name.
fn below<'n>(path: &str, name: &'n str) -> Option<&'n str> {
    let path = path.strip_prefix("./").unwrap_or(path).trim_end_matches('/');
    let rest = if path == "." { name } else { name.strip_prefix(path)? };
    match rest {
        "" => name.rsplit('/').next(),
        rest if path == "." => Some(rest),
        rest => rest.strip_prefix('/'),
    }
}

/// The folder, with its slash, under which most of what lies inside was recorded; of several the one
/// of the path's own name (the containers of an archive have the same folders below them), else the
/// shortest.
fn former<'r>(path: &str, inside: &[(usize, &str)], recorded: &[&'r str]) -> Option<&'r str> {
    let step = inside.len().div_ceil(VOTERS).max(1);
    let mut votes: BTreeMap<(usize, &str), usize> = BTreeMap::new();
    for (_, rest) in inside.iter().step_by(step) {
        for name in recorded {
            let folder = name.strip_suffix(rest).filter(|folder| folder.is_empty() || folder.ends_with('/'));
            if let Some(folder) = folder {
                *votes.entry((folder.len(), folder)).or_default() += 1;
            }
        }
    }
    let most = votes.values().max().copied()?;
    let own = |path: &str| path.trim_end_matches('/').rsplit('/').next().map(str::to_owned);
    let best = || votes.iter().filter(|(_, count)| **count == most).map(|((_, folder), _)| *folder);
    best().find(|folder| own(folder) == own(path)).or_else(|| best().next())
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;
    use crate::source::Location;

    fn object(name: &str) -> Object {
        let location = Location::Local(PathBuf::from(name));
        Object { name: name.to_owned(), location, size: 0, start: 0, etag: None }
    }

    fn placed(recorded: &[&str], listed: &[&str], paths: &[&str]) -> Placed {
        let listed: Vec<Object> = listed.iter().map(|name| object(name)).collect();
        let paths: Vec<String> = paths.iter().map(|path| (*path).to_owned()).collect();
        place(recorded, &listed, &paths)
    }

    const RECORDED: [&str; 3] = ["exports/h=10/PT1H.json", "exports/h=11/PT1H.json", "exports/users.json"];

    #[test]
    fn what_has_its_name_still_is_found_by_it() {
        let placed = placed(&RECORDED, &["exports/h=11/PT1H.json", "exports/new.json"], &["exports"]);

        assert_eq!(placed, Placed { pairs: vec![(1, 0)], missing: vec![0, 2], new: vec![1] });
    }

    #[test]
    fn a_folder_that_was_moved_stands_for_what_it_was() {
        for (path, prefix) in [("/mnt/e", "/mnt/e/"), ("/mnt/e/", "/mnt/e/"), ("copy", "copy/"), (".", "")] {
            let listed: Vec<String> =
                ["h=10/PT1H.json", "new.json", "users.json"].iter().map(|rest| format!("{prefix}{rest}")).collect();
            let listed: Vec<&str> = listed.iter().map(String::as_str).collect();
            let placed = placed(&RECORDED, &listed, &[path]);

            assert_eq!(placed, Placed { pairs: vec![(0, 0), (2, 2)], missing: vec![1], new: vec![1] }, "{path}");
        }
    }

    #[test]
    fn the_folder_above_the_moved_one_and_one_below_it_will_do_as_well() {
        let above = placed(&RECORDED, &["/m/exports/h=10/PT1H.json", "/m/exports/users.json"], &["/m"]);
        assert_eq!(above, Placed { pairs: vec![(0, 0), (2, 1)], missing: vec![1], new: vec![] });

        // Which hour it was cannot be told: the first is as good as the second, and its hash decides.
        let deeper = placed(&RECORDED, &["/m/h=10/PT1H.json"], &["/m"]);
        assert_eq!(deeper, Placed { pairs: vec![(0, 0)], missing: vec![1, 2], new: vec![] });
    }

    /// Diagnostic settings write the same folders into every container.
    #[test]
    fn containers_that_were_moved_keep_their_names() {
        let recorded =
            ["e/storagedelete/h=10/PT1H.json", "e/storageread/h=10/PT1H.json", "e/storageread/h=11/PT1H.json"];
        let listed =
            ["/m/storagedelete/h=10/PT1H.json", "/m/storageread/h=10/PT1H.json", "/m/storageread/h=11/PT1H.json"];
        let placed = placed(&recorded, &listed, &["/m/storagedelete", "/m/storageread"]);

        assert_eq!(placed, Placed { pairs: vec![(0, 0), (1, 1), (2, 2)], missing: vec![], new: vec![] });
    }

    #[test]
    fn a_single_file_is_found_by_its_file_name() {
        let placed = placed(&RECORDED, &["/evidence/users.json"], &["/evidence/users.json"]);

        assert_eq!(placed, Placed { pairs: vec![(2, 0)], missing: vec![0, 1], new: vec![] });
    }
}
