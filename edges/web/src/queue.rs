//! `/me/queue`: what the caller plays and where in it he is, so that he goes on with it elsewhere. Subsonic apps keep the same
//! queue.

use std::sync::Arc;

use axum::extract::{FromRequest, Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use budget::{Pool, limits};
use catalog::{QueueToKeep, Viewer};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::App;
use crate::caller::Caller;
use crate::error::Error;
use crate::json::{self, Asked, Fields, Form};
use crate::playlists::{Song, ids};
use crate::tracks::{self, PageQuery, TrackAnswer, TracksAnswer};

/// The queue that was kept, without its songs.
#[derive(Serialize, ToSchema)]
pub(crate) struct QueueAnswer {
    /// The place of the song to go on with, from 0; null when there is none.
    current: Option<u64>,
    /// Where in that song.
    position_ms: u64,
    /// When it was kept, as RFC 3339; null when it never was.
    #[schema(example = "2026-01-31T18:20:05.123Z")]
    changed: Option<String>,
    /// What kept it.
    changed_by: Option<String>,
}

async fn kept(app: &App, viewer: &Viewer) -> Result<Response, Error> {
    let kept = app.catalog.queue(viewer).await?;
    let answer = QueueAnswer {
        current: kept.as_ref().and_then(|queue| queue.current).map(|(place, _)| place),
        position_ms: kept.as_ref().map_or(0, |queue| queue.position_ms),
        changed: kept.as_ref().map(|queue| json::moment(queue.changed)),
        changed_by: kept.map(|queue| queue.changed_by),
    };
    Ok(json::answer(StatusCode::OK, &answer))
}

/// Read where I left off
#[utoipa::path(get, path = "/me/queue", tag = "account",
    responses((status = 200, description = "the queue; empty when none was kept", body = QueueAnswer)))]
pub(crate) async fn read(State(app): State<Arc<App>>, caller: Caller) -> Result<Response, Error> {
    kept(&app, &caller.identity.viewer()).await
}

/// List the songs of the queue
///
/// One page of them, in their order: those that the caller sees.
#[utoipa::path(get, path = "/me/queue/tracks", tag = "account", params(PageQuery),
    responses((status = 200, description = "a page", body = TracksAnswer)))]
pub(crate) async fn songs(
    State(app): State<Arc<App>>,
    caller: Caller,
    Asked(query): Asked<PageQuery>,
) -> Result<Response, Error> {
    let read = async |viewer: &Viewer, offset, rows| app.catalog.queue_tracks(viewer, offset, rows).await;
    tracks::page_by_offset("tracks", &app, &caller, &query, read, TrackAnswer::from).await
}

/// A queue that is to be kept in the place of the one before.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct QueueForm {
    /// Its songs, at most 10,000; none empties it.
    #[schema(value_type = Vec<String>, example = json!(["tr-17", "tr-4"]))]
    tracks: Vec<Song>,
    /// The place of the song that plays, from 0.
    #[serde(default)]
    current: usize,
    /// Where in that song.
    #[serde(default)]
    position_ms: u64,
    /// What keeps it, as it calls itself; 64 characters of it are kept.
    #[serde(default)]
    client: String,
}

impl Fields for QueueForm {
    const NAMES: &'static [&'static str] = &["tracks", "current", "position_ms", "client"];
}

/// Keep what I play
#[utoipa::path(put, path = "/me/queue", tag = "account", request_body = QueueForm,
    responses((status = 200, description = "the queue as it is kept now", body = QueueAnswer)))]
pub(crate) async fn keep(
    State(app): State<Arc<App>>,
    caller: Caller,
    request: Request,
) -> Result<Response, Error> {
    // For the ids of the songs, as numbers and as the statement has them.
    let _permit = app.budget.wait(Pool::Listings, limits::LISTING_BYTES).await?;
    let Form(form) = Form::<QueueForm>::from_request(request, &app).await?;
    let (viewer, tracks) = (caller.identity.viewer(), ids(form.tracks));
    let QueueForm { current, position_ms, client, .. } = form;
    let queue = QueueToKeep { tracks: &tracks, current, position_ms, changed_by: &client };
    app.catalog.keep_queue(&viewer, &queue).await?;
    kept(&app, &viewer).await
}
