//! A set of stems made of another.

use super::{Engine, Give};
use crate::{Result, Stem, Stereo};

/// An engine whose stems are brought into another order, or added up to others.
pub struct Folded {
    engine: Box<dyn Engine>,
    stems: &'static [Stem],
    /// For each stem, those that it is the sum of.
    parts: Vec<Vec<usize>>,
    sums: Vec<Stereo>,
}

impl Folded {
    /// Stems that are in the other set under their own names stay what they are, and what it has no name for is a part of what is
    /// left. The accompaniment is all but the vocals.
    pub fn new(engine: Box<dyn Engine>, stems: &'static [Stem]) -> Self {
        let made = engine.stems();
        let parts = |stem: &Stem| (0..made.len()).filter(|at| is_part(made[*at], *stem, stems)).collect();
        let parts = stems.iter().map(parts).collect();
        Folded { engine, stems, parts, sums: vec![Stereo::default(); stems.len()] }
    }
}

/// Whether what is made is a part of a stem of this set.
fn is_part(made: Stem, stem: Stem, set: &[Stem]) -> bool {
    match stem {
        Stem::Accompaniment => made != Stem::Vocals,
        Stem::Other => made == stem || !set.contains(&made),
        _ => made == stem,
    }
}

/// Adds the stems of a piece up.
fn fold(pieces: &[Stereo], parts: &[Vec<usize>], sums: &mut [Stereo]) {
    let samples = pieces.first().map_or(0, Stereo::len);
    for (sum, parts) in sums.iter_mut().zip(parts) {
        sum.clear();
        sum.resize(samples);
        for part in parts {
            sum.add(&pieces[*part]);
        }
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
        let (parts, sums) = (&self.parts, &mut self.sums);
        self.engine.push(mix, &mut |pieces| {
            fold(pieces, parts, sums);
            give(sums)
        })
    }

    fn finish(&mut self, give: &mut Give<'_>) -> Result<()> {
        let (parts, sums) = (&self.parts, &mut self.sums);
        self.engine.finish(&mut |pieces| {
            fold(pieces, parts, sums);
            give(sums)
        })
    }
}
