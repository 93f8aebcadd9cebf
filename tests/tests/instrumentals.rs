//! The stems of tracks, and the folder "Instrumentals" that Subsonic apps see.

#![allow(clippy::expect_used, clippy::panic, reason = "a test says what it found by failing")]
#![allow(clippy::disallowed_methods, reason = "a test reads small files of its own whole")]

#[path = "instrumentals/sets.rs"]
mod sets;

use std::fs;
use std::path::Path;
use std::time::Duration;

use serde_json::Value;
use tests::http::Answer;
use tests::media::{ffmpeg, settle};
use tests::{Login, Options, Server, clients, eventually, sound};

const WITHIN: Duration = Duration::from_secs(120);
const SECONDS: u32 = 3;
const TITLE: &str = "Reed Song";

struct House {
    server: Server,
    folder: tempfile::TempDir,
    track: String,
}

impl House {
    /// A library with one song, whose sides are not the same, and one in another library.
    fn new() -> House {
        let folder = tempfile::tempdir().expect("a folder");
        let libraries: Vec<_> = ["songs", "talks"].map(|name| folder.path().join(name)).into();
        for (library, title, artist) in [(&libraries[0], TITLE, "Ben Reed"), (&libraries[1], "A Talk", "Ann")]
        {
            fs::create_dir(library).expect("a folder");
            let sound = format!(
                "aevalsrc='0.3*sin(2*PI*330*t)+0.1*sin(2*PI*2000*t*t)|0.3*sin(2*PI*330*t)':s=44100:d={SECONDS}"
            );
            let names = [format!("title={title}"), format!("artist={artist}"), "album=Reeds".to_owned()];
            let words = [
                "-f",
                "lavfi",
                "-i",
                &sound,
                "-metadata",
                &names[0],
                "-metadata",
                &names[1],
                "-metadata",
                &names[2],
                "-c:a",
                "flac",
            ];
            ffmpeg(words, &library.join(format!("{title}.flac")));
        }
        settle(folder.path());
        let server = Server::start(&Options { libraries, tracks: 2, ..Options::default() });
        let track = server.track(TITLE);
        House { server, folder, track }
    }

    fn ask(&self, who: &Login, method: &str, target: &str, more: &[(&str, &str)]) -> Answer {
        let bearer = who.bearer();
        let fields: Vec<_> =
            [("Authorization", bearer.as_str())].into_iter().chain(more.iter().copied()).collect();
        self.server.send(method, target, &fields, b"")
    }

    fn split(&self, track: &str, count: usize) {
        self.split_by(&self.server.mira, track, count);
    }

    /// Has a song taken apart and waits for it.
    fn split_by(&self, who: &Login, track: &str, count: usize) {
        let answer = self.ask(who, "POST", &format!("/tracks/{track}/stems?stems={count}"), &[]);
        assert!(matches!(answer.status, 200 | 202), "{}", answer.text());
        let job = answer.json()["job_id"].as_str().expect("an id").to_owned();
        eventually("the job is done", WITHIN, || {
            let status = self.ask(who, "GET", &format!("/jobs/{job}/status"), &[]).json();
            let word = status["job"]["status"].as_str().expect("a word").to_owned();
            assert!(!matches!(word.as_str(), "failed" | "cancelled"), "{status}");
            word == "completed"
        });
    }

    fn stem(&self, name: &str) -> Answer {
        let answer = self.ask(&self.server.mira, "GET", &format!("/tracks/{}/stems/{name}", self.track), &[]);
        assert!(answer.status == 200 && answer.whole, "{name}: {} {}", answer.head(), answer.text());
        answer
    }

    fn folders(&self) -> Vec<(i64, String)> {
        let found = self.server.subsonic("getMusicFolders", "");
        let folders = found["musicFolders"]["musicFolder"].as_array().cloned().unwrap_or_default();
        let row = |folder: &Value| {
            (folder["id"].as_i64().expect("a number"), folder["name"].as_str().expect("a name").to_owned())
        };
        folders.iter().map(row).collect()
    }

    fn instrumentals(&self) -> Option<i64> {
        self.folders().into_iter().find(|(_, name)| name == "Instrumentals").map(|(id, _)| id)
    }
}

