//! Long answers, many clients, and origins that mean no good.

use std::io::Write;
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tests::http::Connection;
use tests::media::video;
use tests::{Options, Server};

use super::House;
use super::origin::{Asked, Origin, Then};

const MIB: usize = 1 << 20;

/// Bytes that differ from block to block.
fn bytes(length: usize, version: usize) -> Vec<u8> {
    (0..length).map(|at| (at * 31 / 7 + at / 1_000 + version) as u8).collect()
}

fn say(stream: &mut TcpStream, status: &str, fields: &str, body: &[u8]) -> Then {
    let head = format!("HTTP/1.1 {status}\r\n{fields}Content-Length: {}\r\n\r\n", body.len());
    match stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body)) {
        Ok(()) => Then::Next,
        Err(_) => Then::Close,
    }
}

/// What an honest server of media says.
fn media(asked: &Asked, stream: &mut TcpStream, content: &[u8], tag: &str) -> Then {
    let fields = format!(
        "ETag: {tag}\r\nAccept-Ranges: bytes\r\nCache-Control: max-age=3600\r\nContent-Type: video/mp4\r\n"
    );
    if asked.field("if-none-match") == Some(tag) {
        let head = format!("HTTP/1.1 304 Not Modified\r\n{fields}\r\n");
        return if stream.write_all(head.as_bytes()).is_ok() { Then::Next } else { Then::Close };
    }
    if asked.field("if-match").is_some_and(|wanted| wanted != tag) {
        return say(stream, "412 Precondition Failed", &fields, b"");
    }
    let Some((first, end)) = asked.range() else { return say(stream, "200 OK", &fields, content) };
    let end = end.min(content.len());
    let range = format!("{fields}Content-Range: bytes {first}-{}/{}\r\n", end - 1, content.len());
    say(stream, "206 Partial Content", &range, &content[first..end])
}

/// The first bytes of the blocks that were asked for, in order; each once, if all is well.
fn blocks(origin: &Origin) -> Vec<usize> {
    let asked = origin.asked();
    let mut blocks: Vec<usize> = asked
        .iter()
        .filter(|asked| asked.field("if-match").is_some())
        .filter_map(|asked| asked.range().map(|(first, _)| first / MIB))
        .collect();
    blocks.sort_unstable();
    blocks
}

#[test]
fn many_who_ask_for_one_thing_ask_the_origin_once() {
    for head in ["Content-Length: 300000\r\n", "Transfer-Encoding: chunked\r\n"] {
        let content = bytes(300_000, 0);
        let sent = content.clone();
        let origin = Origin::doing(move |_, stream| {
            // sleep: the others come while the first one waits
            std::thread::sleep(Duration::from_millis(700));
            let is_chunked = head.starts_with('T');
            let start = format!("HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\n{head}\r\n");
            let mut body = Vec::new();
            match is_chunked {
                true => write!(body, "{:x}\r\n", sent.len())
                    .and_then(|()| body.write_all(&sent))
                    .and_then(|()| body.write_all(b"\r\n0\r\n\r\n")),
                false => body.write_all(&sent),
            }
            .unwrap();
            let written = stream.write_all(start.as_bytes()).and_then(|()| stream.write_all(&body));
            if written.is_ok() { Then::Next } else { Then::Close }
        });
        let house = House::new(origin, true, "");
        std::thread::scope(|scope| {
            for _ in 0..30 {
                scope.spawn(|| {
                    let answer = house.get("/one", &[]);
                    assert!(answer.status == 200 && answer.body == content, "{}", answer.head());
                });
            }
        });
        assert_eq!(house.origin.asked().len(), 1, "{head}");
        assert_eq!(house.get("/one", &[("Range", "bytes=7-9")]).body, &content[7..10]);
        assert_eq!(house.origin.asked().len(), 1, "{head}");
    }
}

