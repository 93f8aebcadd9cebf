//! Where users left off: queues and bookmarks.

use std::sync::Arc;

use budget::limits::{
    BOOKMARKS_PER_USER_MAX, CLIENT_NAME_CHARS_MAX, KEPT_COMMENT_BYTES_MAX, QUEUE_TRACKS_MAX,
};

use super::house::{House, file, titles};
use crate::access::Viewer;
use crate::database::Catalog;
use crate::error::{Error, ErrorKind};
use crate::model::{QueueToKeep, TrackId};

async fn keep(
    house: &House,
    viewer: &Viewer,
    tracks: &[TrackId],
    current: usize,
    position_ms: u64,
) -> Result<(), Error> {
    let queue = QueueToKeep { tracks, current, position_ms, changed_by: "a test" };
    house.catalog.keep_queue(viewer, &queue).await
}

/// Songs, place and id of the current one, and the position in it.
async fn kept(house: &House, viewer: &Viewer) -> (String, Option<(u64, TrackId)>, u64) {
    let queue = house.catalog.queue(viewer).await.expect("an answer").expect("a queue");
    let tracks = house.catalog.queue_tracks(viewer, 0, 500).await.expect("its songs");
    (titles(&tracks).concat(), queue.current, queue.position_ms)
}

pub(super) async fn a_queue_is_kept_as_it_was(catalog: Arc<dyn Catalog>) {
    let house = House::with(catalog, &[file("A", "One", 1, "a"), file("A", "One", 2, "b")]).await;
    let (a, b) = (house.track("a").await.id, house.track("b").await.id);
    let (ann, bob) = (house.ann(), house.bob());
    assert_eq!(house.catalog.queue(&ann).await.expect("an answer"), None, "she never kept one");
    keep(&house, &ann, &[a, b, a, a], 2, 61_000).await.expect("it is kept");
    assert_eq!(kept(&house, &ann).await, ("abaa".into(), Some((2, a)), 61_000));
    let page = house.catalog.queue_tracks(&ann, 1, 2).await.expect("a page");
    assert_eq!(titles(&page).concat(), "ba");
    assert_eq!(house.catalog.queue(&bob).await.expect("an answer"), None, "each has his own");
    keep(&house, &bob, &[b], 0, 0).await.expect("it is kept");
    let first = house.catalog.queue(&ann).await.expect("an answer").expect("a queue");
    assert_eq!(first.changed_by, "a test");
    for (tracks, current, refused) in [
        (vec![a, TrackId(999)], 0, ErrorKind::NotFound),
        (vec![a, b], 2, ErrorKind::Invalid),
        (vec![], 1, ErrorKind::Invalid),
    ] {
        let error = keep(&house, &ann, &tracks, current, 0).await.expect_err("it is refused");
        assert_eq!(error.kind(), refused);
    }
    let too_many = vec![a; QUEUE_TRACKS_MAX + 1];
    let error = keep(&house, &ann, &too_many, 0, 0).await.expect_err("it is too long");
    assert_eq!(error.kind(), ErrorKind::Invalid);
    assert_eq!(kept(&house, &ann).await, ("abaa".into(), Some((2, a)), 61_000), "nothing of it was done");
    let long = "é".repeat(CLIENT_NAME_CHARS_MAX + 1);
    let queue = QueueToKeep { tracks: &[], current: 0, position_ms: 0, changed_by: &format!("\n{long}") };
    house.catalog.keep_queue(&ann, &queue).await.expect("it is cleared");
    assert_eq!(kept(&house, &ann).await, (String::new(), None, 0));
    let cleared = house.catalog.queue(&ann).await.expect("an answer").expect("a queue");
    assert_eq!(cleared.changed_by, "é".repeat(CLIENT_NAME_CHARS_MAX));
    assert_eq!(kept(&house, &bob).await, ("b".into(), Some((0, b)), 0));
}

pub(super) async fn p08_of_a_queue_each_sees_what_he_still_may(catalog: Arc<dyn Catalog>) {
    let files: Vec<_> = (1..).zip(["a", "b", "c"]).map(|(n, title)| file("A", "One", n, title)).collect();
    let house = House::with(catalog, &files).await;
    let (a, b, c) = (house.track("a").await.id, house.track("b").await.id, house.track("c").await.id);
    let bob = house.bob();
    keep(&house, &bob, &[a, b, c, b], 1, 5_000).await.expect("it is kept");
    house.hide_for_ann("b").await;
    assert_eq!(kept(&house, &bob).await, ("ac".into(), Some((1, c)), 0), "he goes on with the next");
    house.catalog.mark_missing(house.music, &[c]).await.expect("a mark");
    assert_eq!(kept(&house, &bob).await, ("a".into(), Some((0, a)), 0), "there is no next");
    house.catalog.mark_missing(house.music, &[a]).await.expect("a mark");
    assert_eq!(kept(&house, &bob).await, (String::new(), None, 0));
    house.catalog.mark_present(house.music, &[a, c]).await.expect("a mark");
    let error = keep(&house, &bob, &[a, b], 0, 0).await.expect_err("he does not see one of them");
    assert_eq!(error.kind(), ErrorKind::NotFound);
}

/// What somebody finds: titles, positions and comments.
async fn marks(house: &House, viewer: &Viewer) -> Vec<(String, u64, String)> {
    let rows = house.catalog.bookmarks(viewer, 0, 500).await.expect("bookmarks");
    rows.into_iter().map(|row| (row.track.title, row.position_ms, row.comment)).collect()
}

