//! One network of Spleeter: six convolutions down, six up, each of which also sees what went down past it.

use std::io::{Read, Seek};

use super::layers::{Activation, Columns, Convolution, KERNEL, LAST_KERNEL, Last, Normal, Transposed, part};
use super::{Block, FRAMES, HEARD_BINS};
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
///
/// Nothing waits that is not needed any more: what the next convolution sees stands where the last numbers that come up will be, and
/// the level of the mix where the second level was.
pub(super) struct Room {
    /// How many of the numbers of each level below the mix came down.
    came_down: Vec<usize>,
    /// Of each such level: what came down, and behind it what comes up, except on the lowest. On the way down, the first has behind it what the
    /// next convolution sees.
    levels: Vec<Vec<f32>>,
    columns: Columns,
}

impl Room {
    pub(super) fn new(channels: &[usize]) -> Self {
        let places = |level: usize| (FRAMES * HEARD_BINS) >> (2 * level);
        let came_down: Vec<usize> =
            channels.iter().enumerate().map(|(at, channels)| channels * places(at + 1)).collect();
        // The mix has two sides.
        let seen = came_down[..LAYERS - 1].iter().copied().fold(2 * places(0), usize::max);
        let numbers = |(at, down): (usize, &usize)| match at {
            0 => down + seen,
            1 => places(0).max(2 * down),
            at if at == LAYERS - 1 => *down,
            _ => 2 * down,
        };
        Room {
            levels: came_down.iter().enumerate().map(|at| vec![0.0; numbers(at)]).collect(),
            came_down,
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

    /// Listens to a block and writes what it makes of each frequency of it: side, frame, frequency.
    ///
    /// # Errors
    /// [`ErrorKind::Engine`].
    pub(super) fn run(&self, mix: Block<'_>, room: &mut Room, made: &mut [f32]) -> Result<()> {
        self.go_down(mix, room)?;
        self.go_up(room, made)
    }

    fn go_down(&self, mix: Block<'_>, room: &mut Room) -> Result<()> {
        let Room { came_down, levels, columns } = room;
        let (first, deeper) = levels.split_at_mut(1);
        let (first, parted) = first[0].split_at_mut(came_down[0]);
        let mut heard = 2 * FRAMES * HEARD_BINS;
        let mut row = [0.0; HEARD_BINS];
        for (at, parted) in parted[..heard].chunks_exact_mut(HEARD_BINS).enumerate() {
            mix.loudness(at, &mut row);
            part(&row, parted);
        }
        let below = std::iter::once(first).chain(deeper.iter_mut().map(Vec::as_mut_slice));
        for (layer, (convolution, level)) in self.down.iter().zip(below).enumerate() {
            let comes_down = &mut level[..came_down[layer]];
            convolution.apply(&parted[..heard], size(layer + 1), columns, comes_down)?;
            if let Some(normal) = self.normals.get(layer) {
                normal.apply(comes_down, size(layer + 1)[1], self.activation, parted);
                heard = comes_down.len();
            }
        }
        Ok(())
    }

    fn go_up(&self, room: &mut Room, made: &mut [f32]) -> Result<()> {
        let Room { came_down, levels, columns } = room;
        let mut heard = came_down[LAYERS - 1];
        for (transposed, at) in self.up.iter().zip((1..LAYERS).rev()) {
            let (above, below) = levels.split_at_mut(at);
            let down = came_down[at - 1];
            let comes_up = &mut above[at - 1][down..2 * down];
            transposed.apply(&below[0][..heard], size(at + 1), columns, comes_up)?;
            heard = 2 * down;
        }
        let (first, deeper) = levels.split_at_mut(1);
        let image = &mut deeper[0][..FRAMES * HEARD_BINS];
        self.up[LAYERS - 1].apply(&first[0][..heard], size(1), columns, image)?;
        self.last.apply(image, HEARD_BINS, made);
        Ok(())
    }
}

/// How high and how wide a level is; that of the mix is 0.
fn size(level: usize) -> [usize; 2] {
    [FRAMES >> level, HEARD_BINS >> level]
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
