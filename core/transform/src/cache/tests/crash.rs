use super::*;

/// What a process that was killed at some point leaves behind, and whether the rendition is there afterwards.
#[tokio::test]
async fn after_a_kill_at_any_step_all_that_is_found_is_whole_and_all_that_is_not_found_is_gone() {
    let steps = [
        ("in the making", false),
        ("published without a row", false),
        ("kept", true),
        ("its row is removed and its files are not", false),
        ("its bytes are removed and its checksums are not", false),
        ("its files are removed and its row is not", false),
        ("its length is wrong", false),
    ];
    for (step, is_there) in steps {
        let house = house(8 * MIB).await;
        drop(house.put(7, 60_000).await);
        leave(&house, step).await;
        let house = house.reopened(settings(8 * MIB)).await;
        assert_eq!(house.has(1).await, is_there, "{step}");
        assert!(house.has(7).await, "{step}");
        let (rows, rows_bytes) = house.cache.0.index.totals().await.unwrap();
        assert_eq!(rows, 1 + u64::from(is_there), "{step}");
        assert_eq!(house.cache.taken(), (rows_bytes, usize::try_from(rows).unwrap()), "{step}");
        assert_eq!(house.on_disk().1 as u64, rows * 2, "{step}");
    }
}

async fn leave(house: &House, step: &str) {
    let renditions = &house.cache.0.renditions;
    let index = &house.cache.0.index;
    match step {
        "in the making" => std::mem::forget(house.filled(1, 50_000).await.unwrap()),
        "published without a row" => {
            let mut making = renditions.begin(Arc::new(())).await.unwrap();
            making.write(content(1, 50_000)).await.unwrap();
            making.publish(RenditionId::random().unwrap()).await.unwrap();
        }
        _ => {
            drop(house.put(1, 50_000).await);
            house.cache.standing().clear();
            let row = index.get(key(1).as_bytes()).await.unwrap().unwrap();
            let id = RenditionId::from_bytes(row.file);
            let name = id.to_string();
            let path = house.folder.path().join("cache/made").join(&name[..2]).join(&name);
            match step {
                "kept" => {}
                "its row is removed and its files are not" => index.remove(&[row.file]).await.unwrap(),
                "its bytes are removed and its checksums are not" => {
                    index.remove(&[row.file]).await.unwrap();
                    std::fs::remove_file(path).unwrap();
                }
                "its files are removed and its row is not" => renditions.remove(vec![id]).await.unwrap(),
                "its length is wrong" => {
                    std::fs::File::options().write(true).open(path).unwrap().set_len(40_000).unwrap();
                }
                other => panic!("{other}"),
            }
        }
    }
}

#[tokio::test]
async fn an_index_that_is_damaged_or_gone_costs_what_was_kept_and_no_more() {
    for damage in [&b"this is no database, and as long as a page of one must be"[..], b""] {
        let house = house(8 * MIB).await;
        drop(house.put(1, 50_000).await);
        house.cache.0.index.close().await;
        let files = files_of(&house.folder.path().join(DATABASE_FILE));
        for file in &files {
            let _ = std::fs::remove_file(file);
        }
        if !damage.is_empty() {
            std::fs::write(&files[0], damage.repeat(100)).unwrap();
        }
        let house = house.reopened(settings(8 * MIB)).await;
        assert!(!house.has(1).await);
        assert_eq!((house.cache.taken(), house.on_disk().1), ((0, 0), 0));
        drop(house.put(1, 50_000).await);
        assert!(house.has(1).await);
    }
}

#[tokio::test]
async fn a_cache_that_became_smaller_lets_the_rest_go_at_the_start() {
    let house = house(8 * MIB).await;
    for number in 0..30 {
        drop(house.put(number, 200_000).await);
    }
    let house = house.reopened(settings(MIB)).await;
    let (bytes, entries) = house.cache.taken();
    assert!(bytes <= MIB && entries == 5, "{bytes} {entries}");
    assert!(house.on_disk().0 <= MIB);
    assert_eq!(house.on_disk().1, entries * 2);
}
