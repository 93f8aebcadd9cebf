//! Typed parameters from the query and the form. A name may come several times; an empty value counts as absent
//! where a value is needed.

use std::borrow::Cow;
use std::str::FromStr;
use std::sync::Arc;

use axum::http::Uri;
use axum::http::uri::PathAndQuery;
use budget::limits::{CALLBACK_CHARS_MAX, PARAMETER_BYTES_MAX};
use catalog::{AlbumId, ArtistId, Item, TrackId};
use serde::de::DeserializeOwned;
use store::FolderId;

use crate::error::{Error, ErrorKind, WHOLE_DOCUMENT};
use crate::form::Form;
use crate::reply::Format;

/// How often one name may come: each id of a list is a statement of its own.
const REPEATED_MAX: usize = budget::limits::PAGE_ROWS_MAX;

/// Every parameter that some endpoint reads. Of a form, all others are dropped before anybody waits for anything.
const NAMES: &[&str] = &[
    "adminRole",
    "album",
    "albumCount",
    "albumId",
    "albumOffset",
    "any",
    "apiKey",
    "artist",
    "artistCount",
    "artistId",
    "artistOffset",
    "bitRate",
    "c",
    "callback",
    "captions",
    "comment",
    "count",
    "current",
    "currentIndex",
    "description",
    "enhanced",
    "expires",
    "f",
    "format",
    "fromYear",
    "genre",
    "homepageUrl",
    "id",
    "ifModifiedSince",
    "ignoreScrobble",
    "includeEpisodes",
    "ldapAuthenticated",
    "maxBitRate",
    "mediaId",
    "mediaType",
    "musicFolderId",
    "name",
    "newerThan",
    "offset",
    "p",
    "password",
    "playbackRate",
    "playlistId",
    "position",
    "positionMs",
    "public",
    "query",
    "rating",
    "s",
    "shareRole",
    "signature",
    "size",
    "songCount",
    "songId",
    "songIdToAdd",
    "songIndexToRemove",
    "songOffset",
    "state",
    "streamRole",
    "streamUrl",
    "submission",
    "t",
    "time",
    "timeOffset",
    "title",
    "toYear",
    "transcodeParams",
    "type",
    "u",
    "uploadRole",
    "url",
    "user",
    "username",
    "v",
    "videoConversionRole",
];

/// What a request asks with: the texts as they came. They are read anew for each parameter, so that nothing is held
/// beside them, however many pairs they have.
#[derive(Debug, Default)]
pub(crate) struct Params {
    /// The target holds the query, which the request's own memory is.
    target: Option<PathAndQuery>,
    form: Form,
    document: Form,
}

impl Params {
    /// The parameters of a request's target. What the query says goes before what a form says.
    pub(crate) fn of(target: &Uri) -> Self {
        Params { target: target.path_and_query().cloned(), ..Params::default() }
    }

    /// The parameters of a query.
    #[cfg(test)]
    pub(crate) fn parse(query: &str) -> Self {
        Params { target: Some(format!("/?{query}").parse().unwrap()), ..Params::default() }
    }

    /// Adds the pairs of a form, without those that nobody reads.
    pub(crate) fn extend(&mut self, mut form: Form) {
        form.retain(|pair| {
            let name = name_of(pair);
            NAMES.iter().any(|known| is_named(name, known))
        });
        self.form = form;
    }

    /// Adds a JSON document that came instead of a form.
    pub(crate) fn attach(&mut self, document: Form) {
        self.document = document;
    }

    /// What the JSON document says, which must be there.
    pub(crate) fn document<T: DeserializeOwned>(&self) -> Result<T, Error> {
        if self.document.text().is_empty() {
            return Err(Error::needs_document());
        }
        let mut document = serde_json::Deserializer::from_slice(self.document.text());
        let said = serde_path_to_error::deserialize(&mut document)
            .map_err(|error| Error::bad_document(&error.path().to_string(), error.inner()))?;
        document.end().map_err(|error| Error::bad_document(WHOLE_DOCUMENT, &error))?;
        Ok(said)
    }

