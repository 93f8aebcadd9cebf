//! What happens in a library folder while the server runs is served without anybody asking for a scan: files and folders
//! that come, change, move and go, one by one or thousands at once.

#![allow(clippy::expect_used, clippy::panic, reason = "a test says what it found by failing")]
#![allow(clippy::disallowed_methods, reason = "a test reads small files of its own whole")]

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use budget::limits::{MIB, WATCH_SETTLE_MS, WATCH_SETTLE_MS_MAX};
use serde_json::Value;
use tests::{Options, Server, eventually, wait_until};

/// Until a change is looked at it must rest, and the machine may have other things to do.
const WITHIN: Duration = Duration::from_secs(60);
/// Samples of a song per second, of a byte each.
const RATE_HZ: u32 = 8_000;

/// A song without tags, so that its title is the name of its file.
fn wav(seconds: u32) -> Vec<u8> {
    let sound = seconds * RATE_HZ;
    let mut bytes = Vec::new();
    bytes.extend(b"RIFF");
    bytes.extend((36 + sound).to_le_bytes());
    bytes.extend(b"WAVEfmt ");
    bytes.extend(16_u32.to_le_bytes());
    for number in [1_u16, 1] {
        bytes.extend(number.to_le_bytes());
    }
    bytes.extend(RATE_HZ.to_le_bytes());
    bytes.extend(RATE_HZ.to_le_bytes());
    for number in [1_u16, 8] {
        bytes.extend(number.to_le_bytes());
    }
    bytes.extend(b"data");
    bytes.extend(sound.to_le_bytes());
    bytes.resize(bytes.len() + sound as usize, 0x80);
    bytes
}

/// A library folder with these songs of a second, and a place beside it on the same disk.
struct Music {
    folder: tempfile::TempDir,
}

impl Music {
    fn with(files: &[&str]) -> Self {
        let music = Music { folder: tempfile::tempdir().expect("a folder") };
        fs::create_dir(music.root()).expect("a folder");
        files.iter().for_each(|file| music.put(file, 1));
        music
    }

    fn root(&self) -> PathBuf {
        self.folder.path().join("music")
    }

    fn at(&self, file: &str) -> PathBuf {
        self.root().join(file)
    }

    fn put(&self, file: &str, seconds: u32) {
        put(&self.at(file), seconds);
    }

    fn serve(&self, tracks: usize, config: &str) -> Server {
        let options = Options { libraries: vec![self.root()], tracks, ..Options::default() };
        Server::start(&options.config(config))
    }
}

fn put(file: &Path, seconds: u32) {
    fs::create_dir_all(file.parent().expect("a folder")).expect("folders");
    fs::write(file, wav(seconds)).expect("a file");
}

/// The songs by their titles.
fn songs(server: &Server) -> BTreeMap<String, Value> {
    let found = server.subsonic("search3", "query=&artistCount=0&albumCount=0&songCount=500");
    let songs = found["searchResult3"]["song"].as_array().cloned().unwrap_or_default();
    songs.into_iter().map(|song| (song["title"].as_str().expect("a title").to_owned(), song)).collect()
}

/// How many songs there are, while nothing is looked at.
fn count(server: &Server) -> Option<u64> {
    let status = server.subsonic("getScanStatus", "")["scanStatus"].clone();
    (status["scanning"] == false).then(|| status["count"].as_u64()).flatten()
}

fn titles(server: &Server) -> Vec<String> {
    songs(server).into_keys().collect()
}

