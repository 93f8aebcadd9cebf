//! The access table from outside: every route times five identities. A route without a row fails.

#![allow(clippy::expect_used, clippy::panic, reason = "a test says what it found by failing")]
#![allow(clippy::disallowed_methods, reason = "a test reads small files of its own whole")]

use std::collections::BTreeSet;
use std::fs;
use std::time::Duration;

use tests::http::Answer;
use tests::people::Login;
use tests::{Library, Options, Server, Tus, clients, eventually, sound, tus};

#[path = "access/rows.rs"]
mod rows;

use rows::Told::{self, Bytes, Error as No, Ok as Yes};
use rows::{ROWS, Row, SUBSONIC_ROWS};

/// Who asks, in the order of every row.
const WHO: [&str; 5] = ["nobody", "a wrong key", "the plain user", "another user", "the admin"];
/// A track that everybody sees, and one that is the plain user's private one.
const SHARED: &str = "First Ripple";
const PRIVATE: &str = "Cattail";

/// A server with three people and one private track.
struct House {
    server: Server,
    olga: Login,
    words: Vec<(&'static str, String)>,
}

fn house() -> House {
    let library = Library::small();
    let server = Server::start(&Options::library(&library).config("[store]\nfree_bytes_min = \"16MiB\"\n"));
    let olga = server.add_user("olga", &[]);
    let (shared, private) = (server.track(SHARED), server.track(PRIVATE));
    let number = private.trim_start_matches("tr-").to_owned();
    let data = server.data.to_str().expect("a path in UTF-8").to_owned();
    let script = clients::script("own.py").to_str().expect("a path in UTF-8").to_owned();
    let output = clients::run("python3", &[&script, &data, &number, "mira"], Duration::from_secs(20));
    assert!(output.status.success(), "{output:?}");
    let song = server.subsonic("getSong", &format!("id={shared}"))["song"].clone();
    let id = |name: &str| song[name].as_str().expect("an id").to_owned();
    let put = |name: &str, bytes: &[u8]| {
        let answer = server.send(
            "PUT",
            &format!("/uploads?filename={name}"),
            &[("Authorization", &server.mira.bearer())],
            bytes,
        );
        assert_eq!(answer.status, 201, "{}", answer.text());
        answer.json()
    };
    let sent = put("noise.wav", &sound::wav(1, 20_000));
    let picture = put("cover.png", &fs::read(library.cover()).expect("a picture"));
    let made = server.get(&format!("/rest/createShare?id={private}&{}", server.mira.by_key()), &[]).json();
    let share = made["subsonic-response"]["shares"]["share"][0]["url"].as_str().expect("a link");
    let share = share.split_once("/share/").map(|(_, token)| format!("/share/{token}")).expect("a token");
    let told = |row: &serde_json::Value, name: &str| row[name].as_str().expect("an id").to_owned();
    let words = vec![
        ("{share}", share),
        ("{sent}", told(&sent, "upload_id")),
        ("{file}", told(&sent, "file_id")),
        ("{picture}", told(&picture, "file_id")),
        ("{album}", id("albumId")),
        ("{artist}", id("artistId")),
        ("{mira}", "mira".to_owned()),
        ("{password}", server.mira.password.clone()),
        ("{shared}", shared),
        ("{private}", private),
    ];
    House { server, olga, words }
}

impl House {
    fn filled(&self, text: &str) -> String {
        self.words.iter().fold(text.to_owned(), |text, (word, value)| text.replace(word, value))
    }

    /// The credentials of each of [`WHO`]; nobody has none.
    fn keys(&self) -> [Option<String>; 5] {
        let keys =
            [&self.server.mira.key, &self.olga.key, &self.server.admin.key].map(|key| Some(key.clone()));
        let [mira, olga, admin] = keys;
        [None, Some("wrong-key-of-nobody".to_owned()), mira, olga, admin]
    }

