//! Requests to one origin: each redirect is looked at again, and nobody but the origin learns who asks.

use std::io;
use std::ops::Range;
use std::sync::Arc;

use budget::limits::{
    BLOB_BLOCK_BYTES, REMOTE_FIELDS_MAX, REMOTE_HEAD_BYTES_MAX, REMOTE_IDLE_MS, REMOTE_REDIRECTS_MAX,
    REMOTE_WHOLE_MS,
};
use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream::try_unfold;
use http::header::{HeaderMap, LOCATION};
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Empty};
use tokio::time::{Duration, Instant, timeout_at};

use super::answer::{Known, first_fields};
use super::auth::Proof;
use super::connections::{Answer, Bounds, Connections};
use super::names::Names;
use super::settings::RemoteSettings;
use super::sigv4::Payload;
use super::target::{RemotePath, Target};
use super::transport::{Tls, Transport};
use super::trouble::{Trouble, TroubleKind};
use crate::error::{Error, ErrorKind};
use crate::source::Pieces;

/// The client of one origin.
pub(super) struct Client {
    name: String,
    pub(super) base: Target,
    /// What follows the path of a file: more of the path, a query, or nothing.
    after: String,
    pub(super) proof: Proof,
    connections: Connections,
    pub(super) total: Duration,
    pub(super) bytes_max: u64,
}

impl Client {
    pub(super) fn new(settings: &RemoteSettings, tls: Tls, names: Arc<Names>) -> Result<Self, Error> {
        let wrong =
            |said: String| Error::new(ErrorKind::Format, format!("the origin {}: {said}", settings.name));
        let mut base = Target::parse(&settings.base).map_err(|trouble| wrong(trouble.to_string()))?;
        if base.path.contains('?') {
            return Err(wrong("its address has a query".to_owned()));
        }
        base.path.truncate(base.path.trim_end_matches('/').len());
        let waits = settings.waits;
        let transport =
            Transport { tls, names, guard: Some(settings.private.clone()), connect: waits.connect };
        let bounds = Bounds {
            connections_max: settings.connections_max.max(1),
            idle: Duration::from_millis(REMOTE_IDLE_MS),
            head: waits.head,
            stall: waits.stall,
            buffer_bytes: REMOTE_HEAD_BYTES_MAX,
            head_bytes_max: REMOTE_HEAD_BYTES_MAX,
            fields_max: REMOTE_FIELDS_MAX,
        };
        Ok(Client {
            name: settings.name.clone(),
            base,
            after: settings.after.clone(),
            proof: Proof::new(&settings.auth)?,
            connections: Connections::new(transport, bounds),
            total: waits.total,
            bytes_max: settings.bytes_max,
        })
    }

    pub(super) fn connections(&self) -> &Connections {
        &self.connections
    }

    /// What all files of this origin have before and behind their paths: it tells them from those of others.
    pub(super) fn base(&self) -> String {
        let mark = if self.after.is_empty() { "" } else { "{path}" };
        format!("{}{}{mark}{}", self.base.site, self.base.path, self.after)
    }

    /// Where a path of this origin is, with the query that it has and the one that all of them have.
    pub(super) fn target(&self, path: &str) -> Target {
        let (names, query) = path.split_once('?').unwrap_or((path, ""));
        let (after, of_all) = self.after.split_once('?').unwrap_or((&self.after, ""));
        let queries = [query, of_all].into_iter().filter(|query| !query.is_empty());
        let query: String = queries.zip(["?", "&"]).flat_map(|(query, mark)| [mark, query]).collect();
        let mut target = self.base.clone();
        target.path = format!("{}/{names}{after}{query}", target.path);
        target
    }

    /// Refuses a file that is longer than is read from here.
    ///
    /// # Errors
    /// [`TroubleKind::TooLarge`].
    pub(super) fn bounds(&self, length: u64) -> Result<(), Trouble> {
        if length <= self.bytes_max {
            return Ok(());
        }
        let said = format!("{length} bytes are more than are read from elsewhere");
        Err(Trouble::new(TroubleKind::TooLarge, said))
    }

    /// Asks what there is to know of a file, by its first byte.
    pub(super) async fn look(&self, path: &RemotePath) -> Result<Known, Trouble> {
        let deadline = Instant::now() + self.total;
        let answer = self.get(path, &first_fields(), deadline).await?;
        let (head, body) = answer.into_parts();
        let known = Known::read(head.status, &head.headers)?;
        self.bounds(known.length)?;
        if head.status == StatusCode::PARTIAL_CONTENT {
            // Read to its end the answer gives its connection back.
            let mut rest = pieces(body, 1, deadline);
            while let Some(piece) = rest.next().await {
                piece.map_err(|e| from_io(&e))?;
            }
        }
        Ok(known)
    }

