//! Who may do what, through every route.

use catalog::Action;

use crate::ROUTES;
use crate::fixture::House;

/// Parameters with which an endpoint has something to do. Every route needs a row.
fn with_parameters(name: &str, track: &str, video: &str) -> String {
    let parameters = match name {
        "ping"
        | "getLicense"
        | "getOpenSubsonicExtensions"
        | "getScanStatus"
        | "startScan"
        | "getUser"
        | "tokenInfo"
        | "getMusicFolders"
        | "getIndexes"
        | "getArtists"
        | "getGenres"
        | "getRandomSongs"
        | "getVideos"
        | "getStarred"
        | "getStarred2"
        | "getPlaylists"
        | "getPlayQueue"
        | "getPlayQueueByIndex"
        | "getNowPlaying"
        | "getBookmarks"
        | "getShares"
        | "getInternetRadioStations"
        | "getUsers"
        | "getChatMessages"
        | "getPodcasts"
        | "getNewestPodcasts"
        | "refreshPodcasts" => "",
        "createPodcastChannel" => "?url=http://pond.example/feed",
        "createShare" => &format!("?id={track}"),
        "updateShare" | "deleteShare" => "?id=sh-99",
        "deletePodcastChannel" => "?id=pc-99",
        "getPodcastEpisode" | "deletePodcastEpisode" | "downloadPodcastEpisode" => "?id=pe-99",
        "changePassword" => "?username=ann&password=still%20waters%20%26%20more",
        "createUser" => "?username=new&password=a%20new%20password",
        "updateUser" => "?username=bob&shareRole=false",
        "deleteUser" => "?username=new",
        "search" => "?any=pond",
        "getMusicDirectory" => "?id=1",
        "getArtist" => "?id=ar-1",
        "getAlbum" => "?id=al-1",
        "getAlbumList" | "getAlbumList2" => "?type=newest",
        "search2" | "search3" => "?query=",
        "createPlaylist" => "?name=kept",
        "getPlaylist" | "deletePlaylist" => "?id=pl-99",
        "updatePlaylist" => "?playlistId=pl-99",
        "savePlayQueue" => &format!("?id={track}&current={track}"),
        "savePlayQueueByIndex" => &format!("?id={track}&currentIndex=0"),
        "createBookmark" => &format!("?id={track}&position=1"),
        "deleteBookmark" => &format!("?id={track}"),
        "createInternetRadioStation" => "?name=Pond&streamUrl=http://a/",
        "updateInternetRadioStation" => "?id=st-1&name=Pond&streamUrl=http://a/",
        "deleteInternetRadioStation" => "?id=st-1",
        "getCoverArt" | "getAlbumInfo" | "getAlbumInfo2" => "?id=al-1",
        "getSongsByGenre" => "?genre=Pop",
        "getTopSongs" => "?artist=Abba",
        "getSimilarSongs" | "getSimilarSongs2" | "getArtistInfo" | "getArtistInfo2" => "?id=ar-1",
        "getLyrics" => "?artist=Abba&title=Nothing",
        "getLyricsBySongId" => &format!("?id={track}"),
        "reportPlayback" => &format!("?mediaId={track}&mediaType=song&positionMs=0&state=starting"),
        "getVideoInfo" | "getCaptions" => &format!("?id={video}"),
        "hls.m3u8" => &format!("?id={track}"),
        "getSong" | "stream" | "download" | "scrobble" | "star" | "unstar" => &format!("?id={track}"),
        "setRating" => &format!("?id={track}&rating=3"),
        "getTranscodeDecision" => &format!("?mediaId={track}&mediaType=song"),
        "getTranscodeStream" => &format!("?mediaId={track}&mediaType=song&transcodeParams=1-mp3-64"),
        other => {
            let refused = ROUTES.iter().any(|route| route.name == other && route.refusal.is_some());
            assert!(refused, "{other} has no row in this table");
            ""
        }
    };
    format!("{name}{parameters}")
}

