//! P-08: the access table, every route times five identities.

use std::collections::BTreeSet;

use catalog::Viewer;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::house::{House, Who, Wishes, mp4, png, wav};
use crate::ROUTES;

/// One way to ask a route, and the statuses for nobody, a wrong key, a plain user (Bob, who owns the private track and
/// the key `{key}`), another user, and an admin.
struct Row {
    route: &'static str,
    path: &'static str,
    body: Value,
    statuses: [u16; 5],
}

fn row(route: &'static str, path: &'static str, body: Value, statuses: [u16; 5]) -> Row {
    Row { route, path, body, statuses }
}

const OPEN: [u16; 5] = [200; 5];
const SIGNED_IN: [u16; 5] = [401, 401, 200, 200, 200];
const OWNER: [u16; 5] = [401, 401, 200, 404, 404];
const NOTHING: [u16; 5] = [401, 401, 404, 404, 404];

fn rows() -> Vec<Row> {
    let page = if crate::ui::is_built() { 200 } else { 404 };
    let (none, label, title) = (Value::Null, json!({"label": "phone"}), json!({"title": "New"}));
    vec![
        row("GET /", "/", none.clone(), OPEN),
        row("GET /health", "/health", none.clone(), OPEN),
        row("GET /openapi.json", "/openapi.json", none.clone(), OPEN),
        row("GET /app", "/app", none.clone(), [308; 5]),
        row("GET /app/", "/app/", none.clone(), [page; 5]),
        row("GET /app/{*file}", "/app/index.html", none.clone(), [page; 5]),
        row("GET /session", "/session", none.clone(), OPEN),
        row("GET /metrics", "/metrics", none.clone(), [401, 401, 403, 403, 200]),
        row("POST /session", "/session", json!({"name": "bob", "password": "wrong"}), [401; 5]),
        row("DELETE /session", "/session", none.clone(), [401, 401, 204, 204, 204]),
        row("GET /me", "/me", none.clone(), SIGNED_IN),
        row(
            "PUT /me/password",
            "/me/password",
            json!({"current": "not this one", "new": "another pond"}),
            [401, 401, 403, 403, 403],
        ),
        row("GET /users", "/users", none.clone(), [401, 401, 403, 403, 200]),
        row(
            "POST /users",
            "/users",
            json!({"name": "newcomer", "password": "a pond of my own"}),
            [401, 401, 403, 403, 201],
        ),
        row("PATCH /users/{id}", "/users/{eve}", json!({"share": true}), [401, 401, 403, 403, 200]),
        row("DELETE /users/{id}", "/users/us-123456", none.clone(), [401, 401, 403, 403, 404]),
        row("GET /libraries", "/libraries", none.clone(), SIGNED_IN),
        row("GET /albums", "/albums", none.clone(), SIGNED_IN),
        row("GET /albums/letters", "/albums/letters?order=artist", none.clone(), SIGNED_IN),
        row("GET /albums/{id}", "/albums/{album}", none.clone(), SIGNED_IN),
        row("GET /albums/{id}/tracks", "/albums/{album}/tracks", none.clone(), SIGNED_IN),
        row("GET /albums/{id}/cover", "/albums/{album}/cover", none.clone(), SIGNED_IN),
        row("GET /artists", "/artists", none.clone(), SIGNED_IN),
        row("GET /artists/letters", "/artists/letters", none.clone(), SIGNED_IN),
        row("GET /artists/{id}", "/artists/{artist}", none.clone(), SIGNED_IN),
        row("GET /artists/{id}/albums", "/artists/{artist}/albums", none.clone(), SIGNED_IN),
        row("GET /artists/{id}/cover", "/artists/{artist}/cover", none.clone(), SIGNED_IN),
        row("GET /genres", "/genres", none.clone(), SIGNED_IN),
        row("GET /search", "/search?q=", none.clone(), SIGNED_IN),
        row("GET /search/tracks", "/search/tracks?q=", none.clone(), SIGNED_IN),
        row("GET /starred/tracks", "/starred/tracks", none.clone(), SIGNED_IN),
        row("PUT /stars/{id}", "/stars/{shared}", none.clone(), [401, 401, 204, 204, 204]),
        row("PUT /stars/{id}", "/stars/{private}", none.clone(), [401, 401, 204, 404, 404]),
        row("DELETE /stars/{id}", "/stars/{shared}", none.clone(), [401, 401, 204, 204, 204]),
        row("PUT /ratings/{id}", "/ratings/{shared}", json!({"rating": 4}), [401, 401, 204, 204, 204]),
        row("POST /tracks/{id}/plays", "/tracks/{shared}/plays", none.clone(), [401, 401, 204, 204, 204]),
        row("GET /tracks/{id}/lyrics", "/tracks/{shared}/lyrics", none.clone(), SIGNED_IN),
        row("GET /events", "/events", none.clone(), SIGNED_IN),
        row("GET /me/keys", "/me/keys", none.clone(), SIGNED_IN),
        row("POST /me/keys", "/me/keys", label.clone(), [401, 401, 201, 201, 201]),
        row("DELETE /me/keys/{id}", "/me/keys/{key}", none.clone(), [401, 401, 204, 404, 404]),
        row("GET /me/app-passwords", "/me/app-passwords", none.clone(), SIGNED_IN),
        row("POST /me/app-passwords", "/me/app-passwords", label, [401, 401, 201, 201, 201]),
        row(
            "DELETE /me/app-passwords/{id}",
            "/me/app-passwords/{app-password}",
            none.clone(),
            [401, 401, 204, 404, 404],
        ),
        row("GET /me/sessions", "/me/sessions", none.clone(), SIGNED_IN),
        row("DELETE /me/sessions/{id}", "/me/sessions/{session}", none.clone(), [401, 401, 204, 404, 404]),
        row("GET /me/queue", "/me/queue", none.clone(), SIGNED_IN),
        row("PUT /me/queue", "/me/queue", json!({"tracks": []}), SIGNED_IN),
        row("GET /me/queue/tracks", "/me/queue/tracks", none.clone(), SIGNED_IN),
        row("GET /me/scrobbling", "/me/scrobbling", none.clone(), SIGNED_IN),
        row("PUT /me/scrobbling/{id}", "/me/scrobbling/lastfm", json!({}), [401, 401, 202, 202, 202]),
        // Each removes what he has himself just made.
        row("DELETE /me/scrobbling/{id}", "/me/scrobbling/lastfm", none.clone(), [401, 401, 204, 204, 204]),
        row("GET /tracks", "/tracks", none.clone(), SIGNED_IN),
        row("GET /videos", "/videos", none.clone(), SIGNED_IN),
        row("GET /videos/{id}", "/videos/{video}", none.clone(), OWNER),
        row("GET /videos/{id}", "/videos/{shared}", none.clone(), [401, 401, 404, 404, 404]),
        row("GET /tracks/{id}", "/tracks/{shared}", none.clone(), SIGNED_IN),
        row("GET /tracks/{id}", "/tracks/{private}", none.clone(), OWNER),
        row("PATCH /tracks/{id}", "/tracks/{shared}", title.clone(), [401, 401, 403, 403, 200]),
        row("PATCH /tracks/{id}", "/tracks/{private}", title, [401, 401, 200, 404, 200]),
        row("GET /tracks/{id}/audio", "/tracks/{shared}/audio", none.clone(), SIGNED_IN),
        row("GET /tracks/{id}/audio", "/tracks/{private}/audio", none.clone(), OWNER),
        row("GET /tracks/{id}/cover", "/tracks/{shared}/cover", none.clone(), SIGNED_IN),
        row("GET /tracks/{id}/cover", "/tracks/{private}/cover", none.clone(), OWNER),
        row("POST /tracks/{id}/link", "/tracks/{shared}/link", none.clone(), SIGNED_IN),
        row("POST /tracks/{id}/link", "/tracks/{private}/link", none.clone(), OWNER),
        row("DELETE /tracks/{id}", "/tracks/{shared}", none.clone(), [401, 401, 403, 403, 403]),
        row("DELETE /tracks/{id}", "/tracks/{private}", none.clone(), [401, 401, 403, 404, 403]),
        // Whoever has the token of a share gets in, whoever he is.
        row("GET /share/{token}", "/share/{share}", none.clone(), OPEN),
        row(
            "GET /share/{token}/tracks/{id}/audio",
            "/share/{share}/tracks/{private}/audio",
            none.clone(),
            OPEN,
        ),
        row(
            "GET /share/{token}/tracks/{id}/cover",
            "/share/{share}/tracks/{private}/cover",
            none.clone(),
            OPEN,
        ),
        row("GET /playlists", "/playlists", none.clone(), SIGNED_IN),
        row("POST /playlists", "/playlists", json!({"name": "kept"}), [401, 401, 201, 201, 201]),
        row("GET /playlists/{id}", "/playlists/{list}", none.clone(), OWNER),
        row("GET /playlists/{id}/tracks", "/playlists/{list}/tracks", none.clone(), OWNER),
        row("GET /playlists/{id}/m3u8", "/playlists/{list}/m3u8", none.clone(), OWNER),
        row("PATCH /playlists/{id}", "/playlists/{list}", json!({"comment": "slow"}), OWNER),
        row("PATCH /playlists/{id}/tracks", "/playlists/{list}/tracks", json!({"remove": []}), OWNER),
        row("DELETE /playlists/{id}", "/playlists/{list}", none.clone(), [401, 401, 204, 404, 404]),
        row("POST /tracks/", "/tracks/", none.clone(), [401, 401, 400, 400, 400]),
        row("GET /tracks/uploads/{id}/progress", "/tracks/uploads/{upload}/progress", none.clone(), OWNER),
        row("OPTIONS /uploads", "/uploads", none.clone(), [204; 5]),
        row("GET /uploads", "/uploads", none.clone(), SIGNED_IN),
        row("POST /uploads", "/uploads", none.clone(), [401, 401, 400, 400, 400]),
        row("PUT /uploads", "/uploads", none.clone(), [401, 401, 400, 400, 400]),
        row("OPTIONS /uploads/{id}", "/uploads/{upload}", none.clone(), [204; 5]),
        row("GET /uploads/{id}", "/uploads/{upload}", none.clone(), OWNER),
        row("DELETE /uploads/{id}", "/uploads/{open}", none.clone(), [401, 401, 204, 404, 204]),
        row("GET /uploads/{id}/events", "/uploads/{upload}/events", none.clone(), OWNER),
        row("PATCH /uploads/{id}", "/uploads/{upload}", none.clone(), [401, 401, 415, 415, 415]),
        row("POST /uploads/{id}", "/uploads/{upload}", none.clone(), [401, 401, 405, 405, 405]),
        // What is no form is refused behind the gate, and a job that nobody began is nobody's.
        row("POST /separate", "/separate", none.clone(), [401, 401, 400, 400, 400]),
        row("GET /jobs", "/jobs", none.clone(), SIGNED_IN),
        row("GET /jobs/{id}/status", "/jobs/{job}/status", none.clone(), NOTHING),
        row("GET /jobs/{id}/result", "/jobs/{job}/result", none.clone(), NOTHING),
        row("GET /jobs/{id}/events", "/jobs/{job}/events", none.clone(), NOTHING),
        row("DELETE /jobs/{id}", "/jobs/{job}", none.clone(), NOTHING),
        row("GET /tracks/{id}/stems", "/tracks/{shared}/stems", none.clone(), SIGNED_IN),
        row("GET /tracks/{id}/stems", "/tracks/{private}/stems", none.clone(), OWNER),
        row("POST /tracks/{id}/stems", "/tracks/{shared}/stems", none.clone(), [401, 401, 422, 422, 422]),
        row("POST /tracks/{id}/stems", "/tracks/{private}/stems", none.clone(), [401, 401, 422, 404, 404]),
        row("GET /tracks/{id}/stems/{file}", "/tracks/{shared}/stems/vocals.wav", none.clone(), NOTHING),
        row("GET /models/cache", "/models/cache", none.clone(), [401, 401, 403, 403, 200]),
        row("DELETE /models/cache", "/models/cache", none.clone(), [401, 401, 403, 403, 200]),
        row("GET /audio/{file_id}", "/audio/{file}", none.clone(), SIGNED_IN),
        row("GET /images/{file_id}", "/images/{picture}", none.clone(), OWNER),
        row("GET /streams", "/streams", none.clone(), SIGNED_IN),
        row("DELETE /streams/{id}", "/streams/123456", none.clone(), NOTHING),
        row("GET /memory", "/memory", none.clone(), [401, 401, 403, 403, 200]),
        row("GET /scan", "/scan", none.clone(), [401, 401, 403, 403, 200]),
        row("GET /scan/events", "/scan/events", none.clone(), [401, 401, 403, 403, 200]),
        row("POST /scan", "/scan", none, [401, 401, 403, 403, 202]),
    ]
}

