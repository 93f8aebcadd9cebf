//! Uploads as clients send them: tus, the draft, one plain request.

use axum::body::Body;
use axum::extract::Request;
use data_encoding::BASE64;
use sha2::{Digest, Sha256};

use super::house::{Answer, House, Who, Wishes, png, wav, with};

type Fields<'a> = &'a [(&'static str, &'a str)];

/// A request of Bob's.
fn request(house: &House, method: &str, path: &str, fields: Fields<'_>, body: &[u8]) -> Request {
    let mut request = house.request(Who::Plain, method, path);
    for (name, value) in fields {
        request = with(request, name, value);
    }
    *request.body_mut() = Body::from(body.to_vec());
    request
}

async fn ask(house: &House, method: &str, path: &str, fields: Fields<'_>, body: &[u8]) -> Answer {
    house.send(request(house, method, path, fields, body)).await
}

const TUS: (&str, &str) = ("tus-resumable", "1.0.0");
const OCTETS: (&str, &str) = ("content-type", "application/offset+octet-stream");
const PARTIAL: (&str, &str) = ("content-type", "application/partial-upload");

fn path_of(answer: &Answer) -> String {
    format!("/uploads/{}", answer.header("location").rsplit_once('/').unwrap().1)
}

async fn begun(house: &House, fields: Fields<'_>) -> String {
    let mut all = vec![TUS];
    all.extend_from_slice(fields);
    let answer = ask(house, "POST", "/uploads", &all, b"").await;
    assert_eq!(answer.status, 201, "{:?}", answer.body);
    path_of(&answer)
}

fn digest(bytes: &[u8]) -> String {
    format!("sha-256=:{}:", BASE64.encode(&Sha256::digest(bytes)))
}

#[tokio::test]
async fn tus_goes_from_creation_to_a_track() {
    let (house, wav) = (House::new().await, wav(2));
    let length = wav.len().to_string();
    let metadata = format!("filename {},title {}", BASE64.encode(b"../a.wav"), BASE64.encode(b"My title"));
    let fields = [TUS, ("upload-length", &*length), ("upload-metadata", &*metadata)];
    let created = ask(&house, "POST", "/uploads", &fields, b"").await;
    assert_eq!(created.status, 201);
    assert_eq!(created.header("tus-resumable"), "1.0.0");
    assert!(created.header("upload-expires").ends_with(" GMT"));
    let path = path_of(&created);

    let fields = [TUS, OCTETS, ("upload-offset", "0")];
    let first = ask(&house, "PATCH", &path, &fields, &wav[..10_000]).await;
    assert_eq!((first.status.as_u16(), first.header("upload-offset")), (204, "10000"), "{:?}", first.body);
    assert!(first.header("upload-expires").ends_with(" GMT"));

    let status = ask(&house, "HEAD", &path, &[TUS], b"").await;
    assert_eq!((status.status.as_u16(), status.header("upload-offset")), (200, "10000"));
    assert_eq!(status.header("upload-length"), length);
    assert_eq!(status.header("upload-metadata"), metadata);
    assert_eq!(status.header("cache-control"), "no-store");

    let wrong = ask(&house, "PATCH", &path, &fields, &wav[..10]).await;
    assert_eq!((wrong.status.as_u16(), wrong.code().as_str()), (409, "offset_conflict"));
    assert_eq!(wrong.header("upload-offset"), "10000");

    // By POST, as behind a proxy that knows no PATCH.
    let fields = [TUS, OCTETS, ("upload-offset", "10000"), ("x-http-method-override", "PATCH")];
    let last = ask(&house, "POST", &path, &fields, &wav[10_000..]).await;
    assert_eq!((last.status.as_u16(), last.header("upload-offset")), (204, &*length), "{:?}", last.body);

    let answer = house.get(Who::Plain, &path).await.json();
    assert_eq!(answer["phase"], "ready");
    let track =
        house.get(Who::Plain, &format!("/tracks/{}", answer["track_id"].as_str().unwrap())).await.json();
    assert_eq!((&track["title"], &track["owner"]), (&"My title".into(), &house.bob.id.to_string().into()));
    let sound = house.get(Who::Plain, &format!("/audio/{}", track["file_id"].as_str().unwrap())).await;
    assert!(sound.status == 200 && sound.body == wav);
    assert_eq!(sound.header("content-type"), "audio/wav");
}

