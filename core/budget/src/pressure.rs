//! How near the process is to its memory limit, by the kernel's own count.

/// How scarce memory is. Each level does what the ones before it do, and more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Level {
    /// Nothing is done.
    Calm,
    /// Background work goes on at its lowest concurrency.
    Raised,
    /// New heavy work is refused; windows and socket queues are at their smallest.
    High,
    /// Whatever is new is refused; what runs goes on.
    Full,
}
