use std::io::Write as _;
use std::sync::Weak;

use budget::limits::BLOB_BLOCK_BYTES;
use bytes::Bytes;
use sha2::{Digest, Sha256};

use super::*;
use crate::growing::Growth;

const BLOCK: usize = BLOB_BLOCK_BYTES as usize;

struct House {
    folder: tempfile::TempDir,
    renditions: Renditions,
}

fn house() -> House {
    let folder = tempfile::tempdir().unwrap();
    let renditions = opened(folder.path());
    House { folder, renditions }
}

fn opened(path: &Path) -> Renditions {
    Renditions::open(&DataFolder::share(path).unwrap(), Io::new(2)).unwrap()
}

fn content(length: usize) -> Vec<u8> {
    (0..length).map(|at| (at * 13 / 8) as u8).collect()
}

fn hold() -> (Hold, Weak<dyn Any + Send + Sync>) {
    let hold: Hold = Arc::new(());
    let seen = Arc::downgrade(&hold);
    (hold, seen)
}

impl House {
    async fn begun(&self, bytes: &[u8], pieces: usize) -> Making {
        let mut making = self.renditions.begin(Arc::new(())).await.unwrap();
        for piece in bytes.chunks(pieces) {
            making.write(Bytes::copy_from_slice(piece)).await.unwrap();
        }
        making
    }

    async fn published(&self, bytes: &[u8]) -> Published {
        let making = self.begun(bytes, 100_000).await;
        making.publish(RenditionId::random().unwrap()).await.unwrap()
    }

    async fn open(&self, id: RenditionId) -> Result<Source, Error> {
        self.renditions.open_made(id, "tag", Arc::new(())).await
    }

    fn files(&self, id: RenditionId) -> Files {
        self.renditions.0.files(&id)
    }

    fn making(&self) -> Vec<String> {
        let entries = fs::read_dir(&self.renditions.0.making).unwrap();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }
}

fn all(source: &Source) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut buffer = [0; 70_000];
    loop {
        match source.read_at(&mut buffer, bytes.len() as u64)? {
            0 => return Ok(bytes),
            count => bytes.extend_from_slice(&buffer[..count]),
        }
    }
}

