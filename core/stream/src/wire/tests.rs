//! What comes out of a line is the file, or the connection breaks; and everything is given back.
//!
//! In builds with debug assertions blanks are unreadable, so that every test here also shows that nobody reads one.

mod checked;
mod client;
mod endings;

use std::fs::OpenOptions;
use std::io::ErrorKind;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock};
use std::task::Waker;
use std::time::Duration;

use budget::limits::{
    CHUNK_BYTES, KIB, MIB, SEGMENT_BYTES_MIN, SMALL_BODY_BYTES_MAX, STREAM_BYTES, WINDOW_FRESH_MS,
    WIRE_BYTES_MIN,
};
use budget::{Budget, Chunks, Level, Pool};
use bytes::Bytes;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, RANGE, TRAILER, TRANSFER_ENCODING};
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode, Version};
use http_body::Body as _;
use proptest::prelude::*;

use client::{Fake, Manner, Sending};

use super::*;
use crate::fixture::{self, assert_at_rest, listener, new_file, pattern, segment};
use crate::metrics::{How, Outcome};
use crate::{Body, Settings, Streams};

const HEAD: &[u8] = b"HTTP/1.1 200 OK\r\n\r\n";
/// More places than there are, so that a whole file goes round them.
const LENGTH: usize = 9 * MIB as usize + 777;
const PLACES: u64 = 4 * MIB;
const WINDOW: u64 = 256 * KIB;
/// The smallest answer that is offered in any case: whatever fits a small body comes from memory.
const LEAST: u64 =
    if WIRE_BYTES_MIN > SMALL_BODY_BYTES_MAX { WIRE_BYTES_MIN } else { SMALL_BODY_BYTES_MAX + 1 };

/// Streams with this window, and what they take from.
fn streams(window_bytes: u64) -> (Streams, Budget) {
    let budget = Budget::new(256 * MIB).unwrap();
    let settings = Settings {
        segment_bytes_range: window_bytes,
        segment_bytes_whole: window_bytes,
        ..Settings::default()
    };
    (Streams::new(settings, budget.clone(), Chunks::new(CHUNK_BYTES, 4)), budget)
}

/// The ordinary answer to a GET of this part of a source.
fn answer(streams: &Streams, source: &Source, (offset, count): (u64, u64)) -> Response<Body> {
    let mut fields = HeaderMap::new();
    if (offset, count) != (0, source.len()) {
        let range = format!("bytes={offset}-{}", offset + count - 1);
        fields.insert(RANGE, HeaderValue::try_from(range).unwrap());
    }
    streams.answer(&Method::GET, &fields, segment(source.clone()), listener(1)).unwrap()
}

/// The same answer after the late swap.
fn blanks(streams: &Streams, source: &Source, part: (u64, u64), line: &Arc<Line>) -> Blanks {
    let mut answer = answer(streams, source, part);
    let offer = Offer::fits(&Method::GET, Version::HTTP_11, &mut answer).expect("the answer fits");
    Blanks::new(offer, Arc::clone(line), answer.into_body())
}

/// A whole file on its way over a greedy line.
fn sending(streams: &Streams, source: &Source, manner: Manner) -> Sending {
    let line = Line::new();
    Sending::new(&line, HEAD, blanks(streams, source, (0, source.len()), &line), Fake::new(manner, 1))
}

const BOTH: [Manner; 2] = [Manner::GREEDY, Manner { copies: true, ..Manner::GREEDY }];

#[derive(Default)]
struct Woken(AtomicBool);

impl std::task::Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::SeqCst);
    }
}

fn sent_by(streams: &Streams, how: How) -> u64 {
    streams.inner.metrics.count_wire(how)
}

fn used(budget: &Budget) -> u64 {
    budget.figures()[Pool::Streams as usize].used_bytes
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap()
}

/// One large file for the many tests that only read.
fn large() -> &'static (tempfile::TempDir, Source, Vec<u8>) {
    static LARGE: LazyLock<(tempfile::TempDir, Source, Vec<u8>)> = LazyLock::new(|| {
        let bytes = pattern(LENGTH);
        let (folder, source) = new_file(&bytes);
        (folder, source, bytes)
    });
    &LARGE
}

