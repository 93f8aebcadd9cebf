//! HTTP Live Streaming and captions as Subsonic players ask for them, from outside.

#![allow(clippy::expect_used, clippy::panic, reason = "a test says what it found by failing")]
#![allow(clippy::disallowed_methods, reason = "a test reads small files of its own whole")]

mod hls {
    pub(crate) mod reader;
}

use std::fs;
use std::path::Path;
use std::process::Command;

use hls::reader::{List, Master, joined};
use tests::http::Answer;
use tests::media::{ffmpeg, settle};
use tests::{Options, Server};

const SONG: &str = "-f lavfi -i anoisesrc=duration=21.5:sample_rate=44100 -ac 2 -c:a flac";
const FILM: &str = "-f lavfi -i testsrc2=size=640x360:rate=25:duration=9 -f lavfi -i sine=duration=9 -c:v libx264 -preset \
                    ultrafast -pix_fmt yuv420p -c:a aac";
/// What is said in the film, and what of that is written in it itself.
const SAID: &str =
    "1\n00:00:00,500 --> 00:00:01,500\nBeside\nthe pond\n\n2\n00:00:02,000 --> 00:00:03,250\nÄ\n\n";

/// What of that is shown to those who understand the rest.
const FORCED: &str = "WEBVTT\n\n00:00:00.500 --> 00:00:01.500\nDaneben\n\n";

struct House {
    server: Server,
    folder: tempfile::TempDir,
}

impl House {
    fn new() -> House {
        let folder = tempfile::tempdir().expect("a folder");
        let make = |name: &str, words: &str| ffmpeg(words.split_whitespace(), &folder.path().join(name));
        make("Noise.flac", SONG);
        make("Film.mp4", FILM);
        fs::write(folder.path().join("own.srt"), SAID.replace("Beside", "Within")).expect("a text");
        let own = folder.path().join("own.srt");
        let film = folder.path().join("Film.mp4");
        let with = format!("-i {} -i {} -map 0 -map 1 -c copy -c:s mov_text", film.display(), own.display());
        make("Spoken.mp4", &with);
        make("Written.mp4", &with);
        fs::remove_file(own).expect("it is removed");
        fs::write(folder.path().join("Written.srt"), SAID).expect("a text");
        fs::write(folder.path().join("Written.de.forced.vtt"), FORCED).expect("a text");
        settle(folder.path());
        let libraries = vec![folder.path().into()];
        let server = Server::start(&Options { libraries, tracks: 4, ..Options::default() });
        House { server, folder }
    }

    fn target(&self, endpoint: &str, title: &str, query: &str) -> String {
        let id = self.server.track(title);
        format!("/rest/{endpoint}?id={id}&{query}&f=json&{}", self.server.mira.by_key())
    }

    fn get(&self, endpoint: &str, title: &str, query: &str) -> Answer {
        self.server.get(&self.target(endpoint, title, query), &[])
    }

    /// What a player gets that knows nothing but the address.
    fn follow(&self, target: &str) -> Answer {
        let answer = self.server.get(target, &[]);
        assert_eq!(answer.status, 200, "{target}: {}", answer.text());
        answer
    }

    fn error(&self, target: &str) -> serde_json::Value {
        let answer = self.server.get(target, &[]);
        assert_eq!(answer.status, 200, "{target}: {}", answer.head());
        answer.json()["subsonic-response"]["error"]["code"].clone()
    }
}

/// How many seconds of a stream another's player hears or sees.
fn played(address: &str, stream: &str) -> f64 {
    let mut ffmpeg = Command::new("ffmpeg");
    ffmpeg.args(["-nostdin", "-v", "error", "-xerror", "-i", address, "-map", stream]);
    let output = ffmpeg.args(["-f", "null", "-progress", "pipe:1", "-"]).output().expect("ffmpeg runs");
    let words = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && words.trim().is_empty(), "{address}: {words}");
    let told = String::from_utf8_lossy(&output.stdout);
    let us = told.lines().rev().find_map(|line| line.strip_prefix("out_time_us="));
    us.expect("a length").parse::<f64>().expect("a number") / 1e6
}

#[test]
fn a_song_is_streamed_at_each_bitrate_to_a_player_that_signs_in_nowhere() {
    let house = House::new();
    let target = house.target("hls.m3u8", "Noise", "bitRate=192&bitRate=64&bitRate=64");
    let answer = house.follow(&target);
    assert_eq!(answer.header("content-type"), "application/vnd.apple.mpegurl");
    assert_eq!(answer.header("cache-control"), "no-store");
    let text = answer.text();
    assert!(!text.contains(house.server.mira.key.as_str()), "no secret of a person stands in a list");
    let lines: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
    assert_eq!(lines.len(), 2, "{text}");
    for (line, kbps) in lines.iter().zip([64.0, 192.0]) {
        let at = joined(&target, line);
        let list = List::read(&house.follow(&at).text()).unwrap_or_else(|why| panic!("{at}: {why}"));
        assert!((21.4..21.6).contains(&list.seconds()), "{at} is {} s", list.seconds());
        assert_eq!(&house.follow(&joined(&at, &list.map)).body[4..8], b"ftyp", "{at}");
        let pieces = list.segments.iter().map(|(_, piece)| house.follow(&joined(&at, piece)).body.len());
        let is = pieces.sum::<usize>() as f64 * 8.0 / 1_000.0 / list.seconds();
        assert!((kbps * 0.7..kbps * 1.1).contains(&is), "{is} kbit/s where {kbps} were asked for");
    }
    let heard = played(&format!("http://{}{target}", house.server.address), "0:a");
    assert!((21.4..21.7).contains(&heard), "{heard} s are heard");
    // An address is good for itself alone.
    let other = lines[0].replace("bitrate=64k", "bitrate=65k");
    assert_ne!(other, lines[0]);
    assert_eq!(house.server.get(&joined(&target, &other), &[]).status, 403);
}