#[test]
fn long_media_comes_by_blocks_each_of_which_is_fetched_once() {
    let version = Arc::new(AtomicUsize::new(1));
    let now = Arc::clone(&version);
    let length = 9 * MIB + 77;
    let origin = Origin::doing(move |asked, stream| {
        let version = now.load(Ordering::SeqCst);
        media(asked, stream, &bytes(length, version), &format!("\"{version}\""))
    });
    let house = House::new(origin, true, "");
    let content = bytes(length, 1);
    let part = house.get("/a.mp4", &[("Range", "bytes=5000000-5000009")]);
    assert_eq!((part.status, &*part.body), (206, &content[5_000_000..5_000_010]), "{}", part.head());
    assert_eq!(part.header("content-range"), format!("bytes 5000000-5000009/{length}"));
    assert_eq!(blocks(&house.origin), [4]);
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let part = house.get("/a.mp4", &[("Range", "bytes=7340032-7340040")]);
                assert_eq!(&*part.body, &content[7_340_032..7_340_041], "{}", part.head());
            });
        }
    });
    let fetched = blocks(&house.origin);
    assert!(fetched.iter().filter(|block| **block == 7).count() == 1, "{fetched:?}");
    let whole = house.get("/a.mp4", &[]);
    assert!(whole.status == 200 && whole.body == content, "{}", whole.head());
    assert_eq!((whole.header("etag"), whole.header("content-type")), ("\"1\"", "video/mp4"));
    assert_eq!(blocks(&house.origin), (0..10).collect::<Vec<_>>(), "each once");
    version.store(2, Ordering::SeqCst);
    let same = house.get("/a.mp4", &[("Range", "bytes=0-3")]);
    assert_eq!(&*same.body, &content[..4], "it is fresh still");
    let other = house.get("/a.mp4", &[("Range", "bytes=0-3"), ("Cache-Control", "no-cache")]);
    assert_eq!(&*other.body, &bytes(4, 2), "{}", other.head());
    let whole = house.get("/a.mp4", &[]);
    assert!(whole.body == bytes(length, 2), "all blocks are those of the new one: {}", whole.head());
    version.store(3, Ordering::SeqCst);
    assert!(house.get("/b.mp4", &[]).body == bytes(length, 3), "another file of the same server");
}

#[test]
fn a_block_that_does_not_come_cuts_the_answer() {
    let content = bytes(9 * MIB, 0);
    let sent = content.clone();
    let origin = Origin::doing(move |asked, stream| match asked.range() {
        Some((first, _)) if first == 5 * MIB => {
            let _ = write!(
                stream,
                "HTTP/1.1 206 Partial Content\r\nETag: \"a\"\r\nContent-Range: bytes {first}-{}/{}\r\n\
                 Content-Length: {MIB}\r\n\r\nshort",
                first + MIB - 1,
                sent.len(),
            );
            Then::Close
        }
        _ => media(asked, stream, &sent, "\"a\""),
    });
    let house = House::new(origin, true, "");
    let answer = house.get("/a.mp4", &[]);
    assert!(!answer.whole && answer.body == content[..5 * MIB], "{}", answer.head());
    let behind = house.get("/a.mp4", &[("Range", "bytes=8000000-8000003")]);
    assert_eq!(&*behind.body, &content[8_000_000..8_000_004], "the others are there");
}

/// All that the data folder takes of the disk.
fn disk_bytes(folder: &std::path::Path) -> u64 {
    let entries = std::fs::read_dir(folder).map(|entries| entries.flatten().collect::<Vec<_>>());
    let sizes = entries.unwrap_or_default().into_iter().map(|entry| match entry.metadata() {
        Ok(data) if data.is_dir() => disk_bytes(&entry.path()),
        Ok(data) => data.len(),
        Err(_) => 0,
    });
    sizes.sum()
}

/// Has the system take the peak of the server's memory from now on, and says how much it has now, in KiB.
fn forget_peak(server: &Server) -> u64 {
    std::fs::write(format!("/proc/{}/clear_refs", server.id()), "5").unwrap();
    server.figures().resident_kib
}

