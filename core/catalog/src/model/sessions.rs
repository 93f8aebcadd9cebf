//! Sessions as their owner sees them.

use std::fmt;
use std::str::FromStr;

use super::{BadId, UnixMs};

/// The id of a session: the beginning of the hash of its token, shown in hex. It names the session and opens nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionId(pub [u8; 8]);

impl SessionId {
    /// Of the hash of a token.
    pub fn of(hash: [u8; 32]) -> SessionId {
        let [a, b, c, d, e, f, g, h, ..] = hash;
        SessionId([a, b, c, d, e, f, g, h])
    }
}

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&data_encoding::HEXLOWER.encode(&self.0))
    }
}

impl FromStr for SessionId {
    type Err = BadId;

    fn from_str(text: &str) -> Result<Self, BadId> {
        let bytes = data_encoding::HEXLOWER.decode(text.as_bytes()).map_err(|_| BadId)?;
        bytes.try_into().map(SessionId).map_err(|_| BadId)
    }
}

/// A session that has not ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionRow {
    /// To end it by.
    pub id: SessionId,
    /// What opened it, in its own words: a browser's `User-Agent`. Empty when it said nothing.
    pub agent: String,
    /// Since when, if that was written down.
    pub created: Option<UnixMs>,
    /// When it was used last, within a day.
    pub used: UnixMs,
    /// When it ends if nobody uses it.
    pub expires: UnixMs,
}
