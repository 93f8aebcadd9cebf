use super::*;
use crate::fixture;

fn check(name: &str, expected: &str) {
    let field = Disposition::Attachment(name.to_owned()).header().unwrap();
    assert_eq!(field.to_str().unwrap(), expected, "{name:?}");
}

#[test]
fn a_name_is_sent_as_rfc_6266_says_and_injects_nothing() {
    assert_eq!(Disposition::Inline.header(), None);
    check("song.flac", r#"attachment; filename="song.flac""#);
    check("01 - A & B (live).mp3", r#"attachment; filename="01 - A & B (live).mp3""#);
    check("Bj\u{f6}rk.flac", r#"attachment; filename="Bj_rk.flac"; filename*=UTF-8''Bj%C3%B6rk.flac"#);
    check("\u{266b}", r#"attachment; filename="_"; filename*=UTF-8''%E2%99%AB"#);
    check("a\"; x=\"b", r#"attachment; filename="a_; x=_b"; filename*=UTF-8''a%22%3B%20x%3D%22b"#);
    check("50%41.mp3", r#"attachment; filename="50_41.mp3"; filename*=UTF-8''50%2541.mp3"#);
    check("a\r\nSet-Cookie: b", r#"attachment; filename="a__Set-Cookie: b""#);
    check("../../etc/passwd", r#"attachment; filename=".._.._etc_passwd""#);
    check("a\\b", r#"attachment; filename="a_b""#);
    check("\u{202e}3pm.exe", r#"attachment; filename="_3pm.exe""#);
    check("it's*(x)", r#"attachment; filename="it's*(x)""#);
    check("'\u{e9}", r#"attachment; filename="'_"; filename*=UTF-8''%27%C3%A9"#);
    for nothing in ["", " ", ".", ".."] {
        check(nothing, "attachment");
    }
    let long = Disposition::Attachment("\u{1d11e}".repeat(100_000)).header().unwrap();
    assert!(long.len() < 16 * DISPOSITION_NAME_CHARS_MAX, "{}", long.len());
}

#[test]
fn an_old_file_has_a_strong_tag_and_a_date_and_a_new_one_has_neither() {
    let now = SystemTime::now();
    let old = fixture::segment(fixture::old_source());
    assert_eq!(old.etag().unwrap(), format!("\"{}\"", old.validator.tag()));
    assert_eq!(old.modified(now), Some(old.source.modified()));
    let (_folder, source) = fixture::new_file(b"new");
    let new = fixture::segment(source);
    assert_eq!(new.etag().unwrap(), format!("W/\"{}\"", new.validator.tag()));
    assert_eq!(new.modified(now), None);
    assert!(!new.current(now).modified_is_strong, "its date was set by a program");
    assert_eq!(
        old.modified(old.source.modified() - Duration::from_secs(9)),
        None,
        "a date in the future is not sent"
    );
}

#[test]
fn a_slice_lies_inside_its_source_or_is_none() {
    let source = fixture::old_source();
    let length = source.len();
    let slice = |offset, count| {
        let slice = Segment::slice(
            source.clone(),
            offset,
            count,
            HeaderValue::from_static("image/png"),
            Disposition::Inline,
        );
        slice.map(|slice| (slice.offset, slice.count, slice.validator.tag() == source.validator().tag()))
    };
    assert_eq!(slice(0, None), Some((0, length, true)), "all of it is the source itself");
    assert_eq!(slice(0, Some(length)), Some((0, length, true)));
    assert_eq!(slice(7, Some(20)), Some((7, 20, false)));
    assert_eq!(slice(7, None), Some((7, length - 7, false)));
    assert_eq!(slice(length, None), Some((length, 0, false)));
    for (offset, count) in
        [(length + 1, None), (0, Some(length + 1)), (7, Some(length)), (u64::MAX, Some(u64::MAX))]
    {
        assert_eq!(slice(offset, count), None, "{offset} {count:?}");
    }
}
