//! ID3 tags, read without holding or unpacking what they claim: versions 2.2, 2.3, 2.4 and 1.
//!
//! Text frames that lists need are read, pictures are located, everything else is stepped over. A picture has raw
//! bytes in the file unless its frame or its tag is unsynchronised (a zero byte put in behind each 0xFF), compressed
//! or encrypted: such a one is left out. Compressed frames are never unpacked.
//!
//! <https://id3.org/id3v2.4.0-structure>, <https://id3.org/id3v2.3.0>, <https://id3.org/id3v2-00>

use std::io;

use budget::limits::{PICTURE_HEAD_BYTES_MAX, TAG_TEXT_BYTES_MAX};
use lofty::id3::v1::GENRES;

use super::fields::Field;
use super::picture::Pictures;
use super::window::{Bytes, Window};
use super::words::Words;

mod sung;
mod texts;

pub(super) use texts::{latin_1, utf_16};

/// Reads the tag that begins at `base` and ends before `limit`; gives the place behind it, or `None` if there is none.
pub(super) fn read<B: Bytes>(
    window: &mut Window<B>,
    base: u64,
    limit: u64,
    words: &mut Words,
    pictures: &mut Pictures,
) -> io::Result<Option<u64>> {
    if limit.saturating_sub(base) < 10 {
        return Ok(None);
    }
    let header: [u8; 10] = window.array_at(base)?;
    let [b'I', b'D', b'3', version @ 2..=4, _, flags, a, b, c, d] = header else { return Ok(None) };
    let end = base + 10 + u64::from(synchsafe([a, b, c, d]));
    let behind = end + if version == 4 && flags & 0x10 != 0 { 10 } else { 0 };
    // 2.2 has one flag for "all of it is compressed", in a way that was never defined.
    if version > 2 || flags & 0x40 == 0 {
        let whole_unsynchronised = flags & 0x80 != 0 && version < 4;
        let tag = Tag { version, all_unsynchronised: flags & 0x80 != 0 };
        let mut cursor = Cursor::new(window, base + 10, end.min(limit), whole_unsynchronised);
        let extended = version > 2 && flags & 0x40 != 0;
        let skipped = if extended { skip_extended_header(&mut cursor, version) } else { Ok(()) };
        match skipped.and_then(|()| frames(&mut cursor, tag, words, pictures)) {
            // What was read before a tag broke off, or claimed too much, counts.
            Err(e) if matches!(e.kind(), io::ErrorKind::UnexpectedEof | io::ErrorKind::QuotaExceeded) => {}
            done => done?,
        }
    }
    Ok(Some(behind))
}

#[derive(Clone, Copy)]
struct Tag {
    version: u8,
    all_unsynchronised: bool,
}

/// Seven bits of each byte, so that no tag looks like the start of an MPEG frame.
fn synchsafe(bytes: [u8; 4]) -> u32 {
    bytes.iter().fold(0, |number, byte| number << 7 | u32::from(byte & 0x7f))
}

fn skip_extended_header<B: Bytes>(cursor: &mut Cursor<'_, B>, version: u8) -> io::Result<()> {
    let mut size = [0; 4];
    cursor.read_exact(&mut size)?;
    // In 2.4 the size counts itself.
    let rest = if version == 4 { synchsafe(size).saturating_sub(4) } else { u32::from_be_bytes(size) };
    cursor.skip(u64::from(rest))
}

fn frames<B: Bytes>(
    cursor: &mut Cursor<'_, B>,
    tag: Tag,
    words: &mut Words,
    pictures: &mut Pictures,
) -> io::Result<()> {
    while let Some(frame) = next_frame(cursor, tag)? {
        if frame.size > cursor.left() {
            break;
        }
        let mut size = frame.size;
        if frame.is_sealed {
            cursor.skip(size)?;
            continue;
        }
        let prefix = frame.prefix_bytes.min(size);
        cursor.skip(prefix)?;
        size -= prefix;
        if texts::is_wanted(&frame.id) {
            let content = read_content(cursor, size, TAG_TEXT_BYTES_MAX, frame.is_unsynchronised)?;
            texts::add(words, &frame.id, &content);
        } else if words.lyrics_room() > 0 && sung::is_wanted(&frame.id) {
            let content = read_content(cursor, size, words.lyrics_room(), frame.is_unsynchronised)?;
            words.add_lyrics(sung::read(&frame.id, &content).unwrap_or_default(), content.len());
        } else if matches!(&frame.id, b"APIC" | b"PIC ") && !frame.is_unsynchronised && !cursor.unsynchronised
        {
            let start = cursor.at();
            offer_picture(cursor, &frame.id, size, pictures)?;
            cursor.jump(start + size);
        } else {
            cursor.skip(size)?;
        }
    }
    Ok(())
}

