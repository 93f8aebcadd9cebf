//! tus 1.0.0 with the extensions creation, creation-with-upload, creation-defer-length, expiration, checksum,
//! termination and concatenation. The texts in comments are those of the specification.

use bytes::Bytes;
use catalog::{Phase, UploadId, UploadRow, User};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};
use http_body::Body;

use crate::Ingest;
use crate::answer::{self, Answer, Content, Refusal, bare};
use crate::arrive::{self, Fleeting, Received, Taken};
use crate::asked;
use crate::digest::{self, Checksum};
use crate::error::{Error, ErrorKind};
use crate::fields::{self, Concat};
use crate::model::{Created, Limits, Status};

/// The version that is spoken.
const VERSION: HeaderValue = HeaderValue::from_static("1.0.0");
const EXTENSIONS: HeaderValue = HeaderValue::from_static(
    "creation,creation-with-upload,creation-defer-length,expiration,checksum,termination,concatenation",
);
/// What a request that carries bytes of a file says that it carries.
const OFFSET_STREAM: &str = "application/offset+octet-stream";

/// What the server can do. It is told to everybody, and whatever the request says.
pub fn options(limits: &Limits, headers: &mut HeaderMap) {
    headers.insert(fields::TUS_RESUMABLE, VERSION);
    headers.insert(fields::TUS_VERSION, VERSION);
    headers.insert(fields::TUS_EXTENSION, EXTENSIONS);
    headers.insert(fields::TUS_MAX_SIZE, answer::number(limits.upload_bytes_max));
    headers.insert(fields::TUS_CHECKSUM_ALGORITHM, answer::text(&Checksum::NAMES.join(",")));
}

/// Whether a request means tus: it names a version, or says what only tus says and forgot the version.
pub fn is_meant(head: &Parts) -> bool {
    let has = |name| head.headers.contains_key(name);
    has(fields::TUS_RESUMABLE)
        || has(fields::UPLOAD_DEFER_LENGTH)
        || has(fields::UPLOAD_METADATA)
        || has(fields::UPLOAD_CONCAT)
        || has(digest::UPLOAD_CHECKSUM)
        || fields::is_type(&head.headers, OFFSET_STREAM)
}

