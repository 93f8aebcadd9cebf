//! Who plays what: kept in memory, because it is true for minutes and nobody misses it after a restart.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use budget::limits::{NOW_PLAYING_MAX, NOW_PLAYING_MS};
use catalog::TrackId;
use tokio::time::Instant;

/// What a player says that it does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// It is about to play.
    Starting,
    /// It plays.
    Playing,
    /// It holds.
    Paused,
}

impl State {
    /// The word of the protocol.
    pub(crate) fn name(self) -> &'static str {
        match self {
            State::Starting => "starting",
            State::Playing => "playing",
            State::Paused => "paused",
        }
    }
}

/// What one player plays, as it said last.
#[derive(Clone, Debug)]
pub(crate) struct Playing {
    /// The number of its user.
    pub(crate) user: i64,
    /// The name of its user.
    pub(crate) user_name: Arc<str>,
    /// What the player calls itself.
    pub(crate) player: Arc<str>,
    pub(crate) track: TrackId,
    pub(crate) duration_ms: u64,
    pub(crate) state: State,
    /// Where in the song it was when it said so.
    pub(crate) position_ms: u64,
    /// How fast it plays, in thousandths of the usual.
    pub(crate) rate_thousandths: u32,
    /// When it said so.
    pub(crate) at: Instant,
    /// Whether it reports each change. One that says nothing but that a song has begun is taken to have ended with it.
    pub(crate) reports: bool,
}

impl Playing {
    /// Where in the song it is by now, if it went on as it was.
    pub(crate) fn position_ms(&self, now: Instant) -> u64 {
        let passed = match self.state {
            State::Playing => now.saturating_duration_since(self.at).as_millis(),
            State::Starting | State::Paused => 0,
        };
        let moved = u64::try_from(passed * u128::from(self.rate_thousandths) / 1_000).unwrap_or(u64::MAX);
        self.position_ms.saturating_add(moved).min(self.duration_ms.max(self.position_ms))
    }

    /// When it is taken to have ended, if it says nothing more.
    fn ends(&self) -> Instant {
        let left_ms = self.duration_ms.saturating_sub(self.position_ms);
        let left_ms = left_ms.saturating_mul(1_000) / u64::from(self.rate_thousandths.max(1));
        let patience_ms = if self.reports { NOW_PLAYING_MS } else { 0 };
        // A day is longer than what anybody plays without a word.
        let day_ms = 24 * 60 * 60 * 1_000;
        self.at + Duration::from_millis(left_ms.saturating_add(patience_ms).min(day_ms))
    }
}

/// All players that said something of late, the last one last. A user's players are told apart by their names.
#[derive(Default)]
pub(crate) struct NowPlaying(Mutex<Vec<(u64, Playing)>>);

impl NowPlaying {
    fn lock(&self) -> MutexGuard<'_, Vec<(u64, Playing)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Remembers what a player said, and says whether that is another song than the one before. It keeps its number.
    pub(crate) fn report(&self, playing: Playing) -> bool {
        let mut all = self.lock();
        let now = playing.at;
        all.retain(|(_, known)| known.ends() > now);
        let old = all.iter().position(|(_, known)| is_same(known, playing.user, &playing.player));
        let (number, before) = match old.map(|index| all.remove(index)) {
            Some((number, known)) => (number, Some(known.track)),
            None => {
                let number = (1..).find(|number| all.iter().all(|(known, _)| known != number));
                (number.unwrap_or(1), None)
            }
        };
        let is_another = before != Some(playing.track);
        if all.len() >= NOW_PLAYING_MAX {
            all.remove(0);
        }
        all.push((number, playing));
        is_another
    }

    /// Forgets a player that stopped.
    pub(crate) fn stop(&self, user: i64, player: &str) {
        self.lock().retain(|(_, known)| !is_same(known, user, player));
    }

    /// Every player with its number, the last one first.
    pub(crate) fn all(&self, now: Instant) -> Vec<(u64, Playing)> {
        self.lock().iter().rev().filter(|(_, known)| known.ends() > now).cloned().collect()
    }
}

fn is_same(known: &Playing, user: i64, player: &str) -> bool {
    known.user == user && *known.player == *player
}

#[cfg(test)]
mod tests {
    use super::*;

    fn playing(user: i64, player: &str, state: State, position_ms: u64) -> Playing {
        Playing {
            user,
            user_name: "ann".into(),
            player: player.into(),
            track: TrackId(1),
            duration_ms: 180_000,
            state,
            position_ms,
            rate_thousandths: 1_000,
            at: Instant::now(),
            reports: true,
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_player_goes_on_as_it_was_until_it_is_taken_to_have_ended() {
        let now_playing = NowPlaying::default();
        now_playing.report(playing(1, "a", State::Playing, 10_000));
        now_playing.report(Playing { reports: false, ..playing(1, "b", State::Playing, 0) });
        now_playing.report(playing(2, "a", State::Paused, 10_000));
        tokio::time::advance(Duration::from_secs(20)).await;
        let told = |all: Vec<(u64, Playing)>| {
            let now = Instant::now();
            all.iter().map(|(number, one)| (*number, one.position_ms(now))).collect::<Vec<_>>()
        };
        assert_eq!(told(now_playing.all(Instant::now())), [(3, 10_000), (2, 20_000), (1, 30_000)]);
        tokio::time::advance(Duration::from_secs(161)).await;
        assert_eq!(told(now_playing.all(Instant::now())), [(3, 10_000), (1, 180_000)]);
        now_playing.stop(1, "a");
        now_playing.report(playing(2, "a", State::Playing, 20_000));
        assert_eq!(told(now_playing.all(Instant::now())), [(3, 20_000)], "it keeps its number");
        tokio::time::advance(Duration::from_millis(NOW_PLAYING_MS + 160_000)).await;
        assert_eq!(told(now_playing.all(Instant::now())), []);
    }

    #[tokio::test]
    async fn of_too_many_players_the_one_that_said_nothing_for_longest_is_forgotten() {
        let now_playing = NowPlaying::default();
        for user in 0..NOW_PLAYING_MAX as i64 + 5 {
            now_playing.report(playing(user, "a", State::Playing, 0));
        }
        let all = now_playing.all(Instant::now());
        assert_eq!((all.len(), all.last().map(|(_, one)| one.user)), (NOW_PLAYING_MAX, Some(5)));
    }
}
