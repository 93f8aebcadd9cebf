//! The index of renditions that are kept on this machine, in a SQLite file of its own.
//!
//! **Promise.** A row is found only while it belongs to the version of its path that holds now. What a call acknowledged
//! survives the end of the process; a loss of power may take the last changes back, so that whoever opens it compares
//! it with the files. Lists are read in pages.
//!
//! **Flow.** One connection writes, two read; each call is one short transaction of static statements.
//!
//! **Not here.** What is kept and for how long, and the files: `transform` and `store` know.

use std::path::Path;

use budget::limits::{CACHE_PAGE_ROWS_MAX, CACHE_VERSIONS_MAX};
use sqlx::sqlite::SqlitePool;

use crate::error::Error;
use crate::model::UnixMs;

mod answers;
mod file;
mod kinds;
mod purges;
mod rows;
mod select;
#[cfg(test)]
mod tests;

pub use answers::{Answer, Answers};
pub use kinds::{ByKind, Kind};
pub use purges::AskedPurge;
pub use rows::{ByFile, ByUse, Row, slot_of};
use rows::{FORMER, GET, PUT, RawRow, bytes_of, signed, unwritable};
pub use select::Select;

type Result<T> = std::result::Result<T, Error>;

/// The index. Clones share the connections.
#[derive(Clone, Debug)]
pub struct Index {
    writer: SqlitePool,
    readers: SqlitePool,
}

impl Index {
    /// Opens the file, makes it if it is not there, and brings its tables to this release.
    ///
    /// # Errors
    /// `Unavailable` when it cannot be opened, is no database, or is a later release's. It may be deleted then.
    pub async fn open(path: &Path) -> Result<Index> {
        let (writer, readers) = file::open(path, &sqlx::migrate!("./cache_migrations")).await?;
        Ok(Index { writer, readers })
    }

    /// Closes all connections, after the calls that run.
    pub async fn close(&self) {
        self.readers.close().await;
        self.writer.close().await;
    }

