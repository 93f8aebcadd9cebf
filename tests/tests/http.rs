//! HTTP as other people's clients know it: HEAD, early answers, headers, CORS, compression, JSONP.

#![allow(clippy::expect_used, clippy::panic, reason = "a test says what it found by failing")]
#![allow(clippy::disallowed_methods, reason = "a test reads small files of its own whole")]

use std::time::Duration;

use tests::http::{self, Answer, Connection};
use tests::{Library, Options, Server, clients};

fn server() -> (Library, Server) {
    let library = Library::small();
    let server = Server::start(
        &Options::library(&library).config("[server]\ncors_origins = [\"http://player.test\"]\n"),
    );
    (library, server)
}

/// Every GET path of the server's own API and of Subsonic that answers with something.
fn readable(server: &Server) -> Vec<String> {
    let track = server.track("First Ripple");
    let album = server.subsonic("getSong", &format!("id={track}"))["song"]["albumId"]
        .as_str()
        .expect("an id")
        .to_owned();
    let key = server.admin.by_key();
    let own = [
        "/",
        "/health",
        "/openapi.json",
        "/metrics",
        "/me",
        "/me/keys",
        "/me/app-passwords",
        "/tracks",
        "/scan",
        "/streams",
    ];
    let mut paths: Vec<String> = own.iter().map(|path| (*path).to_owned()).collect();
    paths.extend(["", "/audio", "/cover"].map(|part| format!("/tracks/{track}{part}")));
    let lists = [
        "ping",
        "getLicense",
        "getMusicFolders",
        "getIndexes",
        "getArtists",
        "getGenres",
        "getStarred2",
        "getPlaylists",
        "getOpenSubsonicExtensions",
    ];
    paths.extend(lists.map(|endpoint| format!("/rest/{endpoint}?{key}")));
    let by_id = [
        ("getSong", &track),
        ("stream", &track),
        ("download", &track),
        ("getAlbum", &album),
        ("getCoverArt", &album),
    ];
    paths.extend(by_id.map(|(endpoint, id)| format!("/rest/{endpoint}.view?id={id}&{key}")));
    paths
}

#[test]
fn head_is_answered_wherever_get_is() {
    let (_library, server) = server();
    let bearer = server.admin.bearer();
    for path in readable(&server) {
        let fields = [("Authorization", bearer.as_str())];
        let fields = if path.starts_with("/rest") { &[][..] } else { &fields };
        let get = server.get(&path, fields);
        assert_eq!(get.status, 200, "GET {path}: {}", get.text());
        // On a kept connection a body after HEAD would be read as the next answer.
        let mut connection = Connection::open(server.address).expect("a connection");
        for _ in 0..2 {
            connection.send("HEAD", &path, fields, b"").expect("taken");
            let head = connection.read(true).unwrap_or_else(|error| panic!("HEAD {path}: {error}"));
            assert_eq!(head.status, get.status, "HEAD {path}");
            for name in ["content-type", "accept-ranges", "etag", "last-modified", "content-disposition"] {
                assert_eq!(head.header(name), get.header(name), "{name} of HEAD {path}");
            }
            let length = |answer: &Answer| {
                answer.has("content-length").then(|| answer.header("content-length").to_owned())
            };
            assert!(!head.has("etag") || length(&head) == length(&get), "the length of HEAD {path}");
            // Answers that differ from time to time in a digit have a length all the same.
            let tells_none = length(&head).is_none();
            assert!(
                tells_none || length(&get).is_some() && length(&head).as_deref() != Some("0"),
                "HEAD {path}: {}",
                head.head()
            );
        }
    }
}

#[test]
fn head_tells_no_length_of_what_has_none_yet() {
    let (_library, server) = server();
    let target = format!(
        "/rest/stream?id={}&format=opus&maxBitRate=64&{}",
        server.track("First Ripple"),
        server.admin.by_key()
    );
    let mut connection = Connection::open(server.address).expect("a connection");
    for _ in 0..2 {
        connection.send("HEAD", &target, &[], b"").expect("taken");
        let head = connection.read(true).expect("an answer");
        assert_eq!((head.status, head.header("content-type")), (200, "audio/ogg"), "{}", head.head());
        assert!(!head.has("content-length") && !head.has("transfer-encoding"), "{}", head.head());
    }
    let got = server.get(&target, &[]);
    assert!(got.whole && got.body.len() > 1_000, "{}", got.head());
}

