//! Databases of other releases.

use super::*;

#[tokio::test]
async fn p12_the_database_of_the_first_release_becomes_one_of_this() {
    let folder = tempfile::tempdir().unwrap();
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/tests/golden/data-v1/millpond.db");
    let path = folder.path().join("millpond.db");
    std::fs::copy(golden, &path).unwrap();
    assert!(Sqlite::is_behind(&path).await.unwrap());
    let before = {
        let options = SqliteConnectOptions::new().filename(&path);
        let mut connection = options.connect().await.unwrap();
        let versions: Vec<i64> = sqlx::query_scalar("SELECT version FROM _sqlx_migrations")
            .fetch_all(&mut connection)
            .await
            .unwrap();
        assert_eq!(versions, [1]);
        let tracks: Vec<(i64, String)> = sqlx::query_as("SELECT id, path FROM tracks ORDER BY id")
            .fetch_all(&mut connection)
            .await
            .unwrap();
        // It knew no videos, but a file of one may have been among its tracks.
        sqlx::query("UPDATE tracks SET content_type = 'video/mp4'").execute(&mut connection).await.unwrap();
        connection.close().await.unwrap();
        tracks
    };
    assert!(!before.is_empty());
    let database = Sqlite::open(&path).await.unwrap();
    assert!(!Sqlite::is_behind(&path).await.unwrap());
    assert_eq!(database.check().await.unwrap(), Vec::<String>::new());
    let user = database.users(None, 500).await.unwrap().rows.remove(0);
    let viewer = Viewer::of(&user);
    let tracks = database.tracks(&viewer, None, 500).await.unwrap().rows;
    for track in &tracks {
        let letter = track.title.chars().next().unwrap().to_string();
        let found = database.search_tracks(&viewer, &letter, None, 0, 500).await.unwrap();
        assert!(found.iter().any(|other| other.id == track.id), "{} is found by {letter}", track.title);
        for genre in &track.genres {
            let order = AlbumOrder::ByGenre(genre.clone());
            let albums = database.albums(&viewer, &order, None, 0, 500).await.unwrap();
            assert!(albums.iter().any(|album| album.id == track.album_id), "{} is {genre}", track.title);
        }
    }
    let after: Vec<_> = tracks.iter().map(|track| (track.id.0, track.path.as_str().to_owned())).collect();
    assert_eq!(after, before);
    assert!(tracks.iter().all(|track| track.blob.is_none() && track.folder != UPLOADS));
    let libraries = database.libraries(&viewer).await.unwrap();
    assert_eq!(libraries.last().map(|row| (row.id, row.name.as_str())), Some((UPLOADS, "Uploads")));
    let unseen = database.unseen_video(None).await.unwrap().expect("it is to be looked at");
    assert_eq!(unseen.id.0, before[0].0);
    let videos = database.videos(&viewer, None, 500).await.unwrap().rows;
    assert!(videos.len() == before.len() && videos.iter().all(|video| video.look == Look::Coming));
    // A library that comes later has a number of its own, and its tracks are recorded as before.
    let added = database.set_libraries(&["/media/new".to_owned()]).await.unwrap();
    assert!(added[0].id > UPLOADS && libraries.iter().all(|row| row.id != added[0].id));
    database.record(added[0].id, &[found(1)]).await.unwrap();
    let stars = database.starred_tracks(&viewer, None, 0, 10).await.unwrap();
    assert_eq!(stars, [], "the library of the stars is hidden now");
}

#[tokio::test]
async fn p12_a_database_of_a_later_release_is_refused() {
    let (folder, database) = fresh().await;
    sqlx::query(
        "INSERT INTO _sqlx_migrations (version, description, installed_on, success, checksum, execution_time)
         VALUES (9999, 'later', '', 1, x'00', 0)",
    )
    .execute(&database.writer)
    .await
    .unwrap();
    database.close().await;
    let refused = Sqlite::open(&folder.path().join("test.db")).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Unavailable);
}

#[tokio::test]
async fn p12_a_database_of_an_earlier_release_is_told_from_a_new_one_and_a_current_one() {
    let (folder, database) = fresh().await;
    let path = folder.path().join("test.db");
    assert!(!Sqlite::is_behind(&folder.path().join("none.db")).await.unwrap(), "there is none");
    assert!(!folder.path().join("none.db").exists());
    assert!(!Sqlite::is_behind(&path).await.unwrap());
    sqlx::query("DELETE FROM _sqlx_migrations WHERE version > 1").execute(&database.writer).await.unwrap();
    assert!(Sqlite::is_behind(&path).await.unwrap());
    sqlx::query("DELETE FROM _sqlx_migrations").execute(&database.writer).await.unwrap();
    assert!(!Sqlite::is_behind(&path).await.unwrap(), "a server makes its tables just now");
}

