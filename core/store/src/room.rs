//! Free space on a disk, of which everybody who writes is promised a part before he begins.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use crate::error::{Error, ErrorKind};

/// The free space of one disk. What may be promised is what the system says is free, without what others were promised
/// and have not written yet, and without a floor that nobody gets. A clone is the same room.
///
/// Promises live in memory. After a restart they are made anew, for what each upload still lacks.
#[derive(Clone, Debug)]
pub struct Room(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    path: PathBuf,
    free_bytes_min: u64,
    reserved_bytes: Mutex<u64>,
    gauge: Gauge,
    measure: fn(&Path) -> Result<u64, Error>,
}

impl Room {
    /// The room of the disk that `path` lies on, of which `free_bytes_min` stay free.
    pub fn new(path: &Path, free_bytes_min: u64) -> Room {
        Self::measured(path, free_bytes_min, free_bytes)
    }

    fn measured(path: &Path, free_bytes_min: u64, measure: fn(&Path) -> Result<u64, Error>) -> Room {
        Room(Arc::new(Shared {
            path: path.to_owned(),
            free_bytes_min,
            reserved_bytes: Mutex::new(0),
            gauge: Gauge::default(),
            measure,
        }))
    }

    /// What may still be promised, in bytes. Asks the system: microseconds on a local disk, but it may block.
    ///
    /// # Errors
    /// When the system does not say.
    pub fn free_bytes(&self) -> Result<u64, Error> {
        let free_bytes = (self.0.measure)(&self.0.path)?;
        let reserved_bytes = *self.0.reserved_bytes.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(free_bytes.saturating_sub(reserved_bytes).saturating_sub(self.0.free_bytes_min))
    }

    /// Promises so many bytes. Nothing is written and nothing allocated.
    ///
    /// # Errors
    /// `Full` says what was asked for and what there is.
    pub fn reserve(&self, bytes: u64) -> Result<Reserved, Error> {
        self.promise(bytes)?;
        Ok(Reserved { room: self.clone(), bytes })
    }

    fn promise(&self, bytes: u64) -> Result<(), Error> {
        let measured_bytes = (self.0.measure)(&self.0.path)?;
        let mut reserved_bytes = self.0.reserved_bytes.lock().unwrap_or_else(PoisonError::into_inner);
        let free_bytes = measured_bytes.saturating_sub(*reserved_bytes).saturating_sub(self.0.free_bytes_min);
        if bytes > free_bytes {
            let text = format!("{bytes} bytes were asked for and {free_bytes} are free for uploads");
            return Err(Error::new(ErrorKind::Full, text));
        }
        *reserved_bytes = reserved_bytes.saturating_add(bytes);
        self.0.show(*reserved_bytes);
        Ok(())
    }

    fn promise_again(&self, bytes: u64) {
        let mut reserved_bytes = self.0.reserved_bytes.lock().unwrap_or_else(PoisonError::into_inner);
        *reserved_bytes = reserved_bytes.saturating_add(bytes);
        self.0.show(*reserved_bytes);
    }

    fn give_back(&self, bytes: u64) {
        let mut reserved_bytes = self.0.reserved_bytes.lock().unwrap_or_else(PoisonError::into_inner);
        *reserved_bytes = reserved_bytes.saturating_sub(bytes);
        self.0.show(*reserved_bytes);
    }

    /// Adds what is promised to the metrics.
    pub fn register(&self, registry: &mut Registry) {
        let help = "Bytes on disk that are promised to uploads and not written yet";
        registry.register("room_reserved_bytes", help, self.0.gauge.clone());
    }
}

impl Shared {
    fn show(&self, reserved_bytes: u64) {
        self.gauge.set(i64::try_from(reserved_bytes).unwrap_or(i64::MAX));
    }
}

/// What one writer was promised and has not written yet. It goes back when this is dropped.
#[derive(Debug)]
pub struct Reserved {
    room: Room,
    bytes: u64,
}

impl Reserved {
    /// Asks for so many bytes more.
    ///
    /// # Errors
    /// As [`Room::reserve`]; what was promised before stays so.
    pub fn grow(&mut self, bytes: u64) -> Result<(), Error> {
        self.room.promise(bytes)?;
        self.bytes = self.bytes.saturating_add(bytes);
        Ok(())
    }

    /// So many bytes are written now: the system counts them as used.
    pub fn used(&mut self, bytes: u64) {
        let bytes = bytes.min(self.bytes);
        self.bytes -= bytes;
        self.room.give_back(bytes);
    }

    /// So many bytes that were written are gone again: their room is promised as before, and the system counts it as free.
    pub fn unused(&mut self, bytes: u64) {
        self.bytes = self.bytes.saturating_add(bytes);
        self.room.promise_again(bytes);
    }

    /// What is promised and not written yet.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }
}

impl Drop for Reserved {
    fn drop(&mut self) {
        self.room.give_back(self.bytes);
    }
}

/// What is free of the disk that `path` lies on. Blocks.
pub(crate) fn free_bytes(path: &Path) -> Result<u64, Error> {
    let found = rustix::fs::statvfs(path)
        .map_err(|e| Error::io(format!("the disk of {} cannot be asked for its room", path.display()), e))?;
    Ok(found.f_bavail.saturating_mul(found.f_frsize))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn room() -> Room {
        Room::measured(Path::new("nowhere"), 100, |_| Ok(1_000))
    }

    #[test]
    fn what_is_promised_to_one_is_not_there_for_another() {
        let room = room();
        let first = room.reserve(600).unwrap();
        assert_eq!(room.free_bytes().unwrap(), 300);
        let refused = room.reserve(301).unwrap_err();
        assert_eq!(refused.kind, ErrorKind::Full);
        assert!(refused.context.contains("301") && refused.context.contains("300"), "{refused}");
        let second = room.reserve(300).unwrap();
        assert_eq!(room.free_bytes().unwrap(), 0);
        drop(first);
        assert_eq!(room.free_bytes().unwrap(), 600);
        drop(second);
        assert_eq!((room.free_bytes().unwrap(), room.0.gauge.get()), (900, 0));
    }

    #[test]
    fn what_is_written_is_no_longer_promised_and_no_more_than_that_goes_back() {
        let room = room();
        let mut reserved = room.reserve(500).unwrap();
        reserved.used(200);
        assert_eq!((reserved.bytes(), room.free_bytes().unwrap()), (300, 600));
        reserved.grow(600).unwrap();
        assert_eq!(reserved.grow(1).unwrap_err().kind, ErrorKind::Full);
        assert_eq!(reserved.bytes(), 900);
        reserved.used(u64::MAX);
        assert_eq!((reserved.bytes(), room.free_bytes().unwrap()), (0, 900));
        reserved.unused(300);
        assert_eq!((reserved.bytes(), room.free_bytes().unwrap()), (300, 600));
        drop(reserved);
        assert_eq!(room.free_bytes().unwrap(), 900);
    }

    #[test]
    fn a_real_disk_is_asked_and_a_missing_one_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        assert!(Room::new(folder.path(), 0).free_bytes().unwrap() > 0);
        assert_eq!(Room::new(folder.path(), u64::MAX).free_bytes().unwrap(), 0);
        assert!(Room::new(&folder.path().join("gone"), 0).reserve(1).is_err());
    }
}
