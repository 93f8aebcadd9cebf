//! Typed parameters from the query and the form. A name may come several times; an empty value counts as absent
//! where a value is needed.

use budget::limits::CALLBACK_CHARS_MAX;
use std::str::FromStr;
use std::sync::Arc;

use catalog::{AlbumId, ArtistId, Item, TrackId};
use store::FolderId;

use crate::error::{Error, ErrorKind};
use crate::reply::Format;

/// How often one name may come: each id of a list is a statement of its own.
const REPEATED_MAX: usize = budget::limits::PAGE_ROWS_MAX;

/// What a request asks with.
#[derive(Clone, Debug, Default)]
pub(crate) struct Params {
    pairs: Vec<(String, String)>,
}

impl Params {
    /// Reads a query string; the form follows with [`Params::extend`], so what the query says goes first.
    pub(crate) fn parse(query: &str) -> Self {
        let mut params = Params::default();
        params.extend(query.as_bytes());
        params
    }

    /// Adds the pairs of a form.
    pub(crate) fn extend(&mut self, form: &[u8]) {
        self.pairs.extend(form_urlencoded::parse(form).into_owned());
    }

    /// The first value of that name, also an empty one.
    pub(crate) fn given(&self, name: &str) -> Option<&str> {
        self.pairs.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// The first value of that name that says something.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.all(name).next()
    }

    /// All values of that name that say something.
    pub(crate) fn all<'a, 'n>(&'a self, name: &'n str) -> impl Iterator<Item = &'a str> + use<'a, 'n> {
        self.pairs
            .iter()
            .filter(move |(key, value)| key == name && !value.is_empty())
            .map(|(_, v)| v.as_str())
    }

    /// A text that must be there; error 10 names it otherwise.
    pub(crate) fn text(&self, name: &str) -> Result<&str, Error> {
        self.get(name).ok_or_else(|| Error::missing(name))
    }

    /// A whole number that is not negative; never beyond what a database counts with.
    pub(crate) fn number(&self, name: &str, default: u64) -> Result<u64, Error> {
        self.optional_number(name).map(|number| number.unwrap_or(default))
    }

    /// The same without a default.
    pub(crate) fn optional_number(&self, name: &str) -> Result<Option<u64>, Error> {
        self.get(name)
            .map(|text| text.parse::<u64>().map_err(|_| Error::bad(name, "a whole number of 0 or more")))
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
        // Clients in Python send `True`.
        match self.get(name).map(str::to_ascii_lowercase).as_deref() {
            None => Ok(default),
            Some("true" | "1") => Ok(true),
            Some("false" | "0") => Ok(false),
            Some(_) => Err(Error::bad(name, "true or false")),
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
                text.parse().map(FolderId).map_err(|_| Error::bad("musicFolderId", "the number of a library"))
            })
            .transpose()
    }

    /// How to answer. Until this is known, XML is.
    pub(crate) fn format(&self) -> Result<Format, (Format, Error)> {
        match self.get("f") {
            Some("json") => Ok(Format::Json),
            Some("jsonp") => callback(self.get("callback")).map_err(|error| (Format::Json, error)),
            _ => Ok(Format::Xml),
        }
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

    fn bounded<T>(&self, name: &str, read: impl Fn(&str) -> Result<T, Error>) -> Result<Vec<T>, Error> {
        let texts: Vec<&str> = self.all(name).take(REPEATED_MAX + 1).collect();
        if texts.len() > REPEATED_MAX {
            return Err(Error::bad(name, &format!("given at most {REPEATED_MAX} times")));
        }
        texts.into_iter().map(read).collect()
    }
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
