//! The entries of folders: those that are durable, and the changes since, each of which a power cut keeps or takes.

use std::collections::BTreeMap;
use std::ffi::OsString;

use crate::chance::Chance;

/// The number of a file or folder, never used twice.
pub(crate) type Number = u64;
/// A name in a folder.
pub(crate) type Name = (Number, OsString);

/// One change, kept or lost as a whole: names with what they mean afterwards, nothing for one that is gone.
#[derive(Clone, Debug)]
pub(crate) struct Change {
    order: u64,
    sets: Vec<(Name, Option<Number>)>,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Names {
    /// With the order of the change that made each, so that an older one that comes later does not undo it.
    durable: BTreeMap<Name, (u64, Option<Number>)>,
    pending: Vec<Change>,
    changes: u64,
}

impl Names {
    pub(crate) fn change(&mut self, sets: Vec<(Name, Option<Number>)>) {
        self.changes += 1;
        self.pending.push(Change { order: self.changes, sets });
    }

    /// Makes every change of that folder durable.
    pub(crate) fn sync(&mut self, folder: Number) {
        let pending = std::mem::take(&mut self.pending);
        for change in pending {
            if change.sets.iter().any(|((at, _), _)| *at == folder) {
                apply(&mut self.durable, change);
            } else {
                self.pending.push(change);
            }
        }
    }

    pub(crate) fn settle(&mut self) {
        for change in std::mem::take(&mut self.pending) {
            apply(&mut self.durable, change);
        }
    }

    /// What a power cut leaves, and how many changes it took.
    pub(crate) fn cut(&self, chance: &mut Chance) -> (BTreeMap<Name, Number>, u64) {
        let mut left = self.durable.clone();
        let share = chance.share();
        let mut lost = 0;
        for change in &self.pending {
            if chance.percent(share) {
                apply(&mut left, change.clone());
            } else {
                lost += 1;
            }
        }
        let there = left.into_iter().filter_map(|(name, (_, number))| Some((name, number?)));
        (there.collect(), lost)
    }
}

fn apply(durable: &mut BTreeMap<Name, (u64, Option<Number>)>, change: Change) {
    for (name, number) in change.sets {
        let entry = durable.entry(name).or_insert((0, None));
        if entry.0 <= change.order {
            *entry = (change.order, number);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(folder: Number, name: &str) -> Name {
        (folder, OsString::from(name))
    }

    /// What is left for each of many seeds, as text.
    fn cuts(names: &Names) -> Vec<String> {
        let text = |seed| {
            let left = names.cut(&mut Chance::new(seed)).0;
            let words: Vec<_> =
                left.iter().map(|((at, name), number)| format!("{at}/{}={number}", name.display())).collect();
            words.join(" ")
        };
        (0..200).map(text).collect()
    }

    #[test]
    fn a_name_is_safe_after_its_folder_was_synced_and_not_before() {
        let mut names = Names::default();
        names.change(vec![(name(1, "a"), Some(7))]);
        let after = cuts(&names);
        assert!(after.contains(&String::new()) && after.contains(&"1/a=7".to_owned()));
        names.sync(2);
        assert!(cuts(&names).contains(&String::new()), "another folder's sync is none");
        names.sync(1);
        assert!(cuts(&names).iter().all(|left| left == "1/a=7"));
    }

    #[test]
    fn a_rename_is_kept_or_lost_as_a_whole() {
        let mut names = Names::default();
        names.change(vec![(name(1, "a"), Some(7))]);
        names.settle();
        names.change(vec![(name(1, "a"), None), (name(2, "b"), Some(7))]);
        let after = cuts(&names);
        assert!(after.iter().all(|left| left == "1/a=7" || left == "2/b=7"), "{after:?}");
        assert!(after.contains(&"1/a=7".to_owned()) && after.contains(&"2/b=7".to_owned()));
    }

    #[test]
    fn a_removal_may_be_forgotten_and_an_older_change_never_undoes_a_newer_one() {
        let mut names = Names::default();
        names.change(vec![(name(1, "a"), Some(7))]);
        names.settle();
        names.change(vec![(name(1, "a"), None)]);
        let after = cuts(&names);
        assert!(after.contains(&String::new()) && after.contains(&"1/a=7".to_owned()));
        // A rename from folder 1 over a name of folder 2 that was made there before and not synced.
        let mut names = Names::default();
        names.change(vec![(name(2, "b"), Some(5))]);
        names.change(vec![(name(1, "a"), None), (name(2, "b"), Some(7))]);
        names.sync(1);
        assert!(cuts(&names).iter().all(|left| left == "2/b=7"));
    }
}
