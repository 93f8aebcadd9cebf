//! What every service can do, and what it may say to it.

use std::time::Duration;

use async_trait::async_trait;
use catalog::{Heard, Scrobble};

/// One who is told, at one address.
#[async_trait]
pub(crate) trait Speaks: Send + Sync {
    /// Goes one step towards an account, with the secret that is kept of it so far.
    async fn approach(&self, secret: Option<&str>) -> Result<Step, Trouble>;
    /// Tells plays, at most [`SCROBBLES_AT_ONCE_MAX`](budget::limits::SCROBBLES_AT_ONCE_MAX) that all
    /// [fit](Speaks::fits), and gives for each whether it is wanted.
    async fn tell(&self, secret: &str, plays: &[&Scrobble]) -> Result<Vec<bool>, Trouble>;
    /// Tells that a song has begun.
    async fn begin(&self, secret: &str, heard: &Heard) -> Result<(), Trouble>;
    /// Whether it takes plays of that kind at all.
    fn fits(&self, play: &Scrobble) -> bool;
}

/// A step towards an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// The user must approve at this address; the secret goes with it.
    Approve { secret: String, address: String },
    /// It is open, under this name.
    Open { secret: String, name: String },
}

/// Why a service was not told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// It has no time, or nobody knows what it has; it may say when to come back.
    Later { after: Option<Duration>, why: String },
    /// It does not know the account, or not any more.
    Refused { why: String },
    /// There is something among what it was told that it never takes.
    Unfit { why: String },
}

impl Trouble {
    pub(crate) fn later(why: impl Into<String>) -> Self {
        Trouble::Later { after: None, why: why.into() }
    }

    pub(crate) fn refused(why: impl Into<String>) -> Self {
        Trouble::Refused { why: why.into() }
    }

    pub(crate) fn why(&self) -> &str {
        let (Trouble::Later { why, .. } | Trouble::Refused { why } | Trouble::Unfit { why }) = self;
        why
    }
}
