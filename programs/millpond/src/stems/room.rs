//! The room of the disk that the stems of a job are written into: reserved ahead of the child that writes them.
//!
//! What others make or read may have all of the cache for a while, so a job waits for its room, within a bound. One that
//! would need more than the cache may ever take is told so as soon as the length of its song is known. Two that wait for
//! what the other has would wait for ever: then the one that began later lets go of all that it has, and begins anew when
//! nobody before it waits.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use budget::limits::{JOB_BEAT_MS, STEMS_ROOM_AHEAD_BYTES, STEMS_ROOM_WAIT_MS};
use catalog::{Job, JobFault};
use transform::{Cache, ErrorKind, Filling};

use super::Inner;
use super::plan::Plan;
use super::work::{Trouble, never};

/// Bytes of one sample of both sides.
// format: 16 bit, stereo
const SAMPLE_BYTES: u64 = 4;
/// What a file has beside its samples at most.
// format: the heads of WAV and FLAC
const HEAD_BYTES: u64 = 8 * 1024;
/// Samples of one side in a second.
// format: what stems are made at
const RATE_HZ: u64 = 44_100;

/// How far a child is, in samples of one side; and how many there will be, as far as that is known.
pub(super) type Far = (u64, Option<u64>);

/// The stems of a job in the making.
pub(super) struct Rooms<'a> {
    pub(super) fillings: Vec<Filling>,
    ticket: &'a Ticket,
    /// What the song itself has of the cache.
    song_bytes: u64,
    limit_bytes: u64,
}

/// Whether there is room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reached {
    /// There is.
    Room,
    /// Others have it now.
    NotYet,
    /// Others have it, and one that began before waits too: what is held here may be what it waits for.
    GiveWay,
}

/// Whether others have the room now.
fn is_taken(error: &transform::Error) -> bool {
    matches!(error.kind, ErrorKind::Busy { .. })
}

/// How long a job waits for it.
const PATIENCE: Duration = Duration::from_millis(STEMS_ROOM_WAIT_MS);

/// Jobs in the order in which they were begun with.
#[derive(Default)]
pub(super) struct Tickets(Arc<Mutex<Numbers>>);

#[derive(Default)]
struct Numbers {
    last: u64,
    /// Those that wait for room.
    waiting: BTreeSet<u64>,
}

/// A job's place in that order, for as long as somebody works for it.
pub(super) struct Ticket {
    numbers: Arc<Mutex<Numbers>>,
    number: u64,
}

fn locked(numbers: &Mutex<Numbers>) -> MutexGuard<'_, Numbers> {
    numbers.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Tickets {
    /// The next one.
    pub(super) fn next(&self) -> Ticket {
        let mut numbers = locked(&self.0);
        numbers.last += 1;
        Ticket { numbers: Arc::clone(&self.0), number: numbers.last }
    }
}

impl Ticket {
    /// It waits for room.
    fn waits(&self) {
        locked(&self.numbers).waiting.insert(self.number);
    }

    /// It does not wait any more.
    fn goes_on(&self) {
        locked(&self.numbers).waiting.remove(&self.number);
    }

    /// Whether one that began before waits.
    fn is_behind(&self) -> bool {
        locked(&self.numbers).waiting.first().is_some_and(|first| *first < self.number)
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.goes_on();
    }
}

impl Inner {
    /// Room for the beginnings of a job's stems, beside so many bytes of the song.
    pub(super) async fn rooms<'a>(
        &self,
        job: &Job,
        plan: &Plan,
        song_bytes: u64,
        ticket: &'a Ticket,
    ) -> Result<Rooms<'a>, Trouble> {
        let cache = self.transforms.cache();
        let mut rooms = Rooms { fillings: Vec::new(), ticket, song_bytes, limit_bytes: cache.limit_bytes() };
        let mut since = Instant::now();
        while rooms.fillings.len() < plan.stems().len() {
            if ticket.is_behind() {
                rooms.fillings.clear();
                ticket.goes_on();
                since = Instant::now();
            } else {
                match begun(cache).await {
                    Ok(filling) => {
                        rooms.fillings.push(filling);
                        continue;
                    }
                    Err(error) if is_taken(&error) && since.elapsed() < PATIENCE => ticket.waits(),
                    Err(error) => return Err(error.into()),
                }
            }
            self.beat(job, (0, None)).await?;
            tokio::time::sleep(Duration::from_millis(JOB_BEAT_MS)).await;
        }
        ticket.goes_on();
        Ok(rooms)
    }
}

async fn begun(cache: &Cache) -> Result<Filling, transform::Error> {
    cache.reserve(STEMS_ROOM_AHEAD_BYTES).await?.begin().await
}

/// What a stem of so many samples takes at most.
fn bytes(samples: u64) -> u64 {
    samples.saturating_mul(SAMPLE_BYTES).saturating_add(HEAD_BYTES)
}

impl Rooms<'_> {
    /// Makes room for what the stems will be, as far as that is known, and for what the child writes until it is heard again.
    /// It has been waited for so long by now.
    ///
    /// # Errors
    /// As [`Filling::reach`], `Busy` after a long wait alone; what was reached before stays so.
    pub(super) async fn reach(
        &mut self,
        (samples, of): Far,
        waited: Duration,
    ) -> Result<Reached, transform::Error> {
        let bytes = bytes(of.unwrap_or(0)).max(bytes(samples).saturating_add(STEMS_ROOM_AHEAD_BYTES));
        for filling in &mut self.fillings {
            match filling.reach(bytes).await {
                Ok(()) => {}
                Err(error) if is_taken(&error) && waited < PATIENCE => {
                    self.ticket.waits();
                    return Ok(if self.ticket.is_behind() { Reached::GiveWay } else { Reached::NotYet });
                }
                Err(error) => return Err(error),
            }
        }
        self.ticket.goes_on();
        Ok(Reached::Room)
    }

    /// Refuses a song whose stems are more than the cache may ever take, whatever others do.
    pub(super) fn check(&self, (samples, of): Far) -> Result<(), Trouble> {
        let samples = samples.max(of.unwrap_or(0));
        let stems = self.fillings.len() as u64;
        // At its end a stem has all of its room ahead still.
        let bytes = bytes(samples).saturating_add(STEMS_ROOM_AHEAD_BYTES).saturating_mul(stems);
        if bytes.saturating_add(self.song_bytes) <= self.limit_bytes {
            return Ok(());
        }
        let beside = match self.song_bytes {
            0 => String::new(),
            own => format!(" beside its own {own}"),
        };
        let reason = format!(
            "the song is {} seconds long: its {stems} stems need {bytes} bytes of the disk{beside}, and cache.bytes is {}",
            samples / RATE_HZ,
            self.limit_bytes
        );
        Err(never(reason, JobFault::Room))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_those_that_wait_for_room_the_one_that_began_first_does_not_give_way() {
        let tickets = Tickets::default();
        let [first, second, third] = [tickets.next(), tickets.next(), tickets.next()];
        let behind = || [&first, &second, &third].map(Ticket::is_behind);
        assert_eq!(behind(), [false; 3], "nobody waits");
        third.waits();
        assert_eq!(behind(), [false; 3], "who works on is in nobody's way");
        second.waits();
        assert_eq!(behind(), [false, false, true]);
        first.waits();
        assert_eq!(behind(), [false, true, true]);
        first.goes_on();
        drop(second);
        assert_eq!([&first, &third].map(Ticket::is_behind), [false; 2]);
    }
}
