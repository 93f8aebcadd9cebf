//! A server without its door: everything that an engine needs, on a folder of its own.

use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use budget::Budget;
use budget::limits::MIB;
use bytes::Bytes;
use catalog::sqlite::Sqlite;
use catalog::{Asked, Catalog, Role, Track, UploadId, User, Viewer};
use http_body::{Body, Frame};
use http_body_util::Full;
use prometheus_client::registry::Registry;
use sha2::{Digest as _, Sha256};
use store::{
    BlobId, BlobKey, Blobs, Checked, DataFolder, Error as StoreError, Io, Listed, LocalBlobs, MemoryBlobs,
    Publication, Room, Source, Spool, Whole,
};
use tempfile::TempDir;
use tokio::sync::{Notify, mpsc};
use tokio::time::Instant;

use crate::{Ask, Created, Ingest, Limits, Parts, Receiving};

/// Which store keeps whole files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kept {
    Local,
    Memory,
    /// In memory, and said to be far away; it can be out of reach, or hang.
    Far,
}

pub(crate) const STORES: [Kept; 3] = [Kept::Local, Kept::Memory, Kept::Far];

pub(crate) struct House {
    pub(crate) ingest: Ingest,
    pub(crate) catalog: Arc<dyn Catalog>,
    pub(crate) spool: Spool,
    pub(crate) blobs: Arc<dyn Blobs>,
    pub(crate) room: Room,
    pub(crate) ann: User,
    pub(crate) bob: User,
    pub(crate) down: Arc<AtomicBool>,
    pub(crate) hangs: Arc<AtomicBool>,
    pub(crate) slow: Arc<AtomicBool>,
    pub(crate) memory: Option<MemoryBlobs>,
    pub(crate) limits: Limits,
    pub(crate) folder: TempDir,
}

impl House {
    pub(crate) async fn new() -> House {
        House::with(Kept::Local, Limits::default()).await
    }

    pub(crate) async fn of(kept: Kept) -> House {
        House::with(kept, Limits::default()).await
    }

    pub(crate) async fn with(kept: Kept, limits: Limits) -> House {
        let folder = tempfile::tempdir().unwrap();
        let data = DataFolder::share(folder.path()).unwrap();
        let io = Io::new(4);
        let spool = Spool::open(&data, io.clone()).unwrap();
        let [down, hangs, slow] = [(); 3].map(|()| Arc::new(AtomicBool::new(false)));
        let memory = (kept != Kept::Local).then(|| MemoryBlobs::new(spool.clone()));
        let blobs: Arc<dyn Blobs> = match (&memory, kept) {
            (None, _) => Arc::new(LocalBlobs::open(&data, spool.clone(), None).unwrap()),
            (Some(memory), Kept::Far) => {
                let [down, hangs, slow] = [&down, &hangs, &slow].map(Arc::clone);
                Arc::new(Far { blobs: memory.clone(), down, hangs, slow, stopped: Notify::new() })
            }
            (Some(memory), _) => Arc::new(memory.clone()),
        };
        let database = Sqlite::open(&data.database()).await.unwrap();
        let catalog: Arc<dyn Catalog> = Arc::new(database);
        let ann = catalog.add_user("ann", Role::User, "hash").await.unwrap();
        let bob = catalog.add_user("bob", Role::User, "hash").await.unwrap();
        let room = Room::new(folder.path(), 0);
        let ingest = engine(&catalog, &spool, &room, &blobs, &limits);
        House { ingest, catalog, spool, blobs, room, ann, bob, down, hangs, slow, memory, limits, folder }
    }

    /// The same house with an engine that knows nothing yet, as after a start.
    pub(crate) async fn restarted(self) -> House {
        let House { catalog, spool, room, blobs, limits, .. } = &self;
        let next = engine(catalog, spool, room, blobs, limits);
        assert_eq!(Arc::strong_count(&self.ingest.0), 1, "somebody still has the old engine");
        let mut house = self;
        drop(std::mem::replace(&mut house.ingest, next));
        house.ingest.recover().await.unwrap();
        house
    }

    pub(crate) async fn create(&self, length: Option<u64>, filename: &str) -> UploadId {
        match self.ingest.create(&self.ann, ask(length, filename)).await.unwrap() {
            Created::Open(id, _) => id,
            Created::Ready(row) => panic!("nothing was known of {row:?}"),
        }
    }

