//! The one table of routes. The router is built from it, the tests walk it, the API description is compared with it.

use std::sync::Arc;

use axum::Router;
use axum::http::{Method, Uri};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodFilter, MethodRouter, on};
use catalog::Action;

use crate::error::{Code, Detail, Error};
use crate::gate::Gate;
use crate::{
    App, account, albums, annotations, artists, audio, browse, events, form, front, health, letters, live,
    lyrics, media, memory, metrics, openapi, playlists, queue, scan, scrobbling, session, sessions, shares,
    stems, streams, tracks, ui, under_way, uploads, users, videos,
};

/// One row: who may do what where. `HEAD` is answered wherever `GET` is.
pub struct Route {
    /// The method.
    pub method: Method,
    /// The path as axum writes it, with `{id}` for a variable part.
    pub path: &'static str,
    /// What the access table is asked before the handler runs. The owner of a track is filled in by the gate.
    pub action: Action,
    /// Whether a signed link in the query may stand for a sign-in.
    pub by_link: bool,
    /// Whether it is the audio platform's or the splitter's own path, whose errors are `{"detail"}`.
    pub platforms: bool,
    /// Whether it is one of the splitter's own, which `stems.public` opens to strangers.
    pub strangers: bool,
    handler: fn(MethodFilter) -> MethodRouter<Arc<App>>,
}

impl Route {
    const fn new(
        method: Method,
        path: &'static str,
        action: Action,
        handler: fn(MethodFilter) -> MethodRouter<Arc<App>>,
    ) -> Self {
        Route { method, path, action, by_link: false, platforms: false, strangers: false, handler }
    }

    const fn or_link(
        method: Method,
        path: &'static str,
        action: Action,
        handler: fn(MethodFilter) -> MethodRouter<Arc<App>>,
    ) -> Self {
        Route { method, path, action, by_link: true, platforms: false, strangers: false, handler }
    }

    const fn of_platform(
        method: Method,
        path: &'static str,
        action: Action,
        handler: fn(MethodFilter) -> MethodRouter<Arc<App>>,
    ) -> Self {
        Route { method, path, action, by_link: false, platforms: true, strangers: false, handler }
    }

    const fn of_splitter(
        method: Method,
        path: &'static str,
        action: Action,
        handler: fn(MethodFilter) -> MethodRouter<Arc<App>>,
    ) -> Self {
        Route { method, path, action, by_link: false, platforms: true, strangers: true, handler }
    }

    const fn and_splitter(
        method: Method,
        path: &'static str,
        action: Action,
        handler: fn(MethodFilter) -> MethodRouter<Arc<App>>,
    ) -> Self {
        Route { method, path, action, by_link: false, platforms: false, strangers: true, handler }
    }
}

const GET: Method = Method::GET;
const POST: Method = Method::POST;
const PUT: Method = Method::PUT;
const PATCH: Method = Method::PATCH;
const DELETE: Method = Method::DELETE;
const OPTIONS: Method = Method::OPTIONS;

const KNOCK: Action = Action::Knock;
const LISTEN: Action = Action::Listen;
const OWN: Action = Action::OwnAccount;
const ADMIN: Action = Action::Administer;
const UPLOAD: Action = Action::Upload;
const TRANSFORM: Action = Action::Transform;
const CHANGE: Action = Action::ChangeTrack { owner: None };

