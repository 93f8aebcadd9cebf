//! What is asked for golden answers. Each scene is played in a house of its own for each format, so that what one question
//! changes is what the next one is told.

use catalog::{
    JobBounds, JobId, JobPriority, JobSource, Jobs as _, MadeSet, MaskExtension, NewJob, StemCount, StemFile,
    StemFormat, StemName, StemsWish, WorkerId,
};
use futures_util::future::BoxFuture;

use crate::fixture::House;

/// Who asks.
#[derive(Clone, Copy)]
pub(super) enum Who {
    Ann,
    Admin,
}

/// Questions that follow each other.
pub(super) struct Scene {
    pub(super) who: Who,
    /// What is there beside the songs of the fixture.
    pub(super) set_up: fn(&House) -> BoxFuture<'_, ()>,
    pub(super) asked: &'static [Asked],
}

/// A question, and the name of the file that has its answer: the endpoint's, with a word behind it where there are several,
/// and with `error_` before it where the answer is one.
pub(super) struct Asked {
    pub(super) name: &'static str,
    pub(super) path: &'static str,
    /// The body of a POST; without one it is asked by GET.
    pub(super) document: Option<&'static str>,
}

const fn get(name: &'static str, path: &'static str) -> Asked {
    Asked { name, path, document: None }
}

impl Asked {
    pub(super) fn endpoint(&self) -> &'static str {
        self.path.split('?').next().unwrap_or_default()
    }
}

fn nothing(_: &House) -> BoxFuture<'_, ()> {
    Box::pin(async {})
}

/// All that is asked. Songs are `tr-1` to `tr-4`, what a scene adds is `tr-5`. Orders that change by themselves are asked with
/// one row.
pub(super) const SCENES: &[Scene] = &[
    Scene { who: Who::Ann, set_up: nothing, asked: LIBRARY },
    Scene { who: Who::Ann, set_up: |house| Box::pin(async { _ = house.add_duet().await }), asked: CREDITS },
    Scene { who: Who::Ann, set_up: |house| Box::pin(async { _ = house.add_video().await }), asked: VIDEOS },
    Scene { who: Who::Ann, set_up: nothing, asked: KEPT },
    Scene { who: Who::Ann, set_up: |house| Box::pin(take_apart(house)), asked: INSTRUMENTALS },
    Scene { who: Who::Ann, set_up: nothing, asked: SHARES },
    Scene { who: Who::Ann, set_up: |house| Box::pin(house.add_podcasts()), asked: PODCASTS },
    Scene { who: Who::Ann, set_up: nothing, asked: ERRORS },
    Scene { who: Who::Admin, set_up: nothing, asked: ADMIN },
];

const LIBRARY: &[Asked] = &[
    get("star", "star?id=tr-1&albumId=al-1&artistId=ar-1"),
    get("setRating", "setRating?id=tr-1&rating=5"),
    get("scrobble", "scrobble?id=tr-1&time=1700000000000"),
    get("ping", "ping"),
    get("getLicense", "getLicense"),
    get("getOpenSubsonicExtensions", "getOpenSubsonicExtensions"),
    get("getUser", "getUser"),
    get("tokenInfo", "tokenInfo"),
    get("getChatMessages", "getChatMessages"),
    get("getPodcasts", "getPodcasts"),
    get("getNewestPodcasts", "getNewestPodcasts"),
    get("getScanStatus", "getScanStatus"),
    get("getMusicFolders", "getMusicFolders"),
    get("getIndexes", "getIndexes"),
    get("getMusicDirectory_library", "getMusicDirectory?id=1"),
    get("getMusicDirectory_artist", "getMusicDirectory?id=ar-1"),
    get("getMusicDirectory_album", "getMusicDirectory?id=al-1"),
    get("getArtists", "getArtists"),
    get("getArtist", "getArtist?id=ar-1"),
    get("getAlbum", "getAlbum?id=al-1"),
    get("getSong", "getSong?id=tr-1"),
    get("getGenres", "getGenres"),
    get("getAlbumList", "getAlbumList?type=alphabeticalByName"),
    get("getAlbumList2", "getAlbumList2?type=byYear&fromYear=2010&toYear=1970&size=2"),
    get("getAlbumList2_byGenre", "getAlbumList2?type=byGenre&genre=Rock"),
    get("getRandomSongs", "getRandomSongs?genre=Rock&fromYear=2000&toYear=2010"),
    get("getStarred", "getStarred"),
    get("getStarred2", "getStarred2"),
    get("search", "search?any=pond"),
    get("search2", "search2?query=pond"),
    get("search3", "search3?query=pond"),
    get("search3_nothing", "search3?query=nothing"),
    // Each of these three is how some app asks for everything.
    get("search3_everything", "search3?query="),
    get("search3_everything", "search3?query=%22%22"),
    get("search3_everything", "search3?query=*"),
    get("getPlaylists", "getPlaylists"),
    get("unstar", "unstar?id=tr-1&albumId=al-1&artistId=ar-1"),
    get("getStarred2_none", "getStarred2"),
];

