//! The page in a real browser: people sign in, listen, upload, resize and take apart, and nobody complains, neither the
//! console of the browser nor those who look at pages with the eyes of a screen reader.

#![allow(clippy::expect_used, clippy::panic, reason = "a test says what it found by failing")]
#![allow(clippy::disallowed_methods, reason = "a test reads small files of its own whole")]

use std::net::SocketAddr;
use std::time::Duration;
use std::{fs, thread};

use serde_json::{Value, json};
use tests::media::{noise, video};
use tests::people::Login;
use tests::{Library, Options, Server, clients, eventually, sound};

/// A browser starts slowly on a busy machine.
const WITHIN: Duration = Duration::from_secs(400);
const CONFIG: &str = "[store]\nfree_bytes_min = \"16MiB\"\n";

/// Plays a scene in the browser as this person, and tells what was seen; nothing may have been complained of.
fn play(address: SocketAddr, who: &Login, scene: &str, more: Value) -> Value {
    let mut told =
        json!({ "origin": format!("http://{address}"), "name": who.name, "password": who.password });
    told.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
    let script = clients::browser_script("page.mjs");
    let arguments = [script.to_str().expect("a path in UTF-8"), scene, &told.to_string()];
    let output = clients::run("node", &arguments, WITHIN);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let said: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!((&said["seen"]["failed"], &said["complaints"]), (&Value::Null, &json!([])), "{scene}: {said}");
    said["seen"].clone()
}

/// Whether the program has a page; where it was built without one, `/app/` says how to build it.
fn has_page(server: &Server) -> bool {
    let answer = server.get("/app/", &[]);
    let text = answer.text();
    assert!(answer.status == 200 || text.contains("npm ci"), "{text}");
    assert_eq!(answer.status, 200, "this suite wants a server with its page: {text}");
    answer.status == 200
}

/// A library with a song of ten minutes, and one whose name is a script.
struct Music {
    folder: tempfile::TempDir,
}

const LONG: &str = "Long";
const SCRIPT: &str = "<img src=x onerror=globalThis.ran=1>";

impl Music {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        noise(&folder.path().join(format!("{LONG}.wav")), 600);
        fs::write(folder.path().join(format!("{SCRIPT}.wav")), sound::wav(7, 200_000)).expect("a file");
        Music { folder }
    }

    fn serve(&self) -> Server {
        let libraries = vec![self.folder.path().to_owned()];
        Server::start(&Options { libraries, tracks: 2, ..Options::default() }.config(CONFIG))
    }
}

#[test]
fn a_listener_plays_seeks_searches_and_keeps() {
    let music = Music::new();
    let server = music.serve();
    assert!(has_page(&server));
    let seen =
        play(server.address, &server.mira, "listen", json!({ "long": LONG, "word": "img", "found": SCRIPT }));
    assert!(seen["heard"].as_f64() > Some(0.01), "{seen}");
    assert!(seen["length"].as_f64() > Some(599.0) && seen["atEnd"].as_f64() > Some(592.0), "{seen}");
    assert_eq!(seen["scripts"], 0, "a title is text: {seen}");
}

#[test]
fn a_new_password_ends_the_other_session() {
    let server = Server::start(&Options::library(&Library::small()));
    let seen = play(server.address, &server.mira, "password", json!({ "renewed": "another pond of mine" }));
    assert_eq!(seen["mine"], server.mira.name, "its own window goes on: {seen}");
}

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
    drop(again);
}

#[test]
fn a_video_gets_another_size() {
    let folder = tempfile::tempdir().expect("a folder");
    video(&folder.path().join("Moving.mp4"), "1280x720", 8, &[]);
    let libraries = vec![folder.path().to_owned()];
    let server = Server::start(&Options { libraries, tracks: 1, ..Options::default() }.config(CONFIG));
    let id = server.track("Moving");
    let bearer = server.mira.bearer();
    let target = format!("/videos/{id}");
    eventually("somebody has looked at it", WITHIN, || {
        server.get(&target, &[("Authorization", &bearer)]).json()["look"] == "told"
    });
    let seen = play(server.address, &server.mira, "rendition", json!({ "video": id }));
    assert_eq!(seen["width"], 320, "{seen}");
}

