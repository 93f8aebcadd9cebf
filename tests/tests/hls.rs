//! HTTP Live Streaming from outside: lists that keep the rules, pieces that are what the lists say, and a player that nobody
//! here wrote.

#![allow(clippy::expect_used, reason = "a test says what it found by failing")]

mod hls {
    pub(crate) mod reader;
}

use std::process::Command;

use hls::reader::{List, Master, joined};
use tests::http::Answer;
use tests::media::{ffmpeg, settle};
use tests::{Options, Server};

const NTSC: &str = "-f lavfi -i testsrc2=size=640x360:rate=30000/1001:duration=13.5 -f lavfi -i \
                    sine=frequency=440:sample_rate=48000:duration=13.5 -c:v libx264 -preset ultrafast -g 77 -pix_fmt yuv420p \
                    -c:a aac";
const LONG: &str = "-f lavfi -i color=size=64x36:rate=1:duration=300 -f lavfi -i sine=frequency=440:duration=300 -c:v libx264 \
                    -preset ultrafast -pix_fmt yuv420p -c:a aac";

/// A folder of clips that is an origin for everybody, and the same as a library for those who signed in.
struct House {
    server: Server,
    _clips: tempfile::TempDir,
}

impl House {
    fn of(films: &[(&str, &str)]) -> House {
        let clips = tempfile::tempdir().expect("a folder");
        for (name, words) in films {
            ffmpeg(words.split_whitespace(), &clips.path().join(name));
        }
        let root = clips.path().display();
        let config = format!(
            "[[cdn.origin]]\nname = \"clips\"\npath = \"/clips/\"\nfolder = \"{root}\"\npublic = true\n"
        );
        let libraries = vec![clips.path().to_owned()];
        let options = Options { libraries, tracks: films.len(), ..Options::default().config(&config) };
        let server = Server::start(&options);
        settle(clips.path());
        House { server, _clips: clips }
    }

    fn get(&self, target: &str) -> Answer {
        self.server.get(target, &[])
    }

    fn sign(&self, target: &str) -> String {
        let output = self.server.command(&["sign", target], "");
        let text = String::from_utf8(output.stdout).expect("text");
        let line = text.lines().last().unwrap_or_default();
        assert!(line.contains("signature="), "{line}: {}", String::from_utf8_lossy(&output.stderr));
        line[line.find("/clips").expect("the path")..].to_owned()
    }

    /// How many children have made pieces.
    fn made(&self) -> f64 {
        self.server.metric_of("rendition_making_seconds_count", &["mode=\"hls\""])
    }
}

/// What ffmpeg makes of an address or a file: frames of video, or samples of sound.
fn decoded(input: &str, fields: &str, stream: &str) -> Vec<u8> {
    let format: &[&str] = match stream {
        "0:v" => &["-f", "framecrc", "-"],
        _ => &["-ac", "1", "-f", "s16le", "-"],
    };
    let mut ffmpeg = Command::new("ffmpeg");
    ffmpeg.args(["-nostdin", "-v", "error", "-xerror"]);
    if !fields.is_empty() {
        ffmpeg.args(["-headers", fields]);
    }
    let output = ffmpeg.args(["-i", input, "-map", stream]).args(format).output().expect("ffmpeg runs");
    let words = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && words.trim().is_empty(), "{input}: {words}");
    output.stdout
}

/// When each frame is shown, in units of its time base, behind the line that says what that is.
fn frames(crcs: &[u8]) -> Vec<i64> {
    let text = String::from_utf8_lossy(crcs);
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines.map(|line| line.split(',').nth(2).expect("a time").trim().parse().expect("a number")).collect()
}

fn samples(bytes: &[u8]) -> Vec<f64> {
    bytes.chunks_exact(2).map(|two| f64::from(i16::from_le_bytes([two[0], two[1]]))).collect()
}

/// The worst jump in a tone: what is not twice the last sample times the cosine, without the one before.
fn worst_jump(samples: &[f64], hz: f64, rate: f64) -> f64 {
    let turn = 2.0 * (std::f64::consts::TAU * hz / rate).cos();
    samples.windows(3).map(|three| (three[2] - turn * three[1] + three[0]).abs()).fold(0.0, f64::max)
}

