//! Which pages of other origins may read an answer (the Fetch standard's CORS protocol).
//!
//! The Subsonic API and signed links carry their proof in the URL, so any page may use them, without the browser's
//! credentials. Everything else is for the origins of `server.cors_origins`, with credentials.

use axum::body::Body;
use axum::http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE,
    ACCESS_CONTROL_REQUEST_METHOD, ORIGIN, VARY,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri};
use axum::response::Response;

use crate::caller;
use crate::origin::Origins;

const CROSS_ORIGIN_RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");

/// What a page needs to play media: where a range lies, how long the whole is, and when to ask again.
const EXPOSED: HeaderValue =
    HeaderValue::from_static("Content-Range, Content-Length, Accept-Ranges, ETag, Retry-After");
/// The same, and what our own API and renditions say in headers.
const EXPOSED_LISTED: HeaderValue = HeaderValue::from_static(
    "Content-Range, Content-Length, Accept-Ranges, ETag, Retry-After, X-Request-ID, X-Process-Time, Cache-Status, \
     Location, X-Derivative, X-Param-Warnings, X-Stems-Engine, X-Stems-Note",
);
/// The same, and what the protocols of uploads say in headers.
const EXPOSED_UPLOADS: HeaderValue = HeaderValue::from_static(
    "Content-Length, Retry-After, X-Request-ID, X-Process-Time, Location, Upload-Offset, Upload-Length, \
     Upload-Defer-Length, Upload-Metadata, Upload-Expires, Upload-Concat, Upload-Complete, Upload-Limit, \
     Upload-Draft-Interop-Version, Tus-Resumable, Tus-Version, Tus-Extension, Tus-Max-Size, \
     Tus-Checksum-Algorithm, Repr-Digest",
);
const ANY: HeaderValue = HeaderValue::from_static("*");
const SAME_ORIGIN: HeaderValue = HeaderValue::from_static("same-origin");
const CROSS_ORIGIN: HeaderValue = HeaderValue::from_static("cross-origin");
const ALLOWED: &str = "Range, Content-Type, If-Match, If-None-Match, If-Modified-Since, If-Unmodified-Since, If-Range, \
                       X-Request-ID, X-Requested-With";
const ALLOWED_LISTED: &str = "Authorization, Range, Content-Type, If-Match, If-None-Match, If-Modified-Since, \
                              If-Unmodified-Since, If-Range, X-Request-ID, X-Requested-With";
const ALLOWED_UPLOADS: &str = "Authorization, Content-Type, X-Request-ID, X-Requested-With, X-HTTP-Method-Override, \
                               Tus-Resumable, Upload-Offset, Upload-Length, Upload-Defer-Length, Upload-Metadata, \
                               Upload-Checksum, Upload-Concat, Upload-Complete, Upload-Draft-Interop-Version, \
                               Content-Digest, Repr-Digest, Want-Repr-Digest";

/// Who may read the answer to one request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Readers {
    /// Pages of every origin, without credentials.
    Everyone,
    /// Pages of this one, with credentials.
    Listed(HeaderValue),
    /// The same, to send files.
    Senders(HeaderValue),
    /// Our own pages alone.
    Ourselves,
    /// Whoever the route says. The answer `varies` when there are listed pages, which get another one.
    TheRoutes { varies: bool },
}

/// Decides it from the path and the query alone, so that a preflight and its request agree.
pub(crate) fn readers(
    uri: &Uri,
    headers: &HeaderMap,
    prefix: &str,
    listed: &Origins,
    routes_that_say: &[String],
) -> Readers {
    let path = below(uri, prefix);
    let audio = path.strip_prefix("/tracks/").is_some_and(|rest| rest.ends_with("/audio"));
    if path.starts_with("/rest/") || (audio && caller::is_link(uri.query())) {
        return Readers::Everyone;
    }
    match headers.get(ORIGIN) {
        Some(origin) if listed.has(origin) => {
            let sends = path == "/uploads" || path.starts_with("/uploads/");
            if sends { Readers::Senders(origin.clone()) } else { Readers::Listed(origin.clone()) }
        }
        _ if is_said_by_route(uri, prefix, routes_that_say) => {
            Readers::TheRoutes { varies: !listed.is_empty() }
        }
        _ => Readers::Ourselves,
    }
}

/// Whether the route says who may read its answers, listed pages aside. It hears preflights too: another server may stand
/// behind it, whose answers are its own.
pub(crate) fn is_said_by_route(uri: &Uri, prefix: &str, routes_that_say: &[String]) -> bool {
    let path = below(uri, prefix);
    routes_that_say.iter().any(|beginning| path.starts_with(beginning.as_str()))
}

