//! Where renditions are asked for: what is kept is given, what is being made is joined, the rest takes off.

use std::collections::HashMap;
use std::net::IpAddr;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use budget::limits::{
    CHILD_READ_BYTES, FLIGHTS_PER_ADDRESS_MAX, FLIGHTS_WAITING_MAX, JOBS_MAX, JOBS_MIN, PRESSURE_CHECK_MS,
};
use budget::{Budget, Chunks, Slot, Slots, Turns, network_of};
use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, Shared};
use prometheus_client::registry::Registry;
use store::Source;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::cache::{Cache, Lifetimes, Made};
use crate::child::Ffmpeg;
use crate::error::{Error, ErrorKind};
use crate::flight::{Flight, Running};
use crate::metrics::Metrics;
use crate::probe::Probe;
use crate::recipe::{Key, Piece, Recipe};
use crate::work::look::Probes;
use crate::work::near::Copies;

/// What a rendition is made of.
#[derive(Clone, Debug)]
pub struct Material {
    /// Its bytes.
    pub source: Source,
    /// Where it comes from: [`ORIGIN_LIBRARY`], [`ORIGIN_UPLOADS`], or the name of an origin.
    pub origin: Box<str>,
    /// What it is called there, for purging, tags and logs. It is never opened.
    pub path: Box<str>,
    /// What else its renditions are purged by.
    pub tags: Vec<String>,
    /// A run of its bytes that is a picture by itself, as offset and count. Only a cover is made of one.
    pub part: Option<(u64, u64)>,
    /// How long it is believed to be as it is, and how long what went wrong with it is remembered.
    pub lifetimes: Lifetimes,
    /// Whether that time is over, so that it is what was known of it last.
    pub is_stale: bool,
}

/// Where files of the catalog's folders come from.
pub const ORIGIN_LIBRARY: &str = "library";
/// Where stems come from.
pub const ORIGIN_STEMS: &str = "stems";
/// Where what was sent to the catalog comes from.
pub const ORIGIN_UPLOADS: &str = "uploads";
/// The `mode` of a song that was sent to be taken apart, which is kept until its job has ended: it cannot be made again. That
/// of [`Recipe::Song`] too, which goes with the job as well.
pub const MODE_SENT: &str = "song";

impl Material {
    /// All of a source.
    pub fn whole(source: Source, origin: &str, path: &str) -> Material {
        Material {
            source,
            origin: origin.into(),
            path: path.into(),
            tags: Vec::new(),
            part: None,
            lifetimes: Lifetimes::default(),
            is_stale: false,
        }
    }

    /// All of a source of the catalog, which is called `name` there.
    pub fn of(source: Source, place: &store::Place, name: &str) -> Material {
        let origin = match place {
            store::Place::File(..) => ORIGIN_LIBRARY,
            store::Place::Blob(_) => ORIGIN_UPLOADS,
            store::Place::Rendition(_) => ORIGIN_STEMS,
        };
        Material::whole(source, origin, name)
    }

    /// What its renditions are found by, and those of this maker alone, where there is one.
    fn key(&self, recipe: &Recipe, maker: Option<&str>) -> Key {
        match self.part {
            Some((offset, count)) => {
                Key::of(recipe, &self.source.validator().derived(&format!("{offset}-{count}")), maker)
            }
            None => Key::of(recipe, self.source.validator(), maker),
        }
    }
}

/// Whose limit counts of what is in the making.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Asker {
    /// Whoever asks from this network.
    Network(IpAddr),
    /// The user with this number, wherever he is: a house has one address and several listeners.
    User(i64),
}

impl From<IpAddr> for Asker {
    fn from(address: IpAddr) -> Asker {
        Asker::Network(network_of(address))
    }
}

/// What the maker of renditions is made of.
pub struct Parts {
    /// The law.
    pub budget: Budget,
    /// Where renditions are kept.
    pub cache: Cache,
    /// What makes them, once it is found, if it is here. To start it the first time may take longer than all else of a
    /// start, which does not wait for it.
    pub ffmpeg: BoxFuture<'static, Option<Ffmpeg>>,
    /// `transform.jobs_max`: children at once; 0 is as many as the processors are good for.
    pub jobs_max: usize,
    /// A child that makes nothing for so long is ended; [`CHILD_STALL_MS`](budget::limits::CHILD_STALL_MS) is right.
    pub stall: Duration,
}

