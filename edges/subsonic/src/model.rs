//! The protocol's nouns, made from rows of the catalog. Each struct gives JSON and XML alike (see [`crate::reply`]).
//! Lengths in seconds, times in ISO 8601, ids as texts.

mod child;
mod details;
mod kept;
mod podcasts;
mod user;
mod video;

use std::borrow::Cow;
use std::fmt::Display;

use catalog::{Album, AlbumId, Artist, ArtistId, DiscTitle, Genre, Part, Parts, UnixMs};
use jiff::Timestamp;
use serde::{Serialize, Serializer};

use details::{ArtistLinks, ItemDate, RecordLabel, display};

use crate::cover_id::CoverId;

pub(crate) use child::Child;
pub(crate) use kept::{BookmarkShown, PlaylistHead, QueueByIndex, QueueHead, ShareHead, StationShown};
pub(crate) use podcasts::{ChannelHead, EpisodeShown};
pub(crate) use user::Account;
pub(crate) use video::VideoInfo;

/// Shown as its text: ids are strings for clients.
#[derive(Clone, Copy)]
pub(crate) struct Shown<T>(pub(crate) T);

impl<T: Display> Serialize for Shown<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

/// A moment, shown as `2026-11-21T07:43:00.5Z`.
#[derive(Clone, Copy)]
pub(crate) struct Moment(pub(crate) UnixMs);

impl Serialize for Moment {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let moment = Timestamp::from_millisecond(self.0).unwrap_or(Timestamp::UNIX_EPOCH);
        serializer.collect_str(&moment)
    }
}

/// Whole seconds, to the nearest.
fn seconds(duration_ms: u64) -> u64 {
    duration_ms.saturating_add(500) / 1000
}

/// A rating as clients know it: 1 to 5, or none.
fn rated(rating: u8) -> Option<u8> {
    (rating > 0).then_some(rating)
}

/// A text that is an element of its own in XML, as the old protocol has it here and there, and a plain text in JSON.
#[derive(Serialize)]
#[serde(rename = "$element")]
pub(crate) struct Element<'a>(pub(crate) Cow<'a, str>);

/// A head without anything in it.
#[derive(Serialize)]
pub(crate) struct Bare {}

/// Something with nothing but a name: a genre inside a song, a letter of an index.
#[derive(Clone, Copy, Serialize)]
pub(crate) struct Named<'a> {
    pub(crate) name: &'a str,
}

/// An artist in the view by tags. The cover is that of one of his albums.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ArtistID3<'a> {
    id: Shown<ArtistId>,
    name: &'a str,
    cover_art: Shown<CoverId<ArtistId>>,
    album_count: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    starred: Option<Moment>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user_rating: Option<u8>,
    sort_name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    music_brainz_id: Option<&'a str>,
    roles: Roles,
}

/// What an artist did, by the words that OpenSubsonic has for it.
struct Roles(Parts);

impl Serialize for Roles {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(Part::name))
    }
}

impl<'a> ArtistID3<'a> {
    pub(crate) fn of(artist: &'a Artist) -> Self {
        ArtistID3 {
            id: Shown(artist.id),
            name: &artist.name,
            cover_art: Shown(CoverId(artist.id, artist.cover_mark)),
            album_count: artist.albums,
            starred: artist.play.starred.map(Moment),
            user_rating: rated(artist.play.rating),
            sort_name: &artist.sort_name,
            music_brainz_id: artist.musicbrainz.as_deref(),
            roles: Roles(artist.parts),
        }
    }
}

/// An artist in the old view by folders.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct OldArtist<'a> {
    id: Shown<ArtistId>,
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    starred: Option<Moment>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user_rating: Option<u8>,
}

impl<'a> OldArtist<'a> {
    pub(crate) fn of(artist: &'a Artist) -> Self {
        OldArtist {
            id: Shown(artist.id),
            name: &artist.name,
            starred: artist.play.starred.map(Moment),
            user_rating: rated(artist.play.rating),
        }
    }
}