/// Answers a request to `/uploads` (no `id`), or to one upload. `base` is the address that the client knows us by.
pub async fn answer<B>(
    ingest: &Ingest,
    who: &User,
    base: &str,
    id: Option<UploadId>,
    request: Request<B>,
) -> Answer
where
    B: Body<Data = Bytes> + Send,
{
    let (head, body) = request.into_parts();
    let mut answered = if head.headers.get(fields::TUS_RESUMABLE) == Some(&VERSION) {
        let call = Call { ingest, who, base, headers: &head.headers };
        call.answer(&head, id, body).await
    } else {
        // "The Server MUST respond with the 412 Precondition Failed status and MUST include the Tus-Version header into
        // the response. In addition, the Server MUST NOT process the request."
        let mut other = bare(StatusCode::PRECONDITION_FAILED);
        other.headers_mut().insert(fields::TUS_VERSION, VERSION);
        Ok(other)
    };
    let headers = match &mut answered {
        Ok(answer) => answer.headers_mut(),
        Err(refusal) => {
            if let ErrorKind::Conflict { offset } = refusal.error.kind {
                refusal.headers.insert(fields::UPLOAD_OFFSET, answer::number(offset));
            }
            &mut refusal.headers
        }
    };
    headers.insert(fields::TUS_RESUMABLE, VERSION);
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
    async fn answer<B>(&self, head: &Parts, id: Option<UploadId>, body: B) -> Answer
    where
        B: Body<Data = Bytes> + Send,
    {
        match (id, method(head)?) {
            (None, Method::POST) => self.create(body).await,
            (Some(id), Method::HEAD) => self.status(id).await,
            (Some(id), Method::PATCH) => self.append(id, body).await,
            (Some(id), Method::DELETE) => {
                self.ingest.cancel(self.who, id).await?;
                Ok(bare(StatusCode::NO_CONTENT))
            }
            _ => Ok(bare(StatusCode::METHOD_NOT_ALLOWED)),
        }
    }

    /// POST: creation, with or without the first bytes, of a file, of a part, or of what parts are joined to.
    async fn create<B>(&self, body: B) -> Answer
    where
        B: Body<Data = Bytes> + Send,
    {
        let length = fields::number(self.headers, &fields::UPLOAD_LENGTH)?;
        let deferred = fields::one(self.headers, &fields::UPLOAD_DEFER_LENGTH)?;
        if deferred.is_some_and(|value| value != "1") {
            return Err(Error::bad_request("Upload-Defer-Length can only be 1").into());
        }
        let concat = fields::one(self.headers, &fields::UPLOAD_CONCAT)?;
        let concat = concat.map(|text| fields::concat(text).map(|read| (text, read))).transpose()?;
        let metadata = fields::one(self.headers, &fields::UPLOAD_METADATA)?.unwrap_or_default();
        let mut ask = asked::by_metadata(metadata)?;
        if let Some(promised) = digest::repr_digest(self.headers)? {
            ask.asked.sha256 = Some(promised);
        }
        let check = self.checksum()?;
        let with_bytes = fields::is_type(self.headers, OFFSET_STREAM);
        if !with_bytes && !body.is_end_stream() {
            return Err(other_type().into());
        }
        match concat {
            Some((sent, Concat::Final(urls))) => {
                if length.is_some() || deferred.is_some() {
                    let said = "what parts are joined to has their length, and no Upload-Length";
                    return Err(Error::bad_request(said).into());
                }
                ask.metadata = asked::kept(metadata, Some(sent));
                let parts = urls.iter().map(|url| part(url)).collect::<Result<Vec<_>, _>>()?;
                let joined = self.ingest.join(self.who, parts, ask).await?;
                return Ok(self.created(joined).0);
            }
            Some((sent, Concat::Partial)) => {
                ask.is_part = true;
                ask.metadata = asked::kept(metadata, Some(sent));
            }
            None => {}
        }
        match (length, deferred) {
            (Some(_), None) | (None, Some(_)) => ask.length = length,
            _ => {
                let said = "exactly one of Upload-Length and Upload-Defer-Length must be there";
                return Err(Error::bad_request(said).into());
            }
        }
        let (mut answer, open) = self.created(self.ingest.create(self.who, ask).await?);
        let Some(id) = open else { return Ok(answer) };
        if !with_bytes && length != Some(0) {
            return Ok(answer);
        }
        // Whoever sends bytes along learns the address only with this answer: without it, nobody could go on.
        let fleeting = Fleeting::new(self.ingest, self.who, id);
        match self.receive(id, 0, None, body, check).await {
            Ok(received) => {
                fleeting.keep();
                received.tell(answer.headers_mut());
                Ok(answer)
            }
            Err(error) if arrive::can_go_on(&error) => {
                fleeting.keep();
                Err(Refusal { error, headers: std::mem::take(answer.headers_mut()) })
            }
            Err(error) => {
                fleeting.cancel().await;
                Err(error.into())
            }
        }
    }

    /// 201, and which upload is open now; one whose bytes the user already has is complete.
    fn created(&self, created: Created) -> (Response<Content>, Option<UploadId>) {
        let mut answer = bare(StatusCode::CREATED);
        let headers = answer.headers_mut();
        match created {
            Created::Open(id, expires) => {
                answer::put_location(headers, self.base, id);
                answer::put_expires(headers, expires);
                (answer, Some(id))
            }
            Created::Ready(row) => {
                answer::put_location(headers, self.base, row.id);
                if !is_being_joined(&row) {
                    headers.insert(fields::UPLOAD_OFFSET, answer::number(row.length.unwrap_or(0)));
                }
                (answer, None)
            }
        }
    }

    /// HEAD: "The Server MUST always include the Upload-Offset header in the response for a HEAD request, even if the
    /// offset is 0, or the upload is already considered completed."
    async fn status(&self, id: UploadId) -> Answer {
        let Status { row, offset } = self.ingest.status(self.who, id).await?;
        let mut answer = bare(StatusCode::OK);
        let headers = answer.headers_mut();
        answer::put_no_store(headers);
        match row.length {
            Some(length) => headers.insert(fields::UPLOAD_LENGTH, answer::number(length)),
            None => headers.insert(fields::UPLOAD_DEFER_LENGTH, HeaderValue::from_static("1")),
        };
        let (metadata, concat) = asked::sent(&row.metadata);
        if !metadata.is_empty() {
            headers.insert(fields::UPLOAD_METADATA, answer::text(metadata));
        }
        if let Some(concat) = concat {
            headers.insert(fields::UPLOAD_CONCAT, answer::text(concat));
        }
        // "The response to a HEAD request for a final upload SHOULD NOT contain the Upload-Offset header unless the
        // concatenation has been successfully finished."
        if !is_being_joined(&row) {
            headers.insert(fields::UPLOAD_OFFSET, answer::number(offset));
        }
        if row.phase == Phase::Receiving {
            answer::put_expires(headers, row.expires);
        }
        Ok(answer)
    }

    /// PATCH: the next bytes.
    async fn append<B>(&self, id: UploadId, body: B) -> Answer
    where
        B: Body<Data = Bytes> + Send,
    {
        if !fields::is_type(self.headers, OFFSET_STREAM) {
            return Err(other_type().into());
        }
        let offset = fields::number(self.headers, &fields::UPLOAD_OFFSET)?
            .ok_or_else(|| Error::bad_request("Upload-Offset is missing"))?;
        let length = fields::number(self.headers, &fields::UPLOAD_LENGTH)?;
        let check = self.checksum()?;
        let received = self.receive(id, offset, length, body, check).await?;
        let mut answer = bare(StatusCode::NO_CONTENT);
        received.tell(answer.headers_mut());
        Ok(answer)
    }

    /// What the bytes of this request must hash to, in the protocol's own words or in those of RFC 9530.
    fn checksum(&self) -> Result<Option<Checksum>, Error> {
        Ok(digest::upload_checksum(self.headers)?.or(digest::content_digest(self.headers)?))
    }

    /// The bytes from `at` on. The upload is complete as soon as it has its length.
    async fn receive<B>(
        &self,
        id: UploadId,
        at: u64,
        length: Option<u64>,
        body: B,
        check: Option<Checksum>,
    ) -> Result<Received, Error>
    where
        B: Body<Data = Bytes> + Send,
    {
        if is_final(&self.ingest.status(self.who, id).await?.row) {
            // "The Server MUST respond with the 403 Forbidden status to PATCH requests against a final upload URL".
            let said = "what parts are joined to takes no further bytes";
            return Err(Error::new(ErrorKind::NotAllowed, said));
        }
        let taken = arrive::take(self.ingest, self.who, id, at, body.is_end_stream());
        let mut receiving = match taken.await? {
            Taken::Open(receiving) => receiving,
            Taken::Complete(row) => return Ok(Received { offset: at, row: *row }),
        };
        if let Some(length) = length {
            receiving.set_length(length).await?;
        }
        let offset = receiving.append(body, check).await?;
        if receiving.length() == Some(offset) {
            return Ok(Received { offset, row: receiving.end().await? });
        }
        Ok(Received { offset, row: receiving.row().clone() })
    }
}

