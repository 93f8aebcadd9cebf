//! Golden answers: what each endpoint says about the fixture, in XML and JSON. `MILLPOND_GOLDEN=write` writes them
//! anew; read the difference before it is committed.

use std::path::PathBuf;

use catalog::{
    JobBounds, JobId, JobPriority, JobSource, Jobs as _, MadeSet, MaskExtension, NewJob, StemCount, StemFile,
    StemFormat, StemName, StemsWish, TrackId, WorkerId,
};

use crate::fixture::House;

/// The name of the file and what is asked. Orders that change by themselves are asked with one row.
const ASKED: &[(&str, &str)] = &[
    ("ping", "ping"),
    ("getLicense", "getLicense"),
    ("getOpenSubsonicExtensions", "getOpenSubsonicExtensions"),
    ("getUser", "getUser"),
    ("tokenInfo", "tokenInfo"),
    ("getChatMessages", "getChatMessages"),
    ("getPodcasts", "getPodcasts"),
    ("getNewestPodcasts", "getNewestPodcasts"),
    ("getScanStatus", "getScanStatus"),
    ("getMusicFolders", "getMusicFolders"),
    ("getIndexes", "getIndexes"),
    ("getMusicDirectory_library", "getMusicDirectory?id=1"),
    ("getMusicDirectory_artist", "getMusicDirectory?id=ar-1"),
    ("getMusicDirectory_album", "getMusicDirectory?id=al-1"),
    ("getArtists", "getArtists"),
    ("getArtist", "getArtist?id=ar-1"),
    ("getAlbum", "getAlbum?id=al-1"),
    ("getSong", "getSong?id=tr-1"),
    ("getGenres", "getGenres"),
    ("getAlbumList", "getAlbumList?type=alphabeticalByName"),
    ("getAlbumList2", "getAlbumList2?type=byYear&fromYear=2010&toYear=1970&size=2"),
    ("getAlbumList2_byGenre", "getAlbumList2?type=byGenre&genre=Rock"),
    ("getRandomSongs", "getRandomSongs?genre=Rock&fromYear=2000&toYear=2010"),
    ("getStarred", "getStarred"),
    ("getStarred2", "getStarred2"),
    ("search", "search?any=pond"),
    ("search2", "search2?query=pond"),
    ("search3", "search3?query=pond"),
    ("search3_nothing", "search3?query=nothing"),
    ("getPlaylists", "getPlaylists"),
    ("error_missing", "getAlbum"),
    ("error_not_found", "getPlaylist?id=pl-1"),
    ("error_not_offered", "jukeboxControl?action=get"),
    ("error_not_allowed", "getUsers"),
    ("error_unknown", "getTheMoon"),
];

#[tokio::test]
async fn answers_are_golden() {
    let house = House::open().await;
    let id = house.track("Ripple & <Wave>").await;
    house.ann(&format!("star?id={id}&albumId=al-1&artistId=ar-1")).await;
    house.ann(&format!("setRating?id={id}&rating=5")).await;
    house.ann(&format!("scrobble?id={id}&time=1700000000000")).await;
    assert_golden(&house, ASKED).await;
}

