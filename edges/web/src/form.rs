//! `POST /tracks/`: a track as an HTML form sends it, in the words of the audio platform.
//!
//! The parts of a form come in any order. The file goes to the disk as it comes, and so does the picture; the other
//! fields are small and bounded. What is decided by fields behind the file is decided when the last part has come.

mod guard;

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use budget::limits;
use catalog::{Asked, UploadId, User};
use futures_util::{Stream, StreamExt, TryStreamExt};
use http_body::Frame;
use http_body_util::StreamBody;
use ingest::sniff::Sort;
use ingest::{Ask, Created, ErrorKind, Fleeting, Ingest, Receiving};
use multer::{Field, Multipart};
use serde::Serialize;
use store::BlobId;
use utoipa::ToSchema;

use crate::App;
use crate::caller::Caller;
use crate::error::{Code, Detail, Error};
use crate::json;
pub(crate) use guard::{Guarded, Watch};

/// What the form has.
#[derive(ToSchema)]
#[expect(dead_code, reason = "the parts are read one by one; they stand here for the description")]
pub(crate) struct TrackFile {
    /// The audio or video.
    #[schema(value_type = String, format = Binary)]
    file: Vec<u8>,
    title: String,
    /// In place of the file's own.
    artist: Option<String>,
    album: Option<String>,
    /// Who else plays, as a JSON array of names.
    features: Option<String>,
    /// Genres, as a JSON array.
    tags: Option<String>,
    /// A picture: JPEG, PNG, WebP or GIF. One that is none is left out, and the answer says so.
    #[schema(value_type = Option<String>, format = Binary)]
    image: Option<Vec<u8>>,
}

/// The track is on its way.
#[derive(Serialize, ToSchema)]
pub(crate) struct PendingAnswer {
    /// `GET /tracks/uploads/{id}/progress` says what becomes of it.
    upload_id: String,
    /// Always `pending`.
    status: &'static str,
    /// A sentence for people.
    message: String,
}

/// Send a track by a form
///
/// The parts may come in any order. Errors are `{"detail"}`.
#[utoipa::path(post, path = "/tracks/", tag = "uploads",
    request_body(content = TrackFile, content_type = "multipart/form-data"),
    responses((status = 200, description = "all of it is here", body = PendingAnswer),
        (status = 400, description = "this is no audio or video that is kept here"),
        (status = 413, description = "too large"),
        (status = 422, description = "the file or its title is missing")))]
pub(crate) async fn upload(
    State(app): State<Arc<App>>,
    caller: Caller,
    request: Request,
) -> Result<Response, Detail> {
    Ok(Box::pin(receive(&app, &caller.identity.user, request)).await?)
}

async fn receive(app: &App, who: &User, request: Request) -> Result<Response, Error> {
    let (head, body) = request.into_parts();
    let boundary = boundary(&head.headers)?;
    let limits = app.ingest.limits();
    let bytes_max = limits.upload_bytes_max.saturating_add(limits.image_bytes_max);
    let watch = Watch::new(bytes_max.saturating_add(limits::FORM_BYTES_MAX as u64));
    let parts = Multipart::new(Guarded::new(body, Arc::clone(&watch)), boundary);
    let mut form = Form { ingest: &app.ingest, who, asked: Asked::default(), file: None, image: Image::None };
    match form.fill(parts, &watch).await {
        Ok(()) => form.end().await,
        Err(error) => {
            form.abandon().await;
            // Whatever came of it further in, this is why.
            Err(watch.verdict().unwrap_or(error))
        }
    }
}

/// A form on its way.
struct Form<'a> {
    ingest: &'a Ingest,
    who: &'a User,
    asked: Asked,
    file: Option<File>,
    image: Image,
}

/// The file of a form.
enum File {
    /// Its bytes are on disk, and wait for the rest of the form.
    There(Box<Receiving>, Fleeting),
    /// The user had it before.
    Had(UploadId),
}

/// The picture of a form.
enum Image {
    None,
    /// It came by this upload. A remote store may not have it yet.
    Kept(BlobId, UploadId),
    /// It was left out, for this reason.
    Refused(String),
}

