//! What is wrong with an option, or what became of it, in words that name it and its range.

use std::fmt;

use budget::limits::OPTION_NAME_CHARS_MAX;

use super::shape::{Shape, one_of};
use super::table::{Mode, Opt, TABLE};

/// An option that cannot be meant, or that was dropped or changes nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bad {
    option: Box<str>,
    wrong: Wrong,
}

/// What is wrong with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Wrong {
    /// There is no such option.
    Unknown { near: Option<&'static str> },
    /// It is one of another spelling.
    Elsewhere,
    /// Its value is not of this shape.
    Range(Shape),
    /// It means nothing in this mode.
    Mode { mode: Mode, modes: &'static [Mode] },
    /// The mode has other formats.
    Format(Mode),
    /// There is no such preset; there are these.
    Preset(Box<str>),
    /// What the file's name says already.
    File(&'static str),
    /// A sentence that follows the option's name.
    Said(&'static str),
}

impl Bad {
    pub(crate) fn of(option: Opt, wrong: Wrong) -> Bad {
        Bad { option: option.row().name.into(), wrong }
    }

    pub(crate) fn unknown(name: &str) -> Bad {
        let scored = names().map(|known| (strsim::jaro_winkler(name, known), known));
        let near = scored.filter(|(score, _)| *score > 0.8).max_by(|a, b| a.0.total_cmp(&b.0));
        Bad { option: clean(name), wrong: Wrong::Unknown { near: near.map(|(_, known)| known) } }
    }

    pub(crate) fn named(name: &str, wrong: Wrong) -> Bad {
        Bad { option: clean(name), wrong }
    }

    /// The option's name; of one that is none, as much as can be shown.
    pub fn option(&self) -> &str {
        &self.option
    }

    /// The code for it in Cloudflare's `Cf-Resized`.
    // format: Cloudflare's error codes
    pub const RESIZED: u16 = 9401;
}

fn names() -> impl Iterator<Item = &'static str> {
    TABLE.iter().flat_map(|row| row.aliases.iter().copied().chain(row.opposite).chain([row.name]))
}

/// As much of a stranger's text as an answer may repeat: letters that end no line and no field.
fn clean(name: &str) -> Box<str> {
    let usual = |c: char| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '?' };
    name.chars().take(OPTION_NAME_CHARS_MAX).map(usual).collect::<String>().into()
}

impl fmt::Display for Bad {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let option = &self.option;
        match &self.wrong {
            Wrong::Unknown { near: Some(near) } => {
                write!(f, "`{option}` is no option; did you mean `{near}`?")
            }
            Wrong::Unknown { near: None } => write!(f, "`{option}` is no option"),
            Wrong::Elsewhere => write!(f, "`{option}` is understood in the query of a path alone"),
            Wrong::Range(shape) => write!(f, "`{option}` must be {shape}"),
            Wrong::Mode { mode, modes } => {
                write!(f, "`{option}` means nothing with mode={}; it is for ", mode.word())?;
                one_of(f, modes.iter().map(|mode| mode.word()))
            }
            Wrong::Format(mode) => {
                write!(f, "`{option}` must be one of ")?;
                one_of(f, mode.formats().iter().copied())?;
                write!(f, " with mode={}", mode.word())
            }
            Wrong::Preset(names) => write!(f, "`{option}` must be one of {names}"),
            Wrong::File(is) => write!(f, "`{option}` must agree with the file's name, which says {is}"),
            Wrong::Said(said) => write!(f, "`{option}` {said}"),
        }
    }
}

impl std::error::Error for Bad {}
