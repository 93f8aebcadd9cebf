//! Secrets that the server itself must be able to read, encrypted under the installation's secret: app passwords, which the
//! token scheme needs as text, and what proves to other services who a user is.
//!
//! XChaCha20-Poly1305 with a random nonce in front; the user's id is authenticated with it, so that a sealed text that
//! is copied to another user's row does not open there.

use chacha20poly1305::aead::{Aead, Payload};
use chacha20poly1305::{KeyInit, XChaCha20Poly1305, XNonce};
use store::Secret;

use super::keyed::{Keyed, random};
use crate::error::{Error, ErrorKind};
use crate::model::UserId;

// format: the nonce of XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha-03, section 2).
const NONCE_BYTES: usize = 24;

/// What closes and opens sealed texts of one purpose. A clone is the same.
#[derive(Clone)]
pub struct Seal(XChaCha20Poly1305);

impl std::fmt::Debug for Seal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Seal")
    }
}

impl Seal {
    /// The seal of app passwords.
    pub(super) fn of_app_passwords(secret: &Secret) -> Self {
        Seal::of(secret, "app passwords")
    }

    /// The seal of what proves to services who a user is.
    pub fn of_services(secret: &Secret) -> Self {
        Seal::of(secret, "service accounts")
    }

    fn of(secret: &Secret, purpose: &str) -> Self {
        Seal(XChaCha20Poly1305::new(Keyed::derived(secret, purpose).bytes().into()))
    }

    /// Seals a text for a user.
    ///
    /// # Errors
    /// When the system gives no random numbers.
    pub fn close(&self, user: UserId, text: &[u8]) -> Result<Vec<u8>, Error> {
        let nonce = random::<NONCE_BYTES>()?;
        let payload = Payload { msg: text, aad: &user.0.to_le_bytes() };
        let sealed = self.0.encrypt(&XNonce::from(nonce), payload);
        let sealed =
            sealed.map_err(|_| Error::new(ErrorKind::Unavailable, "a secret could not be sealed"))?;
        Ok([&nonce[..], &sealed].concat())
    }

    /// The text, if it was sealed for this user under this installation's secret and nobody changed a bit of it.
    pub fn open(&self, user: UserId, sealed: &[u8]) -> Option<Vec<u8>> {
        let (nonce, sealed) = sealed.split_first_chunk::<NONCE_BYTES>()?;
        let payload = Payload { msg: sealed, aad: &user.0.to_le_bytes() };
        self.0.decrypt(&XNonce::from(*nonce), payload).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sealed_text_opens_only_for_its_user_under_its_secret_and_unchanged() {
        let seal = Seal::of_app_passwords(&Secret::from_bytes([1; 32]));
        let sealed = seal.close(UserId(7), b"apple-pears").unwrap();
        assert_eq!(seal.open(UserId(7), &sealed).as_deref(), Some(&b"apple-pears"[..]));
        assert_eq!(seal.open(UserId(8), &sealed), None);
        assert_eq!(Seal::of_app_passwords(&Secret::from_bytes([2; 32])).open(UserId(7), &sealed), None);
        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert_eq!(seal.open(UserId(7), &changed), None, "byte {at}");
        }
        assert_eq!(seal.open(UserId(7), b""), None);
        assert_eq!(Seal::of_services(&Secret::from_bytes([1; 32])).open(UserId(7), &sealed), None);
        assert_ne!(seal.close(UserId(7), b"apple-pears").unwrap(), sealed, "each text has its own nonce");
    }
}
