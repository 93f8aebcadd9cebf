//! What every answer of every face passes: an id, a clock, an account, headers, compression, a log line.

use std::any::Any;
use std::convert::Infallible;
use std::hash::{BuildHasher, RandomState};
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::extract::{MatchedPath, Request};
use axum::http::header::{
    ALLOW, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::Route;
use axum::routing::future::RouteFuture;
use budget::{Account, Budget, Peaks, limits};
use futures_util::FutureExt;
use tokio::time::Instant;
use tower::{Layer, Service};
use tracing::Instrument;

use crate::error::{self, Code, Error};
use crate::operations::Operations;
use crate::origin::Origins;
use crate::{BaseUrl, cors, gzip, shares};

const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const SEC_FETCH_DEST: HeaderName = HeaderName::from_static("sec-fetch-dest");
const X_PROCESS_TIME: HeaderName = HeaderName::from_static("x-process-time");

/// What [`observe`] works with. Clones share the figures.
#[derive(Clone)]
pub struct Observed {
    /// Where operations are counted.
    pub operations: Operations,
    /// Where the peak of every request's permits goes.
    pub peaks: Peaks,
    /// The law, for the memory of compressors.
    pub budget: Budget,
    /// `server.base_url`, for its prefix.
    pub base_url: BaseUrl,
    /// `server.cors_origins`.
    pub cors_origins: Origins,
    /// Beginnings of paths whose routes say themselves who may read an answer, and answer preflights.
    pub readers_by_route: Arc<[String]>,
}

/// Puts the layers around all routes of this router and its fallback. A panic in a handler ends its request with 500.
///
/// It must be applied to the whole merged router, because the class of a request is the path that this router matched.
pub fn observe(router: Router, observed: &Observed) -> Router {
    router.layer(Around(Arc::new(Watch { observed: observed.clone(), ids: Ids::new() })))
}

/// The layer of [`observe`].
#[derive(Clone)]
struct Around(Arc<Watch>);

impl Layer<Route> for Around {
    type Service = Watched;

    fn layer(&self, route: Route) -> Watched {
        Watched { watch: Arc::clone(&self.0), route }
    }
}

/// A route with everything around it. It is a service of our own because axum's middleware of functions clones and boxes
/// the route once more for each request.
#[derive(Clone)]
struct Watched {
    watch: Arc<Watch>,
    route: Route,
}

impl Service<Request> for Watched {
    type Response = Response;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Service::<Request>::poll_ready(&mut self.route, cx)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let watch = Arc::clone(&self.watch);
        let asked = Asked::of(&request, &watch);
        // Without the query string, where credentials and signatures are.
        let span = tracing::info_span!(
            "request",
            id = asked.id.to_str().unwrap_or_default(),
            method = %asked.method,
            path = shares::without_token(request.uri().path())
        );
        // It runs when it is polled, and not before.
        let handler = (!asked.is_preflight || asked.by_route).then(|| self.route.call(request));
        let passed = async move {
            let account = Account::open(asked.class, &watch.observed.peaks);
            let passed = pass(&watch.observed, &asked, &account, handler);
            Ok(Arc::clone(&account).scope(passed).await)
        };
        Box::pin(passed.instrument(span))
    }
}

/// What every request passes by.
struct Watch {
    observed: Observed,
    ids: Ids,
}

/// Ids for requests that bring none: unguessable enough not to be confused between processes, and cheap.
struct Ids {
    seed: u64,
    made: AtomicU64,
}

impl Ids {
    fn new() -> Self {
        Ids { seed: RandomState::new().hash_one("request ids"), made: AtomicU64::new(0) }
    }

    /// The client's own id if it is short and plain, else a new one.
    fn of(&self, headers: &HeaderMap) -> HeaderValue {
        let plain = |b: &u8| b.is_ascii_alphanumeric() || b"._-".contains(b);
        if let Some(id) = headers.get(X_REQUEST_ID)
            && (1..=limits::REQUEST_ID_CHARS_MAX).contains(&id.len())
            && id.as_bytes().iter().all(plain)
        {
            return id.clone();
        }
        // An odd factor visits every number once before one comes again.
        let number = self.made.fetch_add(1, Ordering::Relaxed).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let text = format!("{:016x}", self.seed.wrapping_add(number));
        HeaderValue::try_from(text).unwrap_or(HeaderValue::from_static("-"))
    }
}

/// What is remembered of a request until its answer is there.
struct Asked {
    started: Instant,
    id: HeaderValue,
    class: &'static str,
    method: Method,
    readers: cors::Readers,
    is_preflight: bool,
    /// The route hears preflights too, and may answer them.
    by_route: bool,
    gzip: gzip::Asked,
    /// A page asks, and not a person who opens an address (Fetch Metadata, W3C).
    by_page: bool,
}

impl Asked {
    fn of(request: &Request, Watch { observed, ids }: &Watch) -> Self {
        let (headers, prefix) = (request.headers(), observed.base_url.prefix());
        Asked {
            started: Instant::now(),
            id: ids.of(headers),
            class: observed.operations.class(request.extensions().get().map(MatchedPath::as_str)),
            method: request.method().clone(),
            readers: cors::readers(
                request.uri(),
                headers,
                prefix,
                &observed.cors_origins,
                &observed.readers_by_route,
            ),
            is_preflight: cors::is_preflight(request.method(), headers),
            by_route: cors::is_said_by_route(request.uri(), prefix, &observed.readers_by_route),
            gzip: gzip::Asked::by(request.method(), headers),
            by_page: headers.get(SEC_FETCH_DEST).is_some_and(|dest| dest != "document"),
        }
    }

