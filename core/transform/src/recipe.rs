//! What is to be made, in numbers alone.
//!
//! Whatever a user wrote was parsed into these types before it came here, and nothing of his text is left: each value is
//! a number within its range or one of a few words. Two recipes that are equal make the same rendition, so what is left
//! to chance in an address (the order of options, an odd width) is decided here.

use std::fmt::{self, Write as _};
use std::str::FromStr;
use std::time::Duration;

use budget::limits::{FLIGHT_LINGER_MS, SOUND_LINGER_MS, SPRITE_FRAMES_MAX, WAVEFORM_PIXELS_MAX};
use sha2::{Digest as _, Sha256};
use store::Validator;

use crate::error::{Error, ErrorKind};
use crate::transforms::MODE_SENT;

mod parts;
mod sampling;
mod stem;

pub use parts::{
    Bitrate, Captions, Clip, Codec, Crop, Edge, Encoding, Fit, Fps, Picture, Quality, Rotation, Size, Speed,
    Unfit,
};
pub use sampling::{BitDepth, Channels, SampleRate, Sampling};
pub use stem::Stem;

/// How renditions are encoded. It is part of every key: another number makes what was kept under the old one unfindable.
// format: part of each key in the cache
const PROFILE: u32 = 3;

/// A derivation of a source.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Recipe {
    /// A video, as MP4.
    Video(Video),
    /// One picture of a video.
    Frame(Frame),
    /// Pictures at equal distances, in one JPEG.
    Sprite(Sprite),
    /// Its sound.
    Audio(Audio),
    /// All of its sound, as FLAC, for one who takes it apart and has no decoder for it. It is kept as long as he needs it.
    Song,
    /// How loud it is over time.
    Waveform(Waveform),
    /// A part of a video for HTTP Live Streaming.
    Piece(Piece),
    /// A picture made smaller, without ffmpeg.
    Cover(Cover),
    /// The first text in a video that is shown with its pictures.
    Captions(Captions),
}

/// A video.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Video {
    /// Which part.
    pub clip: Clip,
    /// How large.
    pub size: Size,
    /// Without its sound.
    pub is_mute: bool,
    /// How it is encoded.
    pub codec: Codec,
    /// How good it looks.
    pub quality: Quality,
    /// At most so many bits of picture in a second.
    pub bitrate: Option<Bitrate>,
    /// So many frames in a second.
    pub fps: Option<Fps>,
    /// Faster or slower than it was.
    pub speed: Option<Speed>,
    /// Turned.
    pub rotation: Option<Rotation>,
    /// Cut.
    pub crop: Option<Crop>,
}

/// One picture of a video.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Frame {
    /// When, in milliseconds.
    pub at_ms: u64,
    /// How large.
    pub size: Size,
    /// How it is encoded.
    pub picture: Picture,
}

/// Pictures at equal distances, each into a frame of `size`, row by row.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Sprite {
    /// Of which part.
    pub clip: Clip,
    /// How large each of them.
    pub size: Size,
    frames: u16,
    columns: u16,
}

impl Sprite {
    /// So many pictures, so many in a row.
    ///
    /// # Errors
    /// [`Unfit`] for none, for more than [`SPRITE_FRAMES_MAX`], and for more columns than pictures.
    pub fn new(clip: Clip, size: Size, frames: u64, columns: u64) -> Result<Sprite, Unfit> {
        let unfit = Unfit { expected: "1 to 400 pictures, and at most so many columns" };
        let fits = (1..=SPRITE_FRAMES_MAX).contains(&frames) && (1..=frames).contains(&columns);
        match (u16::try_from(frames), u16::try_from(columns)) {
            (Ok(frames), Ok(columns)) if fits => Ok(Sprite { clip, size, frames, columns }),
            _ => Err(unfit),
        }
    }

    /// How many pictures.
    pub fn frames(&self) -> u16 {
        self.frames
    }

