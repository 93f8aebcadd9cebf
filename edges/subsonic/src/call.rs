//! One request on its way through a handler: who asks, what for, and how he wants to read it.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use axum::body::Body;
use axum::http::{HeaderMap, Method, Response, Uri};
use budget::limits::LINK_MS;
use catalog::access::judge;
use catalog::{Action, Catalog, Identity, Item, Opened, User, Verdict, Viewer};
use jiff::Timestamp;
use serde::Serialize;
use store::FolderId;
use stream::{Client, Peer};

use crate::cover_id::CoverId;
use crate::error::{Error, ErrorKind};
use crate::list::{List, Room};
use crate::params::Params;
use crate::quirks::Fields;
use crate::reply::{Format, Writer};
use crate::router::Face;

/// What a handler answers with.
pub(crate) type Answer = Result<Response<Body>, Error>;

/// Reads rows with the viewer's eyes; cheap to clone, so that a page of a list can be read long after the handler.
#[derive(Clone)]
pub(crate) struct Reader {
    pub(crate) catalog: Arc<dyn Catalog>,
    pub(crate) viewer: Arc<Viewer>,
}

/// A request whose sender is known and may do what the route is for.
pub(crate) struct Call {
    pub(crate) face: Arc<Face>,
    pub(crate) params: Arc<Params>,
    pub(crate) format: Format,
    pub(crate) method: Method,
    pub(crate) uri: Uri,
    pub(crate) headers: HeaderMap,
    pub(crate) client: Client,
    pub(crate) peer: Arc<Peer>,
    /// `None` only on routes that everybody may ask.
    pub(crate) identity: Option<Identity>,
}

impl Call {
    /// The user who asks. Routes for everybody have none and must not need one.
    pub(crate) fn user(&self) -> Result<&User, Error> {
        self.identity.as_ref().map(|identity| &*identity.user).ok_or_else(Error::wrong_login)
    }

    /// The user's eyes.
    pub(crate) fn viewer(&self) -> Result<Viewer, Error> {
        self.user().map(Viewer::of)
    }

    /// The catalog with the user's eyes, by the app that he uses.
    pub(crate) fn reader(&self) -> Result<Reader, Error> {
        let viewer = self.viewer()?.by_app(&self.params.get("c").unwrap_or_default());
        Ok(Reader { catalog: self.catalog().clone(), viewer: Arc::new(viewer) })
    }

    /// The catalog.
    pub(crate) fn catalog(&self) -> &Arc<dyn Catalog> {
        &self.face.parts.catalog
    }

    /// The address of a cover, signed in the user's name, so that whoever reads the answer can show it and learns no secret. It
    /// is the same for half of its time, for those who keep pictures by their addresses. There is none when the request does not
    /// say whom it asked.
    pub(crate) fn picture(&self, cover: CoverId<Item>, pixels: u32) -> Result<Option<String>, Error> {
        let user = self.user()?.id;
        let Some(address) = Some(self.address()).filter(|address| address.contains("://")) else {
            return Ok(None);
        };
        let half = i64::try_from(LINK_MS / 2).unwrap_or(i64::MAX);
        let expires = (Timestamp::now().as_millisecond() / half).saturating_add(2).saturating_mul(half);
        let signature = self.face.parts.sign_in.sign_link(Opened::Picture(cover.0), user, expires);
        let query = format!("id={cover}&size={pixels}&user={user}&expires={expires}&signature={signature}");
        Ok(Some(format!("{address}/rest/getCoverArt?{query}")))
    }

    /// What addresses of ours begin with in this client's eyes.
    pub(crate) fn address(&self) -> String {
        (self.face.parts.address_of)(&self.client, &self.headers, &self.uri)
    }

    /// Asks the access table about something that only the parameters tell.
    pub(crate) fn require(&self, action: Action) -> Result<(), Error> {
        allow(self.identity.as_ref(), action)
    }

    /// An answer with one member.
    pub(crate) fn one<T: Serialize + ?Sized>(&self, name: &'static str, member: &T) -> Answer {
        self.format.one(self.fields(), name, member)
    }

    /// An answer of lists, read in pages while it is sent.
    pub(crate) fn list<T: Serialize>(&self, name: &'static str, head: &T) -> Result<List, Error> {
        let room = Room {
            budget: self.face.parts.budget.clone(),
            listings: self.face.parts.listings.clone(),
            user: self.user()?.id.0,
        };
        List::new(Writer::new(self.format.clone()).with_fields(self.fields()), room, name, head)
    }

    /// The library that the parameters name, if it is one of the user's.
    pub(crate) fn folder(&self) -> Result<Option<FolderId>, Error> {
        self.params.folder()
    }

    /// What this client can take of songs, albums and artists.
    fn fields(&self) -> Fields {
        Fields::of(self.params.get("c").as_deref())
    }
}

/// The access table's verdict as an error.
pub(crate) fn allow(identity: Option<&Identity>, action: Action) -> Result<(), Error> {
    match judge(identity.map(|identity| &*identity.user), action) {
        Verdict::Allowed => Ok(()),
        Verdict::SignIn => Err(Error::wrong_login()),
        Verdict::Denied => Err(Error::new(ErrorKind::NotAllowed, "This user may not do that")),
    }
}

/// Who is at the other end when nobody said: nobody in particular.
pub(crate) fn unknown_client() -> Client {
    Client { address: IpAddr::V4(Ipv4Addr::UNSPECIFIED), secure: false }
}
