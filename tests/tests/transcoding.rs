//! Sound as players want it, from outside: what comes while it is made and afterwards, from which second on, and what is left
//! when everybody has gone.

#![allow(clippy::expect_used, clippy::panic, reason = "a test says what it found by failing")]
#![allow(clippy::disallowed_methods, reason = "a test reads small files of its own whole")]

use std::fs;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tests::http::{Answer, Connection};
use tests::media::{ffmpeg, seen, settle};
use tests::{Login, Options, Server, children_of, eventually};

/// The second of a song tells itself by its pitch: so many Hz at its beginning, and so many more in each second.
const FIRST_HZ: f64 = 300.0;
const STEP_HZ: f64 = 20.0;
/// How long the short song is.
const SECONDS: u32 = 60;
/// A song of which making takes a while.
const LONG_SECONDS: u32 = 900;
/// Samples in a second of what is listened to here.
const HEARD_HZ: usize = 8_000;

struct House {
    server: Server,
    folder: tempfile::TempDir,
}

impl House {
    /// A server with the short songs.
    fn new() -> House {
        House::with(&[("Scale.flac", SECONDS, "flac"), ("Low.mp3", SECONDS, "libmp3lame")], "")
    }

    /// A server with the short song and the long one.
    fn long(config: &str) -> House {
        House::with(&[("Scale.flac", SECONDS, "flac"), ("Long.flac", LONG_SECONDS, "flac")], config)
    }

    fn with(songs: &[(&str, u32, &str)], config: &str) -> House {
        let folder = tempfile::tempdir().expect("a folder");
        let tone = |seconds: u32| {
            format!("aevalsrc='0.5*sin(2*PI*({FIRST_HZ}+{STEP_HZ}*mod(floor(t),60))*t)':s=44100:d={seconds}")
        };
        for (name, seconds, codec) in songs {
            let words = ["-f", "lavfi", "-i", &tone(*seconds), "-ac", "2", "-c:a", codec, "-b:a", "320k"];
            ffmpeg(words, &folder.path().join(name));
        }
        settle(folder.path());
        let libraries = vec![folder.path().into()];
        let server =
            Server::start(&Options { libraries, tracks: songs.len(), ..Options::default().config(config) });
        House { server, folder }
    }

    /// The address of a song made as these parameters say, for the plain user.
    fn target(&self, title: &str, query: &str) -> String {
        format!("/rest/stream?id={}&{query}&{}", self.server.track(title), self.server.mira.by_key())
    }

    fn get(&self, title: &str, query: &str, fields: &[(&str, &str)]) -> Answer {
        self.server.get(&self.target(title, query), fields)
    }

    /// The same when it is kept.
    fn kept(&self, title: &str, query: &str) -> Answer {
        let mut answer = Answer::default();
        eventually("it is kept", Duration::from_secs(60), || {
            answer = self.get(title, query, &[]);
            answer.has("etag")
        });
        assert!(answer.status == 200 && answer.whole, "{title} {query}: {} {}", answer.head(), answer.text());
        answer
    }

    /// Nobody makes anything, and all memory for it is back.
    fn await_rest(&self, within: Duration) {
        let server = &self.server;
        eventually("no child is left", within, || children_of(server.id()) == 0);
        eventually("everything is given back", Duration::from_secs(10), || {
            server.metric_of("budget_used_bytes", &["pool=\"transforms\""]) == 0.0
                && server.metric("renditions_in_flight") == 0.0
                && server.metric("streams_in_flight") == 0.0
        });
    }
}

/// What is heard of these bytes, as samples.
fn heard(bytes: &[u8]) -> Vec<i16> {
    let folder = tempfile::tempdir().expect("a folder");
    let (from, to) = (folder.path().join("in"), folder.path().join("out"));
    fs::write(&from, bytes).expect("a file");
    let hz = HEARD_HZ.to_string();
    ffmpeg(
        [
            "-i".as_ref(),
            from.as_os_str(),
            "-ac".as_ref(),
            "1".as_ref(),
            "-ar".as_ref(),
            hz.as_ref(),
            "-f".as_ref(),
            "s16le".as_ref(),
        ],
        &to,
    );
    let raw = fs::read(&to).expect("samples");
    raw.chunks_exact(2).map(|two| i16::from_le_bytes([two[0], two[1]])).collect()
}

