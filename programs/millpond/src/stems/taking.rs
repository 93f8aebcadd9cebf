//! A song that is sent for one job alone: it is kept with the renditions, under a key that nobody can guess, and goes when
//! its job has ended.

use std::time::Duration;

use async_trait::async_trait;
use budget::limits::JOB_KEPT_MS;
use bytes::Bytes;
use catalog::JobSource;
use transform::{Entry, ErrorKind, Filling, Key, MODE_SENT};
use web::{SplitError, SplitErrorKind, Taking};

use super::Inner;
use super::work::SENT;

/// A song on its way in.
pub(super) struct Sending {
    filling: Filling,
    name: String,
    bytes_max: u64,
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

impl Inner {
    pub(super) async fn sending(&self, name: &str) -> Result<Sending, SplitError> {
        let room = self.transforms.cache().reserve(0).await.map_err(untaken)?;
        let filling = room.begin().await.map_err(untaken)?;
        Ok(Sending { filling, name: name.to_owned(), bytes_max: self.rules.song_bytes_max })
    }
}

#[async_trait]
impl Taking for Sending {
    async fn write(&mut self, piece: Bytes) -> Result<(), SplitError> {
        let length = self.filling.length().saturating_add(piece.len() as u64);
        if length > self.bytes_max {
            let said = format!("a song may have {} bytes", self.bytes_max);
            return Err(SplitError::new(SplitErrorKind::TooLarge, said));
        }
        self.filling.write(piece).await.map_err(untaken)
    }

    async fn end(self: Box<Self>) -> Result<JobSource, SplitError> {
        let Sending { filling, name, .. } = *self;
        if filling.length() == 0 {
            return Err(SplitError::new(SplitErrorKind::Empty, format!("{name} is empty")));
        }
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
            fresh_for: Duration::from_millis(JOB_KEPT_MS),
            recipe: 0,
        };
        filling.keep(entry).await.map_err(untaken)?;
        Ok(JobSource::Blob { key, name })
    }
}
