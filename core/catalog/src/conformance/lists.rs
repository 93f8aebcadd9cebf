//! Lists: their orders, and pages that fit together.

use std::sync::Arc;

use budget::limits::{
    LISTING_ROW_BYTES_MAX, LISTING_ROWS_BYTES_MAX, TAG_GENRE_CHARS_MAX, TAG_TEXT_CHARS_MAX,
};
use store::{Part, Place, RelPath};

use super::house::{House, artist_names, file, names, path, titles};
use crate::database::Catalog;
use crate::error::ErrorKind;
use crate::model::{AlbumId, AlbumOrder, ArtistId, Cover, Item, PlayState, TrackId};
use crate::weight::{Weight, is_cut};

pub(super) async fn tracks_come_in_pages_that_fit_together(catalog: Arc<dyn Catalog>) {
    let files: Vec<_> = (1..=25).map(|n| file("A", "One", n, &format!("song {n:02}"))).collect();
    let house = House::with(catalog, &files).await;
    let (catalog, ann) = (&house.catalog, house.ann());
    let (mut seen, mut after) = (Vec::new(), None);
    loop {
        let page = catalog.tracks(&ann, after, 10).await.expect("a page");
        assert!(page.rows.len() <= 10);
        seen.extend(page.rows.into_iter().map(|track| track.title));
        // A track that comes while somebody reads does not move the pages.
        let late = file("B", "Late", 1, &format!("late {}", seen.len()));
        house.record(&[late]).await;
        match page.next {
            Some(next) => after = Some(next),
            None => break,
        }
    }
    let expected: Vec<String> = (1..=25).map(|n| format!("song {n:02}")).collect();
    assert_eq!(seen[..25], expected);
    let all = catalog.tracks(&ann, None, usize::MAX).await.expect("a page");
    assert!(all.rows.len() <= 500, "no page is longer, whatever is asked for");
    assert_eq!(catalog.tracks(&ann, None, 0).await.expect("a page").rows, []);
    let track = &all.rows[0];
    assert_eq!((track.folder, track.path.as_str()), (house.music, "A/One/01 song 01.flac"));
    assert_eq!((track.album.as_str(), track.artist.as_str(), track.album_artist.as_str()), ("One", "A", "A"));
    assert_eq!((track.duration_ms, track.size_bytes, track.year), (180_000, 1_000, Some(1990)));
    assert_eq!((track.content_type, track.suffix.as_str(), track.has_cover), ("audio/flac", "flac", true));
    assert_eq!((track.genres.as_slice(), track.play), (&["Rock".to_owned()][..], PlayState::default()));
    assert_eq!(catalog.track(&ann, track.id).await.expect("one track"), *track);
}

