//! The wire under a real hyper, real sockets and the layers of every answer. In builds with debug assertions whoever
//! reads a blank dies, so that each of these also says that nobody does.

mod hostile;
mod music;

use std::sync::atomic::{AtomicU64, Ordering};

use budget::Level;
use music::{Ear, Heard, LONG, Music, PAGE, get_of, long, pattern, range_of, verses};
use stream::wire::Share;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::*;
use crate::listen::acceptor;

const SONG: &str = "/song/long.flac";

/// Repeatable chance.
fn chance() -> u64 {
    static STATE: AtomicU64 = AtomicU64::new(1);
    let bits = STATE.fetch_add(0x9E37_79B9_7F4A_7C15, Ordering::Relaxed);
    (bits ^ (bits >> 31)).wrapping_mul(0xBF58_476D_1CE4_E5B9) >> 16
}

/// A random part of the long song: offset and count.
fn part() -> (usize, usize) {
    let offset = chance() as usize % (LONG - 1);
    let count = 1 + chance() as usize % 100_000;
    (offset, count.min(LONG - offset))
}

/// What an answer is, without what differs from one to the next.
fn lasting(heard: &Heard) -> (u16, Vec<(String, String)>) {
    let lasts = |(name, _): &&(String, String)| !["date", "x-process-time"].contains(&name.as_str());
    (heard.status, heard.fields.iter().filter(lasts).cloned().collect())
}

