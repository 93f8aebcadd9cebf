use std::os::unix::fs::FileExt;

use budget::limits::BLOB_BLOCK_BYTES as BLOCK;
use proptest::prelude::*;
use sha2::{Digest, Sha256};

use super::*;
use crate::blob::BlobId;

mod durable;

thread_local! {
    /// How often this thread synced the names of a folder.
    pub(super) static FOLDERS_SYNCED: std::cell::Cell<u64> = const { std::cell::Cell::new(0) };
}

struct House {
    folder: tempfile::TempDir,
    spool: Spool,
}

fn house() -> House {
    house_in(tempfile::tempdir().unwrap())
}

fn house_in(folder: tempfile::TempDir) -> House {
    let data = DataFolder::share(folder.path()).unwrap();
    House { spool: Spool::open(&data, Io::new(1)).unwrap(), folder }
}

impl House {
    fn begun(&self) -> Spooled {
        self.spool.create(SpoolId::random().unwrap()).unwrap()
    }

    /// An upload with these bytes acknowledged in two steps, closed.
    fn acked(&self, bytes: &[u8], first: usize) -> SpoolId {
        let mut upload = self.begun();
        for piece in [&bytes[..first], &bytes[first..]] {
            upload.write(piece).unwrap();
            upload.sync().unwrap();
        }
        upload.id()
    }

    fn data(&self, id: SpoolId) -> File {
        File::options().read(true).write(true).open(self.spool.data_path(id)).unwrap()
    }

    fn state(&self, id: SpoolId) -> File {
        File::options().read(true).write(true).open(self.spool.state_path(id)).unwrap()
    }
}

fn bytes(length: u64) -> Vec<u8> {
    (0..length).map(|at| (at * 13 / 16) as u8).collect()
}

fn digest(bytes: &[u8]) -> BlobId {
    BlobId::from_bytes(Sha256::digest(bytes).into())
}

/// An upload goes on from its acknowledged offset with `rest`, and is then exactly `bytes`.
fn goes_on(house: &House, id: SpoolId, bytes: &[u8], what: &str) {
    let mut upload = house.spool.reopen(id).unwrap_or_else(|e| panic!("{what}: {e}"));
    upload.write(&bytes[upload.acked() as usize..]).unwrap();
    let whole = upload.finish().unwrap();
    assert_eq!(whole, Whole { id, digest: digest(bytes), length: bytes.len() as u64 }, "{what}");
    let expected: Vec<u32> = bytes.chunks(BLOCK as usize).map(crc32c::crc32c).collect();
    assert_eq!(house.spool.sums(id).unwrap().all(), expected, "{what}");
    let mut stored = vec![0; bytes.len()];
    house.data(id).read_exact_at(&mut stored, 0).unwrap();
    assert!(stored == bytes, "{what}");
}

#[test]
fn an_offset_counts_as_acknowledged_after_a_sync_and_what_is_behind_it_is_cut_off() {
    let house = house();
    let all = bytes(BLOCK + 1_000);
    let mut upload = house.begun();
    let id = upload.id();
    upload.write(&all[..10]).unwrap();
    assert_eq!((upload.acked(), upload.position()), (0, 10));
    assert_eq!(house.spool.acked(id).unwrap(), 0, "another sees what is on disk");
    assert_eq!(upload.sync().unwrap(), 10);
    upload.write(&all[10..BLOCK as usize + 5]).unwrap();
    assert_eq!((upload.acked(), house.spool.acked(id).unwrap()), (10, 10));
    drop(upload);
    assert_eq!(fs::metadata(house.spool.data_path(id)).unwrap().len(), BLOCK + 5);
    let upload = house.spool.reopen(id).unwrap();
    assert_eq!((upload.acked(), upload.position()), (10, 10));
    assert_eq!(fs::metadata(house.spool.data_path(id)).unwrap().len(), 10);
    drop(upload);
    goes_on(&house, id, &all, "after a restart");
}

