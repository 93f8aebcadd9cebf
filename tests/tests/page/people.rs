//! What people see of themselves and of each other.

use std::fs;

use serde_json::json;
use tests::tus::{Tus, metadata};
use tests::{Library, Options, Server};

use super::{CONFIG, LONG, Music, play};

#[test]
fn a_new_password_ends_the_other_session() {
    let server = Server::start(&Options::library(&Library::small()));
    let seen = play(server.address, &server.mira, "password", json!({ "renewed": "another pond of mine" }));
    assert_eq!(seen["mine"], server.mira.name, "its own window goes on: {seen}");
}

#[test]
fn what_somebody_has_going_on_is_shown_and_stopped() {
    let music = Music::new();
    let server = music.serve();
    let admin = json!({ "name": server.admin.name, "password": server.admin.password });
    let seen = play(server.address, &server.mira, "goings", json!({ "long": LONG, "admin": admin }));
    let (mine, all) = (seen["mine"].as_str().expect("a text"), seen["seen"].as_str().expect("a text"));
    assert!(mine.contains("Slow.wav") && mine.contains("waits for its sender"), "{seen}");
    assert!(all.contains("Slow.wav") && all.contains(&server.mira.name), "{seen}");
}

#[test]
fn what_somebody_sees_is_chosen_box_by_box() {
    let folder = tempfile::tempdir().expect("a folder");
    let names = ["Brook", "Lake"];
    let libraries: Vec<_> = names.iter().map(|name| folder.path().join(name)).collect();
    for library in &libraries {
        fs::create_dir(library).expect("a folder");
    }
    let server = Server::start(&Options { libraries, ..Options::default() }.config(CONFIG));
    let more = json!({ "user": server.mira.name, "libraries": names });
    let seen = play(server.address, &server.admin, "chooses", more);
    assert_eq!(seen["seen"].as_array().map(Vec::len), Some(names.len()), "no choice is lost: {seen}");
    assert_eq!(
        seen["names"],
        json!(["All, also those that come later", "Brook", "Lake", "Uploads"]),
        "{seen}"
    );
}

#[test]
fn stars_are_those_of_whoever_is_there_now() {
    let music = Music::new();
    let server = music.serve();
    let other = json!({ "name": server.admin.name, "password": server.admin.password });
    let more = json!({ "song": LONG, "song_id": server.track(LONG), "other": other });
    let seen = play(server.address, &server.mira, "stars", more);
    assert_eq!((&seen["mine"], &seen["other"]), (&json!("true"), &json!("false")), "{seen}");
}

#[test]
fn long_lists_of_what_goes_on_are_turned() {
    const MANY: usize = 120;
    let config = format!("{CONFIG}[limits]\nuploads_per_user = {MANY}\n");
    let server = Server::start(&Options::default().config(&config));
    let mira = Tus::of(&server, &server.mira);
    let names: Vec<String> = (0..MANY).map(|number| format!("Slow {number:03}.wav")).collect();
    for name in &names {
        let begun = mira.create(Some(1_000), &metadata(&[("filename", name)]), &[]).expect("an answer");
        assert_eq!(begun.status, 201, "{}", begun.text());
    }
    // Her own, and then everybody's, which is one less.
    for (who, view, places) in [(&server.mira, "account", [120, 119]), (&server.admin, "server", [119, 118])]
    {
        let [of, fewer] = places;
        let more = json!({ "view": view, "fewer": format!("101 to {fewer} of {fewer}"),
            "places": [format!("1 to 50 of {of}"), format!("51 to 100 of {of}"), format!("101 to {of} of {of}")] });
        let seen = play(server.address, who, "turned", more);
        let mut seen: Vec<String> = serde_json::from_value(seen["seen"].clone()).expect("names");
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen.len(), of, "each is on one page: {seen:?}");
    }
}
