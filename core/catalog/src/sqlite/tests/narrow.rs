//! Whoever sees a small part of a large library.

use rusqlite::{Connection, StatementStatus, params};

use super::super::places::{Place, Statements};
use super::*;

const OTHERS: i64 = 3_000;

/// The rows of a page through the eyes of a user of one library, and how many steps SQLite's machine takes for them.
fn read(folder: &TempDir, list: &Statements, first: &Place, library: FolderId) -> (usize, i32) {
    let connection = Connection::open(folder.path().join("test.db")).unwrap();
    let mut statement = connection.prepare(list.rows).unwrap();
    let seen = format!("[{}]", library.0);
    let (none, last_year) = (None::<String>, i64::MAX);
    let mut rows = statement
        .query(params![
            1,
            seen,
            false,
            500,
            0,
            none,
            last_year,
            first.number,
            first.artist,
            first.artist_id,
            first.name,
            first.id
        ])
        .unwrap();
    let mut count = 0;
    while rows.next().unwrap().is_some() {
        count += 1;
    }
    drop(rows);
    (count, statement.get_status(StatementStatus::VmStep))
}

#[tokio::test]
async fn who_sees_little_of_a_library_passes_over_the_rest() {
    let (folder, database) = fresh().await;
    let roots = ["/media/music".to_owned(), "/media/talks".to_owned()];
    let libraries = database.set_libraries(&roots).await.unwrap();
    let talks = libraries[1].id;
    let begin = |number, id| Place { number, id, ..Place::default() };
    let lists = [
        ("newest albums", &albums::NEWEST, begin(i64::MAX, i64::MAX)),
        ("albums by name", &albums::BY_NAME, begin(0, 0)),
        ("albums by artist", &albums::BY_ARTIST, begin(i64::MIN, 0)),
        ("albums by year", &albums::BY_YEAR, begin(0, 0)),
        ("all albums", &search::ALL_ALBUMS, begin(i64::MIN, 0)),
        ("all artists", &search::ALL_ARTISTS, begin(i64::MIN, 0)),
    ];
    let few: Vec<Found> = (0..20).map(|n| found(1_000_000 + n)).collect();
    let many: Vec<Found> = (0..OTHERS).map(found).collect();
    database.record(talks, &few).await.unwrap();
    let all = begin(i64::MIN, 0);
    let (songs, alone) = read(&folder, &search::ALL_TRACKS, &all, talks);
    for files in many.chunks(500) {
        database.record(libraries[0].id, files).await.unwrap();
    }
    let (found, beside) = read(&folder, &search::ALL_TRACKS, &all, talks);
    assert!(
        (songs, found) == (20, 20) && beside < alone + 100,
        "{alone} steps alone, {beside} beside others"
    );

    let quick = lists.each_ref().map(|(_, list, first)| read(&folder, list, first, talks));
    // Through a sieve of which nothing falls, everything is looked at.
    for sql in ["UPDATE albums SET libraries = -1", "UPDATE artists SET libraries = -1"] {
        sqlx::query(sql).execute(&database.writer).await.unwrap();
    }
    for ((name, list, first), (rows, steps)) in lists.iter().zip(quick) {
        let (same, slow) = read(&folder, list, first, talks);
        assert!(rows > 0 && rows == same, "{name}: {rows} rows, {same} without the sieve");
        assert!(steps * 2 < slow, "{name}: {steps} steps, {slow} without the sieve");
    }
}

#[tokio::test]
async fn what_comes_into_a_library_is_seen_by_those_who_see_it_alone() {
    let (_folder, database) = fresh().await;
    let roots = ["/media/music".to_owned(), "/media/talks".to_owned()];
    let libraries = database.set_libraries(&roots).await.unwrap();
    let ann = database.add_user("ann", Role::User, "hash").await.unwrap();
    let all = Viewer::of(&ann);
    let alone = |library: FolderId| Viewer { libraries: LibrarySet::Only(vec![library]), ..all.clone() };
    // The same album in one library, then in both, then in the other alone.
    for is_there in [[true, false], [true, true], [false, true]] {
        for (library, is_there) in libraries.iter().zip(is_there) {
            if is_there {
                database.record(library.id, &[found(1)]).await.unwrap();
            } else {
                let tracks = database.search_tracks(&alone(library.id), "", None, 0, 10).await.unwrap();
                let ids: Vec<TrackId> = tracks.iter().map(|track| track.id).collect();
                database.mark_missing(library.id, &ids).await.unwrap();
            }
        }
        let viewers = libraries.iter().map(|library| alone(library.id));
        for (viewer, library_has) in viewers.zip(is_there) {
            let (viewer, order) = (&viewer, AlbumOrder::ByName);
            let found = [
                database.search_tracks(viewer, "", None, 0, 10).await.unwrap().len(),
                database.search_albums(viewer, "", None, 0, 10).await.unwrap().len(),
                database.search_artists(viewer, "", None, 0, 10).await.unwrap().len(),
                database.albums(viewer, &order, None, 0, 10).await.unwrap().len(),
                database.artists(viewer, None, None, 10).await.unwrap().rows.len(),
            ];
            assert_eq!(found, [usize::from(library_has); 5], "{is_there:?}");
        }
    }
}
