//! How many transcodes one player may have, so that one that fetches whatever it can leaves some of its user's to his others.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use budget::limits::{PLAYER_NAME_CHARS, TRANSCODES_PER_PLAYER_MAX};
use budget::{Slot, Slots};

use crate::call::Call;
use crate::error::Error;

/// A user's number, and what his app calls itself.
type Player = (i64, Box<str>);

/// The place of each rendition that a player has.
type Held = HashMap<(Player, String), Weak<Slot<Player>>>;

/// What players have in the making. Apps that call themselves alike are one.
pub(crate) struct Players {
    slots: Slots<Player>,
    /// What each of them has: whoever asks again for the same has no more in the making than before.
    held: Mutex<Held>,
}

/// One of those that a player may have, until the last who holds it drops it.
pub(crate) type PlayerSlot = Arc<Slot<Player>>;

impl Default for Players {
    fn default() -> Players {
        let slots = Slots::new("players", "transcodes_per_player", 0, TRANSCODES_PER_PLAYER_MAX);
        Players { slots, held: Mutex::default() }
    }
}

impl Players {
    /// The place of this rendition among those of the player that asks: the one that it has, or one more.
    pub(crate) fn take(&self, call: &Call, rendition: String) -> Result<PlayerSlot, Error> {
        let name: String = call.params.get("c").unwrap_or_default().chars().take(PLAYER_NAME_CHARS).collect();
        self.place((call.user()?.id.0, name.into()), rendition)
    }

    fn place(&self, player: Player, rendition: String) -> Result<PlayerSlot, Error> {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        held.retain(|_, slot| slot.strong_count() > 0);
        let key = (player.clone(), rendition);
        if let Some(slot) = held.get(&key).and_then(Weak::upgrade) {
            return Ok(slot);
        }
        let slot = Arc::new(self.slots.take(player)?);
        held.insert(key, Arc::downgrade(&slot));
        Ok(slot)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_player_has_each_rendition_once_however_often_it_asks() {
        let players = Players::default();
        let place = |player: &str, rendition: usize| {
            players.place((1, player.into()), format!("tr-{rendition} mp3")).ok()
        };
        let all: Vec<_> = (0..TRANSCODES_PER_PLAYER_MAX).map(|number| place("a", number)).collect();
        assert!(all.iter().all(Option::is_some), "so many it may have");
        let again = place("a", 0);
        assert!(again.is_some(), "this one it has");
        assert!(place("a", 99).is_none() && place("b", 99).is_some(), "one more is another's");
        drop(all);
        assert_eq!(players.slots.used_by(&(1, "a".into())), 1, "somebody still hears this one");
        drop(again);
        assert!((0..TRANSCODES_PER_PLAYER_MAX).all(|number| place("a", number).is_some()));
        assert!(players.held.lock().unwrap().len() <= 1, "what nobody holds is forgotten");
    }
}
