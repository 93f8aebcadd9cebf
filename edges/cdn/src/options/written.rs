//! The values of one address, each in the place of its option, as they were written: nothing is rounded yet.

use super::shape::Value;
use super::table::{Mode, Opt, Row, Spelling, TABLE};

/// How many options there are.
const OPTIONS: usize = Opt::ImRef as usize + 1;

/// What was said of each option.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Written([Option<Value>; OPTIONS]);

impl Written {
    pub(crate) fn get(&self, option: Opt) -> Option<Value> {
        self.0[option as usize]
    }

    pub(crate) fn set(&mut self, option: Opt, value: Value) {
        self.0[option as usize] = Some(value);
    }

    pub(crate) fn unset(&mut self, option: Opt) {
        self.0[option as usize] = None;
    }

    pub(crate) fn number(&self, option: Opt) -> Option<u64> {
        match self.get(option) {
            Some(Value::Number(number)) => Some(number),
            _ => None,
        }
    }

    pub(crate) fn word(&self, option: Opt) -> Option<&'static str> {
        match self.get(option) {
            Some(Value::Word(word)) => Some(word),
            _ => None,
        }
    }

    pub(crate) fn switch(&self, option: Opt) -> Option<bool> {
        match self.get(option) {
            Some(Value::Switch(on)) => Some(on),
            _ => None,
        }
    }

    /// What was said, with the rows.
    pub(crate) fn said(&self) -> impl Iterator<Item = (&'static Row, Value)> {
        TABLE.iter().zip(self.0).filter_map(|(row, value)| Some((row, value?)))
    }

    /// Whether anything was said that is part of a recipe.
    pub(crate) fn has_recipe(&self) -> bool {
        self.said().any(|(row, _)| row.is_of_recipe())
    }

    /// Takes over all that `other` says.
    pub(crate) fn overlay(&mut self, other: &Written) {
        other.said().for_each(|(row, value)| self.set(row.option, value));
    }

    /// Takes over what `other` says where nothing was said, as far as it means something in this mode.
    pub(crate) fn fill(&mut self, other: &Written, mode: Mode) {
        let open: Vec<(Opt, Value)> = other
            .said()
            .filter(|(row, _)| row.modes.contains(&mode) && self.get(row.option).is_none())
            .map(|(row, value)| (row.option, value))
            .collect();
        open.into_iter().for_each(|(option, value)| self.set(option, value));
    }

    /// What is made: what was said, else what a format of sound says, else a video.
    pub(crate) fn mode(&self) -> Mode {
        let named = self.word(Opt::Mode).and_then(Mode::of);
        let sound = self.word(Opt::Format).filter(|word| Mode::Audio.formats().contains(word));
        named.or(sound.map(|_| Mode::Audio)).unwrap_or(Mode::Video)
    }

    /// What holds for an option in a recipe.
    pub(crate) fn holds(&self, option: Opt, mode: Mode, spelling: Spelling) -> Option<Value> {
        self.get(option).or_else(|| option.standard(mode, spelling))
    }

    /// Whether the same holds as in `other` for every option that is part of the mode's recipe, but for these.
    pub(crate) fn agrees(&self, other: &Written, mode: Mode, spelling: Spelling, but: &[Opt]) -> bool {
        let rows = TABLE.iter().filter(|row| row.modes.contains(&mode) && !but.contains(&row.option));
        rows.map(|row| row.option)
            .all(|option| self.holds(option, mode, spelling) == other.holds(option, mode, spelling))
    }
}
