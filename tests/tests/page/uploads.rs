//! Senders, over lines that break, pages that are loaded again, and servers that are killed.

use std::{fs, thread};

use serde_json::{Value, json};
use tests::media::noise;
use tests::{Options, Server, eventually};

use super::{CONFIG, WITHIN, play};

#[test]
fn an_upload_survives_a_server_that_is_killed() {
    let mut server = Server::start(&Options::default().config(CONFIG));
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("Sent.wav");
    noise(&file, 300);
    assert!(fs::metadata(&file).expect("a file").len() > 50_000_000);
    let more = json!({ "file": file, "bytes_per_second": 4_000_000 });
    let (mira, address) = (server.mira.clone(), server.address);
    let playing = thread::spawn(move || play(address, &mira, "upload", more));
    eventually("a part of it is on the disk", WITHIN, || server.metric("upload_received_bytes_total") > 8e6);
    server.kill();
    let again = Server::start(&Options { port: Some(address.port()), ..Options::on(&server) });
    let seen = playing.join().expect("a scene");
    assert_eq!(seen["title"], "Sent", "{seen}");
    assert!(seen["went_on"].as_u64().is_some_and(|offset| offset > 0), "it does not begin anew: {seen}");
    drop(again);
}

#[test]
fn thousands_of_files_are_a_few_rows_and_the_same_bytes_are_sent_once() {
    let server = Server::start(&Options::default().config(CONFIG));
    let folder = tempfile::tempdir().expect("a folder");
    let twins = ["First.wav", "Second.wav"].map(|name| folder.path().join(name));
    noise(&twins[0], 10);
    fs::copy(&twins[0], &twins[1]).expect("a file");
    let seen = play(server.address, &server.mira, "thousands", json!({ "twins": twins, "files": 3_000 }));
    println!("the longest task took {} ms", seen["longest_ms"]);
    let rows: Vec<u64> = serde_json::from_value(seen["seen"].clone()).expect("numbers");
    assert!(rows.iter().all(|rows| (1..100).contains(rows)), "few are drawn: {seen}");
}

#[test]
fn an_upload_goes_on_after_a_reload() {
    let server = Server::start(&Options::default().config(CONFIG));
    let folder = tempfile::tempdir().expect("a folder");
    let [handled, plain] = ["Handled.wav", "Plain.wav"].map(|name| folder.path().join(name));
    noise(&handled, 11);
    noise(&plain, 10);
    let seen = play(server.address, &server.mira, "reload", json!({ "handled": handled, "plain": plain }));
    let mut names: Vec<&str> =
        seen["names"].as_array().expect("names").iter().filter_map(Value::as_str).collect();
    names.sort_unstable();
    assert_eq!(names, ["Handled.wav", "Plain.wav"], "each is there once: {seen}");
    assert_eq!(seen["after"], 0, "what has arrived is not asked for again: {seen}");
}

#[test]
fn an_upload_of_before_a_reload_is_cancelled_at_the_server_too() {
    let server = Server::start(&Options::default().config(CONFIG));
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("Plain.wav");
    noise(&file, 10);
    let seen = play(server.address, &server.mira, "cancel", json!({ "file": file }));
    assert_eq!((&seen["left"], &seen["after"]), (&json!(0), &json!(0)), "{seen}");
    let id = seen["id"].as_str().expect("an id");
    let asked = server.get(&format!("/uploads/{id}"), &[("Authorization", &server.mira.bearer())]).json();
    assert_eq!(asked["phase"], "cancelled", "{asked}");
}

#[test]
fn a_folder_that_is_dropped_goes_on_after_a_reload_when_its_files_may_be_read() {
    let server = Server::start(&Options::default().config(CONFIG));
    let home = tempfile::tempdir().expect("a folder");
    let folder = home.path().join("Pond");
    let deep = folder.join("Deep/Deeper");
    fs::create_dir_all(&deep).expect("folders");
    for (at, name) in [(&folder, "One"), (&deep, "Two")] {
        noise(&at.join(format!("{name}.wav")), if name == "One" { 6 } else { 7 });
    }
    fs::write(folder.join("notes.txt"), "no music").expect("a file");
    let seen = play(server.address, &server.mira, "dropped", json!({ "folder": folder, "files": 2 }));
    let sorted = |value: &Value| {
        let mut words: Vec<String> = serde_json::from_value(value.clone()).expect("words");
        words.sort_unstable();
        words
    };
    assert_eq!(sorted(&seen["paths"]), ["Pond/Deep/Deeper/Two.wav", "Pond/One.wav"], "{seen}");
    assert_eq!(sorted(&seen["kept"]), ["One", "Two"], "{seen}");
}
