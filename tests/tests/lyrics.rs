//! The words of songs, from a file beside them, on every edge.

#![allow(clippy::expect_used, reason = "a test says what it found by failing")]

use std::fs;

use serde_json::Value;
use tests::media::settle;
use tests::sound::wav;
use tests::{Options, Server};

#[test]
fn the_words_beside_a_song_are_found_whoever_wrote_them_and_whatever_asks() {
    let folder = tempfile::tempdir().expect("a folder");
    let utf_16 = "\u{feff}[00:01.00]\u{c9}t\u{e9}".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let files: [(&str, &str, Vec<u8>); 4] = [
        ("Plain", "lrc", "[00:01.00]\u{c9}t\u{e9}".into()),
        ("Great", "LRC", "[00:01.00]\u{c9}t\u{e9}".into()),
        ("Mixed", "Lrc", b"[00:01.00]\xc9t\xe9".to_vec()),
        ("Wide", "lrc", utf_16),
    ];
    for (seed, (name, ending, words)) in (1..).zip(&files) {
        fs::write(folder.path().join(format!("{name}.wav")), wav(seed, 60_000)).expect("a file");
        fs::write(folder.path().join(format!("{name}.{ending}")), words).expect("a file");
    }
    // The words of a song whose name only begins like this one's are not its own.
    fs::write(folder.path().join("None.wav"), wav(9, 60_000)).expect("a file");
    fs::write(folder.path().join("None (live).lrc"), "[00:01.00]others").expect("a file");
    settle(folder.path());
    let server =
        Server::start(&Options { libraries: vec![folder.path().into()], tracks: 5, ..Options::default() });
    for name in ["Plain", "Great", "Mixed", "Wide", "None"] {
        let id = server.track(name);
        let target = format!("/rest/getLyricsBySongId?id={id}&{}", server.mira.by_key());
        let subsonic = server.get(&target, &[]).json();
        let bearer = server.mira.bearer();
        let web = server.get(&format!("/tracks/{id}/lyrics"), &[("Authorization", &bearer)]).json();
        let lines = [&subsonic["subsonic-response"]["lyricsList"]["structuredLyrics"], &web["texts"]]
            .map(|texts| first_line(&texts[0]));
        let expected = (name != "None").then_some("\u{c9}t\u{e9}");
        assert_eq!(lines, [expected; 2], "{name}: {subsonic} {web}");
    }
}

/// The words of the first line of a text.
fn first_line(text: &Value) -> Option<&str> {
    let line = &text.get("line").or_else(|| text.get("lines"))?[0];
    line.get("value").or_else(|| line.get("text"))?.as_str()
}
