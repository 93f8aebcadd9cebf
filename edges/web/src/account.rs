//! `/me`: one's own account, its API keys and its app passwords. A secret is shown once, in the answer that makes it.

use budget::limits::LABEL_CHARS_MAX;
use std::sync::Arc;

use axum::extract::State;
use axum::http::header::CACHE_CONTROL;
use axum::http::{HeaderValue, StatusCode};
use axum::response::Response;
use catalog::sign_in::How;
use catalog::{AppPasswordId, CredentialRow, KeyId, LibrarySet, Role, User};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::App;
use crate::caller::Caller;
use crate::error::{Code, Error};
use crate::json::{self, Fields, Form, Id};

/// A user.
#[derive(Serialize, ToSchema)]
pub(crate) struct UserAnswer {
    #[schema(example = "us-1")]
    id: String,
    name: String,
    /// `admin` or `user`.
    role: &'static str,
    rights: RightsAnswer,
    /// The numbers of the libraries that are visible; null is all of them.
    libraries: Option<Vec<i64>>,
    /// The highest bitrate of sound, in thousands of bits per second; null is no limit.
    max_bitrate_kbps: Option<u32>,
    /// Since when, as RFC 3339.
    created: String,
}

/// What a user may do beyond listening.
#[derive(Serialize, ToSchema)]
pub(crate) struct RightsAnswer {
    /// May send files.
    upload: bool,
    /// May ask for renditions.
    transform: bool,
    /// May make links.
    share: bool,
}

impl UserAnswer {
    /// The user as the API shows him; an admin has every right.
    pub(crate) fn of(user: &User) -> Self {
        let admin = user.role == Role::Admin;
        UserAnswer {
            id: user.id.to_string(),
            name: user.name.clone(),
            role: if admin { "admin" } else { "user" },
            rights: RightsAnswer {
                upload: admin || user.rights.upload,
                transform: admin || user.rights.transform,
                share: admin || user.rights.share,
            },
            libraries: match &user.libraries {
                LibrarySet::All => None,
                LibrarySet::Only(folders) => Some(folders.iter().map(|folder| folder.0).collect()),
            },
            max_bitrate_kbps: user.max_bitrate_kbps,
            created: json::moment(user.created),
        }
    }
}

/// Who the caller is.
#[derive(Serialize, ToSchema)]
pub(crate) struct MeAnswer {
    user: UserAnswer,
    /// `password`, `app_password`, `key`, `session` or `link`.
    signed_in_by: &'static str,
}

/// Who am I
#[utoipa::path(get, path = "/me", tag = "account",
    responses((status = 200, description = "the caller", body = MeAnswer)))]
pub(crate) async fn me(caller: Caller) -> Response {
    let signed_in_by = match caller.identity.how {
        How::Password => "password",
        How::AppPassword => "app_password",
        How::Key => "key",
        How::Session => "session",
        How::Link => "link",
    };
    json::answer(StatusCode::OK, &MeAnswer { user: UserAnswer::of(&caller.identity.user), signed_in_by })
}

/// What a key or app password is for.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct LabelForm {
    /// 1 to 100 characters, for example the name of the app.
    label: String,
}

impl Fields for LabelForm {
    const NAMES: &'static [&'static str] = &["label"];
}

impl LabelForm {
    fn label(&self) -> Result<&str, Error> {
        let label = self.label.trim();
        let chars = label.chars().count();
        if chars == 0 || chars > LABEL_CHARS_MAX || label.chars().any(char::is_control) {
            let text = format!("label must have 1 to {LABEL_CHARS_MAX} characters");
            return Err(Error::new(Code::Invalid, text));
        }
        Ok(label)
    }
}

/// A key or app password without its text.
#[derive(Serialize, ToSchema)]
pub(crate) struct CredentialAnswer {
    #[schema(example = "ak-3")]
    id: String,
    label: String,
    /// When it was made, as RFC 3339.
    created: String,
    /// The last day it was used, as RFC 3339; null is never.
    used: Option<String>,
}

impl<T: ToString> From<CredentialRow<T>> for CredentialAnswer {
    fn from(row: CredentialRow<T>) -> Self {
        CredentialAnswer {
            id: row.id.to_string(),
            label: row.label,
            created: json::moment(row.created),
            used: row.used.map(json::moment),
        }
    }
}

