//! Which sound a player gets: the file as it is, or one made anew for it.
//!
//! What is already within the wish is sent as it is: nothing sounds better for being encoded again. Everything else becomes a
//! recipe of few values, so that players who ask for nearly the same are given the same rendition.

mod params;
mod profile;

use catalog::Track;
use transform::{Audio, Bitrate, Clip, Encoding, Heard, Sampling};

use crate::error::{Error, ErrorKind};
use crate::params::Params;

pub(crate) use params::TranscodeParams;
pub(crate) use profile::ClientInfo;

/// What a player plays that wants fewer bits and says no more.
const USUAL: Encoding = Encoding::Mp3;

/// Formats that other servers make and apps let people choose. Who asks for one gets what he can play by his bitrate.
const NOT_MADE: [&str; 16] = [
    "aiff", "alac", "ape", "avi", "flv", "mka", "mkv", "mov", "mp2", "mp4", "mpc", "wav", "webm", "wma",
    "wmv", "wv",
];

/// How a player wants it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Format {
    /// Anything that it can play.
    #[default]
    Any,
    /// `raw`: the file as it is, whatever else is said.
    Raw,
    /// Encoded so.
    Sound(Encoding),
}

impl Format {
    /// A format is a preference in the protocol: one that others make and we do not is not worth a song that does not play. What
    /// is no format at all is a mistake, of which its author hears.
    fn read(word: &str) -> Result<Format, Error> {
        Ok(match &*word.to_ascii_lowercase() {
            "raw" => Format::Raw,
            "mp3" => Format::Sound(Encoding::Mp3),
            "opus" => Format::Sound(Encoding::Opus),
            "ogg" | "oga" | "vorbis" => Format::Sound(Encoding::Vorbis),
            "aac" => Format::Sound(Encoding::Aac),
            "m4a" => Format::Sound(Encoding::M4a),
            "flac" => Format::Sound(Encoding::Flac),
            other if NOT_MADE.contains(&other) => Format::Any,
            _ => return Err(Error::bad_value("format", word, "raw, mp3, opus, ogg, aac, m4a or flac")),
        })
    }
}

/// What a request for a song asks for beside the song.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Wish {
    pub(crate) format: Format,
    /// At most so many kbit/s; 0 is no limit, as in the protocol.
    pub(crate) kbps_max: u64,
    pub(crate) start_ms: u64,
}

impl Wish {
    /// What `format`, `maxBitRate` and `timeOffset` say.
    pub(crate) fn read(params: &Params) -> Result<Wish, Error> {
        let format = params.get("format").map_or(Ok(Format::Any), |word| Format::read(&word))?;
        let kbps_max = params.number("maxBitRate", 0)?;
        let start_ms = params.number("timeOffset", 0)?.saturating_mul(1_000);
        Ok(Wish { format, kbps_max, start_ms })
    }

    /// The same for who may not have more than so many kbit/s.
    pub(crate) fn within(self, limit_kbps: Option<u32>) -> Wish {
        // Who may not have more does not get the file by its name either.
        let format =
            if limit_kbps.is_some() && self.format == Format::Raw { Format::Any } else { self.format };
        let limits = [Some(self.kbps_max), limit_kbps.map(u64::from)];
        let least = limits.into_iter().flatten().filter(|kbps| *kbps > 0).min();
        Wish { format, kbps_max: least.unwrap_or(0), ..self }
    }

    fn allows(self, kbps: u64) -> bool {
        self.kbps_max == 0 || (1..=self.kbps_max).contains(&kbps)
    }

    /// The recipe for this track, or `None` for its file as it is.
    pub(crate) fn recipe(self, track: &Track) -> Result<Option<Audio>, Error> {
        let own = encoding(track);
        let is_original = match self.format {
            Format::Raw => true,
            // A film is not made into a song unasked.
            Format::Any if track.content_type.starts_with("video/") => true,
            Format::Any => self.start_ms == 0 && self.allows(kbps(track)),
            Format::Sound(wanted) => {
                self.start_ms == 0 && self.allows(kbps(track)) && own.is_some_and(|own| serves(own, wanted))
            }
        };
        if is_original {
            return Ok(None);
        }
        before_the_end("timeOffset", self.start_ms, track)?;
        let encoding = match self.format {
            Format::Sound(wanted) => wanted,
            // The rest of a file stays what the file is, where that is made here.
            _ if self.allows(kbps(track)) => own.unwrap_or(USUAL),
            _ => USUAL,
        };
        // Without loss there is no saying how many bits it takes, and a limit is one.
        let encoding = if encoding == Encoding::Flac && self.kbps_max > 0 { USUAL } else { encoding };
        // The rest of a file has as much as its beginning, where nobody wants less.
        let same = own.filter(|own| serves(*own, encoding)).and_then(|_| lossy_kbps(track));
        let limit = Some(self.kbps_max).filter(|kbps| *kbps > 0).or(same);
        let bad = |_| Error::bad("timeOffset", "within a day");
        let clip = Clip::new(self.start_ms, None).map_err(bad)?;
        let bitrate = bitrate(encoding, limit, track);
        Ok(Some(Audio { clip, encoding, bitrate, sampling: Sampling::default() }))
    }
}

