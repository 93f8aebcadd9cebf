//! The OpenSubsonic face: what Subsonic apps speak to.
//!
//! **Promise.** Every answer, errors included, comes in the envelope that clients expect, in XML, JSON or JSONP; a list
//! of any length needs the memory of one page; nothing is told about what the user may not see.
//!
//! **Flow.** [`ROUTES`] names each endpoint with the [`catalog::Action`] that it is → parameters from query and form →
//! sign-in by `u` and `p`, `u`, `t` and `s`, or `apiKey` → the access table → a handler in `endpoints` → `reply`
//! writes a small answer, `list` a long one page by page, and media go as a [`stream::Segment`] to
//! [`stream::Streams`].
//!
//! **Not here.** Cookies and CORS (the wiring adds the latter), SQL, files; how sound is made: `transcode` says what, and
//! [`transform`] how.

mod auth;
mod call;
mod endpoints;
mod error;
mod extensions;
#[cfg(test)]
mod fixture;
mod form;
mod list;
mod model;
mod params;
mod playing;
mod quirks;
mod reply;
mod router;
mod transcode;

use std::sync::Arc;

use budget::{Budget, Slots};
use catalog::scan::Scanner;
use catalog::{Catalog, SignIn};
use store::Shelf;
use stream::Streams;
use transform::{Covers, Transforms};

pub use error::{Error, ErrorKind};
pub use router::{ROUTES, Route, router};

/// What the face is made of.
pub struct Parts {
    /// What is known.
    pub catalog: Arc<dyn Catalog>,
    /// Proves who asks.
    pub sign_in: SignIn,
    /// Opens files of libraries and what was sent.
    pub shelf: Shelf,
    /// Sends media.
    pub streams: Streams,
    /// Gives covers their sizes.
    pub covers: Covers,
    /// Makes sound as players want it; without it, they get files as they are.
    pub transforms: Option<Transforms>,
    /// Grants memory for lists and forms.
    pub budget: Budget,
    /// Scans libraries.
    pub scanner: Scanner,
    /// Counts the lists on their way to each user, by his number; shared by all faces.
    pub listings: Slots<i64>,
}
