//! `Cache-Control` (RFC 9111 section 5.2) and `CDN-Cache-Control` (RFC 9213), as a list of directives.

use http::{HeaderMap, HeaderName, HeaderValue, header::CACHE_CONTROL};
use sfv::{BareItem, Dictionary, ListEntry, Parser};

const TARGETED: HeaderName = HeaderName::from_static("cdn-cache-control");

/// The directives that have a number of seconds.
const IN_SECONDS: [&str; 7] =
    ["max-age", "s-maxage", "stale-while-revalidate", "stale-if-error", "min-fresh", "max-stale", "no-cache"];

/// Directives in their order, names in lower case.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Directives(Vec<(String, Option<String>)>);

impl Directives {
    /// Those of `Cache-Control`, all lines of it. What is no directive is none that we know.
    pub(crate) fn of(fields: &HeaderMap) -> Directives {
        let mut all = Vec::new();
        for line in fields.get_all(CACHE_CONTROL) {
            read(&String::from_utf8_lossy(line.as_bytes()), &mut all);
        }
        Directives(all)
    }

    /// Those that an answer has for caches such as this one, if it has some: they stand in place of `Cache-Control` and
    /// `Expires` (RFC 9213 section 2.2). A field that is not well formed is as if it was not there.
    pub(crate) fn targeted(fields: &HeaderMap) -> Option<Directives> {
        let lines: Vec<&[u8]> = fields.get_all(TARGETED).iter().map(HeaderValue::as_bytes).collect();
        let dictionary: Dictionary = Parser::new(&lines.join(&b", "[..])).parse().ok()?;
        let mut all = Vec::new();
        for (name, entry) in dictionary {
            let ListEntry::Item(item) = entry else { return None };
            let value = match item.bare_item {
                BareItem::Boolean(true) => None,
                BareItem::Boolean(false) => continue,
                BareItem::Integer(number) => Some(number.to_string()),
                _ if IN_SECONDS.contains(&name.as_str()) => return None,
                _ => Some(String::new()),
            };
            all.push((name.as_str().to_owned(), value));
        }
        (!all.is_empty()).then_some(Directives(all))
    }

    /// Whether it is there, with or without an argument.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.0.iter().any(|(have, _)| have == name)
    }

    /// Whether it is there and speaks of the whole answer, and not of the fields that its argument names.
    pub(crate) fn has_plain(&self, name: &str) -> bool {
        let names_none =
            |value: &Option<String>| value.as_deref().is_none_or(|value| names(value).is_empty());
        self.0.iter().any(|(have, value)| have == name && names_none(value))
    }

    /// The fields that its arguments name.
    pub(crate) fn fields(&self, name: &str) -> Vec<HeaderName> {
        let values = self.0.iter().filter(|(have, _)| have == name).filter_map(|(_, value)| value.as_deref());
        values.flat_map(names).collect()
    }

    /// Its number, of the first one if there are several (section 4.2.1). What is no number is 0: such an answer counts
    /// as stale. More than we can count is as much as we can (section 1.2.2).
    pub(crate) fn seconds(&self, name: &str) -> Option<u64> {
        let (_, value) = self.0.iter().find(|(have, _)| have == name)?;
        Some(value.as_deref().and_then(number).unwrap_or(0))
    }

    /// The same where no argument means that there is no bound.
    pub(crate) fn seconds_or_any(&self, name: &str) -> Option<u64> {
        let (_, value) = self.0.iter().find(|(have, _)| have == name)?;
        Some(value.as_deref().map_or(SECONDS_MAX, |value| number(value).unwrap_or(0)))
    }
}

/// As many as need not be told from more (section 1.2.2).
// format: two to the power of 31
const SECONDS_MAX: u64 = 1 << 31;

/// Digits alone. Nothing that does not fit into a number of seconds is an error.
pub(crate) fn number(text: &str) -> Option<u64> {
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| text.parse().unwrap_or(SECONDS_MAX).min(SECONDS_MAX))
}

fn names(value: &str) -> Vec<HeaderName> {
    value.split(',').filter_map(|name| name.trim().parse().ok()).collect()
}

