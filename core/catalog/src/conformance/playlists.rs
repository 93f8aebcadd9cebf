//! Playlists: whose they are, what each viewer sees of them, and that a change is whole.

use std::sync::Arc;

use budget::limits::{
    KEPT_COMMENT_BYTES_MAX, KEPT_NAME_CHARS_MAX, PLAYLIST_TRACKS_AT_ONCE_MAX, PLAYLIST_TRACKS_MAX,
    PLAYLISTS_PER_USER_MAX,
};

use super::house::{House, file, titles};
use crate::access::Viewer;
use crate::database::Catalog;
use crate::error::{Error, ErrorKind};
use crate::model::{Playlist, PlaylistChange, PlaylistId, SongsChange, TrackId};

/// A house with the tracks a, b, c and d, and their ids.
async fn four(catalog: Arc<dyn Catalog>) -> (House, [TrackId; 4]) {
    let files: Vec<_> =
        (1..).zip(["a", "b", "c", "d"]).map(|(n, title)| file("A", "One", n, title)).collect();
    let house = House::with(catalog, &files).await;
    let mut ids = [TrackId(0); 4];
    for (id, title) in ids.iter_mut().zip(["a", "b", "c", "d"]) {
        *id = house.track(title).await.id;
    }
    (house, ids)
}

async fn songs(house: &House, viewer: &Viewer, id: PlaylistId) -> String {
    let tracks = house.catalog.playlist_tracks(viewer, id, 0, 500).await.expect("a list");
    // Whoever sees the list is told as much about it as it shows.
    if let Ok(head) = house.catalog.playlist(viewer, id).await {
        let duration_ms: u64 = tracks.iter().map(|track| track.duration_ms).sum();
        assert_eq!((head.tracks, head.duration_ms), (tracks.len() as u64, duration_ms));
    }
    titles(&tracks).concat()
}

async fn named(house: &House, viewer: &Viewer) -> Vec<(String, u64)> {
    let lists = house.catalog.playlists(viewer, 0, 500).await.expect("playlists");
    lists.into_iter().map(|Playlist { name, tracks, .. }| (name, tracks)).collect()
}

fn kind<T>(result: Result<T, Error>) -> ErrorKind {
    result.err().expect("it is refused").kind()
}

fn with_songs(songs: SongsChange) -> PlaylistChange {
    PlaylistChange { songs, ..PlaylistChange::default() }
}

fn edit(remove: &[u64], add: &[TrackId]) -> PlaylistChange {
    with_songs(SongsChange::Edit { remove: remove.to_vec(), add: add.to_vec() })
}

pub(super) async fn songs_come_and_go_by_their_places(catalog: Arc<dyn Catalog>) {
    let (house, [a, b, c, d]) = four(catalog).await;
    let (catalog, ann) = (&house.catalog, house.ann());
    let id = catalog.add_playlist(&ann, "Mixed", &[c, a, b, a]).await.expect("a playlist");
    assert_eq!(songs(&house, &ann, id).await, "caba");
    let made = catalog.playlist(&ann, id).await.expect("it is there");
    assert_eq!((made.name.as_str(), made.owner_name.as_str(), made.public), ("Mixed", "Ann", false));
    assert_eq!((made.tracks, made.duration_ms, made.comment.as_str()), (4, 4 * 180_000, ""));

    catalog.change_playlist(&ann, id, &edit(&[3, 0, 3], &[d, d])).await.expect("a change");
    assert_eq!(songs(&house, &ann, id).await, "abdd", "places are those of before the change");
    let page = catalog.playlist_tracks(&ann, id, 1, 2).await.expect("a page");
    assert_eq!(titles(&page).concat(), "bd");
    catalog.change_playlist(&ann, id, &edit(&[0, 1, 2, 3], &[c])).await.expect("a change");
    assert_eq!(songs(&house, &ann, id).await, "c");
    let replaced = with_songs(SongsChange::Replace(vec![d, c, b, a]));
    catalog.change_playlist(&ann, id, &replaced).await.expect("a change");
    assert_eq!(songs(&house, &ann, id).await, "dcba");
    catalog.change_playlist(&ann, id, &with_songs(SongsChange::Replace(vec![]))).await.expect("a change");
    assert_eq!(songs(&house, &ann, id).await, "");

    let words = PlaylistChange {
        name: Some("Still".to_owned()),
        comment: Some("two\nlines".to_owned()),
        public: Some(true),
        ..PlaylistChange::default()
    };
    catalog.change_playlist(&ann, id, &words).await.expect("a change");
    let changed = catalog.playlist(&house.bob(), id).await.expect("everybody sees it");
    assert_eq!((changed.name.as_str(), changed.comment.as_str()), ("Still", "two\nlines"));
    assert!(changed.changed > made.changed && changed.created == made.created);
    catalog.change_playlist(&ann, id, &PlaylistChange::default()).await.expect("nothing to change is fine");
    catalog.remove_playlist(&ann, id).await.expect("it goes");
    assert_eq!(kind(catalog.playlist(&ann, id).await), ErrorKind::NotFound);
    assert_eq!(kind(catalog.remove_playlist(&ann, id).await), ErrorKind::NotFound);
}

