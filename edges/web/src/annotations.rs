//! What a listener does with tracks, albums and artists: stars, ratings, plays.

use std::str::FromStr;
use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use catalog::{AlbumId, ArtistId, BadId, Item, TrackId, UnixMs};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::App;
use crate::caller::Caller;
use crate::error::{Code, Error};
use crate::json::{self, Fields, Form, Id};

/// The id of anything that can be starred.
pub(crate) struct Starrable(Item);

impl FromStr for Starrable {
    type Err = BadId;

    fn from_str(text: &str) -> Result<Self, BadId> {
        let track = || text.parse::<TrackId>().map(Item::Track);
        let album = || text.parse::<AlbumId>().map(Item::Album);
        let artist = || text.parse::<ArtistId>().map(Item::Artist);
        track().or_else(|_| album()).or_else(|_| artist()).map(Starrable)
    }
}

/// Star something
///
/// A track, an album or an artist, by its id.
#[utoipa::path(put, path = "/stars/{id}", tag = "library", params(("id" = String, Path, example = "al-5")),
    responses((status = 204, description = "it is starred")))]
pub(crate) async fn star(
    State(app): State<Arc<App>>,
    caller: Caller,
    Id(Starrable(item)): Id<Starrable>,
) -> Result<StatusCode, Error> {
    set(&app, &caller, item, Some(json::now())).await
}

/// Take a star away
#[utoipa::path(delete, path = "/stars/{id}", tag = "library", params(("id" = String, Path, example = "al-5")),
    responses((status = 204, description = "it is not starred")))]
pub(crate) async fn unstar(
    State(app): State<Arc<App>>,
    caller: Caller,
    Id(Starrable(item)): Id<Starrable>,
) -> Result<StatusCode, Error> {
    set(&app, &caller, item, None).await
}

async fn set(app: &App, caller: &Caller, item: Item, at: Option<UnixMs>) -> Result<StatusCode, Error> {
    app.catalog.star(&caller.identity.viewer(), &[item], at).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// How good something is.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RatingForm {
    /// 1 to 5; 0 takes it away.
    #[schema(minimum = 0, maximum = 5)]
    rating: u8,
}

impl Fields for RatingForm {
    const NAMES: &'static [&'static str] = &["rating"];
}

/// Rate something
///
/// A track, an album or an artist, by its id.
#[utoipa::path(put, path = "/ratings/{id}", tag = "library", params(("id" = String, Path, example = "tr-17")),
    request_body = RatingForm, responses((status = 204, description = "it is rated")))]
pub(crate) async fn rate(
    State(app): State<Arc<App>>,
    caller: Caller,
    Id(Starrable(item)): Id<Starrable>,
    Form(RatingForm { rating }): Form<RatingForm>,
) -> Result<StatusCode, Error> {
    if rating > 5 {
        return Err(Error::new(Code::Invalid, "rating must be a number from 0 to 5"));
    }
    app.catalog.rate(&caller.identity.viewer(), item, rating).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Count a play
///
/// Of a track that was heard to its end, or nearly. Sending its bytes alone never counts.
#[utoipa::path(post, path = "/tracks/{id}/plays", tag = "library", params(("id" = String, Path, example = "tr-17")),
    responses((status = 204, description = "it counts")))]
pub(crate) async fn play(
    State(app): State<Arc<App>>,
    caller: Caller,
    Id(id): Id<TrackId>,
) -> Result<StatusCode, Error> {
    app.catalog.play(&caller.identity.viewer(), &[(id, json::now())]).await?;
    Ok(StatusCode::NO_CONTENT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_says_what_it_is_of() {
        for (text, expected) in [
            ("tr-1", Some(Item::Track(TrackId(1)))),
            ("al-2", Some(Item::Album(AlbumId(2)))),
            ("ar-3", Some(Item::Artist(ArtistId(3)))),
            ("pl-4", None),
            ("", None),
        ] {
            assert_eq!(text.parse().ok().map(|Starrable(item)| item), expected, "{text}");
        }
    }
}
