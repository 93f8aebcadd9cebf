use budget::Fault;
use budget::limits::{KIB, SMALL_BODY_BYTES_MAX};
use proptest::prelude::*;

use super::*;
use crate::fixture::{self, OLD, assert_at_rest, drain, field, listener, old_source, segment};

const GET: Method = Method::GET;
const HEAD: Method = Method::HEAD;

/// What is expected of one answer: status, `Content-Range`, `Content-Length` and body.
type Expected<'a> = (u16, &'a str, &'a str, &'a [u8]);

async fn check(
    method: Method,
    fields: &[(&'static str, &str)],
    segment: Segment,
    expected: Expected<'_>,
) -> Response<()> {
    let (streams, budget) = fixture::streams(10, 10);
    let headers =
        fields.iter().map(|&(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect();
    let mut response = streams.answer(&method, &headers, segment, listener(1)).unwrap();
    let (bytes, error) = drain(response.body_mut()).await;
    assert!(error.is_none(), "{method} {fields:?}: {error:?}");
    let found =
        (response.status().as_u16(), field(&response, "content-range"), field(&response, "content-length"));
    assert_eq!(found, (expected.0, expected.1, expected.2), "{method} {fields:?}");
    assert!(bytes == expected.3, "{method} {fields:?}: wrong bytes");
    let (parts, body) = response.into_parts();
    drop((body, bytes));
    assert_at_rest(&streams, &budget);
    Response::from_parts(parts, ())
}

#[tokio::test]
async fn p02_each_status_comes_with_its_fields_and_its_bytes() {
    let all = || segment(old_source());
    let length = OLD.len().to_string();
    let tag = all().etag().unwrap();
    let tag = tag.to_str().unwrap();
    let part = format!("bytes 2-5/{length}");
    let end = format!("bytes */{length}");
    let last = format!("bytes {0}-{0}/{length}", OLD.len() - 1);
    let range = ("range", "bytes=2-5");
    let whole: Expected<'_> = (200, "", &length, OLD);
    check(GET, &[], all(), whole).await;
    check(GET, &[range], all(), (206, &part, "4", &OLD[2..6])).await;
    check(GET, &[("range", "bytes=-1")], all(), (206, &last, "1", &OLD[OLD.len() - 1..])).await;
    check(GET, &[range, ("if-range", tag)], all(), (206, &part, "4", &OLD[2..6])).await;
    check(GET, &[range, ("if-range", "\"x\"")], all(), whole).await;
    check(GET, &[("range", "bytes=9999999-"), ("if-range", "\"x\"")], all(), whole).await;
    check(GET, &[("range", "bytes=9999999-")], all(), (416, &end, "0", b"")).await;
    check(GET, &[range, ("if-none-match", tag)], all(), (304, "", "", b"")).await;
    check(GET, &[range, ("if-match", "\"x\"")], all(), (412, "", "0", b"")).await;
    check(HEAD, &[], all(), (200, "", &length, b"")).await;
    check(HEAD, &[range], all(), (200, "", &length, b"")).await;
    check(HEAD, &[("if-none-match", "*")], all(), (304, "", "", b"")).await;
    check(Method::POST, &[range, ("if-none-match", "*")], all(), whole).await;
}

#[tokio::test]
async fn get_and_head_have_the_same_fields() {
    let named = || Segment {
        disposition: crate::Disposition::Attachment("x.toml".to_owned()),
        ..segment(old_source())
    };
    let length = OLD.len().to_string();
    let get = check(GET, &[], named(), (200, "", &length, OLD)).await;
    let head = check(HEAD, &[], named(), (200, "", &length, b"")).await;
    assert_eq!(get.headers(), head.headers());
    for name in
        ["accept-ranges", "cache-control", "content-disposition", "content-type", "etag", "last-modified"]
    {
        assert!(get.headers().contains_key(name), "{name}");
    }
    assert_eq!(get.headers()["cache-control"], "private, no-cache");
}

#[tokio::test]
async fn ranges_count_inside_the_segment() {
    let source = old_source();
    let slice = || Segment {
        offset: 10,
        count: 20,
        validator: source.validator().derived("a"),
        ..segment(source.clone())
    };
    check(GET, &[], slice(), (200, "", "20", &OLD[10..30])).await;
    check(GET, &[("range", "bytes=15-99")], slice(), (206, "bytes 15-19/20", "5", &OLD[25..30])).await;
    check(GET, &[("range", "bytes=20-")], slice(), (416, "bytes */20", "0", b"")).await;
    let empty = || Segment { count: 0, ..slice() };
    check(GET, &[], empty(), (200, "", "0", b"")).await;
    check(GET, &[("range", "bytes=0-")], empty(), (416, "bytes */0", "0", b"")).await;
    check(GET, &[("range", "bytes=-5")], empty(), (200, "", "0", b"")).await;
}

#[tokio::test]
async fn p06_limits_count_streams_with_a_body_and_say_whose_limit_it_was() {
    let (streams, budget) = fixture::streams(3, 2);
    let (_folder, source) = fixture::new_file(&fixture::pattern(64 * KIB as usize));
    let ask = |method: Method, user| {
        streams.answer(&method, &HeaderMap::new(), segment(source.clone()), listener(user))
    };
    let first = ask(GET, 1).unwrap();
    let second = ask(GET, 1).unwrap();
    let refused = ask(GET, 1).unwrap_err();
    assert_eq!((refused.fault, refused.what), (Fault::Caller, "streams_per_user"));
    assert!(ask(HEAD, 1).is_ok(), "a head is no stream");
    let third = ask(GET, 2).unwrap();
    let refused = ask(GET, 3).unwrap_err();
    assert_eq!((refused.fault, refused.what), (Fault::Server, "streams"));
    assert_eq!(streams.all().iter().map(|row| row.user).collect::<Vec<_>>(), [1, 1, 2]);
    drop(second);
    let small = streams.answer(
        &GET,
        &HeaderMap::new(),
        Segment { count: SMALL_BODY_BYTES_MAX, ..segment(source.clone()) },
        listener(3),
    );
    assert!(small.is_ok());
    assert!(ask(GET, 3).is_ok(), "a slot came back");
    drop((first, third, small));
    assert_at_rest(&streams, &budget);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn p02_a_served_range_is_the_slice_that_it_says(range in "bytes=[0-9]{0,6}-[0-9]{0,6}", length in 0usize..100_000) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(async {
            let bytes = fixture::pattern(length);
            let (_folder, source) = fixture::new_file(&bytes);
            let (streams, budget) = fixture::streams(1, 1);
            let headers = HeaderMap::from_iter([(RANGE, range.parse().unwrap())]);
            let mut response = streams.answer(&GET, &headers, segment(source), listener(1)).unwrap();
            let (sent, error) = drain(response.body_mut()).await;
            assert!(error.is_none());
            let said = field(&response, "content-range").to_owned();
            let said = said.strip_prefix("bytes ").and_then(|said| said.split_once('/'));
            match response.status().as_u16() {
                200 => assert!(sent == bytes && said.is_none()),
                206 => {
                    let (first, last) = said.unwrap().0.split_once('-').unwrap();
                    assert!(sent == bytes[first.parse().unwrap()..=last.parse().unwrap()]);
                }
                416 => assert_eq!((sent.len(), said.unwrap()), (0, ("*", length.to_string().as_str()))),
                other => panic!("{other}"),
            }
            drop((response, sent));
            assert_at_rest(&streams, &budget);
        });
    }
}
