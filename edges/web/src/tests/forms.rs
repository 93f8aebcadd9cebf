//! Tracks as HTML forms send them, in the words of the audio platform.

use axum::body::Body;
use data_encoding::HEXLOWER;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::house::{Answer, House, Who, Wishes, png, wav, with};

pub(super) const BOUNDARY: &str = "----a boundary";

/// A form of these parts: name, file name, bytes.
pub(super) fn form(parts: &[(&str, Option<&str>, &[u8])]) -> Vec<u8> {
    let mut body = Vec::new();
    for (name, filename, bytes) in parts {
        let filename = filename.map(|name| format!("; filename=\"{name}\"")).unwrap_or_default();
        let head =
            format!("--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{name}\"{filename}\r\n\r\n");
        body.extend(head.as_bytes());
        body.extend(*bytes);
        body.extend(b"\r\n");
    }
    body.extend(format!("--{BOUNDARY}--\r\n").as_bytes());
    body
}

async fn send_form(house: &House, body: Vec<u8>) -> Answer {
    let kind = format!("multipart/form-data; boundary=\"{BOUNDARY}\"");
    // In small pieces, so that boundaries are cut.
    let pieces: Vec<_> = body.chunks(1_021).map(|piece| Ok::<_, std::io::Error>(piece.to_vec())).collect();
    let mut request = with(house.request(Who::Plain, "POST", "/tracks/"), "content-type", &kind);
    *request.body_mut() = Body::from_stream(futures_util::stream::iter(pieces));
    house.send(request).await
}

#[tokio::test]
async fn the_parts_of_a_form_come_in_any_order() {
    let (house, picture) = (House::new().await, png());
    let title: (&str, Option<&str>, &[u8]) = ("title", None, b"A form's title");
    for (seed, order) in [[0, 1, 2], [2, 1, 0], [1, 2, 0], [1, 0, 2]].into_iter().enumerate() {
        let wav = wav(10 + seed as u32);
        let parts = [title, ("file", Some("a.wav"), &wav[..]), ("image", Some("c.png"), &picture[..])];
        let answer = send_form(&house, form(&order.map(|i| parts[i]))).await;
        assert_eq!(answer.status, 200, "{order:?} {:?}", answer.body);
        let answer = answer.json();
        assert_eq!(answer["status"], "pending");
        assert!(answer["message"].is_string());
        let path = format!("/tracks/uploads/{}/progress", answer["upload_id"].as_str().unwrap());
        let events = house.get(Who::Plain, &path).await;
        assert_eq!(events.header("content-type"), "text/event-stream");
        assert_eq!(events.header("x-accel-buffering"), "no");
        let text = std::str::from_utf8(&events.body).unwrap();
        let last = text.trim_end().rsplit_once("data: ").unwrap().1;
        let last: Value = serde_json::from_str(last).unwrap();
        assert_eq!(last["status"], "completed", "{last}");
        assert!(last["server_progress_pct"].is_null());
        let track =
            house.get(Who::Plain, &format!("/tracks/{}", last["track_id"].as_str().unwrap())).await.json();
        assert_eq!((&track["title"], &track["has_cover"]), (&"A form's title".into(), &true.into()));
        let cover = house.get(Who::Plain, &format!("/tracks/{}/cover", track["id"].as_str().unwrap())).await;
        assert!(cover.body == picture && cover.header("content-type") == "image/png");
    }
}

