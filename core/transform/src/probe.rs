//! What a source is, as ffprobe tells it.

mod json;
mod looks;

use std::fmt;

use crate::argv::{Argv, Input, Light};
use crate::error::Error;
use crate::sniff::{Demuxer, refused_decoder};

pub use looks::VideoLooks;

/// Frames in a second, as a fraction: 30000/1001.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Rate {
    frames: u32,
    seconds: u32,
}

impl Rate {
    /// One frame in a second.
    pub(crate) const ONE: Rate = Rate { frames: 1, seconds: 1 };

    /// So many frames in so many seconds; `None` for none of either, and above a thousand in a second, which is a
    /// container that counts time and knows no rate.
    pub fn new(frames: u32, seconds: u32) -> Option<Rate> {
        let is_rate = frames > 0 && seconds > 0 && u64::from(frames) <= 1_000 * u64::from(seconds);
        is_rate.then_some(Rate { frames, seconds })
    }

    /// The upper number.
    pub fn frames(self) -> u32 {
        self.frames
    }

    /// The lower number.
    pub fn seconds(self) -> u32 {
        self.seconds
    }

    /// Frames in a second, the last one begun counted too.
    pub fn ceil(self) -> u32 {
        self.frames.div_ceil(self.seconds)
    }

    /// Whether both are one rate, told with other rounding: 2997/100 and 30000/1001.
    pub(crate) fn is_about(self, other: Rate) -> bool {
        let ours = u64::from(self.frames) * u64::from(other.seconds);
        let theirs = u64::from(other.frames) * u64::from(self.seconds);
        ours.abs_diff(theirs) * 100 <= ours
    }

    /// How long a frame is seen.
    pub fn frame_ms(self) -> u64 {
        (1_000 * u64::from(self.seconds)).div_ceil(u64::from(self.frames))
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.frames, self.seconds)
    }
}

/// The pictures of a source. Of several tracks it is the one that the source means to be seen, else the first; an attached
/// cover is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VideoTrack {
    /// Its number among all streams.
    pub index: u32,
    /// ffmpeg's name of its codec: `h264`.
    pub codec: Box<str>,
    /// Stored pixels in a line, before it is turned.
    pub width: u32,
    /// Stored lines, before it is turned.
    pub height: u32,
    /// How wide a stored pixel is to how high.
    pub pixel_aspect: (u32, u32),
    /// How often the picture changes, if that is known.
    pub fps: Option<Rate>,
    /// Whether its frames come at distances of their own, as phones and screen recorders write them.
    pub is_variable: bool,
    /// Whether each frame is two moments, one in the odd lines and one in the even.
    pub is_interlaced: bool,
    /// How its colours are written.
    pub matrix: Matrix,
    /// How it is turned for showing, clockwise: 0, 90, 180 or 270.
    pub rotation_degrees: u16,
    /// Bits of one colour.
    pub bit_depth: u8,
    /// How bright things are written, when it is more than screens show.
    pub light: Option<Light>,
    /// Its own length, which is shorter than the source's where sound goes on.
    pub duration_ms: Option<u64>,
}

/// How brightness and two differences become red, green and blue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Matrix {
    /// ITU-R BT.601: standard definition, and every JPEG and WebP.
    Bt601,
    /// ITU-R BT.709: high definition.
    Bt709,
    /// ITU-R BT.2020: wide gamut.
    Bt2020,
    /// They are written as such.
    Rgb,
}

impl Matrix {
    /// What players guess of a picture that does not say it.
    pub(crate) fn guessed(height: u32) -> Matrix {
        if height >= HD_LINES { Matrix::Bt709 } else { Matrix::Bt601 }
    }
}

/// From so many lines on, players take a picture that says nothing for one of high definition.
const HD_LINES: u32 = 720;

/// A track of sound of a source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AudioTrack {
    /// Its number among all streams.
    pub index: u32,
    /// ffmpeg's name of its codec: `aac`.
    pub codec: Box<str>,
    /// ISO 639 or BCP 47, as the source has it.
    pub language: Option<Box<str>>,
    /// How many.
    pub channels: u16,
    /// Samples in a second.
    pub sample_rate_hz: u32,
}

