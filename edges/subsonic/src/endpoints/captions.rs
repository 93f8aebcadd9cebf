//! What is said in a video, to be read: from a file beside it, or out of itself.

use axum::body::Body;
use axum::http::{HeaderValue, Response, header};
use budget::Pool;
use budget::limits::{CAPTIONS_BYTES_MAX, CAPTIONS_NEED_BYTES};
use catalog::scan::decode_text;
use catalog::{Track, TrackId};
use store::{Place, Source};
use stream::Held;
use transform::{Asker, Captions, Material, Recipe};

use super::transcoding::{maker, send_made};
use crate::call::{Answer, Call};
use crate::captions::{Beside, WRITTEN, beside, written};
use crate::error::{Error, ErrorKind};
use crate::model::VideoInfo;

const UNREADABLE: &str = "The captions could not be read";

/// `getVideoInfo`: what is in a video besides its pictures, and which captions lie beside it.
pub(crate) async fn video_info(call: Call) -> Answer {
    let id: TrackId = call.params.id("id")?;
    let video = call.catalog().video(&call.viewer()?, id).await?;
    let files = files_beside(&call, &video.track).await?;
    call.one("videoInfo", &VideoInfo::of(&video, &files))
}

/// `getCaptions`: the first file beside the video, or else the first text in it, written as `format` says; with `captions`, those
/// that have this id in `getVideoInfo`.
pub(crate) async fn captions(call: Call) -> Answer {
    let id: TrackId = call.params.id("id")?;
    let wanted = wanted(&call)?;
    let video = call.catalog().video(&call.viewer()?, id).await?.track;
    let chosen = call.params.get("captions");
    let files = files_beside(&call, &video).await?;
    let mut files = files.into_iter().filter(|file| chosen.as_ref().is_none_or(|id| *id == file.id));
    let Some(file) = files.next() else {
        return send_own(&call, &video, chosen.as_deref(), wanted.unwrap_or(Captions::WebVtt)).await;
    };
    let place = file.path(&video).map(|path| Place::File(video.folder, path)).ok_or_else(none)?;
    let source = call.face.parts.shelf.open(&place).await?;
    send_file(&call, source, wanted.unwrap_or(file.written)).await
}

fn none() -> Error {
    Error::not_found("This video has no captions")
}

/// The files of captions beside a video. What was sent has none beside it, and neither has what is not there.
async fn files_beside(call: &Call, video: &Track) -> Result<Vec<Beside>, Error> {
    let Place::File(folder, _) = video.place() else { return Ok(Vec::new()) };
    let Some(folder) = call.face.parts.shelf.folders().folder(folder) else { return Ok(Vec::new()) };
    let video = video.clone();
    let listed = tokio::task::spawn_blocking(move || beside(&folder, &video)).await;
    match listed.map_err(|e| Error::inside(ErrorKind::Generic, UNREADABLE, e))? {
        Err(e) if e.kind == store::ErrorKind::NotFound => Ok(Vec::new()),
        files => Ok(files?),
    }
}

/// What `format` says, if it says anything.
fn wanted(call: &Call) -> Result<Option<Captions>, Error> {
    let Some(word) = call.params.get("format") else { return Ok(None) };
    let kind = WRITTEN.into_iter().find(|kind| kind.suffix().eq_ignore_ascii_case(&word));
    kind.map(Some).ok_or_else(|| Error::bad("format", "srt or vtt"))
}

/// The text of a file, read whole under a permit that is held until it is sent.
async fn send_file(call: &Call, source: Source, wanted: Captions) -> Answer {
    if source.len() > CAPTIONS_BYTES_MAX {
        return Err(Error::new(ErrorKind::Generic, "The captions of this video are too long"));
    }
    let permit = call.face.parts.budget.wait(Pool::Listings, CAPTIONS_NEED_BYTES).await?;
    let read = tokio::task::spawn_blocking(move || Ok(written(&decode_text(&whole(&source)?), wanted)));
    let text: std::io::Result<String> =
        read.await.map_err(|e| Error::inside(ErrorKind::Generic, UNREADABLE, e))?;
    let text = text.map_err(|e| Error::inside(ErrorKind::Generic, UNREADABLE, e))?;
    let mut response = Response::new(Body::new(Held::new(Body::from(text), permit)));
    let content_type = HeaderValue::from_static(wanted.content_type());
    response.headers_mut().insert(header::CONTENT_TYPE, content_type);
    Ok(response)
}

/// All bytes of a file that is not too long.
fn whole(source: &Source) -> std::io::Result<Vec<u8>> {
    let mut bytes = vec![0; usize::try_from(source.len()).unwrap_or(0)];
    let mut filled = 0;
    while filled < bytes.len() {
        match source.read_at(&mut bytes[filled..], filled as u64)? {
            0 => break,
            more => filled += more,
        }
    }
    bytes.truncate(filled);
    Ok(bytes)
}

/// The first text in the video itself, made once and kept; of others that somebody chose, nothing is made.
async fn send_own(call: &Call, video: &Track, chosen: Option<&str>, wanted: Captions) -> Answer {
    let transforms = maker(call)?;
    let place = video.place();
    let source = call.face.parts.shelf.open(&place).await?;
    let material = Material::of(source.clone(), &place, &video.id.to_string());
    let probe = transforms.probe(&material, Some(Asker::User(call.user()?.id.0))).await?;
    let first = probe.captions().ok_or_else(none)?;
    if chosen.is_some_and(|id| id != first.index.to_string()) {
        let text = "This video has no captions of this id, or they are in it and not the first";
        return Err(Error::not_found(text));
    }
    send_made(call, video, source, Recipe::Captions(wanted)).await
}
