//! Any rate to 44.1 kHz, to the sample.
//!
//! A resampler answers late and in chunks. What it says before the first sample is cut off, and at the end it is asked until
//! there is as much as there must be, so that a song keeps its length and its beats their places.

use rubato::audioadapter_buffers::direct::SequentialSliceOfVecs;
use rubato::{Fft, FixedSync, Indexing, Resampler as _, WindowFunction};

use crate::{Error, ErrorKind, RATE_HZ, Result, Stereo};

/// The least number of samples that are converted at a time. The filter is as long: with this, what is heard below 20 kHz
/// stays as it is and what would fold back is 100 dB down.
const CHUNK_SAMPLES: usize = 2048;

/// So many samples of this rate are so many at 44.1 kHz.
pub(crate) fn converted(samples: u64, rate_hz: u32) -> u64 {
    let (samples, from, to) = (u128::from(samples), u128::from(rate_hz.max(1)), u128::from(RATE_HZ));
    u64::try_from((samples * to + from / 2) / from).unwrap_or(u64::MAX)
}

/// A chunk that is a whole and even number of samples at both rates: the filter's middle would lie between two samples
/// otherwise, and all that is heard half a sample beside its place.
fn chunk_samples(rate_hz: u32) -> usize {
    let (mut common, mut rest) = (rate_hz, RATE_HZ);
    while rest != 0 {
        (common, rest) = (rest, common % rest);
    }
    CHUNK_SAMPLES.next_multiple_of(2 * (rate_hz / common) as usize)
}

/// Converts a stream of samples.
pub(crate) enum Resampler {
    /// It has the right rate already.
    Same,
    Other(Box<Converter>),
}

pub(crate) struct Converter {
    fft: Fft<f32>,
    rate_hz: u32,
    /// What came and is not a whole chunk yet.
    waiting: Stereo,
    /// What one chunk becomes.
    made: Stereo,
    /// What is still to be cut off at the beginning.
    late_samples: usize,
    taken_samples: u64,
    given_samples: u64,
}

impl Resampler {
    pub(crate) fn new(rate_hz: u32) -> Result<Self> {
        if rate_hz == RATE_HZ {
            return Ok(Resampler::Same);
        }
        let fft = Fft::new_custom(
            rate_hz as usize,
            RATE_HZ as usize,
            chunk_samples(rate_hz),
            1,
            2,
            WindowFunction::BlackmanHarris2,
            FixedSync::Both,
        )
        .map_err(failed)?;
        let mut made = Stereo::default();
        made.resize(fft.output_frames_max());
        Ok(Resampler::Other(Box::new(Converter {
            late_samples: fft.output_delay(),
            waiting: Stereo::with_capacity(fft.input_frames_max()),
            made,
            fft,
            rate_hz,
            taken_samples: 0,
            given_samples: 0,
        })))
    }

    /// Adds to `out` what is ready after this piece, and leaves nothing in it.
    pub(crate) fn push(&mut self, piece: &mut Stereo, out: &mut Stereo) -> Result<()> {
        match self {
            Resampler::Same => out.extend(piece.left(), piece.right()),
            Resampler::Other(converter) => converter.push(piece, out)?,
        }
        piece.clear();
        Ok(())
    }

    /// Adds the next part of what is left after the last piece, until it adds nothing.
    pub(crate) fn finish(&mut self, out: &mut Stereo) -> Result<()> {
        match self {
            Resampler::Same => Ok(()),
            Resampler::Other(converter) => converter.finish(out),
        }
    }
}

impl Converter {
    fn push(&mut self, piece: &Stereo, out: &mut Stereo) -> Result<()> {
        self.taken_samples += piece.len() as u64;
        self.waiting.extend(piece.left(), piece.right());
        let mut done = 0;
        while self.waiting.len() - done >= self.fft.input_frames_next() {
            done += self.chunk(done, None, out)?;
        }
        self.waiting.forget(done);
        Ok(())
    }

