//! The catalog in one SQLite file.
//!
//! **Promise.** What a call acknowledged is on the disk (WAL with `synchronous=FULL`); no cursor stays open between
//! calls, so the WAL can always be checkpointed; every statement is a static text with bound parameters, or is put together of
//! such texts (`smart`).
//!
//! **Flow.** One connection writes, up to four read. Writers are short transactions that take the write lock at once
//! (`BEGIN IMMEDIATE`), so none of them fails half-way on a lock; they wait their turn in a line (`line`). Who reads calls SQLite
//! where a thread may wait for the disk, and takes a page at a time (`readers`, `columns`). Statistics of the
//! planner (`ANALYZE`) are never gathered: the plans are those that the tests looked at, on every installation.

use std::collections::HashSet;
use std::path::Path;
use std::time::Duration;

use budget::limits::{
    DATABASE_CACHE_BYTES, DATABASE_LINE_MS, DATABASE_WAIT_MS, DATABASE_WAL_BYTES, PAGE_ROWS_MAX,
    RANDOM_DRAWS_MAX,
};
use jiff::Timestamp;
use prometheus_client::registry::Registry;
use sqlx::sqlite::{
    Sqlite as Driver, SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions,
    SqliteSynchronous,
};
use sqlx::{ConnectOptions, Connection as _};
use store::FolderId;

use self::readers::{Query, Readers};
use crate::access::{App, Viewer};
use crate::error::{Error, ErrorKind};
use crate::model::instrumentals::{INSTRUMENTALS, twin_of};
use crate::model::{LibrarySet, UPLOADS, UnixMs};

mod albums;
mod annotations;
mod artists;
mod batch;
mod blobs;
mod changes;
mod columns;
mod composed;
mod credentials;
mod credits;
mod discovery;
mod feeds;
mod heirs;
mod instrumentals;
mod inventory;
mod jobs;
mod left_off;
mod letters;
mod library;
mod line;
mod moves;
mod places;
mod playing;
mod playlists;
mod podcasts;
mod ranks;
mod readers;
mod rows;
mod scrobbles;
mod search;
mod segments;
mod sequence;
mod shares;
mod smart;
mod spellings;
mod sql;
mod stations;
mod stems;
#[cfg(test)]
mod tests;
mod totals;
mod tracks;
mod under_way;
mod uploads;
mod users;
mod videos;
mod wanted;

type Result<T> = std::result::Result<T, Error>;

/// The catalog in a SQLite file. Clones share the connections.
#[derive(Clone, Debug)]
pub struct Sqlite {
    writer: SqlitePool,
    readers: Readers,
    playing: playing::Playing,
    places: places::Places,
    letters: letters::Letters,
    ranks: ranks::Ranks,
    line: line::Line,
    smart: smart::Smart,
}

impl Sqlite {
    /// Opens the file, makes it if it is not there, and brings its tables to this release.
    ///
    /// # Errors
    /// `Unavailable` when the file cannot be opened or written, is no database, or was written by a later release
    /// whose tables this one does not know.
    pub async fn open(path: &Path) -> Result<Self> {
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(Duration::from_millis(DATABASE_WAIT_MS))
            .pragma("cache_size", format!("-{}", DATABASE_CACHE_BYTES / 1024))
            .pragma("mmap_size", "0")
            .pragma("journal_size_limit", DATABASE_WAL_BYTES.to_string())
            .pragma("trusted_schema", "OFF")
            .disable_statement_logging();
        let writer = SqlitePoolOptions::new()
            .max_connections(1)
            .acquire_timeout(Duration::from_millis(DATABASE_LINE_MS))
            .idle_timeout(None)
            .max_lifetime(None)
            .test_before_acquire(false)
            .connect_with(options)
            .await?;
        sqlx::migrate!("./migrations").run(&writer).await?;
        composed::compose(&writer).await?;
        let readers = Readers::of(path);
        Ok(Sqlite {
            writer,
            readers,
            playing: playing::Playing::new(),
            places: places::Places::new(),
            letters: letters::Letters::new(),
            ranks: ranks::Ranks::new(),
            line: line::Line::new(),
            smart: smart::Smart::new(),
        })
    }

