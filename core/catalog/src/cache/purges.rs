//! Purges that one process asks of another: whoever has the index in memory must do them himself.

use super::{Index, Result, Select, signed, unwritable};
use crate::model::UnixMs;

/// A purge that waits to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AskedPurge {
    /// Its number.
    pub id: i64,
    /// What is meant.
    pub what: Select,
}

impl Index {
    /// Asks whoever serves this index for a purge. Gives its number. What was asked a while ago is forgotten, done or not.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn ask_purge(&self, what: &Select, now: UnixMs, forget_before: UnixMs) -> Result<i64> {
        let mut tx = self.writer.begin_with("BEGIN IMMEDIATE").await?;
        sqlx::query("DELETE FROM purges WHERE asked < ?1").bind(forget_before).execute(&mut *tx).await?;
        let id = sqlx::query_scalar("INSERT INTO purges (what, asked) VALUES (?1, ?2) RETURNING id")
            .bind(serde_json::to_string(what).map_err(unwritable)?)
            .bind(now)
            .fetch_one(&mut *tx)
            .await?;
        tx.commit().await?;
        Ok(id)
    }

    /// The oldest purge that was asked for since that moment and is not done.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn asked_purge(&self, since: UnixMs) -> Result<Option<AskedPurge>> {
        let sql = "SELECT id, what FROM purges WHERE renditions IS NULL AND asked >= ?1 ORDER BY id LIMIT 1";
        let found: Option<(i64, String)> =
            sqlx::query_as(sql).bind(since).fetch_optional(&self.readers).await?;
        let read = |(id, what): (i64, String)| {
            Ok(AskedPurge { id, what: serde_json::from_str(&what).map_err(unwritable)? })
        };
        found.map(read).transpose()
    }

    /// Writes down that a purge is done, and how many renditions and bytes it came to.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn purge_is_done(&self, id: i64, renditions: u64, bytes: u64) -> Result<()> {
        sqlx::query("UPDATE purges SET renditions = ?2, bytes = ?3 WHERE id = ?1")
            .bind(id)
            .bind(signed(renditions))
            .bind(signed(bytes))
            .execute(&self.writer)
            .await?;
        Ok(())
    }

    /// What a purge came to, in renditions and bytes, once it is done.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn done_purge(&self, id: i64) -> Result<Option<(u64, u64)>> {
        let sql = "SELECT renditions, bytes FROM purges WHERE id = ?1 AND renditions IS NOT NULL";
        let found: Option<(i64, i64)> = sqlx::query_as(sql).bind(id).fetch_optional(&self.readers).await?;
        let number = |number: i64| u64::try_from(number).unwrap_or(0);
        Ok(found.map(|(renditions, bytes)| (number(renditions), number(bytes))))
    }
}
