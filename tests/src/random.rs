//! Repeatable chance: the same seed, the same requests.

/// A xorshift* generator; good enough to choose test cases, and its seed is one number to print.
#[derive(Clone, Debug)]
pub struct Random {
    state: u64,
}

impl Random {
    /// Zero is mapped to another seed, because the generator would stay there.
    pub fn new(seed: u64) -> Self {
        Random { state: seed ^ 0x9E37_79B9_7F4A_7C15 | 1 }
    }

    /// A seed from `MILLPOND_SEED`, or from the clock; printed, so that a failure can be repeated.
    pub fn seeded() -> (Self, u64) {
        let given = std::env::var("MILLPOND_SEED").ok().and_then(|text| text.parse().ok());
        let seed = given.unwrap_or_else(|| {
            let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
            now.as_nanos() as u64
        });
        println!("seed: MILLPOND_SEED={seed}");
        (Self::new(seed), seed)
    }

    /// The next 64 bits.
    pub fn bits(&mut self) -> u64 {
        self.state ^= self.state >> 12;
        self.state ^= self.state << 25;
        self.state ^= self.state >> 27;
        self.state.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    /// A number below `end`, which must not be 0.
    pub fn below(&mut self, end: u64) -> u64 {
        self.bits() % end
    }

    /// One of these.
    pub fn pick<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[self.below(of.len() as u64) as usize]
    }

    /// True so many times in a hundred.
    pub fn percent(&mut self, chance: u64) -> bool {
        self.below(100) < chance
    }
}
