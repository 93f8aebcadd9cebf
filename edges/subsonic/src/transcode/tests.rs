use catalog::{Library, Viewer};

use super::*;
use crate::fixture::House;

/// A track of the fixture that is encoded so.
async fn track(suffix: &str, kbps: u32, bit_depth: Option<u32>) -> Track {
    let house = House::open().await;
    let id = house.track("Quiet").await;
    let track = house.catalog.playing(&Viewer::of(&house.ann), id).await.unwrap();
    let track = Track::clone(&track);
    Track { suffix: suffix.into(), bitrate_kbps: kbps, bit_depth, content_type: "audio/x", ..track }
}

fn wish(query: &str) -> Wish {
    Wish::read(&Params::parse(query)).unwrap()
}

#[tokio::test]
async fn what_is_within_the_wish_is_sent_as_it_is_and_all_else_is_made() {
    let check = async |file: (&str, u32, Option<u32>), query: &str, limit: Option<u32>, expected: &str| {
        let track = track(file.0, file.1, file.2).await;
        let made = wish(query).within(limit).recipe(&track).unwrap();
        let found = made.map_or("original".to_owned(), |audio| {
            let kbps = audio.bitrate.map_or_else(|| "-".to_owned(), |bitrate| bitrate.kbps().to_string());
            format!("{} {kbps} {}", audio.encoding.suffix(), audio.clip.start_ms())
        });
        assert_eq!(found, expected, "{file:?} {query} {limit:?}");
    };
    let (flac, mp3, opus) = (("flac", 900, Some(16)), ("mp3", 320, None), ("opus", 96, None));
    check(flac, "", None, "original").await;
    check(flac, "maxBitRate=0", None, "original").await;
    check(flac, "maxBitRate=&format=&timeOffset=", None, "original").await;
    check(flac, "format=raw&maxBitRate=64&timeOffset=9", None, "original").await;
    check(flac, "format=flac&estimateContentLength=true", None, "original").await;
    check(flac, "maxBitRate=128", None, "mp3 128 0").await;
    check(flac, "format=mp3", None, "mp3 - 0").await;
    check(flac, "format=mp3&maxBitRate=99999999999", None, "mp3 320 0").await;
    check(flac, "format=opus&maxBitRate=1", None, "opus 8 0").await;
    check(flac, "format=OGG&maxBitRate=128", None, "ogg 128 0").await;
    check(flac, "format=aac&maxBitRate=96&timeOffset=30", None, "aac 96 30000").await;
    check(flac, "format=flac&maxBitRate=320", None, "mp3 320 0").await;
    check(flac, "timeOffset=30", None, "flac - 30000").await;
    check(flac, "format=flv&maxBitRate=64", None, "mp3 64 0").await;
    check(mp3, "maxBitRate=320", None, "original").await;
    check(mp3, "format=mp3&maxBitRate=320", None, "original").await;
    check(mp3, "maxBitRate=192", None, "mp3 192 0").await;
    check(mp3, "timeOffset=1", None, "mp3 320 1000").await;
    check(mp3, "format=mp3&maxBitRate=500&timeOffset=1", None, "mp3 320 1000").await;
    check(opus, "maxBitRate=128", None, "original").await;
    check(opus, "format=mp3&maxBitRate=128", None, "mp3 96 0").await;
    check(("m4a", 256, None), "format=aac", None, "original").await;
    check(("m4a", 700, Some(16)), "format=aac", None, "aac - 0").await;
    check(("wma", 128, None), "", None, "original").await;
    check(("wma", 128, None), "timeOffset=2", None, "mp3 128 2000").await;
    // What lost something is never given more bits than it has, by any codec.
    let (less, little) = (("mp3", 192, None), ("ogg", 21, None));
    check(less, "format=opus&maxBitRate=320", None, "opus 192 0").await;
    check(less, "format=opus&maxBitRate=96", None, "opus 96 0").await;
    check(less, "format=opus", None, "opus - 0").await;
    check(less, "format=aac&timeOffset=5", None, "aac - 5000").await;
    check(little, "format=mp3", None, "mp3 21 0").await;
    check(little, "format=mp3&maxBitRate=320", None, "mp3 21 0").await;
    check(little, "format=opus", Some(96), "opus 21 0").await;
    // A user's limit holds whatever he wishes.
    check(flac, "", Some(192), "mp3 192 0").await;
    check(flac, "format=raw", Some(192), "mp3 192 0").await;
    check(flac, "maxBitRate=128", Some(192), "mp3 128 0").await;
    check(flac, "maxBitRate=256&format=opus", Some(192), "opus 192 0").await;
    check(opus, "", Some(192), "original").await;
}

