//! Podcasts of the whole server: followed, read, fetched, played and removed, with somebody else's server on loopback.

#![allow(clippy::expect_used, clippy::panic, reason = "a test says what it found by failing")]
#![allow(clippy::disallowed_methods, reason = "a slow server waits, and nobody else is on its thread")]

mod pond;

use std::sync::Arc;
use std::time::Duration;

use pond::{Given, Pond};
use serde_json::Value;
use tests::http::escaped;
use tests::{Login, Options, Server, eventually, sound};

/// What is asked of other servers takes so long at most here.
const SOON: Duration = Duration::from_secs(60);
/// Where the pond is, which no request may go to unless it is listed.
const LISTED: &str = "[outgoing]\nprivate = [\"127.0.0.1\"]\n";

/// The answer of an endpoint for somebody, without its envelope; an error has its code.
fn ask(server: &Server, who: &Login, endpoint: &str, query: &str) -> Result<Value, u64> {
    let body = server.get(&format!("/rest/{endpoint}?{query}&{}", who.by_key()), &[]).json();
    let answer = body["subsonic-response"].clone();
    match answer["error"]["code"].as_u64() {
        Some(code) => Err(code),
        None => Ok(answer),
    }
}

fn channels(server: &Server) -> Vec<Value> {
    let answer = ask(server, &server.mira, "getPodcasts", "").expect("podcasts");
    answer["podcasts"]["channel"].as_array().cloned().unwrap_or_default()
}

/// Mira follows a feed, and it was read, or could not be.
fn follow(server: &Server, url: &str) -> Value {
    ask(server, &server.mira, "createPodcastChannel", &format!("url={}", escaped(url))).expect("followed");
    let of_url = || channels(server).into_iter().find(|channel| channel["url"] == url);
    eventually("the feed is read", SOON, || of_url().is_some_and(|channel| channel["status"] != "new"));
    of_url().expect("a channel")
}

fn episode(server: &Server, id: &str) -> Value {
    ask(server, &server.mira, "getPodcastEpisode", &format!("id={id}")).expect("an episode")["podcastEpisode"]
        .clone()
}

/// Mira wants an episode; waits until it has this status.
fn fetch(server: &Server, id: &str, status: &str) -> Value {
    ask(server, &server.mira, "downloadPodcastEpisode", &format!("id={id}")).expect("wanted");
    eventually(&format!("the episode is {status}"), SOON, || episode(server, id)["status"] == status);
    episode(server, id)
}

fn id_of(value: &Value) -> String {
    value["id"].as_str().expect("an id").to_owned()
}

