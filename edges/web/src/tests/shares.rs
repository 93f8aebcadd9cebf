//! The page of a share, for people whom nobody knows.

use budget::limits::SIGN_IN_FAILURES_MAX;
use catalog::{Ends, ShareChange, ShareId, TrackChange, TrackId, UserChange, Viewer, Visibility};

use super::house::{Answer, House, LISTINGS_PER_USER, PICTURE, STREAMS_PER_USER, Who, Wishes, sound, with};
use crate::BaseUrl;
use crate::tests::Log;

/// A share of Bob's and the path that opens it.
async fn share(house: &House, tracks: &[TrackId], description: &str) -> (ShareId, String) {
    let viewer = Viewer::of(&house.bob);
    let id = house.sign_in.issue_share(&viewer, tracks, description, None).await.unwrap();
    let share = house.catalog.share(&viewer, id).await.unwrap();
    (id, format!("/share/{}", house.sign_in.share_token(&share)))
}

async fn open(house: &House, path: &str) -> Answer {
    house.get(Who::Nobody, path).await
}

fn text(answer: &Answer) -> &str {
    std::str::from_utf8(&answer.body).unwrap()
}

/// What everybody is shown who has no token that is open.
async fn closed(house: &House) -> Vec<u8> {
    let answer = open(house, "/share/none").await;
    assert_eq!((answer.status.as_u16(), answer.header("content-type")), (404, "text/html; charset=utf-8"));
    answer.body.to_vec()
}

#[tokio::test]
async fn a_share_is_a_page_with_players_and_nobody_keeps_it() {
    let base_url = BaseUrl::parse("https://pond.example/music").unwrap();
    let house = House::with(Wishes { base_url, ..Wishes::default() }).await;
    let (_, path) = share(&house, &[house.private, house.shared], "For <you>\n& \"me\"").await;
    let answer = open(&house, &path).await;
    assert_eq!((answer.status.as_u16(), answer.header("content-type")), (200, "text/html; charset=utf-8"));
    assert_eq!(answer.header("cache-control"), "no-store");
    assert_eq!(answer.header("x-robots-tag"), "noindex, nofollow");
    assert_eq!(answer.header("referrer-policy"), "no-referrer");
    let policy = answer.header("content-security-policy");
    assert!(
        policy.starts_with("default-src 'none'; media-src 'self'; img-src 'self'; style-src 'sha256-"),
        "{policy}"
    );
    let page = text(&answer);
    for expected in [
        "<title>Album</title>",
        "<meta name=\"robots\" content=\"noindex, nofollow\">",
        "<meta property=\"og:title\" content=\"Album\">",
        "<meta property=\"og:description\" content=\"For &lt;you&gt;\n&amp; &quot;me&quot;\">",
        &format!("<meta property=\"og:url\" content=\"https://pond.example/music{path}\">"),
        &format!("content=\"https://pond.example/music{path}/tracks/{}/cover?width=600\"", house.private),
        "<p class=\"words\">For &lt;you&gt;\n&amp; &quot;me&quot;</p>",
        "2 songs, 3 min",
        &format!("src=\"/music{path}/tracks/{}/audio\"", house.shared),
        &format!("href=\"/music{path}/tracks/{}/audio?download=1\"", house.shared),
    ] {
        assert!(page.contains(expected), "{expected} in {page}");
    }
    let songs: Vec<_> = page.match_indices("<audio ").collect();
    assert_eq!(songs.len(), 2);
    assert!(page.find("Song of b.flac") < page.find("Song of a.mp3"), "in the order of the share");
    assert!(!page.contains("bob"), "nobody learns the name of an account");
    assert!(!page.contains("<script"));
}

#[tokio::test]
async fn a_shared_song_plays_by_ranges_and_is_saved_and_shows_its_cover() {
    let (house, sound) = (House::new().await, sound());
    let (_, path) = share(&house, &[house.shared], "").await;
    let audio = format!("{path}/tracks/{}/audio", house.shared);
    let whole = open(&house, &audio).await;
    assert_eq!((whole.status.as_u16(), whole.header("accept-ranges")), (200, "bytes"));
    assert!(whole.body == sound);
    assert_eq!(whole.header("x-robots-tag"), "noindex, nofollow");
    let part = house.send(with(house.request(Who::Nobody, "GET", &audio), "range", "bytes=7-9")).await;
    assert_eq!((part.status.as_u16(), &part.body[..]), (206, &sound[7..10]));
    let kept = whole.header("etag").to_owned();
    let again = house.send(with(house.request(Who::Nobody, "GET", &audio), "if-none-match", &kept)).await;
    assert_eq!(again.status, 304);
    let saved = open(&house, &format!("{audio}?download=1")).await;
    assert_eq!(saved.header("content-disposition"), "attachment; filename=\"a.mp3\"");
    let cover = open(&house, &format!("{path}/tracks/{}/cover", house.shared)).await;
    assert_eq!(
        (cover.status.as_u16(), cover.header("content-type"), &cover.body[..]),
        (200, "image/png", PICTURE)
    );
}

