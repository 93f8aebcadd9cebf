//! `/albums`: albums in many orders, and what is on one.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{StatusCode, request};
use axum::response::Response;
use catalog::{Album, AlbumId, AlbumOrder, Item, Viewer};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::App;
use crate::audio::{PictureQuery, show_cover};
use crate::caller::Caller;
use crate::error::{Code, Error};
use crate::json::{self, Asked, Id};
use crate::tracks::{self, PageQuery, TrackAnswer, TracksAnswer};

/// An album with its totals over what the caller sees.
#[derive(Serialize, ToSchema)]
pub(crate) struct AlbumAnswer {
    #[schema(example = "al-5")]
    id: String,
    name: String,
    #[schema(example = "ar-2")]
    artist_id: String,
    artist: String,
    year: Option<u32>,
    genres: Vec<String>,
    /// How many there are on it.
    tracks: u64,
    duration_ms: u64,
    has_cover: bool,
    /// When it was first seen, as RFC 3339.
    created: String,
    /// When the caller starred it.
    starred: Option<String>,
    /// The caller's own rating, 1 to 5; 0 is none.
    rating: u8,
    /// How often the caller played of it.
    plays: u64,
    /// When last.
    played: Option<String>,
}

impl From<Album> for AlbumAnswer {
    fn from(album: Album) -> Self {
        AlbumAnswer {
            id: album.id.to_string(),
            name: album.name,
            artist_id: album.artist_id.to_string(),
            artist: album.artist,
            year: album.year,
            genres: album.genres,
            tracks: album.tracks,
            duration_ms: album.duration_ms,
            has_cover: album.has_cover,
            created: json::moment(album.created),
            starred: album.play.starred.map(json::moment),
            rating: album.play.rating,
            plays: album.play.plays,
            played: album.play.played.map(json::moment),
        }
    }
}

/// The orders of albums.
#[derive(Clone, Copy, Default, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum OrderWord {
    /// First seen last.
    #[default]
    Newest,
    /// By name.
    Name,
    /// By artist, then year.
    Artist,
    /// Released last.
    Year,
    /// Starred by the caller alone, last first.
    Starred,
    /// Best rated by the caller.
    Highest,
    /// Most played by the caller.
    Frequent,
    /// Last played by the caller.
    Recent,
}

/// Which albums, in which order.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct AlbumsQuery {
    /// Rows, 1 to 500; 100 if it is not said.
    #[param(minimum = 1, maximum = 500)]
    limit: Option<usize>,
    /// The `next` of the page before, or how many albums to pass over.
    #[param(example = "100")]
    after: Option<String>,
    /// `newest` if it is not said.
    #[param(inline)]
    order: Option<OrderWord>,
    /// Only albums of this genre, by name.
    genre: Option<String>,
}

impl AlbumsQuery {
    fn order(&self) -> Result<AlbumOrder, Error> {
        let Some(genre) = &self.genre else {
            return Ok(match self.order.unwrap_or_default() {
                OrderWord::Newest => AlbumOrder::Newest,
                OrderWord::Name => AlbumOrder::ByName,
                OrderWord::Artist => AlbumOrder::ByArtist,
                OrderWord::Year => AlbumOrder::ByYear(u32::MAX, 0),
                OrderWord::Starred => AlbumOrder::Starred,
                OrderWord::Highest => AlbumOrder::Highest,
                OrderWord::Frequent => AlbumOrder::Frequent,
                OrderWord::Recent => AlbumOrder::Recent,
            });
        };
        if self.order.is_some_and(|order| !matches!(order, OrderWord::Name)) {
            return Err(Error::new(Code::Invalid, "albums of a genre come by name: leave order out"));
        }
        Ok(AlbumOrder::ByGenre(genre.clone()))
    }
}

/// One page. It is written row by row; this is its description.
#[derive(Serialize, ToSchema)]
pub(crate) struct AlbumsAnswer {
    albums: Vec<AlbumAnswer>,
    /// What `after` is for the next page; null when this is the last.
    #[schema(example = "100")]
    next: Option<String>,
}

/// List albums
///
/// One page of the albums that the caller sees.
#[utoipa::path(get, path = "/albums", tag = "library", params(AlbumsQuery),
    responses((status = 200, description = "a page", body = AlbumsAnswer)))]
pub(crate) async fn list(
    State(app): State<Arc<App>>,
    caller: Caller,
    Asked(query): Asked<AlbumsQuery>,
) -> Result<Response, Error> {
    let order = query.order()?;
    let page = PageQuery { limit: query.limit, after: query.after };
    let read =
        async |viewer: &Viewer, offset, rows| app.catalog.albums(viewer, &order, None, offset, rows).await;
    tracks::page_by_offset("albums", &app, &caller, &page, read, AlbumAnswer::from).await
}

/// Read an album
#[utoipa::path(get, path = "/albums/{id}", tag = "library", params(("id" = String, Path, example = "al-5")),
    responses((status = 200, description = "the album", body = AlbumAnswer)))]
pub(crate) async fn read(
    State(app): State<Arc<App>>,
    caller: Caller,
    Id(id): Id<AlbumId>,
) -> Result<Response, Error> {
    let album = app.catalog.album(&caller.identity.viewer(), id).await?;
    Ok(json::answer(StatusCode::OK, &AlbumAnswer::from(album)))
}

/// List the tracks of an album
///
/// One page of them, in playing order.
#[utoipa::path(get, path = "/albums/{id}/tracks", tag = "library",
    params(("id" = String, Path, example = "al-5"), PageQuery),
    responses((status = 200, description = "a page", body = TracksAnswer)))]
pub(crate) async fn songs(
    State(app): State<Arc<App>>,
    caller: Caller,
    Id(id): Id<AlbumId>,
    Asked(query): Asked<PageQuery>,
) -> Result<Response, Error> {
    let read = async |viewer: &Viewer, offset, rows| {
        // An album that the caller does not see has no tracks either, and is not found.
        app.catalog.album(viewer, id).await?;
        app.catalog.album_tracks(viewer, id, offset, rows).await
    };
    tracks::page_by_offset("tracks", &app, &caller, &query, read, TrackAnswer::from).await
}

/// Show an album's cover
///
/// Its own, or that of its first track: the picture as it was found, or made smaller.
#[utoipa::path(get, path = "/albums/{id}/cover", tag = "library",
    params(("id" = String, Path, example = "al-5"), PictureQuery),
    responses((status = 200, description = "the picture", body = Vec<u8>, content_type = "image/*")))]
pub(crate) async fn cover(
    State(app): State<Arc<App>>,
    caller: Caller,
    Id(id): Id<AlbumId>,
    Asked(query): Asked<PictureQuery>,
    head: request::Parts,
) -> Result<Response, Error> {
    show_cover(&app, &caller.account(), &caller.identity.viewer(), Item::Album(id), &query, &head).await
}
