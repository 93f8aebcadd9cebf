//! Which format a file is, by its first bytes. Its name is asked only where one container holds several things.
//!
//! Sources: ID3 2.4 section 3.1, ISO 11172-3 section 2.4.1.3 (frame header), RFC 9639 (FLAC), RFC 3533 and 7845 (Ogg),
//! EBU Tech 3306 (RF64), ISO 14496-12 section 4.3 (`ftyp`), RFC 8794 (EBML).

use budget::limits::SNIFF_BYTES;
use catalog::scan::mpeg_frame_bytes;

use crate::name;

/// A format that is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    /// MPEG audio, layers I to III.
    Mp3,
    /// FLAC in its own container.
    Flac,
    /// RIFF/WAVE, and RF64 beyond 4 GiB.
    Wav,
    /// AIFF and AIFF-C.
    Aiff,
    /// Vorbis in Ogg.
    Ogg,
    /// Opus in Ogg.
    Opus,
    /// AAC or ALAC in MP4.
    M4a,
    /// WebM with sound alone.
    WebmAudio,
    /// MP4 with pictures.
    Mp4,
    /// QuickTime.
    Mov,
    /// WebM with pictures.
    Webm,
    /// Matroska.
    Mkv,
    /// A JPEG picture.
    Jpeg,
    /// A PNG picture.
    Png,
    /// A WebP picture.
    Webp,
    /// A GIF picture.
    Gif,
}

/// What a format is for people.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Sort {
    /// Sound.
    Audio,
    /// Moving pictures.
    Video,
    /// A picture.
    Image,
}

impl Format {
    /// All of them.
    pub const ALL: [Format; 16] = [
        Format::Mp3,
        Format::Flac,
        Format::Wav,
        Format::Aiff,
        Format::Ogg,
        Format::Opus,
        Format::M4a,
        Format::WebmAudio,
        Format::Mp4,
        Format::Mov,
        Format::Webm,
        Format::Mkv,
        Format::Jpeg,
        Format::Png,
        Format::Webp,
        Format::Gif,
    ];

    /// Sound, video or picture.
    pub const fn sort(self) -> Sort {
        match self {
            Format::Mp3
            | Format::Flac
            | Format::Wav
            | Format::Aiff
            | Format::Ogg
            | Format::Opus
            | Format::M4a
            | Format::WebmAudio => Sort::Audio,
            Format::Mp4 | Format::Mov | Format::Webm | Format::Mkv => Sort::Video,
            Format::Jpeg | Format::Png | Format::Webp | Format::Gif => Sort::Image,
        }
    }

    /// The extension under which it is kept.
    pub const fn suffix(self) -> &'static str {
        match self {
            Format::Mp3 => "mp3",
            Format::Flac => "flac",
            Format::Wav => "wav",
            Format::Aiff => "aiff",
            Format::Ogg => "ogg",
            Format::Opus => "opus",
            Format::M4a => "m4a",
            Format::WebmAudio | Format::Webm => "webm",
            Format::Mp4 => "mp4",
            Format::Mov => "mov",
            Format::Mkv => "mkv",
            Format::Jpeg => "jpg",
            Format::Png => "png",
            Format::Webp => "webp",
            Format::Gif => "gif",
        }
    }

    /// The media type under which it is served.
    pub const fn content_type(self) -> &'static str {
        match self {
            Format::Mp3 => "audio/mpeg",
            Format::Flac => "audio/flac",
            Format::Wav => "audio/wav",
            Format::Aiff => "audio/aiff",
            Format::Ogg | Format::Opus => "audio/ogg",
            Format::M4a => "audio/mp4",
            Format::WebmAudio => "audio/webm",
            Format::Mp4 => "video/mp4",
            Format::Mov => "video/quicktime",
            Format::Webm => "video/webm",
            Format::Mkv => "video/x-matroska",
            Format::Jpeg => "image/jpeg",
            Format::Png => "image/png",
            Format::Webp => "image/webp",
            Format::Gif => "image/gif",
        }
    }
}

/// What the first bytes say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sniffed {
    /// It is this.
    Format(Format),
    /// It is nothing that is kept; the text says what it looks like.
    Refused(&'static str),
    /// Too few bytes to say; it is asked again when there are [`SNIFF_BYTES`], or all.
    Unknown,
}

