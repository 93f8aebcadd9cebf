//! Bytes of songs and covers.

use axum::http::Method;

use crate::fixture::{COVER, EMBEDDED, House, Reply, bytes_of};

const SONG: &str = "Ripple & <Wave>";
const PATH: &str = "Abba/Pond/01 Ripple.flac";

async fn ask(house: &House, endpoint: &str, method: Method, headers: &[(&str, &str)]) -> Reply {
    house.ask(method, &house.signed(endpoint, &house.ann_key), headers, "").await
}

#[tokio::test]
async fn a_song_comes_whole_whatever_is_said_about_transcoding() {
    let house = House::open().await;
    let id = house.track(SONG).await;
    for extra in
        ["", "&format=raw", "&maxBitRate=0", "&maxBitRate=64&format=mp3", "&estimateContentLength=true"]
    {
        let reply = ask(&house, &format!("stream?id={id}{extra}"), Method::GET, &[]).await;
        assert_eq!(reply.status, 200);
        assert_eq!(reply.body, bytes_of(PATH), "{extra}");
        assert_eq!(reply.header("content-type"), "audio/flac");
        assert_eq!(reply.header("content-length"), bytes_of(PATH).len().to_string());
        assert_eq!(reply.header("accept-ranges"), "bytes");
        assert_eq!(reply.header("content-disposition"), "");
    }
}

#[tokio::test]
async fn ranges_and_heads_are_answered_by_query_and_by_form() {
    let house = House::open().await;
    let id = house.track(SONG).await;
    let whole = bytes_of(PATH);
    let endpoint = format!("stream.view?id={id}");
    let reply = ask(&house, &endpoint, Method::GET, &[("range", "bytes=10-19")]).await;
    assert_eq!((reply.status.as_u16(), reply.body.as_slice()), (206, &whole[10..20]));
    assert_eq!(reply.header("content-range"), format!("bytes 10-19/{}", whole.len()));
    let form = format!("id={id}&apiKey={}", house.ann_key);
    let headers = [("content-type", "application/x-www-form-urlencoded"), ("range", "bytes=100-")];
    let reply = house.ask(Method::POST, "/rest/stream.view", &headers, &form).await;
    assert_eq!((reply.status.as_u16(), reply.body.as_slice()), (206, &whole[100..]), "DSub resumes by POST");
    let reply = ask(&house, &endpoint, Method::HEAD, &[]).await;
    assert_eq!((reply.status.as_u16(), reply.body.len()), (200, 0));
    assert_eq!(reply.header("content-length"), whole.len().to_string());
    let reply = ask(&house, &endpoint, Method::GET, &[("range", "bytes=999999-")]).await;
    assert_eq!(reply.status, 416);
}

#[tokio::test]
async fn a_download_has_the_name_of_its_file() {
    let house = House::open().await;
    let id = house.track("Пруд").await;
    let reply = ask(&house, &format!("download?id={id}"), Method::GET, &[]).await;
    assert_eq!(reply.body, bytes_of("Земфира/Пруд.mp3"));
    let disposition = reply.header("content-disposition");
    assert!(disposition.starts_with("attachment"), "{disposition}");
    assert!(disposition.contains("filename*=UTF-8''%D0%9F%D1%80%D1%83%D0%B4.mp3"), "{disposition}");
}

#[tokio::test]
async fn covers_are_found_by_song_album_and_artist_also_inside_a_song() {
    let house = House::open().await;
    for (title, content_type, bytes) in [(SONG, "image/png", COVER), ("Пруд", "image/jpeg", EMBEDDED.1)] {
        let id = house.track(title).await;
        let song = house.ann(&format!("getSong?id={id}")).await.json()["song"].clone();
        let text = |key: &str| song[key].as_str().unwrap().to_owned();
        for id in [id.to_string(), text("coverArt"), text("albumId"), text("artistId")] {
            let reply = ask(&house, &format!("getCoverArt?id={id}&size=300"), Method::GET, &[]).await;
            assert_eq!(reply.body, bytes, "{id}");
            assert_eq!(reply.header("content-type"), content_type);
            assert_eq!(reply.header("cache-control"), "private, max-age=86400");
        }
        for size in ["", "0"] {
            let reply = ask(&house, &format!("getCoverArt?id={id}&size={size}"), Method::GET, &[]).await;
            assert_eq!(reply.body, bytes, "a size of {size:?} is none");
        }
        for size in ["-1", "full", "300px"] {
            let reply = ask(&house, &format!("getCoverArt?id={id}&size={size}"), Method::GET, &[]).await;
            let expected =
                format!("Parameter size must be a whole number of 0 or more, and is \\\"{size}\\\"");
            assert!(reply.text().contains(&expected), "{}", reply.text());
        }
        let endpoint = format!("getCoverArt?id={id}");
        let tag = ask(&house, &endpoint, Method::GET, &[]).await.header("etag").to_owned();
        let reply = ask(&house, &endpoint, Method::GET, &[("if-none-match", &tag)]).await;
        assert_eq!((reply.status.as_u16(), reply.body.len()), (304, 0));
        assert_eq!(reply.header("cache-control"), "private, max-age=86400");
        for (name, value, status) in [("if-match", "\"other\"", 412), ("range", "bytes=9999999-", 416)] {
            let reply = ask(&house, &endpoint, Method::GET, &[(name, value)]).await;
            assert_eq!(reply.status, status);
            assert_ne!(
                reply.header("cache-control"),
                "private, max-age=86400",
                "{status} is not the picture"
            );
        }
    }
}

#[tokio::test]
async fn errors_of_media_are_xml_that_players_know_for_one() {
    let house = House::open().await;
    let gone = house.track("\"Still\"").await;
    std::fs::remove_file(house.folder.path().join("music/Abba/Pond/02 \"Still\".flac")).unwrap();
    let quiet = house.track("Quiet").await;
    for endpoint in [
        "stream?id=tr-999".to_owned(),
        "download?id=x".to_owned(),
        "getCoverArt?id=al-999".to_owned(),
        format!("getCoverArt?id={quiet}"),
        format!("stream?id={gone}"),
    ] {
        let reply = house.get(&format!("/rest/{endpoint}&apiKey={}", house.ann_key)).await;
        assert_eq!(reply.status, 200);
        assert!(reply.header("content-type").starts_with("text/xml"), "{endpoint}");
        let document = roxmltree::Document::parse(reply.text()).unwrap();
        let error = document.root_element().first_element_child().unwrap();
        assert_eq!(error.attribute("code"), Some("70"), "{endpoint}");
        assert_eq!(house.ann(&endpoint).await.code(), Some(70), "{endpoint}");
    }
}
