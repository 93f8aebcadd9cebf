use std::time::Duration;

use budget::limits::{KIB, MIB, SOCKET_PIECE_BYTES_MAX, SOCKET_PIECE_BYTES_MIN, SOCKET_RATE_MS};

use super::*;

fn queue() -> (Queue, Budget) {
    let budget = Budget::new(256 * MIB).unwrap();
    (Queue::new(budget.clone()), budget)
}

fn held(budget: &Budget) -> u64 {
    budget.figures().iter().find(|pool| pool.pool == Pool::Streams).unwrap().used_bytes
}

/// A client that takes so many bytes a second, in the way that sockets report it: what fits is taken, then it is full.
async fn listen(queue: &mut Queue, bytes_per_second: u64, seconds: u64) {
    for _ in 0..seconds * 20 {
        queue.took((bytes_per_second / 20) as usize);
        queue.full();
        tokio::time::advance(Duration::from_millis(50)).await;
    }
}

/// Memory beyond what a stream's permit stands for is held exactly while the bound is beyond it.
fn check(queue: &Queue, budget: &Budget) {
    let bound = queue.piece_bytes();
    assert!((SOCKET_PIECE_BYTES_MIN..=SOCKET_PIECE_BYTES_MAX).contains(&bound) && bound.is_power_of_two());
    let more = if bound > SOCKET_PIECE_BYTES_MIN { u64::from(bound) } else { 0 };
    assert_eq!(held(budget), more, "with a bound of {bound}");
}

#[tokio::test(start_paused = true)]
async fn p04_the_bound_follows_what_the_client_takes_and_is_paid_for() {
    for (bytes_per_second, bound) in [
        (0, SOCKET_PIECE_BYTES_MIN),
        (32_000, SOCKET_PIECE_BYTES_MIN),
        (40 * KIB, SOCKET_PIECE_BYTES_MIN),
        (500 * KIB, 32 * 1024),
        (2 * MIB, 128 * 1024),
        (100 * MIB, SOCKET_PIECE_BYTES_MAX),
    ] {
        let (mut queue, budget) = queue();
        listen(&mut queue, bytes_per_second, 3).await;
        assert_eq!(queue.piece_bytes(), bound, "{bytes_per_second} bytes a second");
        check(&queue, &budget);
        // A client that changes is followed.
        for (bytes_per_second, bound) in
            [(32_000, SOCKET_PIECE_BYTES_MIN), (100 * MIB, SOCKET_PIECE_BYTES_MAX)]
        {
            listen(&mut queue, bytes_per_second, 3).await;
            assert_eq!(queue.piece_bytes(), bound);
            check(&queue, &budget);
        }
        drop(queue);
        assert_eq!(held(&budget), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_takes_all_without_a_pause_gets_more_at_once() {
    let (mut queue, budget) = queue();
    let mut bounds = Vec::new();
    while queue.piece_bytes() < SOCKET_PIECE_BYTES_MAX {
        bounds.extend(queue.took(16 * 1024));
        check(&queue, &budget);
    }
    assert!((0..1_000).all(|_| queue.took(16 * 1024).is_none()), "what stays as it is needs no call");
    let doubled = std::iter::successors(Some(2 * SOCKET_PIECE_BYTES_MIN), |bound| Some(2 * bound));
    let wanted: Vec<_> = doubled.take_while(|bound| *bound <= SOCKET_PIECE_BYTES_MAX).collect();
    assert_eq!(bounds, wanted, "each is told to the kernel once");
}

#[tokio::test(start_paused = true)]
async fn a_short_pause_is_no_measurement() {
    let (mut queue, _) = queue();
    while queue.piece_bytes() < SOCKET_PIECE_BYTES_MAX {
        queue.took(16 * 1024);
    }
    tokio::time::advance(Duration::from_millis(SOCKET_RATE_MS)).await;
    assert_eq!(queue.full(), None, "it took all of that");
    tokio::time::advance(Duration::from_millis(SOCKET_RATE_MS - 1)).await;
    assert_eq!((queue.full(), queue.piece_bytes()), (None, SOCKET_PIECE_BYTES_MAX));
    tokio::time::advance(Duration::from_millis(1)).await;
    assert_eq!(queue.full(), Some(SOCKET_PIECE_BYTES_MIN), "nothing was taken in a time that says something");
}

#[tokio::test(start_paused = true)]
async fn p04_under_pressure_it_sinks_for_everybody_and_grows_for_nobody() {
    for (level, bound) in [
        (Level::Raised, SOCKET_PIECE_BYTES_MAX),
        (Level::High, SOCKET_PIECE_BYTES_MIN),
        (Level::Full, SOCKET_PIECE_BYTES_MIN),
    ] {
        let (mut queue, budget) = queue();
        listen(&mut queue, 100 * MIB, 2).await;
        budget.set_pressure(level);
        listen(&mut queue, 100 * MIB, 2).await;
        assert_eq!(queue.piece_bytes(), bound, "{level:?}");
        check(&queue, &budget);
    }
}

#[tokio::test(start_paused = true)]
async fn p04_without_memory_the_bound_is_what_the_stream_has_paid_for() {
    let (mut queue, budget) = queue();
    let mut all = Vec::new();
    for bytes in [MIB, 64 * KIB, KIB] {
        all.extend(std::iter::from_fn(|| budget.take(Pool::Streams, bytes).ok()));
    }
    let before = held(&budget);
    listen(&mut queue, 100 * MIB, 2).await;
    assert_eq!((queue.piece_bytes(), held(&budget)), (SOCKET_PIECE_BYTES_MIN, before));
    drop(all);
    listen(&mut queue, 100 * MIB, 2).await;
    assert_eq!(queue.piece_bytes(), SOCKET_PIECE_BYTES_MAX, "it grows when there is some again");
    check(&queue, &budget);
}

#[tokio::test(start_paused = true)]
async fn p04_a_connection_that_rests_gives_its_memory_back() {
    let (mut queue, budget) = queue();
    listen(&mut queue, 100 * MIB, 2).await;
    assert_eq!(queue.rest(), Some(SOCKET_PIECE_BYTES_MIN));
    assert_eq!((held(&budget), queue.rest()), (0, None));
}
