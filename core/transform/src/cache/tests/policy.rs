use proptest::prelude::*;

use super::super::books::Books;
use super::*;

const BLOCK: u64 = DISK_BLOCK_BYTES;

fn books(limit: u64, entries: usize) -> (Books, Arc<Ground>) {
    let ground = Arc::<Ground>::default();
    (Books::new(limit, entries, Arc::clone(&ground)).unwrap(), ground)
}

/// Reserves, keeps and lets go of one, as if the disk were instant. Whether there was room.
fn put(books: &mut Books, slot: i64, bytes: u64) -> bool {
    let Ok(hold) = books.make_room(bytes, None) else { return false };
    let doomed = books.doomed(usize::MAX).len();
    books.gone(doomed);
    books.keep(slot, bytes, &hold.unwrap(), None);
    let doomed = books.doomed(usize::MAX).len();
    books.gone(doomed);
    true
}

fn slot(number: u64) -> i64 {
    slot_of(key(number).as_bytes())
}

#[test]
fn the_index_takes_no_more_memory_than_its_permit() {
    let entries = RENDITIONS_KEPT_MAX as u64;
    let (mut books, _) = books(entries * 2 * BLOCK, RENDITIONS_KEPT_MAX);
    for number in 0..entries * 3 {
        assert!(put(&mut books, slot(number), BLOCK));
    }
    let held = books.memory_bytes() as u64;
    assert_eq!(books.entries() as u64, entries);
    assert!(held <= entries * RENDITION_INDEX_BYTES, "{held} bytes, {} an entry", held / entries);
}

#[test]
fn what_was_asked_for_again_outlasts_a_flood_of_what_is_asked_for_once() {
    let (mut books, _) = books(1_000 * BLOCK, 100_000);
    for number in 0..500 {
        assert!(put(&mut books, slot(number), BLOCK));
        assert!(books.touch(slot(number)));
    }
    for number in 1_000..11_000 {
        assert!(put(&mut books, slot(number), BLOCK));
    }
    let left = (0..500).filter(|number| books.touch(slot(*number))).count();
    assert!(left >= 450, "{left} of 500 are left");
}

#[test]
fn few_large_ones_go_for_a_larger_one_and_no_more_than_must() {
    let (mut books, _) = books(100 * BLOCK, 100);
    for number in 0..10 {
        assert!(put(&mut books, slot(number), 10 * BLOCK));
    }
    assert!(put(&mut books, slot(99), 25 * BLOCK));
    assert_eq!((books.entries(), books.entries_bytes()), (8, 95 * BLOCK));
    assert!(put(&mut books, slot(98), 100 * BLOCK), "one that fits alone");
    assert_eq!((books.entries(), books.entries_bytes()), (1, 100 * BLOCK));
    assert!(!put(&mut books, slot(97), 100 * BLOCK + 1));
}

#[derive(Clone, Debug)]
enum Step {
    Reserve(u64),
    Grow(usize, u64),
    Keep(usize, u64),
    Drop(usize),
    Hold(u64),
    Release(usize),
    Forget(u64),
    Settle,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let bytes = 1..40 * BLOCK;
    let step = prop_oneof![
        4 => bytes.clone().prop_map(Step::Reserve),
        1 => (0..8_usize, bytes).prop_map(|(at, bytes)| Step::Grow(at, bytes)),
        4 => (0..8_usize, 0..30_u64).prop_map(|(at, number)| Step::Keep(at, number)),
        1 => (0..8_usize).prop_map(Step::Drop),
        2 => (0..30_u64).prop_map(Step::Hold),
        1 => (0..8_usize).prop_map(Step::Release),
        1 => (0..30_u64).prop_map(Step::Forget),
        3 => Just(Step::Settle),
    ];
    prop::collection::vec(step, 1..200)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Nothing is doomed while something new gets room, as in the cache, where that waits for the disk.
    #[test]
    fn whatever_happens_the_bound_holds_and_in_the_end_nothing_is_left(steps in steps()) {
        let limit = 100 * BLOCK;
        let (mut books, ground) = books(limit, 12);
        let (mut rooms, mut held) = (Vec::new(), Vec::new());
        for step in steps {
            match step {
                Step::Reserve(bytes) => {
                    let doomed = books.doomed(usize::MAX).len();
                    books.gone(doomed);
                    rooms.extend(books.make_room(bytes, None).ok().flatten().map(|hold| (hold, bytes)));
                }
                Step::Grow(at, bytes) if at < rooms.len() => {
                    let doomed = books.doomed(usize::MAX).len();
                    books.gone(doomed);
                    if books.make_room(bytes, Some(&rooms[at].0)).is_ok() {
                        rooms[at].1 += bytes;
                    }
                }
                Step::Keep(at, number) if at < rooms.len() => {
                    let doomed = books.doomed(usize::MAX).len();
                    books.gone(doomed);
                    let (hold, bytes) = rooms.remove(at);
                    books.keep(slot(number), bytes, &hold, Some(RenditionId::from_bytes([1; 32])));
                    prop_assert!(books.touch(slot(number)), "what is kept is there");
                }
                Step::Drop(at) if at < rooms.len() => drop(rooms.remove(at)),
                Step::Hold(number) => held.extend(books.hold(slot(number)).map(|hold| (number, hold))),
                Step::Release(at) if at < held.len() => drop(held.remove(at)),
                Step::Forget(number) => _ = books.forget(slot(number)),
                Step::Settle => {
                    let doomed = books.doomed(usize::MAX).len();
                    books.gone(doomed);
                }
                _ => {}
            }
            // What is evicted for something new is still there until that begins.
            let waits: u64 = books.doomed(usize::MAX).iter().map(|doomed| doomed.bytes).sum();
            prop_assert!(books.taken_bytes() - waits <= limit);
            prop_assert!(books.entries() <= 12 + held.len());
            for (number, hold) in &held {
                prop_assert!(!hold.is_kept() || books.touch(slot(*number)), "what is read is not evicted");
            }
        }
        drop((rooms, held));
        for number in 0..30 {
            books.forget(slot(number));
        }
        let doomed = books.doomed(usize::MAX).len();
        books.gone(doomed);
        prop_assert_eq!((books.taken_bytes(), books.entries(), ground.beside_bytes()), (0, 0, 0));
    }
}
