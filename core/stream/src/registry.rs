//! Which streams run: their entries, their limits and their end.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::ops::Bound;
use std::pin::pin;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;
use std::time::{Duration, SystemTime};

use budget::limits::{
    COPIED_STREAM_BYTES, PICTURES_PER_USER_MAX, SCRATCH_BYTES, SCRATCHES_IDLE_MAX, SEGMENT_BYTES_RANGE,
    SEGMENT_BYTES_WHOLE, STALL_CHECK_MS, STREAM_BYTES, STREAMS_MAX, STREAMS_PER_USER_MAX, SWEEP_MS,
    WRITE_STALL_MS,
};
use budget::{Budget, Chunks, Permit, Pool, Refused, Slot, Slots};
use prometheus_client::registry::Registry as MetricsRegistry;
use tokio::time::{Instant, MissedTickBehavior};

use crate::error::Ending;
use crate::metrics::{Metrics, Outcome};
use crate::peer::Peer;
use crate::respond::{Kind, Listener};
use crate::stall::Pace;

/// What may be set about streams; the defaults are those of [`budget::limits`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// `limits.streams`: streams at once; 0 is no limit.
    pub streams_max: usize,
    /// `limits.streams_per_user`: streams of one user at once; 0 is no limit.
    pub streams_per_user_max: usize,
    /// `stream.write_stall_ms`: how long a stream may live without progress.
    pub write_stall: Duration,
    /// `stream.segment_bytes_range`: what the wire sends of one range before others have their turn.
    pub segment_bytes_range: u64,
    /// `stream.segment_bytes_whole`: the same of a whole file.
    pub segment_bytes_whole: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            streams_max: STREAMS_MAX,
            streams_per_user_max: STREAMS_PER_USER_MAX,
            write_stall: Duration::from_millis(WRITE_STALL_MS),
            segment_bytes_range: SEGMENT_BYTES_RANGE,
            segment_bytes_whole: SEGMENT_BYTES_WHOLE,
        }
    }
}

/// One running stream as it is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamFigures {
    /// The stream's number, for [`Streams::end`].
    pub id: u64,
    /// Whose stream it is.
    pub user: i64,
    /// That user's name.
    pub user_name: Arc<str>,
    /// What is played.
    pub what: String,
    /// Where to.
    pub address: IpAddr,
    /// Bytes handed to the connection so far.
    pub bytes: u64,
    /// Bytes per second over the last minute, or since it began.
    pub rate: u64,
    /// When it began.
    pub since: SystemTime,
}

/// All streams of a server. Clones are the same streams.
#[derive(Clone)]
pub struct Streams {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) settings: Settings,
    pub(crate) budget: Budget,
    pub(crate) chunks: Chunks,
    /// Buffers that are lent for one call: to read what a connection takes at once.
    pub(crate) scratch: Chunks,
    pub(crate) metrics: Metrics,
    slots: Slots<i64>,
    /// What takes no slot of a stream and is bounded for each user all the same: pictures and small bodies.
    pub(crate) pictures: Slots<i64>,
    /// Times in entries are milliseconds since this moment, so that they fit an atomic.
    opened: Instant,
    next_id: AtomicU64,
    rows: Mutex<BTreeMap<u64, Row>>,
}

/// An entry, and what only the stall rule looks at.
pub(crate) struct Row {
    pub(crate) entry: Arc<Entry>,
    pub(crate) pace: Pace,
    /// It was already ending at the last check, and is still here.
    pub(crate) is_overdue: bool,
}

/// What the body and the registry share about one stream.
pub(crate) struct Entry {
    id: u64,
    listener: Listener,
    since: SystemTime,
    since_ms: u64,
    bytes: AtomicU64,
    /// When the connection last took a piece of the body.
    moved_ms: AtomicU64,
    /// 0, or the number of an [`Ending`].
    ending: AtomicU8,
    /// What is known of its end by who sends it; what the registry knows goes first.
    outcome: AtomicU8,
    waker: Mutex<Option<Waker>>,
    /// The memory of what is read to be copied.
    copied: Mutex<Option<Permit>>,
}

impl Entry {
    /// Nothing of this stream passes through our memory.
    pub(crate) fn goes_by_wire(&self) {
        drop(lock(&self.copied).take());
    }

    /// Bytes handed to the connection so far.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// How long ago the body or its connection last moved, in milliseconds.
    pub(crate) fn idle_ms(&self, now_ms: u64) -> u64 {
        now_ms.saturating_sub(self.moved_ms.load(Ordering::Relaxed)).min(self.peer().moved_ms_ago())
    }

    /// Whether one of the slots for streams is taken by it.
    pub(crate) fn has_slot(&self) -> bool {
        self.listener.kind == Kind::Media
    }

    pub(crate) fn peer(&self) -> &Peer {
        &self.listener.peer
    }

    /// Why the stream is to end, if it is.
    pub(crate) fn ending(&self) -> Option<Ending> {
        match self.ending.load(Ordering::SeqCst) {
            0 => None,
            1 => Some(Ending::Stalled),
            2 => Some(Ending::Crowded),
            _ => Some(Ending::Asked),
        }
    }

