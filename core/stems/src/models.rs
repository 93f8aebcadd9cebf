//! Models: which there are, the folder they are in, and what reads them.
//!
//! [`MODELS`] is the list of those that are known. A [`Folder`] has those that are installed and chooses one for a [`Wish`]; the
//! [`Choice`] says what it will need before anything is loaded, and loads its [`Weights`], which any number of songs may use.

mod checkpoint;
mod choice;
mod folder;
mod registry;
mod source;
#[cfg(test)]
mod tests;
mod weights;

pub use checkpoint::{Checkpoint, Tensor};
pub use choice::{Choice, Wish};
pub use folder::{Consent, Folder, Installed};
pub use registry::{Known, Licence, MODELS, Model, ModelFile, Networks, Origin, Pin};
pub use weights::Weights;