    pub(crate) async fn take(&self, id: UploadId) -> Receiving {
        self.ingest.take(&self.ann, id).await.unwrap()
    }

    /// Sends a whole file in pieces of so many bytes, each in a request of its own, and ends it.
    pub(crate) async fn send(&self, bytes: &[u8], filename: &str, piece: usize) -> UploadId {
        let id = self.create(Some(bytes.len() as u64), filename).await;
        let mut offset = 0;
        for piece in bytes.chunks(piece) {
            let mut receiving = self.take(id).await;
            assert_eq!(receiving.offset(), offset);
            offset = receiving.append(whole(piece), None).await.unwrap();
            if offset == bytes.len() as u64 {
                receiving.end().await.unwrap();
            }
        }
        id
    }

    /// Tends to open uploads until nothing is left to do, as if no time had to pass between tries.
    pub(crate) async fn settle(&self) {
        // By a clock that no test stops: a disk takes the time that it takes.
        let began = std::time::Instant::now();
        while began.elapsed() < Duration::from_secs(20) {
            for entry in self.ingest.0.table.all() {
                entry.desk().retry_at = None;
            }
            self.ingest.tend_once().await;
            // A disk thread may still have what a dropped request gave it.
            tokio::time::timeout(Duration::from_millis(1), std::future::pending::<()>()).await.ok();
            let busy = |entry: &Arc<crate::table::Entry>| {
                entry.is_held()
                    || entry.desk().completing
                    || entry.chore(Instant::now(), Duration::MAX).is_some()
            };
            if !self.ingest.0.table.all().iter().any(busy) {
                return;
            }
            tokio::task::yield_now().await;
        }
    }

    /// Checks that an upload became a track of these bytes, and that nothing else is left of it.
    pub(crate) async fn is_track(&self, id: UploadId, bytes: &[u8]) -> Track {
        let status = self.ingest.status(&self.ann, id).await.unwrap();
        assert_eq!((status.row.phase, status.offset), (catalog::Phase::Ready, bytes.len() as u64));
        let track = self.catalog.track(&Viewer::of(&self.ann), status.row.track.unwrap()).await.unwrap();
        assert_eq!(track.digest, Some(digest(bytes)));
        assert_eq!(self.read(track.blob.as_ref().unwrap()).await, bytes);
        self.is_clean();
        track
    }

    /// Nothing is in the spool or in the table.
    pub(crate) fn is_clean(&self) {
        assert_eq!(self.spool.list(None, 10).unwrap(), []);
        assert_eq!(self.ingest.0.table.len(), 0);
        assert_eq!(self.ingest.0.slots.used(), 0);
    }

    pub(crate) async fn read(&self, key: &BlobKey) -> Vec<u8> {
        let source = self.blobs.open(key).await.unwrap();
        tokio::task::spawn_blocking(move || {
            let mut bytes = vec![0; source.len() as usize];
            let mut filled = 0;
            while filled < bytes.len() {
                filled += source.read_at(&mut bytes[filled..], filled as u64).unwrap();
            }
            bytes
        })
        .await
        .unwrap()
    }
}

fn engine(
    catalog: &Arc<dyn Catalog>,
    spool: &Spool,
    room: &Room,
    blobs: &Arc<dyn Blobs>,
    limits: &Limits,
) -> Ingest {
    Ingest::new(Parts {
        catalog: Arc::clone(catalog),
        spool: spool.clone(),
        io: spool.io().clone(),
        room: room.clone(),
        blobs: Arc::clone(blobs),
        budget: Budget::new(256 * MIB).unwrap(),
        limits: limits.clone(),
    })
}

pub(crate) fn ask(length: Option<u64>, filename: &str) -> Ask {
    let asked = Asked { filename: filename.to_owned(), ..Asked::default() };
    Ask { length, asked, ..Ask::default() }
}

pub(crate) fn digest(bytes: &[u8]) -> BlobId {
    BlobId::from_bytes(Sha256::digest(bytes).into())
}

