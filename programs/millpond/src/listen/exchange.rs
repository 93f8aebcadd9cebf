//! One request and its answer.

use std::convert::Infallible;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::body::Body;
use axum::http::request::Parts;
use budget::{Fault, Refused, Slot, limits, network_of};
use bytes::Bytes;
use http_body::{Frame, SizeHint};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::header::{CONNECTION, CONTENT_LENGTH, EXPECT, HOST, HeaderMap, HeaderValue, RETRY_AFTER};
use hyper::{Method, Request, Response, StatusCode, Uri, Version};
use stream::Peer;
use stream::wire::{Blanks, Line, Offer};
use tower::ServiceExt;

use super::progress::Progress;
use super::pulse::{Answering, Pulse};
use super::refuse::mark;
use super::request_body::RequestBody;
use super::socket::Remote;
use super::{Deadlines, House};

/// What answers the requests of one connection. Clones are the same.
#[derive(Clone)]
pub(crate) struct Exchange(Arc<Shared>);

/// What every request of one connection shares.
pub(crate) struct Shared {
    pub(crate) house: Arc<House>,
    pub(crate) peer: Arc<Peer>,
    pub(crate) pulse: Arc<Pulse>,
    pub(crate) remote: Remote,
    pub(crate) tls: bool,
    /// Where files go out, if this connection may send them without hyper seeing their bytes.
    pub(crate) line: Option<Arc<Line>>,
}

type Answer = Response<AnswerBody>;

impl hyper::service::Service<Request<Incoming>> for Exchange {
    type Response = Answer;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Answer, Infallible>> + Send>>;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        let (exchange, answering) = (self.clone(), self.pulse.answering());
        let (mut parts, incoming) = request.into_parts();
        // A block, because an async function keeps its arguments beside what it makes of them: this box is allocated for
        // each request, and small ones are much cheaper.
        Box::pin(async move {
            let (method, version) = (parts.method.clone(), parts.version);
            // Who speaks an older version would take an interim answer for the final one.
            if version == Version::HTTP_11 {
                exchange.peer.interim().open();
            }
            let slot = match exchange.admit(&mut parts) {
                Ok(slot) => slot,
                Err(response) => {
                    exchange.peer.interim().close().await;
                    let response = Box::pin(exchange.turn_away(*response, parts, incoming)).await;
                    return Ok(response.map(|inner| AnswerBody::new(Sent::Ordinary(inner, None), answering)));
                }
            };
            let mut response = if http_body::Body::is_end_stream(&incoming) {
                // Of a request without a body, as nearly all are, nothing can be late or left unread.
                let handler = exchange.house.router.clone();
                let Ok(response) = handler.oneshot(Request::from_parts(parts, Body::empty())).await;
                response
            } else {
                Box::pin(exchange.answer_body(parts, incoming)).await
            };
            exchange.peer.interim().close().await;
            if method == Method::HEAD {
                forget_no_length(response.headers_mut());
            }
            let response = exchange.swap(&method, version, response, slot);
            Ok(response.map(|inner| AnswerBody::new(inner, answering)))
        })
    }
}

impl std::ops::Deref for Exchange {
    type Target = Shared;

    fn deref(&self) -> &Shared {
        &self.0
    }
}

impl Exchange {
    pub(crate) fn new(shared: Shared) -> Self {
        Exchange(Arc::new(shared))
    }

    /// Finds out who asks and writes it into the head, or says why nobody listens.
    fn admit(&self, parts: &mut Parts) -> Result<Option<Slot<IpAddr>>, Box<Response<Body>>> {
        let client = self.house.proxies.resolve(self.remote, self.tls, &parts.headers);
        if let Some(uri) = without_prefix(&parts.uri, &self.house.prefix) {
            parts.uri = uri;
        }
        if !names_its_host(parts) {
            let text = "a request names its host in one Host field (RFC 9112, section 3.2)\n";
            return Err(Box::new(plain(StatusCode::BAD_REQUEST, text)));
        }
        let slot = self.proxied_slot(client.address).map_err(|refused| Box::new(refusal(&refused)))?;
        parts.extensions.insert(client);
        // Of HTTP/2 the stream alone: to end it is no reason to end its neighbours.
        let peer = Progress::current().map_or_else(|| Arc::clone(&self.peer), |progress| progress.peer());
        parts.extensions.insert(peer);
        Ok(slot)
    }

