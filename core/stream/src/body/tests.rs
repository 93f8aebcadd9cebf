use std::fs::OpenOptions;
use std::os::unix::fs::FileExt as _;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Wake, Waker};

use budget::limits::{CHUNK_BYTES, COPIED_STREAM_BYTES, KIB};
use http_body::Body as _;

use super::*;
use crate::fixture::{self, assert_at_rest, drain, get, listener, new_file, pattern, piece};

const LENGTH: usize = 3 * TURN_BYTES + 777;

#[tokio::test]
async fn a_body_is_the_file_and_gives_everything_back() {
    for length in
        [0, 1, SMALL_BODY_BYTES_MAX as usize, SMALL_BODY_BYTES_MAX as usize + 1, CHUNK_BYTES, LENGTH]
    {
        let (streams, budget) = fixture::streams(10, 10);
        let bytes = pattern(length);
        let (_folder, source) = new_file(&bytes);
        let mut body = get(&streams, &source, listener(1));
        assert_eq!(body.size_hint().exact(), Some(length as u64));
        let (sent, error) = drain(&mut body).await;
        assert!(sent == bytes && error.is_none(), "{length} bytes");
        assert!(piece(&mut body).await.is_none(), "the end stays the end");
        drop(body);
        assert_at_rest(&streams, &budget);
        let is_stream = length > SMALL_BODY_BYTES_MAX as usize;
        assert_eq!(
            streams.inner.metrics.count_ended(Outcome::Complete),
            u64::from(is_stream),
            "{length} bytes"
        );
    }
}

#[tokio::test]
async fn a_body_is_the_file_when_a_disk_must_bring_it() {
    let (streams, budget) = fixture::streams(10, 10);
    let bytes = pattern(LENGTH);
    let (folder, source) = new_file(&bytes);
    std::fs::File::open(folder.path().join("song.flac")).unwrap().sync_all().unwrap();
    // Where the system does not follow this advice, the test says what the one above says.
    rustix::fs::fadvise(source.file().unwrap(), 0, None, rustix::fs::Advice::DontNeed).unwrap();
    let mut bodies: Vec<_> = (0..3).map(|user| get(&streams, &source, listener(user))).collect();
    let first = &mut bodies[0];
    // A body that is dropped while its read waits gives everything back when the read is done.
    let _ = Pin::new(first).poll_frame(&mut Context::from_waker(Waker::noop()));
    drop(bodies.remove(0));
    for body in &mut bodies {
        let (sent, error) = drain(body).await;
        assert!(sent == bytes && error.is_none());
    }
    drop(bodies);
    while budget.figures()[Pool::Streams as usize].used_bytes > 0 {
        tokio::task::yield_now().await;
    }
    assert_at_rest(&streams, &budget);
}

#[tokio::test]
async fn p04_a_body_holds_no_more_than_its_permit_until_the_last_piece_is_sent() {
    let (streams, budget) = fixture::streams(10, 10);
    let (_folder, source) = new_file(&pattern(CHUNK_BYTES));
    let mut body = get(&streams, &source, listener(1));
    let used = budget.figures()[Pool::Streams as usize].used_bytes;
    assert_eq!(used, STREAM_BYTES + COPIED_STREAM_BYTES, "its chunk beside what the kernel holds");
    let frame = std::future::poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await;
    let bytes = frame.unwrap().unwrap().into_data().unwrap();
    drop(body);
    assert_eq!(streams.used(), 0, "the slot is free");
    assert_eq!(
        budget.figures()[Pool::Streams as usize].used_bytes,
        STREAM_BYTES,
        "the bytes are not sent yet"
    );
    drop(bytes);
    assert_at_rest(&streams, &budget);
}

#[tokio::test]
async fn p05_a_body_lets_others_have_their_turn() {
    let (streams, _budget) = fixture::streams(10, 10);
    let (_folder, source) = new_file(&pattern(LENGTH));
    let mut body = get(&streams, &source, listener(1));
    let (mut sent, mut turn, mut turns) = (0, 0, 1);
    while sent < LENGTH {
        // Some(None) is a turn that ended, whether it was used up or a disk was asked.
        let polled = std::future::poll_fn(|context| {
            Poll::Ready(match Pin::new(&mut body).poll_frame(context) {
                Poll::Ready(frame) => Some(frame.unwrap().unwrap().into_data().unwrap().len()),
                Poll::Pending => None,
            })
        })
        .await;
        match polled {
            Some(count) => (sent, turn) = (sent + count, turn + count),
            None => {
                (turn, turns) = (0, turns + 1);
                tokio::task::yield_now().await;
            }
        }
        assert!(turn <= TURN_BYTES, "{turn} bytes without a pause");
    }
    assert!(turns > 3);
}

