use hyper::HeaderMap;
use hyper::header::{HeaderName, HeaderValue};

use super::*;
use crate::listen::Proxies;
use crate::listen::socket::Remote;
use crate::settings::TrustedProxy;

/// Whom a request with these headers comes from, when 10.0.0.0/8, 2001:db8:1::/48 and perhaps Unix sockets are trusted.
fn check(remote: &str, headers: &[(&'static str, &'static str)], expected: &str) {
    let trusted: Vec<TrustedProxy> =
        ["10.0.0.0/8", "2001:db8:1::/48", "unix"].iter().map(|text| text.parse().unwrap()).collect();
    let remote = if remote == "unix" { Remote::Unix } else { Remote::Tcp(remote.parse().unwrap()) };
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        map.append(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    let client = Proxies::new(&trusted).resolve(remote, false, &map);
    let scheme = if client.secure { "https" } else { "http" };
    assert_eq!(format!("{} {scheme}", client.address), expected, "{remote:?} with {headers:?}");
}

#[test]
fn only_trusted_proxies_may_say_who_the_client_is() {
    let (xff, proto) = ("x-forwarded-for", "x-forwarded-proto");
    check("192.0.2.9", &[], "192.0.2.9 http");
    // Forged by a client that is no proxy.
    check("192.0.2.9", &[(xff, "198.51.100.1"), (proto, "https")], "192.0.2.9 http");
    // One proxy, one client.
    check("10.1.1.1", &[(xff, "198.51.100.1"), (proto, "https")], "198.51.100.1 https");
    check("::ffff:10.1.1.1", &[(xff, "198.51.100.1")], "198.51.100.1 http");
    check("2001:db8:1::5", &[(xff, "2001:db8:9::1")], "2001:db8:9::1 http");
    check("unix", &[(xff, "198.51.100.1")], "198.51.100.1 http");
    check("unix", &[], "127.0.0.1 http");
    // What the client wrote itself stands to the left of what the proxy appended.
    check("10.1.1.1", &[(xff, "203.0.113.7, 198.51.100.1")], "198.51.100.1 http");
    check("10.1.1.1", &[(xff, "203.0.113.7"), (xff, "198.51.100.1")], "198.51.100.1 http");
    // Two proxies in a row.
    check("10.1.1.1", &[(xff, "203.0.113.7, 198.51.100.1, 10.2.2.2")], "198.51.100.1 http");
    check("10.1.1.1", &[(xff, "10.3.3.3, 10.2.2.2")], "10.3.3.3 http");
    // Ports and brackets.
    check("10.1.1.1", &[(xff, "198.51.100.1:5000")], "198.51.100.1 http");
    check("10.1.1.1", &[(xff, "[2001:db8:9::1]:5000")], "2001:db8:9::1 http");
    check("10.1.1.1", &[(xff, "[2001:db8:9::1]")], "2001:db8:9::1 http");
    // No address: whoever wrote it is taken.
    check("10.1.1.1", &[(xff, "unknown")], "10.1.1.1 http");
    check("10.1.1.1", &[(xff, "198.51.100.1, _hidden, 10.2.2.2")], "10.2.2.2 http");
    check("10.1.1.1", &[(xff, "")], "10.1.1.1 http");
    // The nearest proxy's word on the scheme counts; `Forwarded` never does.
    check("10.1.1.1", &[(proto, "https, http")], "10.1.1.1 http");
    check("10.1.1.1", &[(proto, "HTTPS")], "10.1.1.1 https");
    check("10.1.1.1", &[("forwarded", "for=198.51.100.1;proto=https")], "10.1.1.1 http");
}

#[tokio::test]
async fn requests_work_with_the_prefix_of_the_base_url_and_without_it() {
    let running = start(patient(), |house| house.prefix = "/music".to_owned());
    for (path, status) in
        [("/music/ok", 200), ("/music/ok?a=b", 200), ("/ok", 200), ("/musical/ok", 404), ("/music", 404)]
    {
        let answer =
            running.ask(&format!("GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{path}: {answer}");
    }
    running.stop().await;
}

#[tokio::test]
async fn forged_headers_are_ignored_on_the_wire_too() {
    let running = start(patient(), |_| {});
    let answer = running
        .ask("GET /client HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 192.0.2.1\r\nX-Forwarded-Proto: https\r\nConnection: close\r\n\r\n")
        .await;
    assert!(answer.ends_with("127.0.0.1 false"), "{answer}");
    running.stop().await;
}
