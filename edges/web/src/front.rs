//! What is at `/`: for browsers the page, and where there is none what this is and how to use it, without a script or a
//! style.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::header::{ACCEPT, VARY};
use axum::http::{HeaderMap, HeaderValue, StatusCode, request};
use axum::response::Response;

use crate::html::escaped;
use crate::{App, caller, json, ui};

/// What this server is
///
/// Browsers are led to the page. Programs, and everybody where there is none, are told in a few words what this is.
#[utoipa::path(get, path = "/", tag = "server", security(()),
    responses((status = 200, description = "what this is", body = String, content_type = "text/html"),
        (status = 303, description = "to /app/")))]
pub(crate) async fn page(State(app): State<Arc<App>>, head: request::Parts) -> Response {
    if ui::is_built() && wants_html(&head.headers) {
        let mut answer = ui::redirect(&app, StatusCode::SEE_OTHER);
        answer.headers_mut().insert(VARY, HeaderValue::from_static("accept"));
        return answer;
    }
    let no_page = if ui::is_built() {
        String::new()
    } else {
        format!("<p>This program was built without its page: {}.</p>\n", ui::HOW_TO_BUILD)
    };
    let address = app.base_url.seen_by(&caller::client(&head), &head);
    let (address, prefix) = (escaped(&address), escaped(app.base_url.prefix()));
    let version = env!("CARGO_PKG_VERSION");
    let page = format!(
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n<title>Millpond</title>\n\
         <h1>Millpond</h1>\n\
         <p>This is a media server, version {version}. It plays a music library to any Subsonic or OpenSubsonic app.</p>\n\
         <p>The address for your app: <code>{address}</code>. The name is your user name; the password is your \
         login password or, for apps that send a token, an app password.</p>\n{no_page}\
         <p><a href=\"{prefix}/health\">Health</a> · <a href=\"{prefix}/openapi.json\">The API, described</a></p>\n\
         </html>\n"
    );
    json::typed(StatusCode::OK, "text/html; charset=utf-8", Body::from(page))
}

/// Whether a browser asks that shows somebody a document; programs mostly take everything.
fn wants_html(headers: &HeaderMap) -> bool {
    let values = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|range| range.trim().starts_with("text/html"))
}