    /// Whether the file's tables are those of an earlier release, so that [`Sqlite::open`] would change them. A file
    /// that is not there, or has no tables yet, is none of an earlier release.
    ///
    /// # Errors
    /// `Unavailable` when the file cannot be read or is no database.
    pub async fn is_behind(path: &Path) -> Result<bool> {
        if !path.exists() {
            return Ok(false);
        }
        let options = SqliteConnectOptions::new().filename(path).disable_statement_logging();
        let mut connection = options.connect().await?;
        let has_tables: bool =
            sqlx::query_scalar("SELECT count(*) > 0 FROM sqlite_schema WHERE name = '_sqlx_migrations'")
                .fetch_one(&mut connection)
                .await?;
        let applied: Vec<i64> = if has_tables {
            sqlx::query_scalar("SELECT version FROM _sqlx_migrations LIMIT 1000")
                .fetch_all(&mut connection)
                .await?
        } else {
            Vec::new()
        };
        connection.close().await?;
        let lacks = |migration: &sqlx::migrate::Migration| !applied.contains(&migration.version);
        Ok(!applied.is_empty() && sqlx::migrate!("./migrations").iter().any(lacks))
    }

    /// Writes a complete copy of the database, as of one moment, to a file that must not be there yet.
    ///
    /// # Errors
    /// `Exists` when the file is there, `Invalid` when its name is not UTF-8, `Unavailable` when it cannot be written.
    pub async fn snapshot(&self, to: &Path) -> Result<()> {
        let name = to.to_str().ok_or_else(|| Error::invalid("the name of a snapshot must be UTF-8"))?;
        if to.exists() {
            return Err(Error::new(ErrorKind::Exists, "the file of the snapshot is there already"));
        }
        let name = name.to_owned();
        self.readers.read(move |reader| reader.copy(&name)).await
    }

    /// What SQLite finds wrong with the file; nothing when it is sound. It reads the whole file.
    pub async fn check(&self) -> Result<Vec<String>> {
        let mut found: Vec<String> = self.readers.all(Query::new("PRAGMA integrity_check(100)")).await?;
        found.retain(|line| line != "ok");
        let orphans: Vec<String> = self
            .readers
            .all(Query::new(
                "SELECT DISTINCT \"table\" || ' names a row of ' || \"parent\" || ' that is not there'
             FROM pragma_foreign_key_check LIMIT 100",
            ))
            .await?;
        found.extend(orphans);
        Ok(found)
    }

    /// Closes all connections, after the calls that run.
    pub async fn close(&self) {
        self.line.servers.close();
        self.line.servers.wait().await;
        self.readers.close().await;
        self.writer.close().await;
    }

    /// How often something was read since it was opened.
    pub fn readings(&self) -> u64 {
        self.readers.readings().get()
    }

    /// Shows how often something is read, and how many rows are kept for players.
    pub fn register(&self, registry: &mut Registry) {
        let help = "Readings of the database: one or more statements on one connection";
        registry.register("database_readings", help, self.readers.readings().clone());
        self.playing.register(registry);
        self.places.register(registry);
        self.letters.register(registry);
        self.ranks.register(registry);
        self.smart.register(registry);
    }
}

/// In the place of a library's id: what the viewer sent himself.
const OWN_UPLOADS: i64 = -1;
/// The same: the instrumentals of that. All small negative numbers are twins.
const OWN_INSTRUMENTALS: i64 = i64::MIN;

/// Whose eyes a statement looks through: its first three parameters.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Scope {
    user: i64,
    /// A JSON array of library ids; `None` is all.
    libraries: Option<String>,
    manages: bool,
    /// By which app; no statement asks for it.
    app: App,
}

impl Scope {
    /// All that the viewer sees.
    fn of(viewer: &Viewer) -> Self {
        Self::within(viewer, None)
    }

    /// What the viewer sees of one library, or all.
    fn within(viewer: &Viewer, folder: Option<FolderId>) -> Self {
        let libraries = match (&viewer.libraries, folder) {
            (LibrarySet::All, None) => None,
            (LibrarySet::All, Some(folder)) => Some(vec![folder.0]),
            (LibrarySet::Only(set), folder) => {
                let asked = |id: FolderId| folder.is_none_or(|folder| folder == id);
                let own = [(UPLOADS, OWN_UPLOADS), (INSTRUMENTALS, OWN_INSTRUMENTALS)];
                let own = own.iter().filter(|(folder, _)| asked(*folder) && !set.contains(&UPLOADS));
                let own = own.map(|(_, own)| *own);
                // Only real libraries are given to anybody.
                let set = || set.iter().filter(|id| id.0 >= 0);
                let ids = set().filter(|id| asked(**id)).map(|id| id.0);
                let twins = set().filter(|_| asked(INSTRUMENTALS)).map(|id| twin_of(*id).0);
                Some(ids.chain(twins).chain(own).collect::<Vec<i64>>())
            }
        };
        Scope {
            user: viewer.user.0,
            libraries: libraries.map(|ids| json_ids(&ids)),
            manages: viewer.manages,
            app: viewer.app,
        }
    }

