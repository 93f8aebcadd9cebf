//! The bytes of a track and of its cover, and links that play without a sign-in.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode, header, request};
use axum::response::Response;
use budget::limits;
use catalog::{Cover, Item, TrackId};
use serde::Serialize;
use stream::{Disposition, Kind, Listener, Peer, Segment};
use utoipa::{IntoParams, ToSchema};

use crate::App;
use crate::caller::{self, Caller};
use crate::error::{Code, Error};
use crate::json::{self, Id};

/// A signed link's parts, or nothing; and whether to save the file instead of playing it.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(
    dead_code,
    reason = "the query is read where it is needed; its parts stand here for the description"
)]
pub(crate) struct AudioQuery {
    /// Anything but 0 offers the file to be saved under its own name.
    download: Option<String>,
    /// Of a signed link: who signed in to make it.
    #[param(example = "us-1")]
    user: Option<String>,
    /// Of a signed link: until when it plays, in Unix milliseconds.
    expires: Option<String>,
    /// Of a signed link: what proves it.
    signature: Option<String>,
}

/// Play a track
///
/// The file as it is, with ranges and conditions (RFC 9110 sections 13 and 14). HEAD answers without a body. A signed
/// link may stand for a sign-in.
#[utoipa::path(get, path = "/tracks/{id}/audio", tag = "tracks",
    params(("id" = String, Path, example = "tr-17"), AudioQuery),
    responses(
        (status = 200, description = "the file", body = Vec<u8>, content_type = "audio/*"),
        (status = 206, description = "the asked range of it", body = Vec<u8>, content_type = "audio/*"),
        (status = 304, description = "not modified"),
        (status = 412, description = "a condition does not hold"),
        (status = 416, description = "no such range; Content-Range has the length")))]
pub(crate) async fn audio(
    State(app): State<Arc<App>>,
    caller: Caller,
    Id(id): Id<TrackId>,
    request: Request,
) -> Result<Response, Error> {
    // Taken apart, not copied: players ask for many small ranges.
    let (head, _) = request.into_parts();
    let track = app.catalog.playing(&caller.identity.viewer(), id).await?;
    let download = caller::values(head.uri.query().unwrap_or_default(), "download").next();
    let disposition = match download.as_deref() {
        None | Some("0") => Disposition::Inline,
        Some(_) => Disposition::Attachment(track.path.file_name().to_owned()),
    };
    let source = app.shelf.open(&track.place()).await?;
    let segment = Segment::whole(source, HeaderValue::from_static(track.content_type), disposition);
    let what = [&*track.artist, " – ", &*track.title].concat();
    send(&app, &caller, &head, segment, Kind::Media, what)
}

/// Show a track's cover
///
/// The picture as it was found, in its own size.
#[utoipa::path(get, path = "/tracks/{id}/cover", tag = "tracks", params(("id" = String, Path, example = "tr-17")),
    responses((status = 200, description = "the picture", body = Vec<u8>, content_type = "image/*")))]
pub(crate) async fn cover(
    State(app): State<Arc<App>>,
    caller: Caller,
    Id(id): Id<TrackId>,
    head: request::Parts,
) -> Result<Response, Error> {
    let Cover { place, offset, count, content_type } =
        app.catalog.cover(&caller.identity.viewer(), Item::Track(id)).await?;
    let source = app.shelf.open(&place).await?;
    let content_type = HeaderValue::from_static(content_type);
    let segment =
        Segment::slice(source, offset, count, content_type, Disposition::Inline).ok_or_else(|| {
            Error::new(Code::FileMissing, "the picture is not in its file now")
                .hint("a scan notices what moved")
        })?;
    send(&app, &caller, &head, segment, Kind::Picture, format!("cover of {id}"))
}

/// Hands a segment to `stream` in the caller's name.
pub(crate) fn send(
    app: &App,
    caller: &Caller,
    head: &request::Parts,
    segment: Segment,
    kind: Kind,
    what: String,
) -> Result<Response, Error> {
    let user = &caller.identity.user;
    let listener = Listener {
        kind,
        user: user.id.0,
        user_name: user.name.as_str().into(),
        what,
        client: caller::client(head),
        peer: head.extensions.get::<Arc<Peer>>().cloned().unwrap_or_else(Peer::new),
    };
    let answer = app.streams.answer(&head.method, &head.headers, segment, listener)?;
    Ok(answer.map(Body::new))
}

/// A link that plays.
#[derive(Serialize, ToSchema)]
pub(crate) struct LinkAnswer {
    /// The whole address; whoever has it can play this track until it expires.
    url: String,
    /// Until when, as RFC 3339.
    expires: String,
}

/// Make a link
///
/// An address that plays this track without any header, for an `<audio>` tag or a player on the shelf. What it plays
/// counts as the caller's.
#[utoipa::path(post, path = "/tracks/{id}/link", tag = "tracks", params(("id" = String, Path, example = "tr-17")),
    responses((status = 200, description = "the link", body = LinkAnswer)))]
pub(crate) async fn link(
    State(app): State<Arc<App>>,
    caller: Caller,
    Id(id): Id<TrackId>,
    head: request::Parts,
) -> Result<Response, Error> {
    let track = app.catalog.track(&caller.identity.viewer(), id).await?;
    let user = caller.identity.user.id;
    let expires = json::now().saturating_add_unsigned(limits::LINK_MS);
    let signature = app.sign_in.sign_link(track.id, user, expires);
    let base = app.base_url.seen_by(&caller::client(&head), &head);
    let query = form_urlencoded::Serializer::new(String::new())
        .append_pair("user", &user.to_string())
        .append_pair("expires", &expires.to_string())
        .append_pair("signature", &signature)
        .finish();
    let url = format!("{base}/tracks/{id}/audio?{query}");
    let mut answer = json::answer(StatusCode::OK, &LinkAnswer { url, expires: json::moment(expires) });
    answer.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(answer)
}
