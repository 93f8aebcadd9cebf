//! What players are given again and again.

use std::sync::Arc;

use super::house::{House, file};
use crate::access::Viewer;
use crate::database::Catalog;
use crate::error::ErrorKind;
use crate::model::{Item, LibrarySet, Track, TrackChange, TrackId, Visibility};

/// Asks twice, so that the second answer may be a remembered one, and compares it with the database's own.
async fn twice(catalog: &Arc<dyn Catalog>, viewer: &Viewer, id: TrackId) -> Option<Track> {
    let first = catalog.playing(viewer, id).await.map(|track| Track::clone(&track)).ok();
    let second = catalog.playing(viewer, id).await.map(|track| Track::clone(&track)).ok();
    let known = catalog.track(viewer, id).await.ok();
    assert_eq!((&first, &second), (&known, &known), "what is played is what is known");
    known
}

pub(super) async fn p08_what_is_played_is_never_older_than_a_change(catalog: Arc<dyn Catalog>) {
    let house = House::with(catalog, &[file("A", "One", 1, "x"), file("A", "One", 2, "y")]).await;
    let (catalog, ann, bob) = (&house.catalog, house.ann(), house.bob());
    let (x, y) = (house.track("x").await.id, house.track("y").await.id);
    let before = catalog.changed().await.expect("a moment");
    for viewer in [&ann, &bob] {
        assert!(twice(catalog, viewer, x).await.is_some() && twice(catalog, viewer, y).await.is_some());
    }

    catalog.change_track(&ann, x, &TrackChange::title("z")).await.expect("a title is set");
    assert_eq!(twice(catalog, &bob, x).await.expect("it is there").title, "z");
    catalog.rate(&bob, Item::Track(x), 4).await.expect("a rating");
    assert_eq!(twice(catalog, &bob, x).await.expect("it is there").play.rating, 4);
    assert_eq!(twice(catalog, &ann, x).await.expect("it is there").play.rating, 0, "each has his own");

    catalog
        .change_track(&ann, x, &TrackChange::visibility(Visibility::Private))
        .await
        .expect("it becomes hers");
    assert!(twice(catalog, &ann, x).await.is_some());
    let refused = catalog.playing(&bob, x).await.expect_err("it is not his to play");
    assert_eq!(refused.kind(), ErrorKind::NotFound);
    let managing = Viewer { manages: true, ..bob.clone() };
    assert!(twice(catalog, &managing, x).await.is_some(), "who manages sees it");
    assert!(twice(catalog, &bob, x).await.is_none(), "and what he saw is not for a listener's eyes");

    let elsewhere = Viewer { libraries: LibrarySet::Only(vec![house.talks]), ..bob.clone() };
    assert!(twice(catalog, &elsewhere, y).await.is_none(), "a smaller set of libraries is another view");
    catalog.mark_missing(house.music, &[y]).await.expect("a mark");
    assert!(twice(catalog, &bob, y).await.is_none(), "a missing file is not played");
    catalog.mark_present(house.music, &[y]).await.expect("a mark");
    assert!(twice(catalog, &bob, y).await.is_some());
    catalog.set_libraries(&["/media/talks".to_owned()]).await.expect("libraries are set");
    assert!(twice(catalog, &bob, y).await.is_none(), "a library that is hidden takes its tracks along");
    assert!(catalog.changed().await.expect("a moment") > before);
}
