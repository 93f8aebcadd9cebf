//! Blobs: kept while something refers to them, and not a moment longer.

use std::sync::Arc;

use store::{BlobId, BlobKey, FileId};

use super::house::{House, file};
use super::sent::{doomed, hash, key, picture, send, send_as, sound, tags, track, upload};
use crate::access::Viewer;
use crate::database::Catalog;
use crate::error::ErrorKind;
use crate::model::{
    Begun, ImageChange, Item, Phase, TrackChange, TrackId, UPLOADS, UnixMs, UploadChange, User, Visibility,
};

pub(super) async fn equal_bytes_are_one_blob_that_goes_with_its_last_track(catalog: Arc<dyn Catalog>) {
    let house = House::new(catalog).await;
    let catalog = &house.catalog;
    let first = send(&house, &house.ann, 1, 1).await;
    let row = upload(&house.bob, 2);
    catalog.add_upload(&row).await.expect("an upload");
    let Begun::There(there) = catalog.begin_blob(row.id, &sound(1)).await.expect("bytes") else {
        panic!("the bytes are there");
    };
    assert_eq!(there.key, Some(key(1)));
    assert_eq!(catalog.references_of(hash(1)).await.expect("a number"), 3, "a track, its owner, an upload");
    // The first track goes while the second is on its way.
    assert_eq!(catalog.remove_track(&house.ann(), first.id).await.expect("removed"), []);
    let id = catalog.commit_upload(row.id, &key(1), Some(&tags(&row))).await.expect("a commit");
    let second = id.expect("a track");
    let third = send(&house, &house.bob, 3, 1).await;
    assert_ne!(second, third.id, "each upload is a track");
    assert_eq!(catalog.bytes_of_user(house.bob.id).await.expect("bytes"), 1_000, "bytes count once");
    assert_eq!(catalog.bytes_of_user(house.ann.id).await.expect("bytes"), 0);
    assert_eq!(catalog.remove_track(&house.bob(), second).await.expect("removed"), []);
    assert_eq!(track(catalog, &house.bob, third.id).await.blob, Some(key(1)), "a live track keeps its bytes");
    assert_eq!(doomed(catalog).await, []);
    assert_eq!(catalog.remove_track(&house.bob(), third.id).await.expect("removed"), [key(1)]);
    assert_eq!(doomed(catalog).await, [key(1)]);
    assert_eq!(catalog.references_of(hash(1)).await.expect("a number"), 0);
    assert_eq!(catalog.blob(hash(1)).await.expect_err("gone").kind(), ErrorKind::NotFound);
    let upload = catalog.upload(None, row.id).await.expect("the row stays for a while");
    assert_eq!((upload.phase, upload.track), (Phase::Ready, None));
    catalog.blob_gone(&key(1)).await.expect("the store removed them");
    assert_eq!(doomed(catalog).await, []);
}

pub(super) async fn a_removed_track_takes_all_that_is_known_of_it(catalog: Arc<dyn Catalog>) {
    let house = House::new(catalog).await;
    let (catalog, ann, bob) = (&house.catalog, house.ann(), house.bob());
    let sent = send(&house, &house.ann, 1, 1).await;
    house.record(&[file("A", "One", 1, "of a folder")]).await;
    let scanned = house.track("of a folder").await;
    catalog.star(&bob, &[Item::Track(sent.id)], Some(1)).await.expect("a star");
    let refusals = [
        (&bob, sent.id, ErrorKind::NotFound),
        (&ann, scanned.id, ErrorKind::NotFound),
        (&ann, TrackId(999), ErrorKind::NotFound),
        (&Viewer::of(&house.admin), sent.id, ErrorKind::NotFound),
        (&Viewer::managing(&house.admin), scanned.id, ErrorKind::NotAllowed),
    ];
    for (viewer, id, kind) in refusals {
        assert_eq!(catalog.remove_track(viewer, id).await.expect_err("refused").kind(), kind, "{id}");
    }
    house.hide_for_ann("of a folder").await;
    let refused = catalog.remove_track(&ann, scanned.id).await.expect_err("her own, but of a folder");
    assert_eq!(refused.kind(), ErrorKind::NotAllowed);
    let before = catalog.changed().await.expect("a moment");
    catalog.playing(&bob, sent.id).await.expect("it plays");
    catalog.remove_track(&ann, sent.id).await.expect("removed");
    assert!(catalog.changed().await.expect("a moment") > before);
    for answer in [
        catalog.track(&ann, sent.id).await.map(drop),
        catalog.playing(&bob, sent.id).await.map(drop),
        catalog.album(&ann, sent.album_id).await.map(drop),
        catalog.remove_track(&ann, sent.id).await.map(drop),
    ] {
        assert_eq!(answer.expect_err("it is gone").kind(), ErrorKind::NotFound);
    }
    assert_eq!(catalog.starred_tracks(&bob, None, 0, 9).await.expect("a list"), []);
    assert_eq!(catalog.search_tracks(&bob, "title", None, 0, 9).await.expect("a search"), []);
    assert_eq!(catalog.libraries(&bob).await.expect("libraries")[2].tracks, 0);
}

