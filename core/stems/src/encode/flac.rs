//! FLAC (RFC 9639), a frame at a time.

use std::io::{Seek, SeekFrom, Write};

use flacenc::bitsink::ByteSink;
use flacenc::component::{BitRepr, StreamInfo};
use flacenc::config::{Encoder, SubFrameCoding};
use flacenc::error::{Verified, Verify};
use flacenc::source::{Fill, FrameBuf};
use md5::{Digest, Md5};

use super::{Depth, Sink, Written};
use crate::{Error, ErrorKind, RATE_HZ, Result, Stereo};

/// Samples of one side in a frame of the file.
const BLOCK_SAMPLES: usize = 4096;
/// A last frame under this length is not worth predicting.
const SHORT_SAMPLES: usize = 64;
/// The most samples that a file has: a field of 36 bits says how many, and frames are counted in 31.
const SAMPLES_MOST: u64 = (1 << 31) * BLOCK_SAMPLES as u64;
const CHANNELS: usize = 2;

/// One stem as a FLAC file.
pub struct Flac<W> {
    to: W,
    depth: Depth,
    usual: Verified<Encoder>,
    plain: Verified<Encoder>,
    info: StreamInfo,
    /// Interleaved samples of a frame that is not full.
    waiting: Vec<i32>,
    bytes: Vec<u8>,
    digest: Md5,
    frames: usize,
    /// The shortest and the longest frame, in bytes.
    frame_bytes: [u32; 2],
    written: Written,
}

impl<W: Write + Seek> Flac<W> {
    /// Begins a file at the beginning of `to`. Floats are written as 24 bits.
    ///
    /// # Errors
    /// [`ErrorKind::Write`].
    pub fn new(to: W, depth: Depth) -> Result<Self> {
        let depth = if depth == Depth::Bits16 { depth } else { Depth::Bits24 };
        let bits = usize::from(depth.bytes()) * 8;
        let mut plain = Encoder::default();
        plain.subframe_coding = SubFrameCoding::default();
        plain.subframe_coding.use_lpc = false;
        plain.subframe_coding.use_fixed = false;
        let mut flac = Flac {
            to,
            depth,
            usual: Encoder::default().into_verified().map_err(|(_, e)| failed(e))?,
            plain: plain.into_verified().map_err(|(_, e)| failed(e))?,
            info: StreamInfo::new(RATE_HZ as usize, CHANNELS, bits).map_err(failed)?,
            waiting: Vec::with_capacity(BLOCK_SAMPLES * CHANNELS),
            bytes: Vec::new(),
            digest: Md5::new(),
            frames: 0,
            frame_bytes: [u32::MAX, 0],
            written: Written::default(),
        };
        flac.head()?;
        Ok(flac)
    }

    /// Gives back what was written to.
    pub fn into_inner(self) -> W {
        self.to
    }

    /// Writes the mark and the one block of metadata, for what was written so far.
    fn head(&mut self) -> Result<()> {
        let [shortest, longest] = if self.frames == 0 { [0; 2] } else { self.frame_bytes };
        let digest: [u8; 16] = if self.frames == 0 { [0; 16] } else { self.digest.clone().finalize().into() };
        let mut head = Vec::with_capacity(42);
        // The last block of metadata, of the kind 0, 34 bytes long.
        head.extend(b"fLaC\x80\x00\x00\x22");
        head.extend([BLOCK_SAMPLES as u16; 2].iter().flat_map(|samples| samples.to_be_bytes()));
        head.extend(&shortest.to_be_bytes()[1..]);
        head.extend(&longest.to_be_bytes()[1..]);
        let bits = u64::from(self.depth.bytes()) * 8;
        let form = u64::from(RATE_HZ) << 44 | (CHANNELS as u64 - 1) << 41 | (bits - 1) << 36;
        head.extend((form | self.written.samples).to_be_bytes());
        head.extend(digest);
        self.written.bytes = self.written.bytes.max(head.len() as u64);
        self.to.seek(SeekFrom::Start(0)).map_err(Error::write)?;
        self.to.write_all(&head).map_err(Error::write)
    }

    /// Writes what waits as one frame.
    fn frame(&mut self) -> Result<()> {
        let samples = self.waiting.len() / CHANNELS;
        // The encoder's buffers are no smaller; only so much of them is filled.
        let mut buffer = FrameBuf::with_size(CHANNELS, samples.max(SHORT_SAMPLES)).map_err(failed)?;
        buffer.fill_interleaved(&self.waiting).map_err(failed)?;
        let config = if samples < SHORT_SAMPLES { &self.plain } else { &self.usual };
        let frame =
            flacenc::encode_fixed_size_frame(config, &buffer, self.frames, &self.info).map_err(failed)?;
        let mut coded = ByteSink::with_capacity(frame.count_bits());
        frame.write(&mut coded).map_err(failed)?;
        self.to.write_all(coded.as_slice()).map_err(Error::write)?;

        let length = coded.as_slice().len();
        self.frame_bytes[0] = self.frame_bytes[0].min(length as u32);
        self.frame_bytes[1] = self.frame_bytes[1].max(length as u32);
        self.written.bytes += length as u64;
        self.bytes.clear();
        let width = usize::from(self.depth.bytes());
        self.bytes
            .extend(self.waiting.iter().flat_map(|sample| sample.to_le_bytes().into_iter().take(width)));
        self.digest.update(&self.bytes);
        self.frames += 1;
        self.waiting.clear();
        Ok(())
    }
}

impl<W: Write + Seek> Sink for Flac<W> {
    fn write(&mut self, samples: &Stereo) -> Result<()> {
        if self.written.samples + samples.len() as u64 > SAMPLES_MOST {
            return Err(Error::new(ErrorKind::TooLong, "the song is too long for a FLAC file"));
        }
        for (left, right) in samples.left().iter().zip(samples.right()) {
            for sample in [*left, *right] {
                let (number, is_clipped) = self.depth.quantised(sample);
                self.written.clipped += u64::from(is_clipped);
                self.waiting.push(number);
            }
            if self.waiting.len() == BLOCK_SAMPLES * CHANNELS {
                self.frame()?;
            }
        }
        self.written.samples += samples.len() as u64;
        Ok(())
    }

    fn finish(&mut self) -> Result<Written> {
        if !self.waiting.is_empty() {
            self.frame()?;
        }
        self.head()?;
        self.to.flush().map_err(Error::write)?;
        Ok(self.written)
    }
}

fn failed(e: impl std::fmt::Display) -> Error {
    Error::new(ErrorKind::Write, format!("a stem cannot be coded as FLAC: {e}"))
}
