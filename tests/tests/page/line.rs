//! What happens between windows and the server: many windows, proxies that answer in the server's place, and what others do.

use serde_json::{Value, json};
use tests::media::{noise, video};
use tests::tus::{Tus, metadata};
use tests::{Options, Server, eventually, sound};

use super::{CONFIG, WITHIN, play};

/// A library with two songs and, if it is wanted, a video at which somebody has looked.
fn library(with_video: bool) -> (tempfile::TempDir, Server, Value) {
    let folder = tempfile::tempdir().expect("a folder");
    let names = ["One", "Two"];
    for name in names {
        noise(&folder.path().join(format!("{name}.wav")), 30);
    }
    if with_video {
        video(&folder.path().join("Moving.mp4"), "640x360", 4, &[]);
    }
    let (libraries, tracks) = (vec![folder.path().to_owned()], names.len() + usize::from(with_video));
    let server = Server::start(&Options { libraries, tracks, ..Options::default() }.config(CONFIG));
    let songs = names.map(|name| json!({ "name": name, "id": server.track(name) }));
    let admin = json!({ "name": server.admin.name, "password": server.admin.password });
    (folder, server, json!({ "songs": songs, "admin": admin }))
}

#[test]
fn all_windows_of_a_browser_share_one_connection_and_none_goes_unanswered() {
    let server = Server::start(&Options::default().config(CONFIG));
    let seen = play(server.address, &server.mira, "windows", json!({}));
    assert_eq!(seen["answered"], json!([200, 200, 200, 200, 200, 200, 200]), "{seen}");
    assert_eq!((&seen["events"], &seen["after"]), (&json!(1), &json!(1)), "{seen}");
}

#[test]
fn what_a_proxy_says_in_the_place_of_the_server_is_no_answer() {
    let (_folder, server, mut more) = library(true);
    let id = server.track("Moving");
    let (bearer, target) = (server.mira.bearer(), format!("/videos/{id}"));
    eventually("somebody has looked at it", WITHIN, || {
        server.get(&target, &[("Authorization", &bearer)]).json()["look"] == "told"
    });
    let album = server.get(&format!("/tracks/{}", server.track("One")), &[("Authorization", &bearer)]).json();
    more["video"] = json!(id);
    more["album"] = album["album"].clone();
    let seen = play(server.address, &server.mira, "gateway", more);
    assert_eq!(seen["came"], json!(["videos", "video", "stems"]), "{seen}");
}

#[test]
fn an_upload_outlasts_a_proxy_that_does_not_reach_the_server() {
    const REFUSALS: u64 = 20;
    let server = Server::start(&Options::default().config(CONFIG));
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("Sent.wav");
    noise(&file, 3);
    let seen = play(server.address, &server.mira, "outage", json!({ "file": file, "refusals": REFUSALS }));
    assert_eq!((&seen["refused"], &seen["begun"]), (&json!(REFUSALS), &json!(1)), "{seen}");
}

#[test]
fn what_another_window_sends_is_shown_as_its_own_and_taken_up_when_it_is_gone() {
    let server = Server::start(&Options::default().config(CONFIG));
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("Plain.wav");
    // So long that on a slow machine too its window is gone before all of it is sent.
    noise(&file, 200);
    let seen = play(server.address, &server.mira, "elsewhere", json!({ "file": file }));
    assert_eq!(seen["seen"], json!([1, 0, 1]), "{seen}");
}

#[test]
fn what_others_do_is_told() {
    let (_folder, server, mut more) = library(false);
    let sent = tempfile::tempdir().expect("a folder");
    let file = sent.path().join("Moving.mp4");
    video(&file, "640x360", 4, &[]);
    more["video"] = json!(file);
    let seen = play(server.address, &server.mira, "others", more);
    assert_eq!(seen["streams"], 2, "one for each browser: {seen}");
    assert_eq!(seen["mixed"], json!([2, true]), "a mix goes on when others have made newer stems: {seen}");
}

#[test]
fn only_what_is_asked_again_says_so_and_a_telephone_says_that_the_server_is_gone() {
    let (_folder, server, more) = library(false);
    let seen = play(server.address, &server.admin, "hints", more);
    let pressed = "The server cannot be reached: try again when it is back";
    assert_eq!(seen["pressed"], json!([pressed, pressed]), "{seen}");
    let read = seen["read"].as_object().expect("readings");
    assert_eq!(read.len(), 6, "{seen}");
    for (what, words) in read {
        assert_eq!(words, "The server cannot be reached: this comes when it is back.", "{what}: {seen}");
    }
    assert_eq!((&seen["top"], &seen["jump"]), (&json!(0), &json!(0)), "{seen}");
    assert!(seen["bottom"].as_f64() <= Some(16.0), "it covers nothing: {seen}");
}

