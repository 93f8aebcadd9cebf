//! The three ways to write a date that RFC 9110 section 5.6.7 knows.

const DAYS: [&str; 7] = ["Thursday", "Friday", "Saturday", "Sunday", "Monday", "Tuesday", "Wednesday"];
const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// A moment taken apart.
struct Parts {
    weekday: &'static str,
    day: u64,
    month: &'static str,
    year: u64,
    clock: String,
}

fn parts(seconds: u64) -> Parts {
    let days = seconds / 86_400;
    let clock = seconds % 86_400;
    let clock = format!("{:02}:{:02}:{:02}", clock / 3_600, clock / 60 % 60, clock % 60);
    let (mut year, mut left) = (1970, days);
    let leap = |year: u64| year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    while left >= 365 + u64::from(leap(year)) {
        left -= 365 + u64::from(leap(year));
        year += 1;
    }
    let lengths = [31, 28 + u64::from(leap(year)), 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let mut month = 0;
    while left >= lengths[month] {
        left -= lengths[month];
        month += 1;
    }
    Parts { weekday: DAYS[(days % 7) as usize], day: left + 1, month: MONTHS[month], year, clock }
}

/// `Sun, 06 Nov 1994 08:49:37 GMT`
pub(crate) fn usual(seconds: u64) -> String {
    let Parts { weekday, day, month, year, clock } = parts(seconds);
    format!("{}, {day:02} {month} {year} {clock} GMT", &weekday[..3])
}

/// `Sunday, 06-Nov-94 08:49:37 GMT`
pub(crate) fn rfc_850(seconds: u64) -> String {
    let Parts { weekday, day, month, year, clock } = parts(seconds);
    format!("{weekday}, {day:02}-{month}-{:02} {clock} GMT", year % 100)
}

/// `Sun Nov  6 08:49:37 1994`
pub(crate) fn asctime(seconds: u64) -> String {
    let Parts { weekday, day, month, year, clock } = parts(seconds);
    format!("{} {month} {day:2} {clock} {year}", &weekday[..3])
}

#[test]
fn the_example_of_the_rfc_is_written_three_ways() {
    let at = 784_111_777;
    assert_eq!(usual(at), "Sun, 06 Nov 1994 08:49:37 GMT");
    assert_eq!(rfc_850(at), "Sunday, 06-Nov-94 08:49:37 GMT");
    assert_eq!(asctime(at), "Sun Nov  6 08:49:37 1994");
}
