//! How much is kept of each kind.

use sqlx::FromRow;

use super::{Index, Result};

const KINDS: &str =
    "SELECT mode, count(*) AS entries, sum(room_bytes) AS bytes FROM made INDEXED BY made_by_mode
    GROUP BY mode ORDER BY mode";

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
}
