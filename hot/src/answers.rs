//! Answers with bytes of files: their heads, and their bodies to the end.

use std::future::poll_fn;
use std::hint::black_box;
use std::io::Write;
use std::net::{IpAddr, Ipv4Addr};
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use budget::limits::{CHUNK_BYTES, CHUNKS_IDLE_MAX, MIB};
use budget::{Budget, Chunks};
use http::header::{ETAG, IF_NONE_MATCH, RANGE};
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode};
use http_body::Body as _;
use store::{LibraryFolder, RelPath, Source};
use stream::{Body, Client, Disposition, Kind, Listener, Peer, Segment, Settings, Streams};
use tokio::runtime::Runtime;

use crate::Result;

/// A server's streams, and one file of a library.
pub(crate) struct House {
    pub(crate) runtime: Runtime,
    streams: Streams,
    source: Source,
    user_name: Arc<str>,
    peer: Arc<Peer>,
    _folder: tempfile::TempDir,
}

impl House {
    /// With a file of so many bytes, which is in the page cache because it has just been written, and whose
    /// modification time is long ago, so that its validator is strong.
    pub(crate) fn of(file_bytes: u64) -> Result<House> {
        let folder = tempfile::tempdir()?;
        let mut file = std::fs::File::create(folder.path().join("song.flac"))?;
        let piece: Vec<u8> = (0..=u8::MAX).cycle().take(1_000_000).collect();
        let mut left = usize::try_from(file_bytes)?;
        while left > 0 {
            let count = left.min(piece.len());
            file.write_all(&piece[..count])?;
            left -= count;
        }
        file.set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000))?;
        drop(file);
        let source = LibraryFolder::open(folder.path())?.open_source(&RelPath::parse("song.flac")?)?;
        let chunks = Chunks::new(CHUNK_BYTES, CHUNKS_IDLE_MAX);
        Ok(House {
            runtime: tokio::runtime::Builder::new_current_thread().enable_all().build()?,
            streams: Streams::new(Settings::default(), Budget::new(256 * MIB)?, chunks),
            source,
            user_name: Arc::from("ann"),
            peer: Peer::new(),
            _folder: folder,
        })
    }

    pub(crate) fn answer(&self, method: &Method, headers: &HeaderMap) -> Result<Response<Body>> {
        let segment =
            Segment::whole(self.source.clone(), HeaderValue::from_static("audio/flac"), Disposition::Inline);
        let listener = Listener {
            kind: Kind::Media,
            user: 1,
            user_name: Arc::clone(&self.user_name),
            what: "a song".to_owned(),
            client: Client { address: IpAddr::V4(Ipv4Addr::LOCALHOST), secure: false },
            peer: Arc::clone(&self.peer),
        };
        Ok(self.streams.answer(method, headers, segment, listener)?)
    }

    /// The heads of so many answers to the same request.
    fn heads(&self, method: &Method, headers: &HeaderMap, status: StatusCode, count: u64) -> Result<()> {
        for _ in 0..count {
            let answer = self.answer(black_box(method), black_box(headers))?;
            if black_box(&answer).status() != status {
                return Err(format!("{} in place of {status}", answer.status()).into());
            }
        }
        Ok(())
    }

    /// So many answers to the same request, read to their ends.
    fn bodies(&self, headers: &HeaderMap, expected_bytes: u64, count: u64) -> Result<()> {
        self.runtime.block_on(async {
            for _ in 0..count {
                let bytes = drained(self.answer(&Method::GET, headers)?.into_body()).await?;
                if bytes != expected_bytes {
                    return Err(format!("{bytes} bytes in place of {expected_bytes}").into());
                }
            }
            Ok(())
        })
    }
}

/// How many bytes come, each piece dropped as soon as it is there, as a connection does that has sent it.
async fn drained(mut body: Body) -> Result<u64> {
    let mut bytes = 0;
    while let Some(frame) = poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await {
        bytes += black_box(frame?).data_ref().map_or(0, bytes::Bytes::len) as u64;
    }
    Ok(bytes)
}

pub(crate) fn asking(range: &'static str) -> HeaderMap {
    HeaderMap::from_iter([(RANGE, HeaderValue::from_static(range))])
}

/// The head of a whole file; by HEAD, so that no stream is begun.
pub(crate) fn head_whole(count: u64) -> Result<()> {
    House::of(1_000_000)?.heads(&Method::HEAD, &HeaderMap::new(), StatusCode::OK, count)
}

/// The head of a range, with the stream that is begun for it and ended unread.
pub(crate) fn head_range(count: u64) -> Result<()> {
    let headers = asking("bytes=262144-524287");
    House::of(1_000_000)?.heads(&Method::GET, &headers, StatusCode::PARTIAL_CONTENT, count)
}

/// The answer to a client that has the file already.
pub(crate) fn head_not_modified(count: u64) -> Result<()> {
    let house = House::of(1_000_000)?;
    let known = house.answer(&Method::HEAD, &HeaderMap::new())?;
    let tag = known.headers().get(ETAG).cloned().ok_or("an answer without a tag")?;
    let headers = HeaderMap::from_iter([(IF_NONE_MATCH, tag)]);
    house.heads(&Method::GET, &headers, StatusCode::NOT_MODIFIED, count)
}

/// A range of 1 KiB, which comes from memory in one piece.
pub(crate) fn body_small(count: u64) -> Result<()> {
    House::of(1_000_000)?.bodies(&asking("bytes=4096-5119"), 1_024, count)
}

/// A range of 256 KiB of a resident file: the loop of the ordinary body.
pub(crate) fn body_resident(count: u64) -> Result<()> {
    House::of(1_000_000)?.bodies(&asking("bytes=262144-524287"), 262_144, count)
}

/// A whole file of 5 MB by the ordinary body.
pub(crate) fn copy_5_mb(count: u64) -> Result<()> {
    House::of(5_000_000)?.bodies(&HeaderMap::new(), 5_000_000, count)
}

/// A whole file of 50 MB by the ordinary body.
pub(crate) fn copy_50_mb(count: u64) -> Result<()> {
    House::of(50_000_000)?.bodies(&HeaderMap::new(), 50_000_000, count)
}
