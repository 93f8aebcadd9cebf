//! What is SQLite's own: plans, files, and what the traits cannot make yet.

mod narrow;
mod releases;

use std::collections::HashSet;
use std::sync::Arc;

use sqlx::AssertSqlSafe;
use tempfile::TempDir;

use super::*;
use crate::database::{Credentials, Library, Looks, Users};
use crate::model::*;
use crate::scan::{Details, Found, Inventory, Person, Tags};

pub(super) async fn fresh() -> (TempDir, Sqlite) {
    let folder = tempfile::tempdir().unwrap();
    let database = Sqlite::open(&folder.path().join("test.db")).await.unwrap();
    (folder, database)
}

pub(super) fn found(n: i64) -> Found {
    let path = store::RelPath::parse(&format!("{n}.mp3")).unwrap();
    let stamp = store::Stamp { length: 1, modified_ns: n, changed_ns: n, inode: n.unsigned_abs() };
    let tags = Tags {
        title: format!("song {n}"),
        album: format!("album {}", n / 10),
        artist: format!("artist {}", n / 30),
        album_artist: format!("artist {}", n / 30),
        genres: vec!["Rock".to_owned()],
        track: Some(1),
        track_total: None,
        disc: None,
        year: Some(2000),
        duration_ms: 1_000,
        bitrate_kbps: 1,
        sample_rate_hz: 1,
        bit_depth: None,
        channels: 1,
        suffix: "mp3".to_owned(),
        content_type: "audio/mpeg",
        cover: None,
        details: Details::default(),
    };
    Found { path, stamp, tags }
}

/// The lines of a plan that stand outside of scalar subqueries, whose small sorts are no list's.
async fn plan(database: &Sqlite, sql: &'static str) -> Vec<String> {
    let query = Query::put_together(format!("EXPLAIN QUERY PLAN {sql}"));
    let rows: Vec<(i64, i64, i64, String)> = database.readers.all(query).await.unwrap();
    let mut inside: HashSet<i64> = HashSet::new();
    let mut lines = Vec::new();
    for (id, parent, _, detail) in rows {
        let is_scalar = detail.contains("SUBQUERY") && detail != "LEFT-MOST SUBQUERY";
        if inside.contains(&parent) || is_scalar || detail.contains("MATERIALIZE seen") {
            inside.insert(id);
        } else {
            lines.push(detail);
        }
    }
    lines
}

