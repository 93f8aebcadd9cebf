//! One network of Spleeter as a graph: six convolutions down, six up, each of which also sees what went down past it.

use std::io::{Read, Seek};
use std::ops::Range;

use budget::limits::STEMS_PART_BYTES_MAX;

use super::{FRAMES, HEARD_BINS};
use crate::models::onnx::{Attribute, Graph};
use crate::models::{Checkpoint, Networks};
use crate::{Error, ErrorKind, Result};

/// Layers on the way down, and on the way up.
const LAYERS: usize = 6;
/// Convolutions of one network: those on the way down and the last one.
const CONVOLUTIONS: usize = LAYERS + 1;
// format: the sides of the kernels, of the last one, and how far apart its numbers look.
const KERNEL: usize = 5;
const LAST_KERNEL: usize = 4;
const LAST_DILATION: u64 = 2;
// format: what TensorFlow calls the padding "same" under a stride of two, a number before and two behind.
const SAME: [u64; 4] = [1, 1, 2, 2];
const LAST_SAME: [u64; 4] = [3; 4];
const STRIDES: [u64; 2] = [2, 2];
// format: what keeps normalisation from dividing by nothing.
const NORMAL_EPSILON: f32 = 1e-3;
const LEAK: f32 = 0.2;

/// The name of what the network is given, and of what it gives.
pub(super) const MIX: &str = "mix";
pub(super) const STEM: &str = "stem";

/// Reads one network of a checkpoint and writes it as a graph; the graph, and its numbers.
///
/// Shapes: `mix` and `stem` are (1, side, frame, frequency). The stem is how loud it is in the mix, or, where all stems share one
/// softmax, what is given to it.
pub(super) struct Unet<'a, D> {
    checkpoint: &'a mut Checkpoint<D>,
    networks: Networks,
    /// The number of the network in its checkpoint.
    number: usize,
    graph: Graph,
}

impl<'a, D: Read + Seek> Unet<'a, D> {
    pub(super) fn new(checkpoint: &'a mut Checkpoint<D>, networks: Networks, number: usize) -> Self {
        Unet { checkpoint, networks, number, graph: Graph::default() }
    }

    pub(super) fn written(mut self) -> Result<(Vec<u8>, Vec<u8>)> {
        let shape = [1, 2, FRAMES, HEARD_BINS];
        let channels = self.channels()?;
        let numbers = self.numbers(&channels);
        self.graph = Graph::with_capacity(numbers);
        self.graph.input(MIX, &shape);
        let mut down: Vec<String> = Vec::new();
        let mut value = MIX.to_owned();
        for layer in 0..LAYERS {
            let before = if layer == 0 { 2 } else { channels[layer - 1] };
            let made = self.convolution(layer, &value, before, channels[layer])?;
            if layer + 1 < LAYERS {
                let normal = self.normal(layer, channels[layer])?;
                let normalised = self.normalised(&made, &normal, 0..channels[layer]);
                value = self.activated(&normalised, self.activation_down());
            }
            down.push(made);
        }
        value = down[LAYERS - 1].clone();
        for layer in 0..LAYERS {
            let level = LAYERS - 1 - layer;
            let before = if layer == 0 { channels[level] } else { 2 * channels[level] };
            let after = if level == 0 { 1 } else { channels[level - 1] };
            let mut made = self.level_up(layer, &value, before, after)?;
            if level > 0 {
                made.insert(0, down[level - 1].clone());
            }
            let parts: Vec<&str> = made.iter().map(String::as_str).collect();
            value = match parts[..] {
                [part] => part.to_owned(),
                _ => self.graph.operator("Concat", &parts, &[axis()]),
            };
        }
        self.last(&value)?;
        self.graph.output(STEM, &shape);
        Ok(self.graph.finish())
    }

