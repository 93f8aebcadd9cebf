//! What one step of the merge says, from the heads of the two streams alone.

use std::cmp::Ordering;

use store::{Entry, RelPath, Stamp};

use super::inventory::Known;

/// What the heads of the streams mean; each step takes the heads that it speaks of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// The folder has a file that the catalog does not know.
    New,
    /// Both have it, with other bytes.
    Changed,
    /// Both have it, with the same bytes.
    Unchanged,
    /// It was missing and is there again, with the same bytes.
    Back,
    /// The catalog knows a file that the folder does not have.
    Missing,
    /// The same, and it was missing before.
    StillMissing,
    /// The catalog knows a file in a place that could not be looked at: nothing is said about it.
    Unseen,
    /// Both streams are at their end.
    End,
}

impl Step {
    /// Whether the step takes the head of the folder's stream.
    pub(super) fn takes_entry(self) -> bool {
        matches!(self, Step::New | Step::Changed | Step::Unchanged | Step::Back)
    }

    /// Whether the step takes the head of the catalog's stream.
    pub(super) fn takes_known(self) -> bool {
        !matches!(self, Step::New | Step::End)
    }
}

/// Compares the heads of the two streams, both in the byte order of paths.
pub(super) fn step(known: Option<&Known>, entry: Option<&Entry>, unseen: &[RelPath]) -> Step {
    match (known, entry) {
        (None, None) => Step::End,
        (None, Some(_)) => Step::New,
        (Some(known), None) => absent(known, unseen),
        (Some(known), Some(entry)) => match known.path.cmp(&entry.path) {
            Ordering::Less => absent(known, unseen),
            Ordering::Greater => Step::New,
            Ordering::Equal if !is_same(&known.stamp, &entry.stamp) => Step::Changed,
            Ordering::Equal if known.missing => Step::Back,
            Ordering::Equal => Step::Unchanged,
        },
    }
}

fn absent(known: &Known, unseen: &[RelPath]) -> Step {
    if unseen.iter().any(|place| known.path.is_within(place)) {
        return Step::Unseen;
    }
    if known.missing { Step::StillMissing } else { Step::Missing }
}

/// Whether two stamps speak of the same bytes. The inode does not count: network and union file systems number their
/// files anew with each mount, and a file that takes another's name gets another change time by that.
fn is_same(before: &Stamp, now: &Stamp) -> bool {
    before.length == now.length
        && before.modified_ns == now.modified_ns
        && before.changed_ns == now.changed_ns
}

/// Forgets the places that lie wholly before `path`: no known file in them can come any more.
pub(super) fn forget_passed(unseen: &mut Vec<RelPath>, path: &RelPath) {
    unseen.retain(|place| path.is_within(place) || path < place || still_to_come(place, path));
}

