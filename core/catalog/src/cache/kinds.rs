//! How much is kept of each kind.

use budget::limits::CACHE_PAGE_ROWS_MAX;
use sqlx::FromRow;

use super::rows::bytes_of;
use super::{Index, Result, slot_of};

pub(super) const KINDS: &str =
    "SELECT mode, count(*) AS entries, sum(room_bytes) AS bytes FROM made INDEXED BY made_by_mode
    GROUP BY mode ORDER BY mode";

pub(super) const OF_KIND: &str =
    "SELECT key, room_bytes FROM made INDEXED BY made_by_mode WHERE mode = ?1 AND (room_bytes, slot) > (?2, ?3)
    ORDER BY room_bytes, slot LIMIT ?4";

/// A row in the order of its kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ByKind {
    /// What it is found by.
    pub key: [u8; 32],
    /// What it takes of the disk, in bytes.
    pub room_bytes: i64,
}

/// What is kept of one kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kind {
    /// What was made, in one word: the `mode` of its rows.
    pub mode: String,
    /// Rows.
    pub entries: u64,
    /// What they take of the disk in bytes.
    pub bytes: u64,
}

#[derive(FromRow)]
struct RawKind {
    mode: String,
    entries: i64,
    bytes: i64,
}

impl From<RawKind> for Kind {
    fn from(RawKind { mode, entries, bytes }: RawKind) -> Self {
        Kind { mode, entries: entries.unsigned_abs(), bytes: bytes.unsigned_abs() }
    }
}

impl Index {
    /// Every kind of which something is kept, by its word. It reads the whole index of kinds.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn kinds(&self) -> Result<Vec<Kind>> {
        let kinds: Vec<RawKind> = sqlx::query_as(KINDS).fetch_all(&self.readers).await?;
        Ok(kinds.into_iter().map(Kind::from).collect())
    }

    /// A page of the rows of one kind, from behind `after`.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn of_kind(&self, mode: &str, after: Option<&ByKind>) -> Result<Vec<ByKind>> {
        let (room_bytes, slot) =
            after.map_or((i64::MIN, i64::MIN), |last| (last.room_bytes, slot_of(&last.key)));
        let page = i64::try_from(CACHE_PAGE_ROWS_MAX).unwrap_or(i64::MAX);
        let query = sqlx::query_as(OF_KIND).bind(mode).bind(room_bytes).bind(slot).bind(page);
        let found: Vec<(Vec<u8>, i64)> = query.fetch_all(&self.readers).await?;
        let row = |(key, room_bytes)| Ok(ByKind { key: bytes_of(key)?, room_bytes });
        found.into_iter().map(row).collect()
    }
}
