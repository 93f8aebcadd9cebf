use super::*;

#[test]
fn a_pace_is_that_of_the_last_window() {
    let mut pace = Pace::new(1_000);
    assert_eq!(pace.rate(0, 1_000), 0);
    assert_eq!(pace.rate(500, 1_500), 1_000, "since the start, while it is young");
    for second in 1..=200 {
        // Fast for a hundred seconds, then nothing.
        pace.mark(second.min(100) * 1_000_000, 1_000 + second * 1_000);
        assert!(pace.marks.len() as u64 <= CROWDED_WINDOW_MS / RATE_MARK_MS + 2, "the marks are bounded");
    }
    assert_eq!(pace.rate(100_000_000, 201_000), 0);
}

#[test]
fn only_a_whole_window_makes_a_stream_slow() {
    let limit = CROWDED_RATE_BYTES_MIN * CROWDED_WINDOW_MS / 1_000;
    for (age_ms, bytes, is_slow) in [
        (0, 0, false),
        (CROWDED_WINDOW_MS - 1, 0, false),
        (CROWDED_WINDOW_MS, 0, true),
        (CROWDED_WINDOW_MS, limit - 1, true),
        (CROWDED_WINDOW_MS, limit, false),
    ] {
        let mut pace = Pace::new(7);
        pace.mark(bytes, 7 + age_ms);
        assert_eq!(pace.is_slow(bytes, 7 + age_ms), is_slow, "{bytes} bytes in {age_ms} ms");
    }
}

#[test]
fn just_as_many_go_as_make_room() {
    for (streams, streams_max, expected) in [
        (0, 0, 0),
        (9_999, 0, 0),
        (0, 1, 0),
        (1, 1, 1),
        (8, 10, 0),
        (9, 10, 1),
        (10, 10, 2),
        (89, 100, 0),
        (90, 100, 1),
        (100, 100, 11),
    ] {
        assert_eq!(surplus(streams, streams_max), expected, "{streams} of {streams_max}");
    }
}