/// A sound file of so many bytes (44 at least), told apart by its seed.
pub(crate) fn wav(bytes: usize, seed: u8) -> Vec<u8> {
    let mut file = b"RIFF".to_vec();
    file.extend((bytes as u32 - 8).to_le_bytes());
    file.extend(b"WAVEfmt \x10\0\0\0\x01\0\x02\0\x44\xac\0\0\x10\xb1\x02\0\x04\0\x10\0data");
    file.extend((bytes as u32 - 44).to_le_bytes());
    file.extend((file.len()..bytes).map(|at| (at as u8).wrapping_mul(31) ^ (at >> 8) as u8 ^ seed));
    assert_eq!(file.len(), bytes);
    file
}

/// A picture of so many bytes.
pub(crate) fn png(bytes: usize) -> Vec<u8> {
    let mut file = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR".to_vec();
    file.resize(bytes.max(file.len()), 7);
    file
}

/// A body with a length that is known before.
pub(crate) fn whole(bytes: &[u8]) -> Full<Bytes> {
    Full::new(Bytes::copy_from_slice(bytes))
}

/// A body whose frames a test sends; an error breaks it off.
pub(crate) fn line() -> (mpsc::Sender<Result<Bytes, ()>>, Line) {
    let (send, receive) = mpsc::channel(64);
    (send, Line(receive))
}

pub(crate) struct Line(mpsc::Receiver<Result<Bytes, ()>>);

impl Body for Line {
    type Data = Bytes;
    type Error = ();

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut std::task::Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, ()>>> {
        self.0.poll_recv(context).map(|frame| frame.map(|frame| frame.map(Frame::data)))
    }
}

/// Polls a future so many times, each when it is woken, then drops it. `Some` when it was ready before.
pub(crate) async fn polled<F: Future>(times: usize, future: F) -> Option<F::Output> {
    let mut future = pin!(future);
    let mut left = times;
    std::future::poll_fn(move |context| {
        if left == 0 {
            return Poll::Ready(None);
        }
        left -= 1;
        match future.as_mut().poll(context) {
            Poll::Ready(done) => Poll::Ready(Some(done)),
            Poll::Pending if left == 0 => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        }
    })
    .await
}

/// A store over the network that can be out of reach.
struct Far {
    blobs: MemoryBlobs,
    down: Arc<AtomicBool>,
    /// What is to be forgotten is waited for without an end.
    hangs: Arc<AtomicBool>,
    /// What is published next, after which this is false, takes for ever unless it is stopped.
    slow: Arc<AtomicBool>,
    stopped: Notify,
}

impl Far {
    fn reach(&self) -> Result<&MemoryBlobs, StoreError> {
        if self.down.load(Ordering::Relaxed) { Err(cut()) } else { Ok(&self.blobs) }
    }
}

fn cut() -> StoreError {
    let context = "the line is cut".to_owned();
    StoreError { kind: store::ErrorKind::Unreachable, context, source: None, unseen: None }
}

#[async_trait]
impl Blobs for Far {
    fn advance(&self, _: &Publication, _: u64) {}

    async fn publish(&self, job: &Publication, whole: &Whole) -> Result<BlobKey, StoreError> {
        if self.slow.swap(false, Ordering::Relaxed) {
            self.stopped.notified().await;
            return Err(cut());
        }
        self.reach()?.publish(job, whole).await
    }

    fn stop(&self, _: store::SpoolId) {
        self.stopped.notify_waiters();
    }

    async fn abandon(&self, job: &Publication) -> Result<(), StoreError> {
        if self.hangs.load(Ordering::Relaxed) {
            std::future::pending::<()>().await;
        }
        self.reach()?.abandon(job).await
    }

    async fn open(&self, key: &BlobKey) -> Result<Source, StoreError> {
        self.reach()?.open(key).await
    }

    async fn remove(&self, key: &BlobKey) -> Result<(), StoreError> {
        self.reach()?.remove(key).await
    }

    async fn list(&self, after: Option<&BlobKey>, max: usize) -> Result<Vec<Listed>, StoreError> {
        self.reach()?.list(after, max).await
    }

    async fn check(&self, key: &BlobKey) -> Result<Checked, StoreError> {
        self.reach()?.check(key).await
    }

    async fn quarantine(&self, key: &BlobKey) -> Result<(), StoreError> {
        self.reach()?.quarantine(key).await
    }

    async fn empty_quarantine(&self, before: SystemTime) -> Result<u64, StoreError> {
        self.reach()?.empty_quarantine(before).await
    }

    fn is_remote(&self) -> bool {
        true
    }

    fn register(&self, _: &mut Registry) {}
}
