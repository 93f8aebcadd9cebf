//! Connections to the bucket's server: bounded in number, kept for the next request, and never silent for long.

use std::fmt;
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use budget::limits::{S3_BUFFER_BYTES, S3_CONNECTIONS_MAX, S3_IDLE_MS, S3_STALL_MS};
use bytes::Bytes;
use http::header::{HOST, HeaderValue};
use http::{Request, Response, Uri};
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt;
use http_body_util::combinators::UnsyncBoxBody;
use hyper::body::Incoming;
use hyper::client::conn::http1::{Builder, SendRequest};
use hyper_util::rt::TokioIo;
use object_store::ClientOptions;
use object_store::client::{
    HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpResponse, HttpResponseBody,
    HttpService,
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Sleep;

use super::transport::{Origin, Transport};

/// What a request carries.
pub(super) type Outgoing = UnsyncBoxBody<Bytes, io::Error>;

/// The connections of one bucket. A clone is the same set.
#[derive(Clone)]
pub(super) struct Connections(Arc<Shared>);

struct Shared {
    transport: Transport,
    idle: Mutex<Vec<Idle>>,
    room: Arc<Semaphore>,
    started: Instant,
}

/// A connection without a request on it.
struct Idle {
    origin: Origin,
    sender: SendRequest<Outgoing>,
    since: Instant,
}

impl Connections {
    /// No connection yet.
    pub(super) fn new() -> Self {
        Connections(Arc::new(Shared {
            transport: Transport::new(),
            idle: Mutex::default(),
            room: Arc::new(Semaphore::new(S3_CONNECTIONS_MAX)),
            started: Instant::now(),
        }))
    }

    /// Connections that are open now, with and without a request.
    pub(super) fn open(&self) -> usize {
        let busy = S3_CONNECTIONS_MAX - self.0.room.available_permits();
        busy + self.0.idle().len()
    }

    /// Sends one request and gives the answer when its head is there. It ends when nothing moves for [`S3_STALL_MS`],
    /// however long the whole takes.
    pub(super) async fn send(&self, request: Request<Outgoing>) -> Result<Response<Answer>, HttpError> {
        let Ok(permit) = Arc::clone(&self.0.room).acquire_owned().await else {
            return Err(broken(HttpErrorKind::Connect, "the connections are closed"));
        };
        let origin = Origin::of(request.uri())?;
        let moved = Arc::new(Moved::new(self.0.started));
        let mut request = prepared(request, &origin, &moved)?;
        while let Some(sender) = self.0.take_idle(&origin) {
            match self.exchange(sender, request, &moved).await {
                Ok((answer, sender)) => return Ok(self.answered(answer, sender, origin, permit)),
                Err(Failed::Unsent(again)) => request = *again,
                Err(Failed::Broken(e)) => return Err(e),
            }
        }
        let sender = self.connect(&origin).await?;
        match self.exchange(sender, request, &moved).await {
            Ok((answer, sender)) => Ok(self.answered(answer, sender, origin, permit)),
            Err(Failed::Broken(e)) => Err(e),
            Err(Failed::Unsent(_)) => {
                Err(broken(HttpErrorKind::Connect, "the connection was closed as soon as it was open"))
            }
        }
    }

    async fn connect(&self, origin: &Origin) -> Result<SendRequest<Outgoing>, HttpError> {
        let stream = self.0.transport.connect(origin).await?;
        let mut builder = Builder::new();
        builder.max_buf_size(S3_BUFFER_BYTES);
        let (sender, connection) = builder
            .handshake(TokioIo::new(stream))
            .await
            .map_err(|e| HttpError::new(HttpErrorKind::Connect, e))?;
        // It ends by itself when the sender is dropped or the server closes.
        tokio::spawn(async move {
            if let Err(e) = connection.await {
                tracing::debug!(error = %e, "a connection to the bucket ended");
            }
        });
        Ok(sender)
    }

    async fn exchange(
        &self,
        mut sender: SendRequest<Outgoing>,
        request: Request<Outgoing>,
        moved: &Moved,
    ) -> Result<(Response<Incoming>, SendRequest<Outgoing>), Failed> {
        if sender.ready().await.is_err() {
            return Err(Failed::Unsent(Box::new(request)));
        }
        let answer = sender.try_send_request(request);
        tokio::pin!(answer);
        loop {
            let stall = moved.at() + Duration::from_millis(S3_STALL_MS);
            tokio::select! {
                answer = &mut answer => return match answer {
                    Ok(answer) => Ok((answer, sender)),
                    Err(mut e) => Err(match e.take_message() {
                        Some(request) => Failed::Unsent(Box::new(request)),
                        None => Failed::Broken(sorted(e.into_error())),
                    }),
                },
                () = tokio::time::sleep_until(stall.into()) => {
                    if moved.at() + Duration::from_millis(S3_STALL_MS) <= Instant::now() {
                        let stalled = broken(HttpErrorKind::Timeout, "nothing moved for too long");
                        return Err(Failed::Broken(stalled));
                    }
                }
            }
        }
    }

    fn answered(
        &self,
        answer: Response<Incoming>,
        sender: SendRequest<Outgoing>,
        origin: Origin,
        permit: OwnedSemaphorePermit,
    ) -> Response<Answer> {
        let lease = Lease { connections: self.clone(), origin, sender, _permit: permit };
        answer.map(|body| Answer::new(body, lease))
    }
}

impl Shared {
    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<Idle>> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let lifetime = Duration::from_millis(S3_IDLE_MS);
        idle.retain(|one| !one.sender.is_closed() && one.since.elapsed() < lifetime);
        idle
    }

    /// The connection that was used last: the others grow old and are closed.
    fn take_idle(&self, origin: &Origin) -> Option<SendRequest<Outgoing>> {
        let mut idle = self.idle();
        let at = idle.iter().rposition(|one| one.origin == *origin)?;
        Some(idle.remove(at).sender)
    }
}

