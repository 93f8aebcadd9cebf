//! What songs were taken apart into.

use async_trait::async_trait;
use sqlx::sqlite::SqliteConnection;

use super::columns::row;
use super::jobs::{WishRow, bytes, damaged, notes, notes_text};
use super::readers::Query;
use super::rows::unsigned;
use super::{Result, Sqlite, limit, now};
use crate::database::Stems;
use crate::error::Error;
use crate::model::{
    Job, JobId, JobSource, MadeSet, StemFile, StemName, StemSet, StemSetId, StemsWish, TrackId,
};

/// The rows of sets, each with one of its files, in the order of [`SetRow`].
macro_rules! set_rows {
    ($($rest:tt)*) => {
        concat!(
            "SELECT s.id, s.job, s.track, s.source_tag, s.count, s.wished, s.extension, s.format, s.engine, s.notes,
                s.samples, s.created, f.stem, f.key, f.length_bytes, f.crc32 FROM ",
            $($rest)*
        )
    };
}

const OF_JOB: &str = set_rows!(
    "jobs j CROSS JOIN stem_sets s ON s.id = j.set_id CROSS JOIN stem_files f ON f.set_id = s.id
    WHERE j.id = ?1 ORDER BY f.position"
);
pub(super) const OF_TRACK: &str = set_rows!(
    "stem_sets s INDEXED BY stem_sets_of_track CROSS JOIN stem_files f ON f.set_id = s.id
    WHERE s.track = ?1 ORDER BY s.created DESC, s.id DESC, f.position"
);
// A page of sets, of which none has more than seven files.
pub(super) const AFTER: &str = set_rows!(
    "stem_sets s CROSS JOIN stem_files f ON f.set_id = s.id
    WHERE s.id > ?1
        AND s.id <= (SELECT max(id) FROM (SELECT id FROM stem_sets WHERE id > ?1 ORDER BY id LIMIT ?2))
    ORDER BY s.id, f.position"
);
const FORMER: &str =
    "DELETE FROM stem_sets WHERE track = ?1 AND count = ?2 AND engine = ?3 AND extension = ?4
    AND format = ?5";
const PUT: &str =
    "INSERT INTO stem_sets (job, track, source_tag, count, wished, extension, format, engine, notes,
        samples, created, instrumental)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12) RETURNING id";
const PUT_FILE: &str = "INSERT INTO stem_files (set_id, position, stem, key, length_bytes, crc32)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
const OF_THE_JOB: &str = "UPDATE jobs SET set_id = ?2 WHERE id = ?1";
const KEYS: &str = "SELECT key FROM stem_files WHERE set_id = ?1 ORDER BY position";
const REMOVE: &str = "DELETE FROM stem_sets WHERE id = ?1";

row! {
    struct SetRow {
        id: i64,
        job: Vec<u8>,
        track: Option<i64>,
        source_tag: String,
        wish: WishRow,
        engine: String,
        notes: String,
        samples: i64,
        created: i64,
        file: FileRow,
    }
}

row! {
    struct FileRow {
        stem: String,
        key: Vec<u8>,
        length_bytes: i64,
        crc32: i64,
    }
}

impl TryFrom<FileRow> for StemFile {
    type Error = Error;

    fn try_from(row: FileRow) -> Result<StemFile> {
        Ok(StemFile {
            stem: row.stem.parse().map_err(|_| damaged("the name of a stem is none"))?,
            key: bytes(row.key)?,
            length_bytes: unsigned(row.length_bytes),
            crc32: u32::try_from(row.crc32).map_err(|_| damaged("the sum of a stem is none"))?,
        })
    }
}