#[test]
fn every_spelling_has_lists_that_keep_the_rules_and_pieces_that_are_what_they_say() {
    let house = House::of(&[("a.mp4", NTSC)]);
    let bearer = house.server.mira.bearer();
    let signed_in = [("Authorization", bearer.as_str())];
    let tracks = house.server.get("/videos", &signed_in).json();
    let media = format!("/media/{}/index.m3u8", tracks["tracks"][0]["id"].as_str().expect("a video"));
    // Of the first pieces of each spelling.
    let mut tags: Vec<[String; 2]> = Vec::new();
    for (address, who) in [
        ("/clips/a.mp4/index.m3u8", &[][..]),
        (media.as_str(), &signed_in[..]),
        ("/cdn-cgi/media/duration=60s/clips/a.mp4/index.m3u8", &[][..]),
    ] {
        let get = |target: &str| {
            let answer = house.server.get(target, who);
            assert_eq!(answer.status, 200, "{target}: {}", answer.text());
            answer
        };
        let answer = get(address);
        assert_eq!(answer.header("content-type"), "application/vnd.apple.mpegurl");
        let master = Master::read(&answer.text()).unwrap_or_else(|why| panic!("{address}: {why}"));
        let widths: Vec<u32> = master.variants.iter().map(|variant| variant.resolution.0).collect();
        assert_eq!(widths, [160, 320, 480, 640], "{address}: what is not above the source");
        let sound = joined(address, master.sound.as_deref().expect("there is sound"));
        let picture = joined(address, &master.variants[1].address);
        tags.push([(sound, "audio/mp4"), (picture, "video/mp4")].map(|(at, content_type)| {
            let list = List::read(&get(&at).text()).unwrap_or_else(|why| panic!("{at}: {why}"));
            assert!((13.4..13.6).contains(&list.seconds()), "{at} is {} s", list.seconds());
            let head = get(&joined(&at, &list.map));
            assert_eq!(&head.body[4..8], b"ftyp", "{at}");
            for (_, piece) in &list.segments {
                let answer = get(&joined(&at, piece));
                let found = (&answer.body[4..8], answer.header("content-type"));
                assert_eq!(found, (&b"moof"[..], content_type));
                let most = master.variants[1].bandwidth;
                assert!(answer.body.len() as u64 * 8 <= most * 4, "{piece} is above {most} in a second");
            }
            let first = joined(&at, &list.segments[0].1);
            let kept = house.server.kept(&first, who);
            let tag = kept.header("etag").to_owned();
            let asks = [who, &[("Range", "bytes=4-7"), ("If-Range", &tag)]].concat();
            let part = house.server.get(&first, &asks);
            assert_eq!((part.status, part.body.as_slice()), (206, &b"moof"[..]), "{first}: {}", part.head());
            let same = house.server.get(&first, &[who, &[("If-None-Match", &tag)]].concat());
            assert_eq!(same.status, 304, "{first}");
            if !who.is_empty() {
                assert!(!kept.has("access-control-allow-origin"), "{first} is for who signed in");
            }
            let number = list.segments.len();
            let after = first.replace("-0.m4s", &format!("-{number}.m4s"));
            assert_eq!(house.server.get(&after, who).status, 404, "{after} is behind the end");
            tag
        }));
    }
    assert!(tags.iter().all(|of| *of == tags[0]), "three spellings, one sound and one picture: {tags:?}");
}

#[test]
fn a_player_sees_and_hears_what_the_whole_video_has() {
    let house = House::of(&[("a.mp4", NTSC)]);
    let address = |target: &str| format!("http://{}{target}", house.server.address);
    let whole = house.server.kept("/clips/a.mp4?width=320", &[]);
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), &whole.body).expect("it is written");
    let path = file.path().to_str().expect("a path in UTF-8");
    for target in
        ["/clips/a.mp4/index.m3u8?width=320", "/cdn-cgi/media/width=320,duration=60s/clips/a.mp4/index.m3u8"]
    {
        let (of_list, of_whole) =
            (frames(&decoded(&address(target), "", "0:v")), frames(&decoded(path, "", "0:v")));
        assert_eq!((of_list.len(), of_whole.len()), (405, 405), "{target}");
        let is_even = |times: &[i64]| times.windows(2).all(|two| two[1] - two[0] == times[1] - times[0]);
        assert!(is_even(&of_list), "{target}: {of_list:?}");
        let (of_list, of_whole) =
            (samples(&decoded(&address(target), "", "0:a")), samples(&decoded(path, "", "0:a")));
        // The whole has its silence in front cut off by its index; both fill up the last frame.
        let more = of_list.len().abs_diff(of_whole.len());
        assert!(
            more <= 2 * 1_024,
            "{target}: {} samples, and the whole has {}",
            of_list.len(),
            of_whole.len()
        );
        let inner = &of_list[4_800..of_list.len() - 9_600];
        let jump = worst_jump(inner, 440.0, 48_000.0);
        assert!(jump < 60.0, "{target}: no seam is heard: {jump}");
        let torn = [&inner[..240_000], &inner[241_000..]].concat();
        assert!(worst_jump(&torn, 440.0, 48_000.0) > 60.0, "a seam would be");
    }
    let list = List::read(&house.get("/clips/a.mp4/video.m3u8?width=320").text()).expect("a list");
    let exact = 405.0 * 1_001.0 / 30_000.0;
    assert!((list.seconds() - exact).abs() < 0.001, "{} s, and it is {exact}", list.seconds());
}