/// Of songs about which tags tell much, and of what is like them.
const CREDITS: &[Asked] = &[
    get("reportPlayback", PAUSED),
    get("scrobble", "scrobble?id=tr-2&time=1700000000000"),
    get("getSong_details", "getSong?id=tr-5"),
    get("getAlbum_details", "getAlbum?id=al-4"),
    get("getArtist_details", "getArtist?id=ar-3"),
    get("getArtist_guest", "getArtist?id=ar-4"),
    get("getAlbumInfo", "getAlbumInfo?id=tr-5"),
    get("getAlbumInfo2", "getAlbumInfo2?id=al-4"),
    get("getArtistInfo", "getArtistInfo?id=tr-5"),
    get("getArtistInfo2", "getArtistInfo2?id=ar-3"),
    get("getLyrics", "getLyrics?artist=2pac+feat.+frog&title=duet"),
    get("getLyrics_none", "getLyrics?title=nothing"),
    get("getLyricsBySongId", "getLyricsBySongId?id=tr-5"),
    get("getLyricsBySongId_words", "getLyricsBySongId?id=tr-5&enhanced=true"),
    get("getSongsByGenre", "getSongsByGenre?genre=pop&count=1&offset=1"),
    get("getTopSongs", "getTopSongs?artist=abba&count=1"),
    // One song is like this one, so that no draw can put them in another order.
    get("getSimilarSongs", "getSimilarSongs?id=tr-2"),
    get("getSimilarSongs2", "getSimilarSongs2?id=tr-2"),
    get("getNowPlaying", "getNowPlaying"),
];

const PAUSED: &str =
    "reportPlayback?mediaId=tr-5&mediaType=song&positionMs=61000&state=paused&playbackRate=1.5";

/// Of a video, of which nobody else's answers are to change.
const VIDEOS: &[Asked] = &[
    get("getVideos", "getVideos"),
    get("getVideoInfo", "getVideoInfo?id=tr-5"),
    get("getSong_video", "getSong?id=tr-5"),
];

/// Of what somebody keeps.
const KEPT: &[Asked] = &[
    get("createPlaylist_empty", "createPlaylist?name=x"),
    get("updatePlaylist", "updatePlaylist?playlistId=pl-1&comment=two%0Alines&public=true"),
    get("createPlaylist", "createPlaylist?playlistId=pl-1&name=Still+%26+%3Cslow%3E&songId=tr-4&songId=tr-1"),
    get("getPlaylists_one", "getPlaylists"),
    get("getPlaylist", "getPlaylist?id=pl-1"),
    get("deletePlaylist", "deletePlaylist?id=pl-1"),
    get("getPlaylists", "getPlaylists"),
    get("getPlayQueue_none", "getPlayQueue"),
    get("savePlayQueue", "savePlayQueue?id=tr-1&id=tr-4&current=tr-4&position=5"),
    get("getPlayQueue_saved", "getPlayQueue"),
    get("savePlayQueueByIndex", "savePlayQueueByIndex?id=tr-1&id=tr-4&id=tr-1&currentIndex=2&position=61000"),
    get("getPlayQueue", "getPlayQueue"),
    get("getPlayQueueByIndex", "getPlayQueueByIndex"),
    get("createBookmark", "createBookmark?id=tr-1&position=12345&comment=%22here%22"),
    get("getBookmarks", "getBookmarks"),
    get("deleteBookmark", "deleteBookmark?id=tr-1"),
    get("getBookmarks_none", "getBookmarks"),
];

