//! What decoders read, with an eye on how much.

use std::io::{self, Read, Seek, SeekFrom};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use budget::limits::STEMS_READ_BYTES_MAX;
use symphonia::core::io::MediaSource;

/// Bytes that can be read from any place: a file, or a source of another kind.
pub trait Media: Read + Seek + Send + Sync {}

impl<T: Read + Seek + Send + Sync> Media for T {}

/// How many bytes may still be read before samples must come.
#[derive(Clone)]
pub(super) struct Allowance(Arc<AtomicU64>);

impl Allowance {
    pub(super) fn renew(&self) {
        self.0.store(STEMS_READ_BYTES_MAX, Ordering::Relaxed);
    }
}

/// A song as the decoders see it.
pub(super) struct Metered {
    media: Box<dyn Media>,
    length_bytes: u64,
    allowance: Allowance,
}

impl Metered {
    pub(super) fn new(mut media: Box<dyn Media>) -> io::Result<(Self, Allowance)> {
        let length_bytes = media.seek(SeekFrom::End(0))?;
        media.seek(SeekFrom::Start(0))?;
        let allowance = Allowance(Arc::new(AtomicU64::new(STEMS_READ_BYTES_MAX)));
        Ok((Metered { media, length_bytes, allowance: allowance.clone() }, allowance))
    }

    pub(super) fn length_bytes(&self) -> u64 {
        self.length_bytes
    }
}

impl Read for Metered {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let left = self.allowance.0.load(Ordering::Relaxed);
        if left == 0 {
            return Err(io::Error::new(
                io::ErrorKind::FileTooLarge,
                format!("{STEMS_READ_BYTES_MAX} bytes were read and no sound came"),
            ));
        }
        let room = usize::try_from(left).unwrap_or(usize::MAX).min(into.len());
        let count = self.media.read(&mut into[..room])?;
        self.allowance.0.store(left.saturating_sub(count as u64), Ordering::Relaxed);
        Ok(count)
    }
}

impl Seek for Metered {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.media.seek(to)
    }
}

impl MediaSource for Metered {
    fn is_seekable(&self) -> bool {
        true
    }

    fn byte_len(&self) -> Option<u64> {
        Some(self.length_bytes)
    }
}