struct Frame {
    /// Names of three letters end with a space here.
    id: [u8; 4],
    size: u64,
    /// Bytes between header and content: group, real length.
    prefix_bytes: u64,
    is_unsynchronised: bool,
    /// Compressed or encrypted.
    is_sealed: bool,
}

/// The next frame's header; `None` at the padding or where there is no frame.
fn next_frame<B: Bytes>(cursor: &mut Cursor<'_, B>, tag: Tag) -> io::Result<Option<Frame>> {
    let header_bytes = if tag.version == 2 { 6 } else { 10 };
    if cursor.left() < header_bytes {
        return Ok(None);
    }
    let mut id = [b' '; 4];
    if tag.version == 2 {
        let mut size = [0; 4];
        cursor.read_exact(&mut id[..3])?;
        cursor.read_exact(&mut size[1..])?;
        let size = u64::from(u32::from_be_bytes(size));
        return Ok(is_frame_id(&id[..3]).then_some(Frame {
            id,
            size,
            prefix_bytes: 0,
            is_unsynchronised: false,
            is_sealed: false,
        }));
    }
    let (mut size, mut flags) = ([0; 4], [0; 2]);
    cursor.read_exact(&mut id)?;
    cursor.read_exact(&mut size)?;
    cursor.read_exact(&mut flags)?;
    if !is_frame_id(&id) {
        return Ok(None);
    }
    let flags = flags[1];
    if tag.version == 3 {
        return Ok(Some(Frame {
            id,
            size: u64::from(u32::from_be_bytes(size)),
            prefix_bytes: u64::from(flags & 0x20 != 0),
            is_unsynchronised: false,
            is_sealed: flags & 0xc0 != 0,
        }));
    }
    Ok(Some(Frame {
        id,
        size: size_in_2_4(cursor, size)?,
        prefix_bytes: u64::from(flags & 0x40 != 0) + if flags & 0x01 != 0 { 4 } else { 0 },
        is_unsynchronised: tag.all_unsynchronised || flags & 0x02 != 0,
        is_sealed: flags & 0x0c != 0,
    }))
}

fn is_frame_id(id: &[u8]) -> bool {
    id.iter().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
}

/// Sizes are synchsafe in 2.4, but old iTunes wrote plain ones: the reading behind which another frame, padding or the
/// end follows is right.
fn size_in_2_4<B: Bytes>(cursor: &mut Cursor<'_, B>, size: [u8; 4]) -> io::Result<u64> {
    let (safe, plain) = (u64::from(synchsafe(size)), u64::from(u32::from_be_bytes(size)));
    if safe == plain || cursor.frame_may_follow(safe)? || !cursor.frame_may_follow(plain)? {
        return Ok(safe);
    }
    Ok(plain)
}

/// The first bytes of a frame's content; the rest is stepped over.
fn read_content<B: Bytes>(
    cursor: &mut Cursor<'_, B>,
    size: u64,
    bytes_max: u64,
    unsynchronised: bool,
) -> io::Result<Vec<u8>> {
    let looked_at = size.min(bytes_max);
    let mut bytes = vec![0; usize::try_from(looked_at).unwrap_or(0)];
    cursor.read_exact(&mut bytes)?;
    cursor.skip(size - looked_at)?;
    if unsynchronised {
        let mut before = 0;
        bytes.retain(|byte| {
            let put_in = before == 0xff && *byte == 0;
            before = *byte;
            !put_in
        });
    }
    Ok(bytes)
}

/// Finds the picture's bytes in its frame: behind encoding, media type, kind and description.
fn offer_picture<B: Bytes>(
    cursor: &mut Cursor<'_, B>,
    id: &[u8; 4],
    size: u64,
    pictures: &mut Pictures,
) -> io::Result<()> {
    let start = cursor.at();
    let looked_at = size.min(PICTURE_HEAD_BYTES_MAX);
    let mut head = vec![0; usize::try_from(looked_at).unwrap_or(0)];
    cursor.read_exact(&mut head)?;
    let Some((&encoding, rest)) = head.split_first() else { return Ok(()) };
    // 2.2 has a format of three letters, later versions a media type that ends with a zero.
    let type_bytes =
        if id == b"PIC " { Some(3) } else { rest.iter().position(|byte| *byte == 0).map(|end| end + 1) };
    let Some((&kind, description)) = type_bytes.and_then(|end| rest.get(end..)).and_then(<[u8]>::split_first)
    else {
        return Ok(());
    };
    let description_bytes = match encoding {
        1 | 2 => description.chunks_exact(2).position(|pair| pair == [0, 0]).map(|pairs| 2 * pairs + 2),
        _ => description.iter().position(|byte| *byte == 0).map(|end| end + 1),
    };
    let Some(description_bytes) = description_bytes else { return Ok(()) };
    let before = (head.len() - description.len() + description_bytes) as u64;
    pictures.offer(cursor.window, u32::from(kind), start + before, size - before)
}

