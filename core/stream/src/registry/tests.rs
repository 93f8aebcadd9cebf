use tokio::sync::oneshot;

use super::*;
use crate::Body;
use crate::fixture::{self, assert_at_rest, drain, get, listener, new_file, pattern, piece};

const LENGTH: usize = 1024 * 1024;

/// Lets a minute of the paused clock pass second by second, doing something in each.
async fn seconds(count: u64, mut each: impl AsyncFnMut()) {
    for _ in 0..count {
        tokio::time::advance(Duration::from_secs(1)).await;
        each().await;
        tokio::task::yield_now().await;
    }
}

fn is_cut(listener: &Listener) -> bool {
    let mut asked = std::pin::pin!(listener.peer.cut_asked());
    asked.as_mut().poll(&mut std::task::Context::from_waker(Waker::noop())).is_ready()
}

#[tokio::test(start_paused = true)]
async fn p05_a_stream_without_progress_ends_and_loses_its_connection() {
    let (streams, budget) = fixture::streams(100, 0);
    let (_folder, source) = new_file(&pattern(LENGTH));
    let (stop, stopped) = oneshot::channel::<()>();
    let running = tokio::spawn(streams.clone().run(async { drop(stopped.await) }));
    let [dead, slow, reader] = [1, 2, 3].map(listener);
    let mut bodies = [&dead, &slow, &reader].map(|listener| get(&streams, &source, listener.clone()));
    seconds(179, async || {
        slow.peer.wrote(1);
    })
    .await;
    assert!(piece(&mut bodies[2]).await.unwrap().is_ok());
    assert!(!is_cut(&dead), "a paused player lives three minutes");
    seconds(2, async || slow.peer.wrote(1)).await;
    assert_eq!([&dead, &slow, &reader].map(is_cut), [true, false, false]);
    let (_, error) = drain(&mut bodies[0]).await;
    assert_eq!(error.unwrap().to_string(), "the stream was ended: no progress for too long");
    drop(bodies);
    assert_eq!(streams.inner.metrics.count_ended(Outcome::Stalled), 1);
    assert_at_rest(&streams, &budget);
    drop(stop);
    running.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn p05_while_crowded_the_oldest_of_the_slowest_make_room() {
    let (streams, budget) = fixture::streams(10, 0);
    let (_folder, source) = new_file(&pattern(LENGTH));
    let listeners: Vec<Listener> = (0..10).map(listener).collect();
    let begin = |at: usize| get(&streams, &source, listeners[at].clone());
    let mut bodies: Vec<Body> = (0..8).map(begin).collect();
    // All connections trickle; stream 0 and 5 really move.
    let trickle = || {
        for listener in &listeners {
            listener.peer.wrote(1);
        }
        streams.end_stalled();
    };
    seconds(120, async || trickle()).await;
    assert!(!listeners.iter().any(is_cut), "eight of ten is no crowd");
    for at in [0, 5] {
        for _ in 0..10 {
            assert!(piece(&mut bodies[at]).await.unwrap().is_ok());
        }
    }
    bodies.extend((8..10).map(begin));
    seconds(1, async || trickle()).await;
    let cut: Vec<_> = (0..10).filter(|&at| is_cut(&listeners[at])).collect();
    assert_eq!(cut, [1, 2], "0 moves, 8 and 9 are young, and two are enough");
    seconds(5, async || trickle()).await;
    assert_eq!((0..10).filter(|&at| is_cut(&listeners[at])).count(), 2, "no more than needed go");
    drop(bodies);
    assert_eq!(streams.inner.metrics.count_ended(Outcome::Crowded), 2);
    assert_at_rest(&streams, &budget);
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_is_asked_to_end_and_takes_nothing_loses_its_connection() {
    let (streams, budget) = fixture::streams(10, 0);
    let (_folder, source) = new_file(&pattern(LENGTH));
    let listener = listener(1);
    let body = get(&streams, &source, listener.clone());
    assert!(streams.end(streams.list()[0].id));
    streams.end_stalled();
    assert!(!is_cut(&listener), "it may still end by itself");
    streams.end_stalled();
    assert!(is_cut(&listener));
    drop(body);
    assert_eq!(streams.inner.metrics.count_ended(Outcome::Ended), 1);
    assert_at_rest(&streams, &budget);
}

#[tokio::test(start_paused = true)]
async fn the_list_says_who_plays_what_how_fast() {
    let (streams, _budget) = fixture::streams(10, 0);
    let (_folder, source) = new_file(&pattern(LENGTH));
    let mut body = get(&streams, &source, listener(7));
    let sent = piece(&mut body).await.unwrap().unwrap().len() as u64;
    tokio::time::advance(Duration::from_secs(2)).await;
    let list = streams.list();
    let [row] = &list[..] else { panic!("{list:?}") };
    assert_eq!((row.user, &*row.user_name, &*row.what), (7, "user 7", "a song"));
    assert_eq!((row.bytes, row.rate), (sent, sent / 2));
}

#[tokio::test]
async fn the_sweep_removes_what_has_no_body_and_counts_it() {
    let (streams, _budget) = fixture::streams(10, 0);
    let (_folder, source) = new_file(&pattern(LENGTH));
    let body = get(&streams, &source, listener(1));
    streams.inner.sweep();
    assert_eq!((streams.list().len(), streams.inner.metrics.count_orphans()), (1, 0));
    // There is no way to lose a body without its drop, so an entry is put in that never had one.
    let entry = Entry {
        id: 99,
        listener: listener(2),
        since: SystemTime::now(),
        since_ms: 0,
        bytes: AtomicU64::new(0),
        moved_ms: AtomicU64::new(0),
        ending: AtomicU8::new(0),
        waker: Mutex::new(None),
    };
    let row = Row { entry: Arc::new(entry), pace: Pace::new(0), is_overdue: false };
    lock(&streams.inner.rows).insert(99, row);
    streams.inner.metrics.began();
    streams.inner.sweep();
    assert_eq!((streams.list().len(), streams.inner.metrics.count_orphans()), (1, 1));
    drop(body);
    assert_eq!((streams.list().len(), streams.inner.metrics.count_in_flight()), (0, 0));
}

#[test]
fn the_metrics_are_there_from_the_start() {
    let (streams, _budget) = fixture::streams(10, 0);
    let mut registry = MetricsRegistry::default();
    streams.register(&mut registry);
    let mut text = String::new();
    prometheus_client::encoding::text::encode(&mut text, &registry).unwrap();
    for name in [
        "streams_in_flight 0",
        "stream_bytes_total 0",
        "stream_duration_seconds_count 0",
        "stream_chunk_bytes_count 0",
        "stream_stalls_total 0",
        "orphans_total 0",
        "streams_ended_total{outcome=\"stalled\"} 0",
        "range_decisions_total{kind=\"not_satisfiable\"} 0",
    ] {
        assert!(text.lines().any(|line| line == name), "{name} in\n{text}");
    }
}

#[test]
fn pictures_take_memory_and_no_slots() {
    let (streams, budget) = fixture::streams(2, 1);
    let (_folder, source) = new_file(&pattern(LENGTH));
    let pictures: Vec<Body> =
        (0..100).map(|_| get(&streams, &source, Listener { kind: Kind::Picture, ..listener(1) })).collect();
    assert_eq!(streams.used(), 0);
    let song = get(&streams, &source, listener(1));
    assert_eq!((streams.used(), streams.list().len()), (1, 101));
    drop((pictures, song));
    assert_at_rest(&streams, &budget);
}
