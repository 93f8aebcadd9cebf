//! Blobs in a bucket that speaks S3.
//!
//! An upload is sent while it comes: each part as soon as it is whole and synced, out of the spool file through one
//! buffer. The key is made of the upload's id, `audio/<uuid>.<suffix>` or `images/<uuid>.<suffix>`; beside the object
//! lies a sidecar, `<uuid>.json`, with its SHA-256, its names and the checksum of each block, so that every tool for S3
//! can read what is there. Nothing depends on conditional requests: keys are random, and nobody else writes them.
//!
//! What is read comes by blocks of 1 MiB and stays on the local disk for a while. A block is compared with its checksum
//! whenever it comes, and again before it is given after the time that [`S3Settings::verified`] says. Who waits for the
//! bucket waits on threads of its own. All that is shared with origins, in [`crate::remote`].

mod bucket;
mod figures;
mod http;
mod jobs;
mod leftovers;
mod object;
mod part;
mod progress;
mod settings;
mod sidecar;

use std::fmt;
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use async_trait::async_trait;
use budget::BoundedMap;
use budget::limits::{S3_FETCHES_AHEAD_MAX, S3_FETCHES_MAX, S3_OPEN_MAX, S3_READERS_MAX};
use futures_util::StreamExt;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

pub use settings::S3Settings;

use crate::blob::BlobKey;
use crate::blobs::{BadBlobs, Blobs, Checked, Listed, Publication};
use crate::data::DataFolder;
use crate::error::{Error, ErrorKind};
use crate::remote::blocks::{Crowd, OpenObject, Reading};
use crate::remote::cache::{Blocks, ObjectId};
use crate::source::{Source, Validator};
use crate::spool::{Spool, SpoolId, Whole};
use crate::sums::Summing;
use bucket::Bucket;
use figures::Figures;
use jobs::Jobs;
use object::Stored;
use sidecar::{Known, Sidecar, is_sidecar, sidecar_key};

/// The folders of the bucket that are ours, in the order of their names.
const FOLDERS: [&str; 2] = ["audio", "images"];
/// Where what nobody knows is put aside, under its key.
const QUARANTINE_FOLDER: &str = "quarantine";

/// How many may read from a bucket at the same time.
const CROWD: Crowd = Crowd {
    threads_name: "millpond-bucket",
    readers_max: S3_READERS_MAX,
    fetches_max: S3_FETCHES_MAX,
    ahead_max: S3_FETCHES_AHEAD_MAX,
};

/// Blobs in a bucket. A clone is the same store.
#[derive(Clone)]
pub struct S3Blobs(Arc<Shared>);

struct Shared {
    bucket: Arc<Bucket>,
    jobs: Jobs,
    reading: Arc<Reading>,
    open: BoundedMap<BlobKey, OpenObject<Stored>>,
    bad: Arc<BadBlobs>,
    figures: Figures,
    gauges: Gauges,
}

#[derive(Default)]
struct Gauges {
    jobs: Gauge,
    connections: Gauge,
    cache_bytes: Gauge,
}

impl S3Blobs {
    /// The blobs of that bucket, for uploads of that spool; blocks are kept in the data folder, in a cache of
    /// [`S3Settings::cache_bytes`] that nobody else may have open. Nothing is asked of the bucket yet: see
    /// [`S3Blobs::look`]. Blocks, and must be called within the runtime that everything runs on.
    ///
    /// # Errors
    /// When the settings make no sense, or the folder of the cache cannot be used.
    pub fn open(data: &DataFolder, spool: Spool, settings: &S3Settings) -> Result<Self, Error> {
        S3Blobs::sharing(Blocks::open(data, settings.cache_bytes)?, spool, settings)
    }

    /// As [`S3Blobs::open`], with a cache that others use too, whatever the settings say of its size.
    ///
    /// # Errors
    /// When the settings make no sense.
    pub fn sharing(blocks: Blocks, spool: Spool, settings: &S3Settings) -> Result<Self, Error> {
        let bucket = Arc::new(Bucket::new(settings)?);
        let figures = Figures::new();
        let reading = Reading::new(blocks, figures.blocks.clone(), settings.verified, CROWD)?;
        let jobs = Jobs::new(Arc::clone(&bucket), spool, figures.clone());
        Ok(S3Blobs(Arc::new(Shared {
            bucket,
            jobs,
            open: BoundedMap::new("open_blobs", S3_OPEN_MAX, reading.verified),
            reading: Arc::new(reading),
            bad: Arc::default(),
            figures,
            gauges: Gauges::default(),
        })))
    }

