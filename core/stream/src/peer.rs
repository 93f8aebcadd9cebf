//! The other end of a connection, as far as streams need to know it.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use tokio::sync::Notify;
use tokio::time::Instant;

use crate::interim::Interim;

/// One connection, or one stream of it: how much its socket took, and when. The accept loop's socket wrapper reports,
/// the stall rule looks.
///
/// A body alone cannot tell a slow client from a dead one: while the socket takes nothing, nobody polls the body.
#[derive(Debug)]
pub struct Peer {
    opened: Instant,
    /// Of one stream among others: the connection that carries them.
    connection: Option<Arc<Peer>>,
    written_bytes: AtomicU64,
    /// When the socket last took something, in milliseconds since `opened`.
    moved_ms: AtomicU64,
    is_cut: AtomicBool,
    cut: Notify,
    interim: Interim,
}

/// Who sent a request, resolved behind trusted proxies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Client {
    /// The client's address.
    pub address: IpAddr,
    /// Whether it speaks TLS, to us or to the proxy.
    pub secure: bool,
}

impl Peer {
    /// A connection that was opened now and has moved nothing yet.
    pub fn new() -> Arc<Peer> {
        Arc::new(Peer::of(None))
    }

    /// One stream of a connection that carries many (HTTP/2). It moves when its connection moves, and cutting it ends
    /// it alone.
    pub fn stream_of(connection: &Arc<Peer>) -> Arc<Peer> {
        Arc::new(Peer::of(Some(Arc::clone(connection))))
    }

    fn of(connection: Option<Arc<Peer>>) -> Peer {
        Peer {
            opened: Instant::now(),
            connection,
            written_bytes: AtomicU64::new(0),
            moved_ms: AtomicU64::new(0),
            is_cut: AtomicBool::new(false),
            cut: Notify::new(),
            interim: Interim::default(),
        }
    }

    /// The socket took `count` bytes.
    pub fn wrote(&self, count: usize) {
        if let Some(connection) = &self.connection {
            connection.wrote(count);
        } else if count > 0 {
            self.written_bytes.fetch_add(count as u64, Ordering::Relaxed);
            self.moved_ms.fetch_max(self.age_ms(), Ordering::Relaxed);
        }
    }

    /// How many bytes the socket took in all.
    pub fn written(&self) -> u64 {
        let connection = self.connection.as_deref().unwrap_or(self);
        connection.written_bytes.load(Ordering::Relaxed)
    }

    /// How many milliseconds ago the socket last took something, or was opened.
    pub fn moved_ms_ago(&self) -> u64 {
        let connection = self.connection.as_deref().unwrap_or(self);
        connection.age_ms().saturating_sub(connection.moved_ms.load(Ordering::Relaxed))
    }

    /// What is said before the answer to its request, of HTTP/1.1 alone.
    pub fn interim(&self) -> &Interim {
        &self.interim
    }

    /// Asks the task that owns it to end it now: a connection with all that it carries, or one stream alone.
    pub fn cut(&self) {
        self.is_cut.store(true, Ordering::SeqCst);
        self.cut.notify_waiters();
    }

    /// Ready when [`Peer::cut`] was called, before or after.
    pub async fn cut_asked(&self) {
        // Made before the flag is read: from here on, it hears every call.
        let asked = self.cut.notified();
        if !self.is_cut.load(Ordering::SeqCst) {
            asked.await;
        }
    }

    fn age_ms(&self) -> u64 {
        u64::try_from(self.opened.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_peer_knows_how_much_moved_and_when() {
        let peer = Peer::new();
        assert_eq!((peer.written(), peer.moved_ms_ago()), (0, 0));
        tokio::time::advance(Duration::from_millis(300)).await;
        assert_eq!(peer.moved_ms_ago(), 300, "nothing moved since it was opened");
        peer.wrote(5);
        peer.wrote(7);
        tokio::time::advance(Duration::from_millis(20)).await;
        peer.wrote(0);
        assert_eq!((peer.written(), peer.moved_ms_ago()), (12, 20), "no bytes are no progress");
    }

    #[tokio::test(start_paused = true)]
    async fn a_stream_moves_with_its_connection_and_is_cut_alone() {
        let connection = Peer::new();
        tokio::time::advance(Duration::from_millis(300)).await;
        let [one, other] = [Peer::stream_of(&connection), Peer::stream_of(&connection)];
        assert_eq!((one.written(), one.moved_ms_ago()), (0, 300));
        connection.wrote(5);
        assert_eq!((one.written(), one.moved_ms_ago()), (5, 0));
        one.cut();
        one.cut_asked().await;
        for spared in [&connection, &other] {
            let asked = tokio::time::timeout(Duration::from_secs(1), spared.cut_asked()).await;
            assert!(asked.is_err(), "a neighbour is cut too");
        }
    }

    #[tokio::test]
    async fn a_cut_is_heard_by_who_waits_and_by_who_asks_later() {
        let peer = Peer::new();
        let waiting = tokio::spawn({
            let peer = Arc::clone(&peer);
            async move { peer.cut_asked().await }
        });
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        peer.cut();
        waiting.await.unwrap();
        peer.cut_asked().await;
    }
}
