use std::time::Duration;

use http::HeaderValue;
use proptest::prelude::*;

use super::*;

/// The date of the representation, one second before, one second after, and the first in the two old formats.
const DATE: &str = "Sun, 06 Nov 1994 08:49:37 GMT";
const BEFORE: &str = "Sun, 06 Nov 1994 08:49:36 GMT";
const AFTER: &str = "Sun, 06 Nov 1994 08:49:38 GMT";
const RFC_850: &str = "Sunday, 06-Nov-94 08:49:37 GMT";
const ASCTIME: &str = "Sun Nov  6 08:49:37 1994";

const SEND: Decision = Decision::Send { ranges: true };
const WHOLE: Decision = Decision::Send { ranges: false };
const SAME: Decision = Decision::NotModified;
const FAILED: Decision = Decision::Failed;

fn current(tag_is_strong: bool) -> Current<'static> {
    // Files know fractions of a second, dates do not.
    let modified = UNIX_EPOCH + Duration::from_millis(784_111_777_900);
    Current { tag: "abc,d", tag_is_strong, modified: Some(modified), modified_is_strong: tag_is_strong }
}

fn headers(fields: &[(&str, &str)]) -> HeaderMap {
    let parse = |&(name, value): &(&str, &str)| {
        (HeaderName::from_bytes(name.as_bytes()).unwrap(), HeaderValue::from_bytes(value.as_bytes()).unwrap())
    };
    let mut map = HeaderMap::new();
    for (name, value) in fields.iter().map(parse) {
        map.append(name, value);
    }
    map
}

fn check(why: &str, current: &Current<'_>, cases: &[(&[(&str, &str)], Decision)]) {
    for (fields, expected) in cases {
        for method in [Method::GET, Method::HEAD] {
            assert_eq!(decide(&method, &headers(fields), current), *expected, "{method} {fields:?}: {why}");
        }
    }
}

