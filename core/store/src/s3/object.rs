//! One object of the bucket, whose blocks are read.

use std::io;
use std::ops::Range;
use std::sync::Arc;

use futures_util::future::BoxFuture;

use super::bucket::Bucket;
use super::sidecar::Known;
use crate::blob::BlobKey;
use crate::blobs::BadBlobs;
use crate::error::{Error, ErrorKind};
use crate::remote::blocks::{Upstream, mismatch};
use crate::source::Pieces;

/// An object, and what its sidecar says about it.
pub(super) struct Stored {
    pub(super) bucket: Arc<Bucket>,
    pub(super) bad: Arc<BadBlobs>,
    pub(super) key: BlobKey,
    pub(super) known: Known,
}

impl Upstream for Stored {
    fn name(&self) -> &str {
        self.key.as_str()
    }

    fn length(&self) -> u64 {
        self.known.sums.length()
    }

    fn sum(&self, block: u32) -> Option<u32> {
        self.known.sums.get(u64::from(block))
    }

    fn fetch(&self, range: Range<u64>) -> BoxFuture<'_, io::Result<Pieces>> {
        Box::pin(async move {
            let read = self.bucket.read(self.key.as_str(), Some(range)).await;
            let (whole, pieces) = read.map_err(unreachable)?;
            if whole != self.known.sums.length() {
                return Err(mismatch());
            }
            Ok(pieces)
        })
    }

    fn is_bad(&self, block: u32) {
        tracing::error!(key = %self.key, block, "a block in the bucket does not match its checksum");
        self.bad.report(&self.key);
    }

    fn has_rotted(&self) {
        self.bad.count();
    }
}

fn unreachable(e: Error) -> io::Error {
    let kind = match e.kind {
        ErrorKind::NotFound => io::ErrorKind::NotFound,
        _ => io::ErrorKind::ConnectionAborted,
    };
    io::Error::new(kind, e)
}

#[cfg(test)]
mod tests;