/// A new key or app password with its text, which is shown here and never again.
#[derive(Serialize, ToSchema)]
pub(crate) struct SecretAnswer {
    #[serde(flatten)]
    row: CredentialAnswer,
    /// The text itself. It cannot be asked for again.
    #[schema(format = Password)]
    secret: String,
}

impl SecretAnswer {
    fn created(row: CredentialAnswer, secret: String) -> Response {
        let mut answer = json::answer(StatusCode::CREATED, &SecretAnswer { row, secret });
        answer.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        answer
    }
}

/// The caller's API keys.
#[derive(Serialize, ToSchema)]
pub(crate) struct KeysAnswer {
    keys: Vec<CredentialAnswer>,
}

/// List API keys
#[utoipa::path(get, path = "/me/keys", tag = "account",
    responses((status = 200, description = "the caller's keys, without their texts", body = KeysAnswer)))]
pub(crate) async fn keys(State(app): State<Arc<App>>, caller: Caller) -> Result<Response, Error> {
    let keys = app.catalog.keys(caller.identity.user.id).await?;
    Ok(json::answer(StatusCode::OK, &KeysAnswer { keys: keys.into_iter().map(Into::into).collect() }))
}

/// Make an API key
#[utoipa::path(post, path = "/me/keys", tag = "account", request_body = LabelForm,
    responses((status = 201, description = "the key with its text, shown once", body = SecretAnswer)))]
pub(crate) async fn add_key(
    State(app): State<Arc<App>>,
    caller: Caller,
    Form(form): Form<LabelForm>,
) -> Result<Response, Error> {
    let (user, label) = (caller.identity.user.id, form.label()?);
    let (row, secret) = app.sign_in.issue_key(user, label).await?;
    Ok(SecretAnswer::created(row.into(), secret))
}

/// Revoke an API key
#[utoipa::path(delete, path = "/me/keys/{id}", tag = "account", params(("id" = String, Path, example = "ak-3")),
    responses((status = 204, description = "it is no longer valid")))]
pub(crate) async fn remove_key(
    State(app): State<Arc<App>>,
    caller: Caller,
    Id(id): Id<KeyId>,
) -> Result<StatusCode, Error> {
    let user = caller.identity.user.id;
    app.catalog.remove_key(user, id).await?;
    app.sign_in.forget_user(user);
    Ok(StatusCode::NO_CONTENT)
}

/// The caller's app passwords.
#[derive(Serialize, ToSchema)]
pub(crate) struct AppPasswordsAnswer {
    app_passwords: Vec<CredentialAnswer>,
}

/// List app passwords
#[utoipa::path(get, path = "/me/app-passwords", tag = "account",
    responses((status = 200, description = "the caller's app passwords, without their texts", body = AppPasswordsAnswer)))]
pub(crate) async fn app_passwords(State(app): State<Arc<App>>, caller: Caller) -> Result<Response, Error> {
    let rows = app.catalog.app_passwords(caller.identity.user.id).await?;
    let app_passwords = rows.into_iter().map(Into::into).collect();
    Ok(json::answer(StatusCode::OK, &AppPasswordsAnswer { app_passwords }))
}

/// Make an app password
///
/// For Subsonic apps, whose token scheme needs a text that the server can read.
#[utoipa::path(post, path = "/me/app-passwords", tag = "account", request_body = LabelForm,
    responses((status = 201, description = "the app password with its text, shown once", body = SecretAnswer)))]
pub(crate) async fn add_app_password(
    State(app): State<Arc<App>>,
    caller: Caller,
    Form(form): Form<LabelForm>,
) -> Result<Response, Error> {
    let (user, label) = (caller.identity.user.id, form.label()?);
    let (row, secret) = app.sign_in.issue_app_password(user, label).await?;
    Ok(SecretAnswer::created(row.into(), secret))
}

/// Revoke an app password
#[utoipa::path(delete, path = "/me/app-passwords/{id}", tag = "account",
    params(("id" = String, Path, example = "ap-3")),
    responses((status = 204, description = "it is no longer valid")))]
pub(crate) async fn remove_app_password(
    State(app): State<Arc<App>>,
    caller: Caller,
    Id(id): Id<AppPasswordId>,
) -> Result<StatusCode, Error> {
    let user = caller.identity.user.id;
    app.catalog.remove_app_password(user, id).await?;
    app.sign_in.forget_user(user);
    Ok(StatusCode::NO_CONTENT)
}