/// Sends one part of the large file over this outlet with this window: what comes out is the head and these bytes,
/// counted once and by the right name, and everything is given back with the last of them.
fn check(part: (u64, u64), window_bytes: u64, manner: Manner, seed: u64) {
    let (_, source, bytes) = large();
    let (offset, count) = part;
    runtime().block_on(async {
        let (streams, budget) = streams(window_bytes);
        let line = Line::new();
        let body = blanks(&streams, source, part, &line);
        assert_eq!((streams.used(), body.size_hint().exact()), (1, Some(count)));
        let mut sending = Sending::new(&line, HEAD, body, Fake::new(manner, seed));
        sending.finish().await.unwrap();
        let (head, rest) = sending.outlet.out.split_at(HEAD.len());
        assert_eq!(head, HEAD);
        assert!(rest == &bytes[offset as usize..(offset + count) as usize], "wrong bytes");
        assert_at_rest(&streams, &budget);
        let (by_name, by_copy) = (sent_by(&streams, How::Sendfile), sent_by(&streams, How::Copy));
        assert_eq!((by_name, by_copy), if manner.copies { (0, count) } else { (count, 0) });
        assert_eq!(streams.inner.metrics.count_ended(Outcome::Complete), 1);
    });
}

#[test]
fn p02_what_comes_out_is_the_file_around_every_edge() {
    let length = LENGTH as u64;
    let wide = Manner { takes_max: 70_000, waits_each: 5, copies: false };
    for manner in [Manner::GREEDY, wide, Manner { copies: true, ..wide }] {
        for part in [
            (0, length),
            (1, length - 1),
            (0, LEAST),
            (length - LEAST, LEAST),
            (0, WINDOW - 1),
            (0, WINDOW),
            (1, WINDOW),
            (0, WINDOW + 1),
            (PLACES - 1, WINDOW),
            (PLACES - WINDOW, WINDOW),
            (PLACES - WINDOW, WINDOW + 1),
            (PLACES, WINDOW),
            (PLACES + 1, 2 * WINDOW + 1),
            (2 * PLACES - 5, 100_000),
        ] {
            check(part, WINDOW, manner, 7);
        }
    }
    // A window as long as there are places, begun in the middle of them.
    check((PLACES / 2, PLACES + 3), PLACES, Manner::GREEDY, 7);
    // A client that takes next to nothing.
    check(
        (PLACES - 9_000, 18_000),
        SEGMENT_BYTES_MIN,
        Manner { takes_max: 3, waits_each: 2, copies: false },
        7,
    );
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]

    #[test]
    fn p02_any_part_comes_out_over_any_outlet(
        offset in 0..(LENGTH as u64 - LEAST),
        count in LEAST..600_000,
        window_bytes in prop_oneof![Just(SEGMENT_BYTES_MIN), Just(WINDOW), SEGMENT_BYTES_MIN..WINDOW],
        (takes_max, waits_each) in (200usize..400_000, 0u64..6),
        copies: bool,
        seed: u64,
    ) {
        // A client that never has room would wait for ever.
        let manner = Manner { takes_max, waits_each: if waits_each == 1 { 2 } else { waits_each }, copies };
        check((offset, count.min(LENGTH as u64 - offset)), window_bytes, manner, seed);
    }
}

#[tokio::test]
async fn p02_answers_that_follow_each_other_on_one_line_come_out_in_turn() {
    let (_, source, bytes) = large();
    let (streams, budget) = streams(WINDOW);
    let line = Line::new();
    let mut outlet = Fake::new(Manner { takes_max: 90_000, waits_each: 3, copies: false }, 5);
    let mut wanted: Vec<u8> = Vec::new();
    for (offset, count) in [(0, 300_000), (0, 300_000), (PLACES - 7, 20_000), (17, LEAST)] {
        let mut sending = Sending::new(&line, HEAD, blanks(&streams, source, (offset, count), &line), outlet);
        sending.finish().await.unwrap();
        wanted.extend(HEAD);
        wanted.extend(&bytes[offset as usize..(offset + count) as usize]);
        outlet = sending.outlet;
    }
    assert!(outlet.out == wanted);
    assert_at_rest(&streams, &budget);
}