pub(super) async fn bookmarks_are_each_users_own(catalog: Arc<dyn Catalog>) {
    let house = House::with(catalog, &[file("A", "One", 1, "a"), file("A", "One", 2, "b")]).await;
    let (a, b) = (house.track("a").await.id, house.track("b").await.id);
    let (catalog, ann, bob) = (&house.catalog, house.ann(), house.bob());
    catalog.put_bookmark(&ann, a, 1_500, "here").await.expect("a bookmark");
    catalog.put_bookmark(&bob, b, 7, "").await.expect("a bookmark");
    catalog.put_bookmark(&bob, a, 8, "mine").await.expect("a bookmark");
    let both = catalog.bookmarks(&bob, 0, 500).await.expect("bookmarks");
    let made = both.into_iter().find(|row| row.track.id == a).expect("one of them");
    catalog.put_bookmark(&bob, b, 9, "moved").await.expect("it moves");
    assert_eq!(marks(&house, &ann).await, [("a".into(), 1_500, "here".into())]);
    let his = catalog.bookmarks(&bob, 0, 500).await.expect("bookmarks");
    assert_eq!(his.len(), 2, "one to a track");
    assert!(
        his.iter().any(|row| row.position_ms == 9 && row.comment == "moved" && row.changed >= row.created)
    );
    assert!(his.contains(&made), "the other one stays as it was");
    assert_eq!(catalog.bookmarks(&bob, 1, 500).await.expect("a page"), his[1..]);
    let refused = catalog.put_bookmark(&ann, TrackId(999), 0, "").await.expect_err("nothing is there");
    assert_eq!(refused.kind(), ErrorKind::NotFound);
    let long = "x".repeat(KEPT_COMMENT_BYTES_MAX + 1);
    let refused = catalog.put_bookmark(&ann, a, 0, &long).await.expect_err("too many words");
    assert_eq!(refused.kind(), ErrorKind::Invalid);

    house.hide_for_ann("a").await;
    assert_eq!(marks(&house, &bob).await, [("b".into(), 9, "moved".into())], "he sees it no longer");
    assert_eq!(marks(&house, &ann).await.len(), 1);
    let refused = catalog.put_bookmark(&bob, a, 0, "").await.expect_err("he sees it no longer");
    assert_eq!(refused.kind(), ErrorKind::NotFound);
    catalog.remove_bookmark(&bob, a).await.expect("his own goes all the same");
    catalog.remove_bookmark(&bob, b).await.expect("it goes");
    let again = catalog.remove_bookmark(&bob, b).await.expect_err("it is gone");
    assert_eq!(again.kind(), ErrorKind::NotFound);
    assert_eq!(marks(&house, &ann).await, [("a".into(), 1_500, "here".into())]);
}

pub(super) async fn p04_bookmarks_are_bounded(catalog: Arc<dyn Catalog>) {
    let files: Vec<_> =
        (0..=BOOKMARKS_PER_USER_MAX).map(|n| file("A", "One", n as u32, &format!("t{n}"))).collect();
    let house = House::with(catalog, &files).await;
    let (catalog, ann) = (&house.catalog, house.ann());
    let mut ids = Vec::new();
    let mut after = None;
    loop {
        let page = catalog.tracks(&ann, after, 500).await.expect("a page");
        ids.extend(page.rows.iter().map(|track| track.id));
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    let (last, others) = ids.split_last().expect("tracks");
    for id in others {
        catalog.put_bookmark(&ann, *id, 1, "").await.expect("a bookmark");
    }
    let refused = catalog.put_bookmark(&ann, *last, 1, "").await.expect_err("there are enough");
    assert_eq!(refused.kind(), ErrorKind::NotAllowed);
    catalog.put_bookmark(&ann, others[0], 2, "").await.expect("one that is there moves");
}

pub(super) async fn a_renamed_file_keeps_its_bookmarks_and_its_place(catalog: Arc<dyn Catalog>) {
    let house = House::with(catalog, &[file("A", "One", 1, "a"), file("A", "One", 2, "b")]).await;
    let (a, b) = (house.track("a").await.id, house.track("b").await.id);
    let (catalog, ann) = (&house.catalog, house.ann());
    catalog.follow_moves(house.music).await.expect("the scan is over");
    catalog.put_bookmark(&ann, a, 5, "").await.expect("a bookmark");
    keep(&house, &ann, &[a, b], 0, 9).await.expect("it is kept");
    catalog.mark_missing(house.music, &[a]).await.expect("a mark");
    let mut renamed = file("A", "One", 3, "c");
    renamed.stamp = file("A", "One", 1, "a").stamp;
    house.record(&[renamed]).await;
    let new = house.track("c").await.id;
    // Somebody was quicker than the end of the scan.
    catalog.put_bookmark(&house.bob(), new, 6, "").await.expect("a bookmark");
    catalog.follow_moves(house.music).await.expect("the scan is over");
    assert_eq!(marks(&house, &ann).await, [("c".into(), 5, String::new())]);
    assert_eq!(marks(&house, &house.bob()).await, [("c".into(), 6, String::new())]);
    assert_eq!(kept(&house, &ann).await, ("cb".into(), Some((0, a)), 9));
}
