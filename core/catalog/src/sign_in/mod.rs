//! Who asks: passwords, app passwords, keys, sessions and signed links become an [`Identity`], and the token of a share
//! a [`Visit`].
//!
//! **Promise.** A wrong secret and an unknown user look and cost the same; at most two passwords are hashed at once,
//! each under a permit for its memory; a secret that was changed, by any process, is refused within a second.
//!
//! **Flow.** A secret that is `remembered` costs one keyed hash. Otherwise `failures` says whether this address may try at
//! all, the catalog gives what is stored, and `sealed` app passwords, then argon2id in `password`, decide. A hash that was
//! made by other parameters than those of now is made anew when its password was right.
//!
//! **Not here.** Cookies, headers, query strings: faces take the secrets out of them. Nothing here is logged but
//! addresses and outcomes.

use std::future::Future;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use budget::limits::{
    CREDENTIAL_BYTES_MAX, CREDENTIAL_WATCH_MS, PAGE_ROWS_MAX, SESSION_MS, SHARE_VISIT_MS, SHARE_VISITORS_MAX,
};
use budget::{BoundedMap, Budget};
use data_encoding::BASE64URL_NOPAD;
use jiff::Timestamp;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;
use sha2::{Digest, Sha256};
use store::Secret;

use crate::access::Viewer;
use crate::database::Catalog;
use crate::error::Error;
use crate::model::{AppPasswordId, CredentialRow, KeyId, SessionId, ShareId, UnixMs, User, UserId};

mod check;
mod failures;
mod keyed;
mod link;
mod password;
mod remembered;
mod sealed;
mod share;
#[cfg(test)]
mod tests;

use failures::Failures;
use keyed::Keyed;
use link::Links;
pub use link::Opened;
use password::Passwords;
use remembered::Remembered;
pub use sealed::Seal;
use share::Tokens;

pub use share::Visit;

/// Who asks, and how he proved it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The user, as he was when the proof was checked; a change of him is seen within a second.
    pub user: Arc<User>,
    /// By what.
    pub how: How,
}

impl Identity {
    /// His eyes as a listener.
    pub fn viewer(&self) -> Viewer {
        Viewer::of(&self.user)
    }

    /// His eyes when he manages one track.
    pub fn managing(&self) -> Viewer {
        Viewer::managing(&self.user)
    }
}

/// By what somebody proved who he is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum How {
    /// The login password.
    Password,
    /// An app password, as text or as Subsonic's token.
    AppPassword,
    /// An API key.
    Key,
    /// A session's token.
    Session,
    /// A signed link; it opens one track or one picture and nothing else.
    Link,
}

/// Why nobody was let in.
#[derive(Debug)]
pub enum Refusal {
    /// The secret is wrong, or there is no such user.
    Wrong,
    /// Too many failures from this address; asking again makes sense later.
    TooManyFailures {
        /// When the count begins anew.
        retry_after: Duration,
    },
    /// No permit for the memory that checking a password takes.
    Busy(budget::Refused),
    /// The token scheme needs an app password, and the user has none. Names that nobody has get this answer too.
    TokenNotSupported,
    /// The database failed.
    Failed(Error),
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Refusal::Failed(error)
    }
}

impl From<budget::Refused> for Refusal {
    fn from(refused: budget::Refused) -> Self {
        Refusal::Busy(refused)
    }
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Refusal::Wrong => f.write_str("wrong user name or password"),
            Refusal::TooManyFailures { retry_after } => {
                write!(f, "too many failed sign-ins; try again in {} s", retry_after.as_secs().max(1))
            }
            Refusal::Busy(refused) => refused.fmt(f),
            Refusal::TokenNotSupported => f.write_str("token sign-in needs an app password"),
            Refusal::Failed(error) => f.write_str(error.public()),
        }
    }
}

impl std::error::Error for Refusal {}

/// The door. Clones are the same door.
#[derive(Clone)]
pub struct SignIn(Arc<Parts>);

struct Parts {
    catalog: Arc<dyn Catalog>,
    passwords: Passwords,
    remembered: Remembered,
    failures: Failures,
    seal: Seal,
    links: Links,
    tokens: Tokens,
    /// Who is on a visit to which share.
    visitors: BoundedMap<(ShareId, IpAddr), ()>,
    decoy: Keyed,
    sign_ins: Family<[(&'static str, &'static str); 2], Counter>,
    /// The one of them that every small range of a player counts, which need not be looked up.
    links_ok: Counter,
}

/// What API keys begin with, so that people and secret scanners know one when they see it.
const KEY_PREFIX: &str = "mp_";
/// Letters that cannot be taken for one another.
const LETTERS: &[u8; 23] = b"abcdefghjkmnpqrstuvwxyz";

