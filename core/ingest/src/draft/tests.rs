use super::*;

#[test]
fn lengths_agree_or_contradict_each_other() {
    let (other, beyond) = (Some(Conflict::Other), Some(Conflict::Beyond));
    // What was agreed on, what is named now, where this request's content ends, whether it is the last.
    let cases = [
        (None, None, None, false, None),
        (None, None, Some(10), true, None),
        (Some(10), None, Some(10), true, None),
        (Some(10), Some(10), Some(10), true, None),
        (Some(10), None, Some(5), false, None),
        (Some(10), None, None, true, None),
        (None, Some(10), Some(5), false, None),
        (None, Some(10), Some(10), true, None),
        (Some(10), Some(11), None, false, other),
        (Some(10), None, Some(5), true, other),
        (None, Some(10), Some(5), true, other),
        (None, Some(10), Some(11), false, other),
        (Some(10), None, Some(11), false, beyond),
        (Some(10), Some(10), Some(11), true, beyond),
    ];
    for (known, named, end, complete, expected) in cases {
        assert_eq!(conflict(known, named, end, complete), expected, "{known:?} {named:?} {end:?} {complete}");
    }
}

#[test]
fn limits_say_how_large_and_how_long() {
    let limits = Limits { upload_bytes_max: 1_000, lifetime_ms: 3_600_999, ..Limits::default() };
    assert_eq!(limit(&limits, None), "max-size=1000, min-size=0, max-age=3600");
    assert_eq!(limit(&limits, Some(0)), "max-size=1000, min-size=0, max-age=0");
}
