//! The model checker tries every order in which threads can meet. Run it with
//! `RUSTFLAGS="--cfg loom" cargo test -p budget --test loom --release --target-dir target/loom`.
#![cfg(loom)]

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use budget::limits::MIB;
use budget::{Budget, Chunks, Level, Pool, Slots};
use loom::future::block_on;
use loom::thread;

/// A budget whose `Listings` are all taken but for `free_bytes`, and how many bytes that pool can have.
fn nearly_full(free_bytes: u64) -> (Budget, budget::Permit, u64) {
    let budget = Budget::new(256 * MIB).unwrap();
    let ceiling = budget.figures()[Pool::Listings as usize].ceiling_bytes;
    let held = budget.take(Pool::Listings, ceiling - free_bytes).unwrap();
    (budget, held, ceiling)
}

fn assert_all_given_back(budget: &Budget) {
    let figures = budget.figures()[Pool::Listings as usize];
    assert_eq!((figures.used_bytes, figures.waiting), (0, 0));
    assert!(figures.peak_bytes <= figures.ceiling_bytes);
}

/// Explores with at most four preemptions, which finds nearly all errors and ends in seconds.
fn model(work: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(4);
    builder.check(work);
}

#[test]
fn two_waiters_are_both_served_when_bytes_come_back() {
    model(|| {
        let (budget, held, ceiling) = nearly_full(0);
        let waiters = [ceiling, 1].map(|bytes| {
            let budget = budget.clone();
            thread::spawn(move || block_on(budget.wait(Pool::Listings, bytes)).map(|permit| permit.bytes()))
        });
        drop(held);
        for waiter in waiters {
            assert!(waiter.join().unwrap().is_ok());
        }
        assert_all_given_back(&budget);
    });
}

#[test]
fn a_grant_is_not_lost_when_its_waiter_is_dropped_meanwhile() {
    model(|| {
        let (budget, held, ceiling) = nearly_full(0);
        let giver = thread::spawn(move || drop(held));
        let second = {
            let budget = budget.clone();
            thread::spawn(move || block_on(budget.wait(Pool::Listings, ceiling)).map(|permit| permit.bytes()))
        };
        {
            // Takes a place in the line and goes away at whatever moment.
            let mut first = pin!(budget.wait(Pool::Listings, ceiling));
            if let Poll::Ready(granted) = first.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
                drop(granted);
            }
        }
        giver.join().unwrap();
        assert!(second.join().unwrap().is_ok(), "whoever waits behind gets what the first left");
        assert_all_given_back(&budget);
    });
}

#[test]
fn takers_and_a_waiter_never_hold_more_than_the_ceiling() {
    model(|| {
        let (budget, held, _) = nearly_full(10);
        let taker = {
            let budget = budget.clone();
            thread::spawn(move || budget.take(Pool::Listings, 6).is_ok())
        };
        let waiter = {
            let budget = budget.clone();
            thread::spawn(move || block_on(budget.wait(Pool::Listings, 8)).is_ok())
        };
        taker.join().unwrap();
        assert!(waiter.join().unwrap());
        drop(held);
        assert_all_given_back(&budget);
    });
}

#[test]
fn a_waiter_is_granted_or_refused_when_pressure_and_bytes_come_at_once() {
    model(|| {
        let (budget, held, _) = nearly_full(0);
        let waiter = {
            let budget = budget.clone();
            thread::spawn(move || block_on(budget.wait(Pool::Listings, 8)).is_ok())
        };
        let giver = thread::spawn(move || drop(held));
        budget.set_pressure(Level::Full);
        let served = waiter.join().unwrap();
        giver.join().unwrap();
        budget.set_pressure(Level::Calm);
        let figures = budget.figures()[Pool::Listings as usize];
        assert_eq!(figures.refused_total, u64::from(!served));
        assert_all_given_back(&budget);
    });
}

#[test]
fn a_waiter_that_goes_away_while_it_is_refused_leaves_nothing() {
    model(|| {
        let (budget, held, ceiling) = nearly_full(0);
        let raiser = {
            let budget = budget.clone();
            thread::spawn(move || budget.set_pressure(Level::Full))
        };
        {
            let mut waiter = pin!(budget.wait(Pool::Listings, 1));
            drop(waiter.as_mut().poll(&mut Context::from_waker(Waker::noop())));
        }
        raiser.join().unwrap();
        drop(held);
        budget.set_pressure(Level::Calm);
        assert!(budget.take(Pool::Listings, ceiling).is_ok());
        assert_all_given_back(&budget);
    });
}

#[test]
fn slots_are_never_more_than_the_ceiling_and_all_come_back() {
    model(|| {
        let slots = Slots::new("things", "things_per_user", 2, 1);
        let threads: Vec<_> = [1, 1, 2]
            .into_iter()
            .map(|key| {
                let slots = slots.clone();
                thread::spawn(move || {
                    let slot = slots.take(key);
                    assert!(slots.used() <= 2 && slots.used_by(&key) <= 1);
                    drop(slot);
                })
            })
            .collect();
        for thread in threads {
            thread.join().unwrap();
        }
        let figures = slots.figures();
        assert_eq!((figures.used, figures.keys), (0, 0));
    });
}

#[test]
fn a_chunk_is_never_lent_twice() {
    model(|| {
        let chunks = Chunks::new(1, 1);
        drop(chunks.lend());
        let threads = [1u8, 2].map(|mark| {
            let chunks = chunks.clone();
            thread::spawn(move || {
                let mut chunk = chunks.lend();
                chunk[0] = mark;
                thread::yield_now();
                assert_eq!(chunk.into_bytes(1)[0], mark);
            })
        });
        for thread in threads {
            thread.join().unwrap();
        }
        assert_eq!(chunks.idle(), 1);
    });
}
