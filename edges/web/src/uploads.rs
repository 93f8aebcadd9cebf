//! `/uploads`: files come in by tus, by the IETF's draft, or in one plain request. Which one is meant is said by the
//! fields of the request.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header::{ALLOW, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, request};
use axum::response::{IntoResponse, Response};
use catalog::{Asked, Phase, UploadId, UploadRow, User};
use ingest::{Answer, Content, ErrorKind, PROBLEM, Progress, Refusal, draft, plain, tus};
use serde::Serialize;
use utoipa::{IntoParams, ToSchema};

use crate::App;
use crate::caller::{self, Caller};
use crate::error::{Code, Error};
use crate::json::{self, Id};
use crate::under_way::whose;

/// Says that a request is one of the draft's.
const INTEROP: HeaderName = HeaderName::from_static("upload-draft-interop-version");

/// What the address of a plain upload, or of the draft's, says about the file. tus has metadata for it.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(
    dead_code,
    reason = "the query is read where it is needed; its parts stand here for the description"
)]
pub(crate) struct FileQuery {
    /// What the file is called.
    #[param(example = "song.flac")]
    filename: Option<String>,
    /// Its title, in place of the file's own.
    title: Option<String>,
    /// Its artist.
    artist: Option<String>,
    /// Its album.
    album: Option<String>,
    /// Who else plays, as a JSON array of names.
    features: Option<String>,
    /// Genres, as a JSON array.
    tags: Option<String>,
}

/// How far an upload is.
#[derive(Serialize, ToSchema)]
pub(crate) struct UploadAnswer {
    /// Whoever knows it, and is signed in as its sender, can go on with the upload.
    #[schema(example = "5f0c3a1d9b7e4c2f8a6d0e1b3c5a7f92")]
    upload_id: String,
    /// `receiving`, `checking`, `publishing`, `ready`, `failed`, `cancelled` or `expired`.
    phase: &'static str,
    /// Bytes that are on disk and never have to be sent again.
    received_bytes: u64,
    /// How many there will be; null while nobody has said it.
    length: Option<u64>,
    /// The short id of the file, by its hash.
    #[schema(example = "b94d27b9934d3e08")]
    file_id: Option<String>,
    /// The SHA-256 of the file in hex.
    sha256: Option<String>,
    /// The track that it became.
    #[schema(example = "tr-17")]
    track_id: Option<String>,
    /// Why it failed.
    reason: Option<String>,
}

impl UploadAnswer {
    pub(crate) fn of(id: UploadId, progress: &Progress) -> Self {
        UploadAnswer {
            upload_id: id.to_string(),
            phase: progress.phase.word(),
            received_bytes: progress.received_bytes,
            length: progress.length,
            file_id: progress.blob.map(|blob| blob.file_id().to_string()),
            sha256: progress.blob.map(|blob| blob.to_string()),
            track_id: progress.track.map(|track| track.to_string()),
            reason: progress.failure.clone(),
        }
    }

    /// Of an upload that has all its bytes.
    fn whole(row: &UploadRow) -> Self {
        Self::known(row, row.length.unwrap_or(0))
    }

    /// Of an upload that has ended. Of one that did not become ready no bytes are kept.
    pub(crate) fn ended(row: &UploadRow) -> Self {
        match row.phase {
            Phase::Ready => Self::whole(row),
            _ => Self::known(row, 0),
        }
    }

    fn known(row: &UploadRow, received_bytes: u64) -> Self {
        UploadAnswer {
            upload_id: row.id.to_string(),
            phase: row.phase.word(),
            received_bytes,
            length: row.length,
            file_id: row.blob.map(|blob| blob.file_id().to_string()),
            sha256: row.blob.map(|blob| blob.to_string()),
            track_id: row.track.map(|track| track.to_string()),
            reason: row.failure.clone(),
        }
    }
}

/// What uploads may be
///
/// The versions and extensions of tus, and the limits of the draft, in header fields. Open to all.
#[utoipa::path(options, path = "/uploads", tag = "uploads", security(()),
    responses((status = 204, description = "the fields say it")))]
pub(crate) async fn options(State(app): State<Arc<App>>) -> Response {
    capabilities(&app, "GET, HEAD, OPTIONS, POST, PUT")
}

/// What one upload may be
///
/// The same as for `/uploads`. Open to all.
#[utoipa::path(options, path = "/uploads/{id}", tag = "uploads", security(()), params(("id" = String, Path)),
    responses((status = 204, description = "the fields say it")))]
