//! The routes beside the renditions themselves: addresses are signed, renditions purged, jobs asked for.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::response::Response;
use axum::routing::{MethodFilter, on};
use budget::Pool;
use budget::limits::{FORM_BYTES_MAX, FORM_MS, RENDITION_LINK_MS};
use catalog::{Action, Identity, Verdict, access};
use http::header::CONTENT_TYPE;
use http::{Method, StatusCode, request};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use transform::{Key, Purged};
use utoipa::ToSchema;

use crate::answer;
use crate::error::Refused;
use crate::face::{Face, now_ms};
use crate::jobs::JobAnswer;
use crate::purge::{CacheAnswer, Purge, PurgeAnswer};
use crate::sign::{Signed, is_lifetime};

/// One row: who may do what where. `HEAD` is answered wherever `GET` is.
#[derive(Clone, Debug)]
pub struct Route {
    /// The method.
    pub method: Method,
    /// The path as axum writes it.
    pub path: &'static str,
    /// What the access table is asked before anything else.
    pub action: Action,
    what: What,
}

#[derive(Clone, Copy, Debug)]
enum What {
    Sign,
    Purge,
    Cache,
    Job,
    Events,
}

/// The beginning of the routes of jobs, which pages of every origin may read: the key is the proof.
pub(crate) const JOBS: &str = "/renditions/";

/// Every route of this part.
// Whoever holds the key of a job was told it because he may see its source.
pub const ROUTES: &[Route] = &[
    Route { method: Method::POST, path: "/cdn/sign", action: Action::Transform, what: What::Sign },
    Route { method: Method::POST, path: "/cdn/purge", action: Action::Administer, what: What::Purge },
    Route { method: Method::GET, path: "/cdn/cache", action: Action::Administer, what: What::Cache },
    Route { method: Method::GET, path: "/renditions/{key}", action: Action::Knock, what: What::Job },
    Route {
        method: Method::GET,
        path: "/renditions/{key}/events",
        action: Action::Knock,
        what: What::Events,
    },
];

/// Adds these routes.
pub(crate) fn add(router: Router, face: &Arc<Face>) -> Router {
    ROUTES.iter().fold(router, |router, route| {
        let face = Arc::clone(face);
        let serve = move |request: Request| {
            let face = Arc::clone(&face);
            async move { face.call(route, request).await }
        };
        let filter = if route.method == Method::POST { MethodFilter::POST } else { MethodFilter::GET };
        router.route(route.path, on(filter, serve))
    })
}

/// What is to be signed.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SignForm {
    /// Path and query.
    #[schema(example = "/clips/a.mp4?width=700")]
    url: String,
    /// For how long, in milliseconds.
    expires_in_ms: Option<u64>,
}

/// A signed address.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SignAnswer {
    /// Path and query with the signature.
    url: String,
    /// Until when, in milliseconds since 1970.
    expires_ms: u64,
}

impl Face {
    async fn call(&self, route: &Route, request: Request) -> Response {
        let (head, body) = request.into_parts();
        let who = match route.action {
            Action::Knock => None,
            // Boxed, because signing in may hash a password, and that future is larger than all the others.
            _ => match Box::pin(self.parts.door.who(&head)).await {
                Ok(who) => who,
                Err(refused) => return refused,
            },
        };
        let answered = match access::judge(who.as_ref().map(|who| &*who.user), route.action) {
            Verdict::Allowed => self.act(route.what, &head, body, who.as_ref()).await,
            Verdict::SignIn => Err(Refused::SignInNeeded),
            Verdict::Denied => Err(Refused::NotAllowed),
        };
        let mut response = answered.unwrap_or_else(|refused| answer::refusal(&refused));
        if matches!(route.what, What::Job | What::Events) {
            answer::everybody(response.headers_mut());
        }
        response
    }

    async fn act(
        &self,
        what: What,
        head: &request::Parts,
        body: Body,
        who: Option<&Identity>,
    ) -> Result<Response, Refused> {
        match what {
            What::Sign => sign(self, &self.form(head, body).await?, who),
            What::Purge => purge(self, &self.form(head, body).await?).await,
            What::Cache => kept(self).await,
            What::Job => job(self, key_of(head)?).await,
            What::Events => events(self, key_of(head)?, head).await,
        }
    }

