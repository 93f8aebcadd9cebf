//! `/tracks`: pages of what the listener sees, one of them, and what can be changed of it.

use std::str::FromStr;
use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use budget::{Pool, limits};
use catalog::{Gain, ImageChange, Page, Track, TrackChange, TrackId, Viewer, Visibility};
use serde::{Deserialize, Deserializer, Serialize};
use store::{BlobId, FileId};
use utoipa::{IntoParams, ToSchema};

use crate::App;
use crate::caller::Caller;
use crate::error::{Code, Error};
use crate::held;
use crate::json::{self, Asked, Fields, Form, Id};

/// A track with the listener's own play state.
#[derive(Serialize, ToSchema)]
pub(crate) struct TrackAnswer {
    #[schema(example = "tr-17")]
    id: String,
    title: String,
    album_id: String,
    album: String,
    artist_id: String,
    artist: String,
    album_artist_id: String,
    album_artist: String,
    genres: Vec<String>,
    /// Number on the disc.
    track: Option<u32>,
    /// Number of the disc.
    disc: Option<u32>,
    year: Option<u32>,
    duration_ms: u64,
    bitrate_kbps: u32,
    sample_rate_hz: u32,
    bit_depth: Option<u32>,
    channels: u32,
    size_bytes: u64,
    /// The file's extension.
    suffix: String,
    content_type: &'static str,
    has_cover: bool,
    /// Of an upload: the short id of its bytes, for `/audio/{file_id}`.
    #[schema(example = "b94d27b9934d3e08")]
    file_id: Option<String>,
    visibility: VisibilityWord,
    /// Whose it is; null for files of library folders.
    #[schema(example = "us-1")]
    owner: Option<String>,
    /// When it was first seen, as RFC 3339.
    created: String,
    /// When the listener starred it, as RFC 3339.
    starred: Option<String>,
    /// The listener's own rating, 1 to 5; 0 is none.
    rating: u8,
    /// How often the listener played it.
    plays: u64,
    /// When last, as RFC 3339.
    played: Option<String>,
}

impl From<Track> for TrackAnswer {
    fn from(track: Track) -> Self {
        let file_id = track.file_id().map(|id| id.to_string());
        TrackAnswer {
            id: track.id.to_string(),
            file_id,
            title: track.title,
            album_id: track.album_id.to_string(),
            album: track.album,
            artist_id: track.artist_id.to_string(),
            artist: track.artist,
            album_artist_id: track.album_artist_id.to_string(),
            album_artist: track.album_artist,
            genres: track.genres,
            track: track.track,
            disc: track.disc,
            year: track.year,
            duration_ms: track.duration_ms,
            bitrate_kbps: track.bitrate_kbps,
            sample_rate_hz: track.sample_rate_hz,
            bit_depth: track.bit_depth,
            channels: track.channels,
            size_bytes: track.size_bytes,
            suffix: track.suffix,
            content_type: track.content_type,
            has_cover: track.has_cover,
            visibility: track.visibility.into(),
            owner: track.owner.map(|owner| owner.to_string()),
            created: json::moment(track.created),
            starred: track.play.starred.map(json::moment),
            rating: track.play.rating,
            plays: track.play.plays,
            played: track.play.played.map(json::moment),
        }
    }
}

impl TrackAnswer {
    /// With the length and the bitrate that a look at the file told.
    pub(crate) fn looked_at(mut self, duration_ms: u64, bitrate_kbps: u32) -> Self {
        (self.duration_ms, self.bitrate_kbps) = (duration_ms, bitrate_kbps);
        self
    }
}

/// Who sees a track.
#[derive(Clone, Copy, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum VisibilityWord {
    /// Everyone who sees its library.
    Library,
    /// Its owner alone; to others it does not exist.
    Private,
}

impl From<Visibility> for VisibilityWord {
    fn from(visibility: Visibility) -> Self {
        match visibility {
            Visibility::Library => VisibilityWord::Library,
            Visibility::Private => VisibilityWord::Private,
        }
    }
}

impl From<VisibilityWord> for Visibility {
    fn from(word: VisibilityWord) -> Self {
        match word {
            VisibilityWord::Library => Visibility::Library,
            VisibilityWord::Private => Visibility::Private,
        }
    }
}

/// Where a page starts and how long it may be.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct PageQuery {
    /// Rows, 1 to 500; 100 if it is not said. A page may have fewer even when `next` says that there are more.
    #[param(minimum = 1, maximum = 500)]
    pub(crate) limit: Option<usize>,
    /// The `next` of the page before.
    #[param(example = "tr-17")]
    pub(crate) after: Option<String>,
}

/// One page. It is written row by row; this is its description.
#[derive(Serialize, ToSchema)]
pub(crate) struct TracksAnswer {
    tracks: Vec<TrackAnswer>,
    /// What `after` is for the next page; null when this is the last.
    #[schema(example = "tr-117")]
    next: Option<String>,
}