    /// How many in a row.
    pub fn columns(&self) -> u16 {
        self.columns
    }

    /// How many rows.
    pub fn rows(&self) -> u16 {
        self.frames.div_ceil(self.columns)
    }
}

/// Sound.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Audio {
    /// Which part.
    pub clip: Clip,
    /// How it is encoded.
    pub encoding: Encoding,
    /// In kbit/s; what the encoding is usually given without one, and nothing for FLAC.
    pub bitrate: Option<Bitrate>,
    /// Its samples, where they are not to follow from the source.
    pub sampling: Sampling,
}

/// How loud it is over time.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Waveform {
    /// Peaks as numbers, so many of them.
    Peaks(u16),
    /// A picture of them.
    Drawn(Drawing),
}

/// How large the picture of a waveform is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Drawing {
    width: Edge,
    height: Edge,
}

impl Drawing {
    /// So wide and so high.
    ///
    /// # Errors
    /// [`Unfit`] for more than [`WAVEFORM_PIXELS_MAX`].
    pub fn new(width: Edge, height: Edge) -> Result<Drawing, Unfit> {
        let drawing = Drawing { width, height };
        let unfit = Unfit { expected: "a picture of at most 8388608 pixels" };
        if drawing.pixels() <= WAVEFORM_PIXELS_MAX { Ok(drawing) } else { Err(unfit) }
    }

    /// How wide.
    pub fn width(&self) -> Edge {
        self.width
    }

    /// How high.
    pub fn height(&self) -> Edge {
        self.height
    }

    /// Both, multiplied.
    pub(crate) fn pixels(&self) -> u64 {
        u64::from(self.width.pixels()) * u64::from(self.height.pixels())
    }
}

/// A part of a video for HTTP Live Streaming. Pictures and sound are apart, so that the sound is the same whatever the size of
/// the picture is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Piece {
    /// What stands before all segments of the picture: `ftyp` and `moov`.
    Head(Video),
    /// One segment of the picture, counted from 0.
    Segment(Video, u32),
    /// All of the sound, in fragments of equal length.
    Sound(Soundtrack),
}

/// The sound of a stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Soundtrack {
    /// Of which part.
    pub clip: Clip,
    /// Faster or slower than it was.
    pub speed: Option<Speed>,
    /// In kbit/s; that of all videos without one.
    pub bitrate: Option<Bitrate>,
}

/// The sound of this video, and of all others that differ from it in their pictures alone.
impl From<&Video> for Soundtrack {
    fn from(video: &Video) -> Soundtrack {
        Soundtrack { clip: video.clip, speed: video.speed, bitrate: None }
    }
}

/// The same part of a song with as many bits. Streams have one encoding.
impl From<&Audio> for Soundtrack {
    fn from(audio: &Audio) -> Soundtrack {
        Soundtrack { clip: audio.clip, speed: None, bitrate: audio.bitrate }
    }
}

impl Piece {
    /// What stands before all segments of this video.
    pub fn head(video: &Video) -> Piece {
        Piece::Head(Video { is_mute: true, ..video.clone() })
    }

    /// The segment of this video with this number, counted from 0.
    pub fn segment(video: &Video, number: u32) -> Piece {
        Piece::Segment(Video { is_mute: true, ..video.clone() }, number)
    }

    /// The sound of this video or song.
    pub fn sound(of: impl Into<Soundtrack>) -> Piece {
        Piece::Sound(of.into())
    }
}

/// A picture whose longer edge has at most so many pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Cover {
    /// In pixels.
    pub edge: Edge,
}

