//! What a request shows to prove who sends it: a signed link, `Authorization`, or the session's cookie.

use std::borrow::Cow;
use std::net::{IpAddr, Ipv4Addr};

use axum::extract::FromRequestParts;
use axum::http::header::{AUTHORIZATION, COOKIE};
use axum::http::{HeaderMap, request};
use axum::response::{IntoResponse, Response};
use budget::limits;
use catalog::{Identity, Opened, Refusal, SignIn, TrackId, UnixMs, UserId};
use data_encoding::BASE64;
use stream::Client;

use crate::audio::Account;
use crate::error::{Code, Error};
use crate::json::{self, Id};
use crate::origin::{BaseUrl, Origins, refuse_other_origins};
use crate::{App, Route};

/// The cookie that holds a session's token.
pub const SESSION_COOKIE: &str = "millpond_session";

/// Somebody who proved who he is.
#[derive(Clone)]
pub(crate) struct Caller {
    /// Who, and by what.
    pub(crate) identity: Identity,
    /// Whether a browser adds this proof by itself, also to what a foreign page asks for.
    sent_by_browsers: bool,
}

impl Caller {
    /// What is sent to him is on his own account.
    pub(crate) fn account(&self) -> Account<'_> {
        Account { number: self.identity.user.id.0, name: &self.identity.user.name }
    }

    /// Refuses a change that a page of another origin asks for in the name of whoever sits at the browser.
    pub(crate) fn check_page(
        &self,
        head: &request::Parts,
        base: &BaseUrl,
        trusted: &Origins,
    ) -> Result<(), Error> {
        if self.sent_by_browsers && !head.method.is_safe() {
            refuse_other_origins(head, base, trusted)?;
        }
        Ok(())
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Caller {
    type Rejection = Error;

    async fn from_request_parts(head: &mut request::Parts, _: &S) -> Result<Self, Error> {
        // Only a route that is open to all has no caller; its handler must not ask for one.
        head.extensions.get().cloned().ok_or_else(|| Error::new(Code::SignInNeeded, "sign in first"))
    }
}

/// Where a request comes from, behind trusted proxies resolved. The accept loop says it; without one, nobody is
/// trusted to be local or secure.
pub(crate) fn client(head: &request::Parts) -> Client {
    let unknown = Client { address: IpAddr::V4(Ipv4Addr::UNSPECIFIED), secure: false };
    head.extensions.get::<Client>().cloned().unwrap_or(unknown)
}

/// Who sends this request; nobody when it shows nothing. What it shows must be right: a wrong key is an error also
/// where a cookie would do.
pub(crate) async fn identify(
    app: &App,
    route: &Route,
    head: &mut request::Parts,
) -> Result<Option<Caller>, Error> {
    if route.by_link && is_link(head.uri.query()) {
        let identity = by_link(app, head).await?;
        return Ok(Some(Caller { identity, sent_by_browsers: false }));
    }
    // Boxed, because signing in may hash a password, and that future is larger than all the others.
    Box::pin(by_secret(&app.sign_in, head)).await
}

/// Who sends this request, for faces that know no sign-in of their own; nobody when it shows nothing.
///
/// # Errors
/// The answer to a request that shows something wrong, and to a change that a page of another origin asks for in the
/// name of whoever sits at the browser.
pub async fn who(
    sign_in: &SignIn,
    head: &request::Parts,
    base: &BaseUrl,
    trusted: &Origins,
) -> Result<Option<Identity>, Response> {
    let caller = by_secret(sign_in, head).await.map_err(IntoResponse::into_response)?;
    let Some(caller) = caller else { return Ok(None) };
    caller.check_page(head, base, trusted).map_err(IntoResponse::into_response)?;
    Ok(Some(caller.identity))
}

/// Who shows a secret in a header; nobody when there is none.
async fn by_secret(sign_in: &SignIn, head: &request::Parts) -> Result<Option<Caller>, Error> {
    let Some(proof) = Proof::shown(&head.headers)? else { return Ok(None) };
    let identity = proof.check(sign_in, client(head).address).await?;
    Ok(Some(Caller { identity, sent_by_browsers: !matches!(proof, Proof::Key(_)) }))
}

/// A secret that a header shows.
pub(crate) enum Proof {
    /// An API key.
    Key(String),
    /// A login password or an app password.
    Password { name: String, secret: String },
    /// The token of a session.
    Session(String),
}

impl Proof {
    /// What these headers show, if anything; an error where it is no secret.
    pub(crate) fn shown(headers: &HeaderMap) -> Result<Option<Proof>, Refusal> {
        if headers.contains_key(AUTHORIZATION) {
            return authorization(headers).ok_or(Refusal::Wrong).map(Some);
        }
        Ok(session_token(headers).map(|token| Proof::Session(token.to_owned())))
    }

    /// Whose it is now.
    pub(crate) async fn check(&self, sign_in: &SignIn, from: IpAddr) -> Result<Identity, Refusal> {
        match self {
            Proof::Key(key) => sign_in.key(key, from).await,
            Proof::Password { name, secret } => sign_in.password(name, secret, from).await,
            Proof::Session(token) => sign_in.session(token, from).await,
        }
    }
}

/// Reads one `Authorization` header: `Bearer KEY` (RFC 6750) or `Basic base64(name:secret)` (RFC 7617).
fn authorization(headers: &HeaderMap) -> Option<Proof> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let value = values.next()?.to_str().ok()?;
    if values.next().is_some() || value.len() > 2 * limits::CREDENTIAL_BYTES_MAX {
        return None;
    }
    let (scheme, rest) = value.split_once(' ')?;
    let rest = rest.trim();
    if scheme.eq_ignore_ascii_case("bearer") {
        return Some(Proof::Key(rest.to_owned()));
    }
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let text = String::from_utf8(BASE64.decode(rest.as_bytes()).ok()?).ok()?;
    let (name, secret) = text.split_once(':')?;
    Some(Proof::Password { name: name.to_owned(), secret: secret.to_owned() })
}

