//! Signed links: an HMAC over track, user and time lets a player without headers play one track for a while.

use data_encoding::BASE64URL_NOPAD;
use store::Secret;
use subtle::ConstantTimeEq;

use super::keyed::Keyed;
use crate::model::{TrackId, UnixMs, UserId};

/// What signs links.
pub(super) struct Links(Keyed);

impl Links {
    pub(super) fn new(secret: &Secret) -> Self {
        Links(Keyed::derived(secret, "links"))
    }

    fn tag(&self, track: TrackId, user: UserId, expires: UnixMs) -> [u8; 32] {
        self.0.tag("track", &[&track.0.to_le_bytes(), &user.0.to_le_bytes(), &expires.to_le_bytes()])
    }

    pub(super) fn sign(&self, track: TrackId, user: UserId, expires: UnixMs) -> String {
        BASE64URL_NOPAD.encode(&self.tag(track, user, expires))
    }

    pub(super) fn verify(&self, track: TrackId, user: UserId, expires: UnixMs, signature: &str) -> bool {
        let expected = self.sign(track, user, expires);
        bool::from(expected.as_bytes().ct_eq(signature.as_bytes()))
    }
}