/// Samples of a file as 16-bit words, every channel as it is.
fn pcm(bytes: &[u8]) -> Vec<u8> {
    let folder = tempfile::tempdir().expect("a folder");
    let (from, to) = (folder.path().join("in"), folder.path().join("out"));
    fs::write(&from, bytes).expect("a file");
    let words: [&Path; 4] = ["-i".as_ref(), &from, "-f".as_ref(), "s16le".as_ref()];
    ffmpeg(words, &to);
    fs::read(&to).expect("samples")
}

#[test]
fn stems_of_a_track_come_by_name_in_every_form() {
    let house = House::new();
    let path = format!("/tracks/{}/stems", house.track);
    let mira = &house.server.mira;
    let none = house.ask(mira, "GET", &format!("{path}/vocals.wav"), &[]);
    assert_eq!(none.status, 404);
    assert!(none.json()["detail"].as_str().is_some_and(|text| text.contains("POST")), "{}", none.text());
    assert_eq!(house.ask(mira, "GET", &path, &[]).json()["stems"], serde_json::json!([]));
    house.split(&house.track, 2);
    let listed = house.ask(mira, "GET", &path, &[]).json();
    assert_eq!(listed["engine"], "spectral", "{listed}");
    assert_eq!(listed["duration_seconds"], f64::from(SECONDS));
    let names: Vec<_> = listed["stems"].as_array().expect("stems").iter().map(|stem| &stem["name"]).collect();
    assert_eq!(names, ["vocals", "accompaniment"]);

    let [vocals, rest] = [house.stem("vocals.wav"), house.stem("accompaniment.wav")];
    let (bytes, frames) = (44 + SECONDS as usize * 44_100 * 4, SECONDS as usize * 44_100);
    assert_eq!((vocals.body.len(), rest.body.len()), (bytes, bytes));
    let part = house.ask(mira, "GET", &format!("{path}/vocals.wav"), &[("Range", "bytes=1000-1999")]);
    assert!(part.status == 206 && part.body == vocals.body[1000..2000]);
    let saved = house.stem("vocals.wav?download=1");
    assert!(saved.header("content-disposition").contains("Reed Song (vocals).wav"), "{}", saved.head());

    let all = house.stem("all.wav");
    assert_eq!(all.header("content-length"), (68 + frames * 8).to_string());
    let woven: Vec<u8> = (0..frames)
        .flat_map(|i| [&vocals.body[44 + 4 * i..48 + 4 * i], &rest.body[44 + 4 * i..48 + 4 * i]].concat())
        .collect();
    assert!(all.body[68..] == woven, "each frame has the stems side by side");
    assert!(pcm(&all.body) == woven, "ffmpeg reads the same");
    for from in [0, 50, 67, 68, 69, 75, 100_001] {
        let range = format!("bytes={from}-{}", from + 70_000);
        let part = house.ask(mira, "GET", &format!("{path}/all.wav"), &[("Range", &range)]);
        assert!(part.status == 206 && part.body == all.body[from..=from + 70_000], "{range}");
    }
    assert!(pcm(&house.stem("all.flac").body) == woven, "nothing is mixed and nothing is lost");
    assert!(pcm(&house.stem("vocals.flac").body) == vocals.body[44..]);
    for (name, kind) in [("vocals.mp3", "audio/mpeg"), ("accompaniment.opus", "audio/ogg")] {
        assert_eq!(house.stem(name).header("content-type"), kind);
        eventually("it is kept, and has ranges", WITHIN, || {
            house.ask(mira, "GET", &format!("{path}/{name}"), &[("Range", "bytes=0-99")]).status == 206
        });
    }
    for name in ["piano.wav", "all.mp3", "vocals.m4a", "..%2f..%2fmillpond.db"] {
        let answer = house.ask(mira, "GET", &format!("{path}/{name}"), &[]);
        assert_eq!(answer.status, 404, "{name}: {}", answer.text());
    }
    // The same wish again is done at once.
    let again = house.ask(mira, "POST", &format!("{path}?stems=2"), &[]);
    assert_eq!((again.status, &again.json()["status"]), (200, &serde_json::json!("completed")));

    house.split(&house.track, 4);
    let all = house.stem("all.flac");
    let stems = ["vocals", "drums", "bass", "other"].map(|name| house.stem(&format!("{name}.wav")).body);
    let woven: Vec<u8> = (0..frames)
        .flat_map(|i| stems.iter().flat_map(move |stem| stem[44 + 4 * i..48 + 4 * i].to_vec()))
        .collect();
    assert!(pcm(&all.body) == woven, "eight channels, each its own");
    let beside = house.stem("accompaniment.wav").body;
    assert!(
        sets::apart(&[&beside, &stems[0]], &[&rest.body, &vocals.body]) <= 2,
        "of one set with the vocals"
    );
}

