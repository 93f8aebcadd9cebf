//! Connections to one server, and to those it redirects to: bounded in number, kept for the next request, and never silent
//! for long.

use std::fmt;
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::header::{HOST, HeaderValue};
use http::{Request, Response, Uri};
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt;
use http_body_util::combinators::UnsyncBoxBody;
use hyper::body::Incoming;
use hyper::client::conn::http1::{Builder, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Sleep;

use super::transport::{Site, Transport};
use super::trouble::{Trouble, TroubleKind};

/// What a request carries.
pub(crate) type RequestBody = UnsyncBoxBody<Bytes, io::Error>;

/// How long things may take, and how many and how large they may be.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    /// Connections with a request on them; as many may be open without one.
    pub(crate) connections_max: usize,
    /// How long one without a request is kept.
    pub(crate) idle: Duration,
    /// How long it may take from the last movement of a request to the head of its answer.
    pub(crate) head: Duration,
    /// How long nothing of an answer may come.
    pub(crate) stall: Duration,
    /// What is read at once.
    pub(crate) buffer_bytes: usize,
    /// What the head of an answer may have.
    pub(crate) head_bytes_max: usize,
    /// Fields that the head of an answer may have.
    pub(crate) fields_max: usize,
}

/// The connections of one server. A clone is the same set.
#[derive(Clone)]
pub(crate) struct Connections(Arc<Shared>);

struct Shared {
    transport: Transport,
    bounds: Bounds,
    idle: Mutex<Vec<Idle>>,
    room: Arc<Semaphore>,
    started: Instant,
}

/// The right to put a request on a connection.
pub(crate) struct Turn(OwnedSemaphorePermit);

/// A connection without a request on it.
struct Idle {
    site: Site,
    sender: SendRequest<RequestBody>,
    since: Instant,
}

impl Connections {
    /// No connection yet.
    pub(crate) fn new(transport: Transport, bounds: Bounds) -> Self {
        Connections(Arc::new(Shared {
            transport,
            idle: Mutex::default(),
            room: Arc::new(Semaphore::new(bounds.connections_max)),
            bounds,
            started: Instant::now(),
        }))
    }

    /// Connections that are open now, with and without a request.
    pub(crate) fn open(&self) -> usize {
        let busy = self.0.bounds.connections_max - self.0.room.available_permits();
        busy + self.0.idle().len()
    }

    /// Closes what is kept of connections to a site.
    pub(crate) fn forget_idle(&self, site: &Site) {
        self.0.idle().retain(|one| one.site != *site);
    }

    /// Waits for its turn and sends one request, as [`Connections::send_in`] does.
    pub(crate) async fn send(
        &self,
        site: &Site,
        request: Request<RequestBody>,
    ) -> Result<Response<Answer>, Trouble> {
        let turn = self.turn().await?;
        self.send_in(turn, site, request).await
    }

    /// Waits until there may be one more connection with a request on it. The wait has no bound of its own.
    pub(crate) async fn turn(&self) -> Result<Turn, Trouble> {
        match Arc::clone(&self.0.room).acquire_owned().await {
            Ok(permit) => Ok(Turn(permit)),
            Err(_) => Err(Trouble::new(TroubleKind::Connect, "the connections are closed")),
        }
    }

    /// Sends one request, of whose address only path and query count, and gives the answer when its head is there. It
    /// ends when nothing moves for as long as the bounds say, however long the whole takes.
    pub(crate) async fn send_in(
        &self,
        Turn(permit): Turn,
        site: &Site,
        request: Request<RequestBody>,
    ) -> Result<Response<Answer>, Trouble> {
        let moved = Arc::new(Moved::new(self.0.started));
        let mut request = prepared(request, site, &moved)?;
        while let Some(sender) = self.0.take_idle(site) {
            match self.exchange(sender, request, &moved).await {
                Ok((answer, sender)) => return Ok(self.answered(answer, sender, site, permit)),
                Err(Failed::Unsent(again)) => request = *again,
                Err(Failed::Broken(e)) => return Err(e),
            }
        }
        let sender = self.connect(site).await?;
        match self.exchange(sender, request, &moved).await {
            Ok((answer, sender)) => Ok(self.answered(answer, sender, site, permit)),
            Err(Failed::Broken(e)) => Err(e),
            Err(Failed::Unsent(_)) => {
                Err(Trouble::new(TroubleKind::Connect, "the connection was closed as soon as it was open"))
            }
        }
    }

