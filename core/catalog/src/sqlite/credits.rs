//! Artists and albums of a batch of tracks: found by their names or by MusicBrainz, or made.

use sqlx::FromRow;

use super::batch::Batch;
use super::spellings::{AlbumName, ArtistName};
use super::sql::with_end;
use super::{Result, totals};
use crate::fold;
use crate::model::{ArtistId, Contributor, Credit, Encoded, Part, Release, TrackDetails};
use crate::scan::{Person, Tags};

const FIND_ARTIST: &str = "SELECT id, name, sort_name, musicbrainz FROM artists WHERE key = ?1";
const ADD_ARTIST: &str =
    "INSERT INTO artists (name, key, sort_name, musicbrainz) VALUES (?1, ?2, ?3, ?4) RETURNING id";
const INDEX_ARTIST: &str =
    concat!("INSERT INTO artist_words (rowid, name) VALUES (?1, ", with_end!("?2"), ")");
const COMPLETE_ARTIST: &str =
    "UPDATE artists SET sort_name = ?2, musicbrainz = ifnull(musicbrainz, ?3) WHERE id = ?1";
const FIND_RELEASE: &str = "SELECT id, artist_id, name, release FROM albums WHERE release = ?1";
const FIND_ALBUM: &str = "SELECT id, artist_id, name, release FROM albums WHERE artist_id = ?1 AND key = ?2";
const NAME_RELEASE: &str = "UPDATE albums SET release = ?2 WHERE id = ?1";
const ADD_ALBUM: &str =
    "INSERT INTO albums (artist_id, name, key, sort_name, created, release) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
    RETURNING id";

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

#[derive(FromRow)]
struct KnownAlbum {
    id: i64,
    artist_id: i64,
    name: String,
    release: Option<String>,
}

impl Batch<'_> {
    /// Finds or makes the artist of that name, and takes note of how he is called.
    pub(super) async fn artist(&mut self, person: &Person) -> Result<i64> {
        let key = fold::key(&person.name);
        let id = match self.artists.get(&key) {
            Some(id) => *id,
            None => self.known_artist(person, key).await?,
        };
        let (sort_name, musicbrainz) = (person.sort_name.as_deref(), person.musicbrainz.as_deref());
        self.spellings.say_artist(id, self.tracks.len(), &person.name, sort_name, musicbrainz);
        Ok(id)
    }

    /// Finds or makes the artist of that key; what his row lacks is taken from the tags.
    async fn known_artist(&mut self, person: &Person, key: String) -> Result<i64> {
        let plain_sort = fold::sort_name(&person.name);
        let sort = person.sort_name.as_deref().map_or_else(|| plain_sort.clone(), fold::sort_name);
        let known: Option<KnownArtist> =
            sqlx::query_as(FIND_ARTIST).bind(&key).fetch_optional(&mut **self.tx).await?;
        let (id, name) = match known {
            Some(known) => {
                let is_plain = known.sort_name == fold::sort_name(&known.name);
                let sort = if is_plain && person.sort_name.is_some() { &sort } else { &known.sort_name };
                let has_more = known.musicbrainz.is_none() && person.musicbrainz.is_some();
                if *sort != known.sort_name || has_more {
                    let query = sqlx::query(COMPLETE_ARTIST).bind(known.id).bind(sort);
                    query.bind(&person.musicbrainz).execute(&mut **self.tx).await?;
                }
                let (sort_name, name) = (sort.clone(), known.name);
                let musicbrainz = known.musicbrainz.or_else(|| person.musicbrainz.clone());
                (known.id, ArtistName { name, sort_name, musicbrainz })
            }
            None => {
                let added = sqlx::query_scalar(ADD_ARTIST).bind(&person.name).bind(&key).bind(&sort);
                let id = added.bind(&person.musicbrainz).fetch_one(&mut **self.tx).await?;
                sqlx::query(INDEX_ARTIST).bind(id).bind(&person.name).execute(&mut **self.tx).await?;
                let (name, musicbrainz) = (person.name.clone(), person.musicbrainz.clone());
                (id, ArtistName { name, sort_name: sort, musicbrainz })
            }
        };
        self.artists.insert(key, id);
        self.spellings.know_artist(id, name);
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
        let id = match self.albums.get(&key) {
            Some(id) => *id,
            None => self.known_or_new_album(artist, album, &key).await?,
        };
        self.spellings.say_album(id, self.tracks.len(), artist.id.0, album, &key.1);
        self.albums.insert(key, id);
        Ok(id)
    }

    async fn known_or_new_album(&mut self, artist: &Credit, album: &str, key: &AlbumKey) -> Result<i64> {
        let (id, artist_id, name) = match self.known_album(key).await? {
            Ok(known) => (known.id, known.artist_id, known.name),
            Err(key_of_row) => {
                let added = sqlx::query_scalar(ADD_ALBUM).bind(artist.id.0).bind(album).bind(key_of_row);
                let added = added.bind(fold::sort_name(album)).bind(self.now).bind(&key.2);
                let id = added.fetch_one(&mut **self.tx).await?;
                totals::index_album(self.tx, id).await?;
                (id, artist.id.0, album.to_owned())
            }
        };
        self.spellings.know_album(id, AlbumName { artist: artist_id, name, key: key.1.clone() });
        Ok(id)
    }

    /// The album if there is one, else the key that it is to have.
    async fn known_album(
        &mut self,
        (artist, key, release): &AlbumKey,
    ) -> Result<std::result::Result<KnownAlbum, String>> {
        if let Some(release) = release {
            let found = sqlx::query_as(FIND_RELEASE).bind(release);
            if let Some(known) = found.fetch_optional(&mut **self.tx).await? {
                return Ok(Ok(known));
            }
        }
        let found = sqlx::query_as(FIND_ALBUM).bind(artist).bind(key);
        let found: Option<KnownAlbum> = found.fetch_optional(&mut **self.tx).await?;
        Ok(match (found, release) {
            (None, _) => Err(key.clone()),
            (Some(known), None) => Ok(known),
            // It was made for tracks that do not say which release they are of, and keeps its id, stars and plays.
            (Some(known), Some(release)) if known.release.is_none() => {
                sqlx::query(NAME_RELEASE).bind(known.id).bind(release).execute(&mut **self.tx).await?;
                Ok(known)
            }
            (Some(_), Some(release)) => Err(format!("{key}\r{release}")),
        })
    }
}