#[test]
fn an_instrumental_is_a_song_like_any_other() {
    let house = House::new();
    assert_eq!(house.instrumentals(), None, "no song has stems: {:?}", house.folders());
    house.split(&house.track, 2);
    let id = house.instrumentals().expect("the folder");
    let rest = house.stem("accompaniment.wav").body;
    let server = &house.server;
    let folder = format!("musicFolderId={id}");
    let found = server.subsonic("getAlbumList2", &format!("type=newest&{folder}"));
    let album = &found["albumList2"]["album"][0];
    assert_eq!(
        (&album["name"], &album["songCount"]),
        (&"Reeds (Instrumentals)".into(), &1.into()),
        "{found}"
    );
    let found = server.subsonic("getAlbum", &format!("id={}", album["id"].as_str().expect("an id")));
    let song = &found["album"]["song"][0];
    assert_eq!((&song["title"], &song["artist"]), (&"Reed Song (Instrumental)".into(), &"Ben Reed".into()));
    assert_eq!((&song["duration"], &song["suffix"]), (&SECONDS.into(), &"wav".into()), "{song}");
    let song = song["id"].as_str().expect("an id").to_owned();
    for (endpoint, query, at) in [
        ("getIndexes", folder.clone(), "/indexes/index/0/artist/0/name"),
        ("getArtists", folder.clone(), "/artists/index/0/artist/0/name"),
        ("getMusicDirectory", format!("id={id}"), "/directory/child/0/title"),
    ] {
        let found = server.subsonic(endpoint, &query);
        assert_eq!(found.pointer(at), Some(&"Ben Reed".into()), "{endpoint}: {found}");
    }
    let found = server.subsonic("search3", &format!("query=reed&{folder}"));
    let songs = found["searchResult3"]["song"].as_array().expect("songs").clone();
    assert_eq!((songs.len(), &songs[0]["id"]), (1, &song.as_str().into()), "{found}");
    let found = server.subsonic("search3", "query=instrumental");
    assert_eq!(found["searchResult3"]["song"][0]["id"], song.as_str(), "it is found without a folder too");
    let songs =
        server.subsonic("search3", "query=reed+song")["searchResult3"]["song"].as_array().map(Vec::len);
    assert_eq!(songs, Some(2), "beside the song itself");

    let key = server.mira.by_key();
    let stream = format!("/rest/stream?id={song}&{key}");
    assert!(server.get(&stream, &[]).body == rest);
    let part = server.get(&stream, &[("Range", "bytes=44-143")]);
    assert!(part.status == 206 && part.body == rest[44..144]);
    let saved = server.get(&format!("/rest/download?id={song}&{key}"), &[]);
    assert!(
        saved.body == rest && saved.header("content-disposition").contains("Reed Song (Instrumental).wav")
    );
    let made = server.get(&format!("{stream}&format=mp3&maxBitRate=96"), &[]);
    assert_eq!((made.status, made.header("content-type")), (200, "audio/mpeg"), "{}", made.text());
    let list = server.get(&format!("/rest/hls.m3u8?id={song}&{key}"), &[]);
    assert!(list.status == 200 && list.text().starts_with("#EXTM3U"), "{}", list.text());
    let played = server.subsonic("star", &format!("id={song}"));
    assert_eq!(played["status"], "ok");
    assert!(house.ask(&server.mira, "GET", &format!("/tracks/{song}/audio"), &[]).body == rest);
    // It has no instrumental of its own.
    house.split(&song, 2);
    assert_eq!(
        server.subsonic("getAlbumList2", &format!("type=newest&{folder}"))["albumList2"]["album"][0]["songCount"],
        1
    );
}