#[tokio::test]
async fn no_list_sorts_a_table_that_an_index_has_in_order() {
    let (_folder, database) = fresh().await;
    let lists = [
        ("tracks by id", tracks::BY_ID),
        ("tracks of an album", tracks::OF_ALBUM),
        ("starred tracks", tracks::WITH_STAR),
        ("drawn tracks", tracks::DRAWN),
        ("drawn tracks of some years", ranks::OF_ALL),
        ("drawn tracks of a genre", ranks::OF_GENRE),
        ("tracks of a genre", discovery::OF_GENRE.rows),
        ("a stretch of a genre", discovery::STRETCH_OF_GENRE),
        ("newest albums", albums::NEWEST.rows),
        ("albums by name", albums::BY_NAME.rows),
        ("albums by artist", albums::BY_ARTIST.rows),
        ("albums by year", albums::BY_YEAR.rows),
        ("albums by year, backwards", albums::BY_YEAR_BACKWARDS.rows),
        ("albums of a genre", albums::BY_GENRE.rows),
        ("starred albums", albums::STARRED),
        ("highest albums", albums::HIGHEST),
        ("frequent albums", albums::FREQUENT),
        ("recent albums", albums::RECENT),
        ("drawn albums", albums::DRAWN),
        ("drawn albums by rank", ranks::ALBUMS),
        ("artists", artists::BY_NAME),
        ("starred artists", artists::WITH_STAR),
        ("videos", videos::AFTER),
        ("a video at which nobody has looked", videos::UNSEEN),
        ("tracks by words", search::TRACKS.rows),
        ("albums by words", search::ALBUMS.rows),
        ("artists by words", search::ARTISTS.rows),
        ("all tracks", search::ALL_TRACKS.rows),
        ("all albums", search::ALL_ALBUMS.rows),
        ("all artists", search::ALL_ARTISTS.rows),
        ("playlists", playlists::BY_NAME),
        ("a playlist", playlists::TRACKS),
        ("a queue", left_off::TRACKS),
        ("bookmarks", left_off::BOOKMARKS),
        ("radio stations", stations::BY_NAME),
        ("podcasts", podcasts::CHANNELS),
        ("episodes of a podcast", podcasts::OF_CHANNEL),
        ("newest episodes", podcasts::NEWEST),
        ("feeds that are due", feeds::NEXT_CHANNEL),
        ("episodes that are wanted", feeds::NEXT_EPISODE),
        ("accounts with which there is something to do", scrobbles::DUE),
        ("plays to be told", scrobbles::IN_LINE),
        ("jobs of a user", jobs::OF_OWNER),
        ("the next job", jobs::NEXT),
        ("jobs that nobody beats for", jobs::REAP),
        ("jobs that ended", jobs::ENDED),
        ("songs that were sent", jobs::SENT),
        ("stems of a track", stems::OF_TRACK),
        ("sets of stems", stems::AFTER),
        ("shares of a user", shares::OF_OWNER),
        ("a share", shares::TRACKS),
        ("known files", inventory::KNOWN),
        ("uploads of a user", uploads::OF_OWNER),
        ("uploads under way", under_way::UPLOADS),
        ("open uploads", uploads::OPEN),
        ("expired uploads", uploads::EXPIRED),
        ("blobs", blobs::AFTER),
        ("tracks of a blob", blobs::TRACK_OF),
        ("doomed blobs", blobs::OLDEST_DOOMED),
        ("the blob to be checked", blobs::TO_CHECK),
    ];
    for (name, sql) in lists {
        let lines = plan(&database, sql).await;
        assert!(!lines.iter().any(|line| line.contains("TEMP B-TREE")), "{name} sorts: {lines:#?}");
        // What is walked from end to end is a page of ids, an index in the order of the list, or the libraries that somebody sees.
        for line in lines.iter().filter(|line| line.starts_with("SCAN ")) {
            let fine = line.contains("USING INDEX")
                || line.contains("USING COVERING INDEX")
                || line.contains("VIRTUAL TABLE")
                || ["SCAN page", "SCAN al", "SCAN ar", "SCAN l"].contains(&line.as_str());
            assert!(fine, "{name} walks a table: {line} in {lines:#?}");
        }
    }
    // The check can fail: this order has no index.
    let bad = plan(&database, "SELECT id FROM tracks ORDER BY bitrate_kbps").await;
    assert!(bad.iter().any(|line| line.contains("TEMP B-TREE")), "{bad:#?}");
    let artist = plan(&database, albums::OF_ARTIST).await;
    assert!(artist.iter().any(|line| line.starts_with("SEARCH al USING INTEGER PRIMARY KEY")), "{artist:#?}");
    for sql in [
        library::COVER_OF_ALBUM,
        library::COVER_OF_ITS_ALBUM,
        library::COVER_OF_ARTIST,
        library::COVER_OF_PERFORMER,
        library::COVER_OF_CONTRIBUTOR,
    ] {
        let lines = plan(&database, sql).await;
        assert!(
            !lines.iter().any(|line| line.contains("TEMP B-TREE") || line.starts_with("SCAN ")),
            "{lines:#?}"
        );
    }
}

