//! Uploads: their life, and what becomes of them.

use std::sync::Arc;

use store::{BlobKey, Place, SpoolId};

use super::house::{House, file, titles};
use super::sent::{LATER, hash, key, picture, send, send_as, sound, tags, upload};
use crate::access::Viewer;
use crate::database::Catalog;
use crate::error::ErrorKind;
use crate::model::{
    AlbumOrder, Asked, Begun, Item, LibrarySet, MediaKind, Phase, TrackChange, UPLOADS, UploadChange,
    UploadId, UploadRow, Visibility,
};
use crate::scan::FoundCover;

pub(super) async fn an_upload_is_its_owners_alone(catalog: Arc<dyn Catalog>) {
    let house = House::new(catalog).await;
    let catalog = &house.catalog;
    let mut row = upload(&house.ann, 1);
    row.ask = Asked {
        filename: "a\nname".to_owned(),
        title: Some("t".to_owned()),
        artist: Some("a".to_owned()),
        album: Some("b".to_owned()),
        features: Some("[\"x\"]".to_owned()),
        tags: vec!["one".to_owned(), "two words".to_owned()],
        sha256: Some(hash(7)),
        image: Some(hash(8)),
    };
    catalog.add_upload(&row).await.expect("an upload");
    assert_eq!(catalog.upload(Some(house.ann.id), row.id).await.expect("hers"), row);
    assert_eq!(catalog.upload(None, row.id).await.expect("the server's view"), row);
    for owner in [house.bob.id, house.admin.id] {
        let refused = catalog.upload(Some(owner), row.id).await.expect_err("not theirs");
        assert_eq!(refused.kind(), ErrorKind::NotFound);
    }
    assert_eq!(catalog.add_upload(&row).await.expect_err("again").kind(), ErrorKind::Exists);
    let longer = upload(&house.ann, 2);
    for bad in [
        {
            let mut bad = longer.clone();
            bad.metadata = "x".repeat(100_000);
            bad
        },
        {
            let mut bad = longer.clone();
            bad.ask.title = Some("x".repeat(100_000));
            bad
        },
        {
            let mut bad = longer.clone();
            bad.ask.tags = vec![String::new(); 10_000];
            bad
        },
        {
            let mut bad = longer.clone();
            bad.content_type = Some("text/html");
            bad
        },
    ] {
        assert_eq!(catalog.add_upload(&bad).await.expect_err("too much").kind(), ErrorKind::Invalid);
    }
    catalog.add_upload(&longer).await.expect("another upload");
    let hers = catalog.uploads_of(house.ann.id, 500).await.expect("a list");
    assert_eq!(hers, [longer, row], "the last one first");
    assert_eq!(catalog.uploads_of(house.ann.id, 1).await.expect("a list"), hers[..1]);
    assert_eq!(catalog.uploads_of(house.bob.id, 500).await.expect("a list"), []);
    assert_eq!(catalog.open_uploads_of(house.ann.id).await.expect("a number"), 2);
    assert_eq!(catalog.bytes_of_user(house.ann.id).await.expect("bytes"), 2_000, "what is to come counts");
    let none = catalog.upload(None, UploadId(SpoolId::from_bytes([9; 16]))).await.expect_err("none");
    assert_eq!(none.kind(), ErrorKind::NotFound);
}

pub(super) async fn nobody_gets_more_bytes_than_he_may_have(catalog: Arc<dyn Catalog>) {
    let house = House::new(catalog).await;
    let catalog = &house.catalog;
    let unknown = |n| UploadRow { length: None, ..upload(&house.ann, n) };
    catalog.add_upload_within(&upload(&house.ann, 1), 1_000).await.expect("it fits");
    for (row, bytes_max) in [(upload(&house.ann, 2), 1_999), (unknown(2), 1_000)] {
        let refused = catalog.add_upload_within(&row, bytes_max).await.expect_err("too much");
        assert_eq!(refused.kind(), ErrorKind::Quota);
        assert_eq!(catalog.upload(None, row.id).await.expect_err("not there").kind(), ErrorKind::NotFound);
    }
    catalog.add_upload_within(&upload(&house.bob, 3), 1_000).await.expect("his own space");
    let row = unknown(2);
    catalog.add_upload_within(&row, 1_001).await.expect("a byte of it fits");
    let named = |bytes_max| UploadChange { length: Some(500), bytes_max, ..UploadChange::default() };
    let refused = catalog.change_upload(row.id, &[Phase::Receiving], &named(Some(1_499))).await;
    assert_eq!(refused.expect_err("too much").kind(), ErrorKind::Quota);
    assert_eq!(catalog.upload(None, row.id).await.expect("as it was").length, None);
    for bytes_max in [Some(1_500), Some(1_499), None] {
        // What is known is not counted again.
        let row = catalog.change_upload(row.id, &[Phase::Receiving], &named(bytes_max)).await;
        assert_eq!(row.expect("it fits").length, Some(500));
    }
    // What is sent twice counts once when it is there.
    for n in [5, 6] {
        send(&house, &house.ann, n, 1).await;
    }
    assert_eq!(catalog.bytes_of_user(house.ann.id).await.expect("bytes"), 2_500);
}

