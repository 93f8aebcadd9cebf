//! The text of the list of all that a player of HTTP Live Streaming can choose from (RFC 8216 section 4.3.4).

use std::fmt::{self, Write as _};

use crate::plan::Variant;

/// The media type of a playlist (RFC 8216 section 4).
pub const PLAYLIST_TYPE: &str = "application/vnd.apple.mpegurl";
/// The lines that each playlist begins with.
// format: the version of RFC 8216 section 7 that has EXT-X-MAP in playlists of more than I-frames, and decimal durations
pub const PLAYLIST_BEGINNING: &str = "#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-INDEPENDENT-SEGMENTS\n";

/// The list of what there is to choose from, each with its address, from the smallest on, which is what a player begins with.
/// Where the sound has an address of its own, it is the same for all of them.
pub fn master(variants: &[(Variant, String)], sound: Option<&str>) -> String {
    let mut text = PLAYLIST_BEGINNING.to_owned();
    // Writing to a String cannot fail.
    if let Some(address) = sound {
        let of = "#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"sound\",NAME=\"sound\",DEFAULT=YES,AUTOSELECT=YES";
        let _ = writeln!(text, "{of},URI=\"{address}\"");
    }
    let group = if sound.is_some() { ",AUDIO=\"sound\"" } else { "" };
    for (variant, address) in variants {
        let _ = writeln!(text, "#EXT-X-STREAM-INF:{variant}{group}\n{address}");
    }
    text
}

/// Its attributes, as `EXT-X-STREAM-INF` has them.
impl fmt::Display for Variant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Variant { picture, peak_bits_per_second, codecs } = self;
        write!(f, "BANDWIDTH={peak_bits_per_second},CODECS=\"{codecs}\"")?;
        let Some(((width, height), rate)) = picture else { return Ok(()) };
        let thousandths = (u64::from(rate.frames()) * 1_000 + u64::from(rate.seconds()) / 2)
            / u64::from(rate.seconds()).max(1);
        write!(f, ",RESOLUTION={width}x{height}")?;
        write!(f, ",FRAME-RATE={}.{:03}", thousandths / 1_000, thousandths % 1_000)
    }
}
