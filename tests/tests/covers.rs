//! Covers at sizes, from outside: which sizes there are, what cannot be made smaller, and two hundred at once.

#![allow(clippy::expect_used, clippy::panic, reason = "a test says what it found by failing")]
#![allow(clippy::disallowed_methods, reason = "a test reads small files of its own whole")]

use std::fs;
use std::path::Path;
use std::thread;
use std::time::Duration;

use tests::http::Answer;
use tests::media::{ffmpeg, seen};
use tests::{Options, Server, eventually, sound};

/// No server of this file has an ffmpeg: covers need none.
const WITHOUT_FFMPEG: &str = "[transform]\nffmpeg = \"/nowhere/ffmpeg\"\n";

/// A folder with one song, which the scan takes for an album of its name.
fn album(library: &Path, name: &str, seed: u64, cover: &[u8]) {
    let folder = library.join(name);
    fs::create_dir(&folder).expect("a folder");
    fs::write(folder.join(format!("{name}.wav")), sound::wav(seed, 2_001)).expect("a song");
    fs::write(folder.join("cover.jpg"), cover).expect("a cover");
}

/// A picture of this size, in this format.
fn picture(size: &str, format: &str) -> Vec<u8> {
    let file = tempfile::Builder::new().suffix(&format!(".{format}")).tempfile().expect("a file");
    let source = format!("testsrc2=size={size}:rate=1:duration=1");
    ffmpeg(["-f", "lavfi", "-i", &source, "-frames:v", "1", "-q:v", "2"], file.path());
    fs::read(file.path()).expect("a picture")
}

fn library(albums: &[(&str, &[u8])]) -> (tempfile::TempDir, Options) {
    let folder = tempfile::tempdir().expect("a folder");
    for (seed, (name, cover)) in (0..).zip(albums) {
        album(folder.path(), name, seed, cover);
    }
    let libraries = vec![folder.path().into()];
    let options = Options { libraries, tracks: albums.len(), ..Options::default().config(WITHOUT_FFMPEG) };
    (folder, options)
}

fn cover(server: &Server, title: &str, size: &str) -> Answer {
    let track = server.track(title);
    server.get(&format!("/rest/getCoverArt?id={track}&{size}&{}", server.mira.by_key()), &[])
}

/// How many covers were made so far.
fn made(server: &Server) -> f64 {
    server.metric_of("renditions_ended_total", &["mode=\"cover\"", "outcome=\"made\""])
}

#[test]
fn a_cover_comes_in_the_size_above_what_was_asked() {
    let original = picture("1000x500", "jpg");
    let (_folder, options) = library(&[("Reeds", &original)]);
    let server = Server::start(&options);
    let table = [
        ("size=1", "mjpeg,80,40"),
        ("size=64", "mjpeg,80,40"),
        ("size=300", "mjpeg,300,150"),
        ("size=301", "mjpeg,600,300"),
    ];
    let track = server.track("Reeds");
    for (size, expected) in table {
        let answer = cover(&server, "Reeds", size);
        assert_eq!((answer.status, seen(&answer.body)), (200, expected.to_owned()), "{size}");
        assert_eq!(
            (answer.header("content-type"), answer.header("accept-ranges")),
            ("image/jpeg", "bytes"),
            "{size}"
        );
        let again = |fields: &[(&str, &str)]| {
            server.get(&format!("/rest/getCoverArt?id={track}&{size}&{}", server.mira.by_key()), fields)
        };
        let tag = answer.header("etag").to_owned();
        assert_eq!(again(&[("If-None-Match", &tag)]).status, 304, "{size}");
        let part = again(&[("Range", "bytes=5-14"), ("If-Range", &tag)]);
        assert_eq!((part.status, part.body.as_slice()), (206, &answer.body[5..15]), "{size}");
    }
    // Never larger than it was, and not encoded again for nothing.
    for size in ["", "size=0", "size=1000", "size=1200", "size=2048", "size=2049", "size=99999"] {
        assert!(cover(&server, "Reeds", size).body == original, "{size}: as it is");
    }
    let bearer = server.mira.bearer();
    let own =
        |query: &str| server.get(&format!("/tracks/{track}/cover{query}"), &[("Authorization", &bearer)]);
    assert_eq!(seen(&own("?width=100").body), "mjpeg,160,80");
    assert!(own("").body == original, "as it is");
    assert_eq!(own("?width=wide").status, 400);
    assert_eq!(made(&server), 4.0, "each size is made once, whatever asks for it");
}

