//! The connections that read.
//!
//! SQLite is called where its rows are wanted: a reading is a piece of work on a thread that may wait for the disk, which
//! takes a page from the first statement to the last row and gives back nouns. Rows that are handed from thread to thread
//! one by one cost several times as much. A reading has a connection to itself; whoever finds none waits for his turn. A
//! reading that nobody waits for any more ends within [`DATABASE_STEPS`] steps of SQLite's machine.

use std::borrow::Cow;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use budget::limits::{
    DATABASE_CACHE_BYTES, DATABASE_IDLE_MS, DATABASE_READERS_MAX, DATABASE_STATEMENTS_MAX, DATABASE_STEPS,
    DATABASE_WAIT_MS, LISTING_ROWS_BYTES_MAX,
};
use prometheus_client::metrics::counter::Counter;
use rusqlite::config::DbConfig;
use rusqlite::types::Value;
use rusqlite::{Connection, OpenFlags, Statement};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::Result;
use super::columns::{Columns, Part};
use crate::error::{Error, ErrorKind};
use crate::weight::Weight;

const IDLE: Duration = Duration::from_millis(DATABASE_IDLE_MS);

/// A statement and what is bound to its parameters, in their order.
#[derive(Debug)]
pub(super) struct Query {
    sql: Cow<'static, str>,
    values: Vec<Value>,
}

impl Query {
    /// A statement that each connection keeps when it has made it once.
    pub(super) fn new(sql: &'static str) -> Self {
        Query { sql: Cow::Borrowed(sql), values: Vec::new() }
    }

    /// A statement that was put together of static texts for this once. Kept ones would drive out those that everybody
    /// needs.
    pub(super) fn put_together(sql: String) -> Self {
        Query { sql: Cow::Owned(sql), values: Vec::new() }
    }

    /// Binds the next parameter. Those that a statement does not have are passed over.
    pub(super) fn bind(mut self, value: impl Into<Value>) -> Self {
        self.values.push(value.into());
        self
    }
}

/// The connections. Clones share them.
#[derive(Clone, Debug)]
pub(super) struct Readers {
    file: Arc<PathBuf>,
    turns: Arc<Semaphore>,
    readings: Counter,
    /// Those that nobody reads with, and since when, in that order.
    idle: Arc<Mutex<Vec<(Instant, Reader)>>>,
}

impl Readers {
    /// Readers of this file, which must have its tables. A connection is opened when it is needed first.
    pub(super) fn of(file: &Path) -> Self {
        Readers {
            file: Arc::new(file.to_owned()),
            turns: Arc::new(Semaphore::new(DATABASE_READERS_MAX as usize)),
            readings: Counter::default(),
            idle: Arc::default(),
        }
    }

    /// Readings so far.
    pub(super) fn readings(&self) -> &Counter {
        &self.readings
    }

