//! What a scan writes. Each call is one transaction over at most a batch of files.

use async_trait::async_trait;
use store::{FolderId, Part, RelPath, Stamp};

use super::batch::Batch;
use super::columns::row;
use super::library::TICK;
use super::moves::{self, displaced::Displaced};
use super::readers::Query;
use super::rows::{self, unsigned};
use super::{Result, Sqlite, json_ids, limit, now, totals};
use crate::error::Error;
use crate::model::TrackId;
use crate::scan::{Found, Inventory, Known, Picture};

// Every path is greater than the empty text, which stands for "from the start", and less than the empty blob, which stands
// for "to the end". ?5 is the character at which the rest of a path begins that must be a name alone. What begins
// with a slash is no file's: its track gave up its name.
pub(super) const KNOWN: &str =
    "SELECT id, path, length_bytes, modified_ns, changed_ns, inode, missing, nullif(cover_path, path) AS picture, cover_mark
    FROM tracks
    WHERE library_id = ?1 AND path > ?2 AND path < ifnull(?4, x'') AND (?5 IS NULL OR instr(substr(path, ?5), '/') = 0)
        AND path NOT GLOB '/*'
    ORDER BY path LIMIT ?3";
const ALBUMS_OF: &str = "SELECT DISTINCT album_id FROM tracks
    WHERE library_id = ?1 AND id IN (SELECT value FROM json_each(?2))";
const MARK: &str = "UPDATE tracks SET missing = ?3
    WHERE library_id = ?1 AND id IN (SELECT value FROM json_each(?2))";
// A scan that finds nothing writes nothing.
const BEGAN: &str = "SELECT scan_began = (SELECT ifnull(max(id), 0) FROM tracks) FROM library_clock";
const BEGIN: &str = "UPDATE library_clock SET scan_began = (SELECT ifnull(max(id), 0) FROM tracks)";
const LOSE: &str = "INSERT OR IGNORE INTO lost_tracks (track)
    SELECT id FROM tracks WHERE library_id = ?1 AND id IN (SELECT value FROM json_each(?2)) AND missing = 0";
row! {
    struct KnownRow {
        id: i64,
        path: String,
        length_bytes: i64,
        modified_ns: i64,
        changed_ns: i64,
        inode: i64,
        missing: bool,
        picture: Option<String>,
        cover_mark: Option<i64>,
    }
}

impl TryFrom<KnownRow> for Known {
    type Error = Error;

    fn try_from(row: KnownRow) -> Result<Known> {
        let stamp = Stamp {
            length: unsigned(row.length_bytes),
            modified_ns: row.modified_ns,
            changed_ns: row.changed_ns,
            // All 64 bits of an inode number are kept, in a column that is signed.
            inode: row.inode.cast_unsigned(),
        };
        let picture = row.picture.as_deref().map(rows::path).transpose()?;
        let picture = picture.map(|path| Picture { path, mark: rows::cover_mark(row.cover_mark) });
        Ok(Known { id: TrackId(row.id), path: rows::path(&row.path)?, stamp, missing: row.missing, picture })
    }
}

impl Sqlite {
    /// Hides or shows tracks of a folder.
    async fn mark(&self, folder: FolderId, ids: &[TrackId], missing: bool) -> Result<()> {
        if ids.is_empty() {
            return Ok(());
        }
        let ids = json_ids(&ids.iter().map(|id| id.0).collect::<Vec<_>>());
        let mut tx = self.write().await?;
        let albums: Vec<i64> =
            sqlx::query_scalar(ALBUMS_OF).bind(folder.0).bind(&ids).fetch_all(&mut *tx).await?;
        if missing {
            sqlx::query(LOSE).bind(folder.0).bind(&ids).execute(&mut *tx).await?;
        }
        sqlx::query(MARK).bind(folder.0).bind(&ids).bind(missing).execute(&mut *tx).await?;
        totals::refresh(&mut tx, &albums).await?;
        sqlx::query(TICK).bind(now()).execute(&mut *tx).await?;
        tx.commit().await?;
        Ok(())
    }
}

#[async_trait]
impl Inventory for Sqlite {
    async fn known(
        &self,
        folder: FolderId,
        part: &Part,
        after: Option<&RelPath>,
        rows_max: usize,
    ) -> Result<Vec<Known>> {
        let start = part.folder().map_or_else(String::new, |folder| format!("{folder}/"));
        // What begins with "a/" is less than "a0": the two differ in the one byte that follows the slash.
        let end = part.folder().map(|folder| format!("{folder}0"));
        let name_at = (!part.is_deep()).then(|| i64::try_from(start.chars().count() + 1).unwrap_or(i64::MAX));
        let after = after.map_or(start.as_str(), RelPath::as_str).to_owned();
        let query =
            Query::new(KNOWN).bind(folder.0).bind(after).bind(limit(rows_max)).bind(end).bind(name_at);
        self.readers.page::<KnownRow, _>(query).await
    }

    async fn begin_scan(&self) -> Result<()> {
        if self.readers.one::<bool>(Query::new(BEGAN)).await? {
            return Ok(());
        }
        let mut tx = self.write().await?;
        sqlx::query(BEGIN).execute(&mut *tx).await?;
        tx.commit().await
    }

    async fn record(&self, folder: FolderId, found: &[Found]) -> Result<()> {
        if found.is_empty() {
            return Ok(());
        }
        let mut tx = self.write().await?;
        let displaced = Displaced::by(&mut tx, folder, found).await?;
        let mut batch = Batch::begin(&mut tx, folder);
        batch.touch(&displaced.albums);
        batch.remember(found).await?;
        for file in found {
            batch.add(file).await?;
        }
        let tracks = batch.finish().await?;
        displaced.keep(&mut tx, folder, found, &tracks).await?;
        moves::unite_recorded(&mut tx, folder, &tracks).await?;
        tx.commit().await
    }

    async fn mark_missing(&self, folder: FolderId, ids: &[TrackId]) -> Result<()> {
        self.mark(folder, ids, true).await
    }

    async fn mark_present(&self, folder: FolderId, ids: &[TrackId]) -> Result<()> {
        self.mark(folder, ids, false).await
    }

    async fn follow_moves(&self, folder: FolderId) -> Result<()> {
        self.reunite(folder).await?;
        self.merge_segments().await
    }
}
