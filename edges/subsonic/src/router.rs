//! Every endpoint by name, and the way of a request from the wire to its handler.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderValue, Method, Request, Response, StatusCode, Uri, header};
use catalog::Action;
use futures_util::future::BoxFuture;
use stream::{Client, Peer};

use crate::Parts;
use crate::auth::{by_link, identify};
use crate::call::{Answer, Call, allow, unknown_client};
use crate::endpoints::{
    account, annotate, bookmarks, browse, captions, discovery, hls, lists, lyrics, media, not_offered,
    playing, playlists, podcasts, queue, search, shares, stations, system, transcoding, users,
};
use crate::error::{Error, ErrorKind};
use crate::form::Form;
use crate::params::Params;
use crate::players::Players;
use crate::playing::NowPlaying;

/// What answers a call.
type Handler = fn(Call) -> BoxFuture<'static, Answer>;

/// One endpoint: `/rest/NAME` and `/rest/NAME.view`.
pub struct Route {
    /// The endpoint's name in the protocol.
    pub name: &'static str,
    /// What the caller must be allowed to do.
    pub action: Action,
    /// Why it is answered with an error by this server, if it is: what is not offered has a row all the same.
    pub refusal: Option<&'static str>,
    /// Whether a signed link in the query may stand for a sign-in.
    pub by_link: bool,
    handler: Handler,
}

/// A row of the table; the handler is an `async fn(Call) -> Answer`.
macro_rules! route {
    ($name:literal, $action:ident, $handler:path) => {
        Route {
            name: $name,
            action: Action::$action,
            refusal: None,
            by_link: false,
            handler: |call| Box::pin($handler(call)),
        }
    };
}

/// A row for what is not offered, with what a client is told.
macro_rules! refused {
    ($name:literal, $action:ident, $refusal:expr) => {
        Route {
            name: $name,
            action: Action::$action,
            refusal: Some($refusal),
            by_link: false,
            handler: |call| Box::pin(not_offered::refuse(call, $refusal)),
        }
    };
}

const NO_AVATARS: &str = "This server keeps no pictures of its users";
const NO_CHAT: &str = "This server has no chat";
const NO_JUKEBOX: &str = "This server plays nothing by itself";
const NO_SIMILARITY: &str = "This server does not know which songs sound alike";

