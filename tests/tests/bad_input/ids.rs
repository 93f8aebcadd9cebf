//! What a client can say that is wrong: traversal and nonsense in every id and path, broken HTTP.

use tests::http::{self, Connection, escaped};
use tests::{Library, Options, Server};

use crate::probe;

/// What every system has, and no answer may.
const CANARY: &str = "root:x:0:0";

fn payloads() -> Vec<String> {
    let mut payloads: Vec<String> = [
        "../../../../etc/passwd",
        "..",
        ".",
        "/etc/passwd",
        "//etc/passwd",
        "..\\..\\etc\\passwd",
        "....//....//etc/passwd",
        "%2e%2e%2fetc%2fpasswd",
        "..%252f..%252fetc%252fpasswd",
        "..%c0%af..%c0%afetc/passwd",
        "\u{0}",
        "tr-1\u{0}.mp3",
        "tr-1/../../etc/passwd",
        "file:///etc/passwd",
        "tr-",
        "tr--1",
        "tr-0",
        "tr-01",
        "tr-1 ",
        " tr-1",
        "TR-1",
        "tr-1;x",
        "tr-9223372036854775807",
        "tr-9223372036854775808",
        "tr-99999999999999999999999",
        "al-1",
        "ar-1",
        "us-1",
        "1",
        "-1",
        "",
        "null",
        "' OR 1=1 --",
        "\" OR \"\"=\"",
        "1;DROP TABLE tracks",
        "${jndi:ldap://x}",
        "<script>",
        "tr-１",
        "\u{202e}1-rt",
        "\r\nX-Injected: yes",
        "~",
        "*",
        "?",
        "#",
    ]
    .map(str::to_owned)
    .to_vec();
    payloads.push("../".repeat(200) + "etc/passwd");
    payloads.push("A".repeat(4_000));
    payloads
}

/// No file of the machine, no header of the client's, no fault of ours.
fn assert_harmless(server: &Server, what: &str, fields: http::Fields<'_>) {
    let answer = server.get(what, fields);
    assert!(!answer.text().contains(CANARY), "{what} led outside");
    assert!(!answer.has("x-injected"), "{what} put a field into the answer: {:?}", answer.headers);
    assert!(answer.status < 500, "{what} broke something: {} {}", answer.status, answer.text());
    assert!(
        !answer.text().to_lowercase().contains("sqlite"),
        "{what} shows what is inside: {}",
        answer.text()
    );
}

#[test]
fn p07_no_id_and_no_path_leads_outside() {
    let library = Library::small();
    let server = Server::start(&Options::library(&library));
    let bearer = server.admin.bearer();
    let signed_in = [("Authorization", bearer.as_str())];
    let endpoints = [
        "getSong",
        "getAlbum",
        "getArtist",
        "getMusicDirectory",
        "stream",
        "download",
        "getCoverArt",
        "getPlaylist",
        "scrobble",
        "star",
        "unstar",
        "setRating",
    ];
    for payload in payloads() {
        let text = escaped(&payload);
        for endpoint in endpoints {
            let target = format!("/rest/{endpoint}?id={text}&rating=1&{}", server.admin.by_key());
            let answer = server.get(&target, &[]);
            // What is no id of ours is not found; an empty one is missing; an odd one is not understood.
            let code = answer.json()["subsonic-response"]["error"]["code"].as_u64();
            // Numbers are the directories that libraries are, as the first of them says in getIndexes.
            let known = ["al-1", "ar-1"].contains(&payload.as_str())
                || payload == "1" && endpoint == "getMusicDirectory";
            let found = known || code.is_some();
            assert!(found, "{endpoint} with id {payload:?} is answered: {} {}", answer.status, answer.text());
            assert_harmless(&server, &target, &[]);
        }
        for query in ["musicFolderId", "size", "offset", "type", "genre", "callback", "f", "v", "c", "u"] {
            assert_harmless(
                &server,
                &format!("/rest/getAlbumList2?type=newest&{query}={text}&{}", server.admin.by_key()),
                &[],
            );
        }
        for path in [
            "/tracks/{}",
            "/tracks/{}/audio",
            "/tracks/{}/cover",
            "/me/keys/{}",
            "/tracks?after={}",
            "/{}",
            "/rest/{}",
            "/tracks/tr-1/{}",
        ] {
            assert_harmless(&server, &path.replace("{}", &text), &signed_in);
        }
    }
    probe(&server, "traversal in ids and paths");
}

#[test]
fn p07_paths_that_are_not_escaped_lead_nowhere() {
    let library = Library::small();
    let server = Server::start(&Options::library(&library));
    let targets = [
        "/../../../../etc/passwd",
        "/./../etc/passwd",
        "/tracks/../../../etc/passwd",
        "//etc/passwd",
        "/..%2f..%2fetc%2fpasswd",
        "/%2e%2e/%2e%2e/etc/passwd",
        "/app/../../etc/passwd",
        "/rest/../../../../etc/passwd",
        "http://elsewhere.test/etc/passwd",
        "/tracks/tr-1/audio/../../../../../etc/passwd",
        "/.git/config",
        "/data/secret.key",
        "/secret.key",
        "/millpond.db",
    ];
    for target in targets {
        let answer = server.get(target, &[("Authorization", &server.admin.bearer())]);
        // Under /rest even what is not there is told in the envelope.
        let refused = matches!(answer.status, 400 | 404) || answer.text().contains("status=\"failed\"");
        assert!(refused, "{target}: {} {}", answer.status, answer.text());
    }
    probe(&server, "raw traversal");
}

#[test]
fn p07_broken_http_is_refused_and_the_server_goes_on() {
    let server = Server::start(&Options::default());
    let long = format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", "a".repeat(200_000));
    let many = format!("GET / HTTP/1.1\r\nHost: a\r\n{}\r\n", "X-A: b\r\n".repeat(2_000));
    let requests: &[(&str, &[u8])] = &[
        ("no HTTP", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 hello\r\n\r\n"),
        ("a target too long", long.as_bytes()),
        ("too many fields", many.as_bytes()),
        ("two lengths", b"POST /session HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef"),
        ("a length and chunks", b"POST /session HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: gzip\r\n\r\nabcde"),
        ("a negative length", b"POST /session HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n"),
        ("a broken chunk", b"POST /session HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\n"),
        ("a NUL in a field", b"GET / HTTP/1.1\r\nHost: a\r\nX-A: a\0b\r\n\r\n"),
        ("a space before the colon", b"GET / HTTP/1.1\r\nHost: a\r\nX-A : b\r\n\r\n"),
    ];
    for (name, request) in requests {
        let mut connection = Connection::open(server.address).expect("a connection");
        // The server may close its side while a long request is still being sent.
        let _ = connection.send_raw(request);
        let answer = connection.read(false);
        let status = answer.as_ref().map_or(0, |answer| answer.status);
        assert!(status == 0 || (400..500).contains(&status), "{name}: {answer:?}");
        probe(&server, name);
    }
}
