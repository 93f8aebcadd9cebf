//! What a file sounds like, apart from its words.

use crate::model;

/// Length, rates and channels of a track; 0 is not known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Sound {
    pub(super) duration_ms: u64,
    pub(super) bitrate_kbps: u32,
    pub(super) sample_rate_hz: u32,
    pub(super) bit_depth: Option<u32>,
    pub(super) channels: u32,
    /// The MD5 of all samples, where the file says it.
    pub(super) md5: Option<[u8; 16]>,
    /// What it is coded in, where its container stands for something else.
    pub(super) codec: Option<model::Codec>,
}

impl Sound {
    /// With the mean bit rate of so many bytes over the whole length.
    pub(super) fn with_bitrate_of(mut self, bytes: u64) -> Self {
        // Bits in a millisecond are thousands of bits in a second.
        let kbps = bytes.saturating_mul(8).checked_div(self.duration_ms).unwrap_or(0);
        self.bitrate_kbps = u32::try_from(kbps).unwrap_or(0);
        self
    }
}
