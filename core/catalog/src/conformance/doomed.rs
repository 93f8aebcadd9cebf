//! Bytes that are to go, bytes that went bad, and rows that nobody may heap up.

use std::sync::Arc;
use std::time::SystemTime;

use budget::limits::UPLOADS_REMEMBERED_MAX;
use store::{BlobKey, SpoolId};

use super::house::House;
use super::sent::{doomed, hash, key, send, sound, tags, upload};
use crate::database::Catalog;
use crate::error::ErrorKind;
use crate::model::{Begun, Phase, UploadChange, UploadId, UploadRow};

fn now() -> i64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("a time after 1970");
    i64::try_from(since.as_millis()).expect("a time before the end of time")
}

fn named(n: u8) -> BlobKey {
    BlobKey::parse(&format!("audio/{n}.wav")).expect("a key")
}

async fn begun(catalog: &Arc<dyn Catalog>, row: &UploadRow, n: u8) -> Begun {
    catalog.add_upload(row).await.expect("an upload");
    catalog.begin_blob(row.id, &sound(n)).await.expect("bytes")
}

pub(super) async fn what_no_row_ever_knew_is_told_from_what_one_knew(catalog: Arc<dyn Catalog>) {
    let house = House::new(catalog).await;
    let catalog = &house.catalog;
    let sent = send(&house, &house.ann, 1, 1).await;
    assert_eq!(catalog.doom_unknown(&[key(2), named(3)]).await.expect("a number"), 2);
    catalog.remove_track(&house.ann(), sent.id).await.expect("removed");
    for _ in 0..2 {
        let mut all = Vec::new();
        let mut after = None;
        while let Some(next) = catalog.doomed_blobs(after.as_ref(), 1).await.expect("a page").pop() {
            all.push((next.key.clone(), next.is_known));
            after = Some(next);
        }
        all.sort();
        let mut expected = [(key(1), true), (key(2), false), (named(3), false)];
        expected.sort();
        assert_eq!(all, expected, "asking changes nothing");
    }
}

pub(super) async fn a_removal_that_fails_is_in_nobodys_way(catalog: Arc<dyn Catalog>) {
    let house = House::new(catalog).await;
    let catalog = &house.catalog;
    for n in [1, 2] {
        let sent = send(&house, &house.ann, n, n).await;
        catalog.remove_track(&house.ann(), sent.id).await.expect("removed");
    }
    let listed = catalog.doomed_blobs(None, 9).await.expect("a list");
    assert_eq!(listed.len(), 2);
    assert!(catalog.begin_removal(&key(1)).await.expect("an answer"));
    catalog.removal_failed(&key(1)).await.expect("a mark");
    let after = catalog.doomed_blobs(None, 9).await.expect("a list");
    assert_eq!(after.last().expect("two").key, key(1), "others come first now");
    let there = begun(catalog, &upload(&house.bob, 3), 2).await;
    assert!(matches!(there, Begun::There(_)), "nobody has begun to remove these");
    assert!(!catalog.begin_removal(&key(2)).await.expect("an answer"), "they are not doomed any more");
    let row = upload(&house.bob, 4);
    catalog.add_upload(&row).await.expect("an upload");
    let refused = catalog.begin_blob(row.id, &sound(1)).await.expect_err("it may still happen");
    assert_eq!(refused.kind(), ErrorKind::Busy);

    // Under a key that is not made of the hash the same bytes are in nobody's way.
    let row = upload(&house.bob, 5);
    assert_eq!(begun(catalog, &row, 5).await, Begun::New);
    let track = catalog.commit_upload(row.id, &named(5), Some(&tags(&row))).await.expect("a commit");
    catalog.remove_track(&house.bob(), track.expect("a track")).await.expect("removed");
    assert!(catalog.begin_removal(&named(5)).await.expect("an answer"));
    assert_eq!(begun(catalog, &upload(&house.bob, 6), 5).await, Begun::New);
}