#[test]
fn every_answer_has_an_id_and_its_time() {
    let (_library, server) = server();
    let mut ids = std::collections::HashSet::new();
    for path in ["/", "/health", "/nowhere", "/me", "/tracks/tr-1/audio", "/rest/ping", "/rest/nothing"] {
        let answer = server.get(path, &[]);
        let id = answer.header("x-request-id").to_owned();
        assert!(!id.is_empty() && ids.insert(id), "{path} has an id of its own: {:?}", answer.headers);
        let time = answer.header("x-process-time");
        let decimals = time.split_once('.').map(|(_, decimals)| decimals.len());
        assert!(time.parse::<f64>().is_ok() && decimals == Some(3), "X-Process-Time of {path} is {time:?}");
    }
}

/// A client that sends 20 MB to a route that says no before it has read them.
struct Early {
    path: &'static str,
    content_type: &'static str,
    status: u16,
}

const EARLY: [Early; 3] = [
    Early { path: "/me/keys", content_type: "application/json", status: 401 },
    Early { path: "/session", content_type: "application/json", status: 413 },
    Early { path: "/rest/ping", content_type: "application/x-www-form-urlencoded", status: 413 },
];

fn check_early(client: &str, run: impl Fn(&Server, &Early) -> String) {
    let (_library, server) = server();
    for early in &EARLY {
        let said = run(&server, early);
        assert!(said.starts_with(&early.status.to_string()), "{client} {}: {said:?}", early.path);
        assert!(said.trim().len() > 5, "{client} {}: the body is read too: {said:?}", early.path);
    }
}

fn client_output(program: &str, arguments: &[&str]) -> String {
    let output = clients::run(program, arguments, Duration::from_secs(30));
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{program}: {said} {}", String::from_utf8_lossy(&output.stderr));
    said
}

fn script(name: &str) -> String {
    clients::script(name).to_str().expect("a path in UTF-8").to_owned()
}

#[test]
fn an_early_answer_to_20_mb_reaches_python() {
    check_early("http.client", |server, early| {
        let port = server.address.port().to_string();
        client_output("python3", &[&script("early.py"), "127.0.0.1", &port, early.path, early.content_type])
    });
}

#[test]
fn an_early_answer_to_20_mb_reaches_node() {
    check_early("fetch", |server, early| {
        let address = server.address.to_string();
        client_output("node", &[&script("early.mjs"), &address, early.path, early.content_type])
    });
}

#[test]
fn an_early_answer_to_20_mb_reaches_curl() {
    let body = tempfile::NamedTempFile::new().expect("a file");
    body.as_file().set_len(20_000_000).expect("a long file");
    let from = format!("@{}", body.path().display());
    check_early("curl", |server, early| {
        let url = format!("http://{}{}", server.address, early.path);
        let content_type = format!("Content-Type: {}", early.content_type);
        // Without "Expect", which would ask before it sends.
        let fields = ["-H", &content_type, "-H", "Expect:", "--data-binary", &from];
        let arguments = [&["-sS", "-w", "%{stderr}%{http_code}"][..], &fields, &[&url]].concat();
        let output = clients::run("curl", &arguments, Duration::from_secs(30));
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        assert!(output.status.success(), "curl: {output:?}");
        format!("{} {}", text(&output.stderr), text(&output.stdout))
    });
}

#[test]
fn http_2_and_a_unix_socket_play_the_same_bytes() {
    let library = Library::small();
    let folder = tempfile::tempdir().expect("a folder");
    let socket = folder.path().join("millpond.sock");
    let socket = socket.to_str().expect("a path in UTF-8");
    let arguments = ["--listen".to_owned(), format!("unix:{socket}")].to_vec();
    let server = Server::start(&Options { arguments, ..Options::library(&library) });
    let song = library.song("Third Ripple");
    let url = format!("http://{}{}", server.address, server.link(&server.track(song.title)));
    let ways: [(&str, &[&str]); 3] = [
        ("HTTP/1.1", &[]),
        ("HTTP/2 by prior knowledge", &["--http2-prior-knowledge"]),
        ("a Unix socket", &["--unix-socket", socket]),
    ];
    for (way, arguments) in ways {
        let to = folder.path().join("got");
        let to = to.to_str().expect("a path in UTF-8");
        let arguments = [arguments, &["-sS", "--fail", "-o", to, &url]].concat();
        let output = clients::run("curl", &arguments, Duration::from_secs(20));
        assert!(output.status.success(), "{way}: {output:?}");
        assert!(std::fs::read(to).expect("a file") == library.bytes(&song), "{way}: other bytes");
    }
}

