//! Which fields go on, in both directions, and which are kept (RFC 9110 section 7.6, RFC 9111 sections 3.1 and 3.2).

use http::header::{
    CONNECTION, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE, COOKIE, EXPECT, FORWARDED, HOST, HeaderMap,
    HeaderName, HeaderValue, PROXY_AUTHENTICATE, PROXY_AUTHORIZATION, TE, TRAILER, TRANSFER_ENCODING,
    UPGRADE, VIA,
};
use stream::Client;

use super::directives::Directives;

/// Who we are in `Via` and `Cache-Status`.
const OURSELVES: &str = "millpond";
/// What is said between two neighbours and goes no further.
const HOP_BY_HOP: [HeaderName; 11] = [
    CONNECTION,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    PROXY_AUTHENTICATE,
    HeaderName::from_static("proxy-authentication-info"),
    PROXY_AUTHORIZATION,
    TE,
    TRAILER,
    TRANSFER_ENCODING,
    UPGRADE,
    HeaderName::from_static("http2-settings"),
];
/// What a 304 does not change, because it speaks of how the kept bytes are to be read.
const OF_THE_BYTES: [HeaderName; 3] = [CONTENT_LENGTH, CONTENT_ENCODING, CONTENT_RANGE];

/// Takes out what is not for the end: the fields that [`HOP_BY_HOP`] lists, and those that `Connection` names.
pub(crate) fn end_to_end(fields: &mut HeaderMap) {
    let named: Vec<HeaderName> = fields
        .get_all(CONNECTION)
        .iter()
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    for name in HOP_BY_HOP.iter().chain(&named) {
        fields.remove(name);
    }
}

/// The fields of a request that go on: all for the end but what speaks of us. `cookie` is the name of our own cookie,
/// which is nobody else's.
pub(crate) fn of_request(fields: &HeaderMap, cookie: &str) -> HeaderMap {
    let mut fields = fields.clone();
    end_to_end(&mut fields);
    // Our own server answered it already.
    fields.remove(EXPECT);
    let cookies: Vec<HeaderValue> =
        fields.get_all(COOKIE).iter().filter_map(|line| without(line, cookie)).collect();
    fields.remove(COOKIE);
    cookies.into_iter().for_each(|line| _ = fields.append(COOKIE, line));
    fields
}

/// A line of cookies without one of them.
fn without(line: &HeaderValue, cookie: &str) -> Option<HeaderValue> {
    let Ok(text) = line.to_str() else { return Some(line.clone()) };
    let is_ours = |pair: &&str| pair.trim().split_once('=').is_some_and(|(name, _)| name == cookie);
    if !text.split(';').any(|pair| is_ours(&pair)) {
        return Some(line.clone());
    }
    let left: Vec<&str> = text.split(';').filter(|pair| !is_ours(pair)).map(str::trim).collect();
    HeaderValue::try_from(left.join("; ")).ok().filter(|line| !line.is_empty())
}

/// How often a request came by a server like this one.
pub(crate) fn hops(fields: &HeaderMap) -> usize {
    let lines = fields.get_all(VIA).iter().filter_map(|line| line.to_str().ok());
    lines.flat_map(|line| line.split(',')).filter(|hop| hop.trim().ends_with(OURSELVES)).count()
}

/// Says to the origin whom the request comes from and what it came by.
pub(crate) fn introduce(fields: &mut HeaderMap, client: &Client) {
    let address = client.address.to_string();
    let scheme = if client.secure { "https" } else { "http" };
    append(fields, &HeaderName::from_static("x-forwarded-for"), &address);
    fields.insert("x-forwarded-proto", HeaderValue::from_static(scheme));
    if let Some(host) = fields.remove(HOST) {
        fields.insert("x-forwarded-host", host);
    }
    // Whoever reads the one that has a standard must not miss us there (RFC 7239).
    if fields.contains_key(FORWARDED) {
        let quoted = if client.address.is_ipv6() { format!("\"[{address}]\"") } else { address };
        append(fields, &FORWARDED, &format!("for={quoted};proto={scheme}"));
    }
    via(fields);
}

/// Adds us to those whom a message came by (RFC 9110 section 7.6.3).
pub(crate) fn via(fields: &mut HeaderMap) {
    append(fields, &VIA, &format!("1.1 {OURSELVES}"));
}

/// Adds a member to a list, in one line.
fn append(fields: &mut HeaderMap, name: &HeaderName, member: &str) {
    let mut list: Vec<u8> = Vec::new();
    for line in fields.get_all(name) {
        list.extend_from_slice(line.as_bytes());
        list.extend_from_slice(b", ");
    }
    list.extend_from_slice(member.as_bytes());
    if let Ok(list) = HeaderValue::from_bytes(&list) {
        fields.insert(name, list);
    }
}

/// The fields of an answer that are kept: not those that it allows to be given only after a look at the origin, or only
/// to one person.
pub(crate) fn kept(fields: &HeaderMap) -> HeaderMap {
    let mut fields = fields.clone();
    let said = Directives::targeted(&fields).unwrap_or_else(|| Directives::of(&fields));
    for name in said.fields("no-cache").iter().chain(&said.fields("private")) {
        fields.remove(name);
    }
    fields
}

/// Takes over what a 304 or the answer to HEAD says (section 3.2).
pub(crate) fn freshen(stored: &mut HeaderMap, news: &HeaderMap) {
    let news = kept(news);
    for name in news.keys().filter(|name| !OF_THE_BYTES.contains(name)) {
        stored.remove(name);
        news.get_all(name).iter().for_each(|value| _ = stored.append(name, value.clone()));
    }
    // The age of what was found to be right begins anew.
    if !news.contains_key(http::header::AGE) {
        stored.remove(http::header::AGE);
    }
}

#[cfg(test)]
mod tests;
