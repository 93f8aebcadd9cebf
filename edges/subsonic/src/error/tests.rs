use std::time::Duration;

use axum::http::{StatusCode, header};
use budget::{Fault, Refused};
use catalog::Refusal;

use super::{Error, ErrorKind};
use crate::reply::Format;

fn refused(fault: Fault) -> Refused {
    Refused { what: "streams", fault, retry_after: Duration::from_millis(1_500) }
}

#[track_caller]
fn check(error: impl Into<Error>, code: u16, status: u16, retry_after: Option<&str>) {
    let error = error.into();
    assert_eq!(error.kind().code(), code, "{error}");
    for format in [Format::Xml, Format::Json] {
        let response = format.error(&error);
        assert_eq!(response.status(), StatusCode::from_u16(status).unwrap(), "{error}");
        let header = response.headers().get(header::RETRY_AFTER).map(|value| value.to_str().unwrap());
        assert_eq!(header, retry_after, "{error}");
    }
}

#[test]
fn refusals_keep_their_status_and_say_when_to_come_back() {
    check(refused(Fault::Caller), 0, 429, Some("2"));
    check(refused(Fault::Server), 0, 503, Some("2"));
    check(refused(Fault::Never), 0, 507, None);
    check(Refusal::Busy(refused(Fault::Server)), 0, 503, Some("2"));
    check(Refusal::TooManyFailures { retry_after: Duration::from_millis(1) }, 40, 429, Some("1"));
}

#[test]
fn everything_else_travels_with_200() {
    use catalog::ErrorKind as Kind;
    check(Refusal::Wrong, 40, 200, None);
    check(Refusal::TokenNotSupported, 41, 200, None);
    check(catalog::Error::new(Kind::NotFound, "x"), 70, 200, None);
    check(catalog::Error::new(Kind::NotAllowed, "x"), 50, 200, None);
    check(catalog::Error::new(Kind::Invalid, "x"), 0, 200, None);
    check(catalog::Error::new(Kind::Exists, "x"), 0, 200, None);
    check(catalog::Error::new(Kind::Ambiguous, "x"), 0, 200, None);
    check(catalog::Error::new(Kind::Quota, "x"), 0, 200, None);
    check(catalog::Error::new(Kind::Unavailable, "x"), 0, 200, None);
    check(catalog::Error::new(Kind::Busy, "x"), 0, 503, Some("2"));
    check(Error::missing("id"), 10, 200, None);
    check(Error::too_large(), 0, 413, None);
}

#[test]
fn a_picture_that_comes_with_the_next_try_says_so() {
    use transform::ErrorKind as Kind;
    let failed = |kind| transform::Error { kind, context: "x".to_owned(), words: String::new() };
    check(failed(Kind::Gone), 0, 503, Some("2"));
    check(failed(Kind::Changed), 0, 503, Some("2"));
    check(failed(Kind::Failed), 0, 200, None);
    check(failed(Kind::NoPicture), 70, 200, None);
}

#[test]
fn what_went_wrong_inside_is_not_shown() {
    let error = Error::from(catalog::Error::new(catalog::ErrorKind::Unavailable, "disk /dev/sda1 is broken"));
    assert!(!error.message().contains("sda1"));
    assert!(error.reason().unwrap().to_string().contains("sda1"));
    assert_eq!(error.kind(), ErrorKind::Generic);
}