#[test]
fn what_a_crash_can_leave_is_resumed_and_what_it_cannot_is_lost() {
    type Fault = fn(&House, SpoolId);
    // What is left of an upload that was acknowledged up to `FIRST`, and then wholly.
    let faults: [(&str, Fault, Option<u64>); 13] = [
        ("nothing is wrong", |_, _| {}, Some(LENGTH)),
        (
            "more bytes than acknowledged",
            |h, id| h.data(id).write_all_at(&[9; 999], LENGTH).unwrap(),
            Some(LENGTH),
        ),
        ("the later slot is torn", |h, id| h.state(id).write_all_at(&[0; 80], 0).unwrap(), Some(FIRST)),
        ("one byte of it is another", |h, id| h.state(id).write_all_at(&[0xee], 33).unwrap(), Some(FIRST)),
        (
            "the earlier slot is torn",
            |h, id| h.state(id).write_all_at(&[0; 80], 4_096).unwrap(),
            Some(LENGTH),
        ),
        ("no slot is whole", |h, id| h.state(id).write_all_at(&[0; 8_192], 0).unwrap(), None),
        ("an empty checkpoint", |h, id| h.state(id).set_len(0).unwrap(), None),
        ("checksums cut off", |h, id| h.state(id).set_len(8_192).unwrap(), Some(LENGTH)),
        ("checksums not on disk", |h, id| h.state(id).write_all_at(&[0; 8], 8_192).unwrap(), Some(LENGTH)),
        ("one byte too few", |h, id| h.data(id).set_len(LENGTH - 1).unwrap(), None),
        ("no bytes", |h, id| fs::remove_file(h.spool.data_path(id)).unwrap(), None),
        (
            "checksums not on disk, and other bytes",
            |h, id| {
                h.state(id).write_all_at(&[0; 8], 8_192).unwrap();
                h.data(id).write_all_at(&[0xee], 5).unwrap();
            },
            None,
        ),
        (
            "the checkpoint of another upload",
            |h, id| {
                let other = h.acked(&bytes(LENGTH), 5);
                fs::copy(h.spool.state_path(other), h.spool.state_path(id)).unwrap();
            },
            None,
        ),
    ];
    const LENGTH: u64 = 2 * BLOCK + 50;
    const FIRST: u64 = BLOCK + 700;
    let all = bytes(LENGTH + 300);
    for (name, fault, expected) in faults {
        let house = house();
        let id = house.acked(&all[..LENGTH as usize], FIRST as usize);
        fault(&house, id);
        let Some(acked) = expected else {
            assert_eq!(house.spool.reopen(id).unwrap_err().kind, ErrorKind::Lost, "{name}");
            continue;
        };
        assert_eq!(house.spool.reopen(id).unwrap().acked(), acked, "{name}");
        goes_on(&house, id, &all, name);
    }
}

#[test]
fn an_upload_without_bytes_survives_that_its_empty_file_was_never_on_disk() {
    let house = house();
    let id = house.begun().id();
    fs::remove_file(house.spool.data_path(id)).unwrap();
    goes_on(&house, id, &bytes(10), "begun again");
    let never = SpoolId::random().unwrap();
    assert_eq!(house.spool.reopen(never).unwrap_err().kind, ErrorKind::NotFound);
    assert_eq!(house.spool.acked(never).unwrap_err().kind, ErrorKind::NotFound);
}

#[test]
fn a_rollback_goes_back_to_what_is_acknowledged_and_the_hash_with_it() {
    let house = house();
    let all = bytes(3 * BLOCK);
    let mut upload = house.begun();
    upload.write(&all[..BLOCK as usize + 9]).unwrap();
    upload.sync().unwrap();
    upload.write(&[7; 2 * BLOCK as usize]).unwrap();
    upload.rollback().unwrap();
    assert_eq!((upload.position(), upload.acked()), (BLOCK + 9, BLOCK + 9));
    assert_eq!(fs::metadata(house.spool.data_path(upload.id())).unwrap().len(), BLOCK + 9);
    let id = upload.id();
    drop(upload);
    goes_on(&house, id, &all, "after a rollback");
}