    /// An answer to a request that no handler sees.
    async fn turn_away(&self, response: Response<Body>, parts: Parts, incoming: Incoming) -> Response<Body> {
        let (http1, waits) = (parts.version < Version::HTTP_2, parts.headers.contains_key(EXPECT));
        self.settle(response, Some(incoming), http1, !waits).await
    }

    /// The handler's answer to a request with a body, which may be late, and of which a part may be left unread.
    async fn answer_body(&self, parts: Parts, incoming: Incoming) -> Response<Body> {
        let (http1, waits) = (parts.version < Version::HTTP_2, parts.headers.contains_key(EXPECT));
        let (body, rest) = RequestBody::new(incoming, self.house.deadlines.body_stall);
        let handler = self.house.router.clone();
        let Ok(mut response) = handler.oneshot(Request::from_parts(parts, Body::new(body))).await;
        if rest.is_stalled() {
            response = plain(StatusCode::REQUEST_TIMEOUT, "nothing of the request body came for too long\n");
        }
        let may_read_on = !rest.is_stalled() && (rest.is_touched() || !waits);
        self.settle(response, rest.take(), http1, may_read_on).await
    }

    /// The late swap: an answer that is still what its handler said goes over the wire, if this connection has one. The
    /// head with all that the layers put there stays as it is. The slot is held until the last byte is sent, which is
    /// long after hyper has the last blank.
    fn swap(
        &self,
        method: &Method,
        version: Version,
        mut response: Response<Body>,
        slot: Option<Slot<IpAddr>>,
    ) -> Response<Sent> {
        match (&self.line, Offer::fits(method, version, &mut response)) {
            (Some(line), Some(offer)) if self.house.wire.is_on() => {
                response.map(|ordinary| Sent::Blanks(Blanks::new(offer, Arc::clone(line), (ordinary, slot))))
            }
            _ => response.map(|ordinary| Sent::Ordinary(ordinary, slot)),
        }
    }

    /// Behind a trusted proxy, where connections say nothing about clients, open requests count instead.
    fn proxied_slot(&self, client: IpAddr) -> Result<Option<Slot<IpAddr>>, Refused> {
        if self.house.proxies.trusts(self.remote) {
            self.house.proxied.take(network_of(client)).map(Some)
        } else {
            Ok(None)
        }
    }

    /// An early answer leaves part of the request unread. If that is short and on its way, it is read and dropped, and
    /// the connection goes on. Otherwise the answer says that the connection ends with it (RFC 9112, section 9.6), and
    /// the connection lingers. Of HTTP/2 only the stream ends (RFC 9113, section 8.1), and a little of its body is read
    /// meanwhile: curl drops an answer whose stream is reset while it still sends. `may_read_on` is false when the
    /// client stalled, or waits for a `100 Continue` that nobody sent.
    async fn settle(
        &self,
        mut response: Response<Body>,
        unread: Option<Incoming>,
        http1: bool,
        may_read_on: bool,
    ) -> Response<Body> {
        let Some(incoming) = unread.filter(|incoming| !http_body::Body::is_end_stream(incoming)) else {
            return response;
        };
        let Deadlines { linger, linger_bytes, .. } = self.house.deadlines;
        if !http1 {
            self.house.tasks.spawn(tokio::time::timeout(linger, drop_all(incoming, linger_bytes)));
            return response;
        }
        let short =
            http_body::Body::size_hint(&incoming).exact().is_some_and(|n| n <= limits::UNREAD_BODY_BYTES_MAX);
        if short && may_read_on {
            let dropped = tokio::time::timeout(linger, drop_all(incoming, linger_bytes)).await;
            if dropped == Ok(true) {
                return response;
            }
        }
        self.pulse.left_unread();
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        response
    }
}

