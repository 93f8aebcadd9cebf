//! Bytes out: ranges, conditions, bodies.
//!
//! **Promise.** An answer has the right status, the right bytes and the right length, or the connection breaks
//! visibly (RFC 9110, 9111). A body holds one chunk of memory whatever its size. Every stream is registered, counted,
//! and ended when its client stops taking bytes.
//!
//! **Flow.** A face hands a [`Segment`] to [`Streams::answer`] → [`condition`] decides whether to send → [`range`]
//! decides what → [`Body`] reads it chunk by chunk under a permit, or the [`wire`] sends it from the page cache → the
//! registry sees it move.
//!
//! **Not here.** Routes, users' rights, files: `http` types alone, and no web framework.

mod body;
pub mod condition;
mod error;
mod following;
mod held;
mod interim;
mod metrics;
mod passing;
mod peer;
pub mod range;
mod registry;
mod respond;
mod segment;
mod stall;
pub mod wire;

pub use body::Body;
pub use error::{Ending, Error};
pub use held::{Held, is_safari, wants_part};
pub use interim::Interim;
pub use passing::Foreign;
pub use peer::{Client, Peer};
pub use registry::{Settings, StreamFigures, Streams};
pub use respond::{Kind, Listener};
pub use segment::{Disposition, Segment};

#[cfg(test)]
mod fixture;
