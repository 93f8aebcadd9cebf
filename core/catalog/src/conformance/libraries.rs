//! Libraries come and go with the configuration.

use std::sync::Arc;

use super::house::{House, file};
use crate::access::Viewer;
use crate::database::Catalog;
use crate::error::ErrorKind;
use crate::model::{Item, LibraryRow, Role, UPLOADS};

fn roots(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| format!("/media/{name}")).collect()
}

/// The library of uploads, which is always there and comes last, and those before it.
async fn shown(catalog: &Arc<dyn Catalog>, viewer: &Viewer) -> (LibraryRow, Vec<LibraryRow>) {
    let mut rows = catalog.libraries(viewer).await.expect("a list");
    (rows.pop().expect("the library of uploads"), rows)
}

pub(super) async fn roots_keep_their_ids(catalog: Arc<dyn Catalog>) {
    let admin = catalog.add_user("admin", Role::Admin, "hash").await.expect("an admin");
    let viewer = Viewer::of(&admin);
    let first = catalog.set_libraries(&roots(&["a", "b"])).await.expect("libraries");
    assert_eq!(first.iter().map(|row| row.name.as_str()).collect::<Vec<_>>(), ["a", "b"]);
    let (last, folders) = shown(&catalog, &viewer).await;
    assert_eq!(folders, first);
    assert_eq!((last.id, last.name.as_str(), last.root.as_str(), last.tracks), (UPLOADS, "Uploads", "", 0));
    let second = catalog.set_libraries(&roots(&["c", "b"])).await.expect("libraries");
    assert_eq!(second.iter().map(|row| row.root.as_str()).collect::<Vec<_>>(), ["/media/c", "/media/b"]);
    assert_eq!(second[1].id, first[1].id);
    let third = catalog.set_libraries(&roots(&["a"])).await.expect("libraries");
    assert_eq!(third[0].id, first[0].id, "a root that comes back is the library it was");
    assert_eq!(catalog.set_libraries(&[]).await.expect("libraries"), []);
    assert_eq!(shown(&catalog, &viewer).await, (last, Vec::new()));
    let refused = catalog.set_libraries(&[String::new()]).await.expect_err("no folder is called so");
    assert_eq!(refused.kind(), ErrorKind::Invalid);
}

pub(super) async fn hidden_libraries_take_their_tracks_with_them(catalog: Arc<dyn Catalog>) {
    let house = House::with(catalog, &[file("A", "One", 1, "song")]).await;
    let (catalog, ann) = (&house.catalog, house.ann());
    let track = house.track("song").await;
    catalog.star(&ann, &[Item::Track(track.id)], Some(5)).await.expect("a star");
    let before = catalog.changed().await.expect("a moment");
    catalog.set_libraries(&roots(&["talks"])).await.expect("libraries");
    assert!(catalog.changed().await.expect("a moment") > before);
    assert_eq!(catalog.track(&ann, track.id).await.expect_err("hidden").kind(), ErrorKind::NotFound);
    assert_eq!(catalog.album(&ann, track.album_id).await.expect_err("hidden").kind(), ErrorKind::NotFound);
    assert_eq!(catalog.starred_tracks(&ann, None, 0, 10).await.expect("a list"), []);
    catalog.set_libraries(&roots(&["talks", "music"])).await.expect("libraries");
    assert_eq!(catalog.track(&ann, track.id).await.expect("back again").play.starred, Some(5));
    assert_eq!(
        catalog.libraries(&ann).await.expect("a list").iter().map(|row| row.tracks).collect::<Vec<_>>(),
        [0, 1, 0]
    );
}
