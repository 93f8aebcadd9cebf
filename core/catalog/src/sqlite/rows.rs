//! Rows as the tables have them, and how they become the nouns of the model.

use budget::limits::ALBUM_MOODS_MAX;
use sqlx::FromRow;
use store::{BlobId, BlobKey, FolderId, Place, RelPath};

use super::columns::row;
use crate::error::{Error, ErrorKind};
use crate::model::instrumentals::home_of;
use crate::model::{
    Album, AlbumId, Artist, ArtistId, Cover, CoverMark, CredentialRow, Encoded, Genre, LibraryRow,
    LibrarySet, Parts, PlayState, Playlist, PlaylistId, Rights, Role, Track, TrackId, User, UserId,
    Visibility,
};
use crate::scan::{CONTENT_TYPES, COVER_TYPES};

type Result<T> = std::result::Result<T, Error>;

/// Turns rows into nouns; a row that cannot be one means a damaged database.
pub(super) fn all<Row, Noun>(rows: Vec<Row>) -> Result<Vec<Noun>>
where
    Noun: TryFrom<Row, Error = Error>,
{
    rows.into_iter().map(Noun::try_from).collect()
}

/// The only row that a query for one thing gave.
pub(super) fn one<Row, Noun>(rows: Vec<Row>, what: &'static str) -> Result<Noun>
where
    Noun: TryFrom<Row, Error = Error>,
{
    rows.into_iter().next().map_or_else(|| Err(Error::not_found(what)), Noun::try_from)
}

/// Files in bytes and durations are never negative in the tables.
pub(super) fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}

pub(super) fn small(number: i64) -> u32 {
    u32::try_from(number).unwrap_or(if number < 0 { 0 } else { u32::MAX })
}

pub(super) fn path(text: &str) -> Result<RelPath> {
    RelPath::parse(text)
        .map_err(|e| Error::new(ErrorKind::Unavailable, "a path in the database is none").because(e))
}

pub(super) fn key(text: &str) -> Result<BlobKey> {
    BlobKey::parse(text)
        .map_err(|e| Error::new(ErrorKind::Unavailable, "a key in the database is none").because(e))
}

pub(super) fn digest(bytes: &[u8]) -> Result<BlobId> {
    let bytes = bytes.try_into().map_err(|e| {
        Error::new(ErrorKind::Unavailable, "a hash in the database has another length").because(e)
    })?;
    Ok(BlobId::from_bytes(bytes))
}

pub(super) fn cover_mark(number: Option<i64>) -> Option<CoverMark> {
    number.and_then(|number| u32::try_from(number).ok()).map(CoverMark)
}

