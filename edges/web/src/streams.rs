//! `/streams`: what is being played now, by the caller himself or, for admins, by everybody; and how to end it.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use budget::{Pool, limits};
use serde::Serialize;
use stream::StreamFigures;
use utoipa::ToSchema;

use crate::App;
use crate::caller::Caller;
use crate::error::{Code, Error};
use crate::held;
use crate::json::{self, Asked, Id};
use crate::shares;
use crate::under_way::{UnderWayQuery, Wanted, whose};

/// The running streams.
#[derive(Serialize, ToSchema)]
pub(crate) struct StreamsAnswer {
    /// How many run now, on all pages.
    count: usize,
    streams: Vec<StreamAnswer>,
    /// What `after` is for the next page; null when this is the last.
    next: Option<u64>,
}

/// One running stream.
#[derive(Serialize, ToSchema)]
pub(crate) struct StreamAnswer {
    id: u64,
    /// The name of whoever plays it.
    user: String,
    /// His id, or that of a share of his whose guests play it.
    #[schema(example = "us-1")]
    user_id: String,
    /// What is played.
    what: String,
    /// Where to.
    address: String,
    /// Sent so far.
    bytes: u64,
    /// Bytes per second of late.
    rate: u64,
    /// Since when, as RFC 3339 in whole milliseconds.
    #[schema(example = "2026-01-31T18:20:05.123Z")]
    since: String,
}

impl From<StreamFigures> for StreamAnswer {
    fn from(figures: StreamFigures) -> Self {
        StreamAnswer {
            id: figures.id,
            user: figures.user_name.to_string(),
            user_id: shares::whose(figures.user),
            what: figures.what,
            address: figures.address.to_string(),
            bytes: figures.bytes,
            rate: figures.rate,
            since: json::system_moment(figures.since),
        }
    }
}

/// A page of the running streams behind one of them, of one user or of everybody.
pub(crate) fn page(app: &App, &Wanted { whose, after, rows }: &Wanted) -> StreamsAnswer {
    // One row more than asked for tells whether there is a next page.
    let (count, mut figures) = match whose {
        Some(user) => (app.streams.running_of(user.0), app.streams.list_of(user.0, after, rows + 1)),
        None => (app.streams.running(), app.streams.list(after, rows + 1)),
    };
    let more = figures.len() > rows;
    figures.truncate(rows);
    let next = figures.last().map(|stream| stream.id).filter(|_| more);
    StreamsAnswer { count, streams: figures.into_iter().map(Into::into).collect(), next }
}

/// List running streams
///
/// The caller's own; for admins everybody's.
#[utoipa::path(get, path = "/streams", tag = "server", params(UnderWayQuery),
    responses((status = 200, description = "a page of the running streams, oldest first", body = StreamsAnswer)))]
pub(crate) async fn list(
    State(app): State<Arc<App>>,
    caller: Caller,
    Asked(query): Asked<UnderWayQuery>,
) -> Result<Response, Error> {
    let wanted = query.wanted(&caller.identity.user)?;
    let permit = app.budget.wait(Pool::Listings, limits::LISTING_BYTES).await?;
    let answer = page(&app, &wanted);
    let text =
        serde_json::to_vec(&answer).map_err(|error| Error::broken("the list cannot be written", &error))?;
    drop((answer, permit));
    Ok(held::answer(&app.budget, Pool::Listings, "application/json", text)?)
}

/// End a stream
///
/// One of the caller's; for admins anybody's. Its connection is cut, or with HTTP/2 its stream alone is reset; the player may ask again.
#[utoipa::path(delete, path = "/streams/{id}", tag = "server", params(("id" = u64, Path, example = 17)),
    responses((status = 204, description = "it is ended")))]
pub(crate) async fn end(
    State(app): State<Arc<App>>,
    caller: Caller,
    Id(id): Id<u64>,
) -> Result<StatusCode, Error> {
    let may = match whose(&caller.identity.user) {
        Some(user) => app.streams.user_of(id) == Some(user.0),
        None => true,
    };
    if may && app.streams.end(id) {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(Error::new(Code::NotFound, "no such stream runs"))
    }
}
