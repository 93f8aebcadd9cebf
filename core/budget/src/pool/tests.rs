use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::Fault;
use crate::limits::{
    KIB, MIB, PASSWORD_HASH_BYTES, PASSWORD_HASH_BYTES_MAX, PASSWORD_HASHES_MAX, PERMIT_WAIT_MS,
    PERMIT_WAITERS_MAX, STREAM_BYTES,
};

fn budget() -> Budget {
    Budget::new(256 * MIB).unwrap()
}

fn figures(budget: &Budget, pool: Pool) -> PoolFigures {
    budget.figures()[pool as usize]
}

fn poll<F: Future + ?Sized>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

#[test]
fn a_limit_below_the_smallest_is_refused_with_what_is_needed() {
    let needed_bytes = MEMORY_LIMIT_BYTES_MIN;
    for limit_bytes in [0, MIB, needed_bytes - 1] {
        assert_eq!(Budget::new(limit_bytes).err(), Some(TooSmall { limit_bytes, needed_bytes }));
    }
    assert_eq!(Budget::new(needed_bytes).map(|budget| budget.limit_bytes()), Ok(needed_bytes));
}

#[test]
fn the_pools_share_what_the_process_leaves_and_nothing_more() {
    for limit_mib in [64, 65, 100, 256, 384, 640, 1_024, 65_536] {
        let budget = Budget::new(limit_mib * MIB).unwrap();
        let total = limit_mib * MIB - MEMORY_BASE_BYTES;
        let all = budget.figures();
        let floors: u64 = all.iter().map(|row| row.floor_bytes).sum();
        assert!(floors <= total, "{limit_mib} MiB: floors {floors}");
        for row in &all {
            let others = floors - row.floor_bytes;
            assert!(
                row.floor_bytes <= row.ceiling_bytes && row.ceiling_bytes <= total - others,
                "{limit_mib} MiB: {row:?}"
            );
        }
        let passwords = all[Pool::Passwords as usize];
        assert_eq!(passwords.floor_bytes, PASSWORD_HASH_BYTES);
        assert!(
            all.iter().all(|row| row.pool == Pool::Passwords || row.floor_bytes <= all[0].floor_bytes),
            "streams have the largest floor"
        );
        // A hash of an older release can be checked at the smallest limit too, and so can as many of today's as may be
        // at once.
        assert_eq!(passwords.ceiling_bytes, PASSWORD_HASH_BYTES_MAX, "{limit_mib} MiB");
        for bytes in [PASSWORD_HASH_BYTES_MAX, PASSWORD_HASH_BYTES * PASSWORD_HASHES_MAX as u64] {
            assert!(budget.take(Pool::Passwords, bytes).is_ok(), "{limit_mib} MiB: {bytes}");
        }
    }
}

#[test]
fn two_thousand_streams_fit_under_256_mib() {
    let budget = budget();
    let streams: Vec<_> = (0..2_000).map(|_| budget.take(Pool::Streams, STREAM_BYTES).unwrap()).collect();
    assert_eq!(figures(&budget, Pool::Streams).used_bytes, 2_000 * STREAM_BYTES);
    drop(streams);
    let after = figures(&budget, Pool::Streams);
    assert_eq!((after.used_bytes, after.peak_bytes), (0, 2_000 * STREAM_BYTES));
}

#[test]
fn what_can_never_fit_is_refused_at_once_by_name() {
    let budget = budget();
    for pool in Pool::ALL {
        let ceiling = figures(&budget, pool).ceiling_bytes;
        let waited = poll(pin!(budget.wait(pool, ceiling + 1)));
        let Poll::Ready(Err(waited)) = waited else { panic!("{pool:?} waits for what cannot come") };
        let taken = budget.take(pool, u64::MAX).unwrap_err();
        assert_eq!((waited.fault, waited.what, taken.fault), (Fault::Never, pool.name(), Fault::Never));
        assert_eq!(
            budget.take(pool, ceiling).map(|permit| permit.bytes()),
            Ok(ceiling),
            "alone it has all of its ceiling"
        );
    }
}

#[test]
fn what_is_spare_is_had_below_half_of_the_pool_and_counts_as_no_refusal() {
    let budget = budget();
    let half_bytes = figures(&budget, Pool::Streams).ceiling_bytes / 2;
    let spare = budget.take_spare(Pool::Streams, half_bytes).unwrap();
    assert!(budget.take_spare(Pool::Streams, 1).is_none());
    assert!(budget.take(Pool::Streams, 1).is_ok(), "who needs memory is served");
    drop(spare);
    assert!(budget.take_spare(Pool::Streams, u64::MAX).is_none());
    budget.set_pressure(Level::Full);
    assert!(budget.take_spare(Pool::Streams, 1).is_none());
    let row = figures(&budget, Pool::Streams);
    assert_eq!((row.used_bytes, row.refused_total), (0, 0));
}

