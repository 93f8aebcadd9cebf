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