    fn finish(&mut self, out: &mut Stereo) -> Result<()> {
        let must = converted(self.taken_samples, self.rate_hz);
        if self.given_samples < must {
            let left = self.waiting.len();
            let before = out.len();
            self.waiting.resize(left.max(self.fft.input_frames_next()));
            self.chunk(0, Some(left), out)?;
            self.waiting.clear();
            let over = usize::try_from(self.given_samples.saturating_sub(must)).unwrap_or(0);
            out.truncate(before.max(out.len() - over.min(out.len())));
            self.given_samples = self.given_samples.min(must);
        }
        Ok(())
    }

    /// One chunk of what waits, from `at` on; says how many samples that took.
    fn chunk(&mut self, at: usize, partial: Option<usize>, out: &mut Stereo) -> Result<usize> {
        let input = SequentialSliceOfVecs::new(self.waiting.vecs().as_slice(), 2, self.waiting.len())
            .map_err(failed)?;
        let room = self.made.len();
        let mut output =
            SequentialSliceOfVecs::new_mut(self.made.vecs_mut().as_mut_slice(), 2, room).map_err(failed)?;
        let indexing = Indexing { input_offset: at, partial_len: partial, ..Indexing::default() };
        let (taken, made) =
            self.fft.process_into_buffer(&input, &mut output, Some(&indexing)).map_err(failed)?;
        let cut = self.late_samples.min(made);
        self.late_samples -= cut;
        out.extend(&self.made.left()[cut..made], &self.made.right()[cut..made]);
        self.given_samples += (made - cut) as u64;
        Ok(taken)
    }
}

fn failed(e: impl std::fmt::Display) -> Error {
    Error::new(ErrorKind::Engine, format!("the rate of samples cannot be converted: {e}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signals::{sine, snr_db};

    fn through(rate_hz: u32, samples: usize, piece: usize) -> Stereo {
        let song = sine(1_000.0, rate_hz, samples);
        let mut resampler = Resampler::new(rate_hz).unwrap();
        let mut out = Stereo::default();
        for at in (0..samples).step_by(piece) {
            let end = samples.min(at + piece);
            let mut part = Stereo::of(song.left()[at..end].to_vec(), song.right()[at..end].to_vec());
            resampler.push(&mut part, &mut out).unwrap();
        }
        loop {
            let before = out.len();
            resampler.finish(&mut out).unwrap();
            if out.len() == before {
                return out;
            }
        }
    }

    #[test]
    fn a_song_keeps_its_length_to_the_sample_whatever_its_rate() {
        for rate_hz in
            [8_000, 11_025, 16_000, 22_050, 32_000, 44_099, 44_100, 48_000, 88_200, 96_000, 192_000]
        {
            for samples in [1, 2, 999, 4_096, 30_001] {
                let expected = (samples as f64 * 44_100.0 / f64::from(rate_hz)).round() as usize;
                assert_eq!(through(rate_hz, samples, 1_000).len(), expected, "{samples} at {rate_hz}");
            }
        }
    }

    #[test]
    fn a_tone_stays_the_same_tone_at_the_same_place() {
        for rate_hz in [8_000, 22_050, 48_000, 96_000, 192_000] {
            let made = through(rate_hz, rate_hz as usize, 777);
            let expected = sine(1_000.0, RATE_HZ, made.len());
            // The edges of a tone that begins at once have every frequency; what lies between is compared.
            let inner = 4_000..made.len() - 4_000;
            let snr = snr_db(&expected.left()[inner.clone()], &made.left()[inner]);
            assert!(snr > 80.0, "{rate_hz}: {snr:.1} dB");
        }
    }

    #[test]
    fn pieces_of_any_size_give_the_same_samples() {
        let whole = through(48_000, 20_000, 20_000);
        for piece in [1, 17, 1_024, 5_000] {
            assert_eq!(through(48_000, 20_000, piece), whole, "pieces of {piece}");
        }
    }
}
