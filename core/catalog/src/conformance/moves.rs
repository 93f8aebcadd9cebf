//! Files that were moved so that little or nothing of their stamps is left, and what must not be taken for one.

use std::sync::Arc;

use store::FolderId;

use super::house::{House, file, path, titles};
use crate::access::Viewer;
use crate::database::Catalog;
use crate::model::{Item, LibrarySet, Track, TrackChange, TrackId, Visibility};
use crate::scan::Found;

/// The checksum of its samples, where the file says it.
const SAMPLES: [u8; 16] = [7; 16];
const RECORDING: &str = "5b11f4ce-a62d-471e-81fc-a69a8278c7da";

/// When the old file was missed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Missed {
    /// In a scan before the one that found the new file.
    Before,
    /// In the same scan.
    Together,
    /// In the next scan.
    Next,
    /// Some scans later.
    Later,
}
use Missed::{Before, Later, Next, Together};

const ALWAYS: [Missed; 4] = [Before, Together, Next, Later];

/// A change of a file on its way, and when it is the same track all the same.
struct Move {
    name: &'static str,
    change: fn(&mut Found),
    same: &'static [Missed],
}

/// A new file: other bytes under another number, by somebody who knows nothing of MusicBrainz.
fn anew(found: &mut Found) {
    found.tags.details.track.musicbrainz = None;
    found.tags.details.audio_md5 = None;
    found.stamp.inode += 1;
    found.stamp.length += 77;
    found.stamp.modified_ns += 1_000_000_007;
    found.stamp.changed_ns += 1_000_000_007;
}

const MOVES: &[Move] = &[
    Move { name: "renamed", change: |_| {}, same: &ALWAYS },
    Move { name: "touched", change: |found| found.stamp.modified_ns += 5, same: &ALWAYS },
    Move {
        name: "all its tags changed in place",
        change: |found| {
            let inode = found.stamp.inode;
            anew(found);
            found.stamp.inode = inode;
            found.tags.title = "Another title".to_owned();
            found.tags.album = "Another album".to_owned();
            found.tags.artist = "Another artist".to_owned();
        },
        same: &[Before, Together, Next],
    },
    Move {
        name: "genre and year changed by a tagger that writes a new file",
        change: |found| {
            anew(found);
            found.tags.genres = vec!["Jazz".to_owned()];
            found.tags.year = Some(2001);
        },
        same: &ALWAYS,
    },
    Move {
        name: "its title corrected in a new file",
        change: |found| {
            anew(found);
            found.tags.title = "Song, the right title".to_owned();
        },
        same: &[Before, Together],
    },
    Move {
        name: "its album corrected in a new file",
        change: |found| {
            anew(found);
            found.tags.album = "One (Deluxe)".to_owned();
        },
        same: &[Before, Together],
    },
    Move { name: "copied with its time", change: |found| found.stamp.inode += 1, same: &ALWAYS },
    Move {
        name: "copied",
        change: |found| {
            found.stamp.inode += 1;
            found.stamp.modified_ns += 1_000_000_007;
        },
        same: &ALWAYS,
    },
    Move {
        name: "in another format",
        change: |found| {
            anew(found);
            found.tags.suffix = "mp3".to_owned();
            found.tags.content_type = "audio/mpeg";
            found.tags.duration_ms += 43;
        },
        same: &ALWAYS,
    },
    Move {
        name: "all its words changed, and known by its recording",
        change: |found| {
            anew(found);
            found.tags.title = "Another title".to_owned();
            found.tags.album = "Another album".to_owned();
            found.tags.details.track.musicbrainz = Some(RECORDING.to_owned());
        },
        same: &[Before, Together],
    },
    Move {
        name: "all its words changed, and known by its samples",
        change: |found| {
            anew(found);
            found.tags.title = "Another title".to_owned();
            found.tags.album = "Another album".to_owned();
            found.tags.artist = "Another artist".to_owned();
            found.tags.details.audio_md5 = Some(SAMPLES);
        },
        same: &[Before, Together],
    },
    Move {
        name: "another song with the words of one that has other samples, and of its length",
        change: |found| {
            anew(found);
            found.tags.album = "Another album".to_owned();
            found.tags.details.audio_md5 = Some([8; 16]);
        },
        same: &[],
    },
    Move {
        name: "another recording of the song",
        change: |found| {
            anew(found);
            found.tags.duration_ms += 60_000;
        },
        same: &[],
    },
    Move {
        name: "another song of the album that takes its number",
        change: |found| {
            anew(found);
            found.tags.title = "Another title".to_owned();
            found.tags.duration_ms += 1_000;
        },
        same: &[],
    },
    Move {
        name: "another song of the same length in time",
        change: |found| {
            anew(found);
            found.tags.title = "Another title".to_owned();
            found.tags.track = Some(9);
        },
        same: &[],
    },
];

