//! How loud something is over time: peaks of its samples, as numbers or drawn.

use std::fmt::Write as _;

use budget::limits::KIB;
use image::codecs::png::PngEncoder;
use image::{GrayAlphaImage, LumaA};

use crate::error::{Error, ErrorKind};
use crate::recipe::{Drawing, Waveform};

/// Takes 16-bit samples as they come and keeps one peak for each stretch. The number of samples is known beforehand from
/// the length of the source, about; what comes beyond goes to the last stretch.
#[derive(Debug)]
pub(crate) struct Peaks {
    waveform: Waveform,
    peaks: Vec<u16>,
    samples: u64,
    seen: u64,
    /// The first half of a sample that came in two pieces.
    half: Option<u8>,
}

impl Peaks {
    /// What `waveform` shows of about so many samples. A picture has one peak for each pixel of its width.
    pub(crate) fn new(waveform: Waveform, samples: u64) -> Peaks {
        let count = match &waveform {
            Waveform::Peaks(count) => *count,
            Waveform::Drawn(drawing) => drawing.width().pixels(),
        };
        let peaks = vec![0; usize::from(count.max(1))];
        Peaks { waveform, peaks, samples: samples.max(1), seen: 0, half: None }
    }

    /// Samples in two bytes, the lower one first, cut anywhere.
    pub(crate) fn take(&mut self, mut bytes: &[u8]) {
        if let (Some(low), [high, rest @ ..]) = (self.half, bytes) {
            self.half = None;
            self.sample(i16::from_le_bytes([low, *high]));
            bytes = rest;
        }
        let (pairs, rest) = bytes.as_chunks::<2>();
        for pair in pairs {
            self.sample(i16::from_le_bytes(*pair));
        }
        if let [low] = rest {
            self.half = Some(*low);
        }
    }

    fn sample(&mut self, sample: i16) {
        let last = self.peaks.len() - 1;
        let at = u128::from(self.seen) * self.peaks.len() as u128 / u128::from(self.samples);
        let at = usize::try_from(at).unwrap_or(last).min(last);
        self.peaks[at] = self.peaks[at].max(sample.unsigned_abs());
        self.seen += 1;
    }

    /// The rendition. A picture takes [`Drawing::need_bytes`] and a while, so that it blocks.
    ///
    /// # Errors
    /// `Io`, which the encoder has no reason for.
    pub(crate) fn shown(&self, duration_ms: u64) -> Result<Vec<u8>, Error> {
        match &self.waveform {
            Waveform::Peaks(_) => Ok(self.json(duration_ms)),
            Waveform::Drawn(drawing) => self.png(*drawing),
        }
    }

    /// As JSON: `{"peaks":[0.0, …],"duration_ms":N}`, each from 0 to 1.
    fn json(&self, duration_ms: u64) -> Vec<u8> {
        let mut text = String::with_capacity(self.peaks.len() * 6 + 40);
        text.push_str("{\"peaks\":[");
        for (at, peak) in self.peaks.iter().enumerate() {
            let comma = if at == 0 { "" } else { "," };
            // Three digits are more than a screen shows. Writing to a String cannot fail.
            let _ = write!(text, "{comma}{:.3}", f64::from(*peak) / FULL);
        }
        let _ = write!(text, "],\"duration_ms\":{duration_ms}}}");
        text.into_bytes()
    }

    /// As a PNG: bars around the middle, on nothing.
    fn png(&self, drawing: Drawing) -> Result<Vec<u8>, Error> {
        let (width, height) = (u32::from(drawing.width().pixels()), u32::from(drawing.height().pixels()));
        let picture = GrayAlphaImage::from_fn(width, height, |x, y| {
            let peak = self.peaks.get(x as usize).copied().unwrap_or(0);
            // One line at least, so that silence can be seen too.
            let half = (f64::from(peak) / FULL * f64::from(height) / 2.0).max(1.0);
            let distance = (f64::from(y) + 0.5 - f64::from(height) / 2.0).abs();
            if distance <= half { LumaA([BAR_SHADE, u8::MAX]) } else { LumaA([BAR_SHADE, 0]) }
        });
        let mut png = Vec::new();
        picture.write_with_encoder(PngEncoder::new(&mut png)).map_err(|e| {
            Error::new(ErrorKind::Io, "the picture cannot be written").with_words(e.to_string())
        })?;
        Ok(png)
    }
}

