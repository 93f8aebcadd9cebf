//! How many transcodes one player may have, so that one that fetches whatever it can leaves some of its user's to his others.

use budget::limits::{PLAYER_NAME_CHARS, TRANSCODES_PER_PLAYER_MAX};
use budget::{Slot, Slots};

use crate::call::Call;
use crate::error::Error;

/// A user's number, and what his app calls itself.
type Player = (i64, Box<str>);

/// What players have in the making. Apps that call themselves alike are one.
pub(crate) struct Players(Slots<Player>);

/// One of those that a player may have, until it is dropped.
pub(crate) type PlayerSlot = Slot<Player>;

impl Default for Players {
    fn default() -> Players {
        Players(Slots::new("players", "transcodes_per_player", 0, TRANSCODES_PER_PLAYER_MAX))
    }
}

impl Players {
    /// One more for the player that asks.
    pub(crate) fn take(&self, call: &Call) -> Result<PlayerSlot, Error> {
        let name: String = call.params.get("c").unwrap_or_default().chars().take(PLAYER_NAME_CHARS).collect();
        Ok(self.0.take((call.user()?.id.0, name.into()))?)
    }
}
