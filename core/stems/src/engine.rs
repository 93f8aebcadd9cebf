//! Ways to take a song apart.
//!
//! To the pipeline, an [`Engine`] is something that takes the mix and gives stems, sample by sample. Most engines look at spectra
//! and answer with masks: these are [`MaskEngine`]s, and [`Masking`] makes an `Engine` of each. One that works on samples
//! itself is an `Engine` directly. Engines are put together: [`Folded`] adds stems up to a smaller set, [`Chain`] gives one of
//! them to a second engine.

mod chain;
mod folded;
mod htdemucs;
mod masking;
mod name;
mod spectral;
mod spleeter;

pub use chain::Chain;
pub use folded::Folded;
pub use htdemucs::{Htdemucs, HtdemucsGraph};
pub use masking::{MaskEngine, Masking, Shape};
pub use name::EngineName;
pub use spectral::{Percussive, Spectral};
pub use spleeter::{MaskExtension, Spleeter, SpleeterNetworks};

use crate::{Error, ErrorKind, Result, Stem, Stereo};

/// What an engine gives its stems to: a piece of each, all of the same length, in the order of [`Engine::stems`].
pub type Give<'a> = dyn FnMut(&[Stereo]) -> Result<()> + 'a;

/// A way to take a song apart. One engine takes one song apart, from its first sample to its last.
///
/// It gives as many samples as it takes, in their order, as late as it likes, and how the mix comes in pieces makes no
/// difference to what it gives. A model's weights may be shared between engines; everything else is one song's.
pub trait Engine: Send {
    /// What it is called in answers, as in `spectral`.
    fn name(&self) -> &'static str;

    /// What it makes.
    fn stems(&self) -> &'static [Stem];

    /// How many bytes it holds at most, for any song, beside weights that it shares.
    fn memory_bytes(&self) -> u64;

    /// Takes a piece of the mix, and gives what is ready.
    ///
    /// # Errors
    /// Those of `give`, at once, [`ErrorKind::Engine`], and [`ErrorKind::NoNumbers`] of a network. It is not asked again after one.
    fn push(&mut self, mix: &Stereo, give: &mut Give<'_>) -> Result<()>;

    /// The song has ended: gives all that is left.
    ///
    /// # Errors
    /// As [`push`](Engine::push).
    fn finish(&mut self, give: &mut Give<'_>) -> Result<()>;
}

/// Looks at what a network gave, before anything is made of it that hides what was no number.
///
/// # Errors
/// [`ErrorKind::NoNumbers`].
fn numbers_of(given: &[f32]) -> Result<()> {
    if given.iter().all(|number| number.is_finite()) {
        return Ok(());
    }
    Err(Error::new(ErrorKind::NoNumbers, "the network gives what are no numbers, or infinite ones"))
}
