//! What some clients cannot take, by the name that they call themselves with (`c`), as data. It is applied in one place,
//! where an answer is written ([`crate::reply`]).

/// Which fields of songs, albums and artists a client is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fields {
    /// All that we know.
    All,
    /// Those of Subsonic 1.16.1: none of OpenSubsonic's, and nothing nested.
    Old,
    /// What a small screen shows.
    Few,
}

/// A client and what it needs.
struct Quirk {
    client: &'static str,
    fields: Fields,
}

/// Clients compare equal without regard to case. Everybody else gets everything.
const QUIRKS: &[Quirk] = &[
    // Its parser takes the nested elements of OpenSubsonic inside a song for songs of their own.
    Quirk { client: "DSub", fields: Fields::Old },
    // A watch, whose memory is full after a page of whole songs.
    Quirk { client: "SubMusic", fields: Fields::Few },
];

/// What a song, an album or an artist is called where it stands in an answer.
const NOUNS: &[&str] = &["album", "artist", "child", "entry", "match", "song", "video"];

const OLD: &[&str] = &[
    "album",
    "albumCount",
    "albumId",
    "artist",
    "artistId",
    "artistImageUrl",
    "averageRating",
    "bitRate",
    "bookmarkPosition",
    "contentType",
    "coverArt",
    "created",
    "discNumber",
    "duration",
    "genre",
    "id",
    "isDir",
    "isVideo",
    "minutesAgo",
    "name",
    "originalHeight",
    "originalWidth",
    "parent",
    "path",
    "playCount",
    "playerId",
    "playerName",
    "size",
    "songCount",
    "starred",
    "suffix",
    "title",
    "track",
    "transcodedContentType",
    "transcodedSuffix",
    "type",
    "userRating",
    "username",
    "year",
];

const FEW: &[&str] = &[
    "album",
    "albumCount",
    "albumId",
    "artist",
    "artistId",
    "coverArt",
    "duration",
    "id",
    "isDir",
    "name",
    "parent",
    "songCount",
    "title",
    "track",
];

impl Fields {
    /// Those that this client is sent.
    pub(crate) fn of(client: Option<&str>) -> Fields {
        let known = |name: &str| QUIRKS.iter().find(|quirk| quirk.client.eq_ignore_ascii_case(name));
        client.and_then(known).map_or(Fields::All, |quirk| quirk.fields)
    }

    /// The only fields of an element of that name; `None` is all.
    pub(crate) fn kept(self, element: &str) -> Option<&'static [&'static str]> {
        let kept = match self {
            Fields::All => return None,
            Fields::Old => OLD,
            Fields::Few => FEW,
        };
        NOUNS.contains(&element).then_some(kept)
    }
}
