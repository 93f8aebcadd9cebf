//! argon2id (RFC 9106) with 7 MiB, five passes and one lane, at most two at once, off the runtime's threads. What is
//! stored is checked as it was made, under a permit for what that takes.

use std::sync::Arc;

use argon2::password_hash::phc::PasswordHash;
use argon2::{Algorithm, Argon2, Params, PasswordHasher, PasswordVerifier, Version};
use budget::limits::{
    CREDENTIAL_BYTES_MAX, KIB, PASSWORD_BYTES_MIN, PASSWORD_HASH_BYTES, PASSWORD_HASH_PASSES,
    PASSWORD_HASHES_MAX,
};
use budget::{Budget, Permit, Pool, Refused};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::keyed::random;
use crate::error::{Error, ErrorKind};

/// What the password of somebody who does not exist is compared with: the same work, and it never matches, because
/// nobody knows a text with this hash.
const NOBODYS_HASH: &str =
    "$argon2id$v=19$m=7168,t=5,p=1$bWlsbHBvbmQtbm9ib2R5cw$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// The right to compute one hash.
pub(super) struct Turn {
    _memory: Permit,
    _turn: OwnedSemaphorePermit,
}

/// What a password is compared with.
pub(super) struct Stored {
    /// As the catalog has it; nobody's hash has none.
    text: Option<String>,
    hash: PasswordHash,
    params: Params,
}

impl Stored {
    /// The hash with this text. Without one, and where the text is no hash, it is nobody's.
    #[expect(clippy::expect_used, reason = "nobody's hash is a constant that a test reads")]
    pub(super) fn of(text: Option<String>) -> Self {
        let read = |text: &str| {
            let hash = PasswordHash::new(text).ok()?;
            Some((Params::try_from(&hash).ok()?, hash))
        };
        let (text, (params, hash)) = match text.as_deref().and_then(read) {
            Some(stored) => (text, stored),
            None => (None, read(NOBODYS_HASH).expect("invariant: nobody's hash is one")),
        };
        Stored { text, hash, params }
    }

    /// What it takes to compare a password with it, in bytes.
    pub(super) fn memory_bytes(&self) -> u64 {
        u64::from(self.params.m_cost()) * KIB
    }

    /// Whether a hash that is made now costs the same.
    fn is_todays(&self) -> bool {
        let cost = |params: &Params| (params.m_cost(), params.t_cost(), params.p_cost());
        params().is_ok_and(|todays| cost(&todays) == cost(&self.params))
    }
}

/// What a comparison found.
pub(super) enum Compared {
    /// It is not the password.
    Wrong,
    /// It is, and its hash is as they are made now.
    Right,
    /// It is, and this hash of it was made by other parameters than those of now.
    Outdated(String),
}

/// Where passwords are hashed.
pub(super) struct Passwords {
    budget: Budget,
    turns: Arc<Semaphore>,
}

impl Passwords {
    pub(super) fn new(budget: Budget) -> Self {
        Passwords { budget, turns: Arc::new(Semaphore::new(PASSWORD_HASHES_MAX)) }
    }

    /// Waits for the memory of one hash, in a queue that is bounded in number and time.
    #[expect(clippy::expect_used, reason = "this semaphore is never closed")]
    pub(super) async fn permit(&self, memory_bytes: u64) -> Result<Turn, Refused> {
        let memory = self.budget.wait(Pool::Passwords, memory_bytes).await?;
        // Only those who have their memory get here, so this queue is as short as the pool is small.
        let turn = Arc::clone(&self.turns).acquire_owned().await;
        Ok(Turn { _memory: memory, _turn: turn.expect("invariant: the semaphore is never closed") })
    }

    /// Whether the password has this hash; nobody's costs as much as one that is made now and is never right.
    pub(super) async fn compare(
        &self,
        turn: Turn,
        password: &str,
        stored: Stored,
    ) -> Result<Compared, Error> {
        let password = password.to_owned();
        let work = move || {
            // By the hash's own parameters: those of the one that looks are for hashes that it makes.
            let is_right = Argon2::default().verify_password(password.as_bytes(), &stored.hash).is_ok();
            drop(turn);
            let is_todays = stored.is_todays();
            match stored.text {
                Some(_) if is_right && is_todays => Compared::Right,
                Some(text) if is_right => Compared::Outdated(text),
                _ => Compared::Wrong,
            }
        };
        tokio::task::spawn_blocking(work).await.map_err(lost)
    }

    /// The hash of a new password.
    pub(super) async fn hash(&self, password: &str) -> Result<String, Error> {
        if !(PASSWORD_BYTES_MIN..=CREDENTIAL_BYTES_MAX).contains(&password.len()) {
            return Err(Error::invalid("a password has 8 to 1,024 bytes"));
        }
        let password = password.to_owned();
        let salt = random::<16>()?;
        let turn = self.permit(PASSWORD_HASH_BYTES).await?;
        let work = move || {
            let hash = hasher()?.hash_password_with_salt(password.as_bytes(), &salt);
            drop(turn);
            hash.map(|hash| hash.to_string())
                .map_err(|e| Error::new(ErrorKind::Unavailable, "a password could not be hashed").because(e))
        };
        tokio::task::spawn_blocking(work).await.map_err(lost)?
    }
}

/// What a hash costs that is made now.
fn params() -> Result<Params, Error> {
    let memory_kib = u32::try_from(PASSWORD_HASH_BYTES / KIB).unwrap_or(u32::MAX);
    Params::new(memory_kib, PASSWORD_HASH_PASSES, 1, None)
        .map_err(|e| Error::new(ErrorKind::Unavailable, "argon2 refuses its parameters").because(e))
}

fn hasher() -> Result<Argon2<'static>, Error> {
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params()?))
}

fn lost(error: tokio::task::JoinError) -> Error {
    Error::new(ErrorKind::Unavailable, "a password check was interrupted").because(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_of_nobody_costs_what_ours_cost() {
        let nobody = PasswordHash::new(NOBODYS_HASH).unwrap();
        let ours = hasher().unwrap().hash_password_with_salt(b"secret", b"0123456789abcdef").unwrap();
        assert_eq!(nobody.params, ours.params);
        assert_eq!(nobody.algorithm, ours.algorithm);
        assert_eq!(nobody.hash.unwrap().len(), ours.hash.unwrap().len());
        assert!(ours.to_string().starts_with("$argon2id$v=19$m=7168,t=5,p=1$"));
    }

    #[test]
    fn what_is_no_hash_is_nobodys() {
        let check = |text: Option<&str>, is_stored: bool, memory_bytes: u64, is_todays: bool| {
            let stored = Stored::of(text.map(str::to_owned));
            let found = (stored.text.is_some(), stored.memory_bytes(), stored.is_todays());
            assert_eq!(found, (is_stored, memory_bytes, is_todays), "{text:?}");
        };
        let old = NOBODYS_HASH.replace("m=7168,t=5", "m=19456,t=2");
        let unheard_of = NOBODYS_HASH.replace("m=7168", "x=7168");
        check(Some(NOBODYS_HASH), true, PASSWORD_HASH_BYTES, true);
        check(Some(&old), true, budget::limits::PASSWORD_HASH_BYTES_MAX, false);
        check(Some(&NOBODYS_HASH.replace("t=5", "t=4")), true, PASSWORD_HASH_BYTES, false);
        for none in [None, Some("none"), Some(""), Some(unheard_of.as_str())] {
            check(none, false, PASSWORD_HASH_BYTES, true);
        }
    }
}
