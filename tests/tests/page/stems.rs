//! Songs are taken apart, and their stems mixed.

use serde_json::{Value, json};
use tempfile::TempDir;
use tests::media::{noise, video};
use tests::{Library, Options, Server, eventually};

use super::{CONFIG, WITHIN, play};

/// The loudest sample of what is heard, and of what is not.
const HEARD: f64 = 0.01;
const SILENT: f64 = 0.000_1;

/// These stems were heard one by one, each without the others.
fn heard_alone(stems: &Value, names: &[&str]) {
    let stems = stems.as_array().expect("stems");
    assert_eq!(stems.iter().map(|stem| &stem["name"]).collect::<Vec<_>>(), names, "{stems:?}");
    for stem in stems {
        assert!(stem["heard"].as_f64() > Some(HEARD) && stem["others"].as_f64() < Some(SILENT), "{stem}");
    }
}

/// Has a song taken apart by the page, and hears each of its stems alone.
fn apart(server: &Server, engine: &str, names: &[&str]) {
    let track = server.track("Apart");
    let more = json!({ "track": track, "engine": engine, "count": names.len().to_string() });
    let seen = play(server.address, &server.mira, "stems", more);
    assert!(seen["all"].as_f64() > Some(HEARD), "{seen}");
    assert_eq!(seen["names"], json!(names), "{seen}");
    heard_alone(&seen["stems"], names);
    assert!(seen["off"].as_f64() < Some(SILENT) && seen["half"].as_f64() > Some(SILENT), "{seen}");
    assert!(seen["half"].as_f64() < seen["all"].as_f64().map(|level| 0.75 * level), "{seen}");
    assert_eq!(seen["zip"], "PK\u{3}\u{4}", "{seen}");
    assert!(seen["by"].as_str().is_some_and(|text| text.contains(engine)), "{seen}");
}

/// A library with a song of so many seconds.
fn song(seconds: u32) -> (TempDir, Server) {
    let folder = tempfile::tempdir().expect("a folder");
    noise(&folder.path().join("Apart.wav"), seconds);
    let libraries = vec![folder.path().to_owned()];
    let server = Server::start(&Options { libraries, tracks: 1, ..Options::default() }.config(CONFIG));
    (folder, server)
}

#[test]
fn a_song_is_taken_apart_and_each_part_is_heard_alone() {
    let (_folder, server) = song(20);
    apart(&server, "spectral", &["vocals", "accompaniment"]);
}

#[test]
fn stems_and_videos_that_are_refused_say_why_in_words_and_go_on() {
    const WORDS: &str = "you have enough under way";
    const GONE: &str = "there is nothing of that name";
    let folder = tempfile::tempdir().expect("a folder");
    noise(&folder.path().join("Apart.wav"), 5);
    video(&folder.path().join("Moving.mp4"), "640x360", 20, &[]);
    let libraries = vec![folder.path().to_owned()];
    let server = Server::start(&Options { libraries, tracks: 2, ..Options::default() }.config(CONFIG));
    let (video, bearer) = (server.track("Moving"), server.mira.bearer());
    eventually("somebody has looked at it", WITHIN, || {
        server.get(&format!("/videos/{video}"), &[("Authorization", &bearer)]).json()["look"] == "told"
    });
    let more = json!({ "track": server.track("Apart"), "video": video, "words": WORDS, "gone": GONE });
    let seen = play(server.address, &server.mira, "refused", more);
    let waits = "You have enough under way; this goes on by itself in 1 s";
    let wordless = "It is not there any more: it may have been removed, or made anew. Try again";
    assert_eq!(
        (&seen["waits"], &seen["screen_waits"]),
        (&json!(format!("{waits}.")), &json!(waits)),
        "{seen}"
    );
    let gone = json!("There is nothing of that name. Try again");
    assert_eq!((&seen["gone"], &seen["screen_gone"]), (&gone, &gone), "{seen}");
    assert_eq!(seen["wordless"], wordless, "{seen}");
}

#[test]
fn a_song_that_was_taken_apart_is_taken_apart_into_more() {
    let folder = tempfile::tempdir().expect("a folder");
    noise(&folder.path().join("Apart.wav"), 20);
    noise(&folder.path().join("Long.wav"), 600);
    let libraries = vec![folder.path().to_owned()];
    let server = Server::start(&Options { libraries, tracks: 2, ..Options::default() }.config(CONFIG));
    let (track, long) = (server.track("Apart"), server.track("Long"));
    let more = json!({ "track": track, "counts": ["2", "4"], "long": long, "name_of_long": "Long" });
    let seen = play(server.address, &server.mira, "again", more);
    heard_alone(&seen["sets"][0], &["vocals", "accompaniment"]);
    heard_alone(&seen["sets"][1], &["vocals", "drums", "bass", "other"]);
    assert_eq!(seen["mixers"], 0, "nothing is left of what was cancelled: {seen}");
}

#[test]
fn one_connection_tells_of_uploads_and_of_songs_taken_apart() {
    let (_folder, server) = song(20);
    let sent = tempfile::tempdir().expect("a folder");
    let files = ["One.wav", "Two.wav"].map(|name| sent.path().join(name));
    for (seconds, file) in (11..).zip(&files) {
        noise(file, seconds);
    }
    let more = json!({ "track": server.track("Apart"), "files": files });
    let seen = play(server.address, &server.mira, "together", more);
    assert_eq!(seen, json!({ "streams": 1, "kept": 2 }));
}

#[test]
fn a_song_is_taken_apart_into_five_by_a_model() {
    let (_folder, server) = song(10);
    // As wide as it need be for this; Spleeter itself made it with random numbers.
    let model = xtask::files::workspace().join("core/stems/tests/data/5stems");
    let added = server.command(&["models", "add", "spleeter:5stems", &model.to_string_lossy()], "");
    assert!(added.status.success(), "{added:?}");
    apart(&server, "spleeter", &["vocals", "drums", "bass", "piano", "other"]);
}

#[test]
fn five_stems_are_heard_one_by_one() {
    let library = Library::small();
    let server = Server::start(&Options::library(&library));
    let track = server.track("First Ripple");
    let seen = play(server.address, &server.mira, "five", json!({ "track": track }));
    assert_eq!(seen["heard"], json!(["1", "2", "3", "4", "5"]), "{seen}");
}
