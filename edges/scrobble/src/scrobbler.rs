//! Who looks for something to tell, and gives each account its turn.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use budget::limits::{SCROBBLE_ACCOUNTS_AT_ONCE_MAX, SCROBBLE_BEGUN_MAX, SCROBBLE_END_MS, SCROBBLE_LOOK_MS};
use catalog::{Catalog, Seal, Service, ServiceAccountId, TrackId, Viewer};
use jiff::Timestamp;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;
use store::Outgoing;
use tokio::sync::mpsc::{self, Receiver, Sender};
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, timeout};

use crate::{Settings, turn};

/// What it works with.
pub struct Parts {
    /// Where the lines are.
    pub catalog: Arc<dyn Catalog>,
    /// Opens what proves who a user is.
    pub seal: Seal,
    /// How services are reached with what was played.
    pub outgoing: Outgoing,
    /// How they are reached with what has just begun: with connections of its own, so that a service which takes its time
    /// over the one holds up nothing of the other.
    pub outgoing_begun: Outgoing,
    /// What the operator says.
    pub settings: Settings,
    /// What is counted.
    pub figures: Figures,
}

/// What is counted. A clone counts in the same ones.
#[derive(Clone, Default)]
pub struct Figures {
    plays: Family<[(&'static str, &'static str); 2], Counter>,
    failures: Family<[(&'static str, &'static str); 1], Counter>,
}

impl Figures {
    /// Adds them to the metrics.
    pub fn register(&self, registry: &mut Registry) {
        let help = "Plays of which services were told, by whether they wanted them";
        registry.register("scrobbles", help, self.plays.clone());
        registry.register("scrobble_failures", "Failures of telling a service", self.failures.clone());
    }

    pub(crate) fn told(&self, service: Service, told: usize, unwanted: usize) {
        for (outcome, count) in [("told", told), ("unwanted", unwanted)] {
            let labels = [("service", service.name()), ("outcome", outcome)];
            self.plays.get_or_create(&labels).inc_by(count as u64);
        }
    }

    pub(crate) fn failed(&self, service: Service) {
        self.failures.get_or_create(&[("service", service.name())]).inc();
    }
}

/// Is told that songs have begun. A clone is the same.
#[derive(Clone)]
pub struct Begun(Sender<(Viewer, TrackId)>);

impl Begun {
    /// A user has begun to listen to a track. Returns at once; when too many begin, some are not told.
    pub fn tell(&self, viewer: &Viewer, track: TrackId) {
        // Nobody misses that a song had begun.
        let _ = self.0.try_send((viewer.clone(), track));
    }
}

/// Tells services what users play.
pub struct Scrobbler {
    parts: Arc<Parts>,
    begun: Receiver<(Viewer, TrackId)>,
}

/// What is under way: turns of accounts, each by its account, and songs that have begun.
type Running = JoinSet<Option<ServiceAccountId>>;

impl Scrobbler {
    /// Nothing is told before [`Scrobbler::run`].
    pub fn new(parts: Parts) -> (Begun, Self) {
        let (sender, begun) = mpsc::channel(SCROBBLE_BEGUN_MAX);
        (Begun(sender), Scrobbler { parts: Arc::new(parts), begun })
    }

    /// Tells until `stop`. What is under way then may end within [`SCROBBLE_END_MS`].
    pub async fn run(mut self, stop: impl Future<Output = ()>) {
        let mut stop = std::pin::pin!(stop);
        let mut looks = interval(Duration::from_millis(SCROBBLE_LOOK_MS));
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (mut turns, mut songs) = (Running::new(), JoinSet::new());
        let (mut busy, mut beginning) = (HashSet::new(), HashSet::new());
        loop {
            let has_room = songs.len() < SCROBBLE_ACCOUNTS_AT_ONCE_MAX;
            tokio::select! {
                () = &mut stop => break,
                _ = looks.tick() => self.look(&mut turns, &mut busy).await,
                Some(ended) = turns.join_next() => match ended {
                    Ok(Some(account)) => { busy.remove(&account); }
                    Ok(None) => {}
                    // Which account that was is not known: all have their next turn.
                    Err(e) => {
                        tracing::error!(error = %e, "a turn of a service ended by itself");
                        busy.clear();
                    }
                },
                Some(ended) = songs.join_next() => match ended {
                    Ok(user) => { beginning.remove(&user); }
                    Err(e) => {
                        tracing::error!(error = %e, "telling of a song that began ended by itself");
                        beginning.clear();
                    }
                },
                // One at a time of each user: who skips through songs before a slow service takes no place of others.
                Some((viewer, track)) = self.begun.recv(), if has_room => if beginning.insert(viewer.user) {
                    let parts = Arc::clone(&self.parts);
                    songs.spawn(async move {
                        begin(&parts, &viewer, track).await;
                        viewer.user
                    });
                },
            }
        }
        // What was told is remembered, if it can be: otherwise it is told twice.
        let ending = async { while turns.join_next().await.is_some() {} };
        if timeout(Duration::from_millis(SCROBBLE_END_MS), ending).await.is_err() {
            turns.shutdown().await;
        }
        songs.shutdown().await;
    }

    /// Gives a turn to accounts that are due, as many as may have one.
    async fn look(&self, turns: &mut Running, busy: &mut HashSet<ServiceAccountId>) {
        let now = Timestamp::now().as_millisecond();
        // Those that have their turn are among those that are due.
        let due = match self.parts.catalog.due_accounts(now, 2 * SCROBBLE_ACCOUNTS_AT_ONCE_MAX).await {
            Ok(due) => due,
            Err(error) => {
                tracing::warn!(%error, "it cannot be found out what is to be told to services");
                return;
            }
        };
        for key in due {
            if busy.len() >= SCROBBLE_ACCOUNTS_AT_ONCE_MAX {
                return;
            }
            if !busy.insert(key.id) {
                continue;
            }
            let parts = Arc::clone(&self.parts);
            turns.spawn(async move {
                if let Err(error) = turn::take(&parts, &key).await {
                    tracing::warn!(%error, service = %key.service, "it cannot be remembered what was told");
                }
                Some(key.id)
            });
        }
    }
}

/// Tells all services of a user that he has begun to listen to a track.
async fn begin(parts: &Parts, viewer: &Viewer, track: TrackId) {
    let Ok(keys) = parts.catalog.connected_accounts(viewer.user).await else { return };
    if keys.is_empty() {
        return;
    }
    let Ok(heard) = parts.catalog.heard(viewer, track).await else { return };
    if heard.artist.is_none() {
        return;
    }
    for key in keys {
        let told = match (turn::speaker(parts, &parts.outgoing_begun, &key), turn::secret(parts, &key)) {
            (Ok(speaker), Ok(Some(secret))) => speaker.begin(&secret, &heard).await,
            _ => continue,
        };
        if let Err(trouble) = told {
            parts.figures.failed(key.service);
            tracing::debug!(service = %key.service, why = trouble.why(), "a service does not know what is playing");
        }
    }
}
