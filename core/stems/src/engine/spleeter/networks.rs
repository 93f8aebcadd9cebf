//! The networks of a model in memory.

use std::io::{Read, Seek};
use std::sync::Arc;

use rten::{Model, ModelOptions, RunOptions, ThreadPool, ValueView, op_registry};

use super::unet::{MIX, STEM, Unet};
use super::{FRAMES, HEARD_BINS};
use crate::models::onnx::WEIGHTS;
use crate::models::{Checkpoint, Networks};
use crate::{Error, ErrorKind, Result, Stem};

/// One network for each stem, which any number of songs may use at the same time.
pub struct SpleeterNetworks {
    stems: &'static [Stem],
    networks: Networks,
    models: Vec<Model>,
    bytes: u64,
}

impl SpleeterNetworks {
    /// Reads all networks of a checkpoint, whose stems are in this order.
    ///
    /// # Errors
    /// [`ErrorKind::Model`] when it is a checkpoint of something else.
    pub(crate) fn load<D: Read + Seek>(
        mut checkpoint: Checkpoint<D>,
        networks: Networks,
        stems: &'static [Stem],
    ) -> Result<Self> {
        let mut bytes = 0;
        let mut models = Vec::with_capacity(stems.len());
        for number in 0..stems.len() {
            let (graph, weights) = Unet::new(&mut checkpoint, networks, number).written()?;
            bytes += weights.len() as u64;
            models.push(loaded(graph, weights)?);
        }
        Ok(SpleeterNetworks { stems, networks, models, bytes })
    }

    /// What its numbers take.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    pub(super) fn stems(&self) -> &'static [Stem] {
        self.stems
    }

    /// The squares of how loud each frequency of a block is in each stem: side, frame, frequency.
    pub(super) fn powers(&self, mix: &[f32], threads: &Arc<ThreadPool>) -> Result<Vec<Vec<f32>>> {
        let mut made = Vec::with_capacity(self.models.len());
        for model in &self.models {
            made.push(run(model, mix, threads).map_err(|e| failed(&e))?);
        }
        if self.networks == Networks::ExponentialSoftmax {
            shared(&mut made, mix);
        }
        for number in made.iter_mut().flatten() {
            *number *= *number;
        }
        Ok(made)
    }
}

fn loaded(graph: Vec<u8>, weights: Vec<u8>) -> Result<Model> {
    let operators =
        op_registry!(BatchNormalization, Concat, Conv, ConvTranspose, Elu, LeakyRelu, Mul, Relu, Sigmoid);
    let mut options = ModelOptions::with_ops(operators);
    options.external_data(WEIGHTS, weights);
    options.load(graph).map_err(|e| Error::new(ErrorKind::Model, format!("the model cannot be used: {e}")))
}

fn run(
    model: &Model,
    mix: &[f32],
    threads: &Arc<ThreadPool>,
) -> std::result::Result<Vec<f32>, Box<dyn std::error::Error>> {
    let input = ValueView::from_shape([1, 2, FRAMES, HEARD_BINS].as_slice(), mix)?;
    let options = RunOptions::default().with_thread_pool(Some(Arc::clone(threads)));
    let inputs = vec![(model.node_id(MIX)?, input.into())];
    let [stem] = model.run_n(inputs, [model.node_id(STEM)?], Some(options))?;
    let (_, numbers) = stem.into_shape_vec::<f32, 4>()?;
    Ok(numbers)
}

/// Gives each stem its part of the mix by one softmax over all.
fn shared(stems: &mut [Vec<f32>], mix: &[f32]) {
    for (at, loudness) in mix.iter().enumerate() {
        let most = stems.iter().map(|stem| stem[at]).fold(f32::NEG_INFINITY, f32::max);
        let mut sum = 0.0;
        for stem in &mut *stems {
            stem[at] = (stem[at] - most).exp();
            sum += stem[at];
        }
        for stem in &mut *stems {
            stem[at] *= loudness / sum;
        }
    }
}

fn failed(e: &dyn std::fmt::Display) -> Error {
    Error::new(ErrorKind::Engine, format!("the network failed: {e}"))
}
