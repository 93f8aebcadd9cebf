//! `/playlists/{id}/tracks`: the songs of a playlist, a page at a time, and changes of a few of them by their places, for which
//! the list is neither read nor sent whole.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::Response;
use catalog::{PlaylistChange, PlaylistId, SongsChange, Viewer};
use jiff::Timestamp;
use serde::Deserialize;
use utoipa::ToSchema;

use super::{Song, apply, ids};
use crate::App;
use crate::caller::Caller;
use crate::error::{Code, Error};
use crate::json::{Asked, Fields, Id};
use crate::tracks::{self, PageQuery, TrackAnswer, TracksAnswer};

/// List the songs of a playlist
///
/// One page of them, in their order: those that the caller sees, or that its rules find for him.
#[utoipa::path(get, path = "/playlists/{id}/tracks", tag = "playlists",
    params(("id" = String, Path, example = "pl-3"), PageQuery),
    responses((status = 200, description = "a page", body = TracksAnswer)))]
pub(crate) async fn list(
    State(app): State<Arc<App>>,
    caller: Caller,
    Id(id): Id<PlaylistId>,
    Asked(query): Asked<PageQuery>,
) -> Result<Response, Error> {
    let read = async |viewer: &Viewer, offset, rows| {
        // A list that the caller does not see has no songs either, and is not found.
        app.catalog.playlist_rules(viewer, id).await?;
        app.catalog.playlist_tracks(viewer, id, offset, rows).await
    };
    tracks::page_by_offset("tracks", &app, &caller, &query, read, TrackAnswer::from).await
}

/// What is to become of some songs: one of `remove`, `move` and `add`. Places are those of the songs that the caller sees, from 0.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SongsForm {
    /// The `changed` of the playlist whose places these are. If it is another by now, nothing is done, and the answer is 409.
    /// Songs that a scan finds gone, or that the caller may no longer see, move places without a change of it.
    #[schema(example = "2026-01-31T18:20:05.123Z")]
    known: Option<String>,
    /// Places of songs that go.
    #[schema(example = json!([3]))]
    remove: Option<Vec<u64>>,
    /// One song goes elsewhere, and those between move up.
    r#move: Option<MoveForm>,
    /// Songs that come, at most 10,000 at once. A playlist has room for 50,000.
    #[schema(value_type = Option<Vec<String>>, example = json!(["tr-17", "tr-4"]))]
    add: Option<Vec<Song>>,
    /// With `add`: the place before which they come; behind the last one if it is not said.
    at: Option<u64>,
}

/// From where a song goes, and to where.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct MoveForm {
    /// Its place.
    from: u64,
    /// Its place afterwards.
    to: u64,
}

impl Fields for SongsForm {
    const NAMES: &'static [&'static str] = &["known", "remove", "move", "add", "at"];
}

impl TryFrom<SongsForm> for PlaylistChange {
    type Error = Error;

    fn try_from(form: SongsForm) -> Result<Self, Error> {
        let songs = match (form.remove, form.r#move, form.add, form.at) {
            (Some(remove), None, None, None) => SongsChange::Edit { remove, add: Vec::new() },
            (None, Some(MoveForm { from, to }), None, None) => SongsChange::Move { from, to },
            (None, None, Some(add), None) => SongsChange::Edit { remove: Vec::new(), add: ids(add) },
            (None, None, Some(add), Some(at)) => SongsChange::Insert { at, tracks: ids(add) },
            (None, None, None, Some(_)) => {
                return Err(Error::new(
                    Code::Invalid,
                    "at is the place of songs that come: it goes with add",
                ));
            }
            _ => {
                return Err(Error::new(
                    Code::Invalid,
                    "name one of remove, move and add, and `at` with add alone",
                ));
            }
        };
        let moment = |text: String| text.parse::<Timestamp>().map(Timestamp::as_millisecond);
        let known = form.known.map(moment).transpose().map_err(|_| {
            Error::new(
                Code::Invalid,
                "known is not the `changed` of a playlist, which is a moment as RFC 3339 has it",
            )
        })?;
        Ok(PlaylistChange { songs, known, ..PlaylistChange::default() })
    }
}

/// Change some songs of a playlist
///
/// For its owner, and for admins who see it. Those that are not named stay as they are, and are not sent.
#[utoipa::path(patch, path = "/playlists/{id}/tracks", tag = "playlists",
    params(("id" = String, Path, example = "pl-3")), request_body = SongsForm,
    responses((status = 200, description = "the playlist as it is now", body = super::OnePlaylistAnswer)))]
pub(crate) async fn change(
    State(app): State<Arc<App>>,
    caller: Caller,
    Id(id): Id<PlaylistId>,
    request: Request,
) -> Result<Response, Error> {
    apply::<SongsForm>(&app, &caller, id, request).await
}