#[tokio::test]
async fn p12_albums_of_an_earlier_release_have_the_moods_of_their_songs_without_a_scan() {
    let (folder, database) = fresh().await;
    let library = database.set_libraries(&["/media/music".to_owned()]).await.unwrap()[0].id;
    let viewer = Viewer::of(&database.add_user("ann", Role::User, "hash").await.unwrap());
    let mut moody = found(2);
    moody.tags.details.track.moods = vec!["Calm".to_owned(), "Wet".to_owned()];
    database.record(library, &[found(1), moody, found(11)]).await.unwrap();
    let moods = async |database: &Sqlite| {
        let albums = database.albums(&viewer, &AlbumOrder::ByName, None, 0, 10).await.unwrap();
        albums.into_iter().map(|album| album.moods.join(" ")).collect::<Vec<_>>()
    };
    assert_eq!(moods(&database).await, ["Calm Wet", ""]);
    for sql in
        ["ALTER TABLE album_totals DROP COLUMN moods", "DELETE FROM _sqlx_migrations WHERE version = 17"]
    {
        sqlx::query(sql).execute(&database.writer).await.unwrap();
    }
    database.close().await;
    let database = Sqlite::open(&folder.path().join("test.db")).await.unwrap();
    assert_eq!(moods(&database).await, ["Calm Wet", ""]);
}

#[tokio::test]
async fn p12_artists_of_an_earlier_release_have_their_albums_without_a_scan() {
    let (folder, database) = fresh().await;
    let library = database.set_libraries(&["/media/music".to_owned()]).await.unwrap()[0].id;
    let viewer = Viewer::of(&database.add_user("ann", Role::Admin, "hash").await.unwrap());
    let (mut guest, mut gone) = (found(1), found(31));
    guest.tags.details.artists = ["artist 0", "guest"].map(Person::named).to_vec();
    gone.tags.details.artists = ["artist 1", "lost"].map(Person::named).to_vec();
    database.record(library, &[guest, gone, found(11), found(32)]).await.unwrap();
    let tracks = database.tracks(&viewer, None, 10).await.unwrap().rows;
    let title = |title: &str| tracks.iter().find(|track| track.title == title).unwrap().id;
    database.mark_missing(library, &[title("song 31")]).await.unwrap();
    let private = TrackChange { visibility: Some(Visibility::Private), ..TrackChange::default() };
    database.change_track(&viewer, title("song 32"), &private).await.unwrap();
    let artists = async |database: &Sqlite| {
        let artists = database.search_artists(&viewer, "", None, 0, 10).await.unwrap();
        let shown = |artist: &Artist| (artist.name.clone(), artist.albums, artist.parts.iter().count());
        artists.iter().map(shown).collect::<Vec<_>>()
    };
    let expected = [("artist 0", 2, 2), ("guest", 1, 1), ("artist 1", 1, 2)];
    let expected = expected.map(|(name, albums, parts)| (name.to_owned(), albums, parts));
    assert_eq!(artists(&database).await, expected);
    for sql in [
        "DROP TABLE artist_totals",
        "ALTER TABLE albums DROP COLUMN cover_mark",
        "ALTER TABLE tracks DROP COLUMN cover_mark",
        "DELETE FROM _sqlx_migrations WHERE version IN (23, 29)",
    ] {
        sqlx::query(sql).execute(&database.writer).await.unwrap();
    }
    database.close().await;
    let database = Sqlite::open(&folder.path().join("test.db")).await.unwrap();
    assert_eq!(artists(&database).await, expected);
}

#[tokio::test]
async fn p12_what_an_earlier_release_wrote_with_marks_apart_is_found() {
    let (folder, database) = fresh().await;
    let library = database.set_libraries(&["/media/music".to_owned()]).await.unwrap()[0].id;
    let viewer = Viewer::of(&database.add_user("ann", Role::User, "hash").await.unwrap());
    let mut song = found(1);
    song.tags.genres = vec!["Chanson fran\u{e7}aise".to_owned()];
    song.tags.artist = "Beyonc\u{e9}".to_owned();
    database.record(library, &[song.clone()]).await.unwrap();
    for sql in [
        "UPDATE genres SET key = replace(key, char(231), 'c' || char(807))",
        "UPDATE artists SET key = replace(key, char(233), 'e' || char(769))",
    ] {
        assert!(sqlx::query(sql).execute(&database.writer).await.unwrap().rows_affected() > 0);
    }
    sqlx::query("PRAGMA user_version = 0").execute(&database.writer).await.unwrap();
    let of_genre = async |database: &Sqlite| {
        let order = AlbumOrder::ByGenre("chanson fran\u{e7}aise".to_owned());
        database.albums(&viewer, &order, None, 0, 10).await.unwrap().len()
    };
    assert_eq!(of_genre(&database).await, 0);
    database.close().await;
    let database = Sqlite::open(&folder.path().join("test.db")).await.unwrap();
    assert_eq!(of_genre(&database).await, 1);
}