    /// How many channels each layer on the way down has, which the checkpoint says.
    fn channels(&self) -> Result<Vec<usize>> {
        let channels = |layer| {
            let name = format!("{}/kernel", numbered("conv2d", self.number * CONVOLUTIONS + layer));
            let tensor = self.checkpoint.tensors().get(&name);
            tensor.and_then(|tensor| tensor.shape.get(3).copied()).ok_or_else(|| {
                Error::new(ErrorKind::Model, format!("the model cannot be used: it has no variable `{name}`"))
            })
        };
        (0..LAYERS).map(channels).collect()
    }

    /// How many numbers the graph will have.
    fn numbers(&self, channels: &[usize]) -> usize {
        let widest = channels.iter().copied().max().unwrap_or(0);
        let pairs: usize = channels.windows(2).map(|pair| pair[0] * pair[1]).sum();
        KERNEL * KERNEL * (3 * pairs + 4 * channels[0] + widest) + 16 * channels.iter().sum::<usize>() + 64
    }

    fn convolution(&mut self, layer: usize, value: &str, before: usize, after: usize) -> Result<String> {
        let name = numbered("conv2d", self.number * CONVOLUTIONS + layer);
        let kernel = self.checkpoint.floats(&format!("{name}/kernel"), &[KERNEL, KERNEL, before, after])?;
        let bias = self.bias(&name, after)?;
        let kernel = self.graph.constant(
            &[after, before, KERNEL, KERNEL],
            turned(&kernel, KERNEL * KERNEL, before, 0..before, after),
        );
        Ok(self.graph.operator("Conv", &[value, &kernel, &bias], &strided()))
    }

    /// One layer on the way up, in parts: whoever runs it needs room for what a part has before it is added up, which for all
    /// channels of the widest layer at once is 52 MB. Smaller parts also stay in the processor's caches.
    fn level_up(&mut self, layer: usize, value: &str, before: usize, after: usize) -> Result<Vec<String>> {
        let name = numbered("conv2d_transpose", self.number * LAYERS + layer);
        let kernel = self.checkpoint.floats(&format!("{name}/kernel"), &[KERNEL, KERNEL, after, before])?;
        let bias = self.checkpoint.floats(&format!("{name}/bias"), &[after])?;
        let normal = self.normal(LAYERS + layer, after)?;
        let places = (FRAMES * HEARD_BINS) >> (2 * (LAYERS - layer));
        let bytes = KERNEL * KERNEL * after * places * size_of::<f32>();
        let width = after.div_ceil(bytes.div_ceil(STEMS_PART_BYTES_MAX));
        let mut made = Vec::new();
        for begin in (0..after).step_by(width) {
            let part = begin..after.min(begin + width);
            let numbers = turned(&kernel, KERNEL * KERNEL, after, part.clone(), before);
            let kernel = self.graph.constant(&[before, part.len(), KERNEL, KERNEL], numbers);
            let bias = self.graph.constant(&[part.len()], bias[part.clone()].iter().copied());
            let sum = self.graph.operator("ConvTranspose", &[value, &kernel, &bias], &strided());
            let active = self.activated(&sum, self.activation_up());
            made.push(self.normalised(&active, &normal, part));
        }
        Ok(made)
    }

    /// The last convolution, and what makes a stem of it.
    fn last(&mut self, value: &str) -> Result<()> {
        let name = numbered("conv2d", self.number * CONVOLUTIONS + LAYERS);
        let kernel = self.checkpoint.floats(&format!("{name}/kernel"), &[LAST_KERNEL, LAST_KERNEL, 1, 2])?;
        let bias = self.bias(&name, 2)?;
        let kernel = self.graph.constant(
            &[2, 1, LAST_KERNEL, LAST_KERNEL],
            turned(&kernel, LAST_KERNEL * LAST_KERNEL, 1, 0..1, 2),
        );
        let attributes = [
            Attribute::Ints("kernel_shape", &[LAST_KERNEL as u64; 2]),
            Attribute::Ints("pads", &LAST_SAME),
            Attribute::Ints("strides", &[1; 2]),
            Attribute::Ints("dilations", &[LAST_DILATION; 2]),
        ];
        if self.networks == Networks::ExponentialSoftmax {
            self.graph.named("Conv", &[value, &kernel, &bias], &attributes, STEM);
        } else {
            let made = self.graph.operator("Conv", &[value, &kernel, &bias], &attributes);
            let mask = self.graph.operator("Sigmoid", &[&made], &[]);
            self.graph.named("Mul", &[&mask, MIX], &[], STEM);
        }
        Ok(())
    }

