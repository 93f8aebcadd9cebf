//! The spectra of one segment as Demucs takes them, and back.
//!
//! Frame f holds the samples from `1024·f − 1536` to `1024·f + 2560`; before the segment and behind it its mirror stands. The highest
//! frequency is left out, and everything is divided by the square root of a frame's length (`HTDemucs._spec` and `_ispec`).

use std::ops::Range;

use crate::spectrum::{Analysis, Inverse, Synthesis};
use crate::{BINS, Complex32, FRAME_SAMPLES, Frame, HOP_SAMPLES, Mask, Result, Stereo};

/// Frequencies that the network hears.
pub(super) const HEARD_BINS: usize = BINS - 1;
/// Samples of the first frame before the segment.
const BEFORE: usize = HOP_SAMPLES / 2 * 3;
/// Frames that hold a given sample.
const OVERLAP: usize = FRAME_SAMPLES / HOP_SAMPLES;
/// Silent frames behind the last one, until the last sample of the segment is complete.
const BEHIND: usize = 2;

/// What takes spectra of segments.
pub(super) struct Spectra {
    samples: usize,
    frames: usize,
    inverse: Inverse,
    open: Mask,
    /// Side and part (real, imaginary), then frequency, then frame.
    numbers: Vec<f32>,
}

impl Spectra {
    pub(super) fn new(samples: usize) -> Self {
        let frames = samples.div_ceil(HOP_SAMPLES);
        let open = Mask { sides: [vec![1.0; BINS], vec![1.0; BINS]] };
        Spectra {
            samples,
            frames,
            inverse: Inverse::new(),
            open,
            numbers: vec![0.0; 4 * HEARD_BINS * frames],
        }
    }

    /// The spectra of a segment: (side and part, frequency, frame).
    pub(super) fn of(&mut self, mix: &Stereo) -> Result<&[f32]> {
        let scale = 1.0 / (FRAME_SAMPLES as f32).sqrt();
        let (mut analysis, mut frame) = (Analysis::new(), Frame::silent());
        let mut hop = [[0.0; HOP_SAMPLES]; 2];
        for at in 0..self.frames + OVERLAP - 1 {
            for (hop, side) in hop.iter_mut().zip(mix.sides()) {
                for (number, to) in hop.iter_mut().enumerate() {
                    *to = side[mirrored(at * HOP_SAMPLES + number, self.samples)];
                }
            }
            analysis.frame([&hop[0], &hop[1]], &mut frame)?;
            let Some(at) = (at + 1).checked_sub(OVERLAP) else { continue };
            for (side, spectrum) in frame.sides.iter().enumerate() {
                for (bin, number) in spectrum[..HEARD_BINS].iter().enumerate() {
                    self.numbers[((2 * side) * HEARD_BINS + bin) * self.frames + at] = number.re * scale;
                    self.numbers[((2 * side + 1) * HEARD_BINS + bin) * self.frames + at] = number.im * scale;
                }
            }
        }
        Ok(&self.numbers)
    }

    /// The samples of which these are the spectra, added to a segment.
    pub(super) fn add_back(&mut self, numbers: &[f32], to: &mut Stereo) -> Result<()> {
        let scale = (FRAME_SAMPLES as f32).sqrt();
        let mut synthesis = Synthesis::new();
        let (silent, mut frame, mut hop) = (Frame::silent(), Frame::silent(), Stereo::default());
        for _ in 0..OVERLAP - 1 {
            synthesis.add(&silent, &self.open, &mut self.inverse, &mut hop)?;
        }
        for at in 0..self.frames + BEHIND {
            for (side, spectrum) in frame.sides.iter_mut().enumerate() {
                for (bin, number) in spectrum[..HEARD_BINS].iter_mut().enumerate() {
                    let place = |part: usize| ((2 * side + part) * HEARD_BINS + bin) * self.frames + at;
                    *number = if at < self.frames {
                        Complex32::new(numbers[place(0)] * scale, numbers[place(1)] * scale)
                    } else {
                        Complex32::default()
                    };
                }
            }
            synthesis.add(&frame, &self.open, &mut self.inverse, &mut hop)?;
            // The first hop that is complete begins so far before the segment.
            if let Some(given) = at.checked_sub(1) {
                put(&hop, given * HOP_SAMPLES, BEFORE - HOP_SAMPLES, to);
            }
        }
        Ok(())
    }
}

/// Adds a hop that begins at this place of a stream, whose first samples come before the segment.
fn put(hop: &Stereo, at: usize, before: usize, to: &mut Stereo) {
    let skipped = before.saturating_sub(at);
    let begin = (at + skipped - before).min(to.len());
    let within: Range<usize> = begin..to.len().min(begin + hop.len().saturating_sub(skipped));
    for (to, side) in to.vecs_mut().iter_mut().zip(hop.sides()) {
        for (to, sample) in to[within.clone()].iter_mut().zip(&side[skipped.min(side.len())..]) {
            *to += sample;
        }
    }
}

/// Which sample of a segment stands at a place, counted from the first sample of the first frame.
fn mirrored(place: usize, samples: usize) -> usize {
    if place < BEFORE {
        return (BEFORE - place).min(samples - 1);
    }
    let at = place - BEFORE;
    if at < samples { at } else { (2 * samples).saturating_sub(at + 2) }
}
