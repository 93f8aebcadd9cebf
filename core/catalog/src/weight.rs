//! What rows of lists hold in memory: a page of them ends when it holds as much as its permit stands for.

use budget::limits::{
    ALBUM_MOODS_MAX, DETAILS_BYTES_MAX, KEPT_COMMENT_BYTES_MAX, KIB, LISTING_BYTES, LISTING_ROW_BYTES_MAX,
    LISTING_ROWS_BYTES_MAX, PAGE_TEXT_BYTES_MAX, PODCAST_TEXT_BYTES_MAX, PODCAST_TITLE_BYTES_MAX,
    PODCAST_URL_BYTES_MAX, SOURCE_STREAMS_MAX, TAG_GENRE_CHARS_MAX, TAG_GENRES_MAX, TAG_TEXT_CHARS_MAX,
    VIDEO_WORD_BYTES_MAX,
};
use store::BlobKey;

use crate::model::{
    Album, Artist, Asked, Bookmark, Channel, ChannelText, Episode, EpisodeText, EpisodeTrack, Genre,
    LibrarySet, Look, Playlist, Share, Sound, Station, StationText, Track, UploadRow, User, Video,
};
use crate::scan::Known;

// format: PATH_MAX of Linux.
/// The longest path that the system opens, in bytes; a track may name two, its own and its picture's.
const PATH_BYTES_MAX: u64 = 4 * KIB;
// format: UTF-8 (RFC 3629, section 3).
/// A character of UTF-8 has at most so many bytes.
const CHAR_BYTES_MAX: u64 = 4;

// The largest row that a scan can record, with numbers and ids, is a fraction of a page; and a page that is one row
// over fits its permit together with its text.
const _: () = {
    let texts = 4 * TAG_TEXT_CHARS_MAX as u64 * CHAR_BYTES_MAX;
    let genre = TAG_GENRE_CHARS_MAX as u64 * CHAR_BYTES_MAX + size_of::<String>() as u64;
    let parts = texts + TAG_GENRES_MAX as u64 * genre + 2 * PATH_BYTES_MAX + DETAILS_BYTES_MAX as u64;
    let row = parts + size_of::<Track>() as u64;
    assert!(row <= LISTING_ROW_BYTES_MAX);
    // An album has two texts, and moods instead of paths.
    let mood = TAG_TEXT_CHARS_MAX as u64 * CHAR_BYTES_MAX + size_of::<String>() as u64;
    let album =
        texts / 2 + TAG_GENRES_MAX as u64 * genre + ALBUM_MOODS_MAX as u64 * mood + DETAILS_BYTES_MAX as u64;
    assert!(album + size_of::<Album>() as u64 <= LISTING_ROW_BYTES_MAX);
    // Names of the episode, of its channel and of who makes it; a text; its own name and its address; a reason.
    let episode = 4 * PODCAST_TITLE_BYTES_MAX + PODCAST_TEXT_BYTES_MAX + 2 * PODCAST_URL_BYTES_MAX;
    assert!(episode as u64 + PATH_BYTES_MAX + size_of::<Episode>() as u64 <= LISTING_ROW_BYTES_MAX);
    // What a look told of a video comes beside its row, or the comment on a bookmark.
    let look = SOURCE_STREAMS_MAX * (size_of::<Sound>() + 2 * VIDEO_WORD_BYTES_MAX) + size_of::<Look>();
    let beside = if look > KEPT_COMMENT_BYTES_MAX { look } else { KEPT_COMMENT_BYTES_MAX };
    let page = LISTING_ROWS_BYTES_MAX as u64 + LISTING_ROW_BYTES_MAX + beside as u64;
    assert!(page + PAGE_TEXT_BYTES_MAX as u64 <= LISTING_BYTES);
};

/// A row of a list.
pub trait Weight {
    /// About how many bytes it holds, in itself and in its texts.
    fn held_bytes(&self) -> usize;
}

/// Whether a page ended because it holds [`LISTING_ROWS_BYTES_MAX`], so that there may be more behind it although it
/// has fewer rows than were asked for.
pub fn is_cut<Row: Weight>(rows: &[Row]) -> bool {
    rows.iter().map(Weight::held_bytes).sum::<usize>() >= LISTING_ROWS_BYTES_MAX
}