#[test]
fn who_may_have_a_video_made_may_have_its_pieces_made() {
    let house = House::of(&[("a.mp4", NTSC)]);
    for (target, status) in [
        ("/clips/a.mp4/index.m3u8", 200),
        ("/clips/a.mp4/index.m3u8?width=640", 200),
        ("/clips/a.mp4/index.m3u8?derivative=mobile", 200),
        ("/clips/a.mp4/audio-init.mp4", 200),
        ("/clips/a.mp4/index.m3u8?width=322", 403),
        ("/clips/a.mp4/video.m3u8", 403),
        ("/clips/a.mp4/video-0.m4s?width=322", 403),
        ("/clips/a.mp4/audio.m3u8?time=5s", 403),
        ("/clips/a.mp4/index.m3u8?format=h265", 400),
        ("/clips/a.mp4/index.m3u8?mode=frame", 400),
        ("/clips/a.mp4/video-0001.m4s?width=320", 404),
        ("/clips/none.mp4/index.m3u8", 404),
        ("/clips/a.mp4/other.m3u8", 404),
    ] {
        let answer = house.get(target);
        assert_eq!(answer.status, status, "{target}: {}", answer.text());
    }
    // A stranger who has a signed list has all that it lists, and nothing else.
    let signed = house.sign("/clips/a.mp4/index.m3u8?time=8s&duration=5s&width=322");
    let master = Master::read(&house.get(&signed).text()).expect("a list");
    let at = joined(&signed, &master.variants[0].address);
    let list = List::read(&house.get(&at).text()).expect("a list");
    assert_eq!(list.segments.len(), 2);
    for piece in [&list.map, &list.segments[1].1] {
        assert_eq!(house.get(&joined(&at, piece)).status, 200, "{piece}");
    }
    let sound = joined(&signed, master.sound.as_deref().expect("sound"));
    assert_eq!(house.get(&sound).status, 200);
    let other = joined(&at, &list.segments[0].1);
    for forged in [other.replace("time=8s", "time=7s"), other.replace("video-0", "video-1")] {
        let answer = house.get(&forged);
        let is_made = forged.contains("video-1");
        assert_eq!(answer.status, if is_made { 200 } else { 403 }, "what is made is everybody's: {forged}");
    }
    assert_eq!(house.get(&other.replace("video-0", "audio-1")).status, 403);
}

#[test]
fn a_piece_is_made_once_and_alone() {
    let house = House::of(&[("a.mp4", NTSC)]);
    // The last segment first: nothing before it is made for it.
    let target = "/clips/a.mp4/video-3.m4s?width=160";
    let answers: Vec<Answer> = std::thread::scope(|scope| {
        let asked: Vec<_> = (0..20).map(|_| scope.spawn(|| house.get(target))).collect();
        asked.into_iter().map(|answer| answer.join().expect("an answer")).collect()
    });
    for answer in &answers {
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert!(answer.whole && answer.body == answers[0].body, "{}", answer.head());
    }
    assert_eq!(house.made(), 1.0);
}

#[test]
fn the_sound_of_a_long_film_is_heard_before_it_is_made() {
    let house = House::of(&[("long.mp4", LONG)]);
    let list = house.get("/clips/long.mp4/audio.m3u8");
    let list = List::read(&list.text()).expect("a list");
    let first = house.get("/clips/long.mp4/audio-0.m4s");
    assert_eq!((first.status, first.header("cache-status")), (200, "millpond; fwd=miss"), "{}", first.head());
    assert_eq!(first.header("content-length"), first.body.len().to_string());
    assert_eq!(first.header("cache-control"), "no-store", "{}", first.head());
    let last = format!("/clips/long.mp4/audio-{}.m4s", list.segments.len() - 1);
    let last_growing = house.get(&last);
    assert_eq!(last_growing.status, 200, "the last is there when it is made");
    for (target, growing) in [("/clips/long.mp4/audio-0.m4s", first), (last.as_str(), last_growing)] {
        let kept = house.server.kept(target, &[]);
        assert!(kept.body == growing.body, "{target} is the same when it is kept");
        assert!(kept.has("etag") && kept.header("accept-ranges") == "bytes", "{}", kept.head());
    }
    assert_eq!(house.made(), 1.0, "all of it came from one run");
}
