//! Who asks the splitter: a user, or a stranger where `stems.public` lets strangers in.

use std::collections::hash_map::DefaultHasher;
use std::convert::Infallible;
use std::hash::{Hash, Hasher};
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use axum::extract::FromRequestParts;
use axum::http::request;
use budget::limits::{
    SEPARATE_STRANGER_AT_ONCE_MAX, SEPARATE_STRANGER_BYTES_MAX, SEPARATE_STRANGER_JOBS_MAX,
    SEPARATE_STRANGER_PER_MINUTE_MAX, SEPARATE_STRANGERS_JOBS_MAX, SEPARATE_STRANGERS_MAX,
};
use budget::{BoundedMap, Fault, Slot, Slots, network_of};
use catalog::{Job, Role, UserId};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::registry::Registry;
use transform::Asker as Maker;

use crate::App;
use crate::audio::Account;
use crate::caller::{self, Caller};
use crate::error::{Code, Error};

const MINUTE: Duration = Duration::from_secs(60);

/// Whoever asks. The gate let him in; a route that is not open to strangers has none.
pub(crate) enum Asker {
    /// Somebody who signed in.
    User(Caller),
    /// Nobody knows who, from this network.
    Stranger(IpAddr),
}

impl<S: Send + Sync> FromRequestParts<S> for Asker {
    type Rejection = Infallible;

    async fn from_request_parts(head: &mut request::Parts, _: &S) -> Result<Self, Infallible> {
        Ok(match head.extensions.get::<Caller>() {
            Some(caller) => Asker::User(caller.clone()),
            None => Asker::Stranger(network_of(caller::client(head).address)),
        })
    }
}

impl Asker {
    /// Which user he is.
    pub(super) fn user(&self) -> Option<UserId> {
        match self {
            Asker::User(caller) => Some(caller.identity.user.id),
            Asker::Stranger(_) => None,
        }
    }

    /// On whose account something is sent: strangers of one network are one, by a number that no user has.
    pub(super) fn account(&self) -> Account<'_> {
        match self {
            Asker::User(caller) => caller.account(),
            Asker::Stranger(network) => {
                let mut hasher = DefaultHasher::new();
                network.hash(&mut hasher);
                let number = (1 << 62) | (hasher.finish() >> 2).cast_signed();
                Account { number, name: "stranger" }
            }
        }
    }

    /// Whose limit counts of what is made for him.
    pub(super) fn maker(&self) -> Maker {
        match self {
            Asker::User(caller) => Maker::User(caller.identity.user.id.0),
            Asker::Stranger(network) => Maker::Network(*network),
        }
    }

    /// So many bytes may a song have that he sends.
    pub(super) fn song_bytes_max(&self, app: &App) -> u64 {
        let most = app.ingest.limits().upload_bytes_max;
        match self {
            Asker::User(_) => most,
            Asker::Stranger(_) => most.min(SEPARATE_STRANGER_BYTES_MAX),
        }
    }

    /// Whether a job is his to see: his own, any for an admin, and one that nobody owns for whoever has its id, which
    /// nobody can guess.
    pub(super) fn sees(&self, job: &Job) -> bool {
        match (self, job.owner) {
            (_, None) => true,
            (Asker::User(caller), Some(owner)) => {
                let user = &caller.identity.user;
                user.id == owner || user.role == Role::Admin
            }
            (Asker::Stranger(_), Some(_)) => false,
        }
    }
}

/// What strangers may have of the splitter, by network. Users have their own limits. A clone is the same.
#[derive(Clone)]
pub struct Strangers {
    /// How many songs came in the minute that began with the first.
    sent: BoundedMap<IpAddr, Arc<AtomicU32>>,
    at_once: Slots<IpAddr>,
    /// Their jobs that have not ended, since the start of the server.
    jobs: Slots<IpAddr>,
    songs: Counter,
    songs_refused: Counter,
}

impl Default for Strangers {
    /// Nobody came yet.
    fn default() -> Strangers {
        let at_once = Slots::new(
            "strangers",
            "strangers_per_address",
            SEPARATE_STRANGERS_MAX,
            SEPARATE_STRANGER_AT_ONCE_MAX,
        );
        let jobs = Slots::new(
            "stranger_jobs",
            "stranger_jobs_per_address",
            SEPARATE_STRANGERS_JOBS_MAX,
            SEPARATE_STRANGER_JOBS_MAX,
        );
        Strangers {
            sent: BoundedMap::new("strangers", SEPARATE_STRANGERS_MAX, MINUTE),
            at_once,
            jobs,
            songs: Counter::default(),
            songs_refused: Counter::default(),
        }
    }
}