pub(super) async fn bytes_that_are_being_removed_do_not_come_back(catalog: Arc<dyn Catalog>) {
    let house = House::new(catalog).await;
    let catalog = &house.catalog;
    let first = send(&house, &house.ann, 1, 1).await;
    catalog.remove_track(&house.ann(), first.id).await.expect("removed");
    // Nobody has begun to remove them: the same bytes are simply there again.
    let row = upload(&house.bob, 2);
    catalog.add_upload(&row).await.expect("an upload");
    let begun = catalog.begin_blob(row.id, &sound(1)).await.expect("bytes");
    assert!(matches!(begun, Begun::There(there) if there.key == Some(key(1))));
    assert_eq!(doomed(catalog).await, [], "they are not doomed any more");
    let change = UploadChange::to(Phase::Cancelled);
    let ended = catalog.change_upload(row.id, &[Phase::Publishing], &change).await.expect("an end");
    assert_eq!(ended.blob, None);
    assert_eq!(doomed(catalog).await, [key(1)], "what is cancelled keeps nothing");
    let row = upload(&house.bob, 3);
    catalog.add_upload(&row).await.expect("an upload");
    let refused = catalog.begin_blob(row.id, &sound(1)).await.expect_err("they are being removed");
    assert_eq!(refused.kind(), ErrorKind::Busy);
    assert_eq!(doomed(catalog).await, [key(1)], "a crash in between loses nothing");
    catalog.blob_gone(&key(1)).await.expect("gone");
    assert_eq!(catalog.begin_blob(row.id, &sound(1)).await.expect("bytes"), Begun::New);
    catalog.change_upload(row.id, &[Phase::Publishing], &UploadChange::failed("x")).await.expect("an end");
    assert_eq!(doomed(catalog).await, [], "bytes that never had a key need no removal");
    assert_eq!(catalog.blob(hash(1)).await.expect_err("no row").kind(), ErrorKind::NotFound);
}

pub(super) async fn of_two_keys_for_equal_bytes_one_stays(catalog: Arc<dyn Catalog>) {
    let house = House::new(catalog).await;
    let catalog = &house.catalog;
    let named = |n: u8| BlobKey::parse(&format!("audio/{n}.wav")).expect("a key");
    let rows = [upload(&house.ann, 1), upload(&house.bob, 2)];
    for row in &rows {
        catalog.add_upload(row).await.expect("an upload");
        assert_eq!(catalog.begin_blob(row.id, &sound(1)).await.expect("bytes"), Begun::New);
    }
    for (row, n) in rows.iter().zip(1..) {
        catalog.commit_upload(row.id, &named(n), Some(&tags(row))).await.expect("a commit");
    }
    assert_eq!(catalog.blob(hash(1)).await.expect("a row").key, Some(named(1)));
    assert_eq!(doomed(catalog).await, [named(2)]);
    catalog.blob_gone(&named(2)).await.expect("gone");
    // Sound again under another key, after they were lost.
    catalog.mark_bad(hash(1), true).await.expect("a mark");
    assert!(
        catalog.owned_blob(house.ann.id, hash(1)).await.expect("an answer").is_none(),
        "lost bytes are sent again"
    );
    let row = upload(&house.bob, 3);
    catalog.add_upload(&row).await.expect("an upload");
    assert_eq!(catalog.begin_blob(row.id, &sound(1)).await.expect("bytes"), Begun::New);
    catalog.commit_upload(row.id, &named(3), Some(&tags(&row))).await.expect("a commit");
    let healed = catalog.blob(hash(1)).await.expect("a row");
    assert_eq!((healed.key, healed.bad), (Some(named(3)), false));
    assert_eq!(doomed(catalog).await, [named(1)]);
    let lost = catalog.mark_bad(hash(7), true).await.expect_err("there are none");
    assert_eq!(lost.kind(), ErrorKind::NotFound);
}

