//! What there is altogether, and what of it is called so: libraries, genres, search.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use budget::{Pool, limits};
use catalog::{Genre, LibraryRow, Role, Viewer};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::albums::AlbumAnswer;
use crate::artists::ArtistAnswer;
use crate::caller::Caller;
use crate::error::{Code, Error};
use crate::json::{self, Asked};
use crate::tracks::{self, PageQuery, TrackAnswer, TracksAnswer};
use crate::{App, held};

/// A library.
#[derive(Serialize, ToSchema)]
pub(crate) struct LibraryAnswer {
    id: i64,
    name: String,
    /// Tracks that are there now.
    tracks: u64,
    /// Its folder, which only admins are told; null for the library of what was sent.
    root: Option<String>,
}

/// The libraries.
#[derive(Serialize, ToSchema)]
pub(crate) struct LibrariesAnswer {
    libraries: Vec<LibraryAnswer>,
}

/// List libraries
///
/// Those that the caller sees.
#[utoipa::path(get, path = "/libraries", tag = "library",
    responses((status = 200, description = "the libraries", body = LibrariesAnswer)))]
pub(crate) async fn libraries(State(app): State<Arc<App>>, caller: Caller) -> Result<Response, Error> {
    let is_admin = caller.identity.user.role == Role::Admin;
    let shown = |LibraryRow { id, name, root, tracks }| LibraryAnswer {
        id: id.0,
        name,
        tracks,
        root: Some(root).filter(|root| is_admin && !root.is_empty()),
    };
    let rows = app.catalog.libraries(&caller.identity.viewer()).await?;
    let libraries = LibrariesAnswer { libraries: rows.into_iter().map(shown).collect() };
    Ok(json::answer(StatusCode::OK, &libraries))
}

/// A genre and how much there is of it.
#[derive(Serialize, ToSchema)]
pub(crate) struct GenreAnswer {
    name: String,
    tracks: u64,
    albums: u64,
}

/// One page. It is written row by row; this is its description.
#[derive(Serialize, ToSchema)]
pub(crate) struct GenresAnswer {
    genres: Vec<GenreAnswer>,
    /// What `after` is for the next page; null when this is the last.
    next: Option<String>,
}

/// List genres
///
/// One page of them, by name.
#[utoipa::path(get, path = "/genres", tag = "library", params(PageQuery),
    responses((status = 200, description = "a page", body = GenresAnswer)))]
pub(crate) async fn genres(
    State(app): State<Arc<App>>,
    caller: Caller,
    Asked(query): Asked<PageQuery>,
) -> Result<Response, Error> {
    let read = async |viewer: &Viewer, offset, rows| app.catalog.genres(viewer, offset, rows).await;
    tracks::page_by_offset("genres", &app, &caller, &query, read, |genre: Genre| GenreAnswer {
        name: genre.name,
        tracks: genre.tracks,
        albums: genre.albums,
    })
    .await
}

/// What is looked for.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct SearchQuery {
    /// Words, or the beginnings of words; without regard to case and accents. Nothing is everything.
    #[serde(default)]
    q: String,
    /// Rows of each kind, 1 to 500; 100 if it is not said.
    #[param(minimum = 1, maximum = 500)]
    limit: Option<usize>,
    /// The `next` of the page before, or how many to pass over.
    #[param(example = "100")]
    after: Option<String>,
}

impl SearchQuery {
    fn words(&self) -> Result<&str, Error> {
        if self.q.chars().count() > limits::TAG_TEXT_CHARS_MAX {
            let text = format!("q must have at most {} characters", limits::TAG_TEXT_CHARS_MAX);
            return Err(Error::new(Code::Invalid, text));
        }
        Ok(self.q.trim())
    }

    /// How many are passed over.
    fn offset(&self) -> Result<u64, Error> {
        let bad_after = |_| Error::new(Code::Invalid, "after must be how many to pass over");
        Ok(self.after.as_ref().map(|after| after.parse()).transpose().map_err(bad_after)?.unwrap_or_default())
    }
}

/// What was found first, of each kind.
#[derive(Serialize, ToSchema)]
pub(crate) struct FoundAnswer {
    artists: Vec<ArtistAnswer>,
    albums: Vec<AlbumAnswer>,
    tracks: Vec<TrackAnswer>,
}

/// Search
///
/// The first artists, albums and tracks whose words begin with all of these words.
#[utoipa::path(get, path = "/search", tag = "library", params(SearchQuery),
    responses((status = 200, description = "what was found", body = FoundAnswer)))]
pub(crate) async fn search(
    State(app): State<Arc<App>>,
    caller: Caller,
    Asked(query): Asked<SearchQuery>,
) -> Result<Response, Error> {
    let (words, rows, viewer) = (query.words()?, json::rows(query.limit)?, caller.identity.viewer());
    let offset = query.offset()?;
    let slot = app.listings.take(caller.identity.user.id.0)?;
    let permit = app.budget.wait(Pool::Listings, limits::LISTING_BYTES).await?;
    let artists = app.catalog.search_artists(&viewer, words, None, offset, rows).await?;
    let artists = artists.into_iter().map(ArtistAnswer::from).collect();
    let albums = app.catalog.search_albums(&viewer, words, None, offset, rows).await?;
    let albums = albums.into_iter().map(AlbumAnswer::from).collect();
    let found = app.catalog.search_tracks(&viewer, words, None, offset, rows).await?;
    let found = FoundAnswer { artists, albums, tracks: found.into_iter().map(TrackAnswer::from).collect() };
    let text =
        serde_json::to_vec(&found).map_err(|error| Error::broken("the list cannot be written", &error))?;
    drop((found, permit));
    Ok(held::listing(&app, slot, "application/json", text)?)
}

/// Search tracks
///
/// One page of those whose words begin with all of these words. `after` may be any number, so that a long list is read from
/// its middle.
#[utoipa::path(get, path = "/search/tracks", tag = "library", params(SearchQuery),
    responses((status = 200, description = "a page", body = TracksAnswer)))]
pub(crate) async fn search_tracks(
    State(app): State<Arc<App>>,
    caller: Caller,
    Asked(query): Asked<SearchQuery>,
) -> Result<Response, Error> {
    let words = query.words()?.to_owned();
    let page = PageQuery { limit: query.limit, after: query.after };
    let read = async |viewer: &Viewer, offset, rows| {
        app.catalog.search_tracks(viewer, &words, None, offset, rows).await
    };
    tracks::page_by_offset("tracks", &app, &caller, &page, read, TrackAnswer::from).await
}

/// List starred tracks
///
/// One page of those that the caller starred, the last one first.
#[utoipa::path(get, path = "/starred/tracks", tag = "library", params(PageQuery),
    responses((status = 200, description = "a page", body = TracksAnswer)))]
pub(crate) async fn starred_tracks(
    State(app): State<Arc<App>>,
    caller: Caller,
    Asked(query): Asked<PageQuery>,
) -> Result<Response, Error> {
    let read =
        async |viewer: &Viewer, offset, rows| app.catalog.starred_tracks(viewer, None, offset, rows).await;
    tracks::page_by_offset("tracks", &app, &caller, &query, read, TrackAnswer::from).await
}
