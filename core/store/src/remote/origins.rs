//! Places that are asked for a file one after the other.

use std::sync::Arc;

use super::origin::{Found, RemoteOrigin};
use super::target::RemotePath;
use super::trouble::TroubleKind;
use crate::error::{Error, ErrorKind};
use crate::folder::FolderId;
use crate::folders::Folders;

/// One place.
#[derive(Clone)]
pub enum Origin {
    /// A folder of this machine; a query means nothing to it.
    Folder {
        /// All folders.
        folders: Folders,
        /// Which of them.
        folder: FolderId,
    },
    /// A server, a bucket of S3 included.
    Remote(RemoteOrigin),
}

/// Places in the order in which they are asked. A clone is the same list.
#[derive(Clone)]
pub struct Origins(Arc<[Origin]>);

impl Origins {
    /// The list as the configuration has it.
    pub fn new(origins: Vec<Origin>) -> Self {
        Origins(origins.into())
    }

    /// The places, in their order.
    pub fn all(&self) -> &[Origin] {
        &self.0
    }

    /// Opens a file where it is found first, and says at which place that was, by its number. The next place is asked
    /// when one has no such file or fails. Those that failed a short while ago are not asked again (see
    /// [`RemoteBeliefs`](super::RemoteBeliefs)).
    ///
    /// # Errors
    /// `NotFound` only when all places said so; otherwise the first error of another kind. A refusal of our own law ends
    /// the search, because another copy of the file may be another file.
    pub async fn open(&self, path: &RemotePath) -> Result<(usize, Found), Error> {
        let mut first: Option<Error> = None;
        for (at, origin) in self.0.iter().enumerate() {
            let e = match origin.open(path).await {
                Ok(found) => return Ok((at, found)),
                Err(e) => e,
            };
            if e.trouble().is_some_and(|trouble| trouble.kind == TroubleKind::Busy) {
                return Err(e);
            }
            tracing::debug!(%path, place = at, error = %e, "an origin does not give a file");
            let was_absent = first.as_ref().is_none_or(|first| first.kind == ErrorKind::NotFound);
            if first.is_none() || (was_absent && e.kind != ErrorKind::NotFound) {
                first = Some(e);
            }
        }
        Err(first.unwrap_or_else(|| Error::new(ErrorKind::NotFound, "no origin is listed")))
    }
}

impl Origin {
    async fn open(&self, path: &RemotePath) -> Result<Found, Error> {
        match self {
            Origin::Folder { folders, folder } => {
                let source = folders.open(*folder, path.path()).await?;
                Ok(Found { source, media_type: None })
            }
            Origin::Remote(origin) => origin.open(path).await,
        }
    }
}
