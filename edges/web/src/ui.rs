//! `/app/`: the page, which is in the program itself, compressed beforehand.
//!
//! Its files have names that change with what is in them, so a browser keeps them for ever; the one document that names
//! them is asked for each time. Which view is shown stands behind the `#` of the address, so there is one document for all.

use std::sync::Arc;

use crate::error::{Code, Error};
use crate::{App, gzip, json};
use axum::body::Body;
use axum::extract::{RawPathParams, State};
use axum::http::header::{
    CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, ETAG, IF_NONE_MATCH, LOCATION, VARY,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use sha2::{Digest, Sha256};

/// A file of the page.
struct File {
    /// Where it lies beneath `/app/`.
    name: &'static str,
    plain: &'static [u8],
    gzip: Option<&'static [u8]>,
    brotli: Option<&'static [u8]>,
}

/// Every file of the page; none where nobody built it.
static FILES: &[File] = include!(concat!(env!("OUT_DIR"), "/page.rs"));

/// The document.
const DOCUMENT: &str = "index.html";
/// The folder of files whose names have a hash in them.
const HASHED: &str = "assets/";

/// The page loads what comes from here and nothing else, runs no script that stands in a document, and cannot be framed.
/// Pictures and media may be made by the page itself; so is the place to which a video's pieces are put.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; media-src 'self' blob:; \
     connect-src 'self'; worker-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'none'; \
     frame-ancestors 'none'",
);
const OPENER: HeaderName = HeaderName::from_static("cross-origin-opener-policy");
const RESOURCES: HeaderName = HeaderName::from_static("cross-origin-resource-policy");
const PERMISSIONS: HeaderName = HeaderName::from_static("permissions-policy");
const SAME_ORIGIN: HeaderValue = HeaderValue::from_static("same-origin");
const NO_DEVICES: HeaderValue =
    HeaderValue::from_static("camera=(), geolocation=(), microphone=(), payment=(), usb=()");
const FOR_EVER: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");
const ASK_AGAIN: HeaderValue = HeaderValue::from_static("no-cache");

/// Whether this program has a page.
pub(crate) fn is_built() -> bool {
    FILES.iter().any(|file| file.name == DOCUMENT)
}

/// Where the page is, with the slash on which its files depend
#[utoipa::path(get, path = "/app", tag = "server", security(()),
    responses((status = 308, description = "to /app/")))]
pub(crate) async fn to_page(State(app): State<Arc<App>>) -> Response {
    redirect(&app, StatusCode::PERMANENT_REDIRECT)
}

/// An answer that leads to the page.
pub(crate) fn redirect(app: &App, status: StatusCode) -> Response {
    let mut answer = status.into_response();
    let place = HeaderValue::try_from(format!("{}/app/", app.base_url.prefix()));
    answer.headers_mut().extend(place.ok().map(|place| (LOCATION, place)));
    answer
}

/// The page
///
/// For people with a browser: everything that this API does.
#[utoipa::path(get, path = "/app/", tag = "server", security(()),
    responses((status = 200, description = "the page", body = String, content_type = "text/html"),
        (status = 404, description = "this program was built without it")))]
pub(crate) async fn document(headers: HeaderMap) -> Result<Response, Error> {
    send(DOCUMENT, &headers)
}

/// A file of the page
#[utoipa::path(get, path = "/app/{*file}", tag = "server", security(()), params(("file" = String, Path)),
    responses((status = 200, description = "the file", body = Vec<u8>, content_type = "*/*")))]
pub(crate) async fn file(params: RawPathParams, headers: HeaderMap) -> Result<Response, Error> {
    let name = params.iter().find(|(name, _)| *name == "file").map_or("", |(_, value)| value);
    send(name, &headers)
}