fn sum<Row>(texts: &[&str]) -> usize {
    size_of::<Row>() + texts.iter().map(|text| text.len()).sum::<usize>()
}

impl Weight for Track {
    fn held_bytes(&self) -> usize {
        let genres = self.genres.iter().map(|genre| genre.len() + size_of::<String>()).sum::<usize>();
        let Track { path, blob, title, album, artist, album_artist, suffix, .. } = self;
        let key = blob.as_ref().map_or("", BlobKey::as_str);
        let details = self.details.text().unwrap_or_default();
        genres + sum::<Self>(&[path.as_str(), key, title, album, artist, album_artist, suffix, details])
    }
}

impl Weight for Video {
    fn held_bytes(&self) -> usize {
        let told = match &self.look {
            Look::Coming => 0,
            Look::Unreadable(why) => why.len(),
            // Codecs and languages are short words, two to each stream at most.
            Look::Told(facts) => {
                (facts.sounds.len() + facts.captions.len()) * (size_of::<Sound>() + 2 * VIDEO_WORD_BYTES_MAX)
            }
        };
        self.track.held_bytes() + size_of::<Look>() + told
    }
}

impl Weight for Album {
    fn held_bytes(&self) -> usize {
        let words = self.genres.iter().chain(&self.moods);
        words.map(|word| word.len() + size_of::<String>()).sum::<usize>()
            + sum::<Self>(&[&self.name, &self.artist, self.release.text().unwrap_or_default()])
    }
}

impl Weight for User {
    fn held_bytes(&self) -> usize {
        let libraries = if let LibrarySet::Only(set) = &self.libraries { set.as_slice() } else { &[] };
        sum::<Self>(&[&self.name]) + size_of_val(libraries)
    }
}

impl Weight for Artist {
    fn held_bytes(&self) -> usize {
        sum::<Self>(&[&self.name, &self.sort_name, self.musicbrainz.as_deref().unwrap_or_default()])
    }
}

impl Weight for Genre {
    fn held_bytes(&self) -> usize {
        sum::<Self>(&[&self.name])
    }
}

impl Weight for Playlist {
    fn held_bytes(&self) -> usize {
        sum::<Self>(&[&self.name, &self.owner_name, &self.comment])
    }
}

impl Weight for Bookmark {
    fn held_bytes(&self) -> usize {
        self.track.held_bytes() + self.comment.len() + size_of::<Self>() - size_of::<Track>()
    }
}

impl Weight for Station {
    fn held_bytes(&self) -> usize {
        let StationText { name, stream_url, home_url } = &self.about;
        sum::<Self>(&[name, stream_url, home_url.as_deref().unwrap_or("")])
    }
}

impl Weight for Channel {
    fn held_bytes(&self) -> usize {
        let ChannelText { title, author, description, image_url } = &self.about;
        let [image_url, failure] = [image_url, &self.failure].map(|text| text.as_deref().unwrap_or_default());
        sum::<Self>(&[&self.url, title, author, description, image_url, failure])
    }
}

impl Weight for Episode {
    fn held_bytes(&self) -> usize {
        let EpisodeText { guid, title, description, url, content_type, .. } = &self.about;
        let track = |track: &EpisodeTrack| track.suffix.len() + track.path.len();
        self.track.as_ref().map_or(0, track)
            + sum::<Self>(&[&self.channel_title, &self.author, guid, title, description, url, content_type])
            + self.failure.as_ref().map_or(0, String::len)
    }
}

impl Weight for UploadRow {
    fn held_bytes(&self) -> usize {
        let Asked { filename, title, artist, album, features, tags, .. } = &self.ask;
        let texts = [title, artist, album, features, &self.failure].into_iter().filter_map(Option::as_deref);
        let tags = tags.iter().map(|tag| tag.len() + size_of::<String>()).sum::<usize>();
        tags + texts.map(str::len).sum::<usize>() + sum::<Self>(&[&self.metadata, filename])
    }
}

impl Weight for Share {
    fn held_bytes(&self) -> usize {
        sum::<Self>(&[&self.owner_name, &self.description])
    }
}

impl Weight for Known {
    fn held_bytes(&self) -> usize {
        sum::<Self>(&[self.path.as_str(), self.picture.as_ref().map_or("", |picture| picture.path.as_str())])
    }
}
