use super::{Moment, seconds};

#[test]
fn moments_are_iso_8601_in_utc_and_nonsense_is_the_beginning_of_time() {
    for (ms, wanted) in [
        (0, "1970-01-01T00:00:00Z"),
        (1_700_000_000_123, "2023-11-14T22:13:20.123Z"),
        (-1, "1969-12-31T23:59:59.999Z"),
        (i64::MAX, "1970-01-01T00:00:00Z"),
        (i64::MIN, "1970-01-01T00:00:00Z"),
    ] {
        assert_eq!(serde_json::to_value(Moment(ms)).unwrap(), wanted, "{ms}");
    }
}

#[test]
fn lengths_are_rounded_to_seconds() {
    for (ms, wanted) in [(0, 0), (499, 0), (500, 1), (181_499, 181), (u64::MAX, u64::MAX / 1000)] {
        assert_eq!(seconds(ms), wanted, "{ms}");
    }
}
