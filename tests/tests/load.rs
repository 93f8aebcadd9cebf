//! Three hundred listeners at once, as a small household never has: nobody stalls, nothing is kept afterwards, and
//! the process stays small. And listeners who take one byte at a time do not stop anybody else.

#![allow(clippy::expect_used, clippy::panic, reason = "a test says what it found by failing")]

use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, Instant};

use tests::http::{self, Connection};
use tests::{Crowd, Figures, Library, Login, Options, Server, eventually, wait_until};

const LISTENERS: usize = 300;
/// 256 kbit/s.
const BYTES_PER_SECOND: f64 = 32_000.0;
/// For how long they listen; `cargo x prove listeners` says more.
const LISTEN_SECONDS: u64 = 30;
const STALL_MAX: Duration = Duration::from_secs(2);
/// 72 MiB, the 19 MiB of a password check included.
const PEAK_KIB_MAX: u64 = 72 * 1024;
const ROOM: &str =
    "[limits]\nconnections = 1000\nconnections_per_address = 0\nstreams = 600\nstreams_per_user = 600\n";

/// Figures of time are true only when one test runs at a time.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// What the proof asks for, else what every run of the suite has time for.
fn listen_for() -> Duration {
    let asked = std::env::var("MILLPOND_LISTEN_SECONDS").ok();
    Duration::from_secs(
        asked.map_or(LISTEN_SECONDS, |text| text.parse().expect("MILLPOND_LISTEN_SECONDS is a number")),
    )
}

fn loopback(number: usize) -> IpAddr {
    IpAddr::V4(Ipv4Addr::new(127, 1, (number / 200) as u8, (number % 200 + 1) as u8))
}

#[test]
fn p04_three_hundred_listeners_never_stall_and_leave_nothing_behind() {
    let _alone = alone();
    let library = Library::small();
    let server = Server::start(&Options::library(&library).config(ROOM));
    let link = server.link(&server.track("Long Water"));
    sign_in_by_password(&server, &server.mira);
    // What a crowd leaves warm (readers of the database, spare chunks, threads) is there before we count: what a second
    // one adds is a leak.
    let mut first = crowd(&server, &link);
    first.listen(BYTES_PER_SECOND, Duration::from_secs(2));
    drop(first);
    settled(&server);
    let before = (resting(&server, &library), used_bytes(&server));

    let mut crowd = crowd(&server, &link);
    std::thread::scope(|scope| {
        // Somebody whose password was not checked before signs in meanwhile.
        scope.spawn(|| sign_in_by_password(&server, &server.admin));
        crowd.listen(BYTES_PER_SECOND, listen_for());
    });
    let during = server.metric("streams_in_flight");
    let (stall, playing) = (crowd.longest_stall(), crowd.with_status(200));
    let least = crowd.listeners.iter().map(|listener| listener.received).min().unwrap_or(0);
    drop(crowd);
    settled(&server);
    let (after, open) = resting(&server, &library);

    println!("{playing} listeners, longest stall {stall:?}, least received {least} bytes");
    println!("peak {} KiB; before {:?}; after {after:?}", after.peak_kib, before.0.0);
    assert_eq!(playing, LISTENERS, "everybody is served");
    assert_eq!(during as usize, LISTENERS, "every stream is registered");
    assert!(stall < STALL_MAX, "somebody waited {stall:?}");
    let due = BYTES_PER_SECOND * listen_for().as_secs_f64();
    assert!(least as f64 > due * 0.9, "somebody got {least} bytes of {due}");
    assert!(after.peak_kib < PEAK_KIB_MAX, "the process needed {} KiB", after.peak_kib);
    let (figures, opened) = &before.0;
    assert_eq!(opened.len(), open.len(), "descriptors are exactly back: before {opened:?}, after {open:?}");
    eventually("permits are exactly back", Duration::from_secs(10), || used_bytes(&server) == before.1);
    assert_eq!(server.metric("orphans_total"), 0.0, "no stream lost its task");
    eventually("threads of file reads end", Duration::from_secs(30), || {
        server.figures().threads <= figures.threads
    });
}

/// All listeners, each from an address of its own.
fn crowd(server: &Server, target: &str) -> Crowd {
    let mut crowd = Crowd::new();
    for number in 0..LISTENERS {
        crowd.join(loopback(number), server.address, target, &[]);
    }
    crowd
}

/// What the permits of all pools stand for now.
fn used_bytes(server: &Server) -> f64 {
    server.metric("budget_used_bytes")
}

fn settled(server: &Server) {
    eventually("no stream is in flight", Duration::from_secs(10), || {
        server.metric("streams_in_flight") == 0.0
    });
}