#[tokio::test]
async fn p02_a_blank_that_stands_for_no_byte_of_this_answer_breaks_the_connection() {
    let (_, source, _) = large();
    let (streams, _) = streams(WINDOW);
    let line = Line::new();
    let context = &mut Context::from_waker(Waker::noop());
    let mut refused = |line: &Line, blank: &Bytes| {
        let mut outlet = Fake::new(Manner::GREEDY, 1);
        let sent = line.poll_send(context, &mut outlet, &[IoSlice::new(HEAD), IoSlice::new(blank)]);
        let Some(Poll::Ready(Err(error))) = sent else { panic!("it was taken: {sent:?}") };
        assert!(error.to_string().contains("stands for no byte") && outlet.out.is_empty(), "{error}");
    };
    refused(&line, &blank::blank(0, WINDOW));
    let part = (1_000, 2 * WINDOW);
    let mut body = blanks(&streams, source, part, &line);
    let frame = Pin::new(&mut body).poll_frame(&mut Context::from_waker(Waker::noop()));
    let Poll::Ready(Some(Ok(frame))) = frame else { panic!("no blank") };
    let right = frame.into_data().unwrap();
    for (why, wrong) in [
        ("a byte too early", blank::blank(999, WINDOW)),
        ("a byte too late", right.slice(1..)),
        ("the next window", blank::blank(1_000 + WINDOW, WINDOW)),
        ("longer than the answer", blank::blank(1_000, 2 * WINDOW + 1)),
    ] {
        println!("{why}");
        refused(&line, &wrong);
    }
    let mut outlet = Fake::new(Manner::GREEDY, 1);
    let sent = line.poll_send(&mut Context::from_waker(Waker::noop()), &mut outlet, &[IoSlice::new(&right)]);
    assert!(matches!(sent, Some(Poll::Ready(Ok(count))) if count as u64 == WINDOW), "the control: {sent:?}");
    let other = Line::new();
    refused(&other, &right);
}

#[tokio::test]
async fn p02_an_answer_that_begins_before_the_last_one_is_sent_breaks_the_connection() {
    let (_, source, _) = large();
    let (streams, budget) = streams(WINDOW);
    let line = Line::new();
    let context = &mut Context::from_waker(Waker::noop());
    let mut first = blanks(&streams, source, (0, WINDOW), &line);
    let mut second = blanks(&streams, source, (0, WINDOW), &line);
    assert!(matches!(Pin::new(&mut first).poll_frame(context), Poll::Ready(Some(Ok(_)))));
    let Poll::Ready(Some(Err(error))) = Pin::new(&mut second).poll_frame(context) else {
        panic!("two answers at once")
    };
    assert!(error.to_string().contains("before the last one"), "{error}");
    assert_eq!(streams.used(), 1, "the second is gone");
    drop((first, second, line));
    assert_at_rest(&streams, &budget);
}

#[tokio::test]
async fn p04_slot_and_memory_are_held_until_the_last_byte_is_sent_and_no_longer() {
    let (_, source, _) = large();
    let (streams, budget) = streams(WINDOW);
    let line = Line::new();
    let body = blanks(&streams, source, (0, LEAST), &line);
    let mut sending = Sending::new(&line, HEAD, body, Fake::new(Manner::GREEDY, 1));
    sending.outlet.is_full = true;
    let context = &mut Context::from_waker(Waker::noop());
    assert!(sending.turn(context).1.is_pending());
    assert!(sending.body.is_none() && sending.queue.len() == 2, "hyper has let go of the body");
    assert_eq!((streams.used(), used(&budget), streams.all()[0].bytes), (1, STREAM_BYTES, 0));
    sending.outlet.is_full = false;
    assert!(matches!(sending.turn(context), (sent, Poll::Ready(Ok(()))) if sent > LEAST as usize));
    assert_at_rest(&streams, &budget);
    drop(sending);
    // The same for one that is never sent.
    let body = blanks(&streams, source, (0, LEAST), &line);
    let mut sending = Sending::new(&line, HEAD, body, Fake::new(Manner::GREEDY, 1));
    sending.outlet.is_full = true;
    assert!(sending.turn(context).1.is_pending());
    drop((sending, line));
    assert_eq!(streams.inner.metrics.count_ended(Outcome::Cancelled), 1);
    assert_at_rest(&streams, &budget);
}

#[tokio::test]
async fn p04_an_answer_whose_client_leaves_before_its_first_byte_is_given_back() {
    let (_, source, _) = large();
    let (streams, budget) = streams(WINDOW);
    let line = Line::new();
    drop(blanks(&streams, source, (0, WINDOW), &line));
    assert_at_rest(&streams, &budget);
    // And the line is free for others.
    let body = blanks(&streams, source, (0, WINDOW), &line);
    Sending::new(&line, HEAD, body, Fake::new(Manner::GREEDY, 1)).finish().await.unwrap();
    assert_at_rest(&streams, &budget);
}