#[tokio::test]
async fn a_form_that_is_wrong_is_refused_in_the_platforms_words_and_leaves_nothing() {
    let house = House::new().await;
    let wav = wav(20);
    let file: (&str, Option<&str>, &[u8]) = ("file", Some("a.wav"), &wav);
    let title: (&str, Option<&str>, &[u8]) = ("title", None, b"T");
    let png = png();
    let picture: (&str, Option<&str>, &[u8]) = ("image", Some("c.png"), &png);
    let long = vec![b'x'; 10_000];
    let cases: Vec<(Vec<u8>, u16, &str)> = vec![
        (form(&[file]), 422, "no title"),
        (form(&[title]), 422, "no file"),
        (form(&[]), 422, "no file"),
        (form(&[title, ("file", Some("a.mp3"), b"only a text")]), 400, "no audio"),
        (form(&[title, ("file", Some("a.mp3"), b"")]), 400, ""),
        (form(&[title, file, file]), 400, "twice"),
        (form(&[title, picture, file, picture]), 400, "image is there twice"),
        (form(&[title, file, ("tags", None, b"not json")]), 400, "tags"),
        (form(&[file, ("title", None, &long)]), 400, "longer than"),
        (form(&[title, file])[..20_000].to_vec(), 400, "broke"),
        (b"no form at all".to_vec(), 400, "broken"),
        (vec![b'x'; 300_000], 400, "no end"),
    ];
    for (i, (body, status, word)) in cases.into_iter().enumerate() {
        let answer = send_form(&house, body).await;
        assert_eq!(answer.status.as_u16(), status, "{i}: {:?}", answer.body);
        let answer = answer.json();
        assert!(answer["detail"].as_str().unwrap().contains(word), "{i}: {answer}");
        assert!(answer["error"].is_null());
        assert_eq!(
            house.catalog.open_uploads_of(house.bob.id).await.unwrap(),
            0,
            "{i}: nothing is left open"
        );
        assert_eq!(house.catalog.bytes_of_user(house.bob.id).await.unwrap(), 0, "{i}: nothing is kept");
    }
}

#[tokio::test]
async fn a_form_that_fails_takes_no_picture_along_that_was_there_before() {
    let (house, png) = (House::new().await, png());
    let sent = house.upload("c.png", png.clone()).await;
    let file_id = HEXLOWER.encode(&Sha256::digest(&png)[..8]);
    let (upload, image) = (&sent["upload_id"], format!("/images/{file_id}"));
    assert_eq!(house.get(Who::Plain, &image).await.status, 200);
    let refused =
        send_form(&house, form(&[("image", Some("c.png"), &png), ("file", Some("a.wav"), &wav(20))]));
    assert_eq!(refused.await.status, 422, "it has no title");
    assert_eq!(house.get(Who::Plain, &image).await.status, 200, "the picture is still there");
    // Its owner gives it up by the upload that brought it, since it has no track, and by no later one.
    let again = house.upload("c.png", png).await;
    for (upload, status) in [(&again["upload_id"], 410), (upload, 204)] {
        assert_eq!(house.get(Who::Plain, &image).await.status, 200);
        let path = format!("/uploads/{}", upload.as_str().unwrap());
        let answer = house.send(house.request(Who::Plain, "DELETE", &path)).await;
        assert_eq!(answer.status, status, "{:?}", answer.body);
    }
    assert_eq!(house.get(Who::Plain, &image).await.status, 404);
    assert_eq!(house.catalog.bytes_of_user(house.bob.id).await.unwrap(), 0);
}

#[tokio::test]
async fn a_bad_picture_is_refused_by_name_and_the_track_is_kept() {
    let house = House::with(Wishes {
        uploads: ingest::Limits { image_bytes_max: 5_000, ..ingest::Limits::default() },
        ..Wishes::default()
    })
    .await;
    let large = [&png()[..], &vec![0; 100_000]].concat();
    let other = wav(30);
    let title: (&str, Option<&str>, &[u8]) = ("title", None, b"T");
    let cases: [(&str, &[u8], &str); 5] = [
        ("bad.png", b"no picture", "bad.png"),
        ("large.png", &large, "large.png"),
        ("sound.wav", &other, "sound.wav"),
        ("../../x.png", b"", "x.png"),
        ("", b"", ""),
    ];
    for (i, (name, bytes, said)) in cases.into_iter().enumerate() {
        let wav = wav(40 + i as u32);
        let answer =
            send_form(&house, form(&[title, ("image", Some(name), bytes), ("file", Some("a.wav"), &wav)]))
                .await;
        assert_eq!(answer.status, 200, "{name} {:?}", answer.body);
        let message = answer.json()["message"].as_str().unwrap().to_owned();
        assert!(message.contains(said) && message.contains("image") != said.is_empty(), "{message}");
    }
    let tracks = house.get(Who::Plain, "/tracks").await.json();
    let sent =
        tracks["tracks"].as_array().unwrap().iter().filter(|track| track["file_id"].is_string()).count();
    assert_eq!(sent, 5);
    assert_eq!(house.catalog.open_uploads_of(house.bob.id).await.unwrap(), 0);
}
