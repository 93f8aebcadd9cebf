//! WAV: RIFF with format tag 1 (3 for floats), and RF64 (EBU Tech 3306) where 4 GiB are not enough.

use std::io::{Seek, SeekFrom, Write};

use super::{Depth, Sink, Written};
use crate::{Error, RATE_HZ, Result, Stereo};

// format: bytes of a `ds64` chunk without a table, head included; room for it is kept under the name `JUNK`.
const DS64_BYTES: u64 = 36;
// format: what stands in a field of 32 bits when the number is in `ds64`.
const IN_DS64: u32 = u32::MAX;
const CHANNELS: u16 = 2;

/// One stem as a WAV file.
pub struct Wav<W> {
    to: W,
    depth: Depth,
    /// Whether room was kept for the numbers of a file over 4 GiB.
    has_room: bool,
    bytes: Vec<u8>,
    written: Written,
}

impl<W: Write + Seek> Wav<W> {
    /// Begins a file at the beginning of `to`. `expected_samples` is how many samples of each side will come, if that is known: a
    /// file that surely stays under 4 GiB has the plain head of 44 bytes that every program reads.
    ///
    /// # Errors
    /// [`ErrorKind::Write`](crate::ErrorKind::Write).
    pub fn new(to: W, depth: Depth, expected_samples: Option<u64>) -> Result<Self> {
        let frame_bytes = u64::from(depth.bytes() * CHANNELS);
        let fits = |samples: u64| samples.saturating_mul(frame_bytes) < u64::from(u32::MAX) / 2;
        let has_room = !expected_samples.is_some_and(fits);
        let mut wav = Wav { to, depth, has_room, bytes: Vec::new(), written: Written::default() };
        wav.head()?;
        Ok(wav)
    }

    /// Gives back what was written to.
    pub fn into_inner(self) -> W {
        self.to
    }

    fn data_bytes(&self) -> u64 {
        self.written.samples * u64::from(self.depth.bytes() * CHANNELS)
    }

    /// Writes the head for what was written so far.
    fn head(&mut self) -> Result<()> {
        let (data, depth) = (self.data_bytes(), self.depth.bytes());
        let rest = self.head_bytes() - 8;
        // A chunk of an odd length is followed by a byte that belongs to none.
        let riff = data.next_multiple_of(2) + rest;
        let is_long = u32::try_from(riff).is_err();
        let short = |number: u64| if is_long { IN_DS64 } else { u32::try_from(number).unwrap_or(IN_DS64) };
        let mut head = Vec::with_capacity(96);
        head.extend(if is_long { b"RF64" } else { b"RIFF" });
        head.extend(short(riff).to_le_bytes());
        head.extend(b"WAVE");
        if self.has_room {
            head.extend(if is_long { b"ds64" } else { b"JUNK" });
            head.extend((DS64_BYTES as u32 - 8).to_le_bytes());
            let numbers = if is_long { [riff, data, self.written.samples] } else { [0; 3] };
            head.extend(numbers.iter().flat_map(|number| number.to_le_bytes()));
            head.extend(0_u32.to_le_bytes());
        }
        let tag: u16 = if self.depth == Depth::Float { 3 } else { 1 };
        head.extend(b"fmt ");
        head.extend(16_u32.to_le_bytes());
        head.extend(tag.to_le_bytes());
        head.extend(CHANNELS.to_le_bytes());
        head.extend(RATE_HZ.to_le_bytes());
        head.extend((RATE_HZ * u32::from(depth * CHANNELS)).to_le_bytes());
        head.extend((depth * CHANNELS).to_le_bytes());
        head.extend((depth * 8).to_le_bytes());
        head.extend(b"data");
        head.extend(short(data).to_le_bytes());
        self.to.seek(SeekFrom::Start(0)).map_err(Error::write)?;
        self.to.write_all(&head).map_err(Error::write)
    }

    fn head_bytes(&self) -> u64 {
        44 + if self.has_room { DS64_BYTES } else { 0 }
    }
}

impl<W: Write + Seek> Sink for Wav<W> {
    fn write(&mut self, samples: &Stereo) -> Result<()> {
        self.bytes.clear();
        for (left, right) in samples.left().iter().zip(samples.right()) {
            for sample in [*left, *right] {
                if self.depth == Depth::Float {
                    self.bytes.extend(sample.to_le_bytes());
                    continue;
                }
                let (number, is_clipped) = self.depth.quantised(sample);
                self.written.clipped += u64::from(is_clipped);
                self.bytes.extend(&number.to_le_bytes()[..usize::from(self.depth.bytes())]);
            }
        }
        self.written.samples += samples.len() as u64;
        if !self.has_room && self.data_bytes() > u64::from(u32::MAX) / 2 {
            let what =
                "the song is longer than its own head says, too long for a WAV file without room for that";
            return Err(Error::new(crate::ErrorKind::TooLong, what));
        }
        self.to.write_all(&self.bytes).map_err(Error::write)
    }

    fn finish(&mut self) -> Result<Written> {
        if self.data_bytes() % 2 == 1 {
            self.to.write_all(&[0]).map_err(Error::write)?;
        }
        self.head()?;
        self.to.flush().map_err(Error::write)?;
        self.written.bytes = self.head_bytes() + self.data_bytes().next_multiple_of(2);
        Ok(self.written)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    /// A file that has so many samples already, as far as it knows.
    fn begun(depth: Depth, expected_samples: Option<u64>, samples: u64) -> Wav<Cursor<Vec<u8>>> {
        let mut wav = Wav::new(Cursor::new(Vec::new()), depth, expected_samples).unwrap();
        wav.written.samples = samples;
        wav
    }

    #[test]
    fn a_song_over_4_gib_is_rf64() {
        for samples in [536_870_902, 536_870_903, 600_000_000_000] {
            let mut wav = begun(Depth::Float, None, samples);
            let made = wav.finish().unwrap();
            let data = samples * 8;
            assert_eq!(made.bytes, data + 80);
            let head = wav.into_inner().into_inner();
            let is_long = data + 72 > u64::from(u32::MAX);
            assert_eq!(is_long, samples > 536_870_902);
            assert_eq!(&head[..4], if is_long { b"RF64" } else { b"RIFF" });
            assert_eq!(&head[12..16], if is_long { b"ds64" } else { b"JUNK" });
            assert_eq!(head[16..20], 28_u32.to_le_bytes());
            assert_eq!(&head[48..52], b"fmt ");
            assert_eq!(head[56..58], 3_u16.to_le_bytes());
            assert_eq!(&head[72..76], b"data");
            if is_long {
                assert_eq!(head[4..8], u32::MAX.to_le_bytes());
                assert_eq!(head[20..28], (data + 72).to_le_bytes());
                assert_eq!(head[28..36], data.to_le_bytes());
                assert_eq!(head[36..44], samples.to_le_bytes());
                assert_eq!(head[76..80], u32::MAX.to_le_bytes());
            } else {
                assert_eq!(head[4..8], u32::try_from(data + 72).unwrap().to_le_bytes());
                assert_eq!(head[76..80], u32::try_from(data).unwrap().to_le_bytes());
            }
        }
    }

    #[test]
    fn a_song_longer_than_its_head_says_is_no_wav_without_room() {
        let mut wav = begun(Depth::Float, Some(10), 300_000_000);
        let error = wav.write(&Stereo::of(vec![0.5], vec![0.5])).unwrap_err();
        assert_eq!(error.kind(), crate::ErrorKind::TooLong);
        let mut wav = begun(Depth::Float, None, 300_000_000);
        wav.write(&Stereo::of(vec![0.5], vec![0.5])).unwrap();
    }
}