#[test]
fn what_happens_in_a_library_is_served_without_anybody_asking() {
    let many: Vec<String> = (0..300).map(|at| format!("many/song {at:03}.wav")).collect();
    let files: Vec<&str> = ["a/one.wav", "a/two.wav", "b/three.wav"]
        .into_iter()
        .chain(many.iter().map(String::as_str))
        .collect();
    let music = Music::with(&files);
    let server = music.serve(303, "");
    eventually("the first scan ends", WITHIN, || count(&server) == Some(303));
    let seen = server.metric("scan_files_seen_total");
    let before = songs(&server);
    let id =
        |songs: &BTreeMap<String, Value>, title: &str| songs[title]["id"].as_str().expect("an id").to_owned();
    server.subsonic("star", &format!("id={}", id(&before, "one")));

    music.put("c/deep/four.wav", 1);
    eventually("a file in a new folder comes", WITHIN, || songs(&server).contains_key("four"));
    music.put("a/two.wav", 3);
    eventually("a file gets other bytes", WITHIN, || songs(&server)["two"]["duration"] == 3);
    fs::remove_file(music.at("b/three.wav")).expect("a file");
    eventually("a file goes", WITHIN, || !songs(&server).contains_key("three"));
    fs::create_dir(music.at("d")).expect("a folder");
    fs::rename(music.at("a/one.wav"), music.at("d/renamed.wav")).expect("a move");
    eventually("a file moves", WITHIN, || songs(&server).contains_key("renamed"));
    fs::rename(music.at("c"), music.at("e")).expect("a move");
    let four = format!("/rest/download?id={}&{}", id(&songs(&server), "four"), server.admin.by_key());
    eventually("a folder moves", WITHIN, || server.get(&four, &[]).body == wav(1));
    for file in ["in/five.wav", "in/sub/six.wav"] {
        put(&music.folder.path().join(file), 1);
    }
    fs::rename(music.folder.path().join("in"), music.at("in")).expect("a move");
    eventually("a folder comes from outside", WITHIN, || songs(&server).contains_key("six"));
    // What came is heard from now on too.
    music.put("in/sub/seven.wav", 1);
    eventually("a file comes into what came", WITHIN, || songs(&server).contains_key("seven"));

    let after = songs(&server);
    assert_eq!(after.len(), 300 + 6, "{:?}", titles(&server));
    assert_eq!(id(&after, "renamed"), id(&before, "one"), "a moved file is the same track");
    assert!(after["renamed"]["starred"].is_string());
    assert_eq!(id(&after, "two"), id(&before, "two"));
    let looked = server.metric("scan_files_seen_total") - seen;
    assert!(looked < 300.0, "{looked} files were looked at for the sake of ten");
    assert_eq!(server.metric("scan_files_failed_total"), 0.0);
    followed(&server);
}

#[test]
fn a_cover_of_an_album_reaches_its_discs_and_its_id_changes_with_it() {
    let music = Music::with(&["Album/Disc 1/one.wav", "Album/Disc 2/two.wav"]);
    let server = music.serve(2, "");
    eventually("the first scan ends", WITHIN, || count(&server) == Some(2));
    let ids = || -> BTreeMap<String, String> {
        let of =
            |(title, song): (&String, &Value)| Some((title.clone(), song["coverArt"].as_str()?.to_owned()));
        songs(&server).iter().filter_map(of).collect()
    };
    let shown =
        |id: &str| server.get(&format!("/rest/getCoverArt?id={id}&{}", server.admin.by_key()), &[]).body;
    assert_eq!(ids(), BTreeMap::new());
    let [first, second] =
        ["first", "the second"].map(|words| format!("GIF89a, a picture: {words}").into_bytes());
    fs::write(music.at("Album/cover.gif"), &first).expect("a picture");
    eventually("both discs have it", WITHIN, || ids().len() == 2);
    // Only this disc is looked at.
    music.put("Album/Disc 1/three.wav", 1);
    eventually("a song comes to a disc", WITHIN, || songs(&server).contains_key("three"));
    let before = ids();
    assert_eq!(before["three"], before["one"], "a disc is an album here, and has one picture");
    assert!(before.len() == 3 && before.values().all(|id| shown(id) == first), "{before:?}");
    let albums = server.subsonic("getAlbumList2", "type=alphabeticalByName")["albumList2"]["album"].clone();
    let told: Vec<&str> =
        albums.as_array().expect("albums").iter().filter_map(|al| al["coverArt"].as_str()).collect();
    assert!(told.len() == 2 && told.iter().all(|id| before.values().any(|known| known == id)), "{albums}");

    fs::write(music.at("Album/cover.gif"), &second).expect("another picture");
    eventually("every id is another", WITHIN, || {
        let after = ids();
        after.len() == 3 && after.iter().all(|(title, id)| *id != before[title])
    });
    let plain = before["two"].split('_').next().expect("an id");
    for id in [&*ids()["two"], &before["two"], plain] {
        assert!(shown(id) == second, "{id}: the picture that there is now");
    }
    fs::remove_file(music.at("Album/cover.gif")).expect("a picture");
    eventually("no disc has it any more", WITHIN, || ids().is_empty());
}