#[test]
fn one_upload_has_one_owner_and_many_readers() {
    let house = house();
    let mut upload = house.begun();
    upload.write(b"abc").unwrap();
    let id = upload.id();
    assert_eq!(house.spool.reopen(id).unwrap_err().kind, ErrorKind::Locked);
    upload.sync().unwrap();
    let (reader, source) = (house.spool.reader(id).unwrap(), upload.source().unwrap());
    drop(upload);
    let mut again = house.spool.reopen(id).unwrap();
    again.write(b"def").unwrap();
    let mut buffer = [0; 8];
    assert_eq!((reader.len(), reader.read_at(&mut buffer, 1).unwrap(), &buffer[..2]), (3, 2, &b"bc"[..]));
    assert_eq!((reader.read_at(&mut buffer, 3).unwrap(), source.len()), (0, 3));
    assert_eq!((again.head(&mut buffer).unwrap(), &buffer[..6]), (6, &b"abcdef"[..]));
    assert_eq!((again.head(&mut buffer[..2]).unwrap(), &buffer[..2]), (2, &b"ab"[..]));
}

#[test]
fn what_is_whole_says_so_again_and_takes_nothing_more() {
    let house = house();
    let all = bytes(5_000);
    let id = house.acked(&all, 100);
    let mut upload = house.spool.reopen(id).unwrap();
    let whole = upload.finish().unwrap();
    assert_eq!((whole.digest, whole.length), (digest(&all), 5_000));
    assert_eq!(upload.write(b"x").unwrap_err().kind, ErrorKind::Broken);
    assert_eq!(upload.finish().unwrap(), whole);
    drop(upload);
    assert_eq!(house.spool.reopen(id).unwrap().finish().unwrap(), whole, "after a restart");
    // With a second name it is a blob, which nobody may write to, nor cut.
    fs::hard_link(house.spool.data_path(id), house.folder.path().join("blob")).unwrap();
    let mut linked = house.spool.reopen(id).unwrap();
    assert_eq!(linked.write(b"x").unwrap_err().kind, ErrorKind::Broken);
    assert_eq!(linked.finish().unwrap(), whole);
    drop(linked);
    house.data(id).write_all_at(b"x", 5_000).unwrap();
    assert_eq!(house.spool.reopen(id).unwrap_err().kind, ErrorKind::Lost);
    assert_eq!(fs::metadata(house.folder.path().join("blob")).unwrap().len(), 5_001);
    assert_eq!(house.begun().finish().unwrap().digest, digest(b""), "of nothing");
}

#[test]
fn after_a_failed_sync_nothing_is_trusted_until_the_upload_is_opened_again() {
    let house = house();
    let all = bytes(3_000);
    let id = house.acked(&all[..1_000], 500);
    let mut upload = house.spool.reopen(id).unwrap();
    upload.write(&all[1_000..2_000]).unwrap();
    // A handle that cannot be written makes the checkpoint fail.
    upload.break_state(File::open(house.spool.state_path(id)).unwrap());
    assert_eq!(upload.sync().unwrap_err().kind, ErrorKind::Broken);
    assert_eq!(upload.acked(), 1_000);
    let later = [
        upload.write(b"x").map(|()| 0),
        upload.sync(),
        upload.rollback().map(|()| 0),
        upload.finish().map(|whole| whole.length),
    ];
    for failed in later {
        assert_eq!(failed.unwrap_err().kind, ErrorKind::Broken);
    }
    drop(upload);
    goes_on(&house, id, &all, "after a failed sync");
}

#[test]
fn an_upload_joined_of_others_is_their_bytes_one_after_the_other() {
    let house = house();
    let all = bytes(2 * BLOCK + 999);
    let (first, second) = all.split_at(BLOCK as usize + 77);
    let parts = [house.acked(first, 10), house.acked(second, 10)];
    let mut joined = house.begun();
    let mut buffer = vec![0; 100_000];
    for part in parts {
        let reader = house.spool.reader(part).unwrap();
        let mut offset = 0;
        loop {
            match joined.append_from(&reader, offset, &mut buffer).unwrap() {
                0 => break,
                count => offset += count as u64,
            }
        }
        assert_eq!(offset, reader.len());
    }
    assert_eq!(joined.finish().unwrap().digest, digest(&all));
}