pub(super) async fn songs_move_and_come_between_others(catalog: Arc<dyn Catalog>) {
    let (house, [a, b, c, d]) = four(catalog).await;
    let (catalog, ann) = (&house.catalog, house.ann());
    let moved = |from, to| SongsChange::Move { from, to };
    let insert = |at, tracks: &[TrackId]| SongsChange::Insert { at, tracks: tracks.to_vec() };
    let rows = [
        (moved(0, 3), Some("bcda")),
        (moved(3, 0), Some("dabc")),
        (moved(1, 2), Some("acbd")),
        (moved(2, 2), Some("abcd")),
        (moved(0, 4), None),
        (moved(u64::MAX, 0), None),
        (insert(0, &[d, d]), Some("ddabcd")),
        (insert(2, &[a]), Some("abacd")),
        (insert(4, &[c, b]), Some("abcdcb")),
        (insert(5, &[a]), None),
        (insert(1, &[a, TrackId(999)]), None),
    ];
    for (change, after) in rows {
        let id = catalog.add_playlist(&ann, "Four", &[a, b, c, d]).await.expect("a playlist");
        let change = with_songs(change);
        let done = catalog.change_playlist(&ann, id, &change).await;
        assert_eq!(done.as_ref().err().map(Error::kind), after.is_none().then_some(ErrorKind::NotFound));
        assert_eq!(songs(&house, &ann, id).await, after.unwrap_or("abcd"), "{change:?}");
        let front = with_songs(insert(0, &[d]));
        catalog.change_playlist(&ann, id, &front).await.expect("the next change finds it whole");
        assert_eq!(songs(&house, &ann, id).await, format!("d{}", after.unwrap_or("abcd")), "{change:?}");
    }
    let empty = catalog.add_playlist(&ann, "None", &[]).await.expect("a playlist");
    catalog.change_playlist(&ann, empty, &with_songs(insert(0, &[b]))).await.expect("a change");
    assert_eq!(songs(&house, &ann, empty).await, "b");
}

pub(super) async fn a_change_of_what_has_changed_meanwhile_is_refused(catalog: Arc<dyn Catalog>) {
    let (house, [a, b, ..]) = four(catalog).await;
    let (catalog, ann) = (&house.catalog, house.ann());
    let id = catalog.add_playlist(&ann, "Two", &[a, b]).await.expect("a playlist");
    let known = Some(catalog.playlist(&ann, id).await.expect("it").changed);
    let turned = PlaylistChange { known, ..with_songs(SongsChange::Move { from: 0, to: 1 }) };
    catalog.change_playlist(&ann, id, &turned).await.expect("it is what she knows");
    assert_eq!(kind(catalog.change_playlist(&ann, id, &turned).await), ErrorKind::Changed);
    assert_eq!(songs(&house, &ann, id).await, "ba");
    let known = Some(catalog.playlist(&ann, id).await.expect("it").changed);
    catalog.change_playlist(&ann, id, &PlaylistChange { known, ..turned }).await.expect("she looked again");
    assert_eq!(songs(&house, &ann, id).await, "ab");
}

