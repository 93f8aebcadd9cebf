//! What is said in a video, to be read: from a file beside it, or out of itself.

use axum::body::Body;
use axum::http::{HeaderValue, Response, header};
use budget::Pool;
use budget::limits::{CAPTIONS_BYTES_MAX, CAPTIONS_NEED_BYTES};
use catalog::{Track, TrackId};
use store::Source;
use stream::Held;
use transform::{Asker, Captions, Material, Recipe};

use super::lyrics::beside;
use super::transcoding::{maker, send_made};
use crate::call::{Answer, Call};
use crate::captions::{decoded, written};
use crate::error::{Error, ErrorKind};

/// As captions are written, in the order in which they are looked for beside a video.
const WRITTEN: [Captions; 2] = [Captions::WebVtt, Captions::SubRip];

/// `getCaptions`: the file beside the video, or else the first text in it, written as `format` says.
pub(crate) async fn captions(call: Call) -> Answer {
    let id: TrackId = call.params.id("id")?;
    let wanted = wanted(&call)?;
    let video = call.catalog().video(&call.viewer()?, id).await?.track;
    for kind in WRITTEN {
        let Some(place) = beside(&video, kind.suffix()) else { continue };
        match call.face.parts.shelf.open(&place).await {
            Ok(source) => return send_file(&call, source, wanted.unwrap_or(kind)).await,
            Err(e) if e.kind == store::ErrorKind::NotFound => {}
            Err(e) => return Err(e.into()),
        }
    }
    send_own(&call, &video, wanted.unwrap_or(Captions::WebVtt)).await
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
    let read = tokio::task::spawn_blocking(move || Ok(written(&decoded(whole(&source)?), wanted)));
    let unreadable = "The captions could not be read";
    let text: std::io::Result<String> =
        read.await.map_err(|e| Error::inside(ErrorKind::Generic, unreadable, e))?;
    let text = text.map_err(|e| Error::inside(ErrorKind::Generic, unreadable, e))?;
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

/// The first text in the video itself, made once and kept.
async fn send_own(call: &Call, video: &Track, wanted: Captions) -> Answer {
    let none = || Error::not_found("This video has no captions");
    let transforms = maker(call)?;
    let place = video.place();
    let source = call.face.parts.shelf.open(&place).await?;
    let material = Material::of(source.clone(), &place, &video.id.to_string());
    let probe = transforms.probe(&material, Some(Asker::User(call.user()?.id.0))).await?;
    probe.captions().ok_or_else(none)?;
    send_made(call, video, source, Recipe::Captions(wanted)).await
}
