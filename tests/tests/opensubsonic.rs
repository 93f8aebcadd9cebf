//! JSON answers of every endpoint against the OpenSubsonic OpenAPI document, when `OPENSUBSONIC_OPENAPI` names it.
//!
//! The document is not ours to ship; without it this file says so and checks the envelope alone.

#![allow(clippy::expect_used, clippy::panic, reason = "a test says what it found by failing")]
#![allow(clippy::disallowed_methods, reason = "one document, read whole")]

use serde_json::Value;
use tests::{Library, Options, Server};

/// What is asked; `{track}`, `{album}`, `{artist}`, `{user}` are filled in.
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
    ("addChatMessage", "message=hello"),
    ("jukeboxControl", "action=status"),
    ("createPodcastChannel", "url=http://127.0.0.1/pond.xml"),
    ("getPodcasts", ""),
    ("getPodcasts", "id=pc-1&includeEpisodes=false"),
    ("getNewestPodcasts", ""),
    ("getPodcastEpisode", "id=pe-1"),
    ("refreshPodcasts", ""),
    ("deletePodcastEpisode", "id=pe-1"),
    ("downloadPodcastEpisode", "id=pe-1"),
    ("deletePodcastChannel", "id=pc-1"),
    ("getSonicSimilarTracks", "id={track}"),
    ("findSonicPath", "startSongId={track}&endSongId={track}"),
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
    // A song is no video: a failure.
    ("getVideoInfo", "id={track}"),
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
    // Of these the document describes bytes alone. Here they fail.
    ("getAvatar", "username={user}"),
    ("getCaptions", "id={track}"),
    ("hls.m3u8", "id=tr-999999"),
    ("scrobble", "id={track}"),
    ("star", "id={track}"),
    ("unstar", "id={track}"),
    ("setRating", "id={track}&rating=4"),
    ("getScanStatus", ""),
    ("startScan", ""),
    // Errors have the envelope too.
    ("getSong", "id=tr-999999"),
    ("getAlbum", ""),
];

/// What is asked by POST with a JSON document.
const POSTED: &[(&str, &str, &str)] = &[(
    "getTranscodeDecision",
    "mediaId={track}&mediaType=song",
    r#"{"name":"a","platform":"b","maxAudioBitrate":64000,
        "directPlayProfiles":[{"containers":[],"audioCodecs":[],"protocols":[]}],
        "transcodingProfiles":[{"container":"ogg","audioCodec":"opus","protocol":"http"}]}"#,
)];

/// The document, and what did not fit.
struct Checker {
    document: Value,
    problems: Vec<String>,
}

impl Checker {
    fn resolved<'a>(document: &'a Value, schema: &'a Value) -> &'a Value {
        match schema["$ref"].as_str() {
            Some(reference) => {
                let target = document.pointer(reference.trim_start_matches('#')).unwrap_or(&Value::Null);
                Self::resolved(document, target)
            }
            None => schema,
        }
    }

    /// Checks the answer of an endpoint against what the document says of it.
    fn check_answer(&mut self, endpoint: &str, method: &str, body: &Value, query: &str) {
        let path = format!("/paths/~1rest~1{endpoint}/{method}/responses/200");
        let answer = self.document.pointer(&path).cloned().unwrap_or_default();
        let answer = Self::resolved(&self.document, &answer).clone();
        let content = answer["content"].as_object();
        let content = content.unwrap_or_else(|| panic!("the document does not know {endpoint}"));
        match content.get("application/json") {
            Some(json) => self.check(&json["schema"], body, &format!("{endpoint}?{query}")),
            None => assert_eq!(body["subsonic-response"]["status"], "failed", "{endpoint} sends bytes"),
        }
    }

    /// Checks a value against the part of OpenAPI 3.0 that the document uses.
    fn check(&mut self, schema: &Value, value: &Value, at: &str) {
        let document = std::mem::take(&mut self.document);
        let found = problems(&document, schema, value, at);
        self.document = document;
        self.problems.extend(found);
    }
}

