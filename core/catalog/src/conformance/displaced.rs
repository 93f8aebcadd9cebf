//! Files that took the names of others: which song each name has after a scan, in whatever order it is told of them.

use std::collections::BTreeMap;
use std::sync::Arc;

use store::Part;

use super::house::{House, file, path, titles};
use crate::database::Catalog;
use crate::model::{Item, TrackId, Visibility};
use crate::scan::Found;

/// A file: its name, the song in it, its number, and how often it was written.
type File = (&'static str, char, u64, i64);

/// What a library holds before a scan and after it, and for each of the latter under which name its track was, if it was one.
struct Scene {
    name: &'static str,
    before: &'static [File],
    after: &'static [(File, Option<&'static str>)],
    told: &'static [Told],
}

/// How a scan tells what it found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Told {
    AtOnce,
    OneByOne,
    Backwards,
    /// It broke off when half was told, and another began.
    BrokenOff,
    /// What went was not missed before the next one.
    MissedLater,
}
use Told::{AtOnce, Backwards, BrokenOff, MissedLater, OneByOne};

const ALWAYS: &[Told] = &[AtOnce, OneByOne, Backwards, BrokenOff, MissedLater];
/// Where nothing but its number tells a song from another, its old file must be met before the new one, or beside it.
const NOT_BACKWARDS: &[Told] = &[AtOnce, OneByOne, BrokenOff, MissedLater];

