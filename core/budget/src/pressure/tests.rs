use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use super::*;
use crate::limits::{MIB, PERMIT_WAIT_MS, Yielding, pool_yielding};
use crate::memory::Used;
use crate::{Fault, Permit, Pool, Refused};

fn budget() -> Budget {
    Budget::new(256 * MIB).unwrap()
}

fn used(percent: u64, stall_percent: f64) -> Usage {
    let used = Used { anonymous_bytes: percent * MIB, ..Used::default() };
    Usage { used, limit_bytes: 100 * MIB, stall_percent, ..Usage::default() }
}

#[test]
fn levels_follow_the_memory_in_use_and_do_not_flap() {
    use Level::{Calm, Full, High, Raised};
    let check = |name: &str, looks: &[(u64, f64, Level)]| {
        let mut judge = Judge::default();
        for (at, &(percent, stall_percent, expected)) in looks.iter().enumerate() {
            assert_eq!(judge.judge(&used(percent, stall_percent)), expected, "{name}, look {at}");
        }
    };
    check(
        "up",
        &[
            (0, 0.0, Calm),
            (79, 0.0, Calm),
            (80, 0.0, Raised),
            (87, 0.0, Raised),
            (88, 0.0, High),
            (94, 0.0, High),
        ],
    );
    check("all at once", &[(95, 0.0, Full), (10, 0.0, Calm), (150, 0.0, Full)]);
    check("down", &[(95, 0.0, Full), (92, 0.0, Full), (91, 0.0, High), (85, 0.0, High), (84, 0.0, Raised)]);
    check("down to calm", &[(80, 0.0, Raised), (77, 0.0, Raised), (76, 0.0, Calm), (79, 0.0, Calm)]);
    check("no relief on the way up", &[(80, 0.0, Raised), (86, 0.0, Raised), (93, 0.0, High)]);
    check("stalls hasten", &[(10, 10.0, Calm), (10, 10.1, Raised), (80, 50.0, High), (88, 99.0, High)]);
    check("stalls never make it full", &[(94, 100.0, High), (95, 100.0, Full)]);
    check("stalls do not flap", &[(10, 11.0, Raised), (10, 7.1, Raised), (10, 7.0, Calm), (10, 9.0, Calm)]);
    check(
        "a hastened level does not hold itself",
        &[(78, 11.0, Raised), (78, 11.0, Raised), (78, 0.0, Calm)],
    );
    let everything = Used { anonymous_bytes: u64::MAX, kernel_bytes: u64::MAX, sockets_bytes: 1 };
    let look = Usage { used: everything, limit_bytes: u64::MAX, ..Usage::default() };
    assert_eq!(Judge::default().judge(&look), Full, "the largest numbers");
}

#[test]
fn what_each_pool_does_at_each_level() {
    // Served, refused, waiting: what `take` and `wait` find at calm, raised, high, full.
    let check = |pool: Pool, expected: &str| {
        let budget = budget();
        let mut found = String::new();
        for level in Level::ALL {
            budget.set_pressure(level);
            assert_eq!(budget.pressure(), level);
            let refused_before = budget.figures()[pool as usize].refused_total;
            let taken = budget.take(pool, 1);
            let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
            let _guard = runtime.enter();
            let mut waiting = Box::pin(budget.wait(pool, 1));
            let waited = poll(&mut waiting);
            let refused = budget.figures()[pool as usize].refused_total - refused_before;
            found.push(match (&taken, &waited) {
                (Ok(_), Poll::Ready(Ok(_))) if refused == 0 => 's',
                (Err(take), Poll::Ready(Err(wait))) if refused == 2 => {
                    assert_eq!((take.fault, take, take.what), (Fault::Server, wait, pool.name()));
                    'r'
                }
                (Err(_), Poll::Pending) if refused == 1 => 'w',
                _ => panic!("{pool:?} at {level:?}: {taken:?} {waited:?} {refused}"),
            });
        }
        assert_eq!(found, expected, "{pool:?}");
        assert_eq!(budget.take(pool, u64::MAX).unwrap_err().fault, Fault::Never, "pressure is no excuse");
    };
    for pool in Pool::ALL {
        let expected = match pool {
            Pool::Uploads | Pool::Origins | Pool::Transforms | Pool::Stems | Pool::Caches => "ssrr",
            Pool::Streams | Pool::Listings | Pool::Passwords => "sssr",
            Pool::Scans => "sssw",
            Pool::Connections => "ssss",
        };
        check(pool, expected);
    }
}

fn poll<T>(waiting: &mut Pin<Box<impl Future<Output = T>>>) -> Poll<T> {
    waiting.as_mut().poll(&mut Context::from_waker(Waker::noop()))
}

/// A budget whose pool is taken, with who has it and somebody who waits for more.
async fn waiting(budget: &Budget, pool: Pool) -> (Permit, tokio::task::JoinHandle<Result<Permit, Refused>>) {
    let held = budget.take(pool, budget.figures()[pool as usize].ceiling_bytes).unwrap();
    let budget_of_waiter = budget.clone();
    let waiter = tokio::spawn(async move { budget_of_waiter.wait(pool, 1).await });
    while budget.figures()[pool as usize].waiting == 0 {
        tokio::task::yield_now().await;
    }
    (held, waiter)
}