/// The token in the session's cookie (RFC 6265 section 4.2).
pub(crate) fn session_token(headers: &HeaderMap) -> Option<&str> {
    let cookies = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs = cookies.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    let (_, token) = pairs.find(|(name, _)| *name == SESSION_COOKIE)?;
    (!token.is_empty() && token.len() <= limits::CREDENTIAL_BYTES_MAX).then_some(token)
}

/// Whether a query is one of a signed link.
pub(crate) fn is_link(query: Option<&str>) -> bool {
    values(query.unwrap_or_default(), "signature").next().is_some()
}

/// What a query says under a name, each time that it does.
pub(crate) fn values<'a>(query: &'a str, wanted: &str) -> impl Iterator<Item = Cow<'a, str>> {
    pairs(query).filter_map(move |(name, value)| (name == wanted).then_some(value))
}

/// The names and values of a query. Those of one without an escape, as ours are, are neither decoded nor copied.
fn pairs(query: &str) -> impl Iterator<Item = (Cow<'_, str>, Cow<'_, str>)> {
    // Looked at as a whole and to its end, because the compiler takes many bytes at once where it need not stop early.
    let is_plain = query.bytes().fold(true, |plain, byte| plain & (byte != b'%') & (byte != b'+'));
    query.split('&').filter(|pair| !pair.is_empty()).filter_map(move |pair| {
        if !is_plain {
            return form_urlencoded::parse(pair.as_bytes()).next();
        }
        // The names are short: going from letter to letter is faster than a search that is made for long texts.
        let (name, value) = match pair.bytes().position(|byte| byte == b'=') {
            Some(at) => (&pair[..at], &pair[at + 1..]),
            None => (pair, ""),
        };
        Some((Cow::Borrowed(name), Cow::Borrowed(value)))
    })
}

/// Checks a signed link for the track of this path.
async fn by_link(app: &App, head: &mut request::Parts) -> Result<Identity, Error> {
    let Id(track) = Id::<TrackId>::from_request_parts(head, &()).await?;
    let wrong = || Error::new(Code::LinkWrong, "this link is not one that we signed").hint(ASK_AGAIN);
    let Link { user, expires, signature } = link(head.uri.query().unwrap_or_default()).ok_or_else(wrong)?;
    let now = json::now();
    if expires <= now {
        return Err(Error::new(Code::LinkExpired, "this link has expired").hint(ASK_AGAIN));
    }
    app.sign_in.link(Opened::Track(track), user, expires, &signature, now).await.map_err(|refusal| {
        match refusal {
            Refusal::Wrong => wrong(),
            other => other.into(),
        }
    })
}

