//! Videos of the catalog from outside: what a look at each told, when it looks again, and what every face says of it.

#![allow(clippy::expect_used, clippy::panic, reason = "a test says what it found by failing")]
#![allow(clippy::disallowed_methods, reason = "a test reads small files of its own whole")]

use std::path::Path;
use std::time::Duration;

use serde_json::Value;
use tests::media::{ffmpeg, seen};
use tests::{Login, Options, Server, eventually};

/// Long enough for a child on a machine that has other things to do.
const LOOKED: Duration = Duration::from_secs(60);

/// A film with sound in two languages, of which players show the frames turned.
fn film(folder: &Path, name: &str, size: &str) {
    let upright = folder.join("upright.mp4");
    let words = format!(
        "-f lavfi -i testsrc2=size={size}:rate=30000/1001:duration=2 -f lavfi -i sine=duration=2:sample_rate=48000 \
         -map 0 -map 1 -map 1 -c:v libx264 -preset ultrafast -pix_fmt yuv420p -c:a aac -ac:a:0 1 -ac:a:1 2 \
         -metadata:s:a:0 language=deu -metadata:s:a:1 language=eng"
    );
    ffmpeg(words.split_whitespace(), &upright);
    let turned = format!("-i {} -map 0 -c copy -metadata:s:v:0 rotate=90", upright.display());
    ffmpeg(turned.split_whitespace(), &folder.join(name));
    std::fs::remove_file(upright).expect("it is removed");
}

/// A film whose frames need a decoder of the nineties.
fn old_film(folder: &Path, name: &str) {
    let words = "-f lavfi -i testsrc2=size=64x48:rate=25:duration=0.5 -c:v cinepak";
    ffmpeg(words.split_whitespace(), &folder.join(name));
}

fn ask(server: &Server, login: &Login, target: &str) -> Value {
    let answer = server.get(target, &[("Authorization", &login.bearer())]);
    assert_eq!(answer.status, 200, "{target}: {}", answer.text());
    answer.json()
}

/// Codec and size of the cover of a video.
fn poster(server: &Server, id: &str, size: &str) -> String {
    let answer = server.get(&format!("/rest/getCoverArt?id={id}{size}&{}", server.mira.by_key()), &[]);
    assert_eq!((answer.status, answer.header("content-type")), (200, "image/jpeg"), "{}", answer.text());
    seen(&answer.body)
}

/// The video of that title in the list, once somebody looked at it.
fn looked_at(server: &Server, title: &str) -> Value {
    let mut found = Value::Null;
    eventually(&format!("{title} is looked at"), LOOKED, || {
        let listed = ask(server, &server.mira, "/videos");
        let rows = listed["tracks"].as_array().cloned().unwrap_or_default();
        found = rows.into_iter().find(|row| row["title"] == title).unwrap_or_default();
        found["look"].as_str().is_some_and(|look| look != "coming")
    });
    found
}

fn scan(server: &Server) {
    let answer = server.send("POST", "/scan", &[("Authorization", &server.admin.bearer())], b"");
    assert_eq!(answer.status, 202, "{}", answer.text());
}