pub(super) async fn a_phase_is_left_once(catalog: Arc<dyn Catalog>) {
    let house = House::new(catalog).await;
    let catalog = &house.catalog;
    let row = upload(&house.ann, 1);
    catalog.add_upload(&row).await.expect("an upload");
    let media = Some((sound(1).suffix, "audio/wav"));
    let ask = Some(Asked { title: Some("later".to_owned()), ..row.ask.clone() });
    let change =
        UploadChange { length: Some(5), expires: Some(77), media, ask, ..UploadChange::to(Phase::Checking) };
    let changed = catalog.change_upload(row.id, &[Phase::Receiving], &change).await.expect("a change");
    assert_eq!((changed.phase, changed.length, changed.expires), (Phase::Checking, Some(5), 77));
    assert_eq!((changed.content_type, changed.ask.title.as_deref()), (Some("audio/wav"), Some("later")));
    assert_eq!(catalog.upload(None, row.id).await.expect("the row"), changed);
    let late = catalog.change_upload(row.id, &[Phase::Receiving], &change).await.expect_err("it is checking");
    assert_eq!(late.kind(), ErrorKind::NotAllowed);
    for phase in [Phase::Publishing, Phase::Ready] {
        let refused = catalog.change_upload(row.id, &Phase::ALL, &UploadChange::to(phase)).await;
        assert_eq!(refused.expect_err("without bytes").kind(), ErrorKind::Invalid, "{phase}");
    }
    let change = UploadChange::failed("it is no music");
    let failed = catalog.change_upload(row.id, &[Phase::Checking], &change).await.expect("a failure");
    assert_eq!((failed.phase, failed.failure.as_deref()), (Phase::Failed, Some("it is no music")));
    let refused = catalog.change_upload(row.id, &Phase::ALL, &UploadChange::to(Phase::Receiving)).await;
    assert_eq!(refused.expect_err("it has ended").kind(), ErrorKind::NotAllowed);
    assert_eq!(catalog.open_uploads_of(house.ann.id).await.expect("a number"), 0);
    assert_eq!(catalog.bytes_of_user(house.ann.id).await.expect("bytes"), 0);

    let mut part = upload(&house.ann, 2);
    part.is_part = true;
    catalog.add_upload(&part).await.expect("a part");
    let begun = catalog.begin_blob(part.id, &sound(2)).await.expect_err("a part is no file");
    assert_eq!(begun.kind(), ErrorKind::NotAllowed);
    let change = UploadChange::to(Phase::Ready);
    let whole = catalog.change_upload(part.id, &[Phase::Receiving], &change).await.expect("joined");
    assert_eq!((whole.phase, whole.blob), (Phase::Ready, None));
    let none = UploadId(SpoolId::from_bytes([9; 16]));
    let none = catalog.change_upload(none, &Phase::ALL, &change).await.expect_err("there is none");
    assert_eq!(none.kind(), ErrorKind::NotFound);
}

