//! Stars, ratings, plays.

use std::sync::Arc;

use super::house::{House, file, names, titles};
use crate::database::Catalog;
use crate::error::ErrorKind;
use crate::model::{AlbumOrder, ArtistId, Item, PlayState, TrackId};

pub(super) async fn stars_and_ratings_are_each_users_own(catalog: Arc<dyn Catalog>) {
    let house = House::with(catalog, &[file("A", "One", 1, "x"), file("A", "One", 2, "y")]).await;
    let (catalog, ann, bob) = (&house.catalog, house.ann(), house.bob());
    let (x, y) = (house.track("x").await, house.track("y").await);
    catalog.star(&ann, &[Item::Track(x.id)], Some(20)).await.expect("a star");
    catalog.star(&ann, &[Item::Track(y.id)], Some(10)).await.expect("a star");
    catalog.rate(&ann, Item::Track(x.id), 4).await.expect("a rating");
    let starred = catalog.starred_tracks(&ann, None, 0, 10).await.expect("a list");
    assert_eq!(titles(&starred), ["x", "y"], "last starred first");
    assert_eq!((starred[0].play.starred, starred[0].play.rating), (Some(20), 4));
    assert_eq!(titles(&catalog.starred_tracks(&ann, None, 1, 10).await.expect("a list")), ["y"]);
    assert_eq!(catalog.starred_tracks(&bob, None, 0, 10).await.expect("a list"), []);
    assert_eq!(catalog.track(&bob, x.id).await.expect("a track").play, PlayState::default());
    catalog.star(&ann, &[Item::Track(x.id)], None).await.expect("a star taken back");
    catalog.rate(&ann, Item::Track(x.id), 0).await.expect("a rating taken back");
    assert_eq!(catalog.track(&ann, x.id).await.expect("a track").play, PlayState::default());
    let six = catalog.rate(&ann, Item::Album(x.album_id), 6).await.expect_err("not a rating");
    assert_eq!(six.kind(), ErrorKind::Invalid);
    let none = catalog.star(&ann, &[Item::Artist(ArtistId(999))], Some(1)).await.expect_err("nobody");
    assert_eq!(none.kind(), ErrorKind::NotFound);
}

pub(super) async fn a_play_counts_for_track_and_album(catalog: Arc<dyn Catalog>) {
    let house = House::with(catalog, &[file("A", "One", 1, "x"), file("B", "Two", 1, "y")]).await;
    let (catalog, ann) = (&house.catalog, house.ann());
    let (x, y) = (house.track("x").await, house.track("y").await);
    for (id, at) in [(x.id, 100), (x.id, 50), (y.id, 200)] {
        catalog.play(&ann, &[(id, at)]).await.expect("a play");
    }
    let played = catalog.track(&ann, x.id).await.expect("a track").play;
    assert_eq!(
        (played.plays, played.played),
        (2, Some(100)),
        "an old play that arrives late is not the last one"
    );
    let album = catalog.album(&ann, x.album_id).await.expect("an album").play;
    assert_eq!((album.plays, album.played), (2, Some(100)));
    let order = async |order| catalog.albums(&ann, &order, None, 0, 10).await.expect("albums");
    assert_eq!(names(&order(AlbumOrder::Frequent).await), ["One", "Two"]);
    assert_eq!(names(&order(AlbumOrder::Recent).await), ["Two", "One"]);
    assert_eq!(catalog.albums(&house.bob(), &AlbumOrder::Frequent, None, 0, 10).await.expect("albums"), []);
}

pub(super) async fn many_are_starred_or_none_and_plays_of_what_is_gone_left_out(catalog: Arc<dyn Catalog>) {
    let house = House::with(catalog, &[file("A", "One", 1, "x"), file("B", "Two", 1, "y")]).await;
    let (catalog, ann) = (&house.catalog, house.ann());
    let (x, y) = (house.track("x").await, house.track("y").await);
    let gone = TrackId(999);
    let some = [Item::Track(x.id), Item::Album(y.album_id), Item::Track(gone)];
    assert_eq!(
        catalog.star(&ann, &some, Some(5)).await.expect_err("one is gone").kind(),
        ErrorKind::NotFound
    );
    assert_eq!(catalog.track(&ann, x.id).await.expect("a track").play, PlayState::default());
    assert_eq!(catalog.play(&ann, &[(gone, 9)]).await.expect_err("it is gone").kind(), ErrorKind::NotFound);
    catalog.star(&ann, &[Item::Track(x.id), Item::Album(y.album_id)], Some(5)).await.expect("stars");
    // An app that was away tells of a song that was deleted since, among others.
    catalog.play(&ann, &[(x.id, 7), (gone, 9), (y.id, 8), (x.id, 6)]).await.expect("plays");
    let play = catalog.track(&ann, x.id).await.expect("a track").play;
    assert_eq!((play.starred, play.plays, play.played), (Some(5), 2, Some(7)));
    let play = catalog.album(&ann, y.album_id).await.expect("an album").play;
    assert_eq!((play.starred, play.plays, play.played), (Some(5), 1, Some(8)));
    catalog.star(&ann, &[], Some(5)).await.expect("nothing to star is fine");
}
