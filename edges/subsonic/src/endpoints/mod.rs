//! What each endpoint does, grouped as the protocol groups them.

pub(crate) mod account;
pub(crate) mod annotate;
pub(crate) mod browse;
pub(crate) mod lists;
pub(crate) mod media;
pub(crate) mod playlists;
pub(crate) mod search;
pub(crate) mod system;
