//! `/share/{token}`: music for whoever has the link of a share and needs no account.
//!
//! The token is asked for anew with every request, and what it opens is seen with the eyes of the share's owner, as he is
//! at that moment. What a token does not open, whatever the reason, is one and the same page. Guests take nothing of what
//! their owner may have at once: all of one share together count as one user of their own.

mod page;

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{FromRequestParts, RawPathParams, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, RETRY_AFTER};
use axum::http::{HeaderName, HeaderValue, Method, StatusCode, request};
use axum::response::{IntoResponse, Response};
use budget::{Pool, limits};
use catalog::{Item, Refusal, ShareId, TrackId, UserId, Visit};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::audio::{Account, PictureQuery, play, show_cover};
use crate::error::{self, Error};
use crate::json::{self, Asked, Id};
use crate::{App, caller, held};

/// What the paths begin with that have a token in them.
const PATHS: &str = "/share/";
/// Says to search engines what a page itself says in a `meta`.
const X_ROBOTS_TAG: HeaderName = HeaderName::from_static("x-robots-tag");
const NO_ROBOTS: HeaderValue = HeaderValue::from_static("noindex, nofollow");
const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");
const HTML: &str = "text/html; charset=utf-8";

/// A path as it may be logged: whoever reads a token may use it.
pub(crate) fn without_token(path: &str) -> &str {
    if path.starts_with(PATHS) { "/share/{token}" } else { path }
}

/// Whose account a number is: a user's, or that of the guests of a share.
pub(crate) fn whose(number: i64) -> String {
    if number < 0 { ShareId(-number).to_string() } else { UserId(number).to_string() }
}

/// Somebody who came by a token that is open.
pub(crate) struct Guest(Visit);

impl Guest {
    /// All guests of a share together, by a number that no user has.
    fn account(&self) -> Account<'_> {
        Account { number: -self.0.share.id.0, name: &self.0.owner.name }
    }
}

impl FromRequestParts<Arc<App>> for Guest {
    type Rejection = Response;

    async fn from_request_parts(head: &mut request::Parts, app: &Arc<App>) -> Result<Self, Response> {
        let params = RawPathParams::from_request_parts(head, app).await.map_err(|_| closed())?;
        let token = params.iter().find_map(|(name, value)| (name == "token").then_some(value));
        let visit = app.sign_in.visit(token.unwrap_or_default(), caller::client(head).address).await;
        visit.map(Guest).map_err(|refusal| match refusal {
            Refusal::Wrong | Refusal::TokenNotSupported => closed(),
            Refusal::TooManyFailures { retry_after } => {
                let mut answer = said(StatusCode::TOO_MANY_REQUESTS, page::TOO_MANY);
                answer.headers_mut().insert(RETRY_AFTER, error::seconds_up(retry_after).into());
                answer
            }
            other => Error::from(other).into_response(),
        })
    }
}

/// What anybody is shown who has no token that is open, or asks for a song that is not behind it.
fn closed() -> Response {
    said(StatusCode::NOT_FOUND, page::CLOSED)
}

/// A page that is the same for everybody.
fn said(status: StatusCode, words: &str) -> Response {
    marked(json::typed(status, HTML, Body::from(page::of_words(words))))
}

/// An answer that nobody keeps, indexes, or learns anything from but what it shows.
fn marked(mut answer: Response) -> Response {
    let headers = answer.headers_mut();
    headers.insert(CACHE_CONTROL, NO_STORE);
    headers.insert(X_ROBOTS_TAG, NO_ROBOTS);
    headers.insert(CONTENT_SECURITY_POLICY, page::POLICY.clone());
    answer
}

/// Media for guests: nobody indexes them either.
fn media(answer: Result<Response, Error>) -> Response {
    let mut answer = match answer {
        Ok(answer) => answer,
        Err(error) if error.is_nothing() => return closed(),
        Err(error) => error.into_response(),
    };
    answer.headers_mut().insert(X_ROBOTS_TAG, NO_ROBOTS);
    answer
}

/// Where a page of a long share begins.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct FromQuery {
    /// The number of its first song, from 1.
    #[param(minimum = 1, example = 101)]
    from: Option<u64>,
}

