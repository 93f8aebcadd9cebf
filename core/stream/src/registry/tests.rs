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
    assert!(streams.end(streams.all()[0].id));
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
    let list = streams.all();
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
    assert_eq!((streams.all().len(), streams.inner.metrics.count_orphans()), (1, 0));
    // There is no way to lose a body without its drop, so an entry is put in that never had one.
    let entry = Entry {
        id: 99,
        listener: listener(2),
        since: SystemTime::now(),
        since_ms: 0,
        bytes: AtomicU64::new(0),
        moved_ms: AtomicU64::new(0),
        outcome: AtomicU8::new(0),
        ending: AtomicU8::new(0),
        waker: Mutex::new(None),
        copied: Mutex::new(None),
    };
    let row = Row { entry: Arc::new(entry), pace: Pace::new(0), is_overdue: false };
    lock(&streams.inner.rows).insert(99, row);
    streams.inner.metrics.began();
    streams.inner.sweep();
    assert_eq!((streams.all().len(), streams.inner.metrics.count_orphans()), (1, 1));
    drop(body);
    assert_eq!((streams.all().len(), streams.inner.metrics.count_in_flight()), (0, 0));
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

#[tokio::test(start_paused = true)]
async fn p05_pictures_make_no_crowd_and_no_room_in_one() {
    let (streams, budget) = fixture::streams(10, 0);
    let (_folder, source) = new_file(&pattern(LENGTH));
    let picture = |user| Listener { kind: Kind::Picture, ..listener(user) };
    let pictures: Vec<Listener> = (0..20).map(picture).collect();
    let songs: Vec<Listener> = (0..9).map(listener).collect();
    let begin = |listener: &Listener| get(&streams, &source, listener.clone());
    let trickle = || {
        for listener in pictures.iter().chain(&songs) {
            listener.peer.wrote(1);
        }
        streams.end_stalled();
    };
    let mut bodies: Vec<Body> = pictures.iter().chain(&songs[..8]).map(begin).collect();
    seconds(120, async || trickle()).await;
    assert!(!songs.iter().any(is_cut), "eight songs of ten are no crowd, whatever pictures there are");
    bodies.push(begin(&songs[8]));
    seconds(1, async || trickle()).await;
    assert_eq!((0..9).filter(|&at| is_cut(&songs[at])).collect::<Vec<_>>(), [0]);
    assert!(!pictures.iter().any(is_cut), "a picture that ends frees no slot");
    drop(bodies);
    assert_at_rest(&streams, &budget);
}

#[tokio::test]
async fn the_list_comes_in_pages_by_number() {
    let (streams, _budget) = fixture::streams(10, 0);
    let (_folder, source) = new_file(&pattern(LENGTH));
    let mut bodies: Vec<Body> = (0..5).map(|user| get(&streams, &source, listener(user))).collect();
    drop(bodies.remove(1));
    let ids = |after, rows_max| streams.list(after, rows_max).iter().map(|row| row.id).collect::<Vec<_>>();
    assert_eq!((streams.running(), ids(None, 2)), (4, vec![1, 3]));
    assert_eq!((ids(Some(3), 2), ids(Some(4), 2), ids(Some(5), 2)), (vec![4, 5], vec![5], vec![]));
    assert!(ids(Some(u64::MAX), 9).is_empty());
    let ids_of = |user| streams.list_of(user, None, 9).iter().map(|row| row.id).collect::<Vec<_>>();
    assert_eq!((ids_of(3), ids_of(1), streams.running_of(3)), (vec![4], vec![], 1));
    assert_eq!((streams.user_of(4), streams.user_of(2)), (Some(3), None));
}

#[test]
fn p06_pictures_and_small_answers_of_one_user_are_bounded() {
    let (streams, budget) = fixture::streams(2, 1);
    let (_folder, source) = new_file(&pattern(LENGTH));
    let ask = |kind, user, count| {
        let segment = crate::Segment { count, ..fixture::segment(source.clone()) };
        let listener = Listener { kind, ..listener(user) };
        streams.answer(&http::Method::GET, &http::HeaderMap::new(), segment, listener)
    };
    let half = PICTURES_PER_USER_MAX / 2;
    let mut answers: Vec<_> = (0..half).map(|_| ask(Kind::Picture, 1, LENGTH as u64).unwrap()).collect();
    answers.extend((half..PICTURES_PER_USER_MAX).map(|_| ask(Kind::Media, 1, 100).unwrap()));
    for (kind, count) in [(Kind::Picture, LENGTH as u64), (Kind::Picture, 100), (Kind::Media, 100)] {
        let refused = ask(kind, 1, count).unwrap_err();
        assert_eq!((refused.fault, refused.what), (budget::Fault::Caller, "pictures_per_user"));
        drop(ask(kind, 2, count).unwrap());
    }
    drop(ask(Kind::Media, 1, LENGTH as u64).unwrap());
    answers.pop();
    drop(ask(Kind::Picture, 1, 100).unwrap());
    drop(answers);
    assert_at_rest(&streams, &budget);
    assert_eq!(streams.inner.pictures.used(), 0);
}

#[test]
fn pictures_take_memory_and_no_slots() {
    let (streams, budget) = fixture::streams(2, 1);
    let (_folder, source) = new_file(&pattern(LENGTH));
    let pictures: Vec<Body> =
        (0..100).map(|_| get(&streams, &source, Listener { kind: Kind::Picture, ..listener(1) })).collect();
    assert_eq!(streams.used(), 0);
    let song = get(&streams, &source, listener(1));
    assert_eq!((streams.used(), streams.all().len()), (1, 101));
    drop((pictures, song));
    assert_at_rest(&streams, &budget);
}