pub(super) async fn only_ones_own_bytes_need_not_be_sent(catalog: Arc<dyn Catalog>) {
    let house = House::new(catalog).await;
    let catalog = &house.catalog;
    let sent = send(&house, &house.ann, 1, 1).await;
    let later = send(&house, &house.ann, 2, 1).await;
    let (blob, id) = catalog.owned_blob(house.ann.id, hash(1)).await.expect("an answer").expect("hers");
    assert_eq!((blob.key, id), (Some(key(1)), Some(later.id)));
    assert_eq!(catalog.owned_blob(house.bob.id, hash(1)).await.expect("an answer"), None);
    assert_eq!(catalog.owned_blob(house.ann.id, hash(2)).await.expect("an answer"), None);
    let row = upload(&house.ann, 3);
    catalog.add_upload(&row).await.expect("an upload");
    catalog.begin_blob(row.id, &sound(3)).await.expect("bytes");
    assert_eq!(catalog.owned_blob(house.ann.id, hash(3)).await.expect("an answer"), None, "not ready yet");
    let mut ready = upload(&house.ann, 4);
    (ready.phase, ready.blob, ready.track) = (Phase::Ready, Some(hash(1)), Some(later.id));
    catalog.add_upload(&ready).await.expect("an upload that is ready at once");
    assert_eq!(catalog.upload(None, ready.id).await.expect("the row"), ready);
    catalog.remove_track(&house.ann(), sent.id).await.expect("removed");
    assert!(catalog.owned_blob(house.ann.id, hash(1)).await.expect("an answer").is_some());
    assert_eq!(catalog.remove_track(&house.ann(), later.id).await.expect("removed"), [key(1)]);
    assert_eq!(catalog.owned_blob(house.ann.id, hash(1)).await.expect("an answer"), None);
}

pub(super) async fn a_short_id_finds_what_the_viewer_may_have(catalog: Arc<dyn Catalog>) {
    let house = House::new(catalog).await;
    let (catalog, ann, bob) = (&house.catalog, house.ann(), house.bob());
    let twin = |last: u8| {
        let mut bytes = [5; 32];
        bytes[31] = last;
        BlobId::from_bytes(bytes)
    };
    let short: FileId = twin(1).file_id();
    assert_eq!(catalog.blob_by_file_id(&ann, short).await.expect_err("none").kind(), ErrorKind::NotFound);
    let mut ids = Vec::new();
    for (n, owner) in [(1, &house.ann), (2, &house.bob)] {
        let mut blob = sound(n);
        blob.id = twin(n);
        ids.push(send_as(&house, upload(owner, n), &blob).await.expect("a track"));
    }
    let refused = catalog.blob_by_file_id(&ann, short).await.expect_err("two begin so");
    assert_eq!(refused.kind(), ErrorKind::Ambiguous);
    let hide = TrackChange::visibility(Visibility::Private);
    catalog.change_track(&bob, ids[1], &hide).await.expect("a change");
    let (blob, found) = catalog.blob_by_file_id(&ann, short).await.expect("one that she sees");
    assert_eq!((blob.id, found.expect("a track").id), (twin(1), ids[0]));
    assert_eq!(catalog.blob_by_file_id(&bob, short).await.expect_err("two").kind(), ErrorKind::Ambiguous);
    let managing = Viewer::managing(&house.admin);
    assert_eq!(
        catalog.blob_by_file_id(&managing, short).await.expect_err("two").kind(),
        ErrorKind::Ambiguous
    );

    send_as(&house, upload(&house.ann, 9), &picture(9)).await;
    let (image, found) = catalog.blob_by_file_id(&ann, hash(9).file_id()).await.expect("her picture");
    assert_eq!((image.content_type, found), ("image/png", None));
    let others = catalog.blob_by_file_id(&bob, hash(9).file_id()).await.expect_err("nothing shows it to him");
    assert_eq!(others.kind(), ErrorKind::NotFound);
    let show = TrackChange { image: ImageChange::Set(hash(9)), ..TrackChange::default() };
    catalog.change_track(&ann, ids[0], &show).await.expect("a change");
    assert_eq!(catalog.blob_by_file_id(&bob, hash(9).file_id()).await.expect("a cover").0.id, hash(9));
}

