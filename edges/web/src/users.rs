//! `/users`: everybody, as an admin keeps them, and one's own password.

use std::sync::Arc;

use axum::extract::State;
use axum::http::header::{CACHE_CONTROL, SET_COOKIE};
use axum::http::{HeaderValue, StatusCode, request};
use axum::response::{IntoResponse, Response};
use budget::limits;
use catalog::sign_in::How;
use catalog::{LibrarySet, Refusal, Role, User, UserChange, UserId};
use serde::{Deserialize, Serialize};
use store::FolderId;
use utoipa::ToSchema;

use crate::App;
use crate::account::UserAnswer;
use crate::caller::{self, Caller};
use crate::error::{Code, Error};
use crate::json::{self, Asked, Fields, Form, Id};
use crate::session::cookie;
use crate::sessions;
use crate::tracks::{self, PageQuery};

/// One page. It is written row by row; this is its description.
#[derive(Serialize, ToSchema)]
pub(crate) struct UsersAnswer {
    users: Vec<UserAnswer>,
    /// What `after` is for the next page; null when this is the last.
    #[schema(example = "mira")]
    next: Option<String>,
}

/// List users
///
/// One page of everybody, by name.
#[utoipa::path(get, path = "/users", tag = "users", params(PageQuery),
    responses((status = 200, description = "a page", body = UsersAnswer)))]
pub(crate) async fn list(
    State(app): State<Arc<App>>,
    caller: Caller,
    Asked(query): Asked<PageQuery>,
) -> Result<Response, Error> {
    let read = async |_: &catalog::Viewer, after: Option<String>, rows| {
        app.catalog.users(after.as_deref(), rows).await
    };
    tracks::page("users", &app, &caller, &query, read, |user: User| {
        (user.name.clone(), UserAnswer::of(&user))
    })
    .await
}

/// What a user is to the server.
#[derive(Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum RoleWord {
    /// May do everything but listen to other people's private tracks.
    Admin,
    /// May do what the rights say.
    User,
}

impl From<RoleWord> for Role {
    fn from(word: RoleWord) -> Self {
        match word {
            RoleWord::Admin => Role::Admin,
            RoleWord::User => Role::User,
        }
    }
}

/// A new user.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewUserForm {
    /// To sign in with.
    #[schema(example = "mira")]
    name: String,
    /// 8 to 1,024 bytes.
    #[schema(format = Password)]
    password: String,
    /// `user` if it is not said.
    role: Option<RoleWord>,
}

impl Fields for NewUserForm {
    const NAMES: &'static [&'static str] = &["name", "password", "role"];
}

/// Add a user
///
/// With every right, who sees every library; a change takes away what is too much.
#[utoipa::path(post, path = "/users", tag = "users", request_body = NewUserForm,
    responses((status = 201, description = "the user", body = UserAnswer)))]
pub(crate) async fn add(
    State(app): State<Arc<App>>,
    Form(form): Form<NewUserForm>,
) -> Result<Response, Error> {
    let hash = app.sign_in.hash_password(&form.password).await?;
    let role = form.role.map_or(Role::User, Role::from);
    let user = app.catalog.add_user(form.name.trim(), role, &hash).await?;
    Ok(json::answer(StatusCode::CREATED, &UserAnswer::of(&user)))
}

/// What of a user can be changed; what is left out stays.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct UserForm {
    role: Option<RoleWord>,
    /// May send files.
    upload: Option<bool>,
    /// May ask for renditions.
    transform: Option<bool>,
    /// May make links.
    share: Option<bool>,
    /// Whether every library is visible, also those that come later.
    all_libraries: Option<bool>,
    /// The numbers of the libraries that are visible, in the place of `all_libraries`.
    libraries: Option<Vec<i64>>,
    /// A new password, 8 to 1,024 bytes. It ends the sessions of the user.
    #[schema(format = Password)]
    password: Option<String>,
}

impl Fields for UserForm {
    const NAMES: &'static [&'static str] =
        &["role", "upload", "transform", "share", "all_libraries", "libraries", "password"];
}

