//! What the texts of tags are about, by the names that they have in each kind of tag.

use lofty::tag::ItemKey;

/// What a text is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Field {
    Title,
    Album,
    Artist,
    /// Each artist by himself, where `Artist` is how they are shown.
    Artists,
    AlbumArtist,
    AlbumArtists,
    Genre,
    Track,
    TrackTotal,
    Disc,
    DiscTitle,
    Date,
    ReleaseDate,
    OriginalDate,
    Compilation,
    Composer,
    Lyricist,
    Conductor,
    Arranger,
    Producer,
    Engineer,
    Mixer,
    DjMixer,
    Remixer,
    /// `Name (instrument)`, as Vorbis comments have it.
    Performer,
    TrackGain,
    TrackPeak,
    AlbumGain,
    AlbumPeak,
    /// In 256ths of a decibel (RFC 7845 section 5.2.1).
    R128TrackGain,
    R128AlbumGain,
    Bpm,
    Comment,
    TitleSort,
    AlbumSort,
    ArtistSort,
    AlbumArtistSort,
    Isrc,
    Mood,
    Advisory,
    RecordingId,
    ReleaseId,
    ArtistId,
    AlbumArtistId,
    ReleaseType,
    Label,
}

/// How many fields there are.
pub(super) const FIELDS: usize = Field::Label as usize + 1;

/// The names of Vorbis comments, and of the user's own texts in ID3, written without blanks, dashes and underscores.
///
/// <https://picard-docs.musicbrainz.org/en/appendices/tag_mapping.html>
const NAMES: [(&str, Field); 60] = [
    ("TITLE", Field::Title),
    ("ALBUM", Field::Album),
    ("ARTIST", Field::Artist),
    ("ARTISTS", Field::Artists),
    ("ALBUMARTIST", Field::AlbumArtist),
    ("ALBUMARTISTS", Field::AlbumArtists),
    ("GENRE", Field::Genre),
    ("TRACKNUMBER", Field::Track),
    ("TRACK", Field::Track),
    ("TRACKTOTAL", Field::TrackTotal),
    ("TOTALTRACKS", Field::TrackTotal),
    ("DISCNUMBER", Field::Disc),
    ("DISC", Field::Disc),
    ("DISCSUBTITLE", Field::DiscTitle),
    ("SETSUBTITLE", Field::DiscTitle),
    ("DATE", Field::Date),
    ("YEAR", Field::Date),
    ("RELEASEDATE", Field::ReleaseDate),
    ("ORIGINALDATE", Field::OriginalDate),
    ("ORIGINALYEAR", Field::OriginalDate),
    ("COMPILATION", Field::Compilation),
    ("COMPOSER", Field::Composer),
    ("LYRICIST", Field::Lyricist),
    ("WRITER", Field::Lyricist),
    ("CONDUCTOR", Field::Conductor),
    ("ARRANGER", Field::Arranger),
    ("PRODUCER", Field::Producer),
    ("ENGINEER", Field::Engineer),
    ("MIXER", Field::Mixer),
    ("DJMIXER", Field::DjMixer),
    ("REMIXER", Field::Remixer),
    ("MIXARTIST", Field::Remixer),
    ("PERFORMER", Field::Performer),
    ("REPLAYGAINTRACKGAIN", Field::TrackGain),
    ("REPLAYGAINTRACKPEAK", Field::TrackPeak),
    ("REPLAYGAINALBUMGAIN", Field::AlbumGain),
    ("REPLAYGAINALBUMPEAK", Field::AlbumPeak),
    ("R128TRACKGAIN", Field::R128TrackGain),
    ("R128ALBUMGAIN", Field::R128AlbumGain),
    ("BPM", Field::Bpm),
    ("TEMPO", Field::Bpm),
    ("COMMENT", Field::Comment),
    ("DESCRIPTION", Field::Comment),
    ("TITLESORT", Field::TitleSort),
    ("ALBUMSORT", Field::AlbumSort),
    ("ARTISTSORT", Field::ArtistSort),
    ("ALBUMARTISTSORT", Field::AlbumArtistSort),
    ("ISRC", Field::Isrc),
    ("MOOD", Field::Mood),
    ("ITUNESADVISORY", Field::Advisory),
    ("MUSICBRAINZTRACKID", Field::RecordingId),
    ("MUSICBRAINZALBUMID", Field::ReleaseId),
    ("MUSICBRAINZARTISTID", Field::ArtistId),
    ("MUSICBRAINZALBUMARTISTID", Field::AlbumArtistId),
    ("MUSICBRAINZALBUMTYPE", Field::ReleaseType),
    ("RELEASETYPE", Field::ReleaseType),
    ("LABEL", Field::Label),
    ("ORGANIZATION", Field::Label),
    ("PUBLISHER", Field::Label),
    ("RECORDLABEL", Field::Label),
];

/// The field of that name.
pub(super) fn named(name: &str) -> Option<Field> {
    let is_kept = |c: &char| !matches!(c, ' ' | '_' | '-');
    let plain = || name.chars().filter(is_kept).map(|c| c.to_ascii_uppercase());
    NAMES.iter().find(|(known, _)| known.chars().eq(plain())).map(|(_, field)| *field)
}

/// Whether that is the name of what is sung.
pub(super) fn is_lyrics(name: &str) -> bool {
    ["LYRICS", "UNSYNCEDLYRICS", "SYNCEDLYRICS"].iter().any(|known| name.trim().eq_ignore_ascii_case(known))
}

