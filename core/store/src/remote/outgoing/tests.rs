use std::net::IpAddr;

use budget::limits::{KIB, MIB};

use super::*;
use crate::error::ErrorKind;
use crate::remote::stand_in::{End, Reply, Server};

fn outgoing(private: Private) -> Outgoing {
    let names = Names::test(|name| match name {
        "private.test" => vec![IpAddr::from([10, 0, 0, 1])],
        _ => vec![IpAddr::from([127, 0, 0, 1])],
    });
    Outgoing::with(Budget::new(256 * MIB).unwrap(), private, Tls::default(), names)
}

/// One that may ask this machine.
fn local() -> Outgoing {
    outgoing(Private::Listed(vec!["127.0.0.1/32".parse().unwrap()]))
}

fn request(method: Method, server: &Server, path: &str, body: &'static str) -> Request<Bytes> {
    let address = format!("http://127.0.0.1:{}{path}", server.port);
    let request = Request::builder().method(method).uri(address).header(AUTHORIZATION, "Token 7");
    request.body(Bytes::from_static(body.as_bytes())).unwrap()
}

fn said(status: &str, text: &str) -> Reply {
    let mut reply = Reply::new(status);
    reply.set("content-length", &text.len().to_string());
    reply.body = text.as_bytes().to_vec();
    reply
}

fn redirect(to: &str) -> Reply {
    let mut reply = Reply::new("302 Found");
    reply.set("location", to);
    reply
}

fn kind(e: &Error) -> TroubleKind {
    e.trouble().unwrap_or_else(|| panic!("{e}")).kind
}

async fn text(answer: OutgoingAnswer) -> String {
    String::from_utf8(answer.whole(KIB as usize).await.unwrap().to_vec()).unwrap()
}

