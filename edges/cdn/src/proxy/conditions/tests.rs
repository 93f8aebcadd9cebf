use std::time::{Duration, UNIX_EPOCH};

use super::super::freshness::Times;
use super::super::head::Bytes;
use super::super::lines::fields;
use super::*;

type Lines<'a> = &'a [(&'a str, &'a str)];

fn head(lines: Lines<'_>) -> Head {
    let times = Times { requested: 1_000_000, received: 1_000_000 };
    Head { status: StatusCode::OK, fields: fields(lines), times, bytes: Bytes::File(10) }
}

fn at(seconds: u64) -> String {
    httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_secs(seconds))
}

#[test]
fn conditions_and_ranges_of_a_request() {
    let (old, new) = (at(1_000), at(2_000));
    let (old, new) = (old.as_str(), new.as_str());
    let range = |offset, count| Part::Range { offset, count };
    let cases: [(Lines<'_>, Lines<'_>, Part); 30] = [
        (&[("etag", "\"a\"")], &[], Part::Whole),
        (&[("etag", "\"a\"")], &[("if-none-match", "\"a\"")], Part::NotModified),
        (&[("etag", "\"a\"")], &[("if-none-match", "W/\"a\"")], Part::NotModified),
        (&[("etag", "W/\"a\"")], &[("if-none-match", "\"a\"")], Part::NotModified),
        (&[("etag", "\"a,b\"")], &[("if-none-match", "\"x\", \"a,b\"")], Part::NotModified),
        (&[("etag", "\"a\"")], &[("if-none-match", "\"x\""), ("if-none-match", "\"a\"")], Part::NotModified),
        (&[("etag", "\"a\"")], &[("if-none-match", "\"b\"")], Part::Whole),
        (&[("etag", "\"a\"")], &[("if-none-match", "a")], Part::Whole),
        (&[("etag", "a")], &[("if-none-match", "a")], Part::NotModified),
        (&[("etag", "\"a\"")], &[("if-none-match", "*")], Part::NotModified),
        (&[("last-modified", old)], &[("if-modified-since", old)], Part::NotModified),
        (&[("last-modified", old)], &[("if-modified-since", new)], Part::NotModified),
        (&[("last-modified", new)], &[("if-modified-since", old)], Part::Whole),
        (&[("date", old)], &[("if-modified-since", new)], Part::NotModified),
        (&[("date", new)], &[("if-modified-since", old)], Part::Whole),
        (&[], &[("if-modified-since", "yesterday")], Part::Whole),
        (
            &[("etag", "\"a\""), ("last-modified", old)],
            &[("if-none-match", "\"b\""), ("if-modified-since", new)],
            Part::Whole,
        ),
        (&[], &[("range", "bytes=0-1")], range(0, 2)),
        (&[], &[("range", "bytes=1-")], range(1, 9)),
        (&[], &[("range", "bytes=-1")], range(9, 1)),
        (&[], &[("range", "bytes=10-")], Part::NotSatisfiable),
        (&[], &[("range", "bytes=0-1,3-4")], Part::Whole),
        (&[("etag", "\"a\"")], &[("range", "bytes=0-1"), ("if-range", "\"a\"")], range(0, 2)),
        (&[("etag", "\"a\"")], &[("range", "bytes=0-1"), ("if-range", "\"b\"")], Part::Whole),
        (&[("etag", "W/\"a\"")], &[("range", "bytes=0-1"), ("if-range", "W/\"a\"")], Part::Whole),
        (&[("last-modified", old), ("date", new)], &[("range", "bytes=0-1"), ("if-range", old)], range(0, 2)),
        (&[("last-modified", old), ("date", new)], &[("range", "bytes=0-1"), ("if-range", new)], Part::Whole),
        (&[("last-modified", old), ("date", old)], &[("range", "bytes=0-1"), ("if-range", old)], Part::Whole),
        (&[("last-modified", new), ("date", old)], &[("range", "bytes=0-1"), ("if-range", new)], Part::Whole),
        (&[("last-modified", old)], &[("range", "bytes=0-1"), ("if-range", old)], Part::Whole),
    ];
    for (kept, request, expected) in cases {
        let found = part(&Method::GET, &fields(request), &head(kept));
        assert_eq!(found, expected, "{kept:?} for {request:?}");
    }
    let missing = Head { status: StatusCode::NOT_FOUND, ..head(&[("etag", "\"a\"")]) };
    assert_eq!(part(&Method::GET, &fields(&[("if-none-match", "\"a\"")]), &missing), Part::Whole);
    assert_eq!(part(&Method::HEAD, &fields(&[("range", "bytes=0-1")]), &head(&[])), Part::Whole);
}

#[test]
fn an_answer_about_something_else_changes_nothing() {
    let cases: [(Lines<'_>, Lines<'_>, bool); 8] = [
        (&[], &[], true),
        (&[("etag", "\"a\"")], &[], true),
        (&[("etag", "\"a\"")], &[("etag", "\"a\"")], true),
        (&[("etag", "\"a\"")], &[("etag", "\"b\"")], false),
        (&[], &[("etag", "\"b\"")], false),
        (&[("last-modified", "x")], &[("last-modified", "y")], false),
        (&[("etag", "\"a\""), ("last-modified", "x")], &[("etag", "\"b\""), ("last-modified", "x")], true),
        (&[("etag", "\"a\""), ("last-modified", "x")], &[("etag", "\"a\""), ("last-modified", "y")], true),
    ];
    for (kept, news, expected) in cases {
        assert_eq!(is_about(&head(kept), &fields(news)), expected, "{kept:?} {news:?}");
    }
}

#[test]
fn the_origin_is_asked_by_what_it_said() {
    let mut request = fields(&[("if-none-match", "\"mine\""), ("range", "bytes=0-1"), ("a", "1")]);
    take_out(&mut request);
    assert_eq!(request, fields(&[("a", "1")]));
    assert!(!put_in(&mut request, &head(&[])));
    assert!(put_in(&mut request, &head(&[("etag", "W/\"a\""), ("last-modified", "x")])));
    assert_eq!(request, fields(&[("a", "1"), ("if-none-match", "W/\"a\""), ("if-modified-since", "x")]));
}
