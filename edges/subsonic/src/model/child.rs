//! `Child`: a song, or in the view by folders an album or an artist that can be entered.

use std::borrow::Cow;
use std::fmt;

use catalog::{Album, AlbumId, Artist, ArtistId, Item, Track, Video};
use serde::Serialize;
use store::FolderId;

use tokio::time::Instant;

use super::details::{ArtistLinks, ContributorLink, ReplayGain, display};
use super::{Moment, Named, Shown, rated, seconds};
use crate::cover_id::CoverId;
use crate::playing::Playing;

/// What a row lies in, in the view by folders.
#[derive(Clone, Copy)]
enum Parent {
    Item(Item),
    Library(FolderId),
}

impl fmt::Display for Parent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Parent::Item(item) => item.fmt(f),
            Parent::Library(id) => id.0.fmt(f),
        }
    }
}

/// What stands in a list of songs or in a directory. A directory has fewer fields.
#[derive(Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Child<'a> {
    id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    parent: Option<Shown<Parent>>,
    is_dir: bool,
    title: &'a str,
    /// Of albums only: typed clients read them as albums, which have names and numbers of songs.
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    song_count: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    album: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    artist: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    track: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    year: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    genre: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cover_art: Option<Shown<CoverId<Item>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    size: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    content_type: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    suffix: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    duration: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bit_rate: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bit_depth: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sampling_rate: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    channel_count: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    is_video: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    original_width: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    original_height: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user_rating: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    play_count: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    disc_number: Option<u32>,
    /// In milliseconds, as those of bookmarks are.
    #[serde(skip_serializing_if = "Option::is_none")]
    bookmark_position: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    created: Option<Moment>,
    #[serde(skip_serializing_if = "Option::is_none")]
    starred: Option<Moment>,
    #[serde(skip_serializing_if = "Option::is_none")]
    album_id: Option<Shown<AlbumId>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    artist_id: Option<Shown<ArtistId>>,
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    kind: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    media_type: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    played: Option<Moment>,
    #[serde(skip_serializing_if = "Option::is_none")]
    genres: Option<Vec<Named<'a>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    artists: Option<ArtistLinks<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    display_artist: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    album_artists: Option<ArtistLinks<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    display_album_artist: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    contributors: Vec<ContributorLink>,
    #[serde(skip_serializing_if = "Option::is_none")]
    display_composer: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bpm: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    comment: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sort_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    music_brainz_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    explicit_status: Option<&'static str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    isrc: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    moods: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    replay_gain: Option<ReplayGain>,
    #[serde(skip_serializing_if = "Option::is_none")]
    username: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    minutes_ago: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    player_id: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    player_name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    state: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    position_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    playback_rate: Option<f64>,
}

impl<'a> Child<'a> {
    /// A song. Its cover is its album's, so that clients fetch and keep one picture for all of them.
    pub(crate) fn of(track: &'a Track) -> Self {
        let song = Child {
            id: track.id.to_string(),
            parent: Some(Shown(Parent::Item(Item::Album(track.album_id)))),
            is_dir: false,
            title: &track.title,
            album: Some(&track.album),
            artist: Some(&track.artist),
            track: track.track,
            year: track.year,
            genre: track.genres.first().map(String::as_str),
            cover_art: if track.image.is_some() {
                // It was sent with this track, and its album may show another's.
                Some(own_cover(track))
            } else if track.has_cover {
                Some(Shown(CoverId(Item::Album(track.album_id), track.album_cover_mark)))
            } else {
                // A video without a picture shows one of its own.
                is_video(track).then_some(own_cover(track))
            },
            size: Some(track.size_bytes),
            content_type: Some(track.content_type),
            suffix: Some(&track.suffix),
            duration: Some(seconds(track.duration_ms)),
            bit_rate: Some(track.bitrate_kbps),
            path: Some(track.shown_path()),
            is_video: Some(is_video(track)),
            user_rating: rated(track.play.rating),
            play_count: Some(track.play.plays),
            disc_number: track.disc,
            bookmark_position: track.bookmark_ms,
            created: Some(Moment(track.created)),
            starred: track.play.starred.map(Moment),
            album_id: Some(Shown(track.album_id)),
            artist_id: Some(Shown(track.artist_id)),
            kind: Some(if is_video(track) { "video" } else { "music" }),
            ..Child::default()
        };
        song.with_details(track)
    }

