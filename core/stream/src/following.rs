//! The body of something that is still being made: it ends when that is whole, and breaks off when it never will be.
//!
//! How long it will be is hardly ever known, so there is mostly no length and no range, and never a validator; whoever wants
//! those asks again when it is whole. Waiting for the maker is not the client's stall. What was just made is in the page cache, and is read where
//! we stand, as every other body is ([`crate::body`]).

use std::future::poll_fn;
use std::io;
use std::ops::Range;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use budget::Chunks;
use budget::limits::{STALL_CHECK_MS, TURN_BYTES};
use bytes::Bytes;
use futures_util::Stream;
use store::{Growing, Growth};

use crate::body::Filled;
use crate::error::{Ending, Error};
use crate::metrics::Outcome;
use crate::registry::Ticket;

/// What one reader of growing bytes holds.
struct Following {
    growing: Growing,
    position: u64,
    /// Where it ends, though more may come; without it, where the whole ends.
    end: Option<u64>,
    /// What may still be sent before the next task has its turn.
    turn_left: usize,
    chunks: Chunks,
    ticket: Ticket,
    is_over: bool,
}

/// The bytes as they come, until all are there, or all of `part`.
pub(crate) fn follow(
    growing: Growing,
    part: Option<Range<u64>>,
    chunks: Chunks,
    ticket: Ticket,
) -> impl Stream<Item = Result<Bytes, Error>> {
    let (position, end) = part.map_or((0, None), |part| (part.start, Some(part.end)));
    let following =
        Following { growing, position, end, turn_left: TURN_BYTES, chunks, ticket, is_over: false };
    futures_util::stream::unfold(following, |mut following| async move {
        if following.is_over {
            return None;
        }
        let next = following.next().await;
        following.is_over = !matches!(next, Ok(Some(_)));
        let outcome = if next.is_ok() { Outcome::Complete } else { Outcome::Failed };
        if following.is_over {
            following.ticket.entry.set_outcome(outcome);
        }
        next.transpose().map(|piece| (piece, following))
    })
}

impl Following {
    async fn next(&mut self) -> Result<Option<Bytes>, Error> {
        if self.end.is_some_and(|end| end <= self.position) {
            return Ok(None);
        }
        let reached = match self.more().await? {
            Growth::So(length) => length,
            Growth::Whole(length) if length <= self.position => {
                // A length was said, and this is the end before it.
                return match self.end {
                    Some(end) => Err(Error::Short { missing_bytes: end - self.position }),
                    None => Ok(None),
                };
            }
            Growth::Whole(length) => length,
            Growth::Failed => return Err(Error::Unfinished),
        };
        if self.turn_left == 0 {
            self.turn_left = TURN_BYTES;
            tokio::task::yield_now().await;
        }
        let reached = self.end.map_or(reached, |end| end.min(reached));
        let left = reached.saturating_sub(self.position);
        let wanted = usize::try_from(left).unwrap_or(usize::MAX).min(self.turn_left);
        let bytes = Bytes::from_owner(self.read(wanted).await.map_err(Error::Read)?);
        if bytes.is_empty() {
            return Err(Error::Short { missing_bytes: left });
        }
        self.position += bytes.len() as u64;
        self.turn_left = self.turn_left.saturating_sub(bytes.len());
        self.ticket.inner.moved(&self.ticket.entry, bytes.len());
        Ok(Some(bytes))
    }

    /// So many bytes at most, of those that are there.
    async fn read(&self, wanted: usize) -> io::Result<Filled> {
        let (position, mut chunk) = (self.position, self.chunks.lend());
        let wanted = wanted.min(chunk.len());
        let permit = Arc::clone(&self.ticket.permit);
        match self.growing.read_resident(&mut chunk[..wanted], position) {
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => {}
            read => return read.map(|filled| Filled::new(chunk, filled, permit)),
        }
        let growing = self.growing.clone();
        let read = tokio::task::spawn_blocking(move || {
            let filled = growing.read_at(&mut chunk[..wanted], position)?;
            Ok(Filled::new(chunk, filled, permit))
        });
        read.await.map_err(io::Error::other)?
    }

    /// Waits until there is more than was sent, or the end.
    async fn more(&self) -> Result<Growth, Error> {
        loop {
            let wait = Duration::from_millis(STALL_CHECK_MS);
            tokio::select! {
                biased;
                ending = self.ended() => return Err(Error::Ended(ending)),
                growth = self.growing.more_than(self.position) => return Ok(growth),
                () = tokio::time::sleep(wait) => self.ticket.inner.waited(&self.ticket.entry),
            }
        }
    }

