//! Search by the beginnings of words.

use std::sync::Arc;

use super::house::{House, artist_names, file, names, titles};
use crate::database::Catalog;

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