/// Starts a body, changes the file, and compares how the body ends: one of several turns, and one of a single turn.
async fn check(name: &str, change: impl Fn(&std::path::Path), is_error: bool) {
    for length in [LENGTH, 2 * CHUNK_BYTES] {
        check_length(&format!("{name}, {length} bytes"), length, &change, is_error).await;
    }
}

async fn check_length(name: &str, length: usize, change: impl Fn(&std::path::Path), is_error: bool) {
    let (streams, budget) = fixture::streams(10, 10);
    let bytes = pattern(length);
    let (folder, source) = new_file(&bytes);
    let mut body = get(&streams, &source, listener(1));
    let first = piece(&mut body).await.unwrap().unwrap();
    change(&folder.path().join("song.flac"));
    let (rest, error) = drain(&mut body).await;
    let sent = [first, rest].concat();
    assert_eq!(error.is_some(), is_error, "{name}: {error:?}");
    if is_error {
        assert!(sent.len() < length, "{name}: the last piece is never sent");
        assert!(sent.len() <= TURN_BYTES, "{name}: noticed in the turn after the change at the latest");
        assert!(piece(&mut body).await.is_none(), "{name}: nothing comes after an error");
    } else {
        assert!(sent == bytes, "{name}");
    }
    drop(body);
    let outcome = if is_error { Outcome::Failed } else { Outcome::Complete };
    assert_eq!(streams.inner.metrics.count_ended(outcome), 1, "{name}");
    assert_at_rest(&streams, &budget);
}

#[tokio::test]
async fn p02_a_file_that_changes_while_it_is_sent_breaks_the_stream() {
    let open = |path: &std::path::Path| OpenOptions::new().write(true).open(path).unwrap();
    check("nothing happens", |_| {}, false).await;
    check("truncated", |path| open(path).set_len(CHUNK_BYTES as u64 + 5).unwrap(), true).await;
    check("emptied", |path| open(path).set_len(0).unwrap(), true).await;
    check("other bytes in place", |path| open(path).write_all_at(b"other", 5).unwrap(), true).await;
    check("longer", |path| open(path).write_all_at(b"more", LENGTH as u64).unwrap(), true).await;
    check(
        "another file under the name",
        |path| {
            std::fs::write(path.with_extension("new"), b"new").unwrap();
            std::fs::rename(path.with_extension("new"), path).unwrap();
        },
        false,
    )
    .await;
    check("removed", |path| std::fs::remove_file(path).unwrap(), false).await;
}

#[tokio::test]
async fn a_segment_beyond_its_source_ends_with_an_error_and_no_padding() {
    let (streams, budget) = fixture::streams(10, 10);
    let (_folder, source) = new_file(&pattern(100));
    for (offset, count) in [(90, 40 * KIB), (90, 20), (u64::MAX, 5)] {
        let mut body = Body::of(&streams.inner, &source, (offset, count), listener(1)).unwrap();
        let (sent, error) = drain(&mut body).await;
        assert!(sent.len() <= 10 && error.is_some(), "{offset}, {count}");
        drop(body);
        assert_at_rest(&streams, &budget);
    }
}

#[derive(Default)]
struct Woken(AtomicUsize);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

#[tokio::test]
async fn an_ended_stream_is_woken_and_breaks_off_at_once() {
    let (streams, budget) = fixture::streams(10, 10);
    let (_folder, source) = new_file(&pattern(LENGTH));
    let mut body = get(&streams, &source, listener(1));
    let woken = Arc::new(Woken::default());
    let waker = Waker::from(Arc::clone(&woken));
    assert!(Pin::new(&mut body).poll_frame(&mut Context::from_waker(&waker)).is_ready());
    let id = streams.all()[0].id;
    assert!(streams.end(id) && !streams.end(id + 1));
    assert_eq!(woken.0.load(Ordering::SeqCst), 1);
    let (sent, error) = drain(&mut body).await;
    assert!(sent.is_empty());
    assert_eq!(error.unwrap().to_string(), "the stream was ended: on request");
    drop(body);
    assert_eq!(streams.inner.metrics.count_ended(Outcome::Ended), 1);
    assert_at_rest(&streams, &budget);
}

#[tokio::test]
async fn a_client_that_goes_away_is_a_cancellation() {
    let (streams, budget) = fixture::streams(10, 10);
    let (_folder, source) = new_file(&pattern(LENGTH));
    let mut body = get(&streams, &source, listener(1));
    assert!(piece(&mut body).await.is_some());
    assert_eq!(streams.all()[0].bytes, CHUNK_BYTES as u64);
    drop(body);
    assert_eq!(streams.inner.metrics.count_ended(Outcome::Cancelled), 1);
    assert_at_rest(&streams, &budget);
}
