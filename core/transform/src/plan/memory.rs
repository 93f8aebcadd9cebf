//! How much memory a child takes, from what was measured with ffmpeg 5.1 and one thread.
//!
//! A child begins at 67 MiB, of which 45 are programs that all children share. Each million pixels that it decodes adds
//! 6, and 10 beyond 1080p, since decoders keep the frames that later ones refer to; each that it encodes adds what its
//! encoder looks ahead and back. What is reserved stands above all that was measured, from 640x360 to 3840x2160.

use budget::limits::MIB;

use crate::plan::video::Pace;
use crate::probe::{Probe, VideoTrack};
use crate::recipe::Codec;

/// What a child has before its first frame.
const FLOOR_MIB: u64 = 67;
/// What it has before its first sample, when it decodes no pictures.
const SOUND_FLOOR_MIB: u64 = 60;
/// What it has when it copies packets.
const COPY_FLOOR_MIB: u64 = 54;
/// What a million decoded pixels add.
const DECODED_MIB: u64 = 6;
/// What a million of those add to that which are beyond a frame of 1080p.
const DECODED_MORE_MIB: u64 = 4;
/// A frame of 1080p, in thousands of pixels.
const HD_KILOPIXELS: u64 = 1_920 * 1_080 / 1_000;
/// What a million pixels add whose first frame is looked at, although sound alone is wanted.
const SEEN_MIB: u64 = 2;
/// What a million decoded pixels of more than eight bits add to that.
const DEEP_MIB: u64 = 17;
/// What a million pixels add that are floating point numbers while bright light is brought down.
const TONE_MIB: u64 = 48;
/// What a million pixels add that are held as a picture: a sheet, and what is encoded of it.
const SHEET_MIB: u64 = 6;
/// Bytes that a demuxer remembers of each packet of a source.
const PER_PACKET_READ: u64 = 40;
/// Bytes that are remembered of each packet that a second pass reads and writes.
const PER_PACKET_COPIED: u64 = 120;
/// Packets of sound in a second: AAC of 48 kHz.
const SOUND_PACKETS_PER_SECOND: u64 = 47;

/// What of that are programs, which all children share and the kernel can take back at any time: nobody reserves it.
pub(super) const SHARED_MIB: u64 = 45;
/// What is reserved beyond what is expected: a fifth, and this.
const SPARE_MIB: u64 = 8;

/// What is decoded and encoded, in thousands of pixels.
#[derive(Clone, Copy, Debug)]
pub(super) struct Load {
    decoded_kilopixels: u64,
    extra_mib: u64,
    index_bytes: u64,
}

impl Load {
    pub(super) fn sound() -> Load {
        Load { decoded_kilopixels: 0, extra_mib: 0, index_bytes: 0 }
    }

    pub(super) fn pictures(video: &VideoTrack) -> Load {
        let decoded_kilopixels = video.stored_pixels() / 1_000;
        let deep = if video.bit_depth > 8 { DEEP_MIB * decoded_kilopixels / 1_000 } else { 0 };
        Load { decoded_kilopixels, extra_mib: deep, index_bytes: 0 }
    }

    /// What reading the source takes: its index, which a demuxer holds whole, and a look at its pictures.
    pub(super) fn reading(mut self, probe: &Probe) -> Load {
        let fps = probe.video.as_ref().map_or(0, |video| video.fps.map_or(30, |rate| u64::from(rate.ceil())));
        let sound = if probe.audio.is_some() { SOUND_PACKETS_PER_SECOND } else { 0 };
        let said = probe.duration_ms.unwrap_or(0) / 1_000 * (fps + sound);
        if let Some(video) = probe.video.as_ref().filter(|_| self.decoded_kilopixels == 0) {
            self.extra_mib += SEEN_MIB * video.stored_pixels() / 1_000_000;
        }
        // A packet has bytes: a length that a source only claims does not reserve everything.
        self.index_bytes += PER_PACKET_READ * said.min(probe.size_bytes);
        self
    }

    /// Three frames beside each other, of which one is made.
    pub(super) fn deinterlaced(mut self) -> Load {
        self.extra_mib += self.decoded_mib();
        self
    }

    pub(super) fn tone(mut self, pixels: u64) -> Load {
        self.extra_mib += TONE_MIB * pixels / 1_000_000;
        self
    }

    pub(super) fn sheet(mut self, pixels: u64) -> Load {
        self.extra_mib += SHEET_MIB * pixels / 1_000_000;
        self
    }

    pub(super) fn encoded(mut self, codec: Codec, pixels: u64, pace: Pace) -> Load {
        let (floor, per_million) = match codec {
            Codec::H264 => match pace {
                Pace::Far => (0, 66),
                Pace::Near => (0, 50),
                Pace::Quick => (0, 46),
            },
            Codec::H265 => (0, 112),
            Codec::Vp9 => (20, 128),
            Codec::Av1 => (20, 132),
        };
        self.extra_mib += floor + per_million * pixels / 1_000_000;
        self
    }

    fn decoded_mib(&self) -> u64 {
        let more = self.decoded_kilopixels.saturating_sub(HD_KILOPIXELS);
        (DECODED_MIB * self.decoded_kilopixels + DECODED_MORE_MIB * more) / 1_000
    }

    /// What is reserved.
    pub(super) fn reserve_bytes(self) -> u64 {
        let floor = if self.decoded_kilopixels == 0 { SOUND_FLOOR_MIB } else { FLOOR_MIB };
        let expected = floor + self.decoded_mib() + self.extra_mib + self.index_bytes / MIB;
        reserved(expected)
    }
}

/// What is reserved for a child that is expected to take so much.
fn reserved(expected_mib: u64) -> u64 {
    MIB * ((expected_mib - SHARED_MIB) * 6 / 5 + SPARE_MIB).next_multiple_of(4)
}

/// The second pass copies packets, of which there are so many in what was made.
pub(super) fn pass_bytes(out_ms: u64, fps: u64, has_sound: bool) -> u64 {
    let sound = if has_sound { SOUND_PACKETS_PER_SECOND } else { 0 };
    reserved(COPY_FLOOR_MIB + PER_PACKET_COPIED * (out_ms / 1_000) * (fps + sound) / MIB)
}