#[tokio::test]
async fn a_request_is_sent_with_its_body_and_every_status_is_an_answer() {
    let server = Server::start(|request| match &*request.path {
        "/a?b=c" => said("200 OK", "yes"),
        _ => said("429 Too Many Requests", "no"),
    })
    .await;
    let outgoing = local();
    let answer = outgoing.send(request(Method::POST, &server, "/a?b=c", "hello")).await.unwrap();
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(text(answer).await, "yes");
    let answer = outgoing.send(request(Method::GET, &server, "/b", "")).await.unwrap();
    assert_eq!(answer.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(text(answer).await, "no");
    let requests = server.requests();
    assert_eq!(requests[0].body, b"hello");
    assert_eq!(requests[0].field("authorization"), Some("token 7"));
    assert_eq!(requests[0].field("accept-encoding"), Some("identity"));
    assert!(requests[0].field("user-agent").unwrap().starts_with("millpond/"));
    assert_eq!(server.most(), 1, "the connection is kept");
}

#[tokio::test]
async fn p07_redirects_of_get_are_judged_each_and_tell_nobody_else_who_we_are() {
    let far = Server::at("127.0.0.1", None, |_| said("200 OK", "far")).await;
    let port = far.port;
    let server = Server::start(move |request| match &*request.path {
        "/near" => redirect("/end"),
        "/far" => redirect(&format!("http://127.0.0.1:{port}/end")),
        "/private" => redirect("http://private.test/"),
        "/metadata" => redirect("http://169.254.169.254/latest/"),
        "/circle" => redirect("/circle"),
        "/file" => redirect("file:///etc/passwd"),
        _ => said("200 OK", "near"),
    })
    .await;
    let outgoing = local();
    let near = outgoing.send(request(Method::GET, &server, "/near", "")).await.unwrap();
    assert_eq!(near.address, format!("http://127.0.0.1:{}/end", server.port));
    assert_eq!(text(near).await, "near");
    assert_eq!(server.requests()[1].field("authorization"), Some("token 7"));
    let far_away = outgoing.send(request(Method::GET, &server, "/far", "")).await.unwrap();
    assert_eq!(text(far_away).await, "far");
    assert_eq!(far.requests()[0].field("authorization"), None);
    for (path, expected) in [
        ("/private", TroubleKind::Address),
        ("/metadata", TroubleKind::Address),
        ("/file", TroubleKind::Address),
        ("/circle", TroubleKind::Redirect),
    ] {
        let e = outgoing.send(request(Method::GET, &server, path, "")).await.unwrap_err();
        assert_eq!(kind(&e), expected, "{path}");
    }
    let posted = outgoing.send(request(Method::POST, &server, "/near", "x")).await.unwrap();
    assert_eq!(posted.status, StatusCode::FOUND, "what may change something goes nowhere else");
}

#[tokio::test]
async fn p07_no_address_of_this_machine_is_asked_unless_it_is_listed() {
    let server = Server::start(|_| said("200 OK", "secret")).await;
    let outgoing = outgoing(Private::Refused);
    for host in ["127.0.0.1", "[::1]", "own.test", "private.test", "0.0.0.0"] {
        let address = format!("http://{host}:{}/", server.port);
        let request = Request::get(&address).body(Bytes::new()).unwrap();
        let e = outgoing.send(request).await.unwrap_err();
        assert_eq!((kind(&e), e.kind), (TroubleKind::Address, ErrorKind::Escapes), "{host}");
    }
    for (address, is_fine) in [
        ("https://api.listenbrainz.org", true),
        ("http://own.test/feed?x=1", true),
        ("http://127.0.0.1/", false),
        ("http://a:b@example.org/", false),
        ("ftp://example.org/", false),
        ("feed", false),
    ] {
        assert_eq!(outgoing.check(address).is_ok(), is_fine, "{address}");
    }
    assert_eq!(server.requests().len(), 0);
}

#[tokio::test]
async fn an_answer_that_is_too_long_or_too_short_or_encoded_is_an_error() {
    let server = Server::start(|request| {
        let mut reply = said("200 OK", &"x".repeat(3_000));
        match &*request.path {
            "/endless" => {
                reply.remove("content-length");
                reply.end = End::Again;
            }
            "/half" => {
                reply.set("content-length", "5000");
                reply.end = End::Close;
            }
            "/encoded" => reply.set("content-encoding", "gzip"),
            _ => {}
        }
        reply
    })
    .await;
    let bounds = OutgoingBounds { bytes_max: 4_000, ..OutgoingBounds::default() };
    let outgoing = local().bounded(bounds);
    for (path, bytes_max, expected) in [
        ("/fits", 3_000, None),
        ("/fits", 2_999, Some(TroubleKind::TooLarge)),
        ("/endless", 1 << 20, Some(TroubleKind::TooLarge)),
        ("/half", 1 << 20, Some(TroubleKind::TooLarge)),
        ("/encoded", 1 << 20, Some(TroubleKind::Lie)),
    ] {
        let sent = outgoing.send(request(Method::GET, &server, path, "")).await;
        let read = match sent {
            Ok(answer) => answer.whole(bytes_max).await.map(|_| ()),
            Err(e) => Err(e),
        };
        assert_eq!(read.as_ref().err().map(kind), expected, "{path}");
    }
    let answer = local().send(request(Method::GET, &server, "/half", "")).await.unwrap();
    assert_eq!(kind(&answer.whole(1 << 20).await.unwrap_err()), TroubleKind::Broken);
}

#[tokio::test]
async fn an_answer_that_trickles_is_over_in_time_and_gives_its_memory_back() {
    let server = Server::start(|request| match &*request.path {
        "/silent" => Reply::silent(),
        _ => {
            let mut reply = said("200 OK", &"x".repeat(1_000));
            (reply.piece, reply.pause_ms) = (1, 20);
            reply
        }
    })
    .await;
    let bounds = OutgoingBounds { total: Duration::from_millis(200), ..OutgoingBounds::default() };
    let outgoing = local().bounded(bounds);
    let used = || {
        let figures = outgoing.network.budget.figures();
        figures.iter().find(|figures| figures.pool == Pool::Origins).unwrap().used_bytes
    };
    let e = outgoing.send(request(Method::GET, &server, "/silent", "")).await.unwrap_err();
    assert_eq!(kind(&e), TroubleKind::Time);
    let answer = outgoing.send(request(Method::GET, &server, "/slow", "")).await.unwrap();
    assert_eq!(used(), REMOTE_READER_BYTES);
    assert_eq!(kind(&answer.whole(1 << 20).await.unwrap_err()), TroubleKind::Time);
    assert_eq!(used(), 0);
}
