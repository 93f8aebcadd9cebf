//! Where bytes lie: in a library folder or among the blobs.

use std::str::FromStr;
use std::sync::Arc;
use std::{fmt, io};

use futures_util::future::BoxFuture;

use crate::blob::BlobKey;
use crate::blobs::Blobs;
use crate::error::{Error, ErrorKind};
use crate::folder::FolderId;
use crate::folders::Folders;
use crate::hex;
use crate::path::RelPath;
use crate::source::Source;

/// Where the bytes of a track or a picture lie.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Place {
    /// A file of a library folder, which is not ours to change.
    File(FolderId, RelPath),
    /// Something that was uploaded.
    Blob(BlobKey),
    /// Something that was made of another source, and may go at any time.
    Rendition(RenditionKey),
}

/// What a rendition is found by: the hash of its recipe and its source, as 64 hex digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RenditionKey([u8; 32]);

impl RenditionKey {
    /// Its bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The key with these bytes.
    pub const fn from_bytes(bytes: [u8; 32]) -> RenditionKey {
        RenditionKey(bytes)
    }
}

impl fmt::Display for RenditionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        hex::write(f, &self.0)
    }
}

impl FromStr for RenditionKey {
    type Err = Error;

    fn from_str(text: &str) -> Result<RenditionKey, Error> {
        let no_key = || Error::new(ErrorKind::NotFound, "this is no key of a rendition");
        hex::parse(text).map(RenditionKey).ok_or_else(no_key)
    }
}

/// Whoever keeps renditions.
pub trait Kept: Send + Sync + 'static {
    /// Opens one, if it is still there.
    ///
    /// # Errors
    /// Of the disk, and of whatever knows where it lies.
    fn open_kept(&self, key: RenditionKey) -> BoxFuture<'_, io::Result<Option<Source>>>;
}

/// All that can be opened, wherever it lies. A clone is the same shelf.
#[derive(Clone)]
pub struct Shelf {
    folders: Folders,
    blobs: Arc<dyn Blobs>,
    kept: Option<Arc<dyn Kept>>,
}

impl Shelf {
    /// The shelf of these folders and these blobs.
    pub fn new(folders: Folders, blobs: Arc<dyn Blobs>) -> Shelf {
        Shelf { folders, blobs, kept: None }
    }

    /// The same shelf with these renditions.
    pub fn with_renditions(self, kept: Arc<dyn Kept>) -> Shelf {
        Shelf { kept: Some(kept), ..self }
    }

    /// Opens what lies there.
    ///
    /// # Errors
    /// As [`Folders::open`], [`Blobs::open`] and [`Kept::open_kept`].
    pub async fn open(&self, place: &Place) -> Result<Source, Error> {
        match place {
            Place::File(folder, path) => self.folders.open(*folder, path).await,
            Place::Blob(key) => self.blobs.open(key).await,
            Place::Rendition(key) => {
                let found = match &self.kept {
                    Some(kept) => kept.open_kept(*key).await,
                    None => Ok(None),
                };
                let found =
                    found.map_err(|e| Error::io(format!("the rendition {key} could not be opened"), e))?;
                found
                    .ok_or_else(|| Error::new(ErrorKind::NotFound, format!("the rendition {key} was let go")))
            }
        }
    }

    /// The library folders.
    pub fn folders(&self) -> &Folders {
        &self.folders
    }

    /// The blobs.
    pub fn blobs(&self) -> &Arc<dyn Blobs> {
        &self.blobs
    }
}

impl fmt::Debug for Shelf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Shelf")
    }
}