/// Says what a file is from its `head`, which is whole when there is nothing behind it. `file` is its cleaned name.
pub fn sniff(head: &[u8], whole: bool, file: &str) -> Sniffed {
    if let Some(sniffed) = by_magic(head, whole, file) {
        return sniffed;
    }
    if !whole && head.len() < SNIFF_BYTES {
        return Sniffed::Unknown;
    }
    match head {
        [] => Sniffed::Refused("it is empty"),
        _ if has_mpeg_frames(head, whole) => Sniffed::Format(Format::Mp3),
        _ => Sniffed::Refused(looks_like(head)),
    }
}

fn by_magic(head: &[u8], whole: bool, file: &str) -> Option<Sniffed> {
    let format = match head {
        [b'I', b'D', b'3', major, minor, _, a, b, c, d, ..]
            if *major < 0xff && *minor < 0xff && (a | b | c | d) & 0x80 == 0 =>
        {
            return Some(behind_id3(head));
        }
        [b'f', b'L', b'a', b'C', ..] => Format::Flac,
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'A', b'V', b'E', ..]
        | [b'R', b'F', b'6', b'4', _, _, _, _, b'W', b'A', b'V', b'E', ..] => Format::Wav,
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Format::Webp,
        [b'F', b'O', b'R', b'M', _, _, _, _, b'A', b'I', b'F', b'F' | b'C', ..] => Format::Aiff,
        [0xff, 0xd8, 0xff, ..] => Format::Jpeg,
        [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1a, b'\n', ..] => Format::Png,
        [b'G', b'I', b'F', b'8', b'7' | b'9', b'a', ..] => Format::Gif,
        [b'O', b'g', b'g', b'S', 0, ..] => return ogg(head, whole),
        [_, _, _, _, b'f', b't', b'y', b'p', ..] => return mp4(head, whole, file),
        // QuickTime of before there was a type; a text never begins with a zero.
        [0, _, _, _, rest @ ..]
            if [b"moov", b"mdat", b"wide", b"skip"].iter().any(|t| rest.starts_with(*t)) =>
        {
            Format::Mov
        }
        [0x1a, 0x45, 0xdf, 0xa3, ..] => return ebml(head, whole),
        _ => return None,
    };
    Some(Sniffed::Format(format))
}

/// ID3 comes before MPEG audio, and, against its standard, before FLAC. What comes behind a long tag is looked at when
/// all is there.
fn behind_id3(head: &[u8]) -> Sniffed {
    let behind = id3_bytes(head).and_then(|bytes| head.get(usize::try_from(bytes).unwrap_or(usize::MAX)..));
    match behind {
        Some([b'f', b'L', b'a', b'C', ..]) => Sniffed::Format(Format::Flac),
        _ => Sniffed::Format(Format::Mp3),
    }
}

/// How long the ID3 tag is that a file begins with, header and footer included.
pub(crate) fn id3_bytes(head: &[u8]) -> Option<u64> {
    match head {
        [b'I', b'D', b'3', _, _, flags, a, b, c, d, ..] if (a | b | c | d) & 0x80 == 0 => {
            let size = [a, b, c, d].iter().fold(0_u64, |size, byte| size << 7 | u64::from(**byte));
            Some(10 + size + if flags & 0x10 == 0 { 0 } else { 10 })
        }
        _ => None,
    }
}

/// The first packet of the first page names the codec.
fn ogg(head: &[u8], whole: bool) -> Option<Sniffed> {
    let segments = usize::from(*head.get(26)?);
    let Some(packet) = head.get(27 + segments..).filter(|packet| packet.len() >= 8) else {
        return whole.then_some(Sniffed::Refused("it is an Ogg file that breaks off in its first page"));
    };
    Some(if packet.starts_with(b"OpusHead") {
        Sniffed::Format(Format::Opus)
    } else if packet.starts_with(b"\x01vorbis") {
        Sniffed::Format(Format::Ogg)
    } else {
        Sniffed::Refused("it is an Ogg file with neither Vorbis nor Opus in it")
    })
}