/// Whether files within `place` may come behind `path`, though `place` itself comes before it: `a!` stands between
/// `a` and `a/x`.
fn still_to_come(place: &RelPath, path: &RelPath) -> bool {
    let (place, path) = (place.as_str().as_bytes(), path.as_str().as_bytes());
    path.strip_prefix(place).is_some_and(|rest| rest.first().is_some_and(|byte| *byte < b'/'))
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use proptest::prelude::*;

    use super::*;
    use crate::model::TrackId;

    fn path(text: &str) -> RelPath {
        RelPath::parse(text).unwrap()
    }

    fn stamp(number: i64) -> Stamp {
        Stamp { length: 1, modified_ns: number, changed_ns: 0, inode: 0 }
    }

    fn known(text: &str, number: i64, missing: bool) -> Known {
        Known { id: TrackId(1), path: path(text), stamp: stamp(number), missing, picture: None }
    }

    fn entry(text: &str, number: i64) -> Entry {
        Entry { path: path(text), stamp: stamp(number) }
    }

    #[test]
    fn the_heads_of_the_streams_say_what_happened() {
        let unseen = [path("u")];
        let cases = [
            (None, None, Step::End),
            (None, Some(entry("a", 1)), Step::New),
            (Some(known("b", 1, false)), Some(entry("a", 1)), Step::New),
            (Some(known("a", 1, false)), Some(entry("a", 1)), Step::Unchanged),
            (Some(known("a", 1, true)), Some(entry("a", 1)), Step::Back),
            (Some(known("a", 1, false)), Some(entry("a", 2)), Step::Changed),
            (Some(known("a", 1, true)), Some(entry("a", 2)), Step::Changed),
            (Some(known("a", 1, false)), Some(entry("b", 1)), Step::Missing),
            (Some(known("a", 1, false)), None, Step::Missing),
            (Some(known("a", 1, true)), None, Step::StillMissing),
            (Some(known("u", 1, false)), None, Step::Unseen),
            (Some(known("u/x/y", 1, false)), Some(entry("v", 1)), Step::Unseen),
            (Some(known("ux", 1, false)), None, Step::Missing),
        ];
        for (known, entry, expected) in cases {
            assert_eq!(step(known.as_ref(), entry.as_ref(), &unseen), expected, "{known:?} {entry:?}");
        }
    }

    #[test]
    fn a_file_that_only_has_another_inode_is_the_same() {
        let mut known = known("a", 1, false);
        known.stamp.inode = 99;
        assert_eq!(step(Some(&known), Some(&entry("a", 1)), &[]), Step::Unchanged);
        known.stamp.changed_ns = 99;
        assert_eq!(step(Some(&known), Some(&entry("a", 1)), &[]), Step::Changed);
    }

    #[test]
    fn an_unseen_place_is_kept_until_nothing_in_it_can_come() {
        for (at, kept) in [
            ("a", true),
            ("b", true),
            ("b!", true),
            ("b!/z", true),
            ("b/x", true),
            ("b0", false),
            ("c", false),
        ] {
            let mut unseen = vec![path("b")];
            forget_passed(&mut unseen, &path(at));
            assert_eq!(!unseen.is_empty(), kept, "{at}");
        }
    }

    proptest! {
        #[test]
        fn a_merge_of_two_sorted_streams_finds_the_differences_of_the_sets(
            before in proptest::collection::btree_map("[ab!]/?[ab]?", (0i64..2, any::<bool>()), 0..8),
            now in proptest::collection::btree_map("[ab!]/?[ab]?", 0i64..2, 0..8),
        ) {
            let before: BTreeMap<_, _> = before.into_iter().filter(|(p, _)| RelPath::parse(p).is_ok()).collect();
            let now: BTreeMap<_, _> = now.into_iter().filter(|(p, _)| RelPath::parse(p).is_ok()).collect();
            let known_rows: Vec<Known> = before.iter().map(|(p, (n, missing))| known(p, *n, *missing)).collect();
            let entries: Vec<Entry> = now.iter().map(|(p, n)| entry(p, *n)).collect();
            let (mut k, mut e, mut steps) = (0, 0, Vec::new());
            loop {
                let (head, file) = (known_rows.get(k), entries.get(e));
                let step = step(head, file, &[]);
                if step == Step::End {
                    break;
                }
                let at = if step.takes_entry() { file.unwrap().path.clone() } else { head.unwrap().path.clone() };
                steps.push((at.to_string(), step));
                e += usize::from(step.takes_entry());
                k += usize::from(step.takes_known());
            }
            let all: BTreeSet<&String> = before.keys().chain(now.keys()).collect();
            let expected: Vec<(String, Step)> = all.into_iter().map(|p| {
                let step = match (before.get(p), now.get(p)) {
                    (None, _) => Step::New,
                    (Some((_, true)), None) => Step::StillMissing,
                    (Some((_, false)), None) => Step::Missing,
                    (Some((b, _)), Some(n)) if b != n => Step::Changed,
                    (Some((_, true)), Some(_)) => Step::Back,
                    (Some((_, false)), Some(_)) => Step::Unchanged,
                };
                (p.clone(), step)
            }).collect();
            prop_assert_eq!(steps, expected);
        }
    }
}
