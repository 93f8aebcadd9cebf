//! Methods, forms, formats and errors.

use std::sync::{Arc, Mutex};

use axum::body::Body;
use axum::http::{Method, Request};
use budget::limits::FORM_BYTES_MAX;
use bytes::Bytes;

use crate::ROUTES;
use crate::fixture::House;

const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");

#[tokio::test]
async fn every_endpoint_is_there_with_and_without_view_by_get_and_by_form() {
    let house = House::open().await;
    for route in ROUTES {
        let credentials = format!("apiKey={}&f=json", house.ann_key);
        let plain = format!("/rest/{}", route.name);
        for path in [plain.clone(), format!("{plain}.view")] {
            let by_query = house.get(&format!("{path}?{credentials}")).await;
            let by_form = house.ask(Method::POST, &path, &[FORM], &credentials).await;
            for reply in [&by_query, &by_form] {
                assert_eq!(reply.status, 200, "{path}");
                let is_fine = match route.refusal {
                    Some(_) => reply.code() == Some(0),
                    None => matches!(reply.code(), None | Some(10 | 50)),
                };
                assert!(is_fine, "{path}: {}", reply.text());
            }
            assert_eq!(by_query.code(), by_form.code(), "{path}");
        }
    }
}

#[tokio::test]
async fn unknown_endpoints_are_answered_in_the_envelope() {
    let house = House::open().await;
    for path in ["getTheMoon", "getTheMoon.view", "no/such/thing", "", "%3Cscript%3E"] {
        let reply = house.get(&format!("/rest/{path}?f=json")).await;
        assert_eq!((reply.status.as_u16(), reply.code()), (200, Some(0)), "{path}");
        let reply = house.get(&format!("/rest/{path}")).await;
        assert!(reply.header("content-type").starts_with("text/xml"));
        roxmltree::Document::parse(reply.text()).unwrap();
    }
    assert!(house.get("/rest/getTheMoon.view?f=json").await.text().contains("getTheMoon"));
}

#[tokio::test]
async fn formats_have_their_types() {
    let house = House::open().await;
    let key = &house.ann_key;
    for (format, content_type, begins, ends) in [
        ("", "text/xml; charset=utf-8", "<?xml version=\"1.0\"", "</subsonic-response>"),
        ("f=xml", "text/xml; charset=utf-8", "<?xml version=\"1.0\"", "</subsonic-response>"),
        ("f=json", "application/json", "{\"subsonic-response\":", "}}"),
        ("f=jsonp&callback=on.ping", "application/javascript", "on.ping({\"subsonic-response\":", "}});"),
    ] {
        for endpoint in ["ping", "search3"] {
            let reply = house.get(&format!("/rest/{endpoint}?query=&apiKey={key}&{format}")).await;
            assert_eq!(reply.header("content-type"), content_type);
            assert!(reply.text().starts_with(begins) && reply.text().ends_with(ends), "{}", reply.text());
        }
    }
    let reply = house.get(&format!("/rest/ping?apiKey={key}&f=jsonp&callback=alert(1)")).await;
    assert_eq!((reply.header("content-type"), reply.code()), ("application/json", Some(0)));
}

#[tokio::test]
async fn parameters_that_are_missing_or_bad_are_named() {
    let house = House::open().await;
    for (endpoint, code, named) in [
        ("getAlbum", 10, "id"),
        ("getSong?id=", 10, "id"),
        ("search3", 10, "query"),
        ("getAlbumList2", 10, "type"),
        ("getAlbumList2?type=sideways", 0, "type"),
        ("getAlbumList2?type=byYear&fromYear=1990", 10, "toYear"),
        ("getAlbumList2?type=byGenre", 10, "genre"),
        ("getAlbumList2?type=newest&size=many", 0, "size"),
        ("getAlbumList2?type=newest&offset=-1", 0, "offset"),
        ("getArtists?musicFolderId=all", 0, "musicFolderId"),
        ("scrobble", 10, "id"),
        ("scrobble?id=tr-1&time=now", 0, "time"),
        ("scrobble?id=tr-1&submission=perhaps", 0, "submission"),
        ("star", 10, "id"),
        ("setRating?id=tr-1", 10, "rating"),
        ("setRating?id=tr-1&rating=6", 0, "rating"),
        ("stream", 10, "id"),
        ("getCoverArt", 10, "id"),
    ] {
        let reply = house.ann(endpoint).await;
        assert_eq!(reply.code(), Some(code), "{endpoint}: {}", reply.text());
        let message = reply.json()["error"]["message"].as_str().unwrap().to_owned();
        assert!(message.contains(named), "{endpoint}: {message:?} does not name {named}");
    }
    for endpoint in
        ["getSong?id=../../etc/passwd", "stream?id=%2e%2e%2f", "getCoverArt?id=pl-99", "getAlbum?id=tr-1"]
    {
        assert_eq!(house.ann(endpoint).await.code(), Some(70), "{endpoint}");
    }
}

