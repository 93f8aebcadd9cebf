//! Shares: links with which a user lets others hear some of his music.

use super::{ShareId, TrackId, UnixMs, UserId};

// format: 128 random bits.
/// How long the nonce of a share is.
pub const SHARE_NONCE_BYTES: usize = 16;

/// A share as its owner sees it, without its songs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Share {
    /// Which.
    pub id: ShareId,
    /// Whose.
    pub owner: UserId,
    /// His name.
    pub owner_name: String,
    /// From what its token is made, together with the installation's secret.
    pub nonce: [u8; SHARE_NONCE_BYTES],
    /// What its owner says about it.
    pub description: String,
    /// Made.
    pub created: UnixMs,
    /// When it ends, if ever. It stays its owner's after that, who may open it again.
    pub expires: Option<UnixMs>,
    /// How often somebody came.
    pub visits: u64,
    /// When somebody came last.
    pub visited: Option<UnixMs>,
}

/// A share to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewShare<'a> {
    /// Its songs in order.
    pub tracks: &'a [TrackId],
    /// What its owner says about it.
    pub description: &'a str,
    /// When it ends, if ever.
    pub expires: Option<UnixMs>,
    /// From what its token is made.
    pub nonce: [u8; SHARE_NONCE_BYTES],
    /// By what it is found: the SHA-256 of its token.
    pub token_hash: [u8; 32],
}

/// What is to become of a share; what is `None` stays.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ShareChange {
    /// What its owner says about it.
    pub description: Option<String>,
    /// When it ends.
    pub ends: Option<Ends>,
}

/// When something ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ends {
    /// Never.
    Never,
    /// At this moment.
    At(UnixMs),
}

impl Ends {
    /// The moment, if there is one.
    pub fn at(self) -> Option<UnixMs> {
        match self {
            Ends::Never => None,
            Ends::At(moment) => Some(moment),
        }
    }
}

/// How much music there is in a share that its owner sees.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ShareTotals {
    /// Songs.
    pub tracks: u64,
    /// Their length in time.
    pub duration_ms: u64,
}
