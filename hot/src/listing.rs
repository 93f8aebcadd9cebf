//! One answer of the Subsonic face with 500 songs, through its router, from a real catalog.

use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::sync::Arc;

use budget::limits::{CHUNK_BYTES, DATABASE_READERS_MAX, LISTINGS_PER_USER_MAX, MIB};
use budget::{Budget, Chunks, Slots};
use bytes::Bytes;
use catalog::scan::{Details, Found, Inventory, Scanner, Tags};
use catalog::sqlite::Sqlite;
use catalog::{Library, Role, SignIn, Users};
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Empty};
use store::{DataFolder, FolderId, Folders, Io, MemoryBlobs, RelPath, Secret, Shelf, Spool, Stamp};
use stream::{Client, Peer, Settings, Streams};
use tower::{Service, ServiceExt};

use crate::{Failure, Result};

const SONGS: usize = 500;

/// Asks for 500 songs so many times.
pub(crate) fn songs(count: u64) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let (parts, key) = parts(folder.path()).await?;
        let router = subsonic::router(parts);
        let path = format!(
            "/rest/search3?apiKey={key}&f=json&v=1.16.1&c=hot&query=&artistCount=0&albumCount=0&songCount={SONGS}"
        );
        // Several at once open all connections to the database, which otherwise happens at some time or never.
        let mut first = tokio::task::JoinSet::new();
        for _ in 0..2 * DATABASE_READERS_MAX {
            first.spawn(ask(router.clone(), path.clone()));
        }
        let length = first.join_all().await.pop().transpose()?;
        for _ in 0..count {
            let bytes = ask(router.clone(), path.clone()).await?;
            // No answer may differ from the first.
            if length != Some(bytes) {
                return Err(format!("{bytes} bytes in place of {length:?}").into());
            }
        }
        Ok(())
    })
}

/// How many bytes one answer has.
async fn ask<R, B>(router: R, path: String) -> Result<usize>
where
    R: Service<Request<Empty<Bytes>>, Response = Response<B>>,
    R::Error: Into<Failure>,
    B: http_body::Body<Data = Bytes> + Unpin,
    B::Error: Into<Failure>,
{
    let mut request = Request::get(path).body(Empty::<Bytes>::new())?;
    request.extensions_mut().insert(Peer::new());
    request.extensions_mut().insert(Client { address: IpAddr::V4(Ipv4Addr::LOCALHOST), secure: false });
    let (head, mut body) = router.oneshot(request).await.map_err(Into::into)?.into_parts();
    let mut bytes = 0;
    while let Some(frame) = body.frame().await {
        bytes += frame.map_err(Into::into)?.data_ref().map_or(0, Bytes::len);
    }
    // Less than 100 bytes a song would be no song.
    if head.status != StatusCode::OK || bytes < SONGS * 100 {
        return Err(format!("{} with {bytes} bytes", head.status).into());
    }
    Ok(bytes)
}

async fn parts(folder: &Path) -> Result<(subsonic::Parts, String)> {
    let music = folder.join("music");
    std::fs::create_dir(&music)?;
    let budget = Budget::new(256 * MIB)?;
    let catalog = Arc::new(Sqlite::open(&folder.join("millpond.db")).await?);
    let libraries = catalog.set_libraries(&[music.to_string_lossy().into_owned()]).await?;
    let library = libraries.first().ok_or("no library")?.id;
    record(&catalog, library).await?;
    let folders = Folders::new(8);
    folders.set(vec![(library, music)]);
    let spool = Spool::open(&DataFolder::share(folder.join("data"))?, Io::new(1))?;
    let sign_in = SignIn::new(catalog.clone(), &Secret::from_bytes([7; 32]), budget.clone());
    // Nobody signs in by password here, so no hash is computed.
    let user = catalog.add_user("ann", Role::Admin, "none").await?;
    let (_, key) = sign_in.issue_key(user.id, "hot").await?;
    let parts = subsonic::Parts {
        catalog: catalog.clone(),
        sign_in,
        shelf: Shelf::new(folders.clone(), Arc::new(MemoryBlobs::new(spool))),
        streams: Streams::new(Settings::default(), budget.clone(), Chunks::new(CHUNK_BYTES, 4)),
        budget: budget.clone(),
        scanner: Scanner::new(catalog, folders, budget),
        listings: Slots::new("listings", "listings_per_user", 0, LISTINGS_PER_USER_MAX),
        covers: transform::Covers::default(),
        feeds: Arc::default(),
        begun: Arc::new(|_, _| ()),
        transforms: None,
        sign: Arc::new(|address, _| address.to_owned()),
        address_of: Arc::new(|_, _, _| String::new()),
    };
    Ok((parts, key))
}

/// Fifty albums of ten songs each, with the tags that songs usually have.
async fn record(catalog: &Sqlite, library: FolderId) -> Result<()> {
    let mut found = Vec::new();
    for number in 0..SONGS {
        let (album, track) = (number / 10, number % 10 + 1);
        let artist = format!("Artist {}", album / 2);
        found.push(Found {
            path: RelPath::parse(&format!("{artist}/Album {album}/{track:02} Song {number}.flac"))?,
            stamp: Stamp { length: 30_000_000, modified_ns: 0, changed_ns: 0, inode: number as u64 + 1 },
            tags: Tags {
                title: format!("Song {number}"),
                album: format!("Album {album}"),
                artist: artist.clone(),
                album_artist: artist,
                genres: vec!["Folk".to_owned(), "Ambient".to_owned()],
                track: u32::try_from(track).ok(),
                track_total: Some(10),
                disc: Some(1),
                year: Some(1976),
                duration_ms: 181_500,
                bitrate_kbps: 900,
                sample_rate_hz: 44_100,
                bit_depth: Some(16),
                channels: 2,
                suffix: "flac".to_owned(),
                content_type: "audio/flac",
                cover: None,
                details: Details::default(),
            },
        });
    }
    catalog.record(library, &found).await?;
    Ok(catalog.follow_moves(library).await?)
}
