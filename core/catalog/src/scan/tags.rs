//! What a file says about itself: which container it is by its content, its sound, its words, its picture.
//!
//! Every container is read here through one [`Window`], by parsers that hold no more than the words they keep; only
//! the frames of MPEG audio, the blocks of WavPack and the atoms of MP4 are left to `lofty`, which is shown neither tags that it would
//! unpack nor pictures that it would hold, and stopped when it takes more than its share.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};

use budget::limits::{TAG_BYTES_MAX, TAG_LEADING_MAX};
use lofty::config::{GlobalOptions, ParseOptions, apply_global_options};
use lofty::file::{AudioFile, FileType, TaggedFile, TaggedFileExt};
use lofty::probe::Probe;
use lofty::tag::{ItemKey, Tag};
use store::{RelPath, Source};

use super::details::{Details, is_compilation};
use super::fields::{FOREIGN, Field};
use super::inventory::{FoundCover, Tags};
use super::lyrics::Lyrics;
use super::picture::Pictures;
use super::sound::Sound;
use super::window::{Bytes, Plan, View, Window};
use super::words::{Words, clean};
use super::{adts, ape, flac, id3, iff, matroska, mp4, ogg};

/// The share that a foreign parser may take: what it holds of a file, it holds about twice.
const FOREIGN_BYTES_MAX: u64 = TAG_BYTES_MAX / 2;

/// Whose an album of many artists is.
const VARIOUS: &str = "Various Artists";

/// Extensions of files that a scan opens, in lower case.
const EXTENSIONS: [&str; 21] = [
    "mp3", "mp2", "flac", "ogg", "oga", "opus", "spx", "m4a", "m4b", "aac", "wav", "wv", "aif", "aiff",
    "weba", "mp4", "m4v", "mov", "webm", "mkv", "mka",
];

/// Whether a scan opens files of that name.
pub(super) fn is_media_name(path: &RelPath) -> bool {
    let extension = path.file_name().rsplit_once('.').map(|(_, extension)| extension);
    extension.is_some_and(|extension| EXTENSIONS.iter().any(|known| known.eq_ignore_ascii_case(extension)))
}

/// A container, by content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Container {
    Mpeg,
    Adts,
    WavPack,
    Flac,
    Ogg,
    Mp4,
    Wav,
    Aiff,
    Matroska,
}

impl Container {
    /// What begins like this. MPEG audio has no name of its own: it is what looks like none of the others.
    fn of(start: &[u8]) -> Self {
        match start {
            [b'f', b'L', b'a', b'C', ..] => Container::Flac,
            [b'O', b'g', b'g', b'S', ..] => Container::Ogg,
            [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'A', b'V', b'E', ..] => Container::Wav,
            [b'F', b'O', b'R', b'M', _, _, _, _, b'A', b'I', b'F', b'F' | b'C', ..] => Container::Aiff,
            [_, _, _, _, b'f', b't', b'y', b'p', ..] => Container::Mp4,
            // QuickTime of before there was a type. No MPEG frame begins with a zero.
            [0, _, _, _, b'm', b'o', b'o', b'v', ..] | [0, _, _, _, b'm', b'd', b'a', b't', ..] => {
                Container::Mp4
            }
            [0x1a, 0x45, 0xdf, 0xa3, ..] => Container::Matroska,
            [b'w', b'v', b'p', b'k', ..] => Container::WavPack,
            _ if adts::is_frame(start) => Container::Adts,
            _ => Container::Mpeg,
        }
    }
}

/// Reads what a file that was sent says about itself. Blocks while the disk works, and takes no more memory than one
/// reader of a scan, [`SCAN_READER_BYTES`](budget::limits::SCAN_READER_BYTES): whoever calls it has a permit for that.
///
/// The path gives a title to a file that has none, and its folder an album; a path of one name gives no album.
///
/// # Errors
/// `InvalidData` or `UnexpectedEof` when it is no track, with why; what the source says when it cannot be read.
pub fn read_tags(source: &Source, path: &RelPath) -> io::Result<Tags> {
    source.expect_jumps();
    let mut window = Window::new(source.clone());
    // A mistake in a parser costs the file that met it, and no other.
    let read = catch_unwind(AssertUnwindSafe(|| read(&mut window, path, None)));
    read.unwrap_or_else(|_| Err(io::Error::new(io::ErrorKind::InvalidData, "the parser gave up")))
}

/// Reads a file. `beside` is the picture of its folder or album, which comes before one that is embedded.
///
/// # Errors
/// Why it is no track, for the log: the file is not audio, it breaks off before its sound, it cannot be read.
pub(super) fn read<B: Bytes>(
    window: &mut Window<B>,
    path: &RelPath,
    beside: Option<FoundCover>,
) -> io::Result<Tags> {
    let mut words = Words::default();
    let (sound, content_type, pictures) = read_words(window, &mut words)?;
    let embedded = pictures.best().map(|slice| FoundCover {
        path: path.clone(),
        offset: slice.offset,
        count: Some(slice.count),
        content_type: slice.content_type,
        mark: None,
    });
    Ok(named(words, sound, content_type, path, beside.or(embedded)))
}

