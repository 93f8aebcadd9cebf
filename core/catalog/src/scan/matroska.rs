//! Matroska and WebM: how long it is, what it sounds like, whether there are moving pictures, and its tags.
//!
//! Only what lies before the first cluster is looked at, and tags behind it that something before it points to; a recording
//! that never knew its length has none.
//!
//! RFC 8794 (EBML), RFC 9559 (Matroska), <https://www.matroska.org/technical/tagging.html>

use std::io;

use budget::limits::{TAG_PARTS_MAX, TAG_TEXT_BYTES_MAX};

use super::fields::{self, Field};
use super::lyrics::Lyrics;
use super::sound::Sound;
use super::window::{Bytes, Window};
use super::words::Words;

// format: RFC 9559 section 27.1
const HEADER: u64 = 0x1a45_dfa3;
const DOC_TYPE: u64 = 0x4282;
const SEGMENT: u64 = 0x1853_8067;
const SEEK_HEAD: u64 = 0x114d_9b74;
const SEEK: u64 = 0x4dbb;
const SEEK_ID: u64 = 0x53ab;
const SEEK_POSITION: u64 = 0x53ac;
const CLUSTER: u64 = 0x1f43_b675;
const INFO: u64 = 0x1549_a966;
const TIMESTAMP_SCALE: u64 = 0x2a_d7b1;
const DURATION: u64 = 0x4489;
const TITLE: u64 = 0x7ba9;
const TRACKS: u64 = 0x1654_ae6b;
const TRACK_ENTRY: u64 = 0xae;
const TRACK_TYPE: u64 = 0x83;
const CODEC_ID: u64 = 0x86;
const AUDIO: u64 = 0xe1;
const SAMPLING_FREQUENCY: u64 = 0xb5;
const CHANNELS: u64 = 0x9f;
const BIT_DEPTH: u64 = 0x6264;
const TAGS: u64 = 0x1254_c367;
const TAG: u64 = 0x7373;
const TARGETS: u64 = 0x63c0;
const TARGET_TYPE_VALUE: u64 = 0x68ca;
const EDITION_UID: u64 = 0x63c9;
const CHAPTER_UID: u64 = 0x63c4;
const ATTACHMENT_UID: u64 = 0x63c6;
const SIMPLE_TAG: u64 = 0x67c8;
const TAG_NAME: u64 = 0x45a3;
const TAG_STRING: u64 = 0x4487;

/// What a tag is about, in steps of ten: the album, its parts (discs), the track.
const ALBUM_LEVEL: u64 = 50;
const DISC_LEVEL: u64 = 40;
const TRACK_LEVEL: u64 = 30;

/// How codecs begin that lose something: a depth of bits, which ffmpeg writes for them too, says nothing of theirs.
const LOSSY: [&[u8]; 6] = [b"A_OPUS", b"A_VORBIS", b"A_AAC", b"A_AC3", b"A_EAC3", b"A_MPEG/"];

const VIDEO_TRACK: u64 = 1;
/// Nanoseconds of one tick, unless the file says otherwise.
const SCALE: u64 = 1_000_000;

/// What the file is.
pub(super) struct Found {
    pub(super) sound: Sound,
    pub(super) content_type: &'static str,
}

/// An element's place in the file.
#[derive(Clone, Copy)]
struct Element {
    id: u64,
    content: u64,
    end: u64,
}

