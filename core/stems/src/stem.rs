//! What a song is taken apart into.

use std::fmt;

/// One part of a song.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Stem {
    /// Whoever sings or speaks.
    Vocals,
    /// Everything that is not vocals.
    Accompaniment,
    /// Drums and other percussion.
    Drums,
    /// The bass.
    Bass,
    /// The piano.
    Piano,
    /// What no other stem of the same set has.
    Other,
}

impl Stem {
    /// Its name in file names and addresses.
    pub fn name(self) -> &'static str {
        match self {
            Stem::Vocals => "vocals",
            Stem::Accompaniment => "accompaniment",
            Stem::Drums => "drums",
            Stem::Bass => "bass",
            Stem::Piano => "piano",
            Stem::Other => "other",
        }
    }

    /// The stems of a set by their number, in the order in which engines give them: two, four or five.
    pub fn set(count: usize) -> Option<&'static [Stem]> {
        use Stem::{Accompaniment, Bass, Drums, Other, Piano, Vocals};
        match count {
            2 => Some(&[Vocals, Accompaniment]),
            4 => Some(&[Vocals, Drums, Bass, Other]),
            5 => Some(&[Vocals, Drums, Bass, Piano, Other]),
            _ => None,
        }
    }

    /// A set, and behind it the accompaniment where it has none: everything of it but the vocals.
    pub(crate) fn with_accompaniment(set: &'static [Stem]) -> &'static [Stem] {
        use Stem::{Accompaniment, Bass, Drums, Other, Piano, Vocals};
        match set.len() {
            4 => &[Vocals, Drums, Bass, Other, Accompaniment],
            5 => &[Vocals, Drums, Bass, Piano, Other, Accompaniment],
            _ => set,
        }
    }
}

impl fmt::Display for Stem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
