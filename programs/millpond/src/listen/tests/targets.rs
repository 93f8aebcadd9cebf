//! Heads that hyper does not take as they come: targets that are mended on their way to it, and what is said to others.

use axum::http::{HeaderMap, Uri};
use budget::limits;

use super::*;

/// Tells what was asked.
fn echo() -> Router {
    Router::new().fallback(|uri: Uri, fields: HeaderMap, body: String| async move {
        let said = fields.get("x-said").map_or("", |value| value.to_str().unwrap());
        format!("{uri} {said} {body}")
    })
}

fn echoing(deadlines: Deadlines) -> Running {
    start(deadlines, |house| house.router = echo())
}

#[tokio::test]
async fn a_target_that_was_not_escaped_is_read_as_it_was_meant() {
    let running = echoing(Deadlines { park: SOON / 10, ..patient() });
    let mut client = running.connect().await;
    let get = b"GET /rest/search3?query=\"\"&c=Bj\xf6rk<`> HTTP/1.1\r\nHost: a\r\nX-Said: \"<>\"\r\n\r\n";
    let post = b"POST /a\"b HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nGET /\"<>\"";
    let plain = b"GET /a HTTP/1.1\r\nHost: a\r\nX-Said: \"a\"\r\n\r\n";
    let cases: [(&[u8], &str); 3] = [
        (get, "/rest/search3?query=%22%22&c=Bj%F6rk%3C%60%3E \"<>\" "),
        (post, "/a%22b  GET /\"<>\""),
        (plain, "/a \"a\" "),
    ];
    // One after the other at once, and with a pause in which the connection is parked.
    for is_parked in [false, true] {
        for (request, expected) in cases {
            client.write_all(request).await.unwrap();
            let answer = one_answer(&mut client).await;
            assert!(answer.ends_with(&format!("\r\n\r\n{expected}")), "{answer} is not {expected}");
            if is_parked {
                running.until_parked(1).await;
            }
        }
    }
    running.stop().await;
}

#[tokio::test]
async fn what_a_target_grows_by_need_not_fit_where_it_was() {
    let running = echoing(patient());
    for marks in [1_000, 3_000] {
        let (marks, more) = ("\"".repeat(marks), "x".repeat(7_000 - marks));
        let body = "y".repeat(20_000);
        let request = format!(
            "POST /{marks}{more} HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
            body.len()
        );
        let answer = running.ask(&request).await;
        let expected = format!("\r\n\r\n/{}{more}  {body}", marks.replace('"', "%22"));
        assert!(answer.ends_with(&expected), "{answer:.300}");
    }
    running.stop().await;
}

#[tokio::test]
async fn what_is_said_to_a_head_that_is_none_is_understood() {
    let running = start(patient(), |house| house.prefix = "/pond".to_owned());
    let long = "&songId=tr-1".repeat(limits::HEADER_BYTES_MAX / 10);
    // What was asked, the status, and how the answer's body begins and what it names
    let cases = [
        (format!("/rest/createPlaylist?f=json{long}"), 431, "{\"subsonic-response\":{", "by POST"),
        (format!("/pond/rest/createPlaylist?u=a{long}"), 431, "<?xml", "32768 bytes"),
        (format!("/rest/createPlaylist?f=jsonp&callback=on{long}"), 431, "on({", "by POST"),
        (format!("/tracks?{long}"), 431, "the head of this request", "32768 bytes"),
        ("/rest/search3?query=a b&f=json".to_owned(), 400, "{\"subsonic-response\":{", "%20"),
        ("/rest/search3?query=a\x7f&f=json".to_owned(), 400, "{\"subsonic-response\":{", "%20"),
        ("/tracks?query=a b".to_owned(), 400, "this is no request", "%20"),
    ];
    for (target, status, begins, names) in cases {
        let answer = running.ask(&format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n")).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{target:.60}: {answer}");
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        assert!(body.starts_with(begins) && body.contains(names), "{target:.60}: {body}");
        assert!(head.contains(&format!("Content-Length: {}", body.len())), "{head}");
        assert!(head.contains("X-Request-ID: ") && head.contains("Connection: close"), "{head}");
    }
    running.stop().await;
}

/// Hyper has read it with the one before, so nobody could mend it.
#[tokio::test]
async fn a_head_that_is_none_behind_a_request_is_answered_in_our_words_too() {
    let running = start(patient(), |_| {});
    let answers =
        running.ask("GET /ok HTTP/1.1\r\nHost: a\r\n\r\nGET /\"<>\" HTTP/1.1\r\nHost: a\r\n\r\n").await;
    let (first, second) = answers.split_once("ok").unwrap();
    assert!(first.starts_with("HTTP/1.1 200 "), "{answers}");
    assert!(second.starts_with("HTTP/1.1 400 ") && second.contains("X-Request-ID: "), "{answers}");
    assert!(second.contains("this is no request"), "{answers}");
    running.stop().await;
}
