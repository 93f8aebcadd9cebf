//! One real answer over a socket pair before the first client comes.
//!
//! The wire stands on what hyper does inside, which no version of hyper promises. So each start sends a file through
//! hyper and a socket and compares what comes out; where a byte differs, or nothing comes, the wire stays off.

use std::fs::File;
use std::io::Write;
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use budget::{Budget, Chunks, limits};
use hyper::header::HeaderValue;
use store::{LibraryFolder, RelPath, Source};
use stream::wire::{Share, Wire};
use stream::{Client, Disposition, Kind, Listener, Peer, Segment, Streams};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::time::timeout;

use super::House;
use super::connection::{self, Caller};
use super::socket::{Remote, Socket};

const FILE: &str = "wire";
const ASK: &[u8] = b"GET / HTTP/1.1\r\nHost: wire\r\nConnection: close\r\n\r\n";
const HEAD_END: &[u8] = b"\r\n\r\n";

/// Sends a file that is written into `folder` through the wire.
///
/// # Errors
/// A sentence that says what differed or could not be done.
pub(crate) async fn self_test(folder: &Path) -> Result<(), String> {
    let folder = folder.to_owned();
    // What a disk lacks says nothing about the wire: without room there, the file lies elsewhere.
    let make_somewhere = move || make(&folder).or_else(|e| make(&std::env::temp_dir()).map_err(|_| e));
    let made = tokio::task::spawn_blocking(make_somewhere).await;
    let source = made.map_err(|e| e.to_string())??;
    let patience = Duration::from_millis(limits::WIRE_TEST_MS);
    timeout(patience, answer(source)).await.map_err(|_| "no whole answer came in time".to_owned())?
}

/// A file that is longer than two windows, of which no two blocks are equal. It has no name any more, so that no end of
/// this process leaves it behind.
fn make(folder: &Path) -> Result<Source, String> {
    let named = tempfile::Builder::new().prefix("wire-test-").tempdir_in(folder);
    let kept = named.map_err(|e| format!("no folder for a test file: {e}"))?;
    let written = File::create(kept.path().join(FILE)).and_then(|mut file| {
        (0..limits::WIRE_TEST_BLOCKS).try_for_each(|number| file.write_all(&block(number)))
    });
    written.map_err(|e| format!("no test file: {e}"))?;
    let open = || LibraryFolder::open(kept.path())?.open_source(&RelPath::parse(FILE)?);
    open().map_err(|e| format!("the test file cannot be opened: {e}"))
}

/// The low byte of the number is in every other byte of the block, the high byte in those between.
fn block(number: u64) -> Vec<u8> {
    (0..limits::KIB).map(|at| (at % 251) as u8 ^ (number >> (8 * (at % 2))) as u8).collect()
}

async fn answer(source: Source) -> Result<(), String> {
    let (count, budget) =
        (source.len(), Budget::new(limits::MEMORY_LIMIT_BYTES_MIN).map_err(|e| e.to_string())?);
    let streams =
        Streams::new(stream::Settings::default(), budget.clone(), Chunks::new(limits::CHUNK_BYTES, 1));
    let router = Router::new().route("/", get(send)).with_state((streams.clone(), source));
    let mut house = House::new(router, budget.clone(), 0, 0);
    house.wire = Wire::new(Share::ALL, budget);
    let (client, served) = UnixStream::pair().map_err(|e| format!("no socket pair: {e}"))?;
    let peer = Peer::new();
    let socket = Socket::unix(served, Arc::clone(&peer));
    let caller = Caller { remote: Remote::Unix, peer, house: house.open() };
    let ((), compared) = tokio::join!(connection::run(socket, caller, ()), compare(client, count));
    compared?;
    if streams.wired_bytes() == count { Ok(()) } else { Err("the wire was not used".to_owned()) }
}

async fn send(State((streams, source)): State<(Streams, Source)>, request: Request) -> Response {
    let listener = Listener {
        kind: Kind::Media,
        user: 0,
        user_name: "test".into(),
        what: "the test of the wire".to_owned(),
        client: Client { address: IpAddr::V4(Ipv4Addr::LOCALHOST), secure: false },
        peer: Peer::new(),
    };
    let kind = HeaderValue::from_static("application/octet-stream");
    let segment = Segment::whole(source, kind, Disposition::Inline);
    match streams.answer(request.method(), request.headers(), segment, listener) {
        Ok(answer) => answer.map(Body::new),
        Err(refused) => refused.to_string().into_response(),
    }
}

/// Reads the answer and compares it block by block.
async fn compare(mut client: UnixStream, count: u64) -> Result<(), String> {
    let gone = |e: std::io::Error| format!("the connection broke: {e}");
    client.write_all(ASK).await.map_err(gone)?;
    let mut head = Vec::new();
    while !head.ends_with(HEAD_END) && head.len() < limits::HEADER_BYTES_MAX {
        head.push(client.read_u8().await.map_err(gone)?);
    }
    let mut found = vec![0; limits::KIB as usize];
    for number in 0..count / limits::KIB {
        client.read_exact(&mut found).await.map_err(gone)?;
        if found != block(number) {
            return Err(format!("block {number} came out with other bytes"));
        }
    }
    match client.read(&mut found).await {
        Ok(0) => Ok(()),
        Ok(_) => Err("more came than was sent".to_owned()),
        Err(e) => Err(gone(e)),
    }
}