    /// Fetches a range of exactly the file that is known: all of its bytes come, or an error does. More than a block may
    /// take the time of as many, up to [`REMOTE_WHOLE_MS`].
    pub(super) async fn fetch(
        &self,
        path: &RemotePath,
        known: &Known,
        range: Range<u64>,
    ) -> Result<Pieces, Trouble> {
        let blocks = u32::try_from((range.end - range.start).div_ceil(BLOB_BLOCK_BYTES)).unwrap_or(u32::MAX);
        let whole = Duration::from_millis(REMOTE_WHOLE_MS).max(self.total);
        let deadline = Instant::now() + self.total.saturating_mul(blocks.max(1)).min(whole);
        let answer = self.get(path, &known.fields(&range), deadline).await?;
        known.check(answer.status(), answer.headers(), &range)?;
        Ok(pieces(answer.into_body(), range.end - range.start, deadline))
    }

    /// Gives the head of the first answer that is no redirect.
    async fn get(
        &self,
        path: &RemotePath,
        fields: &HeaderMap,
        deadline: Instant,
    ) -> Result<Response<Answer>, Trouble> {
        let mut target = self.target(&path.encoded());
        let mut is_own = true;
        for _ in 0..=REMOTE_REDIRECTS_MAX {
            let late = |_| Trouble::late(&format!("a request to {}", target.site));
            let sending = self.sent(&target, fields, is_own);
            let answer = timeout_at(deadline, sending).await.map_err(late)??;
            let Some(to) = location(&answer)? else { return Ok(answer) };
            target = target.redirected(to)?;
            // Who was sent away once is not trusted again: the other may have chosen where to send us back to.
            is_own &= target.site == self.base.site;
        }
        let said = format!("the origin {} redirects more than {REMOTE_REDIRECTS_MAX} times", self.name);
        Err(Trouble::new(TroubleKind::Redirect, said))
    }

    /// Sends one request. A connection that was kept may be closed by the server at the very moment: that says nothing
    /// about the file, so that a new one is tried.
    async fn sent(
        &self,
        target: &Target,
        fields: &HeaderMap,
        is_own: bool,
    ) -> Result<Response<Answer>, Trouble> {
        let request = self.request(target, fields, is_own)?;
        match self.connections.send(&target.site, request).await {
            Err(trouble) if matches!(trouble.kind, TroubleKind::Closed | TroubleKind::Broken) => {
                self.connections.forget_idle(&target.site);
                let request = self.request(target, fields, is_own)?;
                self.connections.send(&target.site, request).await
            }
            sent => sent,
        }
    }

    fn request(
        &self,
        target: &Target,
        fields: &HeaderMap,
        is_own: bool,
    ) -> Result<Request<super::connections::RequestBody>, Trouble> {
        let body = Empty::<Bytes>::new().map_err(|never| match never {}).boxed_unsync();
        let mut request = Request::new(body);
        *request.uri_mut() = target.path.parse().map_err(|_| {
            Trouble::new(TroubleKind::Address, format!("{}: a path that no request can have", target.site))
        })?;
        *request.headers_mut() = fields.clone();
        if is_own {
            self.proof.add("GET", request.headers_mut(), target, Payload::None);
        }
        Ok(request)
    }
}

/// Where an answer sends us, if it does.
pub(super) fn location(answer: &Response<Answer>) -> Result<Option<&str>, Trouble> {
    let redirects = [
        StatusCode::MOVED_PERMANENTLY,
        StatusCode::FOUND,
        StatusCode::SEE_OTHER,
        StatusCode::TEMPORARY_REDIRECT,
        StatusCode::PERMANENT_REDIRECT,
    ];
    if !redirects.contains(&answer.status()) {
        return Ok(None);
    }
    let to = answer.headers().get(LOCATION).and_then(|value| value.to_str().ok());
    to.map(Some).ok_or_else(|| Trouble::new(TroubleKind::Redirect, "a redirect says not where to"))
}

/// Exactly so many bytes of a body, and then its end; otherwise an error, behind which nothing is read any more.
fn pieces(body: Answer, length: u64, deadline: Instant) -> Pieces {
    let next = |(mut body, left): (Answer, u64), deadline: Instant| async move {
        loop {
            let late = |_| Trouble::late("an answer");
            let frame = match timeout_at(deadline, body.frame()).await.map_err(late)? {
                None if left == 0 => return Ok(None),
                None => return Err(Trouble::lie("less came than was promised")),
                Some(frame) => frame?,
            };
            let Ok(piece) = frame.into_data() else { continue };
            match left.checked_sub(piece.len() as u64) {
                None => return Err(Trouble::lie("more came than was promised")),
                Some(_) if piece.is_empty() => {}
                Some(left) => return Ok(Some((piece, (body, left)))),
            }
        }
    };
    let read = move |state| {
        let step = next(state, deadline);
        async move { step.await.map_err(io::Error::from) }
    };
    try_unfold((body, length), read).boxed()
}

/// The trouble that an error of [`pieces`] carries.
fn from_io(e: &io::Error) -> Trouble {
    let carried = e.get_ref().and_then(|e| e.downcast_ref::<Trouble>());
    carried.cloned().unwrap_or_else(|| Trouble::new(TroubleKind::Broken, e.to_string()))
}