/// Reads what there is before the first cluster.
pub(super) fn read<B: Bytes>(window: &mut Window<B>, words: &mut Words) -> io::Result<Found> {
    let whole = window.length();
    let mut file = File { window, steps_left: TAG_PARTS_MAX, found: Parts::default() };
    let header = file.next(0, whole)?.filter(|element| element.id == HEADER).ok_or_else(broken)?;
    let is_webm = file.child(header, DOC_TYPE)?.is_some_and(|text| text.starts_with(b"webm"));
    let segment = file.next(header.end, whole)?.filter(|element| element.id == SEGMENT).ok_or_else(broken)?;
    let (mut at, mut early_tags, mut late_tags) = (segment.content, Vec::new(), None);
    while let Some(element) = file.next(at, segment.end)? {
        match element.id {
            SEEK_HEAD => {
                let place = forgiven(file.tags_place(element))?.flatten();
                late_tags = place.and_then(|place| segment.content.checked_add(place)).or(late_tags);
            }
            INFO => file.info(element)?,
            TRACKS => file.tracks(element)?,
            TAGS => early_tags.push(element),
            CLUSTER => break,
            _ => {}
        }
        at = element.end;
    }
    // Behind all else, so that tags which claim too much cost nothing but themselves.
    for tags in &early_tags {
        file.tags(*tags, words)?;
    }
    if let Some(at) = late_tags.filter(|_| early_tags.is_empty()) {
        file.tags_at(at, segment.end, words)?;
    }
    let Parts { scale, ticks, has_video, sound, title } = file.found;
    // What the whole file is called counts where the song has no title, as for a film.
    if let Some(title) = title {
        words.add(Field::Title, &title);
    }
    let duration_ms = ticks * scale.unwrap_or(SCALE) as f64 / 1e6;
    let sound = Sound { duration_ms: if duration_ms.is_finite() { duration_ms as u64 } else { 0 }, ..sound };
    let content_type = match (is_webm, has_video) {
        (true, true) => "video/webm",
        (true, false) => "audio/webm",
        (false, true) => "video/x-matroska",
        (false, false) => "audio/x-matroska",
    };
    Ok(Found { sound: sound.with_bitrate_of(whole), content_type })
}

fn broken() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "it has no segment")
}

#[derive(Default)]
struct Parts {
    scale: Option<u64>,
    ticks: f64,
    has_video: bool,
    sound: Sound,
    title: Option<String>,
}

struct File<'w, B> {
    window: &'w mut Window<B>,
    /// Of elements on all levels.
    steps_left: usize,
    found: Parts,
}