#[test]
fn a_podcast_is_followed_fetched_played_and_removed() {
    let pond = Pond::start();
    let bytes = sound::wav(1, 300_000);
    pond.give("/feed", pond.feed(&["frogs", "newts"]));
    pond.give("/frogs.wav", Given::File(Arc::new(bytes.clone())));
    let server = Server::start(&Options::default().config(LISTED));
    let channel = follow(&server, &pond.url("/feed"));
    assert_eq!((&channel["title"], &channel["status"]), (&"Pond Talk".into(), &"completed".into()));
    assert_eq!(channel["originalImageUrl"], "https://pond.example/p.png");
    let episodes = channel["episode"].as_array().expect("episodes").clone();
    assert_eq!(episodes.len(), 2);
    let frogs = episodes.iter().find(|episode| episode["title"] == "About frogs & more").expect("an episode");
    assert_eq!(
        (&frogs["status"], &frogs["streamId"], &frogs["duration"]),
        (&"skipped".into(), &Value::Null, &61.into())
    );
    assert_eq!(frogs["publishDate"], "2023-11-14T22:13:20Z");

    let done = fetch(&server, &id_of(frogs), "completed");
    let stream = done["streamId"].as_str().expect("something to play").to_owned();
    assert_eq!((&done["size"], &done["suffix"]), (&300_000.into(), &"wav".into()));
    let song =
        ask(&server, &server.admin, "getSong", &format!("id={stream}")).expect("a song")["song"].clone();
    assert_eq!((&song["title"], &song["album"]), (&"About frogs & more".into(), &"Pond Talk".into()));
    assert_eq!((&song["artist"], &song["genre"]), (&"The Frogs".into(), &"Podcast".into()));
    let target = format!("/rest/stream?id={stream}&{}", server.mira.by_key());
    assert_eq!(server.get(&target, &[]).body, bytes);
    let part = server.get(&target, &[("Range", "bytes=100-199")]);
    assert_eq!((part.status, part.body.as_slice()), (206, &bytes[100..200]));
    let mark = format!("id={stream}&position=12345");
    ask(&server, &server.mira, "createBookmark", &mark).expect("a bookmark");
    let newest = ask(&server, &server.mira, "getNewestPodcasts", "count=1").expect("newest");
    assert_eq!(newest["newestPodcasts"]["episode"].as_array().map(Vec::len), Some(1));

    // Of two that want it, the one who does not follow it may not take it away.
    let removal = format!("id={}", id_of(frogs));
    let other = server.add_user("bob", &[]);
    assert_eq!(ask(&server, &other, "deletePodcastEpisode", &removal), Err(50));
    assert_eq!(ask(&server, &other, "deletePodcastChannel", &format!("id={}", id_of(&channel))), Err(50));
    ask(&server, &server.mira, "deletePodcastEpisode", &removal).expect("removed");
    assert_eq!(episode(&server, &id_of(frogs))["status"], "deleted");
    assert_eq!(ask(&server, &server.mira, "getSong", &format!("id={stream}")), Err(70));
    eventually("the bytes go", SOON, || blobs(&server) == 0);

    // A second time, and then with the whole podcast.
    fetch(&server, &id_of(frogs), "completed");
    assert!(blobs(&server) > 0, "the bytes are counted");
    ask(&server, &server.admin, "deletePodcastChannel", &format!("id={}", id_of(&channel))).expect("removed");
    assert!(channels(&server).is_empty());
    assert_eq!(ask(&server, &server.mira, "getPodcastEpisode", &removal), Err(70));
    eventually("the bytes go", SOON, || blobs(&server) == 0);
}

/// Files that the store keeps.
fn blobs(server: &Server) -> usize {
    fn files(folder: &std::path::Path) -> usize {
        let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
        entries
            .map(|entry| match entry.path() {
                path if path.is_dir() => files(&path),
                _ => 1,
            })
            .sum()
    }
    files(&server.data.join("blobs"))
}

#[test]
fn a_feed_is_read_again_only_where_it_changed() {
    let pond = Pond::start();
    pond.give("/feed", pond.feed(&["one"]));
    pond.give("/one.wav", Given::Status(503));
    let server = Server::start(&Options::default().config(LISTED));
    follow(&server, &pond.url("/feed"));
    ask(&server, &server.mira, "refreshPodcasts", "").expect("refreshed");
    eventually("it is asked for again", SOON, || pond.asked("/feed").len() == 2);
    let asked = pond.asked("/feed");
    assert!(asked[0].if_none_match.is_none() && asked[1].if_none_match.is_some(), "{asked:?}");
    eventually("it is unchanged", SOON, || {
        server.metric_of("podcast_feeds_total", &["outcome=\"unchanged\""]) == 1.0
    });
    pond.give("/feed", pond.feed(&["one", "two", "three"]));
    ask(&server, &server.mira, "refreshPodcasts", "").expect("refreshed");
    let count = || channels(&server)[0]["episode"].as_array().map_or(0, Vec::len);
    eventually("the new ones are there", SOON, || count() == 3);
    let bare = ask(&server, &server.mira, "getPodcasts", "includeEpisodes=false").expect("podcasts");
    assert_eq!(bare["podcasts"]["channel"][0]["episode"], Value::Null);
}

