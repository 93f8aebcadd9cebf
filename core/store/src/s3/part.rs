//! A piece of a spool file on its way into the bucket, through one buffer.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use budget::Chunks;
use budget::limits::BLOB_BLOCK_BYTES;
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

use crate::error::Error;
use crate::io::Io;
use crate::spool::SpoolReader;
use crate::sums::{BlockSums, Summing};

/// What a body reads from, and what is known of it.
#[derive(Clone)]
pub(super) struct Spooling {
    pub(super) reader: Arc<SpoolReader>,
    pub(super) sums: Arc<BlockSums>,
    pub(super) io: Io,
    pub(super) chunks: Chunks,
    /// Ends every body early.
    pub(super) stop: Arc<AtomicBool>,
    /// Set when the spool file is not what was received.
    pub(super) is_lost: Arc<AtomicBool>,
}

/// The body of one request. Every whole block that goes through it is compared with the checksum that it had when it was
/// received: what rotted in between must not become a blob.
pub(super) struct PartBody {
    from: Spooling,
    offset: u64,
    left: u64,
    summing: Summing,
    reading: Option<Reading>,
}

type Reading = Pin<Box<dyn Future<Output = Result<io::Result<(Bytes, Summing)>, Error>> + Send>>;

impl PartBody {
    /// The bytes from `offset`, which is where a block begins.
    pub(super) fn new(from: Spooling, offset: u64, length: u64) -> Self {
        PartBody { from, offset, left: length, summing: Summing::default(), reading: None }
    }

    fn read(&self) -> Reading {
        let (from, offset, left, summing) = (self.from.clone(), self.offset, self.left, self.summing);
        Box::pin(async move {
            let io = from.io.clone();
            io.run(move || from.piece(offset, left, summing)).await
        })
    }
}

impl Spooling {
    fn piece(&self, offset: u64, left: u64, mut summing: Summing) -> io::Result<(Bytes, Summing)> {
        if self.stop.load(Ordering::Relaxed) {
            return Err(io::Error::other("the upload is not wanted any more"));
        }
        let mut chunk = self.chunks.lend();
        let wanted = usize::try_from(left).unwrap_or(usize::MAX).min(chunk.len());
        let count = self.reader.read_at(&mut chunk[..wanted], offset)?;
        if count == 0 {
            self.is_lost.store(true, Ordering::Relaxed);
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let mut block = offset / BLOB_BLOCK_BYTES;
        let mut is_sound = true;
        summing.take(&chunk[..count], |sum| {
            is_sound &= self.sums.get(block) == Some(sum);
            block += 1;
        });
        let is_end = offset + count as u64 == self.sums.length();
        if let Some(sum) = summing.rest().filter(|_| is_end) {
            is_sound &= self.sums.get(block) == Some(sum);
        }
        if !is_sound {
            self.is_lost.store(true, Ordering::Relaxed);
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "the spool file is not what was received",
            ));
        }
        Ok((chunk.into_bytes(count), summing))
    }
}

impl Body for PartBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        if self.left == 0 {
            return Poll::Ready(None);
        }
        let mut reading = self.reading.take().unwrap_or_else(|| self.read());
        let Poll::Ready(read) = reading.as_mut().poll(cx) else {
            self.reading = Some(reading);
            return Poll::Pending;
        };
        let read = read.map_err(io::Error::other).and_then(|read| read);
        Poll::Ready(Some(read.map(|(bytes, summing)| {
            let count = bytes.len() as u64;
            (self.offset, self.left, self.summing) = (self.offset + count, self.left - count, summing);
            Frame::data(bytes)
        })))
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}
