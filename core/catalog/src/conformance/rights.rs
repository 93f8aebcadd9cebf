//! P-08: a viewer sees what is his to see, and nothing tells of the rest.

use std::sync::Arc;

use super::house::{House, file, titles};
use crate::access::Viewer;
use crate::database::Catalog;
use crate::error::ErrorKind;
use crate::model::{AlbumOrder, Item, LibrarySet, RandomFilter, Track, TrackChange, UserChange, Visibility};

/// Everything that any list, search or lookup gives a viewer, as the titles and names in it.
async fn everything(house: &House, viewer: &Viewer, hidden: &Track) -> Vec<String> {
    let catalog = &house.catalog;
    let mut seen = Vec::new();
    let mut tracks = house.tracks(viewer).await;
    tracks.extend(catalog.album_tracks(viewer, hidden.album_id, 0, 500).await.expect("tracks"));
    let genre = RandomFilter { genre: Some("Secret".to_owned()), ..RandomFilter::default() };
    for filter in [RandomFilter::default(), genre] {
        let ids = catalog.random_tracks(viewer, &filter, 500).await.expect("ids");
        let drawn = catalog.these_tracks(viewer, &ids).await.expect("tracks");
        assert_eq!(drawn.len(), ids.len(), "what is drawn is seen");
        tracks.extend(drawn);
    }
    tracks.extend(catalog.these_tracks(viewer, &[hidden.id]).await.expect("tracks"));
    let mut albums = catalog.random_albums(viewer, None, 500).await.expect("ids");
    albums.push(hidden.album_id);
    let albums = catalog.these_albums(viewer, &albums).await.expect("albums");
    seen.extend(albums.into_iter().map(|album| album.name));
    tracks.extend(catalog.starred_tracks(viewer, None, 0, 500).await.expect("tracks"));
    for query in ["", "hidden", "secret"] {
        tracks.extend(catalog.search_tracks(viewer, query, None, 0, 500).await.expect("tracks"));
        let albums = catalog.search_albums(viewer, query, None, 0, 500).await.expect("albums");
        seen.extend(albums.into_iter().map(|album| album.name));
        let artists = catalog.search_artists(viewer, query, None, 0, 500).await.expect("artists");
        seen.extend(artists.into_iter().map(|artist| artist.name));
    }
    seen.extend(tracks.into_iter().flat_map(|track| [track.title, track.album, track.artist]));
    let orders = [
        AlbumOrder::Newest,
        AlbumOrder::Highest,
        AlbumOrder::Frequent,
        AlbumOrder::Recent,
        AlbumOrder::ByName,
        AlbumOrder::ByArtist,
        AlbumOrder::Starred,
        AlbumOrder::ByYear(0, 9999),
        AlbumOrder::ByYear(9999, 0),
        AlbumOrder::ByGenre("Secret".to_owned()),
    ];
    for order in orders {
        let albums = catalog.albums(viewer, &order, None, 0, 500).await.expect("albums");
        seen.extend(albums.into_iter().map(|album| album.name));
    }
    let albums = catalog.artist_albums(viewer, hidden.artist_id, 0, 500).await.expect("albums");
    seen.extend(albums.into_iter().map(|album| album.name));
    let artists = catalog.artists(viewer, None, None, 500).await.expect("artists").rows;
    seen.extend(artists.into_iter().map(|artist| artist.name));
    let artists = catalog.starred_artists(viewer, None, 0, 500).await.expect("artists");
    seen.extend(artists.into_iter().map(|artist| artist.name));
    let genres = catalog.genres(viewer, 0, 500).await.expect("genres");
    seen.extend(genres.into_iter().map(|genre| genre.name));
    // Some of the lists are random.
    seen.sort();
    seen
}