    /// Does a piece of work with one connection. When the caller goes away, the statement that runs then fails.
    ///
    /// # Errors
    /// `Busy` when no connection comes free in time; `Unavailable` when the file cannot be read, or is closed.
    pub(super) async fn read<Found: Send + 'static>(
        &self,
        work: impl FnOnce(&Reader) -> Result<Found> + Send + 'static,
    ) -> Result<Found> {
        self.readings.inc();
        let turn = self.turn().await?;
        let left = CancellationToken::new();
        let _leaves = left.clone().drop_guard();
        let readers = self.clone();
        let work = move || {
            let reader = readers.take()?;
            reader.heed(left)?;
            let found = work(&reader);
            readers.put_back(reader);
            drop(turn);
            found
        };
        let broken = |e| Error::new(ErrorKind::Unavailable, "a reading of the database broke off").because(e);
        tokio::task::spawn_blocking(work).await.map_err(broken)?
    }

    /// A page of rows as nouns: see [`Reader::page`].
    pub(super) async fn page<Row, Noun>(&self, query: Query) -> Result<Vec<Noun>>
    where
        Row: Part,
        Noun: TryFrom<Row, Error = Error> + Weight + Send + 'static,
    {
        self.read(|reader| reader.page::<Row, Noun>(query)).await
    }

    /// All rows, of a statement that knows how many that may be.
    pub(super) async fn all<Row: Part + Send + 'static>(&self, query: Query) -> Result<Vec<Row>> {
        self.read(|reader| reader.all(query)).await
    }

    /// The first row, if there is one.
    pub(super) async fn optional<Row: Part + Send + 'static>(&self, query: Query) -> Result<Option<Row>> {
        self.read(|reader| reader.optional(query)).await
    }

    /// The one thing that a statement is about; `NotFound` of it where there is no row.
    pub(super) async fn noun<Row, Noun>(&self, query: Query, what: &'static str) -> Result<Noun>
    where
        Row: Part + Send + 'static,
        Noun: TryFrom<Row, Error = Error>,
    {
        self.optional::<Row>(query).await?.map_or_else(|| Err(Error::not_found(what)), Noun::try_from)
    }

    /// The row of a statement that always has one; `NotFound` where it has none.
    pub(super) async fn one<Row: Part + Send + 'static>(&self, query: Query) -> Result<Row> {
        self.read(|reader| reader.one(query)).await
    }

    /// Closes the connections, after the readings that run and those that wait.
    pub(super) async fn close(&self) {
        let all = self.turns.acquire_many(DATABASE_READERS_MAX).await;
        self.turns.close();
        drop(all);
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// The right to one connection.
    async fn turn(&self) -> Result<OwnedSemaphorePermit> {
        let turn = Arc::clone(&self.turns).acquire_owned();
        let turn = tokio::time::timeout(Duration::from_millis(DATABASE_WAIT_MS), turn).await;
        let late = || Error::new(ErrorKind::Busy, "no database connection came free in time");
        let closed = |e| Error::new(ErrorKind::Unavailable, "the database is closed").because(e);
        turn.map_err(|_| late())?.map_err(closed)
    }

    /// The connection that was used last, whose cache is the warmest, or a new one. There are never more than turns.
    fn take(&self) -> Result<Reader> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        idle.map_or_else(|| Reader::open(&self.file), |(_, reader)| Ok(reader))
    }

    /// Takes a connection back. Of those that only a crowd needs, one that has waited too long is closed: its cache would
    /// else stay for as long as the server runs.
    fn put_back(&self, reader: Reader) {
        let now = Instant::now();
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let waits_too_long = |(since, _): &(Instant, Reader)| now - *since > IDLE;
        let unneeded = idle.first().is_some_and(waits_too_long).then(|| idle.remove(0));
        idle.push((now, reader));
        drop(idle);
        drop(unneeded);
    }
}

/// One connection, in the hands of one reading.
#[derive(Debug)]
pub(super) struct Reader {
    connection: Connection,
}

impl Reader {
    fn open(file: &Path) -> Result<Self> {
        // A snapshot writes to another file, so that the connection is told not to write, and not opened without the right.
        let connection = Connection::open_with_flags(
            file,
            OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX,
        )?;
        connection.busy_timeout(Duration::from_millis(DATABASE_WAIT_MS))?;
        // Without it the planner looks at what is bound to LIMIT, and a statement on an index of words is made anew each time.
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
        let cache_kib = DATABASE_CACHE_BYTES / 1024;
        connection.execute_batch(&format!(
            "PRAGMA cache_size = -{cache_kib}; PRAGMA mmap_size = 0; PRAGMA trusted_schema = OFF; PRAGMA query_only = ON;"
        ))?;
        connection.set_prepared_statement_cache_capacity(DATABASE_STATEMENTS_MAX);
        Ok(Reader { connection })
    }

    /// Lets the statements of a reading fail when nobody waits for it any more.
    fn heed(&self, left: CancellationToken) -> Result<()> {
        Ok(self.connection.progress_handler(DATABASE_STEPS, Some(move || left.is_cancelled()))?)
    }

