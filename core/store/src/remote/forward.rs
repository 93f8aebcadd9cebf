//! What somebody asks of an origin, sent on as he asked it, and the answer as it comes.
//!
//! The same guard, connections and bounds hold as for our own requests. Redirects are answers like all others. Trailers
//! end here (RFC 9110 section 6.5); interim answers are told as they come.

use std::fmt;
use std::io;
use std::sync::Arc;

use budget::Permit;
use bytes::Bytes;
use futures_util::stream::{BoxStream, try_unfold};
use futures_util::{StreamExt, TryStreamExt};
use http::header::{CONTENT_LENGTH, HeaderMap, TRANSFER_ENCODING};
use http::{Method, Request, Response, StatusCode};
use http_body::{Body, Frame};
use http_body_util::{BodyExt, Empty, StreamBody};
use percent_encoding::percent_decode_str;
use tokio::time::{Instant, timeout_at};

use super::connections::{Answer, RequestBody};
use super::origin::RemoteOrigin;
use super::sigv4::Payload;
use super::target::{RemotePath, Target, is_of_a_url};
use super::trouble::{Trouble, TroubleKind};
use crate::error::Error;
use crate::source::Pieces;

/// A request to be sent on.
pub struct Forward {
    /// The method.
    pub method: Method,
    /// What follows the address of the origin, as it was sent: a path without a slash at its start, and a query.
    pub path: String,
    /// End-to-end fields. `Host` is the origin's own.
    pub fields: HeaderMap,
    /// The body, if there is one. Its length is what `Content-Length` says; without that it is sent in chunks.
    pub body: Option<BoxStream<'static, io::Result<Bytes>>>,
    /// Who hears the interim answers that come before the final one.
    pub interim: Hears,
    /// Whether it is sent as ours, with what proves to the origin who we are.
    pub is_proven: bool,
}

/// Hears interim answers, by their status and fields, while the final one is waited for.
pub type Hears = Arc<dyn Fn(StatusCode, &HeaderMap) + Send + Sync>;

/// The final answer to it.
pub struct Forwarded {
    /// The status.
    pub status: StatusCode,
    /// All fields but those of the framing.
    pub fields: HeaderMap,
    /// How long the body is, if that was told.
    pub length: Option<u64>,
    /// The body: exactly as many bytes as were told, or an error.
    pub body: Pieces,
}

impl RemoteOrigin {
    /// The absolute address at the origin that a path stands for, as a text that names the same thing each time.
    ///
    /// # Errors
    /// `Escapes` for what is no path, or one that leads out of the origin's own.
    pub fn place(&self, path: &str) -> Result<String, Error> {
        let target = self.target(path).map_err(|trouble| trouble.of(self.0.name.clone()))?;
        Ok(format!("{}{}", target.site, target.path))
    }

    /// The absolute address that a reference from there means, as [`RemoteOrigin::place`] has it, if it is of the same
    /// server (RFC 9111 section 4.4).
    pub fn place_from(&self, path: &str, reference: &str) -> Option<String> {
        let from = self.target(path).ok()?;
        let to = from.redirected(reference).ok().filter(|to| to.site == from.site)?;
        Some(format!("{}{}", to.site, to.path))
    }

    /// The path as the name of a file, if asking for that file is the very same request.
    pub fn file(&self, path: &str) -> Option<RemotePath> {
        RemotePath::parse(path).ok().filter(|parsed| parsed.encoded() == path)
    }

    /// Sends a request on. What can be repeated is, once, when a connection that was kept turns out to be closed.
    ///
    /// # Errors
    /// As [`RemoteOrigin::open`]; no status is one.
    pub async fn forward(&self, mut forward: Forward) -> Result<Forwarded, Error> {
        let about = |trouble: Trouble| trouble.of(self.0.name.clone());
        let sent = self.sent(&mut forward).await;
        self.count(&sent);
        sent.and_then(|(answer, permit)| self.received(&forward.method, answer, permit)).map_err(about)
    }

    fn target(&self, path: &str) -> Result<Target, Trouble> {
        let wrong = |said: &str| Trouble::new(TroubleKind::Address, said);
        let (names, _) = path.split_once('?').unwrap_or((path, ""));
        if !is_of_a_url(path) {
            return Err(wrong("a path has characters that no URL has"));
        }
        // Whoever resolves them elsewhere must not leave what the origin is for.
        if leads_away(names) {
            return Err(wrong("a path has dots for a name"));
        }
        Ok(self.0.client.target(path))
    }

