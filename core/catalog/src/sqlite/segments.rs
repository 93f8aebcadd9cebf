//! The segments of the indexes of words, few.
//!
//! FTS5 writes what is new into segments of its own, and merges some of them while it writes, so that a scan leaves up to
//! sixteen on a level. Whoever searches looks for every word in each of them. At the end of a scan those of like size are made
//! one, by and by: what is left is about as many as the number of scans has binary digits, whatever was scanned.
//! See "The 'merge' Command" in <https://sqlite.org/fts5.html>.

use budget::limits::SEARCH_MERGE_PAGES;

use super::{Result, Sqlite};

/// A step for each index: it writes about so many pages.
const STEPS: [&str; 3] = [
    "INSERT INTO track_words (track_words, rank) VALUES ('merge', ?1)",
    "INSERT INTO album_words (album_words, rank) VALUES ('merge', ?1)",
    "INSERT INTO artist_words (artist_words, rank) VALUES ('merge', ?1)",
];

impl Sqlite {
    /// Merges segments until none are left of which one can be made. Others write between two steps.
    pub(super) async fn merge_segments(&self) -> Result<()> {
        for step in STEPS {
            while self.merge_some(step).await? {}
        }
        Ok(())
    }

    /// One step. Where there was nothing to merge only the command itself is counted as a change.
    async fn merge_some(&self, step: &'static str) -> Result<bool> {
        // What lists show stays the same.
        let mut tx = self.write().await?.without_news();
        let before = tx.changes().await?;
        sqlx::query(step).bind(SEARCH_MERGE_PAGES).execute(&mut *tx).await?;
        let after = tx.changes().await?;
        tx.commit().await?;
        Ok(after - before > 1)
    }
}
