//! What users keep: playlists, queues, bookmarks, shares, radio stations.

use catalog::access::judge;
use catalog::{
    Action, Bookmark, PlayQueue, Playlist, PlaylistId, Share, ShareId, Station, StationId, TrackId, UnixMs,
    User, Verdict,
};
use serde::Serialize;

use super::{Moment, Shown, seconds};
use crate::cover_id::CoverId;

/// A playlist before its entries.
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
    cover_art: Shown<CoverId<PlaylistId, UnixMs>>,
    /// Whether its songs are not this user's to change, or nobody's, because rules find them.
    readonly: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    valid_until: Option<Moment>,
}

impl<'a> PlaylistHead<'a> {
    pub(crate) fn of(playlist: &'a Playlist, user: &User) -> Self {
        let change = Action::ChangePlaylist { owner: playlist.owner };
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
            cover_art: Shown(CoverId(playlist.id, Some(playlist.changed))),
            readonly: playlist.is_smart || judge(Some(user), change) != Verdict::Allowed,
            valid_until: playlist.valid_until.map(Moment),
        }
    }
}

/// Who kept a queue and when. Of one that was never kept it is the beginning of time.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct QueueHead<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    current: Option<Shown<TrackId>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    position: Option<u64>,
    username: &'a str,
    changed: Moment,
    changed_by: &'a str,
}

impl<'a> QueueHead<'a> {
    pub(crate) fn of(queue: Option<&'a PlayQueue>, username: &'a str) -> Self {
        let (changed, changed_by) = told(queue);
        let current = queue.and_then(|queue| queue.current).map(|(_, track)| Shown(track));
        QueueHead { current, position: position(queue), username, changed, changed_by }
    }
}

/// The same with the place of the current song.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct QueueByIndex<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    current_index: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    position: Option<u64>,
    username: &'a str,
    changed: Moment,
    changed_by: &'a str,
}

impl<'a> QueueByIndex<'a> {
    pub(crate) fn of(queue: Option<&'a PlayQueue>, username: &'a str) -> Self {
        let (changed, changed_by) = told(queue);
        let current_index = queue.and_then(|queue| queue.current).map(|(place, _)| place);
        QueueByIndex { current_index, position: position(queue), username, changed, changed_by }
    }
}

fn told(queue: Option<&PlayQueue>) -> (Moment, &str) {
    queue.map_or((Moment(0), ""), |queue| (Moment(queue.changed), &queue.changed_by))
}

/// Milliseconds in the current song, if there is one.
fn position(queue: Option<&PlayQueue>) -> Option<u64> {
    queue.filter(|queue| queue.current.is_some()).map(|queue| queue.position_ms)
}

/// A bookmark, before its song.
#[derive(Serialize)]
pub(crate) struct BookmarkShown<'a> {
    position: u64,
    username: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    comment: &'a str,
    created: Moment,
    changed: Moment,
}

impl<'a> BookmarkShown<'a> {
    pub(crate) fn of(bookmark: &'a Bookmark, username: &'a str) -> Self {
        BookmarkShown {
            position: bookmark.position_ms,
            username,
            comment: &bookmark.comment,
            created: Moment(bookmark.created),
            changed: Moment(bookmark.changed),
        }
    }
}

/// A share, before its songs.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ShareHead<'a> {
    id: Shown<ShareId>,
    url: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    description: &'a str,
    username: &'a str,
    created: Moment,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires: Option<Moment>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_visited: Option<Moment>,
    visit_count: u64,
}

impl<'a> ShareHead<'a> {
    /// `url` is the link, with which everybody gets in.
    pub(crate) fn of(share: &'a Share, url: &'a str) -> Self {
        ShareHead {
            id: Shown(share.id),
            url,
            description: &share.description,
            username: &share.owner_name,
            created: Moment(share.created),
            expires: share.expires.map(Moment),
            last_visited: share.visited.map(Moment),
            visit_count: share.visits,
        }
    }
}

/// A radio station.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct StationShown<'a> {
    id: Shown<StationId>,
    name: &'a str,
    stream_url: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    home_page_url: Option<&'a str>,
}

impl<'a> StationShown<'a> {
    pub(crate) fn of(station: &'a Station) -> Self {
        StationShown {
            id: Shown(station.id),
            name: &station.about.name,
            stream_url: &station.about.stream_url,
            home_page_url: station.about.home_url.as_deref(),
        }
    }
}
