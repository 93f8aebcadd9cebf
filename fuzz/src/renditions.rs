//! Addresses of renditions, and what a client says beside them.

use cdn::{Address, Hints, Rules, Signer, Spelling, Spoken, print};
use http::{HeaderMap, HeaderName, HeaderValue};
use store::Secret;
use transform::Recipe;

/// The first line is a path with its query, each further one a field of the request. What is read of an address means one
/// recipe, which can be written down and read again; its text has no word of the address; who is lenient never reads more
/// than who is strict; and a signature holds for the address it was made for and for no other.
pub fn renditions(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let mut lines = text.split('\n');
    let target = lines.next().unwrap_or_default();
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let hints = Hints::of(&fields(lines));
    let strict = Rules::default();
    let lenient = cdn::Settings { lenient: true, ..cdn::Settings::default() }.rules();
    let read = strict.address(path, query, &hints);
    if let Ok(Some(address)) = &read {
        check(address, &strict);
        let dropped = lenient.address(path, query, &hints);
        let same = dropped.is_ok_and(|dropped| dropped.as_ref() == Some(address));
        assert!(same, "{target:?} means something else to who is lenient");
    }
    if let Err(bad) = &read {
        let said = bad.to_string();
        assert!(!said.contains(['\r', '\n']) && said.len() < 500, "{said:?}");
        assert!(HeaderValue::from_str(bad.option()).is_ok(), "{said:?}");
    }
    if let Ok(Some(address)) = lenient.address(path, query, &hints) {
        check(&address, &lenient);
    }
    signatures(path, query);
}

fn fields<'a>(lines: impl Iterator<Item = &'a str>) -> HeaderMap {
    let pairs = lines.take(16).filter_map(|line| line.split_once(':'));
    let named = pairs.filter_map(|(name, value)| {
        Some((HeaderName::from_bytes(name.as_bytes()).ok()?, HeaderValue::from_str(value.trim()).ok()?))
    });
    named.collect()
}

fn check(address: &Address<'_>, rules: &Rules) {
    let asked = match &address.spoken {
        Spoken::Original(extras) => {
            let _ = extras.warnings_field();
            return;
        }
        Spoken::Rendition(asked) => asked,
    };
    let canonical = asked.recipe.canonical();
    let usual = |byte: u8| byte.is_ascii_alphanumeric() || b" =+-".contains(&byte);
    assert!(canonical.bytes().all(usual) && canonical.len() < 300, "{canonical:?}");
    if let Some(name) = &asked.extras.filename {
        let usual = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        assert!(name.as_str().len() <= 120 && name.as_str().bytes().all(usual), "{name}");
    }
    let _ = asked.extras.warnings_field();
    for spelling in [Spelling::Cloudflare, Spelling::Query, Spelling::Media] {
        let Some(printed) = print(&asked.recipe, spelling) else { continue };
        let again = again(&printed, spelling, rules);
        assert_eq!(again.as_ref(), Some(&asked.recipe), "{printed} as {spelling:?}");
    }
}

fn again(printed: &str, spelling: Spelling, rules: &Rules) -> Option<Recipe> {
    match spelling {
        Spelling::Cloudflare => rules.cloudflare(printed).ok().map(|asked| asked.recipe),
        Spelling::Query => match rules.query(printed, &Hints::default()).ok()? {
            Spoken::Rendition(asked) => Some(asked.recipe),
            Spoken::Original(_) => None,
        },
        Spelling::Media => {
            let (file, query) = printed.split_once('?').unwrap_or((printed, ""));
            rules.media(file, query).ok()?.map(|asked| asked.recipe)
        }
    }
}

/// When a signature of this input ends, in milliseconds since 1970.
const UNTIL: u64 = 2_000_000_000_000;

fn signatures(path: &str, query: &str) {
    let signer = Signer::new(&Secret::from_bytes([7; 32]));
    assert!(signer.check(path, query, 0).is_err(), "{path:?} {query:?} counts as signed");
    let signed = signer.sign(&format!("{path}?{query}"), UNTIL);
    let (path, query) = signed.split_once('?').unwrap_or_default();
    assert_eq!(signer.check(path, query, UNTIL - 1).map(|signed| signed.until_ms), Ok(UNTIL), "{signed:?}");
    assert!(signer.check(path, query, UNTIL).is_err(), "{signed:?} does not end");
    assert!(signer.check(&format!("{path}/"), query, 0).is_err(), "{signed:?} holds for another path");
    assert!(signer.check(path, &format!("a&{query}"), 0).is_err(), "{signed:?} holds for another query");
}
