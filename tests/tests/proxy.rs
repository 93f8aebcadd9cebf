//! The core once more behind nginx under `/music/`: sign-in, lists, streams, ranges and links work, and limits and
//! logs follow the client that a trusted proxy names, and nobody else's word.

#![allow(clippy::expect_used, clippy::panic, reason = "a test says what it found by failing")]

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use tests::http::{self, Answer, Connection, Fields};
use tests::{Library, Nginx, Options, Server, free_port};

/// Whether nginx takes the prefix off before it passes a request on.
#[derive(Clone, Copy)]
enum Prefix {
    Stripped,
    Kept,
}

struct House {
    library: Library,
    server: Server,
    nginx: Nginx,
}

fn house(prefix: Prefix, scheme: &str) -> House {
    let (millpond_port, nginx_port) = (free_port(), free_port());
    let slash = if matches!(prefix, Prefix::Stripped) { "/" } else { "" };
    let nginx = Nginx::start_on(
        nginx_port,
        &format!(
            "    location /music/ {{\n      proxy_pass http://127.0.0.1:{millpond_port}{slash};\n      \
             proxy_http_version 1.1;\n      proxy_buffering off;\n      proxy_set_header Host $http_host;\n      \
             proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;\n      \
             proxy_set_header X-Forwarded-Proto {scheme};\n    }}"
        ),
    );
    let library = Library::small();
    let config = format!(
        "[server]\nbase_url = \"{scheme}://127.0.0.1:{nginx_port}/music\"\ntrusted_proxies = [\"127.0.0.1\"]\n\
         [log]\nlevel = \"debug\"\n"
    );
    let options = Options { port: Some(millpond_port), ..Options::library(&library).config(&config) };
    House { library, server: Server::start(&options), nginx }
}

fn loopback(last: u8) -> IpAddr {
    IpAddr::V4(Ipv4Addr::new(127, 3, 0, last))
}

fn send_from(
    from: IpAddr,
    to: SocketAddr,
    method: &str,
    target: &str,
    fields: Fields<'_>,
    body: &[u8],
) -> Answer {
    let mut connection = Connection::open_from(from, to).expect("a connection");
    connection.send(method, target, fields, body).expect("a request is taken");
    connection.read(method == "HEAD").expect("an answer")
}

/// The core: what every client does first.
fn check_core(prefix: Prefix) {
    let House { library, server, nginx } = &house(prefix, "http");
    let through = |method: &str, target: &str, fields: Fields<'_>, body: &[u8]| {
        http::send(nginx.address, method, target, fields, body)
    };
    let form = serde_json::json!({ "name": server.mira.name, "password": server.mira.password }).to_string();
    let session = through("POST", "/music/session", &[("Content-Type", "application/json")], form.as_bytes());
    assert_eq!(session.status, 200, "sign-in: {}", session.text());
    let set = session.header("set-cookie").to_owned();
    assert!(set.contains("Path=/music"), "the cookie belongs to the prefix: {set}");
    let cookie = set.split(';').next().unwrap_or_default();
    assert_eq!(through("GET", "/music/me", &[("Cookie", cookie)], b"").json()["user"]["name"], "mira");

    let tracks = through("GET", "/music/tracks", &[("Cookie", cookie)], b"");
    assert_eq!(tracks.status, 200, "list: {}", tracks.text());
    for song in &library.songs {
        assert!(
            tracks.text().contains(&serde_json::json!(song.title).to_string()),
            "{} is listed",
            song.title
        );
    }
    let listed =
        through("GET", &format!("/music/rest/getAlbumList2?type=newest&{}", server.mira.by_key()), &[], b"");
    let albums = &listed.json()["subsonic-response"]["albumList2"]["album"];
    assert_eq!(albums.as_array().map(Vec::len), Some(4), "{}", listed.text());

    let song = library.song("Third Ripple");
    let (track, file) = (server.track(song.title), library.bytes(&song));
    let streamed =
        through("GET", &format!("/music/rest/stream?id={track}&{}", server.mira.by_key()), &[], b"");
    assert_eq!((streamed.status, &streamed.body), (200, &file), "a whole stream");
    let audio = format!("/music/tracks/{track}/audio");
    let part = through("GET", &audio, &[("Cookie", cookie), ("Range", "bytes=100-199")], b"");
    assert_eq!((part.status, &part.body[..]), (206, &file[100..200]), "a range");

    let made = through(
        "POST",
        &format!("/music/tracks/{track}/link"),
        &[("Authorization", &server.mira.bearer())],
        b"",
    );
    let url = made.json()["url"].as_str().unwrap_or_default().to_owned();
    let base = format!("http://{}/music/", nginx.address);
    assert!(url.starts_with(&base), "the link leads through the proxy: {url}");
    let path = url.trim_start_matches(&format!("http://{}", nginx.address));
    assert_eq!(through("GET", path, &[], b"").body, file, "the link plays");
    let missing = through("GET", "/music/nowhere", &[], b"");
    assert_eq!(missing.status, 404);
}

