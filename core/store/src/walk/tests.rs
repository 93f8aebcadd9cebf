use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::Path;

use proptest::prelude::*;

use super::*;

/// Makes the files, and the folders that they need. A path whose parent is a file already is left out.
fn library<'a>(files: impl IntoIterator<Item = &'a str>) -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    for file in files {
        let path = root.path().join(file);
        if fs::create_dir_all(path.parent().unwrap()).is_ok() && !path.is_dir() {
            fs::write(path, file).unwrap();
        }
    }
    root
}

fn walk(root: &Path) -> Walk {
    Arc::new(LibraryFolder::open(root).unwrap()).walk()
}

/// What a walk gives: paths, and errors as "kind: what they hide".
fn told(walk: Walk) -> Vec<String> {
    walk.map(|item| match item {
        Ok(entry) => entry.path.to_string(),
        Err(e) => match e.unseen {
            None => format!("{:?}", e.kind),
            Some(Unseen::Rest) => format!("{:?}: rest", e.kind),
            Some(Unseen::Path(path)) => format!("{:?}: {path}", e.kind),
        },
    })
    .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn a_walk_gives_every_file_once_in_the_byte_order_of_whole_paths(
        files in proptest::collection::vec("[-+a0é~]{1,3}(/[-+a0é~]{1,3}){0,3}", 0..24)
    ) {
        let root = library(files.iter().map(String::as_str));
        let expected: BTreeSet<String> =
            files.iter().filter(|file| root.path().join(file).is_file()).cloned().collect();
        let found = told(walk(root.path()));
        prop_assert_eq!(found, expected.into_iter().collect::<Vec<_>>());
    }
}

#[test]
fn the_slash_behind_a_folder_counts_in_the_order() {
    let root = library(["a/x", "a-b", "a.b", "a/", "a0", "ab/x", "a b/x"]);
    assert_eq!(told(walk(root.path())), ["a b/x", "a-b", "a.b", "a/x", "a0", "ab/x"]);
}

#[test]
fn an_entry_has_the_stamp_that_opening_the_file_gives() {
    let root = library(["a/x"]);
    symlink("a/x", root.path().join("link")).unwrap();
    let folder = Arc::new(LibraryFolder::open(root.path()).unwrap());
    let meta = fs::metadata(root.path().join("a/x")).unwrap();
    let entries: Vec<Entry> = folder.walk().collect::<Result<_, _>>().unwrap();
    assert_eq!(entries.len(), 2);
    for entry in entries {
        assert_eq!(entry.stamp, folder.open_source(&entry.path).unwrap().stamp(), "{}", entry.path);
        assert_eq!((entry.stamp.length, entry.stamp.inode), (meta.len(), meta.ino()));
        assert_eq!(entry.stamp.modified_ns, meta.mtime() * 1_000_000_000 + meta.mtime_nsec());
    }
}

#[test]
fn a_walk_of_a_part_tells_the_names_above_it_and_walks_none_of_them() {
    let root = library(["a/b/x", "a/b/y", "a/c/z", "a/pic", "top"]);
    for (part, expected) in [
        (Part::all(), [("a/b/x", "b c pic"), ("a/b/y", "b c pic"), ("a/c/z", "b c pic")].as_slice()),
        (
            Part::beneath(RelPath::parse("a").unwrap()),
            &[("a/b/x", "b c pic"), ("a/b/y", "b c pic"), ("a/c/z", "b c pic")],
        ),
        (Part::files_of(RelPath::parse("a/b").ok()), &[("a/b/x", "b c pic"), ("a/b/y", "b c pic")]),
    ] {
        let mut found = Vec::new();
        let mut walk = walk(root.path()).only(part.clone());
        while let Some(entry) = walk.next() {
            let entry = entry.unwrap();
            let names: Vec<&str> = walk.names_above().unwrap().collect();
            if entry.path.parent().is_some_and(|folder| folder.as_str() != "a") {
                found.push((entry.path.to_string(), names.join(" ")));
            }
        }
        let expected: Vec<_> =
            expected.iter().map(|(path, names)| ((*path).to_owned(), (*names).to_owned())).collect();
        assert_eq!(found, expected, "{part:?}");
    }
    let mut walk = walk(root.path()).only(Part::files_of(None));
    walk.next().unwrap().unwrap();
    assert_eq!(walk.names_above().unwrap().count(), 0, "nothing is above the library");
}

#[test]
fn hidden_names_and_what_is_no_file_are_left_out() {
    let root = library(["a/x", ".hidden", ".folder/x", "a/.x", "empty/.x"]);
    let _socket = std::os::unix::net::UnixListener::bind(root.path().join("socket")).unwrap();
    rustix::fs::mknodat(rustix::fs::CWD, root.path().join("pipe"), FileType::Fifo, Mode::RUSR, 0).unwrap();
    assert_eq!(told(walk(root.path())), ["a/x"]);
}