/// The tag of the long song, when it is so long ago that the file changed that it says all.
async fn strong_tag(running: &Running) -> String {
    let mut ear = Ear::at(running).await;
    loop {
        ear.ask(&format!("HEAD {SONG} HTTP/1.1\r\nHost: a\r\n\r\n")).await;
        let head = ear.head().await;
        if head.field("etag").starts_with('"') {
            return head.field("etag").to_owned();
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn p02_an_answer_over_the_wire_is_field_by_field_the_ordinary_one() {
    let music = Music::new();
    let (wired, ordinary) = (music.play(Share::ALL, |_| {}), music.play(Share::NONE, |_| {}));
    let tag = strong_tag(&ordinary).await;
    let song = long();
    let id = "X-Request-ID: same-for-both\r\n";
    for (method, fields, status, wired_bytes) in [
        ("GET", "".to_owned(), 200, LONG as u64),
        ("GET", "Range: bytes=5-500004\r\n".to_owned(), 206, 500_000),
        ("GET", format!("Origin: {PAGE}\r\n"), 200, LONG as u64),
        ("GET", "Accept-Encoding: gzip\r\n".to_owned(), 200, LONG as u64),
        ("GET", "Connection: close\r\n".to_owned(), 200, LONG as u64),
        ("GET", "Range: bytes=-20000\r\n".to_owned(), 206, 20_000),
        ("GET", "Range: bytes=0-99999\r\nIf-Range: \"other\"\r\n".to_owned(), 200, LONG as u64),
        ("GET", format!("Range: bytes=7-70000\r\nIf-Range: {tag}\r\n"), 206, 69_994),
        ("GET", format!("If-None-Match: {tag}\r\n"), 304, 0),
        ("GET", "If-Match: \"other\"\r\n".to_owned(), 412, 0),
        ("GET", "Range: bytes=99999999-\r\n".to_owned(), 416, 0),
        ("GET", "Range: bytes=0-9\r\n".to_owned(), 206, 0),
        ("GET", "Range: bytes=0-9,20-29\r\n".to_owned(), 200, LONG as u64),
        ("HEAD", String::new(), 200, 0),
        ("POST", String::new(), 200, 0),
    ] {
        let request = format!("{method} {SONG} HTTP/1.1\r\nHost: a\r\n{id}{fields}\r\n");
        let mut heard = Vec::new();
        for (running, wired_bytes) in [(&wired, wired_bytes), (&ordinary, 0)] {
            let before = music.sent_by_wire();
            let mut ear = Ear::at(running).await;
            ear.ask(&request).await;
            let head = ear.head().await;
            heard.push(if method == "HEAD" { head } else { ear.body(head).await });
            drop(ear);
            music.at_rest().await;
            assert_eq!(music.sent_by_wire() - before, wired_bytes, "{request}");
        }
        let [ours, theirs] = [&heard[0], &heard[1]];
        assert_eq!(lasting(ours), lasting(theirs), "{request}");
        assert!(ours.body == theirs.body && ours.status == status, "{request}{}", ours.status);
        assert!(status != 200 || method == "HEAD" || ours.body == song, "{request}");
        assert_eq!(ours.field("x-request-id"), "same-for-both");
        assert_eq!(ours.field("x-content-type-options"), "nosniff");
        assert!(
            !ours.field("content-security-policy").is_empty() && !ours.field("x-process-time").is_empty()
        );
        assert_eq!(
            ours.field("access-control-allow-origin"),
            if fields.contains("Origin") { PAGE } else { "" }
        );
    }
    assert_eq!(music.copied_by_wire(), 0);
    wired.stop().await;
    ordinary.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn p02_pipelined_requests_of_every_kind_are_answered_in_turn() {
    let music = Music::new();
    let running = music.play(Share::ALL, |_| {});
    let (song, short) = (long(), pattern(700));
    // One that reads all, and one whose kernel takes little.
    for mut ear in [Ear::at(&running).await, Ear::narrow(&running, 4_096).await] {
        let requests = [
            range_of(SONG, 0, 300_000),
            format!("HEAD {SONG} HTTP/1.1\r\nHost: a\r\n\r\n"),
            get_of("/song/none.flac", ""),
            get_of("/song/short.flac", ""),
            get_of("/ok", ""),
            range_of(SONG, LONG - 20_000, 20_000),
            range_of(SONG, 0, 300_000),
            range_of(SONG, 7, 3),
            get_of("/song/verses.txt", ""),
            range_of(SONG, 4 * MIB as usize - 9, 100_000),
        ];
        ear.ask(&requests.concat()).await;
        for request in &requests {
            let head = ear.head().await;
            if request.starts_with("HEAD") {
                assert_eq!(head.field("content-length"), LONG.to_string());
                continue;
            }
            let heard = ear.body(head).await;
            let range = heard.field("content-range").strip_prefix("bytes ").map(|range| {
                let (first, rest) = range.split_once('-').unwrap();
                let last: usize = rest.split('/').next().unwrap().parse().unwrap();
                first.parse::<usize>().unwrap()..last + 1
            });
            match (heard.status, range) {
                (404, _) => assert!(request.contains("none")),
                (206, Some(range)) => heard.is(&song[range]),
                (200, _) if request.contains("verses") => heard.is(verses()),
                (200, _) if request.contains("short") => heard.is(&short),
                (200, _) => heard.is(b"ok"),
                other => panic!("{request}{other:?}"),
            }
        }
        assert!(ear.unread.is_empty());
    }
    music.at_rest().await;
    assert!(music.sent_by_wire() >= 2 * 700_000);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn p02_a_client_with_a_window_of_4_kilobytes_gets_every_byte() {
    let music = Music::new();
    let running = music.play(Share::ALL, |_| {});
    let mut ear = Ear::narrow(&running, 4_096).await;
    ear.ask(&range_of(SONG, 4 * MIB as usize - 100_000, 200_000)).await;
    let head = ear.head().await;
    let mut song = Vec::new();
    song.append(&mut ear.unread);
    let mut few = [0; 777];
    while song.len() < 200_000 {
        let count = ear.stream.read(&mut few).await.unwrap();
        assert!(count > 0 && head.status == 206);
        song.extend(&few[..count]);
    }
    assert!(song == long()[4 * MIB as usize - 100_000..4 * MIB as usize + 100_000]);
    music.at_rest().await;
    assert_eq!(music.sent_by_wire(), 200_000);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn p02_http_1_0_and_connections_that_close_end_with_the_last_byte() {
    let music = Music::new();
    let running = music.play(Share::ALL, |_| {});
    for request in [
        format!("GET {SONG} HTTP/1.0\r\n\r\n"),
        format!("GET {SONG} HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"),
        get_of(SONG, "Connection: close\r\n"),
    ] {
        let before = music.sent_by_wire();
        let mut ear = Ear::at(&running).await;
        ear.ask(&request).await;
        ear.answer().await.is(long());
        if request.contains("keep-alive") {
            ear.ask(&request).await;
            ear.answer().await.is(long());
        } else {
            assert!(!ear.hear().await && ear.unread.is_empty(), "the end is the end: {request}");
        }
        music.at_rest().await;
        assert_eq!((music.sent_by_wire() - before) % LONG as u64, 0);
        assert!(music.sent_by_wire() > before);
    }
    music.at_rest().await;
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn p02_random_ranges_over_many_connections_are_right() {
    let music = Music::new();
    let running = Arc::new(music.play(Share::ALL, |_| {}));
    let song = long();
    let clients = (0..8).map(|_| {
        let running = Arc::clone(&running);
        tokio::spawn(async move {
            let mut ear = Ear::at(&running).await;
            for _ in 0..150 {
                let (offset, count) = part();
                ear.ask(&range_of(SONG, offset, count)).await;
                ear.answer().await.is(&song[offset..offset + count]);
            }
        })
    });
    for client in clients.collect::<Vec<_>>() {
        client.await.unwrap();
    }
    music.at_rest().await;
    assert!(music.sent_by_wire() > 30_000_000);
    Arc::into_inner(running).unwrap().stop().await;
}

/// The connection waits outside of hyper between two songs.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn p02_a_connection_that_was_parked_plays_on() {
    let music = Music::new();
    let running = music.play(Share::ALL, |house| house.deadlines.park = SOON / 10);
    let mut ear = Ear::at(&running).await;
    for songs in 1..4 {
        ear.get(SONG).await.is(long());
        music.at_rest().await;
        while running.house.metrics.parked_now() != 1 {
            tokio::task::yield_now().await;
        }
        assert_eq!(music.sent_by_wire(), songs * LONG as u64);
    }
    running.stop().await;
}

/// What a client wrote to a file of this test.
#[expect(clippy::disallowed_methods, reason = "a test reads small files of its own whole")]
fn written(path: &str) -> Vec<u8> {
    std::fs::read(path).unwrap()
}

fn curl(arguments: &[&str]) -> Vec<String> {
    let always = ["-sS", "--max-time", "20", "-w", "%{http_version} %{http_code}"];
    always.iter().chain(arguments).map(|argument| (*argument).to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn p02_http2_on_the_same_port_is_not_swapped_and_is_right() {
    let music = Music::new();
    let running = music.play(Share::ALL, |_| {});
    let folder = tempfile::tempdir().unwrap();
    let heard = folder.path().join("heard").display().to_string();
    let url = format!("http://{}{SONG}", running.address);
    for (range, said, bytes) in [
        ("0-", "2 206", 0..LONG),
        ("4194300-5000000", "2 206", 4_194_300..5_000_001),
        ("0-200", "2 206", 0..201),
    ] {
        let asked = curl(&["--http2-prior-knowledge", "-o", &heard, "-r", range, &url]);
        assert_eq!(run("curl", asked).await, said);
        assert!(written(&heard) == long()[bytes], "{range}");
    }
    assert_eq!(run("curl", curl(&["--http2-prior-knowledge", "-o", &heard, &url])).await, "2 200");
    assert!(written(&heard) == long());
    music.at_rest().await;
    assert_eq!((music.sent_by_wire(), music.copied_by_wire()), (0, 0));
    assert_eq!(run("curl", curl(&["--http1.1", "-o", &heard, &url])).await, "1.1 200");
    music.at_rest().await;
    assert_eq!(music.sent_by_wire(), LONG as u64, "the control");
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn p02_an_answer_that_is_compressed_is_not_swapped_and_is_right() {
    let music = Music::new();
    let running = music.play(Share::ALL, |_| {});
    let mut ear = Ear::at(&running).await;
    ear.ask(&get_of("/song/verses.txt", "Accept-Encoding: gzip\r\n")).await;
    let head = ear.head().await;
    assert_eq!((head.status, head.field("content-encoding")), (200, "gzip"));
    drop(ear);
    let url = format!("http://{}/song/verses.txt", running.address);
    let folder = tempfile::tempdir().unwrap();
    let heard = folder.path().join("heard").display().to_string();
    assert_eq!(run("curl", curl(&["--http1.1", "--compressed", "-o", &heard, &url])).await, "1.1 200");
    assert!(written(&heard) == verses());
    assert_eq!(music.sent_by_wire(), 0);
    Ear::at(&running).await.get("/song/verses.txt").await.is(verses());
    music.at_rest().await;
    assert_eq!(
        music.sent_by_wire(),
        verses().len() as u64,
        "the control: the same route without compression"
    );
    music.at_rest().await;
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn p02_a_unix_socket_has_a_wire_too() {
    let music = Music::new();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("millpond.sock");
    let running = music.play_at(&Address::Unix(path.clone()), Share::ALL, |_| {});
    for _ in 0..2 {
        let mut ear = Ear::of(tokio::net::UnixStream::connect(&path).await.unwrap());
        ear.get(SONG).await.is(long());
        ear.ask(&range_of(SONG, 99, 300_000)).await;
        ear.answer().await.is(&long()[99..300_099]);
    }
    music.at_rest().await;
    assert_eq!(music.sent_by_wire(), 2 * (LONG as u64 + 300_000));
    running.stop().await;
}

/// A house that speaks TLS, and how to speak with it.
fn secure(music: &Music, share: Share) -> (Running, Option<TlsConnector>) {
    let folder = tempfile::tempdir().unwrap();
    let (cert, key) = (folder.path().join("cert.pem"), folder.path().join("key.pem"));
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    std::fs::write(&cert, made.cert.pem()).unwrap();
    std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    let running = music.play(share, |house| house.tls = Some(acceptor(&cert, &key).unwrap()));
    let mut roots = rustls::RootCertStore::empty();
    roots.add(made.cert.der().clone()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    (running, Some(TlsConnector::from(Arc::new(config))))
}

async fn over_tls(connector: &TlsConnector, ear: Ear<TcpStream>) -> Ear<TlsStream<TcpStream>> {
    let name = rustls_pki_types::ServerName::try_from("localhost").unwrap();
    Ear::of(connector.connect(name, ear.stream).await.unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn p02_tls_reads_the_same_bytes_when_it_has_room_for_them() {
    let music = Music::new();
    let (running, connector) = secure(&music, Share::ALL);
    let connector = connector.unwrap();
    let mut copied = 0;
    for ear in [Ear::at(&running).await, Ear::narrow(&running, 8_192).await] {
        let mut ear = over_tls(&connector, ear).await;
        for at in 0..10 {
            let (offset, count) = if at == 4 { (3 * MIB as usize, 2 * MIB as usize) } else { part() };
            let count = count.max(20_000);
            let offset = offset.min(LONG - count);
            copied += count as u64;
            ear.ask(&range_of(SONG, offset, count)).await;
            ear.answer().await.is(&long()[offset..offset + count]);
        }
        ear.ask(&get_of("/ok", "Connection: close\r\n")).await;
        ear.answer().await.is(b"ok");
        assert_eq!(ear.stream.read(&mut [0]).await.unwrap(), 0, "TLS says that this is the end");
    }
    music.at_rest().await;
    assert_eq!((music.sent_by_wire(), music.copied_by_wire()), (0, copied));
    running.stop().await;
}

/// Waits until no stream moves, by doing something else meanwhile.
async fn until_all_stand_still(music: &Music, running: &Running) {
    let mut moved = 0;
    loop {
        for _ in 0..20 {
            // Where TLS is spoken this is refused, which takes its time too.
            let mut ear = Ear::at(running).await;
            ear.ask(&get_of("/ok", "Connection: close\r\n")).await;
            while ear.hear().await {}
        }
        let now = music.count("stream_bytes_total");
        if std::mem::replace(&mut moved, now) == now {
            return;
        }
    }
}

/// How many chunks were lent at once, for clients that began a song and took nothing of it.
async fn chunks_of_stalled(clients: usize, is_tls: bool, share: Share) -> usize {
    let music = Music::new();
    let (running, connector) = if is_tls { secure(&music, share) } else { (music.play(share, |_| {}), None) };
    let (mut secure, mut clear) = (Vec::new(), Vec::new());
    for _ in 0..clients {
        let mut ear = Ear::narrow(&running, 4_096).await;
        if let Some(connector) = &connector {
            let mut ear = over_tls(connector, ear).await;
            ear.ask(&get_of(SONG, "")).await;
            assert_eq!(ear.head().await.status, 200);
            secure.push(ear);
        } else {
            ear.ask(&get_of(SONG, "")).await;
            assert_eq!(ear.head().await.status, 200);
            clear.push(ear);
        }
    }
    until_all_stand_still(&music, &running).await;
    assert_eq!(music.streams.used(), clients);
    drop((secure, clear));
    music.at_rest().await;
    running.stop().await;
    music.chunks.idle()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn p04_no_client_that_stands_still_holds_bytes_in_clear() {
    let clients = 30;
    let wired = chunks_of_stalled(clients, false, Share::ALL).await;
    assert_eq!(wired, 0, "nothing is ever read");
    let secure = chunks_of_stalled(clients, true, Share::ALL).await;
    assert!(secure <= 6, "{secure} chunks at once for {clients} clients, with two threads");
    let ordinary = chunks_of_stalled(clients, false, Share::NONE).await;
    assert!(ordinary >= clients, "the control: an ordinary body keeps one, and there were {ordinary}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_share_of_the_connections_uses_the_wire_and_it_can_be_turned_off_and_on() {
    let music = Music::new();
    let running = music.play("25%".parse().unwrap(), |_| {});
    let mut ears = Vec::new();
    for _ in 0..20 {
        let mut ear = Ear::at(&running).await;
        ear.ask(&range_of(SONG, 3, 50_000)).await;
        ear.answer().await.is(&long()[3..50_003]);
        ears.push(ear);
    }
    music.at_rest().await;
    assert_eq!(music.sent_by_wire(), 5 * 50_000);
    running.house.wire.set(Share::NONE);
    for ear in &mut ears {
        ear.ask(&range_of(SONG, 3, 50_000)).await;
        ear.answer().await.is(&long()[3..50_003]);
    }
    music.at_rest().await;
    assert_eq!(music.sent_by_wire(), 5 * 50_000, "off is off, for open connections too");
    running.house.wire.set(Share::ALL);
    let mut ear = Ear::at(&running).await;
    ear.get(SONG).await.is(long());
    music.at_rest().await;
    assert_eq!(music.sent_by_wire(), 5 * 50_000 + LONG as u64);
    running.house.wire.fail("a test");
    ear.get(SONG).await.is(long());
    music.at_rest().await;
    assert_eq!(music.sent_by_wire(), 5 * 50_000 + LONG as u64);
    drop(ears);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn p05_an_answer_that_runs_when_memory_is_full_goes_on_over_the_wire() {
    let music = Music::new();
    let running = music.play(Share::ALL, |_| {});
    let mut ear = Ear::narrow(&running, 4_096).await;
    ear.ask(&get_of(SONG, "")).await;
    let head = ear.head().await;
    music.budget.set_pressure(Level::Full);
    assert!(!running.house.wire.is_on());
    ear.body(head).await.is(long());
    music.at_rest().await;
    assert_eq!(music.sent_by_wire(), LONG as u64);
    assert_eq!(ear.get(SONG).await.status, 503, "what is new is refused");
    music.budget.set_pressure(Level::High);
    ear.get(SONG).await.is(long());
    music.at_rest().await;
    assert_eq!(music.sent_by_wire(), 2 * LONG as u64);
    running.stop().await;
}
