//! A model in memory.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use super::checkpoint::Checkpoint;
use super::registry::{DATA, GRAPH, GRAPH_DATA, INDEX, Model, Networks};
use crate::engine::{HtdemucsGraph, SpleeterNetworks};
use crate::{Error, Result};

/// A model in memory, which any number of songs may use at the same time. A copy of this is the same memory.
#[derive(Clone)]
pub enum Weights {
    /// The networks of Spleeter, one for each stem.
    Spleeter(Arc<SpleeterNetworks>),
    /// The graph of Demucs.
    Htdemucs(Arc<HtdemucsGraph>),
}

impl Weights {
    /// Reads the files of a model in its folder.
    pub(super) fn load(model: &'static Model, folder: &Path) -> Result<Self> {
        let open = |name: &str| {
            File::open(folder.join(name))
                .map_err(|e| Error::model_unread(format!("{name} of the model `{}`", model.name), e))
        };
        match model.networks {
            Networks::Graph => {
                let graph = HtdemucsGraph::load(open(GRAPH)?, open(GRAPH_DATA)?)?;
                Ok(Weights::Htdemucs(Arc::new(graph)))
            }
            networks => {
                let checkpoint = Checkpoint::open(open(INDEX)?, open(DATA)?)?;
                Ok(Weights::Spleeter(Arc::new(SpleeterNetworks::load(checkpoint, networks, model.stems)?)))
            }
        }
    }

    /// What it holds.
    pub fn bytes(&self) -> u64 {
        match self {
            Weights::Spleeter(networks) => networks.bytes(),
            Weights::Htdemucs(graph) => graph.bytes(),
        }
    }
}