#[test]
fn cors_lets_every_page_use_subsonic_and_links_and_named_pages_the_rest() {
    let (_library, server) = server();
    let track = server.track("Cattail");
    let link = server.link(&track);
    let ping = format!("/rest/ping?{}", server.mira.by_key());
    let origin = |origin| [("Origin", origin)];
    for target in [&ping, &link] {
        let answer = server.get(target, &origin("http://anywhere.test"));
        assert_eq!(answer.status, 200);
        assert_eq!(answer.header("access-control-allow-origin"), "*", "{target}");
        assert!(!answer.has("access-control-allow-credentials"), "{target}");
        let exposed = answer.header("access-control-expose-headers").to_ascii_lowercase();
        for name in ["content-range", "content-length", "accept-ranges", "etag"] {
            assert!(exposed.contains(name), "{name} is exposed on {target}: {exposed}");
        }
        let asked = [
            origin("http://anywhere.test")[0],
            ("Access-Control-Request-Method", "GET"),
            ("Access-Control-Request-Headers", "range"),
        ];
        let answer = server.send("OPTIONS", target, &asked, b"");
        assert!(matches!(answer.status, 200 | 204), "{}", answer.status);
        assert!(
            answer.header("access-control-allow-headers").to_ascii_lowercase().contains("range"),
            "{:?}",
            answer.headers
        );
    }
    let ours =
        server.get("/me", &[("Origin", "http://player.test"), ("Authorization", &server.mira.bearer())]);
    assert_eq!(ours.header("access-control-allow-origin"), "http://player.test");
    assert_eq!(ours.header("access-control-allow-credentials"), "true");
    assert!(ours.header("vary").to_ascii_lowercase().contains("origin"), "{:?}", ours.headers);
    let foreign =
        server.get("/me", &[("Origin", "http://evil.test"), ("Authorization", &server.mira.bearer())]);
    assert!(!foreign.has("access-control-allow-origin"), "{:?}", foreign.headers);
}

#[test]
fn options_never_needs_a_sign_in() {
    let (_library, server) = server();
    for path in ["/me", "/tracks", "/metrics", "/tracks/tr-1/audio", "/rest/stream", "/session"] {
        let asked = [("Origin", "http://player.test"), ("Access-Control-Request-Method", "GET")];
        let answer = server.send("OPTIONS", path, &asked, b"");
        assert!(matches!(answer.status, 200 | 204), "OPTIONS {path}: {} {}", answer.status, answer.text());
    }
}

#[test]
fn text_is_compressed_when_asked_for_and_media_never() {
    let (_library, server) = server();
    let bearer = server.mira.bearer();
    let fields = [("Authorization", bearer.as_str()), ("Accept-Encoding", "gzip, deflate, br")];
    for path in
        ["/openapi.json", "/tracks", &format!("/rest/search3?query=&songCount=100&{}", server.mira.by_key())]
    {
        let answer = server.get(path, &fields);
        assert_eq!(answer.header("content-encoding"), "gzip", "{path}: {:?}", answer.headers);
        assert!(
            answer.header("vary").to_ascii_lowercase().contains("accept-encoding"),
            "{path}: {:?}",
            answer.headers
        );
    }
    for title in ["First Ripple", "Third Ripple", "Cattail", "Bulrush", "Sweet Flag", "Pebble", "Gravel"] {
        let track = server.track(title);
        for path in
            [format!("/tracks/{track}/audio"), format!("/rest/stream?id={track}&{}", server.mira.by_key())]
        {
            let answer = server.get(&path, &fields);
            assert!(
                !answer.has("content-encoding") && answer.has("content-length"),
                "{path}: {:?}",
                answer.headers
            );
        }
    }
}

