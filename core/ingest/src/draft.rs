//! Resumable Uploads for HTTP, the draft of the IETF's HTTP working group, interop version 8, without `104 (Upload
//! Resumption Supported)`: a client that wants to go on after an interruption creates the upload first, and then appends.

use bytes::Bytes;
use catalog::{Asked, Phase, UnixMs, UploadId, UploadRow, User};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};
use http_body::Body;
use serde_json::json;

use crate::answer::{self, Answer, Content, Refusal, bare};
use crate::arrive::{self, Fleeting, Received, Taken};
use crate::engine::now_ms;
use crate::error::{Error, ErrorKind};
use crate::fields;
use crate::model::{Created, Limits, Status};
use crate::{Ingest, asked, digest};

/// The version of the draft that is spoken.
const INTEROP: HeaderValue = HeaderValue::from_static("8");
/// What the content of an append says that it is.
const PARTIAL_UPLOAD: &str = "application/partial-upload";
/// Where the types of problems are described.
const PROBLEMS: &str = "https://iana.org/assignments/http-problem-types";

/// What the server takes, for everybody who asks.
pub fn options(limits: &Limits, headers: &mut HeaderMap) {
    headers.insert(fields::UPLOAD_LIMIT, limit(limits, None));
    headers.insert(fields::UPLOAD_DRAFT_INTEROP_VERSION, INTEROP);
}

/// Whether a request means the draft. To an upload that exists, everything that is not tus does.
pub fn is_meant(head: &Parts) -> bool {
    head.headers.contains_key(fields::UPLOAD_COMPLETE)
        || head.headers.contains_key(fields::UPLOAD_DRAFT_INTEROP_VERSION)
}

/// `Upload-Limit`: how large, and how long an upload lives.
pub(crate) fn limit(limits: &Limits, expires: Option<UnixMs>) -> HeaderValue {
    let age_ms = match expires {
        Some(expires) => u64::try_from(expires.saturating_sub(now_ms())).unwrap_or(0),
        None => limits.lifetime_ms,
    };
    answer::text(&format!("max-size={}, min-size=0, max-age={}", limits.upload_bytes_max, age_ms / 1_000))
}

/// Answers a request that creates an upload (no `id`; `asked` is what its address says), or one to an upload. `base` is
/// the address that the client knows us by.
pub async fn answer<B>(
    ingest: &Ingest,
    who: &User,
    base: &str,
    id: Option<UploadId>,
    asked: Asked,
    request: Request<B>,
) -> Answer
where
    B: Body<Data = Bytes> + Send,
{
    let (head, body) = request.into_parts();
    let call = Call { ingest, who, base, headers: &head.headers };
    let mut answered = match (id, &head.method) {
        (None, _) => call.create(asked, body).await,
        (Some(id), &Method::HEAD | &Method::GET) => call.status(id).await,
        (Some(id), &Method::PATCH) => call.append(id, body).await,
        (Some(id), &Method::DELETE) => match ingest.cancel(who, id).await {
            Ok(()) => Ok(bare(StatusCode::NO_CONTENT)),
            Err(error) => Err(error.into()),
        },
        _ => Ok(bare(StatusCode::METHOD_NOT_ALLOWED)),
    };
    if let Err(refusal) = &mut answered
        && matches!(refusal.error.kind, ErrorKind::TooLarge { .. })
    {
        refusal.headers.insert(fields::UPLOAD_LIMIT, limit(ingest.limits(), None));
    }
    if head.headers.get(fields::UPLOAD_DRAFT_INTEROP_VERSION) == Some(&INTEROP) {
        let headers = match &mut answered {
            Ok(answer) => answer.headers_mut(),
            Err(refusal) => &mut refusal.headers,
        };
        headers.insert(fields::UPLOAD_DRAFT_INTEROP_VERSION, INTEROP);
    }
    answered
}

/// One request.
struct Call<'a> {
    ingest: &'a Ingest,
    who: &'a User,
    base: &'a str,
    headers: &'a HeaderMap,
}

