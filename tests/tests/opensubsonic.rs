//! JSON answers of every endpoint against the OpenSubsonic OpenAPI document: those of a running server, and the golden ones.

#![allow(clippy::expect_used, clippy::panic, reason = "a test says what it found by failing")]
#![allow(clippy::disallowed_methods, reason = "a test reads small files of its own whole")]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};
use tests::{Library, Options, Server, eventually};

#[path = "opensubsonic/document.rs"]
mod document;

use document::Document;

/// What is asked and answered well; `{track}`, `{album}`, `{artist}`, `{user}` are filled in.
const ASKED: &[(&str, &str)] = &[
    ("ping", ""),
    ("getLicense", ""),
    ("getOpenSubsonicExtensions", ""),
    ("tokenInfo", ""),
    ("getUser", "username={user}"),
    ("getUsers", ""),
    ("createUser", "username=newcomer&password=a-pond-of-ones-own"),
    ("updateUser", "username=newcomer&maxBitRate=128"),
    ("getUser", "username=newcomer"),
    ("changePassword", "username=newcomer&password=another-pond"),
    ("deleteUser", "username=newcomer"),
    ("getChatMessages", ""),
    ("createPodcastChannel", "url=http://127.0.0.1/pond.xml"),
    ("getPodcasts", ""),
    ("getPodcasts", "id=pc-1&includeEpisodes=false"),
    ("getNewestPodcasts", ""),
    ("refreshPodcasts", ""),
    ("deletePodcastChannel", "id=pc-1"),
    ("search", "any=ripple"),
    ("getMusicFolders", ""),
    ("getIndexes", ""),
    ("getMusicDirectory", "id={album}"),
    ("getMusicDirectory", "id={artist}"),
    ("getArtists", ""),
    ("getArtist", "id={artist}"),
    ("getAlbum", "id={album}"),
    ("getSong", "id={track}"),
    ("getGenres", ""),
    ("getAlbumList", "type=newest"),
    ("getAlbumList2", "type=alphabeticalByName"),
    ("getRandomSongs", "size=5"),
    ("getVideos", ""),
    ("getSongsByGenre", "genre=Ambient"),
    ("getTopSongs", "id={artist}"),
    ("getSimilarSongs", "id={track}"),
    ("getSimilarSongs2", "id={artist}"),
    ("getArtistInfo", "id={artist}"),
    ("getArtistInfo2", "id={artist}"),
    ("getAlbumInfo", "id={album}"),
    ("getAlbumInfo2", "id={album}"),
    ("getLyrics", "title=none"),
    ("getLyricsBySongId", "id={track}"),
    ("reportPlayback", "mediaId={track}&mediaType=song&positionMs=10&state=paused"),
    ("getNowPlaying", ""),
    ("getStarred", ""),
    ("getStarred2", ""),
    ("search2", "query=ripple"),
    ("search3", "query="),
    ("createPlaylist", "name=kept&songId={track}&songId={track}"),
    ("updatePlaylist", "playlistId=pl-1&comment=slow&public=true&songIndexToRemove=0"),
    ("getPlaylists", ""),
    ("getPlaylist", "id=pl-1"),
    ("deletePlaylist", "id=pl-1"),
    ("getPlayQueue", ""),
    ("savePlayQueue", "id={track}&current={track}&position=5"),
    ("getPlayQueue", ""),
    ("savePlayQueueByIndex", "id={track}&id={track}&currentIndex=1"),
    ("getPlayQueueByIndex", ""),
    ("createBookmark", "id={track}&position=5"),
    ("getBookmarks", ""),
    ("deleteBookmark", "id={track}"),
    ("createShare", "id={track}&id={album}&description=slow&expires=1900000000000"),
    ("updateShare", "id=sh-1&expires=0"),
    ("getShares", ""),
    ("deleteShare", "id=sh-1"),
    ("createInternetRadioStation", "name=Pond&streamUrl=http://radio.example/"),
    ("updateInternetRadioStation", "id=st-1&name=Pond&streamUrl=http://a/&homepageUrl=http://b/"),
    ("getInternetRadioStations", ""),
    ("deleteInternetRadioStation", "id=st-1"),
    ("scrobble", "id={track}"),
    ("star", "id={track}"),
    ("unstar", "id={track}"),
    ("setRating", "id={track}&rating=4"),
    ("getScanStatus", ""),
    ("startScan", ""),
];

/// What is asked and refused, by the code of its error. Errors have the envelope too.
const REFUSED: &[(&str, &str, u64)] = &[
    ("addChatMessage", "message=hello", 0),
    ("jukeboxControl", "action=status", 0),
    ("getPodcastEpisode", "id=pe-1", 70),
    ("deletePodcastEpisode", "id=pe-1", 70),
    ("downloadPodcastEpisode", "id=pe-1", 70),
    ("getSonicSimilarTracks", "id={track}", 0),
    ("findSonicPath", "startSongId={track}&endSongId={track}", 0),
    ("getVideoInfo", "id={track}", 70),
    ("getAvatar", "username={user}", 0),
    ("getCaptions", "id={track}", 70),
    ("hls.m3u8", "id=tr-999999", 70),
    ("getSong", "id=tr-999999", 70),
    ("getAlbum", "", 10),
    ("stream", "id=tr-999999", 70),
    ("download", "id=tr-999999", 70),
    ("getCoverArt", "id=al-999999", 70),
    ("getTranscodeStream", "mediaId={track}&mediaType=song&transcodeParams=x", 0),
];