#[test]
fn p07_no_podcast_leads_to_where_no_request_may_go() {
    let pond = Pond::start();
    pond.give("/feed", pond.feed(&["one"]));
    let server = Server::start(&Options::default());
    let refused = follow(&server, &pond.url("/feed"));
    assert_eq!(refused["status"], "error");
    let said = refused["errorMessage"].as_str().expect("a reason");
    assert!(said.contains("loopback"), "{said}");
    assert_eq!(pond.asked("/feed").len(), 0, "nobody was asked");
    for url in ["", "file:///etc/passwd", "ftp://pond.example/", "nothing"] {
        let refused = ask(&server, &server.mira, "createPodcastChannel", &format!("url={}", escaped(url)));
        assert!(matches!(refused, Err(0 | 10)), "{url:?}: {refused:?}");
    }
    drop(server);

    let server = Server::start(&Options::default().config(LISTED));
    for to in [
        "http://169.254.169.254/latest",
        "http://10.0.0.1/",
        "http://[::1]/",
        "http://localhost.:1/",
        "file:///etc/passwd",
    ] {
        pond.give("/moved", Given::Moved(to.to_owned()));
        pond.give("/feed", pond.feed(&["moved"]));
        pond.give("/moved.wav", Given::Moved(to.to_owned()));
        let refused = follow(&server, &pond.url(&format!("/moved?{}", escaped(to))));
        assert_eq!(refused["status"], "error", "{to}: {refused}");
    }
    let channel = follow(&server, &pond.url("/feed"));
    let failed = fetch(&server, &id_of(&channel["episode"][0]), "error");
    assert!(failed["errorMessage"].as_str().is_some_and(|why| !why.is_empty()), "{failed}");
}

#[test]
fn p04_hostile_feeds_and_files_are_refused_by_name() {
    let pond = Pond::start();
    pond.give("/none", Given::Feed("<html><body>hello</body></html>".to_owned()));
    pond.give("/endless", Given::Endless("<rss><channel><title>"));
    pond.give("/gone", Given::Status(410));
    let Given::Feed(half) = pond.feed(&["one", "two"]) else { panic!("a feed") };
    pond.give("/half", Given::Feed(half[..half.len() - 40].to_owned()));
    let config = format!("{LISTED}[limits]\nupload_bytes_max = 1000000\n");
    let server = Server::start(&Options::default().config(&config));
    for (path, word) in [("/none", "RSS"), ("/endless", "too long"), ("/gone", "410"), ("/half", "feed")] {
        let refused = follow(&server, &pond.url(path));
        assert_eq!(refused["status"], "error", "{path}: {refused}");
        assert!(refused["errorMessage"].as_str().is_some_and(|why| why.contains(word)), "{path}: {refused}");
    }
    pond.give("/feed", pond.feed(&["page", "endless", "large", "gone"]));
    pond.give("/page.wav", Given::File(Arc::new(b"<html>no sound</html>".repeat(100))));
    pond.give("/endless.wav", Given::Endless("RIFF\u{1}\u{1}\u{1}\u{1}WAVEfmt "));
    pond.give("/large.wav", Given::File(Arc::new(sound::wav(1, 4_000_000))));
    let channel = follow(&server, &pond.url("/feed"));
    let episodes = channel["episode"].as_array().expect("episodes").clone();
    assert_eq!(episodes.len(), 4);
    for one in &episodes {
        let failed = fetch(&server, &id_of(one), "error");
        assert!(failed["errorMessage"].as_str().is_some_and(|why| !why.is_empty()), "{failed}");
    }
    assert_eq!(blobs(&server), 0);
    let peak = server.figures().peak_kib;
    assert!(peak < 128 << 10, "{peak} KiB");
}

