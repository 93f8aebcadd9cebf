//! Errors, pages, figures, and what browsers of other origins are told.

use axum::Router;
use axum::body::Body;
use axum::response::IntoResponse;
use axum::routing::{any, get};
use budget::limits;
use catalog::scan::Upkeep;
use serde_json::json;
use tower::ServiceExt;

use super::house::{House, LISTINGS_PER_USER, Who, Wishes, with, with_json};
use crate::{BaseUrl, Origins, ROUTES};

#[tokio::test]
async fn errors_are_json_also_where_no_route_is() {
    let house = House::new().await;
    let cases = [
        ("GET", "/nowhere", 404, "not_found"),
        ("GET", "/tracks/tr-0", 404, "not_found"),
        ("GET", "/tracks/tr-01", 404, "not_found"),
        ("GET", "/tracks/tr-99999", 404, "not_found"),
        ("GET", "/tracks/tr-99999999999999999999", 404, "not_found"),
        ("GET", "/tracks/al-1", 404, "not_found"),
        ("GET", "/tracks/..%2F..%2Fetc%2Fpasswd", 404, "not_found"),
        ("GET", "/tracks/..%2F..%2Fetc%2Fpasswd/audio", 404, "not_found"),
        ("GET", "/tracks/../../etc/passwd", 404, "not_found"),
        ("GET", "/tracks/%FF/audio", 404, "not_found"),
        ("GET", "/tracks/tr-1%00/cover", 404, "not_found"),
        ("GET", "/tracks?limit=0", 400, "invalid"),
        ("GET", "/tracks?limit=501", 400, "invalid"),
        ("GET", "/tracks?limit=-1", 400, "invalid"),
        ("GET", "/tracks?limit=many", 400, "invalid"),
        ("GET", "/tracks?after=us-1", 400, "invalid"),
        ("DELETE", "/streams/x", 404, "not_found"),
        ("PUT", "/tracks", 405, "method_not_allowed"),
        ("DELETE", "/health", 405, "method_not_allowed"),
    ];
    for (method, path, status, code) in cases {
        let answer = house.send(house.request(Who::Admin, method, path)).await;
        assert_eq!((answer.status.as_u16(), answer.code().as_str()), (status, code), "{method} {path}");
        assert_eq!(answer.header("content-type"), "application/json", "{method} {path}");
        assert!(!answer.header("x-request-id").is_empty() && !answer.header("x-process-time").is_empty());
    }
    let answer = house.send(house.request(Who::Nobody, "PUT", "/me/keys")).await;
    let mut allow: Vec<&str> = answer.header("allow").split(',').collect();
    allow.sort_unstable();
    assert_eq!((answer.status.as_u16(), allow), (405, vec!["GET", "HEAD", "POST"]));
}

#[tokio::test]
async fn bodies_have_a_type_a_limit_and_known_names() {
    let house = House::new().await;
    let path = format!("/tracks/{}", house.private);
    let long = "x".repeat(limits::TAG_TEXT_CHARS_MAX + 1);
    let huge = json!({"title": "x".repeat(limits::FORM_BYTES_MAX)}).to_string();
    let cases = [
        ("application/json", json!({"title": "T"}).to_string(), 200, ""),
        ("application/json; charset=utf-8", json!({}).to_string(), 200, ""),
        ("text/plain", json!({"title": "T"}).to_string(), 415, "not_json"),
        ("application/x-www-form-urlencoded", "title=T".to_owned(), 415, "not_json"),
        ("application/json", String::new(), 400, "invalid"),
        ("application/json", "{".to_owned(), 400, "invalid"),
        ("application/json", json!({"title": ""}).to_string(), 400, "invalid"),
        ("application/json", json!({"title": long}).to_string(), 400, "invalid"),
        ("application/json", json!({"visibility": "secret"}).to_string(), 400, "invalid"),
        ("application/json", json!({"path": "/etc", "owner": 1}).to_string(), 400, "unknown_field"),
        ("application/json", huge, 413, "body_too_large"),
    ];
    for (content_type, body, status, code) in cases {
        let mut request = with(house.request(Who::Plain, "PATCH", &path), "content-type", content_type);
        *request.body_mut() = Body::from(body.clone());
        let answer = house.send(request).await;
        assert_eq!(answer.status.as_u16(), status, "{content_type} {body:.60}");
        if status >= 400 {
            assert_eq!(answer.code(), code, "{content_type} {body:.60}");
        }
        if code == "unknown_field" {
            let words = answer.json()["error"].clone();
            assert!(
                words["message"].as_str().unwrap().contains("owner")
                    && words["message"].as_str().unwrap().contains("path")
            );
            assert_eq!(words["hint"], "known are: title, artist, album, image, visibility");
        }
    }
    let declared =
        with(with_json(house.request(Who::Plain, "PATCH", &path), &json!({})), "content-length", "300000");
    assert_eq!(house.send(declared).await.status, 413, "what is declared too long is not read");
}