#[test]
fn a_video_is_told_as_it_is_shown_in_every_face() {
    let folder = tempfile::tempdir().expect("a folder");
    film(folder.path(), "film.mp4", "320x180");
    old_film(folder.path(), "old.mov");
    let options = Options { libraries: vec![folder.path().into()], tracks: 2, ..Options::default() };
    let server = Server::start(&options);
    let film = looked_at(&server, "film");
    let of = |name: &str| film[name].clone();
    assert_eq!((of("look"), of("width"), of("height")), ("told".into(), 180.into(), 320.into()), "{film}");
    assert_eq!((of("fps"), of("video_codec")), (29.97.into(), "h264".into()), "{film}");
    assert!(film["duration_ms"].as_u64().is_some_and(|ms| ms.abs_diff(2_000) < 100), "{film}");
    let sounds: Vec<_> = (0..2).map(|at| film["audio_tracks"][at].clone()).collect();
    assert_eq!((&sounds[0]["language"], &sounds[0]["channels"]), (&"deu".into(), &1.into()), "{film}");
    assert_eq!((&sounds[1]["language"], &sounds[1]["codec"]), (&"eng".into(), &"aac".into()), "{film}");
    let old = looked_at(&server, "old");
    assert_eq!(old["look"], "unreadable", "{old}");
    assert!(old["unreadable"].as_str().is_some_and(|why| why.contains("cinepak")), "by name: {old}");

    let id = film["id"].as_str().expect("an id").to_owned();
    let one = ask(&server, &server.mira, &format!("/videos/{id}"));
    assert_eq!((&one["width"], &one["audio_tracks"]), (&film["width"], &film["audio_tracks"]));
    let renditions = &one["renditions"];
    assert_eq!(renditions["ladder"][0]["width"], 160, "no step is larger than the video: {renditions}");
    assert_eq!(renditions["ladder"].as_array().map(Vec::len), Some(1), "{renditions}");
    let path = |name: &Value| {
        let url = name.as_str().expect("an address");
        url[url.find("/media").or_else(|| url.find("/tracks")).expect("a path")..].to_owned()
    };
    for (address, content_type) in [
        (path(&renditions["poster"]), "image/jpeg"),
        (path(&renditions["sprite"]), "text/vtt"),
        (path(&renditions["hls"]), "application/vnd.apple.mpegurl"),
        (path(&renditions["ladder"][0]["url"]), "video/mp4"),
    ] {
        let answer = server.get(&address, &[("Authorization", &server.mira.bearer())]);
        let is_so = answer.status == 200 && answer.header("content-type").starts_with(content_type);
        assert!(
            is_so,
            "{address}: {} {}",
            answer.head(),
            answer.text().chars().take(300).collect::<String>()
        );
    }

    let videos = server.subsonic("getVideos", "");
    let rows = videos["videos"]["video"].as_array().expect("a list");
    let child = rows.iter().find(|row| row["id"] == *id).expect("the film");
    assert_eq!((&child["originalWidth"], &child["originalHeight"]), (&180.into(), &320.into()), "{child}");
    assert_eq!((&child["duration"], &child["isVideo"]), (&2.into(), &true.into()), "{child}");
    assert!(child["bitRate"].as_u64().is_some_and(|kbps| kbps > 0), "{child}");
    // It has no picture of its own, so it shows a frame, turned as it is watched.
    let (small, usual) = (poster(&server, &id, "&size=60"), poster(&server, &id, ""));
    assert_eq!((small.as_str(), usual.as_str()), ("mjpeg,44,80", "mjpeg,180,320"));
    let info = server.subsonic("getVideoInfo", &format!("id={id}"));
    let tracks = &info["videoInfo"]["audioTrack"];
    assert_eq!((&tracks[1]["languageCode"], &tracks[1]["id"]), (&"eng".into(), &"2".into()), "{info}");
}

#[test]
fn p08_who_does_not_see_a_video_is_not_told_that_there_is_one() {
    let folder = tempfile::tempdir().expect("a folder");
    let libraries = ["films", "songs"].map(|name| folder.path().join(name));
    libraries.iter().for_each(|library| std::fs::create_dir(library).expect("a folder"));
    film(&libraries[0], "film.mp4", "320x180");
    let options = Options { libraries: libraries.into(), tracks: 1, ..Options::default() };
    let server = Server::start(&options);
    let id = looked_at(&server, "film")["id"].as_str().expect("an id").to_owned();
    let blind = server.add_user("noor", &[]);
    let changed = server.command(&["user", "change", "noor", "--see", "songs"], "");
    assert!(changed.status.success(), "{}", String::from_utf8_lossy(&changed.stderr));
    assert_eq!(ask(&server, &blind, "/videos")["tracks"], Value::Array(Vec::new()));
    for target in [format!("/videos/{id}"), format!("/tracks/{id}/cover"), format!("/media/{id}/frame.jpg")] {
        let answer = server.get(&target, &[("Authorization", &blind.bearer())]);
        assert_eq!(answer.status, 404, "{target}: {}", answer.text());
    }
    for endpoint in ["getVideoInfo", "getCoverArt"] {
        let answer = server.get(&format!("/rest/{endpoint}?id={id}&{}", blind.by_key()), &[]);
        let said = &answer.json()["subsonic-response"]["error"]["code"];
        assert_eq!(*said, 70, "{endpoint}: {}", answer.text());
    }
    assert_eq!(server.get(&format!("/videos/{id}"), &[]).status, 401);
}

