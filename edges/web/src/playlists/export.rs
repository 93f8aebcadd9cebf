//! A playlist as a list that players read, written page by page while it is sent.

use std::sync::Arc;

use ::stream::Disposition;
use axum::body::Body;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_DISPOSITION;
use axum::response::Response;
use budget::{Permit, Pool, Slot, limits};
use bytes::Bytes;
use catalog::{PlaylistId, Viewer};
use futures_util::{StreamExt, TryStreamExt, stream};

use super::m3u;
use crate::App;
use crate::caller::Caller;
use crate::error::Error;
use crate::json::{self, Id};

/// Save a playlist
///
/// As extended M3U in UTF-8. Its paths are those beneath the libraries: beside them, and on a server that has the same
/// files, they find the songs.
#[utoipa::path(get, path = "/playlists/{id}/m3u8", tag = "playlists",
    params(("id" = String, Path, example = "pl-3")),
    responses((status = 200, description = "the list", body = String, content_type = "audio/mpegurl")))]
pub(crate) async fn export(
    State(app): State<Arc<App>>,
    caller: Caller,
    Id(id): Id<PlaylistId>,
) -> Result<Response, Error> {
    let viewer = caller.identity.viewer();
    let playlist = app.catalog.playlist(&viewer, id).await?;
    let slot = Arc::new(app.listings.take(caller.identity.user.id.0)?);
    let mut head = String::new();
    m3u::begin(&mut head, &playlist.name);
    let mut export = Export { app, viewer, id, offset: Some(0), slot };
    // What fails at once is an ordinary error; what fails later breaks the connection visibly.
    let first = export.page(head).await?;
    let rest = stream::try_unfold(export, |mut export| async move {
        if export.offset.is_none() {
            return Ok(None);
        }
        let page = export.page(String::new()).await?;
        Ok::<_, Error>(Some((page, export)))
    });
    let rest = rest.map_err(|error| {
        tracing::warn!(?error, "a list broke off");
        std::io::Error::other("the list broke off")
    });
    let body = Body::from_stream(stream::once(async { Ok(first) }).chain(rest));
    let mut answer = json::typed(StatusCode::OK, "audio/mpegurl; charset=utf-8", body);
    let name = Disposition::Attachment(format!("{}.m3u8", playlist.name));
    if let Some(name) = name.header() {
        answer.headers_mut().insert(CONTENT_DISPOSITION, name);
    }
    Ok(answer)
}

/// A list on its way out.
struct Export {
    app: Arc<App>,
    viewer: Viewer,
    id: PlaylistId,
    /// Where it goes on.
    offset: Option<u64>,
    slot: Arc<Slot<i64>>,
}

impl Export {
    /// The text of the next page behind what is there, under a permit of its size.
    async fn page(&mut self, mut text: String) -> Result<Bytes, Error> {
        let mut permit = self.app.budget.wait(Pool::Listings, limits::LISTING_BYTES).await?;
        let offset = self.offset.take().unwrap_or_default();
        let rows_max = limits::PAGE_ROWS_MAX;
        let tracks = self.app.catalog.playlist_tracks(&self.viewer, self.id, offset, rows_max).await?;
        let was_whole = tracks.len() >= rows_max || catalog::is_cut(&tracks);
        let read = tracks.len();
        let mut written = 0;
        for track in tracks {
            if text.len() >= limits::LISTING_TEXT_BYTES_MAX {
                break;
            }
            m3u::write(&mut text, &track);
            written += 1;
        }
        self.offset = (was_whole || written < read).then_some(offset + written as u64);
        text.shrink_to_fit();
        permit.shrink(text.capacity() as u64);
        Ok(Bytes::from_owner(Page { text, _permit: permit, _slot: self.slot.clone() }))
    }
}

/// The text of a page, which goes with its permit.
struct Page {
    text: String,
    _permit: Permit,
    _slot: Arc<Slot<i64>>,
}

impl AsRef<[u8]> for Page {
    fn as_ref(&self) -> &[u8] {
        self.text.as_bytes()
    }
}