/// The pitch in the middle of a second: half of how often the sound goes through nothing.
fn pitch_hz(samples: &[i16], second: usize) -> f64 {
    let part = &samples[second * HEARD_HZ + HEARD_HZ / 4..(second + 1) * HEARD_HZ - HEARD_HZ / 4];
    let crossings = part.windows(2).filter(|pair| (pair[0] < 0) != (pair[1] < 0)).count();
    crossings as f64 / 2.0 / 0.5
}

fn assert_second(samples: &[i16], second: usize, of_song: u32) {
    let (is, expected) = (pitch_hz(samples, second), FIRST_HZ + STEP_HZ * f64::from(of_song % 60));
    assert!(
        (is - expected).abs() < STEP_HZ / 2.0,
        "second {second}: {is} Hz, and {expected} is that of {of_song}"
    );
}

#[test]
fn every_format_comes_and_is_kept_with_ranges() {
    let house = House::new();
    for (query, content_type, codec) in [
        ("format=mp3&maxBitRate=96", "audio/mpeg", "mp3"),
        ("format=opus&maxBitRate=64", "audio/ogg", "opus"),
        ("format=aac", "audio/aac", "aac"),
        ("format=ogg&maxBitRate=128", "audio/ogg", "vorbis"),
        ("format=m4a&maxBitRate=128", "audio/mp4", "aac"),
        ("maxBitRate=64", "audio/mpeg", "mp3"),
        ("format=flac&timeOffset=10", "audio/flac", "flac"),
    ] {
        let first = house.get("Scale", query, &[]);
        assert!(first.status == 200 && first.whole, "{query}: {} {}", first.head(), first.text());
        assert_eq!(first.header("content-type"), content_type, "{query}");
        assert!(seen(&first.body).starts_with(codec), "{query} is {}", seen(&first.body));
        let whole = house.kept("Scale", query);
        assert_eq!(whole.header("content-type"), content_type, "{query}");
        let length = whole.body.len();
        assert_eq!(
            (whole.header("accept-ranges"), whole.header("content-length")),
            ("bytes", &*length.to_string())
        );
        let tag = whole.header("etag").to_owned();
        for (from, to) in [(0, 0), (1_000, 1_999), (length / 2, length - 1), (length - 1, length + 100)] {
            let range = format!("bytes={from}-{to}");
            let part = house.get("Scale", query, &[("Range", &range), ("If-Range", &tag)]);
            assert!(
                part.status == 206 && part.body == whole.body[from..length.min(to + 1)],
                "{query} {range}: {}",
                part.head()
            );
        }
    }
    assert_eq!(
        house.server.metric_of("renditions_ended_total", &["mode=\"audio\"", "outcome=\"made\""]),
        7.0
    );
    house.await_rest(Duration::from_secs(5));
}

#[test]
fn what_is_within_the_wish_is_the_file_itself() {
    let house = House::new();
    let file = |name: &str| fs::read(house.folder.path().join(name)).expect("the file");
    for (title, name, query) in [
        ("Scale", "Scale.flac", "maxBitRate=0&estimateContentLength=true"),
        ("Scale", "Scale.flac", "format=raw&maxBitRate=32&timeOffset=20"),
        ("Low", "Low.mp3", "maxBitRate=320&format=mp3"),
    ] {
        let answer = house.get(title, query, &[]);
        assert!(answer.status == 200 && answer.body == file(name), "{title} {query}: {}", answer.head());
    }
    let download = format!("/rest/download?id={}&{}", house.server.track("Low"), house.server.mira.by_key());
    assert!(house.server.get(&download, &[]).body == file("Low.mp3"));
    assert_eq!(house.server.metric_of("rendition_making_seconds_count", &[]), 0.0, "nothing was made");
    // A user's own limit holds whatever is wished for, but for downloads.
    house.server.subsonic("updateUser", &format!("username={}&maxBitRate=64", house.server.mira.name));
    for query in ["", "format=raw", "maxBitRate=128"] {
        let answer = house.get("Low", query, &[]);
        let kbps = answer.body.len() * 8 / 1_000 / SECONDS as usize;
        assert!(answer.body != file("Low.mp3") && (60..=65).contains(&kbps), "{query}: {kbps} kbit/s");
    }
    assert!(house.server.get(&download, &[]).body == file("Low.mp3"));
}