    async fn connect(&self, site: &Site) -> Result<SendRequest<RequestBody>, Trouble> {
        let stream = self.0.transport.connect(site).await?;
        let mut builder = Builder::new();
        let bounds = &self.0.bounds;
        builder.max_buf_size(bounds.buffer_bytes);
        builder.max_header_size(bounds.head_bytes_max).max_headers(bounds.fields_max);
        let (sender, connection) = builder
            .handshake(TokioIo::new(stream))
            .await
            .map_err(|e| Trouble::caused(TroubleKind::Connect, &site.to_string(), &e))?;
        // It ends by itself when the sender is dropped or the server closes.
        tokio::spawn(async move {
            if let Err(e) = connection.await {
                tracing::debug!(error = %e, "a connection to another server ended");
            }
        });
        Ok(sender)
    }

    async fn exchange(
        &self,
        mut sender: SendRequest<RequestBody>,
        request: Request<RequestBody>,
        moved: &Moved,
    ) -> Result<(Response<Incoming>, SendRequest<RequestBody>), Failed> {
        if sender.ready().await.is_err() {
            return Err(Failed::Unsent(Box::new(request)));
        }
        let answer = sender.try_send_request(request);
        tokio::pin!(answer);
        loop {
            let stall = moved.at() + self.0.bounds.head;
            tokio::select! {
                answer = &mut answer => return match answer {
                    Ok(answer) => Ok((answer, sender)),
                    Err(mut e) => Err(match e.take_message() {
                        Some(request) => Failed::Unsent(Box::new(request)),
                        None => Failed::Broken(sorted(e.into_error())),
                    }),
                },
                () = tokio::time::sleep_until(stall.into()) => {
                    if moved.at() + self.0.bounds.head <= Instant::now() {
                        return Err(Failed::Broken(Trouble::late("the head of an answer")));
                    }
                }
            }
        }
    }

    fn answered(
        &self,
        answer: Response<Incoming>,
        sender: SendRequest<RequestBody>,
        site: &Site,
        permit: OwnedSemaphorePermit,
    ) -> Response<Answer> {
        let lease = Lease { connections: self.clone(), site: site.clone(), sender, _permit: permit };
        answer.map(|body| Answer::new(body, lease, self.0.bounds.stall))
    }
}

impl Shared {
    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<Idle>> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let lifetime = self.bounds.idle;
        idle.retain(|one| !one.sender.is_closed() && one.since.elapsed() < lifetime);
        idle
    }

    /// The connection that was used last: the others grow old and are closed.
    fn take_idle(&self, site: &Site) -> Option<SendRequest<RequestBody>> {
        let mut idle = self.idle();
        let at = idle.iter().rposition(|one| one.site == *site)?;
        Some(idle.remove(at).sender)
    }
}

impl fmt::Debug for Connections {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connections").field("open", &self.open()).finish()
    }
}

enum Failed {
    /// Nothing of the request was sent: it can go over another connection.
    Unsent(Box<Request<RequestBody>>),
    Broken(Trouble),
}

/// When something of a request moved last.
struct Moved {
    started: Instant,
    after_ms: AtomicU64,
}

impl Moved {
    fn new(started: Instant) -> Self {
        let moved = Moved { started, after_ms: AtomicU64::new(0) };
        moved.now();
        moved
    }

    fn now(&self) {
        let after = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.after_ms.store(after, Ordering::Relaxed);
    }

