//! Random lists.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::house::{House, file};
use crate::access::Viewer;
use crate::database::Catalog;
use crate::model::{LibrarySet, RandomFilter};

pub(super) async fn random_lists_hold_what_was_asked_for_once_each(catalog: Arc<dyn Catalog>) {
    let house = House::new(catalog).await;
    let files: Vec<_> = (1..=300_u32)
        .map(|n| {
            let mut found = file(&format!("Artist {}", n % 60), "Album", n, &format!("song {n}"));
            found.tags.year = Some(1900 + n % 100);
            found.tags.genres = if n % 50 == 0 { vec!["Rare".to_owned()] } else { Vec::new() };
            found
        })
        .collect();
    house.record(&files).await;
    let (catalog, ann) = (&house.catalog, house.ann());
    let draw = async |filter: RandomFilter, rows: usize| {
        let ids = catalog.random_tracks(&ann, &filter, rows).await.expect("ids");
        assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), ids.len(), "each once");
        let tracks = catalog.these_tracks(&ann, &ids).await.expect("tracks");
        assert_eq!(tracks.iter().map(|track| track.id).collect::<Vec<_>>(), ids, "in the order asked for");
        tracks
    };
    let all = RandomFilter::default();
    assert_eq!(draw(all.clone(), 10).await.len(), 10);
    assert_eq!(draw(all.clone(), 300).await.len(), 300);
    assert_eq!(draw(all.clone(), 500).await.len(), 300);
    assert_eq!(draw(all.clone(), 0).await.len(), 0);
    let guesses = catalog.guess_tracks(500).await.expect("ids");
    assert_eq!(guesses.iter().collect::<BTreeSet<_>>().len(), guesses.len(), "each once");
    let tracks = catalog.these_tracks(&ann, &guesses).await.expect("tracks");
    assert!((150..=300).contains(&tracks.len()), "500 guesses of 300 tracks: {}", tracks.len());
    let elsewhere = Viewer { libraries: LibrarySet::Only(vec![house.talks]), ..ann.clone() };
    let hidden = catalog.these_tracks(&elsewhere, &guesses).await.expect("tracks");
    assert_eq!(hidden, [], "a guess shows nothing that is not seen");
    let (one, other) = (draw(all.clone(), 50).await, draw(all.clone(), 50).await);
    assert_ne!(one, other, "two draws of 50 of 300 differ");
    let rare = draw(RandomFilter { genre: Some("rare".to_owned()), ..all.clone() }, 100).await;
    assert_eq!(rare.len(), 6);
    let mut drawn = BTreeSet::new();
    for _ in 0..200 {
        let few = draw(RandomFilter { genre: Some("rare".to_owned()), ..all.clone() }, 2).await;
        drawn.extend(few.into_iter().map(|track| track.title));
    }
    assert_eq!(drawn.len(), 6, "each comes up sooner or later");
    let both = RandomFilter {
        genre: Some("rare".to_owned()),
        from_year: Some(1940),
        to_year: Some(1960),
        ..all.clone()
    };
    let both = draw(both, 100).await;
    assert!(both.len() == 3 && both.iter().all(|track| track.year == Some(1950)), "{both:#?}");
    let (one, other) = (
        RandomFilter { to_year: Some(1949), ..all.clone() },
        RandomFilter { to_year: Some(1949), ..all.clone() },
    );
    assert_ne!(draw(one, 100).await, draw(other, 100).await, "two draws of 100 of 150 differ");
    let years = draw(RandomFilter { from_year: Some(1950), to_year: Some(1951), ..all.clone() }, 100).await;
    assert!(years.len() == 6 && years.iter().all(|track| matches!(track.year, Some(1950 | 1951))));
    assert_eq!(draw(RandomFilter { folder: Some(house.talks), ..all }, 10).await, []);
    albums_at_random(&**catalog, &ann, &elsewhere).await;
}

/// Sixty albums, of which a viewer sees all and another none.
async fn albums_at_random(catalog: &dyn Catalog, viewer: &Viewer, blind: &Viewer) {
    let albums = async |rows| {
        let ids = catalog.random_albums(viewer, None, rows).await.expect("ids");
        let albums = catalog.these_albums(viewer, &ids).await.expect("albums");
        assert_eq!(albums.into_iter().map(|album| album.id).collect::<Vec<_>>(), ids);
        ids
    };
    assert_eq!(albums(500).await.len(), 60);
    let guesses = catalog.guess_albums(500).await.expect("ids");
    assert_eq!(guesses.iter().collect::<BTreeSet<_>>().len(), guesses.len(), "each once");
    let found = catalog.these_albums(viewer, &guesses).await.expect("albums");
    assert!((30..=60).contains(&found.len()), "500 guesses of 60 albums: {}", found.len());
    assert_eq!(catalog.these_albums(blind, &guesses).await.expect("albums"), []);
    let (one, other) = (albums(30).await, albums(30).await);
    assert_eq!(one.iter().collect::<BTreeSet<_>>().len(), 30);
    assert_ne!(one, other);
}