#[tokio::test]
async fn a_film_stays_a_film_unless_its_sound_is_asked_for() {
    let film = Track { content_type: "video/x-matroska", ..track("mkv", 4_000, None).await };
    let made = |query: &str| wish(query).recipe(&film).unwrap().map(|audio| audio.encoding);
    assert_eq!(made("maxBitRate=128&timeOffset=5"), None);
    assert_eq!(made("format=mp3"), Some(Encoding::Mp3));
    let sound = wish("format=mp3").recipe(&film).unwrap().and_then(|audio| audio.bitrate);
    assert_eq!(sound, None, "most of its bits are pictures");
}

#[test]
fn a_wish_that_is_none_is_said() {
    let bad = |query: &str| Wish::read(&Params::parse(query)).unwrap_err().message().to_owned();
    let number = "must be a whole number of 0 or more, and is";
    for (query, expected) in [
        ("timeOffset=-1", format!("Parameter timeOffset {number} \"-1\"")),
        ("timeOffset=soon", format!("Parameter timeOffset {number} \"soon\"")),
        ("maxBitRate=abc", format!("Parameter maxBitRate {number} \"abc\"")),
        ("maxBitRate=-5", format!("Parameter maxBitRate {number} \"-5\"")),
        ("maxBitRate=128k%0A", format!("Parameter maxBitRate {number} \"128k\\n\"")),
        (
            "format=xyz",
            "Parameter format must be raw, mp3, opus, ogg, aac, m4a or flac, and is \"xyz\"".to_owned(),
        ),
    ] {
        assert_eq!(bad(query), expected, "{query}");
    }
    let long = bad(&format!("maxBitRate={}", "9x".repeat(1_000)));
    assert!(long.len() < 120 && long.ends_with("\"…"), "{long}");
}

#[tokio::test]
async fn params_are_read_as_they_were_written_and_nothing_else_is() {
    for (encoding, kbps, text) in [
        (Encoding::Mp3, Some(192), "1-mp3-192"),
        (Encoding::Flac, None, "1-flac-0"),
        (Encoding::Vorbis, Some(9_999), "1-ogg-380"),
    ] {
        let bitrate = kbps.and_then(|kbps| encoding.bitrate(kbps));
        let params = TranscodeParams { encoding, bitrate, sampling: Sampling::default() };
        assert_eq!(params.to_string(), text);
        assert_eq!(text.parse(), Ok(params));
    }
    for text in [
        "",
        "1",
        "1-mp3",
        "2-mp3-192",
        "1-mp3-0192",
        "1-mp3-+192",
        "1-mp3-999",
        "1-flac-320",
        "1-mp4-64",
        "1-mp3-64-1",
        "2-mp3-64",
        "2-mp3-64-0-0-0",
        "2-mp3-64-48001-2-0",
        "2-mp3-64-48000-9-0",
        "2-flac-0-48000-2-20",
        "2-flac-0-48000-02-16",
        "2-flac-0-48000-2-16-1",
    ] {
        assert_eq!(text.parse::<TranscodeParams>(), Err(()), "{text}");
    }
    for text in ["2-flac-0-48000-2-16", "2-mp3-192-44100-0-0", "2-flac-0-0-0-24"] {
        let params = text.parse::<TranscodeParams>().unwrap();
        assert_eq!(params.to_string(), text);
        assert_eq!(
            params.within(Some(96)).sampling,
            params.sampling,
            "{text}: a limit of bits is none of samples"
        );
    }
    let less = track("mp3", 128, None).await;
    for (text, expected) in [("1-opus-320", Some(128)), ("1-opus-64", Some(64)), ("1-flac-0", None)] {
        let audio = text.parse::<TranscodeParams>().unwrap().recipe(Clip::default(), &less);
        assert_eq!(audio.bitrate.map(Bitrate::kbps), expected, "{text}: of 128 kbit/s no more are made");
    }
    let limited = |text: &str| text.parse::<TranscodeParams>().unwrap().within(Some(96)).to_string();
    assert_eq!(
        [limited("1-mp3-192"), limited("1-opus-64"), limited("1-flac-0")],
        ["1-mp3-96", "1-opus-64", "1-mp3-96"]
    );
}