    /// Shows each row to `see`, until it has seen enough.
    pub(super) fn each<Row: Part>(&self, query: Query, see: impl FnMut(Row) -> Result<Seen>) -> Result<()> {
        match &query.sql {
            Cow::Borrowed(sql) => show(&mut *self.connection.prepare_cached(sql)?, &query.values, see),
            Cow::Owned(sql) => show(&mut self.connection.prepare(sql)?, &query.values, see),
        }
    }

    /// A page of rows as nouns, up to the one with which they hold as much as a page may.
    pub(super) fn page<Row, Noun>(&self, query: Query) -> Result<Vec<Noun>>
    where
        Row: Part,
        Noun: TryFrom<Row, Error = Error> + Weight,
    {
        let (mut nouns, mut held_bytes) = (Vec::new(), 0);
        self.each::<Row>(query, |row| {
            let noun = Noun::try_from(row)?;
            held_bytes += noun.held_bytes();
            nouns.push(noun);
            Ok(if held_bytes < LISTING_ROWS_BYTES_MAX { Seen::More } else { Seen::Enough })
        })?;
        Ok(nouns)
    }

    /// All rows.
    pub(super) fn all<Row: Part>(&self, query: Query) -> Result<Vec<Row>> {
        let mut rows = Vec::new();
        self.each(query, |row| {
            rows.push(row);
            Ok(Seen::More)
        })?;
        Ok(rows)
    }

    /// The first row, if there is one.
    pub(super) fn optional<Row: Part>(&self, query: Query) -> Result<Option<Row>> {
        let mut first = None;
        self.each(query, |row| {
            first = Some(row);
            Ok(Seen::Enough)
        })?;
        Ok(first)
    }

    /// The row of a statement that always has one.
    pub(super) fn one<Row: Part>(&self, query: Query) -> Result<Row> {
        self.optional(query)?.ok_or_else(|| Error::not_found("row"))
    }

    /// Writes a copy of the whole file to a new one.
    pub(super) fn copy(&self, to: &str) -> Result<()> {
        self.connection.pragma_update(None, "query_only", false)?;
        let copied = self.connection.execute("VACUUM INTO ?1", [to]);
        self.connection.pragma_update(None, "query_only", true)?;
        copied?;
        Ok(())
    }
}

/// Whether whoever looks at rows wants another one.
pub(super) enum Seen {
    More,
    Enough,
}

