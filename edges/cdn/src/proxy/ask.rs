//! A request for something of an origin whose every request is passed on.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use budget::limits::RENDITION_PATH_BYTES_MAX;
use catalog::UnixMs;
use http::header::{AUTHORIZATION, CONTENT_LENGTH, COOKIE, HeaderMap, IF_RANGE, RANGE};
use http::{HeaderName, Method, StatusCode};
use percent_encoding::percent_decode_str;
use sha2::{Digest, Sha256};
use store::{Forward, Pieces, RemoteOrigin};
use stream::{Listener, Peer};

use super::fields;
use super::flights::Place;
use super::freshness::Wish;
use crate::error::Refused;
use crate::settings::Origin;

/// What is asked, of whom, by whom.
#[derive(Clone)]
pub(crate) struct Ask {
    pub(crate) origin: Arc<Origin>,
    pub(crate) remote: RemoteOrigin,
    /// Path and query at the origin, without a slash at the start.
    pub(crate) path: String,
    pub(crate) place: Place,
    pub(crate) method: Method,
    /// The fields for the end.
    pub(crate) fields: HeaderMap,
    pub(crate) listener: Listener,
    pub(crate) arrived: UnixMs,
}

impl Ask {
    /// `cookie` is the name of that of our own sessions, which no origin gets to see.
    ///
    /// # Errors
    /// [`Refused::NotFound`] for a path that cannot be one of the origin's.
    pub(crate) fn new(
        origin: Arc<Origin>,
        remote: &RemoteOrigin,
        path: String,
        method: Method,
        fields: &HeaderMap,
        cookie: &str,
        listener: Listener,
    ) -> Result<Ask, Refused> {
        let mut fields = fields::of_request(fields, cookie);
        if !origin.public {
            // It was for us, who asked for a sign-in.
            fields.remove(AUTHORIZATION);
        }
        let place = digest(&origin.name, &remote.place(&path).map_err(|_| Refused::NotFound)?);
        Ok(Ask { origin, remote: remote.clone(), path, place, method, fields, listener, arrived: now_ms() })
    }

    /// The place that a field of an answer names, if it is of the same server.
    pub(crate) fn place_in(&self, answer: &HeaderMap, name: HeaderName) -> Option<Place> {
        let reference = answer.get(name)?.to_str().ok()?;
        Some(digest(&self.origin.name, &self.remote.place_from(&self.path, reference)?))
    }

    /// What it is called when somebody purges it: the path, decoded, as the sources of renditions have it.
    pub(crate) fn name(&self) -> String {
        let path = self.path.split('?').next().unwrap_or_default();
        let mut name = percent_decode_str(path).decode_utf8_lossy().into_owned();
        let end = (0..=RENDITION_PATH_BYTES_MAX.min(name.len())).rev().find(|at| name.is_char_boundary(*at));
        name.truncate(end.unwrap_or(0));
        name
    }

    pub(crate) fn wish(&self) -> Wish {
        Wish::of(&self.fields)
    }

    /// Whether what another gets who shows nothing of himself would be the same.
    pub(crate) fn is_anonymous(&self) -> bool {
        !self.fields.contains_key(AUTHORIZATION) && !self.fields.contains_key(COOKIE)
    }

    /// What is sent on, with these fields.
    pub(crate) fn forward(&self, mut fields: HeaderMap, body: Option<Pieces>) -> Forward {
        fields::introduce(&mut fields, &self.listener.client);
        if body.is_none() && self.method.is_safe() {
            fields.remove(CONTENT_LENGTH);
        }
        let peer = Arc::clone(&self.listener.peer);
        let interim = Arc::new(move |status: StatusCode, fields: &HeaderMap| {
            // Whether a body is wanted is each server's own matter, and nothing is switched to.
            if !matches!(status, StatusCode::CONTINUE | StatusCode::SWITCHING_PROTOCOLS) {
                let mut fields = fields.clone();
                fields::end_to_end(&mut fields);
                peer.interim().say(status, &fields);
            }
        });
        // A stranger may read in our name, and change nothing.
        let is_proven = !self.origin.public || self.method.is_safe();
        Forward { method: self.method.clone(), path: self.path.clone(), fields, body, interim, is_proven }
    }

    /// The same for nobody in particular: all of it, with no conditions.
    pub(crate) fn plain(&self) -> Ask {
        let mut ask = self.clone();
        super::conditions::take_out(&mut ask.fields);
        ask.fields.remove(http::header::CACHE_CONTROL);
        ask.method = Method::GET;
        // Nobody's connection waits for it.
        ask.listener.peer = Peer::new();
        ask
    }

    pub(crate) fn has_range(&self) -> bool {
        self.fields.contains_key(RANGE) || self.fields.contains_key(IF_RANGE)
    }
}

fn digest(origin: &str, place: &str) -> Place {
    Sha256::digest(format!("{origin}\n{place}").as_bytes()).into()
}

pub(crate) fn now_ms() -> UnixMs {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    UnixMs::try_from(since.as_millis()).unwrap_or(UnixMs::MAX)
}
