//! The engines by their names.

use std::fmt;

/// A way to take a song apart, by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EngineName {
    /// [`Spectral`](super::Spectral): no model at all.
    Spectral,
    /// [`Spleeter`](super::Spleeter): Deezer's networks.
    Spleeter,
    /// [`Htdemucs`](super::Htdemucs): the network of Demucs 4.
    Htdemucs,
}

impl EngineName {
    /// All of them.
    pub const ALL: [EngineName; 3] = [EngineName::Spectral, EngineName::Spleeter, EngineName::Htdemucs];

    /// What it is called on command lines, in addresses and in answers.
    pub fn name(self) -> &'static str {
        match self {
            EngineName::Spectral => "spectral",
            EngineName::Spleeter => "spleeter",
            EngineName::Htdemucs => "htdemucs",
        }
    }

    /// The engine of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|engine| engine.name() == name)
    }
}

impl fmt::Display for EngineName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