#[tokio::test]
async fn a_page_begins_where_it_is_asked_for() {
    let (_folder, database) = fresh().await;
    for (name, sql, begins) in [
        ("albums by name", albums::BY_NAME.rows, "albums_by_name (sort_name>?)"),
        ("albums of a genre", albums::BY_GENRE.rows, "PRIMARY KEY (genre_id=? AND sort_name>?)"),
        ("tracks of a genre", discovery::OF_GENRE.rows, "track_genres_by_genre (genre_id=? AND track_id>?)"),
        ("drawn tracks", ranks::OF_ALL, "tracks_seen (id>? AND id<?)"),
        ("drawn albums", ranks::ALBUMS, "PRIMARY KEY (rowid>? AND rowid<?)"),
        ("drawn tracks of a genre", ranks::OF_GENRE, "(genre_id=? AND track_id>? AND track_id<?)"),
    ] {
        let lines = plan(&database, sql).await;
        let found = lines.iter().any(|line| {
            line.contains(begins)
                || line.contains(&begins.replace("sort_name>?", "(sort_name,album_id)>(?,?)"))
        });
        assert!(found, "{name}: {lines:#?}");
    }
    for (name, sql) in [
        ("tracks by words", search::TRACKS.rows),
        ("albums by words", search::ALBUMS.rows),
        ("artists by words", search::ARTISTS.rows),
    ] {
        // Each grade by an expression, from a number on and up to another.
        let lines = plan(&database, sql).await;
        let begins = |line: &&String| {
            line.contains("_words VIRTUAL TABLE INDEX 0:M") && (line.ends_with("><") || line.ends_with("<>"))
        };
        assert_eq!(lines.iter().filter(begins).count(), 5, "{name}: {lines:#?}");
    }
    // Words of one letter are in an index as those of two and three are: else all that begin with it are put together first.
    let words: Vec<String> = database
        .readers
        .all(Query::new("SELECT sql FROM sqlite_schema WHERE sql LIKE '%USING fts5%' ORDER BY name"))
        .await
        .unwrap();
    assert_eq!(words.len(), 3);
    assert!(words.iter().all(|sql| sql.contains("prefix = '1 2 3'")), "{words:#?}");
}

#[tokio::test]
async fn what_refers_to_a_blob_is_found_by_indexes() {
    let (_folder, database) = fresh().await;
    let statements = [
        ("release", blobs::RELEASE),
        ("references", blobs::REFERENCES),
        ("bytes of a user", blobs::BYTES_OF_USER),
        ("a blob of an owner", blobs::OWNED),
        ("a short id", blobs::BY_FILE_ID),
        ("the latest track", blobs::LATEST_OF_OWNER),
        ("open uploads of a user", uploads::COUNT_OPEN),
        ("forgetting uploads", uploads::FORGET),
        ("forgetting too many uploads", uploads::FORGET_OVERFLOW),
        ("a picture", uploads::PICTURE),
        ("a picture that comes", uploads::COMING),
        ("names that were set", batch::RENAMED),
        // What a constraint looks for when a parent goes.
        ("uploads of a track", "UPDATE uploads SET track = NULL WHERE track = ?1"),
        ("media of a blob", "SELECT 1 FROM media WHERE blob = ?1"),
        // The check can fail: this has no index.
        ("nothing", "SELECT id FROM tracks WHERE cover_type = ?1"),
    ];
    for (name, sql) in statements {
        let rows: Vec<(i64, i64, i64, String)> =
            sqlx::query_as(AssertSqlSafe(format!("EXPLAIN QUERY PLAN {sql}")))
                .fetch_all(&database.writer)
                .await
                .unwrap();
        for (.., line) in &rows {
            let walks = line.starts_with("SCAN ") && !line.contains("CONSTANT ROW");
            let fine = !walks
                || ["SCAN libraries", "SCAN json_each", "SCAN seen"].iter().any(|t| line.starts_with(t));
            assert_eq!(
                fine && !line.contains("TEMP B-TREE"),
                name != "nothing",
                "{name}: {line} in {rows:#?}"
            );
        }
    }
}

