//! Sound as frames of frequencies, and back.
//!
//! Frames are 4096 samples long and 1024 apart, under a periodic Hann window at both ends of the way, as in Spleeter: frame f holds
//! the samples from `1024·f − 4096` to `1024·f`, so the first holds the silence before the song alone. Each sample is in four frames, whose squared
//! windows add up to 3/2.

use std::f32::consts::TAU;
use std::sync::Arc;

use realfft::{ComplexToReal, RealFftPlanner, RealToComplex};

use crate::{Error, ErrorKind, Result, Stereo};

/// A number of a spectrum.
pub type Complex32 = realfft::num_complex::Complex<f32>;

/// Samples of one frame.
pub const FRAME_SAMPLES: usize = 4096;
/// Samples between the beginnings of two frames.
pub const HOP_SAMPLES: usize = 1024;
/// Frequencies of one frame: from silence to 22.05 kHz.
pub const BINS: usize = FRAME_SAMPLES / 2 + 1;
/// Frames that hold a given sample.
const OVERLAP: usize = FRAME_SAMPLES / HOP_SAMPLES;

/// The spectra of both sides at one moment, [`BINS`] numbers each.
#[derive(Clone, Debug)]
pub struct Frame {
    /// Left, then right.
    pub sides: [Vec<Complex32>; 2],
}

/// How much of each frequency a stem has at one moment, from 0 to 1, for both sides.
#[derive(Clone, Debug)]
pub struct Mask {
    /// Left, then right.
    pub sides: [Vec<f32>; 2],
}

impl Frame {
    /// The frame of silence.
    pub fn silent() -> Self {
        Frame { sides: [vec![Complex32::default(); BINS], vec![Complex32::default(); BINS]] }
    }
}

impl Mask {
    /// The mask that leaves nothing.
    pub fn closed() -> Self {
        Mask { sides: [vec![0.0; BINS], vec![0.0; BINS]] }
    }
}

/// How many frames a song of so many samples has.
pub(crate) fn frames(samples: u64) -> u64 {
    samples.div_ceil(HOP_SAMPLES as u64) + OVERLAP as u64
}

fn window() -> Vec<f32> {
    (0..FRAME_SAMPLES).map(|at| 0.5 - 0.5 * (TAU * at as f32 / FRAME_SAMPLES as f32).cos()).collect()
}

/// From samples to frames.
pub(crate) struct Analysis {
    fft: Arc<dyn RealToComplex<f32>>,
    window: Vec<f32>,
    /// The last four hops of each side.
    heard: [Vec<f32>; 2],
    windowed: Vec<f32>,
    scratch: Vec<Complex32>,
}

impl Analysis {
    pub(crate) fn new() -> Self {
        let fft = RealFftPlanner::new().plan_fft_forward(FRAME_SAMPLES);
        Analysis {
            scratch: fft.make_scratch_vec(),
            fft,
            window: window(),
            heard: [vec![0.0; FRAME_SAMPLES], vec![0.0; FRAME_SAMPLES]],
            windowed: vec![0.0; FRAME_SAMPLES],
        }
    }

    /// The frame that ends with these samples, a hop of each side.
    pub(crate) fn frame(&mut self, hop: [&[f32]; 2], into: &mut Frame) -> Result<()> {
        for ((heard, hop), spectrum) in self.heard.iter_mut().zip(hop).zip(&mut into.sides) {
            heard.copy_within(HOP_SAMPLES.., 0);
            heard[FRAME_SAMPLES - HOP_SAMPLES..].copy_from_slice(hop);
            for ((to, sample), weight) in self.windowed.iter_mut().zip(&*heard).zip(&self.window) {
                *to = sample * weight;
            }
            self.fft.process_with_scratch(&mut self.windowed, spectrum, &mut self.scratch).map_err(failed)?;
        }
        Ok(())
    }
}

/// From frames to samples, one stem.
pub(crate) struct Synthesis {
    /// What the frames so far add up to, from the first sample that is not complete.
    sums: [Vec<f32>; 2],
    given: u64,
}

/// What all stems share on the way back.
pub(crate) struct Inverse {
    fft: Arc<dyn ComplexToReal<f32>>,
    window: Vec<f32>,
    masked: Vec<Complex32>,
    samples: Vec<f32>,
    scratch: Vec<Complex32>,
}