/// What is dropped on a thread that may block is gone a moment later.
async fn until(done: impl Fn() -> bool) {
    while !done() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn what_was_published_is_read_again_and_its_tag_is_that_of_its_content() {
    let house = house();
    for length in [0, 1, BLOCK, BLOCK * 2 + 7] {
        let bytes = content(length);
        let made = house.published(&bytes).await;
        let digest: [u8; 32] = Sha256::digest(&bytes).into();
        assert_eq!(made.source.validator().tag(), RenditionId(digest).to_string());
        assert!(made.source.validator().is_strong());
        assert_eq!(all(&made.source).unwrap(), bytes);
        let again = house.published(&bytes).await;
        assert_eq!(again.source.validator(), made.source.validator());
        assert_ne!(again.id, made.id);
        assert_eq!(all(&house.open(made.id).await.unwrap()).unwrap(), bytes);
        assert_eq!(house.renditions.check(made.id).await.unwrap(), Checked::Sound);
    }
    assert_eq!(house.making(), Vec::<String>::new());
}

#[tokio::test]
async fn what_grows_is_read_as_it_comes_and_by_nobody_under_a_name() {
    let house = house();
    let mut making = house.begun(b"one", 3).await;
    let growing = making.growing();
    assert_eq!(growing.more_than(0).await, Growth::So(3));
    let waits = tokio::spawn({
        let growing = growing.clone();
        async move { growing.more_than(3).await }
    });
    assert_eq!(house.renditions.list(None, 9).await.unwrap(), []);
    making.write(Bytes::from_static(b"two")).await.unwrap();
    assert_eq!(waits.await.unwrap(), Growth::So(6));
    let made = making.publish(RenditionId::random().unwrap()).await.unwrap();
    assert_eq!(growing.more_than(u64::MAX).await, Growth::Whole(6));
    let mut buffer = [0; 9];
    assert_eq!(growing.read_at(&mut buffer, 1).unwrap(), 5);
    assert_eq!(&buffer[..5], b"netwo");
    assert_eq!(house.renditions.list(None, 9).await.unwrap(), [(made.id, 6)]);
}

#[tokio::test]
async fn what_is_given_up_was_never_there_and_its_readers_hear_of_it() {
    let house = house();
    let (hold, seen) = hold();
    let mut making = house.renditions.begin(hold).await.unwrap();
    making.write(Bytes::from_static(b"half")).await.unwrap();
    let growing = making.growing();
    drop(making);
    assert_eq!(growing.more_than(4).await, Growth::Failed);
    until(|| house.making().is_empty()).await;
    assert!(seen.upgrade().is_some(), "its bytes take room as long as somebody can read them");
    assert_eq!(growing.read_at(&mut [0; 4], 0).unwrap(), 4);
    drop(growing);
    until(|| seen.upgrade().is_none()).await;
}

#[tokio::test]
async fn a_hold_goes_with_the_last_reader_and_not_with_the_name() {
    let house = house();
    let (first, seen) = hold();
    let making = house.renditions.begin(first).await.unwrap();
    let growing = making.growing();
    let made = making.publish(RenditionId::random().unwrap()).await.unwrap();
    drop(growing);
    assert!(seen.upgrade().is_some());
    house.renditions.remove(vec![made.id]).await.unwrap();
    let clone = made.source.clone();
    drop(made.source);
    assert!(seen.upgrade().is_some());
    drop(clone);
    assert!(seen.upgrade().is_none());
}

#[tokio::test]
async fn whoever_reads_what_is_removed_reads_on() {
    let house = house();
    let bytes = content(BLOCK * 2);
    let made = house.published(&bytes).await;
    assert_eq!(made.source.read_at(&mut [0; 10], 0).unwrap(), 10);
    house.renditions.remove(vec![made.id, made.id]).await.unwrap();
    assert_eq!(all(&made.source).unwrap(), bytes, "blocks that had not been checked, too");
    assert_eq!(house.open(made.id).await.unwrap_err().kind, ErrorKind::NotFound);
    assert_eq!(house.renditions.check(made.id).await.unwrap(), Checked::Missing);
}

#[tokio::test]
async fn a_kill_at_any_step_leaves_nothing_visible_that_is_not_whole() {
    // Synced; checksums written; checksums named; bytes named.
    for (step, is_visible) in [(1, false), (2, false), (3, false), (4, true)] {
        let house = house();
        let (id, bytes) = (RenditionId::random().unwrap(), content(BLOCK + 3));
        let making = house.begun(&bytes, 65_536).await;
        house.renditions.0.kill_at.store(step, std::sync::atomic::Ordering::SeqCst);
        making.publish(id).await.unwrap_err();
        let left = house.making().len() + house.renditions.list(None, 9).await.unwrap().len();
        assert!(left > 0, "step {step}: a kill cleans nothing");
        let after = House { renditions: opened(house.folder.path()), folder: house.folder };
        assert_eq!(after.making(), Vec::<String>::new(), "step {step}");
        match after.open(id).await {
            Ok(source) if is_visible => assert_eq!(all(&source).unwrap(), bytes, "step {step}"),
            Err(error) if !is_visible => assert_eq!(error.kind, ErrorKind::NotFound, "step {step}"),
            other => panic!("step {step}: {other:?}"),
        }
        for (id, _) in after.renditions.list(None, 9).await.unwrap() {
            after.renditions.remove(vec![id]).await.unwrap();
        }
        assert_eq!(fs::read_dir(after.files(id).folder).map_or(0, Iterator::count), 0, "step {step}");
    }
}

#[tokio::test]
async fn a_publication_that_fails_leaves_nothing() {
    let house = house();
    let id = RenditionId::random().unwrap();
    // The folder's name is taken by a file.
    File::create(house.files(id).folder).unwrap();
    let (hold, seen) = hold();
    let making = house.renditions.begin(hold).await.unwrap();
    making.publish(id).await.unwrap_err();
    until(|| house.making().is_empty() && seen.upgrade().is_none()).await;
    fs::remove_file(house.files(id).folder).unwrap();
    assert_eq!(house.renditions.list(None, 9).await.unwrap(), []);
}

#[tokio::test]
async fn bytes_that_are_not_what_they_were_are_found_and_never_given() {
    let bytes = content(BLOCK * 2 + 9);
    type Break = fn(&Files);
    let broken: [(&str, Break, bool); 4] = [
        ("a byte in the second block", |files| flip(&files.bytes, BLOCK as u64 + 5), true),
        ("the last byte", |files| flip(&files.bytes, BLOCK as u64 * 2 + 8), true),
        ("a byte of the checksums", |files| flip(&files.sums, 30), false),
        ("no checksums", |files| fs::remove_file(&files.sums).unwrap(), false),
    ];
    for (name, damage, opens) in broken {
        let house = house();
        let id = house.published(&bytes).await.id;
        damage(&house.files(id));
        assert!(matches!(house.renditions.check(id).await.unwrap(), Checked::Bad { .. }), "{name}");
        assert_eq!(house.renditions.reported(), []);
        match house.open(id).await {
            Ok(source) if opens => {
                assert_eq!(all(&source).unwrap_err().kind(), io::ErrorKind::InvalidData, "{name}");
            }
            Err(error) if !opens => assert_eq!(error.kind, ErrorKind::Corrupt, "{name}"),
            other => panic!("{name}: {other:?}"),
        }
        assert_eq!(house.renditions.reported(), [id], "{name}");
    }
}

fn flip(path: &Path, offset: u64) {
    use std::os::unix::fs::FileExt;
    let file = File::options().read(true).write(true).open(path).unwrap();
    let mut byte = [0];
    file.read_exact_at(&mut byte, offset).unwrap();
    file.write_all_at(&[byte[0] ^ 16], offset).unwrap();
}

#[tokio::test]
async fn what_a_child_wrote_is_taken_in_and_what_came_later_is_not() {
    let house = house();
    let bytes = content(BLOCK * 17 + 5);
    let mut making = house.begun(&bytes[..10], 10).await;
    let mut child = making.child_file().unwrap();
    io::Seek::seek(&mut child, io::SeekFrom::End(0)).unwrap();
    child.write_all(&bytes[10..]).unwrap();
    assert_eq!(making.adopt().await.unwrap(), bytes.len() as u64);
    let made = making.publish(RenditionId::random().unwrap()).await.unwrap();
    assert_eq!(all(&made.source).unwrap(), bytes);
    assert_eq!(made.source.validator().tag(), RenditionId(Sha256::digest(&bytes).into()).to_string());

    let making = house.begun(b"some", 4).await;
    let mut child = making.child_file().unwrap();
    child.write_all(b"more than some").unwrap();
    let refused = making.publish(RenditionId::random().unwrap()).await.unwrap_err();
    assert_eq!(refused.kind, ErrorKind::Broken);
}

#[tokio::test]
async fn a_write_that_was_given_up_halfway_cannot_be_published() {
    let folder = tempfile::tempdir().unwrap();
    let io = Io::new(1);
    let renditions = Renditions::open(&DataFolder::share(folder.path()).unwrap(), io.clone()).unwrap();
    let house = House { folder, renditions };
    let mut making = house.begun(b"some", 4).await;
    // The only thread works for somebody else, until he is told to stop.
    let (stop, stopped) = std::sync::mpsc::sync_channel::<()>(1);
    let (begin, begun) = tokio::sync::oneshot::channel();
    let other = tokio::spawn(async move {
        io.run(move || {
            begin.send(()).unwrap();
            stopped.recv().unwrap();
        })
        .await
    });
    begun.await.unwrap();
    {
        let write = making.write(Bytes::from_static(b"more"));
        tokio::pin!(write);
        let polled =
            std::future::poll_fn(|context| std::task::Poll::Ready(write.as_mut().poll(context))).await;
        assert!(polled.is_pending());
    }
    stop.send(()).unwrap();
    other.await.unwrap().unwrap();
    assert_eq!(making.write(Bytes::new()).await.unwrap_err().kind, ErrorKind::Broken);
    let refused = making.publish(RenditionId::random().unwrap()).await.unwrap_err();
    assert_eq!(refused.kind, ErrorKind::Broken);
}

#[tokio::test]
async fn a_list_goes_on_where_the_last_one_ended() {
    let house = house();
    let mut ids = Vec::new();
    for _ in 0..20 {
        ids.push(house.published(b"x").await.id);
    }
    ids.sort();
    let (mut found, mut after) = (Vec::new(), None);
    loop {
        let page = house.renditions.list(after, 3).await.unwrap();
        let Some((last, _)) = page.last() else { break };
        after = Some(*last);
        assert!(page.len() <= 3);
        found.extend(page.into_iter().map(|(id, length)| {
            assert_eq!(length, 1);
            id
        }));
    }
    assert_eq!(found, ids);
}

#[test]
fn room_on_the_disk_is_that_of_both_files_in_whole_blocks() {
    for (length, expected) in [(0, 4_096), (1, 8_192), (4_096, 8_192), (4_097, 12_288), (u64::MAX, u64::MAX)]
    {
        assert_eq!(Renditions::disk_bytes(length), expected, "{length}");
    }
}