/// The figures and what is open, once that stays as it is: the connections of earlier questions take a moment to
/// close. Files of the library are left out, because those played last stay open in a cache of bounded size.
fn resting(server: &Server, library: &Library) -> (Figures, Vec<String>) {
    let inside = format!("{}/", library.root.display());
    let open = || -> Vec<String> {
        server.open_names().into_iter().filter(|name| !name.starts_with(&inside)).collect()
    };
    let mut seen = open();
    eventually("the descriptors stay as they are", Duration::from_secs(10), || {
        let before = seen.len();
        wait_until(Instant::now() + Duration::from_millis(200), || false);
        seen = open();
        seen.len() == before
    });
    (server.figures(), seen)
}

fn sign_in_by_password(server: &Server, login: &Login) {
    let body = serde_json::json!({ "name": login.name, "password": login.password }).to_string();
    let answer = server.send("POST", "/session", &[("Content-Type", "application/json")], body.as_bytes());
    assert_eq!(answer.status, 200, "{}", answer.text());
}

/// Guesses by many clients at once: what one check needs is what two need at a time, whoever asks.
#[test]
fn p04_a_rush_of_wrong_passwords_does_not_grow_the_process() {
    let _alone = alone();
    let server = Server::start(&Options::default());
    for round in 0..3 {
        std::thread::scope(|scope| {
            for guesser in 0..12 {
                let server = &server;
                scope.spawn(move || {
                    let name = format!("user-{round}-{guesser}");
                    let guess = Login { name, password: "a guess".to_owned(), ..Login::default() };
                    // Those beyond the queue are refused, which is an answer too.
                    let status = server.get("/me", &[("Authorization", &guess.basic())]).status;
                    assert!(matches!(status, 401 | 503), "{status}");
                });
            }
        });
    }
    let peak = server.figures().peak_kib;
    println!("peak {peak} KiB after 36 guesses");
    assert!(peak < PEAK_KIB_MAX, "the process needed {peak} KiB");
}

/// The control: a server that stops sending must be noticed by the same listeners.
#[test]
fn a_stall_is_noticed() {
    let _alone = alone();
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    let silent = std::thread::spawn(move || {
        let (mut socket, _) = listener.accept().expect("a listener comes");
        let mut request = [0; 1024];
        let _ = socket.read(&mut request);
        let sent = socket.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\nand then nothing");
        // The connection stays open until the listener goes.
        sent.is_ok() && socket.read(&mut request).is_ok()
    });
    let mut crowd = Crowd::new();
    crowd.join(loopback(0), address, "/", &[]);
    crowd.listen(BYTES_PER_SECOND, Duration::from_secs(3));
    assert_eq!(crowd.with_status(200), 1);
    assert!(crowd.longest_stall() > STALL_MAX, "only {:?} was seen", crowd.longest_stall());
    drop(crowd);
    assert!(silent.join().expect("the silent server ends"));
}

/// One request whose answer is taken a byte at a time.
fn trickle(from: IpAddr, to: SocketAddr, target: &str) -> std::net::TcpStream {
    let mut socket = http::socket(Some(from), to, Some(2 * 1024)).expect("a connection");
    socket.write_all(http::request_head("GET", target, &[]).as_bytes()).expect("the request is taken");
    socket.set_nonblocking(true).expect("a socket of ours");
    socket
}

#[test]
fn p05_readers_of_one_byte_do_not_keep_every_slot() {
    let _alone = alone();
    let library = Library::small();
    let slots = "[limits]\nstreams = 10\nstreams_per_user = 0\nconnections_per_address = 0\n";
    let server = Server::start(&Options::library(&library).config(slots));
    let link = server.link(&server.track("Long Water"));
    let mut slow: Vec<_> = (0..10).map(|number| trickle(loopback(number), server.address, &link)).collect();
    eventually("all slots are taken", Duration::from_secs(5), || server.metric("streams_in_flight") == 10.0);
    let refused = server.get(&link, &[]);
    assert_eq!(refused.status, 503, "{}", refused.text());
    let retry_after: u64 = refused.header("retry-after").parse().expect("a refusal says when to come back");
    assert!((1..=120).contains(&retry_after), "come back in {retry_after} s");

    // A minute of one byte a second each; then a crowd's slowest must have made room.
    let mut byte = [0];
    let mut next = Instant::now();
    let got_in = wait_until(Instant::now() + Duration::from_secs(90), || {
        if Instant::now() < next {
            return false;
        }
        next += Duration::from_secs(1);
        for socket in &mut slow {
            let _ = socket.read(&mut byte);
        }
        plays(&server, &link)
    });
    assert!(got_in, "nobody else could play for a minute and a half");
}

/// Whether somebody with a good line can play now.
fn plays(server: &Server, link: &str) -> bool {
    let mut connection = Connection::open(server.address).expect("a connection");
    let sent = connection.send("GET", link, &[("Range", "bytes=0-99999"), ("Connection", "close")], b"");
    sent.is_ok()
        && connection.read(false).is_ok_and(|answer| answer.status == 206 && answer.body.len() == 100_000)
}
