//! The engine that needs no model: what repeats is accompaniment, and what is sung stands in the middle.
//!
//! Three observations, each a mask:
//! - A frame of a song resembles others near it, and what they have in common is the music, not the singer, whose words differ:
//!   REPET-SIM (Rafii and Pardo, "Music/voice separation using the similarity matrix", 2012), within six seconds to both sides.
//! - Singers are mixed to the middle, so that what is on both sides alike and in phase may be the singer, and the rest is not.
//! - What is struck looks other than what is held: [`percussive`] parts the rest.

mod features;
mod median;
mod percussive;
#[cfg(test)]
mod tests;

use budget::limits::{STEMS_SPECTRAL_BLOCK_FRAMES, STEMS_THREADS_MAX};

use crate::{BINS, Complex32, Error, ErrorKind, Frame, Mask, RATE_HZ, Result, Stem};

use super::{MaskEngine, Shape};
use features::Features;
use median::Medians;
use percussive::Lines;

pub use percussive::Percussive;

/// How far a frame's likes are looked for, to both sides: six seconds.
const REACH_FRAMES: usize = 258;
/// How many frames that resemble a frame say what repeats. Fewer hear the singer repeat himself, more blur the music.
const ALIKE: usize = 13;
/// Frames nearer to one that was chosen are too like it to tell anything new: two frames overlap in this distance.
const APART_FRAMES: usize = 4;
/// The lowest and the highest frequency of a voice.
const VOICE_HZ: [f32; 2] = [130.0, 14_000.0];

/// Two stems (vocals, accompaniment) or four (vocals, drums, bass, other), without any model.
pub struct Spectral {
    stems: &'static [Stem],
    threads: usize,
    block_frames: usize,
    features: Features,
    medians: Medians,
    lines: Lines,
    weights: Weights,
    /// Of each frame of the block: what is sung, and with four stems also what is drummed and what is bass.
    answers: Vec<Answer>,
    /// The song's frame that the next block begins with.
    next: usize,
}

/// What frequencies alone say.
struct Weights {
    voice: Vec<f32>,
    bass: Vec<f32>,
}

/// The shares of one frame, [`BINS`] each.
#[derive(Clone, Default)]
struct Answer {
    vocals: Vec<f32>,
    drums: Vec<f32>,
}

impl Spectral {
    /// An engine for one song. What it gives is the same for any number of threads, which are one at least.
    ///
    /// # Errors
    /// [`ErrorKind::Stems`] if it is to be other than two or four stems.
    pub fn new(stems: usize, threads: usize) -> Result<Self> {
        let stems = Stem::set(stems).filter(|set| Self::makes(set)).ok_or_else(|| {
            Error::new(ErrorKind::Stems, format!("the spectral engine makes 2 or 4 stems, not {stems}"))
        })?;
        Ok(Self::with_block(stems, threads, STEMS_SPECTRAL_BLOCK_FRAMES))
    }

    /// Whether it makes such a set.
    pub fn makes(stems: &[Stem]) -> bool {
        stems.len() == 2 || stems.len() == 4
    }

    fn with_block(stems: &'static [Stem], threads: usize, block_frames: usize) -> Self {
        let empty = || vec![0.0; BINS];
        let drums = if stems.len() == 4 { BINS } else { 0 };
        Spectral {
            stems,
            threads: threads.clamp(1, STEMS_THREADS_MAX),
            block_frames,
            features: Features::new(2 * REACH_FRAMES + block_frames),
            medians: Medians::new(ALIKE),
            lines: Lines::new(),
            weights: Weights::new(),
            answers: vec![Answer { vocals: empty(), drums: vec![0.0; drums] }; block_frames],
            next: 0,
        }
    }

    /// The shares of one frame of the song.
    fn think(&self, at: usize, frame: &Frame, scratch: &mut Scratch, answer: &mut Answer) {
        let own = self.features.frame(at);
        let alike = self.features.alike(at, REACH_FRAMES, ALIKE, APART_FRAMES, &mut scratch.likeness);
        let rows: Vec<&[f32]> = alike.iter().map(|alike| self.features.frame(*alike)).collect();
        self.medians.of_rows(&rows, &mut scratch.repeating);
        for (bin, share) in answer.vocals.iter_mut().enumerate() {
            let power = own[bin] * own[bin];
            let repeating = (scratch.repeating[bin] * scratch.repeating[bin]).min(power);
            let foreground = power - repeating;
            let [left, right] = [frame.sides[0][bin], frame.sides[1][bin]];
            *share = ratio(foreground * foreground, repeating * repeating)
                * in_the_middle(left, right)
                * self.weights.voice[bin];
        }
        if !answer.drums.is_empty() {
            self.lines.struck(&self.features, at, &mut scratch.lines, &mut answer.drums);
        }
    }
}

