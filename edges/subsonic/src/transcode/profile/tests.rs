use catalog::{Library, Viewer};
use serde_json::{Value, json};

use super::*;
use crate::fixture::House;

async fn flac() -> Track {
    let house = House::open().await;
    let id = house.track("Quiet").await;
    let track = house.catalog.playing(&Viewer::of(&house.ann), id).await.unwrap();
    let track = Track::clone(&track);
    Track {
        suffix: "flac".into(),
        bitrate_kbps: 3_000,
        bit_depth: Some(24),
        channels: 6,
        sample_rate_hz: 96_000,
        ..track
    }
}

fn decided(info: &Value, track: &Track, limit_kbps: Option<u32>) -> Value {
    let info: ClientInfo = serde_json::from_value(info.clone()).unwrap();
    serde_json::to_value(info.decide(track, limit_kbps, true)).unwrap()
}

/// The example of the extension's own document.
fn phone() -> Value {
    json!({
        "name": "Pixel 8 Pro", "platform": "Sonos",
        "maxAudioBitrate": 512_000, "maxTranscodingAudioBitrate": 256_000,
        "directPlayProfiles": [
            { "containers": ["mp3"], "audioCodecs": ["mp3"], "protocols": ["http"], "maxAudioChannels": 2 },
            { "containers": ["flac"], "audioCodecs": ["flac"], "protocols": ["*"], "maxAudioChannels": 2 },
            { "containers": [], "audioCodecs": [], "protocols": [] }
        ],
        "transcodingProfiles": [
            { "container": "flac", "audioCodec": "flac", "protocol": "http", "maxAudioChannels": 2 },
            { "container": "ogg", "audioCodec": "opus", "protocol": "hls" },
            { "container": "mp4", "audioCodec": "aac", "protocol": "http", "maxAudioChannels": 2 }
        ],
        "codecProfiles": [
            { "type": "AudioCodec", "name": "aac", "limitations": [
                { "name": "audioBitrate", "comparison": "LessThanEqual", "values": ["192000"], "required": true }
            ] }
        ]
    })
}

#[tokio::test]
async fn a_reason_is_told_for_each_profile_and_the_first_that_can_be_made_is() {
    let track = flac().await;
    let found = decided(&phone(), &track, None);
    assert_eq!(
        found,
        json!({
            "canDirectPlay": false,
            "canTranscode": true,
            "transcodeReason": ["ContainerNotSupported", "AudioChannelsNotSupported", "AudioBitrateNotSupported"],
            "transcodeParams": "1-m4a-192",
            "sourceStream": { "protocol": "http", "container": "flac", "codec": "flac", "audioChannels": 6,
                "audioBitrate": 3_000_000, "audioSamplerate": 96_000, "audioBitdepth": 24 },
            "transcodeStream": { "protocol": "http", "container": "m4a", "codec": "aac", "audioChannels": 2,
                "audioBitrate": 192_000, "audioSamplerate": 48_000 }
        })
    );
    let stereo = Track { channels: 2, bitrate_kbps: 500, ..track };
    let found = decided(&phone(), &stereo, None);
    assert_eq!((&found["canDirectPlay"], &found["transcodeReason"]), (&json!(true), &Value::Null));
    let limited = decided(&phone(), &stereo, Some(96));
    assert_eq!((&limited["canDirectPlay"], &limited["transcodeParams"]), (&json!(false), &json!("1-m4a-96")));
}