#[test]
fn an_uploaded_picture_comes_in_sizes_too() {
    let server = Server::start(&Options::default().config(WITHOUT_FFMPEG));
    let original = picture("400x800", "png");
    let bearer = server.mira.bearer();
    let answer = server.send("PUT", "/uploads?filename=reeds.png", &[("Authorization", &bearer)], &original);
    assert_eq!(answer.status, 201, "{}", answer.text());
    let id = answer.json()["file_id"].as_str().expect("an id").to_owned();
    let get = |query: &str| server.get(&format!("/images/{id}{query}"), &[("Authorization", &bearer)]);
    assert_eq!(seen(&get("?width=300").body), "mjpeg,150,300");
    let whole = get("");
    assert!(whole.body == original && whole.header("content-type") == "image/png");
    assert_eq!(server.get(&format!("/images/{id}?width=300"), &[]).status, 401);
    let other = server.add_user("noor", &[]);
    let others = server.get(&format!("/images/{id}?width=300"), &[("Authorization", &other.bearer())]);
    assert_eq!(others.status, 404, "also when it is made: {}", others.text());
}

/// The checksum of PNG (ISO/IEC 15948 annex D).
fn crc(bytes: &[u8]) -> u32 {
    let step = |sum: u32, byte: &u8| {
        (0..8).fold(
            sum ^ u32::from(*byte),
            |sum, _| if sum & 1 == 1 { sum >> 1 ^ 0xedb8_8320 } else { sum >> 1 },
        )
    };
    !bytes.iter().fold(!0, step)
}

#[test]
fn p07_what_cannot_be_made_smaller_is_shown_as_it_is_or_refused_by_name() {
    // A PNG whose head is not what its checksum says, and one of 60,000 × 60,000 pixels.
    let mut broken = picture("16x16", "png");
    broken[20] = 1;
    let mut vast = picture("16x16", "png");
    vast[16..24].copy_from_slice(&[0, 0, 0xea, 0x60, 0, 0, 0xea, 0x60]);
    let sum = crc(&vast[12..29]);
    vast[29..33].copy_from_slice(&sum.to_be_bytes());
    let long = |picture: &[u8]| [picture, &vec![0; 3 << 20]].concat();
    let (broken_long, vast_long) = (long(&broken), long(&vast));
    let rows: [(&str, &[u8]); 4] =
        [("broken", &broken), ("brokenlong", &broken_long), ("vast", &vast), ("vastlong", &vast_long)];
    let (_folder, options) = library(&rows);
    let server = Server::start(&options);
    let before = server.figures().peak_kib;
    // A second time too, when it is remembered that it cannot be made.
    for (name, bytes) in [rows, rows].concat() {
        let answer = cover(&server, name, "size=300");
        if bytes.len() > 1 << 20 {
            let error = &answer.json()["subsonic-response"]["error"];
            assert!(
                error["message"].as_str().is_some_and(|said| said.contains("picture")),
                "{name}: {error}"
            );
        } else {
            assert!(answer.status == 200 && answer.body == bytes, "{name}: {}", answer.head());
        }
        assert!(cover(&server, name, "").body == bytes, "{name}: without a size as it is");
    }
    let grown = server.figures().peak_kib.saturating_sub(before);
    assert!(grown < 40 * 1_024, "a picture that is too large was begun: {grown} KiB");
}

#[test]
fn p04_two_hundred_covers_at_once_stay_within_their_reserve() {
    let cover = at_once(200, "1000x1000", 300);
    assert_eq!(seen(&cover), "mjpeg,300,300");
}

/// A page of large covers, each of more pixels than the screen that wants them.
#[test]
fn p04_eighty_four_covers_of_1600_pixels_at_once_are_all_served_within_the_reserve() {
    let cover = at_once(84, "1600x1600", 600);
    assert_eq!(seen(&cover), "mjpeg,600,600");
}

