use super::*;
use crate::error::ErrorKind;

fn of(rule: &str) -> String {
    format!(r#"{{"match": {rule}}}"#)
}

#[test]
fn what_is_written_is_what_was_read() {
    let texts = [
        of(r#"{"all":[]}"#),
        of(r#"{"title":{"is":"A"}}"#),
        of(r#"{"any":[{"starred":true},{"none":[{"year":{"from":1955,"to":1965}}]}]}"#),
        of(r#"{"added":{"since":"2024-02-29T12:00:00Z"}}"#),
        r#"{"match":{"played":{"within_days":30}},"sort":[{"by":"random","descending":true}],"limit":7}"#
            .to_owned(),
    ];
    for text in texts {
        let rules = Rules::parse(&text).unwrap();
        let written = rules.text().unwrap();
        assert_eq!(Rules::parse(&written).unwrap(), rules, "{text}");
        let compact: String = text.replace(": ", ":");
        assert_eq!(written, compact);
    }
}

#[test]
fn what_is_no_rule_is_refused_by_name() {
    let long = format!(r#"{{"title":{{"is":"{}"}}}}"#, "x".repeat(TAG_TEXT_CHARS_MAX + 1));
    let many = format!(r#"{{"all":[{}]}}"#, vec![r#"{"starred":true}"#; SMART_RULES_MAX].join(","));
    let deep = |depth: usize| {
        format!("{}{}{}", r#"{"all":["#.repeat(depth - 1), r#"{"starred":true}"#, "]}".repeat(depth - 1))
    };
    let sorts = [r#"{"by":"year"}"#; SMART_SORTS_MAX + 1].join(",");
    let everything = of(r#"{"all":[]}"#).replace('}', "");
    let cases: Vec<(String, &str)> = vec![
        ("".into(), "EOF"),
        ("[]".into(), "no rules"),
        (of(r#"{"colour":{"is":"blue"}}"#), "unknown variant `colour`"),
        (of(r#"{"year":{"is":1960}}"#), "unknown field `is`"),
        (of(r#"{"year":"1960"}"#), "invalid type: string"),
        (of(r#"{"year":{"from":"1960"}}"#), "invalid type: string"),
        (of(r#"{"year":{"from":-1}}"#), "invalid value"),
        (of(r#"{"year":{}}"#), "a span has"),
        (of(r#"{"year":{"from":2,"to":1}}"#), "smaller number"),
        (of(r#"{"title":{"like":"a' OR 1=1 --"}}"#), "unknown variant `like`"),
        (of(r#"{"title":{"is":""}}"#), "1 to 256"),
        (of(r#"{"title":{"is":"a\u0000b"}}"#), "1 to 256"),
        (of(&long), "1 to 256"),
        (of(r#"{"played":{"since":"yesterday"}}"#), "year"),
        (of(&many), "at most 64 rules"),
        (of(&deep(SMART_DEPTH_MAX + 1)), "4 deep"),
        (format!("{everything}, \"limit\": 0}}"), "no rules"),
        (format!(r#"{{"match":{{"all":[]}},"limit":{}}}"#, PLAYLIST_TRACKS_AT_ONCE_MAX + 1), "limit is"),
        (r#"{"match":{"all":[]},"limit":0}"#.into(), "limit is"),
        (r#"{"match":{"all":[]},"sort":[{"by":"id; DROP TABLE tracks"}]}"#.into(), "unknown variant"),
        (format!(r#"{{"match":{{"all":[]}},"sort":[{sorts}]}}"#), "sorted by at most"),
        (r#"{"match":{"all":[]},"order":"year"}"#.into(), "unknown field `order`"),
    ];
    for (text, part) in cases {
        let error = Rules::parse(&text).expect_err(&text);
        assert_eq!(error.kind(), ErrorKind::Invalid, "{text}");
        assert!(error.to_string().contains(part), "{text}: {error}");
    }
    assert!(Rules::parse(&of(&deep(SMART_DEPTH_MAX))).is_ok());
}

#[test]
fn rules_that_are_too_long_to_be_kept_are_refused() {
    let title = format!(r#"{{"title":{{"is":"{}"}}}}"#, "ä".repeat(TAG_TEXT_CHARS_MAX));
    let rules = Rules::parse(&of(&format!(r#"{{"any":[{}]}}"#, vec![title; 60].join(",")))).unwrap();
    assert_eq!(rules.text().unwrap_err().kind(), ErrorKind::Invalid);
}