/// A song that says its genre behind its sound.
fn tagged(seconds: u32, genre: &str) -> Vec<u8> {
    let mut bytes = wav(seconds);
    let text = format!("{genre:<31}\0");
    bytes.extend(b"LIST");
    bytes.extend(44_u32.to_le_bytes());
    bytes.extend(b"INFOIGNR");
    bytes.extend(32_u32.to_le_bytes());
    bytes.extend(text.as_bytes());
    let whole = u32::try_from(bytes.len() - 8).expect("a short song");
    bytes[4..8].copy_from_slice(&whole.to_le_bytes());
    bytes
}

/// How long the song is that nobody moves, in seconds.
const STILL: u32 = 30;
/// What becomes of a file, from its old place to its new one.
type Move = fn(&Path, &Path);

#[test]
fn a_file_that_moves_in_any_way_keeps_its_id_and_its_star() {
    let music = Music::with(&[]);
    let other = music.folder.path().join("other");
    fs::create_dir(&other).expect("a folder");
    // Each is as long as no other, in seconds; they come to the same folder of one library or of the other.
    let moves: [(&str, Move); 7] = [
        ("renamed and touched", |from, to| {
            fs::rename(from, to).expect("a move");
            File::options().append(true).open(to).expect("a file").write_all(&[0; 2]).expect("bytes");
        }),
        ("tagged and renamed", |from, to| {
            fs::write(from, tagged(3, "Jazz")).expect("a file");
            fs::rename(from, to).expect("a move");
        }),
        ("written anew with tags elsewhere", |from, to| {
            fs::write(to, tagged(4, "Jazz")).expect("a file");
            fs::remove_file(from).expect("a file");
        }),
        ("copied and deleted", |from, to| {
            fs::copy(from, to).expect("a copy");
            fs::remove_file(from).expect("a file");
        }),
        ("moved to the other library", |from, to| {
            fs::rename(from, to.parent().expect("a folder").join("../../other/moved/6.wav")).expect("a move");
        }),
        ("copied to the other library and deleted", |from, to| {
            fs::copy(from, to.parent().expect("a folder").join("../../other/moved/7.wav")).expect("a copy");
            fs::remove_file(from).expect("a file");
        }),
        ("deleted", |from, _| fs::remove_file(from).expect("a file")),
    ];
    for to in [music.at("moved"), other.join("moved")] {
        fs::create_dir(to).expect("a folder");
    }
    music.put("moved/still.wav", STILL);
    let options = Options { libraries: vec![music.root(), other.clone()], tracks: 1, ..Options::default() };
    let server = Server::start(&options.config(""));
    eventually("the first scan ends", WITHIN, || count(&server) == Some(1));
    // Nothing has changed in the other library since these came.
    for (seconds, _) in (2..).zip(&moves) {
        music.put(&format!("old/{seconds}.wav"), seconds);
    }
    let all = moves.len() + 1;
    eventually("all are there", WITHIN, || count(&server) == Some(all as u64));
    // By their lengths, because a title is the name of a file.
    let ids = || -> BTreeMap<u64, (String, bool)> {
        let of = |song: &Value| {
            let id = song["id"].as_str().expect("an id").to_owned();
            (song["duration"].as_u64().expect("a length"), (id, song["starred"].is_string()))
        };
        songs(&server).values().map(of).collect()
    };
    for (id, _) in ids().values() {
        server.subsonic("star", &format!("id={id}"));
    }
    let before = ids();
    for (seconds, (_, change)) in (2..).zip(&moves) {
        change(&music.at(&format!("old/{seconds}.wav")), &music.at(&format!("moved/{seconds}.wav")));
    }
    let is_elsewhere =
        |seconds: u64, path: &Value| seconds == 8 || path.as_str().is_some_and(|path| path.contains("moved"));
    eventually("all are where they are now", WITHIN, || {
        let songs = songs(&server);
        songs.len() == all - 1
            && songs.values().all(|song| is_elsewhere(song["duration"].as_u64().unwrap_or(0), &song["path"]))
    });
    // What was deleted comes back to another place.
    music.put("moved/8.wav", 8);
    eventually("it comes back", WITHIN, || ids().contains_key(&8));
    // It is there a moment before it is known who it is.
    eventually("the scan ends", WITHIN, || {
        server.subsonic("getScanStatus", "")["scanStatus"]["scanning"] == false
    });
    let after = ids();
    for (seconds, (name, _)) in (2_u64..).zip(&moves) {
        assert_eq!(after.get(&seconds), before.get(&seconds), "{name}");
        assert!(after[&seconds].1, "{name}: it keeps its star");
    }
}

