use std::os::unix::fs::{FileExt, MetadataExt};

use budget::limits::BLOB_CHECK_STEP_BYTES;

use super::*;
use crate::Io;
use crate::blob::Suffix;
use crate::conformance::{self, Kit};
use crate::memory::MemoryBlobs;

const BLOCK: u64 = budget::limits::BLOB_BLOCK_BYTES;

fn opened(path: &Path) -> (Spool, LocalBlobs) {
    with_threads(path, 2)
}

fn with_threads(path: &Path, threads: usize) -> (Spool, LocalBlobs) {
    let data = DataFolder::share(path).unwrap();
    let spool = Spool::open(&data, Io::new(threads)).unwrap();
    let blobs = LocalBlobs::open(&data, spool.clone(), None).unwrap();
    (spool, blobs)
}

struct House {
    folder: tempfile::TempDir,
    spool: Spool,
    blobs: LocalBlobs,
}

fn house() -> House {
    let folder = tempfile::tempdir().unwrap();
    let (spool, blobs) = opened(folder.path());
    House { folder, spool, blobs }
}

impl House {
    fn spooled(&self, bytes: &[u8]) -> (Publication, Whole) {
        let id = SpoolId::random().unwrap();
        let mut upload = self.spool.create(id).unwrap();
        upload.write(bytes).unwrap();
        let whole = upload.finish().unwrap();
        let suffix = Suffix::parse("flac").unwrap();
        (Publication { spool: id, suffix, content_type: "audio/flac", length: None, names: vec![] }, whole)
    }

    async fn published(&self, bytes: &[u8]) -> (BlobKey, Files) {
        let (job, whole) = self.spooled(bytes);
        let key = self.blobs.publish(&job, &whole).await.unwrap();
        self.spool.remove(job.spool).unwrap();
        (key, self.blobs.0.files(&whole.digest))
    }
}

fn bytes(length: u64) -> Vec<u8> {
    (0..length).map(|at| (at * 11 / 8) as u8).collect()
}

#[tokio::test]
async fn the_local_store_keeps_blobs_as_every_store_must() {
    conformance::all(|| async {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().to_owned();
        let (spool, blobs) = opened(&path);
        let damaged = blobs.clone();
        Kit {
            spool,
            blobs: Arc::new(blobs),
            again: Box::new(move || Arc::new(opened(&path).1)),
            damage: Box::new(move |key, offset| {
                let bytes = damaged.0.files(&digest(&key).unwrap()).bytes;
                Box::pin(async move { flip(&bytes, offset) })
            }),
            held: Box::new(folder),
        }
    })
    .await;
}

#[tokio::test]
async fn the_store_in_memory_keeps_blobs_as_every_store_must() {
    conformance::all(|| async {
        let folder = tempfile::tempdir().unwrap();
        let spool = opened(folder.path()).0;
        let blobs = MemoryBlobs::new(spool.clone());
        let (again, damaged) = (blobs.clone(), blobs.clone());
        Kit {
            spool,
            blobs: Arc::new(blobs),
            again: Box::new(move || Arc::new(again.clone())),
            damage: Box::new(move |key, offset| {
                damaged.damage(&key, offset);
                Box::pin(async {})
            }),
            held: Box::new(folder),
        }
    })
    .await;
}

fn flip(path: &Path, offset: u64) {
    let file = File::options().read(true).write(true).open(path).unwrap();
    let mut byte = [0];
    file.read_exact_at(&mut byte, offset).unwrap();
    file.write_all_at(&[byte[0] ^ 8], offset).unwrap();
    file.sync_all().unwrap();
}

#[tokio::test]
async fn a_blob_is_the_spools_file_and_lies_beside_its_checksums() {
    let house = house();
    let (job, whole) = house.spooled(&bytes(BLOCK + 7));
    let inode = fs::metadata(house.spool.data_path(job.spool)).unwrap().ino();
    let key = house.blobs.publish(&job, &whole).await.unwrap();
    let files = house.blobs.0.files(&whole.digest);
    let name = key.as_str();
    let expected = house.folder.path().join("blobs").join(&name[..2]).join(&name[2..4]).join(name);
    assert_eq!(files.bytes, expected);
    assert_eq!(fs::metadata(&files.bytes).unwrap().ino(), inode, "nothing is copied");
    assert_eq!(read_sums(&files.sums, BLOCK + 7).unwrap(), Some(house.spool.sums(job.spool).unwrap()));
    assert!(!house.spool.sums_path(job.spool).exists());
    house.spool.remove(job.spool).unwrap();
    assert_eq!(fs::metadata(&files.bytes).unwrap().nlink(), 1);
}

#[tokio::test]
async fn a_publication_goes_on_from_wherever_a_crash_left_it() {
    type Fault = fn(&House, &Files, &Publication);
    let faults: [(&str, Fault); 6] = [
        ("nothing was done", |_, _, _| {}),
        ("checksums half written", |house, _, job| {
            fs::write(house.spool.sums_path(job.spool), "half").unwrap();
        }),
        ("checksums named, no bytes", |_, files, _| fs::write(&files.sums, "old").unwrap()),
        ("bytes named, no checksums", |house, files, job| {
            fs::hard_link(house.spool.data_path(job.spool), &files.bytes).unwrap();
        }),
        ("bytes named, checksums torn", |house, files, job| {
            fs::hard_link(house.spool.data_path(job.spool), &files.bytes).unwrap();
            fs::write(&files.sums, "torn").unwrap();
        }),
        ("a blob of another length", |_, files, _| fs::write(&files.bytes, "short").unwrap()),
    ];
    for (name, fault) in faults {
        let house = house();
        let (job, whole) = house.spooled(&bytes(BLOCK * 2 + 3));
        let files = house.blobs.0.files(&whole.digest);
        fs::create_dir_all(&files.folder).unwrap();
        fault(&house, &files, &job);
        let (_, again) = opened(house.folder.path());
        let key = again.publish(&job, &whole).await.unwrap();
        house.spool.remove(job.spool).unwrap();
        assert_eq!(again.check(&key).await.unwrap(), Checked::Sound, "{name}");
        let source = again.open(&key).await.unwrap();
        assert_eq!(source.len(), BLOCK * 2 + 3, "{name}");
        let left: Vec<_> = fs::read_dir(&files.folder).unwrap().collect();
        assert_eq!(left.len(), 2, "{name}: {left:?}");
        let aside = fs::read_dir(house.folder.path().join(QUARANTINE_FOLDER)).unwrap().count();
        assert_eq!(aside, usize::from(name.starts_with("a blob")), "{name}: what was there is kept aside");
    }
}