pub(crate) async fn options_of_one(State(app): State<Arc<App>>) -> Response {
    capabilities(&app, "DELETE, GET, HEAD, OPTIONS, PATCH, POST")
}

fn capabilities(app: &App, allow: &'static str) -> Response {
    let mut answer = StatusCode::NO_CONTENT.into_response();
    let headers = answer.headers_mut();
    tus::options(app.ingest.limits(), headers);
    draft::options(app.ingest.limits(), headers);
    headers.insert(ALLOW, HeaderValue::from_static(allow));
    answer
}

/// Begin an upload
///
/// By tus 1.0.0 when `Tus-Resumable` is there, by the draft "Resumable Uploads for HTTP" when `Upload-Complete` is,
/// else the body is the whole file, as with PUT.
#[utoipa::path(post, path = "/uploads", tag = "uploads", params(FileQuery),
    request_body(content = Vec<u8>, content_type = "*/*"),
    responses((status = 201, description = "begun; Location has its address", body = UploadAnswer)))]
pub(crate) async fn begin(
    State(app): State<Arc<App>>,
    caller: Caller,
    request: Request,
) -> Result<Response, Error> {
    let (head, body) = request.into_parts();
    let base = base(&app, &head);
    let who = &caller.identity.user;
    if tus::is_meant(&head) {
        let request = Request::from_parts(head, body);
        return Ok(render_tus(Box::pin(tus::answer(&app.ingest, who, &base, None, request)).await));
    }
    let asked = asked(&head)?;
    let is_draft = draft::is_meant(&head);
    let request = Request::from_parts(head, body);
    if is_draft {
        return Ok(render(Box::pin(draft::answer(&app.ingest, who, &base, None, asked, request)).await));
    }
    Ok(render(Box::pin(plain::answer(&app.ingest, who, &base, asked, request)).await))
}

/// Send a file
///
/// The body is the whole file. `Repr-Digest` or `Content-Digest` with a `sha-256` is checked. With `Upload-Complete` the
/// draft "Resumable Uploads for HTTP" is spoken.
#[utoipa::path(put, path = "/uploads", tag = "uploads", params(FileQuery),
    request_body(content = Vec<u8>, content_type = "*/*"),
    responses((status = 201, description = "kept; it is a track now, or soon", body = UploadAnswer)))]
pub(crate) async fn put(state: State<Arc<App>>, caller: Caller, request: Request) -> Result<Response, Error> {
    begin(state, caller, request).await
}

/// See an upload
///
/// How far it is. HEAD says in fields where to go on, by tus and by the draft; so does GET with
/// `Upload-Draft-Interop-Version`.
#[utoipa::path(get, path = "/uploads/{id}", tag = "uploads", params(("id" = String, Path)),
    responses((status = 200, description = "how far it is", body = UploadAnswer),
        (status = 204, description = "the same in fields")))]
pub(crate) async fn see(
    State(app): State<Arc<App>>,
    caller: Caller,
    Id(id): Id<UploadId>,
    request: Request,
) -> Result<Response, Error> {
    if request.method() == Method::GET && !request.headers().contains_key(INTEROP) {
        let progress = app.ingest.watch(&caller.identity.user, id).await?;
        let answer = UploadAnswer::of(id, &progress.borrow());
        let mut answer = json::answer(StatusCode::OK, &answer);
        answer.headers_mut().insert("cache-control", HeaderValue::from_static("no-store"));
        return Ok(answer);
    }
    Ok(one(&app, &caller.identity.user, id, request).await)
}

/// Go on with an upload
///
/// The next bytes: by tus as `application/offset+octet-stream`, by the draft as `application/partial-upload`.
#[utoipa::path(patch, path = "/uploads/{id}", tag = "uploads", params(("id" = String, Path)),
    request_body(content = Vec<u8>, content_type = "application/offset+octet-stream"),
    responses((status = 204, description = "on disk; Upload-Offset has where to go on"),
        (status = 201, description = "by the draft: complete", body = UploadAnswer),
        (status = 409, description = "the bytes do not begin where those that are kept end"),
        (status = 460, description = "the bytes do not have their checksum")))]
pub(crate) async fn append(
    State(app): State<Arc<App>>,
    caller: Caller,
    Id(id): Id<UploadId>,
    request: Request,
) -> Response {
    one(&app, &caller.identity.user, id, request).await
}