/// The maker of renditions. A clone is the same.
#[derive(Clone)]
pub struct Transforms(pub(crate) Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) budget: Budget,
    pub(crate) cache: Cache,
    pub(crate) ffmpeg: Shared<BoxFuture<'static, Option<Ffmpeg>>>,
    pub(crate) turns: Turns,
    /// Pictures are made here, by as many as there are processors, and never wait for a video.
    pub(crate) picture_turns: Turns,
    /// What is read of children.
    pub(crate) chunks: Chunks,
    pub(crate) metrics: Metrics,
    pub(crate) probes: Probes,
    /// Those that somebody waits for in the line.
    pub(crate) askings: Probes,
    /// Sources that no child can read where they lie.
    pub(crate) copies: Copies,
    pub(crate) stall: Duration,
    pub(crate) flights_max: usize,
    /// What each network may have in the making, and what each user.
    of_networks: Slots<Asker>,
    of_users: Slots<Asker>,
    /// What is being made. It is bounded by refusing what is new; nothing that runs is ever forgotten.
    flights: Mutex<HashMap<Key, Arc<Running>>>,
    tasks: TaskTracker,
    stop: CancellationToken,
}

impl Transforms {
    /// A maker with nothing in the making. It begins to look for its ffmpeg at once, on the runtime of the caller.
    pub fn new(parts: Parts) -> Transforms {
        let Parts { budget, cache, ffmpeg, jobs_max, stall } = parts;
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        let jobs_max = match jobs_max {
            // A child waits for its input and its output now and then, and memory decides in the end.
            0 => 2 * processors,
            configured => configured,
        };
        let jobs_max = jobs_max.clamp(JOBS_MIN, JOBS_MAX);
        // A search that breaks off found nothing: else whoever waits for it beside would wait for ever.
        let ffmpeg = AssertUnwindSafe(ffmpeg).catch_unwind().map(|found| found.unwrap_or_default()).boxed();
        let (ffmpeg, tasks) = (ffmpeg.shared(), TaskTracker::new());
        tasks.spawn(ffmpeg.clone());
        Transforms(Arc::new(Inner {
            budget,
            cache,
            ffmpeg,
            turns: Turns::new(jobs_max),
            picture_turns: Turns::new(processors),
            chunks: Chunks::new(CHILD_READ_BYTES, JOBS_MAX),
            metrics: Metrics::default(),
            probes: Probes::new("probes"),
            askings: Probes::new("askings"),
            copies: Copies::default(),
            stall,
            flights_max: jobs_max + FLIGHTS_WAITING_MAX,
            of_networks: asker_slots("renditions_of_networks", "renditions_per_address"),
            of_users: asker_slots("renditions_of_users", "renditions_per_user"),
            flights: Mutex::default(),
            tasks,
            stop: CancellationToken::new(),
        }))
    }

    /// Whether there is an ffmpeg, or may be one, while it is looked for; without one, covers alone are made.
    pub fn has_ffmpeg(&self) -> bool {
        !matches!(self.0.ffmpeg.peek(), Some(None))
    }

    /// What is kept of this, without making it. Of a source that was looked at lately it is fresh again.
    ///
    /// # Errors
    /// Of the disk; and what a former attempt failed of, while that is remembered.
    pub async fn find(&self, material: &Material, recipe: &Recipe) -> Result<Option<Made>, Error> {
        let key = self.0.key(material, recipe);
        let mut found = self.0.cache.get(key).await;
        self.0.metrics.looked_up(matches!(found, Ok(Some(_))));
        if let Ok(Some(made)) = &mut found
            && !made.is_fresh()
            && !material.is_stale
        {
            self.0.cache.renew(made, material.lifetimes.ok).await;
        }
        found
    }

    /// What the same recipe made of a former version of this source, to be given while it is made anew.
    ///
    /// # Errors
    /// Of the disk.
    pub async fn former(&self, material: &Material, recipe: &Recipe) -> Result<Option<Made>, Error> {
        let Material { origin, path, .. } = material;
        let found = self.0.cache.former(origin, path, recipe.number(), &self.0.key(material, recipe)).await;
        self.0.metrics.given_stale(matches!(found, Ok(Some(_))));
        found
    }