    /// A body that is JSON of this type, under a permit for as long as it may be.
    async fn form<T: DeserializeOwned>(&self, head: &request::Parts, body: Body) -> Result<T, Refused> {
        let said = head.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let essence = said.split(';').next().unwrap_or_default().trim();
        if !essence.eq_ignore_ascii_case("application/json") {
            return Err(Refused::NotJson);
        }
        let _permit = self.parts.budget.wait(Pool::Listings, FORM_BYTES_MAX as u64).await?;
        #[expect(clippy::disallowed_methods, reason = "bounded, and under a permit of that size")]
        let read = to_bytes(body, FORM_BYTES_MAX);
        let text = tokio::time::timeout(Duration::from_millis(FORM_MS), read).await;
        let text = text.map_err(|_| Refused::BodyStalled)?;
        let text = text.map_err(|_| {
            Refused::BadBody(format!("it is longer than {FORM_BYTES_MAX} bytes, or broke off"))
        })?;
        serde_json::from_slice(&text).map_err(|e| Refused::BadBody(e.to_string()))
    }
}

/// Sign an address
///
/// Whoever has the address may then do with it what its signer may, for as long as its signer may.
#[utoipa::path(post, path = "/cdn/sign", tag = "renditions", request_body = SignForm,
    responses((status = 200, description = "the signed address", body = SignAnswer)))]
fn sign(face: &Face, form: &SignForm, who: Option<&Identity>) -> Result<Response, Refused> {
    let who = who.ok_or(Refused::SignInNeeded)?;
    let lasts_ms = form.expires_in_ms.unwrap_or(RENDITION_LINK_MS);
    if !is_lifetime(lasts_ms) {
        let most = budget::limits::RENDITION_LINK_MS_MAX;
        return Err(Refused::BadBody(format!("expires_in_ms must be a number from 1 to {most}")));
    }
    let settings = face.parts.sources.settings();
    if !form.url.starts_with('/') || !form.url.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'#') {
        let shape =
            "url must be a path with its query, as /clips/a.mp4?width=700, in the characters of addresses";
        return Err(Refused::BadBody(shape.to_owned()));
    }
    settings.signable(&form.url).map_err(|e| Refused::BadBody(format!("{e}; {}", e.hint())))?;
    let signed = Signed { until_ms: now_ms().saturating_add(lasts_ms), by: Some(who.user.id) };
    let url = format!("{}{}", face.parts.prefix, face.parts.signer.sign_as(&form.url, signed));
    Ok(answer::json(StatusCode::OK, &SignAnswer { url, expires_ms: signed.until_ms }))
}

/// Purge renditions, and answers of origins that are kept
#[utoipa::path(post, path = "/cdn/purge", tag = "renditions", request_body = Purge,
    responses((status = 200, description = "what was purged", body = PurgeAnswer)))]
async fn purge(face: &Face, purge: &Purge) -> Result<Response, Refused> {
    let selects = purge.selects(face.parts.sources.settings());
    let selects = selects.map_err(|e| Refused::BadBody(e.to_string()))?;
    let mut purged = Purged::default();
    for select in selects {
        purged += face.parts.transforms.cache().purge(&select).await?;
    }
    Ok(answer::json(StatusCode::OK, &PurgeAnswer::from(purged)))
}

/// See what the cache keeps
///
/// How much room it has and takes, and how much is kept of each kind.
#[utoipa::path(get, path = "/cdn/cache", tag = "renditions",
    responses((status = 200, description = "what it keeps", body = CacheAnswer)))]
async fn kept(face: &Face) -> Result<Response, Refused> {
    let cache = face.parts.transforms.cache();
    Ok(answer::json(
        StatusCode::OK,
        &CacheAnswer::of(cache.limit_bytes(), cache.taken(), cache.kinds().await?),
    ))
}

/// How the making of a rendition stands
#[utoipa::path(get, path = "/renditions/{key}", tag = "renditions", security(()), params(("key" = String, Path)),
    responses((status = 200, description = "how it stands", body = JobAnswer)))]
async fn job(face: &Face, key: Key) -> Result<Response, Refused> {
    face.job_status(key).await
}

/// The same as server-sent events, one for each change
#[utoipa::path(get, path = "/renditions/{key}/events", tag = "renditions", security(()), params(("key" = String, Path)),
    responses((status = 200, description = "events `progress` until the job ends", body = JobAnswer,
        content_type = "text/event-stream")))]
async fn events(face: &Face, key: Key, head: &request::Parts) -> Result<Response, Refused> {
    face.job_events(key, head).await
}

/// The key of `/renditions/{key}` and what lies beneath.
fn key_of(head: &request::Parts) -> Result<Key, Refused> {
    let key = head.uri.path().strip_prefix(JOBS).and_then(|rest| rest.split('/').next());
    key.and_then(|key| key.parse().ok()).ok_or(Refused::NoJob)
}