#[tokio::test]
async fn limitations_are_kept_when_they_are_required() {
    let track = Track { channels: 2, ..flac().await };
    let with = |name: &str, comparison: &str, values: Value, required: bool| {
        let limit = json!({ "name": name, "comparison": comparison, "values": values, "required": required });
        let info = json!({ "directPlayProfiles": [{}],
            "codecProfiles": [{ "type": "AudioCodec", "name": "FLAC", "limitations": [limit] }] });
        decided(&info, &track, None)["canDirectPlay"].clone()
    };
    for (name, comparison, values, expected) in [
        ("audioSamplerate", "LessThanEqual", json!(["48000"]), false),
        ("audioSamplerate", "LessThanEqual", json!(["96000"]), true),
        ("audioSamplerate", "Equals", json!(["44100", "96000"]), true),
        ("audioBitdepth", "NotEquals", json!(["24"]), false),
        ("audioChannels", "GreaterThanEqual", json!(["3"]), false),
        ("audioProfile", "Equals", json!(["LC"]), true),
        ("audioSamplerate", "LessThanEqual", json!([48_000]), false),
        ("audioSamplerate", "LessThanEqual", json!([96_000.0]), true),
        ("audioChannels", "LessThanEqual", json!([]), true),
        ("audioChannels", "LessThanEqual", json!(["two"]), true),
    ] {
        assert_eq!(with(name, comparison, values.clone(), true), expected, "{name} {comparison} {values}");
        assert_eq!(with(name, comparison, values, false), true, "{name}: it is not required");
    }
}

#[tokio::test]
async fn what_is_made_fits_what_a_player_can_do_of_its_codec() {
    let track = flac().await;
    let limit = |name: &str, comparison: &str, values: Value, required: bool| {
        json!({ "name": name, "comparison": comparison,
        "values": values, "required": required })
    };
    let most = |name: &str, most: u64| limit(name, "LessThanEqual", json!([most.to_string()]), true);
    let check = |track: &Track,
                 codec: (&str, &str),
                 channels_max: u64,
                 limitations: Value,
                 expected: Option<&str>| {
        let info = json!({
            "directPlayProfiles": [{ "containers": ["mp3"] }],
            "transcodingProfiles": [{ "container": codec.1, "audioCodec": codec.0, "protocol": "http",
                "maxAudioChannels": channels_max }],
            "codecProfiles": [
                { "type": "AudioCodec", "name": "other", "limitations": [most("audioSamplerate", 8_000)] },
                { "type": "AudioCodec", "name": codec.0, "limitations": limitations }
            ] });
        let found = decided(&info, track, None);
        assert_eq!(found["transcodeParams"].as_str(), expected, "{codec:?} {limitations}: {found}");
        let stream = &found["transcodeStream"];
        (
            stream["audioSamplerate"].as_u64(),
            stream["audioChannels"].as_u64(),
            stream["audioBitdepth"].as_u64(),
        )
    };
    let flac = ("flac", "flac");
    let found = check(&track, flac, 2, json!([most("audioSamplerate", 48_000)]), Some("2-flac-0-48000-2-0"));
    assert_eq!(found, (Some(48_000), Some(2), Some(24)));
    let disc = json!([most("audioSamplerate", 48_000), most("audioChannels", 2), most("audioBitdepth", 16)]);
    let found = check(&track, flac, 0, disc.clone(), Some("2-flac-0-48000-2-16"));
    assert_eq!(found, (Some(48_000), Some(2), Some(16)));
    // The rate of a disc and its multiples stay in their family.
    let double = Track { sample_rate_hz: 88_200, ..track.clone() };
    check(&double, flac, 0, disc.clone(), Some("2-flac-0-44100-2-16"));
    let plain = Track { sample_rate_hz: 44_100, channels: 2, bit_depth: Some(16), ..track.clone() };
    let found = check(&plain, flac, 0, disc.clone(), Some("1-flac-0"));
    assert_eq!(found, (Some(44_100), Some(2), Some(16)), "what fits is left as it is");
    let lossy = Track { suffix: "mp3".into(), bit_depth: None, bitrate_kbps: 320, ..plain.clone() };
    let found = check(&lossy, flac, 0, disc, Some("2-flac-0-0-0-16"));
    assert_eq!(found.2, Some(16), "what a decoder of MP3 gives is finer");
    let rates = |comparison: &str, values: Value| json!([limit("audioSamplerate", comparison, values, true)]);
    let mp3 = ("mp3", "mp3");
    check(&track, mp3, 0, rates("Equals", json!(["44100", "22050"])), Some("2-mp3-0-44100-0-0"));
    check(&track, mp3, 0, rates("NotEquals", json!(["48000"])), Some("2-mp3-0-44100-0-0"));
    check(&plain, mp3, 0, rates("GreaterThanEqual", json!(["48000"])), Some("2-mp3-0-48000-0-0"));
    check(&track, mp3, 0, rates("LessThanEqual", json!(["7000"])), None);
    check(&track, ("opus", "ogg"), 0, rates("LessThanEqual", json!(["44100"])), None);
    check(&track, ("opus", "ogg"), 1, json!([]), Some("2-opus-0-0-1-0"));
    check(&track, mp3, 0, json!([limit("audioChannels", "GreaterThanEqual", json!(["6"]), true)]), None);
    // A wish is kept where that is possible, and costs nothing where it is not.
    let wish = |rate: u64| json!([limit("audioSamplerate", "LessThanEqual", json!([rate]), false)]);
    check(&track, mp3, 0, wish(24_000), Some("2-mp3-0-24000-0-0"));
    check(&track, mp3, 0, wish(7_000), Some("1-mp3-0"));
    let bits = |comparison: &str, values: Value| json!([limit("audioBitrate", comparison, values, true)]);
    check(&track, mp3, 0, bits("Equals", json!(["128000", "256000"])), Some("1-mp3-256"));
    check(&lossy, mp3, 0, bits("Equals", json!(["64000", "500000"])), Some("1-mp3-64"));
    check(&track, mp3, 0, bits("Equals", json!(["100"])), None);
}