/// Of the instrumental of a song.
const INSTRUMENTALS: &[Asked] = &[
    get("getMusicFolders_instrumentals", "getMusicFolders"),
    get("getIndexes_instrumentals", "getIndexes?musicFolderId=-2"),
    get("getMusicDirectory_instrumentals", "getMusicDirectory?id=-2"),
    get("getAlbumList2_instrumentals", "getAlbumList2?type=newest&musicFolderId=-2"),
    get("search3_instrumentals", "search3?query=ripple&musicFolderId=-2"),
    get("getSong_instrumental", "getSong?id=tr-5"),
    get("getUser_instrumentals", "getUser"),
];

/// Of what somebody shares.
const SHARES: &[Asked] = &[
    get("createShare_forever", "createShare?id=tr-1&expires=0"),
    get("createShare", "createShare?id=tr-4&id=tr-1&description=two%0A%3Clines%3E&expires=1700000000000"),
    get("getShares", "getShares"),
    get("updateShare", "updateShare?id=sh-1&description=x"),
    get("deleteShare", "deleteShare?id=sh-2"),
    get("error_deleteShare", "deleteShare?id=sh-2"),
    get("getShares_one", "getShares"),
];

/// Of podcasts: one whose episodes are of every kind, and one that could not be read.
const PODCASTS: &[Asked] = &[
    get("getPodcasts_some", "getPodcasts"),
    get("getPodcasts_one", "getPodcasts?id=pc-2"),
    get("getPodcasts_bare", "getPodcasts?includeEpisodes=false"),
    get("getNewestPodcasts_one", "getNewestPodcasts?count=1"),
    get("getPodcastEpisode", "getPodcastEpisode?id=pe-1"),
    get("downloadPodcastEpisode", "downloadPodcastEpisode?id=pe-2"),
    get("createPodcastChannel", "createPodcastChannel?url=http://pond.example/new"),
    get("refreshPodcasts", "refreshPodcasts"),
    get("deletePodcastEpisode", "deletePodcastEpisode?id=pe-2"),
    get("deletePodcastChannel", "deletePodcastChannel?id=pc-3"),
    get("getPodcasts_left", "getPodcasts"),
];

/// What is refused, and why. No ffmpeg is here, and no file of any video.
const ERRORS: &[Asked] = &[
    get("error_getAlbum", "getAlbum"),
    get("error_getPlaylist", "getPlaylist?id=pl-1"),
    get("error_getUsers", "getUsers"),
    get("error_getUser", "getUser?username=bob"),
    get("error_getTheMoon", "getTheMoon"),
    get("error_addChatMessage", "addChatMessage?message=hello"),
    get("error_jukeboxControl", "jukeboxControl?action=get"),
    get("error_getAvatar", "getAvatar?username=ann"),
    get("error_getSonicSimilarTracks", "getSonicSimilarTracks?id=tr-1"),
    get("error_findSonicPath", "findSonicPath?startSongId=tr-1&endSongId=tr-2"),
    get("error_stream", "stream?id=tr-99"),
    get("error_stream_offset", "stream?id=tr-1&timeOffset=9"),
    get("error_download", "download?id=tr-99"),
    get("error_getCoverArt", "getCoverArt?id=tr-4"),
    get("error_getCaptions", "getCaptions?id=tr-1"),
    get("error_hls.m3u8", "hls.m3u8?id=tr-1&bitRate=64"),
    get(
        "error_getTranscodeStream",
        "getTranscodeStream?mediaId=tr-1&mediaType=song&transcodeParams=1-mp3-64",
    ),
    get("error_getTranscodeDecision", "getTranscodeDecision?mediaId=tr-1&mediaType=song"),
    Asked {
        name: "getTranscodeDecision",
        path: "getTranscodeDecision?mediaId=tr-1&mediaType=song",
        document: Some(PLAYER),
    },
];

