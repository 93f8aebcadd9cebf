//! What is sung: the texts of a track, from the file beside it and from its tags, read when somebody asks.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use budget::{Pool, limits};
use catalog::TrackId;
use catalog::scan::{Lyrics, read_lyrics};
use serde::Serialize;
use utoipa::ToSchema;

use crate::caller::Caller;
use crate::error::Error;
use crate::json::Id;
use crate::{App, held};

/// The texts of a track.
#[derive(Serialize, ToSchema)]
pub(crate) struct LyricsAnswer {
    /// None, or one for each language or way of writing; that of the file beside the track first.
    texts: Vec<TextAnswer>,
}

/// One text.
#[derive(Serialize, ToSchema)]
pub(crate) struct TextAnswer {
    /// As tagged, mostly three letters of ISO 639-2.
    language: Option<String>,
    /// Whether its lines have times.
    synced: bool,
    /// How much sooner the lines are to appear than they say.
    offset_ms: i64,
    lines: Vec<LineAnswer>,
}

/// One line.
#[derive(Serialize, ToSchema)]
pub(crate) struct LineAnswer {
    /// When it begins.
    start_ms: Option<u64>,
    text: String,
}

impl From<Lyrics> for TextAnswer {
    fn from(text: Lyrics) -> Self {
        let line = |line: catalog::scan::Line| LineAnswer { start_ms: line.start_ms, text: line.text };
        TextAnswer {
            synced: text.is_synced(),
            language: text.language,
            offset_ms: text.offset_ms,
            lines: text.lines.into_iter().map(line).collect(),
        }
    }
}

/// Read the lyrics of a track
#[utoipa::path(get, path = "/tracks/{id}/lyrics", tag = "tracks", params(("id" = String, Path, example = "tr-17")),
    responses((status = 200, description = "its texts, which may be none", body = LyricsAnswer)))]
pub(crate) async fn read(
    State(app): State<Arc<App>>,
    caller: Caller,
    Id(id): Id<TrackId>,
) -> Result<Response, Error> {
    let track = app.catalog.track(&caller.identity.viewer(), id).await?;
    let slot = app.listings.take(caller.identity.user.id.0)?;
    let permit = app.budget.wait(Pool::Listings, limits::LISTING_BYTES).await?;
    let texts = read_lyrics(&app.shelf, &track).await?;
    let answer = LyricsAnswer { texts: texts.into_iter().map(TextAnswer::from).collect() };
    let text =
        serde_json::to_vec(&answer).map_err(|error| Error::broken("the lyrics cannot be written", &error))?;
    drop((answer, permit));
    Ok(held::listing(&app, slot, "application/json", text)?)
}
