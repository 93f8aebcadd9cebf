use super::*;

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
async fn a_raised_version_hides_what_was_made_before_and_nothing_else() {
    let house = stocked().await;
    let in_the_making = house.filled(9, 1_000).await.unwrap();
    let version = house.cache.raise_version("clips", "/a/one.mp4").await.unwrap();
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
async fn what_is_made_stale_is_given_and_says_so() {
    let house = stocked().await;
    assert!(house.cache.get(key(1)).await.unwrap().unwrap().is_fresh());
    assert_eq!(house.cache.make_stale(&Select::Tag("red".to_owned())).await.unwrap().renditions, 2);
    for (number, is_fresh) in [(1, false), (2, true), (3, false), (4, true)] {
        assert_eq!(house.cache.get(key(number)).await.unwrap().unwrap().is_fresh(), is_fresh, "{number}");
    }
}

#[tokio::test]
async fn a_purge_forgets_failures_too() {
    let house = stocked().await;
    house.cache.failed(key(50), &Error::new(ErrorKind::Unsupported, "said"));
    house.cache.purge(&prefix("/nothing")).await.unwrap();
    assert!(house.cache.failure(&key(50)).is_none());
}