    /// Says how it ended. The last word counts.
    pub(crate) fn set_outcome(&self, outcome: Outcome) {
        self.outcome.store(outcome as u8, Ordering::Relaxed);
    }

    fn outcome(&self) -> Outcome {
        let said = self.outcome.load(Ordering::Relaxed);
        Outcome::ALL.into_iter().find(|outcome| *outcome as u8 == said).unwrap_or(Outcome::Cancelled)
    }

    /// Tells the body to end. The first reason stays.
    pub(crate) fn end(&self, ending: Ending) {
        let number = match ending {
            Ending::Stalled => 1,
            Ending::Crowded => 2,
            Ending::Asked => 3,
        };
        if self.ending.compare_exchange(0, number, Ordering::SeqCst, Ordering::SeqCst).is_ok() {
            let waker = lock(&self.waker).take();
            if let Some(waker) = waker {
                waker.wake();
            }
        }
    }

    /// Whom to wake when the stream is ended. Called before [`Entry::ending`] is looked at, so that no end is missed.
    pub(crate) fn listen(&self, waker: &Waker) {
        let mut known = lock(&self.waker);
        if !known.as_ref().is_some_and(|known| known.will_wake(waker)) {
            let before = known.replace(waker.clone());
            drop(known);
            drop(before);
        }
    }

    fn figures(&self, pace: &Pace, now_ms: u64) -> StreamFigures {
        StreamFigures {
            id: self.id,
            user: self.listener.user,
            user_name: Arc::clone(&self.listener.user_name),
            what: self.listener.what.clone(),
            address: self.listener.client.address,
            bytes: self.bytes(),
            rate: pace.rate(self.bytes(), now_ms),
            since: self.since,
        }
    }
}

/// A stream's place among the others. It lives in the body; dropping it gives everything back.
pub(crate) struct Ticket {
    pub(crate) entry: Arc<Entry>,
    pub(crate) inner: Arc<Inner>,
    /// Shared with every piece that the connection still holds, since those are the bytes that it stands for.
    pub(crate) permit: Arc<Permit>,
    #[expect(dead_code, reason = "held for its Drop")]
    slot: Slot<i64>,
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let row = lock(&self.inner.rows).remove(&self.entry.id);
        if row.is_none() {
            // The sweep took the entry for an orphan and has counted its end.
            return;
        }
        let outcome = match (self.entry.outcome(), self.entry.ending()) {
            (known @ Outcome::Complete, _) | (known, None) => known,
            (_, Some(Ending::Stalled)) => Outcome::Stalled,
            (_, Some(Ending::Crowded)) => Outcome::Crowded,
            (_, Some(Ending::Asked)) => Outcome::Ended,
        };
        let lived_ms = self.inner.now_ms().saturating_sub(self.entry.since_ms);
        self.inner.metrics.ended(outcome, Duration::from_millis(lived_ms));
    }
}

