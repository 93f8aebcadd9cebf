//! Two users whose 250 clients ask for a long list and then read nothing do not slow another client's page, and do not
//! keep the write-ahead log from being folded into the database.

#![allow(clippy::expect_used, clippy::panic, reason = "a test says what it found by failing")]

use std::fs;
use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, TcpStream};
use std::time::{Duration, Instant};

use tests::{Options, Server, http};
use xtask::corpus;

const TRACKS: usize = 20_000;
/// Of two users, each within his share of lists on their way.
const STALLED: usize = 250;
/// A page of 500 rows, in a build that is not optimised, on a machine that does other things.
const PAGE_WITHIN: Duration = Duration::from_secs(2);
/// SQLite folds the log back after 1,000 pages of 4 KiB; beside it there is room for what is being written.
const WAL_BYTES_MAX: u64 = 16 << 20;
const WRITES: usize = 3_000;

/// Asks for everything; nobody reads more of it than its status.
fn stalled(server: &Server, number: usize) -> TcpStream {
    let from = IpAddr::V4(Ipv4Addr::new(127, 4, 0, (number + 1) as u8));
    let mut socket = http::socket(Some(from), server.address, Some(2 * 1024)).expect("a connection");
    let lists = [
        "search3?query=&songCount=20000&albumCount=0&artistCount=0",
        "getIndexes?",
        "getArtists?",
        "search2?query=&songCount=20000",
    ];
    let user = if number.is_multiple_of(2) { &server.mira } else { &server.admin };
    let target = format!("/rest/{}&{}", lists[number / 2 % lists.len()], user.by_key());
    socket.write_all(http::request_head("GET", &target, &[]).as_bytes()).expect("a request is taken");
    socket
}

fn wal_bytes(server: &Server) -> u64 {
    fs::metadata(server.data.join("millpond.db-wal")).map_or(0, |data| data.len())
}

#[test]
fn p05_stalled_listings_of_two_users_stop_nobody() {
    let folder = corpus::kept(&corpus::Options::tracks(TRACKS)).expect("a generated library");
    let config = "[memory]\nlimit = \"160MiB\"\n[limits]\nconnections_per_address = 0\n";
    let options =
        Options { libraries: vec![folder], tracks: TRACKS, config: config.to_owned(), ..Options::default() };
    let server = Server::start(&options);

    // What this request for the metrics holds itself, and one connection.
    let idle = server.metric("budget_used_bytes") + 64.0 * 1024.0;

    let mut readers: Vec<_> = (0..STALLED).map(|number| stalled(&server, number)).collect();
    for reader in &mut readers {
        reader.set_read_timeout(Some(Duration::from_secs(10))).expect("a socket of ours");
        let mut status = [0; 12];
        reader.read_exact(&mut status).expect("the beginning of an answer");
        assert_eq!(status.as_slice(), b"HTTP/1.1 200", "each has its list");
    }

    let page = format!(
        "/rest/search3?query=&songCount=500&albumCount=0&artistCount=0&songOffset=5000&{}",
        server.admin.by_key()
    );
    // Until the kernel's buffers are full, these are readers like any other, and many at once.
    tests::eventually("they stall", Duration::from_secs(30), || server.get(&page, &[]).status == 200);
    let track = server.get("/tracks?limit=1", &[("Authorization", &server.admin.bearer())]).json()["tracks"]
        [0]["id"]
        .clone();
    let rate = format!("/rest/setRating?id={}&{}", track.as_str().expect("a track"), server.admin.by_key());
    let (mut slowest, mut largest) = (Duration::ZERO, 0);
    let mut connection = http::Connection::open(server.address).expect("a connection");
    for write in 0..WRITES {
        connection.send("GET", &format!("{rate}&rating={}", write % 5 + 1), &[], b"").expect("taken");
        assert_eq!(connection.read(false).expect("an answer").status, 200);
        largest = largest.max(wal_bytes(&server));
        if write % 300 == 0 {
            let start = Instant::now();
            let answer = server.get(&page, &[]);
            slowest = slowest.max(start.elapsed());
            let songs =
                answer.json()["subsonic-response"]["searchResult3"]["song"].as_array().map_or(0, Vec::len);
            assert_eq!((answer.status, songs), (200, 500), "a page is a page");
        }
    }
    let peak = server.figures().peak_kib;
    println!("slowest page {slowest:?}, largest log {largest} bytes, peak {peak} KiB");
    assert!(slowest < PAGE_WITHIN, "a page took {slowest:?} beside {STALLED} stalled ones");
    assert!(largest < WAL_BYTES_MAX, "the log grew to {largest} bytes");
    drop(readers);
    tests::eventually("their connections are closed", Duration::from_secs(20), || {
        // Left are the writer's, which is kept, and the one that asks.
        server.metric("connections_open") <= 2.0
    });
    tests::eventually("their permits are back", Duration::from_secs(20), || {
        server.metric("budget_used_bytes") <= idle
    });
}
