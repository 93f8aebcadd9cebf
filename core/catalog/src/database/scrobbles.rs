//! What a database keeps of the services that are told what is played.

use async_trait::async_trait;

use super::Result;
use crate::access::Viewer;
use crate::model::{
    AccountKey, Heard, Scrobble, Service, ServiceAccount, ServiceAccountId, Spoken, TrackId, UnixMs, UserId,
};

/// Accounts of users at services, and the plays that these have still to be told of.
/// [`Annotations::play`](super::Annotations::play) puts a play in line for each of them with the same transaction that
/// counts it; a play that gives way to later ones is the oldest, and is counted.
#[async_trait]
pub trait Scrobbles: Send + Sync + 'static {
    /// The accounts of a user, at most one for each service.
    async fn service_accounts(&self, user: UserId) -> Result<Vec<ServiceAccount>>;
    /// Connects a user with a service, anew if he was: the service is to be asked. Plays that wait for the same account stay
    /// in line. `NotFound` when there is no such user.
    async fn connect_service(
        &self,
        user: UserId,
        service: Service,
        url: Option<&str>,
        sealed: Option<&[u8]>,
    ) -> Result<ServiceAccount>;
    /// Forgets the account and what waits for it; `NotFound` when there is none.
    async fn disconnect_service(&self, user: UserId, service: Service) -> Result<()>;

    /// Accounts with which there is something to do at this moment, those that have waited longest first.
    async fn due_accounts(&self, now: UnixMs, rows_max: usize) -> Result<Vec<AccountKey>>;
    /// The accounts of a user that are connected.
    async fn connected_accounts(&self, user: UserId) -> Result<Vec<AccountKey>>;
    /// The plays that an account has still to be told of, in the order in which they came.
    async fn scrobbles(&self, account: ServiceAccountId, rows_max: usize) -> Result<Vec<Scrobble>>;
    /// Remembers what became of speaking with a service. `false`, and nothing is kept, when its user has connected it anew
    /// meanwhile, or is gone.
    async fn spoken(&self, account: &AccountKey, spoken: &Spoken) -> Result<bool>;
    /// A track as services know it; `NotFound` also when the viewer may not see it.
    async fn heard(&self, viewer: &Viewer, track: TrackId) -> Result<Heard>;
}