const ASK_AGAIN: &str = "POST /tracks/{id}/link makes a new one";

struct Link<'a> {
    user: UserId,
    expires: UnixMs,
    signature: Cow<'a, str>,
}

/// The parts of a link; each must be there once.
fn link(query: &str) -> Option<Link<'_>> {
    let (mut user, mut expires, mut signature) = (None, None, None);
    for (name, value) in pairs(query) {
        let part = match &*name {
            "user" => &mut user,
            "expires" => &mut expires,
            "signature" => &mut signature,
            _ => continue,
        };
        if part.replace(value).is_some() {
            return None;
        }
    }
    let expires = expires?;
    let canonical = !expires.is_empty() && expires.bytes().all(|b| b.is_ascii_digit());
    Some(Link {
        user: user?.parse().ok()?,
        expires: expires.parse().ok().filter(|_| canonical)?,
        signature: signature?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    fn check(value: &str) -> Option<String> {
        let headers = HeaderMap::from_iter([(AUTHORIZATION, HeaderValue::from_str(value).unwrap())]);
        authorization(&headers).map(|shown| match shown {
            Proof::Key(key) => format!("key {key}"),
            Proof::Password { name, secret } => format!("{name} / {secret}"),
            Proof::Session(token) => format!("session {token}"),
        })
    }

    #[test]
    fn an_authorization_is_read_or_it_is_wrong() {
        let long = format!("Bearer {}", "k".repeat(3_000));
        let cases = [
            ("Bearer abc", Some("key abc")),
            ("bearer  abc ", Some("key abc")),
            ("Basic bmFtZTpzZWM6cmV0", Some("name / sec:ret")),
            ("BASIC bmFtZTo=", Some("name / ")),
            ("Basic bmFtZQ==", None),
            ("Basic %%%", None),
            ("Basic /////w==", None),
            ("Digest abc", None),
            ("Bearer", None),
            (long.as_str(), None),
        ];
        for (value, expected) in cases {
            assert_eq!(check(value).as_deref(), expected, "{value:.40}");
        }
    }

    #[test]
    fn two_authorizations_are_none() {
        let mut headers = HeaderMap::new();
        headers.append(AUTHORIZATION, HeaderValue::from_static("Bearer a"));
        headers.append(AUTHORIZATION, HeaderValue::from_static("Bearer b"));
        assert!(authorization(&headers).is_none());
    }

    #[test]
    fn the_session_is_found_among_other_cookies() {
        let cases = [
            ("millpond_session=abc", Some("abc")),
            ("a=b; millpond_session=abc;c=d", Some("abc")),
            ("millpond_sessions=abc", None),
            ("millpond_session=", None),
            ("millpond_session", None),
        ];
        for (line, expected) in cases {
            let headers = HeaderMap::from_iter([(COOKIE, HeaderValue::from_static(line))]);
            assert_eq!(session_token(&headers), expected, "{line}");
        }
    }

    #[test]
    fn a_link_has_each_part_once() {
        let cases = [
            ("user=us-1&expires=5&signature=ab", true),
            ("signature=ab&other=1&expires=5&user=us-1", true),
            ("user=us-1&user=us-2&expires=5&signature=ab", false),
            ("user=us-1&expires=5&signature=ab&signature=ab", false),
            ("user=us-1&expires=-5&signature=ab", false),
            ("user=us-1&expires=+5&signature=ab", false),
            ("user=us-01&expires=5&signature=ab", false),
            ("user=us-1&expires=&signature=ab", false),
            ("user=us-1&signature=ab", false),
        ];
        for (query, expected) in cases {
            assert_eq!(link(query).is_some(), expected, "{query}");
        }
        for (query, expected) in [
            ("a=1&b=2&a=3", vec!["1", "3"]),
            ("a&b", vec![""]),
            ("&&a=x=y&=a", vec!["x=y"]),
            ("%61=a%2Bb+c", vec!["a+b c"]),
            ("ab=1&A=1", vec![]),
        ] {
            assert_eq!(values(query, "a").collect::<Vec<_>>(), expected, "{query}");
        }
        assert!(is_link(Some("a=b&signature")) && !is_link(Some("user=signature")) && !is_link(None));
    }
}