    /// The first value of that name, also an empty one.
    pub(crate) fn given(&self, name: &str) -> Option<Cow<'_, str>> {
        self.values(name).next()
    }

    /// The first value of that name that says something.
    pub(crate) fn get(&self, name: &str) -> Option<Cow<'_, str>> {
        self.all(name).next()
    }

    /// All values of that name that say something.
    pub(crate) fn all<'a, 'n>(&'a self, name: &'n str) -> impl Iterator<Item = Cow<'a, str>> + use<'a, 'n> {
        self.values(name).filter(|value| !value.is_empty())
    }

    fn values<'a, 'n>(&'a self, name: &'n str) -> impl Iterator<Item = Cow<'a, str>> + use<'a, 'n> {
        debug_assert!(NAMES.contains(&name), "{name} is read and would be dropped from a form");
        let query = self.target.as_ref().and_then(PathAndQuery::query).unwrap_or_default();
        [query.as_bytes(), self.form.text()]
            .into_iter()
            .flat_map(|text| text.split(|byte| *byte == b'&'))
            .filter(move |pair| is_named(name_of(pair), name))
            .filter_map(|pair| form_urlencoded::parse(pair).next().map(|(_, value)| value))
    }

    /// A text that may be kept beyond the request's parameters, so it has a length.
    pub(crate) fn short<'a>(&self, name: &str, text: Cow<'a, str>) -> Result<Cow<'a, str>, Error> {
        if text.len() > PARAMETER_BYTES_MAX {
            return Err(Error::bad(name, &format!("at most {PARAMETER_BYTES_MAX} bytes")));
        }
        Ok(text)
    }

    /// A text that must be there; error 10 names it otherwise.
    pub(crate) fn text(&self, name: &str) -> Result<Cow<'_, str>, Error> {
        self.get(name).ok_or_else(|| Error::missing(name))
    }

    /// A whole number that is not negative; never beyond what a database counts with.
    pub(crate) fn number(&self, name: &str, default: u64) -> Result<u64, Error> {
        self.optional_number(name).map(|number| number.unwrap_or(default))
    }

    /// The same without a default.
    pub(crate) fn optional_number(&self, name: &str) -> Result<Option<u64>, Error> {
        self.get(name)
            .map(|text| {
                text.parse::<u64>().map_err(|_| Error::bad_value(name, &text, "a whole number of 0 or more"))
            })
            .transpose()
            .map(|number| number.map(|n| n.min(i64::MAX as u64)))
    }

    /// A year that must be there.
    pub(crate) fn year(&self, name: &str) -> Result<u32, Error> {
        self.optional_year(name)?.ok_or_else(|| Error::missing(name))
    }

    /// A year; numbers beyond any calendar are the last one.
    pub(crate) fn optional_year(&self, name: &str) -> Result<Option<u32>, Error> {
        Ok(self.optional_number(name)?.map(|year| u32::try_from(year).unwrap_or(u32::MAX)))
    }

    /// `true` or `false`.
    pub(crate) fn flag(&self, name: &str, default: bool) -> Result<bool, Error> {
        Ok(self.optional_flag(name)?.unwrap_or(default))
    }

    /// The same without a default.
    pub(crate) fn optional_flag(&self, name: &str) -> Result<Option<bool>, Error> {
        // Clients in Python send `True`.
        match self.get(name).map(|flag| flag.to_ascii_lowercase()).as_deref() {
            None => Ok(None),
            Some("true" | "1") => Ok(Some(true)),
            Some("false" | "0") => Ok(Some(false)),
            Some(other) => Err(Error::bad_value(name, other, "true or false")),
        }
    }

    /// One id that must be there. What is no id of that kind is not found.
    pub(crate) fn id<T: FromStr>(&self, name: &str) -> Result<T, Error> {
        self.text(name)?.parse().map_err(|_| Error::not_found("Not found"))
    }

    /// All items of that name: tracks, albums and artists by the form of their ids. At most a page of them.
    pub(crate) fn items(&self, name: &str) -> Result<Vec<Item>, Error> {
        self.bounded(name, |text| item(text).ok_or_else(|| Error::not_found("Not found")))
    }

    /// All ids of one kind of that name, at most a page of them.
    pub(crate) fn ids<T: FromStr>(&self, name: &str) -> Result<Vec<T>, Error> {
        self.bounded(name, |text| text.parse().map_err(|_| Error::not_found("Not found")))
    }

    /// The library to stay in, if one is named.
    pub(crate) fn folder(&self) -> Result<Option<FolderId>, Error> {
        self.get("musicFolderId")
            .map(|text| {
                text.parse()
                    .map(FolderId)
                    .map_err(|_| Error::bad_value("musicFolderId", &text, "the number of a library"))
            })
            .transpose()
    }

    /// How to answer. Until this is known, XML is.
    pub(crate) fn format(&self) -> Result<Format, (Format, Error)> {
        match self.get("f").as_deref() {
            Some("json") => Ok(Format::Json),
            Some("jsonp") => callback(self.get("callback").as_deref()).map_err(|error| (Format::Json, error)),
            _ => Ok(Format::Xml),
        }
    }

    /// Whether the client knows what 1.`minor` of the protocol brought. One that does not say its version knows all.
    pub(crate) fn speaks(&self, minor: u32) -> bool {
        let version = self.get("v");
        let said = version.as_deref().and_then(|v| v.split('.').nth(1)?.parse::<u32>().ok());
        said.is_none_or(|said| said >= minor)
    }

    /// Whether the client's version of the protocol is one that we speak: any 1.x. A missing one is forgiven.
    pub(crate) fn check_version(&self) -> Result<(), Error> {
        let major = self.get("v").and_then(|v| v.split('.').next()?.parse::<u32>().ok());
        match major {
            None | Some(1) => Ok(()),
            Some(0) => Err(Error::new(
                ErrorKind::ClientTooOld,
                "Incompatible protocol version: the client must upgrade",
            )),
            Some(_) => Err(Error::new(
                ErrorKind::ServerTooOld,
                "Incompatible protocol version: the server must upgrade",
            )),
        }
    }

    /// All values of that name, at most a page of them, each by `read`.
    pub(crate) fn bounded<T>(
        &self,
        name: &str,
        read: impl Fn(&str) -> Result<T, Error>,
    ) -> Result<Vec<T>, Error> {
        self.at_most(REPEATED_MAX, name, read)
    }

    /// All values of that name, at most so many, each by `read`.
    pub(crate) fn at_most<T>(
        &self,
        times_max: usize,
        name: &str,
        read: impl Fn(&str) -> Result<T, Error>,
    ) -> Result<Vec<T>, Error> {
        let mut values = Vec::new();
        for text in self.all(name) {
            if values.len() == times_max {
                return Err(Error::bad(name, &format!("given at most {times_max} times")));
            }
            values.push(read(&text)?);
        }
        Ok(values)
    }
}

