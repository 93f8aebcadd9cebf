//! What people see of themselves, of each other, of the server, and of what they made.

use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::time::Duration;
use std::{fs, thread};

use serde_json::{Value, json};
use tests::media::video;
use tests::tus::{Tus, metadata};
use tests::{Library, Options, Server, child_ids, eventually};

use super::{CONFIG, LONG, Music, WITHIN, play};

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

/// A library with one video at which somebody has looked, and its id.
fn filmed(size: &str, seconds: u32) -> (tempfile::TempDir, Server, String) {
    let folder = tempfile::tempdir().expect("a folder");
    video(&folder.path().join("Moving.mp4"), size, seconds, &[]);
    let config = format!("{CONFIG}[memory]\nlimit = \"512MiB\"\n");
    let libraries = vec![folder.path().to_owned()];
    let server = Server::start(&Options { libraries, tracks: 1, ..Options::default() }.config(&config));
    let id = server.track("Moving");
    let (bearer, target) = (server.admin.bearer(), format!("/videos/{id}"));
    eventually("somebody has looked at it", WITHIN, || {
        server.get(&target, &[("Authorization", &bearer)]).json()["look"] == "told"
    });
    (folder, server, id)
}

/// Has something made of it, for which nobody waits.
fn has_made(server: &Server, id: &str, options: &str) {
    let fields = [("Authorization", &*server.admin.bearer()), ("Prefer", "respond-async")];
    let begun = server.get(&format!("/media/{id}/video.mp4?{options}"), &fields);
    assert_eq!(begun.status, 202, "{}", begun.text());
}

#[test]
fn the_memory_of_children_is_told_and_is_in_the_sum() {
    const LEAST_MIB: f64 = 20.0;
    let (_folder, server, id) = filmed("1280x720", 240);
    has_made(&server, &id, "width=1280&quality=high");
    let (over, is_over) = sync_channel::<()>(0);
    let server_id = server.id();
    // What the system says of its children meanwhile, at the least and at the most.
    let watching = thread::spawn(move || {
        let mut most_kib = 0;
        while is_over.recv_timeout(Duration::from_millis(50)) == Err(RecvTimeoutError::Timeout) {
            let children = child_ids(server_id);
            let own_kib = children.into_iter().map(|id| load::Process::of(id).anonymous_kib).max();
            most_kib = most_kib.max(own_kib.unwrap_or(0));
        }
        most_kib as f64 / 1024.0
    });
    let seen = play(server.address, &server.admin, "children", json!({ "least_mib": LEAST_MIB }));
    over.send(()).expect("it is watched");
    let most_mib = watching.join().expect("a watcher");
    let rows: Vec<f64> = serde_json::from_value(seen["rows"].clone()).expect("numbers");
    let [resident, most] = ["resident", "most"].map(|name| seen[name].as_f64().expect("a number"));
    assert_eq!(seen["names"], json!(["The server itself", "ffmpeg"]), "{seen}");
    assert!((resident - rows.iter().sum::<f64>()).abs() < 1.0, "the sum is the sum: {seen}");
    assert!((LEAST_MIB..most_mib + 8.0).contains(&rows[1]), "{most_mib} by the system: {seen}");
    assert!(most + 1.0 > resident, "{seen}");
}

#[test]
fn the_picture_of_the_memory_begins_before_the_page_does() {
    let (_folder, server, id) = filmed("1280x720", 20);
    has_made(&server, &id, "width=640");
    // Nobody looks while it is made, and when somebody does it is over.
    let bearer = server.admin.bearer();
    let at_transforms = budget::Pool::Transforms as usize;
    eventually("it is over, and remembered", WITHIN, || {
        let told = server.get("/memory", &[("Authorization", &bearer)]).json();
        assert_eq!(told["pools"][at_transforms], "transforms");
        let moments = told["moments"].as_array().expect("moments").iter();
        let used: Vec<u64> = moments.filter_map(|one| one["used_bytes"][at_transforms].as_u64()).collect();
        used.iter().any(|used| *used > 20_000_000) && used.last() == Some(&0)
    });
    let pictures = xtask::files::target().join("tests/page");
    fs::create_dir_all(&pictures).expect("a folder");
    let seen = play(server.address, &server.admin, "remembered", json!({ "pictures": pictures }));
    assert_eq!(seen["now"], "0 B", "nothing is made any more: {seen}");
    let [first, again, anew] = [0, 1, 2].map(|at| seen["seen"][at].clone());
    for before in [&first, &again] {
        assert!(before["pixels"].as_u64() > Some(10), "what was made is drawn: {seen}");
        assert!(before["words"].as_str().is_some_and(|words| words.starts_with("Since ")), "{seen}");
    }
    let [one, other] = [&first, &again].map(|seen| seen["from"].as_u64().expect("a moment"));
    assert!(one.abs_diff(other) < 1_000, "{seen}");
    assert_eq!(anew["pixels"], 0, "{seen}");
}

#[test]
fn both_addresses_of_a_rendition_give_the_same() {
    let (_folder, server, id) = filmed("320x180", 660);
    let wishes: Value = json!([
        ["Picture", "png", { "Moment": 640, "Width": 160 }],
        ["Spritesheet", "jpg", { "From": 0, "Length": 660, "Width": 100 }],
        ["Sound", "mp3", { "From": 5, "Length": 90 }],
        ["Video", "mp4", { "From": 640, "Length": 3, "Width": 160 }],
        ["Video", "vp9", { "From": 0, "Length": 1, "Width": 80 }],
    ]);
    let more = json!({ "video": id, "wishes": wishes });
    let seen = play(server.address, &server.mira, "spellings", more);
    let seen = seen["seen"].as_array().expect("wishes");
    assert_eq!(seen.len(), 5);
    for one in seen {
        assert_eq!(one["addresses"].as_array().map(Vec::len), Some(2), "{one}");
        assert_eq!(one["bodies"][0]["status"], 200, "{one}");
        assert_eq!(one["bodies"][0], one["bodies"][1], "{one}");
    }
}

#[test]
fn how_large_a_rendition_is_is_said_when_it_is_whole() {
    let (_folder, server, id) = filmed("640x360", 100);
    let seen = play(server.address, &server.mira, "sized", json!({ "video": id }));
    let length = seen["length"].as_f64().expect("a length");
    let told = format!("{:.1} MiB, ", length / 1024.0 / 1024.0);
    for said in ["made", "again"] {
        assert!(seen[said].as_str().is_some_and(|words| words.starts_with(&told)), "{told}: {seen}");
    }
}

#[test]
fn a_video_that_was_sent_is_shown_as_one() {
    let config =
        format!("[server]\nbase_url = \"http://media.example\"\n{CONFIG}[memory]\nlimit = \"512MiB\"\n");
    let server = Server::start(&Options::default().config(&config));
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("Moving.mp4");
    video(&file, "640x360", 8, &[]);
    let seen = play(server.address, &server.mira, "filmed", json!({ "file": file }));
    assert_eq!((&seen["title"], &seen["songs"]), (&json!("Moving"), &json!(0)), "{seen}");
    assert_eq!(seen["heights"], json!([10, 12, 10, 0]), "{seen}");
    let copied = seen["copied"].as_str().expect("an address");
    assert!(copied.starts_with("http://media.example/media/"), "{seen}");
}
