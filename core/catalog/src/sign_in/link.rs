//! Signed links: an HMAC over what is opened, the user and a time lets a player without headers play one track for a while, and
//! a page show one picture.

use data_encoding::BASE64URL_NOPAD;
use store::Secret;
use subtle::ConstantTimeEq;

use super::keyed::Keyed;
use crate::model::{Item, TrackId, UnixMs, UserId};

/// What one link opens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opened {
    /// The sound of a track.
    Track(TrackId),
    /// The picture of something, at whatever size.
    Picture(Item),
}

/// What signs links.
pub(super) struct Links(Keyed);

impl Links {
    pub(super) fn new(secret: &Secret) -> Self {
        Links(Keyed::derived(secret, "links"))
    }

    fn tag(&self, opened: Opened, user: UserId, expires: UnixMs) -> [u8; 32] {
        let (user, expires) = (user.0.to_le_bytes(), expires.to_le_bytes());
        match opened {
            Opened::Track(track) => self.0.tag("track", &[&track.0.to_le_bytes(), &user, &expires]),
            Opened::Picture(item) => self.0.tag("picture", &[item.to_string().as_bytes(), &user, &expires]),
        }
    }

    pub(super) fn sign(&self, opened: Opened, user: UserId, expires: UnixMs) -> String {
        BASE64URL_NOPAD.encode(&self.tag(opened, user, expires))
    }

    pub(super) fn verify(&self, opened: Opened, user: UserId, expires: UnixMs, signature: &str) -> bool {
        let expected = self.sign(opened, user, expires);
        bool::from(expected.as_bytes().ct_eq(signature.as_bytes()))
    }
}
