//! Podcasts and their episodes, in the protocol's words.

use catalog::{Channel, ChannelId, Episode, EpisodeId, EpisodeStatus, EpisodeTrack, TrackId, Viewer};
use serde::Serialize;

use super::{Moment, Shown, seconds};

/// A podcast, before its episodes.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ChannelHead<'a> {
    id: Shown<ChannelId>,
    url: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    title: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    description: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    original_image_url: Option<&'a str>,
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    error_message: Option<&'a str>,
}

impl<'a> ChannelHead<'a> {
    /// What follows a question mark in a feed's address often proves who pays for it: only who asked for the podcast sees it.
    pub(crate) fn of(channel: &'a Channel, viewer: &Viewer) -> Self {
        let public = channel.url.split_once('?').map_or(channel.url.as_str(), |(address, _)| address);
        let status = match (&channel.failure, channel.checked) {
            (Some(_), _) => EpisodeStatus::Error,
            (None, Some(_)) => EpisodeStatus::Completed,
            (None, None) => EpisodeStatus::New,
        };
        ChannelHead {
            id: Shown(channel.id),
            url: if channel.owner == Some(viewer.user) { &channel.url } else { public },
            title: &channel.about.title,
            description: &channel.about.description,
            original_image_url: channel.about.image_url.as_deref(),
            status: status.word(),
            error_message: channel.failure.as_deref(),
        }
    }
}

/// An episode: a song with a feed's words. What is streamed is the track that it became.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct EpisodeShown<'a> {
    id: Shown<EpisodeId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stream_id: Option<Shown<TrackId>>,
    channel_id: Shown<ChannelId>,
    parent: Shown<ChannelId>,
    is_dir: bool,
    title: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    album: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    artist: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    description: &'a str,
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    publish_date: Option<Moment>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error_message: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cover_art: Option<Shown<TrackId>>,
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
    path: Option<&'a str>,
    is_video: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    created: Option<Moment>,
    genre: &'static str,
    #[serde(rename = "type")]
    kind: &'static str,
}

impl<'a> EpisodeShown<'a> {
    pub(crate) fn of(episode: &'a Episode) -> Self {
        let about = &episode.about;
        let told_type = Some(about.content_type.as_str()).filter(|told| !told.is_empty());
        let shown = EpisodeShown {
            id: Shown(episode.id),
            stream_id: None,
            channel_id: Shown(episode.channel),
            parent: Shown(episode.channel),
            is_dir: false,
            title: &about.title,
            album: &episode.channel_title,
            artist: &episode.author,
            description: &about.description,
            status: episode.status.word(),
            publish_date: about.published.map(Moment),
            error_message: episode.failure.as_deref(),
            cover_art: None,
            size: about.length_bytes,
            content_type: told_type,
            suffix: None,
            duration: about.duration_ms.map(seconds),
            bit_rate: None,
            path: None,
            is_video: about.content_type.starts_with("video/"),
            created: None,
            genre: "Podcast",
            kind: "podcast",
        };
        match &episode.track {
            Some(track) => shown.with_track(track),
            None => shown,
        }
    }

    /// What the file is says more than what the feed told of it.
    fn with_track(self, track: &'a EpisodeTrack) -> Self {
        EpisodeShown {
            stream_id: Some(Shown(track.id)),
            cover_art: track.has_cover.then_some(Shown(track.id)),
            size: Some(track.size_bytes),
            content_type: Some(track.content_type),
            suffix: Some(&track.suffix),
            duration: Some(seconds(track.duration_ms)),
            bit_rate: Some(track.bitrate_kbps),
            path: Some(&track.path),
            is_video: track.content_type.starts_with("video/"),
            created: Some(Moment(track.created)),
            ..self
        }
    }
}

#[cfg(test)]
mod tests {
    use catalog::{ChannelText, UserId};

    use super::*;

    #[test]
    fn p09_what_proves_who_pays_for_a_feed_is_shown_to_who_asked_for_it() {
        let channel = Channel {
            id: ChannelId(1),
            url: "https://pond.example/feed?auth=canary".to_owned(),
            owner: Some(UserId(1)),
            about: ChannelText::default(),
            failure: None,
            checked: None,
        };
        let check = |user: i64, expected: &str| {
            let viewer = Viewer { user: UserId(user), ..Viewer::everybody() };
            assert_eq!(ChannelHead::of(&channel, &viewer).url, expected);
        };
        check(1, "https://pond.example/feed?auth=canary");
        check(2, "https://pond.example/feed");
    }
}
