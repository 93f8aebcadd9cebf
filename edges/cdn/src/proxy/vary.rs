//! Which answers of one address a request means: `Vary` (RFC 9111 section 4.1).

use budget::limits::ANSWER_VARY_FIELDS_MAX;
use http::header::{ACCEPT, ACCEPT_CHARSET, ACCEPT_ENCODING, ACCEPT_LANGUAGE, VARY};
use http::{HeaderMap, HeaderName};
use sha2::{Digest, Sha256};

/// The names of the fields that an answer depends on, in one order; empty when there are none. `None` when it depends on
/// what no field says, or on more than we compare.
pub(crate) fn names(fields: &HeaderMap) -> Option<String> {
    let mut names = Vec::new();
    for line in fields.get_all(VARY) {
        for name in line.to_str().ok()?.split(',').map(str::trim).filter(|name| !name.is_empty()) {
            if name == "*" || name.parse::<HeaderName>().is_err() {
                return None;
            }
            names.push(name.to_ascii_lowercase());
        }
    }
    names.sort_unstable();
    names.dedup();
    (names.len() <= ANSWER_VARY_FIELDS_MAX).then(|| names.join(","))
}

/// The digest of what a request says in these fields.
pub(crate) fn variant(names: &str, request: &HeaderMap) -> [u8; 32] {
    let mut digest = Sha256::new();
    for name in names.split(',').filter(|name| !name.is_empty()) {
        digest.update(name.as_bytes());
        // What is absent is something else than what is empty.
        digest.update(match name.parse::<HeaderName>().ok().and_then(|name| normal(&name, request)) {
            Some(value) => [b": ", value.as_bytes(), b"\n"].concat(),
            None => b"\n".to_vec(),
        });
    }
    digest.finalize().into()
}

/// The value of a field in one form: its lines are one list, without white space around the commas. Where a list of
/// preferences has the same meaning in every order and case, it has one here.
fn normal(name: &HeaderName, request: &HeaderMap) -> Option<String> {
    let mut lines = request.get_all(name).iter().peekable();
    lines.peek()?;
    let text = lines.map(|line| String::from_utf8_lossy(line.as_bytes())).collect::<Vec<_>>().join(",");
    let mut members: Vec<String> = text.split(',').map(|member| member.trim().to_owned()).collect();
    if [ACCEPT, ACCEPT_CHARSET, ACCEPT_ENCODING, ACCEPT_LANGUAGE].contains(name) {
        for member in &mut members {
            *member = member.to_ascii_lowercase();
            member.retain(|letter| !letter.is_ascii_whitespace());
        }
        members.retain(|member| !member.is_empty());
        members.sort_unstable();
    }
    Some(members.join(","))
}

#[cfg(test)]
mod tests {
    use super::super::lines::fields;
    use super::*;

    #[test]
    fn names_are_a_set_and_a_star_is_no_name() {
        let cases: [(&[&str], Option<&str>); 8] = [
            (&[], Some("")),
            (&["Foo"], Some("foo")),
            (&["foo, Bar", "FOO"], Some("bar,foo")),
            (&["", "*"], None),
            (&["*, *"], None),
            (&["foo, *"], None),
            (&[", *"], None),
            (&["b r"], None),
        ];
        for (lines, expected) in cases {
            let lines: Vec<(&str, &str)> = lines.iter().map(|line| ("vary", *line)).collect();
            assert_eq!(names(&fields(&lines)).as_deref(), expected, "{lines:?}");
        }
    }

    #[test]
    fn what_means_the_same_is_the_same_variant() {
        type Lines = &'static [(&'static str, &'static str)];
        let cases: [(&str, Lines, Lines, bool); 12] = [
            ("foo", &[("foo", "1")], &[("foo", "1"), ("other", "2")], true),
            ("foo", &[("foo", "1")], &[("foo", "2")], false),
            ("foo", &[("foo", "1")], &[], false),
            ("foo", &[("foo", "")], &[], false),
            ("bar,foo", &[("foo", "1")], &[("foo", "1")], true),
            ("bar,foo", &[("foo", "1")], &[("bar", "1")], false),
            ("foo", &[("foo", "1,2")], &[("foo", " 1, 2 ")], true),
            ("foo", &[("foo", "1, 2")], &[("foo", "1"), ("foo", "2")], true),
            ("foo", &[("foo", "a")], &[("foo", "A")], false),
            ("accept-language", &[("accept-language", "en, de")], &[("accept-language", "de, EN")], true),
            (
                "accept-language",
                &[("accept-language", "en;q=0.5")],
                &[("accept-language", "en; q=0.5")],
                true,
            ),
            ("accept-language", &[("accept-language", "en")], &[("accept-language", "de")], false),
        ];
        for (names, one, other, is_same) in cases {
            let same = variant(names, &fields(one)) == variant(names, &fields(other));
            assert_eq!(same, is_same, "{names}: {one:?} {other:?}");
        }
    }
}
