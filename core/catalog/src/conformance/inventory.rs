//! What scans write.

use std::sync::Arc;

use store::Part;

use super::house::{House, file, path, titles};
use crate::database::Catalog;
use crate::error::ErrorKind;
use crate::model::{AlbumOrder, Item, TrackChange, TrackId, Visibility};
use crate::scan::Known;

async fn known(house: &House) -> Vec<Known> {
    house.catalog.known(house.music, &Part::all(), None, 500).await.expect("known files")
}

pub(super) async fn known_files_come_in_the_order_of_their_bytes(catalog: Arc<dyn Catalog>) {
    let mut files = ["b/1.mp3", "a/z.mp3", "a-b/1.mp3", "B/1.mp3", "é.mp3", "z.mp3"].map(|name| {
        let mut found =
            file("A", "One", 1, name.trim_end_matches(".mp3").trim_matches('/').replace('/', " ").as_str());
        found.path = path(name);
        found
    });
    files[0].stamp.inode = u64::MAX;
    files[0].stamp.modified_ns = -5;
    let house = House::with(catalog, &files).await;
    house.catalog.record(house.talks, &[file("T", "Talk", 1, "x")]).await.expect("files are recorded");
    let all = known(&house).await;
    let paths: Vec<_> = all.iter().map(|known| known.path.as_str()).collect();
    assert_eq!(paths, ["B/1.mp3", "a-b/1.mp3", "a/z.mp3", "b/1.mp3", "z.mp3", "é.mp3"]);
    assert_eq!(all[3].stamp, files[0].stamp, "a stamp comes back as it went in");
    let (mut paged, mut after) = (Vec::new(), None);
    loop {
        let page = house.catalog.known(house.music, &Part::all(), after.as_ref(), 2).await.expect("a page");
        let Some(last) = page.last() else { break };
        after = Some(last.path.clone());
        paged.extend(page);
    }
    assert_eq!(paged, all);
}

pub(super) async fn known_files_of_a_part_are_those_of_the_part(catalog: Arc<dyn Catalog>) {
    let paths = [
        "1.mp3",
        "a b/1.mp3",
        "a!/1.mp3",
        "a/1.mp3",
        "a/é/1.mp3",
        "a/é/x/1.mp3",
        "a/é0/1.mp3",
        "a0.mp3",
        "é/1.mp3",
    ];
    let files = paths.map(|name| {
        let mut found = file("A", "One", 1, &name.replace('/', " "));
        found.path = path(name);
        found
    });
    let house = House::with(catalog, &files).await;
    let folders = ["a", "a/é", "a b", "é", "gone", "1.mp3"].map(path);
    let parts = folders.iter().flat_map(|at| [Part::beneath(at.clone()), Part::files_of(Some(at.clone()))]);
    for part in parts.chain([Part::all(), Part::files_of(None)]) {
        let expected: Vec<&str> = paths.into_iter().filter(|file| part.has(&path(file))).collect();
        let (mut found, mut after) = (Vec::new(), None);
        loop {
            let page = house.catalog.known(house.music, &part, after.as_ref(), 2).await.expect("a page");
            let Some(last) = page.last() else { break };
            after = Some(last.path.clone());
            found.extend(page.into_iter().map(|known| known.path.to_string()));
        }
        assert_eq!(found, expected, "{part:?}");
    }
}

pub(super) async fn a_file_that_vanishes_and_returns_is_the_same_track(catalog: Arc<dyn Catalog>) {
    let files = [file("A", "One", 1, "stays"), file("B", "Two", 1, "goes")];
    let house = House::with(catalog, &files).await;
    let (catalog, ann) = (&house.catalog, house.ann());
    let track = house.track("goes").await;
    catalog.star(&ann, &[Item::Track(track.id)], Some(7)).await.expect("a star");
    catalog.play(&ann, &[(track.id, 8)]).await.expect("a play");
    let before = catalog.changed().await.expect("a moment");

    catalog.mark_missing(house.music, &[track.id]).await.expect("a mark");
    catalog.follow_moves(house.music).await.expect("an end");
    assert!(catalog.changed().await.expect("a moment") > before);
    assert_eq!(titles(&house.tracks(&ann).await), ["stays"]);
    let album = catalog.album(&ann, track.album_id).await.expect_err("an empty album is hidden");
    let artist = catalog.artist(&ann, track.artist_id).await.expect_err("an artist without tracks is hidden");
    assert_eq!((album.kind(), artist.kind()), (ErrorKind::NotFound, ErrorKind::NotFound));
    assert_eq!(catalog.artists(&ann, None, None, 10).await.expect("artists").rows.len(), 1);
    assert_eq!(catalog.libraries(&ann).await.expect("libraries")[0].tracks, 1);
    let marked: Vec<_> =
        known(&house).await.iter().map(|known| (known.id == track.id, known.missing)).collect();
    assert_eq!(marked, [(false, false), (true, true)]);

    catalog.mark_present(house.music, &[track.id]).await.expect("a mark");
    let back = catalog.track(&ann, track.id).await.expect("it is back");
    assert_eq!((back.play.starred, back.play.plays), (Some(7), 1));
    catalog.mark_missing(house.music, &[track.id]).await.expect("a mark");
    house.record(&files[1..]).await;
    let again = catalog.track(&ann, track.id).await.expect("recorded again under its id");
    assert_eq!((again.play.starred, again.created), (Some(7), track.created));
    catalog.mark_missing(house.talks, &[track.id]).await.expect("a mark of another folder");
    assert_eq!(house.tracks(&ann).await.len(), 2, "a folder marks its own tracks alone");
}

