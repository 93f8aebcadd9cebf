use catalog::Opened;
use serde_json::Value;
use tower::ServiceExt;

use super::Log;
use super::house::{House, STREAMS_PER_USER, Who, Wishes, sound, with, with_basic};
use crate::BaseUrl;
use crate::json;

/// The link to a track that Bob makes, as the path that a client asks for.
async fn link(house: &House) -> (String, Value) {
    let path = format!("/tracks/{}/link", house.shared);
    let request = with(house.request(Who::Plain, "POST", &path), "host", "here.example:4040");
    let answer = house.send(request).await;
    assert_eq!(answer.header("cache-control"), "no-store");
    let url = answer.json()["url"].as_str().unwrap().to_owned();
    (url, answer.json())
}

fn path_of(url: &str) -> &str {
    &url[url.find("/tracks/").unwrap()..]
}

#[tokio::test]
async fn a_link_is_built_on_the_address_that_clients_know() {
    let cases = [
        (None, false, "http://here.example:4040/tracks/"),
        (None, true, "https://here.example:4040/tracks/"),
        (Some("https://example.org/music"), false, "https://example.org/music/tracks/"),
    ];
    for (base_url, secure, expected) in cases {
        let base_url = base_url.map(|text| BaseUrl::parse(text).unwrap()).unwrap_or_default();
        let mut house = House::with(Wishes { base_url, ..Wishes::default() }).await;
        house.client.secure = secure;
        let (url, answer) = link(&house).await;
        assert!(url.starts_with(expected), "{url}");
        assert!(url.contains(&format!("/audio?user={}&expires=", house.bob.id)), "{url}");
        assert!(answer["expires"].as_str().unwrap().ends_with('Z'));
    }
}

#[tokio::test]
async fn a_link_plays_without_a_sign_in_and_any_page_may_read_it() {
    let house = House::new().await;
    let (url, _) = link(&house).await;
    let request = with(house.request(Who::Nobody, "GET", path_of(&url)), "range", "bytes=10-19");
    let answer = house.send(with(request, "origin", "https://player.example")).await;
    assert_eq!((answer.status.as_u16(), &answer.body[..]), (206, &sound()[10..20]));
    assert_eq!(answer.header("access-control-allow-origin"), "*");
    assert_eq!(answer.header("access-control-allow-credentials"), "");
    assert_eq!(answer.header("cross-origin-resource-policy"), "cross-origin");
    let head = house.send(house.request(Who::Nobody, "HEAD", path_of(&url))).await;
    assert_eq!((head.status.as_u16(), head.header("content-length")), (200, "100000"));
}

#[tokio::test]
async fn a_link_that_was_touched_is_refused() {
    let house = House::new().await;
    let (url, _) = link(&house).await;
    let good = path_of(&url).to_owned();
    let (expires, signature) = (value(&good, "expires"), value(&good, "signature"));
    let flipped = if signature.starts_with('a') { "b" } else { "a" }.to_owned() + &signature[1..];
    let later = (expires.parse::<i64>().unwrap() + 1).to_string();
    let past = json::now() - 1;
    let expired = house.sign_in.sign_link(Opened::Track(house.shared), house.bob.id, past);
    let of = |track: &str, user: &str, expires: &str, signature: &str| {
        format!("/tracks/{track}/audio?user={user}&expires={expires}&signature={signature}")
    };
    let (shared, private) = (house.shared.to_string(), house.private.to_string());
    let (bob, eve) = (house.bob.id.to_string(), house.eve.id.to_string());
    let cases = [
        (of(&shared, &bob, &expires, &signature), 200, ""),
        (of(&private, &bob, &expires, &signature), 403, "link_wrong"),
        (of(&shared, &eve, &expires, &signature), 403, "link_wrong"),
        (of(&shared, &bob, &later, &signature), 403, "link_wrong"),
        (of(&shared, &bob, &expires, &flipped), 403, "link_wrong"),
        (of(&shared, &bob, &expires, ""), 403, "link_wrong"),
        (of(&shared, &bob, "", &signature), 403, "link_wrong"),
        (of(&shared, "us-x", &expires, &signature), 403, "link_wrong"),
        (of(&shared, "us-999", &expires, &signature), 403, "link_wrong"),
        (of(&shared, &bob, &past.to_string(), &expired), 403, "link_expired"),
        (
            format!("/tracks/{shared}?signature={signature}&user={bob}&expires={expires}"),
            401,
            "sign_in_needed",
        ),
        (
            format!("/tracks/{shared}/cover?signature={signature}&user={bob}&expires={expires}"),
            401,
            "sign_in_needed",
        ),
    ];
    for (path, status, code) in cases {
        let answer = house.get(Who::Nobody, &path).await;
        assert_eq!(answer.status.as_u16(), status, "{path}");
        if status >= 400 {
            assert_eq!(answer.code(), code, "{path}");
        }
    }
}

