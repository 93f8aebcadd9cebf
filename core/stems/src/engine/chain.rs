//! Two engines, one behind the other.

use super::{Engine, Give};
use crate::{Result, Stem, Stereo};

/// An engine that gives vocals and accompaniment, and one that takes the accompaniment apart.
///
/// The second answers later than the first, so that vocals wait until the rest of their moment is there.
pub struct Chain<E> {
    first: Box<dyn Engine>,
    rest: Rest<E>,
}

/// What comes behind the first engine.
struct Rest<E> {
    engine: E,
    stems: &'static [Stem],
    vocals: Stereo,
    ready: Vec<Stereo>,
}

impl<E: Engine> Chain<E> {
    /// `stems` are those of both: the first one's vocals, then what the second makes.
    pub fn new(first: Box<dyn Engine>, engine: E, stems: &'static [Stem]) -> Self {
        let ready = vec![Stereo::default(); stems.len()];
        Chain { first, rest: Rest { engine, stems, vocals: Stereo::default(), ready } }
    }
}

impl<E: Engine> Rest<E> {
    fn push(&mut self, pieces: &[Stereo], give: &mut Give<'_>) -> Result<()> {
        let [vocals, accompaniment] = pieces else { return Ok(()) };
        self.vocals.extend(vocals.left(), vocals.right());
        let (vocals, ready) = (&mut self.vocals, &mut self.ready);
        self.engine.push(accompaniment, &mut |parts| join(vocals, parts, ready, give))
    }

    fn finish(&mut self, give: &mut Give<'_>) -> Result<()> {
        let (vocals, ready) = (&mut self.vocals, &mut self.ready);
        self.engine.finish(&mut |parts| join(vocals, parts, ready, give))
    }
}

/// Gives the vocals that waited for these parts, and the parts.
fn join(vocals: &mut Stereo, parts: &[Stereo], ready: &mut [Stereo], give: &mut Give<'_>) -> Result<()> {
    let samples = parts.first().map_or(0, Stereo::len);
    let Some((first, others)) = ready.split_first_mut() else { return Ok(()) };
    first.clear();
    first.extend(&vocals.left()[..samples], &vocals.right()[..samples]);
    vocals.forget(samples);
    for (to, part) in others.iter_mut().zip(parts) {
        to.clone_from(part);
    }
    give(ready)
}

impl<E: Engine> Engine for Chain<E> {
    fn name(&self) -> &'static str {
        self.first.name()
    }

    fn stems(&self) -> &'static [Stem] {
        self.rest.stems
    }

    fn memory_bytes(&self) -> u64 {
        self.first.memory_bytes() + self.rest.engine.memory_bytes()
    }

    fn push(&mut self, mix: &Stereo, give: &mut Give<'_>) -> Result<()> {
        let rest = &mut self.rest;
        self.first.push(mix, &mut |pieces| rest.push(pieces, give))
    }

    fn finish(&mut self, give: &mut Give<'_>) -> Result<()> {
        let rest = &mut self.rest;
        self.first.finish(&mut |pieces| rest.push(pieces, give))?;
        self.rest.finish(give)
    }
}
