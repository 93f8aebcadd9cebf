//! What was uploaded, by the short id of its bytes.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderValue, request};
use axum::response::Response;
use catalog::{BlobRow, MediaKind, Track};
use store::{FileId, Place};
use stream::{Disposition, Kind, Segment};
use transform::Shown;

use crate::App;
use crate::audio::{PictureQuery, send, show};
use crate::caller::{self, Caller};
use crate::error::{Code, Error};
use crate::json::{Asked, Id};

/// Play a file
///
/// An uploaded file by its `file_id`: the first 16 hexadecimal digits of its SHA-256. It plays for whoever may play a
/// track that has these bytes, and for who sent them. 409 when the digits stand for two files.
#[utoipa::path(get, path = "/audio/{file_id}", tag = "uploads",
    params(("file_id" = String, Path, example = "b94d27b9934d3e08"),
        ("download" = Option<String>, Query, description = "Anything but 0 offers the file to be saved.")),
    responses(
        (status = 200, description = "the file", body = Vec<u8>, content_type = "audio/*"),
        (status = 206, description = "the asked range of it", body = Vec<u8>, content_type = "audio/*"),
        (status = 409, description = "the digits stand for two files")))]
pub(crate) async fn audio(
    State(app): State<Arc<App>>,
    caller: Caller,
    Id(id): Id<FileId>,
    request: Request,
) -> Result<Response, Error> {
    let (head, _) = request.into_parts();
    let (blob, track) = app.catalog.blob_by_file_id(&caller.identity.viewer(), id).await?;
    let BlobRow { key: Some(key), kind: MediaKind::Audio | MediaKind::Video, content_type, suffix, .. } =
        blob
    else {
        return Err(nothing());
    };
    let download = caller::values(head.uri.query().unwrap_or_default(), "download").next();
    let disposition = match (download.as_deref(), &track) {
        (None | Some("0"), _) => Disposition::Inline,
        (Some(_), Some(track)) => Disposition::Attachment(track.path.file_name().to_owned()),
        (Some(_), None) => Disposition::Attachment(format!("{id}.{}", suffix.as_str())),
    };
    let source = app.shelf.open(&Place::Blob(key)).await?;
    let segment = Segment::whole(source, HeaderValue::from_static(content_type), disposition);
    let what = match track {
        Some(Track { artist, title, .. }) => format!("{artist} – {title}"),
        None => format!("file {id}"),
    };
    send(&app, &caller.account(), &head, segment, Kind::Media, what)
}

/// Show a picture
///
/// An uploaded picture by its `file_id`, as it was sent or made smaller.
#[utoipa::path(get, path = "/images/{file_id}", tag = "uploads",
    params(("file_id" = String, Path, example = "b94d27b9934d3e08"), PictureQuery),
    responses((status = 200, description = "the picture", body = Vec<u8>, content_type = "image/*"),
        (status = 409, description = "the digits stand for two files")))]
pub(crate) async fn image(
    State(app): State<Arc<App>>,
    caller: Caller,
    Id(id): Id<FileId>,
    Asked(query): Asked<PictureQuery>,
    head: request::Parts,
) -> Result<Response, Error> {
    let (blob, _) = app.catalog.blob_by_file_id(&caller.identity.viewer(), id).await?;
    let BlobRow { key: Some(key), kind: MediaKind::Image, content_type, .. } = blob else {
        return Err(nothing());
    };
    let (place, address) = (Place::Blob(key), caller::client(&head).address);
    let original = Shown::as_it_is(app.shelf.open(&place).await?, 0, None, content_type);
    let shown = app.covers.picture(original, &place, &id.to_string(), query.pixels(), address).await?;
    show(&app, &caller.account(), &head, shown, format!("picture {id}"))
}

fn nothing() -> Error {
    Error::new(Code::NotFound, "there is no such thing here, or it is not yours to see")
}