    fn with_details(self, track: &'a Track) -> Self {
        let details = track.details.read();
        let album_artists =
            ArtistLinks::of(details.album_artists, track.album_artist_id, &track.album_artist);
        let contributors: Vec<_> = details.contributors.into_iter().map(ContributorLink::of).collect();
        let mut composers = contributors.iter().filter(|one| one.is_composer()).peekable();
        Child {
            bit_depth: track.bit_depth,
            sampling_rate: Some(track.sample_rate_hz),
            channel_count: Some(track.channels),
            media_type: Some("song"),
            played: track.play.played.map(Moment),
            genres: Some(track.genres.iter().map(|name| Named { name }).collect()),
            artists: Some(ArtistLinks::of(details.artists, track.artist_id, &track.artist)),
            display_artist: Some(&track.artist),
            display_album_artist: Some(display(album_artists.iter())),
            album_artists: Some(album_artists),
            display_composer: composers.peek().is_some().then(|| display(composers.map(|one| &one.artist))),
            contributors,
            bpm: details.bpm,
            comment: details.comment,
            sort_name: details.sort_name,
            music_brainz_id: details.musicbrainz,
            explicit_status: details.is_explicit.map(|explicit| if explicit { "explicit" } else { "clean" }),
            isrc: details.isrcs,
            moods: details.moods,
            replay_gain: details.gain.map(ReplayGain::from),
            ..self
        }
    }

    /// A song that somebody plays, on the player of that number.
    pub(crate) fn now_playing(track: &'a Track, number: u64, playing: &'a Playing, now: Instant) -> Self {
        Child {
            username: Some(&playing.user_name),
            minutes_ago: Some(now.saturating_duration_since(playing.at).as_secs() / 60),
            player_id: Some(number),
            player_name: Some(&playing.player),
            state: Some(playing.state.name()),
            position_ms: Some(playing.position_ms(now)),
            playback_rate: Some(f64::from(playing.rate_thousandths) / 1_000.0),
            ..Child::of(track)
        }
    }

    /// A video, by itself: nothing of it is an album's. Length and size are those that a look at it told.
    pub(crate) fn of_video(video: &'a Video) -> Self {
        let picture = video.facts().and_then(|facts| facts.picture.as_ref());
        let sound = video.facts().and_then(|facts| facts.sounds.first());
        let song = Child::of(&video.track);
        Child {
            parent: None,
            cover_art: Some(own_cover(&video.track)),
            duration: Some(seconds(video.duration_ms())),
            bit_rate: Some(video.bitrate_kbps()),
            original_width: picture.map(|picture| picture.width),
            original_height: picture.map(|picture| picture.height),
            channel_count: sound.map(|sound| sound.channels).or(song.channel_count),
            sampling_rate: sound.map(|sound| sound.sample_rate_hz).or(song.sampling_rate),
            ..song
        }
    }

    /// An album as a directory of its artist.
    pub(crate) fn of_album(album: &'a Album) -> Self {
        Child {
            id: album.id.to_string(),
            parent: Some(Shown(Parent::Item(Item::Artist(album.artist_id)))),
            is_dir: true,
            title: &album.name,
            name: Some(&*album.name),
            song_count: Some(album.tracks),
            album: Some(&album.name),
            artist: Some(&album.artist),
            year: album.year,
            genre: album.genres.first().map(String::as_str),
            cover_art: album.has_cover.then_some(Shown(CoverId(Item::Album(album.id), album.cover_mark))),
            duration: Some(seconds(album.duration_ms)),
            user_rating: rated(album.play.rating),
            play_count: Some(album.play.plays),
            created: Some(Moment(album.created)),
            starred: album.play.starred.map(Moment),
            album_id: Some(Shown(album.id)),
            artist_id: Some(Shown(album.artist_id)),
            media_type: Some("album"),
            played: album.play.played.map(Moment),
            ..Child::default()
        }
    }

    /// An artist as a directory of a library.
    pub(crate) fn of_artist(artist: &'a Artist, library: FolderId) -> Self {
        Child {
            id: artist.id.to_string(),
            parent: Some(Shown(Parent::Library(library))),
            is_dir: true,
            title: &artist.name,
            artist: Some(&artist.name),
            cover_art: Some(Shown(CoverId(Item::Artist(artist.id), artist.cover_mark))),
            user_rating: rated(artist.play.rating),
            starred: artist.play.starred.map(Moment),
            artist_id: Some(Shown(artist.id)),
            media_type: Some("artist"),
            ..Child::default()
        }
    }
}

fn own_cover(track: &Track) -> Shown<CoverId<Item>> {
    Shown(CoverId(Item::Track(track.id), track.own_cover_mark()))
}

fn is_video(track: &Track) -> bool {
    track.content_type.starts_with("video/")
}
