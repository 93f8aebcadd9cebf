//! What is asked of the splitter before anybody takes a song apart: who may, what a song may be, what may be wished.

use async_trait::async_trait;
use axum::body::Body;
use bytes::Bytes;
use catalog::{Job, JobId, StemFile, StemSet, TrackId, UserId};
use store::Source;
use tokio::sync::watch;

use super::forms::{BOUNDARY, form};
use super::house::{Answer, House, Who, Wishes, png, wav, with};
use crate::{Cleared, LoadedModel, SentSong, SplitError, SplitErrorKind, Splitter, Submit, Taking};

/// A splitter without workers: it takes songs in, and refuses every job. The real one is tested with the whole server.
pub(super) struct NoSplitter;

fn nothing<T>() -> Result<T, SplitError> {
    Err(SplitError::new(SplitErrorKind::NotFound, "there is no such job"))
}

struct Counted(u64);

#[async_trait]
impl Taking for Counted {
    async fn write(&mut self, piece: Bytes) -> Result<(), SplitError> {
        self.0 += piece.len() as u64;
        Ok(())
    }

    async fn end(self: Box<Self>) -> Result<Box<dyn SentSong>, SplitError> {
        Ok(self)
    }
}

#[async_trait]
impl SentSong for Counted {
    async fn submit(self: Box<Self>, asked: Submit) -> Result<Job, SplitError> {
        refused(format!("{} bytes", self.0), asked)
    }
}

fn refused(what: String, Submit { wish, owner, priority }: Submit) -> Result<Job, SplitError> {
    let said = format!(
        "no model for {} stems of {what} by {:?}, {}, {}, for {owner:?}",
        wish.count, wish.engine, wish.extension, priority
    );
    Err(SplitError::new(SplitErrorKind::NoModel, said))
}

#[async_trait]
impl Splitter for NoSplitter {
    async fn begin_song(
        &self,
        _: Option<UserId>,
        _: &str,
        _: Option<u64>,
    ) -> Result<Box<dyn Taking>, SplitError> {
        Ok(Box::new(Counted(0)))
    }

    async fn submit(&self, track: TrackId, asked: Submit) -> Result<Job, SplitError> {
        refused(track.to_string(), asked)
    }

    async fn job(&self, _: JobId) -> Result<Job, SplitError> {
        nothing()
    }

    async fn follow(&self, _: JobId) -> Result<watch::Receiver<Job>, SplitError> {
        nothing()
    }

    async fn cancel(&self, _: JobId) -> Result<Job, SplitError> {
        nothing()
    }

    async fn set_of(&self, _: JobId) -> Result<StemSet, SplitError> {
        nothing()
    }

    async fn stems_of(&self, _: TrackId) -> Result<Vec<StemSet>, SplitError> {
        Ok(Vec::new())
    }

    async fn open(&self, _: &StemFile) -> Result<Source, SplitError> {
        nothing()
    }

    fn models(&self) -> Vec<LoadedModel> {
        Vec::new()
    }

    async fn clear_models(&self) -> Result<Cleared, SplitError> {
        Ok(Cleared { workers: 2, bytes: 5 })
    }
}

type Part<'a> = (&'a str, Option<&'a str>, &'a [u8]);

async fn separate(house: &House, who: Who, query: &str, body: Vec<u8>) -> Answer {
    let kind = format!("multipart/form-data; boundary=\"{BOUNDARY}\"");
    let pieces: Vec<_> = body.chunks(1_021).map(|piece| Ok::<_, std::io::Error>(piece.to_vec())).collect();
    let mut request = with(house.request(who, "POST", &format!("/separate{query}")), "content-type", &kind);
    *request.body_mut() = Body::from_stream(futures_util::stream::iter(pieces));
    house.send(request).await
}

