//! Signed addresses: who knows the key of the installation says with them that a rendition may be made.
//!
//! The signature is an HMAC-SHA-256 (RFC 2104) over the path as it is sent, its query without the signature, and the moment at
//! which it ends. Two fields of the query carry it: `expires`, in milliseconds since 1970, and `signature`.

use std::fmt;

use data_encoding::BASE64URL_NOPAD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use store::Secret;
use subtle::ConstantTimeEq;

const EXPIRES: &str = "expires";
const SIGNATURE: &str = "signature";

/// Whether a field of a query belongs to the signature and is no option.
pub(crate) fn is_signature(name: &str) -> bool {
    name == EXPIRES || name == SIGNATURE
}

/// What signs addresses, and says whether one is signed.
#[derive(Clone)]
pub struct Signer {
    /// The state after the key.
    begun: Hmac<Sha256>,
}

/// Why an address does not count as signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadSignature {
    /// There is none.
    Missing,
    /// There is one that cannot be meant: a part of it is missing, there twice, or no number.
    Malformed,
    /// It does not belong to this address: the address or the signature was changed, or it was made with another key.
    Forged,
    /// It was right, and has ended.
    Expired {
        /// When, in milliseconds since 1970.
        at_ms: u64,
    },
}

impl fmt::Display for BadSignature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            BadSignature::Missing => "the address is not signed",
            BadSignature::Malformed => "the signature is incomplete: `expires` and `signature` come together, each once",
            BadSignature::Forged => {
                "the signature does not belong to this address: one of them was changed, or another key signed it"
            }
            BadSignature::Expired { .. } => "the signature has expired",
        })
    }
}

impl std::error::Error for BadSignature {}

impl Signer {
    /// The signer of an installation. Its key is derived for this purpose alone.
    pub fn new(secret: &Secret) -> Signer {
        let mut derivation = keyed(secret.bytes());
        derivation.update(b"millpond key: addresses of renditions");
        let key: [u8; 32] = derivation.finalize().into_bytes().into();
        Signer { begun: keyed(&key) }
    }

    /// The tag of an address that ends at that moment. Lengths are part of it, so nothing can be shifted from one part to
    /// another.
    fn tag(&self, path: &str, query: &str, expires_ms: u64) -> [u8; 32] {
        let mut mac = self.begun.clone();
        for part in [path.as_bytes(), query.as_bytes()] {
            mac.update(&(part.len() as u64).to_le_bytes());
            mac.update(part);
        }
        mac.update(&expires_ms.to_le_bytes());
        mac.finalize().into_bytes().into()
    }

    /// The path and query with a signature that ends at that moment, in milliseconds since 1970. One that is there already
    /// is replaced. The path is as clients send it, without the prefix of `server.base_url`.
    pub fn sign(&self, path_and_query: &str, expires_ms: u64) -> String {
        let (path, query) = path_and_query.split_once('?').unwrap_or((path_and_query, ""));
        let rest = unsigned(query);
        let signature = BASE64URL_NOPAD.encode(&self.tag(path, &rest, expires_ms));
        let separator = if rest.is_empty() { "" } else { "&" };
        format!("{path}?{rest}{separator}{EXPIRES}={expires_ms}&{SIGNATURE}={signature}")
    }

    /// Whether the address is signed, and until when, in milliseconds since 1970.
    ///
    /// # Errors
    /// [`BadSignature`] says which way it is not.
    pub fn check(&self, path: &str, query: &str, now_ms: u64) -> Result<u64, BadSignature> {
        let (mut expires, mut signature) = (None, None);
        for field in query.split('&') {
            let (name, value) = field.split_once('=').unwrap_or((field, ""));
            let place = match name {
                EXPIRES => &mut expires,
                SIGNATURE => &mut signature,
                _ => continue,
            };
            if place.replace(value).is_some() {
                return Err(BadSignature::Malformed);
            }
        }
        let (expires, signature) = match (expires, signature) {
            (None, None) => return Err(BadSignature::Missing),
            (Some(expires), Some(signature)) => (expires, signature),
            _ => return Err(BadSignature::Malformed),
        };
        // One number has one spelling, so that nothing about a signed address can be changed.
        let at_ms: u64 = expires.parse().map_err(|_| BadSignature::Malformed)?;
        if at_ms.to_string() != expires {
            return Err(BadSignature::Malformed);
        }
        let expected = BASE64URL_NOPAD.encode(&self.tag(path, &unsigned(query), at_ms));
        if !bool::from(expected.as_bytes().ct_eq(signature.as_bytes())) {
            return Err(BadSignature::Forged);
        }
        if at_ms <= now_ms {
            return Err(BadSignature::Expired { at_ms });
        }
        Ok(at_ms)
    }
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Signer(…)")
    }
}

/// The fields of a query that are not the signature, as they were sent.
pub(crate) fn unsigned(query: &str) -> String {
    let is_other = |field: &&str| {
        let name = field.split_once('=').map_or(*field, |(name, _)| name);
        !field.is_empty() && !is_signature(name)
    };
    let fields: Vec<&str> = query.split('&').filter(is_other).collect();
    fields.join("&")
}

#[expect(clippy::expect_used, reason = "HMAC takes keys of every length")]
fn keyed(key: &[u8]) -> Hmac<Sha256> {
    Hmac::new_from_slice(key).expect("invariant: HMAC takes keys of every length")
}

#[cfg(test)]
mod tests;