#[test]
fn what_breaks_off_goes_on_where_it_was() {
    let pond = Pond::start();
    let bytes = sound::wav(3, 900_000);
    pond.give("/feed", pond.feed(&["cut"]));
    pond.give("/cut.wav", Given::Cut(Arc::new(bytes.clone()), 400_000));
    let server = Server::start(&Options::default().config(LISTED));
    let channel = follow(&server, &pond.url("/feed"));
    let done = fetch(&server, &id_of(&channel["episode"][0]), "completed");
    let target =
        format!("/rest/stream?id={}&{}", done["streamId"].as_str().expect("a track"), server.mira.by_key());
    assert_eq!(server.get(&target, &[]).body, bytes);
    let asked = pond.asked("/cut.wav");
    let firsts: Vec<_> = asked.iter().map(|asked| asked.first_byte).collect();
    assert_eq!(firsts.len(), 3, "{asked:?}");
    assert!(firsts[0].is_none() && firsts[1] > Some(0) && firsts[2] > firsts[1], "{asked:?}");
}

#[test]
fn p01_a_server_that_is_killed_goes_on_with_what_it_had() {
    let pond = Pond::start();
    let bytes = sound::wav(4, 8_000_000);
    pond.give("/feed", pond.feed(&["slow"]));
    pond.give("/slow.wav", Given::Slow(Arc::new(bytes.clone())));
    let mut server = Server::start(&Options::default().config(LISTED));
    let channel = follow(&server, &pond.url("/feed"));
    let id = id_of(&channel["episode"][0]);
    fetch(&server, &id, "downloading");
    eventually("some of it is kept", SOON, || server.metric("upload_received_bytes_total") > 2_000_000.0);
    server.kill();
    let server = {
        let again = Options::on(&server);
        pond.give("/slow.wav", Given::File(Arc::new(bytes.clone())));
        Server::start(&again)
    };
    eventually("it is all there", SOON, || episode(&server, &id)["status"] == "completed");
    let asked = pond.asked("/slow.wav");
    assert!(asked.len() == 2 && asked[1].first_byte.is_some_and(|first| first > 1_000_000), "{asked:?}");
    let stream = episode(&server, &id)["streamId"].as_str().expect("a track").to_owned();
    let target = format!("/rest/stream?id={stream}&{}", server.mira.by_key());
    assert_eq!(server.get(&target, &[]).body, bytes);
}

#[test]
fn an_episode_that_is_no_longer_wanted_is_given_up_at_once() {
    let pond = Pond::start();
    pond.give("/feed", pond.feed(&["slow"]));
    pond.give("/slow.wav", Given::Slow(Arc::new(sound::wav(5, 60_000_000))));
    let server = Server::start(&Options::default().config(LISTED));
    let channel = follow(&server, &pond.url("/feed"));
    let id = id_of(&channel["episode"][0]);
    fetch(&server, &id, "downloading");
    eventually("it comes", SOON, || server.metric("uploads_open") == 1.0);
    ask(&server, &server.mira, "deletePodcastEpisode", &format!("id={id}")).expect("given up");
    eventually("it is ended", SOON, || server.metric("uploads_open") == 0.0);
    assert_eq!((&episode(&server, &id)["status"], blobs(&server)), (&"deleted".into(), 0));
}

#[test]
fn the_newest_are_fetched_unasked_where_the_operator_says_so() {
    let pond = Pond::start();
    pond.give("/feed", pond.feed(&["old", "new"]));
    for name in ["/old.wav", "/new.wav"] {
        pond.give(name, Given::File(Arc::new(sound::wav(6, 50_000))));
    }
    let server = Server::start(&Options::default().config(&format!("{LISTED}[podcasts]\nnewest = 1\n")));
    follow(&server, &pond.url("/feed"));
    let statuses = || {
        let episodes = channels(&server)[0]["episode"].as_array().cloned().unwrap_or_default();
        episodes.iter().map(|one| one["status"].as_str().unwrap_or_default().to_owned()).collect::<Vec<_>>()
    };
    eventually("one is there", SOON, || statuses() == ["completed", "skipped"]);
}