impl SignIn {
    /// A door to this catalog. What is sealed and signed depends on the installation's secret alone.
    pub fn new(catalog: Arc<dyn Catalog>, secret: &Secret, budget: Budget) -> Self {
        let sign_ins = Family::default();
        SignIn(Arc::new(Parts {
            catalog,
            passwords: Passwords::new(budget),
            remembered: Remembered::new(),
            failures: Failures::new(),
            seal: Seal::of_app_passwords(secret),
            links: Links::new(secret),
            tokens: Tokens::new(secret),
            visitors: BoundedMap::new(
                "share_visitors",
                SHARE_VISITORS_MAX,
                Duration::from_millis(SHARE_VISIT_MS),
            ),
            decoy: Keyed::derived(secret, "names that nobody has"),
            links_ok: sign_ins.get_or_create_owned(&[("how", "link"), ("outcome", "ok")]),
            sign_ins,
        }))
    }

    /// Checks a login password or an app password.
    pub async fn password(&self, name: &str, secret: &str, from: IpAddr) -> Result<Identity, Refusal> {
        self.counted("password", from, self.check_password(name, secret, from).await)
    }

    /// Checks Subsonic's token: the lower-case hex of `md5(app password + salt)`.
    pub async fn token(
        &self,
        name: &str,
        token_hex: &str,
        salt: &str,
        from: IpAddr,
    ) -> Result<Identity, Refusal> {
        self.counted("token", from, self.check_token(name, token_hex, salt, from).await)
    }

    /// Checks an API key.
    pub async fn key(&self, key: &str, from: IpAddr) -> Result<Identity, Refusal> {
        self.counted("key", from, self.check_key(key).await)
    }

    /// Checks the token of a session.
    pub async fn session(&self, token: &str, from: IpAddr) -> Result<Identity, Refusal> {
        self.counted("session", from, self.check_session(token).await)
    }

    /// Checks a signed link at the moment `now`.
    pub async fn link(
        &self,
        opened: Opened,
        user: UserId,
        expires: UnixMs,
        signature: &str,
        now: UnixMs,
    ) -> Result<Identity, Refusal> {
        let checked = self.check_link(opened, user, expires, signature, now).await;
        match &checked {
            Ok(_) => self.0.links_ok.inc(),
            refused => self.0.sign_ins.get_or_create(&[("how", "link"), ("outcome", outcome(refused))]).inc(),
        };
        checked
    }

    /// Opens a session; the token is shown once and only its hash is kept. `agent` is what opens it, in its own words, so
    /// that its owner knows it again.
    pub async fn open_session(&self, user: UserId, agent: &str) -> Result<String, Error> {
        let token = BASE64URL_NOPAD.encode(&keyed::random::<32>()?);
        let expires = now().saturating_add(i64::try_from(SESSION_MS).unwrap_or(i64::MAX));
        self.0.catalog.add_session(user, digest(&token), expires, agent).await?;
        Ok(token)
    }

    /// Ends a session at once, also here where it may be remembered; ending none is fine.
    pub async fn close_session(&self, token: &str) -> Result<(), Error> {
        if token.len() > CREDENTIAL_BYTES_MAX {
            return Ok(());
        }
        if let Some(user) = self.0.catalog.remove_session(digest(token)).await? {
            self.0.remembered.forget_user(user);
        }
        Ok(())
    }

    /// Ends one of a user's sessions by its id, at once, also here where it may be remembered.
    pub async fn end_session(&self, user: UserId, session: SessionId) -> Result<(), Error> {
        self.0.catalog.end_session(user, session).await?;
        self.0.remembered.forget_user(user);
        Ok(())
    }

    /// By which id a session is listed that has this token.
    pub fn session_id(token: &str) -> SessionId {
        SessionId::of(digest(token))
    }

    /// Makes an API key: its row, and its text, which is shown once.
    pub async fn issue_key(
        &self,
        user: UserId,
        label: &str,
    ) -> Result<(CredentialRow<KeyId>, String), Error> {
        let text = format!("{KEY_PREFIX}{}", BASE64URL_NOPAD.encode(&keyed::random::<32>()?));
        let row = self.0.catalog.add_key(user, label, digest(&text)).await?;
        Ok((row, text))
    }

    /// Makes an app password: its row, and its text, which is shown once: four groups of five letters, 90 bits.
    pub async fn issue_app_password(
        &self,
        user: UserId,
        label: &str,
    ) -> Result<(CredentialRow<AppPasswordId>, String), Error> {
        let text = app_password_text()?;
        let sealed = self.0.seal.close(user, text.as_bytes())?;
        let row = self.0.catalog.add_app_password(user, label, &sealed).await?;
        Ok((row, text))
    }

