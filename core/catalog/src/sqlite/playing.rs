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
use budget::limits::{PLAYING_MS, PLAYING_TRACKS_MAX, PLAYLIST_NEWS_COUNTS};
use prometheus_client::registry::Registry;
use sqlx::sqlite::SqliteConnection;
use sqlx::{Sqlite as Driver, Transaction};

use super::{Result, Scope, Sqlite, instrumentals, now};
use crate::access::Viewer;
use crate::model::{Track, TrackId, UserId};

/// The bounded memory of rows. Clones are the same.
#[derive(Clone, Debug)]
pub(super) struct Playing {
    age: Arc<AtomicU64>,
    /// As the age, but of writes that pages are told of alone.
    news: Arc<AtomicU64>,
    /// As the news, but of playlists: those that everyone sees first, then those of users.
    lists: Arc<[Arc<AtomicU64>]>,
    rows: BoundedMap<(TrackId, Viewer), (u64, Arc<Track>)>,
}

impl Playing {
    pub(super) fn new() -> Self {
        let rows = BoundedMap::new("playing", PLAYING_TRACKS_MAX, Duration::from_millis(PLAYING_MS));
        // Whoever knows a count of another life of this process finds another one.
        let begin = now().cast_unsigned();
        let lists = (0..=PLAYLIST_NEWS_COUNTS).map(|_| Arc::new(AtomicU64::new(begin))).collect();
        Playing { age: Arc::default(), news: Arc::default(), lists, rows }
    }

    /// Counts the changes of playlists that everyone sees.
    fn open_lists(&self) -> Option<&Arc<AtomicU64>> {
        self.lists.first()
    }

    /// Counts those of a user's, and of those with whom he shares a count.
    fn lists_of(&self, owner: UserId) -> Option<&Arc<AtomicU64>> {
        self.lists.get(1 + owner.0.cast_unsigned() as usize % PLAYLIST_NEWS_COUNTS)
    }

    pub(super) fn age(&self) -> u64 {
        self.age.load(Ordering::SeqCst)
    }

    pub(super) fn register(&self, registry: &mut Registry) {
        self.rows.register(registry);
    }
}

/// An age that ends when this goes.
pub(super) struct Ending(Arc<AtomicU64>);

impl Drop for Ending {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

/// Rows that the connection has ever changed, those of triggers and foreign keys among them.
const CHANGED: &str = "SELECT total_changes()";

/// A transaction that holds the write lock from its first moment. Dropping it takes back what it did.
pub(super) struct Write {
    transaction: Transaction<'static, Driver>,
    /// The age of the rows. Behind the transaction, because it is to end after it.
    age: Ending,
    /// The ages of the news, which end when the change lasts and has changed something: what is looked for and not found is
    /// none.
    news: Vec<Arc<AtomicU64>>,
    /// What [`CHANGED`] was when it began.
    changed_before: i64,
}

impl Write {
    /// The same for what one person keeps for himself, which no page is told of by itself.
    pub(super) fn without_news(mut self) -> Self {
        self.news.clear();
        self
    }

    /// The same for a playlist: its owner is told, and everyone if they see it.
    pub(super) fn with_news_of_list(mut self, playing: &Playing, owner: UserId, is_open: bool) -> Self {
        let open = playing.open_lists().filter(|_| is_open);
        self.news = playing.lists_of(owner).into_iter().chain(open).cloned().collect();
        self
    }

    /// How many rows its connection has ever changed.
    pub(super) async fn changes(&mut self) -> Result<i64> {
        Ok(sqlx::query_scalar(CHANGED).fetch_one(&mut **self).await?)
    }

    /// Makes it last. When this has returned, nothing older is played. If its caller goes away meanwhile, which of the
    /// two comes first is open, and the clock alone ends older rows.
    pub(super) async fn commit(mut self) -> Result<()> {
        instrumentals::settle(&mut self).await?;
        let changed = self.changes().await?;
        let Write { transaction, age, news, changed_before } = self;
        let news = news.into_iter().filter(|_| changed != changed_before).map(Ending);
        let endings = (age, news.collect::<Vec<_>>());
        let done = transaction.commit().await;
        drop(endings);
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
        let age = Ending(Arc::clone(&self.playing.age));
        Ok(Write { transaction, age, news: vec![Arc::clone(&self.playing.news)], changed_before })
    }

    /// What a single statement changes without a transaction: both ages end when this goes.
    pub(super) fn changes(&self) -> [Ending; 2] {
        [&self.playing.age, &self.playing.news].map(|age| Ending(Arc::clone(age)))
    }

    pub(super) fn written_news(&self) -> u64 {
        self.playing.news.load(Ordering::SeqCst)
    }

    pub(super) fn written_lists(&self, user: UserId) -> u64 {
        let counts = self.playing.lists_of(user).into_iter().chain(self.playing.open_lists());
        counts.map(|count| count.load(Ordering::SeqCst)).fold(0, u64::wrapping_add)
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
        let age = Ending(Arc::clone(&playing.age));
        assert_eq!(playing.age(), 0);
        drop(age);
        assert_eq!(playing.age(), 1);
    }
}