#[test]
fn an_endless_origin_takes_neither_memory_nor_the_disk() {
    let origin = Origin::doing(|asked, stream| {
        if asked.path != "/endless" {
            return say(stream, "200 OK", "Cache-Control: max-age=60\r\n", b"small");
        }
        let head = "HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nTransfer-Encoding: chunked\r\n\r\n";
        let mut piece = b"10000\r\n".to_vec();
        piece.extend(bytes(65_536, 0));
        piece.extend(b"\r\n");
        let mut written = stream.write_all(head.as_bytes());
        while written.is_ok() {
            written = stream.write_all(&piece);
        }
        Then::Close
    });
    let house = House::new(origin, true, "[cache]\nbytes = \"32MiB\"\n");
    assert_eq!(house.get("/small", &[]).text(), "small");
    let before = disk_bytes(&house.server.data);
    let resident = forget_peak(&house.server);
    let mut connection = Connection::open(house.server.address).unwrap();
    connection.send("GET", "/far/endless", &[], b"").unwrap();
    let head = connection.read_head().unwrap();
    assert_eq!(head.status, 200);
    let mut read = 0;
    while read < 200 * MIB {
        read += connection.read_some(MIB).unwrap().len();
        let grown = disk_bytes(&house.server.data) - before;
        assert!(grown <= 33 * MIB as u64, "{grown} bytes of the disk after {read}");
    }
    let grown = house.server.figures().peak_kib.saturating_sub(resident);
    assert!(grown < 24 * 1_024, "{grown} KiB of memory");
    drop(connection);
    tests::eventually("nothing of it is left", Duration::from_secs(20), || {
        disk_bytes(&house.server.data) <= before + MIB as u64
    });
    assert_eq!(house.get("/small", &[]).text(), "small", "the server goes on");
}

#[test]
fn an_origin_that_says_more_than_it_promised_is_cut_there() {
    let origin = Origin::doing(|asked, stream| {
        let more =
            if asked.path == "/more" { "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil" } else { "" };
        let head = "HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nContent-Length: 3\r\n\r\n";
        let written = stream.write_all(format!("{head}abc{more}").as_bytes());
        if written.is_ok() { Then::Next } else { Then::Close }
    });
    let house = House::new(origin, true, "");
    for path in ["/more", "/fine", "/more", "/other"] {
        let answer = house.get(path, &[]);
        assert!(answer.text() == "abc" && answer.status == 200, "{path}: {}", answer.head());
    }
}

#[test]
fn what_is_sent_goes_through_without_being_held() {
    let house = House::new(Origin::doing(|_, stream| say(stream, "200 OK", "", b"thanks")), true, "");
    let resident = forget_peak(&house.server);
    for framing in ["Content-Length: 104857600\r\n", "Transfer-Encoding: chunked\r\n"] {
        let mut connection = Connection::open(house.server.address).unwrap();
        let head = format!("PUT /far/file HTTP/1.1\r\nHost: x\r\n{framing}\r\n");
        connection.send_raw(head.as_bytes()).unwrap();
        let piece = bytes(MIB, 0);
        for _ in 0..100 {
            if framing.starts_with('T') {
                connection.send_raw(b"100000\r\n").unwrap();
            }
            connection.send_raw(&piece).unwrap();
            if framing.starts_with('T') {
                connection.send_raw(b"\r\n").unwrap();
            }
        }
        if framing.starts_with('T') {
            connection.send_raw(b"0\r\n\r\n").unwrap();
        }
        assert_eq!(connection.read(false).unwrap().text(), "thanks", "{framing}");
    }
    let asked = house.origin.asked();
    assert!(asked.len() == 2 && asked.iter().all(|asked| asked.body_bytes == 100 * MIB as u64), "{asked:?}");
    let grown = house.server.figures().peak_kib.saturating_sub(resident);
    assert!(grown < 24 * 1_024, "{grown} KiB of memory");
}

#[test]
fn what_needs_a_sign_in_is_asked_for_without_it() {
    let origin = Origin::doing(|_, stream| say(stream, "200 OK", "Cache-Control: max-age=60\r\n", b"secret"));
    let house = House::new(origin, false, "");
    assert_eq!(house.get("/a", &[]).status, 401);
    assert_eq!(house.server.send("POST", "/far/a", &[], b"x").status, 401);
    assert!(house.origin.asked().is_empty());
    let bearer = house.server.mira.bearer();
    let fields = [("Authorization", &*bearer), ("Cookie", "a=1; millpond_session=x")];
    let answer = house.get("/a", &fields);
    assert_eq!(
        (answer.status, answer.header("cache-control")),
        (200, "private, no-cache"),
        "{}",
        answer.head()
    );
    let asked = house.origin.asked();
    assert_eq!((asked[0].field("authorization"), asked[0].field("cookie")), (None, Some("a=1")));
    assert_eq!(house.get("/a", &[]).status, 401, "though it is kept");
}