#[test]
fn a_song_is_taken_apart_and_its_voice_is_heard_alone() {
    let folder = tempfile::tempdir().expect("a folder");
    noise(&folder.path().join("Apart.wav"), 10);
    let libraries = vec![folder.path().to_owned()];
    let server = Server::start(&Options { libraries, tracks: 1, ..Options::default() }.config(CONFIG));
    let track = server.track("Apart");
    let seen = play(server.address, &server.mira, "stems", json!({ "track": track }));
    assert!(seen["all"].as_f64() > Some(0.01) && seen["silent"] == true, "{seen}");
}

#[test]
fn every_file_of_the_page_has_its_fields_and_the_description_is_the_one_it_was_built_with() {
    let server = Server::start(&Options::default());
    let page = server.get("/app/", &[("Accept-Encoding", "br")]);
    assert_eq!((page.status, page.header("content-encoding")), (200, "br"), "{}", page.head());
    assert_eq!(page.header("cache-control"), "no-cache");
    let policy = page.header("content-security-policy").to_owned();
    assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
    assert_eq!(page.header("x-content-type-options"), "nosniff");
    let document = server.get("/app/", &[]).text();
    let script = document.split('"').find(|word| word.starts_with("./assets/")).expect("a script");
    let script =
        server.get(&format!("/app/{}", script.trim_start_matches("./")), &[("Accept-Encoding", "gzip")]);
    assert_eq!(script.header("cache-control"), "public, max-age=31536000, immutable");
    assert_eq!(script.header("content-security-policy"), policy);
    let home = server.get("/", &[("Accept", "text/html,*/*;q=0.8")]);
    assert_eq!((home.status, home.header("location")), (303, "/app/"), "{}", home.head());
    let built_with = fs::read_to_string(xtask::files::workspace().join("edges/web/ui/openapi.json"));
    let built_with: Value = serde_json::from_str(&built_with.expect("a file")).expect("JSON");
    let described = server.get("/openapi.json", &[]).json();
    assert_eq!(
        built_with, described,
        "put what /openapi.json says into edges/web/ui/openapi.json, and build the page"
    );
}

#[test]
fn a_form_of_another_origin_changes_nothing() {
    let server = Server::start(&Options::default());
    let signed = server.send(
        "POST",
        "/session",
        &[("Content-Type", "application/json")],
        json!({ "name": server.mira.name, "password": server.mira.password }).to_string().as_bytes(),
    );
    let cookie = signed.header("set-cookie").to_owned();
    assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Strict"), "{cookie}");
    let token = cookie.split(';').next().expect("a pair").to_owned();
    let foreign =
        [("Cookie", &*token), ("Origin", "https://elsewhere.example"), ("Content-Type", "application/json")];
    let changes: [(&str, &str, &str); 3] = [
        ("POST", "/playlists", r#"{"name":"theirs"}"#),
        ("PUT", "/me/password", r#"{"current":"x","new":"theirs now"}"#),
        ("POST", "/me/keys", r#"{"label":"theirs"}"#),
    ];
    for (method, target, body) in changes {
        let answer = server.send(method, target, &foreign, body.as_bytes());
        assert_eq!(answer.status, 403, "{method} {target}: {}", answer.text());
    }
    let lists = server.get("/playlists", &[("Cookie", &token)]).json();
    assert_eq!(lists["playlists"], json!([]), "{lists}");
}

#[test]
fn every_view_is_for_everybody() {
    let library = Library::small();
    let server = Server::start(&Options::library(&library).config(CONFIG));
    let pictures = xtask::files::target().join("tests/page");
    let views = [
        "",
        "albums",
        "album/al-1",
        "artists",
        "artist/ar-1",
        "songs",
        "genres",
        "playlists",
        "starred",
        "search/ripple",
        "videos",
        "uploads",
        "server",
        "server/users",
        "server/libraries",
        "account",
    ];
    let seen = play(server.address, &server.admin, "views", json!({ "views": views, "pictures": pictures }));
    println!("{}", pictures.display());
    let seen = seen["seen"].as_array().expect("views");
    assert_eq!(seen.len(), 4 * (views.len() + 1));
    for view in seen {
        assert_eq!(view["violations"], json!([]), "{view}");
        assert!(view["wide"].as_u64() <= view["width"].as_u64(), "it fits the window: {view}");
    }
}
