//! The page at `/`: what this is and how to use it, without a script or a style.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::{StatusCode, request};
use axum::response::Response;

use crate::html::escaped;
use crate::{App, caller, json};

/// What this server is
///
/// A small page for people who open the address in a browser.
#[utoipa::path(get, path = "/", tag = "server", security(()),
    responses((status = 200, description = "the page", body = String, content_type = "text/html")))]
pub(crate) async fn page(State(app): State<Arc<App>>, head: request::Parts) -> Response {
    let address = app.base_url.seen_by(&caller::client(&head), &head);
    let (address, prefix) = (escaped(&address), escaped(app.base_url.prefix()));
    let version = env!("CARGO_PKG_VERSION");
    let page = format!(
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n<title>Millpond</title>\n\
         <h1>Millpond</h1>\n\
         <p>This is a media server, version {version}. It plays a music library to any Subsonic or OpenSubsonic app.</p>\n\
         <p>The address for your app: <code>{address}</code>. The name is your user name; the password is your \
         login password or, for apps that send a token, an app password.</p>\n\
         <p><a href=\"{prefix}/health\">Health</a> · <a href=\"{prefix}/openapi.json\">The API, described</a></p>\n\
         </html>\n"
    );
    json::typed(StatusCode::OK, "text/html; charset=utf-8", Body::from(page))
}