impl Inner {
    pub(crate) fn now_ms(&self) -> u64 {
        u64::try_from(self.opened.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// The connection took bytes of a stream.
    pub(crate) fn moved(&self, entry: &Entry, bytes: usize) {
        entry.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
        entry.moved_ms.store(self.now_ms(), Ordering::Relaxed);
        self.metrics.chunk(bytes);
    }

    /// A body waited for what it is to send: that is nobody's stall.
    pub(crate) fn waited(&self, entry: &Entry) {
        entry.moved_ms.store(self.now_ms(), Ordering::Relaxed);
    }

    /// Registers a stream, if there is a slot and memory for it. A picture takes none of the streams' slots.
    pub(crate) fn enter(self: &Arc<Self>, listener: Listener) -> Result<Ticket, Refused> {
        let slot = match listener.kind {
            Kind::Media => self.slots.take(listener.user)?,
            Kind::Picture => self.pictures.take(listener.user)?,
        };
        let permit = Arc::new(self.budget.take(Pool::Streams, STREAM_BYTES)?);
        let copied = self.budget.take(Pool::Streams, COPIED_STREAM_BYTES)?;
        let (id, now_ms) = (self.next_id.fetch_add(1, Ordering::Relaxed), self.now_ms());
        let entry = Arc::new(Entry {
            id,
            listener,
            since: SystemTime::now(),
            since_ms: now_ms,
            bytes: AtomicU64::new(0),
            moved_ms: AtomicU64::new(now_ms),
            ending: AtomicU8::new(0),
            outcome: AtomicU8::new(Outcome::Cancelled as u8),
            waker: Mutex::new(None),
            copied: Mutex::new(Some(copied)),
        });
        lock(&self.rows)
            .insert(id, Row { entry: Arc::clone(&entry), pace: Pace::new(now_ms), is_overdue: false });
        self.metrics.began();
        Ok(Ticket { entry, inner: Arc::clone(self), permit, slot })
    }

    /// Removes entries whose body is gone. There is no way known for one to come about; the count says if there is.
    fn sweep(&self) {
        let mut orphans = Vec::new();
        lock(&self.rows).retain(|_, row| {
            let is_alive = Arc::strong_count(&row.entry) > 1;
            if !is_alive {
                orphans.push(Arc::clone(&row.entry));
            }
            is_alive
        });
        for entry in orphans {
            self.metrics.orphan();
            tracing::error!(id = entry.id, what = %entry.listener.what, "a stream was registered without a body");
        }
    }
}

impl Streams {
    /// An empty registry. Streams take their memory from `budget` and their buffers from `chunks`.
    pub fn new(settings: Settings, budget: Budget, chunks: Chunks) -> Streams {
        let Settings { streams_max, streams_per_user_max, .. } = settings;
        let inner = Inner {
            settings,
            budget,
            chunks,
            scratch: Chunks::new(SCRATCH_BYTES, SCRATCHES_IDLE_MAX),
            metrics: Metrics::new(),
            slots: Slots::new("streams", "streams_per_user", streams_max, streams_per_user_max),
            pictures: Slots::new("pictures", "pictures_per_user", 0, PICTURES_PER_USER_MAX),
            opened: Instant::now(),
            next_id: AtomicU64::new(1),
            rows: Mutex::new(BTreeMap::new()),
        };
        Streams { inner: Arc::new(inner) }
    }

    /// Running streams, oldest first: at most `rows_max` of those whose number is greater than `after`.
    pub fn list(&self, after: Option<u64>, rows_max: usize) -> Vec<StreamFigures> {
        self.page(after, rows_max, |_| true)
    }

    /// The same of one account alone.
    pub fn list_of(&self, user: i64, after: Option<u64>, rows_max: usize) -> Vec<StreamFigures> {
        self.page(after, rows_max, |listener| listener.user == user)
    }

    fn page(
        &self,
        after: Option<u64>,
        rows_max: usize,
        wanted: impl Fn(&Listener) -> bool,
    ) -> Vec<StreamFigures> {
        let now_ms = self.inner.now_ms();
        let beyond = after.map_or(Bound::Unbounded, Bound::Excluded);
        let rows = lock(&self.inner.rows);
        let page = rows.range((beyond, Bound::Unbounded)).filter(|(_, row)| wanted(&row.entry.listener));
        page.take(rows_max).map(|(_, row)| row.entry.figures(&row.pace, now_ms)).collect()
    }

    /// On whose account a stream runs; none if there is none of this number.
    pub fn user_of(&self, id: u64) -> Option<i64> {
        lock(&self.inner.rows).get(&id).map(|row| row.entry.listener.user)
    }

    /// How many streams run, with pictures.
    pub fn running(&self) -> usize {
        lock(&self.inner.rows).len()
    }

    /// How many of one account run, with pictures.
    pub fn running_of(&self, user: i64) -> usize {
        lock(&self.inner.rows).values().filter(|row| row.entry.listener.user == user).count()
    }

    /// Ends one stream; false if there is none of this number. One that does not end by itself, because its client
    /// takes nothing, loses its connection one check later.
    pub fn end(&self, id: u64) -> bool {
        let entry = lock(&self.inner.rows).get(&id).map(|row| Arc::clone(&row.entry));
        entry.inspect(|entry| entry.end(Ending::Asked)).is_some()
    }

    /// How many slots are taken: streams that run, without pictures.
    pub fn used(&self) -> usize {
        self.inner.slots.used()
    }

    /// How many bytes the wire has sent, by whatever means.
    pub fn wired_bytes(&self) -> u64 {
        self.inner.metrics.wired_bytes()
    }

    /// Looks for stalls each second and sweeps each minute, until `stop` is ready.
    pub async fn run(self, stop: impl Future<Output = ()>) {
        let mut stop = pin!(stop);
        let mut check = tokio::time::interval(Duration::from_millis(STALL_CHECK_MS));
        let mut sweep = tokio::time::interval(Duration::from_millis(SWEEP_MS));
        check.set_missed_tick_behavior(MissedTickBehavior::Delay);
        sweep.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = &mut stop => return,
                _ = check.tick() => self.end_stalled(),
                _ = sweep.tick() => self.inner.sweep(),
            }
        }
    }

    fn end_stalled(&self) {
        let inner = &self.inner;
        let found = crate::stall::find(&mut lock(&inner.rows), &inner.settings, inner.now_ms());
        for (entry, ending) in found {
            if let Some(ending) = ending {
                let Listener { user, what, .. } = &entry.listener;
                tracing::info!(id = entry.id, user, %what, bytes = entry.bytes(), %ending, "stream ended");
                entry.end(ending);
            }
            // While the client takes nothing, nobody polls the body: only who owns it can end it. That is the whole
            // connection with HTTP/1, and one stream of it with HTTP/2.
            entry.peer().cut();
        }
    }

    /// Shows the metrics of streams and of their slots.
    pub fn register(&self, registry: &mut MetricsRegistry) {
        self.inner.metrics.register(registry);
        self.inner.slots.register(registry);
        self.inner.pictures.register(registry);
    }
}

impl std::fmt::Debug for Streams {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Streams").field("used", &self.used()).finish_non_exhaustive()
    }
}

/// Locks, also after a panic of another holder: every critical section here leaves the state whole at each step.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
