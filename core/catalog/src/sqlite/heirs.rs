//! Albums and artists all of whose songs are called otherwise now: what users said of the old one is said of the new one, so
//! that a corrected tag loses no star. Where a user said something of the new one already, that stays.

use std::collections::{BTreeMap, BTreeSet};

use super::Result;
use super::playing::Write;

/// `?1` is what nothing is left of, `?2` where its songs are.
const INHERIT_ALBUM: &str = "UPDATE OR IGNORE annotations SET item_id = ?2 WHERE kind = 2 AND item_id = ?1
    AND NOT EXISTS (SELECT 1 FROM tracks t INDEXED BY tracks_by_album WHERE t.album_id = ?1 AND t.missing = 0)";
const INHERIT_ARTIST: &str = "UPDATE OR IGNORE annotations SET item_id = ?2 WHERE kind = 3 AND item_id = ?1
    AND NOT EXISTS (SELECT 1 FROM artist_totals n WHERE n.artist_id = ?1)";

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
        for (sql, went) in [(INHERIT_ALBUM, self.albums), (INHERIT_ARTIST, self.artists)] {
            for (old, new) in went {
                if let (Some(heir), 1) = (new.first(), new.len())
                    && *heir != old
                {
                    sqlx::query(sql).bind(old).bind(heir).execute(&mut **tx).await?;
                }
            }
        }
        Ok(())
    }
}