#[test]
fn a_file_that_changed_is_looked_at_again_and_no_other() {
    let folder = tempfile::tempdir().expect("a folder");
    film(folder.path(), "film.mp4", "320x180");
    old_film(folder.path(), "old.mov");
    let options = Options { libraries: vec![folder.path().into()], tracks: 2, ..Options::default() };
    let server = Server::start(&options);
    assert_eq!(looked_at(&server, "film")["width"], 180);
    let old = looked_at(&server, "old")["id"].as_str().expect("an id").to_owned();
    let tries = || {
        let output = server.output();
        let of_it = |line: &&str| line.contains("a video cannot be read") && line.contains(&old);
        output.lines().filter(of_it).count()
    };
    // The list tells of a look before the log does.
    eventually("the log tells of it", LOOKED, || tries() >= 1);
    assert_eq!(tries(), 1, "{}", server.output());
    film(folder.path(), "film.mp4", "640x360");
    scan(&server);
    eventually("the new film is told", LOOKED, || looked_at(&server, "film")["width"] == 360);
    old_film(folder.path(), "old.mov");
    scan(&server);
    eventually("it is tried again when it changed", LOOKED, || tries() >= 2);
    assert_eq!(tries(), 2, "what cannot be read is not tried again with others: {}", server.output());
}

#[test]
fn p03_looks_go_on_after_a_restart_and_need_an_ffmpeg() {
    let folder = tempfile::tempdir().expect("a folder");
    for n in 0..6 {
        film(folder.path(), &format!("film{n}.mp4"), "320x180");
    }
    let without = "[transform]\nffmpeg = \"/nowhere/ffmpeg\"\n";
    let options = Options { libraries: vec![folder.path().into()], tracks: 6, ..Options::default() };
    let mut server = Server::start(&options.clone().config(without));
    // What the front of the file says is known without it.
    let listed = ask(&server, &server.mira, "/videos");
    for row in listed["tracks"].as_array().expect("a list") {
        assert_eq!((&row["look"], &row["width"]), (&"coming".into(), &Value::Null), "{row}");
        assert!(row["duration_ms"].as_u64().is_some_and(|ms| ms > 0), "{row}");
    }
    let cover = format!(
        "/rest/getCoverArt?id={}&{}",
        listed["tracks"][0]["id"].as_str().expect("an id"),
        server.mira.by_key()
    );
    assert_eq!(server.get(&cover, &[]).json()["subsonic-response"]["error"]["code"], 70);
    server.stop();
    let options = Options { libraries: options.libraries, ..Options::on(&server).config("") };
    let mut again = Server::start(&options);
    looked_at(&again, "film0");
    again.kill();
    let last = Server::start(&options);
    for n in 0..6 {
        assert_eq!(looked_at(&last, &format!("film{n}"))["width"], 180, "film{n}");
    }
}

#[test]
fn an_upload_is_looked_at_too() {
    let folder = tempfile::tempdir().expect("a folder");
    film(folder.path(), "sent.mp4", "640x360");
    let server = Server::start(&Options::default());
    let bytes = std::fs::read(folder.path().join("sent.mp4")).expect("the film");
    let answer =
        server.send("PUT", "/uploads?filename=sent.mp4", &[("Authorization", &server.mira.bearer())], &bytes);
    assert_eq!(answer.status, 201, "{}", answer.text());
    let sent = looked_at(&server, "sent");
    assert_eq!((&sent["width"], &sent["height"]), (&360.into(), &640.into()), "{sent}");
}