impl Recipe {
    /// The word for what it makes: `video`, `frame`, `spritesheet`, `audio`, `song`, `waveform`, `hls`,
    /// `cover`, `captions`.
    pub const fn mode(&self) -> &'static str {
        match self {
            Recipe::Video(_) => "video",
            Recipe::Frame(_) => "frame",
            Recipe::Sprite(_) => "spritesheet",
            Recipe::Audio(_) => "audio",
            Recipe::Song => MODE_SENT,
            Recipe::Waveform(_) => "waveform",
            Recipe::Piece(_) => "hls",
            Recipe::Cover(_) => "cover",
            Recipe::Captions(_) => "captions",
        }
    }

    /// The media type of what it makes.
    pub const fn content_type(&self) -> &'static str {
        match self {
            Recipe::Video(Video { codec: Codec::Vp9, .. }) => "video/webm",
            Recipe::Video(_) => "video/mp4",
            Recipe::Frame(frame) => frame.picture.content_type(),
            Recipe::Sprite(_) | Recipe::Cover(_) => "image/jpeg",
            Recipe::Audio(audio) => audio.encoding.content_type(),
            Recipe::Song => Encoding::Flac.content_type(),
            Recipe::Waveform(Waveform::Peaks(_)) => "application/json",
            Recipe::Waveform(Waveform::Drawn(_)) => "image/png",
            Recipe::Piece(Piece::Head(_) | Piece::Segment(..)) => "video/mp4",
            Recipe::Piece(Piece::Sound(_)) => "audio/mp4",
            Recipe::Captions(captions) => captions.content_type(),
        }
    }

    /// The ending of a file of it.
    pub const fn suffix(&self) -> &'static str {
        match self {
            Recipe::Video(Video { codec: Codec::Vp9, .. }) => "webm",
            Recipe::Video(_) => "mp4",
            Recipe::Frame(frame) => frame.picture.suffix(),
            Recipe::Sprite(_) | Recipe::Cover(_) => "jpg",
            Recipe::Audio(audio) => audio.encoding.suffix(),
            Recipe::Song => Encoding::Flac.suffix(),
            Recipe::Waveform(Waveform::Peaks(_)) => "json",
            Recipe::Waveform(Waveform::Drawn(_)) => "png",
            Recipe::Piece(Piece::Head(_) | Piece::Sound(_)) => "mp4",
            Recipe::Piece(Piece::Segment(..)) => "m4s",
            Recipe::Captions(captions) => captions.suffix(),
        }
    }

    /// Whether it can be played while it is being made.
    pub const fn grows(&self) -> bool {
        matches!(self, Recipe::Video(_) | Recipe::Audio(_) | Recipe::Piece(Piece::Sound(_)))
    }

    /// How long it is still made when nobody waits for it. What plays while it is made is asked for again at once, or not at
    /// all; of everything else a player may want the next part in a while. Who takes a song apart does not come back.
    pub(crate) const fn linger(&self) -> Duration {
        match self {
            Recipe::Audio(_) => Duration::from_millis(SOUND_LINGER_MS),
            Recipe::Song => Duration::ZERO,
            _ => Duration::from_millis(FLIGHT_LINGER_MS),
        }
    }

    /// Every value of it in one fixed order: equal texts are equal recipes. It is what keys are made of, and what a log
    /// says.
    pub fn canonical(&self) -> String {
        // Every field of every variant is named in a pattern, so that a new one cannot be forgotten here.
        match self {
            Recipe::Video(video) => canonical_video(video),
            Recipe::Frame(Frame { at_ms, size, picture }) => {
                format!("frame at={at_ms} {} format={}", size_text(*size), picture.suffix())
            }
            Recipe::Sprite(Sprite { clip, size, frames, columns }) => {
                let (clip, size) = (clip_text(*clip), size_text(*size));
                format!("spritesheet {clip} {size} frames={frames} columns={columns}")
            }
            Recipe::Audio(Audio { clip, encoding, bitrate, sampling }) => {
                let kbps = number(bitrate.map(Bitrate::kbps));
                format!("audio {} format={} kbps={kbps}{sampling}", clip_text(*clip), encoding.suffix())
            }
            Recipe::Song => "song".to_owned(),
            Recipe::Waveform(Waveform::Peaks(count)) => format!("waveform peaks={count}"),
            Recipe::Waveform(Waveform::Drawn(Drawing { width, height })) => {
                format!("waveform width={} height={}", width.pixels(), height.pixels())
            }
            Recipe::Piece(Piece::Head(video)) => format!("hls head {}", canonical_video(video)),
            Recipe::Piece(Piece::Segment(video, number)) => {
                format!("hls segment={number} {}", canonical_video(video))
            }
            Recipe::Piece(Piece::Sound(Soundtrack { clip, speed, bitrate })) => {
                let kbps = bitrate.map(|bitrate| format!(" kbps={}", bitrate.kbps())).unwrap_or_default();
                format!("hls sound {} speed={}{kbps}", clip_text(*clip), number(speed.map(Speed::hundredths)))
            }
            Recipe::Cover(Cover { edge }) => format!("cover edge={}", edge.pixels()),
            Recipe::Captions(captions) => format!("captions format={}", captions.suffix()),
        }
    }
}