/// A player that describes itself.
const PLAYER: &str = r#"{"name":"a","platform":"b","maxAudioBitrate":320000,
    "directPlayProfiles":[{"containers":["flac"],"audioCodecs":["flac"],"protocols":["http"]}],
    "transcodingProfiles":[{"container":"mp3","audioCodec":"mp3","protocol":"http"}]}"#;

/// What an admin alone is told and does.
const ADMIN: &[Asked] = &[
    get("getUsers", "getUsers"),
    get("createUser", "createUser?username=newt&password=a-pond-of-ones-own&email=newt@pond.example"),
    get("getUser_created", "getUser?username=newt"),
    get("updateUser", "updateUser?username=newt&maxBitRate=128&shareRole=true&musicFolderId=2"),
    get("getUser_updated", "getUser?username=newt"),
    get("changePassword", "changePassword?username=newt&password=another-pond"),
    get("deleteUser", "deleteUser?username=newt"),
    get("error_getUser_deleted", "getUser?username=newt"),
    get("getUsers", "getUsers"),
    get(
        "createInternetRadioStation",
        "createInternetRadioStation?name=Pond&streamUrl=http://radio.example/a%26b&homepageUrl=https://a/",
    ),
    get("getInternetRadioStations", "getInternetRadioStations"),
    get(
        "updateInternetRadioStation",
        "updateInternetRadioStation?id=st-1&name=Lake&streamUrl=http://radio.example/lake",
    ),
    get("getInternetRadioStations_updated", "getInternetRadioStations"),
    get("deleteInternetRadioStation", "deleteInternetRadioStation?id=st-1"),
    get("getInternetRadioStations_none", "getInternetRadioStations"),
    get("startScan", "startScan"),
];

/// Bytes, asked by Ann where there is a video too: the file's name, what is asked, and which part of it.
pub(super) const SENT: &[(&str, &str, Option<&str>)] = &[
    ("stream", "stream?id=tr-1", None),
    ("stream_range", "stream?id=tr-1", Some("bytes=1000-1999")),
    ("stream_estimated", "stream?id=tr-1&format=raw&estimateContentLength=true", None),
    ("download", "download?id=tr-3", None),
    ("getCoverArt", "getCoverArt?id=al-1", None),
    ("getCoverArt_embedded", "getCoverArt?id=tr-3&size=300", None),
    ("getCaptions", "getCaptions?id=tr-5&format=vtt", None),
];

/// Writes down that a song was taken apart.
async fn take_apart(house: &House) {
    let (worker, id) = (WorkerId([1; 16]), JobId([1; 16]));
    let (count, extension, format) = (StemCount::Two, MaskExtension::Average, StemFormat::Wav);
    let wish = StemsWish { count, engine: None, extension, format };
    let source = JobSource::Track(house.track("Ripple & <Wave>").await);
    let job = NewJob { id, owner: None, source, wish, priority: JobPriority::Asked };
    let bounds = JobBounds { of_owner_max: 9, all_max: 9 };
    house.catalog.add_job(&job, bounds).await.unwrap();
    house.catalog.claim_job(worker, id, i64::MAX).await.unwrap().unwrap();
    let file = |stem| StemFile { stem, key: [7; 32], length_bytes: 529_244, crc32: 1 };
    let made = MadeSet {
        source_tag: "tag".to_owned(),
        engine: "spectral".to_owned(),
        notes: Vec::new(),
        samples: 132_300,
        files: [StemName::Vocals, StemName::Accompaniment].map(file).into(),
    };
    assert!(house.catalog.finish_job(worker, id, &made).await.unwrap());
}
