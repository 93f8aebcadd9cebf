//! HMAC-SHA256 (RFC 2104) with one key for each purpose.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use store::Secret;

use crate::error::{Error, ErrorKind};

/// Random bytes of the operating system.
pub(super) fn random<const N: usize>() -> Result<[u8; N], Error> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes)
        .map_err(|e| Error::new(ErrorKind::Unavailable, "the system gave no random numbers").because(e))?;
    Ok(bytes)
}

/// A key that makes tags of messages.
#[derive(Clone)]
pub(super) struct Keyed {
    key: [u8; 32],
    /// The state after the key: half of the work for a short message.
    begun: Hmac<Sha256>,
}

impl Keyed {
    /// A key that lives as long as this process.
    #[expect(clippy::expect_used, reason = "nothing can be kept secret on a system without random numbers")]
    pub(super) fn fresh() -> Self {
        Keyed::of(random().expect("invariant: the system gives random numbers"))
    }

    /// The installation's key for one purpose; keys of other purposes cannot be computed from it.
    pub(super) fn derived(secret: &Secret, purpose: &str) -> Self {
        Keyed::of(Keyed::of(*secret.bytes()).tag("millpond key", &[purpose.as_bytes()]))
    }

    /// The key's bytes, for ciphers.
    pub(super) fn bytes(&self) -> &[u8; 32] {
        &self.key
    }

    /// The tag of a message of several parts. Lengths are part of it, so no two lists of parts are one message.
    pub(super) fn tag(&self, kind: &str, parts: &[&[u8]]) -> [u8; 32] {
        let mut mac = self.begun.clone();
        for part in std::iter::once(&kind.as_bytes()).chain(parts) {
            mac.update(&(part.len() as u64).to_le_bytes());
            mac.update(part);
        }
        mac.finalize().into_bytes().into()
    }

    #[expect(clippy::expect_used, reason = "HMAC takes keys of every length")]
    fn of(key: [u8; 32]) -> Self {
        let begun = Hmac::new_from_slice(&key).expect("invariant: HMAC takes keys of every length");
        Keyed { key, begun }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_cannot_be_shifted_into_one_another() {
        let key = Keyed::of([7; 32]);
        assert_ne!(key.tag("k", &[b"ab", b"c"]), key.tag("k", &[b"a", b"bc"]));
        assert_ne!(key.tag("k", &[b"ab"]), key.tag("ka", &[b"b"]));
        assert_eq!(key.tag("k", &[b"ab"]), key.tag("k", &[b"ab"]));
    }

    #[test]
    fn each_purpose_and_each_installation_has_its_own_key() {
        let (one, other) = (Secret::from_bytes([1; 32]), Secret::from_bytes([2; 32]));
        assert_ne!(Keyed::derived(&one, "links").key, Keyed::derived(&one, "seals").key);
        assert_ne!(Keyed::derived(&one, "links").key, Keyed::derived(&other, "links").key);
    }
}