impl Strangers {
    /// Shows `stems_stranger_songs_total` and `stems_stranger_songs_refused_total`, the networks that are remembered
    /// (`map_entries{map="strangers"}`), the requests at work for them (`slots_used{what="strangers"}`, and those refused
    /// as `strangers` or `strangers_per_address`), and their jobs in line (`stranger_jobs`, in the same way).
    pub fn register(&self, registry: &mut Registry) {
        self.sent.register(registry);
        self.at_once.register(registry);
        self.jobs.register(registry);
        let help = "Songs that strangers were let send";
        registry.register("stems_stranger_songs", help, self.songs.clone());
        let help = "Songs of strangers that were refused, because their address had sent as many within the minute as it may";
        registry.register("stems_stranger_songs_refused", help, self.songs_refused.clone());
    }

    /// A place for a request that takes its time; a user needs none.
    pub(super) fn place(&self, asker: &Asker) -> Result<Option<Slot<IpAddr>>, Error> {
        let Asker::Stranger(network) = asker else { return Ok(None) };
        Ok(Some(self.at_once.take(*network)?))
    }

    /// A turn in the line for a job, to be kept until it has ended; a user's are counted in the catalog.
    pub(super) fn turn(&self, asker: &Asker) -> Result<Option<Slot<IpAddr>>, Error> {
        let Asker::Stranger(network) = asker else { return Ok(None) };
        let turn = self.jobs.take(*network).map_err(|refused| match refused.fault {
            Fault::Caller => {
                let text = format!(
                    "your address has {SEPARATE_STRANGER_JOBS_MAX} jobs in line: wait until one is done"
                );
                Error::new(Code::TooMany, text).retry_after(refused.retry_after)
            }
            _ => refused.into(),
        })?;
        Ok(Some(turn))
    }

    /// Counts a song that is sent.
    pub(super) fn count(&self, asker: &Asker) -> Result<(), Error> {
        let Asker::Stranger(network) = asker else { return Ok(()) };
        let sent = self.sent.get_or_insert(*network, Arc::default());
        if sent.fetch_add(1, Ordering::Relaxed) < SEPARATE_STRANGER_PER_MINUTE_MAX {
            self.songs.inc();
            return Ok(());
        }
        self.songs_refused.inc();
        let text =
            format!("at most {SEPARATE_STRANGER_PER_MINUTE_MAX} songs a minute are taken from one address");
        Err(Error::new(Code::TooMany, text).retry_after(MINUTE))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn p05_strangers_of_one_network_have_their_share_and_no_other_network_pays_for_them() {
        let strangers = Strangers::default();
        let [one, other] = ["192.0.2.1", "192.0.2.2"].map(|text| Asker::Stranger(text.parse().unwrap()));
        for _ in 0..SEPARATE_STRANGER_PER_MINUTE_MAX {
            strangers.count(&one).unwrap();
        }
        assert_eq!(strangers.count(&one).unwrap_err().status().as_u16(), 429);
        strangers.count(&other).unwrap();
        let places: Vec<_> =
            (0..SEPARATE_STRANGER_AT_ONCE_MAX).map(|_| strangers.place(&one).unwrap()).collect();
        assert_eq!(strangers.place(&one).unwrap_err().status().as_u16(), 429);
        assert!(strangers.place(&other).unwrap().is_some());
        drop(places);
        strangers.place(&one).unwrap();
        let turns: Vec<_> = (0..SEPARATE_STRANGER_JOBS_MAX).map(|_| strangers.turn(&one).unwrap()).collect();
        let refused = strangers.turn(&one).unwrap_err();
        assert_eq!(refused.status().as_u16(), 429);
        assert!(format!("{refused:?}").contains("your address has 20 jobs in line"), "{refused:?}");
        assert!(strangers.turn(&other).unwrap().is_some());
        drop(turns);
        strangers.turn(&one).unwrap();
        assert_ne!(one.account().number, other.account().number);
        assert!(one.account().number > 1 << 61, "no user has it");
    }
}