fn canonical_video(video: &Video) -> String {
    let Video { clip, size, is_mute, codec, quality, bitrate, fps, speed, rotation, crop } = video;
    let mut text = format!(
        "video {} {} audio={} codec={} quality={} kbps={} fps={} speed={} rotate={}",
        clip_text(*clip),
        size_text(*size),
        u8::from(!is_mute),
        codec.word(),
        quality.word(),
        number(bitrate.map(Bitrate::kbps)),
        number(fps.map(Fps::get)),
        number(speed.map(Speed::hundredths)),
        number(rotation.map(Rotation::degrees)),
    );
    if let Some(Crop { width, height, x, y }) = crop {
        // Writing to a String cannot fail.
        let _ = write!(text, " crop={}x{}+{x}+{y}", width.pixels(), height.pixels());
    }
    text
}

fn clip_text(clip: Clip) -> String {
    format!("start={} length={}", clip.start_ms(), number(clip.length_ms()))
}

fn size_text(Size { width, height, fit }: Size) -> String {
    let (width, height) = (number(width.map(Edge::pixels)), number(height.map(Edge::pixels)));
    format!("width={width} height={height} fit={}", fit.word())
}

fn number(value: Option<impl fmt::Display>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| value.to_string())
}

/// What a rendition is found by: the hash of its recipe, of how renditions are encoded, and of the source's validator.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key([u8; 32]);

impl Recipe {
    /// A number that equal recipes have, and that others have only by a chance of one in many billions.
    pub(crate) fn number(&self) -> i64 {
        let digest = Sha256::digest(format!("{PROFILE}\n{}", self.canonical()).as_bytes());
        let mut start = [0; 8];
        start.copy_from_slice(&digest[..8]);
        i64::from_be_bytes(start)
    }
}

impl Key {
    /// The key of what `recipe` makes of the source with this validator; of what `maker` alone makes so, where one is named.
    pub fn of(recipe: &Recipe, source: &Validator, maker: Option<&str>) -> Key {
        let strength = if source.is_strong() { "strong" } else { "weak" };
        let maker = maker.map_or_else(String::new, |maker| format!("\n{maker}"));
        let text = format!("{PROFILE}\n{}\n{strength} {}{maker}", recipe.canonical(), source.tag());
        Key(Sha256::digest(text.as_bytes()).into())
    }

    /// Its bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The key with these bytes.
    pub const fn from_bytes(bytes: [u8; 32]) -> Key {
        Key(bytes)
    }
}

/// Sixty-four digits, as a key is written.
impl FromStr for Key {
    type Err = Error;

    fn from_str(text: &str) -> Result<Key, Error> {
        let bytes = data_encoding::HEXLOWER.decode(text.as_bytes()).ok();
        let bytes = bytes.and_then(|bytes| <[u8; 32]>::try_from(bytes).ok());
        bytes.map(Key).ok_or_else(|| Error::new(ErrorKind::Unsupported, "this is no key of a rendition"))
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&data_encoding::HEXLOWER.encode(&self.0))
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
