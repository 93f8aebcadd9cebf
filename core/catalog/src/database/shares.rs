//! What a database keeps of shares.

use async_trait::async_trait;

use super::Result;
use crate::access::Viewer;
use crate::model::{NewShare, Share, ShareChange, ShareId, ShareTotals, Track, TrackId, UnixMs};

/// Shares, each of one user and for him alone to read and change. The viewer of all calls that name one is its owner:
/// to others a share does not exist, also to admins, who end all shares of a user by taking the right from him.
#[async_trait]
pub trait Shares: Send + Sync + 'static {
    /// The viewer's shares, those made last first.
    async fn shares(&self, viewer: &Viewer, offset: u64, rows_max: usize) -> Result<Vec<Share>>;
    /// One of them.
    async fn share(&self, viewer: &Viewer, id: ShareId) -> Result<Share>;
    /// Its tracks in order, those that the viewer sees now.
    async fn share_tracks(
        &self,
        viewer: &Viewer,
        id: ShareId,
        offset: u64,
        rows_max: usize,
    ) -> Result<Vec<Track>>;
    /// How much that is.
    async fn share_totals(&self, viewer: &Viewer, id: ShareId) -> Result<ShareTotals>;
    /// Makes a share of the viewer's.
    ///
    /// # Errors
    /// `NotFound` when he does not see one of the tracks; `Invalid` when there are none or too many, or the description is
    /// too long; `NotAllowed` when he has as many shares as he may.
    async fn add_share(&self, viewer: &Viewer, share: &NewShare<'_>) -> Result<ShareId>;
    /// Changes a share; `Invalid` when the description is too long.
    async fn change_share(&self, viewer: &Viewer, id: ShareId, change: &ShareChange) -> Result<()>;
    /// Removes a share: nobody gets in by its token any more.
    async fn remove_share(&self, viewer: &Viewer, id: ShareId) -> Result<()>;

    /// The share whose token has this hash, whosever it is, unless it has ended.
    async fn share_of_token(&self, hash: [u8; 32], now: UnixMs) -> Result<Option<Share>>;
    /// Whether a track is one of a share. It says nothing about who sees it.
    async fn is_shared(&self, id: ShareId, track: TrackId) -> Result<bool>;
    /// Counts a visit; of a share that went, none.
    async fn share_visited(&self, id: ShareId, now: UnixMs) -> Result<()>;
}