/// The right to ask for renditions is about addresses of them; whoever may listen hears what his limit and his player want.
#[test]
fn who_may_not_ask_for_renditions_hears_songs_within_his_limit() {
    let house = House::new();
    let (server, mira) = (&house.server, &house.server.mira);
    let change = format!("username={}&videoConversionRole=false&maxBitRate=64", mira.name);
    server.subsonic("updateUser", &change);
    // The file has 320 kbit/s. An MP3 has what it is told; Opus takes more of tones as pure as these.
    for (query, content_type, kbps_max) in [
        ("", "audio/mpeg", 65),
        ("format=raw", "audio/mpeg", 65),
        ("format=opus", "audio/ogg", 160),
        ("format=opus&timeOffset=10", "audio/ogg", 160),
    ] {
        let answer = house.get("Low", query, &[]);
        let kbps = answer.body.len() * 8 / 1_000 / SECONDS as usize;
        assert_eq!((answer.status, answer.header("content-type")), (200, content_type), "{query}");
        assert!(answer.whole && kbps <= kbps_max, "{query}: {kbps} kbit/s");
    }
    let id = server.track("Low");
    let ask = |method: &str, target: &str, body: &[u8]| {
        let fields = [("Content-Type", "application/json"), ("Authorization", &mira.bearer())];
        server.send(method, &format!("{target}&{}", mira.by_key()), &fields, body)
    };
    let player = br#"{"transcodingProfiles":[{"container":"ogg","audioCodec":"opus","protocol":"http"}]}"#;
    let decision =
        ask("POST", &format!("/rest/getTranscodeDecision?mediaId={id}&mediaType=song"), player).json();
    let params = &decision["subsonic-response"]["transcodeDecision"]["transcodeParams"];
    assert_eq!(params, "1-opus-64", "{decision}");
    let target = format!("/rest/getTranscodeStream?mediaId={id}&mediaType=song&transcodeParams=1-opus-64");
    assert_eq!(ask("GET", &target, b"").header("content-type"), "audio/ogg");
    let hls = ask("GET", &format!("/rest/hls.m3u8?id={id}"), b"").text();
    let list = hls.lines().find_map(|line| line.strip_prefix("../")).expect("an address");
    let list = server.get(&format!("/{list}"), &[]).text();
    let piece = list.lines().find(|line| line.contains("audio-0.m4s")).expect("a piece");
    let piece = server.get(&format!("/media/{id}/{piece}"), &[]);
    assert_eq!(
        (piece.status, piece.header("content-type")),
        (200, "audio/mp4"),
        "sound is for all who listen"
    );
}

/// Of a constant bitrate the length is known before anything is made, and so is where each second lies.
#[test]
fn an_mp3_in_the_making_has_its_length_and_ranges_at_the_first_play() {
    let house = House::long("");
    let query = "format=mp3&maxBitRate=128&estimateContentLength=true";
    let mut connection = Connection::open(house.server.address).expect("a connection");
    connection.send("GET", &house.target("Long", query), &[], b"").expect("a request");
    let head = connection.read_head().expect("a head");
    let length: usize = head.header("content-length").parse().expect("a length");
    assert_eq!(
        (head.status, head.header("accept-ranges"), head.has("etag")),
        (200, "bytes", false),
        "{}",
        head.head()
    );
    let middle = length / 2;
    let range = format!("bytes={middle}-{}", middle + 80_000);
    let part = house.get("Long", query, &[("Range", &range)]);
    assert_eq!((part.status, part.body.len()), (206, 80_001), "{}", part.head());
    assert!(part.header("content-range").ends_with(&format!("/{length}")), "{}", part.head());
    // Of so many bytes in a second, and a frame that was begun before.
    assert_second(&heard(&part.body), 2, LONG_SECONDS / 2 + 2);
    let mut answer = Answer { headers: head.headers, status: 200, ..Answer::default() };
    connection.read_rest(&mut answer, false).expect("the rest");
    assert!(answer.whole && answer.body.len() == length, "{} of {length}", answer.body.len());
    assert!(house.kept("Long", query).body == answer.body, "what came is what is kept");
    assert!(part.body == answer.body[middle..=middle + 80_000]);
}