impl Form<'_> {
    /// Takes all parts in, as they come.
    async fn fill(&mut self, mut parts: Multipart<'static>, watch: &Arc<Watch>) -> Result<(), Error> {
        let mut fields = 0;
        while let Some(mut field) = parts.next_field().await.map_err(broken)? {
            watch.progressed();
            fields += 1;
            if fields > limits::FORM_FIELDS_MAX {
                let text = format!("a form may have {} fields at most", limits::FORM_FIELDS_MAX);
                return Err(Error::new(Code::Invalid, text));
            }
            let name = field.name().unwrap_or_default().to_owned();
            match name.as_str() {
                "file" if self.file.is_some() => {
                    return Err(Error::new(Code::Invalid, "file is there twice"));
                }
                "file" => self.file(&mut field, watch).await?,
                "image" if !matches!(self.image, Image::None) => {
                    return Err(Error::new(Code::Invalid, "image is there twice"));
                }
                "image" => self.image(&mut field, watch).await?,
                name => {
                    let text = small(name, &mut field, watch).await?;
                    ingest::ask_for(&mut self.asked, name, &text)?;
                }
            }
            // What nobody wanted is read past, a piece at a time.
            while let Some(piece) = field.next().await {
                piece.map_err(broken)?;
                watch.progressed();
            }
        }
        Ok(())
    }

    async fn file(&mut self, field: &mut Field<'static>, watch: &Arc<Watch>) -> Result<(), Error> {
        self.asked.filename = field.file_name().unwrap_or_default().to_owned();
        let ask = Ask { asked: self.asked.clone(), ..Ask::default() };
        self.file = Some(match self.ingest.create(self.who, ask).await? {
            Created::Ready(row) => File::Had(row.id),
            Created::Open(id, _) => {
                let fleeting = Fleeting::new(self.ingest, self.who, id);
                let mut receiving = self.ingest.take(self.who, id).await?;
                if let Err(error) = receiving.append(StreamBody::new(frames(field, watch)), None).await {
                    drop(receiving);
                    fleeting.cancel().await;
                    return Err(error.into());
                }
                File::There(Box::new(receiving), fleeting)
            }
        });
        Ok(())
    }

    /// A picture that cannot be kept is left out; only what ends the whole request is an error.
    async fn image(&mut self, field: &mut Field<'static>, watch: &Arc<Watch>) -> Result<(), Error> {
        let filename = field.file_name().unwrap_or_default().to_owned();
        let is_chosen = !filename.is_empty();
        let named = ingest::name::file_name(&filename);
        self.image = match self.picture(filename, field, watch).await {
            Ok((id, upload)) => Image::Kept(id, upload),
            // Browsers send an empty part when no picture was chosen.
            Err(error) if error.kind == ErrorKind::Empty && !is_chosen => Image::None,
            Err(error) if is_about_picture(&error.kind) => {
                Image::Refused(format!("the image {named} was left out: {}", error.said))
            }
            Err(error) => return Err(error.into()),
        };
        Ok(())
    }

    async fn picture(
        &self,
        filename: String,
        field: &mut Field<'static>,
        watch: &Arc<Watch>,
    ) -> Result<(BlobId, UploadId), ingest::Error> {
        let no_picture = || {
            let said = "it is no picture in JPEG, PNG, WebP or GIF";
            ingest::Error::new(ErrorKind::NotMedia, said)
        };
        let ask = Ask { asked: Asked { filename, ..Asked::default() }, ..Ask::default() };
        let id = match self.ingest.create(self.who, ask).await? {
            Created::Ready(row) => return Ok((row.blob.ok_or_else(no_picture)?, row.id)),
            Created::Open(id, _) => id,
        };
        let fleeting = Fleeting::new(self.ingest, self.who, id);
        let mut receiving = self.ingest.take(self.who, id).await?;
        let received = match receiving.append(StreamBody::new(frames(field, watch)), None).await {
            Ok(_) if receiving.format().is_some_and(|format| format.sort() != Sort::Image) => {
                Err(no_picture())
            }
            Ok(_) => receiving.end().await,
            Err(error) => Err(error),
        };
        match received {
            Ok(row) => {
                fleeting.keep();
                Ok((row.blob.ok_or_else(no_picture)?, id))
            }
            Err(error) => {
                fleeting.cancel().await;
                Err(error)
            }
        }
    }

    /// All parts are here.
    async fn end(mut self) -> Result<Response, Error> {
        let missing = match (&self.file, &self.asked.title) {
            (None, _) => Some("file"),
            (_, None) => Some("title"),
            _ => None,
        };
        if let Some(missing) = missing {
            self.abandon().await;
            return Err(Error::new(Code::Missing, format!("the form has no {missing}")));
        }
        if let Image::Kept(id, _) = &self.image {
            self.asked.image = Some(*id);
        }
        let upload_id = match self.file.take() {
            Some(File::There(mut receiving, fleeting)) => {
                let id = receiving.id();
                let asked = std::mem::take(&mut self.asked);
                let ended = async {
                    receiving.describe(asked).await?;
                    receiving.end().await
                };
                match ended.await {
                    Ok(_) => fleeting.keep(),
                    // All its bytes are here; what is left is done as soon as it can be.
                    Err(error) if matches!(error.kind, ErrorKind::Store | ErrorKind::Catalog) => {
                        fleeting.keep()
                    }
                    Err(error) => {
                        fleeting.cancel().await;
                        self.abandon().await;
                        return Err(error.into());
                    }
                }
                id
            }
            Some(File::Had(id)) => id,
            None => return Err(Error::new(Code::Missing, "the form has no file")),
        };
        let mut message = "the track was received and is on its way into the library".to_owned();
        if let Image::Refused(why) = &self.image {
            message = format!("{message}; {why}");
        }
        let answer = PendingAnswer { upload_id: upload_id.to_string(), status: "pending", message };
        Ok(json::answer(StatusCode::OK, &answer))
    }

    /// Nothing of it is wanted: nothing of it stays.
    async fn abandon(&mut self) {
        if let Some(File::There(receiving, fleeting)) = self.file.take() {
            drop(receiving);
            fleeting.cancel().await;
        }
        let Image::Kept(_, upload) = std::mem::replace(&mut self.image, Image::None) else { return };
        match self.ingest.cancel(self.who, upload).await {
            Ok(()) => {}
            // The sender had this picture before, and it stays his.
            Err(error) if error.kind == ErrorKind::Gone => {}
            Err(error) => tracing::warn!(%upload, %error, "a picture without a track stays"),
        }
    }
}

