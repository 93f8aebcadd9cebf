//! A set of stems made of a larger one.

use super::{Engine, Give};
use crate::{Result, Stem, Stereo};

/// An engine whose stems are brought into another order, or added up to fewer.
pub struct Folded {
    engine: Box<dyn Engine>,
    stems: &'static [Stem],
    /// For each stem that is made, the one it becomes a part of.
    places: Vec<usize>,
    sums: Vec<Stereo>,
}

impl Folded {
    /// Stems that are in the other set under their own names stay what they are; the rest becomes a part of the accompaniment, or of
    /// what is left, whichever the set has: it has one.
    pub fn new(engine: Box<dyn Engine>, stems: &'static [Stem]) -> Self {
        let rest = stems.len() - 1;
        let place = |stem: &Stem| stems.iter().position(|other| other == stem).unwrap_or(rest);
        let places = engine.stems().iter().map(place).collect();
        Folded { engine, stems, places, sums: vec![Stereo::default(); stems.len()] }
    }
}

/// Adds the stems of a piece up.
fn fold(pieces: &[Stereo], places: &[usize], sums: &mut [Stereo]) {
    let samples = pieces.first().map_or(0, Stereo::len);
    for sum in &mut *sums {
        sum.clear();
        sum.resize(samples);
    }
    for (piece, place) in pieces.iter().zip(places) {
        sums[*place].add(piece);
    }
}

impl Engine for Folded {
    fn name(&self) -> &'static str {
        self.engine.name()
    }

    fn stems(&self) -> &'static [Stem] {
        self.stems
    }

    fn memory_bytes(&self) -> u64 {
        self.engine.memory_bytes()
    }

    fn push(&mut self, mix: &Stereo, give: &mut Give<'_>) -> Result<()> {
        let (places, sums) = (&self.places, &mut self.sums);
        self.engine.push(mix, &mut |pieces| {
            fold(pieces, places, sums);
            give(sums)
        })
    }

    fn finish(&mut self, give: &mut Give<'_>) -> Result<()> {
        let (places, sums) = (&self.places, &mut self.sums);
        self.engine.finish(&mut |pieces| {
            fold(pieces, places, sums);
            give(sums)
        })
    }
}