/// All endpoints.
pub const ROUTES: &[Route] = &[
    route!("ping", Listen, system::ping),
    route!("getLicense", Listen, system::license),
    route!("getOpenSubsonicExtensions", Knock, system::extensions),
    route!("getScanStatus", Listen, system::scan_status),
    route!("startScan", Administer, system::start_scan),
    route!("getUser", OwnAccount, account::user),
    route!("changePassword", OwnAccount, account::change_password),
    route!("getUsers", Administer, users::users),
    route!("createUser", Administer, users::create),
    route!("updateUser", Administer, users::update),
    route!("deleteUser", Administer, users::delete),
    route!("tokenInfo", OwnAccount, account::token_info),
    route!("getMusicFolders", Listen, browse::music_folders),
    route!("getIndexes", Listen, browse::indexes),
    route!("getMusicDirectory", Listen, browse::music_directory),
    route!("getArtists", Listen, browse::artists),
    route!("getArtist", Listen, browse::artist),
    route!("getAlbum", Listen, browse::album),
    route!("getSong", Listen, browse::song),
    route!("getGenres", Listen, browse::genres),
    route!("getAlbumList", Listen, lists::album_list),
    route!("getAlbumList2", Listen, lists::album_list2),
    route!("getRandomSongs", Listen, lists::random_songs),
    route!("getVideos", Listen, lists::videos),
    route!("getVideoInfo", Listen, captions::video_info),
    route!("getSongsByGenre", Listen, discovery::songs_by_genre),
    route!("getTopSongs", Listen, discovery::top_songs),
    route!("getSimilarSongs", Listen, discovery::similar_songs),
    route!("getSimilarSongs2", Listen, discovery::similar_songs2),
    route!("getArtistInfo", Listen, discovery::artist_info),
    route!("getArtistInfo2", Listen, discovery::artist_info2),
    route!("getAlbumInfo", Listen, discovery::album_info),
    route!("getAlbumInfo2", Listen, discovery::album_info),
    route!("getLyrics", Listen, lyrics::lyrics),
    route!("getLyricsBySongId", Listen, lyrics::lyrics_by_song_id),
    route!("getNowPlaying", Listen, playing::now_playing),
    route!("reportPlayback", Listen, playing::report_playback),
    route!("getStarred", Listen, lists::starred),
    route!("getStarred2", Listen, lists::starred2),
    route!("search", Listen, search::search),
    route!("search2", Listen, search::search2),
    route!("search3", Listen, search::search3),
    route!("getPlaylists", Listen, playlists::playlists),
    route!("getPlaylist", Listen, playlists::playlist),
    route!("createPlaylist", Listen, playlists::create),
    route!("updatePlaylist", Listen, playlists::update),
    route!("deletePlaylist", Listen, playlists::delete),
    route!("getPlayQueue", Listen, queue::queue),
    route!("savePlayQueue", Listen, queue::save),
    route!("getPlayQueueByIndex", Listen, queue::queue_by_index),
    route!("savePlayQueueByIndex", Listen, queue::save_by_index),
    route!("getBookmarks", Listen, bookmarks::bookmarks),
    route!("createBookmark", Listen, bookmarks::create),
    route!("deleteBookmark", Listen, bookmarks::delete),
    route!("getInternetRadioStations", Listen, stations::stations),
    route!("createInternetRadioStation", Administer, stations::create),
    route!("updateInternetRadioStation", Administer, stations::update),
    route!("deleteInternetRadioStation", Administer, stations::delete),
    route!("getShares", Listen, shares::shares),
    route!("createShare", Share, shares::create),
    route!("updateShare", Share, shares::update),
    route!("deleteShare", Listen, shares::delete),
    route!("getPodcasts", Listen, podcasts::podcasts),
    route!("getNewestPodcasts", Listen, podcasts::newest),
    route!("getPodcastEpisode", Listen, podcasts::episode),
    route!("refreshPodcasts", Upload, podcasts::refresh),
    route!("createPodcastChannel", Upload, podcasts::create),
    route!("deletePodcastChannel", Upload, podcasts::delete),
    route!("deletePodcastEpisode", Upload, podcasts::delete_episode),
    route!("downloadPodcastEpisode", Upload, podcasts::download),
    route!("stream", Listen, transcoding::stream),
    route!("hls.m3u8", Listen, hls::playlist),
    route!("getCaptions", Listen, captions::captions),
    route!("getTranscodeDecision", Listen, transcoding::decision),
    route!("getTranscodeStream", Listen, transcoding::transcode_stream),
    route!("download", Listen, media::download),
    Route { by_link: true, ..route!("getCoverArt", Listen, media::cover_art) },
    route!("scrobble", Listen, annotate::scrobble),
    route!("star", Listen, annotate::star),
    route!("unstar", Listen, annotate::unstar),
    route!("setRating", Listen, annotate::set_rating),
    route!("getChatMessages", Listen, not_offered::chat_messages),
    refused!("addChatMessage", Listen, NO_CHAT),
    refused!("jukeboxControl", Listen, NO_JUKEBOX),
    refused!("getAvatar", Listen, NO_AVATARS),
    refused!("getSonicSimilarTracks", Listen, NO_SIMILARITY),
    refused!("findSonicPath", Listen, NO_SIMILARITY),
];

/// Whether an endpoint is there and does what it is for.
pub(crate) fn offers(name: &str) -> bool {
    ROUTES.iter().any(|route| route.name == name && route.refusal.is_none())
}

/// What every endpoint works with.
pub(crate) struct Face {
    pub(crate) parts: Parts,
    pub(crate) playing: NowPlaying,
    pub(crate) players: Players,
}

/// The OpenSubsonic face. Unknown endpoints are answered in the envelope too: clients probe.
pub fn router(parts: Parts) -> Router {
    let face = Arc::new(Face { parts, playing: NowPlaying::default(), players: Players::default() });
    let mut router = Router::new();
    for route in ROUTES {
        let face = face.clone();
        let serve = axum::routing::any(move |request| serve(face.clone(), route, request));
        router = router
            .route(&format!("/rest/{}", route.name), serve.clone())
            .route(&format!("/rest/{}.view", route.name), serve);
    }
    let unknown = move |request| unknown(face.clone(), request);
    router
        .route("/rest", axum::routing::any(unknown.clone()))
        .route("/rest/", axum::routing::any(unknown.clone()))
        .route("/rest/{*endpoint}", axum::routing::any(unknown))
}

/// The answer to a head that never became a request, by what is known of its target; `None` when that is not of this face.
pub fn unheard(target: &Uri, status: StatusCode) -> Option<Response<Body>> {
    let is_ours = target.path().starts_with("/rest/");
    is_ours.then(|| refuse("unheard", &Params::of(target), &Error::unheard(status)))
}

