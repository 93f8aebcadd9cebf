//! Limits of what users keep: playlists, queues, bookmarks, radio stations.

/// Playlists of one user.
pub const PLAYLISTS_PER_USER_MAX: usize = 1_000;
/// Songs of one playlist.
pub const PLAYLIST_TRACKS_MAX: usize = 10_000;
/// The longest name of a playlist or a radio station, in characters.
pub const KEPT_NAME_CHARS_MAX: usize = 256;
/// The longest comment on a playlist or a bookmark, in bytes. A row of a list holds one.
pub const KEPT_COMMENT_BYTES_MAX: usize = 4 * 1024;
/// Songs of a queue that is saved.
pub const QUEUE_TRACKS_MAX: usize = 10_000;
/// The name of the client that saved a queue is cut after so many characters.
pub const CLIENT_NAME_CHARS_MAX: usize = 64;
/// Bookmarks of one user.
pub const BOOKMARKS_PER_USER_MAX: usize = 1_000;
/// Radio stations of the installation.
pub const STATIONS_MAX: usize = 1_000;
/// The longest address of a radio station, in bytes.
pub const STATION_URL_BYTES_MAX: usize = 2 * 1024;