#[test]
fn a_time_offset_begins_at_that_second() {
    let house = House::new();
    for (title, query, offset) in [
        ("Scale", "format=mp3&maxBitRate=96&timeOffset=30", 30),
        ("Scale", "format=opus&timeOffset=7", 7),
        ("Scale", "timeOffset=41", 41),
        ("Low", "maxBitRate=64&timeOffset=30", 30),
    ] {
        let samples = heard(&house.get(title, query, &[]).body);
        let seconds = samples.len() as f64 / HEARD_HZ as f64;
        assert!((seconds - f64::from(SECONDS - offset)).abs() < 0.2, "{title} {query} has {seconds} s");
        for second in [0, 5, 12] {
            assert_second(&samples, second, offset + second as u32);
        }
    }
    let made = "mediaType=song&transcodeParams=1-mp3-96&f=json";
    let target = house.target("Scale", made).replace("stream?id=", "getTranscodeStream?mediaId=");
    for (name, target) in [
        ("timeOffset", house.target("Scale", "format=mp3&timeOffset=61&f=json")),
        ("offset", target + "&offset=61"),
    ] {
        let behind = house.server.get(&target, &[]).json()["subsonic-response"]["error"].clone();
        let words = format!("Parameter {name} is behind the end: it is 61 s, and the song has 60 s");
        assert_eq!((&behind["code"], &behind["message"]), (&json!(70), &json!(words)));
    }
    assert!(
        !house.server.output().contains("could not be made"),
        "a listener's slip is no trouble of the server"
    );
    let xml = house.get("Scale", "format=mp3&timeOffset=-1&f=xml", &[]);
    assert!(xml.status == 200 && xml.text().contains("code=\"0\""), "{}", xml.text());
    assert!(xml.header("content-type").starts_with("text/xml"), "a player must not take it for sound");
}

#[test]
fn a_player_that_describes_itself_gets_what_was_decided() {
    let house = House::new();
    let (server, id) = (&house.server, house.server.track("Scale"));
    let ask = |body: &Value| {
        let target =
            format!("/rest/getTranscodeDecision?mediaId={id}&mediaType=song&f=json&{}", server.mira.by_key());
        let fields = [("Content-Type", "application/json")];
        server.send("POST", &target, &fields, body.to_string().as_bytes()).json()["subsonic-response"].clone()
    };
    let info = json!({ "name": "a player", "platform": "tests", "maxTranscodingAudioBitrate": 96_000,
        "directPlayProfiles": [{ "containers": ["mp3"], "audioCodecs": ["mp3"], "protocols": ["http"] }],
        "transcodingProfiles": [{ "container": "ogg", "audioCodec": "opus", "protocol": "http" }] });
    let told = ask(&info)["transcodeDecision"].clone();
    assert_eq!((&told["canDirectPlay"], &told["canTranscode"]), (&json!(false), &json!(true)), "{told}");
    assert_eq!(told["transcodeStream"]["audioBitrate"], 96_000, "{told}");
    let params = told["transcodeParams"].as_str().expect("a text").to_owned();
    let stream = |query: &str| {
        server.get(
            &format!("/rest/getTranscodeStream?mediaId={id}&f=json&{query}&{}", server.mira.by_key()),
            &[],
        )
    };
    let answer = stream(&format!("mediaType=song&transcodeParams={params}&offset=20"));
    assert_eq!(answer.header("content-type"), "audio/ogg", "{}", answer.head());
    assert_second(&heard(&answer.body), 3, 23);
    for (query, code) in [
        ("mediaType=song", 10),
        ("transcodeParams=1-mp3-96", 10),
        ("mediaType=song&transcodeParams=1-mp3-9999", 0),
        ("mediaType=film&transcodeParams=1-mp3-96", 0),
        ("mediaType=podcast&transcodeParams=1-mp3-96", 70),
    ] {
        let error = stream(query).json()["subsonic-response"]["error"]["code"].clone();
        assert_eq!(error, code, "{query}");
    }
    assert_eq!(ask(&json!("words"))["error"]["code"], 0, "a body that is something else");
    assert_eq!(ask(&json!({ "directPlayProfiles": 5 }))["error"]["code"], 0);
    let by_get = server.subsonic("getTranscodeDecision", &format!("mediaId={id}&mediaType=song"));
    assert_eq!(by_get["error"]["code"], 10, "never a bare 404 or 405: {by_get}");
}

