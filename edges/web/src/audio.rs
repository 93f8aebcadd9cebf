//! The bytes of a track and of its cover, and links that play without a sign-in.

use std::num::NonZeroU64;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode, header, request};
use axum::response::Response;
use budget::limits;
use catalog::{Item, Opened, TrackId, Viewer};
use serde::{Deserialize, Serialize};
use stream::{Disposition, Kind, Listener, Peer, Segment};
use transform::Shown;
use utoipa::{IntoParams, ToSchema};

use crate::App;
use crate::caller::{self, Caller};
use crate::error::{Code, Error};
use crate::json::{self, Asked, Id};

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
    play(&app, &caller.account(), &caller.identity.viewer(), id, &head).await
}

/// Plays a track that a viewer sees on somebody's account.
pub(crate) async fn play(
    app: &App,
    account: &Account<'_>,
    viewer: &Viewer,
    id: TrackId,
    head: &request::Parts,
) -> Result<Response, Error> {
    let track = app.catalog.playing(viewer, id).await?;
    let download = caller::values(head.uri.query().unwrap_or_default(), "download").next();
    let disposition = match download.as_deref() {
        None | Some("0") => Disposition::Inline,
        Some(_) => Disposition::Attachment(track.path.file_name().to_owned()),
    };
    let source = app.shelf.open(&track.place()).await?;
    let segment = Segment::whole(source, HeaderValue::from_static(track.content_type), disposition);
    let what = [&*track.artist, " – ", &*track.title].concat();
    send(app, account, head, segment, Kind::Media, what)
}

/// How large a picture is wanted.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct PictureQuery {
    /// Pixels of the longer edge, rounded up to 80, 160, 300, 600 or 1200; without it, and beyond that, the picture comes
    /// as it was found.
    #[param(value_type = Option<u64>, minimum = 1, example = 300)]
    width: Option<NonZeroU64>,
}

impl PictureQuery {
    /// That many pixels.
    pub(crate) fn pixels(&self) -> Option<u64> {
        self.width.map(NonZeroU64::get)
    }
}

/// Show a track's cover
///
/// The picture as it was found, or made smaller. Of a video that has none, a frame.
#[utoipa::path(get, path = "/tracks/{id}/cover", tag = "tracks",
    params(("id" = String, Path, example = "tr-17"), PictureQuery),
    responses((status = 200, description = "the picture", body = Vec<u8>, content_type = "image/*")))]
pub(crate) async fn cover(
    State(app): State<Arc<App>>,
    caller: Caller,
    Id(id): Id<TrackId>,
    Asked(query): Asked<PictureQuery>,
    head: request::Parts,
) -> Result<Response, Error> {
    show_cover(&app, &caller.account(), &caller.identity.viewer(), Item::Track(id), &query, &head).await
}

/// Shows the cover of something that a viewer sees on somebody's account.
pub(crate) async fn show_cover(
    app: &App,
    account: &Account<'_>,
    viewer: &Viewer,
    item: Item,
    query: &PictureQuery,
    head: &request::Parts,
) -> Result<Response, Error> {
    let (pixels, address) = (query.pixels(), caller::client(head).address);
    let shown = app.covers.of_item(&*app.catalog, &app.shelf, viewer, item, pixels, address);
    let shown: Result<Shown, Error> = shown.await;
    show(app, account, head, shown?, format!("cover of {item}"))
}

/// Sends a picture.
pub(crate) fn show(
    app: &App,
    account: &Account<'_>,
    head: &request::Parts,
    shown: Shown,
    what: String,
) -> Result<Response, Error> {
    let missing = || {
        Error::new(Code::FileMissing, "the picture is not in its file now").hint("a scan notices what moved")
    };
    let Shown { source, offset, count, content_type } = shown;
    let content_type = HeaderValue::try_from(&*content_type).map_err(|_| missing())?;
    let segment =
        Segment::slice(source, offset, count, content_type, Disposition::Inline).ok_or_else(missing)?;
    send(app, account, head, segment, Kind::Picture, what)
}

/// On whose account something is sent: he has so many streams at once, and is named in the list of them.
pub(crate) struct Account<'a> {
    /// His number.
    pub(crate) number: i64,
    /// His name.
    pub(crate) name: &'a str,
}

/// Hands a segment to `stream` on somebody's account.
pub(crate) fn send(
    app: &App,
    account: &Account<'_>,
    head: &request::Parts,
    segment: Segment,
    kind: Kind,
    what: String,
) -> Result<Response, Error> {
    let listener = Listener {
        kind,
        user: account.number,
        user_name: account.name.into(),
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
    let signature = app.sign_in.sign_link(Opened::Track(track.id), user, expires);
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
