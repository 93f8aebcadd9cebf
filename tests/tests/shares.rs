//! Shares: a user makes a link with his app, and people whom nobody knows hear what is behind it.

#![allow(clippy::expect_used, clippy::panic, reason = "a test says what it found by failing")]
#![allow(clippy::disallowed_methods, reason = "a test reads small files of its own whole")]

use std::fs;
use std::time::Duration;

use serde_json::Value;
use tests::people::Login;
use tests::{Library, Options, Server, clients};

/// A browser starts slowly on a busy machine.
const WITHIN: Duration = Duration::from_secs(400);

fn ask(server: &Server, who: &Login, endpoint: &str) -> Value {
    let joint = if endpoint.contains('?') { '&' } else { '?' };
    let answer = server.get(&format!("/rest/{endpoint}{joint}{}", who.by_key()), &[]).json();
    answer["subsonic-response"].clone()
}

/// Shares these, and gives the id of the share and the path of its link.
fn share(server: &Server, who: &Login, ids: &[&str]) -> (String, String) {
    let ids: Vec<String> = ids.iter().map(|id| format!("id={id}")).collect();
    let made =
        ask(server, who, &format!("createShare?{}&description=For+you%2C%0A%3Cfriend%3E", ids.join("&")));
    let share = &made["shares"]["share"][0];
    let (id, url) = (share["id"].as_str().expect("an id"), share["url"].as_str().expect("a link"));
    // Links lead to where the request came, by its `Host`.
    let host = "http://millpond.test";
    let path = url.strip_prefix(host).unwrap_or_else(|| panic!("{url} is at {host}"));
    (id.to_owned(), path.to_owned())
}

fn album(server: &Server, title: &str) -> String {
    let song = server.subsonic("getSong", &format!("id={}", server.track(title)))["song"].clone();
    song["albumId"].as_str().expect("an album").to_owned()
}

#[test]
fn a_link_opens_for_anybody_until_it_is_taken_back() {
    let library = Library::small();
    let mut server = Server::start(&Options::library(&library));
    let (id, path) = share(&server, &server.mira, &[&album(&server, "First Ripple")]);
    let page = server.get(&path, &[]);
    assert_eq!((page.status, page.header("cache-control")), (200, "no-store"), "{}", page.text());
    for title in
        ["First Ripple", "Zweite Welle ä &amp; &lt;ö&gt;", "Third Ripple", "For you,\n&lt;friend&gt;"]
    {
        assert!(page.text().contains(title), "{title} in {}", page.text());
    }
    // The same bytes as the owner hears, whole and in parts.
    let track = server.track("Third Ripple");
    let file = library.bytes(&library.song("Third Ripple"));
    let audio = format!("{path}/tracks/{track}/audio");
    let whole = server.get(&audio, &[]);
    assert_eq!((whole.status, whole.header("content-type")), (200, "audio/flac"));
    assert!(whole.body == file);
    let part = server.get(&audio, &[("Range", "bytes=100-199")]);
    assert_eq!((part.status, &part.body[..]), (206, &file[100..200]));
    let saved = server.get(&format!("{audio}?download=1"), &[]);
    assert!(saved.header("content-disposition").starts_with("attachment"), "{}", saved.head());
    // A song that is not in it, and what is behind other routes, stay closed.
    let other = server.track("Cattail");
    assert_eq!(server.get(&format!("{path}/tracks/{other}/audio"), &[]).status, 404);
    assert_eq!(server.get(&format!("/tracks/{track}/audio"), &[]).status, 401);

    let mine = ask(&server, &server.mira, "getShares");
    let visits = &mine["shares"]["share"][0];
    assert_eq!((&visits["visitCount"], visits["lastVisited"].is_string()), (&Value::from(1), true), "{mine}");
    assert!(!server.output().contains(path.trim_start_matches("/share/")), "no token is logged");

    // It opens after a restart, and not after its owner lost the right, or took it back.
    let Options { data, people, config, .. } = Options::on(&server);
    let options = Options { data, people, config, ..Options::library(&library) };
    server.stop();
    let server = Server::start(&options);
    assert_eq!(server.get(&path, &[]).status, 200);
    let may_share = |may: bool| {
        let said = ask(&server, &server.admin, &format!("updateUser?username=mira&shareRole={may}"));
        assert_eq!(said["status"], "ok", "{said}");
    };
    may_share(false);
    let closed = server.get(&path, &[]);
    assert_eq!(closed.status, 404);
    may_share(true);
    assert_eq!(server.get(&path, &[]).status, 200);
    ask(&server, &server.mira, &format!("deleteShare?id={id}"));
    for path in [path.as_str(), &audio, "/share/AAAAAAAAAAAAAAAAAAAAAA"] {
        let answer = server.get(path, &[]);
        assert_eq!((answer.status, answer.text()), (404, closed.text()), "{path}");
    }
}

#[test]
fn a_browser_shows_the_page_and_plays_every_song_without_a_script() {
    let library = Library::small();
    let server = Server::start(&Options::library(&library));
    let album = album(&server, "First Ripple");
    let (_, path) =
        share(&server, &server.mira, &[&album, &server.track("Cattail"), &server.track("Long Water")]);
    let folder = xtask::files::target().join("tests/shares");
    fs::create_dir_all(&folder).expect("a folder");
    let pictures = folder.join("page");
    let script = clients::browser_script("share.mjs");
    let arguments = [
        script.to_str().expect("a path in UTF-8"),
        &format!("http://{}{path}", server.address),
        pictures.to_str().expect("a path in UTF-8"),
    ];
    let output = clients::run("node", &arguments, WITHIN);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    println!("{}", pictures.display());
    let said: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let seen = &said["seen"];
    assert_eq!((&said["status"], &said["complaints"]), (&Value::from(200), &serde_json::json!([])), "{said}");
    assert_eq!((&seen["title"], &seen["heading"]), (&"5 songs".into(), &"5 songs".into()), "{said}");
    assert_eq!(seen["scripts"], 0, "{said}");
    let titles: Vec<_> = seen["songs"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    assert!(titles.len() == 5 && titles[1] == "Zweite Welle ä & <ö> Ada Pond", "{said}");
    assert!(
        seen["styled"] == "704px" && seen["wide"] == 390,
        "its style is allowed, and it fits a telephone: {said}"
    );
    assert!(seen["cover"].as_u64().is_some_and(|width| width > 0), "{said}");
    let played = seen["played"].as_array().expect("what was played");
    assert!(played.len() == 5 && played.iter().all(|one| one["duration"].as_f64() > Some(1.0)), "{said}");
}