pub(super) async fn a_renamed_file_is_the_same_track(catalog: Arc<dyn Catalog>) {
    let files = [file("A", "One", 1, "song"), file("A", "One", 2, "other")];
    let house = House::with(catalog, &files).await;
    let (catalog, ann) = (&house.catalog, house.ann());
    catalog.follow_moves(house.music).await.expect("an end");
    let track = house.track("song").await;
    catalog.star(&ann, &[Item::Track(track.id)], Some(7)).await.expect("a star");
    catalog
        .change_track(
            &ann,
            track.id,
            &TrackChange { visibility: Some(Visibility::Private), ..TrackChange::title("my title") },
        )
        .await
        .expect("a change");

    let mut moved = files[0].clone();
    moved.path = path("Elsewhere/new name.flac");
    moved.stamp.changed_ns = 99;
    let mut copy = files[1].clone();
    copy.path = path("Elsewhere/a copy.flac");
    copy.stamp.inode = 12_345;
    house.record(&[moved.clone(), copy]).await;
    catalog.mark_missing(house.music, &[track.id]).await.expect("a mark");
    catalog.follow_moves(house.music).await.expect("an end");

    let now = catalog.track(&ann, track.id).await.expect("the same track");
    assert_eq!((now.path.as_str(), now.title.as_str()), ("Elsewhere/new name.flac", "my title"));
    assert_eq!(
        (now.play.starred, now.visibility, now.owner),
        (Some(7), Visibility::Private, Some(house.ann.id))
    );
    assert_eq!(house.tracks(&ann).await.len(), 3, "a copy is a track of its own");
    assert_eq!(house.tracks(&house.bob()).await.len(), 2, "what was private stays so under its new name");
    let all = known(&house).await;
    assert_eq!(all.iter().filter(|known| known.id == track.id).count(), 1);
    assert_eq!(all.iter().find(|known| known.id == track.id).expect("known").stamp, moved.stamp);
    assert_eq!(
        titles(&catalog.search_tracks(&ann, "my title", None, 0, 10).await.expect("a search")),
        ["my title"]
    );
    assert_eq!(house.album(&ann, "One").await.expect("the album").tracks, 3);
    catalog.follow_moves(house.music).await.expect("settling again changes nothing");
    assert_eq!(known(&house).await, all);
}

pub(super) async fn a_file_seen_at_its_new_place_before_it_went_is_the_same_track(catalog: Arc<dyn Catalog>) {
    let files = [file("A", "One", 1, "song"), file("A", "One", 2, "other")];
    let house = House::with(catalog, &files).await;
    let (catalog, ann) = (&house.catalog, house.ann());
    catalog.follow_moves(house.music).await.expect("an end");
    let track = house.track("song").await;
    catalog.star(&ann, &[Item::Track(track.id)], Some(7)).await.expect("a star");

    let mut moved = files[0].clone();
    moved.path = path("Elsewhere/song.flac");
    house.record(&[moved]).await;
    catalog.follow_moves(house.music).await.expect("the end of the scan that saw both");
    assert_eq!(house.tracks(&ann).await.len(), 3, "as far as that scan could tell, they are two");
    catalog.mark_missing(house.music, &[track.id]).await.expect("a mark");
    catalog.follow_moves(house.music).await.expect("the end of the scan that missed one");

    let now = catalog.track(&ann, track.id).await.expect("the same track");
    assert_eq!((now.path.as_str(), now.play.starred), ("Elsewhere/song.flac", Some(7)));
    assert_eq!(house.tracks(&ann).await.len(), 2);
}

