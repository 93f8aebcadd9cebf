//! Our own API over HTTP and JSON, and the layers that every answer of every face passes.
//!
//! **Promise.** A route without a row in [`ROUTES`] cannot exist, and nobody reaches a handler whose row the access
//! table does not allow him. Every answer, also a refusal and a panic, has one shape, a request id and a time. A secret
//! is shown once, where it is made, and never in a log, an error or a metric.
//!
//! **Flow.** [`observe`] opens an account, a span and a clock → the gate of the route finds out who asks, judges the
//! row's action by [`catalog::access`] and only then calls the handler → the handler asks the catalog or hands a
//! [`stream::Segment`] to `stream` → [`observe`] adds headers, compresses text, counts and logs.
//!
//! **Not here.** Sockets, connection limits and TLS; what a credential is (`catalog`); ranges and bodies (`stream`).

// The descriptions that `utoipa` derives name types by paths that the compiler finds longer than needed.
#![allow(unused_qualifications)]

mod caller;
mod error;
mod gate;
mod held;
mod json;
mod origin;
mod routes;

mod account;
mod albums;
mod annotations;
mod artists;
mod audio;
mod browse;
mod ended;
mod events;
mod form;
mod front;
mod health;
mod html;
mod letters;
mod live;
mod lyrics;
mod media;
mod memory;
mod metrics;
mod openapi;
mod playlists;
mod queue;
mod scan;
mod scrobbling;
mod session;
mod sessions;
mod shares;
mod stems;
mod streams;
mod tracks;
mod ui;
mod under_way;
mod uploads;
mod users;
mod videos;

mod cors;
mod gzip;
mod observe;
mod operations;

#[cfg(test)]
mod tests;

use std::ops::Deref;
use std::sync::Arc;

use axum::Router;
use budget::{Budget, Slots};
use bytes::Bytes;
use catalog::scan::Scanner;
use catalog::{Catalog, Seal, SignIn};
use ingest::Ingest;
use prometheus_client::registry::Registry;
use store::Shelf;
use stream::Streams;
use tokio_util::sync::CancellationToken;
use transform::{Covers, Transforms};

pub use caller::{SESSION_COOKIE, who};
pub use health::Health;
pub use observe::{Observed, observe};
pub use operations::Operations;
pub use origin::{BadUrl, BaseUrl, Origins};
pub use routes::{ROUTES, Route};
pub use stems::{
    Cleared, LoadedModel, SentSong, SplitError, SplitErrorKind, Splitter, Strangers, Submit, Taking,
};

/// What the routes work with.
pub struct Parts {
    /// What is known.
    pub catalog: Arc<dyn Catalog>,
    /// Who somebody is.
    pub sign_in: SignIn,
    /// Seals what proves to services who a user is.
    pub seal: Seal,
    /// Opens files of libraries and what was sent.
    pub shelf: Shelf,
    /// What comes in.
    pub ingest: Ingest,
    /// The way out for media.
    pub streams: Streams,
    /// Gives covers their sizes.
    pub covers: Covers,
    /// Makes sound as players want it; without it, stems come as they are kept.
    pub transforms: Option<Transforms>,
    /// What takes songs apart.
    pub splitter: Arc<dyn Splitter>,
    /// `stems.public`: whether the splitter's own routes are open to strangers.
    pub stems_are_public: bool,
    /// What they may have of them then.
    pub strangers: Strangers,
    /// The widths in which videos are offered: `cdn.ladder`.
    pub ladder: Arc<[u64]>,
    /// The law.
    pub budget: Budget,
    /// What `POST /scan` starts.
    pub scanner: Scanner,
    /// Counts the lists on their way to each user, by his number; shared by all faces.
    pub listings: Slots<i64>,
    /// Counts who watches uploads, by the number of the user.
    pub watchers: Slots<i64>,
    /// The server stops: answers that would go on for as long as somebody listens end.
    pub stop: CancellationToken,
    /// Every metric of the process, complete: `GET /metrics` prints it.
    pub registry: Arc<Registry>,
    /// The figures of operations that [`observe`] keeps.
    pub operations: Operations,
    /// What `GET /health` asks.
    pub health: Health,
    /// `server.base_url`: where clients find us.
    pub base_url: BaseUrl,
    /// `server.cors_origins`: pages of other origins that may use a signed-in browser.
    pub cors_origins: Origins,
    /// The description of the routes of other faces, which stands in ours.
    pub beside: utoipa::openapi::OpenApi,
}

/// The parts and what is made of them once.
pub(crate) struct App {
    parts: Parts,
    /// The text of `/openapi.json`.
    description: Bytes,
}

impl Deref for App {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.parts
    }
}

/// All routes of [`ROUTES`], each behind its gate. Errors are JSON, also for unknown paths and methods; a router that
/// is merged into this one must not have a fallback of its own.
pub fn router(parts: Parts) -> Router {
    let description = openapi::text(&parts.base_url, parts.beside.clone());
    let app = Arc::new(App { parts, description });
    routes::build(app)
}
