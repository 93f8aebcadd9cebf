//! What keeps the files that people send: the spool on the local disk, and where whole files go.

use std::sync::Arc;

use ingest::Ingest;
use prometheus_client::registry::Registry;
use store::{Blobs, Blocks, ErrorKind, Io, LocalBlobs, Room, S3Blobs, S3Settings, Spool};

use crate::error::{Error, Result};
use crate::home::Home;
use crate::settings::Settings;

/// `store.url` when files stay in the data folder.
pub(crate) const LOCAL: &str = "local";

/// All of it.
pub(crate) struct Keeping {
    /// Where whole files are.
    pub(crate) blobs: Arc<dyn Blobs>,
    /// What takes files in.
    pub(crate) ingest: Ingest,
    /// The bucket, to be looked at once the server starts.
    bucket: Option<S3Blobs>,
    /// What was read of the bucket lately.
    pub(crate) blocks: Option<Blocks>,
    /// The threads that wait for its disk.
    pub(crate) io: Io,
    spool: Spool,
    room: Room,
}

impl Keeping {
    /// Opens the spool and the store. Blocks for a moment; a bucket is asked for nothing yet.
    ///
    /// # Errors
    /// Folders that cannot be made, and variables of a bucket that are missing.
    pub(crate) fn open(home: &Home, settings: &Settings) -> Result<Keeping> {
        let store = &settings.store;
        let io = Io::new(store.io_threads);
        let spool = Spool::open(&home.data, io.clone()).map_err(|e| Error::failed(e.to_string()))?;
        let room = Room::new(home.data.path(), store.free_bytes_min);
        let (mut bucket, mut blocks) = (None, None);
        let blobs: Arc<dyn Blobs> = if store.url == LOCAL {
            let local = LocalBlobs::open(&home.data, spool.clone(), Some(store.verified));
            Arc::new(local.map_err(|e| Error::failed(e.to_string()))?)
        } else {
            let variable = |name: &str| std::env::var(name).ok();
            let mut access = S3Settings::read(&store.url, variable).map_err(|e| refused(&e))?;
            (access.cache_bytes, access.verified) = (store.cache_bytes, store.verified);
            let shared = Blocks::open(&home.data, access.cache_bytes).map_err(|e| refused(&e))?;
            let s3 = S3Blobs::sharing(shared.clone(), spool.clone(), &access).map_err(|e| refused(&e))?;
            blocks = Some(shared);
            bucket = Some(s3.clone());
            Arc::new(s3)
        };
        let limits = &settings.limits;
        let ingest = Ingest::new(ingest::Parts {
            catalog: Arc::clone(&home.catalog),
            spool: spool.clone(),
            io: io.clone(),
            room: room.clone(),
            blobs: Arc::clone(&blobs),
            budget: home.budget.clone(),
            limits: ingest::Limits {
                upload_bytes_max: limits.upload_bytes_max,
                image_bytes_max: limits.image_bytes_max,
                uploads_per_user: limits.uploads_per_user,
                bytes_per_user: limits.bytes_per_user,
                rate_bytes_min: limits.upload_rate_bytes_min,
                lifetime_ms: limits.upload_lifetime_ms,
                free_bytes_min: store.free_bytes_min,
            },
        });
        Ok(Keeping { blobs, ingest, bucket, blocks, io, spool, room })
    }

    /// Adds all of its figures to the metrics.
    pub(crate) fn register(&self, registry: &mut Registry) {
        self.io.register(registry);
        self.spool.register(registry);
        self.room.register(registry);
        self.blobs.register(registry);
        self.ingest.register(registry);
    }

    /// Says in the log whether the bucket is there. The server starts without it too: uploads wait for it.
    pub(crate) async fn look(&self) {
        let Some(bucket) = &self.bucket else { return };
        match bucket.look().await {
            Ok(()) => tracing::info!("the bucket of store.url answers"),
            Err(e) => tracing::warn!(
                error = %e,
                "the bucket of store.url does not answer; uploads are kept here until it does"
            ),
        }
    }

    /// Makes the uploads of before the start go on.
    ///
    /// # Errors
    /// The database's.
    pub(crate) async fn recover(&self) -> Result<()> {
        self.ingest
            .recover()
            .await
            .map_err(|e| Error::failed(format!("the uploads of before cannot go on: {e}")))
    }
}

fn refused(e: &store::Error) -> Error {
    let error = Error::failed(e.to_string());
    match e.kind {
        ErrorKind::Format => error.hint("a bucket is reached by AWS_ENDPOINT_URL, AWS_REGION, AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"),
        _ => error,
    }
}
