use super::*;

fn with(name: &HeaderName, lines: &[&str]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for line in lines {
        headers.append(name, HeaderValue::from_bytes(line.as_bytes()).unwrap());
    }
    headers
}

#[test]
fn a_number_of_tus_is_digits_and_nothing_else() {
    type Case<'a> = (&'a [&'a str], Result<Option<u64>, ()>);
    let cases: &[Case<'_>] = &[
        (&[], Ok(None)),
        (&["0"], Ok(Some(0))),
        (&["100"], Ok(Some(100))),
        (&[" 7 "], Ok(Some(7))),
        (&["007"], Ok(Some(7))),
        (&["9223372036854775807"], Ok(Some(i64::MAX as u64))),
        (&["9223372036854775808"], Err(())),
        (&["99999999999999999999999999"], Err(())),
        (&["-1"], Err(())),
        (&["+1"], Err(())),
        (&["1.0"], Err(())),
        (&["1e3"], Err(())),
        (&["0x10"], Err(())),
        (&[""], Err(())),
        (&["ten"], Err(())),
        (&["\u{663}"], Err(())),
        (&["1", "1"], Err(())),
    ];
    for (lines, expected) in cases {
        let found = number(&with(&UPLOAD_OFFSET, lines), &UPLOAD_OFFSET).map_err(drop);
        assert_eq!(found, *expected, "{lines:?}");
    }
}

#[test]
fn a_structured_field_that_is_malformed_is_not_there() {
    let integers: &[(&[&str], Option<u64>)] = &[
        (&["0"], Some(0)),
        (&[" 100 "], Some(100)),
        (&["100;a=1"], Some(100)),
        (&["999999999999999"], Some(999_999_999_999_999)),
        (&["1000000000000000"], None),
        (&["-1"], None),
        (&["1.0"], None),
        (&["1, 2"], None),
        (&["1", "1"], None),
        (&["?1"], None),
        (&["\"1\""], None),
        (&[""], None),
        (&[], None),
    ];
    for (lines, expected) in integers {
        assert_eq!(integer(&with(&UPLOAD_OFFSET, lines), &UPLOAD_OFFSET), *expected, "{lines:?}");
    }
    let booleans: &[(&[&str], Option<bool>)] = &[
        (&["?1"], Some(true)),
        (&["?0"], Some(false)),
        (&["?1;x"], Some(true)),
        (&["?2"], None),
        (&["1"], None),
        (&["true"], None),
        (&["?1", "?1"], None),
        (&["?1, ?0"], None),
        (&[], None),
    ];
    for (lines, expected) in booleans {
        assert_eq!(boolean(&with(&UPLOAD_COMPLETE, lines), &UPLOAD_COMPLETE), *expected, "{lines:?}");
    }
}

#[test]
fn what_begins_with_others_says_so_exactly() {
    let cases: &[(&str, Option<&[&str]>)] = &[
        ("partial", Some(&[])),
        ("final;/uploads/a /uploads/b", Some(&["/uploads/a", "/uploads/b"])),
        ("final;https://h.example/uploads/a", Some(&["https://h.example/uploads/a"])),
        ("final; /a  /b ", Some(&["/a", "/b"])),
        ("final;", None),
        ("final", None),
        ("final /a", None),
        ("Partial", None),
        ("partial;/a", None),
        ("", None),
    ];
    for (text, expected) in cases {
        let found = concat(text).ok().map(|found| match found {
            Concat::Partial => Vec::new(),
            Concat::Final(urls) => urls,
        });
        assert_eq!(
            found.as_deref(),
            expected.map(|urls| urls.iter().map(|&u| u.to_owned()).collect::<Vec<_>>()).as_deref(),
            "{text}"
        );
    }
    let many = format!("final;{}", "/a ".repeat(limits::UPLOAD_PARTS_MAX + 1));
    assert!(concat(&many).unwrap_err().said.contains("at most"));
}

#[test]
fn metadata_are_unique_keys_with_base64() {
    let text = |value: &str| Some(value.to_owned());
    type Case<'a> = (&'a str, Option<Vec<(&'a str, Option<String>)>>);
    let cases: Vec<Case<'_>> = vec![
        ("", Some(vec![])),
        ("filename d29ybGQ=", Some(vec![("filename", text("world"))])),
        ("filename d29ybGQ=,private", Some(vec![("filename", text("world")), ("private", text(""))])),
        ("filename d29ybGQ=, private ", Some(vec![("filename", text("world")), ("private", text(""))])),
        ("raw /////w==", Some(vec![("raw", None)])),
        ("name Li4vCng=", Some(vec![("name", text("../\nx"))])),
        ("a YQ==,a YQ==", None),
        ("a YQ", None),
        ("a not!base64", None),
        ("a YQ== YQ==", None),
        (",", None),
        ("a YQ==,", None),
        (" YQ==,b", Some(vec![("YQ==", text("")), ("b", text(""))])),
    ];
    for (sent, expected) in cases {
        assert_eq!(metadata(sent).ok(), expected, "{sent}");
    }
    let long = format!("a {}", "A".repeat(limits::UPLOAD_METADATA_BYTES_MAX));
    assert!(metadata(&long).unwrap_err().said.contains("at most"));
}

#[test]
fn metadata_made_by_us_are_read_by_us() {
    let pairs = [("filename", "a, b =.mp3"), ("title", ""), ("artist", "Ünïcode\n")];
    let made = metadata_of(&pairs);
    let read = metadata(&made).unwrap();
    let expected =
        vec![("filename", Some("a, b =.mp3".to_owned())), ("artist", Some("Ünïcode\n".to_owned()))];
    assert_eq!(read, expected);
    let long = "x".repeat(limits::UPLOAD_METADATA_BYTES_MAX);
    assert_eq!(metadata_of(&[("filename", "a"), ("title", &long)]), "filename YQ==");
}

#[test]
fn a_promised_hash_is_64_hexadecimal_digits() {
    let right = "b94d27b9934d3e08a52e52d7da7dabfac484efe37a5380ee9088f7ace2efcde9";
    for (text, is_one) in [
        (right.to_owned(), true),
        (right.to_uppercase(), true),
        (format!(" {right} "), true),
        (right[1..].to_owned(), false),
        (format!("{right}0"), false),
        (right.replace('b', "g"), false),
        (String::new(), false),
    ] {
        assert_eq!(sha256(&text).map(|id| id.to_string()).ok(), is_one.then(|| right.to_owned()), "{text}");
    }
}

#[test]
fn a_type_is_compared_without_its_parameters() {
    for (value, expected) in [
        ("application/offset+octet-stream", true),
        ("Application/Offset+Octet-Stream; charset=x", true),
        ("application/octet-stream", false),
        ("", false),
    ] {
        let headers = with(&http::header::CONTENT_TYPE, &[value]);
        assert_eq!(is_type(&headers, "application/offset+octet-stream"), expected, "{value}");
    }
    assert!(!is_type(&HeaderMap::new(), "application/offset+octet-stream"));
}
