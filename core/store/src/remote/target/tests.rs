use proptest::prelude::*;

use super::*;

fn parsed(text: &str) -> Result<String, String> {
    let target = Target::parse(text).map_err(|trouble| trouble.to_string())?;
    Ok(format!("{}{}", target.site, target.path))
}

#[test]
fn an_address_has_one_form() {
    for (text, form) in [
        ("http://example.com", "http://example.com/"),
        ("HTTPS://Example.COM:443/A?b", "https://example.com/A?b"),
        ("http://example.com:8080/a%20b", "http://example.com:8080/a%20b"),
        ("http://example.com?x=1", "http://example.com/?x=1"),
        ("http://1.2.3.4/", "http://1.2.3.4/"),
        ("http://[2001:DB8:0::1]:81/", "http://[2001:db8::1]:81/"),
        ("http://[::FFFF:127.0.0.1]/", "http://[::ffff:127.0.0.1]/"),
        ("http://xn--bcher-kva.example/", "http://xn--bcher-kva.example/"),
        ("http://a_b.example/", "http://a_b.example/"),
    ] {
        assert_eq!(parsed(text).unwrap(), form);
    }
}

#[test]
fn p07_an_address_in_an_unusual_spelling_is_refused_by_name() {
    for (text, said) in [
        ("http://2130706433/", "number"),
        ("http://0x7f000001/", "number"),
        ("http://0x7f.0.0.1/", "number"),
        ("http://127.0.0.0x1/", "number"),
        ("http://017700000001/", "number"),
        ("http://0177.0.0.1/", "number"),
        ("http://127.0.0.01/", "number"),
        ("http://127.1/", "number"),
        ("http://127.0.1/", "number"),
        ("http://127.0.0.1.1/", "number"),
        ("http://256.1.1.1/", "number"),
        ("http://0x/", "number"),
        ("http://example.123/", "number"),
        ("http://127.0.0.1./", "dot at its end"),
        ("http://localhost./", "dot at its end"),
        ("http://user@example.com/", "user information"),
        ("http://example.com@127.0.0.1/", "user information"),
        ("http://example.com:80@127.0.0.1/", "user information"),
        ("http://exa%6dple.com/", "no name"),
        ("http://127%2e0.0.1/", "no name"),
        ("http://exämple.com/", "characters"),
        ("http://①②⑦.0.0.1/", "characters"),
        ("http://example.com\\@127.0.0.1/", "characters"),
        ("http://example.com/a b", "characters"),
        ("http://example.com/%zz", "characters"),
        ("http://example.com/a\r\nHost: b", "characters"),
        ("http://example.com/#a", "characters"),
        ("http://[::1", "no end"),
        ("http://[::1%25eth0]/", "brackets"),
        ("http://[127.0.0.1]/", "brackets"),
        ("http://[::1]x/", "port"),
        ("http:///a", "no host"),
        ("http://:80/", "no host"),
        ("http://example.com:/", "port"),
        ("http://example.com:0/", "port"),
        ("http://example.com:080/", "port"),
        ("http://example.com:65536/", "port"),
        ("http://example.com:80:80/", "port"),
        ("http://a..b/", "no name"),
        ("http://-a.b/", "no name"),
        ("http:/example.com", "not absolute"),
        ("//example.com/", "not absolute"),
        ("file:///etc/passwd", "neither http"),
        ("gopher://example.com/", "neither http"),
    ] {
        let refused = parsed(text).unwrap_err();
        assert!(refused.contains(said), "{text}: {refused}");
    }
    assert!(parsed(&format!("http://{}/", "a".repeat(64))).is_err());
    assert!(parsed(&format!("http://e.com/{}", "a".repeat(REMOTE_ADDRESS_BYTES_MAX))).is_err());
}

#[test]
fn a_redirect_leads_where_its_text_says_and_never_away_from_tls() {
    let from = |base: &str, to: &str| {
        let found = Target::parse(base).unwrap().redirected(to).map_err(|trouble| trouble.kind)?;
        Ok::<_, TroubleKind>(format!("{}{}", found.site, found.path))
    };
    for (to, form) in [
        ("https://other.example/x", "https://other.example/x"),
        ("//other.example/x", "https://other.example/x"),
        ("/x?y#z", "https://e.com/x?y"),
        ("x", "https://e.com/a/x"),
        ("./x", "https://e.com/a/x"),
        ("../x", "https://e.com/x"),
        ("../../../x", "https://e.com/x"),
        ("/a/./b/../c/..", "https://e.com/a/"),
        ("?t=1:2", "https://e.com/a/b?t=1:2"),
    ] {
        assert_eq!(from("https://e.com/a/b?c", to).unwrap(), form, "{to}");
    }
    assert_eq!(from("https://e.com/a", "http://e.com/a"), Err(TroubleKind::Redirect));
    assert_eq!(from("https://e.com/a", ""), Err(TroubleKind::Redirect));
    assert_eq!(from("https://e.com/a", "/a\u{7f}"), Err(TroubleKind::Redirect));
    assert_eq!(from("https://e.com/a", "javascript:1"), Err(TroubleKind::Address));
    assert_eq!(from("https://e.com/a", "//0x7f.1/"), Err(TroubleKind::Address));
    assert_eq!(from("http://e.com:81/a", "/b").unwrap(), "http://e.com:81/b");
    assert_eq!(from("http://[2001:db8::1]/a", "b").unwrap(), "http://[2001:db8::1]/b");
}

#[test]
fn a_path_of_a_file_is_decoded_once_and_leads_nowhere_else() {
    for (text, path, encoded) in [
        ("a/b.mp4", "a/b.mp4", "a/b.mp4"),
        ("a%20b/%C3%A4+c.mp4?x=%2F", "a b/ä+c.mp4", "a%20b/%C3%A4%2Bc.mp4?x=%2F"),
        ("a%252e/b", "a%2e/b", "a%252e/b"),
    ] {
        let read = RemotePath::parse(text).unwrap();
        assert_eq!((read.path().as_str(), &*read.encoded(), &*read.to_string()), (path, encoded, path));
    }
    for text in
        ["", "/a", "a//b", "../a", "a/%2e%2E/b", "a%2f..%2fb", "a%00", "ä", "a b", "a%f", "%ff", "a?b#c"]
    {
        assert!(RemotePath::parse(text).is_err(), "{text}");
    }
    assert!(RemotePath::parse(&format!("a?{}", "x".repeat(REMOTE_QUERY_BYTES_MAX + 1))).is_err());
}

proptest! {
    #[test]
    fn no_text_breaks_the_reader_and_what_it_takes_is_its_own_form(text in "(https?://)?[ -~ä]{0,40}") {
        if let Ok(form) = parsed(&text) {
            prop_assert_eq!(parsed(&form).unwrap(), form);
        }
        if let Ok(read) = RemotePath::parse(&text) {
            prop_assert_eq!(RemotePath::parse(&read.encoded()).unwrap(), read);
        }
    }
}
