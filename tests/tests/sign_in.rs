//! No secret is ever written down; a credential that was changed ends within a second; guessing is slow, and learns
//! nothing about who exists.

#![allow(clippy::expect_used, clippy::panic, reason = "a test says what it found by failing")]

use std::net::{IpAddr, Ipv4Addr};
use std::time::{Duration, Instant};

use tests::http::{self, Answer, Connection};
use tests::people::{base64, basic, md5_hex};
use tests::{Library, Options, Server, eventually};

/// Failures of one address for one user before the next is refused, as `budget::limits` has it.
const FAILURES_MAX: usize = 10;

fn post_session(server: &Server, from: IpAddr, name: &str, password: &str) -> Answer {
    let body = serde_json::json!({ "name": name, "password": password }).to_string();
    let mut connection = Connection::open_from(from, server.address).expect("a connection");
    let fields = [("Content-Type", "application/json"), ("Connection", "close")];
    connection.send("POST", "/session", &fields, body.as_bytes()).expect("a request is taken");
    connection.read(false).expect("an answer")
}

fn loopback(last: u8) -> IpAddr {
    IpAddr::V4(Ipv4Addr::new(127, 2, 0, last))
}

/// How a secret is sent: the target and one field.
type Way = (String, (&'static str, String));

/// Every way to send a secret that is wrong.
fn wrong_ways(user: &str, canary: &str, track: &str) -> Vec<Way> {
    let none = || ("Accept", "*/*".to_owned());
    let hex: String = canary.bytes().map(|byte| format!("{byte:02x}")).collect();
    let rest = |query: String| (format!("/rest/ping.view?v=1.16.1&c=tests&f=json&{query}"), none());
    vec![
        rest(format!("u={user}&p={canary}")),
        rest(format!("u={user}&p=enc:{hex}")),
        rest(format!("u={user}&t={}&s={canary}", md5_hex(canary))),
        rest(format!("u={user}&t={canary}&s=salt")),
        rest(format!("apiKey={canary}")),
        rest(format!("u={user}&apiKey={canary}")),
        ("/me".to_owned(), ("Authorization", basic(user, canary))),
        ("/me".to_owned(), ("Authorization", format!("Bearer {canary}"))),
        ("/me".to_owned(), ("Authorization", format!("Mystery {canary}"))),
        (
            "/me".to_owned(),
            ("Cookie", format!("millpond_session={canary}; session={canary}; other={canary}")),
        ),
        (format!("/tracks/{track}/audio?user=us-1&expires=9999999999999&signature={canary}"), none()),
        (format!("/tracks/{track}/audio?signature={canary}"), none()),
        (format!("/nowhere?apiKey={canary}"), none()),
        (format!("/rest/stream?id={track}&u={user}&p={canary}"), none()),
        (format!("/rest/nothing?u={user}&p={canary}"), none()),
    ]
}

#[test]
fn p09_no_secret_is_written_down() {
    let library = Library::small();
    let mut server = Server::start(&Options::library(&library).config("[log]\nlevel = \"debug\"\n"));
    let track = server.track("First Ripple");
    let mira = server.mira.clone();
    let mut seen = String::new();
    let wrong = format!("wr0ng-canary-{}", std::process::id());
    for (target, field) in wrong_ways(&mira.name, &wrong, &track) {
        let answer = server.get(&target, &[(field.0, &field.1)]);
        seen += &format!("{:?}\n{}\n", answer.headers, answer.text());
    }
    let answer = post_session(&server, loopback(1), &mira.name, &wrong);
    seen += &answer.text();
    let right = right_secrets(&server, &track, &mut seen);
    seen += &server.metrics();
    seen += &server.get("/metrics", &[("Authorization", &server.admin.bearer())]).text();
    seen += &server.get("/streams", &[("Authorization", &server.admin.bearer())]).text();
    server.stop();
    let output = server.output();
    assert!(
        output.contains("DEBUG"),
        "the log is at debug level, so that this test looks at something:\n{output}"
    );

    let mut secrets = vec![wrong.clone(), base64(format!("{}:{wrong}", mira.name).as_bytes()), hex(&wrong)];
    secrets.extend(right);
    for secret in &secrets {
        assert!(!secret.is_empty());
        for (place, text) in [("the log", &output), ("an answer or a metric", &seen)] {
            if let Some(line) = text.lines().find(|line| line.contains(secret.as_str())) {
                panic!("{place} has the secret {secret:?}: {line}");
            }
        }
    }
}

/// Uses every right secret once, and says which there are. Their answers go to `seen`, except those whose job it is
/// to show a secret.
fn right_secrets(server: &Server, track: &str, seen: &mut String) -> Vec<String> {
    let mira = server.mira.clone();
    let session = post_session(server, loopback(1), &mira.name, &mira.password);
    assert_eq!(session.status, 200, "{}", session.text());
    *seen += &session.text();
    let cookie = session.header("set-cookie").split(';').next().unwrap_or_default().to_owned();
    let token = cookie.split_once('=').map(|(_, token)| token.to_owned()).unwrap_or_default();
    let link = server.link(track);
    let signature = link.split("signature=").nth(1).expect("a link is signed");
    let signature = signature.split('&').next().unwrap_or_default().to_owned();
    let salted = md5_hex(&format!("{}{}", mira.app_password, "pepper"));
    let targets = [
        (format!("/rest/stream?id={track}&{}", mira.by_password()), ("Accept", "*/*".to_owned())),
        (format!("/rest/ping?{}", mira.by_token("pepper")), ("Accept", "*/*".to_owned())),
        (format!("/rest/ping?{}", mira.by_key()), ("Accept", "*/*".to_owned())),
        ("/me".to_owned(), ("Authorization", mira.basic())),
        ("/me".to_owned(), ("Authorization", basic(&mira.name, &mira.app_password))),
        ("/me".to_owned(), ("Authorization", mira.bearer())),
        ("/me/keys".to_owned(), ("Cookie", cookie)),
        (link, ("Accept", "*/*".to_owned())),
    ];
    for (target, field) in targets {
        let answer = server.get(&target, &[(field.0, &field.1)]);
        assert_eq!(answer.status, 200, "{target}: {}", answer.text());
        if answer.header("content-type").contains("json") {
            *seen += &answer.text();
        }
    }
    vec![mira.password.clone(), mira.app_password, mira.key, token, signature, salted]
}

fn hex(text: &str) -> String {
    text.bytes().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn p09_a_password_changed_by_another_process_ends_within_a_second() {
    let server = Server::start(&Options::default());
    let me = |password: &str| server.get("/me", &[("Authorization", &basic("mira", password))]).status;
    let old = server.mira.password.clone();
    assert_eq!(me(&old), 200);
    let output = server.command(&["user", "passwd", "mira", "--password-stdin"], "a-new-password-7\n");
    assert!(output.status.success(), "{output:?}");
    eventually("the old password fails", Duration::from_secs(1), || me(&old) == 401);
    assert_eq!(me("a-new-password-7"), 200);
}

#[test]
fn p09_a_user_removed_by_another_process_is_gone_within_a_second() {
    let library = Library::small();
    let server = Server::start(&Options::library(&library));
    let track = server.track("First Ripple");
    let bearer = server.mira.bearer();
    let link =
        server.send("POST", &format!("/tracks/{track}/link"), &[("Authorization", &bearer)], b"").json();
    let link =
        link["url"].as_str().expect("a link").split_once("/tracks").map(|(_, rest)| format!("/tracks{rest}"));
    let link = link.expect("a path");
    let session = post_session(&server, loopback(1), &server.mira.name, &server.mira.password);
    let cookie = session.header("set-cookie").split(';').next().unwrap_or_default().to_owned();
    let ways: Vec<Way> = vec![
        ("/me".to_owned(), ("Authorization", server.mira.basic())),
        ("/me".to_owned(), ("Authorization", bearer)),
        ("/me".to_owned(), ("Cookie", cookie)),
        (link, ("Accept", "*/*".to_owned())),
    ];
    let statuses = || -> Vec<u16> {
        ways.iter().map(|(target, field)| server.get(target, &[(field.0, &field.1)]).status).collect()
    };
    assert_eq!(statuses(), [200, 200, 200, 200]);
    let output = server.command(&["user", "remove", "mira"], "");
    assert!(output.status.success(), "{output:?}");
    eventually("no credential of hers is good", Duration::from_secs(1), || {
        statuses().iter().all(|status| matches!(status, 401 | 403))
    });
    let token = server.get(&format!("/rest/ping?{}", server.mira.by_token("salt")), &[]).json();
    // Names that nobody has get one of these two, always the same, so that neither tells who exists.
    let code = token["subsonic-response"]["error"]["code"].as_u64();
    assert!(matches!(code, Some(40 | 41)), "{token}");
}

#[test]
fn p09_only_failures_are_limited_and_only_for_their_address_and_user() {
    let server = Server::start(&Options::default());
    let (one, other) = (loopback(3), loopback(4));
    let (mira, admin) = (server.mira.clone(), server.admin.clone());
    for round in 0..FAILURES_MAX * 2 {
        let answer = post_session(&server, one, &mira.name, &mira.password);
        assert_eq!(answer.status, 200, "sign-in {round} that is right is never limited: {}", answer.text());
    }
    for round in 0..FAILURES_MAX {
        let answer = post_session(&server, one, &mira.name, "guess");
        assert_eq!(answer.status, 401, "guess {round}: {}", answer.text());
    }
    let limited = post_session(&server, one, &mira.name, "guess");
    assert_eq!(limited.status, 429, "{}", limited.text());
    assert!(
        limited.header("retry-after").parse::<u64>().is_ok_and(|after| (1..=60).contains(&after)),
        "{limited:?}"
    );
    // By whatever door, it is the same limit.
    let mut connection = Connection::open_from(one, server.address).expect("a connection");
    connection.send("GET", "/me", &[("Authorization", &basic(&mira.name, "guess"))], b"").expect("taken");
    assert_eq!(connection.read(false).expect("an answer").status, 429);
    assert_eq!(post_session(&server, one, &admin.name, "guess").status, 401, "another user is not limited");
    assert_eq!(post_session(&server, one, &admin.name, &admin.password).status, 200);
    assert_eq!(
        post_session(&server, other, &mira.name, "guess").status,
        401,
        "another address is not limited"
    );
    assert_eq!(post_session(&server, other, &mira.name, &mira.password).status, 200);
}

#[test]
fn p09_unknown_user_and_wrong_password_look_and_cost_the_same() {
    let server = Server::start(&Options::default());
    // Both ways once, so that nothing is measured that happens only once.
    for name in ["mira", "nobody"] {
        post_session(&server, loopback(20), name, "guess");
    }
    let mut times = [Vec::new(), Vec::new()];
    for round in 0..9 {
        for (number, name) in ["mira", "nobody"].into_iter().enumerate() {
            let from = loopback(30 + round);
            let start = Instant::now();
            let answer = post_session(&server, from, name, "guess");
            times[number].push(start.elapsed());
            assert_eq!(answer.status, 401);
            assert_eq!(answer.text(), post_session(&server, from, "somebody", "guess").text());
        }
    }
    let medians = times.map(|mut times| {
        times.sort();
        times[times.len() / 2]
    });
    println!("wrong password {:?}, unknown user {:?}", medians[0], medians[1]);
    let (less, more) = (medians[0].min(medians[1]), medians[0].max(medians[1]));
    assert!(more < less * 2, "the time tells who exists: {medians:?}");
    let subsonic = |user: &str| {
        let target = format!("/rest/ping?u={user}&p=guess&v=1.16.1&c=tests&f=json");
        http::get(server.address, &target, &[]).text()
    };
    assert_eq!(subsonic("mira"), subsonic("nobody"));
}