#[tokio::test]
async fn pages_follow_each_other_without_gaps() {
    let house = House::new().await;
    let (mut path, mut ids) = ("/tracks?limit=1".to_owned(), Vec::new());
    for _ in 0..10 {
        let page = house.get(Who::Plain, &path).await.json();
        ids.extend(
            page["tracks"].as_array().unwrap().iter().map(|track| track["id"].as_str().unwrap().to_owned()),
        );
        let Some(next) = page["next"].as_str() else { break };
        path = format!("/tracks?limit=1&after={next}");
    }
    let whole = house.get(Who::Plain, "/tracks").await.json();
    let all: Vec<&str> =
        whole["tracks"].as_array().unwrap().iter().map(|track| track["id"].as_str().unwrap()).collect();
    assert_eq!(ids, all);
    assert_eq!((all.len(), whole["next"].is_null()), (3, true));
    let track = &whole["tracks"][0];
    assert_eq!(
        (track["title"].as_str(), track["duration_ms"].as_u64()),
        (Some("Song of a.mp3"), Some(61_000))
    );
    assert!(track.get("path").is_none(), "where a file lies is nobody's business");
}

#[tokio::test]
async fn the_figures_are_text_for_scrapers_and_json_for_people() {
    let house = House::new().await;
    house.get(Who::Plain, &format!("/tracks/{}", house.shared)).await;
    house.get(Who::Plain, "/nowhere").await;
    house.get(Who::Plain, "/tracks").await;
    let answer = house.get(Who::Admin, "/metrics").await;
    assert_eq!(answer.header("content-type"), "application/json");
    let figures = answer.json();
    assert_eq!(figures["status"], "ok");
    assert!(figures["timestamp"].as_str().unwrap().ends_with('Z'));
    let of = &figures["metrics"]["/tracks/{id}"];
    assert_eq!(of["count"], 1);
    for name in ["avg_time", "min_time", "max_time", "total_time", "avg_memory_mb", "max_memory_mb"] {
        assert!(of[name].as_f64().unwrap() >= 0.0, "{name}");
    }
    let listing = limits::LISTING_BYTES as f64 / limits::MIB as f64;
    assert_eq!(figures["metrics"]["/tracks"]["max_memory_mb"].as_f64(), Some(listing));
    assert_eq!(figures["metrics"]["unmatched"]["count"], 1);
    for (accept, content_type) in [
        ("text/plain", "text/plain; version=0.0.4; charset=utf-8"),
        (
            "application/openmetrics-text; version=1.0.0",
            "application/openmetrics-text; version=1.0.0; charset=utf-8",
        ),
    ] {
        let answer = house.send(with(house.request(Who::Admin, "GET", "/metrics"), "accept", accept)).await;
        assert_eq!(answer.header("content-type"), content_type);
        let text = String::from_utf8(answer.body.to_vec()).unwrap();
        assert!(
            text.contains("millpond_requests_total{operation=\"/tracks/{id}\",status=\"2xx\"} 1"),
            "{text}"
        );
        assert!(text.contains("millpond_operation_seconds_count{operation=\"/tracks/{id}\"} 1"), "{text}");
        assert!(text.ends_with("# EOF\n"));
    }
}

#[tokio::test]
async fn health_says_what_is_wrong_and_answers_200() {
    let house = House::new().await;
    let report = house.get(Who::Nobody, "/health").await;
    assert_eq!(report.status, 200);
    let report = report.json();
    for name in ["disk", "database", "ffmpeg", "memory"] {
        let check = &report["checks"][name];
        assert!(check["status"] == "ok" || check["why"].is_string(), "{name}: {check}");
    }
    assert_eq!(report["checks"]["database"]["status"], "ok");
    assert!(report["checks"]["disk"]["free_bytes"].as_u64().is_some());
    assert_eq!(report["checks"]["memory"]["limit_bytes"], 512 * limits::MIB);
    let degraded = report["checks"].as_object().unwrap().values().any(|check| check["status"] == "degraded");
    assert_eq!(report["status"], if degraded { "degraded" } else { "ok" });
    let again = house.get(Who::Nobody, "/health").await.json();
    assert_eq!(again, report, "a fresh report is given again");
}