/// The song that moves, in a house that has others beside it.
async fn settled(catalog: Arc<dyn Catalog>) -> (House, Found, Track) {
    let mut song = file("A", "One", 1, "song");
    song.tags.details.track.musicbrainz = Some(RECORDING.to_owned());
    song.tags.details.audio_md5 = Some(SAMPLES);
    let mut other = file("A", "One", 2, "other");
    other.tags.duration_ms = 99_999;
    let house = House::with(catalog, &[song.clone(), other]).await;
    house.catalog.follow_moves(house.music).await.expect("a scan");
    let track = house.track("song").await;
    house.catalog.star(&house.ann(), &[Item::Track(track.id)], Some(7)).await.expect("a star");
    house.catalog.play(&house.ann(), &[(track.id, 8)]).await.expect("a play");
    (house, song, track)
}

async fn scan(house: &House, library: FolderId, found: &[Found], missing: &[TrackId]) {
    house.catalog.begin_scan().await.expect("the beginning of a scan");
    house.catalog.record(library, found).await.expect("files are recorded");
    house.catalog.mark_missing(house.music, missing).await.expect("a mark");
    house.catalog.follow_moves(library).await.expect("the end of a scan");
    if library != house.music && !missing.is_empty() {
        house.catalog.follow_moves(house.music).await.expect("the end of a scan");
    }
}

/// Scans that find others, so that what they found before is not the last.
async fn scan_others(house: &House, library: FolderId) {
    for n in 1..4 {
        let mut found = file("Others", "Another", n, &format!("another {n}"));
        found.tags.duration_ms = u64::from(n);
        scan(house, library, &[found], &[]).await;
    }
}

async fn check(catalog: Arc<dyn Catalog>, case: &Move, missed: Missed, is_elsewhere: bool) {
    let what = format!("{}, missed {missed:?}, in another library: {is_elsewhere}", case.name);
    let (house, song, old) = settled(catalog).await;
    let library = if is_elsewhere { house.talks } else { house.music };
    let mut moved = song.clone();
    moved.path = path("Elsewhere/new name.flac");
    (case.change)(&mut moved);
    let (gone, moved) = ([old.id], [moved]);
    match missed {
        Before => {
            scan(&house, house.music, &[], &gone).await;
            scan(&house, library, &moved, &[]).await;
        }
        Together => scan(&house, library, &moved, &gone).await,
        Next | Later => {
            scan(&house, library, &moved, &[]).await;
            let both = house.tracks(&house.ann()).await;
            assert!(both.iter().any(|track| track.id == old.id), "{what}: it is still there");
            if missed == Later {
                scan_others(&house, library).await;
            }
            scan(&house, house.music, &[], &gone).await;
        }
    }
    let tracks = house.tracks(&house.ann()).await;
    let now = tracks.iter().find(|track| track.path == moved[0].path).expect("the file is a track");
    assert_eq!(now.id == old.id, case.same.contains(&missed), "{what}");
    assert_eq!((now.folder, &now.title), (library, &moved[0].tags.title), "{what}");
    let play = if now.id == old.id { (Some(7), 1) } else { (None, 0) };
    assert_eq!((now.play.starred, now.play.plays), play, "{what}");
    let libraries = house.catalog.libraries(&house.ann()).await.expect("libraries");
    let count: u64 = libraries.iter().map(|row| row.tracks).sum();
    assert_eq!(count, tracks.len() as u64, "{what}: totals count it where it is");
    // What was decided stays so.
    house.catalog.follow_moves(house.music).await.expect("a scan");
    house.catalog.follow_moves(house.talks).await.expect("a scan");
    assert_eq!(house.tracks(&house.ann()).await, tracks, "{what}");
}

