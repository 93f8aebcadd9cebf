use std::collections::{BTreeMap, HashSet};
use std::io::Cursor;
use std::path::Path;

use lofty::prelude::{Accessor, TaggedFileExt};

use super::*;

/// Every file of a tree with its content and modification time.
fn tree(folder: &Path) -> BTreeMap<PathBuf, (Vec<u8>, SystemTime)> {
    let mut tree = BTreeMap::new();
    for path in files::ours(folder).unwrap() {
        let modified = path.metadata().unwrap().modified().unwrap();
        tree.insert(
            path.strip_prefix(folder).unwrap().to_owned(),
            (files::read_bytes(&path).unwrap(), modified),
        );
    }
    tree
}

#[test]
fn the_same_seed_gives_the_same_tree_and_another_seed_another() {
    let places: Vec<_> = (0..3).map(|_| tempfile::tempdir().unwrap()).collect();
    for (place, seed) in places.iter().zip([5, 5, 6]) {
        let options = Options { seed, ..Options::tracks(60) };
        assert_eq!(generate(place.path(), &options).unwrap().tracks, 60);
    }
    let trees: Vec<_> = places.iter().map(|place| tree(place.path())).collect();
    let differ = trees[0].iter().find(|(path, content)| trees[1].get(*path) != Some(content));
    assert!(
        trees[0].len() == trees[1].len() && differ.is_none(),
        "differs: {:?}",
        differ.map(|(path, _)| path)
    );
    assert!(trees[0].keys().ne(trees[2].keys()), "two seeds give the same names");
}

#[test]
fn every_format_keeps_its_tags_and_its_cover() {
    let clips = Clips::encode(300).unwrap();
    let song = SongTags {
        title: "静かな \"水\" / Ήσυχη".into(),
        artists: vec!["Ada D'Amico".into(), "Борис".into()],
        album: "Still Water".into(),
        album_artist: "Ada D'Amico".into(),
        track: 3,
        tracks: 9,
        year: 1999,
        genres: vec!["Jazz".into()],
        ..SongTags::default()
    };
    for format in Format::ALL {
        let bytes = tagged(clips.clip(format, 0), format, &song, Some(clips.cover(0))).unwrap();
        let probe = lofty::probe::Probe::new(Cursor::new(&bytes)).guess_file_type().unwrap();
        let read = probe.read().unwrap_or_else(|error| panic!("{format:?}: {error}"));
        let tag = read.primary_tag().unwrap_or_else(|| panic!("{format:?} has no tag"));
        assert_eq!(tag.title().as_deref(), Some(song.title.as_str()), "{format:?}");
        assert_eq!(tag.track(), Some(3), "{format:?}");
        assert_eq!(tag.pictures().first().map(|picture| picture.data()), Some(clips.cover(0)), "{format:?}");
    }
}

#[test]
fn a_plan_has_as_many_tracks_as_asked_for_and_no_path_twice() {
    for tracks in [0, 1, 7, 2_000] {
        let plan = Plan::new(tracks, 3);
        let paths: Vec<PathBuf> =
            (0..plan.albums()).flat_map(|number| plan.album(number).tracks).map(|track| track.path).collect();
        assert_eq!(paths.len(), tracks);
        assert_eq!(paths.iter().collect::<HashSet<_>>().len(), tracks, "a path comes twice");
    }
}

#[test]
fn albums_have_discs_compilations_and_a_long_tail_of_artists() {
    let plan = Plan::new(5_000, 1);
    let albums: Vec<Album> = (0..plan.albums()).map(|number| plan.album(number)).collect();
    let songs: Vec<&SongTags> =
        albums.iter().flat_map(|album| &album.tracks).map(|track| &track.tags).collect();
    let artists: HashSet<&str> = songs.iter().map(|song| song.album_artist.as_str()).collect();
    let titles: HashSet<&str> = songs.iter().map(|song| song.album.as_str()).collect();
    assert_eq!(titles.len(), albums.len(), "two albums have one title");
    assert!(artists.len() > 150, "only {} artists", artists.len());
    assert!(songs.iter().any(|song| song.discs == 3 && song.disc == 3));
    assert!(songs.iter().any(|song| song.compilation) && songs.iter().any(|song| song.artists.len() == 2));
    assert!(albums.iter().any(|album| album.cover_beside) && albums.iter().any(|album| !album.cover_beside));
}

#[test]
fn no_two_artists_and_no_two_albums_have_one_name() {
    let artists: HashSet<String> = (0..5_000).map(names::artist).collect();
    let albums: HashSet<String> = (0..5_000).map(names::album).collect();
    assert_eq!((artists.len(), albums.len()), (5_000, 5_000));
}
