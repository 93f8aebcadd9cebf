//! Playlists between a server, other players and rules: what one exports the other imports, and what rules find is found for
//! whoever reads it.

#![allow(clippy::expect_used, clippy::panic, reason = "a test says what it found by failing")]

use budget::limits::M3U_BYTES_MAX;
use serde_json::{Value, json};
use tests::http::Answer;
use tests::people::Login;
use tests::{Library, Options, Server};

fn ask(server: &Server, who: &Login, method: &str, target: &str, body: Option<(&str, &[u8])>) -> Answer {
    let bearer = who.bearer();
    let mut fields = vec![("Authorization", bearer.as_str())];
    if let Some((content_type, _)) = body {
        fields.push(("Content-Type", content_type));
    }
    server.send(method, target, &fields, body.map_or(b"", |(_, body)| body))
}

fn make(server: &Server, who: &Login, what: &Value) -> Value {
    let body = what.to_string();
    let made = ask(server, who, "POST", "/playlists", Some(("application/json", body.as_bytes())));
    assert_eq!(made.status, 201, "{}", made.text());
    made.json()
}

fn import(server: &Server, who: &Login, target: &str, list: &[u8]) -> Answer {
    ask(server, who, "POST", target, Some(("audio/x-mpegurl", list)))
}

fn id(playlist: &Value) -> &str {
    playlist["id"].as_str().expect("an id")
}

/// The titles of a list, as its reader sees it.
fn titles(server: &Server, who: &Login, playlist: &str) -> Vec<String> {
    let page = ask(server, who, "GET", &format!("/playlists/{playlist}/tracks?limit=500"), None).json();
    let tracks = page["tracks"].as_array().expect("a page").iter();
    tracks.map(|track| track["title"].as_str().expect("a title").to_owned()).collect()
}

#[test]
fn a_list_that_one_player_wrote_another_reads() {
    let library = Library::small();
    let server = Server::start(&Options::library(&library));
    let mira = server.mira.clone();
    let all = server.get("/tracks?limit=500", &[("Authorization", &mira.bearer())]).json();
    let ids: Vec<_> = all["tracks"].as_array().expect("tracks").iter().map(|t| t["id"].clone()).collect();
    let made = make(&server, &mira, &json!({"name": "Für \"später\"", "tracks": ids}));

    let exported = ask(&server, &mira, "GET", &format!("/playlists/{}/m3u8", id(&made)), None);
    assert_eq!(exported.status, 200, "{}", exported.text());
    assert_eq!(exported.header("content-type"), "audio/mpegurl; charset=utf-8");
    let disposition = exported.header("content-disposition");
    assert!(disposition.contains("filename*=UTF-8''F%C3%BCr"), "{disposition}");
    let list = exported.text();
    assert!(list.starts_with("#EXTM3U\n#PLAYLIST:Für \"später\"\n#EXTINF:"), "{list}");
    assert_eq!(list.lines().filter(|line| !line.starts_with('#')).count(), ids.len());

    // As another machine would write it, with a song that is nowhere, and without its last end of a line.
    let windows = list.replace('/', "\\");
    let drive: String = windows
        .lines()
        .map(
            |line| {
                if line.starts_with('#') { format!("{line}\r\n") } else { format!("D:\\Music\\{line}\r\n") }
            },
        )
        .collect();
    let lists = [list.clone(), format!("{drive}#EXTINF:9,Nobody - Nothing\r\nD:\\Music\\none.mp3")];
    for (n, list) in lists.iter().enumerate() {
        let imported = import(&server, &mira, &format!("/playlists?name=again%20{n}"), list.as_bytes());
        assert_eq!(imported.status, 201, "{}", imported.text());
        let told = imported.json();
        assert_eq!((&told["found"], &told["missing_total"]), (&json!(ids.len()), &json!(n)), "{told}");
        if n == 1 {
            let line = list.lines().count();
            assert_eq!(told["missing"], json!([{"line": line, "text": "D:\\Music\\none.mp3"}]));
        }
        let (one, other) = (id(&made), id(&told["playlist"]));
        assert_eq!(titles(&server, &mira, one), titles(&server, &mira, other));
    }

    for (target, list, status) in [
        ("/playlists", &b"none.mp3\n"[..], 400),
        ("/playlists?name=x", b"", 400),
        ("/playlists", list.replace("#PLAYLIST", "#").as_bytes(), 400),
        ("/playlists?name=x", &vec![b'\n'; M3U_BYTES_MAX + 1], 413),
    ] {
        let refused = import(&server, &mira, target, list);
        assert_eq!(refused.status, status, "{}", refused.text());
    }
}

