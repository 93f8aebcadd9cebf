//! Who took part in what, which release an album is, and what songs and albums show of it.

use std::sync::Arc;

use budget::limits::ALBUM_MOODS_MAX;

use super::house::{House, artist_names, file, names, path, titles};
use crate::access::Viewer;
use crate::database::Catalog;
use crate::error::ErrorKind;
use crate::model::{Artist, Item, Part, TrackChange};
use crate::scan::{Contribution, Found, Person};

fn people(names: &[&str]) -> Vec<Person> {
    names.iter().map(|name| Person::named(name)).collect()
}

/// A song of two, composed by a third, on an album of the first and a fourth.
fn duet() -> Found {
    let mut found = file("Simon feat. Garfunkel", "Bridge", 1, "duet");
    found.tags.album_artist = "Simon".to_owned();
    found.tags.details.artists = people(&["Simon", "Garfunkel"]);
    found.tags.details.album_artists = people(&["Simon", "Hal"]);
    let composer = Contribution { role: Part::Composer, instrument: None, name: "Bach".to_owned() };
    found.tags.details.contributors = vec![composer];
    found.tags.details.track.bpm = Some(90);
    found
}

/// The one whom a search for that name finds.
async fn found(house: &House, viewer: &Viewer, name: &str) -> Option<Artist> {
    let found = house.catalog.search_artists(viewer, name, None, 0, 10).await.expect("a search");
    assert!(found.len() <= 1, "{found:?}");
    found.into_iter().next()
}

fn parts_of(artist: &Artist) -> Vec<Part> {
    artist.parts.iter().collect()
}

pub(super) async fn everybody_who_took_part_has_the_album(catalog: Arc<dyn Catalog>) {
    let house = House::with(catalog, &[duet(), file("Else", "Other", 1, "x")]).await;
    let (catalog, ann) = (&house.catalog, house.ann());
    for (name, parts) in [
        ("Simon", &[Part::Artist, Part::AlbumArtist][..]),
        ("Garfunkel", &[Part::Artist]),
        ("Hal", &[Part::AlbumArtist]),
        ("Bach", &[Part::Composer]),
    ] {
        let artist = found(&house, &ann, name).await.expect("everybody is found");
        assert_eq!((artist.albums, &*parts_of(&artist)), (1, parts), "{name}");
        assert_eq!(catalog.artist(&ann, artist.id).await.expect("an artist"), artist);
        let albums = catalog.artist_albums(&ann, artist.id, 0, 10).await.expect("albums");
        assert_eq!(names(&albums), ["Bridge"], "{name}");
        catalog.cover(&ann, Item::Artist(artist.id)).await.expect("the cover of that album");
    }
    let listed = catalog.artists(&ann, None, None, 10).await.expect("artists").rows;
    assert_eq!(artist_names(&listed), ["Else", "Hal", "Simon"], "these have albums");
    for artist in listed {
        assert_eq!(catalog.artist(&ann, artist.id).await.expect("an artist"), artist, "wherever he is shown");
    }

    let track = house.track("duet").await;
    let details = track.details.read();
    let shown: Vec<_> = details.artists.iter().map(|credit| credit.name.as_str()).collect();
    assert_eq!((track.artist.as_str(), &shown[..]), ("Simon feat. Garfunkel", &["Simon", "Garfunkel"][..]));
    assert_eq!(details.artists[0].id, track.artist_id);
    assert_eq!((details.contributors[0].role, details.bpm), (Part::Composer, Some(90)));
    let album = house.album(&ann, "Bridge").await.expect("the album");
    assert_eq!(album.release.read().artists, details.album_artists);

    // Where a user says whose it is, nobody else is named.
    let id = catalog.track(&ann, track.id).await.expect("a track").id;
    let change = TrackChange { artist: Some("Paul".to_owned()), ..TrackChange::default() };
    catalog.change_track(&ann, id, &change).await.expect("a change");
    assert_eq!(catalog.track(&ann, id).await.expect("a track").details.read().artists, []);
    assert_eq!(found(&house, &ann, "Garfunkel").await, None);
    house.record(&[duet()]).await;
    assert_eq!(found(&house, &ann, "Garfunkel").await, None, "and a scan changes nothing about that");
    assert!(found(&house, &ann, "Bach").await.is_some());
}