    async fn ended(&self) -> Ending {
        let entry = &self.ticket.entry;
        poll_fn(|context| {
            entry.listen(context.waker());
            entry.ending().map_or(Poll::Pending, Poll::Ready)
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use bytes::Bytes;
    use http::{HeaderValue, Method};
    use http_body::Body as _;
    use store::{DataFolder, Io, Making, Renditions};

    use super::*;
    use crate::Body;
    use crate::fixture::{assert_at_rest, listener, pattern, streams};

    /// Renditions in a folder, and one that is in the making and has these bytes.
    async fn begun(bytes: &[u8]) -> (tempfile::TempDir, Making) {
        let folder = tempfile::tempdir().unwrap();
        let renditions = Renditions::open(&DataFolder::share(folder.path()).unwrap(), Io::new(2)).unwrap();
        let mut making = renditions.begin(Arc::new(())).await.unwrap();
        making.write(Bytes::copy_from_slice(bytes)).await.unwrap();
        (folder, making)
    }

    async fn drain(body: &mut Body) -> Vec<u8> {
        let mut bytes = Vec::new();
        while let Some(frame) = poll_fn(|context| std::pin::Pin::new(&mut *body).poll_frame(context)).await {
            bytes.extend_from_slice(&frame.unwrap().into_data().unwrap());
        }
        bytes
    }

    #[test]
    fn what_was_just_made_is_read_without_a_thread() {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = runtime.max_blocking_threads(1).enable_all().build().unwrap();
        runtime.block_on(async {
            let written = pattern(3 * TURN_BYTES + 777);
            let (_folder, making) = begun(&written).await;
            making.end();
            let (streams, budget) = streams(10, 10);
            // The only thread that may block is taken until the body is read.
            let (done, wait) = mpsc::sync_channel::<()>(1);
            let taken = tokio::task::spawn_blocking(move || wait.recv().unwrap_err());
            let kind = HeaderValue::from_static("video/mp4");
            let answer = streams.answer_growing(&Method::GET, making.growing(), kind, listener(1)).unwrap();
            let mut body = answer.into_body();
            let read = tokio::time::timeout(Duration::from_secs(10), drain(&mut body)).await;
            drop(done);
            taken.await.unwrap();
            assert!(read.expect("nobody waits for a thread") == written);
            drop(body);
            assert_at_rest(&streams, &budget);
        });
    }

    #[tokio::test]
    async fn the_next_task_has_its_turn_while_a_long_body_is_read() {
        let (_folder, making) = begun(&pattern(4 * TURN_BYTES)).await;
        making.end();
        let (streams, _) = streams(10, 10);
        let kind = HeaderValue::from_static("video/mp4");
        let answer = streams.answer_growing(&Method::GET, making.growing(), kind, listener(1)).unwrap();
        let mut body = answer.into_body();
        let other = async {
            for _ in 0..2 {
                tokio::task::yield_now().await;
            }
            Vec::new()
        };
        let first = tokio::select! {
            biased;
            read = drain(&mut body) => read,
            other = other => other,
        };
        assert!(first.is_empty(), "the other waited for all {} bytes", first.len());
    }

    /// Reads until the end or the error, and says whether there was one.
    async fn drain_to_any_end(body: &mut Body) -> (Vec<u8>, bool) {
        let mut bytes = Vec::new();
        while let Some(frame) = poll_fn(|context| std::pin::Pin::new(&mut *body).poll_frame(context)).await {
            match frame {
                Ok(frame) => bytes.extend_from_slice(&frame.into_data().unwrap()),
                Err(_) => return (bytes, true),
            }
        }
        (bytes, false)
    }

    #[tokio::test]
    async fn of_a_foreseen_length_every_range_is_given_and_an_early_end_is_an_error() {
        let written = pattern(10_000);
        let kind = || HeaderValue::from_static("audio/mpeg");
        for (range, if_range, status, expected) in [
            (None, None, 200, 0..10_000),
            (Some("bytes=0-"), None, 206, 0..10_000),
            (Some("bytes=9000-9099"), None, 206, 9_000..9_100),
            (Some("bytes=-10"), None, 206, 9_990..10_000),
            (Some("bytes=5-"), Some("\"a\""), 200, 0..10_000),
            (Some("bytes=10000-"), None, 416, 0..0),
        ] {
            let (_folder, making) = begun(&written).await;
            making.end();
            let (streams, budget) = streams(10, 10);
            let mut headers = http::HeaderMap::new();
            for (name, value) in [("range", range), ("if-range", if_range)] {
                if let Some(value) = value {
                    headers.insert(name, HeaderValue::from_static(value));
                }
            }
            let foreseen = (making.growing(), 10_000);
            let answer =
                streams.answer_foreseen(&Method::GET, &headers, foreseen, kind(), listener(1)).unwrap();
            assert_eq!(answer.status(), status, "{range:?}");
            if status == 206 {
                let told = format!("bytes {}-{}/10000", expected.start, expected.end - 1);
                assert_eq!(answer.headers()["content-range"], told.as_str());
            }
            assert_eq!(answer.headers()["content-length"], expected.len().to_string().as_str(), "{range:?}");
            let mut body = answer.into_body();
            assert_eq!(drain_to_any_end(&mut body).await, (written[expected].to_vec(), false), "{range:?}");
            drop(body);
            assert_at_rest(&streams, &budget);
        }
        let (_folder, making) = begun(&written[..9_000]).await;
        making.end();
        let (streams, _) = streams(10, 10);
        let headers = http::HeaderMap::new();
        let foreseen = (making.growing(), 10_000);
        let answer = streams.answer_foreseen(&Method::GET, &headers, foreseen, kind(), listener(1)).unwrap();
        assert_eq!(drain_to_any_end(&mut answer.into_body()).await, (written[..9_000].to_vec(), true));
    }
}
