//! Addresses, read strictly: whatever could mean one server to us and another to somebody else is refused by name.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use budget::limits::{REMOTE_ADDRESS_BYTES_MAX, REMOTE_QUERY_BYTES_MAX};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use super::transport::Site;
use super::trouble::{Trouble, TroubleKind};
use crate::error::{Error, ErrorKind};
use crate::path::RelPath;

/// What stands in a path as it is: the unreserved characters of RFC 3986 section 2.3, and what parts the names.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'/');
/// The longest name of a server (RFC 1035 section 2.3.4).
// format: the bound of the name system
const NAME_BYTES_MAX: usize = 253;
/// The longest part of such a name.
// format: the bound of the name system
const LABEL_BYTES_MAX: usize = 63;

/// The path of a file at an origin, and a query if it has one.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RemotePath {
    path: RelPath,
    query: Option<Box<str>>,
}

impl RemotePath {
    /// The path of a file without a query.
    pub fn of(path: RelPath) -> Self {
        RemotePath { path, query: None }
    }

    /// Reads a path as it stands in a URL: percent-encoded, without a slash at its start, with a query behind `?`.
    ///
    /// # Errors
    /// As [`RelPath::parse`], of the decoded path; `NotFound` for what is no URL.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let wrong = |said| Error::new(ErrorKind::NotFound, format!("the path of a file {said}"));
        let (path, query) = match text.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (text, None),
        };
        if !is_of_a_url(path) || query.is_some_and(|query| !is_of_a_url(query)) {
            return Err(wrong("has characters that no URL has"));
        }
        if query.is_some_and(|query| query.len() > REMOTE_QUERY_BYTES_MAX) {
            return Err(wrong("has a query that is too long"));
        }
        let decoded = percent_decode_str(path).decode_utf8().map_err(|_| wrong("is no UTF-8"))?;
        Ok(RemotePath { path: RelPath::parse(&decoded)?, query: query.map(Box::from) })
    }

    /// The path without encoding, and without the query.
    pub fn path(&self) -> &RelPath {
        &self.path
    }

    /// As it stands in a request, without a slash at its start.
    pub(super) fn encoded(&self) -> String {
        let path = utf8_percent_encode(self.path.as_str(), ENCODED).to_string();
        match &self.query {
            Some(query) => format!("{path}?{query}"),
            None => path,
        }
    }
}

/// Logs name the path and never the query.
impl fmt::Display for RemotePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.path.fmt(f)
    }
}

/// Where a request goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Target {
    pub(super) site: Site,
    /// Path and query as they stand in the request; the path begins with a slash.
    pub(super) path: String,
}

