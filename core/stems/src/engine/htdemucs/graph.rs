//! The network as a graph that was exported from PyTorch, with its numbers beside it.

use std::io::Read;
use std::sync::Arc;

use budget::limits::{STEMS_GRAPH_BYTES_MAX, STEMS_MODEL_BYTES_MAX, STEMS_SEGMENT_SAMPLES_MAX};
use rten::{Dimension, Model, ModelOptions, RunOptions, ThreadPool, ValueView};

use super::segment::{HEARD_BINS, Spectra};
use crate::engine::numbers_of;
use crate::{Error, ErrorKind, HOP_SAMPLES, Result, Stem, Stereo};

/// The names of what the graph is given and what it gives.
const MIX: &str = "mix";
const SPECTRA: &str = "spectra";
const STEMS: &str = "stems";
const STEM_SPECTRA: &str = "stem_spectra";
/// The name under which the graph finds its numbers.
const DATA: &str = "htdemucs.onnx.data";

/// The network of Demucs, which any number of songs may use at the same time.
///
/// Shapes: `mix` is (1, side, sample), `spectra` (1, side and part, frequency, frame); `stems` and `stem_spectra` have the stem between the
/// first two. What the network makes is the sum of both.
pub struct HtdemucsGraph {
    model: Model,
    samples: usize,
    bytes: u64,
}

impl HtdemucsGraph {
    /// Reads a graph and its numbers.
    ///
    /// # Errors
    /// [`ErrorKind::Model`] when it is a graph of something else, [`ErrorKind::Read`].
    pub(crate) fn load(graph: impl Read, data: impl Read) -> Result<Self> {
        let graph = all(graph, STEMS_GRAPH_BYTES_MAX)?;
        let data = all(data, STEMS_MODEL_BYTES_MAX)?;
        let bytes = (graph.len() + data.len()) as u64;
        let mut options = ModelOptions::with_all_ops();
        options.external_data(DATA, data);
        let model = options.load(graph).map_err(|e| broken(&e.to_string()))?;
        for name in [MIX, SPECTRA, STEMS, STEM_SPECTRA] {
            model.node_id(name).map_err(|_| broken(&format!("it has no `{name}`")))?;
        }
        let shape = |name: &str| {
            let shape = model.find_node(name).and_then(|id| model.node_info(id)?.shape());
            shape
                .unwrap_or_default()
                .into_iter()
                .map(fixed)
                .collect::<Option<Vec<usize>>>()
                .unwrap_or_default()
        };
        let samples = shape(MIX).get(2).copied().unwrap_or(0);
        let frames = samples.div_ceil(HOP_SAMPLES);
        let is_right = shape(MIX) == [1, 2, samples] && shape(SPECTRA) == [1, 4, HEARD_BINS, frames];
        if !is_right || !(4 * HOP_SAMPLES..=STEMS_SEGMENT_SAMPLES_MAX).contains(&samples) {
            let what = format!("it hears {:?} and {:?}", shape(MIX), shape(SPECTRA));
            return Err(broken(&what));
        }
        Ok(HtdemucsGraph { model, samples, bytes })
    }

    /// What its numbers take.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    pub(super) fn stems(&self) -> &'static [Stem] {
        &[Stem::Drums, Stem::Bass, Stem::Other, Stem::Vocals]
    }

    /// Samples of one segment.
    pub(super) fn samples(&self) -> usize {
        self.samples
    }

    /// Takes one segment apart.
    pub(super) fn run(
        &self,
        mix: &Stereo,
        spectra: &mut Spectra,
        threads: &Arc<ThreadPool>,
    ) -> Result<Vec<Stereo>> {
        let (stems, stem_spectra) = self
            .asked(mix, spectra.of(mix)?, threads)
            .map_err(|e| Error::new(ErrorKind::Engine, format!("the network failed: {e}")))?;
        let count = self.stems().len();
        let (samples, numbers) = (2 * self.samples, stem_spectra.len() / count);
        if stems.len() != count * samples || numbers != 4 * HEARD_BINS * self.samples.div_ceil(HOP_SAMPLES) {
            return Err(Error::new(ErrorKind::Engine, "the network gave other stems than were asked for"));
        }
        numbers_of(&stems)?;
        numbers_of(&stem_spectra)?;
        let mut made = Vec::with_capacity(count);
        for (stem, spectrum) in stems.chunks(samples).zip(stem_spectra.chunks(numbers)) {
            let (left, right) = stem.split_at(self.samples);
            let mut stem = Stereo::of(left.to_vec(), right.to_vec());
            spectra.add_back(spectrum, &mut stem)?;
            made.push(stem);
        }
        Ok(made)
    }

    fn asked(
        &self,
        mix: &Stereo,
        spectra: &[f32],
        threads: &Arc<ThreadPool>,
    ) -> std::result::Result<(Vec<f32>, Vec<f32>), Box<dyn std::error::Error>> {
        let sides = [mix.left(), mix.right()].concat();
        let frames = self.samples.div_ceil(HOP_SAMPLES);
        let mix = ValueView::from_shape([1, 2, self.samples].as_slice(), &sides)?;
        let spectra = ValueView::from_shape([1, 4, HEARD_BINS, frames].as_slice(), spectra)?;
        let options = RunOptions::default().with_thread_pool(Some(Arc::clone(threads)));
        let inputs =
            vec![(self.model.node_id(MIX)?, mix.into()), (self.model.node_id(SPECTRA)?, spectra.into())];
        let outputs = [self.model.node_id(STEMS)?, self.model.node_id(STEM_SPECTRA)?];
        let [stems, stem_spectra] = self.model.run_n(inputs, outputs, Some(options))?;
        Ok((stems.into_shape_vec::<f32, 4>()?.1, stem_spectra.into_shape_vec::<f32, 5>()?.1))
    }
}

fn fixed(dimension: Dimension) -> Option<usize> {
    if let Dimension::Fixed(side) = dimension { Some(side) } else { None }
}

/// All bytes, if they are no more than so many.
fn all(from: impl Read, most: u64) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    #[expect(clippy::disallowed_methods, reason = "bounded by `take`")]
    from.take(most + 1).read_to_end(&mut bytes).map_err(|e| Error::model_unread("the model", e))?;
    if bytes.len() as u64 > most {
        return Err(broken(&format!("it has more than {most} bytes")));
    }
    Ok(bytes)
}

fn broken(how: &str) -> Error {
    Error::new(ErrorKind::Model, format!("the model cannot be used: {how}"))
}