    /// The argon2id hash of a new login password, as PHC text.
    ///
    /// # Errors
    /// `Invalid` unless the password has 8 to 1,024 bytes; `Busy` when there is no permit for the memory.
    pub async fn hash_password(&self, password: &str) -> Result<String, Error> {
        self.0.passwords.hash(password).await
    }

    /// The signature that lets `user`'s link open this until `expires`.
    pub fn sign_link(&self, opened: Opened, user: UserId, expires: UnixMs) -> String {
        self.0.links.sign(opened, user, expires)
    }

    /// Forgets every credential that was checked. What is remembered again is checked anew.
    pub fn forget(&self) {
        self.0.remembered.forget();
    }

    /// Forgets those of one user: [`SignIn::watch`] would notice within a second what happened to them, and whoever takes
    /// a credential back wants it to end now.
    pub fn forget_user(&self, user: UserId) {
        self.0.remembered.forget_user(user);
    }

    /// A number that is another one whenever what was found out about this user may be wrong by now: he changed or lost a
    /// credential, or nothing is trusted. Whoever took it before he checked a proof, and finds the same, need not check it
    /// again, unless the proof ends by itself. It costs no statement.
    pub fn age_of(&self, user: UserId) -> u64 {
        self.0.remembered.age_of(user)
    }

    /// Asks the database twice a second which users changed or lost a credential, whichever process did it, and forgets
    /// theirs. When the database does not answer, nothing is trusted.
    pub async fn watch(self, stop: impl Future<Output = ()>) {
        tokio::pin!(stop);
        let mut seen: Option<i64> = None;
        let mut ticks = tokio::time::interval(Duration::from_millis(CREDENTIAL_WATCH_MS));
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = &mut stop => return,
                _ = ticks.tick() => {}
            }
            seen = match self.forget_changed(seen).await {
                Ok(epoch) => Some(epoch),
                Err(error) => {
                    tracing::warn!(%error, "credentials could not be watched; all of them are checked anew");
                    self.forget();
                    None
                }
            };
        }
    }

    /// Forgets the credentials of those who changed after that epoch, everybody's without one; gives the epoch up to
    /// which that is done.
    async fn forget_changed(&self, seen: Option<i64>) -> Result<i64, Error> {
        let Some(mut seen) = seen else {
            let epoch = self.0.catalog.credential_epoch().await?;
            self.forget();
            return Ok(epoch);
        };
        loop {
            let changed = self.0.catalog.credential_changes(seen).await?;
            for (user, epoch) in &changed {
                self.0.remembered.forget_user(*user);
                seen = *epoch;
            }
            if changed.len() < PAGE_ROWS_MAX {
                return Ok(seen);
            }
        }
    }

    /// Puts `sign_ins_total{how,outcome}` and the figures of the bounded maps into the registry.
    pub fn register(&self, registry: &mut Registry) {
        registry.register("sign_ins", "Sign-ins by kind of proof and outcome", self.0.sign_ins.clone());
        self.0.remembered.register(registry);
        self.0.failures.register(registry);
        self.0.visitors.register(registry);
    }

    fn counted<T>(&self, how: &'static str, from: IpAddr, checked: Result<T, Refusal>) -> Result<T, Refusal> {
        let outcome = outcome(&checked);
        self.0.sign_ins.get_or_create(&[("how", how), ("outcome", outcome)]).inc();
        if checked.is_err() {
            tracing::info!(%from, how, outcome, "a sign-in was refused");
        }
        checked
    }
}

fn outcome<T>(checked: &Result<T, Refusal>) -> &'static str {
    match checked {
        Ok(_) => "ok",
        Err(Refusal::Wrong) => "wrong",
        Err(Refusal::TooManyFailures { .. }) => "too_many_failures",
        Err(Refusal::Busy(_)) => "busy",
        Err(Refusal::TokenNotSupported) => "token_not_supported",
        Err(Refusal::Failed(_)) => "failed",
    }
}

fn digest(text: &str) -> [u8; 32] {
    Sha256::digest(text.as_bytes()).into()
}

fn now() -> UnixMs {
    Timestamp::now().as_millisecond()
}

/// Four groups of five letters. Bytes that would make some letters likelier than others are thrown away.
fn app_password_text() -> Result<String, Error> {
    let mut text = String::with_capacity(23);
    while text.len() < 23 {
        for byte in keyed::random::<64>()? {
            let fair = usize::from(byte) < 256 / LETTERS.len() * LETTERS.len();
            if !fair || text.len() == 23 {
                continue;
            }
            text.push(char::from(LETTERS[usize::from(byte) % LETTERS.len()]));
            if matches!(text.len(), 5 | 11 | 17) {
                text.push('-');
            }
        }
    }
    Ok(text)
}
