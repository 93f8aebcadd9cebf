//! The one table of configuration keys. Flags, variables, the file's keys, `--help`, the values printed at start and
//! the reference page all come from it, so they cannot drift apart.
//!
//! Key `a.b_c` is the flag `--a-b-c`, the variable `MILLPOND_A_B_C`, and `b_c` in the file's table `[a]`.

mod table;

pub(crate) use table::KEYS;

/// One configuration key.
pub(crate) struct Key {
    /// The name as the file has it: `server.drain_ms`.
    pub(crate) name: &'static str,
    /// What a value may be.
    pub(crate) kind: Kind,
    /// What holds when nobody says anything.
    pub(crate) standard: Standard,
    /// What it decides, in one sentence.
    pub(crate) help: &'static str,
    /// A value that a user might give.
    pub(crate) example: &'static str,
    /// Which commands show its flag in their help.
    pub(crate) scope: Scope,
    /// Whether its value must never be printed.
    pub(crate) secret: bool,
    /// What a text, or each entry of a list, must be beyond its kind; the error says what would be right.
    pub(crate) check: fn(&str) -> Result<(), String>,
}

/// What a value may be, and how it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Any text.
    Text,
    /// `true` or `false`.
    Switch,
    /// One of these words.
    Choice(&'static [&'static str]),
    /// A file or folder; relative to the file that names it, else to the current folder.
    Path,
    /// A whole number from 0.
    Count,
    /// A number of bytes: `268435456`, `256MiB`, `1.5GB`.
    Bytes,
    /// A number of milliseconds: `10000`, `10s`, `3min`.
    Millis,
    /// Several texts: a flag is repeated, a variable separates by commas, the file has an array.
    List,
    /// Several files or folders, written like a list.
    Paths,
    /// Several whole numbers, written like a list.
    Counts,
}

/// The value of a key that nobody has set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standard {
    /// None: the key is optional, or its value is found out at start.
    Unset,
    /// This number.
    Number(u64),
    /// This text.
    Text(&'static str),
    /// This one entry of a list.
    One(&'static str),
    /// A list without entries.
    Empty,
    /// This list of numbers.
    Numbers(&'static [u64]),
    /// No.
    No,
    /// Yes.
    Yes,
}

/// Which commands show a key's flag. Every command accepts every flag; help stays short this way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scope {
    /// All commands that read settings.
    Everywhere,
    /// `serve` and `doctor`.
    Serving,
}

impl Key {
    /// The name of its flag without the dashes: `server-drain-ms`.
    pub(crate) fn flag(&self) -> String {
        self.name.replace(['.', '_'], "-")
    }

    /// The name of its variable: `MILLPOND_SERVER_DRAIN_MS`.
    pub(crate) fn variable(&self) -> String {
        format!("MILLPOND_{}", self.name.replace('.', "_").to_ascii_uppercase())
    }

    /// What stands for the value in help texts.
    pub(crate) fn placeholder(&self) -> &'static str {
        match self.kind {
            Kind::Text => "TEXT",
            Kind::Choice(_) => "WORD",
            Kind::Path | Kind::Paths => "PATH",
            Kind::Switch => "true|false",
            Kind::Count | Kind::Counts => "N",
            Kind::Bytes => "BYTES",
            Kind::Millis => "MS",
            Kind::List => "ITEM",
        }
    }

    /// The same key whose texts must also pass `check`.
    const fn checked(mut self, check: fn(&str) -> Result<(), String>) -> Self {
        self.check = check;
        self
    }

    /// The same key whose value must never be printed.
    const fn hidden(mut self) -> Self {
        self.secret = true;
        self
    }

    /// The default as help shows it; `None` where the help text itself says what holds.
    pub(crate) fn shown_default(&self) -> Option<String> {
        match self.standard {
            Standard::Unset | Standard::Empty => None,
            Standard::No => Some("false".to_owned()),
            Standard::Yes => Some("true".to_owned()),
            Standard::Numbers(numbers) => {
                let texts: Vec<String> = numbers.iter().map(u64::to_string).collect();
                Some(texts.join(", "))
            }
            Standard::Number(number) => Some(number.to_string()),
            Standard::Text(text) | Standard::One(text) => Some(text.to_owned()),
        }
    }

    /// Whether it holds several values.
    pub(crate) fn is_list(&self) -> bool {
        matches!(self.kind, Kind::List | Kind::Paths | Kind::Counts)
    }
}

/// The key of that name.
pub(crate) fn find(name: &str) -> Option<&'static Key> {
    KEYS.iter().find(|key| key.name == name)
}