#[test]
fn p08_who_does_not_see_the_song_does_not_see_its_instrumental() {
    let house = House::new();
    house.split(&house.track, 2);
    let server = &house.server;
    let talks = house.folders().into_iter().find(|(_, name)| name == "talks").expect("a library").0;
    let made = server.subsonic(
        "createUser",
        &format!("username=tom&password=a+pond+of+toms&email=t&musicFolderId={talks}"),
    );
    assert_eq!(made["status"], "ok", "{made}");
    let by_tom = |endpoint: &str, query: &str| {
        let target = format!("/rest/{endpoint}?u=tom&p=a+pond+of+toms&v=1.16.1&c=tests&f=json&{query}");
        server.get(&target, &[]).json()["subsonic-response"].clone()
    };
    let id = house.instrumentals().expect("the folder");
    let folders = by_tom("getMusicFolders", "");
    assert_eq!(folders["musicFolders"]["musicFolder"].as_array().map(Vec::len), Some(1), "{folders}");
    for query in [
        "query=instrumental".to_owned(),
        format!("query=&musicFolderId={id}"),
        format!("query=&musicFolderId={}", id - 2),
    ] {
        let found = by_tom("search3", &query);
        assert_eq!(found["searchResult3"]["song"].as_array().map_or(0, Vec::len), 0, "{query}: {found}");
    }
    let song = server.track("Reed Song (Instrumental)");
    assert_eq!(by_tom("getSong", &format!("id={song}"))["error"]["code"], 70);
    // The folder is nothing that can be given to anybody, nor taken away.
    let given =
        server.subsonic("updateUser", &format!("username=tom&musicFolderId={talks}&musicFolderId={id}"));
    assert!(
        given["status"] == "failed" || by_tom("getSong", &format!("id={song}"))["error"]["code"] == 70,
        "{given}"
    );
}

