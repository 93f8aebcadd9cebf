//! The names of how scarce memory is.

/// How scarce memory is. Each level does what the ones before it do, and more.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Level {
    /// Nothing is done.
    #[default]
    Calm,
    /// Background work slows down.
    Raised,
    /// New heavy work is refused, background work has one turn at a time, and socket queues are at their smallest.
    High,
    /// Whatever is new is refused; what runs goes on.
    Full,
}

impl Level {
    /// All levels, in the order of their numbers.
    pub const ALL: [Level; 4] = [Level::Calm, Level::Raised, Level::High, Level::Full];

    /// The level's name in metrics and logs.
    pub const fn name(self) -> &'static str {
        match self {
            Level::Calm => "calm",
            Level::Raised => "raised",
            Level::High => "high",
            Level::Full => "full",
        }
    }
}
