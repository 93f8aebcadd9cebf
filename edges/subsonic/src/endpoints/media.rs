//! Bytes: files of songs, and covers, as slices of files that `stream` sends.

use axum::body::Body;
use axum::http::{HeaderValue, Method, Response, StatusCode, header};
use catalog::{Item, PlaylistId, Track, TrackId};
use store::Source;
use stream::{Disposition, Kind, Listener, Segment};
use transform::Shown;

use crate::call::{Answer, Call, Reader};
use crate::cover_id::without_mark;
use crate::error::Error;
use crate::params;

/// How many songs of a playlist are looked at for one with a cover.
const PLAYLIST_COVER_ROWS: usize = 50;
/// A cover may be shown for a day without asking again; its validator makes asking again cheap.
const COVER_CACHING: HeaderValue = HeaderValue::from_static("private, max-age=86400");

/// `download`: the song's file under its own name, whatever a user's limit is.
pub(crate) async fn download(call: Call) -> Answer {
    let id: TrackId = call.params.id("id")?;
    let track = call.catalog().playing(&call.viewer()?, id).await?;
    let source = call.face.parts.shelf.open(&track.place()).await?;
    send_original(&call, &track, source, Disposition::Attachment(track.path.file_name().to_owned()))
}

/// The file of a track.
pub(super) fn send_original(call: &Call, track: &Track, source: Source, disposition: Disposition) -> Answer {
    let segment = Segment::whole(source, HeaderValue::from_static(track.content_type), disposition);
    send(call, segment, Kind::Media, format!("{} {}", track.id, track.title))
}

/// `getCoverArt`: by the id of a song, an album, an artist or a playlist, with any mark or none; of a video that has no picture, a frame. `size` is
/// rounded up to a few sizes that are made; without it, and beyond the last, the picture comes as it is.
pub(crate) async fn cover_art(call: Call) -> Answer {
    let reader = call.reader()?;
    let asked = call.params.text("id")?;
    let id = without_mark(&asked);
    let pixels = call.params.optional_number("size")?.filter(|pixels| *pixels > 0);
    let item = match id.parse::<PlaylistId>() {
        Ok(playlist) => playlist_cover(&reader, playlist).await?,
        Err(_) => params::item(id).ok_or_else(no_cover)?,
    };
    let Reader { catalog, viewer } = &reader;
    let (parts, address) = (&call.face.parts, call.client.address);
    let shown = parts.covers.of_item(&**catalog, &parts.shelf, viewer, item, pixels, address);
    let shown: Result<Shown, Error> = shown.await;
    let Shown { source, offset, count, content_type } = shown?;
    let content_type = HeaderValue::try_from(&*content_type).map_err(|_| no_cover())?;
    let segment =
        Segment::slice(source, offset, count, content_type, Disposition::Inline).ok_or_else(no_cover)?;
    let mut answer = send(&call, segment, Kind::Picture, format!("cover {id}"))?;
    // A failed condition or range says nothing about the picture, so it is not to be kept.
    if matches!(answer.status(), StatusCode::OK | StatusCode::PARTIAL_CONTENT | StatusCode::NOT_MODIFIED) {
        answer.headers_mut().insert(header::CACHE_CONTROL, COVER_CACHING);
    }
    Ok(answer)
}

/// A playlist looks like its first song that has a cover.
async fn playlist_cover(reader: &Reader, id: PlaylistId) -> Result<Item, Error> {
    let tracks = reader.catalog.playlist_tracks(&reader.viewer, id, 0, PLAYLIST_COVER_ROWS).await?;
    tracks.iter().find(|track| track.has_cover).map(|track| Item::Track(track.id)).ok_or_else(no_cover)
}

fn no_cover() -> Error {
    Error::not_found("There is no such cover")
}

/// Who gets it, for the list of streams and their limits.
pub(super) fn listener(call: &Call, kind: Kind, what: String) -> Result<Listener, Error> {
    let user = call.user()?;
    Ok(Listener {
        kind,
        user: user.id.0,
        user_name: user.name.as_str().into(),
        what,
        client: call.client,
        peer: call.peer.clone(),
    })
}

/// What is there whole, with ranges and conditions.
pub(super) fn send(call: &Call, segment: Segment, kind: Kind, what: String) -> Answer {
    let listener = listener(call, kind, what)?;
    // A form asks for the same as a query, ranges included: DSub resumes its downloads by POST.
    let method = if call.method == Method::HEAD { Method::HEAD } else { Method::GET };
    let answer: Response<stream::Body> =
        call.face.parts.streams.answer(&method, &call.headers, segment, listener)?;
    Ok(answer.map(Body::new))
}

/// The song of `mediaId`, or what an episode of a podcast became.
pub(super) async fn media_id(call: &Call) -> Result<TrackId, Error> {
    match &*call.params.text("mediaType")? {
        "song" => call.params.id("mediaId"),
        "podcast" => {
            let episode = call.catalog().episode(&call.viewer()?, call.params.id("mediaId")?).await?;
            episode.track.map(|track| track.id).ok_or_else(|| Error::not_found("The episode is not there"))
        }
        _ => Err(Error::bad("mediaType", "song or podcast")),
    }
}
