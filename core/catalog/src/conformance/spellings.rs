//! What artists and albums are called when tags are corrected, how they are found, and what users said of them.

use std::sync::Arc;

use super::house::{House, artist_names, file, names, path};
use crate::access::Viewer;
use crate::database::Catalog;
use crate::model::{AlbumOrder, Item, TrackChange};
use crate::scan::{Found, Person};

/// A song of a release in MusicBrainz.
fn of_release(artist: &str, album: &str, number: u32, title: &str) -> Found {
    let mut found = file(artist, album, number, title);
    found.path = path(&format!("release/{title}.flac"));
    found.tags.details.release.musicbrainz = Some("r1".to_owned());
    found
}

async fn albums_by(house: &House, viewer: &Viewer, words: &str) -> Vec<String> {
    let found = house.catalog.search_albums(viewer, words, None, 0, 10).await.expect("a search");
    names(&found).into_iter().map(str::to_owned).collect()
}

async fn artists_by(house: &House, viewer: &Viewer, words: &str) -> Vec<String> {
    let found = house.catalog.search_artists(viewer, words, None, 0, 10).await.expect("a search");
    artist_names(&found).into_iter().map(str::to_owned).collect()
}

pub(super) async fn capitals_that_are_corrected_are_shown(catalog: Arc<dyn Catalog>) {
    let mut files = [file("abba", "the visitors", 1, "one"), file("abba", "the visitors", 2, "two")];
    let house = House::with(catalog, &files).await;
    let (catalog, ann) = (&house.catalog, house.ann());
    let before = house.track("one").await;
    for found in &mut files {
        "ABBA".clone_into(&mut found.tags.artist);
        "ABBA".clone_into(&mut found.tags.album_artist);
        "The Visitors".clone_into(&mut found.tags.album);
    }
    house.record(&files).await;
    let shown = async || {
        let album = catalog.album(&ann, before.album_id).await.expect("the same album");
        let artist = catalog.artist(&ann, before.artist_id).await.expect("the same artist");
        [album.name, album.artist, artist.name]
    };
    assert_eq!(shown().await, ["The Visitors", "ABBA", "ABBA"]);
    assert_eq!(albums_by(&house, &ann, "visitors abba").await, ["The Visitors"]);

    // Where songs disagree, the first says it, however often and in which order they are read.
    let later = [file("Abba", "THE VISITORS", 3, "three"), file("aBBa", "Arrival", 1, "four")];
    house.record(&later).await;
    assert_eq!(shown().await, ["The Visitors", "ABBA", "ABBA"]);
    house.record(&[later[0].clone(), files[0].clone(), files[1].clone()]).await;
    house.record(&[files[1].clone(), files[0].clone(), later[0].clone(), later[1].clone()]).await;
    assert_eq!(shown().await, ["The Visitors", "ABBA", "ABBA"]);
    // Of what one song says of him, the first counts.
    files[0].tags.details.artists = vec![Person::named("Abba"), Person::named("ABBA")];
    for _ in 0..2 {
        house.record(&files[..1]).await;
        assert_eq!(shown().await, ["The Visitors", "Abba", "Abba"]);
    }
}