pub(super) async fn a_change_is_made_whole_or_not_at_all(catalog: Arc<dyn Catalog>) {
    let (house, [a, b, c, _]) = four(catalog).await;
    let (catalog, ann) = (&house.catalog, house.ann());
    let gone = TrackId(999);
    assert_eq!(kind(catalog.add_playlist(&ann, "x", &[a, gone]).await), ErrorKind::NotFound);
    assert_eq!(named(&house, &ann).await, [], "nothing was made");
    let id = catalog.add_playlist(&ann, "x", &[a, b]).await.expect("a playlist");
    let renamed = PlaylistChange { name: Some("y".to_owned()), ..edit(&[0], &[c, gone]) };
    assert_eq!(kind(catalog.change_playlist(&ann, id, &renamed).await), ErrorKind::NotFound);
    for place in [2, u64::MAX] {
        assert_eq!(
            kind(catalog.change_playlist(&ann, id, &edit(&[0, place], &[c])).await),
            ErrorKind::NotFound
        );
    }
    let replaced = with_songs(SongsChange::Replace(vec![c, gone]));
    assert_eq!(kind(catalog.change_playlist(&ann, id, &replaced).await), ErrorKind::NotFound);
    assert_eq!(
        (songs(&house, &ann, id).await.as_str(), named(&house, &ann).await),
        ("ab", vec![("x".to_owned(), 2)])
    );
    for name in ["", " x", "x ", "x\ny", &"x".repeat(KEPT_NAME_CHARS_MAX + 1)] {
        let change = PlaylistChange { name: Some(name.to_owned()), ..PlaylistChange::default() };
        assert_eq!(kind(catalog.change_playlist(&ann, id, &change).await), ErrorKind::Invalid, "{name:?}");
        assert_eq!(kind(catalog.add_playlist(&ann, name, &[]).await), ErrorKind::Invalid, "{name:?}");
    }
    for comment in ["a\0b", &"x".repeat(KEPT_COMMENT_BYTES_MAX + 1)] {
        let change = PlaylistChange { comment: Some(comment.to_owned()), ..PlaylistChange::default() };
        assert_eq!(kind(catalog.change_playlist(&ann, id, &change).await), ErrorKind::Invalid);
    }
}

pub(super) async fn p04_lists_and_their_songs_are_bounded(catalog: Arc<dyn Catalog>) {
    let (house, [a, b, ..]) = four(catalog).await;
    let (catalog, ann) = (&house.catalog, house.ann());
    let many = vec![a; PLAYLIST_TRACKS_AT_ONCE_MAX];
    let id = catalog.add_playlist(&ann, "long", &many).await.expect("as many as may come at once");
    for _ in 1..PLAYLIST_TRACKS_MAX / PLAYLIST_TRACKS_AT_ONCE_MAX {
        catalog.change_playlist(&ann, id, &edit(&[], &many)).await.expect("as long as it may be");
    }
    for one_more in [edit(&[], &[b]), with_songs(SongsChange::Insert { at: 5, tracks: vec![b] })] {
        assert_eq!(kind(catalog.change_playlist(&ann, id, &one_more).await), ErrorKind::Invalid);
    }
    catalog.change_playlist(&ann, id, &edit(&[7], &[b])).await.expect("one goes and one comes");
    let last = PLAYLIST_TRACKS_MAX as u64 - 1;
    assert_eq!(titles(&catalog.playlist_tracks(&ann, id, last, 5).await.expect("a page")), ["b"]);
    let too_many = [many, vec![b]].concat();
    assert_eq!(kind(catalog.add_playlist(&ann, "longer", &too_many).await), ErrorKind::Invalid);
    let replaced = with_songs(SongsChange::Replace(too_many));
    assert_eq!(kind(catalog.change_playlist(&ann, id, &replaced).await), ErrorKind::Invalid);
    for n in 1..PLAYLISTS_PER_USER_MAX {
        catalog.add_playlist(&ann, &format!("list {n}"), &[]).await.expect("a playlist");
    }
    assert_eq!(kind(catalog.add_playlist(&ann, "one more", &[]).await), ErrorKind::NotAllowed);
    catalog.add_playlist(&house.bob(), "his first", &[]).await.expect("others have their own");
}

