//! Connections that do nothing: a crowd of them costs little, hides nobody, and leaves nothing behind.

#![allow(clippy::expect_used, clippy::panic, reason = "a test says what it found by failing")]

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, Instant};

use load::{Findings, loopback, raise_descriptors};
use tests::http::{self, Connection};
use tests::{Options, Rest, Server, eventually, wait_until};

/// `MILLPOND_IDLE_CONNECTIONS`, else this many; `cargo x prove listeners` says more.
const CONNECTIONS: usize = 2_000;
/// So many speak before the next ones come: those that spoke are parked by then.
const WAVE: usize = 500;
/// What so many may cost: the goals are 48 MiB for 10,000 that are silent and 130 MiB for 10,000 that are kept alive.
const SILENT_BYTES_MAX: u64 = 48 * 1024 * 1024 / 10_000;
const KEPT_BYTES_MAX: u64 = 130 * 1024 * 1024 / 10_000;
/// What differs between two measurements of the same thing, beside them.
const NOISE_BYTES: u64 = 3 * 1024 * 1024;
const ROOM: &str = "[memory]\nlimit = \"256MiB\"\n[limits]\nconnections = 16384\nconnections_per_address = 0\nstreams = 1000\n";
/// Descriptors of the server that are not for connections: its streams, its open files, its own.
const OTHER_DESCRIPTORS: u64 = 3_000;

/// Figures of memory are true only when one test runs at a time.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// How many there are: as many as are asked for, else what this system has descriptors for. A proof that asked for more
/// than that fails: with fewer it would prove something else.
fn connections() -> usize {
    let asked = std::env::var("MILLPOND_IDLE_CONNECTIONS").ok();
    let asked: Option<usize> = asked.map(|text| text.parse().expect("MILLPOND_IDLE_CONNECTIONS is a number"));
    let wanted = asked.unwrap_or(CONNECTIONS);
    let allowed = raise_descriptors(wanted as u64 + OTHER_DESCRIPTORS);
    let possible = usize::try_from(allowed.saturating_sub(OTHER_DESCRIPTORS)).unwrap_or(usize::MAX);
    if wanted > possible {
        println!("this system has descriptors for {possible} connections, not for {wanted}");
    }
    assert!(asked.is_none_or(|asked| asked <= possible), "the system allows {allowed} descriptors");
    wanted.min(possible)
}

fn connect(server: &Server, number: usize) -> TcpStream {
    http::socket(Some(loopback(2, number)), server.address, None).expect("the server accepts a connection")
}

/// A server at rest, after it has done once what the crowd will ask for.
fn resting() -> (Server, Before) {
    let server = Server::start(&Options::default().config(ROOM));
    for _ in 0..3 {
        assert_eq!(server.get("/health", &[]).status, 200);
    }
    let before = Before::of(&server);
    (server, before)
}

/// What a server holds while nobody is there.
struct Before {
    resident_kib: u64,
    rest: Rest,
}

impl Before {
    fn of(server: &Server) -> Self {
        let rest = Rest::of(server, &[]);
        Before { resident_kib: server.figures().resident_kib, rest }
    }

    /// How much more memory the process has than it had then, in bytes.
    fn grown_bytes(&self, server: &Server) -> u64 {
        server.figures().resident_kib.saturating_sub(self.resident_kib) * 1024
    }

    fn is_back(&self, server: &Server) {
        let mut findings = Findings::new();
        self.rest.given_back(server, &[], &mut findings);
        findings.equal("connections parked afterwards", server.metric("connections_parked"), 0.0);
        let broken = findings.broken();
        assert!(broken.is_empty(), "{broken:?}");
    }
}

/// Somebody else asks, and is answered as if nobody were there.
fn probe(server: &Server) {
    for _ in 0..10 {
        let asked = Instant::now();
        assert_eq!(server.get("/health", &[]).status, 200);
        assert!(asked.elapsed() < Duration::from_secs(1), "the probe waited {:?}", asked.elapsed());
    }
}

#[test]
fn p04_a_silent_crowd_costs_little_and_leaves_nothing_behind() {
    let _alone = alone();
    let count = connections();
    let (server, before) = resting();
    let crowd: Vec<_> = (0..count).map(|number| connect(&server, number)).collect();
    eventually("all are accepted", Duration::from_secs(5), || {
        server.metric("connections_open") > count as f64
    });
    probe(&server);
    let grown = before.grown_bytes(&server);
    assert!(server.metric("connections_open") > count as f64, "they were all there while we looked");
    println!("{count} silent connections: {} KiB, {} bytes each", grown / 1024, grown / count as u64);
    assert!(grown < SILENT_BYTES_MAX * count as u64 + NOISE_BYTES, "{grown} bytes for {count}");
    drop(crowd);
    before.is_back(&server);
}