/// Songs that take the names of others: the file, where its song is afterwards and how long that is, in seconds.
const RENAMED: [(&str, &str, u32); 9] = [
    ("s/one.wav", "s/two.wav", 2),
    ("s/two.wav", "s/one.wav", 3),
    ("a/three.wav", "b/four.wav", 4),
    ("b/four.wav", "a/three.wav", 5),
    ("t/five.wav", "t/six.wav", 6),
    ("t/six.wav", "t/seven.wav", 7),
    ("t/seven.wav", "t/five.wav", 8),
    ("o/eight.wav", "o/nine.wav", 9),
    ("w/ten.wav", "w/ten.wav", 10),
];
/// How long the song is that takes the name of the last one that left it.
const NEW: u32 = 11;

#[test]
fn a_song_keeps_its_id_and_its_star_where_files_take_the_names_of_others() {
    for config in ["", "[scan]\nwatch = false\nrescan_ms = 500\n"] {
        let music = Music::with(&[]);
        RENAMED.iter().for_each(|(file, _, seconds)| music.put(file, *seconds));
        let server = music.serve(RENAMED.len(), config);
        eventually("the first scan ends", WITHIN, || count(&server) == Some(RENAMED.len() as u64));
        // By their lengths: the title of each, its id, and whether it has a star.
        let by_length = || -> BTreeMap<u64, (String, String, bool)> {
            let of = |(title, song): (&String, &Value)| {
                let id = song["id"].as_str().expect("an id").to_owned();
                (
                    song["duration"].as_u64().expect("a length"),
                    (title.clone(), id, song["starred"].is_string()),
                )
            };
            songs(&server).iter().map(of).collect()
        };
        for (_, id, _) in by_length().values() {
            server.subsonic("star", &format!("id={id}"));
        }
        let before = by_length();

        let aside = |file: &str| music.folder.path().join(file.replace('/', " "));
        let renamed = RENAMED.iter().filter(|(from, to, _)| from != to);
        for (from, ..) in renamed.clone() {
            fs::rename(music.at(from), aside(from)).expect("a move");
        }
        for (from, to, _) in renamed {
            fs::rename(aside(from), music.at(to)).expect("a move");
        }
        music.put("o/eight.wav", NEW);
        // A tagger that writes a file anew and puts it in the place of the old one.
        fs::write(aside("w/ten.wav"), tagged(10, "Jazz")).expect("a file");
        fs::rename(aside("w/ten.wav"), music.at("w/ten.wav")).expect("a move");

        let title = |file: &str| file[2..].trim_end_matches(".wav").to_owned();
        eventually("all are where they are now", WITHIN, || {
            let now = by_length();
            now.get(&u64::from(NEW)).is_some_and(|song| song.0 == "eight")
                && songs(&server)["ten"]["genre"] == "Jazz"
                && RENAMED.iter().all(|(_, to, seconds)| {
                    now.get(&u64::from(*seconds)).is_some_and(|song| song.0 == title(to))
                })
        });
        eventually("the scan ends", WITHIN, || count(&server) == Some(RENAMED.len() as u64 + 1));
        let after = by_length();
        for (from, to, seconds) in RENAMED {
            let seconds = u64::from(seconds);
            assert_eq!(before[&seconds].0, title(from));
            let expected = (title(to), before[&seconds].1.clone(), true);
            assert_eq!(after[&seconds], expected, "{from}, {config:?}");
        }
        let (_, new, has_star) = &after[&u64::from(NEW)];
        assert!(!has_star && before.values().all(|(_, id, _)| id != new), "a song of its own, {config:?}");
    }
}

/// A scan tells how far it is, and ends its events with itself.
fn followed(server: &Server) {
    let bearer = server.admin.bearer();
    let signed: &[(&str, &str)] = &[("Authorization", &bearer)];
    assert_eq!(server.send("POST", "/scan", signed, b"").status, 202);
    let answer = server.get("/scan/events", signed);
    assert_eq!((answer.status, answer.header("content-type")), (200, "text/event-stream"));
    let text = answer.text();
    let events: Vec<Value> = text
        .split("\n\n")
        .filter_map(|event| event.strip_prefix("event: scan\ndata: "))
        .map(|json| serde_json::from_str(json).expect("JSON"))
        .collect();
    let last = events.last().unwrap_or_else(|| panic!("no event in {text:?}"));
    assert!(last["running"] == false && last["seen"] == 306 && last["failure"].is_null(), "{text}");
    let health = server.get("/health", &[]).json();
    assert_eq!(health["checks"]["watch"]["status"], "ok", "{health}");
}

