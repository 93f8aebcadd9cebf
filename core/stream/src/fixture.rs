//! What the tests of this crate stand on: files, listeners and a body read to its end.

use std::future::poll_fn;
use std::io::{self, Write as _};
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use budget::limits::{CHUNK_BYTES, MIB};
use budget::{Budget, Chunks, Pool};
use http::{HeaderMap, HeaderValue, Method, Response};
use http_body::Body as _;
use store::{LibraryFolder, RelPath, Source};

use crate::{Body, Client, Disposition, Kind, Listener, Peer, Segment, Settings, Streams};

/// A server's streams with these limits, and the budget they take from.
pub(crate) fn streams(streams_max: usize, streams_per_user_max: usize) -> (Streams, Budget) {
    let budget = Budget::new(256 * MIB).unwrap();
    let settings = Settings {
        streams_max,
        streams_per_user_max,
        write_stall: Duration::from_secs(180),
        ..Settings::default()
    };
    (Streams::new(settings, budget.clone(), Chunks::new(CHUNK_BYTES, 4)), budget)
}

pub(crate) fn listener(user: i64) -> Listener {
    Listener {
        kind: Kind::Media,
        user,
        user_name: Arc::from(format!("user {user}")),
        what: "a song".to_owned(),
        client: Client { address: IpAddr::V4(Ipv4Addr::LOCALHOST), secure: false },
        peer: Peer::new(),
    }
}

/// A file that is older than a validator needs to be strong.
pub(crate) const OLD: &[u8] = include_bytes!("../Cargo.toml");

pub(crate) fn old_source() -> Source {
    open(Path::new(env!("CARGO_MANIFEST_DIR")), "Cargo.toml")
}

/// A folder with one new file, whose modification time is set to the past, so that any write to it shows.
pub(crate) fn new_file(bytes: &[u8]) -> (tempfile::TempDir, Source) {
    let folder = tempfile::tempdir().unwrap();
    let mut file = std::fs::File::create(folder.path().join("song.flac")).unwrap();
    file.write_all(bytes).unwrap();
    file.set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000)).unwrap();
    let source = open(folder.path(), "song.flac");
    (folder, source)
}

fn open(folder: &Path, name: &str) -> Source {
    LibraryFolder::open(folder).unwrap().open_source(&RelPath::parse(name).unwrap()).unwrap()
}

pub(crate) fn segment(source: Source) -> Segment {
    Segment::whole(source, HeaderValue::from_static("audio/flac"), Disposition::Inline)
}

/// Bytes of which no two neighbouring kilobytes are equal.
pub(crate) fn pattern(bytes: usize) -> Vec<u8> {
    (0..bytes).map(|at| (at % 251) as u8 ^ (at / 1024) as u8).collect()
}

/// A plain GET of all of a source.
pub(crate) fn get(streams: &Streams, source: &Source, listener: Listener) -> Body {
    streams.answer(&Method::GET, &HeaderMap::new(), segment(source.clone()), listener).unwrap().into_body()
}

/// The next piece of a body.
pub(crate) async fn piece(body: &mut Body) -> Option<io::Result<Vec<u8>>> {
    let before = body.size_hint().exact().unwrap();
    let frame = poll_fn(|context| Pin::new(&mut *body).poll_frame(context)).await?;
    let bytes = frame.map(|frame| frame.into_data().unwrap().to_vec());
    if let Ok(bytes) = &bytes {
        assert_eq!(
            body.size_hint().exact(),
            Some(before - bytes.len() as u64),
            "the length that is left is exact"
        );
    }
    Some(bytes)
}

/// A body to its end, or what came before its error.
pub(crate) async fn drain(body: &mut Body) -> (Vec<u8>, Option<io::Error>) {
    let mut bytes = Vec::new();
    while let Some(piece) = piece(body).await {
        match piece {
            Ok(piece) => bytes.extend(piece),
            Err(error) => return (bytes, Some(error)),
        }
    }
    assert!(body.is_end_stream());
    (bytes, None)
}

pub(crate) fn field<'a>(response: &'a Response<Body>, name: &str) -> &'a str {
    response.headers().get(name).map_or("", |value| value.to_str().unwrap())
}

/// Everything is given back: no stream, no byte.
pub(crate) fn assert_at_rest(streams: &Streams, budget: &Budget) {
    assert_eq!((streams.used(), streams.all().len()), (0, 0));
    assert_eq!(budget.figures()[Pool::Streams as usize].used_bytes, 0);
    assert_eq!((streams.inner.metrics.count_in_flight(), streams.inner.metrics.count_orphans()), (0, 0));
}

impl Streams {
    /// All that run.
    pub(crate) fn all(&self) -> Vec<crate::StreamFigures> {
        self.list(None, usize::MAX)
    }
}