    fn bias(&mut self, name: &str, channels: usize) -> Result<String> {
        let bias = self.checkpoint.floats(&format!("{name}/bias"), &[channels])?;
        Ok(self.graph.constant(&[channels], bias))
    }

    /// What the normalisation behind a layer does to each channel.
    fn normal(&mut self, layer: usize, channels: usize) -> Result<[Vec<f32>; 4]> {
        let name = numbered("batch_normalization", self.number * 2 * LAYERS + layer);
        let mut part = |part: &str| self.checkpoint.floats(&format!("{name}/{part}"), &[channels]);
        Ok([part("gamma")?, part("beta")?, part("moving_mean")?, part("moving_variance")?])
    }

    /// Normalises these channels of a layer.
    fn normalised(&mut self, value: &str, normal: &[Vec<f32>; 4], channels: Range<usize>) -> String {
        let mut part = |numbers: &Vec<f32>| {
            self.graph.constant(&[channels.len()], numbers[channels.clone()].iter().copied())
        };
        let [scale, offset, mean, variance] = normal.each_ref().map(&mut part);
        let attributes = [Attribute::Float("epsilon", NORMAL_EPSILON)];
        self.graph.operator("BatchNormalization", &[value, &scale, &offset, &mean, &variance], &attributes)
    }

    fn activation_down(&self) -> (&'static str, Option<f32>) {
        match self.networks {
            Networks::Rectified | Networks::Graph => ("LeakyRelu", Some(LEAK)),
            Networks::Exponential | Networks::ExponentialSoftmax => ("Elu", None),
        }
    }

    fn activation_up(&self) -> (&'static str, Option<f32>) {
        match self.networks {
            Networks::Rectified | Networks::Graph => ("Relu", None),
            Networks::Exponential | Networks::ExponentialSoftmax => ("Elu", None),
        }
    }

    fn activated(&mut self, value: &str, (kind, leak): (&str, Option<f32>)) -> String {
        match leak {
            Some(leak) => self.graph.operator(kind, &[value], &[Attribute::Float("alpha", leak)]),
            None => self.graph.operator(kind, &[value], &[]),
        }
    }
}

/// How a convolution halves both sides, or doubles them on the way up.
fn strided() -> [Attribute<'static>; 4] {
    [
        Attribute::Ints("kernel_shape", &[KERNEL as u64; 2]),
        Attribute::Ints("pads", &SAME),
        Attribute::Ints("strides", &STRIDES),
        Attribute::Ints("dilations", &[1; 2]),
    ]
}

/// Along which side values are joined: their channels.
fn axis() -> Attribute<'static> {
    Attribute::Int("axis", 1)
}

/// A layer's name, as Keras counts: the first one has no number.
fn numbered(kind: &str, number: usize) -> String {
    if number == 0 { kind.to_owned() } else { format!("{kind}_{number}") }
}

/// The numbers of a kernel by its last side, then some of the one before, then its places; TensorFlow has the last side varying fastest.
fn turned(
    kernel: &[f32],
    places: usize,
    before: usize,
    part: Range<usize>,
    after: usize,
) -> impl Iterator<Item = f32> {
    let number =
        move |last: usize, other: usize, place: usize| kernel[(place * before + other) * after + last];
    (0..after).flat_map(move |last| {
        part.clone().flat_map(move |other| (0..places).map(move |place| number(last, other, place)))
    })
}
