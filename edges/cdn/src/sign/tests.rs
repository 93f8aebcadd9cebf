use super::*;

fn signer() -> Signer {
    Signer::new(&Secret::from_bytes([7; 32]))
}

/// Until when, in milliseconds, and a moment before and after.
const UNTIL: u64 = 2_000_000_000_000;
const BEFORE: u64 = UNTIL - 1;
const AFTER: u64 = UNTIL;

fn check(address: &str, now_ms: u64) -> Result<u64, BadSignature> {
    let (path, query) = address.split_once('?').unwrap_or((address, ""));
    signer().check(path, query, now_ms).map(|signed| signed.until_ms)
}

#[test]
fn a_signed_address_counts_until_it_ends() {
    for address in [
        "/clips/a.mp4?width=321",
        "/clips/a.mp4",
        "/clips/a%20b.mp4?width=321&time=5s",
        "/cdn-cgi/media/width=321/clips/a.mp4",
        "/cdn-cgi/media/width=321/https://host.example/a.mp4?token=x",
        "/media/tr-1/video.mp4?width=321",
        // One that was signed before is signed anew.
        "/clips/a.mp4?width=321&expires=5&signature=abc",
    ] {
        let signed = signer().sign(address, UNTIL);
        assert_eq!(check(&signed, BEFORE), Ok(UNTIL), "{signed}");
        assert_eq!(check(&signed, AFTER), Err(BadSignature::Expired { at_ms: UNTIL }), "{signed}");
        assert_eq!(signed.matches("signature=").count(), 1, "{signed}");
        assert_eq!(signer().sign(&signed, UNTIL), signed);
        let (path, query) = signed.split_once('?').unwrap();
        // Where the signature's fields stand does not matter; they may come first, as a client sorts them.
        let (rest, fields) = query.split_at(query.find("expires=").unwrap());
        let moved = format!("{path}?{fields}&{}", rest.trim_end_matches('&'));
        assert_eq!(check(&moved, BEFORE), Ok(UNTIL), "{moved}");
    }
}

#[test]
fn forged_altered_expired_and_malformed_signatures_are_refused_by_name() {
    let signed = signer().sign("/clips/a.mp4?width=321&fit=cover", UNTIL);
    let other = Signer::new(&Secret::from_bytes([8; 32])).sign("/clips/a.mp4?width=321&fit=cover", UNTIL);
    let later = UNTIL + 1;
    let cases = [
        ("/clips/a.mp4?width=321".to_owned(), BadSignature::Missing),
        (other, BadSignature::Forged),
        (signed.replace("width=321", "width=322"), BadSignature::Forged),
        (signed.replace("a.mp4", "b.mp4"), BadSignature::Forged),
        (signed.replace("a.mp4", "%61.mp4"), BadSignature::Forged),
        (signed.replace("width=321&fit=cover", "fit=cover&width=321"), BadSignature::Forged),
        (signed.replace("&fit", "&quality=low&fit"), BadSignature::Forged),
        (signed.replace(&UNTIL.to_string(), &later.to_string()), BadSignature::Forged),
        (signed.replace(&UNTIL.to_string(), "1"), BadSignature::Forged),
        (signed.trim_end_matches(|c: char| c != '=').to_owned(), BadSignature::Forged),
        (format!("{signed}A"), BadSignature::Forged),
        (signed.replace("expires=", "expires=0"), BadSignature::Malformed),
        (signed.replace("expires=", "expires=+"), BadSignature::Malformed),
        (signed.replace("expires=", "expires=-"), BadSignature::Malformed),
        (format!("{signed}&expires=5"), BadSignature::Malformed),
        (format!("{signed}&signature=a"), BadSignature::Malformed),
        ("/clips/a.mp4?width=321&expires=2000000000000".to_owned(), BadSignature::Malformed),
        ("/clips/a.mp4?width=321&signature=abc".to_owned(), BadSignature::Malformed),
    ];
    for (address, expected) in cases {
        assert_eq!(check(&address, BEFORE), Err(expected), "{address}");
        // What is forged does not say when it would have ended.
        assert_eq!(check(&address, u64::MAX), Err(expected), "{address}");
    }
    assert!(format!("{:?}", signer()).ends_with("(…)"));
}

#[test]
fn path_and_query_cannot_be_shifted_into_one_another() {
    let tag = |path, query| signer().tag(path, query, 1, None);
    let tags = [tag("/a?b", "c"), tag("/a", "b?c"), tag("/a", "b")];
    assert!(tags[0] != tags[1] && tags[1] != tags[2] && tags[0] != tags[2]);
}

#[test]
fn a_signature_says_who_gave_it_and_nobody_can_say_otherwise() {
    let (mira, other) =
        (Signed { until_ms: UNTIL, by: Some(UserId(7)) }, Signed { until_ms: UNTIL, by: None });
    for said in [mira, other] {
        let signed = signer().sign_as("/clips/a.mp4?width=321", said);
        let (path, query) = signed.split_once('?').unwrap();
        assert_eq!(signer().check(path, query, BEFORE), Ok(said), "{signed}");
        assert_eq!(signer().sign_as(&signed, other), signer().sign("/clips/a.mp4?width=321", UNTIL));
    }
    let signed = signer().sign_as("/clips/a.mp4?width=321", mira);
    for (from, to, expected) in [
        ("signer=us-7", "signer=us-8", BadSignature::Forged),
        ("&signer=us-7", "", BadSignature::Forged),
        ("signer=us-7", "signer=us-07", BadSignature::Malformed),
        ("signer=us-7", "signer=", BadSignature::Malformed),
        ("signer=us-7", "signer=us-7&signer=us-7", BadSignature::Malformed),
    ] {
        assert_eq!(check(&signed.replace(from, to), BEFORE), Err(expected), "{to}");
    }
    let operators = signer().sign("/clips/a.mp4?width=321", UNTIL);
    assert_eq!(check(&format!("{operators}&signer=us-7"), BEFORE), Err(BadSignature::Forged));
}

proptest::proptest! {
    #[test]
    fn any_address_is_checked_without_a_fall(path in "\\PC{0,40}", query in "[a-z0-9=&%.]{0,60}") {
        let signer = signer();
        let _ = signer.check(&path, &query, BEFORE);
        let target = format!("{}?{query}", path.replace('?', ""));
        let signed = signer.sign(&target, UNTIL);
        let (path, query) = signed.split_once('?').unwrap();
        proptest::prop_assert_eq!(signer.check(path, query, BEFORE), Ok(Signed { until_ms: UNTIL, by: None }));
    }
}