/// The brands of an MP4 file. A general brand with an audio file's name is audio: its contents lie at its end, mostly.
fn mp4(head: &[u8], whole: bool, file: &str) -> Option<Sniffed> {
    let Some(major) = head.get(8..12) else {
        return whole.then_some(Sniffed::Refused("it is an MP4 file that breaks off in its first atom"));
    };
    let declared = head.get(..4).and_then(|size| size.try_into().ok()).map_or(0, u32::from_be_bytes);
    let end = usize::try_from(declared).unwrap_or(usize::MAX).min(head.len());
    let compatible = head.get(16..end).unwrap_or_default().chunks_exact(4);
    let mut brands = std::iter::once(major).chain(compatible);
    Some(match major {
        b"M4A " | b"M4B " | b"M4P " => Sniffed::Format(Format::M4a),
        b"qt  " => Sniffed::Format(Format::Mov),
        b"heic" | b"heix" | b"mif1" | b"msf1" | b"avif" | b"avis" => {
            Sniffed::Refused("it is a picture of a kind that is not kept; jpg, png, webp and gif are")
        }
        _ if brands.any(|brand| matches!(brand, b"M4A " | b"M4B ")) => Sniffed::Format(Format::M4a),
        _ if matches!(name::extension(file).as_str(), "m4a" | "m4b") => Sniffed::Format(Format::M4a),
        _ => Sniffed::Format(Format::Mp4),
    })
}

/// WebM or Matroska; the names of codecs tell whether there are pictures.
fn ebml(head: &[u8], whole: bool) -> Option<Sniffed> {
    if !whole && head.len() < SNIFF_BYTES {
        return None;
    }
    let has = |what: &[u8]| head.windows(what.len()).any(|window| window == what);
    Some(if has(b"webm") {
        let sound_alone = (has(b"A_OPUS") || has(b"A_VORBIS")) && !has(b"V_VP") && !has(b"V_AV1");
        Sniffed::Format(if sound_alone { Format::WebmAudio } else { Format::Webm })
    } else if has(b"matroska") {
        Sniffed::Format(Format::Mkv)
    } else {
        Sniffed::Refused("it is an EBML file that is neither WebM nor Matroska")
    })
}

/// Whether two frames of MPEG audio follow each other, or one is all there is.
fn has_mpeg_frames(head: &[u8], whole: bool) -> bool {
    (0..head.len()).any(|start| {
        let Some((frame_bytes, sound)) = mpeg_frame(&head[start..]) else { return false };
        match head.get(start + frame_bytes..) {
            Some(next) if !next.is_empty() => mpeg_frame(next).is_some_and(|(_, other)| other == sound),
            _ => whole && start == 0,
        }
    })
}

/// The length of the frame that begins here, and what must be the same in the next one.
fn mpeg_frame(bytes: &[u8]) -> Option<(usize, [u8; 2])> {
    let [0xff, second, third, _, ..] = *bytes else { return None };
    if second & 0xe0 != 0xe0 {
        return None;
    }
    mpeg_frame_bytes(second, third).map(|frame_bytes| (frame_bytes, [second & 0xfe, third & 0x0c]))
}

/// A word for what was refused, so that its sender knows what he took.
fn looks_like(head: &[u8]) -> &'static str {
    match head {
        [b'%', b'P', b'D', b'F', ..] => "it is a PDF document",
        [b'P', b'K', 3 | 5, 4 | 6, ..] => "it is a zip archive",
        [0x1f, 0x8b, ..] => "it is a gzip archive",
        [0x7f, b'E', b'L', b'F', ..] | [b'M', b'Z', ..] => "it is a program",
        [b'<', ..] => "it is a text with markup",
        [0xff, second, ..] if second & 0xf6 == 0xf0 => "it is AAC without a container",
        _ if is_text(head) => "it is a text",
        _ => "it begins like no format that is kept",
    }
}

fn is_text(head: &[u8]) -> bool {
    // The last character may be cut.
    let end = match std::str::from_utf8(head) {
        Ok(_) => head.len(),
        Err(e) if e.error_len().is_none() => e.valid_up_to(),
        Err(_) => return false,
    };
    !head[..end].iter().any(|byte| *byte < 0x20 && !matches!(byte, b'\t' | b'\n' | b'\r' | 0x0c))
}

#[cfg(test)]
mod tests;