pub(super) async fn a_moved_file_is_the_same_track(make: &impl AsyncFn() -> Arc<dyn Catalog>) {
    for case in MOVES {
        for missed in ALWAYS {
            check(make().await, case, missed, false).await;
        }
    }
}

pub(super) async fn a_file_moved_to_another_library_is_the_same_track(
    make: &impl AsyncFn() -> Arc<dyn Catalog>,
) {
    for case in MOVES.iter().filter(|case| !case.name.contains("in place")) {
        for missed in [Before, Together, Later] {
            check(make().await, case, missed, true).await;
        }
    }
}

pub(super) async fn where_several_are_alike_nobody_is_taken_for_another(catalog: Arc<dyn Catalog>) {
    let (house, song, old) = settled(catalog).await;
    let copy = |name: &str| {
        let mut copy = song.clone();
        copy.path = path(name);
        copy.stamp.inode += name.len() as u64;
        copy
    };
    scan(&house, house.music, &[copy("x/1.flac"), copy("y/22.flac")], &[old.id]).await;
    let tracks = house.tracks(&house.ann()).await;
    assert_eq!(titles(&tracks), ["other", "song", "song"]);
    assert!(tracks.iter().all(|track| track.id != old.id && track.play.starred.is_none()));
    // Both go, and one like them comes.
    let gone: Vec<TrackId> =
        tracks.iter().filter(|track| track.title == "song").map(|track| track.id).collect();
    scan(&house, house.music, &[copy("z/333.flac")], &gone).await;
    let new = house.track("song").await;
    assert!(new.id != old.id && !gone.contains(&new.id));
    // A file that comes back to its old place is what it was, whatever is like it.
    scan(&house, house.music, &[song], &[]).await;
    let back = house.catalog.track(&house.ann(), old.id).await.expect("it is back");
    assert_eq!((back.path.as_str(), back.play.starred), ("A/One/01 song.flac", Some(7)));
    assert_eq!(house.tracks(&house.ann()).await.len(), 3);
}

pub(super) async fn the_more_exact_claim_is_the_true_one(catalog: Arc<dyn Catalog>) {
    let (house, song, old) = settled(catalog).await;
    let mut moved = song.clone();
    moved.path = path("x/moved.flac");
    moved.stamp.inode += 1;
    let mut remastered = song;
    remastered.path = path("x/remastered.flac");
    anew(&mut remastered);
    remastered.tags.duration_ms += 500;
    scan(&house, house.music, &[remastered, moved.clone()], &[old.id]).await;
    let now = house.catalog.track(&house.ann(), old.id).await.expect("the same track");
    assert_eq!(now.path, moved.path);
    assert_eq!(house.tracks(&house.ann()).await.len(), 3);
}

/// One song on an album, on a compilation and as a second file, all found by one scan.
pub(super) async fn what_was_there_all_along_stays_what_it_is(catalog: Arc<dyn Catalog>) {
    let of_album = |album: &str, name: &str| {
        let mut found = file("A", album, 1, "song");
        found.path = path(name);
        found.stamp.inode = name.len() as u64;
        found.tags.details.track.musicbrainz = Some(RECORDING.to_owned());
        found
    };
    let all = [
        of_album("One", "one/song.flac"),
        of_album("Best of", "best of/song.flac"),
        of_album("One", "second/copy of song.flac"),
    ];
    let house = House::with(catalog, &all).await;
    let before = house.tracks(&house.ann()).await;
    for track in &before {
        house.catalog.star(&house.ann(), &[Item::Track(track.id)], Some(track.id.0)).await.expect("a star");
    }
    house.catalog.follow_moves(house.music).await.expect("a scan");
    // The first goes at once, and the compilation long after.
    scan(&house, house.music, &[], &[before[0].id]).await;
    scan_others(&house, house.music).await;
    scan(&house, house.music, &[], &[before[1].id]).await;
    let left = house.catalog.track(&house.ann(), before[2].id).await.expect("it is what it was");
    assert_eq!((left.path, left.play.starred), (path("second/copy of song.flac"), Some(before[2].id.0)));
    let ids: Vec<_> = house.tracks(&house.ann()).await.iter().map(|track| track.id).collect();
    assert!(!ids.contains(&before[0].id) && !ids.contains(&before[1].id), "{ids:?}");
}

