//! From listening sockets to connections.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use budget::{Fault, Permit, Pool, Refused, Slot, limits};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::bind::Bound;
use super::connection::{self, Caller};
use super::metrics::Why;
use super::refuse::refuse;
use super::socket::Socket;
use super::{House, Who};

/// Accepts until the house stops, then lets running answers finish within the drain time. Every task has ended when
/// this returns.
pub(crate) async fn serve(listeners: Vec<Bound>, house: Arc<House>) {
    let serials = Arc::new(AtomicU64::new(0));
    let mut loops = JoinSet::new();
    for bound in listeners {
        loops.spawn(accept(bound, Arc::clone(&house), Arc::clone(&serials)));
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

/// What a connection holds while it is open.
struct Admission {
    _slot: Slot<Who>,
    _memory: Permit,
}

async fn accept(bound: Bound, house: Arc<House>, serials: Arc<AtomicU64>) {
    loop {
        let accepted = tokio::select! {
            biased;
            () = house.stop.cancelled() => return,
            accepted = bound.accept(&house.budget) => accepted,
        };
        match accepted {
            Ok((socket, remote, peer)) => {
                house.metrics.accepted();
                let serial = serials.fetch_add(1, Ordering::Relaxed);
                admit(socket, serial, Caller { remote, peer, house: Arc::clone(&house) });
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
fn admit(socket: Socket, serial: u64, caller: Caller) {
    let house = &caller.house;
    let who = house.proxies.who(caller.remote, serial);
    let admission = house.connections.take(who).and_then(|slot| {
        let memory = house.budget.take(Pool::Connections, limits::SILENT_CONNECTION_BYTES)?;
        Ok(Admission { _slot: slot, _memory: memory })
    });
    match admission {
        Ok(admission) => {
            house.tasks.clone().spawn(connection::run(socket, caller, admission));
        }
        Err(refused) => turn_away(socket, refused, caller),
    }
}

/// Tells a client in clear that it is one too many, while few others are being told the same.
fn turn_away(socket: Socket, refused: Refused, caller: Caller) {
    let house = &caller.house;
    house.metrics.refused(if refused.fault == Fault::Caller { Why::Address } else { Why::Server });
    tracing::debug!(remote = ?caller.remote, what = refused.what, "refused a connection");
    if let (true, Ok(slot)) = (caller.is_clear(), house.refusals.take(())) {
        house.tasks.clone().spawn(async move {
            let _slot = slot;
            refuse(socket, &refused, &caller.house).await;
        });
    }
}
