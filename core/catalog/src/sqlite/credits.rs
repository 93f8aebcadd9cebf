//! Artists and albums of a batch of tracks: found by their names or by MusicBrainz, or made.

use sqlx::FromRow;

use super::Result;
use super::batch::Batch;
use crate::fold;
use crate::model::{ArtistId, Contributor, Credit, Encoded, Part, Release, TrackDetails};
use crate::scan::{Person, Tags};

const FIND_ARTIST: &str = "SELECT id, name, sort_name, musicbrainz FROM artists WHERE key = ?1";
const ADD_ARTIST: &str =
    "INSERT INTO artists (name, key, sort_name, musicbrainz) VALUES (?1, ?2, ?3, ?4) RETURNING id";
const INDEX_ARTIST: &str = "INSERT INTO artist_words (rowid, name) VALUES (?1, ?2)";
const COMPLETE_ARTIST: &str =
    "UPDATE artists SET sort_name = ?2, musicbrainz = ifnull(musicbrainz, ?3) WHERE id = ?1";
const FIND_RELEASE: &str = "SELECT id FROM albums WHERE release = ?1";
const FIND_ALBUM: &str = "SELECT id, release FROM albums WHERE artist_id = ?1 AND key = ?2";
const NAME_RELEASE: &str = "UPDATE albums SET release = ?2 WHERE id = ?1";
const ADD_ALBUM: &str =
    "INSERT INTO albums (artist_id, name, key, sort_name, created, release) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
    RETURNING id";
const INDEX_ALBUM: &str = "INSERT INTO album_words (rowid, name, artist) VALUES (?1, ?2, ?3)";

/// The artist of files that name none, folded; the scan writes this name.
const NOBODY: &str = "[unknown artist]";

/// What an album is found by: its artist, its key, and the release that it is, if a track says.
pub(super) type AlbumKey = (i64, String, Option<String>);

/// What makes an album one where no release does: its artist and its name, so that the folders of a box set are one
/// album.
///
/// Tracks without any artist are told apart by where they come from too, because then the name is mostly the folder's,
/// and "CD 1" says nothing.
fn album_key(artist: &str, album: &str, place: &str) -> String {
    let key = fold::key(album);
    if fold::key(artist) == NOBODY { format!("{key}\n{place}") } else { key }
}

/// Who took part in a track, by their ids.
pub(super) struct Credits {
    /// The first artist.
    pub(super) artist: i64,
    /// The first artist of the album.
    pub(super) album_artist: Credit,
    /// Everybody else, and what he did.
    pub(super) others: Vec<(i64, Part)>,
    pub(super) details: Encoded<TrackDetails>,
    pub(super) release: Encoded<Release>,
}

#[derive(FromRow)]
struct KnownArtist {
    id: i64,
    name: String,
    sort_name: String,
    musicbrainz: Option<String>,
}