/// Answers one request.
async fn serve(face: Arc<Face>, route: &'static Route, request: Request<Body>) -> Response<Body> {
    if request.method() == Method::OPTIONS {
        return options();
    }
    let (params, request) = match read(&face.parts, request).await {
        Ok((params, request)) => (Arc::new(params), request),
        Err((params, error)) => return refuse(route.name, &params, &error),
    };
    // The media endpoints know HEAD themselves; of all others the router takes the head.
    match attempt(face, route, &params, request).await {
        Ok(answer) => answer,
        Err(error) => refuse(route.name, &params, &error),
    }
}

/// Who asks, may he, and what is the answer.
async fn attempt(
    face: Arc<Face>,
    route: &'static Route,
    params: &Arc<Params>,
    request: Request<Body>,
) -> Answer {
    let format = params.format().map_err(|(_, error)| error)?;
    params.check_version()?;
    let (head, _) = request.into_parts();
    let client = head.extensions.get::<Client>().copied().unwrap_or_else(unknown_client);
    let peer = head.extensions.get::<Arc<Peer>>().cloned().unwrap_or_else(Peer::new);
    let identity = if route.action == Action::Knock {
        None
    } else {
        let sign_in = &face.parts.sign_in;
        Some(match params.get("signature").filter(|_| route.by_link) {
            Some(signature) => by_link(sign_in, params, &signature).await?,
            None => identify(sign_in, params, &head.headers, client.address).await?,
        })
    };
    allow(identity.as_ref(), route.action)?;
    let call = Call {
        face,
        params: params.clone(),
        format,
        method: head.method,
        uri: head.uri,
        headers: head.headers,
        client,
        peer,
        identity,
    };
    (route.handler)(call).await
}

/// An endpoint that we do not have. Nothing about the library is told, so nobody has to sign in.
async fn unknown(face: Arc<Face>, request: Request<Body>) -> Response<Body> {
    if request.method() == Method::OPTIONS {
        return options();
    }
    let path = request.uri().path();
    let name = path.rsplit('/').next().unwrap_or_default();
    let name: String = name.trim_end_matches(".view").chars().take(64).collect();
    let error = Error::new(ErrorKind::Generic, format!("This server has no endpoint {name:?}"));
    match read(&face.parts, request).await {
        Ok((params, _)) => refuse("unknown", &params, &error),
        Err((params, error)) => refuse("unknown", &params, &error),
    }
}

/// Gathers the parameters of query and form.
async fn read(parts: &Parts, request: Request<Body>) -> Result<(Params, Request<Body>), (Params, Error)> {
    let mut params = Params::of(request.uri());
    let method = request.method();
    if method == Method::GET || method == Method::HEAD {
        return Ok((params, request));
    }
    if method != Method::POST {
        return Err((params, Error::method()));
    }
    let (is_form, is_document) = (is_form(&request), is_document(&request));
    if !is_form && !is_document {
        return Ok((params, request));
    }
    let (head, body) = request.into_parts();
    let declared =
        head.headers.get(header::CONTENT_LENGTH).and_then(|n| n.to_str().ok()?.parse::<usize>().ok());
    match Form::read(&parts.budget, declared, body).await {
        Ok(form) => {
            if is_form {
                params.extend(form);
            } else {
                params.attach(form);
            }
            Ok((params, Request::from_parts(head, Body::empty())))
        }
        Err(error) => Err((params, error)),
    }
}

fn is_form(request: &Request<Body>) -> bool {
    is_type(request, "application/x-www-form-urlencoded")
}

fn is_document(request: &Request<Body>) -> bool {
    is_type(request, "application/json")
}

fn is_type(request: &Request<Body>, wanted: &str) -> bool {
    let content_type = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    content_type
        .is_some_and(|value| value.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case(wanted))
}

/// Writes an error in the format that was asked for. What went wrong inside is logged with the endpoint's name; the
/// request's own words may hold a password and are not.
fn refuse(endpoint: &str, params: &Params, error: &Error) -> Response<Body> {
    match error.reason() {
        Some(reason) if error.kind() == ErrorKind::Generic => {
            tracing::warn!(endpoint, %error, %reason, "a request failed");
        }
        Some(reason) => tracing::info!(endpoint, %error, %reason, "a request failed"),
        None => tracing::debug!(endpoint, kind = ?error.kind(), "a request was refused"),
    }
    let format = params.format().unwrap_or_else(|(fallback, _)| fallback);
    let mut response = format.error(error);
    if error.status() == StatusCode::METHOD_NOT_ALLOWED {
        response.headers_mut().insert(header::ALLOW, ALLOWED);
    }
    response
}

const ALLOWED: HeaderValue = HeaderValue::from_static("GET, HEAD, POST, OPTIONS");

/// What may be asked, without asking who asks.
fn options() -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    response.headers_mut().insert(header::ALLOW, ALLOWED);
    response
}

#[cfg(test)]
mod tests;