#[test]
fn a_child_ends_when_its_only_listener_leaves() {
    let house = House::long("");
    let mut connection = Connection::open(house.server.address).expect("a connection");
    connection.send("GET", &house.target("Long", "format=opus"), &[], b"").expect("a request");
    let head = connection.read_head().expect("a head");
    assert_eq!((head.status, head.header("accept-ranges")), (200, "none"), "{}", head.head());
    assert!(!connection.read_some(1_000).expect("bytes").is_empty());
    assert_eq!(children_of(house.server.id()), 1);
    drop(connection);
    let left = Instant::now();
    house.await_rest(Duration::from_secs(4));
    println!("the child was gone {:.1} s after its listener", left.elapsed().as_secs_f64());
    let made = house.server.metric_of("renditions_ended_total", &["mode=\"audio\"", "outcome=\"made\""]);
    assert_eq!(made, 0.0, "it was not made to its end for nobody");
}

/// How one of a crowd fared.
enum Fared {
    /// So many seconds of sound came in one second.
    Played(f64),
    /// This status, with a time to come back.
    Refused(u16),
}

/// Plays to the end, or leaves after a moment.
fn play(server: &Server, target: &str, stays: bool) -> Fared {
    let begun = Instant::now();
    let mut connection = Connection::open(server.address).expect("a connection");
    connection.send("GET", target, &[], b"").expect("a request");
    let mut answer = connection.read_head().expect("a head");
    if answer.status != 200 {
        assert!(answer.come_back(), "{}", answer.head());
        return Fared::Refused(answer.status);
    }
    // The wait for a turn is not the pace of what plays.
    let (waited, kbps) = (begun.elapsed(), 64.0);
    if stays {
        connection.read_rest(&mut answer, false).expect("the rest");
        assert!(answer.whole, "what was begun is finished");
    } else {
        answer.body = connection.read_some(50_000).expect("bytes");
    }
    let seconds = answer.body.len() as f64 * 8.0 / 1_000.0 / kbps;
    Fared::Played(seconds / (begun.elapsed() - waited).as_secs_f64().max(0.001))
}

#[test]
fn p06_of_forty_transcodes_at_once_those_that_run_keep_time_and_nothing_is_left() {
    let house = House::long("[limits]\nstreams_per_user = 0\nstreams = 0\n");
    let server = &house.server;
    // Two users: what one may have in the making is not the other's.
    let olga = server.add_user("olga", &[]);
    let id = server.track("Long");
    let targets: Vec<String> = (0..40)
        .map(|number| {
            let user = if number % 2 == 0 { &server.mira } else { &olga };
            format!(
                "/rest/stream?id={id}&format=mp3&maxBitRate=64&timeOffset={}&{}",
                400 + number,
                user.by_key()
            )
        })
        .collect();
    let fared: Vec<Fared> = std::thread::scope(|scope| {
        let all = targets.iter().enumerate();
        let all: Vec<_> =
            all.map(|(number, target)| scope.spawn(move || play(server, target, number % 3 > 0))).collect();
        all.into_iter().map(|one| one.join().expect("a listener")).collect()
    });
    let (mut played, mut refused) = (Vec::new(), [0, 0]);
    for one in fared {
        match one {
            Fared::Played(pace) => played.push(pace),
            Fared::Refused(429) => refused[0] += 1,
            Fared::Refused(503) => refused[1] += 1,
            Fared::Refused(status) => panic!("{status} is no way to refuse"),
        }
    }
    let slowest = played.iter().copied().fold(f64::INFINITY, f64::min);
    println!(
        "of 40 transcodes {} played, the slowest at {slowest:.1} times its pace; {refused:?} were 429 and 503",
        played.len()
    );
    assert!((4..=12).contains(&played.len()), "six of each player's are in the making at most");
    assert!(slowest > 1.0, "the slowest came at {slowest:.2} times its pace");
    assert!(refused[0] >= 40 - 12, "who has six is told to come back");
    house.await_rest(Duration::from_secs(10));
}