pub(super) async fn what_is_over_is_found_and_forgotten(catalog: Arc<dyn Catalog>) {
    let house = House::new(catalog).await;
    let catalog = &house.catalog;
    for n in 1..=5 {
        let mut row = upload(&house.ann, n);
        row.expires = 100 - i64::from(n);
        catalog.add_upload(&row).await.expect("an upload");
    }
    // The fourth has all its bytes: it may take its time.
    let id = |n| UploadId(SpoolId::from_bytes([n; 16]));
    catalog.begin_blob(id(4), &sound(4)).await.expect("bytes");
    let numbers = |rows: Vec<UploadRow>| rows.iter().map(|row| row.created).collect::<Vec<_>>();
    let open = catalog.open_uploads(None, 3).await.expect("a page");
    let rest = catalog.open_uploads(Some(open[2].id), 3).await.expect("a page");
    assert_eq!((numbers(open), numbers(rest)), (vec![1, 2, 3], vec![4, 5]));
    assert_eq!(numbers(catalog.expired_uploads(98, 500).await.expect("a list")), [5, 3, 2]);
    assert_eq!(numbers(catalog.expired_uploads(98, 1).await.expect("a list")), [5]);
    assert_eq!(numbers(catalog.expired_uploads(94, 500).await.expect("a list")), [0; 0]);
    for (n, phase) in [(1, Phase::Cancelled), (2, Phase::Expired), (3, Phase::Failed)] {
        let change = UploadChange::to(phase);
        catalog.change_upload(id(n), &[Phase::Receiving], &change).await.expect("an end");
    }
    assert_eq!(numbers(catalog.open_uploads(None, 500).await.expect("a page")), [4, 5]);
    assert_eq!(catalog.forget_uploads(1_000, 500).await.expect("a number"), 0, "they ended just now");
    assert_eq!(catalog.forget_uploads(LATER, 2).await.expect("a number"), 2);
    assert_eq!(catalog.forget_uploads(LATER, 500).await.expect("a number"), 1);
    assert_eq!(numbers(catalog.uploads_of(house.ann.id, 500).await.expect("a list")), [5, 4]);
}

pub(super) async fn an_upload_becomes_a_track(catalog: Arc<dyn Catalog>) {
    let house = House::new(catalog).await;
    let (catalog, ann) = (&house.catalog, house.ann());
    let mut row = upload(&house.ann, 1);
    row.ask.filename = "../x/C:\\y/.my \u{7}song.final.WAV".to_owned();
    row.ask.tags = vec!["Pond / Calm".to_owned(), "rock".to_owned()];
    catalog.add_upload(&row).await.expect("an upload");
    let early =
        catalog.commit_upload(row.id, &key(1), Some(&tags(&row))).await.expect_err("no bytes are named");
    assert_eq!(early.kind(), ErrorKind::NotAllowed);
    assert_eq!(catalog.begin_blob(row.id, &sound(1)).await.expect("bytes"), Begun::New);
    let named = catalog.upload(None, row.id).await.expect("the row");
    assert_eq!((named.phase, named.blob, named.track), (Phase::Publishing, Some(hash(1)), None));
    assert_eq!((named.suffix, named.content_type), (Some(sound(1).suffix), Some("audio/wav")));
    assert_eq!(catalog.begin_blob(row.id, &sound(1)).await.expect("once more, after a crash"), Begun::New);
    let other = catalog.begin_blob(row.id, &sound(2)).await.expect_err("other bytes");
    assert_eq!(other.kind(), ErrorKind::NotAllowed);
    let bare = catalog.commit_upload(row.id, &key(1), None).await.expect_err("sound without tags");
    assert_eq!(bare.kind(), ErrorKind::Invalid);
    assert_eq!(catalog.blob(hash(1)).await.expect("a row").key, None, "the failure left nothing");

    let before = catalog.changed().await.expect("a moment");
    let mut found = tags(&row);
    found.album = row.id.to_string();
    let cover = FoundCover {
        path: super::house::path("x"),
        offset: 10,
        count: Some(5),
        content_type: "image/gif",
        mark: None,
    };
    found.cover = Some(cover);
    let id = catalog.commit_upload(row.id, &key(1), Some(&found)).await.expect("a commit").expect("a track");
    let again = catalog.commit_upload(row.id, &key(1), Some(&found)).await.expect("the same again");
    assert_eq!(again, Some(id));
    let ready = catalog.upload(Some(house.ann.id), row.id).await.expect("the row");
    assert_eq!((ready.phase, ready.track, ready.blob), (Phase::Ready, Some(id), Some(hash(1))));
    assert!(catalog.changed().await.expect("a moment") > before);
    let refused = catalog.begin_blob(row.id, &sound(1)).await.expect_err("it is ready");
    assert_eq!(refused.kind(), ErrorKind::NotAllowed);

    let track = catalog.track(&ann, id).await.expect("the track");
    assert_eq!(track.path.as_str(), format!("{}/my song.final.wav", row.id));
    assert_eq!(
        (track.folder, track.owner, track.visibility),
        (UPLOADS, Some(house.ann.id), Visibility::Library)
    );
    assert_eq!((track.digest, track.blob.clone(), track.image), (Some(hash(1)), Some(key(1)), None));
    assert_eq!((track.place(), track.file_id()), (Place::Blob(key(1)), Some(hash(1).file_id())));
    assert_eq!((track.suffix.as_str(), track.size_bytes, track.duration_ms), ("wav", 1_000, 180_000));
    assert_eq!(track.album, "[Unknown Album]", "an album is not called after an upload");
    assert_eq!(track.genres, ["Pond", "Calm", "rock"]);
    assert_eq!(house.tracks(&ann).await.len(), 1, "once, though it was committed twice");
    let cover = catalog.cover(&ann, Item::Track(id)).await.expect("the cover within");
    assert_eq!((cover.place, cover.offset, cover.count), (Place::Blob(key(1)), 10, Some(5)));
    let album = catalog.cover(&house.bob(), Item::Album(track.album_id)).await.expect("the same");
    assert_eq!(album.place, Place::Blob(key(1)));
    for viewer in [house.bob(), Viewer::of(&house.admin)] {
        assert_eq!(titles(&house.tracks(&viewer).await), ["title of 1"], "everybody sees it");
        let albums = catalog.albums(&viewer, &AlbumOrder::Newest, Some(UPLOADS), 0, 9).await.expect("albums");
        assert_eq!(albums.len(), 1);
        let libraries = catalog.libraries(&viewer).await.expect("libraries");
        assert_eq!(libraries.iter().map(|row| row.tracks).collect::<Vec<_>>(), [0, 0, 1]);
    }
    let narrow = Viewer { libraries: LibrarySet::Only(vec![house.music]), ..house.bob() };
    assert_eq!(house.tracks(&narrow).await, [], "the library can be left out as any other");
    assert_eq!(catalog.bytes_of_user(house.ann.id).await.expect("bytes"), 1_000);
}

