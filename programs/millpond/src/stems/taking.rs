//! A song that is sent for one job alone: it is kept with the renditions, under a key that nobody can guess, and goes when
//! its job has ended, or when it turns out to have none.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use budget::limits::{RETRY_AFTER, SEPARATE_FRESH_MS};
use bytes::Bytes;
use catalog::{Job, JobSource, UserId};
use transform::{Entry, ErrorKind, Filling, Key, MODE_SENT};
use web::{SentSong, SplitError, SplitErrorKind, Submit, Taking};

use super::Inner;
use super::songs::{Held, Share};
use super::work::SENT;

/// A song on its way in.
pub(super) struct Sending {
    inner: Arc<Inner>,
    filling: Filling,
    share: Share,
    name: String,
}

/// A song that is whole and has no job yet. Dropped, it goes.
struct Arrived {
    inner: Arc<Inner>,
    song: Option<Held>,
    source: JobSource,
}

fn untaken(error: transform::Error) -> SplitError {
    let kind = match error.kind {
        ErrorKind::Busy { retry_after, .. } => SplitErrorKind::Busy { retry_after },
        ErrorKind::TooLarge => SplitErrorKind::Full,
        _ => SplitErrorKind::Broken,
    };
    tracing::warn!(%error, words = %error.words, "a song that was sent cannot be kept");
    SplitError::new(kind, format!("the song cannot be kept: {error}"))
}

fn stopping<E>(_: E) -> SplitError {
    SplitError::new(SplitErrorKind::Busy { retry_after: RETRY_AFTER }, "the server stops")
}

/// Begins to take in a song of this user, or of a stranger, of so many bytes at most, as far as that is known.
pub(super) async fn begin(
    inner: &Arc<Inner>,
    owner: Option<UserId>,
    name: &str,
    bytes: Option<u64>,
) -> Result<Sending, SplitError> {
    let mut share = inner.songs.share(owner);
    share.reach(bytes.unwrap_or(0), inner.transforms.cache().limit_bytes())?;
    let room = inner.transforms.cache().reserve(0).await.map_err(untaken)?;
    let filling = room.begin().await.map_err(untaken)?;
    Ok(Sending { inner: Arc::clone(inner), filling, share, name: name.to_owned() })
}

#[async_trait]
impl Taking for Sending {
    async fn write(&mut self, piece: Bytes) -> Result<(), SplitError> {
        let length = self.filling.length().saturating_add(piece.len() as u64);
        let bytes_max = self.inner.rules.song_bytes_max;
        if length > bytes_max {
            let said = format!("a song may have {bytes_max} bytes");
            return Err(SplitError::new(SplitErrorKind::TooLarge, said));
        }
        self.share.reach(length, self.inner.transforms.cache().limit_bytes())?;
        self.filling.write(piece).await.map_err(untaken)
    }

    async fn end(self: Box<Self>) -> Result<Box<dyn SentSong>, SplitError> {
        if self.filling.length() == 0 {
            return Err(SplitError::new(SplitErrorKind::Empty, format!("{} is empty", self.name)));
        }
        // Whoever sent it may go at any moment: what is kept has its owner all the same, who lets it go then.
        let tasks = self.inner.tasks.clone();
        let arrived = tasks.spawn(async move { self.keep().await }).await.map_err(stopping)??;
        Ok(Box::new(arrived))
    }
}

impl Sending {
    async fn keep(self) -> Result<Arrived, SplitError> {
        let Sending { inner, filling, share, name } = self;
        let mut key = [0; 32];
        getrandom::fill(&mut key)
            .map_err(|e| SplitError::new(SplitErrorKind::Broken, format!("no random bytes: {e}")))?;
        let entry = Entry {
            key: Key::from_bytes(key),
            content_type: "application/octet-stream".to_owned(),
            origin: SENT.to_owned(),
            path: String::new(),
            mode: MODE_SENT.to_owned(),
            tags: vec![format!("origin:{SENT}")],
            source_tag: String::new(),
            status: 200,
            cost_ms: 0,
            fresh_for: Duration::from_millis(SEPARATE_FRESH_MS),
            recipe: 0,
        };
        let made = filling.keep(entry).await.map_err(untaken)?;
        let key = made.key;
        let source = JobSource::Blob { key: *key.as_bytes(), name };
        let arrived = Arrived { song: Some(share.of(made)), source, inner };
        if arrived.inner.transforms.cache().has(&key) {
            return Ok(arrived);
        }
        let said = "the song found no place in the cache: send it again";
        Err(SplitError::new(SplitErrorKind::Busy { retry_after: RETRY_AFTER }, said))
    }
}

impl Arrived {
    async fn put_in_line(mut self, asked: Submit) -> Result<Job, SplitError> {
        self.inner.plan(asked.wish, &self.source).await?;
        let id = self.inner.add(asked, self.source.clone()).await?;
        if let Some(song) = self.song.take() {
            self.inner.running.hold(id, song);
        }
        self.inner.is_in_line(id).await
    }
}

#[async_trait]
impl SentSong for Arrived {
    async fn submit(self: Box<Self>, asked: Submit) -> Result<Job, SplitError> {
        // To its end also when whoever asks goes in the middle: then the song is the job's, or it is gone.
        let tasks = self.inner.tasks.clone();
        tasks.spawn(async move { self.put_in_line(asked).await }).await.map_err(stopping)?
    }
}

impl Drop for Arrived {
    fn drop(&mut self) {
        let Some(song) = self.song.take() else { return };
        let inner = Arc::clone(&self.inner);
        self.inner.tasks.spawn(async move { inner.let_go(song).await });
    }
}
