//! Moments and lengths of time, as feeds write them.

use catalog::UnixMs;
use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimeParser;

// format: the form of RFC 2822 as feeds have it: comments, old zones and days of the week that are wrong.
const MAIL: DateTimeParser = DateTimeParser::new().relaxed_weekday(true);

/// A moment in the form of mail (RSS) or of RFC 3339 (Atom); none where it is neither.
pub(super) fn unix_ms(text: &str) -> Option<UnixMs> {
    let moment = MAIL.parse_timestamp(text).or_else(|_| text.parse::<Timestamp>()).ok()?;
    Some(moment.as_millisecond())
}

/// `3661`, `61:01` or `1:01:01`; none where it is none of them.
pub(super) fn duration_ms(text: &str) -> Option<u64> {
    let mut seconds: u64 = 0;
    let parts: Vec<&str> = text.split(':').collect();
    if text.is_empty() || parts.len() > 3 {
        return None;
    }
    for part in parts {
        // A fraction of a second is of no use to anybody.
        let whole = part.trim().split('.').next().unwrap_or_default();
        seconds = seconds.checked_mul(60)?.checked_add(whole.parse().ok()?)?;
    }
    seconds.checked_mul(1_000).filter(|ms| i64::try_from(*ms).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_come_in_the_forms_of_rss_and_atom() {
        let check = |text: &str, expected: Option<UnixMs>| assert_eq!(unix_ms(text), expected, "{text:?}");
        check("Tue, 14 Nov 2023 22:13:20 GMT", Some(1_700_000_000_000));
        check("Mon, 14 Nov 2023 22:13:20 GMT", Some(1_700_000_000_000));
        check("14 Nov 2023 17:13:20 EST", Some(1_700_000_000_000));
        check("Tue, 14 Nov 2023 23:13:20 +0100", Some(1_700_000_000_000));
        check("2023-11-14T22:13:20Z", Some(1_700_000_000_000));
        check("2023-11-14T23:13:20.5+01:00", Some(1_700_000_000_500));
        for text in ["", "yesterday", "2023-11-14", "Tue, 99 Nov 2023 22:13:20 GMT"] {
            check(text, None);
        }
    }

    #[test]
    fn a_length_is_seconds_or_parted_by_colons() {
        let check = |text: &str, expected: Option<u64>| assert_eq!(duration_ms(text), expected, "{text:?}");
        check("3661", Some(3_661_000));
        check("61:01", Some(3_661_000));
        check("1:01:01", Some(3_661_000));
        check("01:01:01.9", Some(3_661_000));
        for text in ["", ":", "1:2:3:4", "-5", "an hour", "99999999999999999999", "18446744073709551"] {
            check(text, None);
        }
    }
}