/// The field of a text frame of ID3; names of version 2.2 end with a blank here.
pub(super) fn of_frame(id: &[u8; 4]) -> Option<Field> {
    Some(match id {
        b"TIT2" | b"TT2 " => Field::Title,
        b"TALB" | b"TAL " => Field::Album,
        b"TPE1" | b"TP1 " => Field::Artist,
        b"TPE2" | b"TP2 " => Field::AlbumArtist,
        b"TPE3" | b"TP3 " => Field::Conductor,
        b"TPE4" | b"TP4 " => Field::Remixer,
        b"TCOM" | b"TCM " => Field::Composer,
        b"TEXT" | b"TXT " => Field::Lyricist,
        b"TCON" | b"TCO " => Field::Genre,
        b"TRCK" | b"TRK " => Field::Track,
        b"TPOS" | b"TPA " => Field::Disc,
        b"TSST" => Field::DiscTitle,
        b"TDRC" | b"TYER" | b"TYE " => Field::Date,
        b"TDRL" => Field::ReleaseDate,
        b"TDOR" | b"TORY" | b"TOR " => Field::OriginalDate,
        b"TCMP" | b"TCP " => Field::Compilation,
        b"TBPM" | b"TBP " => Field::Bpm,
        b"TSOT" | b"TST " => Field::TitleSort,
        b"TSOA" | b"TSA " => Field::AlbumSort,
        b"TSOP" | b"TSP " => Field::ArtistSort,
        b"TSO2" | b"TS2 " => Field::AlbumArtistSort,
        b"TSRC" | b"TRC " => Field::Isrc,
        b"TMOO" => Field::Mood,
        b"TPUB" | b"TPB " => Field::Label,
        _ => return None,
    })
}

/// The field of a part in the list of those involved (ID3v2.4 section 4.2.2).
pub(super) fn of_part(part: &str) -> Option<Field> {
    Some(match part.to_ascii_lowercase().as_str() {
        "arranger" => Field::Arranger,
        "engineer" => Field::Engineer,
        "producer" => Field::Producer,
        "mix" | "mixer" => Field::Mixer,
        "dj-mix" | "dj-mixer" => Field::DjMixer,
        _ => return None,
    })
}

/// The names that `lofty` has for them.
pub(super) const FOREIGN: [(ItemKey, Field); 44] = [
    (ItemKey::TrackTitle, Field::Title),
    (ItemKey::AlbumTitle, Field::Album),
    (ItemKey::TrackArtist, Field::Artist),
    (ItemKey::TrackArtists, Field::Artists),
    (ItemKey::AlbumArtist, Field::AlbumArtist),
    (ItemKey::AlbumArtists, Field::AlbumArtists),
    (ItemKey::Genre, Field::Genre),
    (ItemKey::TrackNumber, Field::Track),
    (ItemKey::TrackTotal, Field::TrackTotal),
    (ItemKey::DiscNumber, Field::Disc),
    (ItemKey::SetSubtitle, Field::DiscTitle),
    (ItemKey::RecordingDate, Field::Date),
    (ItemKey::Year, Field::Date),
    (ItemKey::ReleaseDate, Field::ReleaseDate),
    (ItemKey::OriginalReleaseDate, Field::OriginalDate),
    (ItemKey::FlagCompilation, Field::Compilation),
    (ItemKey::Composer, Field::Composer),
    (ItemKey::Lyricist, Field::Lyricist),
    (ItemKey::Conductor, Field::Conductor),
    (ItemKey::Producer, Field::Producer),
    (ItemKey::Engineer, Field::Engineer),
    (ItemKey::MixEngineer, Field::Mixer),
    (ItemKey::MixDj, Field::DjMixer),
    (ItemKey::Remixer, Field::Remixer),
    (ItemKey::ReplayGainTrackGain, Field::TrackGain),
    (ItemKey::ReplayGainTrackPeak, Field::TrackPeak),
    (ItemKey::ReplayGainAlbumGain, Field::AlbumGain),
    (ItemKey::ReplayGainAlbumPeak, Field::AlbumPeak),
    (ItemKey::IntegerBpm, Field::Bpm),
    (ItemKey::Bpm, Field::Bpm),
    (ItemKey::Comment, Field::Comment),
    (ItemKey::TrackTitleSortOrder, Field::TitleSort),
    (ItemKey::AlbumTitleSortOrder, Field::AlbumSort),
    (ItemKey::TrackArtistSortOrder, Field::ArtistSort),
    (ItemKey::AlbumArtistSortOrder, Field::AlbumArtistSort),
    (ItemKey::Isrc, Field::Isrc),
    (ItemKey::Mood, Field::Mood),
    (ItemKey::ParentalAdvisory, Field::Advisory),
    (ItemKey::MusicBrainzRecordingId, Field::RecordingId),
    (ItemKey::MusicBrainzReleaseId, Field::ReleaseId),
    (ItemKey::MusicBrainzArtistId, Field::ArtistId),
    (ItemKey::MusicBrainzReleaseArtistId, Field::AlbumArtistId),
    (ItemKey::MusicBrainzReleaseType, Field::ReleaseType),
    (ItemKey::Label, Field::Label),
];

#[cfg(test)]
mod tests {
    use super::{Field, named};

    #[test]
    fn names_are_the_same_with_and_without_what_stands_between_their_words() {
        for (name, field) in [
            ("artist", Some(Field::Artist)),
            ("Album Artist", Some(Field::AlbumArtist)),
            ("ALBUM_ARTIST", Some(Field::AlbumArtist)),
            ("MusicBrainz Album Id", Some(Field::ReleaseId)),
            ("MUSICBRAINZ_ALBUMID", Some(Field::ReleaseId)),
            ("replaygain_track_gain", Some(Field::TrackGain)),
            ("DJ-MIXER", Some(Field::DjMixer)),
            ("LYRICS", None),
            ("", None),
        ] {
            assert_eq!(named(name), field, "{name}");
        }
    }
}
