//! What each endpoint does, grouped as the protocol groups them.

pub(crate) mod account;
pub(crate) mod annotate;
pub(crate) mod bookmarks;
pub(crate) mod browse;
pub(crate) mod captions;
pub(crate) mod discovery;
pub(crate) mod hls;
pub(crate) mod lists;
pub(crate) mod lyrics;
pub(crate) mod media;
pub(crate) mod not_offered;
pub(crate) mod playing;
pub(crate) mod playlists;
pub(crate) mod podcasts;
pub(crate) mod queue;
pub(crate) mod search;
pub(crate) mod shares;
pub(crate) mod stations;
pub(crate) mod system;
pub(crate) mod transcoding;
pub(crate) mod users;
