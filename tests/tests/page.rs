//! The page in a real browser: people sign in, listen, upload, resize and take apart, and nobody complains, neither the
//! console of the browser nor those who look at pages with the eyes of a screen reader.

#![allow(clippy::expect_used, clippy::panic, reason = "a test says what it found by failing")]
#![allow(clippy::disallowed_methods, reason = "a test reads small files of its own whole")]

use std::net::SocketAddr;
use std::time::Duration;
use std::{fs, thread};

use serde_json::{Value, json};
use tests::media::{ffmpeg, noise, video};
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
    // What a form can send, what a script can, and what says of itself that it is from elsewhere.
    let encodings = [
        "application/json",
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
    ];
    let origins =
        [("Origin", "https://elsewhere.example"), ("Origin", "null"), ("Sec-Fetch-Site", "cross-site")];
    let changes: [(&str, &str, &str); 7] = [
        ("POST", "/playlists", r#"{"name":"theirs"}"#),
        ("PUT", "/me/password", r#"{"current":"x","new":"theirs now"}"#),
        ("POST", "/me/keys", r#"{"label":"theirs"}"#),
        ("PUT", "/me/queue", r#"{"tracks":[]}"#),
        ("POST", "/tracks/", "--x--"),
        ("PUT", "/uploads?filename=theirs.wav", "theirs"),
        ("DELETE", "/session", ""),
    ];
    for (method, target, body) in changes {
        for encoding in encodings {
            for origin in origins {
                let fields = [("Cookie", &*token), origin, ("Content-Type", encoding)];
                let answer = server.send(method, target, &fields, body.as_bytes());
                assert_eq!(answer.status, 403, "{method} {target} {encoding} {origin:?}: {}", answer.text());
            }
        }
    }
    let mine = |target| server.get(target, &[("Cookie", &token)]).json();
    assert_eq!(mine("/playlists")["playlists"], json!([]));
    assert_eq!(mine("/uploads")["uploads"], json!([]));
    assert_eq!(mine("/me/queue")["changed"], Value::Null);
    assert_eq!(mine("/me/sessions")["sessions"].as_array().map(Vec::len), Some(1));
}

#[test]
fn every_class_of_routes_has_its_fields() {
    let library = Library::small();
    let server = Server::start(&Options::library(&library));
    let (bearer, track) = (server.mira.bearer(), server.track("First Ripple"));
    let page = server.get("/app/", &[]).text();
    let script = page.split('"').find(|word| word.starts_with("./assets/")).expect("a script").to_owned();
    // Nothing but the page may run a script, and the page none but its own.
    let (nothing, media, own) =
        ("default-src 'none'; base-uri", "default-src 'none'; media-src 'self'", "script-src 'self'");
    let classes = [
        ("the page", "/app/".to_owned(), 200, own),
        ("a file of the page", format!("/app{}", script.trim_start_matches('.')), 200, own),
        ("an answer of the API", "/me".to_owned(), 200, nothing),
        ("a list", "/tracks".to_owned(), 200, nothing),
        ("an error", "/tracks/tr-999999".to_owned(), 404, nothing),
        ("a path that is none", "/nothing/here".to_owned(), 404, nothing),
        ("the door of strangers", "/health".to_owned(), 200, nothing),
        ("the metrics", "/metrics".to_owned(), 403, nothing),
        ("sound", format!("/tracks/{track}/audio"), 200, media),
        ("a cover", format!("/tracks/{track}/cover"), 200, media),
        ("a rendition", format!("/media/{track}/waveform.png"), 200, media),
        ("Subsonic", "/rest/ping?f=json".to_owned(), 200, nothing),
        ("events", "/events".to_owned(), 200, nothing),
    ];
    for (class, target, status, policy) in classes {
        // Of events, which end with the server, the head is enough.
        let method = if class == "events" { "HEAD" } else { "GET" };
        let answer = server.send(method, &target, &[("Authorization", &bearer)], b"");
        assert_eq!(answer.status, status, "{class}: {}", answer.text());
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{class}");
        assert_eq!(answer.header("referrer-policy"), "no-referrer", "{class}");
        assert!(answer.header("content-security-policy").contains(policy), "{class}: {}", answer.head());
        let runs =
            answer.header("content-security-policy").split(';').find(|part| part.contains("script-src"));
        assert!(runs.is_none_or(|part| part.trim() == own), "{class}: {}", answer.head());
        let readers = answer.header("cross-origin-resource-policy");
        assert_eq!(readers, if class == "Subsonic" { "cross-origin" } else { "same-origin" }, "{class}");
        assert!(!answer.head().to_ascii_lowercase().contains("set-cookie"), "{class}");
    }
}

/// What would run in whatever takes a text for a document.
fn script(place: &str) -> String {
    format!("<img src=x onerror=alert('{place}')><script>alert('{place}')</script>")
}

#[test]
fn names_full_of_script_are_text() {
    let folder = tempfile::tempdir().expect("a folder");
    let [title, artist, album, genre, words] = ["title", "artist", "album", "genre", "words"].map(script);
    let tag = |name: &str, value: &str| format!("{name}={value}");
    let tags = [
        tag("title", &title),
        tag("artist", &artist),
        tag("album", &album),
        tag("genre", &genre),
        tag("LYRICS", &words),
    ];
    let tone = ["-f", "lavfi", "-i", "sine=frequency=440:duration=30"].map(str::to_owned);
    let tagged = tags.into_iter().flat_map(|tag| ["-metadata".to_owned(), tag]);
    ffmpeg(tone.into_iter().chain(tagged), &folder.path().join("tagged.flac"));
    // A path has no slash in a name, and needs none to be dangerous.
    let name = "<img src=x onerror=alert(1)>";
    noise(&folder.path().join(format!("{name}.wav")), 1);
    let sent = tempfile::tempdir().expect("a folder");
    let file = sent.path().join(format!("{name} sent.wav"));
    noise(&file, 2);
    let libraries = vec![folder.path().to_owned()];
    let server = Server::start(&Options { libraries, tracks: 2, ..Options::default() }.config(CONFIG));
    let made = json!({ "name": script("list"), "tracks": [server.track(&title)] }).to_string();
    let (bearer, json_type) = (server.mira.bearer(), ("Content-Type", "application/json"));
    let list = server.send("POST", "/playlists", &[("Authorization", &bearer), json_type], made.as_bytes());
    let list = list.json()["id"].as_str().expect("an id").to_owned();
    let album =
        server.get(&format!("/tracks/{}", server.track(&title)), &[("Authorization", &bearer)]).json();
    let [album, artist] = ["album_id", "artist_id"].map(|id| album[id].as_str().expect("an id").to_owned());
    let views = [
        "songs".to_owned(),
        "albums".to_owned(),
        "artists".to_owned(),
        "genres".to_owned(),
        "playlists".to_owned(),
        format!("album/{album}"),
        format!("artist/{artist}"),
        format!("playlist/{list}"),
    ];
    let more = json!({ "views": views, "text": "<img src=x onerror=alert('", "title": title, "lyrics": words,
        "file": file, "sent": format!("{name} sent.wav") });
    let seen = play(server.address, &server.mira, "attack", more);
    assert_eq!((&seen["scripts"], &seen["grown"]), (&json!(0), &json!(0)), "{seen}");
}

#[test]
fn songs_change_places_by_keys_and_the_queue_is_known_elsewhere() {
    let folder = tempfile::tempdir().expect("a folder");
    let titles = ["One", "Two", "Three"];
    for title in titles {
        noise(&folder.path().join(format!("{title}.wav")), 60);
    }
    let libraries = vec![folder.path().to_owned()];
    let server = Server::start(&Options { libraries, tracks: 3, ..Options::default() }.config(CONFIG));
    let made = json!({ "name": "ordered", "tracks": titles.map(|title| server.track(title)) }).to_string();
    let fields = [("Authorization", &*server.mira.bearer()), ("Content-Type", "application/json")];
    let list = server.send("POST", "/playlists", &fields, made.as_bytes()).json();
    let more = json!({ "playlist": list["id"], "titles": titles });
    let seen = play(server.address, &server.mira, "order", more);
    assert_eq!(seen["list"], json!(["Two", "One", "Three"]), "{seen}");
    assert_eq!(seen["focused"], "Play One", "the focus goes with the song: {seen}");
    assert_eq!(
        (&seen["queue"], &seen["kept"]),
        (&json!(["Two", "Three", "One"]), &json!(["Two", "Three", "One"])),
        "{seen}"
    );
    assert_eq!(seen["elsewhere"], "Two", "{seen}");
    assert!(seen["at"].as_f64() > Some(0.9), "{seen}");
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
fn a_letter_leads_to_its_names() {
    let server = Server::start(&Options::default().config(CONFIG));
    let bearer = server.mira.bearer();
    // More than a page of them, so that the last ones are read by their letter alone.
    for number in 0..150_u64 {
        let letter = (b'A' + (number / 6) as u8) as char;
        let target = format!(
            "/uploads?filename={number}.wav&artist={letter}nders%20{number}&album={letter}%20days%20{number}"
        );
        let sent = server.send("PUT", &target, &[("Authorization", &bearer)], &sound::wav(number, 4_000));
        assert_eq!(sent.status, 201, "{}", sent.text());
    }
    let jumps = [("artists", "X"), ("albums/name", "T"), ("albums/artist", "Y"), ("artists", "B")];
    let seen = play(server.address, &server.mira, "letters", json!({ "jumps": jumps }));
    for (view, name) in [("albums/name", "T days"), ("albums/artist", "Y days"), ("artists", "Bnders")] {
        assert!(seen[view]["first"].as_str().is_some_and(|text| text.contains(name)), "{view}: {seen}");
    }
}

#[test]
fn five_stems_are_heard_one_by_one() {
    let library = Library::small();
    let server = Server::start(&Options::library(&library));
    let track = server.track("First Ripple");
    let seen = play(server.address, &server.mira, "five", json!({ "track": track }));
    assert_eq!(seen["heard"], json!(["1", "2", "3", "4", "5"]), "{seen}");
}

#[test]
fn a_browser_would_install_the_page() {
    let server = Server::start(&Options::default());
    let folder = tempfile::tempdir().expect("a folder");
    let seen = play(server.address, &server.mira, "installed", json!({ "folder": folder.path() }));
    assert_eq!((&seen["errors"], &seen["installability"]), (&json!([]), &json!([])), "{seen}");
    assert_eq!((&seen["display"], &seen["start"]), (&json!("standalone"), &json!(200)), "{seen}");
    for icon in seen["icons"].as_array().expect("icons") {
        assert!(icon[0] == "any" || icon[0] == icon[1], "it is as large as it says: {seen}");
    }
}

#[test]
fn every_view_is_for_everybody() {
    let library = Library::small();
    let server = Server::start(&Options::library(&library).config(CONFIG));
    let pictures = xtask::files::target().join("tests/page");
    let views = [
        "",
        "albums",
        "albums/name",
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