impl Call<'_> {
    /// The first request of an upload, which may be all of it.
    async fn create<B>(&self, asked: Asked, body: B) -> Answer
    where
        B: Body<Data = Bytes> + Send,
    {
        let Some(complete) = fields::boolean(self.headers, &fields::UPLOAD_COMPLETE) else {
            return Err(Error::bad_request("Upload-Complete must be ?1 or ?0").into());
        };
        let named = fields::integer(self.headers, &fields::UPLOAD_LENGTH);
        let content = body.size_hint().exact().or_else(|| fields::content_length(self.headers));
        let by_content = content.filter(|_| complete);
        if let (Some(named), Some(content)) = (named, by_content)
            && named != content
        {
            return Ok(inconsistent_length());
        }
        let check = digest::content_digest(self.headers)?;
        let mut asked = asked;
        if let Some(promised) = digest::repr_digest(self.headers)? {
            asked.sha256 = Some(promised);
        }
        let ask = asked::plainly(asked, named.or(by_content));
        let (id, expires) = match self.ingest.create(self.who, ask).await? {
            Created::Ready(row) => return Ok(self.done(row)),
            Created::Open(id, expires) => (id, expires),
        };
        // Its address is known only with this answer.
        let fleeting = Fleeting::new(self.ingest, self.who, id);
        let received = async {
            let mut receiving = self.ingest.take(self.who, id).await?;
            let offset = receiving.append(body, check).await?;
            if complete { receiving.end().await.map(Ok) } else { Ok(Err(offset)) }
        };
        let mut headers = HeaderMap::new();
        answer::put_location(&mut headers, self.base, id);
        headers.insert(fields::UPLOAD_LIMIT, limit(self.ingest.limits(), Some(expires)));
        headers.insert(fields::UPLOAD_COMPLETE, fields::boolean_value(false));
        match received.await {
            Ok(Ok(row)) => {
                fleeting.keep();
                Ok(self.done(row))
            }
            Ok(Err(offset)) => {
                fleeting.keep();
                let mut answer = bare(StatusCode::CREATED);
                headers.insert(fields::UPLOAD_OFFSET, answer::number(offset));
                *answer.headers_mut() = headers;
                Ok(answer)
            }
            Err(error) if arrive::can_go_on(&error) => {
                fleeting.keep();
                Err(Refusal { error, headers })
            }
            Err(error) => {
                fleeting.cancel().await;
                self.problem(error, None)
            }
        }
    }

    /// HEAD and GET: where to go on.
    async fn status(&self, id: UploadId) -> Answer {
        let Status { row, offset } = self.ingest.status(self.who, id).await?;
        let mut answer = bare(StatusCode::NO_CONTENT);
        self.tell(answer.headers_mut(), &row, offset);
        Ok(answer)
    }

    /// PATCH: the next bytes.
    async fn append<B>(&self, id: UploadId, body: B) -> Answer
    where
        B: Body<Data = Bytes> + Send,
    {
        if !fields::is_type(self.headers, PARTIAL_UPLOAD) {
            let said = format!("bytes of an upload come with Content-Type: {PARTIAL_UPLOAD}");
            return Err(Error::new(ErrorKind::Unsupported, said).into());
        }
        let offset = fields::integer(self.headers, &fields::UPLOAD_OFFSET);
        let complete = fields::boolean(self.headers, &fields::UPLOAD_COMPLETE);
        let (Some(at), Some(complete)) = (offset, complete) else {
            let said = "Upload-Offset, a number, and Upload-Complete, ?1 or ?0, must both be there";
            return Err(Error::bad_request(said).into());
        };
        let check = digest::content_digest(self.headers)?;
        let Status { row, offset } = self.ingest.status(self.who, id).await?;
        let is_empty = body.is_end_stream();
        // One that has all its bytes is completed without being asked.
        let is_whole = row.phase != Phase::Receiving || row.length == Some(offset);
        if offset != at || (is_whole && !is_empty) {
            return Ok(mismatching_offset(offset, at, is_whole));
        }
        let content = body.size_hint().exact().or_else(|| fields::content_length(self.headers));
        let by_content = content.and_then(|content| at.checked_add(content));
        let named = fields::integer(self.headers, &fields::UPLOAD_LENGTH);
        if let Some(conflict) = conflict(row.length, named, by_content, complete) {
            if conflict == Conflict::Beyond {
                // What would come is more than was ever agreed on: the draft wants the upload to end.
                self.ingest.cancel(self.who, id).await?;
            }
            return Ok(inconsistent_length());
        }
        let received = async {
            let mut receiving = match arrive::take(self.ingest, self.who, id, at, is_empty).await? {
                Taken::Open(receiving) => receiving,
                Taken::Complete(row) => return Ok(Ok(*row)),
            };
            if let Some(length) = named.filter(|_| row.length.is_none()) {
                receiving.set_length(length).await?;
            }
            let offset = receiving.append(body, check).await?;
            if complete {
                // All that there is has come; if more was promised, the lengths contradict each other.
                receiving.set_length(offset).await?;
                return receiving.end().await.map(Ok);
            }
            Ok(Err(Received { offset, row: receiving.row().clone() }))
        };
        match received.await {
            Ok(Ok(row)) => Ok(self.done(row)),
            Ok(Err(Received { offset, row })) => {
                let mut answer = bare(StatusCode::NO_CONTENT);
                self.tell(answer.headers_mut(), &row, offset);
                Ok(answer)
            }
            Err(error) => self.problem(error, Some(at)),
        }
    }

    /// The final answer, which is the one that a plain upload gets.
    fn done(&self, row: UploadRow) -> Response<Content> {
        let mut answer = bare(StatusCode::CREATED);
        let headers = answer.headers_mut();
        headers.insert(fields::UPLOAD_COMPLETE, fields::boolean_value(true));
        answer::put_location(headers, self.base, row.id);
        if digest::wants_repr_digest(self.headers)
            && let Some(blob) = &row.blob
        {
            headers.insert(digest::REPR_DIGEST, answer::text(&digest::repr_digest_of(blob)));
        }
        answer.map(|_| Content::Upload(Box::new(row)))
    }

    /// What is known of an upload.
    fn tell(&self, headers: &mut HeaderMap, row: &UploadRow, offset: u64) {
        answer::put_no_store(headers);
        let receives = row.phase == Phase::Receiving;
        headers.insert(fields::UPLOAD_OFFSET, answer::number(offset));
        headers.insert(fields::UPLOAD_COMPLETE, fields::boolean_value(!receives));
        if let Some(length) = row.length {
            headers.insert(fields::UPLOAD_LENGTH, answer::number(length));
        }
        headers.insert(fields::UPLOAD_LIMIT, limit(self.ingest.limits(), receives.then_some(row.expires)));
        if let Some(blob) = row.blob.as_ref().filter(|_| digest::wants_repr_digest(self.headers)) {
            headers.insert(digest::REPR_DIGEST, answer::text(&digest::repr_digest_of(blob)));
        }
    }

    /// The problem documents that the draft and its relatives name; every other error is the face's to write.
    #[expect(clippy::result_large_err, reason = "it is handed on at once, and an answer is as large")]
    fn problem(&self, error: Error, at: Option<u64>) -> Answer {
        match error.kind {
            // Where the offset is right, the bytes come too late: all are there.
            ErrorKind::Conflict { offset } => {
                Ok(mismatching_offset(offset, at.unwrap_or(0), at == Some(offset)))
            }
            ErrorKind::LengthConflict => Ok(inconsistent_length()),
            ErrorKind::Mismatch => {
                let detail = json!({
                    "type": format!("{PROBLEMS}#digest-mismatching-values"),
                    "title": "the bytes do not have the digest that came with them",
                    "status": 400,
                    "detail": error.said,
                });
                Ok(document(StatusCode::BAD_REQUEST, &detail))
            }
            _ => Err(error.into()),
        }
    }
}

