//! Single requests to servers that a user or the operator named: feeds, services that are told what was played.
//!
//! The same guard, names, connections and bounds hold as for origins. Nothing is kept of an answer.

use std::fmt;
use std::sync::Arc;

use budget::limits::{
    OUTGOING_BYTES_MAX, OUTGOING_CONNECTIONS_MAX, REMOTE_CONNECT_MS, REMOTE_FIELDS_MAX,
    REMOTE_HEAD_BYTES_MAX, REMOTE_HEAD_MS, REMOTE_IDLE_MS, REMOTE_READER_BYTES, REMOTE_REDIRECTS_MAX,
    REMOTE_STALL_MS, REMOTE_TOTAL_MS,
};
use budget::{Budget, Permit, Pool};
use bytes::{Bytes, BytesMut};
use http::header::{
    ACCEPT_ENCODING, AUTHORIZATION, CONTENT_ENCODING, COOKIE, HeaderMap, HeaderValue, USER_AGENT,
};
use http::{Method, Request, Response, StatusCode};
use http_body::Body;
use http_body_util::{BodyExt, Full};
use prometheus_client::registry::Registry;
use tokio::time::{Duration, Instant, timeout_at};

use super::client::location;
use super::connections::{Answer, Bounds, Connections, RequestBody};
use super::figures::OutgoingFigures;
use super::guard::Private;
use super::names::Names;
use super::target::Target;
use super::transport::{Tls, Transport};
use super::trouble::{Trouble, TroubleKind};
use crate::error::Error;

/// How we call ourselves where a request says nothing else.
const AGENT: &str = concat!("Millpond/", env!("CARGO_PKG_VERSION"));

/// How much, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutgoingBounds {
    /// Connections with a request on them; as many may be open without one. Further requests wait.
    pub connections_max: usize,
    /// For one request as a whole: the wait for a connection, all redirects, and the answer to its last byte.
    pub total: Duration,
    /// What one answer may have, in bytes.
    pub bytes_max: u64,
    /// How often a request is sent on, each time to a server that is judged anew.
    pub redirects_max: usize,
}

impl Default for OutgoingBounds {
    /// The defaults of [`budget::limits`]: for texts, which a server answers at once.
    fn default() -> Self {
        OutgoingBounds {
            connections_max: OUTGOING_CONNECTIONS_MAX,
            total: Duration::from_millis(REMOTE_TOTAL_MS),
            bytes_max: OUTGOING_BYTES_MAX,
            redirects_max: REMOTE_REDIRECTS_MAX,
        }
    }
}

/// Sends requests. A clone is the same, with the same connections.
#[derive(Clone)]
pub struct Outgoing {
    network: Arc<Network>,
    connections: Connections,
    bounds: OutgoingBounds,
}

/// What all who send have in common.
struct Network {
    tls: Tls,
    names: Arc<Names>,
    private: Private,
    budget: Budget,
    figures: OutgoingFigures,
}

/// The final answer to a request, whatever its status is.
pub struct OutgoingAnswer {
    /// The status. A redirect is followed for GET and HEAD, and is an answer like any other for the rest.
    pub status: StatusCode,
    /// Its fields.
    pub headers: HeaderMap,
    /// Who answered, behind all redirects. Its query may hold a secret, so no log should show it.
    pub address: String,
    site: String,
    body: Answer,
    left: u64,
    deadline: Instant,
    _permit: Permit,
}

impl Outgoing {
    /// Sends to the public internet, and to what `private` lets through; answers take their memory from that budget.
    ///
    /// # Errors
    /// When the system gives no threads for the look-up of names.
    pub fn new(budget: Budget, private: Private) -> Result<Self, Error> {
        Ok(Outgoing::with(budget, private, Tls::default(), Names::system()?))
    }

    fn with(budget: Budget, private: Private, tls: Tls, names: Names) -> Self {
        let (names, figures) = (Arc::new(names), OutgoingFigures::default());
        Outgoing::over(Arc::new(Network { tls, names, private, budget, figures }), OutgoingBounds::default())
    }