#[tokio::test]
async fn p08_every_route_asks_the_access_table() {
    let house = House::open().await;
    let (track, video) =
        (house.track("Ripple & <Wave>").await.to_string(), house.add_video().await.to_string());
    let code = async |path: &str| {
        let reply = house.get(path).await;
        if reply.header("content-type") == "application/json" { reply.code() } else { None }
    };
    for route in ROUTES {
        let endpoint = with_parameters(route.name, &track, &video);
        let open = route.action == Action::Knock;
        let joint = if endpoint.contains('?') { '&' } else { '?' };
        let nobody = code(&format!("/rest/{endpoint}{joint}f=json")).await;
        assert_eq!(nobody, if open { None } else { Some(10) }, "nobody, {endpoint}");
        let wrong = code(&house.signed(&endpoint, "wrong")).await;
        assert_eq!(wrong, if open { None } else { Some(44) }, "wrong key, {endpoint}");
        let user = code(&house.signed(&endpoint, &house.ann_key)).await;
        let admin = code(&house.signed(&endpoint, &house.admin_key)).await;
        if route.action == Action::Administer {
            assert_eq!((user, admin), (Some(50), None), "{endpoint}");
        } else {
            // Nobody has that playlist, that share or that podcast; everything else that is offered is there for both.
            let wanted = match route.name {
                "getPlaylist" | "updatePlaylist" | "deletePlaylist" => Some(70),
                "updateShare" | "deleteShare" => Some(70),
                name if endpoint.contains("=pc-99") || endpoint.contains("=pe-99") => {
                    assert!(name.contains("Podcast"));
                    Some(70)
                }
                // It is asked by POST, and this server has nothing to make sound with.
                "getTranscodeDecision" => Some(10),
                "getTranscodeStream" | "hls.m3u8" => Some(0),
                _ => route.refusal.map(|_| 0),
            };
            assert_eq!((user, admin), (wanted, wanted), "{endpoint}");
        }
    }
}

#[tokio::test]
async fn p08_what_another_user_may_not_see_is_not_found_anywhere() {
    let house = House::open().await;
    let (hidden, private) = (house.track("Ripple & <Wave>").await, house.track("Quiet").await);
    house.make_private(private).await;
    let video = house.add_video().await;
    house.make_private(video).await;
    for (endpoint, wanted) in [
        // Bob does not see the first library at all.
        (format!("getSong?id={hidden}"), Some(70)),
        (format!("stream?id={hidden}"), Some(70)),
        (format!("stream?id={hidden}&format=mp3&maxBitRate=64"), Some(70)),
        (format!("getTranscodeStream?mediaId={hidden}&mediaType=song&transcodeParams=1-mp3-64"), Some(70)),
        (format!("download?id={hidden}"), Some(70)),
        (format!("getCoverArt?id={hidden}"), Some(70)),
        ("getCoverArt?id=al-1".into(), Some(70)),
        ("getCoverArt?id=ar-1".into(), Some(70)),
        ("getAlbum?id=al-1".into(), Some(70)),
        ("getAlbumInfo?id=al-1".into(), Some(70)),
        (format!("getAlbumInfo2?id={hidden}"), Some(70)),
        ("getArtistInfo?id=ar-1".into(), Some(70)),
        (format!("getArtistInfo2?id={hidden}"), Some(70)),
        ("getTopSongs?id=ar-1".into(), Some(70)),
        ("getSimilarSongs?id=al-1".into(), Some(70)),
        (format!("getSimilarSongs2?id={hidden}"), Some(70)),
        (format!("getLyricsBySongId?id={hidden}"), Some(70)),
        (format!("reportPlayback?mediaId={hidden}&mediaType=song&positionMs=0&state=playing"), Some(70)),
        ("getArtist?id=ar-1".into(), Some(70)),
        ("getMusicDirectory?id=1".into(), Some(70)),
        ("getMusicDirectory?id=al-1".into(), Some(70)),
        ("getMusicDirectory?id=ar-1".into(), Some(70)),
        (format!("scrobble?id={hidden}"), Some(70)),
        (format!("scrobble?id={hidden}&submission=false"), Some(70)),
        (format!("star?id={hidden}"), Some(70)),
        ("star?albumId=al-1".into(), Some(70)),
        ("star?artistId=ar-1".into(), Some(70)),
        (format!("setRating?id={hidden}&rating=5"), Some(70)),
        // He sees the second, but not Ann's private song in it.
        (format!("getSong?id={private}"), Some(70)),
        (format!("stream?id={private}"), Some(70)),
        (format!("scrobble?id={private}"), Some(70)),
        (format!("getVideoInfo?id={video}"), Some(70)),
        (format!("getCoverArt?id={video}"), Some(70)),
        // A song is no video.
        (format!("getVideoInfo?id={hidden}"), Some(70)),
        ("getMusicDirectory?id=2".into(), None),
        ("getUser?username=ann".into(), Some(50)),
        ("getUser?username=nobody".into(), Some(50)),
        ("getUser?username=BOB".into(), None),
    ] {
        let reply = house.get(&house.signed(&endpoint, &house.bob_key)).await;
        assert_eq!(reply.status, 200, "{endpoint}");
        assert_eq!(reply.code(), wanted, "{endpoint}: {}", reply.text());
    }
    for endpoint in [
        "search3?query=",
        "search2?query=",
        "getArtists",
        "getIndexes",
        "getAlbumList2?type=newest",
        "getAlbumList?type=alphabeticalByName",
        "getRandomSongs?size=500",
        "getVideos",
        "getGenres",
        "getStarred2",
        "getMusicFolders",
    ] {
        let reply = house.get(&house.signed(endpoint, &house.bob_key)).await;
        assert_eq!(reply.code(), None);
        for word in ["Ripple", "Abba", "Pond", "Quiet", "Disco", "Frogs", "Земфира", "\"music\""] {
            assert!(!reply.text().contains(word), "{endpoint} tells Bob of {word}: {}", reply.text());
        }
    }
    assert_eq!(house.ann(&format!("getSong?id={private}")).await.code(), None);
}

