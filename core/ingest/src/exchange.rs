//! One request and its answer.

use std::convert::Infallible;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::body::Body;
use budget::{Fault, Refused, Slot, limits};
use bytes::Bytes;
use http_body::{Frame, SizeHint};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::header::{CONNECTION, EXPECT, HeaderValue, RETRY_AFTER};
use hyper::{Request, Response, StatusCode, Uri, Version};
use stream::Peer;
use tower::ServiceExt;

use super::House;
use super::client::network_of;
use super::progress::Progress;
use super::pulse::{Answering, Pulse};
use super::request_body::RequestBody;
use super::socket::Remote;

/// What every request of one connection shares.
#[derive(Clone)]
pub(crate) struct Exchange {
    pub(crate) house: Arc<House>,
    pub(crate) peer: Arc<Peer>,
    pub(crate) pulse: Arc<Pulse>,
    pub(crate) remote: Remote,
    pub(crate) tls: bool,
}

type Answer = Response<AnswerBody>;

impl hyper::service::Service<Request<Incoming>> for Exchange {
    type Response = Answer;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Answer, Infallible>> + Send>>;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        let answering = self.pulse.answering();
        Box::pin(self.clone().answer(request, answering))
    }
}

impl Exchange {
    async fn answer(self, request: Request<Incoming>, answering: Answering) -> Result<Answer, Infallible> {
        let (mut parts, incoming) = request.into_parts();
        let client = self.house.proxies.resolve(self.remote, self.tls, &parts.headers);
        if let Some(uri) = without_prefix(&parts.uri, &self.house.prefix) {
            parts.uri = uri;
        }
        let http1 = parts.version < Version::HTTP_2;
        let waits = parts.headers.contains_key(EXPECT);
        let slot = match self.proxied_slot(client.address) {
            Ok(slot) => slot,
            Err(refused) => {
                let response = self.settle(refusal(&refused), Some(incoming), http1, !waits).await;
                return Ok(response.map(|inner| AnswerBody::new(inner, answering, None)));
            }
        };
        parts.extensions.insert(client);
        // Of HTTP/2 the stream alone: to end it is no reason to end its neighbours.
        let peer = Progress::current().map_or_else(|| Arc::clone(&self.peer), |progress| progress.peer());
        parts.extensions.insert(peer);
        let (body, rest) = RequestBody::new(incoming, self.house.deadlines.body_stall);
        let handler = self.house.router.clone();
        let Ok(mut response) = handler.oneshot(Request::from_parts(parts, Body::new(body))).await;
        if rest.is_stalled() {
            response = plain(StatusCode::REQUEST_TIMEOUT, "nothing of the request body came for too long\n");
        }
        let may_read_on = !rest.is_stalled() && (rest.is_touched() || !waits);
        let response = self.settle(response, rest.take(), http1, may_read_on).await;
        Ok(response.map(|inner| AnswerBody::new(inner, answering, slot)))
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
    /// the connection lingers. HTTP/2 needs none of this: a stream of its own is reset (RFC 9113, section 8.1). `may_read_on` is false when the client stalled, or waits for a `100 Continue`
    /// that nobody sent.
    async fn settle(
        &self,
        mut response: Response<Body>,
        unread: Option<Incoming>,
        http1: bool,
        may_read_on: bool,
    ) -> Response<Body> {
        let Some(incoming) = unread.filter(|incoming| http1 && !http_body::Body::is_end_stream(incoming))
        else {
            return response;
        };
        let short =
            http_body::Body::size_hint(&incoming).exact().is_some_and(|n| n <= limits::UNREAD_BODY_BYTES_MAX);
        if short && may_read_on {
            let dropped = tokio::time::timeout(self.house.deadlines.linger, drop_all(incoming)).await;
            if dropped == Ok(true) {
                return response;
            }
        }
        self.pulse.left_unread();
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        response
    }
}

/// Whether the body came to its end.
async fn drop_all(mut incoming: Incoming) -> bool {
    while let Some(frame) = incoming.frame().await {
        if frame.is_err() {
            return false;
        }
    }
    true
}

fn plain(status: StatusCode, text: &'static str) -> Response<Body> {
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = status;
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
fn without_prefix(uri: &Uri, prefix: &str) -> Option<Uri> {
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

/// The answer's body; the exchange ends with it.
pub(crate) struct AnswerBody {
    inner: Body,
    progress: Option<Arc<Progress>>,
    _answering: Answering,
    _slot: Option<Slot<IpAddr>>,
}

impl AnswerBody {
    fn new(inner: Body, answering: Answering, slot: Option<Slot<IpAddr>>) -> Self {
        let progress = Progress::current();
        // From here on the client decides when it is asked for its first frame.
        if let Some(progress) = &progress {
            progress.offered();
        }
        AnswerBody { inner, progress, _answering: answering, _slot: slot }
    }
}

impl http_body::Body for AnswerBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let frame = Pin::new(&mut self.inner).poll_frame(cx);
        if let Some(progress) = &self.progress {
            match frame {
                Poll::Ready(Some(_)) => progress.offered(),
                Poll::Ready(None) | Poll::Pending => progress.nothing_to_offer(),
            }
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
