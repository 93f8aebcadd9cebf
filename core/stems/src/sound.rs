//! Where samples come from, before anything is done to them.

use std::io::Read;

use budget::limits::{STEMS_CHANNELS_MAX, STEMS_PIECE_SAMPLES, STEMS_RATE_HZ_MAX, STEMS_RATE_HZ_MIN};

use crate::downmix::Place;
use crate::{Error, ErrorKind, Result};

/// What a sound says of itself.
#[derive(Clone, Debug, PartialEq)]
pub struct Format {
    /// Samples of one channel per second.
    pub rate_hz: u32,
    /// Where each channel's loudspeaker stands, in the order of the samples.
    pub(crate) places: Vec<Place>,
    /// How many samples each channel has, if it is known beforehand. It may turn out wrong.
    pub samples: Option<u64>,
    /// Whether it is: each sample is as it was when it was coded, and none may be missing. What loses guesses its length.
    pub is_exact: bool,
}

impl Format {
    /// A sound with so many channels in the order that WAV files have: left, right, centre, low, surround.
    ///
    /// # Errors
    /// [`ErrorKind::Channels`] and [`ErrorKind::Rate`] where the sound is not one that is converted.
    pub fn new(rate_hz: u32, channels: usize, samples: Option<u64>) -> Result<Self> {
        Self::placed(rate_hz, Place::usual(channels), samples)
    }

    pub(crate) fn placed(rate_hz: u32, places: Vec<Place>, samples: Option<u64>) -> Result<Self> {
        let channels = places.len();
        if channels == 0 {
            return Err(Error::new(ErrorKind::Channels, "the song has no channels"));
        }
        if channels > STEMS_CHANNELS_MAX {
            let what = format!("the song has {channels} channels; {STEMS_CHANNELS_MAX} are the most");
            return Err(Error::new(ErrorKind::Channels, what));
        }
        if !(STEMS_RATE_HZ_MIN..=STEMS_RATE_HZ_MAX).contains(&rate_hz) {
            let what = format!(
                "the song has {rate_hz} samples a second; {STEMS_RATE_HZ_MIN} to {STEMS_RATE_HZ_MAX} are converted"
            );
            return Err(Error::new(ErrorKind::Rate, what));
        }
        Ok(Format { rate_hz, places, samples, is_exact: false })
    }

    /// How many channels there are.
    pub fn channels(&self) -> usize {
        self.places.len()
    }
}

/// Something that gives samples, a piece at a time.
pub trait Sound: Send {
    /// What it says of itself. It stays the same to the end.
    fn format(&self) -> &Format;

    /// Puts the next samples of all channels, interleaved, in the place of what is in `piece`. Nothing in it means the end.
    ///
    /// # Errors
    /// What [`ErrorKind`] says of songs, and [`ErrorKind::Read`].
    fn next(&mut self, piece: &mut Vec<f32>) -> Result<()>;
}

/// Samples that another program decoded: 32-bit floats, little-endian, interleaved, and nothing else.
pub struct Raw<R> {
    reader: R,
    format: Format,
    bytes: Vec<u8>,
}

impl<R: Read + Send> Raw<R> {
    /// What comes out of the reader until its end.
    pub fn new(reader: R, format: Format) -> Self {
        let bytes = vec![0; STEMS_PIECE_SAMPLES * format.channels() * size_of::<f32>()];
        Raw { reader, format, bytes }
    }
}

impl<R: Read + Send> Sound for Raw<R> {
    fn format(&self) -> &Format {
        &self.format
    }

    fn next(&mut self, piece: &mut Vec<f32>) -> Result<()> {
        piece.clear();
        let mut filled = 0;
        while filled < self.bytes.len() {
            match self.reader.read(&mut self.bytes[filled..]) {
                Ok(0) => break,
                Ok(count) => filled += count,
                Err(e) if e.kind() == std::io::ErrorKind::Interrupted => {}
                Err(e) => return Err(Error::read(e)),
            }
        }
        let (samples, rest) = self.bytes[..filled].as_chunks::<4>();
        if !rest.is_empty() || samples.len() % self.format.channels() != 0 {
            return Err(Error::new(ErrorKind::Truncated, "the song ends in the middle of a sample"));
        }
        piece.extend(samples.iter().map(|sample| f32::from_le_bytes(*sample)));
        Ok(())
    }
}