#[test]
fn p08_what_somebody_sent_has_an_instrumental_for_him_whatever_libraries_he_sees() {
    let house = House::new();
    let server = &house.server;
    let tom = server.add_user("tom", &[]);
    let talks = house.folders().into_iter().find(|(_, name)| name == "talks").expect("a library").0;
    let given = server.subsonic("updateUser", &format!("username=tom&uploadRole=true&musicFolderId={talks}"));
    assert_eq!(given["status"], "ok", "{given}");
    let sent = server.send(
        "PUT",
        "/uploads?filename=Tide.wav",
        &[("Authorization", &tom.bearer())],
        &sound::wav(1, 60_000),
    );
    assert_eq!(sent.status, 201, "{}", sent.text());
    let by = |who: &Login, endpoint: &str, query: &str| {
        let answer = server.get(&format!("/rest/{endpoint}?{query}&{}", who.by_key()), &[]);
        answer.json()["subsonic-response"].clone()
    };
    let found = |who: &Login, query: &str| {
        let found = by(who, "search3", query);
        let songs = found["searchResult3"]["song"].as_array().cloned().unwrap_or_default();
        songs.iter().map(|song| song["id"].as_str().expect("an id").to_owned()).collect::<Vec<_>>()
    };
    let song = found(&tom, "query=tide").pop().expect("what he sent");
    house.split_by(&tom, &song, 2);
    let folders = by(&tom, "getMusicFolders", "");
    let folders = folders["musicFolders"]["musicFolder"].as_array().cloned().unwrap_or_default();
    let id =
        folders.iter().find(|folder| folder["name"] == "Instrumentals").expect("the folder")["id"].clone();
    let instrumental = found(&tom, &format!("query=tide&musicFolderId={id}"));
    assert!(instrumental.len() == 1 && instrumental[0] != song, "{instrumental:?}");
    let played = server.get(&format!("/rest/stream?id={}&{}", instrumental[0], tom.by_key()), &[]);
    assert!(played.status == 200 && played.body.len() > 44, "{}", played.head());
    // Whom the song is for is said of the song, and then its instrumental is for him alone too.
    let hide = |track: &str| {
        let fields = [("Content-Type", "application/json"), ("Authorization", &*tom.bearer())];
        server.send("PATCH", &format!("/tracks/{track}"), &fields, br#"{"visibility":"private"}"#).status
    };
    assert_eq!(hide(&instrumental[0]), 403);
    assert_eq!(found(&server.mira, "query=tide").len(), 2, "she sees all libraries");
    assert_eq!(hide(&song), 200);
    assert_eq!((found(&server.mira, "query=tide").len(), found(&tom, "query=tide").len()), (0, 2));
}

#[test]
fn an_instrumental_follows_its_song() {
    let house = House::new();
    house.split(&house.track, 2);
    let server = &house.server;
    let song = server.track("Reed Song (Instrumental)");
    let rest = house.stem("accompaniment.wav").body;
    let fields = [("Content-Type", "application/json"), ("Authorization", &server.admin.bearer())];
    let renamed =
        server.send("PATCH", &format!("/tracks/{}", house.track), &fields, br#"{"title":"Rush Song"}"#);
    assert_eq!(renamed.status, 200, "{}", renamed.text());
    assert_eq!(server.track("Rush Song (Instrumental)"), song, "it has its new name and its old id");
    let library = house.folder.path().join("songs");
    fs::rename(library.join(format!("{TITLE}.flac")), house.folder.path().join("away.flac")).expect("a move");
    let scan = || server.send("POST", "/scan", &[("Authorization", &server.admin.bearer())], b"").status;
    assert_eq!(scan(), 202);
    eventually("both are gone", WITHIN, || {
        server.subsonic("search3", "query=rush")["searchResult3"]["song"].as_array().map_or(0, Vec::len) == 0
            && house.instrumentals().is_none()
    });
    fs::rename(house.folder.path().join("away.flac"), library.join(format!("{TITLE}.flac"))).expect("a move");
    assert_eq!(scan(), 202);
    eventually("both are there again", WITHIN, || {
        server.subsonic("search3", "query=rush")["searchResult3"]["song"].as_array().map_or(0, Vec::len) == 2
    });
    assert_eq!(server.track("Rush Song (Instrumental)"), song, "it is the same song");
    let played = server.get(&format!("/rest/stream?id={song}&{}", server.mira.by_key()), &[]);
    assert!(played.body == rest, "{}", played.head());
}

#[test]
fn stems_that_were_put_out_of_the_cache_are_not_listed() {
    let house = House::new();
    house.split(&house.track, 2);
    assert!(house.instrumentals().is_some());
    let fields = [("Content-Type", "application/json"), ("Authorization", &house.server.admin.bearer())];
    let purged = house.server.send("POST", "/cdn/purge", &fields, br#"{"all":true}"#);
    assert_eq!(purged.status, 200, "{}", purged.text());
    let listed = house.ask(&house.server.mira, "GET", &format!("/tracks/{}/stems", house.track), &[]);
    assert_eq!(listed.json()["stems"], serde_json::json!([]), "{}", listed.text());
    house.split(&house.track, 2);
    assert_eq!(house.server.send("POST", "/cdn/purge", &fields, br#"{"all":true}"#).status, 200);
    // Nobody asks for the stems, and the folder goes all the same.
    eventually("the folder is gone", Duration::from_secs(60), || house.instrumentals().is_none());
}

#[test]
fn py_opensonic_finds_the_folder_and_plays_an_instrumental_whole() {
    let house = House::new();
    house.split(&house.track, 2);
    let path = house.folder.path().join("accompaniment.wav");
    fs::write(&path, house.stem("accompaniment.wav").body).expect("a file");
    let mira = &house.server.mira;
    let script = clients::script("instrumental.py");
    let words = [
        script.to_str().expect("UTF-8"),
        &house.server.address.to_string(),
        &mira.name,
        &mira.app_password,
        path.to_str().expect("UTF-8"),
    ];
    let output = clients::run(clients::venv_python(), &words, Duration::from_secs(60));
    let (said, erred) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && said.ends_with("done\n"), "{said}\n{erred}");
}
