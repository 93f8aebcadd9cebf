//! Reads one feed and writes down what it says.

use std::io;

use budget::Pool;
use budget::limits::{
    PODCAST_BATCH_ROWS, PODCAST_EPISODES_MAX, PODCAST_FEED_BYTES, PODCAST_FEED_RETRY_MS,
    PODCAST_FEED_RETRY_MS_MAX, REMOTE_FIELD_BYTES_MAX,
};
use bytes::Bytes;
use catalog::{ChannelText, DueChannel, FeedRead, FeedState, UnixMs};
use futures_util::stream::{self, Stream};
use http::header::{
    ACCEPT, ETAG, HeaderMap, HeaderName, HeaderValue, IF_MODIFIED_SINCE, IF_NONE_MATCH, LAST_MODIFIED,
};
use http::{Request, StatusCode};
use store::OutgoingAnswer;
use tokio::io::AsyncBufRead;
use tokio_util::io::StreamReader;

use crate::error::{Error, ErrorKind};
use crate::feed::Feed;
use crate::{Follower, after, backoff};

const WANTED: HeaderValue = HeaderValue::from_static(
    "application/rss+xml, application/atom+xml;q=0.9, application/xml;q=0.8, text/xml;q=0.8, */*;q=0.1",
);

impl Follower {
    /// Reads a feed that is due, and says when it is due again.
    pub(crate) async fn refresh(&self, channel: DueChannel) {
        let read = self.read(&channel).await;
        let (outcome, read, due) = match read {
            Ok(read) => {
                let outcome = if read == FeedRead::Unchanged { "unchanged" } else { "read" };
                let due = self.settings.refresh.map_or(UnixMs::MAX, after);
                (outcome, read, due)
            }
            Err(error) => {
                tracing::info!(podcast = %channel.id, %error, "a feed could not be read");
                let wait = backoff(PODCAST_FEED_RETRY_MS, channel.failures, PODCAST_FEED_RETRY_MS_MAX);
                ("failed", FeedRead::Failed(error.said().to_owned()), after(wait))
            }
        };
        self.metrics.feed(outcome);
        if let Err(error) = self.catalog.feed_read(channel.id, &read, due).await {
            // It is claimed for a while, and read again then.
            tracing::warn!(podcast = %channel.id, %error, "what came of reading a feed could not be kept");
        }
    }

    async fn read(&self, channel: &DueChannel) -> Result<FeedRead, Error> {
        let _permit = self.budget.wait(Pool::Origins, PODCAST_FEED_BYTES).await?;
        let answer = self.feeds.send(question(channel)?).await.map_err(|error| Error::asking(&error))?;
        match answer.status {
            StatusCode::NOT_MODIFIED => return Ok(FeedRead::Unchanged),
            StatusCode::OK => {}
            status => return Err(Error::status(status)),
        }
        let state = FeedState {
            etag: field(&answer.headers, &ETAG),
            last_modified: field(&answer.headers, &LAST_MODIFIED),
        };
        let mut about = self.take_down(channel, StreamReader::new(Box::pin(pieces(answer)))).await?;
        if about.title.is_empty() {
            about.title.clone_from(&channel.url);
        }
        Ok(FeedRead::Whole { about, state, wanted_newest: self.settings.newest })
    }

    /// Writes the episodes down, a few at a time. Where the feed breaks off, those before are kept.
    async fn take_down(
        &self,
        channel: &DueChannel,
        input: impl AsyncBufRead + Unpin,
    ) -> Result<ChannelText, Error> {
        let (id, mut feed) = (channel.id, Feed::new(&channel.url, input));
        let (mut batch, mut taken) = (Vec::new(), 0);
        let ended = loop {
            match feed.next().await {
                Ok(Some(episode)) => batch.push(episode),
                Ok(None) => break Ok(()),
                Err(error) => break Err(error),
            }
            taken += 1;
            if taken == PODCAST_EPISODES_MAX {
                break Ok(());
            }
            if batch.len() == PODCAST_BATCH_ROWS {
                self.catalog.record_episodes(id, &batch).await?;
                batch.clear();
            }
        };
        self.catalog.record_episodes(id, &batch).await?;
        ended.map(|()| feed.about().clone())
    }
}

/// Asks for a feed, unless it is as it was.
fn question(channel: &DueChannel) -> Result<Request<Bytes>, Error> {
    let mut request = Request::get(&channel.url)
        .body(Bytes::new())
        .map_err(|_| Error::new(ErrorKind::Denied, "its address is none that can be asked for"))?;
    let FeedState { etag, last_modified } = &channel.state;
    let headers = request.headers_mut();
    headers.insert(ACCEPT, WANTED);
    for (name, value) in [(IF_NONE_MATCH, etag), (IF_MODIFIED_SINCE, last_modified)] {
        if let Some(value) = value.as_ref().and_then(|value| HeaderValue::from_str(value).ok()) {
            headers.insert(name, value);
        }
    }
    Ok(request)
}

/// A field of an answer, if it is one text that is not too long to be kept.
pub(crate) fn field(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    let text = headers.get(name)?.to_str().ok()?;
    (text.len() <= REMOTE_FIELD_BYTES_MAX).then(|| text.to_owned())
}

/// What comes of an answer, piece by piece.
pub(crate) fn pieces(answer: OutgoingAnswer) -> impl Stream<Item = io::Result<Bytes>> + Send {
    stream::try_unfold(answer, |mut answer| async move {
        let piece = answer.next_chunk().await.map_err(io::Error::other)?;
        Ok(piece.map(|piece| (piece, answer)))
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_feed_that_fails_is_left_alone_for_longer_each_time() {
        let wait = |failures| backoff(PODCAST_FEED_RETRY_MS, failures, PODCAST_FEED_RETRY_MS_MAX);
        assert_eq!(wait(0), Duration::from_millis(PODCAST_FEED_RETRY_MS));
        assert_eq!(wait(2), Duration::from_millis(4 * PODCAST_FEED_RETRY_MS));
        for failures in [7, 63, 64, u32::MAX] {
            assert_eq!(wait(failures), Duration::from_millis(PODCAST_FEED_RETRY_MS_MAX), "{failures}");
        }
    }
}
