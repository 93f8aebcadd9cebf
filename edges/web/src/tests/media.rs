use tower::ServiceExt;

use super::house::{Answer, House, PICTURE, Who, sound, with};
use crate::tests::{unzipped, whole};

async fn ask(house: &House, method: &str, headers: &[(&'static str, &str)]) -> Answer {
    let mut request = house.request(Who::Other, method, &format!("/tracks/{}/audio", house.shared));
    for (name, value) in headers {
        request = with(request, name, value);
    }
    house.send(request).await
}

#[tokio::test]
async fn a_track_comes_whole_and_in_parts() {
    let (house, sound) = (House::new().await, sound());
    type Case<'a> = (&'a [(&'static str, &'a str)], u16, &'a [u8], &'a str);
    let cases: &[Case<'_>] = &[
        (&[], 200, &sound, ""),
        (&[("range", "bytes=0-9")], 206, &sound[..10], "bytes 0-9/100000"),
        (&[("range", "bytes=99990-")], 206, &sound[99_990..], "bytes 99990-99999/100000"),
        (&[("range", "bytes=-5")], 206, &sound[99_995..], "bytes 99995-99999/100000"),
        (&[("range", "bytes=5-1000000")], 206, &sound[5..], "bytes 5-99999/100000"),
        (&[("range", "bytes=9-5")], 200, &sound, ""),
        (&[("range", "lines=1-2")], 200, &sound, ""),
        (&[("range", "bytes=0-9"), ("if-range", "\"other\"")], 200, &sound, ""),
    ];
    for (headers, status, bytes, range) in cases {
        let answer = ask(&house, "GET", headers).await;
        assert_eq!(answer.status.as_u16(), *status, "{headers:?}");
        assert!(answer.body == *bytes, "{headers:?}");
        assert_eq!(answer.header("content-range"), *range, "{headers:?}");
        assert_eq!(answer.header("content-length"), bytes.len().to_string(), "{headers:?}");
        assert_eq!(answer.header("content-type"), "audio/mpeg");
        assert_eq!(answer.header("accept-ranges"), "bytes");
        assert_eq!(answer.header("cache-control"), "private, no-cache");
    }
    let beyond = ask(&house, "GET", &[("range", "bytes=100000-")]).await;
    assert_eq!((beyond.status.as_u16(), beyond.header("content-range")), (416, "bytes */100000"));
    let head = ask(&house, "HEAD", &[]).await;
    assert_eq!((head.status.as_u16(), head.header("content-length"), head.body.len()), (200, "100000", 0));
}

#[tokio::test]
async fn media_are_never_compressed_and_texts_are_when_asked_for() {
    let house = House::new().await;
    for headers in
        [&[("accept-encoding", "gzip")][..], &[("accept-encoding", "gzip"), ("range", "bytes=0-9")]]
    {
        let answer = ask(&house, "GET", headers).await;
        assert_eq!(answer.header("content-encoding"), "");
        assert_eq!(answer.header("accept-ranges"), "bytes");
        assert!(answer.body == sound()[..answer.body.len()]);
    }
    let plain = house.get(Who::Other, "/tracks").await;
    let packed =
        house.send(with(house.request(Who::Other, "GET", "/tracks"), "accept-encoding", "br, gzip")).await;
    assert_eq!((plain.header("content-encoding"), packed.header("content-encoding")), ("", "gzip"));
    let head =
        house.send(with(house.request(Who::Other, "HEAD", "/tracks"), "accept-encoding", "gzip")).await;
    assert_eq!(
        (head.header("content-encoding"), head.header("content-length")),
        ("gzip", ""),
        "HEAD says what GET does"
    );
    assert!(unzipped(&packed.body) == plain.body && packed.body.len() < plain.body.len());
    for answer in [plain, packed] {
        let vary: Vec<_> = answer.headers.get_all("vary").iter().collect();
        assert!(vary.contains(&&"accept-encoding".parse().unwrap()), "{vary:?}");
    }
}

#[tokio::test]
async fn a_track_can_be_saved_under_its_name() {
    let house = House::new().await;
    for (query, expected) in
        [("", "inline"), ("?download=0", "inline"), ("?download=1", "attachment; filename=\"a.mp3\"")]
    {
        let answer = house.get(Who::Other, &format!("/tracks/{}/audio{query}", house.shared)).await;
        assert!(
            answer.header("content-disposition").starts_with(expected)
                || (expected == "inline" && answer.header("content-disposition").is_empty()),
            "{query}"
        );
    }
}

#[tokio::test]
async fn a_cover_comes_out_of_its_file_or_of_the_middle_of_one() {
    let house = House::new().await;
    let mut tags = Vec::new();
    for track in [house.shared, house.private] {
        let answer = house.get(Who::Plain, &format!("/tracks/{track}/cover")).await;
        assert_eq!((answer.status.as_u16(), &answer.body[..]), (200, PICTURE), "{track}");
        assert_eq!(answer.header("content-type"), "image/png");
        tags.push(answer.header("etag").to_owned());
    }
    assert_ne!(tags[0], tags[1]);
    let request = with(
        house.request(Who::Plain, "GET", &format!("/tracks/{}/cover", house.shared)),
        "range",
        "bytes=1-3",
    );
    assert_eq!(&house.send(request).await.body[..], b"PNG");
}

#[tokio::test]
async fn a_cover_beyond_the_end_of_its_file_is_not_there() {
    let house = House::new().await;
    std::fs::write(house.library.join("c.mp3"), b"short").unwrap();
    let answer = house.get(Who::Plain, &format!("/tracks/{}/cover", house.shared)).await;
    assert_eq!((answer.status.as_u16(), answer.code().as_str()), (404, "file_missing"));
}

#[tokio::test]
async fn a_file_that_vanished_or_became_something_else_is_missing() {
    let house = House::new().await;
    let file = house.library.join("a.mp3");
    let path = format!("/tracks/{}/audio", house.shared);
    std::fs::remove_file(&file).unwrap();
    let gone = house.get(Who::Plain, &path).await;
    assert_eq!((gone.status.as_u16(), gone.code().as_str()), (404, "file_missing"));
    std::os::unix::fs::symlink("/etc/hostname", &file).unwrap();
    assert_eq!(house.get(Who::Plain, &path).await.code(), "file_missing");
    std::fs::remove_file(&file).unwrap();
    std::fs::create_dir(&file).unwrap();
    assert_eq!(house.get(Who::Plain, &path).await.code(), "file_missing");
}

#[tokio::test]
async fn an_admin_sees_a_running_stream_and_ends_it() {
    let house = House::new().await;
    let request = house.request(Who::Other, "GET", &format!("/tracks/{}/audio", house.shared));
    let playing = house.router.clone().oneshot(request).await.unwrap();
    let list = house.get(Who::Admin, "/streams").await.json();
    assert_eq!((list["count"].as_u64(), list["streams"][0]["user"].as_str()), (Some(1), Some("eve")));
    let since = list["streams"][0]["since"].as_str().unwrap();
    let fraction = since.trim_end_matches('Z').split_once('.').map_or("", |(_, digits)| digits);
    assert!(since.ends_with('Z') && fraction.len() <= 3, "whole milliseconds: {since}");
    let id = list["streams"][0]["id"].as_u64().unwrap();
    let end = format!("/streams/{id}");
    assert_eq!(house.send(house.request(Who::Admin, "DELETE", &end)).await.status, 204);
    assert!(whole(playing.into_body()).await.is_err(), "what was ended breaks off");
    assert_eq!(house.get(Who::Admin, "/streams").await.json()["count"], 0);
    assert_eq!(house.send(house.request(Who::Admin, "DELETE", &end)).await.status, 404);
}
