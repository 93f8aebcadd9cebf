//! `/openapi.json`: the API, described from the handlers and types themselves.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use bytes::Bytes;
use utoipa::openapi::path::{Operation, PathItem};
use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{ContentBuilder, Ref, ResponseBuilder, Server};
use utoipa::{Modify, OpenApi};

use crate::caller::SESSION_COOKIE;
use crate::error::{ErrorAnswer, ErrorWords};
use crate::{
    App, BaseUrl, account, albums, annotations, artists, audio, browse, events, form, front, health, json,
    letters, live, lyrics, media, memory, metrics, playlists, queue, scan, scrobbling, session, sessions,
    shares, stems, streams, tracks, ui, under_way, uploads, users, videos,
};

#[derive(OpenApi)]
#[openapi(
    info(title = "Millpond", description = "The own API of a Millpond media server."),
    paths(
        front::page, ui::to_page, ui::document, ui::file, health::report, describe, metrics::show,
        session::who, session::open, session::close,
        users::list, users::add, users::change, users::remove, users::set_own_password,
        browse::libraries, browse::genres, browse::search, browse::search_tracks, browse::starred_tracks,
        albums::list, albums::read, albums::songs, albums::cover,
        artists::list, artists::read, artists::albums, artists::cover,
        annotations::star, annotations::unstar, annotations::rate, annotations::play, lyrics::read, live::follow,
        account::me, account::keys, account::add_key, account::remove_key,
        account::app_passwords, account::add_app_password, account::remove_app_password,
        sessions::list, sessions::end, queue::read, queue::keep, queue::songs, letters::of_albums, letters::of_artists,
        under_way::uploads, under_way::jobs,
        scrobbling::list, scrobbling::connect, scrobbling::disconnect,
        tracks::list, tracks::read, tracks::change, tracks::remove, videos::list, videos::read,
        audio::audio, audio::cover, audio::link,
        shares::page, shares::audio, shares::cover,
        form::upload, events::progress, uploads::options, uploads::begin, uploads::put, uploads::options_of_one,
        uploads::see, uploads::append, uploads::instead, uploads::give_up, events::follow,
        media::audio, media::image,
        stems::separate, stems::status, stems::result, stems::events, stems::cancel,
        stems::list, stems::split, stems::file, stems::list_models, stems::clear_models,
        playlists::list, playlists::create, playlists::read, playlists::change, playlists::remove, playlists::songs,
        playlists::change_songs, playlists::export,
        streams::list, streams::end, scan::status, scan::follow, scan::start, memory::show,
    ),
    components(schemas(ErrorAnswer, ErrorWords)),
    security(("session" = []), ("key" = []), ("password" = [])),
)]
struct Description;

/// What every operation has: the ways to sign in, and the one shape of errors.
struct Everywhere;

impl Modify for Everywhere {
    fn modify(&self, api: &mut utoipa::openapi::OpenApi) {
        let components = api.components.get_or_insert_default();
        let cookie = SecurityScheme::ApiKey(ApiKey::Cookie(ApiKeyValue::new(SESSION_COOKIE)));
        let http = |scheme| SecurityScheme::Http(HttpBuilder::new().scheme(scheme).build());
        components.add_security_scheme("session", cookie);
        components.add_security_scheme("key", http(HttpAuthScheme::Bearer));
        components.add_security_scheme("password", http(HttpAuthScheme::Basic));
        let error = ContentBuilder::new().schema(Some(Ref::from_schema_name("ErrorAnswer"))).build();
        let error =
            ResponseBuilder::new().description("any error").content("application/json", error).build();
        for (path, item) in &mut api.paths.paths {
            for (method, operation) in operations(item) {
                operation.responses.responses.insert("default".to_owned(), error.clone().into());
                operation.operation_id = Some(id_of(method, path));
            }
        }
    }
}

/// The operations of one path, those that we have, by their methods.
fn operations(item: &mut PathItem) -> impl Iterator<Item = (&'static str, &mut Operation)> {
    let item = [
        ("get", &mut item.get),
        ("post", &mut item.post),
        ("patch", &mut item.patch),
        ("put", &mut item.put),
        ("delete", &mut item.delete),
        ("options", &mut item.options),
    ];
    item.into_iter().filter_map(|(method, operation)| Some((method, operation.as_mut()?)))
}

/// What programs that are generated from the description call an operation. No two have the same id, which is what the
/// specification wants; the names of our functions would be, because many modules have a `list`.
fn id_of(method: &str, path: &str) -> String {
    let plain = |part: &str| part.chars().filter(char::is_ascii_alphanumeric).collect::<String>();
    path.split('/').skip(1).fold(method.to_owned(), |id, part| format!("{id}_{}", plain(part)))
}

/// The description as text, for clients that come to this address, with that of the routes of other faces.
pub(crate) fn text(base: &BaseUrl, beside: utoipa::openapi::OpenApi) -> Bytes {
    let mut api = Description::openapi();
    api.merge(beside);
    Everywhere.modify(&mut api);
    let address = if base.prefix().is_empty() { "/" } else { base.prefix() };
    api.servers = Some(vec![Server::new(address)]);
    // The description is made of our own types; there is no input that could make it fail.
    Bytes::from(serde_json::to_vec(&api).unwrap_or_default())
}

/// This description
#[utoipa::path(get, path = "/openapi.json", tag = "server", security(()),
    responses((status = 200, description = "OpenAPI 3.1", body = Object)))]
pub(crate) async fn describe(State(app): State<Arc<App>>) -> Response {
    json::typed(StatusCode::OK, "application/json", Body::from(app.description.clone()))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::ROUTES;

    #[test]
    fn the_description_and_the_table_of_routes_are_the_same_set() {
        let api: serde_json::Value =
            serde_json::from_slice(&text(&BaseUrl::default(), Default::default())).unwrap();
        let paths = api["paths"].as_object().unwrap();
        let described: BTreeSet<String> = paths
            .iter()
            .flat_map(|(path, item)| {
                item.as_object()
                    .unwrap()
                    .keys()
                    .map(move |method| format!("{} {path}", method.to_uppercase()))
            })
            .collect();
        let table: BTreeSet<String> =
            ROUTES.iter().map(|route| format!("{} {}", route.method, route.path)).collect();
        assert_eq!(described, table);
        assert_eq!(table.len(), ROUTES.len(), "no row stands twice");
    }

    #[test]
    fn what_is_open_in_the_table_is_open_in_the_description() {
        let api: serde_json::Value =
            serde_json::from_slice(&text(&BaseUrl::default(), Default::default())).unwrap();
        for route in ROUTES {
            let operation = &api["paths"][route.path][route.method.as_str().to_lowercase()];
            let open = operation["security"]
                .as_array()
                .is_some_and(|ways| ways.iter().any(|way| way == &serde_json::json!({})));
            assert_eq!(open, route.action == catalog::Action::Knock, "{} {}", route.method, route.path);
            assert!(operation["responses"]["default"].is_object(), "{} {}", route.method, route.path);
        }
        let ids: BTreeSet<&str> = ROUTES
            .iter()
            .filter_map(|route| {
                api["paths"][route.path][route.method.as_str().to_lowercase()]["operationId"].as_str()
            })
            .collect();
        assert_eq!(ids.len(), ROUTES.len(), "each operation has an id of its own: {ids:?}");
        assert_eq!(api["info"]["version"], env!("CARGO_PKG_VERSION"));
    }
}