pub(super) async fn what_is_changed_of_a_track_is_its_owners_and_admins(catalog: Arc<dyn Catalog>) {
    let house = House::new(catalog).await;
    let (catalog, ann, bob) = (&house.catalog, house.ann(), house.bob());
    let sent = send(&house, &house.ann, 1, 1).await;
    let all = TrackChange {
        title: Some("new title".to_owned()),
        artist: Some("New Artist".to_owned()),
        album: Some("New Album".to_owned()),
        ..TrackChange::default()
    };
    for viewer in [&bob, &Viewer::of(&house.admin)] {
        let refused = catalog.change_track(viewer, sent.id, &all).await.expect_err("it is hers");
        assert_eq!(refused.kind(), ErrorKind::NotFound);
    }
    let changed = catalog.change_track(&ann, sent.id, &all).await.expect("a change");
    assert_eq!(
        (&*changed.title, &*changed.artist, &*changed.album, &*changed.album_artist),
        ("new title", "New Artist", "New Album", "New Artist")
    );
    assert_eq!(catalog.album(&ann, sent.album_id).await.expect_err("empty").kind(), ErrorKind::NotFound);
    assert_eq!(catalog.album(&bob, changed.album_id).await.expect("the new album").tracks, 1);
    assert_eq!(catalog.search_tracks(&bob, "new artist", None, 0, 9).await.expect("a search").len(), 1);
    assert_eq!(catalog.search_tracks(&bob, "sender", None, 0, 9).await.expect("a search").len(), 0);
    assert_eq!(
        catalog.search_albums(&bob, "new album", Some(UPLOADS), 0, 9).await.expect("a search").len(),
        1
    );
    let album = TrackChange { album: Some("Third".to_owned()), ..TrackChange::default() };
    let managed =
        catalog.change_track(&Viewer::managing(&house.admin), sent.id, &album).await.expect("a change");
    assert_eq!((&*managed.title, &*managed.artist, &*managed.album), ("new title", "New Artist", "Third"));
    assert_eq!(managed.owner, Some(house.ann.id));
    for bad in ["", " x", "a\nb", &"x".repeat(257)] {
        let changes = [
            TrackChange { artist: Some(bad.to_owned()), ..TrackChange::default() },
            TrackChange { album: Some(bad.to_owned()), ..TrackChange::default() },
        ];
        for change in changes {
            let refused = catalog.change_track(&ann, sent.id, &change).await.expect_err("no name");
            assert_eq!(refused.kind(), ErrorKind::Invalid, "{bad:?}");
        }
    }
}

