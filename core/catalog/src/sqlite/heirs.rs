//! Albums and artists all of whose songs are called otherwise now: what users said of the old one is said of the new one, so
//! that a corrected tag loses no star. Where a user starred or rated the new one already, that stays.

use std::collections::{BTreeMap, BTreeSet};

use super::Result;
use super::playing::Write;

/// What users said of `?1`, of a kind, is added to what they said of `?2` and forgotten, where nothing is left of `?1`.
macro_rules! inherit {
    ($kind:literal, $left:literal) => {
        [
            concat!(
                "INSERT INTO annotations (user_id, kind, item_id, starred, rating, plays, played)
                    SELECT user_id, kind, ?2, starred, rating, plays, played FROM annotations
                    WHERE kind = ", $kind, " AND item_id = ?1 AND NOT EXISTS (", $left, ")
                    ON CONFLICT (user_id, kind, item_id) DO UPDATE SET starred = ifnull(starred, excluded.starred),
                        rating = iif(rating > 0, rating, excluded.rating), plays = plays + excluded.plays,
                        played = nullif(max(ifnull(played, 0), ifnull(excluded.played, 0)), 0)"
            ),
            concat!(
                "DELETE FROM annotations WHERE kind = ", $kind, " AND item_id = ?1 AND ?2 <> ?1 AND NOT EXISTS (", $left, ")"
            ),
        ]
    };
}
// A song that is missing for now comes back to its album.
const ALBUM: [&str; 2] =
    inherit!("2", "SELECT 1 FROM tracks t INDEXED BY tracks_by_album WHERE t.album_id = ?1");
const ARTIST: [&str; 2] = inherit!("3", "SELECT 1 FROM artist_totals n WHERE n.artist_id = ?1");

/// Whose a song is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Home {
    pub(super) album: i64,
    pub(super) artist: i64,
    pub(super) album_artist: i64,
}

/// Where the songs of albums and of artists went.
#[derive(Default)]
pub(super) struct Heirs {
    albums: BTreeMap<i64, BTreeSet<i64>>,
    artists: BTreeMap<i64, BTreeSet<i64>>,
}

impl Heirs {
    /// Takes note of a song that went.
    pub(super) fn note(&mut self, old: Home, new: Home) {
        self.albums.entry(old.album).or_default().insert(new.album);
        self.artists.entry(old.artist).or_default().insert(new.artist);
        self.artists.entry(old.album_artist).or_default().insert(new.album_artist);
    }

    /// Gives what is said of those who are left without a song to the one to whom all of these went. What is counted of them must
    /// be counted anew before.
    pub(super) async fn inherit(self, tx: &mut Write) -> Result<()> {
        for (statements, went) in [(ALBUM, self.albums), (ARTIST, self.artists)] {
            for (old, new) in went {
                if let (Some(heir), 1) = (new.first(), new.len())
                    && *heir != old
                {
                    for sql in statements {
                        sqlx::query(sql).bind(old).bind(heir).execute(&mut **tx).await?;
                    }
                }
            }
        }
        Ok(())
    }
}
