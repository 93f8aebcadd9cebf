//! What is pressed rarely: secrets of one's own, and what admins do with people and with the server.

use std::fs;

use serde_json::json;
use tests::{Library, Options, Server, sound};

use super::{LONG, Music, SCRIPT, play};

#[test]
fn secrets_are_shown_once_and_open_the_door_until_they_are_taken_back() {
    let server = Server::start(&Options::library(&Library::small()));
    let seen = play(server.address, &server.mira, "secrets", json!({}));
    assert!(seen["app"]["words"].as_str().is_some_and(|words| words.contains(&server.mira.name)), "{seen}");
    assert_eq!((&seen["app"]["opened"], &seen["app"]["shut"]), (&json!("ok"), &json!("failed")), "{seen}");
    assert_eq!((&seen["key"]["opened"], &seen["key"]["shut"]), (&json!(200), &json!(401)), "{seen}");
    for kind in ["app", "key"] {
        assert_eq!(seen[kind]["again"], 0, "it is shown once: {seen}");
    }
}

#[test]
fn somebody_is_added_and_gets_another_password_and_is_removed() {
    let server = Server::start(&Options::default());
    let passwords = ["a pond at first", "a pond at last"];
    let more =
        json!({ "user": "Newcomer", "password_at_first": passwords[0], "password_later": passwords[1] });
    let seen = play(server.address, &server.admin, "staff", more);
    assert_eq!(seen["left"], 2, "those of before are left: {seen}");
}

#[test]
fn a_scan_is_begun_the_cache_is_purged_and_a_stream_is_stopped() {
    let music = Music::new();
    let server = music.serve();
    let made = format!("/media/{}/audio.mp3?bitrate=96k", server.track(SCRIPT));
    let bearer = server.admin.bearer();
    assert_eq!(server.get(&made, &[("Authorization", &bearer)]).status, 200);
    fs::write(music.folder.path().join("Added.wav"), sound::wav(8, 200_000)).expect("a file");
    let listener = json!({ "name": server.mira.name, "password": server.mira.password });
    let more = json!({ "long": LONG, "added": "Added", "listener": listener });
    let seen = play(server.address, &server.admin, "tends", more);
    assert_eq!(seen["kept"], 0, "there is something to purge: {seen}");
    assert!(seen["freed"].as_str().is_some_and(|words| words.starts_with("1 file went")), "{seen}");
}
