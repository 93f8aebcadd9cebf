//! What players that describe themselves are offered, and what then comes.

#![allow(clippy::expect_used, reason = "a test says what it found by failing")]

use serde_json::{Value, json};
use tests::media::{ffmpeg, settle, sound};
use tests::{Options, Server};

/// What a player that describes itself so is told of a song.
fn decided(server: &Server, id: &str, player: &Value) -> Value {
    let target =
        format!("/rest/getTranscodeDecision?mediaId={id}&mediaType=song&f=json&{}", server.mira.by_key());
    let fields = [("Content-Type", "application/json")];
    let mut answer = server.send("POST", &target, &fields, player.to_string().as_bytes()).json();
    answer["subsonic-response"]["transcodeDecision"].take()
}

/// What a player is told that it will get is what comes, as ffprobe finds it.
#[test]
fn what_is_made_for_a_player_fits_what_it_says_of_a_codec() {
    let folder = tempfile::tempdir().expect("a folder");
    let noise = "anoisesrc=duration=3:sample_rate=96000:amplitude=0.1";
    let words = ["-f", "lavfi", "-i", noise, "-ac", "6", "-sample_fmt", "s32", "-c:a", "flac"];
    ffmpeg(words, &folder.path().join("High.flac"));
    settle(folder.path());
    let libraries = vec![folder.path().into()];
    let server = Server::start(&Options { libraries, tracks: 1, ..Options::default() });
    let (id, by) = (server.track("High"), server.mira.by_key());
    let most = |name: &str, most: &str| json!({ "name": name, "comparison": "LessThanEqual", "values": [most], "required": true });
    for (container, codec, expected) in [
        ("flac", "flac", json!([48_000, 2, 16])),
        ("mp4", "aac", json!([48_000, 2, null])),
        ("mp3", "mp3", json!([48_000, 2, null])),
        ("ogg", "opus", json!([48_000, 2, null])),
    ] {
        let limits =
            [most("audioSamplerate", "48000"), most("audioChannels", "2"), most("audioBitdepth", "16")];
        let direct = json!({ "containers": [], "audioCodecs": ["flac"], "protocols": ["http"] });
        let wanted = json!({ "container": container, "audioCodec": codec, "protocol": "http" });
        let profiles =
            ["flac", codec].map(|name| json!({ "type": "AudioCodec", "name": name, "limitations": limits }));
        let info = json!({ "name": "a player", "platform": "tests", "directPlayProfiles": [direct],
            "transcodingProfiles": [wanted], "codecProfiles": profiles });
        let told = decided(&server, &id, &info);
        assert_eq!(told["canDirectPlay"], false, "{codec}: {told}");
        assert_eq!(told["sourceStream"]["audioBitdepth"], 24, "{codec}: {told}");
        let stream = &told["transcodeStream"];
        let said = json!([stream["audioSamplerate"], stream["audioChannels"], stream["audioBitdepth"]]);
        assert_eq!(said, expected, "{codec}: {told}");
        let params = told["transcodeParams"].as_str().expect("params");
        let target =
            format!("/rest/getTranscodeStream?mediaId={id}&mediaType=song&transcodeParams={params}&{by}");
        let made = server.get(&target, &[]);
        assert!(made.status == 200 && made.whole, "{codec}: {}", made.head());
        let bits = stream["audioBitdepth"].as_u64().map_or("N/A".to_owned(), |bits| bits.to_string());
        let found = format!("{},{},{},{bits}", stream["codec"].as_str().expect("a codec"), said[0], said[1]);
        assert_eq!(sound(&made.body), found, "{params}");
    }
}

/// Ogg stands for Vorbis where nobody looks inside.
#[test]
fn opus_is_known_by_what_it_is_whatever_its_file_is_called() {
    let folder = tempfile::tempdir().expect("a folder");
    for (name, codec) in [("Opus.ogg", "libopus"), ("Vorbis.ogg", "libvorbis")] {
        let words = ["-f", "lavfi", "-i", "sine=duration=2:sample_rate=48000", "-ac", "2", "-c:a", codec];
        ffmpeg(words, &folder.path().join(name));
    }
    settle(folder.path());
    let libraries = vec![folder.path().into()];
    let server = Server::start(&Options { libraries, tracks: 2, ..Options::default() });
    for (title, own, other) in [("Opus", "opus", "vorbis"), ("Vorbis", "vorbis", "opus")] {
        let id = server.track(title);
        for (codec, expected) in [(own, true), (other, false)] {
            let direct = json!({ "containers": ["ogg"], "audioCodecs": [codec], "protocols": ["http"] });
            let info = json!({ "name": "a player", "platform": "tests", "directPlayProfiles": [direct] });
            let told = decided(&server, &id, &info);
            assert_eq!(told["canDirectPlay"], expected, "{title} as {codec}: {told}");
            assert_eq!(told["sourceStream"]["codec"], own, "{title}: {told}");
        }
    }
}