#[tokio::test]
async fn p04_a_form_is_bounded() {
    let house = House::open().await;
    let path = "/rest/ping?f=json";
    let key = format!("apiKey={}&x=", house.ann_key);
    let fits = format!("{key}{}", "a".repeat(FORM_BYTES_MAX - key.len()));
    assert_eq!(house.ask(Method::POST, path, &[FORM], &fits).await.code(), None);
    let too_large = format!("{fits}a");
    let declared = FORM_BYTES_MAX + 1;
    for headers in [vec![FORM], vec![FORM, ("content-length", &*declared.to_string())]] {
        let reply = house.ask(Method::POST, path, &headers, &too_large).await;
        assert_eq!((reply.status.as_u16(), reply.code()), (413, Some(0)));
    }
}

#[tokio::test]
async fn a_form_that_does_not_come_ends_the_request() {
    let house = House::open().await;
    tokio::time::pause();
    let never = futures_util::stream::pending::<Result<Bytes, std::io::Error>>();
    let request = Request::post("/rest/ping?f=json").header(FORM.0, FORM.1);
    let reply = house.send(request.body(Body::from_stream(never)).unwrap()).await;
    assert_eq!((reply.status.as_u16(), reply.code()), (408, Some(0)));
}

#[tokio::test]
async fn other_methods_are_refused_and_options_needs_nobody() {
    let house = House::open().await;
    for path in ["/rest/ping", "/rest/nothing"] {
        let reply = house.ask(Method::DELETE, path, &[], "").await;
        assert_eq!(reply.status, 405);
        assert_eq!(reply.header("allow"), "GET, HEAD, POST, OPTIONS");
        assert_eq!(house.ask(Method::OPTIONS, path, &[], "").await.status, 204);
    }
    let reply = house.ask(Method::HEAD, &house.signed("ping", &house.ann_key), &[], "").await;
    assert_eq!((reply.status.as_u16(), reply.body.len()), (200, 0));
    assert_eq!(reply.header("content-type"), "application/json");
}

