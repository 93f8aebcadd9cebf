//! Files of sound and video that a scan does not read, counted by the endings of their names, so that nobody wonders
//! where his songs are.

use std::fmt;

use store::RelPath;

/// Endings of sound and video that nobody here reads, in lower case.
const ENDINGS: [&str; 36] = [
    "3gp", "aa", "aax", "ac3", "amr", "ape", "asf", "au", "avi", "caf", "dff", "divx", "dsf", "dts", "f4v",
    "flv", "m2ts", "m4p", "mid", "mpc", "mpeg", "mpg", "mts", "ofr", "ofs", "ogv", "ra", "rm", "shn", "tak",
    "ts", "tta", "vob", "wma", "wmv", "xm",
];

/// How many files of each ending were passed over.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct PassedOver([u64; ENDINGS.len()]);

impl Default for PassedOver {
    fn default() -> Self {
        PassedOver([0; ENDINGS.len()])
    }
}

impl PassedOver {
    /// Counts a file, if it is one of these by its name.
    pub(super) fn note(&mut self, path: &RelPath) {
        let Some((_, ending)) = path.file_name().rsplit_once('.') else { return };
        if let Some(place) = ENDINGS.iter().position(|known| known.eq_ignore_ascii_case(ending)) {
            self.0[place] += 1;
        }
    }

    pub(super) fn add(&mut self, other: PassedOver) {
        self.0.iter_mut().zip(other.0).for_each(|(mine, theirs)| *mine += theirs);
    }

    /// Whether there was none.
    pub fn is_empty(&self) -> bool {
        *self == PassedOver::default()
    }

    /// The endings that there were, with how many files had them.
    fn found(&self) -> impl Iterator<Item = (&'static str, u64)> {
        ENDINGS.into_iter().zip(self.0).filter(|(_, files)| *files > 0)
    }
}

/// `12 files were passed over, because their formats are not read: 9 .ape, 3 .wma`
impl fmt::Display for PassedOver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut found: Vec<_> = self.found().collect();
        found.sort_by_key(|(_, files)| std::cmp::Reverse(*files));
        let named: Vec<_> = found.iter().map(|(ending, files)| format!("{files} .{ending}")).collect();
        let total: u64 = self.0.iter().sum();
        let passed = if total == 1 {
            "file was passed over, because its format is"
        } else {
            "files were passed over, because their formats are"
        };
        write!(f, "{total} {passed} not read: {}", named.join(", "))
    }
}

impl fmt::Debug for PassedOver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.found()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::super::tags::is_media_name;
    use super::*;

    fn passed(names: &[&str]) -> PassedOver {
        let mut passed = PassedOver::default();
        names.iter().for_each(|name| passed.note(&RelPath::parse(name).unwrap()));
        passed
    }

    #[test]
    fn files_are_counted_by_their_endings_and_told_the_most_frequent_first() {
        let names =
            ["a.wma", "b/a.ape", "b/b.APE", "c.ape.txt", "ape", "cover.jpg", "d.mp3", "a.", "b.wma.ape"];
        let mut some = passed(&names);
        let told = "4 files were passed over, because their formats are not read: 3 .ape, 1 .wma";
        assert_eq!((some.to_string(), some.is_empty()), (told.to_owned(), false));
        assert_eq!(format!("{some:?}"), r#"{"ape": 3, "wma": 1}"#);
        some.add(passed(&["x.wma", "y.wma", "z.wma"]));
        assert!(some.to_string().ends_with(": 4 .wma, 3 .ape"), "{some}");
        let one = passed(&["a.dsf"]);
        assert_eq!(one.to_string(), "1 file was passed over, because its format is not read: 1 .dsf");
        assert!(passed(&["a.mp3", "notes.txt"]).is_empty());
    }

    #[test]
    fn what_is_read_is_not_passed_over() {
        for ending in ENDINGS {
            assert!(!is_media_name(&RelPath::parse(&format!("a.{ending}")).unwrap()), "{ending}");
            assert_eq!(ending, ending.to_ascii_lowercase());
        }
    }
}