impl<B: Bytes> File<'_, B> {
    fn info(&mut self, info: Element) -> io::Result<()> {
        let mut at = info.content;
        while let Some(element) = self.next(at, info.end)? {
            match element.id {
                TIMESTAMP_SCALE => self.found.scale = Some(self.number(element)?),
                DURATION => self.found.ticks = self.float(element)?,
                TITLE => self.found.title = Some(String::from_utf8_lossy(&self.text(element)?).into_owned()),
                _ => {}
            }
            at = element.end;
        }
        Ok(())
    }

    fn tracks(&mut self, tracks: Element) -> io::Result<()> {
        let mut at = tracks.content;
        while let Some(entry) = self.next(at, tracks.end)? {
            let (mut inner, mut codec, mut is_heard) = (entry.content, Vec::new(), false);
            while entry.id == TRACK_ENTRY
                && let Some(element) = self.next(inner, entry.end)?
            {
                match element.id {
                    TRACK_TYPE => self.found.has_video |= self.number(element)? == VIDEO_TRACK,
                    CODEC_ID => codec = self.text(element)?,
                    AUDIO if self.found.sound.channels == 0 => {
                        self.audio(element)?;
                        is_heard = true;
                    }
                    _ => {}
                }
                inner = element.end;
            }
            if is_heard && LOSSY.iter().any(|name| codec.starts_with(name)) {
                self.found.sound.bit_depth = None;
            }
            at = entry.end;
        }
        Ok(())
    }

    fn audio(&mut self, audio: Element) -> io::Result<()> {
        let small = |number: u64| u32::try_from(number).unwrap_or(0);
        // One channel at 8,000 samples, unless the file says otherwise.
        let mut sound = Sound { channels: 1, sample_rate_hz: 8_000, ..Sound::default() };
        let mut at = audio.content;
        while let Some(element) = self.next(at, audio.end)? {
            match element.id {
                SAMPLING_FREQUENCY => sound.sample_rate_hz = self.float(element)? as u32,
                CHANNELS => sound.channels = small(self.number(element)?),
                BIT_DEPTH => sound.bit_depth = Some(small(self.number(element)?)),
                _ => {}
            }
            at = element.end;
        }
        self.found.sound = sound;
        Ok(())
    }

    /// Where the tags lie behind the beginning of the segment, if that is said.
    fn tags_place(&mut self, seek_head: Element) -> io::Result<Option<u64>> {
        let mut at = seek_head.content;
        while let Some(seek) = self.next(at, seek_head.end)? {
            let (mut inner, mut id, mut place) = (seek.content, None, None);
            while seek.id == SEEK
                && let Some(element) = self.next(inner, seek.end)?
            {
                match element.id {
                    SEEK_ID => id = Some(self.number(element)?),
                    SEEK_POSITION => place = Some(self.number(element)?),
                    _ => {}
                }
                inner = element.end;
            }
            if id == Some(TAGS) {
                return Ok(place);
            }
            at = seek.end;
        }
        Ok(None)
    }

    /// The tags at a place that the file names. Where it is wrong, there are none.
    fn tags_at(&mut self, at: u64, end: u64, words: &mut Words) -> io::Result<()> {
        match forgiven(self.next(at, end))?.flatten() {
            Some(element) if element.id == TAGS => self.tags(element, words),
            _ => Ok(()),
        }
    }

    /// The tags of the file and of its tracks. What was read before they broke off, or claimed too much, counts.
    fn tags(&mut self, tags: Element, words: &mut Words) -> io::Result<()> {
        let mut read = || {
            let mut at = tags.content;
            while let Some(element) = self.next(at, tags.end)? {
                if element.id == TAG {
                    self.tag(element, words)?;
                }
                at = element.end;
            }
            Ok(())
        };
        forgiven(read()).map(|_| ())
    }

    fn tag(&mut self, tag: Element, words: &mut Words) -> io::Result<()> {
        // Who says nothing means the file, which is a track here, though the specification would have it an album.
        let mut level = TRACK_LEVEL;
        let mut at = tag.content;
        while let Some(element) = self.next(at, tag.end)? {
            match element.id {
                TARGETS => match self.level(element)? {
                    Some(said) => level = said,
                    None => return Ok(()),
                },
                SIMPLE_TAG => self.simple_tag(element, level, words)?,
                _ => {}
            }
            at = element.end;
        }
        Ok(())
    }

    /// What a tag is about, which is nothing of ours if it is a chapter or an attachment.
    fn level(&mut self, targets: Element) -> io::Result<Option<u64>> {
        let (mut level, mut at) = (TRACK_LEVEL, targets.content);
        while let Some(element) = self.next(at, targets.end)? {
            match element.id {
                TARGET_TYPE_VALUE => level = self.number(element)?,
                // Nought is all of the file.
                EDITION_UID | CHAPTER_UID | ATTACHMENT_UID if self.number(element)? != 0 => return Ok(None),
                _ => {}
            }
            at = element.end;
        }
        Ok(Some(level))
    }

    fn simple_tag(&mut self, tag: Element, level: u64, words: &mut Words) -> io::Result<()> {
        let Some(name) = self.child(tag, TAG_NAME)? else { return Ok(()) };
        let name = String::from_utf8_lossy(&name);
        let field = field(level, &name);
        let is_sung = field.is_none() && words.lyrics_room() > 0 && fields::is_lyrics(&name);
        if field.is_none() && !is_sung {
            return Ok(());
        }
        let bytes_max = if is_sung { words.lyrics_room() } else { TAG_TEXT_BYTES_MAX };
        let Some(text) = self.child_to(tag, TAG_STRING, bytes_max)? else { return Ok(()) };
        let text = String::from_utf8_lossy(&text);
        match field {
            Some(field) => words.add(field, &text),
            None => words.add_lyrics(Lyrics::of_text(&text, None), text.len()),
        }
        Ok(())
    }

    /// The element at `at`, if one lies there that begins before `end`. One of unknown length, as live recordings have,
    /// goes to the end of what holds it.
    fn next(&mut self, at: u64, end: u64) -> io::Result<Option<Element>> {
        if end.saturating_sub(at) < 2 || self.steps_left == 0 {
            return Ok(None);
        }
        self.steps_left -= 1;
        let (id, id_bytes) = self.variable(at, 4)?;
        let (size, size_bytes) = self.variable(at + id_bytes, 8)?;
        let marker = 1 << (7 * size_bytes);
        let content = at + id_bytes + size_bytes;
        let size = if size == 2 * marker - 1 { None } else { Some(size - marker) };
        let end = size.and_then(|size| content.checked_add(size)).unwrap_or(end).min(end);
        Ok((content <= end).then_some(Element { id, content, end }))
    }

    /// A number of variable length with its marker, and its length (RFC 8794 section 4).
    fn variable(&mut self, at: u64, bytes_max: u32) -> io::Result<(u64, u64)> {
        let [first] = self.window.array_at::<1>(at)?;
        let bytes = first.leading_zeros() + 1;
        if bytes > bytes_max {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "an element has no length"));
        }
        let mut number = u64::from(first);
        for place in 1..u64::from(bytes) {
            number = number << 8 | u64::from(self.window.array_at::<1>(at + place)?[0]);
        }
        Ok((number, u64::from(bytes)))
    }

    fn number(&mut self, element: Element) -> io::Result<u64> {
        let bytes = (element.end - element.content).min(8);
        let mut number = 0;
        for place in 0..bytes {
            number = number << 8 | u64::from(self.window.array_at::<1>(element.content + place)?[0]);
        }
        Ok(number)
    }

    fn float(&mut self, element: Element) -> io::Result<f64> {
        let number = match element.end - element.content {
            4 => f64::from(f32::from_be_bytes(self.window.array_at(element.content)?)),
            8 => f64::from_be_bytes(self.window.array_at(element.content)?),
            _ => 0.0,
        };
        Ok(if number.is_finite() && number > 0.0 { number } else { 0.0 })
    }

    fn text(&mut self, element: Element) -> io::Result<Vec<u8>> {
        self.text_to(element, TAG_TEXT_BYTES_MAX)
    }

    fn text_to(&mut self, element: Element, bytes_max: u64) -> io::Result<Vec<u8>> {
        let bytes = (element.end - element.content).min(bytes_max);
        let mut text = vec![0; usize::try_from(bytes).unwrap_or(0)];
        self.window.read_exact_at(&mut text, element.content)?;
        Ok(text)
    }

    /// The text of the first child of that kind.
    fn child(&mut self, parent: Element, id: u64) -> io::Result<Option<Vec<u8>>> {
        self.child_to(parent, id, TAG_TEXT_BYTES_MAX)
    }

    /// The same, up to so many bytes.
    fn child_to(&mut self, parent: Element, id: u64, bytes_max: u64) -> io::Result<Option<Vec<u8>>> {
        let mut at = parent.content;
        while let Some(element) = self.next(at, parent.end)? {
            if element.id == id {
                return self.text_to(element, bytes_max).map(Some);
            }
            at = element.end;
        }
        Ok(None)
    }
}