/// Asks for the covers of so many albums at once, from a server of 128 MiB, and gives the one that they all are.
fn at_once(count: usize, size: &str, pixels: u32) -> Vec<u8> {
    let original = picture(size, "jpg");
    let names: Vec<String> = (0..count).map(|n| format!("Pond{n:03}")).collect();
    let albums: Vec<(&str, &[u8])> = names.iter().map(|name| (name.as_str(), original.as_slice())).collect();
    let (_folder, mut options) = library(&albums);
    options.arguments = ["--memory-limit", "128MiB"].map(str::to_owned).into();
    let server = Server::start(&options);
    let tracks: Vec<String> = names.iter().map(|name| server.track(name)).collect();
    let before = server.figures();
    let mut covers: Vec<Vec<u8>> = thread::scope(|scope| {
        let asked = tracks.iter().map(|track| {
            let target = format!("/rest/getCoverArt?id={track}&size={pixels}&{}", server.mira.by_key());
            let server = &server;
            scope.spawn(move || {
                let answer = server.get(&target, &[]);
                assert!(answer.status == 200 && answer.whole, "{track}: {} {}", answer.head(), answer.text());
                answer.body
            })
        });
        let asked: Vec<_> = asked.collect();
        asked.into_iter().map(|answer| answer.join().expect("a cover")).collect()
    });
    let after = server.figures();
    println!(
        "{count} covers of {size}: {} KiB before, {} KiB at the peak, {:.1} s of processor time",
        before.resident_kib,
        after.peak_kib,
        after.cpu_s - before.cpu_s
    );
    // Decoding one takes six megabytes and more: all at once they would take a gigabyte.
    let pool = |figure: &str| server.metric_of(&format!("budget_{figure}_bytes"), &["pool=\"transforms\""]);
    let (peak, ceiling) = (pool("peak"), pool("ceiling"));
    assert!(peak > 6e6 && peak <= ceiling, "{peak} bytes were reserved, of {ceiling}");
    let grown = (after.peak_kib - before.resident_kib) as f64 * 1_024.0;
    assert!(grown <= ceiling, "the server took {grown} bytes more, of {ceiling} that it reserves for this");
    assert_eq!(made(&server), count as f64);
    assert!(covers.iter().all(|cover| *cover == covers[0]), "each is of the same picture");
    eventually("everything is given back", Duration::from_secs(10), || {
        server.metric_of("budget_used_bytes", &["pool=\"transforms\""]) == 0.0
    });
    covers.swap_remove(0)
}

/// Two singles are of one album that has no name, and each has a picture of its own.
#[test]
fn a_song_that_was_sent_with_a_picture_shows_that_one() {
    let (_folder, options) = library(&[("One", &picture("90x90", "jpg"))]);
    let server = Server::start(&options);
    let bearer = server.mira.bearer();
    for (seed, title, size) in [(7, "Red", "40x40"), (8, "Blue", "44x44")] {
        let (song, cover) = (sound::wav(seed, 3_000), picture(size, "png"));
        let mut form = Vec::new();
        let parts = [("title", "", title.as_bytes()), ("file", "; filename=\"a.wav\"", &song[..])];
        for (name, more, bytes) in parts.into_iter().chain([("image", "; filename=\"c.png\"", &cover[..])]) {
            form.extend(
                format!("--line\r\nContent-Disposition: form-data; name=\"{name}\"{more}\r\n\r\n").bytes(),
            );
            form.extend(bytes);
            form.extend(b"\r\n");
        }
        form.extend(b"--line--\r\n");
        let kind = "multipart/form-data; boundary=line";
        let sent =
            server.send("POST", "/tracks/", &[("Authorization", &bearer), ("Content-Type", kind)], &form);
        assert_eq!(sent.status, 200, "{}", sent.text());
        let call = |name: &str, id: &str| {
            server.get(&format!("/rest/{name}?id={id}&f=json&{}", server.mira.by_key()), &[])
        };
        let song = call("getSong", &server.track(title)).json();
        let shown = song["subsonic-response"]["song"]["coverArt"].as_str().unwrap_or_default().to_owned();
        assert!(call("getCoverArt", &shown).body == cover, "{title} shows {shown}: {song}");
    }
}