/// The bitrate for who may have so many kbit/s of a track, or as much as is usual: never more than a source has that lost
/// something already, which gets no better by more bits.
pub(crate) fn bitrate(encoding: Encoding, limit_kbps: Option<u64>, track: &Track) -> Option<Bitrate> {
    let own = lossy_kbps(track);
    let most = match limit_kbps {
        Some(limit) => Some(own.map_or(limit, |own| own.min(limit))),
        None => own.filter(|own| *own < heard(&Audio { encoding, ..Audio::default() }, track).kbps.into()),
    };
    most.and_then(|kbps| encoding.bitrate(kbps))
}

/// What comes out of a recipe for a track.
fn heard(asked: &Audio, track: &Track) -> Heard {
    let channels = u16::try_from(track.channels).unwrap_or(u16::MAX).max(1);
    Heard::of(asked, channels, track.sample_rate_hz, track.bit_depth)
}

/// Whether a song has something to be heard from there on. One whose length nobody knows is looked at when it is made.
pub(crate) fn before_the_end(name: &str, start_ms: u64, track: &Track) -> Result<(), Error> {
    if track.duration_ms == 0 || start_ms < track.duration_ms {
        return Ok(());
    }
    let (start, whole) = (start_ms / 1_000, track.duration_ms.div_ceil(1_000));
    let message = format!("Parameter {name} is behind the end: it is {start} s, and the song has {whole} s");
    Err(Error::new(ErrorKind::NotFound, message))
}

/// Sound as it is, without compression.
const PCM: &str = "pcm";

/// The codec of a file, as players call it.
fn codec(track: &Track) -> &'static str {
    match (track.details.read().codec, &*track.suffix) {
        (Some(codec), _) => codec.name(),
        (None, "opus") => "opus",
        (None, "mp3") => "mp3",
        (None, "flac") => "flac",
        // With a depth of bits it is without loss.
        (None, "ogg" | "oga") if track.bit_depth.is_some() => "flac",
        (None, "ogg" | "oga") => "vorbis",
        (None, "m4a" | "m4b" | "mp4") if track.bit_depth.is_some() => "alac",
        (None, "m4a" | "m4b" | "mp4" | "aac") => "aac",
        (None, "wav" | "aif" | "aiff") => PCM,
        (None, _) => "unknown",
    }
}

/// How a file is encoded, if that is one of the ways in which sound is made here. FLAC is not put into Ogg.
fn encoding(track: &Track) -> Option<Encoding> {
    match (codec(track), &*track.suffix) {
        ("mp3", _) => Some(Encoding::Mp3),
        ("flac", "flac") => Some(Encoding::Flac),
        ("opus", _) => Some(Encoding::Opus),
        ("vorbis", _) => Some(Encoding::Vorbis),
        ("aac", "aac") => Some(Encoding::Aac),
        ("aac", "m4a" | "m4b") => Some(Encoding::M4a),
        _ => None,
    }
}

/// Whether who wants `wanted` can play `own`: AAC by itself or in MP4 is AAC.
fn serves(own: Encoding, wanted: Encoding) -> bool {
    own == wanted || matches!((own, wanted), (Encoding::M4a, Encoding::Aac) | (Encoding::Aac, Encoding::M4a))
}

/// About how many kbit/s a song has whose file lost something when it was encoded, which a depth of bits denies. Of a film
/// most of them are pictures.
fn lossy_kbps(track: &Track) -> Option<u64> {
    let is_lossy = track.bit_depth.is_none() && !track.content_type.starts_with("video/");
    Some(kbps(track)).filter(|kbps| is_lossy && *kbps > 0)
}

/// About how many kbit/s a file has; 0 when nothing tells.
fn kbps(track: &Track) -> u64 {
    match track.bitrate_kbps {
        0 => (track.size_bytes.saturating_mul(8)).checked_div(track.duration_ms).unwrap_or(0),
        kbps => u64::from(kbps),
    }
}

#[cfg(test)]
mod tests;
