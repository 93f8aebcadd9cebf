//! How far an upload came on its way into the bucket, written down beside its spool file so that a restart goes on.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use budget::limits::{BLOB_BLOCK_BYTES, S3_PART_BYTES, S3_PARTS_MAX};
use serde::{Deserialize, Serialize};

use crate::blob::{BlobKey, Suffix};
use crate::error::{Error, ErrorKind};
use crate::spool::{PARTS_NEW_SUFFIX, PARTS_SUFFIX, SpoolId};

/// The longest such file that is read: ten thousand parts with long tags.
// format: bounds what our own files can be
const PROGRESS_BYTES_MAX: u64 = 4 * 1024 * 1024;

/// How far one upload came.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Progress {
    /// Under which key it will be found; chosen once.
    pub(super) key: String,
    /// The size of every part but the last; chosen once.
    pub(super) part_bytes: u64,
    /// The bucket's name for the upload, when it was begun there.
    pub(super) multipart: Option<String>,
    /// The parts that the bucket has, by number from 1, with their tags.
    pub(super) parts: BTreeMap<u32, String>,
    /// Whether the object is whole, with its sidecar.
    pub(super) complete: bool,
}

impl Progress {
    /// The beginning of an upload of so many bytes, if that is known.
    pub(super) fn begin(id: SpoolId, suffix: Suffix, length: Option<u64>) -> Result<Self, Error> {
        Ok(Progress {
            key: key_of(id, suffix)?,
            part_bytes: part_bytes(length),
            multipart: None,
            parts: BTreeMap::new(),
            complete: false,
        })
    }

    pub(super) fn key(&self) -> Result<BlobKey, Error> {
        BlobKey::parse(&self.key)
    }

    /// Forgets what was sent, so that all of it is sent again under the same key.
    pub(super) fn restart(&mut self, length: Option<u64>) {
        self.part_bytes = part_bytes(length);
        self.multipart = None;
        self.parts.clear();
        self.complete = false;
    }

    /// The parts that can be sent and were not: those that are whole when `bytes` are there, and at the end the last.
    pub(super) fn missing(&self, bytes: u64, is_end: bool) -> Vec<Part> {
        let whole = bytes / self.part_bytes;
        let all = if is_end { bytes.div_ceil(self.part_bytes) } else { whole };
        let parts = (0..all).filter_map(|index| {
            let number = u32::try_from(index + 1).ok()?;
            let offset = index * self.part_bytes;
            let length = self.part_bytes.min(bytes - offset);
            (!self.parts.contains_key(&number)).then_some(Part { number, offset, length })
        });
        parts.collect()
    }

    /// Reads what is written down; blocks.
    ///
    /// # Errors
    /// When it cannot be read. What is no such text, after a crash of another kind than we know, is as if it was not there.
    pub(super) fn read(folder: &Path, id: SpoolId) -> Result<Option<Self>, Error> {
        let path = progress_path(folder, id);
        let context = || format!("{} cannot be read", path.display());
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(Error::io(context(), e)),
        };
        let mut text = Vec::new();
        let mut bounded = file.take(PROGRESS_BYTES_MAX);
        #[expect(clippy::disallowed_methods, reason = "a file of our own, bounded by `take`")]
        bounded.read_to_end(&mut text).map_err(|e| Error::io(context(), e))?;
        match serde_json::from_slice::<Progress>(&text) {
            Ok(read) if read.part_bytes > 0 && BlobKey::parse(&read.key).is_ok() => Ok(Some(read)),
            _ => {
                tracing::warn!(path = %path.display(), "what was sent of an upload is not known any more; it is sent again");
                Ok(None)
            }
        }
    }

    /// Writes it down so that it is there whole or as it was before; blocks.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(super) fn write(&self, folder: &Path, id: SpoolId) -> Result<(), Error> {
        let path = progress_path(folder, id);
        let temporary = folder.join(format!("{id}{PARTS_NEW_SUFFIX}"));
        let write = || -> io::Result<()> {
            let mut file =
                OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&temporary)?;
            file.write_all(&serde_json::to_vec(self)?)?;
            file.sync_all()?;
            fs::rename(&temporary, &path)?;
            File::open(folder)?.sync_all()
        };
        write().map_err(|e| Error::io(format!("{} cannot be written", path.display()), e))
    }

    /// Removes it; blocks. Absent is fine.
    ///
    /// # Errors
    /// When it cannot be removed.
    pub(super) fn remove(folder: &Path, id: SpoolId) -> Result<(), Error> {
        for path in [progress_path(folder, id), folder.join(format!("{id}{PARTS_NEW_SUFFIX}"))] {
            match fs::remove_file(&path) {
                Err(e) if e.kind() != io::ErrorKind::NotFound => {
                    return Err(Error::io(format!("{} cannot be removed", path.display()), e));
                }
                Ok(()) | Err(_) => {}
            }
        }
        Ok(())
    }
}

