//! How large things become: from the numbers of a source and of a recipe to filters, in whole numbers alone.

use budget::limits::{RENDITION_PIXELS_MAX, SOURCE_PIXELS_MAX};

use crate::argv::{Filter, Graph};
use crate::error::{Error, ErrorKind};
use crate::probe::{Matrix, Probe, VideoTrack};
use crate::recipe::{Crop, Edge, Fit, Rotation, Size};

/// A part of the picture as it is stored, upright.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Part {
    width: u32,
    height: u32,
    x: u32,
    y: u32,
}

/// What becomes of the geometry of a picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Shape {
    /// What is cut out of it, if not all stays.
    part: Option<Part>,
    /// What it is scaled to, before it is turned.
    scaled: (u32, u32),
    rotation: Option<Rotation>,
    /// What comes out.
    pub(super) width: u32,
    pub(super) height: u32,
}

/// The pictures of a source, if they may be decoded.
pub(super) fn picture(probe: &Probe) -> Result<&VideoTrack, Error> {
    let Some(video) = &probe.video else {
        return Err(if probe.is_picture_refused {
            let context =
                format!("its pictures cannot be read, or have more than {SOURCE_PIXELS_MAX} pixels");
            Error::new(ErrorKind::TooLarge, context)
        } else {
            Error::new(ErrorKind::NoPicture, "the source has no pictures")
        });
    };
    let pixels = video.stored_pixels();
    if pixels > SOURCE_PIXELS_MAX {
        let (width, height) = (video.width, video.height);
        let context = format!(
            "its pictures have {width}x{height} = {pixels} pixels, and at most {SOURCE_PIXELS_MAX} are decoded"
        );
        return Err(Error::new(ErrorKind::TooLarge, context));
    }
    Ok(video)
}

impl Shape {
    pub(super) fn of(
        video: &VideoTrack,
        size: Size,
        crop: Option<Crop>,
        rotation: Option<Rotation>,
    ) -> Result<Shape, Error> {
        let shown = video.shown();
        // In shown pixels, as whoever asks sees them.
        let mut part = Part { width: shown.0, height: shown.1, x: 0, y: 0 };
        if let Some(crop) = crop {
            part = inside(crop, shown)?;
        }
        let is_turned = matches!(rotation, Some(Rotation::Quarter | Rotation::ThreeQuarters));
        let turn = |(a, b): (u32, u32)| if is_turned { (b, a) } else { (a, b) };
        let (width, height) = frame(turn((part.width, part.height)), size)?;
        let scaled = turn((width, height));
        if size.fit == Fit::Cover && size.width.is_some() && size.height.is_some() {
            part = middle(part, scaled);
        }
        let stored = video.upright();
        let is_whole = part == Part { width: shown.0, height: shown.1, x: 0, y: 0 };
        let part = (!is_whole).then(|| part.stored(shown, stored));
        Ok(Shape { part, scaled, rotation, width, height })
    }

    pub(super) fn pixels(&self) -> u64 {
        u64::from(self.width) * u64::from(self.height)
    }

    /// The filters that do it. What is cut off is cut off first: nothing larger than source or result is ever held. Colours
    /// are written anew on the way, in `to`; those of bright light as well.
    pub(super) fn filter(&self, graph: &mut Graph, video: &VideoTrack, to: Matrix) {
        if let Some(Part { width, height, x, y }) = self.part {
            graph.push(Filter::Crop { width, height, x, y });
        }
        let (width, height) = self.scaled;
        // The filter that brings light down does both.
        let from = if video.light.is_some() { to } else { video.matrix };
        graph.push(Filter::Scale { width, height, from, to });
        match self.rotation {
            None => {}
            Some(Rotation::Quarter) => graph.push(Filter::Transpose { is_clockwise: true }),
            Some(Rotation::Half) => graph.push(Filter::Flip),
            Some(Rotation::ThreeQuarters) => graph.push(Filter::Transpose { is_clockwise: false }),
        }
        graph.push(Filter::Square);
        if let Some(light) = video.light {
            // It writes no colours as such; who wants them has them made of these.
            graph.push(Filter::Tone(light, if to == Matrix::Rgb { Matrix::Bt709 } else { to }));
        }
    }
}