pub(super) async fn albums_come_in_every_order(catalog: Arc<dyn Catalog>) {
    let mut files = [
        file("The Beatles", "Abbey Road", 1, "x"),
        file("Aretha", "Spirit", 1, "x"),
        file("The Beatles", "Help!", 1, "x"),
        file("Édith", "The Wall", 1, "x"),
    ];
    for (file, year) in files.iter_mut().zip([1969, 1972, 1965, 1979]) {
        file.tags.year = Some(year);
    }
    files[1].tags.genres = vec!["Soul".to_owned(), "Rock".to_owned()];
    let house = House::new(catalog).await;
    for file in files {
        house.record(&[file]).await;
    }
    let (catalog, ann) = (&house.catalog, house.ann());
    for (n, name) in [(1, "Help!"), (2, "Spirit")] {
        let id = house.album(&ann, name).await.expect("the album").id;
        catalog.star(&ann, &[Item::Album(id)], Some(n)).await.expect("a star");
        catalog.rate(&ann, Item::Album(id), 5 - u8::try_from(n).expect("small")).await.expect("a rating");
    }
    let check = async |order: AlbumOrder, expected: &[&str]| {
        let all = catalog.albums(&ann, &order, None, 0, 500).await.expect("albums");
        assert_eq!(names(&all), expected, "{order:?}");
        for (at, album) in (0..).zip(&all) {
            let page = catalog.albums(&ann, &order, None, at, 1).await.expect("a page");
            assert_eq!(page, std::slice::from_ref(album), "{order:?}, page {at}");
        }
    };
    check(AlbumOrder::ByName, &["Abbey Road", "Help!", "Spirit", "The Wall"]).await;
    check(AlbumOrder::ByArtist, &["Spirit", "Help!", "Abbey Road", "The Wall"]).await;
    check(AlbumOrder::Newest, &["The Wall", "Help!", "Spirit", "Abbey Road"]).await;
    check(AlbumOrder::ByYear(1960, 1972), &["Help!", "Abbey Road", "Spirit"]).await;
    check(AlbumOrder::ByYear(1972, 1960), &["Spirit", "Abbey Road", "Help!"]).await;
    check(AlbumOrder::ByGenre("rock".to_owned()), &["Abbey Road", "Help!", "Spirit", "The Wall"]).await;
    check(AlbumOrder::ByGenre("SOUL".to_owned()), &["Spirit"]).await;
    check(AlbumOrder::ByGenre("Polka".to_owned()), &[]).await;
    check(AlbumOrder::Starred, &["Spirit", "Help!"]).await;
    check(AlbumOrder::Highest, &["Help!", "Spirit"]).await;
    check(AlbumOrder::Frequent, &[]).await;
    let talks = catalog.albums(&ann, &AlbumOrder::ByName, Some(house.talks), 0, 500).await.expect("albums");
    assert_eq!(talks, [], "the other library has none");
}