/// The path below the prefix of our address.
fn below<'a>(uri: &'a Uri, prefix: &str) -> &'a str {
    let path = uri.path();
    path.strip_prefix(prefix).filter(|rest| rest.starts_with('/')).unwrap_or(path)
}

/// Whether a request is a browser's question before the real one.
pub(crate) fn is_preflight(method: &Method, headers: &HeaderMap) -> bool {
    *method == Method::OPTIONS
        && headers.contains_key(ORIGIN)
        && headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD)
}

/// The answer to a preflight, which never asks for a sign-in.
pub(crate) fn preflight(readers: &Readers) -> Response {
    let mut answer = Response::new(Body::empty());
    *answer.status_mut() = StatusCode::NO_CONTENT;
    let (methods, allowed) = match readers {
        Readers::Everyone => ("GET, HEAD, POST, OPTIONS", ALLOWED),
        Readers::Listed(_) => ("GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS", ALLOWED_LISTED),
        Readers::Senders(_) => ("GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS", ALLOWED_UPLOADS),
        Readers::Ourselves | Readers::TheRoutes { .. } => return answer,
    };
    let headers = answer.headers_mut();
    headers.insert(ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static(methods));
    headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static(allowed));
    headers.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("86400"));
    answer
}

/// Adds who may read it to any answer.
pub(crate) fn mark(readers: &Readers, headers: &mut HeaderMap) {
    let exposed = match readers {
        Readers::Everyone => {
            headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, ANY);
            EXPOSED
        }
        Readers::Listed(origin) | Readers::Senders(origin) => {
            headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
            headers.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
            headers.append(VARY, HeaderValue::from_static("origin"));
            if matches!(readers, Readers::Senders(_)) { EXPOSED_UPLOADS } else { EXPOSED_LISTED }
        }
        Readers::Ourselves => {
            headers.append(VARY, HeaderValue::from_static("origin"));
            headers.insert(CROSS_ORIGIN_RESOURCE_POLICY, SAME_ORIGIN);
            return;
        }
        Readers::TheRoutes { varies } => {
            if *varies {
                headers.append(VARY, HeaderValue::from_static("origin"));
            }
            headers.entry(CROSS_ORIGIN_RESOURCE_POLICY).or_insert(SAME_ORIGIN);
            return;
        }
    };
    headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, exposed);
    headers.insert(CROSS_ORIGIN_RESOURCE_POLICY, CROSS_ORIGIN);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_may_read_follows_the_path_and_the_list() {
        let listed = Origins::parse(&["https://app.example"]).unwrap();
        let (app, evil) = ("https://app.example", "https://evil.example");
        let signed = "/tracks/tr-1/audio?user=us-1&expires=1&signature=a";
        let cases = [
            ("/rest/ping.view?u=a", evil, Readers::Everyone),
            ("/music/rest/stream?id=tr-1", evil, Readers::Everyone),
            (signed, evil, Readers::Everyone),
            (signed, app, Readers::Everyone),
            ("/tracks/tr-1/audio", app, Readers::Listed(HeaderValue::from_static(app))),
            ("/tracks/tr-1/audio", evil, Readers::Ourselves),
            ("/tracks/tr-1?signature=a", evil, Readers::Ourselves),
            ("/me?signature=a", evil, Readers::Ourselves),
            ("/me", app, Readers::Listed(HeaderValue::from_static(app))),
            ("/restore", evil, Readers::Ourselves),
            ("/uploads", app, Readers::Senders(HeaderValue::from_static(app))),
            ("/music/uploads/0123", app, Readers::Senders(HeaderValue::from_static(app))),
            ("/uploads", evil, Readers::Ourselves),
            ("/uploadsx", app, Readers::Listed(HeaderValue::from_static(app))),
            ("/me", "https://app.example.evil.example", Readers::Ourselves),
            ("/me", "null", Readers::Ourselves),
            ("/music/clips/a.mp4?width=320", evil, Readers::TheRoutes { varies: true }),
            ("/clips/a.mp4", app, Readers::Listed(HeaderValue::from_static(app))),
            ("/clipsx", evil, Readers::Ourselves),
        ];
        for (uri, origin, expected) in cases {
            let headers = HeaderMap::from_iter([(ORIGIN, HeaderValue::from_static(origin))]);
            assert_eq!(
                readers(&uri.parse().unwrap(), &headers, "/music", &listed, &["/clips/".to_owned()]),
                expected,
                "{uri} {origin}"
            );
        }
    }
}
