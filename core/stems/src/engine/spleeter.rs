//! Deezer's Spleeter: one U-Net for each stem, which looks at twelve seconds at a time.
//!
//! R. Hennequin, A. Khlif, F. Voituret, M. Moussallam, "Spleeter: a fast and efficient music source separation tool with pre-trained
//! models", Journal of Open Source Software 5(50), 2020. What it gives is what Spleeter 2.4.2 gives with the same weights: its
//! blocks do not overlap, so that going through a song block by block loses nothing.

mod layers;
mod networks;
#[cfg(test)]
mod tests;
mod unet;

use std::sync::Arc;

use budget::limits::STEMS_SPLEETER_BYTES;
use rten::ThreadPool;

use super::{MaskEngine, Shape};
use crate::{Frame, Mask, Result, Stem};
pub use networks::SpleeterNetworks;
use unet::Room;

// format: what the networks were trained on, in frames and in frequencies of each, from the lowest: twelve seconds up to 11 kHz.
const FRAMES: usize = 512;
const HEARD_BINS: usize = 1024;
// format: added to all stems together before anything is divided by their sum, as Spleeter does.
const EPSILON: f32 = 1e-10;

/// What becomes of the frequencies over 11 kHz, which the networks do not hear.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum MaskExtension {
    /// Each stem gets the part of them that it has of what is heard at that moment, so that all stems make up the mix.
    #[default]
    Average,
    /// No stem gets them, as Spleeter does unless it is told otherwise.
    Zeros,
}

impl MaskExtension {
    /// What it is called on command lines and in addresses.
    pub fn name(self) -> &'static str {
        match self {
            MaskExtension::Average => "average",
            MaskExtension::Zeros => "zeros",
        }
    }

    /// The one of this name.
    pub fn named(name: &str) -> Option<Self> {
        [MaskExtension::Average, MaskExtension::Zeros].into_iter().find(|extension| extension.name() == name)
    }
}

/// Two, four or five stems by the networks of Spleeter.
pub struct Spleeter {
    networks: Arc<SpleeterNetworks>,
    threads: ThreadPool,
    room: Room,
    extension: MaskExtension,
    /// The squares of how loud each frequency of the block is in each stem: side, frame, frequency.
    powers: Vec<Vec<f32>>,
}

impl Spleeter {
    /// An engine for one song. What it gives is the same for any number of threads, which are one at least.
    pub fn new(networks: Arc<SpleeterNetworks>, extension: MaskExtension, threads: usize) -> Self {
        Spleeter {
            threads: ThreadPool::with_num_threads(threads.max(1)),
            room: networks.room(),
            extension,
            powers: vec![vec![0.0; 2 * FRAMES * HEARD_BINS]; networks.stems().len()],
            networks,
        }
    }
}

/// What the networks listen to at a time. How loud it is costs less to say again than to keep.
#[derive(Clone, Copy)]
struct Block<'a>(&'a [Frame]);

impl Block<'_> {
    /// Says how loud each frequency of a row is; the rows are the frames of one side, then those of the other.
    fn loudness(self, row: usize, to: &mut [f32]) {
        let (side, at) = (row / FRAMES, row % FRAMES);
        // A block that the song does not fill ends with silence.
        let Some(frame) = self.0.get(at) else { return to.fill(0.0) };
        for (to, number) in to.iter_mut().zip(&frame.sides[side]) {
            // Samples are within bounds, so that no square is infinite.
            *to = number.norm_sqr().sqrt();
        }
    }
}

impl MaskEngine for Spleeter {
    fn name(&self) -> &'static str {
        "spleeter"
    }

    fn stems(&self) -> &'static [Stem] {
        self.networks.stems()
    }

    fn shape(&self) -> Shape {
        Shape { block_frames: FRAMES, after_frames: 0 }
    }

    fn memory_bytes(&self) -> u64 {
        STEMS_SPLEETER_BYTES
    }

    fn block(&mut self, frames: &[Frame]) -> Result<()> {
        self.networks.powers(Block(frames), &mut self.room, &self.threads, &mut self.powers)
    }

    fn masks(&self, frame: usize, masks: &mut [Mask]) {
        let share = EPSILON / self.powers.len() as f32;
        for side in 0..2 {
            let begin = (side * FRAMES + frame) * HEARD_BINS;
            for bin in 0..HEARD_BINS {
                let sum: f32 = self.powers.iter().map(|power| power[begin + bin]).sum::<f32>() + EPSILON;
                for (mask, power) in masks.iter_mut().zip(&self.powers) {
                    mask.sides[side][bin] = (power[begin + bin] + share) / sum;
                }
            }
            for mask in &mut *masks {
                let (heard, above) = mask.sides[side].split_at_mut(HEARD_BINS);
                above.fill(match self.extension {
                    MaskExtension::Average => heard.iter().sum::<f32>() / HEARD_BINS as f32,
                    MaskExtension::Zeros => 0.0,
                });
            }
        }
    }
}
