//! Videos of the catalog are looked at, so that lists say what is in them.
//!
//! It is work for which nobody waits: one video after the other, each in a turn of background work, and none while memory
//! is scarce. What was found out is in the catalog, so a restart goes on where it was.

use std::sync::Arc;
use std::time::Duration;

use budget::limits::{SOURCE_PIXELS_MAX, VIDEO_LOOK_AGAIN_MS, VIDEO_LOOK_MS, VIDEO_WORD_BYTES_MAX};
use catalog::{Caption, Catalog, Look, MovingPicture, Sound, UnixMs, UnseenVideo, VideoFacts};
use store::Shelf;
use tokio::time::Instant;

use crate::error::{Error, ErrorKind};
use crate::probe::{AudioTrack, Probe, TextTrack, VideoTrack};
use crate::transforms::{Asker, Material, Transforms};

/// Looks at videos and tells the catalog.
pub struct VideoLooks {
    transforms: Transforms,
    catalog: Arc<dyn Catalog>,
    shelf: Shelf,
}

impl VideoLooks {
    /// Nothing is looked at before [`VideoLooks::run`].
    pub fn new(transforms: Transforms, catalog: Arc<dyn Catalog>, shelf: Shelf) -> VideoLooks {
        VideoLooks { transforms, catalog, shelf }
    }

    /// Looks at what comes and changes until it is time to stop. Without an ffmpeg nothing is to be done.
    pub async fn run(self, stop: impl Future<Output = ()>) {
        tokio::select! {
            () = stop => {}
            () = self.look_for_ever() => {}
        }
    }

    async fn look_for_ever(&self) {
        if self.transforms.0.ffmpeg.clone().await.is_none() {
            return;
        }
        let mut done: Option<(UnixMs, Instant)> = None;
        loop {
            match self.catalog.changed().await {
                Ok(clock) if done.is_none_or(|(known, at)| known != clock || is_long_ago(at)) => {
                    // What changes from now on is seen in the next round.
                    done = Some((clock, Instant::now()));
                    self.round().await;
                }
                Ok(_) => {}
                Err(error) => tracing::warn!(%error, "videos are looked at later"),
            }
            tokio::time::sleep(Duration::from_millis(VIDEO_LOOK_MS)).await;
        }
    }

    /// Looks once at each video at which nobody has looked.
    async fn round(&self) {
        let mut after = None;
        loop {
            let video = match self.catalog.unseen_video(after).await {
                Ok(Some(video)) => video,
                Ok(None) => return,
                Err(error) => {
                    tracing::warn!(%error, "videos are looked at later");
                    return;
                }
            };
            match self.one(&video).await {
                Ok(()) => after = Some(video.id),
                // Others come first. The same one is next.
                Err(Error { kind: ErrorKind::Busy { retry_after, .. }, .. }) => {
                    tokio::time::sleep(retry_after.max(Duration::from_millis(VIDEO_LOOK_MS))).await;
                }
                Err(error) => {
                    tracing::info!(video = %video.id, %error, words = %error.words, "a video is looked at later");
                    after = Some(video.id);
                }
            }
        }
    }

    async fn one(&self, video: &UnseenVideo) -> Result<(), Error> {
        let _turn = self.transforms.0.budget.background().await;
        let source = self.shelf.open(&video.place).await?;
        let material = Material::of(source, &video.place, &video.id.to_string());
        let probed = self.transforms.probe(&material, None::<Asker>).await;
        let look = told(probed.as_deref().map_err(Clone::clone))?;
        let kept = self.catalog.looked(video.id, &video.stamp, &look).await;
        let kept =
            kept.map_err(|e| Error::new(ErrorKind::Io, "it cannot be kept").with_words(e.to_string()))?;
        if let (true, Look::Unreadable(why)) = (kept, &look) {
            tracing::info!(video = %video.id, why, "a video cannot be read");
        }
        Ok(())
    }
}

fn is_long_ago(at: Instant) -> bool {
    at.elapsed() >= Duration::from_millis(VIDEO_LOOK_AGAIN_MS)
}

/// What is kept of a look. An error that is not the video's own is no look.
fn told(probed: Result<&Probe, Error>) -> Result<Look, Error> {
    match probed {
        Ok(probe) if probe.is_picture_refused => Ok(Look::Unreadable(format!(
            "its pictures cannot be read, or have more than {SOURCE_PIXELS_MAX} pixels"
        ))),
        Ok(probe) => Ok(Look::Told(facts(probe))),
        Err(error) => match error.kind {
            ErrorKind::Unsupported | ErrorKind::TooLarge | ErrorKind::Stalled | ErrorKind::Failed => {
                Ok(Look::Unreadable(error.context))
            }
            _ => Err(error),
        },
    }
}

fn facts(probe: &Probe) -> VideoFacts {
    let picture = |track: &VideoTrack| {
        let (width, height) = track.shown();
        let fps = track.fps.map(|rate| (rate.frames(), rate.seconds()));
        MovingPicture { width, height, codec: word(&track.codec), fps }
    };
    let sound = |track: &AudioTrack| Sound {
        stream: track.index,
        codec: word(&track.codec),
        language: track.language.as_deref().map(word),
        channels: u32::from(track.channels),
        sample_rate_hz: track.sample_rate_hz,
    };
    let caption = |track: &TextTrack| Caption {
        stream: track.index,
        codec: word(&track.codec),
        language: track.language.as_deref().map(word),
    };
    VideoFacts {
        duration_ms: probe.duration_ms,
        picture: probe.video.as_ref().map(picture),
        sounds: probe.sounds.iter().map(sound).collect(),
        captions: probe.texts.iter().map(caption).collect(),
    }
}

/// A name of a codec or a language, which are short words.
fn word(text: &str) -> String {
    text.chars().filter(char::is_ascii_graphic).take(VIDEO_WORD_BYTES_MAX).collect()
}

#[cfg(test)]
mod tests;
