//! Limits of what tags tell beyond what lists are ordered by, and of lyrics.

/// People who took part in one track and are remembered, artists and all others together.
pub const TAG_CREDITS_MAX: usize = 32;
/// What a song shows beyond its row, as text; likewise what an album shows. What does not fit is left out.
pub const DETAILS_BYTES_MAX: usize = 4 * 1024;
/// Discs of one album whose titles are shown.
pub const DISC_TITLES_MAX: usize = 64;
/// Moods of one album that are shown, those of its first songs.
pub const ALBUM_MOODS_MAX: usize = 8;
/// Lyrics of one song that are read, in all languages together: a long opera's libretto.
pub const LYRICS_BYTES_MAX: u64 = 64 * 1024;
/// Lines of one text of a song that are shown.
pub const LYRICS_LINES_MAX: usize = 2_000;
/// Words of one text of a song whose times are told; those behind them are sung with their line.
pub const LYRICS_WORDS_MAX: usize = 4_000;
/// Texts of one song that are shown: languages, with times and without.
pub const LYRICS_TEXTS_MAX: usize = 8;
/// Players of whom it is known what they play; whoever reported longest ago is forgotten first.
pub const NOW_PLAYING_MAX: usize = 256;
/// Characters of a player's name that are shown.
pub const NOW_PLAYING_NAME_CHARS_MAX: usize = 64;
/// A player that says nothing for so long is taken to have ended.
pub const NOW_PLAYING_MS: u64 = 30 * 60 * 1_000;
/// Songs of one artist, and of each of his genres, from which similar songs are chosen.
pub const SIMILAR_POOL_ROWS: usize = 500;
/// Genres of a thing in which similar songs are looked for, those of most of its songs.
pub const SIMILAR_GENRES_MAX: usize = 4;
/// A song that was played for so long counts as played, and so does one of which half was played.
pub const PLAYED_AFTER_MS: u64 = 4 * 60 * 1_000;
