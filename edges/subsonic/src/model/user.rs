//! A user, in the protocol's words.

use catalog::{LibraryRow, LibrarySet, Role, User};
use serde::Serialize;

use crate::router::offers;

/// What a user may do. Only what works over this protocol is said to.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Account<'a> {
    username: &'a str,
    scrobbling_enabled: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_bit_rate: Option<u32>,
    admin_role: bool,
    settings_role: bool,
    download_role: bool,
    upload_role: bool,
    playlist_role: bool,
    cover_art_role: bool,
    comment_role: bool,
    podcast_role: bool,
    stream_role: bool,
    jukebox_role: bool,
    share_role: bool,
    video_conversion_role: bool,
    folder: Vec<i64>,
}

impl<'a> Account<'a> {
    /// `libraries` are all that there are.
    pub(crate) fn of(user: &'a User, libraries: &[LibraryRow]) -> Self {
        let admin = user.role == Role::Admin;
        Account {
            username: &user.name,
            scrobbling_enabled: true,
            max_bit_rate: user.max_bitrate_kbps,
            admin_role: admin,
            settings_role: true,
            download_role: true,
            upload_role: admin || user.rights.upload,
            playlist_role: offers("createPlaylist"),
            cover_art_role: false,
            comment_role: true,
            podcast_role: offers("createPodcastChannel") && (admin || user.rights.upload),
            stream_role: true,
            jukebox_role: offers("jukeboxControl"),
            share_role: offers("createShare") && (admin || user.rights.share),
            video_conversion_role: admin || user.rights.transform,
            folder: match &user.libraries {
                LibrarySet::All => libraries.iter().map(|library| library.id.0).collect(),
                LibrarySet::Only(some) => some.iter().map(|library| library.0).collect(),
            },
        }
    }
}