/// List tracks
///
/// One page of all tracks that the caller sees, in the order of their ids.
#[utoipa::path(get, path = "/tracks", tag = "tracks", params(PageQuery),
    responses((status = 200, description = "a page", body = TracksAnswer)))]
pub(crate) async fn list(
    State(app): State<Arc<App>>,
    caller: Caller,
    Asked(query): Asked<PageQuery>,
) -> Result<Response, Error> {
    let read = async |viewer: &Viewer, after, rows| app.catalog.tracks(viewer, after, rows).await;
    page("tracks", &app, &caller, &query, read, |track: Track| (track.id, TrackAnswer::from(track))).await
}

/// One page of a list of that name, which goes on behind a row by its key; `show` makes the answer's row of the catalog's.
pub(crate) async fn page<Row, Key: FromStr + ToString, Shown: Serialize>(
    name: &'static str,
    app: &App,
    caller: &Caller,
    query: &PageQuery,
    read: impl AsyncFnOnce(&Viewer, Option<Key>, usize) -> Result<Page<Row, Key>, catalog::Error>,
    show: impl Fn(Row) -> (Key, Shown),
) -> Result<Response, Error> {
    let rows = json::rows(query.limit)?;
    let bad_after = |_| Error::new(Code::Invalid, "after must be what next said");
    let after = query.after.as_ref().map(|after| after.parse::<Key>()).transpose().map_err(bad_after)?;
    let slot = app.listings.take(caller.identity.user.id.0)?;
    let permit = app.budget.wait(Pool::Listings, limits::LISTING_BYTES).await?;
    let page = read(&caller.identity.viewer(), after, rows).await?;
    let text = page_text(name, page.rows.into_iter().map(show), page.next)?;
    drop(permit);
    Ok(held::listing(app, slot, "application/json", text)?)
}

/// As [`page`], of a list that goes on by offset: `read` gives the rows from there on.
pub(crate) async fn page_by_offset<Row: catalog::Weight, Shown: Serialize>(
    name: &'static str,
    app: &App,
    caller: &Caller,
    query: &PageQuery,
    read: impl AsyncFnOnce(&Viewer, u64, usize) -> Result<Vec<Row>, catalog::Error>,
    show: impl Fn(Row) -> Shown,
) -> Result<Response, Error> {
    let read = async |viewer: &Viewer, after: Option<u64>, rows| {
        let offset = after.unwrap_or_default();
        Ok(by_offset(read(viewer, offset, rows).await?, offset, rows))
    };
    page(name, app, caller, query, read, |(next, row)| (next, show(row))).await
}

/// A page of a list that goes on by offset: each row with the offset behind it.
fn by_offset<Row: catalog::Weight>(rows: Vec<Row>, offset: u64, rows_max: usize) -> Page<(u64, Row), u64> {
    let was_whole = rows.len() >= rows_max || catalog::is_cut(&rows);
    let rows: Vec<(u64, Row)> = (offset.saturating_add(1)..).zip(rows).collect();
    let next = rows.last().map(|(next, _)| *next).filter(|_| was_whole);
    Page { rows, next }
}

/// Writes the rows until the text is long enough; the key of the last one written is where the next page starts.
fn page_text<Key: ToString, Shown: Serialize>(
    name: &str,
    rows: impl Iterator<Item = (Key, Shown)>,
    mut next: Option<Key>,
) -> Result<Vec<u8>, Error> {
    let mut text = format!("{{\"{name}\":[").into_bytes();
    let mut rows = rows.peekable();
    while let Some((id, row)) = rows.next() {
        write(&mut text, &row)?;
        if rows.peek().is_some() {
            if text.len() >= limits::PAGE_TEXT_BYTES_MAX {
                next = Some(id);
                break;
            }
            text.push(b',');
        }
    }
    text.extend_from_slice(b"],\"next\":");
    write(&mut text, &next.map(|next| next.to_string()))?;
    text.push(b'}');
    text.shrink_to_fit();
    Ok(text)
}

fn write<T: Serialize>(text: &mut Vec<u8>, what: &T) -> Result<(), Error> {
    serde_json::to_writer(text, what).map_err(|error| Error::broken("the page cannot be written", &error))
}

/// A track with how loud it is, which lists do not tell.
#[derive(Serialize, ToSchema)]
pub(crate) struct OneTrackAnswer {
    #[serde(flatten)]
    track: TrackAnswer,
    /// What its tags say of how loud it is.
    gain: Option<GainAnswer>,
}

/// ReplayGain 2.0, as the tags have it.
#[derive(Serialize, ToSchema)]
pub(crate) struct GainAnswer {
    /// By how many decibels the track is to be made louder.
    track_db: Option<f64>,
    /// By how many the whole album is.
    album_db: Option<f64>,
    /// The loudest sample of the track; 1 is full scale.
    track_peak: Option<f64>,
    /// The loudest sample of the album.
    album_peak: Option<f64>,
}