/// What is said of songs about which tags tell much, and of what is like them.
#[tokio::test]
async fn answers_about_credits_are_golden() {
    let house = House::open().await;
    let (duet, still) = (house.add_duet().await, house.track("\"Still\"").await);
    let song = house.ann(&format!("getSong?id={duet}")).await.json()["song"].clone();
    let id = |name: &str| song[name].as_str().unwrap().to_owned();
    let guest = song["artists"][1]["id"].as_str().unwrap().to_owned();
    let paused = format!(
        "reportPlayback?mediaId={duet}&mediaType=song&positionMs=61000&state=paused&playbackRate=1.5"
    );
    house.ann(&paused).await;
    house.ann(&format!("scrobble?id={still}&time=1700000000000")).await;
    let asked = [
        ("getSong_details", format!("getSong?id={duet}")),
        ("getAlbum_details", format!("getAlbum?id={}", id("albumId"))),
        ("getArtist_details", format!("getArtist?id={}", id("artistId"))),
        ("getArtist_guest", format!("getArtist?id={guest}")),
        ("getAlbumInfo", format!("getAlbumInfo?id={duet}")),
        ("getAlbumInfo2", format!("getAlbumInfo2?id={}", id("albumId"))),
        ("getArtistInfo", format!("getArtistInfo?id={duet}")),
        ("getArtistInfo2", format!("getArtistInfo2?id={}", id("artistId"))),
        ("getLyrics", "getLyrics?artist=2pac+feat.+frog&title=duet".to_owned()),
        ("getLyrics_none", "getLyrics?title=nothing".to_owned()),
        ("getLyricsBySongId", format!("getLyricsBySongId?id={duet}")),
        ("getLyricsBySongId_words", format!("getLyricsBySongId?id={duet}&enhanced=true")),
        ("getSongsByGenre", "getSongsByGenre?genre=pop&count=1&offset=1".to_owned()),
        ("getTopSongs", "getTopSongs?artist=abba&count=1".to_owned()),
        // One song is like this one, so that no draw can put them in another order.
        ("getSimilarSongs", format!("getSimilarSongs?id={still}")),
        ("getSimilarSongs2", format!("getSimilarSongs2?id={still}")),
        ("getNowPlaying", "getNowPlaying".to_owned()),
        ("reportPlayback", paused.clone()),
    ];
    let asked: Vec<_> = asked.iter().map(|(name, path)| (*name, path.as_str())).collect();
    assert_golden(&house, &asked).await;
}

/// What is said of a video, of which nobody else's answers are to change.
#[tokio::test]
async fn answers_about_videos_are_golden() {
    let house = House::open().await;
    let id = house.add_video().await;
    let info = format!("getVideoInfo?id={id}");
    let song = format!("getSong?id={id}");
    assert_golden(&house, &[("getVideos", "getVideos"), ("getVideoInfo", &info), ("getSong_video", &song)])
        .await;
}

/// What is said of what somebody keeps.
#[tokio::test]
async fn answers_about_what_is_kept_are_golden() {
    let house = House::open().await;
    let (first, quiet) = (house.track("Ripple & <Wave>").await, house.track("Quiet").await);
    let create =
        format!("createPlaylist?playlistId=pl-1&name=Still+%26+%3Cslow%3E&songId={quiet}&songId={first}");
    house.ann("createPlaylist?name=x").await;
    house.ann("updatePlaylist?playlistId=pl-1&comment=two%0Alines&public=true").await;
    assert_golden(&house, &[("getPlayQueue_none", "getPlayQueue"), ("createPlaylist", &create)]).await;
    house
        .ann(&format!("savePlayQueueByIndex?id={first}&id={quiet}&id={first}&currentIndex=2&position=61000"))
        .await;
    house.ann(&format!("createBookmark?id={first}&position=12345&comment=%22here%22")).await;
    let station =
        "createInternetRadioStation?name=Pond&streamUrl=http://radio.example/a%26b&homepageUrl=https://a/";
    house.get(&house.signed(station, &house.admin_key)).await;
    let asked = [
        ("getPlaylists_one", "getPlaylists"),
        ("getPlaylist", "getPlaylist?id=pl-1"),
        ("updatePlaylist", "updatePlaylist?playlistId=pl-1&name=Still"),
        ("getPlayQueue", "getPlayQueue"),
        ("getPlayQueueByIndex", "getPlayQueueByIndex"),
        ("getBookmarks", "getBookmarks"),
        ("getInternetRadioStations", "getInternetRadioStations"),
    ];
    assert_golden(&house, &asked).await;
}

