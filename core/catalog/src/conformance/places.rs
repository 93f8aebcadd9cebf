//! Long lists by offset: the same rows wherever a page begins, and one piece though rows come and go meanwhile.

use std::sync::Arc;

use budget::limits::{LIST_APPS_MAX, LIST_PAGES_MAX};

use super::house::{House, file, names, titles};
use crate::access::Viewer;
use crate::database::Catalog;
use crate::model::{AlbumOrder, Track, TrackChange, Visibility};
use crate::scan::Found;

/// So many that places of steps are needed, two tracks an album and two albums an artist; every ninth has no year.
const TRACKS: u32 = 4_600;

fn many() -> Vec<Found> {
    let one = |n: u32| {
        let mut found = file(
            &format!("Artist {:04}", n / 4),
            &format!("Album {:04}", n / 2),
            n % 2 + 1,
            &format!("love {n:04}"),
        );
        found.tags.year = (!(n / 2).is_multiple_of(9)).then_some(1950 + n / 2 % 60);
        found
    };
    (0..TRACKS).map(one).collect()
}

/// The orders that are as long as the library.
fn orders() -> [AlbumOrder; 6] {
    let rock = AlbumOrder::ByGenre("rock".to_owned());
    let (forth, back) = (AlbumOrder::ByYear(1950, 2010), AlbumOrder::ByYear(2010, 1950));
    [AlbumOrder::Newest, AlbumOrder::ByName, AlbumOrder::ByArtist, forth, back, rock]
}

pub(super) async fn a_page_is_the_same_wherever_it_is_asked_for(catalog: Arc<dyn Catalog>) {
    let house = House::new(catalog).await;
    for batch in many().chunks(500) {
        house.record(batch).await;
    }
    let (catalog, ann) = (&house.catalog, house.ann());
    for query in ["", "love", "lo"] {
        let mut all = Vec::new();
        for offset in (0..u64::from(TRACKS)).step_by(500) {
            all.extend(catalog.search_tracks(&ann, query, None, offset, 500).await.expect("a page"));
        }
        assert_eq!(all.len(), TRACKS as usize, "{query:?}");
        // Other eyes have read nothing before, so that these begin at steps.
        let bob = house.bob();
        for offset in [4_321, 1_000, 999, 2_500, 7, 4_599, 4_600, 9_000] {
            let page = catalog.search_tracks(&bob, query, None, offset as u64, 3).await.expect("a page");
            let expected = all.get(offset..).unwrap_or_default();
            assert_eq!(titles(&page), titles(&expected[..expected.len().min(3)]), "{query:?} from {offset}");
        }
    }
    for order in orders() {
        let mut all = Vec::new();
        for offset in (0..u64::from(TRACKS / 2)).step_by(500) {
            all.extend(catalog.albums(&ann, &order, None, offset, 500).await.expect("a page"));
        }
        let mut unique: Vec<_> = all.iter().map(|album| album.id).collect();
        unique.sort_unstable();
        unique.dedup();
        assert_eq!(unique.len(), all.len(), "{order:?} has no album twice");
        let bob = house.bob();
        for offset in [2_001, 1_000, 17, 1_999, 2_299, 2_300] {
            let page = catalog.albums(&bob, &order, None, offset as u64, 3).await.expect("a page");
            let expected = all.get(offset..).unwrap_or_default();
            assert_eq!(names(&page), names(&expected[..expected.len().min(3)]), "{order:?} from {offset}");
        }
    }
}

/// Reads the rest of all tracks in pages, from an offset on.
async fn rest(house: &House, viewer: &Viewer, from: u64) -> Vec<Track> {
    let mut all = Vec::new();
    loop {
        let page =
            house.catalog.search_tracks(viewer, "", None, from + all.len() as u64, 7).await.expect("a page");
        if page.is_empty() {
            return all;
        }
        all.extend(page);
    }
}

