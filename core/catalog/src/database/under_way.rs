//! What goes on just now.

use async_trait::async_trait;

use super::Result;
use crate::model::{JobUnderWay, UploadUnderWay, UserId};

/// What has not ended, of one user or of everybody, in the few words that a list of it needs: lists of this are read again
/// and again for as long as somebody looks at them.
#[async_trait]
pub trait UnderWay: Send + Sync + 'static {
    /// Uploads behind the first `offset`, at most so many; those of one user are the ones that began first.
    async fn uploads_under_way(
        &self,
        owner: Option<UserId>,
        offset: u64,
        rows_max: usize,
    ) -> Result<Vec<UploadUnderWay>>;
    /// Jobs in the order in which they were asked for, behind the first `offset`, at most so many.
    async fn jobs_under_way(
        &self,
        owner: Option<UserId>,
        offset: u64,
        rows_max: usize,
    ) -> Result<Vec<JobUnderWay>>;
    /// How many uploads and how many jobs there are on all pages of these lists.
    async fn under_way(&self, owner: Option<UserId>) -> Result<(u64, u64)>;
}