#[tokio::test]
async fn a_blob_that_is_there_is_published_again_without_its_upload() {
    let house = house();
    let (job, whole) = house.spooled(&bytes(1_000));
    let key = house.blobs.publish(&job, &whole).await.unwrap();
    house.spool.remove(job.spool).unwrap();
    assert_eq!(opened(house.folder.path()).1.publish(&job, &whole).await.unwrap(), key);
}

#[tokio::test]
async fn lost_checksums_are_made_again_if_the_digest_proves_the_bytes() {
    type Fault = fn(&Files);
    let faults: [Fault; 3] = [
        |files| fs::remove_file(&files.sums).unwrap(),
        |files| fs::write(&files.sums, "").unwrap(),
        |files| flip(&files.sums, 25),
    ];
    for fault in faults {
        for by_check in [true, false] {
            let house = house();
            let (key, files) = house.published(&bytes(BLOCK + 5)).await;
            let before = read_sums(&files.sums, BLOCK + 5).unwrap();
            fault(&files);
            if by_check {
                assert_eq!(house.blobs.check(&key).await.unwrap(), Checked::Sound);
            } else {
                house.blobs.open(&key).await.unwrap();
            }
            assert_eq!(read_sums(&files.sums, BLOCK + 5).unwrap(), before);
            assert_eq!(house.spool.list(None, 9).unwrap(), [], "nothing is left in the spool");
            // The same with bytes that are bad as well.
            house.blobs.0.open.clear();
            fault(&files);
            flip(&files.bytes, BLOCK);
            assert_eq!(house.blobs.open(&key).await.unwrap_err().kind, ErrorKind::Corrupt);
            assert!(matches!(house.blobs.check(&key).await.unwrap(), Checked::Bad { .. }));
            assert_eq!(house.blobs.reported(), [key]);
        }
    }
}

#[tokio::test]
async fn p02_an_open_blob_that_a_check_finds_bad_is_not_given_any_more() {
    let house = house();
    let (key, files) = house.published(&bytes(BLOCK)).await;
    let playing = house.blobs.open(&key).await.unwrap();
    playing.read_at(&mut [0; 10], 0).unwrap();
    assert!(playing.is_checked(0, BLOCK));
    flip(&files.bytes, 5);
    assert_eq!(house.blobs.check(&key).await.unwrap(), Checked::Bad { block: 0 });
    assert!(!playing.is_checked(0, 1));
    let bad = playing.read_at(&mut [0; 10], 0).unwrap_err();
    assert_eq!(bad.kind(), io::ErrorKind::InvalidData);
}

/// One disk thread, as some have configured: whoever waits for it has it between two pieces of a check.
#[tokio::test]
async fn others_have_the_disk_while_a_large_blob_is_checked() {
    for without_sums in [false, true] {
        let folder = tempfile::tempdir().unwrap();
        let (spool, blobs) = with_threads(folder.path(), 1);
        let house = House { folder, spool, blobs };
        let (key, files) = house.published(&bytes(3 * BLOB_CHECK_STEP_BYTES + 5)).await;
        if without_sums {
            fs::remove_file(&files.sums).unwrap();
        }
        let check = house.blobs.check(&key);
        let others = async {
            for _ in 0..2 {
                house.spool.io().run(|| ()).await.unwrap();
            }
        };
        tokio::pin!(check);
        tokio::select! {
            biased;
            checked = &mut check => panic!("{checked:?} before the others had a turn ({without_sums})"),
            () = others => {}
        }
        assert_eq!(check.await.unwrap(), Checked::Sound);
    }
}

#[tokio::test]
async fn an_open_blob_is_found_again_until_anything_about_its_file_changes() {
    let house = house();
    let (key, files) = house.published(&bytes(100)).await;
    let first = house.blobs.open(&key).await.unwrap();
    first.read_at(&mut [0; 10], 0).unwrap();
    assert!(house.blobs.open(&key).await.unwrap().is_checked(0, 100), "the same entry");
    fs::hard_link(&files.bytes, house.folder.path().join("second name")).unwrap();
    assert!(!house.blobs.open(&key).await.unwrap().is_checked(0, 1), "an entry of its own");
}

#[tokio::test]
async fn keys_that_are_no_digest_are_those_of_no_blob_here() {
    let house = house();
    let key = BlobKey::parse("audio/one.flac").unwrap();
    assert_eq!(house.blobs.open(&key).await.unwrap_err().kind, ErrorKind::NotFound);
    let upper = BlobKey::parse("00").unwrap();
    assert!(house.blobs.remove(&upper).await.is_err());
    fs::create_dir_all(house.folder.path().join("blobs/00/00")).unwrap();
    fs::write(house.folder.path().join("blobs/00/00/stray"), "x").unwrap();
    assert_eq!(house.blobs.list(None, 10).await.unwrap(), []);
}