/// Reads the words of a file, whatever it is called: its sound, its media type, and where its pictures lie.
pub(super) fn read_words<B: Bytes>(
    window: &mut Window<B>,
    words: &mut Words,
) -> io::Result<(Sound, &'static str, Pictures)> {
    let mut pictures = Pictures::default();
    window.allow(TAG_BYTES_MAX);
    let base = leading_tags(window, words, &mut pictures)?;
    let mut start = [0; 12];
    window.allow(TAG_BYTES_MAX);
    let count = window.read_at(&mut start, base)?;
    let (sound, content_type) = match Container::of(&start[..count]) {
        Container::Flac => (flac::read(window, base, words, &mut pictures)?, "audio/flac"),
        Container::Mpeg => (mpeg(window, base, words, &mut pictures)?, "audio/mpeg"),
        Container::Adts => (adts::read(window, base)?, "audio/aac"),
        // These know no tag in front of them.
        _ if base > 0 => {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "an ID3 tag is all that it begins with"));
        }
        Container::Ogg => (ogg::read(window, words)?, "audio/ogg"),
        Container::WavPack => (wavpack(window, words, &mut pictures)?, "audio/x-wavpack"),
        Container::Wav => (iff::read(window, iff::Order::Little, words, &mut pictures)?, "audio/wav"),
        Container::Aiff => (iff::read(window, iff::Order::Big, words, &mut pictures)?, "audio/aiff"),
        Container::Mp4 => mp4(window, words, &mut pictures)?,
        Container::Matroska => {
            let found = matroska::read(window, words)?;
            (found.sound, found.content_type)
        }
    };
    Ok((sound, content_type, pictures))
}

/// Reads the ID3 tags that a file begins with; gives the place behind them.
fn leading_tags<B: Bytes>(
    window: &mut Window<B>,
    words: &mut Words,
    pictures: &mut Pictures,
) -> io::Result<u64> {
    let (mut base, length) = (0, window.length());
    for _ in 0..TAG_LEADING_MAX {
        let mut more = words.empty_like_this();
        match id3::read(window, base, length, &mut more, pictures)? {
            Some(behind) => base = behind,
            None => break,
        }
        words.fill_from(more);
    }
    Ok(base)
}

/// MPEG audio: the sound by `lofty`, without any tag; the words of APE and of ID3v1, where no other tag has them.
fn mpeg<B: Bytes>(
    window: &mut Window<B>,
    base: u64,
    words: &mut Words,
    pictures: &mut Pictures,
) -> io::Result<Sound> {
    let mut plan = Plan::default();
    if base > 0 {
        plan.cuts.push(0..base.min(window.length()));
    }
    plan.patches.extend(ape::hidden_if_broken(window)?);
    let sound = foreign(window, &plan, FileType::Mpeg, None)?;
    if sound.duration_ms == 0 {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "no MPEG frame follows another in it"));
    }
    trailing_tags(window, words, pictures)?;
    Ok(sound)
}

/// The tags that a file ends with: what nobody said before them counts.
fn trailing_tags<B: Bytes>(
    window: &mut Window<B>,
    words: &mut Words,
    pictures: &mut Pictures,
) -> io::Result<()> {
    let more = ape::read(window, words, pictures)?;
    words.fill_from(more);
    // A tag that claimed too much costs no other one.
    window.allow(TAG_BYTES_MAX);
    words.fill_from(id3::read_version_1(window)?);
    Ok(())
}

/// WavPack: the sound by `lofty`, without any tag.
fn wavpack<B: Bytes>(
    window: &mut Window<B>,
    words: &mut Words,
    pictures: &mut Pictures,
) -> io::Result<Sound> {
    let patches = ape::hidden_if_broken(window)?.into_iter().collect();
    let sound = foreign(window, &Plan { patches, ..Plan::default() }, FileType::WavPack, None)?;
    trailing_tags(window, words, pictures)?;
    Ok(sound)
}

/// MP4: sound and words by `lofty`. Of a video that it cannot read, which may have more tables than it may take or no
/// sound, the length is known all the same.
fn mp4<B: Bytes>(
    window: &mut Window<B>,
    words: &mut Words,
    pictures: &mut Pictures,
) -> io::Result<(Sound, &'static str)> {
    let plan = mp4::read(window, pictures)?;
    window.allow(TAG_BYTES_MAX);
    let mp4::Movie { duration_ms, has_video, is_quicktime } = mp4::movie(window)?;
    let sound = match mp4_words_and_sound(window, &plan, words) {
        Ok(sound) if has_video => Sound { duration_ms: duration_ms.max(sound.duration_ms), ..sound },
        Err(_) if has_video => Sound { duration_ms, ..Sound::default() }.with_bitrate_of(window.length()),
        heard => heard?,
    };
    let content_type = match (has_video, is_quicktime) {
        (false, _) => "audio/mp4",
        (true, true) => "video/quicktime",
        (true, false) => "video/mp4",
    };
    Ok((sound, content_type))
}

