//! What the head of a PNG tells about the memory that decoding it takes.
//!
//! The decoder unpacks the names and colours before the pixels too, and of these a small file may hold very much, so that it is
//! not asked.

use std::io::{self, Read};

use super::bytes;

/// What the first chunk of a picture says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) width: u32,
    pub(super) height: u32,
    /// Of all pixels decoded, with an alpha channel, which may be told of later.
    pub(super) decoded_bytes: u64,
}

// format: ISO/IEC 15948 sections 5.2 and 11.2.2
const BEGINNING: [u8; 16] = *b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR";

impl Head {
    /// Reads it, from the first byte of the picture on; nothing where there is none that can be decoded.
    pub(super) fn read(reader: &mut impl Read) -> io::Result<Option<Head>> {
        if bytes(reader)? != BEGINNING {
            return Ok(None);
        }
        let (width, height) = (u32::from_be_bytes(bytes(reader)?), u32::from_be_bytes(bytes(reader)?));
        let [depth_bits, colours] = bytes(reader)?;
        let channels = match colours {
            0 | 4 => 2,
            2 | 3 | 6 => 4,
            _ => return Ok(None),
        };
        let pixel_bytes = channels * u64::from(depth_bits.div_ceil(8));
        let decoded_bytes = (u64::from(width) * u64::from(height)).saturating_mul(pixel_bytes);
        Ok(Some(Head { width, height, decoded_bytes }))
    }
}