impl Drawing {
    /// What drawing it takes of memory, in bytes: the grey and the alpha of each pixel, and what is written of them, which
    /// is never longer.
    pub(crate) fn need_bytes(self) -> u64 {
        2 * 2 * self.pixels() + KIB
    }
}

/// The loudest sample.
const FULL: f64 = 32_768.0;
/// The grey of a bar, which is seen on white and on black.
const BAR_SHADE: u8 = 0x80;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recipe::Edge;

    fn drawing(width: u64, height: u64) -> Drawing {
        Drawing::new(Edge::new(width).unwrap(), Edge::new(height).unwrap()).unwrap()
    }

    /// Peaks of these samples, whose bytes come in pieces of this many.
    fn peaks(count: u16, samples: &[i16], piece: usize) -> Vec<u16> {
        let bytes: Vec<u8> = samples.iter().flat_map(|sample| sample.to_le_bytes()).collect();
        let mut peaks = Peaks::new(Waveform::Peaks(count), samples.len() as u64);
        bytes.chunks(piece).for_each(|piece| peaks.take(piece));
        peaks.peaks
    }

    #[test]
    fn peaks_are_the_same_however_the_bytes_come() {
        let samples = [1, -5, 3, 100, -32_768, 7, 0, 2];
        for piece in 1..=16 {
            assert_eq!(peaks(4, &samples, piece), [5, 100, 32_768, 2], "in pieces of {piece}");
        }
        assert_eq!(peaks(1, &samples, 3), [32_768]);
        assert_eq!(peaks(3, &[], 1), [0, 0, 0], "silence has peaks too");
    }

    #[test]
    fn more_samples_than_were_announced_are_the_last_stretch() {
        let mut late = Peaks::new(Waveform::Peaks(2), 2);
        late.take(&[1, 0, 2, 0, 3, 0, 9, 0]);
        assert_eq!(late.peaks, [1, 9]);
        assert_eq!(
            String::from_utf8(late.shown(5).unwrap()).unwrap(),
            "{\"peaks\":[0.000,0.000],\"duration_ms\":5}"
        );
    }

    #[test]
    fn a_drawn_waveform_has_bars_as_high_as_it_is_loud() {
        let mut loud = Peaks::new(Waveform::Drawn(drawing(10, 20)), 10);
        loud.take(&[[0, 0]; 9].concat());
        loud.take(&[0xff, 0x7f]);
        let png = loud.shown(5).unwrap();
        let picture = image::load_from_memory(&png).unwrap().into_luma_alpha8();
        let high = |x| (0..20).filter(|y| picture.get_pixel(x, *y).0[1] > 0).count();
        assert_eq!((picture.dimensions(), high(0), high(9)), ((10, 20), 2, 20));
    }

    #[test]
    fn drawing_takes_no_more_than_it_says() {
        for (width, height) in [(10, 10), (1_280, 160), (8_192, 1_024)] {
            let drawing = drawing(width, height);
            // No peak is like the one beside it, so that nothing of the picture can be foretold.
            let noise = (0_u32..).map(|n| (n.wrapping_mul(2_654_435_761) >> 17) as i16);
            let mut peaks = Peaks::new(Waveform::Drawn(drawing), width);
            noise.take(width as usize).for_each(|sample| peaks.take(&sample.to_le_bytes()));
            let png = peaks.shown(5).unwrap();
            let took_bytes = 2 * width * height + png.capacity() as u64;
            assert!(took_bytes <= drawing.need_bytes(), "{took_bytes} for {width} × {height}");
        }
    }
}
