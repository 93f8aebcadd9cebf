//! The layers that Spleeter's networks are made of, each as products of matrices.
//!
//! An image is channels of rows, one behind the other. It is *parted* where the numbers at even places of a row stand before those
//! at odd ones: a layer that looks at, or makes, every other number then moves whole pieces of rows, not single numbers.

use budget::limits::STEMS_COLUMNS_MAX;
use rten_gemm::{BiasVector, GemmExecutor, GemmInputA, GemmInputB, GemmOptions, PackedAMatrix};
use rten_simd::SimdUnaryOp;
use rten_tensor::NdTensorView;
use rten_tensor::prelude::*;
use rten_vecmath::Elu;

use crate::{Error, ErrorKind, Result};

// format: the sides of the kernels, of the last one, and how far apart its numbers look.
pub(super) const KERNEL: usize = 5;
pub(super) const LAST_KERNEL: usize = 4;
const LAST_DILATION: usize = 2;
// format: TensorFlow's padding "same": a number before under a stride of two, and three for the last kernel.
const BEFORE: usize = 1;
const LAST_BEFORE: usize = 3;
/// Which half of a parted row each column of a kernel looks at, and from where: even or odd places, from one before, there, or
/// one behind.
const TAPS: [(usize, isize); KERNEL] = [(1, -1), (0, 0), (1, 0), (0, 1), (1, 1)];

/// What a layer does to each number in the end.
#[derive(Clone, Copy)]
pub(super) enum Activation {
    /// What is negative becomes so much smaller, or nothing.
    Rectified { leak: f32 },
    /// What is negative goes exponentially towards −1.
    Exponential,
}

/// A normalisation as a factor and an offset for each channel.
pub(super) struct Normal {
    pub(super) scale: Vec<f32>,
    pub(super) offset: Vec<f32>,
}

/// A convolution that halves both sides.
pub(super) struct Convolution {
    kernel: PackedAMatrix<f32>,
    bias: Vec<f32>,
    before: usize,
}

/// A transposed convolution that doubles both sides, its activation, and the normalisation behind it.
pub(super) struct Transposed {
    /// (row, column, channel after, channel before).
    pub(super) kernel: Vec<f32>,
    pub(super) bias: Vec<f32>,
    pub(super) activation: Activation,
    pub(super) normal: Normal,
}

/// The convolution that makes two channels of one and keeps their size.
pub(super) struct Last {
    /// (row, column, channel after).
    pub(super) kernel: Vec<f32>,
    pub(super) bias: Vec<f32>,
}

/// Room for products of matrices, which grows to what the largest layer needs.
#[derive(Default)]
pub(super) struct Columns {
    columns: Vec<f32>,
    sums: Vec<f32>,
}

impl Activation {
    fn apply(self, row: &mut [f32]) {
        match self {
            Activation::Rectified { leak } => {
                for number in row {
                    *number = if *number > 0.0 { *number } else { *number * leak };
                }
            }
            Activation::Exponential => Elu { alpha: 1.0 }.map_mut(row),
        }
    }
}

impl Normal {
    /// Normalises an image whose rows are so wide, activates it, and puts it parted into `parted`.
    pub(super) fn apply(&self, image: &[f32], width: usize, activation: Activation, parted: &mut [f32]) {
        let places = image.len() / self.scale.len();
        let channels = image.chunks_exact(places).zip(parted.chunks_exact_mut(places));
        for ((from, to), (scale, offset)) in channels.zip(self.scale.iter().zip(&self.offset)) {
            for (from, to) in from.chunks_exact(width).zip(to.chunks_exact_mut(width)) {
                part(from, to);
                for number in &mut *to {
                    *number = *number * scale + offset;
                }
                activation.apply(to);
            }
        }
    }
}

impl Convolution {
    /// `kernel` is (row, column, channel before, channel after).
    pub(super) fn new(kernel: &[f32], bias: Vec<f32>, before: usize) -> Self {
        let kernel = NdTensorView::from_data([KERNEL * KERNEL * before, bias.len()], kernel);
        Convolution { kernel: GemmExecutor::new().prepack_a(kernel.transposed()), bias, before }
    }

