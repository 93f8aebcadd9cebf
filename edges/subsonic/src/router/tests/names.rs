//! Every name of the OpenSubsonic document answers in the envelope, whatever way it is asked.

use axum::http::Method;

use crate::ROUTES;
use crate::fixture::{House, Reply};

/// The 87 names of the document: 76 of Subsonic 1.16.1 and 11 of OpenSubsonic. The suite compares the table of endpoints
/// with the document itself.
#[rustfmt::skip]
pub(super) const NAMES: [&str; 87] = [
    "addChatMessage", "changePassword", "createBookmark", "createInternetRadioStation", "createPlaylist",
    "createPodcastChannel", "createShare", "createUser", "deleteBookmark", "deleteInternetRadioStation",
    "deletePlaylist", "deletePodcastChannel", "deletePodcastEpisode", "deleteShare", "deleteUser", "download",
    "downloadPodcastEpisode", "findSonicPath", "getAlbum", "getAlbumInfo", "getAlbumInfo2", "getAlbumList",
    "getAlbumList2", "getArtist", "getArtistInfo", "getArtistInfo2", "getArtists", "getAvatar", "getBookmarks",
    "getCaptions", "getChatMessages", "getCoverArt", "getGenres", "getIndexes", "getInternetRadioStations",
    "getLicense", "getLyrics", "getLyricsBySongId", "getMusicDirectory", "getMusicFolders", "getNewestPodcasts",
    "getNowPlaying", "getOpenSubsonicExtensions", "getPlayQueue", "getPlayQueueByIndex", "getPlaylist",
    "getPlaylists", "getPodcastEpisode", "getPodcasts", "getRandomSongs", "getScanStatus", "getShares",
    "getSimilarSongs", "getSimilarSongs2", "getSong", "getSongsByGenre", "getSonicSimilarTracks", "getStarred",
    "getStarred2", "getTopSongs", "getTranscodeDecision", "getTranscodeStream", "getUser", "getUsers",
    "getVideoInfo", "getVideos", "hls.m3u8", "jukeboxControl", "ping", "refreshPodcasts", "reportPlayback",
    "savePlayQueue", "savePlayQueueByIndex", "scrobble", "search", "search2", "search3", "setRating", "star",
    "startScan", "stream", "tokenInfo", "unstar", "updateInternetRadioStation", "updatePlaylist", "updateShare",
    "updateUser"
];

const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");

/// Whether an answer is one that clients can read: bytes of a file, or the envelope in the format that was asked for.
fn is_enveloped(reply: &Reply, format: &str) -> bool {
    let content_type = reply.header("content-type");
    match format {
        "xml" => content_type == "text/xml; charset=utf-8" && reply.text().contains("<subsonic-response "),
        "json" => content_type == "application/json" && reply.json()["openSubsonic"] == true,
        _ => {
            let inner = reply.text().strip_prefix("pond(").and_then(|text| text.strip_suffix(");"));
            content_type == "application/javascript"
                && inner.is_some_and(|text| text.contains("subsonic-response"))
        }
    }
}

#[tokio::test]
async fn all_names_of_the_document_answer_in_the_envelope() {
    let house = House::open().await;
    let mut bad = Vec::new();
    for name in NAMES {
        for format in ["xml", "json", "jsonp"] {
            let query = format!("apiKey={}&f={format}&callback=pond&c=test&v=1.16.1", house.ann_key);
            for suffix in ["", ".view"] {
                let path = format!("/rest/{name}{suffix}");
                // Without parameters every endpoint has something to say in the envelope, if only what is missing.
                let by_get = house.get(&format!("{path}?{query}")).await;
                let by_post = house.ask(Method::POST, &path, &[FORM], &query).await;
                for (method, reply) in [("GET", by_get), ("POST", by_post)] {
                    if reply.status != 200 || !is_enveloped(&reply, format) {
                        bad.push(format!("{method} {path} {format}: {} {}", reply.status, reply.text()));
                    }
                }
            }
        }
    }
    assert!(bad.is_empty(), "{} answers are in no envelope:\n{}", bad.len(), bad.join("\n"));
}

#[test]
fn the_table_of_endpoints_has_each_name_once() {
    let mut routed: Vec<&str> = ROUTES.iter().map(|route| route.name).collect();
    routed.sort_unstable();
    assert_eq!(routed, NAMES);
}
