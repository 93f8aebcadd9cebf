//! The values of recipes: each exists within its range or not at all.

use budget::limits::{
    BITRATE_KBPS_MAX, BITRATE_KBPS_MIN, CLIP_MS_MAX, EDGE_PIXELS_MAX, EDGE_PIXELS_MIN, FPS_MAX,
};

/// A value that is not within its range, in the words of whoever may be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unfit {
    /// What it would have to be: `a whole number from 10 to 8192`.
    pub expected: &'static str,
}

/// Which part of the source, in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Clip {
    start_ms: u64,
    length_ms: Option<u64>,
}

impl Clip {
    /// The part from `start_ms`, of this length or to the end.
    ///
    /// # Errors
    /// [`Unfit`] beyond [`CLIP_MS_MAX`], and for a length of nothing.
    pub fn new(start_ms: u64, length_ms: Option<u64>) -> Result<Clip, Unfit> {
        let fits = start_ms <= CLIP_MS_MAX && length_ms.is_none_or(|ms| (1..=CLIP_MS_MAX).contains(&ms));
        if !fits {
            return Err(Unfit { expected: "a time from 0 to 24 hours, and a duration above 0" });
        }
        Ok(Clip { start_ms, length_ms })
    }

    /// Where it begins.
    pub fn start_ms(self) -> u64 {
        self.start_ms
    }

    /// How long it is; `None` is to the end.
    pub fn length_ms(self) -> Option<u64> {
        self.length_ms
    }
}

/// A number of pixels, even, as encoders want it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Edge(u16);

impl Edge {
    /// So many pixels, rounded down to an even number.
    ///
    /// # Errors
    /// [`Unfit`] outside [`EDGE_PIXELS_MIN`] to [`EDGE_PIXELS_MAX`].
    pub fn new(pixels: u64) -> Result<Edge, Unfit> {
        let unfit = Unfit { expected: "a whole number of pixels from 10 to 8192" };
        if !(EDGE_PIXELS_MIN..=EDGE_PIXELS_MAX).contains(&pixels) {
            return Err(unfit);
        }
        u16::try_from(pixels & !1).map(Edge).map_err(|_| unfit)
    }

    /// In pixels.
    pub fn pixels(self) -> u16 {
        self.0
    }
}

/// How a picture comes into a frame of another shape.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Fit {
    /// As large as fits, made larger too; what the picture does not fill is not there.
    #[default]
    Contain,
    /// As large as fits, and never larger than it is.
    ScaleDown,
    /// The frame is filled, and what hangs over is cut off on both sides alike.
    Cover,
}

impl Fit {
    /// The word for it in an address.
    pub const fn word(self) -> &'static str {
        match self {
            Fit::Contain => "contain",
            Fit::ScaleDown => "scale-down",
            Fit::Cover => "cover",
        }
    }
}

/// The frame that a picture comes into. Without edges it keeps its size; with one, the other follows its shape.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Size {
    /// How wide.
    pub width: Option<Edge>,
    /// How high.
    pub height: Option<Edge>,
    /// What happens when the shapes differ.
    pub fit: Fit,
}

/// How a video is encoded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Codec {
    /// H.264, which plays everywhere.
    #[default]
    H264,
    /// H.265.
    H265,
    /// VP9.
    Vp9,
    /// AV1.
    Av1,
}

impl Codec {
    /// The word for it in an address.
    pub const fn word(self) -> &'static str {
        match self {
            Codec::H264 => "h264",
            Codec::H265 => "h265",
            Codec::Vp9 => "vp9",
            Codec::Av1 => "av1",
        }
    }
}

/// How good a video looks: what the encoder's constant rate factor is made of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Quality {
    /// Small before good.
    Low,
    /// What most want.
    #[default]
    Medium,
    /// Good before small.
    High,
}

impl Quality {
    /// The word for it in an address.
    pub const fn word(self) -> &'static str {
        match self {
            Quality::Low => "low",
            Quality::Medium => "medium",
            Quality::High => "high",
        }
    }
}

/// Frames in a second.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Fps(u8);

impl Fps {
    /// # Errors
    /// [`Unfit`] outside 1 to [`FPS_MAX`].
    pub fn new(fps: u64) -> Result<Fps, Unfit> {
        match u8::try_from(fps) {
            Ok(number) if number >= 1 && u64::from(number) <= FPS_MAX => Ok(Fps(number)),
            _ => Err(Unfit { expected: "a whole number from 1 to 120" }),
        }
    }

    /// In a second.
    pub fn get(self) -> u8 {
        self.0
    }
}

/// A bitrate in kbit/s.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Bitrate(u32);

