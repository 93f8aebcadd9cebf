//! The one table of routes. The router is built from it, the tests walk it, the API description is compared with it.

use std::sync::Arc;

use axum::Router;
use axum::http::Method;
use axum::routing::{MethodFilter, MethodRouter, on};
use catalog::Action;

use crate::error::{Code, Error};
use crate::gate::Gate;
use crate::{
    App, account, audio, events, form, front, health, media, metrics, openapi, playlists, scan, scrobbling,
    session, shares, streams, tracks, uploads, videos,
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
    /// Whether it is the audio platform's own path, whose errors are `{"detail"}`.
    pub platforms: bool,
    handler: fn(MethodFilter) -> MethodRouter<Arc<App>>,
}

impl Route {
    const fn new(
        method: Method,
        path: &'static str,
        action: Action,
        handler: fn(MethodFilter) -> MethodRouter<Arc<App>>,
    ) -> Self {
        Route { method, path, action, by_link: false, platforms: false, handler }
    }

    const fn or_link(
        method: Method,
        path: &'static str,
        action: Action,
        handler: fn(MethodFilter) -> MethodRouter<Arc<App>>,
    ) -> Self {
        Route { method, path, action, by_link: true, platforms: false, handler }
    }

    const fn of_platform(
        method: Method,
        path: &'static str,
        action: Action,
        handler: fn(MethodFilter) -> MethodRouter<Arc<App>>,
    ) -> Self {
        Route { method, path, action, by_link: false, platforms: true, handler }
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
const CHANGE: Action = Action::ChangeTrack { owner: None };

/// Every route of this face.
pub static ROUTES: &[Route] = &[
    Route::new(GET, "/", KNOCK, |m| on(m, front::page)),
    Route::new(GET, "/health", KNOCK, |m| on(m, health::report)),
    Route::new(GET, "/openapi.json", KNOCK, |m| on(m, openapi::describe)),
    Route::new(GET, "/metrics", ADMIN, |m| on(m, metrics::show)),
    Route::new(POST, "/session", KNOCK, |m| on(m, session::open)),
    Route::new(DELETE, "/session", OWN, |m| on(m, session::close)),
    Route::new(GET, "/me", OWN, |m| on(m, account::me)),
    Route::new(GET, "/me/keys", OWN, |m| on(m, account::keys)),
    Route::new(POST, "/me/keys", OWN, |m| on(m, account::add_key)),
    Route::new(DELETE, "/me/keys/{id}", OWN, |m| on(m, account::remove_key)),
    Route::new(GET, "/me/app-passwords", OWN, |m| on(m, account::app_passwords)),
    Route::new(POST, "/me/app-passwords", OWN, |m| on(m, account::add_app_password)),
    Route::new(DELETE, "/me/app-passwords/{id}", OWN, |m| on(m, account::remove_app_password)),
    Route::new(GET, "/me/scrobbling", OWN, |m| on(m, scrobbling::list)),
    Route::new(PUT, "/me/scrobbling/{id}", OWN, |m| on(m, scrobbling::connect)),
    Route::new(DELETE, "/me/scrobbling/{id}", OWN, |m| on(m, scrobbling::disconnect)),
    Route::new(GET, "/tracks", LISTEN, |m| on(m, tracks::list)),
    Route::new(GET, "/videos", LISTEN, |m| on(m, videos::list)),
    Route::new(GET, "/videos/{id}", LISTEN, |m| on(m, videos::read)),
    Route::new(GET, "/tracks/{id}", LISTEN, |m| on(m, tracks::read)),
    Route::new(PATCH, "/tracks/{id}", CHANGE, |m| on(m, tracks::change)),
    Route::new(DELETE, "/tracks/{id}", CHANGE, |m| on(m, tracks::remove)),
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
    Route::new(GET, "/playlists/{id}/m3u8", LISTEN, |m| on(m, playlists::export)),
    Route::of_platform(POST, "/tracks/", UPLOAD, |m| on(m, form::upload)),
    Route::of_platform(GET, "/tracks/uploads/{id}/progress", UPLOAD, |m| on(m, events::progress)),
    Route::new(OPTIONS, "/uploads", KNOCK, |m| on(m, uploads::options)),
    Route::new(POST, "/uploads", UPLOAD, |m| on(m, uploads::begin)),
    Route::new(PUT, "/uploads", UPLOAD, |m| on(m, uploads::put)),
    Route::new(OPTIONS, "/uploads/{id}", KNOCK, |m| on(m, uploads::options_of_one)),
    Route::new(GET, "/uploads/{id}", UPLOAD, |m| on(m, uploads::see)),
    Route::new(PATCH, "/uploads/{id}", UPLOAD, |m| on(m, uploads::append)),
    Route::new(POST, "/uploads/{id}", UPLOAD, |m| on(m, uploads::instead)),
    Route::new(DELETE, "/uploads/{id}", UPLOAD, |m| on(m, uploads::give_up)),
    Route::new(GET, "/uploads/{id}/events", UPLOAD, |m| on(m, events::follow)),
    Route::new(GET, "/audio/{file_id}", LISTEN, |m| on(m, media::audio)),
    Route::new(GET, "/images/{file_id}", LISTEN, |m| on(m, media::image)),
    Route::new(GET, "/streams", ADMIN, |m| on(m, streams::list)),
    Route::new(DELETE, "/streams/{id}", ADMIN, |m| on(m, streams::end)),
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
async fn unknown_path() -> Error {
    Error::new(Code::NotFound, "nothing is here").hint("the API is described at /openapi.json")
}

/// Something is there, but not for this method; axum adds `Allow`.
async fn wrong_method() -> Error {
    Error::new(Code::MethodNotAllowed, "this path has no such method; the header Allow names those it has")
}
