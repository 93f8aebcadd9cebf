//! That what is told of an upload is on disk, also when the last process was killed or a sync failed.

use std::os::fd::AsRawFd as _;
use std::os::unix::fs::symlink;
use std::time::Duration;

use super::*;

/// Both slots, as they are.
fn slots(house: &House, id: SpoolId) -> Vec<u8> {
    let state = house.state(id);
    let mut slots = vec![0; state.metadata().unwrap().len() as usize];
    state.read_exact_at(&mut slots, 0).unwrap();
    slots
}

#[test]
fn p01_a_checkpoint_that_was_found_is_written_again_before_it_is_told() {
    let house = house();
    let id = house.acked(&bytes(5_000), 2_000);
    // Nobody can see whether it is on disk, but that it was written after this is to be seen.
    let long_ago = UNIX_EPOCH + Duration::from_secs(1_000);
    house.state(id).set_modified(long_ago).unwrap();
    let before = slots(&house, id);
    assert_eq!(house.spool.reopen(id).unwrap().acked(), 5_000);
    let written = fs::metadata(house.spool.state_path(id)).unwrap().modified().unwrap();
    assert!(written > long_ago, "the slot was not written again");
    // In its own place: if it was only in memory, the other slot is the only one on disk, and must not be torn.
    assert!(slots(&house, id) == before);
    goes_on(&house, id, &bytes(6_000), "written again");
}

#[test]
fn p01_a_checkpoint_that_cannot_be_synced_is_not_told() {
    let house = house();
    let id = house.acked(&bytes(5_000), 2_000);
    // A checkpoint in memory that can be read and not be written.
    let state = slots(&house, id);
    let memory = rustix::fs::memfd_create("state", rustix::fs::MemfdFlags::ALLOW_SEALING).unwrap();
    let memory = File::from(memory);
    memory.write_all_at(&state, 0).unwrap();
    rustix::fs::fcntl_add_seals(&memory, rustix::fs::SealFlags::WRITE).unwrap();
    fs::remove_file(house.spool.state_path(id)).unwrap();
    symlink(format!("/proc/self/fd/{}", memory.as_raw_fd()), house.spool.state_path(id)).unwrap();
    assert_eq!(house.spool.reopen(id).unwrap_err().kind, ErrorKind::Broken);
}

#[test]
fn p01_the_name_of_a_file_that_is_made_again_is_synced_before_bytes_come() {
    let house = house();
    let id = house.begun().id();
    fs::remove_file(house.spool.data_path(id)).unwrap();
    let before = FOLDERS_SYNCED.get();
    drop(house.spool.reopen(id).unwrap());
    assert_eq!(FOLDERS_SYNCED.get(), before + 1);
    drop(house.spool.reopen(id).unwrap());
    assert_eq!(FOLDERS_SYNCED.get(), before + 1, "it is there");
}

#[test]
fn a_leftover_is_as_old_as_the_newest_file_of_it() {
    let house = house();
    let suffixes = SUFFIXES.iter().copied().chain([""]);
    for suffix in suffixes {
        let id = SpoolId::random().unwrap();
        let path = house.spool.folder().join(format!("{id}{suffix}"));
        fs::write(&path, "").unwrap();
        let written = fs::metadata(&path).unwrap().modified().unwrap();
        assert_eq!(house.spool.list(None, 9).unwrap(), [(id, written)], "{suffix}");
        house.spool.remove(id).unwrap();
    }
}

#[test]
fn what_failed_to_be_written_and_what_failed_to_be_synced_are_told_apart() {
    let house = house();
    let mut upload = house.begun();
    assert!(!upload.is_broken() && !upload.has_failed_to_sync());
    upload.write(b"abc").unwrap();
    upload.break_state(File::open(house.spool.state_path(upload.id())).unwrap());
    upload.sync().unwrap_err();
    assert!(upload.is_broken() && upload.has_failed_to_sync());

    let mut upload = house.begun();
    upload.break_data(File::open(house.spool.data_path(upload.id())).unwrap());
    upload.write(b"abc").unwrap_err();
    assert!(upload.is_broken() && !upload.has_failed_to_sync());
}