#[test]
fn the_core_works_behind_nginx_that_strips_the_prefix() {
    check_core(Prefix::Stripped);
}

#[test]
fn the_core_works_behind_nginx_that_keeps_the_prefix() {
    check_core(Prefix::Kept);
}

fn session_body(name: &str, password: &str) -> Vec<u8> {
    serde_json::json!({ "name": name, "password": password }).to_string().into_bytes()
}

#[test]
fn p05_limits_and_logs_follow_the_client_behind_the_proxy() {
    let House { server, nginx, .. } = &house(Prefix::Stripped, "http");
    let json = [("Content-Type", "application/json")];
    let guess = |from| {
        send_from(from, nginx.address, "POST", "/music/session", &json, &session_body("mira", "guess")).status
    };
    let guesses: Vec<u16> = (0..12).map(|_| guess(loopback(7))).collect();
    assert_eq!(guesses[..10], [401; 10]);
    assert_eq!(guesses[10..], [429, 429], "the eleventh guess of one client is refused");
    assert_eq!(guess(loopback(8)), 401, "another client behind the same proxy is not");
    assert!(server.output().contains("127.3.0.7"), "the log names the client:\n{}", server.output());
}

#[test]
fn p05_a_forged_address_from_an_untrusted_peer_is_ignored() {
    let House { server, .. } = &house(Prefix::Stripped, "http");
    let guess = |from, forged: &str| {
        let fields = [
            ("Content-Type", "application/json"),
            ("X-Forwarded-For", forged),
            ("X-Real-IP", forged),
            ("Forwarded", &format!("for={forged}")),
        ];
        send_from(from, server.address, "POST", "/session", &fields, &session_body("mira", "guess")).status
    };
    let guesses: Vec<u16> = (0..12).map(|number| guess(loopback(9), &format!("192.0.2.{number}"))).collect();
    assert_eq!(guesses[10..], [429, 429], "a new forged address for each guess does not help: {guesses:?}");
    // The control: from the trusted proxy the same fields count.
    let proxy = IpAddr::V4(Ipv4Addr::LOCALHOST);
    let guesses: Vec<u16> = (0..12).map(|number| guess(proxy, &format!("192.0.2.{number}"))).collect();
    assert_eq!(guesses, [401; 12], "the proxy's word counts");
    // What a client wrote itself stands before what the proxy appended, and is not believed.
    let chain = |number: usize| guess(proxy, &format!("198.51.100.{number}, 192.0.2.77"));
    let guesses: Vec<u16> = (0..12).map(chain).collect();
    assert_eq!(guesses[10..], [429, 429], "only the last hop counts: {guesses:?}");
}

#[test]
fn the_session_cookie_is_secure_when_the_client_came_by_https() {
    for (scheme, secure) in [("https", true), ("http", false)] {
        let House { server, nginx, .. } = &house(Prefix::Stripped, scheme);
        let json = [("Content-Type", "application/json")];
        let body = session_body(&server.mira.name, &server.mira.password);
        let session = http::send(nginx.address, "POST", "/music/session", &json, &body);
        let cookie = session.header("set-cookie");
        assert_eq!(cookie.contains("; Secure"), secure, "{scheme}: {cookie}");
        // Said by a peer that is not trusted, it counts for nothing.
        let forged = [json[0], ("X-Forwarded-Proto", "https")];
        let session = send_from(loopback(11), server.address, "POST", "/session", &forged, &body);
        assert!(!session.header("set-cookie").contains("; Secure"), "{:?}", session.headers);
    }
}