pub(super) async fn bad_bytes_never_come_back_as_sound(catalog: Arc<dyn Catalog>) {
    let house = House::new(catalog).await;
    let catalog = &house.catalog;
    let sent = send(&house, &house.ann, 1, 1).await;
    catalog.mark_bad(hash(1), true).await.expect("a mark");
    catalog.remove_track(&house.ann(), sent.id).await.expect("removed");
    let row = upload(&house.ann, 2);
    assert_eq!(begun(catalog, &row, 1).await, Begun::New, "they are to be written anew");
    let blob = catalog.blob(hash(1)).await.expect("a row");
    assert_eq!((blob.key, blob.bad), (Some(key(1)), true), "what lies there is known to be bad");
    catalog.mark_bad(hash(1), false).await.expect("they were written anew");
    catalog.commit_upload(row.id, &key(1), Some(&tags(&row))).await.expect("a commit");
    assert!(!catalog.blob(hash(1)).await.expect("a row").bad);

    // Those that go bad while an upload relies on them were not written anew by it.
    let row = upload(&house.bob, 3);
    assert!(matches!(begun(catalog, &row, 1).await, Begun::There(_)));
    catalog.mark_bad(hash(1), true).await.expect("a mark");
    catalog.commit_upload(row.id, &key(1), Some(&tags(&row))).await.expect("a commit");
    assert!(catalog.blob(hash(1)).await.expect("a row").bad);
}

pub(super) async fn what_an_ended_upload_published_goes_if_nobody_relies_on_it(catalog: Arc<dyn Catalog>) {
    let house = House::new(catalog).await;
    let catalog = &house.catalog;
    send(&house, &house.ann, 1, 1).await;
    begun(catalog, &upload(&house.ann, 2), 2).await;
    // The key, the bytes, whether they go.
    let cases = [
        (key(1), 1, false, "a track plays them"),
        (key(2), 2, false, "another upload of these bytes is on its way to that key"),
        (named(2), 2, true, "that one gets another key"),
        (key(3), 3, true, "nobody knows of them"),
    ];
    for (key, n, goes, why) in cases {
        let doomed = catalog.doom_unwanted(&key, hash(n), 1_000).await.expect("an answer");
        assert_eq!(doomed, goes, "{why}");
    }
    let there = begun(catalog, &upload(&house.bob, 3), 3).await;
    assert!(matches!(there, Begun::There(blob) if blob.key == Some(key(3))), "they can be called back");
    assert_eq!(doomed(catalog).await, [named(2)]);
}

pub(super) async fn what_was_looked_at_longest_ago_is_looked_at_next(catalog: Arc<dyn Catalog>) {
    let house = House::new(catalog).await;
    let catalog = &house.catalog;
    let next = async |before| catalog.blob_to_check(before).await.expect("an answer").map(|row| row.id);
    assert_eq!(next(i64::MAX).await, None);
    let before = now();
    begun(catalog, &upload(&house.ann, 9), 9).await;
    assert_eq!(next(i64::MAX).await, None, "the store does not have them yet");
    for n in [1, 2, 3] {
        send(&house, &house.ann, n, n).await;
    }
    assert_eq!(next(before).await, None, "bytes that just came are sound");
    let mut seen = Vec::new();
    for n in 0..6_u64 {
        let id = next(i64::MAX).await.expect("one of three");
        seen.push(id);
        // Marks within one millisecond could not be told apart.
        let marked = now();
        while now() == marked {}
        catalog.mark_bad(id, n == 0).await.expect("a mark");
    }
    assert_eq!(seen, [hash(1), hash(2), hash(3), hash(1), hash(2), hash(3)]);
}

pub(super) async fn of_uploads_that_ended_the_last_are_remembered(catalog: Arc<dyn Catalog>) {
    let house = House::new(catalog).await;
    let catalog = &house.catalog;
    let open = upload(&house.ann, 1);
    catalog.add_upload(&open).await.expect("an upload");
    let numbered = |n: u32| {
        let mut id = [0; 16];
        id[..4].copy_from_slice(&n.to_be_bytes());
        UploadId(SpoolId::from_bytes(id))
    };
    for n in 1..=UPLOADS_REMEMBERED_MAX + 2 {
        let row = UploadRow { id: numbered(n), created: i64::from(n) + 10, ..open.clone() };
        catalog.add_upload(&row).await.expect("an upload");
        let change = UploadChange::to(Phase::Cancelled);
        catalog.change_upload(row.id, &[Phase::Receiving], &change).await.expect("an end");
    }
    let first = catalog.upload(None, numbered(1)).await.expect_err("too long ago");
    assert_eq!(first.kind(), ErrorKind::NotFound);
    for id in [open.id, numbered(2), numbered(UPLOADS_REMEMBERED_MAX + 2)] {
        catalog.upload(None, id).await.expect("it is remembered");
    }
}
