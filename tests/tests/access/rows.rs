//! What each identity is told by each route.

/// One row of our own API. In targets and bodies, `{shared}`, `{private}`, `{key}`, `{app-password}`, `{mira}`,
/// `{password}`, `{share}` (its path), `{sent}` and `{open}` (uploads), `{file}` and `{picture}` are filled in. What the
/// plain user may remove is made anew for every request.
pub(crate) struct Row {
    pub(crate) method: &'static str,
    /// The path as the table of routes has it.
    pub(crate) path: &'static str,
    /// What is asked for.
    pub(crate) target: &'static str,
    pub(crate) body: &'static str,
    /// The status for each of [`WHO`].
    pub(crate) statuses: [u16; 5],
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
const HERS: [u16; 5] = [401, 401, 200, 403, 200];
const ADMIN: [u16; 5] = [401, 401, 403, 403, 200];

#[rustfmt::skip]
pub(crate) const ROWS: &[Row] = &[
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
    row("GET", "/albums/letters", "/albums/letters", "", OWN),
    row("GET", "/albums/{id}", "/albums/{album}", "", OWN),
    row("GET", "/albums/{id}/tracks", "/albums/{album}/tracks", "", OWN),
    row("GET", "/albums/{id}/cover", "/albums/{album}/cover", "", OWN),
    row("GET", "/artists", "/artists", "", OWN),
    row("GET", "/artists/letters", "/artists/letters", "", OWN),
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
    row("GET", "/me/sessions", "/me/sessions", "", OWN),
    // Whoever asks by a key has none; what comes of his own is tried with the page.
    row("DELETE", "/me/sessions/{id}", "/me/sessions/5f0c3a1d9b7e4c2f", "", [401, 401, 404, 404, 404]),
    row("GET", "/me/queue", "/me/queue", "", OWN),
    row("PUT", "/me/queue", "/me/queue", r#"{"tracks":["{shared}"],"position_ms":1}"#, OWN),
    row("PUT", "/me/queue", "/me/queue", r#"{"tracks":["{private}"]}"#, MINE),
    row("GET", "/me/queue/tracks", "/me/queue/tracks", "", OWN),
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
    row("PATCH", "/playlists/{id}/tracks", "/playlists/pl-1/tracks", r#"{"remove":[]}"#, MINE),
    row("DELETE", "/playlists/{id}", "/playlists/pl-1", "", [401, 401, 204, 404, 404]),
    row("POST", "/tracks/", "/tracks/", "", [401, 401, 400, 400, 400]),
    row("GET", "/tracks/uploads/{id}/progress", "/tracks/uploads/{sent}/progress", "", MINE),
    row("OPTIONS", "/uploads", "/uploads", "", [204; 5]),
    row("GET", "/uploads", "/uploads", "", OWN),
    row("POST", "/uploads", "/uploads", "", [401, 401, 400, 400, 400]),
    row("PUT", "/uploads", "/uploads", "", [401, 401, 400, 400, 400]),
    row("OPTIONS", "/uploads/{id}", "/uploads/{sent}", "", [204; 5]),
    row("GET", "/uploads/{id}", "/uploads/{sent}", "", MINE),
    row("PATCH", "/uploads/{id}", "/uploads/{sent}", "", [401, 401, 415, 415, 415]),
    row("POST", "/uploads/{id}", "/uploads/{sent}", "", [401, 401, 405, 405, 405]),
    row("DELETE", "/uploads/{id}", "/uploads/{open}", "", [401, 401, 204, 404, 204]),
    row("GET", "/uploads/{id}/events", "/uploads/{sent}/events", "", MINE),
    // A job that nobody began is nobody's; a name that is none is refused by name before anything is begun.
    row("POST", "/separate", "/separate", "", [401, 401, 400, 400, 400]),
    row("GET", "/jobs", "/jobs", "", OWN),
    row("GET", "/jobs/{id}/status", "/jobs/5f0c3a1d9b7e4c2f8a6d0e1b3c5a7f92/status", "", [401, 401, 404, 404, 404]),
    row("GET", "/jobs/{id}/result", "/jobs/5f0c3a1d9b7e4c2f8a6d0e1b3c5a7f92/result", "", [401, 401, 404, 404, 404]),
    row("GET", "/jobs/{id}/events", "/jobs/5f0c3a1d9b7e4c2f8a6d0e1b3c5a7f92/events", "", [401, 401, 404, 404, 404]),
    row("DELETE", "/jobs/{id}", "/jobs/5f0c3a1d9b7e4c2f8a6d0e1b3c5a7f92", "", [401, 401, 404, 404, 404]),
    row("GET", "/tracks/{id}/stems", "/tracks/{shared}/stems", "", OWN),
    row("GET", "/tracks/{id}/stems", "/tracks/{private}/stems", "", MINE),
    row("POST", "/tracks/{id}/stems", "/tracks/{shared}/stems?stems=3", "", [401, 401, 422, 422, 422]),
    row("POST", "/tracks/{id}/stems", "/tracks/{private}/stems?stems=3", "", [401, 401, 422, 404, 404]),
    row("GET", "/tracks/{id}/stems/{file}", "/tracks/{shared}/stems/vocals.wav", "", [401, 401, 404, 404, 404]),
    row("GET", "/models/cache", "/models/cache", "", ADMIN),
    row("DELETE", "/models/cache", "/models/cache", "", ADMIN),
    row("GET", "/audio/{file_id}", "/audio/{file}", "", OWN),
    row("GET", "/images/{file_id}", "/images/{picture}", "", MINE),
    row("GET", "/streams", "/streams", "", OWN),
    // Whoever is named: oneself, and by an admin anybody. The plain user is `us-2`.
    row("GET", "/uploads", "/uploads?user=us-2", "", HERS),
    row("GET", "/jobs", "/jobs?user=us-2", "", HERS),
    row("GET", "/streams", "/streams?user=us-2", "", HERS),
    row("DELETE", "/streams/{id}", "/streams/999999", "", [401, 401, 404, 404, 404]),
    row("GET", "/memory", "/memory", "", ADMIN),
    row("GET", "/scan", "/scan", "", ADMIN),
    row("GET", "/scan/events", "/scan/events", "", ADMIN),
    row("POST", "/scan", "/scan", "", [401, 401, 403, 403, 202]),
    row("POST", "/cdn/sign", "/cdn/sign", r#"{"url":"/media/{shared}/waveform.png"}"#, OWN),
    row("POST", "/cdn/purge", "/cdn/purge", r#"{"tags":["of-nothing"]}"#, ADMIN),
    row("GET", "/cdn/cache", "/cdn/cache", "", ADMIN),
    // Whoever has the key of a job was told it; of one that is none everybody learns the same.
    row("GET", "/renditions/{key}", "/renditions/0", "", [404; 5]),
    row("GET", "/renditions/{key}/events", "/renditions/0/events", "", [404; 5]),
];

/// What a Subsonic client is told: well, or an error code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Told {
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
const HERS_TO_ASK: [Told; 5] = [No(10), No(44), Yes, No(50), Yes];
const MANAGE: [Told; 5] = [No(10), No(44), No(50), No(50), Yes];
const REFUSED: [Told; 5] = [No(10), No(44), No(0), No(0), No(0)];

/// One row of the Subsonic API: endpoint, query, what each of [`WHO`] is told.
pub(crate) type SubsonicRow = (&'static str, &'static str, [Told; 5]);

#[rustfmt::skip]
pub(crate) const SUBSONIC_ROWS: &[SubsonicRow] = &[
    ("ping", "", LISTEN),
    ("getLicense", "", LISTEN),
    ("getOpenSubsonicExtensions", "", [Yes; 5]),
    ("tokenInfo", "", LISTEN),
    // Whoever is named: oneself, and by an admin anybody. Others are not told who there is.
    ("getUser", "username={mira}", HERS_TO_ASK),
    ("getUser", "username=admin", [No(10), No(44), No(50), No(50), Yes]),
    ("getUser", "username=nobody", [No(10), No(44), No(50), No(50), No(70)]),
    ("changePassword", "username={mira}&password={password}", HERS_TO_ASK),
    ("changePassword", "username=admin&password=short", [No(10), No(44), No(50), No(50), No(0)]),
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
    ("getPlaylists", "username={mira}", HERS_TO_ASK),
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