#[test]
fn a_long_upload_keeps_few_checksums_in_memory_and_all_on_disk() {
    let house = house();
    let blocks = SUMS_MAX as u64 + 3;
    let piece = bytes(BLOCK);
    let mut upload = house.begun();
    for _ in 0..blocks {
        upload.write(&piece).unwrap();
        assert!(upload.sums_waiting() <= SUMS_MAX);
    }
    upload.sync().unwrap();
    let id = upload.id();
    drop(upload);
    let expected = vec![crc32c::crc32c(&piece); blocks as usize];
    assert_eq!(house.spool.sums(id).unwrap().all(), expected);
    house.state(id).set_len(8_192 + 20).unwrap();
    assert_eq!(house.spool.sums(id).unwrap_err().kind, ErrorKind::Lost);
    drop(house.spool.reopen(id).unwrap());
    assert_eq!(house.spool.sums(id).unwrap().all(), expected, "made again from the bytes");
}

#[test]
fn a_large_upload_leaves_the_page_cache_to_others_but_for_its_ends() {
    let house = house();
    let length = 11 * BLOCK + 5;
    let mut upload = house.begun();
    for piece in bytes(length).chunks(100_000) {
        upload.write(piece).unwrap();
    }
    let held = |upload: &Spooled| {
        let source = upload.source().unwrap();
        (0..12).map(|block| source.is_resident(block * BLOCK, 1)).collect::<Vec<_>>()
    };
    let before = held(&upload);
    if !before[11] || is_in_memory(house.folder.path()) {
        // This file system does not say what is in memory, or has nothing else.
        return;
    }
    upload.sync().unwrap();
    assert_eq!(held(&upload), (0..12).map(|block| block == 0 || block == 11).collect::<Vec<_>>());
}

/// Whether a file of this file system has no place but the page cache.
fn is_in_memory(folder: &Path) -> bool {
    // format: the number of tmpfs in `statfs`
    rustix::fs::statfs(folder).unwrap().f_type == 0x0102_1994
}

#[test]
fn uploads_are_listed_in_order_with_everything_that_is_left_of_any() {
    let house = house();
    let mut ids: Vec<SpoolId> = (0..9).map(|_| house.begun().id()).collect();
    ids.sort();
    fs::remove_file(house.spool.data_path(ids[1])).unwrap();
    fs::remove_file(house.spool.state_path(ids[2])).unwrap();
    fs::write(house.spool.sums_path(ids[3]), "").unwrap();
    fs::write(house.spool.folder().join("stray"), "").unwrap();
    for max in [1, 2, 9, 100] {
        let (mut seen, mut after) = (Vec::new(), None);
        loop {
            let page = house.spool.list(after, max).unwrap();
            assert!(page.len() <= max && page.iter().all(|(_, written)| *written > UNIX_EPOCH));
            let Some(last) = page.last() else { break };
            after = Some(last.0);
            seen.extend(page.into_iter().map(|(id, _)| id));
        }
        assert_eq!(seen, ids, "{max} at a time");
    }
    for id in ids {
        for _ in 0..2 {
            house.spool.remove(id).unwrap();
        }
    }
    assert_eq!(house.spool.list(None, 9).unwrap(), []);
    assert_eq!(fs::read_dir(house.spool.folder()).unwrap().count(), 1, "what is not ours stays");
}

#[test]
fn ids_of_uploads_are_random_and_read_as_they_are_written() {
    let (one, two) = (SpoolId::random().unwrap(), SpoolId::random().unwrap());
    assert_ne!(one, two);
    assert_eq!(one.to_string().parse::<SpoolId>().unwrap(), one);
    for wrong in ["", "../../etc/passwd", "ABCDEFABCDEFABCDEFABCDEFABCDEFAB", &format!("{one}0")] {
        assert!(wrong.parse::<SpoolId>().is_err(), "{wrong}");
    }
}

/// A file system of this size, unmounted when it is dropped. `None` for those who may not mount one.
struct SmallDisk(tempfile::TempDir);

