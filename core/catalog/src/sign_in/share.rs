//! Shares: whoever has the token of one hears its songs, for as long as its owner may hear and share them.
//!
//! The token is an HMAC of a random nonce under the installation's secret. The database keeps the nonce, so that the
//! owner can be shown the link again, and a hash of the token, by which the share is found: who steals the database
//! opens nothing with it.

use std::net::IpAddr;
use std::sync::Arc;

use data_encoding::BASE64URL_NOPAD;
use store::Secret;

use super::failures::Tried;
use super::keyed::{Keyed, random};
use super::{How, Refusal, SignIn, digest, now};
use crate::access::{Action, Verdict, Viewer, judge};
use crate::error::Error;
use crate::model::{NewShare, SHARE_NONCE_BYTES, Share, ShareId, TrackId, UnixMs, User};

// format: 128 bits that nobody can guess, as 22 letters of base64url.
const TOKEN_BYTES: usize = 16;
const TOKEN_CHARS: usize = 22;

/// What makes tokens.
pub(super) struct Tokens(Keyed);

impl Tokens {
    pub(super) fn new(secret: &Secret) -> Self {
        Tokens(Keyed::derived(secret, "shares"))
    }

    fn of(&self, nonce: &[u8; SHARE_NONCE_BYTES]) -> String {
        BASE64URL_NOPAD.encode(&self.0.tag("share", &[nonce])[..TOKEN_BYTES])
    }
}

/// Somebody who came by a share's token.
#[derive(Clone, Debug)]
pub struct Visit {
    /// The share, which is open.
    pub share: Share,
    /// Whose it is, as he is now: he may share.
    pub owner: Arc<User>,
}

impl Visit {
    /// The owner's eyes: what he does not see now is not shown.
    pub fn viewer(&self) -> Viewer {
        Viewer::of(&self.owner)
    }
}

impl SignIn {
    /// Makes a share of the viewer's, open until `expires`.
    ///
    /// # Errors
    /// As those of [`Shares::add_share`](crate::Shares::add_share).
    pub async fn issue_share(
        &self,
        viewer: &Viewer,
        tracks: &[TrackId],
        description: &str,
        expires: Option<UnixMs>,
    ) -> Result<ShareId, Error> {
        let nonce = random()?;
        let token_hash = digest(&self.0.tokens.of(&nonce));
        let share = NewShare { tracks, description, expires, nonce, token_hash };
        self.0.catalog.add_share(viewer, &share).await
    }

    /// The token of a share, for its owner to hand out.
    pub fn share_token(&self, share: &Share) -> String {
        self.0.tokens.of(&share.nonce)
    }

    /// Lets somebody in by a token. One that is wrong, has ended or was taken back, and one whose owner may not share any
    /// more, are refused alike.
    pub async fn visit(&self, token: &str, from: IpAddr) -> Result<Visit, Refusal> {
        self.counted("share", from, self.check_visit(token, from).await)
    }

    async fn check_visit(&self, token: &str, from: IpAddr) -> Result<Visit, Refusal> {
        let visit = self.find_visit(token).await;
        // Nobody guesses 128 bits: a link that is open stays open for the neighbours of whoever tries dead ones.
        if matches!(visit, Err(Refusal::Wrong)) {
            self.0.failures.admit(from, Tried::Share)?;
            self.0.failures.count(from, Tried::Share);
        }
        visit
    }

    async fn find_visit(&self, token: &str) -> Result<Visit, Refusal> {
        if token.len() != TOKEN_CHARS {
            return Err(Refusal::Wrong);
        }
        let found = self.0.catalog.share_of_token(digest(token), now()).await?;
        let share = found.ok_or(Refusal::Wrong)?;
        let print = self.0.remembered.fingerprint_of(share.owner);
        let owner = self.lookup(print, How::Link, async { Ok(Some(share.owner)) }).await?.user;
        match judge(Some(&owner), Action::Share) {
            Verdict::Allowed => Ok(Visit { share, owner }),
            Verdict::SignIn | Verdict::Denied => Err(Refusal::Wrong),
        }
    }

    /// Counts a visit. Who comes again soon is still on the same one, so that reloading writes nothing.
    pub async fn visited(&self, share: ShareId, from: IpAddr) {
        let visitor = (share, budget::network_of(from));
        if self.0.visitors.get(&visitor).is_some() {
            return;
        }
        self.0.visitors.insert(visitor, ());
        // A full disk must not keep anybody out: the count is for the owner's list alone.
        if let Err(error) = self.0.catalog.share_visited(share, now()).await {
            tracing::warn!(%error, %share, "a visit could not be noted");
        }
    }
}

#[cfg(test)]
mod tests;
