//! Samples as they are between the stages: two sides at 44.1 kHz.

/// The rate at which songs are taken apart, in samples of one side per second.
pub const RATE_HZ: u32 = 44_100;

/// A piece of sound: as many samples on the left as on the right, full scale at 1.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Stereo {
    sides: [Vec<f32>; 2],
}

impl Stereo {
    /// Nothing, with room for so many samples of each side.
    pub fn with_capacity(samples: usize) -> Self {
        Stereo { sides: [Vec::with_capacity(samples), Vec::with_capacity(samples)] }
    }

    /// Both sides, as much of them as both have.
    pub fn of(left: Vec<f32>, right: Vec<f32>) -> Self {
        let samples = left.len().min(right.len());
        let mut made = Stereo { sides: [left, right] };
        made.truncate(samples);
        made
    }

    /// Samples of one side.
    pub fn len(&self) -> usize {
        self.sides[0].len()
    }

    /// Whether there is nothing.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The left side.
    pub fn left(&self) -> &[f32] {
        &self.sides[0]
    }

    /// The right side.
    pub fn right(&self) -> &[f32] {
        &self.sides[1]
    }

    /// Left, then right.
    pub fn sides(&self) -> [&[f32]; 2] {
        [&self.sides[0], &self.sides[1]]
    }

    /// Adds one sample of each side.
    pub fn push(&mut self, left: f32, right: f32) {
        self.sides[0].push(left);
        self.sides[1].push(right);
    }

    /// Adds as many samples of each side as both have.
    pub fn extend(&mut self, left: &[f32], right: &[f32]) {
        let samples = left.len().min(right.len());
        self.sides[0].extend_from_slice(&left[..samples]);
        self.sides[1].extend_from_slice(&right[..samples]);
    }

    /// Adds another piece of the same length, sample by sample.
    pub(crate) fn add(&mut self, other: &Stereo) {
        for (side, other) in self.sides.iter_mut().zip(&other.sides) {
            for (sample, other) in side.iter_mut().zip(other) {
                *sample += other;
            }
        }
    }

    /// Keeps the first so many samples.
    pub fn truncate(&mut self, samples: usize) {
        for side in &mut self.sides {
            side.truncate(samples);
        }
    }

    /// Forgets the first so many samples.
    pub fn forget(&mut self, samples: usize) {
        for side in &mut self.sides {
            side.drain(..samples.min(side.len()));
        }
    }

    /// Adds silence, or cuts, until there are so many samples.
    pub fn resize(&mut self, samples: usize) {
        for side in &mut self.sides {
            side.resize(samples, 0.0);
        }
    }

    /// Forgets all samples and keeps the room.
    pub fn clear(&mut self) {
        self.truncate(0);
    }

    pub(crate) fn vecs_mut(&mut self) -> &mut [Vec<f32>; 2] {
        &mut self.sides
    }

    pub(crate) fn vecs(&self) -> &[Vec<f32>; 2] {
        &self.sides
    }
}
