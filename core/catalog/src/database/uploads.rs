//! What people send, and the bytes that the store keeps of it.

use async_trait::async_trait;
use store::{BlobId, BlobKey, FileId};

use super::Result;
use crate::access::Viewer;
use crate::model::{
    Begun, BlobRow, DoomedBlob, Phase, Track, TrackId, UnixMs, UploadChange, UploadId, UploadRow, UserId,
};
use crate::scan::Tags;

/// Uploads, blobs, and who may have which.
///
/// A blob is kept while something refers to it: a track plays or shows it, a user has it, or an upload under way is to
/// become it. The call that takes the last of these away moves it to the doomed, in the same transaction; who removes the
/// bytes asks for these, and only for these.
#[async_trait]
pub trait Uploads: Send + Sync + 'static {
    /// Adds an upload, in any phase: one that asks first may be ready at once. `Exists` when there is one of that id,
    /// `Invalid` when its texts are too long.
    async fn add_upload(&self, row: &UploadRow) -> Result<()>;
    /// The same, if its owner's bytes ([`Uploads::bytes_of_user`]) are no more than that with it, where one of unknown
    /// length needs a byte at least; otherwise `Quota`, and nothing is added. Of several at once as many are added as fit.
    async fn add_upload_within(&self, row: &UploadRow, bytes_max: u64) -> Result<()>;
    /// One upload. `NotFound` also when it is not that owner's; `None` is the server itself.
    async fn upload(&self, owner: Option<UserId>, id: UploadId) -> Result<UploadRow>;
    /// A user's uploads, ended ones too, last begun first; at most so many, and at most a page.
    async fn uploads_of(&self, owner: UserId, rows_max: usize) -> Result<Vec<UploadRow>>;
    /// How many uploads of a user are under way.
    async fn open_uploads_of(&self, owner: UserId) -> Result<u64>;
    /// Uploads under way, of everybody, by id behind `after`. There may be more unless there are none.
    async fn open_uploads(&self, after: Option<UploadId>, rows_max: usize) -> Result<Vec<UploadRow>>;
    /// Changes an upload that is in one of these phases, at once or not at all: `NotAllowed` when it is in another one.
    /// One that ends without becoming ready refers to no bytes any more; the doomed have what nobody else refers to.
    async fn change_upload(&self, id: UploadId, from: &[Phase], to: &UploadChange) -> Result<UploadRow>;
    /// Uploads that receive and whose time is over, the longest first.
    async fn expired_uploads(&self, now: UnixMs, rows_max: usize) -> Result<Vec<UploadRow>>;
    /// Forgets uploads that ended before, at most so many, and says how many. What they became stays.
    async fn forget_uploads(&self, ended_before: UnixMs, rows_max: usize) -> Result<u64>;

    /// Bytes that a user has himself, sound and there, with his latest track of them: what another user has is not told.
    async fn owned_blob(&self, owner: UserId, id: BlobId) -> Result<Option<(BlobRow, Option<TrackId>)>>;
    /// Says what an upload's bytes are, which keeps them from going, and makes it [`Phase::Publishing`]. The row's `key`
    /// is not looked at. The same again is fine.
    ///
    /// # Errors
    /// `NotAllowed` when the upload is in another phase than receiving, checking or publishing, or when it was to be
    /// other bytes already; `Busy` while the same bytes are being removed: try again in a moment.
    async fn begin_blob(&self, upload: UploadId, row: &BlobRow) -> Result<Begun>;
    /// Makes an upload ready, in one transaction: its bytes are kept under `key`, they are its owner's, and what is not a
    /// picture becomes a track of the library "Uploads", with the words that its sender asked for and otherwise those of
    /// `found`. Gives that track. The same again is fine and gives the same.
    ///
    /// When the bytes were kept under another key meanwhile, that one stays and `key` joins the doomed. Bytes that were
    /// bad under this very key stay so until [`Uploads::mark_bad`] says that they were written anew.
    ///
    /// # Errors
    /// `NotAllowed` when [`Uploads::begin_blob`] did not come before; `Invalid` when sound or video comes without tags;
    /// `Busy` while the picture that was asked for is the sender's and still being published: try again in a moment.
    async fn commit_upload(
        &self,
        upload: UploadId,
        key: &BlobKey,
        found: Option<&Tags>,
    ) -> Result<Option<TrackId>>;

    /// The bytes whose hash begins so, if the viewer may have them: he sees a track that plays or shows them, or they are
    /// his. With the track that plays them, the first that he sees.
    ///
    /// # Errors
    /// `NotFound`; `Ambiguous` when there are two that he may have.
    async fn blob_by_file_id(&self, viewer: &Viewer, id: FileId) -> Result<(BlobRow, Option<Track>)>;
    /// Removes a track of the library "Uploads" with everything that is known of it, and gives the keys of the blobs that
    /// went with it, which are doomed now.
    ///
    /// # Errors
    /// `NotFound` for everyone but its owner and admins who manage; `NotAllowed` for a file of a library's folder, which
    /// is never ours to remove.
    async fn remove_track(&self, viewer: &Viewer, id: TrackId) -> Result<Vec<BlobKey>>;
    /// Takes bytes from a user that no track of his plays or shows, and whether he had them: a picture that was not wanted
    /// in the end. Bytes that he had before `since`, or that a track of his needs, are left alone. What nobody else refers
    /// to is doomed now.
    async fn remove_media(&self, owner: UserId, id: BlobId, since: UnixMs) -> Result<bool>;

    /// The doomed, the oldest first, from the first one behind `after`.
    async fn doomed_blobs(&self, after: Option<&DoomedBlob>, rows_max: usize) -> Result<Vec<DoomedBlob>>;
    /// Says that a doomed blob is being removed from now on: the same bytes cannot come back under its key before
    /// [`Uploads::blob_gone`]. `false` when it is not doomed any more, and is to stay.
    async fn begin_removal(&self, key: &BlobKey) -> Result<bool>;
    /// Says that a removal did not succeed. It may still happen, so that nothing else changes; others come first now.
    async fn removal_failed(&self, key: &BlobKey) -> Result<()>;
    /// Says that the store has nothing under that key any more.
    async fn blob_gone(&self, key: &BlobKey) -> Result<()>;
    /// Dooms what was published for an upload that ended meanwhile, unless something else relies on it. Gives whether.
    async fn doom_unwanted(&self, key: &BlobKey, id: BlobId, length: u64) -> Result<bool>;
    /// Dooms those of these keys, which the store listed, that no row knows and no upload under way is to become. Gives
    /// how many.
    async fn doom_unknown(&self, keys: &[BlobKey]) -> Result<u64>;
    /// One blob; `NotFound` otherwise.
    async fn blob(&self, id: BlobId) -> Result<BlobRow>;
    /// Blobs that the store has, bad ones too, by their hashes behind `after`.
    async fn blobs(&self, after: Option<BlobId>, rows_max: usize) -> Result<Vec<BlobRow>>;
    /// What the store has and what was looked at longest ago, if that was before this moment.
    async fn blob_to_check(&self, before: UnixMs) -> Result<Option<BlobRow>>;
    /// Says that the bytes were looked at just now, or written anew, and whether the store lost them.
    async fn mark_bad(&self, id: BlobId, bad: bool) -> Result<()>;
    /// How many tracks, users and uploads under way refer to a blob.
    async fn references_of(&self, id: BlobId) -> Result<u64>;
    /// What counts against a user's space: the bytes that he has, each once, and those that his uploads under way will
    /// have, as far as that is known.
    async fn bytes_of_user(&self, owner: UserId) -> Result<u64>;
}