#[tokio::test(start_paused = true)]
async fn who_waits_is_refused_at_once_when_memory_becomes_scarce() {
    let budget = budget();
    let (held, waiter) = waiting(&budget, Pool::Caches).await;
    let (listing, lister) = waiting(&budget, Pool::Listings).await;
    let began = tokio::time::Instant::now();
    budget.set_pressure(Level::High);
    assert_eq!(waiter.await.unwrap().unwrap_err().fault, Fault::Server);
    assert_eq!(began.elapsed(), Duration::ZERO);
    let figures = budget.figures()[Pool::Caches as usize];
    assert_eq!((figures.refused_total, figures.waiting, figures.used_bytes), (1, 0, held.bytes()));
    // The other pool serves as ever, and a permit given back below its level is granted to who waits.
    drop(listing);
    assert_eq!(lister.await.unwrap().map(|permit| permit.bytes()), Ok(1));
    assert_eq!(began.elapsed(), Duration::ZERO);
    drop(held);
    assert!(budget.figures().iter().all(|row| row.used_bytes == 0));
}

#[tokio::test(start_paused = true)]
async fn who_waits_out_the_pressure_is_granted_when_it_falls_or_refused_in_time() {
    let budget = budget();
    for (rest, ends_well) in [(PERMIT_WAIT_MS / 2, true), (2 * PERMIT_WAIT_MS, false)] {
        budget.set_pressure(Level::Full);
        let budget_of_waiter = budget.clone();
        let waiter = tokio::spawn(async move { budget_of_waiter.wait(Pool::Scans, 1).await });
        tokio::time::sleep(Duration::from_millis(rest)).await;
        assert_eq!(budget.figures()[Pool::Scans as usize].used_bytes, 0);
        budget.set_pressure(Level::High);
        assert_eq!(waiter.await.unwrap().is_ok(), ends_well, "after {rest} ms");
    }
}

#[tokio::test(start_paused = true)]
async fn a_refused_waiter_that_goes_away_and_a_granted_one_leave_nothing() {
    let budget = budget();
    let held = budget.take(Pool::Caches, budget.figures()[Pool::Caches as usize].ceiling_bytes).unwrap();
    let mut granted = Box::pin(budget.wait(Pool::Caches, 1));
    let mut refused = Box::pin(budget.wait(Pool::Caches, held.bytes()));
    assert!(poll(&mut granted).is_pending() && poll(&mut refused).is_pending());
    drop(held);
    // One is granted and has not come for it; the other is still in line.
    budget.set_pressure(Level::Full);
    drop(refused);
    assert_eq!(granted.await.map(|permit| permit.bytes()), Ok(1), "what was granted stays granted");
    let row = budget.figures()[Pool::Caches as usize];
    assert_eq!((row.used_bytes, row.waiting), (0, 0));
    budget.set_pressure(Level::Calm);
    assert!(budget.take(Pool::Caches, row.ceiling_bytes).is_ok());
}

#[test]
fn whoever_is_refused_at_a_level_is_refused_at_the_next_and_nobody_below_high() {
    for pool in Pool::ALL {
        if let Yielding::Refused(from) | Yielding::Waits(from) = pool_yielding(pool) {
            assert!(from >= Level::High, "{pool:?}");
        }
    }
    assert_eq!(pool_yielding(Pool::Connections), Yielding::Never, "who is refused is told so");
}

#[tokio::test(start_paused = true)]
async fn watching_sets_the_level_and_shows_what_was_measured() {
    let budget = budget();
    let percent = Arc::new(AtomicU64::new(85));
    let look = {
        let percent = Arc::clone(&percent);
        move || {
            let usage = used(percent.load(Ordering::Relaxed), 0.0);
            Usage { group_limit_bytes: Some(200 * MIB), ..usage }
        }
    };
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let mut registry = prometheus_client::registry::Registry::default();
    budget.register(&mut registry);
    let text = || {
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &registry).unwrap();
        text
    };
    assert!(!text().contains("memory_used_bytes") && text().contains("\npressure_level 0\n"));
    let stopped = async move { drop(stopped.await) };
    let watching = tokio::spawn(budget.clone().watch_by(stopped, look));
    for (now, expected) in [(85, Level::Raised), (99, Level::Full), (90, Level::High), (1, Level::Calm)] {
        percent.store(now, Ordering::Relaxed);
        let began = tokio::time::Instant::now();
        while budget.pressure() != expected {
            tokio::time::sleep(Duration::from_millis(10)).await;
            assert!(began.elapsed() < Duration::from_millis(3 * PRESSURE_CHECK_MS), "{expected:?}");
        }
    }
    let text = text();
    for line in [
        "pressure_level 0",
        "pressure_changes_total{to=\"raised\"} 1",
        "pressure_changes_total{to=\"full\"} 1",
        "pressure_changes_total{to=\"calm\"} 1",
        "memory_used_bytes{what=\"anonymous\"} 1048576",
        "memory_used_bytes{what=\"kernel\"} 0",
        "memory_used_bytes{what=\"sockets\"} 0",
        "memory_used_limit_bytes 104857600",
        "memory_group_limit_bytes 209715200",
        "background_turns_running 0",
    ] {
        assert_eq!(text.lines().filter(|&found| found == line).count(), 1, "{line} in\n{text}");
    }
    drop(stop);
    watching.await.unwrap();
}

#[tokio::test]
async fn a_watch_ends_at_once_when_it_is_told_to() {
    let ended = pin!(budget().watch(std::future::ready(())));
    ended.await;
}