pub(super) async fn p08_a_move_between_libraries_shows_nobody_more(catalog: Arc<dyn Catalog>) {
    let (house, song, old) = settled(catalog).await;
    let (catalog, ann) = (&house.catalog, house.ann());
    house.hide_for_ann("song").await;
    let mut moved = song;
    moved.path = path("talk.flac");
    moved.stamp.inode += 1;
    let narrow = Viewer { libraries: LibrarySet::Only(vec![house.music]), ..house.bob() };
    catalog.star(&narrow, &[Item::Track(house.track("other").await.id)], Some(1)).await.expect("a star");
    scan(&house, house.talks, &[moved], &[old.id]).await;
    let now = catalog.track(&ann, old.id).await.expect("the same track");
    assert_eq!(
        (now.folder, now.visibility, now.owner),
        (house.talks, Visibility::Private, Some(house.ann.id))
    );
    for viewer in [house.bob(), narrow.clone()] {
        assert_eq!(titles(&house.tracks(&viewer).await), ["other"]);
    }
    let change = TrackChange::visibility(Visibility::Library);
    catalog.change_track(&ann, old.id, &change).await.expect("a change");
    assert_eq!(titles(&house.tracks(&house.bob()).await), ["song", "other"]);
    assert_eq!(titles(&house.tracks(&narrow).await), ["other"], "the library of its new place is not his");
}

pub(super) async fn p08_what_somebody_made_his_own_is_no_file_of_others(catalog: Arc<dyn Catalog>) {
    let (house, song, old) = settled(catalog).await;
    let mut like = song;
    like.path = path("Elsewhere/like it.flac");
    like.stamp.inode += 1;
    scan(&house, house.music, &[like.clone()], &[]).await;
    let tracks = house.tracks(&house.ann()).await;
    let new = tracks.iter().find(|track| track.path == like.path).expect("it is there").id;
    let change = TrackChange::visibility(Visibility::Private);
    house.catalog.change_track(&house.bob(), new, &change).await.expect("a change");
    scan(&house, house.music, &[], &[old.id]).await;
    assert_eq!(titles(&house.tracks(&house.ann()).await), ["other"]);
    assert_eq!(house.catalog.track(&house.bob(), new).await.expect("his own").play.starred, None);
}

pub(super) async fn a_library_under_another_root_is_the_same_tracks(catalog: Arc<dyn Catalog>) {
    // Without tags the folder is all that they are told by, and these are alike in all else.
    let untagged = |n: u32| {
        let mut found = file("[Unknown Artist]", &format!("CD {n}"), 1, "Track 01");
        found.tags.details = crate::scan::Details::default();
        found
    };
    let files: Vec<Found> = (1..=6).map(untagged).collect();
    let house = House::with(catalog, &files).await;
    let catalog = &house.catalog;
    catalog.follow_moves(house.music).await.expect("a scan");
    let places = |tracks: Vec<Track>| -> Vec<_> {
        tracks.into_iter().map(|track| (track.id, track.path, track.play.starred)).collect()
    };
    let old = house.tracks(&house.ann()).await[3].id;
    catalog.star(&house.ann(), &[Item::Track(old)], Some(7)).await.expect("a star");
    let before = places(house.tracks(&house.ann()).await);
    for root in ["/media/bigger", "/media/music"] {
        let roots = [root.to_owned(), "/media/talks".to_owned()];
        let library = catalog.set_libraries(&roots).await.expect("libraries")[0].id;
        let mut copies = files.clone();
        copies.iter_mut().for_each(|found| found.stamp.inode += library.0.unsigned_abs());
        catalog.begin_scan().await.expect("the beginning of a scan");
        catalog.record(library, &copies).await.expect("files are recorded");
        catalog.follow_moves(library).await.expect("a scan");
        assert_eq!(places(house.tracks(&house.ann()).await), before, "{root}");
    }
}
