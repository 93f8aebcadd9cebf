//! What lies on other people's servers: the only place from which a connection to anybody is opened.
//!
//! [`target`] reads addresses strictly and [`guard`] says which of them may be asked; [`names`] asks once what a name
//! means, and [`transport`] connects to exactly an address that was judged. [`connections`] keeps what is open, and
//! [`client`] sends requests for one origin, looks again at each redirect, and takes no answer that [`answer`] finds to
//! contradict itself. [`origin`] opens files; what is read of them comes by [`blocks`] of 1 MiB, each fetched once for all
//! who want it, and stays in the [`cache`] on the local disk, which a bucket of the store shares. [`origins`] asks one
//! place after the other, and [`forward`] sends on what somebody asks of an origin whose every request is passed on.
//! [`outgoing`] sends single requests to servers that somebody named at run time: a feed, a service that counts plays.

mod answer;
mod auth;
pub(crate) mod blocks;
pub(crate) mod cache;
mod client;
pub(crate) mod connections;
mod figures;
mod forward;
mod guard;
pub(crate) mod names;
mod origin;
mod origins;
mod outgoing;
mod settings;
mod sigv4;
#[cfg(test)]
mod stand_in;
mod target;
mod threads;
pub(crate) mod transport;
pub(crate) mod trouble;

pub use auth::RemoteAuth;
pub use cache::Blocks;
pub use forward::{Forward, Forwarded, Hears};
pub use guard::Private;
pub use origin::{Found, RemoteBelief, RemoteOrigin, Remotes};
pub use origins::{Origin, Origins};
pub use outgoing::{Outgoing, OutgoingAnswer, OutgoingBounds};
pub use settings::{RemoteBeliefs, RemoteSettings, RemoteWaits};
pub use target::RemotePath;
pub use trouble::{Trouble, TroubleKind};
