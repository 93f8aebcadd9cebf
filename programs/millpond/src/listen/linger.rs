//! The end of a conversation whose request was not read to its end.
//!
//! A plain close with unread bytes makes the kernel send a reset, which destroys the answer on its way: without this,
//! Python's `http.client` loses nearly every early answer (RFC 9112, section 9.6 describes the cure).

use std::time::Duration;

use budget::limits;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::{MissedTickBehavior, interval, timeout};

/// Shuts the write side, reads and drops at most `bytes_max` for at most `time_max`, then gives the peer as long again
/// to take its answer and close.
///
/// In that second time what still comes is read at a walking pace. The kernel's buffers would hold a few megabytes
/// instead, but not always enough of them: a client that cannot finish sending does not read its answer.
pub(crate) async fn linger(
    mut transport: impl AsyncRead + AsyncWrite + Unpin,
    bytes_max: u64,
    time_max: Duration,
) {
    let mut piece = vec![0; limits::LINGER_READ_BYTES];
    let fast = timeout(time_max, async {
        if transport.shutdown().await.is_err() {
            return true;
        }
        let mut dropped = 0;
        while dropped < bytes_max {
            match transport.read(&mut piece).await {
                Ok(0) | Err(_) => return true,
                Ok(count) => dropped += u64::try_from(count).unwrap_or(u64::MAX),
            }
        }
        false
    });
    if !matches!(fast.await, Ok(false)) {
        return;
    }
    let slow = timeout(time_max, async {
        let mut pace = interval(Duration::from_micros(limits::LINGER_PACE_MICROS));
        pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            pace.tick().await;
            if matches!(transport.read(&mut piece).await, Ok(0) | Err(_)) {
                return;
            }
        }
    });
    // Either the peer has closed, or it has had its time.
    let _ = slow.await;
}

/// Tells the peer of a TLS connection that this is the end and nobody cut it short, which a plain close does not. A peer
/// that has left does not hear it.
pub(crate) async fn farewell(mut transport: impl AsyncWrite + Unpin, time_max: Duration) {
    // Whatever comes of it, the connection is closed next.
    let _ = timeout(time_max, transport.shutdown()).await;
}