#[test]
fn nobody_takes_the_floor_of_another_pool() {
    let budget = budget();
    let greedy: Vec<_> = Pool::ALL
        .into_iter()
        .filter(|&pool| pool != Pool::Listings)
        .flat_map(|pool| {
            std::iter::from_fn(move || Some(pool))
                .map_while(|pool| budget.take(pool, 64 * KIB).ok())
                .collect::<Vec<_>>()
        })
        .collect();
    let floor = figures(&budget, Pool::Listings).floor_bytes;
    assert!(budget.take(Pool::Listings, floor + 128 * KIB * 9).is_err(), "the middle is taken");
    assert!(budget.take(Pool::Listings, floor).is_ok());
    drop(greedy);
    assert!(budget.figures().iter().all(|row| row.used_bytes == 0));
}

#[test]
fn a_large_waiter_is_not_overtaken_by_smaller_ones() {
    let budget = budget();
    let ceiling = figures(&budget, Pool::Scans).ceiling_bytes;
    let held = budget.take(Pool::Scans, ceiling - 10).unwrap();
    let mut large = pin!(budget.wait(Pool::Scans, 100));
    let mut small = pin!(budget.wait(Pool::Scans, 1));
    // The timers of `wait` need a runtime; the line does not.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let _guard = runtime.enter();
    assert!(poll(large.as_mut()).is_pending());
    assert!(poll(small.as_mut()).is_pending(), "one byte is free, but somebody was here before");
    assert!(budget.take(Pool::Scans, 1).is_err(), "who does not wait does not overtake either");
    assert_eq!(figures(&budget, Pool::Scans).waiting, 2);
    drop(held);
    assert!(matches!(poll(small.as_mut()), Poll::Ready(Ok(_))));
    assert!(matches!(poll(large.as_mut()), Poll::Ready(Ok(_))));
    let after = figures(&budget, Pool::Scans);
    assert_eq!((after.waiting, after.used_bytes), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_waiter_that_goes_away_gives_back_its_place_and_its_grant() {
    let budget = budget();
    let ceiling = figures(&budget, Pool::Scans).ceiling_bytes;
    let held = budget.take(Pool::Scans, ceiling).unwrap();
    {
        let mut first = Box::pin(budget.wait(Pool::Scans, ceiling));
        let mut second = Box::pin(budget.wait(Pool::Scans, 5));
        assert!(poll(first.as_mut()).is_pending() && poll(second.as_mut()).is_pending());
        drop(held);
        assert_eq!(figures(&budget, Pool::Scans).used_bytes, ceiling, "granted to the first, not collected");
        assert!(poll(second.as_mut()).is_pending());
        drop(first);
        assert_eq!(figures(&budget, Pool::Scans).used_bytes, 5, "granted to the second");
    }
    assert_eq!(figures(&budget, Pool::Scans).used_bytes, 0);
}

#[tokio::test(start_paused = true)]
async fn p06_waiting_is_bounded_in_number_and_time() {
    let budget = budget();
    let ceiling = figures(&budget, Pool::Listings).ceiling_bytes;
    let held = budget.take(Pool::Listings, ceiling).unwrap();
    let mut line: Vec<_> =
        (0..PERMIT_WAITERS_MAX).map(|_| Box::pin(budget.wait(Pool::Listings, 1))).collect();
    assert!(line.iter_mut().all(|waiter| poll(waiter.as_mut()).is_pending()));
    let began = tokio::time::Instant::now();
    let refused = budget.wait(Pool::Listings, 1).await.unwrap_err();
    assert_eq!((refused.fault, refused.what, began.elapsed()), (Fault::Server, "listings", Duration::ZERO));
    for waiter in line {
        assert_eq!(waiter.await.map(|permit| permit.bytes()), Err(refused.clone()));
    }
    assert_eq!(began.elapsed().as_millis() as u64 / 10, PERMIT_WAIT_MS / 10);
    assert_eq!(figures(&budget, Pool::Listings).refused_total, PERMIT_WAITERS_MAX as u64 + 1);
    drop(held);
    assert_eq!(figures(&budget, Pool::Listings).used_bytes, 0);
}

#[tokio::test(start_paused = true)]
async fn a_waiter_is_woken_when_bytes_come_back() {
    let budget = budget();
    let ceiling = figures(&budget, Pool::Listings).ceiling_bytes;
    let mut held = Some(budget.take(Pool::Listings, ceiling).unwrap());
    let waiter = tokio::spawn({
        let budget = budget.clone();
        async move { budget.wait(Pool::Listings, 7).await.map(|permit| permit.bytes()) }
    });
    poll_fn(|context| {
        if figures(&budget, Pool::Listings).waiting == 0 {
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        drop(held.take());
        Poll::Ready(())
    })
    .await;
    let began = tokio::time::Instant::now();
    assert_eq!(waiter.await.unwrap(), Ok(7));
    assert_eq!(began.elapsed(), Duration::ZERO);
}

/// Somebody who waits for a permit.
type Waiting<'a> = Pin<Box<dyn Future<Output = Result<Permit, Refused>> + 'a>>;

/// One step of somebody who uses the budget.
#[derive(Clone, Debug)]
enum Step {
    Take(Pool, u64),
    Wait(Pool, u64),
    Drop(usize),
    Leave(usize),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let pool = || (0..Pool::ALL.len()).prop_map(|at| Pool::ALL[at]);
    let bytes = || prop_oneof![0..MIB, 0..80 * MIB, Just(u64::MAX)];
    let step = prop_oneof![
        3 => (pool(), bytes()).prop_map(|(pool, bytes)| Step::Take(pool, bytes)),
        3 => (pool(), bytes()).prop_map(|(pool, bytes)| Step::Wait(pool, bytes)),
        3 => any::<usize>().prop_map(Step::Drop),
        1 => any::<usize>().prop_map(Step::Leave),
    ];
    prop::collection::vec(step, 0..120)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn p04_permits_never_exceed_the_limit_and_floors_are_always_there(steps in steps()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let _guard = runtime.enter();
        let budget = budget();
        let mut permits: Vec<Permit> = Vec::new();
        let mut waiters: Vec<Waiting<'_>> = Vec::new();
        for step in steps {
            match step {
                Step::Take(pool, bytes) => permits.extend(budget.take(pool, bytes)),
                Step::Wait(pool, bytes) => waiters.push(Box::pin(budget.wait(pool, bytes))),
                Step::Drop(at) if !permits.is_empty() => drop(permits.swap_remove(at % permits.len())),
                Step::Leave(at) if !waiters.is_empty() => drop(waiters.swap_remove(at % waiters.len())),
                Step::Drop(_) | Step::Leave(_) => {}
            }
            waiters.retain_mut(|waiter| match poll(waiter.as_mut()) {
                Poll::Ready(answer) => { permits.extend(answer); false }
                Poll::Pending => true,
            });
            let all = budget.figures();
            prop_assert!(all.iter().map(|row| row.used_bytes).sum::<u64>() <= 256 * MIB - MEMORY_BASE_BYTES);
            for row in &all {
                let held: u64 = permits.iter().filter(|permit| permit.pool() == row.pool).map(Permit::bytes).sum();
                prop_assert_eq!(row.used_bytes, held, "every granted byte is in somebody's hand");
                prop_assert!(row.used_bytes <= row.ceiling_bytes && row.used_bytes <= row.peak_bytes);
                let missing = row.floor_bytes.saturating_sub(row.used_bytes);
                prop_assert!(row.waiting > 0 || budget.take(row.pool, missing).is_ok(), "the floor of {:?}", row.pool);
            }
        }
        drop((permits, waiters));
        prop_assert!(budget.figures().iter().all(|row| row.used_bytes == 0 && row.waiting == 0));
    }
}

#[tokio::test]
async fn a_permit_that_shrinks_gives_back_the_rest_and_wakes_who_waits() {
    let budget = budget();
    let ceiling = figures(&budget, Pool::Listings).ceiling_bytes;
    let mut permit = budget.take(Pool::Listings, ceiling).unwrap();
    let mut waiting = pin!(budget.wait(Pool::Listings, MIB));
    assert!(poll(waiting.as_mut()).is_pending());
    permit.shrink(ceiling);
    permit.shrink(ceiling + 1);
    assert_eq!(figures(&budget, Pool::Listings).used_bytes, ceiling);
    permit.shrink(ceiling - MIB);
    let woken = waiting.await.unwrap();
    assert_eq!((permit.bytes(), woken.bytes()), (ceiling - MIB, MIB));
    drop((permit, woken));
    assert_eq!(figures(&budget, Pool::Listings).used_bytes, 0);
}
