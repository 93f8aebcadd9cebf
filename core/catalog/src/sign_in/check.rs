//! How each kind of proof is checked: what is remembered first, what costs most last.

use std::future::Future;
use std::net::IpAddr;
use std::sync::Arc;

use budget::limits::{CREDENTIAL_BYTES_MAX, TOKEN_SALT_BYTES_MAX};
use data_encoding::HEXLOWER;
use md5::{Digest as _, Md5};
use subtle::ConstantTimeEq;

use super::failures::Tried;
use super::password::{Compared, Stored};
use super::{How, Identity, KEY_PREFIX, Opened, Parts, Refusal, SignIn, digest, now};
use crate::error::{Error, ErrorKind};
use crate::fold;
use crate::model::{AppPasswordId, UnixMs, UserId};

impl SignIn {
    pub(super) async fn check_password(
        &self,
        name: &str,
        secret: &str,
        from: IpAddr,
    ) -> Result<Identity, Refusal> {
        if name.len() > CREDENTIAL_BYTES_MAX || secret.len() > CREDENTIAL_BYTES_MAX {
            return Err(Refusal::Wrong);
        }
        let Parts { catalog, passwords, remembered, failures, .. } = &*self.0;
        // The address is part of the fingerprint: a password remembered for its owner is no oracle for others, who
        // would try passwords against it without being counted.
        let network = budget::network_of(from).to_string();
        let print = remembered.fingerprint("password", &[name, secret, &network]);
        if let Some(identity) = remembered.get(&print) {
            return Ok(identity);
        }
        failures.admit(from, Tried::Name(name))?;
        let ticket = remembered.ticket();
        let user = catalog.user_named(name).await?;
        let id = user.as_ref().map_or(UserId(0), |user| user.id);
        let how = if self.app_password(id, |text| bool::from(text.ct_eq(secret.as_bytes()))).await?.is_some()
        {
            How::AppPassword
        } else {
            // Asked for nobody too: an unknown name costs the same reads and the same hash as a wrong password.
            let stored = match catalog.password_hash(id).await {
                Ok(hash) => Stored::of(Some(hash)),
                Err(e) if e.kind() == ErrorKind::NotFound => Stored::of(None),
                Err(e) => return Err(e.into()),
            };
            let permit = passwords.permit(stored.memory_bytes()).await?;
            // Others with the same secret, or with wrong ones, may have been first in the queue.
            if let Some(identity) = remembered.get(&print) {
                return Ok(identity);
            }
            failures.admit(from, Tried::Name(name))?;
            match passwords.compare(permit, secret, stored).await? {
                Compared::Right => {}
                Compared::Outdated(hash) => self.renew_hash(id, secret, &hash).await,
                Compared::Wrong => {
                    failures.count(from, Tried::Name(name));
                    return Err(Refusal::Wrong);
                }
            }
            How::Password
        };
        let user = user.ok_or(Refusal::Wrong)?;
        let identity = Identity { user: Arc::new(user), how };
        remembered.keep(print, ticket, identity.clone());
        Ok(identity)
    }

    /// Makes the hash anew of a password that was right. Nobody is kept out where that fails, by a full disk or for want of
    /// memory: the hash that is there stays as good as it was.
    async fn renew_hash(&self, user: UserId, secret: &str, checked: &str) {
        let Parts { catalog, passwords, .. } = &*self.0;
        let renewed = async {
            let hash = passwords.hash(secret).await?;
            catalog.renew_password_hash(user, checked, &hash).await
        };
        if let Err(error) = renewed.await {
            tracing::warn!(%user, %error, "a password's hash could not be made anew");
        }
    }