#[tokio::test]
async fn p05_one_turn_is_one_window_at_most_and_pressure_halves_it() {
    let (_, source, _) = large();
    let large_window = 1024 * KIB;
    for manner in [Manner::GREEDY, BOTH[1], Manner { takes_max: 50_000, ..Manner::GREEDY }] {
        for (level, window) in
            Level::ALL.into_iter().zip([large_window, large_window / 2, large_window / 4, large_window / 8])
        {
            let (streams, budget) = streams(large_window);
            let mut sending = sending(&streams, source, manner);
            budget.set_pressure(level);
            let woken = Arc::new(Woken::default());
            let waker = Waker::from(Arc::clone(&woken));
            let context = &mut Context::from_waker(&waker);
            let mut turns = 0_u64;
            // The head is in the first.
            let mut head = HEAD.len();
            loop {
                let (sent, polled) = sending.turn(context);
                // The turn that was granted before, and the first, were of the old size.
                let most = if turns < 2 { large_window } else { window };
                assert!(sent - head <= most as usize, "turn {turns} with {level:?}: {sent} of {window}");
                (turns, head) = (turns + 1, 0);
                if polled.is_ready() {
                    polled_ok(polled);
                    break;
                }
                assert!(woken.0.swap(false, Ordering::SeqCst), "who gives up a turn asks for the next");
            }
            assert!(turns >= (LENGTH as u64 - 2 * large_window) / window, "{turns} turns");
        }
    }
}

fn polled_ok(polled: Poll<io::Result<()>>) {
    let Poll::Ready(Ok(())) = polled else { panic!("{polled:?}") };
}

/// Of a slow client the window is what it takes in a moment, so that many of them do not claim the whole page cache.
#[tokio::test]
async fn p05_a_client_that_takes_small_pieces_has_a_small_window() {
    let (_, source, _) = large();
    for (piece_bytes, window) in [(1, SEGMENT_BYTES_MIN), (48 * KIB, 96 * KIB), (4 * MIB, MIB)] {
        let (streams, _) = streams(MIB);
        let mut sending = sending(&streams, source, Manner::GREEDY);
        sending.outlet.piece_bytes = piece_bytes as usize;
        let _ = sending.turn(&mut Context::from_waker(Waker::noop()));
        assert_eq!(sending.outlet.offered[0].1 as u64, window, "in pieces of {piece_bytes}");
        assert_eq!(sending.outlet.announced, Some(More::Now), "the file is in the page cache");
    }
}

#[tokio::test]
async fn p05_the_smallest_window_is_not_halved() {
    let (_, source, _) = large();
    let (streams, budget) = streams(SEGMENT_BYTES_MIN);
    budget.set_pressure(Level::High);
    let mut sending = sending(&streams, source, Manner::GREEDY);
    let (sent, _) = sending.turn(&mut Context::from_waker(Waker::noop()));
    assert_eq!(sent as u64, HEAD.len() as u64 + SEGMENT_BYTES_MIN);
}

