//! What keeps strangers and their scripts out: fields of answers, forms of other origins, names full of script.

use std::fs;

use serde_json::{Value, json};
use tests::media::{ffmpeg, noise};
use tests::tus::{Tus, location, metadata};
use tests::{Library, Options, Server, eventually};

use super::{CONFIG, WITHIN, play};

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

/// What each class of routes says may run: nothing but the page may run a script, and the page none but its own.
const NOTHING: &str = "default-src 'none'; base-uri";
const MEDIA: &str = "default-src 'none'; media-src 'self'";
const OWN: &str = "script-src 'self'";

/// The classes that pages of other sites may show: apps in browsers, and origins that are public.
const OF_OTHERS: [&str; 4] =
    ["Subsonic", "a rendition of a public origin", "one in the other spelling", "a wrong option"];

/// A class of routes: its name, a method and a target of it, the status, and what may run.
type Class<'a> = (&'a str, &'a str, String, u16, &'static str);

#[test]
fn every_class_of_routes_has_its_fields() {
    let library = Library::small();
    let config = format!(
        "[[cdn.origin]]\nname = \"clips\"\npath = \"/clips/\"\nfolder = \"{}\"\npublic = true\n",
        library.root.display()
    );
    let server = Server::start(&Options::library(&library).config(&config));
    let (bearer, track) = (server.mira.bearer(), server.track("First Ripple"));
    let ask = |method: &str, target: &str| server.send(method, target, &[("Authorization", &bearer)], b"");
    let page = ask("GET", "/app/").text();
    let script = page.split('"').find(|word| word.starts_with("./assets/")).expect("a script").to_owned();
    let tus = Tus::of(&server, &server.mira);
    let begun = tus.create(Some(1_000), &metadata(&[("filename", "Half.wav")]), &[]).expect("an upload");
    let upload = location(&begun).expect("where it is");
    let made = ask("GET", &format!("/rest/createShare?id={track}&{}", server.mira.by_key())).json();
    let shared = made["subsonic-response"]["shares"]["share"][0]["url"].as_str().expect("a link").to_owned();
    let share = &shared[shared.find("/share/").expect("its path")..];
    let asked = ask("POST", &format!("/tracks/{track}/stems?stems=2&engine=spectral")).json();
    let job = format!("/jobs/{}", asked["id"].as_str().or(asked["job_id"].as_str()).expect("a job"));
    eventually("it is taken apart", WITHIN, || {
        ask("GET", &format!("/tracks/{track}/stems")).json()["stems"][0].is_object()
    });
    let song = library.song("First Ripple").path.replace(' ', "%20");
    let classes: [Class<'_>; 26] = [
        ("the page", "GET", "/app/".to_owned(), 200, OWN),
        ("a file of the page", "GET", format!("/app{}", script.trim_start_matches('.')), 200, OWN),
        ("an answer of the API", "GET", "/me".to_owned(), 200, NOTHING),
        ("a list", "GET", "/tracks".to_owned(), 200, NOTHING),
        ("an error", "GET", "/tracks/tr-999999".to_owned(), 404, NOTHING),
        ("a path that is none", "GET", "/nothing/here".to_owned(), 404, NOTHING),
        ("the door of strangers", "GET", "/health".to_owned(), 200, NOTHING),
        ("the metrics", "GET", "/metrics".to_owned(), 403, NOTHING),
        ("sound", "GET", format!("/tracks/{track}/audio"), 200, MEDIA),
        ("a cover", "GET", format!("/tracks/{track}/cover"), 200, MEDIA),
        ("a rendition", "GET", format!("/media/{track}/waveform.png"), 200, MEDIA),
        ("a rendition of a public origin", "GET", format!("/clips/{song}?mode=audio"), 200, MEDIA),
        ("one in the other spelling", "GET", format!("/cdn-cgi/media/mode=audio/clips/{song}"), 200, MEDIA),
        ("a wrong option", "GET", format!("/cdn-cgi/media/mode=nothing/clips/{song}"), 400, NOTHING),
        ("Subsonic", "GET", "/rest/ping?f=json".to_owned(), 200, NOTHING),
        // Of events, which end with the server, the head is enough.
        ("events", "HEAD", "/events".to_owned(), 200, NOTHING),
        ("uploads", "GET", "/uploads".to_owned(), 200, NOTHING),
        ("what uploads may be", "OPTIONS", "/uploads".to_owned(), 204, NOTHING),
        ("an upload", "HEAD", upload, 204, NOTHING),
        ("a share", "GET", share.to_owned(), 200, MEDIA),
        ("sound of a share", "GET", format!("{share}/tracks/{track}/audio"), 200, MEDIA),
        ("a job", "GET", format!("{job}/status"), 200, NOTHING),
        ("the stems of a song", "GET", format!("/tracks/{track}/stems"), 200, NOTHING),
        ("a stem", "GET", format!("/tracks/{track}/stems/vocals.flac"), 200, MEDIA),
        ("the description", "GET", "/openapi.json".to_owned(), 200, NOTHING),
        ("a playlist for players", "GET", "/playlists/pl-999999/m3u8".to_owned(), 404, NOTHING),
    ];
    for (class, method, target, status, policy) in classes {
        let answer = ask(method, &target);
        assert_eq!(answer.status, status, "{class}: {}", answer.text());
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{class}");
        assert_eq!(answer.header("referrer-policy"), "no-referrer", "{class}");
        let said = answer.header("content-security-policy");
        assert!(said.contains(policy), "{class}: {}", answer.head());
        let runs = said.split(';').find(|part| part.contains("script-src"));
        assert!(runs.is_none_or(|part| part.trim() == OWN), "{class}: {}", answer.head());
        let readers = answer.header("cross-origin-resource-policy");
        let of_others = OF_OTHERS.contains(&class);
        assert_eq!(readers, if of_others { "cross-origin" } else { "same-origin" }, "{class}");
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