#[test]
fn tags_are_compared_as_section_8_8_3_2_says() {
    let ours = r#""abc,d""#;
    let weak = r#"W/"abc,d""#;
    check(
        "If-Match wants the same bytes (13.1.1)",
        &current(true),
        &[
            (&[("if-match", ours)], SEND),
            (&[("if-match", "*")], SEND),
            (&[("if-match", r#""x", "abc,d""#)], SEND),
            (&[("if-match", r#""x""#), ("if-match", ours)], SEND),
            (&[("if-match", weak)], FAILED),
            (&[("if-match", r#""abc""#)], FAILED),
            (&[("if-match", "abc,d")], FAILED),
            (&[("if-match", "")], FAILED),
        ],
    );
    check(
        "a weak tag of ours is never the same bytes",
        &current(false),
        &[
            (&[("if-match", ours)], FAILED),
            (&[("if-match", weak)], FAILED),
            (&[("if-match", "*")], SEND),
            (&[("if-range", ours)], WHOLE),
            (&[("if-range", DATE)], WHOLE),
            (&[("if-none-match", ours)], SAME),
        ],
    );
    check(
        "If-None-Match wants something as good (13.1.2)",
        &current(true),
        &[
            (&[("if-none-match", ours)], SAME),
            (&[("if-none-match", weak)], SAME),
            (&[("if-none-match", " * ")], SAME),
            (&[("if-none-match", r#""x" ,, W/"y",	"abc,d","#)], SAME),
            (&[("if-none-match", r#""x""#), ("if-none-match", weak)], SAME),
            (&[("if-none-match", r#""ABC,D""#)], SEND),
            (&[("if-none-match", r#"w/"abc,d""#)], SEND),
            (&[("if-none-match", r#""abc", "d""#)], SEND),
            (&[("if-none-match", r#""abc,d"x"#)], SEND),
            (&[("if-none-match", r#""abc,d"#)], SEND),
            (&[("if-none-match", r#"x, "abc,d""#)], SEND),
            (&[("if-none-match", r#"*, "x""#)], SEND),
        ],
    );
}

#[test]
fn dates_are_compared_by_the_second_in_all_three_formats() {
    check(
        "If-Modified-Since (13.1.3)",
        &current(true),
        &[
            (&[("if-modified-since", DATE)], SAME),
            (&[("if-modified-since", RFC_850)], SAME),
            (&[("if-modified-since", ASCTIME)], SAME),
            (&[("if-modified-since", AFTER)], SAME),
            (&[("if-modified-since", BEFORE)], SEND),
            (&[("if-modified-since", "yesterday")], SEND),
            (&[("if-modified-since", DATE), ("if-modified-since", DATE)], SEND),
        ],
    );
    check(
        "If-Unmodified-Since (13.1.4)",
        &current(true),
        &[
            (&[("if-unmodified-since", DATE)], SEND),
            (&[("if-unmodified-since", AFTER)], SEND),
            (&[("if-unmodified-since", BEFORE)], FAILED),
            (&[("if-unmodified-since", "784111776")], SEND),
        ],
    );
    let undated = Current { modified: None, ..current(true) };
    check(
        "a representation without a date",
        &undated,
        &[
            (&[("if-modified-since", AFTER)], SEND),
            (&[("if-unmodified-since", BEFORE)], SEND),
            (&[("if-range", DATE)], WHOLE),
        ],
    );
}

#[test]
fn conditions_come_in_the_order_of_section_13_2_2() {
    let ours = r#""abc,d""#;
    let other = r#""x""#;
    check(
        "a tag makes the date beside it void, and a failure comes before all",
        &current(true),
        &[
            (&[("if-match", ours), ("if-unmodified-since", BEFORE)], SEND),
            (&[("if-match", other), ("if-unmodified-since", AFTER)], FAILED),
            (&[("if-none-match", other), ("if-modified-since", AFTER)], SEND),
            (&[("if-none-match", ours), ("if-modified-since", BEFORE)], SAME),
            (&[("if-match", ours), ("if-none-match", ours)], SAME),
            (&[("if-match", other), ("if-none-match", ours)], FAILED),
            (&[("if-unmodified-since", BEFORE), ("if-none-match", ours)], FAILED),
            (&[("if-none-match", ours), ("if-range", other)], SAME),
            (&[("if-none-match", other), ("if-range", other)], WHOLE),
        ],
    );
}

#[test]
fn if_range_never_joins_parts_of_different_files() {
    check(
        "section 13.1.5",
        &current(true),
        &[
            (&[], SEND),
            (&[("if-range", r#""abc,d""#)], SEND),
            (&[("if-range", r#"W/"abc,d""#)], WHOLE),
            (&[("if-range", r#""x""#)], WHOLE),
            (&[("if-range", r#""abc,d", "x""#)], WHOLE),
            (&[("if-range", "*")], WHOLE),
            (&[("if-range", DATE)], SEND),
            (&[("if-range", RFC_850)], SEND),
            (&[("if-range", AFTER)], WHOLE),
            (&[("if-range", BEFORE)], WHOLE),
            (&[("if-range", "abc,d")], WHOLE),
            (&[("if-range", r#""abc,d""#), ("if-range", r#""abc,d""#)], WHOLE),
        ],
    );
    let copied = Current { modified_is_strong: false, ..current(true) };
    check("a date that a program set is weak", &copied, &[(&[("if-range", DATE)], WHOLE)]);
}

#[test]
fn other_methods_have_no_conditions_here() {
    let fields = headers(&[("if-match", r#""x""#), ("if-none-match", "*")]);
    assert_eq!(decide(&Method::POST, &fields, &current(true)), WHOLE);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_fields_make_it_panic(fields in prop::collection::vec((0..5usize, "[ -~\t\u{80}-\u{ff}]{0,24}|(W/)?\"abc,d\"[, W/\"]{0,4}"), 0..5)) {
        let names = ["if-match", "if-none-match", "if-modified-since", "if-unmodified-since", "if-range"];
        let fields: Vec<_> = fields.iter().map(|(name, value)| (names[*name], value.as_str())).collect();
        let _ = decide(&Method::GET, &headers(&fields), &current(true));
    }
}