#[tokio::test]
async fn each_way_to_sign_in_works_and_fails_by_its_own_code() {
    use md5::{Digest, Md5};
    let house = House::open().await;
    let app_password = &house.ann_app_password;
    let token = |password: &str| data_encoding::HEXLOWER.encode(&Md5::digest(format!("{password}salt")));
    let encoded = form_urlencoded::byte_serialize(crate::fixture::PASSWORD.as_bytes()).collect::<String>();
    let hex = data_encoding::HEXLOWER.encode(crate::fixture::PASSWORD.as_bytes());
    for (credentials, wanted) in [
        (format!("u=ann&p={encoded}"), None),
        (format!("u=ann&p=enc:{hex}"), None),
        (format!("u=ann&p={app_password}"), None),
        (format!("u=ann&t={}&s=salt", token(app_password)), None),
        (format!("apiKey={}", house.ann_key), None),
        (format!("u=ann&t={}&s=salt", token("wrong")), Some(40)),
        (format!("u=ann&t={}&s=salt", token(crate::fixture::PASSWORD)), Some(40)),
        ("u=ann&p=wrong".into(), Some(40)),
        ("u=nobody&p=wrong".into(), Some(40)),
        ("apiKey=wrong".into(), Some(44)),
        (format!("u=ann&apiKey={}", house.ann_key), Some(43)),
        ("u=ann".into(), Some(10)),
        ("".into(), Some(10)),
        (format!("u=ann&p={encoded}&v=2.0.0"), Some(30)),
        (format!("u=ann&p={encoded}&v=0.5"), Some(20)),
    ] {
        let reply = house.get(&format!("/rest/ping?f=json&{credentials}")).await;
        assert_eq!((reply.status.as_u16(), reply.code()), (200, wanted), "{credentials}");
        let envelope = reply.json();
        assert_eq!(envelope["type"], "millpond", "also on failures");
        assert_eq!(envelope["openSubsonic"], true);
        assert_eq!(envelope["version"], "1.16.1");
    }
}

#[tokio::test]
async fn too_many_failures_are_refused_with_a_time_to_come_back() {
    let house = House::open().await;
    for _ in 0..budget::limits::SIGN_IN_FAILURES_MAX {
        assert_eq!(house.get("/rest/ping?f=json&u=ann&p=wrong").await.status, 200);
    }
    let reply = house.get("/rest/ping?f=json&u=ann&p=wrong").await;
    assert_eq!((reply.status.as_u16(), reply.code()), (429, Some(40)));
    assert!(reply.header("retry-after").parse::<u64>().unwrap() >= 1);
    assert_eq!(house.ann("ping").await.code(), None, "a key still works");
}