#[tokio::test]
async fn the_front_page_is_plain_and_escapes_what_it_is_told() {
    let house = House::new().await;
    let page = house.send(with(house.request(Who::Nobody, "GET", "/"), "host", "here.example")).await;
    let text = String::from_utf8(page.body.to_vec()).unwrap();
    assert!(
        text.contains("<code>http://here.example</code>") && text.contains(env!("CARGO_PKG_VERSION")),
        "{text}"
    );
    assert!(text.contains("href=\"/health\""));
    assert!(page.header("content-security-policy").starts_with("default-src 'none'"));
    let page = house.send(with(house.request(Who::Nobody, "GET", "/"), "host", "<script>")).await;
    assert!(!String::from_utf8_lossy(&page.body).contains("<script>"));
    let base_url = BaseUrl::parse("https://example.org/music").unwrap();
    let house = House::with(Wishes { base_url, ..Wishes::default() }).await;
    let text = String::from_utf8(house.get(Who::Nobody, "/").await.body.to_vec()).unwrap();
    assert!(
        text.contains("<code>https://example.org/music</code>") && text.contains("href=\"/music/health\""),
        "{text}"
    );
}

async fn cors_house() -> House {
    let beside = Router::new().route("/rest/ping.view", get(|| async { "pong" }));
    let cors_origins = Origins::parse(&["https://app.example"]).unwrap();
    House::with(Wishes { cors_origins, beside, ..Wishes::default() }).await
}

#[tokio::test]
async fn other_origins_read_what_they_may() {
    let house = cors_house().await;
    let signed = format!("/tracks/{}/audio?user=us-1&expires=1&signature=x", house.shared);
    let cases = [
        ("/rest/ping.view", "https://evil.example", "*", "", "cross-origin"),
        ("/rest/unknown", "https://evil.example", "*", "", "cross-origin"),
        (signed.as_str(), "https://evil.example", "*", "", "cross-origin"),
        ("/me", "https://evil.example", "", "", "same-origin"),
        ("/me", "https://app.example", "https://app.example", "true", "cross-origin"),
        ("/nowhere", "https://app.example", "https://app.example", "true", "cross-origin"),
    ];
    for (path, origin, allowed, credentials, policy) in cases {
        let answer = house.send(with(house.request(Who::Nobody, "GET", path), "origin", origin)).await;
        assert_eq!(answer.header("access-control-allow-origin"), allowed, "{path} {origin}");
        assert_eq!(answer.header("access-control-allow-credentials"), credentials, "{path} {origin}");
        assert_eq!(answer.header("cross-origin-resource-policy"), policy, "{path} {origin}");
        for exposed in ["Content-Range", "Content-Length", "Accept-Ranges", "ETag", "Retry-After"] {
            let said = answer.header("access-control-expose-headers").contains(exposed);
            assert_eq!(said, !allowed.is_empty(), "{path} {origin} {exposed}");
        }
    }
    let split = house.request(Who::Nobody, "POST", "/separate");
    let answer = house.send(with(split, "origin", "https://app.example")).await;
    for exposed in ["X-Stems-Engine", "X-Stems-Note"] {
        let said = answer.header("access-control-expose-headers");
        assert!(said.split(", ").any(|name| name == exposed), "{exposed}: {said}");
    }
}

/// Pages that are listed read with credentials what the route has for everybody else; what another server answers is its.
#[tokio::test]
async fn listed_pages_read_where_the_routes_say_who_else_may() {
    let everybody = || async { [("access-control-allow-origin", "*")] };
    let far = || async {
        let mut answer = [("access-control-allow-origin", "https://far.example")].into_response();
        answer.extensions_mut().insert(stream::Foreign);
        answer
    };
    let beside = Router::new()
        .route("/clips/{*rest}", get(everybody).options(everybody))
        .route("/renditions/{key}", get(|| async { "{}" }))
        .route("/far/{*rest}", any(far));
    let cors_origins = Origins::parse(&["https://app.example"]).unwrap();
    let readers_by_route = ["/clips/", "/renditions/", "/far/"].map(str::to_owned).to_vec();
    let house = House::with(Wishes { cors_origins, beside, readers_by_route, ..Wishes::default() }).await;
    let (app, evil) = ("https://app.example", "https://evil.example");
    let cases = [
        ("/clips/a.mp4", app, app, "origin"),
        ("/clips/a.mp4", evil, "*", "origin"),
        ("/renditions/0123", app, app, "origin"),
        ("/renditions/0123", evil, "", "origin"),
        ("/far/a.mp4", app, "https://far.example", ""),
        ("/far/a.mp4", evil, "https://far.example", ""),
    ];
    for (path, origin, allowed, vary) in cases {
        let credentials = if allowed == app { "true" } else { "" };
        for method in ["GET", "OPTIONS"] {
            let request = with(house.request(Who::Nobody, method, path), "origin", origin);
            let answer = house.send(with(request, "access-control-request-method", "GET")).await;
            assert!(answer.status.is_success(), "{method} {path} {origin}: {}", answer.status);
            assert_eq!(answer.header("access-control-allow-origin"), allowed, "{method} {path} {origin}");
            assert_eq!(answer.header("access-control-allow-credentials"), credentials, "{method} {path}");
            assert_eq!(answer.header("vary"), vary, "{method} {path} {origin}");
            let fields = answer.header("access-control-allow-headers");
            assert_eq!(fields.contains("Authorization"), method == "OPTIONS" && allowed == app, "{path}");
        }
    }
}