impl Inverse {
    pub(crate) fn new() -> Self {
        let fft = RealFftPlanner::new().plan_fft_inverse(FRAME_SAMPLES);
        // The transform there and back multiplies by the length of a frame, the windows by 3/2.
        let scale = 1.0 / (FRAME_SAMPLES as f32 * 1.5);
        Inverse {
            scratch: fft.make_scratch_vec(),
            fft,
            window: window().into_iter().map(|weight| weight * scale).collect(),
            masked: vec![Complex32::default(); BINS],
            samples: vec![0.0; FRAME_SAMPLES],
        }
    }
}

impl Synthesis {
    pub(crate) fn new() -> Self {
        Synthesis { sums: [vec![0.0; FRAME_SAMPLES], vec![0.0; FRAME_SAMPLES]], given: 0 }
    }

    /// Adds what a mask leaves of a frame, and puts the hop that is complete now in the place of what is in `out`. The hops before
    /// the song's first sample are left out.
    pub(crate) fn add(
        &mut self,
        frame: &Frame,
        mask: &Mask,
        inverse: &mut Inverse,
        out: &mut Stereo,
    ) -> Result<()> {
        let sides = frame.sides.iter().zip(&mask.sides).zip(&mut self.sums);
        for ((spectrum, mask), sums) in sides {
            for ((to, number), share) in inverse.masked.iter_mut().zip(spectrum).zip(mask) {
                *to = number * share;
            }
            // The lowest and the highest frequency have no phase.
            inverse.masked[0].im = 0.0;
            inverse.masked[BINS - 1].im = 0.0;
            inverse
                .fft
                .process_with_scratch(&mut inverse.masked, &mut inverse.samples, &mut inverse.scratch)
                .map_err(failed)?;
            for ((sum, sample), weight) in sums.iter_mut().zip(&inverse.samples).zip(&inverse.window) {
                *sum += sample * weight;
            }
        }
        out.clear();
        if self.given >= OVERLAP as u64 {
            out.extend(&self.sums[0][..HOP_SAMPLES], &self.sums[1][..HOP_SAMPLES]);
        }
        self.given += 1;
        for sums in &mut self.sums {
            sums.copy_within(HOP_SAMPLES.., 0);
            sums[FRAME_SAMPLES - HOP_SAMPLES..].fill(0.0);
        }
        Ok(())
    }
}

fn failed(e: realfft::FftError) -> Error {
    Error::new(ErrorKind::Engine, format!("a spectrum cannot be taken: {e}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signals::{distance, noise};

    #[test]
    fn what_goes_there_and_back_is_the_same_again() {
        let hops = 12;
        let song = noise(1, hops * HOP_SAMPLES);
        let (mut analysis, mut inverse, mut synthesis) = (Analysis::new(), Inverse::new(), Synthesis::new());
        let open = Mask { sides: [vec![1.0; BINS], vec![1.0; BINS]] };
        let (mut frame, mut hop, mut back) = (Frame::silent(), Stereo::default(), Stereo::default());
        let silence = [0.0; HOP_SAMPLES];
        for at in 0..frames(song.len() as u64) as usize {
            let range = (at.max(1) - 1) * HOP_SAMPLES..at * HOP_SAMPLES;
            let within = at > 0 && at <= hops;
            let samples =
                if within { song.sides().map(|side| &side[range.clone()]) } else { [&silence[..]; 2] };
            analysis.frame(samples, &mut frame).unwrap();
            synthesis.add(&frame, &open, &mut inverse, &mut hop).unwrap();
            back.extend(hop.left(), hop.right());
        }
        assert!(distance(&song, &back) < 2e-6, "{}", distance(&song, &back));
    }

    #[test]
    fn a_tone_stands_in_its_bin_and_nowhere_else() {
        let bin = 100;
        let tone: Vec<f32> = (0..FRAME_SAMPLES)
            .map(|at| (TAU * (bin * at % FRAME_SAMPLES) as f32 / FRAME_SAMPLES as f32).cos())
            .collect();
        let (mut analysis, mut frame) = (Analysis::new(), Frame::silent());
        for hop in tone.chunks(HOP_SAMPLES) {
            analysis.frame([hop, hop], &mut frame).unwrap();
        }
        for (at, number) in frame.sides[0].iter().enumerate() {
            // Half of the length, halved again by the mean of the window; a quarter of it beside.
            let expected = match at.abs_diff(bin) {
                0 => 1024.0,
                1 => 512.0,
                _ => 0.0,
            };
            assert!((number.norm() - expected).abs() < 0.01, "bin {at}: {}", number.norm());
        }
    }
}