/// Whether every way to ask for one thing says that it is not there.
async fn cannot_be_named(house: &House, viewer: &Viewer, hidden: &Track) {
    let catalog = &house.catalog;
    let kinds = [
        catalog.track(viewer, hidden.id).await.map(drop),
        catalog.album(viewer, hidden.album_id).await.map(drop),
        catalog.artist(viewer, hidden.artist_id).await.map(drop),
        catalog.cover(viewer, Item::Track(hidden.id)).await.map(drop),
        catalog.cover(viewer, Item::Album(hidden.album_id)).await.map(drop),
        catalog.cover(viewer, Item::Artist(hidden.artist_id)).await.map(drop),
    ];
    for (n, answer) in kinds.into_iter().enumerate() {
        assert_eq!(answer.expect_err("it is hidden").kind(), ErrorKind::NotFound, "lookup {n}");
    }
}

async fn house_with_a_secret(catalog: Arc<dyn Catalog>) -> (House, Track) {
    let mut secret = file("Secret Artist", "Secret Album", 1, "hidden");
    secret.tags.genres = vec!["Secret".to_owned()];
    let house = House::with(catalog, &[secret, file("A", "Open", 1, "open")]).await;
    let hidden = house.track("hidden").await;
    // Bob did everything with it while he could.
    let (catalog, bob) = (&house.catalog, house.bob());
    for item in [Item::Track(hidden.id), Item::Album(hidden.album_id), Item::Artist(hidden.artist_id)] {
        catalog.star(&bob, &[item], Some(1)).await.expect("a star");
        catalog.rate(&bob, item, 5).await.expect("a rating");
    }
    catalog.play(&bob, &[(hidden.id, 1)]).await.expect("a play");
    (house, hidden)
}

fn is_secret(text: &String) -> bool {
    text == "hidden" || text.starts_with("Secret")
}

pub(super) async fn p08_private_tracks_do_not_exist_for_others(catalog: Arc<dyn Catalog>) {
    let (house, hidden) = house_with_a_secret(catalog).await;
    let bob = house.bob();
    let before = everything(&house, &bob, &hidden).await;
    assert!(before.iter().filter(|text| is_secret(text)).count() > 20, "the lists show what is public");
    let changed = house.hide_for_ann("hidden").await;
    assert_eq!((changed.visibility, changed.owner), (Visibility::Private, Some(house.ann.id)));
    for viewer in [bob, Viewer::of(&house.admin)] {
        let seen = everything(&house, &viewer, &hidden).await;
        assert_eq!(seen.iter().filter(|text| is_secret(text)).collect::<Vec<_>>(), Vec::<&String>::new());
        assert!(seen.iter().any(|text| text == "open"));
        cannot_be_named(&house, &viewer, &hidden).await;
        let libraries = house.catalog.libraries(&viewer).await.expect("libraries");
        assert_eq!(libraries.iter().map(|row| row.tracks).sum::<u64>(), 1);
    }
    let ann = house.ann();
    let seen = everything(&house, &ann, &hidden).await;
    assert!(seen.iter().filter(|text| is_secret(text)).count() > 10, "its owner sees it in lists");
    let album = house.catalog.album(&ann, hidden.album_id).await.expect("the album");
    assert_eq!((album.tracks, album.year, &*album.genres[0]), (1, Some(1990), "Secret"));
    assert_eq!(house.catalog.libraries(&ann).await.expect("libraries")[0].tracks, 2);
    house.catalog.cover(&ann, Item::Album(hidden.album_id)).await.expect("her cover");
    let managing = Viewer::managing(&house.admin);
    assert_eq!(house.catalog.track(&managing, hidden.id).await.expect("an admin manages it").title, "hidden");
    let public =
        house.catalog.change_track(&managing, hidden.id, &TrackChange::visibility(Visibility::Library)).await;
    assert_eq!(public.expect("a change").owner, Some(house.ann.id), "it stays hers");
    assert_eq!(everything(&house, &house.bob(), &hidden).await, before);
}