    fn over(network: Arc<Network>, bounds: OutgoingBounds) -> Self {
        let transport = Transport {
            tls: network.tls.clone(),
            names: Arc::clone(&network.names),
            guard: Some(network.private.clone()),
            connect: Duration::from_millis(REMOTE_CONNECT_MS),
        };
        let of_connections = Bounds {
            connections_max: bounds.connections_max.max(1),
            idle: Duration::from_millis(REMOTE_IDLE_MS),
            head: Duration::from_millis(REMOTE_HEAD_MS),
            stall: Duration::from_millis(REMOTE_STALL_MS),
            buffer_bytes: REMOTE_HEAD_BYTES_MAX,
            head_bytes_max: REMOTE_HEAD_BYTES_MAX,
            fields_max: REMOTE_FIELDS_MAX,
        };
        Outgoing { network, connections: Connections::new(transport, of_connections), bounds }
    }

    /// Another who sends, under the same guard, with connections and bounds of its own: one that is slow takes nothing
    /// from the others.
    #[must_use]
    pub fn bounded(&self, bounds: OutgoingBounds) -> Self {
        Outgoing::over(Arc::clone(&self.network), bounds)
    }

    /// Adds the figures of all who send to the metrics.
    pub fn register(&self, registry: &mut Registry) {
        self.network.figures.register(registry);
    }

    /// Whether a request could go to an address: it is written as one should be, and is no number that may not be asked. What a
    /// name means is looked up, and judged, by each request.
    ///
    /// # Errors
    /// `Escapes`, with a text that tells whoever named the address what is wrong with it.
    pub fn check(&self, address: &str) -> Result<(), Error> {
        let judge = |target: Target| match target.site.host.parse() {
            Ok(number) => self.network.private.judge(number),
            Err(_) => Ok(()),
        };
        Target::parse(address).and_then(judge).map_err(|trouble| trouble.of("the address cannot be used"))
    }

    /// Sends a request to the absolute address that it has, and gives the answer when its head is there. Redirects of GET
    /// and HEAD are followed, each judged anew; the fields that tell who we are (`Authorization`, `Cookie`) go to
    /// the server of the address alone. A connection that turns out to be closed is replaced for those two methods, and
    /// for others as long as nothing of the request was sent. `Accept-Encoding` and `Host` are set here.
    ///
    /// # Errors
    /// `Escapes` for an address that no request may go to, `Unreachable` for everything else that the other server does
    /// wrong; [`Error::trouble`] says what exactly. No status is an error.
    pub async fn send(&self, request: Request<Bytes>) -> Result<OutgoingAnswer, Error> {
        let about = request.uri().host().unwrap_or("a server").to_owned();
        let sent = self.sent(request).await;
        self.network.figures.count(&sent);
        sent.map_err(|trouble| trouble.of(about))
    }

    async fn sent(&self, mut request: Request<Bytes>) -> Result<OutgoingAnswer, Trouble> {
        let deadline = Instant::now() + self.bounds.total;
        let mut target = Target::parse(&request.uri().to_string())?;
        let headers = request.headers_mut();
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        headers.entry(USER_AGENT).or_insert(HeaderValue::from_static(AGENT));
        let may_repeat = matches!(*request.method(), Method::GET | Method::HEAD);
        for _ in 0..=self.bounds.redirects_max {
            let late = |_| Trouble::late(&format!("a request to {}", target.site));
            let exchange = self.exchanged(&request, &target, may_repeat);
            let (answer, permit) = timeout_at(deadline, exchange).await.map_err(late)??;
            let to = if may_repeat { location(&answer)? } else { None };
            let Some(to) = to else { return self.answered(&request, &target, answer, deadline, permit) };
            let next = target.redirected(to)?;
            if next.site != target.site {
                // Who is asked next was chosen by another than he to whom we say who we are.
                request.headers_mut().remove(AUTHORIZATION);
                request.headers_mut().remove(COOKIE);
            }
            target = next;
        }
        let said = format!("{} redirects more than {} times", target.site, self.bounds.redirects_max);
        Err(Trouble::new(TroubleKind::Redirect, said))
    }