/// Whether errors are `{"detail"}` there.
fn is_platforms(route: &str) -> bool {
    ROUTES.iter().any(|one| one.platforms && format!("{} {}", one.method, one.path) == route)
}

#[test]
fn p08_every_route_has_a_row() {
    let table: BTreeSet<String> =
        ROUTES.iter().map(|route| format!("{} {}", route.method, route.path)).collect();
    let rows: BTreeSet<String> = rows().iter().map(|row| row.route.to_owned()).collect();
    assert_eq!(rows, table);
}

#[tokio::test]
async fn p08_every_route_lets_in_whom_the_table_allows() {
    // Who follows what happens is sent home at once, because nothing else ends that answer.
    let stop = CancellationToken::new();
    stop.cancel();
    let house = House::with(Wishes { stop, ..Wishes::default() }).await;
    let key = house.sign_in.issue_key(house.bob.id, "to go").await.unwrap().0.id.to_string();
    let app_password =
        house.sign_in.issue_app_password(house.bob.id, "to go").await.unwrap().0.id.to_string();
    let sent = house.upload("song.wav", wav(1)).await;
    let picture = house.upload("cover.png", png()).await;
    let video = house.upload("clip.mp4", mp4()).await["track_id"].as_str().unwrap().to_owned();
    let hidden = json!({"visibility": "private"});
    assert_eq!(house.json(Who::Plain, "PATCH", &format!("/tracks/{video}"), hidden).await.status, 200);
    house.sign_in.open_session(house.bob.id, "a browser").await.unwrap();
    let session = house.catalog.sessions(house.bob.id, 0).await.unwrap()[0].id.to_string();
    let bob = Viewer::of(&house.bob);
    let share = house.sign_in.issue_share(&bob, &[house.private], "", None).await.unwrap();
    let share = house.sign_in.share_token(&house.catalog.share(&bob, share).await.unwrap());
    let list = house.catalog.add_playlist(&bob, "kept", &[]).await.unwrap().to_string();
    let shared = house.catalog.track(&bob, house.shared).await.unwrap();
    let (album, artist) = (shared.album_id.to_string(), shared.album_artist_id.to_string());
    let held = house.held_bytes();
    // Bob comes last, because what he may remove is gone then.
    let order = [(0, Who::Nobody), (1, Who::WrongKey), (3, Who::Other), (4, Who::Admin), (2, Who::Plain)];
    for row in rows() {
        let path = row
            .path
            .replace("{key}", &key)
            .replace("{app-password}", &app_password)
            .replace("{upload}", sent["upload_id"].as_str().unwrap())
            .replace("{file}", sent["file_id"].as_str().unwrap())
            .replace("{picture}", picture["file_id"].as_str().unwrap())
            .replace("{session}", &session)
            .replace("{share}", &share)
            .replace("{video}", &video)
            .replace("{list}", &list)
            .replace("{job}", "5f0c3a1d9b7e4c2f8a6d0e1b3c5a7f92")
            .replace("{eve}", &house.eve.id.to_string())
            .replace("{album}", &album)
            .replace("{artist}", &artist)
            .replace("{shared}", &house.shared.to_string())
            .replace("{private}", &house.private.to_string());
        let method = row.route.split(' ').next().unwrap();
        for (column, who) in order {
            let path = match path.contains("{open}") {
                true => path.replace("{open}", &house.begin_upload().await),
                false => path.clone(),
            };
            let answer = if row.body.is_null() {
                house.send(house.request(who, method, &path)).await
            } else {
                house.json(who, method, &path, row.body.clone()).await
            };
            let expected = row.statuses[column];
            assert_eq!(answer.status.as_u16(), expected, "{who:?} {method} {path}: {:?}", answer.body);
            if expected >= 400 {
                let answer = answer.json();
                let error = &answer["error"];
                if is_platforms(row.route) {
                    assert!(answer["detail"].is_string() && error.is_null(), "{method} {path}");
                } else {
                    assert!(error["code"].is_string() && error["message"].is_string(), "{method} {path}");
                }
            }
            let challenges = answer.headers.get_all("www-authenticate").iter().count();
            assert_eq!(challenges, if expected == 401 { 2 } else { 0 }, "{who:?} {method} {path}");
            if method == "GET" {
                let head = house.send(house.request(who, "HEAD", &path)).await;
                // Of an upload, HEAD is the word of two protocols, of which the one that is meant here has no content.
                let expected =
                    if expected == 200 && row.route == "GET /uploads/{id}" { 204 } else { expected };
                assert_eq!(head.status.as_u16(), expected, "{who:?} HEAD {path}");
                assert!(head.body.is_empty(), "{who:?} HEAD {path}");
            }
            assert!(
                path == "/scan" || house.held_bytes() == held,
                "{who:?} {method} {path} gives back what it took"
            );
        }
    }
}