/// A track of text of a source: subtitles.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TextTrack {
    /// Its number among all streams.
    pub index: u32,
    /// ffmpeg's name of its codec: `subrip`.
    pub codec: Box<str>,
    /// ISO 639 or BCP 47, as the source has it.
    pub language: Option<Box<str>>,
}

/// What a source is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Probe {
    /// What reads it.
    pub demuxer: Demuxer,
    /// How long it is, if it says so.
    pub duration_ms: Option<u64>,
    /// Its pictures, if it has some.
    pub video: Option<VideoTrack>,
    /// Its sound, if it has some: of several tracks the one that the source means to be heard, else the first.
    pub audio: Option<AudioTrack>,
    /// All of its tracks of sound.
    pub sounds: Vec<AudioTrack>,
    /// All of its tracks of text.
    pub texts: Vec<TextTrack>,
    /// How long it is in bytes, as ffprobe saw it.
    pub size_bytes: u64,
    /// It has a picture whose size cannot be read, or which is larger than anything that is decoded here.
    pub is_picture_refused: bool,
}

impl Probe {
    /// Reads what ffprobe printed for [`probe_args`].
    ///
    /// # Errors
    /// [`ErrorKind::Unsupported`](crate::ErrorKind::Unsupported) when it is longer than
    /// [`PROBE_JSON_BYTES_MAX`](budget::limits::PROBE_JSON_BYTES_MAX), is no such print, or tells of more than
    /// [`SOURCE_STREAMS_MAX`](budget::limits::SOURCE_STREAMS_MAX) streams.
    pub fn read_json(demuxer: Demuxer, printed: &[u8]) -> Result<Probe, Error> {
        json::read(demuxer, printed)
    }

    /// How long the pictures are, or else the whole.
    pub fn picture_ms(&self) -> Option<u64> {
        let own = self.video.as_ref().and_then(|video| video.duration_ms);
        match (own, self.duration_ms) {
            (Some(own), Some(whole)) => Some(own.min(whole)),
            (own, whole) => own.or(whole),
        }
    }
}

impl VideoTrack {
    /// Pixels as they are stored, which is what a decoder holds.
    pub fn stored_pixels(&self) -> u64 {
        u64::from(self.width) * u64::from(self.height)
    }

    /// How large it is shown: turned, and with square pixels.
    pub fn shown(&self) -> (u32, u32) {
        let (stored_width, stored_height) = self.upright();
        let (across, down) = self.upright_aspect();
        // The longer edge of a pixel makes the picture longer, so that nothing that was stored is lost.
        let stretch = |edge: u32, by: u32, to: u32| {
            let long = u64::from(edge) * u64::from(by) / u64::from(to.max(1));
            u32::try_from(long).unwrap_or(u32::MAX).max(1)
        };
        if across >= down {
            (stretch(stored_width, across, down), stored_height)
        } else {
            (stored_width, stretch(stored_height, down, across))
        }
    }

    /// Its stored pixels when it stands as it is shown, which is how ffmpeg hands it to filters.
    pub(crate) fn upright(&self) -> (u32, u32) {
        if self.is_lying() { (self.height, self.width) } else { (self.width, self.height) }
    }

    fn upright_aspect(&self) -> (u32, u32) {
        let (across, down) = self.pixel_aspect;
        if self.is_lying() { (down, across) } else { (across, down) }
    }

    fn is_lying(&self) -> bool {
        matches!(self.rotation_degrees, 90 | 270)
    }
}

/// Arguments of ffprobe that print what [`Probe::read_json`] reads.
pub fn probe_args(demuxer: Demuxer, input: Input) -> Argv {
    Argv::ffprobe()
        .fixed(&["-probesize", "5000000", "-analyzeduration", "5000000"])
        .reading(demuxer, input)
        .fixed(&["-show_entries", json::ENTRIES, "-of", "json=compact=1"])
        .source(input)
}

/// What is said of bytes that are no media.
pub(crate) const UNREADABLE: &str = "this is no audio or video that can be read";

/// What is said of a source that ffprobe could not read, by its last words.
pub(crate) fn unreadable(words: &str) -> String {
    match refused_decoder(words) {
        Some(name) => {
            format!("it is encoded for the decoder {name}, which is none of those that are used here")
        }
        None => UNREADABLE.to_owned(),
    }
}

#[cfg(test)]
mod tests;
