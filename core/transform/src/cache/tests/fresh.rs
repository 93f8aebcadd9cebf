use super::*;

#[test]
fn each_class_of_status_has_its_time() {
    let lifetimes = Lifetimes::default();
    for (status, seconds) in [(200, 86_400), (206, 86_400), (301, 300), (404, 60), (502, 10), (599, 10)] {
        assert_eq!(lifetimes.of(status), Duration::from_secs(seconds), "{status}");
    }
}

#[tokio::test]
async fn what_is_over_is_given_until_the_bound_and_not_a_moment_longer() {
    let house = house(8 * MIB).await;
    for (number, fresh_for, is_fresh) in
        [(1, Duration::from_secs(500), true), (3, Duration::from_millis(1), false)]
    {
        let filling = house.filled(number, 10).await.unwrap();
        let made = filling.keep(Entry { fresh_for, ..entry(number, "/x", &[]) }).await.unwrap();
        let lifetime_ms = u64::try_from(made.fresh_until - made.created).unwrap();
        assert_eq!(Duration::from_millis(lifetime_ms), fresh_for, "{number}");
        until(|| made.is_fresh() == is_fresh).await;
    }
    assert!(house.has(3).await, "it is still there, to be given while its source is looked at");
    set_fresh_until(&house, 1, now_ms() - i64::try_from(STALE_MS).unwrap() - 10).await;
    assert!(!house.has(1).await);
    assert_eq!(house.cache.taken().1, 2);
    house.cache.tidy().await.unwrap();
    assert_eq!(house.cache.taken().1, 1);
}

/// As if time had gone by.
async fn set_fresh_until(house: &House, number: u64, fresh_until: UnixMs) {
    let row = house.cache.0.index.get(key(number).as_bytes()).await.unwrap().unwrap();
    house.cache.0.index.put(&Row { fresh_until, ..row }).await.unwrap();
    drop(house.cache.standing().clear());
}

#[tokio::test]
async fn a_source_that_was_looked_at_makes_what_is_kept_fresh_again_also_after_a_restart() {
    let house = house(8 * MIB).await;
    drop(house.put(1, 10).await);
    set_fresh_until(&house, 1, now_ms() - 5).await;
    let mut made = house.cache.get(key(1)).await.unwrap().unwrap();
    assert!(!made.is_fresh());
    house.cache.renew(&mut made, Duration::from_secs(60)).await;
    assert!(made.is_fresh());
    assert!(house.cache.get(key(1)).await.unwrap().unwrap().is_fresh());
    let house = house.reopened(settings(8 * MIB)).await;
    assert!(house.cache.get(key(1)).await.unwrap().unwrap().is_fresh());
}

#[tokio::test]
async fn what_is_kept_is_given_though_the_database_cannot_be_written() {
    let house = house(8 * MIB).await;
    drop(house.put(1, 10).await);
    set_fresh_until(&house, 1, now_ms() - 5).await;
    drop(house.cache.get(key(1)).await.unwrap().unwrap());
    house.cache.0.index.close().await;
    let mut made = house.cache.get(key(1)).await.unwrap().expect("it stays open");
    assert!(!made.is_fresh());
    house.cache.renew(&mut made, Duration::from_secs(60)).await;
    assert!(made.is_fresh());
}

#[tokio::test]
async fn a_former_version_is_given_until_its_path_is_purged() {
    let house = house(8 * MIB).await;
    drop(house.put(1, 10).await);
    let former = async |house: &House, path: &str, recipe| {
        house.cache.former("clips", path, recipe, &key(2)).await.unwrap().map(|made| made.key)
    };
    assert_eq!(former(&house, "/x.mp4", 5).await, Some(key(1)));
    assert_eq!(former(&house, "/y.mp4", 5).await, None);
    assert_eq!(former(&house, "/x.mp4", 6).await, None);
    assert_eq!(house.cache.former("clips", "/x.mp4", 5, &key(1)).await.unwrap().map(|made| made.key), None);
    set_fresh_until(&house, 1, now_ms() - i64::try_from(STALE_MS).unwrap() - 10).await;
    assert_eq!(former(&house, "/x.mp4", 5).await, None, "its time and the bound are over");
    drop(house.put(1, 10).await);
    let path = Select::Path { origin: "clips".to_owned(), path: "/x.mp4".to_owned() };
    house.cache.purge(&path).await.unwrap();
    assert_eq!(former(&house, "/x.mp4", 5).await, None);
}

#[tokio::test]
async fn a_failure_is_remembered_as_long_as_its_kind_lasts() {
    let house = house(8 * MIB).await;
    let lifetimes = Lifetimes { server_error: Duration::from_secs(20), ..Lifetimes::default() };
    tokio::time::pause();
    for (kind, seconds) in [
        (ErrorKind::Unsupported, 3_600),
        (ErrorKind::NoSound, 3_600),
        (ErrorKind::Failed, 60),
        (ErrorKind::Source, 20),
        (ErrorKind::Gone, 0),
        (books::busy().kind, 0),
    ] {
        let error = Error::new(kind.clone(), "said");
        house.cache.failed(key(1), error.clone(), &lifetimes);
        let lasts = |house: &House| house.cache.failure(&key(1)).is_some_and(|found| found.kind == kind);
        assert_eq!(lasts(&house), seconds > 0, "{kind:?}");
        if seconds > 0 {
            assert_eq!(house.cache.get(key(1)).await.unwrap_err().kind, kind);
            tokio::time::advance(Duration::from_secs(seconds - 1)).await;
            assert!(lasts(&house), "{kind:?}");
            tokio::time::advance(Duration::from_secs(1)).await;
        }
        assert!(!lasts(&house), "{kind:?}");
        assert!(house.cache.get(key(2)).await.unwrap().is_none());
    }
}
