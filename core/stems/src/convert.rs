//! A sound of any shape, as stereo at 44.1 kHz, a piece at a time.

use crate::downmix::Downmix;
use crate::resample::{Resampler, converted};
use crate::{Format, Result, Sound, Stereo};

/// Louder than this nothing is taken to be: 36 dB above full scale. Files of floats may hold any number, and one that is
/// large enough would make everything near it infinite.
const LOUDEST: f32 = 64.0;

/// Pulls a sound and converts it.
pub(crate) struct Convert<'a> {
    sound: &'a mut dyn Sound,
    downmix: Downmix,
    resampler: Resampler,
    piece: Vec<f32>,
    mixed: Stereo,
    ended: bool,
    repaired: u64,
}

impl<'a> Convert<'a> {
    pub(crate) fn new(sound: &'a mut dyn Sound) -> Result<Self> {
        let format = sound.format();
        Ok(Convert {
            downmix: Downmix::new(&format.places),
            resampler: Resampler::new(format.rate_hz)?,
            sound,
            piece: Vec::new(),
            mixed: Stereo::default(),
            ended: false,
            repaired: 0,
        })
    }

    /// How many samples there will be, if the sound says how many it has.
    pub(crate) fn expected_samples(&self) -> Option<u64> {
        expected_samples(self.sound.format())
    }

    /// Samples that were no numbers, or impossibly loud, and were changed.
    pub(crate) fn repaired(&self) -> u64 {
        self.repaired
    }

    /// Puts the next samples in the place of what is in `out`. Nothing in it means the end.
    pub(crate) fn next(&mut self, out: &mut Stereo) -> Result<()> {
        out.clear();
        while out.is_empty() && !self.ended {
            self.sound.next(&mut self.piece)?;
            if self.piece.is_empty() {
                self.ended = true;
                break;
            }
            self.repaired += repair(&mut self.piece);
            self.downmix.mix(&self.piece, &mut self.mixed);
            self.resampler.push(&mut self.mixed, out)?;
        }
        if out.is_empty() { self.resampler.finish(out) } else { Ok(()) }
    }
}

/// How many samples a sound will have at 44.1 kHz, if it says how many it has.
pub(crate) fn expected_samples(format: &Format) -> Option<u64> {
    format.samples.map(|samples| converted(samples, format.rate_hz))
}

/// Makes silence of what is no number, and holds the rest within bounds; says how many samples that changed.
fn repair(piece: &mut [f32]) -> u64 {
    let mut repaired = 0;
    for sample in piece {
        let sound = if sample.is_nan() { 0.0 } else { sample.clamp(-LOUDEST, LOUDEST) };
        repaired += u64::from(sound.to_bits() != sample.to_bits());
        *sample = sound;
    }
    repaired
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Raw;

    #[test]
    fn what_is_no_number_is_silence_and_what_is_too_loud_is_held() {
        let given = [0.5, f32::NAN, f32::INFINITY, -1e30, -0.0, 1.5];
        let bytes: Vec<u8> = given.iter().flat_map(|sample| sample.to_le_bytes()).collect();
        let mut raw = Raw::new(bytes.as_slice(), Format::new(44_100, 1, None).unwrap());
        let mut convert = Convert::new(&mut raw).unwrap();
        let mut out = Stereo::default();
        convert.next(&mut out).unwrap();
        assert_eq!(out.left(), [0.5, 0.0, LOUDEST, -LOUDEST, 0.0, 1.5]);
        assert_eq!(out.left(), out.right());
        assert_eq!(convert.repaired(), 3);
        convert.next(&mut out).unwrap();
        assert!(out.is_empty());
    }
}