impl Bitrate {
    /// # Errors
    /// [`Unfit`] outside [`BITRATE_KBPS_MIN`] to [`BITRATE_KBPS_MAX`].
    pub fn new(kbps: u64) -> Result<Bitrate, Unfit> {
        let unfit = Unfit { expected: "a bitrate from 8 to 100000 kbit/s" };
        if !(BITRATE_KBPS_MIN..=BITRATE_KBPS_MAX).contains(&kbps) {
            return Err(unfit);
        }
        u32::try_from(kbps).map(Bitrate).map_err(|_| unfit)
    }

    /// In kbit/s.
    pub fn kbps(self) -> u32 {
        self.0
    }
}

/// How fast it plays, in hundredths.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Speed(u16);

impl Speed {
    /// # Errors
    /// [`Unfit`] outside 25 to 400 hundredths.
    pub fn new(hundredths: u64) -> Result<Speed, Unfit> {
        match u16::try_from(hundredths) {
            Ok(number) if (25..=400).contains(&number) => Ok(Speed(number)),
            _ => Err(Unfit { expected: "a speed from 0.25 to 4" }),
        }
    }

    /// In hundredths: 100 is as it was.
    pub fn hundredths(self) -> u16 {
        self.0
    }
}

/// Turned clockwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Rotation {
    /// By a quarter.
    Quarter,
    /// By half a turn.
    Half,
    /// By three quarters.
    ThreeQuarters,
}

impl Rotation {
    /// In degrees.
    pub const fn degrees(self) -> u16 {
        match self {
            Rotation::Quarter => 90,
            Rotation::Half => 180,
            Rotation::ThreeQuarters => 270,
        }
    }
}

/// What is left of a picture before its size is changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Crop {
    /// How wide.
    pub width: Edge,
    /// How high.
    pub height: Edge,
    /// From the left, in pixels.
    pub x: u16,
    /// From the top, in pixels.
    pub y: u16,
}

/// How a picture is encoded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Picture {
    /// JPEG.
    #[default]
    Jpeg,
    /// PNG.
    Png,
    /// WebP.
    Webp,
}

impl Picture {
    /// The ending of its names.
    pub const fn suffix(self) -> &'static str {
        match self {
            Picture::Jpeg => "jpg",
            Picture::Png => "png",
            Picture::Webp => "webp",
        }
    }

    pub(super) const fn content_type(self) -> &'static str {
        match self {
            Picture::Jpeg => "image/jpeg",
            Picture::Png => "image/png",
            Picture::Webp => "image/webp",
        }
    }
}

/// How sound is encoded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Encoding {
    /// AAC in MP4.
    #[default]
    M4a,
    /// AAC by itself (ADTS).
    Aac,
    /// MP3.
    Mp3,
    /// Opus in Ogg.
    Opus,
    /// Vorbis in Ogg.
    Vorbis,
    /// FLAC, without loss.
    Flac,
}

impl Encoding {
    /// The ending of its names, which is its word in an address too.
    pub const fn suffix(self) -> &'static str {
        match self {
            Encoding::M4a => "m4a",
            Encoding::Aac => "aac",
            Encoding::Mp3 => "mp3",
            Encoding::Opus => "opus",
            Encoding::Vorbis => "ogg",
            Encoding::Flac => "flac",
        }
    }

    /// The bitrate for who may have so many kbit/s: one that its recipes have, whatever he says; none for FLAC, which takes
    /// what it takes.
    pub fn bitrate(self, kbps_max: u64) -> Option<Bitrate> {
        let most = match self {
            Encoding::Flac => return None,
            Encoding::Mp3 => 320,
            Encoding::Vorbis => 380,
            Encoding::Opus => 510,
            Encoding::M4a | Encoding::Aac => 512,
        };
        Bitrate::new(kbps_max.clamp(BITRATE_KBPS_MIN, most)).ok()
    }

    pub(super) const fn content_type(self) -> &'static str {
        match self {
            Encoding::M4a => "audio/mp4",
            Encoding::Aac => "audio/aac",
            Encoding::Mp3 => "audio/mpeg",
            Encoding::Opus | Encoding::Vorbis => "audio/ogg",
            Encoding::Flac => "audio/flac",
        }
    }
}

/// How text that is shown with pictures is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Captions {
    /// What browsers show.
    WebVtt,
    /// What players of before show.
    SubRip,
}

impl Captions {
    /// The media type of such a text.
    pub const fn content_type(self) -> &'static str {
        match self {
            Captions::WebVtt => "text/vtt; charset=utf-8",
            Captions::SubRip => "application/x-subrip; charset=utf-8",
        }
    }

    /// The ending of a file of it.
    pub const fn suffix(self) -> &'static str {
        match self {
            Captions::WebVtt => "vtt",
            Captions::SubRip => "srt",
        }
    }
}