#[test]
fn links_within_the_library_are_followed_in_their_place_in_the_order() {
    let root = library(["real/x", "m"]);
    symlink("real", root.path().join("linked")).unwrap();
    symlink("linked", root.path().join("linked-again")).unwrap();
    symlink("../m", root.path().join("real/up")).unwrap();
    assert_eq!(
        told(walk(root.path())),
        ["linked-again/up", "linked-again/x", "linked/up", "linked/x", "m", "real/up", "real/x"]
    );
}

#[test]
fn p07_links_out_of_the_library_are_errors_and_show_nothing() {
    let outside = library(["secret/x"]);
    let root = library(["a"]);
    symlink(outside.path().join("secret"), root.path().join("folder")).unwrap();
    symlink(outside.path().join("secret/x"), root.path().join("file")).unwrap();
    symlink("..", root.path().join("up")).unwrap();
    symlink("nowhere", root.path().join("z")).unwrap();
    assert_eq!(told(walk(root.path())), ["a", "Escapes", "Escapes", "Escapes", "NotFound"]);
}

#[test]
fn loops_of_links_end() {
    let root = library(["a/b/x"]);
    symlink(".", root.path().join("a/here")).unwrap();
    symlink("../..", root.path().join("a/b/root")).unwrap();
    symlink("self", root.path().join("self")).unwrap();
    // a/b/root, a/b/x, a/here, self
    assert_eq!(told(walk(root.path())), ["NotFound", "a/b/x", "NotFound", "NotFound"]);
}

#[test]
fn folders_that_link_to_each_other_twice_do_not_multiply_without_end() {
    let root = tempfile::tempdir().unwrap();
    // Each of 40 folders holds two links to the next: 2^40 paths, if nobody counted.
    for number in 0..40 {
        fs::create_dir(root.path().join(format!("d{number}"))).unwrap();
        for name in ["l", "r"] {
            symlink(format!("../d{}", number + 1), root.path().join(format!("d{number}/{name}"))).unwrap();
        }
    }
    fs::create_dir(root.path().join("d40")).unwrap();
    let mut walk = walk(root.path());
    walk.bounds.links = 3;
    let full = told(walk).iter().filter(|line| line.starts_with("Full")).count();
    // From each of the folders 0 to 36 eight ways of three links each, and behind each of them two links too many.
    assert_eq!(full, 37 * 16);
}

#[test]
fn a_name_that_is_not_utf_8_is_told_and_the_walk_goes_on() {
    let root = library(["a/m", "z"]);
    fs::write(root.path().join("a").join(OsStr::from_bytes(b"b\xff")), "x").unwrap();
    fs::write(root.path().join("a").join(OsStr::from_bytes(b"c\xff")), "x").unwrap();
    let items: Vec<_> = walk(root.path()).collect();
    let error = items[0].as_ref().unwrap_err();
    assert_eq!(
        error.to_string().split(", the first").next(),
        Some("a: 2 names are not UTF-8 and are left out")
    );
    assert_eq!(told(walk(root.path())), ["NotFound", "a/m", "z"]);
}

#[test]
fn a_folder_beyond_a_bound_is_left_out_whole_and_says_what_it_hides() {
    let root = library(["a", "many/1", "many/2", "many/3", "many/sub/x", "x/y/z/deep", "x/y/file", "z"]);
    let mut bounded = walk(root.path());
    bounded.bounds = Bounds { depth: 2, folder_entries: 4, links: 0, names_bytes: KIB * 64 };
    assert_eq!(
        told(bounded),
        ["a", "many/1", "many/2", "many/3", "many/sub/x", "x/y/file", "Full: x/y/z", "z"]
    );

    fs::write(root.path().join("many/4"), "").unwrap();
    let mut bounded = walk(root.path());
    bounded.bounds = Bounds { depth: 9, folder_entries: 4, links: 0, names_bytes: KIB * 64 };
    assert_eq!(told(bounded), ["a", "Full: many", "x/y/file", "x/y/z/deep", "z"]);
}

#[test]
fn a_root_beyond_a_bound_hides_everything() {
    let root = library(["a", "b", "c"]);
    let mut walk = walk(root.path());
    walk.bounds.folder_entries = 2;
    assert_eq!(told(walk), ["Full: rest"]);
}

#[test]
fn a_file_that_vanishes_between_listing_and_looking_is_nothing() {
    let root = library(["a", "b", "c/d"]);
    let mut walk = walk(root.path());
    assert_eq!(walk.next().unwrap().unwrap().path.as_str(), "a");
    fs::remove_file(root.path().join("b")).unwrap();
    assert_eq!(told(walk), ["c/d"]);
}

