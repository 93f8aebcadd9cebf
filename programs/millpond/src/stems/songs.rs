//! Songs that were sent for a job: each is held from its first byte to the end of its job, so that nothing puts it out of
//! the cache, and all of them together may hold a share of it and no more. The rest is left to the stems that are made of
//! them, and to everybody else: nobody would have room if the songs that wait had all of it.

use std::collections::HashSet;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use budget::limits::{JOBS_OPEN_MAX, SEPARATE_SONGS_PERCENT_MAX, SEPARATE_STRANGERS_SONGS_PERCENT_MAX};
use catalog::{JobId, UserId};
use transform::{Key, MODE_SENT, Made};
use web::{SplitError, SplitErrorKind};

use super::Inner;
use crate::error::{Error, Result};

/// What they hold of the cache. A clone is the same.
#[derive(Clone, Default)]
pub(super) struct Songs(Arc<Mutex<Bytes>>);

#[derive(Clone, Copy, Default)]
struct Bytes {
    all: u64,
    /// Of these, what strangers sent.
    strangers: u64,
}

/// What one of them holds. Dropped, it is free again.
pub(super) struct Share {
    songs: Songs,
    is_strangers: bool,
    bytes: u64,
}

/// A song that was sent. While this is there it cannot be put out of the cache.
pub(super) struct Held {
    pub(super) made: Made,
    _share: Share,
}

impl Songs {
    fn bytes(&self) -> MutexGuard<'_, Bytes> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What they hold together, in bytes.
    pub(super) fn held_bytes(&self) -> u64 {
        self.bytes().all
    }

    /// The share of a song that has nothing yet: of this user's, or a stranger's.
    pub(super) fn share(&self, owner: Option<UserId>) -> Share {
        Share { songs: self.clone(), is_strangers: owner.is_none(), bytes: 0 }
    }
}

impl Share {
    /// Takes as much as makes it so many bytes. A song that is alone may be as long as it likes: whether there is room for its
    /// stems is found when their length is known.
    ///
    /// # Errors
    /// [`SplitErrorKind::Full`] when the others hold too much of the cache, which has so many bytes, or of a stranger's song
    /// those of other strangers.
    pub(super) fn reach(&mut self, bytes: u64, cache_bytes: u64) -> std::result::Result<(), SplitError> {
        let songs = self.songs.clone();
        let mut held = songs.bytes();
        let refused = |songs: &str, all: u64, percent_max: u64| {
            let others = all.saturating_sub(self.bytes);
            let most = cache_bytes / 100 * percent_max;
            let said = || {
                format!(
                    "{songs} that wait to be taken apart have {others} bytes already, and this one has {bytes}: together they \
                     may have {most}, which is {percent_max} percent of cache.bytes; send it again when some are done"
                )
            };
            (others > 0 && others.saturating_add(bytes) > most).then(said)
        };
        let of_strangers =
            || refused("songs of strangers", held.strangers, SEPARATE_STRANGERS_SONGS_PERCENT_MAX);
        let said = refused("songs", held.all, SEPARATE_SONGS_PERCENT_MAX)
            .or_else(|| self.is_strangers.then(of_strangers).flatten());
        if let Some(said) = said {
            return Err(SplitError::new(SplitErrorKind::Full, said));
        }
        self.set(&mut held, self.bytes.max(bytes));
        Ok(())
    }

    /// The song is kept: it holds what it has, and not what was promised.
    pub(super) fn of(mut self, made: Made) -> Held {
        let songs = self.songs.clone();
        self.set(&mut songs.bytes(), made.source.len());
        Held { made, _share: self }
    }

    fn set(&mut self, Bytes { all, strangers }: &mut Bytes, bytes: u64) {
        for total in [Some(all), self.is_strangers.then_some(strangers)].into_iter().flatten() {
            *total = total.saturating_sub(self.bytes).saturating_add(bytes);
        }
        self.bytes = bytes;
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let songs = self.songs.clone();
        self.set(&mut songs.bytes(), 0);
    }
}

