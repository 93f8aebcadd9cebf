//! Pictures made smaller in this process, so that a server without ffmpeg has covers.
//!
//! What decoding takes is known from the head of the picture, and reserved before anything is decoded. Both look at the
//! bytes of the source as they are asked for; nothing holds the file.

mod covers;
mod jpeg;
mod png;

use std::io::{self, BufReader, Cursor, Read, Seek, SeekFrom};

use budget::limits::{COVER_JPEG_QUALITY, PICTURE_READ_BYTES, SOURCE_PIXELS_MAX};
use image::codecs::jpeg::JpegEncoder;
use image::{DynamicImage, ImageDecoder, ImageFormat, ImageReader, Limits, Rgb, RgbImage};
use store::{Source, SourceReader};

use crate::error::{Error, ErrorKind};
use crate::recipe::Edge;

pub use covers::{Covers, Shown};

/// A run of bytes of a source that is a picture: all of a file, or what a song has inside.
#[derive(Clone, Debug)]
pub(crate) struct Part {
    pub(crate) source: Source,
    pub(crate) offset: u64,
    pub(crate) count: u64,
}

/// What decoding and shrinking this picture takes of memory, in bytes, by its head. Blocks.
///
/// # Errors
/// `Unsupported` for what is no JPEG, PNG, WebP or GIF; `TooLarge` beyond [`SOURCE_PIXELS_MAX`]; `Source`.
pub(crate) fn need_bytes(part: &Part, edge: Edge) -> Result<u64, Error> {
    let ((width, height), decoded_bytes, gathered_bytes) = part.told()?;
    let pixels = u64::from(width) * u64::from(height);
    if pixels > SOURCE_PIXELS_MAX {
        let context =
            format!("the picture has {width} × {height} pixels, and at most {SOURCE_PIXELS_MAX} are read");
        return Err(Error::new(ErrorKind::TooLarge, context));
    }
    // Some decoders hold all that they read; what they gather has gone when what they decoded is turned once more; the
    // small one comes beside it.
    let small = u64::from(edge.pixels()) * u64::from(edge.pixels()) * 8;
    let most = decoded_bytes + decoded_bytes.max(gathered_bytes);
    Ok(part.count.saturating_add(most).saturating_add(small))
}

/// The picture as JPEG with its longer edge no longer than `edge`, and never larger than it was. Blocks.
///
/// # Errors
/// As [`need_bytes`]; it takes no more memory than that said.
pub(crate) fn shrink(part: &Part, edge: Edge, need_bytes: u64) -> Result<Vec<u8>, Error> {
    let mut decoder = part.decoder(need_bytes)?;
    within(need_bytes).reserve(decoder.total_bytes()).map_err(|e| unreadable(&e))?;
    let orientation = decoder.orientation().map_err(|e| unreadable(&e))?;
    let picture = DynamicImage::from_decoder(decoder).map_err(|e| unreadable(&e))?;
    let edge = u32::from(edge.pixels());
    let mut small =
        if picture.width().max(picture.height()) > edge { picture.thumbnail(edge, edge) } else { picture };
    small.apply_orientation(orientation);
    let flat = on_white(small);
    let mut jpeg = Cursor::new(Vec::new());
    let encoder = JpegEncoder::new_with_quality(&mut jpeg, COVER_JPEG_QUALITY);
    flat.write_with_encoder(encoder).map_err(|e| unreadable(&e))?;
    Ok(jpeg.into_inner())
}

fn within(bytes: u64) -> Limits {
    let mut limits = Limits::default();
    limits.max_alloc = Some(bytes);
    limits
}

/// JPEG knows no transparency: what shows through is white, as on the page it comes from.
fn on_white(picture: DynamicImage) -> RgbImage {
    if !picture.color().has_alpha() {
        return picture.into_rgb8();
    }
    let clear = picture.into_rgba8();
    RgbImage::from_fn(clear.width(), clear.height(), |x, y| {
        let [r, g, b, a] = clear.get_pixel(x, y).0;
        Rgb([r, g, b].map(|colour| {
            let (colour, alpha) = (u32::from(colour), u32::from(a));
            u8::try_from((colour * alpha + 255 * (255 - alpha)) / 255).unwrap_or(u8::MAX)
        }))
    })
}

fn unreadable(error: &image::ImageError) -> Error {
    match error {
        image::ImageError::IoError(e) if e.kind() != io::ErrorKind::UnexpectedEof => {
            Error::new(ErrorKind::Source, "the picture cannot be read").with_words(e.to_string())
        }
        image::ImageError::Limits(_) => {
            Error::new(ErrorKind::TooLarge, "the picture needs more memory than it says")
        }
        _ => Error::new(ErrorKind::Unsupported, "this is no picture that can be read")
            .with_words(error.to_string()),
    }
}

