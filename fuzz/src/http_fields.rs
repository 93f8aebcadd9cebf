//! Ranges and conditions of a request.

use std::time::{Duration, SystemTime};

use http::header::{IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE, IF_UNMODIFIED_SINCE};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use stream::condition::{Current, Decision, decide};
use stream::range::{Selection, select};

/// The first eight bytes are the length of the representation, the rest is a `Range` field.
pub fn range(data: &[u8]) {
    let Some((length, value)) = data.split_first_chunk::<8>() else { return };
    let length = u64::from_be_bytes(*length);
    match select(value, length) {
        Selection::Single { offset, count } => {
            let end = offset.checked_add(count).expect("a part ends within 64 bits");
            assert!(count > 0 && end <= length, "{offset}+{count} is not within {length}");
        }
        Selection::NotSatisfiable => assert!(value.contains(&b'-'), "416 for what is no range"),
        Selection::Whole(_) => {}
    }
}

/// Lines `Name: value`; conditions are compared with a file whose tag is `a1b2` and whose time is in 2026.
pub fn conditions(data: &[u8]) {
    let mut headers = HeaderMap::new();
    for line in data.split(|byte| *byte == b'\n').take(32) {
        let Some(colon) = line.iter().position(|byte| *byte == b':') else { continue };
        let (name, value) = line.split_at(colon);
        let value = value.get(1..).unwrap_or_default().trim_ascii();
        if let (Ok(name), Ok(value)) = (HeaderName::from_bytes(name), HeaderValue::from_bytes(value)) {
            headers.append(name, value);
        }
    }
    let modified = SystemTime::UNIX_EPOCH + Duration::from_secs(1_767_225_600);
    for strong in [true, false] {
        let current = Current {
            tag: "a1b2",
            tag_is_strong: strong,
            modified: Some(modified),
            modified_is_strong: strong,
        };
        check(&headers, decide(&Method::GET, &headers, &current), strong);
    }
}

fn check(headers: &HeaderMap, decision: Decision, strong: bool) {
    let has = |name: HeaderName| headers.contains_key(name);
    match decision {
        Decision::Failed => {
            assert!(has(IF_MATCH) || has(IF_UNMODIFIED_SINCE), "412 without a condition for it")
        }
        Decision::NotModified => {
            assert!(has(IF_NONE_MATCH) || has(IF_MODIFIED_SINCE), "304 without a condition")
        }
        Decision::Send { ranges: false } => assert!(has(IF_RANGE), "a range is dropped without If-Range"),
        Decision::Send { ranges: true } => {
            assert!(strong || !has(IF_RANGE), "parts are joined by a weak validator");
        }
    }
}
