//! What an answer says beside the bytes: what was understood, where they come from, who may keep them.

use std::fmt::Write as _;

use axum::body::Body;
use axum::response::Response;
use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_METHOD, AGE, CACHE_CONTROL,
    CONTENT_DISPOSITION, CONTENT_TYPE, LOCATION, ORIGIN, RANGE, RETRY_AFTER, VARY,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, request};
use serde::Serialize;
use serde_json::json;
use transform::{Made, Material};

use crate::error::{Code, Refused};
use crate::hints::HINT_FIELDS;
use crate::hls::Asking;
use crate::options::{Asked, Extras};
use crate::sources::Found;

const ACCEPT_CH: HeaderName = HeaderName::from_static("accept-ch");
const PREFERENCE_APPLIED: HeaderName = HeaderName::from_static("preference-applied");
const RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");
const RESIZED: HeaderName = HeaderName::from_static("cf-resized");
const CACHE_STATUS: HeaderName = HeaderName::from_static("cache-status");
const CACHE_TAG: HeaderName = HeaderName::from_static("cache-tag");
const DERIVATIVE: HeaderName = HeaderName::from_static("x-derivative");
const WARNINGS: HeaderName = HeaderName::from_static("x-param-warnings");
const PENDING: HeaderName = HeaderName::from_static("x-transform-pending");

/// Where a rendition comes from, in the words of `Cache-Status` (RFC 9211).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Told {
    /// It was kept.
    Hit,
    /// It was made for this request, or one that came a moment before.
    Made,
    /// It is being made.
    Growing,
    /// It was kept, of a source that has changed since; a newer one is being made.
    Stale,
}

impl Told {
    const fn status(self) -> &'static str {
        match self {
            Told::Hit => "millpond; hit",
            Told::Made => "millpond; fwd=miss; stored",
            Told::Growing => "millpond; fwd=miss",
            Told::Stale => "millpond; hit; detail=stale",
        }
    }
}

/// The fields that every rendition has.
pub(crate) fn describe(fields: &mut HeaderMap, asked: &Asked, found: &Found, told: Told) {
    fields.insert(CACHE_STATUS, HeaderValue::from_static(told.status()));
    if let Some(preset) = asked.preset.as_deref().and_then(|preset| HeaderValue::try_from(preset).ok()) {
        fields.insert(DERIVATIVE, preset);
    }
    if asked.by_hints {
        let offered = HINT_FIELDS.iter().filter(|field| field.starts_with("Sec-CH-")).copied();
        set(fields, ACCEPT_CH, HeaderValue::try_from(offered.collect::<Vec<_>>().join(", ")).ok());
        let mut vary = fields.get(VARY).and_then(|v| v.to_str().ok()).unwrap_or_default().to_owned();
        for field in HINT_FIELDS {
            let comma = if vary.is_empty() { "" } else { ", " };
            // Writing to a String cannot fail.
            let _ = write!(vary, "{comma}{field}");
        }
        set(fields, VARY, HeaderValue::try_from(vary).ok());
    }
    beside(fields, &asked.extras, found.is_open());
}

/// What was said beside the recipe, and who may read the answer: pages of every origin where the address alone gives it.
pub(crate) fn beside(fields: &mut HeaderMap, extras: &Extras, is_open: bool) {
    for (name, value) in extras.playback.fields() {
        fields.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    set(fields, WARNINGS, extras.warnings_field());
    if let Some(name) = &extras.filename {
        let value = format!("inline; filename=\"{}\"", name.as_str());
        set(fields, CONTENT_DISPOSITION, HeaderValue::try_from(value).ok());
    }
    if is_open {
        everybody(fields);
    }
}

/// Pages of every origin may read it.
pub(crate) fn everybody(fields: &mut HeaderMap) {
    fields.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    fields.insert(RESOURCE_POLICY, HeaderValue::from_static("cross-origin"));
    let exposed = "Accept-Ranges, Cache-Status, Content-Length, Content-Range, ETag, Location, Retry-After, X-Derivative, X-Param-Warnings";
    fields.insert(ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(exposed));
}

/// Who may keep it, and for how long (RFC 9111, RFC 5861). What needs a sign-in is each browser's own.
pub(crate) fn cacheable(fields: &mut HeaderMap, made: &Made, is_public: bool, told: Told) {
    if made.fresh_until == made.created {
        // The operator wants nothing of this origin kept, here or elsewhere.
        fields.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        return;
    }
    fields.insert(AGE, HeaderValue::from(made.age().as_secs()));
    if !made.tags.is_empty() {
        set(fields, CACHE_TAG, HeaderValue::try_from(made.tags.join(",")).ok());
    }
    if is_public {
        // Who asks again soon gets the newer one.
        let is_stale = told == Told::Stale || !made.is_fresh();
        let fresh_ms = match is_stale {
            true => 0,
            false => u64::try_from(made.fresh_until - made.created).unwrap_or(0),
        };
        let stale = budget::limits::STALE_MS / 1_000;
        let value = format!("public, max-age={}, stale-while-revalidate={stale}", fresh_ms / 1_000);
        set(fields, CACHE_CONTROL, HeaderValue::try_from(value).ok());
    }
}

/// Whether the client asked for an answer at once (RFC 7240 section 4.1).
pub(crate) fn prefers_async(headers: &HeaderMap) -> bool {
    let values = headers.get_all("prefer").iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|one| one.trim().eq_ignore_ascii_case("respond-async"))
}