pub(super) async fn new_tags_move_a_track_to_its_new_album(catalog: Arc<dyn Catalog>) {
    let files = [file("A", "One", 1, "x"), file("A", "One", 2, "y")];
    let house = House::with(catalog, &files).await;
    let (catalog, ann) = (&house.catalog, house.ann());
    let before = house.track("y").await;
    let mut changed = files[1].clone();
    changed.tags.album = "Two".to_owned();
    changed.tags.title = "why".to_owned();
    changed.tags.genres = vec!["Jazz".to_owned()];
    house.record(&[changed]).await;
    let after = house.track("why").await;
    assert_eq!(after.id, before.id);
    assert_ne!(after.album_id, before.album_id);
    assert_eq!(house.album(&ann, "One").await.expect("the old album").tracks, 1);
    assert_eq!(house.album(&ann, "Two").await.expect("the new album").tracks, 1);
    assert_eq!(titles(&catalog.search_tracks(&ann, "y", None, 0, 10).await.expect("a search")), [""; 0]);
    assert_eq!(titles(&catalog.search_tracks(&ann, "two", None, 0, 10).await.expect("a search")), ["why"]);
    let jazz =
        catalog.albums(&ann, &AlbumOrder::ByGenre("Jazz".to_owned()), None, 0, 10).await.expect("albums");
    assert_eq!(jazz.len(), 1);
}

pub(super) async fn folders_of_a_box_set_are_one_album(catalog: Arc<dyn Catalog>) {
    let mut files = [
        file("A", "Box", 1, "first"),
        file("a", "BOX", 1, "second"),
        file("B", "Box", 1, "another's"),
        file("[Unknown Artist]", "CD1", 1, "u1"),
        file("[Unknown Artist]", "CD1", 2, "u2"),
        file("[Unknown Artist]", "CD1", 1, "u3"),
        file("Guest", "Box", 3, "third"),
    ];
    files[0].path = path("Box/CD 1/01.flac");
    files[1].path = path("Box/CD 2/01.flac");
    files[1].tags.disc = Some(2);
    files[3].path = path("x/CD1/1.flac");
    files[4].path = path("x/CD1/2.flac");
    files[5].path = path("y/CD1/1.flac");
    files[6].tags.album_artist = "A".to_owned();
    let house = House::with(catalog, &files).await;
    let ann = house.ann();
    let album = house.track("first").await.album_id;
    let tracks = house.catalog.album_tracks(&ann, album, 0, 500).await.expect("tracks");
    assert_eq!(titles(&tracks), ["first", "third", "second"]);
    assert_eq!(tracks[1].artist, "Guest");
    assert_ne!(
        house.track("another's").await.album_id,
        album,
        "another artist's album of that name is another"
    );
    let (u1, u2, u3) = (house.track("u1").await, house.track("u2").await, house.track("u3").await);
    assert_eq!(u1.album_id, u2.album_id);
    assert_ne!(u1.album_id, u3.album_id, "without an artist, folders tell albums apart");
}

pub(super) async fn a_title_that_was_set_outlives_a_scan(catalog: Arc<dyn Catalog>) {
    let files = [file("A", "One", 1, "from the file")];
    let house = House::with(catalog, &files).await;
    let (catalog, ann) = (&house.catalog, house.ann());
    let id = house.track("from the file").await.id;
    for bad in ["", " x", "a\nb", &"x".repeat(1_025)] {
        let refused = catalog.change_track(&ann, id, &TrackChange::title(bad)).await.expect_err("no title");
        assert_eq!(refused.kind(), ErrorKind::Invalid, "{bad:?}");
    }
    let before = catalog.changed().await.expect("a moment");
    let changed = catalog.change_track(&ann, id, &TrackChange::title("by hand")).await.expect("a change");
    assert_eq!(
        (changed.title.as_str(), changed.visibility, changed.owner),
        ("by hand", Visibility::Library, None)
    );
    assert!(catalog.changed().await.expect("a moment") > before);
    house.record(&files).await;
    assert_eq!(catalog.track(&ann, id).await.expect("the track").title, "by hand");
    assert_eq!(catalog.search_tracks(&ann, "hand", None, 0, 10).await.expect("a search").len(), 1);
    let nobody =
        catalog.change_track(&ann, TrackId(999), &TrackChange::title("x")).await.expect_err("nothing");
    assert_eq!(nobody.kind(), ErrorKind::NotFound);
}