/// What is said of the instrumental of a song.
#[tokio::test]
async fn answers_about_instrumentals_are_golden() {
    let house = House::open().await;
    take_apart(&house, house.track("Ripple & <Wave>").await).await;
    let song = format!("getSong?id={}", house.track("Ripple & <Wave> (Instrumental)").await);
    let asked = [
        ("getMusicFolders_instrumentals", "getMusicFolders"),
        ("getIndexes_instrumentals", "getIndexes?musicFolderId=-2"),
        ("getMusicDirectory_instrumentals", "getMusicDirectory?id=-2"),
        ("getAlbumList2_instrumentals", "getAlbumList2?type=newest&musicFolderId=-2"),
        ("search3_instrumentals", "search3?query=ripple&musicFolderId=-2"),
        ("getSong_instrumental", &song),
        ("getUser_instrumentals", "getUser"),
    ];
    assert_golden(&house, &asked).await;
}

/// Writes down that a song was taken apart.
async fn take_apart(house: &House, track: TrackId) {
    let (worker, id) = (WorkerId([1; 16]), JobId([1; 16]));
    let (count, extension, format) = (StemCount::Two, MaskExtension::Average, StemFormat::Wav);
    let wish = StemsWish { count, engine: None, extension, format };
    let source = JobSource::Track(track);
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

/// What is said of what somebody shares.
#[tokio::test]
async fn answers_about_shares_are_golden() {
    let house = House::open().await;
    let (first, quiet) = (house.track("Ripple & <Wave>").await, house.track("Quiet").await);
    house.ann(&format!("createShare?id={first}&expires=0")).await;
    let create =
        format!("createShare?id={quiet}&id={first}&description=two%0A%3Clines%3E&expires=1700000000000");
    // It is asked once in each format, and makes one each time.
    assert_golden(&house, &[("createShare", &create)]).await;
    house.ann("deleteShare?id=sh-3").await;
    let asked = [
        ("getShares", "getShares"),
        ("updateShare", "updateShare?id=sh-1&description=x"),
        ("deleteShare_none", "deleteShare?id=sh-3"),
    ];
    assert_golden(&house, &asked).await;
}

/// What is said of podcasts: one whose episodes are of every kind, and one that could not be read.
#[tokio::test]
async fn answers_about_podcasts_are_golden() {
    let house = House::open().await;
    house.add_podcasts().await;
    let asked = [
        ("getPodcasts_some", "getPodcasts"),
        ("getPodcasts_one", "getPodcasts?id=pc-2"),
        ("getPodcasts_bare", "getPodcasts?includeEpisodes=false"),
        ("getNewestPodcasts_one", "getNewestPodcasts?count=1"),
        ("getPodcastEpisode", "getPodcastEpisode?id=pe-1"),
        ("downloadPodcastEpisode", "downloadPodcastEpisode?id=pe-2"),
        ("createPodcastChannel", "createPodcastChannel?url=http://pond.example/new"),
        ("refreshPodcasts", "refreshPodcasts"),
        ("deletePodcastEpisode", "deletePodcastEpisode?id=pe-2"),
    ];
    assert_golden(&house, &asked).await;
}

/// What a player is told that describes itself, and one that does not.
#[tokio::test]
async fn decisions_about_players_are_golden() {
    let house = House::open().await;
    let id = house.track("Ripple & <Wave>").await;
    let asked = format!("getTranscodeDecision?mediaId={id}&mediaType=song");
    assert_golden(&house, &[("getTranscodeDecision_get", &asked)]).await;
    let info = r#"{"name":"a","platform":"b","maxAudioBitrate":320000,
        "directPlayProfiles":[{"containers":["flac"],"audioCodecs":["flac"],"protocols":["http"]}],
        "transcodingProfiles":[{"container":"mp3","audioCodec":"mp3","protocol":"http"}]}"#;
    let mut different = Vec::new();
    for suffix in ["json", "xml"] {
        let path = house.signed(&asked, &house.ann_key).replace("f=json", &format!("f={suffix}"));
        let fields = [("content-type", "application/json; charset=utf-8")];
        let reply = house.ask(axum::http::Method::POST, &path, &fields, info).await;
        let text = masked(reply.text()).replace("><", ">\n<");
        if !is_golden(&format!("getTranscodeDecision.{suffix}"), &format!("{text}\n")) {
            different.push(text);
        }
    }
    assert!(different.is_empty(), "{} answers are not golden:\n{}", different.len(), different.join("\n\n"));
}

