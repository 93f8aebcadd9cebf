use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use super::*;
use crate::limits::{MEMORY_LIMIT_BYTES_MIN, MIB};

const QUIET: Duration = Duration::from_millis(PRESSURE_QUIET_MS);

fn allowed(budget: &Budget) -> usize {
    budget.background_figures().allowed
}

async fn after(time: Duration, budget: &Budget, level: Level) -> usize {
    tokio::time::advance(time).await;
    budget.set_pressure(level);
    allowed(budget)
}

#[test]
fn a_small_limit_holds_fewer_turns() {
    let check = |limit_bytes, turns| {
        assert_eq!(allowed(&Budget::new(limit_bytes).unwrap()), turns, "{limit_bytes} bytes");
    };
    check(MEMORY_LIMIT_BYTES_MIN, BACKGROUND_TURNS_MIN);
    check(128 * MIB, 5);
    check(256 * MIB, BACKGROUND_TURNS_MAX);
    check(64 * 1_024 * MIB, BACKGROUND_TURNS_MAX);
}

#[tokio::test(start_paused = true)]
async fn turns_fall_by_half_and_grow_by_one() {
    let budget = Budget::new(256 * MIB).unwrap();
    let soon = Duration::from_millis(crate::limits::PRESSURE_CHECK_MS);
    let steps = [
        (soon, Level::Raised, 5),
        (soon, Level::Raised, 2),
        (soon, Level::Raised, 2),
        (soon, Level::High, 1),
        (soon, Level::Full, 1),
        (QUIET, Level::Raised, 2),
        (QUIET - soon, Level::Calm, 2),
        (soon, Level::Calm, 3),
        (soon, Level::Calm, 3),
        (QUIET, Level::Calm, 4),
        // A long calm is one step, not many.
        (20 * QUIET, Level::Calm, 5),
        (soon, Level::High, 2),
        (soon, Level::High, 1),
    ];
    for (at, (time, level, expected)) in steps.into_iter().enumerate() {
        assert_eq!(after(time, &budget, level).await, expected, "step {at}");
    }
    for _ in 0..20 {
        after(QUIET, &budget, Level::Calm).await;
    }
    assert_eq!(allowed(&budget), BACKGROUND_TURNS_MAX);
}

#[tokio::test(start_paused = true)]
async fn turns_that_run_are_not_taken_away_and_do_not_come_back() {
    let budget = Budget::new(256 * MIB).unwrap();
    let mut turns = Vec::new();
    for _ in 0..8 {
        turns.push(budget.background().await);
    }
    // Two are free and six of those that run are surplus.
    for _ in 0..3 {
        budget.set_pressure(Level::Raised);
    }
    let figures = budget.background_figures();
    assert_eq!((figures.allowed, figures.running), (2, 8));
    let mut next = pin!(budget.background());
    let mut gone = Box::pin(budget.background());
    let mut poll = |free: usize| {
        let answer = next.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        assert_eq!(answer.is_ready(), free > 0, "{free} free");
        answer
    };
    assert!(poll(0).is_pending());
    assert!(gone.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    assert_eq!(budget.background_figures().waiting, 2);
    drop(gone);
    for _ in 0..6 {
        turns.pop();
        assert!(poll(0).is_pending());
    }
    turns.pop();
    let Poll::Ready(turn) = poll(1) else { panic!("a turn is free") };
    let figures = budget.background_figures();
    assert_eq!((figures.running, figures.waiting), (2, 0));
    drop((turn, turns));

    // What was surplus comes back as calm does.
    for _ in 0..20 {
        after(QUIET, &budget, Level::Calm).await;
    }
    let mut turns = Vec::new();
    for _ in 0..BACKGROUND_TURNS_MAX {
        turns.push(budget.background().await);
    }
    let mut one_more = pin!(budget.background());
    assert!(one_more.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
}

#[tokio::test(start_paused = true)]
async fn a_turn_added_while_a_surplus_one_runs_is_that_one() {
    let budget = Budget::new(MEMORY_LIMIT_BYTES_MIN).unwrap();
    let turns = [budget.background().await, budget.background().await];
    budget.set_pressure(Level::High);
    assert_eq!(allowed(&budget), 1);
    assert_eq!(after(QUIET, &budget, Level::Calm).await, 2);
    assert!(
        pin!(budget.background()).as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending(),
        "two are allowed and two run"
    );
    drop(turns);
    let _both = [budget.background().await, budget.background().await];
}