fn send(name: &str, headers: &HeaderMap) -> Result<Response, Error> {
    let Some(file) = FILES.iter().find(|file| file.name == name) else {
        let nothing = Error::new(Code::NotFound, "the page has no such file");
        return Err(if is_built() { nothing } else { nothing.hint(HOW_TO_BUILD) });
    };
    let coded = [("br", file.brotli), ("gzip", file.gzip)].into_iter();
    let mut coded = coded.filter(|(coding, _)| gzip::takes(headers, coding));
    let coded = coded.find_map(|(coding, bytes)| Some((coding, bytes?)));
    let (coding, bytes) = coded.map_or((None, file.plain), |(coding, bytes)| (Some(coding), bytes));
    let is_hashed = name.starts_with(HASHED);
    let tag = (!is_hashed).then(|| tag(bytes));
    let mut answer =
        if tag.as_ref().is_some_and(|tag| headers.get_all(IF_NONE_MATCH).iter().any(|seen| seen == tag)) {
            StatusCode::NOT_MODIFIED.into_response()
        } else {
            json::typed(StatusCode::OK, content_type(name), Body::from(Bytes::from_static(bytes)))
        };
    let fields = answer.headers_mut();
    fields.extend(coding.map(|coding| (CONTENT_ENCODING, HeaderValue::from_static(coding))));
    fields.extend(tag.and_then(|tag| HeaderValue::try_from(tag).ok()).map(|tag| (ETAG, tag)));
    fields.insert(VARY, HeaderValue::from_static("accept-encoding"));
    fields.insert(CACHE_CONTROL, if is_hashed { FOR_EVER } else { ASK_AGAIN });
    fields.insert(CONTENT_SECURITY_POLICY, POLICY);
    fields.insert(OPENER, SAME_ORIGIN);
    fields.insert(RESOURCES, SAME_ORIGIN);
    fields.insert(PERMISSIONS, NO_DEVICES);
    Ok(answer)
}

/// What a program without the page says of it.
pub(crate) const HOW_TO_BUILD: &str = "with Node 20 or later: npm ci && npm run build in edges/web/ui, then cargo build; cargo x up does it all";

/// A strong validator of these bytes (RFC 9110 section 8.8.3).
fn tag(bytes: &[u8]) -> String {
    let digest = Sha256::digest(bytes);
    format!("\"{}\"", data_encoding::HEXLOWER.encode(digest.get(..16).unwrap_or_default()))
}

fn content_type(name: &str) -> &'static str {
    match name.rsplit_once('.').map_or("", |(_, ending)| ending) {
        "html" => "text/html; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "webmanifest" => "application/manifest+json",
        "txt" => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use axum::http::header::ACCEPT_ENCODING;

    use super::*;

    #[test]
    fn every_file_has_a_type_and_the_document_names_files_that_are_there() {
        let known = |file: &&File| content_type(file.name) != "application/octet-stream";
        assert_eq!(FILES.iter().filter(known).count(), FILES.len());
        let Some(document) = FILES.iter().find(|file| file.name == DOCUMENT) else { return };
        let text = std::str::from_utf8(document.plain).unwrap();
        let hashed: Vec<&str> = text.split(['"', '\'']).filter_map(|word| word.strip_prefix("./")).collect();
        assert!(hashed.iter().any(|name| name.starts_with(HASHED)), "{text}");
        for name in hashed {
            assert!(FILES.iter().any(|file| file.name == name), "{name}");
        }
        assert!(!text.contains("<style") && !text.contains("style="), "{text}");
    }

    #[test]
    fn what_is_asked_for_by_its_tag_is_not_sent_again() {
        let Some(file) = FILES.iter().find(|file| file.name == DOCUMENT) else { return };
        let accept = HeaderMap::from_iter([(ACCEPT_ENCODING, HeaderValue::from_static("gzip"))]);
        let first = send(file.name, &accept).unwrap();
        assert_eq!(first.headers()[CONTENT_ENCODING], "gzip");
        let mut again = accept.clone();
        again.insert(IF_NONE_MATCH, first.headers()[ETAG].clone());
        assert_eq!(send(file.name, &again).unwrap().status(), StatusCode::NOT_MODIFIED);
        let plain = send(file.name, &HeaderMap::new()).unwrap();
        assert!(!plain.headers().contains_key(CONTENT_ENCODING));
        assert_ne!(plain.headers()[ETAG], first.headers()[ETAG]);
    }
}