/// The constant of that text; a type that no release ever wrote is shown as bytes.
pub(super) fn media_type(text: &str, known: &[&'static str]) -> &'static str {
    known.iter().find(|name| **name == text).copied().unwrap_or("application/octet-stream")
}

row! {
    #[derive(FromRow)]
    pub(super) struct TrackRow {
        id: i64,
        library_id: i64,
        path: String,
        title: String,
        album_id: i64,
        album: String,
        artist_id: i64,
        artist: String,
        album_artist_id: i64,
        album_artist: String,
        genres: String,
        track: Option<i64>,
        disc: Option<i64>,
        year: Option<i64>,
        duration_ms: i64,
        bitrate_kbps: i64,
        sample_rate_hz: i64,
        bit_depth: Option<i64>,
        channels: i64,
        length_bytes: i64,
        suffix: String,
        content_type: String,
        has_cover: bool,
        private: bool,
        owner: Option<i64>,
        created: i64,
        digest: Option<Vec<u8>>,
        blob_key: Option<String>,
        image: Option<Vec<u8>>,
        cover_mark: Option<i64>,
        album_cover_mark: Option<i64>,
        details: Option<String>,
        bookmark_ms: Option<i64>,
        #[sqlx(flatten)]
        play: PlayRow,
    }
}

impl TryFrom<TrackRow> for Track {
    type Error = Error;

    fn try_from(row: TrackRow) -> Result<Track> {
        Ok(Track {
            id: TrackId(row.id),
            folder: FolderId(row.library_id),
            path: path(&row.path)?,
            digest: row.digest.as_deref().map(digest).transpose()?,
            blob: row.blob_key.as_deref().map(key).transpose()?,
            image: row.image.as_deref().map(digest).transpose()?,
            title: row.title,
            album_id: AlbumId(row.album_id),
            album: row.album,
            artist_id: ArtistId(row.artist_id),
            artist: row.artist,
            album_artist_id: ArtistId(row.album_artist_id),
            album_artist: row.album_artist,
            genres: row.genres.lines().map(str::to_owned).collect(),
            track: row.track.map(small),
            disc: row.disc.map(small),
            year: row.year.map(small),
            duration_ms: unsigned(row.duration_ms),
            bitrate_kbps: small(row.bitrate_kbps),
            sample_rate_hz: small(row.sample_rate_hz),
            bit_depth: row.bit_depth.map(small),
            channels: small(row.channels),
            size_bytes: unsigned(row.length_bytes),
            suffix: row.suffix,
            content_type: media_type(&row.content_type, &CONTENT_TYPES),
            has_cover: row.has_cover,
            cover_mark: cover_mark(row.cover_mark),
            album_cover_mark: cover_mark(row.album_cover_mark),
            visibility: if row.private { Visibility::Private } else { Visibility::Library },
            owner: row.owner.map(UserId),
            created: row.created,
            details: Encoded::kept(row.details),
            bookmark_ms: row.bookmark_ms.map(unsigned),
            play: row.play.into(),
        })
    }
}

row! {
    #[derive(FromRow)]
    pub(super) struct PlayRow {
        starred: Option<i64>,
        rating: i64,
        plays: i64,
        played: Option<i64>,
    }
}

impl From<PlayRow> for PlayState {
    fn from(row: PlayRow) -> Self {
        let rating = u8::try_from(row.rating).unwrap_or(0);
        PlayState { starred: row.starred, rating, plays: unsigned(row.plays), played: row.played }
    }
}

row! {
    pub(super) struct AlbumRow {
        id: i64,
        name: String,
        artist_id: i64,
        artist: String,
        /// [`Totals`] as JSON.
        totals: String,
        cover_mark: Option<i64>,
        created: i64,
        play: PlayRow,
    }
}

/// Over what a viewer sees of an album: how many tracks, their milliseconds, the year, the genres of a track (one a line),
/// whether there is a picture, what the tags say of the release, and the moods.
type Totals =
    (Option<i64>, Option<i64>, Option<i64>, Option<String>, Option<i64>, Option<String>, Option<Vec<String>>);

impl TryFrom<AlbumRow> for Album {
    type Error = Error;

    fn try_from(row: AlbumRow) -> Result<Album> {
        let (tracks, duration_ms, year, genre, has_cover, release, moods): Totals =
            serde_json::from_str(&row.totals).map_err(|e| {
                Error::new(ErrorKind::Unavailable, "the totals of an album are none").because(e)
            })?;
        Ok(Album {
            id: AlbumId(row.id),
            name: row.name,
            artist_id: ArtistId(row.artist_id),
            artist: row.artist,
            year: year.map(small),
            genres: genre.iter().flat_map(|genres| genres.lines()).map(str::to_owned).collect(),
            tracks: unsigned(tracks.unwrap_or(0)),
            duration_ms: unsigned(duration_ms.unwrap_or(0)),
            has_cover: has_cover == Some(1),
            cover_mark: cover_mark(row.cover_mark),
            created: row.created,
            release: Encoded::kept(release),
            moods: moods.into_iter().flatten().take(ALBUM_MOODS_MAX).collect(),
            play: row.play.into(),
        })
    }
}

row! {
    pub(super) struct ArtistRow {
        id: i64,
        name: String,
        sort_name: String,
        /// The number of albums, the bits of [`Parts`] and a [`CoverMark`], as JSON.
        totals: String,
        musicbrainz: Option<String>,
        play: PlayRow,
    }
}

impl TryFrom<ArtistRow> for Artist {
    type Error = Error;

    fn try_from(row: ArtistRow) -> Result<Artist> {
        let ArtistRow { id, name, sort_name, totals, musicbrainz, play } = row;
        let (albums, bits, mark): (i64, i64, Option<i64>) = serde_json::from_str(&totals)
            .map_err(|e| Error::new(ErrorKind::Unavailable, "the totals of an artist are none").because(e))?;
        let (albums, parts) = (unsigned(albums), Parts::of_bits(bits));
        let (id, cover_mark, play) = (ArtistId(id), cover_mark(mark), play.into());
        Ok(Artist { id, name, sort_name, albums, parts, musicbrainz, cover_mark, play })
    }
}

row! {
    pub(super) struct GenreRow {
        name: String,
        tracks: i64,
        albums: i64,
    }
}

impl TryFrom<GenreRow> for Genre {
    type Error = Error;

    fn try_from(row: GenreRow) -> Result<Genre> {
        Ok(Genre { name: row.name, tracks: unsigned(row.tracks), albums: unsigned(row.albums) })
    }
}

row! {
    #[derive(FromRow)]
    pub(super) struct LibraryTableRow {
        id: i64,
        name: String,
        root: String,
        tracks: i64,
    }
}

impl TryFrom<LibraryTableRow> for LibraryRow {
    type Error = Error;

    fn try_from(row: LibraryTableRow) -> Result<LibraryRow> {
        Ok(LibraryRow { id: FolderId(row.id), name: row.name, root: row.root, tracks: unsigned(row.tracks) })
    }
}

row! {
    pub(super) struct CoverRow {
        library_id: i64,
        cover_path: Option<String>,
        cover_offset: Option<i64>,
        cover_count: Option<i64>,
        cover_type: Option<String>,
        blob_key: Option<String>,
        image_key: Option<String>,
        image_type: Option<String>,
    }
}

impl TryFrom<CoverRow> for Cover {
    type Error = Error;

    /// A picture that was set comes before the one of the file.
    fn try_from(row: CoverRow) -> Result<Cover> {
        if let Some(image) = row.image_key {
            let content_type = media_type(row.image_type.as_deref().unwrap_or(""), &COVER_TYPES);
            return Ok(Cover { place: Place::Blob(key(&image)?), offset: 0, count: None, content_type });
        }
        let place = match (row.blob_key, row.cover_path) {
            (Some(blob), _) => Place::Blob(key(&blob)?),
            (None, Some(file)) => Place::File(home_of(FolderId(row.library_id)), path(&file)?),
            (None, None) => return Err(Error::not_found("cover")),
        };
        Ok(Cover {
            place,
            offset: unsigned(row.cover_offset.unwrap_or(0)),
            count: row.cover_count.map(unsigned),
            content_type: media_type(row.cover_type.as_deref().unwrap_or(""), &COVER_TYPES),
        })
    }
}

row! {
    #[derive(FromRow)]
    pub(super) struct UserRow {
        id: i64,
        name: String,
        role: String,
        upload: bool,
        transform: bool,
        share: bool,
        all_libraries: bool,
        libraries: String,
        max_bitrate_kbps: Option<i64>,
        created: i64,
    }
}

impl TryFrom<UserRow> for User {
    type Error = Error;

    fn try_from(row: UserRow) -> Result<User> {
        let libraries = if row.all_libraries {
            LibrarySet::All
        } else {
            let ids: Vec<i64> = serde_json::from_str(&row.libraries).map_err(|e| {
                Error::new(ErrorKind::Unavailable, "the libraries of a user are no list").because(e)
            })?;
            LibrarySet::Only(ids.into_iter().map(FolderId).collect())
        };
        Ok(User {
            id: UserId(row.id),
            name: row.name,
            role: if row.role == "admin" { Role::Admin } else { Role::User },
            rights: Rights { upload: row.upload, transform: row.transform, share: row.share },
            libraries,
            max_bitrate_kbps: row.max_bitrate_kbps.map(small),
            created: row.created,
        })
    }
}

row! {
    #[derive(FromRow)]
    pub(super) struct CredentialTableRow {
        id: i64,
        label: String,
        created: i64,
        used: Option<i64>,
    }
}

impl CredentialTableRow {
    pub(super) fn with_id<Id>(self, id: fn(i64) -> Id) -> CredentialRow<Id> {
        CredentialRow { id: id(self.id), label: self.label, created: self.created, used: self.used }
    }
}

row! {
    pub(super) struct PlaylistRow {
        id: i64,
        name: String,
        owner: i64,
        owner_name: String,
        public: bool,
        comment: String,
        tracks: i64,
        duration_ms: i64,
        created: i64,
        changed: i64,
        is_smart: bool,
    }
}

impl TryFrom<PlaylistRow> for Playlist {
    type Error = Error;

    fn try_from(row: PlaylistRow) -> Result<Playlist> {
        Ok(Playlist {
            id: PlaylistId(row.id),
            name: row.name,
            owner: UserId(row.owner),
            owner_name: row.owner_name,
            public: row.public,
            comment: row.comment,
            tracks: unsigned(row.tracks),
            duration_ms: unsigned(row.duration_ms),
            created: row.created,
            changed: row.changed,
            is_smart: row.is_smart,
            valid_until: None,
        })
    }
}
