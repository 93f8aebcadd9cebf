//! The wire in the whole server: it sends exactly what it counts, its answers are those of the ordinary way to the last
//! byte, and who runs the server can turn it off and on again while it serves.

#![allow(clippy::expect_used, clippy::panic, reason = "a test says what it found by failing")]
#![allow(clippy::disallowed_methods, reason = "a test reads small files of its own whole")]

use std::fs;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tests::http::{self, Answer, Connection};
use tests::{Library, Options, Server, eventually};

/// One metric of the wire by its full line.
fn count(server: &Server, line: &str) -> u64 {
    let text = server.metrics();
    let value = text.lines().find_map(|known| known.strip_prefix(&format!("millpond_{line} ")));
    value.and_then(|value| value.parse().ok()).unwrap_or_else(|| panic!("no {line} in:\n{text}"))
}

fn sent(server: &Server) -> u64 {
    count(server, "wire_bytes_total{how=\"sendfile\"}")
}

/// Writes this configuration, tells the server, and waits for its word.
fn reread(server: &Server, config: &str, said: &str) {
    let before = server.output().matches(said).count();
    fs::write(&server.config, config).expect("a configuration file");
    let id = i32::try_from(server.id()).ok().and_then(Pid::from_raw).expect("a process id");
    kill_process(id, Signal::HUP).expect("a child of ours");
    eventually(said, Duration::from_secs(10), || server.output().matches(said).count() > before);
}

const READ: &str = "the configuration was read again";
const KEPT: &str = "the configuration was not read again; the old one holds";

fn wire(value: &str) -> String {
    format!("[stream]\nwire = \"{value}\"\n")
}

/// Method, target and fields.
type Request<'a> = (&'a str, String, Vec<(&'a str, &'a str)>);

/// What an answer is, without what differs from one to the next.
fn lasting(answer: &Answer) -> (u16, Vec<(String, String)>, bool) {
    let lasts = |(name, _): &&(String, String)| !["date", "x-process-time"].contains(&name.as_str());
    (answer.status, answer.headers.iter().filter(lasts).cloned().collect(), answer.whole)
}

#[test]
fn p02_the_wire_counts_exactly_what_it_sends() {
    let library = Library::small();
    let server = Server::start(&Options::library(&library));
    let song = library.song("Long Water");
    let (bytes, link) = (library.bytes(&song), server.link(&server.track(song.title)));
    assert_eq!(count(&server, "wire_on"), 1);
    let mut connection = Connection::open(server.address).expect("a connection");
    let mut expected = sent(&server);
    for (range, part) in [
        (None, 0..bytes.len()),
        (Some("bytes=100-499999"), 100..500_000),
        // Few bytes are copied.
        (Some("bytes=100-1099"), 100..1_100),
        (None, 0..bytes.len()),
    ] {
        let id = ("X-Request-ID", "counted");
        let fields: Vec<_> = range.map(|range| ("Range", range)).into_iter().chain([id]).collect();
        connection.send("GET", &link, &fields, b"").expect("a request is taken");
        let answer = connection.read(false).expect("an answer");
        assert!(answer.whole && answer.body == bytes[part.clone()], "{}", answer.head());
        expected += if part.len() > 16_384 { part.len() as u64 } else { 0 };
        // The client may have the last bytes a moment before they are counted.
        eventually("what was sent is counted", Duration::from_secs(5), || sent(&server) >= expected);
        assert_eq!(sent(&server), expected, "{range:?}");
    }
    assert_eq!(count(&server, "wire_bytes_total{how=\"copy\"}"), 0);
}