#[tokio::test]
async fn p08_lists_hold_only_what_the_listener_sees() {
    let house = House::new().await;
    let ids = |answer: &super::house::Answer| -> Vec<String> {
        let page = answer.json();
        page["tracks"]
            .as_array()
            .unwrap()
            .iter()
            .map(|track| track["id"].as_str().unwrap().to_owned())
            .collect()
    };
    let private = house.private.to_string();
    for (who, sees) in [(Who::Plain, true), (Who::Other, false), (Who::Admin, false)] {
        let found = ids(&house.get(who, "/tracks").await);
        assert_eq!(found.contains(&private), sees, "{who:?}");
        assert_eq!(found.len(), if sees { 3 } else { 2 }, "{who:?}");
    }
}

#[tokio::test]
async fn p08_an_admin_who_manages_does_not_become_the_owner() {
    let house = House::new().await;
    let path = format!("/tracks/{}", house.private);
    let answer = house.json(Who::Admin, "PATCH", &path, json!({"visibility": "private"})).await;
    assert_eq!(answer.json()["owner"], house.bob.id.to_string());
    let answer = house.json(Who::Plain, "PATCH", &path, json!({"visibility": "library"})).await;
    assert_eq!(answer.json()["visibility"], "library");
    assert_eq!(house.get(Who::Other, &path).await.status, 200);
}
