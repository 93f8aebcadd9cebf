//! `/playlists`: lists of songs, kept or found by rules; those that come from elsewhere, and those that go there.

mod export;
mod import;
mod m3u;
mod songs;

use std::fmt;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{FromRequest, Request, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use budget::{Pool, limits};
use catalog::{Playlist, PlaylistChange, PlaylistId, Rules, SongsChange, TrackId, Viewer};
use serde::de::{Error as _, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::App;
use crate::caller::Caller;
use crate::error::{Code, Error};
use crate::json::{self, Asked, Fields, Form, Id};
use crate::tracks::{self, PageQuery};

pub(crate) use export::{__path_export, export};
pub(crate) use import::ImportAnswer;
pub(crate) use songs::{
    __path_change as __path_change_songs, __path_list as __path_songs, change as change_songs, list as songs,
};

/// A playlist.
#[derive(Serialize, ToSchema)]
pub(crate) struct PlaylistAnswer {
    #[schema(example = "pl-3")]
    id: String,
    name: String,
    comment: String,
    #[schema(example = "us-1")]
    owner: String,
    owner_name: String,
    /// Whether everyone sees it.
    public: bool,
    /// Songs that the caller sees.
    tracks: u64,
    /// Their length in time.
    duration_ms: u64,
    /// When it was made, as RFC 3339.
    created: String,
    /// When it was changed.
    changed: String,
    /// Whether its songs are found by rules.
    smart: bool,
    /// Until when what its rules found just now passes for what they find.
    valid_until: Option<String>,
}

impl PlaylistAnswer {
    fn of(playlist: Playlist) -> Self {
        PlaylistAnswer {
            id: playlist.id.to_string(),
            name: playlist.name,
            comment: playlist.comment,
            owner: playlist.owner.to_string(),
            owner_name: playlist.owner_name,
            public: playlist.public,
            tracks: playlist.tracks,
            duration_ms: playlist.duration_ms,
            created: json::moment(playlist.created),
            changed: json::moment(playlist.changed),
            smart: playlist.is_smart,
            valid_until: playlist.valid_until.map(json::moment),
        }
    }
}

/// A playlist with its rules.
#[derive(Serialize, ToSchema)]
pub(crate) struct OnePlaylistAnswer {
    #[serde(flatten)]
    playlist: PlaylistAnswer,
    /// What finds its songs; null for one that keeps them.
    #[schema(value_type = Option<Object>)]
    rules: Option<Rules>,
}

/// One page. It is written row by row; this is its description.
#[derive(Serialize, ToSchema)]
pub(crate) struct PlaylistsAnswer {
    playlists: Vec<PlaylistAnswer>,
    /// What `after` is for the next page; null when this is the last.
    #[schema(example = "100")]
    next: Option<String>,
}

/// List playlists
///
/// One page of one's own playlists and those that everyone sees, by name.
#[utoipa::path(get, path = "/playlists", tag = "playlists", params(PageQuery),
    responses((status = 200, description = "a page", body = PlaylistsAnswer)))]
pub(crate) async fn list(
    State(app): State<Arc<App>>,
    caller: Caller,
    Asked(query): Asked<PageQuery>,
) -> Result<Response, Error> {
    let read = async |viewer: &Viewer, offset, rows| app.catalog.playlists(viewer, offset, rows).await;
    tracks::page_by_offset("playlists", &app, &caller, &query, read, PlaylistAnswer::of).await
}

/// Read a playlist
#[utoipa::path(get, path = "/playlists/{id}", tag = "playlists", params(("id" = String, Path, example = "pl-3")),
    responses((status = 200, description = "the playlist", body = OnePlaylistAnswer)))]
pub(crate) async fn read(
    State(app): State<Arc<App>>,
    caller: Caller,
    Id(id): Id<PlaylistId>,
) -> Result<Response, Error> {
    one(&app, &caller.identity.viewer(), id, StatusCode::OK).await
}

async fn one(app: &App, viewer: &Viewer, id: PlaylistId, status: StatusCode) -> Result<Response, Error> {
    let playlist = PlaylistAnswer::of(app.catalog.playlist(viewer, id).await?);
    let rules = app.catalog.playlist_rules(viewer, id).await?;
    Ok(json::answer(status, &OnePlaylistAnswer { playlist, rules }))
}

/// A new playlist: one that keeps its songs, or one that has rules.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewPlaylistForm {
    /// 1 to 256 characters.
    name: String,
    /// Its songs, at most 10,000.
    #[schema(value_type = Option<Vec<String>>, example = json!(["tr-17", "tr-4"]))]
    tracks: Option<Vec<Song>>,
    /// What finds its songs whenever somebody reads it, for his eyes, by what he starred, rated and played: an object with
    /// `match`, and perhaps `sort` and `limit`.
    #[schema(value_type = Option<Object>,
        example = json!({"match": {"all": [{"genre": {"is": "Jazz"}}, {"year": {"from": 1955, "to": 1965}}]},
            "sort": [{"by": "rating", "descending": true}, {"by": "random"}], "limit": 100}))]
    rules: Option<Rules>,
}

impl Fields for NewPlaylistForm {
    const NAMES: &'static [&'static str] = &["name", "tracks", "rules"];
}

/// The id of a song, read without a copy of its text.
#[derive(Clone, Copy)]
pub(crate) struct Song(TrackId);

impl<'de> Deserialize<'de> for Song {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl Visitor<'_> for Text {
            type Value = Song;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the id of a track")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Song, E> {
                text.parse().map(Song).map_err(|_| E::custom("this is no id of a track"))
            }
        }
        deserializer.deserialize_str(Text).map_err(D::Error::custom)
    }
}