/// What stands before the first `=` of a pair, as it came.
fn name_of(pair: &[u8]) -> &[u8] {
    pair.split(|byte| *byte == b'=').next().unwrap_or_default()
}

/// Whether a name as it came is that one, escapes included.
fn is_named(raw: &[u8], name: &str) -> bool {
    let fits = raw.len() <= 3 * name.len();
    raw == name.as_bytes()
        || fits
            && raw.contains(&b'%')
            && form_urlencoded::parse(raw).next().is_some_and(|(decoded, _)| decoded == name)
}

/// What an id of unknown kind stands for.
pub(crate) fn item(text: &str) -> Option<Item> {
    let track = text.parse::<TrackId>().map(Item::Track);
    let album = || text.parse::<AlbumId>().map(Item::Album);
    let artist = || text.parse::<ArtistId>().map(Item::Artist);
    track.or_else(|_| album()).or_else(|_| artist()).ok()
}

/// A callback may have the characters of a JavaScript name and dots, so that no other script fits into an answer.
fn callback(name: Option<&str>) -> Result<Format, Error> {
    let name = name.ok_or_else(|| Error::missing("callback"))?;
    let fits = name.len() <= CALLBACK_CHARS_MAX
        && !name.starts_with(|c: char| c.is_ascii_digit())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'$' | b'.'));
    if fits {
        Ok(Format::Jsonp(Arc::from(name)))
    } else {
        Err(Error::bad("callback", "the name of a function"))
    }
}

#[cfg(test)]
mod tests;