pub(super) async fn the_senders_words_come_before_the_files(catalog: Arc<dyn Catalog>) {
    let house = House::new(catalog).await;
    let (catalog, ann) = (&house.catalog, house.ann());
    let image = send_as(&house, upload(&house.ann, 9), &picture(9)).await;
    assert_eq!(image, None, "a picture is no track");
    let mut row = upload(&house.ann, 1);
    row.ask.title = Some(" Own\ntitle ".to_owned());
    row.ask.artist = Some("Own artist".to_owned());
    row.ask.album = Some("Own album".to_owned());
    row.ask.image = Some(hash(9));
    row.ask.filename = String::new();
    let id = send_as(&house, row.clone(), &sound(1)).await.expect("a track");
    let track = catalog.track(&ann, id).await.expect("the track");
    assert_eq!(
        (track.title.as_str(), track.artist.as_str(), track.album_artist.as_str(), track.album.as_str()),
        ("Own title", "Own artist", "Own artist", "Own album")
    );
    assert_eq!(track.path.as_str(), format!("{}/upload.wav", row.id));
    assert_eq!((track.image, track.has_cover), (Some(hash(9)), true));
    assert_eq!(catalog.cover(&ann, Item::Track(id)).await.expect("a cover").place, Place::Blob(key(9)));
    for words in ["own title", "own artist", "own album"] {
        let found = catalog.search_tracks(&house.bob(), words, None, 0, 9).await.expect("a search");
        assert_eq!(titles(&found), ["Own title"], "{words}");
    }
    // Somebody else's picture, or one that is none, is no reason to lose the sound.
    let mut row = upload(&house.bob, 2);
    row.ask.image = Some(hash(9));
    let id = send_as(&house, row, &sound(2)).await.expect("a track");
    assert_eq!(catalog.track(&ann, id).await.expect("the track").image, None);
    let mut row = upload(&house.ann, 3);
    row.ask.image = Some(hash(1));
    let id = send_as(&house, row, &sound(3)).await.expect("a track");
    assert_eq!(catalog.track(&ann, id).await.expect("the track").image, None);
}

pub(super) async fn albums_without_an_artist_are_told_apart_by_their_senders(catalog: Arc<dyn Catalog>) {
    let house = House::new(catalog).await;
    let catalog = &house.catalog;
    let mut albums = Vec::new();
    for (n, owner) in [(1, &house.ann), (2, &house.ann), (3, &house.bob)] {
        let row = upload(owner, n);
        let mut found = tags(&row);
        found.artist = "[Unknown Artist]".to_owned();
        found.album_artist.clone_from(&found.artist);
        found.album = "[Unknown Album]".to_owned();
        catalog.add_upload(&row).await.expect("an upload");
        catalog.begin_blob(row.id, &sound(n)).await.expect("bytes");
        let id = catalog.commit_upload(row.id, &key(n), Some(&found)).await.expect("a commit");
        albums.push(catalog.track(&house.ann(), id.expect("a track")).await.expect("the track").album_id);
    }
    assert_eq!(albums[0], albums[1]);
    assert_ne!(albums[0], albums[2]);
}

