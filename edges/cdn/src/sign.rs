//! Signed addresses: who knows the key of the installation says with them that a rendition may be made.
//!
//! The signature is an HMAC-SHA-256 (RFC 2104) over the path as it is sent, its query without the signature, the moment at
//! which it ends, and who signed. Fields of the query carry it: `expires`, in milliseconds since 1970, `signer` where a user
//! signed and not the operator, and `signature`.

use std::fmt;

use budget::limits::RENDITION_LINK_MS_MAX;
use catalog::UserId;
use data_encoding::BASE64URL_NOPAD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use store::Secret;
use subtle::ConstantTimeEq;

use crate::hints::Hints;
use crate::options::{Bad, Spoken};
use crate::settings::Settings;

const EXPIRES: &str = "expires";
const SIGNER: &str = "signer";
const SIGNATURE: &str = "signature";

/// Whether a field of a query belongs to the signature and is no option.
pub(crate) fn is_signature(name: &str) -> bool {
    [EXPIRES, SIGNER, SIGNATURE].contains(&name)
}

/// What a signature that counts says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Signed {
    /// Until when, in milliseconds since 1970.
    pub until_ms: u64,
    /// Who signed: a user, or nobody but the operator.
    pub by: Option<UserId>,
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
    /// It is right, and who signed may not do so any more.
    SignerLost,
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
            BadSignature::SignerLost => "who signed this address may not have it made any more",
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
    fn tag(&self, path: &str, query: &str, expires_ms: u64, by: Option<UserId>) -> [u8; 32] {
        let mut mac = self.begun.clone();
        for part in [path.as_bytes(), query.as_bytes()] {
            mac.update(&(part.len() as u64).to_le_bytes());
            mac.update(part);
        }
        mac.update(&expires_ms.to_le_bytes());
        if let Some(UserId(by)) = by {
            mac.update(&by.to_le_bytes());
        }
        mac.finalize().into_bytes().into()
    }

    /// The path and query with a signature of the operator that ends at that moment, in milliseconds since 1970. One that
    /// is there already is replaced. The path is as clients send it, without the prefix of `server.base_url`.
    pub fn sign(&self, path_and_query: &str, expires_ms: u64) -> String {
        self.sign_as(path_and_query, Signed { until_ms: expires_ms, by: None })
    }

    /// The same with a signature that says this.
    pub fn sign_as(&self, path_and_query: &str, Signed { until_ms, by }: Signed) -> String {
        let (path, query) = path_and_query.split_once('?').unwrap_or((path_and_query, ""));
        let rest = unsigned(query);
        let signature = BASE64URL_NOPAD.encode(&self.tag(path, &rest, until_ms, by));
        let separator = if rest.is_empty() { "" } else { "&" };
        let signer = by.map(|by| format!("&{SIGNER}={by}")).unwrap_or_default();
        format!("{path}?{rest}{separator}{EXPIRES}={until_ms}{signer}&{SIGNATURE}={signature}")
    }

    /// What the signature of an address says.
    ///
    /// # Errors
    /// [`BadSignature`] says which way it does not count.
    pub fn check(&self, path: &str, query: &str, now_ms: u64) -> Result<Signed, BadSignature> {
        let (mut expires, mut signer, mut signature) = (None, None, None);
        for field in query.split('&') {
            let (name, value) = field.split_once('=').unwrap_or((field, ""));
            let place = match name {
                EXPIRES => &mut expires,
                SIGNER => &mut signer,
                SIGNATURE => &mut signature,
                _ => continue,
            };
            if place.replace(value).is_some() {
                return Err(BadSignature::Malformed);
            }
        }
        let (expires, signature) = match (expires, signer, signature) {
            (None, None, None) => return Err(BadSignature::Missing),
            (Some(expires), _, Some(signature)) => (expires, signature),
            _ => return Err(BadSignature::Malformed),
        };
        // One number has one spelling, so that nothing about a signed address can be changed.
        let until_ms: u64 = expires.parse().map_err(|_| BadSignature::Malformed)?;
        let by = signer.map(str::parse::<UserId>).transpose().map_err(|_| BadSignature::Malformed)?;
        if until_ms.to_string() != expires || by.map(|by| by.to_string()).as_deref() != signer {
            return Err(BadSignature::Malformed);
        }
        let expected = BASE64URL_NOPAD.encode(&self.tag(path, &unsigned(query), until_ms, by));
        if !bool::from(expected.as_bytes().ct_eq(signature.as_bytes())) {
            return Err(BadSignature::Forged);
        }
        if until_ms <= now_ms {
            return Err(BadSignature::Expired { at_ms: until_ms });
        }
        Ok(Signed { until_ms, by })
    }
}

/// Whether a signature may last so long, in milliseconds.
pub fn is_lifetime(ms: u64) -> bool {
    (1..=RENDITION_LINK_MS_MAX).contains(&ms)
}

/// What makes an address worthless to sign.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotSignable {
    /// An option cannot be meant.
    Option(Bad),
    /// Everybody has it without a signature.
    Original,
    /// It is none of ours.
    NotOurs,
}

impl fmt::Display for NotSignable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NotSignable::Option(bad) => bad.fmt(f),
            NotSignable::Original => f.write_str("the address asks for no rendition"),
            NotSignable::NotOurs => f.write_str("the address is of no rendition"),
        }
    }
}

impl std::error::Error for NotSignable {}

impl NotSignable {
    /// What to do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            NotSignable::Option(_) => "the guide's page about renditions has all options",
            NotSignable::Original => {
                "add an option, as in ?width=700; a source that everybody may see needs no signature"
            }
            NotSignable::NotOurs => {
                "behind /media/ID/ come names such as video.mp4, behind /cdn-cgi/media/OPTIONS/ the source"
            }
        }
    }
}

impl Settings {
    /// Looks whether a path with its query is worth a signature: one for what would be refused all the same would only
    /// puzzle whoever tries it.
    ///
    /// # Errors
    /// [`NotSignable`].
    pub fn signable(&self, path_and_query: &str) -> Result<(), NotSignable> {
        let (path, query) = path_and_query.split_once('?').unwrap_or((path_and_query, ""));
        let address = self.rules().address(path, query, &Hints::default()).map_err(NotSignable::Option)?;
        match address.map(|address| address.spoken) {
            Some(Spoken::Rendition(_)) => Ok(()),
            Some(Spoken::Original(_)) => match self.origins_of(path).next() {
                Some((origin, _)) if origin.public => Err(NotSignable::Original),
                Some(_) => Ok(()),
                None => Err(NotSignable::NotOurs),
            },
            None => Err(NotSignable::NotOurs),
        }
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