/// Songs in capitals have no tags and are of one length in time: nothing tells them apart but their bytes.
const SCENES: &[Scene] = &[
    Scene {
        name: "two change places",
        before: &[("01.flac", 'x', 1, 0), ("02.flac", 'y', 2, 0)],
        after: &[(("01.flac", 'y', 2, 0), Some("02.flac")), (("02.flac", 'x', 1, 0), Some("01.flac"))],
        told: ALWAYS,
    },
    Scene {
        name: "three go round",
        before: &[("01.flac", 'x', 1, 0), ("02.flac", 'y', 2, 0), ("03.flac", 'z', 3, 0)],
        after: &[
            (("01.flac", 'z', 3, 0), Some("03.flac")),
            (("02.flac", 'x', 1, 0), Some("01.flac")),
            (("03.flac", 'y', 2, 0), Some("02.flac")),
        ],
        told: ALWAYS,
    },
    Scene {
        name: "two of different folders change places",
        before: &[("a/1.flac", 'x', 1, 0), ("b/1.flac", 'y', 2, 0), ("b/2.flac", 'z', 3, 0)],
        after: &[
            (("a/1.flac", 'y', 2, 0), Some("b/1.flac")),
            (("b/1.flac", 'x', 1, 0), Some("a/1.flac")),
            (("b/2.flac", 'z', 3, 0), Some("b/2.flac")),
        ],
        told: ALWAYS,
    },
    Scene {
        name: "two without tags, of one length, change places",
        before: &[("01.flac", 'X', 1, 0), ("02.flac", 'Y', 2, 0)],
        after: &[(("01.flac", 'Y', 2, 0), Some("02.flac")), (("02.flac", 'X', 1, 0), Some("01.flac"))],
        told: ALWAYS,
    },
    Scene {
        name: "two change places and one of them is tagged",
        before: &[("01.flac", 'x', 1, 0), ("02.flac", 'y', 2, 0)],
        after: &[(("01.flac", 'y', 2, 1), Some("02.flac")), (("02.flac", 'x', 1, 0), Some("01.flac"))],
        told: ALWAYS,
    },
    Scene {
        name: "two are numbered anew in their tags and change places",
        before: &[("01.flac", 'x', 1, 0), ("02.flac", 'y', 2, 0)],
        after: &[(("01.flac", 'y', 2, 1), Some("02.flac")), (("02.flac", 'x', 1, 1), Some("01.flac"))],
        told: ALWAYS,
    },
    Scene {
        name: "two are written anew and change places",
        before: &[("01.flac", 'x', 1, 0), ("02.flac", 'y', 2, 0)],
        after: &[(("01.flac", 'y', 7, 1), Some("02.flac")), (("02.flac", 'x', 8, 1), Some("01.flac"))],
        told: ALWAYS,
    },
    Scene {
        name: "a new file under the name of one that was renamed",
        before: &[("a.flac", 'x', 1, 0), ("c.flac", 'z', 3, 0)],
        after: &[
            (("a.flac", 'y', 2, 0), None),
            (("b.flac", 'x', 1, 0), Some("a.flac")),
            (("c.flac", 'z', 3, 0), Some("c.flac")),
        ],
        told: ALWAYS,
    },
    Scene {
        name: "a new file under the name of one that was renamed and tagged",
        before: &[("b.flac", 'x', 1, 0), ("c.flac", 'z', 3, 0)],
        after: &[
            (("a.flac", 'x', 1, 1), Some("b.flac")),
            (("b.flac", 'y', 2, 0), None),
            (("c.flac", 'z', 3, 0), Some("c.flac")),
        ],
        told: ALWAYS,
    },
    Scene {
        name: "a new file under a name whose song moved before it, all of one length",
        before: &[("b.flac", 'X', 1, 0)],
        after: &[(("b.flac", 'Y', 2, 0), None), (("a.flac", 'X', 1, 0), Some("b.flac"))],
        told: NOT_BACKWARDS,
    },
    Scene {
        name: "one is renamed over another",
        before: &[("a.flac", 'x', 1, 0), ("b.flac", 'y', 2, 0), ("c.flac", 'z', 3, 0)],
        after: &[(("a.flac", 'y', 2, 0), Some("b.flac")), (("c.flac", 'z', 3, 0), Some("c.flac"))],
        told: ALWAYS,
    },
    Scene {
        name: "tagged in place",
        before: &[("a.flac", 'x', 1, 0)],
        after: &[(("a.flac", 'x', 1, 1), Some("a.flac"))],
        told: ALWAYS,
    },
    Scene {
        name: "cut in place to another length",
        before: &[("a.flac", 'x', 1, 0)],
        after: &[(("a.flac", 'y', 1, 1), Some("a.flac"))],
        told: ALWAYS,
    },
    Scene {
        name: "written anew by a tagger",
        before: &[("a.flac", 'x', 1, 0), ("b.flac", 'y', 2, 0)],
        after: &[(("a.flac", 'x', 7, 1), Some("a.flac")), (("b.flac", 'y', 2, 0), Some("b.flac"))],
        told: ALWAYS,
    },
    Scene {
        name: "an album is written anew, each file with the number that the last one left",
        before: &[("01.flac", 'x', 1, 0), ("02.flac", 'y', 2, 0), ("03.flac", 'z', 3, 0)],
        after: &[
            (("01.flac", 'x', 7, 1), Some("01.flac")),
            (("02.flac", 'y', 1, 1), Some("02.flac")),
            (("03.flac", 'z', 2, 1), Some("03.flac")),
        ],
        told: ALWAYS,
    },
    Scene {
        name: "the same where all are of one length",
        before: &[("01.flac", 'X', 1, 0), ("02.flac", 'Y', 2, 0), ("03.flac", 'Z', 3, 0)],
        after: &[
            (("01.flac", 'X', 7, 1), Some("01.flac")),
            (("02.flac", 'Y', 1, 1), Some("02.flac")),
            (("03.flac", 'Z', 2, 1), Some("03.flac")),
        ],
        told: ALWAYS,
    },
    Scene {
        name: "a better copy takes the name, and the old one is nowhere",
        before: &[("a.flac", 'x', 1, 0), ("b.flac", 'y', 2, 0)],
        after: &[(("a.flac", 'w', 7, 1), Some("a.flac")), (("b.flac", 'y', 2, 0), Some("b.flac"))],
        told: ALWAYS,
    },
    Scene {
        name: "a better copy takes the name, and the number of a file that was deleted",
        before: &[("a.flac", 'x', 1, 0), ("b.flac", 'y', 2, 0)],
        after: &[(("a.flac", 'w', 2, 1), Some("a.flac"))],
        told: ALWAYS,
    },
    Scene {
        name: "a known song is hard-linked over the name of another",
        before: &[("a.flac", 'x', 1, 0), ("b.flac", 'y', 2, 0)],
        after: &[(("a.flac", 'y', 2, 0), None), (("b.flac", 'y', 2, 0), Some("b.flac"))],
        told: ALWAYS,
    },
    Scene {
        name: "a known song is hard-linked under a new name",
        before: &[("b.flac", 'y', 2, 0)],
        after: &[(("a.flac", 'y', 2, 0), None), (("b.flac", 'y', 2, 0), Some("b.flac"))],
        told: ALWAYS,
    },
    Scene {
        name: "of two hard links one is written anew",
        before: &[("a.flac", 'x', 1, 0), ("b.flac", 'x', 1, 0)],
        after: &[(("a.flac", 'x', 7, 1), Some("a.flac")), (("b.flac", 'x', 1, 0), Some("b.flac"))],
        told: ALWAYS,
    },
    Scene {
        name: "two copies of a song become one file with two names",
        before: &[("a/s.flac", 'x', 1, 0), ("b/s.flac", 'x', 2, 0)],
        after: &[(("a/s.flac", 'x', 2, 0), Some("a/s.flac")), (("b/s.flac", 'x', 2, 0), Some("b/s.flac"))],
        told: ALWAYS,
    },
    Scene {
        name: "three copies of a song become one file with three names",
        before: &[("a/s.flac", 'x', 1, 0), ("b/s.flac", 'x', 2, 0), ("c/s.flac", 'x', 3, 0)],
        after: &[
            (("a/s.flac", 'x', 1, 0), Some("a/s.flac")),
            (("b/s.flac", 'x', 1, 0), Some("b/s.flac")),
            (("c/s.flac", 'x', 1, 0), Some("c/s.flac")),
        ],
        told: ALWAYS,
    },
];

