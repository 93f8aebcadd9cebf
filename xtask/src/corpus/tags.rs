//! Tags as each format has them, written in memory before the file is.

use std::io::Cursor;

use lofty::config::WriteOptions;
use lofty::id3::v2::Id3v2Tag;
use lofty::picture::{MimeType, Picture, PictureType};
use lofty::prelude::{ItemKey, TagExt};
use lofty::tag::{Tag, TagType};

use crate::{Error, ErrorKind, Result};

/// The kinds of audio file that a library may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    /// MPEG-1 Layer III with ID3v2.4.
    Mp3,
    /// FLAC with Vorbis comments.
    Flac,
    /// Vorbis in Ogg with Vorbis comments.
    Ogg,
    /// Opus in Ogg with Vorbis comments.
    Opus,
    /// AAC in MP4 with iTunes atoms.
    M4a,
    /// 16-bit PCM in RIFF with an ID3 chunk.
    Wav,
    /// 16-bit PCM in AIFF with an ID3 chunk.
    Aiff,
}

impl Format {
    /// Every format.
    pub const ALL: [Format; 7] =
        [Format::Mp3, Format::Flac, Format::Ogg, Format::Opus, Format::M4a, Format::Wav, Format::Aiff];

    /// The ending of the file's name, without the dot.
    pub fn extension(self) -> &'static str {
        match self {
            Format::Mp3 => "mp3",
            Format::Flac => "flac",
            Format::Ogg => "ogg",
            Format::Opus => "opus",
            Format::M4a => "m4a",
            Format::Wav => "wav",
            Format::Aiff => "aiff",
        }
    }

    /// The arguments by which ffmpeg encodes it, the same bytes every time.
    pub(crate) fn encoder(self) -> &'static [&'static str] {
        match self {
            Format::Mp3 => &["-c:a", "libmp3lame", "-b:a", "64k", "-f", "mp3"],
            Format::Flac => &["-c:a", "flac", "-f", "flac"],
            Format::Ogg => &["-c:a", "libvorbis", "-q:a", "1", "-f", "ogg"],
            Format::Opus => &["-c:a", "libopus", "-b:a", "48k", "-ar", "48000", "-f", "opus"],
            Format::M4a => &["-c:a", "aac", "-b:a", "64k", "-f", "ipod"],
            Format::Wav => &["-c:a", "pcm_s16le", "-f", "wav"],
            Format::Aiff => &["-c:a", "pcm_s16be", "-f", "aiff"],
        }
    }

    fn tag_type(self) -> TagType {
        match self {
            Format::Mp3 | Format::Wav | Format::Aiff => TagType::Id3v2,
            Format::Flac | Format::Ogg | Format::Opus => TagType::VorbisComments,
            Format::M4a => TagType::Mp4Ilst,
        }
    }
}

/// What a song says of itself.
#[derive(Clone, Debug, Default)]
pub struct SongTags {
    /// The title.
    pub title: String,
    /// The artists, the first one first.
    pub artists: Vec<String>,
    /// The album's title.
    pub album: String,
    /// Whose album it is.
    pub album_artist: String,
    /// The number on its disc, from 1.
    pub track: u32,
    /// How many tracks the disc has.
    pub tracks: u32,
    /// The disc, from 1.
    pub disc: u32,
    /// How many discs the album has.
    pub discs: u32,
    /// The year.
    pub year: u32,
    /// The genres.
    pub genres: Vec<String>,
    /// Who wrote it, when known.
    pub composer: Option<String>,
    /// The words, when known.
    pub lyrics: Option<String>,
    /// Whether the album is a collection of several artists.
    pub compilation: bool,
    /// ReplayGain of the track, in dB.
    pub gain_db: Option<f64>,
}

/// The bytes of an audio file with these tags and, if given, this JPEG inside.
///
/// # Errors
/// [`ErrorKind::Broken`] when the bytes are not of that format.
pub fn tagged(audio: &[u8], format: Format, song: &SongTags, cover: Option<&[u8]>) -> Result<Vec<u8>> {
    let mut tag = Tag::new(format.tag_type());
    let mut put = |key: ItemKey, text: String| {
        tag.push(lofty::tag::TagItem::new(key, lofty::tag::ItemValue::Text(text)));
    };
    put(ItemKey::TrackTitle, song.title.clone());
    song.artists.iter().for_each(|artist| put(ItemKey::TrackArtist, artist.clone()));
    put(ItemKey::AlbumTitle, song.album.clone());
    put(ItemKey::AlbumArtist, song.album_artist.clone());
    put(ItemKey::TrackNumber, song.track.to_string());
    put(ItemKey::TrackTotal, song.tracks.to_string());
    if song.discs > 1 {
        put(ItemKey::DiscNumber, song.disc.to_string());
        put(ItemKey::DiscTotal, song.discs.to_string());
    }
    put(ItemKey::RecordingDate, song.year.to_string());
    song.genres.iter().for_each(|genre| put(ItemKey::Genre, genre.clone()));
    song.composer.iter().for_each(|composer| put(ItemKey::Composer, composer.clone()));
    song.lyrics.iter().for_each(|lyrics| put(ItemKey::UnsyncLyrics, lyrics.clone()));
    song.gain_db.iter().for_each(|gain| put(ItemKey::ReplayGainTrackGain, format!("{gain:.2} dB")));
    if song.compilation {
        put(ItemKey::FlagCompilation, "1".to_owned());
    }
    if let Some(cover) = cover {
        let picture =
            Picture::unchecked(cover.to_vec()).pic_type(PictureType::CoverFront).mime_type(MimeType::Jpeg);
        tag.push_picture(picture.build());
    }
    let mut file = Cursor::new(audio.to_vec());
    let saved = match format.tag_type() {
        TagType::Id3v2 => in_one_order(tag.into()).save_to(&mut file, WriteOptions::default()),
        _ => tag.save_to(&mut file, WriteOptions::default()),
    };
    saved.map_err(|error| {
        Error::because(ErrorKind::Broken, format!("tagging a {} file", format.extension()), error)
    })?;
    Ok(file.into_inner())
}

/// The same frames by name: the conversion from a general tag gives them in another order in every process.
fn in_one_order(tag: Id3v2Tag) -> Id3v2Tag {
    let mut frames: Vec<_> = tag.into_iter().collect();
    frames.sort_by(|a, b| a.id_str().cmp(b.id_str()));
    let mut sorted = Id3v2Tag::default();
    for frame in frames {
        sorted.insert(frame);
    }
    sorted
}