pub(super) async fn p08_an_artist_has_as_many_albums_as_are_listed(catalog: Arc<dyn Catalog>) {
    // Bach leads one album, plays on another, and composed what is on all of them, some of it alone.
    let song = |artist: &str, album: &str, number, composer: &str| {
        let mut found = file(artist, album, number, &format!("{album} {number}"));
        let composer = Contribution { role: Part::Composer, instrument: None, name: composer.to_owned() };
        found.tags.details.contributors = vec![composer];
        found
    };
    let mut guest = song("Else", "Guests", 1, "Hal");
    guest.tags.details.artists = people(&["Else", "Bach"]);
    let files = [
        song("Bach", "Own", 1, "Bach"),
        song("Bach", "Own", 2, "Bach"),
        guest,
        song("Else", "Mixed", 1, "Hal"),
        song("Else", "Mixed", 2, "Bach"),
    ];
    let house = House::with(catalog, &files).await;
    let (catalog, ann, bob) = (&house.catalog, house.ann(), house.bob());
    let check = async |viewer: &Viewer, moment: &str, expected: &[(&str, u64)]| {
        for (name, albums) in expected {
            let Some(artist) = found(&house, viewer, name).await else {
                assert_eq!(*albums, 0, "{moment}: {name}");
                continue;
            };
            let listed = catalog.artist_albums(viewer, artist.id, 0, 10).await.expect("albums").len();
            assert_eq!((artist.albums, listed as u64), (*albums, *albums), "{moment}: {name}");
            let rows = catalog.artists(viewer, None, None, 10).await.expect("artists").rows;
            let in_list = rows.into_iter().find(|other| other.id == artist.id);
            assert!(in_list.is_none_or(|other| other == artist), "{moment}: {name}");
        }
    };
    check(&bob, "at first", &[("Bach", 3), ("Else", 2), ("Hal", 2)]).await;
    house.hide_for_ann("Mixed 2").await;
    check(&bob, "one is private", &[("Bach", 2), ("Else", 2), ("Hal", 2)]).await;
    check(&ann, "one is private", &[("Bach", 3), ("Else", 2), ("Hal", 2)]).await;
    house.hide_for_ann("Guests 1").await;
    check(&bob, "an album is private", &[("Bach", 1), ("Else", 1), ("Hal", 1)]).await;
    check(&ann, "an album is private", &[("Bach", 3), ("Else", 2), ("Hal", 2)]).await;
    let gone = [house.track("Mixed 1").await.id, house.track("Guests 1").await.id];
    catalog.mark_missing(house.music, &gone).await.expect("a mark");
    check(&bob, "two are gone", &[("Bach", 1), ("Else", 0), ("Hal", 0)]).await;
    check(&ann, "two are gone", &[("Bach", 2), ("Else", 1), ("Hal", 0)]).await;
}

pub(super) async fn credits_follow_their_files(catalog: Arc<dyn Catalog>) {
    let house = House::with(catalog, &[duet()]).await;
    let (catalog, ann) = (&house.catalog, house.ann());
    catalog.follow_moves(house.music).await.expect("an end");
    let track = house.track("duet").await;
    let mut moved = duet();
    moved.path = path("elsewhere.flac");
    moved.tags.details.contributors.clear();
    house.record(&[moved]).await;
    catalog.mark_missing(house.music, &[track.id]).await.expect("a mark");
    catalog.follow_moves(house.music).await.expect("an end");
    let now = catalog.track(&ann, track.id).await.expect("the same track");
    assert_eq!((now.path.as_str(), now.details.read().contributors.len()), ("elsewhere.flac", 0));
    assert!(found(&house, &ann, "Garfunkel").await.is_some());
    assert_eq!(found(&house, &ann, "Bach").await, None, "the file names him no more");
    catalog.mark_missing(house.music, &[track.id]).await.expect("a mark");
    assert_eq!(found(&house, &ann, "Garfunkel").await, None, "what is not there has no artists");
}