impl Inner {
    /// The song of a job, held: that of one that was let in before, and that nobody holds, is held from now on. None when it
    /// is gone.
    pub(super) async fn held(
        &self,
        job: JobId,
        owner: Option<UserId>,
        key: Key,
    ) -> std::result::Result<Option<Made>, transform::Error> {
        if let Some(made) = self.running.song(job) {
            return Ok(Some(made));
        }
        let Some(made) = self.transforms.cache().get(key).await? else { return Ok(None) };
        self.running.hold(job, self.songs.share(owner).of(made.clone()));
        Ok(Some(made))
    }

    /// Holds the songs of all jobs that have not ended, and lets go of those that no such job has: what a server left that
    /// ended while they came. It is done before anybody may put anything out of the cache.
    pub(super) async fn take_up_songs(&self) -> Result<()> {
        let failed = |what: &dyn fmt::Display| {
            Error::failed(format!("songs that were sent cannot be taken up again: {what}"))
        };
        let rows_max = usize::try_from(JOBS_OPEN_MAX).unwrap_or(usize::MAX);
        let of_jobs = self.catalog.sent_songs(rows_max).await.map_err(|e| failed(&e))?;
        for (job, owner, key) in &of_jobs {
            if let Err(error) = self.held(*job, *owner, Key::from_bytes(*key)).await {
                tracing::warn!(%job, %error, "the song of a job cannot be opened; its job says so when its turn comes");
            }
        }
        let wanted: HashSet<_> = of_jobs.into_iter().map(|(.., key)| Key::from_bytes(key)).collect();
        let released =
            self.transforms.cache().release_others(MODE_SENT, &wanted).await.map_err(|e| failed(&e))?;
        if released > 0 {
            tracing::info!(released, "songs that were sent and have no job are gone");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn songs_that_wait_leave_the_rest_of_the_cache_to_others_and_one_alone_may_always_come() {
        let (songs, user) = (Songs::default(), Some(UserId(1)));
        let [mut first, mut second] = [songs.share(user), songs.share(user)];
        first.reach(900, 1_000).expect("nobody else is there");
        let refused = second.reach(1, 1_000).expect_err("the first has more than half");
        assert_eq!(refused.kind, SplitErrorKind::Full);
        for figure in ["have 900 bytes", "this one has 1:", "may have 500,", "50 percent of cache.bytes"] {
            assert!(refused.said.contains(figure), "{figure}: {}", refused.said);
        }
        assert_eq!(songs.held_bytes(), 900, "who was refused holds nothing");
        drop(first);
        second.reach(200, 1_000).expect("it is alone now");
        second.reach(100, 1_000).expect("it has more already");
        let mut third = songs.share(user);
        third.reach(300, 1_000).expect("both together have half");
        assert!(second.reach(201, 1_000).is_err(), "also one that comes without saying how long it is");
        assert_eq!(songs.held_bytes(), 500);
        drop((second, third));
        assert_eq!(songs.held_bytes(), 0);
    }

    #[test]
    fn p05_strangers_leave_half_of_the_share_to_users() {
        let (songs, user) = (Songs::default(), Some(UserId(1)));
        let [mut one, mut other, mut of_user] = [songs.share(None), songs.share(None), songs.share(user)];
        one.reach(200, 1_000).expect("nobody else is there");
        other.reach(50, 1_000).expect("both together have a quarter");
        let refused = other.reach(51, 1_000).expect_err("that is more than a quarter");
        assert_eq!(refused.kind, SplitErrorKind::Full);
        for part in ["songs of strangers", "have 200 bytes", "may have 250,", "25 percent of cache.bytes"] {
            assert!(refused.said.contains(part), "{part}: {}", refused.said);
        }
        of_user.reach(250, 1_000).expect("the other half of the share is there for users");
        assert!(of_user.reach(251, 1_000).is_err(), "all together have half");
        drop(one);
        other.reach(250, 1_000).expect("it is the only one of a stranger");
        drop((other, of_user));
        let mut last = songs.share(None);
        last.reach(900, 1_000).expect("what strangers held is free again");
        assert_eq!(songs.held_bytes(), 900);
    }
}