/// Open a share
///
/// A page with the songs of a share and players for them. Whoever has the token may open it, and nobody else finds it. A
/// token that is wrong, has ended or was taken back is answered by one and the same page.
#[utoipa::path(get, path = "/share/{token}", tag = "shares", security(()),
    params(("token" = String, Path), FromQuery),
    responses(
        (status = 200, description = "the page", body = String, content_type = "text/html"),
        (status = 404, description = "nothing is open under this token", body = String, content_type = "text/html"),
        (status = 429, description = "too many wrong tokens came from this address", body = String,
            content_type = "text/html")))]
pub(crate) async fn page(
    State(app): State<Arc<App>>,
    guest: Guest,
    Asked(query): Asked<FromQuery>,
    head: request::Parts,
) -> Result<Response, Error> {
    let (Visit { share, .. }, viewer) = (&guest.0, guest.0.viewer());
    let slot = app.listings.take(guest.account().number)?;
    let permit = app.budget.wait(Pool::Listings, limits::LISTING_BYTES).await?;
    let totals = app.catalog.share_totals(&viewer, share.id).await?;
    if totals.tracks == 0 {
        return Ok(closed());
    }
    let skip = query.from.unwrap_or(1).max(1) - 1;
    let tracks = app.catalog.share_tracks(&viewer, share.id, skip, limits::SHARE_PAGE_ROWS).await?;
    let client = caller::client(&head);
    let token = app.sign_in.share_token(share);
    let text = page::text(&page::Shown {
        share,
        totals,
        tracks: &tracks,
        skip,
        path: format!("{}{PATHS}{token}", app.base_url.prefix()),
        address: format!("{}{PATHS}{token}", app.base_url.seen_by(&client, &head)),
    });
    drop((tracks, permit));
    let mut text = text.into_bytes();
    text.shrink_to_fit();
    // What is held until it is sent is under its permit before anybody waits for the database.
    let answer = marked(held::listing(&app, slot, HTML, text)?);
    if head.method == Method::GET {
        app.sign_in.visited(share.id, client.address).await;
    }
    Ok(answer)
}

/// The song that a path names, if it is one of the share's.
async fn shared(app: &App, guest: &Guest, id: Result<Id<TrackId>, Error>) -> Result<Option<TrackId>, Error> {
    let Ok(Id(id)) = id else { return Ok(None) };
    Ok(app.catalog.is_shared(guest.0.share.id, id).await?.then_some(id))
}

/// Play a song of a share
///
/// The file as it is, with ranges and conditions, for whoever has the token.
#[utoipa::path(get, path = "/share/{token}/tracks/{id}/audio", tag = "shares", security(()),
    params(("token" = String, Path), ("id" = String, Path, example = "tr-17"),
        ("download" = Option<String>, Query, description = "Anything but 0 offers the file to be saved.")),
    responses(
        (status = 200, description = "the file", body = Vec<u8>, content_type = "audio/*"),
        (status = 206, description = "the asked range of it", body = Vec<u8>, content_type = "audio/*"),
        (status = 404, description = "no such song is open under this token", body = String,
            content_type = "text/html")))]
pub(crate) async fn audio(
    State(app): State<Arc<App>>,
    guest: Guest,
    id: Result<Id<TrackId>, Error>,
    head: request::Parts,
) -> Result<Response, Error> {
    let Some(id) = shared(&app, &guest, id).await? else { return Ok(closed()) };
    Ok(media(play(&app, &guest.account(), &guest.0.viewer(), id, &head).await))
}

/// Show the cover of a song of a share
#[utoipa::path(get, path = "/share/{token}/tracks/{id}/cover", tag = "shares", security(()),
    params(("token" = String, Path), ("id" = String, Path, example = "tr-17"), PictureQuery),
    responses(
        (status = 200, description = "the picture", body = Vec<u8>, content_type = "image/*"),
        (status = 404, description = "no such song is open under this token, or it has no picture", body = String,
            content_type = "text/html")))]
pub(crate) async fn cover(
    State(app): State<Arc<App>>,
    guest: Guest,
    id: Result<Id<TrackId>, Error>,
    Asked(query): Asked<PictureQuery>,
    head: request::Parts,
) -> Result<Response, Error> {
    let Some(id) = shared(&app, &guest, id).await? else { return Ok(closed()) };
    Ok(media(show_cover(&app, &guest.account(), &guest.0.viewer(), Item::Track(id), &query, &head).await))
}
