//! `/videos`: the tracks that are videos, with what a look at them told.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{StatusCode, request};
use axum::response::Response;
use budget::limits::POSTER_PIXELS;
use catalog::{Caption, Look, Sound, TrackId, Video, VideoFacts, Viewer};
use serde::Serialize;
use utoipa::ToSchema;

use crate::App;
use crate::caller::{self, Caller};
use crate::error::Error;
use crate::json::{self, Asked, Id};
use crate::tracks::{self, PageQuery, TrackAnswer};

/// A video: a track, and what is in it. What is not known is null, or an empty list.
#[derive(Serialize, ToSchema)]
pub(crate) struct VideoAnswer {
    #[serde(flatten)]
    track: TrackAnswer,
    look: LookWord,
    /// Why it cannot be read.
    unreadable: Option<String>,
    /// Pixels in a line as it is shown: turned, and with square pixels.
    width: Option<u32>,
    /// Lines as it is shown.
    height: Option<u32>,
    /// Frames in a second.
    fps: Option<f64>,
    /// In ffmpeg's words.
    #[schema(example = "h264")]
    video_codec: Option<String>,
    /// Its tracks of sound, in the order of the file.
    audio_tracks: Vec<AudioTrackAnswer>,
    /// Its tracks of text, likewise.
    captions: Vec<CaptionAnswer>,
}

/// Whether somebody looked at the file since it came or changed.
#[derive(Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum LookWord {
    /// Not yet, or there is no ffmpeg: length and sound are what the file's front says.
    Coming,
    /// Yes, and it is known what is in it.
    Told,
    /// Yes, and it cannot be read. It is not tried again before the file changes.
    Unreadable,
}

/// A track of sound of a video.
#[derive(Serialize, ToSchema)]
pub(crate) struct AudioTrackAnswer {
    /// Its number among all streams of the file.
    stream: u32,
    /// In ffmpeg's words.
    #[schema(example = "aac")]
    codec: String,
    /// ISO 639 or BCP 47, as the file has it.
    #[schema(example = "eng")]
    language: Option<String>,
    channels: u32,
    sample_rate_hz: u32,
}

/// A track of text of a video.
#[derive(Serialize, ToSchema)]
pub(crate) struct CaptionAnswer {
    /// Its number among all streams of the file.
    stream: u32,
    /// In ffmpeg's words.
    #[schema(example = "subrip")]
    codec: String,
    /// ISO 639 or BCP 47, as the file has it.
    language: Option<String>,
}

impl From<Video> for VideoAnswer {
    fn from(video: Video) -> Self {
        let (duration_ms, bitrate_kbps) = (video.duration_ms(), video.bitrate_kbps());
        let (look, unreadable, facts) = match video.look {
            Look::Coming => (LookWord::Coming, None, VideoFacts::default()),
            Look::Unreadable(why) => (LookWord::Unreadable, Some(why), VideoFacts::default()),
            Look::Told(facts) => (LookWord::Told, None, facts),
        };
        let rate = |(frames, seconds): (u32, u32)| f64::from(frames) / f64::from(seconds.max(1));
        let picture = facts.picture;
        VideoAnswer {
            track: TrackAnswer::from(video.track).looked_at(duration_ms, bitrate_kbps),
            look,
            unreadable,
            width: picture.as_ref().map(|picture| picture.width),
            height: picture.as_ref().map(|picture| picture.height),
            // Three digits tell 29.97 from 30.
            fps: picture.as_ref().and_then(|picture| picture.fps).map(|fps| (rate(fps) * 1e3).round() / 1e3),
            video_codec: picture.map(|picture| picture.codec),
            audio_tracks: facts.sounds.into_iter().map(AudioTrackAnswer::from).collect(),
            captions: facts.captions.into_iter().map(CaptionAnswer::from).collect(),
        }
    }
}

impl From<Sound> for AudioTrackAnswer {
    fn from(Sound { stream, codec, language, channels, sample_rate_hz }: Sound) -> Self {
        AudioTrackAnswer { stream, codec, language, channels, sample_rate_hz }
    }
}

impl From<Caption> for CaptionAnswer {
    fn from(Caption { stream, codec, language }: Caption) -> Self {
        CaptionAnswer { stream, codec, language }
    }
}

/// One page. It is written row by row; this is its description.
#[derive(Serialize, ToSchema)]
pub(crate) struct VideosAnswer {
    tracks: Vec<VideoAnswer>,
    /// What `after` is for the next page; null when this is the last.
    #[schema(example = "tr-117")]
    next: Option<String>,
}

/// List videos
///
/// One page of all videos that the caller sees, in the order of their ids. A video is a track: it is read, changed,
/// played and removed as one.
#[utoipa::path(get, path = "/videos", tag = "videos", params(PageQuery),
    responses((status = 200, description = "a page", body = VideosAnswer)))]
pub(crate) async fn list(
    State(app): State<Arc<App>>,
    caller: Caller,
    Asked(query): Asked<PageQuery>,
) -> Result<Response, Error> {
    let read = async |viewer: &Viewer, after, rows| app.catalog.videos(viewer, after, rows).await;
    tracks::page("tracks", &app, &caller, &query, read, |video: Video| {
        (video.track.id, VideoAnswer::from(video))
    })
    .await
}

/// A video with the addresses of what is made of it when it is asked for.
#[derive(Serialize, ToSchema)]
pub(crate) struct OneVideoAnswer {
    #[serde(flatten)]
    video: VideoAnswer,
    renditions: RenditionsAnswer,
}

/// Addresses, each for whoever may see the video.
#[derive(Serialize, ToSchema)]
pub(crate) struct RenditionsAnswer {
    /// A frame of it, or the picture that was set; `width` gives it another size.
    poster: String,
    /// Where in a spritesheet which moment is, as WebVTT.
    sprite: String,
    /// A playlist of HLS.
    hls: String,
    /// The whole video in smaller sizes, the smallest first.
    ladder: Vec<StepAnswer>,
}

/// The video in one width.
#[derive(Serialize, ToSchema)]
pub(crate) struct StepAnswer {
    /// Pixels in a line.
    width: u64,
    url: String,
}

/// Read a video
///
/// What is in it, and the addresses of its renditions. 404 also for a track that is no video.
#[utoipa::path(get, path = "/videos/{id}", tag = "videos", params(("id" = String, Path, example = "tr-17")),
    responses((status = 200, description = "the video", body = OneVideoAnswer)))]
pub(crate) async fn read(
    State(app): State<Arc<App>>,
    caller: Caller,
    Id(id): Id<TrackId>,
    head: request::Parts,
) -> Result<Response, Error> {
    let video = app.catalog.video(&caller.identity.viewer(), id).await?;
    let base = app.base_url.seen_by(&caller::client(&head), &head);
    let video = VideoAnswer::from(video);
    // A step that is no smaller than the video would only make it worse.
    let fits = |step: &u64| video.width.is_none_or(|width| *step < u64::from(width));
    let step = |width: u64| StepAnswer { width, url: format!("{base}/media/{id}/video.mp4?width={width}") };
    let renditions = RenditionsAnswer {
        poster: format!("{base}/tracks/{id}/cover?width={POSTER_PIXELS}"),
        sprite: format!("{base}/media/{id}/sprite.vtt"),
        hls: format!("{base}/media/{id}/index.m3u8"),
        ladder: app.ladder.iter().copied().filter(fits).map(step).collect(),
    };
    Ok(json::answer(StatusCode::OK, &OneVideoAnswer { video, renditions }))
}