#[test]
fn a_file_that_is_being_written_is_taken_when_it_is_whole() {
    let music = Music::with(&["a/one.wav"]);
    let server = music.serve(1, "");
    let whole = wav(20);
    let mut file = File::create(music.at("a/slow.wav")).expect("a file");
    const { assert!(4 * WATCH_SETTLE_MS < WATCH_SETTLE_MS_MAX) };
    let ends = Instant::now() + Duration::from_millis(4 * WATCH_SETTLE_MS);
    let mut pieces = whole.chunks(whole.len() / 100);
    wait_until(ends, || {
        if let Some(piece) = pieces.next() {
            file.write_all(piece).expect("bytes");
            file.sync_data().expect("bytes on the disk");
        }
        let others: Vec<String> = titles(&server).into_iter().filter(|title| title != "one").collect();
        assert_eq!(others, [""; 0], "half a song is none");
        // Somebody keeps changing it, up to the end.
        file.set_modified(std::time::SystemTime::now()).expect("a time");
        false
    });
    pieces.for_each(|piece| file.write_all(piece).expect("bytes"));
    drop(file);
    eventually("the whole song comes", WITHIN, || songs(&server).contains_key("slow"));
    assert_eq!(songs(&server)["slow"]["duration"], 20);
    assert_eq!(server.metric("scan_files_failed_total"), 0.0);
}

#[test]
fn p06_five_thousand_files_copied_at_once_are_all_served_and_memory_stays() {
    let music = Music::with(&["first.wav"]);
    let server = music.serve(1, "[memory]\nlimit = \"128MiB\"\n");
    eventually("the first scan ends", WITHIN, || count(&server) == Some(1));
    let before_kib = server.figures().peak_kib;
    let began = Instant::now();
    let song = wav(1);
    for folder in 0..250 {
        let folder = music.at(&format!("artist {}/album {folder}", folder % 25));
        fs::create_dir_all(&folder).expect("folders");
        for at in 0..20 {
            fs::write(folder.join(format!("{at}.wav")), &song).expect("a file");
        }
    }
    let copied = began.elapsed();
    eventually("all of them are served", WITHIN * 2, || count(&server) == Some(5_001));
    let grown_kib = server.figures().peak_kib.saturating_sub(before_kib);
    println!("copied in {copied:?}, served after {:?}, the peak grew by {grown_kib} KiB", began.elapsed());
    assert!(grown_kib * 1024 < 48 * MIB, "the peak grew by {grown_kib} KiB");
    assert_eq!(server.metric("watched_folders"), 276.0);
    fs::remove_dir_all(music.at("artist 3")).expect("a folder");
    eventually("those of a folder that went are gone", WITHIN, || count(&server) == Some(4_801));
}

#[test]
fn what_is_not_heard_is_found_now_and_then() {
    let config = "[scan]\nwatch = false\nrescan_ms = 500\n";
    let music = Music::with(&["a/one.wav"]);
    let server = music.serve(1, config);
    music.put("b/two.wav", 1);
    eventually("a file comes", WITHIN, || songs(&server).contains_key("two"));
    assert_eq!(server.metric("watched_folders"), 0.0);
    let health = server.get("/health", &[]).json();
    assert_eq!(health["checks"]["watch"]["status"], "ok", "nobody wanted to hear: {health}");
}

#[test]
fn p06_a_library_of_more_folders_than_memory_can_watch_is_looked_through_instead() {
    let files: Vec<String> = (0..6_000).map(|at| format!("{}/{at:0118}/{at}.wav", at / 1_500)).collect();
    let music = Music::with(&files.iter().map(String::as_str).collect::<Vec<_>>());
    let server = music.serve(6_000, "[memory]\nlimit = \"64MiB\"\n[scan]\nrescan_ms = 1000\n");
    let mut check = Value::Null;
    eventually("health says that nothing is heard", WITHIN, || {
        check = server.get("/health", &[]).json()["checks"]["watch"].clone();
        check["status"] == "degraded"
    });
    assert!(check["why"].as_str().is_some_and(|why| why.contains("no memory to watch")), "{check}");
    music.put("new/one more.wav", 1);
    eventually("a file comes", WITHIN, || count(&server) == Some(6_001));
    let told = server.output().matches("changes in a library are not heard").count();
    assert_eq!(told, 1, "it is told once");
}