#[tokio::test]
async fn both_empty_queries_return_everything_in_pages_of_any_size() {
    let house = House::open().await;
    house.add_many(1_234).await;
    let songs = async |query: &str| {
        let reply = house.ann(&format!("search3?{query}")).await;
        let rows = reply.json()["searchResult3"]["song"].as_array().unwrap().clone();
        rows.iter().map(|row| row["id"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let all = songs("query=&songCount=100000").await;
    assert_eq!(all.len(), 1_238);
    assert_eq!(songs("query=%22%22&songCount=100000&artistCount=0&albumCount=0").await, all);
    let mut walked = Vec::new();
    loop {
        let page = songs(&format!("query=%22%22&songCount=500&songOffset={}", walked.len())).await;
        if page.is_empty() {
            break;
        }
        walked.extend(page);
    }
    assert_eq!(walked, all, "the same songs in the same order");
    assert_eq!(songs("query=").await.len(), 20, "twenty when nothing is said");
    assert_eq!(songs("query=&songCount=0").await.len(), 0);
    assert_eq!(songs("query=many&songCount=5&songOffset=1232").await.len(), 2);
    let in_second = songs("query=&songCount=5000&musicFolderId=2").await;
    assert_eq!(in_second.len(), 1);
    let album = house.ann("search3?query=many&songCount=0").await;
    let id = album.json()["searchResult3"]["album"][0]["id"].as_str().unwrap().to_owned();
    let album = house.ann(&format!("getAlbum?id={id}")).await.json();
    assert_eq!(album["album"]["song"].as_array().unwrap().len(), 1_234);
}

#[tokio::test]
async fn plays_stars_and_ratings_are_the_users_own() {
    let house = House::open().await;
    let (first, second) = (house.track("Ripple & <Wave>").await, house.track("Quiet").await);
    let song = async |key: &str, id| {
        house.get(&house.signed(&format!("getSong?id={id}"), key)).await.json()["song"].clone()
    };
    for (endpoint, plays) in [
        (format!("stream?id={first}"), 0),
        (format!("scrobble?id={first}&submission=false"), 0),
        (format!("scrobble?id={first}&id=tr-999&id={second}&time=1000&time=1500&time=2000"), 1),
        (format!("scrobble?id={first}&submission=true&time=99999999999999"), 2),
    ] {
        house.ann(&endpoint).await;
        assert_eq!(song(&house.ann_key, first).await["playCount"], plays, "{endpoint}");
    }
    assert_eq!(song(&house.ann_key, second).await["played"], "1970-01-01T00:00:02Z");
    assert!(
        !song(&house.ann_key, first).await["played"].as_str().unwrap().starts_with('5'),
        "never in the future"
    );
    house.ann(&format!("star?id={first}&albumId=al-1&artistId=ar-1")).await;
    house.ann(&format!("setRating?id={first}&rating=4")).await;
    let shown = song(&house.ann_key, first).await;
    assert_eq!(shown["userRating"], 4);
    assert!(shown["starred"].is_string());
    let starred = house.ann("getStarred2").await.json()["starred2"].clone();
    for kind in ["artist", "album", "song"] {
        assert_eq!(starred[kind].as_array().unwrap().len(), 1, "{kind}");
    }
    for endpoint in ["getStarred", "getStarred2"] {
        let all = house.ann(&format!("{endpoint}?musicFolderId=2")).await.json();
        for kind in ["artist", "album", "song"] {
            assert_eq!(
                all[endpoint.to_lowercase().replace("get", "")][kind],
                serde_json::json!([]),
                "{endpoint}: {kind}"
            );
        }
    }
    let admins = song(&house.admin_key, first).await;
    assert_eq!((&admins["playCount"], &admins["starred"]), (&0.into(), &serde_json::Value::Null));
    house.ann(&format!("unstar?id={first}&id=al-1&id=ar-1")).await;
    house.ann(&format!("setRating?id={first}&rating=0")).await;
    let shown = song(&house.ann_key, first).await;
    assert_eq!(
        (&shown["userRating"], &shown["starred"]),
        (&serde_json::Value::Null, &serde_json::Value::Null)
    );
}

#[tokio::test]
async fn indexes_say_nothing_new_to_whom_has_seen_all() {
    let house = House::open().await;
    let whole = house.ann("getIndexes").await.json()["indexes"].clone();
    let letters: Vec<_> = whole["index"].as_array().unwrap().iter().map(|index| &index["name"]).collect();
    assert_eq!(letters, ["#", "A", "З"]);
    let changed = whole["lastModified"].as_u64().unwrap();
    let same = house.ann(&format!("getIndexes?ifModifiedSince={changed}")).await.json()["indexes"].clone();
    assert_eq!((&same["lastModified"], &same["index"]), (&changed.into(), &serde_json::Value::Null));
    let older = house.ann(&format!("getIndexes?ifModifiedSince={}", changed - 1)).await.json();
    assert_eq!(older["indexes"]["index"], whole["index"]);
}

#[tokio::test]
async fn clients_that_choke_on_nested_lists_get_none() {
    let house = House::open().await;
    let id = house.track("Ripple & <Wave>").await;
    for client in ["DSub", "SubMusic"] {
        let path = format!("/rest/getSong?id={id}&apiKey={}&c={client}", house.ann_key);
        let reply = house.get(&path).await;
        let document = roxmltree::Document::parse(reply.text()).unwrap();
        let song =
            document.descendants().find(|node| node.has_tag_name(("http://subsonic.org/restapi", "song")));
        assert_eq!(song.unwrap().children().count(), 0, "{client}");
        assert_eq!(song.unwrap().attribute("title"), Some("Ripple & <Wave>"));
        assert_eq!(song.unwrap().attribute("displayArtist"), None, "the old protocol has no such field");
        assert_eq!(song.unwrap().attribute("path").is_some(), client == "DSub", "a watch shows no path");
        house
            .get(&format!("/rest/createBookmark?id={id}&position=7&apiKey={}&c={client}", house.ann_key))
            .await;
        let path = format!("/rest/getBookmarks?apiKey={}&c={client}", house.ann_key);
        let reply = house.get(&path).await;
        let document = roxmltree::Document::parse(reply.text()).unwrap();
        let entry = document
            .descendants()
            .find(|node| node.has_tag_name(("http://subsonic.org/restapi", "entry")))
            .unwrap();
        assert_eq!(entry.children().count(), 0, "a bookmark's song is a song like any other, {client}");
        assert_eq!(entry.attribute("displayArtist"), None);
    }
}

#[tokio::test]
async fn a_scan_that_an_admin_starts_is_asked_for_and_not_waited_for() {
    let house = House::open().await;
    let reply = house.get(&house.signed("startScan", &house.admin_key)).await;
    assert_eq!(reply.json()["scanStatus"]["scanning"], true);
    // Nobody runs the scanner here, so it is still about to begin.
    let status = house.ann("getScanStatus").await.json()["scanStatus"].clone();
    assert!(status["scanning"] == true && status["count"] == 0, "{status}");
}

#[tokio::test]
async fn p09_no_credential_comes_into_a_log_or_an_answer() {
    let house = House::open().await;
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_writer(log.clone());
    // For the whole process: which call sites are listened to is remembered for all threads together.
    tracing::subscriber::set_global_default(subscriber.finish()).unwrap();
    let secrets = ["sesame-wrong", &house.ann_key, "0123456789abcdef", "pepper"];
    let id = house.track("Quiet").await;
    let mut answers = String::new();
    for credentials in [
        "u=ann&p=sesame-wrong".to_owned(),
        "u=ann&t=0123456789abcdef&s=pepper".to_owned(),
        "apiKey=sesame-wrong".to_owned(),
        format!("apiKey={}", house.ann_key),
        format!("u=ann&apiKey={}", house.ann_key),
    ] {
        for endpoint in [
            "ping?",
            "getAlbum?id=x&",
            "nothing?",
            "search3?songCount=-1&query=a&",
            &format!("getCoverArt?id={id}&"),
        ] {
            answers += house.get(&format!("/rest/{endpoint}{credentials}")).await.text();
            answers +=
                house.ask(Method::POST, &format!("/rest/{endpoint}"), &[FORM], &credentials).await.text();
        }
    }
    let logged = log.text();
    assert!(logged.contains("a request was refused"), "the log was looked at: {logged}");
    for secret in secrets {
        assert!(!logged.contains(secret), "{secret} was logged: {logged}");
        assert!(!answers.contains(secret), "{secret} was answered: {answers}");
    }
}

#[tokio::test]
async fn a_document_is_refused_by_the_name_of_what_is_wrong_in_it() {
    let house = House::open().await;
    let id = house.track("Quiet").await;
    let path = house.signed(&format!("getTranscodeDecision?mediaId={id}&mediaType=song"), &house.ann_key);
    let json = ("content-type", "application/json");
    let long = format!("{{\"maxAudioBitrate\":\"{}\"}}", "x".repeat(5_000));
    for (body, named) in [
        ("{\"maxAudioBitrate\":-1}", "maxAudioBitrate is"),
        ("{\"maxAudioBitrate\":0.5}", "maxAudioBitrate is"),
        (&*long, "maxAudioBitrate is"),
        (
            "{\"directPlayProfiles\":[{},{\"maxAudioChannels\":\"two\"}]}",
            "directPlayProfiles[1].maxAudioChannels is",
        ),
        (
            "{\"codecProfiles\":[{\"limitations\":[{\"values\":[{}]}]}]}",
            "codecProfiles[0].limitations[0].values[0] is",
        ),
        ("{\"transcodingProfiles\":{}}", "transcodingProfiles is"),
        ("{\"maxAudioBitrate\":1} and more", "The body is"),
        ("[", "The body is"),
    ] {
        let reply = house.ask(Method::POST, &path, &[json], body).await;
        let error = reply.json()["error"].clone();
        let message = error["message"].as_str().unwrap_or_default();
        assert!(error["code"] == 0 && message.starts_with(named) && message.len() < 300, "{body}: {message}");
    }
    let nulls = "{\"maxAudioBitrate\":null,\"directPlayProfiles\":null,\"transcodingProfiles\":[{\"container\":null}]}";
    assert_eq!(house.ask(Method::POST, &path, &[json], nulls).await.code(), None);
}

/// What was logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl std::io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<'a> tracing_subscriber::fmt::MakeWriter<'a> for Log {
    type Writer = Log;

    fn make_writer(&'a self) -> Log {
        self.clone()
    }
}
