//! argon2id (RFC 9106) with 19 MiB, two passes and one lane, at most two at once, off the runtime's threads.

use std::sync::Arc;

use argon2::password_hash::phc::PasswordHash;
use argon2::{Algorithm, Argon2, Params, PasswordHasher, PasswordVerifier, Version};
use budget::limits::{CREDENTIAL_BYTES_MAX, PASSWORD_BYTES_MIN, PASSWORD_HASH_BYTES, PASSWORD_HASHES_MAX};
use budget::{Budget, Permit, Pool, Refused};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::keyed::random;
use crate::error::{Error, ErrorKind};

/// What the password of somebody who does not exist is compared with: the same work, and it never matches, because
/// nobody knows a text with this hash.
const NOBODYS_HASH: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$bWlsbHBvbmQtbm9ib2R5cw$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// The right to compute one hash.
pub(super) struct Turn {
    _memory: Permit,
    _turn: OwnedSemaphorePermit,
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
    pub(super) async fn permit(&self) -> Result<Turn, Refused> {
        let memory = self.budget.wait(Pool::Passwords, PASSWORD_HASH_BYTES).await?;
        // Only those who have their memory get here, so this queue is as short as the pool is small.
        let turn = Arc::clone(&self.turns).acquire_owned().await;
        Ok(Turn { _memory: memory, _turn: turn.expect("invariant: the semaphore is never closed") })
    }

    /// Whether the password has this hash; `None` costs as much and is never right.
    pub(super) async fn verify(
        &self,
        turn: Turn,
        password: &str,
        stored: Option<String>,
    ) -> Result<bool, Error> {
        let password = password.to_owned();
        let work = move || {
            let known = stored.is_some();
            let text = stored.as_deref().unwrap_or(NOBODYS_HASH);
            let right = PasswordHash::new(text).is_ok_and(|hash| {
                hasher().is_ok_and(|hasher| hasher.verify_password(password.as_bytes(), &hash).is_ok())
            });
            drop(turn);
            right && known
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
        let turn = self.permit().await?;
        let work = move || {
            let hash = hasher()?.hash_password_with_salt(password.as_bytes(), &salt);
            drop(turn);
            hash.map(|hash| hash.to_string())
                .map_err(|e| Error::new(ErrorKind::Unavailable, "a password could not be hashed").because(e))
        };
        tokio::task::spawn_blocking(work).await.map_err(lost)?
    }
}

fn hasher() -> Result<Argon2<'static>, Error> {
    let memory_kib = u32::try_from(PASSWORD_HASH_BYTES / 1024).unwrap_or(u32::MAX);
    let params = Params::new(memory_kib, 2, 1, None)
        .map_err(|e| Error::new(ErrorKind::Unavailable, "argon2 refuses its parameters").because(e))?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
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
        assert!(ours.to_string().starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
    }
}