    /// A statement that reads, its first three parameters bound.
    fn query(&self, sql: &'static str) -> Query {
        self.bound(Query::new(sql))
    }

    /// The same statement with its first three parameters bound.
    fn bound(&self, query: Query) -> Query {
        query.bind(self.user).bind(self.libraries.clone()).bind(self.manages)
    }

    /// A statement of a transaction for a list of rows, its first three parameters bound.
    fn rows<'q, Row>(
        &'q self,
        sql: &'static str,
    ) -> sqlx::query::QueryAs<'q, Driver, Row, sqlx::sqlite::SqliteArguments>
    where
        Row: for<'r> sqlx::FromRow<'r, sqlx::sqlite::SqliteRow>,
    {
        sqlx::query_as(sql).bind(self.user).bind(self.libraries.as_deref()).bind(self.manages)
    }

    /// A statement that changes something, its first three parameters bound.
    fn change<'q>(
        &'q self,
        sql: &'static str,
    ) -> sqlx::query::Query<'q, Driver, sqlx::sqlite::SqliteArguments> {
        sqlx::query(sql).bind(self.user).bind(self.libraries.as_deref()).bind(self.manages)
    }
}

/// Ids as the JSON array that `json_each` takes.
fn json_ids(ids: &[i64]) -> String {
    let mut text = String::with_capacity(2 + ids.len() * 8);
    text.push('[');
    for (n, id) in ids.iter().enumerate() {
        if n > 0 {
            text.push(',');
        }
        text.push_str(&id.to_string());
    }
    text.push(']');
    text
}

/// How many rows a page may have: what was asked for, at most 500.
fn limit(rows_max: usize) -> i64 {
    i64::try_from(rows_max.min(PAGE_ROWS_MAX)).unwrap_or(0)
}

/// Where a page starts. Nobody has 2^63 rows.
fn offset(rows: u64) -> i64 {
    i64::try_from(rows).unwrap_or(i64::MAX)
}

/// The present moment.
fn now() -> UnixMs {
    Timestamp::now().as_millisecond()
}

impl Sqlite {
    /// Numbers up to that which `last` tells, each once: two for each row of a page at most.
    async fn guessed(&self, last: &'static str, ids_max: usize) -> Result<Vec<i64>> {
        let last: i64 = self.readers.one(Query::new(last)).await?;
        let (guesses, mut once) = (random_ids(last, ids_max.min(2 * PAGE_ROWS_MAX))?, HashSet::new());
        Ok(guesses.into_iter().filter(|id| once.insert(*id)).collect())
    }

    /// Draws numbers up to that which `last` tells, and takes the rows that have them, each once: `find` gets numbers as a JSON
    /// array. They are too few where few rows are found by chance.
    async fn drawn<Finding>(
        &self,
        last: &'static str,
        wanted: usize,
        find: impl Fn(String) -> Finding,
    ) -> Result<Vec<i64>>
    where
        Finding: Future<Output = Result<Vec<i64>>>,
    {
        let last: i64 = self.readers.one(Query::new(last)).await?;
        let (mut chosen, mut seen) = (Vec::with_capacity(wanted), HashSet::new());
        for draws in 0..RANDOM_DRAWS_MAX {
            let enough = chosen.len() >= wanted;
            // Each draw finds about as many as another: those that are left will not do.
            let hopeless = chosen.len() * RANDOM_DRAWS_MAX < wanted * draws;
            if enough || hopeless {
                break;
            }
            let found = find(json_ids(&random_ids(last, 2 * wanted)?)).await?;
            chosen.extend(found.into_iter().filter(|id| seen.insert(*id)));
        }
        chosen.truncate(wanted);
        Ok(chosen)
    }
}

/// Random ids from 1 to `max`, some of them perhaps twice.
fn random_ids(max: i64, count: usize) -> Result<Vec<i64>> {
    let mut bytes = vec![0; count * 8];
    getrandom::fill(&mut bytes)
        .map_err(|e| Error::new(ErrorKind::Unavailable, "the system gave no random numbers").because(e))?;
    let range = u64::try_from(max).unwrap_or(0).max(1);
    let numbers = bytes.as_chunks::<8>().0.iter().map(|chunk| u64::from_le_bytes(*chunk) % range);
    Ok(numbers.map(|number| i64::try_from(number).unwrap_or(0) + 1).collect())
}