/// What is asked by POST with a JSON document, and is answered well.
const POSTED: &[(&str, &str, &str)] = &[(
    "getTranscodeDecision",
    "mediaId={track}&mediaType=song",
    r#"{"name":"a","platform":"b","maxAudioBitrate":64000,
        "directPlayProfiles":[{"containers":[],"audioCodecs":[],"protocols":[]}],
        "transcodingProfiles":[{"container":"ogg","audioCodec":"opus","protocol":"http"}]}"#,
)];

/// Bytes that are made, by their type and by what they begin with. Whoever asks for an estimated length is told a right one or
/// none.
const MADE: &[(&str, &str, &str, &[u8])] = &[
    ("stream", "id={flac}&format=mp3&maxBitRate=64&estimateContentLength=true", "audio/mpeg", &[0xff, 0xfb]),
    ("stream", "id={flac}&format=opus&maxBitRate=64&estimateContentLength=true", "audio/ogg", b"OggS"),
    ("getTranscodeStream", "mediaId={flac}&mediaType=song&transcodeParams=1-ogg-96", "audio/ogg", b"OggS"),
    ("hls.m3u8", "id={flac}&bitRate=64", "application/vnd.apple.mpegurl", b"#EXTM3U"),
];

fn assert_envelope(endpoint: &str, body: &Value, error: Option<u64>) {
    let envelope = &body["subsonic-response"];
    let status = if error.is_some() { "failed" } else { "ok" };
    assert_eq!(
        (envelope["status"].as_str(), envelope["error"]["code"].as_u64()),
        (Some(status), error),
        "{endpoint}: {body}"
    );
    assert_eq!(envelope["openSubsonic"], true, "{endpoint}: {body}");
    for name in ["version", "type", "serverVersion"] {
        assert!(envelope[name].is_string(), "{endpoint} has no {name}: {body}");
    }
}

fn assert_none(problems: &[String]) {
    assert!(problems.is_empty(), "{} problems:\n{}", problems.len(), problems.join("\n"));
}

#[test]
fn the_endpoints_are_those_of_the_document() {
    let Some(document) = Document::find() else { return };
    let routed: BTreeSet<_> = subsonic::ROUTES.iter().map(|route| route.name).collect();
    assert_eq!(routed, document.names());
}

#[test]
fn json_answers_fit_the_document() {
    let document = Document::find();
    let library = Library::small();
    let server = Server::start(&Options::library(&library));
    let track = server.track("First Ripple");
    server.subsonic("star", &format!("id={}", server.track("Cattail")));
    let song = server.subsonic("getSong", &format!("id={track}"))["song"].clone();
    let word = |name: &str| song[name].as_str().expect("an id").to_owned();
    let filled = |query: &str| {
        let query = query.replace("{track}", &track).replace("{user}", &server.admin.name);
        query.replace("{album}", &word("albumId")).replace("{artist}", &word("artistId"))
    };
    let mut problems = Vec::new();
    let mut check = |endpoint: &str, query: &str, body: &Value, error: Option<u64>| {
        assert_envelope(endpoint, body, error);
        let at = format!("{endpoint}?{query}");
        problems
            .extend(document.iter().flat_map(|document| document.problems_of_answer(endpoint, body, &at)));
    };
    let well = ASKED.iter().map(|(endpoint, query)| (endpoint, query, None));
    let refused = REFUSED.iter().map(|(endpoint, query, code)| (endpoint, query, Some(*code)));
    for (endpoint, query, error) in well.chain(refused) {
        let target = format!("/rest/{endpoint}?{}&{}", filled(query), server.admin.by_key());
        check(endpoint, query, &server.get(&target, &[]).json(), error);
    }
    for (endpoint, query, asked) in POSTED {
        let target = format!("/rest/{endpoint}?{}&{}", filled(query), server.admin.by_key());
        let fields = [("Content-Type", "application/json")];
        check(endpoint, query, &server.send("POST", &target, &fields, asked.as_bytes()).json(), None);
    }
    assert_none(&problems);
}

