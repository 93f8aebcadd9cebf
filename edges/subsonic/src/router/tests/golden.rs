//! Golden answers: what each endpoint says about the fixture, in XML and JSON. `MILLPOND_GOLDEN=write` writes them
//! anew; read the difference before it is committed.

use std::path::PathBuf;

use crate::fixture::House;

/// The name of the file and what is asked. Orders that change by themselves are asked with one row.
const ASKED: &[(&str, &str)] = &[
    ("ping", "ping"),
    ("getLicense", "getLicense"),
    ("getOpenSubsonicExtensions", "getOpenSubsonicExtensions"),
    ("getUser", "getUser"),
    ("tokenInfo", "tokenInfo"),
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
    ("search2", "search2?query=pond"),
    ("search3", "search3?query=pond"),
    ("search3_nothing", "search3?query=nothing"),
    ("getPlaylists", "getPlaylists"),
    ("error_missing", "getAlbum"),
    ("error_not_found", "getPlaylist?id=pl-1"),
    ("error_unknown", "getLyrics"),
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

async fn assert_golden(house: &House, asked: &[(&str, &str)]) {
    let mut different = Vec::new();
    for (name, endpoint) in asked {
        let path = house.signed(endpoint, &house.ann_key);
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

/// Replaces what differs from run to run: moments of today and the release. Moments that the test gives stay.
fn masked(text: &str) -> String {
    let mut masked = String::new();
    let mut rest = text;
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
