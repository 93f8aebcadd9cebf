//! What artists and albums are called where songs disagree, or were called anew: an album as its first song calls it, in the
//! order in which it is played; an artist as the first song of his first album does, his own songs before those on which he
//! took another part. So a corrected tag reaches them, a song that comes later with another spelling does not, and a file that is
//! read again without a change writes nothing. Songs that everybody sees in folders come before what users sent or keep for
//! themselves. Of two songs at one place the one that came last counts: the other is mostly its file under an old name.

use std::collections::BTreeMap;

use super::playing::Write;
use super::{Result, totals};
use crate::fold;

/// The songs that may say it are, by `?2`: those that everybody sees in folders that are there, those that everybody sees, all.
/// A private song names nothing of which others see a song.
const SAYERS: [i64; 3] = [0, 1, 2];
/// The song that says what an album is called.
const FIRST_OF_ALBUM: &str = "SELECT t.id FROM tracks t INDEXED BY tracks_by_album
    WHERE t.album_id = ?1 AND t.missing = 0 AND (?2 = 2 OR (t.private = 0 AND (?2 = 1 OR (t.library_id > 0
            AND t.library_id IN (SELECT id FROM libraries WHERE hidden = 0)))))
    ORDER BY ifnull(t.disc, 1), ifnull(t.track, 1000000), t.id DESC LIMIT 1";
/// The song that says what an artist is called.
const FIRST_OF_ARTIST: &str = "SELECT t.id FROM artist_totals n
    CROSS JOIN tracks t INDEXED BY tracks_by_album ON t.album_id = n.album_id AND t.library_id = n.library_id
    WHERE n.artist_id = ?1 AND t.missing = 0 AND (?2 = 2 OR (n.public = 1 AND t.private = 0 AND (?2 = 1 OR (n.library_id > 0
            AND n.library_id IN (SELECT id FROM libraries WHERE hidden = 0))))) AND (
        (n.role = 1 AND t.artist_id = n.artist_id)
        OR (n.role = 2 AND (SELECT artist_id FROM albums WHERE id = n.album_id) = n.artist_id)
        OR EXISTS (SELECT 1 FROM track_credits c
            WHERE c.artist_id = n.artist_id AND c.role = n.role AND c.track_id = t.id))
    ORDER BY n.role, n.album_id, n.library_id, ifnull(t.disc, 1), ifnull(t.track, 1000000), t.id DESC LIMIT 1";
const NAME_ARTIST: &str = "UPDATE artists SET name = ?2, sort_name = ?3, musicbrainz = ?4 WHERE id = ?1";
// Its key may be another album's, which is another release.
const NAME_ALBUM: &str = "UPDATE albums AS al SET artist_id = ?2, name = ?3, sort_name = ?4,
        key = iif(EXISTS (SELECT 1 FROM albums o WHERE o.artist_id = ?2 AND o.key = ?5 AND o.id <> al.id),
            ?5 || char(13) || ifnull(al.release, al.id), ?5)
    WHERE al.id = ?1";

// Those of its songs are in an album that is called after it.
const RENAME_INSTRUMENTALS: &str = "UPDATE instrumentals SET stale = 1
    WHERE song IN (SELECT id FROM tracks INDEXED BY tracks_by_album WHERE album_id = ?1)";

/// What an artist is called.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct ArtistName {
    pub(super) name: String,
    pub(super) sort_name: String,
    pub(super) musicbrainz: Option<String>,
}

/// What an album is called, and whose it is.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct AlbumName {
    pub(super) artist: i64,
    pub(super) name: String,
    /// The one that it is found by where no release finds it.
    pub(super) key: String,
}

/// The name of one row, and what songs say otherwise, by their numbers in the batch.
struct Said<Name> {
    known: Name,
    last: Option<usize>,
    otherwise: BTreeMap<usize, Name>,
}

impl<Name> Said<Name> {
    fn of(known: Name) -> Self {
        Said { known, last: None, otherwise: BTreeMap::new() }
    }

