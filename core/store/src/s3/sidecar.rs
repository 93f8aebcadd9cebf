//! What lies beside each object, so that its bytes can be checked and found again without the catalog.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use budget::limits::BLOB_BLOCK_BYTES;
use serde::{Deserialize, Serialize};

use crate::blob::{BlobId, BlobKey};
use crate::error::{Error, ErrorKind};
use crate::sums::BlockSums;

/// The number of this format.
const FORMAT: u32 = 1;

/// The text of a sidecar, in JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Sidecar {
    format: u32,
    key: String,
    sha256: String,
    file_id: String,
    /// Length in bytes.
    length: u64,
    content_type: String,
    /// When it was written, milliseconds since 1970.
    created_ms: u64,
    /// Names for whoever finds the bytes without the catalog.
    names: Vec<(String, String)>,
    /// How many bytes each sum is of.
    block_bytes: u64,
    /// CRC32C of each block, eight hexadecimal digits each, one behind the other.
    crc32c: String,
}

/// What is known of an object, from its sidecar.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Known {
    pub(super) id: BlobId,
    pub(super) created: SystemTime,
    pub(super) sums: BlockSums,
}

impl Sidecar {
    pub(super) fn new(
        key: &BlobKey,
        id: &BlobId,
        content_type: &str,
        names: &[(String, String)],
        sums: &BlockSums,
    ) -> Self {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Sidecar {
            format: FORMAT,
            key: key.as_str().to_owned(),
            sha256: id.to_string(),
            file_id: id.file_id().to_string(),
            length: sums.length(),
            content_type: content_type.to_owned(),
            created_ms: u64::try_from(since.as_millis()).unwrap_or(u64::MAX),
            names: names.to_vec(),
            block_bytes: BLOB_BLOCK_BYTES,
            crc32c: sums.all().iter().map(|sum| format!("{sum:08x}")).collect(),
        }
    }

    pub(super) fn to_json(&self) -> Result<Vec<u8>, Error> {
        serde_json::to_vec(self)
            .map_err(|e| Error::new(ErrorKind::Format, format!("no sidecar can be written: {e}")))
    }

    /// Reads the sidecar of this key.
    ///
    /// # Errors
    /// `Corrupt` when it is none, or another's.
    pub(super) fn read(json: &[u8], key: &BlobKey) -> Result<Known, Error> {
        let bad = |said: &str| Error::new(ErrorKind::Corrupt, format!("the sidecar of {key} {said}"));
        let read: Sidecar = serde_json::from_slice(json).map_err(|e| bad(&format!("cannot be read: {e}")))?;
        if read.format != FORMAT || read.block_bytes != BLOB_BLOCK_BYTES {
            return Err(bad("has a format that this release does not know"));
        }
        if read.key != key.as_str() {
            return Err(bad("speaks of another object"));
        }
        let id = read.sha256.parse().map_err(|_| bad("has no SHA-256"))?;
        let sums: Option<Vec<u32>> = read
            .crc32c
            .as_bytes()
            .chunks(8)
            .map(|digits| u32::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok())
            .collect();
        let sums = sums.ok_or_else(|| bad("has no checksums"))?;
        let sums =
            BlockSums::new(read.length, sums).map_err(|_| bad("has not one checksum for each block"))?;
        let created = UNIX_EPOCH.checked_add(Duration::from_millis(read.created_ms)).unwrap_or(UNIX_EPOCH);
        Ok(Known { id, created, sums })
    }
}

/// The key of the sidecar: the object's with another ending.
pub(super) fn sidecar_key(key: &BlobKey) -> String {
    let key = key.as_str();
    let stem = key.rsplit_once('.').map_or(key, |(stem, _)| stem);
    format!("{stem}{ENDING}")
}

/// Whether an object is a sidecar.
pub(super) fn is_sidecar(key: &str) -> bool {
    key.ends_with(ENDING)
}

const ENDING: &str = ".json";

#[cfg(test)]
mod tests {
    use super::*;

    fn sidecar() -> (BlobKey, Sidecar) {
        let key = BlobKey::parse("audio/0b-1.flac").unwrap();
        let names = [("filename".to_owned(), "Höre \"mich\".flac".to_owned())];
        let id = BlobId::from_bytes([7; 32]);
        let sums = BlockSums::new(BLOB_BLOCK_BYTES + 1, vec![0xdead_beef, 1]).unwrap();
        let sidecar = Sidecar::new(&key, &id, "audio/flac", &names, &sums);
        (key, sidecar)
    }

    #[test]
    fn what_was_written_is_read_again() {
        let (key, sidecar) = sidecar();
        let known = Sidecar::read(&sidecar.to_json().unwrap(), &key).unwrap();
        assert_eq!((known.id, known.sums.length()), (BlobId::from_bytes([7; 32]), BLOB_BLOCK_BYTES + 1));
        assert_eq!(known.sums.all(), [0xdead_beef, 1]);
        assert_eq!(sidecar_key(&key), "audio/0b-1.json");
        assert!(is_sidecar(&sidecar_key(&key)) && !is_sidecar(key.as_str()));
    }

    #[test]
    fn what_is_no_sidecar_of_this_object_is_corrupt() {
        let (key, sidecar) = sidecar();
        let other = BlobKey::parse("audio/0b-2.flac").unwrap();
        let with = |change: &dyn Fn(&mut Sidecar)| {
            let mut changed = sidecar.clone();
            change(&mut changed);
            changed.to_json().unwrap()
        };
        let cases = [
            (b"{}".to_vec(), &key),
            (b"".to_vec(), &key),
            (sidecar.to_json().unwrap(), &other),
            (with(&|s| s.format = 2), &key),
            (with(&|s| s.block_bytes = 4096), &key),
            (with(&|s| s.length = 3 * BLOB_BLOCK_BYTES), &key),
            (with(&|s| s.sha256.truncate(63)), &key),
            (with(&|s| s.crc32c.replace_range(..1, "x")), &key),
            (with(&|s| s.crc32c.truncate(8)), &key),
        ];
        for (json, key) in cases {
            let read = Sidecar::read(&json, key);
            assert_eq!(read.unwrap_err().kind, ErrorKind::Corrupt, "{}", String::from_utf8_lossy(&json));
        }
    }
}
