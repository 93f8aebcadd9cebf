//! `/memory`: what had memory in the last ten minutes, for whoever begins to look now.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use budget::{Moment, Pool, limits, memory};
use catalog::UnixMs;
use serde::Serialize;
use tokio::time::Instant;
use utoipa::ToSchema;

use crate::error::Error;
use crate::{App, held, json};

/// The server, or a child of it.
#[derive(Serialize, ToSchema)]
pub(crate) struct ProcessAnswer {
    /// `server`, or what the child is: `ffmpeg`, `ffprobe`, `stems`, or `guard`, which becomes one of them.
    name: &'static str,
    /// What the server has in memory. Of a child what is its own: the text of its libraries, which all children share and the
    /// kernel takes back before it refuses anybody, is not counted.
    resident_bytes: u64,
}

/// The server first, and then each child.
pub(crate) fn processes(server_bytes: u64) -> Vec<ProcessAnswer> {
    let server = ProcessAnswer { name: "server", resident_bytes: server_bytes };
    let children = memory::children().into_iter();
    let children = children.map(|child| ProcessAnswer { name: child.name, resident_bytes: child.own_bytes });
    std::iter::once(server).chain(children).collect()
}

/// What all of them have.
pub(crate) fn sum(processes: &[ProcessAnswer]) -> u64 {
    processes.iter().map(|process| process.resident_bytes).sum()
}

/// The most that there was within five seconds.
#[derive(Serialize, ToSchema)]
pub(crate) struct MomentAnswer {
    /// When these were over, as RFC 3339.
    at: String,
    /// What the server and its children had in memory when that was most.
    resident_bytes: u64,
    /// What of it was the server's own.
    server_bytes: u64,
    /// What permits of each pool stood for, in the order of `pools`, when those of all together stood for the most.
    used_bytes: Vec<u64>,
}

impl MomentAnswer {
    /// By the clock as it is set now: moments stay in their order when somebody sets it.
    fn of(moment: &Moment, now: (Instant, UnixMs)) -> Self {
        let ago = now.0.saturating_duration_since(moment.at).as_millis();
        MomentAnswer {
            at: json::moment(now.1.saturating_sub_unsigned(u64::try_from(ago).unwrap_or(u64::MAX))),
            resident_bytes: moment.resident.total_bytes(),
            server_bytes: moment.resident.server_bytes,
            used_bytes: moment.used_bytes.to_vec(),
        }
    }
}

/// What had memory in the last ten minutes.
#[derive(Serialize, ToSchema)]
pub(crate) struct MemoryAnswer {
    /// The names of the pools.
    pools: Vec<&'static str>,
    /// Oldest first; none from before the server's start.
    moments: Vec<MomentAnswer>,
}

/// See what had memory
///
/// The last ten minutes in moments of five seconds, which the server remembers whether anybody looks or not. What comes after
/// them is told by `/events`.
#[utoipa::path(get, path = "/memory", tag = "server",
    responses((status = 200, description = "the last ten minutes", body = MemoryAnswer)))]
pub(crate) async fn show(State(app): State<Arc<App>>) -> Result<Response, Error> {
    // Not of the pool of lists, which refuses everybody when memory is short: that is when these figures are wanted.
    let permit = app.budget.wait(Pool::Connections, limits::LIVE_EVENT_BYTES).await?;
    let now = (Instant::now(), json::now());
    let moments = app.budget.moments().iter().map(|moment| MomentAnswer::of(moment, now)).collect();
    let told = MemoryAnswer { pools: Pool::ALL.iter().map(|pool| pool.name()).collect(), moments };
    let text = serde_json::to_vec(&told).map_err(|e| Error::broken("the memory cannot be told", &e))?;
    drop(permit);
    Ok(held::answer(&app.budget, Pool::Connections, "application/json", text)?)
}