    pub(super) async fn check_token(
        &self,
        name: &str,
        token_hex: &str,
        salt: &str,
        from: IpAddr,
    ) -> Result<Identity, Refusal> {
        if name.len() > CREDENTIAL_BYTES_MAX || token_hex.len() != 32 || salt.len() > TOKEN_SALT_BYTES_MAX {
            return Err(Refusal::Wrong);
        }
        let Parts { catalog, remembered, failures, decoy, .. } = &*self.0;
        let print = remembered.fingerprint("token", &[name, token_hex, salt]);
        if let Some(identity) = remembered.get(&print) {
            return Ok(identity);
        }
        failures.admit(from, Tried::Name(name))?;
        let ticket = remembered.ticket();
        let user = catalog.user_named(name).await?;
        let id = user.as_ref().map_or(UserId(0), |user| user.id);
        let token = token_hex.to_ascii_lowercase();
        let mut any = false;
        let matched = self.app_password(id, |text| {
            any = true;
            let expected = HEXLOWER.encode(&Md5::new().chain_update(text).chain_update(salt).finalize());
            bool::from(expected.as_bytes().ct_eq(token.as_bytes()))
        });
        match (matched.await?, user) {
            (Some(_), Some(user)) => {
                let identity = Identity { user: Arc::new(user), how: How::AppPassword };
                remembered.keep(print, ticket, identity.clone());
                Ok(identity)
            }
            // Clients that are told so try the password itself. A name that nobody has gets one of the two answers,
            // always the same, so that neither tells who exists.
            (None, Some(_)) if !any => Err(Refusal::TokenNotSupported),
            (None, None) if decoy.tag("token", &[fold::key(name).as_bytes()])[0] & 1 == 1 => {
                Err(Refusal::TokenNotSupported)
            }
            _ => {
                failures.count(from, Tried::Name(name));
                Err(Refusal::Wrong)
            }
        }
    }

    /// The app password of a user whose text `is_it` knows. All of them are tried, so that the time tells nothing.
    async fn app_password(
        &self,
        user: UserId,
        mut is_it: impl FnMut(&[u8]) -> bool + Send,
    ) -> Result<Option<AppPasswordId>, Error> {
        let mut matched = None;
        for (id, sealed) in self.0.catalog.sealed_app_passwords(user).await? {
            match self.0.seal.open(user, &sealed) {
                Some(text) if is_it(&text) => matched = Some(id),
                Some(_) => {}
                None => {
                    tracing::warn!(app_password = %id, "sealed under another secret; it can only be removed")
                }
            }
        }
        if let Some(id) = matched {
            // A full disk must not keep anybody out: the day of use is for the list alone.
            if let Err(error) = self.0.catalog.app_password_used(id).await {
                tracing::warn!(%error, "the use of an app password could not be noted");
            }
        }
        Ok(matched)
    }

    pub(super) async fn check_key(&self, key: &str) -> Result<Identity, Refusal> {
        if key.len() > CREDENTIAL_BYTES_MAX || !key.starts_with(KEY_PREFIX) {
            return Err(Refusal::Wrong);
        }
        let print = self.0.remembered.fingerprint("key", &[key]);
        self.lookup(print, How::Key, self.0.catalog.user_of_key(digest(key))).await
    }

    pub(super) async fn check_session(&self, token: &str) -> Result<Identity, Refusal> {
        if token.len() > CREDENTIAL_BYTES_MAX {
            return Err(Refusal::Wrong);
        }
        let print = self.0.remembered.fingerprint("session", &[token]);
        self.lookup(print, How::Session, self.0.catalog.user_of_session(digest(token), now())).await
    }

    pub(super) async fn check_link(
        &self,
        opened: Opened,
        user: UserId,
        expires: UnixMs,
        signature: &str,
        now: UnixMs,
    ) -> Result<Identity, Refusal> {
        if now >= expires || !self.0.links.verify(opened, user, expires, signature) {
            return Err(Refusal::Wrong);
        }
        let print = self.0.remembered.fingerprint_of(user);
        self.lookup(print, How::Link, async { Ok(Some(user)) }).await
    }

    /// The remembered identity, else the user that the catalog names for a secret of 256 random bits. Such secrets
    /// cannot be guessed, so failures are not counted: one revoked key must not lock out its neighbours.
    pub(super) async fn lookup(
        &self,
        print: [u8; 32],
        how: How,
        whose: impl Future<Output = Result<Option<UserId>, Error>>,
    ) -> Result<Identity, Refusal> {
        let remembered = &self.0.remembered;
        if let Some(identity) = remembered.get(&print) {
            return Ok(identity);
        }
        let ticket = remembered.ticket();
        let id = whose.await?.ok_or(Refusal::Wrong)?;
        let user = match self.0.catalog.user(id).await {
            Err(e) if e.kind() == ErrorKind::NotFound => return Err(Refusal::Wrong),
            other => other?,
        };
        let identity = Identity { user: Arc::new(user), how };
        remembered.keep(print, ticket, identity.clone());
        Ok(identity)
    }
}