/// Whether it says something about the picture, and nothing about the request or the server.
fn is_about_picture(kind: &ErrorKind) -> bool {
    match kind {
        ErrorKind::NotMedia
        | ErrorKind::TooLarge { .. }
        | ErrorKind::LengthConflict
        | ErrorKind::Empty
        | ErrorKind::Mismatch
        | ErrorKind::Gone
        | ErrorKind::Quota { .. }
        | ErrorKind::TooManyUploads
        | ErrorKind::BadRequest
        | ErrorKind::Unsupported
        | ErrorKind::NotAllowed => true,
        ErrorKind::NotFound
        | ErrorKind::Conflict { .. }
        | ErrorKind::TakenOver
        | ErrorKind::Full { .. }
        | ErrorKind::Refused(_)
        | ErrorKind::TooSlow
        | ErrorKind::BrokenOff
        | ErrorKind::Store
        | ErrorKind::Catalog => false,
    }
}

/// The bytes of a field as a body.
fn frames<'a>(
    field: &'a mut Field<'static>,
    watch: &Arc<Watch>,
) -> impl Stream<Item = Result<Frame<bytes::Bytes>, multer::Error>> + 'a {
    let watch = Arc::clone(watch);
    field.map_ok(move |piece| {
        watch.progressed();
        Frame::data(piece)
    })
}

/// A field that is no file.
pub(crate) async fn small(name: &str, field: &mut Field<'static>, watch: &Watch) -> Result<String, Error> {
    let mut text = Vec::new();
    while let Some(piece) = field.next().await {
        let piece = piece.map_err(broken)?;
        watch.progressed();
        if text.len() + piece.len() > limits::PARAMETER_BYTES_MAX {
            let name: String = name.chars().take(limits::UNKNOWN_NAME_CHARS_MAX).collect();
            let text = format!("{name} is longer than {} bytes", limits::PARAMETER_BYTES_MAX);
            return Err(Error::new(Code::Invalid, text));
        }
        text.extend_from_slice(&piece);
    }
    String::from_utf8(text).map_err(|_| Error::new(Code::Invalid, "a field of the form is not UTF-8"))
}

/// The line that stands between the parts.
pub(crate) fn boundary(headers: &HeaderMap) -> Result<String, Error> {
    let named = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let boundary = named.and_then(|value| multer::parse_boundary(value).ok());
    boundary.filter(|text| !text.is_empty() && text.len() <= 70).ok_or_else(|| {
        Error::new(
            Code::Invalid,
            "the body must be a form: Content-Type: multipart/form-data with a boundary",
        )
    })
}

pub(crate) fn broken(error: multer::Error) -> Error {
    let text = match error {
        multer::Error::ReadHeaderFailed(_)
        | multer::Error::DecodeHeaderName { .. }
        | multer::Error::DecodeHeaderValue { .. } => {
            "the head of a part cannot be read: neither a file name nor anything else in it may contain a control character or \
             a line break"
        }
        _ => "the form is broken, or broke off",
    };
    Error::new(Code::Invalid, text)
}