#[tokio::test]
async fn p02_an_offer_is_taken_only_when_the_answer_is_still_what_was_offered() {
    let (_, source, _) = large();
    let (streams, budget) = streams(WINDOW);
    type Change = fn(&mut Response<Body>);
    let set = |name: http::HeaderName, value: &'static str| {
        move |answer: &mut Response<Body>| {
            answer.headers_mut().insert(&name, HeaderValue::from_static(value));
        }
    };
    let get = Method::GET;
    let v11 = Version::HTTP_11;
    let nothing: Change = |_| {};
    let check = |what: &str, method: &Method, version, change: &dyn Fn(&mut Response<Body>), fits: bool| {
        for part in [(0, source.len()), (5, 100_000)] {
            let mut answer = answer(&streams, source, part);
            assert!(answer.extensions().get::<Offer>().is_some());
            change(&mut answer);
            let offer = Offer::fits(method, version, &mut answer);
            assert_eq!(offer.is_some(), fits, "{what}, {part:?}");
            assert!(answer.extensions().get::<Offer>().is_none(), "{what}: it does not travel on");
        }
    };
    check("HTTP/1.1", &get, v11, &nothing, true);
    check("HTTP/1.0", &get, Version::HTTP_10, &nothing, true);
    check("HTTP/2", &get, Version::HTTP_2, &nothing, false);
    check("HTTP/3", &get, Version::HTTP_3, &nothing, false);
    check("HTTP/0.9", &get, Version::HTTP_09, &nothing, false);
    check("HEAD", &Method::HEAD, v11, &nothing, false);
    check("POST", &Method::POST, v11, &nothing, false);
    check("304", &get, v11, &|answer| *answer.status_mut() = StatusCode::NOT_MODIFIED, false);
    check("404", &get, v11, &|answer| *answer.status_mut() = StatusCode::NOT_FOUND, false);
    check("gzip", &get, v11, &set(CONTENT_ENCODING, "gzip"), false);
    check("chunked", &get, v11, &set(TRANSFER_ENCODING, "chunked"), false);
    check("trailers", &get, v11, &set(TRAILER, "x-sum"), false);
    check("another length", &get, v11, &set(CONTENT_LENGTH, "7"), false);
    check("no number", &get, v11, &set(CONTENT_LENGTH, "many"), false);
    check("no length", &get, v11, &|answer| drop(answer.headers_mut().remove(CONTENT_LENGTH)), false);
    check("another body", &get, v11, &|answer| *answer.body_mut() = Body::empty(), false);
    check("another field", &get, v11, &set(http::header::X_FRAME_OPTIONS, "DENY"), true);
    // A body of which something was read already is shorter than its answer.
    let mut begun = answer(&streams, source, (0, source.len()));
    assert!(fixture::piece(begun.body_mut()).await.is_some());
    assert!(Offer::fits(&get, v11, &mut begun).is_none());
    drop(begun);
    let small = answer(&streams, source, (0, LEAST - 1));
    assert!(small.extensions().get::<Offer>().is_none(), "few bytes are cheaper to copy");
    drop(small);
    assert_at_rest(&streams, &budget);
}

#[test]
fn sendfile_says_what_is_wrong() {
    let (_, source, bytes) = large();
    let (ours, theirs) = std::os::unix::net::UnixStream::pair().unwrap();
    ours.set_nonblocking(true).unwrap();
    assert_eq!(sendfile(&ours, source, 10, 100).unwrap(), 100);
    let mut got = [0; 100];
    io::Read::read_exact(&mut &theirs, &mut got).unwrap();
    assert_eq!(got, bytes[10..110]);
    assert_eq!(sendfile(&ours, source, LENGTH as u64, 1).unwrap_err().kind(), ErrorKind::UnexpectedEof);
    let full = std::iter::repeat_with(|| sendfile(&ours, source, 0, LENGTH)).find_map(Result::err).unwrap();
    assert_eq!(full.kind(), ErrorKind::WouldBlock);
    // A pipe's reading end takes nothing by this call.
    let appended = OpenOptions::new().append(true).open(large().0.path().join("song.flac")).unwrap();
    assert_eq!(sendfile(&appended, source, 0, 100).unwrap_err().kind(), ErrorKind::Unsupported);
    drop(theirs);
    assert_eq!(sendfile(&ours, source, 0, 1).unwrap_err().kind(), ErrorKind::BrokenPipe);
}

/// Set in the environment of the process that is to die.
#[cfg(debug_assertions)]
const VICTIM: &str = "MILLPOND_TEST_READS_A_BLANK";

/// The control of every test above: whoever does read a blank dies at once, and none of them would pass.
#[cfg(debug_assertions)]
#[test]
fn whoever_reads_a_blank_dies() {
    use std::os::unix::process::ExitStatusExt as _;
    use std::process::Command;

    if std::env::var_os(VICTIM).is_some() {
        let blank = blank::blank(100_000, 100);
        let read = blank.to_vec();
        println!("read {read:?}");
        return;
    }
    let mut victim = Command::new(std::env::current_exe().unwrap());
    victim.args(["--exact", "wire::tests::whoever_reads_a_blank_dies", "--nocapture"]);
    let died = victim.env(VICTIM, "1").output().unwrap();
    let said = String::from_utf8_lossy(&died.stdout);
    assert_eq!(died.status.signal(), Some(11), "{said}");
    assert!(said.contains("running 1 test") && !said.contains("read ["), "{said}");
}