pub(super) async fn names_that_were_set_outlive_a_scan(catalog: Arc<dyn Catalog>) {
    let mut files = [file("A", "One", 1, "x"), file("A", "One", 2, "y")];
    let house = House::with(catalog, &files).await;
    let (catalog, ann) = (&house.catalog, house.ann());
    let (x, y) = (house.track("x").await, house.track("y").await);
    let artist = TrackChange { artist: Some("B".to_owned()), ..TrackChange::default() };
    let album = TrackChange { album: Some("Two".to_owned()), ..TrackChange::default() };
    catalog.change_track(&ann, x.id, &artist).await.expect("a change");
    catalog.change_track(&ann, y.id, &album).await.expect("a change");
    files[0].tags.album = "Other".to_owned();
    files[1].tags.artist = "C".to_owned();
    files[1].tags.album_artist = "C".to_owned();
    house.record(&files).await;
    let (x, y) = (house.track("x").await, house.track("y").await);
    assert_eq!((&*x.artist, &*x.album_artist, &*x.album), ("B", "B", "Other"));
    assert_eq!((&*y.artist, &*y.album_artist, &*y.album), ("C", "C", "Two"));
    // A renamed file is the same track, and is called the same.
    let mut moved = files[0].clone();
    moved.path = super::house::path("Elsewhere/x.flac");
    catalog.follow_moves(house.music).await.expect("an end");
    house.record(&[moved]).await;
    catalog.mark_missing(house.music, &[x.id]).await.expect("a mark");
    catalog.follow_moves(house.music).await.expect("an end");
    let moved = catalog.track(&ann, x.id).await.expect("the same track");
    assert_eq!((&*moved.artist, moved.path.as_str()), ("B", "Elsewhere/x.flac"));
    assert_eq!(moved.artist_id, x.artist_id);
}

pub(super) async fn a_picture_goes_with_the_last_track_that_shows_it(catalog: Arc<dyn Catalog>) {
    let house = House::new(catalog).await;
    let (catalog, ann, bob) = (&house.catalog, house.ann(), house.bob());
    let (one, two) = (send(&house, &house.ann, 1, 1).await, send(&house, &house.ann, 2, 2).await);
    for n in [8, 9] {
        send_as(&house, upload(&house.ann, n), &picture(n)).await;
    }
    let set = |n| TrackChange { image: ImageChange::Set(hash(n)), ..TrackChange::default() };
    let drop = TrackChange { image: ImageChange::Drop, ..TrackChange::default() };
    let mine = send(&house, &house.bob, 3, 3).await;
    let refused = catalog.change_track(&bob, mine.id, &set(9)).await.expect_err("the picture is hers");
    assert_eq!(refused.kind(), ErrorKind::NotFound);
    let refused = catalog.change_track(&ann, one.id, &set(2)).await.expect_err("that is sound");
    assert_eq!(refused.kind(), ErrorKind::Invalid);
    for id in [one.id, two.id] {
        let changed = catalog.change_track(&ann, id, &set(9)).await.expect("a change");
        assert_eq!((changed.image, changed.has_cover), (Some(hash(9)), true));
    }
    assert!(catalog.album(&bob, one.album_id).await.expect("the album").has_cover);
    catalog.cover(&bob, Item::Artist(one.artist_id)).await.expect("the artist's cover");
    let taken = async |who: &User, n| catalog.remove_media(who.id, hash(n), 0).await.expect("an answer");
    assert!(!taken(&house.ann, 9).await, "a picture that is shown stays");
    catalog.change_track(&ann, one.id, &TrackChange::title("x")).await.expect("a change of something else");
    let changed = catalog.change_track(&ann, one.id, &set(8)).await.expect("another picture");
    assert_eq!(changed.image, Some(hash(8)));
    assert_eq!(doomed(catalog).await, [], "the other track still shows it");
    let mut gone = catalog.remove_track(&ann, two.id).await.expect("removed");
    gone.sort();
    assert_eq!(gone, [key(2), key(9)]);
    let bare = catalog.change_track(&ann, one.id, &drop).await.expect("no picture");
    assert_eq!((bare.image, bare.has_cover), (None, false));
    let mut all = doomed(catalog).await;
    all.sort();
    assert_eq!(all, [key(2), key(8), key(9)]);

    send_as(&house, upload(&house.ann, 7), &picture(7)).await;
    assert!(!taken(&house.bob, 7).await, "not his");
    assert!(!taken(&house.ann, 1).await, "a track plays it");
    let later = catalog.remove_media(house.ann.id, hash(7), UnixMs::MAX).await.expect("an answer");
    assert!(!later, "she had it before");
    assert!(taken(&house.ann, 7).await);
    assert!(doomed(catalog).await.contains(&key(7)));
    assert_eq!(catalog.bytes_of_user(house.ann.id).await.expect("bytes"), 1_000, "one track is left");
    // A track of a folder can have a picture too, and keeps it through a scan.
    let files = [file("A", "One", 1, "scanned")];
    house.record(&files).await;
    send_as(&house, upload(&house.admin, 6), &picture(6)).await;
    let scanned = house.track("scanned").await.id;
    catalog.change_track(&Viewer::managing(&house.admin), scanned, &set(6)).await.expect("a change");
    house.record(&files).await;
    assert_eq!(house.track("scanned").await.image, Some(hash(6)));
}

