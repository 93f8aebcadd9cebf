//! Hyper at work on one connection, under the connection's clock.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};

use tokio::time::{Instant, Sleep, sleep_until};

use super::Deadlines;
use super::exchange::Exchange;
use super::metrics::Ended;
use super::pulse::{Pulse, Verdict};

/// Why nobody drives a connection any more.
pub(crate) enum Outcome {
    /// It has ended, or must.
    Over(Ended),
    /// It is between two requests, and hyper has let go of it.
    Quiet,
}

/// Polls hyper until it is done, somebody wants the end, something is late, or the connection is quiet. `poll` is told
/// once to finish what runs and to take nothing new: when the server stops, or when nothing runs.
pub(crate) async fn drive(
    exchange: &Exchange,
    mut poll: impl FnMut(&mut Context<'_>, bool) -> Poll<hyper::Result<()>>,
) -> Outcome {
    let house = &exchange.house;
    let mut stop = pin!(house.stop.cancelled());
    let mut end = pin!(house.end.cancelled());
    let mut cut = pin!(exchange.peer.cut_asked());
    let mut clock = pin!(sleep_until(Instant::now() + house.deadlines.head));
    let mut finishing = false;
    let over =
        |done: hyper::Result<()>| Outcome::Over(if done.is_ok() { Ended::Properly } else { Ended::Broken });
    poll_fn(|cx| {
        let stops_now = !finishing && stop.as_mut().poll(cx).is_ready();
        finishing |= stops_now;
        if let Poll::Ready(done) = poll(cx, stops_now) {
            return Poll::Ready(over(done));
        }
        if cut.as_mut().poll(cx).is_ready() {
            return Poll::Ready(Outcome::Over(Ended::Cut));
        }
        if end.as_mut().poll(cx).is_ready() {
            return Poll::Ready(Outcome::Over(Ended::Stopped));
        }
        loop {
            match ready!(poll_clock(clock.as_mut(), cx, &exchange.pulse, &house.deadlines, !finishing)) {
                Outcome::Over(how) => return Poll::Ready(Outcome::Over(how)),
                // Its answer has said that the connection ends.
                Outcome::Quiet if exchange.pulse.is_unread() => finishing = true,
                Outcome::Quiet => match poll(cx, true) {
                    Poll::Ready(Ok(())) => return Poll::Ready(Outcome::Quiet),
                    Poll::Ready(done) => return Poll::Ready(over(done)),
                    // Hyper knows of something that we do not: it ends with that.
                    Poll::Pending => finishing = true,
                },
            }
        }
    })
    .await
}

/// Ready when something is late, or, if that `may_park` the connection, when it is quiet. The timer is moved only when
/// it would ring too late, or has rung too early: most requests never touch it.
fn poll_clock(
    mut clock: Pin<&mut Sleep>,
    cx: &mut Context<'_>,
    pulse: &Pulse,
    deadlines: &Deadlines,
    may_park: bool,
) -> Poll<Outcome> {
    loop {
        let at = match pulse.verdict(deadlines) {
            Verdict::Over(how) => return Poll::Ready(Outcome::Over(how)),
            Verdict::Quiet(_) if may_park => return Poll::Ready(Outcome::Quiet),
            Verdict::Until(at) | Verdict::Quiet(at) => at,
        };
        if at < clock.deadline() {
            clock.as_mut().reset(at);
        }
        ready!(clock.as_mut().poll(cx));
        clock.as_mut().reset(at);
    }
}
