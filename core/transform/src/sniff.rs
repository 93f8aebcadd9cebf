//! Which demuxer reads a source, by its first bytes.
//!
//! ffmpeg is never left to find that out by itself: a playlist that calls itself a video would be read as a playlist,
//! and what it names would be opened. It is told one demuxer of this list, none of which opens anything else, and a
//! source whose first bytes fit none is refused before a process starts.
//!
//! Sources: ISO 14496-12 section 4.3, RFC 8794, ISO 13818-1 section 2.4.3.2 (transport) and 2.5.3.3 (program stream),
//! ISO 13818-7 section 6.2 (ADTS), RFC 3533, RFC 9639, EBU Tech 3306, ID3 2.4 section 3.1, the Advanced Systems Format
//! Specification 1.20 section 3.1, the WavPack 4 and 5 file format.

mod codecs;

use catalog::scan::mpeg_frame_bytes;

pub(crate) use codecs::{DECODERS, refused_decoder};

/// A reader of a container that may be named to ffmpeg.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Demuxer {
    /// MP4, QuickTime and what else is made of ISO boxes.
    Mov,
    /// Matroska and WebM.
    Matroska,
    /// AVI.
    Avi,
    /// MPEG transport streams.
    MpegTs,
    /// MPEG program streams.
    MpegPs,
    /// Flash video.
    Flv,
    /// Ogg, whatever is in it.
    Ogg,
    /// RIFF/WAVE, and RF64 beyond 4 GiB.
    Wav,
    /// AIFF and AIFF-C.
    Aiff,
    /// FLAC in its own container.
    Flac,
    /// MPEG audio, layers I to III.
    Mp3,
    /// AAC by itself (ADTS).
    Aac,
    /// Animated GIF.
    Gif,
    /// Windows Media.
    Asf,
    /// WavPack.
    WavPack,
}

/// A transport packet, and one with a time stamp before it as cameras write them.
const TS_PACKET_BYTES: [(usize, usize); 2] = [(0, 188), (4, 192)];

impl Demuxer {
    /// All of them.
    pub const ALL: [Demuxer; 15] = [
        Demuxer::Mov,
        Demuxer::Matroska,
        Demuxer::Avi,
        Demuxer::MpegTs,
        Demuxer::MpegPs,
        Demuxer::Flv,
        Demuxer::Ogg,
        Demuxer::Wav,
        Demuxer::Aiff,
        Demuxer::Flac,
        Demuxer::Mp3,
        Demuxer::Aac,
        Demuxer::Gif,
        Demuxer::Asf,
        Demuxer::WavPack,
    ];

    /// The one for a source with these first bytes; [`DEMUXER_HEAD_BYTES`](budget::limits::DEMUXER_HEAD_BYTES) of them
    /// are enough.
    pub fn of(head: &[u8]) -> Option<Demuxer> {
        Some(match head {
            [_, _, _, _, b'f', b't', b'y', b'p', brand @ ..] if !is_still(brand) => Demuxer::Mov,
            // QuickTime of before there was a type; a text never begins with a zero.
            [0, _, _, _, kind @ ..]
                if [b"moov", b"mdat", b"wide", b"skip"].iter().any(|known| kind.starts_with(*known)) =>
            {
                Demuxer::Mov
            }
            [0x1a, 0x45, 0xdf, 0xa3, ..] => Demuxer::Matroska,
            [b'R', b'I', b'F', b'F', _, _, _, _, b'A', b'V', b'I', b' ', ..] => Demuxer::Avi,
            [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'A', b'V', b'E', ..]
            | [b'R', b'F', b'6', b'4', _, _, _, _, b'W', b'A', b'V', b'E', ..] => Demuxer::Wav,
            [b'F', b'O', b'R', b'M', _, _, _, _, b'A', b'I', b'F', b'F' | b'C', ..] => Demuxer::Aiff,
            [b'O', b'g', b'g', b'S', 0, ..] => Demuxer::Ogg,
            [b'f', b'L', b'a', b'C', ..] => Demuxer::Flac,
            [b'F', b'L', b'V', 1, ..] => Demuxer::Flv,
            [b'G', b'I', b'F', b'8', b'7' | b'9', b'a', ..] => Demuxer::Gif,
            [0, 0, 1, 0xba, ..] => Demuxer::MpegPs,
            [0x30, 0x26, 0xb2, 0x75, 0x8e, 0x66, 0xcf, 0x11, ..] => Demuxer::Asf,
            [b'w', b'v', b'p', b'k', ..] => Demuxer::WavPack,
            [b'I', b'D', b'3', ..] => return behind_tag(head),
            _ if is_transport(head) => Demuxer::MpegTs,
            _ => return elementary(head),
        })
    }