/// An album in the view by tags.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AlbumID3<'a> {
    id: Shown<AlbumId>,
    name: &'a str,
    artist: &'a str,
    artist_id: Shown<ArtistId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cover_art: Option<Shown<CoverId<AlbumId>>>,
    song_count: u64,
    duration: u64,
    play_count: u64,
    created: Moment,
    #[serde(skip_serializing_if = "Option::is_none")]
    starred: Option<Moment>,
    #[serde(skip_serializing_if = "Option::is_none")]
    year: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    genre: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    played: Option<Moment>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user_rating: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    genres: Option<Vec<Named<'a>>>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    moods: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    artists: Option<ArtistLinks<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    display_artist: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sort_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    music_brainz_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    is_compilation: Option<bool>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    release_types: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    record_labels: Vec<RecordLabel>,
    #[serde(skip_serializing_if = "Option::is_none")]
    original_release_date: Option<ItemDate>,
    #[serde(skip_serializing_if = "Option::is_none")]
    release_date: Option<ItemDate>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    disc_titles: Vec<DiscTitleShown<'a>>,
}

/// What a disc of an album is called.
#[derive(Clone, Serialize)]
struct DiscTitleShown<'a> {
    disc: u32,
    title: &'a str,
}

impl<'a> AlbumID3<'a> {
    pub(crate) fn of(album: &'a Album) -> Self {
        Self::row(album).with_details(album)
    }

    /// The same with the names of its discs, which lists of albums do not have.
    pub(crate) fn whole(album: &'a Album, discs: &'a [DiscTitle]) -> Self {
        let shown = |title: &'a DiscTitle| DiscTitleShown { disc: title.disc, title: &title.title };
        let disc_titles = discs.iter().map(shown).collect();
        AlbumID3 { disc_titles, ..Self::of(album) }
    }

    fn with_details(self, album: &'a Album) -> Self {
        let release = album.release.read();
        let artists = ArtistLinks::of(release.artists, album.artist_id, &album.artist);
        AlbumID3 {
            genres: Some(album.genres.iter().map(|name| Named { name }).collect()),
            moods: &album.moods,
            display_artist: Some(display(artists.iter())),
            artists: Some(artists),
            sort_name: release.sort_name,
            music_brainz_id: release.musicbrainz,
            is_compilation: Some(release.is_compilation),
            release_types: release.types,
            record_labels: release.labels.into_iter().map(|name| RecordLabel { name }).collect(),
            original_release_date: release.original_date.map(ItemDate::from),
            release_date: release.date.map(ItemDate::from),
            ..self
        }
    }

    fn row(album: &'a Album) -> Self {
        AlbumID3 {
            id: Shown(album.id),
            name: &album.name,
            artist: &album.artist,
            artist_id: Shown(album.artist_id),
            cover_art: album.has_cover.then_some(Shown(CoverId(album.id, album.cover_mark))),
            song_count: album.tracks,
            duration: seconds(album.duration_ms),
            play_count: album.play.plays,
            created: Moment(album.created),
            starred: album.play.starred.map(Moment),
            year: album.year,
            genre: album.genres.first().map(String::as_str),
            played: album.play.played.map(Moment),
            user_rating: rated(album.play.rating),
            genres: None,
            moods: &[],
            artists: None,
            display_artist: None,
            sort_name: None,
            music_brainz_id: None,
            is_compilation: None,
            release_types: Vec::new(),
            record_labels: Vec::new(),
            original_release_date: None,
            release_date: None,
            disc_titles: Vec::new(),
        }
    }
}

/// A directory of the view by folders, before its children.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Directory<'a> {
    id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    parent: Option<String>,
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    starred: Option<Moment>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user_rating: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    play_count: Option<u64>,
}

impl<'a> Directory<'a> {
    pub(crate) fn of_library(id: store::FolderId, name: &'a str) -> Self {
        let id = id.0.to_string();
        Directory { id, parent: None, name, starred: None, user_rating: None, play_count: None }
    }

    pub(crate) fn of_artist(artist: &'a Artist) -> Self {
        Directory {
            id: artist.id.to_string(),
            parent: None,
            name: &artist.name,
            starred: artist.play.starred.map(Moment),
            user_rating: rated(artist.play.rating),
            play_count: None,
        }
    }

    pub(crate) fn of_album(album: &'a Album) -> Self {
        Directory {
            id: album.id.to_string(),
            parent: Some(album.artist_id.to_string()),
            name: &album.name,
            starred: album.play.starred.map(Moment),
            user_rating: rated(album.play.rating),
            play_count: Some(album.play.plays),
        }
    }
}

/// A genre; its name is the element's text in XML.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct GenreCount<'a> {
    song_count: u64,
    album_count: u64,
    value: &'a str,
}

impl<'a> GenreCount<'a> {
    pub(crate) fn of(genre: &'a Genre) -> Self {
        GenreCount { song_count: genre.tracks, album_count: genre.albums, value: &genre.name }
    }
}

#[cfg(test)]
mod tests;