/// The method, which a client behind an old proxy may have to say in a field. Only POST may stand for another one:
/// whatever a browser sends without asking first must stay what it is.
fn method(head: &Parts) -> Result<Method, Error> {
    let Some(text) = fields::one(&head.headers, &fields::X_HTTP_METHOD_OVERRIDE)? else {
        return Ok(head.method.clone());
    };
    if head.method != Method::POST {
        return Ok(head.method.clone());
    }
    let method = Method::from_bytes(text.to_ascii_uppercase().as_bytes());
    method.map_err(|_| Error::bad_request("X-HTTP-Method-Override names no method"))
}

/// The upload that an address names: ours end in `/uploads/` and an id.
fn part(url: &str) -> Result<UploadId, Error> {
    let id = url.rsplit_once("/uploads/").and_then(|(_, id)| id.parse().ok());
    id.ok_or_else(|| Error::bad_request("Upload-Concat names a part that is no upload of this server"))
}

fn is_final(row: &UploadRow) -> bool {
    asked::sent(&row.metadata).1.is_some_and(|concat| concat.starts_with("final;"))
}

/// Whether its parts are not yet all in it.
fn is_being_joined(row: &UploadRow) -> bool {
    is_final(row) && matches!(row.phase, Phase::Receiving | Phase::Checking)
}

fn other_type() -> Error {
    Error::new(ErrorKind::Unsupported, format!("bytes of a file come with Content-Type: {OFFSET_STREAM}"))
}

#[cfg(test)]
mod tests;
