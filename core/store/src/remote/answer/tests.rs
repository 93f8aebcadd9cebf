use super::*;

fn fields(text: &str) -> HeaderMap {
    let mut fields = HeaderMap::new();
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let (name, value) = line.split_once(": ").unwrap();
        fields.append(name.parse::<HeaderName>().unwrap(), value.parse().unwrap());
    }
    fields
}

fn read(status: u16, text: &str) -> Result<Known, TroubleKind> {
    Known::read(StatusCode::from_u16(status).unwrap(), &fields(text)).map_err(|trouble| trouble.kind)
}

#[test]
fn the_first_byte_tells_the_length_of_the_whole() {
    let lie = Err(TroubleKind::Lie);
    for (status, text, length) in [
        (206, "content-range: bytes 0-0/7", Ok(7)),
        (206, "content-range: bytes 0-0/9007199254740993", Ok(9_007_199_254_740_993)),
        (416, "content-range: bytes */0", Ok(0)),
        (200, "content-length: 0", Ok(0)),
        (200, "content-length: 1048576", Ok(1_048_576)),
        (200, "content-length: 1048577", Ok(1_048_577)),
        (200, "", Err(TroubleKind::NoRanges)),
        (200, "content-length: +7", lie),
        (206, "", lie),
        (206, "content-range: bytes 0-0/*", lie),
        (206, "content-range: bytes 0-0/0", lie),
        (206, "content-range: bytes 0-1/7", lie),
        (206, "content-range: bytes 1-1/7", lie),
        (206, "content-range: bytes 1-0/7", lie),
        (206, "content-range: bytes 0-7/7", lie),
        (206, "content-range: bytes */7", lie),
        (206, "content-range: lines 0-0/7", lie),
        (206, "content-range: bytes 0-0/18446744073709551616", lie),
        (206, "content-range: bytes 0-0/+7", lie),
        (206, "content-range: bytes 0-0/7\ncontent-range: bytes 0-0/8", lie),
        (206, "content-range: bytes 0-0/7\ncontent-encoding: gzip", lie),
        (206, "content-range: bytes 0-0/7\ntransfer-encoding: gzip, chunked", lie),
        (206, "content-range: bytes 0-0/7\ncontent-type: multipart/byteranges; boundary=x", lie),
        (206, "content-range: bytes 0-0/7\netag: \"a\"\netag: \"b\"", lie),
        (416, "content-range: bytes */7", lie),
        (404, "", Err(TroubleKind::Status(404))),
        (304, "", Err(TroubleKind::Status(304))),
        (503, "", Err(TroubleKind::Status(503))),
    ] {
        assert_eq!(read(status, text).map(|known| known.length), length, "{status} {text}");
    }
}

#[test]
fn a_tag_is_strong_only_when_it_says_so_and_a_date_only_when_it_is_old() {
    let start = "content-range: bytes 0-0/7\n";
    for (text, tag, strong) in [
        ("etag: \"a-1\"", Some("\"a-1\""), Some("\"a-1\"")),
        ("etag: W/\"a\"", Some("W/\"a\""), None),
        ("etag: a", None, None),
        ("etag: \"a", None, None),
        ("etag: \"a\"b\"", None, None),
        ("etag: w/\"a\"", None, None),
        ("", None, None),
    ] {
        let known = read(206, &format!("{start}{text}")).unwrap();
        assert_eq!((known.tag.as_deref(), known.strong_tag()), (tag, strong), "{text}");
    }
    let modified = "last-modified: Fri, 21 Nov 2025 10:00:00 GMT\n";
    for (date, is_settled) in [
        ("", false),
        ("date: Fri, 21 Nov 2025 10:00:59 GMT", false),
        ("date: Fri, 21 Nov 2025 10:01:00 GMT", true),
        ("date: Fri, 21 Nov 2025 09:00:00 GMT", false),
        ("date: soon", false),
    ] {
        let known = read(206, &format!("{start}{modified}{date}")).unwrap();
        assert_eq!(known.is_settled, is_settled, "{date}");
    }
}

