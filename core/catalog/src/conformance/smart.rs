//! Playlists whose songs are found by rules: what each rule finds, for whose eyes, and what cannot be done to them.

use std::sync::Arc;

use budget::limits::{PLAYLISTS_PER_USER_MAX, SMART_PLAYLISTS_PER_USER_MAX};

use super::house::{House, file, titles};
use crate::access::Viewer;
use crate::database::Catalog;
use crate::error::{Error, ErrorKind};
use crate::model::{Item, PlaylistChange, PlaylistId, Rules, SongsChange, TrackId, Wanted};
use crate::scan::Found;

/// A file that differs from a plain one.
fn special(artist: &str, album: &str, number: u32, title: &str, tags: impl FnOnce(&mut Found)) -> Found {
    let mut found = file(artist, album, number, title);
    tags(&mut found);
    found
}

/// a to f: of three artists, years, genres and lengths; b is what Ann loves, and c what she played.
async fn six(catalog: Arc<dyn Catalog>) -> House {
    let files = [
        special("Édith", "One", 1, "a", |f| f.tags.year = Some(1959)),
        special("Édith", "One", 2, "b", |f| f.tags.genres = vec!["Chanson".into(), "Jazz".into()]),
        special("Édith", "Two 100%", 1, "c", |f| f.tags.duration_ms = 60_000),
        special("Bo", "Two 100%", 1, "d", |f| f.tags.year = None),
        special("Bo", "Three", 1, "e", |f| f.tags.genres = vec!["jazz".into()]),
        special("Cy", "Four", 1, "f", |f| (f.tags.year, f.tags.bit_depth) = (Some(2001), None)),
    ];
    let house = House::with(catalog, &files).await;
    let (ann, b, c) = (house.ann(), house.track("b").await.id, house.track("c").await.id);
    house.catalog.star(&ann, &[Item::Track(b)], Some(5_000)).await.expect("a star");
    house.catalog.rate(&ann, Item::Track(b), 4).await.expect("a rating");
    house.catalog.play(&ann, &[(c, 5_000), (c, 6_000)]).await.expect("plays");
    house
}

fn rules(text: &str) -> Rules {
    Rules::parse(text).expect("rules of the suite are some")
}

fn kind<T>(result: Result<T, Error>) -> ErrorKind {
    result.err().expect("it is refused").kind()
}

/// What a list shows, a page of two after the other; and its head says the same.
async fn songs(house: &House, viewer: &Viewer, id: PlaylistId) -> String {
    let mut tracks = Vec::new();
    loop {
        let page = house.catalog.playlist_tracks(viewer, id, tracks.len() as u64, 2).await.expect("a page");
        let read = page.len();
        tracks.extend(page);
        if read < 2 {
            break;
        }
    }
    let head = house.catalog.playlist(viewer, id).await.expect("a playlist");
    let duration_ms: u64 = tracks.iter().map(|track| track.duration_ms).sum();
    assert_eq!((head.tracks, head.duration_ms), (tracks.len() as u64, duration_ms));
    assert!(head.is_smart && head.valid_until.is_some_and(|until| until > head.created));
    titles(&tracks).concat()
}