/// Rows with the same id, which follow each other, are one set.
fn sets(found: Vec<SetRow>) -> Result<Vec<StemSet>> {
    let mut sets: Vec<StemSet> = Vec::new();
    for row in found {
        let file = row.file.try_into()?;
        if let Some(set) = sets.last_mut().filter(|set| set.id == StemSetId(row.id)) {
            set.made.files.push(file);
            continue;
        }
        sets.push(StemSet {
            id: StemSetId(row.id),
            track: row.track.map(TrackId),
            job: JobId(bytes(row.job)?),
            wish: row.wish.try_into()?,
            made: MadeSet {
                source_tag: row.source_tag,
                engine: row.engine,
                notes: notes(&row.notes)?,
                samples: unsigned(row.samples),
                files: vec![file],
            },
            created: row.created,
        });
    }
    Ok(sets)
}

/// Keeps what a job made, in the place of what was made of the same track in the same way before. Stems of a song that was
/// sent are kept under keys of their job alone: no two sets have a file in common.
pub(super) async fn put(tx: &mut SqliteConnection, job: &Job, made: &MadeSet) -> Result<()> {
    let track = match job.source {
        JobSource::Track(id) => Some(id.0),
        JobSource::Blob { .. } => None,
    };
    let StemsWish { count, engine, extension, format } = job.wish;
    let (count, wished) = (count.number() as i64, engine.map(|engine| engine.word()));
    let query = sqlx::query(FORMER).bind(track).bind(count).bind(&made.engine);
    query.bind(extension.word()).bind(format.word()).execute(&mut *tx).await?;
    let has_accompaniment = made.files.iter().any(|file| file.stem == StemName::Accompaniment);
    let id: i64 = sqlx::query_scalar(PUT)
        .bind(&job.id.0[..])
        .bind(track)
        .bind(&made.source_tag)
        .bind(count)
        .bind(wished)
        .bind(extension.word())
        .bind(format.word())
        .bind(&made.engine)
        .bind(notes_text(&made.notes)?)
        .bind(i64::try_from(made.samples).unwrap_or(i64::MAX))
        .bind(now())
        .bind(has_accompaniment)
        .fetch_one(&mut *tx)
        .await?;
    for (position, file) in made.files.iter().enumerate() {
        sqlx::query(PUT_FILE)
            .bind(id)
            .bind(position as i64)
            .bind(file.stem.word())
            .bind(&file.key[..])
            .bind(i64::try_from(file.length_bytes).unwrap_or(i64::MAX))
            .bind(i64::from(file.crc32))
            .execute(&mut *tx)
            .await?;
    }
    sqlx::query(OF_THE_JOB).bind(&job.id.0[..]).bind(id).execute(&mut *tx).await?;
    Ok(())
}

/// Removes a set; gives the keys of its files.
pub(super) async fn remove(tx: &mut SqliteConnection, id: StemSetId) -> Result<Vec<[u8; 32]>> {
    let keys: Vec<Vec<u8>> = sqlx::query_scalar(KEYS).bind(id.0).fetch_all(&mut *tx).await?;
    sqlx::query(REMOVE).bind(id.0).execute(&mut *tx).await?;
    keys.into_iter().map(bytes).collect()
}

#[async_trait]
impl Stems for Sqlite {
    async fn stem_set(&self, job: JobId) -> Result<Option<StemSet>> {
        let found: Vec<SetRow> = self.readers.all(Query::new(OF_JOB).bind(job.0.to_vec())).await?;
        Ok(sets(found)?.pop())
    }

    async fn stems_of(&self, track: TrackId) -> Result<Vec<StemSet>> {
        let found: Vec<SetRow> = self.readers.all(Query::new(OF_TRACK).bind(track.0)).await?;
        sets(found)
    }

    async fn stem_sets(&self, after: Option<StemSetId>, rows_max: usize) -> Result<Vec<StemSet>> {
        let after = after.map_or(0, |after| after.0);
        let query = Query::new(AFTER).bind(after).bind(limit(rows_max));
        let found: Vec<SetRow> = self.readers.all(query).await?;
        sets(found)
    }

    async fn drop_stem_set(&self, id: StemSetId) -> Result<Vec<[u8; 32]>> {
        let mut tx = self.write().await?;
        let keys = remove(&mut tx, id).await?;
        tx.commit().await?;
        Ok(keys)
    }
}