pub(super) async fn p08_credits_of_unseen_tracks_tell_nothing(catalog: Arc<dyn Catalog>) {
    let mut hidden = duet();
    hidden.tags.disc = Some(2);
    hidden.tags.details.disc_title = Some("Night".to_owned());
    let composer = Contribution { role: Part::Composer, instrument: None, name: "Simon".to_owned() };
    hidden.tags.details.contributors.push(composer);
    let mut open = file("Simon", "Bridge", 1, "open");
    open.tags.details.disc_title = Some("Day".to_owned());
    let house = House::with(catalog, &[hidden, open]).await;
    let (catalog, ann, bob) = (&house.catalog, house.ann(), house.bob());
    let album = house.album(&bob, "Bridge").await.expect("the album").id;
    let discs = async |viewer: &Viewer| {
        let discs = catalog.disc_titles(viewer, album).await.expect("titles");
        discs.into_iter().map(|title| (title.disc, title.title)).collect::<Vec<_>>()
    };
    assert_eq!(discs(&bob).await, [(1, "Day".to_owned()), (2, "Night".to_owned())]);
    let simon = async |viewer: &Viewer| parts_of(&found(&house, viewer, "Simon").await.expect("he is seen"));
    assert_eq!(simon(&bob).await, [Part::Artist, Part::AlbumArtist, Part::Composer]);
    let garfunkel = found(&house, &bob, "Garfunkel").await.expect("he is seen").id;
    house.hide_for_ann("duet").await;
    assert_eq!(discs(&bob).await, [(1, "Day".to_owned())]);
    assert_eq!(discs(&ann).await.len(), 2);
    assert_eq!(simon(&bob).await, [Part::Artist, Part::AlbumArtist], "of what he composed nothing is seen");
    assert_eq!(simon(&ann).await.len(), 3);
    for name in ["Garfunkel", "Hal", "Bach"] {
        assert_eq!(found(&house, &bob, name).await, None, "{name}");
        assert!(found(&house, &ann, name).await.is_some(), "{name}");
    }
    let refused = catalog.artist(&bob, garfunkel).await.expect_err("he does not exist");
    assert_eq!(refused.kind(), ErrorKind::NotFound);
    assert_eq!(catalog.artist_albums(&bob, garfunkel, 0, 10).await.expect("albums"), []);
    assert!(catalog.cover(&bob, Item::Artist(garfunkel)).await.is_err());
    let seen = house.album(&bob, "Bridge").await.expect("the album");
    assert_eq!(seen.release.read().artists, [], "the hidden track's album artists are not told");
}

