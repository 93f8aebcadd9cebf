//! What ffmpeg is told for a recipe, and what that takes.
//!
//! A plan is made of a [`Recipe`] and a [`Probe`] alone, both of them numbers, before anything is started. What can be
//! known to fail is refused here, by name. Each plan was run with ffmpeg 5.1, whose ways decide much of it: it has no
//! protocol for descriptors that can seek, and one thread for all muxers.

mod captions;
mod fit;
mod level;
mod memory;
mod mp3;
mod pass;
mod pictures;
mod segments;
mod sound;
mod video;

use budget::limits::{CLIP_MS_MAX, MIB};

use crate::argv::{Argv, Input};
use crate::error::{Error, ErrorKind};
use crate::probe::Probe;
use crate::recipe::{Audio, Clip, Encoding, Recipe};

pub use pass::faststart_args;
pub use pictures::cell_size;
pub use segments::{Segments, Variant};
pub use sound::Heard;
pub(crate) use sound::{floats_args, samples_args};

/// What happens to what a child wrote.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finish {
    /// It is the rendition.
    Publish,
    /// It is MP4 in fragments, and what stands before the first of them is the rendition.
    Front,
    /// It is MP4 in fragments, and they are the rendition without what stands before them.
    Fragments,
    /// It can be read while it grows, and its front cannot be right: [`faststart_args`] make the rendition of it.
    Faststart,
    /// It is samples of sound, [`PEAKS_HZ`] in a second, signed 16 bits, little end first. Whoever reads them makes the
    /// rendition.
    Peaks,
}

/// Samples in a second of the sound that waveforms are counted from.
pub const PEAKS_HZ: u32 = 8_000;

/// What is to be run for a recipe, and what it takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// What ffmpeg is told. It reads the source and writes to its standard output, a pipe.
    pub argv: Argv,
    /// Memory of the child.
    pub reserve_bytes: u64,
    /// Memory of the one behind it, when there is a second pass; never more.
    pub pass_bytes: u64,
    /// About so many bytes come out. A second pass writes as many again, beside the first.
    pub out_bytes_guess: u64,
    /// Exactly so many bytes come out, where that can be known before.
    pub exact_bytes: Option<u64>,
    /// About so long is what comes out; 0 for a picture.
    pub out_ms: u64,
    /// About so much is read for it or comes out, whichever is longer: what its processor time is measured by.
    pub work_ms: u64,
    /// What happens then.
    pub finish: Finish,
    /// How large the picture becomes.
    pub picture: Option<(u32, u32)>,
}

/// What ffmpeg has to be told to make `recipe` of a source that `probe` tells of.
///
/// # Errors
/// [`ErrorKind::NoPicture`], [`ErrorKind::NoSound`], [`ErrorKind::BehindTheEnd`] and [`ErrorKind::TooLarge`] when the
/// source has not what is asked for; [`ErrorKind::Unsupported`] for what ffmpeg does not make, such as covers.
pub fn plan(recipe: &Recipe, probe: &Probe, input: Input) -> Result<Plan, Error> {
    match recipe {
        Recipe::Video(asked) => video::plan(asked, probe, input),
        Recipe::Frame(asked) => pictures::frame(asked, probe, input),
        Recipe::Sprite(asked) => pictures::sprite(asked, probe, input),
        Recipe::Audio(asked) => sound::plan(asked, probe, input),
        Recipe::Song => sound::plan(&Audio { encoding: Encoding::Flac, ..Audio::default() }, probe, input),
        Recipe::Waveform(asked) => sound::samples(asked, probe, input),
        Recipe::Piece(piece) => segments::plan(piece, probe, input),
        Recipe::Captions(asked) => captions::plan(*asked, probe, input),
        Recipe::Cover(_) => Err(Error::new(ErrorKind::Unsupported, "a cover is not made by ffmpeg")),
    }
}

/// A part of the source, in its own time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Span {
    start_ms: u64,
    /// Where ffmpeg has to stop by itself, from the start.
    stop_ms: Option<u64>,
    /// How long it is, if that can be known.
    known_ms: Option<u64>,
}

impl Span {
    /// `clip` of a source that is `whole_ms` long.
    fn of(clip: Clip, whole_ms: Option<u64>) -> Result<Span, Error> {
        let start_ms = clip.start_ms();
        let rest_ms = match whole_ms {
            Some(whole_ms) if start_ms >= whole_ms => return Err(behind_the_end(start_ms, whole_ms)),
            whole_ms => whole_ms.map(|whole_ms| whole_ms - start_ms),
        };
        let stop_ms = clip.length_ms().filter(|length| rest_ms.is_none_or(|rest| *length < rest));
        Ok(Span { start_ms, stop_ms, known_ms: stop_ms.or(rest_ms) })
    }

    /// How long it may be when it is not known: what so many bytes are of an ordinary video, 1 Mbit in a
    /// second. What is longer than anybody may ask for is guessed to be as long as that.
    fn guess_ms(self, probe: &Probe) -> u64 {
        self.known_ms.unwrap_or(probe.size_bytes / 125).min(CLIP_MS_MAX)
    }

    /// Behind the options for reading, before the source: seeking there skips what is not wanted.
    fn seek(self, argv: Argv) -> Argv {
        let argv = if self.start_ms > 0 { argv.fixed(&["-ss"]).seconds(self.start_ms) } else { argv };
        match self.stop_ms {
            Some(stop_ms) => argv.fixed(&["-t"]).seconds(stop_ms),
            None => argv,
        }
    }
}

fn behind_the_end(at_ms: u64, whole_ms: u64) -> Error {
    let seconds = |ms: u64| format!("{}.{:03}", ms / 1_000, ms % 1_000);
    let context = format!("{} s was asked for, and the source has {} s", seconds(at_ms), seconds(whole_ms));
    Error::new(ErrorKind::BehindTheEnd, context)
}

/// Bytes of so many kbit/s over a time, and what a container adds.
fn bytes_of(kbps: u64, ms: u64) -> u64 {
    (kbps * ms / 8).saturating_add(MIB / 16)
}

#[cfg(test)]
mod tests;