#[tokio::test]
async fn what_moved_is_found_by_indexes() {
    let (_folder, database) = fresh().await;
    let whole = [
        ("what is gone", moves::ANY_GONE),
        ("renamed tracks", moves::RENAMED),
        ("tracks recorded under new names", moves::RECORDED),
        ("claims", moves::CLAIMED),
        ("displaced tracks", moves::DISPLACED),
        ("files of private songs", batch::HIDE),
        ("tracks whose names were found", moves::displaced::THERE),
        ("tracks that may be others now", moves::displaced::TOLD),
        ("whether anything is missed", moves::MISSES),
        ("new tracks", moves::claims::NEW),
        ("tracks with evidence", moves::claims::WITH_EVIDENCE),
        ("recent tracks", moves::claims::RECENT),
        ("lost tracks", moves::claims::LOST),
        ("tracks beside lost ones", moves::claims::BESIDE_LOST),
        // The check can fail: nobody asks by these.
        ("nothing", "SELECT id FROM tracks WHERE bitrate_kbps = ?1"),
    ];
    for (name, sql) in whole.into_iter().chain(moves::claims::EVIDENCE) {
        let query = Query::put_together(format!("EXPLAIN QUERY PLAN {sql}"));
        let lines: Vec<(i64, i64, i64, String)> = database.readers.all(query).await.unwrap();
        // Libraries are few; JSON and what an index gave up to its limit are short.
        let small = ["l", "j", "k", "f", "a", "b", "libraries", "(subquery-1)", "CONSTANT"];
        let is_small = |line: &str| line.split(' ').nth(1).is_some_and(|table| small.contains(&table));
        for (.., line) in &lines {
            let walks = line.starts_with("SCAN ") && !is_small(line);
            assert_eq!(walks, name == "nothing", "{name}: {line} in {lines:#?}");
        }
    }
}

#[tokio::test]
async fn a_snapshot_is_a_whole_database_and_the_check_finds_damage() {
    let (folder, database) = fresh().await;
    let ann = database.add_user("ann", Role::User, "hash").await.unwrap();
    let copy = folder.path().join("copy.db");
    database.snapshot(&copy).await.unwrap();
    assert_eq!(database.snapshot(&copy).await.unwrap_err().kind(), ErrorKind::Exists);
    database.remove_user(ann.id).await.unwrap();
    let copied = Sqlite::open(&copy).await.unwrap();
    assert_eq!(copied.users(None, 500).await.unwrap().rows, [ann]);
    assert_eq!(copied.check().await.unwrap(), Vec::<String>::new());

    sqlx::query("PRAGMA foreign_keys = OFF").execute(&copied.writer).await.unwrap();
    sqlx::query("INSERT INTO user_libraries VALUES (77, 88)").execute(&copied.writer).await.unwrap();
    assert_eq!(copied.check().await.unwrap().len(), 2, "both names of rows that are not there");
    copied.close().await;
    assert_eq!(copied.users(None, 500).await.unwrap_err().kind(), ErrorKind::Unavailable);
}

#[tokio::test]
async fn every_connection_is_set_up_as_promised() {
    let (_folder, database) = fresh().await;
    let check = async |pragma: &'static str, of_writer: Option<&str>, of_reader: Option<&str>| {
        let writer: String = sqlx::query_scalar(pragma).fetch_one(&database.writer).await.unwrap();
        let reader: String = database.readers.one(Query::new(pragma)).await.unwrap();
        for (value, expected) in [(writer, of_writer), (reader, of_reader)] {
            assert!(expected.is_none_or(|expected| expected == value), "{pragma}: {value}, not {expected:?}");
        }
    };
    check("SELECT journal_mode FROM pragma_journal_mode", Some("wal"), Some("wal")).await;
    check("SELECT CAST(cache_size AS TEXT) FROM pragma_cache_size", Some("-1024"), Some("-1024")).await;
    check("SELECT CAST(synchronous AS TEXT) FROM pragma_synchronous", Some("2"), None).await;
    check("SELECT CAST(foreign_keys AS TEXT) FROM pragma_foreign_keys", Some("1"), None).await;
    check("SELECT CAST(journal_size_limit AS TEXT) FROM pragma_journal_size_limit", Some("8388608"), None)
        .await;
    check("SELECT CAST(trusted_schema AS TEXT) FROM pragma_trusted_schema", Some("0"), Some("0")).await;
    let refused = database.readers.all::<i64>(Query::new("DELETE FROM users RETURNING id")).await;
    assert!(refused.is_err(), "readers cannot write");
}

