//! Times every list of the catalog on a generated library: `cargo run -p catalog --example lists -- [TRACKS]`.

#![expect(clippy::expect_used, reason = "a measurement that fails ends")]

use std::future::Future;
use std::time::{Duration, Instant};

use catalog::scan::{Details, Found, FoundCover, Inventory, Tags};
use catalog::sqlite::Sqlite;
use catalog::{
    AlbumOrder, Artist, Credentials, Error, Library, LibrarySet, Page, RandomFilter, Role, Track, TrackId,
    Users, Viewer,
};
use store::{RelPath, Stamp};

/// A file of album `n / 12`, one of twelve; 3 albums an artist, 200 genres, 26 first letters.
fn found(n: u32) -> Found {
    let (album, artist) = (n / 12, n / 36);
    let letter = char::from(b'a' + (artist % 26) as u8);
    let path =
        RelPath::parse(&format!("{letter}artist {artist}/Album {album}/{:02} song {n}.flac", n % 12 + 1));
    let path = path.expect("a path");
    let cover = FoundCover {
        path: path.clone(),
        offset: 1_000,
        count: Some(50_000),
        content_type: "image/jpeg",
        mark: None,
    };
    Found {
        stamp: Stamp { length: 30_000_000, modified_ns: 1, changed_ns: 1, inode: u64::from(n) + 1 },
        tags: Tags {
            title: format!("Song {n} of love"),
            album: format!("{letter}lbum {album}"),
            artist: format!("{letter}rtist {artist}"),
            album_artist: format!("{letter}rtist {artist}"),
            genres: vec![format!("Genre {}", album % 200), "Rock".to_owned()],
            track: Some(n % 12 + 1),
            track_total: Some(12),
            disc: Some(1),
            year: Some(1950 + album % 70),
            duration_ms: 200_000,
            bitrate_kbps: 900,
            sample_rate_hz: 44_100,
            bit_depth: Some(16),
            channels: 2,
            suffix: "flac".to_owned(),
            content_type: "audio/flac",
            cover: Some(cover),
            details: Details::default(),
        },
        path,
    }
}

/// How long a list takes at best, and the first time, when nothing of it is remembered.
async fn time<T>(name: &str, rows: impl Fn(&T) -> usize, run: impl AsyncFn() -> Result<T, Error>) {
    let mut first = None;
    let mut best = Duration::MAX;
    let mut count = 0;
    for _ in 0..5 {
        let start = Instant::now();
        count = rows(&run().await.expect("an answer"));
        first.get_or_insert(start.elapsed());
        best = best.min(start.elapsed());
    }
    let ms = |took: Duration| took.as_secs_f64() * 1_000.0;
    println!(
        "{name:44} {count:>4} rows {:>8.2} ms, the first time {:>8.2} ms, peak {} MiB",
        ms(best),
        ms(first.unwrap_or_default()),
        resident_mib()
    );
}

fn resident_mib() -> u64 {
    budget::memory::process().peak_bytes / budget::limits::MIB
}

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(run());
}

fn run() -> impl Future<Output = ()> {
    let tracks = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(100_000);
    async move {
        let folder = tempfile::tempdir().expect("a folder");
        let database = Sqlite::open(&folder.path().join("lists.db")).await.expect("a database");
        let library = database.set_libraries(&["/media/music".to_owned()]).await.expect("a library")[0].id;
        let user = database.add_user("ann", Role::User, "hash").await.expect("a user");
        let start = Instant::now();
        for batch in 0..tracks / 500 {
            let files: Vec<Found> = (batch * 500..(batch + 1) * 500).map(found).collect();
            database.record(library, &files).await.expect("a batch");
        }
        database.follow_moves(library).await.expect("an end");
        let took = start.elapsed().as_secs_f64();
        println!(
            "recorded {tracks} tracks in {took:.1} s, {:.0} a second, peak {} MiB",
            f64::from(tracks) / took,
            resident_mib()
        );
        let viewer = Viewer::of(&user);
        lists(&database, &viewer, u64::from(tracks)).await;
        let narrow = Viewer { libraries: LibrarySet::Only(vec![library]), ..viewer };
        time("albums by name, a set of libraries", Vec::len, async || {
            database.albums(&narrow, &AlbumOrder::ByName, None, 0, 500).await
        })
        .await;
        println!("peak {} MiB", resident_mib());
    }
}

async fn drawn(database: &Sqlite, viewer: &Viewer, filter: &RandomFilter) -> Result<Vec<Track>, Error> {
    let ids = database.random_tracks(viewer, filter, 500).await?;
    database.these_tracks(viewer, &ids).await
}

async fn lists(database: &Sqlite, viewer: &Viewer, tracks: u64) {
    let last = tracks / 12 - 500;
    let rock = AlbumOrder::ByGenre("Rock".to_owned());
    let rare = AlbumOrder::ByGenre("Genre 7".to_owned());
    for (name, order, offset) in [
        ("albums by name", AlbumOrder::ByName, 0),
        ("albums by name, last page", AlbumOrder::ByName, last),
        ("albums by artist", AlbumOrder::ByArtist, 0),
        ("albums by artist, last page", AlbumOrder::ByArtist, last),
        ("newest albums", AlbumOrder::Newest, 0),
        ("newest albums, last page", AlbumOrder::Newest, last),
        ("albums by year", AlbumOrder::ByYear(2000, 1960), 0),
        ("albums of a common genre", rock.clone(), 0),
        ("albums of a common genre, last page", rock, last),
        ("albums of a rare genre", rare, 0),
    ] {
        time(name, Vec::len, async || database.albums(viewer, &order, None, offset, 500).await).await;
    }
    time(
        "artists",
        |page: &Page<Artist, _>| page.rows.len(),
        async || database.artists(viewer, None, None, 500).await,
    )
    .await;
    time(
        "tracks by id",
        |page: &Page<Track, _>| page.rows.len(),
        async || database.tracks(viewer, Some(TrackId(50_000)), 500).await,
    )
    .await;
    for (name, query, offset) in [
        ("all tracks by offset", "", 0),
        ("all tracks by offset, last page", "", tracks - 500),
        ("tracks with a word of all", "love", 0),
        ("tracks with a word of all, last page", "love", tracks - 500),
        ("tracks with a letter", "s", 0),
        ("tracks with two beginnings", "so 77", 0),
    ] {
        time(name, Vec::len, async || database.search_tracks(viewer, query, None, offset, 500).await).await;
    }
    time("albums with a letter", Vec::len, async || database.search_albums(viewer, "a", None, 0, 500).await)
        .await;
    time("artists with a letter", Vec::len, async || {
        database.search_artists(viewer, "a", None, 0, 500).await
    })
    .await;
    let all = RandomFilter::default();
    time("random tracks", Vec::len, async || drawn(database, viewer, &all).await).await;
    let rare = RandomFilter { genre: Some("Genre 7".to_owned()), ..RandomFilter::default() };
    time("random tracks of a rare genre", Vec::len, async || drawn(database, viewer, &rare).await).await;
    time("genres", Vec::len, async || database.genres(viewer, 0, 500).await).await;
    time("libraries", Vec::len, async || database.libraries(viewer).await).await;
    time("one track", |_| 1, async || database.track(viewer, TrackId(77)).await).await;
    time("the credential epoch", |_| 1, async || database.credential_epoch().await).await;
}
