//! WAV and AIFF: chunks of four letters, a length and as many bytes, of which the sound is one and never read.
//!
//! "Multimedia Programming Interface and Data Specifications 1.0" (RIFF, little-endian), "Audio Interchange File
//! Format 1.3" (big-endian).

use std::io;

use budget::limits::{TAG_PARTS_MAX, TAG_TEXT_BYTES_MAX};

use super::fields::Field;
use super::id3;
use super::picture::Pictures;
use super::sound::Sound;
use super::window::{Bytes, Window};
use super::words::Words;

/// Which of the two it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    /// WAV.
    Little,
    /// AIFF and AIFF-C.
    Big,
}

/// Reads a file that begins with `RIFF….WAVE` or `FORM….AIFF`.
pub(super) fn read<B: Bytes>(
    window: &mut Window<B>,
    order: Order,
    words: &mut Words,
    pictures: &mut Pictures,
) -> io::Result<Sound> {
    let length = window.length();
    let mut reader = Reader {
        window,
        order,
        steps_left: TAG_PARTS_MAX,
        own: Words::default(),
        form: None,
        sound_bytes: 0,
    };
    match reader.chunks(12, length, words, pictures) {
        // A file that breaks off, or claims too much behind its sound, is as good as what was found before.
        Err(e) if matches!(e.kind(), io::ErrorKind::UnexpectedEof | io::ErrorKind::QuotaExceeded) => {}
        done => done?,
    }
    let Reader { own, form, sound_bytes, .. } = reader;
    words.fill_from(own);
    let form = form
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "it has no chunk that says its format"))?;
    let samples = form.samples.or_else(|| sound_bytes.checked_div(form.bytes_per_sample)).unwrap_or(0);
    let sound = Sound {
        duration_ms: samples.saturating_mul(1_000).checked_div(u64::from(form.rate_hz)).unwrap_or(0),
        bitrate_kbps: 0,
        sample_rate_hz: form.rate_hz,
        bit_depth: (form.bits > 0).then_some(u32::from(form.bits)),
        channels: u32::from(form.channels),
        ..Sound::default()
    };
    Ok(sound.with_bitrate_of(sound_bytes))
}

/// What the sound is made of.
struct Form {
    channels: u16,
    bits: u16,
    rate_hz: u32,
    /// Of all channels together.
    bytes_per_sample: u64,
    /// Length in samples, where the file says it.
    samples: Option<u64>,
}

struct Reader<'w, B> {
    window: &'w mut Window<B>,
    order: Order,
    /// Of all chunks, those within lists included.
    steps_left: usize,
    /// Words that are not ID3's: theirs come second.
    own: Words,
    form: Option<Form>,
    sound_bytes: u64,
}

impl<B: Bytes> Reader<'_, B> {
    fn chunks(
        &mut self,
        mut at: u64,
        end: u64,
        words: &mut Words,
        pictures: &mut Pictures,
    ) -> io::Result<()> {
        while end.saturating_sub(at) >= 8 && self.steps_left > 0 {
            self.steps_left -= 1;
            let [name @ .., a, b, c, d]: [u8; 8] = self.window.array_at(at)?;
            let size = u64::from(match self.order {
                Order::Little => u32::from_le_bytes([a, b, c, d]),
                Order::Big => u32::from_be_bytes([a, b, c, d]),
            });
            let start = at + 8;
            let stop = (start + size).min(end);
            match (&name, self.order) {
                (b"id3 " | b"ID3 ", _) => {
                    id3::read(self.window, start, stop, words, pictures)?;
                }
                (b"fmt ", Order::Little) => self.form = Some(wave_form(self.window.array_at(start)?)),
                (b"COMM", Order::Big) => self.form = Some(aiff_form(self.window.array_at(start)?)),
                // A length of zero or too much stands in files that were written as a stream.
                (b"data", Order::Little) | (b"SSND", Order::Big) => self.sound_bytes = stop - start,
                (b"LIST", Order::Little)
                    if stop - start >= 4 && &self.window.array_at::<4>(start)? == b"INFO" =>
                {
                    self.info(start + 4, stop)?;
                }
                (b"NAME", Order::Big) => self.text(Field::Title, start, stop)?,
                (b"AUTH", Order::Big) => self.text(Field::Artist, start, stop)?,
                _ => {}
            }
            at = start + size + size % 2;
        }
        Ok(())
    }

    /// The words of a `LIST` of the kind `INFO`.
    fn info(&mut self, mut at: u64, end: u64) -> io::Result<()> {
        while end.saturating_sub(at) >= 8 && self.steps_left > 0 {
            self.steps_left -= 1;
            let [name @ .., a, b, c, d]: [u8; 8] = self.window.array_at(at)?;
            let size = u64::from(u32::from_le_bytes([a, b, c, d]));
            let field = match &name {
                b"INAM" => Some(Field::Title),
                b"IART" => Some(Field::Artist),
                b"IPRD" => Some(Field::Album),
                b"IGNR" => Some(Field::Genre),
                b"ICRD" => Some(Field::Date),
                b"ITRK" | b"IPRT" => Some(Field::Track),
                _ => None,
            };
            if let Some(field) = field {
                self.text(field, at + 8, (at + 8 + size).min(end))?;
            }
            at = at + 8 + size + size % 2;
        }
        Ok(())
    }

    fn text(&mut self, field: Field, start: u64, end: u64) -> io::Result<()> {
        let mut bytes = vec![0; usize::try_from((end - start).min(TAG_TEXT_BYTES_MAX)).unwrap_or(0)];
        self.window.read_exact_at(&mut bytes, start)?;
        let text = String::from_utf8_lossy(&bytes);
        self.own.add(field, text.split('\0').next().unwrap_or_default());
        Ok(())
    }
}

/// The chunk `fmt `: kind, channels, rate, bytes per second, bytes per sample, bits.
fn wave_form(chunk: [u8; 16]) -> Form {
    let number = |at: usize| u16::from_le_bytes([chunk[at], chunk[at + 1]]);
    Form {
        channels: number(2),
        bits: number(14),
        rate_hz: u32::from_le_bytes([chunk[4], chunk[5], chunk[6], chunk[7]]),
        bytes_per_sample: u64::from(number(12)),
        samples: None,
    }
}

/// The chunk `COMM`: channels, samples, bits, and the rate as an 80-bit floating-point number.
fn aiff_form(chunk: [u8; 18]) -> Form {
    let number = |at: usize| u16::from_be_bytes([chunk[at], chunk[at + 1]]);
    let (channels, bits) = (number(0), number(6));
    let mantissa = u64::from_be_bytes(std::array::from_fn(|index| chunk[10 + index]));
    // The mantissa's first bit stands for 2 to the power of the exponent less 16383.
    let power = i32::from(number(8) & 0x7fff) - 16_383;
    let rate = u32::try_from(63 - power).ok().and_then(|shift| mantissa.checked_shr(shift)).unwrap_or(0);
    Form {
        channels,
        bits,
        rate_hz: u32::try_from(rate).unwrap_or(0),
        bytes_per_sample: u64::from(channels) * u64::from(bits.div_ceil(8)),
        samples: Some(u64::from(u32::from_be_bytes([chunk[2], chunk[3], chunk[4], chunk[5]]))),
    }
}
