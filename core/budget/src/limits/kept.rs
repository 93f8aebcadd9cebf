//! Limits of what users keep: playlists, queues, bookmarks, radio stations.

/// Playlists of one user.
pub const PLAYLISTS_PER_USER_MAX: usize = 1_000;
/// Songs of one playlist, which come in several changes.
pub const PLAYLIST_TRACKS_MAX: usize = 50_000;
/// Songs that one change brings into a playlist, and of one that is found by rules.
pub const PLAYLIST_TRACKS_AT_ONCE_MAX: usize = 10_000;
/// Playlists of one user whose songs are found by rules.
pub const SMART_PLAYLISTS_PER_USER_MAX: usize = 100;
/// Rules of one of them, groups included.
pub const SMART_RULES_MAX: usize = 64;
/// How deep its groups are in each other.
pub const SMART_DEPTH_MAX: usize = 4;
/// Things that it is sorted by, one where the other makes no difference.
pub const SMART_SORTS_MAX: usize = 4;
/// The text of its rules, as the database keeps it, in bytes.
pub const SMART_RULES_BYTES_MAX: usize = 16 * 1024;
/// How long what was found by rules passes for what they find, while this process writes nothing; and pages of a reading
/// that has begun are read of that.
pub const SMART_KEPT_MS: u64 = 60_000;
/// What is kept of it: so many lists of numbers, with at most [`PLAYLIST_TRACKS_AT_ONCE_MAX`] in each.
pub const SMART_KEPT_MAX: usize = 16;
/// How many songs a smart playlist has, and how long they are, is shown in lists of playlists as it was found in the last ten
/// minutes.
pub const SMART_TOTALS_MS: u64 = 600_000;
/// So many of these totals are remembered.
pub const SMART_TOTALS_MAX: usize = 4_096;
/// Smart playlists that are found at the same time, of the four connections that read.
pub const SMART_AT_ONCE: usize = 2;
/// How long a list of playlists looks for how many songs the smart ones have; the others are counted next time.
pub const SMART_COUNTS_MS: u64 = 1_000;
/// What is sorted at random is shuffled anew so often.
pub const SMART_SHUFFLE_MS: i64 = 3_600_000;
/// Songs by which a list from elsewhere is looked up in one statement.
pub const WANTED_ROWS_MAX: usize = 100;
/// Folders of a path in a list from elsewhere, from its end, beneath which the song may lie.
pub const WANTED_FOLDERS_MAX: usize = 12;
/// Songs with the same words that are compared with one that is wanted.
pub const WANTED_ALIKE_MAX: usize = 50;
/// A list that comes from elsewhere, in bytes.
pub const M3U_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Of one of its lines the rest is passed over.
pub const M3U_LINE_BYTES_MAX: usize = 4 * 1024;
/// Lines that are looked up at once, in bytes.
pub const M3U_BATCH_BYTES: usize = 20 * 1024;
/// Lines that are told because no song was found for them, in bytes.
pub const M3U_MISSING_BYTES_MAX: usize = 64 * 1024;
/// The longest name of a playlist or a radio station, in characters.
pub const KEPT_NAME_CHARS_MAX: usize = 256;
/// The longest comment on a playlist or a bookmark, in bytes. A row of a list holds one.
pub const KEPT_COMMENT_BYTES_MAX: usize = 4 * 1024;
/// Songs of a queue that is saved.
pub const QUEUE_TRACKS_MAX: usize = 10_000;
/// The name of the client that saved a queue is cut after so many characters.
pub const CLIENT_NAME_CHARS_MAX: usize = 64;
/// Letters with which the names of a list begin that are told, so that one can jump there.
pub const LETTERS_MAX: usize = 200;
/// Bookmarks of one user.
pub const BOOKMARKS_PER_USER_MAX: usize = 1_000;
/// Shares of one user.
pub const SHARES_PER_USER_MAX: usize = 1_000;
/// Songs of one share.
pub const SHARE_TRACKS_MAX: usize = 10_000;
/// How long a share is open when its owner does not say: a year.
pub const SHARE_MS: u64 = 365 * 24 * 3_600_000;
/// Songs on one page of a share.
pub const SHARE_PAGE_ROWS: usize = 100;
/// Who comes to a share again within this time is still on the same visit, which is written down once.
pub const SHARE_VISIT_MS: u64 = 30 * 60_000;
/// Pairs of share and address whose visits are remembered for that.
pub const SHARE_VISITORS_MAX: usize = 4_096;
/// Radio stations of the installation.
pub const STATIONS_MAX: usize = 1_000;
/// The longest address of a radio station, in bytes.
pub const STATION_URL_BYTES_MAX: usize = 2 * 1024;