#[test]
fn p02_an_answer_is_the_range_of_the_file_that_is_known_or_none() {
    let strong = read(206, "content-range: bytes 0-0/10\netag: \"a\"").unwrap();
    let weak =
        read(206, "content-range: bytes 0-0/10\nlast-modified: Fri, 21 Nov 2025 10:00:00 GMT").unwrap();
    let nothing = read(206, "content-range: bytes 0-0/10").unwrap();
    let (lie, changed) = (Err(TroubleKind::Lie), Err(TroubleKind::Changed));
    let part = "content-range: bytes 2-5/10\n";
    for (known, status, text, expected) in [
        (&strong, 206, format!("{part}etag: \"a\""), Ok(())),
        (&strong, 206, format!("{part}etag: \"a\"\ncontent-length: 4"), Ok(())),
        (&strong, 206, format!("{part}etag: \"a\"\ncontent-length: 3"), lie),
        (&strong, 206, format!("{part}etag: \"b\""), changed),
        (&strong, 206, format!("{part}etag: W/\"a\""), changed),
        (&strong, 206, part.to_owned(), changed),
        (&strong, 206, format!("{part}etag: \"a\"\ncontent-encoding: br"), lie),
        (&strong, 206, "content-range: bytes 2-5/11\netag: \"a\"".to_owned(), changed),
        (&strong, 206, "content-range: bytes 2-5/*\netag: \"a\"".to_owned(), lie),
        (&strong, 206, "content-range: bytes 2-6/10\netag: \"a\"".to_owned(), lie),
        (&strong, 206, "content-range: bytes 1-4/10\netag: \"a\"".to_owned(), lie),
        (&strong, 206, "etag: \"a\"".to_owned(), lie),
        (&strong, 200, "etag: \"a\"\ncontent-length: 10".to_owned(), lie),
        (&strong, 200, "etag: \"b\"\ncontent-length: 10".to_owned(), changed),
        (&strong, 200, "etag: \"a\"\ncontent-length: 9".to_owned(), changed),
        (&strong, 412, String::new(), changed),
        (&strong, 416, String::new(), changed),
        (&strong, 404, String::new(), Err(TroubleKind::Status(404))),
        (&weak, 206, format!("{part}last-modified: Fri, 21 Nov 2025 10:00:00 GMT"), Ok(())),
        (&weak, 206, format!("{part}last-modified: Fri, 21 Nov 2025 10:00:01 GMT"), changed),
        (&weak, 206, part.to_owned(), changed),
        (&weak, 206, format!("{part}etag: \"a\""), changed),
        (&nothing, 206, part.to_owned(), Ok(())),
        (&nothing, 206, format!("{part}etag: \"a\""), changed),
    ] {
        let checked = known.check(StatusCode::from_u16(status).unwrap(), &fields(&text), &(2..6));
        assert_eq!(checked.map_err(|trouble| trouble.kind), expected, "{status} {text}");
    }
    let whole = strong.check(StatusCode::OK, &fields("etag: \"a\"\ncontent-length: 10"), &(0..10));
    assert!(whole.is_ok(), "a whole file that was asked for whole");
}

#[test]
fn a_range_is_asked_for_under_the_condition_that_the_file_is_the_same() {
    let asked = |text: &str| {
        let known = read(206, &format!("content-range: bytes 0-0/10\n{text}")).unwrap();
        let fields = known.fields(&(2..6));
        assert_eq!(fields["range"], "bytes=2-5");
        assert_eq!(fields["accept-encoding"], "identity");
        let texts = ["if-match", "if-range", "if-unmodified-since"];
        texts.map(|name| fields.get(name).map(|value| value.to_str().unwrap().to_owned()))
    };
    let date = "Fri, 21 Nov 2025 10:00:00 GMT";
    assert_eq!(asked("etag: \"a\""), [Some("\"a\"".to_owned()), Some("\"a\"".to_owned()), None]);
    assert_eq!(asked(&format!("etag: W/\"a\"\nlast-modified: {date}")), [None, None, Some(date.to_owned())]);
    assert_eq!(asked(""), [None, None, None]);
}