#[test]
fn a_film_is_streamed_in_the_sizes_that_its_bitrates_are_good_for() {
    let house = House::new();
    let target = house.target("hls.m3u8", "Film", "bitRate=900&bitRate=400@240x134");
    let master = Master::read(&house.follow(&target).text()).expect("a list that keeps the rules");
    let sizes: Vec<(u32, u32)> = master.variants.iter().map(|variant| variant.resolution).collect();
    assert_eq!(sizes, [(238, 134), (480, 270)]);
    assert!(
        master.variants.iter().zip([400_000, 900_000]).all(|(variant, least)| variant.bandwidth < least * 2)
    );
    let at = joined(&target, &master.variants[0].address);
    let list = List::read(&house.follow(&at).text()).unwrap_or_else(|why| panic!("{at}: {why}"));
    assert!((8.9..9.1).contains(&list.seconds()), "{at} is {} s", list.seconds());
    let address = format!("http://{}{target}", house.server.address);
    for stream in ["0:v:0", "0:v:1", "0:a:0"] {
        let seen = played(&address, stream);
        assert!((8.9..9.2).contains(&seen), "{stream} has {seen} s");
    }
    // Without a bitrate it is as large as the film.
    let whole = Master::read(&house.get("hls.m3u8", "Film", "").text()).expect("a list");
    assert_eq!(whole.variants.iter().map(|variant| variant.resolution).collect::<Vec<_>>(), [(640, 360)]);
}

#[test]
fn a_stream_keeps_the_limit_and_the_rights_of_who_asked() {
    let house = House::new();
    let limited = format!("username={}&maxBitRate=48", house.server.mira.name);
    house.server.subsonic("updateUser", &limited);
    for query in ["", "bitRate=0", "bitRate=320&bitRate=128"] {
        let text = house.get("hls.m3u8", "Noise", query).text();
        let addresses: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
        assert!(addresses.len() == 1 && addresses[0].contains("bitrate=48k&"), "{query}: {text}");
    }
    let key = house.server.mira.by_key();
    for (query, code) in [
        ("", 10),
        ("id=tr-999999", 70),
        ("id=al-1", 70),
        (&format!("id={}&bitRate=fast", house.server.track("Noise")), 0),
        (&format!("id={}&bitRate=64@9", house.server.track("Noise")), 0),
    ] {
        assert_eq!(house.error(&format!("/rest/hls.m3u8?{query}&f=json&{key}")), code, "{query}");
    }
    let xml = house.server.get(&format!("/rest/hls.m3u8?id=tr-999999&f=xml&{key}"), &[]);
    assert!(xml.header("content-type").starts_with("text/xml"), "a player must not take it for a list");
    // What a person was given ends with that person.
    let target = house.target("hls.m3u8", "Noise", "bitRate=32");
    let text = house.follow(&target).text();
    let list = joined(&target, text.lines().last().expect("an address"));
    house.follow(&list);
    house.server.subsonic("deleteUser", &format!("username={}", house.server.mira.name));
    assert_eq!(house.server.get(&list, &[]).status, 403);
}

#[test]
fn captions_come_from_beside_a_video_or_out_of_it() {
    let house = House::new();
    let vtt = format!("WEBVTT\n\n{}", SAID.replace("1\n00", "00").replace("2\n00", "00").replace(",", "."));
    let (html, srt) = ("text/vtt; charset=utf-8", "application/x-subrip; charset=utf-8");
    for (title, query, content_type, expected) in [
        ("Written", "", srt, SAID),
        ("Written", "format=srt", srt, SAID),
        ("Written", "format=vtt", html, vtt.as_str()),
        ("Written", "captions=de.forced.vtt", html, FORCED),
        ("Written", "captions=2&format=srt", srt, &SAID.replace("Beside", "Within")),
        ("Spoken", "format=srt", srt, &SAID.replace("Beside", "Within")),
    ] {
        let answer = house.get("getCaptions", title, query);
        assert_eq!(answer.header("content-type"), content_type, "{title} {query}: {}", answer.text());
        // ffmpeg ends lines within a text of its own as it likes.
        assert_eq!(answer.text().replace("\r\n", "\n"), expected, "{title} {query}");
    }
    let own = house.get("getCaptions", "Spoken", "");
    assert!(own.header("content-type") == html && own.text().contains("Within"), "{}", own.text());
    let key = house.server.mira.by_key();
    for (query, code) in [
        (String::new(), 10),
        (format!("id={}", house.server.track("Film")), 70),
        (format!("id={}", house.server.track("Noise")), 70),
        ("id=tr-999999".to_owned(), 70),
        (format!("id={}&format=ass", house.server.track("Written")), 0),
        (format!("id={}&captions=../Written.srt", house.server.track("Written")), 70),
        (format!("id={}&captions=1", house.server.track("Written")), 70),
    ] {
        assert_eq!(house.error(&format!("/rest/getCaptions?{query}&f=json&{key}")), code, "{query}");
    }
    // More than anybody says in a film is not read into memory.
    let beside = house.folder.path().join("Written.srt");
    write_long(&beside);
    assert_eq!(house.error(&house.target("getCaptions", "Written", "")), 0);
}

fn write_long(to: &Path) {
    fs::write(to, SAID.repeat(20_000)).expect("a long text");
}