/// Nothing, where a file is not what it says; only what the disk says is an error.
fn forgiven<T>(read: io::Result<T>) -> io::Result<Option<T>> {
    use io::ErrorKind::{InvalidData, QuotaExceeded, UnexpectedEof};
    match read {
        Err(e) if matches!(e.kind(), InvalidData | QuotaExceeded | UnexpectedEof) => Ok(None),
        read => read.map(Some),
    }
}

/// The field of a tag. Some names mean another thing of an album than of a track.
fn field(level: u64, name: &str) -> Option<Field> {
    match (name, level) {
        ("TITLE", ALBUM_LEVEL..) => Some(Field::Album),
        ("TITLE", DISC_LEVEL..) => Some(Field::DiscTitle),
        ("ARTIST", ALBUM_LEVEL..) => Some(Field::AlbumArtist),
        ("TOTAL_PARTS", ALBUM_LEVEL..) => Some(Field::TrackTotal),
        ("PART_NUMBER", ALBUM_LEVEL..) => None,
        ("PART_NUMBER", DISC_LEVEL..) => Some(Field::Disc),
        ("PART_NUMBER", _) => Some(Field::Track),
        ("DATE_RELEASED", _) => Some(Field::ReleaseDate),
        ("DATE_RECORDED", _) => Some(Field::Date),
        _ => fields::named(name),
    }
}

#[cfg(test)]
mod tests;
