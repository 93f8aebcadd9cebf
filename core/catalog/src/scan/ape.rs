//! APE tags, as WavPack has them, and many a file of MPEG audio: at the end, before an ID3 tag of version 1 if there is one.
//!
//! <https://wiki.hydrogenaud.io/index.php?title=APEv2_specification>

use std::io;

use budget::limits::{PICTURE_HEAD_BYTES_MAX, TAG_PARTS_MAX, TAG_TEXT_BYTES_MAX};

use super::fields;
use super::lyrics::Lyrics;
use super::picture::Pictures;
use super::window::{Bytes, Window};
use super::words::Words;

// format: the specification's pages "Header" and "Item"
const MARK: &[u8] = b"APETAGEX";
const FOOTER_BYTES: u64 = 32;
const VERSION_1_BYTES: u64 = 128;
// format: the same, "APE Item Key": at most 255 characters and a zero
const KEY_BYTES: usize = 256;

/// Reads the words of the tag at the end of a file, and finds its pictures; nothing where there is none.
pub(super) fn read<B: Bytes>(
    window: &mut Window<B>,
    words: &Words,
    pictures: &mut Pictures,
) -> io::Result<Words> {
    let mut found = words.empty_like_this();
    match read_all(window, &mut found, pictures) {
        // What was read before the tag broke off, or claimed too much, counts.
        Err(e) if matches!(e.kind(), io::ErrorKind::UnexpectedEof | io::ErrorKind::QuotaExceeded) => {}
        done => done?,
    }
    Ok(found)
}

/// The end of a tag.
struct Footer {
    at: u64,
    /// Where its items begin; nothing where it claims more than the file has.
    start: Option<u64>,
    count: u32,
}

fn footer<B: Bytes>(window: &mut Window<B>) -> io::Result<Option<Footer>> {
    for behind in [0, VERSION_1_BYTES] {
        let Some(at) = window.length().checked_sub(behind + FOOTER_BYTES) else { break };
        let footer: [u8; FOOTER_BYTES as usize] = window.array_at(at)?;
        if footer.starts_with(MARK) {
            let number = |from: usize| u32::from_le_bytes(std::array::from_fn(|n| footer[from + n]));
            // The size counts the footer.
            let start = (at + FOOTER_BYTES).checked_sub(u64::from(number(12))).filter(|start| *start <= at);
            return Ok(Some(Footer { at, start, count: number(16) }));
        }
    }
    Ok(None)
}

/// The bytes that hide a tag which claims more than the file has: for it a foreign parser would refuse the whole file.
pub(super) fn hidden_if_broken<B: Bytes>(window: &mut Window<B>) -> io::Result<Option<(u64, Vec<u8>)>> {
    let broken = footer(window)?.filter(|footer| footer.start.is_none());
    Ok(broken.map(|footer| (footer.at, vec![0; MARK.len()])))
}

fn read_all<B: Bytes>(window: &mut Window<B>, words: &mut Words, pictures: &mut Pictures) -> io::Result<()> {
    match footer(window)? {
        Some(Footer { at, start: Some(start), count }) => items(window, start, at, count, words, pictures),
        _ => Ok(()),
    }
}

fn items<B: Bytes>(
    window: &mut Window<B>,
    mut at: u64,
    end: u64,
    count: u32,
    words: &mut Words,
    pictures: &mut Pictures,
) -> io::Result<()> {
    for _ in 0..usize::try_from(count).unwrap_or(TAG_PARTS_MAX).min(TAG_PARTS_MAX) {
        if at + 8 > end {
            break;
        }
        let [a, b, c, d, flags, ..]: [u8; 8] = window.array_at(at)?;
        let bytes = u64::from(u32::from_le_bytes([a, b, c, d]));
        let Some(key) = name(window, at + 8, end)? else { break };
        let start = at + 8 + key.len() as u64 + 1;
        at = start + bytes;
        if at > end {
            break;
        }
        match flags >> 1 & 3 {
            0 => text(window, &key, start, bytes, words)?,
            1 => picture(window, &key, start, bytes, pictures)?,
            _ => {}
        }
    }
    Ok(())
}

/// What stands before the next zero.
fn name<B: Bytes>(window: &mut Window<B>, at: u64, end: u64) -> io::Result<Option<String>> {
    let mut buffer = [0; KEY_BYTES];
    let room = usize::try_from(end - at).unwrap_or(KEY_BYTES).min(KEY_BYTES);
    window.read_exact_at(&mut buffer[..room], at)?;
    let zero = buffer[..room].iter().position(|byte| *byte == 0);
    Ok(zero.map(|zero| String::from_utf8_lossy(&buffer[..zero]).into_owned()))
}

/// Several values stand behind each other with a zero between them.
fn text<B: Bytes>(
    window: &mut Window<B>,
    key: &str,
    start: u64,
    bytes: u64,
    words: &mut Words,
) -> io::Result<()> {
    let field = fields::named(key);
    let is_sung = fields::is_lyrics(key) && (1..=words.lyrics_room()).contains(&bytes);
    if field.is_none() && !is_sung {
        return Ok(());
    }
    let looked_at = if is_sung { bytes } else { bytes.min(TAG_TEXT_BYTES_MAX) };
    let mut buffer = vec![0; usize::try_from(looked_at).unwrap_or(0)];
    window.read_exact_at(&mut buffer, start)?;
    let text = String::from_utf8_lossy(&buffer);
    match field {
        Some(field) => text.split('\0').for_each(|value| words.add(field, value)),
        None => words.add_lyrics(Lyrics::of_text(&text, None), buffer.len()),
    }
    Ok(())
}

/// A picture has the name of a file before it, and a zero.
fn picture<B: Bytes>(
    window: &mut Window<B>,
    key: &str,
    start: u64,
    bytes: u64,
    pictures: &mut Pictures,
) -> io::Result<()> {
    let kind = match key.to_ascii_lowercase().as_str() {
        "cover art (front)" => 3,
        key if key.starts_with("cover art (") => 0,
        _ => return Ok(()),
    };
    let mut head = vec![0; usize::try_from(bytes.min(PICTURE_HEAD_BYTES_MAX)).unwrap_or(0)];
    window.read_exact_at(&mut head, start)?;
    match head.iter().position(|byte| *byte == 0) {
        Some(zero) => pictures.offer(window, kind, start + zero as u64 + 1, bytes - zero as u64 - 1),
        None => Ok(()),
    }
}
