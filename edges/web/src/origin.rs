//! Where we are and whose pages may speak for a signed-in browser.

use std::fmt;
use std::sync::Arc;

use axum::http::header::{HOST, ORIGIN};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Uri, request};
use stream::Client;

use crate::error::{Code, Error};

/// `Sec-Fetch-Site`: how the page that asks is related to us (W3C Fetch Metadata).
const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// A URL or an origin of the configuration that cannot be one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadUrl {
    /// What was given.
    pub given: String,
    /// What is wrong with it.
    pub why: &'static str,
}

impl fmt::Display for BadUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}", self.given, self.why)
    }
}

impl std::error::Error for BadUrl {}

/// Takes `scheme://host[:port]/path` apart and refuses everything else.
fn take_apart(text: &str) -> Result<(String, String), BadUrl> {
    let bad = |why| BadUrl { given: text.to_owned(), why };
    let uri: Uri = text.parse().map_err(|_| bad("this is no URL"))?;
    let (Some(scheme @ ("http" | "https")), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
        return Err(bad("it must start with http:// or https:// and a host"));
    };
    if authority.as_str().contains('@') {
        return Err(bad("it must not name a user"));
    }
    if authority.as_str().contains('*') {
        return Err(bad("hosts are named one by one: `*` would stand for hosts that nobody has looked at"));
    }
    if uri.query().is_some() || text.contains('#') {
        return Err(bad("it must end with its path"));
    }
    let origin = format!("{scheme}://{}", authority.as_str().to_ascii_lowercase());
    Ok((origin, uri.path().trim_end_matches('/').to_owned()))
}

/// `server.base_url`: the address under which clients find us, a path prefix included. Unknown by default; then the
/// request itself says it.
#[derive(Clone, Debug, Default)]
pub struct BaseUrl {
    origin: Option<Arc<str>>,
    path: Arc<str>,
}

impl BaseUrl {
    /// Reads `http(s)://host[:port][/prefix]`.
    pub fn parse(text: &str) -> Result<Self, BadUrl> {
        let (origin, path) = take_apart(text)?;
        Ok(BaseUrl { origin: Some(origin.into()), path: path.into() })
    }

    /// The prefix before every path of ours, as `/music`; empty when there is none.
    pub fn prefix(&self) -> &str {
        &self.path
    }

    /// The path that cookies are for.
    pub(crate) fn cookie_path(&self) -> &str {
        if self.path.is_empty() { "/" } else { &self.path }
    }

    /// The whole address as this client knows it, without a slash at its end. Without a configured one and without a
    /// usable `Host` it is the prefix alone, which is right as a relative address.
    pub(crate) fn seen_by(&self, client: &Client, head: &request::Parts) -> String {
        self.named_by(client, &head.headers, &head.uri)
    }

    /// The same for a request of which only this is at hand.
    pub fn named_by(&self, client: &Client, headers: &HeaderMap, uri: &Uri) -> String {
        let prefix = &self.path;
        match (&self.origin, host(headers, uri)) {
            (Some(origin), _) => format!("{origin}{prefix}"),
            (None, Some(host)) if client.secure => format!("https://{host}{prefix}"),
            (None, Some(host)) => format!("http://{host}{prefix}"),
            (None, None) => prefix.to_string(),
        }
    }
}

/// The host that the request names, when it consists of what hosts consist of.
fn host(headers: &HeaderMap, uri: &Uri) -> Option<String> {
    let named = headers.get(HOST).and_then(|value| value.to_str().ok());
    let host = named.or_else(|| uri.authority().map(|authority| authority.as_str()))?;
    let usual = |b: u8| b.is_ascii_alphanumeric() || b".-:[]_".contains(&b);
    (!host.is_empty() && host.len() <= 255 && host.bytes().all(usual)).then(|| host.to_ascii_lowercase())
}

/// `server.cors_origins`: pages of these origins may read our answers and act for a signed-in browser.
#[derive(Clone, Debug, Default)]
pub struct Origins(Arc<[Box<str>]>);

impl Origins {
    /// Reads a list of `http(s)://host[:port]`. `*` is refused, alone and in hosts: browsers never send it as an origin,
    /// so it would match nobody, and with credentials it would mean every page there is.
    pub fn parse<S: AsRef<str>>(list: &[S]) -> Result<Self, BadUrl> {
        let mut origins = Vec::with_capacity(list.len());
        for text in list {
            let (origin, path) = take_apart(text.as_ref())?;
            if !path.is_empty() {
                return Err(BadUrl { given: text.as_ref().to_owned(), why: "an origin has no path" });
            }
            origins.push(origin.into_boxed_str());
        }
        Ok(Origins(origins.into()))
    }

