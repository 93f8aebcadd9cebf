//! Limits of podcasts: what is followed, what is read of a feed, and how episodes are fetched.

use super::{KIB, MIB};

/// Episodes that are listed as the newest when nobody says how many.
pub const PODCAST_NEWEST_ROWS: u64 = 20;
/// Channels of the installation.
pub const PODCAST_CHANNELS_MAX: usize = 500;
/// Episodes of one channel that are known. Those that a feed names behind so many are not read, and the oldest that
/// nobody has go.
pub const PODCAST_EPISODES_MAX: usize = 1_000;
/// Episodes that are written down together while a feed is read; so many are in memory at once.
pub const PODCAST_BATCH_ROWS: usize = 50;
/// The longest name of a channel or an episode, in bytes; longer ones are cut.
pub const PODCAST_TITLE_BYTES_MAX: usize = 512;
/// The longest text about a channel or an episode, in bytes; longer ones are cut.
pub const PODCAST_TEXT_BYTES_MAX: usize = 4 * 1024;
/// The longest address and the longest name that a feed gives an episode, in bytes; an episode with a longer one is passed
/// over.
pub const PODCAST_URL_BYTES_MAX: usize = 2 * 1024;
/// The longest moment or length of time in a feed, in bytes; longer ones are none.
pub const PODCAST_TIME_BYTES_MAX: usize = 64;
/// The longest reason why something failed, in bytes; longer ones are cut.
pub const PODCAST_FAILURE_BYTES_MAX: usize = 512;
/// The largest feed.
pub const PODCAST_FEED_BYTES_MAX: u64 = 16 * MIB;
/// The longest piece of a feed between two signs of its markup, in bytes: a text of an episode, or a tag. The reader holds
/// one.
pub const PODCAST_PIECE_BYTES_MAX: usize = 512 * 1024;
/// How deep elements of a feed may lie in each other.
pub const PODCAST_DEPTH_MAX: usize = 64;
/// What one feed takes while it is read: a piece, its text, and a batch of episodes.
pub const PODCAST_FEED_BYTES: u64 = 2 * PODCAST_PIECE_BYTES_MAX as u64 + 512 * KIB;
/// What is read of an episode behind the largest upload, to know that it is larger.
pub const PODCAST_EXCESS_BYTES_MAX: u64 = MIB;
/// Feeds that are read at once.
pub const PODCAST_FEEDS_MAX: usize = 2;
/// Episodes that are fetched at once.
pub const PODCAST_DOWNLOADS_MAX: usize = 2;
/// A feed is read again after this time, unless the configuration says otherwise.
pub const PODCAST_REFRESH_MS: u64 = 6 * 60 * 60 * 1_000;
/// A feed that failed is read again after this time, which doubles with each failure in a row…
pub const PODCAST_FEED_RETRY_MS: u64 = 15 * 60 * 1_000;
/// …up to this.
pub const PODCAST_FEED_RETRY_MS_MAX: u64 = 24 * 60 * 60 * 1_000;
/// An episode that broke off is gone on with after this time, which doubles with each time that brought nothing.
pub const PODCAST_RETRY_MS: u64 = 2_000;
/// An episode has failed when it broke off so many times in a row and nothing had come.
pub const PODCAST_TRIES_MAX: u32 = 8;
/// Whoever follows feeds looks at what is due after this time at the latest, whoever calls or does not.
pub const PODCAST_LOOK_MS: u64 = 10 * 60 * 1_000;
/// Work that was taken up and of which nothing was heard is taken up again after this time.
pub const PODCAST_CLAIM_MS: u64 = 2 * 60 * 60 * 1_000;
/// How often a request for a feed or an episode is sent on: each company that counts listeners puts itself in front once.
pub const PODCAST_REDIRECTS_MAX: usize = 10;
/// How long the name of a feed's element may be.
pub const PODCAST_NAME_BYTES_MAX: usize = 256;
