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

use crate::answer;
use crate::error::Refused;
use crate::face::{Face, now_ms};
use crate::purge::{Purge, PurgeAnswer};
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
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct SignForm {
    /// Path and query.
    url: String,
    /// For how long, in milliseconds.
    expires_in_ms: Option<u64>,
}

/// A signed address.
#[derive(Debug, Serialize)]
struct SignAnswer {
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
            What::Sign => self.sign(&self.form(head, body).await?, who),
            What::Purge => self.purge(&self.form(head, body).await?).await,
            What::Job => self.job_status(key_of(head)?).await,
            What::Events => self.job_events(key_of(head)?, head).await,
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

    /// `POST /cdn/sign`: what is signed acts as its signer, for as long as he has the right himself.
    fn sign(&self, form: &SignForm, who: Option<&Identity>) -> Result<Response, Refused> {
        let who = who.ok_or(Refused::SignInNeeded)?;
        let lasts_ms = form.expires_in_ms.unwrap_or(RENDITION_LINK_MS);
        if !is_lifetime(lasts_ms) {
            let most = budget::limits::RENDITION_LINK_MS_MAX;
            return Err(Refused::BadBody(format!("expires_in_ms must be a number from 1 to {most}")));
        }
        let settings = self.parts.sources.settings();
        if !form.url.starts_with('/') || !form.url.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'#')
        {
            let shape = "url must be a path with its query, as /clips/a.mp4?width=700, in the characters of addresses";
            return Err(Refused::BadBody(shape.to_owned()));
        }
        settings.signable(&form.url).map_err(|e| Refused::BadBody(format!("{e}; {}", e.hint())))?;
        let signed = Signed { until_ms: now_ms().saturating_add(lasts_ms), by: Some(who.user.id) };
        let url = format!("{}{}", self.parts.prefix, self.parts.signer.sign_as(&form.url, signed));
        Ok(answer::json(StatusCode::OK, &SignAnswer { url, expires_ms: signed.until_ms }))
    }

    /// `POST /cdn/purge`
    async fn purge(&self, purge: &Purge) -> Result<Response, Refused> {
        let selects = purge.selects(self.parts.sources.settings());
        let selects = selects.map_err(|e| Refused::BadBody(e.to_string()))?;
        let mut purged = Purged::default();
        for select in selects {
            purged += self.parts.transforms.cache().purge(&select).await?;
        }
        Ok(answer::json(StatusCode::OK, &PurgeAnswer::from(purged)))
    }
}

/// The key of `/renditions/{key}` and what lies beneath.
fn key_of(head: &request::Parts) -> Result<Key, Refused> {
    let key = head.uri.path().strip_prefix(JOBS).and_then(|rest| rest.split('/').next());
    key.and_then(|key| key.parse().ok()).ok_or(Refused::NoJob)
}
