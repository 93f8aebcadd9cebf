//! Bodies that come as fast as they can be taken, heard on a disk thread.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::Poll;

use store::{Carried, Io};

use super::pulse::Pulse;

/// Polls what hears a connection: here, and while a large body comes fast on a disk thread, where it need not wake
/// another for each piece. `None` when it broke down there.
pub(crate) async fn hear<F>(mut hearing: Pin<Box<F>>, pulse: &Pulse, disk: Option<&Io>) -> Option<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send,
{
    loop {
        let heard = poll_fn(|cx| match hearing.as_mut().poll(cx) {
            Poll::Pending if disk.is_some() && pulse.take_rush() => Poll::Ready(None),
            polled => polled.map(Some),
        });
        match (heard.await, disk) {
            (None, Some(disk)) => match disk.carry(hearing).await.ok()? {
                Carried::Over(heard) => return Some(heard),
                Carried::Back(back) => {
                    // What came while it was carried is no reason to carry it again.
                    pulse.take_rush();
                    hearing = back;
                }
            },
            (heard, _) => return heard,
        }
    }
}