    /// The head of the answer, and the memory of who reads the rest. Who waits for a connection holds no memory, so that
    /// one origin that is slow takes none from the others.
    async fn sent(&self, forward: &mut Forward) -> Result<(Response<Answer>, Permit), Trouble> {
        let client = &self.0.client;
        let connections = client.connections();
        let target = self.target(&forward.path)?;
        let deadline = Instant::now() + client.total;
        let late = |_| Trouble::late(&format!("a request to {}", target.site));
        let may_repeat = forward.method.is_safe() && forward.body.is_none();
        let turn = timeout_at(deadline, connections.turn()).await.map_err(late)??;
        let permit = self.permit().await?;
        let request = self.request(forward, &target)?;
        let sending = connections.send_in(turn, &target.site, request);
        if !may_repeat {
            // A body may take its time, as long as it moves: the bounds of the connection see to that.
            return Ok((sending.await?, permit));
        }
        let sent = match timeout_at(deadline, sending).await.map_err(late)? {
            Err(trouble) if matches!(trouble.kind, TroubleKind::Closed | TroubleKind::Broken) => {
                connections.forget_idle(&target.site);
                let request = self.request(forward, &target)?;
                timeout_at(deadline, connections.send(&target.site, request)).await.map_err(late)?
            }
            sent => sent,
        };
        Ok((sent?, permit))
    }

    fn request(&self, forward: &mut Forward, target: &Target) -> Result<Request<RequestBody>, Trouble> {
        let (body, payload) = match forward.body.take() {
            Some(pieces) => (StreamBody::new(pieces.map_ok(Frame::data)).boxed_unsync(), Payload::Untold),
            None => (Empty::<Bytes>::new().map_err(|never| match never {}).boxed_unsync(), Payload::None),
        };
        let mut request = Request::new(body);
        *request.method_mut() = forward.method.clone();
        *request.uri_mut() = target.path.parse().map_err(|_| {
            Trouble::new(TroubleKind::Address, format!("{}: a path that no request can have", target.site))
        })?;
        *request.headers_mut() = forward.fields.clone();
        let hears = Arc::clone(&forward.interim);
        hyper::ext::on_informational(&mut request, move |answer| hears(answer.status(), answer.headers()));
        if forward.is_proven {
            self.0.client.proof.add(forward.method.as_str(), request.headers_mut(), target, payload);
        }
        Ok(request)
    }

    fn received(
        &self,
        method: &Method,
        answer: Response<Answer>,
        permit: Permit,
    ) -> Result<Forwarded, Trouble> {
        let (head, body) = answer.into_parts();
        if head.status.is_informational() {
            return Err(Trouble::lie("an interim answer came in place of the final one"));
        }
        let mut fields = head.headers;
        let bodiless = *method == Method::HEAD
            || matches!(head.status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
        let length = if bodiless { Some(0) } else { body.size_hint().exact() };
        let bytes_max = self.0.client.bytes_max;
        if length.is_some_and(|length| length > bytes_max) {
            let said = format!("an answer of more than {bytes_max} bytes is not passed on");
            return Err(Trouble::new(TroubleKind::TooLarge, said));
        }
        fields.remove(TRANSFER_ENCODING);
        if !bodiless {
            fields.remove(CONTENT_LENGTH);
        }
        let body = pieces(body, bytes_max, permit);
        Ok(Forwarded { status: head.status, fields, length, body })
    }
}

/// Whether some server would find the dots of a folder in a path: names are parted by slashes of both kinds, encoded or
/// not, and some servers take what follows a semicolon for no part of the name.
fn leads_away(names: &str) -> bool {
    let decoded: Vec<u8> = percent_decode_str(names).collect();
    let mut parts = decoded.split(|byte| matches!(byte, b'/' | b'\\'));
    parts.any(|name| matches!(name.split(|byte| *byte == b';').next(), Some(b"." | b"..")))
}

/// The bytes of an answer, of which there are at most so many. The permit is held as long as they come.
fn pieces(body: Answer, bytes_max: u64, permit: Permit) -> Pieces {
    let next = |(mut body, left, permit): (Answer, u64, Permit)| async move {
        loop {
            let Some(frame) = body.frame().await else { return Ok(None) };
            let Ok(piece) = frame.map_err(io::Error::from)?.into_data() else { continue };
            let Some(left) = left.checked_sub(piece.len() as u64) else {
                let said = "an answer has no end within what is passed on";
                return Err(io::Error::from(Trouble::new(TroubleKind::TooLarge, said)));
            };
            if !piece.is_empty() {
                return Ok(Some((piece, (body, left, permit))));
            }
        }
    };
    try_unfold((body, bytes_max, permit), next).boxed()
}

impl fmt::Debug for Forward {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Forward").field("method", &self.method).finish_non_exhaustive()
    }
}

impl fmt::Debug for Forwarded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Forwarded { status, length, .. } = self;
        f.debug_struct("Forwarded").field("status", status).field("length", length).finish_non_exhaustive()
    }
}
