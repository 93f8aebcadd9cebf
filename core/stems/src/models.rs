//! The weights of networks, as others trained and stored them.

mod checkpoint;

pub use checkpoint::{Checkpoint, Tensor};
