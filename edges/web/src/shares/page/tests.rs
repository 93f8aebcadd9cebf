use super::*;

#[test]
fn lengths_read_as_on_clocks() {
    for (ms, expected) in [(499, "0:00"), (185_000, "3:05"), (3_723_400, "1:02:03"), (36_000_000, "10:00:00")]
    {
        assert_eq!(clock(ms), expected);
    }
    for (tracks, duration_ms, expected) in [
        (1, 0, "1 song"),
        (1, 1, "1 song, 1 min"),
        (12, 2_880_000, "12 songs, 48 min"),
        (30, 7_200_000, "30 songs, 2 h"),
        (30, 7_260_000, "30 songs, 2 h 1 min"),
    ] {
        assert_eq!(facts(ShareTotals { tracks, duration_ms }), expected);
    }
    assert_eq!(day(1_796_083_200_000), "1 December 2026");
}

#[test]
fn the_style_on_the_page_is_the_one_that_the_policy_names() {
    let page = of_words(CLOSED);
    let style = page.split("<style>").nth(1).and_then(|rest| rest.split("</style>").next()).unwrap();
    let hash = BASE64.encode(&Sha256::digest(style));
    assert!(POLICY.to_str().unwrap().contains(&format!("style-src 'sha256-{hash}'")));
    assert!(!page.contains("<script") && !page.contains("style="));
}
