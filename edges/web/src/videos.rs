//! `/videos`: the tracks that are videos.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;

use crate::App;
use crate::caller::Caller;
use crate::error::Error;
use crate::json::Asked;
use crate::tracks::{self, PageQuery, TracksAnswer};

/// List videos
///
/// One page of all videos that the caller sees, in the order of their ids. A video is a track: it is read, changed,
/// played and removed as one.
#[utoipa::path(get, path = "/videos", tag = "videos", params(PageQuery),
    responses((status = 200, description = "a page", body = TracksAnswer)))]
pub(crate) async fn list(
    State(app): State<Arc<App>>,
    caller: Caller,
    Asked(query): Asked<PageQuery>,
) -> Result<Response, Error> {
    tracks::page(&app, &caller, &query, async |viewer, after, rows| {
        app.catalog.videos(viewer, after, rows).await
    })
    .await
}
