//! Who plays what, and how much of it was heard: kept in memory, because it is true for minutes.
//!
//! A player that reports what it does has a session for each time that it plays a song, in which the time adds up that was
//! heard: what the clock says between two reports, and no more than the player came forward in the song meanwhile. A session
//! ends when the player stops, begins another, or says nothing more; then it is a play, or it is none.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use budget::limits::{NOW_PLAYING_MAX, NOW_PLAYING_MS, PLAYED_AFTER_MS};
use catalog::{TrackId, UnixMs, UserId};
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
    pub(crate) user: UserId,
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
    /// Whether it reports each change. One that says nothing but that a song has begun is taken to have ended with it, and
    /// counts its plays itself.
    pub(crate) reports: bool,
    /// Whether it wants a play to be counted, as it said last.
    pub(crate) counts: bool,
    /// When the song began.
    pub(crate) began: UnixMs,
    /// How much of the song was heard for certain until it said so.
    pub(crate) heard_ms: u64,
}

/// A song of which enough was heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Play {
    pub(crate) user: UserId,
    pub(crate) track: TrackId,
    /// When it began.
    pub(crate) began: UnixMs,
}

/// What came of a report.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Reported {
    /// Whether the player begins a song with it.
    pub(crate) begins: bool,
    /// What ended with it.
    pub(crate) played: Vec<Play>,
}

impl Playing {
    /// Where in the song it is by now, if it went on as it was.
    pub(crate) fn position_ms(&self, now: Instant) -> u64 {
        match self.state {
            State::Playing => self.position_ms.saturating_add(self.passed_ms(now)),
            State::Starting | State::Paused => self.position_ms,
        }
    }

    /// How far it came since it said so, if it played on: not behind the end of the song, where that is known.
    fn passed_ms(&self, now: Instant) -> u64 {
        let passed = now.saturating_duration_since(self.at).as_millis();
        let passed = u64::try_from(passed * u128::from(self.rate_thousandths) / 1_000).unwrap_or(u64::MAX);
        match self.duration_ms {
            0 => passed,
            whole_ms => passed.min(whole_ms.saturating_sub(self.position_ms)),
        }
    }

    /// How much was heard when it is here by now, or nobody says where. Who seeks forward has not heard what he passed over,
    /// and the clock alone proves nothing of a player that slept.
    fn heard_ms(&self, position_ms: Option<u64>, now: Instant) -> u64 {
        let passed = self.passed_ms(now);
        let came = position_ms.map(|position_ms| position_ms.checked_sub(self.position_ms));
        let more = match (self.state, came) {
            (State::Playing | State::Starting, Some(Some(came))) => passed.min(came),
            // It went back meanwhile, and played all the same.
            (State::Playing, Some(None) | None) => passed,
            (State::Starting, Some(None) | None) | (State::Paused, _) => 0,
        };
        self.heard_ms.saturating_add(more)
    }

    /// The same song, as it goes on by what the player says now.
    fn go_on(&self, said: Playing) -> Playing {
        Playing { heard_ms: self.heard_ms(Some(said.position_ms), said.at), began: self.began, ..said }
    }

    /// The play that it is when so much was heard.
    fn play(&self, heard_ms: u64) -> Option<Play> {
        let is_enough = heard_ms > 0 && heard_ms >= PLAYED_AFTER_MS.min(self.duration_ms / 2);
        let play = Play { user: self.user, track: self.track, began: self.began };
        Some(play).filter(|_| self.reports && self.counts && is_enough)
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

    /// Remembers what a player said. It keeps its number.
    pub(crate) fn report(&self, said: Playing) -> Reported {
        let mut all = self.lock();
        let mut played = forget_ended(&mut all, said.at);
        let old = all.iter().position(|(_, known)| is_same(known, said.user, &said.player));
        let (number, before) = match old.map(|index| all.remove(index)) {
            Some((number, known)) => (number, Some(known)),
            None => {
                let number = (1..).find(|number| all.iter().all(|(known, _)| known != number));
                (number.unwrap_or(1), None)
            }
        };
        // A song that starts is another one, even if it is the same again.
        let same = before.as_ref().filter(|known| known.track == said.track && said.state != State::Starting);
        let begins = same.is_none();
        let playing = match same {
            // It has said more of this song than that it has begun.
            Some(known) if known.reports && !said.reports => known.clone(),
            Some(known) => known.go_on(said),
            None => {
                played.extend(before.and_then(|known| known.play(known.heard_ms(None, said.at))));
                said
            }
        };
        if all.len() >= NOW_PLAYING_MAX {
            let (_, forgotten) = all.remove(0);
            played.extend(forgotten.play(forgotten.heard_ms));
        }
        all.push((number, playing));
        Reported { begins, played }
    }

    /// Forgets a player that stopped at this place of a song. One that plays another song meanwhile goes on with it.
    pub(crate) fn stop(&self, said: &Playing) -> Option<Play> {
        let mut all = self.lock();
        let is_this = |known: &Playing| is_same(known, said.user, &said.player) && known.track == said.track;
        let index = all.iter().position(|(_, known)| is_this(known))?;
        let (_, known) = all.remove(index);
        let last = Playing { counts: said.counts, ..known };
        // Many are at the beginning again when they are done, which tells nothing.
        let position_ms = Some(said.position_ms).filter(|position_ms| *position_ms > 0);
        last.play(last.heard_ms(position_ms, said.at))
    }

    /// Forgets the players that said nothing for too long. What they said is counted, and nothing beyond: the clock does not
    /// tell whether anybody listened on.
    pub(crate) fn forget_ended(&self, now: Instant) -> Vec<Play> {
        forget_ended(&mut self.lock(), now)
    }

    /// Every player with its number, the last one first.
    pub(crate) fn all(&self, now: Instant) -> Vec<(u64, Playing)> {
        self.lock().iter().rev().filter(|(_, known)| known.ends() > now).cloned().collect()
    }
}

fn forget_ended(all: &mut Vec<(u64, Playing)>, now: Instant) -> Vec<Play> {
    let ended = all.extract_if(.., |(_, known)| known.ends() <= now);
    ended.filter_map(|(_, known)| known.play(known.heard_ms)).collect()
}

fn is_same(known: &Playing, user: UserId, player: &str) -> bool {
    known.user == user && *known.player == *player
}

#[cfg(test)]
mod tests;