#[tokio::test]
async fn p08_a_guest_sees_what_the_owner_sees_now_and_of_that_what_is_shared() {
    let house = House::new().await;
    let (_, path) = share(&house, &[house.shared, house.private], "").await;
    let closed = closed(&house).await;
    let page = async || String::from_utf8(open(&house, &path).await.body.to_vec()).unwrap();
    let status = async |id: TrackId| open(&house, &format!("{path}/tracks/{id}/audio")).await.status.as_u16();
    assert_eq!(status(house.private).await, 200, "it is Bob's own");
    // A track that is not in the share, an id of none, and a word that is no id are one and the same.
    let other = house.catalog.tracks(&Viewer::of(&house.eve), None, 10).await.unwrap().rows;
    let other = other.iter().find(|track| ![house.shared, house.private].contains(&track.id)).unwrap().id;
    for id in [other.to_string(), "tr-999".into(), "al-1".into(), "x".into()] {
        for what in ["audio", "cover"] {
            let answer = open(&house, &format!("{path}/tracks/{id}/{what}")).await;
            assert_eq!((answer.status.as_u16(), &answer.body[..]), (404, &closed[..]), "{id} {what}");
        }
    }
    // Eve takes the shared song for her own eyes: Bob does not see it any more, and neither do his guests.
    let change = |to| TrackChange::visibility(to);
    let eve = Viewer::of(&house.eve);
    house.catalog.change_track(&eve, house.shared, &change(Visibility::Private)).await.unwrap();
    assert_eq!(status(house.shared).await, 404);
    assert!(!page().await.contains("Song of a.mp3") && page().await.contains("1 song, "));
    house.catalog.change_track(&eve, house.shared, &change(Visibility::Library)).await.unwrap();
    assert!(page().await.contains("Song of a.mp3"));
}

#[tokio::test]
async fn p09_a_share_that_is_closed_is_the_same_page_whatever_the_reason() {
    let house = House::new().await;
    let viewer = Viewer::of(&house.bob);
    let closed = closed(&house).await;
    let check = async |path: &str, why: &str| {
        for path in [path.to_owned(), format!("{path}/tracks/{}/audio", house.shared)] {
            let answer = open(&house, &path).await;
            assert_eq!((answer.status.as_u16(), &answer.body[..]), (404, &closed[..]), "{why}");
            assert_eq!(answer.header("cache-control"), "no-store", "{why}");
        }
    };
    let (ended, path) = share(&house, &[house.shared], "").await;
    let change = ShareChange { ends: Some(Ends::At(1)), ..ShareChange::default() };
    house.catalog.change_share(&viewer, ended, &change).await.unwrap();
    check(&path, "it has ended").await;
    let (removed, path) = share(&house, &[house.shared], "").await;
    house.catalog.remove_share(&viewer, removed).await.unwrap();
    check(&path, "it was taken back").await;
    let (_, path) = share(&house, &[house.shared], "").await;
    let change = UserChange { share: Some(false), ..UserChange::default() };
    house.catalog.change_user(house.bob.id, &change).await.unwrap();
    house.sign_in.forget_user(house.bob.id);
    check(&path, "he may not share").await;
    let change = UserChange { share: Some(true), ..UserChange::default() };
    house.catalog.change_user(house.bob.id, &change).await.unwrap();
    house.sign_in.forget_user(house.bob.id);
    assert_eq!(open(&house, &path).await.status, 200);
    house.catalog.remove_user(house.bob.id).await.unwrap();
    house.sign_in.forget_user(house.bob.id);
    check(&path, "he is gone").await;
}

