//! How a sample becomes bytes.

/// What one sample of a stem is written as.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Depth {
    /// A whole number of 16 bits, rounded to the nearest.
    #[default]
    Bits16,
    /// A whole number of 24 bits, rounded to the nearest.
    Bits24,
    /// A 32-bit float, which nothing is too loud for.
    Float,
}

impl Depth {
    /// Bytes of one sample.
    pub fn bytes(self) -> u16 {
        match self {
            Depth::Bits16 => 2,
            Depth::Bits24 => 3,
            Depth::Float => 4,
        }
    }

    /// The whole number, and whether it had to be held at full scale. No float is a whole number.
    pub(super) fn quantised(self, sample: f32) -> (i32, bool) {
        let scale = match self {
            Depth::Bits16 => 32_768.0,
            Depth::Bits24 | Depth::Float => 8_388_608.0,
        };
        let number = (sample * scale).round_ties_even();
        let held = number.clamp(-scale, scale - 1.0);
        (held as i32, held != number)
    }
}