/// Begins to listen to the long song from this second on, as the app of this name.
fn begin(house: &House, user: &Login, app: &str, second: usize) -> (Connection, Answer) {
    let mut connection = ask(house, user, app, second);
    let answer = connection.read_head().expect("a head");
    (connection, answer)
}

/// Asks, and reads nothing.
fn ask(house: &House, user: &Login, app: &str, second: usize) -> Connection {
    let (id, by) = (house.server.track("Long"), user.by_key().replace("c=tests", &format!("c={app}")));
    let target = format!("/rest/stream?id={id}&format=opus&timeOffset={second}&{by}");
    let mut connection = Connection::open(house.server.address).expect("a connection");
    connection.send("GET", &target, &[], b"").expect("a request");
    connection
}

#[test]
fn p06_a_player_leaves_some_transcodes_to_the_other_players_of_its_user() {
    let house = House::long("");
    let mira = &house.server.mira;
    let mut playing: Vec<(Connection, Answer)> = (1..=6).map(|n| begin(&house, mira, "greedy", n)).collect();
    assert!(playing.iter().all(|(_, answer)| answer.status == 200), "each player may have six");
    let refused = |app, second, limit: &str| {
        let (mut connection, mut answer) = begin(&house, mira, app, second);
        connection.read_rest(&mut answer, false).expect("the rest");
        assert!(answer.status == 429 && answer.come_back(), "{}", answer.head());
        assert!(answer.text().contains(limit), "the limit is named: {}", answer.text());
    };
    refused("greedy", 7, "your limit of transcodes_per_player");
    playing.push(begin(&house, mira, "greedy", 6));
    playing.extend((8..=9).map(|n| begin(&house, mira, "modest", n)));
    assert!(playing.iter().all(|(_, answer)| answer.status == 200), "its user has two more");
    // Each user may have eight.
    refused("modest", 10, "your limit of renditions_per_user");
    drop(playing);
    house.await_rest(Duration::from_secs(10));
    // What was given back can be had again.
    let (_again, answer) = begin(&house, mira, "greedy", 11);
    assert_eq!(answer.status, 200, "{}", answer.head());
}

#[test]
fn p06_when_the_line_is_full_everybody_is_told_to_come_back_and_nothing_is_left() {
    // Ten are made at once, and a hundred wait.
    let house = House::long("[transform]\njobs_max = 10\n");
    let people: Vec<Login> = (0..14).map(|n| house.server.add_user(&format!("listener{n}"), &[])).collect();
    let mut waiting = Vec::new();
    for (number, user) in people.iter().enumerate() {
        waiting.extend((0..8).map(|n| ask(&house, user, ["one", "two"][n % 2], 10 * number + n)));
    }
    eventually("the line is full", Duration::from_secs(20), || {
        house.server.metric("renditions_in_flight") == 110.0
    });
    let begun = Instant::now();
    let (_, answer) = begin(&house, &house.server.mira, "late", 500);
    assert!(answer.status == 503 && answer.come_back(), "{}", answer.head());
    assert!(begun.elapsed() < Duration::from_secs(5), "whoever is refused is told at once");
    assert!(children_of(house.server.id()) <= 10);
    drop(waiting);
    house.await_rest(Duration::from_secs(20));
}