pub(super) async fn p08_a_playlist_shows_each_viewer_what_he_may_see(catalog: Arc<dyn Catalog>) {
    let (house, [a, b, c, d]) = four(catalog).await;
    let (catalog, ann, bob) = (&house.catalog, house.ann(), house.bob());
    let public = catalog.add_playlist(&ann, "Mixed", &[a, b, c, b]).await.expect("a playlist");
    let diary = catalog.add_playlist(&ann, "diary", &[b]).await.expect("a playlist");
    let shown = PlaylistChange { public: Some(true), ..PlaylistChange::default() };
    catalog.change_playlist(&ann, public, &shown).await.expect("a change");
    house.hide_for_ann("b").await;
    assert_eq!(named(&house, &ann).await, [("diary".to_owned(), 1), ("Mixed".to_owned(), 4)]);
    assert_eq!(named(&house, &bob).await, [("Mixed".to_owned(), 2)]);
    assert_eq!(
        (songs(&house, &ann, public).await, songs(&house, &bob, public).await),
        ("abcb".into(), "ac".into())
    );
    assert_eq!(kind(catalog.playlist(&bob, diary).await), ErrorKind::NotFound);
    assert_eq!(songs(&house, &bob, diary).await, "");

    // Somebody else's list is not his to change, and one that he does not see is none.
    let cleared = with_songs(SongsChange::Replace(vec![]));
    assert_eq!(kind(catalog.change_playlist(&bob, public, &cleared).await), ErrorKind::NotAllowed);
    assert_eq!(kind(catalog.remove_playlist(&bob, public).await), ErrorKind::NotAllowed);
    assert_eq!(kind(catalog.change_playlist(&bob, diary, &cleared).await), ErrorKind::NotFound);
    assert_eq!(kind(catalog.remove_playlist(&bob, diary).await), ErrorKind::NotFound);
    // What he does not see he cannot put into a list of his own.
    assert_eq!(kind(catalog.add_playlist(&bob, "his", &[a, b]).await), ErrorKind::NotFound);

    // Who manages changes what he sees, by the places that he sees, and finds nothing new by it.
    let managing = Viewer::managing(&house.admin);
    assert_eq!(kind(catalog.change_playlist(&managing, diary, &cleared).await), ErrorKind::NotFound);
    assert_eq!(kind(catalog.change_playlist(&managing, public, &edit(&[], &[b])).await), ErrorKind::NotFound);
    catalog.change_playlist(&managing, public, &edit(&[1], &[d])).await.expect("a change");
    assert_eq!(
        (songs(&house, &ann, public).await, songs(&house, &bob, public).await),
        ("abbd".into(), "ad".into())
    );
    catalog.remove_playlist(&managing, public).await.expect("it goes");
    assert_eq!(named(&house, &ann).await, [("diary".to_owned(), 1)]);
}

pub(super) async fn songs_that_vanish_keep_their_place_until_they_return(catalog: Arc<dyn Catalog>) {
    let (house, [a, b, c, d]) = four(catalog).await;
    let (catalog, ann) = (&house.catalog, house.ann());
    let id = catalog.add_playlist(&ann, "x", &[a, b, c]).await.expect("a playlist");
    catalog.mark_missing(house.music, &[b]).await.expect("a mark");
    assert_eq!(songs(&house, &ann, id).await, "ac");
    catalog.change_playlist(&ann, id, &edit(&[1], &[d])).await.expect("a change by the places that she sees");
    assert_eq!(songs(&house, &ann, id).await, "ad");
    catalog.mark_present(house.music, &[b]).await.expect("a mark");
    assert_eq!(songs(&house, &ann, id).await, "abd");
    catalog.remove_user(house.ann.id).await.expect("a removal");
    assert_eq!(kind(catalog.playlist(&Viewer::managing(&house.admin), id).await), ErrorKind::NotFound);
}

pub(super) async fn totals_follow_their_tracks(catalog: Arc<dyn Catalog>) {
    let (house, [a, b, c, d]) = four(catalog).await;
    let (catalog, ann, bob) = (&house.catalog, house.ann(), house.bob());
    let id = catalog.add_playlist(&ann, "x", &[a, b, a, c, d]).await.expect("a playlist");
    let shown = PlaylistChange { public: Some(true), ..PlaylistChange::default() };
    catalog.change_playlist(&ann, id, &shown).await.expect("a change");
    catalog.follow_moves(house.music).await.expect("an end");
    let check = async |viewer: &Viewer, expected: &str| {
        assert_eq!(songs(&house, viewer, id).await, expected);
    };
    // A file becomes longer.
    let mut longer = file("A", "One", 1, "a");
    longer.tags.duration_ms = 1_000_000;
    house.record(&[longer]).await;
    check(&ann, "abacd").await;
    // Files go, one of them comes back under another name, and keeps its place.
    catalog.mark_missing(house.music, &[a, b]).await.expect("a mark");
    check(&bob, "cd").await;
    let mut renamed = file("A", "One", 2, "b");
    renamed.path = super::house::path("elsewhere.flac");
    renamed.stamp.changed_ns = 99;
    house.record(&[renamed]).await;
    catalog.follow_moves(house.music).await.expect("an end");
    catalog.mark_present(house.music, &[a]).await.expect("a mark");
    check(&bob, "abacd").await;
    // One becomes Ann's own, and stays nobody else's when she goes.
    house.hide_for_ann("c").await;
    check(&ann, "abacd").await;
    check(&bob, "abad").await;
    catalog.change_playlist(&ann, id, &edit(&[0, 2], &[])).await.expect("a change");
    check(&ann, "bcd").await;
    let his = catalog.add_playlist(&bob, "his", &[a, d]).await.expect("a playlist");
    catalog.remove_user(house.ann.id).await.expect("a removal");
    assert_eq!(songs(&house, &bob, his).await, "ad");
}