impl Batch<'_> {
    /// Finds or makes the artist of that name; what his row lacks is taken from the tags.
    pub(super) async fn artist(&mut self, person: &Person) -> Result<i64> {
        let key = fold::key(&person.name);
        if let Some(id) = self.artists.get(&key) {
            return Ok(*id);
        }
        let plain_sort = fold::sort_name(&person.name);
        let sort = person.sort_name.as_deref().map_or_else(|| plain_sort.clone(), fold::sort_name);
        let known: Option<KnownArtist> =
            sqlx::query_as(FIND_ARTIST).bind(&key).fetch_optional(&mut **self.tx).await?;
        let id = match known {
            Some(known) => {
                // Where files disagree, the first stays.
                let is_plain = known.sort_name == fold::sort_name(&known.name);
                let sort = if is_plain && person.sort_name.is_some() { &sort } else { &known.sort_name };
                let has_more = known.musicbrainz.is_none() && person.musicbrainz.is_some();
                if *sort != known.sort_name || has_more {
                    let query = sqlx::query(COMPLETE_ARTIST).bind(known.id).bind(sort);
                    query.bind(&person.musicbrainz).execute(&mut **self.tx).await?;
                }
                known.id
            }
            None => {
                let added = sqlx::query_scalar(ADD_ARTIST).bind(&person.name).bind(&key).bind(sort);
                let id = added.bind(&person.musicbrainz).fetch_one(&mut **self.tx).await?;
                sqlx::query(INDEX_ARTIST).bind(id).bind(&person.name).execute(&mut **self.tx).await?;
                id
            }
        };
        self.artists.insert(key, id);
        Ok(id)
    }

    pub(super) async fn credit(&mut self, person: &Person) -> Result<Credit> {
        let id = ArtistId(self.artist(person).await?);
        Ok(Credit { id, name: person.name.clone() })
    }

    /// All of these, the first of whom is this one where nobody is named.
    async fn everybody(&mut self, people: &[Person], otherwise: &str) -> Result<Vec<Credit>> {
        let mut credits: Vec<Credit> = Vec::with_capacity(people.len().max(1));
        for person in people {
            let credit = self.credit(person).await?;
            if credits.iter().all(|known| known.id != credit.id) {
                credits.push(credit);
            }
        }
        if credits.is_empty() {
            credits.push(self.credit(&Person::named(otherwise)).await?);
        }
        Ok(credits)
    }

    /// Everybody whom these tags name.
    pub(super) async fn credits(&mut self, tags: &Tags) -> Result<Credits> {
        let artists = self.everybody(&tags.details.artists, &tags.artist).await?;
        let album_artists = self.everybody(&tags.details.album_artists, &tags.album_artist).await?;
        let mut contributors = Vec::with_capacity(tags.details.contributors.len());
        for contribution in &tags.details.contributors {
            let artist = self.credit(&Person::named(&contribution.name)).await?;
            let (role, instrument) = (contribution.role, contribution.instrument.clone());
            contributors.push(Contributor { role, instrument, artist });
        }
        let others = artists.iter().skip(1).map(|credit| (credit.id.0, Part::Artist));
        let others =
            others.chain(album_artists.iter().skip(1).map(|credit| (credit.id.0, Part::AlbumArtist)));
        let others = others.chain(contributors.iter().map(|one| (one.artist.id.0, one.role))).collect();
        let (artist, album_artist) = (artists[0].id.0, album_artists[0].clone());
        // A single name stands in the row already.
        let several = |credits: Vec<Credit>, shown: &str| {
            if credits.len() == 1 && credits[0].name == shown { Vec::new() } else { credits }
        };
        let album_artists = several(album_artists, &tags.album_artist);
        let release = Release { artists: album_artists.clone(), ..tags.details.release.clone() };
        let artists = several(artists, &tags.artist);
        let details = TrackDetails { artists, album_artists, contributors, ..tags.details.track.clone() };
        let (details, release) = (Encoded::of(details), Encoded::of(release));
        Ok(Credits { artist, album_artist, others, details, release })
    }

    /// The album of a track that comes from `place`: the one that is that release; else the one of that name by that
    /// artist, unless it is another release.
    pub(super) async fn album(
        &mut self,
        artist: &Credit,
        album: &str,
        place: &str,
        release: Option<&str>,
    ) -> Result<i64> {
        let key = (artist.id.0, album_key(&artist.name, album, place), release.map(str::to_owned));
        if let Some(id) = self.albums.get(&key) {
            return Ok(*id);
        }
        let id = match self.known_album(&key).await? {
            Ok(id) => id,
            Err(key) => {
                let added = sqlx::query_scalar(ADD_ALBUM).bind(artist.id.0).bind(album).bind(key);
                let added = added.bind(fold::sort_name(album)).bind(self.now).bind(release);
                let id = added.fetch_one(&mut **self.tx).await?;
                let words = sqlx::query(INDEX_ALBUM).bind(id).bind(album).bind(&artist.name);
                words.execute(&mut **self.tx).await?;
                id
            }
        };
        self.albums.insert(key, id);
        Ok(id)
    }

    /// The album if there is one, else the key that it is to have.
    async fn known_album(
        &mut self,
        (artist, key, release): &AlbumKey,
    ) -> Result<std::result::Result<i64, String>> {
        if let Some(release) = release {
            let found = sqlx::query_scalar(FIND_RELEASE).bind(release);
            if let Some(id) = found.fetch_optional(&mut **self.tx).await? {
                return Ok(Ok(id));
            }
        }
        let found = sqlx::query_as(FIND_ALBUM).bind(artist).bind(key);
        let found: Option<(i64, Option<String>)> = found.fetch_optional(&mut **self.tx).await?;
        Ok(match (found, release) {
            (None, _) => Err(key.clone()),
            (Some((id, _)), None) => Ok(id),
            // It was made for tracks that do not say which release they are of, and keeps its id, stars and plays.
            (Some((id, None)), Some(release)) => {
                sqlx::query(NAME_RELEASE).bind(id).bind(release).execute(&mut **self.tx).await?;
                Ok(id)
            }
            (Some((_, Some(_))), Some(release)) => Err(format!("{key}\r{release}")),
        })
    }
}