pub(super) async fn what_the_store_lists_and_nobody_knows_is_doomed(catalog: Arc<dyn Catalog>) {
    let house = House::new(catalog).await;
    let catalog = &house.catalog;
    send(&house, &house.ann, 1, 1).await;
    let mut row = upload(&house.ann, 2);
    row.length = None;
    catalog.add_upload(&row).await.expect("an upload");
    catalog.begin_blob(row.id, &sound(2)).await.expect("bytes");
    let named = |name: &str| BlobKey::parse(name).expect("a key");
    let digits = "02020202-0202-0202-0202-020202020202";
    let listed =
        [key(1), key(2), key(3), named(&format!("audio/{digits}.wav")), named("audio/elsewhere.wav")];
    assert_eq!(catalog.doom_unknown(&listed).await.expect("a number"), 2);
    assert_eq!(catalog.doom_unknown(&listed).await.expect("a number"), 0, "once is enough");
    // Bytes that came from nowhere are published anew, over what there is.
    let row = upload(&house.ann, 3);
    catalog.add_upload(&row).await.expect("an upload");
    assert_eq!(catalog.begin_blob(row.id, &sound(3)).await.expect("bytes"), Begun::New);
    assert_eq!(doomed(catalog).await, [named("audio/elsewhere.wav")]);
    let sound = catalog.blobs(None, 500).await.expect("a list");
    assert_eq!(sound.iter().map(|row| row.id).collect::<Vec<_>>(), [hash(1)], "those that the store has");
    assert_eq!(catalog.blobs(Some(hash(1)), 500).await.expect("a list"), []);
}

pub(super) async fn a_user_who_goes_takes_what_is_his_alone(catalog: Arc<dyn Catalog>) {
    let house = House::new(catalog).await;
    let (catalog, ann, bob) = (&house.catalog, house.ann(), house.bob());
    let (open, hidden) = (send(&house, &house.bob, 1, 1).await, send(&house, &house.bob, 2, 2).await);
    catalog
        .change_track(&bob, hidden.id, &TrackChange::visibility(Visibility::Private))
        .await
        .expect("a change");
    send_as(&house, upload(&house.bob, 9), &picture(9)).await;
    let shared = send(&house, &house.ann, 3, 2).await;
    let row = upload(&house.bob, 4);
    catalog.add_upload(&row).await.expect("an upload");
    catalog.begin_blob(row.id, &sound(4)).await.expect("bytes");
    catalog.remove_user(house.bob.id).await.expect("removed");
    assert_eq!(catalog.upload(None, row.id).await.expect_err("gone").kind(), ErrorKind::NotFound);
    let left = catalog.track(&ann, open.id).await.expect("what everybody sees stays");
    assert_eq!((left.owner, left.blob), (None, Some(key(1))));
    let managing = Viewer::managing(&house.admin);
    let gone = catalog.track(&managing, hidden.id).await.expect_err("what he alone saw goes");
    assert_eq!(gone.kind(), ErrorKind::NotFound);
    assert_eq!(track(catalog, &house.ann, shared.id).await.blob, Some(key(2)), "her track keeps its bytes");
    assert_eq!(doomed(catalog).await, [key(9)]);
    assert_eq!(catalog.remove_track(&managing, open.id).await.expect("removed"), [key(1)]);
    let refused = catalog.remove_track(&ann, shared.id).await.expect("hers");
    assert_eq!(refused, [key(2)]);
}
