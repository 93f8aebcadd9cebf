//! What is said to a client before the answer to its request: interim answers (RFC 9110 section 15.2).
//!
//! Hyper sends none, so they go around it: whoever answers a request says them, and whoever owns the socket takes them and
//! writes them at a moment when nothing of an answer is under way.

use std::future::poll_fn;
use std::io::Write as _;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use budget::limits::INTERIM_BYTES_MAX;
use bytes::Bytes;
use futures_util::task::AtomicWaker;
use http::{HeaderMap, StatusCode};

/// The interim answers of one connection that were not written yet. Nothing is heard between an answer and the next
/// request, nor on a connection whose owner takes none.
#[derive(Debug, Default)]
pub struct Interim {
    is_open: AtomicBool,
    said: Mutex<Vec<u8>>,
    owner: AtomicWaker,
    /// Who has the answer, and waits until what was said before it is taken.
    answerer: AtomicWaker,
}

impl Interim {
    fn bytes(&self) -> MutexGuard<'_, Vec<u8>> {
        self.said.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A request of HTTP/1.1 came: until its answer begins, interim ones may be said.
    pub fn open(&self) {
        self.is_open.store(true, Ordering::SeqCst);
    }

    /// The answer may begin when this is ready: all that was said is taken by then, and nothing is heard any more.
    pub async fn close(&self) {
        poll_fn(|cx| {
            if !self.is_open.load(Ordering::SeqCst) {
                return Poll::Ready(());
            }
            self.answerer.register(cx.waker());
            let said = self.bytes();
            if !said.is_empty() {
                return Poll::Pending;
            }
            // Under the lock, so that nothing is said after the end.
            self.is_open.store(false, Ordering::SeqCst);
            Poll::Ready(())
        })
        .await;
    }

    /// Says one, if anybody hears it and there is room.
    pub fn say(&self, status: StatusCode, fields: &HeaderMap) {
        let mut text = Vec::new();
        // Writing to a Vec cannot fail.
        let _ = write!(text, "HTTP/1.1 {} {}\r\n", status.as_u16(), status.canonical_reason().unwrap_or(""));
        for (name, value) in fields {
            for part in [name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"] {
                text.extend_from_slice(part);
            }
        }
        text.extend_from_slice(b"\r\n");
        let mut said = self.bytes();
        if self.is_open.load(Ordering::SeqCst) && said.len() + text.len() <= INTERIM_BYTES_MAX {
            said.append(&mut text);
            drop(said);
            self.owner.wake();
        }
    }

    /// What was said since it was taken last; nothing when nothing was, and then its owner is woken by the next.
    pub fn take(&self, cx: &Context<'_>) -> Option<Bytes> {
        if !self.is_open.load(Ordering::SeqCst) {
            return None;
        }
        self.owner.register(cx.waker());
        let said = std::mem::take(&mut *self.bytes());
        if said.is_empty() {
            return None;
        }
        self.answerer.wake();
        Some(Bytes::from(said))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::task::Waker;

    use futures_util::task::{ArcWake, waker};
    use http::HeaderValue;

    use super::*;

    #[derive(Default)]
    struct Owner(AtomicBool);

    impl ArcWake for Owner {
        fn wake_by_ref(this: &Arc<Self>) {
            this.0.store(true, Ordering::SeqCst);
        }
    }

    fn taken(interim: &Interim) -> String {
        let bytes = interim.take(&Context::from_waker(Waker::noop())).unwrap_or_default();
        String::from_utf8(bytes.to_vec()).unwrap()
    }

    #[tokio::test]
    async fn what_is_said_between_a_request_and_its_answer_is_taken_once() {
        let interim = Interim::default();
        let mut fields = HeaderMap::new();
        fields.insert("link", HeaderValue::from_static("</a.css>; rel=preload"));
        interim.say(StatusCode::EARLY_HINTS, &fields);
        assert_eq!(taken(&interim), "", "nobody asked yet");
        interim.open();
        assert_eq!(taken(&interim), "");
        interim.say(StatusCode::PROCESSING, &HeaderMap::new());
        interim.say(StatusCode::EARLY_HINTS, &fields);
        let expected =
            "HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: </a.css>; rel=preload\r\n\r\n";
        assert_eq!(taken(&interim), expected);
        assert_eq!(taken(&interim), "");
        interim.close().await;
        interim.say(StatusCode::PROCESSING, &HeaderMap::new());
        interim.open();
        assert_eq!(taken(&interim), "", "it was said after the answer");
    }

    #[tokio::test]
    async fn an_answer_waits_for_what_was_said_before_it() {
        let interim = Arc::new(Interim::default());
        interim.open();
        interim.say(StatusCode::PROCESSING, &HeaderMap::new());
        let closing = tokio::spawn({
            let interim = Arc::clone(&interim);
            async move { interim.close().await }
        });
        tokio::task::yield_now().await;
        assert!(!closing.is_finished());
        assert_eq!(taken(&interim), "HTTP/1.1 102 Processing\r\n\r\n");
        closing.await.unwrap();
    }

    #[test]
    fn who_takes_is_woken_and_has_a_bound() {
        let (interim, owner) = (Interim::default(), Arc::new(Owner::default()));
        interim.open();
        let waker = waker(Arc::clone(&owner));
        assert_eq!(interim.take(&Context::from_waker(&waker)), None);
        for _ in 0..INTERIM_BYTES_MAX {
            interim.say(StatusCode::PROCESSING, &HeaderMap::new());
        }
        assert!(owner.0.load(Ordering::SeqCst));
        let length = taken(&interim).len();
        assert!(length <= INTERIM_BYTES_MAX && length + 30 > INTERIM_BYTES_MAX, "{length}");
    }
}