pub(crate) fn ids(songs: Vec<Song>) -> Vec<TrackId> {
    songs.into_iter().map(|Song(id)| id).collect()
}

/// What a list from elsewhere is to be called.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct ImportQuery {
    /// Of a list in M3U: its name, else the one that the list gives itself.
    name: Option<String>,
}

/// Make a playlist
///
/// For the caller's eyes at first. The body is JSON; or it is a list in M3U, with a media type that has `mpegurl` in it, as
/// other players write them. Its songs are found by the ends of their paths, as they lie beneath a library, else by the
/// artist and the title that the list tells.
#[utoipa::path(post, path = "/playlists", tag = "playlists", params(ImportQuery),
    request_body(content((NewPlaylistForm = "application/json"), (String = "audio/mpegurl"))),
    responses((status = 201, description = "the playlist; of a list in M3U, what became of it",
        content((OnePlaylistAnswer = "application/json"), (ImportAnswer = "application/json")))))]
pub(crate) async fn create(
    State(app): State<Arc<App>>,
    caller: Caller,
    Asked(query): Asked<ImportQuery>,
    request: Request,
) -> Result<Response, Error> {
    if is_m3u(request.headers()) {
        let body: Body = request.into_body();
        return Box::pin(import::import(&app, &caller, query.name, body)).await;
    }
    // For the ids of the songs, as numbers and as the statement has them.
    let _permit = app.budget.wait(Pool::Listings, limits::LISTING_BYTES).await?;
    let Form(form) = Form::<NewPlaylistForm>::from_request(request, &app).await?;
    let (viewer, name) = (caller.identity.viewer(), form.name.trim());
    let id = match (form.tracks, form.rules) {
        (Some(_), Some(_)) => {
            return Err(Error::new(Code::Invalid, "a playlist has tracks, or rules that find them"));
        }
        (tracks, None) => app.catalog.add_playlist(&viewer, name, &ids(tracks.unwrap_or_default())).await?,
        (None, Some(rules)) => app.catalog.add_smart_playlist(&viewer, name, &rules).await?,
    };
    one(&app, &viewer, id, StatusCode::CREATED).await
}

/// Whether the body calls itself a list in M3U. There are half a dozen names for it.
fn is_m3u(headers: &HeaderMap) -> bool {
    let value = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    value.split(';').next().unwrap_or_default().to_ascii_lowercase().contains("mpegurl")
}

/// What of a playlist can be changed; what is left out stays.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PlaylistForm {
    /// 1 to 256 characters.
    name: Option<String>,
    /// An empty one takes it away.
    comment: Option<String>,
    /// Whether everyone sees it.
    public: Option<bool>,
    /// Songs in the place of those that are in it, at most 10,000; `PATCH /playlists/{id}/tracks` changes some of them. A playlist with rules has none of its own.
    #[schema(value_type = Option<Vec<String>>)]
    tracks: Option<Vec<Song>>,
    /// Rules in the place of those that it has. A playlist with songs of its own has none.
    #[schema(value_type = Option<Object>)]
    rules: Option<Rules>,
}

impl Fields for PlaylistForm {
    const NAMES: &'static [&'static str] = &["name", "comment", "public", "tracks", "rules"];
}

impl TryFrom<PlaylistForm> for PlaylistChange {
    type Error = Error;

    fn try_from(form: PlaylistForm) -> Result<Self, Error> {
        Ok(PlaylistChange {
            name: form.name.as_deref().map(|name| name.trim().to_owned()),
            comment: form.comment,
            public: form.public,
            songs: form.tracks.map_or(SongsChange::Keep, |songs| SongsChange::Replace(ids(songs))),
            rules: form.rules,
            known: None,
        })
    }
}

/// Change a playlist
///
/// For its owner, and for admins who see it.
#[utoipa::path(patch, path = "/playlists/{id}", tag = "playlists", params(("id" = String, Path, example = "pl-3")),
    request_body = PlaylistForm,
    responses((status = 200, description = "the playlist as it is now", body = OnePlaylistAnswer)))]
pub(crate) async fn change(
    State(app): State<Arc<App>>,
    caller: Caller,
    Id(id): Id<PlaylistId>,
    request: Request,
) -> Result<Response, Error> {
    apply::<PlaylistForm>(&app, &caller, id, request).await
}

/// Changes a playlist as a body says, and answers with what it is now.
async fn apply<F>(
    app: &Arc<App>,
    caller: &Caller,
    id: PlaylistId,
    request: Request,
) -> Result<Response, Error>
where
    F: Fields,
    PlaylistChange: TryFrom<F, Error = Error>,
{
    let _permit = app.budget.wait(Pool::Listings, limits::LISTING_BYTES).await?;
    let Form(form) = Form::<F>::from_request(request, app).await?;
    let change = PlaylistChange::try_from(form)?;
    app.catalog.change_playlist(&caller.identity.managing(), id, &change).await?;
    one(app, &caller.identity.viewer(), id, StatusCode::OK).await
}

/// Remove a playlist
///
/// For its owner, and for admins who see it. Its songs stay.
#[utoipa::path(delete, path = "/playlists/{id}", tag = "playlists", params(("id" = String, Path, example = "pl-3")),
    responses((status = 204, description = "gone")))]
pub(crate) async fn remove(
    State(app): State<Arc<App>>,
    caller: Caller,
    Id(id): Id<PlaylistId>,
) -> Result<StatusCode, Error> {
    app.catalog.remove_playlist(&caller.identity.managing(), id).await?;
    Ok(StatusCode::NO_CONTENT)
}