pub(super) async fn p08_an_upload_that_is_hidden_does_not_exist_for_others(catalog: Arc<dyn Catalog>) {
    let house = House::new(catalog).await;
    let (catalog, bob) = (&house.catalog, house.bob());
    let track = send(&house, &house.ann, 1, 1).await;
    let change = TrackChange::visibility(Visibility::Private);
    let hidden = catalog.change_track(&house.ann(), track.id, &change).await.expect("a change");
    assert_eq!(hidden.visibility, Visibility::Private);
    for viewer in [bob, Viewer::of(&house.admin)] {
        assert_eq!(house.tracks(&viewer).await, []);
        let kinds = [
            catalog.track(&viewer, track.id).await.map(drop),
            catalog.blob_by_file_id(&viewer, hash(1).file_id()).await.map(drop),
            catalog.remove_track(&viewer, track.id).await.map(drop),
            catalog.change_track(&viewer, track.id, &change).await.map(drop),
        ];
        for (n, answer) in kinds.into_iter().enumerate() {
            assert_eq!(answer.expect_err("it is hidden").kind(), ErrorKind::NotFound, "call {n}");
        }
    }
    let (blob, found) = catalog.blob_by_file_id(&house.ann(), hash(1).file_id()).await.expect("hers");
    assert_eq!(
        (blob.id, blob.kind, found.map(|track| track.id)),
        (hash(1), MediaKind::Audio, Some(track.id))
    );
    let keys: Vec<BlobKey> =
        catalog.remove_track(&Viewer::managing(&house.admin), track.id).await.expect("gone");
    assert_eq!(keys, [key(1)], "an admin who manages may remove it");
}

pub(super) async fn p08_who_sees_some_libraries_alone_sees_his_own_uploads_too(catalog: Arc<dyn Catalog>) {
    let house = House::with(catalog, &[file("A", "Open", 1, "open")]).await;
    let catalog = &house.catalog;
    let (hers, his) = (send(&house, &house.ann, 1, 1).await, send(&house, &house.bob, 2, 2).await);
    assert_eq!(hers.album_id, his.album_id, "their files say the same");
    for visibility in [Visibility::Library, Visibility::Private] {
        let change = TrackChange::visibility(visibility);
        catalog.change_track(&house.ann(), hers.id, &change).await.expect("it is hers");
        for (set, others) in [(vec![house.talks], 0), (vec![house.music], 1), (Vec::new(), 0)] {
            let viewer = Viewer { libraries: LibrarySet::Only(set), ..house.ann() };
            let case = format!("{visibility:?} {viewer:?}");
            let seen = house.tracks(&viewer).await;
            assert_eq!(seen.len(), others + 1, "{case}");
            assert!(seen.iter().any(|track| track.id == hers.id), "{case}");
            assert_eq!(catalog.track(&viewer, his.id).await.expect_err("his").kind(), ErrorKind::NotFound);
            let listed = catalog.album_tracks(&viewer, hers.album_id, 0, 9).await.expect("tracks");
            assert_eq!(listed.iter().map(|track| track.id).collect::<Vec<_>>(), [hers.id], "{case}");
            let album = catalog.album(&viewer, hers.album_id).await.expect("the album");
            assert_eq!((album.tracks, album.duration_ms), (1, hers.duration_ms), "{case}");
            for (folder, count) in [(None, 1), (Some(UPLOADS), 1), (Some(house.music), 0)] {
                let found = catalog.search_tracks(&viewer, "title", folder, 0, 9).await.expect("tracks");
                assert_eq!(found.len(), count, "{case} {folder:?}");
                let found = catalog.search_albums(&viewer, "sent", folder, 0, 9).await.expect("albums");
                assert_eq!(found.len(), count, "{case} {folder:?}");
                let found = catalog.search_artists(&viewer, "sender", folder, 0, 9).await.expect("artists");
                assert_eq!(found.len(), count, "{case} {folder:?}");
            }
            catalog.star(&viewer, &[Item::Track(hers.id)], Some(1)).await.expect("a star");
            let libraries = catalog.libraries(&viewer).await.expect("libraries");
            let uploads = libraries.iter().find(|row| row.id == UPLOADS).expect("her uploads");
            assert_eq!(uploads.tracks, 1, "{case}");
            let (_, track) = catalog.blob_by_file_id(&viewer, hash(1).file_id()).await.expect("her file");
            assert_eq!(track.expect("her track").id, hers.id, "{case}");
        }
        // Who sees all of it has everything counted once.
        let album = catalog.album(&house.ann(), hers.album_id).await.expect("the album");
        assert_eq!(album.tracks, 2);
    }
}
