//! What somebody wants to be looked at: parts of libraries, or everything.

use std::collections::{BTreeMap, BTreeSet};

use budget::limits::{WATCH_PLACES_BYTES_MAX, WATCH_PLACES_MAX};
use store::{FolderId, Part, RelPath};

/// Parts of libraries, as many as are worth it; beyond that, everything.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Wanted {
    everything: bool,
    parts: BTreeMap<FolderId, BTreeSet<Part>>,
    places: usize,
    names_bytes: usize,
}

impl Wanted {
    pub(super) fn everything() -> Self {
        Wanted { everything: true, ..Wanted::default() }
    }

    pub(super) fn is_everything(&self) -> bool {
        self.everything
    }

    pub(super) fn is_empty(&self) -> bool {
        !self.everything && self.parts.is_empty()
    }

    pub(super) fn add(&mut self, id: FolderId, part: Part) {
        if self.everything {
            return;
        }
        let name_bytes = part.folder().map_or(0, |folder| folder.as_str().len());
        if self.parts.entry(id).or_default().insert(part) {
            self.places += 1;
            self.names_bytes += name_bytes;
        }
        if self.places > WATCH_PLACES_MAX || self.names_bytes > WATCH_PLACES_BYTES_MAX {
            *self = Wanted::everything();
        }
    }

    pub(super) fn add_all(&mut self, other: Wanted) {
        if other.everything {
            *self = other;
            return;
        }
        for (id, parts) in other.parts {
            parts.into_iter().for_each(|part| self.add(id, part));
        }
    }

    /// The parts of each library in order, without those that others cover, where `all` are the libraries that there are.
    pub(super) fn by_library(self, all: &[FolderId]) -> Vec<(FolderId, Vec<Part>)> {
        if self.everything {
            return all.iter().map(|id| (*id, vec![Part::all()])).collect();
        }
        let known = self.parts.into_iter().filter(|(id, _)| all.contains(id));
        known
            .map(|(id, parts)| (id, parts.iter().filter(|part| !is_covered(part, &parts)).cloned().collect()))
            .collect()
    }
}

/// Whether another of these parts has all that this one has.
fn is_covered(part: &Part, parts: &BTreeSet<Part>) -> bool {
    let mut above = part.folder().cloned();
    let mut folders = std::iter::from_fn(|| {
        let folder = above.take()?;
        above = folder.parent();
        Some(folder)
    });
    let covers = |other: Part| other != *part && parts.contains(&other);
    covers(Part::all()) || folders.any(|folder: RelPath| covers(Part::beneath(folder)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MUSIC: FolderId = FolderId(1);
    const TALKS: FolderId = FolderId(2);

    fn path(text: &str) -> RelPath {
        RelPath::parse(text).unwrap()
    }

    fn files_of(text: &str) -> Part {
        Part::files_of(Some(path(text)))
    }

    #[test]
    fn what_another_part_covers_is_not_looked_at_twice() {
        let mut wanted = Wanted::default();
        assert!(wanted.is_empty());
        for part in
            [Part::beneath(path("a")), files_of("a/b"), files_of("a"), files_of("ab"), Part::files_of(None)]
        {
            wanted.add(MUSIC, part);
        }
        wanted.add(TALKS, files_of("a/b"));
        wanted.add(FolderId(9), Part::all());
        assert!(!wanted.is_empty());
        let expected = [
            (MUSIC, vec![Part::files_of(None), Part::beneath(path("a")), files_of("ab")]),
            (TALKS, vec![files_of("a/b")]),
        ];
        assert_eq!(wanted.by_library(&[MUSIC, TALKS]), expected);
    }

    #[test]
    fn all_of_a_library_covers_its_parts() {
        let mut wanted = Wanted::default();
        for part in [Part::all(), files_of("a"), Part::beneath(path("b"))] {
            wanted.add(MUSIC, part);
        }
        assert_eq!(wanted.by_library(&[MUSIC]), [(MUSIC, vec![Part::all()])]);
    }

    #[test]
    fn p06_with_too_many_places_or_names_everything_is_wanted() {
        let mut wanted = Wanted::default();
        for at in 0..WATCH_PLACES_MAX {
            wanted.add(MUSIC, files_of(&at.to_string()));
            wanted.add(MUSIC, files_of("0"));
        }
        assert!(!wanted.is_everything());
        let mut both = Wanted::default();
        both.add(MUSIC, files_of("another"));
        both.add_all(wanted);
        assert_eq!(both, Wanted::everything());
        assert_eq!(both.by_library(&[TALKS]), [(TALKS, vec![Part::all()])]);

        let mut long = Wanted::default();
        for at in 0..=WATCH_PLACES_BYTES_MAX / 1_000 {
            long.add(MUSIC, files_of(format!("{at:0200}/").repeat(5).trim_end_matches('/')));
        }
        assert!(long.is_everything());
        long.add(MUSIC, files_of("one more"));
        assert_eq!(long, Wanted::everything());
    }
}