#[tokio::test]
async fn a_link_shows_only_what_its_user_sees_now() {
    let house = House::new().await;
    let expires = json::now() + 60_000;
    let of = |user| {
        let signature = house.sign_in.sign_link(Opened::Track(house.private), user, expires);
        format!("/tracks/{}/audio?user={user}&expires={expires}&signature={signature}", house.private)
    };
    assert_eq!(house.get(Who::Nobody, &of(house.bob.id)).await.status, 200);
    assert_eq!(house.get(Who::Nobody, &of(house.eve.id)).await.status, 404);
    house.catalog.remove_user(house.eve.id).await.unwrap();
    // In a server the watch does this within a second.
    house.sign_in.forget();
    assert_eq!(house.get(Who::Nobody, &of(house.eve.id)).await.status, 403);
}

#[tokio::test]
async fn what_a_link_plays_counts_as_its_users() {
    let house = House::new().await;
    let (url, _) = link(&house).await;
    let mut playing = Vec::new();
    for _ in 0..STREAMS_PER_USER {
        let request = house.request(Who::Nobody, "GET", path_of(&url));
        playing.push(house.router.clone().oneshot(request).await.unwrap());
    }
    let own = format!("/tracks/{}/audio", house.shared);
    let refused = house.get(Who::Plain, &own).await;
    assert_eq!((refused.status.as_u16(), refused.code().as_str()), (429, "too_many"));
    assert!(refused.header("retry-after").parse::<u64>().unwrap() > 0);
    assert_eq!(house.get(Who::Other, &own).await.status, 200, "the limit is Bob's alone");
    playing.pop();
    assert_eq!(house.get(Who::Plain, &own).await.status, 200, "who goes away makes room");
}

fn value(path: &str, name: &str) -> String {
    let (_, query) = path.split_once('?').unwrap();
    let pair = query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='));
    pair.unwrap().to_owned()
}

#[tokio::test]
async fn p09_no_secret_reaches_a_log() {
    let (log, house) = (Log::start(), House::new().await);
    let (url, _) = link(&house).await;
    let signature = value(path_of(&url), "signature");
    house.get(Who::Nobody, path_of(&url)).await;
    house.get(Who::Nobody, &format!("{}x", path_of(&url))).await;
    let secret = "a wrong secret that nobody may read";
    house.send(with_basic(house.request(Who::Nobody, "GET", "/me"), "bob", secret)).await;
    house.json(Who::Nobody, "POST", "/session", serde_json::json!({"name": "bob", "password": secret})).await;
    let made = house.json(Who::Plain, "POST", "/me/keys", serde_json::json!({"label": "a"})).await;
    let key = made.json()["secret"].as_str().unwrap().to_owned();
    house
        .send(with(house.request(Who::Nobody, "GET", "/me"), "authorization", &format!("Bearer {key}")))
        .await;
    let text = log.text();
    assert!(text.contains("answered"), "the log was listened to");
    for hidden in [signature.as_str(), secret, key.as_str(), "signature="] {
        assert!(!text.contains(hidden), "{hidden} is in the log");
    }
}
