//! Sources, addresses and origins that are meant to make the server do something else: each is refused by name, and what
//! must not be touched was not.

use std::fmt::Write as _;
use std::path::Path;
use std::thread;

use tests::media::{ffmpeg, video};
use tests::{Options, Server};

use crate::canary::{Files, Port};
use crate::house::House;
use crate::origin::{self, Ask, End, Reply};

/// One's own machine, in spellings that somebody could take for something else; a port follows.
const OWN: [&str; 7] =
    ["127.0.0.1", "2130706433", "017700000001", "0x7f000001", "[::ffff:127.0.0.1]", "0.0.0.0", "localhost"];

/// An address, and what is said to whoever asks for it.
type Row = (String, u16, &'static str);

fn check(house: &House, rows: &[Row]) {
    // Some are only refused after the server waited for an answer in vain.
    thread::scope(|scope| {
        for (target, status, expected) in rows {
            scope.spawn(move || {
                let answer = house.get(target, &[]);
                let found = (answer.status, answer.code());
                assert_eq!(found, (*status, (*expected).to_owned()), "{target}: {}", answer.text());
            });
        }
    });
    house.at_rest();
    assert_eq!(house.ended("made"), 0.0, "something was made of it");
}

/// A video whose frames have the size that its container says: they are not compressed, and nothing else speaks of it.
fn raw(path: &Path, said: [u16; 2]) {
    let source = ["-f", "lavfi", "-i", "testsrc2=size=64x48:rate=1:duration=2"];
    let coded = ["-c:v", "rawvideo", "-pix_fmt", "yuv422p", "-vtag", "yuv2", "-f", "mov"];
    ffmpeg([&source, &coded[..]].concat(), path);
    let mut bytes = std::fs::read(path).expect("a video");
    let size = [64_u16.to_be_bytes(), 48_u16.to_be_bytes()].concat();
    let entry = bytes.windows(4).rposition(|four| four == b"yuv2").expect("a description of the video");
    let at = bytes[entry..].windows(4).position(|four| four == size).expect("a size") + entry;
    bytes[at..at + 4].copy_from_slice(&said.map(u16::to_be_bytes).concat());
    std::fs::write(path, bytes).expect("it is written");
}

#[test]
fn p07_what_a_source_says_or_an_option_opens_nothing_else() {
    let outside = tempfile::tempdir().expect("a folder");
    let secret = outside.path().join("secret.mp4");
    let house = House::new("", |_, clips| {
        video(&clips.join("a.mp4"), "320x180", 1, &[]);
        video(&secret, "320x180", 1, &[]);
        let secret = secret.display();
        let texts = [
            ("list.mp4", format!("#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{secret}\n#EXT-X-ENDLIST\n")),
            ("script.mp4", format!("ffconcat version 1.0\nfile {secret}\n")),
            ("text.mp4", format!("file:{secret}")),
        ];
        for (name, text) in texts {
            std::fs::write(clips.join(name), text).expect("a file");
        }
        for (name, to) in [("link.mp4", &*secret.to_string()), ("proc.mp4", "/proc/self/environ")] {
            std::os::unix::fs::symlink(to, clips.join(name)).expect("a link");
        }
        raw(&clips.join("vast.mov"), [65_535, 65_535]);
        raw(&clips.join("usual.mov"), [64, 48]);
    });
    let files = Files::watch(&[&secret]);
    let secret = secret.display();
    let rows: [Row; 14] = [
        ("/clips/list.mp4?width=160".to_owned(), 415, "not_media"),
        ("/clips/script.mp4?width=160".to_owned(), 415, "not_media"),
        ("/clips/text.mp4?width=160".to_owned(), 415, "not_media"),
        ("/clips/link.mp4?width=160".to_owned(), 404, "not_found"),
        ("/clips/proc.mp4?width=160".to_owned(), 404, "not_found"),
        ("/clips/..%2f..%2f..%2fproc%2fself%2fenviron?width=160".to_owned(), 404, "not_found"),
        ("/clips//proc/self/environ?width=160".to_owned(), 404, "not_found"),
        ("/cdn-cgi/media/width=160/file:///proc/self/environ".to_owned(), 403, "source_not_listed"),
        (format!("/cdn-cgi/media/width=160/file://{secret}"), 403, "source_not_listed"),
        (format!("/clips/a.mp4?crop=10:10:0:0,drawtext=textfile={secret}"), 400, "bad_option"),
        (format!("/clips/a.mp4?width=160&format=mp4;movie={secret}"), 400, "bad_option"),
        (
            format!("/cdn-cgi/media/width=160,filename=/etc/passwd,mode=movie={secret}/clips/a.mp4"),
            400,
            "bad_option",
        ),
        ("/clips/vast.mov?width=160".to_owned(), 507, "never_fits"),
        ("/clips/vast.mov?width=160&mode=frame".to_owned(), 507, "never_fits"),
    ];
    check(&house, &rows);
    assert!(!files.were_opened(), "the file that nobody may see was opened");
    let usual = house.get("/clips/usual.mov?width=32&mode=frame", &[]);
    assert_eq!(usual.status, 200, "the size alone was wrong: {}", usual.text());
}

#[test]
fn p07_no_spelling_of_a_private_address_is_dialled_and_no_redirect_to_one_followed() {
    let port = Port::listen();
    let number = port.number();
    let far = origin::start(move |ask: &Ask| {
        let spelling =
            ask.path.rsplit('/').next().and_then(|name| name.trim_end_matches(".mp4").parse().ok());
        match spelling.and_then(|at: usize| OWN.get(at)) {
            Some(own) => Reply::new(
                &format!("302 Found\r\nLocation: http://{own}:{number}/a.mp4\r\nContent-Length: 0"),
                b"",
            ),
            None => Reply::new(&format!("302 Found\r\nLocation: {}\r\nContent-Length: 0", ask.path), b""),
        }
    });
    let mut config = url_origin("far", &format!("http://{far}"), "private = [\"127.0.0.9\"]");
    let mut rows: Vec<Row> = Vec::new();
    for (at, own) in OWN.iter().enumerate() {
        let url = format!("http://{own}:{number}");
        rows.push((format!("/cdn-cgi/media/width=160/{url}/a.mp4"), 403, "source_not_listed"));
        rows.push((format!("/far/{at}.mp4?width=160"), 403, "source_not_listed"));
        let origin = url_origin(&format!("own{at}"), &url, "");
        if is_taken(&origin) {
            config += &origin;
            rows.push((format!("/own{at}/a.mp4?width=160"), 403, "source_not_listed"));
        }
    }
    rows.push(("/far/round.mp4?width=160".to_owned(), 403, "source_not_listed"));
    assert!(rows.len() < 3 * OWN.len() + 1, "a number that is no address is refused at the start");
    let house = House::new(&config, |_, _| ());
    check(&house, &rows);
    assert!(!port.was_reached(), "somebody connected to where nobody may");
}

/// Whether a server starts with this origin; otherwise it says which one is wrong.
fn is_taken(origin: &str) -> bool {
    let options = Options { first_start: true, ..Options::default().config(origin) };
    match Server::try_start(&options) {
        Ok(_) => true,
        Err(said) => {
            assert!(said.contains("cdn.origin own"), "{origin}: {said}");
            false
        }
    }
}

fn url_origin(name: &str, url: &str, more: &str) -> String {
    let mut text = String::new();
    // Writing to a String cannot fail.
    let _ = writeln!(
        text,
        "[[cdn.origin]]\nname = \"{name}\"\npath = \"/{name}/\"\nurl = \"{url}/\"\npublic = true\n{more}"
    );
    text
}

/// What becomes of an origin after it was asked what there is.
fn lie(ask: &Ask, bytes: &[u8]) -> Reply {
    let honest = Reply::part(ask, bytes);
    let half = &bytes[..bytes.len() / 2];
    let name = ask.path.trim_start_matches('/').trim_end_matches(".mp4");
    match (name, ask.is_a_look()) {
        ("endless", _) => Reply { end: End::Again, ..Reply::new("200 OK", bytes) },
        ("chunks", _) => {
            let chunks = [b"100000\r\n".as_slice(), &vec![0; 0x10_0000], b"\r\n"].concat();
            Reply { end: End::Again, ..Reply::new("200 OK\r\nTransfer-Encoding: chunked", &chunks) }
        }
        ("silent", _) => Reply { end: End::Silence, ..Reply::new("", b"") },
        ("packed", _) => Reply::new("200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 3", b"abc"),
        ("all", _) => {
            let length = bytes.len();
            let head = format!(
                "206 Partial Content\r\nContent-Range: bytes 0-0/{length}\r\nContent-Length: {length}"
            );
            Reply::new(&head, bytes)
        }
        ("half", false) => Reply { body: honest.body[..honest.body.len() / 2].to_vec(), ..honest },
        ("other", false) => Reply { head: honest.head.replace("\"one\"", "\"two\""), ..honest },
        ("shorter", false) => Reply::part(ask, half),
        ("whole-half", _) => Reply { body: half.to_vec(), ..Reply::whole(bytes) },
        ("whole-vast", _) => Reply::new(&format!("200 OK\r\nContent-Length: {}", 60_u64 << 30), bytes),
        ("whole-vaster", _) => Reply::new(&format!("200 OK\r\nContent-Length: {}", 90_u64 << 30), bytes),
        ("whole", _) => Reply::whole(bytes),
        _ => honest,
    }
}

#[test]
fn p07_an_origin_that_lies_or_never_ends_is_named_and_nothing_of_it_is_kept() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("a.mp4");
    video(&path, "640x360", 4, &["-b:v", "6M", "-minrate", "6M", "-vf", "noise=alls=60:allf=t"]);
    let bytes = std::fs::read(path).expect("a video");
    assert!(bytes.len() > 2 << 20, "it has more than a block or two: {}", bytes.len());
    let far = origin::start(move |ask| lie(ask, &bytes));
    let config = url_origin("far", &format!("http://{far}"), "private = [\"127.0.0.9\"]");
    let house = House::new(&config, |_, _| ());
    let row = |name: &str, status, expected| (format!("/far/{name}.mp4?width=160"), status, expected);
    let rows: [Row; 11] = [
        row("endless", 502, "origin_lied"),
        row("chunks", 502, "origin_lied"),
        row("silent", 504, "origin_unreachable"),
        row("packed", 502, "origin_lied"),
        row("all", 502, "origin_lied"),
        row("half", 502, "origin_lied"),
        row("other", 502, "source_changed"),
        row("shorter", 502, "source_changed"),
        row("whole-half", 502, "origin_lied"),
        row("whole-vast", 507, "never_fits"),
        row("whole-vaster", 507, "never_fits"),
    ];
    check(&house, &rows);
    assert_eq!(house.server.metric("rendition_cache_bytes"), 0.0);
    // Honest ones are served, whether they give parts or not.
    for name in ["honest", "whole"] {
        let answer = house.get(&format!("/far/{name}.mp4?width=160&mode=frame"), &[]);
        assert_eq!(answer.status, 200, "{name}: {}", answer.text());
    }
}
