//! The protocol's nouns, made from rows of the catalog. Each struct gives JSON and XML alike (see [`crate::reply`]).
//! Lengths in seconds, times in ISO 8601, ids as texts.

mod child;
mod video;

use std::fmt::Display;

use catalog::{Album, AlbumId, Artist, ArtistId, Genre, Playlist, PlaylistId, UnixMs};
use jiff::Timestamp;
use serde::{Serialize, Serializer};

pub(crate) use child::Child;
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

/// A head without anything in it.
#[derive(Serialize)]
pub(crate) struct Bare {}

/// Something with nothing but a name: a genre inside a song, a letter of an index.
#[derive(Clone, Copy, Serialize)]
pub(crate) struct Named<'a> {
    pub(crate) name: &'a str,
}

/// An artist inside a song or an album.
#[derive(Serialize)]
struct ArtistLink<'a> {
    id: Shown<ArtistId>,
    name: &'a str,
}

/// An artist in the view by tags. The cover is that of one of his albums.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ArtistID3<'a> {
    id: Shown<ArtistId>,
    name: &'a str,
    cover_art: Shown<ArtistId>,
    album_count: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    starred: Option<Moment>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user_rating: Option<u8>,
    sort_name: &'a str,
}

impl<'a> ArtistID3<'a> {
    pub(crate) fn of(artist: &'a Artist) -> Self {
        ArtistID3 {
            id: Shown(artist.id),
            name: &artist.name,
            cover_art: Shown(artist.id),
            album_count: artist.albums,
            starred: artist.play.starred.map(Moment),
            user_rating: rated(artist.play.rating),
            sort_name: &artist.sort_name,
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
    cover_art: Option<Shown<AlbumId>>,
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
    #[serde(skip_serializing_if = "Option::is_none")]
    artists: Option<Vec<ArtistLink<'a>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    display_artist: Option<&'a str>,
}

impl<'a> AlbumID3<'a> {
    /// `plain` leaves the nested lists out.
    pub(crate) fn of(album: &'a Album, plain: bool) -> Self {
        AlbumID3 {
            id: Shown(album.id),
            name: &album.name,
            artist: &album.artist,
            artist_id: Shown(album.artist_id),
            cover_art: album.has_cover.then_some(Shown(album.id)),
            song_count: album.tracks,
            duration: seconds(album.duration_ms),
            play_count: album.play.plays,
            created: Moment(album.created),
            starred: album.play.starred.map(Moment),
            year: album.year,
            genre: album.genre.as_deref(),
            played: album.play.played.map(Moment),
            user_rating: rated(album.play.rating),
            genres: (!plain).then(|| album.genre.iter().map(|name| Named { name }).collect()),
            artists: (!plain).then(|| vec![ArtistLink { id: Shown(album.artist_id), name: &album.artist }]),
            display_artist: (!plain).then_some(&*album.artist),
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

/// A playlist before its entries. Nobody can change one over this protocol yet, and it says so.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PlaylistHead<'a> {
    id: Shown<PlaylistId>,
    name: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    comment: &'a str,
    owner: &'a str,
    public: bool,
    song_count: u64,
    duration: u64,
    created: Moment,
    changed: Moment,
    cover_art: Shown<PlaylistId>,
    readonly: bool,
}

impl<'a> PlaylistHead<'a> {
    pub(crate) fn of(playlist: &'a Playlist) -> Self {
        PlaylistHead {
            id: Shown(playlist.id),
            name: &playlist.name,
            comment: &playlist.comment,
            owner: &playlist.owner_name,
            public: playlist.public,
            song_count: playlist.tracks,
            duration: seconds(playlist.duration_ms),
            created: Moment(playlist.created),
            changed: Moment(playlist.changed),
            cover_art: Shown(playlist.id),
            readonly: true,
        }
    }
}

#[cfg(test)]
mod tests;
