//! The pipeline: a song in, its stems out.

use std::ops::ControlFlow;

use budget::limits::STEMS_PIECE_SAMPLES;

use crate::convert::Convert;
use crate::{Engine, Error, ErrorKind, Result, Sink, Sound, Stereo, Written};

/// How far a song is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Samples of one side, at 44.1 kHz, that every stem has.
    pub samples: u64,
    /// How many there will be, if the song says how long it is. It may turn out wrong.
    pub expected_samples: Option<u64>,
}

/// What became of a song.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    /// Samples of one side, at 44.1 kHz, that every stem has.
    pub samples: u64,
    /// Samples of the song that were no numbers, or impossibly loud, and were changed.
    pub repaired: u64,
    /// What became of each stem, in the order of the engine's.
    pub stems: Vec<Written>,
}

/// Takes a song apart, from its first sample to its last, and writes each stem to its sink.
///
/// `watch` hears after each piece of the song how far it is, and may end the work. Whatever was written then is no stem.
///
/// # Errors
/// [`ErrorKind::Stops`](ErrorKind::Stopped) when `watch` said so, and those of the sound, the engine and the sinks.
pub fn split(
    sound: &mut dyn Sound,
    engine: &mut dyn Engine,
    sinks: &mut [&mut dyn Sink],
    watch: &mut dyn FnMut(Progress) -> ControlFlow<()>,
) -> Result<Summary> {
    if sinks.len() != engine.stems().len() {
        let what =
            format!("the engine makes {} stems, and there is room for {}", engine.stems().len(), sinks.len());
        return Err(Error::new(ErrorKind::Stems, what));
    }
    let mut convert = Convert::new(sound)?;
    let expected_samples = convert.expected_samples();
    let mut given = 0;
    let (mut taken, mut read, mut piece) = (0, Stereo::default(), Stereo::default());
    loop {
        convert.next(&mut read)?;
        if read.is_empty() {
            break;
        }
        taken += read.len() as u64;
        for at in (0..read.len()).step_by(STEMS_PIECE_SAMPLES) {
            let end = read.len().min(at + STEMS_PIECE_SAMPLES);
            piece.clear();
            piece.extend(&read.left()[at..end], &read.right()[at..end]);
            engine.push(&piece, &mut |stems| hand_out(stems, sinks, &mut given))?;
            let progress = Progress { samples: given, expected_samples };
            if watch(progress).is_break() {
                return Err(stopped());
            }
        }
    }
    // What is left may be many blocks, so that stopping is possible between them too.
    engine.finish(&mut |stems| {
        hand_out(stems, sinks, &mut given)?;
        let progress = Progress { samples: given, expected_samples };
        if watch(progress).is_break() { Err(stopped()) } else { Ok(()) }
    })?;
    if given != taken {
        let what = format!("the engine took {taken} samples and gave {given}");
        return Err(Error::new(ErrorKind::Engine, what));
    }
    let stems = sinks.iter_mut().map(|sink| sink.finish()).collect::<Result<_>>()?;
    Ok(Summary { samples: given, repaired: convert.repaired(), stems })
}

fn hand_out(stems: &[Stereo], sinks: &mut [&mut dyn Sink], given: &mut u64) -> Result<()> {
    for (sink, stem) in sinks.iter_mut().zip(stems) {
        sink.write(stem)?;
    }
    *given += stems.first().map_or(0, Stereo::len) as u64;
    Ok(())
}

fn stopped() -> Error {
    Error::new(ErrorKind::Stopped, "the work was stopped")
}