/// Reads the tag of version 1 at the end of a file.
pub(super) fn read_version_1<B: Bytes>(window: &mut Window<B>) -> io::Result<Words> {
    let mut words = Words::default();
    let Some(base) = window.length().checked_sub(128) else { return Ok(words) };
    let tag: [u8; 128] = window.array_at(base)?;
    if !tag.starts_with(b"TAG") {
        return Ok(words);
    }
    let fields =
        [(Field::Title, 3..33), (Field::Artist, 33..63), (Field::Album, 63..93), (Field::Date, 93..97)];
    for (field, range) in fields {
        let text = latin_1(&tag[range]);
        words.add(field, text.split('\0').next().unwrap_or_default());
    }
    if tag[125] == 0 && tag[126] != 0 {
        words.add(Field::Track, &tag[126].to_string());
    }
    if let Some(genre) = GENRES.get(usize::from(tag[127])) {
        words.add(Field::Genre, genre);
    }
    Ok(words)
}

/// A place in a tag. In an unsynchronised one, the zeros behind 0xFF are passed over while reading.
struct Cursor<'w, B> {
    window: &'w mut Window<B>,
    at: u64,
    end: u64,
    unsynchronised: bool,
    ahead: [u8; 256],
    ahead_from: usize,
    ahead_to: usize,
    after_ff: bool,
}

impl<'w, B: Bytes> Cursor<'w, B> {
    fn new(window: &'w mut Window<B>, at: u64, end: u64, unsynchronised: bool) -> Self {
        Cursor {
            window,
            at,
            end,
            unsynchronised,
            ahead: [0; 256],
            ahead_from: 0,
            ahead_to: 0,
            after_ff: false,
        }
    }

    fn at(&self) -> u64 {
        self.at
    }

    /// Bytes up to the end of the tag; in an unsynchronised one, at least those that can be read.
    fn left(&self) -> u64 {
        self.end.saturating_sub(self.at) + (self.ahead_to - self.ahead_from) as u64
    }

    /// Goes to a place; only where nothing is read ahead.
    fn jump(&mut self, to: u64) {
        self.at = to;
    }

    fn read_exact(&mut self, buffer: &mut [u8]) -> io::Result<()> {
        if self.unsynchronised {
            for byte in buffer {
                *byte = self.next_byte()?;
            }
            return Ok(());
        }
        if self.left() < buffer.len() as u64 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.window.read_exact_at(buffer, self.at)?;
        self.at += buffer.len() as u64;
        Ok(())
    }

    fn skip(&mut self, count: u64) -> io::Result<()> {
        if self.unsynchronised {
            for _ in 0..count {
                self.next_byte()?;
            }
        } else {
            self.at = self.at.saturating_add(count);
        }
        Ok(())
    }

    fn next_byte(&mut self) -> io::Result<u8> {
        loop {
            if self.ahead_from == self.ahead_to {
                let room = self.end.saturating_sub(self.at).min(self.ahead.len() as u64);
                let room = usize::try_from(room).unwrap_or(0);
                let count = self.window.read_at(&mut self.ahead[..room], self.at)?;
                if count == 0 {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
                (self.ahead_from, self.ahead_to) = (0, count);
                self.at += count as u64;
            }
            let byte = self.ahead[self.ahead_from];
            self.ahead_from += 1;
            let put_in = self.after_ff && byte == 0;
            self.after_ff = byte == 0xff;
            if !put_in {
                return Ok(byte);
            }
        }
    }

    /// Whether behind so many bytes of content the tag ends, or padding or another frame begins.
    fn frame_may_follow(&mut self, size: u64) -> io::Result<bool> {
        let next = self.at.saturating_add(size);
        if next >= self.end {
            return Ok(next == self.end);
        }
        let mut id = [0; 4];
        let count = self.window.read_at(&mut id, next)?;
        Ok(id[0] == 0 || (count == 4 && is_frame_id(&id)))
    }
}

#[cfg(test)]
mod tests;
