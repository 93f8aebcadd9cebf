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
mod captions;
mod cover_id;
mod endpoints;
mod error;
mod extensions;
#[cfg(test)]
mod fixture;
mod form;
mod list;
mod model;
mod params;
mod players;
mod playing;
mod quirks;
mod reply;
mod router;
mod transcode;

use std::sync::Arc;

use axum::http::{HeaderMap, Uri};
use budget::{Budget, Slots};
use catalog::scan::Scanner;
use catalog::{Catalog, SignIn, TrackId, UserId, Viewer};
use store::Shelf;
use stream::{Client, Streams};
use tokio::sync::Notify;
use transform::{Covers, Transforms};

pub use error::{Error, ErrorKind};
pub use router::{ROUTES, Route, router, unheard};

/// Signs the path and query of a rendition in the name of a user, whose rights it has from then on.
pub type Sign = Arc<dyn Fn(&str, UserId) -> String + Send + Sync>;

/// The address of this server as a client knows it, without a slash at its end: what addresses in answers begin with. Of a
/// request that does not say whom it asks it may be no more than the beginning of a path.
pub type AddressOf = Arc<dyn Fn(&Client, &HeaderMap, &Uri) -> String + Send + Sync>;

/// Hears that somebody has begun to listen to a track, and returns at once.
pub type HearsBegun = Arc<dyn Fn(&Viewer, TrackId) + Send + Sync>;

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
    /// Signs addresses of renditions, so that players may follow lists of them.
    pub sign: Sign,
    /// Tells where clients find us.
    pub address_of: AddressOf,
    /// Hears what players say that they have begun.
    pub begun: HearsBegun,
    /// Grants memory for lists and forms.
    pub budget: Budget,
    /// Scans libraries.
    pub scanner: Scanner,
    /// Rung when somebody wants something of a podcast, for whoever follows the feeds.
    pub feeds: Arc<Notify>,
    /// Counts the lists on their way to each user, by his number; shared by all faces.
    pub listings: Slots<i64>,
}