pub(super) async fn each_rule_finds_what_it_says(catalog: Arc<dyn Catalog>) {
    let house = six(catalog).await;
    let (catalog, ann) = (&house.catalog, house.ann());
    let cases = [
        (r#"{"all":[]}"#, "abcdef"),
        (r#"{"any":[]}"#, ""),
        (r#"{"none":[]}"#, "abcdef"),
        (r#"{"title":{"is":"A"}}"#, "a"),
        (r#"{"title":{"contains":"%"}}"#, ""),
        (r#"{"path":{"begins":"bo/"}}"#, "de"),
        (r#"{"path":{"ends":".FLAC"}}"#, "abcdef"),
        (r#"{"album":{"is":"two 100%"}}"#, "cd"),
        (r#"{"album":{"contains":"o 1"}}"#, "cd"),
        (r#"{"album":{"ends":"e"}}"#, "abe"),
        (r#"{"album":{"is":"two 100_"}}"#, ""),
        (r#"{"album":{"is":" two  100%"}}"#, "cd"),
        (r#"{"album":{"begins":"two "}}"#, "cd"),
        (r#"{"album":{"begins":"tw "}}"#, ""),
        (r#"{"album":{"contains":" 1"}}"#, "cd"),
        (r#"{"album":{"ends":" 00%"}}"#, ""),
        (r#"{"album_artist":{"begins":"b "}}"#, ""),
        (r#"{"genre":{"contains":"az "}}"#, ""),
        (r#"{"artist":{"is":"ÉDITH"}}"#, "abc"),
        (r#"{"album_artist":{"begins":"b"}}"#, "de"),
        (r#"{"genre":{"is":"JAZZ"}}"#, "be"),
        (r#"{"genre":{"is":"Rock"}}"#, "acdf"),
        (r#"{"year":{"from":1959,"to":1990}}"#, "abce"),
        (r#"{"year":{"to":1959}}"#, "a"),
        (r#"{"none":[{"year":{"from":0}}]}"#, "d"),
        (r#"{"bit_depth":{"from":16}}"#, "abcde"),
        (r#"{"duration_ms":{"to":60000}}"#, "c"),
        (r#"{"size_bytes":{"from":18446744073709551615}}"#, ""),
        (r#"{"starred":true}"#, "b"),
        (r#"{"starred":false}"#, "acdef"),
        (r#"{"album_starred":true}"#, ""),
        (r#"{"artist_starred":false}"#, "abcdef"),
        (r#"{"rating":{"from":4}}"#, "b"),
        (r#"{"rating":{"to":3}}"#, "acdef"),
        (r#"{"plays":{"from":2,"to":2}}"#, "c"),
        (r#"{"plays":{"to":0}}"#, "abdef"),
        (r#"{"played":{"since":"1970-01-01T00:00:06Z"}}"#, "c"),
        (r#"{"played":{"since":"1970-01-01T00:00:07Z"}}"#, ""),
        (r#"{"played":{"before":"1970-01-01T00:00:07Z"}}"#, "c"),
        (r#"{"played":{"within_days":1}}"#, ""),
        (r#"{"none":[{"played":{"within_days":1}}]}"#, "abcdef"),
        (r#"{"added":{"within_days":1}}"#, "abcdef"),
        (r#"{"added":{"before":"2001-01-01T00:00:00Z"}}"#, ""),
        (r#"{"all":[{"artist":{"is":"édith"}},{"none":[{"title":{"is":"a"}},{"title":{"is":"c"}}]}]}"#, "b"),
        (r#"{"any":[{"title":{"is":"f"}},{"all":[{"artist":{"is":"bo"}},{"genre":{"is":"rock"}}]}]}"#, "df"),
    ];
    let everything = rules(r#"{"match":{"all":[]}}"#);
    let id = catalog.add_smart_playlist(&ann, "found", &everything).await.expect("a playlist");
    for (rule, expected) in cases {
        let wanted = rules(&format!(r#"{{"match":{rule}}}"#));
        let change = PlaylistChange { rules: Some(wanted.clone()), ..PlaylistChange::default() };
        catalog.change_playlist(&ann, id, &change).await.expect("new rules");
        assert_eq!(songs(&house, &ann, id).await, expected, "{rule}");
        assert_eq!(catalog.playlist_rules(&ann, id).await.expect("its rules"), Some(wanted));
    }
}

pub(super) async fn an_album_is_found_by_its_name_whichever_release_it_is(catalog: Arc<dyn Catalog>) {
    let of = |title: &str, release: &str| {
        let mut found = file("A", "One", 1, title);
        found.tags.details.release.musicbrainz = Some(release.to_owned());
        found
    };
    let house = House::with(catalog, &[of("a", "r1"), of("b", "r2"), file("A", "One more", 1, "c")]).await;
    let ann = house.ann();
    assert_ne!(house.track("a").await.album_id, house.track("b").await.album_id);
    for (rule, expected) in [("is", "ab"), ("ends", "ab"), ("begins", "abc")] {
        let wanted = rules(&format!(r#"{{"match":{{"album":{{"{rule}":"one"}}}}}}"#));
        let id = house.catalog.add_smart_playlist(&ann, rule, &wanted).await.expect("a playlist");
        assert_eq!(songs(&house, &ann, id).await, expected, "{rule}");
    }
}

pub(super) async fn what_is_found_comes_in_its_order(catalog: Arc<dyn Catalog>) {
    let house = six(catalog).await;
    let (catalog, ann) = (&house.catalog, house.ann());
    let cases = [
        (r#"[{"by":"title","descending":true}]"#, "fedcba"),
        (r#"[{"by":"year"}]"#, "dabcef"),
        (r#"[{"by":"year","descending":true},{"by":"title","descending":true}]"#, "fecbad"),
        (r#"[{"by":"album"}]"#, "fabecd"),
        (r#"[{"by":"artist"},{"by":"track","descending":true}]"#, "defbac"),
        (r#"[{"by":"album_artist","descending":true}]"#, "abcfde"),
        (r#"[{"by":"rating","descending":true},{"by":"plays","descending":true}]"#, "bcadef"),
        (r#"[{"by":"starred","descending":true}]"#, "bacdef"),
        (r#"[{"by":"played","descending":true}]"#, "cabdef"),
        (r#"[{"by":"duration_ms"},{"by":"bitrate_kbps"},{"by":"size_bytes"},{"by":"added"}]"#, "cabdef"),
    ];
    for (n, (sort, expected)) in cases.into_iter().enumerate() {
        let sorted = rules(&format!(r#"{{"match":{{"all":[]}},"sort":{sort}}}"#));
        let id = catalog.add_smart_playlist(&ann, &format!("{n}"), &sorted).await.expect("a playlist");
        assert_eq!(songs(&house, &ann, id).await, expected, "{sort}");
        let first = Rules { limit: Some(3), ..sorted };
        let change = PlaylistChange { rules: Some(first), ..PlaylistChange::default() };
        catalog.change_playlist(&ann, id, &change).await.expect("a limit");
        assert_eq!(songs(&house, &ann, id).await, expected[..3], "{sort}");
    }
    let random = rules(r#"{"match":{"all":[]},"sort":[{"by":"random"}]}"#);
    let id = catalog.add_smart_playlist(&ann, "random", &random).await.expect("a playlist");
    let mut shuffled: Vec<char> = songs(&house, &ann, id).await.chars().collect();
    shuffled.sort_unstable();
    assert_eq!(shuffled.into_iter().collect::<String>(), "abcdef", "each of them once");
}

pub(super) async fn p08_rules_find_what_their_reader_sees_and_likes(catalog: Arc<dyn Catalog>) {
    let house = six(catalog).await;
    let (catalog, ann, bob) = (&house.catalog, house.ann(), house.bob());
    let starred = rules(r#"{"match":{"any":[{"starred":true},{"title":{"is":"f"}}]}}"#);
    let id = catalog.add_smart_playlist(&ann, "loved", &starred).await.expect("a playlist");
    assert_eq!(kind(catalog.playlist(&bob, id).await), ErrorKind::NotFound, "it is hers alone at first");
    assert_eq!(kind(catalog.playlist_rules(&bob, id).await), ErrorKind::NotFound);
    assert!(catalog.playlist_tracks(&bob, id, 0, 9).await.expect("nothing").is_empty());
    let public = PlaylistChange { public: Some(true), ..PlaylistChange::default() };
    catalog.change_playlist(&ann, id, &public).await.expect("a change");
    assert_eq!((songs(&house, &ann, id).await, songs(&house, &bob, id).await), ("bf".into(), "f".into()));
    let a = house.track("a").await.id;
    catalog.star(&bob, &[Item::Track(a)], Some(1)).await.expect("a star");
    assert_eq!(songs(&house, &bob, id).await, "af", "what was starred now is found now");
    house.hide_for_ann("f").await;
    assert_eq!((songs(&house, &ann, id).await, songs(&house, &bob, id).await), ("bf".into(), "a".into()));
    let counted = catalog.playlists(&bob, 0, 500).await.expect("playlists");
    assert_eq!(counted.iter().map(|list| list.tracks).collect::<Vec<_>>(), [1]);
    catalog.mark_missing(house.music, &[a]).await.expect("a mark");
    assert_eq!(songs(&house, &bob, id).await, "");
}

pub(super) async fn a_page_of_a_reading_that_began_goes_on_where_it_was(catalog: Arc<dyn Catalog>) {
    let house = six(catalog).await;
    let (catalog, ann) = (&house.catalog, house.ann());
    let unplayed = rules(r#"{"match":{"plays":{"to":0}}}"#);
    let id = catalog.add_smart_playlist(&ann, "unplayed", &unplayed).await.expect("a playlist");
    let page = |skip| catalog.playlist_tracks(&ann, id, skip, 2);
    assert_eq!(titles(&page(0).await.expect("a page")).concat(), "ab");
    // While it is read, its first song is played, and so drops out of it.
    let a = house.track("a").await.id;
    catalog.play(&ann, &[(a, 9_000)]).await.expect("a play");
    assert_eq!(titles(&page(2).await.expect("a page")).concat(), "de", "none is passed over");
    assert_eq!(titles(&page(0).await.expect("a page")).concat(), "bd", "a new reading begins");
    // A song that goes for good does not end the list before its time.
    let e = house.track("e").await.id;
    catalog.mark_missing(house.music, &[e]).await.expect("a mark");
    assert_eq!(titles(&page(1).await.expect("a page")).concat(), "df");
}

pub(super) async fn songs_of_a_smart_playlist_are_nobodys_to_put_in(catalog: Arc<dyn Catalog>) {
    let house = six(catalog).await;
    let (catalog, ann, a) = (&house.catalog, house.ann(), house.track("a").await.id);
    let rock = rules(r#"{"match":{"genre":{"is":"rock"}}}"#);
    let id = catalog.add_smart_playlist(&ann, "Rock", &rock).await.expect("a playlist");
    let plain = catalog.add_playlist(&ann, "plain", &[a]).await.expect("a playlist");
    for songs in [
        SongsChange::Replace(vec![a]),
        SongsChange::Replace(vec![]),
        SongsChange::Edit { remove: vec![0], add: vec![] },
        SongsChange::Edit { remove: vec![], add: vec![a] },
    ] {
        let change = PlaylistChange { songs, name: Some("no".into()), ..PlaylistChange::default() };
        let refused = catalog.change_playlist(&ann, id, &change).await.expect_err("it is refused");
        assert_eq!(refused.kind(), ErrorKind::NotAllowed);
        assert!(refused.public().contains("by its rules"), "{refused}");
    }
    let named = PlaylistChange { name: Some("Stones".into()), ..PlaylistChange::default() };
    catalog.change_playlist(&ann, id, &named).await.expect("it can be renamed");
    assert_eq!(catalog.playlist(&ann, id).await.expect("a playlist").name, "Stones");
    assert_eq!(songs(&house, &ann, id).await, "acdf");

    let with_rules = PlaylistChange { rules: Some(rock), ..PlaylistChange::default() };
    assert_eq!(kind(catalog.change_playlist(&ann, plain, &with_rules).await), ErrorKind::NotAllowed);
    assert_eq!(kind(catalog.change_playlist(&house.bob(), id, &with_rules).await), ErrorKind::NotFound);
    assert_eq!(catalog.playlist_rules(&ann, plain).await.expect("it is there"), None);
    let head = catalog.playlist(&ann, plain).await.expect("a playlist");
    assert!(!head.is_smart && head.valid_until.is_none());
    let bad = Rules { limit: Some(0), ..rules(r#"{"match":{"all":[]}}"#) };
    assert_eq!(kind(catalog.add_smart_playlist(&ann, "x", &bad).await), ErrorKind::Invalid);
    catalog.remove_playlist(&ann, id).await.expect("it goes");
    assert_eq!(kind(catalog.playlist_rules(&ann, id).await), ErrorKind::NotFound);
}

pub(super) async fn p04_smart_playlists_are_bounded(catalog: Arc<dyn Catalog>) {
    let house = six(catalog).await;
    let (catalog, ann) = (&house.catalog, house.ann());
    let everything = rules(r#"{"match":{"all":[]}}"#);
    for n in 0..SMART_PLAYLISTS_PER_USER_MAX {
        catalog.add_smart_playlist(&ann, &format!("{n}"), &everything).await.expect("a playlist");
    }
    assert_eq!(kind(catalog.add_smart_playlist(&ann, "more", &everything).await), ErrorKind::NotAllowed);
    catalog.add_smart_playlist(&house.bob(), "his", &everything).await.expect("others have their own");
    const { assert!(SMART_PLAYLISTS_PER_USER_MAX < PLAYLISTS_PER_USER_MAX) };
    catalog.add_playlist(&ann, "with songs", &[]).await.expect("there is room for others");
}

pub(super) async fn songs_of_a_list_from_elsewhere_are_found(catalog: Arc<dyn Catalog>) {
    let files = [
        file("Édith", "One", 1, "Intro"),
        file("Bo", "One", 1, "Intro"),
        file("Bo", "Two", 7, "Intro"),
        file("Bo", "Two", 2, "Quiet"),
    ];
    let house = House::with(catalog, &files).await;
    let (catalog, ann) = (&house.catalog, house.ann());
    let mut ids = Vec::new();
    for track in house.tracks(&ann).await {
        ids.push((track.path.as_str().to_owned(), track.id));
    }
    let wanted = |path: &str, artist: Option<&str>, title: Option<&str>| Wanted {
        path: path.into(),
        artist: artist.map(str::to_owned),
        title: title.map(str::to_owned),
    };
    let cases = [
        (wanted("Bo/One/01 Intro.flac", None, None), Some("Bo/One/01 Intro.flac")),
        (wanted("home/bo/Music/Bo/Two/07 Intro.flac", Some("?"), Some("?")), Some("Bo/Two/07 Intro.flac")),
        (wanted("E\u{301}dith/One/01 Intro.flac", None, None), Some("Édith/One/01 Intro.flac")),
        (wanted("01 Intro.flac", None, None), None),
        // Words, and of several songs that have them the file of that name.
        (wanted("x/07 Intro.flac", Some("BO"), Some("intro")), Some("Bo/Two/07 Intro.flac")),
        (wanted("x/y.mp3", Some("Bo"), Some("Intro")), Some("Bo/One/01 Intro.flac")),
        (wanted("x/y.mp3", Some("Edith"), Some("Intro")), Some("Édith/One/01 Intro.flac")),
        (wanted("x/y.mp3", Some("Somebody"), Some("Intro")), None),
        (wanted("x/y.mp3", None, Some("Quiet")), None),
        (wanted("x/02 Quiet.flac", None, Some("Quiet")), Some("Bo/Two/02 Quiet.flac")),
        (wanted("x/y.mp3", Some("Bo"), Some("Qui")), None),
        (wanted("", None, None), None),
    ];
    let asked: Vec<Wanted> = cases.iter().map(|(wanted, _)| wanted.clone()).collect();
    let found = catalog.wanted_tracks(&ann, &asked).await.expect("answers");
    let path = |id: &TrackId| ids.iter().find(|(_, of)| of == id).map(|(path, _)| path.as_str());
    for ((wanted, expected), found) in cases.iter().zip(&found) {
        assert_eq!(found.as_ref().and_then(path), *expected, "{wanted:?}");
    }
    assert_eq!(found.len(), cases.len());

    // What somebody does not see is not found, by no path and by no words.
    house.hide_for_ann("Quiet").await;
    let quiet = wanted("Bo/Two/02 Quiet.flac", Some("Bo"), Some("Quiet"));
    assert!(catalog.wanted_tracks(&ann, std::slice::from_ref(&quiet)).await.expect("an answer")[0].is_some());
    assert_eq!(catalog.wanted_tracks(&house.bob(), &[quiet]).await.expect("an answer"), [None]);
}