    /// Waits for a connection, then for memory, and sends one request.
    async fn exchanged(
        &self,
        request: &Request<Bytes>,
        target: &Target,
        may_repeat: bool,
    ) -> Result<(Response<Answer>, Permit), Trouble> {
        let turn = self.connections.turn().await?;
        let permit = self.network.budget.wait(Pool::Origins, REMOTE_READER_BYTES).await;
        let permit = permit.map_err(Trouble::busy)?;
        let sent = self.connections.send_in(turn, &target.site, written(request, target)?).await;
        let answer = match sent {
            Err(trouble)
                if may_repeat && matches!(trouble.kind, TroubleKind::Closed | TroubleKind::Broken) =>
            {
                self.connections.forget_idle(&target.site);
                self.connections.send(&target.site, written(request, target)?).await?
            }
            sent => sent?,
        };
        Ok((answer, permit))
    }

    fn answered(
        &self,
        request: &Request<Bytes>,
        target: &Target,
        answer: Response<Answer>,
        deadline: Instant,
        permit: Permit,
    ) -> Result<OutgoingAnswer, Trouble> {
        let (head, body) = answer.into_parts();
        let bytes_max = self.bounds.bytes_max;
        if *request.method() != Method::HEAD && body.size_hint().lower() > bytes_max {
            return Err(too_large(&target.site.to_string(), bytes_max));
        }
        let encoding = head.headers.get(CONTENT_ENCODING);
        if encoding.is_some_and(|encoding| !encoding.as_bytes().eq_ignore_ascii_case(b"identity")) {
            return Err(Trouble::lie("an answer came encoded, though it was asked for as it is"));
        }
        Ok(OutgoingAnswer {
            status: head.status,
            headers: head.headers,
            address: format!("{}{}", target.site, target.path),
            site: target.site.to_string(),
            body,
            left: bytes_max,
            deadline,
            _permit: permit,
        })
    }
}

impl OutgoingAnswer {
    /// The next piece of the body, which is never empty; nothing at its end.
    ///
    /// # Errors
    /// `Unreachable` when the rest does not come: the other server stopped, took too long, or sent more than may be had.
    pub async fn next_chunk(&mut self) -> Result<Option<Bytes>, Error> {
        self.next().await.map_err(|trouble| trouble.of(self.site.clone()))
    }

    /// The whole body, if it has at most so many bytes.
    ///
    /// # Errors
    /// As [`OutgoingAnswer::next_chunk`].
    pub async fn whole(mut self, bytes_max: usize) -> Result<Bytes, Error> {
        self.left = self.left.min(bytes_max as u64);
        let mut all = BytesMut::new();
        while let Some(piece) = self.next_chunk().await? {
            all.extend_from_slice(&piece);
        }
        Ok(all.freeze())
    }

    async fn next(&mut self) -> Result<Option<Bytes>, Trouble> {
        loop {
            let late = |_| Trouble::late(&format!("the answer of {}", self.site));
            let frame = timeout_at(self.deadline, self.body.frame()).await.map_err(late)?;
            let Some(frame) = frame else { return Ok(None) };
            let Ok(piece) = frame?.into_data() else { continue };
            let left = self.left.checked_sub(piece.len() as u64);
            self.left = left.ok_or_else(|| too_large(&self.site, self.left))?;
            if !piece.is_empty() {
                return Ok(Some(piece));
            }
        }
    }
}

fn too_large(site: &str, left_bytes: u64) -> Trouble {
    let said = format!("the answer of {site} is longer than may be had of it, {left_bytes} bytes");
    Trouble::new(TroubleKind::TooLarge, said)
}

/// The request in the form that goes to this target.
fn written(request: &Request<Bytes>, target: &Target) -> Result<Request<RequestBody>, Trouble> {
    let body = Full::new(request.body().clone()).map_err(|never| match never {}).boxed_unsync();
    let mut written = Request::new(body);
    *written.method_mut() = request.method().clone();
    *written.uri_mut() = target.path.parse().map_err(|_| {
        Trouble::new(TroubleKind::Address, format!("{}: a path that no request can have", target.site))
    })?;
    *written.headers_mut() = request.headers().clone();
    Ok(written)
}

impl fmt::Debug for Outgoing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outgoing").field("bounds", &self.bounds).finish_non_exhaustive()
    }
}

impl fmt::Debug for OutgoingAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let OutgoingAnswer { status, site, .. } = self;
        f.debug_struct("OutgoingAnswer").field("status", status).field("site", site).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
