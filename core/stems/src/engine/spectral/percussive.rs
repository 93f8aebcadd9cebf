//! What is struck, what is held, and what is held and low.
//!
//! Drums are lines across frequencies, and notes are lines along time: medians in both directions tell them apart
//! (Fitzgerald, "Harmonic/percussive separation using median filtering", 2010). What is harmonic and low is the bass.

use budget::limits::STEMS_SPECTRAL_BLOCK_FRAMES;

use super::features::Features;
use super::median::Medians;
use super::{hertz, ratio};
use crate::engine::{MaskEngine, Shape};
use crate::{BINS, Frame, Mask, Result, Stem};

/// Frames over which a note is longer than a drum, and frequencies over which a drum is wider than a note.
pub(super) const LINE: usize = 17;
/// Where a bass ends, in the middle of a slope.
const BASS_HZ: f32 = 250.0;

/// Tells lines of one direction from lines of the other.
pub(super) struct Lines {
    medians: Medians,
}

/// What one thread writes on.
pub(super) struct Scratch {
    around: Vec<usize>,
    along: Vec<f32>,
    across: Vec<f32>,
}

impl Scratch {
    pub(super) fn new() -> Self {
        Scratch { around: Vec::new(), along: vec![0.0; BINS], across: vec![0.0; BINS] }
    }
}

impl Lines {
    pub(super) fn new() -> Self {
        Lines { medians: Medians::new(LINE) }
    }

    /// How much of each frequency of a frame is struck.
    pub(super) fn struck(&self, features: &Features, at: usize, scratch: &mut Scratch, shares: &mut [f32]) {
        features.around(at, LINE / 2, &mut scratch.around);
        let rows: Vec<&[f32]> = scratch.around.iter().map(|near| features.frame(*near)).collect();
        self.medians.of_rows(&rows, &mut scratch.along);
        self.medians.of_neighbours(features.frame(at), LINE, &mut scratch.across);
        for ((share, across), along) in shares.iter_mut().zip(&scratch.across).zip(&scratch.along) {
            *share = ratio(across.powi(4), along.powi(4));
        }
    }
}

/// How much of each frequency that is held is bass.
pub(super) fn bass() -> Vec<f32> {
    (0..BINS).map(|bin| 1.0 / (1.0 + (hertz(bin) / BASS_HZ).powi(8))).collect()
}

/// Parts what has no voice in it into drums, bass and the rest, without any model.
pub struct Percussive {
    features: Features,
    lines: Lines,
    bass: Vec<f32>,
    /// Of each frame of the block: how much is struck.
    answers: Vec<Vec<f32>>,
    /// The song's frame that the next block begins with.
    next: usize,
}

impl Percussive {
    /// An engine for one song.
    pub fn new() -> Self {
        Percussive {
            features: Features::new(STEMS_SPECTRAL_BLOCK_FRAMES + LINE),
            lines: Lines::new(),
            bass: bass(),
            answers: vec![vec![0.0; BINS]; STEMS_SPECTRAL_BLOCK_FRAMES],
            next: 0,
        }
    }
}

impl Default for Percussive {
    fn default() -> Self {
        Self::new()
    }
}

impl MaskEngine for Percussive {
    fn name(&self) -> &'static str {
        "percussive"
    }

    fn stems(&self) -> &'static [Stem] {
        &[Stem::Drums, Stem::Bass, Stem::Other]
    }

    fn shape(&self) -> Shape {
        Shape { block_frames: STEMS_SPECTRAL_BLOCK_FRAMES, after_frames: LINE / 2 }
    }

    fn memory_bytes(&self) -> u64 {
        self.features.memory_bytes() + (self.answers.len() * BINS * size_of::<f32>()) as u64
    }

    fn hear(&mut self, frame: &Frame) {
        self.features.add(frame);
    }

    fn block(&mut self, frames: &[Frame]) -> Result<()> {
        let mut scratch = Scratch::new();
        for (at, answer) in self.answers[..frames.len()].iter_mut().enumerate() {
            self.lines.struck(&self.features, self.next + at, &mut scratch, answer);
        }
        self.next += frames.len();
        Ok(())
    }

    fn masks(&self, frame: usize, masks: &mut [Mask]) {
        for (bin, struck) in self.answers[frame].iter().enumerate() {
            let held = 1.0 - struck;
            let bass = held * self.bass[bin];
            for (mask, share) in masks.iter_mut().zip([*struck, bass, held - bass]) {
                mask.sides[0][bin] = share;
                mask.sides[1][bin] = share;
            }
        }
    }
}
