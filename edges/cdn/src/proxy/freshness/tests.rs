use std::time::{Duration, UNIX_EPOCH};

use super::super::lines::fields;
use super::*;

/// The second at which every answer here came: Fri, 01 Jan 2027 00:00:00 GMT.
const NOW: UnixMs = 1_798_761_600_000;
const TIMES: Times = Times { requested: NOW - 500, received: NOW };

fn at(seconds: i64) -> String {
    let since = Duration::from_millis(u64::try_from(NOW + seconds * 1_000).unwrap());
    httpdate::fmt_http_date(UNIX_EPOCH + since)
}

type Lines<'a> = &'a [(&'a str, &'a str)];

fn rules(status: u16, lines: &[(&str, &str)]) -> Rules {
    Rules::of(StatusCode::from_u16(status).unwrap(), &fields(lines), NOW, &Kept::default())
}

#[test]
fn how_long_an_answer_is_fresh_is_what_it_says_or_a_tenth_of_its_age() {
    let (now, hour, past, day_ago) = (at(0), at(3_600), at(-60), at(-86_400));
    let (now, hour, past, day_ago) = (now.as_str(), hour.as_str(), past.as_str(), day_ago.as_str());
    let cases: [(u16, Lines<'_>, u64); 24] = [
        (200, &[], 0),
        (200, &[("cache-control", "max-age=60")], 60),
        (200, &[("cache-control", "max-age=60, s-maxage=5")], 5),
        (200, &[("cache-control", "s-maxage=3600"), ("cache-control", "max-age=1")], 3_600),
        (200, &[("cache-control", "max-age=60"), ("expires", past)], 60),
        (200, &[("cache-control", "max-age=0"), ("expires", hour)], 0),
        (200, &[("expires", hour), ("date", now)], 3_600),
        (200, &[("expires", hour)], 3_600),
        (200, &[("expires", past), ("date", now)], 0),
        (200, &[("expires", "0"), ("last-modified", day_ago)], 0),
        (200, &[("expires", hour), ("date", hour)], 0),
        (200, &[("last-modified", day_ago), ("date", now)], 8_640),
        (200, &[("last-modified", hour), ("date", now)], 0),
        (201, &[("last-modified", day_ago), ("date", now)], 0),
        (599, &[("last-modified", day_ago), ("date", now)], 0),
        (599, &[("last-modified", day_ago), ("date", now), ("cache-control", "public")], 10),
        (404, &[("last-modified", day_ago), ("date", now)], 60),
        (404, &[], 60),
        (503, &[], 0),
        (503, &[("cache-control", "max-age=7")], 7),
        (200, &[("cdn-cache-control", "max-age=9"), ("cache-control", "max-age=1")], 9),
        (200, &[("cdn-cache-control", "max-age=9"), ("expires", past)], 9),
        (200, &[("cdn-cache-control", "max-age=9, &&&"), ("cache-control", "max-age=1")], 1),
        (200, &[("cache-control", "max-age=x"), ("last-modified", day_ago), ("date", now)], 0),
    ];
    for (status, lines, seconds) in cases {
        assert_eq!(rules(status, lines).lifetime_ms, seconds * 1_000, "{status} {lines:?}");
    }
}

#[test]
fn who_may_be_kept() {
    let day_ago = at(-86_400);
    let modified = ("last-modified", day_ago.as_str());
    let fresh = ("cache-control", "max-age=60");
    let signed = ("authorization", "x");
    let (known, begun) = (("cookie", "a=1"), ("set-cookie", "a=1"));
    let cases: [(&str, Lines<'_>, u16, Lines<'_>, bool); 34] = [
        ("GET", &[], 200, &[modified, begun], false),
        ("GET", &[], 200, &[("etag", "\"a\""), begun], false),
        ("GET", &[], 404, &[begun], false),
        ("GET", &[known], 200, &[modified], false),
        ("GET", &[], 200, &[fresh, begun], true),
        ("GET", &[known], 200, &[fresh], true),
        ("GET", &[known], 200, &[modified, ("cache-control", "public"), begun], true),
        ("GET", &[known], 200, &[("expires", "Fri, 01 Jan 2027 01:00:00 GMT"), begun], true),
        ("GET", &[], 200, &[fresh], true),
        ("GET", &[], 200, &[], false),
        ("GET", &[], 200, &[("etag", "\"a\"")], true),
        ("GET", &[], 200, &[modified], true),
        ("POST", &[], 200, &[fresh], false),
        ("GET", &[], 206, &[fresh], false),
        ("GET", &[], 304, &[fresh], false),
        ("GET", &[], 201, &[modified], false),
        ("GET", &[], 201, &[fresh], true),
        ("GET", &[], 599, &[fresh], true),
        ("GET", &[], 502, &[modified], false),
        ("GET", &[], 200, &[("cache-control", "max-age=60, no-store")], false),
        ("GET", &[], 200, &[("cache-control", "max-age=60, No-StOrE")], false),
        ("GET", &[], 200, &[("cache-control", "max-age=60, private")], false),
        ("GET", &[], 200, &[("cache-control", "max-age=60, private=\"a\"")], true),
        ("GET", &[], 200, &[("cache-control", "no-cache"), ("etag", "\"a\"")], true),
        ("GET", &[], 200, &[("cache-control", "max-age=60, no-store, must-understand")], true),
        ("GET", &[], 599, &[("cache-control", "max-age=60, must-understand")], false),
        ("GET", &[signed], 200, &[fresh], false),
        ("GET", &[signed], 200, &[("cache-control", "max-age=60, public")], true),
        ("GET", &[signed], 200, &[("cache-control", "max-age=60, must-revalidate")], true),
        ("GET", &[signed], 200, &[("cache-control", "s-maxage=60")], true),
        ("GET", &[signed], 200, &[("cache-control", "max-age=60, proxy-revalidate")], false),
        ("GET", &[], 200, &[fresh, ("cdn-cache-control", "private")], false),
        ("GET", &[], 200, &[fresh, ("cdn-cache-control", "no-store")], false),
        ("GET", &[], 200, &[("cache-control", "no-store"), ("cdn-cache-control", "max-age=9")], true),
    ];
    for (method, request, status, lines, expected) in cases {
        let may = rules(status, lines).may_keep(&method.parse().unwrap(), &fields(request), &fields(lines));
        assert_eq!(may, expected, "{method} {request:?} {status} {lines:?}");
    }
}

#[test]
fn how_old_an_answer_is() {
    let (now, before, after) = (at(0), at(-30), at(30));
    let (now, before, after) = (now.as_str(), before.as_str(), after.as_str());
    let cases: [(Lines<'_>, u64); 12] = [
        (&[("date", now)], 500),
        (&[], 500),
        (&[("date", before)], 30_000),
        (&[("date", after)], 500),
        (&[("date", before), ("age", "10")], 30_000),
        (&[("date", now), ("age", "30")], 30_500),
        (&[("age", "7200,0")], 7_200_500),
        (&[("age", "0,7200")], 500),
        (&[("age", "7200"), ("age", "0")], 7_200_500),
        (&[("age", "abc")], 500),
        (&[("age", "-7200")], 500),
        (&[("age", "7200.0")], 500),
    ];
    for (lines, expected_ms) in cases {
        assert_eq!(age_ms(&fields(lines), TIMES, NOW), expected_ms, "{lines:?}");
        assert_eq!(age_ms(&fields(lines), TIMES, NOW + 2_000), expected_ms + 2_000, "{lines:?}, later");
    }
}

#[test]
fn what_a_request_may_have_of_what_is_kept() {
    use Use::{Give, GiveAndRefresh, Validate};
    let cases = [
        ("max-age=60", 59, "", Give),
        ("max-age=60", 60, "", Validate),
        ("max-age=60", 0, "no-cache", Validate),
        ("max-age=60", 1, "max-age=0", Validate),
        ("max-age=60", 10, "max-age=10", Give),
        ("max-age=60", 11, "max-age=10", Validate),
        ("max-age=60", 10, "min-fresh=50", Give),
        ("max-age=60", 11, "min-fresh=50", Validate),
        ("max-age=60", 70, "max-stale=11", Give),
        ("max-age=60", 72, "max-stale=11", Validate),
        ("max-age=60", 7_000, "max-stale", Give),
        ("max-age=60, must-revalidate", 70, "max-stale", Validate),
        ("max-age=60, proxy-revalidate", 70, "max-stale", Validate),
        ("s-maxage=60", 70, "max-stale", Validate),
        ("max-age=60, must-revalidate", 50, "", Give),
        ("max-age=60, no-cache", 1, "max-stale", Validate),
        ("max-age=60, no-cache=\"a\"", 1, "", Give),
        ("max-age=60, stale-while-revalidate=10", 69, "", GiveAndRefresh),
        ("max-age=60, stale-while-revalidate=10", 70, "", Validate),
        ("max-age=60, stale-while-revalidate=10, must-revalidate", 65, "", Validate),
        ("max-age=60, stale-while-revalidate=10", 65, "max-age=60", Validate),
        ("max-age=60, immutable", 1, "no-cache", Validate),
    ];
    for (said, age_s, wanted, expected) in cases {
        let wish = Wish::of(&fields(&[("cache-control", wanted)]));
        let found = rules(200, &[("cache-control", said)]).judge(&wish, age_s * 1_000);
        assert_eq!(found, expected, "{said}, {age_s} s old, for {wanted:?}");
    }
}

#[test]
fn what_stands_in_for_an_origin_that_fails() {
    let day = 86_400;
    let cases = [
        ("max-age=1", 100, true, true),
        ("max-age=1", 100, false, false),
        ("max-age=1", day + 10, true, false),
        ("max-age=1, stale-if-error=60", 60, false, true),
        ("max-age=1, stale-if-error=60", 62, false, false),
        ("max-age=1, stale-if-error=60", 62, true, false),
        ("max-age=1, must-revalidate", 2, true, false),
        ("max-age=1, proxy-revalidate", 2, true, false),
        ("max-age=1, no-cache", 2, true, false),
        ("s-maxage=1, stale-if-error=60", 2, true, false),
    ];
    let wish = Wish::of(&HeaderMap::new());
    for (said, age_s, is_unreachable, expected) in cases {
        let rules = rules(200, &[("cache-control", said)]);
        let found = rules.may_stand_in(&wish, age_s * 1_000, is_unreachable);
        assert_eq!(found, expected, "{said}, {age_s} s old, unreachable: {is_unreachable}");
    }
}