pub(super) async fn artists_come_by_their_sort_names(catalog: Arc<dyn Catalog>) {
    let mut guest = file("Zappa", "Hot Rats", 1, "duet");
    guest.tags.artist = "Captain Beefheart".to_owned();
    let files = [
        file("Édith Piaf", "One", 1, "x"),
        file("Eels", "Two", 1, "x"),
        guest,
        file("The Beatles", "Help!", 1, "x"),
        file("the beatles", "HELP!", 2, "y"),
        file("The Beatles", "Let It Be", 1, "z"),
    ];
    let house = House::with(catalog, &files).await;
    let (catalog, ann) = (&house.catalog, house.ann());
    let all = catalog.artists(&ann, None, None, 500).await.expect("artists").rows;
    assert_eq!(
        artist_names(&all),
        ["The Beatles", "Édith Piaf", "Eels", "Zappa"],
        "guests are no album artists"
    );
    assert_eq!(all.iter().map(|artist| artist.albums).collect::<Vec<_>>(), [2, 1, 1, 1]);
    let (mut paged, mut after) = (Vec::new(), None);
    loop {
        let page = catalog.artists(&ann, None, after, 1).await.expect("a page");
        paged.extend(page.rows);
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(paged, all);
    assert_eq!(catalog.artists(&ann, Some(house.talks), None, 500).await.expect("artists").rows, []);
    let guest = house.track("duet").await.artist_id;
    let found = catalog.artist(&ann, guest).await.expect("a guest is an artist too");
    assert_eq!((found.name.as_str(), found.albums), ("Captain Beefheart", 1));
    assert_eq!(names(&catalog.artist_albums(&ann, guest, 0, 10).await.expect("albums")), ["Hot Rats"]);
    assert_eq!(
        names(&catalog.artist_albums(&ann, all[0].id, 0, 10).await.expect("albums")),
        ["Help!", "Let It Be"]
    );
    assert_eq!(names(&catalog.artist_albums(&ann, all[0].id, 1, 10).await.expect("albums")), ["Let It Be"]);
    let nobody = catalog.artist(&ann, ArtistId(999)).await.expect_err("nobody");
    assert_eq!(nobody.kind(), ErrorKind::NotFound);
    catalog.star(&ann, &[Item::Artist(guest)], Some(1)).await.expect("a star");
    catalog.star(&ann, &[Item::Artist(all[1].id)], Some(2)).await.expect("a star");
    let starred = catalog.starred_artists(&ann, None, 0, 10).await.expect("artists");
    assert_eq!(artist_names(&starred), ["Édith Piaf", "Captain Beefheart"]);
    assert_eq!(starred[0].play.starred, Some(2));
}

pub(super) async fn genres_count_what_is_seen(catalog: Arc<dyn Catalog>) {
    let mut files = [file("A", "One", 1, "x"), file("A", "One", 2, "y"), file("B", "Two", 1, "z")];
    files[0].tags.genres = vec!["Jazz".to_owned(), "rock".to_owned()];
    files[2].tags.genres = vec!["ROCK".to_owned()];
    let house = House::with(catalog, &files).await;
    let (catalog, ann) = (&house.catalog, house.ann());
    let genres = catalog.genres(&ann, 0, 10).await.expect("genres");
    let plain: Vec<_> =
        genres.iter().map(|genre| (genre.name.as_str(), genre.tracks, genre.albums)).collect();
    assert_eq!(plain, [("Jazz", 1, 1), ("rock", 3, 2)]);
    assert_eq!(catalog.genres(&ann, 1, 10).await.expect("genres"), genres[1..]);
    house.record(&[file("A", "One", 1, "x")]).await;
    let names: Vec<_> =
        catalog.genres(&ann, 0, 10).await.expect("genres").into_iter().map(|genre| genre.name).collect();
    assert_eq!(names, ["rock"], "a genre without tracks is gone");
}

pub(super) async fn an_album_is_played_in_its_order(catalog: Arc<dyn Catalog>) {
    let mut files = [
        file("A", "One", 1, "second disc"),
        file("A", "One", 10, "ten"),
        file("A", "One", 2, "two"),
        file("A", "One", 3, "without a number"),
    ];
    files[0].tags.disc = Some(2);
    files[1].tags.disc = Some(1);
    files[3].tags.track = None;
    let house = House::with(catalog, &files).await;
    let (catalog, ann) = (&house.catalog, house.ann());
    let id = house.track("ten").await.album_id;
    let tracks = catalog.album_tracks(&ann, id, 0, 500).await.expect("tracks");
    assert_eq!(titles(&tracks), ["two", "ten", "without a number", "second disc"]);
    assert_eq!(
        titles(&catalog.album_tracks(&ann, id, 1, 2).await.expect("tracks")),
        ["ten", "without a number"]
    );
    let album = catalog.album(&ann, id).await.expect("the album");
    assert_eq!((album.tracks, album.duration_ms, album.year), (4, 720_000, Some(1990)));
    assert_eq!((album.artist.as_str(), &*album.genres[0], album.has_cover), ("A", "Rock", true));
    assert_eq!(catalog.album_tracks(&ann, AlbumId(999), 0, 500).await.expect("tracks"), []);
}

pub(super) async fn covers_are_found_for_everything(catalog: Arc<dyn Catalog>) {
    let mut files = [file("A", "One", 1, "bare"), file("A", "One", 2, "with"), file("B", "Two", 1, "lonely")];
    files[0].tags.cover = None;
    files[2].tags.cover = None;
    let house = House::with(catalog, &files).await;
    let (catalog, ann) = (&house.catalog, house.ann());
    let (bare, with, lonely) =
        (house.track("bare").await, house.track("with").await, house.track("lonely").await);
    let expected = Cover {
        place: Place::File(house.music, path("A/One/02 with.flac")),
        offset: 100,
        count: Some(50),
        content_type: "image/jpeg",
    };
    // A song without a picture of its own shows that of its album.
    let fine = [
        Item::Track(with.id),
        Item::Track(bare.id),
        Item::Album(with.album_id),
        Item::Artist(with.artist_id),
    ];
    for item in fine {
        assert_eq!(catalog.cover(&ann, item).await.expect("a cover"), expected, "{item:?}");
    }
    for item in [
        Item::Track(lonely.id),
        Item::Album(lonely.album_id),
        Item::Artist(lonely.artist_id),
        Item::Track(TrackId(999)),
    ] {
        assert_eq!(
            catalog.cover(&ann, item).await.expect_err("none").kind(),
            ErrorKind::NotFound,
            "{item:?}"
        );
    }
    assert_eq!((bare.has_cover, with.has_cover, lonely.has_cover), (true, true, false));
    assert!(!catalog.album(&ann, lonely.album_id).await.expect("the album").has_cover);

    // What somebody keeps for himself is no picture of his album for others.
    house.hide_for_ann("with").await;
    let bob = house.bob();
    assert_eq!(catalog.cover(&ann, Item::Track(bare.id)).await.expect("her own"), expected);
    let none = catalog.cover(&bob, Item::Track(bare.id)).await.expect_err("nothing that he sees");
    assert_eq!(none.kind(), ErrorKind::NotFound);
    for (viewer, has_cover) in [(&ann, true), (&bob, false)] {
        assert_eq!(catalog.track(viewer, bare.id).await.expect("a song").has_cover, has_cover);
    }
    // Nor is a song that he does not see a way to the picture of its album.
    let hidden = house.hide_for_ann("bare").await;
    house.record(&[file("A", "One", 3, "open")]).await;
    catalog.cover(&bob, Item::Album(hidden.album_id)).await.expect("the cover of what he sees");
    assert!(catalog.cover(&bob, Item::Track(hidden.id)).await.is_err());
}

pub(super) async fn p04_a_page_holds_no_more_than_its_permit(catalog: Arc<dyn Catalog>) {
    let house = House::new(catalog).await;
    let long = |n: u32| {
        let mut found = file("A", "One", n, &format!("{n:03}"));
        let folder = "f".repeat(200);
        let path = format!("{0}/{0}/{0}/{0}/{n:03}.flac", folder);
        found.path = RelPath::parse(&path).expect("a path");
        found.tags.cover = None;
        found.tags.title = format!("{n:03}{}", "𝄞".repeat(TAG_TEXT_CHARS_MAX - 3));
        found.tags.artist = "𝄞".repeat(TAG_TEXT_CHARS_MAX);
        found.tags.genres = (0..8).map(|g| format!("{g}{}", "𝄞".repeat(TAG_GENRE_CHARS_MAX - 1))).collect();
        found
    };
    let files: Vec<_> = (1..=450).map(long).collect();
    house.record(&files).await;
    let (catalog, ann) = (&house.catalog, house.ann());
    let check = |held: usize, page: usize| {
        let most = LISTING_ROWS_BYTES_MAX + LISTING_ROW_BYTES_MAX as usize;
        assert!(page < 450 && held <= most, "{page} rows hold {held} bytes");
    };
    let mut after = None;
    let mut by_key = Vec::new();
    loop {
        let page = catalog.tracks(&ann, after, 500).await.expect("a page");
        check(page.rows.iter().map(Weight::held_bytes).sum(), page.rows.len());
        by_key.extend(page.rows.into_iter().map(|track| track.id));
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(by_key.len(), files.len());
    let album = house.track(&files[0].tags.title).await.album_id;
    let mut by_offset = Vec::new();
    loop {
        let rows = catalog.album_tracks(&ann, album, by_offset.len() as u64, 500).await.expect("a page");
        check(rows.iter().map(Weight::held_bytes).sum(), rows.len());
        let is_cut = is_cut(&rows);
        by_offset.extend(rows.into_iter().map(|track| track.id));
        if !is_cut {
            break;
        }
    }
    assert_eq!(by_offset, by_key, "no row is left out where a page was cut");
    let mut known = 0;
    let mut behind = None;
    loop {
        let rows = catalog.known(house.music, &Part::all(), behind.as_ref(), 500).await.expect("a page");
        check(rows.iter().map(Weight::held_bytes).sum(), rows.len());
        let Some(last) = rows.last() else { break };
        behind = Some(last.path.clone());
        known += rows.len();
    }
    assert_eq!(known, files.len());
}