fn found((name, song, inode, version): File) -> Found {
    let is_tagged = song.is_ascii_lowercase();
    let number = u32::from(song);
    let stem = name.trim_end_matches(".flac");
    let title = if is_tagged { song.to_string() } else { stem.to_owned() };
    let mut found = file("A", "One", number, &title);
    found.path = path(name);
    found.tags.track = is_tagged.then_some(number);
    found.tags.duration_ms = if is_tagged { u64::from(number) * 10_000 } else { 1_000 };
    found.stamp.length = u64::from(number) * 100;
    found.stamp.modified_ns = 10 * version;
    found.stamp.changed_ns = 11 * version;
    found.stamp.inode = inode;
    found
}

/// What is missed of a library that holds these files.
async fn missed(house: &House, now: &[File]) -> Vec<TrackId> {
    let known = house.catalog.known(house.music, &Part::all(), None, 500).await.expect("known files");
    let is_there = |name: &str| now.iter().any(|file| file.0 == name);
    known
        .iter()
        .filter(|known| !known.missing && !is_there(known.path.as_str()))
        .map(|known| known.id)
        .collect()
}

async fn scan(house: &House, scene: &Scene, told: Told) {
    let now: Vec<File> = scene.after.iter().map(|(file, _)| *file).collect();
    let mut finds: Vec<Found> =
        now.iter().filter(|file| !scene.before.contains(file)).map(|file| found(*file)).collect();
    finds.sort_by(|a, b| a.path.cmp(&b.path));
    if told == Backwards {
        finds.reverse();
    }
    let catalog = &house.catalog;
    catalog.begin_scan().await.expect("the beginning of a scan");
    let (size, broken) = match told {
        AtOnce | MissedLater => (finds.len(), None),
        OneByOne | Backwards => (1, None),
        BrokenOff => (1, Some(finds.len().div_ceil(2))),
    };
    for (at, batch) in finds.chunks(size).enumerate() {
        if broken == Some(at) {
            catalog.begin_scan().await.expect("the beginning of a scan");
        }
        catalog.record(house.music, batch).await.expect("files are recorded");
    }
    if told == MissedLater {
        catalog.follow_moves(house.music).await.expect("the end of a scan");
        catalog.begin_scan().await.expect("the beginning of a scan");
    }
    let gone = missed(house, &now).await;
    catalog.mark_missing(house.music, &gone).await.expect("a mark");
    catalog.follow_moves(house.music).await.expect("the end of a scan");
}