impl Part {
    /// Works with its bytes on a thread that may wait for them, wherever they lie.
    ///
    /// # Errors
    /// Of the work; `Gone` when the server stops.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Part) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let part = self.clone();
        let done = self.source.run(self.offset, self.count, move || work(&part)).await;
        done.map_err(|_| Error::new(ErrorKind::Gone, "the server stops"))?
    }

    /// Whether it is what [`shrink`] would make of it, as far as its head tells: a JPEG that lies as it is to be seen and is no
    /// larger than this.
    fn is_small(&self, edge: Edge) -> bool {
        let edge = u32::from(edge.pixels());
        let reader = self.reader().ok().filter(|reader| reader.format() == Some(ImageFormat::Jpeg));
        let head = reader.and_then(|reader| jpeg::Head::read(&mut reader.into_inner()).ok()?);
        head.is_some_and(|head| head.width.max(head.height) <= edge && !head.is_turned)
    }

    /// How wide and high it is, how many bytes are decoded of it, and how many more the decoder gathers before.
    fn told(&self) -> Result<((u32, u32), u64, u64), Error> {
        let reader = self.reader()?;
        let unsaid = || Error::new(ErrorKind::Unsupported, "the picture does not say how large it is");
        match reader.format() {
            Some(ImageFormat::Jpeg) => {
                let head = jpeg::Head::read(&mut reader.into_inner()).map_err(|e| unreadable(&e.into()))?;
                let head = head.ok_or_else(unsaid)?;
                Ok(((head.width, head.height), head.decoded_bytes(), head.gathered_bytes()))
            }
            Some(ImageFormat::Png) => {
                let head = png::Head::read(&mut reader.into_inner()).map_err(|e| unreadable(&e.into()))?;
                let head = head.ok_or_else(unsaid)?;
                Ok(((head.width, head.height), head.decoded_bytes, 0))
            }
            _ => {
                let decoder = reader.into_decoder().map_err(|e| unreadable(&e))?;
                Ok((decoder.dimensions(), decoder.total_bytes(), 0))
            }
        }
    }

    /// What decodes it with so much memory at most.
    fn decoder(&self, alloc_bytes: u64) -> Result<impl ImageDecoder, Error> {
        let mut reader = self.reader()?;
        reader.limits(within(alloc_bytes));
        reader.into_decoder().map_err(|e| unreadable(&e))
    }

    fn reader(&self) -> Result<ImageReader<BufReader<PartReader>>, Error> {
        let reader =
            PartReader { inner: self.source.reader(), start: self.offset, count: self.count, position: 0 };
        let reader = BufReader::with_capacity(PICTURE_READ_BYTES, reader);
        let unread = |e: io::Error| {
            Error::new(ErrorKind::Source, "the picture cannot be read").with_words(e.to_string())
        };
        let reader = ImageReader::new(reader).with_guessed_format().map_err(unread)?;
        match reader.format() {
            Some(ImageFormat::Jpeg | ImageFormat::Png | ImageFormat::WebP | ImageFormat::Gif) => Ok(reader),
            _ => Err(Error::new(ErrorKind::Unsupported, "this is no JPEG, PNG, WebP or GIF")),
        }
    }
}

fn bytes<const COUNT: usize>(reader: &mut impl Read) -> io::Result<[u8; COUNT]> {
    let mut bytes = [0; COUNT];
    reader.read_exact(&mut bytes)?;
    Ok(bytes)
}

/// Reads a part as if it were a file.
struct PartReader {
    inner: SourceReader,
    start: u64,
    count: u64,
    position: u64,
}

impl Read for PartReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.count.saturating_sub(self.position)).unwrap_or(usize::MAX);
        let wanted = buffer.len().min(left);
        if wanted == 0 {
            return Ok(0);
        }
        self.inner.seek(SeekFrom::Start(self.start.saturating_add(self.position)))?;
        let read = self.inner.read(&mut buffer[..wanted])?;
        self.position += read as u64;
        Ok(read)
    }
}

impl Seek for PartReader {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let place = match to {
            SeekFrom::Start(place) => Some(place),
            SeekFrom::End(distance) => self.count.checked_add_signed(distance),
            SeekFrom::Current(distance) => self.position.checked_add_signed(distance),
        };
        self.position = place.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.position)
    }
}

#[cfg(test)]
mod tests;