#[test]
fn what_was_chosen_last_plays_although_what_was_chosen_before_comes_later() {
    let (_folder, server, mut more) = library(false);
    let track = format!("/tracks/{}", server.track("One"));
    more["album"] = server.get(&track, &[("Authorization", &server.mira.bearer())]).json()["album"].clone();
    assert_eq!(play(server.address, &server.mira, "chosen_last", more)["plays"], "Two");
}

#[test]
fn a_library_that_changes_faster_than_it_answers_is_shown_all_the_same() {
    let server = Server::start(&Options::default().config(CONFIG));
    let bearer = server.mira.bearer();
    let fields = [("Authorization", &*bearer)];
    let sent = server.send("PUT", "/uploads?filename=Again.wav", &fields, &sound::wav(5, 20_000));
    assert_eq!(sent.status, 201, "{}", sent.text());
    let seen =
        play(server.address, &server.mira, "busy_library", json!({ "track": sent.json()["track_id"] }));
    assert_eq!(seen["came"], json!(["albums", "songs", "search/again"]), "{seen}");
}

#[test]
fn songs_are_brought_elsewhere_and_played_by_a_finger() {
    let (_folder, server, mut more) = library(false);
    let bearer = server.mira.bearer();
    let fields = [("Authorization", &*bearer), ("Content-Type", "application/json")];
    let id = |at: usize| more["songs"][at]["id"].clone();
    let tracks: Vec<Value> = (0..40).map(|at| id(at % 2)).collect();
    let body = json!({ "name": "Drawn", "tracks": tracks }).to_string();
    let list = server.send("POST", "/playlists", &fields, body.as_bytes()).json()["id"].clone();
    more["playlist"] = list;
    let seen = play(server.address, &server.mira, "touch", more);
    assert_eq!(seen["played"], "Two", "{seen}");
    assert_eq!(seen["twice"], "One", "{seen}");
    assert_eq!(seen["drawn"], json!(["Two", "One", "One", "Two"]), "{seen}");
    assert_eq!(seen["far"].as_u64().map(|at| at > 20), Some(true), "the list is scrolled on the way: {seen}");
    assert_eq!(seen["end"], json!(["One", "Two"]), "{seen}");
    assert_eq!(seen["queue"], json!([0, 2, 1, 3]), "{seen}");
}

#[test]
fn one_of_many_playlists_is_found_by_a_part_of_its_name() {
    const LISTS: usize = 130;
    let (_folder, server, mut more) = library(false);
    let bearer = server.mira.bearer();
    let fields = [("Authorization", &*bearer), ("Content-Type", "application/json")];
    for number in 0..LISTS {
        let body = json!({ "name": format!("List {number:03}") }).to_string();
        assert_eq!(server.send("POST", "/playlists", &fields, body.as_bytes()).status, 201);
    }
    more["part"] = json!("129");
    more["list"] = json!("List 129");
    let seen = play(server.address, &server.mira, "chosen", more);
    assert_eq!(seen["tracks"], 1, "{seen}");
}

#[test]
fn menus_are_walked_through_and_left_by_keys() {
    let (_folder, server, more) = library(false);
    let seen = play(server.address, &server.mira, "menus", more);
    assert_eq!((&seen["kept"], &seen["dialogs"]), (&json!("search"), &json!(1)), "{seen}");
}

#[test]
fn nobody_loses_the_focus_who_has_gone_on() {
    let (_folder, server, more) = library(false);
    let seen = play(server.address, &server.mira, "focus", more);
    assert_eq!((&seen["stays"], &seen["comes"]), (&json!("nav"), &json!("H1")), "{seen}");
}

#[test]
fn the_picture_of_the_memory_names_its_limit_and_pools_say_floor_and_ceiling() {
    let server = Server::start(&Options::default().config(CONFIG));
    Tus::of(&server, &server.admin)
        .create(Some(1_000), &metadata(&[("filename", "Half sent.wav")]), &[])
        .expect("an upload");
    let seen = play(server.address, &server.admin, "limit", json!({}));
    let drawn = seen["drawn"].as_str().expect("a text");
    assert!(drawn.starts_with("memory.limit ") && drawn.contains("MiB") || drawn.contains("GiB"), "{seen}");
    let heads: Vec<String> = serde_json::from_value(seen["heads"].clone()).expect("words");
    assert_eq!(heads.get(4..6), Some(&["Floor".to_owned(), "Ceiling".to_owned()][..]), "{seen}");
}