/// Every route of this face.
pub static ROUTES: &[Route] = &[
    Route::new(GET, "/", KNOCK, |m| on(m, front::page)),
    Route::new(GET, "/app", KNOCK, |m| on(m, ui::to_page)),
    Route::new(GET, "/app/", KNOCK, |m| on(m, ui::document)),
    Route::new(GET, "/app/{*file}", KNOCK, |m| on(m, ui::file)),
    Route::new(GET, "/health", KNOCK, |m| on(m, health::report)),
    Route::new(GET, "/openapi.json", KNOCK, |m| on(m, openapi::describe)),
    Route::and_splitter(GET, "/metrics", ADMIN, |m| on(m, metrics::show)),
    Route::new(GET, "/session", KNOCK, |m| on(m, session::who)),
    Route::new(POST, "/session", KNOCK, |m| on(m, session::open)),
    Route::new(DELETE, "/session", OWN, |m| on(m, session::close)),
    Route::new(GET, "/me", OWN, |m| on(m, account::me)),
    Route::new(PUT, "/me/password", OWN, |m| on(m, users::set_own_password)),
    Route::new(GET, "/me/keys", OWN, |m| on(m, account::keys)),
    Route::new(POST, "/me/keys", OWN, |m| on(m, account::add_key)),
    Route::new(DELETE, "/me/keys/{id}", OWN, |m| on(m, account::remove_key)),
    Route::new(GET, "/me/app-passwords", OWN, |m| on(m, account::app_passwords)),
    Route::new(POST, "/me/app-passwords", OWN, |m| on(m, account::add_app_password)),
    Route::new(DELETE, "/me/app-passwords/{id}", OWN, |m| on(m, account::remove_app_password)),
    Route::new(GET, "/me/sessions", OWN, |m| on(m, sessions::list)),
    Route::new(DELETE, "/me/sessions/{id}", OWN, |m| on(m, sessions::end)),
    Route::new(GET, "/me/queue", LISTEN, |m| on(m, queue::read)),
    Route::new(PUT, "/me/queue", LISTEN, |m| on(m, queue::keep)),
    Route::new(GET, "/me/queue/tracks", LISTEN, |m| on(m, queue::songs)),
    Route::new(GET, "/me/scrobbling", OWN, |m| on(m, scrobbling::list)),
    Route::new(PUT, "/me/scrobbling/{id}", OWN, |m| on(m, scrobbling::connect)),
    Route::new(DELETE, "/me/scrobbling/{id}", OWN, |m| on(m, scrobbling::disconnect)),
    Route::new(GET, "/users", ADMIN, |m| on(m, users::list)),
    Route::new(POST, "/users", ADMIN, |m| on(m, users::add)),
    Route::new(PATCH, "/users/{id}", ADMIN, |m| on(m, users::change)),
    Route::new(DELETE, "/users/{id}", ADMIN, |m| on(m, users::remove)),
    Route::new(GET, "/libraries", LISTEN, |m| on(m, browse::libraries)),
    Route::new(GET, "/albums", LISTEN, |m| on(m, albums::list)),
    Route::new(GET, "/albums/letters", LISTEN, |m| on(m, letters::of_albums)),
    Route::new(GET, "/albums/{id}", LISTEN, |m| on(m, albums::read)),
    Route::new(GET, "/albums/{id}/tracks", LISTEN, |m| on(m, albums::songs)),
    Route::new(GET, "/albums/{id}/cover", LISTEN, |m| on(m, albums::cover)),
    Route::new(GET, "/artists", LISTEN, |m| on(m, artists::list)),
    Route::new(GET, "/artists/letters", LISTEN, |m| on(m, letters::of_artists)),
    Route::new(GET, "/artists/{id}", LISTEN, |m| on(m, artists::read)),
    Route::new(GET, "/artists/{id}/albums", LISTEN, |m| on(m, artists::albums)),
    Route::new(GET, "/artists/{id}/cover", LISTEN, |m| on(m, artists::cover)),
    Route::new(GET, "/genres", LISTEN, |m| on(m, browse::genres)),
    Route::new(GET, "/search", LISTEN, |m| on(m, browse::search)),
    Route::new(GET, "/search/tracks", LISTEN, |m| on(m, browse::search_tracks)),
    Route::new(GET, "/starred/tracks", LISTEN, |m| on(m, browse::starred_tracks)),
    Route::new(PUT, "/stars/{id}", LISTEN, |m| on(m, annotations::star)),
    Route::new(DELETE, "/stars/{id}", LISTEN, |m| on(m, annotations::unstar)),
    Route::new(PUT, "/ratings/{id}", LISTEN, |m| on(m, annotations::rate)),
    Route::new(GET, "/tracks", LISTEN, |m| on(m, tracks::list)),
    Route::new(GET, "/videos", LISTEN, |m| on(m, videos::list)),
    Route::new(GET, "/videos/{id}", LISTEN, |m| on(m, videos::read)),
    Route::new(GET, "/tracks/{id}", LISTEN, |m| on(m, tracks::read)),
    Route::new(PATCH, "/tracks/{id}", CHANGE, |m| on(m, tracks::change)),
    Route::new(DELETE, "/tracks/{id}", CHANGE, |m| on(m, tracks::remove)),
    Route::new(POST, "/tracks/{id}/plays", LISTEN, |m| on(m, annotations::play)),
    Route::new(GET, "/tracks/{id}/lyrics", LISTEN, |m| on(m, lyrics::read)),
    Route::or_link(GET, "/tracks/{id}/audio", LISTEN, |m| on(m, audio::audio)),
    Route::new(GET, "/tracks/{id}/cover", LISTEN, |m| on(m, audio::cover)),
    Route::new(POST, "/tracks/{id}/link", Action::Listen, |m| on(m, audio::link)),
    // The token is the right: whoever has one may knock, and what it opens its handler asks.
    Route::new(GET, "/share/{token}", KNOCK, |m| on(m, shares::page)),
    Route::new(GET, "/share/{token}/tracks/{id}/audio", KNOCK, |m| on(m, shares::audio)),
    Route::new(GET, "/share/{token}/tracks/{id}/cover", KNOCK, |m| on(m, shares::cover)),
    Route::new(GET, "/playlists", LISTEN, |m| on(m, playlists::list)),
    Route::new(POST, "/playlists", LISTEN, |m| on(m, playlists::create)),
    Route::new(GET, "/playlists/{id}", LISTEN, |m| on(m, playlists::read)),
    Route::new(PATCH, "/playlists/{id}", LISTEN, |m| on(m, playlists::change)),
    Route::new(DELETE, "/playlists/{id}", LISTEN, |m| on(m, playlists::remove)),
    Route::new(GET, "/playlists/{id}/tracks", LISTEN, |m| on(m, playlists::songs)),
    Route::new(PATCH, "/playlists/{id}/tracks", LISTEN, |m| on(m, playlists::change_songs)),
    Route::new(GET, "/playlists/{id}/m3u8", LISTEN, |m| on(m, playlists::export)),
    Route::of_platform(POST, "/tracks/", UPLOAD, |m| on(m, form::upload)),
    Route::of_platform(GET, "/tracks/uploads/{id}/progress", UPLOAD, |m| on(m, events::progress)),
    Route::new(OPTIONS, "/uploads", KNOCK, |m| on(m, uploads::options)),
    Route::new(GET, "/uploads", OWN, |m| on(m, under_way::uploads)),
    Route::new(POST, "/uploads", UPLOAD, |m| on(m, uploads::begin)),
    Route::new(PUT, "/uploads", UPLOAD, |m| on(m, uploads::put)),
    Route::new(OPTIONS, "/uploads/{id}", KNOCK, |m| on(m, uploads::options_of_one)),
    Route::new(GET, "/uploads/{id}", UPLOAD, |m| on(m, uploads::see)),
    Route::new(PATCH, "/uploads/{id}", UPLOAD, |m| on(m, uploads::append)),
    Route::new(POST, "/uploads/{id}", UPLOAD, |m| on(m, uploads::instead)),
    Route::new(DELETE, "/uploads/{id}", UPLOAD, |m| on(m, uploads::give_up)),
    Route::new(GET, "/uploads/{id}/events", UPLOAD, |m| on(m, events::follow)),
    Route::of_splitter(POST, "/separate", TRANSFORM, |m| on(m, stems::separate)),
    Route::new(GET, "/jobs", OWN, |m| on(m, under_way::jobs)),
    Route::of_splitter(GET, "/jobs/{id}/status", LISTEN, |m| on(m, stems::status)),
    Route::of_splitter(GET, "/jobs/{id}/result", LISTEN, |m| on(m, stems::result)),
    Route::of_splitter(GET, "/jobs/{id}/events", LISTEN, |m| on(m, stems::events)),
    Route::of_splitter(DELETE, "/jobs/{id}", LISTEN, |m| on(m, stems::cancel)),
    Route::of_platform(GET, "/tracks/{id}/stems", LISTEN, |m| on(m, stems::list)),
    Route::of_platform(POST, "/tracks/{id}/stems", TRANSFORM, |m| on(m, stems::split)),
    Route::of_platform(GET, "/tracks/{id}/stems/{file}", LISTEN, |m| on(m, stems::file)),
    Route::of_platform(GET, "/models/cache", ADMIN, |m| on(m, stems::list_models)),
    Route::of_platform(DELETE, "/models/cache", ADMIN, |m| on(m, stems::clear_models)),
    Route::new(GET, "/audio/{file_id}", LISTEN, |m| on(m, media::audio)),
    Route::new(GET, "/images/{file_id}", LISTEN, |m| on(m, media::image)),
    Route::new(GET, "/events", LISTEN, |m| on(m, live::follow)),
    Route::new(GET, "/streams", OWN, |m| on(m, streams::list)),
    Route::new(DELETE, "/streams/{id}", OWN, |m| on(m, streams::end)),
    Route::new(GET, "/memory", ADMIN, |m| on(m, memory::show)),
    Route::new(GET, "/scan", ADMIN, |m| on(m, scan::status)),
    Route::new(GET, "/scan/events", ADMIN, |m| on(m, scan::follow)),
    Route::new(POST, "/scan", ADMIN, |m| on(m, scan::start)),
];

