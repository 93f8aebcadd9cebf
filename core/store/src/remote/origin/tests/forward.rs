//! What is passed on: where it goes, who pays for it, and what of an answer is believed.

use futures_util::StreamExt;
use http::{HeaderMap, Method};

use super::*;
use crate::remote::Forward;

fn request(method: Method, path: &str) -> Forward {
    let body = (method == Method::POST).then(|| futures_util::stream::iter([Ok("abc".into())]).boxed());
    let (path, fields) = (path.to_owned(), HeaderMap::new());
    Forward { method, path, fields, body, interim: Arc::new(|_, _| ()), is_proven: true }
}

#[tokio::test]
async fn a_length_that_no_file_has_is_refused_before_anything_is_held_for_it() {
    let house = House::new();
    let server = Server::start(|_| Reply::silent()).await;
    let origin = house.origin(&server, |settings| settings.bytes_max = 9);
    let mut fields = HeaderMap::new();
    fields.insert("etag", "\"a\"".parse().unwrap());
    for (length, expected) in [
        (9, None),
        (10, Some(TroubleKind::TooLarge)),
        (1 << 52, Some(TroubleKind::TooLarge)),
        (u64::MAX, Some(TroubleKind::TooLarge)),
    ] {
        let opened = origin.open_told(&path("a.mp4"), length, &fields).await;
        assert_eq!(opened.err().map(|e| e.trouble().unwrap().kind), expected, "{length}");
    }
}

#[tokio::test]
async fn no_spelling_of_a_path_leaves_what_the_origin_is_for() {
    let house = House::new();
    let server = Server::start(|_| Reply::silent()).await;
    let origin = house.origin(&server, |_| ());
    for path in [
        "..",
        ".",
        "a/../b",
        "%2e%2E/b",
        ".%2e/b",
        "..%2fb",
        "..%2Fb",
        "%2e%2e%2fb",
        "a%2f..%2f..%2fb",
        "a%2f%2e",
        "..%5cb",
        "a%5C..",
        "..;/b",
        "..;x=1/b",
        "%2e%2e%3bx/b",
    ] {
        let refused = origin.place(path).expect_err(path);
        assert_eq!(refused.kind, ErrorKind::Escapes, "{path}");
    }
    for path in ["a..b/c", "...", "%252e%252e/b", "a%2fb", "a;..", "b?c=../d", "b?..%2f"] {
        assert!(origin.place(path).is_ok(), "{path}");
    }
}

#[tokio::test]
async fn who_waits_for_a_connection_waits_for_a_time_and_holds_no_memory() {
    let house = House::new();
    let server = Server::start(|_| Reply::silent()).await;
    let origin = house.origin(&server, |settings| {
        settings.connections_max = 1;
        settings.waits.total = Duration::from_millis(500);
        settings.waits.head = Duration::from_secs(60);
    });
    let first = origin.clone();
    let stuck = tokio::spawn(async move { first.forward(request(Method::DELETE, "stuck")).await });
    let at = Instant::now();
    while server.requests().is_empty() {
        assert!(at.elapsed() < Duration::from_secs(10), "nothing was sent");
        tokio::task::yield_now().await;
    }
    let waiting: Vec<_> = [Method::POST, Method::DELETE, Method::GET]
        .map(|method| {
            let origin = origin.clone();
            tokio::spawn(async move { origin.forward(request(method, "late")).await })
        })
        .into();
    let used = || {
        let figures = house.remotes.0.budget.figures();
        figures.iter().find(|figures| figures.pool == Pool::Origins).unwrap().used_bytes
    };
    tokio::task::yield_now().await;
    assert_eq!(used(), REMOTE_READER_BYTES, "only who has a connection");
    for waiting in waiting {
        let ended = tokio::time::timeout(Duration::from_secs(10), waiting).await.expect("a bound").unwrap();
        assert_eq!(ended.unwrap_err().trouble().unwrap().kind, TroubleKind::Time);
    }
    assert_eq!(server.requests().len(), 1);
    stuck.abort();
}