/// Reads and drops at most so many bytes. Whether the body came to its end.
async fn drop_all(mut incoming: Incoming, bytes_max: u64) -> bool {
    let mut left = bytes_max;
    while let Some(frame) = incoming.frame().await {
        let Ok(frame) = frame else { return false };
        left = left.saturating_sub(frame.data_ref().map_or(0, |data| data.len() as u64));
        if left == 0 {
            return false;
        }
    }
    true
}

/// HTTP/1.1 wants exactly one `Host` field; HTTP/1.0 knows none, and HTTP/2 has it in its own form.
fn names_its_host(head: &Parts) -> bool {
    head.version != Version::HTTP_11 || head.headers.get_all(HOST).iter().count() == 1
}

/// An answer to HEAD has no bytes, and what looks for its length finds none: that says nothing of what GET would send, whose length
/// may be known to nobody. A length that is told must be that of GET, and need not be told (RFC 9110, section 9.3.2).
fn forget_no_length(fields: &mut HeaderMap) {
    if fields.get(CONTENT_LENGTH).is_some_and(|length| length == "0") {
        fields.remove(CONTENT_LENGTH);
    }
}

fn plain(status: StatusCode, text: &'static str) -> Response<Body> {
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = status;
    mark(response.headers_mut());
    response
}

fn refusal(refused: &Refused) -> Response<Body> {
    let (status, text) = match refused.fault {
        Fault::Caller => (StatusCode::TOO_MANY_REQUESTS, "too many requests of your address at once\n"),
        Fault::Server | Fault::Never => (StatusCode::SERVICE_UNAVAILABLE, "the server is full\n"),
    };
    let mut response = plain(status, text);
    let seconds = refused.retry_after.as_secs().max(1);
    response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
    response
}

/// The same URI without the path of `server.base_url`, if it begins with it: a proxy may strip the prefix or not.
pub(crate) fn without_prefix(uri: &Uri, prefix: &str) -> Option<Uri> {
    if prefix.is_empty() {
        return None;
    }
    let rest = uri.path().strip_prefix(prefix)?;
    if !rest.is_empty() && !rest.starts_with('/') {
        return None;
    }
    let path = if rest.is_empty() { "/" } else { rest };
    let path_and_query = match uri.query() {
        Some(query) => format!("{path}?{query}"),
        None => path.to_owned(),
    };
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = Some(path_and_query.parse().ok()?);
    Uri::from_parts(parts).ok()
}

/// What hyper is given.
enum Sent {
    Ordinary(Body, #[expect(dead_code, reason = "held for its Drop")] Option<Slot<IpAddr>>),
    Blanks(Blanks),
}

/// The answer's body; the exchange ends with it.
pub(crate) struct AnswerBody {
    inner: Sent,
    progress: Option<Arc<Progress>>,
    _answering: Answering,
}

impl AnswerBody {
    fn new(inner: Sent, answering: Answering) -> Self {
        let progress = Progress::current();
        // From here on the client decides when it is asked for its first frame.
        if let Some(progress) = &progress {
            progress.offered();
        }
        AnswerBody { inner, progress, _answering: answering }
    }
}

impl http_body::Body for AnswerBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let frame = match &mut self.inner {
            Sent::Ordinary(body, _) => Pin::new(body).poll_frame(cx),
            Sent::Blanks(blanks) => {
                Pin::new(blanks).poll_frame(cx).map(|frame| Some(frame?.map_err(axum::Error::new)))
            }
        };
        if let Some(progress) = &self.progress {
            match frame {
                Poll::Ready(Some(_)) => progress.offered(),
                Poll::Ready(None) | Poll::Pending => progress.nothing_to_offer(),
            }
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        match &self.inner {
            Sent::Ordinary(body, _) => body.is_end_stream(),
            Sent::Blanks(blanks) => blanks.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.inner {
            Sent::Ordinary(body, _) => body.size_hint(),
            Sent::Blanks(blanks) => blanks.size_hint(),
        }
    }
}
