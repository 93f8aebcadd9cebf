//! `/session`: a browser signs in and out by a cookie.

use std::sync::Arc;

use axum::extract::State;
use axum::http::header::{CACHE_CONTROL, SET_COOKIE};
use axum::http::{HeaderMap, HeaderValue, StatusCode, request};
use axum::response::{IntoResponse, Response};
use budget::limits;
use catalog::Refusal;
use serde::{Deserialize, Serialize};
use stream::Client;
use utoipa::ToSchema;

use crate::account::UserAnswer;
use crate::caller::{self, Caller, SESSION_COOKIE};
use crate::error::Error;
use crate::json::{self, Fields, Form};
use crate::{App, BaseUrl, origin, sessions};

/// A name and its login password, or an app password.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SignInForm {
    name: String,
    #[schema(format = Password)]
    password: String,
}

impl Fields for SignInForm {
    const NAMES: &'static [&'static str] = &["name", "password"];
}

/// Who is signed in now, and how long without use.
#[derive(Serialize, ToSchema)]
pub(crate) struct SessionAnswer {
    user: UserAnswer,
    /// When the session ends if it is not used, as RFC 3339.
    expires: String,
}

/// Sign in
///
/// Opens a session and sets its cookie.
#[utoipa::path(post, path = "/session", tag = "account", security(()), request_body = SignInForm,
    responses((status = 200, description = "signed in; the cookie is set", body = SessionAnswer)))]
pub(crate) async fn open(
    State(app): State<Arc<App>>,
    head: request::Parts,
    Form(form): Form<SignInForm>,
) -> Result<Response, Error> {
    // A foreign page must not sign a browser in under a name of its own choice either.
    origin::refuse_other_origins(&head, &app.base_url, &app.cors_origins)?;
    let client = caller::client(&head);
    // Boxed like every password check: its future is larger than all others.
    let identity = Box::pin(app.sign_in.password(&form.name, &form.password, client.address)).await?;
    let token = app.sign_in.open_session(identity.user.id, sessions::agent(&head.headers)).await?;
    let expires = json::now().saturating_add_unsigned(limits::SESSION_MS);
    let session = SessionAnswer { user: UserAnswer::of(&identity.user), expires: json::moment(expires) };
    let cookie = cookie(&token, limits::SESSION_COOKIE_SECONDS, &client, &app.base_url)?;
    let mut answer = json::answer(StatusCode::OK, &session);
    answer.headers_mut().insert(SET_COOKIE, cookie);
    answer.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(answer)
}

/// Whom the cookie stands for.
#[derive(Serialize, ToSchema)]
pub(crate) struct WhoAnswer {
    /// Null when nobody is signed in, or no longer.
    user: Option<UserAnswer>,
    /// The version of the server.
    version: &'static str,
}

/// See who is signed in
///
/// Open to all, so that a page may ask before anybody is.
#[utoipa::path(get, path = "/session", tag = "account", security(()),
    responses((status = 200, description = "the user, or nobody", body = WhoAnswer)))]
pub(crate) async fn who(State(app): State<Arc<App>>, head: request::Parts) -> Result<Response, Error> {
    let user = match caller::session_token(&head.headers) {
        None => None,
        Some(token) => match Box::pin(app.sign_in.session(token, caller::client(&head).address)).await {
            Ok(identity) => Some(UserAnswer::of(&identity.user)),
            Err(Refusal::Wrong) => None,
            Err(other) => return Err(other.into()),
        },
    };
    let mut answer = json::answer(StatusCode::OK, &WhoAnswer { user, version: env!("CARGO_PKG_VERSION") });
    answer.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(answer)
}

/// Sign out
///
/// Ends the session whose cookie is sent, if any, and takes the cookie back.
#[utoipa::path(delete, path = "/session", tag = "account",
    responses((status = 204, description = "signed out")))]
pub(crate) async fn close(
    State(app): State<Arc<App>>,
    _: Caller,
    head: request::Parts,
) -> Result<Response, Error> {
    if let Some(token) = caller::session_token(&head.headers) {
        app.sign_in.close_session(token).await?;
    }
    let cookie = cookie("", 0, &caller::client(&head), &app.base_url)?;
    Ok((StatusCode::NO_CONTENT, HeaderMap::from_iter([(SET_COOKIE, cookie)])).into_response())
}

/// The cookie of a session: out of reach for scripts and for other sites (RFC 6265 section 4.1.2, `SameSite` by its
/// successor's draft); an age of 0 removes it. It outlives the session, which ends by itself when it is not used. `Secure` follows the client's own connection, behind trusted proxies
/// resolved, because a browser drops a secure cookie that comes over plain HTTP.
pub(crate) fn cookie(
    token: &str,
    seconds: u64,
    client: &Client,
    base: &BaseUrl,
) -> Result<HeaderValue, Error> {
    let path = base.cookie_path();
    let secure = if client.secure { "; Secure" } else { "" };
    let text = format!(
        "{SESSION_COOKIE}={token}; Path={path}; Max-Age={seconds}; HttpOnly; SameSite=Strict{secure}"
    );
    let mut value =
        HeaderValue::try_from(text).map_err(|error| Error::broken("the session has no cookie", &error))?;
    value.set_sensitive(true);
    Ok(value)
}
