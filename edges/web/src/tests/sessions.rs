use axum::http::StatusCode;
use serde_json::json;

use super::house::{Answer, House, PASSWORD, Who, Wishes, with, with_basic, with_cookie, with_json};
use crate::{BaseUrl, Origins};

async fn sign_in(house: &House) -> Answer {
    house.json(Who::Nobody, "POST", "/session", json!({"name": "bob", "password": PASSWORD})).await
}

fn token(answer: &Answer) -> String {
    let cookie = answer.header("set-cookie");
    cookie.split(';').next().unwrap().strip_prefix("millpond_session=").unwrap().to_owned()
}

#[tokio::test]
async fn the_cookie_is_out_of_reach_for_scripts_and_other_sites() {
    let age = "Max-Age=34560000; HttpOnly; SameSite=Strict";
    let cases = [
        (None, false, format!("Path=/; {age}")),
        (None, true, format!("Path=/; {age}; Secure")),
        (Some("https://example.org/music/"), true, format!("Path=/music; {age}; Secure")),
        (Some("https://example.org/music"), false, format!("Path=/music; {age}")),
    ];
    for (base_url, secure, expected) in cases {
        let base_url = base_url.map(|text| BaseUrl::parse(text).unwrap()).unwrap_or_default();
        let mut house = House::with(Wishes { base_url, ..Wishes::default() }).await;
        house.client.secure = secure;
        let answer = sign_in(&house).await;
        assert_eq!(answer.status, StatusCode::OK);
        assert_eq!(answer.header("set-cookie"), format!("millpond_session={}; {expected}", token(&answer)));
        assert_eq!(answer.header("cache-control"), "no-store");
        assert_eq!(answer.json()["user"]["name"], "bob");
        assert!(
            !answer.body.windows(8).any(|part| token(&answer).as_bytes().starts_with(part)),
            "only the cookie has it"
        );
    }
}

#[tokio::test]
async fn a_session_lives_until_it_is_closed() {
    let house = House::new().await;
    let token = token(&sign_in(&house).await);
    let me = house.send(with_cookie(house.request(Who::Nobody, "GET", "/me"), &token)).await;
    assert_eq!((me.status, me.json()["signed_in_by"].as_str()), (StatusCode::OK, Some("session")));
    let closed = house.send(with_cookie(house.request(Who::Nobody, "DELETE", "/session"), &token)).await;
    assert_eq!(closed.status, StatusCode::NO_CONTENT);
    assert!(closed.header("set-cookie").starts_with("millpond_session=; Path=/; Max-Age=0;"));
    let after = house.send(with_cookie(house.request(Who::Nobody, "GET", "/me"), &token)).await;
    assert_eq!((after.status.as_u16(), after.code().as_str()), (401, "sign_in_wrong"));
}

#[tokio::test]
async fn every_way_to_sign_in_is_the_same_user() {
    let house = House::new().await;
    let (_, app_password) = house.sign_in.issue_app_password(house.bob.id, "phone").await.unwrap();
    let token = token(&sign_in(&house).await);
    let ask = || house.request(Who::Nobody, "GET", "/me");
    let cases = [
        (house.request(Who::Plain, "GET", "/me"), "key"),
        (with_basic(ask(), "bob", PASSWORD), "password"),
        (with_basic(ask(), "BOB", PASSWORD), "password"),
        (with_basic(ask(), "bob", &app_password), "app_password"),
        (with_cookie(ask(), &token), "session"),
    ];
    for (request, by) in cases {
        let answer = house.send(request).await;
        assert_eq!(answer.status, StatusCode::OK, "{by}");
        assert_eq!(
            (answer.json()["user"]["id"].as_str().unwrap(), answer.json()["signed_in_by"].as_str().unwrap()),
            (house.bob.id.to_string().as_str(), by)
        );
    }
}

#[tokio::test]
async fn a_wrong_proof_is_wrong_beside_a_right_one() {
    let house = House::new().await;
    let token = token(&sign_in(&house).await);
    let request = with_cookie(house.request(Who::WrongKey, "GET", "/me"), &token);
    assert_eq!(house.send(request).await.status, 401);
}

#[tokio::test]
async fn an_unknown_user_and_a_wrong_password_look_the_same() {
    let house = House::new().await;
    let mut answers = Vec::new();
    for name in ["bob", "nobody-of-this-name"] {
        let answer =
            house.json(Who::Nobody, "POST", "/session", json!({"name": name, "password": "wrong"})).await;
        answers.push((answer.status, answer.body));
    }
    assert_eq!(answers[0], answers[1]);
    assert_eq!(answers[0].0, 401);
}

#[tokio::test]
async fn too_many_failures_say_when_to_come_back() {
    let house = House::new().await;
    let mut last = None;
    for _ in 0..=budget::limits::SIGN_IN_FAILURES_MAX {
        last = Some(
            house.json(Who::Nobody, "POST", "/session", json!({"name": "eve", "password": "wrong"})).await,
        );
    }
    let last = last.unwrap();
    assert_eq!((last.status.as_u16(), last.code().as_str()), (429, "too_many"));
    assert!(last.header("retry-after").parse::<u64>().unwrap() > 0);
}

#[tokio::test]
async fn other_pages_change_nothing_with_what_a_browser_adds_by_itself() {
    let cors_origins = Origins::parse(&["https://app.example"]).unwrap();
    let house = House::with(Wishes { cors_origins, ..Wishes::default() }).await;
    let token = token(&sign_in(&house).await);
    let cases = [
        (None, None, 201),
        (Some("same-origin"), Some("http://here.example"), 201),
        (Some("same-site"), Some("https://app.example"), 201),
        (Some("same-site"), Some("https://other.example"), 403),
        (Some("cross-site"), Some("https://evil.example"), 403),
        (None, Some("https://evil.example"), 403),
        (None, Some("http://here.example"), 201),
    ];
    for (site, origin, expected) in cases {
        for by_cookie in [true, false] {
            let mut request = house.request(Who::Nobody, "POST", "/me/keys");
            request =
                if by_cookie { with_cookie(request, &token) } else { with_basic(request, "bob", PASSWORD) };
            request = with(with_json(request, &json!({"label": "a"})), "host", "here.example");
            if let Some(site) = site {
                request = with(request, "sec-fetch-site", site);
            }
            if let Some(origin) = origin {
                request = with(request, "origin", origin);
            }
            let answer = house.send(request).await;
            assert_eq!(answer.status.as_u16(), expected, "{site:?} {origin:?} {by_cookie}");
            if expected == 403 {
                assert_eq!(answer.code(), "other_origin");
            }
        }
        // A key is nothing that a browser adds by itself.
        let mut request = with_json(house.request(Who::Plain, "POST", "/me/keys"), &json!({"label": "a"}));
        request = with(request, "origin", "https://evil.example");
        assert_eq!(house.send(request).await.status, 201);
    }
    let read =
        with(with_cookie(house.request(Who::Nobody, "GET", "/me"), &token), "sec-fetch-site", "cross-site");
    assert_eq!(house.send(read).await.status, 200, "reading is for CORS to judge");
}
