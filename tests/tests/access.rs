//! The access table from outside: every route times five identities. A route without a row fails.

#![allow(clippy::expect_used, clippy::panic, reason = "a test says what it found by failing")]
#![allow(clippy::disallowed_methods, reason = "a test reads small files of its own whole")]

use std::collections::BTreeSet;
use std::fs;
use std::time::Duration;

use tests::http::Answer;
use tests::people::Login;
use tests::{Library, Options, Server, Tus, clients, eventually, sound, tus};

/// Who asks, in the order of every row below.
const WHO: [&str; 5] = ["nobody", "a wrong key", "the plain user", "another user", "the admin"];
/// A track that everybody sees, and one that is the plain user's private one.
const SHARED: &str = "First Ripple";
const PRIVATE: &str = "Cattail";

/// One row of our own API. In targets and bodies, `{shared}`, `{private}`, `{key}`, `{app-password}`, `{mira}`,
/// `{password}`, `{share}` (its path), `{sent}` and `{open}` (uploads), `{file}` and `{picture}` are filled in. What the
/// plain user may remove is made anew for every request.
struct Row {
    method: &'static str,
    /// The path as the table of routes has it.
    path: &'static str,
    /// What is asked for.
    target: &'static str,
    body: &'static str,
    /// The status for each of [`WHO`].
    statuses: [u16; 5],
}

const fn row(
    method: &'static str,
    path: &'static str,
    target: &'static str,
    body: &'static str,
    statuses: [u16; 5],
) -> Row {
    Row { method, path, target, body, statuses }
}

const OPEN: [u16; 5] = [200; 5];
const OWN: [u16; 5] = [401, 401, 200, 200, 200];
const MINE: [u16; 5] = [401, 401, 200, 404, 404];
const ADMIN: [u16; 5] = [401, 401, 403, 403, 200];