    /// Whether a page of `server.cors_origins` asks.
    fn is_listed(&self) -> bool {
        matches!(self.readers, cors::Readers::Listed(_))
    }
}

/// Waits for the answer, finishes it, and writes down what it was.
async fn pass(
    observed: &Observed,
    asked: &Asked,
    account: &Account,
    handler: Option<RouteFuture<Infallible>>,
) -> Response {
    let mut answer = finish(answer(asked, handler).await, asked, observed);
    let took = asked.started.elapsed();
    answer.headers_mut().insert(X_REQUEST_ID, asked.id.clone());
    answer.headers_mut().insert(X_PROCESS_TIME, process_time(took));
    observed.operations.record(asked.class, answer.status(), took, account.peak_bytes());
    log(asked, &answer, took);
    answer
}

/// Seconds with three digits behind the point.
fn process_time(took: Duration) -> HeaderValue {
    let ms = (took.as_micros() + 500) / 1000;
    HeaderValue::try_from(format!("{}.{:03}", ms / 1000, ms % 1000)).unwrap_or(HeaderValue::from_static("-"))
}

/// The handler's answer, or one in its place: to a preflight, which has no handler, and after a panic.
async fn answer(asked: &Asked, handler: Option<RouteFuture<Infallible>>) -> Response {
    let Some(handler) = handler else { return cors::preflight(&asked.readers) };
    // What a handler leaves half done is its own and goes with it; what it shares is behind locks that survive.
    match AssertUnwindSafe(handler).catch_unwind().await {
        Ok(Ok(answer)) if asked.is_preflight && asked.is_listed() && !is_foreign(&answer) => {
            cors::preflight(&asked.readers)
        }
        Ok(Ok(answer)) if asked.method == Method::OPTIONS => options(answer),
        Ok(Ok(answer)) => answer,
        Err(panic) => {
            tracing::error!(
                panic = panic_text(&*panic),
                "a handler panicked; its request ends, the server goes on"
            );
            let text = "this request met a bug";
            Error::new(Code::Broken, text)
                .hint("the server's log has more under this X-Request-ID")
                .into_response()
        }
    }
}

/// A plain OPTIONS, which no handler takes, is answered by what the path allows: axum adds `Allow` behind us to what
/// its fallback for methods said, so only the status and the body are to be changed.
fn options(answer: Response) -> Response {
    if answer.status() != StatusCode::METHOD_NOT_ALLOWED || is_foreign(&answer) {
        return answer;
    }
    let mut empty = StatusCode::NO_CONTENT.into_response();
    if let Some(allow) = answer.headers().get(ALLOW) {
        empty.headers_mut().insert(ALLOW, allow.clone());
    }
    empty
}

/// Whether it is another server's answer, which is passed on as it came.
fn is_foreign(answer: &Response) -> bool {
    answer.extensions().get::<stream::Foreign>().is_some()
}

/// Headers that every answer has, and compression.
fn finish(answer: Response, asked: &Asked, observed: &Observed) -> Response {
    if is_foreign(&answer) {
        return answer;
    }
    let mut answer = gzip::compress(answer, asked.gzip, &observed.budget);
    let policy = if is_media(answer.headers()) { MEDIA_POLICY } else { API_POLICY };
    let headers = answer.headers_mut();
    if asked.by_page {
        error::only_bearer(headers);
    }
    cors::mark(&asked.readers, headers);
    headers.entry(X_CONTENT_TYPE_OPTIONS).or_insert(NOSNIFF);
    headers.entry(REFERRER_POLICY).or_insert(NO_REFERRER);
    headers.entry(CONTENT_SECURITY_POLICY).or_insert(policy);
    answer
}

// Constants, because text is checked letter by letter when it becomes a value.
const NOSNIFF: HeaderValue = HeaderValue::from_static("nosniff");
const NO_REFERRER: HeaderValue = HeaderValue::from_static("no-referrer");
/// Nothing may be loaded, run or framed: there is nothing in our answers that needs it.
const API_POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
);
/// A browser that opens media by itself makes a page around it, which may load just that and look right.
const MEDIA_POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; media-src 'self'; img-src 'self'; style-src 'unsafe-inline'",
);

fn is_media(headers: &HeaderMap) -> bool {
    let kind = headers.get(CONTENT_TYPE).map_or(&b""[..], HeaderValue::as_bytes);
    [&b"audio/"[..], b"video/", b"image/"].iter().any(|media| kind.starts_with(media))
}

/// Where files come in: what such a request takes is its client's line, and it has figures of its own.
fn is_upload(class: &str) -> bool {
    matches!(class, "/uploads" | "/uploads/{id}" | "/tracks/" | "/separate")
}

/// One line for every answer, and a louder one for those that took long. A stream takes as long as it plays, and
/// opening its file may wait for a disk that slept; it has figures of its own.
fn log(asked: &Asked, answer: &Response, took: Duration) {
    let (status, class, ms) = (answer.status().as_u16(), asked.class, took.as_millis());
    let takes_its_time = is_media(answer.headers()) || is_upload(class);
    if took >= Duration::from_millis(limits::SLOW_OPERATION_MS) && !takes_its_time {
        tracing::warn!(class, status, ms, "slow operation");
    }
    tracing::debug!(target: "millpond::access", class, status, ms, "answered");
}

/// The words of a panic, when it has any.
fn panic_text(panic: &(dyn Any + Send)) -> &str {
    let owned = panic.downcast_ref::<String>().map(String::as_str);
    owned.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("without words")
}

#[cfg(test)]
mod tests;