#[test]
fn p08_rules_find_for_each_reader_what_he_likes() {
    let library = Library::small();
    let server = Server::start(&Options::library(&library));
    let (mira, admin) = (server.mira.clone(), server.admin.clone());
    let rules = json!({"match": {"starred": true}, "sort": [{"by": "title"}]});
    let made = make(&server, &mira, &json!({"name": "Loved", "rules": rules}));
    assert_eq!(
        (&made["smart"], &made["rules"]),
        (&json!(true), &json!({"match": {"starred": true}, "sort": [{"by": "title", "descending": false}]}))
    );
    let list = id(&made).to_owned();
    assert_eq!(titles(&server, &mira, &list), [""; 0]);
    let song = server.track("First Ripple");
    let rest = |who: &Login, endpoint: &str| {
        server.get(&format!("/rest/{endpoint}&{}", who.by_key()), &[]).json()["subsonic-response"].clone()
    };
    assert_eq!(rest(&mira, &format!("star?id={song}"))["status"], "ok");
    assert_eq!(titles(&server, &mira, &list), ["First Ripple"]);

    let shown = rest(&mira, &format!("getPlaylist?id={list}"))["playlist"].clone();
    assert_eq!((&shown["readonly"], &shown["songCount"]), (&json!(true), &json!(1)), "{shown}");
    assert!(shown["validUntil"].is_string(), "{shown}");
    for change in ["songIndexToRemove=0".to_owned(), format!("songIdToAdd={song}")] {
        let refused = rest(&mira, &format!("updatePlaylist?playlistId={list}&{change}"));
        assert_eq!(refused["error"]["code"], 50, "{refused}");
        assert!(refused["error"]["message"].as_str().is_some_and(|text| text.contains("rules")), "{refused}");
    }
    let refused = rest(&mira, &format!("createPlaylist?playlistId={list}&songId={song}"));
    assert_eq!(refused["error"]["code"], 50, "{refused}");
    assert_eq!(
        rest(&mira, &format!("updatePlaylist?playlistId={list}&name=Dear&public=true"))["status"],
        "ok"
    );

    // The admin sees the list, and in it what he starred himself.
    assert_eq!(titles(&server, &admin, &list), [""; 0]);
    let lists = rest(&admin, "getPlaylists?")["playlists"]["playlist"].clone();
    assert_eq!((&lists[0]["name"], &lists[0]["songCount"]), (&json!("Dear"), &json!(0)), "{lists}");
    let exported = ask(&server, &mira, "GET", &format!("/playlists/{list}/m3u8"), None).text();
    assert_eq!(exported.lines().count(), 4, "{exported}");

    let body = json!({"rules": {"match": {"colour": {"is": "blue"}}}}).to_string();
    let refused = ask(
        &server,
        &mira,
        "PATCH",
        &format!("/playlists/{list}"),
        Some(("application/json", body.as_bytes())),
    );
    assert_eq!(refused.status, 400);
    assert!(refused.text().contains("unknown variant `colour`"), "{}", refused.text());
    assert_eq!(ask(&server, &mira, "DELETE", &format!("/playlists/{list}"), None).status, 204);
    assert_eq!(ask(&server, &mira, "GET", &format!("/playlists/{list}"), None).status, 404);
}

#[test]
fn songs_are_changed_by_their_places_and_what_is_wrong_is_named() {
    let library = Library::small();
    let server = Server::start(&Options::library(&library));
    let mira = server.mira.clone();
    let all = server.get("/tracks?limit=4", &[("Authorization", &mira.bearer())]).json();
    let ids: Vec<_> = all["tracks"].as_array().expect("tracks").iter().map(|t| t["id"].clone()).collect();
    let made = make(&server, &mira, &json!({"name": "By places", "tracks": ids[..3]}));
    let target = format!("/playlists/{}/tracks", id(&made));
    let change = |body: &Value| {
        let body = body.to_string();
        ask(&server, &mira, "PATCH", &target, Some(("application/json", body.as_bytes())))
    };
    let songs = || {
        let page = ask(&server, &mira, "GET", &format!("{target}?limit=500"), None).json();
        let tracks = page["tracks"].as_array().expect("a page").iter().map(|track| track["id"].clone());
        let place = |song| ids.iter().position(|id| *id == song).expect("one of them");
        tracks.map(place).collect::<Vec<usize>>()
    };
    let before = made["changed"].clone();
    let cases = [
        (json!({"known": before, "move": {"from": 2, "to": 0}}), 200, "", vec![2, 0, 1]),
        (json!({"known": before, "move": {"from": 2, "to": 0}}), 409, "changed meanwhile", vec![2, 0, 1]),
        (json!({"add": [ids[3]], "at": 1}), 200, "", vec![2, 3, 0, 1]),
        (json!({"add": [ids[3]]}), 200, "", vec![2, 3, 0, 1, 3]),
        (json!({"remove": [1, 4]}), 200, "", vec![2, 0, 1]),
        (json!({"remove": [3]}), 404, "there is no such thing", vec![2, 0, 1]),
        (json!({"move": {"from": 0, "to": 3}}), 404, "there is no such thing", vec![2, 0, 1]),
        (json!({"add": ["tr-999999"]}), 404, "there is no such thing", vec![2, 0, 1]),
        (json!({"add": vec![&ids[0]; 10_001]}), 400, "at most 10000 songs", vec![2, 0, 1]),
        (json!({"known": "yesterday", "remove": [0]}), 400, "known is not", vec![2, 0, 1]),
        (json!({"at": 1, "remove": [0]}), 400, "name one of remove, move and add", vec![2, 0, 1]),
        (json!({"at": 1}), 400, "it goes with add", vec![2, 0, 1]),
        (json!({}), 400, "name one of remove, move and add", vec![2, 0, 1]),
        (json!({"drop": [0]}), 400, "known are: known, remove, move, add, at", vec![2, 0, 1]),
    ];
    for (body, status, said, after) in cases {
        let answer = change(&body);
        let short: String = body.to_string().chars().take(80).collect();
        assert_eq!(answer.status, status, "{short}: {}", answer.text());
        assert!(answer.text().contains(said), "{short}: {}", answer.text());
        assert_eq!(songs(), after, "{short}");
    }
}