#[test]
fn every_format_has_its_media_type() {
    let (library, server) = server();
    for song in &library.songs {
        let answer = server.get(
            &format!("/tracks/{}/audio", server.track(song.title)),
            &[("Authorization", &server.mira.bearer()), ("Range", "bytes=0-9")],
        );
        assert_eq!(answer.header("content-type"), song.content_type, "{}", song.path);
    }
}

#[test]
fn a_download_has_a_name_that_every_browser_reads() {
    let (_library, server) = server();
    let track = server.track("Zweite Welle ä & <ö>");
    let answer: Answer = server.get(&format!("/rest/download?id={track}&{}", server.mira.by_key()), &[]);
    let disposition = answer.header("content-disposition");
    assert!(disposition.starts_with("attachment"), "{disposition}");
    assert!(
        disposition.contains("filename*=UTF-8''") && disposition.contains("%C3%A4"),
        "RFC 8187: {disposition}"
    );
    assert!(disposition.is_ascii(), "{disposition}");
}

#[test]
fn jsonp_wraps_the_answer_in_a_callback_with_a_harmless_name() {
    let (_library, server) = server();
    let query = server.mira.by_key().replace("f=json", "f=jsonp");
    let answer = http::get(server.address, &format!("/rest/ping?{query}&callback=player.on"), &[]);
    let text = answer.text();
    assert!(text.starts_with("player.on(") && text.trim_end().ends_with(");"), "{text}");
    assert!(answer.header("content-type").contains("javascript"), "{:?}", answer.headers);
    let evil = http::get(server.address, &format!("/rest/ping?{query}&callback=alert(1)%2F%2F"), &[]);
    assert!(!evil.text().contains("alert(1)//("), "{}", evil.text());
}

/// What apps send that escape nothing, and what Subsonic's own server takes.
#[test]
fn an_address_that_was_not_escaped_is_read_as_it_was_meant() {
    let (_library, server) = server();
    let key = server.mira.by_key();
    let titles = |query: &str| {
        let answer = server.get(&format!("/rest/search3?query={query}&{key}"), &[]);
        assert_eq!(answer.status, 200, "{query}: {}", answer.text());
        let songs = answer.json()["subsonic-response"]["searchResult3"]["song"].clone();
        let songs = songs.as_array().cloned().unwrap_or_default();
        songs.iter().map(|song| song["title"].as_str().unwrap_or_default().to_owned()).collect::<Vec<_>>()
    };
    for (raw, escaped) in [("\"\"", "%22%22"), ("\"Ripple\"", "%22Ripple%22"), ("<ö>", "%3C%C3%B6%3E")] {
        let found = titles(raw);
        assert!(!found.is_empty() && found == titles(escaped), "{raw}: {found:?}");
    }
}

#[test]
fn a_head_that_is_too_long_is_told_so_in_words_and_may_come_by_post() {
    let (_library, server) = server();
    let song = format!("&songId={}", server.track("First Ripple")).repeat(3_000);
    let target = format!("/rest/createPlaylist?{}&name=long", server.mira.by_key());
    let refused = server.get(&format!("{target}{song}"), &[]);
    let error = refused.json()["subsonic-response"]["error"].clone();
    let message = error["message"].as_str().unwrap_or_default();
    assert_eq!((refused.status, error["code"].as_u64()), (431, Some(0)), "{}", refused.text());
    assert!(message.contains("32768 bytes") && message.contains("by POST"), "{message}");
    assert_eq!(refused.header("access-control-allow-origin"), "*");
    let fields = [("Content-Type", "application/x-www-form-urlencoded")];
    let made = server.send("POST", &target, &fields, song.as_bytes()).json()["subsonic-response"].clone();
    assert_eq!((&made["status"], &made["playlist"]["songCount"]), (&"ok".into(), &3_000.into()), "{made}");

    let plain = server.get(&format!("/tracks?{song}"), &[]);
    assert_eq!((plain.status, plain.header("content-type")), (431, "text/plain"), "{}", plain.text());
    assert!(plain.text().contains("32768 bytes"), "{}", plain.text());
}
