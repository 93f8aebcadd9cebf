//! Sound made anew for a player: what `stream` sends when the file is not what was wished for, and the extension
//! `transcoding`, by which players let the server decide.

use axum::body::Body;
use axum::http::{HeaderValue, Method, Response, StatusCode, header};
use catalog::{Track, TrackId};
use store::Source;
use stream::{Disposition, Held, Kind, Segment};
use transform::{Asker, Clip, Material, Readable, Recipe, Transforms};

use super::media::{listener, media_id, send, send_original};
use crate::call::{Answer, Call};
use crate::error::Error;
use crate::transcode::{ClientInfo, TranscodeParams, Wish, before_the_end};

/// `stream`: the song to listen to, as its file is or made as `format`, `maxBitRate` and `timeOffset` want it. This does not
/// count as a play; `scrobble` does.
///
/// `estimateContentLength` is not heeded: a length is told where it is certain, and an estimate would cut songs short.
pub(crate) async fn stream(call: Call) -> Answer {
    let id: TrackId = call.params.id("id")?;
    let wish = Wish::read(&call.params)?.within(call.user()?.max_bitrate_kbps);
    let track = call.catalog().playing(&call.viewer()?, id).await?;
    let audio = match maker(&call) {
        Ok(_) => wish.recipe(&track)?,
        // What cannot be made is not missed where the file is something to listen to as well.
        Err(_) if wish.start_ms == 0 => None,
        Err(error) => return Err(error),
    };
    let source = call.face.parts.shelf.open(&track.place()).await?;
    match audio {
        None => send_original(&call, &track, source, Disposition::Inline),
        Some(audio) => send_made(&call, &track, source, Recipe::Audio(audio)).await,
    }
}

/// `getTranscodeDecision`: whether a player that describes itself plays a song as it is, and what it would get instead.
pub(crate) async fn decision(call: Call) -> Answer {
    let id = media_id(&call).await?;
    if call.method != Method::POST {
        return Err(Error::needs_document());
    }
    let info: ClientInfo = call.params.document()?;
    let track = call.catalog().playing(&call.viewer()?, id).await?;
    let decision = info.decide(&track, call.user()?.max_bitrate_kbps, maker(&call).is_ok());
    call.one("transcodeDecision", &decision)
}

/// `getTranscodeStream`: a song as a decision said, from `offset` seconds on.
pub(crate) async fn transcode_stream(call: Call) -> Answer {
    let id = media_id(&call).await?;
    let text = call.params.text("transcodeParams")?;
    let wanted = "what getTranscodeDecision answered";
    let params: TranscodeParams = text.parse().map_err(|()| Error::bad("transcodeParams", wanted))?;
    let start_ms = call.params.number("offset", 0)?.saturating_mul(1_000);
    let clip = Clip::new(start_ms, None).map_err(|_| Error::bad("offset", "within a day"))?;
    let params = params.within(call.user()?.max_bitrate_kbps);
    let track = call.catalog().playing(&call.viewer()?, id).await?;
    before_the_end("offset", start_ms, &track)?;
    let source = call.face.parts.shelf.open(&track.place()).await?;
    send_made(&call, &track, source, Recipe::Audio(params.recipe(clip, &track))).await
}

/// What makes sound, for everybody who may listen: the right to ask for renditions is about addresses of them.
pub(super) fn maker(call: &Call) -> Result<&Transforms, Error> {
    let transforms = call.face.parts.transforms.as_ref();
    transforms.filter(|transforms| transforms.has_ffmpeg()).ok_or_else(Error::no_maker)
}

/// Sends what is kept, or what is being made as it comes. One is made at a time of each, however many ask; it ends a
/// moment after the last of them has gone. Until then it is one of those that its player may have.
pub(super) async fn send_made(call: &Call, track: &Track, source: Source, recipe: Recipe) -> Answer {
    let transforms = maker(call)?;
    let content_type = HeaderValue::from_static(recipe.content_type());
    let what = format!("{} {} {}", track.id, track.title, recipe.canonical());
    let whole = |made: transform::Made| {
        send(
            call,
            Segment::whole(made.source, content_type.clone(), Disposition::Inline),
            Kind::Media,
            what.clone(),
        )
    };
    let material = Material::of(source, &track.place(), &track.id.to_string());
    if let Some(made) = transforms.find(&material, &recipe).await? {
        return whole(made);
    }
    if call.method == Method::HEAD {
        return Ok(unmade(content_type));
    }
    let slot = call.face.players.take(call, format!("{} {}", track.id, recipe.canonical()))?;
    let flight = transforms.make(material, recipe.clone(), Asker::User(call.user()?.id.0))?;
    let (bytes, length) = match flight.readable(stream::wants_part(&call.headers)).await? {
        Readable::Whole(made) => return whole(made),
        Readable::Coming { bytes, length } => (bytes, length),
        Readable::NotYet => return Err(Error::later("It takes longer to make than anybody waits")),
    };
    let (streams, listener) = (&call.face.parts.streams, listener(call, Kind::Media, what)?);
    let response = match length {
        Some(length) => {
            let foreseen = (bytes, length);
            streams.answer_foreseen(&Method::GET, &call.headers, foreseen, content_type, listener)?
        }
        None => streams.answer_growing(&Method::GET, bytes, content_type, listener)?,
    };
    Ok(response.map(|body| Body::new(Held::new(body, (flight, slot)))))
}

/// What is known of something that nobody has had made: a question about it alone makes nothing.
fn unmade(content_type: HeaderValue) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::OK;
    let fields = response.headers_mut();
    fields.insert(header::CONTENT_TYPE, content_type);
    fields.insert(header::ACCEPT_RANGES, HeaderValue::from_static("none"));
    fields.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
