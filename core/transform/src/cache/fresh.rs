//! How long what is kept is right, and what is given while something newer is made.
//!
//! The validator of the source is part of every key, so what is found under one was made of exactly those bytes. Its time
//! only says when the source must be looked at again. When that finds the same source, the time begins anew; when it finds
//! another one, the former rendition may be given while the new one is made, as long as its own time and
//! [`STALE_MS`](budget::limits::STALE_MS) are not over.

use std::time::Duration;

use catalog::UnixMs;
use catalog::cache::slot_of;

use super::{Cache, Made, now_ms};
use crate::error::{Error, ErrorKind};
use crate::recipe::Key;

/// How long answers are fresh, by their status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lifetimes {
    /// What was made, or came with a 2xx.
    pub ok: Duration,
    /// 3xx.
    pub redirects: Duration,
    /// 4xx, and what could not be made.
    pub client_error: Duration,
    /// 5xx, and sources that could not be read.
    pub server_error: Duration,
}

impl Default for Lifetimes {
    fn default() -> Self {
        use budget::limits;
        Lifetimes {
            ok: Duration::from_millis(limits::FRESH_OK_MS),
            redirects: Duration::from_millis(limits::FRESH_REDIRECT_MS),
            client_error: Duration::from_millis(limits::FRESH_CLIENT_ERROR_MS),
            server_error: Duration::from_millis(limits::FRESH_SERVER_ERROR_MS),
        }
    }
}

impl Lifetimes {
    /// How long an answer with this status is fresh.
    pub fn of(&self, status: u16) -> Duration {
        match status {
            0..300 => self.ok,
            300..400 => self.redirects,
            400..500 => self.client_error,
            _ => self.server_error,
        }
    }

    /// How long it is remembered that something could not be made. What may be gone at the next attempt, as want of
    /// memory, is not.
    pub(super) fn of_failure(&self, kind: &ErrorKind) -> Option<Duration> {
        match kind {
            // Bytes are what they are, and the key is theirs.
            ErrorKind::Unsupported
            | ErrorKind::NoPicture
            | ErrorKind::NoSound
            | ErrorKind::BehindTheEnd
            | ErrorKind::TooLarge => Some(Duration::from_millis(budget::limits::FRESH_UNSUPPORTED_MS)),
            ErrorKind::Failed | ErrorKind::Stalled => Some(self.client_error),
            ErrorKind::Source | ErrorKind::Lied => Some(self.server_error),
            // Only that it was: see `Cache::failed`.
            ErrorKind::Killed => Some(Duration::ZERO),
            ErrorKind::Busy { .. }
            | ErrorKind::NoFfmpeg
            | ErrorKind::Changed
            | ErrorKind::Gone
            | ErrorKind::Io => None,
        }
    }
}

impl Cache {
    /// The source of this was looked at and is the same: its time begins anew. It does so in memory alone when the database
    /// cannot write it down, and after a restart the source is looked at once more.
    pub async fn renew(&self, made: &mut Made, fresh_for: Duration) {
        let until = later(now_ms(), fresh_for);
        made.fresh_until = until;
        // Of many who find out at the same time one writes it down.
        if self.standing().renew(&made.key, until)
            && let Err(error) = self.0.index.renew(&[slot_of(made.key.as_bytes())], until).await
        {
            tracing::warn!(key = %made.key, %error, "that a rendition is fresh again cannot be written down");
        }
    }

    /// What the same recipe made of a former version of this source, to be given while it is made of the present one.
    ///
    /// # Errors
    /// Of the disk and the database.
    pub async fn former(
        &self,
        origin: &str,
        path: &str,
        recipe: i64,
        key: &Key,
    ) -> Result<Option<Made>, Error> {
        match self.0.index.former(origin, path, recipe, key.as_bytes()).await? {
            Some(row) => self.find(Key::from_bytes(row.key)).await,
            None => Ok(None),
        }
    }
}

/// The moment so long after another.
pub(super) fn later(moment: UnixMs, by: Duration) -> UnixMs {
    moment.saturating_add_unsigned(u64::try_from(by.as_millis()).unwrap_or(u64::MAX))
}
