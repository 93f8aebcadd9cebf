use futures_util::future::join_all;

use super::*;

const LIMIT: u64 = 4 * MIB;

async fn within_the_limit(house: &House) {
    let _turn = house.cache.turn().await.unwrap();
    let (on_disk, _) = house.on_disk();
    let (taken, _) = house.cache.taken();
    assert!(on_disk <= LIMIT && taken <= LIMIT, "{on_disk} on the disk, {taken} booked");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_disk_never_holds_more_than_the_limit_whatever_is_asked_for() {
    let house = house(LIMIT).await;
    let work = (0..6_u64).map(|worker| {
        let house = &house;
        async move {
            let (mut kept, mut refused) = (0_u64, 0);
            for turn in 0..14 {
                let number = worker * 100 + turn;
                let length = 100_000 + number * 7_919 % 600_000;
                let mut filling = match house.cache.reserve(length / 2).await {
                    Ok(room) => room.begin().await.unwrap(),
                    Err(_) => {
                        refused += 1;
                        continue;
                    }
                };
                let bytes = content(number, length);
                let mut fits = true;
                for at in (0..bytes.len()).step_by(65_536) {
                    let piece = bytes.slice(at..bytes.len().min(at + 65_536));
                    fits = fits && filling.write(piece).await.is_ok();
                    within_the_limit(house).await;
                }
                if !fits || turn % 5 == 4 {
                    // Given up; its room comes back.
                    refused += 1;
                    continue;
                }
                let made = filling.keep(entry(number, "/x", &[])).await.unwrap();
                assert_eq!(read(&made).unwrap(), bytes);
                within_the_limit(house).await;
                kept += made.source.len();
            }
            (kept, refused)
        }
    });
    let done = join_all(work).await;
    let kept: u64 = done.iter().map(|(kept, _)| kept).sum();
    assert!(kept > 3 * LIMIT, "{done:?}");
    house.cache.standing().clear();
    until(|| std::fs::read_dir(house.folder.path().join("cache/making")).unwrap().count() == 0).await;
    let (bytes, entries) = house.cache.taken();
    let (_, rows_bytes) = house.cache.0.index.totals().await.unwrap();
    assert_eq!((bytes, house.on_disk().1), (rows_bytes, entries * 2), "no more than what is kept is taken");
    assert!(entries > 0);
}

#[tokio::test]
async fn what_is_read_is_not_evicted_and_what_can_never_fit_is_refused_by_name() {
    let house = house(LIMIT).await;
    let first = house.put(1, LIMIT / 2).await;
    let busy = house.cache.reserve(LIMIT * 3 / 4).await.err().unwrap();
    assert!(matches!(busy.kind, ErrorKind::Busy { .. }), "{busy}");
    assert!(house.has(1).await);
    let never = house.cache.reserve(LIMIT).await.err().unwrap();
    assert_eq!(never.kind, ErrorKind::TooLarge);
    assert!(never.context.contains(&LIMIT.to_string()), "{never}");
    // Removed, but read: the room is not there yet.
    house.cache.purge(&Select::All).await.unwrap();
    assert!(!house.has(1).await);
    assert!(house.cache.reserve(LIMIT * 3 / 4).await.is_err());
    assert_eq!(read(&first).unwrap(), content(1, LIMIT / 2));
    drop(first);
    let room = house.cache.reserve(LIMIT * 3 / 4).await.unwrap();
    assert!(house.cache.taken().0 >= LIMIT * 3 / 4);
    drop(room);
    assert_eq!(house.cache.taken(), (0, 0));
}

#[tokio::test]
async fn what_grows_beyond_all_that_may_be_taken_never_fits() {
    let house = house(LIMIT).await;
    let mut filling = house.cache.reserve(1_000).await.unwrap().begin().await.unwrap();
    let piece = content(1, MIB);
    let error = loop {
        match filling.write(piece.clone()).await {
            Ok(()) => assert!(filling.length() <= LIMIT),
            Err(error) => break error,
        }
    };
    assert_eq!(error.kind, ErrorKind::TooLarge, "it was alone");
}

#[test]
fn a_disk_that_others_fill_gets_back_what_is_kept_but_for_a_little() {
    const EACH: u64 = 16 * MIB;
    let mut books = Books::new(4_096 * MIB, 1_000, Arc::default()).unwrap();
    for slot in 1..=64 {
        books.load(slot, EACH);
    }
    assert_eq!((books.taken_bytes(), books.evicted_total()), (64 * EACH, 0));
    books.fit_the_disk(2 * EACH);
    let promised = books.make_room(2 * EACH, None).unwrap().unwrap();
    assert_eq!(books.evicted_total(), 0, "the disk has it");
    // It is promised, and nobody has written it: the disk says that it is free, and nobody else gets it.
    books.fit_the_disk(2 * EACH);
    let more = books.make_room(EACH, None).unwrap().unwrap();
    assert_eq!(books.evicted_total(), 1);
    promised.wrote(2 * EACH);
    more.wrote(EACH);
    drop((promised, more));
    for _ in 0..200 {
        books.gone(usize::MAX);
        books.fit_the_disk(0);
        drop(books.make_room(EACH, None).expect("there is always a little"));
    }
    let left_bytes = books.taken_bytes();
    assert!(left_bytes <= RENDITIONS_BYTES_MIN && left_bytes > RENDITIONS_BYTES_MIN / 2, "{left_bytes}");
}

#[tokio::test]
async fn what_merely_stays_open_makes_room() {
    let house = house(LIMIT).await;
    for number in 0..4 {
        drop(house.put(number, LIMIT / 5).await);
        assert!(house.has(number).await);
    }
    assert_eq!(house.cache.standing().len(), 4);
    drop(house.put(9, LIMIT * 9 / 10).await);
    assert_eq!(house.cache.taken().1, 1);
}

#[tokio::test]
async fn a_reader_of_what_was_given_up_is_counted_until_he_goes() {
    let house = house(LIMIT).await;
    let filling = house.filled(1, LIMIT / 2).await.unwrap();
    let growing = filling.growing();
    drop(filling);
    until(|| house.on_disk().1 == 0).await;
    assert!(house.cache.taken().0 >= LIMIT / 2);
    assert!(house.cache.reserve(LIMIT * 3 / 4).await.is_err());
    drop(growing);
    until(|| house.cache.taken().0 == 0).await;
    house.cache.reserve(LIMIT * 3 / 4).await.unwrap();
}

#[tokio::test]
async fn calls_that_are_given_up_anywhere_leave_no_room_taken() {
    let house = house(LIMIT).await;
    for number in 0..8 {
        drop(house.put(number, LIMIT / 9).await);
    }
    house.cache.standing().clear();
    for polls in 0..60 {
        let work = async {
            let mut filling = house.cache.reserve(LIMIT / 3).await?.begin().await?;
            filling.write(content(99, 100_000)).await?;
            filling.keep(entry(99, "/given-up", &[])).await
        };
        let mut work = Box::pin(work);
        for _ in 0..polls {
            let polled = std::future::poll_fn(|context| std::task::Poll::Ready(work.as_mut().poll(context)));
            if polled.await.is_ready() {
                break;
            }
            tokio::task::yield_now().await;
        }
        drop(work);
        assert!(house.on_disk().0 <= LIMIT);
    }
    house.cache.0.tasks.close();
    house.cache.0.tasks.wait().await;
    drop(house.put(100, 1_000).await);
    house.cache.standing().clear();
    until(|| std::fs::read_dir(house.folder.path().join("cache/making")).unwrap().count() == 0).await;
    let (rows, rows_bytes) = house.cache.0.index.totals().await.unwrap();
    let taken = |house: &House| {
        let (bytes, entries) = house.cache.taken();
        (bytes, entries as u64)
    };
    until(|| taken(&house) == (rows_bytes, rows)).await;
    assert_eq!(house.on_disk().1 as u64, rows * 2);
}

#[tokio::test]
async fn there_are_no_more_entries_than_allowed() {
    let folder = tempfile::tempdir().unwrap();
    let few = CacheSettings { entries_max: 5, ..settings(LIMIT) };
    let house = House { cache: opened(folder.path(), few).await, folder };
    for number in 0..20 {
        drop(house.put(number, 100).await);
        house.cache.standing().clear();
    }
    let (rows, _) = house.cache.0.index.totals().await.unwrap();
    assert_eq!((house.cache.taken().1, rows, house.on_disk().1), (5, 5, 10));
    assert!(house.has(19).await);
}

#[tokio::test]
async fn a_child_may_write_as_much_as_fits_into_its_room() {
    let house = house(LIMIT).await;
    for length in [0, 1, 4_096, 1_000_000, LIMIT * 9 / 10] {
        let room = house.cache.reserve(length).await.unwrap();
        let needed = Renditions::disk_bytes(room.length_max()) + DISK_BLOCK_BYTES;
        assert!(needed <= house.cache.taken().0, "{length}");
        let mut filling = room.begin().await.unwrap();
        let (file, length_max) = filling.child_file().unwrap();
        let bytes = content(1, length.min(length_max));
        file.write_all_at(&bytes, 0).unwrap();
        drop(file);
        assert_eq!(filling.adopt().await.unwrap(), bytes.len() as u64);
        let made = filling.keep(entry(1, "/x", &[])).await.unwrap();
        assert_eq!(read(&made).unwrap(), bytes);
        assert!(house.cache.taken().0 <= LIMIT);
    }
}