    /// The row of a key, if it belongs to the present version of its path.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn get(&self, key: &[u8; 32]) -> Result<Option<Row>> {
        let found: Option<RawRow> =
            sqlx::query_as(GET).bind(slot_of(key)).bind(&key[..]).fetch_optional(&self.readers).await?;
        found.map(Row::try_from).transpose()
    }

    /// The last rendition that was made of another version of a source by the same recipe.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn former(&self, origin: &str, path: &str, recipe: i64, key: &[u8; 32]) -> Result<Option<Row>> {
        let found: Option<RawRow> = sqlx::query_as(FORMER)
            .bind(origin)
            .bind(path)
            .bind(recipe)
            .bind(&key[..])
            .fetch_optional(&self.readers)
            .await?;
        found.map(Row::try_from).transpose()
    }

    /// Puts a row in. Gives the file of the row that had its slot before, if there was one.
    ///
    /// # Errors
    /// When the database does not answer; nothing is changed then.
    pub async fn put(&self, row: &Row) -> Result<Option<[u8; 32]>> {
        let mut tx = self.writer.begin_with("BEGIN IMMEDIATE").await?;
        let old: Option<Vec<u8>> = sqlx::query_scalar("DELETE FROM made WHERE slot = ?1 RETURNING file")
            .bind(slot_of(&row.key))
            .fetch_optional(&mut *tx)
            .await?;
        sqlx::query(PUT)
            .bind(slot_of(&row.key))
            .bind(&row.key[..])
            .bind(&row.file[..])
            .bind(signed(row.bytes))
            .bind(signed(row.room_bytes))
            .bind(&row.content_type)
            .bind(&row.etag)
            .bind(&row.origin)
            .bind(&row.path)
            .bind(&row.mode)
            .bind(&row.source_tag)
            .bind(row.status)
            .bind(row.version)
            .bind(row.created)
            .bind(signed(row.cost_ms))
            .bind(row.fresh_until)
            .bind(row.recipe)
            .execute(&mut *tx)
            .await?;
        sqlx::query("INSERT OR IGNORE INTO tags (tag, slot) SELECT value, ?1 FROM json_each(?2)")
            .bind(slot_of(&row.key))
            .bind(serde_json::to_string(&row.tags).map_err(unwritable)?)
            .execute(&mut *tx)
            .await?;
        tx.commit().await?;
        old.map(bytes_of).transpose()
    }

    /// Writes down that these were used at this moment.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn touch(&self, slots: &[i64], now: UnixMs) -> Result<()> {
        self.on_each(
            "UPDATE made SET used = max(used, ?2) WHERE slot IN (SELECT value FROM json_each(?1))",
            slots,
            now,
        )
        .await
    }

    /// Writes down that these are fresh until then, unless they are for longer.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn renew(&self, slots: &[i64], fresh_until: UnixMs) -> Result<()> {
        self.on_each(
            "UPDATE made SET fresh_until = max(fresh_until, ?2) WHERE slot IN (SELECT value FROM json_each(?1))",
            slots,
            fresh_until,
        )
        .await
    }

    /// Writes down that the bytes of these were looked at.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn mark_checked(&self, slots: &[i64], now: UnixMs) -> Result<()> {
        self.on_each(
            "UPDATE made SET checked = ?2 WHERE slot IN (SELECT value FROM json_each(?1))",
            slots,
            now,
        )
        .await
    }

    async fn on_each(&self, sql: &'static str, slots: &[i64], now: UnixMs) -> Result<()> {
        for slots in slots.chunks(CACHE_PAGE_ROWS_MAX) {
            sqlx::query(sql)
                .bind(serde_json::to_string(slots).map_err(unwritable)?)
                .bind(now)
                .execute(&self.writer)
                .await?;
        }
        Ok(())
    }

    /// The files of rows, by their slots. At most a page of them may be asked for.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn files(&self, slots: &[i64]) -> Result<Vec<(i64, [u8; 32])>> {
        let sql = "SELECT slot, file FROM made WHERE slot IN (SELECT value FROM json_each(?1)) LIMIT 500";
        let found: Vec<(i64, Vec<u8>)> = sqlx::query_as(sql)
            .bind(serde_json::to_string(slots).map_err(unwritable)?)
            .fetch_all(&self.writer)
            .await?;
        found.into_iter().map(|(slot, file)| Ok((slot, bytes_of(file)?))).collect()
    }

    /// What the files of rows take of the disk, in bytes, by their slots.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn room_bytes(&self, slots: &[i64]) -> Result<u64> {
        let sql =
            "SELECT ifnull(sum(room_bytes), 0) FROM made WHERE slot IN (SELECT value FROM json_each(?1))";
        let bytes: i64 = sqlx::query_scalar(sql)
            .bind(serde_json::to_string(slots).map_err(unwritable)?)
            .fetch_one(&self.readers)
            .await?;
        Ok(u64::try_from(bytes).unwrap_or(0))
    }

    /// The slots of rows by the files that they name.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn slots(&self, files: &[[u8; 32]]) -> Result<Vec<i64>> {
        let mut slots = Vec::with_capacity(files.len());
        for file in files {
            let sql = "SELECT slot FROM made WHERE file = ?1";
            slots.extend(
                sqlx::query_scalar::<_, i64>(sql).bind(&file[..]).fetch_optional(&self.writer).await?,
            );
        }
        Ok(slots)
    }

    /// Removes rows by the files that they name; absent ones are fine.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn remove(&self, files: &[[u8; 32]]) -> Result<()> {
        for files in files.chunks(CACHE_PAGE_ROWS_MAX) {
            let mut tx = self.writer.begin_with("BEGIN IMMEDIATE").await?;
            for file in files {
                sqlx::query("DELETE FROM made WHERE file = ?1").bind(&file[..]).execute(&mut *tx).await?;
            }
            tx.commit().await?;
        }
        Ok(())
    }

    /// A page of rows, those that were used last first, from behind `after`.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn by_use(&self, after: Option<ByUse>) -> Result<Vec<ByUse>> {
        let (used, slot) = after.map_or((UnixMs::MAX, i64::MAX), |last| (last.used, last.slot));
        let sql = "SELECT used, slot, room_bytes FROM made WHERE (used, slot) < (?1, ?2)
            ORDER BY used DESC, slot DESC LIMIT ?3";
        let page = i64::try_from(CACHE_PAGE_ROWS_MAX).unwrap_or(i64::MAX);
        Ok(sqlx::query_as(sql).bind(used).bind(slot).bind(page).fetch_all(&self.readers).await?)
    }

    /// A page of rows in the order of the names of their files, from behind `after`.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn by_file(&self, after: Option<[u8; 32]>) -> Result<Vec<ByFile>> {
        let after = after.map_or_else(Vec::new, |after| after.to_vec());
        let sql = "SELECT file, bytes FROM made WHERE file > ?1 ORDER BY file LIMIT ?2";
        let page = i64::try_from(CACHE_PAGE_ROWS_MAX).unwrap_or(i64::MAX);
        let found: Vec<(Vec<u8>, i64)> =
            sqlx::query_as(sql).bind(after).bind(page).fetch_all(&self.readers).await?;
        let row = |(file, bytes): (Vec<u8>, i64)| {
            Ok(ByFile { file: bytes_of(file)?, bytes: u64::try_from(bytes).unwrap_or(0) })
        };
        found.into_iter().map(row).collect()
    }

    /// How many rows there are, and what all their files take of the disk, in bytes. Reads the whole index.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn totals(&self) -> Result<(u64, u64)> {
        let sql = "SELECT count(*), ifnull(sum(room_bytes), 0) FROM made";
        let (rows, bytes): (i64, i64) = sqlx::query_as(sql).fetch_one(&self.readers).await?;
        Ok((u64::try_from(rows).unwrap_or(0), u64::try_from(bytes).unwrap_or(0)))
    }

    /// The file whose bytes were looked at longest ago, if that was before this moment, with its slot.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn to_check(&self, before: UnixMs) -> Result<Option<(i64, [u8; 32], u64)>> {
        let sql = "SELECT slot, file, bytes FROM made WHERE checked < ?1 ORDER BY checked LIMIT 1";
        let found: Option<(i64, Vec<u8>, i64)> =
            sqlx::query_as(sql).bind(before).fetch_optional(&self.readers).await?;
        let row = |(slot, file, bytes): (i64, Vec<u8>, i64)| {
            Ok((slot, bytes_of(file)?, u64::try_from(bytes).unwrap_or(0)))
        };
        found.map(row).transpose()
    }

    /// The version of a path: 0 until it was raised.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn version(&self, origin: &str, path: &str) -> Result<i64> {
        let sql = "SELECT version FROM versions WHERE origin = ?1 AND path = ?2";
        let found = sqlx::query_scalar(sql).bind(origin).bind(path).fetch_optional(&self.readers);
        Ok(found.await?.unwrap_or(0))
    }

    /// Raises the version of a path, so that no row of an earlier one is found any more. Gives the new one, which no path
    /// ever had. Rows of it that are there still must be removed soon: of too many paths, those that were raised longest
    /// ago count as never raised.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn raise(&self, origin: &str, path: &str, now: UnixMs) -> Result<i64> {
        let mut tx = self.writer.begin_with("BEGIN IMMEDIATE").await?;
        let sql = "INSERT INTO versions (origin, path, version)
            VALUES (?1, ?2, max(?3, ifnull((SELECT max(version) FROM versions), 0) + 1))
            ON CONFLICT (origin, path) DO UPDATE SET version = excluded.version RETURNING version";
        let version: i64 =
            sqlx::query_scalar(sql).bind(origin).bind(path).bind(now).fetch_one(&mut *tx).await?;
        let forget = "DELETE FROM versions WHERE (origin, path) IN
            (SELECT origin, path FROM versions ORDER BY version DESC LIMIT 10 OFFSET ?1)";
        sqlx::query(forget)
            .bind(i64::try_from(CACHE_VERSIONS_MAX).unwrap_or(i64::MAX))
            .execute(&mut *tx)
            .await?;
        tx.commit().await?;
        Ok(version)
    }
}