    /// A new credential of the plain user, to be removed.
    fn fresh(&self, kind: &str) -> String {
        let fields =
            [("Authorization", self.server.mira.bearer()), ("Content-Type", "application/json".to_owned())];
        let fields = [(fields[0].0, fields[0].1.as_str()), (fields[1].0, fields[1].1.as_str())];
        let made = self.server.send("POST", &format!("/me/{kind}"), &fields, br#"{"label":"to be removed"}"#);
        made.json()["id"].as_str().unwrap_or_else(|| panic!("no {kind}: {}", made.text())).to_owned()
    }

    fn ask(&self, row: &Row, key: Option<&str>) -> Answer {
        let mut target = self.filled(row.target);
        for (word, kind) in [("{key}", "keys"), ("{app-password}", "app-passwords")] {
            if target.contains(word) {
                target = target.replace(word, &self.fresh(kind));
            }
        }
        if target.contains("{open}") {
            let begun =
                Tus::of(&self.server, &self.server.mira).create(Some(100), "", &[]).expect("an answer");
            let at = tus::location(&begun).expect("a location");
            target = target.replace("{open}", at.rsplit('/').next().expect("an id"));
        }
        let bearer = key.map(|key| format!("Bearer {key}"));
        let mut fields = Vec::new();
        if let Some(bearer) = &bearer {
            fields.push(("Authorization", bearer.as_str()));
        }
        if !row.body.is_empty() {
            fields.push(("Content-Type", "application/json"));
        }
        // Whoever follows all that happens does so until the server stops: of that answer the head is enough.
        let method = if row.path == "/events" { "HEAD" } else { row.method };
        self.server.send(method, &target, &fields, self.filled(row.body).as_bytes())
    }
}

#[test]
fn p08_every_route_of_the_api_has_a_row() {
    let own = web::ROUTES.iter().map(|route| (route.method.to_string(), route.path.to_owned()));
    let of_renditions = cdn::ROUTES.iter().map(|route| (route.method.to_string(), route.path.to_owned()));
    let routes: BTreeSet<_> = own.chain(of_renditions).collect();
    let rows: BTreeSet<_> = ROWS.iter().map(|row| (row.method.to_owned(), row.path.to_owned())).collect();
    assert_eq!(routes, rows, "the tables of routes and of expectations have the same rows");
}

#[test]
fn p08_every_route_of_subsonic_has_a_row() {
    let routes: BTreeSet<_> = subsonic::ROUTES.iter().map(|route| route.name).collect();
    let rows: BTreeSet<_> = SUBSONIC_ROWS.iter().map(|row| row.0).collect();
    assert_eq!(routes, rows, "the tables of routes and of expectations have the same rows");
}

#[test]
fn p08_the_api_answers_each_identity_as_the_table_says() {
    let house = house();
    let mut wrong = Vec::new();
    for row in ROWS {
        for ((who, key), status) in WHO.iter().zip(house.keys()).zip(row.statuses) {
            let answer = house.ask(row, key.as_deref());
            if answer.status != status {
                wrong.push(format!(
                    "{who}: {} {} is {}, not {status}: {}",
                    row.method,
                    row.target,
                    answer.status,
                    answer.text()
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{} answers are wrong:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn p08_subsonic_answers_each_identity_as_the_table_says() {
    let house = house();
    let mut wrong = Vec::new();
    for (endpoint, query, expected) in SUBSONIC_ROWS {
        for ((who, key), expected) in WHO.iter().zip(house.keys()).zip(expected) {
            let key = key.map_or(String::new(), |key| format!("&apiKey={key}"));
            let target = format!("/rest/{endpoint}?f=json&v=1.16.1&c=tests&{}{key}", house.filled(query));
            let answer = house.server.get(&target, &[]);
            let told = told(&answer);
            if told != Some(*expected) {
                let text: String = answer.text().chars().take(300).collect();
                wrong.push(format!(
                    "{who}: {endpoint} {query} is {told:?} ({}), not {expected:?}: {text}",
                    answer.status
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{} answers are wrong:\n{}", wrong.len(), wrong.join("\n"));
}

fn told(answer: &Answer) -> Option<Told> {
    let envelope = &answer.json()["subsonic-response"];
    match envelope["status"].as_str() {
        Some("ok") => Some(Yes),
        Some("failed") => envelope["error"]["code"].as_u64().map(No),
        _ => (answer.status == 200 && !answer.body.is_empty()).then_some(Bytes),
    }
}

#[test]
fn p08_a_private_track_is_in_nobody_elses_lists() {
    let house = house();
    let server = &house.server;
    let lists = [
        "/tracks?limit=500&",
        "/rest/search3?query=&songCount=500&",
        "/rest/search3?query=cattail&songCount=500&",
        "/rest/search2?query=cattail&",
        "/rest/getRandomSongs?size=500&",
        "/rest/getStarred2?",
    ];
    server.get(&format!("/rest/star?id={}&{}", house.filled("{private}"), server.mira.by_key()), &[]);
    eventually("its owner finds it", Duration::from_secs(5), || {
        server.get(&format!("{}{}", lists[2], server.mira.by_key()), &[]).text().contains(PRIVATE)
    });
    for list in lists {
        for (login, sees) in [(&server.mira, true), (&house.olga, false), (&server.admin, false)] {
            let answer =
                server.get(&format!("{list}{}", login.by_key()), &[("Authorization", &login.bearer())]);
            assert_eq!(answer.status, 200, "{list}");
            assert_eq!(answer.text().contains(PRIVATE), sees, "{} in {list}: {}", login.name, answer.text());
        }
    }
}