    /// Whether there are none.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether this value of `Origin` is on the list.
    pub(crate) fn has(&self, origin: &HeaderValue) -> bool {
        origin.to_str().is_ok_and(|origin| self.0.iter().any(|known| **known == *origin))
    }
}

/// Refuses a change that a page of another origin asks for in the name of whoever sits at the browser.
///
/// Browsers send cookies and remembered Basic passwords by themselves, so whether the page may is asked here:
/// `Sec-Fetch-Site` where there is one, else `Origin` against our own address. A client that sends neither is no
/// browser, and nobody can make it act.
pub(crate) fn refuse_other_origins(
    head: &request::Parts,
    base: &BaseUrl,
    trusted: &Origins,
) -> Result<(), Error> {
    let origin = head.headers.get(ORIGIN);
    if origin.is_some_and(|origin| trusted.has(origin)) {
        return Ok(());
    }
    let own = match (head.headers.get(SEC_FETCH_SITE).map(HeaderValue::as_bytes), origin) {
        (Some(b"same-origin" | b"none"), _) => true,
        (Some(_), _) => false,
        (None, None) => true,
        (None, Some(origin)) => is_own(head, origin, base),
    };
    if own {
        return Ok(());
    }
    let text = "pages of another origin may not change anything with your sign-in";
    Err(Error::new(Code::OtherOrigin, text)
        .hint("an API key works from anywhere; server.cors_origins lists trusted pages"))
}

/// Whether this `Origin` is the configured address or the host that was asked.
fn is_own(head: &request::Parts, origin: &HeaderValue, base: &BaseUrl) -> bool {
    let Ok(origin) = origin.to_str() else { return false };
    if base.origin.as_deref() == Some(origin) {
        return true;
    }
    let authority = origin.split_once("://").map(|(_, authority)| authority);
    matches!((authority, host(&head.headers, &head.uri)), (Some(authority), Some(host)) if authority.eq_ignore_ascii_case(&host))
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::Request;

    #[test]
    fn an_address_of_the_configuration_is_taken_apart_or_refused() {
        let cases = [
            ("https://music.example", Some(("https://music.example", ""))),
            ("http://Music.Example:8080/", Some(("http://music.example:8080", ""))),
            ("https://example.org/music/", Some(("https://example.org", "/music"))),
            ("https://[::1]:4040/a/b", Some(("https://[::1]:4040", "/a/b"))),
            ("music.example", None),
            ("/music", None),
            ("ftp://music.example", None),
            ("https://a:b@music.example", None),
            ("https://music.example/?a", None),
            ("https://music.example/#a", None),
            ("*", None),
            ("null", None),
            ("", None),
        ];
        for (text, expected) in cases {
            let found = BaseUrl::parse(text).ok();
            let shown = found.as_ref().map(|base| (base.origin.as_deref().unwrap(), base.prefix()));
            assert_eq!(shown, expected, "{text}");
        }
        assert!(Origins::parse(&["https://app.example"]).is_ok());
        assert!(Origins::parse(&["https://app.example/path"]).is_err());
        assert!(Origins::parse(&["*"]).is_err());
        for text in ["https://*.example", "https://*", "http://app.*:8080", "https://app*.example"] {
            let error = Origins::parse(&["https://app.example", text]).unwrap_err();
            assert!(error.given == text && error.why.contains("one by one"), "{error}");
            assert!(BaseUrl::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn only_our_own_pages_and_listed_ones_may_change_something() {
        let base = BaseUrl::parse("https://music.example/m").unwrap();
        let trusted = Origins::parse(&["https://app.example"]).unwrap();
        let cases = [
            (None, None, true),
            (Some("same-origin"), None, true),
            (Some("none"), None, true),
            (Some("same-site"), None, false),
            (Some("cross-site"), Some("https://music.example"), false),
            (Some("cross-site"), Some("https://evil.example"), false),
            (Some("same-site"), Some("https://app.example"), true),
            (None, Some("https://music.example"), true),
            (None, Some("http://inside:4040"), true),
            (None, Some("https://evil.example"), false),
            (None, Some("null"), false),
        ];
        for (site, origin, allowed) in cases {
            let mut request = Request::post("/scan").header(HOST, "inside:4040");
            if let Some(site) = site {
                request = request.header(SEC_FETCH_SITE, site);
            }
            if let Some(origin) = origin {
                request = request.header(ORIGIN, origin);
            }
            let (head, ()) = request.body(()).unwrap().into_parts();
            let verdict = refuse_other_origins(&head, &base, &trusted).is_ok();
            assert_eq!(verdict, allowed, "{site:?} {origin:?}");
        }
    }
}
