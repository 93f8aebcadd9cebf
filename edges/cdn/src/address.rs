//! A whole address: which spelling it is, where its source is, and what it asks for.

use std::borrow::Cow;

use crate::hints::Hints;
use crate::hls;
use crate::options::{Bad, Rules, Spelling, Spoken, find};
use crate::sign::{is_signature, unsigned};

/// The beginning of Cloudflare's spelling.
pub(crate) const CLOUDFLARE: &str = "/cdn-cgi/media/";
/// The beginning of our own.
pub(crate) const MEDIA: &str = "/media/";

/// An address, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address<'a> {
    /// Where the source is.
    pub source: SourceAt<'a>,
    /// What is asked for.
    pub spoken: Spoken,
}

/// Where a source is. What this says is compared with lists of the operator and of the catalog, and never opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SourceAt<'a> {
    /// A path of one of our origins, as it was sent: `/clips/a.mp4`.
    Path(Cow<'a, str>),
    /// An address of somebody else, with its own query.
    Url(Cow<'a, str>),
    /// A track or video of the catalog.
    Media(&'a str),
}

impl Rules {
    /// Takes an address apart; `None` when it is none of ours: a file that no rendition is called, or no source.
    ///
    /// # Errors
    /// [`Bad`] names the option and its range.
    pub fn address<'a>(&self, path: &'a str, query: &str, hints: &Hints) -> Result<Option<Address<'a>>, Bad> {
        if let Some(rest) = path.strip_prefix(CLOUDFLARE) {
            let Some((options, source)) = rest.split_once('/').filter(|(_, source)| !source.is_empty())
            else {
                return Ok(None);
            };
            // Nobody has addresses at Cloudflare of what lies in the catalog: here the commas alone are theirs.
            if let Some(id) = source.strip_prefix(MEDIA.trim_start_matches('/')) {
                let spoken = Spoken::Rendition(Box::new(self.between_commas(Spelling::Media, options)?));
                return Ok(Some(Address { source: SourceAt::Media(id), spoken }));
            }
            if let Some((source, file)) = hls::split(source)
                && let Some(asked) = self.stream(Spelling::Cloudflare, file, options)?
            {
                let source = cloudflare_source(source, query);
                return Ok(Some(Address { source, spoken: Spoken::Rendition(Box::new(asked)) }));
            }
            let source = cloudflare_source(source, query);
            let spoken = Spoken::Rendition(Box::new(self.cloudflare(options)?));
            return Ok(Some(Address { source, spoken }));
        }
        if let Some(rest) = path.strip_prefix(MEDIA) {
            let Some((id, file)) = rest.split_once('/') else { return Ok(None) };
            let asked = self.media(file, query)?;
            return Ok(asked.map(|asked| Address {
                source: SourceAt::Media(id),
                spoken: Spoken::Rendition(Box::new(asked)),
            }));
        }
        if let Some((source, file)) = hls::split(path)
            && let Some(asked) = self.stream(Spelling::Query, file, query)?
        {
            let source = SourceAt::Path(Cow::Borrowed(source));
            return Ok(Some(Address { source, spoken: Spoken::Rendition(Box::new(asked)) }));
        }
        let spoken = self.query(query, hints)?;
        Ok(Some(Address { source: SourceAt::Path(Cow::Borrowed(path)), spoken }))
    }
}

/// What follows the options: an address with its scheme, or a path. Proxies make one slash of `//`, so one will do.
fn cloudflare_source<'a>(source: &'a str, query: &str) -> SourceAt<'a> {
    let schemes = ["https:/", "http:/"];
    let after = schemes.iter().find_map(|scheme| Some((*scheme, source.strip_prefix(scheme)?)));
    let Some((scheme, rest)) = after else { return SourceAt::Path(Cow::Owned(format!("/{source}"))) };
    let rest = rest.strip_prefix('/').unwrap_or(rest);
    let query = unsigned(query);
    let separator = if query.is_empty() { "" } else { "?" };
    SourceAt::Url(Cow::Owned(format!("{scheme}/{rest}{separator}{query}")))
}

/// Whether a field of a query is ours: an option or a part of a signature.
pub fn ours(name: &str) -> bool {
    is_signature(name) || find(name).is_some()
}

/// Whether a field of a query is an option.
pub(crate) fn has_option(query: &str) -> bool {
    form_urlencoded::parse(query.as_bytes()).any(|(name, _)| find(&name).is_some())
}

/// A query that asks for something of ours, in two: the fields that are ours, and those that a caching proxy passes on.
/// Each stays as it was sent.
pub fn split_query(query: &str) -> (String, String) {
    let is_ours = |field: &&str| {
        let name = form_urlencoded::parse(field.as_bytes()).next();
        name.is_some_and(|(name, _)| ours(&name))
    };
    let (ours, others): (Vec<&str>, Vec<&str>) =
        query.split('&').filter(|field| !field.is_empty()).partition(is_ours);
    (ours.join("&"), others.join("&"))
}

#[cfg(test)]
mod tests;
