//! What is like something, what is sung, and who plays what.

use std::time::Duration;

use axum::http::Method;
use budget::limits::NOW_PLAYING_MS;

use crate::fixture::House;

#[tokio::test]
async fn what_is_asked_badly_is_refused_in_the_envelope() {
    let house = House::open().await;
    let track = house.track("Ripple & <Wave>").await;
    let report = |rest: &str| format!("reportPlayback?mediaId={track}&mediaType=song&{rest}");
    for (endpoint, code) in [
        ("getSongsByGenre".to_owned(), 10),
        ("getSongsByGenre?genre=Pop&count=x".to_owned(), 0),
        ("getTopSongs".to_owned(), 10),
        ("getTopSongs?id=ar-99".to_owned(), 70),
        ("getTopSongs?id=tr-1".to_owned(), 70),
        ("getSimilarSongs".to_owned(), 10),
        ("getSimilarSongs?id=pl-1".to_owned(), 70),
        ("getSimilarSongs2?id=ar-99".to_owned(), 70),
        ("getArtistInfo".to_owned(), 10),
        ("getArtistInfo2?id=ar-99".to_owned(), 70),
        ("getAlbumInfo".to_owned(), 10),
        ("getAlbumInfo2?id=ar-1".to_owned(), 70),
        ("getLyricsBySongId".to_owned(), 10),
        ("getLyricsBySongId?id=al-1".to_owned(), 70),
        ("reportPlayback".to_owned(), 10),
        (report("state=playing"), 10),
        (report("positionMs=1"), 10),
        (report("positionMs=-1&state=playing"), 0),
        (report("positionMs=1&state=dancing"), 0),
        (report("positionMs=1&state=playing&playbackRate=inf"), 0),
        ("reportPlayback?mediaId=tr-1&mediaType=film&positionMs=1&state=playing".to_owned(), 0),
        ("reportPlayback?mediaId=tr-99&mediaType=song&positionMs=1&state=playing".to_owned(), 70),
        ("reportPlayback?mediaId=1&mediaType=podcast&positionMs=1&state=playing".to_owned(), 70),
    ] {
        let reply = house.ann(&endpoint).await;
        assert_eq!((reply.status.as_u16(), reply.code()), (200, Some(code)), "{endpoint}");
    }
    for (endpoint, list) in
        [("getTopSongs?artist=nobody", "topSongs"), ("getSongsByGenre?genre=none", "songsByGenre")]
    {
        let songs = house.ann(endpoint).await.json()[list]["song"].clone();
        assert_eq!(songs, serde_json::json!([]), "{endpoint}");
    }
}

#[tokio::test]
async fn a_song_counts_as_played_when_enough_of_it_was_heard() {
    let house = House::open().await;
    let id = house.track("Ripple & <Wave>").await;
    let plays = async || house.ann(&format!("getSong?id={id}")).await.json()["song"]["playCount"].as_u64();
    let report = async |rest: &str| {
        let said = house.ann(&format!("reportPlayback?mediaId={id}&mediaType=song&{rest}")).await;
        assert_eq!(said.code(), None, "{rest}");
        plays().await
    };
    let listen = async |seconds: u64| {
        tokio::time::pause();
        tokio::time::advance(Duration::from_secs(seconds)).await;
        tokio::time::resume();
    };
    assert_eq!(report("positionMs=181000&state=stopped").await, Some(0), "it never began");
    // It has 181.5 seconds.
    report("positionMs=0&state=playing").await;
    listen(90).await;
    assert_eq!(report("positionMs=90000&state=stopped").await, Some(0));
    report("positionMs=0&state=playing").await;
    listen(91).await;
    assert_eq!(report("positionMs=91000&ignoreScrobble=true&state=stopped").await, Some(0));
    report("positionMs=0&state=starting").await;
    report("positionMs=0&state=playing").await;
    listen(91).await;
    assert_eq!(report("positionMs=91000&state=stopped").await, Some(1));
    assert_eq!(report("positionMs=91000&state=stopped").await, Some(1), "it is told twice");
    // Who ends without a word is counted by whoever asks next.
    report("positionMs=0&state=playing").await;
    listen(100).await;
    report("positionMs=100000&state=playing").await;
    listen(NOW_PLAYING_MS / 1_000 + 90).await;
    house.get(&house.signed("getNowPlaying", &house.bob_key)).await;
    assert_eq!(plays().await, Some(2));
}