/// The golden answers tell of more than the songs here do: of videos, lyrics with their words, podcasts, credits.
#[test]
fn golden_answers_fit_the_document() {
    let Some(document) = Document::find() else { return };
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../edges/subsonic/tests/golden");
    let (mut problems, mut seen) = (Vec::new(), BTreeSet::new());
    for file in fs::read_dir(folder).expect("a folder") {
        let path = file.expect("a file").path();
        let Some(name) = path.file_name().and_then(|name| name.to_str()?.strip_suffix(".json")) else {
            continue;
        };
        let body: Value = serde_json::from_slice(&fs::read(&path).expect("a file")).expect("JSON");
        let rest = name.strip_prefix("error_");
        let endpoint = rest.unwrap_or(name).split('_').next().expect("a first part").to_owned();
        let error = rest.and_then(|_| body["subsonic-response"]["error"]["code"].as_u64());
        assert_envelope(name, &body, error);
        problems.extend(document.problems_of_answer(&endpoint, &body, name));
        seen.insert(endpoint);
    }
    assert_none(&problems);
    let unseen: Vec<_> = document.names().into_iter().filter(|name| !seen.contains(*name)).collect();
    assert_eq!(unseen, [""; 0], "no golden answer is theirs");
}

#[test]
fn bytes_are_of_their_type_and_have_a_right_length_or_none() {
    let library = Library::small();
    let server = Server::start(&Options::library(&library));
    let flac = server.track("Third Ripple");
    for (endpoint, query, content_type, magic) in MADE {
        let target = format!("/rest/{endpoint}?{}&{}", query.replace("{flac}", &flac), server.admin.by_key());
        let first = server.get(&target, &[]);
        assert_eq!(
            (first.status, first.header("content-type")),
            (200, *content_type),
            "{endpoint}: {}",
            first.text()
        );
        assert!(first.whole && first.body.starts_with(magic), "{endpoint}?{query}: {:x?}", &first.body[..16]);
        if first.has("etag") || *endpoint == "hls.m3u8" {
            continue;
        }
        // What came while it was made is what is kept, to the byte.
        eventually("it is kept", Duration::from_secs(60), || server.get(&target, &[]).has("etag"));
        assert!(server.get(&target, &[]).body == first.body, "{endpoint}?{query}: {}", first.head());
    }
}

/// The control: a checker that accepts everything, or passes over what it does not know, would pass the tests above.
#[test]
fn an_answer_that_does_not_fit_is_noticed() {
    let document = Document::from(json!({ "Thing": { "type": "object", "required": ["id"], "properties": {
        "id": { "type": "string" }, "size": { "type": "integer", "minimum": 1, "maximum": 5 },
        "made": { "type": "string", "format": "date-time" }, "list": { "type": "array", "items": { "enum": ["a"] } } } } }));
    let schema = json!({ "allOf": [{ "$ref": "#/components/schemas/Thing" }, { "required": ["size"] }] });
    let cases = [
        (json!({ "id": "tr-1", "size": 5, "list": ["a"], "made": "2026-01-01T00:00:00Z" }), 0),
        (json!({ "size": 5 }), 1),
        (json!({ "id": "tr-1" }), 1),
        (json!({ "id": 1, "size": "5", "list": ["b", "a"] }), 3),
        (json!({ "id": "tr-1", "size": 0 }), 1),
        (json!({ "id": "tr-1", "size": 6, "made": "yesterday" }), 2),
        (json!({ "id": "tr-1", "size": 1, "sizes": 1 }), 1),
        (json!([]), 1),
    ];
    for (value, count) in cases {
        let problems = document.problems(&schema, &value, "it");
        assert_eq!(problems.len(), count, "{value}: {problems:?}");
    }
    let strange = Document::from(json!({ "Thing": { "properties": { "id": { "pattern": "^tr-" } } } }));
    assert_eq!(strange.unheeded(), BTreeSet::from(["pattern".to_owned()]));
}

/// The same control with the document itself: answers of which one thing is wrong.
#[test]
fn an_answer_that_is_not_what_the_document_says_is_noticed() {
    let Some(document) = Document::find() else { return };
    assert_eq!(document.unheeded(), BTreeSet::new(), "the checker heeds every word of the document");
    let envelope = json!({ "status": "ok", "version": "1.16.1", "type": "millpond", "serverVersion": "1", "openSubsonic": true });
    let answer = |name: &str, member: Value| {
        let mut envelope = envelope.clone();
        envelope[name] = member;
        json!({ "subsonic-response": envelope })
    };
    let count = |endpoint: &str, body: &Value| document.problems_of_answer(endpoint, body, endpoint).len();
    let song = json!({ "id": "tr-1", "isDir": false, "title": "x" });
    for (endpoint, body, is_right) in [
        ("ping", answer("status", json!("ok")), true),
        ("ping", answer("status", json!("well")), false),
        ("ping", answer("openSubsonic", json!("true")), false),
        ("ping", answer("pong", json!(1)), false),
        ("getSong", answer("song", song.clone()), true),
        ("getSong", answer("status", json!("ok")), false),
        ("getSong", answer("song", json!({ "id": 1, "isDir": false, "title": "x" })), false),
        ("getSong", answer("song", json!({ "id": "tr-1", "isDir": false, "titel": "x" })), false),
        ("getRandomSongs", answer("randomSongs", json!({ "song": [song] })), true),
        ("getRandomSongs", answer("randomSongs", json!({ "song": song })), false),
        ("stream", answer("status", json!("ok")), false),
    ] {
        assert_eq!(count(endpoint, &body) == 0, is_right, "{endpoint}: {body}");
    }
}