#[test]
fn a_purge_takes_what_was_passed_on_too() {
    let house = House::new(Origin::scripted(), true, "");
    for (path, status) in [("/a-b", "200"), ("/c", "204")] {
        house.origin.expect(path, &format!("{status}\nCache-Control: max-age=600"));
        assert_eq!(house.get(path, &[]).status.to_string(), status);
        assert!(house.get(path, &[]).is_hit());
    }
    let config = house.server.config.display().to_string();
    let purged = house.server.command(&["purge", "--path", "/far/a-b", "--config", &config], "");
    assert!(purged.status.success(), "{}", String::from_utf8_lossy(&purged.stderr));
    tests::eventually("what was purged is asked for again", Duration::from_secs(20), || {
        house.origin.expect("/a-b", "200\nCache-Control: no-store");
        !house.get("/a-b", &[]).is_hit()
    });
    assert!(house.get("/c", &[]).is_hit(), "and nothing else");
}

#[test]
fn options_of_ours_make_a_rendition_and_the_rest_of_the_query_is_the_origins() {
    let folder = tempfile::tempdir().unwrap();
    let clip = folder.path().join("clip.mp4");
    video(&clip, "320x180", 1, &[]);
    let content = std::fs::read(&clip).unwrap();
    let sent = content.clone();
    let origin = Origin::doing(move |asked, stream| media(asked, stream, &sent, "\"a\""));
    let root = folder.path().display();
    let kept_not = format!(
        "[[cdn.origin]]\nname = \"own\"\npath = \"/own/\"\nfolder = \"{root}\"\npublic = true\ncache = false\n"
    );
    let house = House::new(origin, true, &kept_not);
    let frame = house.get("/clip.mp4?token=7&mode=frame&width=160", &[]);
    assert_eq!((frame.status, frame.header("content-type")), (200, "image/jpeg"), "{}", frame.head());
    let asked = house.origin.asked();
    assert!(asked.iter().all(|asked| asked.path == "/clip.mp4?token=7"), "{asked:?}");
    let original = house.get("/clip.mp4?token=7", &[]);
    assert!(original.body == content, "{}", original.head());
    for kept in [("/far", true), ("/own", false)] {
        let target = format!("{}/clip.mp4?mode=frame&width=160", kept.0);
        let made = [house.server.get(&target, &[]), house.server.get(&target, &[])];
        assert_eq!(made[0].body, made[1].body);
        assert_eq!(made[1].is_hit(), kept.1, "{}", made[1].head());
    }
}

#[test]
fn what_is_kept_outlives_the_process_and_paths_do_not_leave_the_origin() {
    let house = House::new(Origin::scripted(), true, "");
    house.origin.expect("/a", "200\nCache-Control: max-age=600\nA: 1\n\nbody");
    house.origin.expect("/b", "200\nCache-Control: max-age=600\nETag: \"b\"\n\nbytes");
    assert_eq!((house.get("/a", &[]).text(), house.get("/b", &[]).text()), ("body".into(), "bytes".into()));
    for path in ["/../b", "/%2e%2E/b", "/x/./b"] {
        let answer = house.get(path, &[]);
        assert_eq!(answer.status, 404, "{path}: {}", answer.head());
    }
    assert_eq!(house.origin.asked().len(), 2);
    let House { mut server, origin } = house;
    assert!(server.stop().success());
    let options = Options::on(&server);
    let mut again = Server::start(&options);
    let answer = again.get("/far/a", &[]);
    assert_eq!((answer.text().as_str(), answer.header("a")), ("body", "1"), "{}", answer.head());
    assert_eq!(origin.asked().len(), 2);
    assert!(again.stop().success());
    std::fs::remove_dir_all(again.data.join("cache/made")).unwrap();
    let bare = Server::start(&options);
    origin.expect("/b", "304\nETag: \"b\"");
    origin.expect("/b", "200\n\nanew");
    let answer = bare.get("/far/b", &[("Cache-Control", "no-cache")]);
    assert_eq!(
        (answer.status, answer.text().as_str()),
        (200, "anew"),
        "its bytes are gone: {}",
        answer.head()
    );
}
