//! From listening sockets to connections.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use budget::{Fault, Permit, Pool, Refused, Slot, Slots, limits};
use stream::Peer;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::bind::Bound;
use super::connection;
use super::metrics::Why;
use super::refuse::refuse;
use super::socket::{Remote, Socket};
use super::{House, Who};

/// Accepts until the house stops, then lets running answers finish within the drain time. Every task has ended when
/// this returns.
pub(crate) async fn serve(listeners: Vec<Bound>, house: Arc<House>) {
    let door = Arc::new(Door {
        serial: AtomicU64::new(0),
        refusals: Slots::new("refusals", "refusals", limits::REFUSALS_AT_ONCE_MAX, 0),
    });
    let mut loops = JoinSet::new();
    for bound in listeners {
        loops.spawn(accept(bound, Arc::clone(&house), Arc::clone(&door)));
    }
    while let Some(ended) = loops.join_next().await {
        if let Err(e) = ended {
            tracing::error!(error = %e, "an accept loop ended by itself");
        }
    }
    house.tasks.close();
    let drained = tokio::select! {
        drained = timeout(house.deadlines.drain, house.tasks.wait()) => drained.is_ok(),
        () = house.end.cancelled() => false,
    };
    if !drained {
        tracing::warn!(tasks = house.tasks.len(), "closing connections whose answers did not finish in time");
        house.end.cancel();
        house.tasks.wait().await;
    }
}

/// What the loops share.
struct Door {
    serial: AtomicU64,
    refusals: Slots<()>,
}

/// What a connection holds while it is open.
struct Admission {
    _slot: Slot<Who>,
    _memory: Permit,
}

async fn accept(bound: Bound, house: Arc<House>, door: Arc<Door>) {
    loop {
        let accepted = tokio::select! {
            biased;
            () = house.stop.cancelled() => return,
            accepted = bound.accept() => accepted,
        };
        match accepted {
            Ok((socket, remote, peer)) => {
                house.metrics.accepted();
                admit(socket, remote, peer, &house, &door);
            }
            // The peer left while it waited for us: its own affair.
            Err(e) if left_while_waiting(&e) => {}
            Err(e) => {
                house.metrics.accept_failed();
                tracing::warn!(error = %e, address = %bound.address(), "cannot accept a connection; trying again");
                sleep(Duration::from_millis(limits::ACCEPT_PAUSE_MS)).await;
            }
        }
    }
}

fn left_while_waiting(e: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(e.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

/// Takes the slots and the memory before anything is allocated for the connection.
fn admit(socket: Socket, remote: Remote, peer: Arc<Peer>, house: &Arc<House>, door: &Arc<Door>) {
    let serial = door.serial.fetch_add(1, Ordering::Relaxed);
    let who = house.proxies.who(remote, serial);
    let admission = house.connections.take(who).and_then(|slot| {
        let memory = house.budget.take(Pool::Connections, limits::CONNECTION_BYTES)?;
        Ok(Admission { _slot: slot, _memory: memory })
    });
    match admission {
        Ok(admission) => {
            let shared = Arc::clone(house);
            house.tasks.spawn(async move {
                let _admission = admission;
                connection::run(socket, remote, peer, shared).await;
            });
        }
        Err(refused) => turn_away(socket, remote, refused, house, door),
    }
}

/// Tells a client in clear that it is one too many, while few others are being told the same.
fn turn_away(socket: Socket, remote: Remote, refused: Refused, house: &Arc<House>, door: &Door) {
    house.metrics.refused(if refused.fault == Fault::Caller { Why::Address } else { Why::Server });
    tracing::debug!(?remote, what = refused.what, "refused a connection");
    let in_clear = house.tls.is_none() || remote == Remote::Unix;
    if let (true, Ok(slot)) = (in_clear, door.refusals.take(())) {
        let shared = Arc::clone(house);
        house.tasks.spawn(async move {
            let _slot = slot;
            refuse(socket, refused, shared).await;
        });
    }
}