#[test]
fn p02_with_the_wire_and_without_it_answers_are_the_same_to_the_last_byte() {
    let library = Library::small();
    let server = Server::start(&Options::library(&library).config(&wire("auto")));
    let song = library.song("Long Water");
    let track = server.track(song.title);
    let (link, key) = (server.link(&track), server.mira.by_key());
    let tag = http::get(server.address, &link, &[]).header("etag").to_owned();
    let id = ("X-Request-ID", "the-same");
    let requests: Vec<Request<'_>> = vec![
        ("GET", link.clone(), vec![id]),
        ("GET", link.clone(), vec![id, ("Range", "bytes=1000000-")]),
        ("GET", link.clone(), vec![id, ("Range", "bytes=-70000")]),
        ("GET", link.clone(), vec![id, ("Range", "bytes=0-0")]),
        ("GET", link.clone(), vec![id, ("Range", "bytes=0-9,20-29")]),
        ("GET", link.clone(), vec![id, ("Range", "bytes=999999999-")]),
        ("GET", link.clone(), vec![id, ("If-None-Match", &tag)]),
        ("GET", link.clone(), vec![id, ("If-Range", &tag), ("Range", "bytes=5-500000")]),
        ("GET", link.clone(), vec![id, ("Accept-Encoding", "gzip"), ("Connection", "close")]),
        ("GET", link.clone(), vec![id, ("Origin", "https://elsewhere.example")]),
        ("HEAD", link.clone(), vec![id]),
        ("GET", format!("/rest/stream?id={track}&{key}"), vec![id]),
        ("GET", format!("/rest/download?id={track}&{key}"), vec![id, ("Range", "bytes=17-800000")]),
        ("GET", format!("/rest/stream?id=none&{key}"), vec![id]),
    ];
    let ask_all = || {
        let ask =
            |(method, target, fields): &Request<'_>| http::send(server.address, method, target, fields, b"");
        requests.iter().map(ask).collect::<Vec<_>>()
    };
    let before = sent(&server);
    let wired = ask_all();
    eventually("nothing is on its way", Duration::from_secs(5), || server.metric("streams_in_flight") == 0.0);
    let by_wire = sent(&server) - before;
    assert!(by_wire > 3 * library.bytes(&song).len() as u64, "{by_wire}");
    reread(&server, &wire("off"), READ);
    let ordinary = ask_all();
    assert_eq!(sent(&server) - before, by_wire, "the second time it sent nothing");
    for ((request, ours), theirs) in requests.iter().zip(&wired).zip(&ordinary) {
        assert_eq!(lasting(ours), lasting(theirs), "{request:?}");
        assert!(ours.body == theirs.body, "{request:?}: {} and {}", ours.head(), theirs.head());
        assert_eq!(ours.header("x-request-id"), "the-same", "{request:?}");
    }
}

#[test]
fn sighup_turns_the_wire_off_and_on_and_a_wrong_file_changes_nothing() {
    let library = Library::small();
    let server = Server::start(&Options::library(&library));
    let link = server.link(&server.track("Long Water"));
    let is_used = || {
        let before = sent(&server);
        assert!(http::get(server.address, &link, &[]).whole);
        eventually("it is over", Duration::from_secs(5), || server.metric("streams_in_flight") == 0.0);
        sent(&server) > before
    };
    assert!(count(&server, "wire_on") == 1 && is_used());
    let off = "wire_off_total{why=\"settings\"}";
    assert_eq!(count(&server, off), 0);

    reread(&server, &wire("off"), READ);
    assert!(count(&server, "wire_on") == 0 && !is_used());
    assert_eq!(count(&server, off), 1);
    for wrong in
        ["[stream]\nwire = \"perhaps\"\n", "[stream\n", "[stream]\nwire = \"auto\"\nunheard_of = 1\n"]
    {
        reread(&server, wrong, KEPT);
        assert!(count(&server, "wire_on") == 0 && !is_used(), "after {wrong}");
    }
    reread(&server, &wire("auto"), READ);
    assert!(count(&server, "wire_on") == 1 && is_used());
    reread(&server, &wire("perhaps"), KEPT);
    assert!(count(&server, "wire_on") == 1 && is_used());
    assert_eq!(count(&server, off), 1);

    // A share of the connections: not none, and not all.
    reread(&server, &wire("50%"), READ);
    let used = (0..20).filter(|_| is_used()).count();
    assert!((5..=15).contains(&used), "{used} of 20");
    // What takes effect at the next start says so, and no file at all is the default.
    reread(&server, "[stream]\nwrite_stall_ms = 61000\n", "takes effect at the next start");
    assert!(is_used());
}