/// Whether the client wants no former version: it asks for a job, or past all caches (RFC 9111 section 5.2.1.4).
pub(crate) fn wants_the_newest(headers: &HeaderMap) -> bool {
    let values = headers.get_all(CACHE_CONTROL).iter().filter_map(|value| value.to_str().ok());
    let says_no_cache =
        values.flat_map(|value| value.split(',')).any(|one| one.trim().eq_ignore_ascii_case("no-cache"));
    says_no_cache || prefers_async(headers)
}

/// Whether it is a player that begins nothing without ranges, and plays HLS: Safari's, which asks for the first bytes first.
pub(crate) fn plays_with_ranges_alone(head: &request::Parts) -> bool {
    stream::is_safari(&head.headers) && head.headers.contains_key(RANGE)
}

/// 302: until it is made, the same is there. Nobody keeps that.
pub(crate) fn elsewhere(place: &str, asking: &Asking<'_>) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::FOUND;
    let fields = response.headers_mut();
    set(fields, LOCATION, HeaderValue::try_from(place).ok());
    fields.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    fields.insert(PENDING, HeaderValue::from_static("true"));
    if asking.found.is_open() {
        everybody(fields);
    }
    response
}

/// 202 (RFC 7240 section 4.1): how far it is, and where that is told.
pub(crate) fn accepted(job: &impl Serialize, place: &str, asking: &Asking<'_>) -> Response {
    let mut response = json(StatusCode::ACCEPTED, job);
    let fields = response.headers_mut();
    fields.insert(RETRY_AFTER, HeaderValue::from(budget::limits::RENDITION_RETRY_SECONDS));
    fields.insert(PENDING, HeaderValue::from_static("true"));
    set(fields, LOCATION, HeaderValue::try_from(place).ok());
    set(fields, WARNINGS, asking.asked.extras.warnings_field());
    if prefers_async(&asking.head.headers) {
        fields.insert(PREFERENCE_APPLIED, HeaderValue::from_static("respond-async"));
    }
    if asking.found.is_open() {
        everybody(fields);
    }
    response
}

/// `debug=view`: what was understood.
pub(crate) fn view(asked: &Asked, material: &Material) -> Response {
    let warnings: Vec<String> = asked.extras.warnings.iter().map(ToString::to_string).collect();
    let text = json!({
        "recipe": asked.recipe.canonical(),
        "mode": asked.recipe.mode(),
        "derivative": asked.preset,
        "free": asked.is_free,
        "origin": material.origin,
        "source_bytes": material.source.len(),
        "source_tag": material.source.validator().tag(),
        "warnings": warnings,
    });
    json(StatusCode::OK, &text)
}

/// What an answer says instead of a rendition.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Words {
    code: &'static str,
    message: String,
    hint: Option<&'static str>,
}

impl Words {
    pub(crate) fn of(refused: &Refused) -> Words {
        Words { code: refused.code().word, message: refused.to_string(), hint: refused.hint() }
    }
}

/// The one shape of what is said instead of a rendition.
pub(crate) fn refusal(refused: &Refused) -> Response {
    let Code { status, resized, .. } = refused.code();
    let mut response = json(status, &json!({ "error": Words::of(refused) }));
    let fields = response.headers_mut();
    if let Some(code) = resized {
        set(fields, RESIZED, HeaderValue::try_from(format!("err={code}")).ok());
    }
    if let Some(after) = refused.retry_after() {
        fields.insert(RETRY_AFTER, HeaderValue::from(after.as_secs().max(1)));
    }
    everybody(fields);
    response
}

/// Whether a browser asks in the name of a page of another origin whether it may read something.
pub(crate) fn is_preflight(head: &request::Parts) -> bool {
    let wanted = head.headers.get(ACCESS_CONTROL_REQUEST_METHOD);
    head.method == Method::OPTIONS
        && head.headers.contains_key(ORIGIN)
        && wanted.is_some_and(|method| matches!(method.as_bytes(), b"GET" | b"HEAD"))
}

/// What a page of another origin is told before it asks: originals and renditions of public origins are for everybody, and
/// all others say so themselves by what they do not say.
pub(crate) async fn preflight() -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    let fields = response.headers_mut();
    everybody(fields);
    fields.insert(ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("GET, HEAD"));
    fields.insert(ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static("Range, If-Range, Prefer"));
    fields.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("86400"));
    response
}

/// In place of what may be there: others may have said something before.
fn set(fields: &mut HeaderMap, name: HeaderName, value: Option<HeaderValue>) {
    if let Some(value) = value {
        fields.insert(name, value);
    }
}

/// A small text that follows from the source, for whoever may see that.
pub(crate) fn text(content_type: &'static str, text: impl Into<Body>, asking: &Asking<'_>) -> Response {
    let mut response = Response::new(text.into());
    let fields = response.headers_mut();
    fields.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    fields.insert(CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    set(fields, WARNINGS, asking.asked.extras.warnings_field());
    if asking.found.is_open() {
        everybody(fields);
    }
    response
}

/// JSON that nobody keeps.
pub(crate) fn json(status: StatusCode, what: &impl Serialize) -> Response {
    // Serialising our own types cannot fail.
    let mut response = Response::new(Body::from(serde_json::to_vec(what).unwrap_or_default()));
    *response.status_mut() = status;
    let fields = response.headers_mut();
    fields.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    fields.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