/// What an admin alone is told.
#[tokio::test]
async fn answers_about_users_are_golden() {
    let house = House::open().await;
    assert_golden_to(&house, &house.admin_key, &[("getUsers", "getUsers")]).await;
}

/// What is said where bytes are asked for that there are not: no ffmpeg is here, and no file of any video.
#[tokio::test]
async fn answers_without_bytes_are_golden() {
    let house = House::open().await;
    let song = house.track("Ripple & <Wave>").await;
    let [hls, captions, avatar] = [
        format!("hls.m3u8?id={song}&bitRate=64"),
        format!("getCaptions?id={song}"),
        "getAvatar?username=ann".to_owned(),
    ];
    let asked = [("hls_none", &*hls), ("getCaptions_none", &*captions), ("getAvatar_none", &*avatar)];
    assert_golden(&house, &asked).await;
}

async fn assert_golden(house: &House, asked: &[(&str, &str)]) {
    assert_golden_to(house, &house.ann_key, asked).await;
}

/// The same for whoever has this key.
async fn assert_golden_to(house: &House, key: &str, asked: &[(&str, &str)]) {
    let mut different = Vec::new();
    for (name, endpoint) in asked {
        let path = house.signed(endpoint, key);
        let json = serde_json::to_string_pretty(&masked_json(house.get(&path).await.text())).unwrap();
        let xml = house.get(&path.replace("f=json", "f=xml")).await;
        roxmltree::Document::parse(xml.text()).unwrap();
        // A line for each element, so that a difference can be read.
        let xml = masked(xml.text()).replace("><", ">\n<");
        for (suffix, text) in [("json", json), ("xml", xml)] {
            if !is_golden(&format!("{name}.{suffix}"), &format!("{text}\n")) {
                different.push(format!("{name}.{suffix}:\n{text}"));
            }
        }
    }
    assert!(different.is_empty(), "{} answers are not golden:\n{}", different.len(), different.join("\n\n"));
}

fn masked_json(text: &str) -> serde_json::Value {
    serde_json::from_str(&masked(text)).unwrap()
}

/// Replaces what differs from run to run: moments of today, the release, and tokens of shares. Moments that the test gives
/// stay.
fn masked(text: &str) -> String {
    let mut masked = String::new();
    let text = &without_tokens(text);
    let mut rest = text.as_str();
    while let Some(at) = rest.find(|c: char| c.is_ascii_digit()) {
        let (before, from) = rest.split_at(at);
        masked.push_str(before);
        let length =
            from.find(|c: char| !c.is_ascii_alphanumeric() && !"-:.".contains(c)).unwrap_or(from.len());
        let (word, after) = from.split_at(length);
        let is_moment = word.len() >= 20 && word.ends_with('Z') && word.as_bytes()[10] == b'T';
        let is_today_ms = word.len() == 13 && word.bytes().all(|b| b.is_ascii_digit());
        masked.push_str(match word {
            "2023-11-14T22:13:20Z" => word,
            _ if is_moment => "2026-01-01T00:00:00Z",
            _ if is_today_ms => "1767225600000",
            env!("CARGO_PKG_VERSION") => "0.0.0",
            _ => word,
        });
        rest = after;
    }
    masked + rest
}

fn without_tokens(text: &str) -> String {
    let mut parts = text.split("/share/");
    let mut masked = parts.next().unwrap().to_owned();
    for part in parts {
        let after = part.trim_start_matches(|c: char| c.is_ascii_alphanumeric() || "-_".contains(c));
        masked.extend(["/share/TOKEN", after]);
    }
    masked
}

fn is_golden(name: &str, text: &str) -> bool {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
    if std::env::var_os("MILLPOND_GOLDEN").is_some_and(|value| value == "write") {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
    }
    #[expect(
        clippy::disallowed_methods,
        reason = "a golden file of a few kilobytes that stands in the project"
    )]
    let golden = std::fs::read_to_string(&path).unwrap_or_default();
    golden == text
}