impl MaskEngine for Spectral {
    fn name(&self) -> &'static str {
        "spectral"
    }

    fn stems(&self) -> &'static [Stem] {
        self.stems
    }

    fn shape(&self) -> Shape {
        Shape { block_frames: self.block_frames, after_frames: REACH_FRAMES }
    }

    fn memory_bytes(&self) -> u64 {
        let rows = self.block_frames * (self.stems.len() - 1) + self.threads * 8;
        self.features.memory_bytes() + (rows * BINS * size_of::<f32>()) as u64
    }

    fn hear(&mut self, frame: &Frame) {
        self.features.add(frame);
    }

    fn block(&mut self, frames: &[Frame]) -> Result<()> {
        let mut answers = std::mem::take(&mut self.answers);
        let share = frames.len().div_ceil(self.threads).max(1);
        let engine = &*self;
        let part = |number: usize, frames: &[Frame], answers: &mut [Answer]| {
            let mut scratch = Scratch::new();
            for (at, (frame, answer)) in frames.iter().zip(answers).enumerate() {
                engine.think(engine.next + number * share + at, frame, &mut scratch, answer);
            }
        };
        let mut parts = frames.chunks(share).zip(answers.chunks_mut(share)).enumerate();
        let first = parts.next();
        std::thread::scope(|threads| {
            for (number, (frames, answers)) in parts {
                let part = &part;
                threads.spawn(move || part(number, frames, answers));
            }
            if let Some((number, (frames, answers))) = first {
                part(number, frames, answers);
            }
        });
        self.answers = answers;
        self.next += frames.len();
        Ok(())
    }

    fn masks(&self, frame: usize, masks: &mut [Mask]) {
        let Answer { vocals, drums } = &self.answers[frame];
        for bin in 0..BINS {
            let rest = 1.0 - vocals[bin];
            let shares = if drums.is_empty() {
                [vocals[bin], rest, 0.0, 0.0]
            } else {
                let struck = rest * drums[bin];
                let held = rest - struck;
                let bass = held * self.weights.bass[bin];
                [vocals[bin], struck, bass, held - bass]
            };
            for (mask, share) in masks.iter_mut().zip(shares) {
                mask.sides[0][bin] = share;
                mask.sides[1][bin] = share;
            }
        }
    }
}

/// What one thread writes on.
struct Scratch {
    likeness: Vec<f32>,
    repeating: Vec<f32>,
    lines: percussive::Scratch,
}

impl Scratch {
    fn new() -> Self {
        Scratch { likeness: Vec::new(), repeating: vec![0.0; BINS], lines: percussive::Scratch::new() }
    }
}

impl Weights {
    fn new() -> Self {
        let voice = |bin| f32::from(u8::from(hertz(bin) > VOICE_HZ[0] && hertz(bin) < VOICE_HZ[1]));
        Weights { voice: (0..BINS).map(voice).collect(), bass: percussive::bass() }
    }
}

/// The frequency of a bin.
fn hertz(bin: usize) -> f32 {
    bin as f32 * RATE_HZ as f32 / (2 * (BINS - 1)) as f32
}

/// The part that the one has of both; nothing of nothing.
fn ratio(one: f32, other: f32) -> f32 {
    let both = one + other;
    if both > f32::MIN_POSITIVE { one / both } else { 0.0 }
}

/// How much this frequency is on both sides alike and in phase, sharpened: 1 in the middle, 0 on one side or out of phase.
fn in_the_middle(left: Complex32, right: Complex32) -> f32 {
    let both = left.norm_sqr() + right.norm_sqr();
    let common = 2.0 * (left * right.conj()).re;
    if both > f32::MIN_POSITIVE { (common / both).clamp(0.0, 1.0).powi(4) } else { 0.0 }
}