/// The SHA-256 of nothing.
const OTHER_DIGEST: &str = "sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:";

#[tokio::test]
async fn a_request_that_breaks_a_rule_of_tus_gets_the_status_of_the_rule() {
    let house = House::with(Wishes {
        uploads: ingest::Limits { upload_bytes_max: 100_000, ..ingest::Limits::default() },
        ..Wishes::default()
    })
    .await;
    let open = begun(&house, &[("upload-length", "50")]).await;
    let open = open.as_str();
    let unknown = "/uploads/0123456789abcdef0123456789abcdef";
    let zero = ("upload-offset", "0");
    let cases: &[(&str, &str, Fields<'_>, u16, &str)] = &[
        ("POST", "/uploads", &[("tus-resumable", "0.2.2"), ("upload-length", "5")], 412, "other_version"),
        ("POST", "/uploads", &[("upload-length", "5"), ("upload-metadata", "a YQ==")], 412, "other_version"),
        ("HEAD", open, &[("tus-resumable", "2.0.0")], 412, ""),
        ("POST", "/uploads", &[TUS], 400, "invalid"),
        ("POST", "/uploads", &[TUS, ("upload-length", "-1")], 400, "invalid"),
        ("POST", "/uploads", &[TUS, ("upload-length", "5"), ("upload-defer-length", "1")], 400, "invalid"),
        ("POST", "/uploads", &[TUS, ("upload-defer-length", "2")], 400, "invalid"),
        ("POST", "/uploads", &[TUS, ("upload-length", "100001")], 413, "too_large"),
        ("POST", "/uploads", &[TUS, ("upload-length", "99999999999999")], 413, "too_large"),
        ("POST", "/uploads", &[TUS, ("upload-length", "0")], 400, "empty"),
        ("POST", "/uploads", &[TUS, ("upload-length", "5"), ("upload-metadata", "a !")], 400, "invalid"),
        (
            "POST",
            "/uploads",
            &[TUS, ("upload-length", "5"), ("upload-metadata", "sha256 YWJj")],
            400,
            "invalid",
        ),
        ("POST", "/uploads", &[TUS, ("upload-concat", "final;/uploads/x")], 400, "invalid"),
        ("POST", "/uploads", &[TUS, ("upload-concat", "both"), ("upload-length", "5")], 400, "invalid"),
        ("PATCH", open, &[TUS, zero], 415, "unsupported"),
        ("PATCH", open, &[TUS, zero, ("content-type", "audio/wav")], 415, "unsupported"),
        ("PATCH", open, &[TUS, OCTETS], 400, "invalid"),
        ("PATCH", open, &[TUS, OCTETS, ("upload-offset", "x")], 400, "invalid"),
        ("PATCH", open, &[TUS, OCTETS, ("upload-offset", "-1")], 400, "invalid"),
        ("PATCH", open, &[TUS, OCTETS, ("upload-offset", "1")], 409, "offset_conflict"),
        ("PATCH", open, &[TUS, OCTETS, ("upload-offset", "9223372036854775807")], 409, "offset_conflict"),
        ("PATCH", open, &[TUS, OCTETS, zero, ("upload-length", "51")], 400, "length_conflict"),
        ("PATCH", open, &[TUS, OCTETS, zero, ("upload-checksum", "crc64 AAAA")], 400, "invalid"),
        (
            "PATCH",
            open,
            &[TUS, OCTETS, zero, ("upload-checksum", "crc32 AAAAAA==")],
            460,
            "checksum_mismatch",
        ),
        ("PATCH", open, &[TUS, OCTETS, zero, ("content-digest", OTHER_DIGEST)], 460, "checksum_mismatch"),
        ("PATCH", unknown, &[TUS, OCTETS, zero], 404, "not_found"),
        ("HEAD", unknown, &[TUS], 404, ""),
        ("DELETE", unknown, &[TUS], 404, "not_found"),
        ("PUT", "/uploads", &[TUS], 405, "method_not_allowed"),
        ("POST", open, &[TUS, ("x-http-method-override", "GET")], 405, "method_not_allowed"),
    ];
    for (method, path, fields, status, code) in cases {
        let bytes = if *method == "PATCH" { &b"RIFF of nothing"[..] } else { b"" };
        let answer = ask(&house, method, path, fields, bytes).await;
        assert_eq!(answer.status.as_u16(), *status, "{method} {path} {fields:?} {:?}", answer.body);
        assert_eq!(answer.header("tus-resumable"), "1.0.0", "{method} {path} {fields:?}");
        if !code.is_empty() {
            assert_eq!(answer.code(), *code, "{method} {path} {fields:?}");
        }
        if *status == 412 {
            assert_eq!(answer.header("tus-version"), "1.0.0");
        }
        let now = ask(&house, "HEAD", open, &[TUS], b"").await;
        assert_eq!(now.header("upload-offset"), "0", "nothing moved by {method} {path} {fields:?}");
    }
    assert_eq!(ask(&house, "DELETE", open, &[TUS], b"").await.status, 204);
    let after = ask(&house, "HEAD", open, &[TUS], b"").await;
    assert_eq!((after.status.as_u16(), after.header("upload-offset")), (410, ""));
}

#[tokio::test]
async fn parts_that_came_side_by_side_become_one_file() {
    let (house, wav) = (House::new().await, wav(3));
    let mut urls = Vec::new();
    for part in [&wav[..10_000], &wav[10_000..]] {
        let length = part.len().to_string();
        let fields = [TUS, OCTETS, ("upload-length", &*length), ("upload-concat", "partial")];
        let answer = ask(&house, "POST", "/uploads", &fields, part).await;
        assert_eq!(
            (answer.status.as_u16(), answer.header("upload-offset")),
            (201, &*length),
            "{:?}",
            answer.body
        );
        let path = path_of(&answer);
        assert_eq!(ask(&house, "HEAD", &path, &[TUS], b"").await.header("upload-concat"), "partial");
        urls.push(path);
    }
    let concat = format!("final;{} {}", urls[0], urls[1]);
    let refused =
        ask(&house, "POST", "/uploads", &[TUS, ("upload-concat", &concat), ("upload-length", "1")], b"")
            .await;
    assert_eq!(refused.status, 400);
    let joined = ask(&house, "POST", "/uploads", &[TUS, ("upload-concat", &concat)], b"").await;
    assert_eq!(joined.status, 201, "{:?}", joined.body);
    let path = path_of(&joined);
    let more = ask(&house, "PATCH", &path, &[TUS, OCTETS, ("upload-offset", "0")], b"x").await;
    assert_eq!((more.status.as_u16(), more.code().as_str()), (403, "not_allowed"));
    house.ingest.tend_once().await;
    let status = ask(&house, "HEAD", &path, &[TUS], b"").await;
    assert_eq!(status.header("upload-concat"), concat);
    assert_eq!(status.header("upload-offset"), wav.len().to_string());
    let answer = house.get(Who::Plain, &path).await.json();
    assert_eq!(answer["phase"], "ready", "{answer}");
    let sound = house.get(Who::Plain, &format!("/audio/{}", answer["file_id"].as_str().unwrap())).await;
    assert!(sound.body == wav);
}

#[tokio::test]
async fn the_draft_goes_from_creation_to_a_track() {
    let (house, wav) = (House::new().await, wav(4));
    let (eight, no, yes) =
        (("upload-draft-interop-version", "8"), ("upload-complete", "?0"), ("upload-complete", "?1"));
    let length = wav.len().to_string();
    let fields = [eight, no, ("upload-length", &*length)];
    let created = ask(&house, "POST", "/uploads?filename=a.wav", &fields, &wav[..9_000]).await;
    assert_eq!(
        (created.status.as_u16(), created.header("upload-complete")),
        (201, "?0"),
        "{:?}",
        created.body
    );
    assert_eq!(created.header("upload-draft-interop-version"), "8");
    assert!(created.header("upload-limit").starts_with("max-size="));
    let path = path_of(&created);
    for method in ["HEAD", "GET"] {
        let status = ask(&house, method, &path, &[eight], b"").await;
        assert_eq!((status.status.as_u16(), status.header("upload-offset")), (204, "9000"), "{method}");
        assert_eq!((status.header("upload-complete"), status.header("upload-length")), ("?0", &*length));
        assert_eq!(status.header("cache-control"), "no-store");
    }
    let wrong = ask(&house, "PATCH", &path, &[PARTIAL, no, ("upload-offset", "1")], b"x").await;
    assert_eq!((wrong.status.as_u16(), wrong.header("content-type")), (409, "application/problem+json"));
    assert_eq!((wrong.header("upload-offset"), wrong.header("upload-complete")), ("9000", "?0"));
    let problem = wrong.json();
    assert_eq!((&problem["expected-offset"], &problem["provided-offset"]), (&9_000.into(), &1.into()));

    let good = digest(&wav[9_000..]);
    let fields = [
        PARTIAL,
        yes,
        ("upload-offset", "9000"),
        ("content-digest", &good),
        ("want-repr-digest", "sha-256=1"),
    ];
    let last = ask(&house, "PATCH", &path, &fields, &wav[9_000..]).await;
    assert_eq!((last.status.as_u16(), last.header("upload-complete")), (201, "?1"), "{:?}", last.body);
    assert_eq!(last.header("repr-digest"), digest(&wav));
    assert_eq!(last.json()["phase"], "ready");
    let again = ask(&house, "PATCH", &path, &[PARTIAL, yes, ("upload-offset", &length)], b"").await;
    assert_eq!((again.status.as_u16(), again.header("upload-complete")), (201, "?1"));
}

#[tokio::test]
async fn a_request_that_breaks_a_rule_of_the_draft_gets_its_problem() {
    let house = House::new().await;
    let (no, yes, zero) = (("upload-complete", "?0"), ("upload-complete", "?1"), ("upload-offset", "0"));
    let other = digest(b"other bytes");
    // Each on an upload of 50 bytes; whether it is there afterwards.
    let cases: &[(&str, Fields<'_>, u16, &str, bool)] = &[
        ("PATCH", &[no, zero], 415, "unsupported", true),
        ("PATCH", &[PARTIAL, no], 400, "invalid", true),
        ("PATCH", &[PARTIAL, zero], 400, "invalid", true),
        ("PATCH", &[PARTIAL, zero, ("upload-complete", "1")], 400, "invalid", true),
        ("PATCH", &[PARTIAL, no, ("upload-offset", "\"0\"")], 400, "invalid", true),
        ("PATCH", &[PARTIAL, no, ("upload-offset", "60")], 409, "#mismatching-upload-offset", true),
        ("PATCH", &[PARTIAL, no, zero, ("upload-length", "51")], 400, "#inconsistent-upload-length", true),
        ("PATCH", &[PARTIAL, yes, zero], 400, "#inconsistent-upload-length", true),
        ("PATCH", &[PARTIAL, no, zero, ("content-digest", &other)], 400, "#digest-mismatching-values", true),
        ("DELETE", &[], 204, "", false),
    ];
    for (method, fields, status, word, stays) in cases {
        let created = ask(&house, "POST", "/uploads", &[no, ("upload-length", "50")], b"").await;
        let path = path_of(&created);
        let answer = ask(&house, method, &path, fields, b"RIFF of nothing").await;
        assert_eq!(answer.status.as_u16(), *status, "{fields:?} {:?}", answer.body);
        if word.starts_with('#') {
            assert!(answer.json()["type"].as_str().unwrap().ends_with(word), "{fields:?}");
        } else if !word.is_empty() {
            assert_eq!(answer.code(), *word, "{fields:?}");
        }
        let after = ask(&house, "HEAD", &path, &[], b"").await;
        assert_eq!(after.status.as_u16(), if *stays { 204 } else { 410 }, "{fields:?}");
        if *stays {
            assert_eq!(after.header("upload-offset"), "0", "{fields:?}");
            assert_eq!(ask(&house, "DELETE", &path, &[], b"").await.status, 204);
        }
    }
    let contradiction = ask(&house, "POST", "/uploads", &[yes, ("upload-length", "51")], b"five.").await;
    assert!(contradiction.json()["type"].as_str().unwrap().ends_with("#inconsistent-upload-length"));
    let beyond = ask(&house, "POST", "/uploads", &[no, ("upload-length", "5")], b"").await;
    let path = path_of(&beyond);
    let more = ask(&house, "PATCH", &path, &[PARTIAL, no, zero], b"more than five").await;
    assert_eq!(more.status, 400);
    assert_eq!(ask(&house, "HEAD", &path, &[], b"").await.status, 410, "what goes beyond its length is over");
}

#[tokio::test]
async fn options_say_what_there_is_without_a_sign_in() {
    let house = House::new().await;
    for path in ["/uploads", "/uploads/0123456789abcdef0123456789abcdef"] {
        let answer = house.send(house.request(Who::Nobody, "OPTIONS", path)).await;
        assert_eq!(answer.status, 204);
        assert_eq!(answer.header("tus-version"), "1.0.0");
        assert!(answer.header("tus-extension").contains("concatenation"));
        assert!(answer.header("upload-limit").contains("max-size="));
        assert!(answer.header("allow").contains("OPTIONS"));
    }
}

#[tokio::test]
async fn a_plain_upload_is_a_track_and_is_asked_for_first() {
    let (house, wav) = (House::new().await, wav(5));
    let right = digest(&wav);
    let path = "/uploads?filename=My%20song.wav&artist=Me&tags=%5B%22Noise%22%5D";
    let sent = ask(&house, "PUT", path, &[("repr-digest", &right)], &wav).await;
    assert_eq!(sent.status, 201, "{:?}", sent.body);
    let answer = sent.json();
    assert_eq!((&answer["phase"], &answer["received_bytes"]), (&"ready".into(), &wav.len().into()));
    let track =
        house.get(Who::Plain, &format!("/tracks/{}", answer["track_id"].as_str().unwrap())).await.json();
    assert_eq!((&track["title"], &track["artist"]), (&"My song".into(), &"Me".into()));
    // The same again without a byte, for who has it; for nobody else.
    let again =
        ask(&house, "POST", "/uploads", &[("repr-digest", &right), ("upload-complete", "?0")], b"").await;
    assert_eq!(again.header("upload-complete"), "?1", "{:?}", again.body);
    let length = wav.len().to_string();
    let fields = [TUS, ("upload-length", &*length), ("repr-digest", &*right)];
    let again = ask(&house, "POST", "/uploads", &fields, b"").await;
    assert_eq!(again.header("upload-offset"), length, "tus asks first as well");
    let mut stranger = house.request(Who::Other, "POST", "/uploads");
    stranger = with(with(stranger, "repr-digest", &right), "upload-complete", "?0");
    assert_eq!(house.send(stranger).await.header("upload-complete"), "?0");

    let wrong =
        ask(&house, "PUT", "/uploads?filename=a.wav", &[("repr-digest", &digest(b"other"))], &wav).await;
    assert_eq!(wrong.code(), "checksum_mismatch");
    for (name, bytes, status, code) in [
        ("a.mp3", &b"this is a text, whatever its name says"[..], 415, "not_media"),
        ("empty.wav", b"", 400, "empty"),
    ] {
        let answer = ask(&house, "PUT", &format!("/uploads?filename={name}"), &[], bytes).await;
        assert_eq!((answer.status.as_u16(), answer.code().as_str()), (status, code), "{name}");
    }
    let open = house.catalog.open_uploads_of(house.bob.id).await.unwrap();
    assert_eq!(open, 0, "nothing is left open");
}

#[tokio::test]
async fn a_track_that_was_sent_is_changed_and_removed_by_its_owner() {
    let house = House::new().await;
    let sent = house.upload("a.wav", wav(50)).await;
    let picture = house.upload("c.png", png()).await;
    let path = format!("/tracks/{}", sent["track_id"].as_str().unwrap());
    let change = serde_json::json!({"title": "T", "artist": "A", "album": "L", "image": picture["file_id"],
        "visibility": "private"});
    let changed = house.json(Who::Plain, "PATCH", &path, change).await;
    assert_eq!(changed.status, 200, "{:?}", changed.body);
    let changed = changed.json();
    for (field, expected) in [("title", "T"), ("artist", "A"), ("album", "L"), ("visibility", "private")] {
        assert_eq!(changed[field], expected);
    }
    assert_eq!(changed["has_cover"], true);
    let audio = format!("/audio/{}", sent["file_id"].as_str().unwrap());
    for (who, status) in [(Who::Plain, 200), (Who::Other, 404), (Who::Admin, 404)] {
        assert_eq!(house.get(who, &audio).await.status, status, "{who:?}");
    }
    let undone = house.json(Who::Plain, "PATCH", &path, serde_json::json!({"image": null})).await.json();
    assert_eq!(undone["has_cover"], false);
    let wrong = house.json(Who::Plain, "PATCH", &path, serde_json::json!({"image": "nothing"})).await;
    assert_eq!(wrong.code(), "invalid");
    assert_eq!(house.send(house.request(Who::Other, "DELETE", &path)).await.status, 404);
    assert_eq!(house.send(house.request(Who::Plain, "DELETE", &path)).await.status, 204);
    assert_eq!(house.get(Who::Plain, &path).await.status, 404);
    assert_eq!(house.get(Who::Plain, &audio).await.status, 404);
}

#[tokio::test]
async fn whoever_watches_an_upload_does_not_keep_the_server_from_stopping() {
    let wishes = Wishes::default();
    let stop = wishes.stop.clone();
    let house = House::with(wishes).await;
    let open = house.begin_upload().await;
    for path in [format!("/uploads/{open}/events"), format!("/tracks/uploads/{open}/progress")] {
        let request = house.request(Who::Plain, "GET", &path);
        let answer = tower::ServiceExt::oneshot(house.router.clone(), request).await.unwrap();
        assert_eq!(answer.status(), 200);
        stop.cancel();
        // It would never end by itself.
        crate::tests::whole(answer.into_body()).await.unwrap();
    }
}

#[tokio::test]
async fn bytes_of_another_digest_are_a_bad_request_where_tus_is_not_spoken() {
    let (house, wav) = (House::new().await, wav(3));
    let other = digest(b"other bytes");
    for field in ["content-digest", "repr-digest"] {
        let answer = ask(&house, "PUT", "/uploads?filename=a.wav", &[(field, &other)], &wav).await;
        assert_eq!((answer.status.as_u16(), answer.code().as_str()), (400, "checksum_mismatch"), "{field}");
    }
}

#[tokio::test]
async fn who_watches_too_much_is_told_so() {
    let house = House::new().await;
    let open = house.begin_upload().await;
    let path = format!("/uploads/{open}/events");
    let mut streams = Vec::new();
    for _ in 0..2 {
        let request = house.request(Who::Plain, "GET", &path);
        streams.push(tower::ServiceExt::oneshot(house.router.clone(), request).await.unwrap());
    }
    assert_eq!(house.get(Who::Plain, &path).await.status, 429);
    let cancelled = ask(&house, "DELETE", &format!("/uploads/{open}"), &[TUS], b"").await;
    assert_eq!(cancelled.status, 204);
    let body = crate::tests::whole(streams.pop().unwrap().into_body()).await.unwrap();
    let text = std::str::from_utf8(&body).unwrap();
    assert!(text.starts_with("event: progress\ndata: {") && text.contains("\"cancelled\""), "{text}");
}
