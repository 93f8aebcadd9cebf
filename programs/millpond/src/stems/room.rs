//! The room of the disk that the stems of a job are written into: reserved ahead of the child that writes them.
//!
//! What others make or read may have all of the cache for a while, so a job waits for its room, within a bound. One that
//! would need more than the cache may ever take is told so as soon as the length of its song is known.

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
pub(super) struct Rooms {
    pub(super) fillings: Vec<Filling>,
    /// What the song itself has of the cache.
    song_bytes: u64,
    limit_bytes: u64,
}

/// Whether others have the room now.
pub(super) fn is_taken(error: &transform::Error) -> bool {
    matches!(error.kind, ErrorKind::Busy { .. })
}

/// How long a job waits for it.
pub(super) const PATIENCE: Duration = Duration::from_millis(STEMS_ROOM_WAIT_MS);

impl Inner {
    /// Room for the beginnings of a job's stems, beside so many bytes of the song.
    pub(super) async fn rooms(&self, job: &Job, plan: &Plan, song_bytes: u64) -> Result<Rooms, Trouble> {
        let cache = self.transforms.cache();
        let mut rooms = Rooms { fillings: Vec::new(), song_bytes, limit_bytes: cache.limit_bytes() };
        let since = Instant::now();
        while rooms.fillings.len() < plan.stems().len() {
            match begun(cache).await {
                Ok(filling) => rooms.fillings.push(filling),
                Err(error) if is_taken(&error) && since.elapsed() < PATIENCE => {
                    self.beat(job, (0, None)).await?;
                    tokio::time::sleep(Duration::from_millis(JOB_BEAT_MS)).await;
                }
                Err(error) => return Err(error.into()),
            }
        }
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

impl Rooms {
    /// Makes room for what the stems will be, as far as that is known, and for what the child writes until it is heard again.
    ///
    /// # Errors
    /// As [`Filling::reach`]; what was reached before stays so.
    pub(super) async fn reach(&mut self, (samples, of): Far) -> Result<(), transform::Error> {
        let bytes = bytes(of.unwrap_or(0)).max(bytes(samples).saturating_add(STEMS_ROOM_AHEAD_BYTES));
        for filling in &mut self.fillings {
            filling.reach(bytes).await?;
        }
        Ok(())
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