/// MP4 by `lofty`. When its tags cannot be read, it is a track with the names of its file and folder.
fn mp4_words_and_sound<B: Bytes>(
    window: &mut Window<B>,
    plan: &Plan,
    words: &mut Words,
) -> io::Result<Sound> {
    match foreign(window, plan, FileType::Mp4, Some(words)) {
        Err(_) => foreign(window, plan, FileType::Mp4, None),
        read => read,
    }
}

/// Lets `lofty` read what the plan shows of a file, with its tags if words are wanted.
fn foreign<B: Bytes>(
    window: &mut Window<B>,
    plan: &Plan,
    kind: FileType,
    words: Option<&mut Words>,
) -> io::Result<Sound> {
    // This is set for each thread, and threads come and go.
    let limit = usize::try_from(FOREIGN_BYTES_MAX).unwrap_or(usize::MAX);
    apply_global_options(GlobalOptions::new().allocation_limit(limit).use_custom_resolvers(false));
    let options = ParseOptions::new().read_cover_art(false).read_tags(words.is_some());
    window.allow(FOREIGN_BYTES_MAX);
    let parse = || Probe::with_file_type(View::new(window, plan), kind).options(options).read();
    // It asserts on some broken files. One file's failure is its own.
    let parsed = catch_unwind(AssertUnwindSafe(parse));
    window.allow(TAG_BYTES_MAX);
    match parsed {
        Ok(Ok(file)) => {
            if let Some(words) = words {
                file.tags().iter().for_each(|tag| add_words_of(tag, words));
            }
            Ok(sound_of(&file))
        }
        Ok(Err(e)) => Err(io::Error::new(io::ErrorKind::InvalidData, causes(&e))),
        Err(_) => Err(io::Error::new(io::ErrorKind::InvalidData, "the parser gave up")),
    }
}

/// An error with those beneath it, in one line.
fn causes(e: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(e), |e| e.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

fn add_words_of(tag: &Tag, words: &mut Words) {
    let mut found = words.empty_like_this();
    for (key, field) in FOREIGN {
        for value in tag.get_strings(key) {
            found.add(field, value);
        }
    }
    // Both keys stand for one atom; which of them it is read as is the parser's choice.
    let keys = [ItemKey::Lyrics, ItemKey::UnsyncLyrics];
    let texts = keys.map(|key| tag.get_strings(key)).into_iter().find_map(|mut texts| texts.next());
    if let Some(text) = texts.filter(|text| text.len() as u64 <= found.lyrics_room()) {
        found.add_lyrics(Lyrics::of_text(text, None), text.len());
    }
    words.fill_from(found);
}

fn sound_of(file: &TaggedFile) -> Sound {
    let properties = file.properties();
    Sound {
        duration_ms: u64::try_from(properties.duration().as_millis()).unwrap_or(0),
        bitrate_kbps: properties.audio_bitrate().or(properties.overall_bitrate()).unwrap_or(0),
        sample_rate_hz: properties.sample_rate().unwrap_or(0),
        bit_depth: properties.bit_depth().map(u32::from),
        channels: properties.channels().map_or(0, u32::from),
        ..Sound::default()
    }
}

/// Puts names in the place of words that are not there.
fn named(
    words: Words,
    sound: Sound,
    content_type: &'static str,
    path: &RelPath,
    cover: Option<FoundCover>,
) -> Tags {
    let folder = path.parent();
    let mut details = Details { audio_md5: sound.md5, ..Details::of(&words) };
    let suffix = path.extension().unwrap_or_default();
    details.track.codec = sound.codec.filter(|codec| codec.name() != suffix);
    let (track, track_total) = words.track();
    let artist = words.joined(Field::Artist);
    let album_artist = words.joined(Field::AlbumArtist);
    // That is what the flag means where nobody is named: the tracks of several artists are one album all the same.
    let album_artist = album_artist.or_else(|| is_compilation(&words).then(|| VARIOUS.to_owned()));
    let artist = artist
        .or_else(|| words.joined(Field::Artists))
        .or_else(|| album_artist.clone())
        .unwrap_or_else(|| "[Unknown Artist]".to_owned());
    Tags {
        title: words
            .first(Field::Title)
            .or_else(|| clean(path.stem()))
            .unwrap_or_else(|| "[Unknown Title]".to_owned()),
        album: words
            .first(Field::Album)
            .or_else(|| folder.as_ref().and_then(|folder| clean(folder.file_name())))
            .unwrap_or_else(|| "[Unknown Album]".to_owned()),
        album_artist: album_artist.unwrap_or_else(|| artist.clone()),
        artist,
        genres: words.genres(),
        track,
        track_total,
        disc: words.disc(),
        year: words.year(),
        duration_ms: sound.duration_ms,
        bitrate_kbps: sound.bitrate_kbps,
        sample_rate_hz: sound.sample_rate_hz,
        bit_depth: sound.bit_depth,
        channels: sound.channels,
        suffix,
        content_type,
        cover,
        details,
    }
}

#[cfg(test)]
mod tests;