    /// Has this made though nobody waits for it, unless it is in the making already.
    ///
    /// # Errors
    /// As [`Transforms::make`].
    pub fn make_beside(&self, material: Material, recipe: Recipe, address: IpAddr) -> Result<(), Error> {
        if !self.0.flights().contains_key(&self.0.key(&material, &recipe)) {
            self.go_on(self.make(material, recipe, address)?, |_| ());
        }
        Ok(())
    }

    /// Joins those who wait for what is in the making under a key.
    pub fn flight(&self, key: &Key) -> Option<Flight> {
        self.0.flights().get(key).map(Running::join)
    }

    /// Joins those who wait for this rendition, or begins it. What is kept ends at once.
    ///
    /// # Errors
    /// `Busy` when too many are in the making, or too many for who asks. A join is never refused.
    pub fn make(&self, material: Material, recipe: Recipe, asker: impl Into<Asker>) -> Result<Flight, Error> {
        let key = self.0.key(&material, &recipe);
        let mut flights = self.0.flights();
        if let Some(running) = flights.get(&key) {
            self.0.metrics.joined();
            return Ok(running.join());
        }
        if self.0.stop.is_cancelled() {
            return Err(Error::new(ErrorKind::Gone, "the server stops"));
        }
        if flights.len() >= self.0.flights_max {
            self.0.metrics.refused("queue");
            return Err(busy("too many renditions wait to be made"));
        }
        let slot = self.0.slot(asker.into())?;
        let (running, since) = (Running::new(key, recipe.linger()), self.0.cache.moment());
        flights.insert(key, Arc::clone(&running));
        let flight = running.join();
        drop(flights);
        let inner = Arc::clone(&self.0);
        self.0.tasks.spawn(async move {
            let mut place = Place::new(&inner, &running);
            let outcome = tokio::select! {
                biased;
                () = inner.stop.cancelled() => Err(Error::new(ErrorKind::Gone, "the server stops")),
                () = running.abandoned() => Err(Error::new(ErrorKind::Gone, "nobody waited any more")),
                outcome = inner.make(&running, since, &material, &recipe) => outcome,
            };
            inner.metrics.ended(&recipe, &outcome);
            // Clients who come and leave, or ask for what is behind the end, are not to fill the log.
            if let Err(e) = &outcome
                && !matches!(e.kind, ErrorKind::Gone | ErrorKind::BehindTheEnd)
            {
                tracing::warn!(origin = %material.origin, path = %material.path, recipe = recipe.canonical(),
                    error = %e, words = %e.words, "a rendition could not be made");
            }
            place.outcome = outcome;
            drop(place);
            drop(slot);
        });
        Ok(flight)
    }

    /// Lets a flight go on to its end, though nobody waits for it any more, and says then how it ended.
    pub fn go_on(&self, flight: Flight, then: impl FnOnce(&Result<Option<Made>, Error>) + Send + 'static) {
        self.0.tasks.spawn(async move { then(&flight.made(Duration::MAX).await) });
    }

    /// Does something beside what requests wait for, until it is done or the server stops.
    pub fn beside(&self, work: impl Future<Output = ()> + Send + 'static) {
        let stopped = self.0.stop.clone().cancelled_owned();
        self.0.tasks.spawn(async move {
            tokio::select! {
                () = stopped => {}
                () = work => {}
            }
        });
    }

    /// What is known about a source: remembered, or looked at now.
    ///
    /// # Errors
    /// `Unsupported`, `NoFfmpeg`, `Source`; `Busy` when too many wait, or too many of this address, which is nobody's for
    /// what the server does by itself.
    pub async fn probe(
        &self,
        material: &Material,
        asker: Option<impl Into<Asker>>,
    ) -> Result<Arc<Probe>, Error> {
        self.0.probe(material, asker.map(Into::into)).await
    }

    /// Where renditions are kept, to be purged.
    pub fn cache(&self) -> &Cache {
        &self.0.cache
    }

    /// Renditions that are being made or wait to be.
    pub fn flights(&self) -> usize {
        self.0.flights().len()
    }

