//! Search by the beginnings of words.

use std::sync::Arc;

use super::house::{House, artist_names, file, names, titles};
use crate::database::Catalog;
use crate::model::TrackChange;

pub(super) async fn words_begin_with_what_was_typed(catalog: Arc<dyn Catalog>) {
    let files = [
        file("Beyoncé", "Dangerously in Love", 1, "Crazy in Love"),
        file("AC/DC", "Back in Black", 1, "Hells Bells"),
        file("Björk", "Début", 1, "Human Behaviour"),
        file("The Beatles", "Help!", 1, "Helpless"),
        file("The Beatles", "Help!", 2, "Help!"),
        file("Sigur Rós", "Ágætis byrjun", 1, "Svefn-g-englar"),
    ]
    .map(|mut file| {
        file.path = super::house::path(&file.path.as_str().replace("AC/DC", "ACDC"));
        file
    });
    let house = House::with(catalog, &files).await;
    let (catalog, ann) = (&house.catalog, house.ann());
    let check = async |query: &str, expected: &[&str]| {
        let found = catalog.search_tracks(&ann, query, None, 0, 100).await.expect("a search");
        assert_eq!(titles(&found), expected, "{query:?}");
    };
    check("crazy", &["Crazy in Love"]).await;
    check("beyonce", &["Crazy in Love"]).await;
    check("BEYONCE\u{301} lov", &["Crazy in Love"]).await;
    check("ac/dc", &["Hells Bells"]).await;
    check("debut", &["Human Behaviour"]).await;
    check("agætis", &["Svefn-g-englar"]).await;
    check("svefn-g", &["Svefn-g-englar"]).await;
    check("hel", &["Hells Bells", "Helpless", "Help!"]).await;
    check("beatles help!", &["Helpless", "Help!"]).await;
    check("azy", &[]).await;
    check("!!!", &[]).await;
    check("\" OR title:\"", &[]).await;
    check("love NOT crazy", &[]).await;
    check(
        "\"\"",
        &["Crazy in Love", "Hells Bells", "Human Behaviour", "Helpless", "Help!", "Svefn-g-englar"],
    )
    .await;
    let albums = catalog.search_albums(&ann, "help", None, 0, 10).await.expect("a search");
    assert_eq!(names(&albums), ["Help!"]);
    let artists = catalog.search_artists(&ann, "b", None, 0, 10).await.expect("a search");
    assert_eq!(artist_names(&artists), ["Beyoncé", "Björk", "The Beatles"]);
    assert_eq!(catalog.search_albums(&ann, "", None, 0, 10).await.expect("a search").len(), 5);
    assert_eq!(catalog.search_artists(&ann, "", None, 0, 10).await.expect("a search").len(), 5);
    assert_eq!(catalog.search_tracks(&ann, "help", Some(house.talks), 0, 10).await.expect("a search"), []);
}

pub(super) async fn what_is_called_so_comes_first(catalog: Arc<dyn Catalog>) {
    let files = [
        file("Abba Tribute Band", "Wall of Sound", 1, "My Lovers"),
        file("Abba Tribute Band", "Wall of Sound", 2, "Lovely Rita"),
        file("Abba Tribute Band", "Wall of Sound", 3, "All You Need Is Love"),
        file("Abba Tribute Band", "Love", 4, "Else"),
        file("Beatles Tribute Band", "The Other Side of the Wall", 5, "Love Me Do"),
        file("The Beatles", "The Wall", 6, "Love!"),
        file("ABBA", "Abba", 7, "Lové"),
        file("ABBA", "Abba Gold", 8, "Do Love Me Do"),
    ];
    let house = House::with(catalog, &files).await;
    let (catalog, ann) = (&house.catalog, house.ann());
    let check = |query: &str, found: Vec<&str>, expected: &[&str]| assert_eq!(found, expected, "{query:?}");
    for (query, expected) in [
        (
            "love",
            &[
                "Love!",
                "Lové",
                "Love Me Do",
                "All You Need Is Love",
                "Else",
                "Do Love Me Do",
                "Lovely Rita",
                "My Lovers",
            ][..],
        ),
        ("LOVE me", &["Love Me Do", "Do Love Me Do"]),
        ("love me do", &["Love Me Do", "Do Love Me Do"]),
        ("love m", &["Love Me Do", "My Lovers", "Do Love Me Do"]),
        ("me love", &["Love Me Do", "Do Love Me Do"]),
        ("abba gold", &["Do Love Me Do"]),
        ("\u{e000}", &[]),
    ] {
        let found = catalog.search_tracks(&ann, query, None, 0, 500).await.expect("a search");
        check(query, titles(&found), expected);
        // Wherever a page begins, with nothing remembered of it and behind another one.
        for offset in 0..=found.len() {
            let page = catalog.search_tracks(&ann, query, None, offset as u64, 2).await.expect("a page");
            assert_eq!(page, found[offset..found.len().min(offset + 2)], "{query:?} from {offset}");
        }
    }
    for (query, expected) in [
        ("abba", &["ABBA", "Abba Tribute Band"][..]),
        ("beatles", &["The Beatles", "Beatles Tribute Band"]),
        ("the beatles", &["The Beatles"]),
        ("beat", &["Beatles Tribute Band", "The Beatles"]),
        ("band", &["Abba Tribute Band", "Beatles Tribute Band"]),
    ] {
        let found = catalog.search_artists(&ann, query, None, 0, 10).await.expect("a search");
        check(query, artist_names(&found), expected);
    }
    for (query, expected) in [
        ("wall", &["The Wall", "Wall of Sound", "The Other Side of the Wall"][..]),
        ("abba", &["Abba", "Abba Gold", "Wall of Sound", "Love"]),
    ] {
        let found = catalog.search_albums(&ann, query, None, 0, 10).await.expect("a search");
        check(query, names(&found), expected);
    }
    // A song that is called otherwise is found by that name as if it had never had another.
    let id = house.track("Else").await.id;
    let change = TrackChange { title: Some("Love".to_owned()), ..TrackChange::default() };
    catalog.change_track(&ann, id, &change).await.expect("a change");
    let found = catalog.search_tracks(&ann, "love", None, 0, 3).await.expect("a search");
    check("love", titles(&found), &["Love", "Love!", "Lové"]);
}

pub(super) async fn pages_of_a_search_fit_together(catalog: Arc<dyn Catalog>) {
    let mut files: Vec<_> = (1..=20).map(|n| file("A", "One", n, &format!("lovely {n}"))).collect();
    files.extend((1..=20).map(|n| file("A", "Two", n, &format!("love {n}"))));
    let house = House::with(catalog, &files).await;
    let (catalog, ann) = (&house.catalog, house.ann());
    for query in ["love", "", "lo"] {
        let all = catalog.search_tracks(&ann, query, None, 0, 500).await.expect("a search");
        assert_eq!(all.len(), 40, "{query:?}");
        let mut paged = Vec::new();
        for page in 0..6 {
            paged.extend(catalog.search_tracks(&ann, query, None, page * 7, 7).await.expect("a page"));
        }
        assert_eq!(titles(&paged), titles(&all), "{query:?}");
    }
    let all = catalog.search_tracks(&ann, "love", None, 0, 500).await.expect("a search");
    assert!(all[..20].iter().all(|track| track.album == "Two"), "whole words come first");
}