#[test]
fn a_walk_knows_what_lies_beside_the_last_entry() {
    let root = library(["a/cover.jpg", "a/song", "b/x"]);
    let mut walk = walk(root.path());
    let mut beside = Vec::new();
    while let Some(entry) = walk.next() {
        beside.push((entry.unwrap().path.to_string(), walk.names_beside().collect::<Vec<_>>().join(" ")));
    }
    let expected = [("a/cover.jpg", "cover.jpg song"), ("a/song", "cover.jpg song"), ("b/x", "x")];
    assert_eq!(beside, expected.map(|(path, names)| (path.to_owned(), names.to_owned())));
}

#[test]
fn p06_the_names_of_all_levels_together_are_bounded_in_bytes() {
    let name = |at: usize| format!("{at:0200}");
    let here = (0..100).map(|at| format!("m{}", name(at)));
    let below = (0..100).map(|at| format!("n/{}", name(at)));
    let small = ["o/file".to_owned()];
    let files: Vec<String> = here.chain(below).chain(small).collect();
    let root = library(files.iter().map(String::as_str));
    // Each of the two folders takes about 21 KiB.
    for (names_bytes, whole, left_out) in
        [(64 * KIB, 201, vec![]), (32 * KIB, 101, vec!["Full: n"]), (8 * KIB, 0, vec!["Full: rest"])]
    {
        let walk = walk(root.path()).with_names_bytes(names_bytes);
        let (full, found): (Vec<_>, Vec<_>) =
            told(walk).into_iter().partition(|line| line.starts_with("Full"));
        assert_eq!((found.len(), full), (whole, left_out.into_iter().map(str::to_owned).collect()));
    }
}

#[test]
fn names_take_no_more_than_is_counted() {
    let mut names = Names::default();
    for at in 0..20_000 {
        names.push(&format!("{at:040}"), Is::File);
        let used = names.text.len() + names.index.len() * size_of::<Name>();
        assert!(names.bytes() <= (used + used / 8 + 2 * NAMES_STEP + 8) as u64, "after {at} names");
    }
    names.finish();
    assert_eq!(names.bytes(), 20_000 * 48);
}

fn path(text: &str) -> RelPath {
    RelPath::parse(text).unwrap()
}

#[test]
fn a_part_is_walked_as_a_walk_from_the_top_walks_it() {
    let files = ["a", "b/1", "b/c/2", "b/c/d/3", "b!/4", "e/f/5"];
    let root = library(files);
    symlink("b", root.path().join("linked")).unwrap();
    symlink("../e", root.path().join("b/up")).unwrap();
    let all = told(walk(root.path()));
    let mut parts = vec![Part::all(), Part::files_of(None)];
    for folder in
        ["b", "b/c", "b/c/d", "b!", "linked", "linked/c", "linked/up/f", "b/up", "e", "a", "gone", "gone/x"]
    {
        parts.extend([Part::beneath(path(folder)), Part::files_of(Some(path(folder)))]);
    }
    for part in parts {
        let expected: Vec<&String> = all.iter().filter(|file| part.has(&path(file))).collect();
        let found = told(walk(root.path()).only(part.clone()));
        assert_eq!(found.iter().collect::<Vec<_>>(), expected, "{part:?}");
    }
}

#[test]
fn p07_a_part_behind_a_link_out_of_the_library_or_a_hidden_name_has_nothing() {
    let outside = library(["secret/x"]);
    let root = library([".hidden/a/x", "a/.hidden/x", "loop/x"]);
    symlink(outside.path().join("secret"), root.path().join("out")).unwrap();
    symlink(".", root.path().join("loop/here")).unwrap();
    for folder in [".hidden", ".hidden/a", "a/.hidden", "out"] {
        assert_eq!(told(walk(root.path()).only(Part::beneath(path(folder)))), [""; 0], "{folder}");
    }
    assert_eq!(told(walk(root.path()).only(Part::beneath(path("loop/here")))), ["NotFound"]);
}

#[test]
fn a_part_beyond_a_bound_says_what_it_hides() {
    let root = library(["x/y/z/deep", "x/y/file", "many/1", "many/2", "many/3"]);
    let bounded = |folder| {
        let mut walk = walk(root.path()).only(Part::beneath(path(folder)));
        walk.bounds = Bounds { depth: 2, folder_entries: 2, links: 0, names_bytes: KIB * 64 };
        told(walk)
    };
    assert_eq!(bounded("x/y"), ["x/y/file", "Full: x/y/z"]);
    assert_eq!(bounded("x/y/z"), ["Full: x/y/z"]);
    assert_eq!(bounded("many"), ["Full: many"]);
}
