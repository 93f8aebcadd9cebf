use super::*;

/// What one of these takes: its bytes, their checksums and its row, each in one block.
const ONE_BYTES: u64 = 3 * DISK_BLOCK_BYTES;

async fn stocked() -> House {
    let house = house(8 * MIB).await;
    for (number, path, tags) in [
        (1, "/a/one.mp4", vec!["red"]),
        (2, "/a/one.mp4", vec![]),
        (3, "/a/two.mp4", vec!["red"]),
        (4, "/b.mp4", vec![]),
    ] {
        let filling = house.filled(number, 1_000).await.unwrap();
        drop(filling.keep(entry(number, path, &tags)).await.unwrap());
    }
    house
}

fn path(path: &str) -> Select {
    Select::Path { origin: "clips".to_owned(), path: path.to_owned() }
}

fn prefix(prefix: &str) -> Select {
    Select::Prefix { origin: "clips".to_owned(), prefix: prefix.to_owned() }
}

#[tokio::test]
async fn a_purge_removes_what_it_means_and_frees_its_room() {
    for (what, gone) in [
        (Select::Key(*key(2).as_bytes()), vec![2]),
        (Select::Tag("red".to_owned()), vec![1, 3]),
        (path("/a/one.mp4"), vec![1, 2]),
        (prefix("/a/"), vec![1, 2, 3]),
        (prefix("/nothing"), vec![]),
        (Select::All, vec![1, 2, 3, 4]),
    ] {
        let house = stocked().await;
        let purged = house.cache.purge(&what).await.unwrap();
        assert_eq!(purged.renditions, gone.len() as u64, "{what:?}");
        for number in 1..=4 {
            assert_eq!(house.has(number).await, !gone.contains(&number), "{number} after {what:?}");
        }
        assert_eq!(purged.bytes, gone.len() as u64 * ONE_BYTES, "{what:?}");
        let left = 4 - gone.len();
        assert_eq!((house.cache.taken().1, house.on_disk().1), (left, left * 2), "{what:?}");
    }
}

#[tokio::test]
async fn what_was_being_made_when_it_was_purged_is_given_and_not_kept() {
    for (what, is_meant) in [
        (Select::Key(*key(9).as_bytes()), true),
        (Select::Tag("red".to_owned()), true),
        (path("/a/one.mp4"), true),
        (prefix("/b"), false),
        (Select::All, true),
    ] {
        let house = stocked().await;
        house.cache.purge(&Select::All).await.unwrap();
        let filling = house.filled(9, 1_000).await.unwrap();
        house.cache.purge(&what).await.unwrap();
        let made = filling.keep(entry(9, "/a/one.mp4", &["red"])).await.unwrap();
        assert_eq!(read(&made).unwrap(), content(9, 1_000));
        assert_eq!(house.has(9).await, !is_meant, "{what:?}");
        drop(made);
        house.cache.standing().clear();
        until(|| house.on_disk().1 == usize::from(!is_meant) * 2).await;
    }
    // Too many purges to remember.
    let house = stocked().await;
    let filling = house.filled(9, 1_000).await.unwrap();
    for _ in 0..=budget::limits::CACHE_PURGES_KEPT_MAX {
        house.cache.purge(&prefix("/nothing")).await.unwrap();
    }
    drop(filling.keep(entry(9, "/a/one.mp4", &[])).await.unwrap());
    assert!(!house.has(9).await);
}

#[tokio::test]
async fn a_purged_path_hides_what_was_made_before_and_nothing_else() {
    let house = stocked().await;
    let in_the_making = house.filled(9, 1_000).await.unwrap();
    house.cache.purge(&path("/a/one.mp4")).await.unwrap();
    let version = house.cache.version("clips", "/a/one.mp4").await.unwrap();
    assert!(version > 0);
    drop(in_the_making.keep(entry(9, "/a/one.mp4", &[])).await.unwrap());
    for (number, is_there) in [(1, false), (2, false), (3, true), (4, true), (9, false)] {
        assert_eq!(house.has(number).await, is_there, "{number}");
    }
    let filling = house.filled(1, 1_000).await.unwrap();
    drop(filling.keep(entry(1, "/a/one.mp4", &[])).await.unwrap());
    assert!(house.has(1).await);
    let house = house.reopened(settings(8 * MIB)).await;
    assert!(house.has(1).await);
    assert_eq!(house.cache.version("clips", "/a/one.mp4").await.unwrap(), version);
    // Written down, and then killed: what is there is not found.
    house.cache.0.index.raise("clips", "/a/one.mp4", 0).await.unwrap();
    let house = house.reopened(settings(8 * MIB)).await;
    assert!(!house.has(1).await && house.has(3).await);
}

#[tokio::test]
async fn another_process_may_purge_with_a_server_and_without_one() {
    let house = stocked().await;
    let told = Arc::new(Mutex::new(Vec::new()));
    let listener = Arc::clone(&told);
    house.cache.tell_of_purges(Box::new(move |what| {
        listener.lock().unwrap().push(what);
        Box::pin(async {})
    }));
    let data = DataFolder::share(house.folder.path()).unwrap();
    let whats = [Select::Tag("red".to_owned()), path("/a/one.mp4")];
    let served = tokio::select! {
        purged = ask_to_purge(&data, &whats) => purged.unwrap().unwrap(),
        () = house.cache.obey() => panic!("it goes on"),
    };
    assert_eq!(served, Purged { renditions: 3, bytes: 3 * ONE_BYTES });
    assert!(!house.has(2).await && house.has(4).await);
    assert_eq!(*told.lock().unwrap(), whats);
    let House { folder, cache } = house;
    drop(cache);
    let alone = purge_unserved(&data, &[Select::All, Select::All]).await.unwrap();
    assert_eq!((alone.renditions, alone.bytes > 0), (1, true));
    let house = House { cache: opened(folder.path(), settings(8 * MIB)).await, folder };
    assert_eq!((house.cache.taken(), house.on_disk().1), ((0, 0), 0));
}

#[tokio::test]
async fn a_purge_that_nobody_does_is_told_so() {
    let house = stocked().await;
    let data = DataFolder::share(house.folder.path()).unwrap();
    let within = Duration::from_millis(300);
    assert_eq!(purge::ask_within(within, &data, &[Select::All]).await.unwrap(), None);
    assert!(house.has(1).await);
}

#[tokio::test]
async fn a_purge_forgets_failures_too() {
    let house = stocked().await;
    house.cache.failed(key(50), Error::new(ErrorKind::Unsupported, "said"), &Lifetimes::default());
    house.cache.purge(&prefix("/nothing")).await.unwrap();
    assert!(house.cache.failure(&key(50)).is_none());
}
