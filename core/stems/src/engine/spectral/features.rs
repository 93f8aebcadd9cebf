//! How loud each frequency was in the last frames, and which frames are alike.

use crate::{BINS, Frame};

/// A row is so long that lanes divide it.
const ROW: usize = BINS.next_multiple_of(LANES);
const LANES: usize = 16;

/// The square roots of the magnitudes of the last frames. The root, because a loud drum is no reason to find all else alike.
pub(super) struct Features {
    rows: Vec<f32>,
    /// The length of each row.
    norms: Vec<f32>,
    /// How many frames are remembered.
    kept: usize,
    /// How many frames there were.
    heard: usize,
}

impl Features {
    pub(super) fn new(kept: usize) -> Self {
        Features { rows: vec![0.0; kept * ROW], norms: vec![0.0; kept], kept, heard: 0 }
    }

    pub(super) fn memory_bytes(&self) -> u64 {
        (self.rows.len() * size_of::<f32>()) as u64
    }

    /// Remembers the next frame, and forgets the oldest.
    pub(super) fn add(&mut self, frame: &Frame) {
        let slot = self.heard % self.kept;
        let row = &mut self.rows[slot * ROW..][..ROW];
        let [left, right] = &frame.sides;
        for ((to, left), right) in row.iter_mut().zip(left).zip(right) {
            *to = (left.norm_sqr() + right.norm_sqr()).sqrt().sqrt();
        }
        self.norms[slot] = product(row, row).sqrt();
        self.heard += 1;
    }

    /// A frame that is remembered, by its number in the song.
    pub(super) fn frame(&self, at: usize) -> &[f32] {
        &self.row(at)[..BINS]
    }

    /// The frames around one, as far as they are known, itself included.
    pub(super) fn around(&self, at: usize, reach: usize, into: &mut Vec<usize>) {
        into.clear();
        into.extend(self.within(at, reach));
    }

    /// The frames most like one, itself first, none within `apart` frames of another that is more alike.
    pub(super) fn alike(
        &self,
        at: usize,
        reach: usize,
        most: usize,
        apart: usize,
        likeness: &mut Vec<f32>,
    ) -> Vec<usize> {
        let within = self.within(at, reach);
        let first = within.start;
        likeness.clear();
        likeness.extend(within.map(|other| self.likeness(at, other)));
        let mut chosen = Vec::with_capacity(most);
        let mut choice = at - first;
        loop {
            chosen.push(first + choice);
            let last = likeness.len().min(choice + apart + 1);
            likeness[choice.saturating_sub(apart)..last].fill(0.0);
            let best = likeness
                .iter()
                .enumerate()
                .fold((0, 0.0), |best, (place, alike)| if *alike > best.1 { (place, *alike) } else { best });
            if best.1 <= 0.0 || chosen.len() == most {
                return chosen;
            }
            choice = best.0;
        }
    }

    fn within(&self, at: usize, reach: usize) -> std::ops::Range<usize> {
        let oldest = self.heard.saturating_sub(self.kept);
        at.saturating_sub(reach).max(oldest)..self.heard.min(at + reach + 1)
    }

    /// The cosine between two frames; nothing is like silence.
    fn likeness(&self, one: usize, other: usize) -> f32 {
        let norms = self.norms[one % self.kept] * self.norms[other % self.kept];
        if norms > 0.0 { product(self.row(one), self.row(other)) / norms } else { 0.0 }
    }

    fn row(&self, at: usize) -> &[f32] {
        debug_assert!(at < self.heard && at + self.kept >= self.heard, "frame {at} of {}", self.heard);
        &self.rows[at % self.kept * ROW..][..ROW]
    }
}

/// The sum of the products, in lanes, so that it is the same sum everywhere and a fast one.
fn product(one: &[f32], other: &[f32]) -> f32 {
    let mut sums = [0.0; LANES];
    let (one, other) = (one.as_chunks::<LANES>().0, other.as_chunks::<LANES>().0);
    for (one, other) in one.iter().zip(other) {
        for lane in 0..LANES {
            sums[lane] += one[lane] * other[lane];
        }
    }
    sums.iter().sum()
}