    /// Its name for `-f`.
    pub const fn name(self) -> &'static str {
        match self {
            Demuxer::Mov => "mov",
            Demuxer::Matroska => "matroska",
            Demuxer::Avi => "avi",
            Demuxer::MpegTs => "mpegts",
            Demuxer::MpegPs => "mpeg",
            Demuxer::Flv => "flv",
            Demuxer::Ogg => "ogg",
            Demuxer::Wav => "wav",
            Demuxer::Aiff => "aiff",
            Demuxer::Flac => "flac",
            Demuxer::Mp3 => "mp3",
            Demuxer::Aac => "aac",
            Demuxer::Gif => "gif",
            Demuxer::Asf => "asf",
            Demuxer::WavPack => "wv",
        }
    }
}

/// Pictures in ISO boxes. There is one frame in them, of any size, in tiles.
fn is_still(brand: &[u8]) -> bool {
    [b"heic", b"heix", b"mif1", b"msf1", b"avif", b"avis"].iter().any(|still| brand.starts_with(*still))
}

/// What comes behind an ID3 tag. A tag with a cover is longer than the head; nearly always it is MP3.
fn behind_tag(head: &[u8]) -> Option<Demuxer> {
    let [_, _, _, _, _, flags, a, b, c, d, ..] = *head else { return None };
    if (a | b | c | d) & 0x80 != 0 {
        return None;
    }
    let size = [a, b, c, d].iter().fold(0_usize, |size, byte| size << 7 | usize::from(*byte));
    let end = 10 + size + if flags & 0x10 == 0 { 0 } else { 10 };
    match head.get(end..) {
        None | Some([]) => Some(Demuxer::Mp3),
        Some([b'f', b'L', b'a', b'C', ..]) => Some(Demuxer::Flac),
        Some(rest) => elementary(rest).or(Some(Demuxer::Mp3)),
    }
}

fn is_transport(head: &[u8]) -> bool {
    TS_PACKET_BYTES.iter().any(|(first, packet)| (0..3).all(|n| head.get(first + n * packet) == Some(&0x47)))
}

/// Sound without a container: two frames of the same kind behind each other, or one that fills what there is.
fn elementary(head: &[u8]) -> Option<Demuxer> {
    let (demuxer, length) = frame(head)?;
    match head.get(length..) {
        None | Some([]) => Some(demuxer),
        Some(next) => frame(next).filter(|(other, _)| *other == demuxer).map(|_| demuxer),
    }
}

/// Which frame begins here, and how long it is.
fn frame(bytes: &[u8]) -> Option<(Demuxer, usize)> {
    match *bytes {
        // Layer 0 is ADTS: 13 bits of length behind the header's 30th.
        [0xff, second, _, fourth, fifth, sixth, ..] if second & 0xf6 == 0xf0 => {
            let length = usize::from(fourth & 3) << 11 | usize::from(fifth) << 3 | usize::from(sixth >> 5);
            (length > 7).then_some((Demuxer::Aac, length))
        }
        [0xff, second, third, _, ..] if second & 0xe0 == 0xe0 => {
            mpeg_frame_bytes(second, third).map(|length| (Demuxer::Mp3, length))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests;