    fn at(&self) -> Instant {
        self.started + Duration::from_millis(self.after_ms.load(Ordering::Relaxed))
    }
}

/// A request in the form that goes over a connection to its origin, whose body tells when it moves.
fn prepared(
    request: Request<RequestBody>,
    site: &Site,
    moved: &Arc<Moved>,
) -> Result<Request<RequestBody>, Trouble> {
    let (mut parts, body) = request.into_parts();
    let wrong =
        |e: &dyn std::error::Error| Trouble::caused(TroubleKind::Address, "no request can be made", e);
    let host = HeaderValue::from_str(&site.host_field()).map_err(|e| wrong(&e))?;
    parts.headers.insert(HOST, host);
    let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
    parts.uri = path.parse::<Uri>().map_err(|e| wrong(&e))?;
    let body = Watched { body, moved: Arc::clone(moved) };
    Ok(Request::from_parts(parts, body.boxed_unsync()))
}

/// A body whose every piece is noted as movement.
struct Watched {
    body: RequestBody,
    moved: Arc<Moved>,
}

impl Body for Watched {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
        self.moved.now();
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// A connection with a request on it. It goes back when the answer was read to its end, and is closed otherwise.
struct Lease {
    connections: Connections,
    site: Site,
    sender: SendRequest<RequestBody>,
    _permit: OwnedSemaphorePermit,
}

impl Lease {
    fn give_back(self) {
        let mut idle = self.connections.0.idle();
        if idle.len() < self.connections.0.bounds.connections_max {
            idle.push(Idle { site: self.site, sender: self.sender, since: Instant::now() });
        }
    }
}

/// The body of an answer.
pub(crate) struct Answer {
    body: Incoming,
    lease: Option<Lease>,
    stall: Pin<Box<Sleep>>,
    stall_time: Duration,
    /// Whether somebody waits for a piece, and since when the sleep counts.
    is_waiting: bool,
}

impl Answer {
    fn new(body: Incoming, lease: Lease, stall_time: Duration) -> Self {
        let stall = Box::pin(tokio::time::sleep(stall_time));
        let mut answer = Answer { body, lease: Some(lease), stall, stall_time, is_waiting: false };
        answer.settle();
        answer
    }

    /// Gives the connection back if nothing more comes.
    fn settle(&mut self) {
        if self.body.is_end_stream()
            && let Some(lease) = self.lease.take()
        {
            lease.give_back();
        }
    }
}

impl Body for Answer {
    type Data = Bytes;
    type Error = Trouble;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Trouble>>> {
        match Pin::new(&mut self.body).poll_frame(cx) {
            Poll::Ready(Some(Ok(frame))) => {
                self.is_waiting = false;
                self.settle();
                Poll::Ready(Some(Ok(frame)))
            }
            Poll::Ready(Some(Err(e))) => {
                self.lease = None;
                Poll::Ready(Some(Err(sorted(e))))
            }
            Poll::Ready(None) => {
                if let Some(lease) = self.lease.take() {
                    lease.give_back();
                }
                Poll::Ready(None)
            }
            Poll::Pending => {
                // Whoever takes long between two pieces is not the server that is slow.
                if !std::mem::replace(&mut self.is_waiting, true) {
                    let deadline = Instant::now() + self.stall_time;
                    self.stall.as_mut().reset(deadline.into());
                }
                ready!(self.stall.as_mut().poll(cx));
                self.lease = None;
                Poll::Ready(Some(Err(Trouble::late("the next piece of an answer"))))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// What kind of failure hyper speaks of, which decides whether the request may be tried again.
fn sorted(e: hyper::Error) -> Trouble {
    let kind = if e.is_timeout() {
        TroubleKind::Time
    } else if e.is_canceled() || e.is_closed() || e.is_incomplete_message() || e.is_body_write_aborted() {
        TroubleKind::Closed
    } else if e.is_parse() {
        TroubleKind::Garbled
    } else {
        TroubleKind::Broken
    };
    Trouble::caused(kind, "the connection failed", &e)
}
