//! A server that says what a test wants it to say, over sockets without any library for HTTP.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// A request as it came.
#[derive(Clone, Debug)]
pub(super) struct Request {
    pub(super) path: String,
    /// The whole head in lower case.
    pub(super) head: String,
    /// The first byte that is asked for and the one behind the last, if a range is.
    pub(super) range: Option<(usize, usize)>,
    /// As many bytes as its length says.
    pub(super) body: Vec<u8>,
}

impl Request {
    fn read(head: &str) -> Request {
        let path = head.split(' ').nth(1).unwrap().to_owned();
        let head = head.to_lowercase();
        let range = head.split("range: bytes=").nth(1).map(|rest| {
            let (first, last) = rest.lines().next().unwrap().split_once('-').unwrap();
            (first.parse().unwrap(), last.parse::<usize>().unwrap() + 1)
        });
        Request { path, head, range, body: Vec::new() }
    }

    pub(super) fn field(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }

    /// Whether it asks for more than the first byte.
    pub(super) fn is_for_a_block(&self) -> bool {
        self.range != Some((0, 1))
    }
}

/// What is answered.
#[derive(Clone, Debug)]
pub(super) struct Reply {
    pub(super) status: String,
    pub(super) fields: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
    /// The body is written in pieces of this size, each flushed.
    pub(super) piece: usize,
    /// Before each piece but the first passes so much time.
    pub(super) pause_ms: u64,
    pub(super) end: End,
}

/// What follows the body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// The next request.
    Next,
    /// The connection is closed.
    Close,
    /// Nothing, for as long as the other side waits.
    Silence,
    /// The body again, for as long as the other side takes it.
    Again,
}

impl Reply {
    pub(super) fn new(status: &str) -> Reply {
        let fields = vec![("content-length".to_owned(), "0".to_owned())];
        let (body, piece) = (Vec::new(), usize::MAX);
        Reply { status: status.to_owned(), fields, body, piece, pause_ms: 0, end: End::Next }
    }

    /// Not a word.
    pub(super) fn silent() -> Reply {
        Reply { end: End::Silence, ..Reply::new("") }
    }

    /// What an honest server says of these bytes.
    pub(super) fn honest(request: &Request, bytes: &[u8], tag: &str) -> Reply {
        let mut reply = Reply::new("206 Partial Content");
        reply.set("etag", tag);
        let Some((first, end)) = request.range else {
            reply.status = "200 OK".to_owned();
            reply.set("content-length", &bytes.len().to_string());
            reply.body = bytes.to_vec();
            return reply;
        };
        if request.field("if-match").is_some_and(|wanted| wanted != tag) {
            reply.status = "412 Precondition Failed".to_owned();
            return reply;
        }
        if first >= bytes.len() {
            reply.status = "416 Range Not Satisfiable".to_owned();
            reply.set("content-range", &format!("bytes */{}", bytes.len()));
            return reply;
        }
        let end = end.min(bytes.len());
        reply.set("content-length", &(end - first).to_string());
        reply.set("content-range", &format!("bytes {first}-{}/{}", end - 1, bytes.len()));
        reply.set("content-type", "video/mp4");
        reply.body = bytes[first..end].to_vec();
        reply
    }

    pub(super) fn set(&mut self, name: &str, value: &str) {
        self.remove(name);
        self.fields.push((name.to_owned(), value.to_owned()));
    }

    pub(super) fn remove(&mut self, name: &str) {
        self.fields.retain(|(have, _)| have != name);
    }

    /// The body as chunks of this size, which promise no length.
    pub(super) fn chunked(&mut self, chunk_bytes: usize) {
        self.remove("content-length");
        self.set("transfer-encoding", "chunked");
        let mut body = Vec::new();
        for chunk in self.body.chunks(chunk_bytes) {
            body.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
            body.extend_from_slice(chunk);
            body.extend_from_slice(b"\r\n");
        }
        if self.end == End::Next {
            body.extend_from_slice(b"0\r\n\r\n");
        }
        self.body = body;
    }

