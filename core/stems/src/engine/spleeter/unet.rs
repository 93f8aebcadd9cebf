//! One network of Spleeter: six convolutions down, six up, each of which also sees what went down past it.

use std::io::{Read, Seek};

use super::layers::{Activation, Columns, Convolution, KERNEL, LAST_KERNEL, Last, Normal, Transposed, part};
use super::{FRAMES, HEARD_BINS};
use crate::models::{Checkpoint, Networks};
use crate::{Error, ErrorKind, Result};

/// Layers on the way down, and on the way up.
const LAYERS: usize = 6;
/// Convolutions of one network: those on the way down and the last one.
const CONVOLUTIONS: usize = LAYERS + 1;
// format: what keeps normalisation from dividing by nothing.
const NORMAL_EPSILON: f32 = 1e-3;
const LEAK: f32 = 0.2;

/// A network, which any number of songs may use at the same time.
pub(super) struct Unet {
    down: Vec<Convolution>,
    /// What comes between two convolutions on the way down.
    normals: Vec<Normal>,
    activation: Activation,
    up: Vec<Transposed>,
    last: Last,
}

/// What one song needs to go through networks whose layers have so many channels on the way down.
pub(super) struct Room {
    /// How many of the numbers of each level came down; the rest comes up. The level of the mix has one channel, which comes up.
    came_down: Vec<usize>,
    levels: Vec<Vec<f32>>,
    /// What the next convolution sees.
    parted: Vec<f32>,
    columns: Columns,
}

impl Room {
    pub(super) fn new(channels: &[usize]) -> Self {
        let places = |level: usize| (FRAMES * HEARD_BINS) >> (2 * level);
        let mut came_down = vec![0];
        came_down.extend(channels.iter().enumerate().map(|(at, channels)| channels * places(at + 1)));
        let level = |(level, down): (usize, &usize)| match level {
            0 => places(0),
            LAYERS => *down,
            _ => 2 * down,
        };
        let parted = came_down[..LAYERS].iter().copied().max().unwrap_or(0).max(2 * places(0));
        Room {
            levels: came_down.iter().enumerate().map(|at| vec![0.0; level(at)]).collect(),
            came_down,
            parted: vec![0.0; parted],
            columns: Columns::default(),
        }
    }
}

impl Unet {
    /// Reads a network of a checkpoint by its number there.
    ///
    /// # Errors
    /// [`ErrorKind::Model`] when it has no such network.
    pub(super) fn load<D: Read + Seek>(
        checkpoint: &mut Checkpoint<D>,
        networks: Networks,
        number: usize,
        channels: &[usize],
    ) -> Result<Self> {
        let [activation, activation_up] = activations(networks);
        let mut read = Reader { checkpoint, number };
        let (mut down, mut normals, mut up) = (Vec::new(), Vec::new(), Vec::new());
        for (layer, after) in channels.iter().enumerate() {
            let before = if layer == 0 { 2 } else { channels[layer - 1] };
            down.push(read.convolution(layer, before, *after)?);
            // Nothing is made of what the lowest layer's normalisation gives.
            if layer + 1 < LAYERS {
                normals.push(read.normal(layer, *after)?);
            }
        }
        for layer in 0..LAYERS {
            let level = LAYERS - 1 - layer;
            let before = if layer == 0 { channels[level] } else { 2 * channels[level] };
            let after = if level == 0 { 1 } else { channels[level - 1] };
            up.push(read.transposed(layer, before, after, activation_up)?);
        }
        Ok(Unet { down, normals, activation, up, last: read.last()? })
    }

    /// Listens to a block, (side, frame, frequency), and writes what it makes of each number of it, in the same order.
    ///
    /// # Errors
    /// [`ErrorKind::Engine`].
    pub(super) fn run(&self, mix: &[f32], room: &mut Room, made: &mut [f32]) -> Result<()> {
        let size = |level: usize| [FRAMES >> level, HEARD_BINS >> level];
        for (row, parted) in mix.chunks_exact(HEARD_BINS).zip(room.parted.chunks_exact_mut(HEARD_BINS)) {
            part(row, parted);
        }
        let mut heard = mix.len();
        for (layer, convolution) in self.down.iter().enumerate() {
            let level = layer + 1;
            let came_down = &mut room.levels[level][..room.came_down[level]];
            convolution.apply(&room.parted[..heard], size(level), &mut room.columns, came_down)?;
            if let Some(normal) = self.normals.get(layer) {
                normal.apply(came_down, size(level)[1], self.activation, &mut room.parted);
                heard = came_down.len();
            }
        }
        for (layer, transposed) in self.up.iter().enumerate() {
            let level = LAYERS - layer;
            let (above, below) = room.levels.split_at_mut(level);
            let comes_up = &mut above[level - 1][room.came_down[level - 1]..];
            transposed.apply(&below[0], size(level), &mut room.columns, comes_up)?;
        }
        self.last.apply(&room.levels[0], HEARD_BINS, made);
        Ok(())
    }
}