    /// Of what one song says, the first counts.
    fn say(&mut self, song: usize, otherwise: impl FnOnce(&Name) -> Option<Name>) {
        if self.last != Some(song) {
            self.last = Some(song);
            self.otherwise.extend(otherwise(&self.known).map(|name| (song, name)));
        }
    }
}

/// What the songs of a batch say of artists and albums, by their ids. Nothing is written where they say what is known.
#[derive(Default)]
pub(super) struct Spellings {
    artists: BTreeMap<i64, Said<ArtistName>>,
    albums: BTreeMap<i64, Said<AlbumName>>,
}

impl Spellings {
    pub(super) fn know_artist(&mut self, id: i64, name: ArtistName) {
        self.artists.entry(id).or_insert_with(|| Said::of(name));
    }

    pub(super) fn know_album(&mut self, id: i64, name: AlbumName) {
        self.albums.entry(id).or_insert_with(|| Said::of(name));
    }

    /// What a song says of an artist who is known; nothing of what its tags have no words for.
    pub(super) fn say_artist(
        &mut self,
        id: i64,
        song: usize,
        name: &str,
        sort_name: Option<&str>,
        musicbrainz: Option<&str>,
    ) {
        let Some(said) = self.artists.get_mut(&id) else { return };
        said.say(song, |known| {
            let sort_name = sort_name.map_or_else(|| known.sort_name.clone(), fold::sort_name);
            let musicbrainz = musicbrainz.or(known.musicbrainz.as_deref()).map(str::to_owned);
            let name = ArtistName { name: name.to_owned(), sort_name, musicbrainz };
            (name != *known).then_some(name)
        });
    }

    /// What a song says of an album that is known.
    pub(super) fn say_album(&mut self, id: i64, song: usize, artist: i64, name: &str, key: &str) {
        let Some(said) = self.albums.get_mut(&id) else { return };
        said.say(song, |known| {
            let is_known = known.artist == artist && known.name == name;
            (!is_known).then(|| AlbumName { artist, name: name.to_owned(), key: key.to_owned() })
        });
    }

    /// Calls albums as their first songs do, where these are of the batch. What is counted of the albums must be counted anew.
    pub(super) async fn name_albums(&mut self, tx: &mut Write, songs: &[i64]) -> Result<()> {
        for (id, said) in std::mem::take(&mut self.albums) {
            let Some(name) = first_word(tx, FIRST_OF_ALBUM, id, said, songs).await? else { continue };
            sqlx::query(NAME_ALBUM)
                .bind(id)
                .bind(name.artist)
                .bind(&name.name)
                .bind(fold::sort_name(&name.name))
                .bind(name.key)
                .execute(&mut **tx)
                .await?;
            sqlx::query(RENAME_INSTRUMENTALS).bind(id).execute(&mut **tx).await?;
            totals::index_album(tx, id).await?;
        }
        Ok(())
    }

    /// Calls artists as their first songs do, where these are of the batch and counted. An artist is found by the words of every
    /// spelling of his name, so these stay.
    pub(super) async fn name_artists(&mut self, tx: &mut Write, songs: &[i64]) -> Result<()> {
        for (id, said) in std::mem::take(&mut self.artists) {
            let Some(name) = first_word(tx, FIRST_OF_ARTIST, id, said, songs).await? else { continue };
            let query = sqlx::query(NAME_ARTIST).bind(id).bind(name.name).bind(name.sort_name);
            query.bind(name.musicbrainz).execute(&mut **tx).await?;
        }
        Ok(())
    }
}

/// What the first song of all says, if it is one of those that say otherwise.
async fn first_word<Name>(
    tx: &mut Write,
    first: &'static str,
    id: i64,
    said: Said<Name>,
    songs: &[i64],
) -> Result<Option<Name>> {
    if said.otherwise.is_empty() {
        return Ok(None);
    }
    for sayers in SAYERS {
        let song: Option<i64> =
            sqlx::query_scalar(first).bind(id).bind(sayers).fetch_optional(&mut **tx).await?;
        if let Some(song) = song {
            let says = |(index, name)| (songs.get(index) == Some(&song)).then_some(name);
            return Ok(said.otherwise.into_iter().rev().find_map(says));
        }
    }
    Ok(None)
}
