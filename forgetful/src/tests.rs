//! The disk as a program sees it, mounted. Where nothing can be mounted that is said, and only the models are tested.

use std::fs::{self, File};
use std::io::{Read, Write};

use super::*;

/// Names and lengths of what is in the folder, sorted.
fn listing(folder: &Path) -> Vec<(String, u64)> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(path) = folders.pop() {
        for entry in fs::read_dir(path).unwrap() {
            let entry = entry.unwrap();
            let data = entry.metadata().unwrap();
            if data.is_dir() {
                folders.push(entry.path());
            } else {
                let name = entry.path().strip_prefix(folder).unwrap().display().to_string();
                found.push((name, data.len()));
            }
        }
    }
    found.sort();
    found
}

/// Does something on a fresh disk, lets the power go and tells what is there, for each of so many seeds.
fn after(honesty: Honesty, seeds: u64, work: impl Fn(&Path)) -> Option<Vec<Vec<(String, u64)>>> {
    if let Err(why) = usable() {
        println!("NOT CHECKED: {why}");
        return None;
    }
    let left = (0..seeds).map(|seed| {
        let temporary = tempfile::tempdir().unwrap();
        let (folder, at) = (temporary.path().join("folder"), temporary.path().join("at"));
        fs::create_dir_all(folder.join("old")).unwrap();
        fs::create_dir(&at).unwrap();
        fs::write(folder.join("old/kept"), "before").unwrap();
        let disk = Disk::mount(&folder, &at, seed, honesty).unwrap();
        work(&at);
        disk.finish().unwrap();
        listing(&folder)
    });
    Some(left.collect())
}

fn whole(name: &str, length: u64) -> (String, u64) {
    (name.to_owned(), length)
}

/// A careful program: file, then folder.
fn publish(at: &Path) {
    let mut file = File::create(at.join("draft")).unwrap();
    file.write_all(&[7; 5_000]).unwrap();
    file.sync_data().unwrap();
    fs::create_dir(at.join("new")).unwrap();
    fs::hard_link(at.join("draft"), at.join("new/final")).unwrap();
    for folder in ["new", "."] {
        File::open(at.join(folder)).unwrap().sync_all().unwrap();
    }
}

#[test]
fn what_a_careful_program_published_survives_every_cut() {
    let Some(left) = after(Honesty::Honest, 30, publish) else { return };
    let expected = vec![whole("draft", 5_000), whole("new/final", 5_000), whole("old/kept", 6)];
    assert!(left.iter().all(|found| *found == expected), "{left:?}");
}

#[test]
fn a_disk_that_lies_loses_what_a_careful_program_published() {
    let Some(left) = after(Honesty::Lying, 30, publish) else { return };
    let broken = left.iter().filter(|found| !found.contains(&whole("new/final", 5_000))).count();
    assert!(broken > 10, "{broken} of 30");
    assert!(left.iter().all(|found| found.contains(&whole("old/kept", 6))), "what was there before stays");
}

#[test]
fn a_careless_rename_leaves_an_empty_file_or_none() {
    let careless = |at: &Path| {
        fs::write(at.join("draft"), [7; 5_000]).unwrap();
        fs::rename(at.join("draft"), at.join("final")).unwrap();
        File::open(at).unwrap().sync_all().unwrap();
    };
    let Some(left) = after(Honesty::Honest, 40, careless) else { return };
    assert!(left.iter().all(|found| !found.iter().any(|(name, _)| name == "draft")), "the name was synced");
    assert!(left.iter().any(|found| found.contains(&whole("final", 0))), "the bytes were not");
    assert!(left.iter().any(|found| found.contains(&whole("final", 5_000))));
}

#[test]
fn an_unsynced_removal_may_come_back() {
    let remove = |at: &Path| fs::remove_file(at.join("old/kept")).unwrap();
    let Some(left) = after(Honesty::Honest, 40, remove) else { return };
    assert!(left.iter().any(Vec::is_empty) && left.contains(&vec![whole("old/kept", 6)]), "{left:?}");
}

#[test]
fn after_the_cut_nothing_is_done_and_nothing_is_promised() {
    if let Err(why) = usable() {
        return println!("NOT CHECKED: {why}");
    }
    let temporary = tempfile::tempdir().unwrap();
    let (folder, at) = (temporary.path().join("folder"), temporary.path().join("at"));
    fs::create_dir_all(&folder).unwrap();
    fs::create_dir(&at).unwrap();
    let disk = Disk::mount(&folder, &at, 3, Honesty::Honest).unwrap();
    let mut file = File::options().create_new(true).read(true).write(true).open(at.join("a")).unwrap();
    file.write_all(b"one").unwrap();
    file.sync_all().unwrap();
    File::open(&at).unwrap().sync_all().unwrap();
    assert_eq!(disk.steps(), 4);
    disk.cut_after(1);
    file.write_all(b"two").unwrap();
    assert!(!disk.is_cut());
    assert!(file.sync_all().is_err() && disk.is_cut());
    assert!(file.write_all(b"three").is_err() && fs::write(at.join("b"), "").is_err());
    drop(file);
    disk.finish().unwrap();
    let mut bytes = [0; 10];
    let count = File::open(folder.join("a")).unwrap().read(&mut bytes).unwrap();
    assert!(bytes.starts_with(b"one") && count <= 6, "{count} bytes: {bytes:?}");
    // And mounted again it shows that.
    let disk = Disk::mount(&folder, &at, 4, Honesty::Honest).unwrap();
    assert_eq!(listing(&at), listing(&folder));
    drop(disk);
}