#[rustfmt::skip]
const ROWS: &[Row] = &[
    row("GET", "/", "/", "", OPEN),
    row("GET", "/health", "/health", "", OPEN),
    row("GET", "/openapi.json", "/openapi.json", "", OPEN),
    row("GET", "/app", "/app", "", [308; 5]),
    row("GET", "/app/", "/app/", "", OPEN),
    row("GET", "/app/{*file}", "/app/index.html", "", OPEN),
    row("GET", "/session", "/session", "", OPEN),
    row("GET", "/metrics", "/metrics", "", ADMIN),
    row("POST", "/session", "/session", r#"{"name":"{mira}","password":"{password}"}"#, OPEN),
    row("DELETE", "/session", "/session", "", [401, 401, 204, 204, 204]),
    row("GET", "/me", "/me", "", OWN),
    row("PUT", "/me/password", "/me/password", r#"{"current":"not this one","new":"another pond"}"#, [401, 401, 403, 403, 403]),
    row("GET", "/users", "/users", "", ADMIN),
    row("POST", "/users", "/users", r#"{"name":"late","password":"a pond of my own"}"#, [401, 401, 403, 403, 201]),
    row("PATCH", "/users/{id}", "/users/us-2", r#"{"share":true}"#, ADMIN),
    row("DELETE", "/users/{id}", "/users/us-123456", "", [401, 401, 403, 403, 404]),
    row("GET", "/libraries", "/libraries", "", OWN),
    row("GET", "/albums", "/albums", "", OWN),
    row("GET", "/albums/{id}", "/albums/{album}", "", OWN),
    row("GET", "/albums/{id}/tracks", "/albums/{album}/tracks", "", OWN),
    row("GET", "/albums/{id}/cover", "/albums/{album}/cover", "", OWN),
    row("GET", "/artists", "/artists", "", OWN),
    row("GET", "/artists/{id}", "/artists/{artist}", "", OWN),
    row("GET", "/artists/{id}/albums", "/artists/{artist}/albums", "", OWN),
    row("GET", "/artists/{id}/cover", "/artists/{artist}/cover", "", OWN),
    row("GET", "/genres", "/genres", "", OWN),
    row("GET", "/search", "/search?q=ripple", "", OWN),
    row("GET", "/search/tracks", "/search/tracks?q=ripple", "", OWN),
    row("GET", "/starred/tracks", "/starred/tracks", "", OWN),
    row("PUT", "/stars/{id}", "/stars/{shared}", "", [401, 401, 204, 204, 204]),
    row("PUT", "/stars/{id}", "/stars/{private}", "", [401, 401, 204, 404, 404]),
    row("DELETE", "/stars/{id}", "/stars/{shared}", "", [401, 401, 204, 204, 204]),
    row("PUT", "/ratings/{id}", "/ratings/{shared}", r#"{"rating":4}"#, [401, 401, 204, 204, 204]),
    row("PUT", "/ratings/{id}", "/ratings/{private}", r#"{"rating":4}"#, [401, 401, 204, 404, 404]),
    row("POST", "/tracks/{id}/plays", "/tracks/{shared}/plays", "", [401, 401, 204, 204, 204]),
    row("POST", "/tracks/{id}/plays", "/tracks/{private}/plays", "", [401, 401, 204, 404, 404]),
    row("GET", "/tracks/{id}/lyrics", "/tracks/{shared}/lyrics", "", OWN),
    row("GET", "/tracks/{id}/lyrics", "/tracks/{private}/lyrics", "", MINE),
    row("GET", "/events", "/events", "", OWN),
    row("GET", "/me/keys", "/me/keys", "", OWN),
    row("POST", "/me/keys", "/me/keys", r#"{"label":"a test"}"#, [401, 401, 201, 201, 201]),
    row("DELETE", "/me/keys/{id}", "/me/keys/{key}", "", [401, 401, 204, 404, 404]),
    row("GET", "/me/app-passwords", "/me/app-passwords", "", OWN),
    row("POST", "/me/app-passwords", "/me/app-passwords", r#"{"label":"a test"}"#, [401, 401, 201, 201, 201]),
    row("DELETE", "/me/app-passwords/{id}", "/me/app-passwords/{app-password}", "", [401, 401, 204, 404, 404]),
    row("GET", "/me/scrobbling", "/me/scrobbling", "", OWN),
    row("PUT", "/me/scrobbling/{id}", "/me/scrobbling/lastfm", "{}", [401, 401, 202, 202, 202]),
    // Each removes what he has himself just made.
    row("DELETE", "/me/scrobbling/{id}", "/me/scrobbling/lastfm", "", [401, 401, 204, 204, 204]),
    row("GET", "/tracks", "/tracks", "", OWN),
    row("GET", "/videos", "/videos", "", OWN),
    // A song is no video, whoever asks.
    row("GET", "/videos/{id}", "/videos/{shared}", "", [401, 401, 404, 404, 404]),
    row("GET", "/tracks/{id}", "/tracks/{shared}", "", OWN),
    row("GET", "/tracks/{id}", "/tracks/{private}", "", MINE),
    row("PATCH", "/tracks/{id}", "/tracks/{shared}", r#"{"title":"First Ripple"}"#, ADMIN),
    row("PATCH", "/tracks/{id}", "/tracks/{private}", r#"{"title":"Cattail"}"#, [401, 401, 200, 404, 200]),
    row("GET", "/tracks/{id}/audio", "/tracks/{shared}/audio", "", OWN),
    row("GET", "/tracks/{id}/audio", "/tracks/{private}/audio", "", MINE),
    row("GET", "/tracks/{id}/audio", "/tracks/{private}/audio?user=us-1&expires=9999999999999&signature=AAAA", "", [403; 5]),
    row("GET", "/tracks/{id}/cover", "/tracks/{shared}/cover", "", OWN),
    row("GET", "/tracks/{id}/cover", "/tracks/{private}/cover", "", [401, 401, 404, 404, 404]),
    row("POST", "/tracks/{id}/link", "/tracks/{shared}/link", "", OWN),
    row("POST", "/tracks/{id}/link", "/tracks/{private}/link", "", MINE),
    // Files of library folders are nobody's to remove.
    row("DELETE", "/tracks/{id}", "/tracks/{shared}", "", [401, 401, 403, 403, 403]),
    row("DELETE", "/tracks/{id}", "/tracks/{private}", "", [401, 401, 403, 404, 403]),
    // Whoever has the token of a share gets in, whoever he is; of one that is none everybody learns the same.
    row("GET", "/share/{token}", "{share}", "", OPEN),
    row("GET", "/share/{token}", "/share/AAAAAAAAAAAAAAAAAAAAAA", "", [404; 5]),
    row("GET", "/share/{token}/tracks/{id}/audio", "{share}/tracks/{private}/audio", "", OPEN),
    row("GET", "/share/{token}/tracks/{id}/audio", "{share}/tracks/{shared}/audio", "", [404; 5]),
    row("GET", "/share/{token}/tracks/{id}/cover", "{share}/tracks/{private}/cover", "", [404; 5]),
    row("GET", "/playlists", "/playlists", "", OWN),
    row("POST", "/playlists", "/playlists", r#"{"name":"kept","tracks":["{shared}"]}"#, [401, 401, 201, 201, 201]),
    row("POST", "/playlists", "/playlists", r#"{"name":"hers","tracks":["{private}"]}"#, [401, 401, 201, 404, 404]),
    row("GET", "/playlists/{id}", "/playlists/pl-1", "", MINE),
    row("GET", "/playlists/{id}/tracks", "/playlists/pl-1/tracks", "", MINE),
    row("GET", "/playlists/{id}/m3u8", "/playlists/pl-1/m3u8", "", MINE),
    row("PATCH", "/playlists/{id}", "/playlists/pl-1", r#"{"comment":"slow"}"#, MINE),
    row("DELETE", "/playlists/{id}", "/playlists/pl-1", "", [401, 401, 204, 404, 404]),
    row("POST", "/tracks/", "/tracks/", "", [401, 401, 400, 400, 400]),
    row("GET", "/tracks/uploads/{id}/progress", "/tracks/uploads/{sent}/progress", "", MINE),
    row("OPTIONS", "/uploads", "/uploads", "", [204; 5]),
    row("POST", "/uploads", "/uploads", "", [401, 401, 400, 400, 400]),
    row("PUT", "/uploads", "/uploads", "", [401, 401, 400, 400, 400]),
    row("OPTIONS", "/uploads/{id}", "/uploads/{sent}", "", [204; 5]),
    row("GET", "/uploads/{id}", "/uploads/{sent}", "", MINE),
    row("PATCH", "/uploads/{id}", "/uploads/{sent}", "", [401, 401, 415, 415, 415]),
    row("POST", "/uploads/{id}", "/uploads/{sent}", "", [401, 401, 405, 405, 405]),
    row("DELETE", "/uploads/{id}", "/uploads/{open}", "", [401, 401, 204, 404, 404]),
    row("GET", "/uploads/{id}/events", "/uploads/{sent}/events", "", MINE),
    // A job that nobody began is nobody's; a name that is none is refused by name before anything is begun.
    row("POST", "/separate", "/separate", "", [401, 401, 400, 400, 400]),
    row("GET", "/jobs/{id}/status", "/jobs/5f0c3a1d9b7e4c2f8a6d0e1b3c5a7f92/status", "", [401, 401, 404, 404, 404]),
    row("GET", "/jobs/{id}/result", "/jobs/5f0c3a1d9b7e4c2f8a6d0e1b3c5a7f92/result", "", [401, 401, 404, 404, 404]),
    row("GET", "/jobs/{id}/events", "/jobs/5f0c3a1d9b7e4c2f8a6d0e1b3c5a7f92/events", "", [401, 401, 404, 404, 404]),
    row("DELETE", "/jobs/{id}", "/jobs/5f0c3a1d9b7e4c2f8a6d0e1b3c5a7f92", "", [401, 401, 404, 404, 404]),
    row("GET", "/tracks/{id}/stems", "/tracks/{shared}/stems", "", OWN),
    row("GET", "/tracks/{id}/stems", "/tracks/{private}/stems", "", MINE),
    row("POST", "/tracks/{id}/stems", "/tracks/{shared}/stems?stems=3", "", [401, 401, 422, 422, 422]),
    row("POST", "/tracks/{id}/stems", "/tracks/{private}/stems?stems=3", "", [401, 401, 422, 404, 404]),
    row("GET", "/tracks/{id}/stems/{file}", "/tracks/{shared}/stems/vocals.wav", "", [401, 401, 404, 404, 404]),
    row("DELETE", "/models/cache", "/models/cache", "", ADMIN),
    row("GET", "/audio/{file_id}", "/audio/{file}", "", OWN),
    row("GET", "/images/{file_id}", "/images/{picture}", "", MINE),
    row("GET", "/streams", "/streams", "", ADMIN),
    row("DELETE", "/streams/{id}", "/streams/999999", "", [401, 401, 403, 403, 404]),
    row("GET", "/scan", "/scan", "", ADMIN),
    row("GET", "/scan/events", "/scan/events", "", ADMIN),
    row("POST", "/scan", "/scan", "", [401, 401, 403, 403, 202]),
    row("POST", "/cdn/sign", "/cdn/sign", r#"{"url":"/media/{shared}/waveform.png"}"#, OWN),
    row("POST", "/cdn/purge", "/cdn/purge", r#"{"tags":["of-nothing"]}"#, ADMIN),
    // Whoever has the key of a job was told it; of one that is none everybody learns the same.
    row("GET", "/renditions/{key}", "/renditions/0", "", [404; 5]),
    row("GET", "/renditions/{key}/events", "/renditions/0/events", "", [404; 5]),
];

/// What a Subsonic client is told: well, or an error code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Told {
    Ok,
    Error(u64),
    /// Bytes of a file or a picture.
    Bytes,
}

use Told::{Bytes, Error as No, Ok as Yes};

const LISTEN: [Told; 5] = [No(10), No(44), Yes, Yes, Yes];
const PLAY: [Told; 5] = [No(10), No(44), Bytes, Bytes, Bytes];
const READ_MINE: [Told; 5] = [No(10), No(44), Yes, No(70), No(70)];
const PLAY_MINE: [Told; 5] = [No(10), No(44), Bytes, No(70), No(70)];
const MANAGE: [Told; 5] = [No(10), No(44), No(50), No(50), Yes];
const REFUSED: [Told; 5] = [No(10), No(44), No(0), No(0), No(0)];

/// One row of the Subsonic API: endpoint, query, what each of [`WHO`] is told.
type SubsonicRow = (&'static str, &'static str, [Told; 5]);

#[rustfmt::skip]
const SUBSONIC_ROWS: &[SubsonicRow] = &[
    ("ping", "", LISTEN),
    ("getLicense", "", LISTEN),
    ("getOpenSubsonicExtensions", "", [Yes; 5]),
    ("tokenInfo", "", LISTEN),
    ("getUser", "username={mira}", [No(10), No(44), Yes, No(50), Yes]),
    ("changePassword", "username={mira}&password={password}", [No(10), No(44), Yes, No(50), Yes]),
    ("getUsers", "", MANAGE),
    ("createUser", "username=newcomer&password=a-pond-of-ones-own", MANAGE),
    ("updateUser", "username=newcomer&shareRole=true", MANAGE),
    ("deleteUser", "username=newcomer", MANAGE),
    ("getChatMessages", "", LISTEN),
    ("addChatMessage", "message=hello", REFUSED),
    ("jukeboxControl", "action=status", REFUSED),
    ("getAvatar", "username={mira}", REFUSED),
    ("getPodcasts", "", LISTEN),
    ("getNewestPodcasts", "", LISTEN),
    ("getPodcastEpisode", "id=pe-1", [No(10), No(44), No(70), No(70), No(70)]),
    ("refreshPodcasts", "", LISTEN),
    // Whoever asks first follows it.
    ("createPodcastChannel", "url=http://127.0.0.1/pond.xml", LISTEN),
    ("deletePodcastChannel", "id=pc-1", [No(10), No(44), Yes, No(70), No(70)]),
    ("deletePodcastEpisode", "id=pe-1", [No(10), No(44), No(70), No(70), No(70)]),
    ("downloadPodcastEpisode", "id=pe-1", [No(10), No(44), No(70), No(70), No(70)]),
    ("getSonicSimilarTracks", "id={shared}", REFUSED),
    ("findSonicPath", "startSongId={shared}&endSongId={shared}", REFUSED),
    ("getMusicFolders", "", LISTEN),
    ("getIndexes", "", LISTEN),
    ("getMusicDirectory", "id={album}", LISTEN),
    ("getArtists", "", LISTEN),
    ("getArtist", "id={artist}", LISTEN),
    ("getAlbum", "id={album}", LISTEN),
    ("getSong", "id={shared}", LISTEN),
    ("getSong", "id={private}", READ_MINE),
    ("getGenres", "", LISTEN),
    ("getAlbumList", "type=newest", LISTEN),
    ("getAlbumList2", "type=newest", LISTEN),
    ("getRandomSongs", "", LISTEN),
    ("getVideos", "", LISTEN),
    // A song is no video, whoever asks.
    ("getVideoInfo", "id={shared}", [No(10), No(44), No(70), No(70), No(70)]),
    ("getSongsByGenre", "genre=Rock", LISTEN),
    ("getTopSongs", "id={artist}", LISTEN),
    ("getSimilarSongs", "id={private}", READ_MINE),
    ("getSimilarSongs2", "id={artist}", LISTEN),
    ("getArtistInfo", "id={private}", READ_MINE),
    ("getArtistInfo2", "id={artist}", LISTEN),
    ("getAlbumInfo", "id={private}", READ_MINE),
    ("getAlbumInfo2", "id={album}", LISTEN),
    ("getLyrics", "title=none", LISTEN),
    ("getLyricsBySongId", "id={shared}", LISTEN),
    ("getLyricsBySongId", "id={private}", READ_MINE),
    ("getNowPlaying", "", LISTEN),
    ("reportPlayback", "mediaId={shared}&mediaType=song&positionMs=0&state=playing", LISTEN),
    ("reportPlayback", "mediaId={private}&mediaType=song&positionMs=0&state=playing", READ_MINE),
    ("getStarred", "", LISTEN),
    ("getStarred2", "", LISTEN),
    ("search", "any=ripple", LISTEN),
    ("search2", "query=ripple", LISTEN),
    ("search3", "query=ripple", LISTEN),
    ("getPlaylists", "", LISTEN),
    // Each makes one: the plain user `pl-1`, the other `pl-2`, the admin `pl-3`.
    ("createPlaylist", "name=kept&songId={shared}", LISTEN),
    ("createPlaylist", "name=kept&songId={private}", READ_MINE),
    ("getPlaylist", "id=pl-1", READ_MINE),
    ("updatePlaylist", "playlistId=pl-2", [No(10), No(44), No(70), Yes, No(70)]),
    // From now on everybody sees it; others than its owner and the admin may not change it.
    ("updatePlaylist", "playlistId=pl-1&public=true", [No(10), No(44), Yes, No(50), Yes]),
    ("getPlaylist", "id=pl-1", LISTEN),
    ("createPlaylist", "playlistId=pl-1&songId={shared}", [No(10), No(44), Yes, No(50), Yes]),
    ("deletePlaylist", "id=pl-1", READ_MINE),
    ("deletePlaylist", "id=pl-2", [No(10), No(44), No(70), Yes, No(70)]),
    ("getPlayQueue", "", LISTEN),
    ("savePlayQueue", "id={shared}&current={shared}", LISTEN),
    ("savePlayQueue", "id={private}&current={private}", READ_MINE),
    ("getPlayQueueByIndex", "", LISTEN),
    ("savePlayQueueByIndex", "id={shared}&currentIndex=0", LISTEN),
    ("savePlayQueueByIndex", "id={private}&currentIndex=0", READ_MINE),
    ("getBookmarks", "", LISTEN),
    ("createBookmark", "id={shared}&position=1", LISTEN),
    ("createBookmark", "id={private}&position=1", READ_MINE),
    ("deleteBookmark", "id={shared}", LISTEN),
    ("deleteBookmark", "id={private}", READ_MINE),
    ("getShares", "", LISTEN),
    // Each makes one: after that of the plain user on which guests come, his `sh-2`, the other's `sh-3`, the admin's `sh-4`.
    ("createShare", "id={shared}", LISTEN),
    ("createShare", "id={private}", READ_MINE),
    ("updateShare", "id=sh-2&description=slow", READ_MINE),
    ("deleteShare", "id=sh-3", [No(10), No(44), No(70), Yes, No(70)]),
    ("getInternetRadioStations", "", LISTEN),
    ("createInternetRadioStation", "name=Pond&streamUrl=http://radio.example/", MANAGE),
    ("updateInternetRadioStation", "id=st-1&name=Pond&streamUrl=http://radio.example/", MANAGE),
    ("deleteInternetRadioStation", "id=st-1", MANAGE),
    ("stream", "id={shared}", PLAY),
    ("stream", "id={private}", PLAY_MINE),
    // Asked by GET it has no document that says what the player can do.
    ("getTranscodeDecision", "mediaId={shared}&mediaType=song", [No(10), No(44), No(10), No(10), No(10)]),
    ("getTranscodeStream", "mediaId={shared}&mediaType=song&transcodeParams=1-mp3-64", PLAY),
    ("getTranscodeStream", "mediaId={private}&mediaType=song&transcodeParams=1-mp3-64", PLAY_MINE),
    ("stream", "id={private}&format=opus&maxBitRate=64", PLAY_MINE),
    ("hls.m3u8", "id={shared}", PLAY),
    ("hls.m3u8", "id={private}&bitRate=64", PLAY_MINE),
    // A song is no video, whoever asks.
    ("getCaptions", "id={shared}", [No(10), No(44), No(70), No(70), No(70)]),
    ("download", "id={shared}", PLAY),
    ("download", "id={private}", PLAY_MINE),
    ("getCoverArt", "id={album}", PLAY),
    ("scrobble", "id={shared}", LISTEN),
    ("scrobble", "id={private}", READ_MINE),
    ("star", "id={shared}", LISTEN),
    ("star", "id={private}", READ_MINE),
    ("unstar", "id={shared}", LISTEN),
    ("setRating", "id={shared}&rating=3", LISTEN),
    ("setRating", "id={private}&rating=3", READ_MINE),
    ("getScanStatus", "", LISTEN),
    ("startScan", "", MANAGE),
];

/// A server with three people and one private track.
struct House {
    server: Server,
    olga: Login,
    words: Vec<(&'static str, String)>,
}

fn house() -> House {
    let library = Library::small();
    let server = Server::start(&Options::library(&library).config("[store]\nfree_bytes_min = \"16MiB\"\n"));
    let olga = server.add_user("olga", &[]);
    let (shared, private) = (server.track(SHARED), server.track(PRIVATE));
    let number = private.trim_start_matches("tr-").to_owned();
    let data = server.data.to_str().expect("a path in UTF-8").to_owned();
    let script = clients::script("own.py").to_str().expect("a path in UTF-8").to_owned();
    let output = clients::run("python3", &[&script, &data, &number, "mira"], Duration::from_secs(20));
    assert!(output.status.success(), "{output:?}");
    let song = server.subsonic("getSong", &format!("id={shared}"))["song"].clone();
    let id = |name: &str| song[name].as_str().expect("an id").to_owned();
    let put = |name: &str, bytes: &[u8]| {
        let answer = server.send(
            "PUT",
            &format!("/uploads?filename={name}"),
            &[("Authorization", &server.mira.bearer())],
            bytes,
        );
        assert_eq!(answer.status, 201, "{}", answer.text());
        answer.json()
    };
    let sent = put("noise.wav", &sound::wav(1, 20_000));
    let picture = put("cover.png", &fs::read(library.cover()).expect("a picture"));
    let made = server.get(&format!("/rest/createShare?id={private}&{}", server.mira.by_key()), &[]).json();
    let share = made["subsonic-response"]["shares"]["share"][0]["url"].as_str().expect("a link");
    let share = share.split_once("/share/").map(|(_, token)| format!("/share/{token}")).expect("a token");
    let told = |row: &serde_json::Value, name: &str| row[name].as_str().expect("an id").to_owned();
    let words = vec![
        ("{share}", share),
        ("{sent}", told(&sent, "upload_id")),
        ("{file}", told(&sent, "file_id")),
        ("{picture}", told(&picture, "file_id")),
        ("{album}", id("albumId")),
        ("{artist}", id("artistId")),
        ("{mira}", "mira".to_owned()),
        ("{password}", server.mira.password.clone()),
        ("{shared}", shared),
        ("{private}", private),
    ];
    House { server, olga, words }
}

impl House {
    fn filled(&self, text: &str) -> String {
        self.words.iter().fold(text.to_owned(), |text, (word, value)| text.replace(word, value))
    }

    /// The credentials of each of [`WHO`]; nobody has none.
    fn keys(&self) -> [Option<String>; 5] {
        let keys =
            [&self.server.mira.key, &self.olga.key, &self.server.admin.key].map(|key| Some(key.clone()));
        let [mira, olga, admin] = keys;
        [None, Some("wrong-key-of-nobody".to_owned()), mira, olga, admin]
    }

    /// A new credential of the plain user, to be removed.
    fn fresh(&self, kind: &str) -> String {
        let fields =
            [("Authorization", self.server.mira.bearer()), ("Content-Type", "application/json".to_owned())];
        let fields = [(fields[0].0, fields[0].1.as_str()), (fields[1].0, fields[1].1.as_str())];
        let made = self.server.send("POST", &format!("/me/{kind}"), &fields, br#"{"label":"to be removed"}"#);
        made.json()["id"].as_str().unwrap_or_else(|| panic!("no {kind}: {}", made.text())).to_owned()
    }

    fn ask(&self, row: &Row, key: Option<&str>) -> Answer {
        let mut target = self.filled(row.target);
        for (word, kind) in [("{key}", "keys"), ("{app-password}", "app-passwords")] {
            if target.contains(word) {
                target = target.replace(word, &self.fresh(kind));
            }
        }
        if target.contains("{open}") {
            let begun =
                Tus::of(&self.server, &self.server.mira).create(Some(100), "", &[]).expect("an answer");
            let at = tus::location(&begun).expect("a location");
            target = target.replace("{open}", at.rsplit('/').next().expect("an id"));
        }
        let bearer = key.map(|key| format!("Bearer {key}"));
        let mut fields = Vec::new();
        if let Some(bearer) = &bearer {
            fields.push(("Authorization", bearer.as_str()));
        }
        if !row.body.is_empty() {
            fields.push(("Content-Type", "application/json"));
        }
        // Whoever follows all that happens does so until the server stops: of that answer the head is enough.
        let method = if row.path == "/events" { "HEAD" } else { row.method };
        self.server.send(method, &target, &fields, self.filled(row.body).as_bytes())
    }
}

#[test]
fn p08_every_route_of_the_api_has_a_row() {
    let own = web::ROUTES.iter().map(|route| (route.method.to_string(), route.path.to_owned()));
    let of_renditions = cdn::ROUTES.iter().map(|route| (route.method.to_string(), route.path.to_owned()));
    let routes: BTreeSet<_> = own.chain(of_renditions).collect();
    let rows: BTreeSet<_> = ROWS.iter().map(|row| (row.method.to_owned(), row.path.to_owned())).collect();
    assert_eq!(routes, rows, "the tables of routes and of expectations have the same rows");
}

#[test]
fn p08_every_route_of_subsonic_has_a_row() {
    let routes: BTreeSet<_> = subsonic::ROUTES.iter().map(|route| route.name).collect();
    let rows: BTreeSet<_> = SUBSONIC_ROWS.iter().map(|row| row.0).collect();
    assert_eq!(routes, rows, "the tables of routes and of expectations have the same rows");
}

#[test]
fn p08_the_api_answers_each_identity_as_the_table_says() {
    let house = house();
    let mut wrong = Vec::new();
    for row in ROWS {
        for ((who, key), status) in WHO.iter().zip(house.keys()).zip(row.statuses) {
            let answer = house.ask(row, key.as_deref());
            if answer.status != status {
                wrong.push(format!(
                    "{who}: {} {} is {}, not {status}: {}",
                    row.method,
                    row.target,
                    answer.status,
                    answer.text()
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{} answers are wrong:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn p08_subsonic_answers_each_identity_as_the_table_says() {
    let house = house();
    let mut wrong = Vec::new();
    for (endpoint, query, expected) in SUBSONIC_ROWS {
        for ((who, key), expected) in WHO.iter().zip(house.keys()).zip(expected) {
            let key = key.map_or(String::new(), |key| format!("&apiKey={key}"));
            let target = format!("/rest/{endpoint}?f=json&v=1.16.1&c=tests&{}{key}", house.filled(query));
            let answer = house.server.get(&target, &[]);
            let told = told(&answer);
            if told != Some(*expected) {
                let text: String = answer.text().chars().take(300).collect();
                wrong.push(format!(
                    "{who}: {endpoint} {query} is {told:?} ({}), not {expected:?}: {text}",
                    answer.status
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{} answers are wrong:\n{}", wrong.len(), wrong.join("\n"));
}

fn told(answer: &Answer) -> Option<Told> {
    let envelope = &answer.json()["subsonic-response"];
    match envelope["status"].as_str() {
        Some("ok") => Some(Yes),
        Some("failed") => envelope["error"]["code"].as_u64().map(No),
        _ => (answer.status == 200 && !answer.body.is_empty()).then_some(Bytes),
    }
}

#[test]
fn p08_a_private_track_is_in_nobody_elses_lists() {
    let house = house();
    let server = &house.server;
    let lists = [
        "/tracks?limit=500&",
        "/rest/search3?query=&songCount=500&",
        "/rest/search3?query=cattail&songCount=500&",
        "/rest/search2?query=cattail&",
        "/rest/getRandomSongs?size=500&",
        "/rest/getStarred2?",
    ];
    server.get(&format!("/rest/star?id={}&{}", house.filled("{private}"), server.mira.by_key()), &[]);
    eventually("its owner finds it", Duration::from_secs(5), || {
        server.get(&format!("{}{}", lists[2], server.mira.by_key()), &[]).text().contains(PRIVATE)
    });
    for list in lists {
        for (login, sees) in [(&server.mira, true), (&house.olga, false), (&server.admin, false)] {
            let answer =
                server.get(&format!("{list}{}", login.by_key()), &[("Authorization", &login.bearer())]);
            assert_eq!(answer.status, 200, "{list}");
            assert_eq!(answer.text().contains(PRIVATE), sees, "{} in {list}: {}", login.name, answer.text());
        }
    }
}
