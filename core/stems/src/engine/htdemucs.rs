//! Demucs 4: one network that hears samples and spectra at once, 7.8 seconds at a time.
//!
//! S. Rouard, F. Massa, A. Défossez, "Hybrid transformers for music source separation", ICASSP 2023. Segments overlap by a quarter and
//! fade into each other under triangular weights, as `apply_model` of Demucs has it (without random shifts).

mod graph;
mod segment;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use budget::limits::{STEMS_HTDEMUCS_BYTES, STEMS_PIECE_SAMPLES};
use rten::ThreadPool;

use super::{Engine, Give};
use crate::{Result, Stem, Stereo};
pub use graph::HtdemucsGraph;
use segment::Spectra;

/// Drums, bass, other and vocals by the network of Demucs.
pub struct Htdemucs {
    graph: Arc<HtdemucsGraph>,
    threads: Arc<ThreadPool>,
    spectra: Spectra,
    weights: Vec<f32>,
    /// The mix from the sample `heard_from` on.
    heard: Stereo,
    heard_from: usize,
    /// Where the next segment begins.
    next: usize,
    /// What segments so far add up to from there on, and the sum of their weights.
    sums: Vec<Stereo>,
    weight_sums: Vec<f32>,
    ready: Vec<Stereo>,
}

/// A stretch of the mix that the network hears, and the part of it that it is asked about.
#[derive(Clone, Copy)]
struct Window {
    /// Silence before what is heard of the mix.
    silence: usize,
    /// The first sample of the mix that is heard.
    from: usize,
    /// The first one that is not.
    to: usize,
    /// Where in the window the segment begins.
    begin: usize,
    /// How long it is.
    length: usize,
}

impl Htdemucs {
    /// An engine for one song. What it gives is the same for any number of threads, which are one at least.
    pub fn new(graph: Arc<HtdemucsGraph>, threads: usize) -> Self {
        let stems = graph.stems().len();
        let samples = graph.samples();
        let mut empty = Stereo::default();
        empty.resize(samples);
        Htdemucs {
            threads: Arc::new(ThreadPool::with_num_threads(threads.max(1))),
            spectra: Spectra::new(samples),
            weights: triangle(samples),
            heard: Stereo::default(),
            heard_from: 0,
            next: 0,
            sums: vec![empty; stems],
            weight_sums: vec![0.0; samples],
            ready: vec![Stereo::with_capacity(STEMS_PIECE_SAMPLES); stems],
            graph,
        }
    }

    /// Samples from the beginning of a segment to that of the next: three quarters of it.
    fn stride(&self) -> usize {
        self.graph.samples() * 3 / 4
    }

    /// How many samples of the mix came.
    fn end(&self) -> usize {
        self.heard_from + self.heard.len()
    }

    /// Hears the next segment, which ends with the mix if that is shorter, and adds what becomes of it.
    fn segment(&mut self) -> Result<()> {
        let window = window(self.next, self.end(), self.graph.samples());
        let mut mix = Stereo::default();
        mix.resize(window.silence);
        let (from, to) = (window.from - self.heard_from, window.to - self.heard_from);
        mix.extend(&self.heard.left()[from..to], &self.heard.right()[from..to]);
        mix.resize(self.graph.samples());
        let made = self.graph.run(&mix, &mut self.spectra, &self.threads)?;
        let within = window.begin..window.begin + window.length;
        for (sum, stem) in self.sums.iter_mut().zip(&made) {
            for (sum, side) in sum.vecs_mut().iter_mut().zip(stem.sides()) {
                for ((to, sample), weight) in sum.iter_mut().zip(&side[within.clone()]).zip(&self.weights) {
                    *to += sample * weight;
                }
            }
        }
        for (to, weight) in self.weight_sums.iter_mut().zip(&self.weights[..window.length]) {
            *to += weight;
        }
        Ok(())
    }

    /// Gives the first samples of what was added up, which no later segment changes, and goes on behind them.
    fn give(&mut self, samples: usize, give: &mut Give<'_>) -> Result<()> {
        for begin in (0..samples).step_by(STEMS_PIECE_SAMPLES) {
            let within = begin..samples.min(begin + STEMS_PIECE_SAMPLES);
            for (ready, sum) in self.ready.iter_mut().zip(&self.sums) {
                for (to, side) in ready.vecs_mut().iter_mut().zip(sum.sides()) {
                    to.clear();
                    let weights = &self.weight_sums[within.clone()];
                    to.extend(
                        side[within.clone()].iter().zip(weights).map(|(sample, weight)| sample / weight),
                    );
                }
            }
            give(&self.ready)?;
        }
        let length = self.graph.samples();
        for sum in &mut self.sums {
            sum.forget(samples);
            sum.resize(length);
        }
        self.weight_sums.drain(..samples);
        self.weight_sums.resize(length, 0.0);
        self.next += samples;
        // The last segment may be short, and hears up to half a segment of what came before it.
        let needed = self.next.saturating_sub(length / 2 + 1).max(self.heard_from);
        self.heard.forget(needed - self.heard_from);
        self.heard_from = needed;
        Ok(())
    }
}

/// What is heard for the segment that begins here, in a mix of so many samples: one that is shorter than the network hears stands in the
/// middle.
fn window(begin: usize, end: usize, samples: usize) -> Window {
    let length = samples.min(end - begin);
    let before = (samples - length) / 2;
    let from = begin.saturating_sub(before);
    let silence = before - (begin - from);
    Window { silence, from, to: end.min(from + samples - silence), begin: before, length }
}

/// The weights of a segment's samples: up to its middle, and down again.
fn triangle(samples: usize) -> Vec<f32> {
    let highest = (samples - samples / 2) as f32;
    let up = 1..=samples / 2;
    let down = (1..=samples - samples / 2).rev();
    up.chain(down).map(|weight| weight as f32 / highest).collect()
}

impl Engine for Htdemucs {
    fn name(&self) -> &'static str {
        "htdemucs"
    }

    fn stems(&self) -> &'static [Stem] {
        self.graph.stems()
    }

    fn memory_bytes(&self) -> u64 {
        STEMS_HTDEMUCS_BYTES
    }

    fn push(&mut self, mix: &Stereo, give: &mut Give<'_>) -> Result<()> {
        self.heard.extend(mix.left(), mix.right());
        while self.end() >= self.next + self.graph.samples() {
            self.segment()?;
            self.give(self.stride(), give)?;
        }
        Ok(())
    }

    fn finish(&mut self, give: &mut Give<'_>) -> Result<()> {
        while self.next < self.end() {
            self.segment()?;
            self.give(self.stride().min(self.end() - self.next), give)?;
        }
        Ok(())
    }
}
