//! A part of a library folder, for those who need not look at all of it.

use crate::path::RelPath;

/// What is looked at: everything, a folder with all that is beneath it, or the files of one folder alone.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Part {
    /// `None` is the library folder itself.
    folder: Option<RelPath>,
    is_deep: bool,
}

impl Part {
    /// All of a library folder.
    pub fn all() -> Self {
        Part { folder: None, is_deep: true }
    }

    /// A folder and everything beneath it.
    pub fn beneath(folder: RelPath) -> Self {
        Part { folder: Some(folder), is_deep: true }
    }

    /// The files of one folder (`None` is the library folder), and nothing of the folders in it.
    pub fn files_of(folder: Option<RelPath>) -> Self {
        Part { folder, is_deep: false }
    }

    /// The folder that it is about; `None` is the library folder.
    pub fn folder(&self) -> Option<&RelPath> {
        self.folder.as_ref()
    }

    /// Whether folders in it belong to it.
    pub fn is_deep(&self) -> bool {
        self.is_deep
    }

    /// Whether it is all of a library folder.
    pub fn is_all(&self) -> bool {
        self.is_deep && self.folder.is_none()
    }

    /// Whether this file belongs to it.
    pub fn has(&self, file: &RelPath) -> bool {
        match &self.folder {
            _ if !self.is_deep => file.parent().as_ref() == self.folder(),
            Some(folder) => file != folder && file.is_within(folder),
            None => true,
        }
    }

    /// Whether everything of `other` belongs to it.
    pub fn covers(&self, other: &Part) -> bool {
        match (&self.folder, &other.folder) {
            _ if self == other => true,
            _ if !self.is_deep => false,
            (None, _) => true,
            (Some(folder), Some(other)) => other.is_within(folder),
            (Some(_), None) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> RelPath {
        RelPath::parse(text).unwrap()
    }

    #[test]
    fn a_part_has_the_files_of_its_folder_and_a_deep_one_those_beneath() {
        let files = ["x", "a", "a/1", "a/b/2", "ab/3", "a!/4"];
        for (part, expected) in [
            (Part::all(), &files[..]),
            (Part::files_of(None), &["x", "a"]),
            (Part::files_of(Some(path("a"))), &["a/1"]),
            (Part::beneath(path("a")), &["a/1", "a/b/2"]),
            (Part::beneath(path("a/b")), &["a/b/2"]),
        ] {
            let found: Vec<&str> = files.into_iter().filter(|file| part.has(&path(file))).collect();
            assert_eq!(found, expected, "{part:?}");
        }
    }

    #[test]
    fn a_part_covers_another_when_it_has_all_of_its_files() {
        let parts = [
            Part::all(),
            Part::files_of(None),
            Part::beneath(path("a")),
            Part::files_of(Some(path("a"))),
            Part::beneath(path("a/b")),
            Part::beneath(path("ab")),
        ];
        let covered = |part: &Part| parts.iter().map(|other| part.covers(other)).collect::<Vec<_>>();
        assert_eq!(covered(&parts[0]), [true; 6]);
        assert_eq!(covered(&parts[1]), [false, true, false, false, false, false]);
        assert_eq!(covered(&parts[2]), [false, false, true, true, true, false]);
        assert_eq!(covered(&parts[3]), [false, false, false, true, false, false]);
        assert_eq!(covered(&parts[4]), [false, false, false, false, true, false]);
    }
}