pub(super) async fn p08_a_set_of_libraries_hides_the_rest(catalog: Arc<dyn Catalog>) {
    let (house, hidden) = house_with_a_secret(catalog).await;
    house.catalog.record(house.talks, &[file("B", "Talks", 1, "talk")]).await.expect("files are recorded");
    for set in [vec![house.talks], Vec::new()] {
        let sees_talks = !set.is_empty();
        let only = UserChange::libraries(LibrarySet::Only(set));
        let bob = house.catalog.change_user(house.bob.id, &only).await.expect("a change");
        let viewer = Viewer::of(&bob);
        let seen = everything(&house, &viewer, &hidden).await;
        assert_eq!(seen.iter().filter(|text| is_secret(text) || *text == "open").count(), 0);
        assert_eq!(seen.iter().any(|text| text == "talk"), sees_talks);
        cannot_be_named(&house, &viewer, &hidden).await;
        let albums = house
            .catalog
            .albums(&viewer, &AlbumOrder::ByName, Some(house.music), 0, 500)
            .await
            .expect("albums");
        assert_eq!(albums, [], "asking for a library does not open it");
        let libraries = house.catalog.libraries(&viewer).await.expect("libraries");
        assert_eq!(libraries.len(), usize::from(sees_talks));
    }
}

pub(super) async fn p08_a_mixed_album_has_totals_for_each_viewer(catalog: Arc<dyn Catalog>) {
    let mut files = [file("A", "Mixed", 1, "public"), file("A", "Mixed", 2, "private")];
    files[1].tags.year = Some(2020);
    files[1].tags.genres = vec!["Demo".to_owned(), "Rock".to_owned()];
    let house = House::with(catalog, &files).await;
    house
        .catalog
        .record(house.talks, &[file("A", "Mixed", 3, "elsewhere")])
        .await
        .expect("files are recorded");
    house.hide_for_ann("private").await;
    let only = LibrarySet::Only(vec![house.music]);
    let narrow = Viewer { libraries: only, ..house.bob() };
    let check = async |viewer: &Viewer, tracks: u64, year: u32, expected: &[&str]| {
        let album = house.album(viewer, "Mixed").await.expect("the album");
        assert_eq!(
            (album.tracks, album.duration_ms, album.year),
            (tracks, tracks * 180_000, Some(year)),
            "{viewer:?}"
        );
        let listed = house.catalog.album_tracks(viewer, album.id, 0, 500).await.expect("tracks");
        assert_eq!(titles(&listed), expected);
        let genres = house.catalog.genres(viewer, 0, 500).await.expect("genres");
        let rock = genres.iter().find(|genre| genre.name == "Rock").expect("there is rock");
        assert_eq!((rock.tracks, rock.albums), (tracks, 1));
    };
    check(&house.bob(), 2, 1990, &["public", "elsewhere"]).await;
    check(&narrow, 1, 1990, &["public"]).await;
    check(&house.ann(), 3, 1990, &["public", "private", "elsewhere"]).await;
}

pub(super) async fn p08_nothing_unseen_can_be_changed(catalog: Arc<dyn Catalog>) {
    let (house, _) = house_with_a_secret(catalog).await;
    let hidden = house.hide_for_ann("hidden").await;
    let (catalog, bob) = (&house.catalog, house.bob());
    for item in [Item::Track(hidden.id), Item::Album(hidden.album_id), Item::Artist(hidden.artist_id)] {
        let star = catalog.star(&bob, &[item], Some(9)).await.expect_err("it is hidden");
        let rate = catalog.rate(&bob, item, 1).await.expect_err("it is hidden");
        assert_eq!((star.kind(), rate.kind()), (ErrorKind::NotFound, ErrorKind::NotFound), "{item:?}");
    }
    assert_eq!(
        catalog.play(&bob, &[(hidden.id, 9)]).await.expect_err("it is hidden").kind(),
        ErrorKind::NotFound
    );
    let change = catalog
        .change_track(&bob, hidden.id, &TrackChange::title("mine now"))
        .await
        .expect_err("it is hidden");
    assert_eq!(change.kind(), ErrorKind::NotFound);
    assert_eq!(house.track("hidden").await.owner, Some(house.ann.id));
}