    async fn send<S: AsyncWrite + Unpin>(&self, to: &mut S) -> std::io::Result<()> {
        if self.status.is_empty() {
            return Ok(());
        }
        let mut head = format!("HTTP/1.1 {}\r\n", self.status);
        self.fields.iter().for_each(|(name, value)| head.push_str(&format!("{name}: {value}\r\n")));
        to.write_all(format!("{head}\r\n").as_bytes()).await?;
        loop {
            for (at, piece) in self.body.chunks(self.piece).enumerate() {
                if at > 0 && self.pause_ms > 0 {
                    // sleep: that it is slow is what this server is for
                    tokio::time::sleep(Duration::from_millis(self.pause_ms)).await;
                }
                to.write_all(piece).await?;
                to.flush().await?;
            }
            if self.end != End::Again {
                return Ok(());
            }
        }
    }
}

type Answering = dyn Fn(&Request) -> Reply + Send + Sync;

/// The server. It ends with the value.
pub(super) struct Server {
    pub(super) port: u16,
    log: Arc<Mutex<Vec<Request>>>,
    open: Arc<AtomicUsize>,
    most: Arc<AtomicUsize>,
    _task: Ended,
}

struct Ended(JoinHandle<()>);

impl Drop for Ended {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Server {
    pub(super) async fn start(answer: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> Server {
        Server::at("127.0.0.1", None, answer).await
    }

    pub(super) async fn at(
        address: &str,
        tls: Option<tokio_rustls::TlsAcceptor>,
        answer: impl Fn(&Request) -> Reply + Send + Sync + 'static,
    ) -> Server {
        let listener = TcpListener::bind((address, 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (log, open, most) =
            (Arc::default(), Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let answer: Arc<Answering> = Arc::new(answer);
        let shared = (Arc::clone(&log), Arc::clone(&open), Arc::clone(&most));
        let task = tokio::spawn(async move {
            let mut conversations = tokio::task::JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let (log, open, most) = shared.clone();
                let (answer, tls) = (Arc::clone(&answer), tls.clone());
                conversations.spawn(async move {
                    let now = open.fetch_add(1, Ordering::SeqCst) + 1;
                    most.fetch_max(now, Ordering::SeqCst);
                    match tls {
                        None => converse(stream, &*answer, &log).await,
                        Some(tls) => {
                            if let Ok(stream) = tls.accept(stream).await {
                                converse(stream, &*answer, &log).await;
                            }
                        }
                    }
                    open.fetch_sub(1, Ordering::SeqCst);
                });
            }
        });
        Server { port, log, open, most, _task: Ended(task) }
    }

    pub(super) fn requests(&self) -> Vec<Request> {
        self.log.lock().unwrap().clone()
    }

    /// The ranges of blocks that were asked for, each once.
    pub(super) fn blocks(&self) -> (usize, BTreeSet<usize>) {
        let blocks: Vec<usize> = self
            .requests()
            .iter()
            .filter(|request| request.is_for_a_block())
            .filter_map(|request| request.range.map(|(first, _)| first))
            .collect();
        (blocks.len(), blocks.into_iter().collect())
    }

    /// The most connections that were open at the same time.
    pub(super) fn most(&self) -> usize {
        self.most.load(Ordering::SeqCst)
    }

    pub(super) fn open(&self) -> usize {
        self.open.load(Ordering::SeqCst)
    }
}

async fn converse<S: AsyncRead + AsyncWrite + Unpin>(
    mut stream: S,
    answer: &Answering,
    log: &Mutex<Vec<Request>>,
) {
    loop {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            match stream.read_u8().await {
                Ok(byte) => head.push(byte),
                Err(_) => return,
            }
        }
        let mut request = Request::read(&String::from_utf8(head).unwrap());
        let length = request.field("content-length").map_or(0, |length| length.parse().unwrap());
        request.body.resize(length, 0);
        if stream.read_exact(&mut request.body).await.is_err() {
            return;
        }
        let reply = answer(&request);
        log.lock().unwrap().push(request);
        if reply.send(&mut stream).await.is_err() {
            return;
        }
        let _ = stream.flush().await;
        match reply.end {
            End::Next => {}
            End::Close | End::Again => {
                let _ = stream.shutdown().await;
                return;
            }
            End::Silence => {
                // Until the other side goes away.
                let _ = stream.read_u8().await;
                return;
            }
        }
    }
}
