//! The dates of fields (RFC 9110 section 5.6.7), read as a cache reads them.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use catalog::UnixMs;
use http::{HeaderMap, HeaderName};

const WEEKDAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];

/// A date of a field, in milliseconds since 1970; nothing when it is none.
pub(crate) fn date(fields: &HeaderMap, name: HeaderName) -> Option<UnixMs> {
    let text = fields.get(name)?.to_str().ok()?;
    let since = parsed(text.trim())?.duration_since(UNIX_EPOCH);
    UnixMs::try_from(since.unwrap_or(Duration::ZERO).as_millis()).ok()
}

/// A cache reads the names in a date without regard to their case (RFC 9111 section 4.2), and a date is one whatever day
/// of the week it is said to be. A zone other than GMT makes it none.
fn parsed(text: &str) -> Option<SystemTime> {
    if let Ok(time) = httpdate::parse_http_date(text) {
        return Some(time);
    }
    let text = in_title_case(text);
    let (day, rest) = text.split_at_checked(3)?;
    WEEKDAYS.contains(&day).then_some(())?;
    WEEKDAYS.iter().find_map(|day| httpdate::parse_http_date(&format!("{day}{rest}")).ok())
}

/// `THU, 18 aug 2050 02:01:18 gmt` as `Thu, 18 Aug 2050 02:01:18 GMT`.
fn in_title_case(text: &str) -> String {
    let mut is_inside = false;
    let mut title = |letter: char| {
        let is_first = !std::mem::replace(&mut is_inside, letter.is_ascii_alphabetic());
        if is_first { letter.to_ascii_uppercase() } else { letter.to_ascii_lowercase() }
    };
    let text: String = text.chars().map(&mut title).collect();
    text.strip_suffix("Gmt").map_or(text.clone(), |date| format!("{date}GMT"))
}

#[cfg(test)]
mod tests {
    use super::super::lines::fields;
    use super::*;

    #[test]
    fn a_date_is_read_in_each_of_its_forms_and_in_any_case() {
        let then = Some(2_544_400_878_000);
        let cases = [
            ("Thu, 18 Aug 2050 02:01:18 GMT", then),
            ("Thursday, 18-Aug-50 02:01:18 GMT", then),
            ("Thu Aug 18 02:01:18 2050", then),
            ("THU, 18 Aug 2050 02:01:18 GMT", then),
            ("Thu, 18 AUG 2050 02:01:18 gMT", then),
            ("thu aug 18 02:01:18 2050", then),
            ("Mon, 18 Aug 2050 02:01:18 GMT", then),
            ("Thu Aug  8 02:01:18 2050", Some(2_543_536_878_000)),
            ("Thu, 18 Aug 2050 02:01:18 UTC", None),
            ("Thu, 18 Aug 2050 02:01:18 AEST", None),
            ("Thu, 18 Aug 50 02:01:18 GMT", None),
            ("Thu 18 Aug 2050 02:01:18 GMT", None),
            ("Thu, 18  Aug  2050 02:01:18 GMT", None),
            ("Thu, 18-Aug-2050 02:01:18 GMT", None),
            ("Thu, 18 Aug 2050 2:01:18 GMT", None),
            ("Thu, 31 Feb 2050 02:01:18 GMT", None),
            ("0", None),
            ("", None),
        ];
        for (text, expected) in cases {
            let found = date(&fields(&[("expires", text)]), http::header::EXPIRES);
            assert_eq!(found, expected, "{text}");
        }
    }
}
