//! Where the letters of long lists begin, so that one can jump there.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use budget::{Pool, limits};
use catalog::Lettered;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::App;
use crate::artists;
use crate::caller::Caller;
use crate::error::Error;
use crate::json::{self, Asked};

/// The letters of a list, in its order.
#[derive(Serialize, ToSchema)]
pub(crate) struct LettersAnswer {
    letters: Vec<LetterAnswer>,
}

/// A letter with which names of a list begin.
#[derive(Serialize, ToSchema)]
pub(crate) struct LetterAnswer {
    /// A capital; `#` stands for everything before the letters.
    #[schema(example = "B")]
    letter: String,
    /// How many rows come before the first with this letter.
    offset: u64,
    /// What `after` of the list is for a page that begins with it; null is the beginning of the list.
    after: Option<String>,
}

/// An order of albums that has letters.
#[derive(Clone, Copy, Default, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum ByWord {
    /// By name.
    #[default]
    Name,
    /// By artist, then year.
    Artist,
}

/// Which order.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct LettersQuery {
    /// `name` if it is not said.
    #[param(inline)]
    order: Option<ByWord>,
}

/// List the letters of artists
#[utoipa::path(get, path = "/artists/letters", tag = "library",
    responses((status = 200, description = "the letters with which their names begin", body = LettersAnswer)))]
pub(crate) async fn of_artists(State(app): State<Arc<App>>, caller: Caller) -> Result<Response, Error> {
    answer(&app, &caller, Lettered::Artists, |first, _| artists::before(first)).await
}

/// List the letters of albums
#[utoipa::path(get, path = "/albums/letters", tag = "library", params(LettersQuery),
    responses((status = 200, description = "the letters with which their names begin, or those of their artists",
        body = LettersAnswer)))]
pub(crate) async fn of_albums(
    State(app): State<Arc<App>>,
    caller: Caller,
    Asked(query): Asked<LettersQuery>,
) -> Result<Response, Error> {
    let list = match query.order.unwrap_or_default() {
        ByWord::Name => Lettered::AlbumsByName,
        ByWord::Artist => Lettered::AlbumsByArtist,
    };
    answer(&app, &caller, list, |_, offset| offset.to_string()).await
}

/// The answer for a list that goes on at a place that `place` makes of the letter as names have it, and of the rows before it.
async fn answer(
    app: &App,
    caller: &Caller,
    list: Lettered,
    place: impl Fn(&str, u64) -> String,
) -> Result<Response, Error> {
    let _slot = app.listings.take(caller.identity.user.id.0)?;
    let _permit = app.budget.wait(Pool::Listings, limits::LISTING_BYTES).await?;
    let found = app.catalog.letters(&caller.identity.viewer(), list, limits::LETTERS_MAX).await?;
    let mut letters: Vec<LetterAnswer> = Vec::with_capacity(found.len());
    let mut offset = 0;
    for (first, rows) in found {
        let letter = capital(&first);
        // Digits and signs come before all letters, and are one.
        if letters.last().is_none_or(|last| last.letter != letter) {
            letters.push(LetterAnswer { letter, offset, after: (offset > 0).then(|| place(&first, offset)) });
        }
        offset += rows;
    }
    Ok(json::answer(StatusCode::OK, &LettersAnswer { letters }))
}

/// What people look for under a letter of names as they are sorted, which have no capitals.
fn capital(first: &str) -> String {
    match first.chars().next() {
        Some(letter) if letter.is_alphabetic() => letter.to_uppercase().collect(),
        _ => "#".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_letter_is_a_capital_and_all_else_is_one_sign() {
        for (first, expected) in [("a", "A"), ("ж", "Ж"), ("1", "#"), ("\"", "#"), ("", "#"), ("村", "村")]
        {
            assert_eq!(capital(first), expected, "{first}");
        }
    }
}