/// One part of an upload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Part {
    /// From 1.
    pub(super) number: u32,
    pub(super) offset: u64,
    pub(super) length: u64,
}

fn progress_path(folder: &Path, id: SpoolId) -> PathBuf {
    folder.join(format!("{id}{PARTS_SUFFIX}"))
}

/// Equal parts, because some stores refuse others, and never more of them than the protocol allows. They are made of
/// whole blocks.
pub(super) fn part_bytes(length: Option<u64>) -> u64 {
    let needed = length.unwrap_or(0).div_ceil(S3_PARTS_MAX).next_multiple_of(BLOB_BLOCK_BYTES);
    needed.max(S3_PART_BYTES)
}

/// The key of an upload: its own id, which is random, in the form of a UUID. Whoever finds the object in the bucket can
/// tell by it whether its upload is still under way, and then leaves it alone.
fn key_of(id: SpoolId, suffix: Suffix) -> Result<String, Error> {
    let digits = id.to_string();
    let kind = match suffix.as_str() {
        "jpg" | "png" | "webp" | "gif" => "images",
        _ => "audio",
    };
    let key = format!(
        "{kind}/{}-{}-{}-{}-{}.{suffix}",
        &digits[..8],
        &digits[8..12],
        &digits[12..16],
        &digits[16..20],
        &digits[20..]
    );
    match BlobKey::parse(&key) {
        Ok(_) => Ok(key),
        Err(_) => Err(Error::new(ErrorKind::Format, format!("{key} is no key"))),
    }
}

#[cfg(test)]
mod tests {
    use budget::limits::MIB;

    use super::*;

    #[test]
    fn parts_are_equal_whole_blocks_and_never_too_many() {
        let cases = [
            (None, 16 * MIB),
            (Some(0), 16 * MIB),
            (Some(1_536 * MIB), 16 * MIB),
            (Some(160_000 * MIB), 16 * MIB),
            (Some(160_000 * MIB + 1), 17 * MIB),
            (Some(5 * 1024 * 1024 * MIB), 525 * MIB),
        ];
        for (length, expected) in cases {
            assert_eq!(part_bytes(length), expected, "{length:?}");
            assert!(length.unwrap_or(0).div_ceil(part_bytes(length)) <= S3_PARTS_MAX);
        }
    }

    #[test]
    fn a_part_is_sent_when_it_is_whole_and_the_last_at_the_end() {
        let id = SpoolId::random().unwrap();
        let mut progress = Progress::begin(id, Suffix::parse("wav").unwrap(), None).unwrap();
        let numbers = |progress: &Progress, bytes, is_end| {
            progress.missing(bytes, is_end).iter().map(|part| (part.number, part.length)).collect::<Vec<_>>()
        };
        let part = progress.part_bytes;
        assert_eq!(numbers(&progress, part - 1, false), []);
        assert_eq!(numbers(&progress, 2 * part + 5, false), [(1, part), (2, part)]);
        progress.parts.insert(1, "tag".to_owned());
        assert_eq!(numbers(&progress, 2 * part + 5, true), [(2, part), (3, 5)]);
        assert_eq!(numbers(&progress, 2 * part, true), [(2, part)]);
        assert_eq!(numbers(&progress, 0, true), []);
    }

    #[test]
    fn a_key_is_made_of_the_upload_that_it_is_the_key_of() {
        let id: SpoolId = "00112233445566778899aabbccddeeff".parse().unwrap();
        for (suffix, key) in [
            ("flac", "audio/00112233-4455-6677-8899-aabbccddeeff.flac"),
            ("gif", "images/00112233-4455-6677-8899-aabbccddeeff.gif"),
        ] {
            let begun = Progress::begin(id, Suffix::parse(suffix).unwrap(), None).unwrap();
            assert_eq!(begun.key, key);
        }
    }

    #[test]
    fn what_is_written_down_is_found_again_and_rubbish_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let id = SpoolId::random().unwrap();
        assert_eq!(Progress::read(folder.path(), id).unwrap(), None);
        let mut progress = Progress::begin(id, Suffix::parse("png").unwrap(), Some(9)).unwrap();
        progress.multipart = Some("their/name+of=it".to_owned());
        progress.parts.insert(3, "\"tag\"".to_owned());
        progress.write(folder.path(), id).unwrap();
        assert_eq!(Progress::read(folder.path(), id).unwrap().as_ref(), Some(&progress));
        assert!(progress.key.starts_with("images/") && progress.key.ends_with(".png"));
        fs::write(progress_path(folder.path(), id), "{\"key\":").unwrap();
        assert_eq!(Progress::read(folder.path(), id).unwrap(), None);
        Progress::remove(folder.path(), id).unwrap();
        Progress::remove(folder.path(), id).unwrap();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