    /// Asks the bucket whether it is there and lets us list it, for the log at start.
    ///
    /// # Errors
    /// `Unreachable` says what keeps it from answering: no connection, no such bucket, not allowed.
    pub async fn look(&self) -> Result<(), Error> {
        match self.list(None, 1).await {
            Ok(_) => Ok(()),
            Err(e) => Err(Error { kind: ErrorKind::Unreachable, ..e }),
        }
    }

    /// Brings the gauges up to date; call it before the metrics are written.
    fn measure(&self) {
        let whole = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
        let gauges = &self.0.gauges;
        gauges.jobs.set(whole(self.0.jobs.len()));
        gauges.connections.set(whole(self.0.bucket.connections().open()));
        gauges.cache_bytes.set(i64::try_from(self.0.reading.blocks.bytes()).unwrap_or(i64::MAX));
    }

    /// What the sidecar says.
    async fn known(&self, key: &BlobKey) -> Result<Known, Error> {
        match self.0.bucket.read_small(&sidecar_key(key)).await {
            Ok(json) => Sidecar::read(&json, key),
            Err(e) if e.kind == ErrorKind::NotFound => {
                // Without its sidecar an object cannot be checked, and nothing unchecked is ever given.
                self.0.bucket.length(key.as_str()).await?;
                Err(Error::new(ErrorKind::Corrupt, format!("{key} has lost its sidecar")))
            }
            Err(e) => Err(e),
        }
    }

    /// Forgets what is known of an object here.
    async fn forget(&self, key: &BlobKey) -> Result<(), Error> {
        self.0.open.remove(key);
        let (reading, id) = (Arc::clone(&self.0.reading), ObjectId::of(key.as_str().as_bytes()));
        let forgotten = tokio::task::spawn_blocking(move || reading.blocks.forget_object(id)).await;
        forgotten.map_err(|_| Error::new(ErrorKind::Io, "work with the cache was stopped"))
    }
}

#[async_trait]
impl Blobs for S3Blobs {
    fn advance(&self, job: &Publication, synced_bytes: u64) {
        self.0.jobs.advance(job, synced_bytes);
        self.measure();
    }

    async fn publish(&self, job: &Publication, whole: &Whole) -> Result<BlobKey, Error> {
        let begun = Instant::now();
        let published = self.0.jobs.publish(job, whole).await;
        self.measure();
        if published.is_ok() {
            self.0.figures.publish_seconds.observe(begun.elapsed().as_secs_f64());
        }
        published
    }

    async fn abandon(&self, job: &Publication) -> Result<(), Error> {
        let abandoned = self.0.jobs.abandon(job).await;
        self.measure();
        abandoned
    }

    fn stop(&self, upload: SpoolId) {
        self.0.jobs.stop(upload);
    }

    async fn open(&self, key: &BlobKey) -> Result<Source, Error> {
        let object = match self.0.open.get(key) {
            Some(object) => object,
            None => {
                let known = self.known(key).await?;
                let (bucket, bad) = (Arc::clone(&self.0.bucket), Arc::clone(&self.0.bad));
                let id = ObjectId::of(key.as_str().as_bytes());
                let stored = Stored { bucket, bad, key: key.clone(), known };
                let object = OpenObject::new(Arc::clone(&self.0.reading), id, stored);
                self.0.open.insert(key.clone(), object.clone());
                object
            }
        };
        let known = &object.upstream().known;
        let (length, created) = (known.sums.length(), known.created);
        let validator = Validator::fixed(&known.id.to_string());
        self.measure();
        Ok(Source::remote(object, key.as_str(), length, created, validator))
    }

    async fn remove(&self, key: &BlobKey) -> Result<(), Error> {
        // What is left after a crash in between is listed, and removed again by whoever finds no row of it.
        self.0.bucket.remove(&sidecar_key(key)).await?;
        self.0.bucket.remove(key.as_str()).await?;
        self.forget(key).await
    }