/// Reads a list of `name`, `name=token` and `name="text"`. White space around `=` is not allowed there, so that it becomes
/// part of a name or a value that nobody knows.
fn read(line: &str, all: &mut Vec<(String, Option<String>)>) {
    let mut rest = line;
    loop {
        rest = rest.trim_start_matches([' ', '\t', ',']);
        if rest.is_empty() {
            return;
        }
        let end = rest.find(['=', ',']).unwrap_or(rest.len());
        let (name, behind) = rest.split_at(end);
        let name = name.to_ascii_lowercase();
        match behind.strip_prefix('=') {
            None => {
                all.push((name.trim_end().to_owned(), None));
                rest = behind;
            }
            Some(behind) => {
                let (value, behind) = value(behind);
                all.push((name, Some(value)));
                rest = behind;
            }
        }
    }
}

/// One argument, and what follows it.
fn value(text: &str) -> (String, &str) {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find(',').unwrap_or(text.len());
        return (text[..end].trim_end().to_owned(), &text[end..]);
    };
    let (mut value, mut letters) = (String::new(), quoted.char_indices());
    while let Some((at, letter)) = letters.next() {
        match letter {
            '"' => {
                let behind = &quoted[at + 1..];
                return (value, &behind[behind.find(',').unwrap_or(behind.len())..]);
            }
            '\\' => value.extend(letters.next().map(|(_, letter)| letter)),
            letter => value.push(letter),
        }
    }
    (value, "")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(name: &'static str, lines: &[&str]) -> HeaderMap {
        let mut fields = HeaderMap::new();
        lines.iter().for_each(|line| _ = fields.append(name, HeaderValue::from_str(line).unwrap()));
        fields
    }

    #[test]
    fn max_age_is_the_first_number_that_stands_under_its_name() {
        let cases: [(&[&str], Option<u64>); 17] = [
            (&[], None),
            (&["max-age=3600"], Some(3_600)),
            (&["MaX-aGe=3600"], Some(3_600)),
            (&["max-age=\"3600\""], Some(3_600)),
            (&["max-age=003600"], Some(3_600)),
            (&["foobar, max-age=60"], Some(60)),
            (&["max-age=1800, max-age=1"], Some(1_800)),
            (&["max-age=1", "max-age=1800"], Some(1)),
            (&["a=\"max-age=3600\", max-age=1"], Some(1)),
            (&["a=\"x\\\", max-age=3600\", max-age=1"], Some(1)),
            (&["max-age =3600"], None),
            (&["max-age= 3600"], Some(0)),
            (&["max-age='3600'"], Some(0)),
            (&["max-age=3600.5"], Some(0)),
            (&["max-age=-1"], Some(0)),
            (&["max-age"], Some(0)),
            (&["max-age=99999999999999999999999"], Some(1 << 31)),
        ];
        for (lines, expected) in cases {
            let directives = Directives::of(&fields("cache-control", lines));
            assert_eq!(directives.seconds("max-age"), expected, "{lines:?}");
        }
    }

    #[test]
    fn an_argument_that_names_fields_speaks_of_them_alone() {
        let cases = [
            ("no-cache", true, 0),
            ("No-CaChE", true, 0),
            ("no-cache=\"a, B\"", false, 2),
            ("no-cache=a", false, 1),
            ("no-cache=\"\"", true, 0),
            ("no-cache=\"a\", no-cache", true, 1),
            ("x=\"no-cache\"", false, 0),
        ];
        for (line, is_plain, named) in cases {
            let directives = Directives::of(&fields("cache-control", &[line]));
            let found = (directives.has_plain("no-cache"), directives.fields("no-cache").len());
            assert_eq!(found, (is_plain, named), "{line}");
        }
    }

    #[test]
    fn a_targeted_field_counts_when_it_is_well_formed() {
        let cases: [(&[&str], Option<Option<u64>>); 9] = [
            (&["max-age=60"], Some(Some(60))),
            (&["foobar, max-age=60"], Some(Some(60))),
            (&["no-store"], Some(None)),
            (&["max-age=60, &&&"], None),
            (&["max-age=\"60\""], None),
            (&["max-age =60"], None),
            (&["max-age= 60"], None),
            (&[""], None),
            (&[], None),
        ];
        for (lines, expected) in cases {
            let directives = Directives::targeted(&fields("cdn-cache-control", lines));
            assert_eq!(directives.map(|directives| directives.seconds("max-age")), expected, "{lines:?}");
        }
    }
}