fn show<Row: Part>(
    statement: &mut Statement<'_>,
    values: &[Value],
    mut see: impl FnMut(Row) -> Result<Seen>,
) -> Result<()> {
    let mut names = statement.column_names().into_iter();
    if !Row::is_called("", &mut names) || names.next().is_some() {
        let text = format!("a statement has the columns {:?}, and its row others", statement.column_names());
        return Err(Error::new(ErrorKind::Unavailable, text));
    }
    for (number, value) in (1..=statement.parameter_count()).zip(values) {
        statement.raw_bind_parameter(number, value)?;
    }
    let mut rows = statement.raw_query();
    while let Some(row) = rows.next()? {
        if let Seen::Enough = see(Row::take(&mut Columns::of(row))?)? {
            break;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;
    use tokio::task::{JoinHandle, yield_now};

    use super::super::columns::row;
    use super::*;

    const ENDLESS: &str =
        "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n";
    const AT_ONCE: Duration = Duration::from_secs(60);

    row! {
        #[derive(Debug, PartialEq)]
        struct Whole {
            id: i64,
            part: Part1,
            note: Option<String>,
        }
    }
    row! {
        #[derive(Debug, PartialEq)]
        struct Part1 {
            name: String,
            is_new: bool,
        }
    }

    fn readers() -> (TempDir, Readers) {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("test.db");
        Connection::open(&file).unwrap().execute_batch("CREATE TABLE t (a)").unwrap();
        (folder, Readers::of(&file))
    }

    /// Readings that do not end by themselves, one on each connection.
    async fn busy(readers: &Readers) -> Vec<JoinHandle<Result<i64>>> {
        let begin = |_| {
            let readers = readers.clone();
            tokio::spawn(async move { readers.one::<i64>(Query::new(ENDLESS)).await })
        };
        let begun = (0..DATABASE_READERS_MAX).map(begin).collect();
        while readers.turns.available_permits() > 0 {
            yield_now().await;
        }
        begun
    }

    #[tokio::test]
    async fn p04_a_reading_that_nobody_waits_for_lets_go_of_its_connection() {
        let (_folder, readers) = readers();
        let begun = busy(&readers).await;
        for reading in begun {
            reading.abort();
        }
        let all = tokio::time::timeout(AT_ONCE, readers.turns.acquire_many(DATABASE_READERS_MAX)).await;
        drop(all.expect("their statements end"));
        assert_eq!(
            readers.one::<i64>(Query::new("SELECT 7")).await.unwrap(),
            7,
            "the connections still read"
        );
        readers.close().await;
        let closed = readers.one::<i64>(Query::new("SELECT 7")).await.unwrap_err();
        assert_eq!(closed.context(), "the database is closed");
    }

    #[tokio::test]
    async fn p04_whoever_finds_no_connection_in_time_is_told_so() {
        let (_folder, readers) = readers();
        let begun = busy(&readers).await;
        let mut late = std::pin::pin!(readers.one::<i64>(Query::new("SELECT 7")));
        tokio::time::pause();
        tokio::select! {
            biased;
            found = &mut late => panic!("there is no connection for {found:?}"),
            () = yield_now() => {}
        }
        tokio::time::advance(2 * Duration::from_millis(DATABASE_WAIT_MS)).await;
        let error = late.await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Busy);
        assert_eq!(error.context(), "no database connection came free in time");
        begun.iter().for_each(JoinHandle::abort);
    }

    #[tokio::test]
    async fn p04_connections_that_only_a_crowd_needed_are_closed() {
        let (_folder, readers) = readers();
        let all_there = Arc::new(std::sync::Barrier::new(DATABASE_READERS_MAX as usize));
        let crowd = (0..DATABASE_READERS_MAX).map(|_| {
            let all_there = Arc::clone(&all_there);
            readers.read(move |_| Ok(all_there.wait()))
        });
        futures_util::future::try_join_all(crowd).await.unwrap();
        let left_after = async |pause: Duration| {
            tokio::time::pause();
            tokio::time::advance(pause).await;
            tokio::time::resume();
            for _ in 0..DATABASE_READERS_MAX {
                assert_eq!(readers.one::<i64>(Query::new("SELECT 7")).await.unwrap(), 7);
            }
            readers.idle.lock().unwrap().len()
        };
        assert_eq!(left_after(Duration::ZERO).await, DATABASE_READERS_MAX as usize);
        assert_eq!(left_after(2 * IDLE).await, 1, "one is enough for who reads alone");
    }

    #[tokio::test]
    async fn a_row_is_read_of_a_statement_with_its_columns_and_of_no_other() {
        let (_folder, readers) = readers();
        let read =
            async |sql| readers.one::<Whole>(Query::new(sql).bind(1).bind("passed over".to_owned())).await;
        let whole = Whole { id: 1, part: Part1 { name: "a".to_owned(), is_new: true }, note: None };
        assert_eq!(read("SELECT ?1 AS id, 'a' AS name, 1 AS is_new, NULL AS note").await.unwrap(), whole);
        for other in [
            "SELECT 'a' AS name, ?1 AS id, 1 AS is_new, NULL AS note",
            "SELECT ?1 AS id, 'a' AS name, 1 AS is_new",
            "SELECT ?1 AS id, 'a' AS name, 1 AS is_new, NULL AS note, 2 AS more",
        ] {
            let error = read(other).await.unwrap_err();
            assert!(error.context().starts_with("a statement has the columns"), "{other}: {error}");
        }
        let pair = readers.one::<(i64, String)>(Query::new("SELECT 1, 'a'")).await.unwrap();
        assert_eq!(pair, (1, "a".to_owned()));
    }
}