    /// Makes an image of this size of a parted one twice as high and twice as wide.
    ///
    /// # Errors
    /// [`ErrorKind::Engine`].
    pub(super) fn apply(
        &self,
        parted: &[f32],
        [height, width]: [usize; 2],
        room: &mut Columns,
        made: &mut [f32],
    ) -> Result<()> {
        let depth = KERNEL * KERNEL * self.before;
        let strip = strip_rows(depth * width, height);
        for first in (0..height).step_by(strip) {
            let rows = strip.min(height - first);
            let columns = held(&mut room.columns, depth * rows * width);
            self.look(parted, [height, width], first, rows, columns);
            let sums = held(&mut room.sums, self.bias.len() * rows * width);
            let options =
                GemmOptions { bias: Some(BiasVector::Column(&self.bias)), ..GemmOptions::default() };
            let columns = NdTensorView::from_data([depth, rows * width], &*columns);
            GemmExecutor::new()
                .gemm(sums, GemmInputA::Packed(&self.kernel), GemmInputB::Unpacked(columns), options)
                .map_err(failed)?;
            let channels = made.chunks_exact_mut(height * width);
            for (sums, channel) in sums.chunks_exact(rows * width).zip(channels) {
                channel[first * width..][..rows * width].copy_from_slice(sums);
            }
        }
        Ok(())
    }

    /// Writes what each number of the kernel sees in some rows of what is made.
    fn look(
        &self,
        parted: &[f32],
        [height, width]: [usize; 2],
        first: usize,
        rows: usize,
        columns: &mut [f32],
    ) {
        let mut seen = columns.chunks_exact_mut(width);
        for (row, (half, shift)) in (0..KERNEL).flat_map(|row| TAPS.map(|tap| (row, tap))) {
            for channel in parted.chunks_exact(4 * height * width) {
                for (at, to) in (first..first + rows).zip(&mut seen) {
                    let from = (2 * at + row).checked_sub(BEFORE).filter(|from| *from < 2 * height);
                    match from {
                        Some(from) => moved(&channel[(2 * from + half) * width..][..width], shift, to),
                        None => to.fill(0.0),
                    }
                }
            }
        }
    }
}

impl Transposed {
    /// Makes an image twice as high and twice as wide of one of this size.
    ///
    /// # Errors
    /// [`ErrorKind::Engine`].
    pub(super) fn apply(
        &self,
        image: &[f32],
        [height, width]: [usize; 2],
        room: &mut Columns,
        made: &mut [f32],
    ) -> Result<()> {
        let (places, taps) = (height * width, KERNEL * KERNEL * self.bias.len());
        let image = NdTensorView::from_data([image.len() / places, places], image);
        let kernel = NdTensorView::from_data([taps, image.size(0)], &*self.kernel);
        let strip = strip_rows(taps * width, height);
        for first in (0..height).step_by(strip) {
            let rows = first..height.min(first + strip);
            let columns = held(&mut room.columns, taps * rows.len() * width);
            let seen = image.slice((.., rows.start * width..rows.end * width));
            GemmExecutor::new()
                .gemm(
                    columns,
                    GemmInputA::Unpacked(kernel),
                    GemmInputB::Unpacked(seen),
                    GemmOptions::default(),
                )
                .map_err(failed)?;
            // Rows of what is made that these are the first to add to, and those to which nothing will be added any more.
            let begun = if first == 0 { 0 } else { 2 * first + 2 }..2 * height.min(rows.end + 1);
            let ended =
                (2 * first).saturating_sub(1)..if rows.end == height { 2 * height } else { 2 * rows.end - 1 };
            for (at, channel) in made.chunks_exact_mut(4 * places).enumerate() {
                channel[begun.start * 2 * width..begun.end * 2 * width].fill(self.bias[at]);
                self.add(columns, at, rows.clone(), [height, width], channel);
                for row in channel[ended.start * 2 * width..ended.end * 2 * width].chunks_exact_mut(2 * width)
                {
                    self.end(at, row, held(&mut room.sums, 2 * width));
                }
            }
        }
        Ok(())
    }

