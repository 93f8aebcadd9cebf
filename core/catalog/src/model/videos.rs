//! Videos: tracks, and what a look at their files told.

use store::{Place, Stamp};

use super::{Track, TrackId};

/// A video with what is known of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Video {
    /// As every track.
    pub track: Track,
    /// What a look told.
    pub look: Look,
}

impl Video {
    /// What is in it, when somebody looked and could tell.
    pub fn facts(&self) -> Option<&VideoFacts> {
        match &self.look {
            Look::Told(facts) => Some(facts),
            Look::Coming | Look::Unreadable(_) => None,
        }
    }

    /// Its length in time: as it was looked at, else as its tags say.
    pub fn duration_ms(&self) -> u64 {
        self.facts().and_then(|facts| facts.duration_ms).unwrap_or(self.track.duration_ms)
    }

    /// Bits per second of all of it, in thousands.
    pub fn bitrate_kbps(&self) -> u32 {
        match self.duration_ms() {
            0 => self.track.bitrate_kbps,
            // Bits in a millisecond are thousands of bits in a second.
            duration_ms => {
                u32::try_from(self.track.size_bytes.saturating_mul(8) / duration_ms).unwrap_or(u32::MAX)
            }
        }
    }
}

/// What a look at a video told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Look {
    /// Nobody has looked yet, since it came or changed.
    Coming,
    /// What is in it.
    Told(VideoFacts),
    /// It cannot be read, and why, in words for everybody.
    Unreadable(String),
}

/// What is in a video.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VideoFacts {
    /// Its length in time, if it says so.
    pub duration_ms: Option<u64>,
    /// Its pictures, if it has some.
    pub picture: Option<MovingPicture>,
    /// Its tracks of sound, in the order of the file.
    pub sounds: Vec<Sound>,
    /// Its tracks of text, likewise.
    pub captions: Vec<Caption>,
}

/// The pictures of a video.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MovingPicture {
    /// Pixels in a line as it is shown: turned, and with square pixels.
    pub width: u32,
    /// Lines as it is shown.
    pub height: u32,
    /// ffmpeg's name of its codec: `h264`.
    pub codec: String,
    /// Frames, and in how many seconds, when it has a rate.
    pub fps: Option<(u32, u32)>,
}

/// One track of sound of a video.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sound {
    /// Its number among all streams of the file.
    pub stream: u32,
    /// ffmpeg's name of its codec: `aac`.
    pub codec: String,
    /// ISO 639 or BCP 47, as the file has it.
    pub language: Option<String>,
    /// How many.
    pub channels: u32,
    /// Samples in a second.
    pub sample_rate_hz: u32,
}

/// One track of text of a video.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caption {
    /// Its number among all streams of the file.
    pub stream: u32,
    /// ffmpeg's name of its codec: `subrip`.
    pub codec: String,
    /// ISO 639 or BCP 47, as the file has it.
    pub language: Option<String>,
}

/// A video at which nobody has looked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnseenVideo {
    /// Which.
    pub id: TrackId,
    /// Where its bytes are.
    pub place: Place,
    /// Which bytes those are: what is told of others is not kept.
    pub stamp: Stamp,
}
