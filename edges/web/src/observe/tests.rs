use axum::body::Body;
use axum::routing::get;
use budget::limits::MIB;
use tower::ServiceExt;

use super::*;
use crate::tests::{Log, whole};

fn observed() -> Observed {
    Observed {
        operations: Operations::new(),
        peaks: Peaks::new(),
        budget: Budget::new(256 * MIB).unwrap(),
        base_url: BaseUrl::default(),
        cors_origins: Origins::default(),
        readers_by_route: Vec::new().into(),
    }
}

async fn slow() -> &'static str {
    // sleep: the clock is paused, and this is the slow operation itself
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    "slow"
}

async fn slow_media() -> Response {
    // sleep: the clock is paused, and this is the slow operation itself
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    ([(CONTENT_TYPE, "audio/mpeg")], "media").into_response()
}

async fn bug() {
    panic!("a bug with words");
}

fn router(observed: &Observed) -> Router {
    let routes = Router::new()
        .route("/quick/{id}", get(|| async { "quick" }))
        .route("/slow", get(slow))
        .route("/slow-media", get(slow_media))
        .route("/bug", get(bug));
    observe(routes, observed)
}

async fn ask(router: &Router, request: Request) -> Response {
    router.clone().oneshot(request).await.unwrap()
}

fn get_of(path: &str) -> Request {
    Request::get(path).body(Body::empty()).unwrap()
}

#[tokio::test]
async fn a_request_id_is_kept_when_it_is_short_and_plain_and_made_otherwise() {
    let router = router(&observed());
    let (longest, long) = ("x".repeat(64), "x".repeat(65));
    let cases = [
        ("abc-1.2_3", true),
        (longest.as_str(), true),
        (long.as_str(), false),
        ("", false),
        ("a b", false),
        ("a\u{e9}", false),
        ("<script>", false),
    ];
    for (id, kept) in cases {
        let mut request = get_of("/quick/1");
        request.headers_mut().insert(X_REQUEST_ID, HeaderValue::from_bytes(id.as_bytes()).unwrap());
        let answer = ask(&router, request).await;
        let said = &answer.headers()[X_REQUEST_ID];
        assert_eq!(said.as_bytes() == id.as_bytes(), kept, "{id}");
        assert!(kept || said.len() == 16, "{said:?}");
    }
    let made: Vec<_> = [ask(&router, get_of("/a")).await, ask(&router, get_of("/b")).await]
        .iter()
        .map(|answer| answer.headers()[X_REQUEST_ID].clone())
        .collect();
    assert_ne!(made[0], made[1], "also an answer that no route gives has an id of its own");
}

#[tokio::test(start_paused = true)]
async fn the_time_is_in_seconds_with_three_decimals() {
    let router = router(&observed());
    for (path, expected) in [("/quick/1", "0.000"), ("/slow", "1.500"), ("/nowhere", "0.000")] {
        let answer = ask(&router, get_of(path)).await;
        assert_eq!(answer.headers()[X_PROCESS_TIME], expected, "{path}");
    }
}

#[tokio::test(start_paused = true)]
async fn slow_operations_are_logged_by_class_and_media_are_not() {
    let (log, router) = (Log::start(), router(&observed()));
    for path in ["/quick/1?p=secret", "/slow?p=secret", "/slow-media?p=secret"] {
        let mut request = get_of(path);
        request.headers_mut().insert(X_REQUEST_ID, HeaderValue::from_static("id-7"));
        ask(&router, request).await;
    }
    let text = log.text();
    let slow: Vec<&str> = text.lines().filter(|line| line.contains("slow operation")).collect();
    let [line] = slow[..] else { panic!("{text}") };
    for part in ["class=\"/slow\"", "status=200", "id-7", "ms=1500"] {
        assert!(line.contains(part), "{part} is not in {line}");
    }
    assert!(text.contains("answered") && text.contains("class=\"/quick/{id}\""), "{text}");
    assert!(!text.contains("secret"), "{text}");
}

#[tokio::test]
async fn a_panic_ends_its_request_and_the_server_goes_on() {
    let observed = observed();
    let (log, router) = (Log::start(), router(&observed));
    let answer = ask(&router, get_of("/bug")).await;
    assert_eq!(answer.status(), StatusCode::INTERNAL_SERVER_ERROR);
    assert!(answer.headers().contains_key(X_REQUEST_ID));
    let text = whole(answer.into_body()).await.unwrap();
    assert!(text.starts_with(b"{\"error\":{\"code\":\"broken\""), "{text:?}");
    assert!(!text.windows(5).any(|part| part == b"words"), "the words are for the log");
    assert!(log.text().contains("a bug with words"));
    assert_eq!(ask(&router, get_of("/quick/1")).await.status(), StatusCode::OK);
    let classes: Vec<&str> = observed.operations.figures().iter().map(|(class, _)| *class).collect();
    assert_eq!(classes, ["/bug", "/quick/{id}"]);
}

#[tokio::test]
async fn every_answer_has_the_headers_that_tie_browsers_down() {
    let router = router(&observed());
    for (path, policy) in [("/quick/1", API_POLICY), ("/nowhere", API_POLICY), ("/bug", API_POLICY)] {
        let answer = ask(&router, get_of(path)).await;
        assert_eq!(answer.headers()[X_CONTENT_TYPE_OPTIONS], "nosniff", "{path}");
        assert_eq!(answer.headers()[REFERRER_POLICY], "no-referrer", "{path}");
        assert_eq!(answer.headers()[CONTENT_SECURITY_POLICY], policy, "{path}");
        assert_eq!(answer.headers()["cross-origin-resource-policy"], "same-origin", "{path}");
    }
}

#[tokio::test]
async fn a_plain_options_says_what_the_path_allows() {
    let router = router(&observed());
    let request = Request::options("/quick/1").body(Body::empty()).unwrap();
    let answer = ask(&router, request).await;
    assert_eq!(
        (answer.status(), answer.headers()[ALLOW].to_str().unwrap()),
        (StatusCode::NO_CONTENT, "GET,HEAD")
    );
    let request = Request::options("/nowhere").body(Body::empty()).unwrap();
    assert_eq!(ask(&router, request).await.status(), StatusCode::NOT_FOUND);
}
