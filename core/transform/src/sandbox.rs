//! What keeps a child from everything that is not its own.

use std::fmt;

/// Whether children must be kept apart: `transform.sandbox`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sandbox {
    /// They are, and without the means for it none is started.
    #[default]
    On,
    /// As far as this machine allows.
    Auto,
    /// They are not. Limits of memory and time still hold, and no right is kept or gained.
    Off,
}

/// What is there to keep children apart, and in force for each of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Protection {
    /// Landlock: a child can open its input and what it needs to run, and nothing else.
    pub landlock: bool,
    /// A network of its own, in which there is nobody but what gives it its input.
    pub network: bool,
}

impl Protection {
    /// Everything.
    pub const FULL: Protection = Protection { landlock: true, network: true };

    /// As one word among the guard's arguments.
    pub(crate) const fn word(self) -> &'static str {
        match (self.landlock, self.network) {
            (true, true) => "landlock+network",
            (true, false) => "landlock",
            (false, true) => "network",
            (false, false) => "none",
        }
    }

    pub(crate) fn of_word(word: &str) -> Option<Protection> {
        let all = [true, false].map(|landlock| [true, false].map(|network| Protection { landlock, network }));
        all.into_iter().flatten().find(|protection| protection.word() == word)
    }

    /// What is missing, and which systems have it.
    pub(crate) fn missing(self) -> &'static str {
        match (self.landlock, self.network) {
            (true, true) => "nothing",
            (true, false) => "network namespaces, which this container or system does not allow",
            (false, true) => "Landlock, which Linux has from 5.13 when it is switched on",
            (false, false) => "Landlock and network namespaces",
        }
    }
}

impl fmt::Display for Protection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match (self.landlock, self.network) {
            (true, true) => "no files and no network but their own",
            (true, false) => "no files but their own; the network is not kept from them",
            (false, true) => "no network but their own; files are not kept from them",
            (false, false) => "neither files nor the network are kept from them",
        })
    }
}
