//! The workshop: everything that `cargo x …` does, as a library, so that the whole-server tests can use it too.
//!
//! **Promise.** A fresh clone on a fresh machine needs nothing but Rust and one command: what is missing is installed
//! or named, nothing that is there is installed again, and every stage that fails says its name. Generated libraries
//! are the same tree for the same seed, byte by byte.
//!
//! **Flow.** [`install`] sees to the tools; [`corpus`] and [`demo`] make music; [`up`] starts a server on it;
//! [`stages`] is what `cargo x test` runs, with [`tidy`] first; [`bench`] and [`prove`] take longer and are started
//! by hand. All of them start other programs through [`run`] and speak of failure through [`Error`].
//!
//! **Not here.** Anything that the server needs. No crate of the server depends on this one; the whole-server tests do.

pub mod bench;
pub mod corpus;
pub mod demo;
pub mod deploy;
mod error;
pub mod files;
pub mod install;
pub mod models;
pub mod page;
pub mod prove;
pub mod run;
pub mod stages;
pub mod tidy;
pub mod up;

pub use error::{Error, ErrorKind};

/// What every command of the workshop returns.
pub type Result<T> = std::result::Result<T, Error>;
