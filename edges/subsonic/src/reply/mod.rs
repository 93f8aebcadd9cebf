//! Answers: one set of serde structs, written as XML, JSON or JSONP in the envelope that clients expect.
//!
//! A [`Writer`] never holds an answer as a tree. Objects and lists are opened, filled row by row and closed; the text
//! collects in chunks that a body can send one after the other.

mod cut;
mod json;
mod xml;

use std::sync::Arc;

use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, Response, StatusCode, header};
use budget::limits::{CHUNK_BYTES, ROW_ROOM_BYTES};
use serde::Serialize;

use crate::error::Error;
use crate::quirks::Fields;

use cut::Cut;

pub(crate) use xml::NotAnElement;

/// The version of the Subsonic protocol that is spoken.
pub(crate) const PROTOCOL_VERSION: &str = "1.16.1";
/// What OpenSubsonic clients know the server by.
const SERVER_TYPE: &str = "millpond";
/// The release, shown to clients.
const SERVER_VERSION: &str = env!("CARGO_PKG_VERSION");

/// How an answer is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    /// `f=xml`, and whatever is not known.
    Xml,
    /// `f=json`.
    Json,
    /// `f=jsonp` with the name of the function to call; only identifier characters get here.
    Jsonp(Arc<str>),
}

impl Format {
    fn content_type(&self) -> HeaderValue {
        HeaderValue::from_static(match self {
            // DSub tells an error from a song by the beginning `text/xml`.
            Format::Xml => "text/xml; charset=utf-8",
            Format::Json => "application/json",
            Format::Jsonp(_) => "application/javascript",
        })
    }

    /// Wraps a body that is already written in this format.
    pub(crate) fn response(&self, status: StatusCode, body: Body) -> Response<Body> {
        let mut response = Response::new(body);
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, self.content_type());
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers
            .insert(HeaderName::from_static("x-content-type-options"), HeaderValue::from_static("nosniff"));
        response
    }

    /// An answer without content.
    pub(crate) fn empty(&self) -> Result<Response<Body>, Error> {
        let mut writer = Writer::new(self.clone());
        writer.begin(true)?;
        Ok(self.response(StatusCode::OK, writer.into_body()))
    }

    /// An answer with one member: `"song": {…}`. A sequence becomes repeated elements or an array.
    pub(crate) fn one<T: Serialize + ?Sized>(
        &self,
        fields: Fields,
        name: &'static str,
        member: &T,
    ) -> Result<Response<Body>, Error> {
        let mut writer = Writer::new(self.clone()).with_fields(fields);
        writer.begin(true)?;
        writer.member(name, member)?;
        Ok(self.response(StatusCode::OK, writer.into_body()))
    }

    /// An enveloped error, which travels with 200 unless it is a refusal.
    pub(crate) fn error(&self, error: &Error) -> Response<Body> {
        #[derive(Serialize)]
        struct Shown<'a> {
            code: u16,
            message: &'a str,
        }
        let mut writer = Writer::new(self.clone());
        let shown = Shown { code: error.kind().code(), message: error.message() };
        // Two scalars in memory: neither format can fail on them.
        let _ = writer.begin(false).and_then(|()| writer.member("error", &shown));
        let mut response = self.response(error.status(), writer.into_body());
        if let Some(seconds) = error.retry_after_seconds() {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

/// The attributes of every answer.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Envelope {
    #[serde(skip_serializing_if = "Option::is_none")]
    xmlns: Option<&'static str>,
    status: &'static str,
    version: &'static str,
    #[serde(rename = "type")]
    server_type: &'static str,
    server_version: &'static str,
    open_subsonic: bool,
}

/// What is open and waits for its end.
struct Open {
    name: &'static str,
    is_list: bool,
    has_members: bool,
}

/// Writes one answer, top down.
pub(crate) struct Writer {
    format: Format,
    /// What the client can take of songs, albums and artists.
    fields: Fields,
    full: Vec<Vec<u8>>,
    full_bytes: usize,
    text: Vec<u8>,
    open: Vec<Open>,
}

impl Writer {
    pub(crate) fn new(format: Format) -> Self {
        let (full, text, open) = (Vec::new(), Vec::new(), Vec::new());
        Writer { format, fields: Fields::All, full, full_bytes: 0, text, open }
    }

    /// The same for a client that takes these fields of songs, albums and artists.
    pub(crate) fn with_fields(self, fields: Fields) -> Self {
        Writer { fields, ..self }
    }

    /// How it writes.
    pub(crate) fn format(&self) -> &Format {
        &self.format
    }

