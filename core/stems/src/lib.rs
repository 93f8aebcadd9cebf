//! Songs taken apart: vocals, drums, bass and the rest, each by itself, of songs of any length.
//!
//! **Promise.** What a song needs in memory does not depend on how long it is. At 44.1 kHz, n samples in are n samples out;
//! from another rate they are `round(n · 44100 / rate)`. The result depends neither on how the song comes in pieces nor on the
//! number of threads. Silence stays silence, and whatever the bytes are, the end is a song or an [`Error`] that says why not.
//!
//! **Flow.** [`open`] decodes a file (or [`Raw`] takes what another program decoded) → [`split`] pulls it piece by piece:
//! converted to stereo at 44.1 kHz, its spectrum taken, one block given to the [`Engine`], what the block's masks leave
//! overlapped and added again → each stem goes to its [`Sink`] (a [`Wav`], a [`Flac`], or the caller's own), a thousand samples
//! at a time → after each piece the caller hears how far it is, and may stop it. [`separate`] is all of it for a wish: the
//! [`models`] folder chooses an engine whose model is installed, says what that will need, and reads the model.
//!
//! **Not here.** Songs and stems as files, jobs, addresses, child processes, models that are downloaded. This is a library: it
//! reads from what it is given and writes to what it is given, and opens nothing but the files of the models' folder.

mod error;
mod stem;
mod stereo;

mod decode;
mod sound;

mod convert;
mod downmix;
mod resample;

pub mod engine;
pub mod models;
mod spectrum;

mod encode;
mod separate;
mod split;

pub use decode::{Media, open};
pub use encode::{Depth, Encoding, Flac, Sink, Wav, Written};
pub use engine::Engine;
pub use error::{Error, ErrorKind, Result};
pub use separate::{Separated, separate};
pub use sound::{Format, Raw, Sound};
pub use spectrum::{BINS, Complex32, FRAME_SAMPLES, Frame, HOP_SAMPLES, Mask};
pub use split::{Progress, Summary, split};
pub use stem::Stem;
pub use stereo::{RATE_HZ, Stereo};

#[cfg(test)]
mod signals;
