//! `/artists`: who made the albums.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use axum::extract::State;
use axum::http::{StatusCode, request};
use axum::response::{IntoResponse, Response};
use catalog::{Artist, ArtistId, BadId, Item, Page, Viewer};
use serde::Serialize;
use utoipa::ToSchema;

use crate::App;
use crate::albums::{AlbumAnswer, AlbumsAnswer};
use crate::audio::{PictureQuery, show_cover};
use crate::caller::Caller;
use crate::error::Error;
use crate::json::{self, Asked, Id};
use crate::tracks::{self, PageQuery};

/// An artist with the number of albums that the caller sees.
#[derive(Serialize, ToSchema)]
pub(crate) struct ArtistAnswer {
    #[schema(example = "ar-2")]
    id: String,
    name: String,
    /// The name to sort by, without an article in front.
    sort_name: String,
    /// Albums on which he has a part, which are those that `/artists/{id}/albums` lists.
    albums: u64,
    /// When the caller starred him, as RFC 3339.
    starred: Option<String>,
    /// The caller's own rating, 1 to 5; 0 is none.
    rating: u8,
}

impl From<Artist> for ArtistAnswer {
    fn from(artist: Artist) -> Self {
        ArtistAnswer {
            id: artist.id.to_string(),
            name: artist.name,
            sort_name: artist.sort_name,
            albums: artist.albums,
            starred: artist.play.starred.map(json::moment),
            rating: artist.play.rating,
        }
    }
}

/// Where a list of artists goes on: behind this name to sort by, and of several of one name behind this artist. As text the
/// id comes first, because it has no blank.
struct Place {
    sort_name: String,
    id: ArtistId,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.id, self.sort_name)
    }
}

impl FromStr for Place {
    type Err = BadId;

    fn from_str(text: &str) -> Result<Self, BadId> {
        let (id, sort_name) = text.split_once(' ').ok_or(BadId)?;
        // Nobody's id stands before all of that name.
        let id = if id == ArtistId(0).to_string() { ArtistId(0) } else { id.parse()? };
        Ok(Place { sort_name: sort_name.to_owned(), id })
    }
}

/// Where the list is to go on for all names that begin with this.
pub(crate) fn before(first: &str) -> String {
    Place { sort_name: first.to_owned(), id: ArtistId(0) }.to_string()
}

/// One page. It is written row by row; this is its description.
#[derive(Serialize, ToSchema)]
pub(crate) struct ArtistsAnswer {
    artists: Vec<ArtistAnswer>,
    /// What `after` is for the next page; null when this is the last.
    next: Option<String>,
}

/// List artists
///
/// One page of those who have albums that the caller sees, by name.
#[utoipa::path(get, path = "/artists", tag = "library", params(PageQuery),
    responses((status = 200, description = "a page", body = ArtistsAnswer)))]
pub(crate) async fn list(
    State(app): State<Arc<App>>,
    caller: Caller,
    Asked(query): Asked<PageQuery>,
) -> Result<Response, Error> {
    let place = |(sort_name, id)| Place { sort_name, id };
    let read = async |viewer: &Viewer, after: Option<Place>, rows| {
        let after = after.map(|Place { sort_name, id }| (sort_name, id));
        let Page { rows, next } = app.catalog.artists(viewer, None, after, rows).await?;
        Ok(Page { rows, next: next.map(place) })
    };
    tracks::page("artists", &app, &caller, &query, read, |artist: Artist| {
        (Place { sort_name: artist.sort_name.clone(), id: artist.id }, ArtistAnswer::from(artist))
    })
    .await
}

/// Read an artist
#[utoipa::path(get, path = "/artists/{id}", tag = "library", params(("id" = String, Path, example = "ar-2")),
    responses((status = 200, description = "the artist", body = ArtistAnswer)))]
pub(crate) async fn read(
    State(app): State<Arc<App>>,
    caller: Caller,
    Id(id): Id<ArtistId>,
) -> Result<Response, Error> {
    let artist = app.catalog.artist(&caller.identity.viewer(), id).await?;
    Ok(json::answer(StatusCode::OK, &ArtistAnswer::from(artist)))
}

/// List the albums of an artist
///
/// One page of those that are his, and on which he plays, by year.
#[utoipa::path(get, path = "/artists/{id}/albums", tag = "library",
    params(("id" = String, Path, example = "ar-2"), PageQuery),
    responses((status = 200, description = "a page", body = AlbumsAnswer)))]
pub(crate) async fn albums(
    State(app): State<Arc<App>>,
    caller: Caller,
    Id(id): Id<ArtistId>,
    Asked(query): Asked<PageQuery>,
) -> Result<Response, Error> {
    let read = async |viewer: &Viewer, offset, rows| {
        app.catalog.artist(viewer, id).await?;
        app.catalog.artist_albums(viewer, id, offset, rows).await
    };
    tracks::page_by_offset("albums", &app, &caller, &query, read, AlbumAnswer::from).await
}

/// Show an artist's picture
///
/// The cover of one of his albums; nothing, as 204, when none of them has one: lists do not tell beforehand.
#[utoipa::path(get, path = "/artists/{id}/cover", tag = "library",
    params(("id" = String, Path, example = "ar-2"), PictureQuery),
    responses((status = 200, description = "the picture", body = Vec<u8>, content_type = "image/*"),
        (status = 204, description = "there is none")))]
pub(crate) async fn cover(
    State(app): State<Arc<App>>,
    caller: Caller,
    Id(id): Id<ArtistId>,
    Asked(query): Asked<PictureQuery>,
    head: request::Parts,
) -> Result<Response, Error> {
    let viewer = caller.identity.viewer();
    app.catalog.artist(&viewer, id).await?;
    match show_cover(&app, &caller.account(), &viewer, Item::Artist(id), &query, &head).await {
        Err(error) if error.is_nothing() => Ok(StatusCode::NO_CONTENT.into_response()),
        shown => shown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_in_the_list_is_read_as_it_was_written() {
        for (text, good) in [
            (&*before("q"), true),
            ("ar-2 millers the", true),
            ("ar-2 ", true),
            ("ar-2", false),
            ("2 a", false),
            ("", false),
        ] {
            let read = text.parse::<Place>().map(|place| place.to_string());
            assert_eq!(read.ok().as_deref(), good.then_some(text), "{text}");
        }
    }
}