    /// Opens the envelope.
    pub(crate) fn begin(&mut self, ok: bool) -> Result<(), Error> {
        let xmlns = match self.format {
            Format::Xml => {
                self.text.extend_from_slice(b"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
                Some("http://subsonic.org/restapi")
            }
            Format::Json => None,
            Format::Jsonp(ref callback) => {
                self.text.extend_from_slice(callback.as_bytes());
                self.text.push(b'(');
                None
            }
        };
        if self.format != Format::Xml {
            self.text.push(b'{');
        }
        let status = if ok { "ok" } else { "failed" };
        self.object(
            "subsonic-response",
            &Envelope {
                xmlns,
                status,
                version: PROTOCOL_VERSION,
                server_type: SERVER_TYPE,
                server_version: SERVER_VERSION,
                open_subsonic: true,
            },
        )
    }

    /// Opens an object with what is known of it at once; `head` is a struct. In a list it is an item.
    pub(crate) fn object<T: Serialize>(&mut self, name: &'static str, head: &T) -> Result<(), Error> {
        match self.fields.kept(name) {
            Some(kept) => self.open_object(name, &Cut { whole: head, kept }),
            None => self.open_object(name, head),
        }
    }

    fn open_object<T: Serialize>(&mut self, name: &'static str, head: &T) -> Result<(), Error> {
        self.separate(name);
        let has_members = if self.format == Format::Xml {
            xml::start(&mut self.text, name, head)?;
            true
        } else {
            json::open(&mut self.text, head)?
        };
        self.open.push(Open { name, is_list: false, has_members });
        Ok(())
    }

    /// Opens a list.
    pub(crate) fn list(&mut self, name: &'static str) {
        self.separate(name);
        if self.format != Format::Xml {
            self.text.push(b'[');
        }
        self.open.push(Open { name, is_list: true, has_members: false });
    }

    /// Writes an item of the open list.
    pub(crate) fn row<T: Serialize + ?Sized>(&mut self, row: &T) -> Result<(), Error> {
        let name = self.open.last().map_or("", |list| list.name);
        self.member(name, row)?;
        self.make_room();
        Ok(())
    }

    /// Writes a member of the open object.
    pub(crate) fn member<T: Serialize + ?Sized>(
        &mut self,
        name: &'static str,
        value: &T,
    ) -> Result<(), Error> {
        match self.fields.kept(name) {
            Some(kept) => self.write_member(name, &Cut { whole: value, kept }),
            None => self.write_member(name, value),
        }
    }

    fn write_member<T: Serialize + ?Sized>(&mut self, name: &'static str, value: &T) -> Result<(), Error> {
        self.separate(name);
        match self.format {
            Format::Xml => xml::element(&mut self.text, name, value)?,
            Format::Json | Format::Jsonp(_) => json::value(&mut self.text, value)?,
        }
        Ok(())
    }

    /// Closes what was opened last.
    pub(crate) fn end(&mut self) {
        match (self.open.pop(), &self.format) {
            (None, _) => {}
            (Some(Open { is_list: true, .. }), Format::Xml) => {}
            (Some(Open { name, .. }), Format::Xml) => xml::end(&mut self.text, name),
            (Some(Open { is_list: true, .. }), _) => self.text.push(b']'),
            (Some(_), _) => self.text.push(b'}'),
        }
        self.make_room();
    }

    /// Begins a chunk anew when a row may no longer fit into this one.
    fn make_room(&mut self) {
        if self.text.len() + ROW_ROOM_BYTES > CHUNK_BYTES {
            self.close_chunk();
        }
    }

    /// Closes everything, the envelope last.
    pub(crate) fn finish(&mut self) {
        while !self.open.is_empty() {
            self.end();
        }
        match self.format {
            Format::Xml => {}
            Format::Json => self.text.push(b'}'),
            Format::Jsonp(_) => self.text.extend_from_slice(b"});"),
        }
    }

    /// Bytes written and not yet taken.
    pub(crate) fn len(&self) -> usize {
        self.full_bytes + self.text.len()
    }

    /// Takes what is written, in chunks of about [`CHUNK_BYTES`].
    pub(crate) fn take(&mut self) -> Vec<Vec<u8>> {
        if !self.text.is_empty() {
            self.close_chunk();
        }
        self.full_bytes = 0;
        std::mem::take(&mut self.full)
    }

    /// A small answer as a body of known length.
    fn into_body(mut self) -> Body {
        self.finish();
        Body::from(self.take().concat())
    }

    fn close_chunk(&mut self) {
        let chunk = std::mem::take(&mut self.text);
        self.full_bytes += chunk.len();
        self.full.push(chunk);
    }

    /// What stands between the last thing and the next: in JSON a comma, and in objects a name.
    fn separate(&mut self, name: &'static str) {
        let in_object = match self.open.last_mut() {
            Some(parent) => {
                let follows = std::mem::replace(&mut parent.has_members, true);
                if follows && self.format != Format::Xml {
                    self.text.push(b',');
                }
                !parent.is_list
            }
            None => true,
        };
        if in_object && self.format != Format::Xml {
            self.text.push(b'"');
            self.text.extend_from_slice(name.as_bytes());
            self.text.extend_from_slice(b"\":");
        }
    }
}

#[cfg(test)]
mod tests;