/// How many channels each layer on the way down has, which the checkpoint says.
///
/// # Errors
/// [`ErrorKind::Model`] when there are no such layers.
pub(super) fn channels<D: Read + Seek>(checkpoint: &Checkpoint<D>) -> Result<Vec<usize>> {
    let channels = |layer| {
        let name = format!("{}/kernel", numbered("conv2d", layer));
        let tensor = checkpoint.tensors().get(&name);
        tensor.and_then(|tensor| tensor.shape.get(3).copied()).ok_or_else(|| {
            Error::new(ErrorKind::Model, format!("the model cannot be used: it has no variable `{name}`"))
        })
    };
    (0..LAYERS).map(channels).collect()
}

/// What networks of a kind do to numbers on the way down, and up.
fn activations(networks: Networks) -> [Activation; 2] {
    match networks {
        Networks::Rectified | Networks::Graph => [LEAK, 0.0].map(|leak| Activation::Rectified { leak }),
        Networks::Exponential | Networks::ExponentialSoftmax => [Activation::Exponential; 2],
    }
}

/// Reads the layers of one network of a checkpoint.
struct Reader<'a, D> {
    checkpoint: &'a mut Checkpoint<D>,
    number: usize,
}

impl<D: Read + Seek> Reader<'_, D> {
    fn convolution(&mut self, layer: usize, before: usize, after: usize) -> Result<Convolution> {
        let name = numbered("conv2d", self.number * CONVOLUTIONS + layer);
        let kernel = self.checkpoint.floats(&format!("{name}/kernel"), &[KERNEL, KERNEL, before, after])?;
        Ok(Convolution::new(&kernel, self.bias(&name, after)?, before))
    }

    fn transposed(
        &mut self,
        layer: usize,
        before: usize,
        after: usize,
        activation: Activation,
    ) -> Result<Transposed> {
        let name = numbered("conv2d_transpose", self.number * LAYERS + layer);
        Ok(Transposed {
            kernel: self.checkpoint.floats(&format!("{name}/kernel"), &[KERNEL, KERNEL, after, before])?,
            bias: self.bias(&name, after)?,
            activation,
            normal: self.normal(LAYERS + layer, after)?,
        })
    }

    fn last(&mut self) -> Result<Last> {
        let name = numbered("conv2d", self.number * CONVOLUTIONS + LAYERS);
        let shape = [LAST_KERNEL, LAST_KERNEL, 1, 2];
        let kernel = self.checkpoint.floats(&format!("{name}/kernel"), &shape)?;
        Ok(Last { kernel, bias: self.bias(&name, 2)? })
    }

    fn bias(&mut self, name: &str, channels: usize) -> Result<Vec<f32>> {
        self.checkpoint.floats(&format!("{name}/bias"), &[channels])
    }

    /// What the normalisation behind a layer does to each channel.
    fn normal(&mut self, layer: usize, channels: usize) -> Result<Normal> {
        let name = numbered("batch_normalization", self.number * 2 * LAYERS + layer);
        let mut part = |part: &str| self.checkpoint.floats(&format!("{name}/{part}"), &[channels]);
        let (gamma, beta) = (part("gamma")?, part("beta")?);
        let (mean, variance) = (part("moving_mean")?, part("moving_variance")?);
        let scale: Vec<f32> = gamma
            .iter()
            .zip(&variance)
            .map(|(gamma, variance)| gamma / (variance + NORMAL_EPSILON).sqrt())
            .collect();
        let offset = beta
            .iter()
            .zip(mean.iter().zip(&scale))
            .map(|(beta, (mean, scale))| beta - mean * scale)
            .collect();
        Ok(Normal { scale, offset })
    }
}

/// A layer's name, as Keras counts: the first one has no number.
fn numbered(kind: &str, number: usize) -> String {
    if number == 0 { kind.to_owned() } else { format!("{kind}_{number}") }
}