impl Part {
    /// The same part in stored pixels, even ones, of which there are at least two each way.
    fn stored(self, shown: (u32, u32), stored: (u32, u32)) -> Part {
        let along = |at: u32, shown: u32, stored: u32| {
            u32::try_from(u64::from(at) * u64::from(stored) / u64::from(shown.max(1))).unwrap_or(stored)
        };
        let width = (along(self.width, shown.0, stored.0) & !1).max(2);
        let height = (along(self.height, shown.1, stored.1) & !1).max(2);
        let x = along(self.x, shown.0, stored.0).min(stored.0.saturating_sub(width)) & !1;
        let y = along(self.y, shown.1, stored.1).min(stored.1.saturating_sub(height)) & !1;
        Part { width, height, x, y }
    }
}

fn inside(crop: Crop, (shown_width, shown_height): (u32, u32)) -> Result<Part, Error> {
    let (width, height) = (u32::from(crop.width.pixels()), u32::from(crop.height.pixels()));
    let (x, y) = (u32::from(crop.x), u32::from(crop.y));
    if x + width > shown_width || y + height > shown_height {
        let context = format!(
            "crop {width}x{height} at {x},{y} reaches out of the picture, which has {shown_width}x{shown_height}"
        );
        return Err(Error::new(ErrorKind::BehindTheEnd, context));
    }
    Ok(Part { width, height, x, y })
}

/// The middle of a part that has the shape of `target`.
fn middle(part: Part, (target_width, target_height): (u32, u32)) -> Part {
    let (width, height) = (u64::from(part.width), u64::from(part.height));
    let (across, down) = (u64::from(target_width), u64::from(target_height));
    let (new_width, new_height) = if width * down > height * across {
        (rounded(height * across, down).min(width), height)
    } else {
        (width, rounded(width * down, across).min(height))
    };
    let narrow = |edge: u64| u32::try_from(edge.max(1)).unwrap_or(u32::MAX);
    let (new_width, new_height) = (narrow(new_width), narrow(new_height));
    Part {
        width: new_width,
        height: new_height,
        x: part.x + (part.width.saturating_sub(new_width)) / 2,
        y: part.y + (part.height.saturating_sub(new_height)) / 2,
    }
}

/// How large a picture of `width` × `height` becomes, both edges even.
fn frame((width, height): (u32, u32), size: Size) -> Result<(u32, u32), Error> {
    let (width, height) = (u64::from(width), u64::from(height));
    let pixels = |edge: Edge| u64::from(edge.pixels());
    let (box_width, box_height) = (size.width.map(pixels), size.height.map(pixels));
    let is_larger =
        box_width.is_none_or(|edge| edge >= width) && box_height.is_none_or(|edge| edge >= height);
    let (new_width, new_height) = match (box_width, box_height) {
        (None, None) => (width, height),
        _ if size.fit == Fit::ScaleDown && is_larger => (width, height),
        (Some(across), Some(down)) if size.fit == Fit::Cover => (across, down),
        // The edge that is reached first decides.
        (Some(across), Some(down)) if across * height <= down * width => {
            (across, rounded(across * height, width))
        }
        (Some(_) | None, Some(down)) => (rounded(down * width, height), down),
        (Some(across), None) => (across, rounded(across * height, width)),
    };
    let (new_width, new_height) = (even(new_width), even(new_height));
    let pixels = new_width.saturating_mul(new_height);
    if pixels > RENDITION_PIXELS_MAX || new_width.max(new_height) > u64::from(u16::MAX / 4) {
        let context = format!(
            "it would have {new_width}x{new_height} pixels; at most {RENDITION_PIXELS_MAX} are made, and 16383 in a \
             line or column"
        );
        return Err(Error::new(ErrorKind::TooLarge, context));
    }
    let narrow =
        |edge| u32::try_from(edge).map_err(|_| Error::new(ErrorKind::TooLarge, "it would be too large"));
    Ok((narrow(new_width)?, narrow(new_height)?))
}

fn rounded(upper: u64, lower: u64) -> u64 {
    (upper + lower / 2) / lower.max(1)
}

/// The nearest even number below, and two at least.
fn even(edge: u64) -> u64 {
    (edge & !1).max(2)
}
