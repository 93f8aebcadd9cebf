use std::net::IpAddr;

use super::super::lines::fields;
use super::*;

#[test]
fn what_is_for_the_next_neighbour_goes_no_further() {
    let came = fields(&[
        ("connection", "close, a"),
        ("a", "1"),
        ("b", "2"),
        ("keep-alive", "5"),
        ("proxy-authorization", "x"),
        ("te", "trailers"),
        ("transfer-encoding", "chunked"),
        ("upgrade", "websocket"),
        ("expect", "100-continue"),
        ("cookie", "x=1; millpond_session=secret; y=2"),
        ("cookie", "millpond_session=secret"),
        ("authorization", "theirs"),
    ]);
    let sent = of_request(&came, "millpond_session");
    assert_eq!(sent, fields(&[("b", "2"), ("authorization", "theirs"), ("cookie", "x=1; y=2")]));
}

#[test]
fn the_origin_learns_whom_a_request_comes_from() {
    let client = Client { address: "2001:db8::7".parse::<IpAddr>().unwrap(), secure: true };
    let mut sent = fields(&[
        ("host", "here.example"),
        ("x-forwarded-for", "10.0.0.1"),
        ("x-forwarded-proto", "gopher"),
        ("forwarded", "for=10.0.0.1"),
        ("via", "1.1 edge"),
        ("via", "1.1 millpond"),
    ]);
    assert_eq!(hops(&sent), 1);
    introduce(&mut sent, &client);
    let expected = fields(&[
        ("x-forwarded-for", "10.0.0.1, 2001:db8::7"),
        ("x-forwarded-proto", "https"),
        ("x-forwarded-host", "here.example"),
        ("forwarded", "for=10.0.0.1, for=\"[2001:db8::7]\";proto=https"),
        ("via", "1.1 edge, 1.1 millpond, 1.1 millpond"),
    ]);
    assert_eq!(sent, expected);
    assert_eq!(hops(&sent), 2);
}

#[test]
fn a_look_at_the_origin_changes_all_that_does_not_speak_of_the_bytes() {
    let mut stored = fields(&[
        ("a", "1"),
        ("b", "1"),
        ("b", "2"),
        ("content-length", "5"),
        ("content-encoding", "br"),
        ("age", "7"),
    ]);
    let news = fields(&[
        ("b", "3"),
        ("c", "4"),
        ("content-length", "9"),
        ("content-encoding", "gzip"),
        ("cache-control", "max-age=1, no-cache=\"c\""),
    ]);
    freshen(&mut stored, &news);
    let expected = fields(&[
        ("a", "1"),
        ("b", "3"),
        ("content-length", "5"),
        ("content-encoding", "br"),
        ("cache-control", "max-age=1, no-cache=\"c\""),
    ]);
    assert_eq!(stored, expected);
}