/// How lengths contradict each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Conflict {
    /// What is said now is not what was said before.
    Other,
    /// The bytes would go beyond the length that was agreed on.
    Beyond,
}

/// Compares the length that is `known`, the one that is `named` now, and where the content of this request ends.
fn conflict(known: Option<u64>, named: Option<u64>, end: Option<u64>, complete: bool) -> Option<Conflict> {
    let length = match (known, named) {
        (Some(known), Some(named)) if known != named => return Some(Conflict::Other),
        (known, named) => known.or(named),
    };
    match (length, end) {
        (Some(length), Some(end)) if end > length => {
            Some(if known.is_some() { Conflict::Beyond } else { Conflict::Other })
        }
        (Some(length), Some(end)) if complete && end < length => Some(Conflict::Other),
        _ => None,
    }
}

/// 409 with the offset from which to go on.
fn mismatching_offset(expected: u64, provided: u64, complete: bool) -> Response<Content> {
    let mut answer = document(
        StatusCode::CONFLICT,
        &json!({
            "type": format!("{PROBLEMS}#mismatching-upload-offset"),
            "title": "the bytes do not begin where those that are kept end",
            "status": 409,
            "expected-offset": expected,
            "provided-offset": provided,
        }),
    );
    answer.headers_mut().insert(fields::UPLOAD_OFFSET, answer::number(expected));
    answer.headers_mut().insert(fields::UPLOAD_COMPLETE, fields::boolean_value(complete));
    answer
}

/// 400: what was said about the length contradicts itself, or what was said before.
fn inconsistent_length() -> Response<Content> {
    document(
        StatusCode::BAD_REQUEST,
        &json!({
            "type": format!("{PROBLEMS}#inconsistent-upload-length"),
            "title": "the lengths that were said contradict each other",
            "status": 400,
        }),
    )
}

fn document(status: StatusCode, detail: &serde_json::Value) -> Response<Content> {
    bare(status).map(|_| Content::Problem(detail.to_string()))
}

#[cfg(test)]
mod tests;