fn small_disk(bytes: u64) -> Option<SmallDisk> {
    use rustix::mount::{MountFlags, mount};
    let folder = tempfile::tempdir().unwrap();
    let size = std::ffi::CString::new(format!("size={bytes}")).unwrap();
    mount("tmpfs", folder.path(), "tmpfs", MountFlags::empty(), size.as_c_str()).ok()?;
    Some(SmallDisk(folder))
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = rustix::mount::unmount(self.0.path(), rustix::mount::UnmountFlags::DETACH);
    }
}

#[test]
fn on_a_full_disk_what_is_acknowledged_stays_and_the_upload_ends_when_there_is_room_again() {
    let Some(disk) = small_disk(4 * BLOCK) else { return };
    let house = house_in(tempfile::tempdir_in(disk.0.path()).unwrap());
    let ballast = house.folder.path().join("ballast");
    fs::write(&ballast, vec![0; BLOCK as usize]).unwrap();
    let all = bytes(3 * BLOCK + 4_000);
    let mut upload = house.begun();
    upload.write(&all[..BLOCK as usize]).unwrap();
    upload.sync().unwrap();
    let full = upload.write(&all[BLOCK as usize..]).unwrap_err();
    assert_eq!(full.kind, ErrorKind::Full, "{full}");
    assert!(upload.acked() == BLOCK && upload.position() > BLOCK && upload.position() < all.len() as u64);
    upload.rollback().unwrap();
    assert_eq!(upload.position(), BLOCK);
    fs::write(house.folder.path().join("room for others"), [1; 4_096]).unwrap();
    // Again, and this time what was written is kept.
    assert_eq!(upload.write(&all[BLOCK as usize..]).unwrap_err().kind, ErrorKind::Full);
    fs::remove_file(ballast).unwrap();
    let position = upload.position();
    assert_eq!(upload.sync().unwrap(), position);
    upload.write(&all[position as usize..]).unwrap();
    assert_eq!(upload.finish().unwrap().digest, digest(&all));
    // With not a byte left for its checkpoint an upload is not begun, and leaves nothing.
    let _ = fs::write(house.folder.path().join("filler"), vec![0; 4 * BLOCK as usize]);
    let id = SpoolId::random().unwrap();
    assert_eq!(house.spool.create(id).unwrap_err().kind, ErrorKind::Full);
    assert!(house.spool.list(None, 9).unwrap().iter().all(|(listed, _)| *listed != id));
}

#[derive(Clone, Debug)]
enum Step {
    Write(usize),
    Sync,
    Rollback,
    /// The process ends, and what was not synced may be there in part, or other bytes.
    Crash {
        kept: usize,
        garbage: usize,
    },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => (0..700_000_usize).prop_map(Step::Write),
        3 => Just(Step::Sync),
        1 => Just(Step::Rollback),
        2 => (0..1_000_000_usize, 0..5_000_usize).prop_map(|(kept, garbage)| Step::Crash { kept, garbage }),
    ];
    prop::collection::vec(step, 1..14)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_happens_no_acknowledged_byte_is_lost_and_the_hash_is_right(steps in steps()) {
        let house = house();
        let mut upload = house.begun();
        let id = upload.id();
        let all = bytes(14 * 700_000);
        let mut acked = 0;
        for step in steps {
            match step {
                Step::Write(count) => {
                    let from = upload.position() as usize;
                    upload.write(&all[from..from + count]).unwrap();
                }
                Step::Sync => acked = upload.sync().unwrap(),
                Step::Rollback => upload.rollback().unwrap(),
                Step::Crash { kept, garbage } => {
                    let position = upload.position();
                    drop(upload);
                    let length = (acked + kept as u64).min(position);
                    house.data(id).set_len(length).unwrap();
                    house.data(id).write_all_at(&vec![0xa5; garbage], length).unwrap();
                    upload = house.spool.reopen(id).unwrap();
                    prop_assert_eq!(upload.position(), acked);
                }
            }
            prop_assert_eq!(upload.acked(), acked);
        }
        let length = upload.position() as usize;
        prop_assert_eq!(upload.finish().unwrap().digest, digest(&all[..length]));
    }
}

const SUMS_MAX: usize = budget::limits::SPOOL_SUMS_WAITING_MAX;
