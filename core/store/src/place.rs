//! Where bytes lie: in a library folder or among the blobs.

use std::fmt;
use std::sync::Arc;

use crate::blob::BlobKey;
use crate::blobs::Blobs;
use crate::error::Error;
use crate::folder::FolderId;
use crate::folders::Folders;
use crate::path::RelPath;
use crate::source::Source;

/// Where the bytes of a track or a picture lie.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Place {
    /// A file of a library folder, which is not ours to change.
    File(FolderId, RelPath),
    /// Something that was uploaded.
    Blob(BlobKey),
}

/// All that can be opened, wherever it lies. A clone is the same shelf.
#[derive(Clone)]
pub struct Shelf {
    folders: Folders,
    blobs: Arc<dyn Blobs>,
}

impl Shelf {
    /// The shelf of these folders and these blobs.
    pub fn new(folders: Folders, blobs: Arc<dyn Blobs>) -> Shelf {
        Shelf { folders, blobs }
    }

    /// Opens what lies there.
    ///
    /// # Errors
    /// As [`Folders::open`] and [`Blobs::open`].
    pub async fn open(&self, place: &Place) -> Result<Source, Error> {
        match place {
            Place::File(folder, path) => self.folders.open(*folder, path).await,
            Place::Blob(key) => self.blobs.open(key).await,
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