pub(super) async fn a_release_that_is_called_anew_keeps_its_album(catalog: Arc<dyn Catalog>) {
    let files = [of_release("X", "Wrong", 1, "one"), of_release("X", "Wrong", 2, "two")];
    let other = [file("Y", "Right", 1, "other release"), file("Else", "Zeal", 1, "else")];
    let house = House::with(catalog, &[&files[..], &other].concat()).await;
    let (catalog, ann) = (&house.catalog, house.ann());
    let id = house.track("one").await.album_id;
    catalog.star(&ann, &[Item::Album(id)], Some(7)).await.expect("a star");
    // Not the first song: the album is called as before.
    house.record(&[of_release("Y", "Right", 2, "two")]).await;
    assert_eq!(catalog.album(&ann, id).await.expect("the album").name, "Wrong");

    house.record(&[of_release("Y", "Right", 1, "one")]).await;
    let album = catalog.album(&ann, id).await.expect("the same album");
    assert_eq!((&*album.name, &*album.artist, album.tracks, album.play.starred), ("Right", "Y", 2, Some(7)));
    assert_eq!(albums_by(&house, &ann, "wrong").await, [""; 0]);
    assert_eq!(albums_by(&house, &ann, "right y").await, ["Right", "Right"], "another release is another");
    let songs = catalog.search_tracks(&ann, "right", None, 0, 10).await.expect("a search");
    assert_eq!(songs.len(), 3, "those too that were not read again: {songs:?}");
    let of = async |artist| names(&catalog.artist_albums(&ann, artist, 0, 10).await.expect("albums")).len();
    assert_eq!(of(album.artist_id).await, 2);
    assert_eq!(artists_by(&house, &ann, "x").await, [""; 0], "nothing is his any more");
    for order in [AlbumOrder::ByName, AlbumOrder::ByGenre("Rock".to_owned())] {
        let listed = catalog.albums(&ann, &order, None, 0, 10).await.expect("albums");
        assert_eq!(names(&listed), ["Right", "Right", "Zeal"], "{order:?}");
    }
    // Reading it all again changes nothing.
    house.record(&[of_release("Y", "Right", 2, "two"), of_release("Y", "Right", 1, "one")]).await;
    assert_eq!(catalog.album(&ann, id).await.expect("the album"), album);
}

pub(super) async fn p08_what_is_private_names_nothing_that_others_see(catalog: Arc<dyn Catalog>) {
    let house =
        House::with(catalog, &[of_release("X", "Open", 1, "mine"), of_release("X", "Open", 2, "all's")])
            .await;
    let id = house.hide_for_ann("mine").await.album_id;
    let name = async || house.catalog.album(&house.bob(), id).await.expect("the album").name;
    house.record(&[of_release("x", "Secret", 1, "mine")]).await;
    assert_eq!(name().await, "Open");
    assert_eq!(artists_by(&house, &house.bob(), "x").await, ["X"]);
    house.record(&[of_release("X", "Opened", 2, "all's")]).await;
    assert_eq!(name().await, "Opened");
    house.hide_for_ann("all's").await;
    house.record(&[of_release("X", "Secret", 1, "mine")]).await;
    let seen = house.catalog.album(&house.ann(), id).await.expect("the album").name;
    assert_eq!(seen, "Secret", "what nobody else sees is called as its owner's song says");
}

pub(super) async fn letters_and_their_marks_are_one_however_they_are_written(catalog: Arc<dyn Catalog>) {
    let house = House::with(
        catalog,
        &[
            file("Beyonc\u{e9}", "D\u{e9}j\u{e0}", 1, "one"),
            file("Beyonce\u{301}", "De\u{301}ja\u{300}", 2, "two"),
        ],
    )
    .await;
    let (one, two) = (house.track("one").await, house.track("two").await);
    assert_eq!((one.artist_id, one.album_id), (two.artist_id, two.album_id));
}

pub(super) async fn letters_without_a_key_are_found_by_plain_ones(catalog: Arc<dyn Catalog>) {
    let songs = [
        ("Trentemøller", "Into", "Æther"),
        ("Łódź", "Œuvre", "Übermäßig"),
        ("Þórr", "Đuro", "Kılıç"),
        ("ØRSTED", "Straße", "Ħal"),
    ];
    let files: Vec<Found> =
        songs.iter().map(|(artist, album, title)| file(artist, album, 1, title)).collect();
    let house = House::with(catalog, &files).await;
    let (catalog, ann) = (&house.catalog, house.ann());
    for (words, artists, albums, titles) in [
        ("trentemoller", "Trentemøller", "Into", "Æther"),
        ("TrentemØller", "Trentemøller", "Into", "Æther"),
        ("lodz", "Łódź", "Œuvre", "Übermäßig"),
        ("thorr", "Þórr", "Đuro", "Kılıç"),
        ("orst", "ØRSTED", "Straße", "Ħal"),
        ("aether", "", "", "Æther"),
        ("oeuvre", "", "Œuvre", "Übermäßig"),
        ("ubermassig", "", "", "Übermäßig"),
        ("übermäßig", "", "", "Übermäßig"),
        ("duro kilic", "", "", "Kılıç"),
        ("strasse", "", "Straße", "Ħal"),
        ("hal", "", "", "Ħal"),
    ] {
        let one = |name: &str| if name.is_empty() { Vec::new() } else { vec![name.to_owned()] };
        assert_eq!(artists_by(&house, &ann, words).await, one(artists), "{words}");
        assert_eq!(albums_by(&house, &ann, words).await, one(albums), "{words}");
        let found = catalog.search_tracks(&ann, words, None, 0, 10).await.expect("a search");
        let found: Vec<String> = found.into_iter().map(|track| track.title).collect();
        assert_eq!(found, one(titles), "{words}");
    }
    let listed = catalog.artists(&ann, None, None, 10).await.expect("artists").rows;
    assert_eq!(artist_names(&listed), ["Łódź", "ØRSTED", "Þórr", "Trentemøller"], "as l, o, th, tr");
}