#[tokio::test]
async fn a_client_that_says_nothing_is_told_what_the_file_is() {
    let found = decided(&json!({ "name": "x", "platform": "y" }), &flac().await, None);
    assert_eq!((&found["canDirectPlay"], &found["canTranscode"]), (&json!(false), &json!(false)));
    assert!(found["errorReason"].is_string(), "{found}");
    let info: ClientInfo = serde_json::from_value(phone()).unwrap();
    let found = serde_json::to_value(info.decide(&flac().await, None, false)).unwrap();
    assert_eq!(found["canTranscode"], false, "nobody can make it");
}

#[tokio::test]
async fn what_is_null_is_not_said_and_a_number_may_have_a_point() {
    let flac = Track { channels: 2, ..flac().await };
    let info = json!({
        "name": null, "maxAudioBitrate": null, "maxTranscodingAudioBitrate": 320_000.0, "codecProfiles": null,
        "directPlayProfiles": null,
        "transcodingProfiles": [{ "container": "mp3", "audioCodec": "mp3", "protocol": null, "maxAudioChannels": null }]
    });
    assert_eq!(decided(&info, &flac, None)["transcodeParams"], "1-mp3-320");
    let direct =
        json!({ "containers": null, "audioCodecs": ["flac"], "protocols": null, "maxAudioChannels": 2.0 });
    let limits =
        json!([{ "name": "audioBitdepth", "comparison": "Equals", "values": null, "required": null }]);
    let info = json!({ "directPlayProfiles": [direct], "codecProfiles": [{ "name": "flac", "limitations": limits }] });
    assert_eq!(decided(&info, &flac, None)["canDirectPlay"], true);
}

#[tokio::test]
async fn a_file_is_known_by_each_name_of_its_codec() {
    let track = flac().await;
    let check = |suffix: &str, bit_depth: Option<u32>, codec: &str, expected: bool| {
        let track = Track { suffix: suffix.into(), bit_depth, ..track.clone() };
        let info = json!({ "directPlayProfiles": [{ "containers": [suffix], "audioCodecs": [codec] }] });
        let found = decided(&info, &track, None);
        assert_eq!(found["canDirectPlay"], expected, "{codec} in {suffix} of {bit_depth:?}: {found}");
    };
    for codec in ["wav", "WAV", "pcm", "pcm_s16le"] {
        check("wav", Some(16), codec, true);
    }
    check("wav", None, "pcm_s16le", true);
    check("wav", Some(24), "pcm_s16le", false);
    check("wav", Some(24), "pcm_s24le", true);
    check("wav", Some(16), "flac", false);
    check("aiff", Some(16), "pcm_s16be", true);
    check("aiff", Some(16), "wav", false);
    check("m4a", Some(16), "alac", true);
    check("m4a", Some(16), "aac", false);
    check("m4a", None, "aac", true);
    check("ogg", None, "vorbis", true);
    check("flac", Some(16), "pcm_s16le", false);
}