#[tokio::test]
async fn p08_what_somebody_plays_is_told_to_those_who_may_see_it() {
    let house = House::open().await;
    let (song, quiet) = (house.track("Ripple & <Wave>").await, house.track("Quiet").await);
    let players = async |key: &str| {
        let reply = house.get(&house.signed("getNowPlaying", key)).await.json();
        let entries = reply["nowPlaying"]["entry"].as_array().cloned().unwrap_or_default();
        entries.iter().map(|entry| entry["title"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(players(&house.ann_key).await, [""; 0]);
    house.ann(&format!("scrobble?id={song}&submission=false")).await;
    assert_eq!(players(&house.admin_key).await, ["Ripple & <Wave>"]);
    assert_eq!(players(&house.bob_key).await, [""; 0], "Bob does not see that library");
    // The same player goes on to the next song.
    house.ann(&format!("reportPlayback?mediaId={quiet}&mediaType=song&positionMs=0&state=playing")).await;
    assert_eq!(players(&house.bob_key).await, ["Quiet"]);
    house.make_private(quiet).await;
    assert_eq!(players(&house.bob_key).await, [""; 0]);
    assert_eq!(players(&house.ann_key).await, ["Quiet"]);
    house.ann(&format!("reportPlayback?mediaId={quiet}&mediaType=song&positionMs=9&state=stopped")).await;
    assert_eq!(players(&house.ann_key).await, [""; 0]);
}

#[tokio::test]
async fn p09_pictures_have_addresses_that_show_them_and_nothing_else_and_no_secret() {
    let house = House::open().await;
    let fields = [("host", "pond.example:4040"), ("content-type", "application/x-www-form-urlencoded")];
    let form = format!("apiKey={}&f=json", house.ann_key);
    let song = house.track("Ripple & <Wave>").await;
    for (endpoint, member, id) in [
        ("getArtistInfo", "artistInfo", "ar-1"),
        ("getArtistInfo2", "artistInfo2", "ar-1"),
        ("getAlbumInfo", "albumInfo", "al-1"),
        ("getAlbumInfo2", "albumInfo", "al-1"),
    ] {
        let path = house.signed(&format!("{endpoint}?id={id}"), &house.ann_key);
        for (method, path, form) in
            [(Method::GET, path, ""), (Method::POST, format!("/rest/{endpoint}?id={id}"), &*form)]
        {
            let info = house.ask(method, &path, &fields, form).await.json()[member].clone();
            let address = info["mediumImageUrl"].as_str().unwrap();
            for secret in [&*house.ann_key, "apiKey", "&u=", "&p=", "&t=", "&s="] {
                assert!(!info.to_string().contains(secret), "{info}");
            }
            let path = address.strip_prefix("http://pond.example:4040").unwrap();
            assert!(path.starts_with(&format!("/rest/getCoverArt?id={id}_")), "{path}");
            assert!(path.contains("&size=300&user=us-"), "{path}");
            // It shows the picture that there is now, whatever the mark behind the id was when it was signed.
            for path in [path.to_owned(), path.replace(&format!("id={id}_"), &format!("id={id}_1"))] {
                assert_eq!(house.get(&path).await.header("content-type"), "image/png");
            }
            let opens_nothing_else = [
                path.replace(&format!("id={id}"), "id=ar-2"),
                path.replace(&format!("id={id}"), &format!("id={song}")),
                path.replace("user=us-", "user=us-1"),
                path.replace("expires=", "expires=9"),
                path.replace("signature=", "signature=A"),
                path.replace("getCoverArt", "getArtist"),
                path.replace("getCoverArt", "stream"),
            ];
            for other in opens_nothing_else {
                let refused = house.get(&other).await;
                let refused = refused.text();
                assert!(
                    refused.contains("code=\"40\"") || refused.contains("code=\"10\""),
                    "{other}: {refused}"
                );
            }
        }
    }
}
