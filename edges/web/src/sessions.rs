//! `/me/sessions`: the browsers in which the caller is signed in, and how to sign one out from here.

use std::sync::Arc;

use axum::extract::State;
use axum::http::header::USER_AGENT;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use catalog::{SessionId, SignIn};
use serde::Serialize;
use utoipa::ToSchema;

use crate::App;
use crate::caller::{self, Caller};
use crate::error::Error;
use crate::json::{self, Id};

/// The caller's sessions.
#[derive(Serialize, ToSchema)]
pub(crate) struct SessionsAnswer {
    /// Used last first.
    sessions: Vec<OneSessionAnswer>,
}

/// A session.
#[derive(Serialize, ToSchema)]
pub(crate) struct OneSessionAnswer {
    /// To end it by; it opens nothing.
    #[schema(example = "5f0c3a1d9b7e4c2f")]
    id: String,
    /// The `User-Agent` of the browser that opened it; empty when it had none.
    agent: String,
    /// Since when, as RFC 3339; null when it is older than this is known.
    created: Option<String>,
    /// When it was used last, within a day.
    used: String,
    /// When it ends if nobody uses it.
    expires: String,
    /// Whether it is the one that asks.
    current: bool,
}

/// What opens a session, in its own words.
pub(crate) fn agent(headers: &HeaderMap) -> &str {
    headers.get(USER_AGENT).and_then(|agent| agent.to_str().ok()).unwrap_or_default()
}

/// List one's sessions
#[utoipa::path(get, path = "/me/sessions", tag = "account",
    responses((status = 200, description = "those that have not ended", body = SessionsAnswer)))]
pub(crate) async fn list(
    State(app): State<Arc<App>>,
    caller: Caller,
    headers: HeaderMap,
) -> Result<Response, Error> {
    let mine = caller::session_token(&headers).map(SignIn::session_id);
    let found = app.catalog.sessions(caller.identity.user.id, json::now()).await?;
    let sessions = found.into_iter().map(|session| OneSessionAnswer {
        id: session.id.to_string(),
        agent: session.agent,
        created: session.created.map(json::moment),
        used: json::moment(session.used),
        expires: json::moment(session.expires),
        current: mine == Some(session.id),
    });
    Ok(json::answer(StatusCode::OK, &SessionsAnswer { sessions: sessions.collect() }))
}

/// End one of one's sessions
///
/// The browser that has it is signed out at once.
#[utoipa::path(delete, path = "/me/sessions/{id}", tag = "account",
    params(("id" = String, Path, example = "5f0c3a1d9b7e4c2f")),
    responses((status = 204, description = "it has ended")))]
pub(crate) async fn end(
    State(app): State<Arc<App>>,
    caller: Caller,
    Id(id): Id<SessionId>,
) -> Result<StatusCode, Error> {
    app.sign_in.end_session(caller.identity.user.id, id).await?;
    Ok(StatusCode::NO_CONTENT)
}