impl fmt::Debug for Connections {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connections").field("open", &self.open()).finish()
    }
}

#[async_trait]
impl HttpService for Connections {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let request = request.map(|body| body.map_err(io::Error::other).boxed_unsync());
        Ok(self.send(request).await?.map(HttpResponseBody::new))
    }
}

impl HttpConnector for Connections {
    fn connect(&self, _options: &ClientOptions) -> object_store::Result<HttpClient> {
        Ok(HttpClient::new(self.clone()))
    }
}

enum Failed {
    /// Nothing of the request was sent: it can go over another connection.
    Unsent(Box<Request<Outgoing>>),
    Broken(HttpError),
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
    request: Request<Outgoing>,
    origin: &Origin,
    moved: &Arc<Moved>,
) -> Result<Request<Outgoing>, HttpError> {
    let (mut parts, body) = request.into_parts();
    let host =
        HeaderValue::from_str(&origin.host_field()).map_err(|e| HttpError::new(HttpErrorKind::Unknown, e))?;
    parts.headers.insert(HOST, host);
    let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
    parts.uri = path.parse::<Uri>().map_err(|e| HttpError::new(HttpErrorKind::Unknown, e))?;
    let body = Watched { body, moved: Arc::clone(moved) };
    Ok(Request::from_parts(parts, body.boxed_unsync()))
}

/// A body whose every piece is noted as movement.
struct Watched {
    body: Outgoing,
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
    origin: Origin,
    sender: SendRequest<Outgoing>,
    _permit: OwnedSemaphorePermit,
}

impl Lease {
    fn give_back(self) {
        let mut idle = self.connections.0.idle();
        if idle.len() < S3_CONNECTIONS_MAX {
            idle.push(Idle { origin: self.origin, sender: self.sender, since: Instant::now() });
        }
    }
}

/// The body of an answer.
pub(super) struct Answer {
    body: Incoming,
    lease: Option<Lease>,
    stall: Pin<Box<Sleep>>,
}

impl Answer {
    fn new(body: Incoming, lease: Lease) -> Self {
        let stall = Box::pin(tokio::time::sleep(Duration::from_millis(S3_STALL_MS)));
        let mut answer = Answer { body, lease: Some(lease), stall };
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
    type Error = HttpError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, HttpError>>> {
        match Pin::new(&mut self.body).poll_frame(cx) {
            Poll::Ready(Some(Ok(frame))) => {
                let deadline = Instant::now() + Duration::from_millis(S3_STALL_MS);
                self.stall.as_mut().reset(deadline.into());
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
                ready!(self.stall.as_mut().poll(cx));
                self.lease = None;
                Poll::Ready(Some(Err(broken(HttpErrorKind::Timeout, "nothing came for too long"))))
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
fn sorted(e: hyper::Error) -> HttpError {
    let kind = if e.is_timeout() {
        HttpErrorKind::Timeout
    } else if e.is_canceled() || e.is_closed() || e.is_incomplete_message() || e.is_body_write_aborted() {
        HttpErrorKind::Request
    } else if e.is_parse() {
        HttpErrorKind::Decode
    } else {
        HttpErrorKind::Interrupted
    };
    HttpError::new(kind, e)
}

pub(super) fn broken(kind: HttpErrorKind, said: &str) -> HttpError {
    HttpError::new(kind, io::Error::other(said.to_owned()))
}
