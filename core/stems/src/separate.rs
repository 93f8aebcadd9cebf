//! A song taken apart as somebody wishes: what the command line and the server's workers share.

use std::ops::ControlFlow;

use crate::engine::EngineName;
use crate::models::{Choice, Weights};
use crate::{Progress, Result, Sink, Sound, Stem, Summary, convert, split};

/// What was done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Separated {
    /// Who made the stems.
    pub engine: EngineName,
    /// With which model.
    pub model: Option<&'static str>,
    /// What whoever gets them should know of how they were made.
    pub notes: Vec<String>,
    /// The stems, in the order of the summary's.
    pub stems: &'static [Stem],
    /// What became of them.
    pub summary: Summary,
}

/// Takes a song apart as was chosen, with the weights that the choice needs ([`Choice::weights`]).
///
/// `sink` is asked once for each stem where it goes, with the number of samples that it will have if the song says how long it is;
/// [`Encoding::sink`](crate::Encoding::sink) makes one of anything that can be written. `watch` is as in [`split()`]. Nothing is whole before this
/// returns.
///
/// # Errors
/// Those of the sound, the engine and the sinks, and [`ErrorKind::Stopped`](crate::ErrorKind::Stopped).
pub fn separate(
    sound: &mut dyn Sound,
    choice: &Choice,
    weights: Option<Weights>,
    threads: usize,
    sink: &mut dyn FnMut(Stem, Option<u64>) -> Result<Box<dyn Sink>>,
    watch: &mut dyn FnMut(Progress) -> ControlFlow<()>,
) -> Result<Separated> {
    let mut engine = choice.engine(weights, threads)?;
    let expected = convert::expected_samples(sound.format());
    let mut sinks = Vec::new();
    for stem in engine.stems() {
        sinks.push(sink(*stem, expected)?);
    }
    let mut places: Vec<&mut dyn Sink> = sinks.iter_mut().map(|sink| &mut **sink as &mut dyn Sink).collect();
    let summary = split(sound, &mut *engine, &mut places, watch).map_err(|e| choice.named(e))?;
    Ok(Separated {
        engine: choice.engine,
        model: choice.installed.as_ref().map(|installed| installed.model.name),
        notes: choice.notes(),
        stems: choice.stems,
        summary,
    })
}