async fn check(catalog: Arc<dyn Catalog>, scene: &Scene, told: Told) {
    let what = format!("{}, told {told:?}", scene.name);
    let before: Vec<Found> = scene.before.iter().map(|file| found(*file)).collect();
    let house = House::with(catalog, &before).await;
    let (catalog, ann) = (&house.catalog, house.ann());
    catalog.follow_moves(house.music).await.expect("the end of a scan");
    let mut stars = BTreeMap::new();
    for (star, track) in (1..).zip(house.tracks(&ann).await) {
        catalog.star(&ann, &[Item::Track(track.id)], Some(star)).await.expect("a star");
        catalog.play(&ann, &[(track.id, star)]).await.expect("a play");
        stars.insert(track.path.to_string(), (track.id, Some(star)));
    }
    scan(&house, scene, told).await;
    let tracks = house.tracks(&ann).await;
    assert_eq!(tracks.len(), scene.after.len(), "{what}: {tracks:#?}");
    for (file, was) in scene.after {
        let track = tracks.iter().find(|track| track.path.as_str() == file.0).expect("the file is a track");
        let old = was.map(|was| stars[was]);
        match old {
            Some(old) => assert_eq!((track.id, track.play.starred), old, "{what}: {}", file.0),
            None => {
                assert!(stars.values().all(|(id, _)| *id != track.id), "{what}: {} is somebody else", file.0);
                assert_eq!((track.play.starred, track.play.plays), (None, 0), "{what}: {}", file.0);
            }
        }
        let expected = found(*file);
        assert_eq!(
            (&track.title, track.duration_ms),
            (&expected.tags.title, expected.tags.duration_ms),
            "{what}"
        );
    }
    let known = catalog.known(house.music, &Part::all(), None, 500).await.expect("known files");
    for (file, _) in scene.after {
        let known = known.iter().find(|known| known.path.as_str() == file.0).expect("it is known");
        assert_eq!((known.stamp, known.missing), (found(*file).stamp, false), "{what}: {}", file.0);
    }
    let album = house.album(&ann, "One").await.expect("the album");
    assert_eq!(album.tracks, tracks.len() as u64, "{what}: totals count what is there");
    // What was decided stays so.
    catalog.follow_moves(house.music).await.expect("a scan");
    assert_eq!(house.tracks(&ann).await, tracks, "{what}");
}

pub(super) async fn a_song_keeps_its_track_where_files_take_the_names_of_others(
    make: &impl AsyncFn() -> Arc<dyn Catalog>,
) {
    for scene in SCENES {
        for told in scene.told {
            check(make().await, scene, *told).await;
        }
    }
}

pub(super) async fn p08_what_is_private_stays_so_where_files_change_places(
    make: &impl AsyncFn() -> Arc<dyn Catalog>,
) {
    for (private, public, place) in [("x", "y", "02.flac"), ("y", "x", "01.flac")] {
        let before = [("01.flac", 'x', 1, 0), ("02.flac", 'y', 2, 0)].map(found);
        let house = House::with(make().await, &before).await;
        house.catalog.follow_moves(house.music).await.expect("the end of a scan");
        let hidden = house.hide_for_ann(private).await;
        for swapped in [("01.flac", 'y', 2, 0), ("02.flac", 'x', 1, 0)].map(found) {
            house.record(&[swapped]).await;
            let seen = house.tracks(&house.bob()).await;
            assert!(!titles(&seen).contains(&private), "not even while a scan runs");
        }
        house.catalog.follow_moves(house.music).await.expect("the end of a scan");
        assert_eq!(titles(&house.tracks(&house.bob()).await), [public]);
        let track = house.catalog.track(&house.ann(), hidden.id).await.expect("her own");
        assert_eq!((track.path.as_str(), track.visibility), (place, Visibility::Private));
    }
}

pub(super) async fn a_song_has_its_name_back_where_the_file_was_gone_for_a_while(catalog: Arc<dyn Catalog>) {
    let house = House::with(catalog, &[found(("a.flac", 'x', 1, 0))]).await;
    let (catalog, ann) = (&house.catalog, house.ann());
    catalog.follow_moves(house.music).await.expect("the end of a scan");
    let before = house.track("x").await.id;
    // A scan that breaks off when it has seen another song under the name; then that file is gone, and comes back.
    let other = found(("a.flac", 'y', 7, 1));
    catalog.begin_scan().await.expect("the beginning of a scan");
    house.record(std::slice::from_ref(&other)).await;
    catalog.begin_scan().await.expect("the beginning of a scan");
    let gone = missed(&house, &[]).await;
    catalog.mark_missing(house.music, &gone).await.expect("a mark");
    catalog.follow_moves(house.music).await.expect("the end of a scan");
    assert_eq!(house.tracks(&ann).await, []);
    house.record(&[other]).await;
    catalog.follow_moves(house.music).await.expect("the end of a scan");
    assert_eq!(house.tracks(&ann).await.iter().map(|track| track.id).collect::<Vec<_>>(), [before]);
}
