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
    /// seccomp: a child starts no other process, sends nobody a signal, and looks into nobody.
    pub seccomp: bool,
}

impl Protection {
    /// Everything.
    pub const FULL: Protection = Protection { landlock: true, network: true, seccomp: true };

    /// What each part of it is called, whether it is there, what it keeps a child from, and who has not got it.
    fn parts(self) -> [(bool, &'static str, &'static str, &'static str); 3] {
        [
            (
                self.landlock,
                "landlock",
                "all files but its own",
                "Landlock, which Linux has from 5.13 when it is switched on",
            ),
            (
                self.network,
                "network",
                "all networks but its own",
                "network namespaces, which this container or system does not allow",
            ),
            (
                self.seccomp,
                "seccomp",
                "all other processes",
                "seccomp, which this container or kernel does not allow",
            ),
        ]
    }

    /// As one word among the guard's arguments.
    pub(crate) fn word(self) -> String {
        let there: Vec<&str> =
            self.parts().into_iter().filter_map(|(is_there, word, ..)| is_there.then_some(word)).collect();
        if there.is_empty() { NOTHING.to_owned() } else { there.join("+") }
    }

    pub(crate) fn of_word(word: &str) -> Option<Protection> {
        let each = [false, true];
        let all = each.into_iter().flat_map(|landlock| {
            each.into_iter()
                .flat_map(move |network| each.map(|seccomp| Protection { landlock, network, seccomp }))
        });
        all.into_iter().find(|protection| protection.word() == word)
    }

    /// What is missing, and which systems have it.
    pub(crate) fn missing(self) -> String {
        let missing = self.parts().into_iter().filter_map(|(is_there, .., who)| (!is_there).then_some(who));
        missing.collect::<Vec<_>>().join("; ")
    }
}

/// The word for no protection.
const NOTHING: &str = "none";

impl fmt::Display for Protection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let of = |wanted: bool| {
            let parts = self.parts().into_iter().filter(move |(is_there, ..)| *is_there == wanted);
            parts.map(|(_, _, what, _)| what).collect::<Vec<_>>().join(", ")
        };
        match (of(true), of(false)) {
            (kept, left) if left.is_empty() => write!(f, "kept from {kept}"),
            (kept, left) if kept.is_empty() => write!(f, "not kept from {left}"),
            (kept, left) => write!(f, "kept from {kept}; not kept from {left}"),
        }
    }
}