    /// Adds what some rows make of a channel, whose rows are parted until they are ended.
    fn add(
        &self,
        columns: &[f32],
        at: usize,
        rows: std::ops::Range<usize>,
        [height, width]: [usize; 2],
        channel: &mut [f32],
    ) {
        let places = rows.len() * width;
        for tap in 0..KERNEL * KERNEL {
            let (row, (half, shift)) = (tap / KERNEL, TAPS[tap % KERNEL]);
            let numbers = &columns[(tap * self.bias.len() + at) * places..][..places];
            for (from, numbers) in rows.clone().zip(numbers.chunks_exact(width)) {
                let Some(to) = (2 * from + row).checked_sub(BEFORE).filter(|to| *to < 2 * height) else {
                    continue;
                };
                add_moved(numbers, shift, &mut channel[(2 * to + half) * width..][..width]);
            }
        }
    }

    /// Activates and normalises a row to which nothing is added any more, and puts its numbers in their order.
    fn end(&self, at: usize, row: &mut [f32], ordered: &mut [f32]) {
        self.activation.apply(row);
        let (scale, offset) = (self.normal.scale[at], self.normal.offset[at]);
        let (even, odd) = row.split_at(row.len() / 2);
        for (pair, (even, odd)) in ordered.as_chunks_mut::<2>().0.iter_mut().zip(even.iter().zip(odd)) {
            *pair = [even * scale + offset, odd * scale + offset];
        }
        row.copy_from_slice(ordered);
    }
}

impl Last {
    /// Makes an image of two channels of one, both so wide.
    pub(super) fn apply(&self, image: &[f32], width: usize, made: &mut [f32]) {
        let height = image.len() / width;
        for (to, (channel, bias)) in made.chunks_exact_mut(image.len()).zip(self.bias.iter().enumerate()) {
            to.fill(*bias);
            for (at, to) in to.chunks_exact_mut(width).enumerate() {
                for tap in 0..LAST_KERNEL * LAST_KERNEL {
                    let (row, column) = (tap / LAST_KERNEL, tap % LAST_KERNEL);
                    let from = (at + LAST_DILATION * row).checked_sub(LAST_BEFORE);
                    let Some(from) = from.filter(|from| *from < height) else { continue };
                    let weight = self.kernel[tap * self.bias.len() + channel];
                    let seen = &image[from * width..][..width];
                    let shift = LAST_DILATION * column;
                    let (seen, to) = match shift.checked_sub(LAST_BEFORE) {
                        Some(behind) => (&seen[behind..], &mut to[..width - behind]),
                        None => (&seen[..width + shift - LAST_BEFORE], &mut to[LAST_BEFORE - shift..]),
                    };
                    for (to, seen) in to.iter_mut().zip(seen) {
                        *to += weight * seen;
                    }
                }
            }
        }
    }
}

/// Puts a row parted into `to`.
pub(super) fn part(row: &[f32], to: &mut [f32]) {
    let (even, odd) = to.split_at_mut(row.len() / 2);
    for (pair, (even, odd)) in row.as_chunks::<2>().0.iter().zip(even.iter_mut().zip(odd)) {
        [*even, *odd] = *pair;
    }
}

/// Rows that are worked on at a time: what they need stays in the processor's caches, and is the same for a layer of any size.
fn strip_rows(row_numbers: usize, height: usize) -> usize {
    (STEMS_COLUMNS_MAX / row_numbers).clamp(1, height)
}

/// So much of some room, whatever is in it.
fn held(room: &mut Vec<f32>, numbers: usize) -> &mut [f32] {
    if room.len() < numbers {
        room.resize(numbers, 0.0);
    }
    &mut room[..numbers]
}

/// `to[x] = from[x + shift]`, and silence where nothing is.
fn moved(from: &[f32], shift: isize, to: &mut [f32]) {
    let (width, by) = (to.len(), shift.unsigned_abs());
    if shift < 0 {
        to[..by].fill(0.0);
        to[by..].copy_from_slice(&from[..width - by]);
    } else {
        to[..width - by].copy_from_slice(&from[by..]);
        to[width - by..].fill(0.0);
    }
}

/// `to[x + shift] += from[x]`, where that is.
fn add_moved(from: &[f32], shift: isize, to: &mut [f32]) {
    let (width, by) = (to.len(), shift.unsigned_abs());
    let (from, to) =
        if shift < 0 { (&from[by..], &mut to[..width - by]) } else { (&from[..width - by], &mut to[by..]) };
    for (to, from) in to.iter_mut().zip(from) {
        *to += from;
    }
}

fn failed(e: rten_gemm::GemmError) -> Error {
    Error::new(ErrorKind::Engine, format!("the network failed: {e}"))
}
