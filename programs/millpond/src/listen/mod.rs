//! The accept loop: whom we talk to, for how long, and how a conversation ends.
//!
//! **Promise.** A connection that says nothing, says it too slowly, or takes nothing is closed in time; ceilings hold
//! before anything is allocated for a connection; an answer given before its request was read stays readable; a stop
//! lets running answers finish.
//!
//! **Flow.** [`bind`] opens the sockets → `accept` takes a slot and a silent connection's memory for each → `connection`
//! waits for its first byte, takes the memory of one that speaks, speaks TLS if asked to, and tells HTTP/2 from HTTP/1.1
//! by the preface → `http1` or `http2` has hyper work on it, which `drive` polls while [`pulse`] watches the deadlines →
//! `conversation` is what hyper reads and writes, with the `target` of each request mended → `exchange` is one request
//! and its answer, with the client resolved behind trusted proxies → `linger`.
//!
//! **Parking.** An HTTP/1 connection that is quiet between two requests is taken out of hyper, gives back the memory of
//! speech, and waits for its next first byte as a silent one does; a TLS session stays with it. An idle HTTP/2
//! connection is not parked, because its session is state that both ends share (compressed fields, windows, settings)
//! and that hyper does not hand over: it holds what it held, until the deadline of idle connections.
//!
//! **Our words.** Answers that no handler gives have the fields of all others (`refuse`): those over a ceiling, those to
//! a head that is too long or no HTTP, for which hyper's own answer is held back. Those to Subsonic apps are in the envelope.
//!
//! **Not here.** Routes, users, files: the handler is an `axum::Router` that somebody else built.

mod accept;
mod bind;
mod client;
mod connection;
mod conversation;
mod drive;
mod exchange;
mod http1;
mod http2;
mod linger;
mod metrics;
mod progress;
mod pulse;
mod queue;
mod refuse;
mod request_body;
mod rush;
mod self_test;
mod socket;
mod target;
mod tcp;
#[cfg(test)]
mod tests;
mod tls;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use budget::{Budget, Slots, limits};
use store::Io;
use stream::wire::{Share, Wire};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub(crate) use accept::serve;
pub(crate) use bind::{Bound, bind};
pub(crate) use client::Proxies;
pub(crate) use metrics::Metrics;
pub(crate) use self_test::self_test;
pub(crate) use tls::acceptor;

/// How long anything may take, and how much may be thrown away.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Deadlines {
    /// From the accept to the first byte.
    pub(crate) first_byte: Duration,
    /// From the first byte of a head, or of a TLS handshake, to its last.
    pub(crate) head: Duration,
    /// From the end of an answer to the next request.
    pub(crate) idle: Duration,
    /// From the end of an answer until hyper lets go of the connection.
    pub(crate) park: Duration,
    /// Between two bytes that the client takes of an answer.
    pub(crate) write_stall: Duration,
    /// Between two bytes that the client sends of a body.
    pub(crate) body_stall: Duration,
    /// After an early answer, for the rest of the request.
    pub(crate) linger: Duration,
    /// The same in bytes.
    pub(crate) linger_bytes: u64,
    /// From SIGTERM to the end of running answers.
    pub(crate) drain: Duration,
}

impl Default for Deadlines {
    fn default() -> Self {
        Deadlines {
            first_byte: Duration::from_millis(limits::FIRST_BYTE_MS),
            head: Duration::from_millis(limits::HEADER_MS),
            idle: Duration::from_millis(limits::IDLE_MS),
            park: Duration::from_millis(limits::PARK_MS),
            write_stall: Duration::from_millis(limits::WRITE_STALL_MS),
            body_stall: Duration::from_millis(limits::BODY_STALL_MS),
            linger: Duration::from_millis(limits::LINGER_MS),
            linger_bytes: limits::LINGER_BYTES_MAX,
            drain: Duration::from_millis(limits::DRAIN_MS),
        }
    }
}

/// What all connections share.
pub(crate) struct House {
    /// Who answers.
    pub(crate) router: Router,
    /// Who may say who the client is.
    pub(crate) proxies: Proxies,
    /// The path of `server.base_url`: requests work with it and without it.
    pub(crate) prefix: String,
    /// How long anything may take.
    pub(crate) deadlines: Deadlines,
    /// How TCP listeners speak TLS, if they do.
    pub(crate) tls: Option<TlsAcceptor>,
    /// The ceilings of connections.
    pub(crate) connections: Slots<Who>,
    /// The ceiling of those that are being told that there is no place for them.
    pub(crate) refusals: Slots<()>,
    /// The ceiling of open requests of one client behind a proxy, where a connection says nothing about the client.
    pub(crate) proxied: Slots<IpAddr>,
    /// Where each connection's memory comes from.
    pub(crate) budget: Budget,
    /// Whether files go out without a copy.
    pub(crate) wire: Wire,
    /// The threads that take large bodies in, if there are any.
    pub(crate) disk: Option<Io>,
    /// What is counted.
    pub(crate) metrics: Metrics,
    /// Every task of every connection.
    pub(crate) tasks: TaskTracker,
    /// Stop: no new connections, idle ones close, running answers go on.
    pub(crate) stop: CancellationToken,
    /// End: everything closes now.
    pub(crate) end: CancellationToken,
}

impl House {
    /// A house with the given handler and ceilings; 0 is no limit.
    pub(crate) fn new(router: Router, budget: Budget, connections: usize, per_address: usize) -> Self {
        House {
            router,
            proxies: Proxies::default(),
            prefix: String::new(),
            deadlines: Deadlines::default(),
            tls: None,
            connections: Slots::new("connections", "connections_per_address", connections, per_address),
            refusals: Slots::new("refusals", "refusals", limits::REFUSALS_AT_ONCE_MAX, 0),
            proxied: Slots::new("proxied_requests", "requests_per_address", 0, per_address),
            wire: Wire::new(Share::ALL, budget.clone()),
            budget,
            disk: None,
            metrics: Metrics::default(),
            tasks: TaskTracker::new(),
            stop: CancellationToken::new(),
            end: CancellationToken::new(),
        }
    }

    /// The same, shared.
    pub(crate) fn open(self) -> Arc<Self> {
        Arc::new(self)
    }
}

/// Whose connection it is, for the ceiling per address.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Who {
    /// An address; of IPv6 the /64 network, since one host has all of it.
    Address(IpAddr),
    /// A trusted proxy or a Unix socket, whose connections are many people's: each counts for itself.
    Exempt(u64),
}