    /// Follows the pressure and tidies up until it is time to stop; then ends all children.
    pub async fn run(&self, stop: impl Future<Output = ()>) {
        let mut stop = std::pin::pin!(stop);
        let mut looks = tokio::time::interval(Duration::from_millis(PRESSURE_CHECK_MS));
        looks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = &mut stop => break,
                _ = looks.tick() => {
                    let level = self.0.budget.pressure();
                    self.0.turns.follow(level);
                    self.0.picture_turns.follow(level);
                    self.0.copies.tidy();
                }
            }
        }
        self.0.stop.cancel();
        self.0.tasks.close();
        self.0.tasks.wait().await;
        if let Some(Some(ffmpeg)) = self.0.ffmpeg.peek() {
            ffmpeg.settled().await;
        }
    }

    /// Adds the figures to the metrics.
    pub fn register(&self, registry: &mut Registry) {
        self.0.metrics.register(registry, &self.0);
        self.0.of_networks.register(registry);
        self.0.of_users.register(registry);
        self.0.probes.register(registry);
        self.0.askings.register(registry);
        self.0.cache.register(registry);
    }
}

impl Inner {
    /// What a rendition is found by. Pieces of one stream that two versions of an encoder made do not fit each other, so
    /// those of the present one are others.
    fn key(&self, material: &Material, recipe: &Recipe) -> Key {
        let maker = match recipe {
            Recipe::Piece(Piece::Head(_) | Piece::Segment(..)) => self.ffmpeg.peek().and_then(Option::as_ref),
            _ => None,
        };
        material.key(recipe, maker.map(Ffmpeg::version))
    }

    /// One of those that an address or a user may have.
    pub(crate) fn slot(&self, asker: Asker) -> Result<Slot<Asker>, Error> {
        let (slots, limit) = match asker {
            Asker::Network(_) => (&self.of_networks, "address"),
            Asker::User(_) => (&self.of_users, "user"),
        };
        Ok(slots.take(asker).inspect_err(|_| self.metrics.refused(limit))?)
    }

    pub(crate) fn flights(&self) -> MutexGuard<'_, HashMap<Key, Arc<Running>>> {
        self.flights.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// As many for each of them; whoever is refused is told the limit by the name of what he is counted by.
fn asker_slots(what: &'static str, limit: &'static str) -> Slots<Asker> {
    Slots::new(what, limit, 0, FLIGHTS_PER_ADDRESS_MAX)
}

pub(crate) fn busy(why: &str) -> Error {
    let kind = ErrorKind::Busy { retry_after: budget::limits::RETRY_AFTER, is_callers: false };
    Error::new(kind, why)
}

/// A flight's place in the map. It goes, and those who wait are told, on every outcome, a panic included.
struct Place {
    inner: Arc<Inner>,
    running: Arc<Running>,
    outcome: Result<Made, Error>,
}

impl Place {
    fn new(inner: &Arc<Inner>, running: &Arc<Running>) -> Place {
        let outcome = Err(Error::new(ErrorKind::Gone, "it was given up"));
        Place { inner: Arc::clone(inner), running: Arc::clone(running), outcome }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        // Whoever comes from now on finds what is kept, or begins anew.
        self.inner.flights().remove(&self.running.key());
        self.running.end(self.outcome.clone());
    }
}

impl std::fmt::Debug for Transforms {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Transforms").field("flights", &self.flights()).finish()
    }
}

#[cfg(test)]
mod tests {
    use budget::Budget;
    use store::{DataFolder, Io, Renditions};

    use super::*;
    use crate::cache::CacheSettings;

    #[tokio::test]
    async fn who_waits_for_a_flight_that_broke_off_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let data = DataFolder::share(folder.path()).unwrap();
        let renditions = Renditions::open(&data, Io::new(1)).unwrap();
        let budget = Budget::new(256 << 20).unwrap();
        let cache = Cache::open(&data, renditions, &budget, CacheSettings::default()).await.unwrap();
        let ffmpeg = std::future::ready(None).boxed();
        let stall = Duration::from_secs(1);
        let transforms = Transforms::new(Parts { budget, cache, ffmpeg, jobs_max: 1, stall });
        let running = Running::new("ab".repeat(32).parse().unwrap(), Duration::ZERO);
        transforms.0.flights().insert(running.key(), Arc::clone(&running));
        let flight = running.join();
        let inner = Arc::clone(&transforms.0);
        let task = tokio::spawn(async move {
            let _place = Place::new(&inner, &running);
            panic!("it breaks off");
        });
        assert!(task.await.unwrap_err().is_panic());
        assert_eq!(flight.made(Duration::MAX).await.unwrap_err().kind, ErrorKind::Gone);
        assert_eq!(transforms.flights(), 0);
    }
}
