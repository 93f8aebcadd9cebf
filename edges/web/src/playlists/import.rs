//! A list from elsewhere becomes a playlist: read as it comes, its songs looked up by the hundred.

use std::time::Duration;

use axum::body::Body;
use axum::http::StatusCode;
use axum::response::Response;
use budget::{Pool, limits};
use catalog::{TrackId, Viewer, Wanted};
use http_body_util::BodyExt;
use serde::Serialize;
use utoipa::ToSchema;

use super::PlaylistAnswer;
use super::m3u::{Entry, Reader};
use crate::App;
use crate::caller::Caller;
use crate::error::{Code, Error};
use crate::{held, json};

/// What became of a list.
#[derive(Serialize, ToSchema)]
pub(crate) struct ImportAnswer {
    playlist: PlaylistAnswer,
    /// Songs of the list that are in the playlist now.
    found: u64,
    /// Lines for which no song was found that the caller sees. Of very many, the first.
    missing: Vec<MissingLine>,
    /// How many of these lines there are.
    missing_total: u64,
}

/// A line of a list.
#[derive(Serialize, ToSchema)]
pub(crate) struct MissingLine {
    /// Its number, from 1.
    line: u64,
    text: String,
}

/// A list on its way in.
struct Import<'a> {
    app: &'a App,
    viewer: Viewer,
    reader: Reader,
    /// Songs that are looked up next, and the bytes of their lines.
    batch: Vec<Entry>,
    batch_bytes: usize,
    found: Vec<TrackId>,
    missing: Vec<MissingLine>,
    missing_bytes: usize,
    missing_total: u64,
}

/// Makes a playlist of a list that has this name, or the one that it gives itself.
pub(super) async fn import(
    app: &App,
    caller: &Caller,
    name: Option<String>,
    body: Body,
) -> Result<Response, Error> {
    let _slot = app.listings.take(caller.identity.user.id.0)?;
    // For the batch that is looked up, the numbers of the songs, and the lines that are told.
    let permit = app.budget.wait(Pool::Listings, limits::LISTING_BYTES).await?;
    let mut import = Import::new(app, caller);
    let whole = tokio::time::timeout(Duration::from_millis(limits::FORM_MS), import.read(body)).await;
    whole.map_err(|_| json::stalled())??;
    let Import { viewer, reader, found, missing, missing_total, .. } = import;
    if found.is_empty() {
        let text = format!("none of its {missing_total} songs is here, or it is no list in M3U");
        return Err(Error::new(Code::Invalid, text));
    }
    let name = name.or(reader.name).ok_or_else(|| {
        Error::new(Code::Invalid, "the list does not say its name").hint("give it one with ?name=")
    })?;
    let id = app.catalog.add_playlist(&viewer, name.trim(), &found).await?;
    let playlist = PlaylistAnswer::of(app.catalog.playlist(&viewer, id).await?);
    let answer = ImportAnswer { playlist, found: found.len() as u64, missing, missing_total };
    // Our own types can always be written.
    let text = serde_json::to_vec(&answer).unwrap_or_default();
    drop((answer, permit));
    let mut answer = held::answer(&app.budget, Pool::Listings, "application/json", text)?;
    *answer.status_mut() = StatusCode::CREATED;
    Ok(answer)
}

impl<'a> Import<'a> {
    fn new(app: &'a App, caller: &Caller) -> Self {
        Import {
            app,
            viewer: caller.identity.viewer(),
            reader: Reader::default(),
            batch: Vec::new(),
            batch_bytes: 0,
            found: Vec::new(),
            missing: Vec::new(),
            missing_bytes: 0,
            missing_total: 0,
        }
    }

    async fn read(&mut self, mut body: Body) -> Result<(), Error> {
        let mut left_bytes = limits::M3U_BYTES_MAX;
        while let Some(frame) = body.frame().await {
            // Trailers say nothing that we ask for.
            let Ok(piece) = frame.map_err(json::broken)?.into_data() else { continue };
            left_bytes = left_bytes.checked_sub(piece.len()).ok_or_else(|| {
                let text = format!("the list is longer than {} bytes", limits::M3U_BYTES_MAX);
                Error::new(Code::BodyTooLarge, text)
            })?;
            let mut rest = &piece[..];
            while let Some(entry) = self.reader.next(&mut rest) {
                self.take(entry).await?;
            }
        }
        if let Some(entry) = self.reader.last() {
            self.take(entry).await?;
        }
        self.look_up().await
    }

    async fn take(&mut self, entry: Entry) -> Result<(), Error> {
        self.batch_bytes += entry.text.len();
        self.batch.push(entry);
        let is_full = self.batch.len() >= limits::WANTED_ROWS_MAX
            || self.batch_bytes >= limits::M3U_BATCH_BYTES - limits::M3U_LINE_BYTES_MAX;
        if is_full { self.look_up().await } else { Ok(()) }
    }

    async fn look_up(&mut self) -> Result<(), Error> {
        let batch = std::mem::take(&mut self.batch);
        self.batch_bytes = 0;
        let (lines, wanted): (Vec<MissingLine>, Vec<Wanted>) = batch
            .into_iter()
            .map(|Entry { line, text, wanted }| (MissingLine { line, text }, wanted))
            .unzip();
        let found = self.app.catalog.wanted_tracks(&self.viewer, &wanted).await?;
        for (line, found) in lines.into_iter().zip(found) {
            match found {
                Some(id) => self.found.push(id),
                None => self.miss(line),
            }
        }
        if self.found.len() > limits::PLAYLIST_TRACKS_AT_ONCE_MAX {
            let text = format!("a list brings at most {} songs at once", limits::PLAYLIST_TRACKS_AT_ONCE_MAX);
            return Err(Error::new(Code::Invalid, text));
        }
        Ok(())
    }

    fn miss(&mut self, line: MissingLine) {
        self.missing_total += 1;
        let bytes = line.text.len() + size_of::<MissingLine>();
        if self.missing_bytes + bytes <= limits::M3U_MISSING_BYTES_MAX {
            self.missing_bytes += bytes;
            self.missing.push(line);
        }
    }
}