impl From<Gain> for GainAnswer {
    fn from(gain: Gain) -> Self {
        let decibels = |millionths: i64| millionths as f64 / 1e6;
        let peak = |millionths: u64| millionths as f64 / 1e6;
        GainAnswer {
            track_db: gain.track_gain_udb.map(decibels),
            album_db: gain.album_gain_udb.map(decibels),
            track_peak: gain.track_peak_millionths.map(peak),
            album_peak: gain.album_peak_millionths.map(peak),
        }
    }
}

/// Read a track
#[utoipa::path(get, path = "/tracks/{id}", tag = "tracks", params(("id" = String, Path, example = "tr-17")),
    responses((status = 200, description = "the track", body = OneTrackAnswer)))]
pub(crate) async fn read(
    State(app): State<Arc<App>>,
    caller: Caller,
    Id(id): Id<TrackId>,
) -> Result<Response, Error> {
    let track = app.catalog.track(&caller.identity.viewer(), id).await?;
    let gain = track.details.read().gain.map(GainAnswer::from);
    Ok(json::answer(StatusCode::OK, &OneTrackAnswer { track: TrackAnswer::from(track), gain }))
}

/// What of a track can be changed; what is left out stays.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct TrackForm {
    /// 1 to 256 characters.
    title: Option<String>,
    /// 1 to 256 characters.
    artist: Option<String>,
    /// 1 to 256 characters.
    album: Option<String>,
    /// A picture that the caller, or the track's owner, sent before: its `file_id` or its SHA-256. Null takes the one
    /// away that was set.
    #[serde(default, deserialize_with = "said")]
    #[schema(value_type = Option<String>, example = "b94d27b9934d3e08")]
    image: Option<Option<String>>,
    /// Who sees it.
    visibility: Option<VisibilityWord>,
}

impl Fields for TrackForm {
    const NAMES: &'static [&'static str] = &["title", "artist", "album", "image", "visibility"];
}

/// Tells a null from a field that is not there.
fn said<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Option<String>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

/// Change a track
///
/// For its owner, and for admins.
#[utoipa::path(patch, path = "/tracks/{id}", tag = "tracks", params(("id" = String, Path, example = "tr-17")),
    request_body = TrackForm, responses((status = 200, description = "the track as it is now", body = TrackAnswer)))]
pub(crate) async fn change(
    State(app): State<Arc<App>>,
    caller: Caller,
    Id(id): Id<TrackId>,
    Form(form): Form<TrackForm>,
) -> Result<Response, Error> {
    let image = match form.image {
        None => ImageChange::Keep,
        Some(None) => ImageChange::Drop,
        Some(Some(text)) => ImageChange::Set(picture(&app, &caller, &text).await?),
    };
    let change = TrackChange {
        title: words("title", form.title)?,
        artist: words("artist", form.artist)?,
        album: words("album", form.album)?,
        image,
        visibility: form.visibility.map(Visibility::from),
    };
    let track = app.catalog.change_track(&caller.identity.managing(), id, &change).await?;
    if change.image != ImageChange::Keep {
        // A picture that nothing shows any more is doomed now.
        app.ingest.sweep_soon();
    }
    Ok(json::answer(StatusCode::OK, &TrackAnswer::from(track)))
}

/// A name as it can be set.
fn words(name: &'static str, text: Option<String>) -> Result<Option<String>, Error> {
    let Some(text) = text else { return Ok(None) };
    let text = text.trim();
    if text.is_empty() || text.chars().count() > limits::TAG_TEXT_CHARS_MAX {
        let text = format!("{name} must have 1 to {} characters", limits::TAG_TEXT_CHARS_MAX);
        return Err(Error::new(Code::Invalid, text));
    }
    Ok(Some(text.to_owned()))
}

/// Which picture is meant.
async fn picture(app: &App, caller: &Caller, text: &str) -> Result<BlobId, Error> {
    if let Ok(id) = text.parse::<BlobId>() {
        return Ok(id);
    }
    let wrong = || {
        Error::new(
            Code::Invalid,
            "image must be the file_id or the SHA-256 of a picture that was sent before",
        )
    };
    let id = text.parse::<FileId>().map_err(|_| wrong())?;
    let (blob, _) = app.catalog.blob_by_file_id(&caller.identity.managing(), id).await?;
    Ok(blob.id)
}

/// Remove a track
///
/// For its owner, and for admins: one that was uploaded. Its bytes go when no other track has them. Files of library
/// folders are never removed.
#[utoipa::path(delete, path = "/tracks/{id}", tag = "tracks", params(("id" = String, Path, example = "tr-17")),
    responses((status = 204, description = "gone")))]
pub(crate) async fn remove(
    State(app): State<Arc<App>>,
    caller: Caller,
    Id(id): Id<TrackId>,
) -> Result<StatusCode, Error> {
    app.ingest.remove_track(&caller.identity.managing(), id).await?;
    Ok(StatusCode::NO_CONTENT)
}