async fn check(house: &House, query: &str, parts: &[Part<'_>], status: u16, detail: &str) {
    let held = house.held_bytes();
    let answer = separate(house, Who::Plain, query, form(parts)).await;
    assert_eq!(answer.status, status, "{query} {detail}: {:?}", answer.body);
    let answer = answer.json();
    let said = answer["detail"].as_str().unwrap();
    assert!(said.contains(detail), "{query}: {said}, and not {detail}");
    assert_eq!(house.held_bytes(), held, "{query} {detail}: what was taken is given back");
}

#[tokio::test]
async fn a_song_and_what_is_wished_of_it_come_in_any_order_and_either_place() {
    let house = House::new().await;
    let song = wav(3);
    let file: Part<'_> = ("file", Some("Mein Lied.wav"), &song);
    let said = |rest: &str| format!("no model for {rest}");
    let bytes = format!("stems of {} bytes", song.len());
    for (query, parts, expected) in [
        ("", vec![file], format!("2 {bytes} by None, average, waited")),
        ("?stems=4", vec![file], format!("4 {bytes} by None, average, waited")),
        ("", vec![file, ("stems", None, b"4")], format!("4 {bytes} by None, average, waited")),
        ("", vec![("stems", None, b"5"), file], format!("5 {bytes} by None, average, waited")),
        ("?async_mode=true", vec![file], format!("2 {bytes} by None, average, asked")),
        (
            "?stems=2",
            vec![
                ("async_mode", None, b"true"),
                ("mask_extension", None, b"zeros"),
                file,
                ("engine", None, b"spectral"),
            ],
            format!("2 {bytes} by Some(Spectral), zeros, asked"),
        ),
        ("", vec![("nobody knows", None, b"x"), file], format!("2 {bytes} by None")),
    ] {
        check(&house, query, &parts, 422, &said(&expected)).await;
    }
}

#[tokio::test]
async fn what_is_no_song_is_refused_and_said_why() {
    let house = House::new().await;
    let (song, picture) = (wav(4), png());
    let file: Part<'_> = ("file", Some("a.wav"), &song);
    let cases: Vec<(&str, Vec<Part<'_>>, u16, &str)> = vec![
        ("", vec![("stems", None, b"2")], 422, "no file"),
        ("", vec![], 422, "no file"),
        ("", vec![file, file], 400, "twice"),
        ("", vec![("file", None, &song)], 400, "no name"),
        ("", vec![("file", Some("so:ng.wav"), &song)], 400, "contains :"),
        ("", vec![("file", Some("so|ng.wav"), &song)], 400, "contains |"),
        ("", vec![("file", Some("../a.wav"), &song)], 400, "contains /"),
        ("", vec![("file", Some("song.exe"), &song)], 400, "mp3, wav, ogg, flac, m4a"),
        ("", vec![("file", Some("song.mp3"), b"only a text, and nothing else")], 400, "it is a text"),
        ("", vec![("file", Some("song.mp3"), &picture)], 400, "it is a picture"),
        ("", vec![("file", Some("song.wav"), b"")], 400, "nothing in song.wav"),
        ("?stems=3", vec![file], 422, "stems must be 2, 4 or 5"),
        ("?stems=2", vec![file, ("stems", None, b"4")], 422, "said twice"),
        ("?async_mode=perhaps", vec![file], 422, "true or false"),
    ];
    for (query, parts, status, detail) in cases {
        check(&house, query, &parts, status, detail).await;
    }
    let mut cut = form(&[file]);
    cut.truncate(cut.len() / 2);
    let answer = separate(&house, Who::Plain, "", cut).await;
    assert_eq!(answer.status, 400, "{:?}", answer.body);
    let limits = ingest::Limits { upload_bytes_max: 1_000, ..ingest::Limits::default() };
    let small = House::with(Wishes { uploads: limits, ..Wishes::default() }).await;
    check(&small, "", &[file], 413, "more than 1000 bytes").await;
}

#[tokio::test]
async fn p08_strangers_get_in_where_the_house_says_so_and_have_their_share() {
    let song = wav(5);
    let body = form(&[("file", Some("a.wav"), &song)]);
    let house = House::new().await;
    assert_eq!(separate(&house, Who::Nobody, "", body.clone()).await.status, 401);
    assert_eq!(house.get(Who::Nobody, "/metrics").await.status, 401);

    let open = House::with(Wishes { stems_are_public: true, ..Wishes::default() }).await;
    assert_eq!(separate(&open, Who::WrongKey, "", body.clone()).await.status, 401, "a wrong key stays wrong");
    for path in ["/jobs/5f0c3a1d9b7e4c2f8a6d0e1b3c5a7f92/status", "/jobs/x/status"] {
        assert_eq!(open.get(Who::Nobody, path).await.status, 404, "{path}");
    }
    for path in ["/tracks", "/streams", "/me"] {
        assert_eq!(open.get(Who::Nobody, path).await.status, 401, "{path} is not the splitter's");
    }
    let shared = open.shared;
    for (method, path) in
        [("DELETE", "/models/cache".to_owned()), ("POST", format!("/tracks/{shared}/stems"))]
    {
        let answer = open.send(open.request(Who::Nobody, method, &path)).await;
        assert_eq!(answer.status, 401, "{path} is not for strangers");
    }
    let metrics = with(open.request(Who::Nobody, "GET", "/metrics"), "accept", "text/plain");
    let metrics = open.send(metrics).await;
    assert_eq!((metrics.status.as_u16(), metrics.header("content-type")), (200, "application/json"));
    assert_eq!(metrics.json()["metrics"], serde_json::json!({}), "no song was taken apart yet");
    let mut statuses = Vec::new();
    for _ in 0..budget::limits::SEPARATE_STRANGER_PER_MINUTE_MAX + 1 {
        let answer = separate(&open, Who::Nobody, "", body.clone()).await;
        let is_last_in_line = answer.json()["detail"].as_str().unwrap().contains(", beside, for None");
        statuses.push((answer.status.as_u16(), answer.headers.contains_key("retry-after"), is_last_in_line));
    }
    let last = statuses.pop();
    assert_eq!(last, Some((429, true, false)));
    assert!(statuses.iter().all(|status| *status == (422, false, true)), "{statuses:?}");
    assert_eq!(separate(&open, Who::Plain, "", body).await.status, 422, "whom we know is no stranger");
    let metrics = with(open.request(Who::Admin, "GET", "/metrics"), "accept", "text/plain");
    let metrics = String::from_utf8(open.send(metrics).await.body.to_vec()).unwrap();
    for (name, count) in [("songs", budget::limits::SEPARATE_STRANGER_PER_MINUTE_MAX), ("songs_refused", 1)] {
        let row = format!("\nmillpond_stems_stranger_{name}_total {count}\n");
        assert!(metrics.contains(&row), "{row}: {metrics}");
    }
}

#[tokio::test]
async fn a_name_with_a_character_that_no_name_may_have_is_refused_for_that_however_it_is_sent() {
    let house = House::new().await;
    let song = wav(4);
    let controls = (0..0x20).chain([0x7f]).map(|byte: u8| (byte, format!("so{}ng.wav", char::from(byte))));
    for (byte, name) in controls {
        let parts: &[Part<'_>] = &[("stems", None, b"2"), ("file", Some(&name), &song)];
        let held = house.held_bytes();
        let answer = separate(&house, Who::Plain, "", form(parts)).await;
        let said = answer.json()["detail"].as_str().unwrap().to_owned();
        assert_eq!(answer.status, 400, "{byte:#04x}: {said}");
        assert!(said.contains("control character") && said.contains("file name"), "{byte:#04x}: {said}");
        assert_eq!(house.held_bytes(), held, "{byte:#04x}");
    }
    for (name, detail) in [("so%0Ang.wav", "U+000A"), ("so%22ng.wav", "a quotation mark")] {
        check(&house, "", &[("file", Some(name), &song)], 400, detail).await;
    }
}

#[tokio::test]
async fn what_no_route_of_the_splitter_answers_is_said_in_its_words() {
    let house = House::new().await;
    let of_track = format!("/tracks/{}/stems", house.shared);
    let cases = [
        (Who::Admin, "GET", "/separate", 405),
        (Who::Admin, "POST", "/jobs/5f0c3a1d9b7e4c2f8a6d0e1b3c5a7f92/status", 405),
        (Who::Admin, "PATCH", "/models/cache", 405),
        (Who::Admin, "DELETE", &*of_track, 405),
        (Who::Admin, "PUT", "/tracks/", 405),
        (Who::Admin, "GET", "/separate/x", 404),
        (Who::Admin, "GET", "/jobs/5f0c3a1d9b7e4c2f8a6d0e1b3c5a7f92/zip", 404),
        (Who::Admin, "GET", "/jobs/x/status", 404),
        (Who::Admin, "GET", &*format!("{of_track}/vocals.wav/x"), 404),
        (Who::Admin, "GET", &*format!("{of_track}/vocals.wav?set=one"), 422),
        (Who::Nobody, "POST", "/separate", 401),
        (Who::Nobody, "GET", "/jobs/x/status", 401),
        (Who::Nobody, "GET", &*of_track, 401),
        (Who::Nobody, "GET", "/models/cache", 401),
        (Who::Nobody, "DELETE", "/models/cache", 401),
        (Who::Plain, "GET", "/models/cache", 403),
    ];
    for (who, method, path, status) in cases {
        let answer = house.send(house.request(who, method, path)).await;
        assert_eq!(answer.status, status, "{method} {path}: {:?}", answer.body);
        let said = answer.json();
        assert!(said["detail"].is_string() && said.get("error").is_none(), "{method} {path}: {said}");
    }
}
