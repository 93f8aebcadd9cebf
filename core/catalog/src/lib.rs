//! What is known: users and their rights, libraries, tracks, albums, artists, playlists, play state, uploads.
//!
//! **Promise.** A query returns only what its [`Viewer`] may see; lists are read in pages of at most 500 rows and
//! 384 KiB, each its own short read, so no cursor is open while a client takes nothing; what a function acknowledged is committed.
//!
//! **Flow.** A face proves who asks with [`SignIn`] and gets an [`Identity`]; [`access`] says what that identity may
//! do; the [`Catalog`] traits answer queries in the words of the [`model`]; a [`scan`] reads headers of media through
//! the store's sources and merges them into the tables.
//!
//! **Not here.** HTTP, JSON, file paths of the machine. SQL is here and nowhere else, under [`sqlite`] and [`cache`].

pub mod access;
pub mod cache;
#[doc(hidden)]
pub mod conformance;
mod database;
mod error;
mod fold;
pub mod model;
pub mod scan;
pub mod sign_in;
pub mod sqlite;
mod weight;

pub use access::{Access, Action, App, Verdict, Viewer};
pub use database::{
    Annotations, Catalog, Credentials, Discovery, Feeds, Jobs, LeftOff, Library, Looks, Page, Playlists,
    Podcasts, Scrobbles, Shares, Stations, Stems, UnderWay, Uploads, Users,
};
pub use error::{Error, ErrorKind};
pub use fold::ARTICLES;
pub use model::*;
pub use sign_in::{How, Identity, Opened, Refusal, Seal, SignIn, Visit};
pub use weight::{Weight, is_cut};