#[tokio::test]
async fn p09_who_guesses_is_told_to_wait() {
    let house = House::new().await;
    let (_, path) = share(&house, &[house.shared], "").await;
    for n in 0..SIGN_IN_FAILURES_MAX {
        assert_eq!(open(&house, &format!("/share/{n:022}")).await.status, 404);
    }
    let refused = open(&house, &format!("/share/{:022}", SIGN_IN_FAILURES_MAX)).await;
    assert_eq!(refused.status, 429);
    assert!(refused.header("retry-after").parse::<u64>().unwrap() >= 1);
    assert!(text(&refused).contains("Try again in a minute"));
    assert_eq!(open(&house, &path).await.status, 200, "neighbours of the guesser go on listening");
}

#[tokio::test]
async fn a_visit_is_counted_once_and_only_for_who_reads_the_page() {
    let house = House::new().await;
    let (id, path) = share(&house, &[house.shared], "").await;
    let visits = async || house.catalog.share(&Viewer::of(&house.bob), id).await.unwrap().visits;
    house.send(house.request(Who::Nobody, "HEAD", &path)).await;
    open(&house, &format!("{path}/tracks/{}/audio", house.shared)).await;
    assert_eq!(visits().await, 0);
    open(&house, &path).await;
    open(&house, &path).await;
    assert_eq!(visits().await, 1);
}

#[tokio::test]
async fn a_long_share_has_pages() {
    let house = House::new().await;
    let tracks = vec![house.shared; 205];
    let (_, path) = share(&house, &tracks, "").await;
    for (query, first, songs, before, more) in [
        ("", 1, 100, None, Some(101)),
        ("?from=101", 101, 100, Some(1), Some(201)),
        ("?from=201", 201, 5, Some(101), None),
        ("?from=0", 1, 100, None, Some(101)),
        ("?from=9999", 9999, 0, Some(106), None),
    ] {
        let answer = open(&house, &format!("{path}{query}")).await;
        let page = text(&answer);
        assert!(page.contains(&format!("<ol start=\"{first}\">")), "{query}: {page}");
        assert_eq!(page.matches("<audio ").count(), songs, "{query}");
        for (rel, from) in [("prev", before), ("next", more)] {
            let link = from.map(|from| format!("<a rel=\"{rel}\" href=\"{path}?from={from}\">"));
            let fits = link.map_or(!page.contains(&format!("rel=\"{rel}\"")), |link| page.contains(&link));
            assert!(fits, "{query} {rel}: {page}");
        }
        assert!(page.contains("205 songs"), "{query}");
    }
}

#[tokio::test]
async fn p05_guests_take_nothing_of_what_their_owner_may_have_at_once() {
    let house = House::new().await;
    let (id, path) = share(&house, &[house.shared], "").await;
    // Answers that nobody reads hold their place.
    let ask = async |who, path: &str| {
        let request = house.request(who, "GET", path);
        tower::ServiceExt::oneshot(house.router.clone(), request).await.unwrap()
    };
    let audio = format!("{path}/tracks/{}/audio", house.shared);
    let mut held = Vec::new();
    for _ in 0..STREAMS_PER_USER {
        held.push(ask(Who::Nobody, &audio).await);
    }
    for _ in 0..LISTINGS_PER_USER {
        held.push(ask(Who::Nobody, &path).await);
    }
    assert!(held.iter().all(|answer| answer.status() == 200));
    assert_eq!(ask(Who::Nobody, &audio).await.status(), 429);
    assert_eq!(ask(Who::Nobody, &path).await.status(), 429);
    assert_eq!(ask(Who::Plain, &format!("/tracks/{}/audio", house.shared)).await.status(), 200);
    assert_eq!(ask(Who::Plain, "/tracks").await.status(), 200);
    let streams = house.get(Who::Admin, "/streams").await.json();
    assert_eq!(streams["streams"][0]["user_id"], id.to_string());
    assert_eq!(streams["streams"][0]["user"], "bob");
}

#[tokio::test]
async fn p09_no_token_is_logged() {
    let house = House::new().await;
    let (_, path) = share(&house, &[house.shared], "").await;
    let token = path.strip_prefix("/share/").unwrap();
    let log = Log::start();
    open(&house, &path).await;
    open(&house, &format!("{path}/tracks/{}/audio", house.shared)).await;
    open(&house, &format!("{path}/tracks/tr-9/cover")).await;
    open(&house, &format!("{path}x")).await;
    open(&house, &format!("{path}/nothing")).await;
    let log = log.text();
    assert!(log.contains("/share/{token}"), "{log}");
    assert!(!log.contains(token), "{log}");
}