/// The router of the table, and nothing else.
pub(crate) fn build(app: Arc<App>) -> Router {
    let mut router = Router::new();
    for route in ROUTES {
        let gate = Gate { app: Arc::clone(&app), route };
        router = router.route(route.path, (route.handler)(filter(&route.method)).route_layer(gate));
    }
    router.fallback(unknown_path).method_not_allowed_fallback(wrong_method).with_state(app)
}

/// The filter of a method of the table.
fn filter(method: &Method) -> MethodFilter {
    match *method {
        Method::POST => MethodFilter::POST,
        Method::PUT => MethodFilter::PUT,
        Method::OPTIONS => MethodFilter::OPTIONS,
        Method::PATCH => MethodFilter::PATCH,
        Method::DELETE => MethodFilter::DELETE,
        _ => MethodFilter::GET,
    }
}

/// Nothing is there.
async fn unknown_path(uri: Uri) -> Response {
    let error = Error::new(Code::NotFound, "nothing is here").hint("the API is described at /openapi.json");
    in_words_of(&uri, error)
}

/// Something is there, but not for this method; axum adds `Allow`.
async fn wrong_method(uri: Uri) -> Response {
    let text = "this path has no such method; the header Allow names those it has";
    in_words_of(&uri, Error::new(Code::MethodNotAllowed, text))
}

/// An error that no route of the table gave, in the words of those at or above this path.
fn in_words_of(uri: &Uri, error: Error) -> Response {
    let is_at_or_below = |route: &Route| {
        let mut parts = uri.path().split('/');
        let mut expected = route.path.split('/');
        expected.all(|part| parts.next().is_some_and(|found| part == found || part.starts_with('{')))
    };
    let is_platforms = ROUTES.iter().filter(|route| route.platforms).any(is_at_or_below);
    if is_platforms { Detail::from(error).into_response() } else { error.into_response() }
}