impl UserForm {
    fn libraries(&self) -> Result<Option<LibrarySet>, Error> {
        match (self.all_libraries, &self.libraries) {
            (None, None) => Ok(None),
            (Some(true), None) => Ok(Some(LibrarySet::All)),
            (None | Some(false), Some(some)) => {
                Ok(Some(LibrarySet::Only(some.iter().copied().map(FolderId).collect())))
            }
            _ => Err(Error::new(Code::Invalid, "say all_libraries: true, or which libraries, and not both")),
        }
    }
}

/// Change a user
#[utoipa::path(patch, path = "/users/{id}", tag = "users", params(("id" = String, Path, example = "us-2")),
    request_body = UserForm, responses((status = 200, description = "the user as he is now", body = UserAnswer)))]
pub(crate) async fn change(
    State(app): State<Arc<App>>,
    Id(id): Id<UserId>,
    Form(form): Form<UserForm>,
) -> Result<Response, Error> {
    let change = UserChange {
        role: form.role.map(Role::from),
        upload: form.upload,
        transform: form.transform,
        share: form.share,
        libraries: form.libraries()?,
        max_bitrate_kbps: None,
    };
    // The password is looked at first, so that a bad one changes nothing.
    let hash = match &form.password {
        Some(password) => Some(app.sign_in.hash_password(password).await?),
        None => None,
    };
    let user = app.catalog.change_user_and_password(id, &change, hash.as_deref()).await?;
    app.sign_in.forget_user(id);
    Ok(json::answer(StatusCode::OK, &UserAnswer::of(&user)))
}

/// Remove a user
///
/// With everything that is his alone. Nobody removes himself.
#[utoipa::path(delete, path = "/users/{id}", tag = "users", params(("id" = String, Path, example = "us-2")),
    responses((status = 204, description = "gone")))]
pub(crate) async fn remove(
    State(app): State<Arc<App>>,
    caller: Caller,
    Id(id): Id<UserId>,
) -> Result<StatusCode, Error> {
    if id == caller.identity.user.id {
        return Err(Error::new(Code::NotAllowed, "nobody can remove himself"));
    }
    app.catalog.remove_user(id).await?;
    app.sign_in.forget_user(id);
    Ok(StatusCode::NO_CONTENT)
}

/// A password in the place of another.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PasswordForm {
    /// The one that is to go.
    #[schema(format = Password)]
    current: String,
    /// The one that comes, 8 to 1,024 bytes.
    #[schema(format = Password)]
    new: String,
}

impl Fields for PasswordForm {
    const NAMES: &'static [&'static str] = &["current", "new"];
}

/// Change one's own password
///
/// Every session of the caller ends. A browser that asked with one gets a new one in its place; keys and app passwords
/// stay.
#[utoipa::path(put, path = "/me/password", tag = "account", request_body = PasswordForm,
    responses((status = 204, description = "it is changed")))]
pub(crate) async fn set_own_password(
    State(app): State<Arc<App>>,
    caller: Caller,
    head: request::Parts,
    Form(form): Form<PasswordForm>,
) -> Result<Response, Error> {
    let (user, client) = (&caller.identity.user, caller::client(&head));
    // Boxed like every password check: its future is larger than all others.
    let shown = Box::pin(app.sign_in.password(&user.name, &form.current, client.address)).await;
    let is_login = match shown {
        Ok(identity) => identity.how == How::Password,
        Err(Refusal::Wrong) => false,
        Err(other) => return Err(other.into()),
    };
    if !is_login {
        return Err(Error::new(Code::NotAllowed, "current is not your login password"));
    }
    let hash = app.sign_in.hash_password(&form.new).await?;
    app.catalog.set_password_hash(user.id, &hash).await?;
    app.sign_in.forget_user(user.id);
    let mut answer = StatusCode::NO_CONTENT.into_response();
    if caller::session_token(&head.headers).is_some() {
        let token = app.sign_in.open_session(user.id, sessions::agent(&head.headers)).await?;
        let cookie = cookie(&token, limits::SESSION_COOKIE_SECONDS, &client, &app.base_url)?;
        answer.headers_mut().insert(SET_COOKIE, cookie);
    }
    answer.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(answer)
}
