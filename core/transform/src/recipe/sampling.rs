//! What sound is written in, where that is not left to its source and its encoding.

use std::fmt::{self, Display};

use super::Unfit;

/// How many samples of how many channels and how many bits sound has. What is not said follows from the source.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Sampling {
    /// Samples in a second; an encoding that does not have them takes the nearest that it has.
    pub rate: Option<SampleRate>,
    /// How many channels; what loses something anyway has two at most.
    pub channels: Option<Channels>,
    /// Bits of a sample. Only FLAC has them.
    pub depth: Option<BitDepth>,
}

/// A number of samples in a second that encoders have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SampleRate(u32);

impl SampleRate {
    /// All that there are, the lowest first.
    // format: of MPEG-4, and above 48 kHz those that recordings have
    pub const ALL: [SampleRate; 13] = [
        SampleRate(8_000),
        SampleRate(11_025),
        SampleRate(12_000),
        SampleRate(16_000),
        SampleRate(22_050),
        SampleRate(24_000),
        SampleRate(32_000),
        SampleRate(44_100),
        SampleRate(48_000),
        SampleRate(88_200),
        SampleRate(96_000),
        SampleRate(176_400),
        SampleRate(192_000),
    ];

    /// # Errors
    /// [`Unfit`] for what is not one of [`SampleRate::ALL`].
    pub fn new(hz: u64) -> Result<SampleRate, Unfit> {
        let found = SampleRate::ALL.into_iter().find(|rate| u64::from(rate.0) == hz);
        found.ok_or(Unfit { expected: "a usual sample rate from 8000 to 192000" })
    }

    /// In Hz.
    pub const fn hz(self) -> u32 {
        self.0
    }
}

/// A number of channels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Channels(u8);

impl Channels {
    /// The most that there are.
    // format: of FLAC
    pub const MAX: u8 = 8;

    /// # Errors
    /// [`Unfit`] outside 1 to [`Channels::MAX`].
    pub fn new(count: u64) -> Result<Channels, Unfit> {
        let count = u8::try_from(count).ok().filter(|count| (1..=Channels::MAX).contains(count));
        count.map(Channels).ok_or(Unfit { expected: "1 to 8 channels" })
    }

    /// How many.
    pub const fn count(self) -> u8 {
        self.0
    }
}

/// How exact a sample is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum BitDepth {
    /// As a compact disc has it.
    Sixteen,
    /// As a studio has it.
    TwentyFour,
}

impl BitDepth {
    /// In bits.
    pub const fn bits(self) -> u8 {
        match self {
            BitDepth::Sixteen => 16,
            BitDepth::TwentyFour => 24,
        }
    }

    /// # Errors
    /// [`Unfit`] for what is neither.
    pub fn new(bits: u64) -> Result<BitDepth, Unfit> {
        let found = [BitDepth::Sixteen, BitDepth::TwentyFour];
        let found = found.into_iter().find(|depth| u64::from(depth.bits()) == bits);
        found.ok_or(Unfit { expected: "16 or 24 bits" })
    }

    /// What FLAC is made of a source with samples of so many bits. One that has none is decoded into numbers finer than 16.
    pub(crate) fn of_source(bits: Option<u32>) -> BitDepth {
        if bits.is_some_and(|bits| bits <= 16) { BitDepth::Sixteen } else { BitDepth::TwentyFour }
    }
}

/// What is said, each with its name, as it stands in what a recipe is known by.
impl Display for Sampling {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Sampling { rate, channels, depth } = self;
        if let Some(rate) = rate {
            write!(f, " rate={}", rate.hz())?;
        }
        if let Some(channels) = channels {
            write!(f, " channels={}", channels.count())?;
        }
        depth.map_or(Ok(()), |depth| write!(f, " bits={}", depth.bits()))
    }
}