pub(super) async fn what_users_said_goes_where_all_songs_went(catalog: Arc<dyn Catalog>) {
    let mut files = [file("Guns n Roses", "Lies", 1, "one"), file("Guns n Roses", "Lies", 2, "two")];
    let house = House::with(catalog, &files).await;
    let (catalog, ann, bob) = (&house.catalog, house.ann(), house.bob());
    let old = house.track("one").await;
    for viewer in [&ann, &bob] {
        let items = [Item::Album(old.album_id), Item::Artist(old.artist_id)];
        catalog.star(viewer, &items, Some(7)).await.expect("stars");
    }
    catalog.rate(&ann, Item::Album(old.album_id), 4).await.expect("a rating");
    for found in &mut files {
        "Guns N' Roses".clone_into(&mut found.tags.artist);
        "Guns N' Roses".clone_into(&mut found.tags.album_artist);
        "Lies!".clone_into(&mut found.tags.album);
    }
    // While a song is left, the old ones keep what was said of them.
    house.record(&files[..1]).await;
    let new = house.track("one").await;
    assert_ne!((new.album_id, new.artist_id), (old.album_id, old.artist_id));
    assert_eq!(catalog.album(&ann, old.album_id).await.expect("the old one").play.starred, Some(7));
    // That Ann plays it says nothing of how she likes it.
    catalog.play(&ann, &[(new.id, 5)]).await.expect("a play");
    // What Bob says of the new one meanwhile stays.
    catalog.star(&bob, &[Item::Album(new.album_id)], Some(9)).await.expect("a star");
    house.record(&files).await;
    for (viewer, starred, rating) in [(&ann, Some(7), 4), (&bob, Some(9), 0)] {
        let play = catalog.album(viewer, new.album_id).await.expect("the new one").play;
        assert_eq!((play.starred, play.rating), (starred, rating));
        let artist = catalog.artist(viewer, new.artist_id).await.expect("the new one");
        assert_eq!(artist.play.starred, Some(7));
    }
    // The same where the file is found under another name.
    catalog.follow_moves(house.music).await.expect("an end");
    let mut moved = files.clone();
    for (found, title) in moved.iter_mut().zip(["one", "two"]) {
        found.path = path(&format!("G N' R Lies/{title}.flac"));
        "G N' R Lies".clone_into(&mut found.tags.album);
    }
    house.record(&moved).await;
    let known = house.catalog.known(house.music, &store::Part::all(), None, 10).await.expect("known files");
    let gone: Vec<_> =
        known.iter().filter(|known| known.path.as_str().starts_with("Guns")).map(|known| known.id).collect();
    catalog.mark_missing(house.music, &gone).await.expect("marks");
    catalog.follow_moves(house.music).await.expect("an end");
    let album = house.album(&ann, "G N' R Lies").await.expect("the album");
    assert_eq!((album.tracks, album.play.starred, album.play.rating), (2, Some(7), 4));
    // The same where an admin calls each of them otherwise, one after the other.
    let change = TrackChange { album: Some("Lies".to_owned()), ..TrackChange::default() };
    for title in ["one", "two"] {
        let id = house.track(title).await.id;
        catalog.change_track(&Viewer::of(&house.admin), id, &change).await.expect("a change");
    }
    let album = house.album(&ann, "Lies").await.expect("the album");
    assert_eq!((album.tracks, album.play.starred, album.play.rating), (2, Some(7), 4));
}