fn problems(document: &Value, schema: &Value, value: &Value, at: &str) -> Vec<String> {
    let schema = Checker::resolved(document, schema);
    let mut found = Vec::new();
    for part in schema["allOf"].as_array().into_iter().flatten() {
        found.extend(problems(document, part, value, at));
    }
    for choice in ["oneOf", "anyOf"] {
        if let Some(parts) = schema[choice].as_array() {
            let tries: Vec<_> = parts.iter().map(|part| problems(document, part, value, at)).collect();
            if !tries.iter().any(Vec::is_empty) {
                found.extend(tries.into_iter().min_by_key(Vec::len).unwrap_or_default());
            }
        }
    }
    if value.is_null() && schema["nullable"] == true {
        return found;
    }
    let fits = match schema["type"].as_str() {
        Some("object") => value.is_object(),
        Some("array") => value.is_array(),
        Some("string") => value.is_string(),
        Some("boolean") => value.is_boolean(),
        Some("integer") => value.is_i64() || value.is_u64(),
        Some("number") => value.is_number(),
        _ => true,
    };
    if !fits {
        found.push(format!("{at}: {value} is no {}", schema["type"]));
        return found;
    }
    if let Some(names) = schema["enum"].as_array()
        && !names.contains(value)
    {
        found.push(format!("{at}: {value} is none of {names:?}"));
    }
    for name in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        if value.is_object() && value.get(name).is_none() {
            found.push(format!("{at}: {name} is missing"));
        }
    }
    for (name, part) in schema["properties"].as_object().into_iter().flatten() {
        if let Some(inner) = value.get(name) {
            found.extend(problems(document, part, inner, &format!("{at}.{name}")));
        }
    }
    for (number, inner) in value.as_array().into_iter().flatten().enumerate() {
        if schema.get("items").is_some() {
            found.extend(problems(document, &schema["items"], inner, &format!("{at}[{number}]")));
        }
    }
    found
}

fn assert_envelope(endpoint: &str, body: &Value) {
    let envelope = &body["subsonic-response"];
    assert!(matches!(envelope["status"].as_str(), Some("ok" | "failed")), "{endpoint}: {body}");
    assert_eq!(envelope["openSubsonic"], true, "{endpoint}: {body}");
    for name in ["version", "type", "serverVersion"] {
        assert!(envelope[name].is_string(), "{endpoint} has no {name}: {body}");
    }
}

#[test]
fn json_answers_fit_the_opensubsonic_document() {
    let document = std::env::var_os("OPENSUBSONIC_OPENAPI").map(|path| {
        serde_json::from_slice(&std::fs::read(path).expect("the document")).expect("a JSON document")
    });
    if document.is_none() {
        println!("OPENSUBSONIC_OPENAPI is not set: answers are validated against nothing but the envelope");
    }
    let library = Library::small();
    let server = Server::start(&Options::library(&library));
    let track = server.track("First Ripple");
    server.subsonic("star", &format!("id={}", server.track("Cattail")));
    let song = server.subsonic("getSong", &format!("id={track}"))["song"].clone();
    let word = |name: &str| song[name].as_str().expect("an id").to_owned();
    let (album, artist) = (word("albumId"), word("artistId"));
    let mut checker = Checker { document: document.clone().unwrap_or_default(), problems: Vec::new() };
    for (endpoint, query) in ASKED {
        let query = query.replace("{track}", &track).replace("{album}", &album).replace("{artist}", &artist);
        let query = query.replace("{user}", &server.admin.name);
        let body = server.get(&format!("/rest/{endpoint}?{query}&{}", server.admin.by_key()), &[]).json();
        assert_envelope(endpoint, &body);
        if document.is_some() {
            checker.check_answer(endpoint, "get", &body, &query);
        }
    }
    for (endpoint, query, asked) in POSTED {
        let target =
            format!("/rest/{endpoint}?{}&{}", query.replace("{track}", &track), server.admin.by_key());
        let fields = [("Content-Type", "application/json")];
        let body = server.send("POST", &target, &fields, asked.as_bytes()).json();
        assert_envelope(endpoint, &body);
        assert_eq!(body["subsonic-response"]["status"], "ok", "{endpoint}: {body}");
        if document.is_some() {
            checker.check_answer(endpoint, "post", &body, query);
        }
    }
    assert!(
        checker.problems.is_empty(),
        "{} problems:\n{}",
        checker.problems.len(),
        checker.problems.join("\n")
    );
}

/// The control: a checker that accepts everything would pass the test above.
#[test]
fn an_answer_that_does_not_fit_is_noticed() {
    let schema = serde_json::json!({ "type": "object", "required": ["id"], "properties": {
        "id": { "type": "string" }, "size": { "type": "integer" }, "list": { "type": "array", "items": { "enum": ["a"] } } } });
    let cases = [
        (serde_json::json!({ "id": "tr-1", "size": 5, "list": ["a"] }), 0),
        (serde_json::json!({ "size": 5 }), 1),
        (serde_json::json!({ "id": 1, "size": "5", "list": ["b", "a"] }), 3),
        (serde_json::json!([]), 1),
    ];
    for (value, count) in cases {
        assert_eq!(problems(&Value::Null, &schema, &value, "it").len(), count, "{value}");
    }
}
