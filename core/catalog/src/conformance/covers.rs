//! Marks of pictures, by which clients notice that there is another one.

use std::sync::Arc;

use super::house::{House, file, path};
use crate::access::Viewer;
use crate::database::Catalog;
use crate::model::CoverMark;
use crate::scan::{Found, FoundCover};

/// A song of an album whose picture lies beside it, and looks like this.
fn song(album: &str, number: u32, mark: u32) -> Found {
    let mut found = file("A", album, number, &format!("{album} {number}"));
    found.tags.cover = Some(FoundCover {
        path: path(&format!("A/{album}/cover.jpg")),
        offset: 0,
        count: None,
        content_type: "image/jpeg",
        mark: Some(CoverMark(mark)),
    });
    found
}

/// The marks of an album, which its songs tell too, and of its artist.
async fn marks(house: &House, viewer: &Viewer, album: &str) -> [Option<CoverMark>; 2] {
    let album = house.album(viewer, album).await.expect("the album");
    for song in house.catalog.album_tracks(viewer, album.id, 0, 10).await.expect("its songs") {
        assert_eq!(song.album_cover_mark, album.cover_mark, "so that it is one picture for all: {song:?}");
    }
    let artist = house.catalog.artist(viewer, album.artist_id).await.expect("its artist");
    [album.cover_mark, artist.cover_mark]
}

pub(super) async fn marks_change_with_the_pictures(catalog: Arc<dyn Catalog>) {
    let mut bare = file("B", "Bare", 1, "bare");
    bare.tags.cover = None;
    let house = House::with(catalog, &[song("One", 1, 10), song("Two", 1, 30), bare]).await;
    let ann = house.ann();
    let [one, artist] = marks(&house, &ann, "One").await;
    assert!(one.is_some() && artist.is_some());
    assert_eq!(marks(&house, &ann, "Bare").await, [None, None]);
    assert_eq!(marks(&house, &house.bob(), "One").await, [one, artist]);
    house.record(&[song("One", 2, 10)]).await;
    assert_eq!(marks(&house, &ann, "One").await[0], one, "a song that has the same picture");

    let two = marks(&house, &ann, "Two").await[0];
    house.record(&[song("One", 1, 11), song("One", 2, 11)]).await;
    let [other, other_artist] = marks(&house, &ann, "One").await;
    assert!(other.is_some() && other != one && other_artist != artist, "another picture");
    assert_eq!(marks(&house, &ann, "Two").await[0], two, "an album that has the same as before");
    let mut embedded = song("One", 1, 0);
    embedded.tags.cover = file("A", "One", 1, "One 1").tags.cover;
    house.record(&[embedded.clone(), song("One", 2, 11)]).await;
    let within = marks(&house, &ann, "One").await;
    embedded.stamp.changed_ns += 1;
    house.record(&[embedded]).await;
    let rewritten = marks(&house, &ann, "One").await;
    assert!(within[0] != other && rewritten[0] != within[0], "a picture within a file that was written anew");
    let gone = house.track("One 1").await.id;
    house.catalog.mark_missing(house.music, &[gone]).await.expect("a mark");
    assert_eq!(marks(&house, &ann, "One").await[0], other, "that of the song that is left");
}

pub(super) async fn p08_marks_say_nothing_about_private_pictures(catalog: Arc<dyn Catalog>) {
    let house = House::with(catalog, &[song("One", 1, 10), song("One", 2, 20)]).await;
    let hidden = house.hide_for_ann("One 2").await;
    let before = marks(&house, &house.bob(), "One").await;
    house.record(&[song("One", 2, 21)]).await;
    assert_eq!(marks(&house, &house.bob(), "One").await, before);
    house.hide_for_ann("One 1").await;
    let [mine, _] = marks(&house, &house.ann(), "One").await;
    house.record(&[song("One", 2, 22)]).await;
    assert_ne!(marks(&house, &house.ann(), "One").await[0], mine, "of what is hers alone she is told");
    let hidden = house.catalog.track(&house.ann(), hidden.id).await.expect("a song");
    assert_eq!(hidden.own_cover_mark(), Some(CoverMark(22)));

    // Beside a song without a picture that everybody sees.
    let mut bare = song("Two", 1, 0);
    bare.tags.cover = None;
    house.record(&[bare, song("Two", 2, 30)]).await;
    house.hide_for_ann("Two 2").await;
    let before = marks(&house, &house.bob(), "Two").await;
    house.record(&[song("Two", 2, 31)]).await;
    assert_eq!((before[0], marks(&house, &house.bob(), "Two").await), (None, before));
}
