//! Renditions that are ordered while people listen, and looked at when they are gone: every place for a listener is taken.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use load::{Findings, Spread, loopback};
use tests::http::Connection;
use tests::rendition::{Asked, judged, renditions};
use tests::viewer::{Shelf, told};
use tests::{Viewer, wait_until};

use crate::caller::prompt;
use crate::{Stage, TRIES_MAX};

/// A refusal that comes sooner was said at the door; a later one to somebody who waited in line.
const AT_THE_DOOR: Duration = Duration::from_secs(1);
/// The network that those come from who want them.
const NET: u8 = 22;

/// How an order went.
#[derive(Default)]
struct Order {
    refusals: Vec<Duration>,
    without_time: usize,
    /// How long it took, or why it was never made.
    made: Option<Result<Duration, String>>,
}

/// Orders all of them at once when every listener is there, each for another client.
pub(crate) fn ordered(stage: &Stage<'_>) -> Findings {
    wait_until(stage.until, || stage.full.load(Ordering::Acquire));
    let asked = asked(stage);
    let there = AtomicUsize::new(0);
    let orders: Vec<Order> = std::thread::scope(|scope| {
        let one = |(number, asked)| {
            scope.spawn({
                let there = &there;
                move || order(stage, number, asked, there)
            })
        };
        let all: Vec<_> = asked.iter().enumerate().map(one).collect();
        all.into_iter().map(|one| one.join().unwrap_or_default()).collect()
    });
    let mut findings = Findings::new();
    let made = orders.iter().filter_map(|order| order.made.as_ref()?.as_ref().ok());
    let times = Spread::of(made.copied().collect());
    let wanted = stage.size.renditions_min as f64;
    findings.at_least("renditions made while people listened", times.len() as f64, wanted, "of them");
    let failed = orders.iter().filter_map(|order| order.made.as_ref()?.as_ref().err());
    failed.take(3).for_each(|why| findings.note("one that was not", why.as_str()));
    findings.note("renditions: the last was there after", format!("{:.1} s", times.longest().as_secs_f64()));
    let without: usize = orders.iter().map(|order| order.without_time).sum();
    findings.equal("renditions: refusals that did not say when to come back", without, 0);
    let refusals = orders.iter().flat_map(|order| order.refusals.iter().copied());
    let (door, line): (Vec<_>, Vec<_>) = refusals.partition(|took| *took < AT_THE_DOOR);
    findings.note("renditions: refused at the door, and in line", format!("{}, {}", door.len(), line.len()));
    prompt("renditions, at the door", &Spread::of(door), &stage.metronome, &mut findings);
    findings
}

/// Whether all that was ordered is what was asked for. Everybody else is gone by now.
pub(crate) fn looked_at(stage: &Stage<'_>, findings: &mut Findings) {
    let shelf = Shelf::default();
    let asked = asked(stage);
    let watch = |(number, asked): (usize, &Asked)| {
        let from = loopback(NET, number);
        Viewer { server: stage.server.address, from, target: &asked.target, shelf: &shelf }.watch()
    };
    let seen: Vec<_> = asked.iter().enumerate().map(watch).collect();
    told("renditions afterwards", &seen, findings);
    judged(asked.iter().zip(&seen).filter_map(|(asked, seen)| Some((asked, seen.whole()?))), findings);
}

fn asked(stage: &Stage<'_>) -> Vec<Asked> {
    renditions(&stage.size.videos, stage.size.renditions / stage.size.videos.len())
}

/// Asks until it is there, or until the time is over and enough of all are.
fn order(stage: &Stage<'_>, number: usize, asked: &Asked, there: &AtomicUsize) -> Order {
    let (mut order, began) = (Order::default(), Instant::now());
    for _ in 0..TRIES_MAX {
        match once(stage, number, asked, &mut order) {
            Ok(true) => {
                there.fetch_add(1, Ordering::Relaxed);
                order.made = Some(Ok(began.elapsed()));
                return order;
            }
            Ok(false)
                if stage.time_is_over() && there.load(Ordering::Relaxed) >= stage.size.renditions_min =>
            {
                order.made = Some(Err(format!("{}: still in line when the time was over", asked.target)));
                return order;
            }
            Ok(false) => {}
            Err(why) => {
                order.made = Some(Err(format!("{}: {why}", asked.target)));
                return order;
            }
        }
    }
    order.made = Some(Err(format!("{}: asked {TRIES_MAX} times", asked.target)));
    order
}

/// Asks once, without wanting its bytes; whether it is made. Waits for as long as the answer says.
fn once(stage: &Stage<'_>, number: usize, asked: &Asked, order: &mut Order) -> Result<bool, String> {
    let began = Instant::now();
    let failed = |error: std::io::Error| error.to_string();
    let mut connection =
        Connection::open_from(loopback(NET, number), stage.server.address).map_err(failed)?;
    let fields = [("Prefer", "respond-async"), ("Connection", "close")];
    connection.send("HEAD", &asked.target, &fields, b"").map_err(failed)?;
    let answer = connection.read(true).map_err(failed)?;
    match answer.status {
        200 => return Ok(true),
        202 => {}
        429 | 503 => order.refusals.push(began.elapsed()),
        _ => return Err(answer.head()),
    }
    order.without_time += usize::from(!answer.come_back());
    Ok(false)
}
