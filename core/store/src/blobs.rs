//! What every place that keeps blobs must do.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

use async_trait::async_trait;
use budget::limits::BAD_BLOBS_WAITING_MAX;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::registry::Registry;

use crate::blob::{BlobKey, Suffix};
use crate::error::Error;
use crate::source::Source;
use crate::spool::{SpoolId, Whole};

/// An upload on its way to become a blob. A backend knows it by its spool id and keeps what else it must know itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Publication {
    /// The upload.
    pub spool: SpoolId,
    /// What the name ends in, where names have endings.
    pub suffix: Suffix,
    /// The media type, for stores that keep one.
    pub content_type: &'static str,
    /// How many bytes there will be, when it is known.
    pub length: Option<u64>,
    /// Names for whoever finds the bytes without the catalog: pairs of field and text.
    pub names: Vec<(String, String)>,
}

/// A blob as a list gives it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// The key.
    pub key: BlobKey,
    /// Length in bytes.
    pub length: u64,
    /// When its bytes were written.
    pub modified: SystemTime,
}

/// What a look at every byte of a blob found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Checked {
    /// All bytes match their checksums.
    Sound,
    /// They do not.
    Bad {
        /// The first block that is wrong, by number; the number after the last when the length is wrong.
        block: u64,
    },
    /// There is no such blob.
    Missing,
}

/// A place that keeps blobs.
///
/// Whoever calls takes care that no key is removed while a publication of the same bytes is on its way: publishing finds
/// that they are there and relies on them.
#[async_trait]
pub trait Blobs: Send + Sync + 'static {
    /// So many bytes of an upload are on disk and will not change: a remote store may begin to send them. Returns at
    /// once, and never fails: what was not sent is sent by [`Blobs::publish`].
    fn advance(&self, job: &Publication, synced_bytes: u64);

    /// Makes a whole upload a blob that is durable under its key when this returns. Can be called again after a crash,
    /// or when nobody knows whether an earlier call succeeded. The spool's files stay.
    ///
    /// # Errors
    /// `Lost` when the spool does not hold these bytes; `Full`, `Unreachable`, `Io` when it may be tried again.
    async fn publish(&self, job: &Publication, whole: &Whole) -> Result<BlobKey, Error>;

    /// Forgets an upload that ended, with what was sent of it unless it became a blob. An unknown one is fine. It does not
    /// need the bytes in the spool, and may take a network's time.
    ///
    /// # Errors
    /// As of the store; what must be known of it stays in the spool, so that it can be called again.
    async fn abandon(&self, job: &Publication) -> Result<(), Error>;

    /// Has a publication that is under way fail soon, because its upload is to end. Returns at once; a later publication
    /// of the same upload is not touched.
    fn stop(&self, _upload: SpoolId) {}

    /// Opens a blob. No byte is given that does not match the checksum that was written with it: such a read fails with
    /// [`std::io::ErrorKind::InvalidData`], is counted, and the key is among [`Blobs::reported`].
    ///
    /// # Errors
    /// `NotFound`; `Corrupt` when the blob's own checksums are gone and cannot be made again; `Unreachable`, `Io`.
    async fn open(&self, key: &BlobKey) -> Result<Source, Error>;

    /// Removes a blob; an absent one is fine. Who reads it reads on.
    ///
    /// # Errors
    /// As of the store; it can be called again.
    async fn remove(&self, key: &BlobKey) -> Result<(), Error>;

    /// At most `max` blobs in the order of their keys, from the first one behind `after`.
    ///
    /// # Errors
    /// As of the store.
    async fn list(&self, after: Option<&BlobKey>, max: usize) -> Result<Vec<Listed>, Error>;

    /// Reads every byte of a blob from where it is kept, and compares.
    ///
    /// # Errors
    /// When it cannot be read; that says nothing about its bytes.
    async fn check(&self, key: &BlobKey) -> Result<Checked, Error>;

    /// Puts a blob aside, so that it is no longer found under its key but a person can look at it.
    ///
    /// # Errors
    /// As of the store; an absent blob is fine.
    async fn quarantine(&self, key: &BlobKey) -> Result<(), Error>;

    /// Removes what was put aside before this moment, for good. Gives how many files that were.
    ///
    /// # Errors
    /// As of the store; it can be called again.
    async fn empty_quarantine(&self, before: SystemTime) -> Result<u64, Error>;

    /// Takes the keys of blobs that readers found bad since the last call, for the scrub to look at.
    fn reported(&self) -> Vec<BlobKey> {
        Vec::new()
    }

    /// Whether publishing takes a network's time, so that the state `publishing` is worth showing.
    fn is_remote(&self) -> bool;

    /// Adds this store's figures to the metrics.
    fn register(&self, registry: &mut Registry);
}

/// What readers found bad, until somebody looks at it.
#[derive(Debug)]
pub(crate) struct Bad<K> {
    waiting: Mutex<BTreeSet<K>>,
    found: Counter,
}

/// Blobs that readers found bad.
pub(crate) type BadBlobs = Bad<BlobKey>;

impl<K> Default for Bad<K> {
    fn default() -> Self {
        Bad { waiting: Mutex::default(), found: Counter::default() }
    }
}

impl<K: Ord + Clone> Bad<K> {
    /// Counts a bad block and remembers whose it is. Of too many the rest is found by the scrub.
    pub(crate) fn report(&self, key: &K) {
        self.count();
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.len() < BAD_BLOBS_WAITING_MAX {
            waiting.insert(key.clone());
        }
    }

    /// Counts a bad block.
    pub(crate) fn count(&self) {
        self.found.inc();
    }

    pub(crate) fn take(&self) -> Vec<K> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *waiting).into_iter().collect()
    }

    /// Shows how many bad blocks were found under a name of the metrics.
    pub(crate) fn register_as(&self, name: &'static str, help: &'static str, registry: &mut Registry) {
        registry.register(name, help, self.found.clone());
    }
}

impl BadBlobs {
    pub(crate) fn register(&self, registry: &mut Registry) {
        let help = "Blocks of stored files that did not match their checksum";
        self.register_as("blob_bad_blocks", help, registry);
    }
}
