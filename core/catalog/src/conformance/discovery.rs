//! Songs that somebody might want to hear next.

use std::sync::Arc;

use super::house::{House, file, titles};
use crate::database::Catalog;
use crate::error::ErrorKind;
use crate::model::Item;
use crate::scan::Person;

pub(super) async fn a_genre_has_its_tracks_in_pages(catalog: Arc<dyn Catalog>) {
    let mut files: Vec<_> = (1..=5).map(|n| file("A", "One", n, &format!("song {n}"))).collect();
    files[2].tags.genres = vec!["Jazz".to_owned()];
    let house = House::with(catalog, &files).await;
    let (catalog, ann) = (&house.catalog, house.ann());
    house.hide_for_ann("song 5").await;
    let rock = async |viewer, offset, rows| {
        let tracks = catalog.genre_tracks(viewer, "ROCK", Some(house.music), offset, rows).await;
        titles(&tracks.expect("tracks")).join(", ")
    };
    assert_eq!(rock(&ann, 0, 3).await, "song 1, song 2, song 4");
    assert_eq!(rock(&ann, 3, 3).await, "song 5");
    assert_eq!(rock(&house.bob(), 3, 3).await, "", "what is hidden is in no genre");
    let elsewhere = catalog.genre_tracks(&ann, "rock", Some(house.talks), 0, 10).await.expect("tracks");
    assert_eq!(titles(&elsewhere), [""; 0]);
    assert_eq!(titles(&catalog.genre_tracks(&ann, "none", None, 0, 10).await.expect("tracks")), [""; 0]);
}

pub(super) async fn what_everybody_plays_comes_first(catalog: Arc<dyn Catalog>) {
    let mut files: Vec<_> = (1..=4).map(|n| file("A", "One", n, &format!("song {n}"))).collect();
    files.push(file("B", "Two", 1, "by two"));
    files[4].tags.details.artists = ["B", "A"].map(Person::named).to_vec();
    let house = House::with(catalog, &files).await;
    let (catalog, ann, bob) = (&house.catalog, house.ann(), house.bob());
    let third = house.track("song 3").await.id;
    let second = house.track("song 2").await.id;
    catalog.play(&ann, &[(second, 1)]).await.expect("a play");
    catalog.play(&bob, &[(third, 1), (third, 2)]).await.expect("plays");
    let artist = catalog.artist_named(&ann, " a ").await.expect("an answer").expect("an artist").id;
    let top = catalog.top_tracks(&ann, artist, 0, 10).await.expect("tracks");
    assert_eq!(titles(&top), ["song 3", "song 2", "song 1", "song 4", "by two"]);
    assert_eq!(titles(&catalog.top_tracks(&ann, artist, 1, 2).await.expect("tracks")), ["song 2", "song 1"]);
    house.hide_for_ann("song 3").await;
    assert_eq!(titles(&catalog.top_tracks(&bob, artist, 0, 1).await.expect("tracks")), ["song 2"]);
    assert_eq!(catalog.artist_named(&ann, "nobody").await.expect("an answer"), None);
}

pub(super) async fn p08_similar_tracks_are_those_that_the_viewer_sees(catalog: Arc<dyn Catalog>) {
    let mut files: Vec<_> = (1..=9).map(|n| file("A", "One", n, &format!("song {n}"))).collect();
    files.push(file("B", "Two", 1, "same genre"));
    files.push(file("C", "Three", 1, "another"));
    files[10].tags.genres = vec!["Jazz".to_owned()];
    let house = House::with(catalog, &files).await;
    let (catalog, bob) = (&house.catalog, house.bob());
    let hidden = house.hide_for_ann("song 2").await;
    let track = house.track("song 1").await;
    let similar = async |item, draw, rows| {
        let ids = catalog.similar_tracks(&bob, item, draw, rows).await.expect("ids");
        let tracks = catalog.these_tracks(&bob, &ids).await.expect("tracks");
        tracks.into_iter().map(|track| track.title).collect::<Vec<_>>()
    };
    let first = similar(Item::Track(track.id), 1, 100).await;
    assert_eq!(similar(Item::Track(track.id), 1, 100).await, first, "the same draw");
    assert_ne!(similar(Item::Track(track.id), 2, 100).await, first, "another draw");
    let mut sorted = first.clone();
    sorted.sort_unstable();
    assert_eq!(sorted, ["same genre", "song 3", "song 4", "song 5", "song 6", "song 7", "song 8", "song 9"]);
    assert_eq!(similar(Item::Track(track.id), 1, 3).await, first[..3]);
    assert_eq!(similar(Item::Album(track.album_id), 1, 100).await.len(), 9);
    assert_eq!(similar(Item::Artist(track.artist_id), 1, 100).await.len(), 9);
    let refused = catalog.similar_tracks(&bob, Item::Track(hidden.id), 1, 10).await.expect_err("hidden");
    assert_eq!(refused.kind(), ErrorKind::NotFound);
}