#[test]
fn p04_a_kept_alive_crowd_costs_little_and_everybody_is_heard_again() {
    let _alone = alone();
    let count = connections();
    let (server, before) = resting();
    let mut crowd = Vec::new();
    for round in 0..2 {
        for number in 0..count {
            if round == 0 {
                crowd.push(connect(&server, number));
            }
            ask(&mut crowd[number]);
            if number % WAVE == WAVE - 1 {
                let spoken = if round == 0 { number + 1 } else { count };
                await_parked(&server, spoken);
            }
        }
        await_parked(&server, count);
        probe(&server);
        let at_once = before.grown_bytes(&server);
        // What those held who spoke a moment ago is spare, and is given back every few seconds.
        let bound = KEPT_BYTES_MAX * count as u64 + NOISE_BYTES;
        let is_small =
            wait_until(Instant::now() + Duration::from_secs(10), || before.grown_bytes(&server) < bound);
        let (grown, kib, at_once_kib) = (before.grown_bytes(&server), bound / 1024, at_once / 1024);
        println!(
            "{count} kept alive, round {round}: {at_once_kib} KiB at once, then {} KiB of {kib}, {} bytes each",
            grown / 1024,
            grown / count as u64
        );
        assert!(is_small, "{grown} bytes for {count}");
    }
    drop(crowd);
    before.is_back(&server);
}

/// One request on a connection that goes on. By hand, because ten thousand readers have ten thousand buffers.
fn ask(connection: &mut TcpStream) {
    connection.write_all(b"GET /health HTTP/1.1\r\nHost: a\r\n\r\n").expect("the request is taken");
    connection.set_read_timeout(Some(http::ANSWER_WITHIN)).expect("a socket of ours");
    let mut answer = [0; 4096];
    let count = connection.read(&mut answer).expect("an answer comes");
    let text = String::from_utf8_lossy(&answer[..count]);
    assert!(text.starts_with("HTTP/1.1 200 "), "{text}");
}

fn await_parked(server: &Server, count: usize) {
    eventually("those that spoke are parked", Duration::from_secs(20), || {
        server.metric("connections_parked") >= count as f64
    });
}

/// More speak at once than there is memory for.
#[test]
fn p06_a_crowd_that_speaks_at_once_is_told_when_to_come_back() {
    let _alone = alone();
    let config = ROOM.replace("256MiB", "64MiB");
    let server = Server::start(&Options::default().config(&config));
    let mut crowd: Vec<_> = (0..300).map(|number| speaker(&server, number)).collect();
    for connection in &mut crowd {
        connection.send_raw(b"GET /health HTTP/1.1\r\nHost: a\r\n").expect("it is taken");
    }
    let mut statuses = Vec::new();
    for connection in &mut crowd {
        // Whoever was refused has been told so, and is not heard any more.
        let _ = connection.send_raw(b"\r\n");
        let answer = connection.read(false).expect("everybody is answered");
        let told = answer.status == 503 && !answer.header("retry-after").is_empty();
        assert!((answer.status == 200 || told) && answer.has("x-request-id"), "{}", answer.head());
        statuses.push(answer.status);
    }
    let served = statuses.iter().filter(|status| **status == 200).count();
    println!("{served} of {} were served at once", statuses.len());
    assert!((100..statuses.len()).contains(&served), "{served} were served");
    drop(crowd);
    eventually("there is room again", Duration::from_secs(10), || server.get("/health", &[]).status == 200);
}

fn speaker(server: &Server, number: usize) -> Connection {
    Connection::over(connect(server, number)).expect("a socket of ours")
}

/// The control: what hyper holds for a connection is seen by the same measurement.
#[test]
fn a_crowd_that_has_begun_to_speak_costs_more() {
    let _alone = alone();
    let count = 1_000;
    let (server, before) = resting();
    let mut crowd: Vec<_> = (0..count).map(|number| speaker(&server, number)).collect();
    eventually("all are accepted", Duration::from_secs(5), || {
        server.metric("connections_open") > count as f64
    });
    let silent = before.grown_bytes(&server);
    for connection in &mut crowd {
        connection.send_raw(b"GET /health HTTP/1.1\r\n").expect("it is taken");
    }
    eventually("what was begun is seen", Duration::from_secs(5), || {
        before.grown_bytes(&server) > silent + 8 * 1024 * count as u64
    });
    drop(crowd);
    before.is_back(&server);
}
