use super::*;

fn head(method: &str, fields: &[(&str, &str)]) -> Parts {
    let mut request = Request::builder().method(method).uri("/uploads");
    for (name, value) in fields {
        request = request.header(*name, *value);
    }
    request.body(()).unwrap().into_parts().0
}

#[test]
fn another_method_may_stand_for_post_alone() {
    let cases = [
        ("POST", None, Some("POST")),
        ("POST", Some("PATCH"), Some("PATCH")),
        ("POST", Some("delete"), Some("DELETE")),
        ("POST", Some("HEAD"), Some("HEAD")),
        ("POST", Some("PA TCH"), None),
        ("POST", Some(""), None),
        ("GET", Some("DELETE"), Some("GET")),
        ("HEAD", Some("PATCH"), Some("HEAD")),
    ];
    for (sent, other, expected) in cases {
        let fields: Vec<_> = other.map(|other| ("x-http-method-override", other)).into_iter().collect();
        let found = method(&head(sent, &fields)).ok().map(|method| method.to_string());
        assert_eq!(found.as_deref(), expected, "{sent} {other:?}");
    }
}

#[test]
fn tus_is_meant_also_when_its_version_was_forgotten() {
    let cases: &[(&[(&str, &str)], bool)] = &[
        (&[("tus-resumable", "1.0.0")], true),
        (&[("tus-resumable", "0.2.2")], true),
        (&[("upload-metadata", "a YQ==")], true),
        (&[("upload-concat", "partial")], true),
        (&[("content-type", "application/offset+octet-stream")], true),
        (&[("upload-length", "10"), ("upload-complete", "?1")], false),
        (&[("content-type", "audio/mpeg")], false),
        (&[], false),
    ];
    for (fields, expected) in cases {
        assert_eq!(is_meant(&head("POST", fields)), *expected, "{fields:?}");
    }
}

#[test]
fn a_part_is_an_upload_of_this_server_at_whatever_address() {
    let id = "0123456789abcdef0123456789abcdef";
    for (url, is_one) in [
        (format!("/uploads/{id}"), true),
        (format!("https://h.example/music/uploads/{id}"), true),
        (format!("http://127.0.0.1:4040/uploads/{id}"), true),
        (format!("/uploads/{id}/"), false),
        (format!("/uploads/{id}?x"), false),
        (format!("/files/{id}"), false),
        (format!("/uploads/{}", &id[1..]), false),
        (id.to_owned(), false),
        (String::new(), false),
    ] {
        assert_eq!(part(&url).map(|part| part.to_string()).ok(), is_one.then(|| id.to_owned()), "{url}");
    }
}

#[test]
fn the_server_says_what_it_can_do() {
    let mut headers = HeaderMap::new();
    options(&Limits { upload_bytes_max: 1_000, ..Limits::default() }, &mut headers);
    for (name, expected) in [
        ("tus-resumable", "1.0.0"),
        ("tus-version", "1.0.0"),
        ("tus-max-size", "1000"),
        ("tus-checksum-algorithm", "sha1,sha256,md5,crc32"),
    ] {
        assert_eq!(headers[name], expected);
    }
    let extensions = headers["tus-extension"].to_str().unwrap();
    assert_eq!(extensions.split(',').count(), 7, "{extensions}");
}