pub(super) async fn p08_the_moods_of_an_album_are_those_of_the_songs_that_are_seen(
    catalog: Arc<dyn Catalog>,
) {
    let song = |album: &str, number, title: &str, moods: &[&str]| {
        let mut found = file("A", album, number, title);
        found.tags.details.track.moods = moods.iter().map(|mood| (*mood).to_owned()).collect();
        found
    };
    let many: Vec<String> = (0..2 * ALBUM_MOODS_MAX).map(|n| format!("Mood {n:02}")).collect();
    let (first, rest) = many.split_at(ALBUM_MOODS_MAX - 1);
    let words = |moods: &[String]| song("Many", 1, "", &moods.iter().map(String::as_str).collect::<Vec<_>>());
    let mut later = words(rest);
    (later.path, later.tags.track) = (path("later.flac"), Some(2));
    let files = [
        song("Two", 2, "second", &["Wet", "Calm \"&\" <slow>"]),
        song("Two", 1, "first", &["Wet"]),
        song("Two", 3, "third", &[]),
        song("Two", 4, "hidden", &["Secret"]),
        song("Lone", 1, "lone", &["Sad", "Low"]),
        song("None", 1, "none", &[]),
        words(first),
        later,
    ];
    let house = House::with(catalog, &files).await;
    for title in ["hidden", "lone"] {
        house.hide_for_ann(title).await;
    }
    let (ann, bob) = (house.ann(), house.bob());
    for (viewer, album, expected) in [
        (&bob, "Two", Some(&["Wet", "Calm \"&\" <slow>"][..])),
        // As of the year and the genre, of moods those come first that everybody sees.
        (&ann, "Two", Some(&["Wet", "Calm \"&\" <slow>"])),
        (&ann, "Lone", Some(&["Sad", "Low"])),
        (&bob, "Lone", None),
        (&bob, "None", Some(&[])),
    ] {
        let moods = house.album(viewer, album).await.map(|album| album.moods);
        assert_eq!(
            moods,
            expected.map(|moods| moods.iter().map(|mood| (*mood).to_owned()).collect()),
            "{album}"
        );
    }
    let moods = house.album(&bob, "Many").await.expect("the album").moods;
    assert_eq!(moods, many[..ALBUM_MOODS_MAX], "the first of them, however many there are");
    // What a file says anew is what its album says.
    house.record(&[song("Two", 1, "first", &["New"])]).await;
    let moods = house.album(&bob, "Two").await.expect("the album").moods;
    assert_eq!(moods, ["New", "Wet", "Calm \"&\" <slow>"]);
}

pub(super) async fn a_release_of_musicbrainz_is_one_album(catalog: Arc<dyn Catalog>) {
    let with = |name: &str, number, title: &str, release: Option<&str>| {
        let mut found = file("A", name, number, title);
        found.tags.details.release.musicbrainz = release.map(str::to_owned);
        found
    };
    let house = House::with(catalog, &[with("One", 1, "plain", None)]).await;
    let (catalog, ann) = (&house.catalog, house.ann());
    let album = house.track("plain").await.album_id;
    catalog.star(&ann, &[Item::Album(album)], Some(7)).await.expect("a star");

    // The album that is known becomes the first release of its name, another release is another album, and what says
    // nothing stays with the first.
    let mut other_name = with("One (disc 2)", 2, "two", Some("r1"));
    other_name.tags.album_artist = "Somebody".to_owned();
    house
        .record(&[
            with("One", 1, "plain", Some("r1")),
            other_name,
            with("One", 3, "remaster", Some("r2")),
            with("One", 4, "later", None),
        ])
        .await;
    for (title, same) in [("plain", true), ("two", true), ("remaster", false), ("later", true)] {
        assert_eq!(house.track(title).await.album_id == album, same, "{title}");
    }
    let tracks = catalog.album_tracks(&ann, album, 0, 10).await.expect("tracks");
    assert_eq!(titles(&tracks), ["plain", "two", "later"]);
    let shown = catalog.album(&ann, album).await.expect("the album");
    assert_eq!((shown.play.starred, shown.release.read().musicbrainz.as_deref()), (Some(7), Some("r1")));
}

pub(super) async fn what_tags_know_of_an_artist_is_kept(catalog: Arc<dyn Catalog>) {
    let person = |sort: Option<&str>, id: Option<&str>| Person {
        name: "The Zoo".to_owned(),
        sort_name: sort.map(str::to_owned),
        musicbrainz: id.map(str::to_owned),
    };
    let mut found = file("The Zoo", "One", 1, "x");
    let house = House::with(catalog, std::slice::from_ref(&found)).await;
    let ann = house.ann();
    for (tagged, sort, id) in [
        (person(None, Some("m1")), "zoo, the", Some("m1")),
        (person(Some("Aviary"), None), "aviary", Some("m1")),
        (person(Some("Barn"), Some("m2")), "barn", Some("m2")),
        (person(None, None), "barn", Some("m2")),
    ] {
        found.tags.details.artists = vec![tagged];
        house.record(std::slice::from_ref(&found)).await;
        let artist = house.catalog.artists(&ann, None, None, 10).await.expect("artists").rows.remove(0);
        assert_eq!((artist.sort_name.as_str(), artist.musicbrainz.as_deref()), (sort, id));
    }
}