pub(super) async fn what_changes_between_two_pages_moves_nobody_else(catalog: Arc<dyn Catalog>) {
    let files: Vec<Found> =
        (0..40).map(|n| file("A", &format!("Album {n:02}"), 1, &format!("song {n:02}"))).collect();
    let house = House::with(catalog, &files).await;
    let (catalog, ann) = (&house.catalog, house.ann());
    let first = catalog.search_tracks(&ann, "", None, 0, 10).await.expect("a page");
    let albums = catalog.albums(&ann, &AlbumOrder::ByName, None, 0, 10).await.expect("a page");
    // Three of the first page go, and of the albums before the page's end one comes.
    let gone: Vec<_> = first[2..5].iter().map(|track| track.id).collect();
    catalog.mark_missing(house.music, &gone).await.expect("tracks go");
    house.record(&[file("A", "Album 00 and a half", 1, "a new song")]).await;
    let behind = rest(&house, &ann, 10).await;
    let expected: Vec<String> = (10..40).map(|n| format!("song {n:02}")).collect();
    assert_eq!(titles(&behind)[..30], expected, "none twice and none passed over");
    assert_eq!(titles(&behind)[30..], ["a new song"], "what is new has the last number");
    let behind = catalog.albums(&ann, &AlbumOrder::ByName, None, 10, 5).await.expect("a page");
    assert_eq!((names(&albums)[9], names(&behind)[0]), ("Album 09", "Album 10"));
    // A page that nobody took to its end is gone on with in its middle, as an answer does whose text is full.
    catalog.search_tracks(&ann, "", None, 0, 10).await.expect("a page");
    let second = catalog.search_tracks(&ann, "", None, 4, 2).await.expect("a page");
    assert_eq!(titles(&second), ["song 07", "song 08"]);
    let rock = async |viewer: &Viewer, from| {
        house.catalog.genre_tracks(viewer, "rock", None, from, 5).await.expect("a page")
    };
    assert_eq!(titles(&rock(&ann, 0).await)[4], "song 07");
    catalog.mark_missing(house.music, &[first[0].id, first[1].id]).await.expect("tracks go");
    assert_eq!(titles(&rock(&ann, 5).await)[0], "song 08", "none of a genre is passed over");
    // What the viewer may no longer see is not there behind a remembered place either.
    let hidden = house.track("song 20").await.id;
    let change = TrackChange::visibility(Visibility::Private);
    catalog.change_track(&Viewer::managing(&house.admin), hidden, &change).await.expect("a track is hidden");
    let behind = rest(&house, &ann, 10).await;
    assert!(!titles(&behind).contains(&"song 20"), "{:?}", titles(&behind));
}

pub(super) async fn apps_of_one_user_have_each_a_place(catalog: Arc<dyn Catalog>) {
    let files: Vec<Found> =
        (0..60).map(|n| file("A", &format!("Album {n:02}"), 1, &format!("song {n:02}"))).collect();
    let house = House::with(catalog, &files).await;
    let app = |name: &str| house.ann().by_app(name);
    let page = async |viewer: &Viewer, from: u64| {
        house.catalog.search_tracks(viewer, "", None, from, 10).await.expect("a page")
    };
    let apps = ["phone", "car", "desk"].map(app);
    let first = page(&apps[0], 0).await;
    // The others read more pages of that list than one app may have remembered, one of them as the library is afterwards.
    page(&apps[1], 0).await;
    for n in 0..LIST_PAGES_MAX as u64 {
        page(&apps[1], 20 + 10 * n).await;
    }
    house.catalog.mark_missing(house.music, &[first[2].id, first[3].id]).await.expect("tracks go");
    page(&apps[2], 0).await;
    let [phone, car, desk] = apps.each_ref().map(|app| page(app, 10));
    assert_eq!(titles(&phone.await)[0], "song 10", "none is passed over");
    assert_eq!(titles(&car.await)[0], "song 12", "its page from the start is forgotten");
    assert_eq!(titles(&desk.await)[0], "song 12", "it goes on behind what it saw");
    // More apps than are told apart: the one that has read nothing for the longest time loses its place.
    for n in 0..LIST_APPS_MAX - 1 {
        page(&app(&format!("app {n}")), 30).await;
    }
    house.catalog.mark_missing(house.music, &[first[4].id]).await.expect("a track goes");
    assert_eq!(titles(&page(&apps[2], 20).await)[0], "song 22", "it read last, and goes on");
    assert_eq!(titles(&page(&apps[0], 20).await)[0], "song 23", "counted anew");
}
