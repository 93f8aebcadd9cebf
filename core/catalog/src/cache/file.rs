//! The connections to a small database that belongs to this machine alone.

use std::path::Path;
use std::time::Duration;

use budget::limits::{CACHE_DATABASE_BYTES, CACHE_READERS_MAX, DATABASE_WAIT_MS, DATABASE_WAL_BYTES};
use sqlx::ConnectOptions;
use sqlx::migrate::Migrator;
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};

use super::Result;

/// Opens the file, makes it if it is not there, and brings its tables to this release: the one connection that writes,
/// and those that read.
///
/// # Errors
/// `Unavailable` when it cannot be opened, is no database, or is a later release's. It may be deleted then.
pub(super) async fn open(path: &Path, tables: &Migrator) -> Result<(SqlitePool, SqlitePool)> {
    let options = SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Normal)
        .foreign_keys(true)
        .busy_timeout(Duration::from_millis(DATABASE_WAIT_MS))
        .pragma("cache_size", format!("-{}", CACHE_DATABASE_BYTES / 1024))
        .pragma("mmap_size", "0")
        .pragma("journal_size_limit", DATABASE_WAL_BYTES.to_string())
        .pragma("trusted_schema", "OFF")
        .disable_statement_logging();
    let pool = |connections: u32| {
        SqlitePoolOptions::new()
            .max_connections(connections)
            .acquire_timeout(Duration::from_millis(DATABASE_WAIT_MS))
            .idle_timeout(None)
            .max_lifetime(None)
            .test_before_acquire(false)
    };
    let writer = pool(1).connect_with(options.clone()).await?;
    tables.run(&writer).await?;
    let readers = pool(CACHE_READERS_MAX).connect_with(options.pragma("query_only", "ON")).await?;
    Ok((writer, readers))
}
