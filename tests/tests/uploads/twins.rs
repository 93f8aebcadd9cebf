//! Two files whose short ids are the same: nobody is given the one for the other.

use std::time::Duration;

use serde_json::Value;
use tests::http::Answer;
use tests::tus::{metadata, sha256_hex};
use tests::{Login, Server, Tus, clients, eventually, sound};

use crate::ground::Ground;
use crate::sender::tracks;

/// Nobody can make two files whose hashes begin with the same 16 digits, so the database is told that there are: the
/// second file gets a name that begins as the first one's.
const TWIN: &str = "import sqlite3, sys\n\
    path, first, second = sys.argv[1:]\n\
    first, second = bytes.fromhex(first), bytes.fromhex(second)\n\
    twin = first[:8] + second[8:]\n\
    database = sqlite3.connect(path)\n\
    changed = [database.execute(f'UPDATE {table} SET {column} = ? WHERE {column} = ?', (twin, second)).rowcount\n\
    \x20 for table, column in [('blobs', 'id'), ('media', 'blob'), ('tracks', 'blob')]]\n\
    database.execute('UPDATE uploads SET blob = ? WHERE blob = ?', (twin, second))\n\
    database.commit()\n\
    assert changed == [1, 1, 1], changed\n";

/// GET of a file by the short id, with one more field if there is one.
fn file(server: &Server, login: &Login, id: &str, method: &str, field: Option<(&str, &str)>) -> Answer {
    let mut fields = vec![("Tus-Resumable", "")];
    fields.extend(field);
    Tus::of(server, login).request(method, &format!("/audio/{id}"), &fields, b"").expect("an answer")
}

/// The track of a title as its owner sees it, and what it plays.
fn played(server: &Server, login: &Login, title: &str) -> (String, Vec<u8>) {
    let query = format!("query={}&songCount=9&{}", tests::http::escaped(title), login.by_key());
    let found: Value = server.get(&format!("/rest/search3?{query}"), &[]).json();
    let songs = found["subsonic-response"]["searchResult3"]["song"].as_array().cloned().unwrap_or_default();
    let song = songs.iter().find(|song| song["title"] == title).unwrap_or_else(|| panic!("{title}: {found}"));
    let id = song["id"].as_str().unwrap_or_default().to_owned();
    let body = server.get(&format!("/rest/stream?id={id}&{}", login.by_key()), &[]).body;
    (id, body)
}

#[test]
fn p02_an_id_that_stands_for_two_files_plays_neither() {
    let ground = Ground::new();
    let files = [("First", sound::wav(71, 60_000)), ("Second", sound::wav(72, 70_000))];
    let digests = [sha256_hex(&files[0].1), sha256_hex(&files[1].1)];
    let id = digests[0][..16].to_owned();
    let mut server = ground.start();
    for (title, bytes) in &files {
        let names = metadata(&[("filename", "twin.wav"), ("title", title)]);
        Tus::of(&server, &server.mira).upload(bytes, &names, 50_000);
        eventually(title, Duration::from_secs(10), || tracks(&server, &server.mira, title) == 1);
    }
    let alone = file(&server, &server.mira, &id, "GET", None);
    assert!(alone.status == 200 && alone.body == files[0].1, "{}", alone.head());
    server.stop();

    let database = ground.data.join("millpond.db");
    let arguments = ["-c", TWIN, database.to_str().expect("a path in UTF-8"), &digests[0], &digests[1]];
    let output = clients::run("python3", &arguments, Duration::from_secs(30));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));

    let server = ground.start();
    for login in [&server.mira, &server.admin] {
        for (method, field) in [("GET", None), ("HEAD", None), ("GET", Some(("Range", "bytes=0-99")))] {
            let refused = file(&server, login, &id, method, field);
            assert_eq!(refused.status, 409, "{method} {field:?}: {}", refused.head());
        }
        let refused = file(&server, login, &id, "GET", None).json();
        assert_eq!(refused["error"]["code"], "ambiguous", "{refused}");
    }
    // Each of them is a track all the same.
    let (_, first) = played(&server, &server.mira, "First");
    let (second, bytes) = played(&server, &server.mira, "Second");
    assert!(first == files[0].1 && bytes == files[1].1, "each track plays its own file");
    // Whoever may have one of them alone has no doubt which is meant.
    let fields = [("Authorization", &*server.mira.bearer()), ("Content-Type", "application/json")];
    let hidden = server.send("PATCH", &format!("/tracks/{second}"), &fields, br#"{"visibility":"private"}"#);
    assert_eq!(hidden.status, 200, "{}", hidden.text());
    let one = file(&server, &server.admin, &id, "GET", None);
    assert!(one.status == 200 && one.body == files[0].1, "{}", one.head());
    assert_eq!(file(&server, &server.mira, &id, "GET", None).status, 409);
}