#[tokio::test]
async fn p05_stalled_readers_do_not_let_the_log_grow() {
    let (folder, database) = fresh().await;
    let library = database.set_libraries(&["/media/music".to_owned()]).await.unwrap()[0].id;
    let ann = database.add_user("ann", Role::User, "hash").await.unwrap();
    let viewer = Viewer::of(&ann);
    let catalog: Arc<dyn crate::Catalog> = Arc::new(database.clone());
    // A hundred clients hold the page they asked for and take no further one, while a scan writes.
    let mut stalled = Vec::new();
    for batch in 0..20 {
        let files: Vec<Found> = (0..500).map(|n| found(batch * 500 + n)).collect();
        catalog.record(library, &files).await.unwrap();
        for _ in 0..5 {
            stalled.push(catalog.tracks(&viewer, None, 500).await.unwrap());
        }
    }
    let log = std::fs::metadata(folder.path().join("test.db-wal")).unwrap().len();
    assert!(log < 16 * 1024 * 1024, "the log has {log} bytes");
    assert_eq!(stalled.len(), 100);
    assert_eq!(database.credential_epoch().await.unwrap(), 0);
}

#[tokio::test]
async fn letters_are_counted_once_until_the_library_changes() {
    let (_folder, database) = fresh().await;
    let library = database.set_libraries(&["/media/music".to_owned()]).await.unwrap()[0].id;
    let viewer = |name: &'static str| {
        let database = database.clone();
        async move { Viewer::of(&database.add_user(name, Role::User, "hash").await.unwrap()) }
    };
    let (ann, bob) = (viewer("ann").await, viewer("bob").await);
    database.record(library, &[found(1), found(31)]).await.unwrap();
    let count = async |viewer: &Viewer, list| database.letters(viewer, list, 200).await.unwrap();
    let letter = |artists| vec![("a".to_owned(), artists)];
    assert_eq!(count(&ann, Lettered::Artists).await, letter(2));
    // A change that does not move the clock on, so that whoever counts anew is found out.
    sqlx::query("UPDATE artists SET sort_name = 'z' || sort_name").execute(&database.writer).await.unwrap();
    assert_eq!(count(&ann, Lettered::Artists).await, letter(2), "nothing is counted twice");
    assert_eq!(count(&bob, Lettered::Artists).await, [("z".to_owned(), 2)], "other eyes see for themselves");
    assert_eq!(count(&ann, Lettered::AlbumsByName).await, letter(2), "and so is each list");
    database.record(library, &[found(61)]).await.unwrap();
    assert_eq!(count(&ann, Lettered::Artists).await, [("a".to_owned(), 1), ("z".to_owned(), 2)]);
    assert_eq!(count(&ann, Lettered::AlbumsByName).await, letter(3));
}

#[tokio::test]
async fn a_scan_leaves_few_segments_to_search_in() {
    const SEGMENTS: &str = "SELECT max(n) FROM (
        SELECT count(DISTINCT segid) AS n FROM track_words_idx UNION ALL SELECT count(DISTINCT segid) FROM album_words_idx
        UNION ALL SELECT count(DISTINCT segid) FROM artist_words_idx)";
    let (_folder, database) = fresh().await;
    let library = database.set_libraries(&["/media/music".to_owned()]).await.unwrap()[0].id;
    for n in 0..12 {
        database.record(library, &[found(30 * n)]).await.unwrap();
    }
    let segments = async || database.readers.one::<i64>(Query::new(SEGMENTS)).await.unwrap();
    assert!(segments().await > 4, "{} segments", segments().await);
    database.follow_moves(library).await.unwrap();
    assert!(segments().await <= 4, "{} segments", segments().await);
    let found = database.search_tracks(&Viewer::server(), "song", None, 0, 100).await.unwrap();
    assert_eq!(found.len(), 12);
}
