use http::HeaderValue;

use super::*;

fn with(name: &HeaderName, lines: &[&str]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for line in lines {
        headers.append(name, HeaderValue::from_str(line).unwrap());
    }
    headers
}

/// Whether the checksum that a field names is the one of `bytes`.
fn check(field: &str, bytes: &[u8]) -> Option<bool> {
    let checksum = upload_checksum(&with(&UPLOAD_CHECKSUM, &[field])).ok()??;
    let mut checking = checksum.start();
    for piece in bytes.chunks(3) {
        checking.update(piece);
    }
    Some(checking.matches())
}

#[test]
fn a_checksum_is_computed_in_pieces_and_compared() {
    let cases = [
        // The example of the tus specification.
        ("sha1 Kq5sNclPz7QV2+lfQIuc6R7oRu0=", &b"hello world"[..], Some(true)),
        ("sha1 Kq5sNclPz7QV2+lfQIuc6R7oRu0=", b"hello worlD", Some(false)),
        ("sha1 2jmj7l5rSw0yVb/vlWAYkK/YBwk=", b"", Some(true)),
        ("sha256 uU0nuZNNPgilLlLX2n2r+sSE7+N6U4DukIj3rOLvzek=", b"hello world", Some(true)),
        ("md5 XrY7u+Ae7tCTyyK7j1rNww==", b"hello world", Some(true)),
        ("md5 XrY7u+Ae7tCTyyK7j1rNww==", b"", Some(false)),
        ("crc32 DUoRhQ==", b"hello world", Some(true)),
        ("crc32 DUoRhQ==", b"hello", Some(false)),
        ("sha512 AAAA", b"", None),
        ("SHA1 Kq5sNclPz7QV2+lfQIuc6R7oRu0=", b"hello world", None),
        ("sha1 Kq5sNclPz7QV2+lfQIuc6R7oRu0", b"hello world", None),
        ("sha1 AAAA", b"", None),
        ("sha1", b"", None),
        ("sha1  ", b"", None),
        ("md5 not base64", b"", None),
        ("", b"", None),
    ];
    for (field, bytes, expected) in cases {
        assert_eq!(check(field, bytes), expected, "{field}");
    }
    assert!(upload_checksum(&HeaderMap::new()).unwrap().is_none());
    let twice = with(&UPLOAD_CHECKSUM, &["crc32 DUoRhQ==", "crc32 DUoRhQ=="]);
    assert!(upload_checksum(&twice).is_err());
}

const WORLD: &str = "sha-256=:uU0nuZNNPgilLlLX2n2r+sSE7+N6U4DukIj3rOLvzek=:";

#[test]
fn a_digest_field_is_read_for_what_we_check_and_nothing_else() {
    let is_there = Some(true);
    let cases: &[(&[&str], Option<bool>)] = &[
        (&[WORLD], is_there),
        (&["sha-512=:AAAA:", WORLD], is_there),
        (&["sha-512=:AAAA:, sha-256=:uU0nuZNNPgilLlLX2n2r+sSE7+N6U4DukIj3rOLvzek=:"], is_there),
        // Who names one twice means the last (RFC 9651 section 4.2.2).
        (&["sha-256=:AAAA:", WORLD], is_there),
        (&["sha-512=:AAAA:"], Some(false)),
        (&[], Some(false)),
        // No dictionary: as if it were not there.
        (&["sha-256=:AAAA"], Some(false)),
        (&["=,"], Some(false)),
        (&[WORLD, "="], Some(false)),
        (&["sha-256=:AAAA:"], None),
        (&["sha-256=5"], None),
        (&["sha-256"], None),
        (&["sha-256=(:AAAA:)"], None),
    ];
    for (lines, expected) in cases {
        let found = content_digest(&with(&CONTENT_DIGEST, lines)).ok().map(|found| found.is_some());
        assert_eq!(found, *expected, "{lines:?}");
        let found = repr_digest(&with(&REPR_DIGEST, lines)).ok().map(|found| found.is_some());
        assert_eq!(found, *expected, "{lines:?}");
    }
    let id = repr_digest(&with(&REPR_DIGEST, &[WORLD])).unwrap().unwrap();
    assert_eq!(repr_digest_of(&id), WORLD);
}

#[test]
fn a_digest_is_wanted_with_a_preference_above_none() {
    for (lines, expected) in [
        (&["sha-256=1"][..], true),
        (&["sha-512=3, sha-256=10"], true),
        (&["sha-512=3", "sha-256=1"], true),
        (&["sha-256=0"], false),
        (&["sha-512=3"], false),
        (&["sha-256"], false),
        (&["sha-256=1.5"], false),
        (&["sha-256=1,"], false),
        (&[], false),
    ] {
        assert_eq!(wants_repr_digest(&with(&WANT_REPR_DIGEST, lines)), expected, "{lines:?}");
    }
}
