//! Tracks that are being played, so that their players' next ranges cost no statement.
//!
//! A row is as good as the database while nobody has written: each write of this process begins a new age *after* its
//! commit, and only rows of the present age count. A read takes the age *before* it begins, so that one which ran beside
//! a write is never taken for a later one. Of what other processes write nothing is heard here, so that a row also ends
//! by the clock.

use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use budget::BoundedMap;
use budget::limits::{PLAYING_MS, PLAYING_TRACKS_MAX};
use prometheus_client::registry::Registry;
use sqlx::sqlite::SqliteConnection;
use sqlx::{Sqlite as Driver, Transaction};

use super::{Result, Scope, Sqlite, instrumentals};
use crate::access::Viewer;
use crate::model::{Track, TrackId};

/// The bounded memory of rows. Clones are the same.
#[derive(Clone, Debug)]
pub(super) struct Playing {
    age: Arc<AtomicU64>,
    /// As the age, but of writes that pages are told of alone.
    news: Arc<AtomicU64>,
    rows: BoundedMap<(TrackId, Viewer), (u64, Arc<Track>)>,
}

impl Playing {
    pub(super) fn new() -> Self {
        let rows = BoundedMap::new("playing", PLAYING_TRACKS_MAX, Duration::from_millis(PLAYING_MS));
        Playing { age: Arc::default(), news: Arc::default(), rows }
    }

    /// A change that begins: both ages end with it.
    fn changes(&self) -> Changes {
        Changes { age: Arc::clone(&self.age), news: Some(Arc::clone(&self.news)) }
    }

    pub(super) fn age(&self) -> u64 {
        self.age.load(Ordering::SeqCst)
    }

    pub(super) fn register(&self, registry: &mut Registry) {
        self.rows.register(registry);
    }
}

/// A new age of the rows begins when it goes.
pub(super) struct Changes {
    age: Arc<AtomicU64>,
    news: Option<Arc<AtomicU64>>,
}

impl Drop for Changes {
    fn drop(&mut self) {
        self.age.fetch_add(1, Ordering::SeqCst);
        if let Some(news) = &self.news {
            news.fetch_add(1, Ordering::SeqCst);
        }
    }
}

/// Rows that the connection has ever changed, those of triggers and foreign keys among them.
const CHANGED: &str = "SELECT total_changes()";

/// A transaction that holds the write lock from its first moment. Dropping it takes back what it did.
pub(super) struct Write {
    transaction: Transaction<'static, Driver>,
    /// Behind the transaction, because it is to go after it.
    changes: Changes,
    /// Where it becomes news when it lasts and has changed something: what is looked for and not found is none.
    news: Option<Arc<AtomicU64>>,
    /// What [`CHANGED`] was when it began.
    changed_before: i64,
}

impl Write {
    /// The same for what one person keeps for himself, which no page is told of by itself.
    pub(super) fn without_news(mut self) -> Self {
        self.news = None;
        self
    }

    /// Makes it last. When this has returned, nothing older is played. If its caller goes away meanwhile, which of the
    /// two comes first is open, and the clock alone ends older rows.
    pub(super) async fn commit(mut self) -> Result<()> {
        instrumentals::settle(&mut self).await?;
        let changed: i64 = sqlx::query_scalar(CHANGED).fetch_one(&mut *self).await?;
        let Write { transaction, mut changes, news, changed_before } = self;
        changes.news = news.filter(|_| changed != changed_before);
        let done = transaction.commit().await;
        drop(changes);
        Ok(done?)
    }
}

impl Deref for Write {
    type Target = SqliteConnection;

    fn deref(&self) -> &SqliteConnection {
        &self.transaction
    }
}

impl DerefMut for Write {
    fn deref_mut(&mut self) -> &mut SqliteConnection {
        &mut self.transaction
    }
}

impl Sqlite {
    /// Every change of what a track's row shows goes through here.
    pub(super) async fn write(&self) -> Result<Write> {
        // Whoever waits for the connection gets it in the order in which he came.
        let place = self.line.place()?;
        let mut transaction = self.writer.begin_with("BEGIN IMMEDIATE").await?;
        drop(place);
        let changed_before = sqlx::query_scalar(CHANGED).fetch_one(&mut *transaction).await?;
        let mut changes = self.playing.changes();
        let news = changes.news.take();
        Ok(Write { transaction, changes, news, changed_before })
    }

    /// What a single statement changes without a transaction: it is news when this goes.
    pub(super) fn changes(&self) -> Changes {
        self.playing.changes()
    }

    pub(super) fn written_news(&self) -> u64 {
        self.playing.news.load(Ordering::SeqCst)
    }

    pub(super) async fn playing_track(&self, viewer: &Viewer, id: TrackId) -> Result<Arc<Track>> {
        let Playing { rows, .. } = &self.playing;
        let key = (id, viewer.clone());
        let age = self.playing.age();
        if let Some((_, track)) = rows.get(&key).filter(|(known, _)| *known == age) {
            return Ok(track);
        }
        let track = Arc::new(self.one_track(&Scope::of(viewer), id).await?);
        rows.insert(key, (age, Arc::clone(&track)));
        Ok(track)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_age_ends_with_its_write_and_not_before() {
        let playing = Playing::new();
        let changes = playing.changes();
        assert_eq!(playing.age(), 0);
        drop(changes);
        assert_eq!(playing.age(), 1);
    }
}