    async fn list(&self, after: Option<&BlobKey>, max: usize) -> Result<Vec<Listed>, Error> {
        if after.is_none() {
            leftovers::abort_in_background(&self.0.bucket);
        }
        let mut listed = Vec::new();
        for folder in FOLDERS {
            let after = match after.map(BlobKey::as_str) {
                Some(after) if after.split_once('/').is_some_and(|(of, _)| of > folder) => continue,
                Some(after) if after.starts_with(folder) => Some(after),
                _ => None,
            };
            let mut objects = self.0.bucket.list(folder, after);
            while listed.len() < max
                && let Some(object) = objects.next().await
            {
                let object = object?;
                if let Ok(key) = BlobKey::parse(&object.key)
                    && !is_sidecar(&object.key)
                {
                    listed.push(Listed { key, length: object.length, modified: object.modified });
                }
            }
        }
        Ok(listed)
    }

    async fn check(&self, key: &BlobKey) -> Result<Checked, Error> {
        let known = match self.known(key).await {
            Ok(known) => known,
            Err(e) if e.kind == ErrorKind::NotFound => return Ok(Checked::Missing),
            Err(e) if e.kind == ErrorKind::Corrupt => return Ok(Checked::Bad { block: 0 }),
            Err(e) => return Err(e),
        };
        let (length, mut pieces) = match self.0.bucket.read(key.as_str(), None).await {
            Ok(reading) => reading,
            Err(e) if e.kind == ErrorKind::NotFound => return Ok(Checked::Missing),
            Err(e) => return Err(e),
        };
        let sums = &known.sums;
        let (mut summing, mut block, mut bad) = (Summing::default(), 0, None);
        while bad.is_none()
            && let Some(piece) = pieces.next().await
        {
            let broken =
                |e| Error { kind: ErrorKind::Unreachable, ..Error::io(format!("{key} cannot be read"), e) };
            summing.take(&piece.map_err(broken)?, |sum| {
                if bad.is_none() && sums.get(block) != Some(sum) {
                    bad = Some(block);
                }
                block += 1;
            });
        }
        if let Some(sum) = summing.rest()
            && sums.get(block) != Some(sum)
        {
            bad = bad.or(Some(block));
        }
        if length != sums.length() {
            bad = bad.or(Some(sums.all().len() as u64));
        }
        Ok(bad.map_or(Checked::Sound, |block| Checked::Bad { block }))
    }

    async fn quarantine(&self, key: &BlobKey) -> Result<(), Error> {
        for key in [key.as_str().to_owned(), sidecar_key(key)] {
            match self.0.bucket.copy(&key, &format!("{QUARANTINE_FOLDER}/{key}")).await {
                Err(e) if e.kind != ErrorKind::NotFound => return Err(e),
                Ok(()) | Err(_) => self.0.bucket.remove(&key).await?,
            }
        }
        self.forget(key).await
    }

    async fn empty_quarantine(&self, before: SystemTime) -> Result<u64, Error> {
        let mut removed = 0;
        let mut objects = self.0.bucket.list(QUARANTINE_FOLDER, None);
        while let Some(object) = objects.next().await {
            let object = object?;
            if object.modified < before {
                self.0.bucket.remove(&object.key).await?;
                tracing::info!(key = object.key, "what was in quarantine for long is gone");
                removed += 1;
            }
        }
        Ok(removed)
    }

    fn reported(&self) -> Vec<BlobKey> {
        self.0.bad.take()
    }

    fn is_remote(&self) -> bool {
        true
    }

    fn register(&self, registry: &mut Registry) {
        self.0.open.register(registry);
        self.0.bad.register(registry);
        self.0.figures.register(registry);
        let gauges = &self.0.gauges;
        registry.register("s3_uploads", "Uploads on their way into the bucket", gauges.jobs.clone());
        registry.register("s3_connections", "Open connections to the bucket", gauges.connections.clone());
        registry.register("s3_cache_bytes", "Bytes of blocks on the local disk", gauges.cache_bytes.clone());
    }
}

impl fmt::Debug for S3Blobs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("S3Blobs").field("jobs", &self.0.jobs.len()).finish_non_exhaustive()
    }
}