/// Another method by POST
///
/// For clients behind proxies that know no PATCH: `X-HTTP-Method-Override` says which method is meant.
#[utoipa::path(post, path = "/uploads/{id}", tag = "uploads", params(("id" = String, Path)),
    request_body(content = Vec<u8>, content_type = "application/offset+octet-stream"),
    responses((status = 204, description = "as the method that is meant")))]
pub(crate) async fn instead(
    State(app): State<Arc<App>>,
    caller: Caller,
    Id(id): Id<UploadId>,
    request: Request,
) -> Response {
    one(&app, &caller.identity.user, id, request).await
}

/// Give an upload up
///
/// Its bytes go. One that is ready is a track, and removed as one; a picture goes that this upload brought and no track
/// shows. Admins give up anybody's that is under way.
#[utoipa::path(delete, path = "/uploads/{id}", tag = "uploads", params(("id" = String, Path)),
    responses((status = 204, description = "gone")))]
pub(crate) async fn give_up(
    State(app): State<Arc<App>>,
    caller: Caller,
    Id(id): Id<UploadId>,
    request: Request,
) -> Result<Response, Error> {
    let asks = &caller.identity.user;
    if whose(asks).is_some() {
        return Ok(one(&app, asks, id, request).await);
    }
    // In the name of its sender, whose alone it is.
    match app.catalog.upload(None, id).await {
        Ok(row) if row.owner != asks.id && !row.phase.is_end() => {
            Ok(one(&app, &app.catalog.user(row.owner).await?, id, request).await)
        }
        _ => Ok(one(&app, asks, id, request).await),
    }
}

/// A request to one upload, by whichever protocol.
async fn one(app: &App, who: &User, id: UploadId, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let base = base(app, &head);
    let is_tus = tus::is_meant(&head);
    let request = Request::from_parts(head, body);
    if is_tus {
        return render_tus(Box::pin(tus::answer(&app.ingest, who, &base, Some(id), request)).await);
    }
    render(Box::pin(draft::answer(&app.ingest, who, &base, Some(id), Asked::default(), request)).await)
}

/// The address that the client knows us by.
fn base(app: &App, head: &request::Parts) -> String {
    app.base_url.seen_by(&caller::client(head), head)
}

/// What the address says about the file.
fn asked(head: &request::Parts) -> Result<Asked, Error> {
    let mut asked = Asked::default();
    let query = head.uri.query().unwrap_or_default();
    for name in ["filename", "title", "artist", "album", "features", "tags"] {
        if let Some(value) = caller::values(query, name).next() {
            ingest::ask_for(&mut asked, name, &value)?;
        }
    }
    Ok(asked)
}

/// An answer of tus, which has a number of its own for bytes that do not have their checksum (tus 1.0.0, checksum
/// extension).
fn render_tus(answer: Answer) -> Response {
    let is_mismatch =
        matches!(&answer, Err(Refusal { error, .. }) if matches!(error.kind, ErrorKind::Mismatch));
    let mut answer = render(answer);
    if is_mismatch {
        *answer.status_mut() = StatusCode::from_u16(460).unwrap_or(StatusCode::BAD_REQUEST);
    }
    answer
}

/// A protocol's answer with its body.
fn render(answer: Answer) -> Response {
    match answer {
        Ok(answer) => {
            let (head, content) = answer.into_parts();
            match content {
                Content::Nothing if head.status == StatusCode::METHOD_NOT_ALLOWED => {
                    let text = "an upload has no such method";
                    with(Error::new(Code::MethodNotAllowed, text).into_response(), head.headers)
                }
                Content::Nothing if head.status == StatusCode::PRECONDITION_FAILED => {
                    let text = "Tus-Resumable must be 1.0.0";
                    with(Error::new(Code::OtherVersion, text).into_response(), head.headers)
                }
                Content::Nothing => Response::from_parts(head, Body::empty()),
                Content::Upload(row) => {
                    with(json::answer(head.status, &UploadAnswer::whole(&row)), head.headers)
                }
                Content::Problem(text) => {
                    let mut answer = Response::from_parts(head, Body::from(text));
                    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(PROBLEM));
                    answer
                }
            }
        }
        Err(Refusal { error, headers }) => with(Error::from(error).into_response(), headers),
    }
}

fn with(mut answer: Response, headers: HeaderMap) -> Response {
    answer.headers_mut().extend(headers);
    answer
}
