//! The accept loop over real sockets, with a stub of a handler and deadlines of a fraction of a second.

mod ceilings;
mod clients;
mod deadlines;
mod endings;
mod identity;
mod parking;
mod protocols;
mod rush;
mod targets;
mod wire;

use std::net::SocketAddr;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::http::StatusCode;
use axum::response::IntoResponse;
use axum::routing::{any, get, post};
use axum::{Extension, Router};
use budget::Budget;
use budget::limits::MIB;
use bytes::Bytes;
use http_body_util::{BodyExt, StreamBody};
use stream::{Client, Peer};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::{Notify, mpsc};
use tokio::task::JoinHandle;

use super::metrics::Ended;
use super::{Bound, Deadlines, House, bind, serve};
use crate::settings::Address;

/// Long enough that nothing is late by accident on a busy machine.
const PATIENCE: Duration = Duration::from_secs(20);
/// Short enough that a test of lateness is quick.
const SOON: Duration = Duration::from_millis(150);

/// A running accept loop.
struct Running {
    house: Arc<House>,
    address: Address,
    gate: Arc<Notify>,
    task: JoinHandle<()>,
}

/// Deadlines that no test reaches by accident.
fn patient() -> Deadlines {
    Deadlines {
        first_byte: PATIENCE,
        head: PATIENCE,
        idle: PATIENCE,
        write_stall: PATIENCE,
        body_stall: PATIENCE,
        drain: PATIENCE,
        ..Deadlines::default()
    }
}

fn house(router: Router, deadlines: Deadlines) -> House {
    let budget = Budget::new(256 * MIB).unwrap();
    House { deadlines, ..House::new(router, budget, 0, 0) }
}

/// A house with the stub, changed by `change`, listening on a free port of the loopback.
fn start(deadlines: Deadlines, change: impl FnOnce(&mut House)) -> Running {
    start_at(&"127.0.0.1:0".parse().unwrap(), deadlines, change)
}

fn start_at(address: &Address, deadlines: Deadlines, change: impl FnOnce(&mut House)) -> Running {
    let gate = Arc::new(Notify::new());
    let mut house = house(stub(Arc::clone(&gate)), deadlines);
    change(&mut house);
    let (house, bound) = (house.open(), bind(address).unwrap());
    let address = bound.address().clone();
    let task = tokio::spawn(serve(vec![bound], Arc::clone(&house)));
    Running { house, address, gate, task }
}

impl Running {
    fn socket(&self) -> SocketAddr {
        match &self.address {
            Address::Tcp(address) => *address,
            Address::Unix(path) => panic!("{} is no TCP address", path.display()),
        }
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.socket()).await.unwrap()
    }

    /// Sends one request and reads what comes until the server closes.
    async fn ask(&self, request: &str) -> String {
        let mut client = self.connect().await;
        client.write_all(request.as_bytes()).await.unwrap();
        rest(&mut client).await
    }

    fn ended(&self, how: Ended) -> u64 {
        self.house.metrics.ended(how)
    }

    /// Stops and waits until everything has ended.
    async fn stop(self) {
        self.house.stop.cancel();
        tokio::time::timeout(PATIENCE, self.task).await.expect("the accept loop ends").unwrap();
        assert!(self.house.tasks.is_empty(), "no task outlives the accept loop");
        assert_eq!(self.house.connections.used(), 0, "every slot is back");
    }
}

/// Everything until the other side closes.
async fn rest(client: &mut TcpStream) -> String {
    let mut text = Vec::new();
    // A reset after the answer is an end too.
    let read = async { while client.read_buf(&mut text).await.is_ok_and(|count| count > 0) {} };
    tokio::time::timeout(PATIENCE, read).await.expect("the server closes");
    String::from_utf8_lossy(&text).into_owned()
}

/// One answer with a Content-Length, on a connection that goes on.
async fn one_answer(client: &mut (impl AsyncRead + Unpin)) -> String {
    let mut text = Vec::new();
    loop {
        let whole = String::from_utf8_lossy(&text).into_owned();
        if let Some((head, body)) = whole.split_once("\r\n\r\n") {
            let length = head
                .lines()
                .find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ")?.parse().ok());
            if body.len() >= length.unwrap_or(0) {
                return whole;
            }
        }
        assert_ne!(
            client.read_buf(&mut text).await.unwrap(),
            0,
            "the connection ended in an answer: {whole}"
        );
    }
}

/// Runs a client program and returns what it prints.
async fn run(program: &'static str, arguments: Vec<String>) -> String {
    let ran = tokio::task::spawn_blocking(move || Command::new(program).args(arguments).output().unwrap());
    let output = ran.await.unwrap();
    let said = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    assert!(output.status.success(), "{program}: {said} {}", String::from_utf8_lossy(&output.stderr));
    said
}

fn stub(gate: Arc<Notify>) -> Router {
    Router::new()
        .route("/ok", get(|| async { "ok" }))
        .route("/refuse/{status}", any(refuse))
        .route("/length", post(length))
        .route("/gated", get(gated))
        .route("/endless", get(endless))
        .route(
            "/client",
            get(|client: Extension<Client>| async move { format!("{} {}", client.address, client.secure) }),
        )
        .route(
            "/cut",
            get(|peer: Extension<Arc<Peer>>| async move {
                peer.cut();
                std::future::pending::<()>().await;
            }),
        )
        .with_state(gate)
}

async fn refuse(Path(status): Path<u16>) -> impl IntoResponse {
    (StatusCode::from_u16(status).unwrap(), "no")
}

async fn length(request: Request) -> Result<String, StatusCode> {
    let (mut body, mut bytes) = (request.into_body(), 0);
    while let Some(frame) = body.frame().await {
        bytes += frame.map_err(|_| StatusCode::BAD_REQUEST)?.data_ref().map_or(0, Bytes::len);
    }
    Ok(bytes.to_string())
}

/// Half of the answer at once, the other half when the test opens the gate.
async fn gated(State(gate): State<Arc<Notify>>) -> Body {
    let (send, receive) = mpsc::channel::<Result<_, std::io::Error>>(1);
    tokio::spawn(async move {
        let _ = send.send(Ok(http_body::Frame::data(Bytes::from_static(b"first ")))).await;
        gate.notified().await;
        let _ = send.send(Ok(http_body::Frame::data(Bytes::from_static(b"second")))).await;
    });
    channel(receive)
}

async fn endless() -> Body {
    let (send, receive) = mpsc::channel::<Result<_, std::io::Error>>(1);
    tokio::spawn(async move {
        let chunk = Bytes::from(vec![0; 32 * 1024]);
        while send.send(Ok(http_body::Frame::data(chunk.clone()))).await.is_ok() {}
    });
    channel(receive)
}

fn channel(receive: mpsc::Receiver<Result<http_body::Frame<Bytes>, std::io::Error>>) -> Body {
    let frames = futures_util::stream::unfold(receive, |mut receive| async {
        let frame = receive.recv().await?;
        Some((frame, receive))
    });
    Body::new(StreamBody::new(frames))
}

/// The error of a bind that must fail, as its caller prints it.
fn bind_error(address: &str) -> String {
    let bound: Result<Bound, _> = bind(&address.parse().unwrap());
    bound.expect_err("the address cannot be had").to_string()
}
