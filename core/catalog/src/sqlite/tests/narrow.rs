//! Whoever sees a small part of a large library.

use rusqlite::{Connection, StatementStatus, params};

use super::super::places::{Place, Statements};
use super::*;

const OTHERS: i64 = 3_000;

/// What the list of albums by year ends with, and every grade of a search for a word that all songs have.
const ABOUT: [&str; 2] = [r#"["song","song","song","song","song"]"#, "9999"];

/// The rows of a page through the eyes of the first user, who sees these libraries, and how many steps SQLite's machine takes for them.
fn read(folder: &TempDir, list: &Statements, first: &Place, libraries: &[i64]) -> (usize, i32) {
    let connection = Connection::open(folder.path().join("test.db")).unwrap();
    let mut statement = connection.prepare(list.rows).unwrap();
    let seen = json_ids(libraries);
    let mut rows = statement
        .query(params![
            1,
            seen,
            false,
            500,
            0,
            ABOUT[0],
            ABOUT[1],
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
    let songs = [(&search::ALL_TRACKS, all), (&search::TRACKS, begin(0, 0))];
    // He has sent nothing himself, which he would see too.
    let own = [talks.0, -1, i64::MIN];
    let alone = songs.each_ref().map(|(list, first)| read(&folder, list, first, &own));
    for files in many.chunks(500) {
        database.record(libraries[0].id, files).await.unwrap();
    }
    for ((list, first), (rows, alone)) in songs.iter().zip(alone) {
        let (found, beside) = read(&folder, list, first, &own);
        assert!(rows == found && rows % 20 == 0 && rows > 0, "{rows} rows, and {found}");
        assert!(beside < alone + 100, "{alone} steps alone, {beside} beside others");
        // Whoever sees nothing is told so at once.
        let (none, steps) = read(&folder, list, first, &[]);
        assert!(none == 0 && steps < alone, "{none} rows of nothing in {steps} steps");
    }

    let quick = lists.each_ref().map(|(_, list, first)| read(&folder, list, first, &[talks.0]));
    // Through a sieve of which nothing falls, everything is looked at.
    for sql in ["UPDATE albums SET libraries = -1", "UPDATE artists SET libraries = -1"] {
        sqlx::query(sql).execute(&database.writer).await.unwrap();
    }
    for ((name, list, first), (rows, steps)) in lists.iter().zip(quick) {
        let (same, slow) = read(&folder, list, first, &[talks.0]);
        assert!(rows > 0 && rows == same, "{name}: {rows} rows, {same} without the sieve");
        assert!(steps * 2 < slow, "{name}: {steps} steps, {slow} without the sieve");
    }
}

#[tokio::test]
async fn a_page_of_all_songs_costs_as_much_at_the_end_as_at_the_beginning() {
    let (folder, database) = fresh().await;
    let library = database.set_libraries(&["/media/music".to_owned()]).await.unwrap()[0].id;
    for files in (0..OTHERS).map(found).collect::<Vec<Found>>().chunks(500) {
        database.record(library, files).await.unwrap();
    }
    let behind = |id| Place { number: 0, id, ..Place::default() };
    let page = |id| read(&folder, &search::ALL_TRACKS, &behind(id), &[library.0]);
    let ((first, early), (last, late)) = (page(0), page(OTHERS - 500));
    assert_eq!((first, last), (500, 500));
    assert!(late < early + 100, "{early} steps for the first page, {late} for the last");
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

#[tokio::test]
async fn all_songs_are_paged_through_from_library_to_library() {
    let (_folder, database) = fresh().await;
    let roots = ["/media/music".to_owned(), "/media/talks".to_owned()];
    let libraries = database.set_libraries(&roots).await.unwrap();
    // The songs of the second library stand between those of the first.
    let files: Vec<Found> = (0..600).map(found).collect();
    let talks: Vec<Found> = (0..20).map(|n| found(1_000_000 + n)).collect();
    for (library, files) in [(0, &files[..300]), (1, &talks[..]), (0, &files[300..])] {
        database.record(libraries[library].id, files).await.unwrap();
    }
    let ann = database.add_user("ann", Role::User, "hash").await.unwrap();
    let bob = database.add_user("bob", Role::User, "hash").await.unwrap();
    let page = async |user: &User, offset: u64, rows_max: usize| -> Vec<TrackId> {
        let viewer = Viewer::of(user);
        let tracks = database.search_tracks(&viewer, "", None, offset, rows_max).await.unwrap();
        tracks.iter().map(|track| track.id).collect()
    };
    let mut whole = page(&ann, 0, 500).await;
    whole.extend(page(&ann, 500, 500).await);
    assert_eq!((whole.len(), whole.iter().collect::<HashSet<_>>().len()), (620, 620), "each once");
    for offset in [595, 600, 610, 0, 619, 620, 9_000] {
        // Bob has read nothing before that leads there.
        let expected = whole.get(offset..).unwrap_or_default();
        let expected = &expected[..expected.len().min(10)];
        assert_eq!(page(&bob, offset as u64, 10).await, expected, "from {offset}");
    }
}
