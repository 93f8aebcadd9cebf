//! Signals for tests.

use std::f64::consts::TAU;
use std::ops::ControlFlow;

use crate::{Engine, Format, RATE_HZ, Result, Sink, Sound, Stereo, Written, split};

/// A tone of half of full scale on both sides.
pub(crate) fn sine(hertz: f64, rate_hz: u32, samples: usize) -> Stereo {
    let side: Vec<f32> =
        (0..samples).map(|at| (0.5 * (TAU * hertz * at as f64 / f64::from(rate_hz)).sin()) as f32).collect();
    Stereo::of(side.clone(), side)
}

/// Noise that is the same each time, other on each side, within full scale.
pub(crate) fn noise(seed: u64, samples: usize) -> Stereo {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 40) as f32 / (1u64 << 23) as f32 - 1.0
    };
    let mut made = Stereo::with_capacity(samples);
    for _ in 0..samples {
        made.push(next(), next());
    }
    made
}

/// Noise that is the same in every language, within a quarter of full scale: what the scripts beside this crate give to others.
pub(crate) fn hashed(samples: usize) -> Stereo {
    let sample = |number: u64| {
        let square = number.wrapping_mul(number).wrapping_mul(2_654_435_761);
        let hashed = square.wrapping_add(number.wrapping_mul(40_503)) >> 16 & 0xFFFF;
        hashed as f32 / (1 << 17) as f32 - 0.25
    };
    let mut made = Stereo::with_capacity(samples);
    for at in 0..samples as u64 {
        made.push(sample(2 * at), sample(2 * at + 1));
    }
    made
}

/// Keeps a stem.
#[derive(Default)]
pub(crate) struct Kept(pub(crate) Stereo);

impl Sink for Kept {
    fn write(&mut self, samples: &Stereo) -> Result<()> {
        self.0.extend(samples.left(), samples.right());
        Ok(())
    }

    fn finish(&mut self) -> Result<Written> {
        Ok(Written { samples: self.0.len() as u64, ..Written::default() })
    }
}

/// What an engine makes of a song that comes in pieces: each stem, as long as the song.
pub(crate) fn apart(song: &Stereo, piece: usize, engine: &mut dyn Engine) -> Vec<Stereo> {
    let mut kept: Vec<Kept> = engine.stems().iter().map(|_| Kept::default()).collect();
    let mut sinks: Vec<&mut dyn Sink> = kept.iter_mut().map(|kept| kept as &mut dyn Sink).collect();
    let mut sound = Given::new(song.clone(), piece);
    let summary = split(&mut sound, engine, &mut sinks, &mut |_| ControlFlow::Continue(())).unwrap();
    assert_eq!(summary.samples, song.len() as u64);
    kept.into_iter().map(|kept| kept.0).collect()
}

/// All of them together.
pub(crate) fn sum(stems: &[Stereo]) -> Stereo {
    let mut sum = Stereo::default();
    sum.resize(stems.first().map_or(0, Stereo::len));
    stems.iter().for_each(|stem| sum.add(stem));
    sum
}

/// How much louder `expected` is than the difference to `made`, in decibels.
pub(crate) fn snr_db(expected: &[f32], made: &[f32]) -> f64 {
    let power = |samples: &mut dyn Iterator<Item = f64>| samples.map(|sample| sample * sample).sum::<f64>();
    let signal = power(&mut expected.iter().map(|sample| f64::from(*sample)));
    let error = power(&mut expected.iter().zip(made).map(|(a, b)| f64::from(*a) - f64::from(*b)));
    10.0 * (signal / error.max(1e-30)).log10()
}

/// The largest difference between two signals on either side.
pub(crate) fn distance(one: &Stereo, other: &Stereo) -> f32 {
    assert_eq!(one.len(), other.len());
    let sides = one.sides().into_iter().zip(other.sides());
    sides.flat_map(|(one, other)| one.iter().zip(other)).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}

/// A sound that gives what it has in pieces of one size.
pub(crate) struct Given {
    song: Stereo,
    format: Format,
    at: usize,
    piece: usize,
}

impl Given {
    pub(crate) fn new(song: Stereo, piece: usize) -> Self {
        let format = Format::new(RATE_HZ, 2, Some(song.len() as u64)).unwrap();
        Given { song, format, at: 0, piece }
    }
}

impl Sound for Given {
    fn format(&self) -> &Format {
        &self.format
    }

    fn next(&mut self, piece: &mut Vec<f32>) -> Result<()> {
        piece.clear();
        let end = self.song.len().min(self.at + self.piece);
        for at in self.at..end {
            piece.extend([self.song.left()[at], self.song.right()[at]]);
        }
        self.at = end;
        Ok(())
    }
}