#[tokio::test]
async fn a_preflight_never_needs_a_sign_in() {
    let house = cors_house().await;
    let signed = format!("/tracks/{}/audio?user=us-1&expires=1&signature=x", house.shared);
    let ask = |path: &str, origin: &str, method: &str| {
        let request = with(house.request(Who::Nobody, "OPTIONS", path), "origin", origin);
        with(request, "access-control-request-method", method)
    };
    for path in ["/rest/ping.view", signed.as_str()] {
        let answer = house.send(ask(path, "https://evil.example", "GET")).await;
        assert_eq!(
            (answer.status.as_u16(), answer.header("access-control-allow-origin")),
            (204, "*"),
            "{path}"
        );
        assert!(answer.header("access-control-allow-headers").starts_with("Range,"), "{path}");
        assert_eq!(answer.header("access-control-allow-credentials"), "", "{path}");
    }
    for route in ROUTES {
        let path = route.path.replace("{id}", "tr-1");
        let listed = house.send(ask(&path, "https://app.example", route.method.as_str())).await;
        assert_eq!(
            (listed.status.as_u16(), listed.header("access-control-allow-credentials")),
            (204, "true"),
            "{path}"
        );
        assert!(listed.header("access-control-allow-methods").contains(route.method.as_str()), "{path}");
        assert!(listed.header("access-control-allow-headers").contains("Authorization"), "{path}");
        let other = house.send(ask(&path, "https://evil.example", route.method.as_str())).await;
        assert_eq!((other.status.as_u16(), other.header("access-control-allow-origin")), (204, ""), "{path}");
        let plain = house.send(house.request(Who::Nobody, "OPTIONS", &path)).await;
        assert!(plain.status == 204 && plain.header("allow").contains(route.method.as_str()), "{path}");
    }
}

#[tokio::test]
async fn a_scan_is_started_and_seen() {
    let house = House::new().await;
    let started = house.send(house.request(Who::Admin, "POST", "/scan")).await;
    assert_eq!((started.status.as_u16(), started.json()["running"].as_bool()), (202, Some(true)));
    let again = house.send(house.request(Who::Admin, "POST", "/scan")).await;
    assert_eq!((again.status.as_u16(), again.json()["running"].as_bool()), (202, Some(true)));
    let running = tokio::spawn(house.scanner.clone().run(Upkeep::default(), std::future::pending()));
    let ended = async {
        loop {
            let status = house.get(Who::Admin, "/scan").await.json();
            if status["running"] == false {
                return status;
            }
            tokio::task::yield_now().await;
        }
    };
    let status = tokio::time::timeout(std::time::Duration::from_secs(30), ended).await.unwrap();
    assert_eq!(status["seen"], 3, "{status}");
    assert!(status["ended"].is_string() && status["failure"].is_null(), "{status}");
    running.abort();
}

#[tokio::test]
async fn p05_a_user_has_so_many_pages_on_their_way_and_is_in_nobody_elses() {
    let house = House::new().await;
    let ask = async |who| {
        let answer = house.router.clone().oneshot(house.request(who, "GET", "/tracks")).await.unwrap();
        (answer.status().as_u16(), answer)
    };
    let mut begun = Vec::new();
    for _ in 0..LISTINGS_PER_USER {
        let (status, answer) = ask(Who::Plain).await;
        assert_eq!(status, 200);
        begun.push(answer);
    }
    assert_eq!(ask(Who::Plain).await.0, 429);
    assert_eq!(ask(Who::Admin).await.0, 200);
    drop(begun);
    assert_eq!(ask(Who::Plain).await.0, 200);
}