impl Target {
    /// Reads an absolute address.
    ///
    /// # Errors
    /// [`TroubleKind::Address`] says what is wrong with it, and repeats no more of it than its server.
    pub(super) fn parse(text: &str) -> Result<Self, Trouble> {
        let wrong = |said: &str| Trouble::new(TroubleKind::Address, said);
        if text.len() > REMOTE_ADDRESS_BYTES_MAX {
            return Err(wrong("an address is too long"));
        }
        if !is_of_a_url(text) {
            return Err(wrong("an address has characters that no URL has"));
        }
        let (scheme, rest) = text.split_once("://").ok_or_else(|| wrong("an address is not absolute"))?;
        let secure = match &*scheme.to_ascii_lowercase() {
            "https" => true,
            "http" => false,
            _ => return Err(wrong("an address is neither http nor https")),
        };
        let (authority, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
        let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
        Ok(Target { site: site(secure, authority)?, path })
    }

    /// Where a redirect from here leads.
    ///
    /// # Errors
    /// As [`Target::parse`]; [`TroubleKind::Redirect`] when it leads away from TLS.
    pub(super) fn redirected(&self, to: &str) -> Result<Target, Trouble> {
        let to = to.split_once('#').map_or(to, |(to, _)| to);
        let has_scheme = to.find(':').is_some_and(|at| !to[..at].contains(['/', '?']));
        let scheme = if self.site.secure { "https" } else { "http" };
        let target = if has_scheme {
            Target::parse(to)?
        } else if to.starts_with("//") {
            Target::parse(&format!("{scheme}:{to}"))?
        } else {
            let site = &self.site;
            let mut target = Target::parse(&format!("{site}/"))?;
            target.path = self.relative(to)?;
            target
        };
        if self.site.secure && !target.site.secure {
            let said = format!("{} redirects away from TLS, to {}", self.site, target.site);
            return Err(Trouble::new(TroubleKind::Redirect, said));
        }
        Ok(target)
    }

    /// A reference without a server, from this path (RFC 3986 section 5.2).
    fn relative(&self, to: &str) -> Result<String, Trouble> {
        if to.is_empty() || to.len() > REMOTE_ADDRESS_BYTES_MAX || !is_of_a_url(to) {
            return Err(Trouble::new(TroubleKind::Redirect, format!("{} redirects to nowhere", self.site)));
        }
        let own = self.path.split_once('?').map_or(&*self.path, |(path, _)| path);
        if to.starts_with('?') {
            return Ok(format!("{own}{to}"));
        }
        let (to, query) = to.split_at(to.find('?').unwrap_or(to.len()));
        let folder = if to.starts_with('/') { "" } else { &own[..=own.rfind('/').unwrap_or(0)] };
        let mut parts = Vec::new();
        let whole = format!("{folder}{to}");
        for part in whole.split('/').skip(1) {
            match part {
                "." => {}
                ".." => {
                    parts.pop();
                }
                part => parts.push(part),
            }
        }
        if matches!(whole.rsplit('/').next(), Some("." | "..")) {
            parts.push("");
        }
        Ok(format!("/{}{query}", parts.join("/")))
    }
}

/// The characters of RFC 3986, without what begins a fragment.
pub(super) fn is_of_a_url(text: &str) -> bool {
    let is_fine = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~:/?[]@!$&'()*+,;=%".contains(&byte);
    let mut left = text.bytes();
    while let Some(byte) = left.next() {
        let is_escape = byte != b'%'
            || [left.next(), left.next()]
                .iter()
                .all(|digit| digit.is_some_and(|one| one.is_ascii_hexdigit()));
        if !is_fine(byte) || !is_escape {
            return false;
        }
    }
    true
}

fn site(secure: bool, authority: &str) -> Result<Site, Trouble> {
    let wrong = |said: &str| Trouble::new(TroubleKind::Address, said);
    if authority.contains('@') {
        return Err(wrong("an address has user information in it"));
    }
    let (host, port) = if authority.starts_with('[') {
        let end = authority.find(']').ok_or_else(|| wrong("an address of IPv6 has no end"))?;
        (&authority[..=end], &authority[end + 1..])
    } else {
        authority.split_at(authority.find(':').unwrap_or(authority.len()))
    };
    let port = match port.strip_prefix(':') {
        None if port.is_empty() => {
            if secure {
                443
            } else {
                80
            }
        }
        Some(digits) if digits.bytes().all(|digit| digit.is_ascii_digit()) && !digits.starts_with('0') => {
            digits.parse().map_err(|_| wrong("an address has no port that there is"))?
        }
        _ => return Err(wrong("an address has no port that there is")),
    };
    Ok(Site { secure, host: parsed_host(host)?, port })
}

/// The host in the one form in which it is used from here on.
fn parsed_host(text: &str) -> Result<String, Trouble> {
    let wrong = |said: &str| Trouble::new(TroubleKind::Address, said);
    if let Some(inner) = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')) {
        let address: Ipv6Addr =
            inner.parse().map_err(|_| wrong("what stands in brackets is no address of IPv6"))?;
        return Ok(address.to_string());
    }
    if text.is_empty() {
        return Err(wrong("an address has no host"));
    }
    if text.ends_with('.') {
        return Err(wrong("a host has a dot at its end"));
    }
    let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    let is_label = |label: &str| {
        (1..=LABEL_BYTES_MAX).contains(&label.len())
            && label.bytes().all(is_letter)
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    if text.len() > NAME_BYTES_MAX || !text.split('.').all(is_label) {
        return Err(wrong("a host is no name that a server could have"));
    }
    let text = text.to_ascii_lowercase();
    if !ends_in_a_number(&text) {
        return Ok(text);
    }
    // What a parser of numbers would take for an address is one only when it is written as everybody writes it.
    let address: Ipv4Addr =
        text.parse().map_err(|_| wrong("a host is a number that is not written as an address of IPv4"))?;
    Ok(IpAddr::V4(address).to_string())
}

/// Whether the resolvers of the world might read a name as an address: its last part is a number, in any base.
fn ends_in_a_number(name: &str) -> bool {
    let last = name.rsplit('.').next().unwrap_or(name);
    let is_hexadecimal =
        last.strip_prefix("0x").is_some_and(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()));
    is_hexadecimal || last.bytes().all(|digit| digit.is_ascii_digit())
}

#[cfg(test)]
mod tests;
